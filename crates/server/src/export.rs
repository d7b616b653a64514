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
//! The files are parts of a ZIP that is written while it is read; memory does not grow with it. Events are looked for
//! twice, once for each of the first two files, in the same snapshot.

pub(crate) mod format;
pub(crate) mod pipe;
pub(crate) mod stream;

mod manifest;

use std::io::Write;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use serde_json::json;
use tokio::runtime::Handle;
use trailbook_event::seal;
use trailbook_query::{Cancel, Error, Order, Page, Query, Start, run, scan};
use trailbook_store::{Log, Organization, Published, Row, Snapshot, Store};
use trailbook_tlog::Hash;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use manifest::{FileOut, LogOut, Manifest, RunOut};

pub(crate) const EVENTS: &str = "events.ndjson";
pub(crate) const OPENINGS: &str = "openings.ndjson";
pub(crate) const MANIFEST: &str = "manifest.json";

/// What is taken out.
pub(crate) struct Export {
    pub(crate) organization: Organization,
    /// What was asked for, as it was written.
    pub(crate) text: String,
    pub(crate) query: Query,
    pub(crate) created_ms: i64,
}

/// One log, as far as it is under its published checkpoint.
struct Part {
    log: Arc<Log>,
    published: Arc<Published>,
    snapshot: Snapshot,
}

/// What a part has given.
#[derive(Default, Clone, Copy)]
struct Given {
    events: u64,
    first: Option<u64>,
    last: Option<u64>,
    openings: u64,
}

