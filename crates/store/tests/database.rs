//! A database of its own for each test: SQLite in a temporary folder, or PostgreSQL where `TRAILBOOK_TEST_POSTGRES`
//! says.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;
use trailbook_store::{Clock, Error, LogOptions, Options, Store, Tuning};

/// Makes a test on SQLite and a test on PostgreSQL of each behaviour.
macro_rules! on_both {
    ($($behaviour:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $behaviour() {
                $crate::database::on_sqlite(super::$behaviour);
            })+
        }
        mod on_postgres {
            $(#[test]
            fn $behaviour() {
                $crate::database::on_postgres(super::$behaviour);
            })+
        }
    };
}

/// How long idempotency keys are remembered in these tests.
pub(crate) const WINDOW_MS: i64 = 1_000_000;
/// A test that hangs has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Where a store of this test keeps its catalog.
pub(crate) struct Database {
    dir: TempDir,
    postgres: Option<Postgres>,
}

struct Postgres {
    server: String,
    name: String,
}

pub(crate) fn on_sqlite(behaviour: impl AsyncFnOnce(&Database)) {
    run(None, behaviour);
}

pub(crate) fn on_postgres(behaviour: impl AsyncFnOnce(&Database)) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Ok(server) = std::env::var("TRAILBOOK_TEST_POSTGRES") else {
        panic!("set TRAILBOOK_TEST_POSTGRES, or run `cargo xtask test`");
    };
    let name = format!("trailbook_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run(Some(Postgres { server, name }), behaviour);
}

fn run(postgres: Option<Postgres>, behaviour: impl AsyncFnOnce(&Database)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let database = Database { dir: TempDir::new().unwrap(), postgres };
    let postgres = database.postgres.as_ref();
    if let Some(postgres) = postgres {
        runtime.block_on(postgres.run(format!("CREATE DATABASE {}", postgres.name)));
    }
    let test = async { tokio::time::timeout(PATIENCE, behaviour(&database)).await.expect("the test hangs") };
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test)));
    if let Some(postgres) = postgres {
        runtime.block_on(postgres.run(format!("DROP DATABASE {} WITH (FORCE)", postgres.name)));
    }
    // A writer that a failed test holds must not hold the runtime.
    runtime.shutdown_background();
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

impl Postgres {
    /// Runs a statement in the server's own database.
    async fn run(&self, sql: String) {
        let mut connection = PgConnection::connect(&self.server).await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("the URL names a database");
        format!("{server}/{}", self.name)
    }
}

impl Database {
    pub(crate) fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn url(&self) -> Option<String> {
        self.postgres.as_ref().map(Postgres::url)
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            data_dir: self.dir.path().to_owned(),
            catalog: self.url(),
            idempotency_window_ms: WINDOW_MS,
            clock: Clock::system(),
            tuning: Tuning::default(),
            logs: LogOptions::default(),
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    pub(crate) async fn open_at(&self, clock: Clock) -> Store {
        Store::open(Options { clock, ..self.options() }).await.unwrap()
    }

    /// Why the store does not open.
    pub(crate) async fn refusal(&self) -> Error {
        Store::open(self.options()).await.expect_err("the store opens")
    }

    /// Runs SQL on a connection of its own, beside the store.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.url() {
            Some(url) => PgConnection::connect(&url).await.unwrap().execute(sql).await.map(drop).unwrap(),
            None => self.sqlite().await.execute(sql).await.map(drop).unwrap(),
        }
    }

    /// Asks for one number, beside the store.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.url() {
            Some(url) => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            None => sqlx::query_scalar(sql).fetch_one(&mut self.sqlite().await).await.unwrap(),
        }
    }

    /// The payload of the journal's only frame.
    pub(crate) async fn frame(&self) -> Vec<u8> {
        sqlx::query_scalar("SELECT payload FROM frames").fetch_one(&mut self.sqlite().await).await.unwrap()
    }

    async fn sqlite(&self) -> SqliteConnection {
        let path = self.dir.path().join("catalog.sqlite");
        SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
    }
}
