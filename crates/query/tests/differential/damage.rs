//! A damaged file makes only those queries fail that need it, with an error that names it. No answer is wrong.

use std::path::{Path, PathBuf};

use trailbook_event::Field;
use trailbook_query::{Cancel, Condition, Error, Found, Order, Page, Query, Start, Term, TermKind, run, scan};

use crate::events::{Kind, event, numbered};
use crate::oracle;
use crate::random::Random;
use crate::state::State;

const OLD: &str = "2020-05-05T12:00:00Z";
const OLD_NS: i64 = 1_588_680_000_000_000_000;
/// Bytes of each file that are flipped, one by one, in the default run.
const FLIPS: usize = 8;

/// The files of segments, in the order of their names.
fn files(data_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data_dir.join("segments")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    // One names the catalog and belongs to no segment.
    files.retain(|file| file.extension().is_some());
    files.sort();
    files
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 0x40;
    std::fs::write(file, bytes).unwrap();
}

/// All events of a query.
fn all(state: &State, query: &Query) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    scan(&state.snapshot(0), query, &Cancel::default(), |log, row| {
        let canonical = row.canonical.to_vec();
        found.push(Found { log, sequence: row.sequence, recorded_ms: row.recorded_ms, canonical, salt: *row.salt });
        true
    })
    .map(|()| found)
}

fn queries() -> Vec<Query> {
    let newest = Query { wants_total: true, ..Query::default() };
    let with = |condition| Query { conditions: vec![condition], ..newest.clone() };
    let word = Term { is_negated: false, kind: TermKind::Word("disk".to_owned()) };
    vec![
        newest.clone(),
        Query { order: Order::Sequence, ..newest.clone() },
        with(Condition::is(Field::Source, "catalog")),
        with(Condition::is_not(Field::Action, "a")),
        Query { text: vec![word], ..newest.clone() },
        Query { recorded: (Some(0), None), occurred: (Some(OLD_NS + 1_000_000_000), None), ..newest },
    ]
}

/// A store with a segment of old events, one of new ones, and events in memory.
async fn filled() -> State {
    let kind = Kind::of_one_day();
    let mut state = State::new(1, 1_000_000).await;
    state.append(0, numbered(0..300, OLD)).await;
    state.append(0, (0..300).map(|seed| event(seed, &kind)).collect()).await;
    state.store.flush().await.unwrap();
    state.append(0, (300..350).map(|seed| event(seed, &kind)).collect()).await;
    assert_eq!(state.store.segments_size().0, 2);
    state
}

#[test]
fn damage_is_met_by_those_who_need_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut state = filled().await;
        let old = &files(state.dir.path())[..2].to_vec();
        let cases = std::env::var("TRAILBOOK_TEST_CASES").map(|cases| cases.parse::<usize>().unwrap());
        let flips = cases.map_or(FLIPS, |cases| cases / 10);
        let mut random = Random::new(7);
        let mut before: Option<(&Path, usize)> = None;
        for file in old {
            let name = file.file_name().unwrap().to_str().unwrap();
            let length = std::fs::read(file).unwrap().len();
            let mut failed = 0;
            for _ in 0..flips {
                let at = random.below(length);
                let change = |_: &Path| {
                    before.replace((file, at)).into_iter().for_each(|(file, at)| flip(file, at));
                    flip(file, at);
                };
                state.reopen(change).await;
                failed += check(&state, name, at);
            }
            assert!(failed > flips, "only {failed} queries of {flips} flips of {name} failed");
        }
        state.reopen(|_| before.take().into_iter().for_each(|(file, at)| flip(file, at))).await;
        assert_eq!(check(&state, "", 0), 0, "what was flipped back is whole");
        state.store.close().await;
    });
}

/// Asks all queries; gives how many failed.
fn check(state: &State, name: &str, at: usize) -> usize {
    let known = &state.logs[0].known;
    let mut failed = 0;
    for query in queries() {
        let want = oracle::matching(known, &query);
        let is_apart = query.occurred.0.is_some();
        match all(state, &query) {
            Ok(found) => {
                assert!(found.iter().map(|found| &found.canonical).eq(want.iter().map(|known| &known.canonical)));
            }
            Err(error) => {
                failed += 1;
                assert_named(&error, name, at, is_apart);
            }
        }
        match run(&state.snapshot(0), &query, &Cancel::default()) {
            Ok(answer) => {
                assert_eq!(answer.total, Some(want.len() as u64), "byte {at} of {name}: {query:?}");
                let first = want.iter().take(100).map(|known| &known.canonical);
                assert!(answer.events.iter().map(|found| &found.canonical).eq(first), "byte {at} of {name}: {query:?}");
            }
            Err(error) => {
                failed += 1;
                assert_named(&error, name, at, is_apart);
            }
        }
    }
    failed
}

fn assert_named(error: &Error, name: &str, at: usize, is_apart: bool) {
    assert!(!is_apart, "byte {at} of {name} is not needed, but: {error}");
    let Error::Damaged { what, .. } = error else { panic!("byte {at} of {name}: {error:?}") };
    assert!(what.contains(name), "byte {at} of {name}: {what}");
}

#[test]
fn a_missing_file_is_named() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut state = filled().await;
        let file = files(state.dir.path())[0].clone();
        state.reopen(|_| std::fs::remove_file(&file).unwrap()).await;
        let error = all(&state, &Query::default()).unwrap_err();
        assert!(error.to_string().contains(file.file_name().unwrap().to_str().unwrap()), "{error:?}");
        let apart = queries().pop().unwrap();
        assert_eq!(all(&state, &apart).unwrap().len(), oracle::matching(&state.logs[0].known, &apart).len());
        state.store.close().await;
    });
}

#[test]
fn a_page_leaves_older_segments_alone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut state = filled().await;
        let file = files(state.dir.path())[0].clone();
        state.reopen(|_| std::fs::remove_file(&file).unwrap()).await;
        let page = |limit: u64, wants_total: bool| {
            let conditions = vec![Condition::is_not(Field::Action, "nothing")];
            let page = Page { limit, start: Start::Offset(0) };
            run(&state.snapshot(0), &Query { conditions, page, wants_total, ..Query::default() }, &Cancel::default())
        };
        assert_eq!(page(100, false).unwrap().events.len(), 100);
        // There are 350 newer ones.
        assert_eq!(page(349, false).unwrap().events.len(), 349);
        assert!(page(350, false).is_err());
        assert!(page(100, true).is_err());
        state.store.close().await;
    });
}
