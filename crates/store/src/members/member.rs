//! Members: made, changed, removed, and found when they sign in.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;
use trailbook_event::limits::{ACTORS_OF_MEMBER_MAX, EMAIL_BYTES_MAX, NAME_CHARS_MAX};

use super::{Counted, GroupId, Holder, RoleId, check_person_name, json_at, json_of, uuid_at};
use crate::catalog::Transaction;
use crate::organization::new_uuid;
use crate::{Catalog, CredentialId, Error, Organization};

/// A member's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub(crate) i64);

impl MemberId {
    /// The number itself.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// A person of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their number.
    pub id: MemberId,
    /// What the API calls them.
    pub uuid: Uuid,
    pub(crate) organization: i64,
    /// What they act with when they are signed in.
    pub credential: CredentialId,
    /// Their e-mail address, in lower case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The ids by which events name them, beside the e-mail address.
    pub actors: Vec<String>,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whom the provider of their sign-in says that they are: issuer and subject.
    pub provided: Option<Provided>,
    /// Whether they may not sign in for now.
    pub is_suspended: bool,
    /// When they were made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When they last signed in.
    pub signed_in_ms: Option<i64>,
}

/// Who somebody is for an OpenID provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The provider.
    pub issuer: String,
    /// What it calls them, for ever.
    pub subject: String,
}

/// A member to be made.
#[derive(Clone)]
pub struct NewMember {
    /// Their e-mail address, in lower case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The hash of their password, as a PHC string.
    pub password: Option<String>,
    /// Who they are for an OpenID provider.
    pub provided: Option<Provided>,
    /// The roles that they hold.
    pub roles: Vec<RoleId>,
    /// The groups that they are in.
    pub groups: Vec<GroupId>,
}

impl fmt::Debug for NewMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMember").field("email", &self.email).finish_non_exhaustive()
    }
}

/// What is to be changed of a member; what is absent stays.
#[derive(Clone, Default)]
pub struct MemberChange {
    /// Their name.
    pub name: Option<String>,
    /// The ids by which events name them.
    pub actors: Option<Vec<String>>,
    /// Whether they may not sign in. Their sessions end.
    pub is_suspended: Option<bool>,
    /// The hash of their password, as a PHC string.
    pub password: Option<String>,
    /// Who they are for an OpenID provider.
    pub provided: Option<Provided>,
}

impl MemberChange {
    /// Refuses what cannot be: for whoever wants to know before anything is recorded.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(name) = &self.name {
            check_person_name("member", name)?;
        }
        self.actors.as_deref().map_or(Ok(()), check_actors)
    }
}

const COLUMNS: &str = "id, uuid, organization, credential, email, name, actors, password, issuer, subject, \
                       is_suspended, created_ms, signed_in_ms";

fn read(row: &AnyRow) -> Result<(Member, Option<String>), Error> {
    let doing = Error::catalog("reading members");
    let password: Option<String> = row.try_get(7).map_err(&doing)?;
    let issuer: Option<String> = row.try_get(8).map_err(&doing)?;
    let subject: Option<String> = row.try_get(9).map_err(&doing)?;
    let member = Member {
        id: MemberId(row.try_get(0).map_err(&doing)?),
        uuid: uuid_at(row, 1, "a member")?,
        organization: row.try_get(2).map_err(&doing)?,
        credential: CredentialId(row.try_get(3).map_err(&doing)?),
        email: row.try_get(4).map_err(&doing)?,
        name: row.try_get(5).map_err(&doing)?,
        actors: json_at(row, 6, "a member")?,
        has_password: password.is_some(),
        provided: issuer.zip(subject).map(|(issuer, subject)| Provided { issuer, subject }),
        is_suspended: row.try_get::<i64, _>(10).map_err(&doing)? == 1,
        created_ms: row.try_get(11).map_err(&doing)?,
        signed_in_ms: row.try_get(12).map_err(&doing)?,
    };
    Ok((member, password))
}

pub(super) async fn all(tx: &mut Transaction) -> Result<Vec<Member>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM members WHERE removed_ms IS NULL ORDER BY id");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(tx.connection()).await;
    let rows = rows.map_err(Error::catalog("reading members"))?;
    rows.iter().map(|row| read(row).map(|(member, _)| member)).collect()
}

