//! The events of a body: one object, an array of objects, or an object a line (NDJSON), told apart by themselves.
//!
//! Nothing longer than an event may be is parsed, because a parsed text can take forty times its size.

use trailbook_event::Error;
use trailbook_event::json::{self, Value};
use trailbook_event::limits::{BATCH_EVENTS_MAX, EVENT_BYTES_MAX};

use crate::api::problem::{EventError, Kind, Problem};

/// One event of a body.
pub(super) struct Piece<'a> {
    /// Which, from 0.
    pub(super) index: u64,
    /// Its line from 1, where lines are what tells events apart.
    pub(super) line: Option<u64>,
    /// Its own bytes.
    pub(super) text: &'a [u8],
    /// What they say.
    pub(super) value: Result<Value<'a>, Error>,
}

/// Gives every event of a body to `take`, in order.
pub(super) fn each<'a>(body: &'a [u8], is_ndjson: bool, take: &mut impl FnMut(Piece<'a>)) -> Result<(), Problem> {
    let Some(start) = body.iter().position(|b| !b.is_ascii_whitespace()) else {
        return Err(Problem::new(Kind::InvalidBody, "the body is empty; send an event, an array of events or NDJSON"));
    };
    let rest = body.get(start..).unwrap_or_default();
    if is_ndjson || first_line_is_whole(rest) {
        return each_line(body, take);
    }
    if rest.first() == Some(&b'[') {
        return each_item(body, start, take);
    }
    let text = rest.trim_ascii_end();
    take(Piece { index: 0, line: None, text, value: parsed(text, start) });
    Ok(())
}

/// Whether an event names its own id, and its own time, in either form.
pub(super) fn own_members(value: &Value<'_>) -> (bool, bool) {
    let Value::Object(members) = value else { return (false, false) };
    let has =
        |names: &[&str]| members.iter().any(|(key, value)| names.contains(&key.as_ref()) && *value != Value::Null);
    (has(&["id"]), has(&["occurred_at", "timestamp"]))
}

/// Whether the first of several lines is an object by itself: then every line is.
fn first_line_is_whole(text: &[u8]) -> bool {
    let Some(end) = text.iter().position(|b| *b == b'\n') else { return false };
    let (first, rest) = text.split_at(end);
    if !first.starts_with(b"{") || rest.trim_ascii().is_empty() {
        return false;
    }
    match first.len() {
        0..=EVENT_BYTES_MAX => json::parse(first).is_ok(),
        _ => extent(first) == Some(first.trim_ascii_end().len()),
    }
}

/// Reads one event that begins at a byte of the body.
fn parsed(text: &[u8], start: usize) -> Result<Value<'_>, Error> {
    if text.len() > EVENT_BYTES_MAX {
        return Err(too_long(text.len()));
    }
    json::parse(text).map_err(|mut error| {
        error.offset += start;
        error.into()
    })
}

/// How many bytes the object or array takes that the text begins with, found by its brackets alone.
fn extent(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn too_long(size_bytes: usize) -> Error {
    let reason = format!("the event has {size_bytes} bytes, more than {EVENT_BYTES_MAX}");
    Error::Invalid { pointer: String::new(), reason }
}

fn each_line<'a>(body: &'a [u8], take: &mut impl FnMut(Piece<'a>)) -> Result<(), Problem> {
    let lines = (1u64..).zip(body.split(|b| *b == b'\n'));
    let events = lines.map(|(line, text)| (line, text.trim_ascii())).filter(|(_, text)| !text.is_empty());
    for (index, (line, text)) in (0u64..).zip(events) {
        if index as usize == BATCH_EVENTS_MAX {
            return Err(too_many());
        }
        take(Piece { index, line: Some(line), text, value: parsed(text, 0) });
    }
    Ok(())
}

fn each_item<'a>(body: &'a [u8], start: usize, take: &mut impl FnMut(Piece<'a>)) -> Result<(), Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|e| Problem::new(Kind::InvalidBody, format!("the body is not UTF-8 at byte {}", e.valid_up_to())))?;
    let mut at = start + 1;
    for index in 0u64.. {
        at = skip_space(body, at);
        if index == 0 && body.get(at) == Some(&b']') {
            return Err(Problem::new(Kind::InvalidBody, "the array is empty; send at least one event"));
        }
        if index as usize == BATCH_EVENTS_MAX {
            return Err(too_many());
        }
        let item = text.get(at..).unwrap_or_default();
        let (value, len) = item_of(item).map_err(|mut error| {
            error.offset += at;
            unreadable(index, error)
        })?;
        take(Piece { index, line: None, text: body.get(at..at + len).unwrap_or_default(), value });
        at = skip_space(body, at + len);
        match body.get(at) {
            Some(b',') => at += 1,
            Some(b']') => break,
            _ => return Err(unreadable_at(index, at, "a comma or a closing bracket was expected")),
        }
    }
    let end = skip_space(body, at + 1);
    if end < body.len() {
        let detail = format!("something follows the array at byte {end}");
        return Err(Problem::new(Kind::InvalidBody, detail));
    }
    Ok(())
}

/// The event that the text begins with, and its length. One that is too long is passed over, not read.
fn item_of(text: &str) -> Result<(Result<Value<'_>, Error>, usize), json::Error> {
    let whole = text.get(..text.floor_char_boundary(EVENT_BYTES_MAX + 1)).unwrap_or_default();
    match json::parse_prefix_str(whole) {
        Ok((value, len)) => Ok((Ok(value), len)),
        Err(error) if whole.len() == text.len() => Err(error),
        Err(error) => match extent(text.as_bytes()) {
            Some(len) if len > EVENT_BYTES_MAX => Ok((Err(too_long(len)), len)),
            _ => Err(error),
        },
    }
}

fn skip_space(body: &[u8], from: usize) -> usize {
    let rest = body.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// After an error of syntax the rest of an array cannot be told apart.
fn unreadable(index: u64, error: json::Error) -> Problem {
    let detail = error.to_string();
    let error = EventError { index, line: None, pointer: error.pointer, detail };
    Problem::events(Kind::InvalidEvents, vec![error], 1)
}

fn unreadable_at(index: u64, offset: usize, reason: &str) -> Problem {
    unreadable(index, json::Error { pointer: String::new(), offset, reason: reason.to_owned() })
}

fn too_many() -> Problem {
    Problem::new(Kind::BodyTooLarge, format!("the body has more than {BATCH_EVENTS_MAX} events; send them in parts"))
}
