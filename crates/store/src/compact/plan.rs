//! Which segments to merge: pure, and with a bound on what that writes.
//!
//! A window is as wide as its rows allow: four weeks where they are few, a week, or a day. Only segments of one window
//! are merged. What one organization has many rows of gets segments of its own, so that its days can go without
//! rewriting others'.
//!
//! ```text
//! size   rows, or bytes in units of SEGMENT_BYTES_MAX / SEGMENT_ROWS_MAX, whichever is more
//! tier   log_8 of the size, rounded down: 0 to 6
//! full   three quarters of what a segment may have: never merged again
//! ```
//!
//! While a window fills, segments of one tier are merged: eight of them, or as many as make a full one. Then each row
//! rises a tier or is done, so it is written once a tier, and a window has seven segments a tier beside the full ones.
//! Only where a log's rows become a segment of their own may what is left of the others stay in its tier: at most three
//! rows for each that left, once.
//!
//! When a window is past and quiet, the small ones are merged, and with them a larger one that they are an eighth of or
//! more: nine rows are written for each small one at most. What is left are seven beside the full ones.

use std::collections::{BTreeMap, HashMap};

use trailbook_event::limits::{SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX};

use crate::manifest::{Entry, Window};

/// Segments of one tier that are merged in a window that still fills, and how much larger the next tier is.
const FAN_IN: usize = 8;
/// In a past window, how much larger a segment may be than those together that are merged with it.
const LARGER_MAX: u64 = 8;
/// Segments that are merged at once.
const INPUTS_MAX: usize = 64;
/// Widths of windows in days, the widest first.
const WIDTHS: [i64; 3] = [28, 7, 1];
/// What a segment may have, as a size.
const SIZE_MAX: u64 = SEGMENT_ROWS_MAX as u64;
/// The size from which on a segment is full.
const FULL: u64 = SIZE_MAX / 4 * 3;
/// Bytes that count as much as a row.
const BYTES_PER_ROW: u64 = SEGMENT_BYTES_MAX / SIZE_MAX;

/// What is known of a segment when it is decided what to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: i64,
    pub(crate) window: Window,
    pub(crate) rows: u64,
    /// Of its files.
    pub(crate) bytes: u64,
    /// The one log that it holds rows of, where they are many.
    pub(crate) owner: Option<i64>,
}

impl Candidate {
    /// A segment; from `own_rows` on, the rows of one log are many.
    pub(crate) fn of(entry: &Entry, own_rows: u64) -> Self {
        let rows = entry.row_count();
        let mut logs: Vec<i64> = entry.parts.iter().map(|part| part.log).collect();
        logs.dedup();
        let owner = logs.first().copied().filter(|_| logs.len() == 1 && rows >= own_rows);
        Self { id: entry.id, window: entry.window, rows, bytes: entry.bytes(), owner }
    }

    /// How much of a segment it takes. Sizes that together are `SIZE_MAX` at most have neither too many rows nor too
    /// many bytes.
    fn size(&self) -> u64 {
        self.rows.max(self.bytes.div_ceil(BYTES_PER_ROW))
    }

    fn tier(&self) -> u32 {
        self.size().max(1).ilog(FAN_IN as u64)
    }
}

/// Which segments to merge next, if any. `is_quiet` says of one whether it is time to settle what is past.
pub(crate) fn plan(all: &[Candidate], today: i64, is_quiet: impl Fn(&Candidate) -> bool) -> Option<Vec<i64>> {
    let sizes = Sizes::of(all);
    let mut groups: BTreeMap<(Option<i64>, Window), Vec<&Candidate>> = BTreeMap::new();
    for candidate in all {
        groups.entry((candidate.owner, sizes.window_of(candidate))).or_default().push(candidate);
    }
    let jobs = groups.into_iter().filter_map(|((_, window), mut group)| {
        let is_past = window == Window::MIXED || window.first_day.saturating_add(window.days) < today;
        let is_closed = is_past && group.iter().all(|candidate| is_quiet(candidate));
        // Full ones stay as they are, whatever comes.
        group.retain(|candidate| candidate.size() < FULL);
        group.sort_unstable_by_key(|candidate| (candidate.size(), candidate.id));
        let closed = if is_closed { settled(&group) } else { None };
        closed.or_else(|| of_one_tier(&group)).map(|taken| (total(taken), taken.iter().map(|one| one.id).collect()))
    });
    // The smallest first: it frees the most files for the least work.
    jobs.min_by_key(|(size, _)| *size).map(|(_, ids)| ids)
}

/// The sizes of all segments of an owner in each window.
pub(crate) struct Sizes(HashMap<(Option<i64>, Window), u64>);

impl Sizes {
    pub(crate) fn of(all: &[Candidate]) -> Self {
        let mut sizes: HashMap<_, u64> = HashMap::new();
        for candidate in all {
            for window in windows_around(candidate.window) {
                *sizes.entry((candidate.owner, window)).or_default() += candidate.size();
            }
        }
        Self(sizes)
    }

    /// The widest window around a segment whose rows fit into one; where none does, the narrowest.
    pub(crate) fn window_of(&self, candidate: &Candidate) -> Window {
        let size = |window: &Window| self.0.get(&(candidate.owner, *window)).copied().unwrap_or_default();
        let fitting = windows_around(candidate.window).find(|window| size(window) <= SIZE_MAX);
        fitting.or_else(|| windows_around(candidate.window).last()).unwrap_or(candidate.window)
    }
}

/// The windows that a window lies in, the widest first; none of what is mixed.
fn windows_around(inner: Window) -> impl Iterator<Item = Window> {
    let end = inner.first_day.saturating_add(inner.days);
    let windows = WIDTHS.into_iter().map(move |days| aligned(inner.first_day, days));
    windows.filter(move |window| inner != Window::MIXED && end <= window.first_day.saturating_add(window.days))
}

/// The window of a width that a day lies in.
fn aligned(day: i64, days: i64) -> Window {
    Window { first_day: day.div_euclid(days).saturating_mul(days), days }
}

/// Of a window that still fills: segments of one tier, when they are many, or make a full one. The smallest come first.
fn of_one_tier<'a, 'b>(group: &'b [&'a Candidate]) -> Option<&'b [&'a Candidate]> {
    let taken = group.chunk_by(|a, b| a.tier() == b.tier()).map(fitting);
    let is_enough = |taken: &&[&Candidate]| taken.len() >= FAN_IN || (taken.len() > 1 && total(taken) >= FULL);
    taken.into_iter().find(is_enough)
}

/// Of a window that is past and quiet: the small ones, with a larger one only if they are enough beside it. What stays
/// apart is more than `LARGER_MAX` times as large as all that is smaller.
fn settled<'a, 'b>(group: &'b [&'a Candidate]) -> Option<&'b [&'a Candidate]> {
    let mut taken = fitting(group);
    while let Some((last, smaller)) = taken.split_last() {
        if !smaller.is_empty() && last.size() <= total(smaller).saturating_mul(LARGER_MAX) {
            return Some(taken);
        }
        taken = smaller;
    }
    None
}

/// As many from the first on as fit into a segment.
fn fitting<'a, 'b>(run: &'b [&'a Candidate]) -> &'b [&'a Candidate] {
    let mut size = 0u64;
    let fits = |candidate: &&&Candidate| {
        size = size.saturating_add(candidate.size());
        size <= SIZE_MAX
    };
    let count = run.iter().take(INPUTS_MAX).take_while(fits).count();
    run.get(..count).unwrap_or_default()
}

fn total(taken: &[&Candidate]) -> u64 {
    taken.iter().map(|candidate| candidate.size()).sum()
}
