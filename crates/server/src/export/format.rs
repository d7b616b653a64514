//! The formats in which events are handed over. `docs/formats.md` has every field of each.
//!
//! A format of lines has one line for each event, and nothing that lines share but a header, so parts of an export can
//! be written apart and joined end to end. A Parquet file is whole in itself; [`parquet::join()`] joins several.

pub(crate) mod parquet;

mod cef;
mod columns;
mod csv;
mod object;
mod ocsf;
mod verb;

use std::io;

use trailbook_event::{Event, json, normalise};
use trailbook_query::Error;

/// A form of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The canonical event, one a line, as it was sealed.
    Ndjson,
    /// The Common Event Format of many security tools.
    Cef,
    /// A table for people, RFC 4180.
    Csv,
    /// A table for programs.
    Parquet,
    /// JSON lines after the Open Cybersecurity Schema Framework.
    Ocsf,
}

impl Format {
    /// Every one.
    pub(crate) const ALL: [Format; 5] = [Self::Ndjson, Self::Cef, Self::Csv, Self::Parquet, Self::Ocsf];

    /// The name that parameters have.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Cef => "cef",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ocsf => "ocsf",
        }
    }

    /// The one of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// How the names of its files end.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Ocsf => "ocsf.ndjson",
            other => other.name(),
        }
    }

    /// What an answer calls it.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson | Self::Ocsf => "application/x-ndjson",
            Self::Cef => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether it has a line for each event.
    pub(crate) fn has_lines(self) -> bool {
        self != Self::Parquet
    }
}

/// One event as it is handed over.
pub(crate) struct Record<'a> {
    /// The organization's name.
    pub(crate) organization: &'a str,
    pub(crate) sequence: u64,
    pub(crate) recorded_ms: i64,
    /// Its canonical bytes.
    pub(crate) canonical: &'a [u8],
}

impl Record<'_> {
    /// The event that the bytes are of.
    fn event(&self) -> Result<Event<'_>, Error> {
        let damaged = |reason: String| {
            let what = format!("the event {} of {}", self.sequence, self.organization);
            Error::Damaged { what, reason }
        };
        let value = json::parse(self.canonical).map_err(|e| damaged(e.to_string()))?;
        normalise::from_canonical(value).map_err(|e| damaged(e.to_string()))
    }
}

/// Writes events as lines.
pub(crate) struct Lines(Format);

impl Lines {
    /// A format without lines has none.
    pub(crate) fn new(format: Format) -> Option<Self> {
        format.has_lines().then_some(Self(format))
    }

    /// What comes before all lines.
    pub(crate) fn header(&self) -> &[u8] {
        if self.0 == Format::Csv { csv::header() } else { b"" }
    }

    /// Appends the line of an event.
    pub(crate) fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.0 {
            Format::Ndjson | Format::Parquet => {
                out.extend_from_slice(record.canonical);
                out.push(b'\n');
            }
            Format::Csv => csv::write(record, &record.event()?, out),
            Format::Cef => cef::write(record, &record.event()?, out),
            Format::Ocsf => ocsf::write(record, &record.event()?, out),
        }
        Ok(())
    }
}

/// Why nothing more can be written.
pub(crate) fn unwritten(error: &io::Error) -> Error {
    match error.kind() {
        // Whoever reads has gone.
        io::ErrorKind::BrokenPipe => Error::Cancelled,
        _ => Error::Failed(format!("writing an export: {error}")),
    }
}
