//! What a caller may do: the permissions that a token's scopes, or the roles of a member, come to; each for all events
//! or narrowed to some.
//!
//! Roles add up. Whoever has a permission from one role that is not narrowed has it for all events; from several that
//! are, for the events of any of them. A field that any of these roles hides is hidden, since which role let an event
//! through is not asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trailbook_event::Field;
use trailbook_query::{Condition, Error, Hidden, Narrowing, Query, params};
use trailbook_store::Credential;
use trailbook_store::credential::{Kind, Permission};
use trailbook_store::members::{MEMBER, Member, NewRole, Role};

/// To which events and fields a role is narrowed. Its JSON is what the catalog keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RoleNarrowing {
    /// Conditions, as the parameters of a search: an event meets all of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) filter: BTreeMap<String, String>,
    /// Fields that are not seen.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) without: BTreeSet<String>,
    /// Ids of an actor of whom all seen events are; absent for events of everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of_actor: Option<BTreeSet<String>>,
}

impl RoleNarrowing {
    /// Refuses what cannot be asked.
    pub(crate) fn check(&self) -> Result<(), Error> {
        Sight(Some(BTreeSet::from([self.clone()]))).narrow().map(drop)
    }

    /// Whether it lets everything through.
    pub(crate) fn is_of_all(&self) -> bool {
        *self == Self::default()
    }

    /// Lists of conditions of which an event meets all of one.
    fn lists(&self) -> Result<Vec<Vec<Condition>>, Error> {
        let conditions = params::conditions(&self.filter)?;
        let Some(actors) = &self.of_actor else { return Ok(vec![conditions]) };
        let of = |field: Field| {
            let mut list = conditions.clone();
            list.push(Condition::is_any(field, actors.iter().cloned()));
            list
        };
        Ok(vec![of(Field::ActorId), of(Field::ActorEmail)])
    }

    /// Whether what this lets through is let through by the other too, as far as their words tell.
    fn is_within(&self, other: &Self) -> bool {
        let has_filter = other.filter.iter().all(|(name, value)| self.filter.get(name) == Some(value));
        let is_of_actor = match (&self.of_actor, &other.of_actor) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) => own.is_subset(others),
        };
        has_filter && is_of_actor && self.without.is_superset(&other.without)
    }
}

/// The events, and the fields of them, that somebody sees: all, or those of any of these narrowings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sight(Option<BTreeSet<RoleNarrowing>>);

impl Sight {
    /// All events and fields.
    pub(crate) const ALL: Sight = Sight(None);

    /// No event.
    pub(crate) const NOTHING: Sight = Sight(Some(BTreeSet::new()));

    /// Whether it is of all events and fields.
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_none()
    }

    fn add(&mut self, narrowing: Option<&RoleNarrowing>) {
        match (&mut self.0, narrowing) {
            (Some(all), Some(one)) => {
                all.insert(one.clone());
            }
            (all, None) => *all = None,
            (None, Some(_)) => {}
        }
    }

    fn of(narrowing: Option<&RoleNarrowing>) -> Self {
        Self(narrowing.map(|one| BTreeSet::from([one.clone()])))
    }

    /// Whether everything that the other shows is shown here too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, _) => true,
            (Some(_), None) => false,
            // What is hidden is hidden by any: each must be within one that hides no more than all do here.
            (Some(own), Some(others)) => {
                let hidden: BTreeSet<&String> = own.iter().flat_map(|one| &one.without).collect();
                let of_others: BTreeSet<&String> = others.iter().flat_map(|one| &one.without).collect();
                let without = |one: &RoleNarrowing| RoleNarrowing { without: BTreeSet::new(), ..one.clone() };
                let is_within = |one: &RoleNarrowing| own.iter().any(|mine| without(one).is_within(&without(mine)));
                others.iter().all(is_within) && of_others.is_superset(&hidden)
            }
        }
    }

    /// It in the words of queries: lists of conditions, and hidden fields.
    pub(crate) fn narrow(&self) -> Result<(Option<Narrowing>, Hidden), Error> {
        let Some(all) = &self.0 else { return Ok((None, Hidden::default())) };
        let mut lists = Vec::new();
        for one in all {
            lists.extend(one.lists()?);
        }
        let names: BTreeSet<&String> = all.iter().flat_map(|one| &one.without).collect();
        let names: Vec<&String> = names.into_iter().collect();
        let shows_all = lists.iter().any(Vec::is_empty);
        let narrowing = if shows_all { None } else { Some(Narrowing::new(lists)?) };
        Ok((narrowing, Hidden::new(&names)?))
    }

    /// Narrows a query to what is seen, and says what is to be taken out of what it finds.
    pub(crate) fn apply(&self, query: &mut Query) -> Result<Hidden, Error> {
        let (narrowing, hidden) = self.narrow()?;
        hidden.check(query)?;
        query.within = narrowing;
        Ok(hidden)
    }

    /// The same for a query of a dialect: that events of outcome `initiated` are left out is the dialect's own
    /// condition, which holds though the outcome is hidden.
    pub(crate) fn apply_of_dialect(&self, query: &mut Query) -> Result<Hidden, Error> {
        let own = Condition::is_not(Field::Outcome, "initiated");
        let (own, asked) = std::mem::take(&mut query.conditions).into_iter().partition(|condition| *condition == own);
        query.conditions = asked;
        let hidden = self.apply(query)?;
        query.conditions.extend::<Vec<_>>(own);
        Ok(hidden)
    }

    /// The fields that are hidden.
    pub(crate) fn hidden_names(&self) -> BTreeSet<String> {
        self.0.iter().flatten().flat_map(|one| one.without.iter().cloned()).collect()
    }
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rights(BTreeMap<Permission, Sight>);

