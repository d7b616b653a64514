//! Cookies of browsers that signed in: who has one is no stranger to that account.
//!
//! A cookie's value is base64url of account, a random number, when it was given and an HMAC-SHA256 of the server's
//! under all of it. It lets nobody in; it says only that attempts are counted for this browser alone. It is taken for
//! the account that it was given for, and for [`DEVICE_DAYS_MAX`] days.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use trailbook_event::limits::DEVICE_DAYS_MAX;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const NUMBER_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const VALUE_BYTES: usize = 8 + NUMBER_BYTES + 8 + TAG_BYTES;
/// Keeps what is signed apart from all else that a key might be used for.
const PURPOSE: &[u8] = b"trailbook/device/v1\n";

/// A browser that signed in to the account before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Device {
    number: [u8; NUMBER_BYTES],
    issued_ms: i64,
}

impl Device {
    /// What the browser is known by.
    pub(super) fn number(&self) -> &[u8] {
        &self.number
    }
}

/// What cookies are signed with.
#[derive(Debug)]
pub(crate) struct DeviceKey(hmac::Key);

impl DeviceKey {
    /// A key of the server's own.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The value of a cookie for a browser that has just signed in to an account. Nothing if the system gives no
    /// randomness: the browser stays a stranger then.
    pub(crate) fn issue(&self, account: i64, now_ms: i64) -> Option<String> {
        let mut number = [0; NUMBER_BYTES];
        getrandom::fill(&mut number).ok()?;
        let said = [&account.to_be_bytes()[..], &number, &now_ms.to_be_bytes()].concat();
        let tag = hmac::sign(&self.0, &[PURPOSE, &said].concat());
        Some(URL_SAFE_NO_PAD.encode([&said, tag.as_ref()].concat()))
    }

    /// The browser that a cookie's value was given to, if it was for this account, by this server, and not too long
    /// ago. There is none for an account that does not exist.
    pub(crate) fn check(&self, value: &str, account: i64, now_ms: i64) -> Option<Device> {
        // Nothing longer is decoded.
        if value.len() > VALUE_BYTES * 4 / 3 + 1 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (said, tag) = bytes.split_at_checked(VALUE_BYTES - TAG_BYTES)?;
        hmac::verify(&self.0, &[PURPOSE, said].concat(), tag).ok()?;
        let (of, rest) = said.split_first_chunk::<8>()?;
        let (number, issued) = rest.split_first_chunk::<NUMBER_BYTES>()?;
        let issued_ms = i64::from_be_bytes(issued.try_into().ok()?);
        let is_recent = now_ms.saturating_sub(issued_ms) < DEVICE_DAYS_MAX * DAY_MS;
        (i64::from_be_bytes(*of) == account && is_recent).then_some(Device { number: *number, issued_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_768_000_000_000;

    #[test]
    fn a_cookie_is_of_one_account_and_lives_for_so_long() {
        let key = DeviceKey::new(&[7; 32]);
        let value = key.issue(5, NOW_MS).unwrap();
        let device = key.check(&value, 5, NOW_MS).unwrap();
        let end_ms = NOW_MS + DEVICE_DAYS_MAX * DAY_MS;
        assert_eq!(key.check(&value, 5, end_ms - 1), Some(device));
        assert_eq!(key.check(&value, 5, end_ms), None);
        assert_eq!(key.check(&value, 6, NOW_MS), None);
        assert_eq!(DeviceKey::new(&[8; 32]).check(&value, 5, NOW_MS), None);
        let other = key.check(&key.issue(5, NOW_MS).unwrap(), 5, NOW_MS).unwrap();
        assert_ne!(device.number(), other.number());
    }

    #[test]
    fn a_value_that_was_changed_in_any_bit_is_nobodys() {
        let key = DeviceKey::new(&[7; 32]);
        let value = key.issue(5, NOW_MS).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
        assert_eq!(bytes.len(), VALUE_BYTES);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.check(&URL_SAFE_NO_PAD.encode(&changed), 5, NOW_MS), None, "bit {bit}");
        }
        for length in 0..value.len() {
            assert_eq!(key.check(&value[..length], 5, NOW_MS), None, "{length}");
        }
        for bad in [format!("{value}A"), format!("{value}="), format!(" {value}"), "ä".repeat(40)] {
            assert_eq!(key.check(&bad, 5, NOW_MS), None, "{bad}");
        }
    }
}
