//! Sequences, what is found, and what a new store finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use trailbook_store::Clock;

use crate::database::Database;
use crate::writes::{Sender, assert_dense, event, event_with_id, events, start};

on_both!(
    sequences_are_dense_from_zero_in_the_order_of_the_items,
    an_event_is_found_as_it_was_sent,
    concurrent_writes_are_found_once_each_and_time_does_not_go_back,
    a_snapshot_does_not_change,
    a_store_that_was_closed_comes_back_as_it_was,
    a_store_that_was_not_closed_comes_back_as_it_was,
    a_journal_of_many_frames_comes_back,
    a_write_goes_on_when_its_caller_leaves,
    a_write_without_events_is_answered,
);

async fn sequences_are_dense_from_zero_in_the_order_of_the_items(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let first = sender.send(events(&["a", "b", "c"])).await.unwrap();
    assert_eq!((first.sequences, first.recorded, first.replayed), (vec![0, 1, 2], 3, None));
    let second = sender.send(events(&["d"])).await.unwrap();
    assert_eq!((second.sequences, second.recorded), (vec![3], 1));

    let found = sender.found();
    assert_dense(&found);
    for (found, action) in found.iter().zip(["a", "b", "c", "d"]) {
        assert!(found.canonical.contains(&format!(r#""action":"{action}""#)), "{found:?}");
    }
    let commits = sender.store.commits();
    assert_eq!((commits.count, commits.events), (2, 4));
    assert_eq!(sender.store.recent_size().0, 4);
    sender.close().await;
}

async fn an_event_is_found_as_it_was_sent(database: &Database) {
    let sender = Sender::new(database.open_at(Clock::from_fn(|| 1_234)).await).await;
    let item = event("a");
    let sealed = item.sealed.clone();
    sender.send(vec![item]).await.unwrap();
    let found = sender.found();
    assert_eq!(found[0].canonical.as_bytes(), sealed.canonical());
    assert_eq!(found[0].spans, sealed.spans());
    assert_eq!(found[0].occurred_ns, sealed.occurred_at().nanos());
    assert_eq!(found[0].recorded_ms, 1_234);
    sender.close().await;
}

async fn concurrent_writes_are_found_once_each_and_time_does_not_go_back(database: &Database) {
    // Swings forth and back by up to half a second around a clock that goes on slowly.
    let tick = AtomicI64::new(0);
    let clock = Clock::from_fn(move || {
        let tick = tick.fetch_add(1, Ordering::SeqCst);
        1_000_000 + tick + [0, -500, 300, -20, 7][tick as usize % 5]
    });
    let sender = Sender::new(database.open_at(clock).await).await;
    let write = |n: usize| {
        let sender = sender.clone();
        async move {
            let actions: Vec<String> = (0..1 + n % 4).map(|i| format!("w{n}-{i}")).collect();
            let items = actions.iter().map(|action| event(action)).collect();
            let appended = sender.send(items).await.unwrap();
            let found = sender.found();
            for (action, sequence) in actions.iter().zip(&appended.sequences) {
                let row = found.iter().find(|row| row.sequence == *sequence).expect("found when append returns");
                assert!(row.canonical.contains(&format!("\"{action}\"")));
            }
            appended.sequences
        }
    };
    let tasks: Vec<_> = (0..200).map(|n| tokio::spawn(write(n))).collect();
    let mut sequences = Vec::new();
    for task in tasks {
        sequences.extend(task.await.unwrap());
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (0..500).collect::<Vec<u64>>());
    let found = sender.found();
    assert_dense(&found);
    assert!(found.is_sorted_by_key(|found| found.recorded_ms));
    assert!(sender.store.commits().count < 200, "writes that wait are committed together");
    sender.close().await;
}

async fn a_snapshot_does_not_change(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a"])).await.unwrap();
    let snapshot = sender.store.snapshot(sender.organization());
    for _ in 0..300 {
        sender.send(events(&["b"])).await.unwrap();
    }
    assert_eq!(snapshot.rows().count(), 1);
    assert_eq!(snapshot.organization(), "default");
    assert_eq!(sender.found().len(), 301);
    sender.close().await;
}

async fn a_store_that_was_closed_comes_back_as_it_was(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a", "b"])).await.unwrap();
    sender.send(vec![event_with_id(1, "c")]).await.unwrap();
    let before = sender.found();
    sender.close().await;

    let sender = sender.at(database.open().await);
    assert_eq!(sender.found(), before);
    assert_eq!(sender.send(events(&["d"])).await.unwrap().sequences, [3]);
    sender.close().await;
}

async fn a_store_that_was_not_closed_comes_back_as_it_was(database: &Database) {
    let options = database.options();
    // A runtime that ends takes the writer, the connections and the session's lock with it.
    let crash = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sender = runtime.block_on(async {
            let sender = Sender::new(trailbook_store::Store::open(options).await.unwrap()).await;
            sender.send(events(&["a", "b"])).await.unwrap();
            sender
        });
        runtime.shutdown_background();
        (sender.found(), Arc::clone(&sender.credential))
    };
    let (before, credential) = tokio::task::spawn_blocking(crash).await.unwrap();

    let sender = Sender { store: Arc::new(database.open().await), credential };
    assert_eq!(sender.found(), before);
    assert_eq!(sender.send(events(&["c"])).await.unwrap().sequences, [2]);
    sender.close().await;
}

async fn a_journal_of_many_frames_comes_back(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    // More than are read at once, and not a multiple of it.
    for _ in 0..300 {
        sender.send(events(&["a", "b"])).await.unwrap();
    }
    let before = sender.found();
    sender.close().await;
    let sender = sender.at(database.open().await);
    assert_eq!(sender.found(), before);
    sender.close().await;
}

async fn a_write_goes_on_when_its_caller_leaves(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let mut write = Box::pin(sender.send_under("key", "x", events(&["a"])));
    start(write.as_mut()).await;
    drop(write);
    // Sent again, it stands behind the first, and is answered as that was, or told to try again.
    let again = loop {
        match sender.send_under("key", "x", events(&["a"])).await {
            Err(trailbook_store::Error::InWork) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(again.sequences, [0]);
    assert!(again.replayed.is_some());
    assert_eq!(sender.found().len(), 1);
    sender.close().await;
}

async fn a_write_without_events_is_answered(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let appended = sender.send(Vec::new()).await.unwrap();
    assert_eq!((appended.sequences, appended.recorded), (vec![], 0));
    assert_eq!(sender.found(), []);
    sender.close().await;
}
