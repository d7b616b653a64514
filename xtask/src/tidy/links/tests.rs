//! Links that lead somewhere, and links that do not.

use super::check;
use std::collections::BTreeSet;

fn lines(path: &str, text: &str) -> Vec<usize> {
    let paths: BTreeSet<String> = ["README.md", "docs/api.md", "docs/adr/0001-a.md"].map(str::to_owned).into();
    check(path, text, &paths).into_iter().map(|finding| finding.line).collect()
}

const NONE: [usize; 0] = [];

#[test]
fn links_to_files_and_folders_resolve() {
    let text =
        "[a](docs/api.md) [b](docs/api.md#c) ![d](./docs/adr/) [e](docs)\n[f]: docs/api.md\n[g](</docs/api.md> \"h\")";
    assert_eq!(lines("README.md", text), NONE);
    assert_eq!(lines("docs/api.md", "[a](../README.md) [b](adr/0001-a.md) [c](/README.md)"), NONE);
}

#[test]
fn links_that_lead_nowhere_are_found() {
    assert_eq!(lines("README.md", "ok\n[a](docs/none.md)\n[b]: none.md\n[c](docs/ap)"), [2, 3, 4]);
    assert_eq!(lines("README.md", "[a](../README.md)"), [1]);
}

#[test]
fn addresses_anchors_and_code_are_left_alone() {
    let text = "[a](https://example.com/x) [b](#c) [d](mailto:e@example.com) `[f](none.md)`\n```\n[g](none.md)\n```\n";
    assert_eq!(lines("README.md", text), NONE);
}
