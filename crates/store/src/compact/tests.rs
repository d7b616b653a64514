//! Tests of `plan`: by itself, and with a model that flushes and merges as the store does, but rows only.

use std::collections::BTreeMap;

use trailbook_event::limits::{FLUSH_WINDOWS_MAX, SEGMENT_BYTES_MAX, SEGMENT_OWN_ROWS_MIN, SEGMENT_ROWS_MAX};

use super::QUIET_MS;
use super::plan::{Candidate, Sizes, plan};
use crate::manifest::Window;

const DAY_MS: i64 = 86_400_000;
/// The day on which the streams begin: a Thursday, at the start of four weeks.
const TODAY: i64 = 28 * 700;
const ROWS_MAX: u64 = SEGMENT_ROWS_MAX as u64;
const FULL: u64 = ROWS_MAX / 4 * 3;
/// Small segments of a window while it fills: seven of each of the tiers 0 to 5, and three of the last.
const OPEN_MAX: usize = 7 * 6 + 3;
/// Small segments of a window that is past and quiet: each is more than eight times as large as those before it.
const SETTLED_MAX: usize = 7;

fn group_of(candidate: &Candidate, all: &[Candidate]) -> Window {
    Sizes::of(all).window_of(candidate)
}

fn size(candidate: &Candidate) -> u64 {
    candidate.rows.max(candidate.bytes * ROWS_MAX / SEGMENT_BYTES_MAX)
}

fn segments(rows: impl IntoIterator<Item = u64>, window: Window) -> Vec<Candidate> {
    let of = |(id, rows)| Candidate { id, window, rows, bytes: 0, owner: None };
    (1..).zip(rows).map(of).collect()
}

/// What is merged of segments of one day: today, while it fills, or long ago.
fn merged(all: &[Candidate], is_closed: bool) -> Option<Vec<i64>> {
    plan(all, if is_closed { TODAY + 100 } else { TODAY }, |_| true)
}

fn today(rows: impl IntoIterator<Item = u64>) -> Vec<Candidate> {
    segments(rows, Window { first_day: TODAY, days: 1 })
}

#[test]
fn eight_of_a_tier_are_merged_and_a_large_one_stays() {
    assert_eq!(merged(&today([300; 7]), false), None);
    assert_eq!(merged(&today([300; 8]), false), Some((1..=8).collect()));
    let mut large = vec![250_000];
    large.extend([300; 7]);
    assert_eq!(merged(&today(large.clone()), false), None);
    large.push(300);
    assert_eq!(merged(&today(large), false), Some((2..=9).collect()));
    // 511 is of the tier below 512.
    assert_eq!(merged(&today([64, 511, 64, 511, 64, 511, 64, 512]), false), None);
    assert_eq!(merged(&today([64, 511, 64, 511, 64, 511, 64, 511]), false).map(|ids| ids.len()), Some(8));
}

#[test]
fn fewer_are_merged_when_they_make_a_full_segment() {
    let full = FULL;
    assert_eq!(merged(&today([full / 4; 4]), false), Some(vec![1, 2, 3, 4]));
    assert_eq!(merged(&today([full / 4, full / 4, full / 4, full / 4 - 1]), false), None);
    // What is full stays, even where two would fit.
    assert_eq!(merged(&today([full, ROWS_MAX - full]), false), None);
    assert_eq!(merged(&today([full, ROWS_MAX - full]), true), None);
    assert_eq!(merged(&today([full - 1, ROWS_MAX - full]), false), Some(vec![2, 1]));
}

#[test]
fn a_large_segment_of_a_past_window_is_rewritten_for_an_eighth_of_it() {
    assert_eq!(merged(&today([700_000, 10]), true), None);
    assert_eq!(merged(&today([700_000, 10, 11]), true), Some(vec![2, 3]));
    assert_eq!(merged(&today([700_000, 87_499]), true), None);
    assert_eq!(merged(&today([700_000, 87_500]), true), Some(vec![2, 1]));
    assert_eq!(merged(&today([700_000, 87_500]), false), None);
    let not_quiet = plan(&today([700_000, 87_500]), TODAY + 100, |one| one.id != 1);
    assert_eq!(not_quiet, None);
}

