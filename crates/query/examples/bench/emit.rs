//! Writes the events for the peers, in the form that each takes the fastest.

use std::io::{self, BufWriter, Write};

use crate::generate::{Generator, Made};
use crate::parameters::Parameters;

/// Events of one INSERT.
const ROWS_PER_INSERT: usize = 500;
/// The columns, in order; the last one holds the event as JSON.
pub(crate) const COLUMNS: [&str; 14] = [
    "id",
    "organization",
    "occurred_at",
    "sequence",
    "source",
    "action",
    "outcome",
    "severity",
    "actor_type",
    "actor_id",
    "target_id",
    "request_id",
    "message",
    "body",
];

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One INSERT of many rows a line.
    Sql,
    /// One row a line, its columns between tabs; times in milliseconds since 1970.
    Tabs,
}

/// Writes one event in `step`.
pub(crate) fn emit(parameters: &Parameters, step: u64, form: Form, out: impl Write) -> io::Result<()> {
    let generator = Generator::new(parameters.plan);
    let seed = parameters.plan.seed;
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut row = String::new();
    let mut rows_of_insert = 0;
    for run in 0..generator.runs() {
        for made in generator.run(run).filter(|made| made.index.is_multiple_of(step)) {
            row.clear();
            write_row(&made, seed, form, &mut row);
            if form == Form::Tabs {
                row.push('\n');
            } else if rows_of_insert == 0 {
                let into = format!("INSERT INTO events ({}) VALUES (", COLUMNS.join(","));
                out.write_all(into.as_bytes())?;
            } else {
                out.write_all(b",(")?;
            }
            out.write_all(row.as_bytes())?;
            rows_of_insert += 1;
            if form == Form::Sql && rows_of_insert == ROWS_PER_INSERT {
                out.write_all(b"\n")?;
                rows_of_insert = 0;
            }
        }
    }
    if form == Form::Sql && rows_of_insert > 0 {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn write_row(made: &Made, seed: u64, form: Form, row: &mut String) {
    let mut body = String::with_capacity(1024);
    made.write(&mut body);
    let id = made.peer_id(seed).to_string();
    let request_id = made.request_id.map(|id| id.to_string()).unwrap_or_default();
    let (organization, actor_id, target_id) = (made.organization_name(), made.actor_id(), made.target_id());
    let action = made.action;
    let before = [id.as_str(), &organization];
    let after = [
        action.source,
        action.name,
        made.outcome,
        made.severity,
        made.actor_type(),
        &actor_id,
        &target_id,
        &request_id,
        &made.message,
        &body,
    ];
    let (at_ms, sequence) = (made.occurred_ms, made.index);
    match form {
        Form::Tabs => {
            before.iter().for_each(|text| push_tabbed(row, text));
            row.push_str(&format!("{at_ms}\t{sequence}"));
            for text in after {
                row.push('\t');
                push_plain(row, text);
            }
        }
        Form::Sql => {
            before.iter().for_each(|text| push_quoted(row, text));
            row.push_str(&format!("to_timestamp({at_ms}/1000.0),{sequence},"));
            after.iter().for_each(|text| push_quoted(row, text));
            // The comma after the last.
            row.pop();
            row.push(')');
        }
    }
}

fn push_tabbed(row: &mut String, text: &str) {
    push_plain(row, text);
    row.push('\t');
}

/// Escapes what ends a column or a row.
fn push_plain(row: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => row.push_str("\\\\"),
            '\t' => row.push_str("\\t"),
            '\n' => row.push_str("\\n"),
            c => row.push(c),
        }
    }
}

/// Quotes a text for SQL; an empty one is NULL.
fn push_quoted(row: &mut String, text: &str) {
    if text.is_empty() {
        row.push_str("NULL,");
        return;
    }
    row.push('\'');
    row.push_str(&text.replace('\'', "''"));
    row.push_str("',");
}
