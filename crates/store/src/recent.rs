//! What was recorded and is in no segment on disk yet, in memory, searchable by the time its write is answered.
//!
//! Frames are kept as they were committed: the canonical bytes of their events and, for each, where its fields lie. So
//! nothing is parsed to search them, and a value is compared where it stands. Some thousand events at a time they
//! become a *chunk*, a small segment in memory, and chunks become segments on disk. What leaves one place appears in
//! the next under the same lock, so a snapshot has every event once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;
use trailbook_event::limits::{RECENT_BYTES_MAX, RECENT_EVENTS_MAX};
use trailbook_event::seal::SALT_BYTES;
use trailbook_event::{Field, Span};

use crate::logs::edge::Leaves;
use crate::manifest::{Handle, Manifest};
use crate::segment::build::Entry;
use crate::segment::{Part, Segment};
use crate::{Error, Organization};

/// The events of one frame.
#[derive(Debug, Default, PartialEq)]
pub struct Frame {
    text: Vec<u8>,
    spans: Vec<Span>,
    rows: Vec<RowEntry>,
    salts: Vec<[u8; SALT_BYTES]>,
    /// What the log's entries are made of, until they are taken.
    inners: Vec<[u8; 32]>,
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
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) inner: [u8; 32],
    pub(crate) occurred_ns: i64,
}

impl Frame {
    pub(crate) fn with_capacity(rows: usize, text_bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(text_bytes),
            rows: Vec::with_capacity(rows),
            salts: Vec::with_capacity(rows),
            inners: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, draft: RowDraft<'_>) {
        self.rows.push(RowEntry {
            text_start: self.text.len() as u32,
            spans_start: self.spans.len() as u32,
            occurred_ns: draft.occurred_ns,
        });
        self.salts.push(draft.salt);
        self.inners.push(draft.inner);
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

    /// What becomes its log's entries; it is kept elsewhere from here on.
    pub(crate) fn take_leaves(&mut self) -> Leaves {
        let inners = std::mem::take(&mut self.inners);
        Leaves { first_sequence: self.first_sequence, recorded_ms: self.recorded_ms, inners }
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
            salt: self.salts.get(i)?,
            spans: self.spans.get(entry.spans_start as usize..spans_end)?,
        })
    }

    /// Its events as what a chunk is built from.
    fn entries(&self, log: i64) -> impl Iterator<Item = Entry<'_>> {
        self.rows().map(move |row| Entry { log, row })
    }

    fn end_sequence(&self) -> u64 {
        self.first_sequence + self.rows.len() as u64
    }

    fn size_bytes(&self) -> u64 {
        let size = self.text.capacity()
            + self.salts.capacity() * SALT_BYTES
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
    /// What hides them in the log's entry.
    pub salt: &'a [u8; SALT_BYTES],
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

/// Frames of all logs, chunks, and the manifest. Frames are added by the journal's writer alone.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    state: RwLock<State>,
    shrunk: Notify,
}

#[derive(Debug, Default)]
struct State {
    tails: HashMap<i64, Tail>,
    tail_size: Size,
    chunks: Vec<Chunk>,
    manifest: Arc<Manifest>,
}

/// Events and the bytes that they take in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Size {
    /// Anything at all.
    pub(crate) const ONE: Self = Self { events: 1, bytes: 1 };

    /// The most that memory holds before writes wait for room.
    pub(crate) const RECENT_MAX: Self = Self { events: RECENT_EVENTS_MAX, bytes: RECENT_BYTES_MAX };

    /// What a segment in memory takes.
    pub(crate) fn of_chunk(segment: &Segment) -> Self {
        Self { events: u64::from(segment.rows()), bytes: segment.bytes() }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { events: self.events + other.events, bytes: self.bytes + other.bytes }
    }

    /// Whether it has no more events than another, and no more bytes.
    pub(crate) fn is_within(self, most: Self) -> bool {
        self.events <= most.events && self.bytes <= most.bytes
    }

    /// Whether it has so many events, or so many bytes.
    pub(crate) fn has(self, enough: Self) -> bool {
        self.events >= enough.events || self.bytes >= enough.bytes
    }
}

