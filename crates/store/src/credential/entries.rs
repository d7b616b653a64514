//! Making, listing and revoking credentials.

use sqlx::Row;
use trailbook_event::Uuid;
use trailbook_event::limits::TOKENS_OF_MEMBER_MAX;

use super::{CredentialId, Grant, Kind, PORTAL_ENTRY, Permission, check_name, check_token, hash_token, read_grant};
use crate::catalog::Transaction;
use crate::members::{Member, MemberId};
use crate::organization::new_uuid;
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
    /// What the API calls it.
    pub uuid: Uuid,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
    /// When it was last used, to the minute.
    pub used_ms: Option<i64>,
    /// Whether it is for whoever has a JWT of an issuer.
    pub is_issuer: bool,
}

/// A credential to be made.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The organization that it acts for.
    pub organization: Organization,
    /// Its name.
    pub name: String,
    /// Its value; empty for one of an issuer, whose JWTs let somebody in.
    pub token: String,
    /// What it grants; where absent, what the entry of this name grants already.
    pub grant: Option<Grant>,
    /// Until when it holds, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

impl NewEntry {
    fn is_issuer(&self) -> bool {
        self.token.is_empty()
    }
}

/// A token of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalToken {
    /// What the API calls it.
    pub uuid: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What it is limited to.
    pub scopes: Vec<Permission>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
    /// When it was last used, to the minute.
    pub used_ms: Option<i64>,
}

impl Catalog {
    /// The entries of all organizations, without those that were revoked.
    pub async fn entries(&self) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(
            "SELECT o.name, c.name, c.scopes, c.restrictions, c.origin, \
             CASE WHEN c.token_hash IS NULL THEN 0 ELSE 1 END, c.created_ms, o.uuid, \
             c.uuid, c.expires_ms, c.used_ms, c.kind \
             FROM credentials c JOIN organizations o ON o.id = c.organization \
             WHERE c.revoked_ms IS NULL AND c.kind IN ('token', 'issuer') ORDER BY o.id, c.id",
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
                uuid: Uuid::try_parse(row.try_get(8).map_err(&doing)?).unwrap_or_default(),
                expires_ms: row.try_get(9).map_err(&doing)?,
                used_ms: row.try_get(10).map_err(&doing)?,
                is_issuer: row.try_get::<String, _>(11).map_err(&doing)? == Kind::Issuer.name(),
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
            if !new.is_issuer() {
                check_token(&new.token).map_err(Error::Name)?;
            }
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

impl Catalog {
    /// Makes a token of a member.
    pub async fn create_personal_token(
        &self,
        organization: &Organization,
        member: &Member,
        (name, token): (&str, &str),
        (scopes, expires_ms): (Vec<Permission>, Option<i64>),
    ) -> Result<PersonalToken, Error> {
        check_name("token", name)?;
        check_token(token).map_err(Error::Name)?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let own = tx.personal_tokens(member.id).await?;
        if own.iter().any(|one| one.name == name) {
            return Err(Error::Taken(format!("there is a token {name:?} already")));
        }
        if own.len() as u64 >= TOKENS_OF_MEMBER_MAX {
            let reason = "which is as many as may be; revoke some";
            return Err(Error::TooMany(format!("the member has {} tokens, {reason}", own.len())));
        }
        tx.refuse_taken(token, None).await?;
        let grant = Grant { scopes, restrictions: Vec::new() };
        let row = NewRow { kind: Kind::Personal(member.id), ..NewRow::new(organization.id, name) };
        let id = tx.insert(NewRow { token: Some(token), grant: &grant, expires_ms, ..row }).await?;
        let made = tx.personal_tokens(member.id).await?.into_iter().find(|one| one.id == id);
        tx.commit().await?;
        let reason = "it is not there after it was made".to_owned();
        let made = made.ok_or_else(|| Error::Damaged { what: "a token".to_owned(), reason })?;
        Ok(made.token)
    }

    /// The tokens of a member, the oldest first.
    pub async fn personal_tokens(&self, member: &Member) -> Result<Vec<PersonalToken>, Error> {
        let mut tx = self.begin_reading().await?;
        let found = tx.personal_tokens(member.id).await?;
        tx.commit().await?;
        Ok(found.into_iter().map(|one| one.token).collect())
    }

    /// Revokes a token of a member. False if there is none.
    pub async fn revoke_personal_token(&self, member: &Member, uuid: Uuid) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let now_ms = tx.now_ms();
        let sql = "UPDATE credentials SET token_hash = NULL, revoked_ms = $1 \
                   WHERE uuid = $2 AND member = $3 AND kind = 'personal' AND revoked_ms IS NULL";
        let done = sqlx::query(sql)
            .bind(now_ms)
            .bind(uuid.to_string())
            .bind(member.id.0)
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("revoking a token"))?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes when credentials were last used, in milliseconds since 1970. That gives them no new version.
    pub async fn note_used(&self, used: &[(CredentialId, i64)]) -> Result<(), Error> {
        let doing = Error::catalog("noting the use of credentials");
        let mut tx = self.begin().await?;
        for (id, used_ms) in used {
            sqlx::query("UPDATE credentials SET used_ms = $1 WHERE id = $2 AND (used_ms IS NULL OR used_ms < $1)")
                .bind(*used_ms)
                .bind(id.0)
                .execute(tx.connection())
                .await
                .map_err(&doing)?;
        }
        tx.commit().await
    }
}

/// A token of a member with its number.
struct FoundPersonal {
    id: CredentialId,
    name: String,
    token: PersonalToken,
}

const CATALOG: &str = "catalog";
const FILE: &str = "file";

fn read_only(name: &str) -> Error {
    Error::Name(format!("the token {name:?} comes from the server's configuration; change it there"))
}

/// A row of credentials to be made.
#[derive(Clone, Copy)]
struct NewRow<'a> {
    organization: i64,
    name: &'a str,
    kind: Kind,
    token: Option<&'a str>,
    grant: &'a Grant,
    origin: &'static str,
    expires_ms: Option<i64>,
}

