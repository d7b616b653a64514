//! The one HTTP client, of `send`, `query` and `demo`.
//!
//! It keeps asking for a while where an answer may still come (no connection, 408, 409, 429, 5xx), as often as the
//! server wants it. Everything that is sent can be sent twice: reading changes nothing, and events carry ids.

use std::error::Error as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, RETRY_AFTER};
use reqwest::{Certificate, ClientBuilder, Url, redirect};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::exit::Error;
use crate::files::Part;
use crate::output;

/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// How long a download may take.
const DOWNLOAD_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The first pause before asking again; each further one is twice as long, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// Which server, and who asks it.
#[derive(Args, Clone)]
pub(crate) struct Server {
    /// Where the server is
    #[arg(long, env = "TRAILBOOK_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// A token of the server; see `trailbook token`
    ///
    /// Other processes can see flags, so prefer the environment.
    #[arg(long, env = "TRAILBOOK_TOKEN", hide_env_values = true)]
    pub(crate) token: String,
    /// A certificate (PEM) to trust besides the system's, for a server of a private authority
    #[arg(long, value_name = "FILE", env = "TRAILBOOK_CA_CERT")]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// A connection to one server.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    patience: Duration,
}

/// Why a download did not come to its end.
enum Broken {
    /// It can go on.
    Connection(String),
    /// The server does not give it.
    Refused(Error),
    /// The file cannot be written.
    File(std::io::Error),
}

/// What the server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A problem document, as far as commands use it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) errors: Vec<EventProblem>,
}

/// What is wrong with one event of a body.
#[derive(Debug, Deserialize)]
pub(crate) struct EventProblem {
    pub(crate) index: Option<usize>,
    #[serde(default)]
    pub(crate) pointer: String,
    #[serde(default)]
    pub(crate) detail: String,
}

