//! A document that an issuer publishes, kept in memory: its keys, or its configuration.
//!
//! It is asked for again when it is no longer current, and when something was looked for in vain, the latter at most
//! once in [`ISSUER_LOOK_SECONDS_MIN`]: strangers cannot make the server ask more often. One request is in flight at a
//! time. While the issuer cannot be reached, or answers nonsense, the last good one is used, for
//! [`ISSUER_KEPT_SECONDS_MAX`] at most.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::Url;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fetch::fetch;
use trailbook_event::limits::{
    ISSUER_FRESH_SECONDS_MAX, ISSUER_FRESH_SECONDS_MIN, ISSUER_KEPT_SECONDS_MAX, ISSUER_LOOK_SECONDS_MIN,
    ISSUER_SECONDS_MAX,
};

/// The document cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {reason}")]
pub(crate) struct NotThere {
    url: String,
    reason: String,
}

/// How the bytes of a document are read.
pub(crate) type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send + Sync>;

/// A document at a URL.
pub(crate) struct Document<T> {
    url: Url,
    client: reqwest::Client,
    parse: Parse<T>,
    current: RwLock<Option<Copy<T>>>,
    /// Held while the issuer is asked.
    asking: Mutex<Asked>,
}

impl<T> fmt::Debug for Document<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

struct Copy<T> {
    value: Arc<T>,
    fetched_ms: i64,
    fresh_ms: i64,
}

impl<T> Clone for Copy<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

impl<T> Copy<T> {
    /// Whether it is younger than that. A clock that was put back ends it too, but not a request that came a moment
    /// earlier than the one that fetched it.
    fn is_within(&self, age_ms: i64, now_ms: i64) -> bool {
        (-TOGETHER_MS..age_ms).contains(&now_ms.saturating_sub(self.fetched_ms))
    }

    fn is_fresh(&self, now_ms: i64) -> bool {
        self.is_within(self.fresh_ms, now_ms)
    }
}

/// By how much the times of requests that wait for each other may differ: as long as an issuer may take, and as much
/// again, so that a busy machine is not taken for a clock that was put back.
const TOGETHER_MS: i64 = 2 * ISSUER_SECONDS_MAX as i64 * 1_000;

/// What is remembered of asking.
#[derive(Debug, Default)]
struct Asked {
    /// When something was last looked for in vain, or asking failed.
    rested_ms: Option<i64>,
    /// Why asking failed.
    failure: Option<String>,
}

impl Asked {
    fn is_resting(&self, now_ms: i64) -> bool {
        let since = |rested_ms| now_ms.saturating_sub(rested_ms);
        const REST_MS: i64 = ISSUER_LOOK_SECONDS_MIN * 1_000;
        self.rested_ms.is_some_and(|rested_ms| (-TOGETHER_MS..REST_MS).contains(&since(rested_ms)))
    }
}

impl<T> Document<T> {
    /// The document at a URL. Nothing is asked yet.
    pub(crate) fn new(url: Url, client: reqwest::Client, parse: Parse<T>) -> Self {
        Self { url, client, parse, current: RwLock::default(), asking: Mutex::default() }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The document as it is now, or the last good one.
    pub(crate) async fn get(&self, now_ms: i64) -> Result<Arc<T>, NotThere> {
        match self.current() {
            Some(copy) if copy.is_fresh(now_ms) => return Ok(copy.value),
            // Somebody asks already, and what is there will do for the time being.
            Some(copy) if copy.is_within(ISSUER_KEPT_SECONDS_MAX * 1_000, now_ms) => {
                if let Ok(mut asked) = self.asking.try_lock() {
                    self.ask(&mut asked, now_ms).await;
                }
            }
            _ => {
                let mut asked = self.asking.lock().await;
                // Perhaps who held the lock has brought it.
                if !self.current().is_some_and(|copy| copy.is_fresh(now_ms)) {
                    self.ask(&mut asked, now_ms).await;
                }
            }
        }
        self.kept(now_ms).await
    }

    /// The document after something was not found in `seen`: a newer one, unless the issuer was asked just now.
    pub(crate) async fn newer(&self, seen: &Arc<T>, now_ms: i64) -> Result<Arc<T>, NotThere> {
        let mut asked = self.asking.lock().await;
        let is_same = self.current().is_some_and(|copy| Arc::ptr_eq(&copy.value, seen));
        if is_same && !asked.is_resting(now_ms) {
            asked.rested_ms = Some(now_ms);
            self.renew(&mut asked, now_ms).await;
        }
        drop(asked);
        self.kept(now_ms).await
    }

    /// What was brought last, however old; nothing is asked.
    pub(crate) fn last(&self) -> Option<Arc<T>> {
        self.current().map(|copy| copy.value)
    }

    fn current(&self) -> Option<Copy<T>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn kept(&self, now_ms: i64) -> Result<Arc<T>, NotThere> {
        match self.current().filter(|copy| copy.is_within(ISSUER_KEPT_SECONDS_MAX * 1_000, now_ms)) {
            Some(copy) => Ok(copy.value),
            None => {
                let reason = self.asking.lock().await.failure.clone();
                let reason = reason.unwrap_or_else(|| "it was not asked yet".to_owned());
                Err(NotThere { url: self.url.to_string(), reason })
            }
        }
    }

    /// Asks the issuer, unless that failed just now.
    async fn ask(&self, asked: &mut Asked, now_ms: i64) {
        if asked.failure.is_none() || !asked.is_resting(now_ms) {
            self.renew(asked, now_ms).await;
        }
    }

    async fn renew(&self, asked: &mut Asked, now_ms: i64) {
        let begun = Instant::now();
        match self.fetch().await {
            Ok((value, fresh_seconds)) => {
                let fresh_seconds = fresh_seconds.clamp(ISSUER_FRESH_SECONDS_MIN, ISSUER_FRESH_SECONDS_MAX);
                let copy = Copy { value: Arc::new(value), fetched_ms: now_ms, fresh_ms: fresh_seconds * 1_000 };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(copy);
                asked.failure = None;
            }
            Err(reason) => {
                tracing::warn!(url = %self.url, reason, "an issuer was asked in vain; what it last said holds");
                // It rests from now on: who waited meanwhile does not ask one after the other.
                let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
                *asked = Asked { rested_ms: Some(now_ms.saturating_add(took_ms)), failure: Some(reason) };
            }
        }
    }

    async fn fetch(&self) -> Result<(T, i64), String> {
        const FOUND: u16 = 200;
        let fetched = fetch(self.client.get(self.url.clone())).await.map_err(|error| error.to_string())?;
        if fetched.status != FOUND {
            return Err(format!("it answered with status {}", fetched.status));
        }
        Ok(((self.parse)(&fetched.body)?, fetched.fresh_seconds))
    }
}
