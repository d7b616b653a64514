//! The manifest of an export: what it is of, and what it proves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trailbook_event::Timestamp;

use trailbook_query::Error;

use super::{Export, Part};

const FORMAT: &str = "trailbook/export/v1";

#[derive(Serialize)]
pub(super) struct Manifest {
    format: &'static str,
    organization: String,
    created_at: String,
    /// The conditions and the text, as they were asked.
    query: String,
    range: RangeOut,
    /// Fields that were taken out of the events: nothing is proven then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<String>,
    files: BTreeMap<String, FileOut>,
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
    bytes: u64,
    sha256: String,
}

impl FileOut {
    pub(super) fn new(bytes: u64, sha256: &[u8]) -> Self {
        Self { bytes, sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

/// What a log has given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) events: u64,
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    pub(crate) openings: u64,
}

impl Given {
    /// Counts an event.
    pub(crate) fn add(&mut self, sequence: u64) {
        self.events += 1;
        self.first.get_or_insert(sequence);
        self.last = Some(sequence);
    }
}

/// One log.
#[derive(Serialize)]
pub(super) struct LogOut {
    log: String,
    origin: String,
    vkey: String,
    clock_vkey: String,
    /// What is proven: `complete` or `members`; `nothing` where there are no openings.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunOut {
    first: Vec<String>,
    last: Vec<String>,
}

impl From<[Vec<String>; 2]> for RunOut {
    fn from([first, last]: [Vec<String>; 2]) -> Self {
        Self { first, last }
    }
}

impl Manifest {
    pub(super) fn new(export: &Export, files: Vec<(String, FileOut)>, logs: Vec<LogOut>) -> Self {
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
            hidden: export.hidden_names.clone(),
            files: files.into_iter().collect(),
            logs,
        }
    }

    /// The file's text.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| Error::Failed(e.to_string()))?;
        text.push(b'\n');
        Ok(text)
    }
}

impl LogOut {
    pub(super) fn new(part: &Part, given: Given, is_complete: bool, run: Option<RunOut>) -> Self {
        Self {
            openings: given.openings,
            run,
            ..Self::unproven(part, given, if is_complete { "complete" } else { "members" })
        }
    }

    /// The same beside a file that has no openings.
    pub(super) fn without_openings(part: &Part, given: Given) -> Self {
        Self::unproven(part, given, "nothing")
    }

    fn unproven(part: &Part, given: Given, kind: &'static str) -> Self {
        Self {
            log: part.log.id(),
            origin: part.log.origin().to_owned(),
            vkey: part.log.key().to_string(),
            clock_vkey: part.log.clock_key().to_string(),
            kind,
            checkpoint: part.published.note().to_string(),
            events: given.events,
            erased: 0,
            openings: 0,
            first_sequence: given.first,
            last_sequence: given.last,
            run: None,
        }
    }
}
