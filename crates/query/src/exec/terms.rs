//! Whether the texts of an event have the words of a query, decided naively: all words are put into one text, in which
//! each term is looked for.
//!
//! ```text
//! message "Failed: disk full", meta {"disk":"sda 1"}   ─►   " failed disk full \n sda \n"
//! word disk   " disk "          phrase "disk full"   " disk full "          prefix dis   " dis"
//! ```
//!
//! A word has neither spaces nor ends of lines, so nothing is found across words or scalars.

use trailbook_event::words::{self, Buffer};
use trailbook_store::Row;

use crate::{Term, TermKind};

/// A query's terms, ready to be looked for.
pub(super) struct Terms(Vec<Needle>);

struct Needle {
    is_negated: bool,
    text: String,
}

impl Terms {
    pub(super) fn new(terms: &[Term]) -> Self {
        let needle = |term: &Term| {
            let text = match &term.kind {
                TermKind::Word(word) => format!(" {word} "),
                TermKind::Prefix(start) => format!(" {start}"),
                TermKind::Phrase(words) => format!(" {} ", words.join(" ")),
            };
            Needle { is_negated: term.is_negated, text }
        };
        Self(terms.iter().map(needle).collect())
    }

    pub(super) fn hold(&self, row: &Row<'_>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let texts = texts(row);
        self.0.iter().all(|needle| texts.contains(&needle.text) != needle.is_negated)
    }
}

/// The words of all texts, a line for each scalar.
fn texts(row: &Row<'_>) -> String {
    let mut out = String::with_capacity(row.canonical.len());
    let mut buffer = Buffer::default();
    for span in row.spans {
        words::scalars_of_value(span.field, span.of(row.canonical), &mut |scalar| {
            out.push(' ');
            words::words_of_scalar(scalar, &mut buffer, &mut |word| {
                out.push_str(word);
                out.push(' ');
            });
            out.push('\n');
        });
    }
    out
}
