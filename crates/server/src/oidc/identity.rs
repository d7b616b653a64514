//! Who signed in, out of what the provider says (OpenID Connect Core section 5.1).

use serde_json::Value;

use super::refusal::{Kind, Refusal};
use crate::jwt::Claims;
use crate::settings::IdentityProvider;
use trailbook_event::limits::{EMAIL_BYTES_MAX, GROUPS_MAX, PERSON_NAME_CHARS_MAX};

/// Somebody whom a provider vouches for. Issuer and subject are who it is; all else may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The provider.
    pub(crate) issuer: String,
    /// What it calls the person, for ever.
    pub(crate) subject: String,
    /// The address, its domain in lower case.
    pub(crate) email: String,
    /// Whether the provider says that the person has it. May be false only where the settings trust it all the same.
    pub(crate) email_verified: bool,
    /// What the person is called.
    pub(crate) name: Option<String>,
    /// The groups that the provider sees the person in, in its words.
    pub(crate) groups: Vec<String>,
}

impl Identity {
    /// Whether the ID token alone says all that is needed.
    pub(super) fn is_said_by(claims: &Claims, settings: &IdentityProvider) -> bool {
        let has_groups = settings.groups.is_empty() || group_claim(claims, &settings.group_claim).is_some();
        claims.get("email").is_some() && has_groups
    }

    /// The person of an ID token; what it does not say is taken from the userinfo endpoint.
    pub(super) fn new(
        claims: &Claims,
        userinfo: Option<&Claims>,
        settings: &IdentityProvider,
    ) -> Result<Self, Refusal> {
        let both = || [Some(claims), userinfo].into_iter().flatten();
        let (email, email_verified) = email(both(), settings)?;
        let groups = both().find_map(|one| group_claim(one, &settings.group_claim)).map(groups_of).unwrap_or_default();
        if groups.len() > GROUPS_MAX {
            let reason = format!("the person is in {} groups, more than {GROUPS_MAX}", groups.len());
            return Err(Refusal::new(Kind::Untrusted, reason));
        }
        Ok(Self {
            issuer: settings.issuer.clone(),
            subject: claims.subject().to_owned(),
            email,
            email_verified,
            name: both().find_map(|one| one.text("name")).and_then(shortened),
            groups,
        })
    }
}

/// The address, and whether it is verified; both of the same source.
fn email<'a>(
    mut sources: impl Iterator<Item = &'a Claims>,
    settings: &IdentityProvider,
) -> Result<(String, bool), Refusal> {
    let none = |reason: &str| Refusal::new(Kind::NoEmail, reason);
    let source = sources.find(|one| one.get("email").is_some()).ok_or_else(|| none("the provider gave no address"))?;
    let is_verified = match source.get("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        // As some providers write it.
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    if !is_verified && !settings.trust_email {
        return Err(none("the provider does not say that the address is verified, and trust_email is not set"));
    }
    let address = source.text("email").and_then(address).ok_or_else(|| none("what the provider gave is no address"))?;
    let domain = address.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
    if !settings.allowed_domains.is_empty() && !settings.allowed_domains.iter().any(|one| one == domain) {
        return Err(Refusal::new(Kind::NotAllowed, "the address is of a domain that allowed_domains does not have"));
    }
    Ok((address, is_verified))
}

/// An address with its domain in lower case.
fn address(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let is_whole = !local.is_empty() && !domain.is_empty() && !domain.contains('@') && text.len() <= EMAIL_BYTES_MAX;
    let is_plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    (is_whole && is_plain).then(|| format!("{local}@{}", domain.to_lowercase()))
}

/// A claim of this name, or where there is none, what the path with dots leads to, as in `realm_access.roles`.
fn group_claim<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step)).filter(|value| !value.is_null())
}

fn groups_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A name as a page may show it; too long a one is cut.
fn shortened(name: &str) -> Option<String> {
    let plain: String = name.chars().filter(|c| !c.is_control()).take(PERSON_NAME_CHARS_MAX).collect();
    let trimmed = plain.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}
