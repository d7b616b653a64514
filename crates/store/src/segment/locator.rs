//! A locator: from a value that few rows share, such as an event's id, to the rows that may have it.
//!
//! ```text
//! LOCATOR := count:u32   universe:u32   bucket_bits:u8   STARTS   ENTRIES
//! STARTS  := number of the first entry of each bucket, and at last the count: u32{2 ^ bucket_bits + 1}
//! ENTRIES := (fingerprint + 256 × row):(8 + row_bits) bits, for each entry     row_bits: the width of universe - 1
//! ```
//!
//! Numbers are little-endian, entries are packed in the order of their hashes. The highest `bucket_bits` bits of a hash
//! say its bucket, the eight below them are its fingerprint. A bucket has 8 to 16 entries, so one of 16 to 32 look-ups
//! finds a row that has another value: whoever asks compares the values.

use super::pack::{Reader, Short, pack, packed_bytes, unpack, width_of};
use super::page::Section;
use crate::Error;

const HEAD_BYTES: u64 = 9;
const START_BYTES: u64 = 4;
const FINGERPRINT_BITS: u8 = 8;
/// At most, on average.
const BUCKET_ENTRIES: usize = 16;
/// For 2^28 entries.
const BUCKET_BITS_MAX: u8 = 24;
/// Entries that are unpacked at once: a multiple of eight, which begin at whole bytes.
const STEP_ENTRIES: u32 = 32;

/// The hash of a value. It is on disk, so it stays what it is.
///
/// ```text
/// mix(a, b) := the high half of a × b (128 bits) xor its low half
/// state     := A xor the value's length
/// for each whole 16 bytes, then, if bytes are left, for the last 16 of the value (a shorter one with zeros behind it):
///     state := mix(first eight bytes xor state, last eight bytes xor B)
/// hash      := mix(state xor B, A)
/// ```
///
/// Bytes are read as little-endian numbers; A and B are what π and e have behind the point, in 64 bits. Whoever
/// chooses values can make hashes meet: this costs time and nothing else, as values are compared.
pub fn hash(value: &[u8]) -> u64 {
    const A: u64 = 0x243f_6a88_85a3_08d3;
    const B: u64 = 0xb7e1_5162_8aed_2a6b;
    let mut state = A ^ value.len() as u64;
    let (whole, rest) = value.as_chunks::<16>();
    for sixteen in whole {
        state = mix_sixteen(sixteen, state, B);
    }
    if !rest.is_empty() {
        let mut padded = [0; 16];
        let last = value.last_chunk().unwrap_or_else(|| {
            padded.iter_mut().zip(value).for_each(|(slot, &byte)| *slot = byte);
            &padded
        });
        state = mix_sixteen(last, state, B);
    }
    mix(state ^ B, A)
}

fn mix_sixteen(sixteen: &[u8; 16], state: u64, key: u64) -> u64 {
    let number = u128::from_le_bytes(*sixteen);
    mix(number as u64 ^ state, (number >> 64) as u64 ^ key)
}

fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// A locator that is read.
#[derive(Debug, Clone)]
pub struct Locator {
    section: Section,
    count: u32,
    universe: u32,
    bucket_bits: u8,
    entries_start: u64,
}

impl Locator {
    /// Sorts entries of a value's [`hash`] and its row, which is below `universe`, and packs them.
    pub(crate) fn encode(entries: &mut [(u64, u32)], universe: u32) -> Vec<u8> {
        entries.sort_unstable();
        let bucket_bits = width_of((entries.len() / BUCKET_ENTRIES) as u64).min(BUCKET_BITS_MAX);
        let mut out = Vec::new();
        out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        out.extend_from_slice(&universe.to_le_bytes());
        out.push(bucket_bits);
        let mut rest = entries.iter().peekable();
        let mut number = 0u32;
        for bucket in 0..=1u64 << bucket_bits {
            while rest.next_if(|(hash, _)| bucket_of(*hash, bucket_bits) < bucket).is_some() {
                number += 1;
            }
            out.extend_from_slice(&number.to_le_bytes());
        }
        let width = entry_width(universe);
        let mut packed = Vec::with_capacity(STEP_ENTRIES as usize);
        for some in entries.chunks(STEP_ENTRIES as usize) {
            packed.clear();
            packed.extend(some.iter().map(|&(hash, row)| fingerprint_of(hash, bucket_bits) | u64::from(row) << 8));
            pack(&packed, width, &mut out);
        }
        out
    }

