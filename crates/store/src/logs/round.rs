//! A round: what was committed since the last one goes into the trees, under new checkpoints.

use std::sync::{Arc, PoisonError};

use trailbook_event::limits::SILENCE_SECONDS_MAX;
use trailbook_tlog::Checkpoint;

use super::copies::Checkpoints;
use super::edge::{Bundle, Edge, Leaves, PACK_BUNDLES};
use super::{Log, Logs, Published, now_seconds, pack, rows};
use crate::Error;
use crate::flush::Failed;
use crate::journal::commit;
use crate::work::{Work, away};

/// A log with what a round adds to it.
struct Grown {
    log: Arc<Log>,
    old_size: u64,
    edge: Edge,
    bundles: Vec<Bundle>,
    published: Published,
}

impl Logs {
    /// Brings everything that was committed before this call under checkpoints that are committed too, and publishes
    /// them. Checkpoints of logs that were silent for long get a new time.
    ///
    /// On a crash: see [`super`]. An error leaves what waits waiting.
    pub(crate) async fn integrate(&self) -> Result<(), Failed> {
        let _one = self.integrating.lock().await;
        self.add_new().await?;
        let due = self.due();
        if due.is_empty() {
            return Ok(());
        }
        let now = now_seconds(&self.catalog);
        let spent = self.spent.clone();
        let grow = move || due.into_iter().map(|(log, leaves)| grow(log, &leaves, now)).collect::<Result<Vec<_>, _>>();
        let grown = away(move || spent.count(Work::Integrate, grow)).await?;
        if let Err(error) = self.store(&grown).await {
            // Whatever the catalog holds now is what counts.
            for grown in &grown {
                self.load_again(grown.log.id).await?;
            }
            return Err(error);
        }
        let mut published = Vec::new();
        for grown in grown {
            let edge = grown.log.set_edge(grown.edge);
            self.forget(grown.log.id, edge.size());
            published.push((grown.log, Published { edge, ..grown.published }));
        }
        self.publish(published).await?;
        self.write_packs().await
    }

    /// The logs that have something to do, with what is new.
    fn due(&self) -> Vec<(Arc<Log>, Vec<Arc<Leaves>>)> {
        let now = now_seconds(&self.catalog);
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.read().values().cloned().collect::<Vec<_>>();
        let open = all.into_iter().filter(|log| log.keys.is_some());
        let with_leaves = open.map(|log| {
            let leaves = pending.get(&log.id).cloned().unwrap_or_default();
            (log, leaves)
        });
        with_leaves
            .filter(|(log, leaves)| {
                let published = log.published.borrow();
                let is_silent = published.time.saturating_add(SILENCE_SECONDS_MAX) <= now;
                // Not the same: one was committed, and its copies could not be written.
                let is_behind = published.checkpoint.size < log.edge().size();
                !leaves.is_empty() || is_silent || is_behind
            })
            .collect()
    }

    /// Stores entries and checkpoints in one transaction.
    async fn store(&self, grown: &[Grown]) -> Result<(), Failed> {
        let mut tx = self.catalog.begin().await?;
        for Grown { log, old_size, edge, bundles, published } in grown {
            let result = async {
                tx.put_bundles(log.id, bundles).await?;
                tx.put_checkpoint(log.id, (*old_size, edge.size()), &published.note.to_string()).await
            };
            let error = match result.await {
                Ok(true) => continue,
                Ok(false) => Error::Damaged {
                    what: format!("the log {}", log.origin),
                    reason: "somebody else signed a checkpoint of it".to_owned(),
                },
                Err(error) => error,
            };
            tx.rollback().await;
            return Err(Failed::Kept(error));
        }
        commit::finish(&self.catalog, tx).await.map_err(|failure| match failure.is_unknown {
            true => Failed::Unknown(failure.error),
            false => Failed::Kept(failure.error),
        })
    }

    /// Reads what the catalog holds of a log.
    async fn load_again(&self, id: i64) -> Result<(), Error> {
        let Some(log) = self.get(id) else { return Ok(()) };
        let (row, edge) = rows::with_edge(&self.catalog, id).await?;
        log.set_edge(edge);
        self.forget(id, row.size);
        Ok(())
    }

