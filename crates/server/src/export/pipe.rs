//! From a thread that writes to a body that is sent: bounded, so that a slow reader slows the writer.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// Bytes that are sent at once, and how many such pieces wait.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_WAITING: usize = 4;

/// The end that is written to.
pub(crate) struct Writer {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

/// The end that is sent.
pub(crate) struct Reader(mpsc::Receiver<io::Result<Bytes>>);

/// Both ends.
pub(crate) fn pipe() -> (Writer, Reader) {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    (Writer { sender, piece: Vec::with_capacity(PIECE_BYTES) }, Reader(receiver))
}

/// The same for a task that has what it sends in pieces.
pub(crate) fn stream() -> (mpsc::Sender<io::Result<Bytes>>, Reader) {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    (sender, Reader(receiver))
}

impl Writer {
    fn send(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the body before its end, so that nobody takes it for whole.
    pub(crate) fn fail(self, reason: &str) {
        // The reader may have gone.
        let _ = self.sender.blocking_send(Err(io::Error::other(reason.to_owned())));
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
