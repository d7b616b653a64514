//! `/api/v1/events`: write, search, read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use trailbook_event::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use trailbook_event::normalise::Form;
use trailbook_event::{Field, Timestamp, Uuid};
use trailbook_query::{Condition, Found, Page, Query, Start, params};
use trailbook_store::credential::Permission;
use trailbook_store::{Append, Appended, Error, Item, KeyHash, Organization, Remember};

use super::problem::{Kind, Problem, ProblemDocument};
use super::schema::{EventList, EventOut, EventsIn, WriteAnswer, WrittenOut};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::{Caller, Denial};
use crate::ingest::body::{self, Whole};
use crate::ingest::{Batch, Entry, Reading};
use crate::metrics::RuleLabel;
use crate::search::search;
use crate::{status, url};

/// How many events of the write are new: the others were recorded by an earlier one.
const RECORDED_HEADER: HeaderName = HeaderName::from_static("trailbook-recorded");
/// Where the events are in their log, and what was sealed of them.
const RECEIPT_HEADER: HeaderName = HeaderName::from_static("trailbook-receipt");
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Bodies above this are prepared away from the threads that serve requests.
const INLINE_BYTES_MAX: usize = 64 * 1024;

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated(reason) => Problem::new(Kind::Unauthenticated, reason),
            Denial::NotAllowed(reason) => Problem::new(Kind::NotAllowed, reason),
            Denial::TooOften(seconds) => Problem::too_often(seconds),
            Denial::Unavailable => Problem::new(Kind::Busy, "the catalog failed"),
        }
    }
}

/// Records events.
///
/// The body is one event, an array of events, or NDJSON, at most 5,000 events or 8 MiB, plain or with
/// `Content-Encoding: gzip` or `zstd`. Lines of a Backstage log are events too. A body is recorded whole or not at all;
/// the answer comes when it is durable and can be found.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events", operation_id = "create_events",
    params(
        ("initiated" = Option<String>, Query, description = "`keep` records events of outcome `initiated` too"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "A repetition with the same key and body is answered as the first was, and recorded once"),
    ),
    request_body(content((EventsIn = "application/json"), (String = "application/x-ndjson"))),
    security(("token" = ["events.write"])),
    responses(
        (status = 201, description = "The events are durable", body = WriteAnswer),
        (status = 400, description = "Events, or the body, are invalid; nothing was recorded", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.write", body = ProblemDocument),
        (status = 408, description = "The body did not arrive in time", body = ProblemDocument),
        (status = 409, description = "A write with this key is still in work", body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 414, description = "The URL is too long", body = ProblemDocument),
        (status = 415, description = "The encoding is not supported", body = ProblemDocument),
        (status = 422, description = "The key, or an event's id, was used with other content", body = ProblemDocument),
        (status = 500, description = "The server failed", body = ProblemDocument),
        (status = 503, description = "The server cannot take it now; try again", body = ProblemDocument),
        (status = 507, description = "The disk is full or nearly so; try again later", body = ProblemDocument),
    )
)]
pub(crate) async fn create_events(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let caller = app.auth.caller_with(&Asker::of(&parts.extensions), Permission::EventsWrite).await?;
    let asked = Asked::of(&parts, Form::Native)?;
    write(&app, &caller, (&parts.headers, body), asked).await
}

/// What a write asks for beside its events.
pub(super) struct Asked {
    /// The key by which a repetition is told.
    pub(super) key: Option<KeyHash>,
    /// Whether records of outcome `initiated` are kept.
    pub(super) keep_initiated: bool,
    /// Whose records they are.
    pub(super) form: Form,
}

impl Asked {
    /// What the parameters and headers of a request ask for.
    pub(super) fn of(parts: &Parts, form: Form) -> Result<Self, Problem> {
        let keep_initiated = keep_initiated(parts.uri.query())?;
        Ok(Self { key: idempotency_key(&parts.headers)?, keep_initiated, form })
    }
}

