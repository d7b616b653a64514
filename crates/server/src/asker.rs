//! Who asks: what a request says of where it comes from, before anybody believes it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};
use trailbook_event::limits::USER_AGENT_BYTES_MAX;

use crate::auth::Caller;
use crate::client_address::{Origin, TrustedProxies};

/// The header that repeats the token of a session's forms, which a page of another site cannot know.
pub(crate) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// Says from which site a request of a browser comes (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Paths that end in a secret.
const SECRET_PATHS: [&str; 2] = ["/invitations/", "/api/v1/ingest/port/"];
/// How much of a path is shown.
const SHOWN_PATH_CHARS: usize = 512;

/// The address of the other end of a connection, as the listener sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What a request says of itself. Put into its extensions at the door.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The caller's address: the peer's, or what trusted proxies say that it is.
    pub(crate) address: IpAddr,
    pub(crate) user_agent: Option<String>,
    /// Whether the client reaches this server through TLS, its own or that of a proxy.
    pub(crate) is_https: bool,
    host: Option<String>,
    authorization: Option<HeaderValue>,
    cookies: Vec<HeaderValue>,
    csrf: Option<HeaderValue>,
    is_cross_site: bool,
    denied: OnceLock<(Caller, String)>,
    stranger: OnceLock<&'static str>,
    waits_seconds: OnceLock<i64>,
}

impl Asker {
    pub(crate) fn new(request: &Request, proxies: &TrustedProxies, is_https: bool) -> Self {
        let headers = request.headers();
        let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let origin = proxies.origin(Origin { address: peer, is_https }, headers);
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            address: origin.address,
            user_agent: user_agent(headers),
            is_https: origin.is_https,
            host: text(headers.get(header::HOST)),
            authorization: headers.get(header::AUTHORIZATION).cloned(),
            cookies: headers.get_all(header::COOKIE).iter().cloned().collect(),
            csrf: headers.get(CSRF_HEADER).cloned(),
            is_cross_site: headers
                .get(FETCH_SITE)
                .is_some_and(|site| site.as_bytes() != b"same-origin" && site.as_bytes() != b"none"),
            denied: OnceLock::new(),
            stranger: OnceLock::new(),
            waits_seconds: OnceLock::new(),
        }
    }

    /// Who asks, as the door has found it.
    pub(crate) fn of(extensions: &Extensions) -> Arc<Self> {
        extensions.get::<Arc<Self>>().map(Arc::clone).expect("the door, around every route, puts it there")
    }

    /// The token of `Authorization: Bearer <token>`, as Backstage reads it: `/^Bearer[ ]+(\S+)$/i`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.authorization.as_ref()?.to_str().ok()?;
        let (scheme, rest) = value.split_at_checked(6)?;
        let token = rest.trim_start_matches(' ');
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && token.len() < rest.len();
        (is_bearer && !token.is_empty() && !token.contains(char::is_whitespace)).then_some(token)
    }

    /// Where the client reaches this server, as it says itself: `https://audit.example.com`.
    pub(crate) fn base_url(&self) -> Option<String> {
        let scheme = if self.is_https { "https" } else { "http" };
        self.host.as_ref().map(|host| format!("{scheme}://{host}"))
    }

    /// Its path as far as that can be shown: what is secret in it is left out.
    pub(crate) fn shown_path(&self) -> String {
        match SECRET_PATHS.iter().find(|prefix| self.path.starts_with(**prefix)) {
            Some(prefix) => format!("{prefix}…"),
            None => self.path.chars().take(SHOWN_PATH_CHARS).collect(),
        }
    }

    /// Whether it has an `Authorization` header, of whatever form.
    pub(crate) fn has_authorization(&self) -> bool {
        self.authorization.is_some()
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The token of its session's forms, if a script has put it into the header.
    pub(crate) fn csrf(&self) -> Option<&str> {
        self.csrf.as_ref()?.to_str().ok()
    }

    /// Whether a browser says that a page of another site makes it ask.
    pub(crate) fn is_cross_site(&self) -> bool {
        self.is_cross_site
    }

    /// Whether it may change something.
    pub(crate) fn is_unsafe(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Whether it is a write of events.
    pub(crate) fn is_write(&self) -> bool {
        self.method == Method::POST && (self.path == "/api/v1/events" || self.path.starts_with("/api/v1/ingest/"))
    }

    /// Notes that a caller was not let do something, which is recorded before that is answered.
    pub(crate) fn deny(&self, caller: &Caller, reason: &str) {
        // The first counts: a request is refused once. The caller must not keep alive what keeps it.
        let _ = self.denied.set((caller.clone().without_asker(), reason.to_owned()));
    }

    /// Who was not let do what; what they asked with is this.
    pub(crate) fn denied(&self) -> Option<&(Caller, String)> {
        self.denied.get()
    }

    /// Notes that it came with a token that is nobody's.
    pub(crate) fn note_stranger(&self, reason: &'static str) {
        let _ = self.stranger.set(reason);
    }

    /// What is wrong with its token, if that is nobody's.
    pub(crate) fn stranger(&self) -> Option<&'static str> {
        self.stranger.get().copied()
    }

    /// Notes that its caller has asked too often, and may again after so many seconds.
    pub(crate) fn note_wait(&self, seconds: i64) {
        let _ = self.waits_seconds.set(seconds);
    }

    /// After how many seconds a caller that has asked too often may ask again.
    pub(crate) fn waits_seconds(&self) -> Option<i64> {
        self.waits_seconds.get().copied()
    }
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value.and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// What a client says that it is, as far as it can be shown.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let end = text.len().min(USER_AGENT_BYTES_MAX);
    // A header's text is ASCII.
    text.get(..end).map(str::to_owned)
}
