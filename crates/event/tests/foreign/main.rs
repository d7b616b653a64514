//! What becomes of the records of other systems: golden examples, and that nothing is lost of any.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod any;
mod golden;
mod port;
mod spectra;
mod wso2;

use serde_json::Value;
use trailbook_event::normalise::{Form, Given, Normalised};
use trailbook_event::{Error, Timestamp, canonical, json};

/// The server's time.
const NOW: &str = "2026-02-01T12:00:00.412Z";

fn given() -> Given {
    Given { now: Timestamp::parse(NOW).unwrap(), skew_ms_max: 3_600_000, random: [0xab; 10], keep_initiated: false }
}

/// What a record becomes, as its canonical bytes are read.
fn read(form: Form, record: &Value) -> Result<Value, Error> {
    read_text(form, &record.to_string())
}

fn read_text(form: Form, text: &str) -> Result<Value, Error> {
    match form.normalise(json::parse(text.as_bytes())?, text.len(), &given())? {
        Normalised::Event(event) => {
            let bytes = canonical::write(&event).bytes;
            // What is recorded must be read back as it is.
            let again = trailbook_event::normalise::from_canonical(json::parse(&bytes).unwrap()).unwrap();
            assert_eq!(canonical::write(&again).bytes, bytes);
            Ok(serde_json::from_slice(&bytes).unwrap())
        }
        other => panic!("{text} became {other:?}"),
    }
}

#[track_caller]
fn became(form: Form, record: &Value) -> Value {
    read(form, record).unwrap_or_else(|error| panic!("{record}: {error} at {}", error.pointer()))
}

#[track_caller]
fn assert_refused(form: Form, record: &Value, pointer: &str, reason: &str) {
    let error = read(form, record).unwrap_err();
    assert_eq!((error.pointer(), error.to_string().contains(reason)), (pointer, true), "{error}");
}

/// Lays one value over another: members of objects one by one, all else whole.
fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// Fails unless everything that a value says is in another one; empty objects say nothing.
#[track_caller]
fn assert_within(part: &Value, whole: &Value, path: &str) {
    match part {
        Value::Object(members) => {
            for (key, value) in members {
                assert_within(value, &whole[key], &format!("{path}/{key}"));
            }
        }
        other => assert_eq!(whole, other, "{path}"),
    }
}