/// Reads a body and records its events.
pub(super) async fn write(
    app: &Arc<App>,
    caller: &Caller,
    (headers, body): (&HeaderMap, Body),
    asked: Asked,
) -> Result<Response, Problem> {
    let whole = body::read(app, headers, body).await?;
    let is_ndjson = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let value = value.to_str().unwrap_or_default();
        value.starts_with("application/x-ndjson") || value.starts_with("application/ndjson")
    });
    record(app, caller, (whole, is_ndjson), asked).await
}

/// Records the events of a body.
pub(super) async fn record(
    app: &Arc<App>,
    caller: &Caller,
    (whole, is_ndjson): (Whole<'_>, bool),
    Asked { key, keep_initiated, form }: Asked,
) -> Result<Response, Problem> {
    let reading = Reading { is_ndjson, keep_initiated, has_key: key.is_some(), form };
    let own = app.auth.current().rules(caller.organization());
    let batch = if whole.bytes.len() <= INLINE_BYTES_MAX {
        app.pipeline.prepare(&whole.bytes, reading, own.ready())?
    } else {
        let (app, bytes) = (Arc::clone(app), whole.bytes.clone());
        let work = move || app.pipeline.prepare(&bytes, reading, own.ready());
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Kind::Internal, "a write stopped"))??
    };
    let remember = key.map(|key| Remember {
        key,
        fingerprint: batch.fingerprint(),
        shape: serde_json::to_vec(&batch.entries).unwrap_or_default(),
    });
    drop(whole);
    append(app, caller, batch, remember).await
}

async fn append(app: &App, caller: &Caller, mut batch: Batch, remember: Option<Remember>) -> Result<Response, Problem> {
    let items = std::mem::take(&mut batch.items);
    let receipt = Receipt::of(&items);
    let appended = if items.is_empty() && remember.is_none() {
        Appended { sequences: Vec::new(), recorded: 0, replayed: None }
    } else {
        let (organization, credential) = (caller.organization().clone(), caller.credential());
        let append = Append { organization, credential, items, remember, uses_reserve: false };
        app.store.append(append).await.map_err(|error| of_body(error, &batch.entries))?
    };
    let entries = match &appended.replayed {
        Some(shape) => serde_json::from_slice(shape)
            .map_err(|_| Problem::new(Kind::Internal, "the first answer to this key cannot be read"))?,
        None => {
            count(app, caller.organization(), &batch, &appended);
            batch.entries
        }
    };
    let mut response = answer(entries, &appended);
    let log = app.store.open_log(caller.organization());
    // An organization may have been made a moment ago.
    let log = match log {
        Some(log) => Some(log),
        None => app.store.logs(caller.organization()).await.ok().and_then(|logs| logs.into_iter().next_back()),
    };
    if let Some(value) = log.and_then(|log| receipt.header(&log.id(), &appended)) {
        response.headers_mut().insert(RECEIPT_HEADER, value);
    }
    Ok(response)
}

/// What a client keeps of a write, to hold the server to it: the server cannot put other events in their place later.
struct Receipt(Context);

impl Receipt {
    fn of(items: &[Item]) -> Self {
        let mut context = Context::new(&SHA256);
        items.iter().for_each(|item| context.update(item.sealed.inner()));
        Self(context)
    }

    /// `log="…", first=…, last=…`, and the digest of what was sealed, unless some of it was recorded before.
    fn header(self, log: &str, appended: &Appended) -> Option<HeaderValue> {
        let (first, last) = (appended.sequences.iter().min()?, appended.sequences.iter().max()?);
        let mut text = format!("log=\"{log}\", first={first}, last={last}");
        if appended.recorded == appended.sequences.len() as u64 {
            text.push_str(&format!(", digest=:{}:", STANDARD.encode(self.0.finish())));
        }
        HeaderValue::from_str(&text).ok()
    }
}

/// The same error, its event counted among those of the body, of which some are not for the store.
fn of_body(mut error: Error, entries: &[Entry<'_>]) -> Error {
    if let Error::Reused { item: Some(item), .. } = &mut error {
        let recorded = entries.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Recorded { .. }));
        *item = recorded.map(|(index, _)| index).nth(*item).unwrap_or(*item);
    }
    error
}

