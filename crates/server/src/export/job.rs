//! One export that is made as files: in one pass over its events, in chunks, after each of which it can go on.
//!
//! ```text
//! scan, in the order of each log ─► a chunk of each file, durable ─► progress, in the catalog ─► … ─► a ZIP per format
//! ```
//!
//! What is considered is fixed when it begins: the checkpoint of each log is part of the progress, so a job that goes
//! on later, in another process, gives what it would have given then.
//!
//! On a crash: what was noted last counts. Chunks that were not noted are written again, with the same bytes.

mod files;
mod progress;

use std::io::{self, Read};
use std::sync::Arc;

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use tokio::runtime::Handle;
use trailbook_query::{Cancel, Error, scan};
use trailbook_store::{
    ExportChange, ExportFiles, ExportRow, ExportState, FileReader, Organization, Prover, Row, Store,
};

use super::archive::Archive;
use super::format::{Format, Record, parquet};
use super::manifest::{FileOut, LogOut, Manifest};
use super::part::{Part, prove, prove_run, write_opening};
use super::{Export, MANIFEST, OPENINGS, is_complete};
use crate::app::App;
use files::{Files, chunk_name, events_name};
pub(crate) use files::{owner, zip_name};
use progress::LogProgress;
pub(crate) use progress::{Done, FileDone, FormatName, Progress, Request};

/// Events of one chunk, and bytes of their canonical form, whichever comes first.
const CHUNK_EVENTS: u64 = 16_384;
const CHUNK_BYTES: u64 = 32 * 1024 * 1024;

/// Why a job did not end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It is to go on later, or is there no more.
    Cancelled,
    /// It cannot be made.
    Failed(String),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Stopped::Cancelled,
            other => Stopped::Failed(other.to_string()),
        }
    }
}

impl From<trailbook_store::Error> for Stopped {
    fn from(error: trailbook_store::Error) -> Self {
        Error::from(error).into()
    }
}

/// A job that runs.
pub(crate) struct Job {
    app: Arc<App>,
    runtime: Handle,
    row: ExportRow,
    formats: Vec<Format>,
    export: Export,
    is_complete: bool,
    progress: Progress,
    cancel: Cancel,
}

/// What of a chunk is written so far.
struct Open {
    files: Files,
    events: u64,
    bytes: u64,
    line: Vec<u8>,
}

impl Job {
    /// A job as its row has it.
    pub(crate) fn new(
        app: &Arc<App>,
        organization: Organization,
        row: ExportRow,
        cancel: Cancel,
    ) -> Result<Self, Stopped> {
        let unreadable = |e: serde_json::Error| Stopped::Failed(format!("the export cannot be read: {e}"));
        let request: Request = serde_json::from_str(&row.request).map_err(unreadable)?;
        let progress = match row.progress.as_str() {
            "" => Progress::default(),
            text => serde_json::from_str(text).map_err(unreadable)?,
        };
        let (query, hidden) = request.query()?;
        Ok(Self {
            app: Arc::clone(app),
            runtime: Handle::current(),
            formats: request.formats.iter().map(|name| name.0).collect(),
            is_complete: is_complete(&query) && hidden.is_empty(),
            export: Export {
                organization,
                text: request.text(),
                query,
                hidden,
                hidden_names: request.sight.hidden_names().into_iter().collect(),
                created_ms: row.created_ms,
            },
            row,
            progress,
            cancel,
        })
    }

    /// Makes the files, from where it was left. Takes the thread for as long as it runs.
    pub(crate) fn run(mut self) -> Result<(), Stopped> {
        let parts = self.parts()?;
        while let Some(part) = parts.get(self.progress.at) {
            self.log(part)?;
        }
        let mut done = Done { events: self.progress.events, files: Vec::new() };
        for format in self.formats.clone() {
            let bytes = self.assemble(&parts, format)?;
            done.files.push(FileDone { format: FormatName(format), bytes });
        }
        let result = serde_json::to_string(&done).map_err(|e| Stopped::Failed(e.to_string()))?;
        let stays_ms = Some(self.app.exports_kept_ms);
        self.change(ExportChange { state: ExportState::Done, progress: "", result: &result, stays_ms })?;
        self.remove_chunks();
        Ok(())
    }

    fn store(&self) -> &Store {
        &self.app.store
    }

    /// The logs, as they were when the job began: that is now if it did not.
    fn parts(&mut self) -> Result<Vec<Part>, Stopped> {
        let all = self.runtime.block_on(Part::all(self.store(), &self.export.organization))?;
        if !self.progress.logs.is_empty() {
            let before = |noted: &LogProgress| {
                let part = all.iter().find(|part| part.log.id() == noted.log);
                let missing = || Stopped::Failed(format!("the log {} is not there any more", noted.log));
                Ok(part.ok_or_else(missing)?.as_before(&noted.checkpoint)?)
            };
            return self.progress.logs.iter().map(before).collect();
        }
        for part in &all {
            self.progress.total += part.count(&self.export.query, &self.cancel)?;
        }
        self.progress.logs = all.iter().map(LogProgress::new).collect();
        self.progress.next = 0;
        self.note()?;
        Ok(all)
    }

