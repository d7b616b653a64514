//! An export: its events, what opens their entries, and what the manifest says of them.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use trailbook_event::{Timestamp, seal};
use trailbook_tlog::proof::{Run, check_inclusion};
use trailbook_tlog::{Checkpoint, Hash, Note, VerifierKey};

use super::files::{Files, Lines};
use super::{Keys, Trusted, Wrong, counted, seconds};

pub(super) const MANIFEST: &str = "manifest.json";
const EVENTS: &str = "events.ndjson";
const OPENINGS: &str = "openings.ndjson";
const FORMAT: &str = "trailbook/export/v1";

#[derive(Deserialize)]
struct Manifest {
    format: String,
    query: String,
    range: Range,
    /// Fields that were taken out of the events.
    #[serde(default)]
    hidden: Vec<String>,
    files: BTreeMap<String, FileOf>,
    logs: Vec<LogOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    recorded_from: Option<String>,
    recorded_to: Option<String>,
    occurred_from: Option<String>,
    occurred_to: Option<String>,
    sequence_from: Option<u64>,
    sequence_to: Option<u64>,
}

#[derive(Deserialize)]
struct FileOf {
    bytes: u64,
    sha256: String,
}

#[derive(Deserialize)]
struct LogOf {
    origin: String,
    vkey: String,
    clock_vkey: String,
    kind: Kind,
    checkpoint: String,
    events: u64,
    erased: u64,
    openings: u64,
    first_sequence: Option<u64>,
    last_sequence: Option<u64>,
    run: Option<RunOf>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Complete,
    Members,
    /// The events are in another format than NDJSON, or lack fields, and nothing opens their entries.
    Nothing,
}

#[derive(Deserialize)]
struct RunOf {
    first: Vec<String>,
    last: Vec<String>,
}

/// A line of the openings.
#[derive(Deserialize)]
struct Opening {
    sequence: u64,
    recorded_ms: u64,
    salt: Option<String>,
    inner: Option<String>,
    proof: Option<Vec<String>>,
}

/// What an opening is of.
enum Of {
    Event,
    /// An entry whose content is not there: erased, or beside the range.
    Hidden,
}

/// Bounds of `recorded_at`, in milliseconds: from is inclusive, to is not.
#[derive(Clone, Copy)]
struct Bounds {
    from: Option<u64>,
    to: Option<u64>,
}

/// Checks an export.
pub(super) fn verify(path: &Path, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let files = Files::at(path);
    let manifest: Manifest =
        serde_json::from_str(&files.read(MANIFEST)?).map_err(|e| Wrong::Refused(format!("{MANIFEST}: {e}")))?;
    if manifest.format != FORMAT {
        return Err(Wrong::Refused(format!("its format is {:?}, this trailbook reads {FORMAT}", manifest.format)));
    }
    if !manifest.hidden.is_empty() {
        let fields = manifest.hidden.join(", ");
        return Err(Wrong::Refused(format!("fields were taken out of its events ({fields}), so nothing is proven")));
    }
    if manifest.logs.iter().any(|log| log.kind == Kind::Nothing) {
        let reason = "its events are in a format that proves nothing; the same export as NDJSON does";
        return Err(Wrong::refused(reason));
    }
    let mut sentences = Vec::new();
    files.with(EVENTS, &mut |events| {
        let mut events = Lines::new(EVENTS, events);
        files.with(OPENINGS, &mut |openings| {
            let mut openings = Lines::new(OPENINGS, openings);
            for log in &manifest.logs {
                let mut reading = Reading { manifest: &manifest, log, events: &mut events, openings: &mut openings };
                sentences.push(reading.check(keys)?);
            }
            let (bytes, sha256) = manifest.file(OPENINGS)?;
            openings.end(bytes, sha256)
        })?;
        let (bytes, sha256) = manifest.file(EVENTS)?;
        events.end(bytes, sha256)
    })?;
    if sentences.is_empty() {
        return Err(Wrong::refused("it is of no log: nothing was found, and so nothing is proven"));
    }
    Ok(sentences)
}

impl Manifest {
    fn file(&self, name: &str) -> Result<(u64, &str), Wrong> {
        let file = self.files.get(name).ok_or_else(|| Wrong::Refused(format!("the manifest lacks {name}")))?;
        Ok((file.bytes, &file.sha256))
    }

    fn bounds(&self) -> Result<Bounds, Wrong> {
        let ms = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::parse(text)
                .ok()
                .and_then(|time| u64::try_from(time.nanos().div_euclid(1_000_000)).ok())
                .map(Some)
                .ok_or_else(|| Wrong::Refused(format!("{text:?} is no time"))),
        };
        Ok(Bounds { from: ms(&self.range.recorded_from)?, to: ms(&self.range.recorded_to)? })
    }
}

impl Bounds {
    fn has(self, ms: u64) -> bool {
        self.from.is_none_or(|from| ms >= from) && self.to.is_none_or(|to| ms < to)
    }

