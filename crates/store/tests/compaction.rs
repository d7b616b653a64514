//! Compaction leaves large segments alone until there is enough to merge with them.

use trailbook_store::Item;

use crate::database::Database;
use crate::segments::everything;
use crate::writes::{Sender, SetClock, event_of_day};

on_both!(a_few_late_events_do_not_rewrite_a_large_segment, a_few_new_events_do_not_rewrite_a_large_segment,);

/// The time of these tests: noon of 15 January 2026.
const NOW_MS: i64 = 1_768_478_400_000;

/// Sends events of a day and moves them to a segment.
async fn flush(sender: &Sender, day: i64, count: usize) {
    let items: Vec<Item> = (0..count).map(|n| event_of_day(day, &format!("m{n}"))).collect();
    sender.send(items).await.unwrap();
    sender.store.flush().await.unwrap();
}

/// How many segments there are after compaction, and whether the first one is among them.
async fn compacted(database: &Database, sender: &Sender) -> (u64, bool) {
    let want = everything(&sender.store.snapshot(sender.organization()));
    while sender.store.compact().await.unwrap() {}
    assert!(everything(&sender.store.snapshot(sender.organization())) == want);
    let first = "SELECT COUNT(*) FROM segments WHERE id = 1 AND removed_ms IS NULL";
    (sender.store.segments_size().0, database.number(first).await == 1)
}

async fn a_few_late_events_do_not_rewrite_a_large_segment(database: &Database) {
    let clock = SetClock::at(NOW_MS);
    let sender = Sender::new(database.open_at(clock.clock()).await).await;
    flush(&sender, -200, 640).await;
    for _ in 0..5 {
        flush(&sender, -200, 2).await;
        let (segments, has_first) = compacted(database, &sender).await;
        assert!(has_first, "it was rewritten for two events");
        assert_eq!(segments, 2);
    }
    // With these they are an eighth.
    flush(&sender, -200, 70).await;
    assert_eq!(compacted(database, &sender).await, (1, false));
    sender.close().await;
}

async fn a_few_new_events_do_not_rewrite_a_large_segment(database: &Database) {
    let clock = SetClock::at(NOW_MS);
    let sender = Sender::new(database.open_at(clock.clock()).await).await;
    flush(&sender, 15, 640).await;
    for _ in 0..7 {
        flush(&sender, 15, 2).await;
    }
    assert_eq!(compacted(database, &sender).await, (8, true), "it was rewritten for fourteen events");
    flush(&sender, 15, 2).await;
    assert_eq!(compacted(database, &sender).await, (2, true), "eight of like size are merged");
    sender.close().await;
}
