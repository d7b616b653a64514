//! Reads rows of a segment: an event's canonical bytes, where its fields lie in them, and its salt.

use std::ops::Range;

use super::Segment;
use super::block::{BLOCK_ROWS, Block, Cell};
use super::column::{Column, GROUP};
use super::dictionary::Dictionary;
use super::part::Key;
use super::shape::Rendered;
use crate::{Error, Row};

/// Dictionaries of at most so many values are kept in memory once they were needed.
const KEPT_VALUES_MAX: u32 = 4_096;
/// A reader that reads everything keeps dictionaries of at most so many bytes for itself.
const SCAN_VALUES_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A dictionary in memory.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Loaded {
    pub(crate) fn load(dictionary: &Dictionary) -> Result<Self, Error> {
        let mut loaded = Self { text: Vec::new(), ends: Vec::with_capacity(dictionary.len() as usize) };
        dictionary.for_each(0..dictionary.len(), |_, value| {
            loaded.text.extend_from_slice(value);
            loaded.ends.push(u32::try_from(loaded.text.len()).unwrap_or(u32::MAX));
            Ok(())
        })?;
        Ok(loaded)
    }

    pub(crate) fn value(&self, ordinal: u32) -> Option<&[u8]> {
        self.at(self.place(ordinal)?)
    }

    /// Where the value of an ordinal lies.
    pub(crate) fn place(&self, ordinal: u32) -> Option<Range<usize>> {
        let start = match ordinal.checked_sub(1) {
            Some(before) => *self.ends.get(before as usize)? as usize,
            None => 0,
        };
        Some(start..*self.ends.get(ordinal as usize)? as usize)
    }

    /// The bytes there.
    pub(crate) fn at(&self, place: Range<usize>) -> Option<&[u8]> {
        self.text.get(place)
    }
}

/// Reads rows, the quicker the nearer they lie to each other. Keeps one block.
pub struct RowReader<'s> {
    segment: &'s Segment,
    keys: KeyReader<'s>,
    /// Times for whole blocks.
    block_times: GroupReader<'s>,
    block: Block<'s>,
    /// The block that was read last.
    number: Option<u32>,
    /// The rows of the block that were put together: of a scan all, else the last one.
    rendered: Vec<Rendered>,
    /// Dictionaries that this reader loaded for itself.
    own: Vec<Option<Loaded>>,
    is_scan: bool,
}

impl<'s> RowReader<'s> {
    /// For a few rows.
    pub fn new(segment: &'s Segment) -> Self {
        Self {
            segment,
            keys: KeyReader::new(segment),
            block_times: GroupReader::new(&segment.occurred),
            block: Block::new(segment.trained.as_ref()),
            number: None,
            rendered: Vec::new(),
            own: Vec::new(),
            is_scan: false,
        }
    }

    /// For most rows: dictionaries are loaded whole.
    pub fn scan(segment: &'s Segment) -> Self {
        Self { is_scan: true, ..Self::new(segment) }
    }

    /// What the dictionaries that it loaded for itself take in memory, in bytes.
    pub fn own_bytes(&self) -> u64 {
        let bytes = |loaded: &Loaded| loaded.text.capacity() + loaded.ends.capacity() * size_of::<u32>();
        self.own.iter().flatten().map(|loaded| bytes(loaded) as u64).sum()
    }

