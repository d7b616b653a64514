//! Who may do what, and how soon a change holds.

use std::time::Duration;

use tokio::time::Instant;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::{Grant, NewEntry, PORTAL_ENTRY, Permission};

use crate::harness::{AUDIT, EVENTS, MINIMAL, Server, run};

#[test]
fn native_requests_need_their_scope() {
    run(async {
        let server = Server::start().await;
        let reader = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsRead]).await;
        let writer = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite]).await;
        let refused = server.post_as(&reader, &[], MINIMAL).await.problem(403, "not-allowed");
        assert_eq!(refused["detail"], "this needs the scope events.write; the token has events.read");
        let refused = server.get(&writer, EVENTS).await.problem(403, "not-allowed");
        assert_eq!(refused["detail"], "this needs the scope events.read; the token has events.write");
        server
            .get(&writer, &format!("{EVENTS}/01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11"))
            .await
            .problem(403, "not-allowed");
        server.post_as(&writer, &[], MINIMAL).await.expect(201);
        let sent = format!("{EVENTS}?source!=trailbook");
        assert_eq!(server.get(&reader, &sent).await.expect(200)["total"], 1);
        for path in [EVENTS, &format!("{EVENTS}/x")] {
            let answer = server.get("nobody-knows-it", path).await;
            assert_eq!(answer.problem(401, "unauthenticated")["detail"], "Illegal token");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        server.post_as("nobody-knows-it", &[], MINIMAL).await.problem(401, "unauthenticated");
        assert_eq!(server.total().await, 1);
    });
}

#[test]
fn a_new_and_a_revoked_token_hold_within_a_second() {
    run(async {
        let server = Server::start().await;
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let token = "made-beside-the-server";
        let grant = Grant { scopes: vec![Permission::EventsRead], restrictions: Vec::new() };
        server.create_entry(DEFAULT_ORGANIZATION, "beside", token, grant).await;
        assert_eq!(server.get(token, EVENTS).await.status, 200, "the first request with a new token is let in");
        catalog.revoke_entry(&organization, "beside").await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        while server.get(token, EVENTS).await.status != 401 {
            assert!(Instant::now() < deadline, "a revoked token is let in after a second");
        }
        assert_eq!(server.get(token, AUDIT).await.status, 401);
    });
}

#[test]
fn the_portals_own_entry_takes_a_value() {
    run(async {
        let server = Server::start().await;
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let token = "portals-own-token".to_owned();
        let entry = NewEntry {
            organization,
            name: PORTAL_ENTRY.to_owned(),
            token: token.clone(),
            grant: None,
            expires_ms: None,
        };
        catalog.create_entry(entry).await.unwrap();
        server.until_known(&token).await;
        assert_eq!(server.get(&token, AUDIT).await.status, 200);
        server.get(&token, EVENTS).await.problem(403, "not-allowed");
    });
}

const ACCESS: &str = r#"
[[external_access]]
type = "static"
options = { token = "portal-token", subject = "portal" }
accessRestrictions = [{ plugin = "audit-log", permission = "audit.log.read" }]

[[external_access]]
type = "static"
options = { token = "catalog-token", subject = "catalog" }
accessRestrictions = [{ plugin = "catalog" }, { plugin = "search" }]

[[external_access]]
type = "static"
options = { token = "unrestricted", subject = "reader" }
"#;

#[test]
fn external_access_comes_from_the_settings() {
    run(async {
        let server = Server::with(ACCESS).await;
        assert_eq!(server.get("portal-token", AUDIT).await.status, 200);
        server.get("portal-token", EVENTS).await.problem(403, "not-allowed");
        let refused = server.get("catalog-token", AUDIT).await.expect(403);
        assert_eq!(refused["error"]["message"], "This token's access is restricted to plugin(s) 'catalog', 'search'");
        // Without a list of restrictions it may read, and no more.
        assert_eq!(server.get("unrestricted", AUDIT).await.status, 200);
        assert_eq!(server.get("unrestricted", EVENTS).await.status, 200);
        server.post_as("unrestricted", &[], MINIMAL).await.problem(403, "not-allowed");
        // What the file does not name any more is gone.
        let server = server.restart("").await;
        for token in ["portal-token", "catalog-token", "unrestricted"] {
            assert_eq!(server.get(token, AUDIT).await.status, 401, "{token}");
        }
    });
}
