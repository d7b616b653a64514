//! Compaction: segments of neighbouring days become one, off the way of new events.
//!
//! A window is as wide as its rows allow: four weeks where they are few, a week, or a day. Within a window segments are
//! merged when there are many of like size, or when it is past and quiet. What one organization has many rows of gets a
//! segment of its own, so that its days can go without rewriting others'.
//!
//! On a crash: as for a flush. Old files are removed only when the longest query could have ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use trailbook_event::limits::{REMOVED_SECONDS_MIN, SEGMENT_ROWS_MAX};

use crate::Error;
use crate::flush::{Failed, Mover, remove_files};
use crate::manifest::{self, Entry, Handle, Window};
use crate::segment::Part;
use crate::segment::merge::{Input, verify};
use crate::work::{Work, away};

/// Segments of like size that are merged in a window that still fills.
const FAN_IN: usize = 8;
/// Segments that are merged at once.
const INPUTS_MAX: usize = 64;
/// Widths of windows in days, the widest first.
const WIDTHS: [i64; 3] = [28, 7, 1];
/// How long a past window must have been left alone before it is merged whole, in milliseconds.
const QUIET_MS: i64 = 5 * 60 * 1000;

/// What is known of a segment when it is decided what to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: i64,
    pub(crate) window: Window,
    pub(crate) rows: u64,
    /// The one log that it holds rows of, where they are many.
    pub(crate) owner: Option<i64>,
}

impl Candidate {
    /// A segment; from `own_rows` on, the rows of one log are many.
    pub(crate) fn of(entry: &Entry, own_rows: u64) -> Self {
        let rows = entry.row_count();
        let mut logs: Vec<i64> = entry.parts.iter().map(|part| part.log).collect();
        logs.dedup();
        let owner = logs.first().copied().filter(|_| logs.len() == 1 && rows >= own_rows);
        Self { id: entry.id, window: entry.window, rows, owner }
    }
}

/// Which segments to merge next, if any. `is_quiet` says of an id whether it is time to merge the past.
pub(crate) fn plan(all: &[Candidate], today: i64, is_quiet: impl Fn(&Candidate) -> bool) -> Option<Vec<i64>> {
    let mut groups: BTreeMap<(Option<i64>, Window), Vec<&Candidate>> = BTreeMap::new();
    for candidate in all {
        let window = group_of(candidate, all);
        groups.entry((candidate.owner, window)).or_default().push(candidate);
    }
    let jobs = groups.into_iter().filter_map(|((_, window), mut group)| {
        group.sort_unstable_by_key(|candidate| (candidate.rows, candidate.id));
        let is_past = window == Window::MIXED || window.first_day + window.days < today;
        let is_closed = is_past && group.iter().all(|candidate| is_quiet(candidate));
        job(&group, is_closed)
    });
    // The smallest first: it frees the most files for the least work.
    jobs.min_by_key(|(rows, _)| *rows).map(|(_, ids)| ids)
}

/// The widest window around a segment whose rows fit into one.
pub(crate) fn group_of(candidate: &Candidate, all: &[Candidate]) -> Window {
    if candidate.window == Window::MIXED {
        return Window::MIXED;
    }
    let last = candidate.window.first_day + candidate.window.days - 1;
    let fits = |days: i64| {
        let first_day = candidate.window.first_day.div_euclid(days) * days;
        let window = Window { first_day, days };
        let is_in = |other: &&Candidate| {
            let end = other.window.first_day + other.window.days;
            other.window != Window::MIXED && other.window.first_day >= first_day && end <= first_day + days
        };
        let rows: u64 = all.iter().filter(|other| other.owner == candidate.owner).filter(is_in).map(|c| c.rows).sum();
        (last < first_day + days && rows <= u64::from(SEGMENT_ROWS_MAX)).then_some(window)
    };
    let day = Window { first_day: candidate.window.first_day, days: candidate.window.days };
    WIDTHS.into_iter().find_map(fits).unwrap_or(day)
}

/// What to merge of a group, the smallest first: many of like size, or all that fit where it is closed.
fn job(group: &[&Candidate], is_closed: bool) -> Option<(u64, Vec<i64>)> {
    let (mut rows, mut ids) = (0u64, Vec::new());
    for candidate in group.iter().take(INPUTS_MAX) {
        let is_much_larger = candidate.rows > rows && ids.len() >= FAN_IN;
        if rows + candidate.rows > u64::from(SEGMENT_ROWS_MAX) || (is_much_larger && !is_closed) {
            break;
        }
        rows += candidate.rows;
        ids.push(candidate.id);
    }
    let needed = if is_closed { 2 } else { FAN_IN };
    (ids.len() >= needed).then_some((rows, ids))
}

impl Mover {
    /// Does the next piece of compaction, if there is one. `is_quiet` merges past windows without waiting.
    pub(crate) async fn compact(&self, is_quiet: bool) -> Result<bool, Failed> {
        let _one = self.compacting.lock().await;
        let manifest = self.recent.manifest();
        let whole = manifest.segments.iter().filter(|handle| !self.files.is_aside(handle.entry.id));
        let candidates: Vec<_> = whole.map(|handle| Candidate::of(&handle.entry, self.own_rows)).collect();
        let now_ms = self.catalog.now_ms();
        let is_old = |candidate: &Candidate| {
            let handle = manifest.segments.iter().find(|handle| handle.entry.id == candidate.id);
            is_quiet || handle.is_none_or(|handle| handle.entry.created_ms + QUIET_MS <= now_ms)
        };
        let today = now_ms.div_euclid(86_400_000);
        let Some(ids) = plan(&candidates, today, is_old) else { return Ok(false) };
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
                    self.discard(&added);
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
        let (files, gone) = (Arc::clone(&self.files), ids.clone());
        away(move || {
            gone.iter().for_each(|id| remove_files(&files, *id));
            Ok(())
        })
        .await?;
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
        let with_parts = |input: &Input| {
            let parts: Vec<Part> = input.parts.iter().filter(|part| is_wanted(part)).cloned().collect();
            (!parts.is_empty()).then(|| Input { segment: Arc::clone(&input.segment), parts })
        };
        inputs.iter().filter_map(with_parts).collect()
    };
    let mut all: Vec<Vec<Input>> = own.iter().map(|log| of(&|part| part.log == *log)).collect();
    all.push(of(&|part| !own.contains(&part.log)));
    all.retain(|inputs| !inputs.is_empty());
    all
}

#[cfg(test)]
mod tests;
