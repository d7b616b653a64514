//! What becomes of native events and of Backstage's lines, real ones and wrong ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Given, Normalised, from_canonical, normalise};
use crate::error::Error;
use crate::limits::{
    EVENT_BYTES_MAX, GROUPS_MAX, JSON_DEPTH_MAX, KEY_CHARS_MAX, META_DEPTH_MAX, ON_BEHALF_OF_MAX, TARGETS_MAX,
};
use crate::model::{ActorType, ContextKey, Event, Outcome, Severity};
use crate::time::Timestamp;
use crate::{canonical, exclude, json as reader, redact};

const AUDIT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/backstage-audit.ndjson"));
const MIXED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/backstage-mixed.log"));
const FULL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/event-full.json"));
const NOW: &str = "2026-01-15T12:00:00.412Z";

fn given() -> Given {
    Given { now: Timestamp::parse(NOW).unwrap(), skew_ms_max: 3_600_000, random: [0xab; 10], keep_initiated: false }
}

fn read(text: &str) -> Result<Normalised<'_>, Error> {
    normalise(reader::parse(text.as_bytes())?, text.len(), &given())
}

fn event(text: &str) -> Event<'_> {
    match read(text) {
        Ok(Normalised::Event(event)) => event,
        other => panic!("{text} became {other:?}"),
    }
}

/// Where and why a text is refused.
fn refused_text(text: &str) -> (String, String) {
    match read(text) {
        Err(error) => (error.pointer().to_owned(), error.to_string()),
        Ok(other) => panic!("{text} became {other:?}"),
    }
}

fn refused(value: &Value) -> (String, String) {
    refused_text(&value.to_string())
}

#[track_caller]
fn assert_refused(value: &Value, pointer: &str, reason: &str) {
    let (at, why) = refused(value);
    assert_eq!((at.as_str(), why.contains(reason)), (pointer, true), "{why}");
}

/// The canonical form of what an object becomes, as JSON.
fn became(value: &Value) -> Value {
    serde_json::from_slice(&canonical::write(&event(&value.to_string())).bytes).unwrap()
}

fn full() -> Value {
    serde_json::from_str(FULL).unwrap()
}

fn with(mut event: Value, key: &str, value: impl Into<Value>) -> Value {
    event[key] = value.into();
    event
}

/// The least native event, and one member more.
fn native(key: &str, value: impl Into<Value>) -> Value {
    with(json!({"source": "s", "action": "a"}), key, value)
}

/// A Backstage line of a success, and one member more.
fn line(key: &str, value: impl Into<Value>) -> Value {
    let line = json!({
        "actor": {"actorId": "user:default/jane"}, "eventId": "entity-fetch", "isAuditEvent": true, "level": "info",
        "message": "catalog.entity-fetch", "plugin": "catalog", "service": "backstage", "severityLevel": "low",
        "status": "succeeded"
    });
    with(line, key, value)
}

fn failed(message: &str, more: Value) -> Value {
    let mut failed = with(line("status", "failed"), "message", message);
    failed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    failed
}

/// Objects inside each other under the key `a`.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

fn pointers(value: &Value, at: String, pick: fn(&Value) -> bool, found: &mut Vec<String>) {
    if pick(value) {
        found.push(at.clone());
    }
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| pointers(v, format!("{at}/{i}"), pick, found))
        }
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "meta" | "changes"))
            .for_each(|(key, v)| pointers(v, format!("{at}/{key}"), pick, found)),
        _ => {}
    }
}

/// The places of one kind in the full event, `meta` and `changes` left out.
fn places(pick: fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    pointers(&full(), String::new(), pick, &mut found);
    found
}

fn put(pointer: &str, value: &Value) -> Value {
    let mut event = full();
    *event.pointer_mut(pointer).unwrap() = value.clone();
    event
}

fn counted<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

fn real_events() -> Vec<Event<'static>> {
    let of = |line: &'static str| match read(line).unwrap() {
        Normalised::Event(event) => Some(event),
        Normalised::Initiated => None,
        Normalised::Ordinary => panic!("{line}"),
    };
    AUDIT.lines().filter_map(of).collect()
}

#[test]
fn the_real_log_has_its_outcomes() {
    assert_eq!(AUDIT.lines().count(), 1_426);
    let initiated = AUDIT.lines().filter(|line| read(line) == Ok(Normalised::Initiated)).count();
    assert_eq!(initiated, 701);
    let outcomes = counted(real_events().iter().map(|event| event.outcome));
    assert_eq!(outcomes, BTreeMap::from([(Outcome::Succeeded, 593), (Outcome::Failed, 132)]));
}

