//! The HTTP server: ingest, the native API, the dialects, tokens, operations.
//!
//! [`start`] opens the store and listens; [`Running::run_until`] serves.

pub mod log;
pub mod settings;

mod api;
mod app;
mod auth;
mod dialect;
mod error;
mod export;
mod ingest;
mod listener;
mod metrics;
mod ops;
mod rate;
mod rest;
mod router;
mod search;
mod status;
mod url;
mod webhooks;
mod witness;

use std::net::SocketAddr;
use std::sync::Arc;

use trailbook_store::credential::{Grant, NewEntry, Scope};
use trailbook_store::{Clock, Store};

pub use error::Error;
use settings::Settings;
pub use witness::Ahead;

/// A server that listens and does not serve yet.
pub struct Running {
    app: Arc<app::App>,
    listener: listener::Listener,
    address: SocketAddr,
    is_tls: bool,
}

/// Opens the store, reads the credentials, and listens.
pub async fn start(settings: Settings) -> Result<Running, Error> {
    let clock = Clock::system();
    let tls = settings.tls.as_ref().map(|files| listener::tls(&files.cert, &files.key)).transpose()?;
    let pipeline = ingest::Pipeline::new(&settings, clock.clone()).map_err(Error::Setting)?;
    // Before the store is opened: a busy address is the commonest mistake, and leaves nothing behind.
    let listener = listener::Listener::bind(settings.listen, tls).await?;
    let store = Store::open(trailbook_store::Options {
        data_dir: settings.data_dir.clone(),
        catalog: settings.catalog.clone(),
        idempotency_window_ms: settings.idempotency_window_ms,
        clock: clock.clone(),
        tuning: settings.tuning.clone(),
        logs: settings.logs.clone(),
    })
    .await?;
    set_file_entries(&store, &settings).await?;
    let witnesses = witness::Witnesses::new(&settings.witnesses).map_err(Error::Witnesses)?;
    if let Err(ahead) = witnesses.ask_all(&store).await {
        store.close().await;
        return Err(Error::Ahead(ahead));
    }
    let auth = auth::Auth::new(store.catalog().clone()).await?;
    let address = listener.address()?;
    let is_tls = settings.tls.is_some();
    let (events, _) = store.recent_size();
    tracing::info!(%address, tls = is_tls, events, "listening");
    let peers = app::Peers { witnesses, webhooks: webhooks::Webhooks::new(&settings.webhooks) };
    Ok(Running { app: Arc::new(app::App::new(store, auth, pipeline, (clock, peers))), listener, address, is_tls })
}

async fn set_file_entries(store: &Store, settings: &Settings) -> Result<(), Error> {
    let mut entries = Vec::new();
    for access in &settings.external_access {
        let (organization, _) = store.catalog().organization_or_new(&access.organization).await?;
        entries.push(NewEntry {
            organization,
            name: access.subject.clone(),
            token: access.token.clone(),
            grant: Some(access.grant.clone()),
        });
    }
    for webhook in &settings.webhooks {
        let (organization, _) = store.catalog().organization_or_new(&webhook.organization).await?;
        let grant = Grant { scopes: vec![Scope::EventsWrite], restrictions: Vec::new() };
        let (name, token) = (webhook.name.clone(), webhook.token());
        entries.push(NewEntry { organization, name, token, grant: Some(grant) });
    }
    store.catalog().set_file_entries(&entries).await?;
    Ok(())
}

impl Running {
    /// Where it listens; the port that was given where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Serves until `shutdown` is ready, then finishes what it took. An error means that the store is poisoned: the
    /// process is to end, and a new one to start from what the database holds.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { app, listener, .. } = self;
        let mut ahead = None;
        let stop = async {
            tokio::select! {
                () = shutdown => tracing::info!("stopping"),
                () = app.store.poisoned() => tracing::error!("the store failed; stopping"),
                () = app.auth.follow() => {}
                found = app.witnesses.follow(&app.store) => {
                    tracing::error!(error = %found, "stopping");
                    ahead = Some(found);
                }
            }
        };
        listener.serve(router::router(Arc::clone(&app)), stop).await;
        app.store.close().await;
        if let Some(ahead) = ahead {
            return Err(Error::Ahead(ahead));
        }
        if app.store.is_poisoned() {
            return Err(Error::Store(trailbook_store::Error::Poisoned));
        }
        tracing::info!("stopped");
        Ok(())
    }
}
