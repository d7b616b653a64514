//! Idempotency keys: a repetition is answered as the first was.

use std::sync::Arc;

use trailbook_store::Error;

use crate::database::{Database, WINDOW_MS};
use crate::writes::{Sender, SetClock, event, event_with_id, events, start};

on_both!(
    a_key_answers_as_it_did_first,
    a_key_with_other_content_is_refused,
    keys_of_another_credential_and_another_organization_are_others,
    a_key_in_work_is_refused_and_then_answered,
    a_key_is_forgotten_when_its_window_ends,
    a_write_without_events_keeps_its_key,
    a_refused_write_keeps_no_key,
);

async fn a_key_answers_as_it_did_first(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let first = sender.send_under("k", "x", vec![event("a"), event_with_id(1, "b")]).await.unwrap();
    assert_eq!((&first.sequences, first.recorded, &first.replayed), (&vec![0, 1], 2, &None));
    sender.send(events(&["between"])).await.unwrap();
    // The items of a repetition do not count.
    let second = sender.send_under("k", "x", vec![event("a")]).await.unwrap();
    assert_eq!((second.sequences, second.recorded), (vec![0, 1], 0));
    assert_eq!(second.replayed.as_deref(), Some("shape of x".as_bytes()));
    assert_eq!(sender.found().len(), 3);
    sender.close().await;

    let sender = sender.at(database.open().await);
    let third = sender.send_under("k", "x", vec![event("a")]).await.unwrap();
    assert_eq!((third.sequences, third.replayed), (vec![0, 1], Some(b"shape of x".to_vec())));
    assert_eq!(sender.found().len(), 3);
    sender.close().await;
}

async fn a_key_with_other_content_is_refused(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send_under("k", "x", events(&["a"])).await.unwrap();
    let error = sender.send_under("k", "y", events(&["a"])).await.unwrap_err();
    assert_eq!(error.to_string(), "the idempotency key was used before with other content");
    assert!(matches!(error, Error::Reused { item: None, .. }), "{error:?}");
    assert_eq!(sender.found().len(), 1);
    sender.close().await;
}

async fn keys_of_another_credential_and_another_organization_are_others(database: &Database) {
    let store = Arc::new(database.open().await);
    let jane = Sender::of(&store, "default").await;
    let john = Sender::of(&store, "default").await;
    let acme = Sender::of(&store, "acme").await;
    assert_eq!(jane.send_under("k", "x", events(&["a"])).await.unwrap().sequences, [0]);
    assert_eq!(john.send_under("k", "y", events(&["a"])).await.unwrap().sequences, [1]);
    assert_eq!(acme.send_under("k", "z", events(&["a"])).await.unwrap().sequences, [0]);
    store.close().await;
}

async fn a_key_in_work_is_refused_and_then_answered(database: &Database) {
    let sender = Sender::without_room(database).await;
    let mut first = Box::pin(sender.send_under("k", "x", events(&["a"])));
    start(first.as_mut()).await;
    sender.taken().await;
    assert!(matches!(sender.send_under("k", "x", events(&["a"])).await, Err(Error::InWork)));
    assert!(matches!(sender.send_under("k", "other", events(&["a"])).await, Err(Error::InWork)));
    sender.store.flush().await.unwrap();
    assert_eq!(first.await.unwrap().sequences, [1]);
    sender.store.flush().await.unwrap();
    let second = sender.send_under("k", "x", events(&["a"])).await.unwrap();
    assert_eq!((second.sequences, second.replayed.is_some()), (vec![1], true));
    sender.close().await;
}

async fn a_key_is_forgotten_when_its_window_ends(database: &Database) {
    let clock = SetClock::at(5_000_000);
    let sender = Sender::new(database.open_at(clock.clock()).await).await;
    sender.send_under("k", "x", events(&["a"])).await.unwrap();
    clock.set(5_000_000 + WINDOW_MS);
    assert!(sender.send_under("k", "x", events(&["a"])).await.unwrap().replayed.is_some());
    clock.set(5_000_000 + WINDOW_MS + 1);
    let again = sender.send_under("k", "y", events(&["a"])).await.unwrap();
    assert_eq!((again.sequences, again.replayed), (vec![1], None));
    sender.close().await;
}

async fn a_write_without_events_keeps_its_key(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let first = sender.send_under("k", "x", Vec::new()).await.unwrap();
    assert_eq!((first.sequences, first.replayed), (vec![], None));
    let second = sender.send_under("k", "x", Vec::new()).await.unwrap();
    assert_eq!((second.sequences, second.replayed), (vec![], Some(b"shape of x".to_vec())));
    assert!(matches!(sender.send_under("k", "y", Vec::new()).await, Err(Error::Reused { item: None, .. })));
    sender.close().await;
}

async fn a_refused_write_keeps_no_key(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(vec![event_with_id(1, "a")]).await.unwrap();
    let refused = sender.send_under("k", "x", vec![event_with_id(1, "b")]).await;
    assert!(matches!(refused, Err(Error::Reused { item: Some(0), .. })));
    let free = sender.send_under("k", "y", events(&["c"])).await.unwrap();
    assert_eq!((free.sequences, free.replayed), (vec![1], None));
    sender.close().await;
}
