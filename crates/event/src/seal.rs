//! The seal: the salted commitment to an event that its log's Merkle tree is made of.
//!
//! ```text
//! inner = SHA-256("trailbook/event/v1\0" ‖ salt(16) ‖ canonical)
//! entry = 0x01 ‖ SHA-256("trailbook/entry/v1\0" ‖ u64 recorded_ms, big-endian ‖ inner)
//! ```
//!
//! `inner` is made before the event has a place in its log, so nothing is hashed under a lock; `entry` once its time of
//! recording is known. The salt keeps entries from being guessed from likely events, and lets content be erased later
//! while every proof stays valid.

use ring::digest::{Context, SHA256};

use crate::canonical::{self, Canonical};
use crate::error::Error;
use crate::exclude::Admitted;
use crate::field::{Field, Span};
use crate::limits::CANONICAL_BYTES_MAX;
use crate::time::Timestamp;
use uuid::Uuid;

/// The length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;
/// The length of an entry, in bytes.
pub const ENTRY_BYTES: usize = 33;

const INNER_DOMAIN: &[u8] = b"trailbook/event/v1\0";
const ENTRY_DOMAIN: &[u8] = b"trailbook/entry/v1\0";

/// An event that can be appended to a log: its canonical bytes with the commitment to them. Only [`seal`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    id: Uuid,
    occurred_at: Timestamp,
    canonical: Canonical,
    salt: [u8; SALT_BYTES],
    inner: [u8; 32],
}

/// Seals an event under a fresh random salt. Canonical bytes beyond [`CANONICAL_BYTES_MAX`] are refused.
pub fn seal(event: &Admitted<'_>, salt: [u8; SALT_BYTES]) -> Result<Sealed, Error> {
    let event = event.event();
    let canonical = canonical::write(event);
    let size_bytes = canonical.bytes.len();
    if size_bytes > CANONICAL_BYTES_MAX {
        let reason = format!(
            "the event has {size_bytes} bytes with its numbers written out and values redacted, more than \
             {CANONICAL_BYTES_MAX}"
        );
        return Err(Error::at("", reason));
    }
    let inner = inner(&salt, &canonical.bytes);
    Ok(Sealed { id: event.id, occurred_at: event.occurred_at, canonical, salt, inner })
}

impl Sealed {
    /// The event's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When it happened.
    pub fn occurred_at(&self) -> Timestamp {
        self.occurred_at
    }

    /// The canonical bytes.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical.bytes
    }

    /// The canonical bytes without the values of `id` and `occurred_at` where the client did not give them: what two
    /// writes of the same event have in common. Redacted values are not in it.
    pub fn content(&self, has_own_id: bool, has_own_time: bool) -> Vec<u8> {
        let mut content = self.canonical.bytes.clone();
        // The later span first, so that the earlier one stays where it is.
        for span in self.canonical.spans.iter().rev() {
            let is_given =
                (span.field == Field::Id && !has_own_id) || (span.field == Field::OccurredAt && !has_own_time);
            let start = span.start as usize;
            if is_given && start + span.len as usize <= content.len() {
                content.drain(start..start + span.len as usize);
            }
        }
        content
    }

    /// Where the fields lie in the canonical bytes.
    pub fn spans(&self) -> &[Span] {
        &self.canonical.spans
    }

    /// The salt.
    pub fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// The commitment to salt and canonical bytes.
    pub fn inner(&self) -> &[u8; 32] {
        &self.inner
    }
}

/// The commitment to an event's content.
pub fn inner(salt: &[u8; SALT_BYTES], canonical: &[u8]) -> [u8; 32] {
    hash(&[INNER_DOMAIN, salt, canonical])
}

/// The entry of an event in its log: what the Merkle leaf is the hash of.
pub fn entry(recorded_ms: u64, inner: &[u8; 32]) -> [u8; ENTRY_BYTES] {
    entry_of_hash(&hash(&[ENTRY_DOMAIN, &recorded_ms.to_be_bytes(), inner]))
}

/// The entry from what follows its first byte, the version, which is the same in all.
pub fn entry_of_hash(hash: &[u8; 32]) -> [u8; ENTRY_BYTES] {
    let mut entry = [1; ENTRY_BYTES];
    let (_, hashed) = entry.split_at_mut(1);
    hashed.copy_from_slice(hash);
    entry
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

#[cfg(test)]
mod tests;
