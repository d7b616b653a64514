//! One event: in its place in the table, or as a page of its own.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use trailbook_event::{Field, Uuid};
use trailbook_query::{Condition, Page, Query, Start};

use super::detail::Detail;
use super::pairs;
use super::tree::Piece;
use super::view::View;
use crate::search::search;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::time::Clock;
use crate::ui::visit::Visit;
use crate::ui::{Console, filters};

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

/// An event, laid out.
pub(super) async fn detail(console: &Console, visit: &Visit, id: &str, clock: &Clock) -> Result<Detail, Refusal> {
    let id = Uuid::try_parse(id).map_err(|_| Refusal::new(Why::NotFound, "There is no such event."))?;
    let query = Query {
        conditions: vec![Condition::is(Field::Id, id.to_string())],
        page: Page { limit: 1, start: Start::Offset(0) },
        wants_total: false,
        ..Query::default()
    };
    let answer = search(&console.app, &visit.caller, query).await?;
    let found = answer.events.first().ok_or_else(|| Refusal::new(Why::NotFound, "There is no such event."))?;
    Ok(Detail::of(found, visit.caller.organization().name(), clock))
}

/// `GET /logs/events/{id}?<view>`
pub(in crate::ui) async fn show_event(
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
