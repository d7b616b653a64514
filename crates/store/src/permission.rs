//! What may be done: the words that roles grant and tokens are limited to.

use serde::{Deserialize, Serialize};

/// One thing that may be done in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Permission {
    /// Send events.
    #[serde(rename = "events.write")]
    EventsWrite,
    /// Search and read events.
    #[serde(rename = "events.read")]
    EventsRead,
    /// Look up the events of one entity or run that is named, or one event: what Port lets those do who are no admins.
    #[serde(rename = "events.lookup")]
    EventsLookup,
    /// Read the organization's logs: checkpoints, tiles, consistency proofs.
    #[serde(rename = "log.read")]
    LogRead,
    /// Take events out, with what proves them.
    #[serde(rename = "exports")]
    Exports,
    /// Share saved views with the organization.
    #[serde(rename = "views.write")]
    ViewsWrite,
    /// Change what is kept out of the log.
    #[serde(rename = "rules.write")]
    RulesWrite,
    /// See which tokens there are.
    #[serde(rename = "credentials.read")]
    CredentialsRead,
    /// Make and revoke tokens.
    #[serde(rename = "credentials.write")]
    CredentialsWrite,
    /// See members, groups, roles and invitations.
    #[serde(rename = "members.read")]
    MembersRead,
    /// Invite and remove members; change groups and roles.
    #[serde(rename = "members.write")]
    MembersWrite,
    /// See the organization's settings.
    #[serde(rename = "settings.read")]
    SettingsRead,
    /// Change the organization's settings.
    #[serde(rename = "settings.write")]
    SettingsWrite,
}

/// What permissions have in common, as dialogs show them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Events on their way in.
    Events,
    /// Events, what proves them, and what is made of them.
    LogManagement,
    /// Tokens.
    Credentials,
    /// People, and what they may do.
    Members,
    /// How the organization is set up.
    Settings,
}

impl Area {
    /// Its name, as WSO2 writes those of its areas.
    pub fn name(self) -> &'static str {
        match self {
            Area::Events => "EVENTS",
            Area::LogManagement => "LOG-MANAGEMENT",
            Area::Credentials => "CREDENTIALS",
            Area::Members => "MEMBERS",
            Area::Settings => "SETTINGS",
        }
    }
}

impl Permission {
    /// Every permission, in the order in which they are shown.
    pub const ALL: [Permission; 13] = [
        Permission::EventsWrite,
        Permission::EventsRead,
        Permission::EventsLookup,
        Permission::LogRead,
        Permission::Exports,
        Permission::ViewsWrite,
        Permission::RulesWrite,
        Permission::CredentialsRead,
        Permission::CredentialsWrite,
        Permission::MembersRead,
        Permission::MembersWrite,
        Permission::SettingsRead,
        Permission::SettingsWrite,
    ];

    /// Its name, as the API, configuration and commands have it.
    pub fn name(self) -> &'static str {
        match self {
            Permission::EventsWrite => "events.write",
            Permission::EventsRead => "events.read",
            Permission::EventsLookup => "events.lookup",
            Permission::LogRead => "log.read",
            Permission::Exports => "exports",
            Permission::ViewsWrite => "views.write",
            Permission::RulesWrite => "rules.write",
            Permission::CredentialsRead => "credentials.read",
            Permission::CredentialsWrite => "credentials.write",
            Permission::MembersRead => "members.read",
            Permission::MembersWrite => "members.write",
            Permission::SettingsRead => "settings.read",
            Permission::SettingsWrite => "settings.write",
        }
    }

    /// The permission of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// What it belongs to.
    pub fn area(self) -> Area {
        match self {
            Permission::EventsWrite => Area::Events,
            Permission::EventsRead
            | Permission::EventsLookup
            | Permission::LogRead
            | Permission::Exports
            | Permission::ViewsWrite
            | Permission::RulesWrite => Area::LogManagement,
            Permission::CredentialsRead | Permission::CredentialsWrite => Area::Credentials,
            Permission::MembersRead | Permission::MembersWrite => Area::Members,
            Permission::SettingsRead | Permission::SettingsWrite => Area::Settings,
        }
    }

    /// What it lets one do, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Permission::EventsWrite => "Send events",
            Permission::EventsRead => "View audit logs",
            Permission::EventsLookup => "Look up the events of one entity or run",
            Permission::LogRead => "View log integrity",
            Permission::Exports => "Manage audit logs: exports",
            Permission::ViewsWrite => "Manage audit logs: shared views",
            Permission::RulesWrite => "Manage audit logs: exclusion rules",
            Permission::CredentialsRead => "View tokens",
            Permission::CredentialsWrite => "Manage tokens",
            Permission::MembersRead => "View members, groups, roles and invitations",
            Permission::MembersWrite => "Manage members, groups, roles and invitations",
            Permission::SettingsRead => "View settings",
            Permission::SettingsWrite => "Manage settings",
        }
    }

    /// Whether it is about what events say, so that a role can narrow it to some of them.
    pub fn is_of_events(self) -> bool {
        matches!(self, Permission::EventsRead | Permission::EventsLookup | Permission::Exports)
    }
}
