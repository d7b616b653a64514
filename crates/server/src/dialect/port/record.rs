//! An event as Port shows it.
//!
//! A record of Port comes in with what has no field under `meta.port`; laid over what the fields say it is the record
//! again.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The key of `meta` under which a record of Port has what no field has, and the source of a record without origin.
pub(super) const PORT: &str = "port";
/// The resource, and the target, that an entity is.
pub(super) const ENTITY: &str = "entity";
/// The members of a record, as `includes` names them.
pub(super) const MEMBERS: [&str; 9] =
    ["action", "context", "diff", "identifier", "resourceType", "status", "trigger", "additionalData", "message"];

/// A record of Port's audit log. What an event lacks is left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortRecord {
    /// The event's id, or what Port called the record.
    identifier: Option<String>,
    /// `CREATE`, `UPDATE`, `DELETE`, or another.
    action: Option<String>,
    /// What kind of thing it was done on.
    resource_type: Option<String>,
    /// `SUCCESS` or `FAILURE`
    status: Option<String>,
    /// Who did it, when, through what.
    #[schema(value_type = Object)]
    trigger: Option<Map<String, Value>>,
    /// On what, and in which run, webhook or integration.
    #[schema(value_type = Object)]
    context: Option<Map<String, Value>>,
    /// What was there before and after.
    #[schema(value_type = Object)]
    diff: Option<Map<String, Value>>,
    /// All else.
    #[schema(value_type = Object)]
    additional_data: Option<Map<String, Value>>,
    /// A sentence, or what went wrong.
    message: Option<String>,
}

/// Turns an event into Port's shape. The organization is the one that it is of.
pub(super) fn of(canonical: &[u8], organization: &str) -> Result<Map<String, Value>, serde_json::Error> {
    let mut event: Value = serde_json::from_slice(canonical)?;
    let is_ports = is_ports(&event);
    let mut meta = match event.get_mut("meta").map(Value::take) {
        Some(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    let left = match meta.get(PORT) {
        Some(Value::Object(_)) if is_ports => meta.remove(PORT),
        _ => None,
    };
    let event = Event { event: &event, left: left.as_ref() };
    let mut record = Map::new();
    put(&mut record, "identifier", event.text("/id").map(Value::from));
    put(&mut record, "action", Some(event.action().into()));
    put(&mut record, "resourceType", event.resource().map(Value::from));
    put(&mut record, "status", Some(event.status().into()));
    put(&mut record, "trigger", Some(event.trigger(organization).into()));
    put(&mut record, "context", some(event.context()));
    put(&mut record, "diff", event.diff());
    put(&mut record, "additionalData", some(meta));
    let message = event.text("/message").or_else(|| event.text("/error/message"));
    put(&mut record, "message", message.map(Value::from));
    if let Some(Value::Object(left)) = left {
        lay_over(&mut record, left);
    }
    Ok(record)
}

/// Whether an event may have come in as a record of Port: its action is its action type, behind a resource if there is
/// one. An event of another origin may have a key of `meta` that is called `port` too.
fn is_ports(event: &Value) -> bool {
    let text = |name| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let resource = text("action").strip_suffix(text("action_type"));
    !text("action_type").is_empty() && resource.is_some_and(|resource| resource.is_empty() || resource.ends_with('.'))
}

/// An event, and what is left of the record of Port that it was.
struct Event<'a> {
    event: &'a Value,
    left: Option<&'a Value>,
}

impl<'a> Event<'a> {
    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.event.pointer(pointer).and_then(Value::as_str)
    }

    fn left(&self, pointer: &str) -> Option<&'a str> {
        self.left.and_then(|left| left.pointer(pointer)).and_then(Value::as_str)
    }

    /// Port's verb. Events of Port have it as their action type, behind the resource in their action; others have it
    /// where it is one that Port knows.
    fn action(&self) -> String {
        let (action, kind) = (self.text("/action").unwrap_or_default(), self.text("/action_type").unwrap_or_default());
        let is_verb = ["create", "update", "delete"].contains(&kind)
            || action.strip_suffix(kind).is_some_and(|resource| !kind.is_empty() && resource.ends_with('.'));
        if is_verb { kind.to_uppercase() } else { action.to_uppercase() }
    }

    /// The first target's type, unless a record of Port had no resource at all.
    fn resource(&self) -> Option<&'a str> {
        let had_none = self.left.is_some() && self.text("/action") == self.text("/action_type");
        self.text("/targets/0/type").filter(|_| !had_none)
    }

    fn status(&self) -> &'static str {
        match self.text("/outcome") {
            Some("failed" | "denied") => "FAILURE",
            _ => "SUCCESS",
        }
    }

    fn trigger(&self, organization: &str) -> Map<String, Value> {
        let mut by = Map::new();
        // A record of Port says itself which organization of Port it is of.
        if self.left.is_none() {
            put(&mut by, "orgId", Some(organization.into()));
        }
        let (kind, id) = (self.text("/actor/type"), self.text("/actor/id"));
        let is_system = kind == Some("system");
        if is_system {
            put(&mut by, "byPort", Some(true.into()));
        }
        put(&mut by, "userId", id.filter(|id| !(is_system && *id == PORT)).map(Value::from));
        put(&mut by, "user", some(self.user()));
        let mut trigger = Map::new();
        put(&mut trigger, "by", some(by));
        put(&mut trigger, "at", self.text("/occurred_at").map(Value::from));
        put(&mut trigger, "origin", self.text("/source").filter(|source| *source != PORT).map(Value::from));
        trigger
    }

    /// The name in two parts at its first space.
    fn user(&self) -> Map<String, Value> {
        let mut user = Map::new();
        put(&mut user, "email", self.text("/actor/email").map(Value::from));
        let name =
            self.text("/actor/name").map(|name| name.split_once(' ').map_or((name, None), |(a, b)| (a, Some(b))));
        if let Some((first, last)) = name {
            put(&mut user, "firstName", Some(first.into()));
            put(&mut user, "lastName", last.map(Value::from));
        }
        user
    }

    fn context(&self) -> Map<String, Value> {
        let mut context = Map::new();
        let targets = self.event.get("targets").and_then(Value::as_array);
        let entity = targets.into_iter().flatten().find(|target| target["type"] == ENTITY);
        let entity = entity.and_then(|target| target["id"].as_str());
        for (name, value, other) in [
            ("entity", entity, "entityIdentifier"),
            ("blueprint", self.text("/context/blueprint"), "blueprintIdentifier"),
            ("runId", self.text("/context/run_id"), "run_id"),
            ("webhookId", self.text("/context/webhook_id"), "webhook_id"),
            ("webhookEventId", self.text("/context/webhook_event_id"), "webhook_event_id"),
            ("InstallationId", self.text("/context/installation_id"), "installationId"),
        ] {
            // A record that had it under another name still has it there.
            let is_there = value.is_some() && self.left(&format!("/context/{other}")) == value;
            put(&mut context, name, value.filter(|_| !is_there).map(Value::from));
        }
        context
    }

    /// Both sides, null where there was, or is, nothing.
    fn diff(&self) -> Option<Value> {
        let changes = self.event.get("changes")?;
        let side = |name| changes.get(name).cloned().unwrap_or_default();
        Some(json!({"before": side("before"), "after": side("after")}))
    }
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value);
    }
}

fn some(members: Map<String, Value>) -> Option<Value> {
    (!members.is_empty()).then_some(Value::Object(members))
}

/// Objects are joined, all else takes the place of what was there.
fn lay_over(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
