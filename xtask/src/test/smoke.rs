//! `cargo xtask smoke`: does what the README promises a new user, with the release build.
//!
//! It starts `trailbook demo` on an empty folder, runs the `curl` lines that the demo prints, and ends it politely.

use crate::demo::Demo;
use crate::repository;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::Command;

/// How many `curl` lines the demo prints.
const CURL_LINES: usize = 3;

/// Runs the demo once; the release build must be there.
pub(crate) fn run() -> Result<()> {
    let binary = repository::release_binary()?;
    if !repository::is_program(&binary) {
        bail!("there is no release build: cargo build --release");
    }
    let mut demo = Demo::start(&binary)?;
    let lines = demo.printed("curl ", CURL_LINES)?;
    for (index, line) in lines.iter().enumerate() {
        let answer = run_pasted(line).with_context(|| format!("curl line {} of the demo", index + 1))?;
        println!("curl line {}: {} bytes, as it should be", index + 1, answer.len());
    }
    let status = demo.stop()?;
    if !status.success() {
        bail!("the demo was asked to stop and ended with {status}");
    }
    println!("the demo stopped with exit status 0");
    Ok(())
}

/// Runs a line as a person would paste it; it has to succeed and print something that is not an error document.
fn run_pasted(line: &str) -> Result<String> {
    let answer = repository::output(Command::new("sh").args(["-c", line]))?;
    if answer.trim().is_empty() {
        bail!("the line printed nothing");
    }
    if let Some(status) = serde_json::from_str(&answer).ok().as_ref().and_then(error_status) {
        bail!("the server answered {status}: {}", answer.trim());
    }
    Ok(answer)
}

/// The status in an RFC 9457 problem or in Backstage's error body.
fn error_status(answer: &Value) -> Option<u64> {
    let problem = answer.get("status").and_then(Value::as_u64);
    let portal = answer.pointer("/response/statusCode").and_then(Value::as_u64);
    problem.or(portal).filter(|status| *status >= 400)
}
