//! `/api/v1/groups`: members who hold the same roles.
//!
//! Whoever puts somebody into a group, or takes them out, gives or takes the group's roles, and so needs all that these
//! grant; the same holds for giving a role to a group, and for removing one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::json;
use trailbook_store::members::{Directory, Group, GroupId, Holder, Member, check_group};
use utoipa::ToSchema;

use super::people::{self, act, done, found, group_of, made, member_of, reader, refuse_beyond, role_of, writer};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::auth::Caller;
use crate::auth::rights::Rights;
use crate::own::{Deed, target, text};

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupIn {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "Platform Team")]
    name: String,
    /// What paths call it: letters, digits and hyphens; made from the name where absent. It cannot be changed.
    #[schema(example = "platform-team")]
    handle: Option<String>,
    /// What it is for, at most 1,000 characters.
    #[serde(default)]
    description: String,
}

/// What is to be changed of a group; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupChangeIn {
    /// What people call it, 1 to 200 characters.
    name: Option<String>,
    /// What it is for, at most 1,000 characters.
    description: Option<String>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupOut {
    /// What people call it.
    name: String,
    /// What paths call it, and what a provider's groups are compared with.
    handle: String,
    /// What it is for.
    description: String,
    /// The handles of the roles that its members hold.
    roles: Vec<String>,
    /// Its members, by their e-mail addresses.
    members: Vec<GroupMember>,
    /// When it was made.
    created_at: String,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupMember {
    /// Their id.
    id: String,
    /// Their e-mail address.
    email: String,
    /// Their name.
    name: String,
}

/// Groups of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupList {
    /// The groups, by their handles.
    data: Vec<GroupOut>,
    /// How many there are.
    total: u64,
}

/// Lists the groups of the organization.
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "members", operation_id = "list_groups",
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The groups", body = GroupList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_groups(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    let current = app.auth.current();
    let directory = current.directory();
    // All members once, rather than once for each group.
    let mut members: HashMap<GroupId, Vec<Arc<Member>>> = HashMap::new();
    for member in directory.members(caller.organization()) {
        for group in directory.groups_of(member.id) {
            members.entry(group.id).or_default().push(Arc::clone(&member));
        }
    }
    let out = |group: &Arc<Group>| GroupOut::of(directory, group, &members.remove(&group.id).unwrap_or_default());
    let data: Vec<_> = directory.groups(caller.organization()).iter().map(out).collect();
    Ok(found(&GroupList { total: data.len() as u64, data }))
}

/// Makes a group, without members and roles.
#[utoipa::path(
    post, path = "/api/v1/groups", tag = "members", operation_id = "create_group",
    request_body = GroupIn,
    security(("token" = ["members.write"])),
    responses(
        (status = 201, description = "The group", body = GroupOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write", body = ProblemDocument),
        (status = 409, description = "The handle is taken", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "The organization has as many groups as may be", body = ProblemDocument),
    )
)]
pub(crate) async fn create_group(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let GroupIn { name, handle, description } = people::read_request(&app, request).await?;
    let handle = people::handle_or_made(handle, &name)?;
    check_group(&handle, (&name, &description))?;
    if app.auth.current().directory().group(caller.organization(), &handle).is_some() {
        return Err(Problem::new(Kind::Conflict, format!("there is a group {handle:?} already")));
    }
    let deed = Deed::of(&caller, "group.created", "create", format!("The group {handle} was made"))
        .to(vec![target("group", &handle, Some(&name))])
        .changing(None, Some(shown(&name, &description)));
    let effect = app.store.catalog().create_group(caller.organization(), &handle, (&name, &description));
    act(&app, deed, effect).await?;
    Ok(made(&GroupOut::known(&app, &caller, &handle)?))
}

/// Looks at a group.
#[utoipa::path(
    get, path = "/api/v1/groups/{group}", tag = "members", operation_id = "get_group",
    params(("group" = String, Path, description = "The group's handle")),
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The group", body = GroupOut),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
        (status = 404, description = "The organization has no such group", body = ProblemDocument),
    )
)]
pub(crate) async fn get_group(
    State(app): State<Arc<App>>,
    Path(handle): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    Ok(found(&GroupOut::known(&app, &caller, &handle)?))
}

