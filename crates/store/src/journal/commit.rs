//! One commit: a group of writes becomes frames and idempotency rows in one transaction.
//!
//! The order is: heads of the logs (which locks them, so that several writers would stand in line), what is known of
//! the keys, frames, keys, COMMIT. A crash before COMMIT returned leaves nothing of it, or all.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Executor, Row};
use trailbook_event::Sealed;
use trailbook_event::limits::JOURNAL_READ_BYTES_MAX;

use super::idempotency::{self, Fingerprint, Key, Remembered};
use super::{Append, Appended, frame, reused_id};
use crate::catalog::Transaction;
use crate::recent::Frame;
use crate::{Catalog, Error};

/// Frames that are read from the journal at once, if they are small.
const FRAMES_PER_READ: usize = 64;

/// A commit that returned.
pub(super) struct Committed {
    /// An answer for each write, in order.
    pub(super) results: Vec<Result<Appended, Error>>,
    /// The new frames, each with its log.
    pub(super) frames: Vec<(i64, Frame)>,
}

/// A commit that did not return.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether the database may hold it all the same.
    pub(crate) is_unknown: bool,
}

impl Failure {
    /// What each of its writes is answered, by a store that goes on or does not.
    pub(super) fn answer(&self, is_sound: bool) -> Error {
        match &self.error {
            _ if !is_sound => Error::Poisoned,
            _ if self.is_unknown => Error::Unknown,
            Error::DiskFull => Error::DiskFull,
            Error::Catalog { doing, source } => {
                Error::Catalog { doing, source: sqlx::Error::Protocol(source.to_string()) }
            }
            Error::Damaged { what, reason } => Error::Damaged { what: what.clone(), reason: reason.clone() },
            _ => Error::Busy,
        }
    }
}

/// Commits a group of writes.
pub(super) async fn commit(catalog: &Catalog, appends: Vec<Append>, window_ms: i64) -> Result<Committed, Failure> {
    let known = |error| Failure { error, is_unknown: false };
    let mut tx = catalog.begin().await.map_err(known)?;
    let prepared = match prepare(&mut tx, appends, window_ms).await {
        Ok(prepared) => prepared,
        Err(error) => {
            tx.rollback().await;
            return Err(known(error));
        }
    };
    finish(catalog, tx).await.map(|()| prepared)
}

/// Commits a transaction, and tells of a failure whether its outcome is known.
pub(crate) async fn finish(catalog: &Catalog, tx: Transaction) -> Result<(), Failure> {
    tx.commit().await.map_err(|error| {
        let is_rolled_back = !catalog.is_postgres() && matches!(error, Error::DiskFull);
        Failure { error, is_unknown: !is_rolled_back }
    })
}

async fn prepare(tx: &mut Transaction, appends: Vec<Append>, window_ms: i64) -> Result<Committed, Error> {
    let now_ms = tx.now_ms();
    let keys: Vec<Key> = appends.iter().flat_map(keys_of).collect();
    let known = if keys.is_empty() {
        HashMap::new()
    } else {
        // Locked first: another writer with the same keys has committed, or comes after.
        let mut logs: Vec<i64> = appends.iter().map(|append| append.organization.log).collect();
        logs.sort_unstable();
        logs.dedup();
        for log in logs {
            take(tx, log, 0, now_ms).await?;
        }
        idempotency::find(tx, &keys, window_ms).await?
    };
    let mut plan = Plan::new(known);
    let drafts: Vec<Result<Draft, Error>> = appends.into_iter().map(|append| plan.add(append)).collect();
    let logs = std::mem::take(&mut plan.logs);
    let encoded = encode(logs).await?;

    let mut frames = Vec::with_capacity(encoded.len());
    let mut firsts: HashMap<i64, u64> = HashMap::new();
    let mut last_recorded_ms = now_ms;
    // A BTreeMap came in, so logs are in order and two writers cannot wait for each other.
    for (log, encoded, events) in encoded {
        let (first, recorded_ms) = take(tx, log, events, now_ms).await?;
        insert_frame(tx, log, (first, recorded_ms, events), encoded.payload).await?;
        firsts.insert(log, first);
        last_recorded_ms = last_recorded_ms.max(recorded_ms);
        frames.push((log, encoded.frame.place(first, recorded_ms)));
    }

    let settle = |spot: &Spot| match spot {
        Spot::Old(sequence) => *sequence,
        Spot::New { log, index } => firsts.get(log).copied().unwrap_or_default() + index,
    };
    let rows: Vec<(Key, Remembered)> = plan.remember.into_iter().map(|row| row.settle(settle)).collect();
    idempotency::remember(tx, &rows, last_recorded_ms).await?;
    let answer = |draft: Draft| Appended {
        recorded: draft.recorded,
        sequences: draft.spots.iter().map(settle).collect(),
        replayed: draft.replayed,
    };
    Ok(Committed { results: drafts.into_iter().map(|draft| draft.map(answer)).collect(), frames })
}

