//! The page that everybody signs in on, and its form for a password.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use trailbook_store::DEFAULT_ORGANIZATION;

use super::form::{Form, FormToken};
use super::{Shown, let_in, local, notice, page, providers, with_cookies};
use crate::app::App;
use crate::asker::Asker;
use crate::password::Password;
use crate::sign_in::{self, Typed};
use crate::{pages, status, url};

/// What somebody has said so far of the sign-in that they want.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) organization: &'a str,
    pub(super) email: &'a str,
    /// Where to go afterwards.
    pub(super) next: &'a str,
}

/// `GET /sign-in?organization=…&next=…`
pub(crate) async fn show_sign_in(State(app): State<Arc<App>>, RawQuery(query): RawQuery, request: Request) -> Response {
    let asker = Asker::of(request.extensions());
    let pairs = url::pairs(query.as_deref()).unwrap_or_default();
    let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let next = local(value("next").unwrap_or("/"));
    if matches!(app.auth.of_session(&asker).await, Ok(Some(_))) {
        return super::lead(status::NEXT, next);
    }
    let organization = value("organization").filter(|name| !name.is_empty()).unwrap_or(DEFAULT_ORGANIZATION);
    show(&app, &asker, Wanted { organization, email: "", next }, None)
}

/// `POST /sign-in`
pub(crate) async fn sign_in(State(app): State<Arc<App>>, request: Request) -> Response {
    let asker = Asker::of(request.extensions());
    let mut form = match Form::read(&app, request).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let password = Password::new(form.take("password"));
    let wanted =
        Wanted { organization: form.text("organization").trim(), email: form.text("email"), next: form.text("next") };
    if !form.is_ours(&app, &asker) {
        return show(&app, &asker, wanted, Some(&Shown::foreign_form()));
    }
    let typed = Typed { organization: wanted.organization, email: wanted.email, password };
    match sign_in::with_password(&app, &asker, typed).await {
        Ok(signed_in) => let_in(status::NEXT, signed_in, wanted.next),
        Err(refused) => show(&app, &asker, wanted, Some(&refused.into())),
    }
}

/// The page, with why the try before failed.
pub(super) fn show(app: &App, asker: &Asker, wanted: Wanted<'_>, refusal: Option<&Shown>) -> Response {
    let token = match FormToken::new(app, asker) {
        Ok(token) => token,
        Err(error) => return notice(&Shown::failed(&error)),
    };
    let is_password_taken = !app.sign_in.is_provider_only(wanted.organization);
    let template = pages::SignIn {
        csrf: &token.csrf,
        next: local(wanted.next),
        organization: wanted.organization,
        email: wanted.email,
        is_password_taken,
        providers: &providers(app, wanted.organization),
        error: refusal.map(|refusal| refusal.text.as_str()),
        are_fields_wrong: refusal.is_some_and(|refusal| refusal.is_of_fields),
    };
    let response = match refusal {
        Some(refusal) => refusal.page(&template),
        None => page(status::FOUND, &template),
    };
    with_cookies(response, [token.cookie])
}
