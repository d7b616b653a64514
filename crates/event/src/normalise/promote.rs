//! The keys of `meta` that are fields of the event: `actionType`, `queryType` and `entityRef`.
//!
//! Backstage's auditor has no other place for them, and the Portal shows them as columns. They are promoted when they
//! are strings, whatever dialect brought them. What the event says itself stands: a key that differs stays in `meta`.

use crate::json::{Object, Value};
use crate::limits::TARGETS_MAX;
use crate::model::{Event, Target, Text};

/// The type of a target that `entityRef` names.
const ENTITY: &str = "entity";

/// Moves the three keys to their fields.
pub(super) fn promote(event: &mut Event<'_>) {
    if let Some(text) = take(&mut event.meta, "actionType", event.action_type.as_ref()) {
        event.action_type = Some(text);
    }
    if let Some(text) = take(&mut event.meta, "queryType", event.query_type.as_ref()) {
        event.query_type = Some(text);
    }
    let named = |target: &Target<'_>, id: &str| target.kind == ENTITY && target.id == id;
    let Some(at) = event.meta.iter().position(|(key, _)| key == "entityRef") else { return };
    let Some((_, Value::String(id))) = event.meta.get(at) else { return };
    let known = event.targets.iter().any(|target| named(target, id));
    if id.is_empty() || (!known && event.targets.len() == TARGETS_MAX) {
        return;
    }
    let (_, value) = event.meta.remove(at);
    if let Value::String(id) = value
        && !known
    {
        event.targets.push(Target { kind: ENTITY.into(), id, name: None });
    }
}

/// Takes a string out of `meta`, unless the event's own field says something else.
fn take<'a>(meta: &mut Object<'a>, key: &str, own: Option<&Text<'a>>) -> Option<Text<'a>> {
    let at = meta.iter().position(|(k, _)| k == key)?;
    match meta.get(at) {
        Some((_, Value::String(text))) if !text.is_empty() && own.is_none_or(|own| own == text) => {}
        _ => return None,
    }
    match meta.remove(at).1 {
        Value::String(text) => Some(text),
        _ => None,
    }
}
