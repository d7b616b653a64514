//! A file of sections, in pages with checksums, read through a cache.
//!
//! ```text
//! FILE    := magic:[u8;8]   DATA   TABLE   TAIL
//! DATA    := the bytes of every section, one after the other
//! TABLE   := sections:varint   SECTION{sections}   page_crc32:u32{pages}
//! SECTION := kind:varint   key:varint   start:varint   len:varint      ascending by (kind, key), each once
//! TAIL    := table_bytes:u32   data_bytes:u64   pages:u32   crc32:u32   magic:[u8;8]
//! ```
//!
//! Numbers are little-endian; checksums are CRC-32 (IEEE). `data_bytes` counts what lies before TABLE, the first magic
//! with it. Those bytes are in pages of 16 KiB, the last one shorter; the checksum of a page is verified when it enters
//! the cache. The TAIL's checksum is of TABLE and the three numbers before it, and so stands for the whole file.
//!
//! A file may also be kept in memory: the same bytes, but nothing is between writing and reading them which could
//! change them, so that their pages are not verified.
//!
//! Any bytes give sections or an error; nothing is allocated beyond the length of the file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf as _, Bytes};

use crate::Error;
use crate::object::{Object, ObjectWriter};
use crate::segment::pack::{Reader, Short, put_varint};

/// Bytes of a page.
pub(crate) const PAGE_BYTES: usize = 16 * 1024;
/// What one read may ask for.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024 * 1024;
const TAIL_BYTES: usize = 28;
/// The numbers of the TAIL that its checksum is of.
const TAIL_NUMBERS_BYTES: usize = 16;

/// What marks a kind of file, at both ends of it.
pub(crate) type Magic = [u8; 8];

/// A section as the table has it: `start` counts from the file's beginning.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u16,
    key: u32,
    start: u64,
    len: u64,
}

/// Writes a file of sections.
#[derive(Debug)]
pub(crate) struct PagedWriter {
    sink: Sink,
    magic: Magic,
    /// The last page, as far as there is any of it.
    page: Vec<u8>,
    crcs: Vec<u32>,
    /// Bytes before and in `page`.
    written: u64,
    entries: Vec<Entry>,
    names: BTreeSet<(u16, u32)>,
}

#[derive(Debug)]
enum Sink {
    Object(Box<dyn ObjectWriter>),
    Memory(Vec<u8>),
}

/// A file that was written.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its length.
    pub(crate) bytes: u64,
    /// The checksum of its tail, which tells it from any other file.
    pub(crate) crc: u32,
    /// Its bytes, if it was written to memory.
    pub(crate) memory: Option<Bytes>,
}

impl PagedWriter {
    /// Writes to an object, which is durable when this has finished.
    pub(crate) fn new(object: Box<dyn ObjectWriter>, magic: Magic) -> Self {
        Self::to(Sink::Object(object), magic)
    }

    /// Writes to memory.
    pub(crate) fn memory(magic: Magic) -> Self {
        Self::to(Sink::Memory(Vec::new()), magic)
    }

    fn to(sink: Sink, magic: Magic) -> Self {
        let mut page = Vec::with_capacity(PAGE_BYTES);
        page.extend_from_slice(&magic);
        let written = page.len() as u64;
        Self { sink, magic, page, crcs: Vec::new(), written, entries: Vec::new(), names: BTreeSet::new() }
    }

    /// Begins a section and ends the one before. An error if there is one of the same kind and key.
    pub(crate) fn section(&mut self, kind: u16, key: u32) -> Result<(), Error> {
        if !self.names.insert((kind, key)) {
            return Err(unwritable("it has a section twice"));
        }
        self.end_section();
        self.entries.push(Entry { kind, key, start: self.written, len: 0 });
        Ok(())
    }

    fn end_section(&mut self) {
        if let Some(entry) = self.entries.last_mut() {
            entry.len = self.written - entry.start;
        }
    }

