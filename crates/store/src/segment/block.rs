//! A row block: the shapes and values of up to 64 events, column by column.
//!
//! ```text
//! BLOCK   := rows:u8   raw_bytes:varint   text_bytes:varint   RAW
//!            zstd( TEXT )                                      with the segment's dictionary, if it has one
//! TEXT    := (event shape + 1 : varint){rows}   (meta shape + 1 : varint){rows}
//!            STREAM{columns with values, ascending}
//! STREAM  := ordinals of at most 12 bits: varint{values}
//!          | inline values: code:varint{values}  then what the codes ask for, one value after the other
//! RAW     := salt:[u8;16]{rows}   then, for the columns of STREAM in their order:
//!            ordinals of more bits, bit-packed | what codes 0 to 2 ask for
//! code    := 0  a UUID: 16 bytes in RAW
//!          | 1  32 lower-case hex digits: 16 bytes in RAW
//!          | 2  a UUID of version 7: in TEXT the milliseconds since the one before in this stream, zigzag;
//!               10 bytes in RAW
//!          | n  n - 3 bytes in TEXT
//! ```
//!
//! How many values a column has follows from the shapes. RAW holds what does not compress. A block is read as a whole:
//! what it costs to read 64 rows is what it costs to read one.

use std::cell::RefCell;
use std::ops::Range;

use trailbook_event::Uuid;
use trailbook_event::seal::SALT_BYTES;
use zstd::zstd_safe::{self, DCtx};

use super::pack::{self, Reader, put_varint};
use super::read::Loaded;
use super::shape::Shape;

/// Rows of a block; the last of a segment may have fewer.
pub const BLOCK_ROWS: usize = 64;
/// The bytes of a block's TEXT, and those of its RAW: 64 events of the greatest size.
const SECTION_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Ordinals of more bits are not varints but bit-packed.
const VARINT_BITS_MAX: u8 = 12;

const CODE_UUID: u64 = 0;
const CODE_HEX: u64 = 1;
const CODE_UUID_7: u64 = 2;
const CODES: u64 = 3;

/// How the values of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// As ordinals of the column's dictionary, of so many bits.
    Ordinals {
        /// The bits of the greatest.
        width: u8,
    },
    /// Where they stand.
    Inline,
}

/// How the texts of blocks are compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all, in memory.
    None,
    /// With zstd at this level, and a trained dictionary, which may be empty.
    Zstd(i32, Vec<u8>),
}

/// A trained dictionary, ready to be used.
pub(crate) struct Trained(zstd::dict::DecoderDictionary<'static>);

impl Trained {
    pub(crate) fn new(dictionary: &[u8]) -> Self {
        Self(zstd::dict::DecoderDictionary::copy(dictionary))
    }
}

impl std::fmt::Debug for Trained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trained")
    }
}

/// What a reader of blocks must know of their segment.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) events: Vec<Shape>,
    pub(crate) metas: Vec<Shape>,
    pub(crate) storage: Vec<Storage>,
    /// The column of events that are stored as they are.
    pub(crate) opaque_event: Option<u32>,
    /// The column of `meta` that is stored as it is.
    pub(crate) opaque_meta: Option<u32>,
}

impl Layout {
    /// The columns of a row's values, in the order of its text.
    pub(crate) fn columns_of(&self, event: Option<u32>, meta: Option<u32>) -> impl Iterator<Item = u32> {
        let event = event.and_then(|event| self.events.get(event as usize));
        let meta = meta.and_then(|meta| self.metas.get(meta as usize));
        let (before, has_meta, after) =
            event.map_or((self.opaque_event.as_slice(), false, [].as_slice()), Shape::around_meta);
        let of_meta = match meta {
            Some(meta) if has_meta => meta.around_meta().0,
            None if has_meta => self.opaque_meta.as_slice(),
            _ => &[],
        };
        before.iter().chain(of_meta).chain(after).copied()
    }
}

/// Values of one column in the block that is being written or was read.
#[derive(Debug, Default)]
struct Stream {
    ordinals: Vec<u32>,
    text: Vec<u8>,
    ends: Vec<u32>,
    count: u32,
}

