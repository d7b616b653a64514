//! Patterns with `*`, as the Portal's exclusion rules have them: `*` stands for any run of characters, `/` and `:`
//! among them.

use crate::limits::PATTERN_BYTES_MAX;

/// A pattern that is matched against a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// A pattern of at most [`PATTERN_BYTES_MAX`] bytes; the empty one is refused, since it could only match nothing.
    pub fn new(text: &str) -> Result<Self, String> {
        match text.len() {
            0 => Err("a pattern must not be empty".to_owned()),
            n if n > PATTERN_BYTES_MAX => Err(format!("a pattern has {n} bytes, more than {PATTERN_BYTES_MAX}")),
            _ => Ok(Self { text: text.to_owned() }),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole text matches.
    ///
    /// The pieces between stars are found from left to right, each as early as it stands, which is right because a star
    /// takes anything: linear in the text for each piece.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.text.split_once('*') else { return self.text == text };
        let Some(mut text) = text.strip_prefix(first) else { return false };
        let mut pieces = rest.split('*').peekable();
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return text.ends_with(piece);
            }
            match text.find(piece) {
                Some(at) => text = text.get(at + piece.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{PATTERN_BYTES_MAX, Pattern};

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn the_patterns_of_the_portals_guide() {
        assert!(matches("plugin:*", "plugin:search"));
        assert!(matches("plugin:search", "plugin:search"));
        assert!(!matches("plugin:search", "plugin:search-2"));
        assert!(matches("user:*/*", "user:default/jane"));
        assert!(!matches("user:*/*", "user:jane"));
        assert!(matches("user:default/*", "user:default/team/jane"));
        assert!(!matches("user:default/*", "user:other/jane"));
    }

    #[test]
    fn a_star_takes_any_run() {
        assert!(matches("*", ""));
        assert!(matches("**", "a/b"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-c"));
        assert!(!matches("ab*ba", "aba"), "the ends may not overlap");
        assert!(!matches("plugin:*", "my-plugin:x"));
    }

    #[test]
    fn a_pattern_has_a_limit() {
        assert!(Pattern::new(&"a".repeat(PATTERN_BYTES_MAX)).is_ok());
        assert!(Pattern::new(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
        assert!(Pattern::new("").is_err());
    }
}
