//! What a token says, after its signature was found good (RFC 7519 section 4.1).

use serde_json::{Map, Value};

use super::{Expected, Refused};
use trailbook_event::limits::{JWT_SKEW_SECONDS_MAX, JWT_SUBJECT_BYTES_MAX};

/// The claims of a token.
#[derive(Debug, Clone)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| Refused::Malformed("what it says is no JSON object"))
    }

    /// Those that something else than a token says of somebody.
    pub(crate) fn of_map(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// A claim, if it is there and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Whom it is about. Never empty after [`check`](Self::check).
    pub(crate) fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// Everybody whom it is for.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Checks who issued it, whom it is for, whom it is about, and its time. A token must end, and may not have been
    /// issued in the future.
    pub(super) fn check(&self, expected: &Expected, now_ms: i64) -> Result<(), Refused> {
        let refuse = |claim, reason| Err(Refused::Claim { claim, reason });
        let is_in = |list: &[String], value: &str| list.iter().any(|one| one == value);
        if !expected.issuers.is_empty() && !self.text("iss").is_some_and(|issuer| is_in(&expected.issuers, issuer)) {
            return refuse("iss", "is not the issuer that was expected");
        }
        let is_for = |audiences: Vec<&str>| audiences.into_iter().any(|one| is_in(&expected.audiences, one));
        if !expected.audiences.is_empty() && !is_for(self.audiences()) {
            return refuse("aud", "does not name who it was shown to");
        }
        let subject = self.subject();
        if subject.is_empty() || subject.len() > JWT_SUBJECT_BYTES_MAX || subject.chars().any(char::is_control) {
            return refuse("sub", "is missing, too long, or has control characters");
        }
        let now = now_ms.div_euclid(1_000);
        let (past, future) = (now.saturating_sub(JWT_SKEW_SECONDS_MAX), now.saturating_add(JWT_SKEW_SECONDS_MAX));
        match self.seconds("exp")? {
            None => return refuse("exp", "is missing, and a token must end"),
            Some(end) if end <= past => return refuse("exp", "is over"),
            Some(_) => {}
        }
        if self.seconds("nbf")?.is_some_and(|begin| begin > future) {
            return refuse("nbf", "is in the future");
        }
        if self.seconds("iat")?.is_some_and(|issued| issued > future) {
            return refuse("iat", "is in the future");
        }
        Ok(())
    }

    /// A time in seconds since 1970; parts of a second are dropped.
    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<i64>, Refused> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
        whole.map(Some).ok_or(Refused::Claim { claim: name, reason: "is not a number of seconds" })
    }
}
