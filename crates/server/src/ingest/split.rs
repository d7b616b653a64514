//! The events of a body: one object, an array of objects, or an object a line (NDJSON), told apart by themselves.

use trailbook_event::Error;
use trailbook_event::json::{self, Value};
use trailbook_event::limits::BATCH_EVENTS_MAX;

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
    let value = json::parse(body).map_err(Error::from);
    take(Piece { index: 0, line: None, text: rest.trim_ascii_end(), value });
    Ok(())
}

/// Whether an event names its own id, in either form that has one.
pub(super) fn has_id(value: &Value<'_>) -> bool {
    matches!(value, Value::Object(members) if members.iter().any(|(key, _)| key == "id"))
}

/// Whether the first of several lines is an object by itself: then every line is.
fn first_line_is_whole(text: &[u8]) -> bool {
    let Some(end) = text.iter().position(|b| *b == b'\n') else { return false };
    let (first, rest) = text.split_at(end);
    first.starts_with(b"{") && !rest.trim_ascii().is_empty() && json::parse(first).is_ok()
}

fn each_line<'a>(body: &'a [u8], take: &mut impl FnMut(Piece<'a>)) -> Result<(), Problem> {
    let lines = (1u64..).zip(body.split(|b| *b == b'\n'));
    let events = lines.map(|(line, text)| (line, text.trim_ascii())).filter(|(_, text)| !text.is_empty());
    for (index, (line, text)) in (0u64..).zip(events) {
        if index as usize == BATCH_EVENTS_MAX {
            return Err(too_many());
        }
        take(Piece { index, line: Some(line), text, value: json::parse(text).map_err(Error::from) });
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
            break;
        }
        if index as usize == BATCH_EVENTS_MAX {
            return Err(too_many());
        }
        let item = text.get(at..).unwrap_or_default();
        let (value, len) = match json::parse_prefix_str(item) {
            Ok(found) => found,
            Err(mut error) => {
                error.offset += at;
                return Err(unreadable(index, error));
            }
        };
        take(Piece { index, line: None, text: body.get(at..at + len).unwrap_or_default(), value: Ok(value) });
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
