//! The scopes of a token as boxes to tick, by what they are about.

use super::visit::Visit;
use crate::auth::Permission;
use crate::gate::form::Form;

/// Scopes that are about the same.
pub(super) struct ScopeArea {
    /// What they are about, as roles name it: `LOG-MANAGEMENT`.
    pub(super) name: &'static str,
    pub(super) scopes: Vec<Scope>,
}

/// A scope as a box.
pub(super) struct Scope {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) is_ticked: bool,
    /// Why the visitor cannot give it.
    pub(super) lack: Option<&'static str>,
}

/// The name of a scope's box.
fn field(permission: Permission) -> String {
    format!("scope.{}", permission.name())
}

/// The scopes that are ticked in a form.
pub(super) fn ticked(form: &Form) -> Vec<Permission> {
    let is_ticked = |permission: &Permission| !form.text(&field(*permission)).is_empty();
    Permission::ALL.into_iter().filter(is_ticked).collect()
}

/// Their names.
pub(super) fn names(scopes: &[Permission]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.name()).collect()
}

/// What a member can give a token of their own: what they have.
pub(super) fn own(visit: &Visit, ticked: &[Permission]) -> Vec<ScopeArea> {
    areas(ticked, |permission| visit.may(permission).then_some(None))
}

/// What a member can give a token of the organization: what they have, for all events; the rest is shown too.
pub(super) fn of_organization(visit: &Visit, ticked: &[Permission]) -> Vec<ScopeArea> {
    let lack = |permission| match visit.caller.rights().sight(permission) {
        _ if !visit.may(permission) => Some("you do not have it yourself"),
        Some(sight) if !sight.is_all() => Some("you have it for some events only"),
        _ => None,
    };
    areas(ticked, |permission| Some(lack(permission)))
}

/// Those that are shown, with what is lacking for them.
fn areas(ticked: &[Permission], shown: impl Fn(Permission) -> Option<Option<&'static str>>) -> Vec<ScopeArea> {
    let mut areas: Vec<ScopeArea> = Vec::new();
    for permission in Permission::ALL {
        let Some(lack) = shown(permission) else { continue };
        let is_ticked = lack.is_none() && ticked.contains(&permission);
        let scope = Scope { name: permission.name(), title: permission.title(), is_ticked, lack };
        let name = permission.area().name();
        match areas.iter_mut().find(|area| area.name == name) {
            Some(area) => area.scopes.push(scope),
            None => areas.push(ScopeArea { name, scopes: vec![scope] }),
        }
    }
    areas
}
