//! `/api/v1/permissions` and `/api/v1/roles`: what can be granted, and the named sets of it that members hold.
//!
//! Nobody makes a role that grants more than they have, nor makes one out of such a role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::json;
use trailbook_store::credential::Permission;
use trailbook_store::members::{Directory, NewRole, Role};
use utoipa::ToSchema;

use super::people::{self, act, done, found, made, reader, refuse_beyond, role_of, writer};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::auth::Caller;
use crate::auth::rights::{Rights, RoleNarrowing};
use crate::own::{Deed, target, text, texts};

/// What can be granted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PermissionList {
    /// Permissions by what they are about.
    areas: Vec<AreaOut>,
}

/// Permissions that are about the same.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaOut {
    /// What they are about.
    #[schema(example = "LOG-MANAGEMENT")]
    area: &'static str,
    /// The permissions.
    permissions: Vec<PermissionOut>,
}

/// One thing that may be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PermissionOut {
    /// What roles and tokens call it.
    #[schema(example = "events.read")]
    name: &'static str,
    /// What it lets one do.
    #[schema(example = "View audit logs")]
    title: &'static str,
    /// Whether a role can narrow it to some events.
    can_be_narrowed: bool,
}

/// A role as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleIn {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "Audit Log Viewer")]
    name: String,
    /// What paths call it: letters, digits and hyphens; made from the name where absent. It cannot be changed.
    #[schema(example = "audit-log-viewer")]
    handle: Option<String>,
    /// What it is for, at most 1,000 characters.
    #[serde(default)]
    description: String,
    /// What it grants, at least one.
    #[schema(example = json!(["events.read", "exports"]))]
    permissions: Vec<String>,
    /// To which events and fields reading and exports are narrowed; absent for all.
    narrowing: Option<RoleNarrowingBody>,
}

/// To which events and fields a role is narrowed.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleNarrowingBody {
    /// Conditions, as the parameters of `GET /api/v1/events` that are fields: an event meets all of them.
    #[serde(default)]
    #[schema(example = json!({"context.project": "payments"}))]
    filter: BTreeMap<String, String>,
    /// Fields that are not seen.
    #[serde(default)]
    #[schema(example = json!(["actor.email"]))]
    without: BTreeSet<String>,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleOut {
    /// What people call it.
    name: String,
    /// What paths call it.
    handle: String,
    /// What it is for.
    description: String,
    /// What it grants.
    permissions: Vec<&'static str>,
    /// To which events and fields reading and exports are narrowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    narrowing: Option<RoleNarrowingBody>,
    /// Whether every organization has it, so that it cannot be changed.
    is_built_in: bool,
    /// Who holds it.
    holders: RoleHolders,
    /// When it was made.
    created_at: String,
}

/// Who holds a role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleHolders {
    /// The ids of the members who hold it themselves.
    members: Vec<String>,
    /// The handles of the groups that hold it.
    groups: Vec<String>,
}

/// Roles of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleList {
    /// The roles: the built-in ones first, then by their handles.
    data: Vec<RoleOut>,
    /// How many there are.
    total: u64,
}

/// Lists what roles can grant, by areas.
#[utoipa::path(
    get, path = "/api/v1/permissions", tag = "members", operation_id = "list_permissions",
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "All permissions", body = PermissionList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_permissions(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    reader(&app, &request).await?;
    let mut areas: Vec<AreaOut> = Vec::new();
    for permission in Permission::ALL {
        let out = PermissionOut {
            name: permission.name(),
            title: permission.title(),
            can_be_narrowed: permission.is_of_events(),
        };
        let area = permission.area().name();
        match areas.iter_mut().find(|one| one.area == area) {
            Some(known) => known.permissions.push(out),
            None => areas.push(AreaOut { area, permissions: vec![out] }),
        }
    }
    Ok(found(&PermissionList { areas }))
}

/// Lists the roles of the organization.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "members", operation_id = "list_roles",
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The roles", body = RoleList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_roles(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    let current = app.auth.current();
    let roles = current.directory().roles(caller.organization());
    let data: Vec<_> = roles.iter().map(|role| RoleOut::of(current.directory(), role)).collect();
    Ok(found(&RoleList { total: data.len() as u64, data }))
}

