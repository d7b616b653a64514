//! What every request handler has at hand.

use std::sync::Arc;

use tokio::sync::Semaphore;
use trailbook_event::limits::{BODIES_KIB_MAX, EXPORTS_RUNNING_MAX, QUERIES_RUNNING_MAX};
use trailbook_store::{Clock, Store};

use crate::auth::Auth;
use crate::export::jobs::Jobs;
use crate::export::link::LinkKey;
use crate::ingest::Pipeline;
use crate::metrics::Metrics;
use crate::rate::Windows;
use crate::webhooks::Webhooks;
use crate::witness::Witnesses;

/// The parts of a running server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) pipeline: Pipeline,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) witnesses: Witnesses,
    /// Requests to Port's API.
    pub(crate) port_requests: Windows,
    pub(crate) webhooks: Webhooks,
    /// KiB of request bodies that may be in memory.
    pub(crate) bodies: Arc<Semaphore>,
    /// Queries that may run.
    pub(crate) queries: Arc<Semaphore>,
    /// Exports that may be under way.
    pub(crate) exports: Arc<Semaphore>,
    pub(crate) jobs: Jobs,
    pub(crate) links: LinkKey,
    /// How long the files of an export stay, in milliseconds.
    pub(crate) exports_kept_ms: i64,
    /// Whether clients reach this server through TLS, its own or that of a proxy.
    pub(crate) is_https: bool,
}

/// What the settings and the catalog give to it, beside the parts that are made of them.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) clock: Clock,
    pub(crate) links: LinkKey,
    pub(crate) exports_kept_ms: i64,
    pub(crate) is_https: bool,
}

/// Who else a server talks with.
pub(crate) struct Peers {
    /// Those that cosign checkpoints.
    pub(crate) witnesses: Witnesses,
    /// Those that send their events by themselves.
    pub(crate) webhooks: Webhooks,
}

impl App {
    pub(crate) fn new(store: Store, auth: Auth, pipeline: Pipeline, peers: Peers, given: Given) -> Self {
        let Given { clock, links, exports_kept_ms, is_https } = given;
        let metrics = Metrics::new(pipeline.rule_names());
        Self {
            store,
            auth,
            pipeline,
            metrics,
            clock,
            witnesses: peers.witnesses,
            webhooks: peers.webhooks,
            port_requests: Windows::default(),
            bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX as usize)),
            queries: Arc::new(Semaphore::new(QUERIES_RUNNING_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_RUNNING_MAX)),
            jobs: Jobs::default(),
            links,
            exports_kept_ms,
            is_https,
        }
    }
}
