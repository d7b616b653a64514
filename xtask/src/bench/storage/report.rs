//! The tables of `bench/results-storage.md`, and of `bench/results-growth.md` where there are no peers.

#[cfg(test)]
mod tests;

use super::{Measured, Run, peers};
use crate::bench::report::{machine, markdown};
use crate::repository;
use anyhow::{Context, Result};
use serde_json::Value;

/// Where results go, and how the file begins.
const WITH_PEERS: (&str, &str) = (
    "bench/results-storage.md",
    "# Measured: storage and queries\n\nMade by `cargo xtask bench storage`; do not edit by hand.\n",
);
const GROWTH: (&str, &str) = (
    "bench/results-growth.md",
    "# Measured: growth\n\nMade by `cargo xtask bench storage --no-peers --events 1M,10M,100M`; do not edit by hand.\n",
);

const NOTES: &str = "\
All systems hold events of one generator: 20 organizations, 50,000 actors, 500,000 targets, 30 actions and 2,000 words
by Zipf's law over 90 days. Where PostgreSQL holds fewer, it holds every n-th of them, and all systems are asked for
values of events that PostgreSQL holds too. Each kind of query is asked once with every parameter to warm up and then
measured with the same ones, one after the other; `first, cold` is the very first query of its kind after opening, and
in parentheses the same query once more; the system's page cache is warm. A pass ends after 20 s if it did 20 queries,
so slow rows have fewer than the others.

Trailbook is asked inside its process, without HTTP, and exports to /dev/null; PostgreSQL through psycopg over the
loopback address; ClickHouse is chdb, the same engine inside a Python process. A page with its total is two statements
for the peers. PostgreSQL has the six indexes of `bench/peers/postgres.py`, and none for words: those are found by
ILIKE. ClickHouse has the skip indexes of `bench/peers/clickhouse.py`; its inserts are in files of 500,000 and are not
synced, the other two sync every batch of 500. While events are made the clock of inserting stands still; `with the
pauses` counts it. Processor time of Trailbook is that of its process without making events; its steps are medians of
one thread alone.\n";

/// What results call a row, and what people do.
const ROWS: [(&str, &str); 11] = [
    ("newest", "newest 100 of an organization, with total"),
    ("filtered", "newest 100 by outcome and action"),
    ("filtered_total", "newest 100 by outcome and action, with total"),
    ("target", "one rare target, page and total"),
    ("count", "count by action, outcome and actor.type"),
    ("facet", "events by action, of an organization"),
    ("word_count", "count of a rare word"),
    ("word_page", "newest 100 of a rare word"),
    ("histogram", "events by day over 90 days"),
    ("id", "one event by its id"),
    ("proof", "the proof of one event, from its sequence on"),
];

const PEERS: [(&str, &str); 2] = [("postgres", "PostgreSQL"), ("clickhouse", "ClickHouse")];

/// Facts of Trailbook, with how they are shown: a factor and a number of decimals.
const OWN_FACTS: [(&str, &str, f64, usize); 21] = [
    ("event_bytes", "bytes an event, as sent", 1.0, 0),
    ("events_per_second", "events/s", 1.0, 0),
    ("events_per_second_with_pauses", "events/s, with the pauses", 1.0, 0),
    ("cpu_us", "CPU, µs an event", 1.0, 1),
    ("cpu_normalise_us", "of it parse and normalise", 1.0, 1),
    ("cpu_decide_us", "of it redact and exclude", 1.0, 1),
    ("cpu_seal_us", "of it seal", 1.0, 1),
    ("cpu_chunk_us", "of it events into chunks", 1.0, 1),
    ("cpu_flush_us", "of it chunks into segments", 1.0, 1),
    ("cpu_compact_us", "of it segments into larger ones", 1.0, 1),
    ("cpu_verify_us", "of it reading back what was written, and comparing", 1.0, 1),
    ("cpu_integrate_us", "of it events into the tree, under signed checkpoints", 1.0, 1),
    ("cpu_rest_us", "of it the rest: journal, catalog, runtime", 1.0, 1),
    ("making_cpu_us", "beside it making events", 1.0, 1),
    ("settle_seconds", "seconds until settled", 1.0, 1),
    ("segments", "segments, settled", 1.0, 0),
    ("open_seconds", "seconds to open", 1.0, 2),
    ("memory_idle", "memory after opening, MiB", 1.0 / 1_048_576.0, 0),
    ("memory_peak_ingest", "most memory while filled, MiB", 1.0 / 1_048_576.0, 0),
    ("memory_peak_queries", "most memory while asked, MiB", 1.0 / 1_048_576.0, 0),
    ("export_mb_per_second", "export of an organization, MB/s", 1.0, 0),
];

