//! Audit records of the Spectra Assure Portal.
//!
//! The vendor documents which columns its page shows and what its export can be asked for, and not how a record of the
//! export is written. So members are taken by the names that the export's filters have (`user_email`, `resource_type`),
//! and by the titles of the page's columns (`User Email`, `Target Type`), in any case. What is inferred is named in
//! `docs/dialects.md`.
//!
//! The members of `info` are those of `meta`; what else has no field is left in `meta.spectra`.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::json::Object;
use crate::model::{Actor, ActorType, Channel, Context, ContextKey, Event, Group, Outcome, Severity, Target, Text};
use crate::vocabulary::spectra;

use super::record::{Record, TimeForm, error_or_message, is_text, own_id};
use super::{Given, new_id};

/// The source of these events, and the key of `meta` that what has no field is left under.
const SPECTRA: &str = "spectra";

/// Titles of columns, in the form of [`plain`], and the names that their members have here.
const TITLES: [(&str, &str); 10] = [
    ("authentication_context", "auth_context"),
    ("target_type", "resource_type"),
    ("target_name", "resource_name"),
    ("target", "resource_name"),
    ("group", "group_name"),
    ("project", "project_name"),
    ("package", "package_name"),
    ("ip", "ip_address"),
    ("user_name", "user"),
    ("time", "timestamp"),
];

/// The members that a record is looked through for.
const NAMES: [&str; 17] = [
    "id",
    "timestamp",
    "action",
    "outcome",
    "auth_context",
    "user",
    "user_id",
    "user_email",
    "resource_type",
    "resource_id",
    "resource_name",
    "group_id",
    "group_name",
    "project_name",
    "package_name",
    "request_id",
    "ip_address",
];

/// Whether a record names its own id, and its own time.
pub(super) fn own_members(members: &Object<'_>) -> (bool, bool) {
    let has = |name: &str| members.iter().any(|(key, value)| name_of(key) == Some(name) && is_text(value));
    (has("id"), has("timestamp"))
}

/// A title as a name: `User Email` is `user_email`.
fn plain(key: &str) -> String {
    key.to_lowercase().replace([' ', '-'], "_")
}

/// The name here of a member, whatever it is called.
fn name_of(key: &str) -> Option<&'static str> {
    let plain = plain(key);
    let titled = TITLES.iter().find(|(title, _)| *title == plain).map(|(_, name)| *name);
    titled.or_else(|| NAMES.iter().copied().chain(["info"]).find(|name| *name == plain))
}

/// Gives every member the name that it has here, unless another has it already.
fn renamed(mut members: Object<'_>) -> Object<'_> {
    let own = |key: &str| name_of(key).filter(|name| *name == key);
    let mut given: BTreeSet<&str> = members.iter().filter_map(|(key, _)| own(key)).collect();
    for (key, _) in &mut members {
        if let Some(name) = name_of(key)
            && given.insert(name)
        {
            *key = name.into();
        }
    }
    members
}

/// Reads a record.
pub(super) fn event<'a>(members: Object<'a>, given: &Given) -> Result<Event<'a>, Error> {
    let mut record = Record::new(renamed(members));
    let action = record.required(&["action"])?;
    record.take(&["action"]);
    let occurred_at = record.time(&["timestamp"], TimeForm::Text, given)?.unwrap_or(given.now);
    let outcome = outcome(&mut record)?;
    let (error, message) = error_or_message(said(&mut record, outcome), outcome);
    let id = own_id(&mut record, SPECTRA, &[&["id"]]).unwrap_or_else(|| new_id(given));
    let target = target(&mut record, &action);
    let context = context(&mut record);
    let actor = actor(&mut record);
    let changes = record.changes(&["info", "changes", "before"], &["info", "changes", "after"])?;
    let mut meta = record.meta(&["info"], SPECTRA)?;
    record.leave(SPECTRA, &mut meta)?;
    Ok(Event {
        id,
        occurred_at,
        source: SPECTRA.into(),
        action,
        action_type: None,
        query_type: None,
        severity: Severity::Low,
        outcome,
        error,
        actor,
        on_behalf_of: Vec::new(),
        targets: target.into_iter().collect(),
        context,
        changes,
        message,
        meta,
    })
}

