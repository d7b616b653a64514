//! Writes and syncs of files that fail: each test runs itself once more under `strace`, which injects them. And disks
//! that are nearly full.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trailbook_store::{Disk, Error, Options, Store, Tuning};

use crate::database::{Database, on_sqlite};
use crate::segments::everything;
use crate::writes::{Sender, assert_dense, event, event_of_day};

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

#[test]
fn a_disk_that_is_full_during_a_flush_keeps_events_where_they_are() {
    // SQLite syncs by `fsync`, so only files of ours are meant; of each thread five times after the first two, which
    // are those that opening the store makes: the file that names the catalog, and the one of checkpoints.
    let inject = "fdatasync:error=ENOSPC:when=3..7";
    with_fault("disk::a_disk_that_is_full_during_a_flush_keeps_events_where_they_are", inject, async |database| {
        let sender = Sender::new(database.open().await).await;
        // Three segments, so more files than two.
        let items = (0..200).map(|n| event_of_day(1 + 60 * (n % 3), &format!("m{n}"))).collect();
        sender.send(items).await.unwrap();
        let all = sender.found();
        let segments = database.dir().join("segments");
        // Beside the one that names the catalog.
        let files = || std::fs::read_dir(&segments).unwrap().count() - 1;
        let mut failures = 0;
        while let Err(error) = sender.store.flush().await {
            assert!(matches!(error, Error::DiskFull), "{error:?}");
            assert!(everything(&sender.store.snapshot(sender.organization())) == all, "events stay where they are");
            assert_eq!((sender.store.segments_size().0, files()), (0, 0), "nothing of a failed flush is left");
            assert_eq!(sender.send(vec![]).await.unwrap().recorded, 0);
            failures += 1;
            assert!(failures < 200, "there was room again");
        }
        assert!(failures > 0, "the disk was full");
        assert_eq!(sender.store.segments_size().1, 200);
        assert!(everything(&sender.store.snapshot(sender.organization())) == all);
        sender.close().await;
        let sender = sender.at(database.open().await);
        assert!(everything(&sender.store.snapshot(sender.organization())) == all);
        sender.close().await;
    });
}

on_both!(
    a_disk_that_is_nearly_full_takes_no_events_for_a_while,
    a_file_that_cannot_be_made_keeps_events_where_they_are,
);

async fn a_disk_that_is_nearly_full_takes_no_events_for_a_while(database: &Database) {
    let free = Arc::new(AtomicU64::new(u64::MAX / 4));
    let disk = Disk::from_fn({
        let free = Arc::clone(&free);
        move |_| Ok((free.load(Ordering::SeqCst), 100 << 30))
    });
    let tuning = Tuning { disk, ..Tuning::default() };
    let sender = Sender::new(Store::open(Options { tuning, ..database.options() }).await.unwrap()).await;
    sender.send(vec![event("a")]).await.unwrap();
    assert!(!sender.store.is_disk_low());

    // Five of a hundred is kept free, to the byte.
    free.store((5 << 30) - 1, Ordering::SeqCst);
    is_low(&sender, true).await;
    assert!(matches!(sender.send(vec![event("b")]).await, Err(Error::DiskFull)));
    assert_eq!(sender.found().len(), 1, "what is there is read");
    sender.store.flush().await.unwrap();
    assert_eq!(everything(&sender.store.snapshot(sender.organization())).len(), 1, "and moved");

    free.store(5 << 30, Ordering::SeqCst);
    is_low(&sender, false).await;
    assert_eq!(sender.send(vec![event("b")]).await.unwrap().sequences, [1]);
    sender.close().await;
}

/// Waits until the store has looked.
async fn is_low(sender: &Sender, wanted: bool) {
    while sender.store.is_disk_low() != wanted {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_file_that_cannot_be_made_keeps_events_where_they_are(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(vec![event_of_day(1, "a"), event_of_day(60, "b")]).await.unwrap();
    let all = sender.found();
    // In the way of the second segment's index.
    let in_the_way = database.dir().join("segments/0000000002.index.part");
    std::fs::create_dir(&in_the_way).unwrap();
    let error = sender.store.flush().await.unwrap_err();
    assert!(matches!(&error, Error::File { .. }), "{error:?}");
    assert!(error.to_string().contains("0000000002.index"), "{error}");
    let names = std::fs::read_dir(database.dir().join("segments")).unwrap();
    let names: Vec<_> = names.map(|file| file.unwrap().file_name()).filter(|name| name != "catalog").collect();
    assert_eq!(names, ["0000000002.index.part"], "the first one is gone again");
    assert!(everything(&sender.store.snapshot(sender.organization())) == all);
    std::fs::remove_dir(&in_the_way).unwrap();
    sender.store.flush().await.unwrap();
    assert_eq!(sender.store.segments_size().1, 2);
    assert!(everything(&sender.store.snapshot(sender.organization())) == all);
    sender.close().await;
}
