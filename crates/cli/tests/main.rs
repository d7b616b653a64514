//! The commands as a person or a script calls them, against a real server where they need one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fake;
mod harness;

mod check;
mod demo;
mod export;
mod kill;
mod query;
mod secrets;
mod send;
mod serve;
mod token;
mod verifiers;
mod verify;
