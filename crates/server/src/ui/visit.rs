//! Somebody who opens a page, or sends a form of one.
//!
//! Whoever is not signed in is led to the page for that, and comes back afterwards. A form is taken if it carries the
//! token of its session.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Console;
use super::answer::{self, Refusal};
use crate::asker::{Asker, Peer};
use crate::auth::{Caller, Denial, Permission};
use crate::gate::form::Form;
use crate::url;

/// What stands for itself in a URL's query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Somebody who is signed in and opens a page.
pub(super) struct Visit {
    pub(super) caller: Caller,
    pub(super) asker: Arc<Asker>,
    /// What its forms carry.
    pub(super) csrf: String,
    pub(super) headers: HeaderMap,
    /// The path and query that were opened.
    pub(super) path: String,
    pub(super) peer: Option<Peer>,
}

impl Visit {
    /// Whether the member has a permission.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.caller.has(permission)
    }

    /// Whether a script of the page asks, which puts what comes back into the page.
    pub(super) fn is_of_script(&self) -> bool {
        let is_whole = ["hx-boosted", "hx-history-restore-request"].iter().any(|name| self.headers.contains_key(*name));
        self.headers.contains_key("hx-request") && !is_whole
    }

    /// A parameter of the URL's query.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = url::pairs(self.path.split_once('?').map(|(_, query)| query)).ok()?;
        pairs.into_iter().find(|(one, _)| one == name).map(|(_, value)| value)
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.asker.cookie(name)
    }

    async fn of_parts(parts: &Parts, console: &Console) -> Result<Self, Response> {
        let asker = Asker::of(&parts.extensions);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let caller = if parts.method == Method::GET || parts.method == Method::HEAD {
            console.app.auth.visitor(&asker).await
        } else {
            // What the form asks of the API counts.
            console.app.auth.of_session(&asker).await.and_then(|caller| caller.ok_or(crate::auth::MISSING))
        };
        let caller = match caller {
            Ok(caller) => caller,
            Err(Denial::Unauthenticated(_)) => return Err(answer::to_sign_in(&parts.headers, &path)),
            Err(denial) => return Err(Refusal::from(denial).bare()),
        };
        let Some(csrf) = console.app.auth.masked_csrf_token(&asker) else {
            return Err(answer::to_sign_in(&parts.headers, &path));
        };
        let peer = parts.extensions.get::<Peer>().copied();
        Ok(Self { caller, asker, csrf, headers: parts.headers.clone(), path, peer })
    }
}

impl FromRequestParts<Arc<Console>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        Self::of_parts(parts, console).await
    }
}

/// A form of a page that was sent: of whom, and what it says.
pub(super) struct Sent {
    pub(super) visit: Visit,
    pub(super) form: Form,
}

impl FromRequest<Arc<Console>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let visit = Visit::of_parts(&parts, console).await?;
        let form = match Form::read(&console.app, Request::from_parts(parts, body)).await {
            Ok(form) => form,
            Err(problem) => return Err(problem.into_response()),
        };
        if console.app.auth.check_csrf(&visit.asker, Some(form.text("csrf"))).is_err() {
            visit.asker.deny(&visit.caller, "a form came without the token of its session");
            return Err(Refusal::foreign_form().bare());
        }
        Ok(Self { visit, form })
    }
}

/// A text as it stands in a URL's query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
