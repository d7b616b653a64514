//! Events move from frames to chunks, from chunks to segments, and are found once each wherever they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use trailbook_event::limits::{FLUSH_WINDOWS_MAX, REMOVED_SECONDS_MIN};
use trailbook_store::segment::RowReader;
use trailbook_store::{Clock, Error, Item, Options, Snapshot, Store, Tuning};

use crate::database::{Database, on_sqlite};
use crate::writes::{Found, Sender, SetClock, assert_dense, event_of_day, events, large_event};

on_both!(
    events_are_found_once_wherever_they_are,
    replaced_files_stay_as_long_as_a_query_may_take,
    late_events_share_a_segment,
    few_large_events_reach_the_disk,
    a_flush_of_more_than_a_segment_makes_several,
    a_flush_ends_while_events_come,
    few_segments_are_open_at_once,
    writes_wait_for_room_in_memory,
);

/// Every event of a snapshot, from its frames and its segments, by sequence.
pub(crate) fn everything(snapshot: &Snapshot) -> Vec<Found> {
    let mut found = BTreeMap::new();
    let mut add = |row: trailbook_store::Row<'_>| {
        let one = Found {
            sequence: row.sequence,
            recorded_ms: row.recorded_ms,
            occurred_ns: row.occurred_ns,
            canonical: String::from_utf8(row.canonical.to_vec()).unwrap(),
            spans: row.spans.to_vec(),
        };
        assert!(found.insert(row.sequence, one).is_none(), "sequence {} is there twice", row.sequence);
    };
    snapshot.rows().for_each(&mut add);
    for place in snapshot.segments() {
        let segment = place.open().unwrap();
        let mut reader = RowReader::new(&segment);
        place.part.rows.clone().for_each(|row| add(reader.row(row).unwrap()));
    }
    found.into_values().collect()
}

