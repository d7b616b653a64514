//! Every answer to a query beside the naive one.

use std::sync::atomic::{AtomicU64, Ordering};

use trailbook_query::{
    Answer, Cancel, Cursor, FieldRef, Order, Page, Query, Start, Steps, facet, histogram, run, scan,
};
use trailbook_store::Snapshot;

use crate::oracle::{self, Known};
use crate::queries;
use crate::random::Random;

/// Queries that were compared, and those of them that find something.
pub(crate) static QUERIES: AtomicU64 = AtomicU64::new(0);
pub(crate) static HITS: AtomicU64 = AtomicU64::new(0);
/// Those that find something for a reader who does not see all that the same query would find.
pub(crate) static NARROWED: AtomicU64 = AtomicU64::new(0);

/// Asks a snapshot, of whose log these are all events, everything that a seed says.
pub(crate) fn check(snapshot: &Snapshot, known: &[Known], seed: u64) {
    let mut random = Random::new(seed);
    let query = queries::query(&mut random, known);
    QUERIES.fetch_add(1, Ordering::Relaxed);
    let want = oracle::matching(known, &query);
    HITS.fetch_add(u64::from(!want.is_empty()), Ordering::Relaxed);
    let is_narrowed = oracle::matching(known, &Query { within: None, ..query.clone() }).len() > want.len();
    NARROWED.fetch_add(u64::from(is_narrowed && !want.is_empty()), Ordering::Relaxed);
    check_page(snapshot, &query, &want, &mut random);
    check_walk(snapshot, &query, &want, &mut random);
    check_other_cursor(snapshot, (&query, known), &want, &mut random);
    check_scan(snapshot, &query, &want, &mut random);
    let wanted = random.pick_any(known);
    let field = queries::field(&mut random, wanted);
    check_facet(snapshot, &query, &want, (&field, &mut random));
    check_histogram(snapshot, &query, &want, queries::steps(&mut random, known));
}

fn answer(snapshot: &Snapshot, query: &Query) -> Answer {
    run(snapshot, query, &Cancel::default()).unwrap_or_else(|error| panic!("{error}: {query:?}"))
}

#[track_caller]
fn assert_events(answer: &Answer, want: &[&Known], query: &Query) {
    let sequences: Vec<u64> = answer.events.iter().map(|found| found.sequence).collect();
    let wanted: Vec<u64> = want.iter().map(|known| known.sequence).collect();
    assert_eq!(sequences, wanted, "{query:?}");
    for (found, known) in answer.events.iter().zip(want) {
        assert_eq!((found.recorded_ms, &found.canonical), (known.recorded_ms, &known.canonical), "{query:?}");
    }
}

fn check_page(snapshot: &Snapshot, query: &Query, want: &[&Known], random: &mut Random) {
    let offset = if random.one_in(2) { 0 } else { random.below(want.len() + 3) };
    let limit = *random.pick(&[1, 3, 10, 100, 1_000]);
    let page = Page { limit: limit as u64, start: Start::Offset(offset as u64) };
    let query = Query { page, ..query.clone() };
    let answer = answer(snapshot, &query);
    assert_eq!(answer.total, query.wants_total.then_some(want.len() as u64), "{query:?}");
    let from = offset.min(want.len());
    let to = (offset + limit).min(want.len());
    assert_events(&answer, &want[from..to.max(from)], &query);
    assert_eq!(answer.next.is_some(), want.len() > offset + limit, "{query:?}");
}

/// All pages, one after the other.
fn check_walk(snapshot: &Snapshot, query: &Query, want: &[&Known], random: &mut Random) {
    let limit = 1 + random.below(8) + want.len() / 8;
    let mut start = Start::Offset(0);
    let mut rest = want;
    loop {
        let page = Page { limit: limit as u64, start: start.clone() };
        let query = Query { page, ..query.clone() };
        let answer = answer(snapshot, &query);
        assert_eq!(answer.total, query.wants_total.then_some(want.len() as u64), "{query:?}");
        let (now, later) = rest.split_at(limit.min(rest.len()));
        assert_events(&answer, now, &query);
        rest = later;
        match answer.next {
            Some(next) => start = Start::After(Cursor::decode(&next.encode(), query.order).unwrap()),
            None => break,
        }
    }
    assert!(rest.is_empty(), "{} events are on no page: {query:?}", rest.len());
}

