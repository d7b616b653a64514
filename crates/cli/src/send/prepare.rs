//! Makes a line ready to be sent: an id, so that it can be sent twice, and nothing that only the server gives.
//!
//! Apart from that the line stays as it is, byte for byte: numbers are not read and written again.

use std::fmt;

use ring::digest::{Context, SHA256};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use trailbook_event::normalise::Form;
use uuid::Uuid;

use super::lines::Line;

/// What the server gives to an event. An export has all three, and they are taken out of it.
const SERVER_KEYS: [&str; 3] = ["organization", "sequence", "recorded_at"];

/// The text to send for a line. A line that is not a JSON object is sent as it is: the server says what is wrong.
pub(super) fn prepare(run: &str, form: Form, line: &Line) -> Vec<u8> {
    let members: Members<'_> = match serde_json::from_slice(&line.bytes) {
        Ok(members) => members,
        Err(_) => return line.bytes.clone(),
    };
    let is_exported = SERVER_KEYS.iter().all(|key| members.get(key).is_some());
    let id = members.get("id");
    // A logger may write a null where there is no id.
    let has_id = id.is_some_and(|id| id.get() != "null");
    // Port calls it so; an id of ours beside it would let the same record in twice.
    if form == Form::Port && members.get("identifier").is_some() {
        return line.bytes.clone();
    }
    if is_exported || (id.is_some() && !has_id) {
        let is_kept = |key: &str| !(is_exported && SERVER_KEYS.contains(&key)) && (key != "id" || has_id);
        return members.text(is_kept, (!has_id).then(|| id_of(run, line)));
    }
    if has_id {
        return line.bytes.clone();
    }
    let rest = line.bytes.get(1..).unwrap_or_default().trim_ascii_start();
    let separator = if rest.starts_with(b"}") { "" } else { "," };
    let mut text = format!("{{\"id\":\"{}\"{separator}", id_of(run, line)).into_bytes();
    text.extend_from_slice(rest);
    text
}

/// An id that the same line at the same place of the same run has again: UUIDv8, RFC 9562 section 5.8.
///
/// It begins with the place (48 bits), so that the ids of a run grow and the server's table of ids grows at one end;
/// the other 74 bits are of a SHA-256 of run, place and line.
fn id_of(run: &str, line: &Line) -> Uuid {
    let mut context = Context::new(&SHA256);
    context.update(b"trailbook/send/v1\0");
    context.update(&(run.len() as u64).to_be_bytes());
    context.update(run.as_bytes());
    context.update(&line.offset.to_be_bytes());
    context.update(&line.bytes);
    let digest = context.finish();
    let place = line.offset.to_be_bytes();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(place.iter().skip(2).chain(digest.as_ref())) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The members of an object, in their order, with their values as they were written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl Members<'_> {
    fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The object again, with the members that are kept, and with an id before them.
    fn text(&self, is_kept: impl Fn(&str) -> bool, id: Option<Uuid>) -> Vec<u8> {
        let id = id.map(|id| format!("\"id\":\"{id}\""));
        let kept = self.0.iter().filter(|(key, _)| is_kept(key));
        let members = kept.map(|(key, value)| format!("{}:{}", serde_json::Value::from(key.as_str()), value.get()));
        let all: Vec<String> = id.into_iter().chain(members).collect();
        format!("{{{}}}", all.join(",")).into_bytes()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Line;
    use super::prepare;
    use trailbook_event::normalise::Form;

    fn line(text: &str, offset: u64) -> Line {
        Line { number: 1, offset, bytes: text.as_bytes().to_vec(), is_cut: false, length_bytes: text.len() as u64 }
    }

    fn prepared(text: &str) -> String {
        String::from_utf8(prepare("run", Form::Native, &line(text, 7))).unwrap()
    }

    #[test]
    fn a_line_gets_an_id_and_stays_as_it_is_apart_from_that() {
        let text = prepared(r#"{ "source":"s", "meta":{"id":1e2,"n":1.0}} "#);
        let (id, rest) = text.split_at(44);
        assert_eq!(rest, r#","source":"s", "meta":{"id":1e2,"n":1.0}} "#);
        let id = id.strip_prefix("{\"id\":\"").and_then(|id| id.strip_suffix('"')).unwrap();
        assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 8);
        assert!(prepared("{}").ends_with("\"}"));
    }

    #[test]
    fn an_id_is_the_same_again_and_differs_by_run_place_and_content() {
        let of = |run, text, offset| prepare(run, Form::Native, &line(text, offset));
        let first = of("a", "{\"x\":1}", 0);
        assert_eq!(first, of("a", "{\"x\":1}", 0));
        for other in [of("b", "{\"x\":1}", 0), of("a", "{\"x\":1}", 1)] {
            assert_ne!(first, other);
        }
        assert_ne!(first.get(..44), of("a", "{\"x\":2}", 0).get(..44));
    }

    #[test]
    fn a_line_that_has_an_id_keeps_it() {
        for text in [r#"{"id":"x","source":"s"}"#, r#"{"\u0069d":"x"}"#] {
            assert_eq!(prepared(text), text);
        }
        let replaced = prepared(r#"{"isAuditEvent":true,"id":null}"#);
        assert!(replaced.starts_with("{\"id\":\"") && replaced.ends_with("\",\"isAuditEvent\":true}"), "{replaced}");
    }

    #[test]
    fn a_record_of_port_that_has_an_identifier_gets_no_other() {
        let prepared = |text: &str| prepare("run", Form::Port, &line(text, 7));
        let named = r#"{"identifier":"event_1","action":"UPDATE"}"#;
        assert_eq!(prepared(named), named.as_bytes());
        assert!(prepared(r#"{"action":"UPDATE"}"#).starts_with(b"{\"id\":\""));
    }

    #[test]
    fn an_exported_event_loses_what_the_server_gives() {
        let exported =
            r#"{"id":"x","organization":"acme","sequence":7,"recorded_at":"t","meta":{"sequence":1.50,"b":"\u00e4"}}"#;
        assert_eq!(prepared(exported), r#"{"id":"x","meta":{"sequence":1.50,"b":"\u00e4"}}"#);
        let partly = r#"{"id":"x","organization":"acme"}"#;
        assert_eq!(prepared(partly), partly);
    }

    #[test]
    fn what_is_not_an_object_is_left_to_the_server() {
        for text in ["{\"a\":", "{\"a\":1}x", "{'a':1}"] {
            assert_eq!(prepared(text), text);
        }
        let bytes = b"{\"a\":\"\xff\"}".to_vec();
        let line = Line { number: 1, offset: 0, is_cut: false, length_bytes: bytes.len() as u64, bytes };
        assert_eq!(prepare("run", Form::Native, &line), line.bytes);
    }
}
