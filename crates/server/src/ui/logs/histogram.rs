//! When events happened: the bars above the table, drawn as SVG, with the same numbers as a table behind them.

use trailbook_event::limits::HISTOGRAM_STEPS_MAX;
use trailbook_query::{Bucket, Steps};

use super::view::Range;
use crate::ui::time::{Clock, grouped};

const NANOS: i64 = 1_000_000;
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Steps that people count in, in milliseconds.
const STEPS_MS: [i64; 14] = [
    SECOND_MS,
    5 * SECOND_MS,
    15 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
    8 * HOUR_MS,
    12 * HOUR_MS,
];
/// Bars of one chart at most.
const BARS_MAX: i64 = 100;
/// The height of the chart; its width is 1,000.
const HEIGHT: u64 = 64;
const WIDTH: u64 = 1_000;

/// The order in which outcomes lie on each other, from below.
const OUTCOMES: [&str; 4] = ["succeeded", "initiated", "denied", "failed"];

/// The steps of a range: as many as can be told apart, of a length that people count in.
pub(super) fn steps(range: Range, now_ms: i64) -> Steps {
    let (from_ms, to_ms) = range.bounds_ms(now_ms);
    let width_ms = (to_ms - from_ms).max(1);
    let fits = |step: &&i64| width_ms / **step < BARS_MAX - 1;
    let step_ms = STEPS_MS.iter().find(fits).copied().unwrap_or(24 * HOUR_MS);
    let first_ms = from_ms - from_ms.rem_euclid(step_ms);
    let count = usize::try_from((to_ms - first_ms).div_euclid(step_ms) + 1).unwrap_or(1);
    Steps {
        from_ns: first_ms.saturating_mul(NANOS),
        step_ns: step_ms.saturating_mul(NANOS),
        count: count.min(HISTOGRAM_STEPS_MAX),
    }
}

/// The chart.
pub(super) struct Histogram {
    pub(super) bars: Vec<Bar>,
    /// What it shows, in a sentence.
    pub(super) summary: String,
    /// The outcomes that occur, from below.
    pub(super) outcomes: Vec<String>,
    pub(super) from: String,
    pub(super) to: String,
}

/// One step of time.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) parts: Vec<Part>,
    /// `21 Nov 09:40 – 09:45: 12 events, 2 failed`
    pub(super) words: String,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// The numbers of the outcomes, in the order of the chart's.
    pub(super) counts: Vec<String>,
    pub(super) label: String,
}

/// The events of one outcome in a step.
pub(super) struct Part {
    /// `succeeded`, …, or `other`
    pub(super) outcome: String,
    pub(super) y: String,
    pub(super) height: String,
}

impl Histogram {
    /// Draws what was found in these steps.
    pub(super) fn of(steps: Steps, mut found: Vec<(String, Vec<Bucket>)>, clock: &Clock) -> Self {
        let place = |outcome: &str| OUTCOMES.iter().position(|one| *one == outcome).unwrap_or(0);
        found.sort_by_key(|(outcome, _)| place(outcome));
        let of = |at: usize| found.iter().map(move |(_, buckets)| buckets.get(at).map_or(0, |bucket| bucket.events));
        let greatest = (0..steps.count).map(|at| of(at).sum::<u64>()).max().unwrap_or_default();
        let width = WIDTH as f64 / steps.count.max(1) as f64;
        let step_ms = steps.step_ns / NANOS;
        let bar = |at: usize| {
            let from_ms = steps.from_ns / NANOS + step_ms * i64::try_from(at).unwrap_or_default();
            let counts: Vec<u64> = of(at).collect();
            let label = span(clock, from_ms, from_ms + step_ms);
            let words = words(&label, &found, &counts);
            Bar {
                x: format!("{:.2}", width * at as f64),
                width: format!("{:.2}", (width - width.min(6.0) / 6.0).max(0.5)),
                parts: parts(&found, &counts, greatest),
                words,
                from_ms,
                to_ms: from_ms + step_ms,
                counts: counts.into_iter().map(grouped).collect(),
                label,
            }
        };
        let bars: Vec<Bar> = (0..steps.count).map(bar).collect();
        let end_ms = steps.from_ns / NANOS + step_ms * i64::try_from(steps.count).unwrap_or_default();
        let show = |ms: i64| clock.at_ns(ms.saturating_mul(NANOS)).strftime("%-d %b %H:%M").to_string();
        Self {
            summary: format!("Events over time, in {} steps; at most {} in one", steps.count, grouped(greatest)),
            outcomes: found.iter().map(|(outcome, _)| outcome.clone()).collect(),
            from: show(steps.from_ns / NANOS),
            to: show(end_ms),
            bars,
        }
    }
}

