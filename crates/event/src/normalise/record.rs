//! A record of another system, from which members are taken one by one.
//!
//! What is taken becomes a field of the event. What is left goes into `meta` under the system's name, in the record's
//! own shape, so nothing is lost and the record can be shown again: what the fields say, with what was left laid over
//! it. A member that is not of the type that its system documents is not taken.

use ring::digest::{Context, SHA256};
use uuid::Uuid;

use crate::error::{Error, push_segment};
use crate::json::{Object, Value};
use crate::model::{Changes, Failure, Outcome, Text};
use crate::time::Timestamp;

use super::fields::{Inexact, check_free, check_free_below, shortened, text, timestamp};
use super::{Given, check_occurred_at};

/// What is left of a record.
pub(super) struct Record<'a>(Object<'a>);

impl<'a> Record<'a> {
    pub(super) fn new(members: Object<'a>) -> Self {
        Self(members)
    }

    /// The member at a path of keys.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Value<'a>> {
        get(&self.0, path)
    }

    /// The text at a path, if there is one and it is not empty. It stays.
    pub(super) fn copy(&self, path: &[&str]) -> Option<Text<'a>> {
        text_at(&self.0, path).cloned()
    }

    /// Takes the member at a path, and the objects around it that have nothing else.
    pub(super) fn take(&mut self, path: &[&str]) -> Option<Value<'a>> {
        take(&mut self.0, path)
    }

    /// Takes the text at a path, if there is one and it is not empty.
    pub(super) fn text(&mut self, path: &[&str]) -> Option<Text<'a>> {
        let text = self.copy(path)?;
        self.take(path);
        Some(text)
    }

    /// The text at a path, which must be there. It stays.
    pub(super) fn required(&self, path: &[&str]) -> Result<Text<'a>, Error> {
        match self.get(path) {
            Some(value) => text(value.clone(), &pointer(path)),
            None => Err(Error::at(pointer(path), "is required")),
        }
    }

    /// The time at a path, which must be one if there is anything. It stays where it is no text in UTC: how many digits
    /// its second had is all that is lost of one that is.
    pub(super) fn time(&mut self, path: &[&str], form: TimeForm, given: &Given) -> Result<Option<Timestamp>, Error> {
        let at = pointer(path);
        let time = match self.get(path) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(text)) if form == TimeForm::TextOrMillis => of_millis(text, &at)?,
            Some(Value::String(text)) if form == TimeForm::TextOrMillis && is_digits(text) => of_millis(text, &at)?,
            Some(value) => timestamp(value.clone(), &at)?,
        };
        check_occurred_at(time, given, &at)?;
        if matches!(self.get(path), Some(Value::String(text)) if text.ends_with('Z')) {
            self.take(path);
        }
        Ok(Some(time))
    }

    /// The outcome at a path, in one of these words, whatever their case; what is not there has succeeded. It stays.
    pub(super) fn outcome(&self, path: &[&str], words: &[(&str, Outcome)]) -> Result<Outcome, Error> {
        if let None | Some(Value::Null) = self.get(path) {
            return Ok(Outcome::Succeeded);
        }
        let text = self.required(path)?;
        words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)).map(|(_, outcome)| *outcome).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let reason = format!("must be one of {}, not {:?}", known.join(", "), shortened(&text));
            Error::at(pointer(path), reason)
        })
    }

    /// Takes what was before and after. A side that is null says that there was, or is, nothing; where both are, they
    /// stay.
    pub(super) fn changes(&mut self, before: &[&str], after: &[&str]) -> Result<Option<Changes<'a>>, Error> {
        let is_there = |value: &Value<'a>| *value != Value::Null;
        if ![before, after].iter().any(|side| self.get(side).is_some_and(is_there)) {
            return Ok(None);
        }
        let before = self.free(before)?.filter(is_there);
        let after = self.free(after)?.filter(is_there);
        Ok(Some(Changes { before, after }))
    }

    /// Takes the text at a path if it is this one.
    pub(super) fn take_where(&mut self, path: &[&str], text: &str) {
        if matches!(self.get(path), Some(Value::String(own)) if own == text) {
            self.take(path);
        }
    }

    /// Takes the value at a path as it is, with numbers that are no doubles as texts.
    pub(super) fn free(&mut self, path: &[&str]) -> Result<Option<Value<'a>>, Error> {
        let Some(mut value) = self.take(path) else { return Ok(None) };
        check_free(&mut value, &pointer(path), Inexact::AsText)?;
        Ok(Some(value))
    }

    /// Takes an object whose members become those of `meta`, unless it has the key that what is left goes under.
    pub(super) fn meta(&mut self, path: &[&str], system: &str) -> Result<Object<'a>, Error> {
        match self.get(path) {
            Some(Value::Object(members)) if member(members, system).is_none() => {}
            _ => return Ok(Vec::new()),
        }
        match self.free(path)? {
            Some(Value::Object(members)) => Ok(members),
            _ => Ok(Vec::new()),
        }
    }

    /// Puts what is left into `meta` under the system's name.
    pub(super) fn leave(self, system: &'static str, meta: &mut Object<'a>) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut left = Value::Object(self.0);
        check_free_below(&mut left, 1, Inexact::AsText)?;
        meta.push((system.into(), left));
        Ok(())
    }
}

