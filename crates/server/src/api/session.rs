//! `/api/v1/session` and `/api/v1/me`: signing in and out, who one is, and one's own sessions.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::Uuid;
use trailbook_store::credential::{Kind as Holder, Permission};
use trailbook_store::members::{Member, MemberChange, Session};
use utoipa::ToSchema;

use super::events::{refuse_parameters, uuid_of};
use super::people::{act, attempt, done, found, made, read_request, time};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::own::{Deed, target};
use crate::password::{Password, PasswordError, Person};
use crate::sign_in::{self, Refused, Typed};

/// What signs somebody in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInBody {
    /// The organization's name.
    #[serde(default = "default_organization")]
    #[schema(example = "default")]
    organization: String,
    /// The member's e-mail address.
    #[schema(example = "jane@acme.example")]
    email: String,
    /// The member's password.
    password: String,
}

fn default_organization() -> String {
    trailbook_store::DEFAULT_ORGANIZATION.to_owned()
}

/// A session that was begun. The cookie comes with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBegun {
    /// The session.
    session: SessionOut,
    /// What the header `x-csrf-token` must hold in every request of this session that changes something.
    csrf_token: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionOut {
    /// Its id, a UUID.
    pub(crate) id: String,
    /// How it was begun: `password`, `provider` or `link`.
    pub(crate) method: String,
    /// From which address.
    pub(crate) address: String,
    /// With which browser.
    pub(crate) user_agent: String,
    /// When it began.
    pub(crate) created_at: String,
    /// When it was used last, to the minute.
    pub(crate) last_used_at: String,
    /// When it ends, used or not.
    pub(crate) expires_at: String,
    /// Whether it is the one that asks; only among one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_current: Option<bool>,
}

/// Sessions of a member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The sessions, the newest first.
    pub(crate) data: Vec<SessionOut>,
    /// How many there are.
    pub(crate) total: u64,
}

/// Who asks, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The organization.
    organization: String,
    /// The organization's UUID.
    organization_id: String,
    /// What the credential is: `session`, `personal-token`, `token` or `issuer`.
    kind: &'static str,
    /// The credential's name; for an issuer's JWT, its subject.
    name: String,
    /// The member, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<MemberSelf>,
    /// The handles of their groups.
    groups: Vec<String>,
    /// The handles of their roles, their own and those of their groups.
    roles: Vec<String>,
    /// What may be done.
    permissions: Vec<PermissionHeld>,
    /// Which range of time the console shows first, `24h` or `30d`; for whoever may read events.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_range: Option<&'static str>,
    /// What the header `x-csrf-token` must hold, for a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// A permission, and whether it is for all events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PermissionHeld {
    /// Its name.
    name: &'static str,
    /// Whether it is narrowed to some events or fields.
    is_narrowed: bool,
}

/// A member, as they see themselves.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberSelf {
    /// Their id, a UUID.
    id: String,
    /// Their e-mail address.
    email: String,
    /// Their name.
    name: String,
    /// The ids by which events name them, beside the e-mail address.
    actors: Vec<String>,
    /// Whether they have a password here.
    has_password: bool,
}

/// What a member changes of themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeBody {
    /// Another name.
    #[serde(default)]
    name: Option<String>,
    /// A new password, which ends all sessions, this one too.
    #[serde(default)]
    password: Option<String>,
    /// The password until now; needed for a new one.
    #[serde(default)]
    current_password: Option<String>,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong => Problem::new(Kind::SignInFailed, "organization, e-mail address or password are wrong"),
            Refused::Throttled(seconds) => Problem::too_often(i64::from(seconds)),
            Refused::ProviderOnly => {
                Problem::new(Kind::NotAllowed, "members of this organization sign in through its provider")
            }
            Refused::NoMember => Problem::new(Kind::NotAllowed, "you are no member of this organization"),
            Refused::Busy => Problem::new(Kind::Busy, "too many people sign in at once"),
            Refused::Store(error) => error.into(),
        }
    }
}

