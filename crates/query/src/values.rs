//! The values of a condition, as parameters and search texts write them.
//!
//! ```text
//! value,other     any of them          value*   starts with          *   is there          a\,b   a comma of the value
//! ```
//!
//! A backslash makes the next character plain. A star means something at a value's end only. In search texts a value
//! ends at white space too, and may stand in quotes, in which only a backslash and a quote mean something.

use trailbook_event::limits::CONDITION_VALUES_MAX;

use crate::{FieldRef, Match, fields};

/// What is wrong, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into() }
    }
}

/// A text that is read from its beginning on.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes are read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Reads a character if it is the next.
    pub(crate) fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += if is_next { wanted.len_utf8() } else { 0 };
        is_next
    }

    /// What was read since a byte.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// Where values stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// The value of a parameter: a list that takes it all.
    Parameter,
    /// A condition in a search text: a list up to white space; quotes have a meaning.
    Condition,
    /// A word or phrase in a search text: no list.
    Words,
}

impl Syntax {
    fn is_end(self, next: Option<char>) -> bool {
        match (self, next) {
            (_, None) => true,
            (Syntax::Parameter, Some(c)) => c == ',',
            (Syntax::Condition, Some(c)) => c == ',' || c.is_whitespace(),
            (Syntax::Words, Some(c)) => c.is_whitespace(),
        }
    }

    fn has_quotes(self) -> bool {
        self != Syntax::Parameter
    }
}

/// A text without its quotes, backslashes and star.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) has_star: bool,
}

/// Reads one piece up to its end, which stays unread.
pub(crate) fn piece(input: &mut Input<'_>, syntax: Syntax) -> Result<Piece, Fault> {
    if syntax.has_quotes() && input.peek() == Some('"') {
        return quoted(input, syntax);
    }
    let mut text = String::new();
    while !syntax.is_end(input.peek()) {
        let at = input.at();
        match input.next() {
            Some('*') if syntax.is_end(input.peek()) => return Ok(Piece { text, has_star: true }),
            Some('*') => return Err(Fault::new(at, r"has a star that is not at the end; write \* for a plain star")),
            Some('"') if syntax.has_quotes() => {
                return Err(Fault::new(at, r#"has a quote in the middle; write \" for a plain quote"#));
            }
            Some('\\') => text.push(input.next().ok_or_else(|| Fault::new(at, "ends in a backslash"))?),
            next => text.extend(next),
        }
    }
    Ok(Piece { text, has_star: false })
}

fn quoted(input: &mut Input<'_>, syntax: Syntax) -> Result<Piece, Fault> {
    let start = input.at();
    let open = || Fault::new(start, "has a quote that is not closed");
    let mut text = String::new();
    input.next();
    loop {
        match input.next().ok_or_else(open)? {
            '"' => break,
            '\\' => text.push(input.next().ok_or_else(open)?),
            next => text.push(next),
        }
    }
    let has_star = input.take('*');
    if !syntax.is_end(input.peek()) {
        return Err(Fault::new(input.at(), r#"goes on after its closing quote; write \" for a plain quote"#));
    }
    Ok(Piece { text, has_star })
}

/// Reads the values of a field. What is wrong is said without the field's name, which the caller knows.
pub(crate) fn list(input: &mut Input<'_>, syntax: Syntax, field: &FieldRef) -> Result<Vec<Match>, Fault> {
    let known = if let FieldRef::Field(field) = field { fields::values(*field) } else { Vec::new() };
    let mut all = Vec::new();
    loop {
        let at = input.at();
        let Piece { text, has_star } = piece(input, syntax)?;
        all.push(match (text.is_empty(), has_star) {
            (true, true) => Match::Exists,
            (true, false) => return Err(Fault::new(at, "has an empty value; use * for \"is there\"")),
            (false, true) => Match::StartsWith(text),
            // Where a field has few values, others are mistakes.
            (false, false) if !known.is_empty() && !known.contains(&text.as_str()) => {
                return Err(Fault::new(at, format!("must be one of {}, not {text:?}", known.join(", "))));
            }
            (false, false) => Match::Is(text),
        });
        if !input.take(',') {
            return Ok(all);
        }
    }
}

/// What is wrong with so many values of one condition, if anything.
pub(crate) fn too_many(name: &str, count: usize) -> Option<String> {
    (count > CONDITION_VALUES_MAX).then(|| format!("{name} has {count} values, more than {CONDITION_VALUES_MAX}"))
}
