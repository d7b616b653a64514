//! The editor of one filter: an operator, and values of which those that occur are offered with their counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use trailbook_event::Field;
use trailbook_event::limits::CONDITION_VALUES_MAX;
use trailbook_event::vocabulary::{spectra, wso2};
use trailbook_query::{Condition, Error, FieldRef, Match, fields as known};

use super::fields;
use super::row::middle;
use super::view::View;
use super::{default_range, pairs};
use crate::search;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::filters;
use crate::ui::frame::{Frame, Section};
use crate::ui::time::grouped;
use crate::ui::visit::Visit;

/// Values that are offered.
const OFFERED_MAX: usize = 100;
/// How much of a value a line shows.
const SHOWN_CHARS: usize = 60;

#[derive(Template)]
#[template(path = "ui/filter.html")]
struct FilterPage<'a> {
    frame: Frame<'a>,
    form: FilterForm,
}

#[derive(Template)]
#[template(path = "ui/filter_form.html")]
struct FilterForm {
    /// The parameters of the view, to be sent along.
    kept: Vec<(String, String)>,
    label: String,
    field: String,
    /// Which of the view's conditions it takes the place of.
    number: Option<usize>,
    operators: Vec<Operator>,
    groups: Vec<Group>,
    /// How many values there are beyond those offered.
    more: u64,
    /// Why no values are offered.
    note: Option<String>,
    /// Whether it can have values that are not offered.
    takes_others: bool,
    /// Values that hold and are not among those offered, one a line.
    others: String,
    back: String,
}

struct Operator {
    name: &'static str,
    label: &'static str,
    is_chosen: bool,
}

struct Group {
    name: String,
    values: Vec<Offer>,
}

struct Offer {
    value: String,
    shown: String,
    count: String,
    is_chosen: bool,
}

/// The operators of filters: their names in forms, what they are called, and whether they negate.
const OPERATORS: [(&str, &str, bool); 6] = [
    ("is", "is any of", false),
    ("is_not", "is not any of", true),
    ("starts", "starts with", false),
    ("starts_not", "does not start with", true),
    ("exists", "is there", false),
    ("exists_not", "is not there", true),
];

/// `GET /logs/filter?<view>&field=…`, or `&number=…` for one that holds
pub(in crate::ui) async fn show_filter(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Response {
    let pairs = pairs(query.as_deref());
    let form = match form(&console, &visit, &pairs).await {
        Ok(form) => form,
        Err(refusal) => return refusal.page(&visit),
    };
    if visit.is_of_script() {
        return answer::page(&visit, &form);
    }
    answer::page(&visit, &FilterPage { frame: Frame::in_section(&visit, Section::Logs), form })
}

fn value<'p>(pairs: &'p [(String, String)], wanted: &str) -> Option<&'p str> {
    pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Which field is asked for: by its name, by the path of `meta`, or by the number of a condition.
fn asked(view: &View, pairs: &[(String, String)]) -> Result<(FieldRef, Option<usize>), Refusal> {
    if let Some(number) = value(pairs, "number").and_then(|number| number.parse::<usize>().ok())
        && let Some(condition) = view.parsed.conditions.get(number)
    {
        return Ok((condition.field.clone(), Some(number)));
    }
    let name = match (value(pairs, "path"), value(pairs, "field")) {
        (Some(path), _) => format!("meta.{}", path.trim().trim_start_matches("meta.")),
        (None, Some(name)) => name.to_owned(),
        (None, None) => return Err(Refusal::new(Why::Invalid, "No field is named to filter by.")),
    };
    let unknown = || Refusal::new(Why::Invalid, format!("{name} is no field that can be filtered."));
    Ok((known::named(&name).ok_or_else(unknown)?, None))
}

async fn form(console: &Console, visit: &Visit, pairs: &[(String, String)]) -> Result<FilterForm, Refusal> {
    let (view, _) = View::read(pairs);
    let (field, number) = asked(&view, pairs)?;
    let held = number.and_then(|number| view.parsed.conditions.get(number)).cloned();
    let (others_hold, kept) = match number {
        Some(number) => (view.without_condition(number), params_of(&view)),
        None => (view.clone(), params_of(&view)),
    };
    let mut chosen: Vec<String> = held.iter().flat_map(|one| &one.any_of).filter_map(text_of).collect();
    let query = others_hold.query_of_all_kinds(default_range(console, visit), console.app.clock.now_ms());
    let found = search::facet(&console.app, &visit.caller, query, field.clone(), OFFERED_MAX).await;
    let (values, distinct, note) = match found {
        Ok(facet) => (facet.values, facet.distinct, None),
        Err(Error::TooLarge(_)) => {
            (Vec::new(), 0, Some("There are too many different values to list; type one.".to_owned()))
        }
        Err(error) => return Err(error.into()),
    };
    let more = distinct.saturating_sub(values.len() as u64);
    let groups = groups(&field, values, &mut chosen);
    let negates = fields::can_be_negated(&field);
    let current = held.as_ref().map_or("is", name_of);
    let operators = OPERATORS.into_iter().filter(|(_, _, is_negated)| negates || !is_negated);
    Ok(FilterForm {
        kept,
        label: fields::label(&field),
        field: field.name(),
        number,
        operators: operators.map(|(name, label, _)| Operator { name, label, is_chosen: name == current }).collect(),
        groups,
        more,
        note,
        takes_others: !matches!(&field, FieldRef::Field(field) if !known::values(*field).is_empty()),
        others: chosen.join("\n"),
        back: view.url(),
    })
}

