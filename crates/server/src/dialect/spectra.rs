//! The audit-log exports of the Spectra Assure Portal's public API: order one, and ask how far it is.
//!
//! Source: the vendor's client on `PyPI`, `spectra-assure-sdk` 1.1.0 (`spec/compiled_spec.json` and
//! `operations/audit_log_*.py`), and its page "Audit logs". What they leave open is decided in `docs/dialects.md`.

mod order;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trailbook_event::{Timestamp, Uuid};
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::app::App;
use crate::asker::Asker;
use crate::auth::{Caller, Denial};
use crate::export::format::Format;
use crate::export::orders::{self, Order, Refused};
use crate::ingest::body;
use crate::status;

/// What its paths have in them, after a portal's name or nothing.
pub(crate) const PATH: &str = "/api/public/v1/";
/// After how many seconds somebody who was refused for the number of exports may ask again.
const RETRY_SECONDS: u64 = 10;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invalid,
    Unauthenticated,
    NotAllowed,
    NotFound,
    TooLarge,
    Throttled,
    Failed,
}

/// A refusal, which says what is wrong.
#[derive(Debug)]
pub(crate) struct Refusal(Kind, String);

impl Refusal {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(kind, detail.into())
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpectraError {
    /// What is wrong with the request.
    detail: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(kind, detail) = self;
        let mut response = answer(status::spectra(kind), &SpectraError { detail });
        if kind == Kind::Throttled {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated(reason) => Refusal::new(Kind::Unauthenticated, reason),
            Denial::NotAllowed(reason) => Refusal::new(Kind::NotAllowed, reason),
            Denial::TooOften(seconds) => {
                Refusal::new(Kind::Throttled, format!("Expected available in {seconds} seconds."))
            }
            Denial::Unavailable => Refusal::new(Kind::Failed, "The catalog failed"),
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::ManyOpen(open) => Refusal::new(
                Kind::Throttled,
                format!("{open} exports wait or are being made. Expected available in {RETRY_SECONDS} seconds."),
            ),
            Refused::Many(all) => {
                Refusal::new(Kind::Throttled, format!("{all} exports are listed; delete some of them."))
            }
            failed => Refusal::new(Kind::Failed, Problem::from(failed).detail()),
        }
    }
}

/// An export, as the vendor shows it: null for a format that was not asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditExport {
    id: String,
    name: String,
    /// `IN_PROGRESS`, `DONE`, `FAILED` or `EXPIRED`
    #[schema(required)]
    cef_status: Option<&'static str>,
    #[schema(required)]
    cef_presigned_url: Option<String>,
    #[schema(required)]
    cef_expires_at: Option<String>,
    /// `IN_PROGRESS`, `DONE`, `FAILED` or `EXPIRED`
    #[schema(required)]
    ndjson_status: Option<&'static str>,
    #[schema(required)]
    ndjson_presigned_url: Option<String>,
    #[schema(required)]
    ndjson_expires_at: Option<String>,
}

/// Orders an export of the organization's audit log.
///
/// A path prefix of one segment, the portal's name, is taken too.
#[utoipa::path(
    post, path = "/api/public/v1/audit-log/{organization}/export", tag = "Spectra Assure",
    operation_id = "createAuditExportAPI",
    params(("organization" = String, Path, description = "The name of the token's organization")),
    request_body = order::AuditExportIn,
    security(("token" = ["exports"])),
    responses(
        (status = 201, description = "The export is being made", body = AuditExport),
        (status = 400, description = "The body is malformed", body = SpectraError),
        (status = 401, description = "No valid token", body = SpectraError),
        (status = 403, description = "The token lacks exports", body = SpectraError),
        (status = 404, description = "Not the token's organization", body = SpectraError),
        (status = 413, description = "The body is above a limit", body = SpectraError),
        (status = 429, description = "As many exports as may be are there; see Retry-After", body = SpectraError),
        (status = 500, description = "The server failed", body = SpectraError),
    )
)]
pub(crate) async fn create_export(
    State(app): State<Arc<App>>,
    Path(organization): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    create(&app, &organization, request).await
}

/// The same below a portal's name.
pub(crate) async fn create_export_of_portal(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let Path((_, organization)) = path.map_err(|_| unknown())?;
    create(&app, &organization, request).await
}