    /// Bytes of this section so far.
    #[cfg(test)]
    pub(crate) fn position(&self) -> u64 {
        self.written - self.entries.last().map_or(0, |entry| entry.start)
    }

    /// Appends bytes to the section.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_BYTES - self.page.len()));
            self.page.extend_from_slice(now);
            self.written += now.len() as u64;
            bytes = later;
            if self.page.len() == PAGE_BYTES {
                self.end_page()?;
            }
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), Error> {
        self.crcs.push(crc32fast::hash(&self.page));
        self.sink.write_all(&self.page)?;
        self.page.clear();
        Ok(())
    }

    /// Writes the table and finishes the object.
    pub(crate) fn finish(mut self) -> Result<Finished, Error> {
        self.end_section();
        if !self.page.is_empty() {
            self.end_page()?;
        }
        let mut end = self.table();
        let too_large = |_| unwritable("it is too large");
        let table_bytes = u32::try_from(end.len()).map_err(too_large)?;
        let pages = u32::try_from(self.crcs.len()).map_err(too_large)?;
        end.extend_from_slice(&table_bytes.to_le_bytes());
        end.extend_from_slice(&self.written.to_le_bytes());
        end.extend_from_slice(&pages.to_le_bytes());
        let crc = crc32fast::hash(&end);
        end.extend_from_slice(&crc.to_le_bytes());
        end.extend_from_slice(&self.magic);
        self.sink.write_all(&end)?;
        let bytes = self.written + end.len() as u64;
        let memory = match self.sink {
            Sink::Memory(memory) => Some(Bytes::from(memory)),
            Sink::Object(object) => {
                object.finish()?;
                None
            }
        };
        Ok(Finished { bytes, crc, memory })
    }

    fn table(&mut self) -> Vec<u8> {
        self.entries.sort_unstable_by_key(|entry| (entry.kind, entry.key));
        let mut table = Vec::with_capacity(self.entries.len() * 12 + self.crcs.len() * 4 + TAIL_BYTES);
        put_varint(&mut table, self.entries.len() as u64);
        for entry in &self.entries {
            put_varint(&mut table, entry.kind.into());
            put_varint(&mut table, entry.key.into());
            put_varint(&mut table, entry.start);
            put_varint(&mut table, entry.len);
        }
        for crc in &self.crcs {
            table.extend_from_slice(&crc.to_le_bytes());
        }
        table
    }
}

