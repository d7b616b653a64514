//! Random events in random states of a store, asked random queries.

use std::sync::atomic::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use trailbook_store::Snapshot;

use crate::check::{HITS, NARROWED, QUERIES, check, check_cursor};
use crate::events::{Kind, event};
use crate::state::State;

const LOGS: usize = 3;
/// Cases in the default run, which is to be short; `TRAILBOOK_TEST_CASES` says otherwise.
const CASES: u32 = 40;

/// What is done with the store. Events and queries are made from seeds.
#[derive(Debug, Clone)]
enum Step {
    Append {
        log: usize,
        seeds: Vec<u64>,
        pass_ms: i64,
    },
    Chunk,
    Flush,
    Compact,
    CompactAll,
    Reopen,
    Freeze,
    Pass {
        days: i64,
    },
    Ask {
        log: usize,
        seed: u64,
    },
    /// Keeps a snapshot that has to give the same answers at the end.
    Keep {
        log: usize,
        seed: u64,
    },
}

fn seed() -> impl Strategy<Value = u64> {
    any::<u64>().no_shrink()
}

fn step() -> impl Strategy<Value = Step> {
    // Most events are in the first log.
    let log = || prop_oneof![4 => Just(0usize), 1 => 1..LOGS];
    let seeds = prop_oneof![3 => vec(seed(), 1..30), 1 => vec(seed(), 60..160)];
    let pass_ms = prop_oneof![3 => Just(0i64), 2 => 0..3i64, 1 => -5_000..10_000i64];
    prop_oneof![
        12 => (log(), seeds, pass_ms).prop_map(|(log, seeds, pass_ms)| Step::Append { log, seeds, pass_ms }),
        3 => Just(Step::Chunk),
        5 => Just(Step::Flush),
        2 => Just(Step::Compact),
        1 => Just(Step::CompactAll),
        1 => Just(Step::Reopen),
        1 => Just(Step::Freeze),
        1 => (1..40i64).prop_map(|days| Step::Pass { days }),
        6 => (log(), seed()).prop_map(|(log, seed)| Step::Ask { log, seed }),
        2 => (log(), seed()).prop_map(|(log, seed)| Step::Keep { log, seed }),
    ]
}

/// A snapshot, how many events it has, and what it is asked.
struct Kept {
    snapshot: Snapshot,
    log: usize,
    events: usize,
    seed: u64,
}

async fn run(kind: &Kind, chunk_events: usize, steps: Vec<Step>, seed: u64) {
    let mut state = State::new(LOGS, chunk_events).await;
    let mut kept: Vec<Kept> = Vec::new();
    for step in steps {
        match step {
            Step::Append { log, seeds, pass_ms } => {
                state.pass(pass_ms);
                state.append(log, seeds.into_iter().map(|seed| event(seed, kind)).collect()).await;
            }
            Step::Chunk => state.store.chunk().await.unwrap(),
            Step::Flush => state.store.flush().await.unwrap(),
            Step::Compact => drop(state.store.compact().await.unwrap()),
            Step::CompactAll => while state.store.compact().await.unwrap() {},
            Step::Reopen => state.reopen(|_| {}).await,
            Step::Freeze => state.freeze().await,
            Step::Pass { days } => state.pass(days * 86_400_000),
            Step::Ask { log, seed } => check(&state.snapshot(log), &state.logs[log].known, seed),
            Step::Keep { log, seed } => {
                let snapshot = state.snapshot(log);
                kept.push(Kept { snapshot, log, events: state.logs[log].known.len(), seed });
            }
        }
    }
    for (number, log) in state.logs.iter().enumerate() {
        let snapshot = state.snapshot(number);
        let queries = if log.known.is_empty() { 1 } else { 8 };
        (0..queries).for_each(|add| check(&snapshot, &log.known, seed.wrapping_add(add)));
    }
    for Kept { snapshot, log, events, seed } in kept {
        let known = &state.logs[log].known;
        (0..3).for_each(|add| check(&snapshot, &known[..events], seed.wrapping_add(add)));
        check_cursor((&snapshot, &known[..events]), (&state.snapshot(log), known), seed);
    }
    state.store.close().await;
}

#[test]
fn every_answer_is_that_of_a_naive_scan() {
    let cases = std::env::var("TRAILBOOK_TEST_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let number: u8 = std::env::var("TRAILBOOK_TEST_SEED").map_or(0, |seed| seed.parse().unwrap());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[number; 32]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let chunk_events = prop_oneof![1 => Just(1_000_000usize), 4 => 5..50usize];
    let case = (seed(), chunk_events, vec(step(), 1..20));
    let result = runner.run(&case, |(seed, chunk_events, steps)| {
        runtime.block_on(run(&Kind::new(seed), chunk_events, steps, seed));
        Ok(())
    });
    let [queries, hits, narrowed] = [&QUERIES, &HITS, &NARROWED].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{queries} queries were compared, {hits} find something, {narrowed} of which would find more if not narrowed"
    );
    if let Err(error) = result {
        panic!("{error}");
    }
}
