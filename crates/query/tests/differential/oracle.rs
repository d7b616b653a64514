//! The same answers, computed naively from the events as JSON values: what the executor is compared with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trailbook_event::{Field, words};
use trailbook_query::{Condition, FieldRef, Match, Order, Query, Term, TermKind};

/// An event that was recorded.
pub(crate) struct Known {
    pub(crate) sequence: u64,
    /// Its place among the events of all logs of its organization.
    pub(crate) number: u64,
    pub(crate) recorded_ms: i64,
    pub(crate) occurred_ns: i64,
    pub(crate) canonical: Vec<u8>,
    pub(crate) event: Value,
    /// The words of each of its texts.
    pub(crate) texts: Vec<Vec<String>>,
}

impl Known {
    pub(crate) fn new((sequence, number): (u64, u64), recorded_ms: i64, canonical: &[u8]) -> Self {
        let event: Value = serde_json::from_slice(canonical).unwrap();
        let mut texts = Vec::new();
        for pointer in ["/message", "/error/message", "/changes", "/meta"] {
            event.pointer(pointer).into_iter().for_each(|value| add_texts(value, &mut texts));
        }
        let at: jiff::Timestamp = event["occurred_at"].as_str().unwrap().parse().unwrap();
        let occurred_ns = at.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Self { sequence, number, recorded_ms, occurred_ns, canonical: canonical.to_vec(), event, texts }
    }

    /// The values of a field.
    pub(crate) fn values(&self, field: &FieldRef) -> Vec<String> {
        match field {
            FieldRef::Field(Field::RequestPath) => {
                let url = self.event.pointer("/context/request_url").and_then(Value::as_str);
                url.map(|url| url.split('?').next().unwrap().to_owned()).into_iter().collect()
            }
            FieldRef::Field(field) => {
                let name = field.name().replace("target.", "targets.");
                let mut found = Vec::new();
                let keys: Vec<&str> = name.split('.').collect();
                walk(&self.event, &keys, &mut found);
                found
            }
            FieldRef::Meta(path) => {
                let mut at = self.event.get("meta");
                for key in path {
                    at = at.and_then(Value::as_object).and_then(|members| members.get(key));
                }
                at.and_then(scalar).into_iter().collect()
            }
        }
    }

    fn targets(&self) -> &[Value] {
        self.event.get("targets").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// The texts at the end of a path, of every item where there are arrays.
fn walk(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match (value, keys) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, keys, found)),
        (Value::Object(members), [first, rest @ ..]) => {
            members.get(*first).into_iter().for_each(|value| walk(value, rest, found));
        }
        (Value::String(text), []) => found.push(text.clone()),
        _ => {}
    }
}

fn add_texts(value: &Value, texts: &mut Vec<Vec<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_texts(item, texts)),
        Value::Object(members) => members.values().for_each(|value| add_texts(value, texts)),
        _ => {
            let mut all = Vec::new();
            words::words(&scalar(value).unwrap_or_default(), &mut |word| all.push(word.to_owned()));
            texts.push(all);
        }
    }
}

/// A scalar as conditions compare it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(is) => Some(is.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => {
            let whole = number.as_i64().map(|number| number.to_string());
            whole.or_else(|| number.as_f64().map(number_text))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As ECMAScript writes it.
fn number_text(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        1e21.. => format!("{number:e}").replace('e', "e+"),
        1e-6.. => number.to_string(),
        _ => format!("{number:e}"),
    }
}

/// The matching events, in the order that is asked for.
pub(crate) fn matching<'k>(known: &'k [Known], query: &Query) -> Vec<&'k Known> {
    let mut found: Vec<&Known> = known.iter().filter(|known| matches(known, query)).collect();
    match query.order {
        Order::Newest => found.sort_by_key(|known| std::cmp::Reverse((known.occurred_ns, known.number))),
        Order::Oldest => found.sort_by_key(|known| (known.occurred_ns, known.number)),
        Order::Sequence => found.sort_by_key(|known| known.number),
    }
    found
}

fn matches(known: &Known, query: &Query) -> bool {
    is_within(query.occurred, known.occurred_ns)
        && is_within(query.recorded, known.recorded_ms)
        && is_within(query.sequence, known.sequence)
        && all_hold(known, &query.conditions)
        && query.text.iter().all(|term| has(known, term) != term.is_negated)
        && query.within.as_ref().is_none_or(|within| within.lists().iter().any(|list| all_hold(known, list)))
}

/// Whether an event meets all conditions, those on targets with one and the same.
fn all_hold(known: &Known, conditions: &[Condition]) -> bool {
    let is_of_target = |condition: &&Condition| {
        let targets = [Field::TargetId, Field::TargetName, Field::TargetType].map(FieldRef::Field);
        !condition.is_negated && targets.contains(&condition.field)
    };
    let (of_target, others): (Vec<&Condition>, Vec<&Condition>) = conditions.iter().partition(is_of_target);
    let is_met_by = |target: &Value, condition: &Condition| {
        let FieldRef::Field(field) = condition.field else { return false };
        let value = field.name().rsplit('.').next().and_then(|key| target.get(key)).and_then(Value::as_str);
        value.is_some_and(|value| accepts(condition, value))
    };
    let one_target = || known.targets().iter().any(|target| of_target.iter().all(|one| is_met_by(target, one)));
    others.iter().all(|condition| {
        let values = known.values(&condition.field);
        values.iter().any(|value| accepts(condition, value)) != condition.is_negated
    }) && (of_target.is_empty() || one_target())
}

fn is_within<T: PartialOrd>((from, to): (Option<T>, Option<T>), value: T) -> bool {
    from.is_none_or(|from| from <= value) && to.is_none_or(|to| value < to)
}

pub(crate) fn accepts(condition: &Condition, value: &str) -> bool {
    condition.any_of.iter().any(|one| match one {
        Match::Is(text) => value == text,
        Match::StartsWith(start) => value.starts_with(start),
        Match::Exists => true,
    })
}

pub(crate) fn has(known: &Known, term: &Term) -> bool {
    known.texts.iter().any(|words| match &term.kind {
        TermKind::Word(wanted) => words.contains(wanted),
        TermKind::Prefix(start) => words.iter().any(|word| word.starts_with(start)),
        TermKind::Phrase(phrase) => words.windows(phrase.len()).any(|some| some == phrase),
    })
}

/// The values of a field with how many events have them, the most frequent first.
pub(crate) fn facet(matching: &[&Known], field: &FieldRef) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for known in matching {
        let values: BTreeSet<String> = known.values(field).into_iter().collect();
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Stable: those of the same count stay in the order of their values.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// How many happened in a span of time: from (inclusive) and to (exclusive).
pub(crate) fn count_within(matching: &[&Known], from: i128, to: i128) -> u64 {
    matching.iter().filter(|known| (from..to).contains(&i128::from(known.occurred_ns))).count() as u64
}
