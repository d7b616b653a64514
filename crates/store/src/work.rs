//! Work that takes a thread for long, and how much processor time it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, clock};

/// What such work is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Frames become a chunk.
    Chunk,
    /// Chunks become segments.
    Flush,
    /// Segments become one.
    Compact,
    /// What a flush or compaction wrote is read back and compared.
    Verify,
    /// Events become entries of their logs, under signed checkpoints.
    Integrate,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Chunk, Self::Flush, Self::Compact, Self::Verify, Self::Integrate];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Flush => "flush",
            Self::Compact => "compact",
            Self::Verify => "verify",
            Self::Integrate => "integrate",
        }
    }
}

/// Processor time by work, in microseconds. A clone counts together with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spent(Arc<[AtomicU64; Work::ALL.len()]>);

impl Spent {
    pub(crate) fn micros(&self, of: Work) -> u64 {
        self.slot(of).load(Ordering::Relaxed)
    }

    /// Does some work on this thread, and counts its time.
    pub(crate) fn count<T>(&self, of: Work, work: impl FnOnce() -> T) -> T {
        let before = clock::thread_cpu_us();
        let result = work();
        self.slot(of).fetch_add(clock::thread_cpu_us().saturating_sub(before), Ordering::Relaxed);
        result
    }

    fn slot(&self, of: Work) -> &AtomicU64 {
        let [chunk, flush, compact, verify, integrate] = &*self.0;
        match of {
            Work::Chunk => chunk,
            Work::Flush => flush,
            Work::Compact => compact,
            Work::Verify => verify,
            Work::Integrate => integrate,
        }
    }
}

/// Does work on a thread where it holds up nobody.
pub(crate) async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stopped = |e| Error::Damaged { what: "a segment in the making".to_owned(), reason: format!("it stopped: {e}") };
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}
