//! Exports without proofs: what a query finds, in one of the formats, while it is found.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use trailbook_query::{Cancel, Error, Hidden, Order, Query, scan};
use trailbook_store::{Organization, Row, Snapshot};

use super::format::{Format, Lines, Record, parquet, unwritten};

/// How lines are made shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Every one.
    pub(crate) const ALL: [Compression; 2] = [Self::Gzip, Self::Zstd];

    /// The name that parameters have.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The one of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// How the names of its files end.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }

    /// What an answer calls it.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => "application/gzip",
            Self::Zstd => "application/zstd",
        }
    }
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) format: Format,
    /// Of formats with lines only.
    pub(crate) compression: Option<Compression>,
}

/// What is taken out.
pub(crate) struct Events {
    pub(crate) organization: Organization,
    pub(crate) snapshot: Snapshot,
    /// Narrowed already.
    pub(crate) query: Query,
    /// What whoever takes them out does not see.
    pub(crate) hidden: Hidden,
}

/// Writes what a query finds in a snapshot, in the order of sequences, older logs first. Takes the thread for as long
/// as it runs; `cancel`, or an error of `out`, stops it.
pub(crate) fn write(events: &Events, form: Form, out: impl Write + Send, cancel: &Cancel) -> Result<(), Error> {
    let Some(lines) = Lines::new(form.format) else {
        let mut file = parquet::Writer::new(out)?;
        each(events, cancel, |record| file.write(record))?;
        return file.close().map(drop);
    };
    match form.compression {
        None => write_lines(events, lines, out, cancel).map(drop),
        Some(Compression::Gzip) => {
            // Level 1: a tenth larger than the usual one, and four times as fast.
            let out = GzEncoder::new(out, flate2::Compression::fast());
            let out = write_lines(events, lines, out, cancel)?;
            out.finish().map(drop).map_err(|e| unwritten(&e))
        }
        Some(Compression::Zstd) => {
            let out = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(|e| unwritten(&e))?;
            let out = write_lines(events, lines, out, cancel)?;
            out.finish().map(drop).map_err(|e| unwritten(&e))
        }
    }
}

fn write_lines<W: Write>(events: &Events, mut lines: Lines, mut out: W, cancel: &Cancel) -> Result<W, Error> {
    let failed = |error: io::Error| unwritten(&error);
    out.write_all(lines.header()).map_err(failed)?;
    let mut line = Vec::new();
    each(events, cancel, |record| {
        line.clear();
        lines.write(record, &mut line)?;
        out.write_all(&line).map_err(failed)
    })?;
    Ok(out)
}

/// Gives every event, in order, until one is refused.
fn each(events: &Events, cancel: &Cancel, mut give: impl FnMut(&Record<'_>) -> Result<(), Error>) -> Result<(), Error> {
    let Events { organization, snapshot, query, hidden } = events;
    let query = Query { order: Order::Sequence, ..query.clone() };
    let mut given = Ok(());
    scan(snapshot, &query, cancel, |_, row| {
        let Row { sequence, recorded_ms, canonical, .. } = *row;
        let canonical = &hidden.strip(canonical);
        given = give(&Record { organization: organization.name(), sequence, recorded_ms, canonical });
        given.is_ok()
    })?;
    given
}
