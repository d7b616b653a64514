//! An event in full: who, what, when, where from and why; what changed; all else that it says; its proof.

use serde_json::Value;
use trailbook_event::{ContextKey, Field, Timestamp};
use trailbook_query::Found;

use super::diff::{Change, diff};
use super::fields;
use super::row::{Level, text};
use super::tree::{Piece, pieces};
use super::view::{Range, View};
use crate::ui::time::{Clock, Moment};
use crate::ui::visit::encoded;

/// How long before and after an event "around this moment" shows.
const AROUND_MS: i64 = 5 * 60 * 1_000;
/// A condition that is longer is offered as no link.
const CONDITION_BYTES_MAX: usize = 1_024;

/// An event, laid out.
pub(super) struct Detail {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(super) moment: Moment,
    pub(super) recorded: Moment,
    pub(super) severity: Level,
    pub(super) outcome: String,
    pub(super) message: String,
    /// Its class, and what it said.
    pub(super) error: Option<(String, String)>,
    pub(super) who: Vec<Fact>,
    pub(super) what: Vec<Fact>,
    pub(super) targets: Vec<Fact>,
    pub(super) from: Vec<Fact>,
    pub(super) changes: Vec<Change>,
    pub(super) are_changes_cut: bool,
    pub(super) meta: Vec<Piece>,
    /// The event as the API gives it, laid out for people.
    pub(super) raw: String,
    /// Pages about what takes part in it, and searches near it.
    pub(super) links: Vec<(&'static str, String)>,
}

/// A value of an event.
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
    /// What stands beside it, softer.
    pub(super) note: String,
    /// The condition that it is this value, for a URL; empty where it is none.
    pub(super) condition: String,
    /// The same, negated.
    pub(super) exclusion: String,
    pub(super) is_mono: bool,
}

impl Fact {
    fn new(field: Field, value: &str) -> Self {
        let condition = fields::is(field, value);
        let is_short = condition.len() <= CONDITION_BYTES_MAX;
        let can_be_excluded = is_short && fields::can_be_negated(&trailbook_query::FieldRef::Field(field));
        Self {
            label: fields::label(&trailbook_query::FieldRef::Field(field)),
            value: value.to_owned(),
            note: String::new(),
            exclusion: if can_be_excluded { encoded(&format!("-{condition}")) } else { String::new() },
            condition: if is_short { encoded(&condition) } else { String::new() },
            is_mono: false,
        }
    }

    fn some(field: Field, value: &str) -> Option<Self> {
        (!value.is_empty()).then(|| Self::new(field, value))
    }

    fn labelled(self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self }
    }

    fn noting(self, note: &str) -> Self {
        Self { note: note.to_owned(), ..self }
    }

    fn mono(self) -> Self {
        Self { is_mono: true, ..self }
    }
}

impl Detail {
    /// Lays an event out. `organization` is what the API calls the organization.
    pub(super) fn of(found: &Found, organization: &str, clock: &Clock) -> Self {
        let event: Value = serde_json::from_slice(&found.canonical).unwrap_or_default();
        let text = |pointer: &str| text(&event, pointer);
        let recorded_ns = found.recorded_ms.saturating_mul(1_000_000);
        let occurred_ns = Timestamp::parse(text("/occurred_at")).map_or(recorded_ns, |time| time.nanos());
        let (changes, are_changes_cut) = diff(event.pointer("/changes/before"), event.pointer("/changes/after"));
        let error = (text("/error/name").to_owned(), text("/error/message").to_owned());
        Self {
            id: text("/id").to_owned(),
            sequence: found.sequence,
            moment: clock.moment(occurred_ns),
            recorded: clock.moment(recorded_ns),
            severity: Level::of(text("/severity")),
            outcome: text("/outcome").to_owned(),
            message: text("/message").to_owned(),
            error: Some(error).filter(|(name, message)| !name.is_empty() || !message.is_empty()),
            who: who(&event),
            what: what(&event),
            targets: targets(&event),
            from: from(&event),
            changes,
            are_changes_cut,
            meta: event.get("meta").map(pieces).unwrap_or_default(),
            raw: raw(organization, found, &event),
            links: links(&event, occurred_ns),
        }
    }
}

