//! `/api/v1/export`: events as files, with what proves them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::io::Write as _;
use tokio::runtime::Handle;
use trailbook_query::{Cancel, params};
use trailbook_store::credential::Scope;

use super::events::decoded;
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::export::{self, Export, OF_PAGES, OF_RANGES, pipe};
use crate::status;

/// Takes events out, with what proves them.
///
/// A ZIP of three files: `events.ndjson` has the canonical events, `openings.ndjson` what opens their entries in the
/// log, `manifest.json` the checkpoint, the counts and what is proven. Without conditions, or with a range of
/// `recorded_at` alone, the export is complete: it proves that nothing of the range is missing. With any other
/// condition it proves of each event that it is in the log. `trailbook verify` checks it, and docs/verify.md says how
/// to without it.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "logs", operation_id = "export_events",
    params(
        ("field" = Option<String>, Query, description = "Any field by its name, as in a search"),
        ("q" = Option<String>, Query, description = "A search as one text"),
        ("recorded_from" = Option<String>, Query, description = "The earliest `recorded_at`"),
        ("recorded_to" = Option<String>, Query, description = "`recorded_at` is before this"),
        ("from" = Option<String>, Query, description = "The earliest `occurred_at`"),
        ("to" = Option<String>, Query, description = "`occurred_at` is before this"),
        ("sequence_from" = Option<u64>, Query, description = "The least sequence"),
        ("sequence_to" = Option<u64>, Query, description = "The sequence is below this"),
    ),
    security(("token" = ["exports"])),
    responses(
        (status = 200, description = "The export, a ZIP", content_type = "application/zip"),
        (status = 400, description = "A parameter is unknown or malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
        (status = 414, description = "The URL is too long", body = ProblemDocument),
        (status = 503, description = "As many exports as may be are under way; try again", body = ProblemDocument),
    )
)]
pub(crate) async fn export_events(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(request.headers(), Scope::Exports).await?;
    let pairs = decoded(request.uri().query())?;
    if let Some((name, _)) = pairs.iter().find(|(name, _)| OF_PAGES.contains(&name.as_str())) {
        return Err(Problem::parameter(name, "is not a parameter of this path"));
    }
    let asked = pairs.iter().filter(|(name, _)| !OF_RANGES.contains(&name.as_str()));
    let export = Export {
        organization: caller.organization().clone(),
        text: asked.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"),
        query: params::parse(&pairs)?,
        created_ms: app.clock.now_ms(),
    };
    let place = Arc::clone(&app.exports).try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Kind::Busy, "as many exports as may be are under way"))?;
    let (mut writer, reader) = pipe::pipe();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let written = export::write((&app.store, &runtime), &export, &mut writer, &Cancel::default());
        match written.and_then(|()| writer.flush().map_err(|_| trailbook_query::Error::Cancelled)) {
            // Cancelled: the client has gone.
            Ok(()) | Err(trailbook_query::Error::Cancelled) => {}
            Err(error) => {
                if let trailbook_query::Error::Damaged { what, reason } = &error {
                    app.store.note_damage(what, reason);
                }
                tracing::error!(%error, "an export ended early");
                writer.fail("the export ended early; the server's log says why");
            }
        }
        drop(place);
    });
    let name = format!("attachment; filename=\"trailbook-{}.zip\"", caller.organization().name().replace('"', ""));
    let headers = [(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((status::FOUND, headers, Body::new(reader)).into_response())
}
