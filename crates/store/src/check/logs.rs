//! Checks logs: entries against the signed checkpoints, and events against the entries.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use trailbook_event::seal;
use trailbook_tlog::{Checkpoint, Hash, Note};

use super::{Checked, flushed_of};
use crate::journal::commit::{self, StoredFrame};
use crate::logs::copies::Copies;
use crate::logs::edge::{BUNDLE_ENTRIES, Edge, HASH_BYTES, PACK_BUNDLES, bundle_root};
use crate::logs::pack::Pack;
use crate::logs::rows::LogRow;
use crate::logs::{LOGS_DIR, Log, hex, rows};
use crate::manifest::{Entry, Files, rows_name};
use crate::object::{Folder, Objects};
use crate::segment::read::RowReader;
use crate::work::away;
use crate::{Catalog, Error, Row};

/// Packs that are held at once: 2 MiB each.
const PACKS_HELD: usize = 16;
const PACK_ENTRIES: u64 = PACK_BUNDLES * BUNDLE_ENTRIES;

/// The logs of a catalog, checked as far as they can be without their events.
pub(super) struct Logs {
    objects: Arc<dyn Objects>,
    logs: HashMap<i64, Entries>,
}

/// The entries of a log that are under its checkpoint.
struct Entries {
    origin: String,
    log_id: [u8; 16],
    size: u64,
    packs: Vec<Hash>,
    /// Those of no pack.
    rest: Vec<u8>,
    held: VecDeque<(u64, Vec<u8>)>,
}

impl Logs {
    /// Reads every entry, and compares them with the checkpoints. What is wrong is added.
    pub(super) async fn check(catalog: &Catalog, data_dir: &Path, checked: &mut Checked) -> Result<Self, Error> {
        let objects: Arc<dyn Objects> = Arc::new(Folder::beside(&data_dir.join(LOGS_DIR))?);
        let mut logs = HashMap::new();
        let mut checkpoints = HashMap::new();
        for row in rows::all(catalog).await? {
            // A server has not taken it yet.
            if row.origin.is_empty() && row.next_sequence == 0 {
                continue;
            }
            checked.logs += 1;
            checked.entries += row.size;
            match Entries::check(catalog, row.id, &objects, checked).await {
                Ok((log, entries)) => {
                    logs.insert(row.id, entries);
                    checkpoints.insert(row.log_id, Some(log));
                }
                Err(error) => {
                    checked.damage.push(error.to_string());
                    checkpoints.insert(row.log_id, None);
                }
            }
        }
        if let Err(error) = compare_with_file(data_dir, &checkpoints, checked) {
            checked.damage.push(error.to_string());
        }
        Ok(Self { objects, logs })
    }

    /// Compares the events of a segment with their entries.
    pub(super) async fn check_segment(
        mut self,
        files: Arc<Files>,
        entry: Entry,
    ) -> Result<(Self, Option<String>), Error> {
        away(move || {
            let damage = self.compare_segment(&files, &entry).err();
            Ok((self, damage.map(|error| error.to_string())))
        })
        .await
    }

    fn compare_segment(&mut self, files: &Files, entry: &Entry) -> Result<(), Error> {
        let segment = files.open(entry)?;
        let mut reader = RowReader::scan(&segment);
        for part in segment.parts() {
            for row in part.rows.clone() {
                let event = reader.row(row)?;
                self.compare(part.log, &event).map_err(|error| match error {
                    Error::Damaged { what, reason } => {
                        Error::Damaged { what: format!("row {row} of {}, {what},", rows_name(entry.id)), reason }
                    }
                    other => other,
                })?;
            }
        }
        Ok(())
    }

