//! The manifest: which segments there are. Rows of the catalog, and the same in memory.
//!
//! A flush adds segments in the transaction that removes their frames, and compaction replaces segments in one; so
//! every event is in exactly one place at any moment, whatever stops the process. Files that no row names are what a
//! crash left behind between writing files and that transaction: they are removed at the start.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sqlx::{AssertSqlSafe, Row as _};

use crate::catalog::{Transaction, in_steps, rows_of_places};
use crate::object::Objects;
use crate::segment::merge;
use crate::segment::page::{Finished, PageCache, Sections};
use crate::segment::writer::{IndexWriter, RowsWriter};
use crate::segment::{Part, Segment};
use crate::{Catalog, Error};

/// A range of days since 1970 that a segment's rows lie in: the first, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Window {
    pub(crate) first_day: i64,
    pub(crate) days: i64,
}

impl Window {
    /// Of segments that hold what is of many days, and few rows of each.
    pub(crate) const MIXED: Self = Self { first_day: 0, days: 0 };
}

/// A file as the manifest knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
}

impl From<&Finished> for FileEntry {
    fn from(finished: &Finished) -> Self {
        Self { bytes: finished.bytes, crc: finished.crc }
    }
}

/// A segment as the manifest knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) window: Window,
    pub(crate) rows: FileEntry,
    pub(crate) index: FileEntry,
    pub(crate) parts: Vec<Part>,
    /// When it was made, in milliseconds since 1970.
    pub(crate) created_ms: i64,
}

impl Entry {
    pub(crate) fn row_count(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.len())).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.rows.bytes + self.index.bytes
    }
}

/// The names of a segment's files.
pub(crate) fn rows_name(id: i64) -> String {
    format!("{id:010}.rows")
}

/// The name of a segment's index.
pub(crate) fn index_name(id: i64) -> String {
    format!("{id:010}.index")
}

/// The number of the segment that a file of this name belongs to; no other name is one of ours.
pub(crate) fn number_of(name: &str) -> Option<i64> {
    let (number, kind) = name.split_once('.')?;
    let is_number = number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && matches!(kind, "rows" | "index")).then(|| number.parse().ok()).flatten()
}

/// A segment that is opened when it is needed, and may be closed again when others are.
pub(crate) struct Handle {
    pub(crate) entry: Entry,
    slot: Arc<Slot>,
    files: Arc<Files>,
}

/// Holds an opened segment. Whoever has the segment reads on when the slot is emptied.
#[derive(Debug, Default)]
struct Slot {
    opened: Mutex<Option<Arc<Segment>>>,
    /// When it was used last, by the count of [`Files`].
    used: AtomicU64,
}

impl Slot {
    fn opened(&self) -> MutexGuard<'_, Option<Arc<Segment>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}", self.entry.id)
    }
}

/// Where segment files lie, and what of them is in memory.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) objects: Box<dyn Objects>,
    pub(crate) cache: Arc<PageCache>,
    /// What is wrong, by file or segment, as it was met last.
    damage: Mutex<HashMap<String, String>>,
    /// Segments that could not be merged because they are damaged.
    aside: Mutex<Vec<i64>>,
    /// Slots that hold a segment, as many as may be open, and some whose handle is gone.
    open: Mutex<Vec<Weak<Slot>>>,
    open_max: usize,
    /// Counts how often segments were asked for.
    uses: AtomicU64,
}

impl Files {
    /// Keeps so many bytes of pages in memory, and so many segments open.
    pub(crate) fn new(objects: Box<dyn Objects>, cache_bytes: u64, open_max: usize) -> Self {
        Self {
            objects,
            cache: Arc::new(PageCache::new(cache_bytes)),
            damage: Mutex::default(),
            aside: Mutex::default(),
            open: Mutex::default(),
            open_max: open_max.max(1),
            uses: AtomicU64::new(0),
        }
    }

