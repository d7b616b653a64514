//! What those who run the server ask it: whether it lives, whether it can work, what it has done.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use trailbook_event::limits::REPORTED_ERRORS_MAX;
use trailbook_store::Store;

use crate::api::problem::disk_reserve;
use crate::app::App;
use crate::status;

/// Says that the process answers.
#[utoipa::path(get, path = "/livez", tag = "operations", responses(
    (status = 200, description = "The process answers"),
))]
pub(crate) async fn get_livez() -> &'static str {
    "ok\n"
}

/// Says whether requests can be answered: the catalog is there.
///
/// Where a part of them cannot, because a file is damaged or the disk has no room for new events, the text says so, a
/// line for each, and the status stays 200: the rest goes on.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Requests can be answered; the text says which cannot"),
    (status = 503, description = "They cannot; the text says why"),
))]
pub(crate) async fn get_readyz(State(app): State<Arc<App>>) -> Response {
    match app.store.catalog().ping().await {
        Ok(()) => (status::readiness(true), ready(&app.store)).into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (status::readiness(false), "the catalog does not answer\n").into_response()
        }
    }
}

/// What a server that is ready says: whether there is anything that it cannot do.
fn ready(store: &Store) -> String {
    let damage = store.damage();
    let mut lines: Vec<String> = Vec::new();
    if store.is_disk_low() {
        lines.push(format!(
            "less than {}, is free; new events are refused until there is room",
            disk_reserve("the disk")
        ));
    }
    let shown = damage.iter().take(REPORTED_ERRORS_MAX);
    lines.extend(shown.map(|damage| format!("{damage}; queries that need it fail; run trailbook check")));
    if damage.len() > REPORTED_ERRORS_MAX {
        lines.push(format!("{} more files are damaged", damage.len() - REPORTED_ERRORS_MAX));
    }
    match lines.as_slice() {
        [] => "ready\n".to_owned(),
        lines => lines.iter().map(|line| format!("ready, but {line}\n")).collect(),
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
