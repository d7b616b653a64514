//! The server over real HTTP, through its public surface: each test has a server of its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod authentication;
mod bad_events;
mod bad_requests;
mod bodies;
mod differential;
mod document;
mod drain;
mod encodings;
mod export;
mod exports;
mod formats;
mod harness;
mod idempotency;
mod ingest;
mod isolation;
mod logs;
mod operations;
mod oracle;
mod paging;
mod port;
mod portal;
mod portal_errors;
mod portal_filters;
mod redaction;
mod scenarios;
mod search;
mod segments;
mod spectra;
mod tls;
mod webhooks;
mod wire;
mod witness;
mod writes;
mod wso2;
