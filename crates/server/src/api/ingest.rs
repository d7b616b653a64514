//! `/api/v1/ingest`: events in the form of another system, sent by whoever has a token, or by the system itself.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::Response;
use ring::digest::{SHA256, digest};
use trailbook_event::normalise::Form;
use trailbook_store::KeyHash;
use trailbook_store::credential::Permission;

use super::events::{Asked, record, write};
use super::problem::{Kind, Problem, ProblemDocument};
use super::schema::WriteAnswer;
use crate::app::App;
use crate::asker::Asker;
use crate::ingest::body;

const FROM: &str = "Whose records they are: `backstage`, `port`, `spectra` or `wso2`";

/// Records events of another system.
///
/// The body is as that of `/api/v1/events`, with records in the form of the system that the path names; for `port` and
/// `wso2` also an answer of its own API, with the records in a list. docs/dialects.md says what becomes of each member.
#[utoipa::path(
    post, path = "/api/v1/ingest/{from}", tag = "events", operation_id = "ingest_events",
    params(
        ("from" = String, Path, description = FROM),
        ("initiated" = Option<String>, Query, description = "`keep` records events of outcome `initiated` too"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "A repetition with the same key and body is answered as the first was, and recorded once"),
    ),
    request_body(content((serde_json::Value = "application/json"), (String = "application/x-ndjson"))),
    security(("token" = ["events.write"])),
    responses(
        (status = 201, description = "The events are durable", body = WriteAnswer),
        (status = 400, description = "Events, or the body, are invalid; nothing was recorded", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.write", body = ProblemDocument),
        (status = 404, description = "Trailbook reads no records of this name", body = ProblemDocument),
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
pub(crate) async fn ingest_events(
    State(app): State<Arc<App>>,
    from: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let caller = app.auth.caller_with(&Asker::of(&parts.extensions), Permission::EventsWrite).await?;
    let name = from.map(|Path(name)| name).unwrap_or_default();
    let form = Form::from_name(&name).ok_or_else(|| unknown(&name))?;
    let asked = Asked::of(&parts, form)?;
    write(&app, &caller, (&parts.headers, body), asked).await
}

fn unknown(name: &str) -> Problem {
    let known: Vec<&str> = Form::FOREIGN.iter().map(|form| form.name()).collect();
    Problem::new(Kind::NotFound, format!("records of {name:?} are not read here; there are {}", known.join(", ")))
}

/// Records what Port sends to a webhook.
///
/// For a change log destination of Port: the URL's last part is the secret of an entry of `webhooks` in the
/// configuration, and Port signs the body (`x-port-signature`, `x-port-timestamp`). There is no token. What Port sends
/// again is recorded once.
#[utoipa::path(
    post, path = "/api/v1/ingest/port/{secret}", tag = "events", operation_id = "ingest_port_webhook",
    params(
        ("secret" = String, Path, description = "The secret of the webhook"),
        ("x-port-signature" = String, Header,
            description = "`v1,` and the Base64 HMAC-SHA-256 of the timestamp, a dot and the body"),
        ("x-port-timestamp" = String, Header, description = "Seconds since 1970, within 5 minutes of our clock"),
    ),
    request_body(content((serde_json::Value = "application/json"))),
    responses(
        (status = 201, description = "The events are durable", body = WriteAnswer),
        (status = 400, description = "Events, or the body, are invalid; nothing was recorded", body = ProblemDocument),
        (status = 401, description = "The signature or its time is wrong", body = ProblemDocument),
        (status = 404, description = "There is no such webhook", body = ProblemDocument),
        (status = 408, description = "The body did not arrive in time", body = ProblemDocument),
        (status = 409, description = "The same is still in work", body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 414, description = "The URL is too long", body = ProblemDocument),
        (status = 415, description = "The body is encoded", body = ProblemDocument),
        (status = 422, description = "An event's id was used with other content", body = ProblemDocument),
        (status = 500, description = "The server failed", body = ProblemDocument),
        (status = 503, description = "The server cannot take it now; try again", body = ProblemDocument),
        (status = 507, description = "The disk is full or nearly so; try again later", body = ProblemDocument),
    )
)]
pub(crate) async fn ingest_port_webhook(
    State(app): State<Arc<App>>,
    secret: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let secret = secret.map(|Path(secret)| secret).unwrap_or_default();
    let webhook = app.webhooks.find(&secret).ok_or_else(|| Problem::nothing_at(parts.uri.path()))?;
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(Kind::UnsupportedEncoding, "the body of a webhook is signed as it is, not encoded"));
    }
    let caller = app.auth.caller_of(&Asker::of(&parts.extensions), webhook.token(), Permission::EventsWrite).await?;
    let whole = body::read(&app, &parts.headers, body).await?;
    webhook.check(&parts.headers, &whole.bytes, app.clock.now_ms())?;
    // Port sends again what it got no answer to, maybe with another time and thus another signature.
    let key = KeyHash::of(digest(&SHA256, &whole.bytes).as_ref());
    let asked = Asked { key: Some(key), keep_initiated: false, form: webhook.form() };
    record(&app, &caller, (whole, false), asked).await
}