fn keys_of(append: &Append) -> impl Iterator<Item = Key> {
    let whole = append.remember.iter().map(|r| Key::of_write(&append.organization, append.credential, &r.key));
    let chosen = append.items.iter().filter(|item| item.client_id.is_some());
    whole.chain(chosen.map(|item| Key::of_event(&append.organization, append.credential, &item.sealed.id())))
}

/// Where an event is, or will be.
#[derive(Debug, Clone, Copy)]
enum Spot {
    /// Recorded before.
    Old(u64),
    /// So many events after the first that this commit adds to the log.
    New { log: i64, index: u64 },
}

/// A write whose sequences are not known yet.
struct Draft {
    spots: Vec<Spot>,
    recorded: u64,
    replayed: Option<Vec<u8>>,
}

/// A row to be remembered.
struct RowDraft {
    key: Key,
    fingerprint: Fingerprint,
    spots: Vec<Spot>,
    shape: Vec<u8>,
}

impl RowDraft {
    fn settle(self, settle: impl Fn(&Spot) -> u64) -> (Key, Remembered) {
        let sequences = self.spots.iter().map(settle).collect();
        (self.key, Remembered { fingerprint: self.fingerprint, sequences, shape: self.shape })
    }
}

/// Decides, write after write, what is new.
struct Plan {
    known: HashMap<Key, Remembered>,
    /// Ids that writes of this group were the first to use.
    fresh: HashMap<Key, (Fingerprint, Spot)>,
    logs: BTreeMap<i64, Vec<Sealed>>,
    remember: Vec<RowDraft>,
}

impl Plan {
    fn new(known: HashMap<Key, Remembered>) -> Self {
        Self { known, fresh: HashMap::new(), logs: BTreeMap::new(), remember: Vec::new() }
    }

    /// Adds a write whole, or refuses it whole.
    fn add(&mut self, append: Append) -> Result<Draft, Error> {
        if let Some(remember) = &append.remember {
            let key = Key::of_write(&append.organization, append.credential, &remember.key);
            if let Some(known) = self.known.get(&key) {
                if known.fingerprint != remember.fingerprint {
                    return Err(Error::Reused { what: "the idempotency key".to_owned(), item: None });
                }
                let spots = known.sequences.iter().map(|sequence| Spot::Old(*sequence)).collect();
                return Ok(Draft { spots, recorded: 0, replayed: Some(known.shape.clone()) });
            }
            // A client that left took its mark with it; its write is in this very group.
            if self.remember.iter().any(|row| row.key == key) {
                return Err(Error::InWork);
            }
        }
        self.check_ids(&append)?;
        Ok(self.admit(append))
    }

    /// Refuses ids that were used with other content, before anything of the write is planned.
    fn check_ids(&self, append: &Append) -> Result<(), Error> {
        let mut own: HashMap<Key, Fingerprint> = HashMap::new();
        for (i, item) in append.items.iter().enumerate() {
            let Some(fingerprint) = item.client_id else { continue };
            let key = Key::of_event(&append.organization, append.credential, &item.sealed.id());
            let before = self.known.get(&key).map(|known| known.fingerprint);
            let before =
                before.or_else(|| self.fresh.get(&key).map(|fresh| fresh.0)).or_else(|| own.get(&key).copied());
            if before.is_some_and(|before| before != fingerprint) {
                return Err(reused_id(item.sealed.id(), i));
            }
            own.insert(key, fingerprint);
        }
        Ok(())
    }

