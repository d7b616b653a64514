//! Writes and syncs of the catalog's file that fail: each test runs itself once more under `strace`, which injects
//! them.

use std::process::Command;

use trailbook_store::Error;

use crate::database::{Database, on_sqlite};
use crate::writes::{Sender, assert_dense, event};

/// Says to a test that it runs under `strace`.
const INSIDE: &str = "TRAILBOOK_TEST_UNDER_STRACE";
/// Writes of one run: the faults come in the midst of them. `strace` counts for each thread by itself, and each of the
/// five connections has one.
const WRITES: u32 = 250;

fn with_fault(test: &str, inject: &str, behaviour: impl AsyncFnOnce(&Database)) {
    if std::env::var_os(INSIDE).is_some() {
        return on_sqlite(behaviour);
    }
    let this = std::env::current_exe().unwrap();
    let strace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,fdatasync", "-e"];
    let status = Command::new("strace")
        .args(strace)
        .arg(format!("inject={inject}"))
        .arg(this)
        .args(["--exact", test, "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("install strace, or run `cargo xtask test`");
    assert!(status.success(), "under strace: {status}");
}

/// Writes one event after another; the results in order.
async fn write(sender: &Sender) -> Vec<Result<u64, Error>> {
    let mut results = Vec::new();
    for n in 0..WRITES {
        results.push(sender.send(vec![event(&format!("e{n}"))]).await.map(|appended| appended.sequences[0]));
    }
    results
}

#[test]
fn a_disk_that_is_full_for_a_while_refuses_writes_for_a_while() {
    let inject = "pwrite64:error=ENOSPC:when=150..250";
    with_fault("disk::a_disk_that_is_full_for_a_while_refuses_writes_for_a_while", inject, async |database| {
        let sender = Sender::new(database.open().await).await;
        let results = write(&sender).await;
        let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!(!refused.is_empty(), "the disk was full");
        assert!(refused.iter().all(|error| matches!(error, Error::DiskFull)), "{refused:?}");
        assert!(results.first().unwrap().is_ok(), "there was room at first");
        assert!(results.iter().skip_while(|result| result.is_ok()).any(Result::is_ok), "there was room again");
        everything_acknowledged_is_there(database, sender, &results).await;
    });
}

#[test]
fn a_sync_that_fails_poisons_the_store() {
    // Once: what the system forgot after the first failure, it does not report again.
    let inject = "fsync,fdatasync:error=EIO:when=30";
    with_fault("disk::a_sync_that_fails_poisons_the_store", inject, async |database| {
        let sender = Sender::new(database.open().await).await;
        let results = write(&sender).await;
        let good = results.iter().take_while(|result| result.is_ok()).count();
        assert!(good > 0 && good < results.len(), "{good} of {WRITES} writes succeeded");
        assert!(results.iter().skip(good).all(|result| matches!(result, Err(Error::Poisoned))), "{results:?}");
        sender.store.poisoned().await;
        assert_eq!(sender.found().len(), good);
        sender.close().await;

        // The event whose outcome was not known is there or is not; all before it are.
        let sender = sender.at(database.open().await);
        let found = sender.found();
        assert_dense(&found);
        assert!(found.len() == good || found.len() == good + 1, "{} after {good}", found.len());
        assert_eq!(sender.send(vec![event("later")]).await.unwrap().sequences, [found.len() as u64]);
        sender.close().await;
    });
}

async fn everything_acknowledged_is_there(database: &Database, sender: Sender, results: &[Result<u64, Error>]) {
    let acknowledged: Vec<u64> = results.iter().filter_map(|result| result.as_ref().ok()).copied().collect();
    let before = sender.found();
    assert_dense(&before);
    assert_eq!(acknowledged, before.iter().map(|found| found.sequence).collect::<Vec<_>>());
    sender.close().await;
    let sender = sender.at(database.open().await);
    assert_eq!(sender.found(), before);
    sender.close().await;
}