/// Counts what became of the events of a write, and logs what rules kept out.
pub(crate) fn count(app: &App, organization: &Organization, batch: &Batch, appended: &Appended) {
    for rule in batch.log_excluded(organization.name()) {
        app.metrics.excluded.get_or_create(&RuleLabel { rule: rule.to_owned() }).inc();
    }
    let dropped = |what: &str| {
        let is = |entry: &&Entry<'_>| matches!(entry, Entry::Dropped { dropped } if dropped == what);
        batch.entries.iter().filter(is).count() as u64
    };
    app.metrics.count_events("recorded", appended.recorded);
    app.metrics.count_events("repeated", appended.sequences.len() as u64 - appended.recorded);
    app.metrics.count_events("dropped", dropped("initiated"));
    app.metrics.count_events("not_audit", dropped("not-audit"));
}

/// One entry for each event that was sent, in order.
fn answer(entries: Vec<Entry<'static>>, appended: &Appended) -> Response {
    let mut sequences = appended.sequences.iter();
    let written = |entry| match entry {
        Entry::Recorded { id } => {
            WrittenOut::Recorded { id: id.0, sequence: sequences.next().copied().unwrap_or_default() }
        }
        Entry::Excluded { excluded } => WrittenOut::Excluded { excluded: excluded.into_owned() },
        Entry::Dropped { dropped } => WrittenOut::Dropped { dropped: dropped.into_owned() },
    };
    let answer = WriteAnswer { events: entries.into_iter().map(written).collect() };
    let mut response = json(status::RECORDED, serde_json::to_vec(&answer).unwrap_or_default());
    response.headers_mut().insert(RECORDED_HEADER, HeaderValue::from(appended.recorded));
    response
}

fn keep_initiated(query: Option<&str>) -> Result<bool, Problem> {
    let mut keep = false;
    for (name, value) in decoded(query)? {
        match (name.as_str(), value.as_str()) {
            ("initiated", "keep") => keep = true,
            ("initiated", _) => return Err(Problem::parameter("initiated", "must be keep or absent")),
            _ => return Err(Problem::parameter(&name, "is not a parameter of this path")),
        }
    }
    Ok(keep)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<KeyHash>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = values.next() else { return Ok(None) };
    let length = key.as_bytes().len();
    if values.next().is_some() || length == 0 || length > IDEMPOTENCY_KEY_BYTES_MAX {
        let reason = format!("must be one header of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
        return Err(Problem::parameter("Idempotency-Key", &reason));
    }
    Ok(Some(KeyHash::of(key.as_bytes())))
}

const FIELD: &str = "Any field by its name, such as `actor.id=…`, `outcome=failed,denied`, `severity!=low`, \
                     `action=entity-*`, `error.name=*`, `meta.env=prod`; all conditions hold at once";

const TEXT: &str = "A search as one text, beside the other parameters: `actor:user:default/jane -severity:low \
                    outcome:failed,denied \"exact words\" word pre*`, up to 4,096 bytes";

/// Searches events.
///
/// Every field of the model is a parameter, see the table of fields. Times are RFC 3339.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "list_events",
    params(
        ("field" = Option<String>, Query, description = FIELD),
        ("q" = Option<String>, Query, description = TEXT),
        ("from" = Option<String>, Query, description = "The earliest `occurred_at`"),
        ("to" = Option<String>, Query, description = "`occurred_at` is before this"),
        ("recorded_from" = Option<String>, Query, description = "The earliest `recorded_at`"),
        ("recorded_to" = Option<String>, Query, description = "`recorded_at` is before this"),
        ("sequence_from" = Option<u64>, Query, description = "The least sequence"),
        ("sequence_to" = Option<u64>, Query, description = "The sequence is below this"),
        ("order" = Option<String>, Query, description = "`newest` (default), `oldest` or `sequence`"),
        ("limit" = Option<u64>, Query, description = "Events on a page, 1 to 1,000, by default 100"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("total" = Option<bool>, Query, description = "`false` leaves the total out"),
    ),
    security(("token" = ["events.read"])),
    responses(
        (status = 200, description = "A page of events, with the exact total", body = EventList),
        (status = 400, description = "A parameter is unknown or malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.read", body = ProblemDocument),
        (status = 414, description = "The URL is too long", body = ProblemDocument),
        (status = 500, description = "A file that the answer needs is damaged", body = ProblemDocument),
        (status = 503, description = "The query took too long, or a file could not be read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_events(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::EventsRead).await?;
    let query = params::parse(&decoded(request.uri().query())?)?;
    let answer = search(&app, &caller, query).await?;
    let organization = caller.organization().name();
    let mut out = Vec::with_capacity(1024 * answer.events.len() + 64);
    out.extend_from_slice(b"{\"data\":[");
    for (i, found) in answer.events.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_event(organization, found, &mut out);
    }
    out.push(b']');
    if let Some(total) = answer.total {
        out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
    }
    if let Some(next) = answer.next {
        out.extend_from_slice(format!(",\"next\":\"{}\"", next.encode()).as_bytes());
    }
    out.push(b'}');
    Ok(json(status::FOUND, out))
}

/// Reads one event.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", tag = "events", operation_id = "get_event",
    params(("id" = String, Path, description = "The event's id, a UUID")),
    security(("token" = ["events.read"])),
    responses(
        (status = 200, description = "The event", body = EventOut),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.read", body = ProblemDocument),
        (status = 404, description = "The organization has no such event", body = ProblemDocument),
        (status = 414, description = "The URL is too long", body = ProblemDocument),
        (status = 500, description = "A file that the answer needs is damaged", body = ProblemDocument),
        (status = 503, description = "The query took too long, or a file could not be read", body = ProblemDocument),
    )
)]
pub(crate) async fn get_event(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::EventsRead).await?;
    refuse_parameters(&request)?;
    let found = find(&app, &caller, id_of(id)?).await?;
    let mut out = Vec::new();
    write_event(caller.organization().name(), &found, &mut out);
    Ok(json(status::FOUND, out))
}

