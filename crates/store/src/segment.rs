//! A segment: rows and their index, immutable, each a file or in memory.
//!
//! Rows are sorted by log, newest first, and lie in blocks of 64; the index says for every value of every field which
//! rows have it. Rows are primary: the index can be made again from them. `docs/format.md` gives both files as a
//! grammar.
//!
//! ```text
//! frames ─► chunk    a small segment in memory, built once an event: values and words become row sets here
//! chunks ─► merge    a segment on disk: dictionaries are merged, row sets mapped, nothing is parsed again
//! segments ─► merge  compaction, the same
//! ```

pub(crate) mod block;
pub(crate) mod build;
pub(crate) mod column;
pub(crate) mod column_name;
pub(crate) mod dictionary;
#[cfg(test)]
mod golden;
pub(crate) mod intern;
pub(crate) mod locator;
pub(crate) mod merge;
pub(crate) mod pack;
pub(crate) mod page;
pub(crate) mod part;
pub(crate) mod postings;
pub(crate) mod read;
pub(crate) mod rowset;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod shape;
pub(crate) mod writer;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use trailbook_event::Field;
use trailbook_event::limits::SEGMENT_ROWS_MAX;

use crate::Error;
use block::{Layout, Storage};
use pack::Reader;
use page::{Section, Sections};
use shape::Shape;

pub use block::BLOCK_ROWS;
pub use column::{Column, GROUP as COLUMN_GROUP};
pub use column_name::ColumnName;
pub use dictionary::Dictionary;
pub use locator::Locator;
pub use locator::hash;
pub use part::Part;
pub use postings::Postings;
pub use read::{GroupReader as ColumnReader, RowReader};
pub use rowset::{Bits, Cursor, RowSet};

/// Begins a file of rows.
const ROWS_MAGIC: [u8; 8] = *b"tb-rows1";
/// Begins an index.
const INDEX_MAGIC: [u8; 8] = *b"tb-index";
/// Stands for "no dictionary" where the bits of an ordinal would be.
const INLINE: u8 = 255;

/// The sections of a file of rows.
pub(crate) mod rows_section {
    /// Row blocks; the key says whether their texts are compressed.
    pub(crate) const BLOCKS: u16 = 1;
    /// Where each block starts, and where the last one ends.
    pub(crate) const STARTS: u16 = 2;
    /// `occurred_at` of each row, in nanoseconds.
    pub(crate) const OCCURRED: u16 = 3;
    /// The sequence of each row.
    pub(crate) const SEQUENCE: u16 = 4;
    /// `recorded_at` of each row, in milliseconds.
    pub(crate) const RECORDED: u16 = 5;
    /// The parts.
    pub(crate) const PARTS: u16 = 6;
    /// The columns.
    pub(crate) const COLUMNS: u16 = 7;
    /// The shapes of events.
    pub(crate) const SHAPES: u16 = 8;
    /// The shapes of `meta`.
    pub(crate) const META_SHAPES: u16 = 9;
    /// The dictionary of a column; the key is its number.
    pub(crate) const DICTIONARY: u16 = 10;
    /// The zstd dictionary of the blocks.
    pub(crate) const TRAINED: u16 = 11;
}

/// The sections of an index.
pub(crate) mod index_section {
    /// The number of rows, and the checksum of the file of rows.
    pub(crate) const HEAD: u16 = 1;
    /// For each value of a column's dictionary its rows; the key is the column.
    pub(crate) const POSTINGS: u16 = 2;
    /// The rows that have any value of a column.
    pub(crate) const PRESENT: u16 = 3;
    /// From the hash of a value to rows, for a column without a dictionary.
    pub(crate) const LOCATOR: u16 = 4;
    /// The words.
    pub(crate) const WORDS: u16 = 5;
    /// For each word its rows.
    pub(crate) const WORD_POSTINGS: u16 = 6;
    /// Rows with more than one target.
    pub(crate) const MANY_TARGETS: u16 = 7;
    /// Rows whose `meta` is stored as it is: its paths are not indexed.
    pub(crate) const OPAQUE_META: u16 = 8;
}

/// An opened segment.
#[derive(Debug)]
pub struct Segment {
    /// Its number in the manifest; 0 in memory.
    id: i64,
    name: String,
    rows: u32,
    parts: Vec<Part>,
    is_compressed: bool,
    trained: Option<block::Trained>,
    layout: Layout,
    columns: Vec<ColumnName>,
    by_name: HashMap<ColumnName, u32>,
    dictionaries: Vec<Option<Dictionary>>,
    loaded: Vec<OnceLock<read::Loaded>>,
    blocks: Section,
    starts: Column,
    occurred: Column,
    sequence: Column,
    recorded: Column,
    rows_file: Sections,
    index: Sections,
}

/// What the index knows of a column's values.
#[derive(Debug)]
pub enum Values<'a> {
    /// Every value with its rows.
    Listed(&'a Dictionary, Postings),
    /// From the hash of a value to rows that may have it.
    Located(Locator),
    /// Only which rows have any.
    Unlisted,
}

