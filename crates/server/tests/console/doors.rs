//! Pages before anybody is signed in: signing in, invitations, the documentation of the API.

use serde_json::json;
use trailbook_store::credential::new_token;
use trailbook_store::members::{InvitationKind, NewInvitation};

use super::chromium::{member, scenario};
use crate::harness::{Server, run};

#[test]
fn a_member_signs_in_and_out() {
    run(async {
        let server = Server::start().await;
        let member = member(&server, &["auditor"]).await;
        scenario(&server, "sign_in", json!({"member": member})).await;
    });
}

#[test]
fn an_invitation_is_accepted() {
    run(async {
        let server = Server::start().await;
        let (catalog, organization) = server.first_organization().await;
        let token = new_token().unwrap();
        let new = NewInvitation {
            kind: InvitationKind::Join,
            token: token.clone(),
            email: Some("jane@acme.example".to_owned()),
            member: None,
            roles: vec!["auditor".to_owned()],
            groups: Vec::new(),
            invited_by: "ann@acme.example".to_owned(),
            lasts_ms: 3_600_000,
        };
        catalog.create_invitation(&organization, &new).await.unwrap();
        scenario(&server, "invitation", json!({"path": format!("/invitations/{token}")})).await;
    });
}

#[test]
fn the_documentation_is_read() {
    run(async {
        let server = Server::start().await;
        scenario(&server, "documentation", json!({})).await;
    });
}