impl Stream {
    fn clear(&mut self) {
        self.ordinals.clear();
        self.text.clear();
        self.ends.clear();
        self.count = 0;
    }

    fn value(&self, at: u32) -> Option<&[u8]> {
        let start = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before as usize)? as usize,
            None => 0,
        };
        self.text.get(start..*self.ends.get(at as usize)? as usize)
    }
}

/// Gathers rows and encodes them.
pub(crate) struct BlockWriter {
    streams: Vec<Stream>,
    storage: Vec<Storage>,
    events: Vec<u32>,
    metas: Vec<u32>,
    salts: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    raw: Vec<u8>,
    text: Vec<u8>,
    numbers: Vec<u64>,
}

impl BlockWriter {
    /// For rows with values of these columns.
    pub(crate) fn new(storage: Vec<Storage>, compression: &Compression) -> std::io::Result<Self> {
        let compressor = match compression {
            Compression::None => None,
            Compression::Zstd(level, dictionary) => Some(zstd::bulk::Compressor::with_dictionary(*level, dictionary)?),
        };
        Ok(Self {
            streams: storage.iter().map(|_| Stream::default()).collect(),
            storage,
            events: Vec::with_capacity(BLOCK_ROWS),
            metas: Vec::with_capacity(BLOCK_ROWS),
            salts: Vec::with_capacity(BLOCK_ROWS * SALT_BYTES),
            compressor,
            raw: Vec::new(),
            text: Vec::new(),
            numbers: Vec::with_capacity(BLOCK_ROWS),
        })
    }

    /// Begins a row; its values follow, in the order of its text.
    pub(crate) fn row(&mut self, event: Option<u32>, meta: Option<u32>, salt: &[u8]) {
        self.events.push(event.map_or(0, |shape| shape + 1));
        self.metas.push(meta.map_or(0, |shape| shape + 1));
        self.salts.extend_from_slice(salt);
    }

    /// Adds a value of a column with a dictionary.
    pub(crate) fn ordinal(&mut self, column: u32, ordinal: u32) {
        if let Some(stream) = self.streams.get_mut(column as usize) {
            stream.ordinals.push(ordinal);
        }
    }

    /// Adds a value of a column without one.
    pub(crate) fn value(&mut self, column: u32, value: &[u8]) {
        if let Some(stream) = self.streams.get_mut(column as usize) {
            stream.text.extend_from_slice(value);
            stream.ends.push(stream.text.len() as u32);
        }
    }

    /// Whether the block has all the rows that it may have.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() >= BLOCK_ROWS
    }

    /// Whether it has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Encodes the rows and begins a new block.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.raw.clear();
        self.text.clear();
        self.raw.extend_from_slice(&self.salts);
        for shape in self.events.iter().chain(&self.metas) {
            put_varint(&mut self.text, u64::from(*shape));
        }
        for (stream, storage) in self.streams.iter_mut().zip(&self.storage) {
            match *storage {
                Storage::Ordinals { width } if width <= VARINT_BITS_MAX => {
                    for ordinal in &stream.ordinals {
                        put_varint(&mut self.text, u64::from(*ordinal));
                    }
                }
                Storage::Ordinals { width } => {
                    self.numbers.clear();
                    self.numbers.extend(stream.ordinals.iter().map(|ordinal| u64::from(*ordinal)));
                    pack::pack(&self.numbers, width, &mut self.raw);
                }
                Storage::Inline => put_inline(stream, &mut self.text, &mut self.raw),
            }
            stream.clear();
        }
        out.push(self.events.len() as u8);
        put_varint(out, self.raw.len() as u64);
        put_varint(out, self.text.len() as u64);
        out.extend_from_slice(&self.raw);
        match &mut self.compressor {
            Some(compressor) => out.extend_from_slice(&compressor.compress(&self.text)?),
            None => out.extend_from_slice(&self.text),
        }
        self.events.clear();
        self.metas.clear();
        self.salts.clear();
        Ok(())
    }
}