    fn admit(&mut self, append: Append) -> Draft {
        let Append { organization, credential, items, remember, .. } = append;
        let mut spots = Vec::with_capacity(items.len());
        let mut recorded = 0;
        for item in items {
            let key = item.client_id.map(|print| (Key::of_event(&organization, credential, &item.sealed.id()), print));
            let spot = key.as_ref().and_then(|(key, _)| self.spot_of(key));
            let spot = spot.unwrap_or_else(|| {
                recorded += 1;
                let events = self.logs.entry(organization.log).or_default();
                let spot = Spot::New { log: organization.log, index: events.len() as u64 };
                events.push(item.sealed);
                if let Some((key, fingerprint)) = key {
                    self.fresh.insert(key.clone(), (fingerprint, spot));
                    self.remember.push(RowDraft { key, fingerprint, spots: vec![spot], shape: Vec::new() });
                }
                spot
            });
            spots.push(spot);
        }
        if let Some(remember) = remember {
            let key = Key::of_write(&organization, credential, &remember.key);
            let (fingerprint, shape) = (remember.fingerprint, remember.shape);
            self.remember.push(RowDraft { key, fingerprint, spots: spots.clone(), shape });
        }
        Draft { spots, recorded, replayed: None }
    }

    fn spot_of(&self, key: &Key) -> Option<Spot> {
        let known = self.known.get(key).and_then(|known| known.sequences.first()).map(|sequence| Spot::Old(*sequence));
        known.or_else(|| self.fresh.get(key).map(|fresh| fresh.1))
    }
}

/// Encodes a frame for each log; large groups away from the threads that serve requests.
async fn encode(logs: BTreeMap<i64, Vec<Sealed>>) -> Result<Vec<(i64, frame::Encoded, u64)>, Error> {
    const INLINE_EVENTS_MAX: usize = 128;
    let events: usize = logs.values().map(Vec::len).sum();
    let work = move || {
        let encode = |(log, events): (i64, Vec<Sealed>)| {
            let damaged = |reason| Error::Damaged { what: "a new frame".to_owned(), reason };
            Ok((log, frame::encode(&events).map_err(damaged)?, events.len() as u64))
        };
        logs.into_iter().map(encode).collect()
    };
    if events <= INLINE_EVENTS_MAX {
        return work();
    }
    let stopped = |e| Error::Damaged { what: "a new frame".to_owned(), reason: format!("its encoder stopped: {e}") };
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

/// Takes so many sequences of a log, and the time of recording, which never goes back. Locks the log's head until the
/// transaction ends.
async fn take(tx: &mut Transaction, log: i64, events: u64, now_ms: i64) -> Result<(u64, i64), Error> {
    let doing = Error::catalog("taking sequences");
    let row = sqlx::query(
        "UPDATE logs SET next_sequence = next_sequence + $1, \
         last_recorded_ms = CASE WHEN last_recorded_ms > $2 THEN last_recorded_ms ELSE $2 END \
         WHERE id = $3 AND state = 'open' RETURNING next_sequence, last_recorded_ms",
    )
    .bind(i64::try_from(events).unwrap_or(i64::MAX))
    .bind(now_ms)
    .bind(log)
    .fetch_one(tx.connection())
    .await
    .map_err(&doing)?;
    let next: i64 = row.try_get(0).map_err(&doing)?;
    let next = u64::try_from(next).unwrap_or_default();
    Ok((next.saturating_sub(events), row.try_get(1).map_err(&doing)?))
}

async fn insert_frame(
    tx: &mut Transaction,
    log: i64,
    (first_sequence, recorded_ms, events): (u64, i64, u64),
    payload: Vec<u8>,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO frames (log, first_sequence, events, recorded_ms, payload) VALUES ($1, $2, $3, $4, $5)")
        .bind(log)
        .bind(i64::try_from(first_sequence).unwrap_or(i64::MAX))
        .bind(i64::try_from(events).unwrap_or(i64::MAX))
        .bind(recorded_ms)
        .bind(payload)
        .execute(tx.connection())
        .await
        .map(drop)
        .map_err(Error::catalog("inserting a frame"))
}

/// Returns when no other transaction holds a log's head: when one whose COMMIT was lost has ended, either way.
pub(super) async fn wait_for_others(catalog: &Catalog) -> Result<(), Error> {
    if !catalog.is_postgres() {
        return Ok(());
    }
    let mut tx = catalog.begin().await?;
    let sql = "SELECT id FROM logs ORDER BY id FOR UPDATE";
    tx.connection().execute(sql).await.map_err(Error::catalog("waiting for a lost commit"))?;
    tx.rollback().await;
    Ok(())
}

/// The next sequence of each open log.
pub(super) async fn heads(catalog: &Catalog) -> Result<Vec<(i64, u64)>, Error> {
    let doing = Error::catalog("reading the heads of logs");
    let sql = "SELECT id, next_sequence FROM logs WHERE state = 'open' ORDER BY id";
    let rows = sqlx::query(sql).fetch_all(catalog.pool()).await.map_err(&doing)?;
    let read =
        |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(u64::MAX)));
    rows.iter().map(|row| read(row).map_err(&doing)).collect()
}

