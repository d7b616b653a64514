//! Records of the Spectra Assure Portal.

use serde_json::{Value, json};
use trailbook_event::normalise::Form;

use crate::{NOW, any, assert_refused, assert_within, became, lay_over, read, read_text};

/// A record that has something everywhere.
fn full() -> Value {
    json!({
        "id": "a-1", "timestamp": "2026-01-14T10:00:00.000Z", "action": "package.created", "outcome": "successful",
        "auth_context": "Portal API", "user_id": "u-1", "user_email": "jane@acme.example", "user": "Jane",
        "resource_type": "package", "resource_id": "p-1", "resource_name": "checkout", "group_id": "g-1",
        "group_name": "Platform", "project_name": "shop", "package_name": "checkout", "request_id": "r-1",
        "ip_address": "203.0.113.7", "info": {"changes": {"before": {"a": 1}, "after": {"a": 2}}, "note": "x"}
    })
}

fn with(path: &[&str], value: impl Into<Value>) -> Value {
    let mut record = full();
    any::put(&mut record, path, value.into());
    record
}

/// The record that an event is shown as: each text wherever it can have come from, and `meta.spectra` laid over it.
fn shown(event: &Value, came: &Value) -> Value {
    let (context, actor, target) = (&event["context"], &event["actor"], &event["targets"][0]);
    let said = if event["outcome"] == "succeeded" { &event["message"] } else { &event["error"]["message"] };
    let mut meta = event["meta"].clone();
    let left = meta.as_object_mut().and_then(|meta| meta.remove("spectra")).unwrap_or_default();
    let mut info = json!({
        "ip_address": context["ip"], "ip": context["ip"], "user_agent": context["user_agent"], "message": said,
        "error": said, "error_message": said, "changes": event["changes"]
    });
    if meta.is_object() {
        lay_over(&mut info, &meta);
    }
    let user = if actor["name"].is_null() { &actor["email"] } else { &actor["name"] };
    let named = if target["name"].is_null() { &target["id"] } else { &target["name"] };
    let mut record = json!({
        "id": event["id"], "timestamp": event["occurred_at"], "action": event["action"],
        "outcome": match event["outcome"].as_str().unwrap() {
            "succeeded" => "successful",
            "failed" => "unsuccessful",
            other => other,
        },
        "auth_context": match context["channel"].as_str() {
            Some("portal") => Some("Portal instance"),
            Some(_) => Some("Portal API"),
            None => None,
        },
        "user_id": actor["id"], "user_email": actor["email"], "user": user, "resource_type": target["type"],
        "resource_id": target["id"], "resource_name": named, "group_id": actor["groups"][0]["id"],
        "group_name": actor["groups"][0]["name"], "project_name": context["project"],
        "package_name": context["package"], "request_id": context["request_id"], "ip_address": context["ip"],
        "info": if came["info"].is_string() { said.clone() } else { info }
    });
    if left.is_object() {
        lay_over(&mut record, &left);
    }
    record
}

const PATHS: &[&[&str]] = &[
    &["id"],
    &["timestamp"],
    &["action"],
    &["outcome"],
    &["auth_context"],
    &["user"],
    &["user_id"],
    &["user_email"],
    &["resource_type"],
    &["resource_id"],
    &["resource_name"],
    &["group_id"],
    &["group_name"],
    &["project_name"],
    &["package_name"],
    &["request_id"],
    &["ip_address"],
    &["info"],
    &["info", "spectra"],
    &["info", "ip"],
    &["info", "ip_address"],
    &["info", "message"],
    &["info", "changes"],
    &["info", "changes", "before"],
    &["spectra"],
    &["source"],
];

#[test]
fn nothing_is_lost_of_any_record() {
    any::with_any(full(), PATHS, |record| {
        match read(Form::Spectra, record) {
            // An empty text says nothing, and one at the place of an object is not looked into.
            Ok(event) => assert_within(record, &shown(&event, record), ""),
            Err(error) => assert!(["/action", "/timestamp", "/outcome"].contains(&error.pointer()), "{error}"),
        }
        Ok(())
    });
}

#[test]
fn a_record_says_who_did_what_on_what() {
    let want = json!({
        "id": became(Form::Spectra, &json!({"id": "a-1", "action": "x"}))["id"],
        "occurred_at": "2026-01-14T10:00:00.000Z", "source": "spectra", "action": "package.created", "severity": "low",
        "outcome": "succeeded",
        "actor": {
            "type": "user", "id": "u-1", "name": "Jane", "email": "jane@acme.example",
            "groups": [{"id": "g-1", "name": "Platform"}]
        },
        "targets": [{"type": "package", "id": "p-1", "name": "checkout"}],
        "context": {
            "channel": "api", "ip": "203.0.113.7", "package": "checkout", "project": "shop", "request_id": "r-1"
        },
        "changes": {"before": {"a": 1}, "after": {"a": 2}},
        "meta": {"note": "x", "spectra": {"id": "a-1"}}
    });
    assert_eq!(became(Form::Spectra, &full()), want);
}

