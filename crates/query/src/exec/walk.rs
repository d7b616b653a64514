//! Segments and frames merged by (`occurred_at`, log, `sequence`), newest or oldest first.
//!
//! A segment is looked into only when its first row could be the next, so a page of the newest leaves old ones alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use trailbook_store::Row;
use trailbook_store::segment::ColumnReader;

use super::place::Place;
use super::{Search, matching};
use crate::{Cursor, Error, Order};

/// Where an event is.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'q> {
    /// In a frame.
    Tail(&'q Row<'q>),
    /// In a segment: which place of the search, and which row.
    Segment { place: usize, row: u32 },
}

/// Events between two looks at whether anybody still waits.
const STEPS_PER_CHECK: u32 = 4_096;

/// The place of an event in the order: the least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(i64, u64);

/// Of a sequence with its log's base. The complement of a number turns its order round, at the ends of its range too.
fn rank(order: Order, occurred_ns: i64, sequence: u64) -> Rank {
    match order {
        Order::Newest => Rank(!occurred_ns, !sequence),
        Order::Oldest => Rank(occurred_ns, sequence),
        Order::Sequence => Rank(0, sequence),
    }
}

/// The matching events of a search, in order.
pub(super) struct Walk<'s, 'q> {
    search: &'s Search<'q>,
    order: Order,
    after: Option<&'s Cursor>,
    /// Places that were not looked into, the one with the best possible rank last.
    waiting: Vec<(Rank, usize)>,
    steps: u32,
    sources: Vec<Source<'q>>,
    heap: BinaryHeap<Reverse<(Rank, usize)>>,
}

/// What remains of one place, and its next event.
struct Source<'q> {
    head: At<'q>,
    rest: Rest<'q>,
}

enum Rest<'q> {
    Tail { rows: std::vec::IntoIter<&'q Row<'q>>, base: u64 },
    Place { number: usize, base: u64, rows: Box<dyn Iterator<Item = Result<u32, Error>> + 'q>, times: Times<'q> },
}

/// Reads the times and sequences of a place.
struct Times<'q> {
    occurred: ColumnReader<'q>,
    sequence: ColumnReader<'q>,
}

impl<'s, 'q> Walk<'s, 'q> {
    /// From the event after a cursor on, or from the first.
    pub(super) fn new(search: &'s Search<'q>, order: Order, after: Option<&'s Cursor>) -> Result<Self, Error> {
        let best = search.places.iter().enumerate().map(|(number, place)| (best(order, place), number));
        let waiting = best.rev().collect();
        let mut walk = Self { search, order, after, waiting, steps: 0, sources: Vec::new(), heap: BinaryHeap::new() };
        let first = after.map(|cursor| rank(order, cursor.occurred_ns, cursor.sequence));
        let base = search.tail.base();
        let rank_of = |row: &Row<'_>| rank(order, row.occurred_ns, base + row.sequence);
        let is_after = |row: &&Row<'q>| first.is_none_or(|first| rank_of(row) > first);
        let mut tail: Vec<&'q Row<'q>> = search.tail.rows().iter().filter(is_after).collect();
        tail.sort_unstable_by_key(|row| rank_of(row));
        walk.add(Rest::Tail { rows: tail.into_iter(), base })?;
        Ok(walk)
    }

    /// Adds a source, if it has any event.
    fn add(&mut self, mut rest: Rest<'q>) -> Result<(), Error> {
        if let Some((rank, head)) = rest.next(self.order)? {
            self.heap.push(Reverse((rank, self.sources.len())));
            self.sources.push(Source { head, rest });
        }
        Ok(())
    }

    /// Looks into every place that could have the next event.
    fn open(&mut self) -> Result<(), Error> {
        while let Some((best, number)) = self.waiting.last().copied() {
            if self.heap.peek().is_some_and(|Reverse((next, _))| *next < best) {
                return Ok(());
            }
            self.waiting.pop();
            let Some(matching) = self.search.matching(number)? else { continue };
            let place = matching.place;
            let range = self.range(place, matching.selection.rows.clone())?;
            if range.is_empty() {
                continue;
            }
            let rows = rows(matching, self.order, range)?;
            let segment = place.segment()?;
            let times = Times {
                occurred: ColumnReader::new(segment.occurred()),
                sequence: ColumnReader::new(segment.sequence()),
            };
            self.add(Rest::Place { number, base: place.base(), rows, times })?;
        }
        Ok(())
    }

