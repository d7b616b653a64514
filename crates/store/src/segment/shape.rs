//! Shapes: what canonical bytes are without their values.
//!
//! Events of one kind differ in their values alone: keys, braces and commas are the same bytes in each. That text, with
//! a slot where each value stands, is a *shape*; it is stored once a segment, and a row says which it has. An event's
//! bytes are its shape with its values put in, so they come back exactly, and where its fields lie comes with them.
//! `meta` has a shape of its own inside the event's, since what stands around it varies independently.
//!
//! ```text
//! SHAPE := (TEXT | SLOT)*
//! TEXT  := bytes from 0x20 up: canonical JSON has no control characters
//! SLOT  := 0x01 column:varint item:u8     a value of this column, without quotes
//!        | 0x02 digits:u8                 the time it occurred at, with 3, 6 or 9 digits
//!        | 0x03                           the object `meta`, in the row's own shape of it
//! ```

use hashbrown::HashMap;
use trailbook_event::{Field, Span, canonical, json, normalise, time, words};

use super::column_name::ColumnName;
use super::pack::{Reader, put_varint};

const VALUE: u8 = 1;
const TIME: u8 = 2;
const META: u8 = 3;
/// A shape above this is not worth keeping: its event is stored as it is.
pub(crate) const SHAPE_BYTES_MAX: usize = 8 * 1024;
/// Shapes of events, and shapes of `meta`, in one segment; events of others are stored as they are.
pub(crate) const SHAPES_MAX: usize = 16_384;
/// Bytes of shapes of events, and of those of `meta`, in one segment.
pub(crate) const SHAPES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Columns of one segment.
pub(crate) const COLUMNS_MAX: usize = 1_024;

/// A part of a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Piece {
    /// These bytes of the shape's text.
    Text(u32, u32),
    /// A value of a column; of a field, where it is no path of `meta`.
    Value { column: u32, field: Option<Field>, item: u8 },
    /// The time.
    Time { digits: u8 },
    /// The object `meta`.
    Meta,
}

/// A shape, ready to be filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    stored: Box<[u8]>,
    pieces: Box<[Piece]>,
    /// The columns of its values, in the order of the text.
    columns: Box<[u32]>,
    /// How many of them stand before `meta`, if it has that.
    before_meta: Option<usize>,
}

impl Shape {
    /// Reads a stored shape. The error says what is wrong.
    pub(crate) fn read(stored: &[u8], columns: &[ColumnName], is_meta: bool) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut at = 0usize;
        while let Some(rest) = stored.get(at..).filter(|rest| !rest.is_empty()) {
            let text = rest.iter().position(|byte| *byte < 0x20).unwrap_or(rest.len());
            if text > 0 {
                pieces.push(Piece::Text(at as u32, (at + text) as u32));
            }
            let Some((mark, slot)) = rest.get(text..).and_then(<[u8]>::split_first) else { break };
            let mut reader = Reader::new(slot);
            let piece = match *mark {
                VALUE => {
                    let column = reader.varint().map_err(|_| "a slot ends too early")?;
                    let item = reader.u8().map_err(|_| "a slot ends too early")?;
                    let column = u32::try_from(column).unwrap_or(u32::MAX);
                    let name = columns.get(column as usize).ok_or("a slot is of an unknown column")?;
                    Piece::Value { column, field: name.field(), item }
                }
                TIME if !is_meta => Piece::Time { digits: reader.u8().map_err(|_| "a slot ends too early")? },
                META if !is_meta => Piece::Meta,
                _ => return Err("it has an unknown slot"),
            };
            pieces.push(piece);
            at += text + 1 + (slot.len() - reader.rest().len());
        }
        let column = |piece: &Piece| match piece {
            Piece::Value { column, .. } => Some(*column),
            _ => None,
        };
        let meta = pieces.iter().position(|piece| *piece == Piece::Meta);
        let before_meta = meta.map(|meta| pieces.iter().take(meta).filter_map(column).count());
        let columns = pieces.iter().filter_map(column).collect();
        Ok(Self { stored: stored.into(), pieces: pieces.into(), columns, before_meta })
    }

    /// The stored form.
    pub(crate) fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// The parts, in the order of the text.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The columns of its values, in the order of the text.
    pub(crate) fn columns(&self) -> impl Iterator<Item = u32> {
        self.columns.iter().copied()
    }

    /// The same, those before `meta` and those after it; whether it has that.
    pub(crate) fn around_meta(&self) -> (&[u32], bool, &[u32]) {
        let (before, after) = self.columns.split_at(self.before_meta.unwrap_or(self.columns.len()));
        (before, self.before_meta.is_some(), after)
    }

    /// The same shape where columns have other numbers.
    pub(crate) fn renumbered(&self, number: impl Fn(u32) -> u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.stored.len() + 8);
        for piece in &self.pieces {
            match *piece {
                Piece::Text(start, end) => {
                    out.extend_from_slice(self.stored.get(start as usize..end as usize).unwrap_or_default());
                }
                Piece::Value { column, item, .. } => put_value(&mut out, number(column), item),
                Piece::Time { digits } => out.extend_from_slice(&[TIME, digits]),
                Piece::Meta => out.push(META),
            }
        }
        out
    }
}

