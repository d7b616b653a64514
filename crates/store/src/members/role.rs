//! Roles: named sets of permissions, which may be narrowed to some events and fields.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Counted, Holder, check_description, check_handle, check_person_name, json_at, json_of};
use crate::catalog::Transaction;
use crate::credential::Permission;
use crate::{Catalog, Error, Organization};

/// A role's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleId(pub(crate) i64);

/// The handle of the built-in role that may do everything.
pub const ADMIN: &str = "admin";
/// The handle of the built-in role that reads, exports and proves.
pub const AUDITOR: &str = "auditor";
/// The handle of the built-in role that sees its own events.
pub const MEMBER: &str = "member";

/// The roles that every organization has: handle, name, description.
pub const BUILT_IN: [(&str, &str, &str); 3] = [
    (ADMIN, "Admin", "May do everything"),
    (AUDITOR, "Auditor", "Reads all events, takes them out and proves them; changes nothing"),
    (MEMBER, "Member", "Sees the events of which they are the actor"),
];

/// A role of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its number.
    pub id: RoleId,
    pub(crate) organization: i64,
    /// What the API calls it.
    pub handle: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it grants.
    pub permissions: Vec<Permission>,
    /// To which events and fields it is narrowed, in the server's own JSON; nothing where it is not.
    pub narrowing: Option<String>,
    /// Whether every organization has it, so that it cannot be changed.
    pub is_built_in: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// A role as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// What the API calls it.
    pub handle: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it grants.
    pub permissions: Vec<Permission>,
    /// To which events and fields it is narrowed.
    pub narrowing: Option<String>,
}

impl NewRole {
    /// Refuses names that cannot be: for whoever wants to know before anything is recorded.
    pub fn check(&self) -> Result<(), Error> {
        check_handle(&self.handle)?;
        check_person_name("role", &self.name)?;
        check_description(&self.description)
    }
}

pub(super) const COLUMNS: &str =
    "id, organization, handle, name, description, permissions, narrowing, is_built_in, created_ms";

pub(super) fn read(row: &AnyRow) -> Result<Role, Error> {
    let doing = Error::catalog("reading roles");
    let is_built_in = row.try_get::<i64, _>(7).map_err(&doing)? == 1;
    let handle: String = row.try_get(2).map_err(&doing)?;
    let permissions = match built_in(&handle).filter(|_| is_built_in) {
        Some(permissions) => permissions,
        None => json_at(row, 5, "a role")?,
    };
    Ok(Role {
        id: RoleId(row.try_get(0).map_err(&doing)?),
        organization: row.try_get(1).map_err(&doing)?,
        handle,
        name: row.try_get(3).map_err(&doing)?,
        description: row.try_get(4).map_err(&doing)?,
        permissions,
        narrowing: row.try_get(6).map_err(&doing)?,
        is_built_in,
        created_ms: row.try_get(8).map_err(&doing)?,
    })
}

/// What a built-in role grants. That a Member sees their own events alone is for the server to narrow.
fn built_in(handle: &str) -> Option<Vec<Permission>> {
    match handle {
        ADMIN => Some(Permission::ALL.to_vec()),
        AUDITOR => Some(vec![Permission::EventsRead, Permission::LogRead, Permission::Exports]),
        MEMBER => Some(vec![Permission::EventsRead]),
        _ => None,
    }
}

impl Catalog {
    /// Makes a role.
    pub async fn create_role(&self, organization: &Organization, new: &NewRole) -> Result<(), Error> {
        new.check()?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        tx.refuse_too_many(organization, Counted::Roles).await?;
        if tx.role(organization, &new.handle).await?.is_some() {
            return Err(Error::Taken(format!("there is a role {:?} already", new.handle)));
        }
        tx.insert_role(organization.id, new, false).await?;
        tx.commit().await
    }

