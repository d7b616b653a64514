//! The audit lines of a Backstage backend, as its root logger prints them in production: one JSON object a line.
//!
//! Source: `@backstage/backend-defaults` 0.18, `entrypoints/auditor`. An operation logs `initiated`, then `succeeded`
//! or
//! `failed`, with `plugin`, `eventId`, `severityLevel`, `actor`, `request` and `meta`; a failure adds the error's
//! `name` and `stack` and appends its message to `<plugin>.<eventId>`.
//!
//! Two keys are ours: `id` and `timestamp`, which a sender may add so that a line can be sent twice and keeps its time.
//! What the model has no field for goes into `meta`, but for `level`, `service` and `stack`.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::json::{Object, Value};
use crate::model::{Actor, ActorType, Context, ContextKey, Event, Failure, Outcome, Severity, Text};
use crate::time::Timestamp;

use super::fields::{Inexact, check_free, object, one_of, text, timestamp, uuid};
use super::{Given, check_occurred_at, check_source, new_id, promote::promote};

/// What a JSON object is to Backstage.
pub(super) enum Line {
    /// An audit record.
    Audit,
    /// Another line of its log.
    Ordinary,
    /// Nothing of its.
    Foreign,
}

impl Line {
    pub(super) fn of(members: &Object<'_>) -> Self {
        let get = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let marked = |name| get(name) == Some(&Value::Bool(true));
        if marked("isAuditEvent") || marked("isAuditorEvent") {
            return Line::Audit;
        }
        let is_text = |name| matches!(get(name), Some(Value::String(_)));
        // Backstage's root logger gives every line a `service`, and a plugin's logger a `plugin` too.
        let is_logged = is_text("level") && is_text("message") && (is_text("service") || is_text("plugin"));
        if is_logged && get("source").is_none() { Line::Ordinary } else { Line::Foreign }
    }
}

/// Reads an audit record.
pub(super) fn event<'a>(members: Object<'a>, given: &Given) -> Result<Event<'a>, Error> {
    let mut record = Record::default();
    let mut rest: Object<'a> = Vec::new();
    for (key, value) in members {
        // Loggers write what they do not know as null.
        if value == Value::Null {
            continue;
        }
        if let Some(other) = record.member(&key, value)? {
            rest.push((key, other));
        }
    }
    record.finish(rest, given)
}

#[derive(Default)]
struct Record<'a> {
    id: Option<uuid::Uuid>,
    timestamp: Option<Timestamp>,
    plugin: Option<Text<'a>>,
    event_id: Option<Text<'a>>,
    severity: Option<Severity>,
    status: Option<Outcome>,
    actor_id: Option<Text<'a>>,
    context: Context<'a>,
    meta: Object<'a>,
    message: Option<Text<'a>>,
    error_name: Option<Text<'a>>,
    error_text: Option<Text<'a>>,
    stack: Option<Text<'a>>,
}

