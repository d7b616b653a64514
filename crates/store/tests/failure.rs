//! Statements and commits that fail, and a writer that panics.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use trailbook_store::credential::{Grant, NewEntry};
use trailbook_store::{Clock, Error};

use crate::database::{Database, on_postgres, on_sqlite};
use crate::writes::{Sender, assert_dense, event_with_id, events};

on_both!(
    a_full_disk_refuses_the_write_and_the_store_goes_on,
    a_failed_statement_refuses_the_write_and_the_store_goes_on,
    a_writer_that_panics_poisons_the_store,
    a_call_that_is_given_up_leaves_nothing_open,
);

async fn a_full_disk_refuses_the_write_and_the_store_goes_on(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a"])).await.unwrap();
    let fail = if database.is_postgres() {
        database
            .run(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
                 $$BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END$$",
            )
            .await;
        "CREATE TRIGGER fail AFTER INSERT ON frames EXECUTE FUNCTION fail()"
    } else {
        // SQLite says that it is full when a table has used up its numbers, too.
        database.run("CREATE TABLE full_up (n INTEGER PRIMARY KEY AUTOINCREMENT, x)").await;
        database.run("INSERT INTO full_up VALUES (9223372036854775807, 0)").await;
        "CREATE TRIGGER fail AFTER INSERT ON frames BEGIN INSERT INTO full_up (x) VALUES (1); END"
    };
    database.run(fail).await;
    let error = sender.send(vec![event_with_id(1, "b")]).await.unwrap_err();
    assert!(matches!(error, Error::DiskFull), "{error:?}");
    assert_eq!(error.to_string(), "the disk is full; nothing was recorded");
    assert_eq!(sender.found().len(), 1);
    database.run(drop_trigger(database)).await;
    goes_on(database, sender).await;
}

async fn a_failed_statement_refuses_the_write_and_the_store_goes_on(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a"])).await.unwrap();
    database.run("ALTER TABLE idempotency RENAME TO elsewhere").await;
    let error = sender.send(vec![event_with_id(1, "b")]).await.unwrap_err();
    assert!(matches!(error, Error::Catalog { doing: "looking up idempotency keys", .. }), "{error:?}");
    database.run("ALTER TABLE elsewhere RENAME TO idempotency").await;
    goes_on(database, sender).await;
}

/// One event is recorded and nothing of what was refused; the next write and the next start see just that.
async fn goes_on(database: &Database, sender: Sender) {
    assert_eq!(sender.found().len(), 1);
    let again = sender.send(vec![event_with_id(1, "b")]).await.unwrap();
    assert_eq!((again.sequences, again.recorded), (vec![1], 1));
    let before = sender.found();
    sender.close().await;
    let sender = sender.at(database.open().await);
    assert_eq!(sender.found(), before);
    sender.close().await;
}

fn drop_trigger(database: &Database) -> &'static str {
    if database.is_postgres() { "DROP TRIGGER fail ON frames" } else { "DROP TRIGGER fail" }
}

/// Lets the COMMIT of the next frame fail, after all of its statements succeeded.
async fn fail_commits(database: &Database) {
    fail_commits_after(database, "INSERT ON frames").await;
}

/// The same for what is done to another table.
async fn fail_commits_after(database: &Database, done: &str) {
    let table = "CREATE TABLE promises (log BIGINT REFERENCES logs (id) DEFERRABLE INITIALLY DEFERRED)";
    database.run(table).await;
    if database.is_postgres() {
        let promise = "CREATE FUNCTION promise() RETURNS trigger LANGUAGE plpgsql AS \
                       $$BEGIN INSERT INTO promises VALUES (-1); RETURN NULL; END$$";
        database.run(promise).await;
        database.run(&format!("CREATE TRIGGER fail AFTER {done} EXECUTE FUNCTION promise()")).await;
    } else {
        database.run(&format!("CREATE TRIGGER fail AFTER {done} BEGIN INSERT INTO promises VALUES (-1); END")).await;
    }
}

