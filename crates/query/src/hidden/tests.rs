//! Every field that can be hidden, asked for in every way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use trailbook_event::Field;
use trailbook_event::limits::HIDDEN_FIELDS_MAX;

use super::Hidden;
use crate::{Condition, Error, FieldRef, Match, Query, Term, TermKind, fields, params};

/// Names of fields that can be hidden, whether texts that are searched have them, and the fields that conditions may
/// not name then.
const TABLE: &[(&str, bool, &str)] = &[
    ("action_type", false, "action_type"),
    ("actor", false, "actor.email actor.groups.id actor.groups.name actor.id actor.name actor.type"),
    ("actor.email", false, "actor.email"),
    ("actor.groups", false, "actor.groups.id actor.groups.name"),
    ("actor.groups.id", false, "actor.groups.id"),
    ("actor.groups.name", false, "actor.groups.name"),
    ("actor.id", false, "actor.id"),
    ("actor.name", false, "actor.name"),
    ("actor.type", false, "actor.type"),
    ("changes", true, ""),
    ("changes.before", true, ""),
    ("changes.after.a.b", true, ""),
    (
        "context",
        false,
        "context.blueprint context.channel context.hostname context.installation_id context.ip context.package \
         context.project context.request_id context.request_method context.request_path context.request_url \
         context.run_id context.session_id context.trace_id context.user_agent context.webhook_event_id \
         context.webhook_id",
    ),
    ("context.ip", false, "context.ip"),
    ("context.project", false, "context.project"),
    ("context.request_url", false, "context.request_path context.request_url"),
    ("error", true, "error.name"),
    ("error.message", true, ""),
    ("error.name", false, "error.name"),
    ("message", true, ""),
    ("meta", true, "meta.customer meta.customer.name meta.customer.name.first meta.other"),
    ("meta.customer", true, "meta.customer meta.customer.name meta.customer.name.first"),
    ("meta.customer.name", true, "meta.customer meta.customer.name meta.customer.name.first"),
    (r"meta.customer\.name", true, "meta.customer meta.customer.name meta.customer.name.first"),
    ("on_behalf_of", false, "on_behalf_of.id on_behalf_of.name on_behalf_of.type"),
    ("on_behalf_of.id", false, "on_behalf_of.id"),
    ("on_behalf_of.name", false, "on_behalf_of.name"),
    ("on_behalf_of.type", false, "on_behalf_of.type"),
    ("outcome", false, "outcome"),
    ("query_type", false, "query_type"),
    ("severity", false, "severity"),
    ("targets", false, "target.id target.name target.type"),
    ("targets.id", false, "target.id"),
    ("target.id", false, "target.id"),
    ("targets.name", false, "target.name"),
    ("target.name", false, "target.name"),
    ("targets.type", false, "target.type"),
    ("target.type", false, "target.type"),
];
/// Paths that are asked for beside the fields of the model.
const META: &[&str] = &["meta.customer", "meta.customer.name", "meta.customer.name.first", "meta.other"];

fn with(condition: Condition) -> Query {
    Query { conditions: vec![condition], ..Query::default() }
}

