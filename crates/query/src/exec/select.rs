//! From a query's conditions to row sets of one segment.
//!
//! For each condition the index knows rows that meet it for *certain*, and rows that *may*: those whose values it does
//! not list. The latter are looked at, each by itself.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use trailbook_event::words::{Buffer, words_of_scalar};
use trailbook_event::{ContextKey, Field};
use trailbook_store::Segment;
use trailbook_store::segment::{Bits, COLUMN_GROUP, Column, ColumnName, Dictionary, Postings, RowSet, Values, hash};

use super::Cancel;
use super::matcher::{Bytes, Conditions, Matcher, Prepared, Site};
use super::place::{Place, contains};
use super::union::Union;
use super::within;
use crate::{Error, Term, TermKind};

/// The rows of one log in one segment that a query asks for, as far as the index knows.
pub(super) struct Selection {
    /// Rows within the bounds of when events happened, newest first.
    pub(super) rows: Range<u32>,
    /// What must hold of a row. At most two of the sets are bits.
    pub(super) sets: Vec<Set>,
    /// Rows that must be looked at to know whether they match.
    pub(super) checks: Union,
    /// The rows that match, once they were needed all.
    pub(super) matching: OnceCell<Rc<Bits>>,
    /// The smallest of the sets that a row must be in, with its rows within the bounds, once that was asked.
    pub(super) least: OnceCell<Option<(usize, u32)>>,
}

/// A set that a row must be in, or must not.
pub(super) struct Set {
    pub(super) rows: Rows,
    pub(super) is_negated: bool,
}

/// Some rows of a segment.
#[derive(Clone)]
pub(super) enum Rows {
    Listed(RowSet),
    Bits(Rc<Bits>),
}

/// What the index knows of a condition.
pub(super) struct Known {
    pub(super) certain: Union,
    pub(super) maybe: Union,
}

/// What is looked for, and where.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    segment: &'s Segment,
    /// Other rows are not asked for.
    pub(super) rows: &'s Range<u32>,
    pub(super) cancel: &'s Cancel,
}

impl Scope<'_> {
    pub(super) fn nothing(self) -> Known {
        Known { certain: Union::new(self.rows), maybe: Union::new(self.rows) }
    }
}

impl Selection {
    pub(super) fn new(place: &Place, matcher: &Matcher<'_>, cancel: &Cancel) -> Result<Self, Error> {
        let query = matcher.query();
        let mut selection = Self::of_all(place.rows_within(query.occurred)?);
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
        let rows = selection.rows.clone();
        let scope = Scope { segment, rows: &rows, cancel };
        selection.add_all(scope, matcher.conditions())?;
        if let Some(lists) = matcher.within() {
            within::narrow(&mut selection, scope, (place, matcher), lists)?;
        }
        if !query.text.is_empty() {
            let words = segment.words()?;
            for term in &query.text {
                let known = known_of_term(scope, words.as_ref(), term)?;
                selection.add(known, term.is_negated)?;
            }
        }
        Ok(selection)
    }

    /// All rows of a range.
    pub(super) fn of_all(rows: Range<u32>) -> Self {
        let checks = Union::new(&rows);
        Self { rows, sets: Vec::new(), checks, matching: OnceCell::new(), least: OnceCell::new() }
    }

    /// Keeps the rows that meet all of some conditions.
    pub(super) fn add_all(&mut self, scope: Scope<'_>, conditions: &Conditions) -> Result<(), Error> {
        let Conditions { plain, of_target } = conditions;
        for condition in plain.iter().chain(of_target) {
            self.add(known(scope, condition)?, condition.is_negated)?;
        }
        if of_target.len() > 1 {
            // The index does not know which of several targets a value belongs to.
            self.checks.add(scope.segment.many_targets()?)?;
        }
        Ok(())
    }

    /// Keeps the rows of a condition, or of a negated one those that are not of it.
    pub(super) fn add(&mut self, known: Known, is_negated: bool) -> Result<(), Error> {
        let Known { mut certain, maybe } = known;
        if !is_negated {
            certain.add_all(&maybe)?;
        }
        self.checks.add_all(&maybe)?;
        // Nothing is in no set, so a negated condition without rows holds everywhere.
        if !(is_negated && certain.is_empty()) {
            self.narrow(certain.finish(), is_negated);
        }
        Ok(())
    }

