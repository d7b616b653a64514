//! Postings: the row sets of values, by the ordinal of the value.
//!
//! ```text
//! POSTINGS := count:u32   column_bytes:u32   STARTS   LIST{count}
//! STARTS   := COLUMN: where LIST 0, 16, 32, … begins, counted from LIST 0
//! LIST     := bytes:varint   ROWSET
//! ```
//!
//! Numbers are little-endian. To find a list, up to 15 lengths before it are read, not what they are the lengths of.

use std::ops::Range;

use bytes::Bytes;

use super::column::{Column, ColumnWriter};
use super::pack::{Reader, put_varint};
use super::page::Section;
use super::rowset::{RowSet, encode};
use crate::Error;

/// Lists for which there is one start.
const GROUP_LISTS: u32 = 16;
const HEAD_BYTES: usize = 8;
/// The longest varint of a length.
const LENGTH_BYTES_MAX: u64 = 5;
/// Bytes that are read at once to find a list.
const FIND_BYTES: u64 = 128;
/// Bytes that are read at once where all lists are wanted.
const SCAN_BYTES: u64 = 64 * 1024;
/// About what a list takes with its length, of a value that few rows have.
const LIST_BYTES: u64 = 8;

/// Writes lists in the order of their ordinals.
#[derive(Debug)]
pub(crate) struct PostingsWriter {
    universe: u32,
    count: u32,
    starts: ColumnWriter,
    lists: Vec<u8>,
    list: Vec<u8>,
}

impl PostingsWriter {
    /// For a segment of `universe` rows.
    pub(crate) fn new(universe: u32) -> Self {
        Self { universe, count: 0, starts: ColumnWriter::default(), lists: Vec::new(), list: Vec::new() }
    }

    /// Adds the rows of the next ordinal, ascending.
    pub(crate) fn push(&mut self, rows: &[u32]) {
        if self.count.is_multiple_of(GROUP_LISTS) {
            self.starts.push(self.lists.len() as i64);
        }
        self.list.clear();
        encode(rows, self.universe, &mut self.list);
        put_varint(&mut self.lists, self.list.len() as u64);
        self.lists.extend_from_slice(&self.list);
        self.count += 1;
    }

    /// All of it.
    pub(crate) fn finish(self) -> Vec<u8> {
        let column = self.starts.finish();
        let mut out = Vec::with_capacity(HEAD_BYTES + column.len() + self.lists.len());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&(column.len() as u32).to_le_bytes());
        out.extend_from_slice(&column);
        out.extend_from_slice(&self.lists);
        out
    }
}

/// Postings that are read.
#[derive(Debug, Clone)]
pub struct Postings {
    count: u32,
    universe: u32,
    starts: Column,
    lists: Section,
}

impl Postings {
    /// Opens postings which take the whole section, of a segment of `universe` rows.
    pub(crate) fn open(section: Section, universe: u32) -> Result<Self, Error> {
        let head = section.read(0, HEAD_BYTES)?;
        let mut reader = Reader::new(&head);
        let mut head = || Ok((reader.u32()?, u64::from(reader.u32()?)));
        let (count, column_bytes) = head().map_err(|e: super::pack::Short| section.damaged(0, e))?;
        let starts = Column::open(section.sub(HEAD_BYTES as u64, column_bytes)?)?;
        let lists_start = HEAD_BYTES as u64 + column_bytes;
        // Every list takes two bytes or more.
        let lists_bytes = section.len().saturating_sub(lists_start);
        if starts.len() != u64::from(count.div_ceil(GROUP_LISTS)) || lists_bytes / 2 < u64::from(count) {
            return Err(section.damaged(0, format!("{count} lists do not fit")));
        }
        Ok(Self { count, universe, starts, lists: section.sub(lists_start, lists_bytes)? })
    }

    /// How many ordinals there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows of an ordinal.
    pub fn get(&self, ordinal: u32) -> Result<RowSet, Error> {
        if ordinal >= self.count {
            return Err(self.lists.damaged(0, format!("list {ordinal} of {} was asked for", self.count)));
        }
        let start = self.starts.get(u64::from(ordinal / GROUP_LISTS))?;
        let mut scan = Scan { lists: &self.lists, bytes: Bytes::new(), start: start as u64, ahead: FIND_BYTES };
        for _ in 0..ordinal % GROUP_LISTS {
            let len = scan.length()?;
            scan.skip(len)?;
        }
        let len = scan.length()?;
        scan.set(len, self.universe)
    }

