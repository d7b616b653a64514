//! The HTTP server: ingest, the native API, the dialects, tokens, operations.
//!
//! [`start`] opens the store and listens; [`Running::run_until`] serves.

pub mod first_admin;
pub mod log;
pub mod settings;

mod api;
mod app;
mod asker;
mod auth;
mod client_address;
mod demo;
mod dialect;
mod error;
mod export;
mod gate;
mod ingest;
mod invitation;
mod jwt;
mod ledger;
mod letter;
mod listener;
mod mail;
mod metrics;
mod oidc;
mod ops;
mod own;
mod pages;
mod password;
mod rate;
mod rest;
mod router;
mod search;
mod sign_in;
mod status;
mod throttle;
mod ui;
mod url;
mod webhooks;
mod witness;

use std::net::SocketAddr;
use std::sync::Arc;

use trailbook_store::credential::{Grant, NewEntry, Permission};
use trailbook_store::{Clock, DEFAULT_ORGANIZATION, SYSTEM_ORGANIZATION, Store};

use auth::session::SessionRules;
use auth::{Issuers, RequestRules};
use client_address::{Believed, TrustedProxies};
pub use error::Error;
use own::{By, Deed};
use settings::{ProxyHeader, Settings};
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
    let auth =
        auth::Auth::new(store.catalog().clone(), clock.clone(), issuers(&settings)?, auth_rules(&settings)).await?;
    let sign_in = sign_in_parts(&store, &settings).await?;
    let address = listener.address()?;
    let is_tls = settings.tls.is_some();
    let (events, _) = store.recent_size();
    let given = app::Given {
        clock,
        links: export::link::LinkKey::new(&store.catalog().secret("export-links").await?),
        exports_kept_ms: settings.exports_kept_ms,
        is_https: is_tls || settings.behind_proxy,
        proxies: trusted_proxies(&settings)?,
        public_url: settings.public_url.clone(),
        system: store.catalog().organization_or_new(SYSTEM_ORGANIZATION).await?.0,
        record_reads: settings.record_reads,
    };
    tracing::info!(%address, tls = is_tls, events, "listening");
    let mailer = settings.smtp.as_ref().map(mail::Mailer::new).transpose();
    let mailer = mailer.map_err(|error| Error::Setting(format!("smtp: {error}")))?;
    let peers = app::Peers { witnesses, webhooks: webhooks::Webhooks::new(&settings.webhooks), mailer };
    let app = Arc::new(app::App::new(store, (auth, sign_in), pipeline, peers, given));
    own::record_operators(&app).await?;
    own::record(&app, Deed::by(By::Server, "server.started", "start", "The server started".to_owned())).await?;
    Ok(Running { app, listener, address, is_tls })
}

fn issuers(settings: &Settings) -> Result<Issuers, Error> {
    let entries = settings.external_access.iter().filter(|entry| entry.jwks.is_some());
    let tokens = jwt::ServiceTokens::new(entries.clone().filter_map(|entry| entry.jwks.as_ref()));
    Ok(Issuers {
        tokens: tokens.map_err(|error| Error::Setting(format!("external_access: {error}")))?,
        entries: entries.map(|entry| (entry.organization.clone(), entry.subject.clone())).collect(),
    })
}

fn auth_rules(settings: &Settings) -> (SessionRules, RequestRules) {
    let sessions = SessionRules { idle_ms: settings.session_idle_ms, age_ms: settings.session_age_ms };
    let Settings { requests_per_minute, writes_per_minute, .. } = *settings;
    (sessions, RequestRules { requests_max: requests_per_minute, writes_max: writes_per_minute })
}