impl Sink {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Object(object) => object.write_all(bytes),
            Self::Memory(memory) => {
                memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// A file that could not be read again must not be finished.
fn unwritable(reason: &str) -> Error {
    Error::File { what: "a segment cannot be written".to_owned(), source: std::io::Error::other(reason) }
}

/// The end of a file, verified.
#[derive(Debug)]
struct Layout {
    entries: Arc<[Entry]>,
    page_crcs: Box<[u32]>,
    data_bytes: u64,
    crc: u32,
}

impl Layout {
    /// Reads it from a file which `what` names.
    fn read(object: &dyn Object, what: &str, magic: Magic) -> Result<Self, Error> {
        let damaged = |reason: &str| Error::Damaged { what: what.to_owned(), reason: reason.to_owned() };
        let too_short = || damaged("it is too short");
        let before_tail = object.len().checked_sub(TAIL_BYTES as u64).ok_or_else(too_short)?;
        let mut first = Magic::default();
        object.read_at(0, &mut first)?;
        let mut tail = [0; TAIL_BYTES];
        object.read_at(before_tail, &mut tail)?;
        let (numbers, rest) = tail.split_at(TAIL_NUMBERS_BYTES);
        let short = |_| too_short();
        let crc = Reader::new(rest).u32().map_err(short)?;
        if first != magic || !rest.ends_with(&magic) {
            return Err(damaged("it is not of the kind that its name says"));
        }
        let mut reader = Reader::new(numbers);
        let table_bytes = reader.u32().map_err(short)?;
        let data_bytes = reader.u64().map_err(short)?;
        let pages = reader.u32().map_err(short)?;
        if data_bytes.checked_add(table_bytes.into()) != Some(before_tail)
            || data_bytes.div_ceil(PAGE_BYTES as u64) != u64::from(pages)
        {
            return Err(damaged("it does not have the length that it names"));
        }
        let mut table = vec![0; table_bytes as usize];
        object.read_at(data_bytes, &mut table)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&table);
        hasher.update(numbers);
        if hasher.finalize() != crc {
            return Err(damaged("its table does not have its checksum"));
        }
        let (entries, page_crcs) = parse(&table, data_bytes).map_err(|reason| damaged(&reason))?;
        if page_crcs.len() != pages as usize {
            return Err(damaged("its table does not have a checksum for each page"));
        }
        Ok(Self { entries: entries.into(), page_crcs: page_crcs.into(), data_bytes, crc })
    }
}

/// The sections of a TABLE, and the checksums of the pages.
fn parse(table: &[u8], data_bytes: u64) -> Result<(Vec<Entry>, Vec<u32>), String> {
    let short = |e: Short| format!("its table is wrong: {e}");
    let mut reader = Reader::new(table);
    let count = reader.varint().map_err(short)?;
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..count {
        let kind = u16::try_from(reader.varint().map_err(short)?);
        let key = u32::try_from(reader.varint().map_err(short)?);
        let start = reader.varint().map_err(short)?;
        let len = reader.varint().map_err(short)?;
        let (Ok(kind), Ok(key)) = (kind, key) else { return Err("the name of a section is wrong".to_owned()) };
        if start.checked_add(len).is_none_or(|end| end > data_bytes) {
            return Err("a section lies beyond its end".to_owned());
        }
        if entries.last().is_some_and(|last| (last.kind, last.key) >= (kind, key)) {
            return Err("its sections are not in order".to_owned());
        }
        entries.push(Entry { kind, key, start, len });
    }
    let (crcs, rest) = reader.rest().as_chunks();
    if !rest.is_empty() {
        return Err("its table is wrong: it is too long".to_owned());
    }
    Ok((entries, crcs.iter().copied().map(u32::from_le_bytes).collect()))
}

/// The sections of one file, on disk or in memory. A clone is the same file.
#[derive(Debug, Clone)]
pub(crate) struct Sections {
    source: Source,
    entries: Arc<[Entry]>,
    bytes: u64,
    crc: u32,
}

#[derive(Debug, Clone)]
enum Source {
    Memory(Bytes),
    File(Arc<PagedFile>),
}

impl Sections {
    /// Opens a file. `expected` is what its [`Finished`] said, length and checksum. A file that is not what was written
    /// is [`Error::Damaged`], here or when a page of it is read.
    pub(crate) fn open(
        object: Arc<dyn Object>,
        name: String,
        magic: Magic,
        expected: Option<(u64, u32)>,
        cache: Arc<PageCache>,
    ) -> Result<Self, Error> {
        let what = format!("the file {name}");
        let damaged = |reason: String| Error::Damaged { what: what.clone(), reason };
        if let Some((bytes, _)) = expected
            && bytes != object.len()
        {
            return Err(damaged(format!("it has {} bytes, and {bytes} were written", object.len())));
        }
        let Layout { entries, page_crcs, data_bytes, crc } = Layout::read(&*object, &what, magic)?;
        if expected.is_some_and(|(_, expected)| crc != expected) {
            return Err(damaged("it is another file than was written".to_owned()));
        }
        let bytes = object.len();
        let number = cache.next_file.fetch_add(1, Ordering::Relaxed);
        let file = PagedFile { object, what, magic, number, data_bytes, page_crcs, crc, cache };
        Ok(Self { source: Source::File(Arc::new(file)), entries, bytes, crc })
    }

    /// The sections of a file in memory.
    pub(crate) fn memory(bytes: Bytes, magic: Magic) -> Result<Self, Error> {
        let layout = Layout::read(&InMemory(&bytes), MEMORY, magic)?;
        let Layout { entries, crc, .. } = layout;
        Ok(Self { bytes: bytes.len() as u64, source: Source::Memory(bytes), entries, crc })
    }

