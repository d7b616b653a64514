//! Whether an event meets a query's conditions, decided on its canonical bytes.
//!
//! Values are put into the escaped form that canonical bytes have, once a query, so comparing needs no decoding. The
//! escaping gives every character a code that is no prefix of another's, so "starts with" holds of the escaped forms
//! exactly when it holds of the texts.

use trailbook_event::{Field, canonical};
use trailbook_store::Row;

use super::terms::Terms;
use crate::{Condition, FieldRef, Match, Narrowing, Query};

/// A query's conditions, ready to be compared.
pub(super) struct Matcher<'q> {
    query: &'q Query,
    conditions: Conditions,
    terms: Terms,
    /// The reader sees what meets any of these; all, if there is nothing.
    within: Option<Vec<Conditions>>,
}

/// Conditions of which an event has to meet all.
pub(super) struct Conditions {
    /// Those that are not on targets, or negated.
    pub(super) plain: Vec<Prepared>,
    /// Those that one and the same target must meet.
    pub(super) of_target: Vec<Prepared>,
}

/// A condition in the form of canonical bytes.
pub(super) struct Prepared {
    pub(super) site: Site,
    pub(super) is_negated: bool,
    pub(super) any_of: Vec<Bytes>,
}

/// Where the values of a condition are.
pub(super) enum Site {
    Field(Field),
    Meta(Vec<Vec<u8>>),
}

impl Site {
    pub(super) fn of(field: &FieldRef) -> Self {
        match field {
            FieldRef::Field(field) => Site::Field(*field),
            FieldRef::Meta(path) => Site::Meta(path.iter().map(|key| escaped(key)).collect()),
        }
    }
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    canonical::write_escaped(text, &mut out);
    out
}

/// What one value is compared with. In a sorted list "any" comes first, and a beginning before what begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bytes {
    Are(Vec<u8>),
    Begin(Vec<u8>),
    Any,
}

impl Bytes {
    fn of(one: &Match) -> Self {
        match one {
            Match::Is(text) => Bytes::Are(escaped(text)),
            // Every text begins with nothing.
            Match::StartsWith(text) if text.is_empty() => Bytes::Any,
            Match::StartsWith(text) => Bytes::Begin(escaped(text)),
            Match::Exists => Bytes::Any,
        }
    }

    /// By which they are sorted: the text, and whether it is to be met whole.
    fn key(&self) -> (&[u8], bool) {
        match self {
            Bytes::Are(text) => (text, true),
            Bytes::Begin(text) => (text, false),
            Bytes::Any => (&[], false),
        }
    }

    fn accept(&self, value: &[u8]) -> bool {
        match self {
            Bytes::Are(text) => value == text,
            Bytes::Begin(text) => value.starts_with(text),
            Bytes::Any => true,
        }
    }

    /// Whether whatever the other accepts is accepted.
    fn covers(&self, other: &Self) -> bool {
        let (text, is_whole) = other.key();
        self.accept(text) && (is_whole || !self.key().1)
    }
}

/// The values of a condition, sorted, without those that another one accepts too: each is looked up once.
fn distinct(any_of: &[Match]) -> Vec<Bytes> {
    let mut all: Vec<Bytes> = any_of.iter().map(Bytes::of).collect();
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    // What begins with a text stands next to it, so the one before the next is the only one that can cover it.
    all.dedup_by(|next, kept| kept.covers(next));
    all
}

impl<'q> Matcher<'q> {
    pub(super) fn new(query: &'q Query) -> Self {
        let lists = query.within.as_ref().map(Narrowing::lists);
        // Whatever meets a list of no conditions, which is everything, needs no other list.
        let narrowed = lists.filter(|lists| lists.iter().all(|list| !list.is_empty()));
        let within = narrowed.map(|lists| lists.iter().map(|list| Conditions::new(list)).collect());
        Self { query, conditions: Conditions::new(&query.conditions), terms: Terms::new(&query.text), within }
    }

