//! The executor beside a naive scan over the same events: every answer must be the same, wherever the events lie.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod check;
mod damage;
mod events;
mod hidden;
mod limits;
mod many;
mod memory;
mod narrowed;
mod oracle;
mod property;
mod queries;
mod random;
mod state;
