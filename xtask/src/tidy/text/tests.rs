//! Good and bad texts; needles are put together here so that this file is no finding itself.

use super::{check, check_names, check_size};
use std::collections::BTreeSet;

fn lines(path: &str, text: &str) -> Vec<usize> {
    check(path, text).into_iter().map(|finding| finding.line).collect()
}

fn folder(name: &str) -> String {
    format!("/{name}/x")
}

const NONE: [usize; 0] = [];

#[test]
fn paths_of_a_machine_are_found() {
    for name in ["root", "work", "home"] {
        assert_eq!(lines("a.md", &format!("good\nsee {} there", folder(name))), [2]);
        assert_eq!(lines("a.md", &format!("\"{}\"", folder(name))), [1]);
        assert_eq!(lines("LICENSE", &folder(name)), NONE);
        assert_eq!(lines("a.md", &format!("https://example.com{} $HOME{0} src{0}", folder(name))), NONE);
    }
}

#[test]
fn package_registries_are_found() {
    let address = |host: &str| format!("fetch https://{host}/a");
    assert_eq!(lines("a.toml", &address("index.crates.io")), [1]);
    assert_eq!(lines("a.toml", &address("registry.acme.org")), [1]);
    assert_eq!(lines("Cargo.lock", &address("index.crates.io")), NONE);
    assert_eq!(lines("a.toml", &address("github.com")), NONE);
    assert_eq!(lines("a.toml", &address("docs.rs")), NONE);
}

#[test]
fn a_file_at_the_size_limit_passes_and_one_over_fails() {
    assert!(check_size("a", 1024 * 1024).is_empty());
    assert_eq!(check_size("a", 1024 * 1024 + 1).len(), 1);
}

#[test]
fn the_changelog_has_a_heading() {
    assert_eq!(lines("CHANGELOG.md", "# Changes\n\n## Unreleased\n"), NONE);
    assert_eq!(lines("CHANGELOG.md", "## [0.1.0] - 2026-01-01\n"), NONE);
    assert_eq!(lines("CHANGELOG.md", "# Changes\n"), [1]);
    assert_eq!(lines("docs/other.md", "# Changes\n"), NONE);
}

#[test]
fn a_decision_record_has_its_name_and_its_length() {
    assert_eq!(lines("docs/adr/0001-journal-is-a-table.md", &"a\n".repeat(80)), NONE);
    assert_eq!(lines("docs/adr/0001-journal-is-a-table.md", &"a\n".repeat(81)), [81]);
    for name in ["1-a.md", "0001.md", "0001-.md", "0001-A b.md", "abcd-a.md"] {
        assert_eq!(lines(&format!("docs/adr/{name}"), "a"), [1], "{name}");
    }
}

#[test]
fn files_that_must_be_there_are_missed() {
    let paths = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect::<BTreeSet<_>>();
    assert!(check_names(&paths(&["CHANGELOG.md", "crates/a/Cargo.toml", "crates/a/src/lib.rs"])).is_empty());
    assert_eq!(check_names(&paths(&["README.md"])).len(), 1);
    assert_eq!(check_names(&paths(&["CHANGELOG.md", "crates/a/Cargo.toml", "crates/a/src/a.rs"])).len(), 1);
}
