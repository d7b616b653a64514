//! Which events the rules keep out.

use super::{Decision, OneOrMany, RuleConfig, Rules, portal_defaults};
use crate::limits::{NAME_CHARS_MAX, PATTERN_BYTES_MAX, RULES_MAX};
use crate::model::{Actor, ActorType, Context, Event, Outcome, Severity};
use crate::time::Timestamp;
use crate::{redact, seal};
use uuid::Uuid;

fn event(actor: Option<&str>, action: &str) -> Event<'static> {
    let actor_of = |id: &str| Actor {
        kind: ActorType::Service,
        id: Some(id.to_owned().into()),
        name: None,
        email: None,
        groups: Vec::new(),
    };
    Event {
        id: Uuid::nil(),
        occurred_at: Timestamp::from_millis(0),
        source: "catalog".into(),
        action: action.to_owned().into(),
        action_type: None,
        query_type: None,
        severity: Severity::Low,
        outcome: Outcome::Succeeded,
        error: None,
        actor: actor.map(actor_of),
        on_behalf_of: Vec::new(),
        targets: Vec::new(),
        context: Context::default(),
        changes: None,
        message: None,
        meta: Vec::new(),
    }
}

fn configs(json: &str) -> Vec<RuleConfig> {
    serde_json::from_str(json).unwrap()
}

fn rules(json: &str) -> Rules {
    Rules::new(&configs(json)).unwrap()
}

/// The rule that keeps the event out.
fn excluded(rules: &Rules, actor: Option<&str>, action: &str) -> Option<String> {
    match rules.decide(redact::Rules::default().apply(event(actor, action))) {
        Decision::Excluded { rule, .. } => Some(rule.to_owned()),
        Decision::Admitted(_) => None,
    }
}

fn config_error(json: &str) -> String {
    serde_json::from_str::<RuleConfig>(json).unwrap_err().to_string()
}

fn rules_error(json: &str) -> String {
    Rules::new(&configs(json)).unwrap_err()
}

#[test]
fn the_portals_defaults_exclude_the_reads_of_plugins_and_synthetic_users() {
    let rules = Rules::new(&portal_defaults()).unwrap();
    for action in ["entity-fetch", "entity-facets"] {
        assert_eq!(excluded(&rules, Some("plugin:auth"), action).as_deref(), Some("plugin-reads"));
        let synthetic = Some("user:default/synthetic-7");
        assert_eq!(excluded(&rules, synthetic, action).as_deref(), Some("synthetic-user-reads"));
        assert_eq!(excluded(&rules, Some("user:default/jane"), action), None);
        assert_eq!(excluded(&rules, Some("external:plugin:x"), action), None);
        assert_eq!(excluded(&rules, None, action), None);
    }
    assert_eq!(excluded(&rules, Some("plugin:auth"), "entity-mutate"), None);
    assert_eq!(excluded(&rules, Some("plugin:auth"), "entity-fetch-all"), None);
    assert_eq!(rules.names().collect::<Vec<_>>(), ["plugin-reads", "synthetic-user-reads"]);
}

