//! Webhooks that the configuration gives: URLs that another system sends its events to, without a token.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;
use trailbook_event::limits::{RULES_MAX, TOKEN_BYTES_MAX, WEBHOOK_SECRET_BYTES_MIN};
use trailbook_event::normalise::Form;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::check_token;

use super::SettingsError;
use super::external_access::{ExternalAccess, name, refuse_others, table};
use super::read::{list, text};

/// A webhook. Its `Debug` shows neither of its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name, which is that of the credential that its events are recorded under.
    pub name: String,
    /// The organization whose events it gets.
    pub organization: String,
    /// Whose records it gets.
    pub form: Form,
    /// The last part of its URL.
    pub secret: String,
    /// The key that bodies are signed with.
    pub signing_key: String,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("organization", &self.organization)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// The token of its credential: nobody is told it, and nobody can guess it who lacks the signing key. The URL's own
    /// secret would let its bearer write without a signature.
    pub fn token(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.signing_key.as_bytes());
        let parts = ["trailbook/webhook/v1", &self.organization, &self.name, &self.secret];
        format!("tb_{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, parts.join("\0").as_bytes())))
    }
}

/// Reads the list. Errors name the entry by its place, from 0, and repeat no value.
pub(super) fn read(key: &str, value: Value) -> Result<Vec<Webhook>, SettingsError> {
    let items = list(value).map_err(|reason| SettingsError::value(key, reason))?;
    let read = |(i, item)| entry(item).map_err(|reason| SettingsError::value(format!("{key}[{i}]"), reason));
    items.into_iter().enumerate().map(read).collect()
}

fn entry(value: Value) -> Result<Webhook, String> {
    let mut members = table(value, "must be a table")?;
    let mut take = |key: &str| {
        let value = members.remove(key).map(text).transpose();
        value.map_err(|reason| format!("{key} {reason}"))
    };
    let missing = |key: &str| format!("{key} is missing");
    let own = take("name")?.ok_or_else(|| missing("name"))?;
    let organization = take("organization")?.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned());
    let from = take("from")?.ok_or_else(|| missing("from"))?;
    let secret = take("secret")?.ok_or_else(|| missing("secret"))?;
    let signing_key = take("signing_key")?.ok_or_else(|| missing("signing_key"))?;
    refuse_others(&members, "name, organization, from, secret, signing_key")?;
    if from != Form::Port.name() {
        return Err("from must be \"port\", the one system whose webhooks are known".to_owned());
    }
    check_secret(&secret)?;
    check_token(&signing_key).map_err(|reason| format!("signing_key: {reason}"))?;
    let (own, organization) = (name("name", own)?, name("organization", organization)?);
    Ok(Webhook { name: own, organization, form: Form::Port, secret, signing_key })
}

/// What a URL carries as it is, and nobody guesses.
fn check_secret(secret: &str) -> Result<(), String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !(WEBHOOK_SECRET_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&secret.len()) || !secret.bytes().all(is_plain) {
        return Err(format!(
            "secret must have {WEBHOOK_SECRET_BYTES_MIN} to {TOKEN_BYTES_MAX} letters, digits, - or _"
        ));
    }
    Ok(())
}

/// Checks what entries mean together, and beside the tokens: no name twice in an organization, no secret twice.
pub(super) fn check(webhooks: &[Webhook], tokens: &[ExternalAccess]) -> Result<(), SettingsError> {
    let key = "webhooks";
    if webhooks.len() > RULES_MAX {
        return Err(SettingsError::value(key, format!("{} entries are more than {RULES_MAX}", webhooks.len())));
    }
    for (i, webhook) in webhooks.iter().enumerate() {
        let place = format!("{key}[{i}]");
        let mut before = webhooks.iter().take(i);
        let is_named = |organization: &str, name: &str| organization == webhook.organization && name == webhook.name;
        if before.clone().any(|b| is_named(&b.organization, &b.name)) {
            let reason = format!("the name '{}' is given twice in its organization", webhook.name);
            return Err(SettingsError::value(place, reason));
        }
        if tokens.iter().any(|token| is_named(&token.organization, &token.subject)) {
            let reason = format!("the name '{}' is that of a token of external_access", webhook.name);
            return Err(SettingsError::value(place, reason));
        }
        if let Some(other) = before.position(|b| b.secret == webhook.secret) {
            return Err(SettingsError::value(place, format!("has the secret of {key}[{other}]; each needs its own")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
