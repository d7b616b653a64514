//! One file of an export, written in chunks that later stand one after the other in a ZIP.
//!
//! A chunk is a run of deflate blocks that ends on a whole byte and refers to nothing before it, so chunks can be put
//! together as they are. What goes on through all of them, the checksum, the digest and the count of bytes, is kept
//! with the job's progress.
//!
//! On a crash: a chunk is there whole or not at all. One whose end was not noted is written again.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, FlushCompress};
use serde::{Deserialize, Serialize};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};
use trailbook_query::Error;
use trailbook_store::{ExportFiles, FileWriter};

/// How far a file is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct FileProgress {
    /// Bytes before compression, and their CRC-32.
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
    /// The state of SHA-256 over them, in base64; empty at the beginning.
    sha256: String,
}

impl FileProgress {
    fn hasher(&self) -> Result<Sha256, Error> {
        if self.sha256.is_empty() {
            return Ok(Sha256::new());
        }
        let damaged = || Error::Failed("the progress of the export cannot be read: its digest".to_owned());
        let bytes = STANDARD.decode(&self.sha256).map_err(|_| damaged())?;
        let state = SerializedState::<Sha256>::try_from(bytes.as_slice()).map_err(|_| damaged())?;
        Sha256::deserialize(&state).map_err(|_| damaged())
    }

    /// The digest of all.
    pub(crate) fn digest(&self) -> Result<Vec<u8>, Error> {
        Ok(self.hasher()?.finalize().to_vec())
    }
}

/// Compressed bytes that are written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A chunk that is being written.
pub(crate) struct Chunk {
    file: FileWriter,
    compress: Compress,
    /// What is compressed and not written yet.
    buffer: Vec<u8>,
    hasher: Sha256,
    crc: crc32fast::Hasher,
    bytes: u64,
}

impl Chunk {
    /// Begins the chunk of this name, where the file is so far.
    pub(crate) fn create(files: &ExportFiles, name: &str, progress: &FileProgress) -> Result<Self, Error> {
        Ok(Self {
            file: files.create(name)?,
            // Level 1: a tenth larger than the usual one, and four times as fast.
            compress: Compress::new(Compression::fast(), false),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            hasher: progress.hasher()?,
            crc: crc32fast::Hasher::new_with_initial(progress.crc),
            bytes: progress.bytes,
        })
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.crc.update(bytes);
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let taken = self.step(bytes, FlushCompress::None)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Makes the chunk durable, and says how far the file is then.
    pub(crate) fn finish(mut self) -> Result<FileProgress, Error> {
        // An empty block, which ends on a whole byte and is not the last one.
        while self.step(&[], FlushCompress::Full)? > 0 || self.buffer.capacity() == self.buffer.len() {}
        self.file.write_all(&self.buffer).map_err(failed)?;
        self.file.finish()?;
        let sha256 = STANDARD.encode(self.hasher.serialize());
        Ok(FileProgress { bytes: self.bytes, crc: self.crc.finalize(), sha256 })
    }

    /// Compresses into the buffer, whose full bytes are written first, and says how much was taken.
    fn step(&mut self, bytes: &[u8], flush: FlushCompress) -> Result<usize, Error> {
        if self.buffer.len() == self.buffer.capacity() {
            self.file.write_all(&self.buffer).map_err(failed)?;
            self.buffer.clear();
        }
        let before = self.compress.total_in();
        self.compress
            .compress_vec(bytes, &mut self.buffer, flush)
            .map_err(|e| Error::Failed(format!("compressing a file of the export: {e}")))?;
        Ok(usize::try_from(self.compress.total_in() - before).unwrap_or_default())
    }
}

/// The blocks that end a file: an empty one that says that it is the last.
pub(crate) const LAST_BLOCK: [u8; 2] = [3, 0];

/// What writing a file failed of.
pub(crate) fn failed(error: std::io::Error) -> Error {
    Error::Failed(format!("writing a file of the export: {error}"))
}
