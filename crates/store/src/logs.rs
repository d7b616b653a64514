//! Logs: the Merkle trees over what was recorded, one open log for each organization, and their signed checkpoints.
//!
//! ```text
//! commit ─► leaves wait ─► round: entries, tree, signature ─► one transaction: entries in, checkpoint in
//!        ─► the file of checkpoints, and its copies ─► published ─► packs of 65,536 entries
//! ```
//!
//! An entry is the salted commitment to an event (`trailbook_event::seal`), so entries tell nothing and can be public;
//! an event's sequence is its entry's index. The checkpoint in the catalog is the one that counts: it is committed
//! before anybody sees it, and replaced only where it is the last one, so two roots of one size are never signed.
//! Events leave the journal only when their entries are under it.
//!
//! On a crash: entries and checkpoint are in the catalog together or not at all; what is not there is made again from
//! the journal's frames, with the same salts and times, so with the same hashes.

pub(crate) mod copies;
pub(crate) mod edge;
pub(crate) mod keys;
pub(crate) mod pack;
pub(crate) mod rows;

mod cosigned;
mod freeze;
mod read;
mod restart;
mod round;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;
use trailbook_tlog::note::Signed;
use trailbook_tlog::{Checkpoint, Hash, Note, Signature, VerifierKey};

use crate::object::{Folder, Objects};
use crate::work::Spent;
use crate::{Catalog, Error, LogNumber, Organization};
use copies::Copies;
use edge::{Edge, Leaves};
use keys::{Keys, Secret};
use rows::LogRow;

pub use cosigned::Cosigned;
pub(crate) use freeze::announce;
pub use freeze::{Frozen, freeze};
pub use read::{Proof, Prover};

/// The folder of packs in a data folder.
pub(crate) const LOGS_DIR: &str = "logs";

/// How logs are named and kept.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// What new origins begin with: the server's name, as `audit.example.com`. An origin never changes.
    pub origin: String,
    /// The file with the secret that keys are sealed with, if not the one in the data folder.
    pub secret: Option<PathBuf>,
    /// Folders outside the data folder that get a copy of the last checkpoints.
    pub copies: Vec<PathBuf>,
}

impl LogOptions {
    /// What origins begin with where nothing is set.
    pub const ORIGIN_DEFAULT: &str = "trailbook";
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { origin: Self::ORIGIN_DEFAULT.to_owned(), secret: None, copies: Vec::new() }
    }
}

/// What logs are opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To go on: everything must be as it was left.
    Serve,
    /// To be frozen: what is lost is taken as lost.
    Freeze,
}

/// All logs.
#[derive(Debug)]
pub(crate) struct Logs {
    catalog: Catalog,
    objects: Arc<dyn Objects>,
    copies: Arc<Copies>,
    secret: Secret,
    purpose: Purpose,
    /// What new origins begin with.
    name: String,
    all: RwLock<BTreeMap<i64, Arc<Log>>>,
    /// The frozen logs of each organization that has any, the oldest first.
    frozen: RwLock<HashMap<i64, Arc<[i64]>>>,
    /// Published checkpoints that logs cannot reach any more, found as they were opened to be frozen.
    lost: BTreeMap<[u8; 16], String>,
    /// What was committed and is under no checkpoint.
    pending: Mutex<HashMap<i64, Vec<Arc<Leaves>>>>,
    integrating: tokio::sync::Mutex<()>,
    spent: Spent,
}

/// One log.
#[derive(Debug)]
pub struct Log {
    id: i64,
    organization: i64,
    pub(crate) log_id: [u8; 16],
    origin: String,
    key: VerifierKey,
    clock_key: VerifierKey,
    /// None when it is frozen.
    keys: Option<Keys>,
    is_public: std::sync::atomic::AtomicBool,
    created_ms: i64,
    frozen_ms: Option<i64>,
    lost: String,
    /// What the catalog holds.
    edge: RwLock<Arc<Edge>>,
    published: watch::Sender<Arc<Published>>,
}

/// A checkpoint that everybody may see, with what is under it.
#[derive(Debug, Clone)]
pub struct Published {
    /// Size and root.
    pub checkpoint: Checkpoint,
    /// When its clock key signed it last, in seconds since 1970.
    pub time: u64,
    note: Note,
    cosignatures: Vec<Signature>,
    edge: Arc<Edge>,
}

