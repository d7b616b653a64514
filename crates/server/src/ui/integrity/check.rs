//! Checks a log through the routes that everybody has: its checkpoint, its tiles, and proofs.
//!
//! What is read is bounded: the checkpoint, a proof for each older one, the tiles on the way to the root, the newest
//! entries, and a few events. It is this server that looks at itself, so the report says exactly what was looked at;
//! who trusts nobody runs `trailbook verify` elsewhere.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::time::Instant;
use trailbook_event::seal;
use trailbook_tlog::tile::{self, Kind, Tile};
use trailbook_tlog::{Checkpoint, Frontier, Hash, Node, Note, ProofFile, VerifierKey, proof};

use super::Log;
use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{Refusal, sentence};
use crate::ui::time::grouped;
use crate::ui::visit::Visit;

/// The least that is looked at of the newest entries, where there are so many: those of one bundle.
const ENTRIES: u64 = tile::WIDTH;
/// Events whose content is compared with their entries.
const EVENTS: usize = 8;

/// How a step of a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is so.
    Held,
    /// It is not so.
    Broken,
    /// It was not looked at.
    Skipped,
}

/// One thing that was checked.
pub(super) struct Step {
    pub(super) state: State,
    /// What, and how it ended, in a sentence or two.
    pub(super) text: String,
}

/// What was checked of a log.
pub(super) struct Report {
    pub(super) steps: Vec<Step>,
    pub(super) took_ms: u64,
    /// The checkpoint that was checked.
    checkpoint: Option<Checkpoint>,
}

/// What a browser has seen of a log.
pub(super) struct Seen(Checkpoint);

impl Seen {
    /// Reads what a cookie holds: `<size>.<root>`.
    pub(super) fn parse(origin: &str, text: &str) -> Option<Self> {
        let (size, root) = text.split_once('.')?;
        Checkpoint::parse(&format!("{origin}\n{size}\n{root}\n")).ok().map(Self)
    }
}

impl Report {
    /// Whether nothing that was looked at is wrong.
    pub(super) fn has_held(&self) -> bool {
        self.steps.iter().all(|step| step.state != State::Broken)
    }

    /// What the browser is to remember: nothing of a log that did not hold, so that the next check fails too.
    pub(super) fn kept(&self) -> Option<String> {
        let checkpoint = self.checkpoint.as_ref().filter(|_| self.has_held())?;
        Some(format!("{}.{}", checkpoint.size, checkpoint.root))
    }

    fn held(&mut self, text: impl Into<String>) {
        self.steps.push(Step { state: State::Held, text: text.into() });
    }

    fn broken(&mut self, text: impl Into<String>) {
        self.steps.push(Step { state: State::Broken, text: text.into() });
    }

    fn skipped(&mut self, text: impl Into<String>) {
        self.steps.push(Step { state: State::Skipped, text: text.into() });
    }
}

/// Why something does not hold.
struct Wrong(String);

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self(format!("It could not be read: {}", refusal.text))
    }
}

impl From<trailbook_tlog::Error> for Wrong {
    fn from(error: trailbook_tlog::Error) -> Self {
        Self(sentence(&error.to_string()))
    }
}

/// What is at hand during a check.
struct Check<'a> {
    console: &'a Console,
    visit: &'a Visit,
    log: &'a Log,
}