#[test]
fn the_real_log_has_its_errors() {
    let events = real_events();
    let named = |event: &Event<'_>| event.error.as_ref().and_then(|e| e.name.as_ref()).map(ToString::to_string);
    let names = counted(events.iter().filter_map(named));
    let want = [("AggregateError", 24), ("InputError", 24), ("NotFoundError", 84)];
    assert_eq!(names, want.map(|(name, n)| (name.to_owned(), n)).into());
    let said = |event: &Event<'_>| event.error.as_ref().and_then(|e| e.message.as_ref()).map(ToString::to_string);
    let messages = counted(events.iter().filter_map(said));
    assert_eq!(messages["Could not validate entity"], 24);
    assert_eq!(messages["Entity component:default/does-not-exist not found"], 33);
    assert_eq!(messages["Found no location with type file and target /app/entities.yaml"], 32);
    assert_eq!(messages["No entity with uid not-a-uid-54"], 1);
    assert_eq!(messages.values().sum::<usize>(), 132);
    assert!(events.iter().all(|event| event.message.is_none()), "nothing is said of what succeeded");
}

#[test]
fn the_real_log_has_its_actors_targets_and_kinds() {
    let events = real_events();
    let actor = |event: &Event<'_>| {
        let actor = event.actor.clone().unwrap();
        (actor.kind, actor.id.unwrap().to_string())
    };
    let want = [
        (ActorType::User, "user:default/jane", 240),
        (ActorType::Service, "ci-pipeline", 244),
        (ActorType::Service, "admin-curl", 240),
        (ActorType::Service, "plugin:auth", 1),
    ];
    let want = want.map(|(kind, id, n)| ((kind, id.to_owned()), n)).into();
    assert_eq!(counted(events.iter().map(actor)), want);
    assert_eq!(counted(events.iter().map(|e| e.severity)), [(Severity::Low, 547), (Severity::Medium, 178)].into());
    assert_eq!(counted(events.iter().map(|e| e.targets.len())), [(0, 450), (1, 275)].into());
    let types = counted(events.iter().filter_map(|e| e.action_type.as_deref()));
    assert_eq!(types, [("ancestry", 20), ("create", 55), ("delete", 50)].into());
    assert_eq!(events.iter().filter(|e| e.query_type.is_some()).count(), 482);
}

#[test]
fn every_real_line_becomes_what_it_says() {
    let lines = AUDIT.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    for line in lines.filter(|line| line["status"] != "initiated") {
        let mut meta = line["meta"].as_object().cloned().unwrap_or_default();
        let action_type = meta.remove("actionType").unwrap_or_default();
        let query_type = meta.remove("queryType").unwrap_or_default();
        let target = meta.remove("entityRef").map(|id| json!([{"type": "entity", "id": id}])).unwrap_or_default();
        let event = became(&line);
        assert_eq!((&event["action_type"], &event["query_type"]), (&action_type, &query_type));
        assert_eq!(event["targets"], target);
        assert_eq!(event["meta"].as_object().cloned().unwrap_or_default(), meta);
        assert_eq!((&event["source"], &event["action"]), (&line["plugin"], &line["eventId"]));
        assert_eq!((&event["outcome"], &event["severity"]), (&line["status"], &line["severityLevel"]));
        let (context, actor, request) = (&event["context"], &line["actor"], &line["request"]);
        assert_eq!((&context["ip"], &context["hostname"]), (&actor["ip"], &actor["hostname"]));
        assert_eq!(context["user_agent"], actor["userAgent"]);
        assert_eq!((&context["request_method"], &context["request_url"]), (&request["method"], &request["url"]));
        assert_eq!(event["occurred_at"], NOW);
    }
}

#[test]
fn the_portals_defaults_exclude_one_real_event() {
    let rules = exclude::Rules::new(&exclude::portal_defaults()).unwrap();
    let decide = |event| rules.decide(redact::Rules::default().apply(event));
    let excluded =
        real_events().into_iter().filter(|e| matches!(decide(e.clone()), exclude::Decision::Excluded { .. }));
    assert_eq!(excluded.count(), 1);
}

