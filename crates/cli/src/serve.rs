//! `trailbook serve`: runs the server until a signal.

use std::net::SocketAddr;

use tokio::signal::unix::{Signal, SignalKind, signal};
use trailbook_server::settings::Settings;
use trailbook_server::{Running, log};

use crate::exit::{Error, Exit};
use crate::files;
use crate::output;
use crate::settings::SettingsArguments;

/// Run the server
///
/// It prints `listening on http://…` on standard output when it can be reached, and logs on standard error. SIGTERM and
/// SIGINT stop it when what it has taken is finished; a second one ends it at once.
///
/// Such as: trailbook serve --data-dir /var/lib/trailbook --listen 127.0.0.1:8080
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let settings = arguments.settings.resolve()?;
    log::init(settings.log_format, settings.log_level);
    files::allow_many();
    let public_url = settings.public_url.clone();
    let mut signals = Signals::new()?;
    let running = tokio::select! {
        started = start(settings) => started?,
        code = signals.next() => std::process::exit(code),
    };
    // The server is there whether or not anybody reads this.
    let url = base_url(running.address(), running.is_tls());
    let _ = output::line(&format!("listening on {url}"));
    if let Some(path) = running.first_admin_path().await.map_err(failed)? {
        let base = public_url.unwrap_or(url);
        output::note("nobody can sign in yet; whoever opens this first, within 24 hours, is the first admin:");
        output::note(&format!("  {base}{path}"));
    }
    running.run_until(signals.first()).await.map_err(failed)?;
    Ok(Exit::Done)
}

/// Starts a server with these settings.
pub(crate) async fn start(settings: Settings) -> Result<Running, Error> {
    trailbook_server::start(settings).await.map_err(failed)
}

/// The URL of a server.
pub(crate) fn base_url(address: SocketAddr, is_tls: bool) -> String {
    format!("{}://{address}", if is_tls { "https" } else { "http" })
}

/// Which code an error of the server ends with.
pub(crate) fn failed(error: trailbook_server::Error) -> Error {
    use trailbook_server::Error as Server;
    match error {
        Server::AddressInUse(_) | Server::Listen { .. } | Server::Setting(_) => Error::Usage(error.to_string()),
        Server::Ahead(_) | Server::Witnesses(_) | Server::Demo(_) => Error::Failed(error.to_string()),
        Server::Store(error) => error.into(),
    }
}

/// The signals that stop a server. From the moment that this exists, they do not end the process by themselves.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::Failed(format!("listening for signals: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns at the first signal. From then on, the next one ends the process.
    pub(crate) async fn first(mut self) {
        self.next().await;
        output::note("stopping; a second signal ends at once");
        tokio::spawn(async move {
            let code = self.next().await;
            std::process::exit(code);
        });
    }

    /// Waits for a signal, and gives the code that a shell shows for it.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}
