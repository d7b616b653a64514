//! New events as they are recorded, as server-sent events (HTML Living Standard, 9.2): each is a row of the table.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use trailbook_event::limits::LIVE_SECONDS_MAX;
use trailbook_query::{Order, Page, Query, Start};

use super::columns::Columns;
use super::row::Row;
use super::view::View;
use super::{RowPart, default_range, pairs};
use crate::export::pipe::stream;
use crate::search::search;
use crate::status;
use crate::ui::Console;
use crate::ui::answer::Refusal;
use crate::ui::time::Clock;
use crate::ui::visit::Visit;

/// How often it is looked for new events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two at whether the session still holds; also what is sent when there is nothing, so that proxies see
/// that somebody is there.
const LOOKS_PER_CHECK: u32 = 10;
/// New events that one look gives.
const ROWS_MAX: u64 = 200;

/// `GET /logs/live?<view>&since=…`: `since` is when the page was made, in milliseconds since 1970.
pub(in crate::ui) async fn follow(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Response {
    let pairs = pairs(query.as_deref());
    let (view, mistake) = View::read(&pairs);
    if let Some(mistake) = mistake {
        return Refusal::new(crate::ui::answer::Why::Invalid, mistake.text).bare();
    }
    let now_ms = console.app.clock.now_ms();
    let since = pairs.iter().find(|(name, _)| name == "since").and_then(|(_, value)| value.parse().ok());
    let mut query = match view.query(default_range(&console, &visit), now_ms) {
        Ok(query) => query,
        Err(error) => return Refusal::from(error).bare(),
    };
    query.recorded.0 = Some(since.unwrap_or(now_ms).max(now_ms - LIVE_SECONDS_MAX * 1_000));
    query.order = Order::Sequence;
    query.page = Page { limit: ROWS_MAX, start: Start::Offset(0) };
    query.wants_total = false;
    let (sender, body) = stream();
    let columns = Columns::of(&visit);
    let params = view.params();
    tokio::spawn(async move { give(&console, &visit, query, (columns, params), sender).await });
    let own = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (status::FOUND, own, Body::new(body)).into_response()
}

async fn give(
    console: &Console,
    visit: &Visit,
    mut query: Query,
    (columns, params): (Columns, String),
    sender: mpsc::Sender<std::io::Result<Bytes>>,
) {
    // Taken by whoever reads; closed when the server stops.
    let Ok(_place) = console.app.live.try_acquire() else { return };
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + Duration::from_secs(LIVE_SECONDS_MAX.unsigned_abs());
    let mut count = 0_u32;
    while Instant::now() < end && !sender.is_closed() && !console.app.live.is_closed() {
        looks.tick().await;
        count = count.wrapping_add(1);
        let mut text = String::new();
        if count.is_multiple_of(LOOKS_PER_CHECK) {
            // A session that was ended has ended, here as well.
            if !matches!(console.app.auth.of_session(&visit.asker).await, Ok(Some(_))) {
                return;
            }
            text.push_str(": still here\n\n");
        }
        let answer = match search(&console.app, &visit.caller, query.clone()).await {
            Ok(answer) => answer,
            // The next look may work.
            Err(trailbook_query::Error::Cancelled) => continue,
            Err(_) => return,
        };
        let clock = Clock::of(visit, console.app.clock.now_ms());
        for found in &answer.events {
            query.sequence.0 = Some(found.sequence + 1);
            let row = Row::of(found, &clock);
            let part = RowPart { row: &row, columns: &columns, params: &params };
            let Ok(html) = part.render() else { return };
            text.push_str("event: row\n");
            html.lines().for_each(|line| text.push_str(&format!("data: {line}\n")));
            text.push('\n');
        }
        if !text.is_empty() && sender.send(Ok(text.into())).await.is_err() {
            return;
        }
    }
}
