//! The distinct values of several segments as one dictionary, and their rows as one row set each.

use super::super::block::Storage;
use super::super::build;
use super::super::column_name::ColumnName;
use super::super::dictionary::{Dictionary, DictionaryWriter};
use super::super::postings::{Postings, PostingsWriter};
use super::super::rowset::{Bits, RowSet};
use super::super::{Segment, Values};
use super::{ABSENT, Input};
use crate::Error;

/// The dictionary of a column in the result.
#[derive(Debug, Default)]
pub(super) struct Union {
    /// `None`: values are stored inline.
    pub(super) dictionary: Option<Vec<u8>>,
    length: u32,
    /// For each input the ordinal of the result of each of its ordinals.
    maps: Vec<Vec<u32>>,
}

/// A dictionary to merge, and which of its values are used; without, all are.
type Source<'a> = (&'a Dictionary, Option<Vec<bool>>);

impl Union {
    /// Merges the dictionaries of a column.
    pub(super) fn new(
        inputs: &[Input],
        columns: &[Vec<u32>],
        (name, column): (&ColumnName, u32),
    ) -> Result<Self, Error> {
        let own = |number: usize| {
            let columns = columns.get(number).map(Vec::as_slice).unwrap_or_default();
            columns.iter().position(|to| *to == column)
        };
        let mut sources = Vec::with_capacity(inputs.len());
        let mut values = 0u64;
        for (number, input) in inputs.iter().enumerate() {
            let Some(own) = own(number) else {
                sources.push(None);
                continue;
            };
            let Some(dictionary) = input.segment.dictionaries.get(own).and_then(Option::as_ref) else {
                return Ok(Self::default());
            };
            values += u64::from(input.segment.present(own as u32)?.len());
            sources.push(Some((dictionary, used(input, own as u32)?)));
        }
        if !build::is_listed(name) {
            return Ok(Self::default());
        }
        let union = Self::of(sources)?;
        let is_unique =
            name.is_filterable() && build::may_be_inline(name) && build::is_unique(u64::from(union.length), values);
        Ok(if is_unique { Self::default() } else { union })
    }

    /// Merges the words of all.
    pub(super) fn of_words(inputs: &[Input]) -> Result<Self, Error> {
        let mut words = Vec::with_capacity(inputs.len());
        for input in inputs {
            words.push(input.segment.words()?);
        }
        let mut sources = Vec::with_capacity(inputs.len());
        for (input, words) in inputs.iter().zip(&words) {
            let source = words.as_ref().map(|(words, lists)| Ok((words, used_of(input, lists)?)));
            sources.push(source.transpose()?);
        }
        let union = Self::of(sources)?;
        Ok(if union.length == 0 { Self::default() } else { union })
    }

    fn of(sources: Vec<Option<Source<'_>>>) -> Result<Self, Error> {
        let mut writer = DictionaryWriter::default();
        let mut maps: Vec<Vec<u32>> = Vec::with_capacity(sources.len());
        let mut heads = Vec::with_capacity(sources.len());
        let mut heap: std::collections::BinaryHeap<Head> = std::collections::BinaryHeap::with_capacity(sources.len());
        for (number, source) in sources.iter().enumerate() {
            maps.push(source.as_ref().map(|(d, _)| Vec::with_capacity(d.len() as usize)).unwrap_or_default());
            let mut values = source.as_ref().map(|(dictionary, _)| dictionary.values());
            if let Some(cursor) = &mut values
                && let Some(value) = cursor.next()?
            {
                heap.push(Head { value: value.to_vec(), source: number });
            }
            heads.push(values);
        }
        let (mut length, mut last) = (0u32, Vec::new());
        while let Some(mut head) = heap.peek_mut() {
            let Some(map) = maps.get_mut(head.source) else { break };
            let keep = sources.get(head.source).and_then(Option::as_ref).and_then(|(_, used)| used.as_ref());
            if keep.is_some_and(|used| used.get(map.len()) == Some(&false)) {
                map.push(ABSENT);
            } else {
                if length == 0 || last != head.value {
                    writer.push(&head.value);
                    last.clone_from(&head.value);
                    length += 1;
                }
                map.push(length - 1);
            }
            let next = heads.get_mut(head.source).and_then(Option::as_mut).map(|cursor| cursor.next()).transpose()?;
            match next.flatten() {
                Some(value) => {
                    head.value.clear();
                    head.value.extend_from_slice(value);
                }
                None => drop(std::collections::binary_heap::PeekMut::pop(head)),
            }
        }
        Ok(Self { dictionary: Some(writer.finish()), length, maps })
    }

    pub(super) fn storage(&self) -> Storage {
        if self.dictionary.is_some() { build::ordinals(self.length as usize) } else { Storage::Inline }
    }

    /// The ordinal of the result.
    pub(super) fn ordinal(&self, input: usize, ordinal: u32) -> u32 {
        self.maps.get(input).and_then(|map| map.get(ordinal as usize)).copied().unwrap_or(ABSENT)
    }

