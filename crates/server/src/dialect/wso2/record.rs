//! An event as WSO2's console takes it.
//!
//! A record of WSO2 comes in with what has no field under `meta.wso2`, and with its `info` as `meta`; both are shown
//! again.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use trailbook_event::Timestamp;
use trailbook_query::Found;
use utoipa::ToSchema;

/// The key of `meta` under which a record of WSO2 has what no field has.
const WSO2: &str = "wso2";

/// One record. What an event lacks is left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wso2Record {
    /// The organization's UUID.
    org_uuid: String,
    /// When it happened: milliseconds since 1970, or the text that a record of WSO2 came in with.
    #[schema(value_type = Object)]
    timestamp: Value,
    /// Who acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_idp_id: Option<String>,
    /// When it was recorded.
    #[schema(value_type = Object)]
    event_logged_time: Value,
    /// What was done.
    action: String,
    /// What kind of thing it was done on.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_type: Option<String>,
    /// `succeeded` or `failed`
    outcome: &'static str,
    /// All else, each as a text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    info: BTreeMap<String, String>,
    /// A sentence, or what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Turns an event into the console's shape. The organization is the one that it is of.
pub(super) fn of(found: &Found, organization: &str) -> Result<Wso2Record, serde_json::Error> {
    let event: Value = serde_json::from_slice(&found.canonical)?;
    let recorded = Timestamp::from_millis(found.recorded_ms).to_string();
    Ok(of_event(&event, recorded, organization))
}

fn of_event(event: &Value, recorded: String, organization: &str) -> Wso2Record {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    // An event of another origin may have a key of this name too.
    let left = event.pointer("/meta/wso2").filter(|left| left.is_object() && event["source"] == WSO2);
    let info = info(event, left);
    let left = |member: &str| left.and_then(|left| left.get(member));
    let occurred_ms = || Timestamp::parse(&text("/occurred_at")?).ok().map(|time| time.millis().into());
    let timestamp = left("timestamp").filter(|value| value.is_string()).cloned().or_else(occurred_ms);
    Wso2Record {
        org_uuid: organization.to_owned(),
        timestamp: timestamp.unwrap_or_default(),
        user_idp_id: text("/actor/id"),
        event_logged_time: left("eventLoggedTime").cloned().unwrap_or(recorded.into()),
        action: text("/action").unwrap_or_default(),
        entity_type: left("entityType").and_then(Value::as_str).map(str::to_owned).or_else(|| text("/targets/0/type")),
        outcome: match text("/outcome").as_deref() {
            Some("failed" | "denied") => "failed",
            _ => "succeeded",
        },
        info,
        message: text("/message").or_else(|| text("/error/message")),
    }
}

/// The members of `meta`, then the actor's address and the project, which a record of WSO2 has there, then what was
/// left of its own.
fn info(event: &Value, left: Option<&Value>) -> BTreeMap<String, String> {
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    let mut info = BTreeMap::new();
    for (name, value) in members(event.get("meta")) {
        if left.is_none() || name != WSO2 {
            info.insert(name, as_text(value));
        }
    }
    for (name, pointer) in [("email", "/actor/email"), ("projectId", "/context/project")] {
        if let Some(value) = event.pointer(pointer) {
            info.insert(name.to_owned(), as_text(value.clone()));
        }
    }
    info.extend(
        members(left.and_then(|left| left.get("info"))).into_iter().map(|(name, value)| (name, as_text(value))),
    );
    info
}

/// A text as it is, all else as JSON.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_wso2_goes_out_with_all_that_it_came_in_with() {
        let mut seen = 0;
        for entry in std::fs::read_dir("../../testdata/normalise/wso2").unwrap() {
            let path = entry.unwrap().path();
            let example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let shown = of_event(&example["event"], "then".to_owned(), "own-uuid");
            let shown = serde_json::to_value(&shown).unwrap();
            for (member, value) in example["record"].as_object().unwrap() {
                let expected = match member.as_str() {
                    "orgUuid" => &Value::from("own-uuid"),
                    _ => value,
                };
                let same = &shown[member] == expected || (member == "timestamp" && shown[member].is_number());
                assert!(same, "{}: {member} {} is not {expected}", path.display(), shown[member]);
            }
            seen += 1;
        }
        assert!(seen >= 2, "the examples are not there");
    }
}
