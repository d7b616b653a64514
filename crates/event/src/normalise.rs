//! From JSON to an [`Event`]: the native form, and the records of other systems.
//!
//! Native events and the lines that a Backstage backend logs are told apart by themselves: an audit line says
//! `isAuditEvent: true` (older releases: `isAuditorEvent`), which no native event has. The other forms are named by
//! whoever sends them.

mod backstage;
mod fields;
mod native;
mod port;
mod promote;
mod record;
mod spectra;
mod wso2;

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

/// The form that a record comes in: whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Trailbook's own, and what a Backstage backend logs: the two are told apart by themselves.
    #[default]
    Native,
    /// What a Backstage backend logs, and nothing else.
    Backstage,
    /// A record of Port's audit log.
    Port,
    /// A record of the Spectra Assure Portal's audit log.
    Spectra,
    /// A record of the audit log of WSO2's platforms.
    Wso2,
}

impl Form {
    /// The forms of other systems.
    pub const FOREIGN: &'static [Form] = &[Form::Backstage, Form::Port, Form::Spectra, Form::Wso2];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Native => "native",
            Form::Backstage => "backstage",
            Form::Port => "port",
            Form::Spectra => "spectra",
            Form::Wso2 => "wso2",
        }
    }

    /// The form of another system, by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::FOREIGN.iter().copied().find(|form| form.name() == name)
    }

    /// Whether a record names its own id, and its own time.
    pub fn own_members(self, value: &Value<'_>) -> (bool, bool) {
        let Value::Object(members) = value else { return (false, false) };
        let has =
            |names: &[&str]| members.iter().any(|(key, value)| names.contains(&key.as_ref()) && *value != Value::Null);
        match self {
            Form::Native | Form::Backstage => (has(&["id"]), has(&["occurred_at", "timestamp"])),
            Form::Port => port::own_members(members),
            Form::Spectra => spectra::own_members(members),
            Form::Wso2 => wso2::own_members(members),
        }
    }

    /// Reads one record of this form.
    ///
    /// Errors name the offending member. The text's own size is checked against [`EVENT_BYTES_MAX`].
    pub fn normalise<'a>(self, value: Value<'a>, size_bytes: usize, given: &Given) -> Result<Normalised<'a>, Error> {
        if size_bytes > EVENT_BYTES_MAX {
            let reason = format!("the event has {size_bytes} bytes, more than {EVENT_BYTES_MAX}");
            return Err(Error::at("", reason));
        }
        let members = match value {
            Value::Object(members) => members,
            other => return Err(Error::at("", format!("an event must be an object, not {}", other.kind()))),
        };
        let event = match self {
            Form::Native | Form::Backstage => match backstage::Line::of(&members) {
                backstage::Line::Ordinary => return Ok(Normalised::Ordinary),
                backstage::Line::Foreign if self == Form::Native => native::event(members, Some(given))?,
                _ => backstage::event(members, given)?,
            },
            Form::Port => port::event(members, given)?,
            Form::Spectra => spectra::event(members, given)?,
            Form::Wso2 => wso2::event(members, given)?,
        };
        finished(event, given)
    }
}

/// Reads one event, native or Backstage.
pub fn normalise<'a>(value: Value<'a>, size_bytes: usize, given: &Given) -> Result<Normalised<'a>, Error> {
    Form::Native.normalise(value, size_bytes, given)
}

fn finished<'a>(event: Event<'a>, given: &Given) -> Result<Normalised<'a>, Error> {
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

/// Refuses what only the server may say that it reports.
fn check_source(source: &str, pointer: &str) -> Result<(), Error> {
    if source == crate::OWN_SOURCE {
        return Err(Error::at(pointer, "the source trailbook is kept for the server's own events"));
    }
    Ok(())
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
