//! The Common Event Format, version 0: a header between pipes, then keys with values.
//!
//! ```text
//! CEF:0|Trailbook|Trailbook|0.1.0|catalog:entity-mutate|entity-mutate|5|rt=1768478400412 start=1768478400000 …
//! ```
//!
//! Every key stands once, is one that the format's dictionary has, and its value is not longer than the dictionary
//! allows, in bytes, cut between characters. A record is one line: newlines are written as `\n` and `\r`, other control
//! characters as a space. Backslashes are escaped everywhere, `|` in the header only, `=` in the extension only.

use std::net::IpAddr;

use trailbook_event::{ContextKey, Event, Severity, Target};

use super::object::Object;
use super::{Record, columns};

const CLASS_BYTES_MAX: usize = 1_023;
const NAME_BYTES_MAX: usize = 512;
/// Of most keys of text.
const TEXT_BYTES_MAX: usize = 1_023;
/// Of `act` and `outcome`.
const WORD_BYTES_MAX: usize = 63;
/// Of `deviceExternalId`.
const DEVICE_BYTES_MAX: usize = 255;
/// Of `externalId`.
const ID_BYTES_MAX: usize = 40;
/// Of `cs1` to `cs6`.
const CUSTOM_BYTES_MAX: usize = 4_000;

pub(super) fn write(record: &Record<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(concat!("CEF:0|Trailbook|Trailbook|", env!("CARGO_PKG_VERSION"), "|").as_bytes());
    header(&format!("{}:{}", event.source, event.action), CLASS_BYTES_MAX, out);
    out.push(b'|');
    header(&event.action, NAME_BYTES_MAX, out);
    let severity = match event.severity {
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    };
    out.extend_from_slice(format!("|{severity}|rt={}", record.recorded_ms).as_bytes());
    let mut keys = Extension { out };
    keys.number("start", event.occurred_at.millis());
    keys.text("externalId", Some(&event.id.as_hyphenated().to_string()), ID_BYTES_MAX);
    keys.text("deviceExternalId", Some(record.organization), DEVICE_BYTES_MAX);
    keys.number("cn1", i64::try_from(record.sequence).unwrap_or(i64::MAX));
    keys.text("cn1Label", Some("Sequence"), TEXT_BYTES_MAX);
    keys.text("sourceServiceName", Some(&event.source), TEXT_BYTES_MAX);
    keys.text("act", event.action_type.as_deref(), WORD_BYTES_MAX);
    keys.text("cat", event.query_type.as_deref(), TEXT_BYTES_MAX);
    keys.text("outcome", Some(event.outcome.name()), WORD_BYTES_MAX);
    keys.text("reason", reason(event).as_deref(), TEXT_BYTES_MAX);
    keys.text("msg", event.message.as_deref(), TEXT_BYTES_MAX);
    parties(event, &mut keys);
    let address = context(event, &mut keys);
    custom(event, address, &mut keys);
    out.push(b'\n');
}

