//! The other way round: what a text asks for, as a text that asks for the same.

use super::Parsed;
use crate::{Condition, FieldRef, Match, Term, TermKind};

/// A text that [`parse`](super::parse) reads as the same: first the conditions, then the words.
pub fn write(parsed: &Parsed) -> String {
    let conditions = parsed.conditions.iter().map(condition);
    conditions.chain(parsed.terms.iter().map(term)).collect::<Vec<_>>().join(" ")
}

/// One condition as a text.
pub fn condition(condition: &Condition) -> String {
    let minus = if condition.is_negated { "-" } else { "" };
    let values: Vec<String> = condition.any_of.iter().map(value).collect();
    format!("{minus}{}:{}", field(&condition.field), values.join(","))
}

fn field(field: &FieldRef) -> String {
    let name = field.name();
    if matches!(field, FieldRef::Field(_)) {
        return name;
    }
    // What separates dots of keys from those of the path stays; what would end the name is escaped as well.
    let mut escaped = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            escaped.push(c);
            escaped.extend(chars.next());
            continue;
        }
        if c == ':' || c == '"' || c.is_whitespace() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn value(value: &Match) -> String {
    match value {
        Match::Exists => "*".to_owned(),
        Match::Is(text) => quoted_if_needed(text),
        Match::StartsWith(text) => quoted_if_needed(text) + "*",
    }
}

fn quoted_if_needed(text: &str) -> String {
    let is_special = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\\' | '*');
    if !text.contains(is_special) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

fn term(term: &Term) -> String {
    let minus = if term.is_negated { "-" } else { "" };
    match &term.kind {
        TermKind::Word(word) => format!("{minus}{word}"),
        TermKind::Prefix(word) => format!("{minus}{word}*"),
        TermKind::Phrase(words) => format!("{minus}\"{}\"", words.join(" ")),
    }
}
