//! Members, groups, roles and invitations as the settings show them: what the API says of them, and what the visitor
//! can do with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::Refusal;
use crate::ui::visit::{Visit, encoded};

/// All of a kind.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
}

/// A member.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) actors: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) roles: Vec<HeldRole>,
    pub(super) is_suspended: bool,
    pub(super) sign_in_methods: Vec<String>,
    pub(super) created_at: String,
    pub(super) last_signed_in_at: Option<String>,
}

/// A role that a member holds, and where they have it from.
#[derive(Debug, Deserialize)]
pub(super) struct HeldRole {
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) is_own: bool,
    pub(super) through: Vec<String>,
}

/// A group.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) handle: String,
    pub(super) description: String,
    pub(super) roles: Vec<String>,
    pub(super) members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Deserialize)]
pub(super) struct GroupMember {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) name: String,
}

/// A role.
#[derive(Debug, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) handle: String,
    pub(super) description: String,
    pub(super) permissions: Vec<String>,
    pub(super) narrowing: Option<Narrowing>,
    pub(super) is_built_in: bool,
    pub(super) holders: Holders,
}

/// To which events and fields a role is narrowed.
#[derive(Debug, Deserialize)]
pub(super) struct Narrowing {
    pub(super) filter: BTreeMap<String, String>,
    pub(super) without: BTreeSet<String>,
}

/// Who holds a role.
#[derive(Debug, Deserialize)]
pub(super) struct Holders {
    pub(super) members: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// An invitation, or a link for a new password.
#[derive(Debug, Deserialize)]
pub(super) struct Invitation {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) email: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) invited_by: String,
    pub(super) state: String,
    pub(super) mail: Option<String>,
    pub(super) link: Option<String>,
    pub(super) expires_at: String,
}

/// A session of a member.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) method: String,
    pub(super) address: String,
    pub(super) user_agent: String,
    pub(super) created_at: String,
    pub(super) last_used_at: String,
}

/// A role that can be chosen, or why it cannot.
pub(super) struct Choice {
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) is_chosen: bool,
    /// What the visitor lacks to give it.
    pub(super) lack: Option<String>,
}

/// All of a kind that the API lists at a path.
pub(super) async fn all<T: DeserializeOwned>(console: &Console, visit: &Visit, path: &str) -> Result<Vec<T>, Refusal> {
    Ok(console.get::<List<T>>(visit, path).await?.data)
}

/// What the API has at a path below `/api/v1/`: each part is one segment of it, whatever it contains.
pub(super) fn api<const N: usize>(parts: [&str; N]) -> String {
    parts.iter().fold("/api/v1".to_owned(), |path, part| format!("{path}/{}", encoded(part)))
}

impl Role {
    /// What the visitor lacks to give this role, take it away, or change it.
    pub(super) fn lack(&self, visit: &Visit) -> Option<String> {
        self.permissions.iter().find_map(|name| {
            let permission = Permission::from_name(name)?;
            let Some(sight) = visit.caller.rights().sight(permission) else {
                return Some(format!("it grants “{}”, which you do not have", permission.title()));
            };
            // Which of two narrowed roles shows more is the API's to say.
            let shows_all = self.narrowing.is_none() && !(self.is_built_in && self.handle == OF_ONESELF);
            (shows_all && !sight.is_all()).then(|| "it shows more events than you see".to_owned())
        })
    }
}

/// The built-in role that shows everybody what they did themselves.
const OF_ONESELF: &str = "member";

impl Choice {
    /// The roles that are not among these, as what can be chosen.
    pub(super) fn beside(visit: &Visit, roles: &[Role], held: &[&str]) -> Vec<Self> {
        let others = roles.iter().filter(|role| !held.contains(&role.handle.as_str()));
        others.map(|role| Self::of(visit, role, false)).collect()
    }

    /// A group that somebody can be put into, who gets its roles so.
    pub(super) fn of_group(visit: &Visit, group: &Group, roles: &[Role]) -> Self {
        let given: Vec<&str> = group.roles.iter().map(String::as_str).collect();
        let (handle, name) = (group.handle.clone(), group.name.clone());
        Self { handle, name, is_chosen: false, lack: lack_of(visit, roles, &given) }
    }

    pub(super) fn of(visit: &Visit, role: &Role, is_chosen: bool) -> Self {
        let (handle, name) = (role.handle.clone(), role.name.clone());
        Self { handle, name, is_chosen, lack: role.lack(visit) }
    }
}

/// What the visitor lacks of what somebody has through these roles; they can do nothing to them then.
pub(super) fn lack_of(visit: &Visit, roles: &[Role], held: &[&str]) -> Option<String> {
    let mut held = roles.iter().filter(|role| held.contains(&role.handle.as_str()));
    held.find_map(|role| role.lack(visit).map(|lack| format!("the role “{}”: {lack}", role.name)))
}

impl Member {
    /// The handles of all roles that they hold.
    pub(super) fn role_handles(&self) -> Vec<&str> {
        self.roles.iter().map(|role| role.handle.as_str()).collect()
    }

    /// How they sign in, in words.
    pub(super) fn ways_in(&self) -> String {
        match self.sign_in_methods.is_empty() {
            true => "Nothing yet".to_owned(),
            false => self.sign_in_methods.join(", "),
        }
    }
}