/// What went wrong, in one text.
fn reason(event: &Event<'_>) -> Option<String> {
    let error = event.error.as_ref()?;
    let parts = [error.name.as_deref(), error.message.as_deref()];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

/// Who did it, and to whom.
fn parties(event: &Event<'_>, keys: &mut Extension<'_>) {
    if let Some(actor) = &event.actor {
        keys.text("suid", actor.id.as_deref(), TEXT_BYTES_MAX);
        let name = actor.name.as_deref().or(actor.email.as_deref()).or(actor.id.as_deref());
        keys.text("suser", name, TEXT_BYTES_MAX);
    }
    let is_user = |target: &&Target<'_>| target.kind.eq_ignore_ascii_case("user");
    if let Some(user) = event.targets.iter().find(is_user) {
        keys.text("duid", Some(&user.id), TEXT_BYTES_MAX);
        keys.text("duser", Some(user.name.as_deref().unwrap_or(&user.id)), TEXT_BYTES_MAX);
    }
}

/// Where it came from; gives the address, if it is one.
fn context(event: &Event<'_>, keys: &mut Extension<'_>) -> Option<IpAddr> {
    let address = event.context.get(ContextKey::Ip).and_then(|ip| ip.parse().ok());
    match address {
        Some(IpAddr::V4(ip)) => keys.text("src", Some(&ip.to_string()), TEXT_BYTES_MAX),
        // `src` has four bytes only.
        Some(IpAddr::V6(ip)) => {
            keys.text("c6a2", Some(&ip.to_string()), TEXT_BYTES_MAX);
            keys.text("c6a2Label", Some("Source IPv6 Address"), TEXT_BYTES_MAX);
        }
        None => {}
    }
    keys.text("dhost", event.context.get(ContextKey::Hostname), TEXT_BYTES_MAX);
    keys.text("requestMethod", event.context.get(ContextKey::RequestMethod), TEXT_BYTES_MAX);
    keys.text("request", event.context.get(ContextKey::RequestUrl), TEXT_BYTES_MAX);
    keys.text("requestClientApplication", event.context.get(ContextKey::UserAgent), TEXT_BYTES_MAX);
    address
}

/// What has no key in the dictionary, as JSON.
fn custom(event: &Event<'_>, address: Option<IpAddr>, keys: &mut Extension<'_>) {
    let values: [(&str, &str, &str, Vec<u8>); 6] = [
        ("cs1", "cs1Label", "Targets", json(|out| columns::targets(event, out))),
        ("cs2", "cs2Label", "Context", json(|out| rest_of_context(event, address, out))),
        ("cs3", "cs3Label", "On Behalf Of", json(|out| columns::on_behalf_of(event, out))),
        ("cs4", "cs4Label", "Changes", json(|out| columns::changes(event, out))),
        ("cs5", "cs5Label", "Meta", json(|out| columns::meta(event, out))),
        ("cs6", "cs6Label", "Actor", json(|out| actor(event, out))),
    ];
    for (key, label_key, label, value) in values {
        if !value.is_empty() {
            keys.text(key, Some(&String::from_utf8_lossy(&value)), CUSTOM_BYTES_MAX);
            keys.text(label_key, Some(label), TEXT_BYTES_MAX);
        }
    }
}

fn json(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// The keys of `context` that have none in the dictionary.
fn rest_of_context(event: &Event<'_>, address: Option<IpAddr>, out: &mut Vec<u8>) {
    let has_key = |key: ContextKey| match key {
        ContextKey::Hostname | ContextKey::RequestMethod | ContextKey::RequestUrl | ContextKey::UserAgent => true,
        ContextKey::Ip => address.is_some(),
        _ => false,
    };
    Object::write_some(out, |object| {
        let rest = event.context.iter().filter(|(key, _)| !has_key(*key));
        rest.for_each(|(key, value)| object.text(key.name(), value));
    });
}

/// The actor, whole, as its canonical form is.
fn actor(event: &Event<'_>, out: &mut Vec<u8>) {
    let Some(actor) = &event.actor else { return };
    Object::write(out, |object| {
        object.optional("email", actor.email.as_deref());
        object.list("groups", &actor.groups, columns::group);
        object.optional("id", actor.id.as_deref());
        object.optional("name", actor.name.as_deref());
        object.text("type", actor.kind.name());
    });
}

/// Keys and values, each after a space.
struct Extension<'o> {
    out: &'o mut Vec<u8>,
}

impl Extension<'_> {
    fn number(&mut self, key: &str, value: i64) {
        self.out.extend_from_slice(format!(" {key}={value}").as_bytes());
    }

    fn text(&mut self, key: &str, value: Option<&str>, bytes_max: usize) {
        let Some(value) = value else { return };
        self.out.push(b' ');
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
        for c in cut(value, bytes_max).chars() {
            match c {
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '=' => self.out.extend_from_slice(b"\\="),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\r' => self.out.extend_from_slice(b"\\r"),
                c => plain(c, self.out),
            }
        }
    }
}

fn header(value: &str, bytes_max: usize, out: &mut Vec<u8>) {
    for c in cut(value, bytes_max).chars() {
        match c {
            '\\' => out.extend_from_slice(b"\\\\"),
            '|' => out.extend_from_slice(b"\\|"),
            c => plain(c, out),
        }
    }
}

/// A character that is not escaped. What ends a line for some readers is a space.
fn plain(c: char, out: &mut Vec<u8>) {
    let c = if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The longest beginning of a text that has so many bytes at most and ends between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}