/// The page's words, and the others that mean the same.
const OUTCOMES: [(&str, Outcome); 8] = [
    ("successful", Outcome::Succeeded),
    ("unsuccessful", Outcome::Failed),
    ("succeeded", Outcome::Succeeded),
    ("success", Outcome::Succeeded),
    ("failed", Outcome::Failed),
    ("failure", Outcome::Failed),
    ("error", Outcome::Failed),
    ("denied", Outcome::Denied),
];

fn outcome(record: &mut Record<'_>) -> Result<Outcome, Error> {
    let outcome = record.outcome(&["outcome"], &OUTCOMES)?;
    match outcome {
        Outcome::Succeeded => record.take_where(&["outcome"], "successful"),
        Outcome::Failed => record.take_where(&["outcome"], "unsuccessful"),
        _ => record.take_where(&["outcome"], "denied"),
    }
    Ok(outcome)
}

/// What a record says in words: the error of what was unsuccessful, or an info that is a text.
fn said<'a>(record: &mut Record<'a>, outcome: Outcome) -> Option<Text<'a>> {
    if let Some(text) = record.text(&["info"]) {
        return Some(text);
    }
    match outcome {
        Outcome::Succeeded => record.text(&["info", "message"]),
        _ => ["error_message", "error", "message"].iter().find_map(|key| record.text(&["info", key])),
    }
}

/// The target that is named, of the type that is named, or else of the type that the action has.
fn target<'a>(record: &mut Record<'a>, action: &str) -> Option<Target<'a>> {
    let own = record.copy(&["resource_type"]);
    let kind = own.or_else(|| spectra::target_type(action).map(|known| known.name().into()))?;
    let (id, name) = (record.text(&["resource_id"]), record.text(&["resource_name"]));
    let (id, name) = match (id, name) {
        (Some(id), name) => (id, name),
        (None, Some(name)) => (name, None),
        (None, None) => return None,
    };
    record.take_where(&["resource_type"], &kind);
    Some(Target { kind, id, name })
}

fn context<'a>(record: &mut Record<'a>) -> Context<'a> {
    let mut context = Context::default();
    let keys: [(ContextKey, &[&[&str]]); 5] = [
        (ContextKey::Project, &[&["project_name"]]),
        (ContextKey::Package, &[&["package_name"]]),
        (ContextKey::RequestId, &[&["request_id"]]),
        (ContextKey::Ip, &[&["ip_address"], &["info", "ip_address"], &["info", "ip"]]),
        (ContextKey::UserAgent, &[&["info", "user_agent"]]),
    ];
    for (key, paths) in keys {
        if let Some(text) = paths.iter().find_map(|path| record.text(path)) {
            context.set(key, text);
        }
    }
    let channel = record.copy(&["auth_context"]).and_then(|text| match plain(&text).as_str() {
        "portal_instance" | "portal" => Some((Channel::Portal, "Portal instance")),
        "portal_api" | "api" => Some((Channel::Api, "Portal API")),
        _ => None,
    });
    if let Some((channel, text)) = channel {
        context.set(ContextKey::Channel, channel.name().into());
        record.take_where(&["auth_context"], text);
    }
    context
}

/// The user, who may be known by an id, an address or a name, and the group that the record names.
fn actor<'a>(record: &mut Record<'a>) -> Option<Actor<'a>> {
    let user = record.copy(&["user"]);
    let is_address = user.as_deref().is_some_and(|user| user.contains('@'));
    let email = record.copy(&["user_email"]).or_else(|| user.clone().filter(|_| is_address));
    let name = user.filter(|_| !is_address);
    let id = record.text(&["user_id"]).or_else(|| email.clone()).or_else(|| name.clone())?;
    if let Some(email) = &email {
        record.take_where(&["user_email"], email);
        record.take_where(&["user"], email);
    }
    if let Some(name) = &name {
        record.take_where(&["user"], name);
    }
    let group = Group { id: record.text(&["group_id"]), name: record.text(&["group_name"]) };
    let groups = if group.id.is_some() || group.name.is_some() { vec![group] } else { Vec::new() };
    Some(Actor { kind: ActorType::User, id: Some(id), name, email, groups })
}
