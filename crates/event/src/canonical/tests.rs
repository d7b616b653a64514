//! The writer against RFC 8785's own examples, and against what the reader makes of it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Canonical, is_exact_number, scalar_at, utf16_order, write, write_escaped, write_value};
use crate::field::{Field, Span};
use crate::json::{self, Object, Value};
use crate::model::{
    Actor, ActorType, Changes, Channel, Context, ContextKey, Event, Failure, Group, OnBehalfOf, Outcome, Severity,
    Target, Text,
};
use crate::normalise::from_canonical;
use crate::time::Timestamp;
use uuid::Uuid;

const FULL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/event-full.json"));

/// The canonical form of a JSON text.
fn canonical(text: &str) -> String {
    let mut out = Vec::new();
    write_value(&json::parse(text.as_bytes()).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_escaped(text, &mut out);
    out
}

fn reread(bytes: &[u8]) -> Event<'_> {
    from_canonical(json::parse(bytes).unwrap()).unwrap()
}

#[test]
fn the_sample_of_rfc_8785_section_3_2_2() {
    let text = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let want = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(canonical(text), want);
}

#[test]
fn keys_are_sorted_by_utf16_code_units_as_in_rfc_8785_section_3_2_3() {
    let text = r#"{
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let want = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
        \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\
        \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(canonical(text), want);
}

