//! Events in the order in which they were recorded, those of older logs first: what exports and proofs ask for.
//!
//! Rows lie newest first, by when they happened; that is nearly the order of sequences turned round. So the next some
//! thousand events are found by looking only at groups of rows whose sequences can be among them.

use std::collections::BinaryHeap;

use trailbook_event::limits::ORDERED_EVENTS_MAX;

use super::Search;
use super::select::groups;
use super::walk::At;
use crate::Error;

/// An event and its sequence with its log's base, by which it is ordered.
struct Numbered<'q> {
    sequence: u64,
    at: At<'q>,
}

impl PartialEq for Numbered<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Numbered<'_> {}

impl PartialOrd for Numbered<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Numbered<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sequence.cmp(&other.sequence)
    }
}

/// The events of the least sequences, of so many at most.
struct Least<'q> {
    heap: BinaryHeap<Numbered<'q>>,
    keep: usize,
    after: Option<u64>,
}

impl<'q> Least<'q> {
    fn wants(&self, sequence: u64) -> bool {
        let is_after = self.after.is_none_or(|after| sequence > after);
        is_after && (self.heap.len() < self.keep || self.heap.peek().is_some_and(|last| sequence < last.sequence))
    }

    /// Whether any of a range of sequences can be among the least.
    fn wants_any(&self, min: u64, max: u64) -> bool {
        let is_after = self.after.is_none_or(|after| max > after);
        is_after && (self.heap.len() < self.keep || self.heap.peek().is_some_and(|last| min < last.sequence))
    }

    fn offer(&mut self, sequence: u64, at: At<'q>) {
        if self.wants(sequence) {
            self.heap.push(Numbered { sequence, at });
            if self.heap.len() > self.keep {
                self.heap.pop();
            }
        }
    }
}

impl<'q> Search<'q> {
    /// The events after a sequence, in order. The first round is of so many events, if more are not likely wanted.
    pub(super) fn by_sequence(&self, after: Option<u64>, first: usize) -> BySequence<'_, 'q> {
        let keep = first.clamp(1, ORDERED_EVENTS_MAX);
        BySequence { search: self, after, keep, round: Vec::new().into_iter(), is_done: false }
    }

    fn least(&self, after: Option<u64>, keep: usize) -> Result<Vec<Numbered<'q>>, Error> {
        let mut least = Least { heap: BinaryHeap::new(), keep, after };
        // Those that can have the least come first.
        for (number, place) in self.places.iter().enumerate() {
            let (min, max) = place.part().sequences;
            if least.wants_any(place.base() + min, place.base() + max) {
                self.cancel.check()?;
                self.offer_place(number, &mut least)?;
            }
        }
        for row in self.tail.rows() {
            least.offer(self.tail.base() + row.sequence, At::Tail(row));
        }
        Ok(least.heap.into_sorted_vec())
    }

    fn offer_place(&self, number: usize, least: &mut Least<'q>) -> Result<(), Error> {
        let Some(matching) = self.matching(number)? else { return Ok(()) };
        let place = matching.place;
        let bits = if matching.is_all() { None } else { Some(matching.bits()?) };
        let (column, base) = (place.segment()?.sequence(), place.base());
        let mut values = Vec::new();
        // The last rows are the oldest, with the least sequences: taken first, they spare the others.
        for (group, rows) in groups(&matching.selection.rows).rev() {
            let (min, max) = column.group_bounds(group)?;
            if !least.wants_any(base + min as u64, base + max as u64)
                || bits.as_ref().is_some_and(|bits| bits.count_in(rows.clone()) == 0)
            {
                continue;
            }
            column.group(group, &mut values)?;
            let first = (group * trailbook_store::segment::COLUMN_GROUP as u64) as u32;
            for row in rows.filter(|row| bits.as_ref().is_none_or(|bits| bits.contains(*row))) {
                if let Some(sequence) = values.get((row - first) as usize) {
                    least.offer(base + *sequence as u64, At::Segment { place: number, row });
                }
            }
        }
        Ok(())
    }
}

/// The matching events of a search in the order of their sequences, found in rounds.
pub(super) struct BySequence<'s, 'q> {
    search: &'s Search<'q>,
    after: Option<u64>,
    keep: usize,
    round: std::vec::IntoIter<Numbered<'q>>,
    is_done: bool,
}

impl<'q> BySequence<'_, 'q> {
    fn step(&mut self) -> Result<Option<At<'q>>, Error> {
        if self.round.as_slice().is_empty() && !self.is_done {
            self.search.cancel.check()?;
            let round = self.search.least(self.after, self.keep)?;
            self.is_done = round.len() < self.keep;
            self.keep = ORDERED_EVENTS_MAX;
            self.after = round.last().map(|last| last.sequence);
            self.round = round.into_iter();
        }
        Ok(self.round.next().map(|numbered| numbered.at))
    }
}

impl<'q> Iterator for BySequence<'_, 'q> {
    type Item = Result<At<'q>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step();
        self.is_done |= next.is_err();
        next.transpose()
    }
}
