//! When something is active: a calendar of the last 53 weeks, and the hours of the week over the last 30 days, both in
//! the time zone of the visitor.
//!
//! Events are counted by the hour, once for both. An hour belongs to the day that it begins in.

use jiff::civil::Date;
use jiff::{Span, Zoned};
use trailbook_query::{Bucket, Steps};

use crate::ui::time::{Clock, grouped};

const WEEKS: usize = 53;
const DAYS: usize = 7;
const HOURS: usize = 24;
const HOUR_NS: i64 = 60 * 60 * 1_000_000_000;
/// The days that the hours of the week are of.
const RECENT_NS: i64 = 30 * 24 * HOUR_NS;
/// Shades of cells beyond the one for nothing.
const SHADES: f64 = 4.0;
/// A cell of the charts with the gap beside it.
const CELL: usize = 14;
/// Room for the names of days, and of months or hours.
const LEFT: usize = 34;
const TOP: usize = 18;

/// The names of the days, from Monday on.
pub(super) const DAY_NAMES: [&str; DAYS] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A cell of a chart.
pub(super) struct Cell {
    pub(super) x: usize,
    pub(super) y: usize,
    /// 0 for nothing, to 4.
    pub(super) shade: u8,
    pub(super) words: String,
}

/// A word beside a chart.
pub(super) struct Label {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) text: String,
}

