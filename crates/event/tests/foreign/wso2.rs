//! Records of WSO2's platforms.

use serde_json::{Value, json};
use trailbook_event::normalise::Form;

use crate::{NOW, any, assert_refused, assert_within, became, lay_over, read, read_text};

/// A record that has something everywhere.
fn full() -> Value {
    json!({
        "orgUuid": "3f0c", "timestamp": "2026-01-14T10:00:00.000Z", "userIdpId": "u-1",
        "eventLoggedTime": "2026-01-14T10:00:01Z", "action": "Component creation", "entityType": "COMPONENT",
        "outcome": "succeeded", "message": "done",
        "info": {"email": "jane@acme.example", "componentId": "c-1", "projectId": "p-1", "New Endpoint": "https://x"}
    })
}

fn with(path: &[&str], value: impl Into<Value>) -> Value {
    let mut record = full();
    any::put(&mut record, path, value.into());
    record
}

/// The record that an event is shown as: what its fields say, and `meta.wso2` laid over it.
fn shown(event: &Value) -> Value {
    let failed = event["outcome"] == "failed";
    let mut meta = event["meta"].clone();
    let left = meta.as_object_mut().and_then(|meta| meta.remove("wso2")).unwrap_or_default();
    let mut info = json!({"email": event["actor"]["email"], "projectId": event["context"]["project"]});
    if meta.is_object() {
        lay_over(&mut info, &meta);
    }
    let mut record = json!({
        "id": event["id"], "timestamp": event["occurred_at"], "userIdpId": event["actor"]["id"],
        "action": event["action"], "entityType": event["targets"][0]["type"], "outcome": event["outcome"],
        "message": if failed { &event["error"]["message"] } else { &event["message"] }, "info": info
    });
    if left.is_object() {
        lay_over(&mut record, &left);
    }
    record
}

const PATHS: &[&[&str]] = &[
    &["id"],
    &["orgUuid"],
    &["timestamp"],
    &["userIdpId"],
    &["eventLoggedTime"],
    &["action"],
    &["entityType"],
    &["outcome"],
    &["message"],
    &["info"],
    &["info", "wso2"],
    &["info", "email"],
    &["info", "projectId"],
    &["info", "componentId"],
    &["info", "role"],
    &["info", "roleDisplayName"],
    &["info", "userIdpId"],
    &["wso2"],
    &["organization"],
];

#[test]
fn nothing_is_lost_of_any_record() {
    any::with_any(full(), PATHS, |record| {
        match read(Form::Wso2, record) {
            Ok(event) => {
                // The console shows the message where there is no action; so do we.
                let mut shown = shown(&event);
                if record["action"].is_null() {
                    shown["action"] = Value::Null;
                }
                assert_within(record, &shown, "");
            }
            Err(error) => assert!(["/action", "/timestamp", "/outcome"].contains(&error.pointer()), "{error}"),
        }
        Ok(())
    });
}

#[test]
fn a_record_says_who_did_what_on_what() {
    let want = json!({
        "id": "019c1912-fb9c-7bab-abab-abababababab", "occurred_at": "2026-01-14T10:00:00.000Z", "source": "wso2",
        "action": "Component creation", "action_type": "create", "severity": "low", "outcome": "succeeded",
        "actor": {"type": "user", "id": "u-1", "email": "jane@acme.example"},
        "targets": [{"type": "COMPONENT", "id": "c-1"}], "context": {"project": "p-1"}, "message": "done",
        "meta": {
            "componentId": "c-1", "New Endpoint": "https://x",
            "wso2": {"orgUuid": "3f0c", "eventLoggedTime": "2026-01-14T10:00:01Z"}
        }
    });
    assert_eq!(became(Form::Wso2, &full()), want);
}