    /// Counts a slot as open, and empties those that were not used for longest if there are too many.
    fn keep_open(&self, slot: &Arc<Slot>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::downgrade(slot));
        open.retain(|slot| slot.strong_count() > 0);
        while open.len() > self.open_max {
            let used = |slot: &Weak<Slot>| slot.upgrade().map_or(0, |slot| slot.used.load(Ordering::Relaxed));
            let Some((place, _)) = open.iter().enumerate().min_by_key(|(_, slot)| used(slot)) else { break };
            if let Some(slot) = open.swap_remove(place).upgrade() {
                drop(slot.opened().take());
            }
        }
    }

    /// Remembers damage, so that it can be told.
    pub(crate) fn note(&self, error: &Error) {
        if let Error::Damaged { what, reason } = error {
            let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            if damage.insert(what.clone(), reason.clone()).is_none() {
                tracing::error!(%what, %reason, "a segment is damaged");
            }
        }
    }

    /// All that is known, but for files of segments that are not in use any more: what was in them was read, or nobody
    /// can ask for it.
    pub(crate) fn damage(&self, manifest: &Manifest) -> Vec<String> {
        let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |what: &str| what.rsplit(' ').next().and_then(number_of);
        let is_in_use = |id: i64| manifest.segments.iter().any(|handle| handle.entry.id == id);
        damage.retain(|what, _| number(what).is_none_or(is_in_use));
        let mut all: Vec<_> = damage.iter().map(|(what, reason)| format!("{what} is damaged: {reason}")).collect();
        all.sort();
        all
    }

    /// Leaves segments out of compaction until the next start: one that cannot be read must not hold up the others.
    pub(crate) fn set_aside(&self, ids: &[i64]) {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    /// Whether a segment is left out of compaction.
    pub(crate) fn is_aside(&self, id: i64) -> bool {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Opens the file of rows of a segment.
    pub(crate) fn open_rows(&self, entry: &Entry) -> Result<Sections, Error> {
        self.sections(rows_name(entry.id), RowsWriter::MAGIC, entry.rows)
    }

    fn open_index(&self, entry: &Entry) -> Result<Sections, Error> {
        self.sections(index_name(entry.id), IndexWriter::MAGIC, entry.index)
    }

    fn sections(&self, name: String, magic: [u8; 8], file: FileEntry) -> Result<Sections, Error> {
        let object = self.objects.open(&name)?;
        Sections::open(object, name, magic, Some((file.bytes, file.crc)), Arc::clone(&self.cache))
    }

    /// Reads every byte of a segment's files, and then its events, and compares them with their checksums: all that is
    /// damaged.
    pub(crate) fn check(&self, entry: &Entry) -> Vec<Damage> {
        let mut found = Vec::new();
        let files = [(rows_name(entry.id), self.open_rows(entry)), (index_name(entry.id), self.open_index(entry))];
        for (name, opened) in files {
            match opened {
                Ok(sections) => sections.check(|offset, reason| {
                    let error = Error::Damaged { what: format!("the file {name}"), reason };
                    found.push(Damage { error, offset: Some(offset) });
                }),
                Err(error) => found.push(Damage { error, offset: None }),
            }
        }
        if found.is_empty() {
            let whole = self.open(entry).and_then(|segment| merge::verify(&segment));
            found.extend(whole.err().map(|error| Damage { error, offset: None }));
        }
        found
    }

    /// Opens the two files of a segment.
    pub(crate) fn open(&self, entry: &Entry) -> Result<Segment, Error> {
        let (rows, index) = (self.open_rows(entry)?, self.open_index(entry)?);
        let segment = Segment::open(entry.id, rows_name(entry.id), rows, index)?;
        if segment.parts() == entry.parts.as_slice() {
            Ok(segment)
        } else {
            Err(segment.damaged("its parts are not those of the manifest"))
        }
    }
}

/// What is wrong with a file, and where, if it is known.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) error: Error,
    offset: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, self.offset) {
            (Error::Damaged { what, reason }, Some(offset)) => {
                write!(f, "{what} is damaged at offset {offset}: {reason}")
            }
            (error, _) => error.fmt(f),
        }
    }
}

