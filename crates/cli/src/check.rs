//! `trailbook check`: reads every segment file and compares it with the manifest; makes indexes again.

use std::path::Path;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use trailbook_server::settings::SettingsError;
use trailbook_store::{Catalog, Checked};

use crate::exit::{Error, Exit};
use crate::output::{self, Results};
use crate::settings::Place;

/// Check the files of a data folder
///
/// It reads every segment file whole and compares it with what the catalog says of it; every entry of the logs, and
/// compares them with the signed checkpoints; every event, and compares it with its entry. What is damaged or was
/// changed is named on standard output, a line each, and makes the exit code 1. It changes nothing, and works beside a
/// running server.
///
/// Such as: trailbook check --data-dir DIR
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Make every index again from the rows, while no server runs, and then look what is still damaged
    #[arg(long)]
    rebuild_index: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let Arguments { place, rebuild_index, json } = arguments;
    let (data_dir, catalog) = place.resolve()?;
    // Looking into a folder makes nothing in it.
    if catalog.is_none() && !Catalog::is_in(&data_dir) {
        let reason = format!("{} is no folder of a trailbook server", data_dir.display());
        return Err(SettingsError::Value { key: "data_dir".to_owned(), reason }.into());
    }
    let first = check(&data_dir, catalog.as_deref(), rebuild_index).await?;
    // The new files were read back when they were written, so that only what was damaged is looked at again.
    let left = if rebuild_index && !first.damage.is_empty() {
        output::note("looking again at what is left");
        Checked { rebuilt: first.rebuilt, ..check(&data_dir, catalog.as_deref(), false).await? }
    } else {
        first.clone()
    };
    let mut results = Results::new();
    if json {
        results.line(&as_json(&first, &left, rebuild_index))?;
    } else {
        let is_new = |damage: &&String| !first.damage.contains(damage);
        for damage in first.damage.iter().chain(left.damage.iter().filter(is_new)) {
            results.line(damage)?;
        }
    }
    results.finish()?;
    output::note(&summary(&first, &left, rebuild_index));
    Ok(if left.damage.is_empty() { Exit::Done } else { Exit::Partly })
}

async fn check(data_dir: &Path, catalog: Option<&str>, rebuild_index: bool) -> Result<Checked, Error> {
    let progress = progress();
    let each = |checked: &Checked| {
        progress.set_message(size(checked));
        progress.tick();
    };
    let checked = trailbook_store::check(data_dir, catalog, rebuild_index, each).await;
    progress.finish_and_clear();
    Ok(checked?)
}

fn progress() -> ProgressBar {
    if !output::notes_are_read() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {msg}") {
        Ok(style) => spinner.with_style(style),
        Err(_) => spinner,
    }
}

/// How much was checked, in words.
fn size(checked: &Checked) -> String {
    let segments = counted(checked.segments, "segment");
    let logs = format!("{} of {}", counted(checked.logs, "log"), plural(checked.entries, "entry", "entries"));
    let events = counted(checked.events + checked.journal_events, "event");
    format!("{segments}, {events}, {}, {logs}", bytes(checked.bytes))
}

fn summary(first: &Checked, left: &Checked, rebuild_index: bool) -> String {
    let damage = match (left.damage.len(), first.damage.is_empty()) {
        (0, true) => "nothing damaged".to_owned(),
        (0, false) => "nothing damaged any more".to_owned(),
        (damaged, _) => format!("{damaged} damaged"),
    };
    let rebuilt = match left.rebuilt {
        _ if !rebuild_index => String::new(),
        1 => ", 1 index made again".to_owned(),
        rebuilt => format!(", {} indexes made again", grouped(rebuilt)),
    };
    format!("{}: {damage}{rebuilt}", size(left))
}

fn as_json(first: &Checked, left: &Checked, rebuild_index: bool) -> String {
    let Checked { segments, events, bytes, journal_events, logs, entries, rebuilt, damage } = left;
    let found = json!({
        "segments": segments, "events": events, "bytes": bytes, "journal_events": journal_events, "logs": logs,
        "entries": entries, "damage": damage,
    });
    if !rebuild_index {
        return found.to_string();
    }
    let members = found.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value.clone()));
    let more = [("rebuilt", json!(rebuilt)), ("damage_before", json!(first.damage))];
    members.chain(more).collect::<serde_json::Value>().to_string()
}

/// A number of things: `1 segment`, `12,000 segments`.
fn counted(number: u64, thing: &str) -> String {
    plural(number, thing, &format!("{thing}s"))
}

/// A number of things, where their plural is not what is usual.
fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number with a comma between each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that leaves few digits.
fn bytes(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= 10 * unit) {
        Some((unit, name)) => format!("{} {name}", grouped(bytes / unit)),
        None => format!("{} bytes", grouped(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, counted, grouped};

    #[test]
    fn numbers_are_easy_to_read() {
        let all = [0, 7, 999, 1_000, 3_400_000, u64::MAX].map(grouped);
        assert_eq!(all, ["0", "7", "999", "1,000", "3,400,000", "18,446,744,073,709,551,615"]);
        assert_eq!([counted(1, "segment"), counted(12, "segment")], ["1 segment", "12 segments"]);
        let all = [9_999, 10_000, 410_000_000, 12_000_000_000, 3_400_000_000_000].map(bytes);
        assert_eq!(all, ["9,999 bytes", "10 kB", "410 MB", "12 GB", "3,400 GB"]);
    }
}
