//! Whom or what a page is about, and the URLs of its events.

use trailbook_event::{Field, Timestamp};
use trailbook_query::{Condition, FieldRef, Match, fields as model, text};

use crate::ui::answer::{Refusal, Why};
use crate::ui::logs::fields;
use crate::ui::visit::encoded;

/// A condition that is longer is offered as no link.
const CONDITION_BYTES_MAX: usize = 1_024;
const MINUTE_NS: i64 = 60 * 1_000_000_000;
/// How long before and after an event a link to it shows.
const AROUND_NS: i64 = 5 * MINUTE_NS;
const MONTH_NS: i64 = 30 * 24 * 60 * MINUTE_NS;

/// Whom or what a page is about.
pub(super) struct Subject {
    field: FieldRef,
    /// The value of the field.
    pub(super) value: String,
    /// The type of the target that it is, where that is asked for.
    pub(super) target_type: Option<String>,
    /// When it was seen last, in nanoseconds since 1970.
    last_ns: i64,
    /// What time it is.
    now_ns: i64,
}

/// What it is in its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Actor,
    Target,
    /// Where they came from, or anything else.
    Other,
}

impl Subject {
    /// Reads the parameters: one field with its value, and for a target its type if need be.
    pub(super) fn read(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let invalid = |text: &str| Refusal::new(Why::Invalid, text);
        let target_type = |name: &str| model::named(name) == Some(FieldRef::Field(Field::TargetType));
        let (types, others): (Vec<_>, Vec<_>) = pairs.iter().partition(|(name, _)| target_type(name));
        let (one, kind) = match (others.as_slice(), types.as_slice()) {
            ([one], []) => (one, None),
            ([one], [(_, kind)]) if model::named(&one.0) == Some(FieldRef::Field(Field::TargetId)) => (one, Some(kind)),
            ([], [one]) => (one, None),
            _ => return Err(invalid("A page is about one field and its value, such as actor.id=jane.")),
        };
        let (name, value) = one;
        let unknown = || Refusal::new(Why::Invalid, format!("{name} is no field that can be asked for."));
        let field = model::named(name).ok_or_else(unknown)?;
        if value.is_empty() || kind.is_some_and(String::is_empty) {
            return Err(invalid("The value is empty."));
        }
        Ok(Self { field, value: value.clone(), target_type: kind.cloned(), last_ns: 0, now_ns: 0 })
    }

    /// The same, which was seen last then.
    pub(super) fn seen_at(self, last_ns: i64, now_ns: i64) -> Self {
        Self { last_ns, now_ns, ..self }
    }

    /// What all of its events have.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let is = |field: FieldRef, value: &String| Condition {
            field,
            is_negated: false,
            any_of: vec![Match::Is(value.clone())],
        };
        let kind = self.target_type.as_ref().map(|kind| is(FieldRef::Field(Field::TargetType), kind));
        [is(self.field.clone(), &self.value)].into_iter().chain(kind).collect()
    }

    /// What it is called: `Actor`, `Address`, the type of a target.
    pub(super) fn label(&self) -> String {
        match self.field {
            FieldRef::Field(Field::TargetId) => "Target".to_owned(),
            _ => fields::label(&self.field),
        }
    }

    /// Whether it is the value of this field.
    pub(super) fn is_of(&self, field: Field) -> bool {
        self.field == FieldRef::Field(field)
    }

    pub(super) fn role(&self) -> Role {
        let name = self.field.name();
        match name.split_once('.') {
            Some(("actor", _)) => Role::Actor,
            Some(("target", _)) => Role::Target,
            _ => Role::Other,
        }
    }

    /// The URL of its events of the last 30 days in which it was seen, also those alone of which something more holds.
    /// Nothing if no URL can say it.
    pub(super) fn logs(&self, more: Option<Condition>) -> Option<String> {
        let search = self.search(more)?;
        if self.last_ns > self.now_ns - MONTH_NS {
            return Some(format!("/logs?q={}&range=30d", encoded(&search)));
        }
        // Up to a second after it, as ranges end before their end.
        let to_ns = self.last_ns.saturating_add(MINUTE_NS / 60);
        Some(between(&search, (to_ns.saturating_sub(MONTH_NS), to_ns)))
    }

    /// The URL of one of its events, among those around it.
    pub(super) fn event(&self, id: &str, occurred_ns: i64) -> String {
        let around = (occurred_ns.saturating_sub(AROUND_NS), occurred_ns.saturating_add(AROUND_NS));
        format!("{}&open={}", between(&self.search(None).unwrap_or_default(), around), encoded(id))
    }

    fn search(&self, more: Option<Condition>) -> Option<String> {
        let all = self.conditions().into_iter().chain(more);
        let search = all.map(|one| text::write_condition(&one)).collect::<Vec<_>>().join(" ");
        (search.len() <= CONDITION_BYTES_MAX).then_some(search)
    }
}

/// The URL of the page about a value; nothing if no URL can say it.
pub(super) fn page_of(field: Field, value: &str) -> Option<String> {
    (value.len() <= CONDITION_BYTES_MAX).then(|| format!("/logs/about?{}={}", field.name(), encoded(value)))
}

fn between(search: &str, (from_ns, to_ns): (i64, i64)) -> String {
    let time = |nanos: i64| encoded(&Timestamp::from_millis(nanos.div_euclid(1_000_000)).to_string());
    let search = if search.is_empty() { String::new() } else { format!("q={}&", encoded(search)) };
    format!("/logs?{search}from={}&to={}", time(from_ns), time(to_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Subject, String> {
        Subject::read(&crate::url::pairs(Some(query)).unwrap()).map_err(|refusal| refusal.text)
    }

    #[test]
    fn a_page_is_about_one_thing() {
        for query in ["actor.id=a", "actor=a", "target.id=a&target.type=b", "target.type=b", "meta.env=prod", "ip=::1"]
        {
            assert!(read(query).is_ok(), "{query}");
        }
        for query in ["", "actor.id=", "actor.id=a&source=b", "actor.id=a&target.type=b", "message=x", "q=a"] {
            assert!(read(query).is_err(), "{query}");
        }
        let target = read("target.id=a%2Cb&target.type=c").ok().unwrap();
        assert_eq!(target.conditions(), [Condition::is(Field::TargetId, "a,b"), Condition::is(Field::TargetType, "c")]);
        assert_eq!((target.role(), target.label()), (Role::Target, "Target".to_owned()));
    }

    #[test]
    fn a_link_shows_a_month_in_which_there_was_something() {
        let at = |last_ns| Subject { last_ns, now_ns: 10 * MONTH_NS, ..read("actor.id=a").ok().unwrap() };
        assert_eq!(at(9 * MONTH_NS + 1).logs(None).unwrap(), "/logs?q=actor.id%3Aa&range=30d");
        let long_ago = at(MONTH_NS).logs(Some(Condition::is(Field::Action, "x"))).unwrap();
        assert_eq!(
            long_ago,
            "/logs?q=actor.id%3Aa%20action%3Ax&from=1970-01-01T00%3A00%3A01.000Z&to=1970-01-31T00%3A00%3A01.000Z"
        );
        let long = read(&format!("actor.id={}", "a".repeat(CONDITION_BYTES_MAX))).ok().unwrap();
        assert_eq!(long.logs(None), None);
        assert!(long.event("x", 0).starts_with("/logs?from="));
    }
}
