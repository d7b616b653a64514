//! Members: the people of an organization, their groups, and the roles that say what they may do.
//!
//! A member belongs to one organization: somebody who is in two is two members, with two passwords, and neither
//! organization learns of the other. What a member may do is what the roles grant that they or their groups hold.
//!
//! [`Directory`] is all of it in memory, read again when the version of the credentials changes; the other files
//! change one kind of thing each, every change in one transaction that others stand in line behind. No change leaves
//! an organization that had one without a member who can sign in and holds the role Admin.

mod directory;
mod group;
mod invitation;
mod member;
mod role;
mod session;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;
use trailbook_event::limits::{
    DESCRIPTION_CHARS_MAX, GROUPS_OF_ORGANIZATION_MAX, HANDLE_CHARS_MAX, MEMBERS_OF_ORGANIZATION_MAX,
    PERSON_NAME_CHARS_MAX, ROLES_OF_ORGANIZATION_MAX,
};

use crate::catalog::Transaction;
use crate::{Error, Organization};

pub use directory::Directory;
pub use group::{Group, GroupId, check_group};
pub use invitation::{Invitation, InvitationKind, NewInvitation};
pub use member::{Member, MemberChange, MemberId, NewMember, Provided};
pub use role::{ADMIN, AUDITOR, BUILT_IN, MEMBER, NewRole, Role, RoleId};
pub use session::{NewSession, Session, SignInMethod};

/// Who may hold a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// One member.
    Member(MemberId),
    /// All members of a group.
    Group(GroupId),
}

/// A name that a role or a group is known by in the API, made from the one that people gave it: kebab case.
///
/// Letters and digits of ASCII stay, in lower case; every run of something else becomes one hyphen. Nothing where that
/// leaves nothing.
pub fn handle_of(name: &str) -> Option<String> {
    let mut handle = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            handle.push(c.to_ascii_lowercase());
        } else if !handle.is_empty() && !handle.ends_with('-') {
            handle.push('-');
        }
        if handle.len() == HANDLE_CHARS_MAX {
            break;
        }
    }
    let handle = handle.trim_end_matches('-').to_owned();
    (!handle.is_empty()).then_some(handle)
}

/// Refuses what is no handle.
fn check_handle(handle: &str) -> Result<(), Error> {
    if handle_of(handle).as_deref() == Some(handle) {
        return Ok(());
    }
    let rule = format!("1 to {HANDLE_CHARS_MAX} lower-case letters, digits and single hyphens between them");
    Err(Error::Name(format!("a handle has {rule}; {handle:?} has not")))
}

/// Refuses names that nobody could read, or that are too long.
pub fn check_person_name(what: &str, name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > PERSON_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let rule = format!("must have 1 to {PERSON_NAME_CHARS_MAX} characters, no control characters among them");
        return Err(Error::Name(format!("the name of the {what} {rule}")));
    }
    Ok(())
}

fn check_description(text: &str) -> Result<(), Error> {
    if text.chars().count() > DESCRIPTION_CHARS_MAX || text.chars().any(|c| c.is_control() && c != '\n') {
        let rule = format!("may have at most {DESCRIPTION_CHARS_MAX} characters, no control characters among them");
        return Err(Error::Name(format!("the description {rule}")));
    }
    Ok(())
}

/// What an organization has a limited number of.
#[derive(Debug, Clone, Copy)]
enum Counted {
    Members,
    Groups,
    Roles,
}

impl Counted {
    fn limit(self) -> (&'static str, u64, &'static str) {
        match self {
            Counted::Members => (
                "members",
                MEMBERS_OF_ORGANIZATION_MAX,
                "SELECT COUNT(*) FROM members WHERE organization = $1 AND removed_ms IS NULL",
            ),
            Counted::Groups => {
                ("groups", GROUPS_OF_ORGANIZATION_MAX, "SELECT COUNT(*) FROM member_groups WHERE organization = $1")
            }
            Counted::Roles => {
                ("roles", ROLES_OF_ORGANIZATION_MAX, "SELECT COUNT(*) FROM roles WHERE organization = $1")
            }
        }
    }
}

const CHANGING: &str = "changing members, groups or roles";

impl Transaction {
    /// Refuses one more than an organization may have.
    async fn refuse_too_many(&mut self, organization: &Organization, counted: Counted) -> Result<(), Error> {
        let (what, max, sql) = counted.limit();
        let count: i64 = sqlx::query_scalar(sql)
            .bind(organization.id)
            .fetch_one(self.connection())
            .await
            .map_err(Error::catalog(CHANGING))?;
        if u64::try_from(count).unwrap_or_default() >= max {
            return Err(Error::TooMany(format!("the organization has {max} {what}, which is as many as may be")));
        }
        Ok(())
    }

    /// How many members of an organization can sign in and hold the role Admin.
    async fn admins(&mut self, organization: &Organization) -> Result<i64, Error> {
        sqlx::query_scalar(
            "SELECT COUNT(DISTINCT m.id) FROM members m JOIN roles r ON r.organization = m.organization \
             AND r.is_built_in = 1 AND r.handle = 'admin' \
             WHERE m.organization = $1 AND m.removed_ms IS NULL AND m.is_suspended = 0 \
             AND (m.password IS NOT NULL OR m.subject IS NOT NULL) \
             AND (EXISTS (SELECT 1 FROM member_roles mr WHERE mr.member = m.id AND mr.role = r.id) \
               OR EXISTS (SELECT 1 FROM group_roles gr JOIN group_members gm ON gm.member_group = gr.member_group \
                          WHERE gr.role = r.id AND gm.member = m.id))",
        )
        .bind(organization.id)
        .fetch_one(self.connection())
        .await
        .map_err(Error::catalog(CHANGING))
    }

    /// Commits, unless that would take the last admin away.
    async fn commit_with_admin(mut self, organization: &Organization, admins_before: i64) -> Result<(), Error> {
        if admins_before > 0 && self.admins(organization).await? == 0 {
            self.rollback().await;
            return Err(Error::LastAdmin);
        }
        self.commit().await
    }

    /// Runs a statement with numbers in its places.
    async fn run(&mut self, sql: &'static str, numbers: &[i64]) -> Result<u64, Error> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for number in numbers {
            query = query.bind(*number);
        }
        let done = query.execute(self.connection()).await.map_err(Error::catalog(CHANGING))?;
        Ok(done.rows_affected())
    }
}

fn uuid_at(row: &AnyRow, at: usize, what: &str) -> Result<Uuid, Error> {
    let text: String = row.try_get(at).map_err(Error::catalog("reading members, groups or roles"))?;
    let reason = "its id is no UUID".to_owned();
    Uuid::try_parse(&text).map_err(|_| Error::Damaged { what: what.to_owned(), reason })
}

fn json_at<T: serde::de::DeserializeOwned>(row: &AnyRow, at: usize, what: &str) -> Result<T, Error> {
    let text: String = row.try_get(at).map_err(Error::catalog("reading members, groups or roles"))?;
    serde_json::from_str(&text).map_err(|e| Error::Damaged { what: what.to_owned(), reason: e.to_string() })
}

fn json_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("lists of names are JSON")
}
