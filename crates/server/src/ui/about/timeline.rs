//! The newest events of somebody or something, day by day.

use serde_json::Value;
use trailbook_query::Found;

use super::occurred_ns;
use super::subject::{Role, Subject};
use crate::ui::time::{Clock, Moment};

/// The events of a day.
pub(super) struct Day {
    /// `Saturday, 21 November 2026`
    pub(super) name: String,
    pub(super) events: Vec<Entry>,
}

/// An event in the timeline.
pub(super) struct Entry {
    pub(super) moment: Moment,
    /// `09:41:03`
    pub(super) time: String,
    pub(super) action: String,
    pub(super) outcome: String,
    /// Whoever and whatever else takes part.
    pub(super) actor: String,
    pub(super) target: String,
    pub(super) url: String,
}

/// Events, which come the newest first, by the days of the visitor's time zone.
pub(super) fn days(subject: &Subject, events: &[Found], clock: &Clock) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for found in events {
        let at_ns = occurred_ns(found);
        let at = clock.at_ns(at_ns);
        let name = at.strftime("%A, %-d %B %Y").to_string();
        let entry = entry(subject, found, (at_ns, at.strftime("%H:%M:%S").to_string()), clock);
        match days.last_mut() {
            Some(day) if day.name == name => day.events.push(entry),
            _ => days.push(Day { name, events: vec![entry] }),
        }
    }
    days
}

fn entry(subject: &Subject, found: &Found, (at_ns, time): (i64, String), clock: &Clock) -> Entry {
    let event: Value = serde_json::from_slice(&found.canonical).unwrap_or_default();
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let first = |pointers: [&str; 3]| {
        let found = pointers.into_iter().map(text).find(|text| !text.is_empty());
        found.unwrap_or_default().to_owned()
    };
    let (role, more) = (subject.role(), event.get("targets").and_then(Value::as_array).map_or(0, Vec::len));
    let actor = first(["/actor/name", "/actor/email", "/actor/id"]);
    let mut target = first(["/targets/0/name", "/targets/0/id", "/targets/0/type"]);
    if more > 1 {
        target.push_str(&format!(" and {} more", more - 1));
    }
    Entry {
        moment: clock.moment(at_ns),
        time,
        action: text("/action").to_owned(),
        outcome: text("/outcome").to_owned(),
        actor: if role == Role::Actor { String::new() } else { actor },
        target: if role == Role::Target && more <= 1 { String::new() } else { target },
        url: subject.event(text("/id"), at_ns),
    }
}
