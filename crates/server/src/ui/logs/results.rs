//! What a search found, laid out: chips, the histogram, tabs, rows, and why there is nothing where that is so.

use askama::Template;
use trailbook_event::Field;
use trailbook_query::{Condition, FieldRef, Page, Query, Start};

use super::chips::{self, Chip, chips};
use super::columns::Columns;
use super::detail::Detail;
use super::histogram::{self, Histogram};
use super::row::Row;
use super::tabs::{Tab, tabs};
use super::tree::Piece;
use super::view::{Preset, Range, View};
use super::{default_range, event, fields, pairs};
use crate::auth::Permission;
use crate::search::overview::{Overview, Wanted, overview};
use crate::search::search;
use crate::ui::answer::Refusal;
use crate::ui::time::{Clock, grouped};
use crate::ui::visit::{Visit, encoded};
use crate::ui::{Console, filters};

/// What a search found.
#[derive(Template)]
#[template(path = "ui/logs_results.html")]
pub(super) struct Results {
    pub(super) params: String,
    pub(super) columns: Columns,
    pub(super) chips: Vec<Chip>,
    /// Where a filter is added, up to which one.
    pub(super) filter_url: String,
    /// The filters that are offered: groups with names and labels.
    pub(super) offered: Vec<(&'static str, Vec<(String, String)>)>,
    pub(super) tabs: Vec<Tab>,
    pub(super) histogram: Option<Histogram>,
    pub(super) total: String,
    pub(super) total_is_one: bool,
    pub(super) rows: Vec<Row>,
    pub(super) open: Option<(String, Detail)>,
    pub(super) older: Option<String>,
    pub(super) newest: Option<String>,
    pub(super) made_at: String,
    pub(super) made_ms: i64,
    pub(super) empty: Option<Empty>,
    pub(super) refusal: Option<String>,
    pub(super) csrf: String,
    /// Whether the visitor may send events.
    pub(super) may_write: bool,
}

/// Why there is nothing.
pub(super) struct Empty {
    pub(super) text: &'static str,
    /// What would find something: words, and a URL.
    pub(super) ways: Vec<(String, String)>,
    /// Whether nobody has sent anything yet.
    pub(super) is_first_start: bool,
}

/// Answers a view.
pub(super) async fn results(
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
        Some(id) => event::detail(console, visit, id, clock).await.ok().map(|detail| (id.clone(), detail)),
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

impl Results {
    /// The parameters of the view.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
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
            csrf: visit.csrf.clone(),
            may_write: visit.may(Permission::EventsWrite),
        }
    }

    pub(super) fn refused(visit: &Visit, view: &View, clock: &Clock, text: String) -> Self {
        Self { refusal: Some(text), ..Self::around(visit, view, clock) }
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

/// The filters that are offered. Names of targets are asked for with their type only.
fn offered(view: &View) -> Vec<(&'static str, Vec<(String, String)>)> {
    let has_type = view.has_target_type();
    let is_offered = |field: &&Field| **field != Field::TargetName || has_type;
    let entry = |field: &Field| (fields::label(&FieldRef::Field(*field)), field.name());
    fields::OFFERED.iter().map(|(name, all)| (*name, all.iter().filter(is_offered).map(entry).collect())).collect()
}