#[test]
fn the_titles_of_columns_are_names_too() {
    let titled = json!({
        "Timestamp": "2026-01-14T10:00:00Z", "User": "jane@acme.example", "Action": "project.deleted",
        "Target Type": "project", "Target Name": "shop", "Outcome": "Unsuccessful", "Group Name": "Platform",
        "Project Name": "shop", "Package Name": "checkout", "Authentication Context": "Portal instance",
        "Info": "no such project"
    });
    let event = became(Form::Spectra, &titled);
    let actor = json!({
        "type": "user", "id": "jane@acme.example", "email": "jane@acme.example", "groups": [{"name": "Platform"}]
    });
    assert_eq!((&event["actor"], &event["targets"]), (&actor, &json!([{"type": "project", "id": "shop"}])));
    assert_eq!(event["context"], json!({"channel": "portal", "package": "checkout", "project": "shop"}));
    assert_eq!((&event["outcome"], &event["error"]), (&"failed".into(), &json!({"message": "no such project"})));
    let left = json!({"spectra": {"outcome": "Unsuccessful"}});
    assert_eq!(event["meta"], left, "what is written in another way is kept");
    let offset = became(Form::Spectra, &with(&["timestamp"], "2026-01-14T12:00:00+02:00"));
    assert_eq!(offset["occurred_at"], "2026-01-14T10:00:00.000Z");
    assert_eq!(offset["meta"]["spectra"]["timestamp"], "2026-01-14T12:00:00+02:00");
}

#[test]
fn a_name_comes_before_its_title() {
    let event = became(Form::Spectra, &with(&["Target Type"], "group"));
    assert_eq!(
        (&event["targets"][0]["type"], &event["meta"]["spectra"]["Target Type"]),
        (&"package".into(), &"group".into())
    );
    let text = r#"{"action":"a","Target Type":"group","Target":"one","TARGET-NAME":"two"}"#;
    let event = read_text(Form::Spectra, text).unwrap();
    assert_eq!(event["targets"], json!([{"type": "group", "id": "one"}]), "the first of two titles has it");
    assert_eq!(event["meta"]["spectra"], json!({"TARGET-NAME": "two"}));
}

#[test]
fn an_action_has_its_target_type_where_the_record_has_none() {
    let of = |action: &str| became(Form::Spectra, &json!({"action": action, "resource_id": "x"}));
    assert_eq!(of("version.report.sarif.exported")["targets"], json!([{"type": "version", "id": "x"}]));
    let unknown = of("package.painted");
    assert_eq!((&unknown["action"], &unknown["targets"]), (&"package.painted".into(), &Value::Null));
    assert_eq!(
        unknown["meta"]["spectra"],
        json!({"resource_id": "x"}),
        "an unknown action is recorded, and all it says"
    );
}

#[test]
fn outcomes_have_the_words_of_the_page_and_others() {
    let of = |word: &str| became(Form::Spectra, &with(&["outcome"], word))["outcome"].clone();
    for (word, outcome) in [
        ("successful", "succeeded"),
        ("SUCCESS", "succeeded"),
        ("unsuccessful", "failed"),
        ("Failure", "failed"),
        ("denied", "denied"),
    ] {
        assert_eq!(of(word), outcome);
    }
    assert_eq!(became(Form::Spectra, &json!({"action": "user.login"}))["outcome"], "succeeded");
    let known =
        "must be one of successful, unsuccessful, succeeded, success, failed, failure, error, denied, not \"odd\"";
    assert_refused(Form::Spectra, &with(&["outcome"], "odd"), "/outcome", known);
    assert_refused(Form::Spectra, &with(&["outcome"], 1), "/outcome", "must be a string, not a number");
}

#[test]
fn an_error_is_what_the_info_says_of_it() {
    for key in ["error_message", "error", "message"] {
        let mut record = with(&["info"], json!({key: "no", "ip": "198.51.100.1"}));
        record["outcome"] = "unsuccessful".into();
        let event = became(Form::Spectra, &record);
        assert_eq!((&event["error"], &event["message"]), (&json!({"message": "no"}), &Value::Null), "{key}");
        assert_eq!(event["context"]["ip"], "203.0.113.7", "the record's own comes first");
        assert_eq!(event["meta"]["ip"], "198.51.100.1");
    }
}

#[test]
fn a_record_that_is_wrong_is_refused_with_the_place() {
    assert_refused(Form::Spectra, &json!({}), "/action", "is required");
    assert_refused(Form::Spectra, &with(&["action"], json!([])), "/action", "must be a string, not an array");
    assert_refused(Form::Spectra, &with(&["timestamp"], "now"), "/timestamp", "must be a date and time");
    assert_refused(Form::Spectra, &with(&["timestamp"], 1), "/timestamp", "must be a string, not a number");
    assert_refused(Form::Spectra, &with(&["timestamp"], "2027-01-01T00:00:00Z"), "/timestamp", "too far ahead");
}

#[test]
fn the_least_record_is_an_action() {
    let want = json!({
        "id": "019c1912-fb9c-7bab-abab-abababababab", "occurred_at": NOW, "source": "spectra", "action": "user.login",
        "severity": "low", "outcome": "succeeded"
    });
    assert_eq!(became(Form::Spectra, &json!({"action": "user.login"})), want);
}
