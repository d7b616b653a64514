//! Canonical bytes: the one JSON text of an event, as RFC 8785 (JSON Canonicalization Scheme) writes it.
//!
//! Keys are sorted by their UTF-16 code units, numbers are written as ECMAScript does, nothing is escaped that need not
//! be. While it writes, it notes where the searchable fields lie, so that nobody has to read the bytes again.

use std::fmt::Write as _;

use crate::field::{Field, Span};
use crate::json::{Object, Value};
use crate::model::{Actor, Changes, Context, ContextKey, Event, Failure, OnBehalfOf, Target};

/// The canonical bytes of an event and where its fields lie in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Canonical {
    /// The text.
    pub bytes: Vec<u8>,
    /// The fields, in the order of the text.
    pub spans: Vec<Span>,
}

/// Writes an event.
pub fn write(event: &Event<'_>) -> Canonical {
    let mut writer = Writer { out: Vec::with_capacity(1024), spans: Vec::with_capacity(24) };
    writer.event(event);
    Canonical { bytes: writer.out, spans: writer.spans }
}

/// Writes a JSON value: what `meta` and `changes` hold.
pub fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(text) => write_number(text, out),
        Value::String(text) => write_string(text, out),
        Value::Array(values) => {
            out.push(b'[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(value, out);
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

fn write_object(members: &Object<'_>, out: &mut Vec<u8>) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by(|a, b| utf16_order(&a.0, &b.0));
    out.push(b'{');
    for (i, (key, value)) in sorted.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

/// RFC 8785 section 3.2.3 sorts by UTF-16 code units; for ASCII that is the order of the bytes.
fn utf16_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Writes a string with its quotes, RFC 8785 section 3.2.2.2.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Writes a string without quotes, in the escaped form that spans cover.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let mut plain = text.as_bytes();
    while let Some(at) = plain.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\') {
        let (before, rest) = plain.split_at(at);
        out.extend_from_slice(before);
        if let Some((byte, after)) = rest.split_first() {
            write_escape(*byte, out);
            plain = after;
        }
    }
    out.extend_from_slice(plain);
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Writes a number as ECMAScript prints its double, RFC 8785 section 3.2.2.3.
fn write_number(text: &str, out: &mut Vec<u8>) {
    if is_short_integer(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let number: f64 = text.parse().unwrap_or_default();
    out.extend_from_slice(ryu_js::Buffer::new().format(number).as_bytes());
}

/// Integers of up to 15 digits are their own canonical form, but for `-0`.
fn is_short_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit()) && text != "-0"
}

/// Whether a number's double denotes the same number: what was written comes back as it was meant.
///
/// `0.1` does (its shortest form is `0.1`), `9007199254740993` and `1e400` do not.
pub fn is_exact_number(text: &str) -> bool {
    if is_short_integer(text) {
        return true;
    }
    let Ok(number) = text.parse::<f64>() else { return false };
    if !number.is_finite() {
        return false;
    }
    let mut buffer = ryu_js::Buffer::new();
    Decimal::of(text) == Decimal::of(buffer.format(number))
}

/// A decimal number in a form that can be compared: sign, digits without zeros at either end, power of ten.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|b| *b == b'0').collect();
        let power: i64 = power.parse().unwrap_or(if power.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 });
        let mut exponent = power.saturating_sub(fraction.len() as i64);
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }
}

/// Finds the scalar at a path inside canonical bytes of an object, and gives it as it is written, strings without their
/// quotes. The path's segments are in their escaped form. Objects, arrays and `null` are not scalars that can be found.
pub fn scalar_at<'a>(object: &'a [u8], path: &[Vec<u8>]) -> Option<&'a [u8]> {
    let mut at = object;
    for segment in path {
        at = member(at, segment)?;
    }
    match at.first()? {
        b'"' => at.get(1..at.len() - 1),
        b'{' | b'[' | b'n' => None,
        _ => Some(at),
    }
}

/// The value of one key of a canonical object.
fn member<'a>(object: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut rest = object.strip_prefix(b"{")?;
    while rest.first() == Some(&b'"') {
        let key_len = value_len(rest)?;
        let found = rest.get(1..key_len - 1)?;
        rest = rest.get(key_len + 1..)?;
        let len = value_len(rest)?;
        if found == key {
            return rest.get(..len);
        }
        rest = rest.get(len..)?;
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
    None
}

