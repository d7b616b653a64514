//! The state of the page, all of it in its URL: what is searched, in which time, of which kind, and what is open.
//!
//! ```text
//! /logs?q=actor:jane+-severity:low&range=24h&type=entity&open=<id>        q is a search text, its conditions the chips
//! /logs?from=2026-11-20T08:00:00Z&to=2026-11-21T08:00:00Z&cursor=…        an exact range; an older page
//! ```

use trailbook_event::limits::{PAGE_EVENTS_MAX, VIEW_DAYS_MAX};
use trailbook_event::{Field, Timestamp};
use trailbook_query::text::{self, Parsed};
use trailbook_query::{Condition, Cursor, Error, FieldRef, Order, Page, Query, Start};

use crate::ui::visit::encoded;

/// Rows of one page.
pub(super) const PAGE_ROWS: u64 = 100;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The time that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// Up to now, and what clocks that run ahead have reported.
    Last(Preset),
    /// From (inclusive) and to (exclusive), in milliseconds since 1970.
    Exact { from_ms: i64, to_ms: i64 },
}

/// A time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    Hour,
    Day,
    Week,
    Month,
}

impl Preset {
    pub(super) const ALL: [Preset; 4] = [Preset::Hour, Preset::Day, Preset::Week, Preset::Month];

    /// Its name in URLs, as the settings of an organization have it too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Preset::Hour => "1h",
            Preset::Day => "24h",
            Preset::Week => "7d",
            Preset::Month => "30d",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// As people say it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Preset::Hour => "Last hour",
            Preset::Day => "Last 24 hours",
            Preset::Week => "Last 7 days",
            Preset::Month => "Last 30 days",
        }
    }

    pub(super) fn ms(self) -> i64 {
        match self {
            Preset::Hour => HOUR_MS,
            Preset::Day => DAY_MS,
            Preset::Week => 7 * DAY_MS,
            Preset::Month => 30 * DAY_MS,
        }
    }
}

impl Range {
    /// When it begins and ends, in milliseconds since 1970.
    pub(super) fn bounds_ms(self, now_ms: i64) -> (i64, i64) {
        match self {
            Range::Last(preset) => (now_ms - preset.ms(), now_ms),
            Range::Exact { from_ms, to_ms } => (from_ms, to_ms),
        }
    }
}

/// What the page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct View {
    /// The search text, as it was typed.
    pub(super) text: String,
    /// What it asks for; nothing if it cannot be read.
    pub(super) parsed: Parsed,
    /// The time; nothing for the default of the organization.
    pub(super) range: Option<Range>,
    /// The type of targets whose tab is chosen.
    pub(super) kind: Option<String>,
    /// The event that is open, by its id.
    pub(super) open: Option<String>,
    /// Where an older page begins.
    pub(super) cursor: Option<String>,
}

/// A parameter that cannot be read: which, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) parameter: &'static str,
    pub(super) text: String,
}

impl View {
    /// Reads the parameters of a URL. What cannot be read is left out, and said.
    pub(super) fn read(pairs: &[(String, String)]) -> (Self, Option<Mistake>) {
        let value = |wanted: &str| pairs.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let given = |wanted: &str| value(wanted).filter(|value| !value.is_empty());
        let mut mistake = None;
        let text = value("q").unwrap_or_default().trim().to_owned();
        let parsed = text::parse(&text).unwrap_or_else(|error| {
            mistake = Some(Mistake { parameter: "q", text: error.to_string() });
            Parsed::default()
        });
        let range = match (given("range"), given("from"), given("to")) {
            (None, None, None) => None,
            (Some(name), None, None) => Preset::of_name(name).map(Range::Last).or_else(|| {
                mistake = Some(Mistake { parameter: "range", text: "the range is one of 1h, 24h, 7d and 30d".into() });
                None
            }),
            (_, from, to) => match exact(from, to) {
                Ok(range) => Some(range),
                Err(text) => {
                    mistake = Some(Mistake { parameter: "from", text });
                    None
                }
            },
        };
        let owned = |name| given(name).map(str::to_owned);
        (Self { text, parsed, range, kind: owned("type"), open: owned("open"), cursor: owned("cursor") }, mistake)
    }

