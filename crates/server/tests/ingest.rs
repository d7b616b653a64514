//! Events in the form of other systems, sent with a token.

use serde_json::{Value, json};
use trailbook_event::limits::{BATCH_EVENTS_MAX, EVENT_BYTES_MAX};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;

use crate::harness::{Answer, MINIMAL, Server, run};

const PORT: &str = "/api/v1/ingest/port";

async fn send(server: &Server, form: &str, body: impl Into<reqwest::Body>) -> Answer {
    server.post_to(&format!("/api/v1/ingest/{form}"), &server.token, &[], body).await
}

/// The examples of a form: their names, what is sent, and what it becomes.
fn examples(form: &str) -> Vec<(String, Value, Value)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(format!("../../testdata/normalise/{form}")).unwrap() {
        let path = entry.unwrap().path();
        let mut example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        all.push((path.display().to_string(), example["record"].take(), example["event"].take()));
    }
    assert!(!all.is_empty());
    all
}

/// A record of Port with an identifier.
fn port(identifier: &str) -> Value {
    json!({"identifier": identifier, "action": "UPDATE", "resourceType": "entity", "context": {"entity": "checkout"}})
}

#[test]
fn every_example_is_found_as_the_event_that_it_becomes() {
    run(async {
        let server = Server::start().await;
        for form in ["backstage", "port", "spectra", "wso2"] {
            for (name, record, want) in examples(form) {
                let answer = send(&server, form, record.to_string()).await.expect(201);
                let id = answer["events"][0]["id"].as_str().unwrap().to_owned();
                let mut found = server.get(&server.token, &format!("/api/v1/events/{id}")).await.expect(200);
                let members = found.as_object_mut().unwrap();
                for key in ["organization", "sequence", "recorded_at"] {
                    members.remove(key).unwrap();
                }
                // An id of its own is the same always; the server gives the others, and the time of a line without one.
                let is_made = want["id"] == "019c1912-fb9c-7bab-abab-abababababab";
                let keys = want.as_object().unwrap().keys().chain(members.keys()).cloned().collect::<Vec<_>>();
                for key in keys.iter().filter(|key| !(is_made && *key == "id")) {
                    if form == "backstage" && key == "occurred_at" {
                        continue;
                    }
                    assert_eq!(found[key], want[key], "{key} of {name}");
                }
            }
        }
    });
}

