//! A row of the table.

use serde_json::Value;
use trailbook_event::{ContextKey, Field, Timestamp};
use trailbook_query::Found;

use super::fields;
use crate::ui::time::{Clock, Moment};
use crate::ui::visit::encoded;

/// How much of a value a row shows; the middle is left out.
const SHOWN_CHARS: usize = 72;
/// How much of it an attribute has.
const WHOLE_CHARS: usize = 1_024;

/// An event as a row shows it.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(super) moment: Moment,
    pub(super) actor: Option<Cell>,
    /// `user`, `service`, …
    pub(super) actor_type: String,
    pub(super) action: Cell,
    pub(super) severity: Level,
    pub(super) target: Option<Cell>,
    pub(super) target_type: String,
    /// Targets beyond the first.
    pub(super) more_targets: usize,
    pub(super) outcome: Cell,
    pub(super) source: Cell,
    pub(super) address: Option<Cell>,
    /// Whether the whole event is shown below it.
    pub(super) is_open: bool,
}

/// A value that can be filtered by.
pub(super) struct Cell {
    /// What is shown of it.
    pub(super) shown: String,
    /// The whole value, as far as it fits.
    pub(super) whole: String,
    /// The condition that holds for it, as a search text.
    pub(super) condition: String,
    /// The same in words.
    pub(super) words: String,
}

impl Cell {
    pub(super) fn new(field: Field, value: &str, shown: &str) -> Self {
        let words =
            format!("{} is {}", fields::label(&trailbook_query::FieldRef::Field(field)), middle(value, SHOWN_CHARS));
        Self {
            shown: middle(shown, SHOWN_CHARS),
            whole: value.chars().take(WHOLE_CHARS).collect(),
            condition: fields::is(field, value),
            words,
        }
    }

    /// The condition as it stands in a URL. One that no URL can have is none.
    pub(super) fn encoded(&self) -> String {
        encoded(&self.condition)
    }

    /// Whether the condition is short enough for a URL.
    pub(super) fn is_short(&self) -> bool {
        self.condition.len() <= WHOLE_CHARS
    }
}

/// How severe something is: a name, and how many bars of four it has.
pub(super) struct Level {
    pub(super) name: String,
    pub(super) bars: u8,
}

impl Level {
    pub(super) fn of(name: &str) -> Self {
        let bars = match name {
            "critical" => 4,
            "high" => 3,
            "medium" => 2,
            "low" => 1,
            _ => 0,
        };
        Self { name: name.to_owned(), bars }
    }
}

/// A text whose middle is left out where it is long: both ends tell values apart.
pub(super) fn middle(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max {
        return text.to_owned();
    }
    let head = chars_max * 2 / 3;
    let tail = chars_max - head - 1;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}…{end}")
}

/// An event's text at a pointer; empty where there is none.
pub(super) fn text<'v>(event: &'v Value, pointer: &str) -> &'v str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Row {
    /// The row of an event; what cannot be read shows as an empty one.
    pub(super) fn of(found: &Found, clock: &Clock) -> Self {
        let event: Value = serde_json::from_slice(&found.canonical).unwrap_or_default();
        let text = |pointer: &str| text(&event, pointer);
        let occurred_ns = Timestamp::parse(text("/occurred_at")).map_or(found.recorded_ms * 1_000_000, |t| t.nanos());
        let first = |pointers: &[&'static str]| pointers.iter().copied().find(|pointer| !text(pointer).is_empty());
        let cell = |field: Field, pointer: &str| Cell::new(field, text(pointer), text(pointer));
        let some = |field: Field, pointer: &str| Some(cell(field, pointer)).filter(|cell| !cell.whole.is_empty());
        let actor_name = first(&["/actor/name", "/actor/email", "/actor/id"]);
        let actor_key = first(&["/actor/id", "/actor/email", "/actor/name"]);
        let target_name = first(&["/targets/0/name", "/targets/0/id"]);
        let targets = event.get("targets").and_then(Value::as_array).map_or(0, Vec::len);
        Self {
            id: text("/id").to_owned(),
            sequence: found.sequence,
            moment: clock.moment(occurred_ns),
            actor: actor_key.zip(actor_name).map(|(key, name)| {
                let field = match key {
                    "/actor/id" => Field::ActorId,
                    "/actor/email" => Field::ActorEmail,
                    _ => Field::ActorName,
                };
                Cell::new(field, text(key), text(name))
            }),
            actor_type: text("/actor/type").to_owned(),
            action: cell(Field::Action, "/action"),
            severity: Level::of(text("/severity")),
            target: target_name.map(|name| match text("/targets/0/id") {
                "" => Cell::new(Field::TargetName, text(name), text(name)),
                id => Cell::new(Field::TargetId, id, text(name)),
            }),
            target_type: text("/targets/0/type").to_owned(),
            more_targets: targets.saturating_sub(1),
            outcome: cell(Field::Outcome, "/outcome"),
            source: cell(Field::Source, "/source"),
            address: some(Field::Context(ContextKey::Ip), "/context/ip"),
            is_open: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn the_middle_of_a_long_value_is_left_out() {
        assert_eq!(middle("short", 8), "short");
        assert_eq!(middle("12345678", 8), "12345678");
        assert_eq!(middle("123456789", 8), "12345…89");
        assert_eq!(middle("ä".repeat(100).as_str(), 10).chars().count(), 10);
    }
}
