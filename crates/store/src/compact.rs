//! Compaction: segments of neighbouring days become one, off the way of new events. `plan` says which.
//!
//! On a crash: as for a flush. Old files are removed only when the longest query could have ended.

mod plan;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use trailbook_event::limits::REMOVED_SECONDS_MIN;

use crate::Error;
use crate::flush::{Failed, Mover};
use crate::manifest::{self, Entry, Handle, Window};
use crate::segment::Part;
use crate::segment::merge::{Input, verify};
use crate::work::{Work, away};

pub(crate) use plan::{Candidate, Sizes};

/// How long a past window must have been left alone before what is in it is settled, in milliseconds: where late events
/// come again and again, they are gathered first.
const QUIET_MS: i64 = 60 * 60 * 1000;

impl Mover {
    /// Does the next piece of compaction, if there is one. `is_quiet` settles past windows without waiting.
    pub(crate) async fn compact(&self, is_quiet: bool) -> Result<bool, Failed> {
        let _one = self.compacting.lock().await;
        let manifest = self.recent.manifest();
        let whole = manifest.segments.iter().filter(|handle| !self.files.is_aside(handle.entry.id));
        let candidates: Vec<_> = whole.map(|handle| Candidate::of(&handle.entry, self.own_rows)).collect();
        let now_ms = self.catalog.now_ms();
        let is_young = |handle: &&Arc<Handle>| handle.entry.created_ms.saturating_add(QUIET_MS) > now_ms;
        let young: HashSet<i64> = manifest.segments.iter().filter(is_young).map(|handle| handle.entry.id).collect();
        let today = now_ms.div_euclid(86_400_000);
        let is_left_alone = |candidate: &Candidate| is_quiet || !young.contains(&candidate.id);
        let Some(ids) = plan::plan(&candidates, today, is_left_alone) else { return Ok(false) };
        let handles: Vec<_> =
            manifest.segments.iter().filter(|handle| ids.contains(&handle.entry.id)).cloned().collect();
        let added = match self.merge(&handles).await {
            Ok(added) => added,
            Err(error) => {
                self.leave_out_damaged(handles, &error).await;
                return Err(error.into());
            }
        };
        self.change(&added, &ids, &BTreeMap::new()).await?;
        let handles = self.handles(added);
        self.recent.replace(&ids, handles);
        Ok(true)
    }

    /// Writes what takes the place of segments.
    async fn merge(&self, handles: &[Arc<Handle>]) -> Result<Vec<Entry>, Error> {
        let mut inputs = Vec::with_capacity(handles.len());
        for handle in handles {
            inputs.push(Input::whole(handle.segment()?));
        }
        let is_mixed = handles.iter().any(|handle| handle.entry.window == Window::MIXED);
        let mut added = Vec::new();
        for inputs in by_owner(inputs, self.own_rows) {
            match self.write(Work::Compact, inputs, is_mixed.then_some(Window::MIXED)).await {
                Ok(entry) => added.push(entry),
                Err(error) => {
                    self.discard(&added).await;
                    return Err(error);
                }
            }
        }
        Ok(added)
    }

    /// Finds out which of some segments is damaged, so that the others are merged without it the next time.
    async fn leave_out_damaged(&self, handles: Vec<Arc<Handle>>, error: &Error) {
        if !matches!(error, Error::Damaged { .. }) {
            return;
        }
        self.files.note(error);
        let files = Arc::clone(&self.files);
        let searched = away(move || {
            let is_damaged = |handle: &&Arc<Handle>| handle.segment().and_then(|segment| verify(&segment)).is_err();
            let mut damaged: Vec<i64> = handles.iter().filter(is_damaged).map(|handle| handle.entry.id).collect();
            if damaged.is_empty() {
                // It is in an index, then.
                damaged.extend(handles.iter().map(|handle| handle.entry.id));
            }
            files.set_aside(&damaged);
            Ok(())
        });
        if let Err(error) = searched.await {
            tracing::warn!(%error, "damaged segments were not found");
        }
    }

    /// Removes the files of segments that were taken out of the manifest long enough ago, as long as the longest query
    /// takes.
    pub(crate) async fn remove_old(&self) -> Result<(), Error> {
        let age_ms = i64::try_from(REMOVED_SECONDS_MIN).unwrap_or(i64::MAX).saturating_mul(1000);
        let before_ms = self.catalog.now_ms().saturating_sub(age_ms);
        let ids = manifest::removed(&self.catalog, before_ms).await?;
        if ids.is_empty() {
            return Ok(());
        }
        self.remove(ids.clone()).await?;
        let mut tx = self.catalog.begin().await?;
        tx.forget_segments(&ids).await?;
        tx.commit().await
    }
}

/// The inputs of each result: logs of many rows by themselves, the others together.
fn by_owner(inputs: Vec<Input>, own_rows: u64) -> Vec<Vec<Input>> {
    let mut rows: BTreeMap<i64, u64> = BTreeMap::new();
    for part in inputs.iter().flat_map(|input| &input.parts) {
        *rows.entry(part.log).or_default() += u64::from(part.len());
    }
    let own: Vec<i64> = rows.iter().filter(|(_, rows)| **rows >= own_rows).map(|(log, _)| *log).collect();
    let of = |is_wanted: &dyn Fn(&Part) -> bool| -> Vec<Input> {
        inputs.iter().filter_map(|input| input.of_parts(is_wanted)).collect()
    };
    let mut all: Vec<Vec<Input>> = own.iter().map(|log| of(&|part| part.log == *log)).collect();
    all.push(of(&|part| !own.contains(&part.log)));
    all.retain(|inputs| !inputs.is_empty());
    all
}

#[cfg(test)]
mod tests;