fn params_of(view: &View) -> Vec<(String, String)> {
    pairs(Some(&view.params()))
}

fn text_of(value: &Match) -> Option<String> {
    match value {
        Match::Is(text) | Match::StartsWith(text) => Some(text.clone()),
        Match::Exists => None,
    }
}

/// The name of the operator that a condition has.
fn name_of(condition: &Condition) -> &'static str {
    match (condition.any_of.first(), condition.is_negated) {
        (Some(Match::StartsWith(_)), false) => "starts",
        (Some(Match::StartsWith(_)), true) => "starts_not",
        (Some(Match::Exists), false) => "exists",
        (Some(Match::Exists), true) => "exists_not",
        (_, false) => "is",
        (_, true) => "is_not",
    }
}

/// The values that occur, and those that are known without occurring. What is chosen and among them is ticked, and
/// taken out of `chosen`.
fn groups(field: &FieldRef, found: Vec<(String, u64)>, chosen: &mut Vec<String>) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<Offer>> = BTreeMap::new();
    let mut offer = |group: String, value: String, count: u64| {
        let is_chosen = chosen.iter().position(|one| *one == value).map(|at| chosen.remove(at)).is_some();
        let shown = middle(&value, SHOWN_CHARS);
        groups.entry(group).or_default().push(Offer { shown, count: grouped(count), is_chosen, value });
    };
    let is_action = *field == FieldRef::Field(Field::Action);
    let mut known_values: Vec<(String, String)> = match field {
        FieldRef::Field(Field::Action) => catalogue(),
        FieldRef::Field(field) => {
            known::values(*field).into_iter().map(|one| (String::new(), one.to_owned())).collect()
        }
        FieldRef::Meta(_) => Vec::new(),
    };
    for (value, count) in found {
        let group = known_values.iter().find(|(_, one)| *one == value).map(|(group, _)| group.clone());
        known_values.retain(|(_, one)| *one != value);
        let other = if is_action { "In this log".to_owned() } else { String::new() };
        offer(group.unwrap_or(other), value, count);
    }
    for (group, value) in known_values {
        offer(group, value, 0);
    }
    groups.into_iter().map(|(name, values)| Group { name, values }).collect()
}

/// The actions that the vendors list, each with what its group is called.
fn catalogue() -> Vec<(String, String)> {
    let spectra = spectra::ACTIONS
        .iter()
        .map(|(action, kind)| (format!("Spectra Assure: {}", kind.name()), (*action).to_owned()));
    let wso2 = wso2::OPERATIONS.iter().map(|one| (format!("WSO2: {}", one.group.name()), one.action.to_owned()));
    spectra.chain(wso2).collect()
}

/// `GET /logs/filter/apply?<view>&field=…&op=…&value=…&others=…`: leads to the view with that filter.
pub(in crate::ui) async fn apply_filter(RawQuery(query): RawQuery, visit: Visit) -> Response {
    let pairs = pairs(query.as_deref());
    let (view, _) = View::read(&pairs);
    let (field, number) = match asked(&view, &pairs) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.page(&visit),
    };
    let operator = value(&pairs, "op").unwrap_or("is");
    let ticked = pairs.iter().filter(|(name, _)| name == "value").map(|(_, value)| value.trim());
    let typed = pairs.iter().filter(|(name, _)| name == "others").flat_map(|(_, value)| value.lines().map(str::trim));
    let mut values: Vec<&str> = ticked.chain(typed).filter(|value| !value.is_empty()).collect();
    values.dedup();
    let is_negated = operator.ends_with("_not") && fields::can_be_negated(&field);
    let any_of: Vec<Match> = match operator {
        "exists" | "exists_not" => vec![Match::Exists],
        "starts" | "starts_not" => values.iter().map(|value| Match::StartsWith((*value).to_owned())).collect(),
        _ => values.iter().map(|value| Match::Is((*value).to_owned())).collect(),
    };
    if any_of.len() > CONDITION_VALUES_MAX {
        let text = format!("{} values are more than the {CONDITION_VALUES_MAX} that a filter has.", any_of.len());
        return Refusal::new(Why::Invalid, text).page(&visit);
    }
    let mut parsed = view.parsed.clone();
    let condition = Condition { field, is_negated, any_of };
    match (number, condition.any_of.is_empty()) {
        (Some(number), true) => return answer::lead(&visit, &view.without_condition(number).url()),
        (None, true) => return answer::lead(&visit, &view.url()),
        (Some(number), false) => {
            if let Some(held) = parsed.conditions.get_mut(number) {
                *held = condition;
            }
        }
        (None, false) => parsed.conditions.push(condition),
    }
    answer::lead(&visit, &view.searching(parsed).url())
}