    /// Opens a locator which takes the whole section.
    pub(crate) fn open(section: Section) -> Result<Self, Error> {
        let head = section.read(0, HEAD_BYTES as usize)?;
        let mut reader = Reader::new(&head);
        let mut fields = || Ok((reader.u32()?, reader.u32()?, reader.u8()?));
        let (count, universe, bucket_bits) = fields().map_err(|e: Short| section.damaged(0, e))?;
        let starts = (1u64 << bucket_bits.min(BUCKET_BITS_MAX)) + 1;
        let entries_start = HEAD_BYTES + starts * START_BYTES;
        let end = entries_start + packed_bytes(count as usize, entry_width(universe)) as u64;
        if bucket_bits > BUCKET_BITS_MAX || end != section.len() {
            return Err(section.damaged(0, format!("{count} entries in 2^{bucket_bits} buckets do not fit")));
        }
        Ok(Self { section, count, universe, bucket_bits, entries_start })
    }

    /// Replaces what `out` holds by the rows whose value may have this [`hash`], ascending.
    pub fn candidates(&self, hash: u64, out: &mut Vec<u32>) -> Result<(), Error> {
        out.clear();
        let at = HEAD_BYTES + bucket_of(hash, self.bucket_bits) * START_BYTES;
        let bytes = self.section.read(at, 2 * START_BYTES as usize)?;
        let mut reader = Reader::new(&bytes);
        let mut ends = || Ok((reader.u32()?, reader.u32()?));
        let (start, end) = ends().map_err(|e: Short| self.section.damaged(at, e))?;
        if start > end || end > self.count {
            return Err(self.section.damaged(at, format!("a bucket from {start} to {end} of {}", self.count)));
        }
        let mut from = start - start % 8;
        while from < end {
            let until = end.min(from.saturating_add(STEP_ENTRIES));
            self.step(from, until, &mut |number, fingerprint, row| {
                if number >= start && fingerprint == fingerprint_of(hash, self.bucket_bits) {
                    out.push(row);
                }
            })?;
            from = until;
        }
        out.sort_unstable();
        out.dedup();
        Ok(())
    }

    /// Reads entries from a multiple of eight on.
    fn step(&self, from: u32, until: u32, each: &mut impl FnMut(u32, u64, u32)) -> Result<(), Error> {
        let width = entry_width(self.universe);
        let at = self.entries_start + packed_bytes(from as usize, width) as u64;
        let mut entries = [0; STEP_ENTRIES as usize];
        let entries = entries.get_mut(..(until - from) as usize).unwrap_or_default();
        let bytes = self.section.read(at, packed_bytes(entries.len(), width))?;
        unpack(&bytes, width, entries).map_err(|e| self.section.damaged(at, e))?;
        for (number, entry) in (from..until).zip(entries) {
            let row = (*entry >> FINGERPRINT_BITS) as u32;
            if row >= self.universe {
                return Err(self.section.damaged(at, format!("it holds row {row} of {}", self.universe)));
            }
            each(number, *entry & 0xff, row);
        }
        Ok(())
    }
}

/// The highest bits.
fn bucket_of(hash: u64, bucket_bits: u8) -> u64 {
    hash.checked_shr(64 - u32::from(bucket_bits)).unwrap_or_default()
}

/// The eight bits below those of the bucket.
fn fingerprint_of(hash: u64, bucket_bits: u8) -> u64 {
    hash << bucket_bits >> (64 - FINGERPRINT_BITS)
}

fn entry_width(universe: u32) -> u8 {
    FINGERPRINT_BITS + width_of(u64::from(universe.saturating_sub(1)))
}

#[cfg(test)]
mod tests;
