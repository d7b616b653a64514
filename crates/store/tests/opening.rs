//! Opening: one server at a time, a schema that is known, settings that keep what is committed.

use tempfile::TempDir;
use trailbook_store::{Error, Options, Store};

use crate::database::{Database, on_postgres, on_sqlite};
use crate::writes::{Sender, events};

on_both!(
    a_folder_has_one_server_at_a_time,
    a_catalog_of_a_newer_schema_is_refused,
    a_store_that_is_closed_twice_is_closed,
    a_folder_of_any_name_is_made,
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
        let options = || Options { data_dir: elsewhere.path().to_owned(), ..database.options() };
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
