//! View Audit Logs: the page that auditors live in.
//!
//! [`view::View`] is what a URL asks for; [`show_logs`] finds it and lays it out: a search box and chips, a histogram,
//! tabs by the type of targets, and the table, whose rows open in place.

mod chips;
mod columns;
mod detail;
mod diff;
pub(super) mod fields;
pub(super) mod filter;
pub(super) mod first_start;
mod histogram;
pub(super) mod live;
pub(super) mod proof;
mod row;
pub(super) mod saved;
mod tree;
mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use trailbook_event::{Field, Uuid};
use trailbook_query::{Condition, FieldRef, Match, Page, Query, Start, text};

use super::Console;
use super::answer::{self, Refusal, Why};
use super::filters;
use super::frame::{Frame, Section};
use super::time::{Clock, grouped};
use super::visit::{self, Visit, encoded};
use crate::auth::Permission;
use crate::oidc::is_local_path;
use crate::search::overview::{Overview, Wanted, overview};
use crate::search::search;
use crate::url;
use chips::{Chip, chips};
use columns::Columns;
use detail::Detail;
use histogram::Histogram;
use row::Row;
use tree::Piece;
use view::{Preset, Range, View};

#[derive(Template)]
#[template(path = "ui/logs.html")]
struct LogsPage<'a> {
    frame: Frame<'a>,
    view: &'a View,
    /// The parameters of the view, as URLs begin with them.
    params: String,
    may_export: bool,
    columns: Columns,
    zone: String,
    range: RangeMenu,
    mistake: Option<String>,
    results: Results,
}

/// What a search found.
#[derive(Template)]
#[template(path = "ui/logs_results.html")]
struct Results {
    params: String,
    columns: Columns,
    chips: Vec<Chip>,
    /// Where a filter is added, up to which one.
    filter_url: String,
    /// The filters that are offered: groups with names and labels.
    offered: Vec<(&'static str, Vec<(String, String)>)>,
    tabs: Vec<Tab>,
    histogram: Option<Histogram>,
    total: String,
    total_is_one: bool,
    rows: Vec<Row>,
    open: Option<(String, Detail)>,
    older: Option<String>,
    newest: Option<String>,
    made_at: String,
    made_ms: i64,
    empty: Option<Empty>,
    refusal: Option<String>,
    may_write: bool,
    csrf: String,
}

/// Why there is nothing.
struct Empty {
    text: &'static str,
    /// What would find something: words, and a URL.
    ways: Vec<(String, String)>,
    /// Whether nobody has sent anything yet.
    is_first_start: bool,
}

/// A tab: the type of targets.
struct Tab {
    label: String,
    url: String,
    count: String,
    is_chosen: bool,
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

#[derive(Template)]
#[template(path = "ui/detail.html")]
struct DetailPart<'a> {
    detail: &'a Detail,
    params: &'a str,
}

#[derive(Template)]
#[template(path = "ui/event.html")]
struct EventPage<'a> {
    frame: Frame<'a>,
    detail: &'a Detail,
    params: &'a str,
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

async fn results(
    console: &Console,
    visit: &Visit,
    view: &View,
    (default, clock): (Preset, &Clock),
) -> Result<Results, Refusal> {
    let now_ms = clock.now_ms();
    let range = view.range_or(default);
    let steps = histogram::steps(range, now_ms);
    let of_all_kinds = view.query_of_all_kinds(default, now_ms);
    let found =
        overview(&console.app, &visit.caller, view.query(default, now_ms)?, Wanted { steps, of_all_kinds }).await?;
    let Overview { answer, histogram, kinds, of_all_kinds } = found;
    let mut rows: Vec<Row> = answer.events.iter().map(|found| Row::of(found, clock)).collect();
    let open = match &view.open {
        Some(id) => detail(console, visit, id, clock).await.ok().map(|detail| (id.clone(), detail)),
        None => None,
    };
    let open_id = open.as_ref().map(|(id, _)| id);
    rows.iter_mut().for_each(|row| row.is_open = open_id == Some(&row.id));
    let total = answer.total.unwrap_or_default();
    // What the server recorded itself, such as that somebody signed in, begins no log.
    let is_of_own = rows.iter().all(|row| row.source.whole == trailbook_event::OWN_SOURCE);
    let empty = if is_of_own && is_first_start(console, visit, view).await {
        Some(Empty { text: "Nothing has been recorded yet.", ways: Vec::new(), is_first_start: true })
    } else if rows.is_empty() {
        Some(empty(console, visit, view).await?)
    } else {
        None
    };
    Ok(Results {
        histogram: (!histogram.is_empty()).then(|| Histogram::of(steps, histogram, clock)),
        tabs: tabs(view, kinds, of_all_kinds),
        total: grouped(total),
        total_is_one: total == 1,
        older: answer.next.as_ref().map(|cursor| view.url_after(cursor)),
        open,
        rows,
        empty,
        ..Results::around(visit, view, clock)
    })
}

impl LogsPage<'_> {
    /// What a new search keeps of the view.
    fn kept(&self) -> Vec<(String, String)> {
        pairs(Some(&self.params)).into_iter().filter(|(name, _)| name != "q").collect()
    }
}

