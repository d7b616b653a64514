//! What the catalog holds of logs: their keys, their last checkpoint, the entries that are in no pack yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_tlog::Hash;

use super::edge::{BUNDLE_ENTRIES, Bundle, Edge, PACK_BUNDLES};
use crate::catalog::{Transaction, in_steps, rows_of_places};
use crate::{Catalog, Error};

/// A log's row.
#[derive(Debug, Clone)]
pub(crate) struct LogRow {
    pub(crate) id: i64,
    pub(crate) organization: i64,
    pub(crate) log_id: [u8; 16],
    pub(crate) is_open: bool,
    pub(crate) next_sequence: u64,
    /// Its entries that are in segments, and in no frame any more.
    pub(crate) flushed: u64,
    /// Empty until its keys are made.
    pub(crate) origin: String,
    pub(crate) keys: Vec<u8>,
    pub(crate) vkey: String,
    pub(crate) clock_vkey: String,
    /// How many entries are under its checkpoint.
    pub(crate) size: u64,
    /// The signed note.
    pub(crate) checkpoint: String,
    pub(crate) is_public: bool,
    pub(crate) created_ms: i64,
    pub(crate) frozen_ms: Option<i64>,
    /// The log before it, of which it names the last known checkpoint.
    pub(crate) previous: Option<i64>,
    /// The last checkpoint that is known to have been published, where that is not its own: it lost entries.
    pub(crate) lost: String,
}

const COLUMNS: &str = "id, organization, log_id, state, next_sequence, flushed, origin, keys, vkey, clock_vkey, size, \
                       checkpoint, is_public, created_ms, frozen_ms, previous, lost";

const READING: &str = "reading logs";

fn read(row: &sqlx::any::AnyRow) -> Result<LogRow, Error> {
    let doing = Error::catalog(READING);
    let text = |at: usize| row.try_get::<String, _>(at).map_err(&doing);
    let number = |at: usize| row.try_get::<i64, _>(at).map_err(&doing);
    let id = number(0)?;
    let damaged = |what: &str| Error::Damaged { what: format!("the row of log {id}"), reason: what.to_owned() };
    Ok(LogRow {
        id,
        organization: number(1)?,
        log_id: row
            .try_get::<Vec<u8>, _>(2)
            .map_err(&doing)?
            .try_into()
            .map_err(|_| damaged("its id has not 16 bytes"))?,
        is_open: text(3)? == "open",
        next_sequence: number(4)? as u64,
        flushed: number(5)? as u64,
        origin: text(6)?,
        keys: STANDARD.decode(text(7)?).map_err(|_| damaged("its keys are no base64"))?,
        vkey: text(8)?,
        clock_vkey: text(9)?,
        size: number(10)? as u64,
        checkpoint: text(11)?,
        is_public: number(12)? != 0,
        created_ms: number(13)?,
        frozen_ms: row.try_get(14).map_err(&doing)?,
        previous: row.try_get(15).map_err(&doing)?,
        lost: text(16)?,
    })
}

/// Every log, by its number.
pub(crate) async fn all(catalog: &Catalog) -> Result<Vec<LogRow>, Error> {
    newer(catalog, i64::MIN).await
}

/// The logs above a number.
pub(crate) async fn newer(catalog: &Catalog, than: i64) -> Result<Vec<LogRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM logs WHERE id > $1 ORDER BY id");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(than).fetch_all(catalog.pool()).await;
    rows.map_err(Error::catalog(READING))?.iter().map(read).collect()
}

/// The numbers of the logs that anybody may read.
pub(crate) async fn public(catalog: &Catalog) -> Result<Vec<i64>, Error> {
    let query = sqlx::query_scalar("SELECT id FROM logs WHERE is_public <> 0");
    query.fetch_all(catalog.pool()).await.map_err(Error::catalog(READING))
}

/// A log and its right edge, as they are at one moment.
pub(crate) async fn with_edge(catalog: &Catalog, id: i64) -> Result<(LogRow, Edge), Error> {
    let mut tx = catalog.begin_reading().await?;
    let found = tx.log_with_edge(id).await;
    tx.rollback().await;
    found
}

/// A bundle's hashes, if the catalog holds it.
pub(crate) async fn bundle(catalog: &Catalog, log: i64, index: u64) -> Result<Option<Vec<u8>>, Error> {
    sqlx::query_scalar(BUNDLE)
        .bind(log)
        .bind(index as i64)
        .fetch_optional(catalog.pool())
        .await
        .map_err(Error::catalog(READING))
}

const BUNDLE: &str = "SELECT hashes FROM log_entries WHERE log = $1 AND bundle = $2";

