//! The tasks behind a store: they build chunks, flush, compact, remove old files, and watch the disk.
//!
//! Each is a loop of its own, so that none waits for another: new events become chunks while a flush runs, and a flush
//! goes on beside compaction.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::flush::{Failed, Mover};
use crate::recent::Size;
use crate::{Disk, Error, Tuning};

/// How often the disk is asked, and the age of what is in memory looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often compaction looks for work when nobody wakes it.
const COMPACT_EVERY: Duration = Duration::from_secs(30);
/// The pause between two rounds of checkpoints.
const ROUND_PAUSE: Duration = Duration::from_millis(300);
/// The longest pause after failures that follow each other.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What the tasks and the store tell each other.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Frames were added: for chunks, and for the trees.
    grew: Notify,
    committed: Notify,
    chunked: Notify,
    flushed: Notify,
    /// Whether the disk's reserve is touched.
    pub(crate) is_disk_low: AtomicBool,
    /// Set when it is not known what the catalog holds; the catalog's own.
    pub(crate) is_poisoned: Arc<watch::Sender<bool>>,
}

impl Signals {
    pub(crate) fn new(is_poisoned: Arc<watch::Sender<bool>>) -> Self {
        Self {
            grew: Notify::new(),
            committed: Notify::new(),
            chunked: Notify::new(),
            flushed: Notify::new(),
            is_disk_low: AtomicBool::new(false),
            is_poisoned,
        }
    }

    /// Says that frames were added.
    pub(crate) fn grew(&self) {
        self.grew.notify_one();
        self.committed.notify_one();
    }

    /// Says what failed; an unknown outcome poisons the store.
    fn failed(&self, doing: &'static str, failed: &Failed) {
        match failed {
            Failed::Kept(Error::Closing) => {}
            Failed::Kept(error) => tracing::warn!(%error, doing, "events stay where they are for now"),
            Failed::Unknown(error) => {
                tracing::error!(%error, doing, "a commit failed and its outcome is not known");
                self.is_poisoned.send_replace(true);
            }
        }
    }
}

/// The running tasks.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Arc<watch::Sender<bool>>,
    mover: Arc<Mover>,
    tasks: Vec<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(mover: Arc<Mover>, signals: Arc<Signals>, (tuning, data_dir): (Tuning, PathBuf)) -> Self {
        let stop = Arc::new(watch::Sender::new(false));
        let task = |work: Box<dyn Future<Output = ()> + Send>| {
            let mut stopped = stop.subscribe();
            tokio::spawn(async move {
                tokio::select! {
                    () = Box::into_pin(work) => {}
                    // The sender outlives the task.
                    _ = stopped.wait_for(|is| *is) => {}
                }
            })
        };
        let all = || (Arc::clone(&mover), Arc::clone(&signals));
        let (a, b, c, d, e) = (all(), all(), all(), all(), all());
        let tasks = vec![
            task(Box::new(chunk(a.0, a.1))),
            task(Box::new(flush(b.0, b.1, tuning.clone()))),
            task(Box::new(compact(c.0, c.1))),
            task(Box::new(watch_disk(d.1, tuning.disk, data_dir))),
            task(Box::new(integrate(e.0, e.1))),
        ];
        Self { stop, mover, tasks }
    }

    /// Stops the tasks at their next pause; what they have in work is given up, and loses nothing.
    pub(crate) async fn stop(&mut self) {
        self.mover.stop.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            // An error here is the task's panic, which was logged when it happened.
            let _ = task.await;
        }
        // Whatever was in the middle of a transaction has ended when its lock is free.
        drop(self.mover.flushing.lock().await);
        drop(self.mover.compacting.lock().await);
        if let Some(logs) = &self.mover.logs {
            logs.idle().await;
        }
    }
}

async fn chunk(mover: Arc<Mover>, signals: Arc<Signals>) {
    loop {
        signals.grew.notified().await;
        match mover.chunk().await {
            Ok(()) => signals.chunked.notify_one(),
            Err(error) => {
                signals.failed("building a chunk", &Failed::Kept(error));
                tokio::time::sleep(TICK).await;
            }
        }
    }
}

async fn flush(mover: Arc<Mover>, signals: Arc<Signals>, tuning: Tuning) {
    let mut pause = TICK;
    let most = Size { events: tuning.flush_events, bytes: tuning.flush_bytes };
    loop {
        tokio::select! {
            () = signals.chunked.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        let size = mover.recent.size();
        let is_old = |ms: i64| ms + tuning.flush_age_ms <= mover.catalog.now_ms();
        let is_aged = size.events > 0 && mover.recent.oldest_ms().is_some_and(is_old);
        if !size.has(most) && !is_aged {
            continue;
        }
        // All of them, unless there will be a whole chunk of the rest soon.
        let is_small = most.events < mover.chunk.events || most.bytes < mover.chunk.bytes;
        let enough = if is_aged || is_small { Size::ONE } else { mover.chunk };
        match mover.flush_from(enough).await {
            Ok(()) => {
                pause = TICK;
                signals.flushed.notify_one();
            }
            Err(error) => {
                signals.failed("flushing", &error);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

async fn compact(mover: Arc<Mover>, signals: Arc<Signals>) {
    loop {
        tokio::select! {
            () = signals.flushed.notified() => {}
            () = tokio::time::sleep(COMPACT_EVERY) => {}
        }
        // A merge needs room for its result before the old files go.
        while !signals.is_disk_low.load(Ordering::Relaxed) {
            match mover.compact(false).await {
                // The room that replaced files take is needed for what is merged next.
                Ok(true) => remove_old(&mover).await,
                Ok(false) => break,
                Err(error) => {
                    signals.failed("compacting", &error);
                    tokio::time::sleep(COMPACT_EVERY).await;
                    break;
                }
            }
        }
        remove_old(&mover).await;
    }
}

/// Brings what is committed under signed checkpoints, well within a second.
async fn integrate(mover: Arc<Mover>, signals: Arc<Signals>) {
    let Some(logs) = mover.logs.clone() else { return };
    let mut looks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = signals.committed.notified() => {}
            _ = looks.tick() => {
                if let Err(error) = logs.refresh().await {
                    tracing::warn!(%error, "which logs are public could not be read");
                }
            }
        }
        if let Err(error) = logs.integrate().await {
            signals.failed("signing checkpoints", &error);
            tokio::time::sleep(TICK).await;
        }
        // What comes meanwhile shares the next round.
        tokio::time::sleep(ROUND_PAUSE).await;
    }
}

async fn remove_old(mover: &Mover) {
    if let Err(error) = mover.remove_old().await {
        tracing::warn!(%error, "old segments were not removed");
    }
}

async fn watch_disk(signals: Arc<Signals>, disk: Disk, data_dir: PathBuf) {
    loop {
        let is_low = disk.is_low(&data_dir);
        if signals.is_disk_low.swap(is_low, Ordering::Relaxed) != is_low {
            match is_low {
                true => tracing::error!("the disk is nearly full: new events are refused until there is room"),
                false => tracing::info!("the disk has room again: new events are taken"),
            }
        }
        tokio::time::sleep(TICK).await;
    }
}
