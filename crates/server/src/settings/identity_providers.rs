//! Providers of OpenID Connect that members sign in through.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Url;
use serde_json::Value;
use trailbook_store::DEFAULT_ORGANIZATION;

use super::SettingsError;
use super::external_access::{name, refuse_others, table};
use super::read::{kind, list, text, truth};
use crate::jwt::is_loopback;
use trailbook_event::limits::IDENTITY_PROVIDERS_MAX;

/// A provider, and what it is trusted with. Its `Debug` does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its name, which is a part of URLs.
    pub name: String,
    /// The organization whose members sign in through it.
    pub organization: String,
    /// Who it is, exactly as it says itself.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// What this server proves with that it is that; nothing for a public client.
    pub client_secret: Option<String>,
    /// What is asked for; `openid` is always among them.
    pub scopes: Vec<String>,
    /// The claim that holds somebody's groups: a name, or a path with dots.
    pub group_claim: String,
    /// Which group of the organization a value of that claim stands for.
    pub groups: BTreeMap<String, String>,
    /// The groups of somebody for whom no value stands for one.
    pub default_groups: Vec<String>,
    /// Whether members of the organization can sign in through a provider only.
    pub required: bool,
    /// The domains of addresses that may sign in, lower-case; nothing for all.
    pub allowed_domains: Vec<String>,
    /// Whether addresses are taken for verified that the provider does not say to be.
    pub trust_email: bool,
}

impl fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityProvider")
            .field("name", &self.name)
            .field("organization", &self.organization)
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("has_secret", &self.client_secret.is_some())
            .field("groups", &self.groups)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}

const KEYS: &str = "name, organization, issuer, client_id, client_secret, scopes, group_claim, groups, default_groups, \
                    required, allowed_domains, trust_email";
const SCOPES_DEFAULT: [&str; 3] = ["openid", "email", "profile"];
const GROUP_CLAIM_DEFAULT: &str = "groups";

/// Reads the list. Errors name the entry by its place, from 0, and repeat no value of it.
pub(crate) fn read(key: &str, value: Value) -> Result<Vec<IdentityProvider>, SettingsError> {
    let items = list(value).map_err(|reason| SettingsError::value(key, reason))?;
    let read = |(i, item)| entry(item).map_err(|reason| SettingsError::value(format!("{key}[{i}]"), reason));
    items.into_iter().enumerate().map(read).collect()
}

/// Checks what entries mean together.
pub(crate) fn check(entries: &[IdentityProvider], public_url: Option<&str>) -> Result<(), SettingsError> {
    let key = "identity_providers";
    if entries.len() > IDENTITY_PROVIDERS_MAX {
        let reason = format!("{} entries are more than {IDENTITY_PROVIDERS_MAX}", entries.len());
        return Err(SettingsError::value(key, reason));
    }
    for (i, entry) in entries.iter().enumerate() {
        if entries.iter().take(i).any(|before| before.name == entry.name) {
            return Err(SettingsError::value(
                format!("{key}[{i}]"),
                format!("the name '{}' is given twice", entry.name),
            ));
        }
    }
    match public_url {
        None if !entries.is_empty() => {
            let reason = "must be set where identity_providers are: they lead people back to it";
            Err(SettingsError::value("public_url", reason))
        }
        _ => Ok(()),
    }
}

fn entry(value: Value) -> Result<IdentityProvider, String> {
    let mut members = table(value, "must be a table")?;
    let mut take = |key: &str| members.remove(key).map(text).transpose().map_err(|reason| format!("{key} {reason}"));
    let missing = |key: &str| format!("{key} is missing");
    let own = take("name")?.ok_or_else(|| missing("name"))?;
    let organization = take("organization")?.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned());
    let issuer = take("issuer")?.ok_or_else(|| missing("issuer"))?;
    let client_id = take("client_id")?.ok_or_else(|| missing("client_id"))?;
    let client_secret = take("client_secret")?;
    let group_claim = take("group_claim")?.unwrap_or_else(|| GROUP_CLAIM_DEFAULT.to_owned());
    let mut truths = |key: &str| {
        let read = members.remove(key).map(|value| truth(&value)).transpose();
        read.map(Option::unwrap_or_default).map_err(|reason| format!("{key} {reason}"))
    };
    let (required, trust_email) = (truths("required")?, truths("trust_email")?);
    let mut lists = |key: &str| members.remove(key).map(|value| texts(key, value)).transpose();
    let scopes = lists("scopes")?.unwrap_or_else(|| SCOPES_DEFAULT.map(str::to_owned).to_vec());
    let default_groups = lists("default_groups")?.unwrap_or_default();
    let allowed_domains = lists("allowed_domains")?.unwrap_or_default();
    let groups = members.remove("groups").map(groups).transpose()?.unwrap_or_default();
    refuse_others(&members, KEYS)?;
    check_issuer(&issuer)?;
    if client_id.is_empty() || client_secret.as_deref() == Some("") || group_claim.is_empty() {
        return Err("client_id, client_secret and group_claim may not be empty".to_owned());
    }
    Ok(IdentityProvider {
        name: path_name(own)?,
        organization: name("organization", organization)?,
        issuer,
        client_id,
        client_secret,
        scopes: with_openid(scopes),
        group_claim,
        groups,
        default_groups,
        required,
        allowed_domains: allowed_domains.iter().map(|domain| domain.to_lowercase()).collect(),
        trust_email,
    })
}

/// A name that a URL has as it is.
fn path_name(text: String) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name("name", text)? {
        name if name.chars().all(is_plain) => Ok(name),
        _ => Err("name must have lower-case letters, digits and - only: it is a part of URLs".to_owned()),
    }
}

fn check_issuer(issuer: &str) -> Result<(), String> {
    let url = Url::parse(issuer).map_err(|error| format!("issuer is no URL: {error}"))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        return Err("issuer must begin with https://; http:// is taken on this machine only".to_owned());
    }
    // OpenID Connect Discovery section 2.
    if url.query().is_some() || url.fragment().is_some() {
        return Err("issuer may have neither a query nor a fragment".to_owned());
    }
    Ok(())
}

fn with_openid(mut scopes: Vec<String>) -> Vec<String> {
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    scopes
}

fn texts(key: &str, value: Value) -> Result<Vec<String>, String> {
    let wrong = |_| format!("{key} must be a list of texts");
    let all: Vec<String> =
        list(value).map_err(wrong)?.into_iter().map(text).collect::<Result<_, _>>().map_err(wrong)?;
    match all.iter().all(|one| !one.is_empty() && !one.chars().any(char::is_whitespace)) {
        true => Ok(all),
        false => Err(format!("{key} may hold no text that is empty or has white space")),
    }
}

fn groups(value: Value) -> Result<BTreeMap<String, String>, String> {
    let Value::Object(members) = value else {
        return Err(format!("groups must be a table, not {}", kind(&value)));
    };
    let read = |(claim, group)| match text(group).and_then(|group| name("groups", group)) {
        Ok(group) => Ok((claim, group)),
        Err(_) => Err("groups must give the handle of a group for each value of the claim".to_owned()),
    };
    members.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
