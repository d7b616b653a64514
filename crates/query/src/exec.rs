//! The executor: pages, exact totals, facets, histograms and scans over what a snapshot holds.
//!
//! ```text
//! conditions ─► select    row sets of each segment, from its index
//!            ─► matching  counted, or taken one by one; rows that the index is not sure of are looked at
//!            ─► walk      segments and frames merged in the order that was asked for
//!            ─► rows      read, only those that are shown
//! ```
//!
//! Frames, which are few, are looked at one by one. Whatever lies where, an answer is that of a naive scan.

mod by_sequence;
mod group;
mod matcher;
mod matching;
mod place;
mod select;
mod tail;
mod terms;
mod union;
mod walk;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trailbook_event::limits::PAGE_REACH_MAX;
use trailbook_store::segment::RowReader;
use trailbook_store::{Row, Snapshot};

use crate::{Cursor, Error, Order, Query, Start};
use matcher::Matcher;
use matching::Matching;
use place::Place;
use tail::Tail;
use walk::{At, Walk};

pub use group::{Bucket, Facet, Steps, facet, histogram};

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

impl Found {
    fn of(row: &Row<'_>) -> Self {
        Self { sequence: row.sequence, recorded_ms: row.recorded_ms, canonical: row.canonical.to_vec() }
    }
}

/// Tells a running query that nobody waits for it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops the query soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// A query over what a snapshot holds.
struct Search<'q> {
    query: &'q Query,
    matcher: &'q Matcher<'q>,
    places: &'q [Place],
    tail: &'q Tail<'q>,
    cancel: &'q Cancel,
}

/// Prepares a query, and lets it be answered while what it needs is there.
fn search<T>(
    snapshot: &Snapshot,
    query: &Query,
    cancel: &Cancel,
    answer: impl FnOnce(&Search<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let matcher = Matcher::new(query);
    let places = Place::all(snapshot, query);
    let tail = Tail::new(snapshot, &matcher, cancel)?;
    answer(&Search { query, matcher: &matcher, places: &places, tail: &tail, cancel })
}

/// Answers a query: a page, and a total if it is wanted. Takes the thread for as long as it runs; `cancel` stops it.
pub fn run(snapshot: &Snapshot, query: &Query, cancel: &Cancel) -> Result<Answer, Error> {
    search(snapshot, query, cancel, |search| {
        let total = if query.wants_total { Some(search.count()?) } else { None };
        // A count that is nothing spares the page.
        if total == Some(0) {
            return Ok(Answer { events: Vec::new(), total, next: None });
        }
        let (events, next) = search.page()?;
        Ok(Answer { events, total, next })
    })
}

/// Gives every event that matches, in the query's order and without its page, until `each` says no. Memory does not
/// grow with what is found.
pub fn scan(
    snapshot: &Snapshot,
    query: &Query,
    cancel: &Cancel,
    mut each: impl FnMut(&Row<'_>) -> bool,
) -> Result<(), Error> {
    search(snapshot, query, cancel, |search| match query.order {
        Order::Sequence => search.scan_by_sequence(&mut each),
        Order::Newest | Order::Oldest => {
            let mut reader = Reader::new(search.places, true);
            for at in Walk::new(search, query.order, None)? {
                if !reader.read(&at?, &mut each)? {
                    return Ok(());
                }
            }
            Ok(())
        }
    })
}

impl<'q> Search<'q> {
    fn matching(&self, place: &'q Place) -> Result<Matching<'q>, Error> {
        Matching::new(place, self.matcher, self.cancel)
    }

    fn count(&self) -> Result<u64, Error> {
        let mut total = self.tail.len() as u64;
        for place in self.places {
            self.cancel.check()?;
            total += self.matching(place)?.count()?;
        }
        Ok(total)
    }

    fn page(&self) -> Result<(Vec<Found>, Option<Cursor>), Error> {
        let page = &self.query.page;
        let (offset, after) = match &page.start {
            Start::Offset(offset) => (*offset, None),
            Start::After(cursor) => (0, Some(cursor)),
        };
        let limit = usize::try_from(page.limit.min(PAGE_REACH_MAX)).unwrap_or(usize::MAX);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut ats = match self.query.order {
            Order::Sequence => {
                let keep = offset.saturating_add(limit).saturating_add(1);
                let ats = self.first_by_sequence(after.map(|cursor| cursor.sequence), keep)?;
                ats.into_iter().skip(offset).collect::<Vec<_>>()
            }
            order => {
                let walk = Walk::new(self, order, after)?;
                walk.skip(offset).take(limit.saturating_add(1)).collect::<Result<Vec<_>, _>>()?
            }
        };
        let has_more = ats.len() > limit;
        ats.truncate(limit);
        let mut reader = Reader::new(self.places, false);
        let mut events = Vec::with_capacity(ats.len());
        let mut last = None;
        for at in &ats {
            self.cancel.check()?;
            reader.read(at, &mut |row| {
                last = Some((row.occurred_ns, row.sequence));
                events.push(Found::of(row));
                true
            })?;
        }
        let order = self.query.order;
        let next = last.filter(|_| has_more);
        Ok((events, next.map(|(occurred_ns, sequence)| Cursor { order, occurred_ns, sequence })))
    }
}

/// Reads rows wherever they are.
struct Reader<'q> {
    places: &'q [Place],
    readers: HashMap<usize, RowReader<'q>>,
    is_scan: bool,
}

impl<'q> Reader<'q> {
    fn new(places: &'q [Place], is_scan: bool) -> Self {
        Self { places, readers: HashMap::new(), is_scan }
    }

    /// Gives one row to `each`.
    fn read(&mut self, at: &At<'q>, each: &mut impl FnMut(&Row<'_>) -> bool) -> Result<bool, Error> {
        match at {
            At::Tail(row) => Ok(each(row)),
            At::Segment { place, row } => {
                let reader = match self.readers.entry(*place) {
                    std::collections::hash_map::Entry::Occupied(reader) => reader.into_mut(),
                    std::collections::hash_map::Entry::Vacant(empty) => {
                        let Some(place) = self.places.get(*place) else { return Ok(true) };
                        let segment = place.segment()?;
                        empty.insert(if self.is_scan { RowReader::scan(segment) } else { RowReader::new(segment) })
                    }
                };
                Ok(each(&reader.row(*row)?.0))
            }
        }
    }

    /// Lets go of a place that was read to its end.
    fn close(&mut self, place: usize) {
        self.readers.remove(&place);
    }
}