impl Published {
    /// The note: the checkpoint, signed by the log, by its clock, and by witnesses that have seen it.
    pub fn note(&self) -> Note {
        let mut note = self.note.clone();
        self.cosignatures.iter().for_each(|signature| note.add(signature.clone()));
        note
    }

    fn of(note: Note, keys: (&VerifierKey, &VerifierKey), edge: Arc<Edge>) -> Result<Self, String> {
        let published = Self::signed(note, keys, edge)?;
        let Self { checkpoint, edge, .. } = &published;
        if checkpoint.size != edge.size() || checkpoint.root != edge.frontier.root() {
            return Err(format!("the entries lead to another root at size {}", edge.size()));
        }
        Ok(published)
    }

    /// What a note says that both keys signed, beside entries that begin with those under it.
    fn signed(note: Note, (key, clock_key): (&VerifierKey, &VerifierKey), edge: Arc<Edge>) -> Result<Self, String> {
        let checkpoint = Checkpoint::parse(note.text()).map_err(|e| e.to_string())?;
        let signed = note.verify(&[key.clone(), clock_key.clone()]).map_err(|e| e.to_string())?;
        for key in [key, clock_key] {
            if !signed.iter().any(|signed| signed.key == *key) {
                return Err(format!("{} did not sign its checkpoint", key.name()));
            }
        }
        let time = signed.iter().filter_map(|signed: &Signed| signed.time).max().unwrap_or_default();
        Ok(Self { checkpoint, time, note, cosignatures: Vec::new(), edge })
    }
}

impl Log {
    /// Reads a log with the entries under its checkpoint, and checks that they are.
    pub(crate) async fn load(catalog: &Catalog, id: i64, secret: Option<(&Secret, Purpose)>) -> Result<Self, Error> {
        let (row, edge) = rows::with_edge(catalog, id).await?;
        Self::of(row, edge, secret)
    }

    /// A log as the catalog has it, if its checkpoint is signed and of these entries.
    pub(crate) fn of(row: LogRow, edge: Edge, secret: Option<(&Secret, Purpose)>) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { what: format!("the log {}", row.origin), reason };
        let keys = match secret {
            Some((secret, purpose)) if row.is_open => {
                match (Keys::open(secret, &row.keys, &row.origin, &row.log_id), purpose) {
                    (Ok(keys), _) => Some(keys),
                    (Err(_), Purpose::Freeze) => None,
                    (Err(error), Purpose::Serve) => return Err(error),
                }
            }
            _ => None,
        };
        let key = |vkey: &str| VerifierKey::parse(vkey).map_err(|e| damaged(e.to_string()));
        let (key, clock_key) = (key(&row.vkey)?, key(&row.clock_vkey)?);
        if let Some(keys) = &keys
            && (*keys.log.verifier() != key || *keys.clock.verifier() != clock_key)
        {
            return Err(damaged("its public keys are not those of its private ones".to_owned()));
        }
        let edge = Arc::new(edge);
        let note = Note::parse(&row.checkpoint).map_err(|e| damaged(e.to_string()))?;
        let published = Published::of(note, (&key, &clock_key), Arc::clone(&edge)).map_err(damaged)?;
        if published.checkpoint.origin != row.origin {
            return Err(damaged("its checkpoint is of another log".to_owned()));
        }
        let LogRow { id, organization, log_id, origin, created_ms, frozen_ms, lost, .. } = row;
        let (edge, published) = (RwLock::new(edge), watch::Sender::new(Arc::new(published)));
        let is_public = row.is_public.into();
        Ok(Self {
            id,
            organization,
            log_id,
            origin,
            key,
            clock_key,
            keys,
            is_public,
            created_ms,
            frozen_ms,
            lost,
            edge,
            published,
        })
    }

    /// Its number in the catalog.
    pub fn number(&self) -> LogNumber {
        LogNumber(self.id)
    }

    /// Its public name, which its path carries: 32 hex digits.
    pub fn id(&self) -> String {
        hex(&self.log_id)
    }

    /// The name that its checkpoints and its key have.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key that its checkpoints are signed with.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The key that says when a checkpoint was the last.
    pub fn clock_key(&self) -> &VerifierKey {
        &self.clock_key
    }

    /// Whether anybody may read it.
    pub fn is_public(&self) -> bool {
        self.is_public.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// When it was made, in milliseconds since 1970.
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// Since when it grows no more, in milliseconds since 1970.
    pub fn frozen_ms(&self) -> Option<i64> {
        self.frozen_ms
    }

    /// A checkpoint that was published and that it cannot reach any more: entries were lost.
    pub fn lost(&self) -> Option<&str> {
        (!self.lost.is_empty()).then_some(&self.lost)
    }

    /// Its last checkpoint.
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published.borrow())
    }

    /// A checkpoint of it that was published before: proofs under it can still be made.
    pub fn published_before(&self, note: &str) -> Result<Published, Error> {
        let damaged = |reason: String| Error::Damaged { what: format!("a checkpoint of {}", self.origin), reason };
        let note = Note::parse(note).map_err(|e| damaged(e.to_string()))?;
        let now = self.published();
        let keys = (&self.key, &self.clock_key);
        let before = Published::signed(note, keys, Arc::clone(&now.edge)).map_err(damaged)?;
        if before.checkpoint.size > now.checkpoint.size {
            return Err(damaged(format!(
                "it is of {} entries, and there are {}",
                before.checkpoint.size, now.checkpoint.size
            )));
        }
        Ok(before)
    }

    /// Its last checkpoint, as soon as that has this size.
    pub async fn published_from(&self, size: u64) -> Arc<Published> {
        let mut published = self.published.subscribe();
        let found = published.wait_for(|published| published.checkpoint.size >= size).await;
        // The sender lives as long as the log, so waiting cannot fail.
        found.map_or_else(|_| self.published(), |found| Arc::clone(&found))
    }

    /// Whether it is this organization's.
    pub fn is_of(&self, organization: &Organization) -> bool {
        self.organization == organization.id
    }

    pub(crate) fn edge(&self) -> Arc<Edge> {
        Arc::clone(&self.edge.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_edge(&self, edge: Edge) -> Arc<Edge> {
        let edge = Arc::new(edge);
        *self.edge.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&edge);
        edge
    }
}

