//! What the rules take out of an event, and that nothing of it is left.

use serde_json::{Value, json};

use super::{RuleConfig, Rules, TEXT_PATHS};
use crate::exclude::{self, Decision};
use crate::limits::{NAME_CHARS_MAX, PATTERN_BYTES_MAX, RULES_MAX};
use crate::model::ContextKey;
use crate::normalise::from_canonical;
use crate::{canonical, json as reader, seal};

const FULL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/event-full.json"));

fn full() -> Value {
    serde_json::from_str(FULL).unwrap()
}

fn with_meta(meta: Value) -> Value {
    let mut event = full();
    event["meta"] = meta;
    event
}

fn path(name: &str, path: &str) -> RuleConfig {
    RuleConfig { name: name.to_owned(), path: Some(path.to_owned()), pattern: None }
}

fn pattern(name: &str, pattern: &str) -> RuleConfig {
    RuleConfig { name: name.to_owned(), path: None, pattern: Some(pattern.to_owned()) }
}

/// The canonical event after the rules were applied.
fn applied(configs: &[RuleConfig], event: &Value) -> Value {
    let text = event.to_string();
    let event = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap();
    let redacted = Rules::new(configs).unwrap().apply(event);
    serde_json::from_slice(&canonical::write(redacted.event()).bytes).unwrap()
}

/// Checks that rules replace just these places, as a whole, with the marker of the rule `r`.
#[track_caller]
fn assert_replaced(configs: &[RuleConfig], event: &Value, pointers: &[&str]) {
    let mut want = applied(&[], event);
    for pointer in pointers {
        *want.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = "[redacted:r]".into();
    }
    assert_eq!(applied(configs, event), want);
}

/// What the rules make of one text.
fn message(configs: &[RuleConfig], text: &str) -> String {
    let mut event = full();
    event["message"] = text.into();
    applied(configs, &event)["message"].as_str().unwrap().to_owned()
}

fn refused(config: RuleConfig) -> String {
    Rules::new(&[config]).unwrap_err()
}

#[test]
fn without_rules_nothing_changes() {
    assert_replaced(&[], &full(), &[]);
}

#[test]
fn a_path_takes_the_field_that_it_names() {
    let places: &[(&str, &[&str])] = &[
        ("action_type", &["/action_type"]),
        ("query_type", &["/query_type"]),
        ("message", &["/message"]),
        ("error.name", &["/error/name"]),
        ("error.message", &["/error/message"]),
        ("actor.id", &["/actor/id"]),
        ("actor.name", &["/actor/name"]),
        ("actor.email", &["/actor/email"]),
        ("actor.groups.id", &["/actor/groups/0/id", "/actor/groups/2/id"]),
        ("actor.groups.name", &["/actor/groups/0/name", "/actor/groups/1/name"]),
        ("on_behalf_of.id", &["/on_behalf_of/0/id", "/on_behalf_of/1/id"]),
        ("on_behalf_of.name", &["/on_behalf_of/1/name"]),
        ("targets.type", &["/targets/0/type", "/targets/1/type"]),
        ("targets.id", &["/targets/0/id", "/targets/1/id"]),
        ("targets.name", &["/targets/0/name"]),
    ];
    for (text, pointers) in places {
        assert_replaced(&[path("r", text)], &full(), pointers);
    }
    assert_eq!(places.iter().map(|(text, _)| *text).collect::<Vec<_>>(), TEXT_PATHS, "every path is tried");
}

#[test]
fn a_path_takes_any_key_of_the_context_but_the_channel() {
    let keys: Vec<_> =
        ContextKey::ALL.iter().filter(|key| **key != ContextKey::Channel).map(|key| key.name()).collect();
    let pointers: Vec<_> = keys.iter().map(|key| format!("/context/{key}")).collect();
    for (key, pointer) in keys.iter().zip(&pointers) {
        assert_replaced(&[path("r", &format!("context.{key}"))], &full(), &[pointer]);
    }
    let all: Vec<_> = pointers.iter().map(String::as_str).collect();
    assert_replaced(&[path("r", "context.*")], &full(), &all);
}