    /// The time that is shown.
    pub(super) fn range_or(&self, default: Preset) -> Range {
        self.range.unwrap_or(Range::Last(default))
    }

    /// The query of a page of it.
    pub(super) fn query(&self, default: Preset, now_ms: i64) -> Result<Query, Error> {
        let mut query = self.query_of_all_kinds(default, now_ms);
        query.conditions.extend(self.kind.as_deref().map(|kind| Condition::is(Field::TargetType, kind)));
        query.page = Page { limit: PAGE_ROWS.min(PAGE_EVENTS_MAX), start: Start::Offset(0) };
        if let Some(cursor) = &self.cursor {
            query.page.start = Start::After(Cursor::decode(cursor, Order::Newest)?);
        }
        Ok(query)
    }

    /// The query without the tab.
    pub(super) fn query_of_all_kinds(&self, default: Preset, now_ms: i64) -> Query {
        const NANOS: i64 = 1_000_000;
        let occurred = match self.range_or(default) {
            Range::Last(preset) => (Some(now_ms.saturating_sub(preset.ms()).saturating_mul(NANOS)), None),
            Range::Exact { from_ms, to_ms } => (Some(from_ms.saturating_mul(NANOS)), Some(to_ms.saturating_mul(NANOS))),
        };
        Query {
            conditions: self.parsed.conditions.clone(),
            text: self.parsed.terms.clone(),
            occurred,
            ..Query::default()
        }
    }

    /// Its parameters, without what is open and which page it is.
    pub(super) fn params(&self) -> String {
        let mut params = Vec::new();
        if !self.text.is_empty() {
            params.push(format!("q={}", encoded(&self.text)));
        }
        match self.range {
            None => {}
            Some(Range::Last(preset)) => params.push(format!("range={}", preset.name())),
            Some(Range::Exact { from_ms, to_ms }) => {
                let time = |ms| encoded(&Timestamp::from_millis(ms).to_string());
                params.push(format!("from={}&to={}", time(from_ms), time(to_ms)));
            }
        }
        if let Some(kind) = &self.kind {
            params.push(format!("type={}", encoded(kind)));
        }
        params.join("&")
    }

    /// Its URL, without what is open and which page it is.
    pub(super) fn url(&self) -> String {
        url_of(&self.params())
    }

    /// The URL of the page after an event.
    pub(super) fn url_after(&self, cursor: &Cursor) -> String {
        self.url_with(&format!("cursor={}", cursor.encode()))
    }

    /// Its URL with one more parameter.
    pub(super) fn url_with(&self, parameter: &str) -> String {
        let params = self.params();
        let and = if params.is_empty() { "" } else { "&" };
        url_of(&format!("{params}{and}{parameter}"))
    }

    /// The same with another search.
    pub(super) fn searching(&self, parsed: Parsed) -> Self {
        Self { text: text::write(&parsed), parsed, open: None, cursor: None, ..self.clone() }
    }

    /// The same with a condition, in the place of those on the same field that would leave nothing.
    pub(super) fn with(&self, condition: Condition) -> Self {
        let mut parsed = self.parsed.clone();
        parsed.conditions.retain(|one| one.field != condition.field || one.is_negated != condition.is_negated);
        parsed.conditions.push(condition);
        self.searching(parsed)
    }

    /// The same without one of its conditions, by its number.
    pub(super) fn without_condition(&self, number: usize) -> Self {
        let mut parsed = self.parsed.clone();
        if number < parsed.conditions.len() {
            parsed.conditions.remove(number);
        }
        self.searching(parsed)
    }

    /// The same without one of its words, by its number.
    pub(super) fn without_term(&self, number: usize) -> Self {
        let mut parsed = self.parsed.clone();
        if number < parsed.terms.len() {
            parsed.terms.remove(number);
        }
        self.searching(parsed)
    }

