//! Many events in few segments: there rows come in groups, sets become bitmaps, and a scan goes in rounds.

use trailbook_event::limits::{FLUSH_WINDOWS_MAX, SEGMENTS_READ_MAX};
use trailbook_query::{Cancel, Order, Query, scan};

use crate::check::check;
use crate::events::{Kind, event, numbered};
use crate::oracle;
use crate::random::Random;
use crate::state::State;

/// Events of the default run.
const EVENTS: usize = 3_000;
/// More than a segment has room for shapes, and than a scan by sequence orders at once.
const EVENTS_OF_LONG_RUNS: usize = 20_000;
/// Events of one write.
const WRITE: usize = 1_000;

#[test]
fn many_events_are_found_as_few_are() {
    let cases = std::env::var("TRAILBOOK_TEST_CASES").map(|cases| cases.parse::<u64>().unwrap());
    let (runs, events) = cases.map_or((1, EVENTS), |cases| (cases / 60, EVENTS_OF_LONG_RUNS));
    let first = std::env::var("TRAILBOOK_TEST_SEED").map_or(0, |seed| seed.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    (first..first + runs).for_each(|seed| runtime.block_on(run(seed, events)));
}

async fn run(seed: u64, events: usize) {
    let mut random = Random::new(seed);
    let kind = Kind::new(random.next());
    let mut state = State::new(1, WRITE * 2).await;
    while state.logs[0].known.len() < events {
        state.pass(random.below(2_000) as i64);
        state.append(0, (0..WRITE).map(|_| event(random.next(), &kind)).collect()).await;
        if random.one_in(3) {
            state.store.flush().await.unwrap();
        }
    }
    let ask = |state: &State, random: &mut Random| {
        let snapshot = state.snapshot(0);
        (0..3).for_each(|_| check(&snapshot, &state.logs[0].known, random.next()));
    };
    ask(&state, &mut random);
    state.store.flush().await.unwrap();
    ask(&state, &mut random);
    // Then all days are past.
    state.pass(100 * 86_400_000);
    while state.store.compact().await.unwrap() {}
    ask(&state, &mut random);
    state.store.close().await;
}

#[test]
fn a_scan_goes_back_and_forth_between_many_segments() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut state = State::new(1, 1_000_000).await;
        let mut next = 0;
        while state.store.segments_size().0 <= SEGMENTS_READ_MAX as u64 {
            // One after the other of days that get a segment each.
            for _ in 0..4 {
                let days = (0..FLUSH_WINDOWS_MAX as u64).map(|day| format!("2026-01-{:02}T12:00:00Z", day + 1));
                let event = |(number, time): (u64, String)| numbered(number..number + 1, &time);
                let items: Vec<_> = (next..).zip(days).flat_map(event).collect();
                next += items.len() as u64;
                state.append(0, items).await;
            }
            state.store.flush().await.unwrap();
        }
        for order in [Order::Sequence, Order::Newest, Order::Oldest] {
            let query = Query { order, ..Query::default() };
            let wanted = oracle::matching(&state.logs[0].known, &query);
            let mut found = Vec::new();
            scan(&state.snapshot(0), &query, &Cancel::default(), |_, row| {
                found.push((row.sequence, row.canonical.to_vec()));
                true
            })
            .unwrap();
            assert!(found.iter().map(|row| row.0).eq(wanted.iter().map(|known| known.sequence)), "{order:?}");
            assert!(found.iter().map(|row| &row.1).eq(wanted.iter().map(|known| &known.canonical)), "{order:?}");
        }
        state.store.close().await;
    });
}

#[test]
fn a_scan_by_sequence_goes_in_rounds() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut state = State::new(1, 1_000_000).await;
        // Later ones happened earlier, but for the last.
        for (number, day) in [(0, 20), (1, 18), (2, 19), (3, 21)] {
            let first = number * 4_500;
            let time = format!("2026-01-{day}T12:00:00Z");
            state.append(0, numbered(first..first + 4_500, &time)).await;
            if number < 3 {
                state.store.flush().await.unwrap();
            }
        }
        let query = Query { order: Order::Sequence, ..Query::default() };
        let mut next = 0;
        scan(&state.snapshot(0), &query, &Cancel::default(), |_, row| {
            assert_eq!(row.sequence, next);
            next += 1;
            true
        })
        .unwrap();
        assert_eq!(next, 18_000);
        state.store.close().await;
    });
}
