//! Port's audit records.

use serde_json::{Value, json};
use trailbook_event::limits::{KEY_CHARS_MAX, META_DEPTH_MAX};
use trailbook_event::normalise::Form;

use crate::{NOW, any, assert_refused, assert_within, became, lay_over, read, read_text};

/// A record that has something everywhere.
fn full() -> Value {
    json!({
        "identifier": "event_GH2680QIOEzwwNZB", "action": "UPDATE", "resourceType": "entity", "status": "SUCCESS",
        "trigger": {
            "by": {
                "orgId": "org_1", "userId": "auth0|1",
                "user": {"email": "jane@acme.example", "firstName": "Jane", "lastName": "van Doe", "status": "ACTIVE"}
            },
            "at": "2026-01-14T10:00:00.000Z", "origin": "UI"
        },
        "context": {
            "blueprint": "service", "entity": "checkout", "runId": "r_1", "webhookId": "w_1", "webhookEventId": "we_1",
            "InstallationId": "i_1"
        },
        "diff": {"before": {"a": 1}, "after": {"a": 2}},
        "additionalData": {"reason": "x"},
        "message": "changed"
    })
}

fn with(path: &[&str], value: Value) -> Value {
    let mut record = full();
    any::put(&mut record, path, value);
    record
}

fn without(key: &str) -> Value {
    let mut record = full();
    record.as_object_mut().unwrap().remove(key);
    record
}

/// The record that an event is shown as: what its fields say, and `meta.port` laid over it.
fn shown(event: &Value) -> Value {
    let context = &event["context"];
    let targets = event["targets"].as_array().cloned().unwrap_or_default();
    let entity = targets.iter().find(|target| target["type"] == "entity").map(|target| target["id"].clone());
    let actor = &event["actor"];
    let name = actor["name"].as_str().unwrap_or_default();
    let (first, last) = name.split_once(' ').map_or((name, None), |(first, last)| (first, Some(last)));
    let failed = event["outcome"] == "failed";
    let mut meta = event["meta"].clone();
    let left = meta.as_object_mut().and_then(|meta| meta.remove("port")).unwrap_or_default();
    let by_port = actor["type"] == "system";
    let user_id = if by_port && actor["id"] == "port" { &Value::Null } else { &actor["id"] };
    let mut record = json!({
        "identifier": event["id"], "action": event["action_type"].as_str().unwrap().to_uppercase(),
        "resourceType": targets.first().map(|target| target["type"].clone()),
        "status": if failed { "FAILURE" } else { "SUCCESS" },
        "trigger": {
            "by": {
                "userId": user_id, "byPort": if by_port { Value::Bool(true) } else { Value::Null },
                "user": {"email": actor["email"], "firstName": first, "lastName": last}
            },
            "at": event["occurred_at"], "origin": event["source"]
        },
        "context": {
            "blueprint": context["blueprint"], "entity": entity, "runId": context["run_id"],
            "webhookId": context["webhook_id"], "webhookEventId": context["webhook_event_id"],
            "InstallationId": context["installation_id"]
        },
        "diff": event["changes"], "additionalData": meta,
        "message": if failed { &event["error"]["message"] } else { &event["message"] }
    });
    if left.is_object() {
        lay_over(&mut record, &left);
    }
    record
}

const PATHS: &[&[&str]] = &[
    &["identifier"],
    &["id"],
    &["action"],
    &["resourceType"],
    &["status"],
    &["message"],
    &["additionalData"],
    &["additionalData", "port"],
    &["trigger"],
    &["trigger", "at"],
    &["trigger", "origin"],
    &["trigger", "by"],
    &["trigger", "by", "userId"],
    &["trigger", "by", "byPort"],
    &["trigger", "by", "user"],
    &["trigger", "by", "user", "email"],
    &["trigger", "by", "user", "firstName"],
    &["trigger", "by", "user", "lastName"],
    &["context"],
    &["context", "entity"],
    &["context", "blueprint"],
    &["context", "runId"],
    &["context", "run_id"],
    &["context", "blueprintIdentifier"],
    &["context", "entityIdentifier"],
    &["context", "InstallationId"],
    &["diff"],
    &["diff", "before"],
    &["diff", "after"],
    &["diff", "more"],
    &["port"],
    &["meta"],
];