    /// Reads all lists, in the order of their ordinals.
    pub fn lists(&self) -> Lists<'_> {
        let scan = Scan { lists: &self.lists, bytes: Bytes::new(), start: 0, ahead: SCAN_BYTES };
        Lists { postings: self, scan, next: 0, end: self.count }
    }

    /// Reads the lists of a range of ordinals, in order.
    pub fn lists_in(&self, ordinals: Range<u32>) -> Result<Lists<'_>, Error> {
        let end = ordinals.end.min(self.count);
        if ordinals.start >= end {
            return Ok(Lists { next: end, end, ..self.lists() });
        }
        let start = self.starts.get(u64::from(ordinals.start / GROUP_LISTS))? as u64;
        // Few lists are not worth reading far ahead.
        let ahead = (u64::from(end - ordinals.start) * LIST_BYTES).clamp(FIND_BYTES, SCAN_BYTES);
        let mut scan = Scan { lists: &self.lists, bytes: Bytes::new(), start, ahead };
        for _ in 0..ordinals.start % GROUP_LISTS {
            let len = scan.length()?;
            scan.skip(len)?;
        }
        Ok(Lists { postings: self, scan, next: ordinals.start, end })
    }

    /// Gives the rows of each ordinal, in order.
    pub fn for_each(&self, mut each: impl FnMut(u32, RowSet) -> Result<(), Error>) -> Result<(), Error> {
        let mut lists = self.lists();
        for ordinal in 0..self.count {
            if let Some(rows) = lists.next()? {
                each(ordinal, rows)?;
            }
        }
        Ok(())
    }
}

/// Goes through the lists of postings.
#[derive(Debug)]
pub struct Lists<'p> {
    postings: &'p Postings,
    scan: Scan<'p>,
    next: u32,
    end: u32,
}

impl Lists<'_> {
    /// The rows of the next ordinal; none after the last.
    pub fn next(&mut self) -> Result<Option<RowSet>, Error> {
        if self.next == self.end {
            return Ok(None);
        }
        self.next += 1;
        let len = self.scan.length()?;
        let rows = self.scan.set(len, self.postings.universe)?;
        self.scan.skip(len)?;
        Ok(Some(rows))
    }
}

/// A place among the lists, and what was read from there on.
#[derive(Debug)]
struct Scan<'p> {
    lists: &'p Section,
    /// From `start` on.
    bytes: Bytes,
    start: u64,
    ahead: u64,
}

impl Scan<'_> {
    /// Reads further, unless as much as `wanted` is at hand.
    fn fill(&mut self, wanted: u64) -> Result<(), Error> {
        let left = self.lists.len().saturating_sub(self.start);
        if (self.bytes.len() as u64) < wanted.min(left) {
            self.bytes = self.lists.read(self.start, left.min(self.ahead) as usize)?;
        }
        Ok(())
    }

    /// Takes the length of a list.
    fn length(&mut self) -> Result<u64, Error> {
        self.fill(LENGTH_BYTES_MAX)?;
        let mut reader = Reader::new(&self.bytes);
        let len = reader.varint_u32().map_err(|e| self.lists.damaged(self.start, e))?;
        let taken = self.bytes.len() - reader.rest().len();
        self.skip(taken as u64)?;
        Ok(u64::from(len))
    }

    fn skip(&mut self, len: u64) -> Result<(), Error> {
        let end = self.start.checked_add(len).filter(|&end| end <= self.lists.len());
        self.start =
            end.ok_or_else(|| self.lists.damaged(self.start, format!("a list of {len} bytes does not fit")))?;
        self.bytes = match usize::try_from(len) {
            Ok(len) if len < self.bytes.len() => self.bytes.slice(len..),
            _ => Bytes::new(),
        };
        Ok(())
    }

    /// The list of `len` bytes that begins here.
    fn set(&mut self, len: u64, universe: u32) -> Result<RowSet, Error> {
        let section = self.lists.sub(self.start, len)?;
        if len <= self.ahead {
            self.fill(len)?;
            let head = self.bytes.slice(..self.bytes.len().min(len as usize));
            return RowSet::open_at_hand(section, head, universe);
        }
        RowSet::open(section, universe)
    }
}

#[cfg(test)]
mod tests;
