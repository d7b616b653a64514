//! `kill -9` while clients send: after a restart every acknowledged event is there, exactly once.
//!
//! The real binary, on a real disk, on both databases. Half of the clients choose their events' ids and send what was
//! not acknowledged again; that must not double anything either. Once more with a server that moves events to disk and
//! merges segments all the time, so that it is killed in the middle of that.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{DEADLINE, Process, run, shown, trailbook};

const ROUNDS: usize = 10;
/// While events move to disk a round takes longer, and every kill hits a flush or a merge.
const FLUSH_ROUNDS: usize = 5;
const CLIENTS: usize = 8;
const ACKNOWLEDGED_PER_ROUND: usize = 300;
/// What a server records in the organization `system`, which clients do not see: its start, its end, and the deed of
/// the command before it.
const SERVER_EVENTS_PER_RUN: u64 = 3;
/// Every write or two is moved to disk, and every eight segments are merged.
const FLUSH: [&str; 4] = ["--flush-events", "40", "--flush-after", "1s"];

#[test]
fn nothing_acknowledged_is_lost_or_doubled_on_sqlite() {
    kill_and_check(&[], &[], ROUNDS);
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_on_postgres() {
    on_postgres("memory", |catalog| {
        kill_and_check(catalog, &[], ROUNDS);
    });
}

#[test]
fn nothing_is_lost_or_doubled_while_events_move_to_disk_on_sqlite() {
    let (folder, stored) = kill_and_check(&[], &FLUSH, FLUSH_ROUNDS);
    check_segments(folder.path(), &[], stored);
}

#[test]
fn nothing_is_lost_or_doubled_while_events_move_to_disk_on_postgres() {
    on_postgres("disk", |catalog| {
        let (folder, stored) = kill_and_check(catalog, &FLUSH, FLUSH_ROUNDS);
        check_segments(folder.path(), catalog, stored);
    });
}

fn on_postgres(suffix: &str, test: impl FnOnce(&[&str])) {
    let server =
        std::env::var("TRAILBOOK_TEST_POSTGRES").expect("set TRAILBOOK_TEST_POSTGRES, or run `cargo xtask test`");
    let name = format!("trailbook_kill_{suffix}_{}", std::process::id());
    psql(&server, &format!("CREATE DATABASE {name}"));
    let (base, _) = server.rsplit_once('/').expect("the URL names a database");
    test(&["--catalog", &format!("{base}/{name}")]);
    psql(&server, &format!("DROP DATABASE {name} WITH (FORCE)"));
}

fn psql(url: &str, sql: &str) {
    let ended = Command::new("psql").args([url, "-q", "-c", sql]).output().expect("psql is installed");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// An event that a server answered 201 for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Acknowledged {
    id: String,
    sequence: u64,
    /// What the client put into the event to know it again.
    mark: String,
}

/// Gives the folder, and how many events there are in it.
fn kill_and_check(catalog: &[&str], flush: &[&str], rounds: usize) -> (TempDir, usize) {
    let folder = TempDir::new().expect("a folder can be made");
    let data_dir = shown(&folder.path().join("data"));
    let token = new_token(&data_dir, catalog);
    let mut acknowledged = Vec::new();
    let mut unanswered = Vec::new();
    for round in 0..rounds {
        let (server, address) = serve(&data_dir, &[catalog, flush].concat());
        let (sender, receiver) = sync_channel(10_000);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (sender, address, token) = (sender.clone(), address.clone(), token.clone());
                thread::spawn(move || Client { address, token, round, client, sender }.send_until_it_dies())
            })
            .collect();
        drop(sender);
        acknowledged.extend(take(&receiver, ACKNOWLEDGED_PER_ROUND * (round + 1) / 2));
        server.kill();
        // What was answered before the end, and had not been looked at yet.
        acknowledged.extend(receiver.iter().flatten());
        unanswered.extend(clients.into_iter().filter_map(|client| client.join().expect("clients do not panic")));
    }

    let (server, address) = serve(&data_dir, &[catalog, flush].concat());
    let resent = resend(&address, &token, &unanswered);
    let stored = stored(&format!("http://{address}"), &token);
    assert_eq!(server.stop(), Some(0));
    check(&acknowledged, &stored);
    check(&resent, &stored);
    (folder, stored.len())
}

/// Nearly all events are in segments, every byte of which is what was written, and segments were merged.
fn check_segments(folder: &Path, catalog: &[&str], stored: usize) {
    let data_dir = folder.join("data");
    let ended = run([["check", "--json", "--data-dir", &shown(&data_dir)].as_slice(), catalog].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    let number = |key: &str| found[key].as_u64().expect("a number");
    let at_most = stored as u64 + SERVER_EVENTS_PER_RUN * (FLUSH_ROUNDS as u64 + 1);
    assert!(number("events") <= at_most && number("events") > stored as u64 / 2, "{found} of {stored}");
    // Merging goes on behind the events, so a server that was busy to its end may have to go on for a while.
    let (server, address) = serve(&shown(&data_dir), &[catalog, &FLUSH].concat());
    let merged = || segments_used(&address) < newest_segment(&data_dir) / 2;
    // Each look takes a process, so this does not spin.
    assert!((0..3_000).any(|_| merged()), "{} segments are in use", segments_used(&address));
    assert_eq!(server.stop(), Some(0));
}

/// The number of the newest segment: how many were made.
fn newest_segment(data_dir: &Path) -> u64 {
    let names = data_dir.join("segments").read_dir().expect("the folder is there");
    let ids = names.filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse::<u64>().ok());
    ids.max().expect("there is a segment")
}