    /// Writes what is left of the log that is in work.
    fn log(&mut self, part: &Part) -> Result<(), Stopped> {
        let app = Arc::clone(&self.app);
        let mut prover = app.store.prover(&part.log, &part.published);
        let mut query = part.under(&self.export.query);
        query.sequence.0 = Some(query.sequence.0.unwrap_or_default().max(self.progress.next));
        let mut open = self.open()?;
        let mut written = Ok(());
        let cancel = self.cancel.clone();
        scan(&part.snapshot, &query, &cancel, |_, row| {
            written = self.event((part, &mut prover), row, &mut open);
            written.is_ok()
        })?;
        written?;
        if self.is_complete {
            self.end_run((part, &mut prover), &mut open)?;
        }
        self.progress.at += 1;
        self.progress.next = 0;
        self.finish(open)
    }

    fn event(
        &mut self,
        (part, prover): (&Part, &mut Prover<'_>),
        row: &Row<'_>,
        open: &mut Open,
    ) -> Result<(), Stopped> {
        let has_proofs = self.has_proofs();
        if has_proofs && self.is_complete && self.given().events == 0 {
            self.begin_run(part, row.sequence, open)?;
        }
        let canonical = self.export.hidden.strip(row.canonical);
        let record = Record {
            organization: self.export.organization.name(),
            sequence: row.sequence,
            recorded_ms: row.recorded_ms,
            canonical: &canonical,
        };
        open.files.event(&record)?;
        if has_proofs {
            let proof = match self.is_complete {
                true => None,
                false => Some(prove((&self.runtime, part), prover, row.sequence)?),
            };
            open.line.clear();
            write_opening(row, proof.as_deref(), &mut open.line);
            open.files.opening(&open.line)?;
            self.given().openings += 1;
        }
        self.given().add(row.sequence);
        self.progress.events += 1;
        self.progress.next = row.sequence + 1;
        open.events += 1;
        open.bytes += row.canonical.len() as u64;
        if open.events >= CHUNK_EVENTS || open.bytes >= CHUNK_BYTES {
            let next = self.open_after(open)?;
            *open = next;
        }
        Ok(())
    }

    /// Whether one of the files proves what the others say.
    fn has_proofs(&self) -> bool {
        self.formats.contains(&Format::Ndjson) && self.export.hidden.is_empty()
    }

    /// The entry before a run, if there is one.
    fn begin_run(&mut self, part: &Part, start: u64, open: &mut Open) -> Result<(), Stopped> {
        if let Some(before) = start.checked_sub(1) {
            open.files.opening(&part.neighbour(before, &self.cancel)?)?;
            self.given().openings += 1;
        }
        Ok(())
    }

    /// The entry after a run, if there is one, and the proofs of its ends.
    fn end_run(&mut self, (part, prover): (&Part, &mut Prover<'_>), open: &mut Open) -> Result<(), Stopped> {
        let given = *self.given();
        let start = part.start(&self.export.query, given.first, &self.cancel)?;
        let end = given.last.map_or(start, |last| last + 1);
        part.check_run((start, end), given.events)?;
        if !self.has_proofs() {
            return Ok(());
        }
        if given.events == 0 {
            self.begin_run(part, start, open)?;
        }
        if end < part.size() {
            open.files.opening(&part.neighbour(end, &self.cancel)?)?;
            self.given().openings += 1;
        }
        let openings = self.given().openings;
        if openings > 0 {
            let first = start.saturating_sub(1);
            let proofs = prove_run((&self.runtime, part), prover, (first, first + openings - 1))?;
            if let Some(log) = self.progress.logs.get_mut(self.progress.at) {
                log.run = Some(proofs.into());
            }
        }
        Ok(())
    }

    /// What the log in work has given.
    fn given(&mut self) -> &mut super::manifest::Given {
        let at = self.progress.at;
        &mut self.progress.logs.get_mut(at).expect("`at` is a log's number as long as one is in work").given
    }

    fn open(&self) -> Result<Open, Stopped> {
        let place = (self.store().export_files(), self.row.id);
        let files = Files::create(place, (&self.formats, self.has_proofs()), &self.progress)?;
        Ok(Open { files, events: 0, bytes: 0, line: Vec::new() })
    }

    /// Makes a chunk durable, and begins the next.
    fn open_after(&mut self, open: &mut Open) -> Result<Open, Stopped> {
        std::mem::take(&mut open.files).finish(&mut self.progress)?;
        self.note()?;
        self.open()
    }

    fn finish(&mut self, open: Open) -> Result<(), Stopped> {
        open.files.finish(&mut self.progress)?;
        self.note()
    }

    /// Notes in the catalog how far the job is.
    fn note(&self) -> Result<(), Stopped> {
        if self.store().is_disk_low() {
            return Err(Stopped::Failed("the disk is nearly full".to_owned()));
        }
        let progress = serde_json::to_string(&self.progress).map_err(|e| Stopped::Failed(e.to_string()))?;
        self.change(ExportChange { state: ExportState::InProgress, progress: &progress, result: "", stays_ms: None })
    }

    fn change(&self, change: ExportChange<'_>) -> Result<(), Stopped> {
        match self.runtime.block_on(self.store().catalog().change_export(self.row.id, change))? {
            true => Ok(()),
            false => Err(Stopped::Cancelled),
        }
    }
}

impl Job {
    /// Puts the ZIP of a format together, and says how many bytes it has.
    fn assemble(&self, parts: &[Part], format: Format) -> Result<u64, Stopped> {
        let files = self.store().export_files();
        let zip = zip_name(self.row.id, format);
        let mut archive = Archive::create(files, &zip, self.row.created_ms)?;
        let mut listed = Vec::new();
        let events = events_name(format);
        match format {
            Format::Parquet => {
                let joined = self.join_parquet(&events)?;
                let mut hashed = Hashed { inner: files.open_file(&joined)?, context: Context::new(&SHA256) };
                let bytes = archive.add(&events, &mut hashed)?;
                listed.push((events, FileOut::new(bytes, hashed.context.finish().as_ref())));
                files.remove(&joined)?;
            }
            _ => {
                let openings = (format == Format::Ndjson && self.has_proofs()).then(|| OPENINGS.to_owned());
                for name in [events].into_iter().chain(openings) {
                    let progress = self.progress.files.get(&name).cloned().unwrap_or_default();
                    let chunks = (0..self.progress.chunks).map(|chunk| chunk_name(self.row.id, chunk, &name));
                    archive.add_chunks(&name, chunks, &progress)?;
                    listed.push((name, FileOut::new(progress.bytes, &progress.digest()?)));
                }
            }
        }
        let manifest = Manifest::new(&self.export, listed, self.logs_out(parts, format));
        archive.add(MANIFEST, manifest.to_bytes()?.as_slice())?;
        archive.finish()?;
        Ok(files.open_file(&zip)?.size_bytes())
    }

    /// The logs as the manifest has them. One without a match has nothing to show, unless that is what is proven.
    fn logs_out(&self, parts: &[Part], format: Format) -> Vec<LogOut> {
        let shown = self.progress.logs.iter().zip(parts).filter(|(log, _)| self.is_complete || log.given.events > 0);
        let out = |(log, part): (&LogProgress, &Part)| match format {
            Format::Ndjson if self.has_proofs() => LogOut::new(part, log.given, self.is_complete, log.run.clone()),
            _ => LogOut::without_openings(part, log.given),
        };
        shown.map(out).collect()
    }

    /// The Parquet files of all chunks as one; gives its name.
    fn join_parquet(&self, events: &str) -> Result<String, Stopped> {
        let files = self.store().export_files();
        let name = format!("{}.joined.{events}", self.row.id);
        let chunks = (0..self.progress.chunks).map(|chunk| chunk_name(self.row.id, chunk, events));
        let parts = chunks.map(|chunk| files.open_file(&chunk).map(ChunkFile)).collect::<Result<Vec<_>, _>>()?;
        parquet::join(parts, files.create(&name)?)?.finish()?;
        Ok(name)
    }

    fn remove_chunks(&self) {
        remove_files(self.store().export_files(), self.row.id, |name| !name.ends_with(".zip"));
    }
}

/// Removes files of an export; what cannot be removed now is removed at the next start.
pub(crate) fn remove_files(files: &ExportFiles, id: trailbook_event::Uuid, which: impl Fn(&str) -> bool) {
    let removed = files.list().and_then(|names| {
        names.iter().filter(|name| owner(name) == Some(id) && which(name)).try_for_each(|name| files.remove(name))
    });
    if let Err(error) = removed {
        tracing::warn!(%error, export = %id, "files of an export were not removed");
    }
}

/// A file of the export as the library for Parquet reads it.
struct ChunkFile(FileReader);

impl Length for ChunkFile {
    fn len(&self) -> u64 {
        self.0.size_bytes()
    }
}

impl ChunkReader for ChunkFile {
    type T = io::BufReader<FileReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut reader = self.0.clone();
        reader.seek(start);
        Ok(io::BufReader::new(reader))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut reader = self.0.clone();
        reader.seek(start);
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// What is read, hashed on its way.
struct Hashed<R> {
    inner: R,
    context: Context,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.context.update(buf.get(..count).unwrap_or_default());
        Ok(count)
    }
}