/// What is refused, and the reason.
#[track_caller]
fn refused(result: Result<(), Error>) -> String {
    match result {
        Err(Error::Parameter { name, reason }) => format!("{name} {reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_role_hides_cannot_be_asked_for_in_any_way() {
    let named: Vec<String> = fields::all().map(|info| info.name).collect();
    for (hidden, _, wanted) in TABLE {
        let role = Hidden::new(&[hidden]).unwrap();
        let wanted: Vec<&str> = wanted.split_ascii_whitespace().collect();
        for name in named.iter().map(String::as_str).chain(META.iter().copied()) {
            let field = fields::named(name).unwrap();
            let asked = [Match::Is("a".into()), Match::StartsWith("a".into()), Match::Exists];
            for (one, is_negated) in asked.into_iter().flat_map(|one| [(one.clone(), false), (one, true)]) {
                let condition = Condition { field: field.clone(), is_negated, any_of: vec![one] };
                let result = role.check(&with(condition));
                if wanted.contains(&name) {
                    let reason = refused(result);
                    assert!(reason.starts_with(name) && reason.contains("the caller's role hides it"), "{reason}");
                } else {
                    assert_eq!(result, Ok(()), "{name} where {hidden} is hidden");
                }
            }
            assert_eq!(role.check_field(&field).is_err(), wanted.contains(&name), "{name} of {hidden}");
        }
    }
}

#[test]
fn words_are_refused_where_a_text_is_hidden() {
    let kinds = [TermKind::Word("a".into()), TermKind::Prefix("a".into()), TermKind::Phrase(vec!["a".into()])];
    for (hidden, is_text, _) in TABLE {
        let role = Hidden::new(&[hidden]).unwrap();
        for (kind, is_negated) in kinds.iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            let text = vec![Term { is_negated, kind: kind.clone() }];
            let result = role.check(&Query { text, ..Query::default() });
            assert_eq!(result.is_err(), *is_text, "{hidden}: {result:?}");
            if *is_text {
                assert!(refused(result).contains("the caller's role hides"), "{hidden}");
            }
        }
        assert_eq!(role.check(&Query::default()), Ok(()));
    }
}

#[test]
fn aliases_and_search_texts_are_no_way_around() {
    let role = Hidden::new(&["actor.id", "targets", "context.ip", "on_behalf_of", r"meta.a\.b"]).unwrap();
    for text in ["actor:a", "-actor:a", "target:*", "ip:1*", "on_behalf_of:a", r"meta.a\.b:1", "meta.a.b:1", "meta.a:1"]
    {
        let query = params::parse(&[("q".to_owned(), text.to_owned())]).unwrap();
        assert!(refused(role.check(&query)).contains("the caller's role hides it"), "{text}");
    }
    // A key that has the dot of a path in it is hidden as what is below another key.
    let key = Condition { field: FieldRef::Meta(vec!["a.b".into()]), is_negated: false, any_of: Vec::new() };
    assert!(role.check(&with(key)).is_err());
    let other = FieldRef::Meta(vec!["ab".into()]);
    assert_eq!(role.check_field(&other), Ok(()));
}

#[test]
fn what_a_reader_is_narrowed_to_may_name_hidden_fields() {
    let role = Hidden::new(&["context.project"]).unwrap();
    let filter = BTreeMap::from([("context.project".to_owned(), "x".to_owned())]);
    let within = crate::Narrowing::new(vec![params::conditions(&filter).unwrap()]).unwrap();
    assert_eq!(role.check(&Query { within: Some(within), ..Query::default() }), Ok(()));
}

#[test]
fn other_names_are_refused() {
    for name in ["id", "occurred_at", "source", "action", "sequence", "organization", "recorded_at"] {
        assert!(refused(Hidden::new(&[name]).map(drop)).ends_with("is needed: every reader sees it"), "{name}");
    }
    let path = refused(Hidden::new(&["context.request_path"]).map(drop));
    assert_eq!(path, "context.request_path is part of context.request_url; hide that");
    for name in ["", "colour", "actor.", "actor.mail", "context.colour", "ip", "target", "targets.colour", "error.code"]
    {
        assert!(refused(Hidden::new(&[name]).map(drop)).contains("is no field that can be hidden"), "{name}");
    }
    for name in ["meta.", "meta.a..b", "meta.a.", "meta..a", "changes.before."] {
        assert!(refused(Hidden::new(&[name]).map(drop)).ends_with("has an empty step"), "{name}");
    }
    assert!(refused(Hidden::new(&[r"meta.a\"]).map(drop)).ends_with("ends in a backslash"));
    assert!(matches!(Hidden::new(&["meta", "colour"]), Err(Error::Parameter { name, .. }) if name == "colour"));
}

#[test]
fn every_field_of_the_model_can_be_hidden_or_is_needed() {
    for name in Field::all().map(Field::name) {
        let is_kept = ["id", "occurred_at", "source", "action", "context.request_path"].contains(&name.as_str());
        assert_eq!(Hidden::new(&[&name]).is_err(), is_kept, "{name}");
    }
}

#[test]
fn hidden_fields_have_a_limit() {
    let names = |count: usize| (0..count).map(|number| format!("meta.k{number}")).collect::<Vec<_>>();
    assert!(Hidden::new(&names(HIDDEN_FIELDS_MAX)).is_ok());
    assert!(matches!(Hidden::new(&names(HIDDEN_FIELDS_MAX + 1)), Err(Error::TooLarge(_))));
    let none = Hidden::new::<&str>(&[]).unwrap();
    assert!(none.is_empty() && !Hidden::new(&["meta"]).unwrap().is_empty());
    assert!(matches!(none.strip(br#"{"action":"a"}"#), Cow::Borrowed(br#"{"action":"a"}"#)));
}
