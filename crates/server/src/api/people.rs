//! What the paths about members, groups, roles, invitations, tokens, sessions, rules, settings and views have in
//! common.
//!
//! Who changes something is let do it if they have the permission, and if nobody gets more by it than they have
//! themselves. It is recorded before it is done; afterwards this server knows of it at once.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trailbook_event::limits::MEMBERS_BODY_BYTES_MAX;
use trailbook_event::{Outcome, Timestamp, Uuid};
use trailbook_store::credential::{Credentials, Permission};
use trailbook_store::members::{Group, Member, Role, handle_of};

use super::events::{json, refuse_parameters};
use super::problem::{Kind, Problem};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::auth::rights::Rights;
use crate::ingest::body;
use crate::own::{self, Deed};
use crate::status;

/// Reads a body of JSON that has no members but those that it may have.
pub(crate) async fn read<T: DeserializeOwned>(app: &App, headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let whole = body::read_up_to(MEMBERS_BODY_BYTES_MAX, app, headers, body).await?;
    serde_json::from_slice(&whole.bytes).map_err(|e| Problem::new(Kind::InvalidBody, format!("the body: {e}")))
}

/// The same of a whole request.
pub(crate) async fn read_request<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    read(app, &parts.headers, body).await
}

/// Refuses to give, or to take from somebody, what the caller does not have.
pub(crate) fn refuse_beyond(caller: &Caller, rights: &Rights) -> Result<(), Problem> {
    let Some(permission) = caller.rights().first_beyond(rights) else { return Ok(()) };
    let reason = match caller.has(permission) {
        true => format!("you have {} for fewer events than that", permission.name()),
        false => format!("you do not have {} yourself", permission.name()),
    };
    if let Some(asker) = caller.asker() {
        asker.deny(caller, &reason);
    }
    Err(Problem::new(Kind::NotAllowed, format!("nobody grants, changes or takes away what they lack: {reason}")))
}

/// Records what is about to be done.
pub(crate) async fn record(app: &App, deed: Deed<'_>) -> Result<(), Problem> {
    own::record(app, deed).await.map_err(Problem::from)
}

/// Records what is about to be done, does it, and lets this server know of it at once.
///
/// What then fails, as somebody else was faster or the last admin would be gone, is recorded as failed.
pub(crate) async fn act<T>(
    app: &App,
    deed: Deed<'_>,
    effect: impl Future<Output = Result<T, trailbook_store::Error>>,
) -> Result<T, Problem> {
    let done = attempt(app, deed, effect).await?;
    changed(app).await?;
    Ok(done)
}

/// The same for what is in no memory of servers, such as invitations and sessions.
pub(crate) async fn attempt<T>(
    app: &App,
    deed: Deed<'_>,
    effect: impl Future<Output = Result<T, trailbook_store::Error>>,
) -> Result<T, Problem> {
    let message = format!("It did not come to pass: {}", deed.message);
    let undone = Deed::by(deed.by, deed.action, deed.action_type, message).to(deed.targets.clone());
    record(app, deed).await?;
    match effect.await {
        Ok(done) => Ok(done),
        Err(error) => {
            record(app, undone.ended(Outcome::Failed, error.to_string())).await?;
            Err(error.into())
        }
    }
}

/// The caller of a path without parameters in its URL that shows members, groups, roles or invitations.
pub(crate) fn reader<'a>(app: &'a App, request: &Request) -> impl Future<Output = Result<Caller, Problem>> + use<'a> {
    caller(app, request, Permission::MembersRead)
}

/// The caller of one that changes them.
pub(crate) fn writer<'a>(app: &'a App, request: &Request) -> impl Future<Output = Result<Caller, Problem>> + use<'a> {
    caller(app, request, Permission::MembersWrite)
}

/// The caller of a path without parameters in its URL that needs a permission.
///
/// No async fn: a request cannot be looked at while something is waited for.
pub(crate) fn caller<'a>(
    app: &'a App,
    request: &Request,
    permission: Permission,
) -> impl Future<Output = Result<Caller, Problem>> + use<'a> {
    let (asker, has_none) = (Asker::of(request.extensions()), refuse_parameters(request));
    async move {
        let caller = app.auth.caller_with(&asker, permission).await?;
        has_none?;
        Ok(caller)
    }
}

/// The role of a handle in the caller's organization.
pub(crate) fn role_of(current: &Credentials, caller: &Caller, handle: &str) -> Result<Arc<Role>, Problem> {
    let found = current.directory().role(caller.organization(), handle).map(Arc::clone);
    found.ok_or_else(|| Problem::new(Kind::NotFound, format!("there is no role {handle:?}")))
}

/// The group of a handle in the caller's organization.
pub(crate) fn group_of(current: &Credentials, caller: &Caller, handle: &str) -> Result<Arc<Group>, Problem> {
    let found = current.directory().group(caller.organization(), handle).map(Arc::clone);
    found.ok_or_else(|| Problem::new(Kind::NotFound, format!("there is no group {handle:?}")))
}

/// The member of a UUID in the caller's organization.
pub(crate) fn member_of(current: &Credentials, caller: &Caller, id: &str) -> Result<Arc<Member>, Problem> {
    let uuid = Uuid::try_parse(id).map_err(|_| Problem::parameter("member", "must be a UUID"))?;
    let found = current.directory().member_of(caller.organization(), uuid).map(Arc::clone);
    found.ok_or_else(|| Problem::new(Kind::NotFound, format!("there is no member {id}")))
}

/// The handle that was given, or one that is made from the name.
pub(crate) fn handle_or_made(given: Option<String>, name: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(Kind::InvalidBody, "the name has no letter or digit of ASCII; give a handle too");
    given.or_else(|| handle_of(name)).ok_or_else(wrong)
}

/// An answer to what was done and leaves nothing to show.
pub(crate) fn done() -> Response {
    status::DONE.into_response()
}

/// Lets this server know of a change at once; others find it within a second.
pub(crate) async fn changed(app: &App) -> Result<(), Problem> {
    app.auth.refresh().await.map_err(Problem::from)
}

/// An answer with something that was made.
pub(crate) fn made(out: &impl Serialize) -> Response {
    json(status::RECORDED, serde_json::to_vec(out).unwrap_or_default())
}

/// An answer with something that is there.
pub(crate) fn found(out: &impl Serialize) -> Response {
    json(status::FOUND, serde_json::to_vec(out).unwrap_or_default())
}

/// A time as the API writes it.
pub(crate) fn time(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string()
}
