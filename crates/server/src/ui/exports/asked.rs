//! What an export was asked for, in words.

use std::collections::BTreeMap;

use trailbook_query::{params, text};

use crate::ui::logs::fields;
use crate::ui::time::Clock;

/// What an export holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its conditions, each in words; empty where it has all events of its range.
    pub(super) conditions: Vec<String>,
    /// Its range in words.
    pub(super) range: String,
}

impl Asked {
    /// Of a filter as the API has it. What cannot be read any more is shown as it stands there.
    pub(super) fn of(filter: &BTreeMap<String, String>, clock: &Clock) -> Self {
        let of_fields: BTreeMap<_, _> = filter.iter().filter(|(name, _)| !is_reserved(name)).collect();
        let mut conditions = Vec::new();
        for (name, value) in of_fields {
            let one = BTreeMap::from([(name.clone(), value.clone())]);
            match params::conditions(&one) {
                Ok(read) => conditions.extend(read.iter().map(fields::in_words)),
                Err(_) => conditions.push(format!("{name}={value}")),
            }
        }
        if let Some(search) = filter.get("q") {
            conditions.extend(of_text(search));
        }
        Self { conditions, range: range(filter, clock) }
    }
}

/// A search text in words: its conditions, then its words as they are written.
pub(super) fn of_text(search: &str) -> Vec<String> {
    let Ok(parsed) = text::parse(search) else { return vec![search.to_owned()] };
    let mut all: Vec<String> = parsed.conditions.iter().map(fields::in_words).collect();
    if !parsed.terms.is_empty() {
        let terms = text::write(&text::Parsed { conditions: Vec::new(), ..parsed });
        all.push(format!("Text has {terms}"));
    }
    all
}

fn is_reserved(name: &str) -> bool {
    params::RESERVED.contains(&name)
}

fn range(filter: &BTreeMap<String, String>, clock: &Clock) -> String {
    let bounds = |from: &str, to: &str| (filter.get(from), filter.get(to));
    let time = |text: &String| short(text, clock);
    let mut all = Vec::new();
    for (begin, end, prefix) in [("from", "to", ""), ("recorded_from", "recorded_to", "recorded ")] {
        all.extend(span(bounds(begin, end), time).map(|words| format!("{prefix}{words}")));
    }
    all.extend(span(bounds("sequence_from", "sequence_to"), String::clone).map(|words| format!("numbers {words}")));
    if all.is_empty() { "All time".to_owned() } else { all.join(", ") }
}

fn span(bounds: (Option<&String>, Option<&String>), words: impl Fn(&String) -> String) -> Option<String> {
    match bounds {
        (None, None) => None,
        (Some(from), None) => Some(format!("from {}", words(from))),
        (None, Some(to)) => Some(format!("before {}", words(to))),
        (Some(from), Some(to)) => Some(format!("{} – {}", words(from), words(to))),
    }
}

/// `21 Nov 2026 09:41`
fn short(text: &str, clock: &Clock) -> String {
    match trailbook_event::Timestamp::parse(text) {
        Ok(time) => clock.at_ns(time.nanos()).strftime("%-d %b %Y %H:%M").to_string(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(filter: &[(&str, &str)]) -> Asked {
        let filter = filter.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::of(&filter, &Clock::new("Europe/Berlin", 0))
    }

    #[test]
    fn a_filter_is_shown_in_words() {
        let shown = asked(&[
            ("outcome", "failed,denied"),
            ("q", "-severity:low word \"two words\""),
            ("from", "2026-11-20T08:00:00Z"),
            ("to", "2026-11-21T08:00:00Z"),
        ]);
        assert_eq!(
            shown.conditions,
            ["Outcome is any failed, denied", "Severity is not low", "Text has word \"two words\""]
        );
        assert_eq!(shown.range, "20 Nov 2026 09:00 – 21 Nov 2026 09:00");
    }

    #[test]
    fn ranges_of_every_kind_are_shown() {
        assert_eq!(asked(&[]), Asked { conditions: Vec::new(), range: "All time".to_owned() });
        let recorded = asked(&[("recorded_from", "2026-11-20T08:00:00Z"), ("sequence_to", "7")]);
        assert_eq!(recorded.range, "recorded from 20 Nov 2026 09:00, numbers before 7");
        assert_eq!(asked(&[("no.field", "x")]).conditions, ["no.field=x"]);
    }
}