/// Frames of a log in order. Full groups are shared with snapshots, so taking one copies few pointers.
#[derive(Debug, Default)]
struct Tail {
    full: Vec<Arc<[Arc<Frame>]>>,
    last: Vec<Arc<Frame>>,
    next_sequence: u64,
}

/// Frames of a full group.
const GROUP_FRAMES: usize = 256;

impl Tail {
    fn push(&mut self, frame: Arc<Frame>) {
        self.last.push(frame);
        if self.last.len() == GROUP_FRAMES {
            let full = std::mem::take(&mut self.last);
            self.full.push(full.into());
        }
    }

    fn frames(&self) -> impl Iterator<Item = &Arc<Frame>> {
        self.full.iter().flat_map(|group| group.iter()).chain(&self.last)
    }
}

/// A small segment in memory, made of frames.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) segment: Arc<Segment>,
    /// For each of its logs the sequence after its last event.
    pub(crate) ends: Vec<(i64, u64)>,
}

/// Frames that are to become a chunk.
#[derive(Debug, Default)]
pub(crate) struct Taken(Vec<(i64, Vec<Arc<Frame>>)>);

impl Taken {
    /// Builds the chunk. Takes the thread for some milliseconds.
    pub(crate) fn build(&self) -> Result<Chunk, Error> {
        let frames = self.0.iter().flat_map(|(log, frames)| frames.iter().map(move |frame| (*log, frame)));
        let entries = frames.flat_map(|(log, frame)| frame.entries(log)).collect();
        let end = |(log, frames): &(i64, Vec<Arc<Frame>>)| Some((*log, frames.last()?.end_sequence()));
        let segment = Arc::new(crate::segment::build::build(entries)?);
        Ok(Chunk { segment, ends: self.0.iter().filter_map(end).collect() })
    }
}

impl Recent {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the frames of a log begin, before any is added.
    pub(crate) fn begin(&self, log: i64, sequence: u64) {
        self.write().tails.entry(log).or_default().next_sequence = sequence;
    }

    /// Adds a frame that was committed, unless it is known already.
    pub(crate) fn add(&self, log: i64, frame: Frame) {
        let mut state = self.write();
        let tail = state.tails.entry(log).or_default();
        if frame.first_sequence < tail.next_sequence || frame.rows.is_empty() {
            return;
        }
        let (events, bytes) = (frame.rows.len() as u64, frame.size_bytes());
        tail.next_sequence = frame.end_sequence();
        tail.push(Arc::new(frame));
        state.tail_size.events += events;
        state.tail_size.bytes += bytes;
    }

    /// The first sequence of a log that is not known here.
    pub(crate) fn next_sequence(&self, log: i64) -> u64 {
        self.read().tails.get(&log).map_or(0, |tail| tail.next_sequence)
    }

    /// What is in memory: frames and chunks.
    pub(crate) fn size(&self) -> Size {
        let state = self.read();
        let chunks = state.chunks.iter().map(|chunk| Size::of_chunk(&chunk.segment));
        chunks.fold(state.tail_size, Size::plus)
    }

    /// Returns when it holds no more than this.
    pub(crate) async fn room(&self, most: Size) {
        loop {
            let mut shrunk = std::pin::pin!(self.shrunk.notified());
            // From here on nothing is missed.
            shrunk.as_mut().enable();
            if self.size().is_within(most) {
                return;
            }
            shrunk.await;
        }
    }

    /// The first sequence of each log that is not known now.
    pub(crate) fn ends(&self) -> HashMap<i64, u64> {
        self.read().tails.iter().map(|(log, tail)| (*log, tail.next_sequence)).collect()
    }

