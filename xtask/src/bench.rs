//! `cargo xtask bench ingest`: how fast the real server takes events over HTTP, with its client on the same machine.
//! `cargo xtask bench storage`, `exports`, `sign-in` and `console` are in their own modules.
//!
//! Two workloads, each on a fresh data folder below the target folder, so on a real disk. The client is written with
//! the standard library, sends bodies that were built before and runs as a release build, so that it costs little of
//! the processors that it shares with the server; what it costs is measured and printed. The disk's own fsync is
//! measured in the same run: figures of two machines, or of two days, can only be compared beside it.

mod client;
mod console;
mod disk;
mod exports;
mod generate;
mod report;
mod server;
mod sign_in;
mod storage;

use crate::repository;
use anyhow::{Context, Result, bail};
use client::{Limits, Load};
use disk::FsyncTimes;
use generate::Generator;
use server::Server;
use std::path::Path;
use std::time::Duration;

const SECONDS_DEFAULT: u64 = 15;
/// The server keeps what was not flushed in memory, so a run has an end by count too.
const EVENTS_DEFAULT: u64 = 1_000_000;
/// Different events that a workload sends; after these they come again with new request ids.
const DIFFERENT_EVENTS: usize = 100_000;

/// A way to send events.
struct Workload {
    name: &'static str,
    connections: usize,
    events_per_request: usize,
}

const WORKLOADS: [Workload; 2] = [
    Workload { name: "batches of 500 (NDJSON), 4 connections", connections: 4, events_per_request: 500 },
    Workload { name: "one event a request, 64 connections", connections: 64, events_per_request: 1 },
];

/// What one workload measured.
struct Measured {
    name: &'static str,
    events_per_request: usize,
    load: Load,
    server_cpu_us: f64,
    server_rss_bytes: u64,
    event_bytes_mean: f64,
    fsync: FsyncTimes,
}

/// Runs a benchmark by its name.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some((name, flags)) = arguments.split_first() else {
        bail!("`bench` needs a name: ingest, storage, exports, sign-in or console")
    };
    match name.as_str() {
        "ingest" => run_ingest(flags),
        "storage" => storage::run(flags),
        "exports" if cfg!(debug_assertions) => optimized("exports", flags),
        "exports" => exports::run(flags),
        "sign-in" if cfg!(debug_assertions) => optimized("sign-in", flags),
        "sign-in" => sign_in::run(flags),
        "console" if cfg!(debug_assertions) => optimized("console", flags),
        "console" => console::run(flags),
        other => bail!("there is no benchmark `{other}`: ingest, storage, exports, sign-in or console"),
    }
}

fn run_ingest(flags: &[String]) -> Result<()> {
    let limits = parse_flags(flags)?;
    if cfg!(debug_assertions) {
        return optimized("ingest", flags);
    }
    ingest(limits)
}

/// Runs a benchmark again as a release build: an unoptimized client would cost several times as much of the processors
/// that it shares with the server.
fn optimized(name: &str, flags: &[String]) -> Result<()> {
    let mut itself = repository::cargo()?;
    itself.args(["run", "--release", "--quiet", "--locked", "--package", "xtask", "--", "bench", name]);
    repository::run(itself.args(flags))
}

fn parse_flags(flags: &[String]) -> Result<Limits> {
    let mut limits = Limits { duration: Duration::from_secs(SECONDS_DEFAULT), events_max: EVENTS_DEFAULT };
    let mut rest = flags.iter();
    while let Some(flag) = rest.next() {
        let value = || -> Result<u64> {
            let text = rest.clone().next().with_context(|| format!("{flag} needs a number"))?;
            text.parse()
                .ok()
                .filter(|number| *number > 0)
                .with_context(|| format!("{flag} {text}: not a number above 0"))
        };
        match flag.as_str() {
            "--seconds" => limits.duration = Duration::from_secs(value()?),
            "--events" => limits.events_max = value()?,
            other => bail!("`bench ingest` takes --seconds N and --events N, not `{other}`"),
        }
        rest.next();
    }
    Ok(limits)
}

fn ingest(limits: Limits) -> Result<()> {
    repository::run(repository::cargo()?.args(["build", "--release", "--locked"]))?;
    let binary = repository::release_binary()?;
    let folder = repository::target_folder()?.join(format!("bench-{}", std::process::id()));
    let measured = measure_all(&binary, &folder, limits);
    std::fs::remove_dir_all(&folder).ok();
    report::publish(&measured?, limits)
}

fn measure_all(binary: &Path, folder: &Path, limits: Limits) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for (index, workload) in WORKLOADS.iter().enumerate() {
        let data = folder.join(index.to_string());
        std::fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        eprintln!("{} …", workload.name);
        measured.push(measure(binary, &data, workload, limits).with_context(|| workload.name)?);
        std::fs::remove_dir_all(&data).ok();
    }
    Ok(measured)
}

fn measure(binary: &Path, data: &Path, workload: &Workload, limits: Limits) -> Result<Measured> {
    let fsync = disk::measure(data)?;
    let mut server = Server::start(binary, data)?;
    let mut generator = Generator::new(server::unix_seconds()?);
    let different = DIFFERENT_EVENTS.min(usize::try_from(limits.events_max)?);
    let per_connection = different.div_ceil(workload.connections * workload.events_per_request);
    let pools: Vec<Vec<client::Request>> = (0..workload.connections)
        .map(|_| {
            let bodies = (0..per_connection).map(|_| generator.body(workload.events_per_request));
            bodies.map(|body| client::Request::new(&server.address(), &server.token, &body)).collect()
        })
        .collect();
    let cpu_before = server.cpu_us()?;
    let load = client::run(&server.address(), pools, workload.events_per_request, limits)?;
    let server_cpu_us = server.cpu_us()? - cpu_before;
    let server_rss_bytes = server.rss_bytes()?;
    server.stop()?;
    Ok(Measured {
        name: workload.name,
        events_per_request: workload.events_per_request,
        load,
        server_cpu_us,
        server_rss_bytes,
        event_bytes_mean: generator.event_bytes_mean(),
        fsync,
    })
}
