//! What this process used, from /proc.

use std::io::{Error, Result};

/// Processor time is counted in hundredths of a second there, on every Linux.
const TICK_US: f64 = 10_000.0;

/// Processor time of the whole process so far, in its own code and in the kernel, in microseconds.
pub(crate) fn cpu_us() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Option<f64> = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().ok()).sum();
    ticks.map(|ticks| ticks * TICK_US).ok_or_else(|| Error::other("/proc/self/stat has no times"))
}

/// Processor time of this thread so far, in microseconds.
pub(crate) fn thread_cpu_us() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let run_ns: Option<f64> = text.split_whitespace().next().and_then(|field| field.parse().ok());
    run_ns.map(|ns| ns / 1e3).ok_or_else(|| Error::other("/proc/thread-self/schedstat has no time"))
}

/// A size from /proc/self/status, in bytes: `VmRSS` is what is in memory now, `VmHWM` the most that ever was.
pub(crate) fn memory_bytes(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| Error::other(format!("/proc/self/status has no {name}")))
}