    fn words(self) -> String {
        let at = |ms: u64| Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)).to_string();
        match (self.from, self.to) {
            (None, None) => "up to its checkpoint".to_owned(),
            (Some(from), None) => format!("from {} up to its checkpoint", at(from)),
            (None, Some(to)) => format!("before {}", at(to)),
            (Some(from), Some(to)) => format!("from {} to before {}", at(from), at(to)),
        }
    }
}

/// What a run has shown so far.
#[derive(Default)]
struct Found {
    run: Option<Run>,
    /// The sequence and the time of its last entry.
    at: Option<(u64, u64)>,
    events: u64,
    erased: u64,
    first: Option<u64>,
    last: Option<u64>,
}

impl Found {
    /// Counts an entry, the first or the last of which may be beside the range.
    fn count(
        &mut self,
        (is_first, is_last): (bool, bool),
        (bounds, size): (Bounds, u64),
        opening: &Opening,
        of: Of,
    ) -> Result<(), &'static str> {
        let Opening { sequence, recorded_ms, .. } = *opening;
        let is_before = is_first && bounds.from.is_some_and(|from| recorded_ms < from);
        let is_after = is_last && bounds.to.is_some_and(|to| recorded_ms >= to);
        if is_first && sequence > 0 && !is_before {
            return Err("the entry before the range is missing");
        }
        if is_last && sequence + 1 < size && !is_after {
            return Err("the entry after the range is missing");
        }
        match (bounds.has(recorded_ms), of) {
            (true, Of::Event) => {
                self.events += 1;
                self.first.get_or_insert(sequence);
                self.last = Some(sequence);
            }
            (true, Of::Hidden) => self.erased += 1,
            (false, Of::Hidden) if is_before || is_after => {}
            (false, _) => return Err("it was recorded outside of the range"),
        }
        Ok(())
    }

    fn words(&self, origin: &str, bounds: Bounds) -> String {
        let words = bounds.words();
        let all = counted(self.events + self.erased, "event", "events");
        match (self.events, self.erased) {
            (0, 0) => format!("nothing was recorded in the log {origin} {words}"),
            (_, 0) => {
                format!("all {all} recorded in the log {origin} {words} are here, unchanged, and none is left out")
            }
            (_, erased) => format!(
                "all {all} recorded in the log {origin} {words} are here, unchanged, but for the content of {}, which \
                 was erased; none is left out",
                counted(erased, "event", "events")
            ),
        }
    }
}

/// The lines of one log.
struct Reading<'a, 'r, 's> {
    manifest: &'a Manifest,
    log: &'a LogOf,
    events: &'a mut Lines<'r>,
    openings: &'a mut Lines<'s>,
}