/// The last 53 weeks, a column each, a cell a day.
pub(super) struct Calendar {
    pub(super) cells: Vec<Cell>,
    pub(super) labels: Vec<Label>,
    /// What it shows, in a sentence.
    pub(super) summary: String,
    /// The first day of each week that has events, and the numbers of its days.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// The hours of the week.
pub(super) struct Week {
    pub(super) cells: Vec<Cell>,
    pub(super) labels: Vec<Label>,
    pub(super) summary: String,
    /// The days with the numbers of their hours.
    pub(super) rows: Vec<(&'static str, Vec<String>)>,
}

/// The hours of the last 53 weeks, up to the end of this one.
pub(super) fn steps(clock: &Clock) -> Steps {
    let start = first_day(clock).to_zoned(clock.zone().clone()).map(|at| at.timestamp().as_nanosecond());
    let start = start.ok().and_then(|nanos| i64::try_from(nanos).ok()).unwrap_or_default();
    Steps { from_ns: start, step_ns: HOUR_NS, count: WEEKS * DAYS * HOURS }
}

/// The Monday that the calendar begins with.
fn first_day(clock: &Clock) -> Date {
    let today = now(clock).date();
    let back = i64::from(today.weekday().to_monday_zero_offset()) + ((WEEKS - 1) * DAYS) as i64;
    today.saturating_sub(Span::new().days(back))
}

fn now(clock: &Clock) -> Zoned {
    clock.at_ns(clock.now_ms().saturating_mul(1_000_000))
}

/// How dark a cell is: by the root, so that one busy hour does not make all others pale.
fn shade(events: u64, greatest: u64) -> u8 {
    if events == 0 {
        return 0;
    }
    ((events as f64 / greatest.max(1) as f64).sqrt() * SHADES).ceil().clamp(1.0, SHADES) as u8
}

/// `no events`, `1 event`, `1,204 events`
fn events(count: u64) -> String {
    match count {
        0 => "no events".to_owned(),
        1 => "1 event".to_owned(),
        count => format!("{} events", grouped(count)),
    }
}

impl Calendar {
    /// Of the hours that [`steps`] asked for.
    pub(super) fn of(steps: &[Bucket], clock: &Clock) -> Self {
        let (first, today) = (first_day(clock), now(clock).date());
        let mut counts = [[0_u64; DAYS]; WEEKS];
        for bucket in steps {
            let days = first.until(clock.at_ns(bucket.from_ns).date()).map_or(-1, |span| i64::from(span.get_days()));
            if let Some(count) = usize::try_from(days).ok().and_then(|day| counts.as_flattened_mut().get_mut(day)) {
                *count += bucket.events;
            }
        }
        let greatest = counts.as_flattened().iter().copied().max().unwrap_or_default();
        let (mut cells, mut labels, mut rows) = (Vec::new(), day_labels(), Vec::new());
        let mut day = first;
        let mut labelled_at = None;
        for (week, counts) in counts.iter().enumerate() {
            // A month is named over the week that has its first day, if there is room.
            let last = day.saturating_add(Span::new().days(6));
            if last.day() <= 7 && labelled_at.is_none_or(|before| week - before > 2) && week + 2 < WEEKS {
                labels.push(Label { x: LEFT + week * CELL, y: TOP - 6, text: last.strftime("%b").to_string() });
                labelled_at = Some(week);
            }
            if counts.iter().any(|count| *count > 0) {
                rows.push((day.strftime("%-d %b %Y").to_string(), counts.iter().copied().map(grouped).collect()));
            }
            for (row, count) in counts.iter().enumerate() {
                if day <= today {
                    let words = format!("{}: {}", day.strftime("%a %-d %b %Y"), events(*count));
                    let shade = shade(*count, greatest);
                    cells.push(Cell { x: LEFT + week * CELL, y: TOP + row * CELL, shade, words });
                }
                day = day.saturating_add(Span::new().days(1));
            }
        }
        let active = counts.as_flattened().iter().filter(|count| **count > 0).count();
        let total: u64 = counts.as_flattened().iter().sum();
        let days = if active == 1 { "day" } else { "days" };
        let summary = format!(
            "{} on {active} {days} of the last {WEEKS} weeks, at most {} on one day.",
            capital(&events(total)),
            grouped(greatest),
        );
        rows.reverse();
        Self { cells, labels, summary, rows }
    }
}

impl Week {
    /// Of the hours that [`steps`] asked for.
    pub(super) fn of(steps: &[Bucket], clock: &Clock) -> Self {
        let since_ns = clock.now_ms().saturating_mul(1_000_000).saturating_sub(RECENT_NS);
        let mut counts = [[0_u64; HOURS]; DAYS];
        for bucket in steps.iter().filter(|bucket| bucket.events > 0 && bucket.from_ns >= since_ns) {
            let at = clock.at_ns(bucket.from_ns);
            let day = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or_default();
            let hour = usize::try_from(at.hour()).unwrap_or_default();
            if let Some(count) = counts.get_mut(day).and_then(|day| day.get_mut(hour)) {
                *count += bucket.events;
            }
        }
        let greatest = counts.as_flattened().iter().copied().max().unwrap_or_default();
        let mut labels = day_labels();
        for hour in (0..HOURS).step_by(6) {
            labels.push(Label { x: LEFT + hour * CELL, y: TOP - 6, text: format!("{hour:02}:00") });
        }
        let mut cells = Vec::with_capacity(DAYS * HOURS);
        for ((row, name), counts) in DAY_NAMES.iter().enumerate().zip(&counts) {
            for (hour, count) in counts.iter().enumerate() {
                let words = format!("{name} {hour:02}:00 – {:02}:00: {}", hour + 1, events(*count));
                let shade = shade(*count, greatest);
                cells.push(Cell { x: LEFT + hour * CELL, y: TOP + row * CELL, shade, words });
            }
        }
        let busiest =
            busiest(&counts).map_or(String::new(), |(day, hour)| format!(", most of them {day} at {hour:02}:00"));
        let total: u64 = counts.as_flattened().iter().sum();
        let summary = format!("{} in the last 30 days{busiest}.", capital(&events(total)));
        let rows = DAY_NAMES.into_iter().zip(&counts);
        let rows = rows.map(|(name, counts)| (name, counts.iter().copied().map(grouped).collect())).collect();
        Self { cells, labels, summary, rows }
    }
}

/// The day and the hour with the most events, if there is any.
fn busiest(counts: &[[u64; HOURS]; DAYS]) -> Option<(&'static str, usize)> {
    let all = DAY_NAMES.into_iter().zip(counts);
    let each = all.flat_map(|(day, counts)| counts.iter().enumerate().map(move |(hour, count)| (*count, day, hour)));
    each.filter(|(count, ..)| *count > 0).max_by_key(|(count, ..)| *count).map(|(_, day, hour)| (day, hour))
}

/// The names of every other day.
fn day_labels() -> Vec<Label> {
    let shown = DAY_NAMES.iter().enumerate().step_by(2);
    shown.map(|(row, name)| Label { x: 0, y: TOP + row * CELL + 9, text: (*name).to_owned() }).collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_250_463_221; // Saturday, 2026-11-21T08:41:03.221Z

    fn buckets(clock: &Clock, events: &[(i64, u64)]) -> Vec<Bucket> {
        let Steps { from_ns, step_ns, count } = steps(clock);
        let mut buckets: Vec<Bucket> =
            (0..count).map(|at| Bucket { from_ns: from_ns + at as i64 * step_ns, events: 0 }).collect();
        for (ms, events) in events {
            let at = usize::try_from((ms * 1_000_000 - from_ns) / step_ns).unwrap();
            buckets[at].events += events;
        }
        buckets
    }

    #[test]
    fn the_calendar_ends_with_this_week_and_has_the_days_of_the_zone() {
        for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"] {
            let clock = Clock::new(zone, NOW_MS);
            // An hour before midnight of UTC: the next day in Berlin and in India.
            let calendar = Calendar::of(&buckets(&clock, &[(NOW_MS, 3), (NOW_MS - 9 * 3_600_000, 1)]), &clock);
            assert_eq!(calendar.cells.len(), 52 * 7 + 6, "{zone}");
            assert_eq!(calendar.cells.first().map(|cell| cell.words.as_str()), Some("Mon 17 Nov 2025: no events"));
            let last = calendar.cells.last().unwrap();
            let expected = if ["UTC", "America/New_York"].contains(&zone) { "3 events" } else { "4 events" };
            assert_eq!(last.words, format!("Sat 21 Nov 2026: {expected}"), "{zone}");
            assert_eq!(last.shade, 4);
            assert_eq!(calendar.rows.len(), 1);
        }
    }

