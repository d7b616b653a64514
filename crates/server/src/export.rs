//! Exports: what a query finds, as files that can be handed over, with what makes them checkable by others.
//!
//! ```text
//! events.ndjson    the canonical events, one a line, as they were sealed
//! openings.ndjson  for each of them what opens its entry; neighbours of the range; proofs, where each has its own
//! manifest.json    what was asked for, counts, and for each log its checkpoint and what is proven
//! ```
//!
//! An export without conditions, of all or of a range of `recorded_at`, is *complete*: a run of each log without a gap,
//! with the entries beside it. Any other has *members*: each event is shown to be in its log, and nothing more. Both
//! use the inclusion proofs of RFC 6962 alone. `docs/verify.md` is the page for those who check it.
//!
//! [`write()`] makes them while they are sent: the files are parts of a ZIP that is written while it is read. Events
//! are looked for twice, once for each of the first two files, in the same snapshot. [`jobs`] makes them as files that
//! are fetched later, in one pass, and goes on after a restart. Memory does not grow with either.

pub(crate) mod archive;
pub(crate) mod file_body;
pub(crate) mod format;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod link;
pub(crate) mod orders;
pub(crate) mod pipe;
pub(crate) mod range;
pub(crate) mod stream;

mod chunk;
mod manifest;
mod part;

use std::io::Write;

use ring::digest::{Context, SHA256};
use tokio::runtime::Handle;
use trailbook_query::{Cancel, Error, Hidden, Query, scan};
use trailbook_store::{Organization, Store};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use manifest::{FileOut, Given, LogOut, Manifest, RunOut};
use part::{Part, prove, prove_run, write_opening};

pub(crate) const EVENTS: &str = "events.ndjson";
pub(crate) const OPENINGS: &str = "openings.ndjson";
pub(crate) const MANIFEST: &str = "manifest.json";

/// Parameters of a page, which an export has not.
pub(crate) const OF_PAGES: [&str; 4] = ["order", "limit", "cursor", "total"];
/// Parameters that the manifest shows as its range.
pub(crate) const OF_RANGES: [&str; 6] = ["from", "to", "recorded_from", "recorded_to", "sequence_from", "sequence_to"];

/// What is taken out.
pub(crate) struct Export {
    pub(crate) organization: Organization,
    /// What was asked for, as it was written.
    pub(crate) text: String,
    /// Narrowed already.
    pub(crate) query: Query,
    /// What whoever takes it out does not see; with any of it, nothing is proven.
    pub(crate) hidden: Hidden,
    /// Their names.
    pub(crate) hidden_names: Vec<String>,
    pub(crate) created_ms: i64,
}

/// Writes an export. Everything that was recorded before this call is considered. Takes the thread for as long as it
/// runs; `cancel`, or an error of `out`, stops it.
pub(crate) fn write(
    (store, runtime): (&Store, &Handle),
    export: &Export,
    out: impl Write,
    cancel: &Cancel,
) -> Result<(), Error> {
    let mut parts = runtime.block_on(Part::all(store, &export.organization))?;
    let is_complete = is_complete(&export.query) && export.hidden.is_empty();
    let mut zip = Zip { zip: ZipWriter::new_stream(out), files: Vec::new() };
    let mut given = vec![Given::default(); parts.len()];
    zip.file(EVENTS, |file| {
        for (part, given) in parts.iter().zip(&mut given) {
            *given = write_events(part, export, file, cancel)?;
        }
        Ok(())
    })?;
    if !is_complete {
        // A log without a match has nothing to show.
        let has_any: Vec<bool> = given.iter().map(|given| given.events > 0).collect();
        let mut keep = has_any.iter();
        parts.retain(|_| keep.next().copied().unwrap_or_default());
        given.retain(|given| given.events > 0);
    }
    if !export.hidden.is_empty() {
        // Salts and neighbours would let whoever has them guess what is hidden.
        let logs = parts.iter().zip(given).map(|(part, given)| LogOut::without_openings(part, given)).collect();
        return end(zip, export, logs);
    }
    let mut logs = Vec::new();
    zip.file(OPENINGS, |file| {
        for (part, given) in parts.iter().zip(&mut given) {
            let mut openings = Openings { store, runtime, part, file, count: 0 };
            let run = if is_complete {
                openings.of_run(&export.query, given, cancel)?
            } else {
                openings.of_members(&export.query, cancel)?;
                None
            };
            given.openings = openings.count;
            logs.push(LogOut::new(part, *given, is_complete, run));
        }
        Ok(())
    })?;
    end(zip, export, logs)
}

