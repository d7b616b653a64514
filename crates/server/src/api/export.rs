//! `/api/v1/events/export`: events as files, with what proves them, or in a format that other programs read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::io::Write as _;
use tokio::runtime::Handle;
use trailbook_query::{Cancel, Error, params};
use trailbook_store::Organization;
use trailbook_store::credential::Permission;

use super::events::decoded;
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::export::format::Format;
use crate::export::stream::{self, Compression, Events, Form};
use crate::export::{self, Export, OF_PAGES, OF_RANGES, orders, pipe};
use crate::status;

/// Parameters that say in which form the events come.
const FORMAT: &str = "format";
const COMPRESS: &str = "compress";
/// The form that has the proofs.
const ZIP: &str = "zip";

/// Takes events out.
///
/// By default as a ZIP of three files: `events.ndjson` has the canonical events, `openings.ndjson` what opens their
/// entries in the log, `manifest.json` the checkpoint, the counts and what is proven. Without conditions, or with a
/// range of `recorded_at` alone, the export is complete: it proves that nothing of the range is missing. With any other
/// condition it proves of each event that it is in the log. `trailbook verify` checks it, and docs/verify.md says how
/// to without it.
///
/// The other formats prove nothing. They give what was there when the request came, in the order of sequences;
/// docs/formats.md has their fields. An answer that ends early ends without the last chunk, so that nobody takes it for
/// whole.
#[utoipa::path(
    get, path = "/api/v1/events/export", tag = "events", operation_id = "export_events",
    params(
        ("format" = Option<String>, Query,
            description = "`zip` (default), `ndjson`, `csv`, `cef`, `ocsf` or `parquet`"),
        ("compress" = Option<String>, Query,
            description = "`gzip` or `zstd`: a compressed file, of the formats with lines"),
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
        (status = 200, description = "The export", content(
            (String = "application/zip"), (String = "application/x-ndjson"), (String = "text/csv"),
            (String = "text/plain"), (String = "application/vnd.apache.parquet"),
            (String = "application/gzip"), (String = "application/zstd"),
        )),
        (status = 400, description = "A parameter is unknown or malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks exports", body = ProblemDocument),
        (status = 414, description = "The URL is too long", body = ProblemDocument),
        (status = 503, description = "As many exports as may be are under way; try again", body = ProblemDocument),
    )
)]
pub(crate) async fn export_events(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = app.auth.caller_with(&Asker::of(request.extensions()), Permission::Exports).await?;
    let (form, pairs) = form(decoded(request.uri().query())?)?;
    if let Some((name, _)) = pairs.iter().find(|(name, _)| OF_PAGES.contains(&name.as_str())) {
        return Err(Problem::parameter(name, "is not a parameter of this path"));
    }
    let mut query = params::parse(&pairs)?;
    let sight = caller.exports_sight();
    let hidden = sight.apply(&mut query)?;
    let hidden_names = sight.hidden_names().into_iter().collect();
    let organization = caller.organization().clone();
    let place = Arc::clone(&app.exports).try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Kind::Busy, "as many exports as may be are under way"))?;
    let text = |pairs: &mut dyn Iterator<Item = &(String, String)>| {
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    orders::streamed(&app, &caller, form.map_or(ZIP, |form| form.format.name()), text(&mut pairs.iter())).await?;
    let (mut writer, reader) = pipe::pipe();
    let answer = answer(&organization, form, reader);
    let write: Work = match form {
        Some(form) => {
            let snapshot = app.store.snapshot(&organization);
            let events = Events { organization, snapshot, query, hidden };
            Box::new(move |_, out| stream::write(&events, form, out, &Cancel::default()))
        }
        None => {
            let text = text(&mut pairs.iter().filter(|(name, _)| !OF_RANGES.contains(&name.as_str())));
            let export = Export { organization, text, query, hidden, hidden_names, created_ms: app.clock.now_ms() };
            let runtime = Handle::current();
            Box::new(move |app, out| export::write((&app.store, &runtime), &export, out, &Cancel::default()))
        }
    };
    tokio::task::spawn_blocking(move || {
        let written = write(&app, &mut writer);
        match written.and_then(|()| writer.flush().map_err(|_| Error::Cancelled)) {
            // Cancelled: the client has gone.
            Ok(()) | Err(Error::Cancelled) => {}
            Err(error) => {
                if let Error::Damaged { what, reason } = &error {
                    app.store.note_damage(what, reason);
                }
                tracing::error!(%error, "an export ended early");
                writer.fail("the export ended early; the server's log says why");
            }
        }
        drop(place);
    });
    Ok(answer)
}

/// What writes an export.
type Work = Box<dyn FnOnce(&App, &mut pipe::Writer) -> Result<(), Error> + Send>;

/// Takes the form out of the parameters; none is the ZIP with proofs.
#[expect(clippy::type_complexity, reason = "pairs of names and values, as they came")]
fn form(pairs: Vec<(String, String)>) -> Result<(Option<Form>, Vec<(String, String)>), Problem> {
    let (of_form, pairs): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(name, _)| name == FORMAT || name == COMPRESS);
    let only = |wanted: &str| {
        let mut values = of_form.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() { Err(Problem::parameter(wanted, "may stand once only")) } else { Ok(first) }
    };
    let format = match only(FORMAT)? {
        None | Some(ZIP) => None,
        Some(name) => Some(Format::from_name(name).ok_or_else(|| {
            let names = Format::ALL.map(Format::name).join(", ");
            Problem::parameter(FORMAT, &format!("must be {ZIP} or one of {names}"))
        })?),
    };
    let compression = match only(COMPRESS)? {
        None => None,
        Some(name) => Some(Compression::from_name(name).ok_or_else(|| {
            let names = Compression::ALL.map(Compression::name).join(" or ");
            Problem::parameter(COMPRESS, &format!("must be {names}"))
        })?),
    };
    if compression.is_some() && !format.is_some_and(Format::has_lines) {
        return Err(Problem::parameter(COMPRESS, "is for the formats with lines: ndjson, csv, cef and ocsf"));
    }
    Ok((format.map(|format| Form { format, compression }), pairs))
}

fn answer(organization: &Organization, form: Option<Form>, body: pipe::Reader) -> Response {
    let (media_type, extension) = match form {
        None => ("application/zip", ZIP.to_owned()),
        Some(Form { format, compression: None }) => (format.media_type(), format.extension().to_owned()),
        Some(Form { format, compression: Some(compression) }) => {
            (compression.media_type(), format!("{}.{}", format.extension(), compression.extension()))
        }
    };
    let name = organization.name().replace('"', "");
    let name = format!("attachment; filename=\"trailbook-{name}.{extension}\"");
    let headers = [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (status::FOUND, headers, Body::new(body)).into_response()
}
