//! Ids that clients choose: recorded once, refused with other content.

use std::sync::Arc;

use trailbook_store::Error;

use crate::database::{Database, WINDOW_MS};
use crate::writes::{Sender, SetClock, event, event_with_id};

on_both!(
    an_id_is_recorded_once,
    an_id_is_recorded_once_among_concurrent_writes,
    an_id_with_other_content_refuses_the_whole_write,
    an_id_with_other_content_in_its_own_write_refuses_it,
    ids_of_another_credential_and_another_organization_are_others,
    an_id_is_forgotten_when_its_window_ends,
    more_ids_than_one_statement_looks_up,
);

async fn an_id_is_recorded_once(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    // Within one write.
    let first = sender.send(vec![event_with_id(1, "a"), event("b"), event_with_id(1, "a")]).await.unwrap();
    assert_eq!((first.sequences, first.recorded), (vec![0, 1, 0], 2));
    // In a later write, among new ones.
    let second = sender.send(vec![event("c"), event_with_id(1, "a"), event_with_id(2, "a")]).await.unwrap();
    assert_eq!((second.sequences, second.recorded), (vec![2, 0, 3], 2));
    // A write of nothing new.
    let third = sender.send(vec![event_with_id(2, "a"), event_with_id(1, "a")]).await.unwrap();
    assert_eq!((third.sequences, third.recorded, third.replayed), (vec![3, 0], 0, None));
    let before = sender.found();
    assert_eq!(before.len(), 4);
    sender.close().await;

    let sender = sender.at(database.open().await);
    let fourth = sender.send(vec![event_with_id(1, "a")]).await.unwrap();
    assert_eq!((fourth.sequences, fourth.recorded), (vec![0], 0));
    assert_eq!(sender.found(), before);
    sender.close().await;
}

async fn an_id_is_recorded_once_among_concurrent_writes(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let write = |n: usize| {
        let sender = sender.clone();
        async move { sender.send(vec![event(&format!("w{n}")), event_with_id(1, "a")]).await.unwrap() }
    };
    let tasks: Vec<_> = (0..50).map(|n| tokio::spawn(write(n))).collect();
    let mut spots = Vec::new();
    let mut recorded = 0;
    for task in tasks {
        let appended = task.await.unwrap();
        recorded += appended.recorded;
        spots.push(appended.sequences[1]);
    }
    assert_eq!(recorded, 51);
    assert!(spots.iter().all(|spot| *spot == spots[0]), "{spots:?}");
    assert_eq!(sender.found().len(), 51);
    sender.close().await;
}

async fn an_id_with_other_content_refuses_the_whole_write(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(vec![event_with_id(1, "a")]).await.unwrap();
    let error = sender.send(vec![event("b"), event_with_id(2, "c"), event_with_id(1, "other")]).await.unwrap_err();
    assert_eq!(error.to_string(), "the id 0198c000-0000-7000-8000-000000000001 was used before with other content");
    assert!(matches!(error, Error::Reused { item: Some(2), .. }), "{error:?}");
    assert_eq!(sender.found().len(), 1);
    // Nothing of it was remembered either.
    let free = sender.send(vec![event_with_id(2, "d")]).await.unwrap();
    assert_eq!((free.sequences, free.recorded), (vec![1], 1));
    sender.close().await;
}

async fn an_id_with_other_content_in_its_own_write_refuses_it(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let error = sender.send(vec![event_with_id(1, "a"), event_with_id(1, "b")]).await.unwrap_err();
    assert!(matches!(error, Error::Reused { item: Some(1), .. }), "{error:?}");
    assert_eq!(sender.found(), []);
    assert_eq!(sender.send(vec![event_with_id(1, "c")]).await.unwrap().sequences, [0]);
    sender.close().await;
}

async fn ids_of_another_credential_and_another_organization_are_others(database: &Database) {
    let store = Arc::new(database.open().await);
    let jane = Sender::of(&store, "default").await;
    let john = Sender::of(&store, "default").await;
    let acme = Sender::of(&store, "acme").await;
    assert_eq!(jane.send(vec![event_with_id(1, "a")]).await.unwrap().sequences, [0]);
    assert_eq!(john.send(vec![event_with_id(1, "other")]).await.unwrap().sequences, [1]);
    assert_eq!(acme.send(vec![event_with_id(1, "third")]).await.unwrap().sequences, [0]);
    assert_eq!(jane.found().len(), 2);
    assert_eq!(acme.found().len(), 1);
    store.close().await;
}

async fn an_id_is_forgotten_when_its_window_ends(database: &Database) {
    let clock = SetClock::at(5_000_000);
    let sender = Sender::new(database.open_at(clock.clock()).await).await;
    sender.send(vec![event_with_id(1, "a")]).await.unwrap();
    clock.set(5_000_000 + WINDOW_MS);
    assert_eq!(sender.send(vec![event_with_id(1, "a")]).await.unwrap().recorded, 0);
    clock.set(5_000_000 + WINDOW_MS + 1);
    let again = sender.send(vec![event_with_id(1, "other")]).await.unwrap();
    assert_eq!((again.sequences, again.recorded), (vec![1], 1));
    // What is remembered now is the second use.
    assert!(matches!(sender.send(vec![event_with_id(1, "a")]).await, Err(Error::Reused { .. })));
    sender.close().await;
}

async fn more_ids_than_one_statement_looks_up(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let batch = || (0..=200u8).flat_map(|n| [event_with_id(n, "a"), event("b"), event("c")]).collect::<Vec<_>>();
    let first = sender.send(batch()).await.unwrap();
    assert_eq!(first.recorded, 603);
    let second = sender.send(batch()).await.unwrap();
    assert_eq!(second.recorded, 402);
    let chosen = |sequences: &[u64]| sequences.iter().step_by(3).copied().collect::<Vec<_>>();
    assert_eq!(chosen(&first.sequences), chosen(&second.sequences));
    assert_eq!(sender.found().len(), 1_005);
    sender.close().await;
}
