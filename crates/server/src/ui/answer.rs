//! What pages answer: themselves, where to go next, or why something was not done.

use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::io::Write;

use super::frame::{Frame, POLICY};
use super::visit::{Visit, encoded};
use crate::auth::Denial;
use crate::status;

/// Pages below this are as small as they are compressed.
const COMPRESSED_BYTES_MIN: usize = 1_024;
/// Tells the script where the browser is to go.
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Why a page does not show or do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// What was typed, or the URL, is not as it must be.
    Invalid,
    /// The member may not.
    NotAllowed,
    /// There is no such thing.
    NotFound,
    /// It is not as it would have to be.
    Conflict,
    /// Too much was asked.
    TooMany,
    /// The server cannot do it now.
    Busy,
    /// The server failed.
    Failed,
}

/// A refusal as pages show it.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) why: Why,
    /// One sentence or two for people.
    pub(super) text: String,
    /// What the API calls it, such as `sign-in-failed`; empty where it is not of the API.
    pub(super) kind: String,
}

/// What of a problem document a page shows.
#[derive(Deserialize)]
struct ProblemIn {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
}

impl Refusal {
    pub(super) fn new(why: Why, text: impl Into<String>) -> Self {
        Self { why, text: text.into(), kind: String::new() }
    }

    /// The server failed; why is in its log.
    pub(super) fn failed() -> Self {
        Self::new(Why::Failed, "The server could not do this; its log says why.")
    }

    /// A form that comes from elsewhere, or from a page that is too old.
    pub(super) fn foreign_form() -> Self {
        Self::new(Why::NotAllowed, "This page was out of date. Please go back, load it again, and try again.")
    }

    /// What the API answered.
    pub(super) fn of_problem(code: StatusCode, body: &[u8]) -> Self {
        let why = status::why(code);
        match serde_json::from_slice::<ProblemIn>(body) {
            Ok(ProblemIn { kind, detail }) => {
                let kind = kind.trim_start_matches("/problems/").to_owned();
                Self { why, text: sentence(&detail), kind }
            }
            Err(_) => Self::failed(),
        }
    }

    /// A page around it, for somebody who is signed in.
    pub(super) fn page(&self, visit: &Visit) -> Response {
        if visit.is_of_script() {
            return page_with(status::ui(self.why), &visit.headers, &RefusalPart { text: &self.text });
        }
        let title = title(self.why);
        let template = RefusalPage { frame: Frame::of(visit), title, text: &self.text };
        page_with(status::ui(self.why), &visit.headers, &template)
    }

    /// The same without anything around it.
    pub(super) fn bare(&self) -> Response {
        page_with(status::ui(self.why), &HeaderMap::new(), &RefusalPart { text: &self.text })
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated(text) => Self::new(Why::NotAllowed, text),
            Denial::NotAllowed(text) => Self::new(Why::NotAllowed, sentence(&text)),
            Denial::TooOften(seconds) => {
                Self::new(Why::TooMany, format!("Too many requests. Please try again in {seconds} seconds."))
            }
            Denial::Unavailable => Self::new(Why::Busy, "This does not work at the moment. Please try again."),
        }
    }
}

impl From<trailbook_query::Error> for Refusal {
    fn from(error: trailbook_query::Error) -> Self {
        use trailbook_query::Error;
        let why = match &error {
            Error::Cancelled => {
                return Self::new(Why::Busy, "The search took too long. A narrower time range makes it faster.");
            }
            Error::Damaged { .. } | Error::Failed(_) => Why::Failed,
            _ => Why::Invalid,
        };
        Self::new(why, sentence(&error.to_string()))
    }
}

#[derive(Template)]
#[template(path = "ui/refusal.html")]
struct RefusalPage<'a> {
    frame: Frame<'a>,
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "ui/refusal_part.html")]
struct RefusalPart<'a> {
    text: &'a str,
}

fn title(why: Why) -> &'static str {
    match why {
        Why::Invalid => "This cannot be read",
        Why::NotAllowed => "You may not see this",
        Why::NotFound => "There is nothing here",
        Why::Conflict => "This did not work",
        Why::TooMany => "Too much at once",
        Why::Busy => "Not now",
        Why::Failed => "Something went wrong",
    }
}

/// What the API says, as a sentence of a page.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    first.to_uppercase().chain(chars).collect::<String>() + end
}

/// A page.
pub(super) fn page(visit: &Visit, template: &impl Template) -> Response {
    page_with(status::FOUND, &visit.headers, template)
}

/// A page that says that a form was wrong.
pub(super) fn wrong(visit: &Visit, why: Why, template: &impl Template) -> Response {
    page_with(status::ui(why), &visit.headers, template)
}

fn page_with(code: StatusCode, headers: &HeaderMap, template: &impl Template) -> Response {
    let (code, html) = match template.render() {
        Ok(html) => (code, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (status::ui(Why::Failed), "<!doctype html><title>Trailbook</title><p>The server failed.".to_owned())
        }
    };
    let own = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    match compressed(headers, html.as_bytes()) {
        Some(bytes) => (code, own, [(header::CONTENT_ENCODING, "gzip")], bytes).into_response(),
        None => (code, own, html).into_response(),
    }
}

/// The gzip form of a body, for whoever takes it.
pub(super) fn compressed(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes_it = accepts.split(',').any(|one| one.trim() == "gzip" || one.trim().starts_with("gzip;q=1"));
    if !takes_it || body.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(4));
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Leads the browser to another page after a form.
pub(super) fn lead(visit: &Visit, to: &str) -> Response {
    leading(&visit.headers, to)
}

/// Leads somebody who is not signed in to the page for that.
pub(super) fn to_sign_in(headers: &HeaderMap, path: &str) -> Response {
    // The first page is where everybody comes anyway.
    match path {
        "/" => leading(headers, "/sign-in"),
        path => leading(headers, &format!("/sign-in?next={}", encoded(path))),
    }
}

fn leading(headers: &HeaderMap, to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    // A boosted link or form follows redirects as a browser does.
    if headers.contains_key("hx-request") && !headers.contains_key("hx-boosted") {
        return (status::FOUND, [(HX_REDIRECT, to)]).into_response();
    }
    (status::NEXT, [(header::LOCATION, to)]).into_response()
}
