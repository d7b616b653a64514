//! The operations that WSO2's platforms (API Platform, Choreo) record.
//!
//! The groups are those of the vendor's pages: project, API proxy, promotion, version, user and key management,
//! configuration; Choreo adds deployment and endpoints. Of the texts only those marked as seen are known, from pictures
//! of the console; the others follow the same pattern.

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Projects.
    Project,
    /// API proxies, and the components that they are to the console.
    ApiProxy,
    /// Promotions to another environment.
    Promotion,
    /// Versions of API proxies.
    Version,
    /// Members, roles and groups of the organization.
    UserManagement,
    /// On-premises keys.
    KeyManagement,
    /// Configuration of projects and environments.
    Configuration,
    /// Deployments.
    Deployment,
    /// Endpoints.
    Endpoint,
}

impl Group {
    /// Every one.
    pub const ALL: [Group; 9] = [
        Group::Project,
        Group::ApiProxy,
        Group::Promotion,
        Group::Version,
        Group::UserManagement,
        Group::KeyManagement,
        Group::Configuration,
        Group::Deployment,
        Group::Endpoint,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Project => "project",
            Group::ApiProxy => "API proxy",
            Group::Promotion => "promotion",
            Group::Version => "version",
            Group::UserManagement => "user management",
            Group::KeyManagement => "key management",
            Group::Configuration => "configuration",
            Group::Deployment => "deployment",
            Group::Endpoint => "endpoint",
        }
    }
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The text of `action`.
    pub action: &'static str,
    /// What it is about.
    pub group: Group,
    /// What kind of write it is; empty for a read.
    pub action_type: &'static str,
    /// Whether the text was seen in the vendor's console.
    pub is_seen: bool,
}

/// The operation of this text, whatever its case.
pub fn operation(action: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.action.eq_ignore_ascii_case(action))
}

const fn seen(action: &'static str, group: Group, action_type: &'static str) -> Operation {
    Operation { action, group, action_type, is_seen: true }
}

const fn like(action: &'static str, group: Group, action_type: &'static str) -> Operation {
    Operation { action, group, action_type, is_seen: false }
}

/// Every operation that is known or documented.
pub const OPERATIONS: &[Operation] = &[
    like("Project creation", Group::Project, "create"),
    like("Project update", Group::Project, "update"),
    like("Project deletion", Group::Project, "delete"),
    seen("Component creation", Group::ApiProxy, "create"),
    like("Component update", Group::ApiProxy, "update"),
    like("Component deletion", Group::ApiProxy, "delete"),
    like("API proxy creation", Group::ApiProxy, "create"),
    like("API proxy update", Group::ApiProxy, "update"),
    like("API proxy deletion", Group::ApiProxy, "delete"),
    seen("Changing API lifecycle state", Group::ApiProxy, "update"),
    like("Updating API access mode", Group::ApiProxy, "update"),
    seen("Initiating component promotion", Group::Promotion, "promote"),
    like("Initiating API proxy promotion", Group::Promotion, "promote"),
    like("Component version creation", Group::Version, "create"),
    like("API proxy version creation", Group::Version, "create"),
    seen("Role creation", Group::UserManagement, "create"),
    like("Role update", Group::UserManagement, "update"),
    seen("Role deletion", Group::UserManagement, "delete"),
    seen("Getting member information", Group::UserManagement, ""),
    seen("Updating roles of member", Group::UserManagement, "update"),
    like("Inviting member", Group::UserManagement, "create"),
    like("Removing member", Group::UserManagement, "delete"),
    like("On-premises key creation", Group::KeyManagement, "create"),
    like("On-premises key update", Group::KeyManagement, "update"),
    like("On-premises key deletion", Group::KeyManagement, "delete"),
    seen("Updating environment specific API properties", Group::Configuration, "update"),
    like("Configuration creation", Group::Configuration, "create"),
    like("Configuration update", Group::Configuration, "update"),
    like("Configuration deletion", Group::Configuration, "delete"),
    like("Updating build configuration", Group::Configuration, "update"),
    like("Enabling auto deploy on commit", Group::Configuration, "update"),
    like("Disabling auto deploy on commit", Group::Configuration, "update"),
    seen("Initiating component deployment", Group::Deployment, "deploy"),
    like("Initiating component redeployment", Group::Deployment, "deploy"),
    like("Initiating component undeployment", Group::Deployment, "undeploy"),
    like("Endpoint creation", Group::Endpoint, "create"),
    like("Endpoint update", Group::Endpoint, "update"),
    like("Endpoint deletion", Group::Endpoint, "delete"),
];
