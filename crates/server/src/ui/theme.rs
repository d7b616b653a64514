//! Light or dark, as the system has it or as the visitor chooses. A cookie remembers it, so pages come in it at once.

use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::answer;
use super::visit::{Sent, Visit};
use crate::auth::session::cookie;
use crate::oidc::is_local_path;

const COOKIE: &str = "trailbook-theme";
const YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// How a page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the system has it.
    System,
    Light,
    Dark,
}

impl Theme {
    /// The one that the visitor has chosen.
    pub(super) fn of(visit: &Visit) -> Self {
        visit.cookie(COOKIE).map_or(Theme::System, Self::named)
    }

    fn named(name: &str) -> Self {
        match name {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::System,
        }
    }

    /// Its name in the page and in the cookie.
    pub(super) fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// `POST /theme` with `theme` and `next`
pub(super) async fn choose(Sent { visit, form }: Sent) -> Response {
    let theme = Theme::named(form.text("theme"));
    let next = if is_local_path(form.text("next")) { form.text("next") } else { "/" };
    let mut response = answer::lead(&visit, next);
    let cookie = cookie(COOKIE, Some(theme.name()), YEAR_SECONDS, visit.asker.is_https);
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
