//! Parameters become conditions, and mistakes are named.

use std::collections::BTreeMap;

use trailbook_event::limits::{CONDITION_VALUES_MAX, CONDITIONS_MAX, PAGE_EVENTS_MAX};
use trailbook_event::{ContextKey, Field};

use super::{RESERVED, conditions, parse};
use crate::{Condition, Error, FieldRef, Match, Order, Query, Term, TermKind};

fn pairs(text: &str) -> Vec<(String, String)> {
    let split = |pair: &str| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
    text.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}

fn query(text: &str) -> Query {
    parse(&pairs(text)).unwrap()
}

fn refused(text: &str) -> (String, String) {
    match parse(&pairs(text)) {
        Err(Error::Parameter { name, reason }) => (name, reason),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn conditions_are_read_with_their_operators() {
    assert_eq!(query("actor=jane").conditions, [Condition::is(Field::ActorId, "jane")]);
    assert_eq!(query("outcome=failed,denied").conditions, [Condition::is_any(Field::Outcome, ["failed", "denied"])]);
    assert_eq!(query("severity!=low").conditions, [Condition::is_not(Field::Severity, "low")]);
    let hits = |text: &str| query(text).conditions.remove(0).any_of;
    assert_eq!(hits("action=entity-*,b"), [Match::StartsWith("entity-".into()), Match::Is("b".into())]);
    assert_eq!(hits("error.name=*"), [Match::Exists]);
    assert_eq!(hits(r"target.id=a\,b\*\\c"), [Match::Is(r"a,b*\c".into())]);
    assert_eq!(query("meta.env=prod").conditions[0].field, FieldRef::Meta(vec!["env".into()]));
    assert_eq!(query("ip=::1").conditions[0].field, FieldRef::Field(Field::Context(ContextKey::Ip)));
}

#[test]
fn a_search_text_holds_beside_the_other_conditions() {
    let found = query("source=shop&q=actor:jane disk&outcome=failed");
    assert_eq!(
        found.conditions,
        [
            Condition::is(Field::Source, "shop"),
            Condition::is(Field::ActorId, "jane"),
            Condition::is(Field::Outcome, "failed")
        ]
    );
    assert_eq!(found.text, [Term { is_negated: false, kind: TermKind::Word("disk".into()) }]);
    assert_eq!(query("q="), Query::default());
    let wrong = parse(&pairs("q=disk colour:red"));
    assert!(matches!(wrong, Err(Error::Text { position: 6, .. })), "{wrong:?}");
}

#[test]
fn ranges_order_and_limit_are_read() {
    let query = query("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00+01:00&sequence_from=5&order=sequence&limit=7");
    assert_eq!(query.occurred, (Some(1_767_225_600_000_000_000), Some(1_767_308_400_000_000_000)));
    assert_eq!(query.sequence, (Some(5), None));
    assert_eq!((query.order, query.page.limit, query.wants_total), (Order::Sequence, 7, true));
    assert!(!parse(&pairs("total=false")).unwrap().wants_total);
}

#[test]
fn times_of_recording_between_two_milliseconds_are_those_after_the_first() {
    let query = query("recorded_from=2026-01-01T00:00:00.0000001Z&recorded_to=2026-01-01T00:00:00.001Z");
    assert_eq!(query.recorded, (Some(1_767_225_600_001), Some(1_767_225_600_001)));
}

#[test]
fn mistakes_name_their_parameter() {
    for (text, name) in [
        ("colour=red", "colour"),
        ("outcome=broken", "outcome"),
        ("from=yesterday", "from"),
        ("limit=0", "limit"),
        ("limit=+5", "limit"),
        ("order=random", "order"),
        ("cursor=x", "cursor"),
        ("total=1", "total"),
        ("action=a*b", "action"),
        ("action=", "action"),
        ("action=a,,b", "action"),
        (r"action=a\", "action"),
        ("sequence_from=-1", "sequence_from"),
        ("action=a&action=b", "action"),
    ] {
        assert_eq!(refused(text).0, name, "{text}");
    }
}

#[test]
fn limits_hold_at_n_and_fail_at_n_plus_one() {
    assert!(parse(&pairs(&format!("limit={PAGE_EVENTS_MAX}"))).is_ok());
    assert_eq!(refused(&format!("limit={}", PAGE_EVENTS_MAX + 1)).0, "limit");

    let values = |n: usize| format!("action={}", vec!["a"; n].join(","));
    assert!(parse(&pairs(&values(CONDITION_VALUES_MAX))).is_ok());
    assert!(matches!(parse(&pairs(&values(CONDITION_VALUES_MAX + 1))), Err(Error::TooLarge(_))));

    let conditions = |n: usize| (0..n).map(|i| format!("meta.k{i}=v")).collect::<Vec<_>>().join("&");
    assert!(parse(&pairs(&conditions(CONDITIONS_MAX))).is_ok());
    assert!(matches!(parse(&pairs(&conditions(CONDITIONS_MAX + 1))), Err(Error::TooLarge(_))));
    assert!(parse(&pairs(&format!("{}&q=word", conditions(CONDITIONS_MAX - 1)))).is_ok());
    assert!(matches!(parse(&pairs(&format!("{}&q=word", conditions(CONDITIONS_MAX)))), Err(Error::TooLarge(_))));
}

#[test]
fn a_filter_has_conditions_and_nothing_else() {
    let filter = |text: &str| conditions(&pairs(text).into_iter().collect::<BTreeMap<_, _>>());
    let text = "source=shop,desk&severity!=low&meta.env=prod&action=entity-*&target=*";
    let mut wanted = query(text).conditions;
    wanted.sort_by_key(|condition| format!("{condition:?}"));
    let mut found = filter(text).unwrap();
    found.sort_by_key(|condition| format!("{condition:?}"));
    assert_eq!(found, wanted);
    assert_eq!(filter(""), Ok(Vec::new()));
    for name in RESERVED {
        match filter(&format!("source=shop&{name}=1")) {
            Err(Error::Parameter { name: found, reason }) => {
                assert_eq!(
                    (found.as_str(), reason.as_str()),
                    (*name, "is no condition on a field, and a filter has no other")
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(filter("colour=red"), Err(Error::Parameter { name, .. }) if name == "colour"));
    assert!(matches!(filter("outcome=good"), Err(Error::Parameter { name, .. }) if name == "outcome"));
}

#[test]
fn a_filter_has_limits() {
    let named = |count: usize| (0..count).map(|n| (format!("meta.k{n}"), "v".to_owned())).collect::<BTreeMap<_, _>>();
    assert_eq!(conditions(&named(CONDITIONS_MAX)).map(|all| all.len()), Ok(CONDITIONS_MAX));
    assert!(matches!(conditions(&named(CONDITIONS_MAX + 1)), Err(Error::TooLarge(_))));
    let values = |count: usize| BTreeMap::from([("source".to_owned(), vec!["v"; count].join(","))]);
    assert!(conditions(&values(CONDITION_VALUES_MAX)).is_ok());
    assert!(matches!(conditions(&values(CONDITION_VALUES_MAX + 1)), Err(Error::TooLarge(_))));
}
