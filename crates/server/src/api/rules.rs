//! `/api/v1/rules`: what is kept out of the organization's log: its own exclusion rules, beside those of the
//! configuration, and what a rule would have kept out.
//!
//! A rule holds from the write after it is made; nothing that is in the log goes away by it. The server's own events
//! are kept out by none.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::exclude::{Rule, Rules};
use trailbook_event::{Field, OWN_SOURCE, Severity, Uuid, json};
use trailbook_query::{Query, unescaped};
use trailbook_store::Row;
use trailbook_store::credential::Permission;
use trailbook_store::rules::{NewRule, OwnRule};
use utoipa::ToSchema;

use super::events::{refuse_parameters, uuid_of};
use super::people::{act, caller, done, found, made, read_request, time};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::own::{Deed, target, text, texts};
use crate::search::weigh;

/// How far back a rule is tried.
const TRIAL_MS: i64 = 24 * 60 * 60 * 1000;

/// An exclusion rule as it is to be. At least one of the lists has a pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleIn {
    /// What people call it, 1 to 128 characters; no other rule has the name.
    #[schema(example = "plugin reads")]
    name: String,
    /// Patterns of `actor.id`, in which `*` stands for anything; empty or absent for every actor.
    #[serde(default)]
    #[schema(example = json!(["plugin:*"]))]
    actor_id: Vec<String>,
    /// Patterns of `action`; empty or absent for every event.
    #[serde(default)]
    #[schema(example = json!(["entity-fetch", "entity-facets"]))]
    event_id: Vec<String>,
}

/// What is to be changed of a rule; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleChangeIn {
    /// What people call it.
    name: Option<String>,
    /// Patterns of `actor.id`; empty for every actor.
    actor_id: Option<Vec<String>>,
    /// Patterns of `action`; empty for every event.
    event_id: Option<Vec<String>>,
}

/// A rule that is tried. At least one of the lists has a pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTrialIn {
    /// What people will call it.
    name: Option<String>,
    /// Patterns of `actor.id`; empty or absent for every actor.
    #[serde(default)]
    #[schema(example = json!(["plugin:*"]))]
    actor_id: Vec<String>,
    /// Patterns of `action`; empty or absent for every event.
    #[serde(default)]
    event_id: Vec<String>,
}

/// An exclusion rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleOut {
    /// Its id, a UUID; one of the configuration has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What people call it, and what the answer to a write says of an event that it keeps out.
    name: String,
    /// Patterns of `actor.id`; empty for every actor.
    actor_id: Vec<String>,
    /// Patterns of `action`; empty for every event.
    event_id: Vec<String>,
    /// `configuration` for a rule of the server, which cannot be changed here; `organization`.
    origin: &'static str,
    /// When it was made; one of the configuration does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
}

/// Exclusion rules, in the order in which they decide.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleList {
    /// The rules: those of the configuration first, then the organization's, the oldest first.
    data: Vec<RuleOut>,
    /// How many there are.
    total: u64,
}

/// What a rule would have kept out, of the events that the caller sees.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleTrialOut {
    /// The events that it would have kept out.
    events: u64,
    /// All events.
    of_events: u64,
    /// The bytes of those that it would have kept out, in their canonical form.
    bytes: u64,
    /// The bytes of all.
    of_bytes: u64,
    /// The earliest `recorded_at` of the events.
    from: String,
    /// Their `recorded_at` is before this.
    to: String,
}

/// Lists the exclusion rules: those of the configuration, and the organization's own.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "settings", operation_id = "list_rules",
    security(("token" = ["settings.read"]), ("token" = ["rules.write"])),
    responses(
        (status = 200, description = "The rules", body = RuleList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks settings.read and rules.write", body = ProblemDocument),
    )
)]
pub(crate) async fn list_rules(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = reader(&app, &Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    let own = app.auth.current().rules(caller.organization());
    let data: Vec<_> =
        app.pipeline.rules().iter().map(RuleOut::fixed).chain(own.all().iter().map(RuleOut::of)).collect();
    Ok(found(&RuleList { total: data.len() as u64, data }))
}

/// Makes an exclusion rule.
///
/// From now on its events are not recorded; the answer to a write names the rule of each.
#[utoipa::path(
    post, path = "/api/v1/rules", tag = "settings", operation_id = "create_rule",
    request_body = RuleIn,
    security(("token" = ["rules.write"])),
    responses(
        (status = 201, description = "The rule", body = RuleOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks rules.write", body = ProblemDocument),
        (status = 409, description = "The name is taken", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "The organization has as many rules as may be", body = ProblemDocument),
    )
)]
pub(crate) async fn create_rule(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::RulesWrite).await?;
    let RuleIn { name, actor_id, event_id } = read_request(&app, request).await?;
    let new = NewRule { name, actors: actor_id, events: event_id };
    let id = trailbook_store::new_uuid()?;
    check(&app, &caller, id, &new)?;
    let message = format!("The exclusion rule {} was made", new.name);
    let deed = deed(&caller, ("exclusion_rule.created", "create"), message)
        .to(vec![target("exclusion_rule", id, Some(&new.name))])
        .changing(None, Some(shown(&new)));
    act(&app, deed, app.store.catalog().create_rule(caller.organization(), id, &new)).await?;
    Ok(made(&RuleOut::of(&known(&app, &caller, id)?)))
}

