//! The rows of a selection that match: counted, or one after the other.

use std::ops::Range;
use std::rc::Rc;

use trailbook_store::segment::{Bits, Cursor, RowReader};

use super::Cancel;
use super::matcher::Matcher;
use super::place::Place;
use super::select::{Rows, Selection, Set};
use crate::Error;

/// Up to so many rows are taken one by one; above, whole bitmaps are joined.
const ONE_BY_ONE_MAX: u32 = 1_024;
/// Rows between two looks at whether anybody still waits.
const ROWS_PER_CHECK: u32 = 4_096;

impl Rows {
    fn count_in(&self, range: Range<u32>) -> Result<u32, Error> {
        match self {
            Rows::Listed(rows) => Ok(rows.count_in(range)?),
            Rows::Bits(bits) => Ok(bits.count_in(range)),
        }
    }

    /// Those of a range; bits are of it already.
    pub(super) fn to_bits(&self, range: Range<u32>) -> Result<Rc<Bits>, Error> {
        match self {
            Rows::Listed(rows) => {
                let mut bits = Bits::new(range.clone());
                rows.add_to(range, &mut bits)?;
                Ok(Rc::new(bits))
            }
            Rows::Bits(bits) => Ok(Rc::clone(bits)),
        }
    }

    fn probe(&self) -> Probe {
        match self {
            Rows::Listed(rows) => Probe::Cursor(rows.cursor()),
            Rows::Bits(bits) => Probe::Bits(Rc::clone(bits)),
        }
    }
}

/// Looks rows up in a set, in ascending order.
enum Probe {
    Cursor(Cursor),
    Bits(Rc<Bits>),
}

impl Probe {
    /// The first row of the set from this one on.
    fn seek(&mut self, row: u32) -> Result<Option<u32>, Error> {
        match self {
            Probe::Cursor(cursor) => Ok(cursor.seek(row)?),
            Probe::Bits(bits) => Ok(bits.next_at_or_after(row)),
        }
    }

    /// Whether the set has this row.
    fn has(&mut self, row: u32) -> Result<bool, Error> {
        match self {
            Probe::Cursor(cursor) => Ok(cursor.seek(row)? == Some(row)),
            Probe::Bits(bits) => Ok(bits.contains(row)),
        }
    }
}

/// A place with its selection: what is asked of one segment.
pub(super) struct Matching<'q> {
    pub(super) place: &'q Place,
    pub(super) selection: Rc<Selection>,
    pub(super) matcher: &'q Matcher<'q>,
    pub(super) cancel: &'q Cancel,
}

impl<'q> Matching<'q> {
    /// Whether every row within the bounds matches.
    pub(super) fn is_all(&self) -> bool {
        self.selection.sets.is_empty() && self.selection.checks.is_empty()
    }

    /// How many rows match.
    pub(super) fn count(&self) -> Result<u64, Error> {
        let Selection { rows, sets, checks, matching, .. } = &*self.selection;
        if self.is_all() {
            return Ok(u64::from(rows.end - rows.start));
        }
        if let Some(bits) = matching.get() {
            return Ok(u64::from(bits.count()));
        }
        if let ([set], true) = (sets.as_slice(), checks.is_empty()) {
            let count = set.rows.count_in(rows.clone())?;
            return Ok(u64::from(if set.is_negated { rows.end - rows.start - count } else { count }));
        }
        if checks.is_empty() && self.least()?.is_some_and(|(_, count)| count <= ONE_BY_ONE_MAX) {
            let mut count = 0;
            for row in self.ascending(rows.clone())? {
                row?;
                count += 1;
            }
            return Ok(count);
        }
        Ok(u64::from(self.bits()?.count()))
    }

