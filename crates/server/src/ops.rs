//! What those who run the server ask it: whether it lives, whether it can work, what it has done.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::status;

/// Says that the process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", responses(
    (status = 200, description = "The process answers"),
))]
pub(crate) async fn get_livez() -> &'static str {
    "ok\n"
}

/// Says whether writes and queries can be answered: the catalog is there.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Requests can be answered"),
    (status = 503, description = "They cannot; the text says why"),
))]
pub(crate) async fn get_readyz(State(app): State<Arc<App>>) -> Response {
    match app.store.catalog().ping().await {
        Ok(()) => (status::readiness(true), "ready\n").into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (status::readiness(false), "the catalog does not answer\n").into_response()
        }
    }
}

/// Gives the server's counters in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "Counters", content_type = "application/openmetrics-text"),
))]
pub(crate) async fn get_metrics(State(app): State<Arc<App>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], app.metrics.text(&app.store)).into_response()
}