    /// One event.
    pub fn row(&mut self, row: u32) -> Result<Row<'_>, Error> {
        let key = self.keys.key(row)?;
        let in_block = self.go_to(row)?;
        let place = if self.is_scan { in_block } else { 0 };
        if !self.is_scan {
            self.render((in_block, place), key.occurred_ns)?;
        }
        let missing = || self.segment.damaged(format!("it has no row {row}"));
        let salt = self.block.salt(in_block).first_chunk().ok_or_else(missing)?;
        let Rendered { canonical, spans } = self.rendered.get(place).ok_or_else(missing)?;
        Ok(Row {
            sequence: key.sequence,
            recorded_ms: key.recorded_ms,
            occurred_ns: key.occurred_ns,
            canonical,
            salt,
            spans,
        })
    }

    /// Reads the block of a row, if it is not the one that was read last; gives the row's place in it.
    fn go_to(&mut self, row: u32) -> Result<usize, Error> {
        let number = row / BLOCK_ROWS as u32;
        if self.number != Some(number) {
            self.number = None;
            read_block(self.segment, number, &mut self.block)?;
            if self.is_scan {
                self.look_up()?;
                // All at once and in turn, whatever the order is in which they are asked for.
                for in_block in 0..self.block.rows() {
                    let occurred_ns = self.block_times.get(number * BLOCK_ROWS as u32 + in_block as u32)?;
                    self.render((in_block, in_block), occurred_ns)?;
                }
            }
            self.number = Some(number);
        }
        Ok(row as usize % BLOCK_ROWS)
    }

    /// Looks up the values of the block, column by column, as far as dictionaries fit into memory.
    fn look_up(&mut self) -> Result<(), Error> {
        let Self { segment, block, own, .. } = self;
        for at in 0..block.columns().len() {
            let Some(column) = block.columns().get(at).copied() else { continue };
            let Some(Some(dictionary)) = segment.dictionaries.get(column as usize) else { continue };
            let missing = || segment.damaged(format!("column {column} has not all of its values"));
            if let Some(loaded) = loaded(segment, own, (column, dictionary))? {
                block.look_up(column, loaded).ok_or_else(missing)?;
            }
        }
        Ok(())
    }

    /// Puts a row of the block together, at a place of its own.
    fn render(&mut self, (row, place): (usize, usize), occurred_ns: i64) -> Result<(), Error> {
        if self.rendered.len() <= place {
            self.rendered.resize_with(place + 1, Rendered::default);
        }
        let Self { segment, block, rendered, .. } = self;
        let Some(rendered) = rendered.get_mut(place) else { return Ok(()) };
        let layout = &segment.layout;
        block.go_to(row, layout);
        let (event, meta) = block.shapes(row);
        let value = |block: &mut Block<'_>, column: u32, out: &mut Vec<u8>| -> Result<(), Error> {
            match block.next(column).map_err(|reason| segment.damaged(reason))? {
                Cell::Value(value) => out.extend_from_slice(value),
                Cell::Ordinal(ordinal) => put_value(segment, (column, ordinal), out)?,
            }
            Ok(())
        };
        match event.and_then(|event| layout.events.get(event as usize)) {
            Some(event) => {
                let meta = meta.and_then(|meta| layout.metas.get(meta as usize));
                let opaque_meta = layout.opaque_meta.unwrap_or(u32::MAX);
                rendered.fill((event, meta), occurred_ns, opaque_meta, |column, out| value(block, column, out))?;
            }
            None => {
                rendered.canonical.clear();
                value(block, layout.opaque_event.unwrap_or(u32::MAX), &mut rendered.canonical)?;
                rendered.reread().map_err(|reason| segment.damaged(reason))?;
            }
        }
        block.row_done();
        Ok(())
    }
}

/// Reads a block of a segment.
pub(super) fn read_block(segment: &Segment, number: u32, block: &mut Block<'_>) -> Result<(), Error> {
    let start = segment.starts.get(u64::from(number))?;
    let end = segment.starts.get(u64::from(number) + 1)?;
    let length = usize::try_from(end.wrapping_sub(start)).unwrap_or(usize::MAX);
    let start = u64::try_from(start).unwrap_or(u64::MAX);
    let bytes = segment.blocks.read(start, length)?;
    block
        .read(&bytes, &segment.layout, segment.is_compressed)
        .map_err(|reason| segment.blocks.damaged(start, format!("the row block: {reason}")))
}

