//! The settings of logs: the name that origins begin with, and witnesses.

use serde_json::Value;
use trailbook_event::limits::WITNESSES_MAX;
use trailbook_store::LogOptions;
use trailbook_tlog::VerifierKey;
use trailbook_tlog::note::Algorithm;

use super::{SettingsError, Witness, read};

/// Reads a list of `{ "vkey": "name+id+key", "url": "https://…" }`.
pub(super) fn read(key: &str, value: Value) -> Result<Vec<Witness>, SettingsError> {
    let items = read::list(value).map_err(|reason| SettingsError::value(key, reason))?;
    items.into_iter().enumerate().map(|(place, item)| witness(&format!("{key}[{place}]"), item)).collect()
}

fn witness(at: &str, value: Value) -> Result<Witness, SettingsError> {
    let error = |member: &str, reason: String| SettingsError::value(format!("{at}{member}"), reason);
    let Value::Object(members) = value else {
        return Err(error("", format!("must be a table with vkey and url, not {}", read::kind(&value))));
    };
    let (mut vkey, mut url) = (None, None);
    for (name, value) in members {
        let slot = match name.as_str() {
            "vkey" => &mut vkey,
            "url" => &mut url,
            _ => return Err(error(&format!(".{name}"), "there is no such setting; there are vkey, url".to_owned())),
        };
        *slot = Some(read::text(value).map_err(|reason| error(&format!(".{name}"), reason))?);
    }
    let vkey = vkey.ok_or_else(|| error(".vkey", "must be given".to_owned()))?;
    let key = VerifierKey::parse(&vkey).map_err(|e| error(".vkey", e.to_string()))?;
    if key.algorithm() != Algorithm::CosignatureV1 {
        return Err(error(".vkey", "must be a key for cosignatures: its type must be 0x04".to_owned()));
    }
    let url = url.ok_or_else(|| error(".url", "must be given".to_owned()))?;
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(error(".url", "must begin with https:// or http://".to_owned()));
    }
    Ok(Witness { key, url: url.trim_end_matches('/').to_owned() })
}

/// Checks what these settings mean together.
pub(super) fn check(logs: &LogOptions, witnesses: &[Witness]) -> Result<(), SettingsError> {
    let origin = &logs.origin;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
    if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX || !origin.chars().all(is_name) || origin.ends_with('/') {
        let reason = format!(
            "must be a name such as audit.example.com: 1 to {ORIGIN_BYTES_MAX} letters, digits, and any of . - _ : /, \
             without a / at its end"
        );
        return Err(SettingsError::value("origin", reason));
    }
    if witnesses.len() > WITNESSES_MAX {
        return Err(SettingsError::value("witnesses", format!("{} are more than {WITNESSES_MAX}", witnesses.len())));
    }
    let mut names: Vec<&str> = witnesses.iter().map(|witness| witness.key.name()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) {
        Some(_) => Err(SettingsError::value("witnesses", "two of them have the same name")),
        None => Ok(()),
    }
}

const ORIGIN_BYTES_MAX: usize = 128;
