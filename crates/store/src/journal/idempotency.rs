//! Idempotency rows: which keys and which client-chosen ids were used, by whom, for what, and how it was answered.
//!
//! They are written in the transaction of the events that they belong to, so a repetition after any crash finds either
//! both or neither.

use std::collections::HashMap;

use ring::digest::{SHA256, digest};
use sqlx::{AssertSqlSafe, Row};
use trailbook_event::Uuid;

use super::commit::{self, Failure};
use crate::catalog::{Transaction, in_steps, rows_of_places};
use crate::{Catalog, CredentialId, Error, Organization};

/// The hash of a client's idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 16]);

/// The hash of what was sent, to tell a repetition from a reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl KeyHash {
    /// Of the key as the client sent it.
    pub fn of(key: &[u8]) -> Self {
        Self(short_hash(key))
    }
}

impl Fingerprint {
    /// Of the bytes as the client sent them.
    pub fn of(bytes: &[u8]) -> Self {
        Self(short_hash(bytes))
    }
}

/// The first half of SHA-256: 128 bits are enough against accidents, and a client can only fool itself.
fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// Whose key, and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) organization: i64,
    pub(super) credential: CredentialId,
    bytes: Vec<u8>,
}

impl Key {
    pub(super) fn of_write(organization: &Organization, credential: CredentialId, key: &KeyHash) -> Self {
        Self::new(organization, credential, 1, &key.0)
    }

    pub(super) fn of_event(organization: &Organization, credential: CredentialId, id: &Uuid) -> Self {
        Self::new(organization, credential, 2, id.as_bytes())
    }

    fn new(organization: &Organization, credential: CredentialId, kind: u8, rest: &[u8; 16]) -> Self {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(rest);
        Self { organization: organization.id, credential, bytes }
    }
}

/// What is remembered for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) fingerprint: Fingerprint,
    pub(super) sequences: Vec<u64>,
    pub(super) shape: Vec<u8>,
}

/// What is known of these keys from within the window.
pub(super) async fn find(
    tx: &mut Transaction,
    keys: &[Key],
    window_ms: i64,
) -> Result<HashMap<Key, Remembered>, Error> {
    let doing = Error::catalog("looking up idempotency keys");
    let since = tx.now_ms().saturating_sub(window_ms);
    let mut found = HashMap::new();
    for (organization, credential, keys) in by_owner(keys) {
        for keys in in_steps(&keys) {
            let places: Vec<_> = (0..keys.len()).map(|i| format!("${}", i + 4)).collect();
            let sql = format!(
                "SELECT key, fingerprint, answer FROM idempotency WHERE organization = $1 AND credential = $2 \
                 AND recorded_ms >= $3 AND key IN ({})",
                places.join(",")
            );
            let mut query = sqlx::query(AssertSqlSafe(sql)).bind(organization).bind(credential.0).bind(since);
            for key in keys {
                query = query.bind(key.bytes.clone());
            }
            for row in query.fetch_all(tx.connection()).await.map_err(&doing)? {
                let bytes: Vec<u8> = row.try_get(0).map_err(&doing)?;
                let fingerprint: Vec<u8> = row.try_get(1).map_err(&doing)?;
                let answer: Vec<u8> = row.try_get(2).map_err(&doing)?;
                let remembered = decode(&fingerprint, &answer).ok_or_else(|| Error::Damaged {
                    what: "an idempotency row".to_owned(),
                    reason: "its answer cannot be read".to_owned(),
                })?;
                found.insert(Key { organization, credential, bytes }, remembered);
            }
        }
    }
    Ok(found)
}

/// Remembers keys; one that had left the window is overwritten.
pub(super) async fn remember(tx: &mut Transaction, rows: &[(Key, Remembered)], recorded_ms: i64) -> Result<(), Error> {
    const COLUMNS: usize = 6;
    for rows in in_steps(rows) {
        let sql = format!(
            "INSERT INTO idempotency (organization, credential, key, fingerprint, answer, recorded_ms) VALUES {} \
             ON CONFLICT (organization, credential, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
             answer = excluded.answer, recorded_ms = excluded.recorded_ms",
            rows_of_places(rows.len(), COLUMNS)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (key, remembered) in rows {
            query = query
                .bind(key.organization)
                .bind(key.credential.0)
                .bind(key.bytes.clone())
                .bind(remembered.fingerprint.0.to_vec())
                .bind(encode(remembered))
                .bind(recorded_ms);
        }
        query.execute(tx.connection()).await.map_err(Error::catalog("remembering idempotency keys"))?;
    }
    Ok(())
}

/// Removes what has left the window.
pub(super) async fn prune(catalog: &Catalog, window_ms: i64) -> Result<(), Failure> {
    let known = |error| Failure { error, is_unknown: false };
    let mut tx = catalog.begin().await.map_err(known)?;
    let before = tx.now_ms().saturating_sub(window_ms);
    sqlx::query("DELETE FROM idempotency WHERE recorded_ms < $1")
        .bind(before)
        .execute(tx.connection())
        .await
        .map_err(Error::catalog("removing old idempotency keys"))
        .map_err(known)?;
    commit::finish(catalog, tx).await
}

fn by_owner(keys: &[Key]) -> Vec<(i64, CredentialId, Vec<&Key>)> {
    let mut owners: Vec<(i64, CredentialId, Vec<&Key>)> = Vec::new();
    for key in keys {
        let same = |owner: &&mut (i64, CredentialId, _)| owner.0 == key.organization && owner.1 == key.credential;
        match owners.iter_mut().find(same) {
            Some(owner) => owner.2.push(key),
            None => owners.push((key.organization, key.credential, vec![key])),
        }
    }
    owners
}

/// `count:u32  sequence:u64{count}  shape`, little-endian.
fn encode(remembered: &Remembered) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + remembered.sequences.len() * 8 + remembered.shape.len());
    out.extend_from_slice(&(remembered.sequences.len() as u32).to_le_bytes());
    for sequence in &remembered.sequences {
        out.extend_from_slice(&sequence.to_le_bytes());
    }
    out.extend_from_slice(&remembered.shape);
    out
}

fn decode(fingerprint: &[u8], answer: &[u8]) -> Option<Remembered> {
    let (count, rest) = answer.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let (sequences, shape) = rest.split_at_checked(count.checked_mul(8)?)?;
    let sequences = sequences.chunks_exact(8).map(|bytes| bytes.try_into().map(u64::from_le_bytes));
    Some(Remembered {
        fingerprint: Fingerprint(fingerprint.try_into().ok()?),
        sequences: sequences.collect::<Result<_, _>>().ok()?,
        shape: shape.to_vec(),
    })
}
