//! What tests of members, groups, roles and invitations have in common.

use reqwest::Method;
use serde_json::Value;
use trailbook_store::Organization;
use trailbook_store::credential::{Permission, new_token};
use trailbook_store::members::{Member, NewMember, NewRole};

use crate::harness::{Answer, EVENTS, Server, answer};

pub(crate) const ROLES: &str = "/api/v1/roles";
pub(crate) const GROUPS: &str = "/api/v1/groups";
pub(crate) const MEMBERS: &str = "/api/v1/members";
pub(crate) const INVITATIONS: &str = "/api/v1/invitations";
/// The organization that tests are about.
pub(crate) const ACME: &str = "acme";

/// A server with an organization, and tokens of it.
pub(crate) struct People {
    pub(crate) server: Server,
    pub(crate) organization: Organization,
    /// A token of everything.
    pub(crate) all: String,
}

impl People {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    pub(crate) async fn with(toml: &str) -> Self {
        let server = Server::with(toml).await;
        let all = server.scoped(ACME, &Permission::ALL).await;
        let (organization, _) = server.catalog().await.organization_or_new(ACME).await.unwrap();
        Self { server, organization, all }
    }

    /// A token of the organization with these scopes and those of whoever manages members.
    pub(crate) async fn manager(&self, scopes: &[Permission]) -> String {
        let scopes = [&[Permission::MembersRead, Permission::MembersWrite], scopes].concat();
        self.server.scoped(ACME, &scopes).await
    }

    pub(crate) async fn call(&self, token: &str, method: Method, path: &str, body: &Value) -> Answer {
        let request =
            self.server.request(method, path).body(if body.is_null() { String::new() } else { body.to_string() });
        answer(if token.is_empty() { request } else { request.bearer_auth(token) }).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.call(token, Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.call(token, Method::PUT, path, body).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.call(token, Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Answer {
        self.call(token, Method::DELETE, path, &Value::Null).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.server.get(&self.all, path).await
    }

    /// What the server recorded of an action, the newest first.
    pub(crate) async fn recorded(&self, action: &str) -> Vec<Value> {
        let path = format!("{EVENTS}?source=trailbook&action={action}");
        self.get(&path).await.expect(200)["data"].as_array().unwrap().clone()
    }

    /// A member who can sign in, with roles that are there, whom the server knows when this returns.
    pub(crate) async fn member(&self, email: &str, roles: &[&str]) -> Member {
        let catalog = self.server.catalog().await;
        let credentials = catalog.credentials().await.unwrap();
        let role = |handle: &&str| credentials.directory().role(&self.organization, handle).unwrap().id;
        let new = NewMember {
            email: email.to_owned(),
            name: email.split('@').next().unwrap().to_owned(),
            password: Some("no password has this hash".to_owned()),
            provided: None,
            roles: roles.iter().map(role).collect(),
            groups: Vec::new(),
        };
        let member = catalog.create_member(&self.organization, &new).await.unwrap();
        self.known().await;
        member
    }

    /// A role, made beside the API.
    pub(crate) async fn role(&self, handle: &str, permissions: &[Permission], narrowing: Option<&str>) {
        let new = NewRole {
            handle: handle.to_owned(),
            name: handle.to_owned(),
            description: String::new(),
            permissions: permissions.to_vec(),
            narrowing: narrowing.map(str::to_owned),
        };
        self.server.catalog().await.create_role(&self.organization, &new).await.unwrap();
        self.known().await;
    }

    /// A token of a member, of all that they may do.
    pub(crate) async fn personal(&self, member: &Member) -> String {
        let token = new_token().unwrap();
        let catalog = self.server.catalog().await;
        let named = (token.as_str(), token.as_str());
        let scopes = (Permission::ALL.to_vec(), None);
        catalog.create_personal_token(&self.organization, member, named, scopes).await.unwrap();
        self.server.until_known(&token).await;
        token
    }

    /// Waits until the server knows what was changed beside it.
    pub(crate) async fn known(&self) {
        self.server.scoped(ACME, &[Permission::MembersRead]).await;
    }

    /// What the API says of a member.
    pub(crate) async fn seen(&self, member: &Member) -> Value {
        self.get(&path(member)).await.expect(200)
    }
}

/// The path of a member.
pub(crate) fn path(member: &Member) -> String {
    format!("{MEMBERS}/{}", member.uuid)
}

/// What somebody was not let do; what they lack is named.
#[track_caller]
pub(crate) fn assert_beyond(answer: &Answer, permission: &str) {
    let detail = answer.problem(403, "not-allowed")["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("nobody grants, changes or takes away what they lack"), "{detail}");
    assert!(detail.contains(permission), "{detail}");
}

/// Handles or such of a list.
pub(crate) fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap()).collect()
}
