//! Events over small alphabets, so that conditions hit, with everything that makes an index's life hard.

use std::ops::Range;

use serde_json::{Map, Value, json};
use trailbook_event::{ActorType, Channel, ContextKey, Outcome, Sealed, Severity, exclude, normalise, redact, seal};
use trailbook_store::{Fingerprint, Item};

use crate::random::Random;

/// Texts with characters that are escaped, that mean something elsewhere, or that have several bytes.
const TEXTS: &[&str] =
    &["a", "ab", "abc", "b", "B", "ä", "äb", "\"q\"", "a\\b", "a?b", "a\nb", "a.b", "日本", "a b", "\u{1}"];
/// Words, and runs that are none: of one byte, of long numbers, of too many bytes.
const WORDS: &str = "disk Disk disks full FULL failed größe GRÖSSE x ab 4711 12345678901 İstanbul deadbeefdeadbeef0 \
                     naïve \u{1f600} null true 日本 of a-word-of-more-than-thirty-two-bytes \
                     awordofmorethanthirtytwobytesofutf8";
const SEPARATORS: &[&str] = &[" ", " ", " ", "-", ", ", "\n", "\"", "\\", ""];
const KEYS: &[&str] = &["env", "a", "a.b", "\"k\"", "ключ", "x\\y", "", "list", "n", "\t"];
/// Times at the ends of what there is, with equal ones of other digits.
const EDGES: &[&str] = &[
    "0001-01-01T00:00:00Z",
    "1677-09-21T00:12:43.145224193Z",
    "1969-12-31T23:59:59.999Z",
    "1969-12-31T23:59:59.999999999Z",
    "1970-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.000000Z",
    "2262-04-11T23:47:16.854775807Z",
    "2300-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
];

/// What the events of one case have in common.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Whether nearly every value is another one.
    has_unique_request_ids: bool,
    has_unique_urls: bool,
    has_unique_targets: bool,
    has_unique_meta: bool,
    /// Whether `meta` has a long text, another one in each.
    has_long_meta: bool,
    /// Over how many days before the first they are spread.
    days: usize,
    /// Over how many seconds of a day.
    seconds: usize,
    /// Once in so many times: a time at the end of what there is; `meta` with many keys, or long ones; many groups.
    edge: usize,
    wide: usize,
    huge: usize,
}

impl Kind {
    /// Events of one day, nothing unusual.
    pub(crate) fn of_one_day() -> Self {
        let rest = Self::new(0);
        Self { days: 1, seconds: 100, edge: usize::MAX, wide: usize::MAX, huge: usize::MAX, ..rest }
    }

    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let rarely = |random: &mut Random, times: usize| if random.one_in(6) { times } else { usize::MAX };
        Self {
            has_unique_request_ids: random.one_in(2),
            has_unique_urls: random.one_in(4),
            has_unique_targets: random.one_in(4),
            has_unique_meta: random.one_in(4),
            has_long_meta: random.one_in(4),
            days: *random.pick(&[1, 1, 3, 20, 60]),
            seconds: *random.pick(&[2, 100, 86_400]),
            edge: rarely(&mut random, 4),
            wide: rarely(&mut random, 3),
            huge: rarely(&mut random, 10),
        }
    }
}

/// The event of a seed.
pub(crate) fn event(seed: u64, kind: &Kind) -> Item {
    let mut random = Random::new(seed);
    let id = id(&mut random);
    let json = object(&mut random, kind, &id).to_string();
    let client_id = random.one_in(3).then(|| Fingerprint::of(id.as_bytes()));
    Item { sealed: sealed(&json, seed), client_id }
}

/// Small events with `meta` of these numbers.
pub(crate) fn numbered(numbers: Range<u64>, time: &str) -> Vec<Item> {
    let item = |number: u64| {
        let id = id(&mut Random::new(number));
        let json = format!(
            r#"{{"id":"{id}","occurred_at":"{time}","source":"catalog","action":"a","meta":{{"number":{number}}}}}"#
        );
        Item { sealed: sealed(&json, number), client_id: None }
    };
    numbers.map(item).collect()
}

/// An event whose actor is in these groups.
pub(crate) fn of_groups(numbers: Range<u64>) -> Item {
    let id = id(&mut Random::new(numbers.start));
    let groups: Vec<Value> = numbers.clone().map(|number| json!({ "id": number.to_string() })).collect();
    let event = json!({
        "id": id,
        "occurred_at": "2026-01-15T12:00:00Z",
        "source": "catalog",
        "action": "a",
        "actor": { "type": "user", "id": "u", "groups": groups },
    });
    Item { sealed: sealed(&event.to_string(), numbers.start), client_id: None }
}

