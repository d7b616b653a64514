//! A journal that was changed behind the server's back is refused, with the place.

use trailbook_store::Error;

use crate::database::Database;
use crate::writes::{Sender, events};

on_both!(
    a_damaged_frame_is_named,
    a_missing_first_frame_is_named,
    a_missing_frame_in_the_middle_is_named,
    a_missing_last_frame_is_named,
    a_head_behind_its_frames_is_named,
);

/// A closed store with three frames of two events each.
async fn written(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    for _ in 0..3 {
        sender.send(events(&["a", "b"])).await.unwrap();
    }
    sender.close().await;
}

async fn refused_after(database: &Database, change: &str, words: &str) {
    written(database).await;
    database.run(change).await;
    let error = database.refusal().await;
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert_eq!(error.to_string(), words);
}

async fn a_damaged_frame_is_named(database: &Database) {
    let garbage = if database.is_postgres() { "'\\x01ffffffff00'" } else { "x'01ffffffff00'" };
    let change = format!("UPDATE frames SET payload = {garbage} WHERE first_sequence = 2");
    let words = "the frame of log 1 at sequence 2 is damaged: its checksum is wrong";
    refused_after(database, &change, words).await;
}

async fn a_missing_first_frame_is_named(database: &Database) {
    let words = "the frame of log 1 at sequence 2 is damaged: the frame before it is missing";
    refused_after(database, "DELETE FROM frames WHERE first_sequence = 0", words).await;
}

async fn a_missing_frame_in_the_middle_is_named(database: &Database) {
    let words = "the frame of log 1 at sequence 4 is damaged: the frame before it is missing";
    refused_after(database, "DELETE FROM frames WHERE first_sequence = 2", words).await;
}

async fn a_missing_last_frame_is_named(database: &Database) {
    let words = "the journal of log 1 is damaged: its frames end before sequence 4, its head is 6";
    refused_after(database, "DELETE FROM frames WHERE first_sequence = 4", words).await;
}

async fn a_head_behind_its_frames_is_named(database: &Database) {
    let words = "the journal of log 1 is damaged: its frames end before sequence 6, its head is 3";
    refused_after(database, "UPDATE logs SET next_sequence = 3", words).await;
}