    /// Compares the events of the journal with their entries.
    pub(super) async fn check_frames(&mut self, catalog: &Catalog, checked: &mut Checked) -> Result<(), Error> {
        let all: Vec<i64> = self.logs.keys().copied().collect();
        for log in all {
            let head = commit::head(catalog, log).await?;
            let mut next = flushed_of(catalog, log).await?;
            loop {
                let found = commit::frames_from(catalog, log, next).await?;
                // A server may move events to segments meanwhile.
                let flushed = flushed_of(catalog, log).await?;
                if flushed > next {
                    next = flushed;
                    continue;
                }
                if found.is_empty() {
                    break;
                }
                for stored in found {
                    next = self.check_frame((log, next), &stored, checked);
                }
            }
            let now = commit::head(catalog, log).await?;
            if next < head || next > now {
                let reason = format!("its frames end before sequence {next}, its head is {now}");
                checked.damage.push(format!("the journal of log {log} is damaged: {reason}"));
            }
        }
        Ok(())
    }

    /// Checks one frame, which should begin at a sequence, and gives the sequence that should be next.
    fn check_frame(&mut self, (log, next): (i64, u64), stored: &StoredFrame, checked: &mut Checked) -> u64 {
        let (first, frame) = stored.decode();
        let what = format!("the frame of log {log} at sequence {first}");
        if first != next {
            checked.damage.push(format!("{what} is damaged: the frame before it is missing"));
        }
        match frame {
            Err(reason) => checked.damage.push(format!("{what} is damaged: {reason}")),
            Ok(frame) => {
                checked.journal_events += frame.rows().count() as u64;
                if let Some(error) = frame.rows().find_map(|row| self.compare(log, &row).err()) {
                    checked.damage.push(format!("{what}: {error}"));
                }
            }
        }
        first + stored.events
    }

    /// Compares an event with its entry, if that is under the checkpoint.
    fn compare(&mut self, log: i64, event: &Row<'_>) -> Result<(), Error> {
        let Some(entries) = self.logs.get_mut(&log) else { return Ok(()) };
        if event.sequence >= entries.size {
            return Ok(());
        }
        let inner = seal::inner(event.salt, event.canonical);
        let want = seal::entry(u64::try_from(event.recorded_ms).unwrap_or_default(), &inner);
        if seal::entry_of_hash(&entries.hash(&*self.objects, event.sequence)?) == want {
            return Ok(());
        }
        let what = format!("the event of sequence {} of the log {}", event.sequence, entries.origin);
        Err(Error::Damaged { what, reason: "it is not the one that was sealed".to_owned() })
    }
}

impl Entries {
    async fn check(
        catalog: &Catalog,
        id: i64,
        objects: &Arc<dyn Objects>,
        checked: &mut Checked,
    ) -> Result<(Log, Self), Error> {
        let (row, edge, bundles) = Self::read(catalog, id).await?;
        // The signature, the root, and the shape of what there is.
        let log = Log::of(row, edge, None)?;
        let edge = log.edge();
        for (number, root) in (0..edge.packed).zip(edge.packs.iter().copied()) {
            let (objects, log_id) = (Arc::clone(objects), log.log_id);
            let found = away(move || Pack::open(&*objects, &log_id, number)?.check(&root)).await;
            if let Err(error) = found {
                checked.damage.push(error.to_string());
            }
        }
        let mut rest = Vec::new();
        let first = edge.packed * PACK_BUNDLES;
        for (index, (root, hashes)) in (first..).zip(edge.bundles.iter().zip(bundles)) {
            if bundle_root(&hashes).as_ref() != Some(root) {
                let reason = format!("the entries of its bundle {index} do not lead to its root");
                return Err(Error::Damaged { what: format!("the log {}", log.origin()), reason });
            }
            rest.extend(hashes);
        }
        rest.extend_from_slice(&edge.last);
        let entries = Self {
            origin: log.origin().to_owned(),
            log_id: log.log_id,
            size: edge.size(),
            packs: edge.packs.get(..edge.packed as usize).unwrap_or_default().to_vec(),
            rest,
            held: VecDeque::new(),
        };
        Ok((log, entries))
    }