#[test]
fn a_segment_has_no_more_rows_than_it_may() {
    let half = ROWS_MAX / 2;
    assert_eq!(merged(&today([half, half]), true), Some(vec![1, 2]));
    assert_eq!(merged(&today([half, half + 1]), true), None);
    assert_eq!(merged(&today([half, half + 1]), false), None);
}

#[test]
fn a_segment_is_merged_of_no_more_bytes_than_it_may() {
    let two = |bytes: u64| {
        let mut two = today([10_000, 10_000]);
        two[0].bytes = SEGMENT_BYTES_MAX / 2;
        two[1].bytes = bytes;
        merged(&two, true)
    };
    assert_eq!(two(SEGMENT_BYTES_MAX / 2), Some(vec![1, 2]));
    assert_eq!(two(SEGMENT_BYTES_MAX / 2 + 1), None);
    // Nor together with many others.
    let mut many = today([1_000; 20]);
    many.iter_mut().for_each(|one| one.bytes = SEGMENT_BYTES_MAX / 10);
    assert_eq!(merged(&many, false).map(|ids| ids.len()), Some(9), "a tenth rounds up to more than a tenth");
    many.iter_mut().for_each(|one| one.bytes = SEGMENT_BYTES_MAX);
    assert_eq!(merged(&many, false), None);
    assert_eq!(merged(&many, true), None);
}

#[test]
fn windows_are_as_wide_as_their_rows_allow() {
    let day = |offset: i64, rows| Candidate {
        id: offset,
        window: Window { first_day: TODAY + offset, days: 1 },
        rows,
        bytes: 0,
        owner: None,
    };
    let window = |offset: i64, days: i64| Window { first_day: TODAY + offset, days };
    let mut all = vec![day(0, ROWS_MAX / 2), day(9, ROWS_MAX / 2)];
    assert_eq!(group_of(&all[1], &all), window(0, 28));
    all[0].rows += 1;
    assert_eq!(group_of(&all[1], &all), window(7, 7));
    all.push(day(10, ROWS_MAX / 2 + 1));
    assert_eq!(group_of(&all[1], &all), window(9, 1));
    // What is of several days already stays with its like.
    let wide = Candidate { window: window(2, 4), ..day(0, 10) };
    let wider = Candidate { window: window(6, 3), ..day(0, 10) };
    all.extend([wide.clone(), wider.clone()]);
    assert_eq!(group_of(&wide, &all), window(0, 7));
    assert_eq!(group_of(&wider, &all), window(0, 28));
    assert_eq!(group_of(&Candidate { window: Window::MIXED, ..day(0, 10) }, &all), Window::MIXED);
}

/// Rows of a log on a day.
type Rows = BTreeMap<(i64, i64), u64>;

struct Segment {
    rows: Rows,
    is_mixed: bool,
    created_ms: i64,
    candidate: Candidate,
}

/// A store without its rows.
struct Model {
    now_ms: i64,
    next_id: i64,
    bytes_per_row: u64,
    segments: BTreeMap<i64, Segment>,
    flushed_rows: u64,
    merged_rows: u64,
    most_small: usize,
    most_jobs: usize,
}

impl Model {
    fn new(bytes_per_row: u64) -> Self {
        Self {
            now_ms: TODAY * DAY_MS,
            next_id: 1,
            bytes_per_row,
            segments: BTreeMap::new(),
            flushed_rows: 0,
            merged_rows: 0,
            most_small: 0,
            most_jobs: 0,
        }
    }

    fn today(&self) -> i64 {
        self.now_ms.div_euclid(DAY_MS)
    }

    fn candidates(&self) -> Vec<Candidate> {
        self.segments.values().map(|segment| segment.candidate.clone()).collect()
    }