impl Handle {
    pub(crate) fn new(entry: Entry, files: Arc<Files>) -> Self {
        Self { entry, slot: Arc::default(), files }
    }

    /// Looks whether the files are there, of the right length, and remembers what is wrong.
    pub(crate) fn look(&self) {
        let files = [(rows_name(self.entry.id), self.entry.rows), (index_name(self.entry.id), self.entry.index)];
        for (name, file) in files {
            let error = match self.files.objects.open(&name) {
                Ok(object) if object.len() == file.bytes => continue,
                Ok(object) => Error::Damaged {
                    what: format!("the file {name}"),
                    reason: format!("it has {} bytes, not {}", object.len(), file.bytes),
                },
                Err(error) => error,
            };
            self.files.note(&error);
        }
    }

    /// The segment.
    pub(crate) fn segment(&self) -> Result<Arc<Segment>, Error> {
        self.slot.used.store(self.files.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if let Some(opened) = &*self.slot.opened() {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.files.open(&self.entry).inspect_err(|error| self.files.note(error))?);
        {
            let mut slot = self.slot.opened();
            if let Some(other) = &*slot {
                // Somebody else opened it meanwhile; one is enough.
                return Ok(Arc::clone(other));
            }
            *slot = Some(Arc::clone(&opened));
        }
        self.files.keep_open(&self.slot);
        Ok(opened)
    }
}

/// All segments at one moment.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) segments: Vec<Arc<Handle>>,
}

impl Manifest {
    /// The same without some segments and with others.
    pub(crate) fn changed(&self, removed: &[i64], added: Vec<Arc<Handle>>) -> Self {
        let stays = |handle: &&Arc<Handle>| !removed.contains(&handle.entry.id);
        let mut segments: Vec<_> = self.segments.iter().filter(stays).cloned().collect();
        segments.extend(added);
        Self { segments }
    }
}

/// Reads the manifest, and how far each log is flushed, as they were at one moment.
pub(crate) async fn read(catalog: &Catalog) -> Result<(Vec<Entry>, HashMap<i64, u64>), Error> {
    let mut tx = catalog.begin_reading().await?;
    let read = async {
        let entries = tx.segments().await?;
        Ok((entries, tx.flushed().await?))
    };
    let read = read.await;
    tx.rollback().await;
    read
}

/// Whether a segment is in use, and not replaced by others.
pub(crate) async fn is_in_use(catalog: &Catalog, id: i64) -> Result<bool, Error> {
    let found: Option<i64> = sqlx::query_scalar("SELECT id FROM segments WHERE id = $1 AND removed_ms IS NULL")
        .bind(id)
        .fetch_optional(catalog.pool())
        .await
        .map_err(Error::catalog("reading the manifest"))?;
    Ok(found.is_some())
}

/// Segments that are not in use since before a time, in milliseconds since 1970, and whose files may be there still.
pub(crate) async fn removed(catalog: &Catalog, before_ms: i64) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar("SELECT id FROM segments WHERE removed_ms < $1 ORDER BY id")
        .bind(before_ms)
        .fetch_all(catalog.pool())
        .await
        .map_err(Error::catalog("reading the manifest"))
}

/// The highest number that was given to a segment; its files are made after that.
pub(crate) async fn last_number(catalog: &Catalog) -> Result<i64, Error> {
    let number: Option<i64> = sqlx::query_scalar("SELECT value FROM counters WHERE name = 'segments'")
        .fetch_optional(catalog.pool())
        .await
        .map_err(Error::catalog("reading the manifest"))?;
    Ok(number.unwrap_or_default())
}

