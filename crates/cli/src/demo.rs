//! `trailbook demo`: a server with events in it, to look at within a minute.
//!
//! The server has the events and loads them itself, together or not at all. The folder remembers the demo's token in
//! `demo.json`, so a second run goes on with it and records nothing twice.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use trailbook_server::log;
use trailbook_server::settings::{ExternalAccess, LISTEN_DEFAULT, Layer, LogFormat, LogLevel};
use trailbook_store::credential::{Grant, Permission, new_token};
use trailbook_store::{Catalog, Clock, DEFAULT_ORGANIZATION};

use crate::exit::{Error, Exit};
use crate::files;
use crate::output;
use crate::serve::{self, Signals};

/// How long a session of the demo lasts, used or not: as long as the link that begins it.
const SESSION_MS: i64 = 24 * 60 * 60 * 1_000;

/// Start a server with a day's events to look at
///
/// It loads what a Backstage backend logged and examples of other portals, spread over the last 24 hours, prints a link
/// that signs in once, a token and three requests to paste, and serves until a signal. A second run goes on with its
/// folder.
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
    token: String,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    log::init(LogFormat::Text, LogLevel::Warn);
    files::allow_many();
    let state = State::of(&arguments.data_dir)?;
    let layer = Layer {
        data_dir: Some(arguments.data_dir.clone()),
        listen: Some(arguments.listen),
        session_idle_ms: Some(SESSION_MS),
        session_age_ms: Some(SESSION_MS),
        ..Layer::default()
    };
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
    let events = running.load_demo().await.map_err(serve::failed)?;
    let sign_in = running.demo_sign_in_path().await.map_err(serve::failed)?;
    let key = key_of_log(&arguments.data_dir).await?;
    // The server is there whether or not anybody reads this.
    for line in state.introduction(&url, &arguments.data_dir, &key, (events, &sign_in)) {
        let _ = output::line(&line);
    }
    running.run_until(signals.first()).await.map_err(serve::failed)?;
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
        let state = Self { token: new_token()? };
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

    /// What a person who tries Trailbook needs.
    fn introduction(&self, url: &str, folder: &Path, key: &str, (events, sign_in): (u64, &str)) -> Vec<String> {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let curl = format!("curl -sS -H 'Authorization: Bearer {}'", self.token);
        let event = json!({
            "source": "demo",
            "action": "user-login",
            "actor": {"type": "user", "id": "user:default/jane"},
            "message": "Jane signed in",
        });
        vec![
            format!("Trailbook runs at {url}"),
            format!("sign in {url}{sign_in} (once, within 24 hours, as Demo admin)"),
            format!("folder  {}", folder.display()),
            format!("token   {}", self.token),
            format!("key     {key}, the log's"),
            format!(
                "events  {events} of a company's day, spread over the 24 hours before the first run: what a Backstage \
                 backend logged, and examples of Port, Spectra Assure and WSO2"
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
