//! Logs: their checkpoints and tiles as C2SP has them, and proofs.
//!
//! `/log/{log id}/` is the prefix of c2sp.org/tlog-tiles: `checkpoint`, `tile/…`, `tile/entries/…`, and `vkey` beside
//! them. Who may not read a log is answered as if it did not exist.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use trailbook_event::Timestamp;
use trailbook_event::limits::PROOF_SECONDS_MAX;
use trailbook_event::seal::SALT_BYTES;
use trailbook_query::Found;
use trailbook_store::credential::Permission;
use trailbook_store::{Log, Published};
use trailbook_tlog::tile::Tile;
use trailbook_tlog::{Checkpoint, Hash, ProofFile, proof_file};
use utoipa::ToSchema;

use super::events::{decoded, find, id_of, json};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::search::has_hidden;
use crate::status;

/// What a proof's format is called.
const PROOF_FORMAT: &str = "trailbook/proof/v1";
/// The first byte of a proof file's extra line: a time and a salt follow.
const OPENING_VERSION: u8 = 1;

/// One of an organization's logs.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogOut {
    /// Its public name, 32 hex digits.
    id: String,
    /// Where its checkpoint and tiles are.
    #[schema(example = "/log/7d3c9a5e0f1b4c2d8e6f7a8b9c0d1e2f/")]
    path: String,
    /// The name in its checkpoints.
    origin: String,
    /// The key that its checkpoints are signed with.
    vkey: String,
    /// The key that says when a checkpoint was the last.
    clock_vkey: String,
    /// `open`, or `frozen`: it grows no more.
    state: &'static str,
    /// Whether anybody may read it.
    is_public: bool,
    /// Entries under the checkpoint.
    size: u64,
    /// The root over them, base64.
    root: String,
    /// When the checkpoint was signed last.
    signed_at: String,
    /// When the log was made.
    created_at: String,
    /// Since when it is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen_at: Option<String>,
    /// A checkpoint that was published and that the log cannot reach any more: it has lost entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_checkpoint: Option<String>,
    /// What each witness has cosigned.
    witnesses: Vec<WitnessOut>,
}

/// How far a witness has followed a log.
#[derive(Serialize, ToSchema)]
pub(crate) struct WitnessOut {
    /// The key of its cosignatures.
    vkey: String,
    /// The size of the last checkpoint that it cosigned.
    size: u64,
    /// Entries that it has not seen yet.
    behind: u64,
    /// When it cosigned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// Why it did not cosign a later one.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// An organization's logs.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogList {
    /// The oldest first; the last one is open.
    data: Vec<LogOut>,
}

/// Lists the organization's logs.
#[utoipa::path(
    get, path = "/api/v1/logs", tag = "logs", operation_id = "list_logs",
    security(("token" = ["log.read"])),
    responses(
        (status = 200, description = "The logs, the oldest first", body = LogList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks log.read", body = ProblemDocument),
        (status = 503, description = "The server cannot answer now; try again", body = ProblemDocument),
    )
)]
pub(crate) async fn list_logs(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::LogRead).await?;
    let logs = app.store.logs(caller.organization()).await?;
    let list = LogList { data: logs.iter().map(|log| log_out(&app, log)).collect() };
    Ok(json(status::FOUND, serde_json::to_vec(&list).unwrap_or_default()))
}

fn log_out(app: &App, log: &Log) -> LogOut {
    let published = log.published();
    let Checkpoint { size, root, .. } = published.checkpoint;
    let seconds = |seconds: u64| at(i64::try_from(seconds).unwrap_or_default().saturating_mul(1000));
    let witnesses = app.witnesses.seen(log).into_iter().map(|(key, seen)| WitnessOut {
        vkey: key.to_string(),
        size: seen.size,
        behind: size.saturating_sub(seen.size),
        at: seen.time.map(seconds),
        problem: seen.problem,
    });
    LogOut {
        id: log.id(),
        path: format!("/log/{}/", log.id()),
        origin: log.origin().to_owned(),
        vkey: log.key().to_string(),
        clock_vkey: log.clock_key().to_string(),
        state: if log.frozen_ms().is_some() { "frozen" } else { "open" },
        is_public: log.is_public(),
        size,
        root: root.to_string(),
        signed_at: seconds(published.time),
        created_at: at(log.created_ms()),
        frozen_at: log.frozen_ms().map(at),
        lost_checkpoint: log.lost().map(str::to_owned),
        witnesses: witnesses.collect(),
    }
}

fn at(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string()
}

/// That an event is in its log, for whoever has neither this server nor its word.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProofOut {
    /// `trailbook/proof/v1`
    format: &'static str,
    /// Whose event it is.
    organization: String,
    /// The log that it is in.
    log: String,
    /// The key of that log.
    vkey: String,
    /// The event's number in it.
    sequence: u64,
    /// When it was recorded, in milliseconds since 1970.
    recorded_ms: i64,
    /// What hides the event in its entry, base64.
    salt: String,
    /// The canonical event, as the text that is hashed.
    event: String,
    /// A proof file of C2SP: the inclusion proof and the signed checkpoint.
    proof: String,
}