/// How many bytes the canonical value takes that the text begins with.
pub(crate) fn value_len(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for (i, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    in_string = false;
                    if depth == 0 {
                        return Some(i + 1);
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return Some(i),
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}

struct Writer {
    out: Vec<u8>,
    spans: Vec<Span>,
}

impl Writer {
    fn event(&mut self, event: &Event<'_>) {
        self.text("{\"action\":", Field::Action, &event.action);
        self.optional(",\"action_type\":", Field::ActionType, event.action_type.as_deref());
        if let Some(actor) = &event.actor {
            self.actor(actor);
        }
        if let Some(changes) = &event.changes {
            self.changes(changes);
        }
        if !event.context.is_empty() {
            self.context(&event.context);
        }
        if let Some(error) = &event.error {
            self.failure(error);
        }
        self.text(",\"id\":", Field::Id, event.id.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
        self.optional(",\"message\":", Field::Message, event.message.as_deref());
        if !event.meta.is_empty() {
            self.raw(",\"meta\":");
            self.container(Field::Meta, |out| write_object(&event.meta, out));
        }
        self.raw(",\"occurred_at\":\"");
        let mut time = String::with_capacity(32);
        // Writing to a String cannot fail.
        let _ = write!(time, "{}", event.occurred_at);
        self.spans.push(Span {
            field: Field::OccurredAt,
            item: 0,
            start: self.out.len() as u32,
            len: time.len() as u32,
        });
        self.raw(&time);
        self.raw("\"");
        if !event.on_behalf_of.is_empty() {
            self.on_behalf_of(&event.on_behalf_of);
        }
        self.text(",\"outcome\":", Field::Outcome, event.outcome.name());
        self.optional(",\"query_type\":", Field::QueryType, event.query_type.as_deref());
        self.text(",\"severity\":", Field::Severity, event.severity.name());
        self.text(",\"source\":", Field::Source, &event.source);
        if !event.targets.is_empty() {
            self.targets(&event.targets);
        }
        self.raw("}");
    }

    fn actor(&mut self, actor: &Actor<'_>) {
        self.raw(",\"actor\":{");
        self.optional_member("email", Field::ActorEmail, 0, actor.email.as_deref());
        if !actor.groups.is_empty() {
            self.separate();
            self.raw("\"groups\":[");
            for group in &actor.groups {
                self.open_item();
                self.optional_member("id", Field::ActorGroupId, 0, group.id.as_deref());
                self.optional_member("name", Field::ActorGroupName, 0, group.name.as_deref());
                self.raw("}");
            }
            self.raw("]");
        }
        self.optional_member("id", Field::ActorId, 0, actor.id.as_deref());
        self.optional_member("name", Field::ActorName, 0, actor.name.as_deref());
        self.optional_member("type", Field::ActorType, 0, Some(actor.kind.name()));
        self.raw("}");
    }

    fn changes(&mut self, changes: &Changes<'_>) {
        self.raw(",\"changes\":");
        self.container(Field::Changes, |out| {
            let sides = [("after", &changes.after), ("before", &changes.before)];
            let present = sides.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
            for (i, (key, value)) in present.enumerate() {
                out.push(if i == 0 { b'{' } else { b',' });
                write_string(key, out);
                out.push(b':');
                write_value(value, out);
            }
            out.push(b'}');
        });
    }

    fn context(&mut self, context: &Context<'_>) {
        self.raw(",\"context\":{");
        for (key, value) in context.iter() {
            self.optional_member(key.name(), Field::Context(key), 0, Some(value));
            if key == ContextKey::RequestUrl {
                self.request_path(value);
            }
        }
        self.raw("}");
    }

    /// The path is the URL's own span, cut at the first `?`; its escaped form is the same cut of the escaped URL.
    fn request_path(&mut self, url: &str) {
        let Some(whole) = self.spans.last().copied() else { return };
        let mut path = Vec::new();
        write_escaped(url.split('?').next().unwrap_or_default(), &mut path);
        self.spans.push(Span { field: Field::RequestPath, len: path.len() as u32, ..whole });
    }

    fn failure(&mut self, error: &Failure<'_>) {
        self.raw(",\"error\":{");
        self.optional_member("message", Field::ErrorMessage, 0, error.message.as_deref());
        self.optional_member("name", Field::ErrorName, 0, error.name.as_deref());
        self.raw("}");
    }

    fn on_behalf_of(&mut self, parties: &[OnBehalfOf<'_>]) {
        self.raw(",\"on_behalf_of\":[");
        for party in parties {
            self.open_item();
            self.optional_member("id", Field::OnBehalfOfId, 0, Some(&party.id));
            self.optional_member("name", Field::OnBehalfOfName, 0, party.name.as_deref());
            self.optional_member("type", Field::OnBehalfOfType, 0, Some(party.kind.name()));
            self.raw("}");
        }
        self.raw("]");
    }

    fn targets(&mut self, targets: &[Target<'_>]) {
        self.raw(",\"targets\":[");
        for (item, target) in (0u8..).zip(targets) {
            self.open_item();
            self.optional_member("id", Field::TargetId, item, Some(&target.id));
            self.optional_member("name", Field::TargetName, item, target.name.as_deref());
            self.optional_member("type", Field::TargetType, item, Some(&target.kind));
            self.raw("}");
        }
        self.raw("]");
    }

    fn optional(&mut self, prefix: &str, field: Field, text: Option<&str>) {
        if let Some(text) = text {
            self.text(prefix, field, text);
        }
    }

    fn text(&mut self, prefix: &str, field: Field, text: &str) {
        self.raw(prefix);
        self.string(field, 0, text);
    }

    /// A member of an object below the top: with a comma before it unless it is the first.
    fn optional_member(&mut self, key: &str, field: Field, item: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.separate();
            self.raw("\"");
            self.raw(key);
            self.raw("\":");
            self.string(field, item, text);
        }
    }

    fn string(&mut self, field: Field, item: u8, text: &str) {
        self.raw("\"");
        let start = self.out.len();
        write_escaped(text, &mut self.out);
        self.spans.push(Span { field, item, start: start as u32, len: (self.out.len() - start) as u32 });
        self.raw("\"");
    }

    fn container(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        write(&mut self.out);
        self.spans.push(Span { field, item: 0, start: start as u32, len: (self.out.len() - start) as u32 });
    }

    fn open_item(&mut self) {
        self.separate();
        self.raw("{");
    }

    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests;
