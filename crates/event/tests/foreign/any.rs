//! Records that no system writes: any JSON gives an event or an error, and what is not understood is kept.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value, json};

/// Any JSON, of few levels.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000i64..1_000_000).prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
        Just(json!("2026-01-15T10:00:00+02:00")),
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
