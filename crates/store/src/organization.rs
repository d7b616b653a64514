//! Organizations: the tenants. Each has one open log.

mod settings;

use std::collections::HashMap;

use sqlx::Row as _;

use crate::logs::rows::LogRow;
use crate::secret::random;
use crate::{Catalog, Error, logs};
use trailbook_event::Uuid;
use trailbook_event::limits::NAME_CHARS_MAX;

pub use settings::{DefaultRange, OrganizationSettings};

/// The organization that every catalog starts with.
pub const DEFAULT_ORGANIZATION: &str = "default";

/// The organization of what concerns the server as a whole: starts and stops, and strangers at its door.
pub const SYSTEM_ORGANIZATION: &str = "system";

/// The tenant that a request acts for.
///
/// It comes out of the catalog, with a credential or by an operator's command; nothing that a request says can make
/// one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Organization {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The open log.
    pub(crate) log: i64,
    pub(crate) uuid: Uuid,
}

impl Organization {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A random name that never changes, for systems that name organizations so.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }
}

/// A log, as the catalog names it. Origin and keys are empty until a server has taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Whose it is.
    pub organization: String,
    /// The organization's UUID.
    pub organization_uuid: Uuid,
    /// Its public name.
    pub id: String,
    /// The name in its checkpoints.
    pub origin: String,
    /// The key of its checkpoints.
    pub vkey: String,
    /// The key that says when a checkpoint was the last.
    pub clock_vkey: String,
    /// Entries under its last checkpoint.
    pub size: u64,
    /// Since when it grows no more, in milliseconds since 1970.
    pub frozen_ms: Option<i64>,
    /// Whether anybody may read it.
    pub is_public: bool,
}

impl Catalog {
    /// The logs of all organizations, the oldest first.
    pub async fn logs(&self) -> Result<Vec<LogEntry>, Error> {
        let organizations: HashMap<i64, (String, Uuid)> =
            self.organizations().await?.into_iter().map(|one| (one.id, (one.name, one.uuid))).collect();
        let entry = |row: LogRow| LogEntry {
            organization: organizations.get(&row.organization).map(|(name, _)| name.clone()).unwrap_or_default(),
            organization_uuid: organizations.get(&row.organization).map(|(_, uuid)| *uuid).unwrap_or_default(),
            id: logs::hex(&row.log_id),
            origin: row.origin,
            vkey: row.vkey,
            clock_vkey: row.clock_vkey,
            size: row.size,
            frozen_ms: row.frozen_ms,
            is_public: row.is_public,
        };
        Ok(logs::rows::all(self).await?.into_iter().map(entry).collect())
    }

    /// Says whether anybody may read the logs of an organization. False if there is no such organization.
    pub async fn publish_logs(&self, organization: &str, is_public: bool) -> Result<bool, Error> {
        let sql = "UPDATE logs SET is_public = $1 \
                   WHERE organization = (SELECT id FROM organizations WHERE name = $2)";
        let query = sqlx::query(sql).bind(i64::from(is_public)).bind(organization);
        let done = query.execute(self.pool()).await.map_err(Error::catalog("publishing a log"))?;
        Ok(done.rows_affected() > 0)
    }

    /// The organization of this name, with whether it was made by this call. The caller is an operator at the machine.
    pub async fn organization_or_new(&self, name: &str) -> Result<(Organization, bool), Error> {
        check_name("organization", name)?;
        let mut tx = self.begin().await?;
        if let Some(found) = tx.organization(name).await? {
            tx.rollback().await;
            return Ok((found, false));
        }
        // Whoever makes the same one now stands in line behind this, so it is looked for once more.
        tx.touch_credentials().await?;
        let (organization, is_new) = match tx.organization(name).await? {
            Some(organization) => (organization, false),
            None => (tx.create_organization(name).await?, true),
        };
        tx.commit().await?;
        Ok((organization, is_new))
    }

    /// Every organization.
    pub async fn organizations(&self) -> Result<Vec<Organization>, Error> {
        let rows = sqlx::query(SELECT).fetch_all(self.pool()).await.map_err(Error::catalog("reading organizations"))?;
        rows.iter().map(read).collect()
    }
}