fn check_scan(snapshot: &Snapshot, query: &Query, want: &[&Known], random: &mut Random) {
    // Sometimes it is stopped early.
    let limit = if random.one_in(4) { 1 + random.below(want.len() + 1) } else { usize::MAX };
    let mut found = Vec::new();
    scan(snapshot, query, &Cancel::default(), |_, row| {
        found.push((row.sequence, row.recorded_ms, row.occurred_ns, row.canonical.to_vec()));
        found.len() < limit
    })
    .unwrap_or_else(|error| panic!("{error}: {query:?}"));
    let sequences: Vec<u64> = found.iter().map(|row| row.0).collect();
    let wanted: Vec<u64> = want.iter().map(|known| known.sequence).take(limit).collect();
    assert_eq!(sequences, wanted, "a scan of {query:?}");
    for (row, known) in found.iter().zip(want) {
        let known = (known.sequence, known.recorded_ms, known.occurred_ns, known.canonical.clone());
        assert_eq!(*row, known, "a scan of {query:?}");
    }
}

fn check_facet(snapshot: &Snapshot, query: &Query, want: &[&Known], (field, random): (&FieldRef, &mut Random)) {
    let limit = *random.pick(&[1, 5, 1_000_000]);
    let found = facet(snapshot, query, field, limit, &Cancel::default())
        .unwrap_or_else(|error| panic!("{error}: {field:?} of {query:?}"));
    let mut wanted = oracle::facet(want, field);
    assert_eq!(found.distinct, wanted.len() as u64, "{field:?} of {query:?}");
    wanted.truncate(limit);
    assert_eq!(found.values, wanted, "{field:?} of {query:?}");
}

fn check_histogram(snapshot: &Snapshot, query: &Query, want: &[&Known], steps: Steps) {
    let found = histogram(snapshot, query, steps, &Cancel::default())
        .unwrap_or_else(|error| panic!("{error}: {steps:?} of {query:?}"));
    assert_eq!(found.len(), steps.count);
    // No time lies behind the last that there is, and none is in a step that begins there.
    let last = i128::from(i64::MAX);
    for (number, bucket) in (0..).zip(&found) {
        let from = i128::from(steps.from_ns) + i128::from(steps.step_ns) * number;
        let to = (from + i128::from(steps.step_ns)).min(last);
        assert_eq!(i128::from(bucket.from_ns), from.min(last), "{steps:?}");
        assert_eq!(bucket.events, oracle::count_within(want, from, to), "step {number} of {steps:?} of {query:?}");
    }
}

fn place(order: Order, known: &Known) -> (i64, u64) {
    match order {
        Order::Newest => (!known.occurred_ns, !known.number),
        Order::Oldest => (known.occurred_ns, known.number),
        Order::Sequence => (0, known.number),
    }
}

/// A page after any event, which need not match.
fn check_other_cursor(snapshot: &Snapshot, (query, known): (&Query, &[Known]), want: &[&Known], random: &mut Random) {
    let all = Query { order: query.order, wants_total: false, ..Query::default() };
    let offset = random.below(known.len() + 1);
    let page = Page { limit: 1, start: Start::Offset(offset as u64) };
    let Some(next) = answer(snapshot, &Query { page, ..all.clone() }).next else { return };
    let after = place(query.order, oracle::matching(known, &all)[offset]);
    let rest: Vec<&Known> = want.iter().copied().filter(|known| place(query.order, known) > after).collect();
    let query = Query { page: Page { limit: 20, start: Start::After(next) }, ..query.clone() };
    let answer = answer(snapshot, &query);
    assert_events(&answer, &rest[..rest.len().min(20)], &query);
    assert_eq!(answer.next.is_some(), rest.len() > 20, "{query:?}");
    assert_eq!(answer.total, query.wants_total.then_some(want.len() as u64), "{query:?}");
}

/// Where a walk goes on over a newer snapshot: after the same event, with what has come since.
pub(crate) fn check_cursor(older: (&Snapshot, &[Known]), newer: (&Snapshot, &[Known]), seed: u64) {
    let mut random = Random::new(seed);
    let query = queries::query(&mut random, older.1);
    let want = oracle::matching(older.1, &query);
    if want.len() < 2 {
        return;
    }
    let limit = 1 + random.below(want.len() - 1);
    let first = Query { page: Page { limit: limit as u64, start: Start::Offset(0) }, ..query.clone() };
    let next = answer(older.0, &first).next.unwrap_or_else(|| panic!("there is no next page: {first:?}"));
    let last = want[limit - 1];
    let place = |known: &Known| place(query.order, known);
    let rest: Vec<&Known> =
        oracle::matching(newer.1, &query).into_iter().filter(|known| place(known) > place(last)).collect();
    let second = Query { page: Page { limit: 10, start: Start::After(next) }, ..query };
    assert_events(&answer(newer.0, &second), &rest[..rest.len().min(10)], &second);
}
