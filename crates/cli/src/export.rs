//! `trailbook export`: takes events out of a server as a file, with what proves them.
//!
//! The server makes the file, which is then fetched. What was ordered is noted beside the file, and what is fetched
//! stays there, so that the same command goes on where it was interrupted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

use crate::client::{Client, Server};
use crate::exit::{Error, Exit};
use crate::files::{beside, replace};
use crate::output;
use crate::query::pairs;

/// How long a server that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the server is asked how far the export is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The first looks come sooner: most exports are small.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const EXPORTS: &str = "/api/v1/exports";

/// Take events out as a file, with what proves them
///
/// The file is a ZIP with the events and a manifest. As NDJSON it also has what opens their entries in the log: without
/// TEXT and FILTER, of all time or of a time of recording, it then proves that nothing is missing; with them, that each
/// event is in the log. The token needs the scope exports. Interrupted, the same command goes on where it was.
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
    /// The form of the events
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// What the export is called in the server's list [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Leave the export on the server, where others can fetch it until it expires
    #[arg(long)]
    keep: bool,
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

/// The form of the events in the ZIP.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The canonical event, one a line, with proofs
    Ndjson,
    /// The Common Event Format
    Cef,
    /// A table for people
    Csv,
    /// A table for programs
    Parquet,
    /// The Open Cybersecurity Schema Framework, one event a line
    Ocsf,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Cef => "cef",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Ocsf => "ocsf",
        }
    }
}

/// What was ordered, noted beside the file until that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    format: String,
    filter: BTreeMap<String, String>,
    /// The export that the server makes of it.
    id: String,
}

/// An export, as the server shows it.
#[derive(Deserialize)]
struct Shown {
    id: String,
    state: String,
    percent: u64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    events: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let client = Client::new(&arguments.server, PATIENCE)?;
    let file = &arguments.file;
    if file.exists() {
        return Err(Error::Usage(format!("{} is there already", file.display())));
    }
    let note = beside(file, ".export");
    let noted = match Noted::read(&note, &arguments)? {
        Some(noted) => noted,
        None => order(&client, &arguments, &note).await?,
    };
    let progress = progress();
    let shown = wait(&client, &noted.id, &progress).await;
    if shown.is_err() {
        // The next attempt begins anew.
        remove(&note);
    }
    let shown = shown?;
    let path = format!("{EXPORTS}/{}/files/{}", noted.id, noted.format);
    let bytes = client.download(&path, file, |done, all| of_download(&progress, done, all)).await?;
    progress.finish_and_clear();
    remove(&note);
    if !arguments.keep {
        client.delete(&format!("{EXPORTS}/{}", noted.id)).await?;
    }
    let name = file.display();
    let check = match arguments.format {
        Format::Ndjson => format!("; check it with: trailbook verify --key KEY {name}"),
        _ => String::new(),
    };
    let (events, bytes) = (crate::check::grouped(shown.events), crate::check::grouped(bytes));
    output::note(&format!("{name}: {events} events, {bytes} bytes{check}"));
    Ok(Exit::Done)
}

impl Arguments {
    /// What is asked for, by the names of parameters.
    fn filter(&self) -> Result<BTreeMap<String, String>, Error> {
        let bounds = [
            ("recorded_from", &self.recorded_from),
            ("recorded_to", &self.recorded_to),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let bounds = bounds.into_iter().filter_map(|(name, time)| Some((name, time.as_deref()?)));
        let mut filter = BTreeMap::new();
        for (name, value) in pairs(&bounds.collect::<Vec<_>>(), &self.searches)? {
            if filter.insert(name.clone(), value).is_some() {
                return Err(Error::Usage(format!("{name} is given more than once; separate values by commas")));
            }
        }
        Ok(filter)
    }
}

impl Noted {
    /// What an earlier attempt ordered for this file, if there was one. It must have been the same.
    fn read(path: &Path, arguments: &Arguments) -> Result<Option<Self>, Error> {
        let Ok(text) = std::fs::read(path) else { return Ok(None) };
        let (name, filter) = (path.display(), arguments.filter()?);
        let other = || Error::Usage(format!("{name} is of another export; remove it, or choose another file"));
        let noted: Self = serde_json::from_slice(&text).map_err(|_| other())?;
        if noted.format != arguments.format.name() || noted.filter != filter {
            return Err(other());
        }
        output::note(&format!("{}: going on with what was ordered before", arguments.file.display()));
        Ok(Some(noted))
    }
}

async fn order(client: &Client, arguments: &Arguments, note: &Path) -> Result<Noted, Error> {
    let filter = arguments.filter()?;
    let format = arguments.format.name();
    let of_file = || arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = arguments.name.clone().unwrap_or_else(of_file);
    let answer = client.post_json(EXPORTS, &json!({"name": name, "formats": [format], "filter": filter})).await?;
    if answer.status != 201 {
        return Err(answer.refusal(client.base()));
    }
    let shown: Shown = read(client, &answer.body)?;
    let noted = Noted { format: format.to_owned(), filter, id: shown.id };
    let text = serde_json::to_vec(&noted).unwrap_or_default();
    replace(note, &text).map_err(|e| Error::Failed(format!("{}: {e}", note.display())))?;
    // What is there of an earlier order is of other bytes.
    remove(&beside(&arguments.file, ".part"));
    Ok(noted)
}

/// Waits until the server has made the files.
async fn wait(client: &Client, id: &str, progress: &ProgressBar) -> Result<Shown, Error> {
    let mut pause = FIRST_LOOK;
    loop {
        let answer = client.get(&format!("{EXPORTS}/{id}")).await?;
        if answer.status != 200 {
            return Err(answer.refusal(client.base()));
        }
        let shown: Shown = read(client, &answer.body)?;
        match shown.state.as_str() {
            "DONE" => return Ok(shown),
            "PENDING" | "IN_PROGRESS" => {
                progress.set_position(shown.percent);
                progress.set_message("being made");
            }
            "FAILED" => return Err(Error::Failed(format!("{}: the export failed: {}", client.base(), shown.reason))),
            state => return Err(Error::Failed(format!("{}: the export is {state}", client.base()))),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_EVERY);
    }
}

fn read<'a, T: Deserialize<'a>>(client: &Client, body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|e| Error::Failed(format!("{}: a strange answer: {e}", client.base())))
}

/// Removes a file beside the one that is asked for; that it is not there is as well.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

fn progress() -> ProgressBar {
    if !output::notes_are_read() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(100);
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} % {msg}").ok();
    bar.set_style(style.unwrap_or_else(ProgressStyle::default_bar));
    bar
}

fn of_download(bar: &ProgressBar, done: u64, all: u64) {
    bar.set_position(done.saturating_mul(100).checked_div(all).unwrap_or(100));
    bar.set_message("fetched");
}