    /// Forgets leaves that are under the committed checkpoint.
    fn forget(&self, log: i64, size: u64) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = pending.get_mut(&log) {
            waiting.retain(|leaves| leaves.end() > size);
        }
    }

    /// Writes the file of checkpoints wherever it does not say the same: those of all logs, and the new ones of some.
    pub(super) async fn write_copies(&self, new: &[(Arc<Log>, Published)]) -> Result<(), Error> {
        let known = self.read().values().map(|log| (log.log_id, log.published().note.to_string())).collect();
        let mut notes: Checkpoints = known;
        notes.extend(new.iter().map(|(log, published)| (log.log_id, published.note.to_string())));
        let copies = Arc::clone(&self.copies);
        away(move || copies.write(&notes)).await
    }

    /// Writes the file of checkpoints, and then lets everybody see them.
    async fn publish(&self, published: Vec<(Arc<Log>, Published)>) -> Result<(), Failed> {
        self.write_copies(&published).await?;
        for (log, mut new) in published {
            let old = log.published();
            if old.checkpoint == new.checkpoint {
                new.cosignatures.clone_from(&old.cosignatures);
            }
            log.published.send_replace(Arc::new(new));
        }
        Ok(())
    }

    /// Writes packs of logs that have 256 full bundles beyond the last one.
    async fn write_packs(&self) -> Result<(), Failed> {
        let all: Vec<Arc<Log>> = self.read().values().cloned().collect();
        for log in all {
            while let Some(number) = log.edge().next_pack() {
                self.write_pack(&log, number).await?;
            }
        }
        Ok(())
    }

    /// Moves the oldest 256 bundles of a log from the catalog into a pack.
    ///
    /// On a crash: before the transaction returned, the file is nobody's and is written again, with the same bytes;
    /// after it, the rows are gone and the file is named.
    async fn write_pack(&self, log: &Arc<Log>, number: u64) -> Result<(), Failed> {
        let edge = log.edge();
        let what = || format!("the log {}", log.origin);
        let mut bundles = Vec::new();
        for index in number * PACK_BUNDLES..(number + 1) * PACK_BUNDLES {
            let bundle = rows::bundle(&self.catalog, log.id, index).await?;
            let missing = || Error::Damaged { what: what(), reason: format!("its bundle {index} is missing") };
            bundles.push(bundle.ok_or_else(missing)?);
        }
        let root = edge.packs.get(number as usize).copied();
        let root = root.ok_or_else(|| Error::Damaged { what: what(), reason: "a root is missing".to_owned() })?;
        let (objects, log_id, spent) = (Arc::clone(&self.objects), log.log_id, self.spent.clone());
        let roots = edge.bundles.get(..PACK_BUNDLES as usize).unwrap_or_default().to_vec();
        away(move || {
            spent.count(Work::Integrate, || {
                pack::write(&*objects, (&log_id, number), &roots, &bundles)?;
                // Read back, and checked against what is signed, before the rows go.
                pack::Pack::open(&*objects, &log_id, number)?.check(&root)
            })
        })
        .await?;
        let mut tx = self.catalog.begin().await?;
        if let Err(error) = tx.put_pack(log.id, number, &root).await {
            tx.rollback().await;
            return Err(Failed::Kept(error));
        }
        if let Err(failure) = commit::finish(&self.catalog, tx).await {
            if !failure.is_unknown {
                return Err(Failed::Kept(failure.error));
            }
            self.load_again(log.id).await?;
            return Err(Failed::Unknown(failure.error));
        }
        log.set_edge(edge.with_pack());
        Ok(())
    }
}

/// Appends entries to a log and signs its checkpoint. Takes some hundred nanoseconds an entry.
fn grow(log: Arc<Log>, leaves: &[Arc<Leaves>], now: u64) -> Result<Grown, Error> {
    let mut edge = Edge::clone(&log.edge());
    let old_size = edge.size();
    let bundles = edge.extend(leaves)?;
    let keys = log
        .keys
        .as_ref()
        .ok_or_else(|| Error::Damaged { what: format!("the log {}", log.origin), reason: "it is frozen".to_owned() })?;
    let checkpoint = Checkpoint { origin: log.origin.clone(), size: edge.size(), root: edge.frontier.root() };
    // A clock that was set back must not say that a later checkpoint is the older one.
    let time = now.max(log.published().time);
    let note = keys.sign(&checkpoint, time);
    let published = Published { checkpoint, time, note, cosignatures: Vec::new(), edge: Arc::new(Edge::default()) };
    Ok(Grown { old_size, edge, bundles, published, log })
}
