//! The executor: a page in order, and an exact total, from what a snapshot holds.
//!
//! Every event of the organization is looked at once, its fields compared where they stand in its canonical bytes. That
//! is enough for what fits in memory; events in segments are found through their index.

mod matcher;
mod terms;

use std::cmp::Ordering as Comparison;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trailbook_event::limits::PAGE_REACH_MAX;
use trailbook_store::{Frame, Row, Snapshot};

use crate::{Cursor, Error, Order, Query, Start};
use matcher::Matcher;

/// What a query found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The page, in the order that was asked for.
    pub events: Vec<Found>,
    /// How many events match in all, if that was asked for.
    pub total: Option<u64>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// An event that a query found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its number in its log.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since 1970.
    pub recorded_ms: i64,
    /// Its canonical bytes.
    pub canonical: Vec<u8>,
}

/// Tells a running query that nobody waits for it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops the query soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Frames between two looks at whether anybody still waits.
const FRAMES_PER_CHECK: usize = 16;

/// Answers a query. Takes the thread for as long as it runs; `cancel` stops it.
pub fn run(snapshot: &Snapshot, query: &Query, cancel: &Cancel) -> Result<Answer, Error> {
    let matcher = Matcher::new(query);
    let mut page = PageOf::new(query)?;
    let mut total = 0;
    for (i, frame) in snapshot.frames().enumerate() {
        if i % FRAMES_PER_CHECK == 0 && cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        for (place, row) in (0u32..).zip(frame.rows()) {
            if matcher.matches(&row) {
                total += 1;
                page.offer(&row, frame, place);
            }
        }
    }
    let (rows, next) = page.finish();
    let found = |row: Row<'_>| Found {
        sequence: row.sequence,
        recorded_ms: row.recorded_ms,
        canonical: row.canonical.to_vec(),
    };
    Ok(Answer { events: rows.into_iter().map(found).collect(), total: query.wants_total.then_some(total), next })
}

/// The first rows of an order, gathered from rows in any order.
struct PageOf<'a> {
    order: Order,
    after: Option<Rank>,
    /// Rows to keep: those that the offset skips, the page, and one more to know whether there is a next.
    keep: usize,
    offset: usize,
    limit: usize,
    kept: BinaryHeap<Ranked<'a>>,
}

/// The place of a row in the order: the least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(i64, u64);

/// A row, in the few bytes that an offset of millions allows for.
struct Ranked<'a> {
    rank: Rank,
    frame: &'a Frame,
    place: u32,
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked<'_> {}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Comparison> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Comparison {
        self.rank.cmp(&other.rank)
    }
}

/// The complement of a number turns its order round, at the ends of its range too.
fn rank(order: Order, occurred_ns: i64, sequence: u64) -> Rank {
    match order {
        Order::Newest => Rank(!occurred_ns, !sequence),
        Order::Oldest => Rank(occurred_ns, sequence),
        Order::Sequence => Rank(0, sequence),
    }
}

impl<'a> PageOf<'a> {
    fn new(query: &Query) -> Result<Self, Error> {
        let (offset, after) = match &query.page.start {
            Start::Offset(offset) => (*offset, None),
            Start::After(cursor) => (0, Some(rank(query.order, cursor.occurred_ns, cursor.sequence))),
        };
        let reach = offset.saturating_add(query.page.limit);
        // Beyond what memory can hold there is nothing, so an offset needs no limit of its own.
        let keep = usize::try_from(reach.min(PAGE_REACH_MAX)).unwrap_or(usize::MAX).saturating_add(1);
        Ok(Self {
            order: query.order,
            after,
            keep,
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            limit: usize::try_from(query.page.limit).unwrap_or(usize::MAX),
            kept: BinaryHeap::new(),
        })
    }

    fn offer(&mut self, row: &Row<'_>, frame: &'a Frame, place: u32) {
        let rank = rank(self.order, row.occurred_ns, row.sequence);
        if self.after.is_some_and(|after| rank <= after) {
            return;
        }
        if self.kept.len() < self.keep {
            self.kept.push(Ranked { rank, frame, place });
        } else if let Some(mut last) = self.kept.peek_mut()
            && rank < last.rank
        {
            *last = Ranked { rank, frame, place };
        }
    }

    fn finish(self) -> (Vec<Row<'a>>, Option<Cursor>) {
        let order = self.order;
        let sorted = self.kept.into_sorted_vec();
        let mut rows =
            sorted.into_iter().skip(self.offset).filter_map(|ranked| ranked.frame.row(ranked.place as usize));
        let page: Vec<Row<'a>> = rows.by_ref().take(self.limit).collect();
        let has_more = rows.next().is_some();
        let cursor = |row: &Row<'_>| Cursor { order, occurred_ns: row.occurred_ns, sequence: row.sequence };
        let next = page.last().filter(|_| has_more).map(cursor);
        (page, next)
    }
}