impl Results {
    /// The parameters of the view.
    fn kept(&self) -> Vec<(String, String)> {
        pairs(Some(&self.params))
    }

    /// The parameters of the view without its time.
    fn searched(&self) -> String {
        let kept = self.kept().into_iter().filter(|(name, _)| !["from", "to", "range"].contains(&name.as_str()));
        kept.map(|(name, value)| format!("{name}={}", encoded(&value))).collect::<Vec<_>>().join("&")
    }

    /// What is around rows.
    fn around(visit: &Visit, view: &View, clock: &Clock) -> Self {
        Self {
            params: view.params(),
            columns: Columns::of(visit),
            chips: chips(view),
            filter_url: chips::editor(view, ""),
            offered: offered(view),
            tabs: Vec::new(),
            histogram: None,
            total: String::new(),
            total_is_one: false,
            rows: Vec::new(),
            open: None,
            older: None,
            newest: view.cursor.as_ref().map(|_| view.url()),
            made_at: clock.at_ns(clock.now_ms().saturating_mul(1_000_000)).strftime("%H:%M:%S").to_string(),
            made_ms: clock.now_ms(),
            empty: None,
            refusal: None,
            may_write: visit.may(Permission::EventsWrite),
            csrf: visit.csrf.clone(),
        }
    }

