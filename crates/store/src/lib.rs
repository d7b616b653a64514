//! Where events are kept.
//!
//! The *catalog* is the SQL database: organizations, credentials, heads of logs, the *journal* of frames and the
//! manifest of segments. What is committed is also *recent*: in memory, searchable by the time a write is answered, and
//! rebuilt from the journal at start. From there it moves on to *segments*, files of rows with an index. A [`Store`] is
//! all of it.
//!
//! Nothing is acknowledged before its transaction's COMMIT returned. A COMMIT whose outcome is not known poisons the
//! store: it answers nothing more, and the process is to stop and start anew from what the database holds.

pub mod clock;
pub mod credential;
pub mod members;
pub mod recent;
pub mod rules;
pub mod segment;
pub mod views;

mod catalog;
mod check;
mod compact;
mod disk;
mod error;
mod exports;
mod flush;
mod journal;
mod keeper;
mod lock;
mod logs;
mod manifest;
mod object;
mod operator;
mod organization;
mod pair;
mod permission;
mod secret;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use trailbook_event::limits::{
    CHUNK_BYTES_MIN, CHUNK_EVENTS_MAX, FLUSH_BYTES_MIN, FLUSH_EVENTS_MIN, FLUSH_SECONDS_MAX, PAGE_CACHE_BYTES_MAX,
    RECENT_BYTES_MAX, RECENT_EVENTS_MAX, ROOM_SECONDS_MAX, SEGMENT_ROWS_MAX, SEGMENTS_OPEN_MAX,
};

use trailbook_tlog::tile::Tile;
use trailbook_tlog::{Hash, Signature, VerifierKey};

pub use catalog::Catalog;
pub use check::{Checked, check};
pub use clock::Clock;
pub use credential::{Credential, CredentialId};
pub use disk::Disk;
pub use error::Error;
pub use exports::{ExportChange, ExportFiles, ExportRow, ExportState, FileReader, FileWriter, NewExport};
pub use journal::{Append, Appended, Fingerprint, Item, KeyHash, Remember};
use logs::Purpose;
pub use logs::{Cosigned, Frozen, Log, LogOptions, Proof, Prover, Published, freeze};
pub use operator::{NotedDeed, OperatorDeed};
pub use organization::{
    DEFAULT_ORGANIZATION, DefaultRange, LogEntry, Organization, OrganizationSettings, SYSTEM_ORGANIZATION, new_uuid,
};
pub use recent::{Frame, LogNumber, Row, SegmentPart, Snapshot};
pub use secret::SecretKey;
pub use segment::Segment;
pub use work::Work;

/// The folder of segment files in a data folder.
pub(crate) const SEGMENTS_DIR: &str = "segments";

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of this server: its segments, its lock, and the SQLite catalog unless `catalog` says otherwise.
    pub data_dir: PathBuf,
    /// `postgres://…`, for a catalog in PostgreSQL.
    pub catalog: Option<String>,
    /// How long an idempotency key or a client's event id is remembered, in milliseconds.
    pub idempotency_window_ms: i64,
    /// Where time comes from.
    pub clock: Clock,
    /// When events move on.
    pub tuning: Tuning,
    /// How logs are named and kept.
    pub logs: LogOptions,
}

/// When events move from one place to the next, and how much memory they may have.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Events of one small segment in memory.
    pub chunk_events: usize,
    /// Events in memory from which on they are moved to disk.
    pub flush_events: u64,
    /// Bytes in memory from which on they are moved to disk.
    pub flush_bytes: u64,
    /// The age at which they are moved to disk, in milliseconds.
    pub flush_age_ms: i64,
    /// Events of one segment when it is flushed; a single chunk may have more.
    pub segment_events: u64,
    /// Events in memory above which writes wait until some have moved to disk.
    pub recent_events: u64,
    /// The same in bytes.
    pub recent_bytes: u64,
    /// How long they wait before they are refused.
    pub room_wait: Duration,
    /// Segments whose files are open.
    pub segments_open: usize,
    /// Memory for pages of files, in bytes.
    pub cache_bytes: u64,
    /// Who knows how much room the disk has.
    pub disk: Disk,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            chunk_events: CHUNK_EVENTS_MAX,
            flush_events: FLUSH_EVENTS_MIN,
            flush_bytes: FLUSH_BYTES_MIN,
            flush_age_ms: i64::try_from(FLUSH_SECONDS_MAX).unwrap_or(i64::MAX).saturating_mul(1000),
            segment_events: SEGMENT_ROWS_MAX.into(),
            recent_events: RECENT_EVENTS_MAX,
            recent_bytes: RECENT_BYTES_MAX,
            room_wait: Duration::from_secs(ROOM_SECONDS_MAX),
            segments_open: SEGMENTS_OPEN_MAX,
            cache_bytes: PAGE_CACHE_BYTES_MAX,
            disk: Disk::system(),
        }
    }
}

