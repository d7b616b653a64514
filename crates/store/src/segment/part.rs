//! A part: the rows of one log in a segment that happened on one day, or on several where days are few rows each.
//!
//! Parts are what the manifest knows of a segment: they say which segments a query has to look at, they carry the sum
//! that every rewrite must arrive at again, and they can be dropped one by one.

use std::ops::Range;

use super::pack::{Reader, put_varint, unzigzag, zigzag};

/// The nanoseconds of a day.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// The rows of one log in a segment, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The log.
    pub log: i64,
    /// Its rows.
    pub rows: Range<u32>,
    /// The earliest and the latest `occurred_at`, in nanoseconds since 1970.
    pub occurred_ns: (i64, i64),
    /// The earliest and the latest `recorded_at`, in milliseconds since 1970.
    pub recorded_ms: (i64, i64),
    /// The least and the greatest sequence.
    pub sequences: (u64, u64),
    /// The sum of the checksums of its events: CRC-32 of sequence, `recorded_ms`, salt and canonical bytes.
    pub content: u64,
}

/// Where an event is in its log, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) log: i64,
    pub(crate) occurred_ns: i64,
    pub(crate) sequence: u64,
    pub(crate) recorded_ms: i64,
}

impl Key {
    /// The order of rows: by log, the newest first.
    pub(crate) fn rank(&self) -> (i64, i64, u64) {
        (self.log, !self.occurred_ns, !self.sequence)
    }
}

/// The checksum of one event.
pub(crate) fn content_of(sequence: u64, recorded_ms: i64, salt: &[u8], canonical: &[u8]) -> u64 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&sequence.to_le_bytes());
    crc.update(&recorded_ms.to_le_bytes());
    crc.update(salt);
    crc.update(canonical);
    u64::from(crc.finalize())
}

impl Part {
    /// A part of one row.
    pub(crate) fn of_row(row: u32, key: &Key, content: u64) -> Self {
        Self {
            log: key.log,
            rows: row..row + 1,
            occurred_ns: (key.occurred_ns, key.occurred_ns),
            recorded_ms: (key.recorded_ms, key.recorded_ms),
            sequences: (key.sequence, key.sequence),
            content,
        }
    }

    /// The same part where its rows lie elsewhere.
    pub(crate) fn at(&self, first_row: u32) -> Self {
        Self { rows: first_row..first_row + self.len(), ..self.clone() }
    }

    /// Takes in a part of the same log whose rows follow.
    pub(crate) fn join(&mut self, next: &Part) {
        self.rows.end = next.rows.end;
        self.widen(next);
    }

    /// Takes in what is known of another part, but not where its rows are.
    pub(crate) fn widen(&mut self, other: &Part) {
        let wider = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        self.occurred_ns = wider(self.occurred_ns, other.occurred_ns);
        self.recorded_ms = wider(self.recorded_ms, other.recorded_ms);
        self.sequences = (self.sequences.0.min(other.sequences.0), self.sequences.1.max(other.sequences.1));
        self.content = self.content.wrapping_add(other.content);
    }

    /// How many rows it has.
    pub fn len(&self) -> u32 {
        self.rows.end - self.rows.start
    }

    /// Whether it has none. It always has.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The day of its rows, in days since 1970, if they are of one.
    pub(crate) fn day(&self) -> Option<i64> {
        let day = self.occurred_ns.0.div_euclid(DAY_NS);
        (day == self.occurred_ns.1.div_euclid(DAY_NS)).then_some(day)
    }
}

/// Writes parts, in the order of their rows.
///
/// ```text
/// PARTS := count:varint PART{count}
/// PART  := log:zigzag rows:varint occurred_min:zigzag (max - min):varint recorded_min:zigzag (max - min):varint
///          sequence_min:varint (max - min):varint content:varint
/// ```
pub(crate) fn write(parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, parts.len() as u64);
    for part in parts {
        put_varint(&mut out, zigzag(part.log));
        put_varint(&mut out, u64::from(part.len()));
        for (min, max) in [part.occurred_ns, part.recorded_ms] {
            put_varint(&mut out, zigzag(min));
            put_varint(&mut out, max.wrapping_sub(min) as u64);
        }
        put_varint(&mut out, part.sequences.0);
        put_varint(&mut out, part.sequences.1.wrapping_sub(part.sequences.0));
        put_varint(&mut out, part.content);
    }
    out
}

/// Reads parts.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Part>, String> {
    let mut reader = Reader::new(bytes);
    let count = reader.varint()?;
    let mut parts = Vec::new();
    let mut row = 0u32;
    for _ in 0..count {
        let log = unzigzag(reader.varint()?);
        let rows = u32::try_from(reader.varint()?).map_err(|_| "a part has too many rows")?;
        let end = row.checked_add(rows).filter(|end| *end > row).ok_or("a part has no rows, or too many")?;
        let mut pair = || -> Result<(i64, i64), String> {
            let min = unzigzag(reader.varint()?);
            Ok((min, min.wrapping_add(reader.varint()? as i64)))
        };
        let (occurred_ns, recorded_ms) = (pair()?, pair()?);
        let first = reader.varint()?;
        let sequences = (first, first.wrapping_add(reader.varint()?));
        parts.push(Part { log, rows: row..end, occurred_ns, recorded_ms, sequences, content: reader.varint()? });
        row = end;
    }
    if reader.is_empty() { Ok(parts) } else { Err("the parts end too late".to_owned()) }
}
