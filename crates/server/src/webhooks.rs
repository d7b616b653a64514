//! Webhooks: URLs that another system sends its events to, signed with a key that it shares with us.
//!
//! A URL names its webhook by a secret, which may end up in somebody's log of requests; what counts is the signature.
//! The signature is compared in constant time, the secret by its hash.

use std::collections::HashMap;
use std::fmt;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use trailbook_event::limits::WEBHOOK_SECONDS_MAX;
use trailbook_event::normalise::Form;

use crate::api::problem::{Kind, Problem};
use crate::settings;

/// The webhooks of a server.
#[derive(Debug)]
pub(crate) struct Webhooks(HashMap<[u8; 32], Webhook>);

/// One of them.
pub(crate) struct Webhook {
    key: hmac::Key,
    token: String,
    form: Form,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Webhooks {
    /// Those of the settings.
    pub(crate) fn new(all: &[settings::Webhook]) -> Self {
        let webhook = |one: &settings::Webhook| Webhook {
            key: hmac::Key::new(hmac::HMAC_SHA256, one.signing_key.as_bytes()),
            token: one.token(),
            form: one.form,
        };
        Self(all.iter().map(|one| (hash(&one.secret), webhook(one))).collect())
    }

    /// The webhook that a URL's secret is of. What is compared are hashes, of which nobody can choose one.
    pub(crate) fn find(&self, secret: &str) -> Option<&Webhook> {
        self.0.get(&hash(secret))
    }
}

impl Webhook {
    /// The token of the credential that its events are recorded under.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Whose records it gets.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Refuses a body that was not signed with the webhook's key, or not now.
    pub(crate) fn check(&self, headers: &HeaderMap, body: &[u8], now_ms: i64) -> Result<(), Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| missing(name));
        let (signature, timestamp) = (text("x-port-signature")?, text("x-port-timestamp")?);
        let wrong = || refused("x-port-signature is not that of this body and x-port-timestamp");
        let signature = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        let signed = [timestamp.as_bytes(), b".", body].concat();
        hmac::verify(&self.key, &signed, &signature.ok_or_else(wrong)?).map_err(|_| wrong())?;
        let seconds = timestamp.parse().map_err(|_| refused("x-port-timestamp must be seconds since 1970"))?;
        if !is_near(seconds, now_ms) {
            let reason = "x-port-timestamp is further from the server's clock than";
            return Err(refused(&format!("{reason} {WEBHOOK_SECONDS_MAX} seconds")));
        }
        Ok(())
    }
}

/// Whether a time in seconds is near enough to one in milliseconds.
fn is_near(seconds: i64, now_ms: i64) -> bool {
    now_ms.div_euclid(1_000).abs_diff(seconds) <= WEBHOOK_SECONDS_MAX
}

fn missing(name: &str) -> Problem {
    refused(&format!("the header {name} is missing"))
}

fn refused(reason: &str) -> Problem {
    Problem::new(Kind::Unauthenticated, reason)
}

fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::is_near;
    use trailbook_event::limits::WEBHOOK_SECONDS_MAX;

    #[test]
    fn a_time_may_differ_by_the_limit_and_not_more() {
        let limit = i64::try_from(WEBHOOK_SECONDS_MAX).unwrap();
        let now = 1_768_000_000;
        for (seconds, is) in [
            (now, true),
            (now - limit, true),
            (now + limit, true),
            (now - limit - 1, false),
            (now + limit + 1, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            assert_eq!(is_near(seconds, now * 1_000 + 999), is, "{seconds}");
        }
    }
}
