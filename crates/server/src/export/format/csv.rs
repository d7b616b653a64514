//! CSV after RFC 4180, with a header line: each field of the model in a column of its own, lists and free JSON as text.
//!
//! Every text stands in quotes, so that a program that splits at semicolons finds no other cell in it. What a
//! spreadsheet would take for a formula begins with an apostrophe. A text that begins with an apostrophe itself has
//! two, so that whoever takes one away has the text. An absent field is an empty cell; no field is an empty text.

use std::sync::LazyLock;

use trailbook_event::{Event, Timestamp};

use super::{Record, columns};

/// Columns before those of [`columns::names`], and after them.
const FIRST: [&str; 5] = ["organization", "sequence", "recorded_at", "id", "occurred_at"];
const LAST: [&str; 5] = ["actor.groups", "on_behalf_of", "targets", "changes", "meta"];

/// The names of the columns.
pub(super) fn header() -> &'static [u8] {
    static HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let names: Vec<String> =
            FIRST.map(str::to_owned).into_iter().chain(columns::names()).chain(LAST.map(str::to_owned)).collect();
        format!("{}\r\n", names.join(",")).into_bytes()
    });
    &HEADER
}

pub(super) fn write(record: &Record<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
    text(record.organization, out);
    let recorded = Timestamp::from_millis(record.recorded_ms);
    let (sequence, id, occurred) = (record.sequence, event.id.as_hyphenated(), event.occurred_at);
    out.extend_from_slice(format!(",{sequence},{recorded},{id},{occurred}").as_bytes());
    for value in columns::texts(event) {
        out.push(b',');
        if let Some(value) = value {
            text(value, out);
        }
    }
    let mut json = Vec::new();
    let writers: [fn(&Event<'_>, &mut Vec<u8>); 5] =
        [columns::groups, columns::on_behalf_of, columns::targets, columns::changes, columns::meta];
    for write in writers {
        out.push(b',');
        json.clear();
        write(event, &mut json);
        if !json.is_empty() {
            quoted(&json, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A text as a cell that no spreadsheet runs.
fn text(value: &str, out: &mut Vec<u8>) {
    if value.starts_with(is_marked) {
        out.extend_from_slice(b"\"'");
        escaped(value.as_bytes(), out);
        out.push(b'"');
    } else {
        quoted(value.as_bytes(), out);
    }
}

/// Whether a text that begins so gets an apostrophe: the signs of a formula, also in full width, which some
/// spreadsheets take for the same; what may be skipped before one; the apostrophe itself.
fn is_marked(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠' | '\'')
}

fn quoted(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(value, out);
    out.push(b'"');
}

fn escaped(value: &[u8], out: &mut Vec<u8>) {
    for piece in value.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(piece);
        if piece.ends_with(b"\"") {
            out.push(b'"');
        }
    }
}