fn parts(found: &[(String, Vec<Bucket>)], counts: &[u64], greatest: u64) -> Vec<Part> {
    let mut top = HEIGHT as f64;
    let mut parts = Vec::new();
    for ((outcome, _), count) in found.iter().zip(counts) {
        if *count == 0 {
            continue;
        }
        // One event can be seen beside a million.
        let height = (*count as f64 / greatest.max(1) as f64 * HEIGHT as f64).max(1.5).min(top);
        top -= height;
        let is_known = OUTCOMES.contains(&outcome.as_str());
        let outcome = if is_known { outcome.clone() } else { "succeeded".to_owned() };
        parts.push(Part { outcome, y: format!("{top:.2}"), height: format!("{height:.2}") });
    }
    parts
}

/// `21 Nov 09:40 – 09:45`
fn span(clock: &Clock, from_ms: i64, to_ms: i64) -> String {
    let at = |ms: i64| clock.at_ns(ms.saturating_mul(NANOS));
    let (from, to) = (at(from_ms), at(to_ms));
    let seconds = if (to_ms - from_ms) < MINUTE_MS { ":%S" } else { "" };
    let end = if from.date() == to.date() { format!("%H:%M{seconds}") } else { format!("%-d %b %H:%M{seconds}") };
    format!("{} – {}", from.strftime(&format!("%-d %b %H:%M{seconds}")), to.strftime(&end))
}

fn words(label: &str, found: &[(String, Vec<Bucket>)], counts: &[u64]) -> String {
    let total: u64 = counts.iter().sum();
    let events = if total == 1 { "event" } else { "events" };
    let mut words = format!("{label}: {} {events}", grouped(total));
    for ((outcome, _), count) in found.iter().zip(counts) {
        if *count > 0 && found.len() > 1 {
            words.push_str(&format!(", {} {outcome}", grouped(*count)));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::view::Preset;
    use super::*;

    #[test]
    fn every_range_has_steps_that_cover_it() {
        let now_ms = 1_795_250_463_221;
        let exact = |ms: i64| Range::Exact { from_ms: now_ms - ms, to_ms: now_ms };
        let ranges = Preset::ALL.map(Range::Last).into_iter().chain([1, 999, 60_000, 30 * 24 * HOUR_MS].map(exact));
        for range in ranges {
            let steps = steps(range, now_ms);
            let (from_ms, to_ms) = range.bounds_ms(now_ms);
            let end = steps.from_ns + steps.step_ns * steps.count as i64;
            assert!(steps.from_ns <= from_ms * NANOS && end > (to_ms - 1) * NANOS, "{range:?} {steps:?}");
            assert!(steps.count <= BARS_MAX as usize, "{range:?} {steps:?}");
        }
    }

    #[test]
    fn bars_lie_on_each_other_and_say_what_they_show() {
        let steps = Steps { from_ns: 0, step_ns: HOUR_MS * NANOS, count: 2 };
        let buckets =
            |a: u64, b: u64| vec![Bucket { from_ns: 0, events: a }, Bucket { from_ns: steps.step_ns, events: b }];
        let found = vec![("failed".to_owned(), buckets(1, 0)), ("succeeded".to_owned(), buckets(3, 2))];
        let chart = Histogram::of(steps, found, &Clock::new("UTC", 0));
        assert_eq!(chart.outcomes, ["succeeded", "failed"]);
        let first = &chart.bars[0];
        assert_eq!(first.words, "1 Jan 00:00 – 01:00: 4 events, 3 succeeded, 1 failed");
        let drawn: Vec<_> = first.parts.iter().map(|part| (part.y.as_str(), part.height.as_str())).collect();
        assert_eq!(drawn, [("16.00", "48.00"), ("0.00", "16.00")]);
        assert_eq!(chart.bars[1].parts.len(), 1);
    }
}
