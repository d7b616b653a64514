//! Which crate may depend on which: arrows point downward only.
//!
//! The table is here and in ARCHITECTURE.md. A crate that is not in the table is a finding: a new one gets its place.

#[cfg(test)]
mod tests;

use super::Finding;
use serde_json::Value;
use std::collections::BTreeSet;

struct Layer {
    package: &'static str,
    /// Tests may use any crate of a lower level.
    level: u32,
    may_use: &'static [&'static str],
}

const LAYERS: [Layer; 7] = [
    Layer { package: "trailbook-event", level: 0, may_use: &[] },
    Layer { package: "trailbook-tlog", level: 0, may_use: &[] },
    Layer { package: "trailbook-store", level: 1, may_use: &["trailbook-event", "trailbook-tlog"] },
    Layer { package: "trailbook-query", level: 2, may_use: &["trailbook-store", "trailbook-event"] },
    Layer {
        package: "trailbook-server",
        level: 3,
        may_use: &["trailbook-query", "trailbook-store", "trailbook-event", "trailbook-tlog"],
    },
    Layer {
        package: "trailbook",
        level: 4,
        may_use: &["trailbook-server", "trailbook-query", "trailbook-store", "trailbook-event", "trailbook-tlog"],
    },
    Layer { package: "xtask", level: 0, may_use: &[] },
];

/// Libraries that one crate alone may use.
const OWNED_LIBRARIES: [(&str, &str); 1] = [("sqlx", "trailbook-store")];
/// Libraries that the pure crates may not use.
const IMPURE_LIBRARIES: [&str; 3] = ["tokio", "axum", "reqwest"];
const PURE_PACKAGES: [&str; 2] = ["trailbook-event", "trailbook-tlog"];

/// Checks what `cargo metadata --no-deps` printed; `manifest` gives the text of a manifest, to name the line.
pub(super) fn check(metadata: &Value, manifest: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let root = metadata.get("workspace_root").and_then(Value::as_str).unwrap_or_default();
    let packages = list(metadata, "packages");
    let ours: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    let mut findings = Vec::new();
    for package in packages {
        let absolute = text(package, "manifest_path");
        let path = absolute.strip_prefix(root).unwrap_or(absolute).trim_start_matches('/');
        let name = text(package, "name");
        let Some(layer) = LAYERS.iter().find(|layer| layer.package == name) else {
            findings.push(Finding::new(path, 1, format!("crate `{name}` has no place in the table of arrows")));
            continue;
        };
        for dependency in list(package, "dependencies") {
            if let Some(what) = check_dependency(layer, dependency, &ours) {
                let line = line_of(&manifest(path), text(dependency, "name"));
                findings.push(Finding::new(path, line, what));
            }
        }
    }
    findings
}

fn check_dependency(layer: &Layer, dependency: &Value, ours: &BTreeSet<&str>) -> Option<String> {
    let user = layer.package;
    let used = text(dependency, "name");
    let is_for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
    if ours.contains(used) {
        let lower = LAYERS.iter().any(|other| other.package == used && other.level < layer.level && user != "xtask");
        let allowed = layer.may_use.contains(&used) || (is_for_tests && lower);
        return (!allowed).then(|| format!("`{user}` may not use `{used}`: arrows point downward only"));
    }
    let owner = OWNED_LIBRARIES.iter().find(|(library, owner)| *library == used && *owner != user);
    if let Some((library, owner)) = owner {
        return Some(format!("only `{owner}` may use `{library}`"));
    }
    let impure = !is_for_tests && PURE_PACKAGES.contains(&user) && IMPURE_LIBRARIES.contains(&used);
    impure.then(|| format!("`{user}` is pure and may not use `{used}`"))
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        let rest = line.trim_start().trim_start_matches('"').strip_prefix(dependency);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
