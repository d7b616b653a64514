//! The catalog: the SQL database, SQLite by default or PostgreSQL, behind one set of queries.
//!
//! SQLite runs in WAL mode with `synchronous = FULL`, so a COMMIT that returned is on the disk. PostgreSQL is trusted
//! to do the same with its defaults (`fsync = on`, `synchronous_commit = on`), which is checked at the start.
//!
//! On a crash: both databases roll back what was not committed when they are opened again.

mod schema;

use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row};
use tokio::sync::watch;
use trailbook_event::limits::ROWS_PER_STATEMENT_MAX;

use crate::{Clock, Error};

/// The catalog's file in a data folder.
const SQLITE_FILE: &str = "catalog.sqlite";
/// Connections of one server: the writer's, one for readers of the journal at start, some for credentials.
const CONNECTIONS_MAX: u32 = 5;
/// How long a connection or a lock is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// The SQL database of a server.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: AnyPool,
    kind: Kind,
    clock: Clock,
    /// Set when a COMMIT of SQLite failed: what its file holds is not known any more.
    is_poisoned: Arc<watch::Sender<bool>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Catalog {
    /// Whether a data folder has a SQLite catalog.
    pub fn is_in(data_dir: &Path) -> bool {
        data_dir.join(SQLITE_FILE).is_file()
    }

    /// Opens the catalog of a data folder, or the PostgreSQL database at `url`, and brings its schema up to date. Works
    /// beside a running server.
    pub async fn open(data_dir: &Path, url: Option<&str>, clock: Clock) -> Result<Self, Error> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let (kind, url) = match url {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                (Kind::Postgres, url.to_owned())
            }
            Some(_) => return Err(Error::Open("the catalog must be a postgres:// URL".to_owned())),
            None => (Kind::Sqlite, sqlite_url(data_dir)?),
        };
        // One connection first, by itself: a pool tries again until its patience ends, and then does not say why.
        let failed = |e| Error::Open(format!("the catalog cannot be opened: {e}"));
        let mut first = AnyConnection::connect(&url).await.map_err(failed)?;
        prepare(&mut first, kind).await.map_err(failed)?;
        first.close().await.map_err(failed)?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(WAIT)
            // A round trip each time; a connection that is dead fails its first statement, which changes nothing.
            .test_before_acquire(false)
            .after_connect(move |connection, _| Box::pin(prepare(connection, kind)))
            .connect(&url)
            .await
            .map_err(failed)?;
        let catalog = Self { pool, kind, clock, is_poisoned: Arc::new(watch::Sender::new(false)) };
        catalog.check_durable().await?;
        catalog.migrate().await?;
        Ok(catalog)
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// Begins a transaction that writes. SQLite takes its one write lock at once, so it cannot fail half-way for want
    /// of it.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        self.begin_with(if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" }).await
    }

    async fn begin_with(&self, begin: &'static str) -> Result<Transaction, Error> {
        let doing = Error::catalog("beginning a transaction");
        let connection = self.pool.acquire().await.map_err(&doing)?;
        // Made first: a caller that goes away in the middle of BEGIN must not leave its transaction to the pool.
        let poisons = (!self.is_postgres()).then(|| Arc::clone(&self.is_poisoned));
        let mut tx = Transaction { connection: Some(connection), clock: self.clock.clone(), poisons };
        tx.connection().execute(begin).await.map_err(&doing)?;
        Ok(tx)
    }

    /// Begins a transaction that reads: all of it sees what there was at its first statement.
    pub(crate) async fn begin_reading(&self) -> Result<Transaction, Error> {
        let begin = if self.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" };
        self.begin_with(begin).await
    }

    /// Whether the store is poisoned, which a failed COMMIT of any transaction can do.
    pub(crate) fn is_poisoned(&self) -> &Arc<watch::Sender<bool>> {
        &self.is_poisoned
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.pool.execute("SELECT 1").await.map(drop).map_err(Error::catalog("asking whether it is there"))
    }

    /// After an unclean stop, moves what the write-ahead log holds into the database file before anything is served, so
    /// that nothing is trusted which only the page cache holds.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        if self.is_postgres() {
            return Ok(());
        }
        let row = self
            .pool
            .fetch_one("PRAGMA wal_checkpoint(TRUNCATE)")
            .await
            .map_err(Error::catalog("settling its write-ahead log"))?;
        let busy: i64 = row.try_get(0).map_err(Error::catalog("settling its write-ahead log"))?;
        if busy != 0 {
            return Err(Error::Open("the catalog's write-ahead log is in use by another process".to_owned()));
        }
        Ok(())
    }

    /// What SQLite finds wrong with its own file; PostgreSQL looks after itself.
    pub(crate) async fn damage(&self) -> Result<Vec<String>, Error> {
        if self.is_postgres() {
            return Ok(Vec::new());
        }
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(10)")
            .fetch_all(&self.pool)
            .await
            .map_err(Error::catalog("checking its file"))?;
        Ok(found.into_iter().filter(|found| found != "ok").map(|found| format!("{SQLITE_FILE}: {found}")).collect())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    async fn check_durable(&self) -> Result<(), Error> {
        if !self.is_postgres() {
            return Ok(());
        }
        let sql = "SELECT name, setting FROM pg_settings \
                   WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'";
        let off = self.pool.fetch_optional(sql).await.map_err(Error::catalog("reading its settings"))?;
        match off {
            None => Ok(()),
            Some(row) => {
                let name: String = row.try_get(0).map_err(Error::catalog("reading its settings"))?;
                Err(Error::Open(format!("the catalog's PostgreSQL has {name} = off, so a commit is not durable")))
            }
        }
    }

    async fn migrate(&self) -> Result<(), Error> {
        let doing = Error::catalog("making its schema");
        let (blob, without_rowid) = if self.is_postgres() { ("BYTEA", "") } else { ("BLOB", "WITHOUT ROWID") };
        let mut tx = self.begin().await?;
        if self.is_postgres() {
            // Two processes may open an empty database at once.
            tx.connection().execute("SELECT pg_advisory_xact_lock(7161)").await.map_err(&doing)?;
        }
        tx.connection().execute(schema::VERSION_TABLE).await.map_err(&doing)?;
        let row = tx.connection().fetch_optional("SELECT version FROM schema_version WHERE id = 1").await;
        let version: i64 = match row.map_err(&doing)? {
            Some(row) => row.try_get(0).map_err(&doing)?,
            None => 0,
        };
        let applied = usize::try_from(version).unwrap_or(usize::MAX);
        if applied > schema::STEPS.len() {
            return Err(Error::Open(format!("the catalog was made by a newer trailbook (its schema is {version})")));
        }
        if applied == schema::STEPS.len() {
            // Nothing to write, so a server starts on a full disk too.
            tx.rollback().await;
            return Ok(());
        }
        for step in schema::STEPS.iter().skip(applied) {
            for sql in *step {
                let sql = sql.replace("{blob}", blob).replace("{without_rowid}", without_rowid);
                tx.connection().execute(AssertSqlSafe(sql)).await.map_err(&doing)?;
            }
        }
        if applied == 0 {
            tx.create_organization(crate::DEFAULT_ORGANIZATION).await?;
        }
        tx.give_name().await?;
        tx.give_uuids().await?;
        tx.give_credential_uuids().await?;
        tx.give_roles().await?;
        sqlx::query(
            "INSERT INTO schema_version (id, version) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET version = $1",
        )
        .bind(schema::STEPS.len() as i64)
        .execute(tx.connection())
        .await
        .map_err(&doing)?;
        tx.commit().await
    }
}