/// The next sequence of a log.
pub(crate) async fn head(catalog: &Catalog, log: i64) -> Result<u64, Error> {
    let next: i64 = sqlx::query_scalar("SELECT next_sequence FROM logs WHERE id = $1")
        .bind(log)
        .fetch_one(catalog.pool())
        .await
        .map_err(Error::catalog("reading the heads of logs"))?;
    Ok(next as u64)
}

/// A frame as the journal holds it.
pub(crate) struct StoredFrame {
    pub(super) first_sequence: u64,
    pub(crate) events: u64,
    pub(super) recorded_ms: i64,
    pub(super) payload: Vec<u8>,
}

impl StoredFrame {
    /// Its first sequence, and its events in the form that is searched.
    pub(crate) fn decode(&self) -> (u64, Result<Frame, String>) {
        let frame = frame::decode(&self.payload).and_then(|frame| {
            let count = frame.rows().count() as u64;
            let is_whole = count == self.events;
            is_whole
                .then(|| frame.place(self.first_sequence, self.recorded_ms))
                .ok_or_else(|| format!("its count of events is wrong: {count}, not {}", self.events))
        });
        (self.first_sequence, frame)
    }
}

/// How many of the next frames of a log are read at once: as many as memory is to hold, decoded, and at least one.
async fn frames_at_once(catalog: &Catalog, log: i64, sequence: u64) -> Result<usize, Error> {
    let doing = Error::catalog("reading the journal");
    // Where the header says how long the text is.
    let heads: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT substr(payload, 10, 4) FROM frames \
         WHERE log = $1 AND first_sequence >= $2 ORDER BY first_sequence LIMIT $3",
    )
    .bind(log)
    .bind(i64::try_from(sequence).unwrap_or(i64::MAX))
    .bind(FRAMES_PER_READ as i64)
    .fetch_all(catalog.pool())
    .await
    .map_err(&doing)?;
    Ok(within(heads.iter().map(|head| head.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)).into())))
}

/// How many texts, from the first on, are read at once; at least one, if there is one.
fn within(texts: impl Iterator<Item = u64>) -> usize {
    let mut bytes = 0;
    let before = texts.take_while(|text| {
        let is_first = bytes == 0;
        bytes += text;
        is_first || bytes <= JOURNAL_READ_BYTES_MAX
    });
    before.count()
}

/// The next frames of a log from a sequence on: some of them, and none only if there are none.
pub(crate) async fn frames_from(catalog: &Catalog, log: i64, sequence: u64) -> Result<Vec<StoredFrame>, Error> {
    let doing = Error::catalog("reading the journal");
    let count = frames_at_once(catalog, log, sequence).await?;
    let rows = sqlx::query(
        "SELECT first_sequence, events, recorded_ms, payload FROM frames \
         WHERE log = $1 AND first_sequence >= $2 ORDER BY first_sequence LIMIT $3",
    )
    .bind(log)
    .bind(i64::try_from(sequence).unwrap_or(i64::MAX))
    .bind(count as i64)
    .fetch_all(catalog.pool())
    .await
    .map_err(&doing)?;
    let read = |row: &sqlx::any::AnyRow| -> Result<StoredFrame, sqlx::Error> {
        Ok(StoredFrame {
            first_sequence: u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u64::MAX),
            events: u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(u64::MAX),
            recorded_ms: row.try_get(2)?,
            payload: row.try_get(3)?,
        })
    };
    rows.iter().map(|row| read(row).map_err(&doing)).collect()
}

#[cfg(test)]
mod tests {
    use trailbook_event::limits::JOURNAL_READ_BYTES_MAX as MOST;

    use super::within;

    #[test]
    fn frames_are_read_as_memory_has_room() {
        let count = |texts: &[u64]| within(texts.iter().copied());
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[MOST - 1, 1]), 2);
        assert_eq!(count(&[MOST - 1, 2]), 1);
        assert_eq!(count(&[MOST - 1, 2, 1]), 1, "none is left out");
        assert_eq!(count(&[u64::from(u32::MAX), 1]), 1, "at least one");
        assert_eq!(count(&[0, 0, 5]), 3);
    }
}