/// Writes an export. Everything that was recorded before this call is considered. Takes the thread for as long as it
/// runs; `cancel`, or an error of `out`, stops it.
pub(crate) fn write(
    (store, runtime): (&Store, &Handle),
    export: &Export,
    out: impl Write,
    cancel: &Cancel,
) -> Result<(), Error> {
    let mut parts = runtime.block_on(parts(store, &export.organization))?;
    let is_complete = is_complete(&export.query);
    let mut zip = Zip { zip: ZipWriter::new_stream(out), files: Vec::new() };
    let mut given = vec![Given::default(); parts.len()];
    zip.file(EVENTS, |file| {
        for (part, given) in parts.iter().zip(&mut given) {
            *given = write_events(part, &export.query, file, cancel)?;
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
    let mut runs = Vec::new();
    zip.file(OPENINGS, |file| {
        for (part, given) in parts.iter().zip(&mut given) {
            let openings = Openings { store, runtime, part, file, count: 0 };
            runs.push(if is_complete {
                openings.of_run(&export.query, given, cancel)?
            } else {
                openings.of_members(&export.query, given, cancel)?
            });
        }
        Ok(())
    })?;
    let logs =
        parts.iter().zip(&given).zip(runs).map(|((part, given), run)| LogOut::new(part, *given, run, is_complete));
    let manifest = Manifest::new(export, std::mem::take(&mut zip.files), logs.collect());
    zip.file(MANIFEST, |file| {
        let text = serde_json::to_string_pretty(&manifest).map_err(|e| Error::Failed(e.to_string()))?;
        file.write(text.as_bytes())?;
        file.write(b"\n")
    })?;
    zip.zip.finish().map(drop).map_err(|e| Error::Failed(format!("writing an export: {e}")))
}

/// Whether nothing but a range of `recorded_at` is asked for.
fn is_complete(query: &Query) -> bool {
    let Query { conditions, text, occurred, sequence, .. } = query;
    conditions.is_empty() && text.is_empty() && *occurred == (None, None) && *sequence == (None, None)
}

/// The logs of an organization with what is under their checkpoints, after everything is that was acknowledged.
async fn parts(store: &Store, organization: &Organization) -> Result<Vec<Part>, Error> {
    let failed = |e: trailbook_store::Error| Error::from(e);
    store.integrate().await.map_err(failed)?;
    let logs = store.logs(organization).await.map_err(failed)?;
    let snapshot = store.snapshot(organization);
    let part = |log: Arc<Log>| Part { published: log.published(), snapshot: snapshot.only(log.number()), log };
    Ok(logs.into_iter().map(part).collect())
}

/// The same query, in the order of the log, of what is under its checkpoint.
fn under(part: &Part, query: &Query) -> Query {
    let size = part.published.checkpoint.size;
    let to = query.sequence.1.map_or(size, |to| to.min(size));
    Query { sequence: (query.sequence.0, Some(to)), order: Order::Sequence, ..query.clone() }
}

fn write_events(part: &Part, query: &Query, file: &mut FileWriter<'_>, cancel: &Cancel) -> Result<Given, Error> {
    let mut given = Given::default();
    let mut written = Ok(());
    scan(&part.snapshot, &under(part, query), cancel, |_, row| {
        given.events += 1;
        given.first.get_or_insert(row.sequence);
        given.last = Some(row.sequence);
        written = file.write(row.canonical).and_then(|()| file.write(b"\n"));
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
    fn of_run(mut self, query: &Query, given: &mut Given, cancel: &Cancel) -> Result<Option<RunOut>, Error> {
        let size = self.part.published.checkpoint.size;
        let start = match (given.first, query.recorded.0) {
            (Some(first), _) => first,
            (None, None) => 0,
            // Times do not go back in a log, so what comes before the range is what was recorded before it.
            (None, Some(from)) => self.count_before(from, cancel)?,
        };
        let end = given.last.map_or(start, |last| last + 1);
        if end - start != given.events {
            let what = format!("the log {}", self.part.log.origin());
            let reason = format!("{} of its events from {start} to {end} were found", given.events);
            return Err(Error::Damaged { what, reason });
        }
        let first = start.checked_sub(1);
        let last = Some(end).filter(|end| *end < size);
        if let Some(before) = first {
            self.neighbour(before, cancel)?;
        }
        self.all(query, cancel, |_, _| Ok(None))?;
        if let Some(after) = last {
            self.neighbour(after, cancel)?;
        }
        given.openings = self.count;
        if self.count == 0 {
            return Ok(None);
        }
        let first = first.unwrap_or(start);
        let proofs = [first, first + self.count - 1].map(|index| self.proof(index));
        let [first, last] = proofs;
        Ok(Some(RunOut { first: first?, last: last? }))
    }

    /// Each event with a proof of its own.
    fn of_members(mut self, query: &Query, given: &mut Given, cancel: &Cancel) -> Result<Option<RunOut>, Error> {
        self.all(query, cancel, |openings, row| openings.proof(row.sequence).map(Some))?;
        given.openings = self.count;
        Ok(None)
    }

    /// The openings of all events that match, each with a proof if it has one.
    fn all(
        &mut self,
        query: &Query,
        cancel: &Cancel,
        proof: impl Fn(&Self, &Row<'_>) -> Result<Option<Vec<String>>, Error>,
    ) -> Result<(), Error> {
        let mut written = Ok(());
        let part = self.part;
        scan(&part.snapshot, &under(part, query), cancel, |_, row| {
            written = proof(self, row).and_then(|proof| {
                let salt = STANDARD.encode(row.salt);
                let mut line =
                    format!("{{\"sequence\":{},\"recorded_ms\":{},\"salt\":\"{salt}\"", row.sequence, row.recorded_ms);
                if let Some(proof) = proof {
                    line.push_str(&format!(",\"proof\":{}", json!(proof)));
                }
                line.push_str("}\n");
                self.line(&line)
            });
            written.is_ok()
        })?;
        written
    }

    /// The opening of an entry beside the range: its time, and the commitment to its content.
    fn neighbour(&mut self, sequence: u64, cancel: &Cancel) -> Result<(), Error> {
        let query = Query {
            sequence: (Some(sequence), Some(sequence + 1)),
            page: Page { limit: 1, start: Start::Offset(0) },
            wants_total: false,
            ..Query::default()
        };
        let found = run(&self.part.snapshot, &query, cancel)?.events.into_iter().next().ok_or_else(|| {
            let what = format!("the log {}", self.part.log.origin());
            Error::Damaged { what, reason: format!("its event {sequence} is missing") }
        })?;
        let inner = STANDARD.encode(seal::inner(&found.salt, &found.canonical));
        let recorded_ms = found.recorded_ms;
        self.line(&format!("{{\"sequence\":{sequence},\"recorded_ms\":{recorded_ms},\"inner\":\"{inner}\"}}\n"))
    }

    /// How many entries were recorded before a time.
    fn count_before(&self, ms: i64, cancel: &Cancel) -> Result<u64, Error> {
        let size = self.part.published.checkpoint.size;
        let query = Query {
            recorded: (None, Some(ms)),
            sequence: (None, Some(size)),
            page: Page { limit: 1, start: Start::Offset(0) },
            ..Query::default()
        };
        Ok(run(&self.part.snapshot, &query, cancel)?.total.unwrap_or_default())
    }

    fn proof(&self, index: u64) -> Result<Vec<String>, Error> {
        let Part { log, published, .. } = self.part;
        let found = self.runtime.block_on(self.store.inclusion(log, index, published))?;
        let missing = || Error::Failed(format!("the entry {index} of {} is under no checkpoint", log.origin()));
        Ok(found.ok_or_else(missing)?.hashes.iter().map(Hash::to_string).collect())
    }

    fn line(&mut self, line: &str) -> Result<(), Error> {
        self.count += 1;
        self.file.write(line.as_bytes())
    }
}

/// A ZIP that is written from front to end.
struct Zip<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    files: Vec<(&'static str, FileOut)>,
}

/// One file of it, counted and hashed.
struct FileWriter<'w> {
    out: &'w mut dyn Write,
    hash: Context,
    bytes: u64,
}

impl<W: Write> Zip<W> {
    fn file(
        &mut self,
        name: &'static str,
        fill: impl FnOnce(&mut FileWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
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
        let sha256 = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.push((name, FileOut { bytes, sha256 }));
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
