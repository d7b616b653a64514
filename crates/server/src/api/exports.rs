//! `/api/v1/exports`: exports that are made as files, and the files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use trailbook_event::limits::{EXPORT_BODY_BYTES_MAX, EXPORT_NAME_CHARS_MAX};
use trailbook_event::{Timestamp, Uuid};
use utoipa::ToSchema;

use super::events::{decoded, json, refuse_parameters, uuid_of};
use super::people::done;
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::export::OF_PAGES;
use crate::export::file_body::FileBody;
use crate::export::format::Format;
use crate::export::job::{FileDone, FormatName, Request as Asked};
use crate::export::link::Link;
use crate::export::orders::{self, Order, Refused};
use crate::ingest::body;
use crate::{export, status};

/// An export to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportIn {
    /// What people call it, 1 to 255 characters.
    #[schema(example = "Failed sign-ins of January")]
    name: String,
    /// At least one of `ndjson`, `cef`, `csv`, `parquet`, `ocsf`.
    #[schema(example = json!(["ndjson", "csv"]))]
    formats: Vec<String>,
    /// Parameters of `GET /api/v1/events` by their names, but for those of pages. Without one, or with a range of
    /// `recorded_from` and `recorded_to` alone, the NDJSON proves that nothing is missing.
    #[serde(default)]
    #[schema(example = json!({"action": "user.login", "outcome": "failed,denied", "from": "2026-01-01T00:00:00Z"}))]
    filter: BTreeMap<String, String>,
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportOut {
    /// Its id, a UUID.
    id: String,
    /// What people call it.
    name: String,
    /// `PENDING`, `IN_PROGRESS`, `DONE`, `FAILED` or `EXPIRED`
    state: &'static str,
    /// How much is done, of 100.
    percent: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What was asked for.
    filter: BTreeMap<String, String>,
    /// The formats that were asked for.
    formats: Vec<&'static str>,
    /// Who asked for it, as long as its token is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    /// When it was asked for.
    created_at: String,
    /// When it was done or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// Until when its files can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Events in it, as soon as it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    /// Its files, as soon as it is done.
    files: Vec<ExportFile>,
}

/// A file of an export, a ZIP.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportFile {
    /// The format of the events in it.
    format: &'static str,
    /// Its size.
    bytes: u64,
    /// Where it can be fetched without a token, as long as this one holds.
    url: String,
}

/// Exports of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportList {
    /// The exports, the newest first.
    data: Vec<ExportOut>,
    /// How many there are.
    total: u64,
}

/// Orders an export, which is made as files.
///
/// A ZIP for each format, which can be fetched for seven days. Look at the export until its state is `DONE`.
#[utoipa::path(
    post, path = "/api/v1/exports", tag = "exports", operation_id = "create_export",
    request_body = ExportIn,
    security(("token" = ["exports"])),
    responses(
        (status = 201, description = "The export waits for its turn", body = ExportOut),
        (status = 400, description = "The body or the filter is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 429, description = "As many exports as may be wait or are listed", body = ProblemDocument),
        (status = 503, description = "The server cannot take it now", body = ProblemDocument),
        (status = 507, description = "The disk is nearly full", body = ProblemDocument),
    )
)]
pub(crate) async fn create_export(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.exports_caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let (parts, body) = request.into_parts();
    let (name, asked) = read(&app, &caller, &parts.headers, body).await?;
    let order = orders::order(&app, &caller, &name, asked).await?;
    Ok(answer(status::RECORDED, &ExportOut::of(&app, &caller, &order)))
}

/// Lists the exports of the organization.
#[utoipa::path(
    get, path = "/api/v1/exports", tag = "exports", operation_id = "list_exports",
    security(("token" = ["exports"])),
    responses(
        (status = 200, description = "The exports, the newest first", body = ExportList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
    )
)]
pub(crate) async fn list_exports(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.exports_caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let orders = orders::list(&app, &caller).await?;
    let data: Vec<_> = orders.iter().map(|order| ExportOut::of(&app, &caller, order)).collect();
    Ok(answer(status::FOUND, &ExportList { total: data.len() as u64, data }))
}

