//! Bodies at their limits and above.

use serde_json::json;

use crate::harness::{EVENTS, MINIMAL, Server, run};

const MIB: usize = 1024 * 1024;

/// An event of so many bytes.
fn sized(bytes: usize) -> String {
    let empty = r#"{"source":"s","action":"a","message":""}"#.len();
    format!(r#"{{"source":"s","action":"a","message":"{}"}}"#, "m".repeat(bytes - empty))
}

#[test]
fn an_event_has_256_kib_at_most() {
    run(async {
        let server = Server::start().await;
        let (largest, larger, large) = (sized(256 * 1024), sized(256 * 1024 + 1), sized(300 * 1024));
        for (body, index) in [
            (larger.clone(), 0),
            (large.clone(), 0),
            (format!("[{MINIMAL},{large}]"), 1),
            (format!("[{larger}]"), 0),
            (format!("{MINIMAL}\n{larger}"), 1),
            (format!("{larger}\n{MINIMAL}\n"), 0),
        ] {
            let problem = server.post(body).await.problem(400, "invalid-events");
            assert_eq!((&problem["errors"][0]["index"], &problem["errors_total"]), (&json!(index), &json!(1)));
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.starts_with("the event has ") && detail.ends_with(", more than 262144"), "{detail}");
        }
        // Those after it are looked at too.
        let problem = server.post(format!("[{large},{MINIMAL},{{}},{larger}]")).await.problem(400, "invalid-events");
        let indexes: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, [0, 2, 3]);
        server.expect_nothing_recorded().await;
        for body in
            [largest.clone(), format!("[{largest}]"), format!("{largest}\n{largest}"), format!(" \n{largest}\n\n")]
        {
            server.post(body).await.expect(201);
        }
    });
}

#[test]
fn a_large_text_that_is_no_event_costs_little() {
    run(async {
        let server = Server::start().await;
        let unit = "[0],";
        let nested = format!("[{}0]", unit.repeat(7 * MIB / unit.len()));
        for body in [format!("[{nested}]"), format!(r#"[{{"meta":{{"a":{nested}}}}}]"#), format!(r#"{{"a":{nested}}}"#)]
        {
            server.post(body).await.problem(400, "invalid-events");
        }
        server.post(nested).await.problem(413, "body-too-large");
        let open = format!("[{}", r#"{"a":"x","#.repeat(7 * MIB / 9));
        server.post(open).await.problem(400, "invalid-events");
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn a_write_has_5000_events_at_most() {
    run(async {
        let server = Server::start().await;
        for count in [5_001, 10_000] {
            for body in [vec![MINIMAL; count].join("\n"), format!("[{}]", vec![MINIMAL; count].join(","))] {
                let problem = server.post(body).await.problem(413, "body-too-large");
                assert!(problem["detail"].as_str().unwrap().contains("5000 events"), "{problem}");
            }
        }
        server.expect_nothing_recorded().await;
        let answer = server.post(vec![MINIMAL; 5_000].join("\n")).await;
        assert_eq!(answer.expect(201)["events"].as_array().unwrap().len(), 5_000);
        server.post(format!("[{}]", vec![MINIMAL; 5_000].join(","))).await.expect(201);
        assert_eq!(server.total().await, 10_001);
    });
}

#[test]
fn a_body_has_8_mib_at_most() {
    run(async {
        let server = Server::start().await;
        let padded = |bytes: usize| format!("{MINIMAL}{}", " ".repeat(bytes - MINIMAL.len()));
        for bytes in [8 * MIB + 1, 9 * MIB, 30 * MIB] {
            let problem = server.post(padded(bytes)).await.problem(413, "body-too-large");
            assert!(problem["detail"].as_str().unwrap().contains("8388608 bytes"), "{problem}");
        }
        server.expect_nothing_recorded().await;
        server.post(padded(8 * MIB)).await.expect(201);
    });
}

#[test]
fn a_chunked_body_has_8_mib_at_most() {
    run(async {
        let server = Server::start().await;
        let chunked = |bytes: usize| {
            let head = server.head(&format!("POST {EVENTS} HTTP/1.1"), "Transfer-Encoding: chunked\r\n");
            let rest = " ".repeat(bytes - MINIMAL.len());
            format!("{head}{:x}\r\n{MINIMAL}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", MINIMAL.len(), rest.len())
        };
        let answer = server.raw(chunked(8 * MIB + 1).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
        server.expect_nothing_recorded().await;
        let answer = server.raw(chunked(8 * MIB).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer:?}");
    });
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    run(async {
        let server = Server::start().await;
        let body = " ".repeat(7 * MIB);
        for _ in 0..10 {
            server.post_as("unknown-token", &[], body.clone()).await.problem(401, "unauthenticated");
            server.post_with(&[("content-encoding", "br")], body.clone()).await.problem(415, "unsupported-encoding");
            server.post_with(&[("idempotency-key", "")], body.clone()).await.problem(400, "invalid-parameter");
        }
    });
}