fn put_value(out: &mut Vec<u8>, column: u32, item: u8) {
    out.push(VALUE);
    put_varint(out, u64::from(column));
    out.push(item);
}

/// An event that was put together from its shapes and values.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    /// Its canonical bytes.
    pub(crate) canonical: Vec<u8>,
    /// Where its fields lie in them.
    pub(crate) spans: Vec<Span>,
}

impl Rendered {
    /// Puts an event together; `value` appends the next value of a column.
    pub(crate) fn fill<E>(
        &mut self,
        (event, meta): (&Shape, Option<&Shape>),
        occurred_ns: i64,
        opaque_meta: u32,
        mut value: impl FnMut(u32, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.canonical.clear();
        self.spans.clear();
        for piece in event.pieces() {
            let start = self.canonical.len();
            match *piece {
                Piece::Text(from, to) => {
                    self.canonical.extend_from_slice(event.stored.get(from as usize..to as usize).unwrap_or_default());
                }
                Piece::Value { column, field, item } => {
                    value(column, &mut self.canonical)?;
                    if let Some(field) = field {
                        self.note(field, item, start);
                    }
                }
                Piece::Time { digits } => {
                    time::write_nanos(occurred_ns, digits, &mut self.canonical);
                    self.note(Field::OccurredAt, 0, start);
                }
                Piece::Meta => {
                    match meta {
                        Some(meta) => fill_meta(meta, &mut self.canonical, &mut value)?,
                        None => value(opaque_meta, &mut self.canonical)?,
                    }
                    self.note(Field::Meta, 0, start);
                }
            }
        }
        Ok(())
    }

    /// Takes an event that was stored as it is.
    pub(crate) fn reread(&mut self) -> Result<(), String> {
        let event = json::parse(&self.canonical)
            .map_err(trailbook_event::Error::from)
            .and_then(normalise::from_canonical)
            .map_err(|e| format!("an event is not canonical: {e} at {:?}", e.pointer()))?;
        self.spans = canonical::write(&event).spans;
        Ok(())
    }

    fn note(&mut self, field: Field, item: u8, start: usize) {
        let len = (self.canonical.len() - start) as u32;
        let span = Span { field, item, start: start as u32, len };
        self.spans.push(span);
        if field == Field::Context(trailbook_event::ContextKey::RequestUrl) {
            let value = span.of(&self.canonical);
            let path = value.iter().position(|byte| *byte == b'?').unwrap_or(value.len()) as u32;
            self.spans.push(Span { field: Field::RequestPath, len: path, ..span });
        }
    }
}

fn fill_meta<E>(
    meta: &Shape,
    out: &mut Vec<u8>,
    value: &mut impl FnMut(u32, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    for piece in meta.pieces() {
        match *piece {
            Piece::Text(from, to) => {
                out.extend_from_slice(meta.stored.get(from as usize..to as usize).unwrap_or_default());
            }
            Piece::Value { column, .. } => value(column, out)?,
            // No shape of `meta` has them.
            Piece::Time { .. } | Piece::Meta => {}
        }
    }
    Ok(())
}

/// The shapes and columns of a segment in the making.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    pub(crate) events: Table,
    pub(crate) metas: Table,
    pub(crate) columns: Columns,
    scratch: Vec<u8>,
}

/// Stored shapes in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Table {
    by_key: HashMap<Box<[u8]>, u32>,
    pub(crate) all: Vec<Shape>,
    /// What they take when they are stored.
    bytes: usize,
}