impl Transaction {
    /// A log and its right edge.
    pub(crate) async fn log_with_edge(&mut self, id: i64) -> Result<(LogRow, Edge), Error> {
        let doing = Error::catalog(READING);
        let sql = format!("SELECT {COLUMNS} FROM logs WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_one(self.connection()).await.map_err(&doing)?;
        let log = read(&row)?;
        let packs = sqlx::query("SELECT pack, root FROM log_packs WHERE log = $1 ORDER BY pack")
            .bind(id)
            .fetch_all(self.connection())
            .await
            .map_err(&doing)?;
        // The last one, if it is not full, has an empty root: its hashes are read below.
        let bundles = sqlx::query("SELECT bundle, root FROM log_entries WHERE log = $1 ORDER BY bundle")
            .bind(id)
            .fetch_all(self.connection())
            .await
            .map_err(&doing)?;
        let last = log.size / BUNDLE_ENTRIES;
        let hashes = self.bundle(id, last).await?;

        let damaged =
            |reason: &str| Error::Damaged { what: format!("the log {}", log.origin), reason: reason.to_owned() };
        let dense = |rows: &[sqlx::any::AnyRow], first: u64| -> Result<Vec<Hash>, Error> {
            let mut roots = Vec::with_capacity(rows.len());
            for (place, row) in (first..).zip(rows) {
                if row.try_get::<i64, _>(0).map_err(&doing)? as u64 != place {
                    return Err(damaged(&format!("its part {place} is missing")));
                }
                let root = row.try_get::<Vec<u8>, _>(1).map_err(&doing)?;
                roots.push(Hash(root.try_into().map_err(|_| damaged("a root has not 32 bytes"))?));
            }
            Ok(roots)
        };
        let packs = dense(&packs, 0)?;
        let first = packs.len() as u64 * PACK_BUNDLES;
        let full = bundles.get(..last.saturating_sub(first) as usize);
        let roots = dense(full.ok_or_else(|| damaged("it has fewer entries than its checkpoint says"))?, first)?;
        if bundles.len() != roots.len() + usize::from(!log.size.is_multiple_of(BUNDLE_ENTRIES)) {
            return Err(damaged("it has other entries than its checkpoint says"));
        }
        let edge = Edge::of(log.size, packs, roots, hashes.unwrap_or_default()).map_err(|reason| damaged(&reason))?;
        Ok((log, edge))
    }

    /// A bundle's hashes, if the catalog holds it.
    pub(crate) async fn bundle(&mut self, log: i64, index: u64) -> Result<Option<Vec<u8>>, Error> {
        let query = sqlx::query_scalar(BUNDLE).bind(log).bind(index as i64);
        query.fetch_optional(self.connection()).await.map_err(Error::catalog(READING))
    }

    /// Stores bundles, in the place of those that were not full.
    pub(crate) async fn put_bundles(&mut self, log: i64, bundles: &[Bundle]) -> Result<(), Error> {
        let doing = Error::catalog("storing entries");
        // Statements of few megabytes.
        for some in bundles.chunks(100).flat_map(in_steps) {
            let sql = format!(
                "INSERT INTO log_entries (log, bundle, hashes, root) VALUES {} \
                 ON CONFLICT (log, bundle) DO UPDATE SET hashes = excluded.hashes, root = excluded.root",
                rows_of_places(some.len(), 4)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for bundle in some {
                let root = bundle.root.map_or_else(Vec::new, |root| root.0.to_vec());
                query = query.bind(log).bind(bundle.index as i64).bind(bundle.hashes.as_slice()).bind(root);
            }
            query.execute(self.connection()).await.map_err(&doing)?;
        }
        Ok(())
    }

    /// Puts a checkpoint in the place of the one of the old size. False if that is not the log's last one any more.
    pub(crate) async fn put_checkpoint(
        &mut self,
        log: i64,
        (old, new): (u64, u64),
        checkpoint: &str,
    ) -> Result<bool, Error> {
        let sql = "UPDATE logs SET size = $1, checkpoint = $2 \
                   WHERE id = $3 AND size = $4 AND state = 'open' AND next_sequence >= $1";
        let query = sqlx::query(sql).bind(new as i64).bind(checkpoint).bind(log).bind(old as i64);
        let done = query.execute(self.connection()).await.map_err(Error::catalog("storing a checkpoint"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a log its name, its keys and its first checkpoint, unless it has them already.
    pub(crate) async fn put_keys(
        &mut self,
        log: i64,
        (origin, vkey, clock_vkey): (&str, &str, &str),
        (sealed, checkpoint): (&[u8], &str),
    ) -> Result<(), Error> {
        let sql = "UPDATE logs SET origin = $1, vkey = $2, clock_vkey = $3, keys = $4, checkpoint = $5 \
                   WHERE id = $6 AND origin = ''";
        let query = sqlx::query(sql).bind(origin).bind(vkey).bind(clock_vkey).bind(STANDARD.encode(sealed));
        let query = query.bind(checkpoint).bind(log);
        query.execute(self.connection()).await.map(drop).map_err(Error::catalog("storing the keys of a log"))
    }

    /// Names a pack, and removes the rows of its bundles.
    pub(crate) async fn put_pack(&mut self, log: i64, number: u64, root: &Hash) -> Result<(), Error> {
        let doing = Error::catalog("storing a pack");
        sqlx::query("INSERT INTO log_packs (log, pack, root) VALUES ($1, $2, $3)")
            .bind(log)
            .bind(number as i64)
            .bind(root.0.as_slice())
            .execute(self.connection())
            .await
            .map_err(&doing)?;
        sqlx::query("DELETE FROM log_entries WHERE log = $1 AND bundle >= $2 AND bundle < $3")
            .bind(log)
            .bind((number * PACK_BUNDLES) as i64)
            .bind(((number + 1) * PACK_BUNDLES) as i64)
            .execute(self.connection())
            .await
            .map(drop)
            .map_err(&doing)
    }
}
