//! From a query's conditions to row sets of one segment.
//!
//! For each condition the index knows rows that meet it for *certain*, and rows that *may*: those whose values it does
//! not list. The latter are looked at, each by itself.

use std::cell::OnceCell;
use std::ops::Range;

use trailbook_event::words::{Buffer, words_of_scalar};
use trailbook_event::{ContextKey, Field};
use trailbook_store::Segment;
use trailbook_store::segment::{Bits, Column, ColumnName, Dictionary, Postings, RowSet, Values, hash};

use super::matcher::{Bytes, Matcher, Prepared, Site};
use super::place::{Place, contains};
use crate::{Error, Term, TermKind};

/// The rows of one log in one segment that a query asks for, as far as the index knows.
pub(super) struct Selection {
    /// Rows within the bounds of when events happened, newest first.
    pub(super) rows: Range<u32>,
    /// What must hold of a row.
    pub(super) sets: Vec<Set>,
    /// Rows that must be looked at to know whether they match.
    pub(super) checks: Vec<Rows>,
    /// The rows that match, once they were needed all.
    pub(super) matching: OnceCell<Bits>,
}

/// A set that a row must be in, or must not.
pub(super) struct Set {
    pub(super) rows: Rows,
    pub(super) is_negated: bool,
}

/// Some rows of a segment.
pub(super) enum Rows {
    Listed(RowSet),
    Bits(Bits),
}

/// What the index knows of a condition.
#[derive(Default)]
struct Known {
    certain: Vec<RowSet>,
    maybe: Vec<RowSet>,
}

impl Selection {
    pub(super) fn new(place: &Place, matcher: &Matcher<'_>) -> Result<Self, Error> {
        let query = matcher.query();
        let rows = place.rows_within(query.occurred)?;
        let mut selection = Self { rows, sets: Vec::new(), checks: Vec::new(), matching: OnceCell::new() };
        if matcher.is_empty() && place.is_within(query) {
            return Ok(selection);
        }
        let segment = place.segment()?;
        let part = place.part();
        if !contains(&query.recorded, part.recorded_ms) {
            selection.add_range(segment.recorded(), query.recorded)?;
        }
        let signed = |sequence: Option<u64>| sequence.map(|s| i64::try_from(s).unwrap_or(i64::MAX));
        if !contains(&query.sequence, part.sequences) {
            selection.add_range(segment.sequence(), (signed(query.sequence.0), signed(query.sequence.1)))?;
        }
        for condition in matcher.conditions() {
            selection.add(known(segment, condition)?, condition.is_negated)?;
        }
        for condition in matcher.targets() {
            selection.add(known(segment, condition)?, false)?;
        }
        if matcher.targets().len() > 1 {
            // The index does not know which of several targets a value belongs to.
            selection.check(vec![segment.many_targets()?])?;
        }
        if !query.text.is_empty() {
            let words = segment.words()?;
            for term in &query.text {
                let known = known_of_term(words.as_ref(), term)?;
                selection.add(known, term.is_negated)?;
            }
        }
        Ok(selection)
    }

    fn add(&mut self, known: Known, is_negated: bool) -> Result<(), Error> {
        let Known { mut certain, maybe } = known;
        if !is_negated {
            certain.extend(maybe.iter().cloned());
        }
        self.check(maybe)?;
        // Nothing is in no set, so a negated condition without rows holds everywhere.
        if !(is_negated && certain.is_empty()) {
            let rows = union(certain, &self.rows)?;
            self.sets.push(Set { rows, is_negated });
        }
        Ok(())
    }

    fn check(&mut self, mut maybe: Vec<RowSet>) -> Result<(), Error> {
        maybe.retain(|rows| !rows.is_empty());
        if !maybe.is_empty() {
            self.checks.push(union(maybe, &self.rows)?);
        }
        Ok(())
    }

