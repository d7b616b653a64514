//! The files of an export, put together in a ZIP.

use std::io::{Read, Write};

use rawzip::{CompressionMethod, DataDescriptorOutput, ZipArchiveWriter, ZipEntryWriter};
use trailbook_query::Error;
use trailbook_store::{ExportFiles, FileWriter};

use super::chunk::{FileProgress, LAST_BLOCK, failed};

/// A ZIP that is written from front to end.
pub(crate) struct Archive<'f> {
    files: &'f ExportFiles,
    zip: ZipArchiveWriter<FileWriter>,
    modified: rawzip::time::UtcDateTime,
}

/// Bytes that are copied at once.
const COPY_BYTES: usize = 256 * 1024;

impl<'f> Archive<'f> {
    /// Begins the ZIP of this name; what is in it is of this time, in milliseconds since 1970.
    pub(crate) fn create(files: &'f ExportFiles, name: &str, created_ms: i64) -> Result<Self, Error> {
        let modified = rawzip::time::UtcDateTime::from_unix(created_ms / 1000);
        Ok(Self { files, zip: ZipArchiveWriter::new(files.create(name)?), modified })
    }

    /// Adds a file that lies in chunks.
    pub(crate) fn add_chunks(
        &mut self,
        name: &str,
        chunks: impl Iterator<Item = String>,
        progress: &FileProgress,
    ) -> Result<(), Error> {
        let files = self.files;
        let mut entry = self.start(name, CompressionMethod::DEFLATE)?;
        for chunk in chunks {
            copy_each(&mut files.open_file(&chunk)?, |piece| entry.write_all(piece))?;
        }
        entry.write_all(&LAST_BLOCK).map_err(failed)?;
        finish(entry, DataDescriptorOutput::new(progress.crc, progress.bytes))
    }

    /// Adds a file as it is.
    pub(crate) fn add(&mut self, name: &str, mut content: impl Read) -> Result<u64, Error> {
        let mut entry = self.start(name, CompressionMethod::STORE)?;
        let mut crc = crc32fast::Hasher::new();
        let bytes = copy_each(&mut content, |piece| {
            crc.update(piece);
            entry.write_all(piece)
        })?;
        finish(entry, DataDescriptorOutput::new(crc.finalize(), bytes))?;
        Ok(bytes)
    }

    /// Makes the ZIP durable, and visible under its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.zip.finish().map_err(broken)?.finish()?;
        Ok(())
    }
}

impl Archive<'_> {
    fn start(&mut self, name: &str, method: CompressionMethod) -> Result<ZipEntryWriter<'_, FileWriter>, Error> {
        let file = self.zip.new_file(name).compression_method(method);
        let started = file.last_modified(self.modified).unix_permissions(0o644).start();
        started.map(|(entry, _)| entry).map_err(broken)
    }
}

/// Copies all of a source, and says how many bytes that were.
fn copy_each(from: &mut impl Read, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> Result<u64, Error> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut bytes = 0;
    loop {
        let count = from.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(bytes);
        }
        each(buffer.get(..count).unwrap_or_default()).map_err(failed)?;
        bytes += count as u64;
    }
}

fn finish(entry: ZipEntryWriter<'_, FileWriter>, output: DataDescriptorOutput) -> Result<(), Error> {
    entry.finish(output).map(drop).map_err(broken)
}

fn broken(error: rawzip::Error) -> Error {
    Error::Failed(format!("writing the ZIP of the export: {error}"))
}
