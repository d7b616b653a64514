//! Row sets: which rows of a segment have a value. Sorted, immutable, in the smallest of five forms.
//!
//! ```text
//! ROWSET := FEW | RUN | PACKED | BITMAP | ALL
//! FEW    := count:u8 (0 to 64)   gap:varint{count}
//! RUN    := 65:u8   count:varint   first:varint
//! PACKED := 66:u8   count:varint   SKIP{blocks}   BLOCK{blocks}       a block is 128 rows, the last may be shorter
//! SKIP   := first row:u32   offset:u32                                offset of its BLOCK from the first BLOCK
//! BLOCK  := width:u8   gap:width bits{rows}                           the first gap is 0
//! BITMAP := 67:u8   count:varint   first word:varint   words:varint   RANK{ceil(words / 64)}   word:u64{words}
//! RANK   := members in the words before those 64:u32
//! ALL    := 68:u8                                                     rows 0 .. universe
//! ```
//!
//! Numbers are little-endian. A gap is the number of rows left out between a row and the one before it (or row 0). Word
//! w holds rows 64 w .. 64 w + 64, the lowest bit first. The universe, how many rows the segment has, is known from
//! elsewhere.
//!
//! A small set is decoded when it is opened, a large one stays where it is and is read block by block. Any bytes give
//! rows in ascending order below the universe, or an error.

mod bitmap;
mod bits;
mod cursor;
mod encode;
mod packed;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::pack::{Reader, Short};
use super::page::Section;
use crate::Error;
use bitmap::Bitmap;
use packed::{Packed, PackedReader};

pub use bits::Bits;
pub use cursor::Cursor;
pub(crate) use encode::encode;

/// A set of at most so many rows may be of the form FEW.
const FEW_ROWS_MAX: usize = 64;
const RUN: u8 = 65;
const PACKED: u8 = 66;
const BITMAP: u8 = 67;
const ALL: u8 = 68;
/// So much is read when a set is opened: FEW and RUN whole, and of most sets the skip table.
const HEAD_BYTES: u64 = 1024;

/// A sorted set of rows. A clone shares the bytes.
#[derive(Debug, Clone)]
pub struct RowSet {
    count: u32,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// From this row on, as many as the set counts.
    Run(u32),
    Rows(Arc<[u32]>),
    Packed(Packed),
    Bitmap(Bitmap),
}

/// The bytes of a set. The first of them are at hand.
#[derive(Debug, Clone)]
struct Source {
    section: Section,
    head: Bytes,
}

impl Source {
    /// Bytes from `start` within the set.
    fn read(&self, start: u64, len: usize) -> Result<Bytes, Error> {
        let at = usize::try_from(start).unwrap_or(usize::MAX);
        match at.checked_add(len) {
            Some(end) if end <= self.head.len() => Ok(self.head.slice(at..end)),
            _ => self.section.read(start, len),
        }
    }

    fn damaged(&self, at: u64, reason: impl Into<String>) -> Error {
        self.section.damaged(at, reason)
    }

    fn len(&self) -> u64 {
        self.section.len()
    }
}

impl RowSet {
    /// The set of no rows.
    pub fn empty() -> Self {
        Self::run(0..0)
    }

    /// All rows of a segment.
    pub fn all(universe: u32) -> Self {
        Self::run(0..universe)
    }

    /// The rows of a range.
    pub fn run(rows: Range<u32>) -> Self {
        Self { count: rows.end.saturating_sub(rows.start), form: Form::Run(rows.start) }
    }

    /// A set in memory, of rows in any order.
    pub fn from_rows(mut rows: Vec<u32>) -> Self {
        if !rows.is_sorted_by(|a, b| a < b) {
            rows.sort_unstable();
            rows.dedup();
        }
        Self { count: rows.len() as u32, form: Form::Rows(rows.into()) }
    }

    /// Opens a set which takes the whole section, of a segment of `universe` rows. Reads its head only.
    pub(crate) fn open(section: Section, universe: u32) -> Result<Self, Error> {
        let head = section.read(0, section.len().min(HEAD_BYTES) as usize)?;
        Self::open_at_hand(section, head, universe)
    }

