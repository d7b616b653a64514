//! Events that are refused: each with what and where, and nothing recorded.

use serde_json::{Value, json};

use crate::harness::{Answer, MINIMAL, Server, run, testdata};

/// Posts what must be refused and gives the first error.
async fn refused(server: &Server, body: impl Into<reqwest::Body>) -> Value {
    first_error(&server.post(body).await)
}

#[track_caller]
fn first_error(answer: &Answer) -> Value {
    let problem = answer.problem(400, "invalid-events");
    assert!(problem["errors_total"].as_u64().unwrap() >= 1);
    problem["errors"][0].clone()
}

/// The minimal event with one member more.
fn with(member: &str) -> String {
    format!(r#"{{"source":"s","action":"a",{member}}}"#)
}

#[test]
fn members_of_the_wrong_type_are_named() {
    run(async {
        let server = Server::start().await;
        let texts = ["action_type", "query_type", "severity", "outcome", "message", "id", "occurred_at"];
        for field in texts {
            for value in ["1", "true", "null", "[]", "{}", "\"\""] {
                let error = refused(&server, with(&format!(r#""{field}":{value}"#))).await;
                assert_eq!(error["pointer"], format!("/{field}"), "{value}");
            }
        }
        for (field, objects) in [
            ("error", true),
            ("actor", true),
            ("context", true),
            ("changes", true),
            ("meta", true),
            ("targets", false),
            ("on_behalf_of", false),
        ] {
            let wrong = if objects { "[]" } else { "{}" };
            for value in ["1", "true", "null", "\"x\"", wrong] {
                let error = refused(&server, with(&format!(r#""{field}":{value}"#))).await;
                assert_eq!(error["pointer"], format!("/{field}"), "{value}");
            }
        }
        for (member, pointer) in [
            (r#""actor":{"type":"user","id":1}"#, "/actor/id"),
            (r#""actor":{"type":"robot","id":"x"}"#, "/actor/type"),
            (r#""actor":{"id":"x"}"#, "/actor/type"),
            (r#""actor":{"type":"user"}"#, "/actor/id"),
            (r#""actor":{"type":"user","id":"x","age":1}"#, "/actor/age"),
            (r#""actor":{"type":"user","id":"x","groups":[{"id":"g"},{}]}"#, "/actor/groups/1"),
            (r#""actor":{"type":"user","id":"x","groups":[{"id":null}]}"#, "/actor/groups/0/id"),
            (r#""targets":[{"type":"t","id":"x"},{"type":"t"}]"#, "/targets/1/id"),
            (r#""targets":[{"type":"t","id":"x"},7]"#, "/targets/1"),
            (r#""targets":[{"type":"t","id":"x","a/b~c":1}]"#, "/targets/0/a~1b~0c"),
            (r#""on_behalf_of":[{"id":"x"}]"#, "/on_behalf_of/0/type"),
            (r#""context":{"ip":4}"#, "/context/ip"),
            (r#""context":{"channel":"fax"}"#, "/context/channel"),
            (r#""context":{"request_path":"/x"}"#, "/context/request_path"),
            (r#""changes":{"before":null}"#, "/changes/before"),
            (r#""changes":{"during":1}"#, "/changes/during"),
            (r#""error":{}"#, "/error"),
            (r#""error":{"code":1}"#, "/error/code"),
            (r#""outcome":"maybe""#, "/outcome"),
            (r#""severity":"LOW""#, "/severity"),
            (r#""id":"01980b5e7c3a7d529f3e0c6f8f1f2a11""#, "/id"),
        ] {
            assert_eq!(refused(&server, with(member)).await["pointer"], pointer, "{member}");
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn fields_of_the_server_and_unknown_ones_are_refused() {
    run(async {
        let server = Server::start().await;
        for (member, pointer, reason) in [
            (r#""organization":"other""#, "/organization", "is given by the server"),
            (r#""sequence":0"#, "/sequence", "is given by the server"),
            (r#""recorded_at":"2026-01-01T00:00:00Z""#, "/recorded_at", "is given by the server"),
            (r#""colour":"red""#, "/colour", "meta"),
            (r#""Severity":"low""#, "/Severity", "is not a field"),
            (r#""":1"#, "/", "is not a field"),
        ] {
            let error = refused(&server, with(member)).await;
            assert_eq!(error["pointer"], pointer);
            assert!(error["detail"].as_str().unwrap().contains(reason), "{error}");
        }
        let own = refused(&server, r#"{"source":"trailbook","action":"a"}"#).await;
        assert_eq!(own["pointer"], "/source");
        let line = r#"{"isAuditEvent":true,"plugin":"trailbook","eventId":"x","status":"succeeded"}"#;
        assert_eq!(refused(&server, line).await["pointer"], "/plugin");
        for (body, pointer) in [(r#"{"action":"a"}"#, "/source"), (r#"{"source":"s"}"#, "/action"), ("{}", "/source")] {
            assert_eq!(refused(&server, body).await["pointer"], pointer);
        }
        for body in ["null", "true", "7", "\"x\"", "[[]]", "[null]", "[7]", "[{},[]]"] {
            refused(&server, body).await;
        }
        for body in ["", " ", "\n\r\n", "[]", "[ ]"] {
            server.post(body).await.problem(400, "invalid-body");
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn json_that_is_ambiguous_is_refused() {
    run(async {
        let server = Server::start().await;
        let wide = |n: usize| (0..n).map(|i| format!(r#""k{i}":1"#)).collect::<Vec<_>>().join(",");
        for (member, pointer, reason) in [
            (r#""action":"b""#.to_owned(), "/action", "twice"),
            (r#""meta":{"a":{"x":1,"x":1}}"#.to_owned(), "/meta/a/x", "twice"),
            (r#""meta":{"ab":1,"\u0061b":2}"#.to_owned(), "/meta/ab", "twice"),
            (r#""targets":[{"type":"t","id":"1","id":"2"}]"#.to_owned(), "/targets/0/id", "twice"),
            (format!(r#""meta":{{{},"k7":2}}"#, wide(100)), "/meta/k7", "twice"),
            (r#""meta":{"a":["\ud800"]}"#.to_owned(), "/meta/a/0", "lone surrogate"),
            (r#""meta":{"a":"\udc00\ud800"}"#.to_owned(), "/meta/a", "lone surrogate"),
            (r#""meta":{"a":NaN}"#.to_owned(), "/meta/a", "a value was expected"),
            (r#""meta":{"a":-Infinity}"#.to_owned(), "/meta/a", "digit"),
            (r#""meta":{"a":01}"#.to_owned(), "/meta/a", "number"),
            (r#""meta":{"a":1e400}"#.to_owned(), "/meta/a", "not exactly a double"),
            (r#""meta":{"a":9007199254740993}"#.to_owned(), "/meta/a", "not exactly a double"),
            (
                r#""changes":{"after":{"n":0.1000000000000000001}}"#.to_owned(),
                "/changes/after/n",
                "not exactly a double",
            ),
        ] {
            let error = refused(&server, with(&member)).await;
            assert_eq!(error["pointer"], pointer, "{error}");
            assert!(error["detail"].as_str().unwrap().contains(reason), "{error}");
        }
        for body in [&b"{\"source\":\"s\",\"action\":\"\xff\"}"[..], b"{\"source\":\"s\",\"action\":\"\xed\xa0\x80\"}"]
        {
            assert!(refused(&server, body.to_vec()).await["detail"].as_str().unwrap().contains("UTF-8"));
            let many = [b"[".as_slice(), body, b"]"].concat();
            assert!(server.post(many).await.problem(400, "invalid-body")["detail"].as_str().unwrap().contains("UTF-8"));
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn deep_nesting_is_refused_and_sixteen_levels_are_not() {
    run(async {
        let server = Server::start().await;
        let arrays = |depth: usize| with(&format!(r#""meta":{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth)));
        let objects = |depth: usize| with(&format!(r#""meta":{}1{}"#, r#"{"k":"#.repeat(depth), "}".repeat(depth)));
        for depth in [17, 18, 1_000] {
            let error = refused(&server, objects(depth)).await;
            assert!(error["detail"].as_str().unwrap().contains("nested deeper"), "{error}");
            refused(&server, arrays(depth - 1)).await;
        }
        for body in ["[".repeat(100_000), r#"{"a":"#.repeat(40_000), format!("[{}", "[".repeat(8_000_000))] {
            refused(&server, body).await;
        }
        server.expect_nothing_recorded().await;
        server.post(objects(16)).await.expect(201);
        server.post(format!("[{}]", arrays(15))).await.expect(201);
    });
}

#[test]
fn times_that_cannot_be_are_refused() {
    run(async {
        let server = Server::start().await;
        for (time, reason) in [
            ("9999-12-31T23:59:59Z", "ahead"),
            (&crate::harness::from_now(61 * 60 * 1_000), "ahead"),
            ("1969-12-31T23:59:59Z", "before 1970"),
            ("0001-01-01T00:00:00Z", "before 1970"),
            ("2026-01-15T12:00:00", "must end in Z"),
            ("2026-01-15", "RFC 3339"),
            ("2026-02-30T12:00:00Z", "RFC 3339"),
            ("2026-01-15T12:00:00.1234567890Z", "nine digits"),
            ("1736942400", "RFC 3339"),
        ] {
            let error = refused(&server, with(&format!(r#""occurred_at":"{time}""#))).await;
            assert_eq!(error["pointer"], "/occurred_at", "{time}");
            assert!(error["detail"].as_str().unwrap().contains(reason), "{error}");
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn a_truncated_array_is_refused_wherever_it_ends() {
    run(async {
        let server = Server::start().await;
        let lines = testdata("backstage-audit.ndjson");
        let lines: Vec<&str> = lines.lines().take(60).collect();
        let array = format!("[{}]", lines.join(","));
        for end in (1..array.len()).step_by(97) {
            let answer = server.post(array[..end].to_owned()).await;
            let index = answer.problem(400, "invalid-events")["errors"][0]["index"].as_u64().unwrap();
            let whole = array[..end].matches(r#""isAuditEvent""#).count() as u64;
            assert!(index == whole || index + 1 == whole, "{index} of {whole} at {end}");
        }
        let text = lines.join("\n");
        for end in
            (1..text.len()).step_by(97).filter(|end| !text[*end..].starts_with('\n') && !text[..*end].ends_with('\n'))
        {
            let answer = server.post_with(&[("content-type", "application/x-ndjson")], text[..end].to_owned()).await;
            let error = first_error(&answer);
            assert_eq!(error["line"], 1 + text[..end].matches('\n').count(), "{error}");
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn every_wrong_event_is_named_up_to_a_hundred() {
    run(async {
        let server = Server::start().await;
        let body: Vec<String> =
            (0..300).map(|i| if i % 2 == 0 { with(&format!(r#""k{i}":1"#)) } else { MINIMAL.to_owned() }).collect();
        for (text, is_lines) in [(body.join("\n"), true), (format!("[{}]", body.join(",\n")), false)] {
            let problem = server.post(text).await.problem(400, "invalid-events");
            let errors = problem["errors"].as_array().unwrap();
            assert_eq!((errors.len(), &problem["errors_total"]), (100, &json!(150)));
            for (i, error) in errors.iter().enumerate() {
                assert_eq!((&error["index"], &error["pointer"]), (&json!(2 * i), &json!(format!("/k{}", 2 * i))));
                assert_eq!(error.get("line"), is_lines.then(|| json!(2 * i + 1)).as_ref());
            }
            assert!(problem["detail"].as_str().unwrap().ends_with("and 149 more"), "{problem}");
        }
        server.expect_nothing_recorded().await;
    });
}
