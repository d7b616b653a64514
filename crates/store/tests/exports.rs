//! Exports in the catalog, and their files.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use trailbook_event::Uuid;
use trailbook_store::{ExportChange, ExportState, NewExport, Organization};

use crate::database::Database;
use crate::writes::{Sender, SetClock};

on_both!(
    an_export_is_known_until_it_is_removed,
    so_many_exports_are_taken_and_no_more,
    files_are_there_whole_or_not_at_all,
);

fn new(sender: &Sender, number: u128) -> NewExport {
    let (id, credential) = (Uuid::from_u128(number), sender.credential.id());
    NewExport { id, credential, name: format!("export {number}"), request: "{}".to_owned() }
}

const ANY: (u64, u64) = (u64::MAX, u64::MAX);

async fn an_export_is_known_until_it_is_removed(database: &Database) {
    let clock = SetClock::at(1_000);
    let store = Arc::new(database.open_at(clock.clock()).await);
    let (default, acme) = (Sender::of(&store, "default").await, Sender::of(&store, "acme").await);
    let catalog = store.catalog();
    let first = catalog.add_export(default.organization(), &new(&default, 1), ANY).await.unwrap().unwrap();
    assert_eq!((first.state, first.created_ms, first.expires_ms), (ExportState::Pending, 1_000, None));
    clock.set(2_000);
    catalog.add_export(default.organization(), &new(&default, 2), ANY).await.unwrap().unwrap();
    catalog.add_export(acme.organization(), &new(&acme, 3), ANY).await.unwrap().unwrap();
    let names = async |organization: &Organization| -> Vec<String> {
        catalog.exports_of(organization).await.unwrap().into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names(default.organization()).await, ["export 2", "export 1"]);
    assert_eq!(names(acme.organization()).await, ["export 3"]);

    let going = ExportChange { state: ExportState::InProgress, progress: "half", result: "", stays_ms: None };
    assert!(catalog.change_export(first.id, going.clone()).await.unwrap());
    let seen = catalog.export(first.id).await.unwrap().unwrap();
    assert_eq!((seen.state, seen.progress.as_str(), seen.finished_ms), (ExportState::InProgress, "half", None));
    assert!(seen.is_of(default.organization()) && !seen.is_of(acme.organization()));
    let open = async || catalog.open_exports().await.unwrap().iter().map(|row| row.id.as_u128()).collect::<Vec<_>>();
    assert_eq!(open().await, [1, 2, 3]);
    let done = ExportChange { state: ExportState::Done, progress: "", result: "files", stays_ms: Some(500) };
    assert!(catalog.change_export(first.id, done).await.unwrap());
    assert_eq!(open().await, [2, 3]);
    let seen = catalog.export(first.id).await.unwrap().unwrap();
    assert_eq!((seen.state, seen.finished_ms, seen.expires_ms), (ExportState::Done, Some(2_000), Some(2_500)));
    assert_eq!(catalog.exports().await.unwrap().first(), Some(&seen), "the oldest comes first");

    assert!(catalog.remove_export(first.id).await.unwrap());
    assert!(!catalog.remove_export(first.id).await.unwrap());
    assert!(!catalog.change_export(first.id, going).await.unwrap(), "what was removed does not come back");
    assert_eq!(catalog.export(first.id).await.unwrap(), None);
    store.close().await;
}

async fn so_many_exports_are_taken_and_no_more(database: &Database) {
    let store = Arc::new(database.open().await);
    let sender = Sender::of(&store, "default").await;
    let acme = Sender::of(&store, "acme").await;
    let catalog = store.catalog();
    let add = async |sender: &Sender, number: u128, most: (u64, u64)| {
        catalog.add_export(sender.organization(), &new(sender, number), most).await.unwrap().map(|row| row.id)
    };
    let state = async |number: u128, state| {
        let change = ExportChange { state, progress: "", result: "", stays_ms: None };
        assert!(catalog.change_export(Uuid::from_u128(number), change).await.unwrap());
    };
    add(&sender, 1, (2, 9)).await.unwrap();
    state(1, ExportState::InProgress).await;
    add(&sender, 2, (2, 9)).await.unwrap();
    assert_eq!(add(&sender, 3, (2, 9)).await, Err((2, 2)), "those that wait and those that are being made");
    add(&acme, 4, (2, 9)).await.unwrap();
    state(1, ExportState::Done).await;
    add(&sender, 3, (2, 9)).await.unwrap();
    state(2, ExportState::Failed).await;
    assert_eq!(add(&sender, 5, (2, 3)).await, Err((1, 3)), "all that are listed");
    catalog.remove_export(Uuid::from_u128(1)).await.unwrap();
    add(&sender, 5, (2, 3)).await.unwrap();
    store.close().await;
}

async fn files_are_there_whole_or_not_at_all(database: &Database) {
    let store = database.open().await;
    let files = store.export_files();
    let mut begun = files.create("a").unwrap();
    begun.write_all(b"half").unwrap();
    assert_eq!(files.list().unwrap(), Vec::<String>::new());
    assert!(files.open_file("a").is_err());
    begun.write_all(b" and half").unwrap();
    begun.finish().unwrap();
    assert_eq!(files.list().unwrap(), ["a"]);
    let mut file = files.open_file("a").unwrap();
    assert_eq!(file.size_bytes(), 13);
    file.seek(9);
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "half");
    drop(files.create("b").unwrap());
    store.close().await;

    // What a crash left unfinished is in nobody's way.
    std::fs::write(database.dir().join("exports/c.part"), "x").unwrap();
    let store = database.open().await;
    let files = store.export_files();
    assert_eq!(files.list().unwrap(), ["a"]);
    files.create("c").unwrap().finish().unwrap();
    files.remove("a").unwrap();
    files.remove("a").unwrap();
    assert_eq!(files.list().unwrap(), ["c"]);
    store.close().await;
}