    /// The section of this kind and key, if there is one.
    pub(crate) fn section(&self, kind: u16, key: u32) -> Option<Section> {
        let place = self.entries.binary_search_by_key(&(kind, key), |entry| (entry.kind, entry.key)).ok()?;
        let entry = self.entries.get(place)?;
        Some(Section { source: self.source.clone(), start: entry.start, len: entry.len })
    }

    /// Kind, key and length of every section, ascending.
    pub(crate) fn sections(&self) -> impl Iterator<Item = (u16, u32, u64)> {
        self.entries.iter().map(|entry| (entry.kind, entry.key, entry.len))
    }

    /// The length of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The checksum of its tail, which its [`Finished`] had.
    pub(crate) fn crc(&self) -> u32 {
        self.crc
    }

    /// Reads the whole file once more, past the cache, and reports all that is damaged with its offset in the file.
    /// Says nothing of a file in memory.
    pub(crate) fn check(&self, mut on_damage: impl FnMut(u64, String)) {
        if let Source::File(file) = &self.source {
            file.check(&mut on_damage);
        }
    }
}

/// What a file in memory is called in errors.
const MEMORY: &str = "a segment in memory";

#[derive(Debug)]
struct InMemory<'a>(&'a [u8]);

impl Object for InMemory<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..));
        let bytes = from
            .and_then(|from| from.get(..buf.len()))
            .ok_or_else(|| Error::Damaged { what: MEMORY.to_owned(), reason: "it ends too early".to_owned() })?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

/// A file on disk. Its pages leave the cache with it.
#[derive(Debug)]
struct PagedFile {
    object: Arc<dyn Object>,
    /// `the file NAME`.
    what: String,
    magic: Magic,
    /// Its key in the cache.
    number: u64,
    data_bytes: u64,
    page_crcs: Box<[u32]>,
    crc: u32,
    cache: Arc<PageCache>,
}

impl PagedFile {
    /// Bytes of the data. The caller has checked that `offset + len` is not beyond its end.
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, Error> {
        let mut number = (offset / PAGE_BYTES as u64) as u32;
        let mut within = (offset % PAGE_BYTES as u64) as usize;
        if within + len <= PAGE_BYTES {
            let mut bytes = self.page(number)?;
            bytes.advance(within);
            bytes.truncate(len);
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let page = self.page(number)?;
            let rest = page.get(within..).unwrap_or_default();
            bytes.extend_from_slice(rest.get(..len - bytes.len()).unwrap_or(rest));
            number += 1;
            within = 0;
        }
        Ok(bytes.into())
    }

    fn page(&self, number: u32) -> Result<Bytes, Error> {
        self.cache.pages.get_or_insert_with(&(self.number, number), || {
            self.cache.misses.fetch_add(1, Ordering::Relaxed);
            let mut page = Vec::new();
            self.load(number, &mut page)?;
            // Unlike a `Bytes` from a vector, one from an owner is cut shorter without counting its owners again.
            Ok(Bytes::from_owner(page))
        })
    }

    /// Replaces `page` by the bytes of a page of the file, verified.
    fn load(&self, number: u32, page: &mut Vec<u8>) -> Result<(), Error> {
        let start = u64::from(number) * PAGE_BYTES as u64;
        let len = self.data_bytes.saturating_sub(start).min(PAGE_BYTES as u64);
        page.resize(len as usize, 0);
        self.object.read_at(start, page)?;
        if self.page_crcs.get(number as usize) != Some(&crc32fast::hash(page)) {
            let reason = format!("the bytes at offset {start} do not have their checksum");
            return Err(Error::Damaged { what: self.what.clone(), reason });
        }
        Ok(())
    }

