//! Where events are kept.
//!
//! The *catalog* is the SQL database: organizations, credentials, heads of logs, and the *journal* of frames. What is
//! committed is also *recent*: in memory, searchable by the time a write is answered, and rebuilt from the journal at
//! start. A [`Store`] is all three.
//!
//! Nothing is acknowledged before its transaction's COMMIT returned. A COMMIT whose outcome is not known poisons the
//! store: it answers nothing more, and the process is to stop and start anew from what the database holds.

pub mod clock;
pub mod credential;
pub mod recent;

mod catalog;
mod error;
mod journal;
mod lock;
mod organization;

use std::path::PathBuf;
use std::sync::Arc;

pub use catalog::Catalog;
pub use clock::Clock;
pub use credential::{Credential, CredentialId};
pub use error::Error;
pub use journal::{Append, Appended, Fingerprint, Item, KeyHash, Remember};
pub use organization::{DEFAULT_ORGANIZATION, Organization};
pub use recent::{Frame, Row, Snapshot};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of this server: the SQLite catalog unless `catalog` says otherwise, and its lock.
    pub data_dir: PathBuf,
    /// `postgres://…`, for a catalog in PostgreSQL.
    pub catalog: Option<String>,
    /// How long an idempotency key or a client's event id is remembered, in milliseconds.
    pub idempotency_window_ms: i64,
    /// Where time comes from.
    pub clock: Clock,
}

/// Everything that a server keeps, opened by one process.
#[derive(Debug)]
pub struct Store {
    catalog: Catalog,
    recent: Arc<recent::Recent>,
    journal: journal::Journal,
    lock: tokio::sync::Mutex<Option<lock::DataLock>>,
}

impl Store {
    /// Opens the catalog, makes its schema, and reads the journal into memory.
    ///
    /// On a crash of the process before: what COMMIT returned for is in the journal, what it did not return for is
    /// there whole or not at all.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let lock = lock::DataLock::take(&options.data_dir)?;
        let catalog = Catalog::open(&options.data_dir, options.catalog.as_deref(), options.clock.clone()).await?;
        let lock = lock.with_catalog(&catalog).await?;
        catalog.settle().await?;
        let recent = Arc::new(recent::Recent::default());
        journal::load(&catalog, &recent).await?;
        journal::check_heads(&catalog, &recent).await?;
        let journal = journal::Journal::start(catalog.clone(), Arc::clone(&recent), options.idempotency_window_ms);
        Ok(Self { catalog, recent, journal, lock: tokio::sync::Mutex::new(Some(lock)) })
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Appends events to the log of an organization, and returns when they are durable and can be found. If the caller
    /// goes away before that, the write goes on.
    pub async fn append(&self, append: Append) -> Result<Appended, Error> {
        self.journal.append(append).await
    }

    /// What the organization's log holds now. It does not change while events are added.
    pub fn snapshot(&self, organization: &Organization) -> Snapshot {
        self.recent.snapshot(organization)
    }

    /// Events in memory and the bytes that they take.
    pub fn recent_size(&self) -> (u64, u64) {
        self.recent.size()
    }

    /// Writes that wait for their commit.
    pub fn appends_waiting(&self) -> usize {
        self.journal.waiting()
    }

    /// What the journal's writer has done since the start.
    pub fn commits(&self) -> journal::Commits {
        self.journal.commits()
    }

    /// Returns when the store is poisoned: when the process must stop.
    pub async fn poisoned(&self) {
        self.journal.poisoned().await;
    }

    /// Whether the store is poisoned.
    pub fn is_poisoned(&self) -> bool {
        self.journal.is_poisoned()
    }

    /// Finishes what was taken, closes the catalog and lets the next server have it. Appends that come later are
    /// refused.
    pub async fn close(&self) {
        let mut lock = self.lock.lock().await;
        self.journal.close().await;
        self.catalog.close().await;
        if let Some(lock) = lock.take() {
            lock.release().await;
        }
    }
}
