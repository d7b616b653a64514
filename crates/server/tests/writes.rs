//! Writing events in every form, and reading them back whole.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{EVENTS, MINIMAL, Server, answer, from_now, run, testdata};

fn actions(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect()
}

#[test]
fn one_object_an_array_and_lines_are_told_apart() {
    run(async {
        let server = Server::start().await;
        let (a, b) = (r#"{"source":"s","action":"a"}"#, r#"{"source":"s","action":"b"}"#);
        let pretty = "\n{\n  \"source\": \"s\",\n\n  \"action\": \"a\"\n}\r\n".to_owned();
        for (body, kind, count) in [
            (a.to_owned(), "application/json", 1),
            (a.to_owned(), "", 1),
            (format!(" {a}\n"), "text/plain", 1),
            (pretty, "application/json", 1),
            (format!("[{a}]"), "", 1),
            (format!("\t[\n{a} ,\r\n{b}]\n"), "application/json", 2),
            (format!("{a}\n{b}"), "", 2),
            (format!("{a}\r\n{b}\r\n"), "application/json", 2),
            (format!("\n\n{a}\n\n \r\n{b}\n\n"), "application/x-ndjson", 2),
            (format!("\n{a}\n\n{b}\n"), "", 2),
            (a.to_owned(), "application/x-ndjson; charset=utf-8", 1),
            (format!("{a}\n{b}"), "application/ndjson", 2),
        ] {
            let before = server.total().await;
            let headers = [("content-type", kind)];
            let headers = if kind.is_empty() { &headers[1..] } else { &headers[..] };
            let answer = server.post_with(headers, body.clone()).await;
            assert_eq!(answer.header("trailbook-recorded"), count.to_string(), "{body:?}");
            let entries = answer.expect(201)["events"].as_array().unwrap().clone();
            assert_eq!(entries.len(), count, "{body:?}");
            for (i, entry) in entries.iter().enumerate() {
                assert_eq!(entry.as_object().unwrap().len(), 2, "{entry}");
                assert_eq!(entry["sequence"], before + i as u64);
                let id = entry["id"].as_str().unwrap();
                let event = server.get(&server.token, &format!("{EVENTS}/{id}")).await.expect(200);
                assert_eq!((&event["action"], &event["id"]), (&["a", "b"][i].into(), &entry["id"]));
            }
        }
    });
}

#[test]
fn entries_stand_in_the_order_of_the_events() {
    run(async {
        let server = Server::start().await;
        let lines = [
            r#"{"source":"s","action":"first"}"#,
            r#"{"source":"s","action":"began","outcome":"initiated"}"#,
            r#"{"level":"info","message":"Listening on 127.0.0.1:7007","service":"rootHttpRouter"}"#,
            r#"{"source":"s","action":"entity-facets","actor":{"type":"service","id":"plugin:search"}}"#,
            r#"{"source":"s","action":"entity-fetch","actor":{"type":"user","id":"user:default/synthetic-7"}}"#,
            r#"{"source":"s","action":"last"}"#,
        ];
        let sent = server.post(lines.join("\n")).await;
        assert_eq!(sent.header("trailbook-recorded"), "2");
        let entries = sent.expect(201)["events"].clone();
        assert_eq!(entries[0]["sequence"], 0);
        assert_eq!(entries[1], json!({"dropped": "initiated"}));
        assert_eq!(entries[2], json!({"dropped": "not-audit"}));
        assert_eq!(entries[3], json!({"excluded": "plugin-reads"}));
        assert_eq!(entries[4], json!({"excluded": "synthetic-user-reads"}));
        assert_eq!(entries[5]["sequence"], 1);
        let page = server.list("order=sequence").await;
        assert_eq!(actions(&page), ["first", "last"]);

        let kept = server.request(Method::POST, &format!("{EVENTS}?initiated=keep")).bearer_auth(&server.token);
        assert_eq!(answer(kept.body(lines[1])).await.expect(201)["events"][0]["sequence"], 2);
        let ordinary = server.post(lines[2]).await;
        assert_eq!((ordinary.status, ordinary.header("trailbook-recorded")), (201, "0"));
    });
}

#[test]
fn every_field_of_the_model_comes_back() {
    run(async {
        let server = Server::start().await;
        let sent: Value = serde_json::from_str(&testdata("event-full.json")).unwrap();
        let entry = server.post(testdata("event-full.json")).await.expect(201)["events"][0].clone();
        let id = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";
        assert_eq!(entry, json!({"id": id, "sequence": 0}));
        let event = server.get(&server.token, &format!("{EVENTS}/{id}")).await.expect(200);
        let mut expected = sent.clone();
        expected["id"] = id.into();
        expected["occurred_at"] = "2026-01-15T12:00:00.123400Z".into();
        // What is written 1.0 is the number 1.
        expected["changes"]["before"]["replicas"] = 1.into();
        for field in ["organization", "sequence", "recorded_at"] {
            expected[field] = event[field].clone();
        }
        let numbers = |event: &mut Value| event["meta"]["z"].take();
        let (mut event, mut expected) = (event, expected);
        let floats = |value: Value| value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect::<Vec<_>>();
        assert_eq!(floats(numbers(&mut event)), floats(numbers(&mut expected)));
        assert_eq!(event, expected);
        assert_eq!((&event["organization"], &event["sequence"]), (&"default".into(), &0.into()));
        assert_eq!(server.list("").await["data"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn what_is_absent_gets_its_default_and_stays_absent() {
    run(async {
        let server = Server::start().await;
        let before = from_now(0);
        let entry = server.post(MINIMAL).await.expect(201)["events"][0].clone();
        let event = server.list("").await["data"][0].clone();
        let after = from_now(1);
        let mut names: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected =
            ["action", "id", "occurred_at", "organization", "outcome", "recorded_at", "sequence", "severity", "source"];
        assert_eq!(names, expected);
        assert_eq!((&event["severity"], &event["outcome"]), (&"low".into(), &"succeeded".into()));
        for time in [&event["occurred_at"], &event["recorded_at"]] {
            let time = time.as_str().unwrap();
            assert!(before.as_str() <= time && time <= after.as_str(), "{before} {time} {after}");
        }
        let id = entry["id"].as_str().unwrap();
        assert_eq!((id.len(), &id[14..15]), (36, "7"), "a UUIDv7");
    });
}

#[test]
fn one_event_is_read_by_its_id() {
    run(async {
        let server = Server::start().await;
        let entry = server.post(MINIMAL).await.expect(201)["events"][0].clone();
        let id = entry["id"].as_str().unwrap();
        let get = async |path: &str| server.get(&server.token, &format!("{EVENTS}/{path}")).await;
        assert_eq!(get(id).await.expect(200)["id"], id);
        assert_eq!(get(&id.to_uppercase()).await.expect(200)["id"], id);
        let missing = get("01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11").await.problem(404, "not-found");
        assert_eq!(missing["detail"], "no event has the id 01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11");
        for path in ["1", "x", "%ff", &format!("{id}0"), "%00"] {
            assert_eq!(get(path).await.problem(400, "invalid-parameter")["parameter"], "id", "{path}");
        }
        let unknown = get(&format!("{id}?fields=id")).await.problem(400, "invalid-parameter");
        assert_eq!(unknown["parameter"], "fields");
        get(&format!("{id}/x")).await.problem(404, "not-found");
        get("").await.problem(404, "not-found");
    });
}
