//! A naive search over events as JSON, to hold against the server's, and random events and queries for both.

use serde_json::{Map, Value, json};

use crate::harness::escaped;

/// A seeded source of choices (xorshift64*).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    pub(crate) fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Values that are prefixes of each other, need escapes, or look like operators.
const WORDS: [&str; 14] =
    ["a", "ab", "abc", "b", "a,b", "a*", "*", r"a\", "a\"b", "é", "日本", "a\nb", "A", "user:default/jane"];
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "denied"];
const KINDS: [&str; 4] = ["user", "service", "agent", "system"];
const URLS: [&str; 5] = ["/a", "/a?b", "/a?b?c", "/ab", "?"];
/// Keys of meta, as their path is written and as JSON has them.
const META: [(&str, &str); 4] = [("env", "env"), (r"a\.b", "a.b"), ("é", "é"), (r"b\\s", r"b\s")];

/// A random event; its time is one of few.
pub(crate) fn event(random: &mut Random) -> Value {
    let mut event = json!({"source": random.one(&WORDS), "action": random.one(&WORDS)});
    event["occurred_at"] = format!("2026-01-0{}T00:00:00.{:03}Z", 1 + random.below(3), random.below(4)).into();
    event["severity"] = (*random.one(&SEVERITIES)).into();
    event["outcome"] = (*random.one(&OUTCOMES)).into();
    for field in ["action_type", "query_type"] {
        if random.chance(50) {
            event[field] = (*random.one(&WORDS)).into();
        }
    }
    if random.chance(50) {
        event["message"] = sentence(random).into();
    }
    if random.chance(30) {
        event["changes"] = json!({"before": sentence(random), "after": [scalar(random), {"ab": sentence(random)}]});
    }
    if random.chance(60) {
        event["actor"] = json!({"type": random.one(&KINDS), "id": random.one(&WORDS)});
        if random.chance(50) {
            event["actor"]["email"] = (*random.one(&WORDS)).into();
        }
        let groups: Vec<_> = (0..random.below(3)).map(|_| json!({"id": random.one(&WORDS)})).collect();
        event["actor"]["groups"] = groups.into();
    }
    if random.chance(40) {
        event["error"] = json!({"name": random.one(&WORDS)});
        if random.chance(50) {
            event["error"]["message"] = sentence(random).into();
        }
    }
    let party = |random: &mut Random| json!({"type": random.one(&KINDS), "id": random.one(&WORDS)});
    event["on_behalf_of"] = (0..random.below(3)).map(|_| party(random)).collect();
    event["targets"] = (0..random.below(4)).map(|_| target(random)).collect();
    if random.chance(50) {
        event["context"] = json!({"request_url": random.one(&URLS), "ip": random.one(&WORDS)});
    }
    let mut meta = Map::new();
    for (_, key) in META {
        if random.chance(50) {
            meta.insert(key.to_owned(), scalar(random));
        }
    }
    event["meta"] = meta.into();
    event
}

fn target(random: &mut Random) -> Value {
    let mut target = json!({"type": random.one(&WORDS[..4]), "id": random.one(&WORDS)});
    if random.chance(50) {
        target["name"] = (*random.one(&WORDS)).into();
    }
    target
}

fn sentence(random: &mut Random) -> String {
    (0..1 + random.below(4)).map(|_| *random.one(&WORDS)).collect::<Vec<_>>().join(", ")
}

fn scalar(random: &mut Random) -> Value {
    match random.below(6) {
        0 => true.into(),
        1 => 12.into(),
        2 => Value::Null,
        3 => json!({"in": random.one(&WORDS)}),
        _ => (*random.one(&WORDS)).into(),
    }
}

/// One condition: a field as parameters name it, whether it is negated, and its values.
pub(crate) struct Condition {
    field: String,
    is_negated: bool,
    values: Vec<Want>,
}

#[derive(Clone)]
enum Want {
    Is(String),
    Begins(String),
    Any,
}

const FIELDS: [&str; 22] = [
    "source",
    "action",
    "action_type",
    "query_type",
    "severity",
    "outcome",
    "actor.id",
    "actor.type",
    "actor.email",
    "actor.groups.id",
    "error.name",
    "on_behalf_of.id",
    "on_behalf_of.type",
    "target.id",
    "target.type",
    "target.name",
    "context.request_url",
    "context.request_path",
    "context.ip",
    "meta.env",
    "meta.env.in",
    "meta",
];

/// Conditions on different fields.
pub(crate) fn conditions(random: &mut Random) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for _ in 0..1 + random.below(3) {
        let mut field = (*random.one(&FIELDS)).to_owned();
        if field == "meta" {
            field = format!("meta.{}", random.one(&META).0);
        }
        let is_negated = random.chance(25);
        if all.iter().all(|before| before.field != field || before.is_negated != is_negated) {
            let values = (0..1 + random.below(3)).map(|_| want(random, &field)).collect();
            all.push(Condition { field, is_negated, values });
        }
    }
    all
}

fn want(random: &mut Random, field: &str) -> Want {
    let choices: &[&str] = match field {
        "severity" => &SEVERITIES,
        "outcome" => &OUTCOMES,
        "actor.type" | "on_behalf_of.type" => &KINDS,
        "context.request_url" | "context.request_path" => &URLS,
        _ if random.chance(10) => &["12", "true"],
        _ => &WORDS,
    };
    let text = (*random.one(choices)).to_owned();
    match random.below(5) {
        0 => Want::Begins(text.chars().take(1 + random.below(2)).collect()),
        1 if random.chance(50) => Want::Any,
        _ => Want::Is(text),
    }
}

