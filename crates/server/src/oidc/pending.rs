//! A sign-in that is under way, as the browser keeps it: encrypted, for one provider, for ten minutes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{self, Aad, LessSafeKey, NONCE_LEN, UnboundKey};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};

use super::refusal::{Kind, Refusal};
use trailbook_event::limits::{JWT_SKEW_SECONDS_MAX, RETURN_TO_BYTES_MAX, SIGN_IN_SECONDS_MAX};

/// Bytes of each random value; OWASP asks for 16 at least.
const RANDOM_BYTES: usize = 32;
/// A cookie, in characters of base64: room for the longest path with each byte escaped in JSON.
const COOKIE_BYTES_MAX: usize = (2 * RETURN_TO_BYTES_MAX + 1_024) * 4 / 3;

/// What only this sign-in knows.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    /// Ties the way back to the browser.
    pub(super) state: String,
    /// Ties the ID token to the sign-in.
    pub(super) nonce: String,
    /// Ties the code to the sign-in (RFC 7636).
    pub(super) verifier: String,
    /// Where to go in the end.
    pub(super) return_to: String,
    begun_ms: i64,
}

impl Pending {
    /// A new one.
    pub(super) fn new(return_to: &str, now_ms: i64) -> Result<Self, Refusal> {
        let return_to = return_to.to_owned();
        Ok(Self { state: random()?, nonce: random()?, verifier: random()?, return_to, begun_ms: now_ms })
    }

    /// `code_challenge` of the method `S256`.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier.as_bytes()))
    }
}

fn random() -> Result<String, Refusal> {
    let mut bytes = [0; RANDOM_BYTES];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<(), Refusal> {
    let failed = |error| Refusal::new(Kind::Unavailable, format!("the system gives no randomness: {error}"));
    getrandom::fill(bytes).map_err(failed)
}

/// Makes and reads cookies of one provider: AES-256-GCM, with a key made of the server's and the provider's name.
#[derive(Debug)]
pub(super) struct Sealer(LessSafeKey);

impl Sealer {
    pub(super) fn new(key: &[u8; 32], provider: &str) -> Self {
        let own = hmac::Key::new(hmac::HMAC_SHA256, key);
        let own = hmac::sign(&own, format!("trailbook/sign-in/v1/{provider}").as_bytes());
        let own = UnboundKey::new(&aead::AES_256_GCM, own.as_ref()).expect("a tag of SHA-256 has 32 bytes, as the key");
        Self(LessSafeKey::new(own))
    }

    /// The value of a cookie: a random nonce, then what is encrypted.
    pub(super) fn seal(&self, pending: &Pending) -> Result<String, Refusal> {
        let failed = |what: &str| Refusal::new(Kind::Unavailable, format!("the cookie could not be {what}"));
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let mut text = serde_json::to_vec(pending).map_err(|_| failed("written"))?;
        let unique = aead::Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::empty(), &mut text).map_err(|_| failed("encrypted"))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()))
    }

    /// What a cookie holds, if this server made it for this provider not too long ago.
    pub(super) fn open(&self, cookie: &str, now_ms: i64) -> Result<Pending, &'static str> {
        if cookie.is_empty() {
            return Err("the browser has no sign-in under way");
        }
        const FOREIGN: &str = "the cookie is not of this server and provider";
        if cookie.len() > COOKIE_BYTES_MAX {
            return Err(FOREIGN);
        }
        let bytes = URL_SAFE_NO_PAD.decode(cookie).map_err(|_| FOREIGN)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(FOREIGN)?;
        let mut sealed = sealed.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let text = self.0.open_in_place(nonce, Aad::empty(), &mut sealed).map_err(|_| FOREIGN)?;
        let pending: Pending = serde_json::from_slice(text).map_err(|_| FOREIGN)?;
        // Another server at the same catalog may have begun it, by a clock that is a little ahead.
        let age_ms = now_ms.saturating_sub(pending.begun_ms);
        match (-JWT_SKEW_SECONDS_MAX * 1_000..=SIGN_IN_SECONDS_MAX * 1_000).contains(&age_ms) {
            true => Ok(pending),
            false => Err("the sign-in took too long"),
        }
    }
}
