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
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        if metadata.is_file() {
            sizes.push((entry.file_name().to_string_lossy().into_owned(), 1, metadata.len()));
        }
    }
    let (segments, _, bytes) = store.segments_size();
    sizes.push(("segments".to_owned(), segments, bytes));
    sizes.sort();
    for (name, count, bytes) in sizes {
        print(json!({"kind": "file", "system": "ours", "name": name, "count": count, "bytes": bytes}));
    }
    fact("ours", "segments", segments as f64);
    Ok(())
}
