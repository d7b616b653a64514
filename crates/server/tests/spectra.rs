//! The Spectra Assure dialect as the vendor's own client, `spectra-assure-sdk`, sees it: it orders exports with every
//! filter, waits for them, and fetches their files. It comes through a portal's path.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;

use crate::harness::{Server, answer, run};

/// What the client got for each order.
fn ordered(server: &Server, token: &str, orders: &Value) -> Map<String, Value> {
    let Ok(interpreter) = std::env::var("TRAILBOOK_TEST_PYTHON") else {
        panic!("set TRAILBOOK_TEST_PYTHON, or run `cargo xtask test`");
    };
    let mut client = Command::new(interpreter)
        .args(["tests/spectra/sdk.py", &server.address().port().to_string(), token, DEFAULT_ORGANIZATION])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(orders.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Records of the vendor's, told apart by their days, and one that is no business of the dialect.
async fn filled() -> (Server, String) {
    let server = Server::start().await;
    let records = json!([
        {"Timestamp": "2026-04-01T00:00:00Z", "action": "package.created", "outcome": "successful",
         "auth_context": "Portal instance", "user_id": "u1", "user_email": "jane@acme.example",
         "resource_type": "package", "resource_id": "p1", "group_id": "g1", "request_id": "r-1"},
        {"Timestamp": "2026-04-02T00:00:00Z", "action": "package.deleted", "outcome": "unsuccessful",
         "auth_context": "Portal API", "user_id": "u2", "user_email": "john@acme.example",
         "resource_type": "package", "resource_id": "p,2*", "group_id": "g2", "request_id": "r-2"},
        {"Timestamp": "2026-04-03T00:00:00Z", "action": "user.login", "outcome": "successful",
         "auth_context": "Portal instance", "user_id": "u1", "user_email": "jane@acme.example",
         "resource_type": "user", "resource_id": "u1"},
        {"Timestamp": "2026-05-01T00:00:00Z", "action": "user.logout", "outcome": "successful", "user_id": "u1"},
    ]);
    let path = "/api/v1/ingest/spectra";
    let request = server.request(reqwest::Method::POST, path).bearer_auth(&server.token).body(records.to_string());
    answer(request).await.expect(201);
    let begun = r#"{"source":"s","action":"a","outcome":"initiated","occurred_at":"2026-04-04T00:00:00Z"}"#;
    let request = server.request(reqwest::Method::POST, "/api/v1/events?initiated=keep");
    answer(request.bearer_auth(&server.token).body(begun)).await.expect(201);
    let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
    (server, token)
}

fn filter(field: &str, operation: &str, values: &[&str]) -> Value {
    json!({"filters": [{"filter_by": field, "operation": operation, "values": values}]})
}

/// The days of April whose events an export has.
fn days(found: &Value) -> Vec<String> {
    assert_eq!(found["status"], "DONE", "{found}");
    let lines = found["lines"]["ndjson"].as_array().unwrap();
    assert_eq!(found["lines"]["cef"].as_array().unwrap().len(), lines.len());
    let day = |line: &Value| {
        let event: Value = serde_json::from_str(line.as_str().unwrap()).unwrap();
        event["occurred_at"].as_str().unwrap()[8..10].to_owned()
    };
    lines.iter().map(day).collect()
}

#[test]
fn the_vendors_client_orders_exports_by_every_filter() {
    run(async {
        let (server, token) = filled().await;
        let cases: Vec<(Value, &[&str])> = vec![
            (json!({}), &["01", "02", "03"]),
            (json!({"datetime_start": "2026-04-02T00:00:00Z", "datetime_end": "2026-04-03T00:00:00Z"}), &["02"]),
            (filter("action", "is", &["user.login", "package.created"]), &["03"]),
            (filter("action", "is_not", &["user.login", "package.created"]), &["01", "02"]),
            (filter("action", "is_any", &["user.login", "package.created"]), &["01", "03"]),
            (filter("action", "is_not_any", &["user.login", "package.created"]), &["02"]),
            (filter("resource_type", "is", &["package"]), &["01", "02"]),
            (filter("resource_type", "is_not", &["package"]), &["03"]),
            (filter("resource_type", "is_any", &["user", "group"]), &["03"]),
            (filter("resource_type", "is_not_any", &["user", "group"]), &["01", "02"]),
            (filter("group_id", "is", &["g1"]), &["01"]),
            (filter("group_id", "is_any", &["g1", "g2"]), &["01", "02"]),
            (filter("outcome", "is", &["successful"]), &["01", "03"]),
            (filter("outcome", "is", &["unsuccessful"]), &["02"]),
            (filter("auth_context", "is", &["Portal instance"]), &["01", "03"]),
            (filter("auth_context", "is", &["api"]), &["02"]),
            (filter("request_id", "is", &["r-2"]), &["02"]),
            (filter("resource_id", "is", &["p,2*"]), &["02"]),
            (filter("resource_id", "is", &["p*"]), &[]),
            (filter("user_id", "is", &["u1"]), &["01", "03"]),
            (filter("user_email", "is", &["john@acme.example"]), &["02"]),
            (
                json!({"filters": [
                    {"filter_by": "user_id", "operation": "is", "values": ["u1"]},
                    {"filter_by": "resource_type", "operation": "is_not", "values": ["user"]},
                ]}),
                &["01"],
            ),
        ];
        let orders: Map<String, Value> =
            cases.iter().enumerate().map(|(n, (order, _))| (format!("case {n}"), order.clone())).collect();
        let found = ordered(&server, &token, &orders.into());
        for (n, (order, wanted)) in cases.iter().enumerate() {
            assert_eq!(days(&found[&format!("case {n}")]), *wanted, "{order}");
        }
    });
}

#[test]
fn the_vendors_client_is_told_what_is_wrong() {
    run(async {
        let (server, token) = filled().await;
        let orders = json!({
            "no format": {"should_create_cef": false, "should_create_ndjson": false},
            "backwards": {"datetime_end": "2026-03-01T00:00:00Z"},
            "an operation": filter("user_id", "is_not", &["u1"]),
        });
        let found = ordered(&server, &token, &orders);
        let detail = |name: &str| {
            assert_eq!(found[name]["status"], 400, "{}", found[name]);
            found[name]["detail"].as_str().unwrap().to_owned()
        };
        assert_eq!(detail("no format"), "one of should_create_cef and should_create_ndjson must be true");
        assert_eq!(detail("backwards"), "datetime_start must be before datetime_end");
        assert_eq!(detail("an operation"), "filters[0].operation: for user_id it must be one of is, not \"is_not\"");
        let found = ordered(&server, &server.token, &json!({"not allowed": {}}));
        assert_eq!(found["not allowed"]["status"], 403);
    });
}

#[test]
fn the_servers_own_events_are_shown_by_name_only() {
    run(async {
        let server = Server::start().await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        let now = trailbook_event::Timestamp::parse(&crate::harness::from_now(60_000)).unwrap();
        let range = json!({"datetime_start": crate::harness::from_now(-60_000), "datetime_end": now.to_string()});
        let mut named = filter("action", "is", &["organization.audit_export.created"]);
        named.as_object_mut().unwrap().extend(range.as_object().unwrap().clone());
        let found = ordered(&server, &token, &json!({"first": range, "second": named}));
        assert_eq!(found["first"]["lines"]["ndjson"], json!([]));
        assert_eq!(found["second"]["lines"]["ndjson"].as_array().unwrap().len(), 2);
    });
}
