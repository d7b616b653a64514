//! Builds a small segment in memory from events as frames hold them.
//!
//! This is where an event's values are looked at, once: each becomes a number, and its row joins that number's rows.
//! All that comes later, on disk, merges what was made here.

use trailbook_event::{ContextKey, Field, words};

use super::block::{Compression, Layout, Storage};
use super::column_name::ColumnName;
use super::dictionary::DictionaryWriter;
use super::intern::Interner;
use super::locator::{self, Locator};
use super::page::{PagedWriter, Sections};
use super::part::{Key, Part, content_of};
use super::postings::PostingsWriter;
use super::shape::{Apart, Shapes};
use super::writer::{IndexWriter, RowsWriter, Tables};
use super::{Segment, index_section, pack, rowset};
use crate::{Error, Row};

/// Days of one log that are parts of their own in a chunk; what is older shares one.
const DAYS_MAX: usize = 16;
/// A column with more distinct values than this share of its values is stored inline.
pub(super) const DISTINCT_TENTHS_MAX: u64 = 9;
/// Columns with fewer values have a dictionary all the same.
pub(super) const INLINE_VALUES_MIN: u64 = 1_024;

/// An event that becomes a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) log: i64,
    pub(crate) row: Row<'a>,
}

impl Entry<'_> {
    fn key(&self) -> Key {
        let Row { sequence, recorded_ms, occurred_ns, .. } = self.row;
        Key { log: self.log, occurred_ns, sequence, recorded_ms }
    }
}

/// Builds a segment. Its parts have the sums of the events as they came; the flush that writes them to disk compares
/// what is there with those.
pub(crate) fn build(mut entries: Vec<Entry<'_>>) -> Result<Segment, Error> {
    entries.sort_unstable_by_key(|entry| entry.key().rank());
    let mut draft = Draft::default();
    for (row, entry) in (0u32..).zip(&entries) {
        draft.add(row, entry);
    }
    draft.finish(&entries)
}

/// A column in the making.
#[derive(Debug, Default)]
struct Draft {
    shapes: Shapes,
    /// For each column its distinct values, and row and number of each value in the order of the rows.
    columns: Vec<(Interner, Vec<(u32, u32)>)>,
    words: Interner,
    word_rows: Vec<(u32, u32)>,
    word_last_row: Vec<u32>,
    word_buffer: words::Buffer,
    rows: Vec<DraftRow>,
    values: Vec<(u32, u32)>,
    many_targets: Vec<u32>,
    opaque_meta: Vec<u32>,
    apart: Apart,
}

/// A row's shapes, and where its values end among all.
#[derive(Debug)]
struct DraftRow {
    event: Option<u32>,
    meta: Option<u32>,
    values_end: usize,
}

impl Draft {
    fn add(&mut self, row: u32, entry: &Entry<'_>) {
        let Row { canonical, spans, occurred_ns, .. } = entry.row;
        let mut apart = std::mem::take(&mut self.apart);
        self.shapes.take_apart(canonical, spans, occurred_ns, &mut apart);
        for (column, start, end) in &apart.values {
            let value = canonical.get(*start as usize..*end as usize).unwrap_or_default();
            let number = self.value(*column, row, value);
            self.values.push((*column, number));
        }
        self.rows.push(DraftRow { event: apart.event, meta: apart.meta, values_end: self.values.len() });
        self.index(row, &entry.row, &apart);
        self.apart = apart;
    }

    fn value(&mut self, column: u32, row: u32, value: &[u8]) -> u32 {
        if self.columns.len() <= column as usize {
            self.columns.resize_with(column as usize + 1, Default::default);
        }
        let Some((values, rows)) = self.columns.get_mut(column as usize) else { return 0 };
        let number = values.number_of(value);
        rows.push((row, number));
        number
    }

    /// Indexes what is no value of the row's text, or is one of a text that is stored as it is.
    fn index(&mut self, row: u32, event: &Row<'_>, apart: &Apart) {
        let mut targets = 0;
        let mut has_meta = false;
        for span in event.spans {
            let value = span.of(event.canonical);
            match span.field {
                Field::TargetType => targets += 1,
                Field::Meta => has_meta = true,
                _ => {}
            }
            if is_path_of_its_own(event, span) || (apart.event.is_none() && span.field.is_filterable()) {
                let column = self.shapes.columns.number_of(&ColumnName::Field(span.field));
                self.value(column, row, value);
            }
            self.add_words(row, span.field, value);
        }
        if targets > 1 {
            self.many_targets.push(row);
        }
        if has_meta && apart.meta.is_none() {
            self.opaque_meta.push(row);
        }
    }

    fn add_words(&mut self, row: u32, field: Field, value: &[u8]) {
        let Self { words: known, word_rows, word_last_row, word_buffer, .. } = self;
        words::words_of_value(field, value, word_buffer, &mut |word| {
            let number = known.number_of(word.as_bytes());
            match word_last_row.get_mut(number as usize) {
                Some(last) if *last == row => return,
                Some(last) => *last = row,
                None => word_last_row.push(row),
            }
            word_rows.push((row, number));
        });
    }

