//! From memory to disk: frames become chunks, chunks become segments, and their frames go.
//!
//! ```text
//! frames ─► chunk, with the sums of their bytes ─► segment files, fsynced ─► read back, sums compared
//!        ─► one transaction: manifest in, frames out ─► readers see the segment in place of the chunks
//! ```
//!
//! On a crash: before the transaction returned, the frames are still in the journal and the files are nobody's, to be
//! removed at the start; after it, the segments hold the events and the frames are gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trailbook_event::limits::{FLUSH_WINDOWS_MAX, SEGMENT_OWN_ROWS_MIN};

use crate::compact::{Candidate, Sizes};
use crate::journal::commit;
use crate::logs::Logs;
use crate::manifest::{self, Entry, FileEntry, Files, Handle, Window, index_name, rows_name};
use crate::object::Objects;
use crate::pair;
use crate::recent::{Chunk, Recent, Size};
use crate::segment::Part;
use crate::segment::merge::{self, Input};
use crate::segment::page::PagedWriter;
use crate::segment::writer::{IndexWriter, RowsWriter};
use crate::work::{Spent, Work, away};
use crate::{Catalog, Error};

/// What moves events from one place to the next.
#[derive(Debug)]
pub(crate) struct Mover {
    pub(crate) catalog: Catalog,
    pub(crate) recent: Arc<Recent>,
    pub(crate) files: Arc<Files>,
    /// None where nothing is flushed.
    pub(crate) logs: Option<Arc<Logs>>,
    /// Set when the server stops.
    pub(crate) stop: Arc<AtomicBool>,
    /// What makes a chunk.
    pub(crate) chunk: Size,
    /// What one segment is made of at most when it is flushed; a single chunk may have more bytes.
    pub(crate) segment: Size,
    /// Rows of an organization in a window from which on it gets a segment of its own.
    pub(crate) own_rows: u64,
    pub(crate) spent: Spent,
    /// One builds a chunk at a time, one flushes, one compacts.
    pub(crate) chunking: tokio::sync::Mutex<()>,
    pub(crate) flushing: tokio::sync::Mutex<()>,
    pub(crate) compacting: tokio::sync::Mutex<()>,
}

/// Why the manifest did not change.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nothing was changed; it may go better later.
    Kept(Error),
    /// It is not known what the catalog holds.
    Unknown(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Kept(error)
    }
}

impl Failed {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Failed::Kept(error) => error,
            Failed::Unknown(_) => Error::Unknown,
        }
    }
}

impl Mover {
    /// Moves what this catalog and these files hold.
    pub(crate) fn new(
        catalog: Catalog,
        recent: Arc<Recent>,
        files: Arc<Files>,
        (chunk, segment): (Size, Size),
    ) -> Self {
        Self {
            catalog,
            recent,
            files,
            logs: None,
            stop: Arc::default(),
            chunk,
            segment,
            own_rows: SEGMENT_OWN_ROWS_MIN,
            spent: Spent::default(),
            chunking: tokio::sync::Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
            compacting: tokio::sync::Mutex::default(),
        }
    }

    /// Reads the manifest, and removes files that it does not name: what a crash left. Refuses a folder of another
    /// catalog before it touches anything.
    pub(crate) async fn load_manifest(&self) -> Result<(), Error> {
        let (entries, flushed) = manifest::read(&self.catalog).await?;
        manifest::check_flushed(&entries, &flushed)?;
        for (log, sequence) in flushed {
            self.recent.begin(log, sequence);
        }
        let mut known: Vec<i64> = manifest::removed(&self.catalog, i64::MAX).await?;
        known.extend(entries.iter().map(|entry| entry.id));
        let (name, last) = (self.catalog.name().await?, manifest::last_number(&self.catalog).await?);
        let files = Arc::clone(&self.files);
        let handles = self.handles(entries);
        self.recent.replace(&[], handles.clone());
        away(move || {
            pair::make(&*files.objects, &name, &known)?;
            remove_unnamed(&*files.objects, &known, last)?;
            handles.iter().for_each(|handle| handle.look());
            Ok(())
        })
        .await
    }

