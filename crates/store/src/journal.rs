//! The journal: durable, ordered, written by one task that gathers what waits and commits it together.
//!
//! ```text
//! append ─► queue ─► writer: BEGIN, heads, idempotency, frames, COMMIT (fsync) ─► recent ─► answer
//! ```
//!
//! Group commit makes the cost one fsync a commit, not one an event. An answer is given only after COMMIT returned and
//! the events can be found.
//!
//! On a crash: events whose COMMIT returned are in the database; those whose COMMIT did not return are there whole or
//! not at all, and their clients, who got no answer, may send them again with the same keys or ids.

pub(crate) mod commit;
mod frame;
mod idempotency;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use trailbook_event::limits::{APPENDS_WAITING_KIB_MAX, APPENDS_WAITING_MAX, COMMIT_EVENTS_MAX};
use trailbook_event::{Sealed, Uuid};

use crate::flush::{Failed, Mover};
use crate::keeper::Signals;
use crate::logs::Logs;
use crate::recent::{Frame, Recent, Size};
use crate::{Catalog, CredentialId, Error, Organization};

pub use idempotency::{Fingerprint, KeyHash};

/// A write: events of one organization that are recorded together or not at all.
#[derive(Debug)]
pub struct Append {
    /// Whose log.
    pub organization: Organization,
    /// Who sends them: keys and ids are remembered for each credential by itself.
    pub credential: CredentialId,
    /// The events, in order.
    pub items: Vec<Item>,
    /// What is remembered for the write as a whole, if its client gave it a key.
    pub remember: Option<Remember>,
    /// Whether it may use the room of the disk that is kept free: what the server records of itself.
    pub uses_reserve: bool,
}

/// One event of a write.
#[derive(Debug)]
pub struct Item {
    /// The event.
    pub sealed: Sealed,
    /// What it was made from, if its client chose its id: then the id is remembered.
    pub client_id: Option<Fingerprint>,
}

/// A write's idempotency key and what a repetition is answered with.
#[derive(Debug, Clone)]
pub struct Remember {
    /// The key.
    pub key: KeyHash,
    /// The write's content.
    pub fingerprint: Fingerprint,
    /// What the caller needs to answer again, beside the sequences.
    pub shape: Vec<u8>,
}

/// A write that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The sequence of each item, in order.
    pub sequences: Vec<u64>,
    /// Of how many items this write itself is the record; the others were recorded before.
    pub recorded: u64,
    /// If the whole write had been done before: the shape that was remembered then.
    pub replayed: Option<Vec<u8>>,
}

/// What the writer has done since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Commits {
    /// Transactions that were committed.
    pub count: u64,
    /// Events in them.
    pub events: u64,
    /// The time that they took, in microseconds.
    pub micros: u64,
}

/// The way in, and the task behind it.
#[derive(Debug)]
pub(crate) struct Journal {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    room: Arc<Semaphore>,
    in_work: Arc<Mutex<HashSet<(CredentialId, KeyHash)>>>,
    writer: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    state: Arc<State>,
}

/// What the writer tells.
#[derive(Debug)]
struct State {
    signals: Arc<Signals>,
    commits: AtomicU64,
    events: AtomicU64,
    micros: AtomicU64,
}

/// What the writer keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) idempotency_window_ms: i64,
    /// What memory holds at most, but for the commit that goes beyond it.
    pub(crate) recent: Size,
    /// How long a write waits for room there.
    pub(crate) room_wait: Duration,
}

/// A write in the queue.
#[derive(Debug)]
struct Waiting {
    append: Append,
    answer: oneshot::Sender<Result<Appended, Error>>,
    _room: OwnedSemaphorePermit,
}

impl Journal {
    pub(crate) fn start(
        catalog: Catalog,
        (recent, logs): (Arc<Recent>, Arc<Logs>),
        signals: Arc<Signals>,
        limits: Limits,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(APPENDS_WAITING_MAX);
        let state = Arc::new(State {
            signals,
            commits: AtomicU64::new(0),
            events: AtomicU64::new(0),
            micros: AtomicU64::new(0),
        });
        let writer = Writer { catalog, recent, logs, state: Arc::clone(&state), limits };
        Self {
            queue: Mutex::new(Some(queue)),
            room: Arc::new(Semaphore::new(APPENDS_WAITING_KIB_MAX as usize)),
            in_work: Arc::default(),
            writer: tokio::sync::Mutex::new(Some(tokio::spawn(writer.run(waiting)))),
            state,
        }
    }

