//! Rules for what a file may name: pure crates, the database, dialects and console, HTTP status codes, queues.

#[cfg(test)]
mod tests;

use super::Finding;
use super::lexer::{self, Line};

/// The one file that chooses HTTP status codes.
const STATUS_FILE: &str = "crates/server/src/status.rs";

/// What the pure crates may not name, and what of it a grouped `use std::{…}` could bring in.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "tokio",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
];
const PURE_CRATES: [&str; 2] = ["crates/event/src/", "crates/tlog/src/"];

/// Where a rule holds, and what may not be named there.
struct Rule {
    holds: fn(&str) -> bool,
    in_tests_too: bool,
    needles: &'static [&'static str],
    why: &'static str,
}

const RULES: [Rule; 5] = [
    Rule {
        holds: |path| begins_with_any(path, &PURE_CRATES),
        in_tests_too: false,
        needles: &IMPURE,
        why: "this crate is pure: no I/O, no async, no clock",
    },
    Rule {
        holds: |path| path.starts_with("crates/") && !path.starts_with("crates/store/"),
        in_tests_too: true,
        needles: &["sqlx"],
        why: "only crates/store speaks to the database",
    },
    Rule {
        holds: |path| {
            let folders = ["crates/server/src/dialect/", "crates/server/src/ui/"];
            begins_with_any(path, &folders) || is_file_of_any(path, &folders)
        },
        in_tests_too: false,
        needles: &["trailbook_store"],
        why: "dialects and console see query results only",
    },
    Rule {
        holds: |path| path.starts_with("crates/server/src/") && path != STATUS_FILE,
        in_tests_too: false,
        needles: &["StatusCode::"],
        why: "HTTP status codes are chosen in crates/server/src/status.rs",
    },
    Rule { holds: |_| true, in_tests_too: true, needles: &["unbounded_channel"], why: "every queue has a limit" },
];

/// Checks one Rust file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| (rule.holds)(path)).collect();
    let lines = lexer::lines(path, text);
    let mut findings = Vec::new();
    for line in &lines {
        for rule in rules.iter().filter(|rule| rule.in_tests_too || !line.is_test) {
            let named = rule.needles.iter().filter(|needle| lexer::names(&line.code, needle));
            findings
                .extend(named.map(|needle| Finding::new(path, line.number, format!("`{needle}` named: {}", rule.why))));
        }
    }
    if begins_with_any(path, &PURE_CRATES) {
        findings.extend(check_grouped_use(path, &lines));
    }
    findings
}

/// Finds `use std::{fs, …}`, which a search for `std::fs` passes over.
fn check_grouped_use(path: &str, lines: &[Line]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut depth: Option<u32> = None;
    for line in lines.iter().filter(|line| !line.is_test) {
        let mut rest = line.code.as_str();
        if depth.is_none() {
            let Some((_, inside)) = line.code.split_once("std::{") else { continue };
            depth = Some(1);
            rest = inside;
        }
        let (names, ended) = names_at_depth_one(rest, &mut depth);
        let impure = names.into_iter().filter(|name| IMPURE.contains(&format!("std::{name}").as_str()));
        findings.extend(impure.map(|name| {
            Finding::new(
                path,
                line.number,
                format!("`std::{name}` named: this crate is pure: no I/O, no async, no clock"),
            )
        }));
        if ended {
            depth = None;
        }
    }
    findings
}

/// The first segments of the paths that are listed directly in an open group, and whether the group ends here.
fn names_at_depth_one(code: &str, depth: &mut Option<u32>) -> (Vec<String>, bool) {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut is_first_segment = true;
    let mut open = depth.unwrap_or(0);
    for c in code.chars().chain(std::iter::once(' ')) {
        if open == 1 && is_first_segment && (c.is_alphanumeric() || c == '_') {
            name.push(c);
            continue;
        }
        if !name.is_empty() {
            names.push(std::mem::take(&mut name));
            is_first_segment = false;
        }
        match c {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            ',' if open == 1 => is_first_segment = true,
            _ => {}
        }
        if open == 0 {
            return (names, true);
        }
    }
    *depth = Some(open);
    (names, false)
}

fn begins_with_any(path: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| path.starts_with(start))
}

/// Whether the file is the module that a folder belongs to: `ui.rs` of `ui/`.
fn is_file_of_any(path: &str, folders: &[&str]) -> bool {
    path.strip_suffix(".rs").is_some_and(|stem| folders.iter().any(|folder| folder.strip_suffix('/') == Some(stem)))
}
