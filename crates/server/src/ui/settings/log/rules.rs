//! Exclusion rules of the organization: making, trying, changing and removing them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::PATH;
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::confirm::Question;
use crate::ui::frame::{Frame, Section};
use crate::ui::time::grouped;
use crate::ui::visit::{Sent, Visit, encoded};

/// Where the API has them.
pub(super) const RULES: &str = "/api/v1/rules";
/// Where the form of a new one is, and is sent.
const NEW: &str = "/settings/log/rules/new";

#[derive(Template)]
#[template(path = "ui/settings/rule.html")]
struct RulePage<'a> {
    frame: Frame<'a>,
    /// What it is called until now, where there is one.
    before: Option<&'a str>,
    action: &'a str,
    typed: &'a Typed,
    trial: Option<TrialShown>,
    wrong: Option<&'a Refusal>,
    may_try: bool,
}

/// What is shown of `GET /api/v1/rules`.
#[derive(Deserialize)]
pub(super) struct Rules {
    pub(super) data: Vec<Rule>,
}

/// A rule.
#[derive(Deserialize)]
pub(super) struct Rule {
    /// One of the configuration has none.
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) actor_id: Vec<String>,
    pub(super) event_id: Vec<String>,
}

/// What was typed: a pattern a line.
#[derive(Default)]
struct Typed {
    name: String,
    actors: String,
    events: String,
}

/// A rule as the API takes it.
#[derive(Serialize)]
struct RuleBody<'a> {
    name: &'a str,
    actor_id: Vec<&'a str>,
    event_id: Vec<&'a str>,
}

/// A rule that is tried. Its name does not matter yet.
#[derive(Serialize)]
struct TrialBody<'a> {
    actor_id: Vec<&'a str>,
    event_id: Vec<&'a str>,
}

/// What the API says of a trial.
#[derive(Deserialize)]
struct Trial {
    events: u64,
    of_events: u64,
    bytes: u64,
    of_bytes: u64,
}

/// A trial in words.
struct TrialShown {
    events: String,
    of_events: String,
    share_of_events: String,
    share_of_bytes: String,
    bytes: String,
    of_bytes: String,
    is_none: bool,
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        Self { name: text("name"), actors: text("actors"), events: text("events") }
    }

    fn of_rule(rule: &Rule) -> Self {
        Self { name: rule.name.clone(), actors: rule.actor_id.join("\n"), events: rule.event_id.join("\n") }
    }

    fn body(&self) -> RuleBody<'_> {
        RuleBody { name: &self.name, actor_id: lines(&self.actors), event_id: lines(&self.events) }
    }

    fn trial(&self) -> TrialBody<'_> {
        TrialBody { actor_id: lines(&self.actors), event_id: lines(&self.events) }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

impl TrialShown {
    fn of(trial: &Trial) -> Self {
        Self {
            events: grouped(trial.events),
            of_events: grouped(trial.of_events),
            share_of_events: share(trial.events, trial.of_events),
            share_of_bytes: share(trial.bytes, trial.of_bytes),
            bytes: size(trial.bytes),
            of_bytes: size(trial.of_bytes),
            is_none: trial.events == 0,
        }
    }
}

/// `26.6 %`
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    let permille = (u128::from(part) * 1000).div_ceil(u128::from(whole));
    format!("{}.{} %", permille / 10, permille % 10)
}

/// `830 bytes`, `1.2 MB`
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} bytes"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// `GET /settings/log/rules/new`
pub(in crate::ui) async fn show_new(visit: Visit) -> Response {
    if !visit.may(Permission::RulesWrite) {
        return may_not(&visit);
    }
    let known = (None, NEW);
    form_page(&visit, known, &Typed::default(), Outcome::Nothing)
}

/// `POST /settings/log/rules/new` with `name`, `actors`, `events`, and `deed`: `save` or `try`
pub(in crate::ui) async fn create_rule(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let typed = Typed::of(&form);
    let known = (None, NEW);
    if form.text("deed") == "try" {
        return form_page(&visit, known, &typed, tried(&console, &visit, &typed).await);
    }
    match console.send(&visit, Method::POST, RULES, &typed.body()).await {
        Ok(_) => answer::lead(&visit, "/settings/log?done=created"),
        Err(refusal) => form_page(&visit, known, &typed, Outcome::Refused(refusal)),
    }
}

