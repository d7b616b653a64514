//! `/api/v1/tokens` and `/api/v1/me/tokens`: the tokens of an organization, and those of a member.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::Uuid;
use trailbook_event::limits::TOKEN_DAYS_MAX;
use trailbook_store::credential::{Entry, Grant, NewEntry, Origin, Permission, PersonalToken, Restriction, new_token};
use utoipa::ToSchema;

use super::events::{refuse_parameters, uuid_of};
use super::people::{act, done, found, made, read_request, refuse_beyond, time};
use super::problem::{Kind, Problem, ProblemDocument};
use super::session::signed_in;
use crate::app::App;
use crate::asker::Asker;
use crate::auth::rights::Rights;
use crate::own::{Deed, target, texts};

/// Days that a personal access token holds, where nothing is said.
const DAYS_DEFAULT: i64 = 90;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A token of the organization to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenIn {
    /// Its name, of 1 to 128 characters without white space.
    #[schema(example = "ci-pipeline")]
    name: String,
    /// What it may do: names of permissions.
    #[serde(default)]
    #[schema(example = json!(["events.write"]))]
    scopes: Vec<String>,
    /// Plugins and permissions of a portal's API that it is restricted to, as in Backstage.
    #[serde(default)]
    access_restrictions: Vec<RestrictionBody>,
    /// Its value, if one is to be set; otherwise it is random. At least 8 characters without white space.
    #[serde(default)]
    value: Option<String>,
    /// Days until it ends; without a number it does not.
    #[serde(default)]
    days: Option<i64>,
}

/// One entry of Backstage's `accessRestrictions`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestrictionBody {
    /// The plugin whose endpoints may be used.
    #[schema(example = "audit-log")]
    plugin: String,
    /// The permissions that are granted; all of the plugin's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["audit.log.read"]))]
    permissions: Option<Vec<String>>,
    /// The `action` attributes of the permissions that are granted; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<String>>,
}

/// A token of one's own to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonalTokenIn {
    /// Its name, of 1 to 128 characters without white space.
    #[schema(example = "laptop")]
    name: String,
    /// What it may do: names of permissions that one has.
    #[schema(example = json!(["events.read"]))]
    scopes: Vec<String>,
    /// Days until it ends, 1 to 366; 90 where nothing is said.
    #[serde(default)]
    days: Option<i64>,
}

/// A token. Its value is never shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenOut {
    /// Its id, a UUID.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    scopes: Vec<&'static str>,
    /// Plugins and permissions of a portal's API that it is restricted to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_restrictions: Vec<RestrictionBody>,
    /// `catalog`, `file` for one of the configuration, `issuer` for whoever has an issuer's JWT, or `member`.
    origin: &'static str,
    /// Whether it has a value: whether it lets anybody in.
    has_value: bool,
    /// When it was made.
    created_at: String,
    /// Until when it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
}

/// A token that was made, with its value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenMade {
    /// The token.
    token: TokenOut,
    /// Its value, shown this once.
    value: String,
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenList {
    /// The tokens, the oldest first.
    data: Vec<TokenOut>,
    /// How many there are.
    total: u64,
}

/// Lists the tokens of the organization.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens",
    security(("token" = ["credentials.read"])),
    responses(
        (status = 200, description = "The tokens, without their values", body = TokenList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "Not allowed: credentials.read is missing", body = ProblemDocument),
    )
)]
pub(crate) async fn list_tokens(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let asker = Asker::of(request.extensions());
    let caller = app.auth.caller_with(&asker, Permission::CredentialsRead).await?;
    refuse_parameters(&request)?;
    app.auth.note_used().await;
    let entries = app.store.catalog().entries().await?;
    let own = entries.iter().filter(|entry| entry.organization_uuid == caller.organization().uuid());
    let data: Vec<_> = own.map(TokenOut::of_entry).collect();
    Ok(found(&TokenList { total: data.len() as u64, data }))
}

