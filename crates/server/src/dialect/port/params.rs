//! The parameters of `GET /v1/audit-log`. All hold at once.
//!
//! The query finds what an index can find; [`Asked::admits`] looks at each record for what is said of it in Port's
//! words, which a record of Port may have of its own.

use serde_json::{Map, Value};
use trailbook_event::limits::{CONDITION_VALUES_MAX, PORT_DELETED_SECONDS_MAX, PORT_PAGE_EVENTS_MAX};
use trailbook_event::{ContextKey, Field, OWN_SOURCE, Uuid};
use trailbook_query::{Condition, FieldRef, Match, Page, Query, Start, params};

use super::record::{ENTITY, MEMBERS, PORT};
use super::{Name, Refusal};
use crate::auth::Reach;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) query: Query,
    /// Of the one record that is asked for.
    pub(super) identifier: Option<String>,
    entity: Option<String>,
    has_blueprint: bool,
    has_run: bool,
    includes_deleted: bool,
    origins: Vec<String>,
    resources: Vec<String>,
    includes: Vec<String>,
    action: Option<String>,
    status: Option<String>,
    action_type: Option<String>,
}

/// The resources that Port names; a verb of its own, such as `TIMER_EXPIRED`, is recorded with one of them before it.
const RESOURCES: [&str; 7] = ["blueprint", "entity", "run", "webhook", "scorecard", "action", "integration"];
const STATUSES: [&str; 2] = ["SUCCESS", "FAILURE"];
const ACTION_TYPES: [&str; 2] = ["automation", "self-service"];
/// The origin of what an automation did.
const AUTOMATION: &str = "AUTOMATION";
/// What both kinds of actions leave behind.
const OF_ACTIONS: [&str; 2] = ["run", "action"];

/// Reads the parameters. `origin`, `resources` and `includes` may repeat, every other stands once; none is split.
pub(super) fn parse(pairs: &[(String, String)]) -> Result<Asked, Refusal> {
    let mut asked = Asked::default();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if value.is_empty() {
            return Err(refused(name, "must not be empty"));
        }
        if asked.list(name, value)? {
            continue;
        }
        if pairs.iter().take(i).any(|(before, _)| before == name) {
            return Err(refused(name, "is given more than once"));
        }
        asked.one(name, value)?;
    }
    asked.check_deleted()?;
    asked.conditions();
    Ok(asked)
}

impl Default for Asked {
    fn default() -> Self {
        let page = Page { limit: PORT_PAGE_EVENTS_MAX, start: Start::Offset(0) };
        Self {
            query: Query { page, wants_total: false, ..Query::default() },
            identifier: None,
            entity: None,
            has_blueprint: false,
            has_run: false,
            includes_deleted: false,
            origins: Vec::new(),
            resources: Vec::new(),
            includes: Vec::new(),
            action: None,
            status: None,
            action_type: None,
        }
    }
}

impl Asked {
    /// Refuses what a caller that may only look up does not name.
    pub(super) fn check_reach(&self, reach: Reach) -> Result<(), Refusal> {
        if reach == Reach::All {
            return Ok(());
        }
        if self.includes_deleted {
            return Err(Refusal::new(Name::Forbidden, "include_deleted_entities needs the scope events.read"));
        }
        if self.identifier.is_none() && self.entity.is_none() && !self.has_run {
            let message = "The token has only events.lookup: one of identifier, entity and run_id is needed";
            return Err(Refusal::new(Name::Forbidden, message));
        }
        Ok(())
    }

    /// Whether a record that the query found is asked for.
    pub(super) fn admits(&self, record: &Map<String, Value>) -> bool {
        let text = |member: &str| record.get(member).and_then(Value::as_str);
        let resource = text("resourceType").unwrap_or_default();
        let is = |wanted: &Option<String>, member: &str| wanted.is_none() || wanted.as_deref() == text(member);
        let is_self_service = self.action_type.as_deref() == Some("self-service");
        (self.resources.is_empty() || self.resources.iter().any(|one| one == resource))
            && is(&self.action, "action")
            && is(&self.status, "status")
            && (!is_self_service || OF_ACTIONS.contains(&resource))
    }

    /// Whether a member of records is shown.
    pub(super) fn shows(&self, member: &str) -> bool {
        self.includes.is_empty() || self.includes.iter().any(|one| one == member)
    }

    /// Takes a value of a list; false for what is no list.
    fn list(&mut self, name: &str, value: &str) -> Result<bool, Refusal> {
        let (list, known): (_, &[&str]) = match name {
            "origin" => (&mut self.origins, &[]),
            "resources" => (&mut self.resources, &[]),
            "includes" => (&mut self.includes, &MEMBERS),
            _ => return Ok(false),
        };
        if !known.is_empty() {
            one_of(name, value, known)?;
        }
        if list.len() == CONDITION_VALUES_MAX {
            return Err(refused(name, &format!("has more than {CONDITION_VALUES_MAX} values")));
        }
        list.push(value.to_owned());
        Ok(true)
    }

