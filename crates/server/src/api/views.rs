//! `/api/v1/views`: saved views of the console, a member's own or shared with the organization.
//!
//! A view is seen by its owner, or by everybody who may read events where it is shared. What is shared is everybody's:
//! whoever may share changes it and takes it back, and each of that is on record.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::json;
use trailbook_store::credential::{Credentials, Permission};
use trailbook_store::members::Member;
use trailbook_store::views::{NewView, View};
use utoipa::ToSchema;

use super::events::uuid_of;
use super::people::{attempt, caller, done, found, made, read_request, time};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::auth::{Caller, require};
use crate::own::{Deed, target, text};

/// A view as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewIn {
    /// What people call it, 1 to 128 characters.
    #[schema(example = "Failed deployments")]
    name: String,
    /// The query string of the console's page, without its question mark, at most 8 KiB.
    #[schema(example = "outcome=failed&action=deploy.*")]
    query: String,
    /// Whether the whole organization sees it, which needs views.write.
    #[serde(default)]
    is_shared: bool,
}

/// What is to be changed of a view; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewChangeIn {
    /// What people call it.
    name: Option<String>,
    /// The query string of the console's page.
    query: Option<String>,
    /// Whether the whole organization sees it.
    is_shared: Option<bool>,
}

/// A saved view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewOut {
    /// Its id, a UUID.
    id: String,
    /// What people call it.
    name: String,
    /// The query string of the console's page, without its question mark.
    query: String,
    /// Whether the whole organization sees it.
    is_shared: bool,
    /// Whether it is the caller's own.
    is_own: bool,
    /// The name of the member whose it is.
    owner: String,
    /// When it was made.
    created_at: String,
}

/// Saved views.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewList {
    /// The views, by their names.
    data: Vec<ViewOut>,
    /// How many there are.
    total: u64,
}

/// Lists one's own views, and those that are shared with the organization.
#[utoipa::path(
    get, path = "/api/v1/views", tag = "settings", operation_id = "list_views",
    security(("token" = ["events.read"])),
    responses(
        (status = 200, description = "The views", body = ViewList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_views(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::EventsRead).await?;
    let views = seen(&app, &caller).await?;
    let current = app.auth.current();
    let data: Vec<_> = views.iter().map(|view| ViewOut::of(&current, &caller, view)).collect();
    Ok(found(&ViewList { total: data.len() as u64, data }))
}

/// Saves a view of one's own.
///
/// It is its member's, so a token of the organization cannot make one.
#[utoipa::path(
    post, path = "/api/v1/views", tag = "settings", operation_id = "create_view",
    request_body = ViewIn,
    security(("token" = ["events.read"])),
    responses(
        (status = 201, description = "The view", body = ViewOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.read, is no member's, or lacks views.write to share",
            body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "The member, or the organization, has as many views as may be",
            body = ProblemDocument),
    )
)]
pub(crate) async fn create_view(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::EventsRead).await?;
    let ViewIn { name, query, is_shared } = read_request(&app, request).await?;
    let member = owner(&caller)?;
    let (id, created_ms) = (trailbook_store::new_uuid()?, app.clock.now_ms());
    let view = View { id, member: member.id, view: NewView { name, query, is_shared }, created_ms };
    view.view.check()?;
    let effect = app.store.catalog().create_view(caller.organization(), &view);
    change(&app, (&caller, &view), (None, Some(&view.view)), effect).await?;
    Ok(made(&ViewOut::of(&app.auth.current(), &caller, &view)))
}

/// Changes a view: one's own, or one that is shared.
///
/// A view that is shared before or after needs views.write. One that is taken back is its owner's alone again.
#[utoipa::path(
    patch, path = "/api/v1/views/{id}", tag = "settings", operation_id = "change_view",
    params(("id" = String, Path, description = "The view's id, a UUID")),
    request_body = ViewChangeIn,
    security(("token" = ["events.read"])),
    responses(
        (status = 200, description = "The view", body = ViewOut),
        (status = 400, description = "The body is malformed, or the id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.read, or views.write for a view that is shared",
            body = ProblemDocument),
        (status = 404, description = "There is no such view, or it is somebody else's", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "The organization has as many shared views as may be", body = ProblemDocument),
    )
)]
pub(crate) async fn change_view(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::EventsRead).await?;
    let before = one(&app, &caller, &id).await?;
    let ViewChangeIn { name, query, is_shared } = read_request(&app, request).await?;
    let new = NewView {
        name: name.unwrap_or_else(|| before.view.name.clone()),
        query: query.unwrap_or_else(|| before.view.query.clone()),
        is_shared: is_shared.unwrap_or(before.view.is_shared),
    };
    new.check()?;
    let effect = app.store.catalog().change_view(caller.organization(), &before, &new);
    change(&app, (&caller, &before), (Some(&before.view), Some(&new)), effect).await?;
    Ok(found(&ViewOut::of(&app.auth.current(), &caller, &View { view: new, ..before })))
}