    /// A log with its full bundles that are in no pack, all as they are at one moment: a server may write packs.
    async fn read(catalog: &Catalog, id: i64) -> Result<(LogRow, Edge, Vec<Vec<u8>>), Error> {
        let mut tx = catalog.begin_reading().await?;
        let found = async {
            let (row, edge) = tx.log_with_edge(id).await?;
            let mut bundles = Vec::with_capacity(edge.bundles.len());
            let first = edge.packed * PACK_BUNDLES;
            for index in first..first + edge.bundles.len() as u64 {
                bundles.push(tx.bundle(id, index).await?.unwrap_or_default());
            }
            Ok((row, edge, bundles))
        };
        let found = found.await;
        tx.rollback().await;
        found
    }

    /// The hash of an entry that is under the checkpoint.
    fn hash(&mut self, objects: &dyn Objects, sequence: u64) -> Result<[u8; 32], Error> {
        let number = sequence / PACK_ENTRIES;
        let Some(root) = self.packs.get(number as usize) else {
            let place = sequence - self.packs.len() as u64 * PACK_ENTRIES;
            return self.at(&self.rest, place);
        };
        if !self.held.iter().any(|(held, _)| *held == number) {
            let pack = Pack::open(objects, &self.log_id, number)?;
            let roots = pack.roots(root)?;
            let mut hashes = Vec::new();
            for (place, root) in (0..).zip(&roots) {
                hashes.extend(pack.bundle(place, root)?);
            }
            self.held.truncate(PACKS_HELD - 1);
            self.held.push_front((number, hashes));
        }
        let held = self.held.iter().find(|(held, _)| *held == number).map(|(_, hashes)| hashes.as_slice());
        self.at(held.unwrap_or_default(), sequence % PACK_ENTRIES)
    }

    fn at(&self, hashes: &[u8], place: u64) -> Result<[u8; 32], Error> {
        let found = hashes.as_chunks::<HASH_BYTES>().0.get(place as usize).copied();
        let what = || format!("the log {}", self.origin);
        found.ok_or_else(|| Error::Damaged { what: what(), reason: "an entry is missing".to_owned() })
    }
}

/// Compares the file of checkpoints with the catalog's. A server may have gone on since the catalog was read.
fn compare_with_file(
    data_dir: &Path,
    known: &HashMap<[u8; 16], Option<Log>>,
    checked: &mut Checked,
) -> Result<(), Error> {
    for (path, checkpoints) in Copies::open(data_dir, &[])?.read()? {
        let file = path.display();
        let Some(checkpoints) = checkpoints else {
            checked.damage.push(format!("the file {file} is missing"));
            continue;
        };
        for (log_id, log) in known {
            if log.as_ref().is_some_and(|log| log.published().checkpoint.size > 0) && !checkpoints.contains_key(log_id)
            {
                checked.damage.push(format!("the file {file} is damaged: it does not have the log {}", hex(log_id)));
            }
        }
        for (log_id, note) in checkpoints {
            let id = hex(&log_id);
            let reason = match known.get(&log_id) {
                None => "the catalog does not know it".to_owned(),
                Some(Some(log)) => match compare_note(log, &note) {
                    Ok(()) => continue,
                    Err(reason) => reason,
                },
                Some(None) => continue,
            };
            checked.damage.push(format!("the file {file} is damaged: the log {id}: {reason}"));
        }
    }
    Ok(())
}

/// Compares a checkpoint of the file, if there is one, with that of the catalog.
fn compare_note(log: &Log, note: &str) -> Result<(), String> {
    let published = log.published();
    let note = Note::parse(note).map_err(|e| e.to_string())?;
    let seen = Checkpoint::parse(note.text()).map_err(|e| e.to_string())?;
    let keys = [log.key().clone(), log.clock_key().clone()];
    let signed = note.verify(&keys).map_err(|e| e.to_string())?;
    if signed.len() != keys.len() {
        return Err("one of its two keys did not sign it".to_owned());
    }
    if seen.size == published.checkpoint.size && seen != published.checkpoint {
        return Err("it has another root than the catalog".to_owned());
    }
    Ok(())
}
