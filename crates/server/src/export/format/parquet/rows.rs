//! The rows of a row group while they are gathered, column by column.

use std::io::Write;

use bytes::Bytes;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedColumnWriter, SerializedRowGroupWriter};
use trailbook_event::Event;

use super::super::{Record, columns};
use super::Kind;

/// Columns before those of [`columns::names`].
const FIRST: [(&str, Kind); 6] = [
    ("organization", Kind::Text),
    ("sequence", Kind::Number),
    ("recorded_at", Kind::Millis),
    ("id", Kind::Text),
    ("occurred_at", Kind::Micros),
    ("occurred_at_text", Kind::OptionalText),
];
/// Columns after them.
const LAST: [(&str, Kind); 10] = [
    ("actor.groups.id", Kind::Texts),
    ("actor.groups.name", Kind::Texts),
    ("on_behalf_of.type", Kind::Texts),
    ("on_behalf_of.id", Kind::Texts),
    ("on_behalf_of.name", Kind::Texts),
    ("target.type", Kind::Texts),
    ("target.id", Kind::Texts),
    ("target.name", Kind::Texts),
    ("changes", Kind::OptionalJson),
    ("meta", Kind::OptionalJson),
];
/// Of the texts that CSV has too, those that no event lacks.
const ALWAYS: [&str; 4] = ["source", "action", "severity", "outcome"];
/// The length of a time that has no more than milliseconds: `2026-01-15T12:00:00.000Z`.
const MILLIS_TEXT_BYTES: usize = 24;

/// One column of the rows.
struct Column {
    name: String,
    kind: Kind,
    numbers: Vec<i64>,
    /// Texts one behind the other, and the length of each.
    text: Vec<u8>,
    lengths: Vec<usize>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

/// The rows of one row group.
pub(super) struct Rows {
    columns: Vec<Column>,
    rows: usize,
}

impl Rows {
    pub(super) fn new() -> Self {
        let kind = |name: &str| if ALWAYS.contains(&name) { Kind::Text } else { Kind::OptionalText };
        let owned = |(name, kind): (&str, Kind)| (name.to_owned(), kind);
        let shared = columns::names().map(|name| {
            let kind = kind(&name);
            (name, kind)
        });
        let all = FIRST.into_iter().map(owned).chain(shared).chain(LAST.into_iter().map(owned));
        Self { columns: all.map(|(name, kind)| Column::new(name, kind)).collect(), rows: 0 }
    }

    /// The columns' names, and what they hold.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.kind))
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// How many bytes the texts have.
    pub(super) fn bytes(&self) -> usize {
        self.columns.iter().map(|column| column.text.len()).sum()
    }

    pub(super) fn push(&mut self, record: &Record<'_>, event: &Event<'_>) {
        self.rows += 1;
        let mut columns = self.columns.iter_mut();
        let mut next = |fill: &mut dyn FnMut(&mut Column)| {
            if let Some(column) = columns.next() {
                fill(column);
            }
        };
        next(&mut |column| column.text(Some(record.organization)));
        // The bits of the number: the column has no sign.
        next(&mut |column| column.numbers.push(record.sequence as i64));
        next(&mut |column| column.numbers.push(record.recorded_ms));
        next(&mut |column| column.text(Some(&event.id.as_hyphenated().to_string())));
        next(&mut |column| column.numbers.push(event.occurred_at.nanos().div_euclid(1_000)));
        let text = event.occurred_at.to_string();
        next(&mut |column| column.text(Some(text.as_str()).filter(|text| text.len() > MILLIS_TEXT_BYTES)));
        for value in columns::texts(event) {
            next(&mut |column| column.text(value));
        }
        let groups = event.actor.as_ref().map_or(&[][..], |actor| &actor.groups);
        next(&mut |column| column.texts(groups.iter().map(|group| group.id.as_deref())));
        next(&mut |column| column.texts(groups.iter().map(|group| group.name.as_deref())));
        let parties = &event.on_behalf_of;
        next(&mut |column| column.texts(parties.iter().map(|party| Some(party.kind.name()))));
        next(&mut |column| column.texts(parties.iter().map(|party| Some(&*party.id))));
        next(&mut |column| column.texts(parties.iter().map(|party| party.name.as_deref())));
        let targets = &event.targets;
        next(&mut |column| column.texts(targets.iter().map(|target| Some(&*target.kind))));
        next(&mut |column| column.texts(targets.iter().map(|target| Some(&*target.id))));
        next(&mut |column| column.texts(targets.iter().map(|target| target.name.as_deref())));
        next(&mut |column| column.json(|out| columns::changes(event, out)));
        next(&mut |column| column.json(|out| columns::meta(event, out)));
    }

    /// Writes the rows as a row group, and forgets them.
    pub(super) fn write<W: Write + Send>(
        &mut self,
        mut group: SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Column {
    fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            numbers: Vec::new(),
            text: Vec::new(),
            lengths: Vec::new(),
            definitions: Vec::new(),
            repetitions: Vec::new(),
        }
    }

    fn text(&mut self, value: Option<&str>) {
        self.definitions.push(value.is_some().into());
        if let Some(value) = value {
            self.text.extend_from_slice(value.as_bytes());
            self.lengths.push(value.len());
        }
    }

    fn json(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - before;
        self.definitions.push((length > 0).into());
        if length > 0 {
            self.lengths.push(length);
        }
    }

    /// Definitions of a list: 0 is that it is empty, 1 an item that is absent, 2 one that is there.
    fn texts<'t>(&mut self, values: impl Iterator<Item = Option<&'t str>>) {
        let mut is_first = true;
        for value in values {
            self.repetitions.push((!is_first).into());
            is_first = false;
            self.text(value);
            if let Some(definition) = self.definitions.last_mut() {
                *definition += 1;
            }
        }
        if is_first {
            self.repetitions.push(0);
            self.definitions.push(0);
        }
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        if let Kind::Number | Kind::Millis | Kind::Micros = self.kind {
            writer.typed::<Int64Type>().write_batch(&self.numbers, None, None)?;
            self.numbers.clear();
            return Ok(());
        }
        let text = Bytes::from(std::mem::take(&mut self.text));
        let mut start = 0;
        let each = |length: usize| {
            start += length;
            ByteArray::from(text.slice(start - length..start))
        };
        let values: Vec<ByteArray> = self.lengths.drain(..).map(each).collect();
        let definitions = Some(self.definitions.as_slice()).filter(|_| self.kind != Kind::Text);
        let repetitions = Some(self.repetitions.as_slice()).filter(|_| self.kind == Kind::Texts);
        writer.typed::<ByteArrayType>().write_batch(&values, definitions, repetitions)?;
        self.definitions.clear();
        self.repetitions.clear();
        Ok(())
    }
}
