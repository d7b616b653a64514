//! The most frequent values of a field, as bars.

use trailbook_event::Field;
use trailbook_query::Condition;

use super::subject::{Subject, page_of};
use crate::search::portrait::Values;
use crate::ui::time::grouped;

/// The width of the longest bar.
pub(super) const BAR_WIDTH: u64 = 120;

/// Where a value leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// To its events.
    Logs,
    /// To its own page.
    Page,
}

/// The most frequent values of a field.
pub(super) struct Ranking {
    pub(super) title: &'static str,
    pub(super) rows: Vec<Ranked>,
    /// What is to be said of those that are not listed.
    pub(super) note: String,
}

/// A value, and how many events have it.
pub(super) struct Ranked {
    pub(super) value: String,
    pub(super) page: Option<String>,
    pub(super) logs: Option<String>,
    pub(super) events: String,
    /// Of all events, in words: `12 %`
    pub(super) share: String,
    /// Its bar, of [`BAR_WIDTH`].
    pub(super) width: u64,
    /// The outcome whose colour its bar has.
    pub(super) outcome: &'static str,
}

impl Ranking {
    /// Of a field's values among so many events; nothing where there is nothing to show.
    pub(super) fn of(
        subject: &Subject,
        (title, field, goal): (&'static str, Field, Goal),
        (values, total): (&Values, u64),
    ) -> Option<Self> {
        let facet = match values {
            Values::Counted(facet) if facet.values.is_empty() => return None,
            Values::Counted(facet) => facet,
            Values::Hidden => return None,
            Values::TooMany => {
                let note = "There are too many to count them.".to_owned();
                return Some(Self { title, rows: Vec::new(), note });
            }
        };
        let greatest = facet.values.iter().map(|(_, events)| *events).max().unwrap_or_default().max(1);
        let row = |(value, events): &(String, u64)| Ranked {
            page: if goal == Goal::Page { page_of(field, value) } else { None },
            logs: subject.logs(Some(Condition::is(field, value.as_str()))),
            events: grouped(*events),
            share: share(*events, total),
            width: (events * BAR_WIDTH).div_ceil(greatest),
            outcome: if field == Field::Outcome { outcome(value) } else { "" },
            value: value.clone(),
        };
        let rows: Vec<_> = facet.values.iter().map(row).collect();
        let more = facet.distinct.saturating_sub(rows.len() as u64);
        let note = if more > 0 { format!("and {} more", grouped(more)) } else { String::new() };
        Some(Self { title, rows, note })
    }
}

/// A share of all, in whole percents; what is there is never nothing.
fn share(events: u64, total: u64) -> String {
    match events.saturating_mul(100) / total.max(1) {
        0 => "< 1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

fn outcome(value: &str) -> &'static str {
    ["succeeded", "failed", "denied", "initiated"].into_iter().find(|known| *known == value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn what_is_there_is_never_nothing() {
        assert_eq!((share(1, 1_000).as_str(), share(1, 3).as_str(), share(7, 7).as_str()), ("< 1 %", "33 %", "100 %"));
    }
}