/// Tries a rule against the events of the last day.
///
/// It says how many of them it would have kept out, and what share of their volume that is. Only events that the caller
/// sees are counted; those that a rule kept out are not there.
#[utoipa::path(
    post, path = "/api/v1/rules/trial", tag = "settings", operation_id = "try_rule",
    request_body = RuleTrialIn,
    security(("token" = ["rules.write", "events.read"])),
    responses(
        (status = 200, description = "What it would have kept out", body = RuleTrialOut),
        (status = 400, description = "The body is malformed, or names a field that the caller's role hides",
            body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks rules.write or events.read", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 500, description = "A file that the answer needs is damaged", body = ProblemDocument),
        (status = 503, description = "It took too long, or a file could not be read", body = ProblemDocument),
    )
)]
pub(crate) async fn try_rule(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let permissions = [Permission::RulesWrite, Permission::EventsRead];
    let caller = app.auth.caller_with_all(&Asker::of(request.extensions()), &permissions).await?;
    refuse_parameters(&request)?;
    let RuleTrialIn { name, actor_id, event_id } = read_request(&app, request).await?;
    let name = name.unwrap_or_else(|| "trial".to_owned());
    let new = NewRule { name, actors: actor_id, events: event_id };
    new.check()?;
    let rules = Rules::new(&[new.config()]).map_err(|reason| Problem::new(Kind::InvalidBody, reason))?;
    let to_ms = app.clock.now_ms().saturating_add(1);
    let from_ms = to_ms.saturating_sub(TRIAL_MS);
    let query = Query { recorded: (Some(from_ms), Some(to_ms)), ..Query::default() };
    let mut fields = vec![Field::Source];
    fields.extend((!new.actors.is_empty()).then_some(Field::ActorId));
    fields.extend((!new.events.is_empty()).then_some(Field::Action));
    let weight = weigh(&app, &caller, query, &fields, move |row| keeps_out(&rules, row)).await?;
    Ok(found(&RuleTrialOut {
        events: weight.events,
        of_events: weight.of_events,
        bytes: weight.bytes,
        of_bytes: weight.of_bytes,
        from: time(from_ms),
        to: time(to_ms),
    }))
}

/// Looks at an exclusion rule of the organization.
#[utoipa::path(
    get, path = "/api/v1/rules/{id}", tag = "settings", operation_id = "get_rule",
    params(("id" = String, Path, description = "The rule's id, a UUID")),
    security(("token" = ["settings.read"]), ("token" = ["rules.write"])),
    responses(
        (status = 200, description = "The rule", body = RuleOut),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks settings.read and rules.write", body = ProblemDocument),
        (status = 404, description = "The organization has no such rule", body = ProblemDocument),
    )
)]
pub(crate) async fn get_rule(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = reader(&app, &Asker::of(request.extensions())).await?;
    refuse_parameters(&request)?;
    Ok(found(&RuleOut::of(&known(&app, &caller, uuid_of(&id)?)?)))
}

/// Changes an exclusion rule of the organization.
#[utoipa::path(
    patch, path = "/api/v1/rules/{id}", tag = "settings", operation_id = "change_rule",
    params(("id" = String, Path, description = "The rule's id, a UUID")),
    request_body = RuleChangeIn,
    security(("token" = ["rules.write"])),
    responses(
        (status = 200, description = "The rule", body = RuleOut),
        (status = 400, description = "The body is malformed, or the id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks rules.write", body = ProblemDocument),
        (status = 404, description = "The organization has no such rule", body = ProblemDocument),
        (status = 409, description = "The name is taken", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
    )
)]
pub(crate) async fn change_rule(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::RulesWrite).await?;
    let id = uuid_of(&id)?;
    let before = known(&app, &caller, id)?.rule;
    let change: RuleChangeIn = read_request(&app, request).await?;
    let new = NewRule {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        actors: change.actor_id.unwrap_or_else(|| before.actors.clone()),
        events: change.event_id.unwrap_or_else(|| before.events.clone()),
    };
    check(&app, &caller, id, &new)?;
    let message = format!("The exclusion rule {} was changed", before.name);
    let deed = deed(&caller, ("exclusion_rule.updated", "update"), message)
        .to(vec![target("exclusion_rule", id, Some(&new.name))])
        .changing(Some(shown(&before)), Some(shown(&new)));
    act(&app, deed, app.store.catalog().change_rule(caller.organization(), id, &new)).await?;
    Ok(found(&RuleOut::of(&known(&app, &caller, id)?)))
}

