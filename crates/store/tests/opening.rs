//! Opening: one server at a time, a schema that is known, settings that keep what is committed.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;
use trailbook_event::Uuid;
use trailbook_store::credential::{Grant, Kind, NewEntry, Permission};
use trailbook_store::{Error, LogOptions, Options, Store, check};

use crate::database::{Database, on_postgres, on_sqlite};
use crate::segments::everything;
use crate::writes::{Found, Sender, events};

on_both!(
    a_folder_has_one_server_at_a_time,
    a_catalog_of_a_newer_schema_is_refused,
    a_catalog_from_before_members_gets_roles_and_names_of_credentials,
    a_store_that_is_closed_twice_is_closed,
    a_folder_of_any_name_is_made,
    a_folder_of_another_catalog_is_refused_and_left_alone,
    only_files_that_a_crash_left_are_removed,
);

async fn a_folder_has_one_server_at_a_time(database: &Database) {
    let store = database.open().await;
    let error = database.refusal().await;
    let words = format!("another trailbook server works on the data folder {}", database.dir().display());
    assert_eq!(error.to_string(), words);
    store.close().await;
    let store = database.open().await;
    store.close().await;
}

#[test]
fn a_postgres_catalog_has_one_server_at_a_time() {
    on_postgres(async |database| {
        let store = database.open().await;
        let elsewhere = TempDir::new().unwrap();
        let logs = LogOptions { secret: Some(database.dir().join("secret")), ..LogOptions::default() };
        let options = || Options { data_dir: elsewhere.path().to_owned(), logs: logs.clone(), ..database.options() };
        let error = Store::open(options()).await.expect_err("the catalog is in use");
        assert_eq!(error.to_string(), "another trailbook server works on this catalog");
        store.close().await;
        let store = Store::open(options()).await.unwrap();
        store.close().await;
    });
}

async fn a_catalog_of_a_newer_schema_is_refused(database: &Database) {
    database.open().await.close().await;
    database.run("UPDATE schema_version SET version = 1000").await;
    let words = "the catalog was made by a newer trailbook (its schema is 1000)";
    assert_eq!(database.refusal().await.to_string(), words);
}

/// What the step made that brought members, and the one after it, undone.
const BEFORE_MEMBERS: [&str; 18] = [
    "DROP TABLE exclusion_rules",
    "DROP TABLE organization_settings",
    "DROP TABLE views",
    "DROP TABLE operator_deeds",
    "DROP INDEX members_by_email",
    "DROP TABLE members",
    "DROP TABLE member_groups",
    "DROP TABLE roles",
    "DROP TABLE group_members",
    "DROP TABLE member_roles",
    "DROP TABLE group_roles",
    "DROP TABLE invitations",
    "DROP TABLE sessions",
    "ALTER TABLE credentials DROP COLUMN kind",
    "ALTER TABLE credentials DROP COLUMN uuid",
    "ALTER TABLE credentials DROP COLUMN member",
    "ALTER TABLE credentials DROP COLUMN expires_ms",
    "ALTER TABLE credentials DROP COLUMN used_ms",
];

async fn a_catalog_from_before_members_gets_roles_and_names_of_credentials(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a"])).await.unwrap();
    let (catalog, all) = (sender.store.catalog(), sender.found());
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let grant = Some(Grant { scopes: vec![Permission::EventsRead], restrictions: Vec::new() });
    let (name, token) = ("ci".to_owned(), "token-of-ci".to_owned());
    catalog.create_entry(NewEntry { organization: acme.clone(), name, token, grant, expires_ms: None }).await.unwrap();
    sender.close().await;
    for sql in BEFORE_MEMBERS {
        database.run(sql).await;
    }
    database.run("UPDATE schema_version SET version = 5").await;
    database.run("DELETE FROM counters WHERE name IN ('members', 'roles', 'member_groups')").await;

    let sender = sender.at(database.open().await);
    let credentials = sender.store.catalog().credentials().await.unwrap();
    let found = credentials.find("token-of-ci").expect("it is known as it was");
    assert_eq!((found.kind(), found.expires_ms(), found.organization()), (Kind::Token, None, &acme));
    assert!(found.has(Permission::EventsRead) && found.uuid() != Uuid::nil());
    let uuids = database.number("SELECT COUNT(DISTINCT uuid) FROM credentials WHERE uuid <> ''").await;
    assert_eq!(uuids, database.number("SELECT COUNT(*) FROM credentials").await, "each has one of its own");
    for organization in sender.store.catalog().organizations().await.unwrap() {
        let roles = credentials.directory().roles(&organization);
        let handles: Vec<_> = roles.iter().map(|role| role.handle.as_str()).collect();
        assert_eq!(handles, ["admin", "auditor", "member"], "{}", organization.name());
    }
    assert!(everything(&sender.store.snapshot(sender.organization())) == all, "its events are there");
    sender.close().await;
}

async fn a_store_that_is_closed_twice_is_closed(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    tokio::join!(sender.close(), sender.close());
    assert!(matches!(sender.send(events(&["a"])).await, Err(Error::Closing)));
    sender.close().await;
}

