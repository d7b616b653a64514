//! Making, listing and revoking credentials.

use sqlx::Row;
use trailbook_event::Uuid;

use super::{Grant, PORTAL_ENTRY, check_name, check_token, hash_token, read_grant};
use crate::catalog::Transaction;
use crate::{Catalog, Error, Organization};

/// Where an entry is looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// By commands.
    Catalog,
    /// In the configuration file; commands do not change it.
    File,
}

/// A credential as lists show it: never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its organization's name.
    pub organization: String,
    /// Its organization's UUID.
    pub organization_uuid: Uuid,
    /// Its name.
    pub name: String,
    /// What it grants.
    pub grant: Grant,
    /// Where it is looked after.
    pub origin: Origin,
    /// Whether it has a value: whether it lets anybody in.
    pub has_value: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// A credential to be made.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The organization that it acts for.
    pub organization: Organization,
    /// Its name.
    pub name: String,
    /// Its value.
    pub token: String,
    /// What it grants; where absent, what the entry of this name grants already.
    pub grant: Option<Grant>,
}

impl Catalog {
    /// The entries of all organizations, without those that were revoked.
    pub async fn entries(&self) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(
            "SELECT o.name, c.name, c.scopes, c.restrictions, c.origin, \
             CASE WHEN c.token_hash IS NULL THEN 0 ELSE 1 END, c.created_ms, o.uuid \
             FROM credentials c JOIN organizations o ON o.id = c.organization \
             WHERE c.revoked_ms IS NULL ORDER BY o.id, c.id",
        )
        .fetch_all(self.pool())
        .await
        .map_err(Error::catalog("listing credentials"))?;
        let doing = Error::catalog("reading a credential");
        let read = |row: &sqlx::any::AnyRow| {
            let origin: String = row.try_get(4).map_err(&doing)?;
            let has_value: i64 = row.try_get::<i32, _>(5).map(i64::from).or_else(|_| row.try_get(5)).map_err(&doing)?;
            Ok(Entry {
                organization: row.try_get(0).map_err(&doing)?,
                organization_uuid: Uuid::try_parse(row.try_get(7).map_err(&doing)?).unwrap_or_default(),
                name: row.try_get(1).map_err(&doing)?,
                grant: read_grant(row, 2)?,
                origin: if origin == FILE { Origin::File } else { Origin::Catalog },
                has_value: has_value == 1,
                created_ms: row.try_get(6).map_err(&doing)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Makes an entry, or gives a value to one that has none.
    pub async fn create_entry(&self, new: NewEntry) -> Result<(), Error> {
        check_name("token", &new.name)?;
        check_token(&new.token).map_err(Error::Name)?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let found = tx.entry(new.organization.id, &new.name).await?;
        match found {
            Some(found) if found.is_file => return Err(read_only(&new.name)),
            Some(found) if found.has_value => {
                let name = &new.name;
                return Err(Error::Name(format!("the token {name:?} has a value already; revoke it first")));
            }
            Some(found) => tx.set_value(found.id, &new, CATALOG).await?,
            None => tx.insert_entry(&new, CATALOG).await?,
        }
        tx.commit().await
    }

    /// Takes an entry's value away. The Portal's own entry stays, without a value.
    pub async fn revoke_entry(&self, organization: &Organization, name: &str) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        match tx.entry(organization.id, name).await? {
            None => {
                let organization = &organization.name;
                return Err(Error::Name(format!("no token {name:?} in the organization {organization:?}")));
            }
            Some(found) if found.is_file => return Err(read_only(name)),
            Some(found) => tx.revoke(&found, name).await?,
        }
        tx.commit().await
    }

    /// Makes the entries of the configuration file what it says: those that it names are there, those that it named
    /// before and does not any more are revoked.
    pub async fn set_file_entries(&self, entries: &[NewEntry]) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        for found in tx.file_entries().await? {
            let is_named = |e: &NewEntry| e.organization.id == found.organization && e.name == found.name;
            if !entries.iter().any(is_named) {
                tx.revoke(&found.found, &found.name).await?;
            }
        }
        tx.clear_file_entries().await?;
        for new in entries {
            check_name("external access", &new.name)?;
            check_token(&new.token).map_err(Error::Name)?;
            match tx.entry(new.organization.id, &new.name).await? {
                Some(found) if !found.is_file && found.has_value => {
                    let name = &new.name;
                    let reason =
                        "was given a value by `trailbook token create`; revoke it or name this entry otherwise";
                    return Err(Error::Name(format!("the token {name:?} {reason}")));
                }
                Some(found) => tx.set_value(found.id, new, FILE).await?,
                None => tx.insert_entry(new, FILE).await?,
            }
        }
        tx.commit().await
    }
}

const CATALOG: &str = "catalog";
const FILE: &str = "file";

fn read_only(name: &str) -> Error {
    Error::Name(format!("the token {name:?} comes from the server's configuration; change it there"))
}

/// An entry that is not revoked.
struct Found {
    id: i64,
    is_file: bool,
    has_value: bool,
}

struct FileEntry {
    found: Found,
    organization: i64,
    name: String,
}

impl Transaction {
    /// The entry that every organization starts with.
    pub(crate) async fn create_portal_entry(&mut self, organization: i64) -> Result<(), Error> {
        self.insert((organization, PORTAL_ENTRY), None, &Grant::portal(), CATALOG).await
    }