    /// When the oldest event that is in no segment was recorded, in milliseconds since 1970.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let state = self.read();
        let of_frames = state.tails.values().filter_map(|tail| tail.frames().next()).map(|frame| frame.recorded_ms);
        let parts = state.chunks.iter().flat_map(|chunk| chunk.segment.parts());
        of_frames.chain(parts.map(|part| part.recorded_ms.0)).min()
    }

    /// The oldest frames of a log and another, until they have the size of a chunk; they stay until their chunk is put
    /// in their place. Only frames before `ends` count, and only if they have so many events or bytes.
    pub(crate) fn take(&self, (chunk, enough): (Size, Size), ends: &HashMap<i64, u64>) -> Option<Taken> {
        let state = self.read();
        let mut taken = Taken::default();
        let mut size = Size::default();
        for (log, tail) in &state.tails {
            let end = ends.get(log).copied().unwrap_or_default();
            let mut frames = Vec::new();
            for frame in tail.frames().take_while(|frame| frame.first_sequence < end) {
                if !size.has(chunk) {
                    frames.push(Arc::clone(frame));
                }
                size.events += frame.rows.len() as u64;
                size.bytes += frame.size_bytes();
                if size.has(chunk) && size.has(enough) {
                    break;
                }
            }
            if !frames.is_empty() {
                taken.0.push((*log, frames));
            }
        }
        (size.events > 0 && size.has(enough)).then_some(taken)
    }

    /// Puts a chunk in the place of the frames that it was built from.
    pub(crate) fn put(&self, chunk: Chunk) {
        let mut state = self.write();
        for (log, end) in &chunk.ends {
            let Some(tail) = state.tails.get_mut(log) else { continue };
            let mut rest = Tail { next_sequence: tail.next_sequence, ..Tail::default() };
            let mut gone = Size::default();
            for frame in tail.frames() {
                if frame.first_sequence < *end {
                    gone.events += frame.rows.len() as u64;
                    gone.bytes += frame.size_bytes();
                } else {
                    rest.push(Arc::clone(frame));
                }
            }
            *tail = rest;
            state.tail_size.events -= gone.events;
            state.tail_size.bytes -= gone.bytes;
        }
        state.chunks.push(chunk);
        drop(state);
        self.shrunk.notify_waiters();
    }

    /// The chunks, the oldest first.
    pub(crate) fn chunks(&self) -> Vec<Chunk> {
        self.read().chunks.clone()
    }

    /// Puts segments in the place of the oldest chunks.
    pub(crate) fn flushed(&self, chunks: usize, added: Vec<Arc<Handle>>) {
        let mut state = self.write();
        state.chunks.drain(..chunks);
        state.manifest = Arc::new(state.manifest.changed(&[], added));
        drop(state);
        self.shrunk.notify_waiters();
    }

    /// Puts segments in the place of others.
    pub(crate) fn replace(&self, removed: &[i64], added: Vec<Arc<Handle>>) {
        let mut state = self.write();
        state.manifest = Arc::new(state.manifest.changed(removed, added));
    }

    /// The segments on disk.
    pub(crate) fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.read().manifest)
    }

    /// What an organization's logs hold: the open one, and before it the frozen ones, which are in segments alone.
    pub(crate) fn snapshot(&self, organization: &Organization, frozen: Arc<[i64]>) -> Snapshot {
        let state = self.read();
        let log = organization.log;
        let base = base(frozen.len());
        let tail = state.tails.get(&log);
        let in_memory = state.chunks.iter().filter_map(|chunk| {
            let part = chunk.segment.rows_of(log)?;
            Some(SegmentPart { part, base, place: Place::Memory(Arc::clone(&chunk.segment)) })
        });
        Snapshot {
            organization: organization.name.clone(),
            log,
            frozen,
            full: tail.map(|tail| tail.full.clone()).unwrap_or_default(),
            last: tail.map(|tail| tail.last.clone()).unwrap_or_default(),
            in_memory: in_memory.collect(),
            manifest: Arc::clone(&state.manifest),
        }
    }
}

