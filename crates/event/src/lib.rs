//! The audit event, from the bytes that a client sends to the sealed record that the store appends.
//!
//! ```text
//! json::parse ─► normalise ─► redact ─► exclude ─► seal
//!   bytes         Event        Redacted   Admitted    Sealed
//! ```
//!
//! Each step takes the type that only the step before can make, so nothing that was not redacted and then admitted
//! can be sealed, and only what is sealed can be appended. The crate is pure: no I/O, no clock, no randomness; time and
//! entropy are given by the caller.

pub mod canonical;
pub mod cut;
pub mod exclude;
pub mod field;
pub mod json;
pub mod limits;
pub mod normalise;
pub mod pattern;
pub mod redact;
pub mod seal;
pub mod time;
pub mod vocabulary;
pub mod words;

mod error;
mod model;

pub use error::Error;
pub use field::{Field, Span};
pub use model::{
    Actor, ActorType, Changes, Channel, Context, ContextKey, Event, Failure, Group, OnBehalfOf, Outcome, Severity,
    Target, Text,
};
pub use seal::Sealed;
pub use time::Timestamp;
pub use uuid::Uuid;

/// The source of the server's own events; clients may not use it.
pub const OWN_SOURCE: &str = "trailbook";