    /// Keeps rows whose value in a column is within bounds.
    fn add_range(&mut self, column: &Column, (from, to): (Option<i64>, Option<i64>)) -> Result<(), Error> {
        let (from, to) = (from.unwrap_or(i64::MIN), to.map_or(i64::MAX, |to| to.saturating_sub(1)));
        let mut bits = Bits::new(self.rows.clone());
        let mut values = Vec::new();
        for (number, rows) in groups(&self.rows) {
            let (min, max) = column.group_bounds(number)?;
            if min > to || max < from {
                continue;
            }
            if min >= from && max <= to {
                bits.insert_run(rows);
                continue;
            }
            column.group(number, &mut values)?;
            let start = number * GROUP;
            for row in rows {
                let value = values.get((u64::from(row) - start) as usize);
                if value.is_some_and(|value| (from..=to).contains(value)) {
                    bits.insert(row);
                }
            }
        }
        self.sets.push(Set { rows: Rows::Bits(bits), is_negated: false });
        Ok(())
    }
}

/// Rows of one group of a column.
const GROUP: u64 = 128;

/// The groups of a column that rows lie in, each with those rows.
pub(super) fn groups(rows: &Range<u32>) -> impl DoubleEndedIterator<Item = (u64, Range<u32>)> + use<> {
    let Range { start, end } = *rows;
    let first = u64::from(start) / GROUP;
    let last = u64::from(end).div_ceil(GROUP).max(first);
    (first..last).map(move |number| {
        let from = u32::try_from(number * GROUP).unwrap_or(u32::MAX).max(start);
        let to = u32::try_from((number + 1) * GROUP).unwrap_or(u32::MAX).min(end);
        (number, from..to)
    })
}

/// All rows of some sets.
fn union(mut sets: Vec<RowSet>, rows: &Range<u32>) -> Result<Rows, Error> {
    match (sets.pop(), sets.is_empty()) {
        (None, _) => Ok(Rows::Listed(RowSet::empty())),
        (Some(only), true) => Ok(Rows::Listed(only)),
        (Some(last), false) => {
            let mut bits = Bits::new(rows.clone());
            for set in sets.iter().chain([&last]) {
                set.add_to(rows.clone(), &mut bits)?;
            }
            Ok(Rows::Bits(bits))
        }
    }
}

fn known(segment: &Segment, condition: &Prepared) -> Result<Known, Error> {
    let mut known = Known::default();
    match &condition.site {
        Site::Field(Field::RequestPath) => known_of_path(segment, &condition.any_of, &mut known)?,
        Site::Field(field) => {
            let column = segment.column(&ColumnName::Field(*field));
            condition.any_of.iter().try_for_each(|one| add_column(segment, column, one, &mut known))?;
        }
        Site::Meta(path) => {
            let column = segment.column(&ColumnName::Meta(path.clone()));
            condition.any_of.iter().try_for_each(|one| add_column(segment, column, one, &mut known))?;
            known.maybe.push(segment.opaque_meta()?);
        }
    }
    Ok(known)
}

/// A path is its URL up to the first `?`: where there is none, only the URL is listed.
fn known_of_path(segment: &Segment, any_of: &[Bytes], known: &mut Known) -> Result<(), Error> {
    let url = segment.column(&ColumnName::Field(Field::Context(ContextKey::RequestUrl)));
    let path = segment.column(&ColumnName::Field(Field::RequestPath));
    for one in any_of {
        match one {
            Bytes::Are(text) | Bytes::Begin(text) if text.contains(&b'?') => {}
            Bytes::Are(_) => {
                add_column(segment, url, one, known)?;
                add_column(segment, path, one, known)?;
            }
            // Without a `?` in it, a path begins so exactly where its URL does.
            Bytes::Begin(_) | Bytes::Any => add_column(segment, url, one, known)?,
        }
    }
    Ok(())
}

