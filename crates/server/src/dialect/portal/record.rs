//! An event as Portal shows it.

use serde::Serialize;
use serde_json::{Map, Value};
use trailbook_event::Timestamp;
use trailbook_query::Found;
use utoipa::ToSchema;

/// One audit event of Portal's API; every field is always there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEvent {
    id: String,
    event_time: String,
    recorded_at: String,
    plugin_id: String,
    event_id: String,
    severity_level: String,
    /// `succeeded` or `failed`
    status: &'static str,
    /// `user` or `service`
    actor_type: &'static str,
    #[schema(required)]
    actor_id: Option<String>,
    #[schema(required)]
    request_method: Option<String>,
    #[schema(required)]
    request_url: Option<String>,
    #[schema(required)]
    action_type: Option<String>,
    #[schema(required)]
    query_type: Option<String>,
    #[schema(required)]
    entity_ref: Option<String>,
    #[schema(value_type = Object)]
    meta: Map<String, Value>,
}

/// Turns an event into Portal's shape.
pub(super) fn of(found: &Found) -> Result<AuditEvent, serde_json::Error> {
    let event: Value = serde_json::from_slice(&found.canonical)?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let required = |pointer: &str| text(pointer).unwrap_or_default();
    let status = match required("/outcome").as_str() {
        "failed" | "denied" => "failed",
        _ => "succeeded",
    };
    let actor_type = if text("/actor/type").as_deref() == Some("user") { "user" } else { "service" };
    Ok(AuditEvent {
        id: required("/id"),
        event_time: required("/occurred_at"),
        recorded_at: Timestamp::from_millis(found.recorded_ms).to_string(),
        plugin_id: required("/source"),
        event_id: required("/action"),
        severity_level: required("/severity"),
        status,
        actor_type,
        actor_id: text("/actor/id"),
        request_method: text("/context/request_method"),
        request_url: text("/context/request_url"),
        action_type: text("/action_type"),
        query_type: text("/query_type"),
        entity_ref: text("/targets/0/id"),
        meta: meta(&event),
    })
}

/// The event's own meta, and its error under `error`, unless the meta has a key of that name.
fn meta(event: &Value) -> Map<String, Value> {
    let mut meta = event.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(error) = event.get("error") {
        meta.entry("error").or_insert_with(|| error.clone());
    }
    meta
}