    fn check(&self, on_damage: &mut dyn FnMut(u64, String)) {
        let mut page = Vec::with_capacity(PAGE_BYTES);
        for number in 0..self.page_crcs.len() as u32 {
            if let Err(e) = self.load(number, &mut page) {
                on_damage(u64::from(number) * PAGE_BYTES as u64, e.to_string());
            }
        }
        match Layout::read(&*self.object, &self.what, self.magic) {
            Ok(layout) if layout.crc == self.crc => {}
            Ok(_) => on_damage(self.data_bytes, format!("{} is damaged: its table has changed", self.what)),
            Err(e) => on_damage(self.data_bytes, e.to_string()),
        }
    }
}

impl Drop for PagedFile {
    fn drop(&mut self) {
        for number in 0..self.page_crcs.len() as u32 {
            self.cache.pages.remove(&(self.number, number));
        }
    }
}

/// Pages of all files, verified, as many as may be kept. What is read once, as by a scan, does not drive out what is
/// read often.
#[derive(Debug)]
pub(crate) struct PageCache {
    pages: quick_cache::sync::Cache<(u64, u32), Bytes, PageWeighter>,
    misses: AtomicU64,
    next_file: AtomicU64,
}

#[derive(Debug, Clone)]
struct PageWeighter;

impl quick_cache::Weighter<(u64, u32), Bytes> for PageWeighter {
    fn weight(&self, _: &(u64, u32), page: &Bytes) -> u64 {
        /// Its place in the table, the owner of the bytes and what the allocator adds.
        const OVERHEAD_BYTES: u64 = 128;
        page.len() as u64 + OVERHEAD_BYTES
    }
}

impl PageCache {
    /// A cache of about so many bytes; with less than a page's it keeps nothing.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let pages = usize::try_from(capacity_bytes / PAGE_BYTES as u64).unwrap_or(usize::MAX);
        let pages = quick_cache::sync::Cache::with_weighter(pages, capacity_bytes, PageWeighter);
        Self { pages, misses: AtomicU64::new(0), next_file: AtomicU64::new(0) }
    }

    /// What the pages take in memory. A [`Bytes`] that was read keeps its page a while longer, and is not counted.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.pages.weight()
    }

    /// Reads of a page that found it here.
    pub(crate) fn hits(&self) -> u64 {
        self.pages.hits()
    }

    /// Reads of a page that had to go to its file.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}

/// A run of bytes of a file, read by position. A clone is the same run.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    source: Source,
    start: u64,
    len: u64,
}

impl Section {
    /// Bytes in memory, as a section of their own.
    #[cfg(test)]
    pub(crate) fn memory(bytes: Bytes) -> Self {
        Self { start: 0, len: bytes.len() as u64, source: Source::Memory(bytes) }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes from `start`, relative to the section; a slice of the page if they lie in one. Beyond the section's end,
    /// or more than [`READ_BYTES_MAX`]: [`Error::Damaged`].
    pub(crate) fn read(&self, start: u64, len: usize) -> Result<Bytes, Error> {
        if len > READ_BYTES_MAX || start.checked_add(len as u64).is_none_or(|end| end > self.len) {
            return Err(self.damaged(start, format!("it ends before {len} bytes")));
        }
        if len == 0 {
            return Ok(Bytes::new());
        }
        let start = self.start + start;
        match &self.source {
            Source::Memory(bytes) => Ok(bytes.slice(start as usize..start as usize + len)),
            Source::File(file) => file.read(start, len),
        }
    }

    /// A run of this run. Beyond its end: [`Error::Damaged`].
    pub(crate) fn sub(&self, start: u64, len: u64) -> Result<Self, Error> {
        if start.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(self.damaged(start, format!("it ends before {len} bytes")));
        }
        Ok(Self { source: self.source.clone(), start: self.start + start, len })
    }

    /// An error which names the file, and the offset in it of `at`, which is relative to the section.
    pub(crate) fn damaged(&self, at: u64, reason: impl Into<String>) -> Error {
        let what = match &self.source {
            Source::Memory(_) => MEMORY,
            Source::File(file) => &file.what,
        };
        let reason = format!("{} at offset {}", reason.into(), self.start.saturating_add(at));
        Error::Damaged { what: what.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests;
