//! `trailbook export`: takes events out of a server, with what proves them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::client::{Client, Server};
use crate::exit::{Error, Exit};
use crate::output;
use crate::query::conditions;

/// How long a server that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Take events out, with what proves them
///
/// The file is a ZIP with the events as NDJSON, what opens their entries in the log, and a manifest. Without TEXT and
/// FILTER, of all time or of a time of recording, it proves that nothing is missing; with them, that each event is in
/// the log. The token needs the scope exports.
///
/// Such as: trailbook export --recorded-from 2026-01-01T00:00:00Z --recorded-to 2026-02-01T00:00:00Z january.zip
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The file to write; it must not be there
    file: PathBuf,
    /// What is searched for, as in `trailbook query`
    #[arg(value_name = "TEXT|FILTER")]
    searches: Vec<String>,
    /// Only events that were recorded at this time or later, such as 2026-01-15T12:00:00Z
    #[arg(long, value_name = "TIME")]
    recorded_from: Option<String>,
    /// Only events that were recorded before this time
    #[arg(long, value_name = "TIME")]
    recorded_to: Option<String>,
    /// Only events that occurred at this time or later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events that occurred before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let client = Client::new(&arguments.server, PATIENCE)?;
    let bounds = [
        ("recorded_from", &arguments.recorded_from),
        ("recorded_to", &arguments.recorded_to),
        ("from", &arguments.from),
        ("to", &arguments.to),
    ];
    let bounds = bounds.into_iter().filter_map(|(name, time)| Some((name, time.as_deref()?)));
    let asked = conditions(&bounds.collect::<Vec<_>>(), &arguments.searches)?;
    let bytes = client.download(&format!("/api/v1/events/export?{asked}"), &arguments.file).await?;
    let name = arguments.file.display();
    output::note(&format!(
        "{name}: {} bytes; check it with: trailbook verify --key KEY {name}",
        crate::check::grouped(bytes)
    ));
    Ok(Exit::Done)
}
