//! Port's audit records, as its change log destinations and its audit log API have them.
//!
//! Source: the documentation of Port (port-labs/port-docs, January 2026): the change log's examples, `timer.md`, and
//! the names that `GET /v1/audit-log` can be asked for. What is inferred is named in `docs/dialects.md`.
//!
//! What has no field is left in `meta.port` in the record's own shape; the members of `additionalData` are those of
//! `meta`. So a record can be shown again: from the fields, with `meta.port` laid over it. A text is left there too
//! where the field would give it back in another way: a time with an offset, a status that is neither SUCCESS nor
//! FAILURE.

use crate::error::Error;
use crate::json::{Object, Value};
use crate::model::{Actor, ActorType, Channel, Context, ContextKey, Event, Outcome, Severity, Target, Text};

use super::record::{Record, TimeForm, error_or_message, own_id, text_at};
use super::{Given, check_source, new_id};

/// The key of `meta` that what has no field is left under, and the source of a record without an origin.
const PORT: &str = "port";
/// What a resource is called whose target is the entity itself.
const ENTITY: &str = "entity";

/// Whether a record names its own id, and its own time.
pub(super) fn own_members(members: &Object<'_>) -> (bool, bool) {
    (IDS.iter().any(|path| text_at(members, path).is_some()), text_at(members, &["trigger", "at"]).is_some())
}

const IDS: [&[&str]; 2] = [&["identifier"], &["id"]];

/// Reads a record.
pub(super) fn event<'a>(members: Object<'a>, given: &Given) -> Result<Event<'a>, Error> {
    let mut record = Record::new(members);
    let verb = record.required(&["action"])?;
    let action_type = verb.to_lowercase();
    record.take_where(&["action"], &action_type.to_uppercase());
    let resource = record.copy(&["resourceType"]);
    let action = match &resource {
        Some(resource) => format!("{resource}.{action_type}"),
        None => action_type.clone(),
    };
    let source = record.text(&["trigger", "origin"]).unwrap_or(PORT.into());
    check_source(&source, "/trigger/origin")?;
    let occurred_at = record.time(&["trigger", "at"], TimeForm::Text, given)?.unwrap_or(given.now);
    let id = own_id(&mut record, PORT, &IDS).unwrap_or_else(|| new_id(given));
    let outcome = outcome(&mut record);
    let (error, message) = error_or_message(record.text(&["message"]), outcome);
    let (context, targets) = places(&mut record, resource.as_ref(), channel(&source));
    let actor = actor(&mut record);
    let changes = record.changes(&["diff", "before"], &["diff", "after"])?;
    let mut meta = record.meta(&["additionalData"], PORT)?;
    record.leave(PORT, &mut meta)?;
    Ok(Event {
        id,
        occurred_at,
        source,
        action: action.into(),
        action_type: Some(action_type.into()),
        query_type: None,
        severity: Severity::Low,
        outcome,
        error,
        actor,
        on_behalf_of: Vec::new(),
        targets,
        context,
        changes,
        message,
        meta,
    })
}

/// A status that Port does not give to what has ended, such as that of a run that goes on, is of something that was
/// done, and stays in `meta`.
fn outcome(record: &mut Record<'_>) -> Outcome {
    let outcome = match record.copy(&["status"]).as_deref() {
        Some("FAILURE" | "FAILED") => Outcome::Failed,
        _ => Outcome::Succeeded,
    };
    record.take_where(&["status"], if outcome == Outcome::Failed { "FAILURE" } else { "SUCCESS" });
    outcome
}

fn channel(origin: &str) -> Option<Channel> {
    match origin {
        "UI" => Some(Channel::Portal),
        "API" => Some(Channel::Api),
        _ => None,
    }
}

/// What happened where, and on what: the resource itself first, then the entity that it belongs to.
fn places<'a>(
    record: &mut Record<'a>,
    resource: Option<&Text<'a>>,
    channel: Option<Channel>,
) -> (Context<'a>, Vec<Target<'a>>) {
    let mut context = Context::default();
    if let Some(channel) = channel {
        context.set(ContextKey::Channel, channel.name().into());
    }
    // Automations name them in another way; what they say stays, so that it can be shown again.
    let keys: [(ContextKey, &str, &str); 5] = [
        (ContextKey::Blueprint, "blueprint", "blueprintIdentifier"),
        (ContextKey::RunId, "runId", "run_id"),
        (ContextKey::WebhookId, "webhookId", "webhook_id"),
        (ContextKey::WebhookEventId, "webhookEventId", "webhook_event_id"),
        (ContextKey::InstallationId, "InstallationId", "installationId"),
    ];
    for (key, name, other) in keys {
        if let Some(text) = record.text(&["context", name]).or_else(|| record.copy(&["context", other])) {
            context.set(key, text);
        }
    }
    let entity = record.text(&["context", "entity"]).or_else(|| record.copy(&["context", "entityIdentifier"]));
    let mut targets = Vec::new();
    if let Some(kind) = resource {
        let own = match kind.as_ref() {
            ENTITY => entity.clone(),
            "blueprint" => context.copy(ContextKey::Blueprint),
            "run" => context.copy(ContextKey::RunId),
            "webhook" => context.copy(ContextKey::WebhookId),
            "integration" => context.copy(ContextKey::InstallationId),
            other => record.copy(&["context", other]),
        };
        let changed = || ["after", "before"].iter().find_map(|side| record.copy(&["diff", side, "identifier"]));
        if let Some(id) = own.or_else(changed) {
            record.take(&["resourceType"]);
            targets.push(Target { kind: kind.clone(), id, name: None });
        }
    }
    if let Some(id) = entity
        && !targets.iter().any(|target| target.kind == ENTITY)
    {
        targets.push(Target { kind: ENTITY.into(), id, name: None });
    }
    (context, targets)
}

fn actor<'a>(record: &mut Record<'a>) -> Option<Actor<'a>> {
    const BY: [&str; 2] = ["trigger", "by"];
    let by = |key| [BY[0], BY[1], key];
    let user = |key| [BY[0], BY[1], "user", key];
    let is_port = record.get(&by("byPort")) == Some(&Value::Bool(true));
    if is_port {
        record.take(&by("byPort"));
    }
    let own = match record.copy(&by("userId")) {
        // The name that we give to Port itself would not show that Port gave it too.
        Some(id) if is_port && id == PORT => Some(id),
        _ => record.text(&by("userId")),
    };
    let other = || record.copy(&user("id")).or_else(|| record.copy(&user("email")));
    let id = own.or_else(|| is_port.then(|| PORT.into())).or_else(other)?;
    let kind = match is_port {
        true => ActorType::System,
        false if id.ends_with("@clients") => ActorType::Service,
        false => ActorType::User,
    };
    let email = record.text(&user("email"));
    Some(Actor {
        kind,
        id: Some(id),
        name: name(record, user("firstName"), user("lastName")),
        email,
        groups: Vec::new(),
    })
}

/// First and last name with a space between. They stay where a name with that space could not be told apart again.
fn name<'a>(record: &mut Record<'a>, first: [&str; 4], last: [&str; 4]) -> Option<Text<'a>> {
    let (given, family) = (record.copy(&first)?, record.copy(&last));
    let can_be_parted = !given.contains(' ');
    match family {
        Some(family) => {
            if can_be_parted {
                record.take(&first);
                record.take(&last);
            }
            Some(format!("{given} {family}").into())
        }
        None if can_be_parted => record.text(&first),
        None => None,
    }
}
