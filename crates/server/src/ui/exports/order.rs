//! The Export dialog: what is shown, as files. It is a page of its own too.
//!
//! ```text
//! GET  /logs/export?<the parameters of the view>   by time occurred, with the view's filters
//! GET  /logs/export?…&begin=…&end=…                the same with another range, for the numbers of events
//! POST /logs/export                                orders it
//! ```
//!
//! By time recorded an export has no condition at all: only then can it prove that nothing is missing.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::json;
use trailbook_event::Field;
use trailbook_event::limits::{CONSOLE_EXPORT_DAYS_MAX, EXPORT_NAME_CHARS_MAX};
use trailbook_query::{Condition, Page, Query, Start, params};

use super::typed::{DAY_MS, Typed, Wrong};
use super::{EXPORTS, FORMATS, asked};
use crate::auth::Permission;
use crate::search::search;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::logs::fields;
use crate::ui::time::{Clock, grouped};
use crate::ui::visit::{Sent, Visit};

/// How many events each way of exporting would have.
struct Counts {
    occurred: String,
    recorded: String,
}

#[derive(Template)]
#[template(path = "ui/exports/order.html")]
struct OrderPage<'a> {
    frame: Frame<'a>,
    form: OrderForm<'a>,
}

#[derive(Template)]
#[template(path = "ui/exports/dialog.html")]
struct OrderDialog<'a> {
    form: OrderForm<'a>,
}

struct OrderForm<'a> {
    csrf: &'a str,
    typed: Typed,
    /// The filters of the view, in words.
    conditions: Vec<String>,
    counts: Option<Counts>,
    wrong: Option<Wrong>,
    zone: String,
    days_max: i64,
    kept_days: i64,
    name_chars_max: usize,
    /// Whether the visitor takes out all events and fields, so that something can be proven of them.
    can_prove: bool,
    /// Where a reader goes who does not want it after all.
    back: String,
    is_dialog: bool,
}

impl OrderForm<'_> {
    fn formats(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, bool)> {
        FORMATS.into_iter().map(|(name, label, what_for)| (name, label, what_for, self.typed.formats.contains(&name)))
    }

    /// What is wrong with a field.
    fn wrong_of(&self, field: &str) -> &str {
        self.wrong.as_ref().filter(|wrong| wrong.field == field).map_or("", |wrong| wrong.text.as_str())
    }
}

/// `GET /logs/export`
pub(in crate::ui) async fn show_form(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    if !visit.may(Permission::Exports) {
        return Refusal::new(Why::NotAllowed, "Your roles do not let you export audit logs.").page(&visit);
    }
    let clock = Clock::of(&visit, console.app.clock.now_ms());
    let pairs = crate::url::pairs(query.as_deref()).unwrap_or_default();
    let typed = Typed::of_view(&pairs, &clock);
    let form = fill(&console, &visit, typed, None).await;
    match visit.is_of_script() {
        true => answer::page(&visit, &OrderDialog { form: OrderForm { is_dialog: true, ..form } }),
        false => answer::page(&visit, &OrderPage { frame: Frame::in_section(&visit, Section::Logs), form }),
    }
}

/// `POST /logs/export`
pub(in crate::ui) async fn order(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let typed = Typed {
        name: form.text("name").trim().to_owned(),
        formats: FORMATS.iter().map(|(name, ..)| *name).filter(|name| !form.text(&field_of(name)).is_empty()).collect(),
        search: form.text("q").to_owned(),
        kind: form.text("type").to_owned(),
        is_by_recorded: form.text("by") == "recorded",
        view: form.text("view").to_owned(),
        begin: form.text("begin").to_owned(),
        end: form.text("end").to_owned(),
    };
    let clock = Clock::of(&visit, console.app.clock.now_ms());
    let wrong = match typed.check(&clock) {
        Ok(range) => {
            let body = json!({"name": typed.name, "formats": typed.formats, "filter": typed.filter(range)});
            match console.send(&visit, Method::POST, EXPORTS, &body).await {
                Ok(_) if form.text("from_dialog").is_empty() => {
                    return answer::lead(&visit, "/logs/exports?done=ordered");
                }
                // A script opens the fold that the page has under this name.
                Ok(_) => return answer::lead(&visit, &format!("{}#exports", typed.back())),
                Err(refusal) if refusal.why == Why::NotAllowed => return refusal.page(&visit),
                Err(refusal) => Wrong::new("all", refusal.text),
            }
        }
        Err(wrong) => wrong,
    };
    let form = fill(&console, &visit, typed, Some(wrong)).await;
    answer::wrong(&visit, Why::Invalid, &OrderPage { frame: Frame::in_section(&visit, Section::Logs), form })
}

/// The form with what is typed, and what goes with that.
async fn fill<'a>(console: &Console, visit: &'a Visit, typed: Typed, wrong: Option<Wrong>) -> OrderForm<'a> {
    let clock = Clock::of(visit, console.app.clock.now_ms());
    let mut conditions: Vec<String> = asked::of_text(&typed.search);
    if !typed.kind.is_empty() {
        conditions.push(fields::in_words(&Condition::is(Field::TargetType, typed.kind.as_str())));
    }
    let range = typed.range(&clock).ok();
    OrderForm {
        csrf: &visit.csrf,
        conditions,
        counts: match range {
            Some(range) => count(console, visit, &typed, range).await,
            None => None,
        },
        wrong,
        zone: clock.zone_name(),
        days_max: CONSOLE_EXPORT_DAYS_MAX,
        kept_days: console.app.exports_kept_ms.div_euclid(DAY_MS),
        name_chars_max: EXPORT_NAME_CHARS_MAX,
        can_prove: visit.caller.exports_sight().is_all(),
        back: typed.back(),
        is_dialog: false,
        typed,
    }
}

/// How many events there are now, for whoever reads the same events as they take out.
async fn count(console: &Console, visit: &Visit, typed: &Typed, range: (i64, i64)) -> Option<Counts> {
    let reads = visit.caller.rights().sight(Permission::EventsRead)?;
    if *reads != visit.caller.exports_sight() {
        return None;
    }
    let total = async |typed: &Typed| {
        let pairs: Vec<(String, String)> = typed.filter(range).into_iter().collect();
        let query = params::parse(&pairs).ok()?;
        let query = Query { page: Page { limit: 1, start: Start::Offset(0) }, ..query };
        search(&console.app, &visit.caller, query).await.ok()?.total
    };
    let occurred = total(&Typed { is_by_recorded: false, ..typed.clone() }).await?;
    let recorded = total(&Typed { is_by_recorded: true, ..typed.clone() }).await?;
    Some(Counts { occurred: events(occurred), recorded: events(recorded) })
}

/// `1 event`, `1,204 events`
fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{} events", grouped(count)) }
}

/// The name of a format's field in the form.
fn field_of(format: &str) -> String {
    format!("format-{format}")
}
