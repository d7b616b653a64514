//! The filters that hold, as chips: each can be edited and dropped.

use trailbook_query::{Term, TermKind};

use super::fields;
use super::view::View;

/// A filter that holds.
pub(super) struct Chip {
    /// `Outcome`
    pub(super) label: String,
    /// `is any`
    pub(super) operator: &'static str,
    pub(super) values: String,
    /// All of it in words.
    pub(super) words: String,
    /// The URL without it.
    pub(super) without: String,
    /// The URL of its editor; nothing for words.
    pub(super) editor: Option<String>,
}

/// The chips of a view, in the order of its text.
pub(super) fn chips(view: &View) -> Vec<Chip> {
    let conditions = view.parsed.conditions.iter().enumerate().map(|(number, condition)| Chip {
        label: fields::label(&condition.field),
        operator: fields::operator(condition),
        values: fields::values(condition),
        words: fields::in_words(condition),
        without: view.without_condition(number).url(),
        editor: Some(editor(view, &format!("number={number}"))),
    });
    let terms = view.parsed.terms.iter().enumerate().map(|(number, term)| {
        let (operator, values) = (operator_of(term), words_of(term));
        Chip {
            label: "Text".to_owned(),
            operator,
            words: format!("Text {operator} {values}"),
            values,
            without: view.without_term(number).url(),
            editor: None,
        }
    });
    conditions.chain(terms).collect()
}

/// The URL of a filter's editor.
pub(super) fn editor(view: &View, which: &str) -> String {
    let params = view.params();
    let and = if params.is_empty() { "" } else { "&" };
    format!("/logs/filter?{params}{and}{which}")
}

fn operator_of(term: &Term) -> &'static str {
    if term.is_negated { "does not have" } else { "has" }
}

fn words_of(term: &Term) -> String {
    match &term.kind {
        TermKind::Word(word) => word.clone(),
        TermKind::Prefix(word) => format!("{word}*"),
        TermKind::Phrase(words) => format!("“{}”", words.join(" ")),
    }
}
