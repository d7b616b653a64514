//! The manifest of an export: what it is of, and what it proves.

use std::collections::BTreeMap;

use serde::Serialize;
use trailbook_event::Timestamp;

use super::{Export, Given, Part};

const FORMAT: &str = "trailbook/export/v1";

#[derive(Serialize)]
pub(super) struct Manifest {
    format: &'static str,
    organization: String,
    created_at: String,
    /// The conditions and the text, as they were asked.
    query: String,
    range: RangeOut,
    files: BTreeMap<&'static str, FileOut>,
    logs: Vec<LogOut>,
}

/// Bounds that were asked for: `from` is inclusive, `to` is not.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct RangeOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_to: Option<u64>,
}

/// One file of the export.
#[derive(Serialize)]
pub(super) struct FileOut {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// One log.
#[derive(Serialize)]
pub(super) struct LogOut {
    log: String,
    origin: String,
    vkey: String,
    clock_vkey: String,
    /// `complete` or `members`.
    kind: &'static str,
    checkpoint: String,
    events: u64,
    /// Events of the range whose content was erased.
    erased: u64,
    openings: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunOut>,
}

/// The inclusion proofs of the first and the last opening of a run.
#[derive(Serialize)]
pub(super) struct RunOut {
    pub(super) first: Vec<String>,
    pub(super) last: Vec<String>,
}

impl Manifest {
    pub(super) fn new(export: &Export, files: Vec<(&'static str, FileOut)>, logs: Vec<LogOut>) -> Self {
        let query = &export.query;
        let ms = |ms: i64| Timestamp::from_millis(ms).to_string();
        let nanos = |nanos: i64| Timestamp::from_nanos(nanos).to_string();
        Self {
            format: FORMAT,
            organization: export.organization.name().to_owned(),
            created_at: ms(export.created_ms),
            query: export.text.clone(),
            range: RangeOut {
                recorded_from: query.recorded.0.map(ms),
                recorded_to: query.recorded.1.map(ms),
                occurred_from: query.occurred.0.map(nanos),
                occurred_to: query.occurred.1.map(nanos),
                sequence_from: query.sequence.0,
                sequence_to: query.sequence.1,
            },
            files: files.into_iter().collect(),
            logs,
        }
    }
}

impl LogOut {
    pub(super) fn new(part: &Part, given: Given, run: Option<RunOut>, is_complete: bool) -> Self {
        Self {
            log: part.log.id(),
            origin: part.log.origin().to_owned(),
            vkey: part.log.key().to_string(),
            clock_vkey: part.log.clock_key().to_string(),
            kind: if is_complete { "complete" } else { "members" },
            checkpoint: part.published.note().to_string(),
            events: given.events,
            erased: 0,
            openings: given.openings,
            first_sequence: given.first,
            last_sequence: given.last,
            run,
        }
    }
}