    fn add(&mut self, rows: Rows, is_mixed: bool) {
        if rows.is_empty() {
            return;
        }
        let count: u64 = rows.values().sum();
        let logs: Vec<i64> = rows.keys().map(|(log, _)| *log).collect();
        let is_owned = logs.first() == logs.last() && count >= SEGMENT_OWN_ROWS_MIN;
        let days = || rows.keys().map(|(_, day)| *day);
        let first_day = days().min().unwrap();
        let window = Window { first_day, days: days().max().unwrap() - first_day + 1 };
        let candidate = Candidate {
            id: self.next_id,
            window: if is_mixed { Window::MIXED } else { window },
            rows: count,
            bytes: count * self.bytes_per_row,
            owner: logs.first().copied().filter(|_| is_owned),
        };
        assert!(size(&candidate) <= ROWS_MAX, "{candidate:?} is too large");
        self.next_id += 1;
        self.segments.insert(candidate.id, Segment { rows, is_mixed, created_ms: self.now_ms, candidate });
    }

    /// A segment for each of the windows with the most rows, and one for the rest.
    fn flush(&mut self, rows: Rows) {
        self.flushed_rows += rows.values().sum::<u64>();
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        rows.iter().for_each(|((_, day), rows)| *days.entry(*day).or_default() += rows);
        let new = days.iter().map(|(day, rows)| Candidate {
            id: 0,
            window: Window { first_day: *day, days: 1 },
            rows: *rows,
            bytes: 0,
            owner: None,
        });
        let all: Vec<_> = self.candidates().into_iter().filter(|one| one.owner.is_none()).chain(new.clone()).collect();
        let mut windows: BTreeMap<Window, Rows> = BTreeMap::new();
        let window_of: BTreeMap<_, _> = new.map(|one| (one.window.first_day, group_of(&one, &all))).collect();
        for ((log, day), rows) in rows {
            windows.entry(window_of[&day]).or_default().insert((log, day), rows);
        }
        let mut windows: Vec<_> = windows.into_values().collect();
        windows.sort_by_key(|rows| std::cmp::Reverse(rows.values().sum::<u64>()));
        let rest = windows.split_off(windows.len().min(FLUSH_WINDOWS_MAX));
        windows.into_iter().for_each(|rows| self.add(rows, false));
        self.add(rest.into_iter().flatten().collect(), true);
    }

    /// Merges until there is nothing to merge.
    fn compact(&mut self, is_quiet: bool) {
        self.most_small = self.most_small.max(self.small());
        let mut jobs = 0;
        loop {
            let is_old = |one: &Candidate| self.segments[&one.id].created_ms + QUIET_MS <= self.now_ms;
            let Some(ids) = plan(&self.candidates(), self.today(), |one| is_quiet || is_old(one)) else { break };
            assert!(ids.len() > 1, "{ids:?}");
            self.merge(&ids);
            jobs += 1;
            assert!(jobs < 10_000, "compaction comes to an end");
        }
        self.most_jobs = self.most_jobs.max(jobs);
    }

    fn merge(&mut self, ids: &[i64]) {
        let mut rows = Rows::new();
        let mut is_mixed = false;
        for id in ids {
            let segment = self.segments.remove(id).unwrap();
            is_mixed |= segment.is_mixed;
            self.merged_rows += segment.candidate.rows;
            segment.rows.into_iter().for_each(|(key, count)| *rows.entry(key).or_default() += count);
        }
        let mut logs: BTreeMap<i64, u64> = BTreeMap::new();
        rows.iter().for_each(|((log, _), rows)| *logs.entry(*log).or_default() += rows);
        logs.retain(|_, rows| *rows >= SEGMENT_OWN_ROWS_MIN);
        for log in logs.keys() {
            self.add(rows.iter().filter(|((of, _), _)| of == log).map(|(key, rows)| (*key, *rows)).collect(), is_mixed);
        }
        rows.retain(|(log, _), _| !logs.contains_key(log));
        self.add(rows, is_mixed);
    }

