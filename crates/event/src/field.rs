//! The fields of an event that can be searched, and where they lie in its canonical bytes.

use crate::model::ContextKey;

/// A field that a condition can name, or a text that words are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `action`
    Action,
    /// `action_type`
    ActionType,
    /// `actor.email`
    ActorEmail,
    /// `actor.groups.id`, any of them
    ActorGroupId,
    /// `actor.groups.name`, any of them
    ActorGroupName,
    /// `actor.id`
    ActorId,
    /// `actor.name`
    ActorName,
    /// `actor.type`
    ActorType,
    /// `changes`, the whole object: text only
    Changes,
    /// one of the keys of `context`
    Context(ContextKey),
    /// `error.message`: text only
    ErrorMessage,
    /// `error.name`
    ErrorName,
    /// `id`
    Id,
    /// `message`: text only
    Message,
    /// `meta`, the whole object; its scalars are named by path
    Meta,
    /// `occurred_at`: found by time, not by value
    OccurredAt,
    /// `on_behalf_of.id`, any of them
    OnBehalfOfId,
    /// `on_behalf_of.name`, any of them
    OnBehalfOfName,
    /// `on_behalf_of.type`, any of them
    OnBehalfOfType,
    /// `outcome`
    Outcome,
    /// `query_type`
    QueryType,
    /// `context.request_path`: `context.request_url` up to its `?`
    RequestPath,
    /// `severity`
    Severity,
    /// `source`
    Source,
    /// `target.id`, any of the targets
    TargetId,
    /// `target.name`, any of the targets
    TargetName,
    /// `target.type`, any of the targets
    TargetType,
}

/// Every field with one fixed name, and that name. The keys of `context` are [`ContextKey::ALL`].
const NAMED: &[(Field, &str)] = &[
    (Field::Action, "action"),
    (Field::ActionType, "action_type"),
    (Field::ActorEmail, "actor.email"),
    (Field::ActorGroupId, "actor.groups.id"),
    (Field::ActorGroupName, "actor.groups.name"),
    (Field::ActorId, "actor.id"),
    (Field::ActorName, "actor.name"),
    (Field::ActorType, "actor.type"),
    (Field::ErrorName, "error.name"),
    (Field::Id, "id"),
    (Field::OnBehalfOfId, "on_behalf_of.id"),
    (Field::OnBehalfOfName, "on_behalf_of.name"),
    (Field::OnBehalfOfType, "on_behalf_of.type"),
    (Field::Outcome, "outcome"),
    (Field::QueryType, "query_type"),
    (Field::RequestPath, "context.request_path"),
    (Field::Severity, "severity"),
    (Field::Source, "source"),
    (Field::TargetId, "target.id"),
    (Field::TargetName, "target.name"),
    (Field::TargetType, "target.type"),
];

/// Fields whose values are not compared with: texts that words are taken from, and the time.
const OTHERS: &[(Field, &str)] = &[
    (Field::Changes, "changes"),
    (Field::ErrorMessage, "error.message"),
    (Field::Message, "message"),
    (Field::Meta, "meta"),
    (Field::OccurredAt, "occurred_at"),
];

impl Field {
    /// Every field, those that conditions cannot name too.
    pub fn all() -> impl Iterator<Item = Field> {
        let named = NAMED.iter().chain(OTHERS).map(|(field, _)| *field);
        named.chain(ContextKey::ALL.iter().map(|key| Field::Context(*key)))
    }

    /// The name, also of a field that conditions cannot name.
    pub fn name(self) -> String {
        if let Field::Context(key) = self {
            return format!("context.{}", key.name());
        }
        let known = NAMED.iter().chain(OTHERS).find(|(field, _)| *field == self);
        known.map(|(_, name)| (*name).to_owned()).unwrap_or_default()
    }

    /// The field of this name, also one that conditions cannot name.
    pub fn of_name(name: &str) -> Option<Field> {
        Self::from_name(name).or_else(|| OTHERS.iter().find(|(_, n)| *n == name).map(|(field, _)| *field))
    }

    /// Whether conditions may compare its values.
    pub fn is_filterable(self) -> bool {
        !OTHERS.iter().any(|(field, _)| *field == self)
    }

    /// The fields that conditions may name, in the order of their names; `meta` paths come on top.
    pub fn filterable() -> impl Iterator<Item = (Field, String)> {
        let context = ContextKey::ALL.iter().map(|key| (Field::Context(*key), format!("context.{}", key.name())));
        let mut all: Vec<_> = NAMED.iter().map(|(f, name)| (*f, (*name).to_owned())).chain(context).collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all.into_iter()
    }

    /// The filterable field of this name.
    pub fn from_name(name: &str) -> Option<Field> {
        if let Some(key) = name.strip_prefix("context.")
            && let Some(key) = ContextKey::from_name(key)
        {
            return Some(Field::Context(key));
        }
        NAMED.iter().find(|(_, n)| *n == name).map(|(f, _)| *f)
    }
}

/// Where one value of a field lies in the canonical bytes of its event.
///
/// For a string the span leaves out the quotes and covers the escaped form; for `meta` and `changes` it covers the
/// whole object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which field.
    pub field: Field,
    /// For targets, which of them.
    pub item: u8,
    /// The first byte.
    pub start: u32,
    /// The length in bytes.
    pub len: u32,
}

impl Span {
    /// The bytes that the span covers, empty if it was made for other bytes.
    pub fn of<'a>(&self, canonical: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        canonical.get(start..start + self.len as usize).unwrap_or_default()
    }
}
