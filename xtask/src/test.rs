//! `cargo xtask test`: everything that continuous integration runs, in the order that finds a mistake soonest.
//!
//! Each step has a heading and its duration. The first failure ends the run and says how to run that step alone.

pub(crate) mod deny;
pub(crate) mod environment;
mod preflight;
pub(crate) mod smoke;

use crate::postgres::{self, Cluster};
use crate::{repository, tidy};
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

struct Step {
    name: &'static str,
    /// How to run this step by itself.
    alone: &'static str,
    /// Whether `--fast` runs it too.
    is_fast: bool,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 8] = [
    Step { name: "what this machine has", alone: "cargo xtask test --fast", is_fast: true, run: preflight::run },
    Step { name: "format", alone: "cargo fmt --all --check", is_fast: true, run: format },
    Step { name: "house rules", alone: "cargo xtask tidy", is_fast: true, run: tidy::run },
    Step {
        name: "lints",
        alone: "cargo clippy --workspace --all-targets --locked -- -D warnings",
        is_fast: true,
        run: lints,
    },
    Step {
        name: "tests, on SQLite and PostgreSQL",
        alone: "cargo xtask postgres -- cargo test --workspace --locked",
        is_fast: true,
        run: tests,
    },
    Step {
        name: "documentation",
        alone: "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked",
        is_fast: false,
        run: documentation,
    },
    Step { name: "dependency rules", alone: "cargo xtask deny", is_fast: false, run: deny::run },
    Step {
        name: "release build and the demo of the README",
        alone: "cargo build --release --locked && cargo xtask smoke",
        is_fast: false,
        run: release,
    },
];

/// Runs the steps.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let only_fast = match arguments {
        [] => false,
        [flag] if flag == "--fast" => true,
        _ => bail!("`test` takes nothing but --fast, and got `{}`", arguments.join(" ")),
    };
    let start = Instant::now();
    let mut durations = Vec::new();
    for step in STEPS.iter().filter(|step| step.is_fast || !only_fast) {
        println!("\n== {} ==", step.name);
        let step_start = Instant::now();
        if let Err(error) = (step.run)() {
            summarize(&durations);
            println!("  FAILED {:>7}  {}", seconds(step_start.elapsed()), step.name);
            println!("\nRun this step alone: {}", step.alone);
            return Err(error.context(format!("the step \"{}\" failed", step.name)));
        }
        let duration = step_start.elapsed();
        println!("-- {}: {}", step.name, seconds(duration));
        durations.push((step.name, duration));
    }
    summarize(&durations);
    let left_out = STEPS.len() - durations.len();
    let rest = if left_out > 0 { format!(", {left_out} left out by --fast") } else { String::new() };
    println!("\nAll {} steps passed in {}{rest}.", durations.len(), seconds(start.elapsed()));
    Ok(())
}

fn summarize(durations: &[(&str, Duration)]) {
    println!("\n== summary ==");
    for (name, duration) in durations {
        println!("  passed {:>7}  {name}", seconds(*duration));
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn format() -> Result<()> {
    repository::run(repository::cargo()?.args(["fmt", "--all", "--check"]))
}

fn lints() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    repository::run(repository::cargo()?.args(arguments))
}

fn tests() -> Result<()> {
    let cluster = Cluster::start()?;
    let mut command = repository::cargo()?;
    command.args(["test", "--workspace", "--locked"]).env(postgres::URL_VARIABLE, cluster.url());
    repository::run(environment::give(&mut command)?)
}

fn documentation() -> Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    repository::run(repository::cargo()?.args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

fn release() -> Result<()> {
    repository::run(repository::cargo()?.args(["build", "--release", "--locked"]))?;
    smoke::run()
}
