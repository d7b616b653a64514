//! External access: what lets applications and portals in.
//!
//! Tokens that were made here can be revoked here. What the configuration names is shown beside them.

pub(in crate::ui) mod new;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::confirm::Question;
use crate::ui::frame::{Frame, Section};
use crate::ui::time::{Clock, Moment};
use crate::ui::visit::{Sent, Visit, encoded};

/// The path of the page.
const PATH: &str = "/settings/access";
/// Where the API has tokens.
const TOKENS: &str = "/api/v1/tokens";

#[derive(Template)]
#[template(path = "ui/settings/access.html")]
struct AccessPage<'a> {
    frame: Frame<'a>,
    entries: Vec<EntryRow>,
    may_write: bool,
    done: Option<&'static str>,
}

/// A token, or the tokens of an issuer, as a row.
struct EntryRow {
    id: String,
    name: String,
    kind: EntryKind,
    scopes: Vec<String>,
    restrictions: Vec<Restriction>,
    has_value: bool,
    created: Moment,
    used: Option<Moment>,
    expires: Option<Moment>,
    is_expired: bool,
}

/// Where an entry comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    /// A token that was made here, or by command.
    Made,
    /// A token of the configuration.
    Configured,
    /// JWTs of an issuer that the configuration names.
    Issuer,
}

/// What is shown of `GET /api/v1/tokens`.
#[derive(Deserialize)]
struct Tokens {
    data: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    id: String,
    name: String,
    scopes: Vec<String>,
    #[serde(default)]
    access_restrictions: Vec<Restriction>,
    origin: String,
    has_value: bool,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// A plugin of a portal's API, and what may be done with it.
#[derive(Deserialize)]
struct Restriction {
    plugin: String,
    permissions: Option<Vec<String>>,
    actions: Option<Vec<String>>,
}

impl Restriction {
    /// `audit-log: audit.log.read`
    fn words(&self) -> String {
        let list = |given: &Option<Vec<String>>| given.as_deref().map(|words| words.join(", "));
        match (list(&self.permissions), list(&self.actions)) {
            (None, None) => format!("{}: all of it", self.plugin),
            (Some(permissions), None) => format!("{}: {permissions}", self.plugin),
            (None, Some(actions)) => format!("{}: what is for {actions}", self.plugin),
            (Some(permissions), Some(actions)) => format!("{}: {permissions} for {actions}", self.plugin),
        }
    }
}

impl EntryRow {
    fn of(token: Token, clock: &Clock) -> Self {
        Self {
            kind: match token.origin.as_str() {
                "issuer" => EntryKind::Issuer,
                "file" => EntryKind::Configured,
                _ => EntryKind::Made,
            },
            created: clock.moment_of(&token.created_at),
            used: token.last_used_at.map(|at| clock.moment_of(&at)),
            is_expired: token.expires_at.as_deref().is_some_and(|at| clock.is_past(at)),
            expires: token.expires_at.map(|at| clock.moment_of(&at)),
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            restrictions: token.access_restrictions,
            has_value: token.has_value,
        }
    }

    fn kind_words(&self) -> &'static str {
        match self.kind {
            EntryKind::Issuer => "JWTs of an issuer",
            EntryKind::Made | EntryKind::Configured => "token",
        }
    }

    fn origin_words(&self) -> &'static str {
        match self.kind {
            EntryKind::Made => "made here",
            EntryKind::Configured | EntryKind::Issuer => "configuration",
        }
    }

    fn is_made(&self) -> bool {
        self.kind == EntryKind::Made
    }

    /// Whether nobody gets in with it yet, though its entry stands.
    fn is_empty(&self) -> bool {
        !self.has_value && self.kind != EntryKind::Issuer
    }

    /// Whether it may do all that there is.
    fn may_everything(&self) -> bool {
        self.scopes.len() == Permission::ALL.len()
    }
}

/// `GET /settings/access`
pub(in crate::ui) async fn show_access(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let tokens: Tokens = match console.get(&visit, TOKENS).await {
        Ok(tokens) => tokens,
        Err(refusal) => return refusal.page(&visit),
    };
    let clock = Clock::of(&visit, console.app.clock.now_ms());
    let page = AccessPage {
        frame: Frame::in_section(&visit, Section::Settings),
        entries: tokens.data.into_iter().map(|token| EntryRow::of(token, &clock)).collect(),
        may_write: visit.may(Permission::CredentialsWrite),
        done: (visit.parameter("done").as_deref() == Some("revoked"))
            .then_some("The token has been revoked. It lets nobody in any more."),
    };
    answer::page(&visit, &page)
}

/// `GET /settings/access/{id}/revoke`
pub(in crate::ui) async fn show_revoke(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Response {
    match name_of(&console, &visit, &id).await {
        Ok(name) => with_question(&id, &name, |question| question.ask(&visit)),
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /settings/access/{id}/revoke` with `confirm`
pub(in crate::ui) async fn revoke_token(
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
    match console.delete(&visit, &format!("{TOKENS}/{}", encoded(&id))).await {
        Ok(_) => answer::lead(&visit, "/settings/access?done=revoked"),
        Err(refusal) => with_question(&id, &name, |question| question.refused(&visit, &refusal)),
    }
}

async fn name_of(console: &Console, visit: &Visit, id: &str) -> Result<String, Refusal> {
    let tokens: Tokens = console.get(visit, TOKENS).await?;
    let token = tokens.data.into_iter().find(|token| token.id == id);
    token.map(|token| token.name).ok_or_else(|| Refusal::new(Why::NotFound, "There is no such token."))
}

fn with_question<T>(id: &str, name: &str, ask: impl FnOnce(&Question<'_>) -> T) -> T {
    ask(&Question {
        section: Section::Settings,
        title: "Revoke the token",
        name,
        says: "Whatever uses it gets in no more, at once: no events come in through it, and none are read. This \
               cannot be undone.",
        button: "Revoke the token",
        action: &format!("{PATH}/{}/revoke", encoded(id)),
        back: PATH,
    })
}
