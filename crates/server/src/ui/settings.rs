//! The settings of an organization: who may do what, what comes in, what is kept.

pub(super) mod access;
pub(super) mod log;

use axum::response::Response;

use super::answer::{self, Refusal, Why};
use super::visit::Visit;
use crate::auth::Permission;

/// The pages of the settings, and the permission that opens each, in the order of their links.
pub(super) const PAGES: [(&str, &str, Permission); 6] = [
    ("/settings/log", "Audit log", Permission::SettingsRead),
    ("/settings/access", "External access", Permission::CredentialsRead),
    ("/settings/members", "Members", Permission::MembersRead),
    ("/settings/groups", "Groups", Permission::MembersRead),
    ("/settings/roles", "Roles", Permission::MembersRead),
    ("/settings/invitations", "Invitations", Permission::MembersRead),
];

/// `GET /settings`: the first page of them that the member may open.
pub(super) async fn show_settings(visit: Visit) -> Response {
    match PAGES.iter().find(|(_, _, permission)| visit.may(*permission)) {
        Some((path, _, _)) => answer::lead(&visit, path),
        None => Refusal::new(Why::NotAllowed, "None of the settings is for your roles.").page(&visit),
    }
}