    /// Builds chunks as long as frames have enough events or bytes for one.
    pub(crate) async fn chunk(&self) -> Result<(), Error> {
        self.chunk_from(self.chunk).await
    }

    /// Builds chunks as long as the frames that are there now have so many events or bytes. What is added meanwhile is
    /// left for the next time, so that this ends however fast events come.
    pub(crate) async fn chunk_from(&self, enough: Size) -> Result<(), Error> {
        let _one = self.chunking.lock().await;
        let ends = self.recent.ends();
        while let Some(taken) = self.recent.take((self.chunk, enough), &ends) {
            let spent = self.spent.clone();
            let chunk = away(move || spent.count(Work::Chunk, || taken.build())).await?;
            self.recent.put(chunk);
        }
        Ok(())
    }

    /// Builds chunks of frames that have so many events or bytes, and writes all chunks to disk: those that are there
    /// also if another one cannot be built.
    pub(crate) async fn flush_from(&self, enough: Size) -> Result<(), Failed> {
        let chunked = self.chunk_from(enough).await;
        self.flush().await?;
        chunked.map_err(Failed::from)
    }

    /// Writes all chunks to disk and removes their frames.
    pub(crate) async fn flush(&self) -> Result<(), Failed> {
        let _one = self.flushing.lock().await;
        let mut left = self.recent.chunks();
        while !left.is_empty() {
            let sizes = left.iter().map(|chunk| Size::of_chunk(&chunk.segment));
            let rest = left.split_off(oldest_within(sizes, self.segment).min(left.len()));
            self.flush_chunks(&left).await?;
            left = rest;
        }
        Ok(())
    }

    /// Writes the oldest chunks, which may all be of one window and so become one segment.
    async fn flush_chunks(&self, chunks: &[Chunk]) -> Result<(), Failed> {
        let mut added = Vec::new();
        for (window, inputs) in self.windows(chunks) {
            match self.write(Work::Flush, inputs, window).await {
                Ok(entry) => added.push(entry),
                Err(error) => {
                    self.discard(&added).await;
                    return Err(error.into());
                }
            }
        }
        let moved = moved(chunks);
        if let Err(error) = self.cover(&moved).await {
            self.discard(&added).await;
            return Err(error);
        }
        self.change(&added, &[], &moved).await?;
        let handles = self.handles(added);
        self.recent.flushed(chunks.len(), handles);
        Ok(())
    }

    /// Sees to it that entries of these events are durable, under committed checkpoints: only then do frames go.
    async fn cover(&self, moved: &BTreeMap<i64, (u64, u64)>) -> Result<(), Failed> {
        let Some(logs) = &self.logs else { return Ok(()) };
        logs.integrate().await?;
        for (log, (_, end)) in moved {
            let size = logs.size(*log);
            if size < *end && !logs.has_ended(*log) {
                let reason = format!("its checkpoint has {size} entries, its journal more than {end}");
                return Err(Failed::Kept(Error::Damaged { what: format!("log {log}"), reason }));
            }
        }
        Ok(())
    }

    /// What a flush writes: a segment for each window, which is as wide as compaction would make it.
    fn windows(&self, chunks: &[Chunk]) -> Vec<(Option<Window>, Vec<Input>)> {
        let manifest = self.recent.manifest();
        let mut rows: BTreeMap<i64, u64> = BTreeMap::new();
        for part in chunks.iter().flat_map(|chunk| chunk.segment.parts()) {
            if let Some(day) = part.day() {
                *rows.entry(day).or_default() += u64::from(part.len());
            }
        }
        let on_disk = manifest.segments.iter().map(|handle| Candidate::of(&handle.entry, self.own_rows));
        let new = rows.iter().map(|(day, rows)| Candidate {
            id: 0,
            window: Window { first_day: *day, days: 1 },
            rows: *rows,
            bytes: 0,
            owner: None,
        });
        let all: Vec<Candidate> = on_disk.filter(|candidate| candidate.owner.is_none()).chain(new.clone()).collect();
        let sizes = Sizes::of(&all);
        let window_of = new.map(|candidate| (candidate.window.first_day, sizes.window_of(&candidate)));
        by_window(chunks, &window_of.collect())
    }