    async fn entry(&mut self, organization: i64, name: &str) -> Result<Option<Found>, Error> {
        let doing = Error::catalog("reading a credential");
        let row = sqlx::query(
            "SELECT id, origin, token_hash FROM credentials \
             WHERE organization = $1 AND name = $2 AND revoked_ms IS NULL",
        )
        .bind(organization)
        .bind(name.to_owned())
        .fetch_optional(self.connection())
        .await
        .map_err(&doing)?;
        let Some(row) = row else { return Ok(None) };
        let origin: String = row.try_get(1).map_err(&doing)?;
        let hash: Option<Vec<u8>> = row.try_get(2).map_err(&doing)?;
        let id = row.try_get(0).map_err(&doing)?;
        Ok(Some(Found { id, is_file: origin == FILE, has_value: hash.is_some() }))
    }

    async fn file_entries(&mut self) -> Result<Vec<FileEntry>, Error> {
        let doing = Error::catalog("reading credentials");
        let rows =
            sqlx::query("SELECT id, organization, name FROM credentials WHERE origin = $1 AND revoked_ms IS NULL")
                .bind(FILE)
                .fetch_all(self.connection())
                .await
                .map_err(&doing)?;
        let read = |row: &sqlx::any::AnyRow| {
            let found = Found { id: row.try_get(0)?, is_file: true, has_value: true };
            Ok(FileEntry { found, organization: row.try_get(1)?, name: row.try_get(2)? })
        };
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(&doing)
    }

    /// Takes their values away for a moment, so that entries may exchange theirs.
    async fn clear_file_entries(&mut self) -> Result<(), Error> {
        sqlx::query("UPDATE credentials SET token_hash = NULL WHERE origin = $1 AND revoked_ms IS NULL")
            .bind(FILE)
            .execute(self.connection())
            .await
            .map(drop)
            .map_err(Error::catalog("setting the values of credentials"))
    }

    async fn insert_entry(&mut self, new: &NewEntry, origin: &'static str) -> Result<(), Error> {
        self.refuse_taken(&new.token, None).await?;
        let grant = new.grant.clone().unwrap_or_default();
        self.insert((new.organization.id, &new.name), Some(&new.token), &grant, origin).await
    }

    async fn insert(
        &mut self,
        (organization, name): (i64, &str),
        token: Option<&str>,
        grant: &Grant,
        origin: &'static str,
    ) -> Result<(), Error> {
        let id = self.next_id("credentials").await?;
        let now_ms = self.now_ms();
        let (scopes, restrictions) = grant_columns(grant)?;
        sqlx::query(
            "INSERT INTO credentials (id, organization, name, token_hash, scopes, restrictions, origin, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(organization)
        .bind(name.to_owned())
        .bind(token.map(|token| hash_token(token).to_vec()))
        .bind(scopes)
        .bind(restrictions)
        .bind(origin)
        .bind(now_ms)
        .execute(self.connection())
        .await
        .map(drop)
        .map_err(Error::catalog("making a credential"))
    }

    async fn set_value(&mut self, id: i64, new: &NewEntry, origin: &'static str) -> Result<(), Error> {
        self.refuse_taken(&new.token, Some(id)).await?;
        let doing = Error::catalog("setting a credential's value");
        sqlx::query("UPDATE credentials SET token_hash = $1, origin = $2 WHERE id = $3")
            .bind(hash_token(&new.token).to_vec())
            .bind(origin)
            .bind(id)
            .execute(self.connection())
            .await
            .map_err(&doing)?;
        if let Some(grant) = &new.grant {
            self.set_grant(id, grant).await?;
        }
        Ok(())
    }

    async fn set_grant(&mut self, id: i64, grant: &Grant) -> Result<(), Error> {
        let (scopes, restrictions) = grant_columns(grant)?;
        sqlx::query("UPDATE credentials SET scopes = $1, restrictions = $2 WHERE id = $3")
            .bind(scopes)
            .bind(restrictions)
            .bind(id)
            .execute(self.connection())
            .await
            .map(drop)
            .map_err(Error::catalog("setting what a credential grants"))
    }

    async fn revoke(&mut self, found: &Found, name: &str) -> Result<(), Error> {
        let is_portals = name == PORTAL_ENTRY;
        let revoked_ms = (!is_portals).then(|| self.now_ms());
        sqlx::query("UPDATE credentials SET token_hash = NULL, origin = $1, revoked_ms = $2 WHERE id = $3")
            .bind(CATALOG)
            .bind(revoked_ms)
            .bind(found.id)
            .execute(self.connection())
            .await
            .map_err(Error::catalog("revoking a credential"))?;
        if is_portals {
            self.set_grant(found.id, &Grant::portal()).await?;
        }
        Ok(())
    }

    /// One value for two entries would leave open which of them a request comes from.
    async fn refuse_taken(&mut self, token: &str, own: Option<i64>) -> Result<(), Error> {
        let doing = Error::catalog("reading credentials");
        let row = sqlx::query("SELECT id FROM credentials WHERE token_hash = $1 AND revoked_ms IS NULL")
            .bind(hash_token(token).to_vec())
            .fetch_optional(self.connection())
            .await
            .map_err(&doing)?;
        let holder: Option<i64> = row.map(|row| row.try_get(0)).transpose().map_err(&doing)?;
        match holder {
            Some(id) if Some(id) != own => Err(Error::Name("another token has this value".to_owned())),
            _ => Ok(()),
        }
    }

    /// Gives the credentials a new version. Done first in a transaction, it makes others that change them stand in
    /// line.
    pub(crate) async fn touch_credentials(&mut self) -> Result<(), Error> {
        self.next_id("credentials_version").await.map(drop)
    }
}

fn grant_columns(grant: &Grant) -> Result<(String, Option<String>), Error> {
    let failed = |e: serde_json::Error| Error::Name(format!("what the token grants cannot be written: {e}"));
    let scopes = serde_json::to_string(&grant.scopes).map_err(failed)?;
    let restrictions = match grant.restrictions.as_slice() {
        [] => None,
        restrictions => Some(serde_json::to_string(restrictions).map_err(failed)?),
    };
    Ok((scopes, restrictions))
}
