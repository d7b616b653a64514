//! View Audit Logs: the page that auditors live in.
//!
//! [`view::View`] is what a URL asks for; [`show_logs`] finds it and lays it out: a search box and chips, a histogram,
//! tabs by the type of targets, and the table, whose rows open in place.

mod chips;
mod columns;
mod detail;
mod diff;
pub(super) mod event;
pub(super) mod fields;
pub(super) mod filter;
pub(super) mod first_start;
mod histogram;
pub(super) mod live;
pub(super) mod proof;
mod results;
mod row;
pub(super) mod saved;
mod tabs;
mod tree;
mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use trailbook_query::{Query, text};

use super::Console;
use super::answer::{self, Refusal, Why};
use super::frame::{Frame, Section};
use super::time::Clock;
use super::visit::{Sent, Visit, encoded};
use crate::auth::Permission;
use crate::oidc::is_local_path;
use crate::search::search;
use crate::url;
use columns::Columns;
use results::{Results, results};
use row::Row;
use view::{Preset, Range, View};

#[derive(Template)]
#[template(path = "ui/logs.html")]
struct LogsPage<'a> {
    frame: Frame<'a>,
    view: &'a View,
    /// The parameters of the view, as URLs begin with them.
    params: String,
    /// The same with the time that is shown, whatever the default is.
    export_params: String,
    may_export: bool,
    columns: Columns,
    zone: String,
    range: RangeMenu,
    mistake: Option<String>,
    results: Results,
}

struct RangeMenu {
    label: String,
    presets: Vec<(&'static str, String, bool)>,
    from: String,
    to: String,
}

/// One row, as a fragment.
#[derive(Template)]
#[template(path = "ui/row.html")]
struct RowPart<'a> {
    row: &'a Row,
    columns: &'a Columns,
    params: &'a str,
}

/// The rows of an older page, as a fragment.
#[derive(Template)]
#[template(path = "ui/rows.html")]
struct RowsPart {
    rows: Vec<Row>,
    columns: Columns,
    params: String,
    older: Option<String>,
}

/// The parameters of a URL; what cannot be decoded is none.
fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    url::pairs(query).unwrap_or_default()
}

/// The time that a page shows first: what the organization has set.
fn default_range(console: &Console, visit: &Visit) -> Preset {
    Preset::of_name(console.app.auth.default_range(&visit.caller)).unwrap_or(Preset::Day)
}

/// `GET /logs`
pub(super) async fn show_logs(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Response {
    if !visit.may(Permission::EventsRead) {
        let text = "None of your roles lets you read the audit log. An administrator can give you one that does.";
        return Refusal::new(Why::NotAllowed, text).page(&visit);
    }
    let pairs = pairs(query.as_deref());
    let (view, mistake) = View::read(&pairs);
    if let Some(to) = adding(&view, &pairs) {
        return answer::lead(&visit, &to);
    }
    let clock = Clock::of(&visit, console.app.clock.now_ms());
    let default = default_range(&console, &visit);
    if visit.is_of_script() && view.cursor.is_some() {
        return show_older(&console, &visit, &view, &clock).await;
    }
    let results = match results(&console, &visit, &view, (default, &clock)).await {
        Ok(results) => results,
        Err(refusal) => Results::refused(&visit, &view, &clock, refusal.text),
    };
    let page = LogsPage {
        frame: Frame::in_section(&visit, Section::Logs),
        params: view.params(),
        export_params: view.in_range(view.range_or(default)).params(),
        may_export: visit.may(Permission::Exports),
        columns: Columns::of(&visit),
        zone: clock.zone_name(),
        range: range_menu(&view, default, &clock),
        mistake: mistake.map(|mistake| answer::sentence(&mistake.text)),
        results,
        view: &view,
    };
    answer::page(&visit, &page)
}

/// Where a URL leads that adds a filter: `add` is a search text, whose conditions join the view's.
fn adding(view: &View, pairs: &[(String, String)]) -> Option<String> {
    let mut view = view.clone();
    let mut is_adding = false;
    for (_, value) in pairs.iter().filter(|(name, _)| name == "add") {
        is_adding = true;
        for condition in text::parse(value).unwrap_or_default().conditions {
            view = view.with(condition);
        }
    }
    is_adding.then(|| view.url())
}

impl LogsPage<'_> {
    /// What a new search keeps of the view.
    fn kept(&self) -> Vec<(String, String)> {
        pairs(Some(&self.params)).into_iter().filter(|(name, _)| name != "q").collect()
    }
}

async fn show_older(console: &Console, visit: &Visit, view: &View, clock: &Clock) -> Response {
    let default = default_range(console, visit);
    let query = match view.query(default, clock.now_ms()) {
        Ok(query) => Query { wants_total: false, ..query },
        Err(error) => return Refusal::from(error).page(visit),
    };
    match search(&console.app, &visit.caller, query).await {
        Ok(answer) => {
            let rows = answer.events.iter().map(|found| Row::of(found, clock)).collect();
            let older = answer.next.as_ref().map(|cursor| view.url_after(cursor));
            answer::page(visit, &RowsPart { rows, columns: Columns::of(visit), params: view.params(), older })
        }
        Err(error) => Refusal::from(error).page(visit),
    }
}

fn range_menu(view: &View, default: Preset, clock: &Clock) -> RangeMenu {
    let range = view.range_or(default);
    let (from_ms, to_ms) = range.bounds_ms(clock.now_ms());
    let show = |ms: i64, format: &str| clock.at_ns(ms.saturating_mul(1_000_000)).strftime(format).to_string();
    let label = match range {
        Range::Last(preset) => preset.label().to_owned(),
        Range::Exact { .. } => format!("{} – {}", show(from_ms, "%-d %b %H:%M"), show(to_ms, "%-d %b %H:%M")),
    };
    let preset = |preset: Preset| {
        let is_chosen = range == Range::Last(preset);
        (preset.label(), view.in_range(Range::Last(preset)).url(), is_chosen)
    };
    RangeMenu {
        label,
        presets: Preset::ALL.into_iter().map(preset).collect(),
        from: show(from_ms, "%Y-%m-%dT%H:%M"),
        to: show(to_ms, "%Y-%m-%dT%H:%M"),
    }
}

/// `POST /logs/columns` with `column`, once for each that is shown, and `next`
pub(super) async fn choose_columns(Sent { visit, form }: Sent) -> Response {
    let shown: Vec<&str> = columns::ALL.iter().map(|(name, _)| *name).filter(|name| form.text(name) == "on").collect();
    let next = if is_local_path(form.text("next")) { form.text("next") } else { "/logs" };
    let mut response = answer::lead(&visit, next);
    if let Ok(cookie) = HeaderValue::try_from(Columns::shown(&shown).cookie(visit.asker.is_https)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `GET /logs/range?<view>&from=2026-11-21T08:00&to=…`: leads to the view of an exact range, typed in local time.
pub(super) async fn choose_range(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Response {
    let clock = Clock::of(&visit, console.app.clock.now_ms());
    let mut pairs = pairs(query.as_deref());
    for (_, value) in pairs.iter_mut().filter(|(name, _)| ["from", "to"].contains(&name.as_str())) {
        if let Some(utc) = clock.utc_of_local(value) {
            *value = utc;
        }
    }
    let params: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    answer::lead(&visit, &format!("/logs?{}", params.join("&")))
}
