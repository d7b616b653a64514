//! Records that no system writes: any JSON gives an event or an error, and what is not understood is kept.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value};
use trailbook_event::json;
use trailbook_event::normalise::Form;

use crate::{assert_refused, given};

/// Any JSON, of few levels.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000i64..1_000_000).prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
        Just(Value::from("2026-01-15T10:00:00+02:00")),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts a value at a path, over what is there.
pub(crate) fn put(record: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *record = value,
        [key, rest @ ..] => {
            if !record.is_object() {
                *record = Value::Object(Map::new());
            }
            put(&mut record[*key], rest, value);
        }
    }
}

/// Lets one member of a good record be any value, also one that it did not have.
pub(crate) fn with_any(
    good: Value,
    paths: &'static [&'static [&'static str]],
    check: impl Fn(&Value) -> Result<(), TestCaseError>,
) {
    let mut runner = proptest::test_runner::TestRunner::default();
    let members = prop::collection::vec((0..paths.len(), value()), 1..6);
    let outcome = runner.run(&members, |members| {
        let mut record = good.clone();
        for (at, value) in members {
            put(&mut record, paths[at], value);
        }
        check(&record)
    });
    outcome.unwrap();
}

#[test]
fn any_json_gives_an_event_or_an_error_with_its_place() {
    let forms = proptest::sample::select(Form::FOREIGN);
    let outcome = proptest::test_runner::TestRunner::default().run(&(forms, value()), |(form, record)| {
        let text = record.to_string();
        let value = json::parse(text.as_bytes()).unwrap();
        if let Err(error) = form.normalise(value, text.len(), &given()) {
            let at = record.pointer(error.pointer()).is_some();
            prop_assert!(at || error.to_string().contains("is required"), "{error} at {}", error.pointer());
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn forms_are_known_by_their_names() {
    let names: Vec<&str> = Form::FOREIGN.iter().map(|form| form.name()).collect();
    assert_eq!(names, ["backstage", "port", "spectra", "wso2"]);
    for form in Form::FOREIGN {
        assert_eq!(Form::from_name(form.name()), Some(*form));
    }
    assert_eq!(Form::from_name("native"), None, "that is no other system");
}

#[test]
fn a_native_event_is_no_line_of_backstage() {
    let native = serde_json::json!({"source": "s", "action": "a"});
    assert_refused(Form::Backstage, &native, "/status", "is required in an audit line");
}