#[test]
fn a_mixed_log_is_told_apart_line_by_line() {
    let kind = |line| match read(line) {
        Ok(Normalised::Event(event)) => event.outcome.name(),
        Ok(Normalised::Initiated) => "initiated",
        Ok(Normalised::Ordinary) => "ordinary",
        Err(Error::Json(_)) => "not JSON",
        Err(error) => panic!("{line}: {error}"),
    };
    let want = [("failed", 1), ("initiated", 14), ("not JSON", 1), ("ordinary", 31), ("succeeded", 13)];
    assert_eq!(counted(MIXED.lines().map(kind)), want.into());
}

#[test]
fn initiated_records_are_kept_on_request() {
    let keep = Given { keep_initiated: true, ..given() };
    for value in [line("status", "initiated"), native("outcome", "initiated")] {
        let text = value.to_string();
        assert_eq!(read(&text), Ok(Normalised::Initiated));
        match normalise(reader::parse(text.as_bytes()).unwrap(), text.len(), &keep) {
            Ok(Normalised::Event(event)) => assert_eq!(event.outcome, Outcome::Initiated),
            other => panic!("{other:?}"),
        }
    }
    assert_refused(&json!({"outcome": "initiated", "source": "s"}), "/action", "is required");
}

#[test]
fn an_older_auditor_line_names_its_error_as_text() {
    let older = |error: &str| {
        let mut line = failed("catalog.entity-fetch", json!({"isAuditorEvent": true, "error": error}));
        line.as_object_mut().unwrap().remove("isAuditEvent");
        became(&line)["error"].clone()
    };
    assert_eq!(older("NotFoundError: none: here"), json!({"name": "NotFoundError", "message": "none: here"}));
    assert_eq!(older("NotFoundError"), json!({"name": "NotFoundError"}));
    assert_eq!(older("it broke: badly"), json!({"message": "it broke: badly"}));
    assert_eq!(older("https://x.example failed"), json!({"message": "https://x.example failed"}));
}

#[test]
fn an_error_has_the_name_of_the_line_else_of_its_stack() {
    let error = |message: &str, more| became(&failed(message, more))["error"].clone();
    let prefix = "catalog.entity-fetch";
    let stack = json!({"stack": "InputError: no: way\n    at x (y:1:2)"});
    assert_eq!(error("catalog.entity-fetch no: way", stack), json!({"name": "InputError", "message": "no: way"}));
    assert_eq!(error(prefix, json!({"stack": "Error\n    at x"})), json!({"name": "Error"}));
    assert_eq!(error(prefix, json!({"stack": "no class here"})), Value::Null);
    let both = json!({"name": "ConflictError", "stack": "Error: x"});
    assert_eq!(error("catalog.entity-fetch x", both), json!({"name": "ConflictError", "message": "x"}));
    let stack_and_text = json!({"stack": "InputError: x", "error": "Error: x"});
    assert_eq!(error(prefix, stack_and_text), json!({"name": "InputError", "message": "x"}));
    assert_eq!(error("catalog.entity-fetch", json!({})), Value::Null);
    assert_eq!(error("catalog.entity-fetch ", json!({})), Value::Null);
    assert_eq!(error("catalog.entity-fetched", json!({})), json!({"message": "catalog.entity-fetched"}));
    assert_eq!(error("another text", json!({"error": "E: y"})), json!({"name": "E", "message": "another text"}));
}

#[test]
fn what_a_line_says_of_a_success_is_its_message() {
    assert_eq!(became(&line("message", "catalog.entity-fetch and more"))["message"], "and more");
    assert_eq!(became(&line("message", "catalog.entity-fetch"))["message"], Value::Null);
}

#[test]
fn what_the_model_has_no_field_for_goes_into_meta() {
    let mut value = line("meta", json!({"labels": "own", "a": 1}));
    value["labels"] = json!({"x": [1, null]});
    value["extra"] = json!({"x": [1, null]});
    value["error"] = json!({"code": 1});
    value["nothing"] = Value::Null;
    value["trace_id"] = "4bf9".into();
    value["stack"] = "Error: x".into();
    let event = became(&value);
    let want = json!({"labels": "own", "a": 1, "extra": {"x": [1, null]}, "error": {"code": 1}});
    assert_eq!(event["meta"], want, "but for level, service and stack, and what the meta says itself");
    assert_eq!(event["context"]["trace_id"], "4bf9");
}