/// Makes a token of the organization.
///
/// It may do nothing that whoever makes it may not do. Its value is shown this once.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token",
    request_body = TokenIn,
    security(("token" = ["credentials.write"])),
    responses(
        (status = 201, description = "The token, with its value", body = TokenMade),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "Not allowed: credentials.write, or one of the scopes, is missing",
            body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 507, description = "The disk is full", body = ProblemDocument),
    )
)]
pub(crate) async fn create_token(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::CredentialsWrite).await?;
    let body: TokenIn = read_request(&app, request).await?;
    let scopes = permissions(&body.scopes)?;
    let restrictions: Vec<Restriction> = body.access_restrictions.into_iter().map(Into::into).collect();
    if scopes.is_empty() && restrictions.is_empty() {
        let reason = "scopes or access_restrictions must name something: otherwise the token may do nothing";
        return Err(Problem::new(Kind::InvalidBody, reason));
    }
    // A restriction to a plugin lets its token read.
    let mut asked = scopes.clone();
    asked.extend((!restrictions.is_empty()).then_some(Permission::EventsRead));
    refuse_beyond(&caller, &Rights::of_scopes(&asked))?;
    let expires_ms = body.days.map(|days| expires_ms(&app, days)).transpose()?;
    let value = body.value.map_or_else(new_token, Ok)?;
    let deed = Deed::of(&caller, "token.created", "create", format!("The token {:?} was made", body.name));
    let deed = deed.to(vec![target("token", &body.name, None)]);
    let deed = deed.with(vec![("scopes".into(), texts(body.scopes))]);
    let organization = caller.organization().clone();
    let (name, token) = (body.name, value.clone());
    let grant = Some(Grant { scopes, restrictions });
    let new = NewEntry { organization, name: name.clone(), token, grant, expires_ms };
    act(&app, deed, app.store.catalog().create_entry(new)).await?;
    let entries = app.store.catalog().entries().await?;
    let uuid = caller.organization().uuid();
    let own = entries.iter().find(|entry| entry.organization_uuid == uuid && entry.name == name);
    let own = own.ok_or_else(|| Problem::new(Kind::NotFound, "the token was revoked at once"))?;
    Ok(made(&TokenMade { token: TokenOut::of_entry(own), value }))
}

/// Revokes a token of the organization.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "delete_token",
    params(("id" = String, Path, description = "The token's id, a UUID")),
    security(("token" = ["credentials.write"])),
    responses(
        (status = 204, description = "The token lets nobody in any more"),
        (status = 400, description = "The id is no UUID, or the configuration has the token", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "Not allowed: credentials.write is missing", body = ProblemDocument),
        (status = 404, description = "The organization has no such token", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_token(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::CredentialsWrite).await?;
    refuse_parameters(&request)?;
    let id = uuid_of(&id)?;
    let entries = app.store.catalog().entries().await?;
    let uuid = caller.organization().uuid();
    let own = entries.iter().find(|entry| entry.organization_uuid == uuid && entry.uuid == id);
    let own = own.ok_or_else(|| missing(id))?;
    let deed = Deed::of(&caller, "token.revoked", "delete", format!("The token {:?} was revoked", own.name));
    let deed = deed.to(vec![target("token", &own.name, None)]);
    act(&app, deed, app.store.catalog().revoke_entry(caller.organization(), &own.name)).await?;
    Ok(done())
}

/// Lists one's own tokens.
#[utoipa::path(
    get, path = "/api/v1/me/tokens", tag = "tokens", operation_id = "list_my_tokens",
    security(("session" = [])),
    responses(
        (status = 200, description = "The tokens, without their values", body = TokenList),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument),
        (status = 403, description = "A token cannot do this", body = ProblemDocument),
    )
)]
pub(crate) async fn list_my_tokens(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    app.auth.note_used().await;
    let tokens = app.store.catalog().personal_tokens(signed_in(&caller)?).await?;
    let data: Vec<_> = tokens.iter().map(TokenOut::of_personal).collect();
    Ok(found(&TokenList { total: data.len() as u64, data }))
}

/// Makes a token of one's own.
///
/// It may do what its scopes name and its owner may, whatever that is at the time. Its value is shown this once.
#[utoipa::path(
    post, path = "/api/v1/me/tokens", tag = "tokens", operation_id = "create_my_token",
    request_body = PersonalTokenIn,
    security(("session" = [])),
    responses(
        (status = 201, description = "The token, with its value", body = TokenMade),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument),
        (status = 403, description = "A token cannot do this, or a scope is beyond what one may do",
            body = ProblemDocument),
        (status = 409, description = "The name is taken", body = ProblemDocument),
        (status = 413, description = "The body is above a limit", body = ProblemDocument),
        (status = 429, description = "As many tokens as may be are there", body = ProblemDocument),
        (status = 507, description = "The disk is full", body = ProblemDocument),
    )
)]
pub(crate) async fn create_my_token(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller(&Asker::of(request.extensions())).await?;
    let member = signed_in(&caller)?;
    let body: PersonalTokenIn = read_request(&app, request).await?;
    let scopes = permissions(&body.scopes)?;
    if let Some(beyond) = scopes.iter().find(|scope| !caller.has(**scope)) {
        let detail = format!("a token cannot do what its owner may not: you do not have {}", beyond.name());
        return Err(Problem::new(Kind::NotAllowed, detail));
    }
    let expires_ms = expires_ms(&app, body.days.unwrap_or(DAYS_DEFAULT))?;
    let value = new_token()?;
    let deed = Deed::of(&caller, "user.pat.created", "create", format!("The token {:?} was made", body.name));
    let deed = deed.to(vec![target("token", &body.name, None)]);
    let deed = deed.with(vec![("scopes".into(), texts(body.scopes))]);
    let (organization, given) = (caller.organization(), (scopes, Some(expires_ms)));
    let effect = app.store.catalog().create_personal_token(organization, member, (&body.name, &value), given);
    let token = act(&app, deed, effect).await?;
    Ok(made(&TokenMade { token: TokenOut::of_personal(&token), value }))
}

