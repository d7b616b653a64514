//! Counts of failures, and the waits that follow from them.

use std::collections::HashMap;

/// A keyed hash of whose failures are counted.
pub(super) type Key = [u8; 16];

/// What follows from failures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// So many failures are followed by no wait.
    pub(super) free: u32,
    /// The longest wait, and the time after which one failure is forgotten.
    pub(super) seconds_max: u32,
}

/// Counts of one kind, as many as fit.
#[derive(Debug)]
pub(super) struct Buckets {
    rule: Rule,
    counts_max: usize,
    counts: HashMap<Key, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    failures: u32,
    /// When a failure was last forgotten, or the first one came.
    forgot_ms: i64,
    /// When the last one came.
    failed_ms: i64,
    /// When the wait is over.
    free_at_ms: i64,
    /// Whether somebody was made to wait since.
    is_told: bool,
}

impl Rule {
    fn longest_ms(self) -> i64 {
        i64::from(self.seconds_max).saturating_mul(1_000)
    }

    /// The wait after so many failures: none, then 1 second, 2, 4 and so on.
    fn wait_ms(self, failures: u32) -> i64 {
        match failures.checked_sub(self.free) {
            None | Some(0) => 0,
            Some(over) => (1_000_i64 << over.saturating_sub(1).min(32)).min(self.longest_ms()),
        }
    }

    /// Failures that are counted: more would make no wait longer, and would be remembered for ever.
    fn failures_max(self) -> u32 {
        let doublings = u32::BITS.saturating_sub(self.seconds_max.saturating_sub(1).leading_zeros());
        self.free.saturating_add(doublings).saturating_add(1)
    }
}

impl Bucket {
    fn new(now_ms: i64) -> Self {
        Self { failures: 0, forgot_ms: now_ms, failed_ms: now_ms, free_at_ms: now_ms, is_told: false }
    }

    /// The bucket as it is now.
    fn at(mut self, rule: Rule, now_ms: i64) -> Self {
        // A clock that was put back makes nobody wait for longer than he would have had to.
        self.forgot_ms = self.forgot_ms.min(now_ms);
        self.free_at_ms = self.free_at_ms.min(now_ms.saturating_add(rule.wait_ms(self.failures)));
        let passed = now_ms.saturating_sub(self.forgot_ms).checked_div(rule.longest_ms()).unwrap_or(0);
        self.failures = self.failures.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
        self.forgot_ms = match self.failures {
            0 => now_ms,
            _ => self.forgot_ms.saturating_add(passed.saturating_mul(rule.longest_ms())),
        };
        self
    }
}

impl Buckets {
    pub(super) fn new(rule: Rule, counts_max: usize) -> Self {
        Self { rule, counts_max, counts: HashMap::new() }
    }

    /// How long there is to wait yet; 0 if not at all.
    pub(super) fn wait_ms(&self, key: &Key, now_ms: i64) -> i64 {
        let bucket = self.counts.get(key).map(|bucket| bucket.at(self.rule, now_ms));
        bucket.map_or(0, |bucket| bucket.free_at_ms.saturating_sub(now_ms).max(0))
    }

    /// How many are counted.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Counts a failure.
    pub(super) fn add(&mut self, key: &Key, now_ms: i64) {
        if !self.counts.contains_key(key) && self.counts.len() >= self.counts_max {
            self.make_room(now_ms);
        }
        let bucket = self.counts.entry(*key).or_insert(Bucket::new(now_ms));
        *bucket = bucket.at(self.rule, now_ms);
        bucket.failures = bucket.failures.saturating_add(1).min(self.rule.failures_max());
        bucket.failed_ms = now_ms;
        bucket.is_told = false;
        bucket.free_at_ms = now_ms.saturating_add(self.rule.wait_ms(bucket.failures));
    }

    /// Notes that somebody was made to wait, and says whether that is the first since the last failure.
    pub(super) fn tell(&mut self, key: &Key) -> bool {
        self.counts.get_mut(key).is_some_and(|bucket| !std::mem::replace(&mut bucket.is_told, true))
    }

    /// Lets the wait for the last failure begin now.
    pub(super) fn restart_wait(&mut self, key: &Key, now_ms: i64) {
        if let Some(bucket) = self.counts.get_mut(key) {
            *bucket = bucket.at(self.rule, now_ms);
            bucket.free_at_ms = now_ms.saturating_add(self.rule.wait_ms(bucket.failures));
        }
    }

    /// Takes a failure back, and the wait that only it brought about.
    pub(super) fn take_back(&mut self, key: &Key, now_ms: i64) {
        let Some(bucket) = self.counts.get_mut(key) else { return };
        *bucket = bucket.at(self.rule, now_ms);
        bucket.failures = bucket.failures.saturating_sub(1);
        bucket.free_at_ms = bucket.free_at_ms.min(now_ms.saturating_add(self.rule.wait_ms(bucket.failures)));
        if bucket.failures == 0 {
            self.counts.remove(key);
        }
    }

    /// Forgets all failures.
    pub(super) fn clear(&mut self, key: &Key) {
        self.counts.remove(key);
    }

    /// Takes out those without a failure left, and if these are few, an eighth of all: those with the fewest failures,
    /// and the oldest of them.
    fn make_room(&mut self, now_ms: i64) {
        let (rule, counts_max) = (self.rule, self.counts_max);
        self.counts.retain(|_, bucket| {
            *bucket = bucket.at(rule, now_ms);
            bucket.failures > 0
        });
        let stay = counts_max.saturating_sub((counts_max / 8).max(1));
        let surplus = self.counts.len().saturating_sub(stay);
        let mut all: Vec<_> = self.counts.iter().map(|(key, one)| (one.failures, one.failed_ms, *key)).collect();
        if let Some(place) = surplus.checked_sub(1) {
            all.select_nth_unstable(place);
        }
        for (_, _, key) in all.iter().take(surplus) {
            self.counts.remove(key);
        }
    }
}
