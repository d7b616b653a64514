//! What an order of the vendor's API says, as an export of ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trailbook_event::limits::{EXPORT_BODY_BYTES_MAX, SPECTRA_EXPORT_DAYS_MAX};
use trailbook_event::{OWN_SOURCE, Timestamp};
use utoipa::ToSchema;

use super::{Kind, Refusal};
use crate::api::exports::check_name;
use crate::api::problem::Problem;
use crate::auth::rights::Sight;
use crate::export::format::Format;
use crate::export::job::{FormatName, Request};
use crate::export::orders::CREATED;

/// An order of an export.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditExportIn {
    /// What people call it, 1 to 255 characters.
    #[schema(example = "April audit export")]
    name: String,
    /// The earliest time of an event; it is included.
    #[schema(example = "2026-04-01T00:00:00Z")]
    datetime_start: String,
    /// The time that events are before; at most 365 days after the start.
    #[schema(example = "2026-05-01T00:00:00Z")]
    datetime_end: String,
    /// Whether a ZIP with the events as CEF is made.
    should_create_cef: bool,
    /// Whether a ZIP with the events as NDJSON is made.
    should_create_ndjson: bool,
    /// All of them must hold; each field stands once.
    #[serde(default)]
    filters: Vec<Filter>,
}

/// A condition.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// `action`, `outcome`, `auth_context`, `resource_type`, `group_id`, `request_id`, `resource_id`, `user_id` or
    /// `user_email`
    filter_by: String,
    /// `is`, `is_not`, `is_any` or `is_not_any`, as far as the field takes it.
    operation: String,
    /// At least one; `is` and `is_not` take the first.
    values: Vec<String>,
}

const IS: &[&str] = &["is"];
const IS_OR_ANY: &[&str] = &["is", "is_any"];
const ALL: &[&str] = &["is", "is_not", "is_any", "is_not_any"];

/// The fields that can be filtered: the vendor's name, ours, and the operations that the vendor allows.
const FIELDS: [(&str, &str, &[&str]); 9] = [
    ("action", "action", ALL),
    ("outcome", "outcome", IS),
    ("auth_context", "context.channel", IS),
    ("resource_type", "target.type", ALL),
    ("group_id", "actor.groups.id", IS_OR_ANY),
    ("request_id", "context.request_id", IS),
    ("resource_id", "target.id", IS),
    ("user_id", "actor.id", IS),
    ("user_email", "actor.email", IS),
];

/// The vendor's words for outcomes, from its page and its likes, and ours.
const OUTCOMES: [(&str, &str); 9] = [
    ("successful", "succeeded"),
    ("success", "succeeded"),
    ("succeeded", "succeeded"),
    ("unsuccessful", "failed,denied"),
    ("failure", "failed,denied"),
    ("failed", "failed,denied"),
    ("denied", "denied"),
    ("SUCCESS", "succeeded"),
    ("FAILURE", "failed,denied"),
];

/// The vendor's words for where an action came from.
const CHANNELS: [(&str, &str); 6] = [
    ("portal", "portal"),
    ("api", "api"),
    ("Portal instance", "portal"),
    ("Portal API", "api"),
    ("PORTAL", "portal"),
    ("API", "api"),
];

/// Reads an order: its name, and what is asked for.
pub(super) fn read(body: &[u8], sight: Sight) -> Result<(String, Request), Refusal> {
    if body.len() > EXPORT_BODY_BYTES_MAX {
        let detail = format!("the body has {} bytes, more than {EXPORT_BODY_BYTES_MAX}", body.len());
        return Err(Refusal::new(Kind::TooLarge, detail));
    }
    let order: AuditExportIn =
        serde_json::from_slice(body).map_err(|e| Refusal::invalid(format!("the body is no export: {e}")))?;
    check_name(&order.name).map_err(Refusal::invalid)?;
    let asked = [(order.should_create_cef, Format::Cef), (order.should_create_ndjson, Format::Ndjson)];
    let formats: Vec<_> =
        asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, format)| FormatName(format)).collect();
    if formats.is_empty() {
        return Err(Refusal::invalid("one of should_create_cef and should_create_ndjson must be true"));
    }
    let mut filter = range(&order)?;
    for (i, condition) in order.filters.iter().enumerate() {
        let before = order.filters.iter().take(i);
        if before.into_iter().any(|other| other.filter_by == condition.filter_by) {
            return Err(wrong(i, format!("filter_by: {:?} stands twice", condition.filter_by)));
        }
        let (name, value) = parameter(i, condition)?;
        filter.insert(name, value);
    }
    // What has not ended is never shown, and what the server itself did only where it is asked for by name.
    filter.insert("outcome!".to_owned(), "initiated".to_owned());
    let prefix = CREATED.trim_end_matches("created");
    if !filter.get("action").is_some_and(|actions| actions.contains(prefix)) {
        filter.insert("source!".to_owned(), OWN_SOURCE.to_owned());
    }
    let request = Request { formats, filter, sight, is_of_dialect: true };
    request.query().map_err(|e| Refusal::invalid(Problem::from(e).detail()))?;
    Ok((order.name, request))
}