const NOTHING: &str = "–";

/// Prints the tables and writes the file.
pub(super) fn publish(measured: &Measured) -> Result<()> {
    let tables = tables(measured);
    println!("{tables}");
    let (file, head) = if measured.peers.is_empty() { GROWTH } else { WITH_PEERS };
    let text = format!("{head}\n{}{}\n{tables}\n## How\n\n{NOTES}", machine(), conditions(measured));
    std::fs::write(repository::root()?.join(file), text).with_context(|| format!("writing {file}"))?;
    println!("written to {file}");
    Ok(())
}

/// What was measured on and with, below what is said of the machine.
fn conditions(measured: &Measured) -> String {
    let queries = measured.runs.last().and_then(|run| fact(&run.results, "ours", "queries"));
    let (one, two) = (measured.fsync.one.as_secs_f64() * 1e3, measured.fsync.two_at_once.as_secs_f64() * 1e3);
    let mut lines = vec![
        format!("- fsync p50 of the disk: {one:.3} ms, two at once {two:.3} ms"),
        format!("- queries of each kind: {}", decimal(queries, 0)),
    ];
    for (system, name) in PEERS {
        if let Some(version) = text(&measured.peers, system, "version") {
            let events = fact(&measured.peers, system, "events").map_or(NOTHING.to_owned(), |n| grouped(n as u64));
            let settings =
                if system == "postgres" { format!("; `{}`", peers::POSTGRES_SETTINGS) } else { String::new() };
            lines.push(format!("- {name} {version}: {events} events{settings}"));
        }
        let absent = measured.peers.iter().find(|r| is(r, "kind", "absent") && is(r, "system", system));
        if let Some(reason) = absent.and_then(|result| result.get("reason")).and_then(Value::as_str) {
            lines.push(format!("- {name} was not measured: {reason}"));
        }
    }
    lines.join("\n") + "\n"
}

fn tables(measured: &Measured) -> String {
    let Some(largest) = measured.runs.last() else { return String::new() };
    let mut parts = vec![
        format!("## Queries over {} events, ms\n\n{}", grouped(largest.events), queries(largest, &measured.peers)),
        format!("## Peers\n\n{}", peer_facts(largest, &measured.peers)),
        format!("## Trailbook by size\n\n{}", by_size(&measured.runs)),
    ];
    if measured.runs.len() > 1 {
        parts.push(format!("## Growth of queries, p50 / p99 in ms\n\n{}", growth(&measured.runs)));
    }
    parts.push(format!("## Answers\n\n{}", agreement(largest, &measured.peers)));
    parts.join("\n")
}

