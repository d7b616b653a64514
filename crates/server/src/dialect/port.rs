//! The audit-log API of Port: `GET /v1/audit-log`, and `POST /v1/auth/access_token`, where its tokens come from.
//!
//! Source: Port's API reference, "Get audit logs", "Create an access token" and "Rate limits", and its examples of
//! change log events. What they leave open is decided in `docs/dialects.md`.

mod access_token;
mod params;
mod record;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use trailbook_event::limits::{PORT_PAGE_BYTES_MAX, PORT_REQUESTS_MAX, PORT_WINDOW_SECONDS};
use utoipa::ToSchema;

use crate::app::App;
use crate::asker::Asker;
use crate::auth::Denial;
use crate::rate::Standing;
use crate::search::scan;
use crate::{status, url};
pub(crate) use access_token::{__path_create_access_token, create_access_token};
use params::Asked;

/// What the paths of Port's API begin with.
pub(crate) const PREFIX: &str = "/v1/";

/// Why a request is refused. The name decides status and word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    BodyTooLarge,
    AnswerTooLarge,
    TooManyRequests,
    Unavailable,
    Internal,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Name::Invalid => "invalid_request",
            Name::Unauthorized => "unauthorized",
            Name::Forbidden => "forbidden",
            Name::NotFound => "not_found",
            Name::BodyTooLarge => "request_too_large",
            Name::AnswerTooLarge => "response_too_large",
            Name::TooManyRequests => "rate_limit_exceeded",
            Name::Unavailable => "service_unavailable",
            Name::Internal => "internal_error",
        }
    }
}

/// A refusal, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    name: Name,
    message: String,
}

impl Refusal {
    fn new(name: Name, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }

    /// What Port says of a path or method that it does not have.
    pub(crate) fn no_route(method: &Method, uri: &Uri) -> Self {
        Self::new(Name::NotFound, format!("Route {method}:{} not found", uri.path()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        const SHOWN_CHARS: usize = 512;
        let message = self.message.chars().take(SHOWN_CHARS).collect();
        let body = PortError { ok: false, error: self.name.text(), message };
        let mut response = json(serde_json::to_vec(&body).unwrap_or_default());
        *response.status_mut() = status::port(self.name);
        traced(response)
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated(reason) => Refusal::new(Name::Unauthorized, reason),
            Denial::NotAllowed(reason) => Refusal::new(Name::Forbidden, reason),
            Denial::TooOften(seconds) => {
                Refusal::new(Name::TooManyRequests, format!("Too many requests; try again in {seconds} seconds"))
            }
            Denial::Unavailable => Refusal::new(Name::Unavailable, "The catalog failed"),
        }
    }
}

impl From<trailbook_query::Error> for Refusal {
    fn from(error: trailbook_query::Error) -> Self {
        use trailbook_query::Error;
        match error {
            Error::Parameter { name, reason } => Refusal::new(Name::Invalid, format!("{name} {reason}")),
            error @ Error::Text { .. } => Refusal::new(Name::Invalid, error.to_string()),
            Error::TooLarge(reason) => Refusal::new(Name::Invalid, reason),
            error @ Error::Damaged { .. } => Refusal::new(Name::Internal, error.to_string()),
            Error::Failed(reason) => Refusal::new(Name::Unavailable, reason),
            Error::Cancelled => Refusal::new(Name::Unavailable, "The query took too long; narrow it"),
        }
    }
}

/// Port's error body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PortError {
    /// False.
    ok: bool,
    /// A word.
    #[schema(example = "not_found")]
    error: &'static str,
    /// What is wrong.
    message: String,
}

/// The records that were found, newest first. It is written piece by piece, and read nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PortAuditLog {
    /// True.
    ok: bool,
    /// The records, each with the members that were asked for.
    audits: Vec<record::PortRecord>,
}

/// Reads audit logs as Port does.
#[utoipa::path(
    get, path = "/v1/audit-log", tag = "Port", operation_id = "get_port_audit_log",
    params(
        ("identifier" = Option<String>, Query, description = "Of a record; an unknown one is answered 404"),
        ("entity" = Option<String>, Query, description = "An entity's identifier"),
        ("include_deleted_entities" = Option<bool>, Query,
            description = "Needs `entity`, `blueprint`, `status`, and `from` and `to` with a day between at most"),
        ("blueprint" = Option<String>, Query, description = "A blueprint's identifier"),
        ("run_id" = Option<String>, Query, description = "An action run"),
        ("webhookId" = Option<String>, Query, description = "A webhook"),
        ("webhookEventId" = Option<String>, Query, description = "An event of a webhook"),
        ("origin" = Option<Vec<String>>, Query, description = "Such as `UI`; can be repeated"),
        ("InstallationId" = Option<String>, Query, description = "An integration"),
        ("resources" = Option<Vec<String>>, Query, description = "Such as `entity`; can be repeated"),
        ("includes" = Option<Vec<String>>, Query, description = "Members of records, no others; can be repeated"),
        ("from" = Option<String>, Query, description = "ISO 8601, inclusive"),
        ("to" = Option<String>, Query, description = "ISO 8601, inclusive"),
        ("action" = Option<String>, Query, description = "`CREATE`, `UPDATE`, `DELETE`, or another"),
        ("status" = Option<String>, Query, description = "`SUCCESS` or `FAILURE`"),
        ("limit" = Option<u64>, Query, description = "1 to 10,000, by default 10,000"),
        ("actionType" = Option<String>, Query, description = "`automation` or `self-service`"),
    ),
    security(("token" = ["events.read"]), ("token" = ["events.lookup"])),
    responses(
        (status = 200, description = "The records, newest first", body = PortAuditLog),
        (status = 401, description = "No token, an unknown one, or one that has expired", body = PortError),
        (status = 403, description = "The token may not ask this", body = PortError),
        (status = 404, description = "No record has this identifier", body = PortError),
        (status = 422, description = "A parameter is malformed, or the answer is too large", body = PortError),
        (status = 429, description = "As many requests as may be in a minute", body = PortError),
        (status = 500, description = "A file that the answer needs is damaged", body = PortError),
        (status = 503, description = "The query took too long, or a file could not be read", body = PortError),
    )
)]
pub(crate) async fn list_port_audit_log(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut standing = None;
    let response = match answer(&app, &parts, &mut standing).await {
        Ok(body) => traced(json(body)),
        Err(refusal) => refusal.into_response(),
    };
    rated(response, standing)
}

