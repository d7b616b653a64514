//! What differs between an expected answer and the one that was got.

use serde_json::{Map, Value};
use trailbook_event::Timestamp;

/// The key of an expected object that lets it have members of other names.
const MORE: &str = "...";

/// The places that differ, each with what is expected there and what is.
pub(super) fn differences(place: &str, expected: &Value, got: &Value) -> Vec<String> {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => of_objects(place, expected, got),
        (Value::Array(expected), Value::Array(got)) => of_arrays(place, expected, got),
        (Value::String(name), got) if placeholder(name, got) == Some(true) => Vec::new(),
        (expected, got) if same(expected, got) => Vec::new(),
        (expected, got) => vec![format!("{}: expected {expected}, got {got}", shown(place))],
    }
}

fn of_objects(place: &str, expected: &Map<String, Value>, got: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in expected.iter().filter(|(key, _)| *key != MORE) {
        match got.get(key) {
            Some(got) => found.extend(differences(&format!("{place}/{key}"), value, got)),
            None => found.push(format!("{place}/{key}: expected {value}, got nothing")),
        }
    }
    if !expected.contains_key(MORE) {
        let more = got.iter().filter(|(key, _)| !expected.contains_key(*key));
        found.extend(more.map(|(key, value)| format!("{place}/{key}: expected nothing, got {value}")));
    }
    found
}

fn of_arrays(place: &str, expected: &[Value], got: &[Value]) -> Vec<String> {
    let pairs = expected.iter().zip(got).enumerate();
    let mut found: Vec<String> = pairs.flat_map(|(i, (e, g))| differences(&format!("{place}/{i}"), e, g)).collect();
    if expected.len() != got.len() {
        let (expected, got) = (expected.len(), got.len());
        found.push(format!("{}: expected {expected} items, got {got}", shown(place)));
    }
    found
}

/// Whether a value is what a placeholder stands for; `None` for what is no placeholder.
fn placeholder(name: &str, got: &Value) -> Option<bool> {
    let text = got.as_str();
    Some(match name {
        "<any>" => true,
        "<text>" => text.is_some_and(|text| !text.is_empty()),
        "<number>" => got.is_number() || text.is_some_and(|text| text.parse::<f64>().is_ok()),
        "<time>" => text.is_some_and(|text| Timestamp::parse(text).is_ok()),
        "<uuid>" => text.is_some_and(|text| text.len() == 36 && text.split('-').count() == 5),
        _ => return None,
    })
}

/// Equal, or numbers of one value: YAML and JSON may write them differently.
fn same(expected: &Value, got: &Value) -> bool {
    expected == got || (expected.is_number() && got.is_number() && expected.as_f64() == got.as_f64())
}

fn shown(place: &str) -> &str {
    if place.is_empty() { "the body" } else { place }
}

#[test]
fn differences_name_their_place_and_placeholders_are_checked() {
    let json = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let expected = json(r#"{"a":[{"b":1,"c":"<uuid>"}],"t":"<time>","o":{"x":1,"...":"<any>"}}"#);
    let got = json(
        r#"{"a":[{"b":1.0,"c":"01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11"}],"t":"2026-01-15T12:00:00Z","o":{"x":1,"y":2}}"#,
    );
    assert!(differences("", &expected, &got).is_empty());
    let other = json(r#"{"a":[{"b":2,"c":"no"},1],"t":"now","o":{"y":2},"z":null}"#);
    assert_eq!(
        differences("", &expected, &other),
        [
            "/a/0/b: expected 1, got 2",
            r#"/a/0/c: expected "<uuid>", got "no""#,
            "/a: expected 1 items, got 2",
            "/o/x: expected 1, got nothing",
            r#"/t: expected "<time>", got "now""#,
            "/z: expected nothing, got null",
        ]
    );
}
