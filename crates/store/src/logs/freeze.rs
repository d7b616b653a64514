//! Freezing: a log that cannot or shall not go on is kept as it is, and a new one begins that says so.
//!
//! Needed when the key is to be another one, when the secret is lost, and when what is there is older than what was
//! published. Nothing is rewound: the old log keeps its name and its last checkpoint, the new one has a name and keys
//! of its own, and its first event names the old checkpoint, and the one that was lost.

use std::sync::Arc;

use serde_json::json;
use trailbook_event::{OWN_SOURCE, Timestamp, Uuid, exclude, json as event_json, normalise, redact, seal};

use super::copies::checkpoint_of;
use super::rows::{self, LogRow};
use super::{Log, hex};
use crate::catalog::Transaction;
use crate::{Append, Catalog, CredentialId, Error, Item, Options, Organization, Store};

/// What the server itself appends as.
const OWN_CREDENTIAL: CredentialId = CredentialId(0);

/// A log that was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Whose it is.
    pub organization: String,
    /// Its public name.
    pub log: String,
    /// How many entries are under its last checkpoint.
    pub size: u64,
    /// How many the last published one had, if that is more: so many were lost.
    pub published_size: Option<u64>,
}

/// Freezes the open log of an organization, or of all, and opens new ones. No server may run.
///
/// On a crash: a log is frozen and has a successor, or neither.
pub async fn freeze(options: Options, organization: Option<&str>) -> Result<Vec<Frozen>, Error> {
    let store = Store::open_to_freeze(options).await?;
    let result = freeze_all(&store, organization).await;
    store.close().await;
    result
}

async fn freeze_all(store: &Store, organization: Option<&str>) -> Result<Vec<Frozen>, Error> {
    let all = store.catalog().organizations().await?;
    let chosen: Vec<Organization> =
        all.into_iter().filter(|one| organization.is_none_or(|name| one.name() == name)).collect();
    if let (true, Some(name)) = (chosen.is_empty(), organization) {
        return Err(Error::Name(format!("there is no organization {name:?}")));
    }
    // A frozen log has no events in the journal.
    store.flush().await?;
    store.integrate().await?;
    let mut frozen = Vec::new();
    let mut tx = store.catalog().begin().await?;
    for organization in chosen {
        let Some(log) = store.logs.get(organization.log) else { continue };
        let lost = store.logs.lost(&log);
        if let Err(error) = tx.freeze_log(&organization, &log, lost.as_deref()).await {
            tx.rollback().await;
            return Err(error);
        }
        let published_size = lost.and_then(|note| checkpoint_of(&note).ok()).map(|checkpoint| checkpoint.size);
        let size = log.published().checkpoint.size;
        frozen.push(Frozen { organization: organization.name, log: log.id(), size, published_size });
    }
    tx.commit().await?;
    Ok(frozen)
}

impl Transaction {
    async fn freeze_log(&mut self, organization: &Organization, log: &Log, lost: Option<&str>) -> Result<(), Error> {
        let doing = Error::catalog("freezing a log");
        let now_ms = self.now_ms();
        let sql = "UPDATE logs SET state = 'frozen', frozen_ms = $1, lost = $2 WHERE id = $3 AND state = 'open'";
        let query = sqlx::query(sql).bind(now_ms).bind(lost.unwrap_or_default()).bind(log.id);
        query.execute(self.connection()).await.map_err(&doing)?;
        let id = self.create_log(organization.id, now_ms).await?;
        let sql = "UPDATE logs SET previous = $1, is_public = (SELECT is_public FROM logs WHERE id = $1) WHERE id = $2";
        sqlx::query(sql).bind(log.id).bind(id).execute(self.connection()).await.map_err(&doing)?;
        // Who caches which log is open reads it again.
        self.touch_credentials().await
    }
}

/// Appends the first event of every log that follows another: it names the last checkpoint of that one.
pub(crate) async fn announce(store: &Store) -> Result<(), Error> {
    let all = rows::all(store.catalog()).await?;
    for organization in store.catalog().organizations().await? {
        let row = all.iter().find(|row| row.id == organization.log && row.next_sequence == 0);
        let previous = row.and_then(|row| all.iter().find(|old| Some(old.id) == row.previous));
        if let Some(previous) = previous {
            let items = vec![Item { sealed: first_event(store.catalog(), previous)?, client_id: None }];
            store
                .append(Append { organization, credential: OWN_CREDENTIAL, items, remember: None, uses_reserve: true })
                .await?;
        }
    }
    Ok(())
}

fn first_event(catalog: &Catalog, previous: &LogRow) -> Result<trailbook_event::Sealed, Error> {
    let failed = |what: String| Error::Open(format!("the first event of a new log cannot be made: {what}"));
    let mut random = [0; 16 + seal::SALT_BYTES];
    getrandom::fill(&mut random).map_err(|e| failed(e.to_string()))?;
    let (id, salt) = random.split_at(16);
    let now_ms = catalog.now_ms();
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now_ms).unwrap_or_default(),
        id.first_chunk().unwrap_or(&[0; 10]),
    );
    let id: Uuid = id.into_uuid();
    let mut meta = json!({
        "previous_log": hex(&previous.log_id),
        "previous_origin": previous.origin,
        "previous_vkey": previous.vkey,
        "previous_size": previous.size.to_string(),
        "previous_checkpoint": previous.checkpoint,
    });
    let mut message = format!("This log follows a frozen one, whose last checkpoint has {} entries.", previous.size);
    if let Ok(lost) = checkpoint_of(&previous.lost) {
        message = format!(
            "This log follows a frozen one that has lost entries: {} were published, {} are left.",
            lost.size, previous.size
        );
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("lost_checkpoint".to_owned(), previous.lost.clone().into());
        }
    }
    let event = json!({
        "id": id.to_string(), "occurred_at": Timestamp::from_millis(now_ms).to_string(), "source": OWN_SOURCE,
        "action": "log-opened", "severity": "high", "actor": {"type": "system", "id": OWN_SOURCE}, "message": message,
        "meta": meta,
    });
    let text = event.to_string();
    let value = event_json::parse(text.as_bytes()).map_err(|e| failed(e.to_string()))?;
    let event = normalise::from_canonical(value).map_err(|e| failed(e.to_string()))?;
    let redacted = redact::Rules::new(&[]).map_err(failed)?.apply(event);
    let exclude::Decision::Admitted(admitted) = exclude::Rules::new(&[]).map_err(failed)?.decide(redacted) else {
        return Err(failed("it was excluded".to_owned()));
    };
    seal::seal(&admitted, salt.try_into().unwrap_or_default()).map_err(|e| failed(e.to_string()))
}

impl super::Logs {
    /// The published checkpoint that a log cannot reach any more, if it was opened to be frozen.
    pub(super) fn lost(&self, log: &Arc<Log>) -> Option<String> {
        self.lost.get(&log.log_id).cloned()
    }
}
