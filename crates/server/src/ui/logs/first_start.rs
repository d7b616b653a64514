//! What an empty log offers: a token with a command that sends the first event, and the demo's data.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use serde_json::json;

use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::visit::Sent;

/// Days for which the token of the first event is good.
const TOKEN_DAYS: i64 = 7;

#[derive(Template)]
#[template(path = "ui/first_token.html")]
struct TokenPart {
    name: String,
    value: String,
    base: String,
}

#[derive(Template)]
#[template(path = "ui/first_token_page.html")]
struct TokenPage<'a> {
    frame: Frame<'a>,
    part: TokenPart,
}

/// `POST /logs/first-token`: makes a personal token that sends events, and shows a command with it.
pub(in crate::ui) async fn make_token(State(console): State<Arc<Console>>, Sent { visit, .. }: Sent) -> Response {
    let name = format!("first-event-{}", console.app.clock.now_ms().rem_euclid(1_000_000_000));
    let body = json!({"name": name, "scopes": ["events.write"], "days": TOKEN_DAYS});
    let made = match console.send(&visit, Method::POST, "/api/v1/me/tokens", &body).await {
        Ok(made) => made,
        Err(refusal) => return refusal.page(&visit),
    };
    let Some(value) = made.get("value").and_then(serde_json::Value::as_str) else {
        return Refusal::failed().page(&visit);
    };
    let base = console.app.public_url.clone().or_else(|| visit.asker.base_url()).unwrap_or_default();
    let part = TokenPart { name, value: value.to_owned(), base };
    if visit.is_of_script() {
        return answer::page(&visit, &part);
    }
    answer::page(&visit, &TokenPage { frame: Frame::in_section(&visit, Section::Logs), part })
}

/// `POST /logs/demo`: loads the demo's data.
pub(in crate::ui) async fn load_demo(State(console): State<Arc<Console>>, Sent { visit, .. }: Sent) -> Response {
    match console.ask_without_body(&visit, Method::POST, "/api/v1/demo").await {
        Ok(_) => answer::lead(&visit, "/logs"),
        Err(refusal) => refusal.page(&visit),
    }
}
