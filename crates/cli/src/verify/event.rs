//! The proof of one event.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use trailbook_event::json::{self, Value};
use trailbook_event::seal::{self, SALT_BYTES};
use trailbook_event::{Timestamp, canonical, normalise};
use trailbook_tlog::{Hash, ProofFile};

use super::files::read;
use super::{Keys, Wrong};

const FORMAT: &str = "trailbook/proof/v1";
/// What the server adds to an event where it shows it.
const OWN_MEMBERS: [&str; 3] = ["organization", "sequence", "recorded_at"];
/// The first byte of what opens an entry.
const OPENING_VERSION: u8 = 1;

/// What `GET /api/v1/events/{id}/proof` answers.
#[derive(Deserialize)]
struct Proof {
    format: String,
    sequence: u64,
    recorded_ms: u64,
    salt: String,
    event: String,
    proof: String,
}

/// Checks a proof that carries its event.
pub(super) fn verify(path: &Path, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let text = read(path)?;
    let proof: Proof =
        serde_json::from_str(&text).map_err(|e| Wrong::Refused(format!("{}: no proof: {e}", path.display())))?;
    if proof.format != FORMAT {
        return Err(Wrong::Refused(format!("its format is {:?}, this trailbook reads {FORMAT}", proof.format)));
    }
    let salt = STANDARD.decode(&proof.salt).ok().and_then(|salt| salt.try_into().ok());
    let opening =
        Opening { recorded_ms: proof.recorded_ms, salt: salt.ok_or_else(|| Wrong::refused("its salt is no salt"))? };
    let file = ProofFile::parse(&proof.proof)?;
    if file.index != proof.sequence || Opening::of(&file)? != opening {
        return Err(Wrong::refused("its parts contradict each other"));
    }
    check(&file, &opening, proof.event.as_bytes(), keys)
}

/// Checks a proof file together with its event, which may be as the server shows it.
pub(super) fn verify_file(path: &Path, event: &Path, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let file = ProofFile::parse(&read(path)?)?;
    let text = read(event)?;
    let canonical = canonical_of(&text).map_err(|e| Wrong::Refused(format!("{}: no event: {e}", event.display())))?;
    check(&file, &Opening::of(&file)?, &canonical, keys)
}

/// The canonical bytes of an event, without what the server gave it.
fn canonical_of(text: &str) -> Result<Vec<u8>, trailbook_event::Error> {
    let value = match json::parse(text.trim().as_bytes())? {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(name, _)| !OWN_MEMBERS.contains(&name.as_ref())).collect())
        }
        other => other,
    };
    Ok(canonical::write(&normalise::from_canonical(value)?).bytes)
}

/// What opens an entry.
#[derive(PartialEq)]
struct Opening {
    recorded_ms: u64,
    salt: [u8; SALT_BYTES],
}

impl Opening {
    /// The opening in a proof file's extra line.
    fn of(file: &ProofFile) -> Result<Self, Wrong> {
        let read = || {
            let (version, rest) = file.extra.as_deref()?.split_first()?;
            let (recorded_ms, salt) = rest.split_first_chunk::<8>()?;
            let recorded_ms = u64::from_be_bytes(*recorded_ms);
            (*version == OPENING_VERSION).then_some(Self { recorded_ms, salt: salt.try_into().ok()? })
        };
        read().ok_or_else(|| Wrong::refused("its extra line does not open the entry"))
    }
}

fn check(file: &ProofFile, opening: &Opening, event: &[u8], keys: &Keys) -> Result<Vec<String>, Wrong> {
    let entry = seal::entry(opening.recorded_ms, &seal::inner(&opening.salt, event));
    let trusted = keys.checkpoint(&file.checkpoint)?;
    file.check(&Hash::leaf(&entry))?;
    let recorded_at = Timestamp::from_millis(i64::try_from(opening.recorded_ms).unwrap_or(i64::MAX));
    Ok(vec![format!(
        "Proven: this event, recorded at {recorded_at}, is entry {} of the log {}, unchanged (checkpoint of {} \
         entries, {}).",
        file.index, trusted.checkpoint.origin, trusted.checkpoint.size, trusted.by
    )])
}
