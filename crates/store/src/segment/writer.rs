//! Writes the two files of a segment.

use super::block::{BlockWriter, Compression, Layout, Storage};
use super::column::ColumnWriter;
use super::column_name::ColumnName;
use super::pack::put_varint;
use super::page::{Finished, PagedWriter};
use super::part::{self, Key, Part};
use super::{INDEX_MAGIC, ROWS_MAGIC, index_section, rows_section};
use crate::Error;

/// Writes a segment's file of rows: blocks as the rows come, the rest at the end.
pub(crate) struct RowsWriter {
    file: PagedWriter,
    blocks: BlockWriter,
    starts: ColumnWriter,
    occurred: ColumnWriter,
    sequence: ColumnWriter,
    recorded: ColumnWriter,
    block: Vec<u8>,
    written: u64,
    rows: u32,
}

/// What is written after the rows.
pub(crate) struct Tables<'a> {
    pub(crate) parts: &'a [Part],
    pub(crate) columns: &'a [ColumnName],
    pub(crate) layout: &'a Layout,
    /// The dictionary of each column that has one.
    pub(crate) dictionaries: &'a [Option<Vec<u8>>],
}

impl RowsWriter {
    /// For rows with values of these columns.
    pub(crate) fn new(mut file: PagedWriter, storage: Vec<Storage>, compression: &Compression) -> Result<Self, Error> {
        if let Compression::Zstd(_, dictionary) = compression
            && !dictionary.is_empty()
        {
            file.section(rows_section::TRAINED, 0)?;
            file.write(dictionary)?;
        }
        file.section(rows_section::BLOCKS, u32::from(*compression != Compression::None))?;
        Ok(Self {
            file,
            blocks: BlockWriter::new(storage, compression).map_err(zstd_failed)?,
            starts: ColumnWriter::default(),
            occurred: ColumnWriter::default(),
            sequence: ColumnWriter::default(),
            recorded: ColumnWriter::default(),
            block: Vec::new(),
            written: 0,
            rows: 0,
        })
    }

    /// The magic of such a file.
    pub(crate) const MAGIC: [u8; 8] = ROWS_MAGIC;

    /// Begins a row; its values go to the block that is returned, then comes `end_row`.
    pub(crate) fn begin_row(&mut self, key: &Key) -> &mut BlockWriter {
        self.occurred.push(key.occurred_ns);
        self.sequence.push(key.sequence as i64);
        self.recorded.push(key.recorded_ms);
        self.rows += 1;
        &mut self.blocks
    }

    /// Ends a row.
    pub(crate) fn end_row(&mut self) -> Result<(), Error> {
        if self.blocks.is_full() { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), Error> {
        self.starts.push(self.written as i64);
        self.block.clear();
        self.blocks.finish(&mut self.block).map_err(zstd_failed)?;
        self.written += self.block.len() as u64;
        self.file.write(&self.block)
    }

    /// Writes what comes after the rows, and makes the file durable.
    pub(crate) fn finish(mut self, tables: &Tables<'_>) -> Result<Finished, Error> {
        if !self.blocks.is_empty() {
            self.end_block()?;
        }
        self.starts.push(self.written as i64);
        let sections = [
            (rows_section::STARTS, self.starts.finish()),
            (rows_section::OCCURRED, self.occurred.finish()),
            (rows_section::SEQUENCE, self.sequence.finish()),
            (rows_section::RECORDED, self.recorded.finish()),
            (rows_section::PARTS, part::write(tables.parts)),
            (rows_section::COLUMNS, columns(tables)),
            (rows_section::SHAPES, shapes(tables.layout.events.iter().map(super::shape::Shape::stored))),
            (rows_section::META_SHAPES, shapes(tables.layout.metas.iter().map(super::shape::Shape::stored))),
        ];
        for (kind, bytes) in sections {
            self.file.section(kind, 0)?;
            self.file.write(&bytes)?;
        }
        for (column, dictionary) in (0u32..).zip(tables.dictionaries) {
            if let Some(bytes) = dictionary {
                self.file.section(rows_section::DICTIONARY, column)?;
                self.file.write(bytes)?;
            }
        }
        self.file.finish()
    }
}

fn zstd_failed(error: std::io::Error) -> Error {
    Error::Damaged { what: "a new row block".to_owned(), reason: format!("zstd: {error}") }
}

/// ```text
/// COLUMNS := count:varint (bytes:varint NAME storage:u8){count}     storage: 255 inline, else the bits of an ordinal
/// ```
fn columns(tables: &Tables<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, tables.columns.len() as u64);
    for (name, storage) in tables.columns.iter().zip(&tables.layout.storage) {
        let name = name.write();
        put_varint(&mut out, name.len() as u64);
        out.extend_from_slice(&name);
        out.push(match storage {
            Storage::Inline => super::INLINE,
            Storage::Ordinals { width } => *width,
        });
    }
    out
}

/// ```text
/// SHAPES := count:varint (bytes:varint SHAPE){count}
/// ```
fn shapes<'a>(all: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, all.len() as u64);
    for shape in all {
        put_varint(&mut out, shape.len() as u64);
        out.extend_from_slice(shape);
    }
    out
}

/// Writes a segment's index, section by section.
pub(crate) struct IndexWriter {
    file: PagedWriter,
}

impl IndexWriter {
    /// The magic of such a file.
    pub(crate) const MAGIC: [u8; 8] = INDEX_MAGIC;

    /// For the rows of a file with this checksum.
    pub(crate) fn new(mut file: PagedWriter, rows: u32, rows_crc: u32) -> Result<Self, Error> {
        file.section(index_section::HEAD, 0)?;
        file.write(&[rows.to_le_bytes(), rows_crc.to_le_bytes()].concat())?;
        Ok(Self { file })
    }

    /// Adds a section, if it has any bytes.
    pub(crate) fn section(&mut self, kind: u16, key: u32, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file.section(kind, key)?;
        self.file.write(bytes)
    }

    /// Makes the file durable.
    pub(crate) fn finish(self) -> Result<Finished, Error> {
        self.file.finish()
    }
}
