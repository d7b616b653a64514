//! `cargo xtask bench storage`: what a filled store takes on disk, how fast it is filled and asked, beside its peers.
//!
//! The work inside one process is an example of the query crate, because this crate stands alone. Filling and asking
//! are processes of their own, so that each one's memory is known. PostgreSQL runs as a private cluster, ClickHouse's
//! engine inside a Python process; both are asked by scripts in `bench/peers`, with libraries that are installed into
//! the target folder. All systems hold the same events and are asked for the same things; a peer that cannot be
//! had is a row that says why.

mod peers;
mod report;

use super::disk;
use crate::repository;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const EVENTS_DEFAULT: u64 = 10_000_000;
const PEER_EVENTS_DEFAULT: u64 = 2_000_000;
const QUERIES_DEFAULT: u64 = 200;
pub(super) const SEED: u64 = 1;

/// What is to be measured.
struct Flags {
    /// How many events, smallest first: each on a store of its own.
    sizes: Vec<u64>,
    /// How many of the largest size PostgreSQL holds.
    peer_events: u64,
    /// Queries of each kind.
    queries: u64,
    has_peers: bool,
    /// Where the data stays, if it stays. What lies there already is asked again and not made again.
    keep: Option<PathBuf>,
}

/// The results of one store, as its processes printed them, one JSON object each.
struct Run {
    events: u64,
    results: Vec<Value>,
}

/// All that was measured.
struct Measured {
    fsync: disk::FsyncTimes,
    /// One for each size.
    runs: Vec<Run>,
    /// Those of the peers, over the largest size.
    peers: Vec<Value>,
}

/// Runs the benchmark.
pub(super) fn run(words: &[String]) -> Result<()> {
    let flags = parse_flags(words)?;
    let folder = match &flags.keep {
        Some(folder) => std::path::absolute(folder)?,
        None => repository::target_folder()?.join(format!("bench-storage-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let is_kept = flags.keep.is_some();
    let measured = measure(&flags, &folder);
    if !is_kept {
        std::fs::remove_dir_all(&folder).ok();
    }
    report::publish(&measured?)
}

fn parse_flags(words: &[String]) -> Result<Flags> {
    let mut flags = Flags {
        sizes: vec![EVENTS_DEFAULT],
        peer_events: PEER_EVENTS_DEFAULT,
        queries: QUERIES_DEFAULT,
        has_peers: true,
        keep: None,
    };
    let mut rest = words.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--events" => flags.sizes = value()?.split(',').map(parse_count).collect::<Result<_>>()?,
            "--peer-events" => flags.peer_events = parse_count(value()?)?,
            "--queries" => flags.queries = parse_count(value()?)?,
            "--no-peers" => flags.has_peers = false,
            "--keep" => flags.keep = Some(PathBuf::from(value()?)),
            other => bail!(
                "`bench storage` takes --events N[,N…], --peer-events N, --queries N, --no-peers and --keep DIR, \
                 not `{other}`"
            ),
        }
    }
    flags.sizes.sort_unstable();
    Ok(flags)
}

/// A number above 0, with `k` for thousands or `M` for millions.
pub(super) fn parse_count(text: impl AsRef<str>) -> Result<u64> {
    let text = text.as_ref();
    let (digits, factor) = match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(digits), _) => (digits, 1_000),
        (_, Some(digits)) => (digits, 1_000_000),
        _ => (text, 1),
    };
    let count = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|count| *count > 0);
    count.with_context(|| format!("{text}: not a number above 0, such as 500, 200k or 10M"))
}

fn measure(flags: &Flags, folder: &Path) -> Result<Measured> {
    let program = build()?;
    let fsync = disk::measure(folder)?;
    let mut runs = Vec::new();
    for &events in &flags.sizes {
        runs.push(measure_ours(&program, &folder.join(events.to_string()), events, flags)?);
    }
    let mut peers = Vec::new();
    if let Some(&events) = flags.sizes.last().filter(|_| flags.has_peers) {
        let folder = folder.join(events.to_string());
        peers = peers::Held { program: &program, folder: &folder }.measure()?;
    }
    Ok(Measured { fsync, runs, peers })
}

/// A folder with a store of so many events, up to a time in milliseconds since 1970, and the server that reads it.
pub(super) fn filled(folder: &Path, events: u64, (now_ms, seed): (u64, u64)) -> Result<PathBuf> {
    let program = build()?;
    repository::run(repository::cargo()?.args(["build", "--release", "--locked"]))?;
    let store = folder.join(events.to_string());
    if !store.join("data").is_dir() {
        std::fs::create_dir_all(&store)?;
        eprintln!("{events} events: filling a store …");
        let mut fill = repository::command(&program)?;
        fill.arg("ingest").arg(&store);
        fill.args([events, now_ms, seed, 1, 1].map(|number| number.to_string()));
        repository::output(&mut fill)?;
    }
    Ok(store)
}

/// A quantile of times, in milliseconds.
pub(super) fn quantile_ms(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// Builds the program that fills and asks stores.
pub(super) fn build() -> Result<PathBuf> {
    let mut build = repository::cargo()?;
    build.args(["build", "--release", "--locked", "--package", "trailbook-query", "--example", "bench"]);
    repository::run(&mut build)?;
    Ok(repository::target_folder()?.join("release/examples/bench"))
}

/// PostgreSQL holds one event in so many.
fn step(events: u64, flags: &Flags) -> u64 {
    events.div_ceil(flags.peer_events)
}

fn measure_ours(program: &Path, folder: &Path, events: u64, flags: &Flags) -> Result<Run> {
    std::fs::create_dir_all(folder)?;
    let saved = folder.join("ingest.jsonl");
    let text = match std::fs::read_to_string(&saved) {
        Ok(text) => text,
        Err(_) => {
            eprintln!("{events} events: filling a store …");
            // What a run left that did not come to its end.
            std::fs::remove_dir_all(folder.join("data")).ok();
            let end_ms = super::server::unix_seconds()? * 1000;
            let mut ingest = repository::command(program)?;
            ingest.arg("ingest").arg(folder);
            ingest.args([events, end_ms, SEED, step(events, flags), flags.queries].map(|number| number.to_string()));
            let text = repository::output(ingest.stderr(Stdio::inherit()))?;
            std::fs::write(&saved, &text)?;
            text
        }
    };
    eprintln!("{events} events: asking …");
    let mut queries = repository::command(program)?;
    let asked = repository::output(queries.arg("queries").arg(folder).stderr(Stdio::inherit()))?;
    Ok(Run { events, results: parse_results(&(text + &asked))? })
}

/// Reads one JSON object a line.
fn parse_results(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("reading the result {line}"))).collect()
}