/// Decompresses into the room that `text` has. What zstd needs for that is kept for each thread: to make it takes as
/// long as some blocks do.
fn decompress(stored: &[u8], text: &mut Vec<u8>, trained: Option<&Trained>) -> zstd_safe::SafeResult {
    thread_local! {
        static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
    }
    CONTEXT.with_borrow_mut(|context| match trained {
        Some(trained) => context.decompress_using_ddict(text, stored, trained.0.as_ddict()),
        None => context.decompress(text, stored),
    })
}

fn put_inline(stream: &Stream, text: &mut Vec<u8>, raw: &mut Vec<u8>) {
    let values = (0..stream.ends.len() as u32).filter_map(|i| stream.value(i));
    let mut plain = Vec::new();
    let mut last_ms = 0;
    for value in values {
        match special(value) {
            Some((CODE_UUID_7, bytes)) => {
                put_varint(text, CODE_UUID_7);
                let (time, random) = bytes.split_at(6);
                let ms = time.iter().fold(0i64, |ms, byte| ms << 8 | i64::from(*byte));
                put_varint(&mut plain, pack::zigzag(ms - last_ms));
                last_ms = ms;
                raw.extend_from_slice(random);
            }
            Some((code, bytes)) => {
                put_varint(text, code);
                raw.extend_from_slice(&bytes);
            }
            None => {
                put_varint(text, value.len() as u64 + CODES);
                plain.extend_from_slice(value);
            }
        }
    }
    text.extend_from_slice(&plain);
}

/// Whether a value is 16 bytes in a known spelling.
fn special(value: &[u8]) -> Option<(u64, [u8; 16])> {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match value.len() {
        36 => {
            let uuid = Uuid::try_parse_ascii(value).ok()?;
            let mut again = Uuid::encode_buffer();
            if uuid.as_hyphenated().encode_lower(&mut again).as_bytes() != value {
                return None;
            }
            let is_7 = value.get(14) == Some(&b'7');
            Some((if is_7 { CODE_UUID_7 } else { CODE_UUID }, *uuid.as_bytes()))
        }
        32 if value.iter().all(is_hex) => Some((CODE_HEX, *Uuid::try_parse_ascii(value).ok()?.as_bytes())),
        _ => None,
    }
}

/// A block that was read. Kept and filled again: its buffers grow once.
#[derive(Default)]
pub(crate) struct Block<'d> {
    events: Vec<u32>,
    metas: Vec<u32>,
    salts: Vec<u8>,
    streams: Vec<Stream>,
    /// Columns with values, ascending.
    used: Vec<u32>,
    text: Vec<u8>,
    codes: Vec<u64>,
    numbers: Vec<u64>,
    places: Vec<Range<usize>>,
    trained: Option<&'d Trained>,
    /// The next value of each column, for the row that is next.
    cursors: Vec<u32>,
    next_row: usize,
}

impl<'d> Block<'d> {
    /// For blocks that were compressed with this dictionary.
    pub(crate) fn new(trained: Option<&'d Trained>) -> Self {
        Self { trained, ..Self::default() }
    }

    /// Reads a block of a segment with this layout. The error says what is wrong with the bytes.
    pub(crate) fn read(&mut self, bytes: &[u8], layout: &Layout, is_compressed: bool) -> Result<(), String> {
        let mut reader = Reader::new(bytes);
        let rows = usize::from(reader.u8()?);
        let raw_bytes = reader.varint()? as usize;
        let text_bytes = reader.varint()? as usize;
        if rows == 0 || rows > BLOCK_ROWS || raw_bytes > SECTION_BYTES_MAX || text_bytes > SECTION_BYTES_MAX {
            return Err(format!("a block of {rows} rows, {raw_bytes} and {text_bytes} bytes cannot be"));
        }
        let mut raw = Reader::new(reader.take(raw_bytes)?);
        let mut text = std::mem::take(&mut self.text);
        let whole = self.text_of(reader.rest(), text_bytes, is_compressed, &mut text);
        let result = whole.and_then(|()| self.read_text(&text, rows, layout, &mut raw));
        self.text = text;
        result
    }

