//! Readers that see part of the events: lists that overlap, lists of targets, many lists, and none.

use serde_json::json;
use trailbook_event::limits::{CONDITIONS_MAX, NARROWINGS_MAX};
use trailbook_event::{ContextKey, Field};
use trailbook_query::{
    Cancel, Condition, FieldRef, Match, Narrowing, Order, Page, Query, Start, Steps, facet, histogram, run, scan,
};
use trailbook_store::{Item, Snapshot};

use crate::events::of_json;
use crate::state::State;

fn run_async(test: impl AsyncFnOnce()) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test());
}

/// Events of three projects in turn, each with two targets.
fn items(count: u64) -> Vec<Item> {
    let item = |number: u64| {
        let project = ["x", "y", "z"][(number % 3) as usize];
        of_json(
            number,
            &json!({
                "occurred_at": "2026-01-15T12:00:00Z",
                "source": "catalog",
                "action": "a",
                "context": {"project": project},
                "outcome": if number.is_multiple_of(2) { "failed" } else { "succeeded" },
                "targets": [
                    {"type": "entity", "id": format!("e{}", number % 5)},
                    {"type": "file", "id": format!("f{}", number % 5)},
                ],
                "meta": {"number": number},
            }),
        )
    };
    (0..count).map(item).collect()
}

fn project(name: &str) -> Condition {
    Condition::is(Field::Context(ContextKey::Project), name)
}

fn within(lists: Vec<Vec<Condition>>) -> Query {
    Query { within: Some(Narrowing::new(lists).unwrap()), ..Query::default() }
}

fn total(snapshot: &Snapshot, query: &Query) -> u64 {
    run(snapshot, query, &Cancel::default()).unwrap().total.unwrap()
}

/// Asks while the events are in frames, in chunks and in a segment.
fn in_every_place(count: u64, ask: impl Fn(&Snapshot)) {
    run_async(async || {
        let mut state = State::new(1, 1_000_000).await;
        state.append(0, items(count)).await;
        ask(&state.snapshot(0));
        state.store.chunk().await.unwrap();
        ask(&state.snapshot(0));
        state.store.flush().await.unwrap();
        ask(&state.snapshot(0));
        state.store.close().await;
    });
}

#[test]
fn a_reader_of_one_project_sees_nothing_of_another() {
    in_every_place(300, |snapshot| {
        let query = within(vec![vec![project("x")]]);
        assert_eq!(total(snapshot, &query), 100);
        let other = Query { conditions: vec![project("y")], ..query.clone() };
        assert_eq!(total(snapshot, &other), 0);
        let field = FieldRef::Field(Field::Context(ContextKey::Project));
        let found = facet(snapshot, &query, &field, 10, &Cancel::default()).unwrap();
        assert_eq!((found.values, found.distinct), (vec![("x".to_owned(), 100)], 1));
        let steps = Steps { from_ns: 1_768_478_400_000_000_000, step_ns: 1_000_000_000, count: 1 };
        assert_eq!(histogram(snapshot, &query, steps, &Cancel::default()).unwrap()[0].events, 100);
        for order in [Order::Newest, Order::Oldest, Order::Sequence] {
            let page = Page { limit: 1_000, start: Start::Offset(0) };
            let answer = run(snapshot, &Query { order, page, ..query.clone() }, &Cancel::default()).unwrap();
            assert!(answer.events.len() == 100 && answer.events.iter().all(|found| found.sequence % 3 == 0));
            let mut scanned = 0;
            scan(snapshot, &Query { order, ..query.clone() }, &Cancel::default(), |_, row| {
                assert_eq!(row.sequence % 3, 0);
                scanned += 1;
                true
            })
            .unwrap();
            assert_eq!(scanned, 100);
        }
    });
}

#[test]
fn lists_are_put_together_and_overlap() {
    in_every_place(300, |snapshot| {
        let failed = || Condition::is(Field::Outcome, "failed");
        let asked = |lists: Vec<Vec<Condition>>| total(snapshot, &within(lists));
        assert_eq!(asked(vec![vec![project("x")], vec![project("y")]]), 200);
        assert_eq!(asked(vec![vec![project("x")], vec![project("x"), failed()]]), 100);
        assert_eq!(asked(vec![vec![project("x"), failed()], vec![project("y")]]), 150);
        assert_eq!(asked(vec![vec![project("x")], vec![failed()]]), 200);
        // A list of no conditions sees everything, no list nothing.
        assert_eq!(asked(vec![vec![project("x")], Vec::new()]), 300);
        assert_eq!(asked(Vec::new()), 0);
        assert_eq!(asked(vec![vec![project("nowhere")]]), 0);
        let not_x = Condition::is_not(Field::Context(ContextKey::Project), "x");
        assert_eq!(asked(vec![vec![not_x.clone()], vec![not_x, failed()]]), 200);
    });
}

#[test]
fn one_target_meets_a_list_and_another_the_query() {
    in_every_place(300, |snapshot| {
        let is =
            |kind: &str, id: &str| vec![Condition::is(Field::TargetType, kind), Condition::is(Field::TargetId, id)];
        // No one target is a file with the id of an entity.
        assert_eq!(total(snapshot, &within(vec![is("file", "e1")])), 0);
        assert_eq!(total(snapshot, &within(vec![is("file", "e1"), is("entity", "f2")])), 0);
        assert_eq!(total(snapshot, &within(vec![is("file", "f1"), is("file", "e2"), is("entity", "e3")])), 120);
        assert_eq!(total(snapshot, &within(vec![is("file", "e1"), is("entity", "e1")])), 60);
        let query = Query { conditions: is("entity", "e1"), ..within(vec![is("file", "f1"), is("file", "f2")]) };
        assert_eq!(total(snapshot, &query), 60);
        let query = Query { conditions: is("entity", "f1"), ..within(vec![is("file", "f1")]) };
        assert_eq!(total(snapshot, &query), 0);
    });
}

#[test]
fn as_many_lists_as_there_may_be_are_asked() {
    in_every_place(3_000, |snapshot| {
        // Each sees one number of hundred, said as often as a list may say it.
        let list = |number: usize| {
            let any_of = (number..3_000).step_by(100).map(|n| Match::Is(n.to_string())).collect();
            let condition = Condition { field: FieldRef::Meta(vec!["number".to_owned()]), is_negated: false, any_of };
            vec![condition; CONDITIONS_MAX]
        };
        let query = within((0..NARROWINGS_MAX).map(list).collect());
        assert_eq!(total(snapshot, &query), 30 * NARROWINGS_MAX as u64);
        let failed = Query { conditions: vec![Condition::is(Field::Outcome, "failed")], ..query };
        assert_eq!(total(snapshot, &failed), 15 * NARROWINGS_MAX as u64);
    });
}