#[test]
fn a_line_may_leave_out_almost_everything() {
    let event = became(&json!({"isAuditEvent": true, "plugin": "p", "eventId": "e", "status": "failed", "meta": null}));
    let want = json!({
        "id": event["id"], "occurred_at": NOW, "source": "p", "action": "e", "severity": "low", "outcome": "failed"
    });
    assert_eq!(event, want);
    let empty = json!({"actorId": "", "ip": null, "hostname": "", "userAgent": "x", "other": 1});
    let event = became(&line("actor", empty));
    assert_eq!((&event["actor"], &event["context"]), (&Value::Null, &json!({"user_agent": "x"})));
}

#[test]
fn an_actor_is_a_user_by_its_id_else_a_service() {
    let kind = |id: &str| became(&line("actor", json!({"actorId": id})))["actor"]["type"].clone();
    assert_eq!(kind("user:default/jane"), "user");
    for id in ["plugin:search", "external:ci", "ci-pipeline", "User:default/jane", "group:default/user:x"] {
        assert_eq!(kind(id), "service", "{id}");
    }
}

#[test]
fn a_lines_time_is_its_own_when_it_has_one() {
    let time = |text: &str| became(&line("timestamp", text))["occurred_at"].clone();
    assert_eq!(time("2026-01-14 10:00:00"), "2026-01-14T10:00:00.000Z");
    assert_eq!(time("2026-01-14T10:00:00.5+01:00"), "2026-01-14T09:00:00.500Z");
    assert_refused(&line("timestamp", "yesterday"), "/timestamp", "must be a date and time");
    assert_refused(&line("timestamp", 1), "/timestamp", "must be a string, not a number");
    assert_refused(&line("timestamp", "2026-01-15 13:00:01"), "/timestamp", "too far ahead");
    assert_refused(&line("timestamp", "1969-12-31 23:59:59"), "/timestamp", "before 1970");
}

#[test]
fn a_line_that_is_wrong_is_refused_with_the_place() {
    for key in ["status", "plugin", "eventId"] {
        assert_refused(&line(key, Value::Null), &format!("/{key}"), "is required in an audit line");
        assert_refused(&line(key, 1), &format!("/{key}"), "must be a string");
        assert_refused(&line(key, ""), &format!("/{key}"), "must not be empty");
    }
    assert_refused(&line("status", "denied"), "/status", "must be one of initiated, succeeded, failed");
    assert_refused(&line("severityLevel", "debug"), "/severityLevel", "must be one of low, medium, high, critical");
    assert_refused(&line("plugin", "trailbook"), "/plugin", "is kept for the server's own events");
    assert_refused(&line("id", "x"), "/id", "must be a UUID");
    for key in ["actor", "request", "meta"] {
        assert_refused(&line(key, json!(["x"])), &format!("/{key}"), "must be an object, not an array");
    }
    for (key, member) in [("actor", "actorId"), ("actor", "ip"), ("actor", "userAgent"), ("request", "url")] {
        assert_refused(&line(key, json!({member: 1})), &format!("/{key}/{member}"), "must be a string");
    }
    for key in ["message", "name", "stack"] {
        assert_refused(&line(key, json!([])), &format!("/{key}"), "must be a string, not an array");
    }
}

#[test]
fn a_line_that_is_no_audit_record_is_ordinary() {
    let mut unmarked = line("isAuditEvent", false);
    assert_eq!(read(&unmarked.to_string()), Ok(Normalised::Ordinary));
    unmarked["isAuditEvent"] = "true".into();
    assert_eq!(read(&unmarked.to_string()), Ok(Normalised::Ordinary));
    let with_source = json!({"level": "info", "message": "x", "source": "s", "action": "a"});
    assert_refused(&with_source, "/level", "is not a field of the model");
}

#[test]
fn a_full_native_event_keeps_every_field() {
    let mut want = full();
    want["id"] = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11".into();
    want["occurred_at"] = "2026-01-15T12:00:00.123400Z".into();
    want["changes"]["before"]["replicas"] = 1.into();
    want["meta"]["z"] = json!([1e21, 1e-7, 0, 0.1, 100_000_000_000_000_000_000.0, 9_007_199_254_740_992u64]);
    let mut event = became(&full());
    event["meta"]["z"][4] = json!(event["meta"]["z"][4].as_f64());
    assert_eq!(event, want);
}

