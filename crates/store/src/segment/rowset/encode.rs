//! Writes a row set in the smallest of its forms.

use super::packed::{BLOCK_ROWS, SKIP_BYTES};
use super::{ALL, BITMAP, FEW_ROWS_MAX, PACKED, RUN};
use crate::segment::pack::{pack, packed_bytes, put_varint, varint_bytes, width_of};

/// Words between two ranks of a bitmap.
pub(super) const RANK_WORDS: u32 = 64;

/// Appends a set of rows, which ascend and are below `universe`.
pub(crate) fn encode(rows: &[u32], universe: u32, out: &mut Vec<u8>) {
    debug_assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
    let count = rows.len() as u32;
    let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else {
        return out.push(0);
    };
    debug_assert!(last < universe, "row {last} of {universe}");
    if count == universe {
        return out.push(ALL);
    }
    let is_run = last - first == count - 1;
    let run = varint_bytes(u64::from(count)) + varint_bytes(u64::from(first));
    let few = if rows.len() <= FEW_ROWS_MAX { gaps(rows).map(varint_bytes).sum() } else { usize::MAX };
    if is_run && run < few {
        out.push(RUN);
        put_varint(out, u64::from(count));
        return put_varint(out, u64::from(first));
    }
    let (packed, bitmap) = (packed_size(rows), bitmap_size(first, last));
    if few <= packed.min(bitmap) {
        out.push(count as u8);
        gaps(rows).for_each(|gap| put_varint(out, gap));
    } else if packed <= bitmap {
        encode_packed(rows, out);
    } else {
        encode_bitmap(rows, out);
    }
}

/// How many rows are left out before each.
fn gaps(rows: &[u32]) -> impl Iterator<Item = u64> {
    let mut next = 0;
    rows.iter().map(move |&row| {
        let gap = u64::from(row).wrapping_sub(next);
        next = u64::from(row) + 1;
        gap
    })
}

/// The widest gap of a block, without the one before its first row.
fn block_width(block: &[u32]) -> u8 {
    let pairs = block.iter().zip(block.iter().skip(1));
    width_of(pairs.map(|(row, next)| u64::from(next.wrapping_sub(*row).wrapping_sub(1))).max().unwrap_or_default())
}

/// Without form and count, which FEW lacks: so that FEW is preferred where they hardly differ.
fn packed_size(rows: &[u32]) -> usize {
    rows.chunks(BLOCK_ROWS).map(|block| SKIP_BYTES + 1 + packed_bytes(block.len(), block_width(block))).sum()
}

pub(super) fn encode_packed(rows: &[u32], out: &mut Vec<u8>) {
    out.push(PACKED);
    put_varint(out, rows.len() as u64);
    let mut blocks = Vec::new();
    let mut block_gaps = Vec::with_capacity(BLOCK_ROWS);
    for block in rows.chunks(BLOCK_ROWS) {
        let first = block.first().copied().unwrap_or_default();
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
        block_gaps.clear();
        block_gaps.push(0);
        block_gaps.extend(gaps(block).skip(1));
        let width = block_width(block);
        blocks.push(width);
        pack(&block_gaps, width, &mut blocks);
    }
    out.extend_from_slice(&blocks);
}

/// Without form and count.
fn bitmap_size(first: u32, last: u32) -> usize {
    let words = last / 64 - first / 64 + 1;
    words as usize * 8 + words.div_ceil(RANK_WORDS) as usize * 4
}

pub(super) fn encode_bitmap(rows: &[u32], out: &mut Vec<u8>) {
    let (first, last) = (rows.first().copied().unwrap_or_default(), rows.last().copied().unwrap_or_default());
    let first_word = first / 64;
    let mut words = vec![0u64; (last / 64 - first_word + 1) as usize];
    for &row in rows {
        if let Some(word) = words.get_mut((row / 64 - first_word) as usize) {
            *word |= 1 << (row % 64);
        }
    }
    out.push(BITMAP);
    for number in [rows.len() as u64, u64::from(first_word), words.len() as u64] {
        put_varint(out, number);
    }
    let mut rank = 0u32;
    for chunk in words.chunks(RANK_WORDS as usize) {
        out.extend_from_slice(&rank.to_le_bytes());
        rank += chunk.iter().map(|word| word.count_ones()).sum::<u32>();
    }
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}