    /// Adds a set. Bits are put together at once, so that many conditions take no more memory than one.
    fn narrow(&mut self, rows: Rows, is_negated: bool) {
        if let Rows::Bits(more) = &rows {
            for set in self.sets.iter_mut().filter(|set| set.is_negated == is_negated) {
                if let Rows::Bits(bits) = &mut set.rows {
                    let bits = Rc::make_mut(bits);
                    if is_negated {
                        bits.or(more)
                    } else {
                        bits.and(more)
                    }
                    return;
                }
            }
        }
        self.sets.push(Set { rows, is_negated });
    }

    #[cfg(test)]
    pub(super) fn of_bits(rows: Range<u32>) -> Self {
        let set = Set { rows: Rows::Bits(Rc::new(Bits::new(rows.clone()))), is_negated: false };
        Self { sets: vec![set], ..Self::of_all(rows) }
    }

    /// About what it takes in memory, when all rows that match are known too.
    pub(super) fn size_bytes(&self) -> u64 {
        /// A set that is listed keeps a page of its file at most.
        const LISTED_BYTES: u64 = 16 * 1024;
        let bits_bytes = u64::from(self.rows.end.saturating_sub(self.rows.start)) / 8;
        let size = |rows: &Rows| match rows {
            Rows::Bits(_) => bits_bytes,
            Rows::Listed(rows) => LISTED_BYTES.min(u64::from(rows.len()) * 4),
        };
        let sets: u64 = self.sets.iter().map(|set| size(&set.rows)).sum();
        let is_all = self.sets.is_empty() && self.checks.is_empty();
        size_of::<Self>() as u64 + sets + size(self.checks.rows()) + if is_all { 0 } else { bits_bytes }
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
        self.narrow(Rows::Bits(Rc::new(bits)), false);
        Ok(())
    }
}

/// Rows of one group of a column.
const GROUP: u64 = COLUMN_GROUP as u64;

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

/// Lists between two looks at whether anybody still waits.
const LISTS_PER_CHECK: u32 = 4_096;

fn known(scope: Scope<'_>, condition: &Prepared) -> Result<Known, Error> {
    let mut known = scope.nothing();
    let Scope { segment, cancel, .. } = scope;
    match &condition.site {
        Site::Field(Field::RequestPath) => known_of_path(scope, &condition.any_of, &mut known)?,
        Site::Field(field) => {
            let column = segment.column(&ColumnName::Field(*field));
            for one in &condition.any_of {
                cancel.check()?;
                add_column(scope, column, one, &mut known)?;
            }
        }
        Site::Meta(path) => {
            let column = segment.column(&ColumnName::Meta(path.clone()));
            for one in &condition.any_of {
                cancel.check()?;
                add_column(scope, column, one, &mut known)?;
            }
            known.maybe.add(segment.opaque_meta()?)?;
        }
    }
    Ok(known)
}

/// A path is its URL up to the first `?`: where there is none, only the URL is listed.
fn known_of_path(scope: Scope<'_>, any_of: &[Bytes], known: &mut Known) -> Result<(), Error> {
    let url = scope.segment.column(&ColumnName::Field(Field::Context(ContextKey::RequestUrl)));
    let path = scope.segment.column(&ColumnName::Field(Field::RequestPath));
    for one in any_of {
        scope.cancel.check()?;
        match one {
            Bytes::Are(text) | Bytes::Begin(text) if text.contains(&b'?') => {}
            Bytes::Are(_) => {
                add_column(scope, url, one, known)?;
                add_column(scope, path, one, known)?;
            }
            // Without a `?` in it, a path begins so exactly where its URL does.
            Bytes::Begin(_) | Bytes::Any => add_column(scope, url, one, known)?,
        }
    }
    Ok(())
}