    /// Merges inputs into one segment on disk, and reads it back.
    pub(crate) async fn write(&self, work: Work, inputs: Vec<Input>, window: Option<Window>) -> Result<Entry, Error> {
        let mut tx = self.catalog.begin().await?;
        let id = tx.next_id("segments").await?;
        tx.commit().await?;
        let (files, stop, spent) = (Arc::clone(&self.files), Arc::clone(&self.stop), self.spent.clone());
        let created_ms = self.catalog.now_ms();
        away(move || {
            let written = spent.count(work, || write(&files, (id, created_ms), &inputs, window, &stop));
            let result = written.and_then(|entry| spent.count(Work::Verify, || read_back(&files, entry, &stop)));
            if result.is_err() {
                remove_files(&files, id);
            }
            result
        })
        .await
    }

    /// Changes the manifest: segments in, segments out, frames out, in one transaction.
    pub(crate) async fn change(
        &self,
        added: &[Entry],
        removed: &[i64],
        moved: &BTreeMap<i64, (u64, u64)>,
    ) -> Result<(), Failed> {
        let changed = self.try_change(added, removed, moved).await;
        if let Err(Failed::Kept(_)) = &changed {
            self.discard(added).await;
        }
        changed
    }

    async fn try_change(
        &self,
        added: &[Entry],
        removed: &[i64],
        moved: &BTreeMap<i64, (u64, u64)>,
    ) -> Result<(), Failed> {
        let mut tx = self.catalog.begin().await?;
        let result = async {
            tx.add_segments(added).await?;
            tx.remove_segments(removed).await?;
            // The heads of logs last: from here on appends wait.
            for (log, sequences) in moved {
                tx.remove_frames(*log, *sequences).await?;
            }
            Ok(())
        };
        if let Err(error) = result.await {
            tx.rollback().await;
            return Err(Failed::Kept(error));
        }
        let finished = commit::finish(&self.catalog, tx).await;
        finished.map_err(|failure| match failure.is_unknown {
            true => Failed::Unknown(failure.error),
            false => Failed::Kept(failure.error),
        })
    }

    pub(crate) fn handles(&self, added: Vec<Entry>) -> Vec<Arc<Handle>> {
        added.into_iter().map(|entry| Arc::new(Handle::new(entry, Arc::clone(&self.files)))).collect()
    }

    /// Removes files that no manifest names.
    pub(crate) async fn discard(&self, entries: &[Entry]) {
        if let Err(error) = self.remove(entries.iter().map(|entry| entry.id).collect()).await {
            tracing::warn!(%error, "files that are not needed were not removed");
        }
    }

    /// Removes the files of segments.
    pub(crate) async fn remove(&self, ids: Vec<i64>) -> Result<(), Error> {
        let files = Arc::clone(&self.files);
        away(move || {
            ids.iter().for_each(|id| remove_files(&files, *id));
            Ok(())
        })
        .await
    }
}