/// How many segments the server uses, as it says itself.
fn segments_used(address: &str) -> u64 {
    let output = Command::new("curl").args(["-sf", &format!("http://{address}/metrics")]).output().expect("curl runs");
    let text = String::from_utf8(output.stdout).expect("metrics are text");
    let line = text.lines().find_map(|line| line.strip_prefix("trailbook_segments "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no segments in {text}"))
}

/// Receives acknowledgements until there are so many.
fn take(receiver: &Receiver<Vec<Acknowledged>>, wanted: usize) -> Vec<Acknowledged> {
    let mut taken = Vec::new();
    while taken.len() < wanted {
        taken.extend(receiver.recv_timeout(DEADLINE).expect("clients go on sending"));
    }
    taken
}

/// Every acknowledged event is stored once, at the sequence that was answered, with what was sent.
fn check(acknowledged: &[Acknowledged], stored: &BTreeMap<u64, Value>) {
    assert!(!acknowledged.is_empty());
    for event in acknowledged {
        let found = stored.get(&event.sequence).unwrap_or_else(|| panic!("{event:?} is lost"));
        assert_eq!(found["id"], event.id.as_str(), "{event:?}");
        assert_eq!(found["meta"]["mark"], event.mark.as_str(), "{event:?}");
    }
    let dense = stored.keys().copied().eq(0..stored.len() as u64);
    assert!(dense, "sequences have gaps");
    let marks: HashSet<_> = stored.values().map(|event| event["meta"]["mark"].to_string()).collect();
    assert_eq!(marks.len(), stored.len(), "an event is doubled");
    let ids: HashSet<_> = stored.values().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), stored.len(), "an id is doubled");
}

struct Client {
    address: String,
    token: String,
    round: usize,
    client: usize,
    sender: SyncSender<Vec<Acknowledged>>,
}

impl Client {
    /// Sends writes of one to five events. Returns the write that got no answer, if its events can be sent again.
    fn send_until_it_dies(self) -> Option<Vec<Value>> {
        let mut connection = Connection::open(&self.address)?;
        for write in 0.. {
            let events: Vec<Value> = (0..=write % 5).map(|i| self.event(write, i)).collect();
            let Some(answer) = connection.post(&self.token, &events) else {
                return self.chooses_ids().then_some(events);
            };
            if self.sender.send(acknowledged(&events, &answer)).is_err() {
                return None;
            }
        }
        None
    }

    fn chooses_ids(&self) -> bool {
        self.client.is_multiple_of(2)
    }

    fn event(&self, write: usize, i: usize) -> Value {
        let mark = format!("{}-{}-{write}-{i}", self.round, self.client);
        let mut event = json!({"source": "kill", "action": "test", "meta": {"mark": mark, "padding": "x".repeat(500)}});
        if self.chooses_ids() {
            let id = format!("{:08x}-{:04x}-8000-8000-{write:08x}{i:04x}", self.round, self.client);
            event["id"] = id.into();
        }
        event
    }
}

fn acknowledged(sent: &[Value], answer: &Value) -> Vec<Acknowledged> {
    let entries = answer["events"].as_array().expect("the answer lists events");
    assert_eq!(entries.len(), sent.len());
    let one = |(sent, entry): (&Value, &Value)| Acknowledged {
        id: entry["id"].as_str().expect("an id").to_owned(),
        sequence: entry["sequence"].as_u64().expect("a sequence"),
        mark: sent["meta"]["mark"].as_str().expect("we put it there").to_owned(),
    };
    sent.iter().zip(entries).map(one).collect()
}

fn resend(address: &str, token: &str, unanswered: &[Vec<Value>]) -> Vec<Acknowledged> {
    let mut connection = Connection::open(address).expect("the server listens");
    let send = |events: &Vec<Value>| {
        let answer = connection.post(token, events).expect("the server answers");
        acknowledged(events, &answer)
    };
    unanswered.iter().flat_map(send).collect()
}

/// A connection that is kept open.
struct Connection {
    reader: BufReader<TcpStream>,
    address: String,
}

impl Connection {
    fn open(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self { reader: BufReader::new(stream), address: address.to_owned() })
    }

    /// The body of a 201, or nothing if the server went away.
    fn post(&mut self, token: &str, events: &[Value]) -> Option<Value> {
        let body = serde_json::to_vec(events).expect("JSON can be written");
        let head = format!(
            "POST /api/v1/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let request = [head.into_bytes(), body].concat();
        self.reader.get_mut().write_all(&request).ok()?;
        let mut status = String::new();
        self.reader.read_line(&mut status).ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).ok()?;
        assert!(status.starts_with("HTTP/1.1 201"), "{status}{}", String::from_utf8_lossy(&body));
        Some(serde_json::from_slice(&body).expect("the body is JSON"))
    }
}

fn serve(data_dir: &str, catalog: &[&str]) -> (Process, String) {
    let flags = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let server = Process::start(trailbook([flags.as_slice(), catalog].concat()));
    let line = server.line();
    let address = line.strip_prefix("listening on http://").expect("the first line says where").to_owned();
    (server, address)
}

fn new_token(data_dir: &str, catalog: &[&str]) -> String {
    let flags = ["token", "create", "--name", "kill", "--scope", "events.write", "--scope", "events.read"];
    let ended = run([flags.as_slice(), &["--data-dir", data_dir], catalog].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.trim_end().to_owned()
}

/// All events of the server, by sequence.
fn stored(url: &str, token: &str) -> BTreeMap<u64, Value> {
    let ended = run(["query", "--url", url, "--token", token, "--order", "sequence", "--all"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut all = BTreeMap::new();
    for line in ended.stdout.lines() {
        let event: Value = serde_json::from_str(line).expect("a line is an event");
        let sequence = event["sequence"].as_u64().expect("a sequence");
        assert!(all.insert(sequence, event).is_none(), "the sequence {sequence} stands twice");
    }
    all
}