impl Table {
    fn add(&mut self, key: &[u8], shape: Shape) -> u32 {
        let number = self.all.len() as u32;
        self.by_key.insert(key.into(), number);
        self.bytes += shape.stored.len();
        self.all.push(shape);
        number
    }

    /// Whether a shape of so many bytes may be added.
    fn has_room(&self, bytes: usize) -> bool {
        self.all.len() < SHAPES_MAX && bytes <= SHAPE_BYTES_MAX && self.bytes + bytes <= SHAPES_BYTES_MAX
    }

    /// The number of a stored shape, which is added if it is new and there is room.
    pub(crate) fn number_of(&mut self, stored: &[u8], columns: &[ColumnName], is_meta: bool) -> Option<u32> {
        if let Some(number) = self.by_key.get(stored) {
            return Some(*number);
        }
        if !self.has_room(stored.len()) {
            return None;
        }
        let shape = Shape::read(stored, columns, is_meta).ok()?;
        Some(self.add(stored, shape))
    }
}

/// The columns of a segment in the making.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    by_name: HashMap<ColumnName, u32>,
    pub(crate) names: Vec<ColumnName>,
}

impl Columns {
    /// The number of a column, which is added if it is new.
    pub(crate) fn number_of(&mut self, name: &ColumnName) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.by_name.insert(name.clone(), number);
        self.names.push(name.clone());
        number
    }

    /// The number of a column that is known.
    pub(crate) fn known(&self, name: &ColumnName) -> Option<u32> {
        self.by_name.get(name).copied()
    }
}

/// An event taken apart: its shapes, and its values as ranges of its bytes, each with its column.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    /// The event's shape; `None`: the event is stored as it is.
    pub(crate) event: Option<u32>,
    /// The shape of its `meta`; `None`: there is none, or it is stored as it is.
    pub(crate) meta: Option<u32>,
    /// Column, start and end of each value, in the order of the text.
    pub(crate) values: Vec<(u32, u32, u32)>,
}

impl Shapes {
    /// Takes an event apart.
    pub(crate) fn take_apart(&mut self, canonical: &[u8], spans: &[Span], occurred_ns: i64, apart: &mut Apart) {
        apart.event = None;
        apart.meta = None;
        apart.values.clear();
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        let mut at = 0;
        for span in spans.iter().filter(|span| span.field != Field::RequestPath) {
            let (start, end) = (span.start as usize, (span.start + span.len) as usize);
            key.extend_from_slice(canonical.get(at..start).unwrap_or_default());
            at = end;
            match span.field {
                Field::Meta => {
                    key.push(META);
                    apart.meta = self.take_meta_apart(canonical, span, &mut apart.values);
                }
                Field::OccurredAt if time_digits(span.of(canonical), occurred_ns).is_some() => {
                    key.extend_from_slice(&[TIME, time_digits_of_length(span.len)]);
                }
                field => {
                    let column = self.columns.number_of(&ColumnName::Field(field));
                    put_value(&mut key, column, span.item);
                    apart.values.push((column, span.start, span.start + span.len));
                }
            }
        }
        key.extend_from_slice(canonical.get(at..).unwrap_or_default());
        apart.event = self.events.number_of(&key, &self.columns.names, false);
        if apart.event.is_none() {
            let column = self.columns.number_of(&ColumnName::Event);
            apart.meta = None;
            apart.values.clear();
            apart.values.push((column, 0, canonical.len() as u32));
        }
        self.scratch = key;
    }