/// Gives the proof that an event is in its log, unchanged.
///
/// It waits until the event is under a published checkpoint, which takes less than a second after it was recorded.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/proof", tag = "logs", operation_id = "get_event_proof",
    params(
        ("id" = String, Path, description = "The event's id, a UUID"),
        ("format" = Option<String>, Query, description = "`json` (default), or `tlog-proof` for the proof file alone"),
    ),
    security(("token" = ["events.read"])),
    responses(
        (status = 200, description = "The proof", content((ProofOut = "application/json"), (String = "text/plain"))),
        (status = 400, description = "The id is not a UUID, or a parameter is unknown", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "No events.read, or fields of events are hidden", body = ProblemDocument),
        (status = 404, description = "The organization has no such event", body = ProblemDocument),
        (status = 500, description = "A file that the answer needs is damaged", body = ProblemDocument),
        (status = 503, description = "The checkpoint is not there yet; try again", body = ProblemDocument),
    )
)]
pub(crate) async fn get_event_proof(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::EventsRead).await?;
    let mut is_file = false;
    for (name, value) in decoded(request.uri().query())? {
        is_file = match (name.as_str(), value.as_str()) {
            ("format", "json") => false,
            ("format", proof_file::FILE_ENDING) => true,
            ("format", _) => return Err(Problem::parameter("format", "must be json or tlog-proof")),
            _ => return Err(Problem::parameter(&name, "is not a parameter of this path")),
        };
    }
    let id = id_of(id)?;
    if has_hidden(&caller) {
        let reason = "your roles hide fields of events, and a proof opens an event as a whole: salt and content";
        caller.asker().inspect(|asker| asker.deny(&caller, reason));
        return Err(Problem::new(Kind::NotAllowed, reason));
    }
    let found = find(&app, &caller, id).await?;
    let log = app.store.log_of(found.log).ok_or_else(|| Problem::new(Kind::Internal, "the log is not known"))?;
    let file = proof_of(&app, &log, &found).await?;
    if is_file {
        let name = format!("attachment; filename=\"{id}.{}\"", proof_file::FILE_ENDING);
        let headers = [(header::CONTENT_TYPE, TEXT.to_owned()), (header::CONTENT_DISPOSITION, name)];
        return Ok((status::FOUND, headers, file.to_string()).into_response());
    }
    let out = ProofOut {
        format: PROOF_FORMAT,
        organization: caller.organization().name().to_owned(),
        log: log.id(),
        vkey: log.key().to_string(),
        sequence: found.sequence,
        recorded_ms: found.recorded_ms,
        salt: STANDARD.encode(found.salt),
        event: String::from_utf8_lossy(&found.canonical).into_owned(),
        proof: file.to_string(),
    };
    Ok(json(status::FOUND, serde_json::to_vec(&out).unwrap_or_default()))
}

/// The proof file of an event, once it is under a published checkpoint.
async fn proof_of(app: &App, log: &Log, found: &Found) -> Result<ProofFile, Problem> {
    let published = published_from(log, found.sequence + 1).await?;
    let proof = app.store.inclusion(log, found.sequence, &published).await.map_err(|e| damaged(app, e))?;
    let proof = proof.ok_or_else(|| Problem::new(Kind::Internal, "the event is under no checkpoint"))?;
    let extra = Some(opening(found.recorded_ms, &found.salt));
    Ok(ProofFile { extra, index: proof.index, hashes: proof.hashes, checkpoint: proof.checkpoint })
}

/// What opens an entry: its time and salt.
fn opening(recorded_ms: i64, salt: &[u8; SALT_BYTES]) -> Vec<u8> {
    let mut opening = vec![OPENING_VERSION];
    opening.extend_from_slice(&u64::try_from(recorded_ms).unwrap_or_default().to_be_bytes());
    opening.extend_from_slice(salt);
    opening
}

/// The published checkpoint of a log, once it has this size.
pub(crate) async fn published_from(log: &Log, size: u64) -> Result<Arc<Published>, Problem> {
    let wait = Duration::from_secs(PROOF_SECONDS_MAX);
    let published = tokio::time::timeout(wait, log.published_from(size)).await;
    published.map_err(|_| Problem::new(Kind::Busy, "no checkpoint covers this yet; try again"))
}

/// The same error; damage is remembered, and named in the answer.
pub(crate) fn damaged(app: &App, error: trailbook_store::Error) -> Problem {
    if let trailbook_store::Error::Damaged { what, reason } = &error {
        app.store.note_damage(what, reason);
        return Problem::new(Kind::Damaged, error.to_string());
    }
    error.into()
}

/// That a log only grew between two sizes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsistencyOut {
    /// The log.
    log: String,
    /// The smaller size.
    from: u64,
    /// The larger size.
    to: u64,
    /// The proof of RFC 6962 section 2.1.2, base64.
    hashes: Vec<String>,
    /// The log's last checkpoint, a signed note.
    checkpoint: String,
}