async fn events_are_found_once_wherever_they_are(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let mut want = Vec::new();
    for round in 0..6 {
        let names: Vec<String> = (0..300).map(|i| format!("r{round}-{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        sender.send(events(&names)).await.unwrap();
        want.extend(sender.found());
        want.sort_by_key(|row| row.sequence);
        want.dedup_by_key(|row| row.sequence);
        let snapshot = || sender.store.snapshot(sender.organization());
        let before = snapshot();
        match round % 3 {
            0 => sender.store.chunk().await.unwrap(),
            1 => sender.store.flush().await.unwrap(),
            _ => {}
        }
        assert_dense(&want);
        assert!(everything(&before) == want, "before, in round {round}");
        assert!(everything(&snapshot()) == want, "after, in round {round}");
    }
    assert_eq!(sender.store.segments_size().1, 1_500);
    while sender.store.compact().await.unwrap() {}
    assert!(everything(&sender.store.snapshot(sender.organization())) == want, "after compaction");
    sender.close().await;

    let again = sender.at(database.open().await);
    assert!(everything(&again.store.snapshot(again.organization())) == want, "after a restart");
    again.close().await;
}

async fn replaced_files_stay_as_long_as_a_query_may_take(database: &Database) {
    let clock = SetClock::at(START_MS);
    // Nothing is kept of files, so that they are read each time. More than 50 events wake the keeper.
    let tuning = Tuning { cache_bytes: 0, flush_events: 50, ..Tuning::default() };
    let options = Options { clock: clock.clock(), tuning, ..database.options() };
    let sender = Sender::new(Store::open(options).await.unwrap()).await;
    for round in 0..3 {
        let items = (0..40).map(|n| event_of_day(-200, &format!("m{round}-{n}"))).collect();
        sender.send(items).await.unwrap();
        sender.store.flush().await.unwrap();
    }
    let before = sender.store.snapshot(sender.organization());
    let want = everything(&before);
    while sender.store.compact().await.unwrap() {}
    assert_eq!(sender.store.segments_size().0, 1);
    let segments = database.dir().join("segments");
    let old_file = segments.join("0000000001.rows");
    assert!(old_file.exists());
    assert!(everything(&before) == want, "after compaction");

    let age_ms = i64::try_from(REMOVED_SECONDS_MIN).unwrap() * 1_000;
    clock.set(START_MS + age_ms);
    wake_keeper(&sender, 1).await;
    assert!(old_file.exists(), "it is not old enough");
    clock.set(START_MS + age_ms + 1);
    wake_keeper(&sender, 2).await;
    while old_file.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(everything(&before) == want, "who has it open reads on");
    let after = everything(&sender.store.snapshot(sender.organization()));
    assert!(after[..want.len()] == want);
    assert_eq!(after.len(), want.len() + 120);
    assert_eq!(sender.store.damage(), Vec::<String>::new());
    sender.close().await;
    assert_eq!(database.number("SELECT COUNT(*) FROM segments WHERE id <= 3").await, 0, "it is forgotten");
}

/// The time of these tests: February 2026.
const START_MS: i64 = 1_770_000_000_000;

/// Lets the keeper flush, and then look for what it can remove.
async fn wake_keeper(sender: &Sender, time: u64) {
    let items = (0..60).map(|n| event_of_day(30, &format!("w{time}-{n}"))).collect();
    sender.send(items).await.unwrap();
    while sender.store.recent_size().0 > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
}

async fn late_events_share_a_segment(database: &Database) {
    let clock = SetClock::at(START_MS);
    let sender = Sender::new(database.open_at(clock.clock()).await).await;
    // Twenty windows of four weeks, and some events of each; the first ones have most.
    let mut items = Vec::new();
    for window in 0..20 {
        for n in 0..40 - window {
            items.push(event_of_day(-28 * window, &format!("m{window}-{n}")));
        }
    }
    for some in items.chunks(100) {
        sender.send(some.iter().map(again).collect()).await.unwrap();
        sender.store.chunk().await.unwrap();
    }
    let want = everything(&sender.store.snapshot(sender.organization()));
    sender.store.flush().await.unwrap();
    assert_eq!(sender.store.segments_size().0, FLUSH_WINDOWS_MAX as u64 + 1);
    let mixed = "SELECT COUNT(*) FROM segments WHERE days = 0 AND removed_ms IS NULL";
    assert_eq!(database.number(mixed).await, 1);
    assert!(everything(&sender.store.snapshot(sender.organization())) == want);

    // The same once more: what is past becomes one segment a window, and one of what is mixed.
    sender.send(items.iter().map(again).collect()).await.unwrap();
    sender.store.flush().await.unwrap();
    let want = everything(&sender.store.snapshot(sender.organization()));
    assert_eq!(want.len(), items.len() * 2);
    let mut jobs = 0;
    while sender.store.compact().await.unwrap() {
        jobs += 1;
        assert!(jobs < 100, "compaction comes to an end");
        assert!(everything(&sender.store.snapshot(sender.organization())) == want);
    }
    assert_eq!(database.number(mixed).await, 1);
    assert!(sender.store.segments_size().0 <= FLUSH_WINDOWS_MAX as u64 + 2, "{:?}", sender.store.segments_size());
    sender.close().await;
    let sender = sender.at(database.open_at(clock.clock()).await);
    assert!(everything(&sender.store.snapshot(sender.organization())) == want);
    sender.close().await;
}

async fn few_large_events_reach_the_disk(database: &Database) {
    let tuning = Tuning { flush_bytes: 20 << 20, ..Tuning::default() };
    let sender = Sender::new(Store::open(Options { tuning, ..database.options() }).await.unwrap()).await;
    for _ in 0..20 {
        sender.send((0..20).map(|_| large_event(100_000)).collect()).await.unwrap();
    }
    while sender.store.segments_size().1 < 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(everything(&sender.store.snapshot(sender.organization())).len(), 400);
    sender.close().await;
}

async fn a_flush_of_more_than_a_segment_makes_several(database: &Database) {
    let tuning = Tuning { chunk_events: 50, segment_events: 100, ..Tuning::default() };
    let sender = Sender::new(Store::open(Options { tuning, ..database.options() }).await.unwrap()).await;
    for n in 0..5 {
        sender.send((0..50).map(|i| event_of_day(1, &format!("m{n}-{i}"))).collect()).await.unwrap();
        sender.store.chunk().await.unwrap();
    }
    let all = everything(&sender.store.snapshot(sender.organization()));
    sender.store.flush().await.unwrap();
    assert_eq!(sender.store.recent_size().0, 0);
    let rows = "SELECT COUNT(*) FROM segment_parts WHERE row_count = ";
    assert_eq!(database.number(&format!("{rows}100")).await, 2);
    assert_eq!(database.number(&format!("{rows}50")).await, 1);
    assert!(everything(&sender.store.snapshot(sender.organization())) == all);
    sender.close().await;
    let sender = sender.at(database.open().await);
    assert!(everything(&sender.store.snapshot(sender.organization())) == all);
    sender.close().await;
}

async fn a_flush_ends_while_events_come(database: &Database) {
    // Each frame is a chunk: they are built slower than they come.
    let tuning = Tuning { chunk_events: 1, ..Tuning::default() };
    let store = Arc::new(Store::open(Options { tuning, ..database.options() }).await.unwrap());
    let mut senders = Vec::new();
    for n in 0..16 {
        senders.push(Sender::of(&store, &format!("organization-{n}")).await);
    }
    let has_ended = Arc::new(AtomicBool::new(false));
    let tasks = senders.into_iter().map(|sender| {
        let has_ended = Arc::clone(&has_ended);
        tokio::spawn(async move {
            while !has_ended.load(Ordering::SeqCst) {
                sender.send(vec![large_event(20_000)]).await.unwrap();
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    while store.commits().count < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    store.flush().await.unwrap();
    assert!(store.segments_size().1 > 0);
    has_ended.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    store.close().await;
}

async fn few_segments_are_open_at_once(database: &Database) {
    const OPEN: usize = 3;
    let segments = database.dir().join("segments").canonicalize();
    assert!(segments.is_err(), "nothing is there yet");
    let tuning = Tuning { segments_open: OPEN, ..Tuning::default() };
    let sender = Sender::new(Store::open(Options { tuning, ..database.options() }).await.unwrap()).await;
    let segments = database.dir().join("segments").canonicalize().unwrap();
    // The files of segments that this process has open.
    let open = || {
        let files = std::fs::read_dir("/proc/self/fd").unwrap();
        let paths = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        paths.filter(|path| path.parent() == Some(&segments)).count()
    };
    for n in 0..i64::try_from(OPEN).unwrap() + 2 {
        sender.send(vec![event_of_day(1 + 30 * n, &format!("m{n}"))]).await.unwrap();
        sender.store.flush().await.unwrap();
    }
    let places = sender.store.snapshot(sender.organization()).segments();
    assert_eq!((places.len(), open()), (OPEN + 2, 0));
    for (n, place) in places.iter().enumerate() {
        place.open().unwrap();
        assert_eq!(open(), 2 * (n + 1).min(OPEN), "each has two files");
    }
    // What was used last is open still, and what was closed is opened again.
    let held = places[0].open().unwrap();
    places[4].open().unwrap();
    places[1].open().unwrap();
    assert_eq!(open(), 2 * OPEN);
    let kept = places[0].open().unwrap();
    assert!(Arc::ptr_eq(&held, &kept), "the oldest use goes first");
    for n in [1, 2, 3, 4] {
        places[n].open().unwrap();
    }
    assert_eq!(open(), 2 * (OPEN + 1), "one is held by who reads it");
    assert_eq!(RowReader::new(&held).row(0).unwrap().sequence, 0);
    assert!(!Arc::ptr_eq(&held, &places[0].open().unwrap()));
    drop((held, kept));
    assert_eq!(open(), 2 * OPEN);
    assert_dense(&everything(&sender.store.snapshot(sender.organization())));
    drop(places);
    sender.close().await;
}

#[test]
fn replaced_files_go_before_the_next_merge() {
    on_sqlite(async |database| {
        let sender = Sender::new(database.open_at(SetClock::at(START_MS).clock()).await).await;
        let days = [-200, -260, -320, -380];
        for (n, day) in days.into_iter().chain(days).enumerate() {
            sender.send(vec![event_of_day(day, &format!("m{n}"))]).await.unwrap();
            sender.store.flush().await.unwrap();
        }
        assert_eq!(sender.store.segments_size().0, 8);
        sender.close().await;
        // Counts what waits to be removed at each merge.
        database.run("CREATE TABLE seen (waiting BIGINT)").await;
        let count = "CREATE TRIGGER count AFTER UPDATE OF removed_ms ON segments BEGIN \
                     INSERT INTO seen SELECT COUNT(*) FROM segments WHERE removed_ms IS NOT NULL; END";
        database.run(count).await;

        // Whoever looks at this clock finds that files which were replaced before are old enough.
        let now_ms = AtomicI64::new(START_MS + 3_600_000);
        let clock = Clock::from_fn(move || now_ms.fetch_add(61_000, Ordering::SeqCst));
        let sender = sender.at(database.open_at(clock).await);
        sender.send(vec![event_of_day(40, "last")]).await.unwrap();
        while sender.store.segments_size().0 != 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sender.close().await;
        assert_eq!(database.number("SELECT COUNT(*) FROM seen").await, 8);
        assert_eq!(database.number("SELECT MAX(waiting) FROM seen").await, 2);
    });
}

/// The same event to be sent once more.
fn again(item: &Item) -> Item {
    Item { sealed: item.sealed.clone(), client_id: None }
}

async fn writes_wait_for_room_in_memory(database: &Database) {
    let open = async |room_wait| {
        let tuning = Tuning { recent_events: 4, room_wait, ..Tuning::default() };
        Sender::new(Store::open(Options { tuning, ..database.options() }).await.unwrap()).await
    };
    let sender = open(Duration::from_millis(20)).await;
    sender.send(events(&["1", "2", "3", "4"])).await.unwrap();
    sender.send(events(&["as many as there may be are no reason to wait"])).await.unwrap();
    let refused = sender.send(events(&["one too many"])).await.unwrap_err();
    assert!(matches!(refused, Error::Full { bytes: 1.. }), "{refused}");
    sender.close().await;

    let sender = open(Duration::from_secs(600)).await;
    let mut write = std::pin::pin!(sender.send(events(&["waits"])));
    let before = tokio::time::timeout(Duration::from_millis(20), write.as_mut()).await;
    assert!(before.is_err(), "{before:?}");
    sender.store.flush().await.unwrap();
    assert_eq!(write.await.unwrap().sequences, [5]);
    sender.close().await;
}
