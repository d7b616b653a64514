//! The project's chores: `cargo xtask help` lists them.
//!
//! Everything that continuous integration does is a chore here, so that it can be done the same way on any machine.
//! A chore works in the root folder of the repository, stops only processes that it started, and exits 1 when it fails.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person at the terminal")]
#![allow(clippy::disallowed_methods, reason = "a chore measures real time and blocks; no test has to set its clock")]

mod bench;
mod demo;
mod postgres;
mod repository;
mod screenshots;
mod test;
mod tidy;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
The project's chores. Usage: cargo xtask CHORE

  test [--fast]          everything that continuous integration runs; --fast leaves out documentation,
                         dependency rules and the release build with its smoke run
  tidy                   the house rules that a machine can check; prints `path:line: what`
  postgres -- CMD...     run CMD with TRAILBOOK_TEST_POSTGRES set to a throw-away PostgreSQL cluster,
                         and the variables that say where the Python and the Node.js modules of tests are
  smoke                  start the release build's demo and run the lines that it prints
  screenshots [NAME...]  start the demo and take every page, or those of these names, in Chromium; writes
                         docs/pictures
  deny                   dependency rules: licences, sources, banned crates (deny.toml)
  bench ingest [--seconds N] [--events N]
                         how fast the real server takes events; writes bench/results.md
  bench storage [--events N[,N...]] [--peer-events N] [--queries N] [--no-peers] [--keep DIR]
                         size on disk and speed of queries, beside PostgreSQL and ClickHouse; writes
                         bench/results-storage.md
  bench exports [--events N] [--keep DIR]
                         how fast events are given out in each format, and the memory that takes; writes
                         bench/results-exports.md
  bench sign-in [--tries N]
                         whether the time of a refused sign-in tells an unknown account from a wrong password;
                         writes bench/results-sign-in.md
  help                   this text";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let (chore, rest) = match arguments.split_first() {
        Some((chore, rest)) => (chore.as_str(), rest),
        None => ("help", arguments),
    };
    match chore {
        "test" => test::run(rest),
        "tidy" => no_arguments(chore, rest).and_then(|()| tidy::run()),
        "postgres" => postgres::run(rest),
        "smoke" => no_arguments(chore, rest).and_then(|()| test::smoke::run()),
        "screenshots" => screenshots::run(rest),
        "deny" => no_arguments(chore, rest).and_then(|()| test::deny::run()),
        "bench" => bench::run(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => bail!("there is no chore `{other}`\n\n{HELP}"),
    }
}

fn no_arguments(chore: &str, rest: &[String]) -> Result<()> {
    match rest.first() {
        Some(argument) => bail!("`{chore}` takes no argument, but got `{argument}`"),
        None => Ok(()),
    }
}
