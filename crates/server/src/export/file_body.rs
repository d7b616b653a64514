//! A file as the body of an answer: read in pieces, none of which waits in memory for a slow client but the next.

use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use trailbook_store::FileReader;

/// Bytes that are read at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// So many bytes of a file from a place on.
pub(crate) struct FileBody {
    file: FileReader,
    at: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub(crate) fn new(file: FileReader, at: u64, bytes: u64) -> Self {
        Self { file, at, left: bytes, reading: None }
    }

    /// Begins to read the next piece, on a thread that may wait for the disk.
    fn read(&self) -> JoinHandle<io::Result<Bytes>> {
        let (mut file, count) = (self.file.clone(), self.left.min(PIECE_BYTES));
        file.seek(self.at);
        tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(count).unwrap_or_default()];
            file.read_exact(&mut piece)?;
            Ok(piece.into())
        })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.read(),
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let piece = read.unwrap_or_else(|e| Err(io::Error::other(e)));
        match &piece {
            Ok(bytes) => {
                self.at += bytes.len() as u64;
                self.left = self.left.saturating_sub(bytes.len() as u64);
            }
            Err(_) => self.left = 0,
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
