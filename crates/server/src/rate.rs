//! Counting requests in windows of time: those of an organization, or of a credential.
//!
//! A window begins with the first request of whom it counts and lasts for so many seconds; the first request after it
//! begins the next.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// The windows of all that asked, counted apart by `K`. Those that are over go before more memory is taken.
#[derive(Debug)]
pub(crate) struct Windows<K> {
    requests_max: u32,
    window_ms: i64,
    all: Mutex<HashMap<K, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began_ms: i64,
    requests: u32,
}

/// Where one stands with a request counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests that it may still make in this window.
    pub(crate) remaining: u32,
    /// Seconds until the next window, at least 1.
    pub(crate) reset_seconds: i64,
    /// When that begins, in seconds since 1970.
    pub(crate) reset_at: i64,
    /// Whether this request is one too many.
    pub(crate) is_over: bool,
}

impl<K: Hash + Eq> Windows<K> {
    /// So many requests in so many seconds.
    pub(crate) fn new(requests_max: u32, window_seconds: i64) -> Self {
        Self { requests_max, window_ms: window_seconds.saturating_mul(1_000), all: Mutex::default() }
    }

    /// Counts a request.
    pub(crate) fn count(&self, key: K, now_ms: i64) -> Standing {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|_, window| self.is_running(window, now_ms));
        }
        let window = all.entry(key).or_insert(Window { began_ms: now_ms, requests: 0 });
        if !self.is_running(window, now_ms) {
            *window = Window { began_ms: now_ms, requests: 0 };
        }
        window.requests = window.requests.saturating_add(1);
        let end_ms = window.began_ms.saturating_add(self.window_ms);
        Standing {
            remaining: self.requests_max.saturating_sub(window.requests),
            reset_seconds: end_ms.saturating_sub(now_ms).saturating_add(999) / 1_000,
            reset_at: end_ms.saturating_add(999) / 1_000,
            is_over: window.requests > self.requests_max,
        }
    }

    /// Whether now is in the window. A clock that was put back begins a window too: nobody waits for what it showed
    /// before.
    fn is_running(&self, window: &Window, now_ms: i64) -> bool {
        (0..self.window_ms).contains(&now_ms.saturating_sub(window.began_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS_MAX: u32 = 1_000;
    const SECONDS: i64 = 60;

    #[test]
    fn each_has_so_many_requests_in_a_window_and_then_in_the_next() {
        let windows = Windows::new(REQUESTS_MAX, SECONDS);
        let (one, other) = (1_i64, 2_i64);
        let length_ms = SECONDS * 1_000;
        for n in 1..=REQUESTS_MAX {
            let standing = windows.count(one, 5);
            assert_eq!((standing.remaining, standing.is_over), (REQUESTS_MAX - n, false));
        }
        let over = windows.count(one, 4 + length_ms);
        assert_eq!(over, Standing { remaining: 0, reset_seconds: 1, reset_at: SECONDS + 1, is_over: true });
        assert_eq!(windows.count(other, 5).remaining, REQUESTS_MAX - 1);
        let next = windows.count(one, 5 + length_ms);
        let (reset_seconds, reset_at) = (SECONDS, 2 * SECONDS + 1);
        assert_eq!(next, Standing { remaining: REQUESTS_MAX - 1, reset_seconds, reset_at, is_over: false });
        assert!(!windows.count(one, 0).is_over, "a clock that went back");
    }

    #[test]
    fn windows_that_are_over_take_no_memory_for_ever() {
        let windows = Windows::new(REQUESTS_MAX, SECONDS);
        for key in 0..100_000_i64 {
            windows.count(key, key * 1_000);
        }
        assert!(windows.all.lock().unwrap().len() < 1_000);
    }
}