impl Catalog {
    /// The member of an e-mail address, and the hash of their password.
    pub async fn member_of_email(
        &self,
        organization: &Organization,
        email: &str,
    ) -> Result<Option<(Member, Option<String>)>, Error> {
        let sql =
            format!("SELECT {COLUMNS} FROM members WHERE organization = $1 AND email = $2 AND removed_ms IS NULL");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(organization.id)
            .bind(email.to_owned())
            .fetch_optional(self.pool())
            .await
            .map_err(Error::catalog("reading members"))?;
        row.as_ref().map(read).transpose()
    }

    /// The member whom a provider calls so.
    pub async fn member_provided(
        &self,
        organization: &Organization,
        provided: &Provided,
    ) -> Result<Option<Member>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM members WHERE organization = $1 AND issuer = $2 AND subject = $3 \
             AND removed_ms IS NULL"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(organization.id)
            .bind(provided.issuer.clone())
            .bind(provided.subject.clone())
            .fetch_optional(self.pool())
            .await
            .map_err(Error::catalog("reading members"))?;
        Ok(row.as_ref().map(read).transpose()?.map(|(member, _)| member))
    }

    /// Puts a hash of the same password in the place of an older one. Nothing else changes.
    pub async fn replace_password(&self, id: MemberId, old: &str, new: &str) -> Result<(), Error> {
        sqlx::query("UPDATE members SET password = $1 WHERE id = $2 AND password = $3")
            .bind(new.to_owned())
            .bind(id.0)
            .bind(old.to_owned())
            .execute(self.pool())
            .await
            .map(drop)
            .map_err(Error::catalog("changing a member"))
    }

    /// Notes when a member signed in, in milliseconds since 1970. That gives credentials no new version.
    pub async fn note_sign_in(&self, id: MemberId, now_ms: i64) -> Result<(), Error> {
        sqlx::query("UPDATE members SET signed_in_ms = $1 WHERE id = $2")
            .bind(now_ms)
            .bind(id.0)
            .execute(self.pool())
            .await
            .map(drop)
            .map_err(Error::catalog("noting a sign-in"))
    }

    /// When the members of an organization last signed in, in milliseconds since 1970. What is in memory knows of it
    /// only as of the last change of something else.
    pub async fn sign_ins(&self, organization: &Organization) -> Result<HashMap<MemberId, i64>, Error> {
        let doing = Error::catalog("reading members");
        let sql = "SELECT id, signed_in_ms FROM members WHERE organization = $1 AND signed_in_ms IS NOT NULL";
        let rows = sqlx::query(sql).bind(organization.id).fetch_all(self.pool()).await.map_err(&doing)?;
        let read = |row: &AnyRow| Ok((MemberId(row.try_get(0)?), row.try_get(1)?));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(&doing)
    }

    /// Makes a member.
    pub async fn create_member(&self, organization: &Organization, new: &NewMember) -> Result<Member, Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let member = tx.insert_member(organization, new).await?;
        tx.commit().await?;
        Ok(member)
    }

    /// Changes a member. With a new password, or suspended, all their sessions end.
    pub async fn change_member(
        &self,
        organization: &Organization,
        id: MemberId,
        change: &MemberChange,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let admins = tx.admins(organization).await?;
        tx.write_member(id, change).await?;
        tx.commit_with_admin(organization, admins).await
    }

    /// Removes a member: they are signed out everywhere, their tokens are revoked, and their views go with them. What
    /// they did stays recorded.
    pub async fn remove_member(&self, organization: &Organization, id: MemberId) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let admins = tx.admins(organization).await?;
        let now_ms = tx.now_ms();
        tx.run("DELETE FROM sessions WHERE member = $1", &[id.0]).await?;
        tx.run("DELETE FROM member_roles WHERE member = $1", &[id.0]).await?;
        tx.run("DELETE FROM group_members WHERE member = $1", &[id.0]).await?;
        // Whoever makes a view now stands in line, so that none stays behind.
        tx.next_id("views").await?;
        tx.run("DELETE FROM views WHERE member = $1", &[id.0]).await?;
        tx.run(
            "UPDATE credentials SET token_hash = NULL, revoked_ms = $1 WHERE member = $2 AND revoked_ms IS NULL",
            &[now_ms, id.0],
        )
        .await?;
        let sql = "UPDATE invitations SET revoked_ms = $1 WHERE member = $2 AND accepted_ms IS NULL \
                   AND revoked_ms IS NULL";
        tx.run(sql, &[now_ms, id.0]).await?;
        tx.run("UPDATE members SET removed_ms = $1, password = NULL WHERE id = $2", &[now_ms, id.0]).await?;
        tx.commit_with_admin(organization, admins).await
    }
}

