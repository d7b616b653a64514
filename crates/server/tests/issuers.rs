//! Tokens that another system signs, as `external_access` of the type `jwks` lets them in.

use crate::harness::{MINIMAL, Server, run};
use crate::oidc::hostile::Hostile;

/// Entries for the services of an issuer, in two organizations.
fn setting(issuer: &Hostile, more: &str) -> String {
    let url = &issuer.issuer;
    format!(
        "[[external_access]]\ntype = 'jwks'\noptions = {{ url = '{url}/jwks', issuer = '{url}', subjectPrefix = 'ci' }}\n{more}"
    )
}

#[test]
fn a_service_with_a_token_of_its_issuer_reads_and_does_not_write() {
    run(async {
        let (issuer, stranger) = (Hostile::start().await, Hostile::start().await);
        let server = Server::with(&setting(&issuer, "")).await;
        server.post(MINIMAL).await.expect(201);
        let token = issuer.service_token("scaffolder");
        let page = server.get(&token, "/api/v1/events?action=a").await.expect(200);
        assert_eq!(page["total"], 1);
        server.post_as(&token, &[], MINIMAL).await.problem(403, "not-allowed");
        for wrong in [stranger.service_token("scaffolder"), format!("{token}x"), token.replace('.', "")] {
            server.get(&wrong, "/api/v1/events").await.problem(401, "unauthenticated");
        }
        let denied = server.list("source=trailbook&action=access.denied").await;
        assert_eq!(denied["data"][0]["actor"]["id"], "external:ci:scaffolder", "{denied}");
    });
}

#[test]
fn a_service_is_of_the_organization_that_its_entry_names() {
    run(async {
        let issuer = Hostile::start().await;
        let server = Server::with(&setting(&issuer, "organization = 'acme'")).await;
        server.post(MINIMAL).await.expect(201);
        let token = issuer.service_token("scaffolder");
        assert_eq!(server.get(&token, "/api/v1/events?action=a").await.expect(200)["total"], 0);
    });
}
