//! The native form: the model's own JSON, strictly.

use crate::error::{Error, push_segment};
use crate::json::{Object, Value};
use crate::limits::{GROUPS_MAX, ON_BEHALF_OF_MAX, TARGETS_MAX};
use crate::model::{
    Actor, ActorType, Changes, Channel, Context, ContextKey, Event, Failure, Group, OnBehalfOf, Outcome, Severity,
    Target, Text,
};
use crate::time::Timestamp;
use uuid::Uuid;

use super::fields::{Inexact, array, check_free, object, one_of, text, timestamp, uuid};
use super::{Given, check_occurred_at, check_source, new_id, promote::promote};

/// Reads an event. With `given` it is a client's, and id and time may be absent; without, it is one of our own that is
/// read back, complete.
pub(super) fn event<'a>(members: Object<'a>, given: Option<&Given>) -> Result<Event<'a>, Error> {
    let mut draft = Draft::default();
    for (key, value) in members {
        draft.member(&key, value)?;
    }
    let id = draft.id.or_else(|| given.map(new_id)).ok_or_else(|| required("id"))?;
    let occurred_at = match (draft.occurred_at, given) {
        (Some(time), Some(given)) => {
            check_occurred_at(time, given, "/occurred_at")?;
            time
        }
        (Some(time), None) => time,
        (None, Some(given)) => given.now,
        (None, None) => return Err(required("occurred_at")),
    };
    let source = draft.source.ok_or_else(|| required("source"))?;
    if given.is_some() {
        check_source(&source, "/source")?;
    }
    let mut event = Event {
        id,
        occurred_at,
        source,
        action: draft.action.ok_or_else(|| required("action"))?,
        action_type: draft.action_type,
        query_type: draft.query_type,
        severity: draft.severity.unwrap_or(Severity::Low),
        outcome: draft.outcome.unwrap_or(Outcome::Succeeded),
        error: draft.error,
        actor: draft.actor,
        on_behalf_of: draft.on_behalf_of,
        targets: draft.targets,
        context: draft.context,
        changes: draft.changes,
        message: draft.message,
        meta: draft.meta,
    };
    if given.is_some() {
        promote(&mut event);
    }
    Ok(event)
}

fn required(field: &str) -> Error {
    Error::at(format!("/{field}"), "is required")
}

#[derive(Default)]
struct Draft<'a> {
    id: Option<Uuid>,
    occurred_at: Option<Timestamp>,
    source: Option<Text<'a>>,
    action: Option<Text<'a>>,
    action_type: Option<Text<'a>>,
    query_type: Option<Text<'a>>,
    severity: Option<Severity>,
    outcome: Option<Outcome>,
    error: Option<Failure<'a>>,
    actor: Option<Actor<'a>>,
    on_behalf_of: Vec<OnBehalfOf<'a>>,
    targets: Vec<Target<'a>>,
    context: Context<'a>,
    changes: Option<Changes<'a>>,
    message: Option<Text<'a>>,
    meta: Object<'a>,
}

impl<'a> Draft<'a> {
    fn member(&mut self, key: &str, value: Value<'a>) -> Result<(), Error> {
        match key {
            "id" => self.id = Some(uuid(value, "/id")?),
            "occurred_at" => self.occurred_at = Some(timestamp(value, "/occurred_at")?),
            "source" => self.source = Some(text(value, "/source")?),
            "action" => self.action = Some(text(value, "/action")?),
            "action_type" => self.action_type = Some(text(value, "/action_type")?),
            "query_type" => self.query_type = Some(text(value, "/query_type")?),
            "severity" => self.severity = Some(one_of(value, "/severity", Severity::ALL, Severity::name)?),
            "outcome" => self.outcome = Some(one_of(value, "/outcome", Outcome::ALL, Outcome::name)?),
            "error" => self.error = Some(failure(value)?),
            "actor" => self.actor = Some(actor(value)?),
            "on_behalf_of" => self.on_behalf_of = each(value, "/on_behalf_of", ON_BEHALF_OF_MAX, on_behalf_of)?,
            "targets" => self.targets = each(value, "/targets", TARGETS_MAX, target)?,
            "context" => self.context = context(value)?,
            "changes" => self.changes = changes(value)?,
            "message" => self.message = Some(text(value, "/message")?),
            "meta" => self.meta = meta(value)?,
            "organization" | "sequence" | "recorded_at" => {
                return Err(Error::at(format!("/{key}"), "is given by the server; leave it out"));
            }
            _ => return Err(unknown("", key)),
        }
        Ok(())
    }
}

fn unknown(parent: &str, key: &str) -> Error {
    let mut pointer = parent.to_owned();
    push_segment(&mut pointer, key);
    let hint = if parent.is_empty() { "; what the model has no field for goes into meta" } else { "" };
    Error::at(pointer, format!("is not a field of the model{hint}"))
}

/// Reads every item of an array with its own pointer.
fn each<'a, T>(
    value: Value<'a>,
    pointer: &str,
    items_max: usize,
    read: fn(Object<'a>, &str) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let items = array(value, pointer, items_max)?;
    let read_at = |(i, item)| {
        let pointer = format!("{pointer}/{i}");
        read(object(item, &pointer)?, &pointer)
    };
    items.into_iter().enumerate().map(read_at).collect()
}