#[test]
fn nothing_is_lost_of_any_record() {
    any::with_any(full(), PATHS, |record| {
        match read(Form::Port, record) {
            Ok(event) => assert_within(record, &shown(&event), ""),
            Err(error) => assert!(["/action", "/trigger/at", "/trigger/origin"].contains(&error.pointer()), "{error}"),
        }
        Ok(())
    });
}

#[test]
fn a_record_says_who_did_what_on_what() {
    let event = became(Form::Port, &full());
    assert_eq!((&event["action"], &event["action_type"]), (&"entity.update".into(), &"update".into()));
    let actor = json!({"type": "user", "id": "auth0|1", "name": "Jane van Doe", "email": "jane@acme.example"});
    assert_eq!(event["actor"], actor);
    assert_eq!(event["targets"], json!([{"type": "entity", "id": "checkout"}]));
    assert_eq!(event["context"]["channel"], "portal");
    let left = json!({
        "identifier": "event_GH2680QIOEzwwNZB", "trigger": {"by": {"orgId": "org_1", "user": {"status": "ACTIVE"}}}
    });
    assert_eq!(event["meta"], json!({"reason": "x", "port": left}));
}

#[test]
fn the_same_identifier_gives_the_same_id() {
    let id = |identifier: &str| became(Form::Port, &with(&["identifier"], identifier.into()))["id"].clone();
    assert_eq!(id("event_1"), id("event_1"));
    assert_ne!(id("event_1"), id("event_2"));
    assert_eq!(id("01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11"), "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11");
    let run = |id: &str| {
        let mut record = without("identifier");
        record["id"] = id.into();
        became(Form::Port, &record)
    };
    assert_eq!(run("event_1")["id"], id("event_1"), "the change log calls it id");
    let own = run("01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11");
    assert_eq!(
        (&own["id"], &own["meta"]["port"]["id"]),
        (&"01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11".into(), &Value::Null)
    );
    assert_eq!(became(Form::Port, &without("identifier"))["id"], "019c1912-fb9c-7bab-abab-abababababab");
}

#[test]
fn a_resource_comes_before_the_entity_that_it_is_of() {
    let of = |resource: &str| became(Form::Port, &with(&["resourceType"], resource.into()))["targets"].clone();
    let entity = json!({"type": "entity", "id": "checkout"});
    for (resource, id) in [("run", "r_1"), ("blueprint", "service"), ("webhook", "w_1"), ("integration", "i_1")] {
        assert_eq!(of(resource), json!([{"type": resource, "id": id}, entity]));
    }
    assert_eq!(of("scorecard"), json!([entity]), "nothing says which");
    let event = became(Form::Port, &with(&["resourceType"], "scorecard".into()));
    assert_eq!(
        (&event["action"], &event["meta"]["port"]["resourceType"]),
        (&"scorecard.update".into(), &"scorecard".into())
    );
    let mut named = with(&["resourceType"], "scorecard".into());
    any::put(&mut named, &["diff", "before", "identifier"], "gold".into());
    assert_eq!(became(Form::Port, &named)["targets"][0], json!({"type": "scorecard", "id": "gold"}));
    any::put(&mut named, &["context", "scorecard"], "silver".into());
    assert_eq!(became(Form::Port, &named)["targets"][0], json!({"type": "scorecard", "id": "silver"}));
}

#[test]
fn a_status_that_is_no_end_is_kept() {
    let of = |status: &str| {
        let event = became(Form::Port, &with(&["status"], status.into()));
        (event["outcome"].clone(), event["meta"]["port"]["status"].clone())
    };
    assert_eq!(of("SUCCESS"), ("succeeded".into(), Value::Null));
    assert_eq!(of("FAILURE"), ("failed".into(), Value::Null));
    assert_eq!(of("TRIGGERED"), ("succeeded".into(), "TRIGGERED".into()));
    assert_eq!(of("FAILED"), ("failed".into(), "FAILED".into()));
    let failed = became(Form::Port, &with(&["status"], "FAILURE".into()));
    assert_eq!((&failed["error"], &failed["message"]), (&json!({"message": "changed"}), &Value::Null));
}

