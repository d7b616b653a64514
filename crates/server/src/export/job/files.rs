//! The files of a job, chunk by chunk, and their names.

use trailbook_event::Uuid;
use trailbook_query::Error;
use trailbook_store::{ExportFiles, FileWriter};

use super::progress::Progress;
use crate::export::OPENINGS;
use crate::export::chunk::{Chunk, FileProgress};
use crate::export::format::{Format, Lines, Record, parquet};

/// The ZIP of a format.
pub(crate) fn zip_name(id: Uuid, format: Format) -> String {
    format!("{id}.{}.zip", format.name())
}

/// A chunk of a file.
pub(super) fn chunk_name(id: Uuid, chunk: u32, file: &str) -> String {
    format!("{id}.{chunk:06}.{file}")
}

/// The file of a format in its ZIP.
pub(super) fn events_name(format: Format) -> String {
    format!("events.{}", format.extension())
}

/// The export that a file belongs to.
pub(crate) fn owner(name: &str) -> Option<Uuid> {
    Uuid::try_parse(name.split('.').next()?).ok()
}

/// What is written of each chunk.
#[derive(Default)]
pub(super) struct Files {
    lines: Vec<OfLines>,
    parquet: Option<parquet::Writer<FileWriter>>,
    openings: Option<Chunk>,
    line: Vec<u8>,
}

struct OfLines {
    name: String,
    lines: Lines,
    chunk: Chunk,
}

impl Files {
    /// Begins the next chunk of each file.
    pub(super) fn create(
        (store, id): (&ExportFiles, Uuid),
        (formats, has_proofs): (&[Format], bool),
        progress: &Progress,
    ) -> Result<Self, Error> {
        let fresh = FileProgress::default();
        let begin = |file: &str| {
            let so_far = progress.files.get(file).unwrap_or(&fresh);
            Chunk::create(store, &chunk_name(id, progress.chunks, file), so_far)
        };
        let mut files = Self::default();
        for format in formats {
            let name = events_name(*format);
            match Lines::new(*format) {
                Some(lines) => {
                    let mut chunk = begin(&name)?;
                    if progress.chunks == 0 {
                        chunk.write(lines.header())?;
                    }
                    files.lines.push(OfLines { chunk, name, lines });
                }
                None => {
                    let file = store.create(&chunk_name(id, progress.chunks, &name))?;
                    files.parquet = Some(parquet::Writer::new(file)?);
                }
            }
            if *format == Format::Ndjson && has_proofs {
                files.openings = Some(begin(OPENINGS)?);
            }
        }
        Ok(files)
    }

    /// Writes an event.
    pub(super) fn event(&mut self, record: &Record<'_>) -> Result<(), Error> {
        for OfLines { lines, chunk, .. } in &mut self.lines {
            self.line.clear();
            lines.write(record, &mut self.line)?;
            chunk.write(&self.line)?;
        }
        match &mut self.parquet {
            Some(parquet) => parquet.write(record),
            None => Ok(()),
        }
    }

    /// Writes a line of the openings.
    pub(super) fn opening(&mut self, line: &[u8]) -> Result<(), Error> {
        self.openings.as_mut().map_or(Ok(()), |chunk| chunk.write(line))
    }

    /// Makes the chunk durable, and says so in the progress.
    pub(super) fn finish(self, progress: &mut Progress) -> Result<(), Error> {
        for OfLines { name, chunk, .. } in self.lines {
            progress.files.insert(name, chunk.finish()?);
        }
        if let Some(chunk) = self.openings {
            progress.files.insert(OPENINGS.to_owned(), chunk.finish()?);
        }
        if let Some(parquet) = self.parquet {
            parquet.close()?.finish()?;
        }
        progress.chunks += 1;
        Ok(())
    }
}
