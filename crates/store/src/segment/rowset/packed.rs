//! A row set in blocks of 128 packed gaps, with a table to skip blocks by.

use std::ops::Range;

use bytes::Bytes;

use super::{Source, slice_in};
use crate::Error;
use crate::segment::pack::{Reader, packed_bytes, unpack, unpack_128_u32};

/// Rows of a block.
pub(super) const BLOCK_ROWS: usize = 128;
/// Bytes of a block's entry in the skip table.
pub(super) const SKIP_BYTES: usize = 8;
/// Entries of the skip table that are read at once.
const WINDOW_SKIPS: u32 = 64;
/// Width and 32 bits a row.
const BLOCK_BYTES_MAX: u64 = 1 + 4 * BLOCK_ROWS as u64;
/// Bytes of blocks that are read at once where all are wanted.
const AHEAD_BYTES: u64 = 8 * 1024;

/// Where the set lies.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    source: Source,
    count: u32,
    universe: u32,
    blocks: u32,
    /// Within the set.
    skips_start: u64,
    blocks_start: u64,
}

impl Packed {
    pub(super) fn open(source: Source, count: u32, universe: u32, skips_start: u64) -> Result<Self, Error> {
        let blocks = count.div_ceil(BLOCK_ROWS as u32);
        let blocks_start = skips_start + u64::from(blocks) * SKIP_BYTES as u64;
        if blocks_start > source.len() || count == 0 {
            return Err(source.damaged(0, format!("a set of {count} rows does not fit")));
        }
        Ok(Self { source, count, universe, blocks, skips_start, blocks_start })
    }

    /// Rows of a block.
    fn rows_of(&self, block: u32) -> usize {
        (self.count as usize).saturating_sub(block as usize * BLOCK_ROWS).min(BLOCK_ROWS)
    }
}

/// Reads blocks, and keeps the last one and what was read around it.
#[derive(Debug)]
pub(super) struct PackedReader {
    packed: Packed,
    /// Entries of the skip table, from that of this block on.
    skips: Bytes,
    skips_block: u32,
    /// Bytes of blocks, from this place after `blocks_start` on.
    ahead: Bytes,
    ahead_start: u64,
    is_scan: bool,
    block: Option<u32>,
    rows: [u32; BLOCK_ROWS],
}

impl PackedReader {
    pub(super) fn new(packed: Packed) -> Self {
        Self {
            packed,
            skips: Bytes::new(),
            skips_block: 0,
            ahead: Bytes::new(),
            ahead_start: 0,
            is_scan: false,
            block: None,
            rows: [0; BLOCK_ROWS],
        }
    }

    pub(super) fn blocks(&self) -> u32 {
        self.packed.blocks
    }

    /// The rows of the block that was loaded last; none before.
    pub(super) fn rows(&self) -> &[u32] {
        let count = self.block.map_or(0, |block| self.packed.rows_of(block));
        self.rows.get(..count).unwrap_or_default()
    }

    pub(super) fn block(&self) -> Option<u32> {
        self.block
    }

    /// First row and offset of a block. After the last block: the universe, and where the blocks end.
    fn skip(&mut self, block: u32, is_probe: bool) -> Result<(u32, u64), Error> {
        let packed = &self.packed;
        if block >= packed.blocks {
            return Ok((packed.universe, packed.source.len() - packed.blocks_start));
        }
        if let Some(entry) = self.skip_at_hand(block) {
            return Ok(entry);
        }
        let at = packed.skips_start + u64::from(block) * SKIP_BYTES as u64;
        let count = if is_probe { 1 } else { (packed.blocks - block).min(WINDOW_SKIPS) };
        let bytes = packed.source.read(at, count as usize * SKIP_BYTES)?;
        let entry = entry_at(&bytes, 0);
        let entry = entry.ok_or_else(|| packed.source.damaged(at, "its skip table ends too early"))?;
        if !is_probe {
            self.skips = bytes;
            self.skips_block = block;
        }
        Ok(entry)
    }

    fn skip_at_hand(&self, block: u32) -> Option<(u32, u64)> {
        entry_at(&self.skips, block.checked_sub(self.skips_block)? as usize)
    }