/// Removes a view: one's own, or with views.write one that is shared.
#[utoipa::path(
    delete, path = "/api/v1/views/{id}", tag = "settings", operation_id = "delete_view",
    params(("id" = String, Path, description = "The view's id, a UUID")),
    security(("token" = ["events.read"])),
    responses(
        (status = 204, description = "The view is not there any more"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.read, or views.write for a view that is shared",
            body = ProblemDocument),
        (status = 404, description = "There is no such view, or it is somebody else's", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_view(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::EventsRead).await?;
    let view = one(&app, &caller, &id).await?;
    let effect = app.store.catalog().remove_view(caller.organization(), &view);
    change(&app, (&caller, &view), (Some(&view.view), None), effect).await?;
    Ok(done())
}

/// Changes a view, and has it on record first where it is shared, before or after: that concerns others.
async fn change(
    app: &App,
    (caller, view): (&Caller, &View),
    (before, after): (Option<&NewView>, Option<&NewView>),
    effect: impl Future<Output = Result<(), trailbook_store::Error>>,
) -> Result<(), Problem> {
    let is_shared = |view: Option<&NewView>| view.is_some_and(|view| view.is_shared);
    let (action, action_type, what) = match (is_shared(before), is_shared(after)) {
        (false, false) => return Ok(effect.await?),
        (false, true) => ("view.shared", "update", "was shared"),
        (true, true) => ("view.updated", "update", "was changed"),
        (true, false) if after.is_some() => ("view.unshared", "update", "is not shared any more"),
        (true, false) => ("view.deleted", "delete", "was removed"),
    };
    require(caller, Permission::ViewsWrite)?;
    let name = &after.or(before).unwrap_or(&view.view).name;
    let deed = Deed::of(caller, action, action_type, format!("The view {name} {what}"))
        .to(vec![target("view", view.id, Some(name))])
        .changing(before.map(shown), after.map(shown));
    attempt(app, deed, effect).await
}

/// The views that a caller sees.
async fn seen(app: &App, caller: &Caller) -> Result<Vec<View>, Problem> {
    let member = caller.member().map(|member| member.id);
    Ok(app.store.catalog().views(caller.organization(), member).await?)
}

/// The view of an id, among those that the caller sees.
async fn one(app: &App, caller: &Caller, id: &str) -> Result<View, Problem> {
    let id = uuid_of(id)?;
    let found = seen(app, caller).await?.into_iter().find(|view| view.id == id);
    found.ok_or_else(|| Problem::new(Kind::NotFound, format!("there is no view {id}")))
}

/// The member whose a new view is.
fn owner(caller: &Caller) -> Result<&Arc<Member>, Problem> {
    let reason = "a view is a member's; a token of the organization has none";
    caller.member().ok_or_else(|| Problem::new(Kind::NotAllowed, reason))
}

/// A view in an event.
fn shown(view: &NewView) -> json::Value<'_> {
    json::Value::Object(vec![
        ("name".into(), text(&view.name)),
        ("query".into(), text(&view.query)),
        ("is_shared".into(), json::Value::Bool(view.is_shared)),
    ])
}

impl ViewOut {
    fn of(current: &Credentials, caller: &Caller, view: &View) -> Self {
        let owner = current.directory().member(view.member);
        Self {
            id: view.id.to_string(),
            name: view.view.name.clone(),
            query: view.view.query.clone(),
            is_shared: view.view.is_shared,
            is_own: caller.member().is_some_and(|member| member.id == view.member),
            owner: owner.map(|member| member.name.clone()).unwrap_or_default(),
            created_at: time(view.created_ms),
        }
    }
}
