//! What is cut out is gone, what is left is as it was, and it is canonical: compared with a naive cut of JSON values.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Cut, NEEDED, PATHS};
use crate::canonical::write_value;
use crate::json;
use crate::limits::JSON_DEPTH_MAX;
use crate::model::ContextKey;

const FULL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/event-full.json"));

fn cut(paths: &[&str]) -> Cut {
    let mut cut = Cut::default();
    paths.iter().for_each(|path| cut.add(path).unwrap());
    cut
}

fn without(paths: &[&str], text: &str) -> String {
    String::from_utf8(cut(paths).apply(text.as_bytes())).unwrap()
}

/// The canonical form of a JSON text.
fn canonical(text: &str) -> String {
    let mut out = Vec::new();
    write_value(&json::parse(text.as_bytes()).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

/// Every path that can be cut out of an event, some below `meta` and `changes` too.
fn all_paths() -> Vec<String> {
    let context = ContextKey::ALL.iter().map(|key| format!("context.{}", key.name()));
    let free =
        ["meta.a", "meta.a.b", r"meta.a\.b.c", "meta.list.a", "changes.before", "changes.after.a", "target.name"];
    PATHS.iter().chain(&free).map(|path| (*path).to_owned()).chain(context).collect()
}

/// The same, decided on the path of every value. Nothing is given for what has nothing left.
fn naive(value: &Value, path: &str, hidden: &[String]) -> Option<Value> {
    let is_at = |one: &String| path == one || path.strip_prefix(one.as_str()).is_some_and(|rest| rest.starts_with('.'));
    if hidden.iter().any(is_at) {
        return None;
    }
    match value {
        Value::Object(members) if !members.is_empty() => {
            let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            let kept = |(key, value): (&String, &Value)| Some((key.clone(), naive(value, &below(key), hidden)?));
            let kept: Map<String, Value> = members.iter().filter_map(kept).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) if !items.is_empty() => {
            let kept: Vec<Value> = items.iter().filter_map(|item| naive(item, path, hidden)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        other => Some(other.clone()),
    }
}

/// A path as values have it: without escapes, and targets by the key that events have.
fn plain(path: &str) -> String {
    path.replace("target.", "targets.").replace('\\', "")
}

#[test]
fn one_field_goes_and_all_others_stay() {
    let text = r#"{"action":"a","actor":{"email":"j@x","id":"j","type":"user"},"id":"1","message":"m"}"#;
    assert_eq!(without(&[], text), text);
    assert_eq!(
        without(&["actor.email"], text),
        r#"{"action":"a","actor":{"id":"j","type":"user"},"id":"1","message":"m"}"#
    );
    assert_eq!(without(&["actor"], text), r#"{"action":"a","id":"1","message":"m"}"#);
    assert_eq!(
        without(&["message", "actor.type", "actor.id"], text),
        r#"{"action":"a","actor":{"email":"j@x"},"id":"1"}"#
    );
    assert_eq!(without(&["actor.email", "actor"], text), without(&["actor", "actor.email"], text));
}

#[test]
fn items_of_arrays_are_gone_through() {
    let text = r#"{"actor":{"groups":[{"id":"1","name":"a"},{"name":"b"},{"id":"3"}],"id":"j"},"on_behalf_of":[{"id":"p","name":"P"}],"targets":[{"id":"t","name":"T","type":"e"},{"id":"u","type":"e"}]}"#;
    assert_eq!(
        without(&["actor.groups.name", "target.name", "on_behalf_of.name"], text),
        r#"{"actor":{"groups":[{"id":"1"},{"id":"3"}],"id":"j"},"on_behalf_of":[{"id":"p"}],"targets":[{"id":"t","type":"e"},{"id":"u","type":"e"}]}"#
    );
    let rest = r#"{"actor":{"id":"j"},"on_behalf_of":[{"id":"p","name":"P"}]}"#;
    assert_eq!(without(&["actor.groups", "targets"], text), rest);
    let all = ["actor.groups.id", "actor.groups.name", "targets.id", "targets.name", "targets.type"];
    assert_eq!(without(&all, text), rest);
}

#[test]
fn what_has_nothing_left_goes_and_what_was_empty_stays() {
    let text = r#"{"id":"1","meta":{"a":{"b":1},"e":{},"l":[[{"b":1}],[]]}}"#;
    assert_eq!(without(&["meta.a.b"], text), r#"{"id":"1","meta":{"e":{},"l":[[{"b":1}],[]]}}"#);
    assert_eq!(without(&["meta.l.b"], text), r#"{"id":"1","meta":{"a":{"b":1},"e":{},"l":[[]]}}"#);
    assert_eq!(without(&["meta.a", "meta.e", "meta.l"], text), r#"{"id":"1"}"#);
    assert_eq!(without(&["meta.e.x", "meta.l.x.y", "meta.a.b.c"], text), text);
    assert_eq!(without(&["meta"], r#"{"meta":{"a":1}}"#), "{}");
}

#[test]
fn a_dot_of_a_key_is_a_step() {
    let text = r#"{"meta":{"a":{"b":1,"c":2},"a.b":3,"a.b.c":4,"a.bc":5,"ab":6,"b":7}}"#;
    let wanted = r#"{"meta":{"a":{"c":2},"a.bc":5,"ab":6,"b":7}}"#;
    assert_eq!(without(&["meta.a.b"], text), wanted);
    assert_eq!(without(&[r"meta.a\.b"], text), wanted);
    assert_eq!(without(&["meta.a"], text), r#"{"meta":{"ab":6,"b":7}}"#);
}

#[test]
fn keys_are_compared_as_they_are_escaped() {
    let text = canonical(r#"{"meta":{"\"k\"":1,"x\\y":2,"\t":3,"ключ":4,"plain":"\"k\":1}"}}"#);
    let paths = [r#"meta."k""#, r"meta.x\\y", "meta.\t", "meta.ключ"];
    assert_eq!(without(&paths, &text), r#"{"meta":{"plain":"\"k\":1}"}}"#);
}

#[test]
fn every_path_of_the_full_event_can_go() {
    let event: Value = serde_json::from_str(FULL).unwrap();
    let text = canonical(FULL);
    for path in all_paths() {
        let wanted = naive(&event, "", &[plain(&path)]).unwrap();
        assert_eq!(without(&[&path], &text), canonical(&wanted.to_string()), "{path}");
    }
}

#[test]
fn what_an_event_needs_cannot_go() {
    for path in NEEDED.iter().chain(&["actor.mail", "context.colour", "meta.", "meta..a", "", "context.request_path"]) {
        assert!(Cut::default().add(path).is_err(), "{path}");
    }
}

#[test]
fn paths_touch_what_is_above_and_below() {
    let cut = cut(&["meta.a.b", "actor", "targets.name"]);
    for path in ["meta", "meta.a", "meta.a.b", "meta.a.b.c", "actor", "actor.id", "targets", "targets.name"] {
        assert!(cut.touches(&path.split('.').collect::<Vec<_>>()), "{path}");
    }
    for path in ["meta.b", "meta.ab", "targets.id", "context", "context.ip"] {
        assert!(!cut.touches(&path.split('.').collect::<Vec<_>>()), "{path}");
    }
    assert!(cut.touches(&["meta", "a.b"]) && cut.touches(&["meta", "a.b.c"]) && !cut.touches(&["meta", "a.c"]));
}

#[test]
fn what_is_too_deep_to_be_an_event_is_not_shown() {
    let nested = |depth: usize| format!("{{\"meta\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    // The event itself is one level.
    assert_eq!(without(&["meta.a"], &nested(JSON_DEPTH_MAX - 1)), nested(JSON_DEPTH_MAX - 1));
    assert_eq!(without(&["meta.a"], &nested(JSON_DEPTH_MAX)), "{}");
    assert_eq!(without(&["meta.a"], &nested(1_000_000)), "{}");
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a.b", "list", "\"k\"", "x\\y", "", "\t", "ключ", "."])
        .prop_map(str::to_owned)
}

/// A value of which every scalar is another text.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![any::<u64>().prop_map(|n| json!(format!("<{n}>{{\"a\":[")))];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key(), inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    (value(), value(), value(), value(), any::<u32>()).prop_map(|(meta, before, after, other, seed)| {
        let text = |name: &str| json!(format!("{name}:{seed}"));
        json!({
            "action": text("action"), "id": text("id"), "message": text("message"), "source": text("source"),
            "actor": {"email": text("email"), "groups": [{"id": text("g1")}, {"id": text("g2"), "name": text("n2")}],
                      "id": text("actor"), "type": "user"},
            "changes": {"after": after, "before": before},
            "context": {"ip": text("ip"), "request_url": text("url")},
            "error": {"message": text("failed"), "name": text("error")},
            "meta": {"a": meta, "list": other},
            "targets": [{"id": text("t1"), "name": text("tn1"), "type": "e"}, {"id": text("t2"), "type": "e"}],
        })
    })
}

/// Paths, of which half go where the free values have keys.
fn paths() -> impl Strategy<Value = Vec<String>> {
    let known = prop::sample::select(all_paths());
    let escaped = |key: &String| key.replace('\\', r"\\").replace('.', r"\.");
    let root = prop::sample::select(vec!["meta.a", "meta.list", "changes.before", "changes.after"]);
    let keys = key().prop_filter("no empty step", |key| !key.is_empty());
    let free = (root, prop::collection::vec(keys, 1..3))
        .prop_map(move |(root, keys)| keys.iter().fold(root.to_owned(), |path, key| path + "." + &escaped(key)));
    prop::collection::vec(prop_oneof![known, free], 0..5)
}

/// The path with its escapes undone.
fn unescaped(path: &str) -> String {
    let mut out = String::new();
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out.replace("target.", "targets.")
}

fn scalars(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::Object(members) => members.values().for_each(|value| scalars(value, found)),
        other => found.push(other.to_string()),
    }
}

proptest! {
    #[test]
    fn what_is_left_is_what_a_naive_cut_leaves_and_canonical(event in event(), paths in paths()) {
        let text = canonical(&event.to_string());
        let mut cut = Cut::default();
        paths.iter().for_each(|path| cut.add(path).unwrap());
        let found = String::from_utf8(cut.apply(text.as_bytes())).unwrap();
        prop_assert_eq!(&canonical(&found), &found);
        let hidden: Vec<String> = paths.iter().map(|path| unescaped(path)).collect();
        let wanted = naive(&event, "", &hidden).unwrap();
        prop_assert_eq!(&found, &canonical(&wanted.to_string()));
        // No value that only hidden fields have is anywhere in the bytes.
        let (mut all, mut kept) = (Vec::new(), Vec::new());
        scalars(&event, &mut all);
        scalars(&wanted, &mut kept);
        for gone in all.iter().filter(|value| !kept.contains(value)) {
            prop_assert!(!found.contains(gone.as_str()), "{} is in {}", gone, found);
        }
    }

    #[test]
    fn a_path_goes_exactly_where_it_touches(event in event(), path in paths()) {
        let text = canonical(&event.to_string());
        for path in path {
            let steps = unescaped(&path);
            let steps: Vec<&str> = steps.split('.').collect();
            let one = cut(&[&path]);
            prop_assert!(one.touches(&steps));
            let is_there = naive(&event, "", &[steps.join(".")]).unwrap() != event;
            prop_assert_eq!(one.apply(text.as_bytes()) != text.as_bytes(), is_there);
        }
    }

    #[test]
    fn any_bytes_give_bytes(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\a1. m".to_vec()), 0..40)) {
        let found = cut(&["meta.a", "actor"]).apply(&bytes);
        prop_assert!(found.len() <= bytes.len().max(2));
    }

    #[test]
    fn an_event_that_is_cut_off_is_not_shown(event in event(), at in any::<prop::sample::Index>()) {
        let text = canonical(&event.to_string());
        let part = text.as_bytes().get(..at.index(text.len())).unwrap();
        prop_assert_eq!(cut(&["actor.email", "meta.a.b"]).apply(part), b"{}");
    }
}
