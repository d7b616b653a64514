//! How Trailbook is asked: everything of the benchmark that depends on what the store and the executor can do.

use std::io::Write;

use trailbook_event::Field;
use trailbook_query::{
    Cancel, Condition, FieldRef, Order, Page, Query, Start, Steps, Term, TermKind, facet, histogram, run, scan,
};
use trailbook_store::{Snapshot, Store};

use crate::parameters::Drawn;

/// What came of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// A number that every system must give alike for the same events: the total and the events of the page, or the
    /// squares of the counts, summed up.
    Check(u64),
}

/// A kind of query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Newest,
    Filtered,
    FilteredTotal,
    Target,
    Count,
    Facet,
    WordCount,
    WordPage,
    Histogram,
    Id,
}

impl Row {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 10] = [
        Self::Newest,
        Self::Filtered,
        Self::FilteredTotal,
        Self::Target,
        Self::Count,
        Self::Facet,
        Self::WordCount,
        Self::WordPage,
        Self::Histogram,
        Self::Id,
    ];

    /// What results call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Filtered => "filtered",
            Self::FilteredTotal => "filtered_total",
            Self::Target => "target",
            Self::Count => "count",
            Self::Facet => "facet",
            Self::WordCount => "word_count",
            Self::WordPage => "word_page",
            Self::Histogram => "histogram",
            Self::Id => "id",
        }
    }
}

/// Answers one query.
pub(crate) fn answer(snapshot: &Snapshot, row: Row, drawn: &Drawn, last_ms: i64) -> Result<Said, String> {
    let outcome = || Condition::is(Field::Outcome, &drawn.outcome);
    let action = || Condition::is(Field::Action, &drawn.action);
    let query = match row {
        Row::Newest => page(Vec::new(), 100, true),
        Row::Filtered => page(vec![outcome(), action()], 100, false),
        Row::FilteredTotal => page(vec![outcome(), action()], 100, true),
        Row::Target => page(vec![Condition::is(Field::TargetId, &drawn.target)], 100, true),
        Row::Count => page(vec![action(), outcome(), Condition::is(Field::ActorType, &drawn.actor_type)], 1, true),
        Row::Id => page(vec![Condition::is(Field::Id, &drawn.id)], 1, false),
        Row::Facet => return facet_of_actions(snapshot),
        Row::WordCount => return word(snapshot, &drawn.word, 1),
        Row::WordPage => return word(snapshot, &drawn.word, 100),
        Row::Histogram => return histogram_by_day(snapshot, last_ms),
    };
    let answer = run(snapshot, &query, &Cancel::default()).map_err(|e| e.to_string())?;
    // Of a count only the total matters.
    let events = if row == Row::Count { 0 } else { answer.events.len() as u64 };
    Ok(Said::Check(answer.total.unwrap_or_default() + events))
}

/// The number of an event in its log.
pub(crate) fn sequence_of(snapshot: &Snapshot, drawn: &Drawn) -> Result<u64, String> {
    let query = page(vec![Condition::is(Field::Id, &drawn.id)], 1, false);
    let answer = run(snapshot, &query, &Cancel::default()).map_err(|e| e.to_string())?;
    answer.events.first().map(|found| found.sequence).ok_or_else(|| "an event is not in the store".to_owned())
}

fn page(conditions: Vec<Condition>, limit: u64, wants_total: bool) -> Query {
    Query { conditions, page: Page { limit, start: Start::Offset(0) }, wants_total, ..Query::default() }
}

/// Events with this word in their text: counted if `limit` is 1, else the newest of them and no total.
fn word(snapshot: &Snapshot, word: &str, limit: u64) -> Result<Said, String> {
    let term = Term { is_negated: false, kind: TermKind::Word(word.to_lowercase()) };
    let query = Query { text: vec![term], ..page(Vec::new(), limit, limit == 1) };
    let answer = run(snapshot, &query, &Cancel::default()).map_err(|e| e.to_string())?;
    Ok(Said::Check(answer.total.unwrap_or(answer.events.len() as u64)))
}

/// Events by action. The check is the sum of the squares of the counts.
fn facet_of_actions(snapshot: &Snapshot) -> Result<Said, String> {
    let action = FieldRef::Field(Field::Action);
    let found = facet(snapshot, &Query::default(), &action, usize::MAX, &Cancel::default());
    let counts = found.map_err(|e| e.to_string())?.values;
    Ok(Said::Check(counts.iter().map(|(_, count)| count * count).sum()))
}

/// Events by day (UTC) of `occurred_at`. The check is the sum of the squares of the counts.
fn histogram_by_day(snapshot: &Snapshot, last_ms: i64) -> Result<Said, String> {
    const DAY_MS: i64 = 86_400_000;
    // Late events lie before the ninety days; a few days more take them in.
    const DAYS: i64 = 100;
    let from_ms = (last_ms.div_euclid(DAY_MS) - DAYS + 2) * DAY_MS;
    let steps = Steps { from_ns: from_ms * 1_000_000, step_ns: DAY_MS * 1_000_000, count: DAYS as usize };
    let buckets = histogram(snapshot, &Query::default(), steps, &Cancel::default()).map_err(|e| e.to_string())?;
    Ok(Said::Check(buckets.iter().map(|bucket| bucket.events * bucket.events).sum()))
}

/// Writes every event of a log as NDJSON, in the order of sequence; gives the number of bytes.
pub(crate) fn export(snapshot: &Snapshot, out: &mut impl Write) -> std::io::Result<u64> {
    let mut bytes = 0;
    let mut failed = None;
    let query = Query { order: Order::Sequence, ..Query::default() };
    let scanned = scan(snapshot, &query, &Cancel::default(), |_, row| {
        bytes += row.canonical.len() as u64 + 1;
        failed = out.write_all(row.canonical).and_then(|()| out.write_all(b"\n")).err();
        failed.is_none()
    });
    match failed {
        Some(error) => Err(error),
        None => scanned.map(|()| bytes).map_err(std::io::Error::other),
    }
}

/// Returns when nothing waits to be flushed or compacted any more.
pub(crate) async fn settle(store: &Store) -> Result<(), String> {
    store.flush().await.map_err(|e| e.to_string())?;
    while store.compact().await.map_err(|e| e.to_string())? {}
    Ok(())
}

/// Bytes on disk by part of the storage.
pub(crate) fn parts(store: &Store) -> Result<Vec<(String, u64)>, String> {
    store.disk_report().map_err(|e| e.to_string())
}
