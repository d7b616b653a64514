//! Parquet: a table for programs, with a column for each field.
//!
//! Rows are gathered until they make a row group, which is written column by column; memory is that of one row group.
//! Columns have the names of the model. `target`, `actor.groups` and `on_behalf_of` become lists, one for each of their
//! fields, of equal lengths: the first `target.id` goes with the first `target.type`.

mod join;
mod rows;

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use trailbook_event::limits::{PARQUET_GROUP_BYTES_MIN, PARQUET_GROUP_EVENTS_MAX};
use trailbook_query::Error;

use super::{Record, unwritten};
pub(crate) use join::join;
use rows::Rows;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text that each event has.
    Text,
    /// A text that an event may lack.
    OptionalText,
    /// JSON that an event may lack.
    OptionalJson,
    /// A number without a sign.
    Number,
    /// Milliseconds since 1970.
    Millis,
    /// Microseconds since 1970.
    Micros,
    /// A list of texts, any of which may be absent.
    Texts,
}

/// Writes a Parquet file from front to end.
pub(crate) struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Rows,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    pub(crate) fn new(out: W) -> Result<Self, Error> {
        let rows = Rows::new();
        let file = SerializedFileWriter::new(out, schema(&rows)?, properties()).map_err(failed)?;
        Ok(Self { file, rows })
    }

    /// Adds an event.
    pub(crate) fn write(&mut self, record: &Record<'_>) -> Result<(), Error> {
        self.rows.push(record, &record.event()?);
        if self.rows.len() >= PARQUET_GROUP_EVENTS_MAX || self.rows.bytes() >= PARQUET_GROUP_BYTES_MIN {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the file; without it there is none.
    pub(crate) fn close(mut self) -> Result<W, Error> {
        self.flush()?;
        self.file.into_inner().map_err(failed)
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.rows.len() > 0 {
            self.rows.write(self.file.next_row_group().map_err(failed)?).map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(error: ParquetError) -> Error {
    match &error {
        ParquetError::External(inner) => match inner.downcast_ref() {
            Some(inner) => unwritten(inner),
            None => Error::Failed(format!("writing Parquet: {inner}")),
        },
        other => Error::Failed(format!("writing Parquet: {other}")),
    }
}

fn properties() -> WriterPropertiesPtr {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(concat!("trailbook version ", env!("CARGO_PKG_VERSION")).to_owned());
    Arc::new(properties.build())
}

fn schema(rows: &Rows) -> Result<TypePtr, Error> {
    let fields = rows.columns().map(|(name, kind)| field(name, kind)).collect::<Result<_, ParquetError>>();
    let root = fields.and_then(|fields| Type::group_type_builder("event").with_fields(fields).build());
    root.map(Arc::new).map_err(failed)
}

fn field(name: &str, kind: Kind) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match kind {
        Kind::Text | Kind::OptionalText | Kind::Texts => (Physical::BYTE_ARRAY, LogicalType::String),
        Kind::OptionalJson => (Physical::BYTE_ARRAY, LogicalType::Json),
        Kind::Number => (Physical::INT64, LogicalType::integer(64, false)),
        Kind::Millis => (Physical::INT64, LogicalType::timestamp(true, TimeUnit::MILLIS)),
        Kind::Micros => (Physical::INT64, LogicalType::timestamp(true, TimeUnit::MICROS)),
    };
    let leaf = |name: &str, repetition| {
        let leaf = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        leaf.with_logical_type(Some(logical.clone())).build().map(Arc::new)
    };
    match kind {
        Kind::Text | Kind::Number | Kind::Millis | Kind::Micros => leaf(name, Repetition::REQUIRED),
        Kind::OptionalText | Kind::OptionalJson => leaf(name, Repetition::OPTIONAL),
        // The three levels that the format wants of a list; see LogicalTypes.md of parquet-format.
        Kind::Texts => {
            let element = leaf("element", Repetition::OPTIONAL)?;
            let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
            let list = Arc::new(list.with_fields(vec![element]).build()?);
            let whole = Type::group_type_builder(name).with_repetition(Repetition::REQUIRED);
            let whole = whole.with_converted_type(ConvertedType::LIST).with_logical_type(Some(LogicalType::List));
            whole.with_fields(vec![list]).build().map(Arc::new)
        }
    }
}

#[cfg(test)]
mod tests;