    /// The row sets of a column of an input.
    pub(super) fn lists(&self, inputs: &[Input], input: usize, column: u32) -> Result<Option<Postings>, Error> {
        let Some(input) = inputs.get(input) else { return Ok(None) };
        Ok(match input.segment.values(column)? {
            Values::Listed(_, postings) => Some(postings),
            _ => None,
        })
    }
}

/// The next value of a source; the least is the greatest of a heap.
#[derive(PartialEq, Eq)]
struct Head {
    value: Vec<u8>,
    source: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.value.cmp(&self.value).then(other.source.cmp(&self.source))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Which values of a column occur in the parts that are merged; `None`: all, or it is not known.
fn used(input: &Input, column: u32) -> Result<Option<Vec<bool>>, Error> {
    if input.is_whole() {
        return Ok(None);
    }
    match input.segment.values(column)? {
        Values::Listed(_, lists) => used_of(input, &lists),
        _ => Ok(None),
    }
}

fn used_of(input: &Input, lists: &Postings) -> Result<Option<Vec<bool>>, Error> {
    if input.is_whole() {
        return Ok(None);
    }
    let mut used = Vec::with_capacity(lists.len() as usize);
    let mut lists = lists.lists();
    while let Some(rows) = lists.next()? {
        let mut is_used = false;
        for part in &input.parts {
            is_used = is_used || rows.count_in(part.rows.clone())? > 0;
        }
        used.push(is_used);
    }
    Ok(Some(used))
}

type ListsOf<'a> = &'a dyn Fn(usize, u32) -> Result<Option<Postings>, Error>;

/// The row sets of a dictionary of the result, in the order of its ordinals.
pub(super) fn merge_lists(
    inputs: &[Input],
    columns: &[Vec<u32>],
    (column, union): (u32, &Union),
    rows: &[Vec<u32>],
    (universe, lists): (u32, ListsOf<'_>),
) -> Result<Vec<u8>, Error> {
    let mut opened = Vec::with_capacity(inputs.len());
    for (number, (map, row_map)) in union.maps.iter().zip(rows).enumerate() {
        let own = columns.get(number).and_then(|columns| columns.iter().position(|to| *to == column));
        let lists = if map.is_empty() { None } else { lists(number, own.map_or(ABSENT, |own| own as u32))? };
        opened.extend(lists.map(|lists| (lists, map, row_map)));
    }
    let mut sources: Vec<_> = opened.iter().map(|(lists, map, row_map)| (lists.lists(), *map, *row_map, 0)).collect();
    let mut writer = PostingsWriter::new(universe);
    let mut merged = Vec::new();
    for ordinal in 0..union.length {
        merged.clear();
        let mut runs = 0;
        for (lists, map, row_map, at) in &mut sources {
            while map.get(*at).is_some_and(|to| *to == ABSENT) {
                lists.next()?;
                *at += 1;
            }
            if map.get(*at) == Some(&ordinal) {
                if let Some(rows) = lists.next()? {
                    add_rows(&rows, row_map, &mut merged)?;
                }
                *at += 1;
                runs += 1;
            }
        }
        if runs > 1 {
            sort(&mut merged, universe);
        }
        writer.push(&merged);
    }
    Ok(writer.finish())
}

/// Sorts rows below `universe`, and leaves each there once; many of them by marking bits.
fn sort(rows: &mut Vec<u32>, universe: u32) {
    const ROWS_A_WORD_MIN: usize = 2;
    if rows.len() < universe.div_ceil(64) as usize * ROWS_A_WORD_MIN {
        rows.sort();
        rows.dedup();
        return;
    }
    let mut bits = Bits::new(0..universe);
    rows.drain(..).for_each(|row| bits.insert(row));
    rows.extend(bits.iter());
}

/// One row set of all inputs, ascending, with the rows that are known already.
pub(super) fn merge_sets(
    inputs: &[Input],
    (universe, rows): (u32, &[Vec<u32>]),
    known: Vec<u32>,
    set: impl Fn(&Input, usize) -> Result<Option<RowSet>, Error>,
) -> Result<Vec<u32>, Error> {
    let mut merged = known;
    for (number, (input, row_map)) in inputs.iter().zip(rows).enumerate() {
        if let Some(set) = set(input, number)? {
            add_rows(&set, row_map, &mut merged)?;
        }
    }
    sort(&mut merged, universe);
    Ok(merged)
}

fn add_rows(set: &RowSet, row_map: &[u32], out: &mut Vec<u32>) -> Result<(), Error> {
    set.for_each_in(0..row_map.len() as u32, &mut |row| {
        out.extend(row_map.get(row as usize).filter(|to| **to != ABSENT));
        true
    })
}

/// Every row of a segment checked against the sums of its parts.
pub(crate) fn verify(segment: &Segment) -> Result<(), Error> {
    let mut reader = super::RowReader::scan(segment);
    for part in segment.parts() {
        let mut content = 0u64;
        for row in part.rows.clone() {
            let event = reader.row(row)?;
            let sum = super::super::part::content_of(event.sequence, event.recorded_ms, event.salt, event.canonical);
            content = content.wrapping_add(sum);
        }
        if content != part.content {
            let reason =
                format!("the rows {} to {} do not have the checksum of their events", part.rows.start, part.rows.end);
            return Err(segment.damaged(reason));
        }
    }
    Ok(())
}