    /// Takes `meta` apart, or leaves it as one value where its shape is not kept.
    fn take_meta_apart(&mut self, canonical: &[u8], span: &Span, values: &mut Vec<(u32, u32, u32)>) -> Option<u32> {
        let text = span.of(canonical);
        let before = values.len();
        let mut key = Vec::with_capacity(text.len());
        let mut at = 0;
        // `null` is none of them: no value can be compared with it.
        for scalar in words::scalar_places(text) {
            key.extend_from_slice(text.get(at..scalar.start).unwrap_or_default());
            key.push(VALUE);
            at = scalar.end;
            values.push((0, span.start + scalar.start as u32, span.start + scalar.end as u32));
        }
        key.extend_from_slice(text.get(at..).unwrap_or_default());
        let number = self.metas.by_key.get(key.as_slice()).copied().or_else(|| self.new_meta(&key));
        let Some(number) = number else {
            values.truncate(before);
            let column = self.columns.number_of(&ColumnName::Field(Field::Meta));
            values.push((column, span.start, span.start + span.len));
            return None;
        };
        let shape = self.metas.all.get(number as usize)?;
        for (value, column) in values.iter_mut().skip(before).zip(shape.columns()) {
            value.0 = column;
        }
        Some(number)
    }

    /// Adds a shape of `meta`, given as its text with a mark for each scalar.
    fn new_meta(&mut self, key: &[u8]) -> Option<u32> {
        if !self.metas.has_room(key.len()) {
            return None;
        }
        let paths = paths_of(key);
        let new = paths.iter().filter(|path| self.columns.known(&ColumnName::Meta((*path).clone())).is_none()).count();
        if self.columns.names.len() + new > COLUMNS_MAX {
            return None;
        }
        let mut paths = paths.into_iter();
        let mut stored = Vec::with_capacity(key.len() + 16);
        for byte in key {
            if *byte == VALUE {
                let column = self.columns.number_of(&ColumnName::Meta(paths.next().unwrap_or_default()));
                put_value(&mut stored, column, 0);
            } else {
                stored.push(*byte);
            }
        }
        let shape = Shape::read(&stored, &self.columns.names, true).ok()?;
        Some(self.metas.add(key, shape))
    }
}

/// The digits after the second, if a time's text is what its nanoseconds are written as.
fn time_digits(text: &[u8], occurred_ns: i64) -> Option<u8> {
    let digits = time_digits_of_length(text.len() as u32);
    let mut written = Vec::with_capacity(32);
    time::write_nanos(occurred_ns, digits, &mut written);
    (written == text).then_some(digits)
}

fn time_digits_of_length(length: u32) -> u8 {
    match length {
        24 => 3,
        27 => 6,
        _ => 9,
    }
}

/// The path of each marked scalar: the escaped keys from `meta` down. Elements of arrays have the path of their array
/// with one key more, which no object can have.
fn paths_of(key: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    let mut stack: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = key.get(at) {
        match byte {
            b'{' => stack.push(Vec::new()),
            b'[' => stack.push(ColumnName::ELEMENT.to_vec()),
            b'}' | b']' => drop(stack.pop()),
            b'"' if key.get(at + 1) == Some(&VALUE) && key.get(at + 2) == Some(&b'"') => {
                paths.push(stack.clone());
                at += 2;
            }
            b'"' => {
                let text = key.get(at + 1..).unwrap_or_default();
                let length = words::string_len(text);
                if let Some(top) = stack.last_mut() {
                    *top = text.get(..length).unwrap_or_default().to_vec();
                }
                at += length + 1;
            }
            &VALUE => paths.push(stack.clone()),
            _ => {}
        }
        at += 1;
    }
    paths
}