/// Removes files of segments that no manifest names and that a crash left. A number above the last that was given is
/// not of a crash but of a catalog that went on after this one was copied: such a file goes out of the way of the
/// segment which will have its number.
fn remove_unnamed(objects: &dyn Objects, known: &[i64], last: i64) -> Result<(), Error> {
    for name in objects.list()? {
        match manifest::number_of(&name) {
            Some(id) if known.contains(&id) => {}
            Some(id) if id <= last => {
                tracing::info!(name, "removing a file that an earlier stop left");
                objects.remove(&name)?;
            }
            Some(_) => {
                tracing::warn!(name, "a file is newer than the catalog; it is set aside as NAME.unknown");
                objects.set_aside(&name)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// How many of some sizes, from the first on, are within a size together; at least one.
fn oldest_within(sizes: impl Iterator<Item = Size>, most: Size) -> usize {
    let mut sum = Size::default();
    let is_within = |size: &Size| {
        sum = sum.plus(*size);
        sum.is_within(most)
    };
    sizes.take_while(is_within).count().max(1)
}

/// For each log of these chunks the sequences that they hold: the first, and the one after the last. A flush whose
/// outcome is not known may be tried again: the catalog then knows another first one, and refuses it.
fn moved(chunks: &[Chunk]) -> BTreeMap<i64, (u64, u64)> {
    let mut moved: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for chunk in chunks {
        for (log, end) in &chunk.ends {
            let first = chunk.segment.rows_of(*log).map_or(*end, |part| part.sequences.0);
            moved.entry(*log).and_modify(|(_, last)| *last = *end).or_insert((first, *end));
        }
    }
    moved
}

/// Removes the files of a segment; what cannot be removed now is removed at the next start.
fn remove_files(files: &Files, id: i64) {
    for name in [rows_name(id), index_name(id)] {
        if let Err(error) = files.objects.remove(&name) {
            tracing::warn!(%error, name, "a file that is not needed any more was not removed");
        }
    }
}

/// Writes the two files of a segment.
fn write(
    files: &Arc<Files>,
    (id, created_ms): (i64, i64),
    inputs: &[Input],
    window: Option<Window>,
    stop: &AtomicBool,
) -> Result<Entry, Error> {
    let rows = PagedWriter::new(files.objects.create(&rows_name(id))?, RowsWriter::MAGIC);
    let index = PagedWriter::new(files.objects.create(&index_name(id))?, IndexWriter::MAGIC);
    let merged = merge::merge(inputs, (rows, index), stop)?;
    Ok(Entry {
        id,
        window: window.unwrap_or_else(|| hull(&merged.parts)),
        rows: FileEntry::from(&merged.rows),
        index: FileEntry::from(&merged.index),
        parts: merged.parts,
        created_ms,
    })
}

/// Reads every page of both files, and compares the events with their sums.
fn read_back(files: &Arc<Files>, entry: Entry, stop: &AtomicBool) -> Result<Entry, Error> {
    if let Some(damage) = files.check(&entry).into_iter().next() {
        return Err(damage.error);
    }
    if stop.load(Ordering::Relaxed) { Err(Error::Closing) } else { Ok(entry) }
}

/// The days of parts, each of which is of one day.
fn hull(parts: &[Part]) -> Window {
    let days = || parts.iter().filter_map(Part::day);
    let first_day = days().min().unwrap_or_default();
    Window { first_day, days: days().max().map_or(0, |last| last - first_day + 1) }
}

/// The inputs of each window: those of the most rows by themselves, the rest in one.
fn by_window(chunks: &[Chunk], window_of: &HashMap<i64, Window>) -> Vec<(Option<Window>, Vec<Input>)> {
    let of_part = |part: &Part| part.day().and_then(|day| window_of.get(&day).copied());
    let mut rows: HashMap<Window, u64> = HashMap::new();
    for part in chunks.iter().flat_map(|chunk| chunk.segment.parts()) {
        if let Some(window) = of_part(part) {
            *rows.entry(window).or_default() += u64::from(part.len());
        }
    }
    let mut windows: Vec<(u64, Window)> = rows.into_iter().map(|(window, rows)| (rows, window)).collect();
    windows.sort_unstable_by(|a, b| b.cmp(a));
    let mut own: Vec<Window> = windows.iter().take(FLUSH_WINDOWS_MAX).map(|(_, window)| *window).collect();
    own.sort_unstable();
    let of = |wanted: Option<Window>| -> Vec<Input> {
        let is_wanted = |part: &Part| of_part(part).filter(|window| own.contains(window)) == wanted;
        let whole = chunks.iter().map(|chunk| Input::whole(Arc::clone(&chunk.segment)));
        whole.filter_map(|input| input.of_parts(is_wanted)).collect()
    };
    let mut all: Vec<_> = own.iter().map(|window| (None, of(Some(*window)))).collect();
    all.push((Some(Window::MIXED), of(None)));
    all.retain(|(_, inputs)| !inputs.is_empty());
    all
}

#[cfg(test)]
mod tests;