impl Transaction {
    /// The segments that are in use.
    async fn segments(&mut self) -> Result<Vec<Entry>, Error> {
        let doing = Error::catalog("reading the manifest");
        let sql = "SELECT id, first_day, days, rows_bytes, rows_crc, index_bytes, index_crc, created_ms \
                   FROM segments WHERE removed_ms IS NULL ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(self.connection()).await.map_err(&doing)?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let number = |at: usize| row.try_get::<i64, _>(at).map_err(&doing);
            let file = |bytes: i64, crc: i64| FileEntry { bytes: bytes as u64, crc: crc as u32 };
            entries.push(Entry {
                id: number(0)?,
                window: Window { first_day: number(1)?, days: number(2)? },
                rows: file(number(3)?, number(4)?),
                index: file(number(5)?, number(6)?),
                parts: Vec::new(),
                created_ms: number(7)?,
            });
        }
        self.read_parts(&mut entries).await?;
        Ok(entries)
    }

    async fn read_parts(&mut self, entries: &mut [Entry]) -> Result<(), Error> {
        let doing = Error::catalog("reading the manifest");
        let sql = "SELECT segment, log, row_count, occurred_min_ns, occurred_max_ns, recorded_min_ms, recorded_max_ms, \
                   first_sequence, last_sequence, content FROM segment_parts ORDER BY segment, number";
        let rows = sqlx::query(sql).fetch_all(self.connection()).await.map_err(&doing)?;
        let places: HashMap<i64, usize> = entries.iter().enumerate().map(|(place, entry)| (entry.id, place)).collect();
        for row in &rows {
            let number = |at: usize| row.try_get::<i64, _>(at).map_err(&doing);
            let Some(entry) = places.get(&number(0)?).and_then(|place| entries.get_mut(*place)) else { continue };
            let start = entry.parts.last().map_or(0, |part| part.rows.end);
            let count = u32::try_from(number(2)?).unwrap_or_default();
            entry.parts.push(Part {
                log: number(1)?,
                rows: start..start.saturating_add(count),
                occurred_ns: (number(3)?, number(4)?),
                recorded_ms: (number(5)?, number(6)?),
                sequences: (number(7)? as u64, number(8)? as u64),
                content: number(9)? as u64,
            });
        }
        Ok(())
    }

    /// The first sequence of each log that no segment has.
    pub(crate) async fn flushed(&mut self) -> Result<HashMap<i64, u64>, Error> {
        let doing = Error::catalog("reading how far logs are flushed");
        let rows = sqlx::query("SELECT id, flushed FROM logs").fetch_all(self.connection()).await.map_err(&doing)?;
        let read = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)? as u64));
        rows.iter().map(|row| read(row).map_err(&doing)).collect()
    }

    /// Adds segments to the manifest.
    pub(crate) async fn add_segments(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let doing = Error::catalog("adding to the manifest");
        for entry in entries {
            sqlx::query(
                "INSERT INTO segments (id, first_day, days, rows_bytes, rows_crc, index_bytes, index_crc, created_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(entry.id)
            .bind(entry.window.first_day)
            .bind(entry.window.days)
            .bind(entry.rows.bytes as i64)
            .bind(i64::from(entry.rows.crc))
            .bind(entry.index.bytes as i64)
            .bind(i64::from(entry.index.crc))
            .bind(entry.created_ms)
            .execute(self.connection())
            .await
            .map_err(&doing)?;
        }
        let mut parts: Vec<(i64, i64, &Part)> = Vec::new();
        for entry in entries {
            parts.extend((0i64..).zip(&entry.parts).map(|(number, part)| (entry.id, number, part)));
        }
        for some in in_steps(&parts) {
            self.add_parts(some).await?;
        }
        Ok(())
    }

    /// Adds parts, each with the number of its segment and its own, in one statement.
    async fn add_parts(&mut self, parts: &[(i64, i64, &Part)]) -> Result<(), Error> {
        const COLUMNS: usize = 11;
        let sql = format!(
            "INSERT INTO segment_parts (segment, number, log, row_count, occurred_min_ns, occurred_max_ns, \
             recorded_min_ms, recorded_max_ms, first_sequence, last_sequence, content) VALUES {}",
            rows_of_places(parts.len(), COLUMNS)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (segment, number, part) in parts {
            query = query
                .bind(segment)
                .bind(number)
                .bind(part.log)
                .bind(i64::from(part.len()))
                .bind(part.occurred_ns.0)
                .bind(part.occurred_ns.1)
                .bind(part.recorded_ms.0)
                .bind(part.recorded_ms.1)
                .bind(part.sequences.0 as i64)
                .bind(part.sequences.1 as i64)
                .bind(part.content as i64);
        }
        query.execute(self.connection()).await.map(drop).map_err(Error::catalog("adding to the manifest"))
    }

    /// Takes segments out of the manifest; their files stay until no query can need them.
    pub(crate) async fn remove_segments(&mut self, ids: &[i64]) -> Result<(), Error> {
        let doing = Error::catalog("removing from the manifest");
        let now_ms = self.now_ms();
        for id in ids {
            let sql = "UPDATE segments SET removed_ms = $1 WHERE id = $2 AND removed_ms IS NULL";
            let done = sqlx::query(sql).bind(now_ms).bind(id).execute(self.connection()).await.map_err(&doing)?;
            if done.rows_affected() != 1 {
                let reason = "it was removed by somebody else".to_owned();
                return Err(Error::Damaged { what: format!("the manifest's segment {id}"), reason });
            }
            let sql = "DELETE FROM segment_parts WHERE segment = $1";
            sqlx::query(sql).bind(id).execute(self.connection()).await.map_err(&doing)?;
        }
        Ok(())
    }

    /// Removes the frames of a log before a sequence: its events are in segments now.
    pub(crate) async fn remove_frames(&mut self, log: i64, (from, to): (u64, u64)) -> Result<(), Error> {
        let doing = Error::catalog("removing frames");
        let sql = "UPDATE logs SET flushed = $1 WHERE id = $2 AND flushed = $3";
        let done = sqlx::query(sql)
            .bind(to as i64)
            .bind(log)
            .bind(from as i64)
            .execute(self.connection())
            .await
            .map_err(&doing)?;
        if done.rows_affected() != 1 {
            let reason = format!("its events from sequence {from} on were moved by somebody else");
            return Err(Error::Damaged { what: format!("the log {log}"), reason });
        }
        let sql = "DELETE FROM frames WHERE log = $1 AND first_sequence < $2";
        sqlx::query(sql).bind(log).bind(to as i64).execute(self.connection()).await.map(drop).map_err(&doing)
    }

    /// Forgets segments whose files are gone.
    pub(crate) async fn forget_segments(&mut self, ids: &[i64]) -> Result<(), Error> {
        for id in ids {
            sqlx::query("DELETE FROM segments WHERE id = $1 AND removed_ms IS NOT NULL")
                .bind(id)
                .execute(self.connection())
                .await
                .map_err(Error::catalog("forgetting segments"))?;
        }
        Ok(())
    }
}

/// Whether segments have every event of each log up to where it is flushed, and once.
pub(crate) fn check_flushed(entries: &[Entry], flushed: &HashMap<i64, u64>) -> Result<(), Error> {
    let mut rows: HashMap<i64, u64> = HashMap::new();
    for part in entries.iter().flat_map(|entry| &entry.parts) {
        *rows.entry(part.log).or_default() += u64::from(part.len());
    }
    for (log, flushed) in flushed {
        let rows = rows.get(log).copied().unwrap_or_default();
        if rows != *flushed {
            let reason = format!("its segments have {rows} events of {flushed}");
            return Err(Error::Damaged { what: format!("the manifest of log {log}"), reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