/// Makes a role.
///
/// It can grant no more than the caller has.
#[utoipa::path(
    post, path = "/api/v1/roles", tag = "members", operation_id = "create_role",
    request_body = RoleIn,
    security(("token" = ["members.write"])),
    responses(
        (status = 201, description = "The role", body = RoleOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 409, description = "The handle is taken", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "The organization has as many roles as may be", body = ProblemDocument),
    )
)]
pub(crate) async fn create_role(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let new = people::read_request::<RoleIn>(&app, request).await?.checked(None)?;
    refuse_beyond(&caller, &Rights::of_new_role(&new))?;
    let current = app.auth.current();
    if current.directory().role(caller.organization(), &new.handle).is_some() {
        return Err(Problem::new(Kind::Conflict, format!("there is a role {:?} already", new.handle)));
    }
    let deed = Deed::of(&caller, "role.created", "create", format!("The role {} was made", new.handle))
        .to(vec![target("role", &new.handle, Some(&new.name))])
        .changing(None, Some(shown(&new)));
    act(&app, deed, app.store.catalog().create_role(caller.organization(), &new)).await?;
    Ok(made(&RoleOut::known(&app, &caller, &new.handle)?))
}

/// Looks at a role.
#[utoipa::path(
    get, path = "/api/v1/roles/{role}", tag = "members", operation_id = "get_role",
    params(("role" = String, Path, description = "The role's handle")),
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The role", body = RoleOut),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
        (status = 404, description = "The organization has no such role", body = ProblemDocument),
    )
)]
pub(crate) async fn get_role(
    State(app): State<Arc<App>>,
    Path(handle): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    Ok(found(&RoleOut::known(&app, &caller, &handle)?))
}

/// Changes a role: all of it but its handle.
///
/// Neither what it granted nor what it grants then can be more than the caller has.
#[utoipa::path(
    put, path = "/api/v1/roles/{role}", tag = "members", operation_id = "change_role",
    params(("role" = String, Path, description = "The role's handle")),
    request_body = RoleIn,
    security(("token" = ["members.write"])),
    responses(
        (status = 200, description = "The role", body = RoleOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such role", body = ProblemDocument),
        (status = 409, description = "The role is built in", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
    )
)]
pub(crate) async fn change_role(
    State(app): State<Arc<App>>,
    Path(handle): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let role = changeable(&app, &caller, &handle)?;
    let new = people::read_request::<RoleIn>(&app, request).await?.checked(Some(&handle))?;
    refuse_beyond(&caller, &Rights::of_role(&role))?;
    refuse_beyond(&caller, &Rights::of_new_role(&new))?;
    let before = as_new(&role);
    let deed = Deed::of(&caller, "role.updated", "update", format!("The role {handle} was changed"))
        .to(vec![target("role", &handle, Some(&new.name))])
        .changing(Some(shown(&before)), Some(shown(&new)));
    act(&app, deed, app.store.catalog().change_role(caller.organization(), &new)).await?;
    Ok(found(&RoleOut::known(&app, &caller, &handle)?))
}

