//! Events for tests of segments, of every shape that the model allows, and what a plain look at them says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use trailbook_event::json::{self, Value};
use trailbook_event::seal::SALT_BYTES;
use trailbook_event::{ContextKey, Field, Span, canonical, normalise, words};

use super::build::Entry;
use super::part::Key;
use super::{ColumnName, Dictionary, Locator, Postings, RowReader, RowSet, Segment, Values, hash};
use crate::Row;

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

/// An event with what a frame knows of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) log: i64,
    pub(crate) sequence: u64,
    pub(crate) recorded_ms: i64,
    pub(crate) occurred_ns: i64,
    pub(crate) canonical: Vec<u8>,
    pub(crate) spans: Vec<Span>,
    pub(crate) salt: [u8; SALT_BYTES],
}

impl Sample {
    /// An event of a log; what its JSON leaves out of `id` and `occurred_at` comes from its place.
    pub(crate) fn of(log: i64, sequence: u64, text: &str) -> Self {
        let event = json::parse(text.as_bytes()).map_err(trailbook_event::Error::from);
        let event = event.and_then(normalise::from_canonical).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        let occurred_ns = event.occurred_at.nanos();
        let canonical = canonical::write(&event);
        let mut salt = [0; SALT_BYTES];
        salt[..8].copy_from_slice(&Random(sequence ^ log as u64).next().to_le_bytes());
        salt[8..].copy_from_slice(&sequence.to_le_bytes());
        let recorded_ms = 1_760_000_000_000 + sequence as i64 / 3;
        Self { log, sequence, recorded_ms, occurred_ns, canonical: canonical.bytes, spans: canonical.spans, salt }
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        Entry { log: self.log, row: self.row() }
    }

    fn row(&self) -> Row<'_> {
        let Self { sequence, recorded_ms, occurred_ns, .. } = *self;
        Row { sequence, recorded_ms, occurred_ns, canonical: &self.canonical, salt: &self.salt, spans: &self.spans }
    }

    pub(crate) fn rank(&self) -> (i64, i64, u64) {
        let Self { log, sequence, recorded_ms, occurred_ns, .. } = *self;
        Key { log, occurred_ns, sequence, recorded_ms }.rank()
    }

    /// The fields that it has, each with its value.
    fn fields(&self) -> impl Iterator<Item = (Field, &[u8])> {
        self.spans.iter().map(|span| (span.field, span.of(&self.canonical)))
    }
}

/// So many random events of up to three logs, in the order in which they were recorded.
pub(crate) fn samples(seed: u64, count: usize) -> Vec<Sample> {
    let mut random = Random(seed);
    let mut next = BTreeMap::new();
    let sample = |_| {
        let log = [1, 1, 1, 2, 700][random.below(5) as usize];
        let sequence = next.entry(log).or_insert(0u64);
        *sequence += 1;
        let text = event(&mut random);
        Sample::of(log, *sequence - 1, &text)
    };
    (0..count).map(sample).collect()
}

