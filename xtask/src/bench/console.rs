//! `cargo xtask bench console`: how long the real server takes for pages of the audit log, and how large they are.
//!
//! The store is one that `bench storage` fills; the pages are of its largest organization. A member signs in and opens
//! each page over and over on one connection at a time, over HTTP, so that the time has the session, the query and the
//! rendering in it.

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
use std::process::Stdio;
use std::time::{Duration, Instant};

const EVENTS_DEFAULT: u64 = 10_000_000;
const EMAIL: &str = "bench@acme.example";
const PASSWORD: &str = "four crimson otters whistle";
/// Times that each page is opened, and times before that are not counted.
const TRIES: usize = 200;
const WARM_UP: usize = 20;
/// The pages: what they are called, and their paths.
const PAGES: [(&str, &str); 5] = [
    ("the first page, the last 24 hours", "/logs"),
    ("the last 30 days", "/logs?range=30d"),
    ("failed, 24 hours", "/logs?q=outcome%3Afailed"),
    ("failed, 30 days", "/logs?q=outcome%3Afailed&range=30d"),
    ("one's account, which has no events", "/account"),
];

struct Row {
    name: &'static str,
    times: Vec<Duration>,
    bytes: usize,
}

struct Measured {
    events: u64,
    of_organization: u64,
    rows: Vec<Row>,
    fsync: disk::FsyncTimes,
    load: String,
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
            other => bail!("`bench console` takes --events N and --keep DIR, not `{other}`"),
        }
    }
    let folder = match &keep {
        Some(folder) => std::path::absolute(folder)?,
        None => repository::target_folder()?.join(format!("bench-console-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&folder, events);
    if keep.is_none() {
        std::fs::remove_dir_all(&folder).ok();
    }
    publish(&measured?)
}

fn measure(folder: &Path, events: u64) -> Result<Measured> {
    let store = storage::filled(folder, events, (unix_seconds()? * 1000, SEED))?;
    let binary = repository::release_binary()?;
    let (organization, of_organization) = largest(&binary, &store.join("data"))?;
    make_admin(&binary, &store.join("data"), &organization)?;
    let fsync = disk::measure(folder)?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut server = Server::start(&binary, &store)?;
    let cookie = sign_in(&server, &organization)?;
    let mut rows = Vec::new();
    for (name, path) in PAGES {
        eprintln!("{name} …");
        let mut row = Row { name, times: Vec::new(), bytes: 0 };
        for number in 0..TRIES + WARM_UP {
            let start = Instant::now();
            let (head, body) = get(&server, path, &cookie)?;
            let took = start.elapsed();
            if !head.starts_with("HTTP/1.0 200") {
                bail!("{path}: {}", head.lines().next().unwrap_or_default());
            }
            if number >= WARM_UP {
                row.times.push(took);
            }
            row.bytes = body.len();
        }
        rows.push(row);
    }
    server.stop()?;
    Ok(Measured { events, of_organization, rows, fsync, load })
}

/// The organization with the most events, and how many those are.
fn largest(binary: &Path, data: &Path) -> Result<(String, u64)> {
    let mut logs = repository::command(binary)?;
    logs.args(["log", "list", "--json", "--data-dir"]).arg(data);
    let logs: Value = serde_json::from_str(&repository::output(&mut logs)?)?;
    let size = |log: &&Value| log.get("size").and_then(Value::as_u64).unwrap_or_default();
    let log = logs.as_array().into_iter().flatten().max_by_key(size).context("the store has no log")?;
    let name = log.get("organization").and_then(Value::as_str).context("a log of no organization")?;
    Ok((name.to_owned(), size(&log)))
}

/// Makes the member who opens the pages, unless a run before did.
fn make_admin(binary: &Path, data: &Path, organization: &str) -> Result<()> {
    let mut init = repository::command(binary)?;
    init.args(["init", "--organization", organization, "--email", EMAIL, "--password-stdin", "--data-dir"]).arg(data);
    init.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = init.spawn().context("making an admin")?;
    child.stdin.take().context("no standard input")?.write_all(PASSWORD.as_bytes())?;
    child.wait()?;
    Ok(())
}

/// The cookie of a session.
fn sign_in(server: &Server, organization: &str) -> Result<String> {
    let body = json!({"organization": organization, "email": EMAIL, "password": PASSWORD}).to_string();
    let request =
        format!("POST /api/v1/session HTTP/1.0\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (head, body) = send(server, &request)?;
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: trailbook-session="));
    let value = cookie.and_then(|cookie| cookie.split(';').next());
    let value = value.with_context(|| format!("no session: {head}\n{}", String::from_utf8_lossy(&body)))?;
    Ok(format!("trailbook-session={value}"))
}

fn get(server: &Server, path: &str, cookie: &str) -> Result<(String, Vec<u8>)> {
    let head = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\naccept-encoding: gzip\r\ncookie: {cookie}\r\n\r\n");
    send(server, &head)
}

fn send(server: &Server, request: &str) -> Result<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("an answer without an end of its head")?;
    let body = answer.split_off(end + 4);
    Ok((String::from_utf8_lossy(&answer).into_owned(), body))
}

const HEAD: &str = "# Measured: pages of the console\n\nMade by `cargo xtask bench console`; do not edit by hand.\n";

const NOTES: &str = "\
A page of the log has 100 events, the exact total, the histogram of each outcome, and the counts of kinds of targets,
all of one moment. The time is the client's, over HTTP on a new connection, and has the look-up of the session in it;
the last row, a page without events, tells what that costs by itself. Sizes are of the compressed HTML.\n";

fn publish(measured: &Measured) -> Result<()> {
    let mut table = vec![["", "p50, ms", "p99, ms", "HTML, kB compressed"].map(str::to_owned).to_vec()];
    for row in &measured.rows {
        let quantile = |percent| format!("{:.1}", storage::quantile_ms(&row.times, percent));
        table.push(vec![row.name.to_owned(), quantile(50), quantile(99), format!("{:.1}", row.bytes as f64 / 1e3)]);
    }
    let table = markdown(&table);
    println!("{table}");
    let fsync = measured.fsync.one.as_secs_f64() * 1e3;
    let Measured { events, of_organization, load, .. } = measured;
    let about = format!(
        "- events: {events}, {of_organization} of the organization whose pages these are\n\
         - fsync p50 of the disk: {fsync:.3} ms\n- load at the start: {}\n",
        load.trim()
    );
    let text = format!("{HEAD}\n{}{about}\n{table}\n{NOTES}", machine());
    std::fs::write(repository::root()?.join("bench/results-console.md"), text).context("writing the results")?;
    println!("written to bench/results-console.md");
    Ok(())
}
