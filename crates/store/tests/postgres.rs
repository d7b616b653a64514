//! A PostgreSQL that goes away in the middle: a write is recorded whole or not at all, and memory equals the journal.

use sqlx::{Connection, Executor, PgConnection};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use trailbook_store::{Error, Options, Store};

use crate::database::{Database, on_postgres};
use crate::segments::everything;
use crate::writes::{Sender, assert_dense, event_with_id, events, start};

/// Waits in the transaction that inserts into a table: at the insertion, or inside its COMMIT.
enum Hold {
    AtInsert(&'static str),
    AtCommit(&'static str),
}

/// The number of the advisory lock that holds it.
const LOCK: i64 = 4_711;
const IS_HELD: &str = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                       WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted";
/// Sessions with an advisory lock on this database.
const HOLDERS: &str = "(SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                       WHERE d.datname = current_database() AND l.locktype = 'advisory'";
const KILL_HELD: &str = "SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l \
                         JOIN pg_database d ON d.oid = l.database \
                         WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted";

/// Holds the transactions until it is dropped or released.
async fn hold(database: &Database, hold: Hold) -> PgConnection {
    let function = format!(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN PERFORM pg_advisory_xact_lock({LOCK}); RETURN NULL; END$$"
    );
    database.run(&function).await;
    let trigger = match hold {
        Hold::AtInsert(table) => {
            format!("CREATE TRIGGER hold AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION hold()")
        }
        Hold::AtCommit(table) => format!(
            "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION hold()"
        ),
    };
    database.run(&trigger).await;
    let mut holder = PgConnection::connect(&database.url().unwrap()).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut holder).await.unwrap();
    holder
}

async fn is_held(database: &Database) {
    while database.number(IS_HELD).await == 0 {}
}

async fn lost_connection(database: &Database, at: Hold) -> Error {
    let sender = Sender::new(database.open().await).await;
    sender.send(events(&["a"])).await.unwrap();
    let holder = hold(database, at).await;
    let mut write = Box::pin(sender.send(vec![event_with_id(1, "b")]));
    start(write.as_mut()).await;
    is_held(database).await;
    assert_eq!(database.number(KILL_HELD).await, 1);
    let error = write.await.unwrap_err();
    holder.close().await.unwrap();

    assert_eq!(sender.found().len(), 1);
    let again = sender.send(vec![event_with_id(1, "b"), event_with_id(2, "c")]).await.unwrap();
    assert_eq!((again.sequences, again.recorded), (vec![1, 2], 2));
    let before = sender.found();
    assert_dense(&before);
    sender.close().await;
    let sender = sender.at(database.open().await);
    assert_eq!(sender.found(), before);
    sender.close().await;
    error
}

#[test]
fn a_backend_that_ends_before_the_commit_records_nothing() {
    on_postgres(async |database| {
        let error = lost_connection(database, Hold::AtInsert("frames")).await;
        assert!(matches!(error, Error::Catalog { doing: "inserting a frame", .. }), "{error:?}");
    });
}

#[test]
fn a_backend_that_ends_inside_the_commit_records_nothing() {
    on_postgres(async |database| {
        let error = lost_connection(database, Hold::AtCommit("frames")).await;
        assert!(matches!(error, Error::Unknown), "{error:?}");
    });
}

#[test]
fn a_commit_whose_answer_was_lost_is_found() {
    on_postgres(async |database| {
        let line = Line::to(&database.url().unwrap()).await;
        let options = Options { catalog: Some(line.url.clone()), ..database.options() };
        let sender = Sender::new(Store::open(options).await.unwrap()).await;
        sender.send(events(&["a"])).await.unwrap();
        let mut holder = hold(database, Hold::AtCommit("frames")).await;
        let mut write = Box::pin(sender.send_under("key", "x", vec![event_with_id(1, "b")]));
        start(write.as_mut()).await;
        is_held(database).await;
        // The store hears no more of a COMMIT that is still in work, and that succeeds a while later.
        line.cut();
        while database.number("SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted").await
            == 0
        {}
        holder.execute("SELECT pg_advisory_unlock_all()").await.unwrap();
        assert!(matches!(write.await, Err(Error::Unknown)));

        assert_eq!(sender.found().len(), 2, "it was committed, so it is found");
        database.run("DROP TRIGGER hold ON frames").await;
        let again = sender.send_under("key", "x", vec![event_with_id(1, "b")]).await.unwrap();
        assert_eq!((again.sequences, again.replayed.is_some()), (vec![1], true));
        assert_eq!(sender.send(events(&["c"])).await.unwrap().sequences, [2]);
        let before = sender.found();
        assert_dense(&before);
        sender.close().await;
        drop(line);
        let sender = sender.at(database.open().await);
        assert_eq!(sender.found(), before);
        sender.close().await;
    });
}

#[test]
fn a_flush_whose_commit_comes_after_the_next_start_loses_nothing() {
    on_postgres(async |database| {
        let line = Line::to(&database.url().unwrap()).await;
        let options = Options { catalog: Some(line.url.clone()), ..database.options() };
        let sender = Sender::new(Store::open(options).await.unwrap()).await;
        sender.send(events(&["a", "b"])).await.unwrap();
        let all = sender.found();
        let mut holder = hold(database, Hold::AtCommit("segments")).await;
        let mut flush = Box::pin(sender.store.flush());
        start(flush.as_mut()).await;
        tokio::select! {
            _ = &mut flush => panic!("a flush waits for its commit"),
            () = is_held(database) => {}
        }
        // The server is gone, and so is its lock; its COMMIT is not.
        line.cut();
        assert!(flush.await.is_err());
        let Sender { store, credential } = sender;
        drop(store);
        database
            .run(&format!("SELECT pg_terminate_backend({HOLDERS} AND l.granted AND l.objid <> {LOCK} LIMIT 1))"))
            .await;

        let options = database.options();
        let open = tokio::spawn(Store::open(options));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert!(!open.is_finished(), "it waits for what may still change the manifest");
        holder.execute("SELECT pg_advisory_unlock_all()").await.unwrap();
        let sender = Sender { store: std::sync::Arc::new(open.await.unwrap().unwrap()), credential };
        assert_eq!(sender.store.segments_size().1, 2, "it was committed");
        assert!(everything(&sender.store.snapshot(sender.organization())) == all);
        assert_eq!(sender.store.damage(), Vec::<String>::new());
        sender.close().await;
    });
}

#[test]
fn events_are_taken_while_a_flush_adds_to_the_manifest() {
    on_postgres(async |database| {
        let sender = Sender::new(database.open().await).await;
        sender.send(events(&["a", "b"])).await.unwrap();
        let mut holder = hold(database, Hold::AtInsert("segment_parts")).await;
        let mut flush = Box::pin(sender.store.flush());
        start(flush.as_mut()).await;
        tokio::select! {
            _ = &mut flush => panic!("a flush waits at its insertion"),
            () = is_held(database) => {}
        }
        assert_eq!(sender.send(events(&["c"])).await.unwrap().sequences, [2]);
        holder.execute("SELECT pg_advisory_unlock_all()").await.unwrap();
        flush.await.unwrap();
        assert_eq!((sender.store.segments_size().1, sender.store.recent_size().0), (2, 1));
        assert_dense(&everything(&sender.store.snapshot(sender.organization())));
        sender.close().await;
    });
}

#[test]
fn frames_that_another_server_committed_are_read_before_the_next() {
    on_postgres(async |database| {
        let sender = Sender::new(database.open().await).await;
        sender.send(events(&["a", "b"])).await.unwrap();
        // As another server would: its frame and its head.
        database.run("INSERT INTO frames SELECT log, 2, events, recorded_ms, payload FROM frames").await;
        database.run("UPDATE logs SET next_sequence = 4").await;
        assert_eq!(sender.send(events(&["c"])).await.unwrap().sequences, [4]);
        let before = sender.found();
        assert_eq!(before.len(), 5);
        assert_dense(&before);
        sender.close().await;
    });
}

/// The line between a store and its PostgreSQL, which can be cut on the store's side alone.
struct Line {
    url: String,
    is_cut: watch::Sender<bool>,
    carrier: JoinHandle<()>,
}

impl Line {
    async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (user, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.rsplit_once('/').unwrap();
        let url = format!("{user}@{}/{database}", listener.local_addr().unwrap());
        let (server, is_cut) = (server.to_owned(), watch::Sender::new(false));
        let carrier = tokio::spawn({
            let is_cut = is_cut.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(&server).await.unwrap();
                    tokio::spawn(carry(client, server, is_cut.subscribe()));
                }
            }
        });
        Self { url, is_cut, carrier }
    }

    /// Cuts what is connected now; what connects later is carried again.
    fn cut(&self) {
        self.is_cut.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mut is_cut: watch::Receiver<bool>) {
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = is_cut.changed() => {
            drop(client);
            // The server does not notice before the line is gone.
            while is_cut.changed().await.is_ok() {}
        }
    }
}
