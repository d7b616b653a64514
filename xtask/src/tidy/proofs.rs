//! Tests that a document names, as `crates/…/tests/….rs::name`, are there.

use super::Finding;

/// Checks one Markdown file; `read` gives the text of a file of the repository.
pub(super) fn check(path: &str, text: &str, read: &dyn Fn(&str) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // What stands between backticks.
        for named in line.split('`').skip(1).step_by(2) {
            let Some((file, name)) = named.split_once(".rs::") else { continue };
            let (code, begin) = (read(&format!("{file}.rs")), format!("fn {name}("));
            let is_it = |line: &str| {
                let line = line.trim_start();
                line.strip_prefix("async ").unwrap_or(line).starts_with(&begin)
            };
            if !code.lines().any(is_it) {
                findings.push(Finding::new(path, index + 1, format!("there is no test `{named}`")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let read = |path: &str| match path {
            "crates/a/tests/b.rs" => "#[test]\nfn it_holds() {\n    async fn inner() {}\n}\n".to_owned(),
            _ => String::new(),
        };
        let check = |text: &str| check("SECURITY.md", text, &read).len();
        assert_eq!(check("by `crates/a/tests/b.rs::it_holds` and `crates/a/tests/b.rs::inner`"), 0);
        assert_eq!(check("by `crates/a/tests/b.rs::it_hold`, `crates/a/tests/c.rs::it_holds`"), 2);
        assert_eq!(check("`crates/a/tests/b.rs` and crates/a/tests/b.rs::nothing are no names"), 0);
    }
}
