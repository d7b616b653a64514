//! Portal's fifteen parameters.

use trailbook_event::limits::{CONDITION_VALUES_MAX, PORTAL_PAGE_EVENTS_MAX};
use trailbook_event::{ContextKey, Field, OWN_SOURCE, Severity, Timestamp};
use trailbook_query::{Condition, Page, Query, Start, params};

use super::{Name, Refusal};

/// A request's query, and what the answer repeats of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) limit: u64,
    pub(super) offset: u64,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const DEFAULT_LIMIT: u64 = 100;

/// Reads the parameters. `severity_level` may repeat and takes commas, every other stands once and is never split.
pub(super) fn parse(pairs: &[(String, String)], now_ms: i64) -> Result<Asked, Refusal> {
    let mut asked = Asked { query: Query::default(), limit: DEFAULT_LIMIT, offset: 0 };
    let thirty_days_ago = Timestamp::from_millis(now_ms - 30 * DAY_MS);
    asked.query.occurred.0 = Some(thirty_days_ago.nanos());
    let mut severities: Vec<&str> = Vec::new();
    let mut names_source = false;
    for (i, (name, value)) in pairs.iter().enumerate() {
        if name == "severity_level" {
            severities.extend(value.split(',').map(str::trim));
            continue;
        }
        if pairs.iter().take(i).any(|(before, _)| before == name) {
            return Err(refused(name, "is given more than once"));
        }
        names_source |= name == "plugin_id";
        parameter(&mut asked, name, value)?;
    }
    if !severities.is_empty() {
        asked.query.conditions.push(severity(&severities)?);
    }
    asked.query.conditions.push(Condition::is_not(Field::Outcome, "initiated"));
    if !names_source {
        asked.query.conditions.push(Condition::is_not(Field::Source, OWN_SOURCE));
    }
    asked.query.page = Page { limit: asked.limit, start: Start::Offset(asked.offset) };
    Ok(asked)
}

fn parameter(asked: &mut Asked, name: &str, value: &str) -> Result<(), Refusal> {
    if value.is_empty() {
        return Err(refused(name, "must not be empty"));
    }
    let condition = match name {
        "plugin_id" => Condition::is(Field::Source, value),
        "event_id" => Condition::is(Field::Action, value),
        "actor_id" => Condition::is(Field::ActorId, value),
        "request_method" => Condition::is(Field::Context(ContextKey::RequestMethod), value),
        // A value with a query is the whole URL; one without is its path, whatever query followed.
        "request_url" if value.contains('?') => Condition::is(Field::Context(ContextKey::RequestUrl), value),
        "request_url" => Condition::is(Field::RequestPath, value),
        "action_type" => Condition::is(Field::ActionType, value),
        "query_type" => Condition::is(Field::QueryType, value),
        "entity_ref" => Condition::is(Field::TargetId, value),
        "status" => match value {
            "succeeded" => Condition::is(Field::Outcome, "succeeded"),
            "failed" => Condition::is_any(Field::Outcome, ["failed", "denied"]),
            _ => return Err(refused(name, &format!("must be one of succeeded, failed, not {value:?}"))),
        },
        // Agents, systems and unknown parties are services to Portal, so is an event without an actor.
        "actor_type" => match value {
            "user" => Condition::is(Field::ActorType, "user"),
            "service" => Condition::is_not(Field::ActorType, "user"),
            _ => return Err(refused(name, &format!("must be one of user, service, not {value:?}"))),
        },
        "start_time" => {
            asked.query.occurred.0 = Some(time(name, value)?);
            return Ok(());
        }
        "end_time" => {
            // Portal's end is inclusive, ours is not.
            asked.query.occurred.1 = Some(time(name, value)?.saturating_add(1));
            return Ok(());
        }
        "limit" => {
            asked.limit = params::limit(name, value, PORTAL_PAGE_EVENTS_MAX)?;
            return Ok(());
        }
        "offset" => {
            asked.offset = params::number(name, value)?;
            return Ok(());
        }
        _ => return Err(refused(name, "is not a parameter of this endpoint")),
    };
    asked.query.conditions.push(condition);
    Ok(())
}

/// Nanoseconds of a time that ends in `Z`.
fn time(name: &str, value: &str) -> Result<i64, Refusal> {
    if !value.ends_with('Z') {
        let reason = format!("must be an ISO 8601 time in UTC that ends with Z, not {value:?}");
        return Err(refused(name, &reason));
    }
    Ok(params::time(name, value)?.nanos())
}

fn severity(values: &[&str]) -> Result<Condition, Refusal> {
    const NAME: &str = "severity_level";
    if values.len() > CONDITION_VALUES_MAX {
        return Err(refused(NAME, &format!("has more than {CONDITION_VALUES_MAX} values")));
    }
    if let Some(unknown) = values.iter().find(|value| Severity::from_name(value).is_none()) {
        return Err(refused(NAME, &format!("must be one or more of low, medium, high, critical, not {unknown:?}")));
    }
    Ok(Condition::is_any(Field::Severity, values.iter().copied()))
}

fn refused(name: &str, reason: &str) -> Refusal {
    const SHOWN_CHARS: usize = 64;
    let name: String = name.chars().take(SHOWN_CHARS).collect();
    Refusal::new(Name::Input, format!("{name} {reason}"))
}

#[cfg(test)]
mod tests;
