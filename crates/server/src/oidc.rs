//! Sign-in through OpenID Connect: the authorization code flow, with PKCE (RFC 7636).
//!
//! ```text
//! begin  ─► the browser goes to the provider, with a cookie that holds what only this sign-in knows
//! finish ◄─ it comes back with a code ─► the provider's token endpoint ─► an ID token, checked ─► an identity
//! ```
//!
//! The cookie is encrypted for one provider and lives for ten minutes. `state` ties the way back to the browser that
//! left, `nonce` the ID token to this sign-in, the PKCE verifier the code to it, and `iss` (RFC 9207) the answer to the
//! provider that was asked. A sign-in is finished once, whether it went well or not. Nothing is sent to a provider
//! whose answer was not found to be its own. People are told what they can do; why it is so goes to the server's log,
//! and neither has a code, a token or a secret in it.

mod code;
mod done;
mod identity;
mod metadata;
mod pending;
mod refusal;

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use subtle::ConstantTimeEq as _;

use crate::jwt::{self, Document, Issuer};
use crate::settings::IdentityProvider;
use crate::url;
use trailbook_event::limits::{RETURN_TO_BYTES_MAX, SIGN_IN_CODE_BYTES_MAX};

pub(crate) use identity::Identity;
pub(crate) use refusal::{Kind, Refusal};

use code::Code;
use done::Done;
use metadata::Metadata;
use pending::{Pending, Sealer};

/// A provider that people sign in through.
#[derive(Debug)]
pub(crate) struct Provider {
    settings: IdentityProvider,
    /// Where the provider leads people back to.
    callback_url: String,
    client: reqwest::Client,
    metadata: Document<Metadata>,
    /// The provider as a signer, while its keys stay where they are.
    issuer: Mutex<Option<Arc<Issuer>>>,
    sealer: Sealer,
    done: Done,
}

/// A sign-in that was begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Where the browser goes now.
    pub(crate) redirect_url: String,
    /// What it brings back: the value of a cookie that is `HttpOnly`, `SameSite=Lax`, `Secure` where there is HTTPS,
    /// and gone after [`SIGN_IN_SECONDS_MAX`](trailbook_event::limits::SIGN_IN_SECONDS_MAX). Base64url.
    pub(crate) cookie: String,
}

/// A sign-in that is finished.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// Who it is.
    pub(crate) identity: Identity,
    /// Where the browser goes now: a path of this server.
    pub(crate) return_to: String,
}

/// What the provider sent the browser back with.
#[derive(Debug, Default)]
struct Answer {
    state: Option<String>,
    issuer: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

impl Provider {
    /// A provider, for a server that is reached at `public_url` and keeps this key to itself. Nothing is asked yet.
    pub(crate) fn new(settings: IdentityProvider, public_url: &str, key: &[u8; 32]) -> Result<Self, Refusal> {
        let unusable = |error: &dyn std::fmt::Display| Refusal::new(Kind::Unavailable, error.to_string());
        let discovery = format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/'));
        let discovery = Url::parse(&discovery).map_err(|error| unusable(&error))?;
        let client = jwt::client(&[discovery.as_str()]).map_err(|error| unusable(&error))?;
        let issuer = settings.issuer.clone();
        let parse = Box::new(move |bytes: &[u8]| Metadata::parse(bytes, &issuer));
        Ok(Self {
            callback_url: format!("{}/sign-in/{}/callback", public_url.trim_end_matches('/'), settings.name),
            metadata: Document::new(discovery, client.clone(), parse),
            sealer: Sealer::new(key, &settings.name),
            settings,
            client,
            issuer: Mutex::default(),
            done: Done::default(),
        })
    }

    /// How it is set up.
    pub(crate) fn settings(&self) -> &IdentityProvider {
        &self.settings
    }

