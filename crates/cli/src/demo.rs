//! `trailbook demo`: a server with real events in it, to look at within a minute.
//!
//! The events are what a Backstage backend logged in a test run; only their times are ours, and each says so. The
//! folder remembers its demo in `demo.json`, so a second run goes on with it and records nothing twice.
//!
//! On a crash while events are loaded: the next run loads the same lines with the same ids, so each is recorded once.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Cursor, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trailbook_event::Timestamp;
use trailbook_server::log;
use trailbook_server::settings::{ExternalAccess, LISTEN_DEFAULT, Layer, LogFormat, LogLevel};
use trailbook_store::credential::{Grant, Permission, new_token};
use trailbook_store::{Catalog, Clock, DEFAULT_ORGANIZATION};

use crate::client::{Client, Server};
use crate::exit::{Error, Exit};
use crate::files;
use crate::output;
use crate::send::{self, Load, Tally};
use crate::serve::{self, Signals};

const EVENTS: &str = include_str!("../../../testdata/backstage-audit.ndjson");
/// What each event of the demo says of its time.
const LABEL: &str = "occurred_at is spread over the last 24 hours";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Start a server with real events to look at
///
/// It loads what a Backstage backend logged, spread over the last 24 hours, prints a token and three requests to paste,
/// and serves until a signal. A second run goes on with its folder.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The folder of the demo; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "trailbook-demo")]
    data_dir: PathBuf,
    /// The address and port to listen on, on this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value_t = LISTEN_DEFAULT)]
    listen: SocketAddr,
}

/// What `demo.json` remembers.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    started_at_ms: i64,
    token: String,
    loaded: bool,
    recorded: u64,
    excluded: u64,
    dropped: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    log::init(LogFormat::Text, LogLevel::Warn);
    files::allow_many();
    let mut state = State::of(&arguments.data_dir)?;
    let layer =
        Layer { data_dir: Some(arguments.data_dir.clone()), listen: Some(arguments.listen), ..Layer::default() };
    let mut settings = layer.resolve()?;
    settings.external_access.push(ExternalAccess {
        organization: DEFAULT_ORGANIZATION.to_owned(),
        subject: "demo".to_owned(),
        token: state.token.clone(),
        jwks: None,
        grant: Grant { scopes: Permission::ALL.to_vec(), restrictions: Vec::new() },
    });
    let signals = Signals::new()?;
    let running = serve::start(settings).await?;
    let url = serve::base_url(running.address(), running.is_tls());
    let admin = running.first_admin_path().await.map_err(serve::failed)?;
    let serving = running.run_until(signals.first());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended.map(|()| Exit::Done).map_err(serve::failed),
        loaded = state.load(&url, &arguments.data_dir) => loaded?,
    }
    // The server is there whether or not anybody reads this.
    let key = key_of_log(&arguments.data_dir).await?;
    for line in state.introduction(&url, &arguments.data_dir, &key, admin.as_deref()) {
        let _ = output::line(&line);
    }
    serving.await.map_err(serve::failed)?;
    Ok(Exit::Done)
}

/// The key of the demo's log.
async fn key_of_log(folder: &Path) -> Result<String, Error> {
    let logs = Catalog::open(folder, None, Clock::system()).await?.logs().await?;
    Ok(logs.into_iter().rev().find(|log| log.frozen_ms.is_none()).map(|log| log.vkey).unwrap_or_default())
}