/// Cuts rows into runs of few different lengths, so that the database prepares few different statements.
pub(crate) fn in_steps<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    const STEPS: [usize; 5] = [ROWS_PER_STATEMENT_MAX, 100, 20, 5, 1];
    std::iter::from_fn(move || {
        let step = STEPS.into_iter().find(|step| *step <= rows.len())?;
        let (taken, rest) = rows.split_at_checked(step)?;
        rows = rest;
        Some(taken)
    })
}

/// The places of so many rows of a statement: `($1,$2),($3,$4)`.
pub(crate) fn rows_of_places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

/// An open transaction. Dropped without a commit, it closes its connection, which rolls back.
pub(crate) struct Transaction {
    connection: Option<PoolConnection<Any>>,
    clock: Clock,
    /// What a failed COMMIT poisons. PostgreSQL looks after its own disk: it stops by itself after a failed sync.
    poisons: Option<Arc<watch::Sender<bool>>>,
}

impl Transaction {
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("the connection is taken by commit and drop alone, which take self")
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Commits. On an error it is not known whether the database holds the transaction, but for SQLite's
    /// [`Error::DiskFull`]: then the last write, without which the transaction is none, did not find room. Any other
    /// error of SQLite poisons the store, whatever the transaction was for: a failed sync is never tried again.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        let result = self.connection().execute("COMMIT").await;
        if result.is_ok() {
            // Back to the pool, clean.
            drop(self.connection.take());
        }
        let result = result.map(drop).map_err(Error::catalog("committing"));
        if let (Some(poisons), Err(error)) = (&self.poisons, &result)
            && !matches!(error, Error::DiskFull)
        {
            poisons.send_replace(true);
        }
        result
    }

    /// Gives the transaction up and keeps the connection.
    pub(crate) async fn rollback(mut self) {
        if self.connection().execute("ROLLBACK").await.is_ok() {
            drop(self.connection.take());
        }
    }

    /// A number that no row of the table had or will have. The next is one higher.
    pub(crate) async fn next_id(&mut self, table: &'static str) -> Result<i64, Error> {
        sqlx::query_scalar(
            "INSERT INTO counters (name, value) VALUES ($1, 1) \
             ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        )
        .bind(table)
        .fetch_one(self.connection())
        .await
        .map_err(Error::catalog("taking a number"))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Not returned to the pool: its transaction is still open.
            drop(connection.detach());
        }
    }
}

