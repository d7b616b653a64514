//! Audit records of WSO2's platforms: API Platform (Bijira) and Choreo.
//!
//! Source: the contract of the vendor's console for `POST …/audit-logs`; there is no published one. What is inferred is
//! named in `docs/dialects.md`.
//!
//! The members of `info` are those of `meta`; what else has no field is left in `meta.wso2`, also the organization's
//! UUID, which decides nothing here.

use crate::error::Error;
use crate::json::{Object, Value};
use crate::model::{Actor, ActorType, Context, ContextKey, Event, Outcome, Severity, Target, Text};
use crate::vocabulary::wso2;

use super::record::{Record, TimeForm, error_or_message, is_text, own_id};
use super::{Given, new_id};

/// The source of these events, and the key of `meta` that what has no field is left under.
const WSO2: &str = "wso2";

/// Whether a record names its own id, and its own time.
pub(super) fn own_members(members: &Object<'_>) -> (bool, bool) {
    let has = |name: &str, is: fn(&Value<'_>) -> bool| members.iter().any(|(key, value)| key == name && is(value));
    (has("id", is_text), has("timestamp", |value| *value != Value::Null))
}

/// Reads a record.
pub(super) fn event<'a>(members: Object<'a>, given: &Given) -> Result<Event<'a>, Error> {
    let mut record = Record::new(members);
    let occurred_at = record.time(&["timestamp"], TimeForm::TextOrMillis, given)?.unwrap_or(given.now);
    let outcome = record.outcome(&["outcome"], &OUTCOMES)?;
    record.take_where(&["outcome"], outcome.name());
    // The console shows the message where there is no action.
    let action = match (record.get(&["action"]), record.copy(&["message"])) {
        (None | Some(Value::Null), Some(message)) => message,
        _ => record.required(&["action"])?,
    };
    record.take(&["action"]);
    let known = wso2::operation(&action).filter(|operation| !operation.action_type.is_empty());
    let (error, message) = error_or_message(record.text(&["message"]), outcome);
    let id = own_id(&mut record, WSO2, &[&["id"]]).unwrap_or_else(|| new_id(given));
    let targets = targets(&mut record);
    let actor = actor(&mut record);
    let mut context = Context::default();
    if let Some(project) = record.text(&["info", "projectId"]) {
        context.set(ContextKey::Project, project);
    }
    let mut meta = record.meta(&["info"], WSO2)?;
    record.leave(WSO2, &mut meta)?;
    Ok(Event {
        id,
        occurred_at,
        source: WSO2.into(),
        action,
        action_type: known.map(|operation| operation.action_type.into()),
        query_type: None,
        severity: Severity::Low,
        outcome,
        error,
        actor,
        on_behalf_of: Vec::new(),
        targets,
        context,
        changes: None,
        message,
        meta,
    })
}

const OUTCOMES: [(&str, Outcome); 2] = [("succeeded", Outcome::Succeeded), ("failed", Outcome::Failed)];

/// What `info` may name an entity by, and what the entity is where the record does not say it.
const ENTITIES: [(&str, &str); 4] =
    [("componentId", "component"), ("role", "role"), ("userIdpId", "user"), ("projectId", "project")];

/// The entity, by the member of `info` that has its name (`componentId` of a `COMPONENT`), else by the first that names
/// any; and the member of the organization that something was done to. They stay in `info`.
fn targets<'a>(record: &mut Record<'a>) -> Vec<Target<'a>> {
    let named = |record: &Record<'a>, key: &str| record.copy(&["info", key]);
    let own = record.copy(&["entityType"]);
    let of_own = own.as_deref().and_then(|own| {
        let plain = own.to_lowercase();
        named(record, &format!("{plain}Id")).or_else(|| named(record, &plain))
    });
    let first = || ENTITIES.iter().find_map(|(key, kind)| Some((named(record, key)?, *kind)));
    let found = match (own, of_own) {
        (Some(kind), Some(id)) => Some((kind, id)),
        (Some(kind), None) => first().map(|(id, _)| (kind, id)),
        (None, _) => first().map(|(id, kind)| (Text::from(kind), id)),
    };
    let mut targets = Vec::new();
    if let Some((kind, id)) = found {
        let name = named(record, "roleDisplayName").filter(|_| named(record, "role").is_some_and(|role| role == id));
        record.take_where(&["entityType"], &kind);
        targets.push(Target { kind, id, name });
    }
    if let Some(id) = other_user(record)
        && !targets.iter().any(|target| target.id == id)
    {
        targets.push(Target { kind: "user".into(), id, name: None });
    }
    targets
}

/// The user in `info`, where it is not the one who acted.
fn other_user<'a>(record: &Record<'a>) -> Option<Text<'a>> {
    let other = record.copy(&["info", "userIdpId"])?;
    (record.copy(&["userIdpId"])? != other).then_some(other)
}

/// Who acted. The address in `info` is theirs, unless `info` names another user.
fn actor<'a>(record: &mut Record<'a>) -> Option<Actor<'a>> {
    let is_own = other_user(record).is_none();
    let email = record.copy(&["info", "email"]).filter(|_| is_own);
    let id = record.text(&["userIdpId"]).or_else(|| email.clone())?;
    if email.is_some() {
        record.take(&["info", "email"]);
    }
    Some(Actor { kind: ActorType::User, id: Some(id), name: None, email, groups: Vec::new() })
}