/// The id in a path.
pub(crate) fn id_of(id: Result<Path<String>, PathRejection>) -> Result<Uuid, Problem> {
    uuid_of(&id.map(|Path(id)| id).unwrap_or_default())
}

/// The same, as a text.
pub(crate) fn uuid_of(id: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(id).map_err(|_| Problem::parameter("id", "must be a UUID"))
}

/// For paths without parameters.
pub(crate) fn refuse_parameters(request: &Request) -> Result<(), Problem> {
    match decoded(request.uri().query())?.first() {
        Some((name, _)) => Err(Problem::parameter(name, "is not a parameter of this path")),
        None => Ok(()),
    }
}

/// The event of an id.
pub(crate) async fn find(app: &Arc<App>, caller: &Caller, id: Uuid) -> Result<Found, Problem> {
    let query = Query {
        conditions: vec![Condition::is(Field::Id, id.to_string())],
        page: Page { limit: 1, start: Start::Offset(0) },
        wants_total: false,
        ..Query::default()
    };
    let answer = search(app, caller, query).await?;
    answer.events.into_iter().next().ok_or_else(|| Problem::new(Kind::NotFound, format!("no event has the id {id}")))
}

/// The canonical event with what the server gave it, before its first key.
fn write_event(organization: &str, found: &Found, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"organization\":");
    trailbook_event::canonical::write_string(organization, out);
    let recorded_at = Timestamp::from_millis(found.recorded_ms);
    let own = format!(",\"sequence\":{},\"recorded_at\":\"{recorded_at}\",", found.sequence);
    out.extend_from_slice(own.as_bytes());
    out.extend_from_slice(found.canonical.get(1..).unwrap_or_default());
}

pub(crate) fn decoded(query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    url::pairs(query).map_err(|name| Problem::parameter(&name, "is not percent-encoded UTF-8"))
}

pub(crate) fn json(status: axum::http::StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
