//! What the console asks for.

use serde::Deserialize;
use trailbook_event::limits::{CONDITION_VALUES_MAX, CONDITIONS_MAX, TEXT_BYTES_MAX, WSO2_PAGE_EVENTS_MAX};
use trailbook_event::{ContextKey, Field, OWN_SOURCE, Timestamp, words};
use trailbook_query::{Condition, Order, Page, Query, Start, Term, TermKind, params};
use utoipa::ToSchema;

use super::{Name, Refusal};

/// A search. The console sends every member; an empty list or text, and a member that is left out, hold back nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Wso2Request {
    /// `succeeded`, `failed`
    outcomes: Vec<String>,
    /// Words, all of which the record's texts have.
    search_text: String,
    /// Who acted.
    user_idp_ids: Vec<String>,
    /// In which project.
    project_ids: Vec<String>,
    /// ISO 8601, inclusive; by default 30 days ago.
    start_time: Option<String>,
    /// ISO 8601, inclusive; by default no upper bound.
    end_time: Option<String>,
    /// 1 to 1,000, by default 100
    limit: u64,
    /// `asc` or `desc`, by default `desc`
    sort: String,
}

impl Default for Wso2Request {
    fn default() -> Self {
        Self {
            outcomes: Vec::new(),
            search_text: String::new(),
            user_idp_ids: Vec::new(),
            project_ids: Vec::new(),
            start_time: None,
            end_time: None,
            limit: 100,
            sort: "desc".to_owned(),
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Reads a body.
pub(super) fn query(body: &[u8], now_ms: i64) -> Result<Query, Refusal> {
    let asked: Wso2Request = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(Name::Invalid, format!("the body is not what it should be: {error}")))?;
    let mut conditions =
        vec![Condition::is_not(Field::Outcome, "initiated"), Condition::is_not(Field::Source, OWN_SOURCE)];
    conditions.extend(outcome(&asked.outcomes)?);
    conditions.extend(any_of("userIdpIds", Field::ActorId, &asked.user_idp_ids)?);
    conditions.extend(any_of("projectIds", Field::Context(ContextKey::Project), &asked.project_ids)?);
    let text = terms(&asked.search_text, CONDITIONS_MAX - conditions.len())?;
    let start = match &asked.start_time {
        Some(text) => params::time("startTime", text)?.nanos(),
        None => Timestamp::from_millis(now_ms - 30 * DAY_MS).nanos(),
    };
    Ok(Query {
        conditions,
        text,
        occurred: (Some(start), asked.end_time.as_deref().map(end).transpose()?),
        order: order(&asked.sort)?,
        page: Page { limit: limit(asked.limit)?, start: Start::Offset(0) },
        wants_total: false,
        ..Query::default()
    })
}

/// The end of the millisecond that is named: records show milliseconds, and whoever goes on from the time of the last
/// one leaves none out.
fn end(text: &str) -> Result<i64, Refusal> {
    let millis = params::time("endTime", text)?.nanos().div_euclid(1_000_000);
    Ok(millis.saturating_add(1).saturating_mul(1_000_000))
}

fn outcome(outcomes: &[String]) -> Result<Option<Condition>, Refusal> {
    let has = |name: &str| outcomes.iter().any(|one| one == name);
    if let Some(unknown) = outcomes.iter().find(|one| !["succeeded", "failed"].contains(&one.as_str())) {
        return Err(refused("outcomes", &format!("has one of succeeded and failed, or both, not {unknown:?}")));
    }
    Ok(match (has("succeeded"), has("failed")) {
        (true, false) => Some(Condition::is(Field::Outcome, "succeeded")),
        (false, true) => Some(Condition::is_any(Field::Outcome, ["failed", "denied"])),
        _ => None,
    })
}

fn any_of(name: &str, field: Field, values: &[String]) -> Result<Option<Condition>, Refusal> {
    if values.len() > CONDITION_VALUES_MAX {
        return Err(refused(name, &format!("has more than {CONDITION_VALUES_MAX} values")));
    }
    Ok((!values.is_empty()).then(|| Condition::is_any(field, values.iter().cloned())))
}

fn terms(text: &str, terms_max: usize) -> Result<Vec<Term>, Refusal> {
    const NAME: &str = "searchText";
    if text.len() > TEXT_BYTES_MAX {
        return Err(refused(NAME, &format!("has more than {TEXT_BYTES_MAX} bytes")));
    }
    let mut all: Vec<String> = Vec::new();
    words::words(text, &mut |word| all.push(word.to_owned()));
    all.sort();
    all.dedup();
    if all.is_empty() && !text.trim().is_empty() {
        return Err(refused(NAME, "holds no word: a word has 2 to 32 bytes, and long numbers and ids are none"));
    }
    if all.len() > terms_max {
        return Err(refused(NAME, &format!("has more than {terms_max} words")));
    }
    Ok(all.into_iter().map(|word| Term { is_negated: false, kind: TermKind::Word(word) }).collect())
}

fn order(sort: &str) -> Result<Order, Refusal> {
    match sort {
        "desc" => Ok(Order::Newest),
        "asc" => Ok(Order::Oldest),
        _ => Err(refused("sort", &format!("must be one of asc, desc, not {sort:?}"))),
    }
}

fn limit(limit: u64) -> Result<u64, Refusal> {
    if (1..=WSO2_PAGE_EVENTS_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(refused("limit", &format!("must be a whole number from 1 to {WSO2_PAGE_EVENTS_MAX}, not {limit}")))
}

fn refused(name: &str, reason: &str) -> Refusal {
    Refusal::new(Name::Invalid, format!("{name} {reason}"))
}