fn failure(value: Value<'_>) -> Result<Failure<'_>, Error> {
    let mut failure = Failure { name: None, message: None };
    for (key, value) in object(value, "/error")? {
        match key.as_ref() {
            "name" => failure.name = Some(text(value, "/error/name")?),
            "message" => failure.message = Some(text(value, "/error/message")?),
            _ => return Err(unknown("/error", &key)),
        }
    }
    if failure.name.is_none() && failure.message.is_none() {
        return Err(Error::at("/error", "must have a name or a message"));
    }
    Ok(failure)
}

fn actor(value: Value<'_>) -> Result<Actor<'_>, Error> {
    let mut kind = None;
    let mut actor = Actor { kind: ActorType::User, id: None, name: None, email: None, groups: Vec::new() };
    for (key, value) in object(value, "/actor")? {
        match key.as_ref() {
            "type" => kind = Some(one_of(value, "/actor/type", ActorType::ALL, ActorType::name)?),
            "id" => actor.id = Some(text(value, "/actor/id")?),
            "name" => actor.name = Some(text(value, "/actor/name")?),
            "email" => actor.email = Some(text(value, "/actor/email")?),
            "groups" => actor.groups = each(value, "/actor/groups", GROUPS_MAX, group)?,
            _ => return Err(unknown("/actor", &key)),
        }
    }
    actor.kind = kind.ok_or_else(|| required("actor/type"))?;
    if actor.id.is_none() && actor.kind != ActorType::Anonymous {
        return Err(Error::at("/actor/id", "is required, unless the actor is anonymous"));
    }
    Ok(actor)
}

fn group<'a>(members: Object<'a>, pointer: &str) -> Result<Group<'a>, Error> {
    let mut group = Group { id: None, name: None };
    for (key, value) in members {
        match key.as_ref() {
            "id" => group.id = Some(text(value, &format!("{pointer}/id"))?),
            "name" => group.name = Some(text(value, &format!("{pointer}/name"))?),
            _ => return Err(unknown(pointer, &key)),
        }
    }
    if group.id.is_none() && group.name.is_none() {
        return Err(Error::at(pointer, "must have an id or a name"));
    }
    Ok(group)
}

fn on_behalf_of<'a>(members: Object<'a>, pointer: &str) -> Result<OnBehalfOf<'a>, Error> {
    let (mut kind, mut id, mut name) = (None, None, None);
    for (key, value) in members {
        let own = format!("{pointer}/{key}");
        match key.as_ref() {
            "type" => kind = Some(one_of(value, &own, ActorType::ALL, ActorType::name)?),
            "id" => id = Some(text(value, &own)?),
            "name" => name = Some(text(value, &own)?),
            _ => return Err(unknown(pointer, &key)),
        }
    }
    let required = |field: &str| Error::at(format!("{pointer}/{field}"), "is required");
    Ok(OnBehalfOf { kind: kind.ok_or_else(|| required("type"))?, id: id.ok_or_else(|| required("id"))?, name })
}

fn target<'a>(members: Object<'a>, pointer: &str) -> Result<Target<'a>, Error> {
    let (mut kind, mut id, mut name) = (None, None, None);
    for (key, value) in members {
        let slot = match key.as_ref() {
            "type" => &mut kind,
            "id" => &mut id,
            "name" => &mut name,
            _ => return Err(unknown(pointer, &key)),
        };
        *slot = Some(text(value, &format!("{pointer}/{key}"))?);
    }
    let required = |field: &str| Error::at(format!("{pointer}/{field}"), "is required");
    Ok(Target { kind: kind.ok_or_else(|| required("type"))?, id: id.ok_or_else(|| required("id"))?, name })
}

fn context(value: Value<'_>) -> Result<Context<'_>, Error> {
    let mut context = Context::default();
    for (name, value) in object(value, "/context")? {
        let Some(key) = ContextKey::from_name(&name) else { return Err(unknown("/context", &name)) };
        let pointer = format!("/context/{name}");
        let value = match key {
            ContextKey::Channel => one_of(value, &pointer, Channel::ALL, Channel::name)?.name().into(),
            _ => text(value, &pointer)?,
        };
        context.set(key, value);
    }
    Ok(context)
}

fn changes(value: Value<'_>) -> Result<Option<Changes<'_>>, Error> {
    let mut changes = Changes { before: None, after: None };
    for (key, mut value) in object(value, "/changes")? {
        let slot = match key.as_ref() {
            "before" => &mut changes.before,
            "after" => &mut changes.after,
            _ => return Err(unknown("/changes", &key)),
        };
        let pointer = format!("/changes/{key}");
        if value == Value::Null {
            return Err(Error::at(pointer, "must not be null; leave the field out"));
        }
        check_free(&mut value, &pointer, Inexact::Refuse)?;
        *slot = Some(value);
    }
    Ok(Some(changes).filter(|c| c.before.is_some() || c.after.is_some()))
}

fn meta(value: Value<'_>) -> Result<Object<'_>, Error> {
    let mut value = Value::Object(object(value, "/meta")?);
    check_free(&mut value, "/meta", Inexact::Refuse)?;
    object(value, "/meta")
}