    fn finish(mut self, entries: &[Entry<'_>]) -> Result<Segment, Error> {
        let names = std::mem::take(&mut self.shapes.columns.names);
        self.columns.resize_with(names.len(), Default::default);
        let orders: Vec<Option<Vec<u32>>> =
            names.iter().zip(&self.columns).map(|(name, (values, rows))| order(name, values, rows.len())).collect();
        let storage = orders.iter().map(|order| order.as_ref().map_or(Storage::Inline, |order| ordinals(order.len())));
        let layout = Layout {
            events: std::mem::take(&mut self.shapes.events.all),
            metas: std::mem::take(&mut self.shapes.metas.all),
            storage: storage.collect(),
            ..Layout::default()
        };
        let rows_file = self.write_rows(entries, (&names, &layout, &orders))?;
        let rows_file = Sections::memory(rows_file, RowsWriter::MAGIC)?;
        let index = self.write_index(entries.len() as u32, rows_file.crc(), (&names, &orders))?;
        Segment::open(0, "in memory".to_owned(), rows_file, Sections::memory(index, IndexWriter::MAGIC)?)
    }

    fn write_rows(
        &self,
        entries: &[Entry<'_>],
        (names, layout, orders): (&[ColumnName], &Layout, &[Option<Vec<u32>>]),
    ) -> Result<bytes::Bytes, Error> {
        let ranks: Vec<Option<Vec<u32>>> = orders.iter().map(|order| order.as_deref().map(ranks)).collect();
        let mut writer =
            RowsWriter::new(PagedWriter::memory(RowsWriter::MAGIC), layout.storage.clone(), &Compression::None)?;
        let mut parts = Vec::new();
        let mut start = 0;
        for ((number, entry), row) in (0u32..).zip(entries).zip(&self.rows) {
            let key = entry.key();
            let content = content_of(key.sequence, key.recorded_ms, entry.row.salt, entry.row.canonical);
            add_to_parts(&mut parts, Part::of_row(number, &key, content));
            let block = writer.begin_row(&key);
            block.row(row.event, row.meta, entry.row.salt);
            for (column, value) in self.values.get(start..row.values_end).unwrap_or_default() {
                let rank = ranks.get(*column as usize).and_then(Option::as_ref);
                match rank.and_then(|ranks| ranks.get(*value as usize)) {
                    Some(ordinal) => block.ordinal(*column, *ordinal),
                    None => block.value(*column, self.value_of(*column, *value)),
                }
            }
            start = row.values_end;
            writer.end_row()?;
        }
        let dictionary = |(order, (values, _)): (&Option<Vec<u32>>, &(Interner, _))| {
            order.as_ref().map(|order| dictionary(values, order))
        };
        let dictionaries: Vec<_> = orders.iter().zip(&self.columns).map(dictionary).collect();
        let tables = Tables { parts: &parts, columns: names, layout, dictionaries: &dictionaries };
        Ok(writer.finish(&tables)?.memory.unwrap_or_default())
    }

    fn value_of(&self, column: u32, number: u32) -> &[u8] {
        self.columns.get(column as usize).map(|(values, _)| values.value(number)).unwrap_or_default()
    }

    fn write_index(
        &self,
        rows: u32,
        rows_crc: u32,
        (names, orders): (&[ColumnName], &[Option<Vec<u32>>]),
    ) -> Result<bytes::Bytes, Error> {
        let mut writer = IndexWriter::new(PagedWriter::memory(IndexWriter::MAGIC), rows, rows_crc)?;
        for (((column, name), order), (values, of_rows)) in (0u32..).zip(names).zip(orders).zip(&self.columns) {
            if !name.is_filterable() {
                continue;
            }
            match order {
                Some(order) => {
                    let lists = lists(of_rows, order, rows);
                    writer.section(index_section::POSTINGS, column, &lists)?;
                }
                None => {
                    let entry = |(row, number): &(u32, u32)| (locator::hash(values.value(*number)), *row);
                    let bytes = of_rows.iter().map(|(_, number)| values.value(*number).len()).sum();
                    if is_located(bytes, of_rows.len()) {
                        let mut entries: Vec<_> = of_rows.iter().map(entry).collect();
                        writer.section(index_section::LOCATOR, column, &Locator::encode(&mut entries, rows))?;
                    }
                }
            }
            let mut present: Vec<u32> = of_rows.iter().map(|(row, _)| *row).collect();
            present.dedup();
            writer.section(index_section::PRESENT, column, &set(&present, rows))?;
        }
        let order = self.words.sorted();
        writer.section(index_section::WORDS, 0, &dictionary(&self.words, &order))?;
        writer.section(index_section::WORD_POSTINGS, 0, &lists(&self.word_rows, &order, rows))?;
        writer.section(index_section::MANY_TARGETS, 0, &set(&self.many_targets, rows))?;
        writer.section(index_section::OPAQUE_META, 0, &set(&self.opaque_meta, rows))?;
        Ok(writer.finish()?.memory.unwrap_or_default())
    }
}

/// Whether a span is a request path that is not the whole URL. Where it is, the URL's own column says so.
fn is_path_of_its_own(event: &Row<'_>, span: &trailbook_event::Span) -> bool {
    span.field == Field::RequestPath
        && event.canonical.get((span.start + span.len) as usize).is_some_and(|after| *after == b'?')
}

/// The order of a column's dictionary; `None`: its values are stored inline.
fn order(name: &ColumnName, values: &Interner, count: usize) -> Option<Vec<u32>> {
    let is_unique = may_be_inline(name) && is_unique(values.len() as u64, count as u64);
    (is_listed(name) && !is_unique).then(|| values.sorted())
}

/// Whether so many distinct values among so many are nearly all of them.
pub(super) fn is_unique(distinct: u64, values: u64) -> bool {
    values >= INLINE_VALUES_MIN && distinct * 10 > values * DISTINCT_TENTHS_MAX
}

/// Whether a column may have a dictionary: ids are unique, and texts are searched by their words.
pub(super) fn is_listed(name: &ColumnName) -> bool {
    match name {
        ColumnName::Field(field) => field.is_filterable() && *field != Field::Id,
        ColumnName::Meta(_) => true,
        ColumnName::Event => false,
    }
}

/// Whether a column's values may be stored inline where they are unique. Fields other than a request's id are asked
/// for by prefix and counted by value, which takes a dictionary, even if a thousand events have as many targets.
pub(super) fn may_be_inline(name: &ColumnName) -> bool {
    match name {
        ColumnName::Field(field) => *field == Field::Context(ContextKey::RequestId),
        ColumnName::Meta(_) | ColumnName::Event => true,
    }
}

/// Whether values of so many bytes in all are worth a locator: long ones are texts, found by their words.
pub(super) fn is_located(bytes: usize, values: usize) -> bool {
    const BYTES_MAX: usize = 64;
    bytes <= values * BYTES_MAX
}

/// Ordinals of a dictionary of this length.
pub(super) fn ordinals(length: usize) -> Storage {
    Storage::Ordinals { width: pack::width_of((length as u64).saturating_sub(1)) }
}

/// The place of each number in the order.
fn ranks(order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    for (rank, number) in (0u32..).zip(order) {
        if let Some(slot) = ranks.get_mut(*number as usize) {
            *slot = rank;
        }
    }
    ranks
}

fn dictionary(values: &Interner, order: &[u32]) -> Vec<u8> {
    let mut writer = DictionaryWriter::default();
    order.iter().for_each(|number| writer.push(values.value(*number)));
    writer.finish()
}

/// For each value in the order the rows that have it, from (row, value) by row.
fn lists(of_rows: &[(u32, u32)], order: &[u32], universe: u32) -> Vec<u8> {
    let mut ends = vec![0u32; order.len()];
    for (_, number) in of_rows {
        if let Some(count) = ends.get_mut(*number as usize) {
            *count += 1;
        }
    }
    let mut start = 0;
    for count in &mut ends {
        (start, *count) = (start + *count, start);
    }
    // Each number's place moves from where its rows begin to where they end.
    let mut rows = vec![0u32; of_rows.len()];
    for (row, number) in of_rows {
        if let Some(place) = ends.get_mut(*number as usize) {
            if let Some(slot) = rows.get_mut(*place as usize) {
                *slot = *row;
            }
            *place += 1;
        }
    }
    let mut writer = PostingsWriter::new(universe);
    let mut one = Vec::new();
    for number in order {
        let start = number.checked_sub(1).and_then(|before| ends.get(before as usize)).copied().unwrap_or_default();
        let end = ends.get(*number as usize).copied().unwrap_or(start);
        one.clear();
        one.extend_from_slice(rows.get(start as usize..end as usize).unwrap_or_default());
        one.dedup();
        writer.push(&one);
    }
    writer.finish()
}

/// A row set, or nothing where no row is in it.
pub(super) fn set(rows: &[u32], universe: u32) -> Vec<u8> {
    let mut out = Vec::new();
    if !rows.is_empty() {
        rowset::encode(rows, universe, &mut out);
    }
    out
}

/// Adds a row to the parts: to the last one, if it is of the same log and day, or if the log has as many as it may.
fn add_to_parts(parts: &mut Vec<Part>, row: Part) {
    let days = parts.iter().rev().take_while(|part| part.log == row.log).count();
    match parts.last_mut() {
        Some(last) if last.log == row.log && (last.day() == row.day() || days >= DAYS_MAX) => last.join(&row),
        _ => parts.push(row),
    }
}

#[cfg(test)]
pub(crate) mod tests;
