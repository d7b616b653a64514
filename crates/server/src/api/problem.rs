//! What the native API answers when it refuses: RFC 9457 problem documents that name the offender.
//!
//! Which to use: [`Problem::events`] when events in a body are wrong, [`Problem::parameter`] for a parameter of the
//! URL, and [`Problem::new`] with a [`Kind`] for all else. Statuses are in `status.rs`.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::status;
use trailbook_event::limits::{DISK_RESERVE_BYTES_MIN, DISK_RESERVE_PERCENT, REPORTED_ERRORS_MAX};

/// What kind of problem it is. The kind decides type, title and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidBody,
    InvalidEvents,
    InvalidParameter,
    Unauthenticated,
    SignInFailed,
    NotAllowed,
    NotFound,
    MethodNotAllowed,
    BodyTimeout,
    KeyInWork,
    BodyTooLarge,
    UrlTooLong,
    UnsupportedEncoding,
    KeyReused,
    NotReady,
    NoSuchRange,
    TooMany,
    TooOften,
    Conflict,
    Busy,
    DiskFull,
    Damaged,
    Internal,
}

impl Kind {
    /// The last part of the problem's type, and its title.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Kind::InvalidBody => ("invalid-body", "The body cannot be read"),
            Kind::InvalidEvents => ("invalid-events", "Nothing was recorded, because events are invalid"),
            Kind::InvalidParameter => ("invalid-parameter", "A parameter is unknown or malformed"),
            Kind::Unauthenticated => ("unauthenticated", "A valid token is needed"),
            Kind::SignInFailed => ("sign-in-failed", "Signing in failed"),
            Kind::NotAllowed => ("not-allowed", "The token does not allow this"),
            Kind::NotFound => ("not-found", "Not found"),
            Kind::MethodNotAllowed => ("method-not-allowed", "This path has no such method"),
            Kind::BodyTimeout => ("body-timeout", "The body did not arrive in time"),
            Kind::KeyInWork => ("key-in-work", "A write with this idempotency key is still in work"),
            Kind::BodyTooLarge => ("body-too-large", "The body is above a limit"),
            Kind::UrlTooLong => ("url-too-long", "The URL is above its limit"),
            Kind::UnsupportedEncoding => ("unsupported-encoding", "The body's encoding is not supported"),
            Kind::KeyReused => ("key-reused", "The same key or id was used with other content"),
            Kind::NotReady => ("not-ready", "This is not there yet"),
            Kind::NoSuchRange => ("no-such-range", "The file does not have these bytes"),
            Kind::TooMany => ("too-many", "As many as may be are there already"),
            Kind::TooOften => ("too-often", "Too many requests"),
            Kind::Conflict => ("conflict", "This is not as it would have to be"),
            Kind::Busy => ("busy", "The server cannot take this now; try again"),
            Kind::DiskFull => ("disk-full", "The disk has no room for new events; nothing was recorded"),
            Kind::Damaged => ("damaged", "A file that the answer needs is damaged"),
            Kind::Internal => ("internal", "The server failed"),
        }
    }
}

/// A refusal of the native API. Boxed, because results carry it where all goes well.
#[derive(Debug)]
pub(crate) struct Problem(Kind, Box<ProblemDocument>);

/// An RFC 9457 problem document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDocument {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-events")]
    type_: String,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// The events that are wrong, the first 100 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<EventError>,
    /// After how many seconds it may be tried again; the header `Retry-After` has it.
    #[serde(skip)]
    retry_seconds: Option<i64>,
    /// How many errors there are in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors_total: Option<u64>,
}