    /// Opens a set of which the first bytes, [`HEAD_BYTES`] or all of it, were read before.
    pub(super) fn open_at_hand(section: Section, head: Bytes, universe: u32) -> Result<Self, Error> {
        let source = Source { section, head };
        let head = source.head.clone();
        let mut reader = Reader::new(&head);
        let damaged = |short: Short| source.damaged(0, short);
        let form = reader.u8().map_err(damaged)?;
        match form {
            ..=64 => {
                let rows = read_few(usize::from(form), &mut reader, universe);
                return Ok(Self::from_rows(rows.map_err(|reason| source.damaged(0, reason))?));
            }
            ALL if reader.is_empty() => return Ok(Self::all(universe)),
            _ => {}
        }
        let count = reader.varint_u32().map_err(damaged)?;
        if count > universe {
            return Err(source.damaged(0, format!("a set of {count} rows of {universe}")));
        }
        let form = match form {
            RUN => {
                let first = reader.varint_u32().map_err(damaged)?;
                if first > universe - count || !reader.is_empty() {
                    return Err(source.damaged(0, format!("a run of {count} rows from {first} of {universe}")));
                }
                Form::Run(first)
            }
            PACKED => {
                let skips_start = (head.len() - reader.rest().len()) as u64;
                Form::Packed(Packed::open(source, count, universe, skips_start)?)
            }
            BITMAP => {
                let words = (reader.varint_u32().map_err(damaged)?, reader.varint_u32().map_err(damaged)?);
                let ranks_start = (head.len() - reader.rest().len()) as u64;
                Form::Bitmap(Bitmap::open(source, (count, universe), words, ranks_start)?)
            }
            _ => return Err(source.damaged(0, format!("a set of the unknown form {form}"))),
        };
        Ok(Self { count, form })
    }

    /// How many rows it has.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many rows of a range it has. Reads two blocks at most.
    pub fn count_in(&self, range: Range<u32>) -> Result<u32, Error> {
        if range.is_empty() || self.count == 0 {
            return Ok(0);
        }
        match &self.form {
            Form::Run(first) => {
                let end = range.end.min(first.saturating_add(self.count));
                Ok(end.saturating_sub(range.start.max(*first)))
            }
            Form::Rows(rows) => Ok(slice_in(rows, &range).len() as u32),
            Form::Packed(packed) => PackedReader::new(packed.clone()).count_in(&range),
            Form::Bitmap(bitmap) => bitmap.count_in(&range),
        }
    }

    /// A cursor before the first row.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self)
    }

    /// Gives each row of a range, ascending, until `each` says false.
    pub fn for_each_in(&self, range: Range<u32>, each: &mut impl FnMut(u32) -> bool) -> Result<(), Error> {
        match &self.form {
            Form::Run(first) => {
                let end = range.end.min(first.saturating_add(self.count));
                (range.start.max(*first)..end).all(each);
                Ok(())
            }
            Form::Rows(rows) => {
                slice_in(rows, &range).iter().all(|&row| each(row));
                Ok(())
            }
            Form::Packed(packed) => PackedReader::new(packed.clone())
                .for_each_slice(&range, &mut |rows: &[u32]| rows.iter().all(|&row| each(row))),
            Form::Bitmap(bitmap) => bitmap.for_each_in(&range, each),
        }
    }

    /// Adds its rows that are in `range`, and in the range of `bits`, to `bits`.
    pub fn add_to(&self, range: Range<u32>, bits: &mut Bits) -> Result<(), Error> {
        let range = range.start.max(bits.range().start)..range.end.min(bits.range().end);
        match &self.form {
            Form::Run(first) => {
                let end = range.end.min(first.saturating_add(self.count));
                bits.insert_run(range.start.max(*first)..end);
                Ok(())
            }
            Form::Rows(rows) => {
                slice_in(rows, &range).iter().for_each(|&row| bits.insert(row));
                Ok(())
            }
            Form::Packed(packed) => PackedReader::new(packed.clone()).for_each_slice(&range, &mut |rows: &[u32]| {
                rows.iter().for_each(|&row| bits.insert(row));
                true
            }),
            Form::Bitmap(bitmap) => bitmap.for_each_word(&range, &mut |word, members| {
                bits.insert_word(word, members);
                true
            }),
        }
    }
}

/// The rows of a sorted slice that are in a range.
fn slice_in<'r>(rows: &'r [u32], range: &Range<u32>) -> &'r [u32] {
    let rest = rows.get(rows.partition_point(|&row| row < range.start)..).unwrap_or_default();
    rest.get(..rest.partition_point(|&row| row < range.end)).unwrap_or_default()
}

fn read_few(count: usize, reader: &mut Reader<'_>, universe: u32) -> Result<Vec<u32>, String> {
    let mut rows = Vec::with_capacity(count);
    let mut next = 0u64;
    for _ in 0..count {
        let row = next + u64::from(reader.varint_u32()?);
        if row >= u64::from(universe) {
            return Err(format!("it holds row {row} of {universe}"));
        }
        rows.push(row as u32);
        next = row + 1;
    }
    if reader.is_empty() { Ok(rows) } else { Err("it is longer than its rows".to_owned()) }
}

#[cfg(test)]
mod tests;