impl Rights {
    /// What a credential comes to: its scopes, the roles of its member, or of these what both have.
    pub(crate) fn of(credential: &Credential, member: Option<&Member>, roles: &[Arc<Role>]) -> Self {
        match credential.kind() {
            Kind::Token | Kind::Issuer => Self::of_scopes(&credential.grant().scopes),
            Kind::Member(_) => member.map(|member| Self::of_roles(member, roles)).unwrap_or_default(),
            Kind::Personal(_) => {
                let mut rights = member.map(|member| Self::of_roles(member, roles)).unwrap_or_default();
                rights.0.retain(|permission, _| credential.grant().scopes.contains(permission));
                rights
            }
        }
    }

    /// Permissions for all events.
    pub(crate) fn of_scopes(scopes: &[Permission]) -> Self {
        Self(scopes.iter().map(|scope| (*scope, Sight::ALL)).collect())
    }

    /// What roles come to for a member who holds them.
    pub(crate) fn of_roles(member: &Member, roles: &[Arc<Role>]) -> Self {
        let mut rights = Self::default();
        for role in roles {
            let narrowing = narrowing_of(role, Some(member));
            for permission in &role.permissions {
                rights.add(*permission, narrowing.as_ref());
            }
        }
        rights
    }

    /// What a role comes to for whoever may hold it.
    pub(crate) fn of_role(role: &Role) -> Self {
        Self::of_permissions(&role.permissions, narrowing_of(role, None).as_ref())
    }

    /// What a role comes to that is to be made.
    pub(crate) fn of_new_role(role: &NewRole) -> Self {
        Self::of_permissions(&role.permissions, role.narrowing.as_deref().map(read_narrowing).as_ref())
    }

    fn of_permissions(permissions: &[Permission], narrowing: Option<&RoleNarrowing>) -> Self {
        let mut rights = Self::default();
        for permission in permissions {
            rights.add(*permission, narrowing);
        }
        rights
    }

    /// What several roles come to for whoever may hold them all.
    pub(crate) fn of_all<'a>(roles: impl IntoIterator<Item = &'a Arc<Role>>) -> Self {
        let mut rights = Self::default();
        for role in roles {
            let narrowing = narrowing_of(role, None);
            for permission in &role.permissions {
                rights.add(*permission, narrowing.as_ref());
            }
        }
        rights
    }

    fn add(&mut self, permission: Permission, narrowing: Option<&RoleNarrowing>) {
        let narrowing = narrowing.filter(|_| permission.is_of_events());
        match self.0.get_mut(&permission) {
            Some(sight) => sight.add(narrowing),
            None => {
                self.0.insert(permission, Sight::of(narrowing));
            }
        }
    }

    /// Whether a permission is there, for all events or some.
    pub(crate) fn has(&self, permission: Permission) -> bool {
        self.0.contains_key(&permission)
    }

    /// The events that a permission is for; nothing where it is not there.
    pub(crate) fn sight(&self, permission: Permission) -> Option<&Sight> {
        self.0.get(&permission)
    }

    /// The permissions.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.0.keys().copied()
    }

    /// The first permission of the other that is not here as well, for as many events. Nobody grants what they lack.
    pub(crate) fn first_beyond(&self, other: &Self) -> Option<Permission> {
        let is_covered =
            |(permission, sight): &(&Permission, &Sight)| self.0.get(permission).is_some_and(|own| own.covers(sight));
        other.0.iter().find(|one| !is_covered(one)).map(|(permission, _)| *permission)
    }
}

/// What a role is narrowed to for a member who holds it; for nobody in particular without one.
fn narrowing_of(role: &Role, member: Option<&Member>) -> Option<RoleNarrowing> {
    if role.is_built_in && role.handle == MEMBER {
        let own = member.map(|member| {
            let ids = member.actors.iter().cloned();
            ids.chain([member.email.clone()]).collect()
        });
        return Some(RoleNarrowing { of_actor: Some(own.unwrap_or_default()), ..RoleNarrowing::default() });
    }
    role.narrowing.as_deref().map(read_narrowing)
}

fn read_narrowing(text: &str) -> RoleNarrowing {
    // What cannot be read shows nothing: an actor without an id has no events.
    let nothing = RoleNarrowing { of_actor: Some(BTreeSet::new()), ..RoleNarrowing::default() };
    serde_json::from_str(text).unwrap_or(nothing)
}