    fn one(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let condition = match name {
            "blueprint" => {
                self.has_blueprint = true;
                Condition::is(Field::Context(ContextKey::Blueprint), value)
            }
            "run_id" => {
                self.has_run = true;
                Condition::is(Field::Context(ContextKey::RunId), value)
            }
            "webhookId" => Condition::is(Field::Context(ContextKey::WebhookId), value),
            "webhookEventId" => Condition::is(Field::Context(ContextKey::WebhookEventId), value),
            "InstallationId" => Condition::is(Field::Context(ContextKey::InstallationId), value),
            _ => return self.own(name, value),
        };
        self.query.conditions.push(condition);
        Ok(())
    }

    /// Takes a parameter that is more than a condition.
    fn own(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "identifier" => self.identifier = Some(value.to_owned()),
            "entity" => self.entity = Some(value.to_owned()),
            "action" => self.action = Some(value.to_owned()),
            "status" => self.status = Some(one_of(name, value, &STATUSES)?),
            "actionType" => self.action_type = Some(one_of(name, value, &ACTION_TYPES)?),
            "include_deleted_entities" => self.includes_deleted = one_of(name, value, &["true", "false"])? == "true",
            "limit" => self.query.page.limit = params::limit(name, value, PORT_PAGE_EVENTS_MAX)?,
            "from" => self.query.occurred.0 = Some(params::time(name, value)?.nanos()),
            // Both ends belong to it; ours does not.
            "to" => self.query.occurred.1 = Some(params::time(name, value)?.nanos().saturating_add(1)),
            _ => return Err(refused(name, "is not a parameter of this endpoint")),
        }
        Ok(())
    }

    fn check_deleted(&self) -> Result<(), Refusal> {
        const NAME: &str = "include_deleted_entities";
        const LENGTH_NS_MAX: i64 = PORT_DELETED_SECONDS_MAX * 1_000_000_000;
        if !self.includes_deleted {
            return Ok(());
        }
        let (Some(from), Some(to)) = self.query.occurred else {
            return Err(refused(NAME, "needs entity, blueprint, status, from and to"));
        };
        if self.entity.is_none() || !self.has_blueprint || self.status.is_none() {
            return Err(refused(NAME, "needs entity, blueprint, status, from and to"));
        }
        // The end is one after what was given.
        if to.saturating_sub(1).saturating_sub(from) > LENGTH_NS_MAX {
            return Err(refused(NAME, "needs from and to with at most a day between them"));
        }
        Ok(())
    }

    /// Turns what is asked in Port's words into conditions that hold wherever it does.
    fn conditions(&mut self) {
        let mut all = std::mem::take(&mut self.query.conditions);
        all.push(Condition::is_not(Field::Outcome, "initiated"));
        if !self.origins.is_empty() {
            all.push(Condition::is_any(Field::Source, self.origins.iter().cloned()));
        }
        if !self.origins.iter().any(|origin| origin == OWN_SOURCE) {
            all.push(Condition::is_not(Field::Source, OWN_SOURCE));
        }
        if let Some(identifier) = &self.identifier {
            all.push(named(identifier));
        }
        match &self.entity {
            // Both are met by one target, so nothing more can be said of the type.
            Some(entity) => {
                all.push(Condition::is(Field::TargetType, ENTITY));
                all.push(Condition::is(Field::TargetId, entity));
            }
            None if !self.resources.is_empty() => {
                all.push(Condition::is_any(Field::TargetType, self.resources.iter().cloned()));
            }
            None => {}
        }
        all.extend(self.action.as_deref().map(action));
        match self.status.as_deref() {
            Some("FAILURE") => all.push(Condition::is_any(Field::Outcome, ["failed", "denied"])),
            Some(_) => all.push(Condition::is(Field::Outcome, "succeeded")),
            None => {}
        }
        match self.action_type.as_deref() {
            Some("automation") => all.push(Condition::is(Field::Source, AUTOMATION)),
            Some(_) => all.push(Condition::is_not(Field::Source, AUTOMATION)),
            None => {}
        }
        self.query.conditions = all;
    }
}

/// A record of this identifier: its event's id, or what Port called it.
fn named(identifier: &str) -> Condition {
    match Uuid::try_parse(identifier).ok().filter(|id| id.to_string() == identifier) {
        Some(_) => Condition::is(Field::Id, identifier),
        None => Condition {
            field: FieldRef::Meta(vec![PORT.to_owned(), "identifier".to_owned()]),
            is_negated: false,
            any_of: vec![Match::Is(identifier.to_owned())],
        },
    }
}

/// Where an event may have an action that Port calls so.
fn action(action: &str) -> Condition {
    let verb = action.to_lowercase();
    if ["create", "update", "delete"].contains(&verb.as_str()) {
        return Condition::is(Field::ActionType, verb);
    }
    let of_resources = RESOURCES.map(|resource| format!("{resource}.{verb}"));
    Condition::is_any(Field::Action, [action.to_owned(), verb].into_iter().chain(of_resources))
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<String, Refusal> {
    if known.contains(&value) {
        return Ok(value.to_owned());
    }
    Err(refused(name, &format!("must be one of {}, not {value:?}", known.join(", "))))
}

fn refused(name: &str, reason: &str) -> Refusal {
    const SHOWN_CHARS: usize = 64;
    let name: String = name.chars().take(SHOWN_CHARS).collect();
    Refusal::new(Name::Invalid, format!("{name} {reason}"))
}
