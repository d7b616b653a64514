//! What the catalog keeps of an export: what is asked for, how far it is, what it gave. Texts of JSON.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use trailbook_query::{Error, Hidden, Query, params};

use crate::auth::rights::Sight;
use crate::export::OF_RANGES;
use crate::export::chunk::FileProgress;
use crate::export::format::Format;
use crate::export::manifest::{Given, RunOut};
use crate::export::part::Part;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// At least one, each once.
    pub(crate) formats: Vec<FormatName>,
    /// Parameters of a search, by their names.
    pub(crate) filter: BTreeMap<String, String>,
    /// To what whoever asked for it was narrowed then.
    #[serde(default, skip_serializing_if = "Sight::is_all")]
    pub(crate) sight: Sight,
    /// Whether a dialect has added its own condition to the filter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_of_dialect: bool,
}

impl Request {
    /// The query that the filter means. It is narrowed already; what is hidden is to be taken out of what it finds.
    pub(crate) fn query(&self) -> Result<(Query, Hidden), Error> {
        let pairs: Vec<(String, String)> = self.filter.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut query = params::parse(&pairs)?;
        let hidden = match self.is_of_dialect {
            true => self.sight.apply_of_dialect(&mut query)?,
            false => self.sight.apply(&mut query)?,
        };
        Ok((query, hidden))
    }

    /// The conditions as a URL would have them, for people.
    pub(crate) fn text(&self) -> String {
        self.joined(|name| !OF_RANGES.contains(&name))
    }

    /// The same with the range.
    pub(crate) fn text_with_range(&self) -> String {
        self.joined(|_| true)
    }

    fn joined(&self, which: impl Fn(&str) -> bool) -> String {
        let asked = self.filter.iter().filter(|(name, _)| which(name));
        asked.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

/// A format, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FormatName(pub(crate) Format);

impl Serialize for FormatName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for FormatName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Format::from_name(&name).map(FormatName).ok_or_else(|| D::Error::custom(format!("{name:?} is no format")))
    }
}

/// How far an export is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The logs, each under its checkpoint of the beginning.
    pub(super) logs: Vec<LogProgress>,
    /// Which of them is in work, and the next sequence there.
    pub(super) at: usize,
    pub(super) next: u64,
    /// Events that match in all, and those that are written.
    pub(super) total: u64,
    pub(super) events: u64,
    /// Chunks that are durable.
    pub(super) chunks: u32,
    /// The files that lie in chunks.
    pub(super) files: BTreeMap<String, FileProgress>,
}

/// One log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogProgress {
    pub(super) log: String,
    pub(super) checkpoint: String,
    pub(super) given: Given,
    /// What proves its run, once all of it is written.
    pub(super) run: Option<RunOut>,
}

impl LogProgress {
    pub(super) fn new(part: &Part) -> Self {
        let checkpoint = part.published.note().to_string();
        Self { log: part.log.id(), checkpoint, given: Given::default(), run: None }
    }
}

impl Progress {
    /// How much is done, of 100. The last one is kept for what comes after the events.
    pub(crate) fn percent(&self) -> u64 {
        (self.events.saturating_mul(99) / self.total.max(1)).min(99)
    }
}

/// What an export gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) events: u64,
    pub(crate) files: Vec<FileDone>,
}

/// One of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileDone {
    pub(crate) format: FormatName,
    pub(crate) bytes: u64,
}
