//! What is sent twice is recorded once.

use serde_json::Value;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;

use crate::harness::{Answer, MINIMAL, Server, run};

const KEY: &str = "idempotency-key";
const ID: &str = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";

fn with_id(action: &str) -> String {
    format!(r#"{{"id":"{ID}","source":"s","action":"{action}"}}"#)
}

fn sequences(answer: &Answer) -> Vec<u64> {
    answer.expect(201)["events"].as_array().unwrap().iter().map(|e| e["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn a_key_with_the_same_body_is_answered_as_before() {
    run(async {
        let server = Server::start().await;
        let excluded = r#"{"source":"s","action":"entity-fetch","actor":{"type":"service","id":"plugin:x"}}"#;
        let began = r#"{"source":"s","action":"b","outcome":"initiated"}"#;
        let body = format!("{MINIMAL}\n{excluded}\n{began}\n{MINIMAL}");
        let first = server.post_with(&[(KEY, "k")], body.clone()).await;
        assert_eq!((first.status, first.header("trailbook-recorded")), (201, "2"));
        for _ in 0..3 {
            let again = server.post_with(&[(KEY, "k")], body.clone()).await;
            assert_eq!((again.status, again.header("trailbook-recorded")), (201, "0"));
            assert_eq!(again.text(), first.text());
        }
        assert_eq!(server.total().await, 2);
        let reused = server.post_with(&[(KEY, "k")], MINIMAL).await.problem(422, "key-reused");
        assert_eq!(reused["detail"], "the idempotency key was used before with other content");
        assert_eq!(server.total().await, 2);
        // Another key is another write.
        assert_eq!(sequences(&server.post_with(&[(KEY, "K")], MINIMAL).await), [2]);
    });
}

#[test]
fn a_key_is_kept_for_writes_that_record_nothing_too() {
    run(async {
        let server = Server::start().await;
        let began = r#"{"source":"s","action":"b","outcome":"initiated"}"#;
        let first = server.post_with(&[(KEY, "k")], began).await;
        first.expect(201);
        assert_eq!(server.post_with(&[(KEY, "k")], began).await.text(), first.text());
        server.post_with(&[(KEY, "k")], MINIMAL).await.problem(422, "key-reused");
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn a_refused_write_does_not_use_its_key() {
    run(async {
        let server = Server::start().await;
        server.post_with(&[(KEY, "k")], "{}").await.problem(400, "invalid-events");
        assert_eq!(sequences(&server.post_with(&[(KEY, "k")], MINIMAL).await), [0]);
    });
}

#[test]
fn keys_and_ids_belong_to_their_token() {
    run(async {
        let server = Server::start().await;
        let other = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite]).await;
        assert_eq!(sequences(&server.post_with(&[(KEY, "k")], MINIMAL).await), [0]);
        assert_eq!(sequences(&server.post_as(&other, &[(KEY, "k")], with_id("a")).await), [1]);
        assert_eq!(sequences(&server.post(with_id("b")).await), [2], "the id is another token's");
        assert_eq!(sequences(&server.post_as(&other, &[], with_id("a")).await), [1]);
    });
}

#[test]
fn one_key_at_once_is_recorded_once() {
    run(async {
        let server = Server::start().await;
        for round in 0..20 {
            let key = format!("k{round}");
            let headers = [(KEY, key.as_str())];
            let one = || server.post_with(&headers, MINIMAL);
            let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
            let answers = [a, b, c, d];
            let recorded: u64 = answers.iter().filter_map(|a| a.header("trailbook-recorded").parse::<u64>().ok()).sum();
            assert_eq!(recorded, 1);
            let first = answers.iter().find(|answer| answer.status == 201).unwrap();
            for answer in &answers {
                match answer.status {
                    201 => assert_eq!(answer.text(), first.text()),
                    _ => {
                        answer.problem(409, "key-in-work");
                        assert_eq!(answer.header("retry-after"), "1");
                    }
                }
            }
            assert_eq!(server.total().await, round + 1);
        }
    });
}

#[test]
fn a_clients_id_is_recorded_once() {
    run(async {
        let server = Server::start().await;
        let first = server.post(with_id("a")).await;
        assert_eq!((sequences(&first), first.header("trailbook-recorded")), (vec![0], "1"));
        assert_eq!(first.json()["events"][0]["id"], ID);
        let again = server.post(format!("[{MINIMAL},{}]", with_id("a"))).await;
        assert_eq!((sequences(&again), again.header("trailbook-recorded")), (vec![1, 0], "1"));
        let twice = server.post(format!("{}\n{}", with_id("a"), with_id("a"))).await;
        assert_eq!((sequences(&twice), twice.header("trailbook-recorded")), (vec![0, 0], "0"));
        assert_eq!(server.total().await, 2);
    });
}

#[test]
fn an_id_with_other_content_is_named() {
    run(async {
        let server = Server::start().await;
        server.post(with_id("a")).await.expect(201);
        let expect = |answer: &Answer, index: u64| {
            let problem = answer.problem(422, "key-reused");
            assert_eq!(problem["errors"][0]["index"], index);
            assert_eq!(problem["errors"][0]["pointer"], "/id");
            assert_eq!(problem["errors_total"], 1);
            assert!(problem["detail"].as_str().unwrap().contains(ID), "{problem}");
        };
        expect(&server.post(with_id("b")).await, 0);
        expect(&server.post(format!("{MINIMAL}\n{MINIMAL}\n{}", with_id("b"))).await, 2);
        let began = r#"{"source":"s","action":"b","outcome":"initiated"}"#;
        expect(&server.post(format!("{began}\n{}", with_id("b"))).await, 1);
        // Inside one write too, and nothing of it is recorded.
        let other = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a12";
        let inside = format!("{}\n{}", with_id("x").replace(ID, other), with_id("y").replace(ID, other));
        server.post(inside).await.problem(422, "key-reused");
        assert_eq!(server.total().await, 1);
    });
}

#[test]
fn a_restart_keeps_keys_ids_and_events() {
    run(async {
        let server = Server::start().await;
        let keyed = server.post_with(&[(KEY, "k")], MINIMAL).await;
        server.post(with_id("a")).await.expect(201);
        let before: Value = server.list("").await;
        let server = server.restart("").await;
        assert_eq!(server.list("").await, before);
        assert_eq!(server.post_with(&[(KEY, "k")], MINIMAL).await.text(), keyed.text());
        assert_eq!(sequences(&server.post(with_id("a")).await), [1]);
        server.post(with_id("b")).await.problem(422, "key-reused");
        server.post_with(&[(KEY, "k")], with_id("c")).await.problem(422, "key-reused");
        assert_eq!(sequences(&server.post(MINIMAL).await), [2]);
    });
}

#[test]
fn keys_that_are_empty_too_long_or_repeated_are_refused() {
    run(async {
        let server = Server::start().await;
        for headers in
            [&[(KEY, "")][..], &[(KEY, &"k".repeat(256))], &[(KEY, "a"), (KEY, "b")], &[(KEY, "a"), (KEY, "a")]]
        {
            let problem = server.post_with(headers, MINIMAL).await.problem(400, "invalid-parameter");
            assert_eq!(problem["parameter"], "Idempotency-Key");
        }
        server.expect_nothing_recorded().await;
        server.post_with(&[(KEY, &"k".repeat(255))], MINIMAL).await.expect(201);
    });
}

#[test]
fn content_counts_not_its_spelling() {
    run(async {
        let server = Server::start().await;
        let other_spelling = format!(r#"{{ "action": "a", "source": "s", "id": "{}" }}"#, ID.to_uppercase());
        assert_eq!(sequences(&server.post(with_id("a")).await), [0]);
        assert_eq!(sequences(&server.post(other_spelling).await), [0]);

        let keyed = |body: &'static str| server.post_with(&[(KEY, "k")], body);
        assert_eq!(sequences(&keyed(r#"{"source":"s","action":"a","meta":{"n":1,"m":2}}"#).await), [1]);
        assert_eq!(sequences(&keyed(r#"{"action":"a","source":"s","meta":{"m":2,"n":1.0}}"#).await), [1]);
        keyed(r#"{"action":"a","source":"s","meta":{"m":2,"n":1.5}}"#).await.problem(422, "key-reused");
    });
}