#[test]
fn an_id_is_one_pattern_or_a_list() {
    let one = rules(r#"[{"actorId":"plugin:*","eventId":"entity-*"}]"#);
    let list = rules(r#"[{"actorId":["user:*/*","plugin:*"],"eventId":["entity-fetch","entity-facets"]}]"#);
    for rules in [one, list] {
        assert!(excluded(&rules, Some("plugin:search"), "entity-fetch").is_some());
        assert!(excluded(&rules, Some("plugin:search"), "location-fetch").is_none());
        assert!(excluded(&rules, Some("admin"), "entity-fetch").is_none());
    }
}

#[test]
fn both_patterns_must_match() {
    let rules = rules(r#"[{"actorId":"plugin:a","eventId":"x"}]"#);
    assert!(excluded(&rules, Some("plugin:a"), "x").is_some());
    assert!(excluded(&rules, Some("plugin:a"), "y").is_none());
    assert!(excluded(&rules, Some("plugin:b"), "x").is_none());
}

#[test]
fn a_pattern_that_is_absent_matches_everything() {
    let by_actor = rules(r#"[{"actorId":"plugin:*"}]"#);
    assert!(excluded(&by_actor, Some("plugin:a"), "anything").is_some());
    assert!(excluded(&by_actor, Some("user:a"), "anything").is_none());
    let by_event = rules(r#"[{"eventId":"noise"}]"#);
    assert!(excluded(&by_event, Some("user:a"), "noise").is_some());
    assert!(excluded(&by_event, None, "noise").is_some());
    assert!(excluded(&by_event, None, "Noise").is_none());
}

#[test]
fn an_absent_actor_has_the_empty_id() {
    let star = rules(r#"[{"actorId":"*","eventId":"x"}]"#);
    assert!(excluded(&star, None, "x").is_some(), "a star takes the empty text");
    let named = rules(r#"[{"actorId":"plugin:*","eventId":"x"}]"#);
    assert!(excluded(&named, None, "x").is_none());
    let mut anonymous = event(Some("gone"), "x");
    anonymous.actor.as_mut().unwrap().id = None;
    let decision = named.decide(redact::Rules::default().apply(anonymous));
    assert!(matches!(decision, Decision::Admitted(_)));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules =
        rules(r#"[{"name":"none","actorId":"x"},{"name":"first","eventId":"a*"},{"name":"second","eventId":"ab"}]"#);
    assert_eq!(excluded(&rules, Some("y"), "ab").as_deref(), Some("first"));
    assert_eq!(excluded(&rules, Some("x"), "ab").as_deref(), Some("none"));
}

#[test]
fn without_rules_everything_is_admitted() {
    assert_eq!(excluded(&Rules::default(), Some("plugin:auth"), "entity-fetch"), None);
    assert_eq!(Rules::new(&[]).unwrap().names().count(), 0);
}

#[test]
fn an_excluded_event_comes_back_and_an_admitted_one_can_be_sealed() {
    let rules = rules(r#"[{"name":"noise","eventId":"noise"}]"#);
    let apply = |action| rules.decide(redact::Rules::default().apply(event(Some("a"), action)));
    match apply("noise") {
        Decision::Excluded { rule: "noise", event } => assert_eq!(event.event().action, "noise"),
        other => panic!("{other:?}"),
    }
    match apply("signal") {
        Decision::Admitted(admitted) => {
            assert_eq!(admitted.event().action, "signal");
            assert_eq!(seal::seal(&admitted, [0; 16]).unwrap().id(), Uuid::nil());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_name_is_the_patterns_unless_given() {
    let rules = rules(
        r#"[{"actorId":["plugin:*","x"],"eventId":"entity-fetch"},{"actorId":"y"},{"eventId":["a","b"]},
            {"name":"given","eventId":"c"}]"#,
    );
    let names: Vec<_> = rules.names().collect();
    assert_eq!(names, ["actorId=plugin:*,x eventId=entity-fetch", "actorId=y", "eventId=a,b", "given"]);
}

#[test]
fn a_rule_with_an_unknown_key_or_a_wrong_type_is_refused() {
    assert!(config_error(r#"{"actorId":"a","pluginId":"b"}"#).contains("unknown field `pluginId`"));
    assert!(config_error(r#"{"actor_id":"a"}"#).contains("unknown field `actor_id`"));
    for json in [r#"{"actorId":1}"#, r#"{"actorId":["a",1]}"#, r#"{"eventId":{}}"#, r#"{"name":["a"]}"#] {
        config_error(json);
    }
}

#[test]
fn a_rule_that_says_nothing_is_refused_with_its_place() {
    let nothing = "neither actorId nor eventId is given, so it would exclude everything";
    assert_eq!(rules_error("[{}]"), format!("rule 0: {nothing}"));
    assert_eq!(rules_error(r#"[{"eventId":"a"},{"name":"all","actorId":null}]"#), format!("rule 1: {nothing}"));
    assert_eq!(rules_error(r#"[{"actorId":[]}]"#), "rule 0: actorId is an empty list");
    assert_eq!(rules_error(r#"[{"eventId":["a",""]}]"#), "rule 0: eventId: a pattern must not be empty");
}

#[test]
fn a_name_stands_for_one_rule() {
    let twice = rules_error(r#"[{"name":"a","eventId":"x"},{"name":"b","eventId":"y"},{"name":"a","eventId":"z"}]"#);
    assert_eq!(twice, "rule 2: the name \"a\" is taken");
    assert_eq!(rules_error(r#"[{"eventId":"x"},{"eventId":"x"}]"#), "rule 1: the name \"eventId=x\" is taken");
}

fn named(name: String) -> Result<Rules, String> {
    Rules::new(&[RuleConfig { name: Some(name), actor_id: None, event_id: Some(OneOrMany::One("x".to_owned())) }])
}

#[test]
fn a_name_has_a_limit_in_characters() {
    assert!(named("é".repeat(NAME_CHARS_MAX)).is_ok());
    assert!(named("é".repeat(NAME_CHARS_MAX + 1)).is_err());
    assert!(named(String::new()).is_err());
    let long = "p".repeat(NAME_CHARS_MAX + 1);
    assert!(
        Rules::new(&configs(&format!(r#"[{{"eventId":"{long}"}}]"#))).is_ok(),
        "a name made of patterns may be long"
    );
}

#[test]
fn a_pattern_has_a_limit_in_bytes() {
    let with = |bytes| Rules::new(&configs(&format!(r#"[{{"actorId":"{}"}}]"#, "a".repeat(bytes))));
    assert!(with(PATTERN_BYTES_MAX).is_ok());
    assert!(with(PATTERN_BYTES_MAX + 1).unwrap_err().starts_with("rule 0: actorId: a pattern has 1025 bytes"));
}

#[test]
fn rules_have_a_limit() {
    let many = |n: usize| {
        let rule = |i| RuleConfig { name: None, actor_id: None, event_id: Some(OneOrMany::One(format!("event-{i}"))) };
        Rules::new(&(0..n).map(rule).collect::<Vec<_>>())
    };
    assert!(many(RULES_MAX).is_ok());
    assert!(many(RULES_MAX + 1).is_err());
}

#[test]
fn rules_show_their_patterns_and_what_they_keep_out() {
    let rules = Rules::new(&configs(r#"[{"name":"a","actorId":["x*","y"]},{"name":"b","eventId":"z"}]"#)).unwrap();
    let shown: Vec<(&str, Vec<&str>, Vec<&str>)> =
        rules.iter().map(|one| (one.name(), one.actor_patterns().collect(), one.event_patterns().collect())).collect();
    assert_eq!(shown, [("a", vec!["x*", "y"], vec![]), ("b", vec![], vec!["z"])]);
    let found = |actor: &str, action: &str| rules.find(actor, action).map(|one| one.name().to_owned());
    assert_eq!(found("x1", "z").as_deref(), Some("a"), "the first that matches decides");
    assert_eq!((found("", "z").as_deref(), found("", "y")), (Some("b"), None));
}

#[test]
fn what_some_rules_let_through_others_may_keep_out() {
    let first = Rules::new(&configs(r#"[{"name":"first","eventId":"a"}]"#)).unwrap();
    let second = Rules::new(&configs(r#"[{"name":"second","eventId":["a","b"]}]"#)).unwrap();
    let decided = |action: &str| match first.decide(redact::Rules::default().apply(event(None, action))) {
        Decision::Excluded { rule, .. } => Some(rule.to_owned()),
        Decision::Admitted(admitted) => match second.decide_after(admitted) {
            Decision::Excluded { rule, .. } => Some(rule.to_owned()),
            Decision::Admitted(_) => None,
        },
    };
    assert_eq!(decided("a").as_deref(), Some("first"));
    assert_eq!(decided("b").as_deref(), Some("second"));
    assert_eq!(decided("c"), None);
}
