//! Counting requests of organizations in windows of time.
//!
//! A window begins with an organization's first request and lasts for so many seconds; the first request after it
//! begins the next.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use trailbook_event::Uuid;
use trailbook_event::limits::{PORT_REQUESTS_MAX, PORT_WINDOW_SECONDS};

use crate::auth::Caller;

/// The windows of all organizations that asked, which are no more than there are in the catalog.
#[derive(Debug, Default)]
pub(crate) struct Windows(Mutex<HashMap<Uuid, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began_ms: i64,
    requests: u32,
}

/// Where an organization stands with a request counted.
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

impl Windows {
    /// Counts a request of the caller's organization.
    pub(crate) fn count(&self, caller: &Caller, now_ms: i64) -> Standing {
        self.count_of(caller.organization().uuid(), now_ms)
    }

    fn count_of(&self, organization: Uuid, now_ms: i64) -> Standing {
        const WINDOW_MS: i64 = PORT_WINDOW_SECONDS * 1_000;
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(organization).or_insert(Window { began_ms: now_ms, requests: 0 });
        // A clock that was put back begins a window too: nobody waits for what it showed before.
        if !(0..WINDOW_MS).contains(&now_ms.saturating_sub(window.began_ms)) {
            *window = Window { began_ms: now_ms, requests: 0 };
        }
        window.requests = window.requests.saturating_add(1);
        let rest_ms = window.began_ms.saturating_add(WINDOW_MS).saturating_sub(now_ms);
        Standing {
            remaining: PORT_REQUESTS_MAX.saturating_sub(window.requests),
            reset_seconds: rest_ms.saturating_add(999) / 1_000,
            reset_at: window.began_ms.saturating_add(WINDOW_MS).saturating_add(999) / 1_000,
            is_over: window.requests > PORT_REQUESTS_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_has_so_many_requests_in_a_window_and_then_in_the_next() {
        let windows = Windows::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let length_ms = PORT_WINDOW_SECONDS * 1_000;
        for n in 1..=PORT_REQUESTS_MAX {
            let standing = windows.count_of(one, 5);
            assert_eq!((standing.remaining, standing.is_over), (PORT_REQUESTS_MAX - n, false));
        }
        let over = windows.count_of(one, 4 + length_ms);
        assert_eq!(over, Standing { remaining: 0, reset_seconds: 1, reset_at: PORT_WINDOW_SECONDS + 1, is_over: true });
        assert_eq!(windows.count_of(other, 5).remaining, PORT_REQUESTS_MAX - 1);
        let next = windows.count_of(one, 5 + length_ms);
        let (reset_seconds, reset_at) = (PORT_WINDOW_SECONDS, 2 * PORT_WINDOW_SECONDS + 1);
        assert_eq!(next, Standing { remaining: PORT_REQUESTS_MAX - 1, reset_seconds, reset_at, is_over: false });
        assert!(!windows.count_of(one, 0).is_over, "a clock that went back");
    }
}