#[test]
fn a_small_native_event_gets_its_defaults() {
    let text = native("actor", json!({"type": "anonymous"})).to_string();
    let event = event(&text);
    assert_eq!((event.severity, event.outcome), (Severity::Low, Outcome::Succeeded));
    assert_eq!(event.occurred_at.to_string(), NOW);
    assert_eq!(event.id.get_version_num(), 7);
    let millis = event.id.as_u128() >> 80;
    assert_eq!(millis, u128::try_from(event.occurred_at.millis()).unwrap());
    assert_eq!(event.id.to_string(), "019bc186-df9c-7bab-abab-abababababab");
}

#[test]
fn empty_containers_are_absent() {
    let mut value = native("meta", json!({}));
    for (key, empty) in
        [("targets", json!([])), ("on_behalf_of", json!([])), ("context", json!({})), ("changes", json!({}))]
    {
        value[key] = empty;
    }
    assert_eq!(became(&value).as_object().unwrap().len(), 6);
}

#[test]
fn what_is_required_is_named() {
    assert_refused(&json!({}), "/source", "is required");
    assert_refused(&json!({"source": "s"}), "/action", "is required");
    assert_refused(&native("error", json!({})), "/error", "must have a name or a message");
    assert_refused(&native("actor", json!({"id": "x"})), "/actor/type", "is required");
    assert_refused(&native("actor", json!({"type": "user"})), "/actor/id", "unless the actor is anonymous");
    assert_refused(
        &native("actor", json!({"type": "anonymous", "groups": [{}]})),
        "/actor/groups/0",
        "an id or a name",
    );
    for (list, member) in [("targets", "id"), ("targets", "type"), ("on_behalf_of", "id"), ("on_behalf_of", "type")] {
        let mut event = full();
        event[list][1].as_object_mut().unwrap().remove(member);
        assert_refused(&event, &format!("/{list}/1/{member}"), "is required");
    }
}

#[test]
fn a_wrong_type_is_refused_at_its_own_field() {
    let texts = places(Value::is_string);
    assert!(texts.len() > 40);
    for pointer in &texts {
        for wrong in [json!(null), json!(true), json!(1), json!(""), json!(["x"]), json!({"a": "b"})] {
            assert_eq!(refused(&put(pointer, &wrong)).0, *pointer, "{wrong}");
        }
    }
    for (pick, wrong) in [
        (Value::is_object as fn(&Value) -> bool, [json!(null), json!(true), json!(1), json!("x"), json!([1])]),
        (Value::is_array, [json!(null), json!(true), json!(1), json!("x"), json!({})]),
    ] {
        for pointer in places(pick).iter().filter(|pointer| !pointer.is_empty()) {
            for wrong in &wrong {
                assert_eq!(refused(&put(pointer, wrong)).0, *pointer, "{wrong}");
            }
        }
    }
    for wrong in [json!(null), json!(true), json!(1), json!("x"), json!([])] {
        assert_eq!(refused(&put("/meta", &wrong)).0, "/meta");
        assert_eq!(refused(&put("/changes", &wrong)).0, "/changes");
        assert_eq!(refused(&wrong).0, "");
    }
}

#[test]
fn null_is_refused_where_a_field_may_be_left_out() {
    for key in full().as_object().unwrap().keys() {
        assert_eq!(refused(&put(&format!("/{key}"), &Value::Null)).0, format!("/{key}"));
    }
    for side in ["before", "after"] {
        let pointer = format!("/changes/{side}");
        assert_refused(&put(&pointer, &Value::Null), &pointer, "must not be null; leave the field out");
    }
    assert_eq!(became(&native("meta", json!({"a": null})))["meta"], json!({"a": null}), "meta is the client's own");
}

#[test]
fn a_name_outside_its_set_is_refused() {
    let sets = [
        ("/severity", "low, medium, high, critical"),
        ("/outcome", "initiated, succeeded, failed, denied"),
        ("/actor/type", "user, service, agent, system, anonymous"),
        ("/on_behalf_of/1/type", "user, service, agent, system, anonymous"),
        ("/context/channel", "portal, api"),
    ];
    for (pointer, names) in sets {
        assert_refused(&put(pointer, &"Other".into()), pointer, &format!("must be one of {names}, not \"Other\""));
        for name in names.split(", ").filter(|name| *name != "initiated") {
            assert_eq!(became(&put(pointer, &name.into())).pointer(pointer), Some(&name.into()));
        }
    }
    for id in ["01980b5e7c3a7d529f3e0c6f8f1f2a11", "{01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a1}", "urn:uuid:x", "x"] {
        assert_refused(&put("/id", &id.into()), "/id", "must be a UUID");
    }
}

