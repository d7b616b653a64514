//! What browsers open: signing in, invitations, who is signed in. Pages are in [`crate::pages`]; this is what
//! asks for them and takes their forms.
//!
//! Every page has [`POLICY`] and is kept by no cache. A form is taken from a page of this server alone ([`form`]).
//! Where a form succeeds the browser is led on with a redirect, so that going back sends nothing twice.

pub(crate) mod form;
pub(crate) mod home;
pub(crate) mod invitation;
pub(crate) mod password;
pub(crate) mod provider;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use trailbook_store::Error;

use crate::api::problem::{Kind, Problem};
use crate::app::App;
use crate::oidc::is_local_path;
use crate::pages::{self, POLICY};
use crate::sign_in::Refused;
use crate::{sign_in, status};

/// Why a page says that something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// What another server answered, or what a link says, cannot be trusted.
    Untrusted,
    /// Somebody may not do it, or did not show who they are.
    NotAllowed,
    /// It is not there, or not any more.
    Gone,
    /// Somebody has it already.
    Taken,
    /// What was typed is not as it must be.
    Invalid,
    /// It was tried too often.
    TooOften,
    /// The server, or one that it needs, cannot do it now.
    Busy,
}

/// A refusal as a page shows it.
pub(crate) struct Shown {
    why: Why,
    text: String,
    retry_seconds: Option<u32>,
    /// Whether what was typed is wrong.
    is_of_fields: bool,
}

impl Shown {
    pub(crate) fn new(why: Why, text: impl Into<String>) -> Self {
        Self { why, text: text.into(), retry_seconds: None, is_of_fields: false }
    }

    /// A form that comes from elsewhere, or from a page that is too old.
    pub(crate) fn foreign_form() -> Self {
        Self::new(Why::NotAllowed, "This page was out of date, or cookies are blocked. Please try again.")
    }

    /// The server failed; why is for its log.
    pub(crate) fn failed(error: &Error) -> Self {
        tracing::error!(%error, "a page could not be answered");
        Self::new(Why::Busy, "This does not work at the moment. Please try again later.")
    }

    /// A page of this refusal.
    fn page(&self, template: &impl Template) -> Response {
        let mut response = page(status::page(self.why), template);
        if let Some(seconds) = self.retry_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refused> for Shown {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong => {
                let text = "Organization, e-mail address or password are wrong.";
                Self { is_of_fields: true, ..Self::new(Why::NotAllowed, text) }
            }
            Refused::Throttled(seconds) => {
                let text = format!("Too many sign-ins failed. Please try again in {}.", duration(seconds));
                Self { retry_seconds: Some(seconds), ..Self::new(Why::TooOften, text) }
            }
            Refused::ProviderOnly => {
                Self::new(Why::NotAllowed, "Your organization wants you to sign in through its identity provider.")
            }
            Refused::NoMember => {
                let text = "You cannot sign in to this organization. Please ask its administrator.";
                Self::new(Why::NotAllowed, text)
            }
            Refused::Busy => {
                let text = "Too many people sign in at the moment. Please try again in a few seconds.";
                Self { retry_seconds: Some(1), ..Self::new(Why::Busy, text) }
            }
            Refused::Store(error) => Self::failed(&error),
        }
    }
}

/// So many seconds in words; minutes where it is more than one.
fn duration(seconds: u32) -> String {
    match seconds {
        0 | 1 => "a second".to_owned(),
        2..=60 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// A page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return Problem::new(Kind::Internal, "a page could not be written").into_response();
    };
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (status, headers, html).into_response()
}

/// A page that says one thing, with a way on to signing in.
fn notice(refusal: &Shown) -> Response {
    refusal.page(&pages::Notice { text: &refusal.text })
}

/// Leads the browser to another page.
fn lead(status: StatusCode, to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (status, [(header::LOCATION, to)]).into_response()
}

/// The same, with cookies that the browser is to keep or forget.
fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = String>) -> Response {
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// Leads somebody who got in to where they wanted to go.
fn let_in(status: StatusCode, signed_in: sign_in::SignedIn, to: &str) -> Response {
    with_cookies(lead(status, local(to)), signed_in.cookies)
}

/// A path of this server; the first page where it is none.
fn local(path: &str) -> &str {
    if is_local_path(path) { path } else { "/" }
}

/// The providers of an organization, as buttons.
fn providers<'a>(app: &'a App, organization: &'a str) -> Vec<pages::Provider<'a>> {
    let names = app.sign_in.providers_of(organization).map(|provider| provider.settings().name.as_str());
    names.map(|name| pages::Provider { name, label: name }).collect()
}
