//! A store with several logs, and all that was recorded in them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use trailbook_store::credential::{Grant, NewEntry, Permission, new_token};
use trailbook_store::{
    Append, Clock, CredentialId, Disk, Item, LogOptions, Options, Organization, Snapshot, Store, Tuning, freeze,
};

use crate::oracle::Known;

/// When the first store opens: 2026-01-15T12:00:00Z, in milliseconds since 1970.
const NOW_MS: i64 = 1_768_478_400_000;

pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) dir: TempDir,
    pub(crate) logs: Vec<Log>,
    clock: Arc<AtomicI64>,
    chunk_events: usize,
}

/// The log of one organization.
pub(crate) struct Log {
    organization: Organization,
    credential: CredentialId,
    last_recorded_ms: i64,
    /// How many logs of the organization are frozen, and the events in them.
    frozen: (u64, usize),
    pub(crate) known: Vec<Known>,
}

impl Log {
    /// Where an event of the open log stands among those of all logs.
    fn number(&self, sequence: u64) -> u64 {
        (self.frozen.0 << 48) + sequence
    }
}

impl State {
    pub(crate) async fn new(logs: usize, chunk_events: usize) -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Arc::new(AtomicI64::new(NOW_MS));
        let store = open(dir.path(), &clock, chunk_events).await;
        let mut state = Self { store, dir, logs: Vec::new(), clock, chunk_events };
        for number in 0..logs {
            let (organization, _) = state.store.catalog().organization_or_new(&format!("log-{number}")).await.unwrap();
            let token = new_token().unwrap();
            let grant = Some(Grant { scopes: vec![Permission::EventsWrite], restrictions: Vec::new() });
            let entry = NewEntry {
                organization: organization.clone(),
                name: format!("sender-{number}"),
                token: token.clone(),
                grant,
                expires_ms: None,
            };
            state.store.catalog().create_entry(entry).await.unwrap();
            let credential = state.store.catalog().credentials().await.unwrap().find(&token).unwrap().id();
            state.logs.push(Log { organization, credential, last_recorded_ms: 0, frozen: (0, 0), known: Vec::new() });
        }
        state
    }

    /// Lets time pass, or go back.
    pub(crate) fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    /// Records events in one write.
    pub(crate) async fn append(&mut self, log: usize, items: Vec<Item>) {
        let log = &mut self.logs[log];
        let sent: Vec<Vec<u8>> = items.iter().map(|item| item.sealed.canonical().to_vec()).collect();
        let append = Append {
            organization: log.organization.clone(),
            credential: log.credential,
            items,
            remember: None,
            uses_reserve: false,
        };
        let appended = self.store.append(append).await.unwrap();
        assert_eq!(appended.recorded, sent.len() as u64);
        // Times of recording never go back.
        log.last_recorded_ms = log.last_recorded_ms.max(self.clock.load(Ordering::Relaxed));
        for (sequence, canonical) in appended.sequences.into_iter().zip(&sent) {
            assert_eq!(sequence, (log.known.len() - log.frozen.1) as u64);
            log.known.push(Known::new((sequence, log.number(sequence)), log.last_recorded_ms, canonical));
        }
    }

    /// Freezes every log: each organization goes on with another, whose first event names the old one.
    pub(crate) async fn freeze(&mut self) {
        self.store.close().await;
        freeze(options(self.dir.path(), &self.clock, self.chunk_events), None).await.unwrap();
        self.store = open(self.dir.path(), &self.clock, self.chunk_events).await;
        for log in &mut self.logs {
            let name = log.organization.name().to_owned();
            (log.organization, _) = self.store.catalog().organization_or_new(&name).await.unwrap();
            log.frozen = (log.frozen.0 + 1, log.known.len());
            let snapshot = self.store.snapshot(&log.organization);
            let first = snapshot.rows().next().unwrap();
            assert_eq!(first.sequence, 0);
            log.last_recorded_ms = first.recorded_ms;
            log.known.push(Known::new((0, log.number(0)), first.recorded_ms, first.canonical));
        }
    }

    pub(crate) fn snapshot(&self, log: usize) -> Snapshot {
        self.store.snapshot(&self.logs[log].organization)
    }

    /// Closes the store, lets its files be changed, and opens it again.
    pub(crate) async fn reopen(&mut self, change: impl FnOnce(&Path)) {
        self.store.close().await;
        change(self.dir.path());
        self.store = open(self.dir.path(), &self.clock, self.chunk_events).await;
    }
}

/// Opens the store of a folder, which has one already or none yet.
pub(crate) async fn open(dir: &Path, clock: &Arc<AtomicI64>, chunk_events: usize) -> Store {
    Store::open(options(dir, clock, chunk_events)).await.unwrap()
}

fn options(dir: &Path, clock: &Arc<AtomicI64>, chunk_events: usize) -> Options {
    let now = Arc::clone(clock);
    let tuning = Tuning {
        chunk_events,
        // Only when a test says so.
        flush_events: u64::MAX,
        flush_bytes: u64::MAX,
        flush_age_ms: 1 << 60,
        // Segments are closed and opened again all the time.
        segments_open: 2,
        cache_bytes: 1 << 20,
        disk: Disk::from_fn(|_| Ok((1 << 40, 1 << 41))),
        ..Tuning::default()
    };
    Options {
        data_dir: dir.to_owned(),
        catalog: None,
        idempotency_window_ms: 1_000_000,
        clock: Clock::from_fn(move || now.load(Ordering::Relaxed)),
        tuning,
        logs: LogOptions::default(),
    }
}