    fn text_of(&mut self, stored: &[u8], bytes: usize, is_compressed: bool, text: &mut Vec<u8>) -> Result<(), String> {
        text.clear();
        if !is_compressed {
            text.extend_from_slice(stored);
        } else {
            text.reserve(bytes);
            decompress(stored, text, self.trained).map_err(|e| format!("zstd: {}", zstd_safe::get_error_name(e)))?;
        }
        if text.len() == bytes { Ok(()) } else { Err("its text has another length than it says".to_owned()) }
    }

    fn read_text(&mut self, text: &[u8], rows: usize, layout: &Layout, raw: &mut Reader<'_>) -> Result<(), String> {
        let mut reader = Reader::new(text);
        self.salts.clear();
        self.salts.extend_from_slice(raw.take(rows * SALT_BYTES)?);
        for (shapes, known) in [(&mut self.events, layout.events.len()), (&mut self.metas, layout.metas.len())] {
            shapes.clear();
            for _ in 0..rows {
                let shape = reader.varint()?;
                if shape > known as u64 {
                    return Err(format!("a row has the shape {shape} of {known}"));
                }
                shapes.push(shape as u32);
            }
        }
        self.count_values(layout);
        for column in &self.used {
            let Some(stream) = self.streams.get_mut(*column as usize) else { continue };
            let count = stream.count as usize;
            match layout.storage.get(*column as usize) {
                Some(Storage::Ordinals { width }) if *width <= VARINT_BITS_MAX => {
                    for _ in 0..count {
                        stream.ordinals.push(reader.varint()?.min(u64::from(u32::MAX)) as u32);
                    }
                }
                Some(Storage::Ordinals { width }) => {
                    let packed = raw.take((count * usize::from(*width)).div_ceil(8))?;
                    self.numbers.clear();
                    pack::unpack_into(packed, *width, count, &mut self.numbers)?;
                    stream.ordinals.extend(self.numbers.iter().map(|number| *number as u32));
                }
                Some(Storage::Inline) => read_inline(stream, &mut self.codes, &mut reader, raw)?,
                None => return Err(format!("its column {column} is unknown")),
            }
        }
        if reader.is_empty() && raw.is_empty() { Ok(()) } else { Err("it is longer than its values".to_owned()) }
    }

    fn count_values(&mut self, layout: &Layout) {
        self.streams.resize_with(layout.storage.len(), Stream::default);
        for column in self.used.drain(..) {
            if let Some(stream) = self.streams.get_mut(column as usize) {
                stream.clear();
            }
        }
        for (event, meta) in self.events.iter().zip(&self.metas) {
            for column in layout.columns_of(event.checked_sub(1), meta.checked_sub(1)) {
                let Some(stream) = self.streams.get_mut(column as usize) else { continue };
                if stream.count == 0 {
                    self.used.push(column);
                }
                stream.count += 1;
            }
        }
        self.used.sort_unstable();
        self.cursors.clear();
        self.cursors.resize(layout.storage.len(), 0);
        self.next_row = 0;
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.events.len()
    }

    /// The shapes of a row: of the event, and of its `meta`.
    pub(crate) fn shapes(&self, row: usize) -> (Option<u32>, Option<u32>) {
        let shape = |of: &[u32]| of.get(row).and_then(|shape| shape.checked_sub(1));
        (shape(&self.events), shape(&self.metas))
    }

    /// The salt of a row.
    pub(crate) fn salt(&self, row: usize) -> &[u8] {
        self.salts.get(row * SALT_BYTES..(row + 1) * SALT_BYTES).unwrap_or_default()
    }

    /// Goes to a row, so that its values are next. Going forward is quick.
    pub(crate) fn go_to(&mut self, row: usize, layout: &Layout) {
        if row < self.next_row {
            self.cursors.fill(0);
            self.next_row = 0;
        }
        while self.next_row < row {
            let (event, meta) = self.shapes(self.next_row);
            for column in layout.columns_of(event, meta) {
                if let Some(cursor) = self.cursors.get_mut(column as usize) {
                    *cursor += 1;
                }
            }
            self.next_row += 1;
        }
    }

