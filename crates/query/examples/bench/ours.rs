//! How Trailbook is asked: everything of the benchmark that depends on what the store and the executor can do.
//!
//! What they cannot do yet answers [`Said::NotThereYet`] and stands so in the table.

use std::io::Write;

use trailbook_event::Field;
use trailbook_query::{Cancel, Condition, Page, Query, Start, run};
use trailbook_store::{Snapshot, Store};

use crate::parameters::Drawn;

/// What came of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// A number that every system must give alike for the same events: the total and the events of the page, or the
    /// squares of the counts, summed up.
    Check(u64),
    /// The product has no such query.
    NotThereYet,
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
pub(crate) fn answer(snapshot: &Snapshot, row: Row, drawn: &Drawn) -> Result<Said, String> {
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
        Row::Histogram => return histogram_by_day(snapshot),
    };
    let answer = run(snapshot, &query, &Cancel::default()).map_err(|e| e.to_string())?;
    // Of a count only the total matters.
    let events = if row == Row::Count { 0 } else { answer.events.len() as u64 };
    Ok(Said::Check(answer.total.unwrap_or_default() + events))
}

fn page(conditions: Vec<Condition>, limit: u64, wants_total: bool) -> Query {
    Query { conditions, page: Page { limit, start: Start::Offset(0) }, wants_total, ..Query::default() }
}

/// Events with this word in their text: counted if `limit` is 1, else the newest of them and no total. Waits for words
/// in the query.
fn word(_snapshot: &Snapshot, _word: &str, _limit: u64) -> Result<Said, String> {
    Ok(Said::NotThereYet)
}

/// Events by action. The check is the sum of the squares of the counts. Waits for facets.
fn facet_of_actions(_snapshot: &Snapshot) -> Result<Said, String> {
    Ok(Said::NotThereYet)
}

/// Events by day (UTC) of `occurred_at`. The check is the sum of the squares of the counts. Waits for histograms.
fn histogram_by_day(_snapshot: &Snapshot) -> Result<Said, String> {
    Ok(Said::NotThereYet)
}

/// Writes every event of a log as NDJSON, in the order of sequence; gives the number of bytes.
pub(crate) fn export(snapshot: &Snapshot, out: &mut impl Write) -> std::io::Result<u64> {
    let mut bytes = 0;
    for row in snapshot.rows() {
        out.write_all(row.canonical)?;
        out.write_all(b"\n")?;
        bytes += row.canonical.len() as u64 + 1;
    }
    Ok(bytes)
}

/// Returns when nothing waits to be flushed or compacted any more.
///
/// To be `store.quiesce().await` once the store flushes.
pub(crate) async fn settle(_store: &Store) -> Result<(), String> {
    Ok(())
}

/// Bytes on disk by part of the storage.
///
/// To be `store.disk_report()` once the store has segments.
pub(crate) fn parts(_store: &Store) -> Vec<(String, u64)> {
    Vec::new()
}