/// How a system writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// As RFC 3339 has them.
    Text,
    /// So, or as milliseconds since 1970.
    TextOrMillis,
}

/// What a record says of how it ended: what went wrong, or a message of what went well.
pub(super) fn error_or_message<'a>(
    said: Option<Text<'a>>,
    outcome: Outcome,
) -> (Option<Failure<'a>>, Option<Text<'a>>) {
    match outcome {
        Outcome::Failed | Outcome::Denied => (said.map(|said| Failure { name: None, message: Some(said) }), None),
        Outcome::Succeeded | Outcome::Initiated => (None, said),
    }
}

fn of_millis(text: &str, at: &str) -> Result<Timestamp, Error> {
    let millis = text.parse().map_err(|_| {
        Error::at(at, format!("must be a time in whole milliseconds since 1970, not {}", shortened(text)))
    })?;
    Ok(Timestamp::from_millis(millis))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The record's own id, or one made of the first text that it has at these paths, which then stays.
pub(super) fn own_id(record: &mut Record<'_>, system: &str, paths: &[&[&str]]) -> Option<Uuid> {
    let (path, text) = paths.iter().find_map(|path| Some((path, record.copy(path)?)))?;
    match Uuid::try_parse(&text).ok().filter(|id| id.to_string() == text) {
        Some(id) => {
            record.take(path);
            Some(id)
        }
        None => Some(id_of(system, &text)),
    }
}

/// An id that the same text of the same system has again: UUIDv8, RFC 9562 section 5.8.
fn id_of(system: &str, text: &str) -> Uuid {
    let mut context = Context::new(&SHA256);
    context.update(b"trailbook/id/v1\0");
    context.update(system.as_bytes());
    context.update(b"\0");
    context.update(text.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The text at a path of keys, if there is one and it is not empty.
pub(super) fn text_at<'m, 'a>(members: &'m Object<'a>, path: &[&str]) -> Option<&'m Text<'a>> {
    match get(members, path)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Whether a value is a text that is not empty.
pub(super) fn is_text(value: &Value<'_>) -> bool {
    matches!(value, Value::String(text) if !text.is_empty())
}

fn get<'m, 'a>(members: &'m Object<'a>, path: &[&str]) -> Option<&'m Value<'a>> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(member(members, first)?, |value, key| match value {
        Value::Object(members) => member(members, key),
        _ => None,
    })
}

fn member<'m, 'a>(members: &'m Object<'a>, key: &str) -> Option<&'m Value<'a>> {
    members.iter().find(|(own, _)| own == key).map(|(_, value)| value)
}

fn take<'a>(members: &mut Object<'a>, path: &[&str]) -> Option<Value<'a>> {
    let (first, rest) = path.split_first()?;
    let at = members.iter().position(|(key, _)| key == first)?;
    if rest.is_empty() {
        return Some(members.remove(at).1);
    }
    let Some((_, Value::Object(inner))) = members.get_mut(at) else { return None };
    let taken = take(inner, rest)?;
    if inner.is_empty() {
        members.remove(at);
    }
    Some(taken)
}

fn pointer(path: &[&str]) -> String {
    let mut pointer = String::new();
    path.iter().for_each(|key| push_segment(&mut pointer, key));
    pointer
}
