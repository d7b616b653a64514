//! What operators do with commands, beside the server: noted in the catalog, for the server to record.
//!
//! Commands change the catalog and have no way into a log. So they note what they are about to do, and do it then; the
//! server that runs, or the next one, records what was noted. On a crash of the server between recording and
//! forgetting, a deed is recorded twice; none is lost.

use sqlx::Row as _;
use trailbook_event::limits::OPERATOR_DEEDS_READ_MAX;

use crate::{Catalog, Error, Organization};

/// Something that a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorDeed {
    /// What is done, such as `token.created`.
    pub action: String,
    /// `create`, `update` or `delete`.
    pub action_type: String,
    /// The kind of thing that it is done to.
    pub target_type: String,
    /// Which of them.
    pub target: String,
    /// A sentence.
    pub message: String,
}

/// A deed that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedDeed {
    id: i64,
    organization: i64,
    /// What was done.
    pub deed: OperatorDeed,
    /// When, in milliseconds since 1970.
    pub noted_ms: i64,
}

impl NotedDeed {
    /// Whether it is of this organization.
    pub fn is_of(&self, organization: &Organization) -> bool {
        self.organization == organization.id
    }
}

impl Catalog {
    /// Notes what a command is about to do.
    pub async fn note_deed(&self, organization: &Organization, deed: &OperatorDeed) -> Result<(), Error> {
        let doing = Error::catalog("noting what a command does");
        let mut tx = self.begin().await?;
        let (id, now_ms) = (tx.next_id("operator_deeds").await?, tx.now_ms());
        sqlx::query(
            "INSERT INTO operator_deeds (id, organization, action, action_type, target_type, target, message, \
             noted_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(organization.id)
        .bind(deed.action.clone())
        .bind(deed.action_type.clone())
        .bind(deed.target_type.clone())
        .bind(deed.target.clone())
        .bind(deed.message.clone())
        .bind(now_ms)
        .execute(tx.connection())
        .await
        .map_err(&doing)?;
        tx.commit().await
    }

    /// The deeds that are to be recorded, the oldest first; of many, the first.
    pub async fn noted_deeds(&self) -> Result<Vec<NotedDeed>, Error> {
        let doing = Error::catalog("reading what commands did");
        let rows = sqlx::query(
            "SELECT id, organization, action, action_type, target_type, target, message, noted_ms \
             FROM operator_deeds ORDER BY id LIMIT $1",
        )
        .bind(OPERATOR_DEEDS_READ_MAX)
        .fetch_all(self.pool())
        .await
        .map_err(&doing)?;
        let read = |row: &sqlx::any::AnyRow| {
            let deed = OperatorDeed {
                action: row.try_get(2)?,
                action_type: row.try_get(3)?,
                target_type: row.try_get(4)?,
                target: row.try_get(5)?,
                message: row.try_get(6)?,
            };
            Ok(NotedDeed { id: row.try_get(0)?, organization: row.try_get(1)?, deed, noted_ms: row.try_get(7)? })
        };
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(&doing)
    }

    /// Forgets a deed that is recorded.
    pub async fn forget_deed(&self, noted: &NotedDeed) -> Result<(), Error> {
        let query = sqlx::query("DELETE FROM operator_deeds WHERE id = $1").bind(noted.id);
        query.execute(self.pool()).await.map(drop).map_err(Error::catalog("forgetting what a command did"))
    }
}
