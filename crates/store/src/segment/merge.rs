//! Merges segments into one: a flush merges the small ones of memory, compaction those of a window.
//!
//! Both sides are sorted alike, so rows are taken in turn; values keep their meaning through maps of ordinals, row sets
//! through maps of rows. No event is parsed, and no text is searched for words again.

mod values;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trailbook_event::Field;

use super::block::{BLOCK_ROWS, Block, BlockWriter, Cell, Compression, Layout, Storage};
use super::column_name::ColumnName;
use super::page::{Finished, PagedWriter};
use super::part::{Key, Part};
use super::read::{KeyReader, Loaded, RowReader, read_block};
use super::shape::{COLUMNS_MAX, Shapes};
use super::writer::{IndexWriter, RowsWriter, Tables};
use super::{Segment, build, index_section, locator};
use crate::Error;
use values::Union;

pub(crate) use values::verify;

/// What is merged of a segment: some of its parts.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) segment: Arc<Segment>,
    /// In the order of their rows.
    pub(crate) parts: Vec<Part>,
}

impl Input {
    /// All of a segment.
    pub(crate) fn whole(segment: Arc<Segment>) -> Self {
        Self { parts: segment.parts().to_vec(), segment }
    }

    /// Some of its parts, if any are wanted.
    pub(crate) fn of_parts(&self, is_wanted: impl Fn(&Part) -> bool) -> Option<Self> {
        let parts: Vec<Part> = self.parts.iter().filter(|part| is_wanted(part)).cloned().collect();
        (!parts.is_empty()).then(|| Self { segment: Arc::clone(&self.segment), parts })
    }

    fn is_whole(&self) -> bool {
        self.rows() == self.segment.rows()
    }

    fn rows(&self) -> u32 {
        self.parts.iter().map(Part::len).sum()
    }
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) rows: Finished,
    pub(crate) index: Finished,
    pub(crate) parts: Vec<Part>,
}

/// Merges parts of segments into one segment, whose files the two writers make. Returns an error of kind `Closing` soon
/// after `stop` is set.
pub(crate) fn merge(inputs: &[Input], files: (PagedWriter, PagedWriter), stop: &AtomicBool) -> Result<Merged, Error> {
    // What comes from memory is merged again soon.
    let is_first = inputs.iter().any(|input| !input.segment.is_compressed);
    let level = if is_first { FIRST_ZSTD_LEVEL } else { ZSTD_LEVEL };
    let dictionary = if is_first { Vec::new() } else { train(inputs)? };
    merge_with(inputs, files, &Compression::Zstd(level, dictionary), stop)
}

/// The same with blocks that are compressed in this way.
pub(super) fn merge_with(
    inputs: &[Input],
    (rows_file, index_file): (PagedWriter, PagedWriter),
    compression: &Compression,
    stop: &AtomicBool,
) -> Result<Merged, Error> {
    let parts = fuse(inputs);
    let order = Order::new(inputs)?;
    let plan = Plan::new(inputs)?;
    let mut rows = Rows::new(inputs, &plan)?;
    let mut writer = RowsWriter::new(rows_file, plan.layout.storage.clone(), compression)?;
    for (row, input) in (0u32..).zip(&order.inputs) {
        if row.is_multiple_of(8_192) && stop.load(Ordering::Relaxed) {
            return Err(Error::Closing);
        }
        rows.copy(*input, row, &mut writer)?;
        writer.end_row()?;
    }
    let found = rows.found;
    let tables = Tables {
        parts: &parts,
        columns: &plan.names,
        layout: &plan.layout,
        dictionaries: &plan.unions.iter().map(|union| union.dictionary.clone()).collect::<Vec<_>>(),
    };
    let rows_file = writer.finish(&tables)?;
    let index = IndexWriter::new(index_file, order.inputs.len() as u32, rows_file.crc)?;
    let index = write_index(inputs, &plan, &order, found, index)?;
    Ok(Merged { rows: rows_file, index, parts })
}

