//! The settings of an organization: who may do what, what comes in, what is kept.

pub(super) mod access;
mod asked;
mod directory;
pub(super) mod groups;
pub(super) mod invitations;
pub(super) mod log;
pub(super) mod members;
pub(super) mod roles;

use axum::response::Response;

use super::answer::{self, Refusal, Why};
use super::visit::Visit;
use crate::auth::Permission;

/// The pages of the settings, and the permissions each of which opens them, in the order of their links.
pub(super) const PAGES: [(&str, &str, &[Permission]); 6] = [
    ("/settings/log", "Audit log", &[Permission::SettingsRead, Permission::RulesWrite]),
    ("/settings/access", "External access", &[Permission::CredentialsRead]),
    ("/settings/members", "Members", &[Permission::MembersRead]),
    ("/settings/groups", "Groups", &[Permission::MembersRead]),
    ("/settings/roles", "Roles", &[Permission::MembersRead]),
    ("/settings/invitations", "Invitations", &[Permission::MembersRead]),
];

/// `GET /settings`: the first page of them that the member may open.
pub(super) async fn show_settings(visit: Visit) -> Response {
    match PAGES.iter().find(|(_, _, permissions)| permissions.iter().any(|permission| visit.may(*permission))) {
        Some((path, _, _)) => answer::lead(&visit, path),
        None => Refusal::new(Why::NotAllowed, "None of the settings is for your roles.").page(&visit),
    }
}

/// What is wrong with one of the forms of a page, to be said beside it.
struct Wrong {
    /// The last part of the path that the form is sent to.
    form: &'static str,
    why: Why,
    text: String,
}

impl Wrong {
    fn of(form: &'static str, refusal: Refusal) -> Self {
        Self { form, why: refusal.why, text: refusal.text }
    }

    /// What it says of this form.
    fn at<'a>(wrong: Option<&'a Self>, form: &str) -> Option<&'a str> {
        wrong.filter(|wrong| wrong.form == form).map(|wrong| wrong.text.as_str())
    }
}

/// Whether somebody typed the name of what they are about to destroy.
fn confirm(typed: &str, name: &str) -> Result<(), Refusal> {
    match typed.trim().to_lowercase() == name.to_lowercase() {
        true => Ok(()),
        false => Err(Refusal::new(Why::Invalid, format!("Nothing was done. To go on, type {name} into the field."))),
    }
}

/// The lines of a field that are not empty.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}
