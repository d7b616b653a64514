//! `POST /v1/auth/access_token`: a token's name and value are exchanged for an access token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use trailbook_event::limits::{PORT_BODY_BYTES_MAX, PORT_TOKEN_SECONDS_MAX};
use utoipa::ToSchema;

use super::{Name, PortError, Refusal, json, traced};
use crate::api::problem::Kind;
use crate::app::App;
use crate::asker::Asker;
use crate::ingest::body;

/// The credentials of a client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClientCredentials {
    /// The name of a token.
    client_id: String,
    /// Its value.
    client_secret: String,
}

/// An access token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessToken {
    /// True.
    ok: bool,
    access_token: String,
    /// Seconds that it is valid.
    expires_in: i64,
    /// `Bearer`
    token_type: &'static str,
}

/// Exchanges the name and the value of a token for an access token, as Port does.
#[utoipa::path(
    post, path = "/v1/auth/access_token", tag = "Port", operation_id = "create_port_access_token",
    request_body = ClientCredentials,
    responses(
        (status = 200, description = "An access token, valid for 3 hours", body = AccessToken),
        (status = 401, description = "No token has this name and value", body = PortError),
        (status = 403, description = "The token has neither events.read nor events.lookup", body = PortError),
        (status = 413, description = "The body has more than 1 MiB", body = PortError),
        (status = 422, description = "The body does not have this form", body = PortError),
        (status = 503, description = "The server cannot take it now; try again", body = PortError),
    )
)]
pub(crate) async fn create_access_token(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match exchange(&app, &Asker::of(&parts.extensions), &parts.headers, body).await {
        Ok(token) => traced(json(serde_json::to_vec(&token).unwrap_or_default())),
        Err(refusal) => refusal.into_response(),
    }
}

async fn exchange(app: &App, asker: &Arc<Asker>, headers: &HeaderMap, body: Body) -> Result<AccessToken, Refusal> {
    let body = body::read_up_to(PORT_BODY_BYTES_MAX, app, headers, body).await.map_err(|problem| {
        match problem.kind_and_detail() {
            (Kind::BodyTooLarge, _) => Refusal::new(Name::BodyTooLarge, "Request body is too large (limit is 1MiB)"),
            (Kind::Busy, detail) => Refusal::new(Name::Unavailable, detail),
            (_, detail) => Refusal::new(Name::Invalid, detail),
        }
    })?;
    let client: ClientCredentials = serde_json::from_slice(&body.bytes).map_err(|error| {
        Refusal::new(Name::Invalid, format!("The json provided does not match the route's schema: {error}"))
    })?;
    drop(body);
    let pair = (client.client_id.as_str(), client.client_secret.as_str());
    let access_token = app.auth.access_token(asker, pair, app.clock.now_ms()).await?;
    Ok(AccessToken { ok: true, access_token, expires_in: PORT_TOKEN_SECONDS_MAX, token_type: "Bearer" })
}
