//! Checks segment files against the manifest, logs against their checkpoints, events against the logs; makes indexes
//! again from the rows.

mod logs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use trailbook_event::limits::SEGMENTS_OPEN_MAX;

use crate::flush::{self, Mover};
use crate::manifest::{self, Damage, Entry, Files, rows_name};
use crate::segment::build::{self, Entry as BuildEntry};
use crate::segment::merge::Input;
use crate::segment::page::{PagedWriter, Sections};
use crate::segment::read::RowReader;
use crate::segment::writer::IndexWriter;
use crate::segment::{Part, Segment};
use crate::work::{Work, away};
use crate::{Catalog, Clock, Error, Row, SEGMENTS_DIR, lock, object, pair};

/// Memory for pages while checking, in bytes.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Segments that were checked.
    pub segments: u64,
    /// Their events.
    pub events: u64,
    /// The bytes of their files.
    pub bytes: u64,
    /// Events that are in the journal only.
    pub journal_events: u64,
    /// Logs that were checked.
    pub logs: u64,
    /// Their entries.
    pub entries: u64,
    /// Segments whose index was made again.
    pub rebuilt: u64,
    /// What is wrong: sentences that name file and offset.
    pub damage: Vec<String>,
}

/// Reads every segment file of a data folder and compares it with the manifest, every entry of its logs and compares
/// them with the signed checkpoints, and every event and compares it with its entry; with `rebuild_index` it also makes
/// every index again from its rows. A check works beside a running server; making indexes again does not.
pub async fn check(
    data_dir: &Path,
    catalog: Option<&str>,
    rebuild_index: bool,
    each: impl Fn(&Checked),
) -> Result<Checked, Error> {
    let clock = Clock::system();
    let lock = if rebuild_index { Some(lock::DataLock::take(data_dir)?) } else { None };
    let catalog = Catalog::open(data_dir, catalog, clock).await?;
    let lock = match lock {
        Some(lock) => Some(lock.with_catalog(&catalog).await?),
        None => None,
    };
    let path = data_dir.join(SEGMENTS_DIR);
    let folder = if rebuild_index { object::Folder::open(&path)? } else { object::Folder::beside(&path)? };
    let files = Arc::new(Files::new(Box::new(folder), CACHE_BYTES, SEGMENTS_OPEN_MAX));
    pair::verify(&*files.objects, &catalog.name().await?)?;
    let mover = Mover::new(catalog.clone(), Arc::default(), files, Default::default());
    let mut checked = Checked::default();
    checked.damage.extend(catalog.damage().await?);
    let logs = logs::Logs::check(&catalog, data_dir, &mut checked).await?;
    let mut logs = check_all(&mover, logs, &mut checked, rebuild_index, each).await?;
    logs.check_frames(&catalog, &mut checked).await?;
    catalog.close().await;
    if let Some(lock) = lock {
        lock.release().await;
    }
    Ok(checked)
}

/// Checks every segment that is in use. Some may be replaced by a server meanwhile: then what took their place is
/// checked too.
async fn check_all(
    mover: &Mover,
    mut logs: logs::Logs,
    checked: &mut Checked,
    rebuild_index: bool,
    each: impl Fn(&Checked),
) -> Result<logs::Logs, Error> {
    let mut seen: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    loop {
        let (entries, flushed) = manifest::read(&mover.catalog).await?;
        if seen.is_empty()
            && let Err(error) = manifest::check_flushed(&entries, &flushed)
        {
            checked.damage.push(error.to_string());
        }
        seen.retain(|id, _| entries.iter().any(|entry| entry.id == *id));
        let mut has_replaced = false;
        let new: Vec<Entry> = entries.into_iter().filter(|entry| !seen.contains_key(&entry.id)).collect();
        for entry in new {
            let files = Arc::clone(&mover.files);
            let found = {
                let entry = entry.clone();
                away(move || Ok(files.check(&entry))).await?
            };
            // The files of a segment that was replaced may be gone.
            if !found.is_empty() && !manifest::is_in_use(&mover.catalog, entry.id).await? {
                has_replaced = true;
                continue;
            }
            seen.insert(entry.id, (entry.row_count(), entry.bytes()));
            checked.segments = seen.len() as u64;
            checked.events = seen.values().map(|(events, _)| events).sum();
            checked.bytes = seen.values().map(|(_, bytes)| bytes).sum();
            checked.damage.extend(found.iter().map(Damage::to_string));
            if found.is_empty() {
                let (back, damage) = logs.check_segment(Arc::clone(&mover.files), entry.clone()).await?;
                logs = back;
                checked.damage.extend(damage);
            }
            if rebuild_index {
                match rebuild(mover, &entry).await {
                    Ok(()) => checked.rebuilt += 1,
                    Err(error) => {
                        checked.damage.push(format!("the index of segment {} was not made: {error}", entry.id));
                    }
                }
            }
            each(checked);
        }
        if !has_replaced {
            return Ok(logs);
        }
    }
}