/// Removes an exclusion rule of the organization: what it kept out is recorded from now on.
#[utoipa::path(
    delete, path = "/api/v1/rules/{id}", tag = "settings", operation_id = "delete_rule",
    params(("id" = String, Path, description = "The rule's id, a UUID")),
    security(("token" = ["rules.write"])),
    responses(
        (status = 204, description = "The rule is not there any more"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks rules.write", body = ProblemDocument),
        (status = 404, description = "The organization has no such rule", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_rule(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::RulesWrite).await?;
    let id = uuid_of(&id)?;
    let before = known(&app, &caller, id)?.rule;
    let message = format!("The exclusion rule {} was removed", before.name);
    let deed = deed(&caller, ("exclusion_rule.deleted", "delete"), message)
        .to(vec![target("exclusion_rule", id, Some(&before.name))])
        .changing(Some(shown(&before)), None);
    act(&app, deed, app.store.catalog().remove_rule(caller.organization(), id)).await?;
    Ok(done())
}

async fn reader(app: &App, asker: &Arc<Asker>) -> Result<Caller, Problem> {
    let permissions = [Permission::SettingsRead, Permission::RulesWrite];
    Ok(app.auth.caller_with_any(asker, &permissions).await?)
}

/// The rule of an id, as this server knows it.
fn known(app: &App, caller: &Caller, id: Uuid) -> Result<OwnRule, Problem> {
    let found = app.auth.current().rules(caller.organization()).find(id).cloned();
    found.ok_or_else(|| Problem::new(Kind::NotFound, format!("there is no exclusion rule {id}")))
}

/// Refuses what cannot be, before anything is recorded: whoever reads the answer to a write knows a rule by its name.
fn check(app: &App, caller: &Caller, id: Uuid, new: &NewRule) -> Result<(), Problem> {
    new.check()?;
    let own = app.auth.current().rules(caller.organization());
    let is_taken = own.all().iter().any(|one| one.id != id && one.rule.name == new.name);
    if is_taken || app.pipeline.rules().names().any(|name| name == new.name) {
        return Err(Problem::new(Kind::Conflict, format!("there is an exclusion rule {:?} already", new.name)));
    }
    Ok(())
}

/// What is kept out of the log is not seen there, so that this was changed is.
fn deed<'a>(caller: &'a Caller, (action, action_type): (&'a str, &'a str), message: String) -> Deed<'a> {
    Deed { severity: Severity::High, ..Deed::of(caller, action, action_type, message) }
}

/// Whether rules would have kept an event out. The server's own events are kept out by none.
fn keeps_out(rules: &Rules, row: &Row<'_>) -> bool {
    let value = |field| row.values(field).next().map(|(_, value)| unescaped(value)).unwrap_or_default();
    value(Field::Source) != OWN_SOURCE && rules.find(&value(Field::ActorId), &value(Field::Action)).is_some()
}

/// A rule in an event.
fn shown(rule: &NewRule) -> json::Value<'_> {
    json::Value::Object(vec![
        ("name".into(), text(&rule.name)),
        ("actor_id".into(), texts(&rule.actors)),
        ("event_id".into(), texts(&rule.events)),
    ])
}

impl RuleOut {
    fn of(rule: &OwnRule) -> Self {
        Self {
            id: Some(rule.id.to_string()),
            name: rule.rule.name.clone(),
            actor_id: rule.rule.actors.clone(),
            event_id: rule.rule.events.clone(),
            origin: "organization",
            created_at: Some(time(rule.created_ms)),
        }
    }

    /// A rule of the configuration.
    fn fixed(rule: &Rule) -> Self {
        Self {
            id: None,
            name: rule.name().to_owned(),
            actor_id: rule.actor_patterns().map(str::to_owned).collect(),
            event_id: rule.event_patterns().map(str::to_owned).collect(),
            origin: "configuration",
            created_at: None,
        }
    }
}