/// Changes what a group is called, or what it is for.
#[utoipa::path(
    patch, path = "/api/v1/groups/{group}", tag = "members", operation_id = "change_group",
    params(("group" = String, Path, description = "The group's handle")),
    request_body = GroupChangeIn,
    security(("token" = ["members.write"])),
    responses(
        (status = 200, description = "The group", body = GroupOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write", body = ProblemDocument),
        (status = 404, description = "The organization has no such group", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
    )
)]
pub(crate) async fn change_group(
    State(app): State<Arc<App>>,
    Path(handle): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let group = group_of(&app.auth.current(), &caller, &handle)?;
    let change: GroupChangeIn = people::read_request(&app, request).await?;
    let name = change.name.as_ref().unwrap_or(&group.name);
    let description = change.description.as_ref().unwrap_or(&group.description);
    check_group(&handle, (name, description))?;
    let deed = Deed::of(&caller, "group.updated", "update", format!("The group {handle} was changed"))
        .to(vec![target("group", &handle, Some(name))])
        .changing(Some(shown(&group.name, &group.description)), Some(shown(name, description)));
    let effect = app.store.catalog().change_group(caller.organization(), &handle, (name, description));
    act(&app, deed, effect).await?;
    Ok(found(&GroupOut::known(&app, &caller, &handle)?))
}

