//! Queries of which most hit some of the events that are known: those that one of them, chosen by luck, meets.

use serde_json::Value;
use trailbook_event::Field;
use trailbook_query::{Condition, FieldRef, Match, Narrowing, Order, Page, Query, Start, Steps, Term, TermKind};

use crate::oracle::{self, Known};
use crate::random::Random;

const TARGET: [Field; 3] = [Field::TargetType, Field::TargetId, Field::TargetName];

/// The first page of 100 of what luck asks for.
pub(crate) fn query(random: &mut Random, known: &[Known]) -> Query {
    let wanted = random.pick_any(known);
    let mut query = Query {
        order: *random.pick(&[Order::Newest, Order::Oldest, Order::Sequence]),
        page: Page { limit: 100, start: Start::Offset(0) },
        wants_total: random.one_in(2),
        occurred: bounds(random, wanted.map(|known| known.occurred_ns)),
        recorded: bounds(random, wanted.map(|known| known.recorded_ms)),
        sequence: sequences(random, wanted),
        ..Query::default()
    };
    // Sometimes so many that their sets are joined.
    let many = if random.one_in(20) { 10 } else { 0 };
    for _ in 0..many + *random.pick(&[0, 0, 1, 1, 1, 2, 3]) {
        let field = field(random, wanted);
        query.conditions.push(condition(random, wanted, field));
    }
    if random.one_in(4) {
        query.conditions.extend(target_conditions(random, wanted));
    }
    if random.one_in(2) {
        query.within = Some(narrowing(random, known, wanted));
    }
    for _ in 0..*random.pick(&[0, 0, 0, 1, 1, 2]) {
        query.text.push(term(random, wanted));
    }
    query
}

/// What a reader sees: mostly the event, by one list of several.
fn narrowing(random: &mut Random, known: &[Known], wanted: Option<&Known>) -> Narrowing {
    let count = if random.one_in(30) { 0 } else { *random.pick(&[1, 1, 1, 2, 2, 3, 6]) };
    let mut lists: Vec<Vec<Condition>> = (0..count)
        .map(|number| {
            let seen = if number == 0 { wanted } else { random.pick_any(known) };
            seen_by(random, seen)
        })
        .collect();
    lists.rotate_left(random.below(count.max(1)));
    Narrowing::new(lists).unwrap()
}

/// One list of conditions, which the event meets if luck does not want another. Rarely none, which all events meet.
fn seen_by(random: &mut Random, seen: Option<&Known>) -> Vec<Condition> {
    let count = if random.one_in(30) { 0 } else { *random.pick(&[1, 1, 1, 2, 3]) };
    let mut list = Vec::new();
    for _ in 0..count {
        let field = field(random, seen);
        list.push(condition(random, seen, field));
    }
    if count > 0 && random.one_in(4) {
        list.extend(target_conditions(random, seen));
    }
    list
}

/// Conditions of which most are met by the first target of the event.
fn target_conditions(random: &mut Random, wanted: Option<&Known>) -> Vec<Condition> {
    let target = wanted.and_then(|known| known.event.get("targets")?.as_array()?.first());
    (0..1 + random.below(3)).map(|_| target_condition(random, wanted, target)).collect()
}

/// Bounds around a value, or beside it.
fn bounds(random: &mut Random, value: Option<i64>) -> (Option<i64>, Option<i64>) {
    let Some(value) = value else { return (None, None) };
    let near = *random.pick(&[0, 1, 1_000, 1_000_000_000, 86_400_000_000_000]);
    let from = random.one_in(5).then(|| value.saturating_sub(near));
    let to = random.one_in(5).then(|| value.saturating_add(near).saturating_add(1));
    match random.below(30) {
        0 => (to, from),
        1 => (Some(*random.pick(&[i64::MIN, -1, 0, i64::MAX])), to),
        2 => (from, Some(*random.pick(&[i64::MIN, -1, 0, i64::MAX]))),
        _ => (from, to),
    }
}

fn sequences(random: &mut Random, wanted: Option<&Known>) -> (Option<u64>, Option<u64>) {
    let (from, to) = bounds(random, wanted.map(|known| known.sequence as i64));
    // Of the numbers that no log reaches too.
    let unsigned =
        |bound: Option<i64>| bound.map(|bound| if bound == i64::MIN { u64::MAX } else { bound.max(0) as u64 });
    (unsigned(from), unsigned(to))
}

/// A field, or a path that the event has, or one that is nearly such.
pub(crate) fn field(random: &mut Random, wanted: Option<&Known>) -> FieldRef {
    let all: Vec<FieldRef> = Field::filterable().map(|(field, _)| FieldRef::Field(field)).collect();
    let meta = wanted.and_then(|known| known.event.get("meta"));
    if meta.is_some() && random.one_in(2) {
        return FieldRef::Meta(path(random, meta));
    }
    let has = |field: &&FieldRef| wanted.is_some_and(|known| !known.values(field).is_empty());
    let present: Vec<FieldRef> = all.iter().filter(has).cloned().collect();
    let some = if present.is_empty() || random.one_in(6) { all } else { present };
    random.pick(&some).clone()
}

