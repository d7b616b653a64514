//! What every request handler has at hand.

use std::sync::Arc;

use tokio::sync::Semaphore;
use trailbook_event::Uuid;
use trailbook_event::limits::{
    BODIES_KIB_MAX, EXPORTS_RUNNING_MAX, LIVE_PAGES_MAX, PORT_REQUESTS_MAX, PORT_WINDOW_SECONDS, QUERIES_RUNNING_MAX,
};
use trailbook_store::{Clock, Organization, Store};

use crate::auth::Auth;
use crate::client_address::TrustedProxies;
use crate::export::jobs::Jobs;
use crate::export::link::LinkKey;
use crate::ingest::{OWN_RULES, Pipeline};
use crate::ledger::Ledger;
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::rate::Windows;
use crate::sign_in::SignIn;
use crate::webhooks::Webhooks;
use crate::witness::Witnesses;

/// The parts of a running server.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) sign_in: SignIn,
    pub(crate) ledger: Ledger,
    pub(crate) pipeline: Pipeline,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) witnesses: Witnesses,
    /// Requests of organizations to Port's API.
    pub(crate) port_requests: Windows<Uuid>,
    pub(crate) webhooks: Webhooks,
    /// What hands mails over, if a mail server is configured.
    pub(crate) mailer: Option<Mailer>,
    /// KiB of request bodies that may be in memory.
    pub(crate) bodies: Arc<Semaphore>,
    /// Queries that may run.
    pub(crate) queries: Arc<Semaphore>,
    /// Exports that may be under way.
    pub(crate) exports: Arc<Semaphore>,
    /// Pages that are given new events. Closed when the server stops.
    pub(crate) live: Semaphore,
    pub(crate) jobs: Jobs,
    pub(crate) links: LinkKey,
    /// How long the files of an export stay, in milliseconds.
    pub(crate) exports_kept_ms: i64,
    /// Whether clients reach this server through TLS, its own or that of a proxy.
    pub(crate) is_https: bool,
    /// Proxies that are believed where a request comes from.
    pub(crate) proxies: TrustedProxies,
    /// Where people reach the server.
    pub(crate) public_url: Option<String>,
    /// The organization of what concerns the server as a whole.
    pub(crate) system: Organization,
}

/// What the settings and the catalog give to it, beside the parts that are made of them.
pub(crate) struct Given {
    pub(crate) clock: Clock,
    pub(crate) links: LinkKey,
    pub(crate) exports_kept_ms: i64,
    pub(crate) is_https: bool,
    pub(crate) proxies: TrustedProxies,
    pub(crate) public_url: Option<String>,
    pub(crate) system: Organization,
    pub(crate) record_reads: bool,
}

/// Who else a server talks with.
pub(crate) struct Peers {
    /// Those that cosign checkpoints.
    pub(crate) witnesses: Witnesses,
    /// Those that send their events by themselves.
    pub(crate) webhooks: Webhooks,
    /// The mail server.
    pub(crate) mailer: Option<Mailer>,
}

impl App {
    pub(crate) fn new(
        store: Store,
        (auth, sign_in): (Auth, SignIn),
        pipeline: Pipeline,
        peers: Peers,
        given: Given,
    ) -> Self {
        let metrics = Metrics::new(pipeline.rules().names().chain([OWN_RULES]));
        Self {
            store,
            auth,
            sign_in,
            ledger: Ledger::new(given.record_reads),
            pipeline,
            metrics,
            clock: given.clock,
            witnesses: peers.witnesses,
            webhooks: peers.webhooks,
            mailer: peers.mailer,
            port_requests: Windows::new(PORT_REQUESTS_MAX, PORT_WINDOW_SECONDS),
            bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX as usize)),
            queries: Arc::new(Semaphore::new(QUERIES_RUNNING_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_RUNNING_MAX)),
            live: Semaphore::new(LIVE_PAGES_MAX),
            jobs: Jobs::default(),
            links: given.links,
            exports_kept_ms: given.exports_kept_ms,
            is_https: given.is_https,
            proxies: given.proxies,
            public_url: given.public_url,
            system: given.system,
        }
    }
}