fn range(order: &AuditExportIn) -> Result<BTreeMap<String, String>, Refusal> {
    let (start, end) = (time("datetime_start", &order.datetime_start)?, time("datetime_end", &order.datetime_end)?);
    if start >= end {
        return Err(Refusal::invalid("datetime_start must be before datetime_end"));
    }
    const DAY_NANOS: i128 = 24 * 60 * 60 * 1_000_000_000;
    if i128::from(end.nanos()) - i128::from(start.nanos()) > i128::from(SPECTRA_EXPORT_DAYS_MAX) * DAY_NANOS {
        return Err(Refusal::invalid(format!("the range must be at most {SPECTRA_EXPORT_DAYS_MAX} days wide")));
    }
    Ok(BTreeMap::from([("from".to_owned(), start.to_string()), ("to".to_owned(), end.to_string())]))
}

/// A time as RFC 3339 writes it; without a zone it is UTC, without a time of day it is midnight.
fn time(name: &str, text: &str) -> Result<Timestamp, Refusal> {
    let forms = [text.to_owned(), format!("{text}Z"), format!("{text}T00:00:00Z")];
    let parsed = forms.iter().find_map(|form| Timestamp::parse(form).ok());
    parsed.ok_or_else(|| Refusal::invalid(format!("{name}: must be a time such as 2026-04-01T00:00:00Z, not {text:?}")))
}

/// A condition as a parameter of the native API: its name and its value.
fn parameter(i: usize, Filter { filter_by, operation, values }: &Filter) -> Result<(String, String), Refusal> {
    let Some((_, field, operations)) = FIELDS.iter().find(|(name, ..)| name == filter_by) else {
        let all = FIELDS.map(|(name, ..)| name).join(", ");
        return Err(wrong(i, format!("filter_by: must be one of {all}, not {filter_by:?}")));
    };
    if !operations.contains(&operation.as_str()) {
        let all = operations.join(", ");
        return Err(wrong(i, format!("operation: for {filter_by} it must be one of {all}, not {operation:?}")));
    }
    let (is_negated, is_list) = match operation.as_str() {
        "is_not" => (true, false),
        "is_any" => (false, true),
        "is_not_any" => (true, true),
        _ => (false, false),
    };
    let taken = if is_list { values.len() } else { 1 };
    let values =
        values.iter().take(taken).map(|value| own_value(i, filter_by, value)).collect::<Result<Vec<_>, _>>()?;
    if values.is_empty() {
        return Err(wrong(i, "values: must have at least one"));
    }
    Ok((format!("{field}{}", if is_negated { "!" } else { "" }), values.join(",")))
}

/// A value in our words, with what parameters mean something by escaped.
fn own_value(i: usize, filter_by: &str, value: &str) -> Result<String, Refusal> {
    let words: &[(&str, &str)] = match filter_by {
        "outcome" => &OUTCOMES,
        "auth_context" => &CHANNELS,
        _ if value.is_empty() => return Err(wrong(i, "values: must not be empty")),
        _ => {
            let escape = |c: char| if matches!(c, '\\' | ',' | '*') { format!("\\{c}") } else { c.to_string() };
            return Ok(value.chars().map(escape).collect());
        }
    };
    let known = words.iter().find(|(name, _)| *name == value);
    let all = || words.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known
        .map(|(_, own)| (*own).to_owned())
        .ok_or_else(|| wrong(i, format!("values: {filter_by} must be one of {}, not {value:?}", all())))
}

fn wrong(i: usize, reason: impl std::fmt::Display) -> Refusal {
    Refusal::invalid(format!("filters[{i}].{reason}"))
}