const FIRST_ZSTD_LEVEL: i32 = 1;
const ZSTD_LEVEL: i32 = 3;
/// Rows from which on a zstd dictionary is worth its time, and from which on a larger one.
const TRAINED_ROWS_MIN: u32 = 32 * 1024;
const LARGE_ROWS_MIN: u32 = 256 * 1024;
/// Bytes of a zstd dictionary.
const TRAINED_BYTES: usize = 16 * 1024;
const LARGE_BYTES: usize = 64 * 1024;
/// Blocks that it is trained on.
const SAMPLES: u32 = 64;

/// Trains a zstd dictionary on the texts of the inputs.
fn train(inputs: &[Input]) -> Result<Vec<u8>, Error> {
    let rows: u32 = inputs.iter().map(Input::rows).sum();
    if rows < TRAINED_ROWS_MIN {
        return Ok(Vec::new());
    }
    let (mut samples, mut sizes) = (Vec::new(), Vec::new());
    let step = (rows / BLOCK_ROWS as u32 / SAMPLES).max(1);
    for input in inputs {
        let mut block = Block::new(input.segment.trained.as_ref());
        let blocks = input.parts.iter().flat_map(|part| part.rows.clone().step_by(BLOCK_ROWS));
        for row in blocks.step_by(step as usize) {
            read_block(&input.segment, row / BLOCK_ROWS as u32, &mut block)?;
            let before = samples.len();
            block.sample(&mut samples);
            sizes.extend(Some(samples.len() - before).filter(|size| *size > 0));
        }
    }
    let bytes = if rows < LARGE_ROWS_MIN { TRAINED_BYTES } else { LARGE_BYTES };
    // Samples too few or too alike teach nothing; blocks are compressed without, then.
    Ok(zstd::dict::from_continuous(&samples, &sizes, bytes).unwrap_or_default())
}

/// The parts of the result. Those of one day become one, and so do those whose rows will lie between each other's.
fn fuse(inputs: &[Input]) -> Vec<Part> {
    let mut all: Vec<Part> = inputs.iter().flat_map(|input| input.parts.iter().cloned()).collect();
    all.sort_by_key(|part| (part.log, Reverse(part.occurred_ns.1), Reverse(part.occurred_ns.0)));
    let mut fused: Vec<Part> = Vec::new();
    for part in all {
        let row = fused.last().map_or(0, |last| last.rows.end);
        match fused.last_mut() {
            Some(last)
                if last.log == part.log
                    && (part.occurred_ns.1 >= last.occurred_ns.0
                        || (last.day().is_some() && last.day() == part.day())) =>
            {
                last.rows.end += part.len();
                last.widen(&part);
            }
            _ => fused.push(part.at(row)),
        }
    }
    fused
}

/// From which input each row comes, and where each input's rows go.
struct Order {
    inputs: Vec<u16>,
    maps: Vec<Vec<u32>>,
}

/// Stands in a map for a row or a value that is left out.
pub(super) const ABSENT: u32 = u32::MAX;

