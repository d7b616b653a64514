//! Asking an issuer, with limits on what it may take and answer. Redirects are not followed: what is asked is what
//! answers.

use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, HeaderMap};

use trailbook_event::limits::{ISSUER_BYTES_MAX, ISSUER_FRESH_SECONDS_DEFAULT, ISSUER_SECONDS_MAX};

/// Why an issuer's answer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// It did not answer, or not in time.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with more than it may.
    #[error("its answer has more than {ISSUER_BYTES_MAX} bytes")]
    TooLong,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Its status.
    pub(crate) status: u16,
    /// How many seconds the answer is current, as it says itself.
    pub(crate) fresh_seconds: i64,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A client for issuers at these URLs.
pub(crate) fn client(urls: &[&str]) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("trailbook/", env!("CARGO_PKG_VERSION")))
        .timeout(Duration::from_secs(ISSUER_SECONDS_MAX))
        .redirect(reqwest::redirect::Policy::none());
    // Where nothing is encrypted, no certificates are needed.
    let is_plain = urls.iter().all(|url| url.starts_with("http://"));
    let builder = if is_plain { builder.tls_certs_only([]).no_proxy() } else { builder };
    builder.build()
}

/// Sends a request and reads the whole answer.
pub(crate) async fn fetch(request: reqwest::RequestBuilder) -> Result<Fetched, FetchError> {
    let mut response = request.send().await.map_err(unreachable)?;
    let (status, fresh_seconds) = (response.status().as_u16(), fresh_seconds(response.headers()));
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&piece);
        if body.len() > ISSUER_BYTES_MAX {
            return Err(FetchError::TooLong);
        }
    }
    Ok(Fetched { status, fresh_seconds, body })
}

/// The whole chain of causes: the first says only that a request failed. The URL, which may hold a query, stays out.
fn unreachable(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    FetchError::Unreachable(text)
}

/// `max-age` of `Cache-Control` (RFC 9111 section 5.2.2), nothing where it forbids to keep the answer.
fn fresh_seconds(headers: &HeaderMap) -> i64 {
    let Some(value) = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()) else {
        return ISSUER_FRESH_SECONDS_DEFAULT;
    };
    let directives = value.split(',').map(|part| part.trim().to_ascii_lowercase());
    let mut seconds = ISSUER_FRESH_SECONDS_DEFAULT;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return 0;
        }
        if let Some(age) = directive.strip_prefix("max-age=").and_then(|age| age.trim_matches('"').parse::<u32>().ok())
        {
            seconds = i64::from(age);
        }
    }
    seconds
}

/// Whether a URL without encryption stays on this machine.
pub(crate) fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