fn end(mut zip: Zip<impl Write>, export: &Export, logs: Vec<LogOut>) -> Result<(), Error> {
    let manifest = Manifest::new(export, std::mem::take(&mut zip.files), logs);
    zip.file(MANIFEST, |file| file.write(&manifest.to_bytes()?))?;
    zip.zip.finish().map(drop).map_err(|e| Error::Failed(format!("writing an export: {e}")))
}

/// Whether nothing but a range of `recorded_at` is asked for.
fn is_complete(query: &Query) -> bool {
    let Query { conditions, text, occurred, sequence, within, .. } = query;
    within.is_none()
        && conditions.is_empty()
        && text.is_empty()
        && *occurred == (None, None)
        && *sequence == (None, None)
}

fn write_events(part: &Part, export: &Export, file: &mut FileWriter<'_>, cancel: &Cancel) -> Result<Given, Error> {
    let mut given = Given::default();
    let mut written = Ok(());
    scan(&part.snapshot, &part.under(&export.query), cancel, |_, row| {
        given.add(row.sequence);
        written = file.write(&export.hidden.strip(row.canonical)).and_then(|()| file.write(b"\n"));
        written.is_ok()
    })?;
    written.map(|()| given)
}

/// What writes the openings of one log.
struct Openings<'a, 'w> {
    store: &'a Store,
    runtime: &'a Handle,
    part: &'a Part,
    file: &'a mut FileWriter<'w>,
    count: u64,
}

impl Openings<'_, '_> {
    /// A run without a gap, from the entry before the range to the one after it.
    fn of_run(&mut self, query: &Query, given: &Given, cancel: &Cancel) -> Result<Option<RunOut>, Error> {
        let part = self.part;
        let start = part.start(query, given.first, cancel)?;
        let end = given.last.map_or(start, |last| last + 1);
        part.check_run((start, end), given.events)?;
        if let Some(before) = start.checked_sub(1) {
            self.line(&part.neighbour(before, cancel)?)?;
        }
        let mut line = Vec::new();
        let mut written = Ok(());
        scan(&part.snapshot, &part.under(query), cancel, |_, row| {
            line.clear();
            write_opening(row, None, &mut line);
            written = self.line(&line);
            written.is_ok()
        })?;
        written?;
        if end < part.size() {
            self.line(&part.neighbour(end, cancel)?)?;
        }
        if self.count == 0 {
            return Ok(None);
        }
        let first = start.saturating_sub(1);
        let mut prover = self.store.prover(&part.log, &part.published);
        let ends = (first, first + self.count - 1);
        prove_run((self.runtime, part), &mut prover, ends).map(|proofs| Some(proofs.into()))
    }

    /// Each event with a proof of its own.
    fn of_members(&mut self, query: &Query, cancel: &Cancel) -> Result<(), Error> {
        let part = self.part;
        let mut prover = self.store.prover(&part.log, &part.published);
        let mut line = Vec::new();
        let mut written = Ok(());
        scan(&part.snapshot, &part.under(query), cancel, |_, row| {
            line.clear();
            written = prove((self.runtime, part), &mut prover, row.sequence).and_then(|proof| {
                write_opening(row, Some(&proof), &mut line);
                self.line(&line)
            });
            written.is_ok()
        })?;
        written
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.count += 1;
        self.file.write(line)
    }
}

/// A ZIP that is written from front to end.
struct Zip<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    files: Vec<(String, FileOut)>,
}

/// One file of it, counted and hashed.
struct FileWriter<'w> {
    out: &'w mut dyn Write,
    hash: Context,
    bytes: u64,
}

impl<W: Write> Zip<W> {
    fn file(&mut self, name: &str, fill: impl FnOnce(&mut FileWriter<'_>) -> Result<(), Error>) -> Result<(), Error> {
        // Level 1: a tenth larger than the usual one, and four times as fast.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .unix_permissions(0o644)
            .large_file(true);
        self.zip.start_file(name, options).map_err(|e| Error::Failed(format!("writing an export: {e}")))?;
        let mut file = FileWriter { out: &mut self.zip, hash: Context::new(&SHA256), bytes: 0 };
        fill(&mut file)?;
        let FileWriter { hash, bytes, .. } = file;
        self.files.push((name.to_owned(), FileOut::new(bytes, hash.finish().as_ref())));
        Ok(())
    }
}

impl FileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        // Whoever reads may have gone.
        self.out.write_all(bytes).map_err(|_| Error::Cancelled)
    }
}