    pub(super) fn query(&self) -> &'q Query {
        self.query
    }

    /// The conditions of the query.
    pub(super) fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Lists of conditions of which the reader sees what meets any; nothing, if the reader sees all.
    pub(super) fn within(&self) -> Option<&[Conditions]> {
        self.within.as_deref()
    }

    /// Whether nothing but times and sequences is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.query.text.is_empty() && self.within.is_none()
    }

    pub(super) fn matches(&self, row: &Row<'_>) -> bool {
        let Query { occurred, recorded, sequence, .. } = self.query;
        is_between(occurred, row.occurred_ns)
            && is_between(recorded, row.recorded_ms)
            && is_between(sequence, row.sequence)
            && self.conditions.hold(row)
            && self.within.as_ref().is_none_or(|lists| lists.iter().any(|list| list.hold(row)))
            && self.terms.hold(row)
    }
}

impl Conditions {
    fn new(conditions: &[Condition]) -> Self {
        let prepared = conditions.iter().map(Prepared::new);
        let (of_target, plain) = prepared.partition(|p: &Prepared| !p.is_negated && p.is_of_target());
        Self { plain, of_target }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.of_target.is_empty()
    }

    fn hold(&self, row: &Row<'_>) -> bool {
        self.plain.iter().all(|condition| condition.holds(row)) && self.one_target_meets(row)
    }

    fn one_target_meets(&self, row: &Row<'_>) -> bool {
        let Some((first, others)) = self.of_target.split_first() else { return true };
        let met_by = |item: u8| others.iter().all(|condition| condition.is_met(row, Some(item)));
        let Site::Field(field) = first.site else { return false };
        row.values(field).any(|(item, value)| first.accepts(value) && met_by(item))
    }
}

fn is_between<T: PartialOrd + Copy>((from, to): &(Option<T>, Option<T>), value: T) -> bool {
    from.is_none_or(|from| value >= from) && to.is_none_or(|to| value < to)
}

impl Prepared {
    fn new(condition: &Condition) -> Self {
        let any_of = distinct(&condition.any_of);
        Self { site: Site::of(&condition.field), is_negated: condition.is_negated, any_of }
    }

    fn is_of_target(&self) -> bool {
        matches!(self.site, Site::Field(Field::TargetId | Field::TargetName | Field::TargetType))
    }

    fn holds(&self, row: &Row<'_>) -> bool {
        self.is_met(row, None) != self.is_negated
    }

    /// Whether any value of the field is accepted; of one item only, if one is given.
    fn is_met(&self, row: &Row<'_>, of: Option<u8>) -> bool {
        match &self.site {
            Site::Field(field) => {
                row.values(*field).any(|(item, value)| of.is_none_or(|of| of == item) && self.accepts(value))
            }
            Site::Meta(path) => row
                .values(Field::Meta)
                .filter_map(|(_, meta)| canonical::scalar_at(meta, path))
                .any(|value| self.accepts(value)),
        }
    }

    fn accepts(&self, value: &[u8]) -> bool {
        // None accepts what another does: what lies between a beginning and the value begins so too, and is left out.
        let after = self.any_of.partition_point(|one| one.key().0 <= value);
        let last = after.checked_sub(1).and_then(|last| self.any_of.get(last));
        last.is_some_and(|one| one.accept(value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, distinct};
    use crate::Match;

    fn is(text: &str) -> Match {
        Match::Is(text.to_owned())
    }

    fn starts(text: &str) -> Match {
        Match::StartsWith(text.to_owned())
    }

    #[test]
    fn values_that_another_accepts_are_left_out() {
        let any_of =
            [is("b"), starts("ab"), is("ab"), is("a"), starts("abc"), starts("ab"), is("abd"), is("b"), is("")];
        let text = |text: &str| text.as_bytes().to_vec();
        let wanted = [Bytes::Are(text("")), Bytes::Are(text("a")), Bytes::Begin(text("ab")), Bytes::Are(text("b"))];
        assert_eq!(distinct(&any_of), wanted);
        assert_eq!(distinct(&[is("a"), Match::Exists, starts("a")]), [Bytes::Any]);
        assert_eq!(distinct(&[is("a"), starts(""), is("")]), [Bytes::Any]);
        assert_eq!(distinct(&vec![starts("a"); 100]), [Bytes::Begin(text("a"))]);
        // Nothing is before a text with a quote or a backslash but what it begins with when they are escaped.
        assert_eq!(distinct(&[starts("\\"), is("\\\""), is("\"x")]).len(), 2);
    }
}
