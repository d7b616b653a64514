//! From JSON to an [`Event`]: the native form, and the lines that a Backstage backend logs.
//!
//! The two are told apart by themselves: a Backstage audit line says `isAuditEvent: true` (older releases:
//! `isAuditorEvent`), which no native event has.

mod backstage;
mod fields;
mod native;
mod promote;

use crate::error::Error;
use crate::json::Value;
use crate::limits::EVENT_BYTES_MAX;
use crate::model::{Event, Outcome};
use crate::time::Timestamp;
use uuid::Uuid;

/// What the caller gives to an event, because this crate has neither clock nor randomness.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// The time now: `occurred_at` where the client names none.
    pub now: Timestamp,
    /// How far ahead of `now` a client's `occurred_at` may be, in milliseconds.
    pub skew_ms_max: i64,
    /// Entropy for the id where the client names none.
    pub random: [u8; 10],
    /// Whether records of outcome `initiated` are kept.
    pub keep_initiated: bool,
}

/// What a JSON object turned out to be.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made and taken apart once an event; a box would cost an allocation")]
pub enum Normalised<'a> {
    /// An event to be recorded.
    Event(Event<'a>),
    /// A record that an action began, which is not kept unless asked for: its end is recorded too.
    Initiated,
    /// A line of a Backstage log that is not an audit record.
    Ordinary,
}

/// Reads one event, native or Backstage.
///
/// Errors name the offending member. The text's own size is checked against [`EVENT_BYTES_MAX`].
pub fn normalise<'a>(value: Value<'a>, size_bytes: usize, given: &Given) -> Result<Normalised<'a>, Error> {
    if size_bytes > EVENT_BYTES_MAX {
        let reason = format!("the event has {size_bytes} bytes, more than {EVENT_BYTES_MAX}");
        return Err(Error::at("", reason));
    }
    let members = match value {
        Value::Object(members) => members,
        other => return Err(Error::at("", format!("an event must be an object, not {}", other.kind()))),
    };
    let event = match backstage::Line::of(&members) {
        backstage::Line::Audit => backstage::event(members, given)?,
        backstage::Line::Ordinary => return Ok(Normalised::Ordinary),
        backstage::Line::Foreign => native::event(members, Some(given))?,
    };
    if event.outcome == Outcome::Initiated && !given.keep_initiated {
        return Ok(Normalised::Initiated);
    }
    Ok(Normalised::Event(event))
}

/// Reads an event back from its canonical bytes, as the journal and the segments hold it.
pub fn from_canonical(value: Value<'_>) -> Result<Event<'_>, Error> {
    match value {
        Value::Object(members) => native::event(members, None),
        other => Err(Error::at("", format!("an event must be an object, not {}", other.kind()))),
    }
}

/// An id made from time and entropy: UUIDv7, RFC 9562 section 5.7.
fn new_id(given: &Given) -> Uuid {
    let millis = u64::try_from(given.now.millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &given.random).into_uuid()
}

/// Refuses times that lie further ahead than clocks may differ, and times before 1970.
fn check_occurred_at(occurred_at: Timestamp, given: &Given, pointer: &str) -> Result<(), Error> {
    let latest = given.now.millis().saturating_add(given.skew_ms_max);
    if occurred_at.millis() > latest {
        let reason = format!("{occurred_at} lies too far ahead of the server's clock ({})", given.now);
        return Err(Error::at(pointer, reason));
    }
    if occurred_at.millis() < 0 {
        return Err(Error::at(pointer, format!("{occurred_at} lies before 1970")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