/// Everything that a server keeps, opened by one process.
#[derive(Debug)]
pub struct Store {
    catalog: Catalog,
    recent: Arc<recent::Recent>,
    logs: Arc<logs::Logs>,
    journal: journal::Journal,
    exports: ExportFiles,
    mover: Arc<flush::Mover>,
    signals: Arc<keeper::Signals>,
    keeper: tokio::sync::Mutex<keeper::Keeper>,
    lock: tokio::sync::Mutex<Option<lock::DataLock>>,
}

impl Store {
    /// Opens the catalog, makes its schema, reads the manifest, and reads the journal into memory.
    ///
    /// On a crash of the process before: what COMMIT returned for is in the journal or in segments, what it did not
    /// return for is there whole or not at all. Files that no manifest names are removed.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let store = Self::open_for(options, Purpose::Serve).await?;
        logs::announce(&store).await?;
        Ok(store)
    }

    async fn open_to_freeze(options: Options) -> Result<Self, Error> {
        Self::open_for(options, Purpose::Freeze).await
    }

    async fn open_for(options: Options, purpose: Purpose) -> Result<Self, Error> {
        let lock = lock::DataLock::take(&options.data_dir)?;
        let catalog = Catalog::open(&options.data_dir, options.catalog.as_deref(), options.clock.clone()).await?;
        let lock = lock.with_catalog(&catalog).await?;
        catalog.settle().await?;
        let tuning = options.tuning;
        let folder = object::Folder::open(&options.data_dir.join(SEGMENTS_DIR))?;
        let files = Arc::new(manifest::Files::new(Box::new(folder), tuning.cache_bytes, tuning.segments_open));
        let recent = Arc::new(recent::Recent::default());
        let chunk = recent::Size { events: tuning.chunk_events.max(1) as u64, bytes: CHUNK_BYTES_MIN };
        let segment = recent::Size { events: tuning.segment_events, bytes: RECENT_BYTES_MAX };
        let mut mover = flush::Mover::new(catalog.clone(), Arc::clone(&recent), files, (chunk, segment));
        mover.load_manifest().await?;
        let exports = ExportFiles::open(&options.data_dir)?;
        let named = (&options.logs, purpose);
        let logs = logs::Logs::open(catalog.clone(), &options.data_dir, named, mover.spent.clone()).await?;
        let logs = Arc::new(logs);
        mover.logs = Some(Arc::clone(&logs));
        let mover = Arc::new(mover);
        journal::load(&catalog, (&recent, &logs), Some(&mover)).await?;
        journal::check_heads(&catalog, &recent).await?;
        let signals = Arc::new(keeper::Signals::new(Arc::clone(catalog.is_poisoned())));
        let journal = journal::Journal::start(
            catalog.clone(),
            (Arc::clone(&recent), Arc::clone(&logs)),
            Arc::clone(&signals),
            journal::Limits {
                idempotency_window_ms: options.idempotency_window_ms,
                recent: recent::Size { events: tuning.recent_events, bytes: tuning.recent_bytes },
                room_wait: tuning.room_wait,
            },
        );
        let keeper = keeper::Keeper::start(Arc::clone(&mover), Arc::clone(&signals), (tuning, options.data_dir));
        Ok(Self {
            catalog,
            recent,
            logs,
            journal,
            exports,
            mover,
            signals,
            keeper: tokio::sync::Mutex::new(keeper),
            lock: tokio::sync::Mutex::new(Some(lock)),
        })
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The files of exports.
    pub fn export_files(&self) -> &ExportFiles {
        &self.exports
    }

    /// Appends events to the log of an organization, and returns when they are durable and can be found. If the caller
    /// goes away before that, the write goes on.
    pub async fn append(&self, append: Append) -> Result<Appended, Error> {
        self.journal.append(append).await
    }

    /// What the organization's logs hold now. It does not change while events are added and moved.
    pub fn snapshot(&self, organization: &Organization) -> Snapshot {
        self.recent.snapshot(organization, self.logs.frozen_of(organization))
    }

    /// The logs of an organization, the oldest first: frozen ones, and the open one.
    pub async fn logs(&self, organization: &Organization) -> Result<Vec<Arc<Log>>, Error> {
        if self.logs.get(organization.log).is_none() {
            // It was made a moment ago.
            self.logs.look_for_new().await?;
        }
        Ok(self.logs.of(organization))
    }

    /// The log of an organization that grows, if it was looked at before.
    pub fn open_log(&self, organization: &Organization) -> Option<Arc<Log>> {
        self.logs.get(organization.log)
    }

    /// The log of this number.
    pub fn log_of(&self, number: LogNumber) -> Option<Arc<Log>> {
        self.logs.get(number.0)
    }

    /// The log of a public name.
    pub fn log(&self, log_id: &str) -> Option<Arc<Log>> {
        self.logs.named(log_id)
    }

    /// The bytes of a tile or bundle under a log's published checkpoint. `None` if it has not so much of it.
    pub async fn tile(&self, log: &Log, tile: Tile) -> Result<Option<Vec<u8>>, Error> {
        self.logs.tile(log, tile).await
    }

    /// The proof that the entry at an index is under a published checkpoint of its log. `None` if it is not.
    pub async fn inclusion(&self, log: &Log, index: u64, published: &Published) -> Result<Option<Proof>, Error> {
        self.logs.inclusion(log, index, published).await
    }

    /// What makes many proofs under a published checkpoint of a log.
    pub fn prover<'a>(&'a self, log: &'a Log, published: &'a Published) -> Prover<'a> {
        Prover::new(&self.logs, log, published)
    }

    /// The proof that the first `new` entries of a log begin with the first `old`. `None` unless `old` ≤ `new` ≤ the
    /// size of the published checkpoint.
    pub async fn consistency(&self, log: &Log, old: u64, new: u64) -> Result<Option<Vec<Hash>>, Error> {
        self.logs.consistency(log, old, new).await
    }

    /// Events that are under no published checkpoint yet.
    pub fn entries_waiting(&self) -> u64 {
        self.logs.waiting()
    }

    /// What a witness has cosigned of a log.
    pub async fn cosigned(&self, log: &Log, witness: &VerifierKey) -> Result<Option<Cosigned>, Error> {
        self.logs.cosigned(log, witness).await
    }

    /// Keeps a witness's cosignature over a published checkpoint, and shows it with that as long as it is the last one.
    /// Gives its time, in seconds since 1970.
    pub async fn add_cosignature(
        &self,
        log: &Log,
        published: &Published,
        cosignature: (&VerifierKey, Signature),
    ) -> Result<u64, Error> {
        self.logs.add_cosignature(log, published, cosignature).await
    }

    /// Brings everything that is acknowledged under published checkpoints now.
    pub async fn integrate(&self) -> Result<(), Error> {
        self.logs.integrate().await.map_err(flush::Failed::into_error)
    }

    /// Events in memory and the bytes that they take.
    pub fn recent_size(&self) -> (u64, u64) {
        let size = self.recent.size();
        (size.events, size.bytes)
    }

    /// The segments on disk: how many, their events, and their bytes.
    pub fn segments_size(&self) -> (u64, u64, u64) {
        let manifest = self.recent.manifest();
        let entries = manifest.segments.iter().map(|handle| &handle.entry);
        entries.fold((0, 0, 0), |(count, events, bytes), entry| {
            (count + 1, events + entry.row_count(), bytes + entry.bytes())
        })
    }

    /// What the segments on disk are made of: each part's name and bytes.
    pub fn disk_report(&self) -> Result<Vec<(String, u64)>, Error> {
        let mut sums = std::collections::BTreeMap::new();
        for handle in &self.recent.manifest().segments {
            for (name, bytes) in handle.segment()?.report() {
                *sums.entry(name).or_default() += bytes;
            }
        }
        Ok(sums.into_iter().collect())
    }

    /// Which files are missing or damaged, as far as it was met: sentences that name them.
    pub fn damage(&self) -> Vec<String> {
        self.mover.files.damage(&self.recent.manifest())
    }

    /// Remembers damage that a query met.
    pub fn note_damage(&self, what: &str, reason: &str) {
        let (what, reason) = (what.to_owned(), reason.to_owned());
        self.mover.files.note(&Error::Damaged { what, reason });
    }

    /// Processor time that some work behind the store took since it was opened, in microseconds.
    pub fn work_micros(&self, work: Work) -> u64 {
        self.mover.spent.micros(work)
    }

    /// What the cache of pages takes in bytes, and the reads that found their page there, or had to go to a file.
    pub fn page_cache(&self) -> (u64, u64, u64) {
        let cache = &self.mover.files.cache;
        (cache.used_bytes(), cache.hits(), cache.misses())
    }

    /// Whether less of the disk is free than its reserve: as long as that is so, new events are refused.
    pub fn is_disk_low(&self) -> bool {
        self.signals.is_disk_low.load(Ordering::Relaxed)
    }

    /// Moves what is in memory to disk now.
    pub async fn flush(&self) -> Result<(), Error> {
        self.mover.flush_from(recent::Size::ONE).await.map_err(flush::Failed::into_error)
    }

    /// Builds small segments in memory of all frames now.
    pub async fn chunk(&self) -> Result<(), Error> {
        self.mover.chunk_from(recent::Size::ONE).await
    }

    /// Does one piece of compaction, past windows first; false if there is nothing to do.
    pub async fn compact(&self) -> Result<bool, Error> {
        self.mover.compact(true).await.map_err(flush::Failed::into_error)
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
        self.keeper.lock().await.stop().await;
        if !self.is_poisoned()
            && let Err(error) = self.integrate().await
        {
            tracing::warn!(%error, "the last events are under no checkpoint yet; they will be at the next start");
        }
        self.catalog.close().await;
        if let Some(lock) = lock.take() {
            lock.release().await;
        }
    }
}
