//! `kill -9` in the midst of flushes and compaction: what was acknowledged is there once, and no file is left over.
//!
//! A child, which is this test's own program, writes, flushes and compacts until it is killed: after a while, or by
//! `strace` at one system call of many. It notes what was acknowledged in a file, which outlives it.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use trailbook_store::{Clock, Error, Options, Store, Tuning, check};

use crate::database::Database;
use crate::logs;
use crate::segments::everything;
use crate::writes::{Sender, assert_dense, event_of_day};

on_both!(a_kill_loses_and_doubles_nothing,);

const DIR: &str = "TRAILBOOK_TEST_KILL_DIR";
const CATALOG: &str = "TRAILBOOK_TEST_KILL_CATALOG";
const NOTES: &str = "TRAILBOOK_TEST_KILL_NOTES";
const ROUND: &str = "TRAILBOOK_TEST_KILL_ROUND";

/// When the child is killed.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// After so many milliseconds.
    After(u64),
    /// Where one of its threads comes to this system call for this time.
    At(&'static str, u32),
}

const KILLS: [Kill; 9] = [
    Kill::At("rename", 1),
    Kill::After(500),
    Kill::At("rename", 2),
    Kill::At("fsync", 2),
    Kill::At("rename", 3),
    Kill::At("unlink", 3),
    Kill::After(900),
    Kill::At("fsync", 5),
    Kill::At("unlink", 4),
];

fn tuning() -> Tuning {
    Tuning { chunk_events: 50, flush_events: 200, flush_age_ms: 300, ..Tuning::default() }
}

async fn a_kill_loses_and_doubles_nothing(database: &Database) {
    // The organization, and what opens it again.
    let sender = Sender::of(&Arc::new(database.open().await), "killed").await;
    sender.close().await;
    let notes = TempDir::new().unwrap();
    let notes = notes.path().join("notes");
    let mut flushed = 0;
    for (round, kill) in KILLS.into_iter().enumerate() {
        run_child(database, &notes, round, kill).await;
        let store = Store::open(Options { tuning: tuning(), ..database.options() }).await.unwrap();
        let sender = sender.at(store);
        let found = everything(&sender.store.snapshot(sender.organization()));
        assert_dense(&found);
        let marks: BTreeMap<u64, String> = found.iter().map(|one| (one.sequence, mark_of(&one.canonical))).collect();
        assert_eq!(marks.values().collect::<HashSet<_>>().len(), marks.len(), "an event is doubled by {kill:?}");
        let acknowledged = std::fs::read_to_string(&notes).unwrap();
        let mut count = 0;
        for note in acknowledged.lines() {
            // The last line may be cut.
            let Some((sequence, mark)) = note.strip_suffix('.').and_then(|note| note.split_once(' ')) else { continue };
            assert_eq!(marks.get(&sequence.parse().unwrap()).map(String::as_str), Some(mark), "after {kill:?}");
            count += 1;
        }
        assert!(count > round, "nothing was acknowledged before {kill:?}");
        assert_eq!(sender.store.damage(), Vec::<String>::new());
        sender.store.integrate().await.unwrap();
        let log = logs::open_log(&sender).await;
        assert_eq!(logs::check(&sender, &log).await, found.len() as u64, "after {kill:?}");
        flushed = sender.store.segments_size().1;
        sender.close().await;
        assert_files_are_those_of_the_manifest(database).await;
        let checked = check(database.dir(), database.url().as_deref(), false, |_| {}).await.unwrap();
        assert_eq!(checked.damage, [""; 0], "after {kill:?}");
    }
    assert!(flushed > 0, "nothing came to segments");
}

async fn run_child(database: &Database, notes: &Path, round: usize, kill: Kill) {
    let this = std::env::current_exe().unwrap();
    let mut command = match kill {
        Kill::After(_) => Command::new(this),
        Kill::At(call, time) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
            strace.arg("-e").arg(format!("inject={call}:signal=KILL:when={time}")).arg(this);
            strace
        }
    };
    command.args(["--exact", "kill::child", "--test-threads=1"]).env(DIR, database.dir()).env(NOTES, notes);
    command.env(ROUND, round.to_string()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    if let Some(url) = database.url() {
        command.env(CATALOG, url);
    }
    let mut child = command.spawn().expect("install strace, or run `cargo xtask test`");
    if let Kill::After(ms) = kill {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        child.kill().unwrap();
    }
    let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert!(!status.success(), "the child ended by itself, and not by {kill:?}");
}

fn mark_of(canonical: &str) -> String {
    let (_, rest) = canonical.split_once(r#""mark":""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// Segments that were replaced keep their files for a while; the manifest knows them.
async fn assert_files_are_those_of_the_manifest(database: &Database) {
    let files = std::fs::read_dir(database.dir().join("segments")).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.pop().as_deref(), Some("catalog"), "it is there before the first segment");
    let mut known = 0;
    for name in &names {
        let (id, kind) = name.split_once('.').unwrap();
        assert!(kind == "rows" || kind == "index", "{name} is left over");
        let id: i64 = id.parse().unwrap();
        known += database.number(&format!("SELECT COUNT(*) FROM segments WHERE id = {id}")).await;
    }
    assert_eq!(known, names.len() as i64, "{names:?} are not all in the manifest");
    let is_there = |id: &i64| ["rows", "index"].iter().all(|kind| names.contains(&format!("{id:010}.{kind}")));
    let last = database.number("SELECT COALESCE(MAX(id), 0) FROM segments").await;
    for id in 1..=last {
        let used = format!("SELECT COUNT(*) FROM segments WHERE id = {id} AND removed_ms IS NULL");
        assert!(database.number(&used).await == 0 || is_there(&id), "files of segment {id} are missing: {names:?}");
    }
}

/// What is killed. Run as a test of its own, it does nothing.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options {
            data_dir: dir.into(),
            catalog: std::env::var(CATALOG).ok(),
            idempotency_window_ms: 1_000,
            clock: quick_clock(),
            tuning: tuning(),
            logs: Default::default(),
        };
        let sender = Sender::of(&Arc::new(Store::open(options).await.unwrap()), "killed").await;
        let write = |writer| write_until_killed(sender.clone(), writer);
        tokio::join!(write(0), write(1), write(2), move_until_killed(&sender.store));
    });
}

/// A clock on which minutes pass in a second, so that files of replaced segments go soon.
fn quick_clock() -> Clock {
    let start = tokio::time::Instant::now();
    let system = Clock::system();
    Clock::from_fn(move || system.now_ms() + start.elapsed().as_millis() as i64 * 200)
}

async fn write_until_killed(sender: Sender, writer: usize) {
    let round = std::env::var(ROUND).unwrap();
    let mut notes = std::fs::File::options().create(true).append(true).open(std::env::var_os(NOTES).unwrap()).unwrap();
    for n in 0..100_000 {
        let marks: Vec<String> = (0..=n % 20).map(|i| format!("{round}-{writer}-{n}-{i}")).collect();
        let day = |i: usize| (n + i * 7) as i64 % 40;
        let items = marks.iter().enumerate().map(|(i, mark)| event_of_day(day(i), mark)).collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        match sender.send(items).await {
            Ok(appended) => {
                let line = |(sequence, mark): (&u64, &String)| format!("{sequence} {mark}.\n");
                let lines: String = appended.sequences.iter().zip(&marks).map(line).collect();
                notes.write_all(lines.as_bytes()).unwrap();
            }
            Err(Error::Busy | Error::Full { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn move_until_killed(store: &Store) {
    for _ in 0..100_000 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.flush().await.unwrap();
        while store.compact().await.unwrap() {}
    }
}
