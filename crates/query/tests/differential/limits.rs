//! Queries that are too large, and queries that nobody waits for.

use trailbook_event::Field;
use trailbook_event::limits::{FACET_VALUES_MAX, GROUPS_MAX, HISTOGRAM_STEPS_MAX, ORDERED_EVENTS_MAX};
use trailbook_query::{Cancel, Error, FieldRef, Order, Page, Query, Start, Steps, facet, histogram, run, scan};
use trailbook_store::Snapshot;

use crate::events::{Kind, event, numbered, of_groups};
use crate::state::State;

fn run_async(test: impl AsyncFnOnce()) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test());
}

async fn filled() -> State {
    let kind = Kind::of_one_day();
    let mut state = State::new(1, 1_000_000).await;
    state.append(0, (0..100).map(|seed| event(seed, &kind)).collect()).await;
    state
}

#[test]
fn a_cancelled_query_stops() {
    run_async(async || {
        let state = filled().await;
        all_are_cancelled(&state.snapshot(0));
        state.store.chunk().await.unwrap();
        all_are_cancelled(&state.snapshot(0));
        state.store.flush().await.unwrap();
        all_are_cancelled(&state.snapshot(0));
        state.store.close().await;
    });
}

fn all_are_cancelled(snapshot: &Snapshot) {
    let cancel = Cancel::default();
    cancel.cancel();
    for order in [Order::Newest, Order::Oldest, Order::Sequence] {
        for wants_total in [true, false] {
            let query = Query { order, wants_total, ..Query::default() };
            assert_eq!(run(snapshot, &query, &cancel), Err(Error::Cancelled), "{query:?}");
            let result = scan(snapshot, &query, &cancel, |_, _| panic!("a cancelled scan gives nothing"));
            assert_eq!(result, Err(Error::Cancelled), "{query:?}");
        }
    }
    let query = Query::default();
    let field = FieldRef::Field(Field::Source);
    assert_eq!(facet(snapshot, &query, &field, 10, &cancel), Err(Error::Cancelled));
    let steps = Steps { from_ns: 0, step_ns: 1, count: 1 };
    assert_eq!(histogram(snapshot, &query, steps, &cancel), Err(Error::Cancelled));
}

#[test]
fn a_scan_is_cancelled_in_its_middle() {
    run_async(async || {
        let state = filled().await;
        state.store.flush().await.unwrap();
        // A second segment, which the scan is not to look into.
        let old = numbered(0..1, "1990-01-01T00:00:00Z");
        let mut state = state;
        state.append(0, old).await;
        state.store.flush().await.unwrap();
        let cancel = Cancel::default();
        let mut found = 0;
        let result = scan(&state.snapshot(0), &Query::default(), &cancel, |_, _| {
            found += 1;
            cancel.cancel();
            true
        });
        assert_eq!(result, Err(Error::Cancelled), "after {found} events");
        assert!(found < 101, "{found}");
        state.store.close().await;
    });
}

#[test]
fn a_scan_is_cancelled_in_the_middle_of_a_segment() {
    run_async(async || {
        let mut state = State::new(1, 1_000_000).await;
        state.append(0, numbered(0..10_000, "2026-01-15T12:00:00Z")).await;
        state.store.flush().await.unwrap();
        for order in [Order::Newest, Order::Oldest] {
            let cancel = Cancel::default();
            let mut found = 0;
            let result = scan(&state.snapshot(0), &Query { order, ..Query::default() }, &cancel, |_, _| {
                found += 1;
                cancel.cancel();
                true
            });
            assert_eq!(result, Err(Error::Cancelled), "after {found} events");
            assert!(found < 5_000, "{found}");
        }
        state.store.close().await;
    });
}

#[test]
fn a_page_has_a_limit() {
    run_async(async || {
        let max = ORDERED_EVENTS_MAX as u64;
        let mut state = State::new(1, 1_000_000).await;
        for first in [0, max / 2] {
            state.append(0, numbered(first..first + max / 2, "2026-01-15T12:00:00Z")).await;
        }
        state.append(0, numbered(max..max + 2, "2026-01-15T12:00:01Z")).await;
        state.store.flush().await.unwrap();
        for order in [Order::Newest, Order::Oldest, Order::Sequence] {
            let page = |limit: u64, offset: u64| {
                let page = Page { limit, start: Start::Offset(offset) };
                let query = Query { order, page, ..Query::default() };
                let answer = run(&state.snapshot(0), &query, &Cancel::default()).unwrap();
                (answer.events.len() as u64, answer.next.is_some())
            };
            assert_eq!(page(max, 0), (max, true), "{order:?}");
            // Another event is on the next page.
            assert_eq!(page(max + 1, 0), (max, true), "{order:?}");
            assert_eq!(page(max + 1, 2), (max, false), "{order:?}");
            // Beyond what a query orders at once, beyond the last, and beyond all numbers.
            assert_eq!(page(10, max), (2, false), "{order:?}");
            assert_eq!(page(10, max + 2), (0, false), "{order:?}");
            assert_eq!(page(u64::MAX, u64::MAX), (0, false), "{order:?}");
        }
        state.store.close().await;
    });
}

#[test]
fn a_histogram_has_a_limit() {
    run_async(async || {
        let state = filled().await;
        let asked = |count: usize, step_ns: i64| {
            let steps = Steps { from_ns: 0, step_ns, count };
            histogram(&state.snapshot(0), &Query::default(), steps, &Cancel::default())
        };
        assert_eq!(asked(HISTOGRAM_STEPS_MAX, 1).unwrap().len(), HISTOGRAM_STEPS_MAX);
        assert!(matches!(asked(HISTOGRAM_STEPS_MAX + 1, 1), Err(Error::TooLarge(_))));
        assert!(matches!(asked(1, 0), Err(Error::TooLarge(_))));
        state.store.close().await;
    });
}

#[test]
fn a_facet_has_a_limit() {
    run_async(async || {
        let mut state = State::new(1, 1_000_000).await;
        let max = FACET_VALUES_MAX as u64;
        let groups = GROUPS_MAX as u64;
        let all = (0..max).step_by(GROUPS_MAX).map(|first| of_groups(first..first + groups));
        state.append(0, all.collect()).await;
        let group = FieldRef::Field(Field::ActorGroupId);
        let asked = |state: &State| facet(&state.snapshot(0), &Query::default(), &group, 3, &Cancel::default());
        let check = |state: &State, too_many: bool| {
            let found = asked(state);
            match too_many {
                false => assert_eq!(found.map(|facet| facet.distinct), Ok(max)),
                true => assert!(matches!(found, Err(Error::TooLarge(_))), "{found:?}"),
            }
        };
        check(&state, false);
        state.append(0, vec![of_groups(0..1)]).await;
        state.store.chunk().await.unwrap();
        check(&state, false);
        state.append(0, vec![of_groups(max..max + 1)]).await;
        check(&state, true);
        state.store.chunk().await.unwrap();
        check(&state, true);
        state.store.close().await;
    });
}
