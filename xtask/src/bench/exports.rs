//! `cargo xtask bench exports`: how fast the real server gives events out over HTTP, in each format, and how much
//! memory that takes.
//!
//! The store is one that `bench storage` fills. The events of all organizations are fetched one organization after the
//! other, streamed; then they are ordered as files, and each order is waited for. The client counts what comes, and
//! throws it away; it runs on the same processors.

use super::disk;
use super::report::{machine, markdown};
use super::server::{Server, unix_seconds};
use super::storage::{self, SEED, parse_count};
use crate::repository;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const EVENTS_DEFAULT: u64 = 10_000_000;
/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 * 1024;
/// How often the server is asked how far an export is, and how much memory it takes.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The organization whose events are given out in the other formats: one of medium size.
const MEDIUM: &str = "org-09";
/// What is streamed: its name in the table, and what is asked for. The first is of all organizations.
const STREAMS: [(&str, &str); 7] = [
    ("NDJSON", "format=ndjson"),
    ("NDJSON, gzip", "format=ndjson&compress=gzip"),
    ("NDJSON, zstd", "format=ndjson&compress=zstd"),
    ("CSV", "format=csv"),
    ("CEF", "format=cef"),
    ("OCSF", "format=ocsf"),
    ("Parquet", "format=parquet"),
];
/// What is ordered as files. The first is of all organizations.
const JOBS: [(&str, &[&str]); 3] = [
    ("NDJSON with proofs", &["ndjson"]),
    ("Parquet", &["parquet"]),
    ("all five formats", &["ndjson", "cef", "csv", "parquet", "ocsf"]),
];

/// An organization, and a token that may take its events out.
#[derive(Clone)]
struct Source {
    name: String,
    token: String,
}

/// One row of the table.
struct Row {
    name: String,
    events: u64,
    bytes: u64,
    elapsed: Duration,
    /// The most memory that the server took meanwhile.
    rss_bytes: u64,
}

