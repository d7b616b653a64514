//! The audit-log API of Spotify Portal for Backstage: `GET /api/audit-log/v1/audit-event`.
//!
//! Source: Portal's reference pages "API Request Parameters" and "API Response Fields"; error bodies and statuses are
//! those of the Backstage backend that Portal runs on (`MiddlewareFactory.error`). What the two leave open is decided
//! in `docs/dialects.md`.

mod params;
mod record;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::asker::Asker;
use crate::auth::Denial;
use crate::search::search_of_dialect;
use crate::{status, url};
pub(crate) use record::AuditEvent;

/// The path that Portal documents.
pub(crate) const PATH: &str = "/api/audit-log/v1/audit-event";

/// The names of Backstage's errors; each has its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Input,
    Authentication,
    NotAllowed,
    NotFound,
    TooManyRequests,
    ServiceUnavailable,
    Internal,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Name::Input => "InputError",
            Name::Authentication => "AuthenticationError",
            Name::NotAllowed => "NotAllowedError",
            Name::NotFound => "NotFoundError",
            Name::TooManyRequests => "TooManyRequestsError",
            Name::ServiceUnavailable => "ServiceUnavailableError",
            Name::Internal => "Error",
        }
    }
}

/// Why a request is refused, before it is known which request it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    name: Name,
    message: String,
}

impl Refusal {
    pub(crate) fn new(name: Name, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }

    /// Backstage's error body.
    pub(crate) fn respond(self, method: &Method, uri: &Uri) -> Response {
        const SHOWN_CHARS: usize = 2_048;
        let shown = |text: &str| text.chars().take(SHOWN_CHARS).collect();
        let status = status::portal(self.name);
        let body = BackstageError {
            error: ErrorText { name: self.name.text(), message: shown(&self.message) },
            request: ErrorRequest {
                method: method.to_string(),
                url: uri.path_and_query().map(|p| shown(p.as_str())).unwrap_or_default(),
            },
            response: ErrorResponse { status_code: status.as_u16() },
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated(reason) => Refusal::new(Name::Authentication, reason),
            Denial::NotAllowed(reason) => Refusal::new(Name::NotAllowed, reason),
            Denial::TooOften(seconds) => {
                Refusal::new(Name::TooManyRequests, format!("Too many requests; try again in {seconds} seconds"))
            }
            Denial::Unavailable => Refusal::new(Name::ServiceUnavailable, "The catalog failed"),
        }
    }
}

impl From<trailbook_query::Error> for Refusal {
    fn from(error: trailbook_query::Error) -> Self {
        match error {
            trailbook_query::Error::Parameter { name, reason } => Refusal::new(Name::Input, format!("{name} {reason}")),
            error @ trailbook_query::Error::Text { .. } => Refusal::new(Name::Input, error.to_string()),
            trailbook_query::Error::TooLarge(reason) => Refusal::new(Name::Input, reason),
            error @ trailbook_query::Error::Damaged { .. } => Refusal::new(Name::Internal, error.to_string()),
            trailbook_query::Error::Failed(reason) => Refusal::new(Name::ServiceUnavailable, reason),
            trailbook_query::Error::Cancelled => {
                Refusal::new(Name::ServiceUnavailable, "The query took too long; narrow it")
            }
        }
    }
}

/// Backstage's error body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackstageError {
    error: ErrorText,
    request: ErrorRequest,
    response: ErrorResponse,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorText {
    #[schema(example = "InputError")]
    name: &'static str,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorRequest {
    method: String,
    url: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ErrorResponse {
    status_code: u16,
}

/// A page of audit events, as Portal gives it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEventPage {
    /// The events, newest first.
    data: Vec<AuditEvent>,
    /// How many match in all.
    total: u64,
    /// The page size that was asked for.
    limit: u64,
    /// How many were passed over.
    offset: u64,
}

/// Searches audit events as Portal does.
#[utoipa::path(
    get, path = "/api/audit-log/v1/audit-event", tag = "Spotify Portal", operation_id = "list_audit_events",
    params(
        ("plugin_id" = Option<String>, Query, description = "For example `catalog`"),
        ("event_id" = Option<String>, Query, description = "For example `entity-fetch`"),
        ("start_time" = Option<String>, Query, description = "ISO 8601, ends in `Z`; by default 30 days ago"),
        ("end_time" = Option<String>, Query, description = "ISO 8601, ends in `Z`; by default no upper bound"),
        ("severity_level" = Option<String>, Query, description = "One or more of `low`, `medium`, `high`, `critical`"),
        ("actor_id" = Option<String>, Query, description = "For example `user:default/john`"),
        ("status" = Option<String>, Query, description = "`succeeded` or `failed`"),
        ("actor_type" = Option<String>, Query, description = "`user` or `service`"),
        ("request_method" = Option<String>, Query, description = "For example `GET`"),
        ("request_url" = Option<String>, Query, description = "The whole URL path and query, or the path alone"),
        ("action_type" = Option<String>, Query, description = "For example `create`"),
        ("query_type" = Option<String>, Query, description = "For example `by-name`"),
        ("entity_ref" = Option<String>, Query, description = "For example `component:default/my-service`"),
        ("limit" = Option<u64>, Query, description = "1 to 1,000, by default 100"),
        ("offset" = Option<u64>, Query, description = "By default 0"),
    ),
    security(("token" = ["audit.log.read"])),
    responses(
        (status = 200, description = "A page of events, newest first", body = AuditEventPage),
        (status = 400, description = "A parameter is unknown or malformed", body = BackstageError),
        (status = 401, description = "No token, or an unknown one", body = BackstageError),
        (status = 403, description = "A token of another plugin or permission", body = BackstageError),
        (status = 500, description = "A file that the answer needs is damaged", body = BackstageError),
        (status = 503, description = "The query took too long, or a file could not be read", body = BackstageError),
    )
)]
pub(crate) async fn list_audit_events(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match answer(&app, &parts).await {
        Ok(page) => {
            let body = serde_json::to_vec(&page).unwrap_or_default();
            (status::FOUND, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
        }
        Err(refusal) => refusal.respond(&parts.method, &parts.uri),
    }
}

async fn answer(app: &Arc<App>, request: &Parts) -> Result<AuditEventPage, Refusal> {
    let caller = app.auth.portal_reader(&Asker::of(&request.extensions)).await?;
    let pairs = url::pairs(request.uri.query())
        .map_err(|name| Refusal::new(Name::Input, format!("{name} is not percent-encoded UTF-8")))?;
    let asked = params::parse(&pairs, app.clock.now_ms())?;
    let answer = search_of_dialect(app, &caller, asked.query).await?;
    let data = answer.events.iter().map(record::of).collect::<Result<_, _>>().map_err(|error| {
        tracing::error!(%error, "a recorded event cannot be read");
        Refusal::new(Name::Internal, "A recorded event cannot be read; the server's log says which")
    })?;
    Ok(AuditEventPage { data, total: answer.total.unwrap_or_default(), limit: asked.limit, offset: asked.offset })
}
