//! Events in the order in which they were recorded: what exports and proofs ask for.
//!
//! Rows lie newest first, by when they happened; that is nearly the order of sequences turned round. So the next some
//! thousand events are found by looking only at groups of rows whose sequences can be among them.

use std::collections::BinaryHeap;

use trailbook_store::Row;

use super::select::groups;
use super::walk::At;
use super::{Reader, Search};
use crate::Error;

/// Events that a scan orders at once.
const SCAN_EVENTS: usize = 16_384;

/// An event and its sequence, by which it is ordered.
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
    /// The first events after a sequence, of so many at most, in order.
    pub(super) fn first_by_sequence(&self, after: Option<u64>, keep: usize) -> Result<Vec<At<'q>>, Error> {
        let numbered = self.least(after, keep)?;
        Ok(numbered.into_iter().map(|numbered| numbered.at).collect())
    }

    fn least(&self, after: Option<u64>, keep: usize) -> Result<Vec<Numbered<'q>>, Error> {
        let mut least = Least { heap: BinaryHeap::new(), keep, after };
        let mut places: Vec<_> = self.places.iter().enumerate().collect();
        places.sort_by_key(|(_, place)| place.part().sequences.0);
        for (number, place) in places {
            let (min, max) = place.part().sequences;
            if least.wants_any(min, max) {
                self.cancel.check()?;
                self.offer_place(number, &mut least)?;
            }
        }
        for row in self.tail.rows() {
            least.offer(row.sequence, At::Tail(*row));
        }
        Ok(least.heap.into_sorted_vec())
    }

    fn offer_place(&self, number: usize, least: &mut Least<'q>) -> Result<(), Error> {
        let Some(place) = self.places.get(number) else { return Ok(()) };
        let matching = self.matching(place)?;
        let bits = if matching.is_all() { None } else { Some(matching.bits()?) };
        let column = place.segment()?.sequence();
        let mut values = Vec::new();
        // The last rows are the oldest, with the least sequences: taken first, they spare the others.
        for (group, rows) in groups(&matching.selection.rows).rev() {
            let (min, max) = column.group_bounds(group)?;
            if !least.wants_any(min as u64, max as u64) || bits.is_some_and(|bits| bits.count_in(rows.clone()) == 0) {
                continue;
            }
            column.group(group, &mut values)?;
            let first = (group * trailbook_store::segment::COLUMN_GROUP as u64) as u32;
            for row in rows.filter(|row| bits.is_none_or(|bits| bits.contains(*row))) {
                if let Some(sequence) = values.get((row - first) as usize) {
                    least.offer(*sequence as u64, At::Segment { place: number, row });
                }
            }
        }
        Ok(())
    }

    /// Gives all events in order.
    pub(super) fn scan_by_sequence(&self, each: &mut impl FnMut(&Row<'_>) -> bool) -> Result<(), Error> {
        let mut reader = Reader::new(self.places, true);
        let mut after = None;
        loop {
            let next = self.least(after, SCAN_EVENTS)?;
            let Some(last) = next.last() else { return Ok(()) };
            after = Some(last.sequence);
            for numbered in &next {
                if !reader.read(&numbered.at, each)? {
                    return Ok(());
                }
            }
            // Dictionaries of places that are done are not kept.
            for (number, place) in self.places.iter().enumerate() {
                if after.is_some_and(|after| place.part().sequences.1 <= after) {
                    reader.close(number);
                }
            }
        }
    }
}