/// Signs in with a password.
///
/// Whatever is wrong gives the same answer, after the same work. After some failures there is a wait, which others
/// cannot bring about for a browser that has signed in before.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", operation_id = "create_session",
    request_body = SignInBody,
    security(()),
    responses(
        (status = 201, description = "Signed in; the cookie is set", body = SessionBegun),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "Organization, e-mail address or password are wrong", body = ProblemDocument),
        (status = 403, description = "The organization's provider is to be used", body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 429, description = "Too many failures; try again later", body = ProblemDocument),
        (status = 503, description = "The server cannot take it now", body = ProblemDocument),
    )
)]
pub(crate) async fn create_session(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let asker = Asker::of(request.extensions());
    if asker.is_cross_site() {
        return Err(Problem::new(Kind::NotAllowed, "a page of another site cannot sign in"));
    }
    let SignInBody { organization, email, password } = read_request(&app, request).await?;
    let typed = Typed { organization: &organization, email: &email, password: Password::new(password) };
    let signed_in = sign_in::with_password(&app, &asker, typed).await?;
    let begun = signed_in.begun;
    let session = SessionOut::of(&begun.session, Some(begun.session.id));
    let mut response = made(&SessionBegun { session, csrf_token: begun.csrf });
    set_cookies(&mut response, &signed_in.cookies);
    Ok(response)
}

/// Puts cookies into an answer.
pub(crate) fn set_cookies(response: &mut Response, cookies: &[String]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
}

/// Signs out: the session ends.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session", operation_id = "delete_session",
    security(("session" = [])),
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument),
        (status = 403, description = "A token cannot do this; or the header x-csrf-token is missing or wrong",
            body = ProblemDocument),
    )
)]
pub(crate) async fn delete_session(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let asker = Asker::of(request.extensions());
    let caller = app.auth.caller(&asker).await?;
    let session = caller.session().ok_or_else(no_session)?;
    sign_out(&app, &caller, session).await?;
    let mut response = done();
    set_cookies(&mut response, &[app.auth.session_cookie(&asker, None)]);
    Ok(response)
}

/// Ends the session that a caller is in.
pub(crate) async fn sign_out(app: &App, caller: &Caller, session: &Session) -> Result<(), Problem> {
    let deed = Deed::of(caller, "user.logout", "logout", format!("{} signed out", caller.name()));
    let deed = deed.to(vec![target("session", session.id, None)]);
    attempt(app, deed, app.store.catalog().end_session(session.member, session.id)).await?;
    Ok(())
}

/// Says who asks, and what they may do.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "session", operation_id = "get_me",
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "Who asks", body = Me),
        (status = 401, description = "No valid token or session", body = ProblemDocument),
    )
)]
pub(crate) async fn get_me(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let asker = Asker::of(request.extensions());
    let caller = app.auth.caller(&asker).await?;
    refuse_parameters(&request)?;
    Ok(found(&Me::of(&app, &caller, &asker)))
}

impl Me {
    fn of(app: &App, caller: &Caller, asker: &Asker) -> Self {
        let current = app.auth.current();
        let member = caller.member();
        let groups = member.map(|member| current.directory().groups_of(member.id)).unwrap_or_default();
        let held = |permission: Permission| PermissionHeld {
            name: permission.name(),
            is_narrowed: caller.rights().sight(permission).is_some_and(|sight| !sight.is_all()),
        };
        Self {
            organization: caller.organization().name().to_owned(),
            organization_id: caller.organization().uuid().to_string(),
            kind: match caller.own().kind() {
                Holder::Member(_) => "session",
                Holder::Personal(_) => "personal-token",
                Holder::Token => "token",
                Holder::Issuer => "issuer",
            },
            name: caller.instrument().filter(|_| member.is_some()).unwrap_or(caller.name()).to_owned(),
            member: member.map(|member| MemberSelf::of(member)),
            groups: groups.iter().map(|group| group.handle.clone()).collect(),
            roles: current.roles_of(caller.own()).iter().map(|role| role.handle.clone()).collect(),
            permissions: caller.rights().permissions().map(held).collect(),
            default_range: caller
                .has(Permission::EventsRead)
                .then(|| current.settings(caller.organization()).default_range.name()),
            csrf_token: caller.session().and_then(|_| app.auth.csrf_token(asker)),
        }
    }
}

impl MemberSelf {
    fn of(member: &Member) -> Self {
        Self {
            id: member.uuid.to_string(),
            email: member.email.clone(),
            name: member.name.clone(),
            actors: member.actors.clone(),
            has_password: member.has_password,
        }
    }
}