/// Runs the benchmark.
pub(super) fn run(words: &[String]) -> Result<()> {
    let (mut events, mut keep) = (EVENTS_DEFAULT, None);
    let mut rest = words.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--events" => events = parse_count(value()?)?,
            "--keep" => keep = Some(PathBuf::from(value()?)),
            other => bail!("`bench exports` takes --events N and --keep DIR, not `{other}`"),
        }
    }
    let folder = match &keep {
        Some(folder) => std::path::absolute(folder)?,
        None => repository::target_folder()?.join(format!("bench-exports-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&folder, events);
    if keep.is_none() {
        std::fs::remove_dir_all(&folder).ok();
    }
    publish(&measured?)
}

/// What was measured, and the disk's fsync beside it.
struct Measured {
    events: u64,
    rows: Vec<Row>,
    fsync: disk::FsyncTimes,
}

fn measure(folder: &Path, events: u64) -> Result<Measured> {
    let store = storage::filled(folder, events, (unix_seconds()? * 1000, SEED))?;
    let binary = repository::release_binary()?;
    let fsync = disk::measure(folder)?;
    let tokens = tokens(&binary, &store.join("data"))?;
    let mut server = Server::start(&binary, &store)?;
    let mut sources = Vec::new();
    for (name, token) in tokens {
        sources.push(Source { name, token });
    }
    let mut rows = Vec::new();
    let medium: Vec<Source> = sources.iter().filter(|source| source.name == MEDIUM).cloned().collect();
    for (number, (name, query)) in STREAMS.into_iter().enumerate() {
        eprintln!("streamed as {name} …");
        rows.push(streamed(&server, if number == 0 { &sources } else { &medium }, (name, query))?);
    }
    for (number, (name, formats)) in JOBS.into_iter().enumerate() {
        eprintln!("as files: {name} …");
        rows.push(made(&server, if number == 0 { &sources } else { &medium }, (name, formats))?);
    }
    server.stop()?;
    Ok(Measured { events, rows, fsync })
}

/// A token of each organization, which can be made while no server runs.
fn tokens(binary: &Path, data: &Path) -> Result<Vec<(String, String)>> {
    let mut logs = repository::command(binary)?;
    logs.args(["log", "list", "--json", "--data-dir"]).arg(data);
    let logs: Value = serde_json::from_str(&repository::output(&mut logs)?)?;
    let names = logs.as_array().into_iter().flatten().filter(|log| log.get("size").and_then(Value::as_u64) > Some(0));
    let mut tokens = Vec::new();
    for name in names.filter_map(|log| log.get("organization").and_then(Value::as_str)) {
        let mut create = repository::command(binary)?;
        create.args(["token", "create", "--organization", name, "--name"]).arg(format!("bench-{}", unix_seconds()?));
        create.args(["--scope", "exports", "--scope", "events.read", "--data-dir"]).arg(data);
        tokens.push((name.to_owned(), repository::output(&mut create)?.trim().to_owned()));
    }
    Ok(tokens)
}

/// Fetches every organization's events.
fn streamed(server: &Server, sources: &[Source], (name, query): (&str, &str)) -> Result<Row> {
    let mut row = Row { name: format!("streamed: {name}"), events: 0, bytes: 0, elapsed: Duration::ZERO, rss_bytes: 0 };
    for source in sources {
        let path = format!("/api/v1/events/export?{query}");
        // That they are taken out is recorded first, as an event more.
        let events = count(server, &source.token)? + 1;
        let start = Instant::now();
        let mut stream = request(server, &source.token, "GET", &path, None)?;
        let mut piece = vec![0; PIECE_BYTES];
        let (mut head, mut bytes, mut lines) = (Vec::new(), 0_u64, 0_u64);
        let mut is_body = false;
        let mut looked = Instant::now();
        loop {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                break;
            }
            let mut read = piece.get(..count).unwrap_or_default();
            if !is_body {
                head.extend_from_slice(read);
                let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let text = String::from_utf8_lossy(&head).into_owned();
                if !text.starts_with("HTTP/1.0 200") {
                    bail!("{}: {}", source.name, text.lines().next().unwrap_or_default());
                }
                read = head.get(end + 4..).unwrap_or_default();
                is_body = true;
            }
            bytes += read.len() as u64;
            if query == "format=ndjson" {
                lines += read.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            if looked.elapsed() > LOOK_EVERY {
                row.rss_bytes = row.rss_bytes.max(server.rss_bytes()?);
                looked = Instant::now();
            }
        }
        row.elapsed += start.elapsed();
        if query == "format=ndjson" && lines != events {
            bail!("{}: {lines} events came, and the query counts {events}", source.name);
        }
        row.bytes += bytes;
        row.events += events;
    }
    Ok(row)
}

/// Orders every organization's events as files, and waits for them.
fn made(server: &Server, sources: &[Source], (name, formats): (&str, &[&str])) -> Result<Row> {
    let mut row = Row { name: format!("as files: {name}"), events: 0, bytes: 0, elapsed: Duration::ZERO, rss_bytes: 0 };
    for source in sources {
        // Of all, so that the NDJSON proves that nothing is missing.
        let asked = json!({"name": "bench", "formats": formats});
        let counted = count(server, &source.token)? + 1;
        let start = Instant::now();
        let order = ask(server, &source.token, "POST", "/api/v1/exports", Some(&asked))?;
        let path = format!(
            "/api/v1/exports/{}",
            order.get("id").and_then(Value::as_str).with_context(|| format!("no id: {order}"))?
        );
        let done = loop {
            let seen = ask(server, &source.token, "GET", &path, None)?;
            match seen.get("state").and_then(Value::as_str) {
                Some("DONE") => break seen,
                Some("PENDING" | "IN_PROGRESS") => {}
                _ => bail!("{}: {seen}", source.name),
            }
            row.rss_bytes = row.rss_bytes.max(server.rss_bytes()?);
            std::thread::sleep(LOOK_EVERY);
        };
        row.elapsed += start.elapsed();
        let events = done.get("events").and_then(Value::as_u64).unwrap_or_default();
        if events != counted {
            bail!("{}: {events} events are in the export, and the query counts {counted}", source.name);
        }
        row.events += events;
        let files = done.get("files").and_then(Value::as_array).into_iter().flatten();
        row.bytes += files.filter_map(|file| file.get("bytes").and_then(Value::as_u64)).sum::<u64>();
        request(server, &source.token, "DELETE", &path, None)?.read_to_end(&mut Vec::new())?;
    }
    Ok(row)
}

/// How many events an organization has.
fn count(server: &Server, token: &str) -> Result<u64> {
    let page = ask(server, token, "GET", "/api/v1/events?limit=1", None)?;
    page.get("total").and_then(Value::as_u64).with_context(|| format!("no total: {page}"))
}

/// Sends a request, whose answer ends with the connection.
fn request(server: &Server, token: &str, method: &str, path: &str, body: Option<&Value>) -> Result<TcpStream> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(server.address())?;
    let head = format!("{method} {path} HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n");
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    Ok(stream)
}

/// The JSON of an answer.
fn ask(server: &Server, token: &str, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let mut text = String::new();
    request(server, token, method, path, body)?.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    if !head.starts_with("HTTP/1.0 20") {
        bail!("{method} {path}: {} {body}", head.lines().next().unwrap_or_default());
    }
    Ok(serde_json::from_str(body)?)
}

const HEAD: &str = "# Measured: exports over HTTP\n\nMade by `cargo xtask bench exports`; do not edit by hand.\n";

const NOTES: &str = "\
NDJSON is of every organization, one after the other; the rest is of one organization of medium size. MB/s are of what
the client got, or of the ZIP files that were made. The client runs on the same processors, counts the lines of the
NDJSON, and compares them with what a query counts. An order of files has one pass for all its formats, syncs each
chunk, and counts as done when its files can be fetched. Memory is the most that the server had in use, its cache of
pages included.\n";

fn publish(measured: &Measured) -> Result<()> {
    let mut rows = vec![
        ["", "events", "events/s", "MB/s", "bytes an event", "seconds", "server memory, MiB"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for row in &measured.rows {
        let (seconds, events) = (row.elapsed.as_secs_f64().max(1e-9), row.events.max(1) as f64);
        rows.push(vec![
            row.name.clone(),
            row.events.to_string(),
            format!("{:.0}", events / seconds),
            format!("{:.0}", row.bytes as f64 / 1e6 / seconds),
            format!("{:.1}", row.bytes as f64 / events),
            format!("{seconds:.1}"),
            format!("{:.0}", row.rss_bytes as f64 / 1024.0 / 1024.0),
        ]);
    }
    let table = markdown(&rows);
    println!("{table}");
    let fsync = measured.fsync.one.as_secs_f64() * 1e3;
    let about = format!("- events: {}\n- fsync p50 of the disk: {fsync:.3} ms\n", measured.events);
    let text = format!("{HEAD}\n{}{about}\n{table}\n{NOTES}", machine());
    std::fs::write(repository::root()?.join("bench/results-exports.md"), text).context("writing the results")?;
    println!("written to bench/results-exports.md");
    Ok(())
}