impl Order {
    fn new(inputs: &[Input]) -> Result<Self, Error> {
        let total: usize = inputs.iter().map(|input| input.rows() as usize).sum();
        let mut order = Self {
            inputs: Vec::with_capacity(total),
            maps: inputs.iter().map(|input| vec![ABSENT; input.segment.rows() as usize]).collect(),
        };
        let mut keys: Vec<_> = inputs.iter().map(|input| (rows_of(input), KeyReader::new(&input.segment))).collect();
        let mut heap = BinaryHeap::with_capacity(inputs.len());
        let next = |keys: &mut [(_, KeyReader<'_>)], input: u16| -> Result<Option<(_, u16, u32)>, Error> {
            let Some((rows, reader)) = keys.get_mut(usize::from(input)) else { return Ok(None) };
            let row: Option<u32> = Iterator::next(rows);
            row.map(|row| Ok((reader.key(row)?.rank(), input, row))).transpose()
        };
        for input in 0..inputs.len() as u16 {
            heap.extend(next(&mut keys, input)?.map(Reverse));
        }
        while let Some(Reverse((_, input, row))) = heap.pop() {
            let slot = order.maps.get_mut(usize::from(input)).and_then(|map| map.get_mut(row as usize));
            if let Some(slot) = slot {
                *slot = order.inputs.len() as u32;
            }
            order.inputs.push(input);
            heap.extend(next(&mut keys, input)?.map(Reverse));
        }
        Ok(order)
    }
}

fn rows_of(input: &Input) -> impl Iterator<Item = u32> + use<> {
    let ranges: Vec<_> = input.parts.iter().map(|part| part.rows.clone()).collect();
    ranges.into_iter().flatten()
}

/// The tables of the result, and how those of the inputs map to them.
struct Plan {
    names: Vec<ColumnName>,
    layout: Layout,
    unions: Vec<Union>,
    /// For each input the column of the result of each of its columns.
    columns: Vec<Vec<u32>>,
    /// For each input the shape of the result of each of its shapes; `None`: its events are stored as they are.
    events: Vec<Vec<Option<u32>>>,
    metas: Vec<Vec<Option<u32>>>,
}

impl Plan {
    fn new(inputs: &[Input]) -> Result<Self, Error> {
        let mut shapes = Shapes::default();
        // Always there, for events and `meta` whose shapes find no room.
        shapes.columns.number_of(&ColumnName::Event);
        shapes.columns.number_of(&ColumnName::Field(Field::Meta));
        let columns: Vec<Vec<u32>> = inputs.iter().map(|input| columns_of(input, &mut shapes)).collect();
        let (mut events, mut metas) = (Vec::new(), Vec::new());
        for (input, columns) in inputs.iter().zip(&columns) {
            let layout = &input.segment.layout;
            let number = |column: u32| columns.get(column as usize).copied().unwrap_or(ABSENT);
            let Shapes { events: all_events, metas: all_metas, columns: all_columns, .. } = &mut shapes;
            let map = |table: &mut super::shape::Table, shape: &super::shape::Shape, is_meta| {
                let has_columns = shape.columns().all(|column| number(column) != ABSENT);
                has_columns.then(|| table.number_of(&shape.renumbered(number), &all_columns.names, is_meta)).flatten()
            };
            events.push(layout.events.iter().map(|shape| map(all_events, shape, false)).collect());
            metas.push(layout.metas.iter().map(|shape| map(all_metas, shape, true)).collect());
        }
        let names = shapes.columns.names;
        let mut unions = Vec::with_capacity(names.len());
        for (name, column) in names.iter().zip(0u32..) {
            unions.push(Union::new(inputs, &columns, (name, column))?);
        }
        let layout = Layout {
            events: shapes.events.all,
            metas: shapes.metas.all,
            storage: unions.iter().map(Union::storage).collect(),
            opaque_event: Some(0),
            opaque_meta: Some(1),
        };
        Ok(Self { names, layout, unions, columns, events, metas })
    }
}

/// The numbers of an input's columns in the result. Paths of `meta` beyond the limit are left out.
fn columns_of(input: &Input, shapes: &mut Shapes) -> Vec<u32> {
    let number = |name: &ColumnName| {
        let has_room = shapes.columns.names.len() < COLUMNS_MAX || !matches!(name, ColumnName::Meta(_));
        let known = shapes.columns.known(name);
        known.or_else(|| has_room.then(|| shapes.columns.number_of(name))).unwrap_or(ABSENT)
    };
    input.segment.columns().iter().map(number).collect()
}

/// What is learnt of rows while they are copied.
struct Found {
    /// For each column without a dictionary the hashes of its values, each with its row; and the bytes of all values.
    located: Vec<(Vec<(u64, u32)>, usize)>,
    opaque_meta: Vec<u32>,
}

/// Copies rows.
struct Rows<'a> {
    plan: &'a Plan,
    sources: Vec<Source<'a>>,
    found: Found,
}