async fn prepare(connection: &mut AnyConnection, kind: Kind) -> Result<(), sqlx::Error> {
    if kind == Kind::Sqlite {
        for pragma in [
            "PRAGMA busy_timeout = 10000",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            // A larger log between checkpoints: fewer rewrites of the same pages.
            "PRAGMA wal_autocheckpoint = 4000",
            "PRAGMA cache_size = -65536",
        ] {
            connection.execute(pragma).await?;
        }
    }
    Ok(())
}

/// Makes the data folder if need be, readable by its owner alone.
///
/// On a crash: a folder that was made is in its parent, because the parent was synced.
pub(crate) fn make_data_dir(data_dir: &Path) -> std::io::Result<()> {
    let data_dir = std::path::absolute(data_dir)?;
    let missing: Vec<_> = data_dir.ancestors().take_while(|dir| !dir.exists()).collect();
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&data_dir)?;
    for parent in missing.into_iter().filter_map(Path::parent) {
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Makes the catalog's file, readable by its owner alone; SQLite gives its companions the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The catalog's file of a data folder as a URL.
fn sqlite_url(data_dir: &Path) -> Result<String, Error> {
    let shown = data_dir.display();
    let failed = |e: std::io::Error| Error::Open(format!("the data folder {shown} cannot be made: {e}"));
    make_data_dir(data_dir).map_err(failed)?;
    let path = data_dir.join(SQLITE_FILE);
    let path = std::path::absolute(path).map_err(failed)?;
    make_private(&path).map_err(failed)?;
    let path = path.to_str().ok_or_else(|| Error::Open(format!("the path {shown} is not UTF-8")))?;
    let mut url = String::from("sqlite://");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("?mode=rwc");
    Ok(url)
}