async fn a_folder_of_any_name_is_made(database: &Database) {
    let data_dir = database.dir().join("a").join("50% of #1? \"ü\" 'x'");
    let sender =
        Sender::new(Store::open(Options { data_dir: data_dir.clone(), ..database.options() }).await.unwrap()).await;
    sender.send(events(&["a"])).await.unwrap();
    sender.close().await;
    assert_eq!(data_dir.join("catalog.sqlite").exists(), !database.is_postgres());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(data_dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_postgres_that_does_not_keep_commits_is_refused() {
    on_postgres(async |database| {
        let url = database.url().map(|url| format!("{url}?options=-c%20synchronous_commit%3Doff"));
        let refused = Store::open(Options { catalog: url, ..database.options() }).await;
        let words = "the catalog's PostgreSQL has synchronous_commit = off, so a commit is not durable";
        assert_eq!(refused.expect_err("it is not durable").to_string(), words);
    });
}

#[test]
fn a_catalog_that_is_not_there_is_refused() {
    on_sqlite(async |database| {
        for url in ["mysql://localhost/x", "postgres://localhost:1/nothing"] {
            let refused = Store::open(Options { catalog: Some(url.to_owned()), ..database.options() }).await;
            let words = refused.expect_err("there is no such catalog").to_string();
            assert!(words.starts_with("the catalog "), "{words}");
        }
    });
}

/// The files of the folder of segments, and their bytes.
fn segment_files(database: &Database) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(database.dir().join("segments")).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

/// A closed store whose two events are in a segment.
async fn flushed(database: &Database) -> (Sender, Vec<Found>) {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a", "b"])).await.unwrap();
    let all = sender.found();
    sender.store.flush().await.unwrap();
    sender.close().await;
    (sender, all)
}

async fn assert_whole(database: &Database, sender: &Sender, all: &[Found]) {
    let sender = sender.at(database.open().await);
    assert!(everything(&sender.store.snapshot(sender.organization())) == all);
    assert_eq!(sender.store.damage(), Vec::<String>::new());
    sender.close().await;
}

#[expect(clippy::disallowed_methods, reason = "nothing here needs to outlast a crash")]
async fn a_folder_of_another_catalog_is_refused_and_left_alone(database: &Database) {
    let (sender, all) = flushed(database).await;
    let files = segment_files(database);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["0000000001.index", "0000000001.rows", "catalog"]);
    let kept = TempDir::new().unwrap();
    let names = ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"];
    let sqlite = |name: &str| (database.dir().join(name), kept.path().join(name));
    let here = names.map(sqlite).into_iter().filter(|(path, _)| path.exists()).collect::<Vec<_>>();
    here.iter().for_each(|(path, aside)| std::fs::rename(path, aside).unwrap());
    // As a unit that lost its setting would: a catalog that is made at the start.
    let options = || Options { catalog: None, ..database.options() };
    for words in ["belongs to another catalog", "does not know, such as 0000000001.index"] {
        for _ in 0..2 {
            let error = Store::open(options()).await.expect_err("it is another catalog");
            assert!(matches!(error, Error::Open(_)) && error.to_string().contains(words), "{error}");
            assert!(error.to_string().contains("the setting catalog"), "{error}");
        }
        let found = segment_files(database);
        assert!(
            files.iter().all(|(name, bytes)| name == "catalog" || found.get(name) == Some(bytes)),
            "it is as it was"
        );
        let checked = check(database.dir(), None, true, |_| {}).await;
        assert_eq!(checked.is_err(), words.starts_with("belongs"), "{checked:?}");
        // The same for a folder that names no catalog.
        let _ = std::fs::remove_file(database.dir().join("segments/catalog"));
    }
    for (path, aside) in &here {
        std::fs::rename(aside, path).unwrap();
    }
    assert_whole(database, &sender, &all).await;
    assert_eq!(segment_files(database), files, "a folder whose files are all known names its catalog again");
}

async fn only_files_that_a_crash_left_are_removed(database: &Database) {
    let (sender, all) = flushed(database).await;
    database.run("UPDATE counters SET value = 3 WHERE name = 'segments'").await;
    let put = |name: &str| std::fs::write(database.dir().join("segments").join(name), name).unwrap();
    let others = ["notes.rows", "4.rows", "0000000004.rows.old", "notes"];
    let of_a_crash = ["0000000002.rows", "0000000003.index"];
    let newer = ["0000000004.rows", "0000000004.index"];
    for _ in 0..2 {
        others.iter().chain(&of_a_crash).chain(&newer).for_each(|name| put(name));
        assert_whole(database, &sender, &all).await;
    }
    let mut found: Vec<String> = segment_files(database).into_keys().collect();
    found.retain(|name| !name.starts_with("0000000001") && name != "catalog");
    let mut want: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
    want.extend(newer.iter().flat_map(|name| [format!("{name}.unknown"), format!("{name}.unknown2")]));
    want.sort();
    assert_eq!(found, want);
    let segments = database.dir().join("segments");
    assert_eq!(std::fs::read(segments.join("0000000004.rows.unknown2")).unwrap(), b"0000000004.rows");
}
