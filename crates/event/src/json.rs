//! A strict JSON reader (RFC 8259) that says where it stopped.
//!
//! Beyond the RFC it refuses what would make a record ambiguous: duplicate keys, lone surrogates, and nesting deeper
//! than [`JSON_DEPTH_MAX`]. It borrows from its input, keeps numbers as they were written, and gives a JSON Pointer and
//! a byte offset with every error. Any bytes give a value or an error. What it allocates is linear in its input, but
//! up to forty times as much (`[[0],[0],…]`), so a caller limits the text, and reads the events of a large one by one.

use std::borrow::Cow;

use crate::error::push_segment;
use crate::limits::JSON_DEPTH_MAX;

/// A JSON value that borrows from the text it was read from. Members keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// A string, its escapes resolved.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object without duplicate keys.
    Object(Object<'a>),
}

/// The members of an object, in the order they were written.
pub type Object<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

impl Value<'_> {
    /// What the value is, with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

/// Why the text is not JSON that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct Error {
    /// Where in the document, as an RFC 6901 JSON Pointer.
    pub pointer: String,
    /// Where in the text, in bytes from 0.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads one JSON value; only white space may follow it.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, Error> {
    let (value, end) = parse_prefix(bytes)?;
    let rest = bytes.get(end..).unwrap_or_default();
    match rest.iter().position(|b| !is_space(*b)) {
        None => Ok(value),
        Some(at) => {
            Err(Error { pointer: String::new(), offset: end + at, reason: "something follows the value".to_owned() })
        }
    }
}

/// Reads the JSON value that the text begins with, and gives the byte offset of its end.
pub fn parse_prefix(bytes: &[u8]) -> Result<(Value<'_>, usize), Error> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error {
        pointer: String::new(),
        offset: e.valid_up_to(),
        reason: "the text is not UTF-8".to_owned(),
    })?;
    parse_prefix_str(text)
}

/// The same for text that is known to be UTF-8, so that a long one is not looked through for every value in it.
pub fn parse_prefix_str(text: &str) -> Result<(Value<'_>, usize), Error> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, depth: 0 };
    let value = reader.value()?;
    Ok((value, reader.at))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Value<'a>, Error> {
        match self.next_significant() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error("a value was expected")),
            None => Err(self.error("the text ends where a value was expected")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value<'a>, Error>) -> Result<Value<'a>, Error> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value<'a>, Error> {
        let mut members: Object<'a> = Vec::new();
        if self.next_significant() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            if self.next_significant() != Some(b'"') {
                return Err(self.expected("a key in double quotes"));
            }
            let key_at = self.at;
            let key = self.string()?;
            if self.next_significant() != Some(b':') {
                return Err(self.expected("a colon after the key"));
            }
            self.at += 1;
            let value = self.value().map_err(|e| within(e, &key))?;
            members.push((key, value));
            if members.len() <= SMALL_OBJECT {
                self.refuse_repeated_last(&members, key_at)?;
            }
            match self.next_significant() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.expected("a comma or a closing brace")),
            }
        }
        self.at += 1;
        if members.len() > SMALL_OBJECT {
            self.refuse_repeated(&members)?;
        }
        Ok(Value::Object(members))
    }

    fn array(&mut self) -> Result<Value<'a>, Error> {
        let mut values = Vec::new();
        if self.next_significant() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(values));
        }
        loop {
            let value = self.value().map_err(|e| within(e, &values.len().to_string()))?;
            values.push(value);
            match self.next_significant() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.expected("a comma or a closing bracket")),
            }
        }
        self.at += 1;
        Ok(Value::Array(values))
    }

    /// Compares the newest key with those before it, as long as there are few.
    fn refuse_repeated_last(&self, members: &[(Cow<'a, str>, Value<'a>)], key_at: usize) -> Result<(), Error> {
        let Some(((last, _), before)) = members.split_last() else { return Ok(()) };
        if before.iter().any(|(key, _)| key == last) {
            return Err(repeated(last, key_at));
        }
        Ok(())
    }

    fn refuse_repeated(&self, members: &[(Cow<'a, str>, Value<'a>)]) -> Result<(), Error> {
        let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            if let [a, b] = pair
                && a == b
            {
                return Err(repeated(a, self.at));
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        let start = self.at + 1;
        self.at = start;
        self.skip_plain();
        match self.peek() {
            Some(b'"') => {
                let text = self.slice(start, self.at);
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            _ => self.string_with_escapes(start).map(Cow::Owned),
        }
    }

    fn string_with_escapes(&mut self, start: usize) -> Result<String, Error> {
        let mut out = String::from(self.slice(start, self.at));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.error("a control character stands in a string; write it as \\u00xx")),
                None => return Err(self.error("the text ends inside a string")),
            }
            let plain = self.at;
            self.skip_plain();
            out.push_str(self.slice(plain, self.at));
        }
    }

    /// Moves to the next byte that a string cannot hold as it is: a quote, a backslash or a control character.
    fn skip_plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let plain = rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20);
        self.at += plain.unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, Error> {
        let escaped = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("an unknown escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, Error> {
        let start = self.at - 1;
        let lone = |at| Error { pointer: String::new(), offset: at, reason: "a lone surrogate in a string".to_owned() };
        self.at += 1;
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Err(lone(start));
                }
                self.at += 2;
                let second = self.hex4()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(lone(start));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| lone(start))
    }

    fn hex4(&mut self) -> Result<u32, Error> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let mut code = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16).ok_or_else(|| self.error("\\u wants four hex digits"))?;
            code = code * 16 + value;
        }
        if digits.len() < 4 {
            return Err(self.error("\\u wants four hex digits"));
        }
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return Err(self.error("a digit was expected")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-') = self.peek() {
            return Err(self.error("this is not a number as JSON writes them"));
        }
        Ok(self.slice(start, self.at))
    }

    fn digits(&mut self) -> Result<(), Error> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.error("a digit was expected"));
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.error("a value was expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn next_significant(&mut self) -> Option<u8> {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Both ends lie beside ASCII bytes, so the range is always on character borders.
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn expected(&self, what: &str) -> Error {
        match self.peek() {
            Some(_) => self.error(format!("{what} was expected")),
            None => self.error(format!("the text ends where {what} was expected")),
        }
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error { pointer: String::new(), offset: self.at, reason: reason.into() }
    }
}

/// Up to this many members, keys are compared pair by pair; above, they are sorted.
const SMALL_OBJECT: usize = 24;

fn repeated(key: &str, offset: usize) -> Error {
    let mut pointer = String::new();
    push_segment(&mut pointer, key);
    Error { pointer, offset, reason: "the key stands twice in its object".to_owned() }
}

/// Puts a segment before the pointer of an error, while the reader unwinds.
fn within(mut error: Error, segment: &str) -> Error {
    let mut pointer = String::new();
    push_segment(&mut pointer, segment);
    error.pointer.insert_str(0, &pointer);
    error
}

#[cfg(test)]
mod tests;
