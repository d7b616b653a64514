//! Rules for the shape of a Rust file: its length, its name, its module doc, its lines, and what may not be left over.

#[cfg(test)]
mod tests;

use super::Finding;
use super::lexer::{self, Line};

/// Lines of a file that are not tests.
const FILE_LINES_MAX: usize = 800;
const LINE_CHARS_MAX: usize = 120;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "helpers", "common", "misc", "manager"];
const LEFT_IN_CODE: [&str; 5] = ["todo!", "unimplemented!", "dbg!", "#[ignore", "should_panic"];
const LEFT_IN_COMMENTS: [&str; 2] = ["FIXME", "XXX"];

/// Checks one Rust file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let lines = lexer::lines(path, text);
    let mut findings = check_path(path);
    if !lines.first().is_some_and(|line| line.raw.starts_with("//!")) {
        findings.push(Finding::new(path, 1, "the first line must be a module doc: `//!` and what this file is"));
    }
    let counted = lines.iter().filter(|line| !line.is_test).count();
    if counted > FILE_LINES_MAX {
        let what = format!("{counted} lines that are not tests, at most {FILE_LINES_MAX} are allowed");
        findings.push(Finding::new(path, FILE_LINES_MAX + 1, what));
    }
    for line in &lines {
        findings.extend(check_line(line).into_iter().map(|what| Finding::new(path, line.number, what)));
    }
    findings
}

fn check_path(path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if path.ends_with("/mod.rs") {
        findings.push(Finding::new(path, 1, "`foo.rs` beside `foo/`, never `mod.rs`"));
    }
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    if let Some(name) = stem.split('/').find(|part| EMPTY_NAMES.contains(part)) {
        findings.push(Finding::new(path, 1, format!("`{name}` does not say what is inside")));
    }
    findings
}

fn check_line(line: &Line) -> Vec<String> {
    let mut found = Vec::new();
    let length = line.raw.chars().count();
    let may_be_long = line.raw.contains("://") || (line.is_test && line.has_literal);
    if length > LINE_CHARS_MAX && !may_be_long {
        found.push(format!("{length} characters, at most {LINE_CHARS_MAX} are allowed"));
    }
    let code = LEFT_IN_CODE.iter().filter(|needle| lexer::names(&line.code, needle));
    let comments = LEFT_IN_COMMENTS.iter().filter(|needle| lexer::names(&line.comment, needle));
    found.extend(code.chain(comments).map(|needle| format!("`{needle}` is left over")));
    if let Some(name) = module_name(&line.code).filter(|name| EMPTY_NAMES.contains(name)) {
        found.push(format!("module `{name}` does not say what is inside"));
    }
    found
}

/// The name in `mod name;` or `mod name {`.
fn module_name(code: &str) -> Option<&str> {
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.by_ref().find(|word| *word == "mod")?;
    words.next()
}
