//! Signing in through an OpenID provider: away to it, and back.
//!
//! A form leads away over a page of its own, since a browser under our policy follows no redirect to another server
//! that answers a form. What only this sign-in knows is in a cookie for the provider's paths alone.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use trailbook_event::limits::SIGN_IN_SECONDS_MAX;

use super::form::Form;
use super::password::{Wanted, show};
use super::{Shown, Why, lead, let_in, local, page, with_cookies};
use crate::api::problem::Problem;
use crate::app::App;
use crate::asker::Asker;
use crate::oidc::{Kind, Provider, Refusal};
use crate::{pages, sign_in, status, url};

/// `GET /sign-in/{provider}?return_to=…`
pub(crate) async fn begin_by_link(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let asker = Asker::of(request.extensions());
    let Some(provider) = app.sign_in.provider(&name) else { return nothing(&asker) };
    let pairs = url::pairs(query.as_deref()).unwrap_or_default();
    let return_to = pairs.iter().find(|(name, _)| name == "return_to").map_or("/", |(_, value)| value);
    if asker.is_cross_site() {
        // Whoever comes from elsewhere says themselves that they want to sign in.
        return show(&app, &asker, wanted(provider, return_to), None);
    }
    match provider.begin(return_to, app.clock.now_ms()).await {
        Ok(begun) => {
            let response = lead(status::AWAY, &begun.redirect_url);
            with_cookies(response, [cookie(provider, &asker, Some(&begun.cookie))])
        }
        Err(refusal) => refused(&app, &asker, (provider, return_to), &refusal).await,
    }
}

/// `POST /sign-in/{provider}`
pub(crate) async fn begin_by_form(State(app): State<Arc<App>>, Path(name): Path<String>, request: Request) -> Response {
    let asker = Asker::of(request.extensions());
    let Some(provider) = app.sign_in.provider(&name) else { return nothing(&asker) };
    let form = match Form::read(&app, request).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let next = local(form.text("next"));
    if !form.is_ours(&app, &asker) {
        return show(&app, &asker, wanted(provider, next), Some(&Shown::foreign_form()));
    }
    match provider.begin(next, app.clock.now_ms()).await {
        Ok(begun) => {
            let label = &provider.settings().name;
            let response = page(status::FOUND, &pages::Leave { label, url: &begun.redirect_url });
            with_cookies(response, [cookie(provider, &asker, Some(&begun.cookie))])
        }
        Err(refusal) => refused(&app, &asker, (provider, next), &refusal).await,
    }
}

/// `GET /sign-in/{provider}/callback`
pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let asker = Asker::of(request.extensions());
    let Some(provider) = app.sign_in.provider(&name) else { return nothing(&asker) };
    let held = asker.cookie(cookie_name(asker.is_https)).unwrap_or_default();
    let finished = provider.finish(query.as_deref().unwrap_or_default(), held, app.clock.now_ms()).await;
    let response = match finished {
        Ok(finished) => match sign_in::with_identity(&app, &asker, (provider, &finished.identity)).await {
            Ok(signed_in) => let_in(status::AWAY, signed_in, &finished.return_to),
            Err(refused) => show(&app, &asker, wanted(provider, &finished.return_to), Some(&refused.into())),
        },
        Err(refusal) => refused(&app, &asker, (provider, "/"), &refusal).await,
    };
    with_cookies(response, [cookie(provider, &asker, None)])
}

fn nothing(asker: &Arc<Asker>) -> Response {
    Problem::nothing_at(&asker.shown_path()).into_response()
}

fn wanted<'a>(provider: &'a Provider, next: &'a str) -> Wanted<'a> {
    Wanted { organization: &provider.settings().organization, email: "", next }
}

/// Says that nobody was signed in, after that is on record.
async fn refused(app: &App, asker: &Arc<Asker>, (provider, next): (&Provider, &str), refusal: &Refusal) -> Response {
    let name = &provider.settings().name;
    tracing::warn!(provider = %name, reason = %refusal, "a sign-in through a provider was refused");
    if let Err(error) = sign_in::note_refusal(app, asker, provider, &refusal.to_string()).await {
        tracing::error!(%error, "a refused sign-in could not be recorded");
    }
    let why = match refusal.kind() {
        Kind::ReturnElsewhere | Kind::Interrupted | Kind::Untrusted => Why::Untrusted,
        Kind::Declined | Kind::NoEmail | Kind::NotAllowed => Why::NotAllowed,
        Kind::Unavailable => Why::Busy,
    };
    show(app, asker, wanted(provider, next), Some(&Shown::new(why, refusal.kind().message())))
}

/// The name of the cookie. That of a `__Host-` one would have to be for all paths.
fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Secure-trailbook-provider" } else { "trailbook-provider" }
}

/// What the browser brings back; without a value it is to be forgotten.
fn cookie(provider: &Provider, asker: &Arc<Asker>, value: Option<&str>) -> String {
    let (name, path) = (cookie_name(asker.is_https), &provider.settings().name);
    let age = if value.is_some() { SIGN_IN_SECONDS_MAX } else { 0 };
    let secure = if asker.is_https { "; Secure" } else { "" };
    let value = value.unwrap_or_default();
    format!("{name}={value}; Path=/sign-in/{path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}
