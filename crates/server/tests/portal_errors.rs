//! What the Portal's API refuses, in Backstage's words.

use reqwest::Method;
use serde_json::{Value, json};
use trailbook_store::credential::Permission;

use crate::harness::{AUDIT, Answer, Server, answer, run};

#[track_caller]
fn expect(answer: &Answer, (status, name, message): (u16, &str, &str), (method, url): (&str, &str)) {
    let expected = json!({
        "error": {"name": name, "message": message},
        "request": {"method": method, "url": url},
        "response": {"statusCode": status},
    });
    assert_eq!(answer.expect(status), expected);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

async fn refused(server: &Server, token: &str, error: (u16, &str, &str)) {
    let url = format!("{AUDIT}?limit=1");
    expect(&server.get(token, &url).await, error, ("GET", &url));
}

#[test]
fn parameters_that_are_unknown_malformed_or_repeated_are_named() {
    run(async {
        let server = Server::start().await;
        let time =
            |name: &str, value: &str| format!("{name} must be an ISO 8601 time in UTC that ends with Z, not {value:?}");
        let number = |value: &str| format!("limit must be a whole number from 1 to 1000, not {value:?}");
        let severity =
            |value: &str| format!("severity_level must be one or more of low, medium, high, critical, not {value:?}");
        for (query, message) in [
            ("colour=red", "colour is not a parameter of this endpoint".to_owned()),
            ("Status=failed", "Status is not a parameter of this endpoint".to_owned()),
            ("status=denied", r#"status must be one of succeeded, failed, not "denied""#.to_owned()),
            (
                "status=failed,succeeded",
                r#"status must be one of succeeded, failed, not "failed,succeeded""#.to_owned(),
            ),
            ("actor_type=agent", r#"actor_type must be one of user, service, not "agent""#.to_owned()),
            ("severity_level=urgent", severity("urgent")),
            ("severity_level=low,", severity("")),
            ("severity_level=", severity("")),
            ("severity_level=low&severity_level=LOW", severity("LOW")),
            ("plugin_id=", "plugin_id must not be empty".to_owned()),
            ("plugin_id", "plugin_id must not be empty".to_owned()),
            ("status=failed&status=failed", "status is given more than once".to_owned()),
            ("limit=1&limit=2", "limit is given more than once".to_owned()),
            ("limit=0", number("0")),
            ("limit=1001", number("1001")),
            ("limit=-1", number("-1")),
            ("limit=1e2", number("1e2")),
            ("offset=-1", r#"offset must be a whole number from 0, not "-1""#.to_owned()),
            ("offset=1.5", r#"offset must be a whole number from 0, not "1.5""#.to_owned()),
            (
                "offset=18446744073709551616",
                r#"offset must be a whole number from 0, not "18446744073709551616""#.to_owned(),
            ),
            ("start_time=2026-01-01T00:00:00%2B00:00", time("start_time", "2026-01-01T00:00:00+00:00")),
            ("end_time=2026-01-01T00:00:00", time("end_time", "2026-01-01T00:00:00")),
            ("end_time=yesterday", time("end_time", "yesterday")),
        ] {
            let url = format!("{AUDIT}?{query}");
            expect(&server.get(&server.token, &url).await, (400, "InputError", &message), ("GET", &url));
        }
        for query in [
            "start_time=yesterdayZ",
            "start_time=2026-02-30T00:00:00Z",
            "start_time=Z",
            "event_id=%ff",
            "event_id=%zz",
            "%=1",
        ] {
            let answer = server.get(&server.token, &format!("{AUDIT}?{query}")).await;
            let body = answer.expect(400);
            assert_eq!(body["error"]["name"], "InputError");
            let named = query.split('=').next().unwrap();
            assert!(body["error"]["message"].as_str().unwrap().contains(named), "{body}");
        }
        assert_eq!(
            server.get(&server.token, &format!("{AUDIT}?limit=1000&offset=18446744073709551615")).await.expect(200)["total"],
            0
        );
    });
}

#[test]
fn long_values_are_not_repeated_whole() {
    run(async {
        let server = Server::start().await;
        let long = "x".repeat(16_000);
        for query in [format!("status={long}"), format!("{long}=1"), format!("limit={long}")] {
            let body = server.get(&server.token, &format!("{AUDIT}?{query}")).await.expect(400);
            assert!(body.to_string().len() < 6_000, "{}", body.to_string().len());
        }
    });
}

#[test]
fn requests_without_a_known_token_are_unauthenticated() {
    run(async {
        let server = Server::start().await;
        let missing = (401, "AuthenticationError", "Missing credentials");
        let illegal = (401, "AuthenticationError", "Illegal token");
        let token = server.token.clone();
        for (header, error) in [
            (None, missing),
            (Some(String::new()), missing),
            (Some("Bearer".to_owned()), missing),
            (Some("Bearer ".to_owned()), missing),
            (Some(format!("Basic {token}")), missing),
            (Some(format!("Bearer{token}")), missing),
            (Some(format!("Bearer {token} x")), missing),
            (Some(format!("Bearer {token}x")), illegal),
            (Some("Bearer undefined".to_owned()), illegal),
            (Some(format!("Bearer {}", "x".repeat(9_000))), illegal),
        ] {
            let mut request = server.request(Method::GET, AUDIT);
            if let Some(header) = &header {
                request = request.header("authorization", header);
            }
            expect(&answer(request).await, error, ("GET", AUDIT));
        }
        for header in [format!("bearer {token}"), format!("BEARER    {token}")] {
            let request = server.request(Method::GET, AUDIT).header("authorization", header);
            assert_eq!(answer(request).await.status, 200);
        }
    });
}

#[test]
fn tokens_of_other_plugins_and_permissions_are_told_what_they_may() {
    run(async {
        let server = Server::start().await;
        let good = server.restricted("audit-log", Some("audit.log.read"), None).await;
        assert_eq!(server.get(&good, AUDIT).await.status, 200);
        for (plugin, permission, action) in [
            ("audit-log", None, None),
            ("audit-log", None, Some("read")),
            ("audit-log", Some("audit.log.read"), Some("read")),
        ] {
            let token = server.restricted(plugin, permission, action).await;
            assert_eq!(server.get(&token, AUDIT).await.status, 200);
        }
        for (plugin, permission, action, message) in [
            ("catalog", None, None, "This token's access is restricted to plugin(s) 'catalog'"),
            ("catalog", Some("audit.log.read"), None, "This token's access is restricted to plugin(s) 'catalog'"),
            (
                "audit-log",
                Some("audit.log.write"),
                None,
                "This token's access is restricted to permission(s) 'audit.log.write'",
            ),
            (
                "audit-log",
                None,
                Some("delete"),
                "This token's access is restricted to permissions with action(s) 'delete'",
            ),
        ] {
            let token = server.restricted(plugin, permission, action).await;
            refused(&server, &token, (403, "NotAllowedError", message)).await;
        }
        let writer = server.scoped("default", &[Permission::EventsWrite]).await;
        let message = "This needs the scope events.read; the token has events.write";
        refused(&server, &writer, (403, "NotAllowedError", message)).await;
        // The Portal's own token opens nothing else.
        server.get(&good, "/api/v1/events").await.problem(403, "not-allowed");
        server.post_as(&good, &[], "{}").await.problem(403, "not-allowed");
    });
}

#[test]
fn other_methods_and_paths_are_not_found() {
    run(async {
        let server = Server::start().await;
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let request = server.request(method.clone(), AUDIT).bearer_auth(&server.token);
            expect(&answer(request).await, (404, "NotFoundError", "Not Found"), (method.as_str(), AUDIT));
        }
        for path in [
            "/api/audit-log/",
            "/api/audit-log/v1",
            "/api/audit-log/v1/audit-event/",
            "/api/audit-log/v2/audit-event?a=b",
        ] {
            let answer = server.get(&server.token, path).await;
            expect(&answer, (404, "NotFoundError", "Not Found"), ("GET", path));
        }
        let head = answer(server.request(Method::HEAD, AUDIT).bearer_auth(&server.token)).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        let elsewhere = server.get(&server.token, "/api/audit-logs").await.problem(404, "not-found");
        assert_eq!(elsewhere.get("error"), None::<&Value>);
    });
}