impl Transaction {
    pub(super) async fn insert_member(
        &mut self,
        organization: &Organization,
        new: &NewMember,
    ) -> Result<Member, Error> {
        check_email(&new.email)?;
        check_person_name("member", &new.name)?;
        self.refuse_too_many(organization, Counted::Members).await?;
        let taken = "SELECT COUNT(*) FROM members WHERE organization = $1 AND email = $2 AND removed_ms IS NULL";
        let taken: i64 = sqlx::query_scalar(taken)
            .bind(organization.id)
            .bind(new.email.clone())
            .fetch_one(self.connection())
            .await
            .map_err(Error::catalog("reading members"))?;
        if taken > 0 {
            return Err(Error::Taken(format!("there is a member with the e-mail address {} already", new.email)));
        }
        let (id, uuid, created_ms) = (MemberId(self.next_id("members").await?), new_uuid()?, self.now_ms());
        let credential = self.insert_member_credential(organization.id, id, &new.email).await?;
        sqlx::query(
            "INSERT INTO members (id, uuid, organization, credential, email, name, actors, password, issuer, subject, \
             is_suspended, created_ms) VALUES ($1, $2, $3, $4, $5, $6, '[]', $7, $8, $9, 0, $10)",
        )
        .bind(id.0)
        .bind(uuid.to_string())
        .bind(organization.id)
        .bind(credential.0)
        .bind(new.email.clone())
        .bind(new.name.clone())
        .bind(new.password.clone())
        .bind(new.provided.as_ref().map(|provided| provided.issuer.clone()))
        .bind(new.provided.as_ref().map(|provided| provided.subject.clone()))
        .bind(created_ms)
        .execute(self.connection())
        .await
        .map_err(Error::catalog("making a member"))?;
        for role in &new.roles {
            self.put_role(*role, Holder::Member(id), true).await?;
        }
        for group in &new.groups {
            self.put_group_member(*group, id, true).await?;
        }
        Ok(Member {
            id,
            uuid,
            organization: organization.id,
            credential,
            email: new.email.clone(),
            name: new.name.clone(),
            actors: Vec::new(),
            has_password: new.password.is_some(),
            provided: new.provided.clone(),
            is_suspended: false,
            created_ms,
            signed_in_ms: None,
        })
    }

    pub(super) async fn write_member(&mut self, id: MemberId, change: &MemberChange) -> Result<(), Error> {
        change.check()?;
        let provided = change.provided.as_ref();
        sqlx::query(
            "UPDATE members SET name = COALESCE($1, name), actors = COALESCE($2, actors), \
             is_suspended = COALESCE($3, is_suspended), password = COALESCE($4, password), \
             issuer = COALESCE($5, issuer), subject = COALESCE($6, subject) WHERE id = $7",
        )
        .bind(change.name.clone())
        .bind(change.actors.as_ref().map(json_of))
        .bind(change.is_suspended.map(i64::from))
        .bind(change.password.clone())
        .bind(provided.map(|provided| provided.issuer.clone()))
        .bind(provided.map(|provided| provided.subject.clone()))
        .bind(id.0)
        .execute(self.connection())
        .await
        .map_err(Error::catalog("changing a member"))?;
        if change.password.is_some() || change.is_suspended == Some(true) {
            self.run("DELETE FROM sessions WHERE member = $1", &[id.0]).await?;
        }
        Ok(())
    }
}

/// Refuses what is no e-mail address, roughly: what can be written to is for the mail server to say.
fn check_email(email: &str) -> Result<(), Error> {
    let is_one = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && email.len() <= EMAIL_BYTES_MAX
    });
    if !is_one || email.chars().any(|c| c.is_whitespace() || c.is_control() || c.is_uppercase()) {
        let rule = format!("an e-mail address has one @, at most {EMAIL_BYTES_MAX} bytes, no white space");
        return Err(Error::Name(format!("{rule} and no upper case; {email:?} is none")));
    }
    Ok(())
}

fn check_actors(actors: &[String]) -> Result<(), Error> {
    if actors.len() > ACTORS_OF_MEMBER_MAX {
        let count = actors.len();
        return Err(Error::Name(format!("{count} ids of actors are more than {ACTORS_OF_MEMBER_MAX}")));
    }
    let is_wrong = |id: &&String| id.trim().is_empty() || id.chars().count() > NAME_CHARS_MAX * 2;
    match actors.iter().find(is_wrong) {
        Some(_) => Err(Error::Name(format!("an id of an actor has 1 to {} characters", NAME_CHARS_MAX * 2))),
        None => Ok(()),
    }
}