/// The first sequence of a log that no segment has.
async fn flushed_of(catalog: &Catalog, log: i64) -> Result<u64, Error> {
    let mut tx = catalog.begin_reading().await?;
    let flushed = tx.flushed().await;
    tx.rollback().await;
    Ok(flushed?.get(&log).copied().unwrap_or_default())
}

/// Writes a segment anew from its rows, and puts it in the place of the old one.
async fn rebuild(mover: &Mover, entry: &Entry) -> Result<(), Error> {
    let (files, old) = (Arc::clone(&mover.files), entry.clone());
    let inputs = away(move || chunks_of(&files, &old)).await?;
    let new = mover.write(Work::Compact, inputs, Some(entry.window)).await?;
    if !is_same(&new.parts, &entry.parts) {
        mover.discard(&[new]).await;
        let reason = "its rows do not have the checksum of their events".to_owned();
        return Err(Error::Damaged { what: format!("the file {}", rows_name(entry.id)), reason });
    }
    let changed = mover.change(&[new], &[entry.id], &BTreeMap::new()).await;
    changed.map_err(flush::Failed::into_error)
}

/// Whether parts are of the same events: days that shared a part may have parts of their own when it is made again.
fn is_same(new: &[Part], old: &[Part]) -> bool {
    let sums = |parts: &[Part]| {
        let mut sums: BTreeMap<i64, (u32, u64)> = BTreeMap::new();
        for part in parts {
            let (rows, content) = sums.entry(part.log).or_default();
            *rows = rows.saturating_add(part.len());
            *content = content.wrapping_add(part.content);
        }
        sums
    };
    sums(new) == sums(old)
}

/// The rows of a segment as small segments in memory, read without the index.
fn chunks_of(files: &Arc<Files>, entry: &Entry) -> Result<Vec<Input>, Error> {
    let rows = files.open_rows(entry)?;
    let count = entry.parts.last().map_or(0, |part| part.rows.end);
    let empty = IndexWriter::new(PagedWriter::memory(IndexWriter::MAGIC), count, rows.crc())?.finish()?;
    let index = Sections::memory(empty.memory.unwrap_or_default(), IndexWriter::MAGIC)?;
    let segment = Segment::open(entry.id, rows_name(entry.id), rows, index)?;
    let mut reader = RowReader::scan(&segment);
    let mut inputs = Vec::new();
    let mut kept: Vec<Kept> = Vec::new();
    for part in segment.parts() {
        for row in part.rows.clone() {
            let event = reader.row(row)?;
            kept.push(Kept::of(part.log, &event));
            if kept.len() >= trailbook_event::limits::CHUNK_EVENTS_MAX {
                inputs.push(chunk(&kept)?);
                kept.clear();
            }
        }
    }
    if !kept.is_empty() {
        inputs.push(chunk(&kept)?);
    }
    Ok(inputs)
}

fn chunk(kept: &[Kept]) -> Result<Input, Error> {
    let segment = build::build(kept.iter().map(Kept::entry).collect())?;
    Ok(Input::whole(Arc::new(segment)))
}

/// An event that was read, with its own memory.
struct Kept {
    log: i64,
    sequence: u64,
    recorded_ms: i64,
    occurred_ns: i64,
    canonical: Vec<u8>,
    spans: Vec<trailbook_event::Span>,
    salt: [u8; trailbook_event::seal::SALT_BYTES],
}

impl Kept {
    fn of(log: i64, row: &Row<'_>) -> Self {
        let Row { sequence, recorded_ms, occurred_ns, .. } = *row;
        let (canonical, spans, salt) = (row.canonical.to_vec(), row.spans.to_vec(), *row.salt);
        Self { log, sequence, recorded_ms, occurred_ns, canonical, spans, salt }
    }

    fn entry(&self) -> BuildEntry<'_> {
        let Self { sequence, recorded_ms, occurred_ns, .. } = *self;
        let (canonical, salt, spans) = (&self.canonical, &self.salt, &self.spans);
        BuildEntry { log: self.log, row: Row { sequence, recorded_ms, occurred_ns, canonical, salt, spans } }
    }
}
