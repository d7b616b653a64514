//! The native API, under `/api/v1`, and its document.

pub(crate) mod absent;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod ingest;
pub(crate) mod logs;
pub(crate) mod problem;
#[expect(dead_code, reason = "made for the document; bodies are read by trailbook_event::normalise")]
pub(crate) mod schema;
