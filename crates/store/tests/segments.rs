//! Events move from frames to chunks, from chunks to segments, and are found once each wherever they are.

use std::collections::BTreeMap;

use trailbook_store::segment::RowReader;
use trailbook_store::{Options, Snapshot, Store};

use crate::database::Database;
use crate::writes::{Found, Sender, assert_dense, event, events};

on_both!(events_are_found_once_wherever_they_are,);

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
        place.part.rows.clone().for_each(|row| add(reader.row(row).unwrap().0));
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