/// What is wrong with one event of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct EventError {
    /// Which event, from 0.
    pub(crate) index: u64,
    /// The line of the body that it stands on, from 1, where the body is NDJSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// A JSON Pointer into the event; empty for the event itself.
    pub(crate) pointer: String,
    /// What is wrong there.
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (name, title) = kind.texts();
        let document = ProblemDocument {
            type_: format!("/problems/{name}"),
            title,
            status: status::native(kind).as_u16(),
            detail: shortened(detail.into()),
            parameter: None,
            errors: Vec::new(),
            retry_seconds: None,
            errors_total: None,
        };
        Self(kind, Box::new(document))
    }

    /// What kind of problem it is, and what is wrong, for dialects that have a shape of their own for it.
    pub(crate) fn kind_and_detail(self) -> (Kind, String) {
        (self.0, self.1.detail)
    }

    /// A caller has asked too often, and may again after so many seconds.
    pub(crate) fn too_often(seconds: i64) -> Self {
        let mut problem = Self::new(Kind::TooOften, format!("too many requests; try again in {seconds} seconds"));
        problem.1.retry_seconds = Some(seconds.max(1));
        problem
    }

    /// The path is nobody's.
    pub(crate) fn nothing_at(path: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is nothing at {path}; see /api/docs"))
    }

    /// A parameter of the URL is wrong.
    pub(crate) fn parameter(name: &str, reason: &str) -> Self {
        // Shorter than what a detail shows, so that the reason is seen too.
        const SHOWN_CHARS: usize = 128;
        let name: String = name.chars().take(SHOWN_CHARS).collect();
        let mut problem = Self::new(Kind::InvalidParameter, format!("{name} {reason}"));
        problem.1.parameter = Some(name);
        problem
    }

    /// Events of a body are wrong. `errors` are the first of them, `total` counts all.
    pub(crate) fn events(kind: Kind, mut errors: Vec<EventError>, total: u64) -> Self {
        errors.truncate(REPORTED_ERRORS_MAX);
        for error in &mut errors {
            error.pointer = shortened(std::mem::take(&mut error.pointer));
            error.detail = shortened(std::mem::take(&mut error.detail));
        }
        let detail = match errors.first() {
            Some(first) => {
                let more = if total > 1 { format!(", and {} more", total - 1) } else { String::new() };
                let line = first.line.map(|line| format!(" (line {line})")).unwrap_or_default();
                let at = if first.pointer.is_empty() { String::new() } else { format!(" at {}", first.pointer) };
                format!("event {}{line}{at}: {}{more}", first.index, first.detail)
            }
            None => "an event is invalid".to_owned(),
        };
        let mut problem = Self::new(kind, detail);
        problem.1.errors = errors;
        problem.1.errors_total = Some(total);
        problem
    }
}

impl Problem {
    /// Whether a body is above a limit.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0 == Kind::BodyTooLarge
    }

    /// What is wrong with the request.
    pub(crate) fn detail(&self) -> &str {
        &self.1.detail
    }
}

/// Cuts what a client sent to a length that can be shown.
fn shortened(text: String) -> String {
    const SHOWN_CHARS: usize = 512;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Why there is no room for new events, and when there will be.
fn disk_full() -> String {
    format!(
        "the disk is full or nearly so: less than {}, is free; queries are answered, and events are taken again as \
         soon as there is room",
        disk_reserve("it")
    )
}

/// How much of a disk is kept free, in words.
pub(crate) fn disk_reserve(disk: &str) -> String {
    format!("{DISK_RESERVE_PERCENT} % of {disk}, or {} MiB", DISK_RESERVE_BYTES_MIN / (1024 * 1024))
}

impl From<trailbook_store::Error> for Problem {
    fn from(error: trailbook_store::Error) -> Self {
        use trailbook_store::Error;
        let kind = match &error {
            Error::Busy | Error::Full { .. } | Error::Closing => Kind::Busy,
            Error::Reused { item: Some(index), .. } => {
                let pointer = "/id".to_owned();
                let index = *index as u64;
                let error = EventError { index, line: None, pointer, detail: error.to_string() };
                return Problem::events(Kind::KeyReused, vec![error], 1);
            }
            Error::Reused { .. } => Kind::KeyReused,
            Error::InWork => Kind::KeyInWork,
            Error::Name(_) => Kind::InvalidBody,
            Error::Missing(_) => Kind::NotFound,
            Error::Taken(_) | Error::LastAdmin => Kind::Conflict,
            Error::TooMany(_) => Kind::TooMany,
            Error::DiskFull => return Problem::new(Kind::DiskFull, disk_full()),
            Error::Unknown => {
                return Problem::new(
                    Kind::Busy,
                    "it is not known whether the events were recorded; send the same again",
                );
            }
            Error::Catalog { .. } => {
                tracing::error!(%error, "the catalog failed");
                return Problem::new(Kind::Busy, "the catalog failed; nothing was recorded");
            }
            _ => {
                tracing::error!(%error, "the store failed");
                return Problem::new(Kind::Internal, "the store failed; the server's log says why");
            }
        };
        Problem::new(kind, error.to_string())
    }
}

impl From<trailbook_query::Error> for Problem {
    fn from(error: trailbook_query::Error) -> Self {
        use trailbook_query::Error;
        match &error {
            Error::Parameter { name, reason } => Problem::parameter(name, reason),
            Error::Text { .. } => Problem::parameter("q", &error.to_string()),
            Error::TooLarge(reason) => Problem::new(Kind::InvalidParameter, reason.clone()),
            Error::Damaged { .. } => Problem::new(Kind::Damaged, error.to_string()),
            Error::Failed(reason) => Problem::new(Kind::Busy, reason.clone()),
            Error::Cancelled => Problem::new(Kind::Busy, "the query took too long; narrow it"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(kind, document) = self;
        let retry_seconds = document.retry_seconds;
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (status::native(kind), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match kind {
            Kind::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::Busy | Kind::KeyInWork => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // Somebody has to make room, or an export to end, which takes a while.
            Kind::DiskFull | Kind::TooMany => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            _ => {}
        }
        if let Some(seconds) = retry_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests;