    /// The rows that match, newest first, of a range.
    pub(super) fn ascending(&self, range: Range<u32>) -> Result<Ascending<'q>, Error> {
        let Selection { sets, checks, matching, .. } = &*self.selection;
        let next = range.start;
        let reader = |needed: bool| -> Result<_, Error> {
            Ok(if needed { Some(RowReader::new(self.place.segment()?)) } else { None })
        };
        let base = Ascending {
            next,
            end: range.end,
            must: Vec::new(),
            must_not: Vec::new(),
            checks: None,
            reader: None,
            matcher: self.matcher,
            cancel: self.cancel,
            steps: 0,
        };
        if let Some(bits) = matching.get() {
            return Ok(Ascending { must: vec![Probe::Bits(Rc::clone(bits))], ..base });
        }
        let least = self.least()?.map(|(at, _)| at);
        let is_least = |at: usize| Some(at) == least;
        let mut must: Vec<_> = sets.iter().enumerate().filter(|(_, set)| !set.is_negated).collect();
        // The smallest set leads.
        must.sort_by_key(|(at, _)| !is_least(*at));
        Ok(Ascending {
            must: must.into_iter().map(|(_, set)| set.rows.probe()).collect(),
            must_not: sets.iter().filter(|set| set.is_negated).map(|set| set.rows.probe()).collect(),
            checks: Some(checks.rows().probe()).filter(|_| !checks.is_empty()),
            reader: reader(!checks.is_empty())?,
            ..base
        })
    }

    /// The rows that match, oldest first, of a range: taken in runs, of which only those that are needed are looked at.
    pub(super) fn descending(self, range: Range<u32>) -> Descending<'q> {
        Descending { matching: self, rest: range, run: Vec::new(), run_rows: FIRST_RUN_ROWS }
    }

    /// The smallest of the sets that a row must be in, with its rows within the bounds.
    fn least(&self) -> Result<Option<(usize, u32)>, Error> {
        if let Some(known) = self.selection.least.get() {
            return Ok(*known);
        }
        let mut least: Option<(usize, u32)> = None;
        for (at, set) in self.selection.sets.iter().enumerate().filter(|(_, set)| !set.is_negated) {
            let count = set.rows.count_in(self.selection.rows.clone())?;
            if least.is_none_or(|(_, best)| count < best) {
                least = Some((at, count));
            }
        }
        Ok(*self.selection.least.get_or_init(|| least))
    }

    /// All rows that match.
    pub(super) fn bits(&self) -> Result<Rc<Bits>, Error> {
        let Selection { rows, sets, checks, matching, .. } = &*self.selection;
        if let Some(bits) = matching.get() {
            return Ok(Rc::clone(bits));
        }
        let mut bits = Bits::new(rows.clone());
        let is_small = |(_, count): &(usize, u32)| *count <= ONE_BY_ONE_MAX;
        if !checks.is_empty() || self.least()?.as_ref().is_some_and(is_small) {
            for row in self.ascending(rows.clone())? {
                bits.insert(row?);
            }
        } else {
            bits.insert_run(rows.clone());
            for set in sets {
                self.cancel.check()?;
                join(&mut bits, set)?;
            }
        }
        Ok(Rc::clone(matching.get_or_init(|| Rc::new(bits))))
    }
}

fn join(bits: &mut Bits, set: &Set) -> Result<(), Error> {
    let other = set.rows.to_bits(bits.range())?;
    if set.is_negated {
        bits.and_not(&other)
    } else {
        bits.and(&other)
    }
    Ok(())
}

/// Rows of the first run of those that are taken oldest first; the next ones are longer, as more are wanted.
const FIRST_RUN_ROWS: u32 = 512;
const RUN_ROWS_MAX: u32 = 64 * 1024;

/// Rows that match, oldest first.
pub(super) struct Descending<'q> {
    matching: Matching<'q>,
    /// Rows that were not looked at.
    rest: Range<u32>,
    /// Those that match of the rows behind, ascending.
    run: Vec<u32>,
    run_rows: u32,
}

impl Iterator for Descending<'_> {
    type Item = Result<u32, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.run.is_empty() && !self.rest.is_empty() {
            let from = self.rest.end.saturating_sub(self.run_rows).max(self.rest.start);
            let rows = self.matching.cancel.check().and_then(|()| self.matching.ascending(from..self.rest.end));
            match rows.and_then(Iterator::collect) {
                Ok(run) => self.run = run,
                Err(error) => return Some(Err(error)),
            }
            self.rest.end = from;
            self.run_rows = self.run_rows.saturating_mul(2).min(RUN_ROWS_MAX);
        }
        self.run.pop().map(Ok)
    }
}

/// Rows that match, newest first.
pub(super) struct Ascending<'q> {
    next: u32,
    end: u32,
    must: Vec<Probe>,
    must_not: Vec<Probe>,
    checks: Option<Probe>,
    reader: Option<RowReader<'q>>,
    matcher: &'q Matcher<'q>,
    cancel: &'q Cancel,
    steps: u32,
}

impl Ascending<'_> {
    fn step(&mut self) -> Result<Option<u32>, Error> {
        while self.next < self.end {
            self.steps += 1;
            if self.steps.is_multiple_of(ROWS_PER_CHECK) {
                self.cancel.check()?;
            }
            let row = self.next;
            // Each set may say that nothing comes before a later row.
            let mut ahead = row;
            for probe in &mut self.must {
                match probe.seek(ahead)? {
                    Some(found) => ahead = found,
                    None => return Ok(None),
                }
            }
            if ahead != row {
                self.next = ahead;
                if self.must.len() > 1 || ahead >= self.end {
                    continue;
                }
            }
            self.next = ahead + 1;
            if self.is_wanted(ahead)? {
                return Ok(Some(ahead));
            }
        }
        Ok(None)
    }

    fn is_wanted(&mut self, row: u32) -> Result<bool, Error> {
        for probe in &mut self.must_not {
            if probe.has(row)? {
                return Ok(false);
            }
        }
        match (&mut self.checks, &mut self.reader) {
            (Some(checks), Some(reader)) => Ok(!checks.has(row)? || self.matcher.matches(&reader.row(row)?)),
            _ => Ok(true),
        }
    }
}

impl Iterator for Ascending<'_> {
    type Item = Result<u32, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
