//! `/api/v1/members`: the people of the organization, and the roles that they hold themselves.
//!
//! Whoever changes, suspends or removes somebody has everything that these may do: otherwise whoever manages members
//! could take over an admin. Nobody suspends or removes themselves, and the last admin stays.

pub(crate) mod sign_in;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::json;
use trailbook_store::credential::{Credentials, Permission};
use trailbook_store::members::{Directory, Holder, Member, MemberChange, Role, SignInMethod};
use utoipa::ToSchema;

use super::people::{self, act, done, found, member_of, reader, refuse_beyond, role_of, writer};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::auth::Caller;
use crate::auth::rights::Rights;
use crate::own::{Deed, target, text, texts};

/// What is to be changed of a member; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberChangeIn {
    /// Their name, 1 to 200 characters.
    name: Option<String>,
    /// The ids by which events name them, beside the e-mail address; at most 32. They decide which events the role
    /// Member shows.
    #[schema(example = json!(["user:default/jane"]))]
    actors: Option<Vec<String>>,
    /// Whether they may not sign in for now. Their sessions end, and their tokens do not hold.
    is_suspended: Option<bool>,
}

/// A member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberOut {
    /// Their id, a UUID.
    id: String,
    /// Their e-mail address, in lower case.
    email: String,
    /// Their name.
    name: String,
    /// The ids by which events name them, beside the e-mail address.
    actors: Vec<String>,
    /// The handles of the groups that they are in.
    groups: Vec<String>,
    /// The roles that they hold.
    roles: Vec<HeldRole>,
    /// Whether they may not sign in for now.
    is_suspended: bool,
    /// How they can sign in: `password`, `provider`.
    sign_in_methods: Vec<&'static str>,
    /// When they became a member.
    created_at: String,
    /// When they last signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_signed_in_at: Option<String>,
}

/// A role that a member holds, and where they have it from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldRole {
    /// Its handle.
    handle: String,
    /// What people call it.
    name: String,
    /// Whether they hold it themselves.
    is_own: bool,
    /// The handles of their groups that hold it.
    through: Vec<String>,
}

/// Members of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberList {
    /// The members, by their e-mail addresses.
    data: Vec<MemberOut>,
    /// How many there are.
    total: u64,
}

/// Lists the members of the organization.
#[utoipa::path(
    get, path = "/api/v1/members", tag = "members", operation_id = "list_members",
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The members", body = MemberList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_members(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    let current = app.auth.current();
    let directory = current.directory();
    let members = directory.members(caller.organization());
    let sign_ins = app.store.catalog().sign_ins(caller.organization()).await?;
    let out = |member: &Arc<Member>| MemberOut::of(directory, member, sign_ins.get(&member.id).copied());
    let data: Vec<_> = members.iter().map(out).collect();
    Ok(found(&MemberList { total: data.len() as u64, data }))
}

/// Looks at a member.
#[utoipa::path(
    get, path = "/api/v1/members/{member}", tag = "members", operation_id = "get_member",
    params(("member" = String, Path, description = "The member's id, a UUID")),
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The member", body = MemberOut),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
        (status = 404, description = "The organization has no such member", body = ProblemDocument),
    )
)]
pub(crate) async fn get_member(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    Ok(found(&MemberOut::known(&app, &caller, &id).await?))
}