impl State {
    /// The state of a folder: what it remembers, or a new demo where it is empty.
    fn of(folder: &Path) -> Result<Self, Error> {
        let shown = folder.display();
        match fs::read(folder.join("demo.json")) {
            Ok(bytes) => {
                let damaged =
                    |error| Error::Usage(format!("{shown}/demo.json is damaged ({error}); remove the folder"));
                return serde_json::from_slice(&bytes).map_err(damaged);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::Failed(format!("reading {shown}/demo.json: {error}"))),
        }
        let failed = |error: std::io::Error| Error::Failed(format!("making the folder {shown}: {error}"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(Error::Usage(format!("{shown} is not empty and no demo; name another folder with --data-dir")));
        }
        let started_at_ms = Clock::system().now_ms();
        let state = Self { started_at_ms, token: new_token()?, loaded: false, recorded: 0, excluded: 0, dropped: 0 };
        state.keep(folder)?;
        Ok(state)
    }

    /// Writes the state into the folder. It holds the token, so only its owner may read it.
    fn keep(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join("demo.json");
        let write = || {
            let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| Error::Failed(format!("writing {}: {error}", path.display())))
    }

    /// Sends the events, unless that was done.
    async fn load(&mut self, url: &str, folder: &Path) -> Result<(), Error> {
        if self.loaded {
            return Ok(());
        }
        let server = Server { url: url.to_owned(), token: self.token.clone(), ca_cert: None };
        let client = Client::new(&server, send::PATIENCE)?;
        let events = events(self.started_at_ms)?;
        let load = Load::new(&client, "demo".to_owned(), "the demo's events".to_owned());
        let Tally { recorded, excluded, dropped, .. } = load.send(Cursor::new(events.into_bytes())).await?;
        *self = Self { loaded: true, recorded, excluded, dropped, token: self.token.clone(), ..*self };
        self.keep(folder)
    }

    /// What a person who tries Trailbook needs.
    fn introduction(&self, url: &str, folder: &Path, key: &str, admin: Option<&str>) -> Vec<String> {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let curl = format!("curl -sS -H 'Authorization: Bearer {}'", self.token);
        let event = json!({
            "source": "demo",
            "action": "user-login",
            "actor": {"type": "user", "id": "user:default/jane"},
            "message": "Jane signed in",
        });
        let sign_in = match admin {
            Some(path) => format!("sign in {url}{path} makes whoever opens it first the admin"),
            None => format!("sign in {url}/sign-in"),
        };
        vec![
            format!("Trailbook runs at {url}"),
            sign_in,
            format!("folder  {}", folder.display()),
            format!("token   {}", self.token),
            format!("key     {key}, the log's"),
            format!(
                "events  {} of a Backstage backend, spread over the last 24 hours before the first run ({} records \
                 that an action began were dropped, {} excluded by a rule)",
                self.recorded, self.dropped, self.excluded
            ),
            String::new(),
            "The newest five that failed, by Trailbook's own API:".to_owned(),
            format!("{curl} '{url}/api/v1/events?outcome=failed&limit=5'"),
            "The same by the API of Spotify Portal's audit log:".to_owned(),
            format!("{curl} '{url}/api/audit-log/v1/audit-event?status=failed&limit=5'"),
            "Record one more:".to_owned(),
            format!("{curl} -H 'Content-Type: application/json' -d '{event}' '{url}/api/v1/events'"),
            "Take everything out, and check with the log's key alone that nothing is missing:".to_owned(),
            format!(
                "trailbook export --url {url} --token {} all.zip && trailbook verify --key {key} all.zip",
                self.token
            ),
            String::new(),
            "Ctrl-C stops it.".to_owned(),
        ]
    }
}

/// The demo's lines, with times that end when the demo began. They depend on nothing else, so they are the same again.
fn events(started_at_ms: i64) -> Result<String, Error> {
    let lines: Vec<&str> = EVENTS.lines().collect();
    let last = i64::try_from(lines.len().saturating_sub(1).max(1)).unwrap_or(i64::MAX);
    let mut out = String::with_capacity(EVENTS.len() + lines.len() * 128);
    for (i, line) in (0..).zip(lines) {
        let mut event: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| Error::Failed(format!("reading line {} of the demo's events: {error}", i + 1)))?;
        let occurred_at = Timestamp::from_millis(started_at_ms - DAY_MS + DAY_MS * i / last);
        event.insert("timestamp".to_owned(), occurred_at.to_string().into());
        let meta = event.entry("meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("demo".to_owned(), LABEL.into());
        }
        out.push_str(&Value::Object(event).to_string());
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, EVENTS, events};

    #[test]
    fn events_are_spread_over_a_day_and_say_so() {
        let start_ms = 1_768_478_400_000;
        let text = events(start_ms).unwrap();
        assert_eq!(text.lines().count(), EVENTS.lines().count());
        let (first, last) = (text.lines().next().unwrap(), text.lines().last().unwrap());
        assert!(first.contains(r#""timestamp":"2026-01-14T12:00:00.000Z""#), "{first}");
        assert!(last.contains(r#""timestamp":"2026-01-15T12:00:00.000Z""#), "{last}");
        assert!(text.lines().all(|line| line.contains(r#""demo":"occurred_at is spread over the last 24 hours""#)));
        assert_eq!(text, events(start_ms).unwrap());
        assert_eq!(DAY_MS, 86_400_000);
    }
}
