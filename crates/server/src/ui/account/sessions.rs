//! Where one is signed in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::time::{Clock, Moment};
use crate::ui::visit::{Sent, Visit, encoded};

/// A session as a row.
pub(super) struct SessionRow {
    pub(super) id: String,
    /// `Firefox on Linux`
    pub(super) browser: String,
    pub(super) user_agent: String,
    pub(super) address: String,
    pub(super) method: &'static str,
    pub(super) created: Moment,
    pub(super) used: Moment,
    pub(super) ends: Moment,
    pub(super) is_current: bool,
}

/// What is shown of `GET /api/v1/me/sessions`.
#[derive(Deserialize)]
struct Sessions {
    data: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    method: String,
    address: String,
    user_agent: String,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    is_current: Option<bool>,
}

const PATH: &str = "/api/v1/me/sessions";

/// One's sessions, this one first.
pub(super) async fn rows(console: &Console, visit: &Visit, clock: &Clock) -> Result<Vec<SessionRow>, Refusal> {
    let sessions: Sessions = console.get(visit, PATH).await?;
    let row = |session: Session| SessionRow {
        browser: browser(&session.user_agent),
        method: match session.method.as_str() {
            "password" => "password",
            "link" => "a link",
            _ => "identity provider",
        },
        created: clock.moment_of(&session.created_at),
        used: clock.moment_of(&session.last_used_at),
        ends: clock.moment_of(&session.expires_at),
        is_current: session.is_current.unwrap_or_default(),
        id: session.id,
        user_agent: session.user_agent,
        address: session.address,
    };
    let mut rows: Vec<_> = sessions.data.into_iter().map(row).collect();
    rows.sort_by_key(|row| !row.is_current);
    Ok(rows)
}

/// `POST /account/sessions/{id}/end`
pub(crate) async fn end_session(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Sent { visit, .. }: Sent,
) -> Response {
    match console.delete(&visit, &format!("{PATH}/{}", encoded(&id))).await {
        Ok(_) => answer::lead(&visit, "/account?done=session"),
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /account/sessions/others/end`
pub(crate) async fn end_others(State(console): State<Arc<Console>>, Sent { visit, .. }: Sent) -> Response {
    let sessions: Sessions = match console.get(&visit, PATH).await {
        Ok(sessions) => sessions,
        Err(refusal) => return refusal.page(&visit),
    };
    for session in sessions.data.iter().filter(|session| session.is_current != Some(true)) {
        match console.delete(&visit, &format!("{PATH}/{}", encoded(&session.id))).await {
            // It may have ended meanwhile.
            Err(refusal) if refusal.kind != "not-found" => return refusal.page(&visit),
            _ => {}
        }
    }
    answer::lead(&visit, "/account?done=sessions")
}

/// What a browser is commonly called, as far as it says.
fn browser(user_agent: &str) -> String {
    // The first that is named counts: Edge names Chrome too, and Chrome names Safari.
    let browsers = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    match (named(&browsers), named(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_named_as_people_do() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser(&format!("{chrome} Edg/148.0")), "Edge on Linux");
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1";
        assert_eq!(browser(phone), "Safari on iPhone");
        assert_eq!(browser("curl/8.9"), "curl");
        assert_eq!(browser("\u{202e}<b>"), "Unknown browser");
    }
}