/// Removes a role, and takes it away from whoever holds it.
#[utoipa::path(
    delete, path = "/api/v1/roles/{role}", tag = "members", operation_id = "delete_role",
    params(("role" = String, Path, description = "The role's handle")),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The role is not there any more"),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such role", body = ProblemDocument),
        (status = 409, description = "The role is built in", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_role(
    State(app): State<Arc<App>>,
    Path(handle): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let role = changeable(&app, &caller, &handle)?;
    refuse_beyond(&caller, &Rights::of_role(&role))?;
    let before = as_new(&role);
    let deed = Deed::of(&caller, "role.deleted", "delete", format!("The role {handle} was removed"))
        .to(vec![target("role", &handle, Some(&role.name))])
        .changing(Some(shown(&before)), None);
    act(&app, deed, app.store.catalog().remove_role(caller.organization(), &handle)).await?;
    Ok(done())
}

/// A role that can be changed.
fn changeable(app: &App, caller: &Caller, handle: &str) -> Result<Arc<Role>, Problem> {
    let role = role_of(&app.auth.current(), caller, handle)?;
    if role.is_built_in {
        let reason = "is built in: every organization has it as it is";
        return Err(Problem::new(Kind::Conflict, format!("the role {handle:?} {reason}")));
    }
    Ok(role)
}

impl RoleIn {
    /// What it asks for, if it can be; with the handle of the path, where there is one.
    fn checked(self, handle: Option<&str>) -> Result<NewRole, Problem> {
        let wrong = |reason: String| Problem::new(Kind::InvalidBody, reason);
        if let (Some(given), Some(handle)) = (&self.handle, handle)
            && given != handle
        {
            return Err(wrong(format!("the handle of a role cannot be changed, from {handle:?} to {given:?}")));
        }
        let handle = handle.map(str::to_owned).or(self.handle);
        let new = NewRole {
            handle: people::handle_or_made(handle, &self.name)?,
            name: self.name,
            description: self.description,
            permissions: permissions_of(&self.permissions).map_err(wrong)?,
            narrowing: self.narrowing.map(narrowing_of).transpose().map_err(wrong)?.flatten(),
        };
        new.check()?;
        Ok(new)
    }
}

/// Permissions by their names, in the order in which they are shown.
fn permissions_of(names: &[String]) -> Result<Vec<Permission>, String> {
    let mut permissions = BTreeSet::new();
    for name in names {
        let known = Permission::from_name(name);
        let known =
            known.ok_or_else(|| format!("permissions has {name:?}, which /api/v1/permissions does not list"))?;
        if !permissions.insert(known) {
            return Err(format!("permissions has {name:?} twice"));
        }
    }
    if permissions.is_empty() {
        return Err("permissions must name at least one".to_owned());
    }
    Ok(permissions.into_iter().collect())
}

/// A narrowing as the catalog keeps it; nothing where it lets everything through.
fn narrowing_of(body: RoleNarrowingBody) -> Result<Option<String>, String> {
    let narrowing = RoleNarrowing { filter: body.filter, without: body.without, of_actor: None };
    if narrowing.is_of_all() {
        return Ok(None);
    }
    if narrowing.without.contains("outcome") {
        return Err("narrowing: outcome cannot be hidden, for the audit APIs of portals ask for it".to_owned());
    }
    narrowing.check().map_err(|error| format!("narrowing: {}", Problem::from(error).detail()))?;
    serde_json::to_string(&narrowing).map(Some).map_err(|error| format!("narrowing: {error}"))
}

fn as_new(role: &Role) -> NewRole {
    NewRole {
        handle: role.handle.clone(),
        name: role.name.clone(),
        description: role.description.clone(),
        permissions: role.permissions.clone(),
        narrowing: role.narrowing.clone(),
    }
}

/// A role in an event.
fn shown(role: &NewRole) -> json::Value<'_> {
    let mut members = vec![
        ("name".into(), text(&role.name)),
        ("description".into(), text(&role.description)),
        ("permissions".into(), texts(role.permissions.iter().map(|permission| permission.name()))),
    ];
    if let Some(narrowing) = &role.narrowing {
        members.push(("narrowing".into(), text(narrowing)));
    }
    json::Value::Object(members)
}

impl RoleOut {
    fn known(app: &App, caller: &Caller, handle: &str) -> Result<Self, Problem> {
        let current = app.auth.current();
        Ok(Self::of(current.directory(), &*role_of(&current, caller, handle)?))
    }

    fn of(directory: &Directory, role: &Role) -> Self {
        let (members, groups) = directory.holders_of(role.id);
        // What cannot be read shows nothing, to readers too.
        let narrowing = role.narrowing.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            name: role.name.clone(),
            handle: role.handle.clone(),
            description: role.description.clone(),
            permissions: role.permissions.iter().map(|permission| permission.name()).collect(),
            narrowing,
            is_built_in: role.is_built_in,
            holders: RoleHolders {
                members: members.iter().map(|member| member.uuid.to_string()).collect(),
                groups: groups.iter().map(|group| group.handle.clone()).collect(),
            },
            created_at: people::time(role.created_ms),
        }
    }
}
