//! What fields are called on pages, and which are offered as filters.

use trailbook_event::{ContextKey, Field};
use trailbook_query::{Condition, FieldRef, Match, text};

/// Filters that are offered, in groups.
pub(super) const OFFERED: [(&str, &[Field]); 4] = [
    (
        "Who",
        &[
            Field::ActorId,
            Field::ActorEmail,
            Field::ActorName,
            Field::ActorType,
            Field::ActorGroupName,
            Field::OnBehalfOfId,
        ],
    ),
    ("What", &[Field::Action, Field::Outcome, Field::Severity, Field::ActionType, Field::QueryType, Field::ErrorName]),
    (
        "On what",
        &[
            Field::TargetType,
            Field::TargetName,
            Field::TargetId,
            Field::Context(ContextKey::Project),
            Field::Context(ContextKey::Package),
            Field::Context(ContextKey::Blueprint),
        ],
    ),
    (
        "Where from",
        &[
            Field::Source,
            Field::Context(ContextKey::Channel),
            Field::Context(ContextKey::Ip),
            Field::RequestPath,
            Field::Context(ContextKey::RequestMethod),
            Field::Context(ContextKey::RequestId),
            Field::Context(ContextKey::SessionId),
            Field::Context(ContextKey::TraceId),
            Field::Context(ContextKey::RunId),
            Field::Context(ContextKey::InstallationId),
            Field::Context(ContextKey::Hostname),
            Field::Context(ContextKey::UserAgent),
            Field::Context(ContextKey::RequestUrl),
            Field::Context(ContextKey::WebhookId),
            Field::Context(ContextKey::WebhookEventId),
        ],
    ),
];

/// What a field is called.
pub(in crate::ui) fn label(field: &FieldRef) -> String {
    let FieldRef::Field(field) = field else { return field.name() };
    let known = match field {
        Field::Action => "Action",
        Field::ActionType => "Action type",
        Field::ActorEmail => "User e-mail",
        Field::ActorGroupId => "Group id",
        Field::ActorGroupName => "Group",
        Field::ActorId => "Actor",
        Field::ActorName => "Actor name",
        Field::ActorType => "Actor type",
        Field::ErrorName => "Error",
        Field::Id => "Event id",
        Field::OnBehalfOfId => "On behalf of",
        Field::OnBehalfOfName => "On behalf of, name",
        Field::OnBehalfOfType => "On behalf of, type",
        Field::Outcome => "Outcome",
        Field::QueryType => "Query type",
        Field::RequestPath => "Request path",
        Field::Severity => "Severity",
        Field::Source => "Source",
        Field::TargetId => "Target id",
        Field::TargetName => "Target name",
        Field::TargetType => "Target type",
        Field::Context(ContextKey::Channel) => "Authentication context",
        Field::Context(ContextKey::Ip) => "Address",
        Field::Context(ContextKey::UserAgent) => "Browser or client",
        _ => return spaced(&field.name()),
    };
    known.to_owned()
}

/// `context.request_id` as `Request id`.
fn spaced(name: &str) -> String {
    let name = name.strip_prefix("context.").unwrap_or(name).replace('_', " ");
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Whether a filter on it may be negated: of names of targets and of `meta` only what is there can be asked for.
pub(super) fn can_be_negated(field: &FieldRef) -> bool {
    !matches!(field, FieldRef::Meta(_) | FieldRef::Field(Field::TargetName))
}

/// An operator of filters, as the vendor's page names them.
pub(super) fn operator(condition: &Condition) -> &'static str {
    match (condition.is_negated, condition.any_of.as_slice()) {
        (false, [Match::Exists]) => "is there",
        (true, [Match::Exists]) => "is not there",
        (false, [Match::StartsWith(_)]) => "starts with",
        (true, [Match::StartsWith(_)]) => "does not start with",
        (false, [_]) => "is",
        (true, [_]) => "is not",
        (false, _) => "is any",
        (true, _) => "is not any",
    }
}

/// The values of a condition, as a chip shows them.
pub(super) fn values(condition: &Condition) -> String {
    let is_one = condition.any_of.len() == 1;
    let shown = |value: &Match| match value {
        Match::Is(value) => value.clone(),
        Match::StartsWith(value) if is_one => value.clone(),
        Match::StartsWith(value) => format!("{value}*"),
        Match::Exists if is_one => String::new(),
        Match::Exists => "*".to_owned(),
    };
    condition.any_of.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// A condition in words: `Outcome is failed`.
pub(in crate::ui) fn in_words(condition: &Condition) -> String {
    format!("{} {} {}", label(&condition.field), operator(condition), values(condition)).trim_end().to_owned()
}

/// The condition that a field is a value, as a search text.
pub(super) fn is(field: Field, value: &str) -> String {
    text::write_condition(&Condition::is(field, value))
}