impl Logs {
    /// Reads every log, makes keys for those that have none, and refuses to go on where the checkpoints that were
    /// published are not those of the catalog.
    pub(crate) async fn open(
        catalog: Catalog,
        data_dir: &Path,
        (options, purpose): (&LogOptions, Purpose),
        spent: Spent,
    ) -> Result<Self, Error> {
        let rows = rows::all(&catalog).await?;
        let has_keys = rows.iter().any(|row| row.is_open && !row.keys.is_empty());
        let is_strict = has_keys && purpose == Purpose::Serve;
        let mut logs = Self {
            objects: Arc::new(Folder::open(&data_dir.join(LOGS_DIR))?),
            copies: Arc::new(Copies::open(data_dir, &options.copies)?),
            secret: Secret::open(data_dir, options.secret.as_deref(), is_strict)?,
            purpose,
            lost: BTreeMap::new(),
            name: options.origin.clone(),
            all: RwLock::default(),
            frozen: RwLock::default(),
            pending: Mutex::default(),
            integrating: tokio::sync::Mutex::default(),
            catalog,
            spent,
        };
        logs.copies.remove_unfinished()?;
        logs.add(rows).await?;
        match purpose {
            Purpose::Serve => logs.compare_with_copies().await?,
            Purpose::Freeze => logs.lost = logs.lost_checkpoints().await?,
        }
        // So the file is there before the first checkpoint that could be missed, and knows what the catalog knows.
        match logs.write_copies(&[]).await {
            // A server starts on a full disk too. What the file says is older, and is written again within a minute.
            Err(Error::DiskFull) => tracing::warn!("the disk is full; the file of checkpoints is an older one for now"),
            written => written?,
        }
        Ok(logs)
    }

    /// Takes logs that are not known yet.
    async fn add(&self, rows: Vec<LogRow>) -> Result<(), Error> {
        for row in rows {
            if row.origin.is_empty() {
                self.make_keys(&row).await?;
            }
            let log = Arc::new(Log::load(&self.catalog, row.id, Some((&self.secret, self.purpose))).await?);
            self.all.write().unwrap_or_else(PoisonError::into_inner).insert(row.id, log);
        }
        let mut frozen: HashMap<i64, Vec<i64>> = HashMap::new();
        for log in self.read().values().filter(|log| log.frozen_ms.is_some()) {
            frozen.entry(log.organization).or_default().push(log.id);
        }
        let frozen = frozen.into_iter().map(|(organization, logs)| (organization, logs.into())).collect();
        *self.frozen.write().unwrap_or_else(PoisonError::into_inner) = frozen;
        Ok(())
    }