/// Checks a log against what the browser has seen of it, and a checkpoint that was given.
pub(super) async fn run(console: &Console, visit: &Visit, log: &Log, known: (Option<Seen>, &str)) -> Report {
    let started = Instant::now();
    let check = Check { console, visit, log };
    let mut report = Report { steps: Vec::new(), took_ms: 0, checkpoint: None };
    match check.checkpoint().await {
        Ok((checkpoint, text)) => {
            report.held(text);
            check.run(&checkpoint, known, &mut report).await;
            report.checkpoint = Some(checkpoint);
        }
        Err(Wrong(reason)) => report.broken(format!("The checkpoint is not one of this log. {reason}")),
    }
    report.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

impl Check<'_> {
    async fn run(&self, now: &Checkpoint, (seen, given): (Option<Seen>, &str), report: &mut Report) {
        match seen {
            Some(Seen(old)) => self.grown(&old, now, "when this browser saw it last", report).await,
            None => report.skipped(
                "This browser had not seen the log before, so there is nothing to compare it with. From now on it \
                 remembers the checkpoint.",
            ),
        }
        if !given.trim().is_empty() {
            self.compare_given(given, now, report).await;
        }
        match self.newest_entries(now).await {
            Ok(text) => report.held(text),
            Err(Wrong(reason)) => {
                report.broken(format!("The newest entries do not lead to the checkpoint's root. {reason}"));
            }
        }
        self.newest_events(report).await;
    }

    async fn read(&self, resource: &str) -> Result<bytes::Bytes, Wrong> {
        Ok(self.console.read(self.visit, &format!("{}{resource}", self.log.path)).await?)
    }

    /// The newest checkpoint, and who signed it.
    async fn checkpoint(&self) -> Result<(Checkpoint, String), Wrong> {
        let text = self.read("checkpoint").await?;
        let note = Note::parse(&String::from_utf8_lossy(&text))?;
        let checkpoint = self.signed(&note)?;
        let witnesses = self.log.witnesses.iter().filter_map(|witness| VerifierKey::parse(&witness.vkey).ok());
        let witnesses: Vec<_> = witnesses.collect();
        let cosigned = note.verify(&witnesses).map_or(0, |signed| signed.len());
        let also = match (cosigned, witnesses.len()) {
            (_, 0) => String::new(),
            (0, _) => "; no witness has cosigned this one yet".to_owned(),
            (some, all) => format!("; {some} of {all} witnesses have cosigned it"),
        };
        let entries = counted(checkpoint.size, "entry", "entries");
        let text = format!("The checkpoint over {entries} is signed with the log's key{also}.");
        Ok((checkpoint, text))
    }

    /// A checkpoint of this log, if its key has signed it.
    fn signed(&self, note: &Note) -> Result<Checkpoint, Wrong> {
        let key = VerifierKey::parse(&self.log.vkey)?;
        note.verify(&[key])?;
        let checkpoint = Checkpoint::parse(note.text())?;
        match checkpoint.origin == self.log.origin {
            true => Ok(checkpoint),
            false => Err(Wrong(format!("It is of the log {}.", checkpoint.origin))),
        }
    }

    /// Compares a checkpoint that somebody kept.
    async fn compare_given(&self, text: &str, now: &Checkpoint, report: &mut Report) {
        // Browsers send line ends of two bytes, and people leave out the last.
        let text = text.trim().replace("\r\n", "\n") + "\n";
        let note = match Note::parse(&text) {
            Ok(note) => note,
            Err(error) => {
                report.skipped(format!("What you gave is no checkpoint: {error}. It begins with the log's name."));
                return;
            }
        };
        match self.signed(&note) {
            Ok(old) => self.grown(&old, now, "at the checkpoint that you gave", report).await,
            Err(Wrong(reason)) => {
                report.broken(format!("The checkpoint that you gave is not one of this log. {reason}"));
            }
        }
    }

    /// Checks that the log begins with what it was.
    async fn grown(&self, old: &Checkpoint, now: &Checkpoint, when: &str, report: &mut Report) {
        let before = counted(old.size, "entry", "entries");
        if old.size > now.size {
            let lost = "entries were removed, or somebody is shown another log";
            report.broken(format!("The log had {before} {when}, and has {} now: {lost}.", grouped(now.size)));
            return;
        }
        match self.check_consistency(old, now).await {
            Ok(()) if old.size == now.size => report.held(format!("It is the log as it was {when}: {before}.")),
            Ok(()) => report.held(format!(
                "The log has only grown: it had {before} {when}, and all of them are in it, unchanged and in their \
                 order."
            )),
            Err(Wrong(reason)) => {
                report.broken(format!("The log is not the one that it was {when}, with {before}. {reason}"));
            }
        }
    }

    async fn check_consistency(&self, old: &Checkpoint, now: &Checkpoint) -> Result<(), Wrong> {
        #[derive(Deserialize)]
        struct Consistency {
            hashes: Vec<String>,
        }
        let path = format!("/api/v1/log/consistency?log={}&from={}&to={}", self.log.id, old.size, now.size);
        let given: Consistency = self.console.get(self.visit, &path).await?;
        let hashes: Option<Vec<Hash>> = given.hashes.iter().map(|hash| hash_of(hash)).collect();
        let hashes = hashes.ok_or_else(|| Wrong("The proof has something that is no hash.".to_owned()))?;
        Ok(proof::check_consistency((old.size, &old.root), (now.size, &now.root), &hashes)?)
    }

    /// Puts the newest entries after what the tiles say of all others, and compares the root.
    async fn newest_entries(&self, now: &Checkpoint) -> Result<String, Wrong> {
        let start = now.size.saturating_sub(ENTRIES) / tile::WIDTH * tile::WIDTH;
        let mut tiles = HashMap::new();
        let mut before = Vec::new();
        for node in Frontier::nodes(start) {
            before.push(self.node(node, now.size, &mut tiles).await?);
        }
        let frontier = Frontier::from_hashes(start, before);
        let mut frontier = frontier.ok_or_else(|| Wrong("The tiles have too few hashes.".to_owned()))?;
        for index in start / tile::WIDTH..now.size.div_ceil(tile::WIDTH) {
            let mut bundle = Tile { kind: Kind::Entries, index, width: tile::WIDTH };
            bundle.width = bundle.width_at(now.size);
            let bytes = self.read(&bundle.path()).await?;
            tile::decode_entries(&bytes)?.iter().for_each(|entry| frontier.push(Hash::leaf(entry), |_, _| {}));
        }
        if (frontier.size(), frontier.root()) != (now.size, now.root) {
            return Err(Wrong("They give another root.".to_owned()));
        }
        Ok(match now.size - start {
            0 => "The log is empty, and its root is that of an empty log.".to_owned(),
            count if start == 0 => format!("All {} lead to the checkpoint's root.", counted(count, "entry", "entries")),
            count => format!(
                "The newest {} ({} to {}), put after the hashes of all older ones, lead to the checkpoint's root.",
                counted(count, "entry", "entries"),
                grouped(start),
                grouped(now.size - 1)
            ),
        })
    }

    /// A perfect node, from the tile that it is in.
    async fn node(&self, node: Node, size: u64, tiles: &mut HashMap<Tile, Vec<Hash>>) -> Result<Hash, Wrong> {
        let (level, over) = (node.height / tile::HEIGHT, node.height % tile::HEIGHT);
        let first = node.index << over;
        let mut tile = Tile { kind: Kind::Hashes { level }, index: first / tile::WIDTH, width: tile::WIDTH };
        tile.width = tile.width_at(size);
        let known = match tiles.entry(tile) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(tile::decode_hashes(&self.read(&tile.path()).await?)?),
        };
        let start = (first % tile::WIDTH) as usize;
        let hashes = known.get(start..start + (1 << over));
        let hashes = hashes.ok_or_else(|| Wrong(format!("{} has too few hashes.", tile.path())))?;
        let mut frontier = Frontier::default();
        hashes.iter().for_each(|hash| frontier.push(*hash, |_, _| {}));
        Ok(frontier.root())
    }

    /// Compares the content of the newest events with their entries, where the visitor may see whole events.
    async fn newest_events(&self, report: &mut Report) {
        let sight = self.visit.caller.rights().sight(Permission::EventsRead);
        if self.log.state != "open" || !sight.is_some_and(|sight| sight.is_all()) {
            report.skipped(match self.log.state.as_str() {
                "open" => "The content of events was not compared: your roles do not show you all of every event.",
                _ => "The content of events was not compared: the newest are in another log.",
            });
            return;
        }
        match self.compare_events().await {
            Ok(0) => report.skipped("There is no event whose content could be compared."),
            Ok(count) => {
                let events = match count {
                    1 => "The newest event".to_owned(),
                    _ => format!("Each of the newest {count} events"),
                };
                report.held(format!("{events} is, byte for byte, what was sealed in its entry."));
            }
            Err(Wrong(reason)) => report.broken(format!("An event is not what was sealed. {reason}")),
        }
    }

    async fn compare_events(&self) -> Result<usize, Wrong> {
        #[derive(Deserialize)]
        struct Events {
            data: Vec<Event>,
        }
        #[derive(Deserialize)]
        struct Event {
            id: String,
        }
        let events: Events = self.console.get(self.visit, &format!("/api/v1/events?limit={EVENTS}")).await?;
        let mut count = 0;
        for event in &events.data {
            let proof: EventProof = self.console.get(self.visit, &format!("/api/v1/events/{}/proof", event.id)).await?;
            // The newest by their time may be of the log before.
            if proof.log == self.log.id {
                self.compare(&proof).map_err(|Wrong(reason)| Wrong(format!("Event {}: {reason}", event.id)))?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn compare(&self, given: &EventProof) -> Result<(), Wrong> {
        let salt = STANDARD.decode(&given.salt).ok().and_then(|salt| salt.try_into().ok());
        let salt: [u8; seal::SALT_BYTES] = salt.ok_or_else(|| Wrong("Its salt is malformed.".to_owned()))?;
        let entry = seal::entry(given.recorded_ms, &seal::inner(&salt, given.event.as_bytes()));
        let file = ProofFile::parse(&given.proof)?;
        self.signed(&file.checkpoint)?;
        file.check(&Hash::leaf(&entry))?;
        match file.index == given.sequence {
            true => Ok(()),
            false => Err(Wrong("Its proof is of another entry.".to_owned())),
        }
    }
}

/// What is compared of `GET /api/v1/events/{id}/proof`.
#[derive(Deserialize)]
struct EventProof {
    log: String,
    sequence: u64,
    recorded_ms: u64,
    salt: String,
    event: String,
    proof: String,
}

fn hash_of(text: &str) -> Option<Hash> {
    Some(Hash(STANDARD.decode(text).ok()?.try_into().ok()?))
}

/// `1 entry`, `1,204 entries`
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
