//! The actions of the Spectra Assure Portal, and what each is done on.
//!
//! Source: <https://docs.secure.software/portal/audit-logs>, "Supported actions" and "Target", as of November 2026. An
//! action's first part names its target.

/// What an action is done on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetType {
    /// The organization itself.
    Organization,
    /// A group of users.
    Group,
    /// A project.
    Project,
    /// A package of a project.
    Package,
    /// A version of a package.
    Version,
    /// A file outside projects.
    FilestreamFile,
    /// A user.
    User,
}

impl TargetType {
    /// Every one, in the order of the Portal's page.
    pub const ALL: [TargetType; 7] = [
        TargetType::Organization,
        TargetType::Group,
        TargetType::Project,
        TargetType::Package,
        TargetType::Version,
        TargetType::FilestreamFile,
        TargetType::User,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            TargetType::Organization => "organization",
            TargetType::Group => "group",
            TargetType::Project => "project",
            TargetType::Package => "package",
            TargetType::Version => "version",
            TargetType::FilestreamFile => "filestream_file",
            TargetType::User => "user",
        }
    }
}

/// What an action is done on; nothing for an action that the Portal does not list.
pub fn target_type(action: &str) -> Option<TargetType> {
    ACTIONS.iter().find(|(name, _)| *name == action).map(|(_, target_type)| *target_type)
}

/// Every action, with what it is done on, in the order of the Portal's page.
pub const ACTIONS: &[(&str, TargetType)] = &[
    ("filestream_file.approval.updated", TargetType::FilestreamFile),
    ("filestream_file.deleted", TargetType::FilestreamFile),
    ("filestream_file.downloaded", TargetType::FilestreamFile),
    ("filestream_file.imported", TargetType::FilestreamFile),
    ("filestream_file.moved_to_project", TargetType::FilestreamFile),
    ("filestream_file.report.cyclonedx.exported", TargetType::FilestreamFile),
    ("filestream_file.report.rl-cve.exported", TargetType::FilestreamFile),
    ("filestream_file.report.rl-summary-pdf.exported", TargetType::FilestreamFile),
    ("filestream_file.report.rl-uri.exported", TargetType::FilestreamFile),
    ("filestream_file.report.sarif.exported", TargetType::FilestreamFile),
    ("filestream_file.report.spdx.exported", TargetType::FilestreamFile),
    ("filestream_file.updated", TargetType::FilestreamFile),
    ("filestream_file.uploaded", TargetType::FilestreamFile),
    ("filestream_file.upload_quota.spent", TargetType::FilestreamFile),
    ("group.created", TargetType::Group),
    ("group.deleted", TargetType::Group),
    ("group.licensing.limit.updated", TargetType::Group),
    ("group.policy_configuration.updated", TargetType::Group),
    ("group.profile_configuration.exported", TargetType::Group),
    ("group.profile_configuration.imported", TargetType::Group),
    ("group.updated", TargetType::Group),
    ("organization.audit_export.created", TargetType::Organization),
    ("organization.audit_export.deleted", TargetType::Organization),
    ("organization.licensing.cli_site_key.deleted", TargetType::Organization),
    ("organization.licensing.cli_site_key.updated", TargetType::Organization),
    ("organization.licensing.quotas.reallocated", TargetType::Organization),
    ("organization.pat.all_revoked", TargetType::Organization),
    ("organization.policy_configuration.updated", TargetType::Organization),
    ("organization.profile_configuration.imported", TargetType::Organization),
    ("organization.profile_configuration.exported", TargetType::Organization),
    ("organization.session_lifetime.updated", TargetType::Organization),
    ("organization.sso.disabled", TargetType::Organization),
    ("organization.sso.oidc.setup.applied", TargetType::Organization),
    ("organization.sso.oidc.setup.created", TargetType::Organization),
    ("organization.sso.saml.setup.applied", TargetType::Organization),
    ("organization.sso.saml.setup.created", TargetType::Organization),
    ("organization.sso.saml.setup.pending", TargetType::Organization),
    ("package.created", TargetType::Package),
    ("package.deleted", TargetType::Package),
    ("package.updated", TargetType::Package),
    ("project.created", TargetType::Project),
    ("project.deleted", TargetType::Project),
    ("project.updated", TargetType::Project),
    ("user.invite.accepted", TargetType::User),
    ("user.invite.resent", TargetType::User),
    ("user.invite.sent", TargetType::User),
    ("user.login", TargetType::User),
    ("user.logout", TargetType::User),
    ("user.password_changed", TargetType::User),
    ("user.password_reset_completed", TargetType::User),
    ("user.password_reset_initiated", TargetType::User),
    ("user.pat.all_revoked", TargetType::User),
    ("user.pat.created", TargetType::User),
    ("user.pat.revoked", TargetType::User),
    ("user.removed", TargetType::User),
    ("user.sso.oidc.login", TargetType::User),
    ("user.sso.saml.login", TargetType::User),
    ("user.scim.created", TargetType::User),
    ("user.scim.deleted", TargetType::User),
    ("user.scim.updated", TargetType::User),
    ("user.scim.search", TargetType::User),
    ("user.updated", TargetType::User),
    ("version.approval.updated", TargetType::Version),
    ("version.deleted", TargetType::Version),
    ("version.downloaded", TargetType::Version),
    ("version.imported", TargetType::Version),
    ("version.release_status.updated", TargetType::Version),
    ("version.report.cyclonedx.exported", TargetType::Version),
    ("version.report.rl-checks.exported", TargetType::Version),
    ("version.report.rl-cve.exported", TargetType::Version),
    ("version.report.rl-diff.exported", TargetType::Version),
    ("version.report.rl-json.exported", TargetType::Version),
    ("version.report.rl-safe.exported", TargetType::Version),
    ("version.report.rl-summary-pdf.exported", TargetType::Version),
    ("version.report.rl-uri.exported", TargetType::Version),
    ("version.report.sarif.exported", TargetType::Version),
    ("version.report.shared_report_created", TargetType::Version),
    ("version.report.shared_report_deleted", TargetType::Version),
    ("version.report.shared_report_edited", TargetType::Version),
    ("version.report.shared_report_sent", TargetType::Version),
    ("version.report.shared_report_unshared", TargetType::Version),
    ("version.report.spdx.exported", TargetType::Version),
    ("version.updated", TargetType::Version),
    ("version.uploaded", TargetType::Version),
    ("version.upload_quota.spent", TargetType::Version),
];
