//! What may wait, and what becomes of it when the store closes.

use trailbook_event::limits::{APPENDS_WAITING_KIB_MAX, APPENDS_WAITING_MAX};
use trailbook_store::Error;

use crate::database::Database;
use crate::segments::everything;
use crate::writes::{Sender, assert_dense, events, large_event, start};

on_both!(so_many_writes_wait_and_no_more, so_many_bytes_wait_and_no_more, closing_finishes_what_was_taken,);

async fn so_many_writes_wait_and_no_more(database: &Database) {
    let sender = Sender::without_room(database).await;
    let mut held = Box::pin(sender.send(events(&["held"])));
    start(held.as_mut()).await;
    sender.taken().await;
    let mut waiting = Vec::new();
    for _ in 0..APPENDS_WAITING_MAX {
        let mut write = Box::pin(sender.send(events(&["a"])));
        start(write.as_mut()).await;
        waiting.push(write);
    }
    assert!(matches!(sender.send(events(&["one more"])).await, Err(Error::Busy)));
    sender.store.flush().await.unwrap();
    held.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    let found = everything(&sender.store.snapshot(sender.organization()));
    assert_eq!(found.len(), 2 + APPENDS_WAITING_MAX);
    assert_dense(&found);
    sender.store.flush().await.unwrap();
    sender.send(events(&["later"])).await.unwrap();
    sender.close().await;
}

async fn so_many_bytes_wait_and_no_more(database: &Database) {
    let sender = Sender::without_room(database).await;
    let mut held = Box::pin(sender.send(events(&["held"])));
    start(held.as_mut()).await;
    sender.taken().await;
    // With its other fields, it takes a little more than 192 KiB: 193 of the limit's.
    let large = large_event(192 * 1024);
    let large = || trailbook_store::Item { sealed: large.sealed.clone(), client_id: None };
    let mut left = APPENDS_WAITING_KIB_MAX - 1;
    let mut waiting = Vec::new();
    while left > 0 {
        let (items, kib) = if left >= 193 { (vec![large()], 193) } else { (events(&["a"]), 1) };
        let mut write = Box::pin(sender.send(items));
        start(write.as_mut()).await;
        waiting.push(write);
        left -= kib;
    }
    assert!(matches!(sender.send(events(&["one more"])).await, Err(Error::Busy)));
    sender.store.flush().await.unwrap();
    held.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    sender.store.flush().await.unwrap();
    sender.send(vec![large()]).await.unwrap();
    sender.close().await;
}

async fn closing_finishes_what_was_taken(database: &Database) {
    let sender = Sender::without_room(database).await;
    let mut writes = Vec::new();
    for _ in 0..20 {
        let mut write = Box::pin(sender.send(events(&["a"])));
        start(write.as_mut()).await;
        writes.push(write);
    }
    let mut close = Box::pin(sender.close());
    start(close.as_mut()).await;
    assert!(matches!(sender.send(events(&["later"])).await, Err(Error::Closing)));
    sender.store.flush().await.unwrap();
    close.await;
    for write in writes {
        write.await.unwrap();
    }
    let sender = sender.at(database.open().await);
    let found = everything(&sender.store.snapshot(sender.organization()));
    assert_eq!(found.len(), 1 + 20);
    assert_dense(&found);
    sender.close().await;
}