    /// The frozen logs of an organization, the oldest first.
    pub(crate) fn frozen_of(&self, organization: &Organization) -> Arc<[i64]> {
        let frozen = self.frozen.read().unwrap_or_else(PoisonError::into_inner);
        frozen.get(&organization.id).cloned().unwrap_or_default()
    }

    async fn make_keys(&self, row: &LogRow) -> Result<(), Error> {
        if row.flushed > 0 {
            return Err(Error::Open(
                "the data folder was made by a trailbook that did not keep logs yet; start with an empty one, and send \
                 its events again"
                    .to_owned(),
            ));
        }
        let origin = format!("{}/log/{}", self.name, hex(&row.log_id));
        let (keys, sealed) = Keys::make(&self.secret, &origin, &row.log_id)?;
        let vkeys = (keys.log.verifier().to_string(), keys.clock.verifier().to_string());
        // A log begins with a checkpoint, so one that has none was changed.
        let checkpoint = Checkpoint { origin: origin.clone(), size: 0, root: Hash::empty_root() };
        let note = keys.sign(&checkpoint, now_seconds(&self.catalog)).to_string();
        let mut tx = self.catalog.begin().await?;
        // Somebody else's keys are as good.
        tx.put_keys(row.id, (&origin, &vkeys.0, &vkeys.1), (&sealed, &note)).await?;
        tx.commit().await
    }

    /// Takes logs that others have made, between two rounds: each is taken once, and its file written by one at a time.
    pub(crate) async fn look_for_new(&self) -> Result<(), Error> {
        let _one = self.integrating.lock().await;
        self.add_new().await
    }

    /// Takes logs that were made since.
    async fn add_new(&self) -> Result<(), Error> {
        let last = self.read().keys().next_back().copied().unwrap_or_default();
        let new = rows::newer(&self.catalog, last).await?;
        if new.is_empty() {
            return Ok(());
        }
        self.add(new).await?;
        // The file names every log before it has entries: one that it does not name was put there.
        self.write_copies(&[]).await
    }

    /// Reads again which logs are public.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        let public = rows::public(&self.catalog).await?;
        for log in self.read().values() {
            log.is_public.store(public.contains(&log.id), std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<i64, Arc<Log>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log of this number.
    pub(crate) fn get(&self, id: i64) -> Option<Arc<Log>> {
        self.read().get(&id).cloned()
    }

    /// The log of this public name.
    pub(crate) fn named(&self, log_id: &str) -> Option<Arc<Log>> {
        let log_id = unhex(log_id)?;
        self.read().values().find(|log| log.log_id == log_id).cloned()
    }

    /// The logs of an organization, the oldest first.
    pub(crate) fn of(&self, organization: &Organization) -> Vec<Arc<Log>> {
        self.read().values().filter(|log| log.is_of(organization)).cloned().collect()
    }

    /// Takes what was committed. What is under the log's checkpoint already is passed over.
    pub(crate) fn push(&self, log: i64, leaves: Leaves) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = pending.entry(log).or_default();
        // The journal is read again after a commit whose outcome was not known.
        if waiting.last().is_none_or(|last| leaves.first_sequence >= last.end()) {
            waiting.push(Arc::new(leaves));
        }
    }

    /// Returns when no round is in work.
    pub(crate) async fn idle(&self) {
        drop(self.integrating.lock().await);
    }

    /// Entries that are under no published checkpoint yet.
    pub(crate) fn waiting(&self) -> u64 {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = pending.values().flatten().map(|leaves| leaves.inners.len() as u64).sum::<u64>();
        drop(pending);
        let unpublished = |log: &Arc<Log>| log.edge().size().saturating_sub(log.published.borrow().checkpoint.size);
        waiting + self.read().values().map(unpublished).sum::<u64>()
    }

    /// Whether a log signs no more: its events need no checkpoint to leave the journal.
    pub(crate) fn has_ended(&self, log: i64) -> bool {
        self.get(log).is_some_and(|log| log.keys.is_none())
    }

    /// How many entries of a log are under a committed checkpoint.
    pub(crate) fn size(&self, log: i64) -> u64 {
        self.get(log).map_or(0, |log| log.edge().size())
    }
}

/// Seconds since 1970.
pub(crate) fn now_seconds(catalog: &Catalog) -> u64 {
    u64::try_from(catalog.now_ms() / 1000).unwrap_or_default()
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 32 lower-case hex digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; 16]> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes) } else { None }
}
