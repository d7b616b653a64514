//! One table, for the terminal and for `bench/results.md`.

use super::Measured;
use super::client::{Limits, Load};
use crate::repository;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Prints the table and writes the file; fails if an answer was not 201.
pub(super) fn publish(measured: &[Measured], limits: Limits) -> Result<()> {
    let table = table(measured);
    println!("{table}");
    for part in measured {
        if part.load.refused > 0 {
            let said = part.load.refusal.as_deref().unwrap_or("nothing");
            bail!("{}: {} answers were not 201; the first said {said}", part.name, part.load.refused);
        }
    }
    let path = repository::root()?.join("bench/results.md");
    let workload = format!("- each workload: {} s or {} events\n", limits.duration.as_secs(), limits.events_max);
    let text = format!("{HEAD}\n{}{workload}\n{table}\n{NOTES}", machine());
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(&path, text).context("writing bench/results.md")?;
    println!("written to bench/results.md");
    Ok(())
}

const HEAD: &str = "# Measured: ingest over HTTP\n\nMade by `cargo xtask bench ingest`; do not edit by hand.\n";

const NOTES: &str = "\
The client runs on the same processors as the server and is part of what they do. Every answer waited for its commit
and the fsync of that commit. The last row divides events/s by what the disk would allow if every request had one fsync
for itself, one after the other: above 1, requests shared their fsync.\n";

fn table(measured: &[Measured]) -> String {
    let mut rows: Vec<Vec<String>> = vec![vec![String::new()]];
    if let Some(head) = rows.first_mut() {
        head.extend(measured.iter().map(|part| part.name.to_owned()));
    }
    let mut row = |label: &str, cell: &dyn Fn(&Measured) -> String| {
        let cells = measured.iter().map(cell);
        rows.push(std::iter::once(label.to_owned()).chain(cells).collect());
    };
    row("events/s", &|m| format!("{:.0}", events_per_second(&m.load)));
    row("answer p50, ms", &|m| format!("{:.2}", quantile_ms(&m.load, 50)));
    row("answer p99, ms", &|m| format!("{:.2}", quantile_ms(&m.load, 99)));
    row("server CPU, µs an event", &|m| format!("{:.1}", m.server_cpu_us / events(&m.load)));
    row("client CPU, µs an event", &|m| format!("{:.1}", m.load.client_cpu_us / events(&m.load)));
    row("events sent", &|m| m.load.events.to_string());
    row("seconds", &|m| format!("{:.1}", m.load.elapsed.as_secs_f64()));
    row("bytes an event, as sent", &|m| format!("{:.0}", m.event_bytes_mean));
    row("answers that were not 201", &|m| m.load.refused.to_string());
    row("server memory at the end, MiB", &|m| format!("{:.0}", m.server_rss_bytes as f64 / 1024.0 / 1024.0));
    row("fsync p50 of the disk, ms", &|m| format!("{:.3}", m.fsync.one.as_secs_f64() * 1e3));
    row("fsync p50, two at once, ms", &|m| format!("{:.3}", m.fsync.two_at_once.as_secs_f64() * 1e3));
    row("events/s ÷ one fsync a request", &|m| format!("{:.2}", fsync_ratio(m)));
    markdown(&rows)
}

/// A table; the first row is its head.
pub(super) fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column: usize| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &[String]| {
        let cells = widths.iter().enumerate().map(|(column, &width)| match column {
            0 => format!(" {:<width$} ", cell(row, column)),
            _ => format!(" {:>width$} ", cell(row, column)),
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rules = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(width + 2),
        _ => format!("{}:", "-".repeat(width + 1)),
    });
    let rule = format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
    let mut text: Vec<String> = rows.iter().map(|row| line(row)).collect();
    text.insert(1.min(text.len()), rule);
    text.concat()
}

fn events(load: &Load) -> f64 {
    load.events.max(1) as f64
}

fn events_per_second(load: &Load) -> f64 {
    load.events as f64 / load.elapsed.as_secs_f64().max(1e-9)
}

fn quantile_ms(load: &Load, percent: usize) -> f64 {
    let at = (load.latencies_us.len() * percent / 100).min(load.latencies_us.len().saturating_sub(1));
    f64::from(load.latencies_us.get(at).copied().unwrap_or(0)) / 1e3
}

fn fsync_ratio(measured: &Measured) -> f64 {
    let requests_per_second = events_per_second(&measured.load) / measured.events_per_request as f64;
    requests_per_second * measured.fsync.one.as_secs_f64()
}

/// What the figures were measured on, as a list.
pub(super) fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let values = |key: &str| -> Vec<&str> {
        let named = processors.lines().filter(|line| line.starts_with(key));
        named.filter_map(|line| line.split_once(':')).map(|(_, value)| value.trim()).collect()
    };
    let model = values("model name").first().copied().unwrap_or("unknown processor").to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let lines = [
        format!("- processor: {model}, {cores} cores"),
        format!("- kernel: {}", said("uname", &["-sr"])),
        format!("- compiler: {}", said("rustc", &["--version"])),
        format!("- commit: {}", said("git", &["describe", "--always", "--dirty"])),
        format!("- date: {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
    ];
    lines.join("\n") + "\n"
}

fn said(program: &str, arguments: &[&str]) -> String {
    let command = repository::command(program);
    let text = command.and_then(|mut command: Command| repository::output(command.args(arguments)));
    text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}