#[test]
fn a_time_may_be_milliseconds() {
    let of = |time: Value| became(Form::Wso2, &with(&["timestamp"], time));
    for time in [json!(1_768_384_800_123i64), json!("1768384800123")] {
        let event = of(time.clone());
        assert_eq!(
            (&event["occurred_at"], &event["meta"]["wso2"]["timestamp"]),
            (&"2026-01-14T10:00:00.123Z".into(), &time)
        );
    }
    assert_eq!(of("2026-01-14T15:30:00.100+05:30".into())["occurred_at"], "2026-01-14T10:00:00.100Z");
    for (time, reason) in [
        (json!(1.5), "must be a time in whole milliseconds since 1970, not 1.5"),
        (json!("99999999999999999999"), "must be a time in whole milliseconds"),
        (json!(i64::MAX), "too far ahead"),
        (json!(-1), "before 1970"),
        (json!("soon"), "must be a date and time"),
        (json!(true), "must be a string"),
    ] {
        assert_refused(Form::Wso2, &with(&["timestamp"], time), "/timestamp", reason);
    }
    let inexact = read_text(Form::Wso2, r#"{"action":"a","timestamp":1e400}"#).unwrap_err();
    assert_eq!(inexact.pointer(), "/timestamp");
}

#[test]
fn the_address_in_the_info_is_of_the_user_that_it_names() {
    let mut record = with(&["info"], json!({"userIdpId": "u-2", "email": "joe@acme.example", "addedRoles": "[x]"}));
    record["action"] = "Updating roles of member".into();
    record["entityType"] = "USER".into();
    let event = became(Form::Wso2, &record);
    assert_eq!(event["actor"], json!({"type": "user", "id": "u-1"}));
    assert_eq!(event["targets"], json!([{"type": "USER", "id": "u-2"}]));
    assert_eq!(event["meta"]["email"], "joe@acme.example");
    record["info"]["userIdpId"] = "u-1".into();
    assert_eq!(became(Form::Wso2, &record)["actor"]["email"], "joe@acme.example");
    record["entityType"] = "ROLE".into();
    record["info"] = json!({"userIdpId": "u-2", "role": "r", "roleDisplayName": "Viewer"});
    let targets = json!([{"type": "ROLE", "id": "r", "name": "Viewer"}, {"type": "user", "id": "u-2"}]);
    assert_eq!(became(Form::Wso2, &record)["targets"], targets);
}

#[test]
fn an_entity_without_a_type_has_that_of_its_name() {
    let of = |info: Value| {
        let mut record = with(&["info"], info);
        record.as_object_mut().unwrap().remove("entityType");
        became(Form::Wso2, &record)["targets"].clone()
    };
    assert_eq!(of(json!({"componentId": "c", "projectId": "p"})), json!([{"type": "component", "id": "c"}]));
    assert_eq!(of(json!({"projectId": "p"})), json!([{"type": "project", "id": "p"}]));
    assert_eq!(of(json!({"other": "x"})), Value::Null);
    let unnamed = became(Form::Wso2, &with(&["info"], json!({})));
    assert_eq!((&unnamed["targets"], &unnamed["meta"]["wso2"]["entityType"]), (&Value::Null, &"COMPONENT".into()));
}

#[test]
fn the_kind_of_an_operation_is_known_by_its_text() {
    let of = |action: &str| became(Form::Wso2, &with(&["action"], action))["action_type"].clone();
    assert_eq!(of("Role deletion"), "delete");
    assert_eq!(of("Initiating component promotion"), "promote");
    assert_eq!(of("Getting member information"), Value::Null, "a read");
    assert_eq!(of("Painting the component"), Value::Null);
}

#[test]
fn a_record_without_an_action_is_named_by_its_message() {
    let mut record = full();
    record.as_object_mut().unwrap().remove("action");
    let event = became(Form::Wso2, &record);
    assert_eq!((&event["action"], &event["message"]), (&"done".into(), &"done".into()));
    record.as_object_mut().unwrap().remove("message");
    assert_refused(Form::Wso2, &record, "/action", "is required");
}

#[test]
fn a_failure_has_its_message_as_error() {
    let event = became(Form::Wso2, &with(&["outcome"], "failed"));
    assert_eq!((&event["error"], &event["message"]), (&json!({"message": "done"}), &Value::Null));
    assert_refused(Form::Wso2, &with(&["outcome"], "odd"), "/outcome", "must be one of succeeded, failed, not \"odd\"");
}

#[test]
fn the_least_record_is_an_action() {
    let want = json!({
        "id": "019c1912-fb9c-7bab-abab-abababababab", "occurred_at": NOW, "source": "wso2", "action": "a",
        "severity": "low", "outcome": "succeeded"
    });
    assert_eq!(became(Form::Wso2, &json!({"action": "a", "info": {}})), want);
}
