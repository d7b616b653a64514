//! What was published, compared with what the catalog holds, before anything is served or signed.
//!
//! | the file of checkpoints | what it means |
//! |---|---|
//! | has the catalog's checkpoint | all is well |
//! | has an older one, of the same entries | the process ended between commit and publication: it is published now |
//! | has a newer one, or a log that the catalog lacks | the catalog was put back to an older state: stop |
//! | has another root for the same size, or an older one of other entries | one of them was changed: stop |
//! | is missing, or has no log that has entries | it was removed, or the data folder is another one: stop |

use std::path::Path;

use super::Logs;
use super::copies::{Checkpoints, checkpoint_of};
use crate::Error;

impl Logs {
    /// Refuses to go on where a published checkpoint is not the catalog's.
    pub(super) async fn compare_with_copies(&self) -> Result<(), Error> {
        let found = self.copies.read()?;
        let has_entries = self.read().values().any(|log| log.frozen_ms.is_none() && log.edge().size() > 0);
        for (place, (path, checkpoints)) in found.into_iter().enumerate() {
            match checkpoints {
                Some(checkpoints) => {
                    self.compare(&path, &checkpoints).await?;
                    let grown = self
                        .read()
                        .values()
                        .find(|log| log.edge().size() > 0 && !checkpoints.contains_key(&log.log_id))
                        .cloned();
                    if let Some(log) = grown.filter(|_| place == 0) {
                        let reason = format!("it has no checkpoint of the log {}, which has entries", log.id());
                        return Err(stop(&path, &reason));
                    }
                }
                None if place == 0 && has_entries => {
                    let reason = "it is missing, and the catalog has entries: this data folder is another one, or the \
                                  file was removed";
                    return Err(stop(&path, reason));
                }
                None if place > 0 && has_entries => {
                    tracing::warn!(path = %path.display(), "there is no copy of the checkpoints yet; it is made now");
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The checkpoints that were published of logs which have less now, or other entries.
    pub(super) async fn lost_checkpoints(&self) -> Result<Checkpoints, Error> {
        let mut lost = Checkpoints::new();
        for (_, checkpoints) in self.copies.read().unwrap_or_default() {
            for (log_id, note) in checkpoints.unwrap_or_default() {
                let Some((log, seen)) = self.named(&super::hex(&log_id)).zip(checkpoint_of(&note).ok()) else {
                    continue;
                };
                let is_kept = seen.size <= log.edge().size() && self.root(&log, seen.size).await? == seen.root;
                let known = lost.get(&log_id).and_then(|note: &String| checkpoint_of(note).ok());
                if !is_kept && known.is_none_or(|known| known.size < seen.size) {
                    lost.insert(log_id, note);
                }
            }
        }
        Ok(lost)
    }

    async fn compare(&self, path: &Path, checkpoints: &Checkpoints) -> Result<(), Error> {
        for (log_id, note) in checkpoints {
            let id = super::hex(log_id);
            let seen = checkpoint_of(note).map_err(|e| Error::Damaged {
                what: format!("the file {}", path.display()),
                reason: format!("log {id}: {e}"),
            })?;
            let Some(log) = self.named(&id) else {
                return Err(stop(
                    path,
                    &format!("it has a checkpoint of the log {id}, which the catalog does not know"),
                ));
            };
            // A frozen log is what is left of it: that was said when it was frozen.
            if log.frozen_ms.is_some() {
                continue;
            }
            let (size, root) = (log.edge().size(), log.edge().frontier.root());
            if seen.size > size {
                let reason = format!(
                    "it has a checkpoint of {} entries of the log {id}, and the catalog has {size}: it was put back to \
                     an older state after events were acknowledged",
                    seen.size
                );
                return Err(stop(path, &reason));
            }
            let same = if seen.size == size { root } else { self.root(&log, seen.size).await? };
            if same != seen.root {
                let reason =
                    format!("the first {} entries of the log {id} have another root than was published", seen.size);
                return Err(stop(path, &reason));
            }
        }
        Ok(())
    }
}

fn stop(path: &Path, reason: &str) -> Error {
    Error::Open(format!(
        "{}: {reason}. Put back the newer state; if it is lost, `trailbook log freeze --all` keeps what is there as \
         frozen logs and opens new ones that say so",
        path.display()
    ))
}
