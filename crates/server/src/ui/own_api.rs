//! The native API, asked in this process by a page for its visitor.
//!
//! A request has the cookie and the address of the visitor's own and passes the same door, so it may what they may and
//! is recorded as theirs.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, Method, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;
use trailbook_event::limits::BATCH_BYTES_MAX;

use super::Console;
use super::answer::{Refusal, Why};
use super::visit::Visit;
use crate::asker::CSRF_HEADER;

/// What of a page's request is of the page alone.
const OF_THE_PAGE: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    header::TRANSFER_ENCODING,
];

impl Console {
    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, visit: &Visit, path: &str) -> Result<T, Refusal> {
        let found = self.read(visit, path).await?;
        serde_json::from_slice(&found).map_err(|error| unread(path, &error))
    }

    /// Reads something that is not JSON, such as what proves a log.
    pub(super) async fn read(&self, visit: &Visit, path: &str) -> Result<Bytes, Refusal> {
        self.ask(visit, (Method::GET, path), Body::empty()).await
    }

    /// Changes something; the answer is null where there is nothing to say.
    pub(super) async fn send(
        &self,
        visit: &Visit,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Value, Refusal> {
        let bytes = serde_json::to_vec(body).map_err(|error| unread(path, &error))?;
        let answer = self.ask(visit, (method, path), Body::from(bytes)).await?;
        value(path, &answer)
    }

    /// Removes something.
    pub(super) async fn delete(&self, visit: &Visit, path: &str) -> Result<Value, Refusal> {
        self.ask_without_body(visit, Method::DELETE, path).await
    }

    /// Does something that needs no words.
    pub(super) async fn ask_without_body(&self, visit: &Visit, method: Method, path: &str) -> Result<Value, Refusal> {
        let answer = self.ask(visit, (method, path), Body::empty()).await?;
        value(path, &answer)
    }

    async fn ask(&self, visit: &Visit, (method, path): (Method, &str), body: Body) -> Result<Bytes, Refusal> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| Refusal::new(Why::Failed, format!("{path} is no path")))?;
        *request.headers_mut() = visit.headers.clone();
        let headers = request.headers_mut();
        OF_THE_PAGE.iter().for_each(|name| {
            headers.remove(name);
        });
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if let Ok(csrf) = visit.csrf.parse() {
            headers.insert(CSRF_HEADER, csrf);
        }
        if let Some(peer) = visit.peer {
            request.extensions_mut().insert(peer);
        }
        let response = match self.api.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let body = Limited::new(response.into_body(), BATCH_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| Refusal::new(Why::Failed, format!("{path}: {error}")))?.to_bytes();
        if status.is_success() { Ok(bytes) } else { Err(Refusal::of_problem(status, &bytes)) }
    }
}

/// What an answer says; null where that is nothing.
fn value(path: &str, answer: &[u8]) -> Result<Value, Refusal> {
    match answer.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_slice(answer).map_err(|error| unread(path, &error)),
    }
}

fn unread(path: &str, error: &serde_json::Error) -> Refusal {
    tracing::error!(path, %error, "a page could not read what the API answered");
    Refusal::failed()
}