fn add_column(scope: Scope<'_>, column: Option<u32>, one: &Bytes, known: &mut Known) -> Result<(), Error> {
    let Some(column) = column else { return Ok(()) };
    let segment = scope.segment;
    match (segment.values(column)?, one) {
        (_, Bytes::Any) => known.certain.add(segment.present(column)?)?,
        (Values::Listed(values, lists), Bytes::Are(value)) => {
            if let Some(ordinal) = values.find(value)? {
                known.certain.add(lists.get(ordinal)?)?;
            }
        }
        (Values::Listed(values, lists), Bytes::Begin(start)) => {
            let ordinals = values.prefix_range(start)?;
            if ordinals.len() == values.len() as usize {
                known.certain.add(segment.present(column)?)?;
            } else {
                add_lists(scope, &lists, ordinals, &mut known.certain)?;
            }
        }
        (Values::Located(locator), Bytes::Are(value)) => {
            let mut rows = Vec::new();
            locator.candidates(hash(value), &mut rows)?;
            known.maybe.add_rows(rows)?;
        }
        (Values::Unlisted, Bytes::Are(value)) => known.maybe.add_rows(with_words_of(scope, column, value)?)?,
        (Values::Located(_) | Values::Unlisted, Bytes::Begin(_)) => known.maybe.add(segment.present(column)?)?,
    }
    Ok(())
}

/// The rows of a column that has long texts which have every word of a value.
fn with_words_of(scope: Scope<'_>, column: u32, value: &[u8]) -> Result<Vec<u32>, Error> {
    let Scope { segment, rows, .. } = scope;
    let mut sets = vec![segment.present(column)?];
    let is_text = matches!(segment.columns().get(column as usize), Some(ColumnName::Meta(_)));
    if let Some((words, lists)) = segment.words()?.filter(|_| is_text) {
        let mut all = Vec::new();
        words_of_scalar(value, &mut Buffer::default(), &mut |word| all.push(word.to_owned()));
        all.sort_unstable();
        all.dedup();
        for word in all {
            let Some(ordinal) = words.find(word.as_bytes())? else { return Ok(Vec::new()) };
            sets.push(lists.get(ordinal)?);
        }
    }
    common(sets, rows)
}

/// Adds the rows of some ordinals, one list after the other: there may be as many as there are rows.
fn add_lists(scope: Scope<'_>, lists: &Postings, ordinals: Range<u32>, union: &mut Union) -> Result<(), Error> {
    let mut wanted = lists.lists_in(ordinals)?;
    let mut count = 0_u32;
    while let Some(rows) = wanted.next()? {
        count += 1;
        if count.is_multiple_of(LISTS_PER_CHECK) {
            scope.cancel.check()?;
        }
        union.add(rows)?;
    }
    Ok(())
}

fn known_of_term(scope: Scope<'_>, words: Option<&(Dictionary, Postings)>, term: &Term) -> Result<Known, Error> {
    let mut known = scope.nothing();
    scope.cancel.check()?;
    let Some((values, lists)) = words else { return Ok(known) };
    let rows_of = |word: &str| -> Result<Option<RowSet>, Error> {
        let ordinal = values.find(word.as_bytes())?;
        Ok(ordinal.map(|ordinal| lists.get(ordinal)).transpose()?)
    };
    match &term.kind {
        TermKind::Word(word) => {
            if let Some(rows) = rows_of(word)? {
                known.certain.add(rows)?;
            }
        }
        TermKind::Prefix(start) => {
            add_lists(scope, lists, values.prefix_range(start.as_bytes())?, &mut known.certain)?;
        }
        TermKind::Phrase(words) => {
            let mut distinct: Vec<&String> = words.iter().collect();
            distinct.sort_unstable();
            distinct.dedup();
            let mut sets = Vec::with_capacity(distinct.len());
            for word in distinct {
                match rows_of(word)? {
                    Some(rows) => sets.push(rows),
                    None => return Ok(known),
                }
            }
            // Which words stand next to each other the index does not know.
            known.maybe.add_rows(common(sets, scope.rows)?)?;
        }
    }
    Ok(known)
}

/// The rows of a range that are in all sets.
fn common(mut sets: Vec<RowSet>, range: &Range<u32>) -> Result<Vec<u32>, Error> {
    sets.sort_by_key(RowSet::len);
    let Some((least, others)) = sets.split_first() else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    least.for_each_in(range.clone(), &mut |row| {
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
    Ok(rows)
}
