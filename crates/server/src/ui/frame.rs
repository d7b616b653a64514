//! What is around every page of the console: the bar with its sections, and who is signed in.

use super::assets;
use super::theme::Theme;
use super::visit::Visit;
use crate::auth::Permission;

/// The `Content-Security-Policy` of the console: its own files, and nothing inline.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A section of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Logs,
    Integrity,
    Settings,
    Account,
    None,
}

/// What every page knows of its visitor.
pub(super) struct Frame<'a> {
    pub(super) organization: &'a str,
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) csrf: &'a str,
    pub(super) section: Section,
    pub(super) theme: Theme,
    /// The path and query of this page, to come back to.
    pub(super) path: &'a str,
    pub(super) sees_logs: bool,
    pub(super) sees_integrity: bool,
    pub(super) sees_settings: bool,
    /// Whether the visitor sees part of the log only.
    pub(super) is_narrowed: bool,
    visit: &'a Visit,
}

impl<'a> Frame<'a> {
    /// Around a page of no section.
    pub(super) fn of(visit: &'a Visit) -> Self {
        let member = visit.caller.member();
        let settings =
            [Permission::MembersRead, Permission::CredentialsRead, Permission::SettingsRead, Permission::RulesWrite];
        Self {
            organization: visit.caller.organization().name(),
            name: member.map_or(visit.caller.name(), |member| member.name.as_str()),
            email: member.map_or("", |member| member.email.as_str()),
            csrf: &visit.csrf,
            section: Section::None,
            theme: Theme::of(visit),
            path: &visit.path,
            sees_logs: visit.may(Permission::EventsRead),
            sees_integrity: visit.may(Permission::LogRead),
            sees_settings: settings.into_iter().any(|permission| visit.may(permission)),
            is_narrowed: visit.caller.rights().sight(Permission::EventsRead).is_some_and(|sight| !sight.is_all()),
            visit,
        }
    }

    /// Around a page of a section.
    pub(super) fn in_section(visit: &'a Visit, section: Section) -> Self {
        Self { section, ..Self::of(visit) }
    }

    /// The same where a form answers with the page that it is on: that page's path.
    pub(super) fn at(self, path: &'a str) -> Self {
        Self { path, ..self }
    }

    /// Whether the visitor has a permission.
    pub(super) fn may(&self, permission: &Permission) -> bool {
        self.visit.may(*permission)
    }

    /// Whether the visitor has one of these permissions.
    pub(super) fn may_any(&self, permissions: &[Permission]) -> bool {
        permissions.iter().any(|permission| self.may(permission))
    }

    /// Whether this is a page, or one below it.
    pub(super) fn is_at(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }

    /// The URL of a file of the pages.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// `aria-current` of the link to a section.
    pub(super) fn current(&self, name: &str) -> &'static str {
        if self.section.name() == name { "page" } else { "false" }
    }
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Section::Logs => "logs",
            Section::Integrity => "integrity",
            Section::Settings => "settings",
            Section::Account => "account",
            Section::None => "",
        }
    }
}
