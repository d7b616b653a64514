//! Connections: TCP, with TLS on top if there is a certificate, served as HTTP/1.1.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use trailbook_event::limits::{CONNECTIONS_MAX, DRAIN_SECONDS_MAX, HANDSHAKE_SECONDS_MAX, HEAD_SECONDS_MAX};

use crate::Error;
use crate::asker::Peer;

/// A socket that is listened on.
pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Self, Error> {
        let tcp = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => Error::AddressInUse(address),
            _ => Error::Listen { address, source },
        })?;
        Ok(Self { tcp, tls, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr, Error> {
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        self.tcp.local_addr().map_err(|source| Error::Listen { address, source })
    }

    /// Serves until `stop` is ready; then takes no more, lets requests in work end, and returns.
    pub(crate) async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.accept() => accepted,
            };
            let (stream, peer, place) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, for one: others may be given back soon.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (router, tls, watcher) = (router.clone(), self.tls.clone(), graceful.watcher());
            tokio::spawn(async move {
                let _place = place;
                match tls {
                    None => connection((stream, peer), router, watcher).await,
                    Some(tls) => match secured(tls, stream).await {
                        Some(stream) => connection((stream, peer), router, watcher).await,
                        None => tracing::debug!("a TLS handshake failed"),
                    },
                }
            });
        }
        drop(self.tcp);
        let drain = Duration::from_secs(DRAIN_SECONDS_MAX);
        if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests still in work after {DRAIN_SECONDS_MAX} seconds were cut off");
        }
    }

    async fn accept(&self) -> std::io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer) = self.tcp.accept().await?;
        // Fails only where the client has gone already, which its own task will find out.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer(peer), place))
    }
}

async fn secured(tls: TlsAcceptor, stream: TcpStream) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let handshake = tls.accept(stream);
    tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), handshake).await.ok()?.ok()
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    (stream, peer): (S, Peer),
    router: Router,
    watcher: Watcher,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEAD_SECONDS_MAX))
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Reads a certificate chain and its key, both PEM.
pub(crate) fn tls(cert: &Path, key: &Path) -> Result<TlsAcceptor, Error> {
    let failed = |path: &Path, reason: &dyn std::fmt::Display| {
        Error::Setting(format!("{} cannot be used for TLS: {reason}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|e| failed(cert, &e))?;
    if chain.is_empty() {
        return Err(failed(cert, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| failed(key, &e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(cert, &e))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|e| failed(cert, &e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