#[test]
fn a_failed_commit_of_sqlite_poisons_the_store() {
    on_sqlite(async |database| {
        let sender = Sender::new(database.open().await).await;
        sender.send(events(&["a"])).await.unwrap();
        fail_commits(database).await;
        assert!(matches!(sender.send(events(&["b"])).await, Err(Error::Poisoned)));
        sender.store.poisoned().await;
        database.run(drop_trigger(database)).await;
        assert!(matches!(sender.send(events(&["c"])).await, Err(Error::Poisoned)), "nothing heals it but a new start");
        assert_eq!(sender.found().len(), 1);
        sender.close().await;

        let sender = sender.at(database.open().await);
        assert_eq!(sender.send(events(&["d"])).await.unwrap().sequences, [1]);
        sender.close().await;
    });
}

#[test]
fn a_failed_commit_of_a_flush_of_sqlite_poisons_the_store() {
    on_sqlite(async |database| {
        let sender = Sender::new(database.open().await).await;
        sender.send(events(&["a"])).await.unwrap();
        sender.store.flush().await.unwrap();
        sender.send(events(&["b"])).await.unwrap();
        // The one that takes a number for a segment, in which nothing of the events is.
        fail_commits_after(database, "UPDATE ON counters").await;
        assert!(sender.store.flush().await.is_err());
        assert!(sender.store.is_poisoned());
        sender.store.poisoned().await;
        database.run(drop_trigger(database)).await;
        assert!(matches!(sender.send(events(&["c"])).await, Err(Error::Poisoned)), "nothing heals it but a new start");
        sender.close().await;

        let sender = sender.at(database.open().await);
        assert_eq!(sender.send(events(&["d"])).await.unwrap().sequences, [2]);
        sender.close().await;
    });
}

#[test]
fn a_failed_commit_of_postgres_is_looked_into_and_the_store_goes_on() {
    on_postgres(async |database| {
        let sender = Sender::new(database.open().await).await;
        sender.send(events(&["a"])).await.unwrap();
        fail_commits(database).await;
        assert!(matches!(sender.send(vec![event_with_id(1, "b")]).await, Err(Error::Unknown)));
        database.run(drop_trigger(database)).await;
        goes_on(database, sender).await;
    });
}

async fn a_writer_that_panics_poisons_the_store(database: &Database) {
    let is_broken = Arc::new(AtomicBool::new(false));
    let clock = Clock::from_fn({
        let is_broken = Arc::clone(&is_broken);
        move || if is_broken.load(Ordering::SeqCst) { panic!("the clock is broken, as the test has it") } else { 1_000 }
    });
    let sender = Sender::new(database.open_at(clock).await).await;
    sender.send(events(&["a"])).await.unwrap();
    is_broken.store(true, Ordering::SeqCst);
    assert!(matches!(sender.send(events(&["b"])).await, Err(Error::Poisoned)));
    sender.store.poisoned().await;
    assert!(matches!(sender.send(events(&["c"])).await, Err(Error::Poisoned)));
    sender.close().await;
    let sender = sender.at(database.open().await);
    assert_eq!(sender.send(events(&["d"])).await.unwrap().sequences, [1]);
    assert_dense(&sender.found());
    sender.close().await;
}

async fn a_call_that_is_given_up_leaves_nothing_open(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let catalog = sender.store.catalog();
    // Given up after ever more steps, until it comes to its end.
    for steps in 0.. {
        let token = format!("token-number-{steps}");
        let grant = Some(Grant::default());
        let new = NewEntry {
            organization: sender.organization().clone(),
            name: token.clone(),
            token,
            grant,
            expires_ms: None,
        };
        let mut call = Box::pin(catalog.create_entry(new));
        let mut is_done = false;
        for _ in 0..steps {
            is_done |= poll_once(call.as_mut()).await;
            if is_done {
                break;
            }
            // What the database was asked for, it answers.
            catalog.ping().await.unwrap();
        }
        drop(call);
        sender.send(events(&["a"])).await.unwrap();
        if is_done {
            break;
        }
    }
    assert_dense(&sender.found());
    sender.close().await;
}

async fn poll_once(mut call: Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await
}