    fn refused(visit: &Visit, view: &View, clock: &Clock, text: String) -> Self {
        Self { refusal: Some(text), ..Self::around(visit, view, clock) }
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

/// Whether nobody but the server itself has recorded anything, at any time.
async fn is_first_start(console: &Console, visit: &Visit, view: &View) -> bool {
    let of_others = Query {
        conditions: vec![Condition::is_not(Field::Source, trailbook_event::OWN_SOURCE)],
        page: Page { limit: 1, start: Start::Offset(0) },
        wants_total: false,
        ..Query::default()
    };
    view.is_of_all() && search(&console.app, &visit.caller, of_others).await.is_ok_and(|found| found.events.is_empty())
}

/// Why a search found nothing, and what would find something.
async fn empty(console: &Console, visit: &Visit, view: &View) -> Result<Empty, Refusal> {
    let mut ways = Vec::new();
    let now_ms = console.app.clock.now_ms();
    let default = default_range(console, visit);
    let narrower = [Preset::Day, Preset::Week, Preset::Month];
    let wider = narrower.into_iter().map(|preset| view.in_range(Range::Last(preset))).filter(|wider| {
        let width = |view: &View| {
            let (from, to) = view.range_or(default).bounds_ms(now_ms);
            to - from
        };
        width(wider) > width(view)
    });
    let without = (0..view.parsed.conditions.len()).map(|number| {
        let words = view.parsed.conditions.get(number).map(fields::in_words).unwrap_or_default();
        (format!("Drop the filter “{words}”"), view.without_condition(number))
    });
    let words = (0..view.parsed.terms.len()).map(|number| ("Drop a word".to_owned(), view.without_term(number)));
    let kind = view.kind.iter().map(|_| ("Look at all kinds".to_owned(), view.of_kind(None)));
    let range = wider.map(|wider| {
        let label = wider.range_or(default);
        let label = if let Range::Last(preset) = label { preset.label() } else { "longer" };
        (format!("Look at the {}", label.to_lowercase()), wider)
    });
    for (label, other) in without.chain(words).chain(kind).chain(range) {
        let query = Query { wants_total: true, ..other.query(default, now_ms)? };
        let page = Page { limit: 1, start: Start::Offset(0) };
        let found = search(&console.app, &visit.caller, Query { page, ..query }).await?;
        let total = found.total.unwrap_or_default();
        if total > 0 {
            let events = if total == 1 { "event" } else { "events" };
            ways.push((format!("{label}: {} {events}", grouped(total)), other.url()));
        }
    }
    Ok(Empty { text: "No event matches.", ways, is_first_start: false })
}

/// The kinds of things that are offered as tabs, by the names that Port gives them, in its order.
const KINDS: [(&str, &str); 8] = [
    ("entity", "Entities"),
    ("blueprint", "Blueprints"),
    ("action", "Actions"),
    ("automation", "Automations"),
    ("scorecard", "Scorecards"),
    ("run", "Runs"),
    ("integration", "Integrations"),
    ("secret", "Secrets"),
];
/// Other types that are offered, the most frequent.
const OTHER_KINDS_MAX: usize = 5;

fn tabs(view: &View, kinds: Option<trailbook_query::Facet>, of_all: u64) -> Vec<Tab> {
    let found = kinds.map(|facet| facet.values).unwrap_or_default();
    let tab = |label: &str, kind: Option<&str>, count: u64| Tab {
        label: label.to_owned(),
        url: view.of_kind(kind).url(),
        count: grouped(count),
        is_chosen: view.kind.as_deref() == kind,
    };
    let count = |kind: &str| found.iter().find(|(one, _)| one == kind).map_or(0, |(_, count)| *count);
    let is_shown = |kind: &str| count(kind) > 0 || view.kind.as_deref() == Some(kind);
    let mut tabs = vec![tab("All", None, of_all)];
    tabs.extend(
        KINDS.iter().filter(|(kind, _)| is_shown(kind)).map(|(kind, label)| tab(label, Some(kind), count(kind))),
    );
    let others = found.iter().filter(|(kind, _)| KINDS.iter().all(|(known, _)| known != kind));
    for (kind, count) in others.take(OTHER_KINDS_MAX) {
        tabs.push(tab(&spaced(kind), Some(kind), *count));
    }
    if let Some(kind) = view.kind.as_deref().filter(|_| !tabs.iter().any(|tab| tab.is_chosen)) {
        tabs.push(tab(&spaced(kind), Some(kind), count(kind)));
    }
    if tabs.len() > 1 { tabs } else { Vec::new() }
}

/// `filestream_file` as `Filestream file`
fn spaced(kind: &str) -> String {
    let text = row::middle(&kind.replace(['_', '-'], " "), 32);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
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

/// The filters that are offered. Names of targets are asked for with their type only.
fn offered(view: &View) -> Vec<(&'static str, Vec<(String, String)>)> {
    let has_type = view.has_target_type();
    let is_offered = |field: &&Field| **field != Field::TargetName || has_type;
    let entry = |field: &Field| (fields::label(&FieldRef::Field(*field)), field.name());
    fields::OFFERED.iter().map(|(name, all)| (*name, all.iter().filter(is_offered).map(entry).collect())).collect()
}

async fn detail(console: &Console, visit: &Visit, id: &str, clock: &Clock) -> Result<Detail, Refusal> {
    let id = Uuid::try_parse(id).map_err(|_| Refusal::new(Why::NotFound, "There is no such event."))?;
    let query = Query {
        conditions: vec![Condition {
            field: FieldRef::Field(Field::Id),
            is_negated: false,
            any_of: vec![Match::Is(id.to_string())],
        }],
        page: Page { limit: 1, start: Start::Offset(0) },
        wants_total: false,
        ..Query::default()
    };
    let answer = search(&console.app, &visit.caller, query).await?;
    let found = answer.events.first().ok_or_else(|| Refusal::new(Why::NotFound, "There is no such event."))?;
    Ok(Detail::of(found, visit.caller.organization().name(), clock))
}

/// `GET /logs/events/{id}?<view>`
pub(super) async fn show_event(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Response {
    let (view, _) = View::read(&pairs(query.as_deref()));
    let clock = Clock::of(&visit, console.app.clock.now_ms());
    let detail = match detail(&console, &visit, &id, &clock).await {
        Ok(detail) => detail,
        Err(refusal) => return refusal.page(&visit),
    };
    let params = &view.params();
    if visit.is_of_script() {
        return answer::page(&visit, &DetailPart { detail: &detail, params });
    }
    answer::page(&visit, &EventPage { frame: Frame::in_section(&visit, Section::Logs), detail: &detail, params })
}

/// `POST /logs/columns` with `column`, once for each that is shown, and `next`
pub(super) async fn choose_columns(State(console): State<Arc<Console>>, request: Request) -> Response {
    let (visit, form) = match visit::form(&console, request).await {
        Ok(sent) => sent,
        Err(response) => return response,
    };
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
