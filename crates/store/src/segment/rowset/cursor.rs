//! A cursor over a row set, which skips what is not asked for.

use std::sync::Arc;

use super::bitmap::{Bitmap, Chunk};
use super::packed::PackedReader;
use super::{Form, RowSet};
use crate::Error;

/// Goes through a row set in ascending order. Keeps the block of rows that it is in.
#[derive(Debug)]
pub struct Cursor(Place);

#[derive(Debug)]
enum Place {
    Run { next: u32, end: u32 },
    Rows { rows: Arc<[u32]>, next: usize },
    Packed { reader: Box<PackedReader>, next: usize },
    Bitmap(Box<BitmapPlace>),
}

#[derive(Debug)]
struct BitmapPlace {
    bitmap: Bitmap,
    chunk: Option<u32>,
    words: Chunk,
}

impl Cursor {
    pub(super) fn new(set: &RowSet) -> Self {
        Self(match &set.form {
            Form::Run(first) => Place::Run { next: *first, end: first.saturating_add(set.count) },
            Form::Rows(rows) => Place::Rows { rows: Arc::clone(rows), next: 0 },
            Form::Packed(packed) => Place::Packed { reader: Box::new(PackedReader::new(packed.clone())), next: 0 },
            Form::Bitmap(bitmap) => {
                Place::Bitmap(Box::new(BitmapPlace { bitmap: bitmap.clone(), chunk: None, words: [0; 64] }))
            }
        })
    }

    /// The least member that is at least `row`. Rows asked for must not go back; for one that does, the answer may be a
    /// later member.
    pub fn seek(&mut self, row: u32) -> Result<Option<u32>, Error> {
        match &mut self.0 {
            Place::Run { next, end } => {
                *next = row.max(*next);
                Ok((*next < *end).then_some(*next))
            }
            Place::Rows { rows, next } => {
                *next += advance(rows.get(*next..).unwrap_or_default(), row);
                Ok(rows.get(*next).copied())
            }
            Place::Packed { reader, next } => seek_packed(reader, next, row),
            Place::Bitmap(place) => place.seek(row),
        }
    }
}

/// How many of these rows, which ascend, are below `row`. Quick where it is few.
fn advance(rows: &[u32], row: u32) -> usize {
    let mut step = 1;
    while rows.get(step - 1).is_some_and(|&member| member < row) {
        step *= 2;
    }
    let from = step / 2;
    let rest = rows.get(from..rows.len().min(step)).unwrap_or_default();
    from + rest.partition_point(|&member| member < row)
}

fn seek_packed(reader: &mut PackedReader, next: &mut usize, row: u32) -> Result<Option<u32>, Error> {
    *next += advance(reader.rows().get(*next..).unwrap_or_default(), row);
    if let Some(&member) = reader.rows().get(*next) {
        return Ok(Some(member));
    }
    let from = reader.block().map_or(0, |block| block + 1);
    if from >= reader.blocks() {
        return Ok(None);
    }
    let block = reader.find(row, from)?;
    reader.load(block)?;
    *next = advance(reader.rows(), row);
    if *next == reader.rows().len() && block + 1 < reader.blocks() {
        // The row is after this block's last and before the next block's first.
        reader.load(block + 1)?;
        *next = 0;
    }
    Ok(reader.rows().get(*next).copied())
}

impl BitmapPlace {
    fn seek(&mut self, row: u32) -> Result<Option<u32>, Error> {
        let all = self.bitmap.words();
        let (mut word, mut from) = (row / 64, row % 64);
        if word < all.start {
            (word, from) = (all.start, 0);
        }
        while word < all.end {
            let (chunk, place) = self.bitmap.place(word);
            if self.chunk != Some(chunk) {
                self.chunk = None;
                self.bitmap.read(chunk, &mut self.words)?;
                self.chunk = Some(chunk);
            }
            for &members in self.words.get(place..).unwrap_or_default() {
                let members = members & (u64::MAX << from);
                if members != 0 {
                    return Ok(Some(word * 64 + members.trailing_zeros()));
                }
                (word, from) = (word.saturating_add(1), 0);
            }
        }
        Ok(None)
    }
}
