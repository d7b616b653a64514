//! Each parameter becomes its condition; mistakes are named.

use trailbook_event::{ContextKey, Field};
use trailbook_query::{Condition, FieldRef};

use super::{Asked, DAY_MS, Name, parse};

const NOW_MS: i64 = 1_768_478_400_000;

fn pairs(text: &str) -> Vec<(String, String)> {
    let split = |pair: &str| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
    text.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}

fn asked(text: &str) -> Asked {
    parse(&pairs(text), NOW_MS).unwrap()
}

#[test]
fn without_parameters_it_asks_for_the_last_thirty_days_without_an_end() {
    let asked = asked("");
    assert_eq!(asked.query.occurred, (Some((NOW_MS - 30 * DAY_MS) * 1_000_000), None));
    assert_eq!((asked.limit, asked.offset), (100, 0));
    let never = [Condition::is_not(Field::Outcome, "initiated"), Condition::is_not(Field::Source, "trailbook")];
    assert_eq!(asked.query.conditions, never);
}

#[test]
fn every_filter_names_its_field() {
    for (name, field) in [
        ("plugin_id", Field::Source),
        ("event_id", Field::Action),
        ("actor_id", Field::ActorId),
        ("request_method", Field::Context(ContextKey::RequestMethod)),
        ("request_url", Field::RequestPath),
        ("action_type", Field::ActionType),
        ("query_type", Field::QueryType),
        ("entity_ref", Field::TargetId),
    ] {
        let asked = asked(&format!("{name}=a,b*"));
        assert_eq!(asked.query.conditions[0], Condition::is(field, "a,b*"), "{name} is never split");
    }
    let whole = asked("request_url=/a?b=c");
    assert_eq!(whole.query.conditions[0].field, FieldRef::Field(Field::Context(ContextKey::RequestUrl)));
    assert!(!asked("plugin_id=trailbook").query.conditions.contains(&Condition::is_not(Field::Source, "trailbook")));
}

#[test]
fn severities_take_commas_and_repeat() {
    let both = Condition::is_any(Field::Severity, ["high", "critical"]);
    assert_eq!(asked("severity_level=high,critical").query.conditions[0], both);
    assert_eq!(asked("severity_level=high&severity_level=critical").query.conditions[0], both);
}

#[test]
fn mistakes_are_input_errors_that_name_the_parameter() {
    for text in [
        "colour=red",
        "severity_level=urgent",
        "severity_level=",
        "status=denied",
        "actor_type=agent",
        "limit=0",
        "limit=1001",
        "limit=ten",
        "offset=-1",
        "start_time=2026-01-01T00:00:00",
        "start_time=2026-01-01T00:00:00+00:00",
        "end_time=soonZ",
        "plugin_id=",
        "plugin_id=a&plugin_id=b",
    ] {
        let refusal = parse(&pairs(text), NOW_MS).unwrap_err();
        let name = text.split('=').next().unwrap();
        assert_eq!(refusal.name, Name::Input, "{text}");
        assert!(refusal.message.starts_with(name), "{text}: {}", refusal.message);
    }
}

#[test]
fn limits_hold_at_n() {
    assert_eq!(asked("limit=1000&offset=18446744073709551615").offset, u64::MAX);
    assert_eq!(asked("limit=1").limit, 1);
}
