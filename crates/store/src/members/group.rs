//! Groups: members who hold the same roles.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Counted, Holder, MemberId, check_description, check_handle, check_person_name};
use crate::catalog::Transaction;
use crate::{Catalog, Error, Organization};

/// A group's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub(crate) i64);

/// A group of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    pub(crate) organization: i64,
    /// What the API calls it.
    pub handle: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

pub(super) const COLUMNS: &str = "id, organization, handle, name, description, created_ms";

pub(super) fn read(row: &AnyRow) -> Result<Group, Error> {
    let doing = Error::catalog("reading groups");
    Ok(Group {
        id: GroupId(row.try_get(0).map_err(&doing)?),
        organization: row.try_get(1).map_err(&doing)?,
        handle: row.try_get(2).map_err(&doing)?,
        name: row.try_get(3).map_err(&doing)?,
        description: row.try_get(4).map_err(&doing)?,
        created_ms: row.try_get(5).map_err(&doing)?,
    })
}

/// Refuses names of a group that cannot be: for whoever wants to know before anything is recorded.
pub fn check_group(handle: &str, (name, description): (&str, &str)) -> Result<(), Error> {
    check_handle(handle)?;
    check_person_name("group", name)?;
    check_description(description)
}

impl Catalog {
    /// Makes a group without members.
    pub async fn create_group(
        &self,
        organization: &Organization,
        handle: &str,
        (name, description): (&str, &str),
    ) -> Result<(), Error> {
        check_group(handle, (name, description))?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        tx.refuse_too_many(organization, Counted::Groups).await?;
        if tx.group(organization, handle).await?.is_some() {
            return Err(Error::Taken(format!("there is a group {handle:?} already")));
        }
        let (id, now_ms) = (tx.next_id("member_groups").await?, tx.now_ms());
        sqlx::query(
            "INSERT INTO member_groups (id, organization, handle, name, description, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind(organization.id)
        .bind(handle.to_owned())
        .bind(name.to_owned())
        .bind(description.to_owned())
        .bind(now_ms)
        .execute(tx.connection())
        .await
        .map_err(Error::catalog("making a group"))?;
        tx.commit().await
    }

    /// Changes what a group is called. Its handle stays.
    pub async fn change_group(
        &self,
        organization: &Organization,
        handle: &str,
        (name, description): (&str, &str),
    ) -> Result<(), Error> {
        check_person_name("group", name)?;
        check_description(description)?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let group = tx.known_group(organization, handle).await?;
        sqlx::query("UPDATE member_groups SET name = $1, description = $2 WHERE id = $3")
            .bind(name.to_owned())
            .bind(description.to_owned())
            .bind(group.id.0)
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("changing a group"))?;
        tx.commit().await
    }

    /// Removes a group. Its members stay members of the organization, without what it gave them.
    pub async fn remove_group(&self, organization: &Organization, handle: &str) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let admins = tx.admins(organization).await?;
        let group = tx.known_group(organization, handle).await?;
        tx.run("DELETE FROM group_roles WHERE member_group = $1", &[group.id.0]).await?;
        tx.run("DELETE FROM group_members WHERE member_group = $1", &[group.id.0]).await?;
        tx.run("DELETE FROM member_groups WHERE id = $1", &[group.id.0]).await?;
        tx.commit_with_admin(organization, admins).await
    }

    /// Puts a member into a group, or takes them out. Both are of the organization, as the caller has seen to.
    pub async fn set_group_member(
        &self,
        organization: &Organization,
        group: GroupId,
        member: MemberId,
        is_in: bool,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let admins = tx.admins(organization).await?;
        tx.put_group_member(group, member, is_in).await?;
        if is_in {
            tx.revoke_password_links(Holder::Member(member)).await?;
        }
        tx.commit_with_admin(organization, admins).await
    }

    /// Makes the groups of a member those that the provider of the sign-in names: they are put into these, and taken
    /// out of those that it named before. Groups that somebody else put them into stay.
    pub async fn set_provided_groups(
        &self,
        organization: &Organization,
        member: MemberId,
        groups: &[GroupId],
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let admins = tx.admins(organization).await?;
        tx.run("DELETE FROM group_members WHERE member = $1 AND is_provided = 1", &[member.0]).await?;
        for group in groups {
            let sql = "INSERT INTO group_members (member_group, member, is_provided) VALUES ($1, $2, 1) \
                       ON CONFLICT DO NOTHING";
            tx.run(sql, &[group.0, member.0]).await?;
        }
        tx.commit_with_admin(organization, admins).await
    }
}

impl Transaction {
    pub(super) async fn group(&mut self, organization: &Organization, handle: &str) -> Result<Option<Group>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM member_groups WHERE organization = $1 AND handle = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.id)
            .bind(handle.to_owned())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::catalog("reading groups"))?;
        row.as_ref().map(read).transpose()
    }

    async fn known_group(&mut self, organization: &Organization, handle: &str) -> Result<Group, Error> {
        let found = self.group(organization, handle).await?;
        found.ok_or_else(|| Error::Missing(format!("there is no group {handle:?}")))
    }

    pub(super) async fn put_group_member(
        &mut self,
        group: GroupId,
        member: MemberId,
        is_in: bool,
    ) -> Result<(), Error> {
        let sql = if is_in {
            // What somebody says by hand stays, whatever the provider says later.
            "INSERT INTO group_members (member_group, member, is_provided) VALUES ($1, $2, 0) \
             ON CONFLICT (member_group, member) DO UPDATE SET is_provided = 0"
        } else {
            "DELETE FROM group_members WHERE member_group = $1 AND member = $2"
        };
        self.run(sql, &[group.0, member.0]).await.map(drop)
    }
}