/// Changes a member, or suspends them.
///
/// The caller has everything that the member may do. Who sets `actors` sees all events, since these decide which of
/// them the member sees.
#[utoipa::path(
    patch, path = "/api/v1/members/{member}", tag = "members", operation_id = "change_member",
    params(("member" = String, Path, description = "The member's id, a UUID")),
    request_body = MemberChangeIn,
    security(("token" = ["members.write"])),
    responses(
        (status = 200, description = "The member", body = MemberOut),
        (status = 400, description = "The body is malformed, or the id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the member may do",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such member", body = ProblemDocument),
        (status = 409, description = "They are the last admin, or the caller", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
    )
)]
pub(crate) async fn change_member(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let member = coverable(&app.auth.current(), &caller, &id)?;
    let change: MemberChangeIn = people::read_request(&app, request).await?;
    if change.is_suspended == Some(true) {
        refuse_oneself(&caller, &member, "suspends")?;
    }
    if change.actors.is_some() {
        refuse_beyond(&caller, &Rights::of_scopes(&[Permission::EventsRead]))?;
    }
    let MemberChangeIn { name, actors, is_suspended } = change;
    let change = MemberChange { name, actors, is_suspended, ..MemberChange::default() };
    change.check()?;
    let mut after = Member::clone(&member);
    after.name = change.name.clone().unwrap_or(after.name);
    after.actors = change.actors.clone().unwrap_or(after.actors);
    after.is_suspended = change.is_suspended.unwrap_or(after.is_suspended);
    let deed = Deed::of(&caller, "user.updated", "update", format!("The member {} was changed", member.email))
        .to(vec![target("user", member.uuid, Some(&member.email))])
        .changing(Some(shown(&member)), Some(shown(&after)));
    act(&app, deed, app.store.catalog().change_member(caller.organization(), member.id, &change)).await?;
    Ok(found(&MemberOut::known(&app, &caller, &id).await?))
}

/// Removes a member: they are signed out, and their tokens do not hold any more.
///
/// What they did stays recorded. The caller has everything that the member may do.
#[utoipa::path(
    delete, path = "/api/v1/members/{member}", tag = "members", operation_id = "delete_member",
    params(("member" = String, Path, description = "The member's id, a UUID")),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "They are no member any more"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the member may do",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such member", body = ProblemDocument),
        (status = 409, description = "They are the last admin, or the caller", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_member(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let member = coverable(&app.auth.current(), &caller, &id)?;
    refuse_oneself(&caller, &member, "removes")?;
    let deed = Deed::of(&caller, "user.removed", "delete", format!("The member {} was removed", member.email))
        .to(vec![target("user", member.uuid, Some(&member.email))])
        .changing(Some(shown(&member)), None);
    act(&app, deed, app.store.catalog().remove_member(caller.organization(), member.id)).await?;
    Ok(done())
}

/// Gives a role to a member.
#[utoipa::path(
    put, path = "/api/v1/members/{member}/roles/{role}", tag = "members", operation_id = "add_member_role",
    params(
        ("member" = String, Path, description = "The member's id, a UUID"),
        ("role" = String, Path, description = "The role's handle"),
    ),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The member holds the role"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such member or role", body = ProblemDocument),
    )
)]
pub(crate) async fn add_member_role(
    State(app): State<Arc<App>>,
    Path((member, role)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    set_role(&app, &caller, (&member, &role), true).await
}

/// Takes a role from a member that they hold themselves.
#[utoipa::path(
    delete, path = "/api/v1/members/{member}/roles/{role}", tag = "members", operation_id = "remove_member_role",
    params(
        ("member" = String, Path, description = "The member's id, a UUID"),
        ("role" = String, Path, description = "The role's handle"),
    ),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The member does not hold the role themselves any more"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the role grants",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such member or role, or they do not hold it themselves",
            body = ProblemDocument),
        (status = 409, description = "They are the last admin", body = ProblemDocument),
    )
)]
pub(crate) async fn remove_member_role(
    State(app): State<Arc<App>>,
    Path((member, role)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    set_role(&app, &caller, (&member, &role), false).await
}

async fn set_role(app: &App, caller: &Caller, (id, handle): (&str, &str), is_held: bool) -> Result<Response, Problem> {
    let current = app.auth.current();
    let (member, role) = (member_of(&current, caller, id)?, role_of(&current, caller, handle)?);
    refuse_beyond(caller, &Rights::of_role(&role))?;
    let was_held = current.directory().own_roles_of(member.id).iter().any(|one| one.id == role.id);
    let email = &member.email;
    if !is_held && !was_held {
        return Err(Problem::new(Kind::NotFound, format!("{email} does not hold the role {handle:?} themselves")));
    }
    if !is_held {
        refuse_showing_more(&current, caller, (&member, &role))?;
    }
    let (action, message) = match is_held {
        true => ("role.granted", format!("{email} was given the role {handle}")),
        false => ("role.revoked", format!("{email} lost the role {handle}")),
    };
    let deed = Deed::of(caller, action, "update", message)
        .to(vec![target("user", member.uuid, Some(email)), target("role", handle, Some(&role.name))]);
    let holder = Holder::Member(member.id);
    act(app, deed, app.store.catalog().set_role(caller.organization(), role.id, holder, is_held)).await?;
    Ok(done())
}

/// Refuses to take a role away that hides something, if the member's others then show what the caller does not see.
fn refuse_showing_more(
    current: &Credentials,
    caller: &Caller,
    (member, role): (&Member, &Role),
) -> Result<(), Problem> {
    let directory = current.directory();
    let through = directory.groups_of(member.id).into_iter().flat_map(|group| directory.roles_of_group(group.id));
    let others = directory.own_roles_of(member.id).into_iter().filter(|one| one.id != role.id);
    let after = Rights::of_roles(member, &others.chain(through).collect::<Vec<_>>());
    match rights_of(current, member).first_beyond(&after) {
        Some(_) => refuse_beyond(caller, &after),
        None => Ok(()),
    }
}

/// A member of whom the caller has everything that they may do.
fn coverable(current: &Credentials, caller: &Caller, id: &str) -> Result<Arc<Member>, Problem> {
    let member = member_of(current, caller, id)?;
    refuse_beyond(caller, &rights_of(current, &member))?;
    Ok(member)
}

/// What a member may do.
pub(crate) fn rights_of(current: &Credentials, member: &Member) -> Rights {
    Rights::of_roles(member, &current.directory().roles_of(member.id))
}

fn refuse_oneself(caller: &Caller, member: &Member, what: &str) -> Result<(), Problem> {
    match caller.member().is_some_and(|own| own.id == member.id) {
        true => Err(Problem::new(Kind::Conflict, format!("nobody {what} themselves; somebody else has to do it"))),
        false => Ok(()),
    }
}

/// A member in an event.
fn shown(member: &Member) -> json::Value<'_> {
    json::Value::Object(vec![
        ("name".into(), text(&member.name)),
        ("actors".into(), texts(member.actors.iter().map(String::as_str))),
        ("is_suspended".into(), json::Value::Bool(member.is_suspended)),
    ])
}

