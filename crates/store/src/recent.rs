//! What was recorded and is in no segment yet, in memory, searchable by the time its write is answered.
//!
//! Frames are kept as they were committed: the canonical bytes of their events and, for each, where its fields lie. So
//! nothing is parsed to search them, and a value is compared where it stands.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use trailbook_event::{Field, Span};

use crate::Organization;

/// The events of one frame.
#[derive(Debug, Default, PartialEq)]
pub struct Frame {
    text: Vec<u8>,
    spans: Vec<Span>,
    rows: Vec<RowEntry>,
    first_sequence: u64,
    recorded_ms: i64,
}

#[derive(Debug, PartialEq)]
struct RowEntry {
    text_start: u32,
    spans_start: u32,
    occurred_ns: i64,
}

/// An event that is added to a frame.
pub(crate) struct RowDraft<'a> {
    pub(crate) canonical: &'a [u8],
    pub(crate) spans: &'a [Span],
    pub(crate) occurred_ns: i64,
}

impl Frame {
    pub(crate) fn with_capacity(rows: usize, text_bytes: usize) -> Self {
        Self { text: Vec::with_capacity(text_bytes), rows: Vec::with_capacity(rows), ..Self::default() }
    }

    pub(crate) fn push(&mut self, draft: RowDraft<'_>) {
        self.rows.push(RowEntry {
            text_start: self.text.len() as u32,
            spans_start: self.spans.len() as u32,
            occurred_ns: draft.occurred_ns,
        });
        self.text.extend_from_slice(draft.canonical);
        self.spans.extend_from_slice(draft.spans);
    }

    /// Gives the frame its place, which is known once its transaction holds the head of the log.
    pub(crate) fn place(mut self, first_sequence: u64, recorded_ms: i64) -> Self {
        self.first_sequence = first_sequence;
        self.recorded_ms = recorded_ms;
        self.spans.shrink_to_fit();
        self
    }

    pub(crate) fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its events, in the order of their sequence.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).filter_map(|i| self.row(i))
    }

    /// The event of this place in the frame, from 0.
    pub fn row(&self, i: usize) -> Option<Row<'_>> {
        let entry = self.rows.get(i)?;
        let next = self.rows.get(i + 1);
        let text_end = next.map_or(self.text.len(), |next| next.text_start as usize);
        let spans_end = next.map_or(self.spans.len(), |next| next.spans_start as usize);
        Some(Row {
            sequence: self.first_sequence + i as u64,
            recorded_ms: self.recorded_ms,
            occurred_ns: entry.occurred_ns,
            canonical: self.text.get(entry.text_start as usize..text_end)?,
            spans: self.spans.get(entry.spans_start as usize..spans_end)?,
        })
    }

    fn size_bytes(&self) -> u64 {
        let size = self.text.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.rows.capacity() * size_of::<RowEntry>()
            + size_of::<Self>();
        size as u64
    }
}

/// One recorded event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// Its number in its log.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since 1970.
    pub recorded_ms: i64,
    /// When it happened, in nanoseconds since 1970.
    pub occurred_ns: i64,
    /// Its canonical bytes.
    pub canonical: &'a [u8],
    /// Where its fields lie in them.
    pub spans: &'a [Span],
}

impl<'a> Row<'a> {
    /// The values of a field as they stand in the canonical bytes, with the item that each belongs to.
    pub fn values(&self, field: Field) -> impl Iterator<Item = (u8, &'a [u8])> {
        let canonical = self.canonical;
        self.spans.iter().filter(move |span| span.field == field).map(move |span| (span.item, span.of(canonical)))
    }
}

/// Frames of all logs. Written by the journal's writer alone.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    logs: RwLock<Logs>,
}

#[derive(Debug, Default)]
struct Logs {
    by_log: HashMap<i64, Chunks>,
    events: u64,
    bytes: u64,
}

/// Frames in order. Full chunks are shared with snapshots, so taking one copies few pointers.
#[derive(Debug, Default)]
struct Chunks {
    full: Vec<Arc<[Arc<Frame>]>>,
    tail: Vec<Arc<Frame>>,
    next_sequence: u64,
}

/// Frames of a full chunk.
const CHUNK_FRAMES: usize = 256;

impl Recent {
    /// Adds a frame that was committed, unless it is known already.
    pub(crate) fn add(&self, log: i64, frame: Frame) {
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        let chunks = logs.by_log.entry(log).or_default();
        if frame.first_sequence < chunks.next_sequence || frame.rows.is_empty() {
            return;
        }
        let (events, bytes) = (frame.rows.len() as u64, frame.size_bytes());
        chunks.next_sequence = frame.first_sequence + events;
        chunks.tail.push(Arc::new(frame));
        if chunks.tail.len() == CHUNK_FRAMES {
            let full = std::mem::take(&mut chunks.tail);
            chunks.full.push(full.into());
        }
        logs.events += events;
        logs.bytes += bytes;
    }

    /// The first sequence of a log that is not in memory.
    pub(crate) fn next_sequence(&self, log: i64) -> u64 {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.by_log.get(&log).map_or(0, |chunks| chunks.next_sequence)
    }

    /// Events and bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        (logs.events, logs.bytes)
    }

    pub(crate) fn snapshot(&self, organization: &Organization) -> Snapshot {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        let chunks = logs.by_log.get(&organization.log);
        Snapshot {
            organization: organization.name.clone(),
            full: chunks.map(|chunks| chunks.full.clone()).unwrap_or_default(),
            tail: chunks.map(|chunks| chunks.tail.clone()).unwrap_or_default(),
        }
    }
}

/// What an organization's log held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    organization: String,
    full: Vec<Arc<[Arc<Frame>]>>,
    tail: Vec<Arc<Frame>>,
}

impl Snapshot {
    /// The organization's name.
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// The frames, in the order of their sequences.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.full.iter().flat_map(|chunk| chunk.iter()).chain(&self.tail).map(Arc::as_ref)
    }

    /// The events, in the order of their sequences.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.frames().flat_map(Frame::rows)
    }
}
