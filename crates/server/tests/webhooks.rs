//! What Port sends by itself: signed, without a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;
use trailbook_store::Clock;

use crate::harness::{Answer, MINIMAL, Server, WEBHOOK, run};

const URL: &str = "/api/v1/ingest/port/s-0123456789abcdef";
const KEY: &str = "the-key-of-port";
const BODY: &str = r#"{"action":"UPDATE","resourceType":"entity","status":"SUCCESS",
  "trigger":{"at":"2026-01-14T10:00:00.000Z","by":{"orgId":"org_1","userId":"auth0|1"},"origin":"UI"},
  "context":{"entity":"checkout","blueprint":"service"},"diff":{"before":{"a":1},"after":{"a":2}}}"#;

fn now() -> i64 {
    Clock::system().now_ms() / 1_000
}

/// The signature of a body, as Port's documentation makes it.
fn signature(key: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, format!("{timestamp}.{body}").as_bytes())))
}

async fn send(server: &Server, timestamp: &str, signature: &str, body: &str) -> Answer {
    let headers = [("x-port-timestamp", timestamp), ("x-port-signature", signature)];
    server.post_to(URL, "", &headers, body.to_owned()).await
}

async fn send_signed(server: &Server, timestamp: i64, body: &str) -> Answer {
    let timestamp = timestamp.to_string();
    send(server, &timestamp, &signature(KEY, &timestamp, body), body).await
}

#[test]
fn a_signed_event_is_recorded_once_however_often_it_comes() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let first = send_signed(&server, now(), BODY).await;
        assert_eq!(first.header("trailbook-recorded"), "1", "{}", first.text());
        let replayed = send_signed(&server, now(), BODY).await;
        let again = send_signed(&server, now() - 60, BODY).await;
        for later in [&replayed, &again] {
            assert_eq!((later.expect(201), later.header("trailbook-recorded")), (first.expect(201), "0"));
        }
        let event = &server.list("").await["data"][0];
        assert_eq!((&event["action"], &event["organization"]), (&"entity.update".into(), &"default".into()));
        assert_eq!(server.total().await, 1);
    });
}

#[test]
fn a_wrong_signature_or_time_is_refused() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let timestamp = now().to_string();
        let good = signature(KEY, &timestamp, BODY);
        let wrong = [
            signature("another-key-of-port", &timestamp, BODY),
            signature(KEY, &timestamp, "{}"),
            signature(KEY, &(now() - 1).to_string(), BODY),
            good.replace("v1,", ""),
            good.replace("v1,", "v2,"),
            format!("{good}A"),
            "v1,".to_owned(),
            "v1,%%%".to_owned(),
        ];
        for signature in wrong {
            let problem = send(&server, &timestamp, &signature, BODY).await.problem(401, "unauthenticated");
            assert!(problem["detail"].as_str().unwrap().starts_with("x-port-signature is not that of"), "{signature}");
        }
        for old in [now() - 310, now() + 310] {
            let problem = send_signed(&server, old, BODY).await.problem(401, "unauthenticated");
            assert!(problem["detail"].as_str().unwrap().ends_with("the server's clock than 300 seconds"));
        }
        let odd = signature(KEY, "soon", BODY);
        send(&server, "soon", &odd, BODY).await.problem(401, "unauthenticated");
        for missing in
            [vec![("x-port-timestamp", timestamp.as_str())], vec![("x-port-signature", good.as_str())], vec![]]
        {
            let answer = server.post_to(URL, "", &missing, BODY).await;
            let problem = answer.problem(401, "unauthenticated");
            assert!(problem["detail"].as_str().unwrap().ends_with("is missing"), "{problem}");
        }
        let headers = [("x-port-timestamp", &*timestamp), ("x-port-signature", &*good), ("content-encoding", "gzip")];
        server.post_to(URL, "", &headers, BODY).await.problem(415, "unsupported-encoding");
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn a_wrong_secret_is_answered_as_any_unknown_path() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let of = async |path: &str| {
            let answer = server.post_to(path, "", &[], BODY).await;
            answer.problem(404, "not-found")["detail"].as_str().unwrap().replace(path, "PATH")
        };
        let unknown = of("/api/v1/nowhere").await;
        for secret in ["s-0123456789abcdeF", "x", "s-0123456789abcdef-", "from-port", "%ff"] {
            assert_eq!(of(&format!("/api/v1/ingest/port/{secret}")).await, unknown);
        }
        assert_eq!(of("/api/v1/ingest/wso2/s-0123456789abcdef").await, unknown);
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn the_secret_of_the_url_is_no_token() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        for secret in ["s-0123456789abcdef", KEY] {
            server.post_as(secret, &[], MINIMAL).await.problem(401, "unauthenticated");
        }
    });
}

#[test]
fn a_webhook_writes_for_its_organization_under_its_own_name() {
    run(async {
        let acme = WEBHOOK.replace("from = ", "organization = \"acme\"\n    from = ");
        let server = Server::with(&acme).await;
        send_signed(&server, now(), BODY).await.expect(201);
        assert_eq!(server.total().await, 0, "the first organization has nothing");
        let token = server.scoped("acme", &[trailbook_store::credential::Permission::EventsRead]).await;
        assert_eq!(server.get(&token, "/api/v1/events").await.expect(200)["data"][0]["organization"], "acme");
        let entries = server.catalog().await.entries().await.unwrap();
        let entry = entries.iter().find(|entry| entry.name == "from-port").unwrap();
        assert_eq!((entry.organization.as_str(), entry.origin), ("acme", trailbook_store::credential::Origin::File));
        assert_eq!(entry.grant.scopes, [trailbook_store::credential::Permission::EventsWrite]);
        let server = server.restart("").await;
        server.post_to(URL, "", &[], BODY).await.problem(404, "not-found");
    });
}

#[test]
fn what_is_signed_and_no_event_is_refused() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let body = json!({"action": 1}).to_string();
        send_signed(&server, now(), &body).await.problem(400, "invalid-events");
        send_signed(&server, now(), "").await.problem(400, "invalid-body");
        server.expect_nothing_recorded().await;
    });
}
