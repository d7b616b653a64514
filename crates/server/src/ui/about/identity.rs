//! Who or what something is, as its events name it.

use serde_json::Value;
use trailbook_event::Field;
use trailbook_query::FieldRef;

use super::subject::{Role, Subject, page_of};
use crate::search::portrait::{Portrait, Values};
use crate::ui::logs::fields as labels;

/// What an actor is known by.
const OF_ACTORS: &[Field] =
    &[Field::ActorName, Field::ActorType, Field::ActorId, Field::ActorEmail, Field::ActorGroupName];

/// A fact: its label, and values that each may have a page.
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) values: Vec<(String, Option<String>)>,
    /// How many values there are beyond these.
    pub(super) more: u64,
}

/// The fields whose values say who it is.
pub(super) fn fields(subject: &Subject) -> &'static [Field] {
    if subject.role() == Role::Actor { OF_ACTORS } else { &[] }
}

/// Who or what it is.
pub(super) fn facts(subject: &Subject, found: &Portrait) -> Vec<Fact> {
    match subject.role() {
        Role::Actor => OF_ACTORS.iter().filter_map(|field| of_actor(subject, found, *field)).collect(),
        Role::Target => of_target(subject, found),
        Role::Other => Vec::new(),
    }
}

fn of_actor(subject: &Subject, found: &Portrait, field: Field) -> Option<Fact> {
    let Some(Values::Counted(facet)) = found.values(field) else { return None };
    if subject.is_of(field) || facet.values.is_empty() {
        return None;
    }
    let has_page = matches!(field, Field::ActorId | Field::ActorEmail | Field::ActorGroupName);
    let page = |value: &str| if has_page { page_of(field, value) } else { None };
    let values: Vec<_> = facet.values.iter().map(|(value, _)| (value.clone(), page(value))).collect();
    let more = facet.distinct.saturating_sub(values.len() as u64);
    Some(Fact { label: labels::label(&FieldRef::Field(field)), values, more })
}

/// Names and types of this very target: an event may have others beside it, so its values do not tell.
fn of_target(subject: &Subject, found: &Portrait) -> Vec<Fact> {
    if !subject.is_of(Field::TargetId) {
        return Vec::new();
    }
    let mut facts = vec![("Names", "name", Vec::new()), ("Types", "type", Vec::new())];
    for event in found.newest.events.iter().chain(&found.first) {
        let event: Value = serde_json::from_slice(&event.canonical).unwrap_or_default();
        let targets = event.get("targets").and_then(Value::as_array).into_iter().flatten();
        for target in targets.filter(|target| target.get("id").and_then(Value::as_str) == Some(&subject.value)) {
            for (_, key, values) in &mut facts {
                if let Some(value) = target.get(*key).and_then(Value::as_str)
                    && values.iter().all(|(known, _)| known != value)
                {
                    values.push((value.to_owned(), None));
                }
            }
        }
    }
    let shown = facts.into_iter().filter(|(_, _, values)| !values.is_empty());
    shown.map(|(label, _, values)| Fact { label: label.to_owned(), values, more: 0 }).collect()
}