#[test]
fn a_path_that_names_no_system_is_not_there() {
    run(async {
        let server = Server::start().await;
        for name in ["native", "Port", "none", "%ff"] {
            let problem = send(&server, name, MINIMAL).await.problem(404, "not-found");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.ends_with("there are backstage, port, spectra, wso2"), "{detail}");
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn a_token_must_allow_writing() {
    run(async {
        let server = Server::start().await;
        let body = port("a").to_string();
        server.post_to(PORT, "", &[], body.clone()).await.problem(401, "unauthenticated");
        server.post_to(PORT, "no-such-token", &[], body.clone()).await.problem(401, "unauthenticated");
        let reader = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsRead]).await;
        server.post_to(PORT, &reader, &[], body).await.problem(403, "not-allowed");
        server.get(&server.token, PORT).await.problem(405, "method-not-allowed");
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn the_organization_is_the_tokens_whatever_a_record_says() {
    run(async {
        let server = Server::start().await;
        let record = json!({"action": "a", "orgUuid": "other", "organization": "other", "info": {}});
        send(&server, "wso2", record.to_string()).await.expect(201);
        let event = &server.list("source=wso2").await["data"][0];
        assert_eq!(
            (&event["organization"], event["meta"]["wso2"]["orgUuid"].as_str()),
            (&"default".into(), Some("other"))
        );
    });
}

#[test]
fn a_body_may_be_one_record_an_array_lines_or_an_answer_of_the_systems_api() {
    run(async {
        let server = Server::start().await;
        let of = |from: usize| [port(&format!("event_{from}")), port(&format!("event_{}", from + 1))];
        let pretty = |value: Value| serde_json::to_string_pretty(&value).unwrap();
        let [a, b] = of(0);
        let bodies = [
            ("port", a.to_string(), 1),
            ("port", pretty(b), 1),
            ("port", json!(of(2)).to_string(), 2),
            ("port", of(4).map(|record| record.to_string()).join("\n"), 2),
            ("port", json!({"ok": true, "audits": of(6)}).to_string(), 2),
            ("port", pretty(json!({"auditLogs": of(8), "ok": true, "z": {"a": ["]", "}"]}})), 2),
            ("wso2", json!({"list": [{"action": "a"}, {"action": "b"}, {"action": "c"}]}).to_string(), 3),
        ];
        let mut total = 0;
        for (form, body, events) in bodies {
            let answer = send(&server, form, body.clone()).await.expect(201);
            assert_eq!(answer["events"].as_array().unwrap().len(), events, "{body}");
            total += events as u64;
            assert_eq!(server.total().await, total, "{body}");
        }
        let lists = json!({"list": [{"source": "s", "action": "a"}]}).to_string();
        server.post(lists).await.problem(400, "invalid-events");
    });
}

#[test]
fn an_answer_of_an_api_may_be_longer_than_an_event() {
    run(async {
        let server = Server::start().await;
        let record = |i: usize| json!({"action": "UPDATE", "identifier": format!("e{i}"), "message": "x".repeat(900)});
        let records: Vec<Value> = (0..400).map(record).collect();
        let body = json!({"ok": true, "audits": records}).to_string();
        assert!(body.len() > EVENT_BYTES_MAX);
        assert_eq!(send(&server, "port", body).await.expect(201)["events"].as_array().unwrap().len(), 400);
        let most = |count: usize| json!({"list": vec![json!({"action": "a"}); count]}).to_string();
        send(&server, "wso2", most(BATCH_EVENTS_MAX)).await.expect(201);
        send(&server, "wso2", most(BATCH_EVENTS_MAX + 1)).await.problem(413, "body-too-large");
    });
}

#[test]
fn an_answer_of_an_api_that_is_wrong_is_refused_whole() {
    run(async {
        let server = Server::start().await;
        let cases = [
            (r#"{"audits":[{"action":"a"}]"#, "invalid-body", "the object around the list is not JSON"),
            (r#"{"audits":[{"action":"a"}] "ok":true}"#, "invalid-body", "the object around the list is not JSON"),
            (r#"{"audits":[{"action":"a"}],"ok":}"#, "invalid-body", "the object around the list is not JSON"),
            (r#"{"audits":[{"action":"a"}]}x"#, "invalid-body", "something follows the object at byte 27"),
            (r#"{"audits":[]}"#, "invalid-body", "the array is empty"),
            (r#"{"audits":[{"action":"a"},{"action":1}]}"#, "invalid-events", "event 1 at /action: must be a string"),
            (r#"{"audits":[{"action":"a"},7]}"#, "invalid-events", "event 1: an event must be an object, not a number"),
            (r#"{"audits":{}}"#, "invalid-events", "event 0 at /action: is required"),
            (r#"{"ok":tru,"audits":[{"action":"a"}]}"#, "invalid-events", "a value was expected"),
        ];
        for (body, kind, reason) in cases {
            let problem = send(&server, "port", body).await.problem(400, kind);
            assert!(problem["detail"].as_str().unwrap().contains(reason), "{body}: {problem}");
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn what_has_an_identifier_is_recorded_once() {
    run(async {
        let server = Server::start().await;
        let first = send(&server, "port", port("event_1").to_string()).await;
        let again = send(&server, "port", port("event_1").to_string()).await;
        assert_eq!(first.expect(201), again.expect(201));
        assert_eq!((first.header("trailbook-recorded"), again.header("trailbook-recorded")), ("1", "0"));
        let mut other = port("event_1");
        other["action"] = "DELETE".into();
        send(&server, "port", other.to_string()).await.problem(422, "key-reused");
        let unnamed = json!({"action": "user.login"}).to_string();
        for _ in 0..2 {
            assert_eq!(send(&server, "spectra", unnamed.clone()).await.header("trailbook-recorded"), "1");
        }
        for recorded in ["1", "0"] {
            let key = [("idempotency-key", "k")];
            let answer = server.post_to("/api/v1/ingest/spectra", &server.token, &key, unnamed.clone()).await;
            assert_eq!(answer.header("trailbook-recorded"), recorded);
        }
        assert_eq!(server.total().await, 4);
    });
}

#[test]
fn redaction_exclusion_and_the_encoding_are_as_elsewhere() {
    run(async {
        let rules = r#"
            redaction_rules = [{ name = "phone", path = "meta.port.trigger.by.user.phoneNumber" }]
            exclusion_rules = [{ name = "automation", actorId = "port", eventId = "entity.timer_expired" }]
        "#;
        let server = Server::with(rules).await;
        let mut record = port("event_1");
        record["trigger"] = json!({"by": {"userId": "u", "user": {"phoneNumber": "555"}}});
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, record.to_string().as_bytes()).unwrap();
        let headers = [("content-encoding", "gzip")];
        server.post_to(PORT, &server.token, &headers, encoder.finish().unwrap()).await.expect(201);
        let event = &server.list("").await["data"][0];
        assert_eq!(event["meta"]["port"]["trigger"]["by"]["user"]["phoneNumber"], "[redacted:phone]");
        let timer = examples("port").into_iter().find(|(name, ..)| name.contains("timer")).unwrap().1;
        let answer = send(&server, "port", timer.to_string()).await.expect(201);
        assert_eq!(answer["events"][0], json!({"excluded": "automation"}));
        assert_eq!(server.list("meta.port.identifier=event_1").await["total"], 1);
    });
}
