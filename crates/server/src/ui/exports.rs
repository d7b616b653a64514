//! Audit exports: the fold above the logs, which is a page of its own too, and the removal of an export.
//!
//! ```text
//! GET /logs/exports           the fold for a script, else the page
//! GET /logs/exports?row=<id>  one row, for a script that looks how far an export is
//! ```
//!
//! A row looks again every two seconds as long as its export is under way, and never while its menu is open.

mod asked;
mod order;
mod typed;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Console;
use super::answer::{self, Refusal, Why};
use super::frame::{Frame, Section};
use super::time::{Clock, Moment, grouped};
use super::visit::{Sent, Visit, encoded};
use crate::status;
use asked::Asked;

pub(super) use order::{order, show_form};

const EXPORTS: &str = "/api/v1/exports";

/// The formats, what they are called, and what they are for.
const FORMATS: [(&str, &str, &str); 5] = [
    ("ndjson", "NDJSON", "events as they were sealed, with their proofs"),
    ("cef", "CEF", "Common Event Format, for security tools"),
    ("csv", "CSV", "a table for people"),
    ("parquet", "Parquet", "a table for programs"),
    ("ocsf", "OCSF", "Open Cybersecurity Schema, as JSON lines"),
];

/// What a page shows of an export, as the API has it.
#[derive(Deserialize)]
struct Export {
    id: String,
    name: String,
    state: String,
    percent: u64,
    reason: Option<String>,
    filter: BTreeMap<String, String>,
    formats: Vec<String>,
    created_by: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    events: Option<u64>,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    format: String,
    bytes: u64,
    url: String,
}

#[derive(Deserialize)]
struct Exports {
    data: Vec<Export>,
}

/// An export as the table shows it.
struct Row {
    id: String,
    name: String,
    state: Progress,
    percent: u64,
    reason: String,
    /// Formats that were asked for and cannot be fetched now.
    formats: Vec<&'static str>,
    links: Vec<Link>,
    events: Option<String>,
    asked: Asked,
    made_by: String,
    made: Moment,
    expires: Option<Moment>,
}

/// A file that can be fetched.
struct Link {
    label: &'static str,
    size: String,
    url: String,
}

/// How far an export is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    InWork,
    Done,
    Failed,
    Expired,
}

impl Progress {
    fn named(name: &str) -> Self {
        match name {
            "PENDING" => Progress::Waiting,
            "IN_PROGRESS" => Progress::InWork,
            "DONE" => Progress::Done,
            "EXPIRED" => Progress::Expired,
            _ => Progress::Failed,
        }
    }
}

impl Row {
    fn of(export: Export, clock: &Clock) -> Self {
        let link = |file: File| Link { label: label(&file.format), size: size(file.bytes), url: file.url };
        let links: Vec<Link> = export.files.into_iter().map(link).collect();
        let is_linked = |label: &&str| links.iter().any(|link| link.label == *label);
        Self {
            id: export.id,
            name: export.name,
            state: Progress::named(&export.state),
            percent: export.percent,
            reason: export.reason.unwrap_or_default(),
            formats: export.formats.iter().map(|name| label(name)).filter(|label| !is_linked(label)).collect(),
            links,
            events: export.events.map(grouped),
            asked: Asked::of(&export.filter, clock),
            made_by: export.created_by.unwrap_or_default(),
            made: clock.moment_of(&export.created_at),
            expires: export.expires_at.map(|text| clock.moment_of(&text)),
        }
    }

    /// Whether it is looked at again soon.
    fn is_under_way(&self) -> bool {
        matches!(self.state, Progress::Waiting | Progress::InWork)
    }
}

fn label(format: &str) -> &'static str {
    FORMATS.iter().find(|(name, _, _)| *name == format).map_or("file", |(_, label, _)| label)
}

/// `12.3 kB`
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[derive(Template)]
#[template(path = "ui/exports.html")]
struct ExportsPage<'a> {
    frame: Frame<'a>,
    csrf: &'a str,
    rows: Vec<Row>,
    /// What was done before, in a sentence.
    done: &'static str,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "ui/exports/fold.html")]
struct Fold<'a> {
    csrf: &'a str,
    rows: Vec<Row>,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "ui/exports/list.html")]
struct List<'a> {
    csrf: &'a str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "ui/exports/row.html")]
struct RowPart<'a> {
    csrf: &'a str,
    export: Row,
}

/// `GET /logs/exports`
pub(super) async fn show_exports(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let pairs = crate::url::pairs(query.as_deref()).unwrap_or_default();
    let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    match (visit.is_of_script(), value("row")) {
        (true, Some(id)) => row(&console, &visit, id).await,
        (true, None) => match rows(&console, &visit).await {
            Ok(rows) => answer::page(&visit, &Fold { csrf: &visit.csrf, rows, is_open: value("open").is_some() }),
            Err(refusal) => refusal.page(&visit),
        },
        (false, _) => {
            let done = match value("done") {
                Some("ordered") => "The export is being made. It is listed below.",
                Some("deleted") => "The export was deleted, and its links are dead.",
                _ => "",
            };
            page(&console, &visit, done).await
        }
    }
}

async fn page(console: &Console, visit: &Visit, done: &'static str) -> Response {
    let rows = match rows(console, visit).await {
        Ok(rows) => rows,
        Err(refusal) => return refusal.page(visit),
    };
    let frame = Frame::in_section(visit, Section::Logs);
    answer::page(visit, &ExportsPage { frame, csrf: &visit.csrf, rows, done, is_open: true })
}

async fn rows(console: &Console, visit: &Visit) -> Result<Vec<Row>, Refusal> {
    let Exports { data } = console.get(visit, EXPORTS).await?;
    let clock = Clock::of(visit, console.app.clock.now_ms());
    Ok(data.into_iter().map(|export| Row::of(export, &clock)).collect())
}

/// A row as it is now. One that is gone leaves nothing in its place.
async fn row(console: &Console, visit: &Visit, id: &str) -> Response {
    match console.get::<Export>(visit, &format!("{EXPORTS}/{}", encoded(id))).await {
        Ok(export) => {
            let clock = Clock::of(visit, console.app.clock.now_ms());
            answer::page(visit, &RowPart { csrf: &visit.csrf, export: Row::of(export, &clock) })
        }
        Err(Refusal { why: Why::NotFound, .. }) => status::FOUND.into_response(),
        Err(refusal) => refusal.page(visit),
    }
}

/// `POST /logs/exports/{id}/delete`
pub(super) async fn delete(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Sent { visit, .. }: Sent,
) -> Response {
    match console.delete(&visit, &format!("{EXPORTS}/{}", encoded(&id))).await {
        // Somebody else was quicker.
        Ok(_) | Err(Refusal { why: Why::NotFound, .. }) => {}
        Err(refusal) => return refusal.page(&visit),
    }
    if !visit.is_of_script() {
        return answer::lead(&visit, "/logs/exports?done=deleted");
    }
    match rows(&console, &visit).await {
        Ok(rows) => answer::page(&visit, &List { csrf: &visit.csrf, rows }),
        Err(refusal) => refusal.page(&visit),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_in_units_that_people_read() {
        for (bytes, text) in [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (12_345_678, "12.3 MB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