#[test]
fn keys_are_sorted_at_every_level_and_arrays_are_not() {
    assert_eq!(
        canonical(r#"[{"b":[3,1,{"d":1,"c":2}],"a":{"z":0,"":1}},"b","a"]"#),
        r#"[{"a":{"":1,"z":0},"b":[3,1,{"c":2,"d":1}]},"b","a"]"#
    );
    assert_eq!(canonical(r#"{"aa":1,"a":2,"A":3,"a\u0000":4}"#), r#"{"A":3,"a":2,"a\u0000":4,"aa":1}"#);
}

#[test]
fn numbers_are_written_as_in_rfc_8785_appendix_b() {
    let table = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, want) in table {
        let number = f64::from_bits(bits);
        for text in [format!("{number:?}"), format!("{number:e}"), want.to_owned()] {
            assert_eq!(canonical(&text), want, "{text}");
        }
        assert!(is_exact_number(want), "{want}");
    }
}

#[test]
fn only_what_must_be_escaped_is_escaped() {
    let short = r#""\b\t\n\f\r\"\\""#;
    assert_eq!(canonical(short), short);
    assert_eq!(canonical(r#""\u0008\u0009\u000a\u000C\u000D\u0022\u005C""#), short);
    assert_eq!(canonical(r#""\u0000\u0001\u000b\u000E\u001F""#), r#""\u0000\u0001\u000b\u000e\u001f""#);
    assert_eq!(
        canonical(r#""\/\u0020\u007f\u0080\u2028\u2029\ufeff\ud83d\ude00""#),
        "\"/ \u{7f}\u{80}\u{2028}\u{2029}\u{feff}😀\""
    );
}

#[test]
fn a_number_is_exact_when_its_double_is_the_same_number() {
    let exact = [
        "0",
        "-0",
        "0.0",
        "-0.0e5",
        "0e999999999999999999999",
        "1",
        "-1",
        "1.0",
        "1.50",
        "0.1",
        "0.10",
        "1e-1",
        "10E-2",
        "1e21",
        "1e+21",
        "1E21",
        "1000000000000000000000",
        "100000000000000000000",
        "9007199254740992",
        "9007199254740994",
        "-9007199254740992",
        "999999999999999",
        "1e22",
        "1e23",
        "5e-324",
        "-5e-324",
        "0.5e-323",
        "1.7976931348623157e308",
        "1.7976931348623157e+308",
        "4.35",
        "0.000001",
        "1e-7",
        "123456789.125",
        "1e308",
        "0.000000000000000000000000001",
        "10000000000e-10",
    ];
    for text in exact {
        assert!(is_exact_number(text), "{text}");
    }
    let inexact = [
        "9007199254740993",
        "-9007199254740993",
        "9007199254740992.5",
        "0.1000000000000000000001",
        "1e400",
        "-1e400",
        "1e-400",
        "1e309",
        "1e999999999999999999999",
        "1e-999999999999999999999",
        "3e-324",
        "4.9e-324",
        "100000000000000000001",
        "123456789012345678901234567890",
        "0.30000000000000004441",
        "1.7976931348623158e308",
        "3.14159265358979323846",
        "333333333.33333329",
    ];
    for text in inexact {
        assert!(!is_exact_number(text), "{text}");
    }
}

#[test]
fn a_very_long_number_gets_its_answer() {
    assert!(is_exact_number(&format!("1.{}", "0".repeat(200_000))));
    assert!(is_exact_number(&format!("0.{}1e200001", "0".repeat(200_000))));
    assert!(!is_exact_number(&format!("1.{}1", "0".repeat(200_000))));
    assert!(!is_exact_number(&"9".repeat(200_000)));
}

/// The full event, read as a client's is but for the clock.
fn full() -> Event<'static> {
    from_canonical(json::parse(FULL.as_bytes()).unwrap()).unwrap()
}

#[test]
fn every_span_of_a_full_event_gives_back_its_value() {
    let Canonical { bytes, spans } = write(&full());
    let event: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let found: Vec<(Field, u8, String)> = spans
        .iter()
        .filter(|span| !matches!(span.field, Field::Meta | Field::Changes))
        .map(|span| {
            let quoted = [b"\"", span.of(&bytes), b"\""].concat();
            (span.field, span.item, serde_json::from_slice(&quoted).unwrap())
        })
        .collect();
    let texts = [
        (Field::Action, 0, "/action"),
        (Field::ActionType, 0, "/action_type"),
        (Field::ActorEmail, 0, "/actor/email"),
        (Field::ActorGroupId, 0, "/actor/groups/0/id"),
        (Field::ActorGroupName, 0, "/actor/groups/0/name"),
        (Field::ActorGroupName, 0, "/actor/groups/1/name"),
        (Field::ActorGroupId, 0, "/actor/groups/2/id"),
        (Field::ActorId, 0, "/actor/id"),
        (Field::ActorName, 0, "/actor/name"),
        (Field::ActorType, 0, "/actor/type"),
        (Field::Context(ContextKey::Blueprint), 0, "/context/blueprint"),
        (Field::Context(ContextKey::Channel), 0, "/context/channel"),
        (Field::Context(ContextKey::Hostname), 0, "/context/hostname"),
        (Field::Context(ContextKey::InstallationId), 0, "/context/installation_id"),
        (Field::Context(ContextKey::Ip), 0, "/context/ip"),
        (Field::Context(ContextKey::Package), 0, "/context/package"),
        (Field::Context(ContextKey::Project), 0, "/context/project"),
        (Field::Context(ContextKey::RequestId), 0, "/context/request_id"),
        (Field::Context(ContextKey::RequestMethod), 0, "/context/request_method"),
        (Field::Context(ContextKey::RequestUrl), 0, "/context/request_url"),
        (Field::RequestPath, 0, ""),
        (Field::Context(ContextKey::RunId), 0, "/context/run_id"),
        (Field::Context(ContextKey::SessionId), 0, "/context/session_id"),
        (Field::Context(ContextKey::TraceId), 0, "/context/trace_id"),
        (Field::Context(ContextKey::UserAgent), 0, "/context/user_agent"),
        (Field::Context(ContextKey::WebhookEventId), 0, "/context/webhook_event_id"),
        (Field::Context(ContextKey::WebhookId), 0, "/context/webhook_id"),
        (Field::ErrorMessage, 0, "/error/message"),
        (Field::ErrorName, 0, "/error/name"),
        (Field::Id, 0, "/id"),
        (Field::Message, 0, "/message"),
        (Field::OccurredAt, 0, "/occurred_at"),
        (Field::OnBehalfOfId, 0, "/on_behalf_of/0/id"),
        (Field::OnBehalfOfType, 0, "/on_behalf_of/0/type"),
        (Field::OnBehalfOfId, 0, "/on_behalf_of/1/id"),
        (Field::OnBehalfOfName, 0, "/on_behalf_of/1/name"),
        (Field::OnBehalfOfType, 0, "/on_behalf_of/1/type"),
        (Field::Outcome, 0, "/outcome"),
        (Field::QueryType, 0, "/query_type"),
        (Field::Severity, 0, "/severity"),
        (Field::Source, 0, "/source"),
        (Field::TargetId, 0, "/targets/0/id"),
        (Field::TargetName, 0, "/targets/0/name"),
        (Field::TargetType, 0, "/targets/0/type"),
        (Field::TargetId, 1, "/targets/1/id"),
        (Field::TargetType, 1, "/targets/1/type"),
    ];
    let value = |pointer| match pointer {
        "" => "/api/\"catalog\"/refresh".to_owned(),
        _ => event.pointer(pointer).unwrap().as_str().unwrap().to_owned(),
    };
    let want: Vec<_> = texts.into_iter().map(|(field, item, pointer)| (field, item, value(pointer))).collect();
    assert_eq!(found, want);
}

#[test]
fn the_spans_of_meta_and_changes_cover_the_whole_objects() {
    let Canonical { bytes, spans } = write(&full());
    let event: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for (field, key) in [(Field::Meta, "meta"), (Field::Changes, "changes")] {
        let found: Vec<_> = spans.iter().filter(|span| span.field == field).collect();
        assert_eq!(found.len(), 1);
        let value: serde_json::Value = serde_json::from_slice(found[0].of(&bytes)).unwrap();
        assert_eq!(value, event[key]);
    }
}

#[test]
fn a_full_event_has_a_span_of_every_field() {
    let covered: BTreeSet<_> = write(&full()).spans.iter().map(|span| span.field).collect();
    let all: BTreeSet<_> = Field::all().collect();
    assert_eq!(covered, all);
    for field in Field::all() {
        assert_eq!(Field::of_name(&field.name()), Some(field));
        assert_eq!(field.is_filterable(), Field::filterable().any(|(one, _)| one == field));
    }
}

#[test]
fn every_filterable_field_is_found_by_its_name() {
    let mut names = Vec::new();
    for (field, name) in Field::filterable() {
        assert_eq!(Field::from_name(&name), Some(field), "{name}");
        names.push(name);
    }
    assert!(names.is_sorted());
    for name in ["meta", "message", "context.", "context.path", "changes", "error.message", "targets.id", ""] {
        assert_eq!(Field::from_name(name), None, "{name}");
    }
}

#[test]
fn spans_lie_in_the_order_of_the_text() {
    let Canonical { bytes, spans } = write(&full());
    assert!(spans.is_sorted_by_key(|span| span.start));
    assert!(spans.iter().all(|span| (span.start + span.len) as usize <= bytes.len()));
}

#[test]
fn the_request_path_ends_at_the_first_question_mark() {
    for (url, path) in [("/a?b?c", "/a"), ("/a", "/a"), ("?x", ""), ("/\"é\\?\"", "/\\\"é\\\\")] {
        let mut event = full();
        event.context = Context::default();
        event.context.set(ContextKey::RequestUrl, url.into());
        event.context.set(ContextKey::WebhookId, "after".into());
        let Canonical { bytes, spans } = write(&event);
        let span = spans.iter().find(|span| span.field == Field::RequestPath).unwrap();
        assert_eq!(span.of(&bytes), path.as_bytes(), "{url}");
    }
}

#[test]
fn a_span_of_other_bytes_is_empty() {
    let span = Span { field: Field::Id, item: 0, start: 5, len: 3 };
    assert_eq!(span.of(b"01234567"), b"567");
    assert_eq!(span.of(b"0123456"), b"");
    let far = Span { field: Field::Id, item: 0, start: u32::MAX, len: u32::MAX };
    assert_eq!(far.of(b"01234567"), b"");
}

#[test]
fn what_is_absent_is_not_written() {
    let text = r#"{"action":"a","id":"01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11","occurred_at":"2026-01-15T12:00:00.000Z","outcome":"succeeded","severity":"low","source":"s"}"#;
    let Canonical { bytes, spans } = write(&reread(text.as_bytes()));
    assert_eq!(std::str::from_utf8(&bytes).unwrap(), text);
    assert_eq!(spans.len(), 6);
}

#[test]
fn a_scalar_is_found_by_its_path() {
    let meta =
        canonical(r#"{"a":{"b":[{"c":1}],"c":"x,}\"y","d":{}},"b":-1.5,"n":null,"q\"\\":true,"z":false,"ab":"e"}"#);
    let find = |path: &[&str]| {
        let path: Vec<_> = path.iter().map(|segment| escaped(segment)).collect();
        scalar_at(meta.as_bytes(), &path).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    };
    assert_eq!(find(&["a", "c"]).as_deref(), Some("x,}\\\"y"));
    assert_eq!(find(&["b"]).as_deref(), Some("-1.5"));
    assert_eq!(find(&["q\"\\"]).as_deref(), Some("true"));
    assert_eq!(find(&["z"]).as_deref(), Some("false"));
    assert_eq!(find(&["ab"]).as_deref(), Some("e"));
    for path in [&[][..], &["a"], &["n"], &["c"], &["a", "b"], &["a", "b", "0"], &["a", "d"], &["b", "c"], &["a", ""]] {
        assert_eq!(find(path), None, "{path:?}");
    }
}

/// Strings that need escapes, that look like JSON, and that sort differently in bytes and code units.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "[\\x00-\\x1f\"\\\\{}\\[\\],:é€]{1,5}",
        "[\u{e000}-\u{ffff}\u{10000}-\u{10ffff}a]{1,3}",
        any::<String>().prop_filter("not empty", |text| !text.is_empty()),
    ]
}

fn text() -> impl Strategy<Value = Text<'static>> {
    any_text().prop_map(Text::Owned)
}

fn number() -> impl Strategy<Value = Value<'static>> {
    let texts = ["0", "-0", "1e21", "1.0", "0.1", "-12.5e-3", "9007199254740992", "1E-7", "5e-324", "123456789012345"];
    prop::sample::select(texts.to_vec()).prop_map(Value::Number)
}

fn members(value: impl Strategy<Value = Value<'static>>, most: usize) -> impl Strategy<Value = Object<'static>> {
    let sorted = prop::collection::btree_map(any_text(), value, 0..=most);
    let members = sorted.prop_map(|map| map.into_iter().map(|(key, value)| (key.into(), value)).collect::<Vec<_>>());
    members.prop_shuffle()
}

fn free_value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text().prop_map(Value::String),
        Just(Value::String("".into())),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            members(inner, 4).prop_map(Value::Object),
        ]
    })
}