#[test]
fn who_did_it_may_be_port_a_service_or_nobody() {
    let actor = |by: Value| became(Form::Port, &with(&["trigger", "by"], by))["actor"].clone();
    assert_eq!(actor(json!({"byPort": true, "orgId": "o"})), json!({"type": "system", "id": "port"}));
    assert_eq!(actor(json!({"byPort": true, "userId": "u"})), json!({"type": "system", "id": "u"}));
    assert_eq!(actor(json!({"userId": "abc@clients"})), json!({"type": "service", "id": "abc@clients"}));
    assert_eq!(actor(json!({"user": {"email": "a@b.example"}}))["id"], "a@b.example");
    assert_eq!(actor(json!({"orgId": "o"})), Value::Null);
}

#[test]
fn a_record_that_is_wrong_is_refused_with_the_place() {
    assert_refused(Form::Port, &without("action"), "/action", "is required");
    assert_refused(Form::Port, &with(&["action"], 1.into()), "/action", "must be a string, not a number");
    assert_refused(Form::Port, &with(&["action"], "".into()), "/action", "must not be empty");
    assert_refused(Form::Port, &with(&["trigger", "at"], "now".into()), "/trigger/at", "must be a date and time");
    assert_refused(Form::Port, &with(&["trigger", "at"], 1.into()), "/trigger/at", "must be a string");
    assert_refused(
        Form::Port,
        &with(&["trigger", "at"], "2027-01-01T00:00:00Z".into()),
        "/trigger/at",
        "too far ahead",
    );
    let own = with(&["trigger", "origin"], "trailbook".into());
    assert_refused(Form::Port, &own, "/trigger/origin", "is kept for the server's own events");
    assert_refused(Form::Port, &json!([]), "", "must be an object, not an array");
}

#[test]
fn the_least_record_is_an_action() {
    let event = became(Form::Port, &json!({"action": "DELETE"}));
    let want = json!({
        "id": "019c1912-fb9c-7bab-abab-abababababab", "occurred_at": NOW, "source": "port", "action": "delete",
        "action_type": "delete", "severity": "low", "outcome": "succeeded"
    });
    assert_eq!(event, want);
}

#[test]
fn what_is_left_has_the_limits_of_meta() {
    let nested = |levels| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    // meta, port, and what lies at the key.
    let deepest = META_DEPTH_MAX - 2;
    assert!(read(Form::Port, &with(&["extra"], nested(deepest))).is_ok());
    let place = format!("/extra{}", "/a".repeat(deepest));
    assert_refused(Form::Port, &with(&["extra"], nested(deepest + 1)), &place, "nested deeper than 16 levels");
    assert!(read(Form::Port, &with(&["additionalData"], nested(META_DEPTH_MAX))).is_ok());
    let place = format!("/additionalData{}", "/a".repeat(META_DEPTH_MAX));
    assert_refused(Form::Port, &with(&["additionalData"], nested(META_DEPTH_MAX + 1)), &place, "nested deeper");
    let place = format!("/diff/after{}", "/a".repeat(META_DEPTH_MAX));
    assert!(read(Form::Port, &with(&["diff", "after"], nested(META_DEPTH_MAX))).is_ok());
    assert_refused(Form::Port, &with(&["diff", "after"], nested(META_DEPTH_MAX + 1)), &place, "nested deeper");
    let key = "k".repeat(KEY_CHARS_MAX);
    assert!(read(Form::Port, &with(&["context", &key], 1.into())).is_ok());
    let longer = format!("{key}k");
    let place = format!("/context/{longer}");
    assert_refused(Form::Port, &with(&["context", &longer], 1.into()), &place, "longer than 128 characters");
}

#[test]
fn numbers_that_are_no_doubles_become_texts() {
    let text =
        r#"{"action":"UPDATE","more":9007199254740993,"additionalData":{"a":1e400},"diff":{"after":[1E400,1.5]}}"#;
    let event = read_text(Form::Port, text).unwrap();
    assert_eq!(event["meta"], json!({"a": "1e400", "port": {"more": "9007199254740993"}}));
    assert_eq!(event["changes"]["after"], json!(["1E400", 1.5]));
}
