//! Personal tokens: what programs of a member show instead of a password.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use trailbook_event::limits::TOKEN_DAYS_MAX;

use super::{PATH as ACCOUNT, Typed, page};
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::confirm::Question;
use crate::ui::frame::Section;
use crate::ui::scopes::{names, ticked};
use crate::ui::time::{Clock, Moment};
use crate::ui::visit::{Sent, Visit, encoded};

/// Where the API has them.
const PATH: &str = "/api/v1/me/tokens";
/// Days that stand in the form.
const DAYS: &str = "90";

/// A token as a row.
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) created: Moment,
    pub(super) used: Option<Moment>,
    pub(super) expires: Option<Moment>,
    pub(super) is_expired: bool,
}

/// What was typed to make one.
pub(super) struct TokenTyped {
    pub(super) name: String,
    pub(super) days: String,
    pub(super) scopes: Vec<Permission>,
}

/// A token that was made, with its value.
#[derive(Deserialize)]
pub(super) struct MadeToken {
    pub(super) token: MadeName,
    pub(super) value: String,
}

#[derive(Deserialize)]
pub(super) struct MadeName {
    pub(super) name: String,
}

/// What is shown of `GET /api/v1/me/tokens`.
#[derive(Deserialize)]
struct Tokens {
    data: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

impl Default for TokenTyped {
    fn default() -> Self {
        Self { name: String::new(), days: DAYS.to_owned(), scopes: vec![Permission::EventsRead] }
    }
}

/// One's tokens.
pub(super) async fn rows(console: &Console, visit: &Visit, clock: &Clock) -> Result<Vec<TokenRow>, Refusal> {
    let tokens: Tokens = console.get(visit, PATH).await?;
    let row = |token: Token| TokenRow {
        scopes: token.scopes,
        created: clock.moment_of(&token.created_at),
        used: token.last_used_at.map(|at| clock.moment_of(&at)),
        is_expired: token.expires_at.as_deref().is_some_and(|at| clock.is_past(at)),
        expires: token.expires_at.map(|at| clock.moment_of(&at)),
        id: token.id,
        name: token.name,
    };
    Ok(tokens.data.into_iter().map(row).collect())
}

/// `POST /account/tokens` with `name`, `days` and boxes of scopes
pub(crate) async fn create_token(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    match create(&console, &visit, &form).await {
        Ok(made) => page(&console, &visit, &Typed::default(), Some(&made)).await,
        Err(typed) => page(&console, &visit, &typed, None).await,
    }
}

async fn create(console: &Console, visit: &Visit, form: &Form) -> Result<MadeToken, Typed> {
    let (name, days, scopes) = (form.text("name").trim(), form.text("days").trim(), ticked(form));
    let token = || TokenTyped { name: name.to_owned(), days: days.to_owned(), scopes: scopes.clone() };
    let invalid = |field, text: &str| Typed { token: token(), ..Typed::invalid(field, text) };
    if scopes.is_empty() {
        return Err(invalid("token-scopes", "A token that may do nothing is of no use: tick what it may do."));
    }
    let is_good = |days: &i64| (1..=TOKEN_DAYS_MAX).contains(days);
    let Some(number) = days.parse().ok().filter(is_good) else {
        return Err(invalid("token-days", &format!("This must be 1 to {TOKEN_DAYS_MAX} days.")));
    };
    let body = json!({ "name": name, "days": number, "scopes": names(&scopes) });
    let made = console.send(visit, Method::POST, PATH, &body).await;
    let made = made.and_then(|made| serde_json::from_value(made).map_err(|_| Refusal::failed()));
    made.map_err(|refusal| {
        let field = if refusal.why == Why::NotAllowed { "token-scopes" } else { "token-name" };
        Typed { token: token(), ..Typed::wrong(field, refusal) }
    })
}

/// `GET /account/tokens/{id}/revoke`
pub(crate) async fn show_revoke(State(console): State<Arc<Console>>, Path(id): Path<String>, visit: Visit) -> Response {
    match name_of(&console, &visit, &id).await {
        Ok(name) => with_question(&id, &name, |question| question.ask(&visit)),
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /account/tokens/{id}/revoke` with `confirm`
pub(crate) async fn revoke_token(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Sent { visit, form }: Sent,
) -> Response {
    let name = match name_of(&console, &visit, &id).await {
        Ok(name) => name,
        Err(refusal) => return refusal.page(&visit),
    };
    if let Some(again) = with_question(&id, &name, |question| question.unless_confirmed(&visit, &form)) {
        return again;
    }
    match console.delete(&visit, &format!("{PATH}/{}", encoded(&id))).await {
        Ok(_) => answer::lead(&visit, "/account?done=revoked"),
        Err(refusal) => with_question(&id, &name, |question| question.refused(&visit, &refusal)),
    }
}

async fn name_of(console: &Console, visit: &Visit, id: &str) -> Result<String, Refusal> {
    let tokens: Tokens = console.get(visit, PATH).await?;
    let token = tokens.data.into_iter().find(|token| token.id == id);
    token.map(|token| token.name).ok_or_else(|| Refusal::new(Why::NotFound, "You have no such token."))
}

fn with_question<T>(id: &str, name: &str, ask: impl FnOnce(&Question<'_>) -> T) -> T {
    ask(&Question {
        section: Section::Account,
        title: "Revoke the token",
        name,
        says: "Programs that use it get in no more, at once. This cannot be undone; a new token has another value.",
        button: "Revoke the token",
        action: &format!("{ACCOUNT}/tokens/{}/revoke", encoded(id)),
        back: ACCOUNT,
    })
}
