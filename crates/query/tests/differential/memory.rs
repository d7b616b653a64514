//! What a query takes in memory: a small part of what it looks at. Measured in a process of its own, which only asks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use trailbook_event::limits::{CONDITION_VALUES_MAX, CONDITIONS_MAX};
use trailbook_query::{Cancel, Condition, FieldRef, Match, Query, run};
use trailbook_store::{Snapshot, Store};

use crate::events::numbered;
use crate::state::{State, open};

/// Says to the process that asks where the store is.
const FOLDER: &str = "TRAILBOOK_TEST_MEMORY";
const VALUES: u64 = 8_000;
/// By how much the memory of the process may grow while it asks.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;

fn run_async(test: impl AsyncFnOnce()) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test());
}

/// The most memory that the process ever had.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// The folder of the store, in the process that asks.
fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs a test of this file again, in a process of its own.
fn ask_in_own_process(name: &str, folder: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", "--nocapture", name]).env(FOLDER, folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

async fn opened(folder: &Path) -> (Store, Snapshot) {
    let store = open(folder, &Arc::new(AtomicI64::new(1_768_478_400_000)), 1_000_000).await;
    let (organization, _) = store.catalog().organization_or_new("log-0").await.unwrap();
    let snapshot = store.snapshot(&organization);
    (store, snapshot)
}

/// Asks, and looks at what it takes.
#[track_caller]
fn assert_small(snapshot: &Snapshot, query: &Query, total: u64) {
    let before = peak_bytes();
    assert_eq!(run(snapshot, query, &Cancel::default()).unwrap().total, Some(total));
    let growth = peak_bytes() - before;
    assert!(growth < GROWTH_BYTES_MAX, "the query took {growth} bytes");
}

#[test]
fn many_prefixes_take_little_memory() {
    run_async(async || {
        let Some(folder) = folder() else {
            let mut state = State::new(1, 1_000_000).await;
            // Every value twice, so that the index lists it.
            for _ in 0..2 {
                state.append(0, numbered(10_000..10_000 + VALUES, "2026-01-15T12:00:00Z")).await;
            }
            // One that does not begin so.
            state.append(0, numbered(2..3, "2026-01-15T12:00:00Z")).await;
            state.store.flush().await.unwrap();
            state.store.close().await;
            return ask_in_own_process("memory::many_prefixes_take_little_memory", state.dir.path());
        };
        let (store, snapshot) = opened(&folder).await;
        let any_of = vec![Match::StartsWith("1".to_owned()); CONDITION_VALUES_MAX];
        let field = FieldRef::Meta(vec!["number".to_owned()]);
        let condition = Condition { field, is_negated: false, any_of };
        let query = Query { conditions: vec![condition; CONDITIONS_MAX], ..Query::default() };
        assert_small(&snapshot, &query, 2 * VALUES);
        store.close().await;
    });
}