#[test]
fn an_unknown_field_is_refused_at_every_level() {
    let objects = places(Value::is_object).into_iter().chain(["/changes".to_owned()]);
    for parent in objects {
        let mut event = full();
        event.pointer_mut(&parent).unwrap()["un/kn~own"] = "x".into();
        assert_refused(&event, &format!("{parent}/un~1kn~0own"), "is not a field of the model");
    }
    assert!(refused(&native("extra", 1)).1.ends_with("; what the model has no field for goes into meta"));
}

#[test]
fn what_the_server_gives_is_refused() {
    for key in ["organization", "sequence", "recorded_at"] {
        assert_refused(&native(key, "x"), &format!("/{key}"), "is given by the server; leave it out");
    }
    assert_refused(&native("source", "trailbook"), "/source", "is kept for the server's own events");
    assert_eq!(became(&native("source", "trailbook-2"))["source"], "trailbook-2");
}

#[test]
fn a_time_may_run_ahead_by_the_skew_and_not_more() {
    let time = |text: &str| native("occurred_at", text);
    assert_eq!(became(&time("2026-01-15T13:00:00.412Z"))["occurred_at"], "2026-01-15T13:00:00.412Z");
    assert_refused(&time("2026-01-15T13:00:00.413Z"), "/occurred_at", "too far ahead of the server's clock");
    for text in ["9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-23:00"] {
        assert_refused(&time(text), "/occurred_at", "too far ahead of the server's clock");
    }
    assert_refused(&time("2026-01-15T12:00:00"), "/occurred_at", "must end in Z or an offset");
    assert_refused(&time("2026-01-15T12:00:00.1234567890Z"), "/occurred_at", "at most nine digits");
}

#[test]
fn a_time_before_1970_is_refused() {
    assert_eq!(became(&native("occurred_at", "1970-01-01T00:00:00Z"))["occurred_at"], "1970-01-01T00:00:00.000Z");
    for text in ["1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00+00:01", "0001-01-01T00:00:00Z"] {
        assert_refused(&native("occurred_at", text), "/occurred_at", "lies before 1970");
    }
}

#[test]
fn an_event_has_a_limit_in_bytes() {
    let text = native("message", "x").to_string();
    let sized = |bytes| normalise(reader::parse(text.as_bytes()).unwrap(), bytes, &given());
    assert!(sized(EVENT_BYTES_MAX).is_ok());
    let error = sized(EVENT_BYTES_MAX + 1).unwrap_err();
    assert_eq!((error.pointer(), error.offset()), ("", None));
    assert_eq!(error.to_string(), "the event has 262145 bytes, more than 262144");
}

#[test]
fn meta_and_changes_have_a_limit_of_depth() {
    let reason = format!("nested deeper than {META_DEPTH_MAX} levels");
    let too_deep = "/a".repeat(META_DEPTH_MAX);
    assert!(read(&native("meta", nested(META_DEPTH_MAX)).to_string()).is_ok());
    assert_refused(&native("meta", nested(META_DEPTH_MAX + 1)), &format!("/meta{too_deep}"), &reason);
    assert!(read(&line("meta", nested(META_DEPTH_MAX)).to_string()).is_ok());
    assert_refused(&line("meta", nested(META_DEPTH_MAX + 1)), &format!("/meta{too_deep}"), &reason);
    assert!(read(&line("a", nested(META_DEPTH_MAX - 1)).to_string()).is_ok());
    assert_refused(&line("a", nested(META_DEPTH_MAX)), &too_deep, &reason);
    for side in ["before", "after"] {
        assert!(read(&native("changes", json!({side: nested(META_DEPTH_MAX)})).to_string()).is_ok());
        let changes = json!({side: nested(META_DEPTH_MAX + 1)});
        assert_refused(&native("changes", changes), &format!("/changes/{side}{too_deep}"), &reason);
    }
    let lists = (1..META_DEPTH_MAX).fold(json!([]), |inner, _| json!([inner]));
    assert_refused(
        &native("meta", json!({"a": lists})),
        &format!("/meta/a{}", "/0".repeat(META_DEPTH_MAX - 1)),
        &reason,
    );
}