    /// The same in another time.
    pub(super) fn in_range(&self, range: Range) -> Self {
        Self { range: Some(range), open: None, cursor: None, ..self.clone() }
    }

    /// The same of one kind, or of all.
    pub(super) fn of_kind(&self, kind: Option<&str>) -> Self {
        Self { kind: kind.map(str::to_owned), open: None, cursor: None, ..self.clone() }
    }

    /// Whether it asks for a type of targets, so that their names can be asked for.
    pub(super) fn has_target_type(&self) -> bool {
        let field = FieldRef::Field(Field::TargetType);
        self.kind.is_some() || self.parsed.conditions.iter().any(|one| one.field == field && !one.is_negated)
    }

    /// Whether nothing but a time is asked for.
    pub(super) fn is_of_all(&self) -> bool {
        self.parsed == Parsed::default() && self.kind.is_none()
    }
}

fn url_of(params: &str) -> String {
    if params.is_empty() { "/logs".to_owned() } else { format!("/logs?{params}") }
}

/// An exact range. A time without a zone is UTC.
fn exact(from: Option<&str>, to: Option<&str>) -> Result<Range, String> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err("an exact range has both a beginning and an end".into());
    };
    let time = |text: &str| Timestamp::parse(&text.replace(' ', "+")).map(|time| time.millis());
    let (Ok(from_ms), Ok(to_ms)) = (time(from), time(to)) else {
        return Err("times are written as 2026-11-21T08:00:00Z".into());
    };
    if from_ms >= to_ms {
        return Err("the range ends before it begins".into());
    }
    if to_ms - from_ms > VIEW_DAYS_MAX * DAY_MS {
        return Err(format!(
            "a page shows {VIEW_DAYS_MAX} days at once; an export, or the API, takes up to 365 days and more"
        ));
    }
    Ok(Range::Exact { from_ms, to_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(query: &str) -> View {
        let (view, mistake) = read(query);
        assert_eq!(mistake, None, "{query}");
        view
    }

    fn read(query: &str) -> (View, Option<Mistake>) {
        View::read(&crate::url::pairs(Some(query)).unwrap())
    }

    #[test]
    fn a_view_is_its_url() {
        for url in [
            "/logs",
            "/logs?q=actor%3Ajane%20-severity%3Alow%20word&range=7d&type=entity",
            "/logs?from=2026-11-20T08%3A00%3A00.000Z&to=2026-11-21T08%3A00%3A00.000Z",
        ] {
            assert_eq!(view(url.split_once('?').map_or("", |(_, query)| query)).url(), url);
        }
    }

    #[test]
    fn a_range_is_up_to_thirty_days_wide() {
        let range = |days: i64| {
            let to = Timestamp::from_millis(days * DAY_MS);
            read(&format!("from=1970-01-01T00:00:00Z&to={to}")).1
        };
        assert_eq!(range(VIEW_DAYS_MAX), None);
        assert!(range(VIEW_DAYS_MAX + 1).unwrap().text.contains("export"));
        for query in [
            "from=x&to=y",
            "from=2026-11-20T08:00:00Z",
            "range=2d",
            "q=nofield:x",
            "from=2026-11-20T08:00:00Z&to=2026-11-20T08:00:00Z",
        ] {
            assert!(read(query).1.is_some(), "{query}");
        }
    }

    #[test]
    fn conditions_come_and_go_and_the_text_follows() {
        let start = view("q=outcome%3Afailed%20word");
        let with = start.with(Condition::is(Field::ActorId, "user:default/jane"));
        assert_eq!(with.text, "outcome:failed actor.id:user:default/jane word");
        let other = with.with(Condition::is(Field::ActorId, "bob"));
        assert_eq!(other.text, "outcome:failed actor.id:bob word");
        assert_eq!(
            other.with(Condition::is_not(Field::ActorId, "al")).text,
            "outcome:failed actor.id:bob -actor.id:al word"
        );
        assert_eq!(other.without_condition(0).text, "actor.id:bob word");
        assert_eq!(other.without_term(0).text, "outcome:failed actor.id:bob");
    }
}
