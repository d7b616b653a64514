//! One's own account: who one is, one's password, where one is signed in, and one's tokens.

pub(super) mod sessions;
pub(super) mod tokens;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use trailbook_event::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, TOKEN_DAYS_MAX};

use self::sessions::SessionRow;
use self::tokens::{MadeToken, TokenRow, TokenTyped};
use super::Console;
use super::answer::{self, Refusal, Why};
use super::frame::{Frame, Section};
use super::scopes::{self, ScopeArea};
use super::time::Clock;
use super::visit::{Sent, Visit};

/// The path of the page.
const PATH: &str = "/account";

#[derive(Template)]
#[template(path = "ui/account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    who: Who,
    sessions: Vec<SessionRow>,
    tokens: Vec<TokenRow>,
    scopes: Vec<ScopeArea>,
    typed: &'a Typed,
    done: Option<&'static str>,
    made: Option<&'a MadeToken>,
}

/// Who one is.
struct Who {
    has_password: bool,
    roles: Vec<String>,
    groups: Vec<String>,
}

/// What was typed into the forms of the page, and what is wrong with it.
#[derive(Default)]
struct Typed {
    name: Option<String>,
    token: TokenTyped,
    wrong: Option<Wrong>,
}

/// What is wrong with a form.
struct Wrong {
    /// The field that it is about, or the form.
    field: &'static str,
    why: Why,
    text: String,
}

/// What the page shows of `GET /api/v1/me`.
#[derive(Deserialize)]
struct Me {
    member: Option<MeMember>,
}

#[derive(Deserialize)]
struct MeMember {
    has_password: bool,
}

impl Typed {
    fn wrong(field: &'static str, refusal: Refusal) -> Self {
        let wrong = Wrong { field, why: refusal.why, text: refusal.text };
        Self { wrong: Some(wrong), ..Self::default() }
    }

    fn invalid(field: &'static str, text: &str) -> Self {
        Self::wrong(field, Refusal::new(Why::Invalid, text))
    }
}

impl AccountPage<'_> {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.typed.wrong.as_ref().filter(|wrong| wrong.field == field).map(|wrong| wrong.text.as_str())
    }

    /// The name in its field.
    fn name(&self) -> &str {
        self.typed.name.as_deref().unwrap_or(self.frame.name)
    }

    fn has_other_sessions(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }

    fn is_token_form_open(&self) -> bool {
        self.typed.wrong.as_ref().is_some_and(|wrong| wrong.field.starts_with("token"))
    }

    fn password_chars_min(&self) -> usize {
        PASSWORD_CHARS_MIN
    }

    fn password_chars_max(&self) -> usize {
        PASSWORD_CHARS_MAX
    }

    fn days_max(&self) -> i64 {
        TOKEN_DAYS_MAX
    }
}

/// `GET /account`
pub(super) async fn show_account(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    page(&console, &visit, &Typed::default(), None).await
}

/// `POST /account/name` with `name`
pub(super) async fn change_name(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let name = form.text("name").trim();
    match console.send(&visit, Method::PATCH, "/api/v1/me", &json!({ "name": name })).await {
        Ok(_) => answer::lead(&visit, "/account?done=name"),
        Err(refusal) => {
            let typed = Typed { name: Some(name.to_owned()), ..Typed::wrong("name", refusal) };
            page(&console, &visit, &typed, None).await
        }
    }
}

/// `POST /account/password` with `current_password`, `password` and `password_again`
pub(super) async fn change_password(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    if form.text("password") != form.text("password_again") {
        let typed = Typed::invalid("password-again", "The two are not the same.");
        return page(&console, &visit, &typed, None).await;
    }
    let body = json!({ "password": form.text("password"), "current_password": form.text("current_password") });
    let Err(refusal) = console.send(&visit, Method::PATCH, "/api/v1/me", &body).await else {
        // All sessions have ended, this one too.
        return answer::to_sign_in(&visit.headers, PATH);
    };
    let typed = match refusal.kind.as_str() {
        "sign-in-failed" => Typed::wrong("current-password", Refusal { text: WRONG_PASSWORD.to_owned(), ..refusal }),
        "invalid-body" => Typed::wrong("password", refusal),
        _ => Typed::wrong("password-form", refusal),
    };
    page(&console, &visit, &typed, None).await
}

const WRONG_PASSWORD: &str = "This is not your password. Some tries later there is a wait before the next.";

/// The whole page, with what was typed into its forms and a token that was just made.
async fn page(console: &Console, visit: &Visit, typed: &Typed, made: Option<&MadeToken>) -> Response {
    let page = match read(console, visit, typed, made).await {
        Ok(page) => page,
        Err(refusal) => return refusal.page(visit),
    };
    match &typed.wrong {
        Some(wrong) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    }
}

async fn read<'a>(
    console: &Console,
    visit: &'a Visit,
    typed: &'a Typed,
    made: Option<&'a MadeToken>,
) -> Result<AccountPage<'a>, Refusal> {
    let clock = Clock::of(visit, console.app.clock.now_ms());
    let me: Me = console.get(visit, "/api/v1/me").await?;
    let current = console.app.auth.current();
    let groups = visit.caller.member().map(|member| current.directory().groups_of(member.id)).unwrap_or_default();
    let who = Who {
        has_password: me.member.is_some_and(|member| member.has_password),
        roles: current.roles_of(visit.caller.own()).iter().map(|role| role.name.clone()).collect(),
        groups: groups.iter().map(|group| group.name.clone()).collect(),
    };
    Ok(AccountPage {
        frame: Frame::in_section(visit, Section::Account).at(PATH),
        who,
        sessions: sessions::rows(console, visit, &clock).await?,
        tokens: tokens::rows(console, visit, &clock).await?,
        scopes: scopes::own(visit, &typed.token.scopes),
        typed,
        done: visit.parameter("done").and_then(|word| done(&word)),
        made,
    })
}

/// What has been done, in a sentence.
fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "name" => "Your name has been changed.",
        "session" => "The session has been ended.",
        "sessions" => "All other sessions have been ended.",
        "revoked" => "The token has been revoked. It lets nobody in any more.",
        _ => return None,
    })
}