fn who(event: &Value) -> Vec<Fact> {
    let text = |pointer: &str| text(event, pointer);
    let mut facts = Vec::new();
    let kind = text("/actor/type");
    match (text("/actor/id"), text("/actor/name")) {
        ("", "") => {}
        ("", name) => facts.push(Fact::new(Field::ActorName, name).labelled("Actor").noting(kind)),
        (id, "") => facts.push(Fact::new(Field::ActorId, id).noting(kind)),
        (id, name) => {
            facts.push(Fact::new(Field::ActorName, name).labelled("Actor").noting(kind));
            facts.push(Fact::new(Field::ActorId, id).labelled("Id").mono());
        }
    }
    if facts.is_empty() && !kind.is_empty() {
        facts.push(Fact::new(Field::ActorType, kind).labelled("Actor"));
    }
    facts.extend(Fact::some(Field::ActorEmail, text("/actor/email")).map(|fact| fact.labelled("E-mail")));
    for group in event.pointer("/actor/groups").and_then(Value::as_array).into_iter().flatten() {
        let (id, name) = (self::text(group, "/id"), self::text(group, "/name"));
        facts.extend(match name {
            "" => Fact::some(Field::ActorGroupId, id).map(|fact| fact.labelled("Group")),
            name => Some(Fact::new(Field::ActorGroupName, name).noting(id)),
        });
    }
    for party in event.get("on_behalf_of").and_then(Value::as_array).into_iter().flatten() {
        let (id, name) = (self::text(party, "/id"), self::text(party, "/name"));
        let note = [name, self::text(party, "/type")].into_iter().filter(|one| !one.is_empty());
        facts.push(Fact::new(Field::OnBehalfOfId, id).noting(&note.collect::<Vec<_>>().join(", ")));
    }
    facts
}

fn what(event: &Value) -> Vec<Fact> {
    let text = |pointer: &str| text(event, pointer);
    let fields = [
        (Field::Action, "/action"),
        (Field::ActionType, "/action_type"),
        (Field::QueryType, "/query_type"),
        (Field::Source, "/source"),
    ];
    fields.into_iter().filter_map(|(field, pointer)| Fact::some(field, text(pointer))).collect()
}

fn targets(event: &Value) -> Vec<Fact> {
    let all = event.get("targets").and_then(Value::as_array).into_iter().flatten();
    all.map(|target| {
        let (kind, id, name) = (text(target, "/type"), text(target, "/id"), text(target, "/name"));
        let label = if kind.is_empty() { "Target" } else { kind };
        match (name, id) {
            ("", id) => Fact::new(Field::TargetId, id).labelled(label).mono(),
            (name, "") => Fact::new(Field::TargetName, name).labelled(label),
            (name, id) if name == id => Fact::new(Field::TargetId, id).labelled(label).mono(),
            (name, id) => Fact { value: name.to_owned(), ..Fact::new(Field::TargetId, id) }.labelled(label).noting(id),
        }
    })
    .collect()
}

fn from(event: &Value) -> Vec<Fact> {
    let text = |key: ContextKey| text(event, &format!("/context/{}", key.name()));
    // What people look for first comes first.
    let first = [ContextKey::Ip, ContextKey::Channel, ContextKey::RequestMethod, ContextKey::RequestUrl];
    let rest = ContextKey::ALL.iter().copied().filter(|key| !first.contains(key));
    let all = first.into_iter().chain(rest);
    all.filter_map(|key| Fact::some(Field::Context(key), text(key)).map(Fact::mono)).collect()
}

/// What the API gives, laid out.
fn raw(organization: &str, found: &Found, event: &Value) -> String {
    let mut whole = serde_json::Map::new();
    whole.insert("organization".into(), organization.into());
    whole.insert("sequence".into(), found.sequence.into());
    whole.insert("recorded_at".into(), Timestamp::from_millis(found.recorded_ms).to_string().into());
    whole.extend(event.as_object().cloned().unwrap_or_default());
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}

fn links(event: &Value, occurred_ns: i64) -> Vec<(&'static str, String)> {
    let text = |pointer: &str| text(event, pointer);
    let mut links = Vec::new();
    let about = [
        ("This actor", "actor.id", "/actor/id"),
        ("This actor", "actor.email", "/actor/email"),
        ("This target", "target.id", "/targets/0/id"),
    ];
    for (label, field, pointer) in about {
        let is_short = !text(pointer).is_empty() && text(pointer).len() <= CONDITION_BYTES_MAX;
        if is_short && links.iter().all(|(other, _)| *other != label) {
            links.push((label, format!("/logs/about?{field}={}", encoded(text(pointer)))));
        }
    }
    let at_ms = occurred_ns.div_euclid(1_000_000);
    let around = View::default().in_range(Range::Exact { from_ms: at_ms - AROUND_MS, to_ms: at_ms + AROUND_MS });
    for (key, pointer) in [
        (ContextKey::RequestId, "/context/request_id"),
        (ContextKey::TraceId, "/context/trace_id"),
        (ContextKey::RunId, "/context/run_id"),
    ] {
        let is_short = !text(pointer).is_empty() && text(pointer).len() <= CONDITION_BYTES_MAX;
        if is_short && links.iter().all(|(other, _)| *other != "Same request") {
            let condition = encoded(&fields::is(Field::Context(key), text(pointer)));
            links.push(("Same request", format!("/logs?q={condition}&range=30d")));
        }
    }
    links.push(("Around this moment", around.url()));
    links
}
