//! Every limit of the code stands in `docs/limits.md` with its value, and the document names no other.

use super::Finding;

/// Where the limits are.
pub(super) const CODE: [&str; 2] = ["crates/event/src/limits.rs", "crates/tlog/src/limits.rs"];
/// Where they are described.
pub(super) const DOCUMENT: &str = "docs/limits.md";

/// Compares `pub const NAME: TYPE = VALUE;` of files, each with its path, with rows that begin with
/// "| `NAME` | `VALUE` |".
pub(super) fn check(code: &[(&str, &str)], document: &str) -> Vec<Finding> {
    let lines = code.iter().flat_map(|(path, text)| (1..).zip(text.lines()).map(move |(n, line)| (*path, n, line)));
    let limits: Vec<(&str, usize, String)> =
        lines.filter_map(|(path, n, line)| Some((path, n, row_of(line)?))).collect();
    let rows: Vec<(usize, &str)> = (1..).zip(document.lines()).filter(|(_, line)| line.starts_with("| `")).collect();
    let missing = limits
        .iter()
        .filter(|(_, _, row)| !rows.iter().any(|(_, line)| line.starts_with(row.as_str())))
        .map(|(path, n, row)| Finding::new(path, *n, format!("{DOCUMENT} has no row {row}")));
    let stale = rows
        .iter()
        .filter(|(_, line)| !limits.iter().any(|(_, _, row)| line.starts_with(row.as_str())))
        .map(|(n, _)| Finding::new(DOCUMENT, *n, "the code has no such limit of this value".to_owned()));
    missing.chain(stale).collect()
}

fn row_of(line: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("pub const ")?.split_once(':')?;
    let (_, value) = rest.split_once('=')?;
    Some(format!("| `{name}` | `{}` |", value.trim().trim_end_matches(';')))
}

#[cfg(test)]
mod tests {
    use super::check;

    const CODE: &[(&str, &str)] =
        &[("a.rs", "/// One.\npub const A_MAX: usize = 16 * 1024;\n"), ("b.rs", "pub const B_MAX: usize = 2;\n")];

    #[test]
    fn equal_tables_pass() {
        assert!(check(CODE, "# Limits\n\n| `A_MAX` | `16 * 1024` | One. |\n| `B_MAX` | `2` | Two. |\n").is_empty());
    }

    #[test]
    fn a_missing_row_another_value_and_a_stale_row_are_found() {
        assert_eq!(check(CODE, "").len(), 2);
        assert_eq!(check(CODE, "| `A_MAX` | `17 * 1024` | One. |").len(), 3);
        assert_eq!(check(&[], "| `A_MAX` | `16 * 1024` | One. |").len(), 1);
    }
}
