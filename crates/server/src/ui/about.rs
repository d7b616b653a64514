//! The page of an actor, an entity, an address, or whatever else events name: who or what it is, since when and how
//! often it is seen, when it is active, what it does most, and its newest events.
//!
//! ```text
//! GET /logs/about?actor.id=user:default/jane      any one field and its value
//! GET /logs/about?target.id=…&target.type=entity  a target, also by its type
//! ```
//!
//! Numbers are of all time unless a chart says otherwise, and of what the visitor sees.

mod heat;
mod identity;
mod ranking;
mod subject;
mod timeline;

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use trailbook_event::{ContextKey, Field, Timestamp};
use trailbook_query::{Found, Page, Query, Start};

use super::Console;
use super::answer::{self, Refusal, Why};
use super::frame::{Frame, Section};
use super::time::{Clock, Moment, grouped};
use super::visit::Visit;
use crate::auth::Permission;
use crate::search::portrait::{Portrait, Wanted, portrait};
use heat::{Calendar, Week};
use identity::Fact;
use ranking::{Goal, Ranking};
use subject::{Role, Subject};
use timeline::Day;

/// Events of the timeline.
const TIMELINE_EVENTS: u64 = 50;
/// Values of each ranking.
const RANKED: usize = 10;

#[derive(Template)]
#[template(path = "ui/about.html")]
struct AboutPage<'a> {
    frame: Frame<'a>,
    subject: &'a Subject,
    total: String,
    seen: Option<Seen>,
    facts: Vec<Fact>,
    calendar: Calendar,
    week: Week,
    rankings: Vec<Ranking>,
    days: Vec<Day>,
    /// Whether there are more events than the timeline has.
    has_more: bool,
    /// The URL of its events.
    logs: Option<String>,
    zone: String,
}

/// Since when and until when something is seen.
struct Seen {
    first: Moment,
    last: Moment,
}

#[derive(Template)]
#[template(path = "ui/about/unseen.html")]
struct UnseenPage<'a> {
    frame: Frame<'a>,
    subject: &'a Subject,
}

/// `GET /logs/about`
pub(super) async fn show_about(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    if !visit.may(Permission::EventsRead) {
        return Refusal::new(Why::NotAllowed, "Your roles do not let you read audit logs.").page(&visit);
    }
    match about(&console, &visit, query.as_deref()).await {
        Ok(response) => response,
        Err(refusal) => refusal.page(&visit),
    }
}

async fn about(console: &Console, visit: &Visit, query: Option<&str>) -> Result<Response, Refusal> {
    let unreadable = |name: String| Refusal::new(Why::Invalid, format!("The parameter {name} cannot be read."));
    let subject = Subject::read(&crate::url::pairs(query).map_err(unreadable)?)?;
    let clock = Clock::of(visit, console.app.clock.now_ms());
    let query = Query {
        conditions: subject.conditions(),
        page: Page { limit: TIMELINE_EVENTS, start: Start::Offset(0) },
        ..Query::default()
    };
    let wanted = Wanted { steps: heat::steps(&clock), fields: fields(&subject), values_max: RANKED };
    let found = portrait(&console.app, &visit.caller, query, wanted).await?;
    let frame = Frame::in_section(visit, Section::Logs);
    let Some((first_ns, last_ns)) = ends(&found) else {
        return Ok(answer::page(visit, &UnseenPage { frame, subject: &subject }));
    };
    let subject = &subject.seen_at(last_ns, clock.now_ms().saturating_mul(1_000_000));
    let total = found.newest.total.unwrap_or_default();
    Ok(answer::page(
        visit,
        &AboutPage {
            frame,
            subject,
            total: grouped(total),
            seen: Some(Seen { first: clock.moment(first_ns), last: clock.moment(last_ns) }),
            facts: identity::facts(subject, &found),
            calendar: Calendar::of(&found.steps, &clock),
            week: Week::of(&found.steps, &clock),
            rankings: rankings(subject, &found),
            days: timeline::days(subject, &found.newest.events, &clock),
            has_more: total > TIMELINE_EVENTS,
            logs: subject.logs(None),
            zone: clock.zone_name(),
        },
    ))
}

/// When the first and the last event happened, in nanoseconds since 1970.
fn ends(found: &Portrait) -> Option<(i64, i64)> {
    Some((occurred_ns(found.first.as_ref()?), occurred_ns(found.newest.events.first()?)))
}

/// When an event happened; it always says so.
fn occurred_ns(found: &Found) -> i64 {
    let event: serde_json::Value = serde_json::from_slice(&found.canonical).unwrap_or_default();
    let occurred = event.get("occurred_at").and_then(|at| at.as_str()).map(Timestamp::parse);
    occurred.and_then(Result::ok).map_or(found.recorded_ms.saturating_mul(1_000_000), |at| at.nanos())
}

/// The fields whose values are counted.
fn fields(subject: &Subject) -> Vec<Field> {
    let mut fields = identity::fields(subject).to_vec();
    fields.extend(ranked(subject).into_iter().map(|(_, field, _)| field));
    fields
}

/// What is ranked: its heading, the field, and where a value leads.
fn ranked(subject: &Subject) -> Vec<(&'static str, Field, Goal)> {
    let targets = |title| (title, Field::TargetId, Goal::Page);
    let actors = |title| (title, Field::ActorId, Goal::Page);
    let mut all = vec![("Top actions", Field::Action, Goal::Logs), ("Outcomes", Field::Outcome, Goal::Logs)];
    match subject.role() {
        Role::Actor => all.push(targets("Acted on most")),
        Role::Target => all.push(actors("Acted on by")),
        Role::Other => all.extend([actors("Actors"), targets("Targets")]),
    }
    all.push(("Addresses", Field::Context(ContextKey::Ip), Goal::Page));
    all.push(("Sources", Field::Source, Goal::Logs));
    all.retain(|(_, field, _)| !subject.is_of(*field));
    all
}

fn rankings(subject: &Subject, found: &Portrait) -> Vec<Ranking> {
    let total = found.newest.total.unwrap_or_default();
    let ranking = |(title, field, goal)| Ranking::of(subject, (title, field, goal), (found.values(field)?, total));
    ranked(subject).into_iter().filter_map(ranking).collect()
}
