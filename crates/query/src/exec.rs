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
mod kept;
mod matcher;
mod matching;
mod place;
mod reader;
mod select;
mod tail;
mod terms;
mod union;
mod walk;
mod within;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trailbook_event::limits::{ORDERED_EVENTS_MAX, SELECTIONS_BYTES_MAX};
use trailbook_event::seal::SALT_BYTES;
use trailbook_store::{LogNumber, Row, Snapshot};

use crate::{Cursor, Error, Order, Query, Start};
use kept::Kept;
use matcher::Matcher;
use matching::Matching;
use place::Place;
use reader::Reader;
use select::Selection;
use tail::Tail;
use walk::{At, Walk};

pub use group::{Bucket, Facet, Steps, facet, histogram, unescaped};

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
    /// The log that it is in.
    pub log: LogNumber,
    /// Its number in its log.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since 1970.
    pub recorded_ms: i64,
    /// Its canonical bytes.
    pub canonical: Vec<u8>,
    /// What hides them in the log's entry: whoever has both can tell that the entry is theirs.
    pub salt: [u8; SALT_BYTES],
}

impl Found {
    fn of(log: LogNumber, row: &Row<'_>) -> Self {
        let Row { sequence, recorded_ms, canonical, salt, .. } = *row;
        Self { log, sequence, recorded_ms, canonical: canonical.to_vec(), salt: *salt }
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

    /// Whether it was stopped.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// A query over what a snapshot holds.
struct Search<'q> {
    query: &'q Query,
    matcher: &'q Matcher<'q>,
    places: &'q [Place],
    tail: &'q Tail<'q>,
    cancel: &'q Cancel,
    kept: RefCell<Kept>,
}

/// Prepares a query, and lets it be answered while what it needs is there.
fn search<T>(
    snapshot: &Snapshot,
    query: &Query,
    cancel: &Cancel,
    answer: impl FnOnce(&Search<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let matcher = Matcher::new(query);
    let mut places = Place::all(snapshot, query);
    // Those that can have the first events come first.
    places.sort_by_key(|place| walk::best(query.order, place));
    let tail = Tail::new(snapshot, &matcher, cancel)?;
    let kept = RefCell::new(Kept::new(SELECTIONS_BYTES_MAX));
    answer(&Search { query, matcher: &matcher, places: &places, tail: &tail, cancel, kept })
}

/// Answers a query: a page, and a total if it is wanted. Takes the thread for as long as it runs; `cancel` stops it.
pub fn run(snapshot: &Snapshot, query: &Query, cancel: &Cancel) -> Result<Answer, Error> {
    search(snapshot, query, cancel, |search| {
        let total = if query.wants_total { Some(search.count()?) } else { None };
        let (events, next) = search.page(total)?;
        Ok(Answer { events, total, next })
    })
}

/// Gives every event that matches, in the query's order and without its page, until `each` says no, each with its log.
/// Memory does not grow with what is found, nor with how many segments there are.
pub fn scan(
    snapshot: &Snapshot,
    query: &Query,
    cancel: &Cancel,
    mut each: impl FnMut(LogNumber, &Row<'_>) -> bool,
) -> Result<(), Error> {
    search(snapshot, query, cancel, |search| match query.order {
        Order::Sequence => search.give_all(search.by_sequence(None, ORDERED_EVENTS_MAX), &mut each),
        order => search.give_all(Walk::new(search, order, None)?, &mut each),
    })
}

/// Events that a scan reads at once.
const READ_EVENTS: usize = 2_048;

impl<'q> Search<'q> {
    /// What is asked of a place of this number.
    fn matching(&self, number: usize) -> Result<Option<Matching<'q>>, Error> {
        self.cancel.check()?;
        let Some(place) = self.places.get(number) else { return Ok(None) };
        let known = self.kept.borrow_mut().get(number);
        let selection = match known {
            Some(selection) => selection,
            None => {
                let selection = Rc::new(Selection::new(place, self.matcher, self.cancel)?);
                self.kept.borrow_mut().put(number, &selection);
                selection
            }
        };
        Ok(Some(Matching { place, selection, matcher: self.matcher, cancel: self.cancel }))
    }

    fn count(&self) -> Result<u64, Error> {
        let mut total = self.tail.len() as u64;
        // The first come last: what is known of them is still there for the page.
        for number in (0..self.places.len()).rev() {
            if let Some(matching) = self.matching(number)? {
                total += matching.count()?;
            }
        }
        Ok(total)
    }

    fn give_all(
        &self,
        all: impl Iterator<Item = Result<At<'q>, Error>>,
        each: &mut impl FnMut(LogNumber, &Row<'_>) -> bool,
    ) -> Result<(), Error> {
        let mut reader = Reader::scan(self.places);
        let (mut all, mut ats) = (all.fuse(), Vec::with_capacity(READ_EVENTS));
        // The first ones are given soon.
        let mut most = 1;
        loop {
            ats.clear();
            let mut failed = None;
            for at in all.by_ref().take(most) {
                match at {
                    Ok(at) => ats.push(at),
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            // What comes before a failure is given.
            let is_end = ats.is_empty();
            if !reader.read_all(&ats, &mut |at, row| each(self.log_of(at).0, row))? {
                return Ok(());
            }
            match failed {
                Some(error) => return Err(error),
                None if is_end => return Ok(()),
                None => {}
            }
            most = (most * 2).min(READ_EVENTS);
        }
    }

    /// Where the events of the page are, and one more if there is one. Of all, there are so many, if that is known.
    fn page_places(&self, limit: usize, total: Option<u64>) -> Result<Vec<At<'q>>, Error> {
        let (offset, after) = match &self.query.page.start {
            Start::Offset(offset) => (*offset, None),
            Start::After(cursor) => (0, Some(cursor)),
        };
        let mut wanted = limit.saturating_add(1);
        // Nothing is looked for that is not there.
        if let Some(total) = total {
            let rest = total.saturating_sub(offset);
            wanted = wanted.min(usize::try_from(rest).unwrap_or(usize::MAX));
        }
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.query.order {
            Order::Sequence => {
                let after = after.map(|cursor| cursor.sequence);
                self.by_sequence(after, offset.saturating_add(wanted)).skip(offset).take(wanted).collect()
            }
            order => Walk::new(self, order, after)?.skip(offset).take(wanted).collect(),
        }
    }

    /// The log that an event is in, and its base.
    fn log_of(&self, at: &At<'_>) -> (LogNumber, u64) {
        let place = match at {
            At::Segment { place, .. } => self.places.get(*place),
            At::Tail(_) => None,
        };
        place.map_or((self.tail.log(), self.tail.base()), |place| (place.log(), place.base()))
    }

    fn page(&self, total: Option<u64>) -> Result<(Vec<Found>, Option<Cursor>), Error> {
        let limit = usize::try_from(self.query.page.limit).unwrap_or(usize::MAX).min(ORDERED_EVENTS_MAX);
        let mut ats = self.page_places(limit, total)?;
        let has_more = ats.len() > limit;
        ats.truncate(limit);
        let mut reader = Reader::new(self.places);
        let mut events = Vec::with_capacity(ats.len());
        let mut last = None;
        for at in &ats {
            self.cancel.check()?;
            let (log, base) = self.log_of(at);
            reader.read(at, &mut |row| {
                last = Some((row.occurred_ns, base + row.sequence));
                events.push(Found::of(log, row));
            })?;
        }
        let order = self.query.order;
        let next = last.filter(|_| has_more);
        Ok((events, next.map(|(occurred_ns, sequence)| Cursor { order, occurred_ns, sequence })))
    }
}
