//! Every limit of the code stands in `docs/limits.md` with its value, and the document names no other.

use super::Finding;

/// Where the limits are.
pub(super) const CODE: &str = "crates/event/src/limits.rs";
/// Where they are described.
pub(super) const DOCUMENT: &str = "docs/limits.md";

/// Compares `pub const NAME: TYPE = VALUE;` with rows that begin with "| `NAME` | `VALUE` |".
pub(super) fn check(code: &str, document: &str) -> Vec<Finding> {
    let limits: Vec<(usize, String)> =
        (1..).zip(code.lines()).filter_map(|(n, line)| Some((n, row_of(line)?))).collect();
    let rows: Vec<(usize, &str)> = (1..).zip(document.lines()).filter(|(_, line)| line.starts_with("| `")).collect();
    let missing = limits
        .iter()
        .filter(|(_, row)| !rows.iter().any(|(_, line)| line.starts_with(row.as_str())))
        .map(|(n, row)| Finding::new(CODE, *n, format!("{DOCUMENT} has no row {row}")));
    let stale = rows
        .iter()
        .filter(|(_, line)| !limits.iter().any(|(_, row)| line.starts_with(row.as_str())))
        .map(|(n, _)| Finding::new(DOCUMENT, *n, format!("{CODE} has no such limit of this value")));
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

    const CODE: &str = "/// One.\npub const A_MAX: usize = 16 * 1024;\n";

    #[test]
    fn equal_tables_pass() {
        assert!(check(CODE, "# Limits\n\n| `A_MAX` | `16 * 1024` | One. |\n").is_empty());
    }

    #[test]
    fn a_missing_row_another_value_and_a_stale_row_are_found() {
        assert_eq!(check(CODE, "").len(), 1);
        assert_eq!(check(CODE, "| `A_MAX` | `17 * 1024` | One. |").len(), 2);
        assert_eq!(check("", "| `A_MAX` | `16 * 1024` | One. |").len(), 1);
    }
}
