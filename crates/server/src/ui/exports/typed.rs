//! What is typed into the form of the Export dialog, and what is wrong with it.
//!
//! Times are those of the visitor's time zone, unless they have one of their own.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use trailbook_event::Timestamp;
use trailbook_event::limits::{CONSOLE_EXPORT_DAYS_MAX, EXPORT_NAME_CHARS_MAX};

use crate::ui::time::Clock;
use crate::ui::visit::encoded;

const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// Parameters that are not of the view.
const OF_THE_FORM: [&str; 3] = ["begin", "end", "by"];

/// What is typed into the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) name: String,
    /// The names of the formats that are ticked.
    pub(super) formats: Vec<&'static str>,
    /// The search text of the view.
    pub(super) search: String,
    /// The type of targets of the view.
    pub(super) kind: String,
    pub(super) is_by_recorded: bool,
    /// The parameters of the view, to come back to.
    pub(super) view: String,
    pub(super) begin: String,
    pub(super) end: String,
}

/// What is wrong with it: which field, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: &'static str,
    pub(super) text: String,
}

impl Wrong {
    pub(super) fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }
}

impl Typed {
    /// What the form holds at first: the view that is exported. `begin` and `end` go before its range.
    pub(super) fn of_view(pairs: &[(String, String)], clock: &Clock) -> Self {
        let value = |wanted: &str| {
            let found = pairs.iter().rev().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let kept = pairs.iter().filter(|(name, _)| !OF_THE_FORM.contains(&name.as_str()));
        let view: Vec<String> = kept.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let (begin_ms, end_ms) = view_range(value("range"), (value("from"), value("to")), clock);
        let or = |typed: &str, ms: i64| if typed.is_empty() { local(ms, clock) } else { typed.to_owned() };
        let (begin, end) = (or(value("begin"), begin_ms), or(value("end"), end_ms));
        let day = |ms: i64| clock.at_ns(ms.saturating_mul(1_000_000)).strftime("%-d %b %Y").to_string();
        Self {
            name: format!("Audit logs {} – {}", day(begin_ms), day(end_ms)),
            formats: vec!["ndjson", "cef"],
            search: value("q").trim().to_owned(),
            kind: value("type").to_owned(),
            is_by_recorded: value("by") == "recorded",
            view: view.join("&"),
            begin,
            end,
        }
    }

    /// The URL of the view.
    pub(super) fn back(&self) -> String {
        if self.view.is_empty() { "/logs".to_owned() } else { format!("/logs?{}", self.view) }
    }

    /// What is wrong with it, else its range.
    pub(super) fn check(&self, clock: &Clock) -> Result<(i64, i64), Wrong> {
        let length = self.name.chars().count();
        if length == 0 || length > EXPORT_NAME_CHARS_MAX {
            return Err(Wrong::new("name", format!("Give it a name of 1 to {EXPORT_NAME_CHARS_MAX} characters.")));
        }
        if self.formats.is_empty() {
            return Err(Wrong::new("formats", "Tick at least one format."));
        }
        self.range(clock)
    }

    /// From (inclusive) and to (exclusive), in milliseconds since 1970.
    pub(super) fn range(&self, clock: &Clock) -> Result<(i64, i64), Wrong> {
        let unreadable = |field| Wrong::new(field, "Write a date and a time, such as 2026-11-21T09:41.");
        let begin_ms = moment(&self.begin, clock).ok_or_else(|| unreadable("begin"))?;
        let end_ms = moment(&self.end, clock).ok_or_else(|| unreadable("end"))?;
        if begin_ms >= end_ms {
            return Err(Wrong::new("end", "The range ends before it begins."));
        }
        if end_ms - begin_ms > CONSOLE_EXPORT_DAYS_MAX * DAY_MS {
            let text = format!("One export takes {CONSOLE_EXPORT_DAYS_MAX} days at most; make several of them.");
            return Err(Wrong::new("end", text));
        }
        Ok((begin_ms, end_ms))
    }

    /// The filter as the API takes it.
    pub(super) fn filter(&self, (begin_ms, end_ms): (i64, i64)) -> BTreeMap<String, String> {
        let mut filter = BTreeMap::new();
        let mut set = |name: &str, value: String| filter.insert(name.to_owned(), value);
        let time = |ms| Timestamp::from_millis(ms).to_string();
        if self.is_by_recorded {
            set("recorded_from", time(begin_ms));
            set("recorded_to", time(end_ms));
            return filter;
        }
        set("from", time(begin_ms));
        set("to", time(end_ms));
        if !self.search.is_empty() {
            set("q", self.search.clone());
        }
        if !self.kind.is_empty() {
            set("target.type", escaped(&self.kind));
        }
        filter
    }
}

/// A value as a parameter has it: what would separate it or end it in a star is escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,").replace('*', r"\*")
}

