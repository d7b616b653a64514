//! How long the disk takes to make 4 KiB durable: one stream of writes, and two at once.

use anyhow::{Context, Result, bail};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const WRITES: usize = 200;
const WRITE_BYTES: usize = 4096;

/// Medians.
#[derive(Clone, Copy)]
pub(super) struct FsyncTimes {
    pub(super) one: Duration,
    pub(super) two_at_once: Duration,
}

/// Measures the disk that a folder lies on, and leaves the folder as it was.
pub(super) fn measure(folder: &Path) -> Result<FsyncTimes> {
    let one = median(&mut stream(folder, "fsync-a")?)?;
    let both = std::thread::scope(|scope| {
        let threads = ["fsync-a", "fsync-b"].map(|name| scope.spawn(move || stream(folder, name)));
        threads.map(|thread| thread.join().unwrap_or_else(|_| bail!("measuring the disk panicked")))
    });
    let mut times = Vec::new();
    for part in both {
        times.extend(part?);
    }
    Ok(FsyncTimes { one, two_at_once: median(&mut times)? })
}

fn stream(folder: &Path, name: &str) -> Result<Vec<Duration>> {
    let path = folder.join(name);
    let mut file = OpenOptions::new().create(true).append(true).open(&path).context("making a file to sync")?;
    let block = [0x5a; WRITE_BYTES];
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(times)
}

fn median(times: &mut [Duration]) -> Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("nothing was measured")
}