/// Gives the proof that a log of one size begins with itself at a smaller one.
#[utoipa::path(
    get, path = "/api/v1/log/consistency", tag = "logs", operation_id = "get_consistency",
    params(
        ("from" = u64, Query, description = "The smaller size"),
        ("to" = Option<u64>, Query, description = "The larger one; by default the last checkpoint's"),
        ("log" = Option<String>, Query, description = "A log of the organization; by default the open one"),
    ),
    security(("token" = ["log.read"])),
    responses(
        (status = 200, description = "The proof", body = ConsistencyOut),
        (status = 400, description = "A size is beyond the checkpoint, or malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks log.read", body = ProblemDocument),
        (status = 404, description = "The organization has no such log", body = ProblemDocument),
        (status = 500, description = "A file that the answer needs is damaged", body = ProblemDocument),
    )
)]
pub(crate) async fn get_consistency(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::LogRead).await?;
    let (mut from, mut to, mut id) = (None, None, None);
    for (name, value) in decoded(request.uri().query())? {
        let number = || value.parse().map_err(|_| Problem::parameter(&name, "must be a size: a whole number"));
        match name.as_str() {
            "from" => from = Some(number()?),
            "to" => to = Some(number()?),
            "log" => id = Some(value),
            _ => return Err(Problem::parameter(&name, "is not a parameter of this path")),
        }
    }
    let from: u64 = from.ok_or_else(|| Problem::parameter("from", "must be given"))?;
    let logs = app.store.logs(caller.organization()).await?;
    let log = match &id {
        Some(id) => logs.iter().find(|log| log.id() == *id),
        None => logs.iter().find(|log| log.frozen_ms().is_none()),
    };
    let log = log.ok_or_else(|| Problem::new(Kind::NotFound, "the organization has no such log"))?;
    let published = log.published();
    let to = to.unwrap_or(published.checkpoint.size);
    let hashes = app.store.consistency(log, from, to).await.map_err(|e| damaged(&app, e))?;
    let Some(hashes) = hashes else {
        let reason = format!("must be at most `to`, and that at most {}", published.checkpoint.size);
        return Err(Problem::parameter("from", &reason));
    };
    let out = ConsistencyOut {
        log: log.id(),
        from,
        to,
        hashes: hashes.iter().map(Hash::to_string).collect(),
        checkpoint: published.note().to_string(),
    };
    Ok(json(status::FOUND, serde_json::to_vec(&out).unwrap_or_default()))
}

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// Gives a log's checkpoint, a tile, a bundle of entries, or its key.
///
/// As c2sp.org/tlog-tiles has it. A log that its organization does not publish needs a token of the organization;
/// without it the answer is that of a log that does not exist.
#[utoipa::path(
    get, path = "/log/{log}/{*resource}", tag = "logs", operation_id = "get_log_resource",
    params(
        ("log" = String, Path, description = "The log's id"),
        ("resource" = String, Path, description = "`checkpoint`, `vkey`, `tile/<level>/<index>[.p/<width>]` or \
            `tile/entries/<index>[.p/<width>]`"),
    ),
    security((), ("token" = ["log.read"])),
    responses(
        (status = 200, description = "The resource",
            content((String = "text/plain"), (Vec<u8> = "application/octet-stream"))),
        (status = 404, description = "There is no such log, or it has no such resource yet", body = ProblemDocument),
        (status = 500, description = "A file that the answer needs is damaged", body = ProblemDocument),
    )
)]
pub(crate) async fn get_log_resource(
    State(app): State<Arc<App>>,
    Path((id, resource)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let log = readable(&app, &id, &Asker::of(request.extensions())).await?;
    let missing = || Problem::new(Kind::NotFound, "the log has no such resource");
    let (kind, body, is_final) = match resource.as_str() {
        "checkpoint" => (TEXT, log.published().note().to_string().into_bytes(), false),
        "vkey" => (TEXT, format!("{}\n", log.key()).into_bytes(), false),
        path => {
            let tile = Tile::parse(path).ok_or_else(missing)?;
            let bytes = app.store.tile(&log, tile).await.map_err(|e| damaged(&app, e))?;
            (BYTES, bytes.ok_or_else(missing)?, true)
        }
    };
    // A tile never changes; a checkpoint is as good for a second.
    let whose = if log.is_public() { "public" } else { "private" };
    let age = if is_final { "max-age=31536000, immutable" } else { "max-age=1" };
    let mut response = (status::FOUND, [(header::CONTENT_TYPE, kind)], body).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("{whose}, {age}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    Ok(response)
}

/// A log that is public, or that the caller's token may read. All else is answered alike.
async fn readable(app: &App, id: &str, asker: &Arc<Asker>) -> Result<Arc<Log>, Problem> {
    let caller = app.auth.caller_with(asker, Permission::LogRead).await.ok();
    let log = app.store.log(id).filter(|log| {
        let is_own = caller.as_ref().is_some_and(|caller| log.is_of(caller.organization()));
        log.is_public() || is_own
    });
    log.ok_or_else(|| Problem::new(Kind::NotFound, "there is no such log, or it is not public and needs a token"))
}
