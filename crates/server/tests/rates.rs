//! How often a credential may ask: in every API family, each credential and writes by themselves.

use serde_json::{Value, json};
use trailbook_event::Uuid;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::{Grant, Permission, new_token};

use crate::harness::{AUDIT, Answer, EVENTS, MINIMAL, Server, run};
use crate::narrowed::wso2;

const READER: [Permission; 2] = [Permission::EventsRead, Permission::Exports];

/// The body of a refusal that says when to come again, within the minute.
#[track_caller]
fn refused(answer: &Answer) -> Value {
    let body = answer.expect(429);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    body
}

/// A token that has not been used yet.
async fn fresh(server: &Server) -> String {
    let token = new_token().unwrap();
    let grant = Grant { scopes: READER.to_vec(), restrictions: Vec::new() };
    server.create_entry(DEFAULT_ORGANIZATION, &token, &token, grant).await;
    token
}

#[test]
fn one_request_too_many_is_refused_in_the_words_of_each_api() {
    run(async {
        let server = Server::with("requests_per_minute = 3").await;
        let spectra = format!("/api/public/v1/audit-log/{DEFAULT_ORGANIZATION}/export/{}/status", Uuid::nil());
        let families: [(&str, &str, Value); 6] = [
            (EVENTS, "/type", "/problems/too-often".into()),
            ("/api/v1/exports", "/type", "/problems/too-often".into()),
            (AUDIT, "/error/name", "TooManyRequestsError".into()),
            ("/v1/audit-log", "/error", "rate_limit_exceeded".into()),
            (&spectra, "/detail", Value::Null),
            ("wso2", "/code", "900802".into()),
        ];
        for (path, pointer, expected) in families {
            let token = fresh(&server).await;
            let ask = async || match path {
                "wso2" => wso2(&server, &token, &json!({})).await,
                _ => server.get(&token, path).await,
            };
            for _ in 0..3 {
                assert!([200, 404].contains(&ask().await.status), "{path}");
            }
            let body = refused(&ask().await);
            match expected {
                Value::Null => assert!(body["detail"].as_str().unwrap().starts_with("Expected available in"), "{body}"),
                expected => assert_eq!(body.pointer(pointer), Some(&expected), "{body}"),
            }
            // It is the credential that is counted, whatever it asks.
            refused(&server.get(&token, EVENTS).await);
            server.get(&fresh(&server).await, EVENTS).await.expect(200);
        }
    });
}

#[test]
fn writes_are_counted_apart() {
    run(async {
        let server = Server::with("requests_per_minute = 2\nwrites_per_minute = 3").await;
        for path in [EVENTS, "/api/v1/ingest/backstage", EVENTS] {
            let record = r#"{"plugin":"p","eventId":"e","status":"succeeded","source":"s","action":"a"}"#;
            let body = if path == EVENTS { MINIMAL } else { record };
            assert_ne!(server.post_to(path, &server.token, &[], body).await.status, 429);
        }
        assert_eq!(refused(&server.post(MINIMAL).await)["type"], "/problems/too-often");
        // One request was that for which the harness waits.
        assert_eq!(server.get(&server.token, EVENTS).await.status, 200);
        refused(&server.get(&server.token, EVENTS).await);
    });
}