#[test]
fn the_deepest_event_fits_into_an_array_of_events() {
    let changes = |levels| json!([native("changes", json!({"before": nested(levels)}))]).to_string();
    assert!(reader::parse(changes(META_DEPTH_MAX).as_bytes()).is_ok());
    let error = reader::parse(changes(META_DEPTH_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.pointer, format!("/0/changes/before{}", "/a".repeat(META_DEPTH_MAX)));
    assert_eq!(error.reason, format!("nested deeper than {JSON_DEPTH_MAX} levels"));
}

/// Makes an event that has the key.
type Keyed = fn(&str) -> Value;

#[test]
fn a_key_has_a_limit_in_characters() {
    for character in ["k", "é", "😀"] {
        let (longest, longer) = (character.repeat(KEY_CHARS_MAX), character.repeat(KEY_CHARS_MAX + 1));
        let places: [(&str, Keyed); 5] = [
            ("/meta", |key| native("meta", json!({key: 1}))),
            ("/meta/a/0", |key| native("meta", json!({"a": [{key: 1}]}))),
            ("/changes/before", |key| native("changes", json!({"before": {key: 1}}))),
            ("/changes/after/a", |key| native("changes", json!({"after": {"a": {key: 1}}}))),
            ("/meta", |key| line("meta", json!({key: 1}))),
        ];
        for (parent, event) in places {
            assert!(read(&event(&longest).to_string()).is_ok());
            assert_refused(&event(&longer), &format!("{parent}/{longer}"), "the key is longer than 128 characters");
        }
        assert!(read(&line(&longest, 1).to_string()).is_ok());
        assert_refused(&line(&longer, 1), &format!("/{longer}"), "the key is longer than 128 characters");
    }
}

/// Makes an event that has the list.
type Listed = fn(Value) -> Value;

#[test]
fn lists_have_their_limits() {
    let group = json!({"id": "g"});
    let limits: [(&str, usize, Value, Listed); 3] = [
        ("/targets", TARGETS_MAX, json!({"type": "t", "id": "i"}), |list| native("targets", list)),
        ("/on_behalf_of", ON_BEHALF_OF_MAX, json!({"type": "user", "id": "i"}), |list| native("on_behalf_of", list)),
        ("/actor/groups", GROUPS_MAX, group, |list| {
            native("actor", json!({"type": "user", "id": "i", "groups": list}))
        }),
    ];
    for (pointer, most, item, event) in limits {
        assert!(read(&event(vec![item.clone(); most].into()).to_string()).is_ok());
        let reason = format!("has {} items, more than {most}", most + 1);
        assert_refused(&event(vec![item; most + 1].into()), pointer, &reason);
    }
}

#[test]
fn promoted_keys_leave_meta() {
    let meta = json!({"actionType": "create", "queryType": "all", "entityRef": "component:default/x", "a": 1});
    for value in [native("meta", meta.clone()), line("meta", meta)] {
        let event = became(&value);
        assert_eq!((&event["action_type"], &event["query_type"]), (&"create".into(), &"all".into()));
        assert_eq!(event["targets"], json!([{"type": "entity", "id": "component:default/x"}]));
        assert_eq!(event["meta"], json!({"a": 1}));
    }
}

#[test]
fn only_texts_are_promoted() {
    for value in [json!(1), json!(""), json!(["x"]), json!({"a": 1}), json!(null), json!(true)] {
        let meta = json!({"actionType": value, "queryType": value, "entityRef": value, "a": {"entityRef": "deep"}});
        let event = became(&native("meta", meta.clone()));
        assert_eq!(event["meta"], meta);
        assert_eq!((&event["action_type"], &event["targets"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn what_the_event_says_itself_stands_before_meta() {
    let mut value = native("meta", json!({"actionType": "create", "queryType": "same", "entityRef": "known"}));
    value["action_type"] = "update".into();
    value["query_type"] = "same".into();
    value["targets"] = json!([{"type": "other", "id": "x"}, {"type": "entity", "id": "known", "name": "Known"}]);
    let event = became(&value);
    assert_eq!((&event["action_type"], &event["query_type"]), (&"update".into(), &"same".into()));
    assert_eq!(event["meta"], json!({"actionType": "create"}), "what differs stays");
    assert_eq!(event["targets"], value["targets"], "a target is not named twice");
}

#[test]
fn an_entity_stays_in_meta_when_the_targets_are_full() {
    let most = vec![json!({"type": "t", "id": "i"}); TARGETS_MAX];
    let full = with(native("meta", json!({"entityRef": "x"})), "targets", most.clone());
    assert_eq!(became(&full)["meta"], json!({"entityRef": "x"}));
    let room = with(native("meta", json!({"entityRef": "x"})), "targets", &most[1..]);
    let event = became(&room);
    assert_eq!((&event["meta"], event["targets"].as_array().unwrap().len()), (&Value::Null, TARGETS_MAX));
}

#[test]
fn a_number_that_is_no_double_is_refused_natively() {
    for number in ["9007199254740993", "1e400", "0.1000000000000000000001", "-1e-400"] {
        for (place, pointer) in [
            (format!(r#""meta":{{"a":[0,{number}]}}"#), "/meta/a/1"),
            (format!(r#""changes":{{"before":{number}}}"#), "/changes/before"),
            (format!(r#""changes":{{"after":{{"a/b":{number}}}}}"#), "/changes/after/a~1b"),
        ] {
            let (at, why) = refused_text(&format!(r#"{{"source":"s","action":"a",{place}}}"#));
            assert_eq!(
                (at.as_str(), why),
                (pointer, format!("{number} is not exactly a double; write it as a string"))
            );
        }
    }
}

#[test]
fn a_number_that_is_no_double_becomes_a_text_in_a_line() {
    let text = line("meta", json!({"a": "N1", "b": ["N2", 1.5]})).to_string();
    let text = text.replace("\"N1\"", "9007199254740993").replace("\"N2\"", "1e400").replacen(
        '{',
        "{\"more\":{\"c\":1E400},",
        1,
    );
    let bytes = canonical::write(&event(&text)).bytes;
    let event: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(event["meta"], json!({"a": "9007199254740993", "b": ["1e400", 1.5], "more": {"c": "1E400"}}));
}

#[test]
fn a_message_shows_the_beginning_of_what_is_long() {
    let (_, why) = refused(&native("severity", "é".repeat(100_000)));
    assert!(why.ends_with(&format!("not \"{}…\"", "é".repeat(64))), "{why}");
}

#[test]
fn an_event_that_is_read_back_is_taken_as_it_is() {
    let own = json!({
        "id": "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11", "occurred_at": "2999-01-01T00:00:00.000Z", "source": "trailbook",
        "action": "a", "meta": {"actionType": "x", "isAuditEvent": true}
    });
    let text = own.to_string();
    let event = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap();
    assert_eq!((event.source.as_ref(), event.action_type, event.meta.len()), ("trailbook", None, 2));
    for key in ["id", "occurred_at", "source", "action"] {
        let mut without = own.clone();
        without.as_object_mut().unwrap().remove(key);
        let text = without.to_string();
        let error = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap_err();
        assert_eq!((error.pointer(), error.to_string().as_str()), (format!("/{key}").as_str(), "is required"));
    }
    assert_eq!(from_canonical(reader::parse(b"[]").unwrap()).unwrap_err().pointer(), "");
}

#[test]
fn an_error_can_be_placed_inside_a_larger_document() {
    let (text, broken) = (native("severity", "x").to_string(), "{\"a\":x}");
    let error = read(&text).unwrap_err().under("/3");
    assert_eq!((error.pointer(), error.offset()), ("/3/severity", None));
    let error = read(broken).unwrap_err().under("/4");
    assert_eq!((error.pointer(), error.offset()), ("/4/a", Some(5)));
}

#[test]
fn a_line_full_of_other_keys_keeps_them_all() {
    let many: serde_json::Map<_, _> = (0..5_000).map(|i| (format!("k{i}"), json!(i))).collect();
    let mut value = line("meta", many.clone());
    value.as_object_mut().unwrap().extend((2_500..7_500).map(|i| (format!("k{i}"), json!("other"))));
    let meta = became(&value)["meta"].as_object().unwrap().clone();
    assert_eq!((meta.len(), &meta["k4999"], &meta["k5000"]), (7_500, &json!(4_999), &json!("other")));
}

#[test]
fn a_context_takes_every_key() {
    for key in ContextKey::ALL {
        let text = if *key == ContextKey::Channel { "api" } else { "x" };
        assert_eq!(became(&native("context", json!({key.name(): text})))["context"], json!({key.name(): text}));
    }
}