#[test]
fn a_path_into_meta_takes_scalars_of_any_kind_and_whole_containers() {
    let meta = json!({
        "user": {"password": "x", "pin": 1234, "ok": true, "none": null, "deep": {"a": [1]}}, "password": "kept", "list": [1, 2]
    });
    for key in ["password", "pin", "ok", "none", "deep"] {
        let rules = [path("r", &format!("meta.user.{key}"))];
        assert_replaced(&rules, &with_meta(meta.clone()), &[&format!("/meta/user/{key}")]);
    }
    assert_replaced(&[path("r", "meta.user")], &with_meta(meta.clone()), &["/meta/user"]);
    assert_replaced(&[path("r", "meta.list")], &with_meta(meta.clone()), &["/meta/list"]);
    assert_replaced(&[path("r", "meta.user.password.x")], &with_meta(meta), &[]);
}

#[test]
fn a_path_goes_through_arrays() {
    let meta = json!({"list": [{"a": 1, "b": 2}, [{"a": 3}], "a"], "a": 4});
    assert_replaced(&[path("r", "meta.list.a")], &with_meta(meta), &["/meta/list/0/a", "/meta/list/1/0/a"]);
}

#[test]
fn a_star_stands_for_any_one_key() {
    let meta = json!({"a": {"x": 1, "y": {"x": 2}}, "b": {"x": 3}, "x": 4});
    assert_replaced(&[path("r", "meta.*.x")], &with_meta(meta.clone()), &["/meta/a/x", "/meta/b/x"]);
    assert_replaced(&[path("r", "meta.a.*.x")], &with_meta(meta.clone()), &["/meta/a/y/x"]);
    assert_replaced(&[path("r", "meta.*")], &with_meta(meta), &["/meta/a", "/meta/b", "/meta/x"]);
}

#[test]
fn a_key_with_dots_is_named_like_a_path() {
    let meta = json!({"http.header.authorization": "x", "http": {"header.authorization": "y", "header": "z"}, "http.header": {"authorization": 1}});
    let all = ["/meta/http.header.authorization", "/meta/http/header.authorization", "/meta/http.header/authorization"];
    assert_replaced(&[path("r", "meta.http.header.authorization")], &with_meta(meta.clone()), &all);
    let any = ["/meta/http.header.authorization", "/meta/http", "/meta/http.header"];
    assert_replaced(&[path("r", "meta.*")], &with_meta(meta), &any);
}

#[test]
fn a_path_into_changes_takes_a_side_or_what_lies_in_it() {
    assert_replaced(&[path("r", "changes.before")], &full(), &["/changes/before"]);
    assert_replaced(&[path("r", "changes.*")], &full(), &["/changes/before", "/changes/after"]);
    assert_replaced(&[path("r", "changes.after.replicas")], &full(), &["/changes/after/replicas"]);
    assert_replaced(&[path("r", "changes.*.tags")], &full(), &["/changes/before/tags", "/changes/after/tags"]);
    assert_replaced(&[path("r", "changes.after.tags.b")], &full(), &["/changes/after/tags/1/b"]);
}

#[test]
fn a_path_to_nothing_changes_nothing() {
    let bare = json!({
        "id": "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11", "occurred_at": "2026-01-15T12:00:00.000Z", "source": "s", "action": "a"
    });
    for text in TEXT_PATHS.iter().chain(&["meta.a", "changes.before", "context.ip"]) {
        assert_replaced(&[path("r", text)], &bare, &[]);
    }
}

