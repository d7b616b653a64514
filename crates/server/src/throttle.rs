//! Throttling sign-ins: guessing is slow, and guessing at somebody's account does not lock them out.
//!
//! Failures are counted after OWASP's [device cookies][owasp]. An attempt with the cookie of a browser that signed in
//! to this account before ([`device`]) is counted for that browser alone, so nothing that others do makes it wait. Any
//! other attempt is a stranger's, and counted three times: for its address at this account, for its address at all
//! accounts, and for this account from all addresses. Each count has so many failures free; from then on a wait
//! follows each, which doubles up to a limit. One failure is forgotten each time that the longest wait has passed. The
//! two counts that strangers share have a short longest wait: whoever comes with a new browser is slowed while an
//! account is attacked, and can still be let in by other ways than a password. Each address that attacks waits up to
//! 15 times as long as an account's count remembers a failure, so fewer than 15 of them do not keep that count up.
//!
//! [`Throttle::ask`] counts a failure before the password is looked at, and [`Throttle::succeeded`] takes it back, so
//! attempts at once are no more than those one after the other, and one that is broken off is a failure. An account is
//! what was typed, known or not: an account that does not exist is throttled as one that does.
//!
//! Counts are kept by a keyed hash, as many of each of the four kinds as [`SIGN_IN_COUNTS_MAX`]. When there are more,
//! those with the fewest failures go, the oldest of them first. Who wants a count forgotten thus has to bring about
//! that many counts with as many failures each, and for these he waits. One kind does not push out another. All of it
//! is in memory: a restart forgets it, and each server counts for itself.
//!
//! [owasp]: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies

mod bucket;
pub(crate) mod device;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::hmac;
use trailbook_event::limits::{
    SIGN_IN_ACCOUNT_FAILURES_MAX, SIGN_IN_ADDRESS_FAILURES_MAX, SIGN_IN_COUNTS_MAX, SIGN_IN_FAILURES_MAX,
    SIGN_IN_SHARED_SECONDS_MAX, SIGN_IN_WAIT_SECONDS_MAX,
};

use bucket::{Buckets, Key, Rule};
use device::Device;

/// One attempt to sign in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// What was typed to name the account, in the form that accounts are looked up by. Capitals and white space around
    /// it make no difference here.
    pub(crate) account: &'a str,
    /// Where it comes from: the caller's, not a proxy's.
    pub(crate) address: IpAddr,
    /// The browser, if its cookie says that it signed in to this account before.
    pub(crate) device: Option<Device>,
}

/// An attempt comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed sign-ins; try again in {seconds} seconds")]
pub(crate) struct RetryAfter {
    /// How long to wait, at least 1.
    pub(crate) seconds: u32,
}

/// For one browser, or one address at one account.
const ALONE: Rule = Rule { free: SIGN_IN_FAILURES_MAX, seconds_max: SIGN_IN_WAIT_SECONDS_MAX };
/// For all strangers to an account.
const ACCOUNT: Rule = Rule { free: SIGN_IN_ACCOUNT_FAILURES_MAX, seconds_max: SIGN_IN_SHARED_SECONDS_MAX };
/// For all strangers from an address.
const ADDRESS: Rule = Rule { free: SIGN_IN_ADDRESS_FAILURES_MAX, seconds_max: SIGN_IN_SHARED_SECONDS_MAX };

/// What counts failed sign-ins.
pub(crate) struct Throttle {
    /// Nobody can choose what is hashed so that it falls together with another.
    key: hmac::Key,
    counts: Mutex<Counts>,
}

struct Counts {
    devices: Buckets,
    pairs: Buckets,
    addresses: Buckets,
    accounts: Buckets,
}

/// Where an attempt is counted.
enum Places {
    Known(Key),
    Stranger { pair: Key, address: Key, account: Key },
}