impl Client {
    /// A client that keeps asking for `patience`.
    pub(crate) fn new(server: &Server, patience: Duration) -> Result<Self, Error> {
        let url = Url::parse(&server.url).map_err(|error| Error::Usage(format!("--url {}: {error}", server.url)))?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(Error::Usage(format!("--url {}: must be like http://127.0.0.1:8080", server.url)));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", server.token))
            .map_err(|_| Error::Usage("--token: has characters that no token has".to_owned()))?;
        bearer.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("trailbook/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .redirect(redirect::Policy::none());
        if is_this_machine(&url) {
            builder = builder.no_proxy();
        }
        builder = with_roots(builder, &url, server.ca_cert.as_ref())?;
        let http = builder.build().map_err(|error| Error::Failed(format!("making a client: {}", cause(&error))))?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), patience })
    }

    /// The server's URL, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a path with its query.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Error> {
        self.ask(|| self.http.get(format!("{}{path}", self.base))).await
    }

    /// Fetches a file from where an earlier attempt ended, and gives its length. A connection that breaks is made
    /// again. `each` is told how many bytes of how many are there.
    pub(crate) async fn download(&self, path: &str, file: &Path, each: impl Fn(u64, u64)) -> Result<u64, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("{}: {e}", file.display()));
        let (mut part, mut bytes) = Part::resume(file).map_err(|e| failed(&e))?;
        let mut last = Instant::now();
        loop {
            let before = bytes;
            match self.download_rest(path, &mut part.file, &mut bytes, &each).await {
                Ok(()) => break,
                Err(Broken::Refused(error)) => return Err(error),
                Err(Broken::File(error)) => return Err(failed(&error)),
                Err(Broken::Connection(_)) if bytes > before => last = Instant::now(),
                Err(Broken::Connection(reason)) if last.elapsed() > self.patience => {
                    return Err(self.no_answer(&reason));
                }
                Err(Broken::Connection(_)) => sleep(PAUSE_FIRST).await,
            }
        }
        part.finish().map_err(|e| failed(&e))?;
        Ok(bytes)
    }

    /// Appends the rest of a file.
    async fn download_rest(
        &self,
        path: &str,
        file: &mut File,
        bytes: &mut u64,
        each: &impl Fn(u64, u64),
    ) -> Result<(), Broken> {
        let broken = |e: reqwest::Error| Broken::Connection(cause(&e));
        let request = self.http.get(format!("{}{path}", self.base)).timeout(DOWNLOAD_MAX);
        let request = if *bytes > 0 { request.header(RANGE, format!("bytes={bytes}-")) } else { request };
        let mut response = request.send().await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        match status {
            200 if *bytes > 0 => {
                file.set_len(0).map_err(Broken::File)?;
                *bytes = 0;
            }
            200 | 206 => {}
            // All of it was there.
            416 => return Ok(()),
            _ => {
                let body = response.bytes().await.map_err(broken)?;
                let answer = Answer { status, headers, body };
                return Err(match may_pass(status) && status != 409 {
                    true => Broken::Connection(answer.reason()),
                    false => Broken::Refused(answer.refusal(&self.base)),
                });
            }
        }
        let all = *bytes + response.content_length().unwrap_or_default();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            file.write_all(&piece).map_err(Broken::File)?;
            *bytes += piece.len() as u64;
            each(*bytes, all);
        }
        Ok(())
    }

    /// Sends a JSON document.
    pub(crate) async fn post_json(&self, path: &str, body: &serde_json::Value) -> Result<Answer, Error> {
        let body = Bytes::from(body.to_string());
        let request = || {
            let request = self.http.post(format!("{}{path}", self.base));
            request.header(CONTENT_TYPE, "application/json").body(body.clone())
        };
        self.ask(request).await
    }

    /// Removes what is at a path; that it is not there any more is as well.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        let answer = self.ask(|| self.http.delete(format!("{}{path}", self.base))).await?;
        match answer.status {
            204 | 404 => Ok(()),
            _ => Err(answer.refusal(&self.base)),
        }
    }

    /// Sends lines of JSON.
    pub(crate) async fn post_lines(&self, path: &str, lines: Bytes) -> Result<Answer, Error> {
        let request = || {
            let request = self.http.post(format!("{}{path}", self.base));
            request.header(CONTENT_TYPE, "application/x-ndjson").body(lines.clone())
        };
        self.ask(request).await
    }

    async fn ask(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Answer, Error> {
        let started = Instant::now();
        let mut pause = PAUSE_FIRST;
        let mut is_first = true;
        loop {
            let (reason, wanted) = match attempt(request()).await {
                Ok(answer) if !may_pass(answer.status) => return Ok(answer),
                Ok(answer) => (answer.reason(), answer.retry_after()),
                Err(error) if is_untrusted(&error) => {
                    let hint = "--ca-cert names a certificate to trust";
                    return Err(self.no_answer(&format!("{} ({hint})", cause(&error))));
                }
                Err(error) if error.is_builder() => return Err(self.no_answer(&cause(&error))),
                Err(error) => (cause(&error), None),
            };
            let wait = wanted.unwrap_or(pause);
            if started.elapsed() + wait > self.patience {
                return Err(self.no_answer(&reason));
            }
            if is_first && self.patience > PAUSE_LONGEST {
                output::note(&format!("{}: {reason}; trying again for {} s", self.base, self.patience.as_secs()));
            }
            is_first = false;
            sleep(wait).await;
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }

    fn no_answer(&self, reason: &str) -> Error {
        Error::Failed(format!("no answer from {}: {reason}", self.base))
    }
}

impl Answer {
    /// The problem document in the body, or an empty one.
    pub(crate) fn problem(&self) -> Problem {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Why the server did not do what was asked, in a sentence.
    pub(crate) fn reason(&self) -> String {
        let problem = self.problem();
        match (problem.title.as_str(), problem.detail.as_str()) {
            ("", _) => format!("status {}", self.status),
            (title, "") => title.to_owned(),
            (title, detail) => format!("{title}: {detail}"),
        }
    }

    /// The error that a refusal is.
    pub(crate) fn refusal(&self, base: &str) -> Error {
        let text = format!("{base}: {}", self.reason());
        match self.status {
            300..=399 => Error::Usage(format!("{base}: the server is elsewhere (status {})", self.status)),
            400..=499 => Error::Usage(text),
            _ => Error::Failed(text),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

async fn attempt(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await? })
}

/// Whether the same request may be answered otherwise a little later.
fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500..=599)
}

/// Whether the server's certificate is the reason, so that asking again would end the same.
fn is_untrusted(error: &reqwest::Error) -> bool {
    let is_certificate = |source: &(dyn std::error::Error + 'static)| {
        matches!(source.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
    };
    sources(error).any(is_certificate)
}

/// What lies under an error, the outermost first. `std::io::Error` hides what it wraps from `source`.
fn sources(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let here = next?;
        let wrapped = here.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn std::error::Error + 'static)),
            None => here.source(),
        };
        Some(here)
    })
}

/// The innermost reason of an error; what lies around it repeats the URL.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    sources(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Whom to trust. Plain HTTP trusts nobody, so that it works where the system has no certificates.
fn with_roots(builder: ClientBuilder, url: &Url, ca_cert: Option<&PathBuf>) -> Result<ClientBuilder, Error> {
    if url.scheme() == "http" {
        return Ok(builder.tls_certs_only([]));
    }
    let Some(path) = ca_cert else { return Ok(builder) };
    let wrong = |reason: String| Error::Usage(format!("--ca-cert {}: {reason}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate in PEM form".to_owned()));
    }
    Ok(builder.tls_certs_merge(certificates))
}