    fn small(&self) -> usize {
        self.segments.values().filter(|segment| size(&segment.candidate) < FULL).count()
    }

    /// Looks at what is there when there is nothing to merge: every row once, and few segments a window.
    fn check(&self, most_a_window: usize) {
        let rows: u64 = self.segments.values().map(|segment| segment.candidate.rows).sum();
        assert_eq!(rows, self.flushed_rows, "every row is there once");
        let all = self.candidates();
        let mut small: BTreeMap<(Option<i64>, Window), usize> = BTreeMap::new();
        for one in all.iter().filter(|one| size(one) < ROWS_MAX / 2) {
            let alike: Vec<_> = all.iter().filter(|other| other.owner == one.owner).cloned().collect();
            *small.entry((one.owner, group_of(one, &alike))).or_default() += 1;
        }
        assert!(small.values().all(|count| *count <= most_a_window), "{small:?}");
    }

    /// Compares with bounds: how often each row was written by merges on average, and segments beside the full ones.
    #[track_caller]
    fn within(&self, name: &str, most: f64, most_small: usize) {
        let amplification = self.merged_rows as f64 / self.flushed_rows as f64;
        let said = format!(
            "{name}: {} rows, written {amplification:.2} times; {} segments that are not full at most, {} now; {} jobs",
            self.flushed_rows,
            self.most_small,
            self.small(),
            self.most_jobs
        );
        println!("{said}");
        assert!(amplification <= most && self.most_small <= most_small, "{said}");
    }
}

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 1 to `most`, each magnitude as likely as the next.
    fn magnitude(&mut self, most: u64) -> u64 {
        let bits = u64::from(most.ilog2()) + 1;
        let top = 1u64 << self.below(bits);
        (top + self.below(top)).min(most)
    }
}

const FIVE_MINUTES_MS: i64 = 300_000;

/// Events that come evenly for some days, with a flush each so many milliseconds.
fn even(pause_ms: i64, per_flush: u64, (logs, days): (i64, i64)) -> Model {
    let mut model = Model::new(100);
    for _ in 0..days * DAY_MS / pause_ms {
        model.now_ms += pause_ms;
        let day = model.today();
        model.flush((0..logs).map(|log| ((log, day), per_flush / logs as u64)).collect());
        model.compact(false);
    }
    model.check(OPEN_MAX);
    model
}

#[test]
fn even_streams_of_few_events() {
    even(FIVE_MINUTES_MS, 1, (1, 60)).within("one in five minutes", 5.0, 60);
    even(FIVE_MINUTES_MS, 300, (1, 60)).within("one a second for sixty days", 5.0, 60);
    even(12 * FIVE_MINUTES_MS, 3_600, (1, 365)).within("one a second for a year", 4.0, 80);
}

#[test]
fn even_streams_of_many_events() {
    even(FIVE_MINUTES_MS, 3_000, (30, 20)).within("ten a second, thirty organizations", 5.0, 100);
    even(FIVE_MINUTES_MS, 30_000, (3, 15)).within("a hundred a second, three organizations", 5.0, 100);
    for logs in [1, 50] {
        // A flush of 200,000, for an hour.
        let mut model = Model::new(100);
        for _ in 0..1_080 {
            model.now_ms += 3_333;
            let day = model.today();
            model.flush((0..logs).map(|log| ((log, day), 200_000 / logs as u64)).collect());
            model.compact(false);
        }
        model.check(OPEN_MAX);
        model.within("sixty thousand a second for an hour", 1.1, 30);
    }
}

/// Ninety days of history, so many events each, by some organizations, as fast as it can be taken.
fn history(per_day: u64, logs: i64, is_in_order: bool) -> Model {
    const FLUSH: u64 = 180_000;
    let mut model = Model::new(100);
    let first_day = TODAY - 100;
    for start in (0..per_day * 90).step_by(FLUSH as usize) {
        model.now_ms += 5_000;
        let mut rows = Rows::new();
        for day in 0..90 {
            let of_day = match is_in_order {
                true => (start + FLUSH).min((day + 1) * per_day).saturating_sub(start.max(day * per_day)),
                false => FLUSH / 90,
            };
            let of_log = of_day / logs as u64;
            rows.extend((0..logs).filter(|_| of_log > 0).map(|log| ((log, first_day + day as i64), of_log)));
        }
        model.flush(rows);
        model.compact(false);
    }
    model.check(OPEN_MAX);
    model.now_ms += QUIET_MS;
    model.compact(false);
    model.check(SETTLED_MAX);
    model
}

