//! The seal against values that were computed without this code.

use ring::digest::{SHA256, digest};

use super::{ENTRY_BYTES, SALT_BYTES, Sealed, entry, inner, seal};
use crate::error::Error;
use crate::exclude::{self, Decision};
use crate::limits::CANONICAL_BYTES_MAX;
use crate::normalise::{Given, Normalised, normalise};
use crate::time::Timestamp;
use crate::{json, redact};

const FULL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/event-full.json"));

/// Made by Node.js 20: `JSON.parse` the event, lower-case its id, set its time in UTC to
/// `2026-01-15T12:00:00.123400Z`, then print it with `Object.keys(v).sort()` and `JSON.stringify` for keys and scalars,
/// which is how RFC 8785 defines the form. Python's `json`, with keys sorted by `encode('utf-16-be')`, gives the same.
/// The file ends without a newline.
const CANONICAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/event-full.canonical.json"));

const SALT: [u8; SALT_BYTES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const RECORDED_MS: u64 = 1_768_478_400_412;

fn sealed(text: &str, salt: [u8; SALT_BYTES]) -> Sealed {
    try_seal(text, salt).unwrap()
}

fn try_seal(text: &str, salt: [u8; SALT_BYTES]) -> Result<Sealed, Error> {
    let given = Given {
        now: Timestamp::parse("2026-01-15T12:00:00.412Z").unwrap(),
        skew_ms_max: 3_600_000,
        random: [7; 10],
        keep_initiated: false,
    };
    let value = json::parse(text.as_bytes()).unwrap();
    let Normalised::Event(event) = normalise(value, text.len(), &given).unwrap() else { panic!("not an event") };
    match exclude::Rules::default().decide(redact::Rules::default().apply(event)) {
        Decision::Admitted(admitted) => seal(&admitted, salt),
        Decision::Excluded { .. } => panic!("no rule excludes it"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_canonical_bytes_are_those_of_rfc_8785() {
    let sealed = sealed(FULL, SALT);
    assert_eq!(std::str::from_utf8(sealed.canonical()).unwrap(), CANONICAL);
    // python3: hashlib.sha256(open("testdata/event-full.canonical.json", "rb").read()).hexdigest()
    assert_eq!(
        hex(digest(&SHA256, sealed.canonical()).as_ref()),
        "d1c3d79df95003ae9175902a892c50f465263bf027d73b4f91079ce1801eb188"
    );
}

#[test]
fn inner_and_entry_are_the_known_ones() {
    let sealed = sealed(FULL, SALT);
    // python3: hashlib.sha256(b"trailbook/event/v1\0" + bytes(range(16)) + canonical).hexdigest()
    assert_eq!(hex(sealed.inner()), "852f1daf3626e78f09c83d715638f9cdce2475967122c5c244b7b12458b0f604");
    // python3: "01" + hashlib.sha256(b"trailbook/entry/v1\0" + struct.pack(">Q", 1768478400412) + inner).hexdigest()
    let entry = entry(RECORDED_MS, sealed.inner());
    assert_eq!(hex(&entry), "01aa644f6973c6e7986888a073146bfecdd5f860790b0904557d490d83f64d8d4f");
}

#[test]
fn another_salt_gives_another_inner() {
    let (one, other) = (sealed(FULL, SALT), sealed(FULL, [0; SALT_BYTES]));
    assert_eq!(one.canonical(), other.canonical());
    // The same python with bytes(16) as the salt.
    assert_eq!(hex(other.inner()), "15a3ff9c942ba459bd929adbfa529b8c53b4dddee413d40ade018372ce8af3f6");
    assert_ne!(one.inner(), other.inner());
}

#[test]
fn another_time_or_inner_gives_another_entry() {
    let one = entry(RECORDED_MS, &[1; 32]);
    assert_eq!(one.len(), ENTRY_BYTES);
    assert_eq!(one[0], 1);
    assert_ne!(one, entry(RECORDED_MS + 1, &[1; 32]));
    assert_ne!(one, entry(RECORDED_MS, &[2; 32]));
    assert_ne!(entry(0, &[0; 32]), entry(u64::MAX, &[0; 32]));
}

#[test]
fn what_was_sealed_is_what_the_record_says() {
    let sealed = sealed(FULL, SALT);
    assert_eq!(sealed.id().to_string(), "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11");
    assert_eq!(sealed.occurred_at().to_string(), "2026-01-15T12:00:00.123400Z");
    assert_eq!(sealed.salt(), &SALT);
    assert_eq!(sealed.inner(), &inner(&SALT, sealed.canonical()));
    assert!(sealed.spans().iter().all(|span| !span.of(sealed.canonical()).is_empty()));
}

#[test]
fn the_order_of_members_and_the_form_of_numbers_do_not_matter() {
    let one =
        r#"{"id":"01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11","source":"s","action":"a","meta":{"x":1e2,"y":"\u0041"}}"#;
    let other = r#"{ "meta": {"y": "A", "x": 100.0}, "action": "a", "source": "s", "severity": "low",
        "outcome": "succeeded", "targets": [], "context": {}, "id": "01980B5E-7C3A-7D52-9F3E-0C6F8F1F2A11"}"#;
    assert_eq!(sealed(one, SALT), sealed(other, SALT));
}

#[test]
fn content_leaves_out_what_the_server_gave() {
    let text = r#"{"source":"s","action":"a","meta":{"occurred_at":"x","id":"y"},"targets":[{"type":"t","id":"z"}]}"#;
    let sealed = sealed(text, SALT);
    let content = |own_id, own_time| String::from_utf8(sealed.content(own_id, own_time)).unwrap();
    assert_eq!(content(true, true).as_bytes(), sealed.canonical());
    let without = concat!(
        r#"{"action":"a","id":"","meta":{"id":"y","occurred_at":"x"},"occurred_at":"","#,
        r#""outcome":"succeeded","severity":"low","source":"s","targets":[{"id":"z","type":"t"}]}"#
    );
    assert_eq!(content(false, false), without);
    assert!(content(false, true).contains(r#""occurred_at":"2026-01-15T12:00:00.412Z""#));
    assert!(content(true, false).contains(&format!(r#""id":"{}""#, sealed.id())));
}

#[test]
fn canonical_bytes_have_a_limit_of_their_own() {
    // Each number takes 5 bytes here and 22 in the canonical form.
    let numbers = "1e20,".repeat(20_000);
    let text = |padding: usize| {
        let padding = "x".repeat(padding);
        format!(r#"{{"source":"s","action":"a","meta":{{"n":[{numbers}0],"p":"{padding}"}}}}"#)
    };
    let least = sealed(&text(0), SALT).canonical().len();
    let padding = CANONICAL_BYTES_MAX - least;
    assert_eq!(sealed(&text(padding), SALT).canonical().len(), CANONICAL_BYTES_MAX);
    let error = try_seal(&text(padding + 1), SALT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the event has 524289 bytes with its numbers written out and values redacted, more than 524288"
    );
}