#[test]
fn a_path_that_can_name_nothing_is_refused() {
    let unknown = [
        "actor",
        "actor.type",
        "actor.*",
        "actor.groups",
        "actor.groups.0.id",
        "source",
        "action",
        "id",
        "occurred_at",
        "outcome",
        "severity",
        "targets",
        "target.id",
        "context",
        "context.channel",
        "context.other",
        "context.ip.x",
        "changes",
        "changes.other",
        "meta",
        "error",
        "organization",
        "*",
    ];
    for text in unknown {
        let error = refused(path("r", text));
        assert!(error.starts_with(&format!("rule 0 (\"r\"): the path {text:?} names nothing")), "{error}");
    }
    for text in ["", ".", "meta.", ".meta.a", "meta..a"] {
        assert!(refused(path("r", text)).contains("has an empty segment"), "{text}");
    }
}

#[test]
fn a_pattern_takes_every_match_and_leaves_the_rest() {
    let rules = [pattern("mail", r"[\w.]+@[\w.]+"), pattern("ip", r"\b\d{1,3}(\.\d{1,3}){3}\b")];
    let text = "jane@acme.example from 203.0.113.7 wrote to joe@acme.example é";
    assert_eq!(message(&rules, text), "[redacted:mail] from [redacted:ip] wrote to [redacted:mail] é");
    assert_eq!(message(&rules, "nothing"), "nothing");
}

#[test]
fn a_pattern_looks_into_every_text() {
    let secret = "canary";
    let mut event = full();
    let mut places = Vec::new();
    texts_of(&event, String::new(), &mut places);
    let fixed =
        ["/id", "/occurred_at", "/source", "/action", "/severity", "/outcome", "/context/channel", "/actor/type"];
    places.retain(|place| {
        let kind_of_party = place.starts_with("/on_behalf_of") && place.ends_with("type");
        !kind_of_party && !fixed.contains(&place.as_str())
    });
    assert!(places.len() > 30);
    for place in &places {
        *event.pointer_mut(place).unwrap() = secret.into();
    }
    let places: Vec<_> = places.iter().map(String::as_str).collect();
    assert_replaced(&[pattern("r", secret)], &event, &places);
}

/// The pointers of every string below a value.
fn texts_of(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| texts_of(item, format!("{at}/{i}"), found))
        }
        Value::Object(members) => members.iter().for_each(|(key, value)| texts_of(value, format!("{at}/{key}"), found)),
        _ => {}
    }
}

#[test]
fn a_pattern_takes_a_number_in_the_form_that_is_stored() {
    let event = serde_json::from_str::<Value>(
        r#"{"card":4111111111111111,"list":[1,{"card":4111111111111111}],"other":41,"flag":true,"none":null}"#,
    );
    let event = with_meta(event.unwrap());
    assert_replaced(&[pattern("r", r"^\d{16}$")], &event, &["/meta/card", "/meta/list/1/card"]);
    let text = event.to_string();
    for form in ["4.111111111111111e15", "4111111111111111.0", "41111111111111110E-1"] {
        let text = text.replace("4111111111111111", form);
        let event = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap();
        let redacted = Rules::new(&[pattern("r", r"^\d{16}$")]).unwrap().apply(event);
        let bytes = canonical::write(redacted.event()).bytes;
        assert!(!String::from_utf8(bytes).unwrap().contains("4111111111111111"), "{form}");
    }
}

#[test]
fn no_pattern_looks_into_a_marker() {
    let rules = [pattern("rule-1", r"\d+"), pattern("b", "redacted"), pattern("c", "rule")];
    assert_eq!(message(&rules, "a 12 b"), "a [redacted:rule-1] b");
    assert_eq!(message(&rules, "rule 12 redacted"), "[redacted:c] [redacted:rule-1] [redacted:b]");
}

