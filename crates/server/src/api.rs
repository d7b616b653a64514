//! The native API, under `/api/v1`, and its document.

pub(crate) mod absent;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod exports;
pub(crate) mod groups;
pub(crate) mod ingest;
pub(crate) mod invitations;
pub(crate) mod logs;
pub(crate) mod members;
pub(crate) mod people;
pub(crate) mod problem;
pub(crate) mod roles;
pub(crate) mod rules;
#[expect(dead_code, reason = "made for the document; bodies are read by trailbook_event::normalise")]
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod tokens;
pub(crate) mod views;
