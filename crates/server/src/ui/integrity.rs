//! Log integrity: what an organization's logs commit themselves to, who has seen it, and a check of it.

mod check;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use trailbook_tlog::{Checkpoint, Note, VerifierKey};

use self::check::{Report, Seen, State as StepState};
use super::Console;
use super::answer::{self, Refusal, Why};
use super::frame::{Frame, Section};
use super::time::{Clock, Moment, grouped};
use super::visit::{Sent, Visit};
use crate::auth::session::cookie;

/// The path of the page.
const PATH: &str = "/integrity";
/// How long a browser remembers what it has seen of a log.
const YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

#[derive(Template)]
#[template(path = "ui/integrity.html")]
struct IntegrityPage<'a> {
    frame: Frame<'a>,
    logs: Vec<LogPanel>,
    /// Where people reach the server.
    url: &'a str,
    zone: String,
}

/// A log as a panel.
struct LogPanel {
    log: Log,
    size: String,
    signed: Moment,
    created: Moment,
    frozen: Option<Moment>,
    /// How many entries the checkpoint had that the log cannot reach any more.
    lost_size: Option<String>,
    witnesses: Vec<WitnessRow>,
    /// What was checked just now.
    report: Option<Report>,
    /// The checkpoint that was given, to stand in its field again.
    given: String,
}

/// How far a witness is.
struct WitnessRow {
    name: String,
    size: String,
    behind: String,
    is_behind: bool,
    at: Option<Moment>,
    problem: Option<String>,
}

/// What is shown of `GET /api/v1/logs`.
#[derive(Deserialize)]
struct Logs {
    data: Vec<Log>,
}

/// A log.
#[derive(Deserialize)]
struct Log {
    id: String,
    path: String,
    origin: String,
    vkey: String,
    state: String,
    is_public: bool,
    size: u64,
    root: String,
    signed_at: String,
    created_at: String,
    frozen_at: Option<String>,
    lost_checkpoint: Option<String>,
    witnesses: Vec<Witness>,
}

#[derive(Deserialize)]
struct Witness {
    vkey: String,
    size: u64,
    behind: u64,
    at: Option<String>,
    problem: Option<String>,
}

impl LogPanel {
    fn new(log: Log, clock: &Clock) -> Self {
        let witness = |witness: &Witness| WitnessRow {
            name: VerifierKey::parse(&witness.vkey).map_or(witness.vkey.clone(), |key| key.name().to_owned()),
            size: grouped(witness.size),
            behind: grouped(witness.behind),
            is_behind: witness.behind > 0,
            at: witness.at.as_deref().map(|at| clock.moment_of(at)),
            problem: witness.problem.clone(),
        };
        let size_of = |note: &str| Some(Checkpoint::parse(Note::parse(note).ok()?.text()).ok()?.size);
        Self {
            size: grouped(log.size),
            signed: clock.moment_of(&log.signed_at),
            created: clock.moment_of(&log.created_at),
            frozen: log.frozen_at.as_deref().map(|at| clock.moment_of(at)),
            lost_size: log.lost_checkpoint.as_deref().map(|note| size_of(note).map_or("?".to_owned(), grouped)),
            witnesses: log.witnesses.iter().map(witness).collect(),
            report: None,
            given: String::new(),
            log,
        }
    }

    fn is_open(&self) -> bool {
        self.log.state == "open"
    }

    /// The beginning of its id: enough to tell a few from each other.
    fn short_id(&self) -> &str {
        self.log.id.get(..8).unwrap_or(&self.log.id)
    }
}

/// `GET /integrity`
pub(super) async fn show_integrity(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    match panels(&console, &visit).await {
        Ok(logs) => page(&console, &visit, logs),
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /integrity/{id}/check` with `checkpoint`, or without
pub(super) async fn check_log(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Sent { visit, form }: Sent,
) -> Response {
    let mut panels = match panels(&console, &visit).await {
        Ok(panels) => panels,
        Err(refusal) => return refusal.page(&visit),
    };
    let Some(panel) = panels.iter_mut().find(|panel| panel.log.id == id) else {
        return Refusal::new(Why::NotFound, "Your organization has no such log.").page(&visit);
    };
    let name = cookie_name(&id);
    let seen = visit.cookie(&name).and_then(|value| Seen::parse(&panel.log.origin, value));
    let given = form.text("checkpoint");
    let report = check::run(&console, &visit, &panel.log, (seen, given)).await;
    let kept = report.kept();
    panel.report = Some(report);
    panel.given = given.to_owned();
    let mut response = page(&console, &visit, panels);
    if let Some(kept) = kept {
        let cookie = cookie(&name, Some(&kept), YEAR_SECONDS, visit.asker.is_https);
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The cookie that remembers the last checkpoint of a log that this browser saw and that held.
fn cookie_name(id: &str) -> String {
    format!("trailbook-seen-{id}")
}

/// The logs, the open one first.
async fn panels(console: &Console, visit: &Visit) -> Result<Vec<LogPanel>, Refusal> {
    let clock = Clock::of(visit, console.app.clock.now_ms());
    let logs: Logs = console.get(visit, "/api/v1/logs").await?;
    Ok(logs.data.into_iter().rev().map(|log| LogPanel::new(log, &clock)).collect())
}

fn page(console: &Console, visit: &Visit, logs: Vec<LogPanel>) -> Response {
    let url = console.app.public_url.clone().or_else(|| visit.asker.base_url()).unwrap_or_default();
    let page = IntegrityPage {
        frame: Frame::in_section(visit, Section::Integrity).at(PATH),
        logs,
        url: url.trim_end_matches('/'),
        zone: Clock::of(visit, console.app.clock.now_ms()).zone_name(),
    };
    answer::page(visit, &page)
}
