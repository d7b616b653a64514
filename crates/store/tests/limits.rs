//! What may wait, and what becomes of it when the store closes.

use trailbook_event::limits::{APPENDS_WAITING_KIB_MAX, APPENDS_WAITING_MAX};
use trailbook_store::Error;

use crate::database::Database;
use crate::writes::{Gate, Sender, assert_dense, events, large_event, start};

on_both!(so_many_writes_wait_and_no_more, so_many_bytes_wait_and_no_more, closing_finishes_what_was_taken,);

async fn so_many_writes_wait_and_no_more(database: &Database) {
    let (gate, clock) = Gate::new();
    let sender = Sender::new(database.open_at(clock).await).await;
    // Held by this write, or by what the writer does before it.
    gate.shut();
    let mut held = Box::pin(sender.send(events(&["held"])));
    start(held.as_mut()).await;
    gate.reached().await;
    let mut waiting = Vec::new();
    while sender.store.appends_waiting() < APPENDS_WAITING_MAX {
        let mut write = Box::pin(sender.send(events(&["a"])));
        start(write.as_mut()).await;
        waiting.push(write);
    }
    assert!(matches!(sender.send(events(&["one more"])).await, Err(Error::Busy)));
    gate.open();
    held.await.unwrap();
    let sent = 1 + waiting.len();
    for write in waiting {
        write.await.unwrap();
    }
    assert!(sent >= APPENDS_WAITING_MAX);
    let found = sender.found();
    assert_eq!(found.len(), sent);
    assert_dense(&found);
    sender.send(events(&["later"])).await.unwrap();
    sender.close().await;
}

async fn so_many_bytes_wait_and_no_more(database: &Database) {
    let (gate, clock) = Gate::new();
    let sender = Sender::new(database.open_at(clock).await).await;
    gate.shut();
    // With its other fields, each takes a little more than 192 KiB: 193 of the limit's.
    let event = large_event(192 * 1024);
    let item = || trailbook_store::Item { sealed: event.sealed.clone(), client_id: None };
    let mut waiting = Vec::new();
    for _ in 0..APPENDS_WAITING_KIB_MAX / 193 {
        let mut write = Box::pin(sender.send(vec![item()]));
        start(write.as_mut()).await;
        waiting.push(write);
    }
    assert!(matches!(sender.send(vec![item()]).await, Err(Error::Busy)));
    gate.reached().await;
    gate.open();
    for write in waiting {
        write.await.unwrap();
    }
    sender.send(vec![item()]).await.unwrap();
    sender.close().await;
}

async fn closing_finishes_what_was_taken(database: &Database) {
    let (gate, clock) = Gate::new();
    let sender = Sender::new(database.open_at(clock).await).await;
    gate.shut();
    let mut writes = Vec::new();
    for _ in 0..20 {
        let mut write = Box::pin(sender.send(events(&["a"])));
        start(write.as_mut()).await;
        writes.push(write);
    }
    gate.reached().await;
    let mut close = Box::pin(sender.close());
    start(close.as_mut()).await;
    assert!(matches!(sender.send(events(&["later"])).await, Err(Error::Closing)));
    gate.open();
    close.await;
    for write in writes {
        write.await.unwrap();
    }
    let sender = sender.at(database.open().await);
    assert_eq!(sender.found().len(), 20);
    sender.close().await;
}
