//! `/api/v1/demo`: loads events to look at into an empty log.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use trailbook_event::limits::MEMBERS_BODY_BYTES_MAX;
use trailbook_store::credential::Permission;
use utoipa::ToSchema;

use super::events::refuse_parameters;
use super::people::{found, made};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::demo::{self, Loaded};
use crate::ingest::body;
use crate::own::By;

/// What became of the demo's events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DemoOut {
    /// How many were recorded; 0 where they were there before.
    recorded: u64,
    /// How many exclusion rules kept out.
    excluded: u64,
    /// How many only say that something began, which is not recorded.
    dropped: u64,
}

/// Loads the demo's events.
///
/// A day of a company in the words of four portals, spread over the last 24 hours; each says so in `meta.demo`. The
/// log of the organization must have no events but the server's own. Loaded again, nothing is recorded twice. There is
/// no body.
#[utoipa::path(
    post, path = "/api/v1/demo", tag = "events", operation_id = "load_demo",
    security(("token" = ["events.write"])),
    responses(
        (status = 200, description = "They were there before", body = DemoOut),
        (status = 201, description = "They are durable", body = DemoOut),
        (status = 400, description = "There is a body, or a parameter", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks events.write", body = ProblemDocument),
        (status = 409, description = "The log has other events", body = ProblemDocument),
        (status = 413, description = "There is a body, above a limit", body = ProblemDocument),
        (status = 500, description = "The server failed", body = ProblemDocument),
        (status = 503, description = "The server cannot take it now; try again", body = ProblemDocument),
        (status = 507, description = "The disk is full or nearly so; try again later", body = ProblemDocument),
    )
)]
pub(crate) async fn load_demo(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::EventsWrite).await?;
    refuse_parameters(&request)?;
    let (parts, body) = request.into_parts();
    let whole = body::read_up_to(MEMBERS_BODY_BYTES_MAX, &app, &parts.headers, body).await?;
    if !whole.bytes.is_empty() {
        return Err(Problem::new(Kind::InvalidBody, "this takes no body"));
    }
    match demo::load(&app, By::Caller(&caller), caller.organization()).await? {
        Loaded::Now { recorded, excluded, dropped } => Ok(made(&DemoOut { recorded, excluded, dropped })),
        Loaded::Before(_) => Ok(found(&DemoOut { recorded: 0, excluded: 0, dropped: 0 })),
    }
}
