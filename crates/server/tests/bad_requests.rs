//! Requests that are wrong around their body.

use reqwest::Method;

use crate::harness::{EVENTS, MINIMAL, Server, answer, run};

async fn parameter(server: &Server, query: &str) -> serde_json::Value {
    server.get(&server.token, &format!("{EVENTS}?{query}")).await.problem(400, "invalid-parameter")
}

#[test]
fn parameters_of_a_search_are_named_when_wrong() {
    run(async {
        let server = Server::start().await;
        for (query, name) in [
            ("colour=red", "colour"),
            ("message=x", "message"),
            ("changes=*", "changes"),
            ("organization=default", "organization"),
            ("occurred_at=2026-01-01T00:00:00Z", "occurred_at"),
            ("meta=x", "meta"),
            ("meta.=x", "meta."),
            ("=x", ""),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=ten", "limit"),
            ("order=up", "order"),
            ("total=maybe", "total"),
            ("from=yesterday", "from"),
            ("to=2026-01-01T00:00:00", "to"),
            ("sequence_from=-1", "sequence_from"),
            ("sequence_to=18446744073709551616", "sequence_to"),
            ("outcome=FAILED", "outcome"),
            ("actor.type=robot", "actor.type"),
            ("context.channel=fax", "context.channel"),
            ("action=", "action"),
            ("action", "action"),
            ("action=a,", "action"),
            ("action=a*b", "action"),
            (r"action=a\", "action"),
            ("action=a&action=b", "action"),
            ("limit=1&limit=1", "limit"),
            ("action=%ff", "action"),
            ("action=%zz", "action"),
            ("action=%e", "action"),
            ("offset=1", "offset"),
            ("q=colour:red", "q"),
            ("q=a&q=b", "q"),
        ] {
            assert_eq!(parameter(&server, query).await["parameter"], name, "{query}");
        }
        server.list("limit=1000").await;
        let long = "k".repeat(10_000);
        let problem = parameter(&server, &format!("{long}=1")).await;
        assert!(problem["detail"].as_str().unwrap().contains("/api/docs"), "the reason is shown: {problem}");
        assert!(problem.to_string().len() < 2_000);
    });
}

#[test]
fn a_search_has_32_conditions_of_100_values_at_most() {
    run(async {
        let server = Server::start().await;
        let conditions = |n: usize| (0..n).map(|i| format!("meta.k{i}=v")).collect::<Vec<_>>().join("&");
        let values = |n: usize| format!("action={}", vec!["a"; n].join(","));
        server.list(&conditions(32)).await;
        server.list(&values(100)).await;
        for (query, detail) in
            [(conditions(33), "33 conditions are more than 32"), (values(101), "action has 101 values, more than 100")]
        {
            assert_eq!(parameter(&server, &query).await["detail"], detail);
        }
    });
}

#[test]
fn a_search_text_that_is_wrong_says_where() {
    run(async {
        let server = Server::start().await;
        for (query, detail) in [
            ("q=gr%C3%BCn+colour:red", "q at character 6: \"colour\" is no field that can be filtered; text that has"),
            ("q=outcome:failed,broken", "q at character 16: outcome must be one of initiated, succeeded, failed"),
            ("q=%22two+words", "q at character 1: the phrase has a quote that is not closed"),
            ("q=12345678901", "q at character 1: \"12345678901\" holds no word"),
        ] {
            let problem = parameter(&server, query).await;
            assert_eq!(problem["parameter"], "q");
            assert!(problem["detail"].as_str().unwrap().starts_with(detail), "{problem}");
        }
    });
}

#[test]
fn a_search_text_has_4_096_bytes_and_32_parts_at_most() {
    run(async {
        let server = Server::start().await;
        let text = |bytes: usize| format!("q=ab{}", "+".repeat(bytes - 2));
        server.list(&text(4_096)).await;
        let detail = "q at character 4097: the text has 4097 bytes, more than 4096";
        assert_eq!(parameter(&server, &text(4_097)).await["detail"], detail);
        let words = |n: usize| format!("q={}", vec!["word"; n].join("+"));
        server.list(&words(32)).await;
        let detail = "q at character 161: this is more than 32 conditions and words";
        assert_eq!(parameter(&server, &words(33)).await["detail"], detail);
        let problem = parameter(&server, &format!("action=a&{}", words(32))).await;
        assert_eq!(problem["detail"], "33 conditions are more than 32");
    });
}

#[test]
fn a_write_has_one_parameter() {
    run(async {
        let server = Server::start().await;
        for (query, name) in
            [("dry_run=1", "dry_run"), ("initiated=drop", "initiated"), ("initiated", "initiated"), ("%zz=1", "%zz")]
        {
            let request =
                server.request(Method::POST, &format!("{EVENTS}?{query}")).bearer_auth(&server.token).body(MINIMAL);
            assert_eq!(answer(request).await.problem(400, "invalid-parameter")["parameter"], name);
        }
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn an_url_has_16_kib_at_most() {
    run(async {
        let server = Server::start().await;
        let url = |bytes: usize| {
            let start = format!("{EVENTS}?action=");
            format!("{start}{}", "a".repeat(bytes - start.len()))
        };
        server.get(&server.token, &url(16 * 1024)).await.expect(200);
        for bytes in [16 * 1024 + 1, 60_000] {
            let problem = server.get(&server.token, &url(bytes)).await.problem(414, "url-too-long");
            assert_eq!(problem["detail"], format!("the path and query have {bytes} bytes, more than 16384"));
        }
        let request = server.request(Method::POST, &url(16 * 1024 + 1)).bearer_auth(&server.token).body(MINIMAL);
        answer(request).await.problem(414, "url-too-long");
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn other_methods_and_paths_are_told_what_there_is() {
    run(async {
        let server = Server::start().await;
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            for path in
                [EVENTS, &format!("{EVENTS}/01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11"), "/livez", "/api/openapi.json"]
            {
                let refused = answer(server.request(method.clone(), path).bearer_auth(&server.token)).await;
                refused.problem(405, "method-not-allowed");
                assert!(refused.header("allow").contains("GET"), "{method} {path}: {:?}", refused.headers);
            }
        }
        for path in
            ["/api/v1", "/api/v2/events", "/favicon.ico", "/api/v1/events/a/b", "/%2e%2e/etc/passwd", "/api/v1/Events"]
        {
            server.get(&server.token, path).await.problem(404, "not-found");
        }
        let root = server.get("", "/").await;
        assert_eq!((root.status, root.header("location")), (303, "/sign-in"));
        server.post(MINIMAL).await.expect(201);
        let head = answer(server.request(Method::HEAD, EVENTS).bearer_auth(&server.token)).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
    });
}

#[test]
fn answers_keep_browsers_careful() {
    run(async {
        let server = Server::start().await;
        for path in [EVENTS, "/api/docs", "/nowhere", "/livez", "/api/audit-log/v1/audit-event"] {
            let answer = server.get(&server.token, path).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
            ] {
                assert_eq!(answer.header(name), value, "{path}");
            }
            assert!(answer.header("content-security-policy").contains("default-src 'none'"));
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    });
}