/// The range of a view, in whole seconds around it.
fn view_range(preset: &str, (from, to): (&str, &str), clock: &Clock) -> (i64, i64) {
    let time = |text: &str| Timestamp::parse(&text.replace(' ', "+")).ok().map(|time| time.millis());
    let up = |ms: i64| (ms + SECOND_MS - 1).div_euclid(SECOND_MS) * SECOND_MS;
    let down = |ms: i64| ms.div_euclid(SECOND_MS) * SECOND_MS;
    if let (Some(from_ms), Some(to_ms)) = (time(from), time(to)) {
        return (down(from_ms), up(to_ms));
    }
    let width_ms = match preset {
        "1h" => HOUR_MS,
        "7d" => 7 * DAY_MS,
        "30d" => 30 * DAY_MS,
        _ => DAY_MS,
    };
    let now_ms = up(clock.now_ms());
    (now_ms - width_ms, now_ms)
}

/// A time as fields of forms have it, in the zone of the visitor.
fn local(ms: i64, clock: &Clock) -> String {
    clock.at_ns(ms.saturating_mul(1_000_000)).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// The other way round. A time with a zone is taken as it is.
fn moment(text: &str, clock: &Clock) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = Timestamp::parse(text) {
        return Some(time.millis());
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(clock.zone().clone()).ok().map(|at| at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use trailbook_event::Field;
    use trailbook_query::{Condition, params};

    use super::*;

    const NOW_MS: i64 = 1_795_250_463_221; // 2026-11-21T08:41:03.221Z

    fn clock() -> Clock {
        Clock::new("Europe/Berlin", NOW_MS)
    }

    fn of_view(query: &str) -> Typed {
        Typed::of_view(&crate::url::pairs(Some(query)).unwrap(), &clock())
    }

    #[test]
    fn the_form_begins_with_the_view() {
        let typed = of_view("q=outcome%3Afailed&range=7d&type=entity");
        assert_eq!((typed.begin.as_str(), typed.end.as_str()), ("2026-11-14T09:41:04", "2026-11-21T09:41:04"));
        assert_eq!(typed.name, "Audit logs 14 Nov 2026 – 21 Nov 2026");
        let exact = of_view("from=2026-11-20T08:00:00.5Z&to=2026-11-20T09:00:00.5Z");
        let range = exact.check(&clock()).unwrap();
        let filter = exact.filter(range);
        assert_eq!(filter["from"], "2026-11-20T08:00:00.000Z");
        assert_eq!(filter["to"], "2026-11-20T09:00:01.000Z");
        assert_eq!(of_view("begin=2026-01-02T03:04&range=1h").begin, "2026-01-02T03:04");
    }

    #[test]
    fn a_range_is_up_to_so_many_days_wide() {
        let range = |end: &str| of_view(&format!("begin=2025-06-01T00:00:00Z&end={end}")).check(&clock());
        assert!(range("2026-06-01T00:00:00Z").is_ok());
        assert_eq!(range("2026-06-01T00:00:01Z").unwrap_err().field, "end");
        assert_eq!(range("2025-06-01T00:00:00Z").unwrap_err().field, "end");
        assert_eq!(range("tomorrow").unwrap_err().field, "end");
    }

    #[test]
    fn a_type_of_targets_is_one_value_whatever_it_has() {
        let typed = of_view("type=a%2Cb*%5C");
        let filter = typed.filter((0, 1));
        let pairs: Vec<_> = filter.into_iter().collect();
        let query = params::parse(&pairs).unwrap();
        assert_eq!(query.conditions, [Condition::is(Field::TargetType, r"a,b*\")]);
    }

    #[test]
    fn by_time_recorded_there_is_no_other_condition() {
        let typed = of_view("q=outcome%3Afailed&type=entity&by=recorded");
        let names: Vec<String> = typed.filter((0, 1)).into_keys().collect();
        assert_eq!(names, ["recorded_from", "recorded_to"]);
    }
}