async fn answer(app: &Arc<App>, request: &Parts, standing: &mut Option<Standing>) -> Result<Vec<u8>, Refusal> {
    let now_ms = app.clock.now_ms();
    let (caller, reach) = app.auth.port_reader(&Asker::of(&request.extensions), now_ms).await?;
    counted(standing.insert(app.port_requests.count(caller.organization().uuid(), now_ms)))?;
    let pairs = url::pairs(request.uri.query())
        .map_err(|name| Refusal::new(Name::Invalid, format!("{name} is not percent-encoded UTF-8")))?;
    let asked = params::parse(&pairs)?;
    asked.check_reach(reach)?;
    let (query, names_one) = (asked.query.clone(), asked.identifier.is_some());
    let page = Page { body: br#"{"ok":true,"audits":["#.to_vec(), records: 0, fault: None };
    let organization = caller.organization().uuid().to_string();
    let each = move |page: &mut Page, row: &[u8]| page.take(row, &asked, &organization);
    let page = scan(app, &caller, query, page, move |page, row| each(page, row.canonical)).await?;
    match page.fault {
        Some(refusal) => Err(refusal),
        None if names_one && page.records == 0 => {
            Err(Refusal::new(Name::NotFound, "A resource with the provided identifier was not found"))
        }
        None => Ok([page.body.as_slice(), b"]}"].concat()),
    }
}

/// An answer while it is written.
struct Page {
    body: Vec<u8>,
    records: u64,
    /// Why there will be no answer.
    fault: Option<Refusal>,
}

impl Page {
    /// Writes an event's record if it is asked for. False when no more are.
    fn take(&mut self, canonical: &[u8], asked: &Asked, organization: &str) -> bool {
        let Ok(record) = record::of(canonical, organization) else {
            let message = "A recorded event cannot be read";
            tracing::error!("{message}");
            self.fault = Some(Refusal::new(Name::Internal, message));
            return false;
        };
        if !asked.admits(&record) {
            return true;
        }
        let shown: Map<String, Value> = record.into_iter().filter(|(member, _)| asked.shows(member)).collect();
        if self.records > 0 {
            self.body.push(b',');
        }
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut self.body, &shown);
        if self.body.len() > PORT_PAGE_BYTES_MAX {
            let message = format!("The answer has more than {PORT_PAGE_BYTES_MAX} bytes; ask for less");
            self.fault = Some(Refusal::new(Name::AnswerTooLarge, message));
            return false;
        }
        self.records += 1;
        self.records < asked.query.page.limit
    }
}

/// Refuses a request that is one too many.
fn counted(standing: &Standing) -> Result<(), Refusal> {
    if standing.is_over {
        let message = format!("More than {PORT_REQUESTS_MAX} requests in {PORT_WINDOW_SECONDS} seconds");
        return Err(Refusal::new(Name::TooManyRequests, message));
    }
    Ok(())
}

fn json(body: Vec<u8>) -> Response {
    (status::FOUND, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// The answer with a name of its own, by which it can be asked after.
fn traced(mut response: Response) -> Response {
    let mut random = [0_u8; 16];
    if getrandom::fill(&mut random).is_ok() {
        let trace = uuid::Builder::from_random_bytes(random).into_uuid().simple().to_string();
        tracing::debug!(trace, status = response.status().as_u16(), "answered as Port");
        if let Ok(value) = HeaderValue::from_str(&trace) {
            response.headers_mut().insert(HeaderName::from_static("x-trace-id"), value);
        }
    }
    response
}

/// The answer with how many requests are left, where it is known whose they are.
fn rated(mut response: Response, standing: Option<Standing>) -> Response {
    let Some(standing) = standing else { return response };
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-period", PORT_WINDOW_SECONDS.into());
    headers.insert("x-ratelimit-limit", PORT_REQUESTS_MAX.into());
    headers.insert("x-ratelimit-remaining", standing.remaining.into());
    headers.insert("x-ratelimit-reset", standing.reset_at.into());
    if standing.is_over {
        headers.insert(header::RETRY_AFTER, standing.reset_seconds.into());
    }
    response
}