impl Throttle {
    /// Counts from nothing. The key is random, or one that the server has.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self::with_counts_max(key, SIGN_IN_COUNTS_MAX)
    }

    fn with_counts_max(key: &[u8; 32], counts_max: usize) -> Self {
        let counts = Counts {
            devices: Buckets::new(ALONE, counts_max),
            pairs: Buckets::new(ALONE, counts_max),
            addresses: Buckets::new(ADDRESS, counts_max),
            accounts: Buckets::new(ACCOUNT, counts_max),
        };
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), counts: Mutex::new(counts) }
    }

    /// Whether the password of this attempt may be looked at now. If so, the attempt counts as failed until
    /// [`succeeded`](Self::succeeded) is said. If not, nothing is counted.
    pub(crate) fn ask(&self, attempt: &Attempt<'_>, now_ms: i64) -> Result<(), RetryAfter> {
        let places = self.places(attempt);
        let mut counts = self.counts();
        let wait_ms = counts.of(&places).map(|(buckets, key)| buckets.wait_ms(key, now_ms)).max().unwrap_or(0);
        if wait_ms > 0 {
            let seconds = wait_ms.saturating_add(999) / 1_000;
            return Err(RetryAfter { seconds: u32::try_from(seconds).unwrap_or(u32::MAX) });
        }
        counts.of(&places).for_each(|(buckets, key)| buckets.add(key, now_ms));
        Ok(())
    }

    /// Whether an attempt that came too early is the first since the last failure, for one of its counts: so many are
    /// put on record, and whoever goes on asking fills no log.
    pub(crate) fn is_first_refusal(&self, attempt: &Attempt<'_>, now_ms: i64) -> bool {
        let places = self.places(attempt);
        let mut counts = self.counts();
        let waiting = counts.of(&places).filter(|(buckets, key)| buckets.wait_ms(key, now_ms) > 0);
        waiting.fold(false, |is_first, (buckets, key)| buckets.tell(key) || is_first)
    }

    /// The password was wrong, or there is no such account: the wait begins now and not when it was asked for.
    pub(crate) fn failed(&self, attempt: &Attempt<'_>, now_ms: i64) {
        let places = self.places(attempt);
        self.counts().of(&places).for_each(|(buckets, key)| buckets.restart_wait(key, now_ms));
    }

    /// The password was right: its browser, or its address at its account, starts anew. From the counts that it shares
    /// with others only this attempt is taken back, so that nobody clears them with an account of his own.
    pub(crate) fn succeeded(&self, attempt: &Attempt<'_>, now_ms: i64) {
        let places = self.places(attempt);
        self.take_back(&places, now_ms);
        let mut counts = self.counts();
        match &places {
            Places::Known(device) => counts.devices.clear(device),
            Places::Stranger { pair, .. } => counts.pairs.clear(pair),
        }
    }

    /// The password was not looked at, as the server was too busy: as if it had not been asked for.
    pub(crate) fn withdrawn(&self, attempt: &Attempt<'_>, now_ms: i64) {
        self.take_back(&self.places(attempt), now_ms);
    }

    fn take_back(&self, places: &Places, now_ms: i64) {
        self.counts().of(places).for_each(|(buckets, key)| buckets.take_back(key, now_ms));
    }

    fn places(&self, attempt: &Attempt<'_>) -> Places {
        let account = attempt.account.trim().to_lowercase();
        if let Some(device) = attempt.device {
            return Places::Known(self.hash(&[account.as_bytes(), device.number()]));
        }
        let address = network(attempt.address);
        Places::Stranger {
            pair: self.hash(&[account.as_bytes(), &address]),
            address: self.hash(&[&address]),
            account: self.hash(&[account.as_bytes()]),
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> Key {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            // Lengths keep what is put together apart.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut key = Key::default();
        key.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        key
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn of<'a>(&'a mut self, places: &'a Places) -> impl Iterator<Item = (&'a mut Buckets, &'a Key)> {
        let Self { devices, pairs, addresses, accounts } = self;
        let (one, others) = match places {
            Places::Known(device) => ((devices, device), None),
            Places::Stranger { pair, address, account } => {
                ((pairs, pair), Some([(addresses, address), (accounts, account)]))
            }
        };
        std::iter::once(one).chain(others.into_iter().flatten())
    }
}

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which is what one customer has at least.
pub(crate) fn network(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).octets(),
    }
}

#[cfg(test)]
mod tests;
