//! What was measured, as JSON, one object a line on standard output: `cargo xtask bench storage` makes the table of it.

use std::path::Path;

use serde_json::{Value, json};
use trailbook_store::Store;

/// Prints one result.
pub(crate) fn print(result: Value) {
    println!("{result}");
}

/// Prints one number that was measured.
pub(crate) fn fact(system: &str, name: &str, value: f64) {
    print(json!({"kind": "fact", "system": system, "name": name, "value": value}));
}

/// Prints the sizes of the files at the top of a data folder, and of the segments that the store has now: files of
/// those that were replaced stay for a minute.
pub(crate) fn files(folder: &Path, store: &Store) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("reading {}: {e}", folder.display());
    let mut sizes = Vec::new();
    let mut packs = (0, 0);
    for (place, is_log) in [(folder.to_owned(), false), (folder.join("logs"), true)] {
        for entry in std::fs::read_dir(place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(failed)?;
            match (metadata.is_file(), is_log) {
                (true, true) => packs = (packs.0 + 1, packs.1 + metadata.len()),
                (true, false) => sizes.push((entry.file_name().to_string_lossy().into_owned(), 1, metadata.len())),
                (false, _) => {}
            }
        }
    }
    sizes.push(("logs".to_owned(), packs.0, packs.1));
    let (segments, _, bytes) = store.segments_size();
    sizes.push(("segments".to_owned(), segments, bytes));
    sizes.sort();
    for (name, count, bytes) in sizes {
        print(json!({"kind": "file", "system": "ours", "name": name, "count": count, "bytes": bytes}));
    }
    fact("ours", "segments", segments as f64);
    Ok(())
}