struct Source<'a> {
    segment: &'a Segment,
    rows: Box<dyn Iterator<Item = u32> + 'a>,
    keys: KeyReader<'a>,
    block: Block<'a>,
    number: Option<u32>,
    /// Dictionaries of columns that have none in the result.
    loaded: Vec<Option<Loaded>>,
    whole: RowReader<'a>,
}

impl<'a> Rows<'a> {
    fn new(inputs: &'a [Input], plan: &'a Plan) -> Result<Self, Error> {
        let source = |(number, input): (usize, &'a Input)| -> Result<Source<'a>, Error> {
            let segment = &*input.segment;
            let columns = plan.columns.get(number).map(Vec::as_slice).unwrap_or_default();
            let load = |(dictionary, column): (&Option<super::Dictionary>, &u32)| {
                let has_none = plan.unions.get(*column as usize).is_some_and(|union| union.dictionary.is_none());
                dictionary.as_ref().filter(|_| has_none).map(Loaded::load).transpose()
            };
            Ok(Source {
                segment,
                rows: Box::new(rows_of(input)),
                keys: KeyReader::new(segment),
                block: Block::new(segment.trained.as_ref()),
                number: None,
                loaded: segment.dictionaries.iter().zip(columns).map(load).collect::<Result<_, _>>()?,
                whole: RowReader::new(segment),
            })
        };
        let sources = inputs.iter().enumerate().map(source).collect::<Result<_, _>>()?;
        let located = plan.names.iter().map(|_| Default::default()).collect();
        Ok(Self { plan, sources, found: Found { located, opaque_meta: Vec::new() } })
    }

    /// Copies the next row of an input, which becomes this row.
    fn copy(&mut self, input: u16, row: u32, writer: &mut RowsWriter) -> Result<(), Error> {
        let Self { plan, sources, found } = self;
        let input = usize::from(input);
        let Some(source) = sources.get_mut(input) else { return Ok(()) };
        let Some(from) = source.rows.next() else { return Ok(()) };
        let key = source.keys.key(from)?;
        let number = from / BLOCK_ROWS as u32;
        if source.number != Some(number) {
            source.number = None;
            read_block(source.segment, number, &mut source.block)?;
            source.number = Some(number);
        }
        let in_block = from as usize % BLOCK_ROWS;
        let layout = &source.segment.layout;
        source.block.go_to(in_block, layout);
        let (event, meta) = source.block.shapes(in_block);
        let shape = |shapes: &[Vec<Option<u32>>], shape: Option<u32>| {
            shape.and_then(|shape| shapes.get(input)?.get(shape as usize).copied().flatten())
        };
        let (new_event, new_meta) = (shape(&plan.events, event), shape(&plan.metas, meta));
        if new_event.is_none() || (meta.is_some() && new_meta.is_none()) {
            return copy_whole(plan, source, found, (from, row, key), writer);
        }
        let columns = plan.columns.get(input).map(Vec::as_slice).unwrap_or_default();
        let target = writer.begin_row(&key);
        target.row(new_event, new_meta, source.block.salt(in_block));
        for column in layout.columns_of(event, meta) {
            let cell = source.block.next(column).map_err(|reason| source.segment.damaged(reason))?;
            let to = columns.get(column as usize).copied().unwrap_or(ABSENT);
            let cell = match cell {
                Cell::Ordinal(ordinal) => match source.loaded.get(column as usize).and_then(Option::as_ref) {
                    Some(loaded) => Cell::Value(loaded.value(ordinal).unwrap_or_default()),
                    None => Cell::Ordinal(plan.unions.get(to as usize).map_or(ABSENT, |u| u.ordinal(input, ordinal))),
                },
                value => value,
            };
            put(plan, found, (to, row), cell, target);
        }
        source.block.row_done();
        Ok(())
    }
}

/// Adds a value to the row that is being written, and notes it where it is to be located.
fn put(plan: &Plan, found: &mut Found, (column, row): (u32, u32), cell: Cell<'_>, target: &mut BlockWriter) {
    match cell {
        Cell::Ordinal(ordinal) => target.ordinal(column, ordinal),
        Cell::Value(value) => {
            target.value(column, value);
            locate(plan, found, (column, row), value);
        }
    }
}

fn locate(plan: &Plan, found: &mut Found, (column, row): (u32, u32), value: &[u8]) {
    if plan.names.get(column as usize).is_some_and(ColumnName::is_filterable)
        && let Some((located, bytes)) = found.located.get_mut(column as usize)
    {
        located.push((locator::hash(value), row));
        *bytes += value.len();
    }
}

/// Copies a row whose shape has no room in the result, or had none in its segment: the event as it is.
fn copy_whole(
    plan: &Plan,
    source: &mut Source<'_>,
    found: &mut Found,
    (from, row, key): (u32, u32, Key),
    writer: &mut RowsWriter,
) -> Result<(), Error> {
    let event = source.whole.row(from)?;
    let target = writer.begin_row(&key);
    target.row(None, None, event.salt);
    target.value(plan.layout.opaque_event.unwrap_or_default(), event.canonical);
    for span in event.spans {
        if span.field == Field::Meta {
            found.opaque_meta.push(row);
        }
        let column = plan.names.iter().position(|name| *name == ColumnName::Field(span.field));
        if let Some(column) = column
            && plan.layout.storage.get(column) == Some(&Storage::Inline)
        {
            locate(plan, found, (column as u32, row), span.of(event.canonical));
        }
    }
    Ok(())
}

fn write_index(
    inputs: &[Input],
    plan: &Plan,
    order: &Order,
    mut found: Found,
    mut writer: IndexWriter,
) -> Result<Finished, Error> {
    let rows = order.inputs.len() as u32;
    for ((column, name), union) in (0u32..).zip(&plan.names).zip(&plan.unions) {
        if !name.is_filterable() {
            continue;
        }
        if union.dictionary.is_some() {
            let lists = |input: usize, column: u32| union.lists(inputs, input, column);
            let merged = values::merge_lists(inputs, &plan.columns, (column, union), &order.maps, (rows, &lists))?;
            writer.section(index_section::POSTINGS, column, &merged)?;
        } else if let Some((located, bytes)) = found.located.get_mut(column as usize).map(std::mem::take)
            && !located.is_empty()
            && build::is_located(bytes, located.len())
        {
            let mut located = located;
            writer.section(index_section::LOCATOR, column, &super::Locator::encode(&mut located, rows))?;
        }
        let present = |input: &Input, number: usize| -> Result<_, Error> {
            let columns = plan.columns.get(number).map(Vec::as_slice).unwrap_or_default();
            let own = columns.iter().position(|to| *to == column);
            own.map(|own| input.segment.present(own as u32)).transpose()
        };
        let present = values::merge_sets(inputs, (rows, &order.maps), Vec::new(), present)?;
        writer.section(index_section::PRESENT, column, &build::set(&present, rows))?;
    }
    let words = Union::of_words(inputs)?;
    if let Some(dictionary) = &words.dictionary {
        let lists = |input: usize, _: u32| -> Result<_, Error> {
            let words = inputs.get(input).map(|input| input.segment.words()).transpose()?.flatten();
            Ok(words.map(|(_, lists)| lists))
        };
        writer.section(index_section::WORDS, 0, dictionary)?;
        let merged = values::merge_lists(inputs, &plan.columns, (ABSENT, &words), &order.maps, (rows, &lists))?;
        writer.section(index_section::WORD_POSTINGS, 0, &merged)?;
    }
    let many =
        values::merge_sets(inputs, (rows, &order.maps), Vec::new(), |input, _| input.segment.many_targets().map(Some))?;
    writer.section(index_section::MANY_TARGETS, 0, &build::set(&many, rows))?;
    let opaque = found.opaque_meta;
    let opaque =
        values::merge_sets(inputs, (rows, &order.maps), opaque, |input, _| input.segment.opaque_meta().map(Some))?;
    writer.section(index_section::OPAQUE_META, 0, &build::set(&opaque, rows))?;
    writer.finish()
}

#[cfg(test)]
mod tests;
