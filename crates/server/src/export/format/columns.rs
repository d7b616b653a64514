//! The columns that CSV and Parquet share: the texts of an event that it has once at most, by their names in the model.

use trailbook_event::canonical::{write_string, write_value};
use trailbook_event::{Changes, ContextKey, Event, Group, OnBehalfOf, Target};

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

/// Texts that are there as a JSON object, or nothing if none is.
pub(super) fn members<'t>(pairs: impl IntoIterator<Item = (&'static str, Option<&'t str>)>, out: &mut Vec<u8>) {
    let mut before = b'{';
    for (key, value) in pairs {
        let Some(value) = value else { continue };
        out.push(before);
        write_string(key, out);
        out.push(b':');
        write_string(value, out);
        before = b',';
    }
    if before == b',' {
        out.push(b'}');
    }
}

/// Writes a list as JSON, or nothing if it is empty.
fn list<T>(items: &[T], each: impl Fn(&T, &mut Vec<u8>), out: &mut Vec<u8>) {
    for (i, item) in items.iter().enumerate() {
        out.push(if i == 0 { b'[' } else { b',' });
        each(item, out);
    }
    if !items.is_empty() {
        out.push(b']');
    }
}

/// `actor.groups` as JSON, as its canonical form is.
pub(super) fn groups(event: &Event<'_>, out: &mut Vec<u8>) {
    let groups: &[Group<'_>] = event.actor.as_ref().map_or(&[], |actor| &actor.groups);
    let each = |group: &Group<'_>, out: &mut Vec<u8>| {
        members([("id", group.id.as_deref()), ("name", group.name.as_deref())], out);
    };
    list(groups, each, out);
}

/// `on_behalf_of` as JSON.
pub(super) fn on_behalf_of(event: &Event<'_>, out: &mut Vec<u8>) {
    let each = |party: &OnBehalfOf<'_>, out: &mut Vec<u8>| {
        members([("id", Some(&*party.id)), ("name", party.name.as_deref()), ("type", Some(party.kind.name()))], out);
    };
    list(&event.on_behalf_of, each, out);
}

/// `targets` as JSON.
pub(super) fn targets(event: &Event<'_>, out: &mut Vec<u8>) {
    let each = |target: &Target<'_>, out: &mut Vec<u8>| {
        members([("id", Some(&*target.id)), ("name", target.name.as_deref()), ("type", Some(&*target.kind))], out);
    };
    list(&event.targets, each, out);
}

/// `changes` as JSON.
pub(super) fn changes(event: &Event<'_>, out: &mut Vec<u8>) {
    let Some(Changes { before, after }) = &event.changes else { return };
    let mut mark = b'{';
    for (key, value) in [("after", after), ("before", before)] {
        let Some(value) = value else { continue };
        out.push(mark);
        write_string(key, out);
        out.push(b':');
        write_value(value, out);
        mark = b',';
    }
    out.push(b'}');
}

/// `meta` as JSON.
pub(super) fn meta(event: &Event<'_>, out: &mut Vec<u8>) {
    if event.meta.is_empty() {
        return;
    }
    for (i, (key, value)) in event.meta.iter().enumerate() {
        out.push(if i == 0 { b'{' } else { b',' });
        write_string(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}