    /// Changes what a role is called, and what it grants. Its handle stays.
    pub async fn change_role(&self, organization: &Organization, new: &NewRole) -> Result<(), Error> {
        new.check()?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let role = tx.own_role(organization, &new.handle).await?;
        sqlx::query("UPDATE roles SET name = $1, description = $2, permissions = $3, narrowing = $4 WHERE id = $5")
            .bind(new.name.clone())
            .bind(new.description.clone())
            .bind(json_of(&new.permissions))
            .bind(new.narrowing.clone())
            .bind(role.id.0)
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("changing a role"))?;
        tx.commit().await
    }

    /// Removes a role, and takes it away from whoever holds it.
    pub async fn remove_role(&self, organization: &Organization, handle: &str) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let role = tx.own_role(organization, handle).await?;
        tx.run("DELETE FROM member_roles WHERE role = $1", &[role.id.0]).await?;
        tx.run("DELETE FROM group_roles WHERE role = $1", &[role.id.0]).await?;
        tx.run("DELETE FROM roles WHERE id = $1", &[role.id.0]).await?;
        tx.commit().await
    }

    /// Gives a role to somebody, or takes it away. Holder and role are of the organization, as the caller has seen to.
    pub async fn set_role(
        &self,
        organization: &Organization,
        role: RoleId,
        holder: Holder,
        is_held: bool,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let admins = tx.admins(organization).await?;
        tx.put_role(role, holder, is_held).await?;
        if is_held {
            tx.revoke_password_links(holder).await?;
        }
        tx.commit_with_admin(organization, admins).await
    }
}

impl Transaction {
    /// Gives an organization the roles that every one has.
    pub(crate) async fn create_built_in_roles(&mut self, organization: i64) -> Result<(), Error> {
        for (handle, name, description) in BUILT_IN {
            let role = NewRole {
                handle: handle.to_owned(),
                name: name.to_owned(),
                description: description.to_owned(),
                permissions: Vec::new(),
                narrowing: None,
            };
            self.insert_role(organization, &role, true).await?;
        }
        Ok(())
    }

    async fn insert_role(&mut self, organization: i64, new: &NewRole, is_built_in: bool) -> Result<(), Error> {
        let (id, now_ms) = (self.next_id("roles").await?, self.now_ms());
        sqlx::query(
            "INSERT INTO roles (id, organization, handle, name, description, permissions, narrowing, is_built_in, \
             created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id)
        .bind(organization)
        .bind(new.handle.clone())
        .bind(new.name.clone())
        .bind(new.description.clone())
        .bind(json_of(&new.permissions))
        .bind(new.narrowing.clone())
        .bind(i64::from(is_built_in))
        .bind(now_ms)
        .execute(self.connection())
        .await
        .map(drop)
        .map_err(Error::catalog("making a role"))
    }

    pub(super) async fn role(&mut self, organization: &Organization, handle: &str) -> Result<Option<Role>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM roles WHERE organization = $1 AND handle = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.id)
            .bind(handle.to_owned())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::catalog("reading roles"))?;
        row.as_ref().map(read).transpose()
    }

    /// A role that can be changed.
    async fn own_role(&mut self, organization: &Organization, handle: &str) -> Result<Role, Error> {
        match self.role(organization, handle).await? {
            None => Err(Error::Missing(format!("there is no role {handle:?}"))),
            Some(role) if role.is_built_in => {
                Err(Error::Name(format!("the role {handle:?} is built in and cannot be changed or removed")))
            }
            Some(role) => Ok(role),
        }
    }

    pub(super) async fn put_role(&mut self, role: RoleId, holder: Holder, is_held: bool) -> Result<(), Error> {
        let (sql, id) = match (holder, is_held) {
            (Holder::Member(id), true) => {
                ("INSERT INTO member_roles (role, member) VALUES ($1, $2) ON CONFLICT DO NOTHING", id.0)
            }
            (Holder::Member(id), false) => ("DELETE FROM member_roles WHERE role = $1 AND member = $2", id.0),
            (Holder::Group(id), true) => {
                ("INSERT INTO group_roles (role, member_group) VALUES ($1, $2) ON CONFLICT DO NOTHING", id.0)
            }
            (Holder::Group(id), false) => ("DELETE FROM group_roles WHERE role = $1 AND member_group = $2", id.0),
        };
        self.run(sql, &[role.0, id]).await.map(drop)
    }
}