    /// Says that all values of the row were taken.
    pub(crate) fn row_done(&mut self) {
        self.next_row += 1;
    }

    /// Appends the texts of the block that a dictionary is trained on: inline values but for random ones.
    pub(crate) fn sample(&self, out: &mut Vec<u8>) {
        for stream in self.used.iter().filter_map(|column| self.streams.get(*column as usize)) {
            if stream.ordinals.is_empty() && stream.value(0).is_some_and(|value| special(value).is_none()) {
                out.extend_from_slice(&stream.text);
            }
        }
    }

    /// Columns with values, ascending.
    pub(crate) fn columns(&self) -> &[u32] {
        &self.used
    }

    /// Puts the values of a column in the place of its ordinals. That is quicker than one by one: places in a large
    /// dictionary are far from each other, and here none waits for the one before. Fails where one has no value.
    pub(crate) fn look_up(&mut self, column: u32, dictionary: &Loaded) -> Option<()> {
        let Self { streams, places, .. } = self;
        let Some(stream) = streams.get_mut(column as usize) else { return Some(()) };
        places.clear();
        for ordinal in &stream.ordinals {
            places.push(dictionary.place(*ordinal)?);
        }
        for place in places.iter() {
            stream.text.extend_from_slice(dictionary.at(place.clone())?);
            stream.ends.push(stream.text.len() as u32);
        }
        stream.ordinals.clear();
        Some(())
    }

    /// The next value of a column.
    pub(crate) fn next(&mut self, column: u32) -> Result<Cell<'_>, String> {
        let missing = || format!("a value of column {column} is missing");
        let cursor = self.cursors.get_mut(column as usize).ok_or_else(missing)?;
        let at = *cursor;
        *cursor += 1;
        let stream = self.streams.get(column as usize).ok_or_else(missing)?;
        if let Some(ordinal) = stream.ordinals.get(at as usize) {
            return Ok(Cell::Ordinal(*ordinal));
        }
        stream.value(at).map(Cell::Value).ok_or_else(missing)
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// A value of the column's dictionary.
    Ordinal(u32),
    /// The value itself.
    Value(&'a [u8]),
}

fn read_inline(
    stream: &mut Stream,
    codes: &mut Vec<u64>,
    text: &mut Reader<'_>,
    raw: &mut Reader<'_>,
) -> Result<(), String> {
    codes.clear();
    for _ in 0..stream.count {
        codes.push(text.varint()?);
    }
    let mut last_ms = 0i64;
    for code in codes.iter() {
        match *code {
            CODE_UUID | CODE_HEX => {
                let bytes: [u8; 16] = raw.take(16)?.try_into().map_err(|_| "it ends too early")?;
                put_uuid(bytes, *code == CODE_HEX, &mut stream.text);
            }
            CODE_UUID_7 => {
                last_ms = last_ms.wrapping_add(pack::unzigzag(text.varint()?));
                let mut bytes = [0; 16];
                let (time, random) = bytes.split_at_mut(6);
                time.copy_from_slice(last_ms.to_be_bytes().last_chunk::<6>().ok_or("it ends too early")?);
                random.copy_from_slice(raw.take(10)?);
                put_uuid(bytes, false, &mut stream.text);
            }
            length => {
                let length = usize::try_from(length - CODES).map_err(|_| "it ends too early")?;
                stream.text.extend_from_slice(text.take(length)?);
            }
        }
        stream.ends.push(stream.text.len() as u32);
    }
    Ok(())
}

fn put_uuid(bytes: [u8; 16], is_simple: bool, out: &mut Vec<u8>) {
    let uuid = Uuid::from_bytes(bytes);
    let mut buffer = Uuid::encode_buffer();
    let text = if is_simple {
        uuid.as_simple().encode_lower(&mut buffer)
    } else {
        uuid.as_hyphenated().encode_lower(&mut buffer)
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests;