impl<'a> Record<'a> {
    /// Takes a member that has a place, and gives back one that has none.
    fn member(&mut self, key: &str, value: Value<'a>) -> Result<Option<Value<'a>>, Error> {
        match key {
            "id" => self.id = Some(uuid(value, "/id")?),
            "timestamp" => self.timestamp = Some(logged_time(value)?),
            "plugin" => self.plugin = Some(text(value, "/plugin")?),
            "eventId" => self.event_id = Some(text(value, "/eventId")?),
            "severityLevel" => {
                self.severity = Some(one_of(value, "/severityLevel", Severity::ALL, Severity::name)?);
            }
            "status" => self.status = Some(one_of(value, "/status", &STATUSES, Outcome::name)?),
            "actor" => self.actor(object(value, "/actor")?)?,
            "request" => self.request(object(value, "/request")?)?,
            "meta" => {
                let mut meta = Value::Object(object(value, "/meta")?);
                check_free(&mut meta, "/meta", Inexact::AsText)?;
                self.meta = object(meta, "/meta")?;
            }
            "message" => self.message = optional_text(value, "/message")?,
            "name" => self.error_name = optional_text(value, "/name")?,
            "stack" => self.stack = optional_text(value, "/stack")?,
            "error" => match value {
                Value::String(text) => self.error_text = Some(text),
                other => return Ok(Some(other)),
            },
            "trace_id" => match value {
                Value::String(text) if !text.is_empty() => self.context.set(ContextKey::TraceId, text),
                other => return Ok(Some(other)),
            },
            "isAuditEvent" | "isAuditorEvent" | "level" | "service" => {}
            _ => return Ok(Some(value)),
        }
        Ok(None)
    }

    fn actor(&mut self, members: Object<'a>) -> Result<(), Error> {
        for (key, value) in members {
            match key.as_ref() {
                "actorId" => self.actor_id = optional_text(value, "/actor/actorId")?,
                "ip" => self.context_member(ContextKey::Ip, value, "/actor/ip")?,
                "hostname" => self.context_member(ContextKey::Hostname, value, "/actor/hostname")?,
                "userAgent" => self.context_member(ContextKey::UserAgent, value, "/actor/userAgent")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn request(&mut self, members: Object<'a>) -> Result<(), Error> {
        for (key, value) in members {
            match key.as_ref() {
                "method" => self.context_member(ContextKey::RequestMethod, value, "/request/method")?,
                "url" => self.context_member(ContextKey::RequestUrl, value, "/request/url")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn context_member(&mut self, key: ContextKey, value: Value<'a>, pointer: &str) -> Result<(), Error> {
        if let Some(text) = optional_text(value, pointer)? {
            self.context.set(key, text);
        }
        Ok(())
    }

    fn finish(mut self, rest: Object<'a>, given: &Given) -> Result<Event<'a>, Error> {
        let required = |field: &str| Error::at(format!("/{field}"), "is required in an audit line");
        let outcome = self.status.ok_or_else(|| required("status"))?;
        let source = self.plugin.take().ok_or_else(|| required("plugin"))?;
        let action = self.event_id.take().ok_or_else(|| required("eventId"))?;
        check_source(&source, "/plugin")?;
        if let Some(time) = self.timestamp {
            check_occurred_at(time, given, "/timestamp")?;
        }
        let said = self.message.take().and_then(|message| after_prefix(message, &source, &action));
        let (error, message) = match outcome {
            Outcome::Failed => (self.failure(said), None),
            _ => (None, said),
        };
        let mut event = Event {
            id: self.id.unwrap_or_else(|| new_id(given)),
            occurred_at: self.timestamp.unwrap_or(given.now),
            source,
            action,
            action_type: None,
            query_type: None,
            severity: self.severity.unwrap_or(Severity::Low),
            outcome,
            error,
            actor: self.actor_id.map(actor_of),
            on_behalf_of: Vec::new(),
            targets: Vec::new(),
            context: self.context,
            changes: None,
            message,
            meta: self.meta,
        };
        keep_rest(&mut event.meta, rest)?;
        promote(&mut event);
        Ok(event)
    }

    /// The error of a failed line: its message is what the line says after its prefix, in older releases the text of
    /// `error`; its name is `name`, else what the stack or that text begins with.
    fn failure(&mut self, said: Option<Text<'a>>) -> Option<Failure<'a>> {
        let (text_name, text_message) = match self.error_text.take() {
            Some(text) => match class_of(&text) {
                Some(class) => {
                    let rest = text.get(class.len()..).unwrap_or_default();
                    let message = rest.strip_prefix(": ").unwrap_or(rest).to_owned();
                    (Some(Text::Owned(class.to_owned())), Some(Text::Owned(message)).filter(|m| !m.is_empty()))
                }
                None => (None, Some(text)),
            },
            None => (None, None),
        };
        let from_stack = self.stack.as_deref().and_then(class_of).map(|class| Text::Owned(class.to_owned()));
        let name = self.error_name.take().or(from_stack).or(text_name);
        let message = said.or(text_message);
        (name.is_some() || message.is_some()).then_some(Failure { name, message })
    }
}

const STATUSES: [Outcome; 3] = [Outcome::Initiated, Outcome::Succeeded, Outcome::Failed];

/// `user:default/jane` is a user; every other principal of Backstage is a service.
fn actor_of(id: Text<'_>) -> Actor<'_> {
    let kind = if id.starts_with("user:") { ActorType::User } else { ActorType::Service };
    Actor { kind, id: Some(id), name: None, email: None, groups: Vec::new() }
}

/// What follows `<plugin>.<eventId>` in a line's message, if anything does.
fn after_prefix<'a>(message: Text<'a>, plugin: &str, event_id: &str) -> Option<Text<'a>> {
    let rest = message.strip_prefix(plugin).and_then(|m| m.strip_prefix('.')).and_then(|m| m.strip_prefix(event_id));
    match rest {
        Some("") => None,
        Some(rest) => match rest.strip_prefix(' ') {
            Some("") => None,
            Some(said) => Some(Text::Owned(said.to_owned())),
            None => Some(message),
        },
        None => Some(message),
    }
}

/// The error class that a stack begins with: `NotFoundError: …` gives `NotFoundError`.
fn class_of(stack: &str) -> Option<&str> {
    let line = stack.lines().next()?;
    let class = line.split_once(": ").map_or(line, |(class, _)| class);
    let is_identifier = class.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && class.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.'));
    is_identifier.then_some(class)
}

/// Puts what the model has no field for into `meta`, under its own key unless the meta has it.
fn keep_rest<'a>(meta: &mut Object<'a>, mut rest: Object<'a>) -> Result<(), Error> {
    if rest.is_empty() {
        return Ok(());
    }
    let taken: BTreeSet<&str> = meta.iter().map(|(key, _)| key.as_ref()).collect();
    rest.retain(|(key, _)| !taken.contains(key.as_ref()));
    // In the line they lie as deep as they will in the meta.
    let mut rest = Value::Object(rest);
    check_free(&mut rest, "", Inexact::AsText)?;
    meta.append(&mut object(rest, "")?);
    Ok(())
}

/// A string, with the empty one and null read as absent: Backstage writes what it has.
fn optional_text<'a>(value: Value<'a>, pointer: &str) -> Result<Option<Text<'a>>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        other => text(other, pointer).map(Some),
    }
}

/// A line's own time: RFC 3339, or `YYYY-MM-DD HH:mm:ss` as Backstage's logger writes it, read as UTC.
fn logged_time(value: Value<'_>) -> Result<Timestamp, Error> {
    if let Value::String(text) = &value
        && text.len() == 19
        && let Ok(time) = Timestamp::parse(&format!("{text}Z"))
    {
        return Ok(time);
    }
    timestamp(value, "/timestamp")
}
