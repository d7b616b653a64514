//! The error of a server that cannot start or go on. What requests are answered is in `api::problem` and the dialects.

use std::net::SocketAddr;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is in use.
    #[error("the address {0} is in use; choose another with --listen")]
    AddressInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The demo's events cannot be loaded.
    #[error("loading the demo: {0}")]
    Demo(String),
    /// Witnesses cannot be asked.
    #[error("witnesses cannot be asked: {0}")]
    Witnesses(reqwest::Error),
    /// A witness has seen more of a log than there is.
    #[error(transparent)]
    Ahead(#[from] crate::witness::Ahead),
    /// The store.
    #[error(transparent)]
    Store(#[from] trailbook_store::Error),
}
