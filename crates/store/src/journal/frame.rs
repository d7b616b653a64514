//! A frame: events of one organization that were committed together, one row of the journal.
//!
//! ```text
//! FRAME  := version:u8 = 1   crc32:u32   count:u32   text_bytes:u32   EVENT{count}   TEXT
//! EVENT  := salt:[u8;16]   inner:[u8;32]   canonical_bytes:u32
//! TEXT   := zstd( canonical bytes of every event, one after the other )
//! ```
//!
//! Numbers are little-endian; the checksum is CRC-32 (IEEE) of all that follows it. Salts and hashes lie apart from the
//! text because they do not compress. Log, first sequence and time of recording are columns of the row.
//!
//! Any bytes give a frame or an error; nothing is allocated above what the header may ask for.

use std::cell::RefCell;

use trailbook_event::limits::{BATCH_EVENTS_MAX, COMMIT_EVENTS_MAX, FRAME_TEXT_BYTES_MAX};
use trailbook_event::seal::SALT_BYTES;
use trailbook_event::{Sealed, Span, canonical, json, normalise, seal};

use crate::recent::{Frame, RowDraft};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 13;
const EVENT_BYTES: usize = SALT_BYTES + 32 + 4;
/// Fast, and within a tenth of the size of slower levels for JSON of this kind.
const ZSTD_LEVEL: i32 = 1;
/// A commit starts below its limit and takes one more write whole.
const EVENTS_MAX: usize = COMMIT_EVENTS_MAX + BATCH_EVENTS_MAX;

/// A frame that is ready to be inserted, and the same in the form that is searched.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The row's payload.
    pub(crate) payload: Vec<u8>,
    /// What becomes recent, once it is committed.
    pub(crate) frame: Frame,
}

/// Encodes events in their order.
pub(crate) fn encode(events: &[Sealed]) -> Result<Encoded, String> {
    let text_bytes: usize = events.iter().map(|event| event.canonical().len()).sum();
    if events.len() > EVENTS_MAX || text_bytes > FRAME_TEXT_BYTES_MAX {
        return Err(format!("{} events of {text_bytes} bytes are too many for one frame", events.len()));
    }
    let mut frame = Frame::with_capacity(events.len(), text_bytes);
    let mut payload = Vec::with_capacity(HEADER_BYTES + events.len() * EVENT_BYTES + text_bytes / 4);
    payload.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    payload.extend_from_slice(&(events.len() as u32).to_le_bytes());
    payload.extend_from_slice(&(text_bytes as u32).to_le_bytes());
    for event in events {
        payload.extend_from_slice(event.salt());
        payload.extend_from_slice(event.inner());
        payload.extend_from_slice(&(event.canonical().len() as u32).to_le_bytes());
        frame.push(RowDraft {
            canonical: event.canonical(),
            spans: event.spans(),
            salt: *event.salt(),
            inner: *event.inner(),
            occurred_ns: event.occurred_at().nanos(),
        });
    }
    let text = compress(frame.text()).map_err(|e| format!("zstd: {e}"))?;
    payload.extend_from_slice(&text);
    let crc = crc32fast::hash(payload.get(5..).unwrap_or_default());
    if let Some(slot) = payload.get_mut(1..5) {
        slot.copy_from_slice(&crc.to_le_bytes());
    }
    Ok(Encoded { payload, frame })
}

/// Compresses with a context that the thread keeps: making one takes longer than compressing a small frame.
fn compress(text: &[u8]) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|kept| {
        let mut compressor = match kept.take() {
            Some(compressor) => compressor,
            None => zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
        };
        let compressed = compressor.compress(text)?;
        Ok(kept.insert(compressor)).map(|_| compressed)
    })
}

/// Decodes a frame into the form that is searched. The error says what is wrong with the bytes.
pub(crate) fn decode(payload: &[u8]) -> Result<Frame, String> {
    let mut reader = Reader(payload);
    let version = reader.take(1)?.first().copied().unwrap_or_default();
    if version != VERSION {
        return Err(format!("its version is {version}, this trailbook reads {VERSION}"));
    }
    let crc = reader.number()?;
    if crc32fast::hash(reader.0) != crc {
        return Err("its checksum is wrong".to_owned());
    }
    let count = reader.number()? as usize;
    let text_bytes = reader.number()? as usize;
    if count > EVENTS_MAX || text_bytes > FRAME_TEXT_BYTES_MAX {
        return Err(format!("{count} events of {text_bytes} bytes are too many for one frame"));
    }
    let mut events = Reader(reader.take(count * EVENT_BYTES)?);
    let text = zstd::bulk::decompress(reader.0, text_bytes).map_err(|e| format!("zstd: {e}"))?;
    let mut rest = Reader(&text);
    let mut frame = Frame::with_capacity(count, text.len());
    for _ in 0..count {
        let salt = *events.take(SALT_BYTES)?.first_chunk().ok_or("it ends too early")?;
        let inner = *events.take(32)?.first_chunk().ok_or("it ends too early")?;
        let canonical = rest.take(events.number()? as usize)?;
        if seal::inner(&salt, canonical) != inner {
            return Err("an event is not the one that was sealed".to_owned());
        }
        let (occurred_ns, spans) = reread(canonical)?;
        frame.push(RowDraft { canonical, spans: &spans, salt, inner, occurred_ns });
    }
    if !rest.0.is_empty() {
        return Err("its text is longer than its events".to_owned());
    }
    Ok(frame)
}

/// Reads canonical bytes once more for what the event's seal knew of them.
fn reread(bytes: &[u8]) -> Result<(i64, Vec<Span>), String> {
    let event = json::parse(bytes)
        .map_err(trailbook_event::Error::from)
        .and_then(normalise::from_canonical)
        .map_err(|e| format!("an event is not canonical: {e} at {:?}", e.pointer()))?;
    let again = canonical::write(&event);
    if again.bytes != bytes {
        return Err("an event is not canonical: it reads otherwise than it is written".to_owned());
    }
    Ok((event.occurred_at.nanos(), again.spans))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?.try_into().map_err(|_| "it ends too early")?;
        Ok(u32::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests;
