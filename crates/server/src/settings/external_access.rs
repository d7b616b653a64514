//! Tokens that the configuration gives, in the shape of Backstage's `backend.auth.externalAccess`.
//!
//! What Backstage refuses at its start is refused here in its words (source: `@backstage/backend-defaults` 0.18,
//! `entrypoints/auth/external`). Two things are ours: an entry may name its `organization`, and an entry without
//! `accessRestrictions`, which Backstage lets do everything, may read events and nothing else.

use std::fmt;

use serde_json::{Map, Value};
use trailbook_event::limits::{NAME_CHARS_MAX, RULES_MAX};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::{Grant, Permission, Restriction, check_token};

use super::SettingsError;
use super::jwks::{self, JwksOptions};
use super::read::{kind, list, text};

/// A token of the configuration. Its `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccess {
    /// The organization that it acts for.
    pub organization: String,
    /// Its name.
    pub subject: String,
    /// Its value; empty where tokens are those of an issuer.
    pub token: String,
    /// The issuer, where tokens are its JWTs.
    pub jwks: Option<JwksOptions>,
    /// What it may do.
    pub grant: Grant,
}

impl fmt::Debug for ExternalAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccess")
            .field("organization", &self.organization)
            .field("subject", &self.subject)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

const ACTIONS: [&str; 4] = ["create", "read", "update", "delete"];

/// Reads the list. Errors name the entry by its place, from 0.
pub(super) fn read(key: &str, value: Value) -> Result<Vec<ExternalAccess>, SettingsError> {
    let items = list(value).map_err(|reason| SettingsError::value(key, reason))?;
    let read = |(i, item)| entry(item).map_err(|reason| SettingsError::value(format!("{key}[{i}]"), reason));
    items.into_iter().enumerate().map(read).collect()
}

/// Checks what entries mean together: no name twice in an organization, no token twice.
pub(super) fn check(entries: &[ExternalAccess]) -> Result<(), SettingsError> {
    let key = "external_access";
    if entries.len() > RULES_MAX {
        return Err(SettingsError::value(key, format!("{} entries are more than {RULES_MAX}", entries.len())));
    }
    for (i, entry) in entries.iter().enumerate() {
        let place = format!("{key}[{i}]");
        let mut before = entries.iter().take(i);
        if before.clone().any(|b| b.organization == entry.organization && b.subject == entry.subject) {
            let reason = format!("the subject '{}' is declared twice in its organization", entry.subject);
            return Err(SettingsError::value(place, reason));
        }
        if let Some(other) = before.position(|b| b.jwks.is_none() && b.token == entry.token) {
            return Err(SettingsError::value(place, format!("has the token of {key}[{other}]; each needs its own")));
        }
    }
    Ok(())
}

fn entry(value: Value) -> Result<ExternalAccess, String> {
    let mut members = table(value, "must be a table")?;
    let is_static = match members.remove("type").map(text).transpose().map_err(|e| format!("type {e}"))?.as_deref() {
        Some("static") => true,
        Some("jwks") => false,
        Some("legacy") => {
            return Err(
                "the type 'legacy' of Backstage is not supported by Trailbook; use 'static' or 'jwks'".to_owned()
            );
        }
        Some(other) => {
            let sentence = "in backend.auth.externalAccess, expected one of 'static', 'legacy', 'jwks'";
            return Err(format!("Unknown type '{other}' {sentence}"));
        }
        None => return Err("type is missing; it must be 'static' or 'jwks'".to_owned()),
    };
    let given = members.remove("options");
    let (token, subject, jwks) = if is_static {
        let (token, subject) = options(given.ok_or("options is missing; give token and subject")?)?;
        (token, subject, None)
    } else {
        let jwks = jwks::read(given.ok_or("options is missing; give url")?)?;
        (String::new(), name_of(&jwks), Some(jwks))
    };
    let organization = match members.remove("organization") {
        Some(value) => name("organization", text(value).map_err(|reason| format!("organization {reason}"))?)?,
        None => DEFAULT_ORGANIZATION.to_owned(),
    };
    let restrictions = members.remove("accessRestrictions").map(restrictions).transpose()?.unwrap_or_default();
    refuse_others(&members, "type, options, accessRestrictions, organization")?;
    let scopes = if restrictions.is_empty() { vec![Permission::EventsRead] } else { Vec::new() };
    Ok(ExternalAccess { organization, subject, token, jwks, grant: Grant { scopes, restrictions } })
}