/// What an organization's log held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    organization: String,
    log: i64,
    frozen: Arc<[i64]>,
    full: Vec<Arc<[Arc<Frame>]>>,
    last: Vec<Arc<Frame>>,
    in_memory: Vec<SegmentPart>,
    manifest: Arc<Manifest>,
}

impl Snapshot {
    /// The organization's name.
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// The same of one of the logs alone.
    #[must_use]
    pub fn only(&self, log: LogNumber) -> Self {
        if log.0 == self.log {
            return Self {
                frozen: Arc::default(),
                in_memory: self.in_memory.iter().map(SegmentPart::first).collect(),
                ..self.clone()
            };
        }
        Self {
            organization: self.organization.clone(),
            log: log.0,
            frozen: Arc::default(),
            full: Vec::new(),
            last: Vec::new(),
            in_memory: Vec::new(),
            manifest: Arc::clone(&self.manifest),
        }
    }

    /// The open log.
    pub fn log(&self) -> LogNumber {
        LogNumber(self.log)
    }

    /// What is added to the sequences of the open log where events of all logs are ordered.
    pub fn base(&self) -> u64 {
        base(self.frozen.len())
    }

    /// The frames that are in no segment, in the order of their sequences.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.full.iter().flat_map(|group| group.iter()).chain(&self.last).map(Arc::as_ref)
    }

    /// The events of the frames, in the order of their sequences.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.frames().flat_map(Frame::rows)
    }

    /// The segments that have rows of the logs, in memory and on disk, in no order.
    pub fn segments(&self) -> Vec<SegmentPart> {
        let logs = || self.frozen.iter().copied().chain([self.log]).enumerate();
        let on_disk = self.manifest.segments.iter().flat_map(|handle| {
            logs().filter_map(|(place, log)| {
                let part = rows_of(&handle.entry.parts, log)?;
                Some(SegmentPart { part, base: base(place), place: Place::Disk(Arc::clone(handle)) })
            })
        });
        self.in_memory.iter().cloned().chain(on_disk).collect()
    }
}

/// The number of a log in its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogNumber(pub(crate) i64);

/// What is added to the sequences of a log that has so many before it: all of theirs come first.
fn base(logs_before: usize) -> u64 {
    const SEQUENCE_BITS: u32 = 48;
    (logs_before as u64) << SEQUENCE_BITS
}

/// The rows of a log among the parts of a segment, as one part.
pub(crate) fn rows_of(parts: &[Part], log: i64) -> Option<Part> {
    let start = parts.partition_point(|part| part.log < log);
    let mut of_log = parts.iter().skip(start).take_while(|part| part.log == log);
    let mut whole = of_log.next()?.clone();
    of_log.for_each(|part| whole.join(part));
    Some(whole)
}

/// The rows of a log in a segment, which is opened when it is needed.
#[derive(Debug, Clone)]
pub struct SegmentPart {
    /// Which rows, and what is known of them.
    pub part: Part,
    /// What is added to their sequences where events of all logs of their organization are ordered.
    pub base: u64,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Arc<Segment>),
    Disk(Arc<Handle>),
}

impl SegmentPart {
    /// The same, of the first log.
    fn first(&self) -> Self {
        Self { base: 0, ..self.clone() }
    }

    /// The log whose rows they are.
    pub fn log(&self) -> LogNumber {
        LogNumber(self.part.log)
    }

    /// The segment.
    ///
    /// An error says which file is missing or damaged.
    pub fn open(&self) -> Result<Arc<Segment>, Error> {
        match &self.place {
            Place::Memory(segment) => Ok(Arc::clone(segment)),
            Place::Disk(handle) => handle.segment(),
        }
    }
}

#[cfg(test)]
mod tests;