const TEXTS: &[&str] = &[
    "a",
    "u1",
    "u2",
    "user:default/jane",
    "x y",
    "Größe 😀",
    "null",
    "1",
    "-",
    "?",
    "deploy",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "4BF92F3577B34DA6A3CE929D0E0E4736",
    "4bf92f3577b34da6a3ce929d0e0e473g",
    "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11",
    "01980B5E-7C3A-7D52-9F3E-0C6F8F1F2A11",
    "9b2d8a4e-5c1f-4e7a-8b3d-2f6c9d0e1a5b",
    "9b2d8a4e-5c1f-4e7a-8b3d-2f6c9d0e1a5",
    "ffffffff-ffff-7fff-ffff-ffffffffffff",
    "00000000-0000-7000-0000-000000000000",
    "{9b2d8a4e5c1f4e7a8b3d2f6c9d0e1a5b0000}",
    "urn:uuid:9b2d8a4e-5c1f-4e7a-8b3d-2f6",
    r#"it said \"no\":\n\tC:\\temp \u0007"#,
    r"\u0001\u0002\u0003",
    r"\\",
    r#"\""#,
    r"\u2028\u007f",
    "{[,]}:",
    "\u{ffff}",
];
const NUMBERS: &[&str] = &["0", "-0", "1", "-1", "0.10", "1e21", "1E-7", "100000000000000000000", "9007199254740992"];
const KEYS: &[&str] =
    &["a", "b", "env", "", "a.b", "x y", r#"\"q\""#, r"\\", r"\t", r"\n", "é", "{", "}", "[0]", ":,", "1"];
const TIMES: &[&str] = &[
    "2026-01-15T12:00:00.000Z",
    "2026-01-15T12:00:00.123Z",
    "2026-01-15T12:00:00.123456Z",
    "2026-01-15T12:00:00.123456789Z",
    "2026-01-15T12:00:00.123000Z",
    "2026-01-14T23:59:59.999999999Z",
    "1970-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "1677-09-21T00:12:43.145224192Z",
    "1677-09-21T00:12:43.145224193Z",
    "1600-02-29T00:00:00.000Z",
    "0001-01-01T00:00:00.000000Z",
    "2262-04-11T23:47:16.854775807Z",
    "2262-04-11T23:47:16.854775808Z",
    "9999-12-30T22:00:00.000Z",
];
const ACTOR_TYPES: &[&str] = &["user", "service", "agent"];
const URLS: &[&str] = &["/a", "/a?b=1", "/a?", "?", "?x", "/a/b?c?d", r#"/\"q\"?a=\""#, r"/\\?", "https://x.example/a"];

/// The JSON of a random event.
pub(crate) fn event(random: &mut Random) -> String {
    let id = uuid(random);
    let time = time(random);
    let mut out = format!(r#"{{"id":"{id}","occurred_at":"{time}""#);
    write!(out, r#","source":"{}","action":"{}""#, random.of(&["catalog", "scaffolder", "x"]), text(random)).unwrap();
    for (name, percent) in [("action_type", 40), ("query_type", 20), ("message", 40)] {
        if random.is(percent) {
            write!(out, r#","{name}":"{}""#, text(random)).unwrap();
        }
    }
    if random.is(60) {
        let outcome = random.of(&["succeeded", "failed", "initiated"]);
        write!(out, r#","severity":"{}","outcome":"{outcome}""#, random.of(&["low", "medium", "high"])).unwrap();
    }
    if random.is(20) {
        let error = [format!(r#""name":"{}""#, text(random)), format!(r#""message":"{}""#, text(random))];
        write!(out, r#","error":{{{}}}"#, some_of(random, &error)).unwrap();
    }
    if random.is(70) {
        let actor = actor(random);
        write!(out, r#","actor":{actor}"#).unwrap();
    }
    if random.is(20) {
        let parties = list(random, 3, |random| named(random, ACTOR_TYPES));
        write!(out, r#","on_behalf_of":{parties}"#).unwrap();
    }
    if random.is(50) {
        let most = if random.is(5) { 32 } else { 3 };
        let targets = list(random, most, |random| named(random, &["entity", "location", "x"]));
        write!(out, r#","targets":{targets}"#).unwrap();
    }
    if random.is(50) {
        let context = context(random);
        write!(out, r#","context":{context}"#).unwrap();
    }
    if random.is(15) {
        let sides = [format!(r#""before":{}"#, solid(random)), format!(r#""after":{}"#, solid(random))];
        write!(out, r#","changes":{{{}}}"#, some_of(random, &sides)).unwrap();
    }
    if random.is(70) {
        let meta = object(random, 3);
        write!(out, r#","meta":{meta}"#).unwrap();
    }
    out + "}"
}

fn uuid(random: &mut Random) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random.next().to_le_bytes());
    bytes[8..].copy_from_slice(&random.next().to_le_bytes());
    let version = if random.is(50) { 7 } else { 4 };
    uuid::Builder::from_bytes(bytes).with_version_number(version).into_uuid().to_string()
}

trait WithVersion {
    fn with_version_number(self, version: u8) -> Self;
}

impl WithVersion for uuid::Builder {
    fn with_version_number(self, version: u8) -> Self {
        let version = if version == 7 { uuid::Version::SortRand } else { uuid::Version::Random };
        self.with_version(version)
    }
}

fn time(random: &mut Random) -> String {
    if random.is(30) {
        return random.of(TIMES).to_owned();
    }
    let (day, hour, second) = (1 + random.below(25), random.below(24), random.below(60));
    let digits = [3, 6, 9][random.below(3) as usize];
    let fraction = random.below(10u64.pow(digits));
    format!("2026-01-{day:02}T{hour:02}:00:{second:02}.{fraction:0width$}Z", width = digits as usize)
}

fn text(random: &mut Random) -> String {
    match random.below(20) {
        0 => format!("n{}", random.below(1_000_000)),
        1 => "long ".repeat(1 + random.below(200) as usize),
        2 => uuid(random),
        3 => uuid(random).replace('-', ""),
        _ => random.of(TEXTS).to_owned(),
    }
}

fn list(random: &mut Random, most: u64, item: impl Fn(&mut Random) -> String) -> String {
    let items: Vec<String> = (0..random.below(most + 1)).map(|_| item(random)).collect();
    format!("[{}]", items.join(","))
}

/// One or both.
fn some_of(random: &mut Random, both: &[String; 2]) -> String {
    match random.below(3) {
        0 => both[0].clone(),
        1 => both[1].clone(),
        _ => both.join(","),
    }
}

fn named(random: &mut Random, types: &[&str]) -> String {
    let name = if random.is(50) { format!(r#","name":"{}""#, text(random)) } else { String::new() };
    format!(r#"{{"type":"{}","id":"{}"{name}}}"#, random.of(types), text(random))
}

fn actor(random: &mut Random) -> String {
    if random.is(5) {
        return r#"{"type":"anonymous"}"#.to_owned();
    }
    let mut out = format!(r#"{{"type":"{}","id":"{}""#, random.of(ACTOR_TYPES), text(random));
    for name in ["name", "email"] {
        if random.is(40) {
            write!(out, r#","{name}":"{}""#, text(random)).unwrap();
        }
    }
    if random.is(30) {
        let groups = list(random, 4, |random| {
            let both = [format!(r#""id":"{}""#, text(random)), format!(r#""name":"{}""#, text(random))];
            format!("{{{}}}", some_of(random, &both))
        });
        write!(out, r#","groups":{groups}"#).unwrap();
    }
    out + "}"
}

fn context(random: &mut Random) -> String {
    let mut members = Vec::new();
    for key in ContextKey::ALL {
        let chance = if *key == ContextKey::RequestUrl { 50 } else { 10 };
        if random.is(chance) {
            let value = match key {
                ContextKey::Channel => "portal".to_owned(),
                ContextKey::RequestUrl => random.of(URLS).to_owned(),
                _ => text(random),
            };
            members.push(format!(r#""{}":"{value}""#, key.name()));
        }
    }
    format!("{{{}}}", members.join(","))
}

fn object(random: &mut Random, depth: u32) -> String {
    let mut members = BTreeMap::new();
    for _ in 0..random.below(5) {
        let key = match random.below(30) {
            0 => "k".repeat(128),
            1 => format!("k{}", random.below(10_000)),
            _ => random.of(KEYS).to_owned(),
        };
        members.insert(key, value(random, depth));
    }
    let members: Vec<String> = members.iter().map(|(key, value)| format!(r#""{key}":{value}"#)).collect();
    format!("{{{}}}", members.join(","))
}

fn value(random: &mut Random, depth: u32) -> String {
    match random.below(if depth == 0 { 8 } else { 12 }) {
        0 => "null".to_owned(),
        1 => random.of(&["true", "false"]).to_owned(),
        2 | 3 => random.of(NUMBERS).to_owned(),
        4..=7 => format!(r#""{}""#, if random.is(10) { String::new() } else { text(random) }),
        8 | 9 => list(random, 4, |random| value(random, depth - 1)),
        _ => object(random, depth - 1),
    }
}

/// A value that is not `null`.
fn solid(random: &mut Random) -> String {
    match value(random, 2) {
        null if null == "null" => "{}".to_owned(),
        value => value,
    }
}

/// Everything that an index can be asked, found by looking at every event.
#[derive(Debug, Default)]
pub(crate) struct Naive {
    pub(crate) values: BTreeMap<ColumnName, BTreeMap<Vec<u8>, Vec<u32>>>,
    words: BTreeMap<Vec<u8>, Vec<u32>>,
    many_targets: Vec<u32>,
    metas: BTreeSet<u32>,
}

impl Naive {
    /// Of events in the order of their rows.
    pub(crate) fn of(sorted: &[&Sample]) -> Self {
        let mut naive = Self::default();
        let mut buffer = words::Buffer::default();
        for (row, sample) in (0u32..).zip(sorted) {
            let mut targets = 0;
            for (field, value) in sample.fields() {
                targets += u32::from(field == Field::TargetType);
                if field == Field::Meta {
                    naive.metas.insert(row);
                    let meta = json::parse(value).unwrap();
                    naive.add_meta(row, &mut Vec::new(), &meta);
                } else if field.is_filterable() {
                    naive.add(row, ColumnName::Field(field), value.to_vec());
                }
                let words = &mut naive.words;
                words::words_of_value(field, value, &mut buffer, &mut |word| {
                    add(words.entry(word.as_bytes().to_vec()).or_default(), row);
                });
            }
            if targets > 1 {
                naive.many_targets.push(row);
            }
        }
        naive
    }

    fn add(&mut self, row: u32, column: ColumnName, value: Vec<u8>) {
        add(self.values.entry(column).or_default().entry(value).or_default(), row);
    }

    fn add_meta(&mut self, row: u32, path: &mut Vec<Vec<u8>>, value: &Value<'_>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let mut escaped = Vec::new();
                    canonical::write_escaped(key, &mut escaped);
                    path.push(escaped);
                    self.add_meta(row, path, value);
                    path.pop();
                }
            }
            Value::Null | Value::Array(_) => {}
            scalar => {
                let mut text = Vec::new();
                canonical::write_value(scalar, &mut text);
                if let Value::String(_) = scalar {
                    text = text[1..text.len() - 1].to_vec();
                }
                self.add(row, ColumnName::Meta(path.clone()), text);
            }
        }
    }
}

fn add(rows: &mut Vec<u32>, row: u32) {
    if rows.last() != Some(&row) {
        rows.push(row);
    }
}

/// Checks that a segment holds these events and nothing else, and that its index says of them what a plain look does.
pub(crate) fn check(segment: &Segment, samples: &[Sample]) {
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by_key(|sample| sample.rank());
    check_rows(segment, &sorted);
    check_parts(segment, &sorted);
    check_index(segment, &Naive::of(&sorted));
}

fn check_rows(segment: &Segment, sorted: &[&Sample]) {
    assert_eq!(segment.rows() as usize, sorted.len());
    let mut scan = RowReader::scan(segment);
    let mut backwards = RowReader::new(segment);
    let compare = |reader: &mut RowReader<'_>, row: usize| {
        let found = reader.row(row as u32).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(found.canonical), text(&sorted[row].canonical), "row {row}");
        assert_eq!(found, sorted[row].row(), "row {row}");
    };
    (0..sorted.len()).for_each(|row| compare(&mut scan, row));
    (0..sorted.len()).rev().step_by(7).for_each(|row| compare(&mut backwards, row));
    assert!(scan.row(segment.rows()).is_err());
}

fn check_parts(segment: &Segment, sorted: &[&Sample]) {
    let mut row = 0;
    for part in segment.parts() {
        assert_eq!(part.rows.start, row, "parts have every row once");
        row = part.rows.end;
        let of = &sorted[part.rows.start as usize..part.rows.end as usize];
        assert!(of.iter().all(|sample| sample.log == part.log));
        let bounds = |of: &dyn Fn(&Sample) -> i64, all: &[&Sample]| {
            (all.iter().map(|s| of(s)).min().unwrap(), all.iter().map(|s| of(s)).max().unwrap())
        };
        assert_eq!(part.occurred_ns, bounds(&|s| s.occurred_ns, of));
        assert_eq!(part.recorded_ms, bounds(&|s| s.recorded_ms, of));
        let sequences = (part.sequences.0 as i64, part.sequences.1 as i64);
        assert_eq!(sequences, bounds(&|s| s.sequence as i64, of));
    }
    assert_eq!(row as usize, sorted.len());
    super::merge::verify(segment).unwrap();
}

fn check_index(segment: &Segment, naive: &Naive) {
    let opaque: BTreeSet<u32> = rows_of(&segment.opaque_meta().unwrap()).into_iter().collect();
    assert!(opaque.is_subset(&naive.metas), "only a row with meta has meta that is not indexed");
    assert_eq!(rows_of(&segment.many_targets().unwrap()), naive.many_targets);
    for (name, values) in &naive.values {
        if name.is_filterable() {
            check_column(segment, name, values, &opaque);
        }
    }
    for (column, name) in (0u32..).zip(segment.columns()) {
        if name.is_filterable() && !naive.values.contains_key(name) {
            assert!(rows_of(&segment.present(column).unwrap()).is_empty(), "nothing has {name}");
        }
    }
    let words = segment.words().unwrap();
    let found = words.map(|(words, lists)| listed(&words, &lists)).unwrap_or_default();
    assert!(found == naive.words, "words");
}

fn check_column(segment: &Segment, name: &ColumnName, values: &BTreeMap<Vec<u8>, Vec<u32>>, opaque: &BTreeSet<u32>) {
    // What must be found, and what may be found besides: rows whose `meta` is not indexed are looked at one by one, and
    // a path that is the whole URL is found as a URL.
    let is_path = *name == ColumnName::Field(Field::RequestPath);
    let url = ColumnName::Field(Field::Context(ContextKey::RequestUrl));
    let urls = Finder::of(segment, &url);
    let finder = Finder::of(segment, name);
    for (value, rows) in values {
        let found = finder.find(value);
        let as_url = if is_path { urls.find(value) } else { Vec::new() };
        let must = |row: &u32| match name {
            ColumnName::Meta(_) => !opaque.contains(row),
            _ => as_url.binary_search(row).is_err(),
        };
        let text = String::from_utf8_lossy(value);
        for row in rows.iter().filter(|row| must(row)) {
            assert!(found.binary_search(row).is_ok(), "{name} = {text}: {found:?} without {row}");
            assert!(finder.present.binary_search(row).is_ok(), "{name} is not in {row}");
        }
        let is_right = |row: &u32| rows.binary_search(row).is_ok();
        assert!(finder.located.is_some() || found.iter().all(is_right), "{name} = {text}: {found:?} of {rows:?}");
    }
    assert!(finder.lists.keys().all(|value| values.contains_key(value)), "{name} has a value that no row has");
    let any: BTreeSet<u32> = values.values().flatten().copied().collect();
    assert!(finder.present.iter().all(|row| any.contains(row)), "{name}: {:?} of {any:?}", finder.present);
}

/// What the index says of a column.
#[derive(Default)]
struct Finder {
    present: Vec<u32>,
    lists: BTreeMap<Vec<u8>, Vec<u32>>,
    located: Option<Locator>,
}

impl Finder {
    fn of(segment: &Segment, name: &ColumnName) -> Self {
        let Some(column) = segment.column(name) else { return Self::default() };
        let present = rows_of(&segment.present(column).unwrap());
        match segment.values(column).unwrap() {
            Values::Listed(dictionary, lists) => Self { present, lists: listed(dictionary, &lists), located: None },
            Values::Located(locator) => Self { present, located: Some(locator), ..Self::default() },
            Values::Unlisted => Self { present, ..Self::default() },
        }
    }

    /// The rows that have a value, ascending; those that may have it, where it is only located.
    fn find(&self, value: &[u8]) -> Vec<u32> {
        let Some(locator) = &self.located else { return self.lists.get(value).cloned().unwrap_or_default() };
        let mut found = Vec::new();
        locator.candidates(hash(value), &mut found).unwrap();
        found
    }
}

/// Every value with its rows; each is found by its name, too.
fn listed(dictionary: &Dictionary, lists: &Postings) -> BTreeMap<Vec<u8>, Vec<u32>> {
    assert_eq!(dictionary.len(), lists.len());
    let mut all = BTreeMap::new();
    for ordinal in 0..dictionary.len() {
        let mut value = Vec::new();
        dictionary.get(ordinal, &mut value).unwrap();
        assert_eq!(dictionary.find(&value).unwrap(), Some(ordinal));
        all.insert(value, rows_of(&lists.get(ordinal).unwrap()));
    }
    all
}

pub(crate) fn rows_of(set: &RowSet) -> Vec<u32> {
    let mut rows = Vec::new();
    set.for_each_in(0..u32::MAX, &mut |row| {
        rows.push(row);
        true
    })
    .unwrap();
    assert_eq!(rows.len(), set.len() as usize);
    rows
}