    /// Appends events and returns when they are durable and can be found.
    ///
    /// If the caller goes away before that, the write goes on.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, Error> {
        if *self.state.signals.is_poisoned.borrow() {
            return Err(Error::Poisoned);
        }
        if !append.uses_reserve && self.state.signals.is_disk_low.load(Ordering::Relaxed) {
            return Err(Error::DiskFull);
        }
        let _mark = match &append.remember {
            Some(remember) => Some(InWork::mark(&self.in_work, (append.credential, remember.key))?),
            None => None,
        };
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::Closing)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(size_kib(&append)).map_err(|_| Error::Busy)?;
        let (answer, answered) = oneshot::channel();
        queue.try_send(Waiting { append, answer, _room: room }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            // Somebody has to send still, so the writer did not end in order.
            mpsc::error::TrySendError::Closed(_) => Error::Poisoned,
        })?;
        drop(queue);
        answered.await.unwrap_or(Err(Error::Poisoned))
    }

    pub(crate) fn waiting(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    pub(crate) fn commits(&self) -> Commits {
        Commits {
            count: self.state.commits.load(Ordering::Relaxed),
            events: self.state.events.load(Ordering::Relaxed),
            micros: self.state.micros.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        *self.state.signals.is_poisoned.borrow()
    }

    pub(crate) async fn poisoned(&self) {
        let mut is_poisoned = self.state.signals.is_poisoned.subscribe();
        // The sender lives as long as this journal, so waiting cannot fail.
        let _ = is_poisoned.wait_for(|is| *is).await;
    }

    /// Takes nothing more, and returns when what was taken is answered.
    pub(crate) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().await.take() {
            // An error here is the writer's panic, which was logged when it happened.
            let _ = writer.await;
        }
    }
}

/// Reads the frames of the journal that memory does not hold: all at the start, the newest after an interruption. With
/// a mover it moves them on as it goes, so that memory stays bounded.
pub(crate) async fn load(
    catalog: &Catalog,
    (recent, logs): (&Recent, &Logs),
    mover: Option<&Mover>,
) -> Result<(), Error> {
    for organization in catalog.organizations().await? {
        loop {
            let next = recent.next_sequence(organization.log);
            let found = commit::frames_from(catalog, organization.log, next).await?;
            if found.is_empty() {
                break;
            }
            // Decoded side by side, added in order.
            let decoding: Vec<_> =
                found.into_iter().map(|stored| tokio::task::spawn_blocking(move || stored.decode())).collect();
            for decoded in decoding {
                let (first_sequence, frame) =
                    decoded.await.map_err(|e| Error::Open(format!("decoding stopped: {e}")))?;
                let what = || format!("the frame of log {} at sequence {first_sequence}", organization.log);
                if first_sequence != recent.next_sequence(organization.log) {
                    return Err(Error::Damaged { what: what(), reason: "the frame before it is missing".to_owned() });
                }
                let frame = frame.map_err(|reason| Error::Damaged { what: what(), reason })?;
                add(recent, logs, organization.log, frame);
            }
            if let Some(mover) = mover {
                move_on(recent, mover).await?;
            }
        }
    }
    Ok(())
}

/// Lets a committed frame be found, and go into its log's tree.
fn add(recent: &Recent, logs: &Logs, log: i64, mut frame: Frame) {
    logs.push(log, frame.take_leaves());
    recent.add(log, frame);
}

async fn move_on(recent: &Recent, mover: &Mover) -> Result<(), Error> {
    if let Err(error) = mover.chunk().await {
        // Frames are searched as well, and there are no more of them than memory held before.
        tracing::warn!(%error, "a chunk was not built; its events stay where they are for now");
    }
    if !recent.size().is_within(Size::RECENT_MAX) {
        return mover.flush().await.map_err(Failed::into_error);
    }
    Ok(())
}

/// Whether memory holds every log up to its head: whether the newest frames are there too.
pub(crate) async fn check_heads(catalog: &Catalog, recent: &Recent) -> Result<(), Error> {
    for (log, head) in commit::heads(catalog).await? {
        let next = recent.next_sequence(log);
        if next != head {
            let reason = format!("its frames end before sequence {next}, its head is {head}");
            return Err(Error::Damaged { what: format!("the journal of log {log}"), reason });
        }
    }
    Ok(())
}