/// The rows of all systems, with how many times longer the peers take.
fn queries(ours: &Run, peers: &[Value]) -> String {
    let mut head = vec![String::new(), "p50".to_owned(), "p99".to_owned(), "first, cold".to_owned()];
    for (system, name) in PEERS {
        // A peer that holds fewer has less to do: that belongs beside its figures.
        let held = fact(peers, system, "events").map(|events| events as u64).filter(|events| *events != ours.events);
        let held = held.map(|events| format!(" of {}", grouped(events))).unwrap_or_default();
        head.extend([format!("{name}{held} p50"), "p99".to_owned(), "÷ ours".to_owned()]);
    }
    let mut rows = vec![head];
    for (row, label) in ROWS {
        let own = query(&ours.results, "ours", row);
        let own_p50 = own.and_then(|result| number(result, "p50_ms"));
        let mut cells = vec![label.to_owned(), shown(own, "p50_ms"), shown(own, "p99_ms"), cold(own)];
        if let Some(reason) = missing(&ours.results, "ours", row)
            && let Some(cell) = cells.get_mut(1)
        {
            *cell = reason;
        }
        for (system, _) in PEERS {
            let theirs = query(peers, system, row);
            let ratio = theirs.and_then(|result| number(result, "p50_ms")).zip(own_p50);
            let ratio = ratio.map_or(NOTHING.to_owned(), |(theirs, own)| digits(theirs / own.max(1e-6)));
            let p50 = missing(peers, system, row).unwrap_or_else(|| shown(theirs, "p50_ms"));
            cells.extend([p50, shown(theirs, "p99_ms"), ratio]);
        }
        rows.push(cells);
    }
    markdown(&rows)
}

fn peer_facts(ours: &Run, peers: &[Value]) -> String {
    let mut rows = vec![vec![String::new(), "Trailbook".to_owned(), "PostgreSQL".to_owned(), "ClickHouse".to_owned()]];
    let own_bytes = bytes_per_event(ours);
    for (name, label, decimals) in [
        ("events", "events", 0),
        ("bytes_per_event", "bytes an event on disk", 1),
        ("events_per_second", "events/s while filled", 0),
        ("settle_seconds", "seconds until settled", 1),
        ("export_mb_per_second", "export of an organization, MB/s", 0),
    ] {
        let own = if name == "bytes_per_event" { own_bytes } else { fact(&ours.results, "ours", name) };
        let theirs = PEERS.map(|(system, _)| fact(peers, system, name));
        let cells = std::iter::once(own).chain(theirs).map(|value| decimal(value, decimals));
        rows.push(std::iter::once(label.to_owned()).chain(cells).collect());
    }
    markdown(&rows)
}

/// What is known of Trailbook alone, a column for each size.
fn by_size(runs: &[Run]) -> String {
    let mut rows = vec![head_of_sizes(runs)];
    let mut row = |label: String, cell: &dyn Fn(&Run) -> String| {
        rows.push(std::iter::once(label).chain(runs.iter().map(cell)).collect());
    };
    for (name, label, factor, decimals) in OWN_FACTS {
        let cell = |run: &Run| decimal(fact(&run.results, "ours", name).map(|value| value * factor), decimals);
        row(label.to_owned(), &cell);
    }
    let on_disk = |run: &Run| decimal(bytes_per_event(run), 1);
    row("bytes an event on disk".to_owned(), &on_disk);
    for (kind, word) in [("file", "in files"), ("part", "in the part")] {
        for name in names_of(runs, kind) {
            let cell = |run: &Run| {
                let result = run.results.iter().find(|result| is(result, "kind", kind) && is(result, "name", &name));
                decimal(result.and_then(|r| number(r, "bytes")).map(|bytes| bytes / run.events as f64), 1)
            };
            row(format!("of it {word} {name}"), &cell);
        }
    }
    markdown(&rows)
}

fn growth(runs: &[Run]) -> String {
    let mut rows = vec![head_of_sizes(runs)];
    for (row, label) in ROWS {
        let cells = runs.iter().map(|run| match query(&run.results, "ours", row) {
            Some(result) => format!("{} / {}", shown(Some(result), "p50_ms"), shown(Some(result), "p99_ms")),
            None => missing(&run.results, "ours", row).unwrap_or_else(|| NOTHING.to_owned()),
        });
        rows.push(std::iter::once(label.to_owned()).chain(cells).collect());
    }
    markdown(&rows)
}