/// Revokes a token of one's own.
#[utoipa::path(
    delete, path = "/api/v1/me/tokens/{id}", tag = "tokens", operation_id = "delete_my_token",
    params(("id" = String, Path, description = "The token's id, a UUID")),
    security(("session" = [])),
    responses(
        (status = 204, description = "The token lets nobody in any more"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "Nobody is signed in", body = ProblemDocument),
        (status = 403, description = "A token cannot do this", body = ProblemDocument),
        (status = 404, description = "There is no such token", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_my_token(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = app.auth.caller(&Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let member = signed_in(&caller)?;
    let id = uuid_of(&id)?;
    let tokens = app.store.catalog().personal_tokens(member).await?;
    let token = tokens.iter().find(|token| token.uuid == id).ok_or_else(|| missing(id))?;
    let deed = Deed::of(&caller, "user.pat.revoked", "delete", format!("The token {:?} was revoked", token.name));
    let effect = async {
        match app.store.catalog().revoke_personal_token(member, id).await? {
            true => Ok(()),
            false => Err(trailbook_store::Error::Missing(format!("there is no token {id}"))),
        }
    };
    act(&app, deed.to(vec![target("token", &token.name, None)]), effect).await?;
    Ok(done())
}

fn missing(id: Uuid) -> Problem {
    Problem::new(Kind::NotFound, format!("there is no token {id}"))
}

/// Permissions by their names, each once.
pub(crate) fn permissions(names: &[String]) -> Result<Vec<Permission>, Problem> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let all = || Permission::ALL.map(Permission::name).join(", ");
        let permission = Permission::from_name(name);
        let permission = permission.ok_or_else(|| {
            Problem::new(Kind::InvalidBody, format!("there is no permission {name:?}; there are {}", all()))
        })?;
        if !found.contains(&permission) {
            found.push(permission);
        }
    }
    Ok(found)
}

fn expires_ms(app: &App, days: i64) -> Result<i64, Problem> {
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(Problem::new(Kind::InvalidBody, format!("days must be 1 to {TOKEN_DAYS_MAX}, not {days}")));
    }
    Ok(app.clock.now_ms().saturating_add(days * DAY_MS))
}

impl TokenOut {
    fn of_entry(entry: &Entry) -> Self {
        Self {
            id: entry.uuid.to_string(),
            name: entry.name.clone(),
            scopes: entry.grant.scopes.iter().map(|scope| scope.name()).collect(),
            access_restrictions: entry.grant.restrictions.iter().cloned().map(Into::into).collect(),
            origin: match (entry.is_issuer, entry.origin) {
                (true, _) => "issuer",
                (false, Origin::File) => "file",
                (false, Origin::Catalog) => "catalog",
            },
            has_value: entry.has_value,
            created_at: time(entry.created_ms),
            expires_at: entry.expires_ms.map(time),
            last_used_at: entry.used_ms.map(time),
        }
    }

    fn of_personal(token: &PersonalToken) -> Self {
        Self {
            id: token.uuid.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.name()).collect(),
            access_restrictions: Vec::new(),
            origin: "member",
            has_value: true,
            created_at: time(token.created_ms),
            expires_at: token.expires_ms.map(time),
            last_used_at: token.used_ms.map(time),
        }
    }
}

impl From<RestrictionBody> for Restriction {
    fn from(body: RestrictionBody) -> Self {
        let RestrictionBody { plugin, permissions, actions } = body;
        Self { plugin, permissions, actions }
    }
}

impl From<Restriction> for RestrictionBody {
    fn from(restriction: Restriction) -> Self {
        let Restriction { plugin, permissions, actions } = restriction;
        Self { plugin, permissions, actions }
    }
}