fn add_column(segment: &Segment, column: Option<u32>, one: &Bytes, known: &mut Known) -> Result<(), Error> {
    let Some(column) = column else { return Ok(()) };
    match (segment.values(column)?, one) {
        (_, Bytes::Any) => known.certain.push(segment.present(column)?),
        (Values::Listed(values, lists), Bytes::Are(value)) => {
            if let Some(ordinal) = values.find(value)? {
                known.certain.push(lists.get(ordinal)?);
            }
        }
        (Values::Listed(values, lists), Bytes::Begin(start)) => {
            let ordinals = values.prefix_range(start)?;
            if ordinals.len() == values.len() as usize {
                known.certain.push(segment.present(column)?);
            } else {
                add_lists(&lists, ordinals, &mut known.certain)?;
            }
        }
        (Values::Located(locator), Bytes::Are(value)) => {
            let mut rows = Vec::new();
            locator.candidates(hash(value), &mut rows)?;
            known.maybe.push(RowSet::from_rows(rows));
        }
        (Values::Unlisted, Bytes::Are(value)) => known.maybe.push(with_words_of(segment, column, value)?),
        (Values::Located(_) | Values::Unlisted, Bytes::Begin(_)) => known.maybe.push(segment.present(column)?),
    }
    Ok(())
}

/// The rows of a column that has long texts which have every word of a value.
fn with_words_of(segment: &Segment, column: u32, value: &[u8]) -> Result<RowSet, Error> {
    let mut sets = vec![segment.present(column)?];
    let is_text = matches!(segment.columns().get(column as usize), Some(ColumnName::Meta(_)));
    if let Some((words, lists)) = segment.words()?.filter(|_| is_text) {
        let mut all = Vec::new();
        words_of_scalar(value, &mut Buffer::default(), &mut |word| all.push(word.to_owned()));
        for word in all {
            let Some(ordinal) = words.find(word.as_bytes())? else { return Ok(RowSet::empty()) };
            sets.push(lists.get(ordinal)?);
        }
    }
    common(sets)
}

/// Of so many lists in sequence one in this many may be wanted before all are read in turn.
const IN_TURN: u32 = 8;

/// The row sets of some ordinals.
fn add_lists(lists: &Postings, ordinals: Range<u32>, sets: &mut Vec<RowSet>) -> Result<(), Error> {
    if ordinals.end - ordinals.start <= lists.len() / IN_TURN {
        return ordinals.into_iter().try_for_each(|ordinal| {
            sets.push(lists.get(ordinal)?);
            Ok(())
        });
    }
    let mut all = lists.lists();
    for ordinal in 0..ordinals.end {
        let rows = all.next()?;
        sets.extend(rows.filter(|_| ordinal >= ordinals.start));
    }
    Ok(())
}

fn known_of_term(words: Option<&(Dictionary, Postings)>, term: &Term) -> Result<Known, Error> {
    let mut known = Known::default();
    let Some((values, lists)) = words else { return Ok(known) };
    let rows_of = |word: &str| -> Result<Option<RowSet>, Error> {
        let ordinal = values.find(word.as_bytes())?;
        Ok(ordinal.map(|ordinal| lists.get(ordinal)).transpose()?)
    };
    match &term.kind {
        TermKind::Word(word) => known.certain.extend(rows_of(word)?),
        TermKind::Prefix(start) => add_lists(lists, values.prefix_range(start.as_bytes())?, &mut known.certain)?,
        TermKind::Phrase(words) => {
            let mut sets = Vec::with_capacity(words.len());
            for word in words {
                match rows_of(word)? {
                    Some(rows) => sets.push(rows),
                    None => return Ok(known),
                }
            }
            // Which words stand next to each other the index does not know.
            known.maybe.push(common(sets)?);
        }
    }
    Ok(known)
}

/// The rows that are in all sets.
fn common(mut sets: Vec<RowSet>) -> Result<RowSet, Error> {
    sets.sort_by_key(RowSet::len);
    let Some((least, others)) = sets.split_first() else { return Ok(RowSet::empty()) };
    let mut rows = Vec::with_capacity(least.len() as usize);
    least.for_each_in(0..u32::MAX, &mut |row| {
        rows.push(row);
        true
    })?;
    for other in others {
        let mut cursor = other.cursor();
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            if cursor.seek(row)? == Some(row) {
                kept.push(row);
            }
        }
        rows = kept;
    }
    Ok(RowSet::from_rows(rows))
}
