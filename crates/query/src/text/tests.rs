//! Search texts become conditions and terms, and mistakes have a place.

use proptest::prelude::*;
use trailbook_event::Field;
use trailbook_event::limits::{CONDITION_VALUES_MAX, CONDITIONS_MAX, TEXT_BYTES_MAX};

use super::{Parsed, parse};
use crate::{Condition, Error, FieldRef, Match, Term, TermKind, params};

fn read(text: &str) -> Parsed {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn conditions(text: &str) -> Vec<Condition> {
    let parsed = read(text);
    assert_eq!(parsed.terms, [], "{text}");
    parsed.conditions
}

fn kinds(text: &str) -> Vec<TermKind> {
    let parsed = read(text);
    assert_eq!(parsed.conditions, [], "{text}");
    parsed.terms.into_iter().map(|term| term.kind).collect()
}

/// The place, in characters from 1, and what is wrong there.
fn refused(text: &str) -> (usize, String) {
    match parse(text) {
        Err(Error::Text { position, reason }) => (position, reason),
        other => panic!("{text}: {other:?}"),
    }
}

fn word(text: &str) -> TermKind {
    TermKind::Word(text.into())
}

fn phrase(text: &str) -> TermKind {
    TermKind::Phrase(text.split(' ').map(str::to_owned).collect())
}

#[test]
fn a_text_is_conditions_and_terms() {
    let text = r#" actor:user:default/jane action:entity-*  -severity:low outcome:failed,denied meta.env:prod
        "Exact words" Word -pre*	"#;
    let parsed = read(text);
    let mut starts = Condition::is(Field::Action, "");
    starts.any_of = vec![Match::StartsWith("entity-".into())];
    let of_meta = Condition {
        field: FieldRef::Meta(vec!["env".into()]),
        is_negated: false,
        any_of: vec![Match::Is("prod".into())],
    };
    assert_eq!(
        parsed.conditions,
        [
            Condition::is(Field::ActorId, "user:default/jane"),
            starts,
            Condition::is_not(Field::Severity, "low"),
            Condition::is_any(Field::Outcome, ["failed", "denied"]),
            of_meta,
        ]
    );
    assert_eq!(
        parsed.terms,
        [
            Term { is_negated: false, kind: phrase("exact words") },
            Term { is_negated: false, kind: word("word") },
            Term { is_negated: true, kind: TermKind::Prefix("pre".into()) },
        ]
    );
    for nothing in ["", " ", "\n\u{3000}\t"] {
        assert_eq!(read(nothing), Parsed::default());
    }
}

#[test]
fn values_are_those_of_parameters_and_may_be_quoted() {
    for value in ["jane", "a,b", "a*,b", "*", r"a\,b\*\\c", r"x\**", "a:b=c", "日本"] {
        let pairs = [("actor.name".to_owned(), value.to_owned())];
        assert_eq!(conditions(&format!("actor.name:{value}")), params::parse(&pairs).unwrap().conditions, "{value}");
    }
    let values = |text: &str| conditions(text).remove(0).any_of;
    let is = |text: &str| Match::Is(text.into());
    assert_eq!(values(r#"actor.name:"Jane Doe""#), [is("Jane Doe")]);
    assert_eq!(
        values(r#"actor.name:"a, \"b\" \\ *",c,"d e"*"#),
        [is(r#"a, "b" \ *"#), is("c"), Match::StartsWith("d e".into())]
    );
    assert_eq!(values(r"actor.name:Jane\ Doe"), [is("Jane Doe")]);
    assert_eq!(values(r#"actor.name:Jane\"s"#), [is("Jane\"s")]);
    let field = |text: &str| conditions(text).remove(0).field;
    assert_eq!(field(r"meta.a\.b.c\:d\ e:x"), FieldRef::Meta(vec!["a.b".into(), "c:d e".into()]));
}

#[test]
fn what_is_no_condition_is_words() {
    assert_eq!(kinds("foo-bar"), [phrase("foo bar")]);
    assert_eq!(kinds("foo,BAR."), [phrase("foo bar")]);
    assert_eq!(kinds("(foo)"), [word("foo")]);
    assert_eq!(kinds(r#""http://example" a\:bc"#), [phrase("http example"), word("bc")]);
    assert_eq!(
        kinds(r#""one" "two words"  "x two" pre* "quo"*"#),
        [word("one"), phrase("two words"), word("two"), TermKind::Prefix("pre".into()), TermKind::Prefix("quo".into())]
    );
    assert_eq!(kinds(r#""a \"quoted\" phrase*""#), [phrase("quoted phrase")]);
    assert_eq!(kinds(r"\-foo foo\*"), [word("foo"), word("foo")]);
    assert_eq!(kinds("GRÖSSE größe"), [word("grösse"), word("größe")]);
    assert_eq!(kinds("foo 12345678901-bar"), [word("foo"), word("bar")], "an id beside words is left out");
}

#[test]
fn mistakes_have_a_place_and_a_reason() {
    for (text, position, reason) in [
        ("colour:red", 1, "\"colour\" is no field"),
        ("grün -colour:red", 7, "\"colour\" is no field"),
        ("http://example", 1, "quotes"),
        (":x", 1, "\"\" is no field"),
        ("meta.:x", 1, "\"meta.\" is no field"),
        ("message:x", 1, "\"message\" is no field"),
        ("from:2026-01-01", 1, "\"from\" is no field"),
        ("actor:", 7, "actor has an empty value"),
        ("actor: jane", 7, "actor has an empty value"),
        ("actor:a,,b", 9, "actor has an empty value"),
        ("é outcome:failed,broken", 18, "outcome must be one of initiated, succeeded, failed, denied, not \"broken\""),
        ("action:a*b", 9, "action has a star that is not at the end"),
        (r"action:a\", 9, "action ends in a backslash"),
        (r#"action:"a b"#, 8, "action has a quote that is not closed"),
        (r#"action:"a"b"#, 11, "action goes on after its closing quote"),
        (r#"action:a"b""#, 9, "action has a quote in the middle"),
        ("wo*rd", 3, "the word has a star that is not at the end"),
        (r#"one "two three"#, 5, "the phrase has a quote that is not closed"),
        (r#""two\""#, 1, "the phrase has a quote that is not closed"),
        (r#""two"three"#, 6, "the phrase goes on after its closing quote"),
        (r#"5" disk"#, 2, "the word has a quote in the middle"),
        (r"word\", 5, "the word ends in a backslash"),
        ("word -", 6, "a minus stands alone"),
        ("word - word", 6, "a minus stands alone"),
        ("--word", 1, "there are two minus signs"),
        ("ok x", 4, "\"x\" holds no word"),
        ("…", 1, "holds no word"),
        ("*", 1, "holds no word"),
        (r#""""#, 1, "holds no word"),
        ("12345678901", 1, "field:value"),
        ("4bf92f3577b34da6a3ce929d0e0e4736", 1, "field:value"),
        ("foo-bar*", 1, "a star follows one word"),
        ("pre-*", 1, "a star follows one word"),
        (r#""two words"*"#, 1, "a star follows one word"),
    ] {
        let (at, why) = refused(text);
        assert!(at == position && why.contains(reason), "{text}: {at}: {why}");
    }
    assert_eq!(parse("ok x*").unwrap_err().to_string().split(':').next(), Some("at character 4"));
}

#[test]
fn limits_hold_at_n_and_fail_at_n_plus_one() {
    let long = |bytes: usize| format!("ab{}", " ".repeat(bytes - 2));
    assert_eq!(kinds(&long(TEXT_BYTES_MAX)), [word("ab")]);
    assert_eq!(
        refused(&long(TEXT_BYTES_MAX + 1)),
        (TEXT_BYTES_MAX + 1, "the text has 4097 bytes, more than 4096".into())
    );
    let wide = format!("a{}", "é".repeat(TEXT_BYTES_MAX / 2));
    assert_eq!(refused(&wide).0, TEXT_BYTES_MAX / 2 + 1, "places are characters");

    let values = |n: usize| format!("action:{}", vec!["a"; n].join(","));
    assert!(parse(&values(CONDITION_VALUES_MAX)).is_ok());
    assert_eq!(refused(&values(CONDITION_VALUES_MAX + 1)), (8, "action has 101 values, more than 100".into()));

    let parts = |n: usize| [vec!["action:a"; n / 2], vec!["ab"; n - n / 2]].concat().join(" ");
    assert!(parse(&parts(CONDITIONS_MAX)).is_ok());
    assert!(refused(&parts(CONDITIONS_MAX + 1)).1.contains("more than 32"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in prop_oneof![
        any::<String>(),
        r#"([-"\\*:,. é]|actor|meta\.|ab|[0-9]){0,24}"#,
    ]) {
        match parse(&text) {
            Ok(parsed) => {
                let words = |term: &Term| match &term.kind {
                    TermKind::Word(word) | TermKind::Prefix(word) => vec![word.clone()],
                    TermKind::Phrase(words) => words.clone(),
                };
                for word in parsed.terms.iter().flat_map(words) {
                    let mut again = Vec::new();
                    trailbook_event::words::words(&word, &mut |word| again.push(word.to_owned()));
                    prop_assert_eq!(again, [word]);
                }
            }
            Err(Error::Text { position, reason }) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&position) && !reason.is_empty());
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn any_value_can_be_written_in_quotes(value in ".{1,20}") {
        let quoted = value.replace('\\', r"\\").replace('"', "\\\"");
        let expected = [Condition::is(Field::ActorName, value)];
        prop_assert_eq!(conditions(&format!("actor.name:\"{quoted}\"")), expected);
    }
}

/// Texts with whatever has a meaning in them.
fn any_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec!["a", "Ü", " ", ",", "\"", "\\", "*", ":", ".", "-", "\n"]),
        1..8,
    )
    .prop_map(|parts| parts.concat())
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let field = prop_oneof![
        Just(FieldRef::Field(Field::ActorId)),
        Just(FieldRef::Field(Field::Context(trailbook_event::ContextKey::Ip))),
        proptest::collection::vec(any_text(), 1..4).prop_map(FieldRef::Meta),
    ];
    let value =
        prop_oneof![any_text().prop_map(Match::Is), any_text().prop_map(Match::StartsWith), Just(Match::Exists)];
    (field, any::<bool>(), proptest::collection::vec(value, 1..4)).prop_map(|(field, is_negated, any_of)| Condition {
        field,
        is_negated,
        any_of,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(
        conditions in proptest::collection::vec(any_condition(), 0..5),
        words in r#"( -?(ab|"x1 y2"|foo-bar|pre\*)){0,4}"#,
    ) {
        let terms = read(&words).terms;
        let parsed = Parsed { conditions, terms };
        let text = super::write(&parsed);
        prop_assert_eq!(parse(&text), Ok(parsed), "{}", text);
    }
}
