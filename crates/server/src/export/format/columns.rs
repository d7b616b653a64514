//! The columns that CSV and Parquet share: the texts of an event that it has once at most, by their names in the model.

use trailbook_event::canonical::write_value;
use trailbook_event::{Changes, ContextKey, Event, Group};

use super::object::{Object, list};

/// Columns of fields other than those of `context`.
const TEXTS: usize = 13;

const NAMES: [&str; TEXTS] = [
    "source",
    "action",
    "action_type",
    "query_type",
    "severity",
    "outcome",
    "error.name",
    "error.message",
    "actor.type",
    "actor.id",
    "actor.name",
    "actor.email",
    "message",
];

/// The names of the columns, in order.
pub(super) fn names() -> impl Iterator<Item = String> {
    let context = ContextKey::ALL.iter().map(|key| format!("context.{}", key.name()));
    NAMES.iter().map(|name| (*name).to_owned()).chain(context)
}

/// What an event has in them, in the same order.
pub(super) fn texts<'e>(event: &'e Event<'_>) -> impl Iterator<Item = Option<&'e str>> {
    let (error, actor) = (event.error.as_ref(), event.actor.as_ref());
    let own: [Option<&str>; TEXTS] = [
        Some(&event.source),
        Some(&event.action),
        event.action_type.as_deref(),
        event.query_type.as_deref(),
        Some(event.severity.name()),
        Some(event.outcome.name()),
        error.and_then(|error| error.name.as_deref()),
        error.and_then(|error| error.message.as_deref()),
        actor.map(|actor| actor.kind.name()),
        actor.and_then(|actor| actor.id.as_deref()),
        actor.and_then(|actor| actor.name.as_deref()),
        actor.and_then(|actor| actor.email.as_deref()),
        event.message.as_deref(),
    ];
    own.into_iter().chain(ContextKey::ALL.iter().map(|key| event.context.get(*key)))
}

/// `actor.groups` as JSON, as its canonical form is; nothing if there are none. So are the others.
pub(super) fn groups(event: &Event<'_>, out: &mut Vec<u8>) {
    list(event.actor.as_ref().map_or(&[], |actor| &actor.groups), out, group);
}

/// One group.
pub(super) fn group(group: &Group<'_>, object: &mut Object<'_>) {
    object.optional("id", group.id.as_deref());
    object.optional("name", group.name.as_deref());
}

/// `on_behalf_of` as JSON.
pub(super) fn on_behalf_of(event: &Event<'_>, out: &mut Vec<u8>) {
    list(&event.on_behalf_of, out, |party, object| {
        object.text("id", &party.id);
        object.optional("name", party.name.as_deref());
        object.text("type", party.kind.name());
    });
}

/// `targets` as JSON.
pub(super) fn targets(event: &Event<'_>, out: &mut Vec<u8>) {
    list(&event.targets, out, |target, object| {
        object.text("id", &target.id);
        object.optional("name", target.name.as_deref());
        object.text("type", &target.kind);
    });
}

/// `changes` as JSON.
pub(super) fn changes(event: &Event<'_>, out: &mut Vec<u8>) {
    let Some(Changes { before, after }) = &event.changes else { return };
    Object::write(out, |object| {
        for (key, value) in [("after", after), ("before", before)] {
            if let Some(value) = value {
                object.raw(key, |out| write_value(value, out));
            }
        }
    });
}

/// `meta` as JSON.
pub(super) fn meta(event: &Event<'_>, out: &mut Vec<u8>) {
    Object::write_some(out, |object| {
        event.meta.iter().for_each(|(key, value)| object.raw(key, |out| write_value(value, out)));
    });
}
