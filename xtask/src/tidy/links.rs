//! Relative links in Markdown lead to files of the repository.

#[cfg(test)]
mod tests;

use super::Finding;
use std::collections::BTreeSet;

/// Checks one Markdown file against the paths that there are.
pub(super) fn check(path: &str, text: &str, paths: &BTreeSet<String>) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        for target in targets(&without_code(line)) {
            if !is_there(folder, &target, paths) {
                findings.push(Finding::new(path, index + 1, format!("the link `{target}` leads nowhere")));
            }
        }
    }
    findings
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Where the links of a line lead: `](target)`, `](<target> "title")` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in line.split("](").skip(1) {
        let inside = rest.split(')').next().unwrap_or(rest);
        found.extend(inside.split_whitespace().next().map(str::to_owned));
    }
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    if let Some((_, target)) = definition {
        found.extend(target.split_whitespace().next().map(str::to_owned));
    }
    found.iter().map(|target| target.trim_matches(['<', '>']).to_owned()).collect()
}

fn is_there(folder: &str, target: &str, paths: &BTreeSet<String>) -> bool {
    let is_elsewhere = target.contains("://") || target.starts_with("mailto:") || target.starts_with('#');
    let file = target.split(['#', '?']).next().unwrap_or(target);
    if is_elsewhere || file.is_empty() {
        return true;
    }
    let start = if file.starts_with('/') { "" } else { folder };
    let Some(path) = resolve(start, file) else { return false };
    let below = format!("{path}/");
    path.is_empty()
        || paths.contains(&path)
        || paths.range(below.clone()..).next().is_some_and(|p| p.starts_with(&below))
}

/// The path below the root, or nothing when it leads out of it.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