impl MemberOut {
    async fn known(app: &App, caller: &Caller, id: &str) -> Result<Self, Problem> {
        let current = app.auth.current();
        let member = member_of(&current, caller, id)?;
        let sign_ins = app.store.catalog().sign_ins(caller.organization()).await?;
        Ok(Self::of(current.directory(), &member, sign_ins.get(&member.id).copied()))
    }

    fn of(directory: &Directory, member: &Member, signed_in_ms: Option<i64>) -> Self {
        let password = member.has_password.then_some(SignInMethod::Password.name());
        let provider = member.provided.as_ref().map(|_| SignInMethod::Provider.name());
        Self {
            id: member.uuid.to_string(),
            email: member.email.clone(),
            name: member.name.clone(),
            actors: member.actors.clone(),
            groups: directory.groups_of(member.id).iter().map(|group| group.handle.clone()).collect(),
            roles: HeldRole::all(directory, member),
            is_suspended: member.is_suspended,
            sign_in_methods: password.into_iter().chain(provider).collect(),
            created_at: people::time(member.created_ms),
            last_signed_in_at: signed_in_ms.map(people::time),
        }
    }
}

impl HeldRole {
    /// The roles of a member, by their handles.
    pub(crate) fn all(directory: &Directory, member: &Member) -> Vec<Self> {
        let own = directory.own_roles_of(member.id);
        let groups = directory.groups_of(member.id);
        let through: Vec<_> = groups.iter().map(|group| (group, directory.roles_of_group(group.id))).collect();
        let roles = directory.roles_of(member.id);
        let held = roles.iter().map(|role| Self {
            handle: role.handle.clone(),
            name: role.name.clone(),
            is_own: own.iter().any(|one| one.id == role.id),
            through: through
                .iter()
                .filter(|(_, roles)| roles.iter().any(|one| one.id == role.id))
                .map(|(group, _)| group.handle.clone())
                .collect(),
        });
        held.collect()
    }
}