impl crate::catalog::Transaction {
    pub(crate) async fn organization(&mut self, name: &str) -> Result<Option<Organization>, Error> {
        let rows =
            sqlx::query(SELECT).fetch_all(self.connection()).await.map_err(Error::catalog("reading organizations"))?;
        let all: Vec<Organization> = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(all.into_iter().find(|organization| organization.name == name))
    }

    pub(crate) async fn create_organization(&mut self, name: &str) -> Result<Organization, Error> {
        let doing = Error::catalog("creating an organization");
        let now_ms = self.now_ms();
        let id = self.next_id("organizations").await?;
        let uuid = new_uuid()?;
        sqlx::query("INSERT INTO organizations (id, name, created_ms, uuid) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(name)
            .bind(now_ms)
            .bind(uuid.to_string())
            .execute(self.connection())
            .await
            .map_err(&doing)?;
        let log = self.create_log(id, now_ms).await?;
        self.create_portal_entry(id).await?;
        self.create_built_in_roles(id).await?;
        Ok(Organization { id, name: name.to_owned(), log, uuid })
    }

    /// Gives those organizations a UUID that were made before they had one.
    pub(crate) async fn give_uuids(&mut self) -> Result<(), Error> {
        let doing = Error::catalog("naming organizations");
        let sql = "SELECT id FROM organizations WHERE uuid = ''";
        let nameless: Vec<i64> = sqlx::query_scalar(sql).fetch_all(self.connection()).await.map_err(&doing)?;
        for id in nameless {
            sqlx::query("UPDATE organizations SET uuid = $1 WHERE id = $2")
                .bind(new_uuid()?.to_string())
                .bind(id)
                .execute(self.connection())
                .await
                .map_err(&doing)?;
        }
        Ok(())
    }

    /// Gives those organizations the roles that every one has that were made before there were roles.
    pub(crate) async fn give_roles(&mut self) -> Result<(), Error> {
        let sql = "SELECT id FROM organizations WHERE id NOT IN (SELECT organization FROM roles)";
        let rows: Vec<i64> = sqlx::query_scalar(sql)
            .fetch_all(self.connection())
            .await
            .map_err(Error::catalog("reading organizations"))?;
        for id in rows {
            self.create_built_in_roles(id).await?;
        }
        Ok(())
    }

    /// Makes an open log of an organization; its keys are made by the server that takes it first.
    pub(crate) async fn create_log(&mut self, organization: i64, now_ms: i64) -> Result<i64, Error> {
        let log = self.next_id("logs").await?;
        let random: [u8; 16] = random()?;
        sqlx::query(
            "INSERT INTO logs (id, organization, log_id, state, next_sequence, last_recorded_ms, created_ms) \
             VALUES ($1, $2, $3, 'open', 0, 0, $4)",
        )
        .bind(log)
        .bind(organization)
        .bind(random.to_vec())
        .bind(now_ms)
        .execute(self.connection())
        .await
        .map_err(Error::catalog("creating a log"))?;
        Ok(log)
    }
}

const SELECT: &str = "SELECT o.id, o.name, l.id, o.uuid FROM organizations o JOIN logs l ON l.organization = o.id \
                      WHERE l.state = 'open' ORDER BY o.id";

fn read(row: &sqlx::any::AnyRow) -> Result<Organization, Error> {
    let doing = Error::catalog("reading an organization");
    Ok(Organization {
        id: row.try_get(0).map_err(&doing)?,
        name: row.try_get(1).map_err(&doing)?,
        log: row.try_get(2).map_err(&doing)?,
        uuid: Uuid::try_parse(row.try_get(3).map_err(&doing)?).unwrap_or_default(),
    })
}

/// A random UUID.
pub fn new_uuid() -> Result<Uuid, Error> {
    Ok(uuid::Builder::from_random_bytes(random()?).into_uuid())
}

/// Refuses names that could not be typed or shown.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS_MAX || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let rule = format!("must have 1 to {NAME_CHARS_MAX} characters, none of them white space");
        return Err(Error::Name(format!("the name of the {what} {rule}")));
    }
    Ok(())
}