/// An event with what is given, and an id.
pub(crate) fn of_json(seed: u64, event: &Value) -> Item {
    let mut event = event.clone();
    event["id"] = id(&mut Random::new(seed)).into();
    Item { sealed: sealed(&event.to_string(), seed), client_id: None }
}

fn sealed(json: &str, seed: u64) -> Sealed {
    let value = trailbook_event::json::parse(json.as_bytes()).unwrap();
    let event = normalise::from_canonical(value).unwrap_or_else(|error| panic!("{json}: {error}"));
    let redacted = redact::Rules::default().apply(event);
    let exclude::Decision::Admitted(admitted) = exclude::Rules::default().decide(redacted) else {
        panic!("no rule excludes {json}");
    };
    seal::seal(&admitted, [seed as u8; 16]).unwrap()
}

/// A UUID of version 4 or 7.
fn id(random: &mut Random) -> String {
    let bits = (u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes();
    let builder = match random.below(2) {
        0 => uuid::Builder::from_random_bytes(bits),
        _ => uuid::Builder::from_unix_timestamp_millis(1_768_478_400_000, bits.first_chunk().unwrap()),
    };
    builder.into_uuid().to_string()
}

fn object(random: &mut Random, kind: &Kind, id: &str) -> Value {
    let mut event = Map::new();
    let mut set = |key: &str, value: Option<Value>| value.map(|value| event.insert(key.to_owned(), value));
    set("id", Some(id.into()));
    set("occurred_at", Some(time(random, kind).into()));
    set("source", Some((*random.pick(&["catalog", "cat", "scaffolder"])).into()));
    set("action", Some(text(random, false)));
    set("severity", Some(random.pick(Severity::ALL).name().into()));
    set("outcome", Some(random.pick(Outcome::ALL).name().into()));
    set("action_type", maybe(random, 3, |random| text(random, false)));
    set("query_type", maybe(random, 3, |random| text(random, false)));
    set("error", maybe(random, 3, failure));
    set("actor", maybe(random, 2, |random| actor(random, kind)));
    set("on_behalf_of", maybe(random, 4, |random| list(random, 3, party)));
    set("targets", maybe(random, 2, |random| list(random, 4, |random| target(random, kind))));
    set("context", maybe(random, 2, |random| context(random, kind)));
    set("changes", maybe(random, 4, changes));
    set("message", maybe(random, 2, sentence));
    set("meta", maybe(random, 2, |random| meta(random, kind)));
    Value::Object(event)
}

fn maybe(random: &mut Random, times: usize, value: impl FnOnce(&mut Random) -> Value) -> Option<Value> {
    random.one_in(times).then(|| value(random))
}

fn list(random: &mut Random, most: usize, item: impl Fn(&mut Random) -> Value) -> Value {
    let count = random.below(most + 1);
    (0..count).map(|_| item(random)).collect()
}

fn text(random: &mut Random, is_unique: bool) -> Value {
    match is_unique && !random.one_in(20) {
        true => format!("{}{:x}", random.pick(TEXTS), random.next()).into(),
        false => (*random.pick(TEXTS)).into(),
    }
}

/// Keeps of an object the keys that luck wants, and those of `needed`.
fn some(random: &mut Random, mut value: Value, needed: &[&str]) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|key, _| needed.contains(&key.as_str()) || random.one_in(2));
    }
    value
}

fn time(random: &mut Random, kind: &Kind) -> String {
    if random.one_in(kind.edge) {
        return (*random.pick(EDGES)).to_owned();
    }
    // Noon of 2026-01-15.
    let seconds = 1_768_478_400 - 86_400 * random.below(kind.days) as i64 - random.below(kind.seconds) as i64;
    let nanos = *random.pick(&[0, 0, 1_000_000, 999_000_000, 999_999_999, 123_456_789, 123_456_000]);
    let at = jiff::Timestamp::new(seconds, nanos).unwrap();
    match random.below(3) {
        0 => format!("{at:.3}"),
        1 => format!("{at:.6}"),
        _ => format!("{at:.9}"),
    }
}

fn failure(random: &mut Random) -> Value {
    let needed = *random.pick(&["name", "message"]);
    let failure = json!({ "name": text(random, false), "message": sentence(random) });
    some(random, failure, &[needed])
}

fn actor(random: &mut Random, kind: &Kind) -> Value {
    let groups = if random.one_in(kind.huge) { 900 } else { random.below(4) };
    let group = |random: &mut Random| {
        let needed = *random.pick(&["id", "name"]);
        let group = json!({ "id": text(random, false), "name": text(random, false) });
        some(random, group, &[needed])
    };
    let groups: Value = (0..groups).map(|_| group(random)).collect();
    let actor = json!({
        "type": random.pick(ActorType::ALL).name(),
        "id": text(random, false),
        "name": text(random, false),
        "email": text(random, false),
        "groups": groups,
    });
    some(random, actor, &["type", "id"])
}