fn kind() -> impl Strategy<Value = ActorType> {
    prop::sample::select(ActorType::ALL.to_vec())
}

fn actor() -> impl Strategy<Value = Actor<'static>> {
    let maybe = || prop::option::of(text());
    let group = (maybe(), maybe())
        .prop_filter_map("empty group", |(id, name)| (id.is_some() || name.is_some()).then_some(Group { id, name }));
    (kind(), maybe(), maybe(), maybe(), prop::collection::vec(group, 0..3)).prop_map(
        |(kind, id, name, email, groups)| {
            let id = if kind == ActorType::Anonymous { id } else { id.or(Some("id".into())) };
            Actor { kind, id, name, email, groups }
        },
    )
}

fn context() -> impl Strategy<Value = Context<'static>> {
    let key = prop::sample::select(ContextKey::ALL.to_vec());
    prop::collection::vec((key, text(), any::<bool>()), 0..6).prop_map(|entries| {
        let mut context = Context::default();
        for (key, text, portal) in entries {
            let channel = if portal { Channel::Portal } else { Channel::Api };
            context.set(key, if key == ContextKey::Channel { channel.name().into() } else { text });
        }
        context
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    let micros = |micros: i64| {
        let text = Timestamp::from_nanos(micros * 1_000).to_string();
        Timestamp::parse(&text.replace("000Z", "Z")).unwrap()
    };
    prop_oneof![
        (0..4_102_444_800_000i64).prop_map(Timestamp::from_millis),
        (0..i64::MAX).prop_map(Timestamp::from_nanos),
        (0..4_102_444_800_000_000i64).prop_map(micros),
    ]
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let maybe = || prop::option::of(text());
    let party = (kind(), text(), maybe()).prop_map(|(kind, id, name)| OnBehalfOf { kind, id, name });
    let target = (text(), text(), maybe()).prop_map(|(kind, id, name)| Target { kind, id, name });
    let failure = (maybe(), maybe()).prop_map(|(name, message)| Failure { name, message });
    let side = || prop::option::of(free_value().prop_filter("not null", |value| *value != Value::Null));
    let changes = (side(), side()).prop_map(|(before, after)| Changes { before, after });
    let outcome = prop::sample::select(Outcome::ALL.to_vec());
    let severity = prop::sample::select(Severity::ALL.to_vec());
    let names = (any::<u128>(), time(), text(), text(), maybe(), maybe(), maybe());
    let lists = (prop::collection::vec(party, 0..3), prop::collection::vec(target, 0..4));
    let parts = (failure, prop::option::of(actor()), context(), changes, members(free_value(), 5));
    (names, severity, outcome, lists, parts).prop_map(|(names, severity, outcome, lists, parts)| {
        let (id, occurred_at, source, action, action_type, query_type, message) = names;
        let (on_behalf_of, targets) = lists;
        let (error, actor, context, changes, meta) = parts;
        let error = Some(error).filter(|e| e.name.is_some() || e.message.is_some());
        let changes = Some(changes).filter(|c| c.before.is_some() || c.after.is_some());
        let id = Uuid::from_u128(id);
        Event {
            id,
            occurred_at,
            source,
            action,
            action_type,
            query_type,
            severity,
            outcome,
            error,
            actor,
            on_behalf_of,
            targets,
            context,
            changes,
            message,
            meta,
        }
    })
}

/// Every object's keys, in the order that they stand in.
fn check_order(value: &Value<'_>) -> Result<(), TestCaseError> {
    match value {
        Value::Object(members) => {
            prop_assert!(members.is_sorted_by(|a, b| utf16_order(&a.0, &b.0).is_lt()));
            members.iter().try_for_each(|(_, value)| check_order(value))
        }
        Value::Array(items) => items.iter().try_for_each(check_order),
        _ => Ok(()),
    }
}

/// Looks every scalar of an object up by its path.
fn check_scalars(whole: &[u8], path: &mut Vec<Vec<u8>>, value: &serde_json::Value) -> Result<(), TestCaseError> {
    let found = scalar_at(whole, path);
    match value {
        serde_json::Value::Object(members) => {
            prop_assert_eq!(found, None);
            for (key, value) in members {
                path.push(escaped(key));
                check_scalars(whole, path, value)?;
                path.pop();
            }
        }
        serde_json::Value::Array(_) | serde_json::Value::Null => prop_assert_eq!(found, None),
        serde_json::Value::String(text) => prop_assert_eq!(found.map(<[u8]>::to_vec), Some(escaped(text))),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            let found: serde_json::Value = serde_json::from_slice(found.unwrap()).unwrap();
            prop_assert_eq!(&found, value);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_event_read_back_is_written_with_the_same_bytes_and_spans(event in event()) {
        let written = write(&event);
        prop_assert_eq!(&write(&reread(&written.bytes)), &written);
        prop_assert!(written.spans.is_sorted_by_key(|span| span.start));
        let value = json::parse(&written.bytes).unwrap();
        check_order(&value)?;
        let mut again = Vec::new();
        write_value(&value, &mut again);
        prop_assert_eq!(again, written.bytes, "the fixed order of members is the order of keys");
    }

    #[test]
    fn a_double_keeps_its_value_and_is_exact(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let text = canonical(&format!("{number:e}"));
        prop_assert_eq!(text.parse::<f64>().unwrap(), number);
        prop_assert!(is_exact_number(&text));
        prop_assert_eq!(canonical(&text), text);
    }

    #[test]
    fn any_scalar_of_any_meta_is_found(meta in members(free_value(), 6)) {
        let mut whole = Vec::new();
        write_value(&Value::Object(meta), &mut whole);
        let value: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        check_scalars(&whole, &mut Vec::new(), &value)?;
    }

    #[test]
    fn a_path_is_looked_up_in_any_bytes(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[{}\\[\\]\",:\\\\a1n]{0,40}".prop_map(String::into_bytes),
            "(\\{\"a\":){1,3}[{}\\[\\]\",:\\\\a1n]{0,30}".prop_map(String::into_bytes),
        ],
        path in prop::collection::vec(prop_oneof![Just(b"a".to_vec()), Just(b"".to_vec())], 0..4),
    ) {
        scalar_at(&bytes, &path);
    }
}