/// Removes a group. Its members stay, without what it gave them.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group}", tag = "members", operation_id = "delete_group",
    params(("group" = String, Path, description = "The group's handle")),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The group is not there any more"),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the group's roles grant",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such group", body = ProblemDocument),
        (status = 409, description = "The last admin is one through this group", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_group(
    State(app): State<Arc<App>>,
    Path(handle): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let group = coverable(&app, &caller, &handle)?;
    let deed = Deed::of(&caller, "group.deleted", "delete", format!("The group {handle} was removed"))
        .to(vec![target("group", &handle, Some(&group.name))])
        .changing(Some(shown(&group.name, &group.description)), None);
    act(&app, deed, app.store.catalog().remove_group(caller.organization(), &handle)).await?;
    Ok(done())
}

/// Puts a member into a group.
#[utoipa::path(
    put, path = "/api/v1/groups/{group}/members/{member}", tag = "members", operation_id = "add_group_member",
    params(
        ("group" = String, Path, description = "The group's handle"),
        ("member" = String, Path, description = "The member's id, a UUID"),
    ),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The member is in the group"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the group's roles grant",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such group or member", body = ProblemDocument),
    )
)]
pub(crate) async fn add_group_member(
    State(app): State<Arc<App>>,
    Path((group, member)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    set_member(&app, &caller, (&group, &member), true).await
}

/// Takes a member out of a group.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group}/members/{member}", tag = "members", operation_id = "remove_group_member",
    params(
        ("group" = String, Path, description = "The group's handle"),
        ("member" = String, Path, description = "The member's id, a UUID"),
    ),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The member is not in the group any more"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the group's roles grant",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such group or member, or they are not in it",
            body = ProblemDocument),
        (status = 409, description = "The last admin is one through this group", body = ProblemDocument),
    )
)]
pub(crate) async fn remove_group_member(
    State(app): State<Arc<App>>,
    Path((group, member)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    set_member(&app, &caller, (&group, &member), false).await
}

async fn set_member(app: &App, caller: &Caller, (handle, id): (&str, &str), is_in: bool) -> Result<Response, Problem> {
    let current = app.auth.current();
    let member = member_of(&current, caller, id)?;
    let group = coverable(app, caller, handle)?;
    let was_in = current.directory().groups_of(member.id).iter().any(|one| one.id == group.id);
    if !is_in && !was_in {
        return Err(Problem::new(Kind::NotFound, format!("{} is not in the group {handle:?}", member.email)));
    }
    let (action, what) = match is_in {
        true => ("group.member.added", "was put into"),
        false => ("group.member.removed", "was taken out of"),
    };
    let deed = Deed::of(caller, action, "update", format!("{} {what} the group {handle}", member.email))
        .to(vec![target("user", member.uuid, Some(&member.email)), target("group", handle, Some(&group.name))]);
    let effect = app.store.catalog().set_group_member(caller.organization(), group.id, member.id, is_in);
    act(app, deed, effect).await?;
    Ok(done())
}

/// Gives a role to a group.
#[utoipa::path(
    put, path = "/api/v1/groups/{group}/roles/{role}", tag = "members", operation_id = "add_group_role",
    params(
        ("group" = String, Path, description = "The group's handle"),
        ("role" = String, Path, description = "The role's handle"),
    ),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The group holds the role"),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such group or role", body = ProblemDocument),
    )
)]
pub(crate) async fn add_group_role(
    State(app): State<Arc<App>>,
    Path((group, role)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    set_role(&app, &caller, (&group, &role), true).await
}

/// Takes a role from a group.
#[utoipa::path(
    delete, path = "/api/v1/groups/{group}/roles/{role}", tag = "members", operation_id = "remove_group_role",
    params(
        ("group" = String, Path, description = "The group's handle"),
        ("role" = String, Path, description = "The role's handle"),
    ),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The group does not hold the role any more"),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such group or role, or the group does not hold it",
            body = ProblemDocument),
        (status = 409, description = "The last admin is one through this group", body = ProblemDocument),
    )
)]
pub(crate) async fn remove_group_role(
    State(app): State<Arc<App>>,
    Path((group, role)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    set_role(&app, &caller, (&group, &role), false).await
}

async fn set_role(app: &App, caller: &Caller, handles: (&str, &str), is_held: bool) -> Result<Response, Problem> {
    let current = app.auth.current();
    let (group, role) = (group_of(&current, caller, handles.0)?, role_of(&current, caller, handles.1)?);
    refuse_beyond(caller, &Rights::of_role(&role))?;
    let was_held = current.directory().roles_of_group(group.id).iter().any(|one| one.id == role.id);
    let name = &group.handle;
    if !is_held && !was_held {
        return Err(Problem::new(
            Kind::NotFound,
            format!("the group {name:?} does not hold the role {:?}", role.handle),
        ));
    }
    let (action, message) = match is_held {
        true => ("role.granted", format!("The group {name} was given the role {}", role.handle)),
        false => ("role.revoked", format!("The group {name} lost the role {}", role.handle)),
    };
    let deed = Deed::of(caller, action, "update", message)
        .to(vec![target("group", name, Some(&group.name)), target("role", &role.handle, Some(&role.name))]);
    let holder = Holder::Group(group.id);
    act(app, deed, app.store.catalog().set_role(caller.organization(), role.id, holder, is_held)).await?;
    Ok(done())
}

/// A group of whose roles the caller has all that they grant.
fn coverable(app: &App, caller: &Caller, handle: &str) -> Result<Arc<Group>, Problem> {
    let current = app.auth.current();
    let group = group_of(&current, caller, handle)?;
    refuse_beyond(caller, &Rights::of_all(&current.directory().roles_of_group(group.id)))?;
    Ok(group)
}

/// A group in an event.
fn shown<'a>(name: &'a str, description: &'a str) -> json::Value<'a> {
    json::Value::Object(vec![("name".into(), text(name)), ("description".into(), text(description))])
}

impl GroupOut {
    fn known(app: &App, caller: &Caller, handle: &str) -> Result<Self, Problem> {
        let current = app.auth.current();
        let group = group_of(&current, caller, handle)?;
        Ok(Self::of(current.directory(), &group, &current.directory().members_of(group.id)))
    }

    fn of(directory: &Directory, group: &Group, members: &[Arc<Member>]) -> Self {
        let member = |member: &Arc<Member>| GroupMember {
            id: member.uuid.to_string(),
            email: member.email.clone(),
            name: member.name.clone(),
        };
        Self {
            name: group.name.clone(),
            handle: group.handle.clone(),
            description: group.description.clone(),
            roles: directory.roles_of_group(group.id).iter().map(|role| role.handle.clone()).collect(),
            members: members.iter().map(member).collect(),
            created_at: people::time(group.created_ms),
        }
    }
}