fn path(random: &mut Random, meta: Option<&Value>) -> Vec<String> {
    let (mut path, mut at) = (Vec::new(), meta);
    while let Some(value) = at {
        at = match value {
            Value::Object(members) if !members.is_empty() && !random.one_in(20) => {
                let keys: Vec<&String> = members.keys().collect();
                let key = (*random.pick(&keys)).clone();
                let next = members.get(&key);
                path.push(key);
                next
            }
            Value::Array(items) if !items.is_empty() && random.one_in(3) => {
                path.push(random.pick(&["0", "\t", "", "a"]).to_string());
                items.first()
            }
            _ => None,
        };
    }
    if random.one_in(10) {
        path.push(random.pick(&["a", "\t", "", "nowhere"]).to_string());
    }
    path
}

/// A condition that the event meets, if luck does not want another.
fn condition(random: &mut Random, wanted: Option<&Known>, field: FieldRef) -> Condition {
    let values = wanted.map(|known| known.values(&field)).unwrap_or_default();
    // Of many some say the same, or begin as others do.
    let any_of = (0..*random.pick(&[1, 1, 1, 1, 2, 3, 20, 0])).map(|_| one_match(random, &values)).collect();
    let mut condition = Condition { field, is_negated: random.one_in(3), any_of };
    let is_met = values.iter().any(|value| oracle::accepts(&condition, value)) != condition.is_negated;
    if !is_met && !random.one_in(8) {
        condition.is_negated = !condition.is_negated;
    }
    condition
}

/// A condition that the event's first target meets, or any of its targets.
fn target_condition(random: &mut Random, wanted: Option<&Known>, target: Option<&Value>) -> Condition {
    let field = *random.pick(&TARGET);
    let value = target.and_then(|target| target.get(field.name().rsplit('.').next()?)?.as_str());
    match value {
        Some(value) if !random.one_in(3) => {
            let any_of = vec![one_match(random, &[value.to_owned()])];
            Condition { field: FieldRef::Field(field), is_negated: false, any_of }
        }
        _ => condition(random, wanted, FieldRef::Field(field)),
    }
}

fn one_match(random: &mut Random, values: &[String]) -> Match {
    if random.one_in(8) {
        return Match::Exists;
    }
    let others = ["a", "", "ab", "ä", "1", "true", "/a", "nothing", "\"", "\\"];
    let value = match values.is_empty() || random.one_in(10) {
        true => (*random.pick(&others)).to_owned(),
        false => random.pick(values).clone(),
    };
    match random.below(6) {
        0 | 1 => Match::StartsWith(random.start_of(&value).to_owned()),
        2 => Match::StartsWith(value),
        _ => Match::Is(value),
    }
}

/// A term that the event meets, if luck does not want another.
fn term(random: &mut Random, wanted: Option<&Known>) -> Term {
    let rare = ["disk", "nowhere", "full"].map(str::to_owned).to_vec();
    let texts: Vec<&Vec<String>> =
        wanted.iter().flat_map(|known| &known.texts).filter(|words| !words.is_empty()).collect();
    let words = if texts.is_empty() || random.one_in(10) { &rare } else { *random.pick(&texts) };
    let at = random.below(words.len());
    let word = words[at].clone();
    let kind = match random.below(4) {
        0 | 1 => TermKind::Word(word),
        2 => {
            let start = random.start_of(&word);
            TermKind::Prefix(if start.is_empty() { word } else { start.to_owned() })
        }
        _ if random.one_in(5) => TermKind::Phrase(vec![word, random.pick(words).clone()]),
        _ => {
            let length = 1 + random.below((words.len() - at).min(4));
            TermKind::Phrase(words[at..at + length].to_vec())
        }
    };
    let mut term = Term { is_negated: random.one_in(3), kind };
    let is_met = wanted.is_some_and(|known| oracle::has(known, &term) != term.is_negated);
    if !is_met && !random.one_in(8) {
        term.is_negated = !term.is_negated;
    }
    term
}

/// Steps around the time of one of the events.
pub(crate) fn steps(random: &mut Random, known: &[Known]) -> Steps {
    let near = random.pick_any(known).map_or(0, |known| known.occurred_ns);
    let step_ns = *random.pick(&[1, 1_000_000, 1_000_000_000, 60_000_000_000, 86_400_000_000_000, 7_000_000_001]);
    let count = *random.pick(&[0, 1, 2, 10, 40]);
    let before = step_ns * random.below(count.max(1)) as i64;
    Steps { from_ns: near.saturating_sub(before), step_ns, count }
}
