//! Words against a slow definition, on texts, on canonical bytes, and on bytes that are neither.

use proptest::prelude::*;

use super::{Buffer, scalars, scalars_of_value, words, words_of_json, words_of_scalar, words_of_value};
use crate::canonical::{write_escaped, write_value};
use crate::field::Field;
use crate::json::{self, Value};

fn of_text(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    words(text, &mut |word| all.push(word.to_owned()));
    all
}

fn of_scalar(raw: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    words_of_scalar(raw, &mut Buffer::default(), &mut |word| all.push(word.to_owned()));
    all
}

fn of_json(json: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    words_of_json(json, &mut Buffer::default(), &mut |word| all.push(word.to_owned()));
    all
}

fn scalars_of(json: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    scalars(json, &mut |scalar| all.push(String::from_utf8(scalar.to_vec()).unwrap()));
    all
}

fn folded(run: &str) -> String {
    run.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// The definition as one would say it.
fn obvious(text: &str) -> Vec<String> {
    let is_word = |run: &&str| {
        let is_number = run.bytes().all(|b| b.is_ascii_digit());
        let is_hex = run.bytes().all(|b| b.is_ascii_hexdigit()) && run.bytes().any(|b| b.is_ascii_digit());
        (2..=32).contains(&folded(run).len())
            && !(is_number && run.chars().count() > 10)
            && !(is_hex && run.chars().count() >= 16)
    };
    let runs = text.split(|c: char| !c.is_alphanumeric()).filter(is_word);
    runs.map(folded).collect()
}

/// Every scalar of a value by itself.
fn obvious_of(value: &Value<'_>) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Number(_) => {
            let mut written = Vec::new();
            write_value(value, &mut written);
            obvious(std::str::from_utf8(&written).unwrap())
        }
        Value::String(text) => obvious(text),
        Value::Array(values) => values.iter().flat_map(obvious_of).collect(),
        Value::Object(members) => members.iter().flat_map(|(_, value)| obvious_of(value)).collect(),
    }
}

#[test]
fn words_are_runs_of_letters_and_digits_in_lower_case() {
    assert_eq!(
        of_text("User foo-bar, signed IN: café_Straße (2 x)"),
        ["user", "foo", "bar", "signed", "in", "café", "straße"]
    );
    assert_eq!(of_text("日本 ΕΛΛΆΣ 𝟙𝟚"), ["日本", "ελλάσ", "𝟙𝟚"], "each character is folded by itself");
    assert_eq!(of_text("İZMİR"), ["izmir"], "a mark that folding adds is no letter");
    assert_eq!(of_text(""), [""; 0]);
    assert_eq!(of_text("… - 'a' \\n"), [""; 0]);
}

#[test]
fn words_have_2_to_32_bytes() {
    for (length, is_word) in [(1, false), (2, true), (32, true), (33, false)] {
        assert_eq!(of_text(&"x".repeat(length)).len(), usize::from(is_word), "{length}");
        assert_eq!(of_text(&format!("é {}", "x".repeat(length))).len(), 1 + usize::from(is_word), "{length}");
    }
    assert_eq!(of_text(&"é".repeat(16)).len(), 1);
    assert_eq!(of_text(&"é".repeat(17)).len(), 0);
    // After folding: this letter has two bytes, and three in lower case.
    assert_eq!(of_text(&"Ⱥ".repeat(10)), ["ⱥ".repeat(10)]);
    assert_eq!(of_text(&"Ⱥ".repeat(11)), [""; 0]);
}

#[test]
fn long_numbers_and_long_hexadecimal_runs_are_no_words() {
    for around in ["", " é"] {
        let has = |text: &str| !of_text(&format!("{text}{around}")).iter().all(|word| word == "é");
        assert!(has("1234567890"));
        assert!(!has("12345678901"));
        assert!(has("12345678901x"));
        assert!(has("0123456789abcde"));
        assert!(!has("0123456789abcdef"));
        assert!(!has("0123456789ABCDEF"));
        assert!(has("0123456789abcdefg"));
        assert!(has("fadedfacadefeeddecade"), "without a digit it may be a word");
    }
}

