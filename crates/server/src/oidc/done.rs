//! Sign-ins that are done, so that none is done twice.
//!
//! They are remembered as long as their cookies live. There is a limit; beyond it the oldest goes first, and that it is
//! done is then known to the provider only, which takes no code twice. A restart forgets them all, as a second server
//! at the same catalog does not know them.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use trailbook_event::limits::{SIGN_IN_SECONDS_MAX, SIGN_INS_DONE_MAX};

/// The states of sign-ins that are done.
#[derive(Debug, Default)]
pub(super) struct Done(Mutex<States>);

#[derive(Debug, Default)]
struct States {
    known: HashSet<State>,
    /// In the order in which they came, with when.
    order: VecDeque<(i64, State)>,
}

/// SHA-256 of a state.
type State = [u8; 32];

impl Done {
    /// Remembers a state; whether it was not there yet.
    pub(super) fn add(&self, state: &str, now_ms: i64) -> bool {
        let Ok(hash) = State::try_from(ring::digest::digest(&ring::digest::SHA256, state.as_bytes()).as_ref()) else {
            return false;
        };
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |done_ms: i64| now_ms.saturating_sub(done_ms) > SIGN_IN_SECONDS_MAX * 1_000;
        while states.order.front().is_some_and(|(done_ms, _)| is_over(*done_ms)) {
            states.forget_oldest();
        }
        if !states.known.insert(hash) {
            return false;
        }
        states.order.push_back((now_ms, hash));
        if states.order.len() > SIGN_INS_DONE_MAX {
            states.forget_oldest();
        }
        true
    }
}

impl States {
    fn forget_oldest(&mut self) {
        if let Some((_, state)) = self.order.pop_front() {
            self.known.remove(&state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Done, SIGN_IN_SECONDS_MAX, SIGN_INS_DONE_MAX};

    #[test]
    fn a_state_is_new_once_while_its_cookie_lives() {
        let done = Done::default();
        assert!(done.add("a", 0));
        assert!(!done.add("a", SIGN_IN_SECONDS_MAX * 1_000));
        assert!(done.add("b", 1));
        assert!(done.add("a", SIGN_IN_SECONDS_MAX * 1_000 + 1));
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let done = Done::default();
        for i in 0..SIGN_INS_DONE_MAX {
            assert!(done.add(&i.to_string(), 0));
        }
        assert!(!done.add("0", 0));
        assert!(done.add("one more", 0));
        assert!(!done.add("1", 0), "the second oldest is there still");
        assert!(done.add("0", 0), "the oldest is gone");
    }
}
