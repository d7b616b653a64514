//! The part of `cargo xtask bench storage` that works inside one process: it makes the events, fills a store with them,
//! asks it, and writes the same events for the peers. What it measures goes to standard output as JSON.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "results go to whoever started it, progress to people")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod emit;
mod generate;
mod ingest;
mod ours;
mod parameters;
mod pipeline;
mod process;
mod queries;
mod results;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use generate::{Generator, Plan};
use parameters::Parameters;

const HELP: &str = "\
usage: bench ingest DIR EVENTS END_MS SEED STEP QUERIES   fills DIR/data, writes DIR/parameters.json
       bench queries DIR [ROW]                            asks what is there, everything or one kind of query
       bench emit DIR all|part sql|tabs                   writes all events, or one in STEP, to standard output";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(words: &[&str]) -> Result<(), String> {
    match words {
        ["ingest", folder, events, end_ms, seed, step, queries] => {
            let plan = Plan { events: number(events)?, end_ms: number(end_ms)?, seed: number(seed)? };
            let mut parameters =
                Parameters::draw(&Generator::new(plan), number(step)?.max(1), number(queries)? as usize)?;
            let folder = Path::new(folder);
            ingest::ingest(&folder.join("data"), &mut parameters).await?;
            parameters.save(&file(folder))
        }
        ["queries", folder, only @ ..] => {
            let folder = Path::new(folder);
            queries::queries(&folder.join("data"), &Parameters::load(&file(folder))?, only).await
        }
        ["emit", folder, which, form] => {
            let form = match *form {
                "sql" => emit::Form::Sql,
                "tabs" => emit::Form::Tabs,
                other => return Err(format!("there is no form `{other}`\n{HELP}")),
            };
            let parameters = Parameters::load(&file(Path::new(folder)))?;
            let step = match *which {
                "all" => 1,
                "part" => parameters.step,
                other => return Err(format!("`{other}` is neither `all` nor `part`\n{HELP}")),
            };
            let out = std::io::stdout().lock();
            emit::emit(&parameters, step, form, out).map_err(|e| format!("writing events: {e}"))
        }
        _ => Err(HELP.to_owned()),
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("parameters.json")
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is not a number\n{HELP}"))
}