/// Changes one's own name or password.
///
/// A new password needs the one until now, and ends all sessions.
#[utoipa::path(
    patch, path = "/api/v1/me", tag = "session", operation_id = "change_me",
    request_body = MeBody,
    security(("session" = [])),
    responses(
        (status = 204, description = "It is changed"),
        (status = 400, description = "The body is malformed, or the password is no good", body = ProblemDocument),
        (status = 401, description = "Nobody is signed in, or the password is wrong", body = ProblemDocument),
        (status = 403, description = "A token cannot do this", body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 429, description = "Too many failures; try again later", body = ProblemDocument),
        (status = 503, description = "The server cannot take it now", body = ProblemDocument),
    )
)]
pub(crate) async fn change_me(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let asker = Asker::of(request.extensions());
    let caller = app.auth.caller(&asker).await?;
    let member = signed_in(&caller)?;
    let body: MeBody = read_request(&app, request).await?;
    let mut change = MemberChange { name: body.name, ..MemberChange::default() };
    change.check()?;
    let mut action = "user.updated";
    if let Some(password) = body.password {
        let current = Password::new(body.current_password.unwrap_or_default());
        sign_in::confirm(&app, &asker, &caller, current).await?;
        change.password = Some(hash_new(&app, &caller, Password::new(password)).await?);
        action = "user.password_changed";
    }
    let deed = Deed::of(&caller, action, "update", format!("{} changed their account", member.email));
    let deed = deed.to(vec![target("user", member.uuid, Some(&member.email))]);
    act(&app, deed, app.store.catalog().change_member(caller.organization(), member.id, &change)).await?;
    Ok(done())
}

async fn hash_new(app: &App, caller: &Caller, password: Password) -> Result<String, Problem> {
    let member = signed_in(caller)?;
    let person = Person { email: &member.email, name: &member.name, organization: caller.organization().name() };
    app.sign_in.hasher.hash_new(&password, &person).await.map_err(of_password)
}

/// What is said of a password that cannot be taken.
pub(crate) fn of_password(error: PasswordError) -> Problem {
    match error {
        PasswordError::Weak(weak) => Problem::new(Kind::InvalidBody, format!("password: {weak}")),
        PasswordError::Busy => Problem::new(Kind::Busy, "too many passwords are being hashed"),
        PasswordError::Damaged(_) | PasswordError::Failed(_) => {
            tracing::error!(%error, "a password could not be hashed");
            Problem::new(Kind::Internal, "the password could not be hashed; the server's log says why")
        }
    }
}

/// The member who is signed in: what one does with one's own account, no token does.
pub(crate) fn signed_in(caller: &Caller) -> Result<&Member, Problem> {
    let is_session = caller.session().is_some();
    let member = caller.member().filter(|_| is_session);
    member.map(AsRef::as_ref).ok_or_else(no_session)
}

fn no_session() -> Problem {
    Problem::new(Kind::NotAllowed, "this needs a session; a token cannot do it")
}

/// Lists one's own sessions.
#[utoipa::path(
    get, path = "/api/v1/me/sessions", tag = "session", operation_id = "list_my_sessions",
    security(("session" = [])),
    responses(
        (status = 200, description = "The sessions, the newest first", body = SessionList),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument),
        (status = 403, description = "A token cannot do this", body = ProblemDocument),
    )
)]
pub(crate) async fn list_my_sessions(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let member = signed_in(&caller)?;
    let sessions = app.store.catalog().sessions(member).await?;
    Ok(found(&SessionList::of(&sessions, caller.session().map(|session| session.id))))
}

/// Ends one of one's own sessions.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions/{id}", tag = "session", operation_id = "delete_my_session",
    params(("id" = String, Path, description = "The session's id, a UUID")),
    security(("session" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument),
        (status = 403, description = "A token cannot do this", body = ProblemDocument),
        (status = 404, description = "There is no such session", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_my_session(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let member = signed_in(&caller)?;
    let id = uuid_of(&id)?;
    let missing = || trailbook_store::Error::Missing(format!("you have no session {id}"));
    let sessions = app.store.catalog().sessions(member).await?;
    let session = sessions.iter().find(|session| session.id == id).ok_or_else(missing)?;
    let deed = Deed::of(&caller, "session.revoked", "delete", format!("{} ended a session", member.email));
    let effect = async {
        match app.store.catalog().end_session(member.id, id).await? {
            true => Ok(()),
            false => Err(missing()),
        }
    };
    attempt(&app, deed.to(vec![target("session", session.id, None)]), effect).await?;
    Ok(done())
}

impl SessionList {
    /// These sessions, and which of them asks where they are the caller's own.
    pub(crate) fn of(sessions: &[Session], current: Option<Uuid>) -> Self {
        let data: Vec<_> = sessions.iter().map(|session| SessionOut::of(session, current)).collect();
        Self { total: data.len() as u64, data }
    }
}

impl SessionOut {
    fn of(session: &Session, current: Option<Uuid>) -> Self {
        Self {
            id: session.id.to_string(),
            method: session.method.clone(),
            address: session.address.clone(),
            user_agent: session.user_agent.clone(),
            created_at: time(session.created_ms),
            last_used_at: time(session.seen_ms),
            expires_at: time(session.expires_ms),
            is_current: current.map(|id| id == session.id),
        }
    }
}