    /// The last block from `from` on whose first row is at most `row`; `from` if there is none.
    pub(super) fn find(&mut self, row: u32, from: u32) -> Result<u32, Error> {
        let (mut low, mut step) = (from, 1);
        let mut high = loop {
            let probe = low.saturating_add(step);
            if probe >= self.packed.blocks {
                break self.packed.blocks;
            }
            if self.skip(probe, true)?.0 > row {
                break probe;
            }
            low = probe;
            step *= 2;
        };
        while high - low.min(high) > 1 {
            let middle = low + (high - low) / 2;
            if self.skip(middle, true)?.0 <= row {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Decodes a block, unless it is the one that was loaded last.
    pub(super) fn load(&mut self, block: u32) -> Result<(), Error> {
        if self.block == Some(block) {
            return Ok(());
        }
        self.block = None;
        let (first, start) = self.skip(block, false)?;
        let (bound, end) = self.skip(block.saturating_add(1), false)?;
        let count = self.packed.rows_of(block);
        self.read_ahead(start, end)?;
        let at = self.packed.blocks_start.saturating_add(start);
        let from = (start - self.ahead_start) as usize;
        let bytes = self.ahead.get(from..from + (end - start) as usize).unwrap_or_default();
        match decode(bytes, count, first, &mut self.rows) {
            Ok(last) if last < u64::from(bound) && bound <= self.packed.universe => {
                self.block = Some(block);
                Ok(())
            }
            Ok(last) => Err(self.packed.source.damaged(at, format!("row {last} is followed by {bound}"))),
            Err(reason) => Err(self.packed.source.damaged(at, reason)),
        }
    }

    /// Makes the bytes from `start` to `end` after `blocks_start` be at hand.
    fn read_ahead(&mut self, start: u64, end: u64) -> Result<(), Error> {
        let packed = &self.packed;
        let all = packed.source.len() - packed.blocks_start;
        if start > end || end > all || end - start > BLOCK_BYTES_MAX {
            let at = packed.blocks_start.saturating_add(start);
            return Err(packed.source.damaged(at, format!("a block from {start} to {end} of {all} bytes")));
        }
        let is_at_hand = start >= self.ahead_start && end <= self.ahead_start + self.ahead.len() as u64;
        if !is_at_hand {
            let until = if self.is_scan { end.max(start.saturating_add(AHEAD_BYTES).min(all)) } else { end };
            self.ahead = packed.source.read(packed.blocks_start + start, (until - start) as usize)?;
            self.ahead_start = start;
        }
        Ok(())
    }

    /// How many rows of a range that is not empty.
    pub(super) fn count_in(&mut self, range: &Range<u32>) -> Result<u32, Error> {
        let (start, end) = (self.rank(range.start)?, self.rank(range.end)?);
        let count = end.checked_sub(start).filter(|&count| count <= range.end - range.start);
        count.ok_or_else(|| self.packed.source.damaged(0, format!("its ranks {start} and {end} contradict")))
    }

    /// How many rows are below this one.
    fn rank(&mut self, row: u32) -> Result<u32, Error> {
        if row == 0 {
            return Ok(0);
        }
        if row >= self.packed.universe {
            return Ok(self.packed.count);
        }
        // A block's first row says enough where the row is not inside of a block.
        let block = self.find(row, 0)?;
        if row <= self.skip(block, true)?.0 {
            return Ok(block * BLOCK_ROWS as u32);
        }
        self.load(block)?;
        Ok(block * BLOCK_ROWS as u32 + self.rows().partition_point(|&member| member < row) as u32)
    }

    /// Gives the rows of a range in slices, ascending, until `each` says false.
    pub(super) fn for_each_slice(
        &mut self,
        range: &Range<u32>,
        each: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<(), Error> {
        if range.is_empty() {
            return Ok(());
        }
        self.is_scan = true;
        for block in self.find(range.start, 0)?..self.packed.blocks {
            if self.skip(block, false)?.0 >= range.end {
                break;
            }
            self.load(block)?;
            let rows = self.rows();
            let is_inside =
                rows.first().is_some_and(|&row| row >= range.start) && rows.last().is_some_and(|&row| row < range.end);
            if !each(if is_inside { rows } else { slice_in(rows, range) }) {
                break;
            }
        }
        Ok(())
    }
}

fn entry_at(skips: &[u8], index: usize) -> Option<(u32, u64)> {
    let entry = skips.get(index.checked_mul(SKIP_BYTES)?..)?.first_chunk::<SKIP_BYTES>()?;
    let entry = u64::from_le_bytes(*entry);
    Some((entry as u32, entry >> 32))
}

/// Decodes a block of `count` rows and gives the last. Rows ascend, so only the last need be compared with a bound, and
/// no row was cut off if it is below one.
fn decode(bytes: &[u8], count: usize, first: u32, rows: &mut [u32; BLOCK_ROWS]) -> Result<u64, String> {
    let mut reader = Reader::new(bytes);
    let width = reader.u8()?;
    if width > 32 || packed_bytes(count, width) != reader.rest().len() {
        return Err(format!("a block of {count} rows of {width} bits is of {} bytes", bytes.len()));
    }
    if count == BLOCK_ROWS {
        unpack_128_u32(reader.rest(), width, rows)?;
    } else {
        let mut gaps = [0; BLOCK_ROWS];
        unpack(reader.rest(), width, gaps.get_mut(..count).unwrap_or_default())?;
        rows.iter_mut().zip(gaps).for_each(|(row, gap)| *row = gap as u32);
    }
    if rows.first() != Some(&0) {
        return Err("the first gap of a block is not 0".to_owned());
    }
    let mut next = u64::from(first);
    for row in rows.iter_mut().take(count) {
        next += u64::from(*row);
        *row = next as u32;
        next += 1;
    }
    Ok(next.wrapping_sub(1))
}