async fn sign_in_parts(store: &Store, settings: &Settings) -> Result<sign_in::SignIn, Error> {
    let key = store.catalog().secret("sign-in").await?;
    let mut providers = Vec::new();
    for provider in &settings.identity_providers {
        // Its members need somewhere to be.
        store.catalog().organization_or_new(&provider.organization).await?;
        let url = settings.public_url.as_deref().unwrap_or_default();
        let made = oidc::Provider::new(provider.clone(), url, &key);
        providers.push(made.map_err(|refusal| Error::Setting(format!("identity_providers: {refusal:?}")))?);
    }
    Ok(sign_in::SignIn {
        hasher: password::Hasher::new(password::COST).map_err(|error| Error::Setting(error.to_string()))?,
        throttle: throttle::Throttle::new(&key),
        devices: throttle::device::DeviceKey::new(&key),
        providers,
    })
}

fn trusted_proxies(settings: &Settings) -> Result<TrustedProxies, Error> {
    let believed = match settings.proxy_header {
        None => Believed::Either,
        Some(ProxyHeader::Forwarded) => Believed::Forwarded,
        Some(ProxyHeader::XForwarded) => Believed::XForwarded,
    };
    let proxies = TrustedProxies::parse(&settings.trusted_proxies, believed);
    proxies.map_err(|reason| Error::Setting(format!("trusted_proxies: {reason}")))
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
            expires_ms: None,
        });
    }
    for webhook in &settings.webhooks {
        let (organization, _) = store.catalog().organization_or_new(&webhook.organization).await?;
        let grant = Grant { scopes: vec![Permission::EventsWrite], restrictions: Vec::new() };
        let (name, token) = (webhook.name.clone(), webhook.token());
        entries.push(NewEntry { organization, name, token, grant: Some(grant), expires_ms: None });
    }
    store.catalog().set_file_entries(&entries).await?;
    Ok(())
}

/// Records what is still to be recorded.
async fn end(app: &app::App) {
    app.auth.note_used().await;
    app.ledger.close(app, i64::MAX).await;
    let deed = Deed::by(By::Server, "server.stopped", "stop", "The server stopped".to_owned());
    if let Err(error) = own::record(app, deed).await {
        tracing::error!(%error, "the stop could not be recorded");
    }
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

    /// The path of a link that makes whoever opens it the first admin of the default organization, if it has none. It
    /// is new at each start, and holds for a day.
    pub async fn first_admin_path(&self) -> Result<Option<String>, Error> {
        let catalog = self.app.store.catalog();
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await?;
        if first_admin::has_admin(catalog, &organization).await? {
            return Ok(None);
        }
        first_admin::link_path(catalog, &organization).await.map(Some)
    }

    /// Loads the demo's events into the log of the default organization, unless they are there, and says how many there
    /// are. A log that has others and none of them is an error.
    pub async fn load_demo(&self) -> Result<u64, Error> {
        let (organization, _) = self.app.store.catalog().organization_or_new(DEFAULT_ORGANIZATION).await?;
        match demo::load(&self.app, By::Operator, &organization).await {
            Ok(demo::Loaded::Now { recorded: events, .. } | demo::Loaded::Before(events)) => Ok(events),
            Err(problem) => Err(Error::Demo(problem.kind_and_detail().1)),
        }
    }

    /// The path of a link that signs the demo's admin in to the default organization, once and within a day, without a
    /// password: for a server that nobody but its operator reaches.
    pub async fn demo_sign_in_path(&self) -> Result<String, Error> {
        let (organization, _) = self.app.store.catalog().organization_or_new(DEFAULT_ORGANIZATION).await?;
        Ok(demo::sign_in_path(&self.app, &organization).await?)
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
                () = app.ledger.follow(&app) => {}
                found = app.witnesses.follow(&app.store) => {
                    tracing::error!(error = %found, "stopping");
                    ahead = Some(found);
                }
            }
            app.live.close();
        };
        let (stopped, has_stopped) = tokio::sync::oneshot::channel::<()>();
        let serve = async {
            listener.serve(router::router(Arc::clone(&app)), stop).await;
            drop(stopped);
        };
        let jobs = export::jobs::follow(&app, async {
            // An error is what is waited for: the other end is gone.
            let _ = has_stopped.await;
        });
        tokio::join!(serve, jobs);
        end(&app).await;
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
