//! The audit-log API of WSO2's API Platform and Choreo: `POST /audit-logging/1.0.0/orgs/{orgUuid}/audit-logs`.
//!
//! Source: the contract that WSO2's console has with it, for there is no published one; errors are those of WSO2's
//! gateway, which stands before it. What they leave open is decided in `docs/dialects.md`.

mod record;
mod request;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trailbook_event::Uuid;
use trailbook_event::limits::WSO2_BODY_BYTES_MAX;
use utoipa::ToSchema;

use crate::api::problem::{Kind, Problem};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::{Denial, MISSING};
use crate::ingest::body;
use crate::search::search_of_dialect;
use crate::status;
use record::Wso2Record;
use request::Wso2Request;

/// What the paths of WSO2's API begin with.
pub(crate) const PREFIX: &str = "/audit-logging/";

/// Why a request is refused. The name decides status, code and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Invalid,
    MissingCredentials,
    InvalidCredentials,
    NotAllowed,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    Throttled,
    Unavailable,
    Internal,
}

impl Name {
    /// The gateway's code and message; where it has none, the status and its words.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Name::Invalid => ("400", "Bad Request"),
            Name::MissingCredentials => ("900902", "Missing Credentials"),
            Name::InvalidCredentials => ("900901", "Invalid Credentials"),
            Name::NotAllowed => ("900910", "The access token does not allow you to access the requested resource"),
            Name::NotFound => ("900906", "No matching resource found in the API for the given request"),
            Name::MethodNotAllowed => ("405", "Method not allowed"),
            Name::BodyTooLarge => ("413", "Payload Too Large"),
            Name::Throttled => ("900802", "Message throttled out"),
            Name::Unavailable => ("503", "Service Unavailable"),
            Name::Internal => ("500", "Internal Server Error"),
        }
    }
}

/// A refusal, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    name: Name,
    description: String,
}

impl Refusal {
    fn new(name: Name, description: impl Into<String>) -> Self {
        Self { name, description: description.into() }
    }

    /// What is said of a path that there is not, and of an organization that is not the token's.
    pub(crate) fn no_resource(uri: &Uri) -> Self {
        Self::new(Name::NotFound, format!("There is nothing at {}", uri.path()))
    }

    /// What is said of a method that a path does not have.
    pub(crate) fn no_method(method: &Method, uri: &Uri) -> Self {
        Self::new(Name::MethodNotAllowed, format!("{} has no method {method}", uri.path()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        const SHOWN_CHARS: usize = 512;
        let (code, message) = self.name.texts();
        let description = self.description.chars().take(SHOWN_CHARS).collect();
        let mut response = json(&GatewayError { code, message, description });
        *response.status_mut() = status::wso2(self.name);
        response
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            MISSING => {
                let header = "Make sure your API invocation call has a header: 'Authorization : Bearer ACCESS_TOKEN'";
                Refusal::new(Name::MissingCredentials, header)
            }
            Denial::Unauthenticated(reason) => Refusal::new(Name::InvalidCredentials, reason),
            Denial::NotAllowed(reason) => Refusal::new(Name::NotAllowed, reason),
            Denial::TooOften(seconds) => {
                Refusal::new(Name::Throttled, format!("Too many requests; try again in {seconds} seconds"))
            }
            Denial::Unavailable => Refusal::new(Name::Unavailable, "the catalog failed"),
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
            Error::Cancelled => Refusal::new(Name::Unavailable, "the query took too long; narrow it"),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (kind, detail) = problem.kind_and_detail();
        let name = match kind {
            Kind::BodyTooLarge => Name::BodyTooLarge,
            Kind::Busy => Name::Unavailable,
            _ => Name::Invalid,
        };
        Refusal::new(name, detail)
    }
}

/// The error body of WSO2's gateway.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GatewayError {
    /// The gateway's code, or the status.
    #[schema(example = "900902")]
    code: &'static str,
    /// What the code means.
    message: &'static str,
    /// What is wrong with this request.
    description: String,
}

/// The records that were found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Wso2Records {
    /// The records, in the order that was asked for.
    list: Vec<Wso2Record>,
}

/// Searches audit logs as WSO2's console does.
#[utoipa::path(
    post, path = "/audit-logging/1.0.0/orgs/{orgUuid}/audit-logs", tag = "WSO2", operation_id = "list_wso2_audit_logs",
    params(("orgUuid" = String, Path, description = "The UUID of the token's organization")),
    request_body = Wso2Request,
    security(("token" = ["urn:choreosystem:choreoauditloggingapi:audit_logs_view"])),
    responses(
        (status = 200, description = "The records", body = Wso2Records),
        (status = 400, description = "The body does not have this form", body = GatewayError),
        (status = 401, description = "No token, or an unknown one", body = GatewayError),
        (status = 403, description = "The token may not read audit logs", body = GatewayError),
        (status = 404, description = "The UUID is not that of the token's organization", body = GatewayError),
        (status = 413, description = "The body has more than 64 KiB", body = GatewayError),
        (status = 500, description = "A file that the answer needs is damaged", body = GatewayError),
        (status = 503, description = "The query took too long, or a file could not be read", body = GatewayError),
    )
)]
pub(crate) async fn list_wso2_audit_logs(
    State(app): State<Arc<App>>,
    Path(organization): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    match answer(&app, &organization, &parts, body).await {
        Ok(records) => json(&records),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(
    app: &Arc<App>,
    organization: &str,
    Parts { headers, uri, extensions, .. }: &Parts,
    body: Body,
) -> Result<Wso2Records, Refusal> {
    let asker = Asker::of(extensions);
    let caller = app.auth.wso2_reader(&asker).await?;
    let own = caller.organization().uuid();
    if Uuid::try_parse(organization).ok() != Some(own) {
        return Err(Refusal::no_resource(uri));
    }
    let body = body::read_up_to(WSO2_BODY_BYTES_MAX, app, headers, body).await?;
    let query = request::query(&body.bytes, app.clock.now_ms())?;
    drop(body);
    let answer = search_of_dialect(app, &caller, query).await?;
    let own = own.to_string();
    let list =
        answer.events.iter().map(|found| record::of(found, &own)).collect::<Result<_, _>>().map_err(|error| {
            tracing::error!(%error, "a recorded event cannot be read");
            Refusal::new(Name::Internal, "a recorded event cannot be read; the server's log says which")
        })?;
    Ok(Wso2Records { list })
}

fn json(body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    (status::FOUND, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
