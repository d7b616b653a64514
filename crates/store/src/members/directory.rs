//! All members, groups and roles in memory, as they were at one version of the catalog.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;

use super::{Group, GroupId, Member, MemberId, Role, RoleId, group, member, role};
use crate::catalog::Transaction;
use crate::{Error, Organization};

/// Members, groups, roles, and who holds what.
#[derive(Debug, Default)]
pub struct Directory {
    members: HashMap<MemberId, Arc<Member>>,
    groups: HashMap<GroupId, Arc<Group>>,
    roles: HashMap<RoleId, Arc<Role>>,
    groups_of: HashMap<MemberId, Vec<GroupId>>,
    roles_of: HashMap<MemberId, Vec<RoleId>>,
    roles_of_group: HashMap<GroupId, Vec<RoleId>>,
}

impl Directory {
    pub(crate) async fn read(tx: &mut Transaction) -> Result<Self, Error> {
        let doing = Error::catalog("reading groups and roles");
        let mut directory = Self::default();
        for member in member::all(tx).await? {
            directory.members.insert(member.id, Arc::new(member));
        }
        let sql = format!("SELECT {} FROM member_groups", group::COLUMNS);
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(tx.connection()).await.map_err(&doing)? {
            let group = group::read(&row)?;
            directory.groups.insert(group.id, Arc::new(group));
        }
        let sql = format!("SELECT {} FROM roles", role::COLUMNS);
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(tx.connection()).await.map_err(&doing)? {
            let role = role::read(&row)?;
            directory.roles.insert(role.id, Arc::new(role));
        }
        for (one, other) in pairs(tx, "SELECT member, member_group FROM group_members").await? {
            directory.groups_of.entry(MemberId(one)).or_default().push(GroupId(other));
        }
        for (one, other) in pairs(tx, "SELECT member, role FROM member_roles").await? {
            directory.roles_of.entry(MemberId(one)).or_default().push(RoleId(other));
        }
        for (one, other) in pairs(tx, "SELECT member_group, role FROM group_roles").await? {
            directory.roles_of_group.entry(GroupId(one)).or_default().push(RoleId(other));
        }
        Ok(directory)
    }

    /// A member by their number.
    pub fn member(&self, id: MemberId) -> Option<&Arc<Member>> {
        self.members.get(&id)
    }

    /// A member of an organization by the name that the API gives them.
    pub fn member_of(&self, organization: &Organization, uuid: Uuid) -> Option<&Arc<Member>> {
        self.members.values().find(|member| member.uuid == uuid && member.organization == organization.id)
    }

    /// The members of an organization, by their e-mail addresses.
    pub fn members(&self, organization: &Organization) -> Vec<Arc<Member>> {
        let own = self.members.values().filter(|member| member.organization == organization.id);
        let mut own: Vec<_> = own.map(Arc::clone).collect();
        own.sort_by(|a, b| a.email.cmp(&b.email));
        own
    }

    /// The groups of an organization, by their handles.
    pub fn groups(&self, organization: &Organization) -> Vec<Arc<Group>> {
        let own = self.groups.values().filter(|group| group.organization == organization.id);
        let mut own: Vec<_> = own.map(Arc::clone).collect();
        own.sort_by(|a, b| a.handle.cmp(&b.handle));
        own
    }

    /// The group of a handle.
    pub fn group(&self, organization: &Organization, handle: &str) -> Option<&Arc<Group>> {
        self.groups.values().find(|group| group.handle == handle && group.organization == organization.id)
    }

    /// The roles of an organization: the built-in ones first, then by their handles.
    pub fn roles(&self, organization: &Organization) -> Vec<Arc<Role>> {
        let own = self.roles.values().filter(|role| role.organization == organization.id);
        let mut own: Vec<_> = own.map(Arc::clone).collect();
        own.sort_by(|a, b| (!a.is_built_in, &a.handle).cmp(&(!b.is_built_in, &b.handle)));
        own
    }

    /// The role of a handle.
    pub fn role(&self, organization: &Organization, handle: &str) -> Option<&Arc<Role>> {
        self.roles.values().find(|role| role.handle == handle && role.organization == organization.id)
    }

    /// The groups that a member is in, by their handles.
    pub fn groups_of(&self, member: MemberId) -> Vec<Arc<Group>> {
        let ids = self.groups_of.get(&member).into_iter().flatten();
        let mut groups: Vec<_> = ids.filter_map(|id| self.groups.get(id)).map(Arc::clone).collect();
        groups.sort_by(|a, b| a.handle.cmp(&b.handle));
        groups
    }

    /// The members of a group, by their e-mail addresses.
    pub fn members_of(&self, group: GroupId) -> Vec<Arc<Member>> {
        let is_in = |member: &&Arc<Member>| self.groups_of.get(&member.id).is_some_and(|all| all.contains(&group));
        let mut members: Vec<_> = self.members.values().filter(is_in).map(Arc::clone).collect();
        members.sort_by(|a, b| a.email.cmp(&b.email));
        members
    }

    /// The roles that a member holds themselves, by their handles.
    pub fn own_roles_of(&self, member: MemberId) -> Vec<Arc<Role>> {
        self.known_roles(self.roles_of.get(&member))
    }

    /// The roles that a group holds, by their handles.
    pub fn roles_of_group(&self, group: GroupId) -> Vec<Arc<Role>> {
        self.known_roles(self.roles_of_group.get(&group))
    }

    /// All roles that a member holds, themselves or through a group, each once, by their handles.
    pub fn roles_of(&self, member: MemberId) -> Vec<Arc<Role>> {
        let mut roles = self.own_roles_of(member);
        for group in self.groups_of.get(&member).into_iter().flatten() {
            roles.extend(self.roles_of_group(*group));
        }
        roles.sort_by(|a, b| a.handle.cmp(&b.handle));
        roles.dedup_by_key(|role| role.id);
        roles
    }

    /// Who holds a role themselves: members and groups.
    pub fn holders_of(&self, role: RoleId) -> (Vec<Arc<Member>>, Vec<Arc<Group>>) {
        let holds = |ids: Option<&Vec<RoleId>>| ids.is_some_and(|ids| ids.contains(&role));
        let members = self.members.values().filter(|member| holds(self.roles_of.get(&member.id)));
        let mut members: Vec<_> = members.map(Arc::clone).collect();
        members.sort_by(|a, b| a.email.cmp(&b.email));
        let groups = self.groups.values().filter(|group| holds(self.roles_of_group.get(&group.id)));
        let mut groups: Vec<_> = groups.map(Arc::clone).collect();
        groups.sort_by(|a, b| a.handle.cmp(&b.handle));
        (members, groups)
    }

    fn known_roles(&self, ids: Option<&Vec<RoleId>>) -> Vec<Arc<Role>> {
        let ids = ids.into_iter().flatten();
        let mut roles: Vec<_> = ids.filter_map(|id| self.roles.get(id)).map(Arc::clone).collect();
        roles.sort_by(|a, b| a.handle.cmp(&b.handle));
        roles
    }
}

async fn pairs(tx: &mut Transaction, sql: &'static str) -> Result<Vec<(i64, i64)>, Error> {
    let doing = Error::catalog("reading groups and roles");
    let rows = sqlx::query(sql).fetch_all(tx.connection()).await.map_err(&doing)?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map_err(&doing)
}