impl Segment {
    /// Opens a segment from its two files.
    pub(crate) fn open(id: i64, name: String, rows_file: Sections, index: Sections) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { what: format!("the segment {name}"), reason };
        let needed = |kind: u16| {
            let missing = || damaged(format!("its section {kind} is missing"));
            rows_file.section(kind, 0).ok_or_else(missing)
        };
        let whole = |kind: u16| needed(kind).and_then(|section| read_whole(&section));
        let (is_compressed, blocks) = match rows_file.section(rows_section::BLOCKS, 1) {
            Some(blocks) => (true, blocks),
            None => (false, needed(rows_section::BLOCKS)?),
        };
        let parts = part::read(&whole(rows_section::PARTS)?).map_err(&damaged)?;
        let rows = parts.last().map_or(0, |part| part.rows.end);
        let (columns, storage) = read_columns(&whole(rows_section::COLUMNS)?).map_err(&damaged)?;
        let shapes = |kind: u16, is_meta| read_shapes(&whole(kind)?, &columns, is_meta).map_err(&damaged);
        let by_name: HashMap<_, _> = columns.iter().cloned().zip(0u32..).collect();
        let layout = Layout {
            events: shapes(rows_section::SHAPES, false)?,
            metas: shapes(rows_section::META_SHAPES, true)?,
            storage,
            opaque_event: by_name.get(&ColumnName::Event).copied(),
            opaque_meta: by_name.get(&ColumnName::Field(Field::Meta)).copied(),
        };
        let dictionary = |column: usize| {
            let section = rows_file.section(rows_section::DICTIONARY, column as u32);
            section.map(Dictionary::open).transpose()
        };
        let dictionaries = (0..columns.len()).map(dictionary).collect::<Result<Vec<_>, _>>()?;
        let column = |kind: u16| needed(kind).and_then(Column::open);
        let trained = rows_file.section(rows_section::TRAINED, 0).map(|section| read_whole(&section)).transpose()?;
        let segment = Self {
            id,
            rows,
            trained: trained.as_deref().map(block::Trained::new),
            parts,
            is_compressed,
            loaded: columns.iter().map(|_| OnceLock::new()).collect(),
            columns,
            by_name,
            layout,
            dictionaries,
            blocks,
            starts: column(rows_section::STARTS)?,
            occurred: column(rows_section::OCCURRED)?,
            sequence: column(rows_section::SEQUENCE)?,
            recorded: column(rows_section::RECORDED)?,
            name: name.clone(),
            rows_file: rows_file.clone(),
            index,
        };
        segment.check_head()?;
        Ok(segment)
    }

    fn check_head(&self) -> Result<(), Error> {
        let all_have = [&self.occurred, &self.sequence, &self.recorded].iter().all(|c| c.len() == u64::from(self.rows));
        let blocks = u64::from(self.rows).div_ceil(BLOCK_ROWS as u64);
        if !all_have || self.rows == 0 || self.rows > SEGMENT_ROWS_MAX || self.starts.len() != blocks + 1 {
            return Err(self.damaged("its columns do not have as many values as it has rows"));
        }
        let Some(head) = self.index.section(index_section::HEAD, 0) else {
            return Err(self.damaged("its index has no head"));
        };
        let head = read_whole(&head)?;
        let want = [self.rows.to_le_bytes(), self.rows_file.crc().to_le_bytes()].concat();
        if head.as_ref() == want.as_slice() { Ok(()) } else { Err(self.damaged("its index is that of other rows")) }
    }

    /// An error that names this segment.
    pub(crate) fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::Damaged { what: format!("the segment {}", self.name), reason: reason.into() }
    }

    /// Its number in the manifest; 0 in memory.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows it has.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The parts, in the order of their rows.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The rows of a log, as one part: `None` if it has none here.
    pub fn rows_of(&self, log: i64) -> Option<Part> {
        crate::recent::rows_of(&self.parts, log)
    }

    /// The columns, in the order of their numbers.
    pub fn columns(&self) -> &[ColumnName] {
        &self.columns
    }

    /// The number of a column; `None`: no row has a value of it.
    pub fn column(&self, name: &ColumnName) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// What the index knows of the values of a column.
    pub fn values(&self, column: u32) -> Result<Values<'_>, Error> {
        let dictionary = self.dictionaries.get(column as usize).and_then(Option::as_ref);
        let section = |kind: u16| self.index.section(kind, column);
        match (dictionary, section(index_section::POSTINGS), section(index_section::LOCATOR)) {
            (Some(dictionary), Some(postings), _) => {
                let postings = Postings::open(postings, self.rows)?;
                if postings.len() != dictionary.len() {
                    return Err(self.damaged("an index has not as many lists as its column has values"));
                }
                Ok(Values::Listed(dictionary, postings))
            }
            (_, _, Some(locator)) => Ok(Values::Located(Locator::open(locator)?)),
            _ => Ok(Values::Unlisted),
        }
    }

    /// The rows that have any value of a column.
    pub fn present(&self, column: u32) -> Result<RowSet, Error> {
        self.row_set(index_section::PRESENT, column)
    }

    /// Rows with more than one target.
    pub fn many_targets(&self) -> Result<RowSet, Error> {
        self.row_set(index_section::MANY_TARGETS, 0)
    }

    /// Rows whose `meta` is not indexed by path.
    pub fn opaque_meta(&self) -> Result<RowSet, Error> {
        self.row_set(index_section::OPAQUE_META, 0)
    }

    fn row_set(&self, kind: u16, key: u32) -> Result<RowSet, Error> {
        self.index.section(kind, key).map_or_else(|| Ok(RowSet::empty()), |section| RowSet::open(section, self.rows))
    }

    /// The words with their rows, if it has any.
    pub fn words(&self) -> Result<Option<(Dictionary, Postings)>, Error> {
        let words = self.index.section(index_section::WORDS, 0);
        let Some((words, lists)) = words.zip(self.index.section(index_section::WORD_POSTINGS, 0)) else {
            return Ok(None);
        };
        let (words, lists) = (Dictionary::open(words)?, Postings::open(lists, self.rows)?);
        if lists.len() != words.len() {
            return Err(self.damaged("its index has not as many lists as words"));
        }
        Ok(Some((words, lists)))
    }

    /// `occurred_at` of the rows, in nanoseconds.
    pub fn occurred(&self) -> &Column {
        &self.occurred
    }

    /// The sequences of the rows.
    pub fn sequence(&self) -> &Column {
        &self.sequence
    }

    /// `recorded_at` of the rows, in milliseconds.
    pub fn recorded(&self) -> &Column {
        &self.recorded
    }

    /// Of rows of one log, those that occurred in a range of time: from (inclusive) and to (exclusive).
    pub fn rows_within(&self, rows: Range<u32>, occurred: (Option<i64>, Option<i64>)) -> Result<Range<u32>, Error> {
        let point = |bound: i64| self.occurred.partition_point_desc(rows.clone(), bound);
        // Newest first: rows at or after the upper bound come first.
        let start = occurred.1.map_or(Ok(rows.start), point)?;
        let end = occurred.0.map_or(Ok(rows.end), point)?;
        Ok(start..end.max(start))
    }

    /// Bytes in its files, or in memory.
    pub fn bytes(&self) -> u64 {
        self.rows_file.bytes() + self.index.bytes()
    }

    /// What its files are made of: each part's name and bytes.
    pub fn report(&self) -> Vec<(String, u64)> {
        let named = |column: u32| self.columns.get(column as usize).map(ColumnName::to_string).unwrap_or_default();
        let rows = self.rows_file.sections().map(|(kind, key, bytes)| match kind {
            rows_section::BLOCKS => ("rows: blocks".to_owned(), bytes),
            rows_section::DICTIONARY => (format!("rows: dictionary of {}", named(key)), bytes),
            rows_section::TRAINED => ("rows: zstd dictionaries".to_owned(), bytes),
            rows_section::OCCURRED | rows_section::SEQUENCE | rows_section::RECORDED => {
                ("rows: times and sequences".to_owned(), bytes)
            }
            _ => ("rows: tables".to_owned(), bytes),
        });
        let index = self.index.sections().map(|(kind, key, bytes)| match kind {
            index_section::POSTINGS | index_section::LOCATOR | index_section::PRESENT => {
                (format!("index: {}", named(key)), bytes)
            }
            index_section::WORDS | index_section::WORD_POSTINGS => ("index: words".to_owned(), bytes),
            _ => ("index: tables".to_owned(), bytes),
        });
        rows.chain(index).collect()
    }
}

/// The bytes of a section that is read as a whole.
fn read_whole(section: &Section) -> Result<bytes::Bytes, Error> {
    section.read(0, usize::try_from(section.len()).unwrap_or(usize::MAX))
}

fn read_columns(bytes: &[u8]) -> Result<(Vec<ColumnName>, Vec<Storage>), String> {
    let mut reader = Reader::new(bytes);
    let (mut names, mut storage) = (Vec::new(), Vec::new());
    for _ in 0..reader.varint()? {
        let length = reader.varint()?;
        let name = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        names.push(ColumnName::read(name).ok_or("a column has an unknown name")?);
        storage.push(match reader.u8()? {
            INLINE => Storage::Inline,
            width if width <= 32 => Storage::Ordinals { width },
            _ => return Err("a column is stored in an unknown way".to_owned()),
        });
    }
    Ok((names, storage))
}

fn read_shapes(bytes: &[u8], columns: &[ColumnName], is_meta: bool) -> Result<Vec<Shape>, String> {
    let mut reader = Reader::new(bytes);
    let mut shapes = Vec::new();
    for _ in 0..reader.varint()? {
        let length = reader.varint()?;
        let stored = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        shapes.push(Shape::read(stored, columns, is_meta)?);
    }
    Ok(shapes)
}