fn party(random: &mut Random) -> Value {
    let party = json!({
        "type": random.pick(ActorType::ALL).name(),
        "id": text(random, false),
        "name": text(random, false),
    });
    some(random, party, &["type", "id"])
}

fn target(random: &mut Random, kind: &Kind) -> Value {
    let target = json!({
        "type": random.pick(&["entity", "e", "file"]),
        "id": text(random, kind.has_unique_targets),
        "name": text(random, false),
    });
    some(random, target, &["type", "id"])
}

fn context(random: &mut Random, kind: &Kind) -> Value {
    let value = |random: &mut Random, key: ContextKey| match key {
        ContextKey::Channel => random.pick(Channel::ALL).name().into(),
        ContextKey::RequestId => text(random, kind.has_unique_request_ids),
        ContextKey::RequestUrl => url(random, kind),
        _ => text(random, false),
    };
    let often = [ContextKey::RequestId, ContextKey::RequestUrl];
    let mut context = Map::new();
    for key in ContextKey::ALL {
        if random.one_in(if often.contains(key) { 2 } else { 6 }) {
            context.insert(key.name().to_owned(), value(random, *key));
        }
    }
    Value::Object(context)
}

fn url(random: &mut Random, kind: &Kind) -> Value {
    let path = *random.pick(&["/", "/a", "/a/b", "/ä", "/\"", ""]);
    let unique =
        if kind.has_unique_urls && !random.one_in(10) { format!("{:x}", random.next()) } else { String::new() };
    let query = *random.pick(&["", "?", "?a=1", "?a=1?b", "?\""]);
    let url = match random.below(2) {
        0 => format!("{path}{unique}{query}"),
        _ => format!("{path}{query}{unique}"),
    };
    if url.is_empty() { "/".into() } else { url.into() }
}

fn sentence(random: &mut Random) -> Value {
    let count = 1 + random.below(6);
    let words: Vec<&str> = WORDS.split(' ').collect();
    (0..count).map(|_| [*random.pick(&words), *random.pick(SEPARATORS)].concat()).collect::<String>().into()
}

fn scalar(random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::Null,
        1 => random.one_in(2).into(),
        2 => random.pick(&[json!(0), json!(1), json!(-5), json!(9_007_199_254_740_991_i64)]).clone(),
        3 => random.pick(&[json!(1.5), json!(-0.0), json!(1e21), json!(1e-7), json!(0.1), json!(1e20)]).clone(),
        4 => "".into(),
        5 => sentence(random),
        _ => (*random.pick(&["a", "ab", "1", "true", "null", "\"q\"", "{", "[1]", "\\", "\u{1}"])).into(),
    }
}

fn free(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth > 3 { 4 } else { 6 }) {
        0..=3 => scalar(random),
        4 => list(random, 3, |random| free(random, depth + 1)),
        _ => Value::Object(members(random, depth + 1)),
    }
}

fn members(random: &mut Random, depth: usize) -> Map<String, Value> {
    let count = random.below(5);
    (0..count).map(|_| ((*random.pick(KEYS)).to_owned(), free(random, depth))).collect()
}

fn changes(random: &mut Random) -> Value {
    let mut changes = Map::new();
    for key in ["before", "after"] {
        let value = free(random, 1);
        if !value.is_null() && random.one_in(2) {
            changes.insert(key.to_owned(), value);
        }
    }
    Value::Object(changes)
}

fn meta(random: &mut Random, kind: &Kind) -> Value {
    let mut meta = members(random, 1);
    if kind.has_unique_meta && !random.one_in(10) {
        meta.insert("n".to_owned(), text(random, true));
    }
    if kind.has_long_meta && !random.one_in(10) {
        // Too long to be listed or located: it is found by its words.
        let text = format!("{} {:x} {}", sentence(random), random.next(), "and so on, ".repeat(random.below(12)));
        meta.insert("long".to_owned(), text.into());
    }
    if random.one_in(kind.wide) {
        // More columns than a segment has room for.
        (0..60).for_each(|_| drop(meta.insert(format!("k{}", random.below(3_000)), random.below(5).into())));
    }
    if random.one_in(kind.huge) {
        // A shape that is too large to be kept.
        (0..70).for_each(|number| drop(meta.insert(format!("{number:0120}"), text(random, false))));
    }
    Value::Object(meta)
}
