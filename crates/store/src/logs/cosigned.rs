//! What witnesses have cosigned: kept in the catalog, and shown with the checkpoint that it is of.

use std::sync::Arc;

use sqlx::Row as _;
use trailbook_tlog::{Note, Signature, VerifierKey};

use super::{Log, Logs, Published};
use crate::Error;

/// The last cosignature of a witness over a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The size of the checkpoint.
    pub size: u64,
    /// The cosignature.
    pub signature: Signature,
}

const READING: &str = "reading cosignatures";

impl Logs {
    /// What a witness has cosigned of a log.
    pub(crate) async fn cosigned(&self, log: &Log, witness: &VerifierKey) -> Result<Option<Cosigned>, Error> {
        let doing = Error::catalog(READING);
        let sql = "SELECT size, line FROM cosignatures WHERE log = $1 AND witness = $2";
        let query = sqlx::query(sql).bind(log.id).bind(witness.to_string());
        let Some(row) = query.fetch_optional(self.catalog.pool()).await.map_err(&doing)? else { return Ok(None) };
        let (size, line): (i64, String) = (row.try_get(0).map_err(&doing)?, row.try_get(1).map_err(&doing)?);
        let signature = Signature::parse(&line).map_err(|e| Error::Damaged {
            what: format!("a cosignature of the log {}", log.origin),
            reason: e.to_string(),
        })?;
        Ok(Some(Cosigned { size: size as u64, signature }))
    }

    /// Keeps a cosignature over a published checkpoint, and shows it with that as long as it is the last one. Gives the
    /// time of the cosignature, in seconds since 1970. A wrong one is refused.
    pub(crate) async fn add_cosignature(
        &self,
        log: &Log,
        published: &Published,
        (witness, signature): (&VerifierKey, Signature),
    ) -> Result<u64, Error> {
        let note = Note::new(published.note.text().to_owned(), vec![signature.clone()]);
        let wrong = |reason: String| Error::Damaged { what: format!("the cosignature of {}", witness.name()), reason };
        let signed = note.verify(std::slice::from_ref(witness)).map_err(|e| wrong(e.to_string()))?;
        let time = signed.first().and_then(|signed| signed.time);
        let time = time.ok_or_else(|| wrong("it names no time".to_owned()))?;
        sqlx::query(
            "INSERT INTO cosignatures (log, witness, size, line) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (log, witness) DO UPDATE SET size = excluded.size, line = excluded.line",
        )
        .bind(log.id)
        .bind(witness.to_string())
        .bind(published.checkpoint.size as i64)
        .bind(signature.to_string())
        .execute(self.catalog.pool())
        .await
        .map_err(Error::catalog("keeping a cosignature"))?;
        log.published.send_modify(|shown| {
            if shown.checkpoint == published.checkpoint {
                let mut new = Published::clone(shown);
                new.cosignatures.retain(|old| old.id() != signature.id() || old.name() != signature.name());
                new.cosignatures.push(signature);
                *shown = Arc::new(new);
            }
        });
        Ok(time)
    }
}
