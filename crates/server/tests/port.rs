//! Port's API, where one scenario cannot show it.

use reqwest::Method;
use serde_json::json;
use tokio::time::{Duration, Instant};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::{Grant, Permission, new_token};

use crate::harness::{MINIMAL, Server, answer, run};

const AUDIT_LOG: &str = "/v1/audit-log";

#[test]
fn an_access_token_dies_with_the_token_that_it_was_given_for() {
    run(async {
        let server = Server::start().await;
        let value = new_token().unwrap();
        let grant = || Grant { scopes: vec![Permission::EventsRead], restrictions: Vec::new() };
        server.create_entry(DEFAULT_ORGANIZATION, "client", &value, grant()).await;
        let body = json!({"clientId": "client", "clientSecret": value}).to_string();
        let token = answer(server.request(Method::POST, "/v1/auth/access_token").body(body)).await.expect(200);
        let token = token["accessToken"].as_str().unwrap();
        server.get(token, AUDIT_LOG).await.expect(200);

        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        catalog.revoke_entry(&organization, "client").await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        while server.get(token, AUDIT_LOG).await.status == 200 {
            assert!(Instant::now() < deadline, "an access token lives on");
            tokio::task::yield_now().await;
        }
        let refused = json!({"ok": false, "error": "unauthorized", "message": "Illegal token"});
        assert_eq!(server.get(token, AUDIT_LOG).await.expect(401), refused);
    });
}

#[test]
fn an_answer_has_ten_thousand_records_and_a_list_a_hundred_values() {
    run(async {
        let server = Server::start().await;
        for events in [5_000, 5_000, 1] {
            server.post(vec![MINIMAL; events].join("\n")).await.expect(201);
        }
        for query in ["", "&limit=10000"] {
            let found = server.get(&server.token, &format!("{AUDIT_LOG}?includes=action{query}")).await.expect(200);
            assert_eq!(found["audits"].as_array().unwrap().len(), 10_000);
        }
        for name in ["origin", "resources"] {
            let values = |count: usize| vec![format!("{name}=x"); count].join("&");
            for (count, status) in [(100, 200), (101, 422)] {
                let path = format!("{AUDIT_LOG}?{}", values(count));
                assert_eq!(server.get(&server.token, &path).await.status, status, "{name} {count}");
            }
        }
    });
}

#[test]
fn what_would_be_more_than_an_answer_holds_is_refused() {
    run(async {
        let server = Server::start().await;
        let text = "x".repeat(250 * 1_024);
        let event = json!({"source": "s", "action": "a", "message": text}).to_string();
        for _ in 0..9 {
            server.post(vec![event.as_str(); 30].join("\n")).await.expect(201);
        }
        // 64 MiB are 262 of them, and what is around each.
        for (limit, status) in [(261, 200), (270, 422)] {
            let found = server.get(&server.token, &format!("{AUDIT_LOG}?limit={limit}")).await;
            assert_eq!(found.status, status, "{limit}");
            if status == 422 {
                assert_eq!(found.json()["error"], "response_too_large");
            }
        }
        let slim = server.get(&server.token, &format!("{AUDIT_LOG}?includes=identifier")).await.expect(200);
        assert_eq!(slim["audits"].as_array().unwrap().len(), 270);
    });
}