#[test]
fn ninety_days_of_history() {
    for is_in_order in [true, false] {
        for (per_day, logs) in [(1_000, 5), (100_000, 5), (1_000_000, 1), (400_000, 9)] {
            let model = history(per_day, logs, is_in_order);
            model.within(&format!("{per_day} a day by {logs}, in order: {is_in_order}"), 2.5, 500);
            assert!(model.small() <= 120, "{}", model.small());
        }
    }
}

#[test]
fn late_events() {
    const YEAR: u64 = 364;
    let streams = [
        (FIVE_MINUTES_MS, 1, YEAR),
        (FIVE_MINUTES_MS, 40, YEAR),
        (FIVE_MINUTES_MS, 100, 10 * YEAR),
        (QUIET_MS, 1, YEAR),
        (QUIET_MS, 40, YEAR),
        (QUIET_MS, 100, 10 * YEAR),
    ];
    for (pause_ms, late, days) in streams {
        // Twenty thousand events of each day of a year, and now and then some of a few of these days.
        let mut model = Model::new(100);
        for day in 0..364 {
            model.flush(BTreeMap::from([((1, TODAY - 400 + day), 20_000)]));
        }
        model.compact(true);
        model.check(SETTLED_MAX);
        let settled = model.segments.len();
        let (flushed, merged) = (model.flushed_rows, model.merged_rows);
        let mut random = Random(7);
        for _ in 0..600 {
            model.now_ms += pause_ms;
            let day = |random: &mut Random| TODAY - 40 - random.below(days) as i64;
            model.flush((0..late).map(|_| ((1, day(&mut random)), random.magnitude(100))).collect());
            model.compact(false);
        }
        model.check(OPEN_MAX);
        let added = model.flushed_rows - flushed;
        let written = (model.merged_rows - merged) as f64 / added as f64;
        println!(
            "{late} late each {pause_ms} ms, of {days} days: {added} rows, written {written:.2} times; {settled} segments before"
        );
        assert!(written <= 16.0, "{late} late each {pause_ms} ms: {added} rows, written {written:.2} times");
        model.now_ms += QUIET_MS;
        model.compact(false);
        model.check(SETTLED_MAX);
        assert_eq!(model.segments.values().any(|segment| segment.is_mixed), days > YEAR, "what is of many windows");
        model.within("with what was there", 3.0, 700);
    }
}

#[test]
fn random_streams() {
    for seed in 1..=25 {
        let mut random = Random(seed << 32);
        let mut model = Model::new([1, 100, 2_000][random.below(3) as usize]);
        let logs = random.magnitude(30);
        let spread = random.magnitude(2_000);
        let late_percent = random.below(100);
        for _ in 0..150 {
            model.now_ms += random.magnitude(3 * DAY_MS as u64) as i64;
            let mut left = random.magnitude(200_000);
            let mut rows = Rows::new();
            while left > 0 {
                let some = random.magnitude(left);
                let is_late = random.below(100) < late_percent;
                let day = model.today() - if is_late { random.below(spread) as i64 } else { 0 };
                *rows.entry((random.below(logs) as i64, day)).or_default() += some;
                left -= some;
            }
            model.flush(rows);
            model.compact(random.below(10) == 0);
        }
        model.check(OPEN_MAX);
        model.now_ms += 100 * DAY_MS;
        model.compact(true);
        model.check(SETTLED_MAX);
        model.within(&format!("seed {seed}, {logs} logs, {late_percent} % late"), 8.0, 400);
    }
}