impl Condition {
    /// As a parameter of a URL.
    pub(crate) fn parameter(&self) -> String {
        let (name, value) = self.pair();
        format!("{}={}", escaped(&name), escaped(&value))
    }

    /// The parameter's name and value.
    pub(crate) fn pair(&self) -> (String, String) {
        let plain = |text: &str| text.replace('\\', r"\\").replace(',', r"\,").replace('*', r"\*");
        let values = self.values.iter().map(|want| match want {
            Want::Is(text) => plain(text),
            Want::Begins(text) => format!("{}*", plain(text)),
            Want::Any => "*".to_owned(),
        });
        let not = if self.is_negated { "!" } else { "" };
        (format!("{}{not}", self.field), values.collect::<Vec<_>>().join(","))
    }

    fn accepts(&self, text: &str) -> bool {
        self.values.iter().any(|want| match want {
            Want::Is(own) => own == text,
            Want::Begins(own) => text.starts_with(own),
            Want::Any => true,
        })
    }

    fn any_of(&self, event: &Value) -> bool {
        texts(event, &self.field).iter().any(|text| self.accepts(text))
    }
}

/// Whether an event meets all conditions; those on targets by one and the same target.
pub(crate) fn meets(event: &Value, conditions: &[Condition]) -> bool {
    let (of_targets, others): (Vec<_>, Vec<_>) =
        conditions.iter().partition(|c| !c.is_negated && c.field.starts_with("target."));
    let by_one = |target: &Value| {
        let text = |c: &Condition| target[c.field.trim_start_matches("target.")].as_str().map(str::to_owned);
        of_targets.iter().all(|c| text(c).is_some_and(|text| c.accepts(&text)))
    };
    others.iter().all(|c| c.any_of(event) != c.is_negated)
        && (of_targets.is_empty() || event["targets"].as_array().into_iter().flatten().any(by_one))
}

/// All values of a field.
fn texts(event: &Value, field: &str) -> Vec<String> {
    let each = |list: &Value, key: &str| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|item| item[key].as_str().map(str::to_owned)).collect()
    };
    let one = |value: &Value| value.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>();
    if let Some(path) = field.strip_prefix("meta.") {
        let value = match path {
            "env.in" => &event["meta"]["env"]["in"],
            _ => &event["meta"][META.iter().find(|(written, _)| *written == path).unwrap().1],
        };
        return match value {
            Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
            other => one(other),
        };
    }
    match field.split_once('.') {
        None => one(&event[field]),
        Some(("target", key)) => each(&event["targets"], key),
        Some(("on_behalf_of", key)) => each(&event["on_behalf_of"], key),
        Some(("actor", "groups.id")) => each(&event["actor"]["groups"], "id"),
        Some(("context", "request_path")) => {
            let url = one(&event["context"]["request_url"]);
            url.iter().map(|url| url.split('?').next().unwrap().to_owned()).collect()
        }
        Some((parent, key)) => one(&event[parent][key]),
    }
}

/// One part of a search text: words next to each other, or the beginning of one.
pub(crate) struct Term {
    is_negated: bool,
    is_prefix: bool,
    words: Vec<String>,
}

const TERMS: [&str; 11] = ["ab", "AB", "abc", "a ab", "ab abc", "default jane", "日本", "user", "12", "true", "us"];

/// Few terms, often none.
pub(crate) fn terms(random: &mut Random) -> Vec<Term> {
    let term = |random: &mut Random| {
        let words = words(TERMS[random.below(TERMS.len())]);
        Term { is_negated: random.chance(25), is_prefix: words.len() == 1 && random.chance(30), words }
    };
    (0..random.below(3)).map(|_| term(random)).collect()
}

/// The parts as one text.
pub(crate) fn text(terms: &[Term]) -> String {
    let part = |term: &Term| {
        let minus = if term.is_negated { "-" } else { "" };
        if term.is_prefix {
            format!("{minus}{}*", term.words[0])
        } else {
            format!("{minus}\"{}\"", term.words.join(", "))
        }
    };
    terms.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// Whether the texts of an event have all that is asked for.
pub(crate) fn reads(event: &Value, terms: &[Term]) -> bool {
    let searched = [&event["message"], &event["error"]["message"], &event["changes"], &event["meta"]];
    let texts: Vec<Vec<String>> = searched.into_iter().flat_map(scalars).map(|text| words(&text)).collect();
    let has = |term: &Term, text: &Vec<String>| match term.is_prefix {
        true => text.iter().any(|word| word.starts_with(&term.words[0])),
        false => text.windows(term.words.len()).any(|window| window == term.words),
    };
    terms.iter().all(|term| texts.iter().any(|text| has(term, text)) != term.is_negated)
}

fn scalars(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(scalars).collect(),
        Value::Object(members) => members.values().flat_map(scalars).collect(),
        other => vec![other.to_string()],
    }
}

/// The words of texts that have no long ones.
fn words(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_alphanumeric()).filter(|run| run.len() > 1);
    runs.map(str::to_lowercase).collect()
}
