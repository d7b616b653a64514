//! What was measured, as JSON, one object a line on standard output: `cargo xtask bench storage` makes the table of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// Prints one result.
pub(crate) fn print(result: Value) {
    println!("{result}");
}

/// Prints one number that was measured.
pub(crate) fn fact(system: &str, name: &str, value: f64) {
    print(json!({"kind": "fact", "system": system, "name": name, "value": value}));
}

/// Prints the sizes of the files in a folder: those at its top by name, those below it by folder and ending.
pub(crate) fn files(folder: &Path) -> Result<(), String> {
    let mut sizes = BTreeMap::new();
    add_files(folder, folder, &mut sizes).map_err(|e| format!("reading {}: {e}", folder.display()))?;
    for (name, (count, bytes)) in sizes {
        print(json!({"kind": "file", "system": "ours", "name": name, "count": count, "bytes": bytes}));
    }
    Ok(())
}

fn add_files(root: &Path, folder: &Path, sizes: &mut BTreeMap<String, (u64, u64)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = path.symlink_metadata()?;
        if metadata.is_dir() {
            add_files(root, &path, sizes)?;
            continue;
        }
        let below = path.strip_prefix(root).unwrap_or(&path);
        let name = match below.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            None => below.display().to_string(),
            Some(_) => {
                let ending = below.extension().map(|ending| ending.to_string_lossy()).unwrap_or_default();
                // Which folder of many makes no difference: the first names what they hold.
                let first = below.iter().next().map(|part| part.to_string_lossy()).unwrap_or_default();
                format!("{first}/*.{ending}")
            }
        };
        let (count, bytes) = sizes.entry(name).or_default();
        *count += 1;
        *bytes += metadata.len();
    }
    Ok(())
}
