//! The commands as a person or a script calls them, against a real server where they need one.

mod fake;
mod harness;

mod demo;
mod query;
mod send;
mod serve;
mod token;