    #[test]
    fn every_hour_of_the_calendar_is_counted_once() {
        let clock = Clock::new("Europe/Berlin", NOW_MS);
        let mut all = buckets(&clock, &[]);
        all.iter_mut().for_each(|bucket| bucket.events = 1);
        let calendar = Calendar::of(&all, &clock);
        assert!(calendar.summary.starts_with("8,904 events on 371 days"), "{}", calendar.summary);
        // The day that clocks go back has an hour more.
        assert!(calendar.summary.ends_with("at most 25 on one day."), "{}", calendar.summary);
    }

    #[test]
    fn the_hours_of_the_week_are_of_the_last_thirty_days() {
        let clock = Clock::new("Europe/Berlin", NOW_MS);
        let day = 24 * 3_600_000;
        let week = Week::of(&buckets(&clock, &[(NOW_MS, 3), (NOW_MS - 7 * day, 4), (NOW_MS - 35 * day, 90)]), &clock);
        assert_eq!(week.summary, "7 events in the last 30 days, most of them Sat at 09:00.");
        assert_eq!(week.rows[5].1[9], "7");
        assert_eq!(week.cells.iter().filter(|cell| cell.shade > 0).count(), 1);
        assert_eq!(Week::of(&[], &clock).summary, "No events in the last 30 days.");
    }

    #[test]
    fn a_little_is_lighter_than_much_and_darker_than_nothing() {
        let shades: Vec<u8> = [0, 1, 10, 40, 100].into_iter().map(|events| shade(events, 100)).collect();
        assert_eq!(shades, [0, 1, 2, 3, 4]);
    }
}
