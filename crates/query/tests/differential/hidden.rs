//! Events of random kinds without hidden fields: what is hidden is nowhere, all else is as it was.

use serde_json::Value;
use trailbook_event::{Field, json};
use trailbook_query::{FieldRef, Hidden, fields};

use crate::events::{Kind, event};
use crate::oracle::Known;
use crate::random::Random;

const EVENTS: u64 = 1_000;

fn known(seed: u64) -> Known {
    let item = event(seed, &Kind::new(seed / 50));
    Known::new((0, 0), 0, item.sealed.canonical())
}

/// The fields that conditions can name, and paths of `meta` that events have.
fn asked() -> Vec<FieldRef> {
    let meta = ["meta.env", "meta.a", r"meta.a\.b", "meta.a.a", "meta.n", "meta.list", "meta.long"];
    let meta = meta.iter().map(|name| fields::named(name).unwrap());
    Field::filterable().map(|(field, _)| FieldRef::Field(field)).chain(meta).collect()
}

/// Names that can be hidden: the fields, their parents, and paths that events have.
fn names() -> Vec<String> {
    let more =
        ["actor", "actor.groups", "context", "error", "on_behalf_of", "targets", "changes.before", "changes.after.a"];
    let meta = ["meta.env", "meta.a", r"meta.a\.b", "meta.a.a", "meta.n", "meta.list.a", "meta.long"];
    let all = Field::all().map(Field::name).chain(more.iter().chain(&meta).map(|name| (*name).to_owned()));
    all.filter(|name| Hidden::new(&[name]).is_ok()).collect()
}

/// What is left of an event, read again.
fn stripped(hidden: &Hidden, known: &Known) -> Known {
    let bytes = hidden.strip(&known.canonical);
    let mut again = Vec::new();
    trailbook_event::canonical::write_value(&json::parse(&bytes).unwrap(), &mut again);
    assert_eq!(String::from_utf8(bytes.to_vec()).unwrap(), String::from_utf8(again).unwrap(), "is not canonical");
    Known::new((0, 0), 0, &bytes)
}

#[test]
fn a_field_is_seen_exactly_if_it_may_be_asked_for() {
    let asked = asked();
    let hidden: Vec<Hidden> = names().iter().map(|name| Hidden::new(&[name]).unwrap()).collect();
    let (mut gone, mut left) = (0, 0);
    for seed in 0..EVENTS {
        let known = known(seed);
        let role = Random::new(seed).pick(&hidden);
        let rest = stripped(role, &known);
        for field in &asked {
            let (before, after) = (known.values(field), rest.values(field));
            if role.check_field(field).is_ok() {
                assert_eq!(before, after, "{field:?}");
                left += before.len();
            } else if after != before {
                gone += before.len();
            }
        }
    }
    assert!(gone > 50 && left > 1_000, "{gone} values are gone, {left} are left");
}

#[test]
fn nothing_hidden_is_left_of_any_event() {
    for (number, name) in (0..).zip(names()) {
        let hidden = Hidden::new(&[&name]).unwrap();
        let path = name.replace("target.", "targets.").replace('\\', "");
        for seed in 0..50 {
            let known = known(number * 1_000 + seed);
            let rest = stripped(&hidden, &known);
            assert!(!has(&rest.event, "", &path), "{name}: {}", rest.event);
            assert_eq!(rest.event["id"], known.event["id"]);
            if !has(&known.event, "", &path) {
                assert_eq!(rest.canonical, known.canonical, "{name}");
            }
        }
    }
}

/// Whether a value has this path, through arrays, and with dots in keys.
fn has(value: &Value, at: &str, path: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has(item, at, path)),
        Value::Object(members) => members.iter().any(|(key, value)| {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            at == path || at.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')) || has(value, &at, path)
        }),
        _ => false,
    }
}

#[test]
fn words_that_may_be_searched_for_stand_in_what_is_seen() {
    let hidden = Hidden::new(&["actor", "context", "targets", "on_behalf_of", "error.name"]).unwrap();
    let mut words = 0;
    for known in (0..200).map(known) {
        let rest = stripped(&hidden, &known);
        assert_eq!(known.texts, rest.texts);
        words += known.texts.iter().map(Vec::len).sum::<usize>();
    }
    assert!(words > 100, "{words}");
}