    /// Of a place's rows those after the cursor.
    fn range(&self, place: &Place, rows: Range<u32>) -> Result<Range<u32>, Error> {
        let Some(cursor) = self.after else { return Ok(rows) };
        let segment = place.segment()?;
        // Rows before `from` are newer than the cursor's event, those from `to` on older.
        let newer = cursor.occurred_ns.checked_add(1);
        let from =
            newer.map_or(Ok(rows.start), |bound| segment.occurred().partition_point_desc(rows.clone(), bound))?;
        let to = segment.occurred().partition_point_desc(rows.clone(), cursor.occurred_ns)?;
        let mut sequences = ColumnReader::new(segment.sequence());
        let (mut low, mut high) = (from, to);
        let is_newest = self.order == Order::Newest;
        while low < high {
            let middle = low + (high - low) / 2;
            let sequence = place.base() + sequences.get(middle)? as u64;
            let is_before = sequence > cursor.sequence || (is_newest && sequence == cursor.sequence);
            if is_before { low = middle + 1 } else { high = middle }
        }
        Ok(if is_newest { low..rows.end } else { rows.start..low })
    }

    fn step(&mut self) -> Result<Option<At<'q>>, Error> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_CHECK) {
            self.search.cancel.check()?;
        }
        self.open()?;
        let Some(mut first) = self.heap.peek_mut() else { return Ok(None) };
        let Reverse((rank, number)) = &mut *first;
        let Some(source) = self.sources.get_mut(*number) else { return Ok(None) };
        let at = source.head;
        match source.rest.next(self.order)? {
            Some((next, head)) => {
                source.head = head;
                *rank = next;
            }
            None => {
                // What it has in memory goes with it.
                source.rest = Rest::Tail { rows: Vec::new().into_iter(), base: 0 };
                std::collections::binary_heap::PeekMut::pop(first);
            }
        }
        Ok(Some(at))
    }
}

/// The rank that no event of a place is before.
pub(super) fn best(order: Order, place: &Place) -> Rank {
    let part = place.part();
    match order {
        Order::Newest => rank(order, part.occurred_ns.1, place.base() + part.sequences.1),
        Order::Oldest | Order::Sequence => rank(order, part.occurred_ns.0, place.base() + part.sequences.0),
    }
}

/// The matching rows of a range, in the order that is asked for.
fn rows<'q>(
    matching: matching::Matching<'q>,
    order: Order,
    range: Range<u32>,
) -> Result<Box<dyn Iterator<Item = Result<u32, Error>> + 'q>, Error> {
    Ok(match (order, matching.is_all()) {
        (Order::Oldest, true) => Box::new(range.rev().map(Ok)),
        (Order::Oldest, false) => Box::new(matching.descending(range)),
        (_, true) => Box::new(range.map(Ok)),
        (_, false) => Box::new(matching.ascending(range)?),
    })
}

impl<'q> Rest<'q> {
    fn next(&mut self, order: Order) -> Result<Option<(Rank, At<'q>)>, Error> {
        match self {
            Rest::Tail { rows, base } => {
                Ok(rows.next().map(|row| (rank(order, row.occurred_ns, *base + row.sequence), At::Tail(row))))
            }
            Rest::Place { number, base, rows, times } => {
                let Some(row) = rows.next().transpose()? else { return Ok(None) };
                let (occurred_ns, sequence) = (times.occurred.get(row)?, *base + times.sequence.get(row)? as u64);
                Ok(Some((rank(order, occurred_ns, sequence), At::Segment { place: *number, row })))
            }
        }
    }
}

impl<'q> Iterator for Walk<'_, 'q> {
    type Item = Result<At<'q>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