    /// Begins a sign-in that leads back to `return_to`, a path of this server.
    pub(crate) async fn begin(&self, return_to: &str, now_ms: i64) -> Result<Begun, Refusal> {
        if !is_local_path(return_to) {
            return Err(Refusal::new(Kind::ReturnElsewhere, "the path to return to is none of this server"));
        }
        let metadata = self.metadata.get(now_ms).await?;
        let pending = Pending::new(return_to, now_ms)?;
        let mut to = metadata.authorization_endpoint.clone();
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback_url)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { redirect_url: to.into(), cookie: self.sealer.seal(&pending)? })
    }

    /// Finishes a sign-in with the query that the browser came back with, and the cookie's value.
    pub(crate) async fn finish(&self, query: &str, cookie: &str, now_ms: i64) -> Result<SignedIn, Refusal> {
        let answer = Answer::parse(query)?;
        let interrupted = |reason: &'static str| Refusal::new(Kind::Interrupted, reason);
        let pending = self.sealer.open(cookie, now_ms).map_err(interrupted)?;
        let state = answer.state.as_deref().unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(pending.state.as_bytes())) {
            return Err(interrupted("the state is not that of the browser's sign-in"));
        }
        if !self.done.add(&pending.state, now_ms) {
            return Err(interrupted("the sign-in was done before"));
        }
        let metadata = self.metadata.get(now_ms).await?;
        self.check_issuer(&metadata, answer.issuer.as_deref())?;
        if let Some(error) = answer.error {
            return Err(Refusal::of_provider(&error));
        }
        let code = answer.code.filter(|code| !code.is_empty() && code.len() <= SIGN_IN_CODE_BYTES_MAX);
        let code = code.ok_or_else(|| Refusal::new(Kind::Untrusted, "the provider's answer has no code"))?;
        let identity = self.identity(&metadata, &Code { code, pending: &pending }, now_ms).await?;
        Ok(SignedIn { identity, return_to: pending.return_to })
    }

    /// The groups of the organization that somebody is in.
    pub(crate) fn groups_of(&self, identity: &Identity) -> Vec<String> {
        let mut groups: Vec<String> = Vec::new();
        for group in identity.groups.iter().filter_map(|value| self.settings.groups.get(value)) {
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        if groups.is_empty() { self.settings.default_groups.clone() } else { groups }
    }

    /// Refuses an answer that another provider gave (RFC 9207 section 2.4).
    fn check_issuer(&self, metadata: &Metadata, issuer: Option<&str>) -> Result<(), Refusal> {
        match issuer {
            Some(issuer) if issuer == self.settings.issuer => Ok(()),
            Some(_) => Err(Refusal::new(Kind::Untrusted, "the answer is of another issuer")),
            None if metadata.names_issuer => Err(Refusal::new(
                Kind::Untrusted,
                "the answer does not name its issuer, though the provider always does",
            )),
            None => Ok(()),
        }
    }

    /// The provider as a signer. Its keys are kept as long as they are at the same place.
    fn issuer(&self, metadata: &Metadata) -> Arc<Issuer> {
        let mut current = self.issuer.lock().unwrap_or_else(PoisonError::into_inner);
        match current.as_ref().filter(|issuer| *issuer.keys_url() == metadata.jwks_uri) {
            Some(issuer) => Arc::clone(issuer),
            None => {
                let issuer = Arc::new(Issuer::new(metadata.jwks_uri.clone(), self.client.clone()));
                Arc::clone(current.insert(issuer))
            }
        }
    }
}

impl Answer {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let unreadable = |reason: &'static str| Refusal::new(Kind::Interrupted, reason);
        let pairs = url::pairs(Some(query)).map_err(|_| unreadable("the query is not percent-encoded UTF-8"))?;
        let mut answer = Self::default();
        for (name, value) in pairs {
            let place = match name.as_str() {
                "state" => &mut answer.state,
                "iss" => &mut answer.issuer,
                "code" => &mut answer.code,
                "error" => &mut answer.error,
                _ => continue,
            };
            // RFC 6749 section 3.1: no parameter twice.
            if place.replace(value).is_some() {
                return Err(unreadable("a parameter of the query is given twice"));
            }
        }
        Ok(answer)
    }
}

/// Whether a browser that is sent there stays on this server. Browsers read `\` as `/`, and drop tabs and line ends.
pub(crate) fn is_local_path(path: &str) -> bool {
    let is_harmless = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    path.starts_with('/') && !path.starts_with("//") && is_harmless && path.len() <= RETURN_TO_BYTES_MAX
}

#[cfg(test)]
mod tests;
