//! The events of a body: one object, an array of objects, or an object a line (NDJSON), told apart by themselves; and
//! the list in an answer of another system's API.
//!
//! Nothing longer than an event may be is parsed, because a parsed text can take forty times its size.

use std::borrow::Cow;

use trailbook_event::Error;
use trailbook_event::json::{self, Value};
use trailbook_event::limits::{BATCH_EVENTS_MAX, EVENT_BYTES_MAX};
use trailbook_event::normalise::Form;

use super::Reading;
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
pub(super) fn each<'a>(body: &'a [u8], reading: Reading, take: &mut impl FnMut(Piece<'a>)) -> Result<(), Problem> {
    let Some(start) = body.iter().position(|b| !b.is_ascii_whitespace()) else {
        return Err(Problem::new(Kind::InvalidBody, "the body is empty; send an event, an array of events or NDJSON"));
    };
    let rest = body.get(start..).unwrap_or_default();
    if reading.is_ndjson || first_line_is_whole(rest) {
        return each_line(body, take);
    }
    if rest.first() == Some(&b'[') {
        let end = each_item(body, start, take)?;
        return refuse_more(body, end, "the array");
    }
    if let Some(at) = list_in(body, start, lists_of(reading.form)) {
        let end = each_item(body, at, take)?;
        let end = end_of_members(body, end).ok_or_else(|| {
            Problem::new(Kind::InvalidBody, format!("the object around the list is not JSON after byte {end}"))
        })?;
        return refuse_more(body, end, "the object");
    }
    let text = rest.trim_ascii_end();
    take(Piece { index: 0, line: None, text, value: parsed(text, start) });
    Ok(())
}

/// The members that hold the records in an answer of a system's own API.
fn lists_of(form: Form) -> &'static [&'static str] {
    match form {
        Form::Port => &["audits", "auditLogs"],
        Form::Wso2 => &["list"],
        Form::Native | Form::Backstage | Form::Spectra => &[],
    }
}

/// Where the list begins that an object has under one of these names.
fn list_in(body: &[u8], start: usize, names: &[&str]) -> Option<usize> {
    if names.is_empty() {
        return None;
    }
    let mut at = start;
    while let Some(b'{' | b',') = body.get(at) {
        let (name, value) = name_at(body, at + 1)?;
        if body.get(value) == Some(&b'[') && names.contains(&name.as_ref()) {
            return Some(value);
        }
        at = skip_space(body, value_end(body, value)?);
    }
    None
}

/// Where an object ends, of which a value ended here.
fn end_of_members(body: &[u8], end: usize) -> Option<usize> {
    let mut at = skip_space(body, end);
    while body.get(at) == Some(&b',') {
        let (_, value) = name_at(body, at + 1)?;
        at = skip_space(body, value_end(body, value)?);
    }
    (body.get(at) == Some(&b'}')).then_some(at + 1)
}

/// The name of a member, and where its value begins.
fn name_at(body: &[u8], at: usize) -> Option<(Cow<'_, str>, usize)> {
    let at = skip_space(body, at);
    let (Value::String(name), len) = read_short(body.get(at..)?)? else { return None };
    let colon = skip_space(body, at + len);
    (body.get(colon) == Some(&b':')).then(|| (name, skip_space(body, colon + 1)))
}

/// Where a value ends. What has members is passed over by its brackets.
fn value_end(body: &[u8], at: usize) -> Option<usize> {
    let rest = body.get(at..)?;
    match rest.first()? {
        b'{' | b'[' => extent(rest).map(|len| at + len),
        _ => read_short(rest).map(|(_, len)| at + len),
    }
}

/// Reads a name, or a value without members, no longer than an event may be.
fn read_short(text: &[u8]) -> Option<(Value<'_>, usize)> {
    let text = text.get(..EVENT_BYTES_MAX).unwrap_or(text);
    // What follows may be cut in the midst of a character.
    let text = text.utf8_chunks().next()?.valid();
    json::parse_prefix_str(text).ok()
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

/// Takes every item of an array, and gives where it ends.
fn each_item<'a>(body: &'a [u8], start: usize, take: &mut impl FnMut(Piece<'a>)) -> Result<usize, Problem> {
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
    Ok(at + 1)
}

fn refuse_more(body: &[u8], end: usize, what: &str) -> Result<(), Problem> {
    let end = skip_space(body, end);
    if end < body.len() {
        return Err(Problem::new(Kind::InvalidBody, format!("something follows {what} at byte {end}")));
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