impl<'a> NewRow<'a> {
    /// One without a value that grants nothing.
    fn new(organization: i64, name: &'a str) -> Self {
        const NOTHING: &Grant = &Grant { scopes: Vec::new(), restrictions: Vec::new() };
        let (kind, origin) = (Kind::Token, CATALOG);
        Self { organization, name, kind, token: None, grant: NOTHING, origin, expires_ms: None }
    }
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
        let grant = Grant::portal();
        let row = NewRow { grant: &grant, ..NewRow::new(organization, PORTAL_ENTRY) };
        self.insert(row).await.map(drop)
    }

    /// What a member acts with when they are signed in. It is named as they are.
    pub(crate) async fn insert_member_credential(
        &mut self,
        organization: i64,
        member: MemberId,
        email: &str,
    ) -> Result<CredentialId, Error> {
        self.insert(NewRow { kind: Kind::Member(member), ..NewRow::new(organization, email) }).await
    }

    /// Names those credentials that were made before they had a UUID.
    pub(crate) async fn give_credential_uuids(&mut self) -> Result<(), Error> {
        let doing = Error::catalog("naming credentials");
        let sql = "SELECT id FROM credentials WHERE uuid = ''";
        let nameless: Vec<i64> = sqlx::query_scalar(sql).fetch_all(self.connection()).await.map_err(&doing)?;
        for id in nameless {
            let query = sqlx::query("UPDATE credentials SET uuid = $1 WHERE id = $2");
            query.bind(new_uuid()?.to_string()).bind(id).execute(self.connection()).await.map_err(&doing)?;
        }
        Ok(())
    }

    async fn entry(&mut self, organization: i64, name: &str) -> Result<Option<Found>, Error> {
        let doing = Error::catalog("reading a credential");
        let row = sqlx::query(
            "SELECT id, origin, token_hash, uuid FROM credentials \
             WHERE organization = $1 AND name = $2 AND revoked_ms IS NULL AND kind IN ('token', 'issuer')",
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
        let grant = new.grant.clone().unwrap_or_default();
        let mut row = NewRow { grant: &grant, origin, ..NewRow::new(new.organization.id, &new.name) };
        row.expires_ms = new.expires_ms;
        if new.is_issuer() {
            row.kind = Kind::Issuer;
        } else {
            self.refuse_taken(&new.token, None).await?;
            row.token = Some(&new.token);
        }
        self.insert(row).await.map(drop)
    }

    async fn insert(&mut self, row: NewRow<'_>) -> Result<CredentialId, Error> {
        let id = self.next_id("credentials").await?;
        let now_ms = self.now_ms();
        let (scopes, restrictions) = grant_columns(row.grant)?;
        sqlx::query(
            "INSERT INTO credentials (id, organization, name, token_hash, scopes, restrictions, origin, created_ms, \
             kind, uuid, member, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(id)
        .bind(row.organization)
        .bind(row.name.to_owned())
        .bind(row.token.map(|token| hash_token(token).to_vec()))
        .bind(scopes)
        .bind(restrictions)
        .bind(row.origin)
        .bind(now_ms)
        .bind(row.kind.name())
        .bind(new_uuid()?.to_string())
        .bind(row.kind.member().map(|member| member.0))
        .bind(row.expires_ms)
        .execute(self.connection())
        .await
        .map(|_| CredentialId(id))
        .map_err(Error::catalog("making a credential"))
    }

    async fn set_value(&mut self, id: i64, new: &NewEntry, origin: &'static str) -> Result<(), Error> {
        let hash = match new.is_issuer() {
            true => None,
            false => {
                self.refuse_taken(&new.token, Some(id)).await?;
                Some(hash_token(&new.token).to_vec())
            }
        };
        let kind = if new.is_issuer() { Kind::Issuer } else { Kind::Token };
        let sql = "UPDATE credentials SET token_hash = $1, origin = $2, kind = $3, expires_ms = $4, used_ms = NULL \
                   WHERE id = $5";
        sqlx::query(sql)
            .bind(hash)
            .bind(origin)
            .bind(kind.name())
            .bind(new.expires_ms)
            .bind(id)
            .execute(self.connection())
            .await
            .map_err(Error::catalog("setting a credential's value"))?;
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
        sqlx::query(
            "UPDATE credentials SET token_hash = NULL, origin = $1, revoked_ms = $2, expires_ms = NULL WHERE id = $3",
        )
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

    async fn personal_tokens(&mut self, member: MemberId) -> Result<Vec<FoundPersonal>, Error> {
        let doing = Error::catalog("reading tokens");
        let rows = sqlx::query(
            "SELECT id, uuid, name, scopes, restrictions, created_ms, expires_ms, used_ms FROM credentials \
             WHERE member = $1 AND kind = 'personal' AND revoked_ms IS NULL ORDER BY id",
        )
        .bind(member.0)
        .fetch_all(self.connection())
        .await
        .map_err(&doing)?;
        let read = |row: &sqlx::any::AnyRow| {
            let name: String = row.try_get(2).map_err(&doing)?;
            let token = PersonalToken {
                uuid: Uuid::try_parse(row.try_get(1).map_err(&doing)?).unwrap_or_default(),
                name: name.clone(),
                scopes: read_grant(row, 3)?.scopes,
                created_ms: row.try_get(5).map_err(&doing)?,
                expires_ms: row.try_get(6).map_err(&doing)?,
                used_ms: row.try_get(7).map_err(&doing)?,
            };
            Ok(FoundPersonal { id: CredentialId(row.try_get(0).map_err(&doing)?), name, token })
        };
        rows.iter().map(read).collect()
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