/// What the entry of an issuer is called: by its prefix, or else by where its keys are.
fn name_of(jwks: &JwksOptions) -> String {
    let of_url = || format!("{}{}", jwks.url.host_str().unwrap_or_default(), jwks.url.path());
    let own = jwks.subject_prefix.clone().unwrap_or_else(of_url);
    format!("external:{own}").chars().take(NAME_CHARS_MAX).collect()
}

fn options(value: Value) -> Result<(String, String), String> {
    let mut members = table(value, "options must be a table")?;
    let mut take = |key: &str| {
        let value = members.remove(key).ok_or_else(|| format!("options.{key} is missing"))?;
        text(value).map_err(|reason| format!("options.{key} {reason}"))
    };
    let token = take("token")?;
    let subject = take("subject")?;
    refuse_others(&members, "token, subject")?;
    check_token(&token)?;
    if subject.is_empty() || subject.chars().any(char::is_whitespace) {
        return Err("Illegal subject, must be a set of non-space characters".to_owned());
    }
    Ok((token, name("options.subject", subject)?))
}

/// A name as the catalog wants it.
pub(super) fn name(key: &str, name: String) -> Result<String, String> {
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS_MAX || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("{key} must have 1 to {NAME_CHARS_MAX} characters, none of them white space"));
    }
    Ok(name)
}

fn restrictions(value: Value) -> Result<Vec<Restriction>, String> {
    let mut all: Vec<Restriction> = Vec::new();
    for item in list(value).map_err(|reason| format!("accessRestrictions {reason}"))? {
        let read = restriction(item)?;
        if all.iter().any(|before| before.plugin == read.plugin) {
            let sentence = "Attempted to declare 'accessRestrictions' twice for plugin";
            return Err(format!("{sentence} '{}', which is not permitted", read.plugin));
        }
        all.push(read);
    }
    Ok(all)
}

fn restriction(value: Value) -> Result<Restriction, String> {
    let mut members = table(value, "accessRestrictions must hold tables")?;
    let is_known = |key: &&String| matches!(key.as_str(), "plugin" | "permission" | "permissionAttribute");
    if let Some(key) = members.keys().find(|key| !is_known(key)) {
        let sentence = "in 'accessRestrictions' config, expected one of 'plugin', 'permission', 'permissionAttribute'";
        return Err(format!("Invalid key '{key}' {sentence}"));
    }
    let plugin = members.remove("plugin").ok_or("accessRestrictions needs a plugin in each of its entries")?;
    let plugin = text(plugin).map_err(|reason| format!("accessRestrictions.plugin {reason}"))?;
    let plugin = name("accessRestrictions.plugin", plugin)?;
    let permissions =
        members.remove("permission").map(|value| words("accessRestrictions.permission", value)).transpose()?.flatten();
    let actions = members.remove("permissionAttribute").map(actions).transpose()?.flatten();
    Ok(Restriction { plugin, permissions, actions })
}

fn actions(value: Value) -> Result<Option<Vec<String>>, String> {
    let mut members = table(value, "permissionAttribute must be a table")?;
    if let Some(key) = members.keys().find(|key| *key != "action") {
        return Err(format!("Invalid key '{key}' in 'permissionAttribute' config, expected 'action'"));
    }
    let Some(actions) =
        members.remove("action").map(|value| words("accessRestrictions.action", value)).transpose()?.flatten()
    else {
        return Ok(None);
    };
    if let Some(wrong) = actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        let sentence = "valid values are 'create', 'read', 'update', 'delete'";
        return Err(format!("Invalid value '{wrong}' at 'action' in 'permissionAttributes' config, {sentence}"));
    }
    Ok(Some(actions))
}

/// A text, or a list of texts, each split on space and comma as Backstage does; nothing where no word is left.
pub(super) fn words(key: &str, value: Value) -> Result<Option<Vec<String>>, String> {
    let texts = match value {
        Value::Array(items) => items.into_iter().map(text).collect::<Result<Vec<_>, _>>(),
        other => text(other).map(|text| vec![text]),
    };
    let mut words: Vec<String> = Vec::new();
    for text in texts.map_err(|_| format!("{key} must be a text or a list of texts"))? {
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            if !words.iter().any(|before| before == word) {
                words.push(word.to_owned());
            }
        }
    }
    if words.len() > RULES_MAX {
        return Err(format!("{key} has {} entries, more than {RULES_MAX}", words.len()));
    }
    Ok((!words.is_empty()).then_some(words))
}

pub(super) fn table(value: Value, what: &str) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("{what}, not {}", kind(&other))),
    }
}

pub(super) fn refuse_others(members: &Map<String, Value>, allowed: &str) -> Result<(), String> {
    match members.keys().next() {
        Some(key) => Err(format!("there is no key '{key}' here; there are {allowed}")),
        None => Ok(()),
    }
}