#[test]
fn matches_that_meet_become_one() {
    assert_eq!(message(&[pattern("digit", r"\d")], "pin 1234 or 56"), "pin [redacted:digit] or [redacted:digit]");
    let rules = [pattern("tail", "cdef"), pattern("head", "abcd"), pattern("inside", "c")];
    assert_eq!(message(&rules, "xabcdefx"), "x[redacted:head]x", "nothing that a pattern finds is left");
    assert_eq!(message(&rules, "cdefabcdc"), "[redacted:tail]");
    let same_start = [pattern("short", "ab"), pattern("long", "abc")];
    assert_eq!(message(&same_start, "abc"), "[redacted:short]", "the first rule names what begins at one place");
    assert_eq!(message(&[pattern("all", ".")], "é😀"), "[redacted:all]");
}

#[test]
fn a_pattern_of_places_without_width_changes_nothing() {
    assert_eq!(message(&[pattern("edge", r"\b")], "two words"), "two words");
}

#[test]
fn a_marker_is_no_template() {
    assert_eq!(message(&[pattern("r.1-a_B", r"(?<name>x)")], "x$1"), "[redacted:r.1-a_B]$1");
}

#[test]
fn a_path_goes_before_a_pattern_and_the_first_path_wins() {
    let rules = [pattern("p", "Jane"), path("first", "message"), path("second", "message")];
    assert_eq!(message(&rules, "Jane"), "[redacted:first]");
}

#[test]
fn names_that_no_rule_can_reach_stay() {
    let event = with_meta(json!({"canary": 1}));
    let after = applied(&[pattern("r", "canary|catalog|entity-mutate")], &event);
    assert_eq!(after["meta"], json!({"canary": 1}), "keys are names, not texts");
    assert_eq!((after["source"].as_str(), after["action"].as_str()), (Some("catalog"), Some("entity-mutate")));
}

#[test]
fn an_exclusion_rule_sees_the_redacted_actor() {
    let text = full().to_string();
    let decide = |actor_id: &str| {
        let event = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap();
        let redacted = Rules::new(&[path("actor", "actor.id")]).unwrap().apply(event);
        let rule = exclude::RuleConfig {
            name: Some("x".to_owned()),
            actor_id: Some(exclude::OneOrMany::One(actor_id.to_owned())),
            event_id: None,
        };
        matches!(exclude::Rules::new(&[rule]).unwrap().decide(redacted), Decision::Excluded { .. })
    };
    assert!(decide("[redacted:actor]"));
    assert!(!decide("user:default/jane"));
}

#[test]
fn no_canary_reaches_the_sealed_bytes() {
    let canary = "canary-7f3a";
    let mut event = full();
    for place in ["/message", "/actor/id", "/actor/email", "/targets/0/id", "/context/request_url", "/error/message"] {
        *event.pointer_mut(place).unwrap() = format!("é {canary}{canary} \"{canary}\"").into();
    }
    event["meta"] = json!({"a": {"token": canary, "list": [{"b": [format!("x{canary}y")]}]}, "c": canary});
    event["changes"] = json!({"before": canary, "after": {"a": [canary]}});
    let text = event.to_string();
    assert!(text.contains(canary));
    for rules in [vec![pattern("canary", "canary-[0-9a-f]{4}")], by_paths()] {
        let event = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap();
        let redacted = Rules::new(&rules).unwrap().apply(event);
        let Decision::Admitted(admitted) = exclude::Rules::default().decide(redacted) else { panic!("excluded") };
        let sealed = seal::seal(&admitted, [0; 16]).unwrap();
        let bytes = std::str::from_utf8(sealed.canonical()).unwrap();
        assert!(!bytes.contains("canary-"), "{bytes}");
        assert!(bytes.contains("[redacted:canary]"));
    }
}

fn by_paths() -> Vec<RuleConfig> {
    let paths = [
        "message",
        "actor.id",
        "actor.email",
        "targets.id",
        "context.request_url",
        "error.message",
        "meta.a.token",
        "meta.a.list.b",
        "meta.c",
        "changes.before",
        "changes.*.a",
    ];
    paths.iter().map(|text| path("canary", text)).collect()
}