/// `GET /settings/log/rules/{id}`
pub(in crate::ui) async fn show_rule(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Response {
    if !visit.may(Permission::RulesWrite) {
        return may_not(&visit);
    }
    match console.get::<Rule>(&visit, &path_of(&id)).await {
        Ok(rule) => {
            let known = (Some(rule.name.as_str()), &*page_of(&id));
            form_page(&visit, known, &Typed::of_rule(&rule), Outcome::Nothing)
        }
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /settings/log/rules/{id}` with what a new one has
pub(in crate::ui) async fn change_rule(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Sent { visit, form }: Sent,
) -> Response {
    let rule: Rule = match console.get(&visit, &path_of(&id)).await {
        Ok(rule) => rule,
        Err(refusal) => return refusal.page(&visit),
    };
    let typed = Typed::of(&form);
    let known = (Some(rule.name.as_str()), &*page_of(&id));
    if form.text("deed") == "try" {
        return form_page(&visit, known, &typed, tried(&console, &visit, &typed).await);
    }
    match console.send(&visit, Method::PATCH, &path_of(&id), &typed.body()).await {
        Ok(_) => answer::lead(&visit, "/settings/log?done=saved"),
        Err(refusal) => form_page(&visit, known, &typed, Outcome::Refused(refusal)),
    }
}

/// `GET /settings/log/rules/{id}/delete`
pub(in crate::ui) async fn show_delete(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Response {
    match console.get::<Rule>(&visit, &path_of(&id)).await {
        Ok(rule) => with_question(&id, &rule.name, |question| question.ask(&visit)),
        Err(refusal) => refusal.page(&visit),
    }
}

/// `POST /settings/log/rules/{id}/delete` with `confirm`
pub(in crate::ui) async fn delete_rule(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Sent { visit, form }: Sent,
) -> Response {
    let rule: Rule = match console.get(&visit, &path_of(&id)).await {
        Ok(rule) => rule,
        Err(refusal) => return refusal.page(&visit),
    };
    if let Some(again) = with_question(&id, &rule.name, |question| question.unless_confirmed(&visit, &form)) {
        return again;
    }
    match console.delete(&visit, &path_of(&id)).await {
        Ok(_) => answer::lead(&visit, "/settings/log?done=deleted"),
        Err(refusal) => with_question(&id, &rule.name, |question| question.refused(&visit, &refusal)),
    }
}

/// How a form was answered.
enum Outcome {
    Nothing,
    Tried(TrialShown),
    Refused(Refusal),
}

async fn tried(console: &Console, visit: &Visit, typed: &Typed) -> Outcome {
    let trial = console.send(visit, Method::POST, &format!("{RULES}/trial"), &typed.trial()).await;
    let trial = trial.and_then(|trial| serde_json::from_value(trial).map_err(|_| Refusal::failed()));
    match trial {
        Ok(trial) => Outcome::Tried(TrialShown::of(&trial)),
        Err(refusal) => Outcome::Refused(refusal),
    }
}

fn form_page(visit: &Visit, (before, action): (Option<&str>, &str), typed: &Typed, outcome: Outcome) -> Response {
    let (trial, refusal) = match outcome {
        Outcome::Nothing => (None, None),
        Outcome::Tried(trial) => (Some(trial), None),
        Outcome::Refused(refusal) => (None, Some(refusal)),
    };
    let page = RulePage {
        frame: Frame::in_section(visit, Section::Settings).at(action),
        before,
        action,
        typed,
        trial,
        wrong: refusal.as_ref(),
        may_try: visit.may(Permission::EventsRead),
    };
    match &refusal {
        Some(refusal) => answer::wrong(visit, refusal.why, &page),
        None => answer::page(visit, &page),
    }
}

fn may_not(visit: &Visit) -> Response {
    let text = "Exclusion rules are changed with the permission “Manage audit logs: exclusion rules” (rules.write).";
    Refusal::new(Why::NotAllowed, text).page(visit)
}

fn path_of(id: &str) -> String {
    format!("{RULES}/{}", encoded(id))
}

fn page_of(id: &str) -> String {
    format!("{PATH}/rules/{}", encoded(id))
}

fn with_question<T>(id: &str, name: &str, ask: impl FnOnce(&Question<'_>) -> T) -> T {
    ask(&Question {
        section: Section::Settings,
        title: "Remove the rule",
        name,
        says: "Events that it kept out are recorded from now on. Those of before are not there, and do not come back.",
        button: "Remove the rule",
        action: &format!("{}/delete", page_of(id)),
        back: PATH,
    })
}

#[cfg(test)]
mod tests {
    use super::{share, size};

    #[test]
    fn shares_and_sizes_are_short() {
        assert_eq!((share(0, 0), share(0, 7), share(7, 7)), ("0 %".into(), "0.0 %".into(), "100.0 %".into()));
        assert_eq!((share(1, 3), share(1, 1_000_000)), ("33.4 %".into(), "0.1 %".into()));
        assert_eq!((size(999), size(1_250), size(1_250_000)), ("999 bytes".into(), "1.2 kB".into(), "1.2 MB".into()));
    }
}