impl Reading<'_, '_, '_> {
    fn check(&mut self, keys: &Keys) -> Result<String, Wrong> {
        let note = Note::parse(&self.log.checkpoint)?;
        let trusted = keys.checkpoint(&note)?;
        let (key, clock) = (VerifierKey::parse(&self.log.vkey)?, VerifierKey::parse(&self.log.clock_vkey)?);
        if trusted.checkpoint.origin != self.log.origin || key.name() != self.log.origin || !keys.0.contains(&key) {
            return Err(Wrong::Refused(format!("the key of the log {} is not the given one", self.log.origin)));
        }
        let signed = note.verify(&[clock])?;
        let last_seen = signed.first().and_then(|signed| signed.time).map(seconds).unwrap_or_default();
        match self.log.kind {
            Kind::Complete => self.complete(&trusted, &last_seen),
            Kind::Members => self.members(&trusted),
            Kind::Nothing => Err(Wrong::refused("it has no openings")),
        }
    }

    /// The next opening, with its leaf and what it is of.
    fn next(&mut self) -> Result<(Opening, Hash, Of), Wrong> {
        let line = self.openings.next()?.ok_or_else(|| Wrong::Refused(format!("{OPENINGS} ends too early")))?;
        let opening: Result<Opening, _> = serde_json::from_slice(line);
        let opening = opening.map_err(|e| self.openings.wrong(&e.to_string()))?;
        let (inner, of) = match (&opening.salt, &opening.inner) {
            (Some(salt), None) => {
                let salt = STANDARD.decode(salt).ok().and_then(|salt| salt.try_into().ok());
                let salt = salt.ok_or_else(|| self.openings.wrong("its salt is no salt"))?;
                let event = self.events.next()?.ok_or_else(|| Wrong::Refused(format!("{EVENTS} ends too early")))?;
                (seal::inner(&salt, event), Of::Event)
            }
            (None, Some(inner)) => {
                let inner = STANDARD.decode(inner).ok().and_then(|inner| inner.try_into().ok());
                (inner.ok_or_else(|| self.openings.wrong("its commitment has not 32 bytes"))?, Of::Hidden)
            }
            _ => return Err(self.openings.wrong("it must have either a salt or a commitment")),
        };
        let leaf = Hash::leaf(&seal::entry(opening.recorded_ms, &inner));
        Ok((opening, leaf, of))
    }

    /// A run without a gap, from the entry before the range to the one after it.
    fn complete(&mut self, trusted: &Trusted, last_seen: &str) -> Result<String, Wrong> {
        let range = &self.manifest.range;
        let of_other_times = range.occurred_from.is_some() || range.occurred_to.is_some();
        let of_sequences = range.sequence_from.is_some() || range.sequence_to.is_some();
        if of_other_times || of_sequences || !self.manifest.query.is_empty() {
            return Err(Wrong::refused("what was asked for has conditions, so it cannot be complete"));
        }
        let (bounds, size) = (self.manifest.bounds()?, trusted.checkpoint.size);
        let mut found = Found::default();
        for place in 0..self.log.openings {
            let (opening, leaf, of) = self.next()?;
            self.follow(&mut found, &opening, leaf, trusted)?;
            let is_end = (place == 0, place + 1 == self.log.openings);
            found.count(is_end, (bounds, size), &opening, of).map_err(|reason| self.openings.wrong(reason))?;
        }
        match &found.run {
            Some(run) => {
                run.end(size, &hashes(self.log.run.as_ref().map(|run| &run.last))?, &trusted.checkpoint.root)?
            }
            None if size == 0 => {}
            None => return Err(Wrong::refused("it has no entries, and its log has")),
        }
        self.check_counts((found.events, found.erased), (found.first, found.last))?;
        Ok(format!(
            "Proven complete: {} (checkpoint of {}, {}, last at {last_seen}).",
            found.words(&self.log.origin, bounds),
            counted(size, "entry", "entries"),
            trusted.by
        ))
    }

    /// Adds the next entry of a run, which must follow the one before it.
    fn follow(&self, found: &mut Found, opening: &Opening, leaf: Hash, trusted: &Trusted) -> Result<(), Wrong> {
        if opening.proof.is_some() {
            return Err(self.openings.wrong("a run has no proofs of single entries"));
        }
        let Opening { sequence, recorded_ms, .. } = *opening;
        if let (Some(run), Some((last, last_ms))) = (&mut found.run, found.at) {
            if sequence != last + 1 {
                return Err(self.openings.wrong(&format!("the entry {} is missing before it", last + 1)));
            }
            if recorded_ms < last_ms {
                return Err(self.openings.wrong("its time goes back"));
            }
            run.push(leaf);
        } else {
            let proof = hashes(self.log.run.as_ref().map(|run| &run.first))?;
            let Checkpoint { size, root, .. } = &trusted.checkpoint;
            check_inclusion(sequence, *size, &leaf, &proof, root)?;
            let mut run = Run::begin(sequence, *size, &proof)?;
            run.push(leaf);
            found.run = Some(run);
        }
        found.at = Some((sequence, recorded_ms));
        Ok(())
    }

    /// Events with a proof each.
    fn members(&mut self, trusted: &Trusted) -> Result<String, Wrong> {
        let (bounds, size, root) = (self.manifest.bounds()?, trusted.checkpoint.size, trusted.checkpoint.root);
        let (mut events, mut first, mut last) = (0, None, None);
        for _ in 0..self.log.openings {
            let (opening, leaf, of) = self.next()?;
            let proof = hashes(opening.proof.as_ref())?;
            let checked = check_inclusion(opening.sequence, size, &leaf, &proof, &root);
            checked.map_err(|e| self.openings.wrong(&e.to_string()))?;
            if last.is_some_and(|last| opening.sequence <= last) {
                return Err(self.openings.wrong("its sequence is not above the one before it"));
            }
            if !bounds.has(opening.recorded_ms) {
                return Err(self.openings.wrong("it was recorded outside of the range"));
            }
            if matches!(of, Of::Hidden) {
                return Err(self.openings.wrong("it has no event"));
            }
            events += 1;
            first.get_or_insert(opening.sequence);
            last = Some(opening.sequence);
        }
        self.check_counts((events, 0), (first, last))?;
        Ok(format!(
            "Proven: each of the {} is in the log {}, unchanged; whether others match as well is not proven \
             (checkpoint of {}, {}).",
            counted(events, "event", "events"),
            self.log.origin,
            counted(size, "entry", "entries"),
            trusted.by
        ))
    }

    fn check_counts(&self, counts: (u64, u64), ends: (Option<u64>, Option<u64>)) -> Result<(), Wrong> {
        let said = ((self.log.events, self.log.erased), (self.log.first_sequence, self.log.last_sequence));
        if said == (counts, ends) {
            return Ok(());
        }
        Err(Wrong::Refused(format!(
            "the counts of the manifest for the log {} are not those of the files",
            self.log.origin
        )))
    }
}

fn hashes(texts: Option<&Vec<String>>) -> Result<Vec<Hash>, Wrong> {
    let texts = texts.ok_or_else(|| Wrong::refused("a proof is missing"))?;
    let hash = |text: &String| {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Hash).ok_or_else(|| Wrong::Refused(format!("{text:?} is no hash")))
    };
    texts.iter().map(hash).collect()
}