/// Looks at an export.
#[utoipa::path(
    get, path = "/api/v1/exports/{id}", tag = "exports", operation_id = "get_export",
    params(("id" = String, Path, description = "The export's id, a UUID")),
    security(("token" = ["exports"])),
    responses(
        (status = 200, description = "The export", body = ExportOut),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
        (status = 404, description = "The organization has no such export", body = ProblemDocument),
    )
)]
pub(crate) async fn get_export(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.exports_caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let order = find(&app, &caller, &id).await?;
    Ok(answer(status::FOUND, &ExportOut::of(&app, &caller, &order)))
}

/// Removes an export with its files, and stops its making.
#[utoipa::path(
    delete, path = "/api/v1/exports/{id}", tag = "exports", operation_id = "delete_export",
    params(("id" = String, Path, description = "The export's id, a UUID")),
    security(("token" = ["exports"])),
    responses(
        (status = 204, description = "The export is not there any more, and its links are dead"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
        (status = 404, description = "The organization has no such export", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_export(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.exports_caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    match orders::remove(&app, &caller, uuid_of(&id)?).await? {
        true => Ok(done()),
        false => Err(missing(&id)),
    }
}

/// Fetches a file of an export.
///
/// With a token, or with the link that the export gave. A part of it can be asked for with `Range`.
#[utoipa::path(
    get, path = "/api/v1/exports/{id}/files/{format}", tag = "exports", operation_id = "get_export_file",
    params(
        ("id" = String, Path, description = "The export's id, a UUID"),
        ("format" = String, Path, description = "The format"),
        ("credential" = Option<String>, Query, description = "Of a link"),
        ("expires" = Option<i64>, Query, description = "Of a link"),
        ("signature" = Option<String>, Query, description = "Of a link"),
        ("Range" = Option<String>, Header, description = "Which bytes, such as `bytes=1000-`"),
    ),
    security(("token" = ["exports"]), ()),
    responses(
        (status = 200, description = "The file, a ZIP", content_type = "application/zip"),
        (status = 206, description = "The part that was asked for", content_type = "application/zip"),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
        (status = 404, description = "No such file, or the link does not hold", body = ProblemDocument),
        (status = 409, description = "The export is not done", body = ProblemDocument),
        (status = 416, description = "The file does not have these bytes", body = ProblemDocument),
    )
)]
pub(crate) async fn get_export_file(
    State(app): State<Arc<App>>,
    Path((id, format)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let pairs = decoded(request.uri().query())?;
    let format = Format::from_name(&format).ok_or_else(|| missing(&id));
    if pairs.is_empty() {
        let caller = app.auth.exports_caller(&Asker::of(request.extensions())).await?;
        let order = find(&app, &caller, &id).await?;
        return file(&app, &caller, (&order, format?), request.headers()).await;
    }
    let followed = match link(&id, format?, &pairs) {
        Some((link, signature)) => orders::follow(&app, &link, signature).await?.map(|found| (link, found)),
        None => None,
    };
    let gone = || Problem::new(Kind::NotFound, "the link has expired, or it never was one");
    let (link, (order, caller)) = followed.ok_or_else(gone)?;
    file(&app, &caller, (&order, link.format), request.headers()).await
}

fn link<'a>(id: &str, format: Format, pairs: &'a [(String, String)]) -> Option<(Link, &'a str)> {
    let one = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let (credential, expires_ms) = (Uuid::try_parse(one("credential")?).ok()?, one("expires")?.parse().ok()?);
    Some((Link { export: Uuid::try_parse(id).ok()?, format, credential, expires_ms }, one("signature")?))
}

async fn read(app: &App, caller: &Caller, headers: &HeaderMap, body: Body) -> Result<(String, Asked), Problem> {
    let whole = body::read(app, headers, body).await?;
    if whole.bytes.len() > EXPORT_BODY_BYTES_MAX {
        let detail = format!("the body has {} bytes, more than {EXPORT_BODY_BYTES_MAX}", whole.bytes.len());
        return Err(Problem::new(Kind::BodyTooLarge, detail));
    }
    let wrong = |reason: String| Problem::new(Kind::InvalidBody, reason);
    let ExportIn { name, formats, filter } =
        serde_json::from_slice(&whole.bytes).map_err(|e| wrong(format!("the body is no export: {e}")))?;
    check_name(&name).map_err(wrong)?;
    if formats.is_empty() {
        return Err(wrong("formats must name at least one".to_owned()));
    }
    let mut named = Vec::with_capacity(formats.len());
    for format in &formats {
        let all = || Format::ALL.map(Format::name).join(", ");
        let found = Format::from_name(format).map(FormatName);
        let found = found.ok_or_else(|| wrong(format!("formats has {format:?}, which is none of {}", all())))?;
        if named.contains(&found) {
            return Err(wrong(format!("formats has {format:?} twice")));
        }
        named.push(found);
    }
    if let Some(name) = filter.keys().find(|name| OF_PAGES.contains(&name.as_str())) {
        return Err(wrong(format!("filter has {name:?}, which is of pages")));
    }
    let sight = caller.exports_sight();
    let asked = Asked { formats: named, filter, sight, is_of_dialect: false };
    asked.query().map_err(|e| wrong(format!("filter: {}", Problem::from(e).detail())))?;
    Ok((name, asked))
}

/// Refuses names that nobody could read in a list.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > EXPORT_NAME_CHARS_MAX {
        return Err(format!("name must have 1 to {EXPORT_NAME_CHARS_MAX} characters, not {length}"));
    }
    if name.chars().any(char::is_control) {
        return Err("name must have no control characters".to_owned());
    }
    Ok(())
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Order, Problem> {
    orders::find(app, caller, uuid_of(id)?).await?.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Problem {
    Problem::new(Kind::NotFound, format!("there is no export {id}, or it has no such file"))
}

/// A file, or the part of it that is asked for.
async fn file(
    app: &App,
    caller: &Caller,
    (order, format): (&Order, Format),
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let id = order.row.id;
    if !order.request.formats.contains(&FormatName(format)) || order.state == orders::State::Expired {
        return Err(missing(&id.to_string()));
    }
    if order.done.is_none() {
        return Err(Problem::new(Kind::NotReady, format!("the export is {}", order.state.name())));
    }
    let file = orders::fetch(app, caller, order, format).await?;
    let size = file.size_bytes();
    let range = export::range::of(headers, size)?;
    let (start, end) = range.unwrap_or((0, size));
    let mut response = Body::new(FileBody::new(file, start, end - start)).into_response();
    *response.status_mut() = if range.is_some() { status::PART } else { status::FOUND };
    let texts = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, (end - start).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, format!("\"{id}-{}\"", format.name())),
        (header::CONTENT_DISPOSITION, export::range::attachment(&order.row.name, format)),
    ];
    let part = range.map(|_| (header::CONTENT_RANGE, format!("bytes {start}-{}/{size}", end.saturating_sub(1))));
    for (name, text) in texts.into_iter().chain(part) {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn answer(status: axum::http::StatusCode, out: &impl Serialize) -> Response {
    json(status, serde_json::to_vec(out).unwrap_or_default())
}

impl ExportOut {
    fn of(app: &App, caller: &Caller, order: &Order) -> Self {
        let time = |ms: i64| Timestamp::from_millis(ms).to_string();
        let Order { row, request, state, percent, done } = order;
        let file = |file: &FileDone| {
            let format = file.format.0;
            let url = orders::link(app, caller, order, format)?;
            Some(ExportFile { format: format.name(), bytes: file.bytes, url })
        };
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            state: state.name(),
            percent: *percent,
            reason: (*state == orders::State::Failed).then(|| row.result.clone()),
            filter: request.filter.clone(),
            formats: request.formats.iter().map(|format| format.0.name()).collect(),
            created_by: app.auth.name_of(row.credential),
            created_at: time(row.created_ms),
            finished_at: row.finished_ms.map(time),
            expires_at: row.expires_ms.map(time),
            events: done.as_ref().map(|done| done.events),
            files: done.iter().flat_map(|done| done.files.iter().filter_map(file)).collect(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::ManyOpen(open) => {
                Problem::new(Kind::TooMany, format!("{open} exports wait or are being made; order more when they are"))
            }
            Refused::Many(all) => Problem::new(Kind::TooMany, format!("{all} exports are listed; delete some of them")),
            Refused::Store(error) => error.into(),
        }
    }
}