/// Whether the peers gave the same answers, where they hold the same events and were asked as often.
fn agreement(ours: &Run, peers: &[Value]) -> String {
    let mut text = String::new();
    for (system, name) in PEERS {
        if fact(peers, system, "events") != Some(ours.events as f64) {
            text.push_str(&format!("- {name}: holds other events, so its answers are not compared\n"));
            continue;
        }
        let pairs = ROWS.iter().filter_map(|(row, label)| {
            let (own, theirs) = (query(&ours.results, "ours", row)?, query(peers, system, row)?);
            (own.get("runs") == theirs.get("runs")).then(|| (*label, own.get("check") == theirs.get("check")))
        });
        let (same, other): (Vec<_>, Vec<_>) = pairs.partition(|(_, is_same)| *is_same);
        text.push_str(&format!("- {name}: the same answers in {} of {} rows", same.len(), same.len() + other.len()));
        for (label, _) in other {
            text.push_str(&format!("; others in \"{label}\""));
        }
        text.push('\n');
    }
    text
}

fn head_of_sizes(runs: &[Run]) -> Vec<String> {
    std::iter::once(String::new()).chain(runs.iter().map(|run| format!("{} events", grouped(run.events)))).collect()
}

/// The names of all results of a kind, in order.
fn names_of(runs: &[Run], kind: &str) -> Vec<String> {
    let results = runs.iter().flat_map(|run| &run.results).filter(|result| is(result, "kind", kind));
    let names: std::collections::BTreeSet<String> =
        results.filter_map(|result| Some(result.get("name")?.as_str()?.to_owned())).collect();
    names.into_iter().collect()
}

fn bytes_per_event(run: &Run) -> Option<f64> {
    let files = run.results.iter().filter(|result| is(result, "kind", "file"));
    let sizes: Vec<f64> = files.filter_map(|result| number(result, "bytes")).collect();
    (!sizes.is_empty()).then(|| sizes.iter().sum::<f64>() / run.events as f64)
}

fn is(result: &Value, member: &str, value: &str) -> bool {
    result.get(member).and_then(Value::as_str) == Some(value)
}

fn number(result: &Value, member: &str) -> Option<f64> {
    result.get(member).and_then(Value::as_f64)
}

fn fact(results: &[Value], system: &str, name: &str) -> Option<f64> {
    let found = results.iter().find(|r| is(r, "kind", "fact") && is(r, "system", system) && is(r, "name", name));
    found.and_then(|result| number(result, "value"))
}

fn text<'a>(results: &'a [Value], system: &str, name: &str) -> Option<&'a str> {
    let found = results.iter().find(|r| is(r, "kind", "fact") && is(r, "system", system) && is(r, "name", name));
    found.and_then(|result| result.get("value")?.as_str())
}

fn query<'a>(results: &'a [Value], system: &str, row: &str) -> Option<&'a Value> {
    results.iter().find(|r| is(r, "kind", "query") && is(r, "system", system) && is(r, "row", row))
}

fn missing(results: &[Value], system: &str, row: &str) -> Option<String> {
    let found = results.iter().find(|r| is(r, "kind", "missing") && is(r, "system", system) && is(r, "row", row));
    found.and_then(|result| Some(result.get("reason")?.as_str()?.replace(['|', '\n'], " ")))
}

fn shown(result: Option<&Value>, member: &str) -> String {
    result.and_then(|result| number(result, member)).map_or(NOTHING.to_owned(), digits)
}

fn cold(result: Option<&Value>) -> String {
    match result {
        Some(_) => format!("{} ({})", shown(result, "first_cold_ms"), shown(result, "first_again_ms")),
        None => NOTHING.to_owned(),
    }
}

fn decimal(value: Option<f64>, decimals: usize) -> String {
    match value {
        Some(value) if decimals == 0 => grouped(value.round() as u64),
        Some(value) => format!("{value:.decimals$}"),
        None => NOTHING.to_owned(),
    }
}

/// Three digits of a time or a ratio: more would be noise.
fn digits(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => grouped(value.round() as u64),
    }
}

/// A whole number with commas.
fn grouped(number: u64) -> String {
    let text = number.to_string();
    let first = text.len() % 3;
    let mut out = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && place % 3 == first {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