/// The task that commits.
struct Writer {
    catalog: Catalog,
    recent: Arc<Recent>,
    logs: Arc<Logs>,
    state: Arc<State>,
    limits: Limits,
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        prune.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_sound = tokio::select! {
                biased;
                first = waiting.recv() => match first {
                    Some(first) => self.take(first, &mut waiting).await,
                    None => return,
                },
                _ = prune.tick() => self.prune().await,
            };
            if !is_sound {
                self.state.signals.is_poisoned.send_replace(true);
                waiting.close();
                while let Some(refused) = waiting.recv().await {
                    let _ = refused.answer.send(Err(Error::Poisoned));
                }
                return;
            }
        }
    }

    /// Commits a write and what waits with it as soon as memory has room for them. If it gets none in time, which means
    /// that events come faster than the disk takes them or that it takes none, they are refused. False when the store
    /// is poisoned.
    async fn take(&self, first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> bool {
        let room = tokio::time::timeout(self.limits.room_wait, self.recent.room(self.limits.recent)).await;
        let group = gather(first, waiting).await;
        if room.is_ok() {
            return self.commit(group).await;
        }
        let bytes = self.recent.size().bytes;
        tracing::warn!(writes = group.len(), bytes, "memory for recent events is full; writes were refused");
        for refused in group {
            // The client may have gone.
            let _ = refused.answer.send(Err(Error::Full { bytes }));
        }
        true
    }

    /// Commits a group and answers its writes. False when the store is poisoned.
    async fn commit(&self, group: Vec<Waiting>) -> bool {
        let (appends, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|w| (w.append, (w.answer, w._room))).unzip();
        let started = tokio::time::Instant::now();
        let outcome = commit::commit(&self.catalog, appends, self.limits.idempotency_window_ms).await;
        let (results, is_sound) = match outcome {
            Ok(committed) => {
                let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.state.micros.fetch_add(micros, Ordering::Relaxed);
                self.state.commits.fetch_add(1, Ordering::Relaxed);
                let events: usize = committed.frames.iter().map(|(_, frame)| frame.rows().count()).sum();
                self.state.events.fetch_add(events as u64, Ordering::Relaxed);
                (committed.results, self.publish(committed.frames).await)
            }
            Err(failure) => {
                tracing::error!(error = %failure.error, unknown = failure.is_unknown, "a commit failed");
                let is_sound = !failure.is_unknown || self.recover().await;
                let results = answers.iter().map(|_| Err(failure.answer(is_sound))).collect();
                (results, is_sound)
            }
        };
        if !is_sound {
            self.state.signals.is_poisoned.send_replace(true);
        }
        for ((answer, _room), result) in answers.into_iter().zip(results) {
            // The client may have gone.
            let _ = answer.send(result);
        }
        is_sound
    }

    /// Lets committed frames be found. False when the store is poisoned.
    async fn publish(&self, frames: Vec<(i64, Frame)>) -> bool {
        let follows = |(log, frame): &(i64, Frame)| frame.first_sequence() == self.recent.next_sequence(*log);
        if !frames.iter().all(follows) {
            // Somebody else appended to this log: what is missing before these frames is read with them.
            return self.recover().await;
        }
        for (log, frame) in frames {
            add(&self.recent, &self.logs, log, frame);
        }
        self.state.signals.grew();
        true
    }

    /// Removes idempotency keys that have left the window. False when the store is poisoned.
    async fn prune(&self) -> bool {
        let Err(failure) = idempotency::prune(&self.catalog, self.limits.idempotency_window_ms).await else {
            return true;
        };
        tracing::warn!(error = %failure.error, unknown = failure.is_unknown, "old idempotency keys were not removed");
        !failure.is_unknown || self.recover().await
    }

    /// After a COMMIT whose outcome is not known. A SQLite file is not to be trusted any more: a failed fsync is never
    /// retried. PostgreSQL is another process that decides by itself, so what it holds is read.
    async fn recover(&self) -> bool {
        if !self.catalog.is_postgres() {
            return false;
        }
        for _ in 0..RECOVERY_TRIES {
            match self.read_again().await {
                Ok(()) => return true,
                Err(error @ Error::Damaged { .. }) => {
                    tracing::error!(%error, "the journal cannot be read again");
                    return false;
                }
                Err(error) => tracing::warn!(%error, "the catalog does not answer"),
            }
            tokio::time::sleep(RECOVERY_PAUSE).await;
        }
        false
    }

    async fn read_again(&self) -> Result<(), Error> {
        commit::wait_for_others(&self.catalog).await?;
        load(&self.catalog, (&self.recent, &self.logs), None).await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A panic ends the writer alone; nothing would be answered any more.
        if std::thread::panicking() {
            self.state.signals.is_poisoned.send_replace(true);
        }
    }
}

const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How often ready requests are let run before a commit.
const GATHER_TURNS_MAX: usize = 8;
const RECOVERY_TRIES: u32 = 30;
const RECOVERY_PAUSE: Duration = Duration::from_secs(1);

/// Takes what waits, up to a commit's size. It lets requests that are ready run first, as long as that brings more: a
/// commit costs the same for one event as for a hundred. On an idle server that is no wait.
async fn gather(first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut events = first.append.items.len();
    let mut group = vec![first];
    for _ in 0..GATHER_TURNS_MAX {
        let before = group.len();
        tokio::task::yield_now().await;
        while events < COMMIT_EVENTS_MAX
            && let Ok(next) = waiting.try_recv()
        {
            events += next.append.items.len();
            group.push(next);
        }
        if group.len() == before {
            break;
        }
    }
    group
}

fn size_kib(append: &Append) -> u32 {
    let bytes: usize = append.items.iter().map(|item| item.sealed.canonical().len()).sum();
    u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(APPENDS_WAITING_KIB_MAX)
}

/// Marks a key as in work for as long as it lives.
struct InWork {
    all: Arc<Mutex<HashSet<(CredentialId, KeyHash)>>>,
    key: (CredentialId, KeyHash),
}

impl InWork {
    fn mark(all: &Arc<Mutex<HashSet<(CredentialId, KeyHash)>>>, key: (CredentialId, KeyHash)) -> Result<Self, Error> {
        let is_new = all.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        if is_new { Ok(Self { all: Arc::clone(all), key }) } else { Err(Error::InWork) }
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What an error says of an id.
fn reused_id(id: Uuid, item: usize) -> Error {
    Error::Reused { what: format!("the id {id}"), item: Some(item) }
}