/// Appends the value of an ordinal.
fn put_value(segment: &Segment, (column, ordinal): (u32, u32), out: &mut Vec<u8>) -> Result<(), Error> {
    let missing = || segment.damaged(format!("column {column} has no value {ordinal}"));
    let dictionary = segment.dictionaries.get(column as usize).and_then(Option::as_ref).ok_or_else(missing)?;
    if dictionary.len() > KEPT_VALUES_MAX {
        return dictionary.get(ordinal, out);
    }
    let value = kept(segment, (column, dictionary))?.and_then(|loaded| loaded.value(ordinal));
    out.extend_from_slice(value.ok_or_else(missing)?);
    Ok(())
}

/// A small dictionary, which the segment keeps in memory from now on.
fn kept<'s>(segment: &'s Segment, (column, dictionary): (u32, &Dictionary)) -> Result<Option<&'s Loaded>, Error> {
    let Some(kept) = segment.loaded.get(column as usize) else { return Ok(None) };
    if kept.get().is_none() {
        // Another thread may have been quicker; both loaded the same.
        let _ = kept.set(Loaded::load(dictionary)?);
    }
    Ok(kept.get())
}

/// A dictionary in memory, kept by the segment or by a reader; none if it is too large.
fn loaded<'a>(
    segment: &'a Segment,
    own: &'a mut Vec<Option<Loaded>>,
    (column, dictionary): (u32, &Dictionary),
) -> Result<Option<&'a Loaded>, Error> {
    if dictionary.len() <= KEPT_VALUES_MAX {
        return kept(segment, (column, dictionary));
    }
    if dictionary.size_bytes() > SCAN_VALUES_BYTES_MAX {
        return Ok(None);
    }
    if own.len() <= column as usize {
        own.resize_with(column as usize + 1, || None);
    }
    let Some(slot) = own.get_mut(column as usize) else { return Ok(None) };
    Ok(Some(match slot {
        Some(loaded) => loaded,
        empty => empty.insert(Loaded::load(dictionary)?),
    }))
}

/// Reads the keys of rows, the quicker the nearer they lie to each other.
pub(crate) struct KeyReader<'s> {
    segment: &'s Segment,
    occurred: GroupReader<'s>,
    sequence: GroupReader<'s>,
    recorded: GroupReader<'s>,
    /// The part of the last row.
    part: usize,
}

impl<'s> KeyReader<'s> {
    pub(crate) fn new(segment: &'s Segment) -> Self {
        Self {
            segment,
            occurred: GroupReader::new(&segment.occurred),
            sequence: GroupReader::new(&segment.sequence),
            recorded: GroupReader::new(&segment.recorded),
            part: 0,
        }
    }

    /// The key of a row.
    pub(crate) fn key(&mut self, row: u32) -> Result<Key, Error> {
        let parts = self.segment.parts();
        if !parts.get(self.part).is_some_and(|part| part.rows.contains(&row)) {
            self.part = parts.partition_point(|part| part.rows.end <= row);
        }
        let missing = || self.segment.damaged(format!("it has no row {row}"));
        let log = parts.get(self.part).ok_or_else(missing)?.log;
        Ok(Key {
            log,
            occurred_ns: self.occurred.get(row)?,
            sequence: self.sequence.get(row)? as u64,
            recorded_ms: self.recorded.get(row)?,
        })
    }
}

/// Reads values of a column, a group at once.
pub struct GroupReader<'s> {
    column: &'s Column,
    group: Vec<i64>,
    number: Option<u64>,
}

impl<'s> GroupReader<'s> {
    /// Nothing is read yet.
    pub fn new(column: &'s Column) -> Self {
        Self { column, group: Vec::new(), number: None }
    }

    /// The value of a row.
    pub fn get(&mut self, row: u32) -> Result<i64, Error> {
        let number = u64::from(row) / GROUP as u64;
        if self.number != Some(number) {
            self.number = None;
            self.column.group(number, &mut self.group)?;
            self.number = Some(number);
        }
        let value = self.group.get(row as usize % GROUP);
        value.copied().ok_or_else(|| Error::Damaged {
            what: "a column of a segment".to_owned(),
            reason: format!("it has no row {row}"),
        })
    }
}
