//! The reader against RFC 8259, against `serde_json`, and against hostile bytes.

use proptest::prelude::*;

use super::{Error, SMALL_OBJECT, Value, parse, parse_prefix};
use crate::limits::JSON_DEPTH_MAX;

const AUDIT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/backstage-audit.ndjson"));

fn refused(text: impl AsRef<[u8]>) -> Error {
    let text = text.as_ref();
    match parse(text) {
        Err(error) => error,
        Ok(value) => panic!("accepted {:?} as {value:?}", String::from_utf8_lossy(text)),
    }
}

/// Pointer, offset and reason.
fn at(text: impl AsRef<[u8]>) -> (String, usize, String) {
    let error = refused(text);
    (error.pointer, error.offset, error.reason)
}

#[track_caller]
fn assert_at(text: impl AsRef<[u8]>, pointer: &str, offset: usize, reason: &str) {
    assert_eq!(at(text), (pointer.to_owned(), offset, reason.to_owned()));
}

fn string(text: &str) -> String {
    match parse(text.as_bytes()) {
        Ok(Value::String(text)) => text.into_owned(),
        other => panic!("{text:?} was read as {other:?}"),
    }
}

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("{}{}", open.repeat(levels), close.repeat(levels))
}

fn object_of(members: usize) -> String {
    let members: Vec<_> = (0..members).map(|i| format!("\"k{i}\":{i}")).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn every_kind_of_value_is_read() {
    let text = b" { \"a\" : [ null , true , false , -1.5e+3 , \"x\" ] , \"b\" : { } , \"c\" : [ ] } \r\n\t";
    let list =
        vec![Value::Null, Value::Bool(true), Value::Bool(false), Value::Number("-1.5e+3"), Value::String("x".into())];
    let members =
        vec![("a".into(), Value::Array(list)), ("b".into(), Value::Object(vec![])), ("c".into(), Value::Array(vec![]))];
    assert_eq!(parse(text).unwrap(), Value::Object(members));
}

#[test]
fn members_keep_their_order() {
    let Value::Object(members) = parse(br#"{"b":1,"a":2,"":3,"\u00e9":4}"#).unwrap() else { panic!("not an object") };
    let keys: Vec<_> = members.iter().map(|(key, _)| key.as_ref()).collect();
    assert_eq!(keys, ["b", "a", "", "é"]);
}

#[test]
fn what_rfc_8259_allows_is_accepted() {
    let texts = [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1E1",
        "1e+1",
        "1e-1",
        "0e0",
        "0e+9",
        "123456789012345678901234567890",
        "1e400",
        "\"\"",
        "\"a/b\"",
        "\"\u{7f}\"",
        "\"\u{2028}\u{2029}\"",
        "\"\u{ffff}\u{10ffff}\"",
        "\"é😀\"",
        "\"\\/\"",
        "true",
        "false",
        "null",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[[],[[]]]",
        "[1 , 2]",
        "\t[\n1\r]\n ",
        "{\"\":0}",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "{\"a\":1,\"A\":2}",
        "{\"a\\u0000b\":1}",
        "[1.234567890E+34]",
        "[0.000000000000000000000000000000000000001]",
        "[\"\\u0060\\u012a\\u12AB\"]",
        "[\"\\uDBFF\\uDFFF\"]",
        "[[[[[[[[[[]]]]]]]]]]",
        "[1,null,\"\",{},[]]",
    ];
    for text in texts {
        assert!(parse(text.as_bytes()).is_ok(), "{text}");
    }
}

/// What is not JSON, and must not be taken for it.
const REFUSED: &[&str] = &[
    "",
    " ",
    "\u{feff}{}",
    "[",
    "]",
    "{",
    "}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1}",
    "{]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{,\"a\":1}",
    "{\"a\" 1}",
    "{\"a\",1}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{\"a\":1:2}",
    "{\"a\"::1}",
    "{[]:1}",
    "1 2",
    "[] []",
    "{}x",
    "[]//",
    "/**/1",
    "[1]#",
    "\"a\"b",
    "true false",
    "tru",
    "True",
    "TRUE",
    "nul",
    "nulL",
    "fals",
    "truefalse",
    "undefined",
    "'a'",
    "a",
    "\u{a0}1",
    "\u{c}1",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "+1",
    "-",
    "--1",
    "- 1",
    "01",
    "-01",
    "00",
    "1.",
    "-1.",
    ".5",
    "-.5",
    "1e",
    "1e+",
    "1e-",
    "1.e1",
    "1.5.5",
    "1e1.5",
    "1e1e1",
    "0x1F",
    "1_000",
    "1a",
    "1+1",
    "0-",
    "١",
    "\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\'\"",
    "\"\\0\"",
    "\"\\U0041\"",
    "\"\\\u{e9}\"",
    "\"\\u\"",
    "\"\\u0\"",
    "\"\\u00\"",
    "\"\\u004\"",
    "\"\\u004g\"",
    "\"\\u00é1\"",
    "\"\\u+041\"",
    "\"\\u 041\"",
];

#[test]
fn what_rfc_8259_does_not_allow_is_refused() {
    for text in REFUSED {
        refused(text);
    }
}

#[test]
fn numbers_keep_the_form_they_were_written_in() {
    for text in ["-0", "1.50", "1E5", "0.10e-0", "123456789012345678901234567890"] {
        assert_eq!(parse(text.as_bytes()).unwrap(), Value::Number(text));
    }
}

#[test]
fn a_bad_number_is_refused_where_it_goes_wrong() {
    assert_at("[1.]", "/0", 3, "a digit was expected");
    assert_at("[01]", "/0", 2, "this is not a number as JSON writes them");
    assert_at("-", "", 1, "a digit was expected");
    assert_at("{\"a\":1e}", "/a", 7, "a digit was expected");
    assert_at("NaN", "", 0, "a value was expected");
    assert_at("1.5.5", "", 3, "this is not a number as JSON writes them");
}

#[test]
fn escapes_are_resolved() {
    assert_eq!(string(r#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC""#), "\"\\/\u{8}\u{c}\n\r\tAé€");
    assert_eq!(string(r#""\u0000""#), "\0");
    assert_eq!(string(r#""\\u0041""#), "\\u0041", "an escaped backslash begins no escape");
}

#[test]
fn surrogate_pairs_become_one_character() {
    assert_eq!(string(r#""\ud83d\ude00""#), "😀");
    assert_eq!(string(r#""\uD800\uDC00\uDBFF\uDFFF""#), "\u{10000}\u{10ffff}");
}

#[test]
fn lone_surrogates_are_refused_in_each_form() {
    let lone = [
        r#"["\ud800"]"#,
        r#"["\uDBFF x"]"#,
        r#"["\udc00"]"#,
        r#"["\uDFFF"]"#,
        r#"["\ud800\n"]"#,
        r#"["\ud800\\u"]"#,
        r#"["\ud800\ud800"]"#,
        r#"["\ud800A"]"#,
        r#"["\ude00\ud83d"]"#,
        r#"["\ud800\ud800\udc00"]"#,
        r#"["\ud800é"]"#,
    ];
    for text in lone {
        assert_at(text, "/0", 2, "a lone surrogate in a string");
    }
    assert_at(r#"{"a":{"\udead":1}}"#, "/a", 7, "a lone surrogate in a string");
    assert_at(r#""ab\ud83d\ude00\udc00""#, "", 15, "a lone surrogate in a string");
    refused(r#""\ud800\u""#);
    refused(r#""\ud800\uZZZZ""#);
}

#[test]
fn every_control_character_must_be_escaped() {
    for code in 0..0x20u8 {
        let text = [b'[', b'"', b'a', code, b'"', b']'];
        assert_at(text, "/0", 3, "a control character stands in a string; write it as \\u00xx");
        assert_eq!(string(&format!("\"\\u00{code:02X}\"")).as_bytes(), [code]);
    }
}

#[test]
fn invalid_utf8_is_refused_with_its_offset() {
    let bad: [&[u8]; 8] = [
        b"\xff",
        b"\x80",
        b"\xc3",
        b"\xc0\xaf",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\x98",
    ];
    for bytes in bad {
        let text = [b"{\"a\":\"\xc3\xa9", bytes, b"\"}"].concat();
        assert_at(text, "", 8, "the text is not UTF-8");
    }
    assert_at(b"{\"a\":1}\xff", "", 7, "the text is not UTF-8");
}

#[test]
fn a_repeated_key_is_refused_with_its_name() {
    let reason = "the key stands twice in its object";
    assert_at(r#"{"a":1,"a":2}"#, "/a", 7, reason);
    assert_at(r#"{"x":[{"y":1},{"b":1,"c":2,"b":1}]}"#, "/x/1/b", 27, reason);
    assert_at(r#"{"":1,"":2}"#, "/", 6, reason);
    assert_at(r#"{"a/b~":1,"a/b~":2}"#, "/a~1b~0", 10, reason);
}

#[test]
fn keys_that_are_equal_after_their_escapes_are_repeated() {
    for (first, second) in
        [("a", r"\u0061"), (r"\u0061", "a"), (r"\/", "/"), ("😀", r"\ud83d\ude00"), (r"\n", r"\u000A")]
    {
        let error = refused(format!("{{\"{first}\":1,\"{second}\":2}}"));
        assert_eq!(error.reason, "the key stands twice in its object", "{first} {second}");
    }
    let composed_and_not = "{\"\u{e9}\":1,\"e\u{301}\":2}";
    assert!(parse(composed_and_not.as_bytes()).is_ok(), "keys are not normalised");
}

#[test]
fn a_repeated_key_is_found_in_an_object_of_any_size() {
    for members in [2, SMALL_OBJECT - 1, SMALL_OBJECT, SMALL_OBJECT + 1, 100, 5_000] {
        let whole = object_of(members);
        assert!(parse(whole.as_bytes()).is_ok());
        for repeated in [0, members / 2, members - 1] {
            let text = whole.replace('}', &format!(",\"\\u006b{repeated}\":0}}"));
            let error = refused(format!("[{text}]"));
            assert_eq!(error.pointer, format!("/0/k{repeated}"), "{members} members");
            assert_eq!(error.reason, "the key stands twice in its object");
        }
    }
}

#[test]
fn nesting_is_allowed_up_to_its_limit() {
    let (max, reason) = (JSON_DEPTH_MAX, format!("nested deeper than {JSON_DEPTH_MAX} levels"));
    assert!(parse(nested("[", "]", max).as_bytes()).is_ok());
    assert_at(nested("[", "]", max + 1), &"/0".repeat(max), max, &reason);
    let objects = format!("{}1{}", "{\"a\":".repeat(max), "}".repeat(max));
    assert!(parse(objects.as_bytes()).is_ok());
    let deeper = format!("{}{{}}{}", "{\"a\":".repeat(max), "}".repeat(max));
    assert_at(deeper, &"/a".repeat(max), 5 * max, &reason);
    assert_at("[".repeat(200_000), &"/0".repeat(max), max, &reason);
}

#[test]
fn depth_counts_what_is_open_not_what_was() {
    let text = format!("[{}]", vec![nested("[", "]", JSON_DEPTH_MAX - 1); 50].join(","));
    assert!(parse(text.as_bytes()).is_ok());
}

#[test]
fn errors_say_where() {
    assert_at(r#"{"a":{"b":[1,2,x]}}"#, "/a/b/2", 15, "a value was expected");
    assert_at(r#"{"a/b":{"c~d":]}}"#, "/a~1b/c~0d", 14, "a value was expected");
    assert_at(r#"{"a":1 "b":2}"#, "", 7, "a comma or a closing brace was expected");
    assert_at(r#"[1 2]"#, "", 3, "a comma or a closing bracket was expected");
    assert_at(r#"{"a" 1}"#, "", 5, "a colon after the key was expected");
    assert_at(r#"{"a":1,}"#, "", 7, "a key in double quotes was expected");
    assert_at(r#"{"a":"\q"}"#, "/a", 7, "an unknown escape");
    assert_at("{} {}", "", 3, "something follows the value");
    assert_at(r#"{"a":["#, "/a/0", 6, "the text ends where a value was expected");
    assert_at(r#"{"a":"b"#, "/a", 7, "the text ends inside a string");
    assert_at(r#"{"a""#, "", 4, "the text ends where a colon after the key was expected");
    assert_eq!(refused("x").to_string(), "a value was expected at byte 0");
}

#[test]
fn an_event_cut_anywhere_is_an_error() {
    let longest = AUDIT.lines().max_by_key(|line| line.len()).unwrap();
    assert!(parse(longest.as_bytes()).is_ok());
    for end in 0..longest.len() {
        let error = refused(&longest.as_bytes()[..end]);
        assert!(error.offset <= end, "cut at {end}: {error}");
    }
}

#[test]
fn an_event_with_any_byte_changed_gives_an_answer() {
    let line = AUDIT.lines().find(|line| line.contains("\\n")).unwrap().as_bytes();
    for place in 0..line.len() {
        for byte in [0, b'"', b'\\', b'{', b']', b',', 0xff] {
            let mut changed = line.to_vec();
            changed[place] = byte;
            if let Err(error) = parse(&changed) {
                assert!(error.offset <= line.len());
            }
        }
    }
}

#[test]
fn a_prefix_ends_where_its_value_ends() {
    let text = b" {\"a\":1} [2] 3";
    let (first, end) = parse_prefix(text).unwrap();
    assert_eq!((first, end), (Value::Object(vec![("a".into(), Value::Number("1"))]), 8));
    let (second, end) = parse_prefix(&text[8..]).unwrap();
    assert_eq!((second, end), (Value::Array(vec![Value::Number("2")]), 4));
    assert_eq!(parse_prefix(b"3").unwrap(), (Value::Number("3"), 1));
}

#[test]
fn every_real_line_is_read_as_serde_json_reads_it() {
    for line in AUDIT.lines() {
        let theirs: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(same(&parse(line.as_bytes()).unwrap(), &theirs), "{line}");
    }
}

/// Whether two readers read the same, numbers apart: those are kept as they were written.
fn same(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Theirs;
    match (ours, theirs) {
        (Value::Null, Theirs::Null) | (Value::Number(_), Theirs::Number(_)) => true,
        (Value::Bool(a), Theirs::Bool(b)) => a == b,
        (Value::String(a), Theirs::String(b)) => a == b,
        (Value::Array(a), Theirs::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Theirs::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key.as_ref()).is_some_and(|b| same(value, b)))
        }
        _ => false,
    }
}

fn check_against_serde_json(text: &[u8]) -> Result<(), TestCaseError> {
    match (parse(text), serde_json::from_slice::<serde_json::Value>(text)) {
        (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs), "{:?} {:?}", ours, theirs),
        (Ok(ours), Err(theirs)) => {
            // serde_json refuses what no double can hold; here canonical form decides about numbers.
            prop_assert!(theirs.to_string().starts_with("number out of range"), "accepted {:?}: {}", ours, theirs);
        }
        (Err(error), Ok(_)) => {
            let stricter = ["the key stands twice in its object", "nested deeper than"];
            prop_assert!(stricter.iter().any(|reason| error.reason.starts_with(reason)), "{}", error);
        }
        (Err(error), Err(_)) => prop_assert!(error.offset <= text.len()),
    }
    Ok(())
}

/// Documents with many strings to escape, a few keys that meet, and more depth than is allowed.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![any::<String>(), "[a-c]", "[\\x00-\\x1f\"\\\\/é😀]{0,4}"];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(24, 64, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(text.clone(), inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Text made of the pieces that JSON is made of.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"a\"",
        "\"a\":",
        "\"\\u0061\":",
        "\"\\ud83d",
        "\\ude00\"",
        "\"\\udc00\"",
        "0",
        "1",
        "-",
        ".",
        "e",
        "E+",
        "1e999",
        "true",
        "null",
        "fals",
        " ",
        "\n",
        "\u{1}",
        "é",
        "[[[[[",
        "]]]]]",
        "{\"b\":{\"b\":",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_against_serde_json(&bytes)?;
    }

    #[test]
    fn any_pieces_are_read_as_serde_json_reads_them(text in pieces()) {
        check_against_serde_json(text.as_bytes())?;
    }

    #[test]
    fn any_document_is_read_as_serde_json_reads_it(document in document()) {
        check_against_serde_json(document.to_string().as_bytes())?;
        check_against_serde_json(serde_json::to_string_pretty(&document).unwrap().as_bytes())?;
    }

    #[test]
    fn any_document_with_a_byte_changed_is_read_as_serde_json_reads_it(
        document in document(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut text = document.to_string().into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        check_against_serde_json(&text)?;
    }
}