#[test]
fn an_escape_separates() {
    assert_eq!(
        of_scalar(br#"line\nbreak \"quoted\" tab\ttab \u0001two C:\\new"#),
        ["line", "break", "quoted", "tab", "tab", "two", "new"]
    );
    assert_eq!(of_scalar("größe\\nbreak \\u0001two\\".as_bytes()), ["größe", "break", "two"]);
    assert_eq!(of_text(r"line\nbreak"), ["line", "nbreak"], "a text has no escapes");
}

#[test]
fn words_of_an_object_are_those_of_its_values() {
    let json = br#"{"Key":"Value","list":[1.5,12.5,true,false,null,"x\"y:z","two words"],"o":{"k:":{}},"z":-1e+30}"#;
    assert_eq!(scalars_of(json), ["Value", "1.5", "12.5", "true", "false", "x\\\"y:z", "two words", "-1e+30"]);
    assert_eq!(of_json(json), ["value", "12", "true", "false", "two", "words", "1e", "30"]);
    assert_eq!(scalars_of(b"{}"), [""; 0]);
    assert_eq!(scalars_of(br#"{"a":"","b":"null"}"#), ["", "null"]);
}

#[test]
fn values_are_read_by_their_field() {
    let value = br#"{"key":"word"}"#;
    let words = |field| {
        let mut all = Vec::new();
        words_of_value(field, value, &mut Buffer::default(), &mut |word| all.push(word.to_owned()));
        all
    };
    let count = |field| {
        let mut count = 0;
        scalars_of_value(field, value, &mut |_| count += 1);
        count
    };
    for field in [Field::Message, Field::ErrorMessage] {
        assert_eq!((words(field).len(), count(field)), (2, 1), "a message that looks like an object is a message");
    }
    for field in [Field::Changes, Field::Meta] {
        assert_eq!((words(field), count(field)), (vec!["word".to_owned()], 1));
    }
    assert_eq!((words(Field::ActorId), count(Field::ActorId)), (Vec::new(), 0));
}

/// Texts near every border of the definition.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z]{0,3}",
        "[a-f0-9]{0,20}",
        "[A-F]{14,18}[0-9]?",
        "[0-9]{9,12}",
        "[a-z]{31,34}",
        "[äÖßİKςΣⱯ日]{0,12}",
        r#"[ _"\\\n\t\x01u0-]{1,3}"#,
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn json_text() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        (-1_000_000i32..1_000_000).prop_map(|n| (f64::from(n) / 64.0).into()),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| { serde_json::Value::Object(map.into_iter().collect()) }),
        ]
    })
}

proptest! {
    #[test]
    fn words_are_what_the_definition_says(text in text()) {
        prop_assert_eq!(of_text(&text), obvious(&text));
        let mut escaped = Vec::new();
        write_escaped(&text, &mut escaped);
        prop_assert_eq!(of_scalar(&escaped), obvious(&text));
    }

    #[test]
    fn words_of_an_object_are_those_of_its_scalars(value in json_text()) {
        let text = serde_json::json!({"top": value}).to_string();
        let mut canonical = Vec::new();
        write_value(&json::parse(text.as_bytes()).unwrap(), &mut canonical);
        // Reading again brings keys into the order in which they were written.
        let mut expected = obvious_of(&json::parse(&canonical).unwrap());
        prop_assert_eq!(of_json(&canonical), expected.clone());
        let mut by_scalar: Vec<String> = scalars_of(&canonical).iter().flat_map(|s| of_scalar(s.as_bytes())).collect();
        prop_assert_eq!(by_scalar.len(), expected.len());
        by_scalar.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(by_scalar, expected);
    }

    #[test]
    fn any_bytes_give_words_or_none(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(br#"{}[]",:\u0a"#.to_vec())], 0..64)) {
        let lossy = String::from_utf8_lossy(&bytes);
        let check = |word: &str| assert!(obvious(word) == [word], "{word:?} is a word of itself");
        let mut buffer = Buffer::default();
        words_of_json(&bytes, &mut buffer, &mut |word| check(word));
        words_of_scalar(&bytes, &mut buffer, &mut |word| check(word));
        words(&lossy, &mut |word| check(word));
        scalars(&bytes, &mut |scalar| assert!(scalar.len() <= bytes.len()));
    }
}
