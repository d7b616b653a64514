//! The store through its public surface, on both databases.
//!
//! A behaviour is an `async fn` over a [`database::Database`]; `on_both!` makes two tests of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[macro_use]
mod database;
mod admins;
mod append;
mod compaction;
mod credentials;
mod damage;
mod disk;
mod exports;
mod failure;
mod ids;
mod keys;
mod kill;
mod limits;
mod logs;
mod logs_restart;
mod members;
mod opening;
mod organizations;
mod postgres;
mod rules;
mod segment_damage;
mod segments;
mod sign_ins;
mod tamper;
mod views;
mod writes;
