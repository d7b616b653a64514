//! Sends a batch, and what is left of it when lines were refused, until every line has its answer.
//!
//! A server records a batch whole or not at all. Refused lines are taken out and the rest is sent again; a refusal that
//! names no line halves the batch, down to the one line that it must mean.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use trailbook_event::normalise::Form;

use super::Load;
use crate::client::{Answer, EventProblem};
use crate::exit::Error;

/// Lines of one request. The server takes 5,000 events and 8 MiB.
const BATCH_LINES_MAX: usize = 1_000;
/// Bytes of one request.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many events of an answer were recorded by it and not before.
const RECORDED_HEADER: &str = "trailbook-recorded";

/// Lines that are sent together.
#[derive(Default)]
pub(super) struct Batch {
    lines: Vec<Prepared>,
    size_bytes: usize,
}

/// A line as it is sent.
struct Prepared {
    /// Its number in the input.
    number: u64,
    text: Vec<u8>,
}

impl Batch {
    /// Whether a line of this size can be added. An empty batch takes any.
    pub(super) fn has_room(&self, text_bytes: usize) -> bool {
        self.lines.is_empty() || (self.lines.len() < BATCH_LINES_MAX && self.size_bytes + text_bytes < BATCH_BYTES_MAX)
    }

    pub(super) fn push(&mut self, number: u64, text: Vec<u8>) {
        self.size_bytes += text.len() + 1;
        self.lines.push(Prepared { number, text });
    }
}

/// What the server says to a write.
#[derive(Deserialize)]
struct Written {
    events: Vec<Entry>,
}

/// What became of one event.
#[derive(Deserialize)]
struct Entry {
    id: Option<String>,
    excluded: Option<String>,
    dropped: Option<String>,
}

impl Load<'_> {
    /// Sends all lines of a batch, in their order.
    pub(super) async fn post(&mut self, batch: Batch) -> Result<(), Error> {
        let mut path = match self.form {
            Form::Native => "/api/v1/events".to_owned(),
            foreign => format!("/api/v1/ingest/{}", foreign.name()),
        };
        if self.keep_initiated {
            path.push_str("?initiated=keep");
        }
        let mut waiting = vec![batch.lines];
        while let Some(lines) = waiting.pop() {
            if lines.is_empty() {
                continue;
            }
            let answer = self.client.post_lines(&path, body(&lines)).await?;
            match answer.status {
                201 => self.count(&answer, lines.len())?,
                400 | 413 | 422 => self.part(&answer, lines, &mut waiting),
                _ => return Err(answer.refusal(self.client.base())),
            }
        }
        Ok(())
    }

    /// Counts what was recorded.
    fn count(&mut self, answer: &Answer, sent: usize) -> Result<(), Error> {
        let strange = |reason: String| Error::Failed(format!("{}: a strange answer: {reason}", self.client.base()));
        let written: Written = serde_json::from_slice(&answer.body).map_err(|error| strange(error.to_string()))?;
        if written.events.len() != sent {
            return Err(strange(format!("{} entries for {sent} lines", written.events.len())));
        }
        let mut recorded = 0;
        for entry in &written.events {
            match (entry.dropped.as_deref(), &entry.excluded, &entry.id) {
                (Some("not-audit"), _, _) => self.tally.passed_over += 1,
                (Some(_), _, _) => self.tally.dropped += 1,
                (None, Some(_), _) => self.tally.excluded += 1,
                (None, None, Some(_)) => recorded += 1,
                (None, None, None) => return Err(strange("an entry that says nothing".to_owned())),
            }
        }
        let header = answer.headers.get(RECORDED_HEADER).and_then(|value| value.to_str().ok());
        let anew = header.and_then(|text| text.parse().ok()).unwrap_or(recorded);
        self.tally.recorded += recorded;
        self.tally.before += recorded.saturating_sub(anew);
        Ok(())
    }

    /// Takes out the lines that a refusal means, and lets the others wait.
    fn part(&mut self, answer: &Answer, lines: Vec<Prepared>, waiting: &mut Vec<Vec<Prepared>>) {
        let problem = answer.problem();
        let mut named: BTreeMap<usize, &EventProblem> = BTreeMap::new();
        for error in &problem.errors {
            if let Some(index) = error.index.filter(|index| *index < lines.len()) {
                named.entry(index).or_insert(error);
            }
        }
        if named.is_empty() && lines.len() > 1 {
            let mut first = lines;
            let second = first.split_off(first.len() / 2);
            waiting.extend([second, first]);
            return;
        }
        let mut rest = Vec::with_capacity(lines.len());
        for (i, line) in lines.into_iter().enumerate() {
            match named.get(&i) {
                Some(error) => self.refuse(line.number, &error.detail, &error.pointer),
                None if named.is_empty() => self.refuse(line.number, &answer.reason(), ""),
                None => rest.push(line),
            }
        }
        waiting.push(rest);
    }
}

fn body(lines: &[Prepared]) -> Bytes {
    let mut body = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
    for line in lines {
        body.extend_from_slice(&line.text);
        body.push(b'\n');
    }
    body.into()
}
