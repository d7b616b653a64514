//! The one error of this crate: what is wrong with an event, and where.

use crate::json;

/// Why bytes are not an event that can be recorded.
///
/// `pointer` is an RFC 6901 JSON Pointer into the event, empty for the event itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not the JSON that is accepted: RFC 8259 without duplicate keys and lone surrogates.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// The JSON is not an event: a field is missing, unknown, of another type, or above its limit.
    #[error("{reason}")]
    Invalid {
        /// Where, as a JSON Pointer.
        pointer: String,
        /// What is wrong, in words that make sense after the pointer.
        reason: String,
    },
}

impl Error {
    /// An error at a member of the event.
    pub(crate) fn at(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Invalid { pointer: pointer.into(), reason: reason.into() }
    }

    /// The JSON Pointer to the offender, empty where it is the whole.
    pub fn pointer(&self) -> &str {
        match self {
            Error::Json(error) => &error.pointer,
            Error::Invalid { pointer, .. } => pointer,
        }
    }

    /// The byte where reading stopped, counted from 0, for errors of syntax.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Error::Json(error) => Some(error.offset),
            Error::Invalid { .. } => None,
        }
    }

    /// The same error with `prefix` before its pointer: where the event itself lies inside a larger document.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        match &mut self {
            Error::Json(error) => error.pointer.insert_str(0, prefix),
            Error::Invalid { pointer, .. } => pointer.insert_str(0, prefix),
        }
        self
    }
}

/// Appends one segment to a JSON Pointer, escaped as RFC 6901 section 3 has it.
pub(crate) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for c in segment.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(c),
        }
    }
}
