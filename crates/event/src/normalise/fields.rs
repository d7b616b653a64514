//! Reading typed members out of JSON, with errors that say where.

use std::borrow::Cow;

use crate::canonical::is_exact_number;
use crate::error::{Error, push_segment};
use crate::json::{Object, Value};
use crate::limits::{KEY_CHARS_MAX, META_DEPTH_MAX};
use crate::model::Text;
use crate::time::Timestamp;
use uuid::Uuid;

/// A member that must be a non-empty string.
pub(super) fn text<'a>(value: Value<'a>, pointer: &str) -> Result<Text<'a>, Error> {
    match value {
        Value::String(text) if text.is_empty() => Err(Error::at(pointer, "must not be empty; leave the field out")),
        Value::String(text) => Ok(text),
        Value::Null => Err(Error::at(pointer, "must be a string, not null; leave the field out")),
        other => Err(Error::at(pointer, format!("must be a string, not {}", other.kind()))),
    }
}

/// A member that must be an object.
pub(super) fn object<'a>(value: Value<'a>, pointer: &str) -> Result<Object<'a>, Error> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(Error::at(pointer, format!("must be an object, not {}", other.kind()))),
    }
}

/// A member that must be an array of at most so many items.
pub(super) fn array<'a>(value: Value<'a>, pointer: &str, items_max: usize) -> Result<Vec<Value<'a>>, Error> {
    match value {
        Value::Array(items) if items.len() > items_max => {
            Err(Error::at(pointer, format!("has {} items, more than {items_max}", items.len())))
        }
        Value::Array(items) => Ok(items),
        other => Err(Error::at(pointer, format!("must be an array, not {}", other.kind()))),
    }
}

/// A member that must be one of a set of names.
pub(super) fn one_of<T: Copy>(
    value: Value<'_>,
    pointer: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, Error> {
    let text = text(value, pointer)?;
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
        Error::at(pointer, format!("must be one of {}, not {:?}", names.join(", "), shortened(&text)))
    })
}

/// A member that must be a UUID in its hyphenated form.
pub(super) fn uuid(value: Value<'_>, pointer: &str) -> Result<Uuid, Error> {
    let text = text(value, pointer)?;
    let hyphenated = text.len() == 36;
    Uuid::try_parse(&text).ok().filter(|_| hyphenated).ok_or_else(|| {
        let reason = format!("must be a UUID such as 01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11, not {:?}", shortened(&text));
        Error::at(pointer, reason)
    })
}

/// A member that must be a time.
pub(super) fn timestamp(value: Value<'_>, pointer: &str) -> Result<Timestamp, Error> {
    let text = text(value, pointer)?;
    Timestamp::parse(&text).map_err(|e| Error::at(pointer, format!("{e}, not {:?}", shortened(&text))))
}

/// What is done with a number whose double is another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inexact {
    /// It is refused: the client can write it as a string.
    Refuse,
    /// It becomes a string: the client cannot be asked.
    AsText,
}

/// Checks a free JSON value, as `meta` and `changes` hold them: depth, keys, numbers.
pub(super) fn check_free(value: &mut Value<'_>, pointer: &str, inexact: Inexact) -> Result<(), Error> {
    check_level(value, &mut pointer.to_owned(), 0, inexact)
}

/// The same for a value that will lie inside so many objects of `meta`.
pub(super) fn check_free_below(value: &mut Value<'_>, depth: usize, inexact: Inexact) -> Result<(), Error> {
    check_level(value, &mut String::new(), depth, inexact)
}

fn check_level(value: &mut Value<'_>, pointer: &mut String, depth: usize, inexact: Inexact) -> Result<(), Error> {
    let length = pointer.len();
    if let Value::Object(_) | Value::Array(_) = value
        && depth == META_DEPTH_MAX
    {
        return Err(Error::at(pointer.clone(), format!("nested deeper than {META_DEPTH_MAX} levels")));
    }
    match value {
        Value::Number(text) if !is_exact_number(text) => match inexact {
            Inexact::Refuse => {
                let reason = format!("{} is not exactly a double; write it as a string", shortened(text));
                return Err(Error::at(pointer.clone(), reason));
            }
            Inexact::AsText => *value = Value::String(Cow::Borrowed(*text)),
        },
        Value::Object(members) => {
            for (key, value) in members {
                push_segment(pointer, key);
                check_key(key, pointer)?;
                check_level(value, pointer, depth + 1, inexact)?;
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                push_segment(pointer, &i.to_string());
                check_level(item, pointer, depth + 1, inexact)?;
                pointer.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_key(key: &str, pointer: &str) -> Result<(), Error> {
    // A key has at least as many bytes as characters, so short ones need no count.
    if key.len() > KEY_CHARS_MAX && key.chars().count() > KEY_CHARS_MAX {
        return Err(Error::at(pointer, format!("the key is longer than {KEY_CHARS_MAX} characters")));
    }
    Ok(())
}

/// The beginning of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 64;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
