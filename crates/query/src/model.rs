//! The model of a query. All conditions hold at once.

use trailbook_event::Field;

use crate::{Cursor, Narrowing};

/// What is asked of the events of one organization.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What must hold of an event.
    pub conditions: Vec<Condition>,
    /// What must hold of its texts.
    pub text: Vec<Term>,
    /// When it happened, in nanoseconds since 1970: from (inclusive) and to (exclusive).
    pub occurred: (Option<i64>, Option<i64>),
    /// When it was recorded, in milliseconds since 1970: from (inclusive) and to (exclusive).
    pub recorded: (Option<i64>, Option<i64>),
    /// Its sequence: from (inclusive) and to (exclusive).
    pub sequence: (Option<u64>, Option<u64>),
    /// In which order.
    pub order: Order,
    /// Which of them.
    pub page: Page,
    /// Whether all that match are counted.
    pub wants_total: bool,
    /// What the reader sees at all; everything, if there is nothing.
    pub within: Option<Narrowing>,
}

impl Default for Query {
    /// The newest 100 of all, counted.
    fn default() -> Self {
        Self {
            conditions: Vec::new(),
            text: Vec::new(),
            occurred: (None, None),
            recorded: (None, None),
            sequence: (None, None),
            order: Order::Newest,
            page: Page { limit: 100, start: Start::Offset(0) },
            wants_total: true,
            within: None,
        }
    }
}

/// In which order events are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By (`occurred_at`, `sequence`), the greatest first.
    Newest,
    /// By (`occurred_at`, `sequence`), the least first.
    Oldest,
    /// By `sequence`, the least first: the order in which they were recorded.
    Sequence,
}

/// Which of the matching events are given.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// How many at most.
    pub limit: u64,
    /// From where.
    pub start: Start,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// After so many of the matching events.
    Offset(u64),
    /// After the event that a cursor names.
    After(Cursor),
}

/// A condition on one field. A field with several values meets it when any of them does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which field.
    pub field: FieldRef,
    /// Whether the condition holds where none of the matches does: also where the field is absent.
    pub is_negated: bool,
    /// What its value may be.
    pub any_of: Vec<Match>,
}

impl Condition {
    /// `field` is one of the values.
    pub fn is_any<S: Into<String>>(field: Field, values: impl IntoIterator<Item = S>) -> Self {
        let any_of = values.into_iter().map(|value| Match::Is(value.into())).collect();
        Self { field: FieldRef::Field(field), is_negated: false, any_of }
    }

    /// `field` is the value.
    pub fn is(field: Field, value: impl Into<String>) -> Self {
        Self::is_any(field, [value])
    }

    /// `field` is not the value: also where it is absent.
    pub fn is_not(field: Field, value: impl Into<String>) -> Self {
        Self { is_negated: true, ..Self::is(field, value) }
    }
}

/// A field of the model, or a scalar at a path of `meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldRef {
    /// A field.
    Field(Field),
    /// The keys from `meta` down.
    Meta(Vec<String>),
}

impl FieldRef {
    /// Its name, as conditions have it; in a path of `meta` dots and backslashes of keys are escaped.
    pub fn name(&self) -> String {
        match self {
            FieldRef::Field(field) => field.name(),
            FieldRef::Meta(path) => {
                let escaped = |key: &String| key.replace('\\', r"\\").replace('.', r"\.");
                path.iter().fold("meta".to_owned(), |name, key| name + "." + &escaped(key))
            }
        }
    }
}

/// What one value is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It is this text.
    Is(String),
    /// It begins with this text.
    StartsWith(String),
    /// It is there.
    Exists,
}

/// What must hold of the texts of an event: `message`, `error.message`, and every scalar of `changes` and `meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// It holds where no text has it.
    pub is_negated: bool,
    /// What a text must have.
    pub kind: TermKind,
}

/// What one text must have. Words are folded, as [`trailbook_event::words`] gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermKind {
    /// This word.
    Word(String),
    /// A word that begins with this.
    Prefix(String),
    /// These words, next to each other: what is no word between them does not count.
    Phrase(Vec<String>),
}
