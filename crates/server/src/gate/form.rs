//! Forms of pages that are there before anybody is signed in.
//!
//! Such a page puts a random value into a cookie and what a key of the server makes of it into its forms. A form is
//! taken if the two fit, and if the browser does not say that a page of another site sends it: so nobody is signed in,
//! or made to accept something, by a page that is not ours.

use axum::extract::Request;
use trailbook_event::limits::{FORM_HOURS_MAX, MEMBERS_BODY_BYTES_MAX};
use trailbook_store::Error;
use trailbook_store::credential::new_token;

use crate::api::problem::{Kind, Problem};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::session::cookie;
use crate::ingest::body;
use crate::url;

const HOUR_SECONDS: i64 = 60 * 60;

/// What a page puts into its forms, and the cookie that goes with it.
pub(crate) struct FormToken {
    pub(crate) csrf: String,
    pub(crate) cookie: String,
}

/// A form that was sent: its fields in their order.
pub(crate) struct Form(Vec<(String, String)>);

fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-trailbook-page" } else { "trailbook-page" }
}

impl FormToken {
    /// For a page that this browser opens. Pages that it has open already stay good.
    pub(crate) fn new(app: &App, asker: &Asker) -> Result<Self, Error> {
        let name = cookie_name(asker.is_https);
        let held = match asker.cookie(name).filter(|held| !held.is_empty()) {
            Some(held) => held.to_owned(),
            None => new_token()?,
        };
        let csrf = app.auth.csrf_of_page(&held);
        Ok(Self { csrf, cookie: cookie(name, Some(&held), FORM_HOURS_MAX * HOUR_SECONDS, asker.is_https) })
    }
}

impl Form {
    /// Reads a form.
    pub(crate) async fn read(app: &App, request: Request) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let whole = body::read_up_to(MEMBERS_BODY_BYTES_MAX, app, &parts.headers, body).await?;
        let unreadable = || Problem::new(Kind::InvalidBody, "the body is no form that is percent-encoded UTF-8");
        let text = std::str::from_utf8(&whole.bytes).map_err(|_| unreadable())?;
        url::pairs(Some(text)).map(Self).map_err(|_| unreadable())
    }

    /// A field; empty where it is not there. Of one that is there twice the last counts.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.all(name).pop().unwrap_or_default()
    }

    /// What a field says that may be there several times, such as boxes that are ticked.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A field, which is then no more in the form.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let taken = std::mem::take(&mut self.0).into_iter().partition(|(one, _)| one == name);
        let (named, others): (Vec<_>, Vec<_>) = taken;
        self.0 = others;
        named.into_iter().next_back().map(|(_, value)| value).unwrap_or_default()
    }

    /// Whether it comes from a page that this server gave to the same browser.
    pub(crate) fn is_ours(&self, app: &App, asker: &Asker) -> bool {
        app.auth.is_form_of_page(asker, asker.cookie(cookie_name(asker.is_https)), self.text("csrf"))
    }
}
