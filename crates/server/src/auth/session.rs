//! Sessions: cookies that lead to a member, and what keeps other sites from using them.
//!
//! A cookie is `HttpOnly` and `SameSite=Lax`, and with HTTPS `Secure` under a `__Host-` name. Its value is random and
//! new at each sign-in. A session ends when it is idle for too long, when it is too old, and when it is revoked.
//! Whatever changes something needs a token beside the cookie, which is made from both the session and a key of the
//! server, and which no other site can read.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use trailbook_store::credential::new_token;
use trailbook_store::members::{Member, NewSession, Session, SignInMethod};

use super::{Auth, Caller, Denial};
use crate::asker::Asker;

/// How long sessions last, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionRules {
    /// Without a request.
    pub(crate) idle_ms: i64,
    /// In all.
    pub(crate) age_ms: i64,
}

/// A session that was begun, and what its browser is to keep.
pub(crate) struct Begun {
    pub(crate) session: Session,
    /// The value of the cookie.
    pub(crate) token: String,
    /// The token of its forms.
    pub(crate) csrf: String,
}

/// How much older than it is known to be a session's last use may be, in milliseconds.
const SEEN_GRAIN_MS: i64 = 60_000;
/// What hides a token in a page: as long as it is.
const MASK_BYTES: usize = 32;
/// What is said of one that comes without what its forms have.
pub(super) const NO_CSRF: &str = "a request with a session needs the header x-csrf-token, whose value /api/v1/me gives";

/// The name of the cookie.
pub(crate) fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-trailbook-session" } else { "trailbook-session" }
}

/// A cookie of a browser that only this server reads. Without a value it is to be forgotten.
pub(crate) fn cookie(name: &str, value: Option<&str>, max_age_seconds: i64, is_https: bool) -> String {
    let age = if value.is_some() { max_age_seconds } else { 0 };
    let secure = if is_https { "; Secure" } else { "" };
    format!("{name}={}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", value.unwrap_or_default())
}

impl Auth {
    /// Begins a session for somebody who has shown who they are. One that the browser had before ends.
    pub(crate) async fn begin_session(
        &self,
        asker: &Asker,
        member: &Member,
        method: SignInMethod,
    ) -> Result<Begun, trailbook_store::Error> {
        let token = new_token()?;
        let new = NewSession {
            member: member.id,
            token: token.clone(),
            method,
            address: asker.address.to_string(),
            user_agent: asker.user_agent.clone().unwrap_or_default(),
            lasts_ms: self.session_rules.age_ms,
        };
        if let Some(old) = asker.cookie(cookie_name(asker.is_https))
            && let Some(old) = self.catalog.session_of(old).await?
        {
            self.catalog.end_session(old.member, old.id).await?;
        }
        let session = self.catalog.begin_session(&new).await?;
        let csrf = self.csrf_of(&token);
        Ok(Begun { session, token, csrf })
    }

    /// The cookie of a session that was begun.
    pub(crate) fn session_cookie(&self, asker: &Asker, token: Option<&str>) -> String {
        cookie(cookie_name(asker.is_https), token, self.session_rules.age_ms / 1_000, asker.is_https)
    }

    /// Who is signed in, if anybody is.
    pub(crate) async fn of_session(&self, asker: &Arc<Asker>) -> Result<Option<Caller>, Denial> {
        let Some(token) = asker.cookie(cookie_name(asker.is_https)) else { return Ok(None) };
        let failed = |error| {
            tracing::error!(%error, "a session could not be looked up");
            Denial::Unavailable
        };
        let Some(session) = self.catalog.session_of(token).await.map_err(failed)? else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let idle_ms = now_ms.saturating_sub(session.seen_ms);
        if session.expires_ms <= now_ms || idle_ms > self.session_rules.idle_ms {
            self.catalog.end_session(session.member, session.id).await.map_err(failed)?;
            return Ok(None);
        }
        if idle_ms > SEEN_GRAIN_MS.min(self.session_rules.idle_ms / 2) {
            self.catalog.touch_session(session.id).await.map_err(failed)?;
        }
        let current = self.current();
        let member = current.directory().member(session.member);
        let Some(credential) = member.and_then(|member| current.by_id(member.credential)) else { return Ok(None) };
        let caller = self.caller_of_credential(&credential).ok();
        Ok(caller.map(|caller| caller.asking(asker).in_session(session)))
    }

    /// Refuses a request that changes something, unless it comes from a page of this server.
    pub(crate) fn check_csrf(&self, asker: &Asker, given: Option<&str>) -> Result<(), Denial> {
        let refused = || Denial::NotAllowed(NO_CSRF.to_owned());
        if asker.is_cross_site() {
            return Err(refused());
        }
        let token = asker.cookie(cookie_name(asker.is_https)).ok_or_else(refused)?;
        let given = given.and_then(|given| URL_SAFE_NO_PAD.decode(given).ok()).ok_or_else(refused)?;
        hmac::verify(&self.form_key(), token.as_bytes(), &unmasked(&given)).map_err(|_| refused())
    }

    /// The token of a form that is there before anybody is signed in, for what a cookie of its browser holds.
    pub(crate) fn csrf_of_page(&self, held: &str) -> String {
        self.csrf_of(&of_page(held))
    }

    /// Whether such a form comes from a page that this server gave to the same browser.
    pub(crate) fn is_form_of_page(&self, asker: &Asker, held: Option<&str>, given: &str) -> bool {
        let (Some(held), Ok(given)) = (held, URL_SAFE_NO_PAD.decode(given)) else { return false };
        !asker.is_cross_site() && hmac::verify(&self.form_key(), of_page(held).as_bytes(), &given).is_ok()
    }

    /// The token of the forms of the caller's session.
    pub(crate) fn csrf_token(&self, asker: &Asker) -> Option<String> {
        asker.cookie(cookie_name(asker.is_https)).map(|token| self.csrf_of(token))
    }

    /// The same, as another text each time, for pages that are compressed: what stood in each of them alike would tell
    /// itself by their sizes (BREACH, <https://www.breachattack.com>).
    pub(crate) fn masked_csrf_token(&self, asker: &Asker) -> Option<String> {
        let token = asker.cookie(cookie_name(asker.is_https))?;
        let tag = hmac::sign(&self.form_key(), token.as_bytes());
        let mut mask = [0; MASK_BYTES];
        getrandom::fill(&mut mask).ok()?;
        let masked = tag.as_ref().iter().zip(mask).map(|(byte, mask)| byte ^ mask);
        Some(URL_SAFE_NO_PAD.encode(mask.into_iter().chain(masked).collect::<Vec<u8>>()))
    }

    fn csrf_of(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.form_key(), token.as_bytes()))
    }

    fn form_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.csrf_key)
    }
}

/// A token without its mask, if it has one.
fn unmasked(given: &[u8]) -> Vec<u8> {
    match given.split_at_checked(MASK_BYTES) {
        Some((mask, masked)) if masked.len() == MASK_BYTES => {
            masked.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
        }
        _ => given.to_vec(),
    }
}

/// What is never the value of a session's cookie.
fn of_page(held: &str) -> String {
    format!("page/{held}")
}