async fn create(app: &Arc<App>, organization: &str, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = caller(app, &Asker::of(&parts.extensions), organization).await?;
    let whole = body::read(app, &parts.headers, body).await.map_err(|problem| of_body(&problem))?;
    let (name, asked) = order::read(&whole.bytes, caller.exports_sight())?;
    let order = orders::order(app, &caller, &name, asked).await?;
    Ok(answer(status::RECORDED, &shown(app, &caller, &order)))
}

/// Asks how far an export is.
#[utoipa::path(
    get, path = "/api/public/v1/audit-log/{organization}/export/{job_id}/status", tag = "Spectra Assure",
    operation_id = "getAuditExportStatus",
    params(
        ("organization" = String, Path, description = "The name of the token's organization"),
        ("job_id" = String, Path, description = "The export's id"),
    ),
    security(("token" = ["exports"])),
    responses(
        (status = 200, description = "The export, with links to its files when it is done", body = AuditExport),
        (status = 400, description = "The id is not a UUID", body = SpectraError),
        (status = 401, description = "No valid token", body = SpectraError),
        (status = 403, description = "The token lacks exports", body = SpectraError),
        (status = 404, description = "The organization has no such export", body = SpectraError),
        (status = 500, description = "The server failed", body = SpectraError),
    )
)]
pub(crate) async fn get_export_status(
    State(app): State<Arc<App>>,
    Path((organization, job)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    look(&app, (&organization, &job), &Asker::of(request.extensions())).await
}

/// The same below a portal's name.
pub(crate) async fn get_export_status_of_portal(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let Path((_, organization, job)) = path.map_err(|_| unknown())?;
    look(&app, (&organization, &job), &Asker::of(request.extensions())).await
}

async fn look(app: &App, (organization, job): (&str, &str), asker: &Arc<Asker>) -> Result<Response, Refusal> {
    let caller = caller(app, asker, organization).await?;
    let id = Uuid::try_parse(job).map_err(|_| Refusal::invalid("job_id must be a UUID"))?;
    let order = orders::find(app, &caller, id).await?;
    let order = order.ok_or_else(|| Refusal::new(Kind::NotFound, format!("There is no export {id}")))?;
    Ok(answer(status::FOUND, &shown(app, &caller, &order)))
}

/// A caller who may take out events of this organization.
async fn caller(app: &App, asker: &Arc<Asker>, organization: &str) -> Result<Caller, Refusal> {
    let caller = app.auth.exports_caller(asker).await?;
    // Another's is as unknown as one that is not there.
    if caller.organization().name() == organization { Ok(caller) } else { Err(unknown()) }
}

fn unknown() -> Refusal {
    Refusal::new(Kind::NotFound, "The organization is not that of the token")
}

/// What the native API says of a body, in this one's words.
fn of_body(problem: &Problem) -> Refusal {
    let is_large = problem.is_too_large();
    Refusal::new(if is_large { Kind::TooLarge } else { Kind::Invalid }, problem.detail())
}

fn shown(app: &App, caller: &Caller, order: &Order) -> AuditExport {
    let asked = |format: Format| order.request.formats.iter().any(|name| name.0 == format);
    // The vendor's clients know one word for an export that is not done.
    let state = match order.state {
        orders::State::Pending => orders::State::InProgress.name(),
        other => other.name(),
    };
    let status = |format: Format| asked(format).then_some(state);
    let url = |format: Format| asked(format).then(|| orders::link(app, caller, order, format)).flatten();
    let expires = |format: Format| {
        let ms = order.row.expires_ms.filter(|_| asked(format))?;
        Some(Timestamp::from_millis(ms).to_string())
    };
    AuditExport {
        id: order.row.id.to_string(),
        name: order.row.name.clone(),
        cef_status: status(Format::Cef),
        cef_presigned_url: url(Format::Cef),
        cef_expires_at: expires(Format::Cef),
        ndjson_status: status(Format::Ndjson),
        ndjson_presigned_url: url(Format::Ndjson),
        ndjson_expires_at: expires(Format::Ndjson),
    }
}

fn answer(status: axum::http::StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
