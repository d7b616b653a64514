//! `trailbook log`: lists, publishes and freezes the logs of a data folder.

use clap::{Args, Subcommand};
use serde_json::json;
use trailbook_event::Timestamp;
use trailbook_store::{Clock, LogEntry, Options, Tuning, freeze};

use crate::exit::{Error, Exit};
use crate::output::{self, Results};
use crate::settings::{LogArguments, Place};
use crate::token::existing;

/// List, publish and freeze logs
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(List),
    Publish(Publish),
    Freeze(Freeze),
}

/// List the logs of all organizations, with their keys
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Print one JSON list instead of lines
    #[arg(long)]
    json: bool,
}

/// Let anybody read the logs of an organization
///
/// They hold salted commitments, which tell nothing of the events but how many there are and when they came. A running
/// server follows within a second.
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Publish {
    #[command(flatten)]
    place: Place,
    /// The organization
    organization: String,
    /// Let only tokens with log.read read them again
    #[arg(long)]
    undo: bool,
}

/// Keep the logs as they are and begin new ones, with new keys
///
/// For another key; when the secret is lost; and when a server does not start because the data folder was put back to
/// an older state and the newer one is lost. Events and proofs stay; the first event of the new log names the last
/// checkpoint of the old one, and the one that was lost. No server may run.
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Freeze {
    #[command(flatten)]
    place: Place,
    /// The organization whose log is frozen
    #[arg(required_unless_present = "all")]
    organization: Option<String>,
    /// The logs of all organizations
    #[arg(long, conflicts_with = "organization")]
    all: bool,
    #[command(flatten)]
    logs: LogArguments,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::List(arguments) => list(arguments).await,
        Command::Publish(arguments) => publish(arguments).await,
        Command::Freeze(arguments) => freeze_logs(arguments).await,
    }
}

async fn list(arguments: List) -> Result<Exit, Error> {
    let logs = existing(arguments.place).await?.logs().await?;
    let mut results = Results::new();
    if arguments.json {
        results.line(&logs.iter().map(as_json).collect::<serde_json::Value>().to_string())?;
    } else {
        for log in &logs {
            let LogEntry { organization, id, size, vkey, .. } = log;
            let who = if log.is_public { "public" } else { "with a token" };
            results.line(&format!("{organization}  {}  {id}  {size} entries  {who}\n  {vkey}", state(log)))?;
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

fn state(log: &LogEntry) -> &'static str {
    if log.frozen_ms.is_some() { "frozen" } else { "open" }
}

fn as_json(log: &LogEntry) -> serde_json::Value {
    json!({
        "organization": log.organization, "organization_uuid": log.organization_uuid.to_string(),
        "id": log.id, "origin": log.origin, "vkey": log.vkey,
        "clock_vkey": log.clock_vkey, "size": log.size, "state": state(log), "is_public": log.is_public,
        "frozen_at": log.frozen_ms.map(|ms| Timestamp::from_millis(ms).to_string()),
    })
}

async fn publish(arguments: Publish) -> Result<Exit, Error> {
    let catalog = existing(arguments.place).await?;
    let Publish { organization, undo, .. } = arguments;
    if !catalog.publish_logs(&organization, !undo).await? {
        output::note(&format!("there is no organization {organization:?}"));
        return Ok(Exit::Partly);
    }
    let who = if undo { "only tokens with log.read may" } else { "anybody may" };
    output::note(&format!("{who} read the logs of {organization:?}"));
    Ok(Exit::Done)
}

async fn freeze_logs(arguments: Freeze) -> Result<Exit, Error> {
    let (data_dir, catalog, logs) = arguments.place.resolve_with_logs(arguments.logs)?;
    let options = Options {
        data_dir,
        catalog,
        idempotency_window_ms: trailbook_server::settings::IDEMPOTENCY_WINDOW_MS_DEFAULT,
        clock: Clock::system(),
        tuning: Tuning::default(),
        logs,
    };
    for log in freeze(options, arguments.organization.as_deref()).await? {
        let lost = match log.published_size {
            Some(published) => format!(", of {published} that were published"),
            None => String::new(),
        };
        let (organization, id, size) = (log.organization, log.log, log.size);
        output::note(&format!("{organization}: the log {id} is frozen with {size} entries{lost}; a new one is open"));
    }
    Ok(Exit::Done)
}
