//! Rules for every file: size, words of the workplace it was written in, changelog, decision records, crate docs.

#[cfg(test)]
mod tests;

use super::Finding;
use std::collections::BTreeSet;

const FILE_BYTES_MAX: u64 = 1024 * 1024;
const DECISION_LINES_MAX: usize = 80;
/// Files that are made or quoted, not written.
const NOT_OURS: [&str; 2] = ["LICENSE", "Cargo.lock"];
/// Folders at the root of somebody's machine, without their slashes so that this list is no finding.
const WORKPLACE_FOLDERS: [&str; 3] = ["root", "work", "home"];
/// First labels of hosts that packages come from.
const REGISTRY_LABELS: [&str; 8] =
    ["registry", "index", "static", "mirror", "proxy", "artifactory", "nexus", "verdaccio"];

/// Checks the size of any file.
pub(super) fn check_size(path: &str, size_bytes: u64) -> Vec<Finding> {
    if size_bytes <= FILE_BYTES_MAX {
        return Vec::new();
    }
    vec![Finding::new(path, 1, format!("{size_bytes} bytes, at most {FILE_BYTES_MAX} are allowed"))]
}

/// Checks one text file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if NOT_OURS.contains(&path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(folder) = workplace_folder(line) {
            findings.push(Finding::new(path, index + 1, format!("`/{folder}/` is a path of somebody's machine")));
        }
        if let Some(host) = registry_host(line) {
            findings.push(Finding::new(
                path,
                index + 1,
                format!("`{host}` is a package registry: it is no business of the source"),
            ));
        }
    }
    if path == "CHANGELOG.md" && !text.lines().any(is_release_heading) {
        findings.push(Finding::new(path, 1, "no heading `## Unreleased` or of a version"));
    }
    if path.starts_with("docs/adr/") && path.ends_with(".md") {
        findings.extend(check_decision(path, text));
    }
    findings
}

/// Checks which files there are.
pub(super) fn check_names(paths: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !paths.contains("CHANGELOG.md") {
        findings.push(Finding::new("CHANGELOG.md", 1, "the changelog is missing"));
    }
    // That their first line is a module doc is checked with every other Rust file.
    let manifests = paths.iter().filter(|path| path.starts_with("crates/") && path.ends_with("/Cargo.toml"));
    for folder in manifests.filter_map(|path| path.strip_suffix("Cargo.toml")) {
        if !["src/lib.rs", "src/main.rs"].iter().any(|file| paths.contains(&format!("{folder}{file}"))) {
            let what = "a crate needs `src/lib.rs` or `src/main.rs` with its doc";
            findings.push(Finding::new(&format!("{folder}Cargo.toml"), 1, what));
        }
    }
    findings
}

fn check_decision(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = path.rsplit('/').next().unwrap_or(path);
    let (number, title) = name.split_once('-').unwrap_or((name, ""));
    let is_title = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let title = title.strip_suffix(".md").unwrap_or_default();
    if number.len() != 4
        || !number.chars().all(|c| c.is_ascii_digit())
        || title.is_empty()
        || !title.chars().all(is_title)
    {
        findings.push(Finding::new(path, 1, "a decision record is named `NNNN-title.md`"));
    }
    let lines = text.lines().count();
    if lines > DECISION_LINES_MAX {
        let what = format!("{lines} lines, a decision record has at most {DECISION_LINES_MAX}");
        findings.push(Finding::new(path, DECISION_LINES_MAX + 1, what));
    }
    findings
}

/// A folder of somebody's machine that the line names as an absolute path.
fn workplace_folder(line: &str) -> Option<&'static str> {
    WORKPLACE_FOLDERS.into_iter().find(|folder| {
        line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
            let before = line.get(..at).and_then(|text| text.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || "_-.~/})>*".contains(c))
        })
    })
}

/// The host of an address that names a package registry.
fn registry_host(line: &str) -> Option<&str> {
    line.split("://").skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').unwrap_or(rest.len());
        let host = rest.get(..end)?;
        let (first, others) = host.split_once('.')?;
        (REGISTRY_LABELS.contains(&first) && !others.ends_with("example") && !others.starts_with("example."))
            .then_some(host)
    })
}

fn is_release_heading(line: &str) -> bool {
    let Some(title) = line.strip_prefix("## ") else { return false };
    let title = title.trim_start_matches('[');
    title.starts_with("Unreleased") || title.starts_with(|c: char| c.is_ascii_digit())
}