#[test]
fn a_redacted_event_reads_back_as_it_is() {
    let text = full().to_string();
    let event = from_canonical(reader::parse(text.as_bytes()).unwrap()).unwrap();
    let rules =
        [pattern("all", r"\w"), path("gone", "meta.z"), path("side", "changes.before"), path("ip", "context.*")];
    let redacted = Rules::new(&rules).unwrap().apply(event);
    let written = canonical::write(redacted.event());
    let again = canonical::write(&from_canonical(reader::parse(&written.bytes).unwrap()).unwrap());
    assert_eq!(again, written);
}

#[test]
fn a_rule_has_a_name_that_fits_its_marker() {
    assert!(Rules::new(&[path(&"n".repeat(NAME_CHARS_MAX), "message")]).is_ok());
    for name in ["", "a b", "a]", "é", "a\n", &"n".repeat(NAME_CHARS_MAX + 1)] {
        assert!(refused(path(name, "message")).contains("the name must be 1 to 128"), "{name:?}");
    }
}

#[test]
fn a_rule_is_either_a_path_or_a_pattern() {
    let neither = RuleConfig { name: "r".to_owned(), path: None, pattern: None };
    let both = RuleConfig { path: Some("message".to_owned()), pattern: Some("x".to_owned()), ..neither.clone() };
    assert_eq!(refused(neither), "rule 0 (\"r\"): give either a path or a pattern");
    assert_eq!(refused(both), "rule 0 (\"r\"): give either a path or a pattern");
}

#[test]
fn a_pattern_that_is_wrong_or_too_large_is_refused() {
    for text in ["", "x*", "a|", "^", "(?:)"] {
        assert!(refused(pattern("r", text)).contains("matches the empty text"), "{text:?}");
    }
    for text in ["(", "[", "a{2,1}", r"(a)\1", "(?=a)"] {
        assert!(refused(pattern("r", text)).starts_with("rule 0 (\"r\"): "), "{text:?}");
    }
    assert!(refused(pattern("r", r"(\w{500}){500}")).contains("exceeds size limit"));
}

#[test]
fn patterns_and_paths_have_a_limit_in_bytes() {
    assert!(Rules::new(&[pattern("r", &"a".repeat(PATTERN_BYTES_MAX))]).is_ok());
    assert!(refused(pattern("r", &"a".repeat(PATTERN_BYTES_MAX + 1))).contains("more than 1024 bytes"));
    let meta = |bytes: usize| format!("meta.{}", "a".repeat(bytes - 5));
    assert!(Rules::new(&[path("r", &meta(PATTERN_BYTES_MAX))]).is_ok());
    assert!(refused(path("r", &meta(PATTERN_BYTES_MAX + 1))).contains("more than 1024 bytes"));
}

#[test]
fn rules_have_a_limit() {
    assert!(Rules::new(&vec![path("r", "message"); RULES_MAX]).is_ok());
    assert!(Rules::new(&vec![path("r", "message"); RULES_MAX + 1]).is_err());
}

#[test]
fn a_rule_with_an_unknown_or_missing_key_is_refused() {
    for json in [r#"{"name":"r","path":"message","x":1}"#, r#"{"path":"message"}"#, r#"{"name":1,"path":"message"}"#] {
        assert!(serde_json::from_str::<RuleConfig>(json).is_err(), "{json}");
    }
    let config: RuleConfig = serde_json::from_str(r#"{"name":"r","path":"message"}"#).unwrap();
    assert_eq!(config, path("r", "message"));
}

#[test]
fn a_path_whose_value_is_promoted_is_refused_with_its_new_place() {
    for (path, place) in
        [("meta.actionType", "action_type"), ("meta.queryType", "query_type"), ("meta.entityRef", "targets.id")]
    {
        let rule = RuleConfig { name: "r".to_owned(), path: Some(path.to_owned()), pattern: None };
        let reason = Rules::new(&[rule]).unwrap_err();
        assert!(reason.contains(place), "{reason}");
    }
}
