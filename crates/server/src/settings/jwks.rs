//! The options of entries of `external_access` whose type is `jwks`: tokens that another system signs.
//!
//! As `@backstage/backend-defaults` 0.18 reads them (`entrypoints/auth/external/jwks`): each is a text or a list, split
//! on space and comma. What Backstage refuses is refused in its words.

use reqwest::Url;
use serde_json::Value;

use super::external_access::{name, refuse_others, table, words};
use super::read::text;
use crate::jwt::Algorithm;

/// Whose tokens are taken, and what their bearers are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksOptions {
    /// Where the keys are.
    pub url: Url,
    /// What tokens may be signed with, by name; nothing for all that is known.
    pub algorithms: Vec<String>,
    /// Who may have issued them; nothing for anybody who has the keys.
    pub issuers: Vec<String>,
    /// Whom they may be for; nothing for anybody.
    pub audiences: Vec<String>,
    /// What their subjects begin with, after `external:`.
    pub subject_prefix: Option<String>,
}

/// Reads `options` of an entry.
pub(super) fn read(value: Value) -> Result<JwksOptions, String> {
    let mut members = table(value, "options must be a table")?;
    let url = members.remove("url").ok_or("options.url is missing")?;
    let url = url_of(&text(url).map_err(|reason| format!("options.url {reason}"))?)?;
    let mut take = |key: &str| {
        let read = members.remove(key).map(|value| words(&format!("options.{key}"), value)).transpose()?;
        Ok::<_, String>(read.flatten().unwrap_or_default())
    };
    let (algorithms, issuers, audiences) = (take("algorithm")?, take("issuer")?, take("audience")?);
    let prefix = members.remove("subjectPrefix").map(text).transpose();
    let prefix = prefix.map_err(|reason| format!("options.subjectPrefix {reason}"))?.filter(|text| !text.is_empty());
    refuse_others(&members, "url, algorithm, issuer, audience, subjectPrefix")?;
    if let Some(unknown) = algorithms.iter().find(|name| Algorithm::of_name(name).is_none()) {
        let names = Algorithm::names();
        return Err(format!("options.algorithm: '{unknown}' is not taken by Trailbook; there are {names}"));
    }
    let subject_prefix = prefix.map(|prefix| name("options.subjectPrefix", prefix)).transpose()?;
    Ok(JwksOptions { url, algorithms, issuers, audiences, subject_prefix })
}

fn url_of(text: &str) -> Result<Url, String> {
    if text.is_empty() || text.chars().any(char::is_whitespace) {
        return Err("Illegal JWKS URL, must be a set of non-space characters".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("options.url is no URL: {error}"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("options.url must begin with https:// or http://".to_owned());
    }
    Ok(url)
}
