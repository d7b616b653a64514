//! Exclusion rules and settings of organizations: made, changed, removed, counted, and known to whoever reads
//! credentials.

use trailbook_event::Uuid;
use trailbook_event::limits::{NAME_CHARS_MAX, PATTERN_BYTES_MAX, PATTERNS_OF_RULE_MAX, RULES_OF_ORGANIZATION_MAX};
use trailbook_store::rules::{NewRule, OwnRule};
use trailbook_store::{Catalog, DefaultRange, Error, Organization, OrganizationSettings, new_uuid};

use crate::database::Database;
use crate::members::first;

on_both!(
    a_rule_is_made_changed_and_removed_and_each_change_has_a_version,
    rules_are_of_one_organization,
    names_and_patterns_of_rules_have_limits,
    an_organization_has_so_many_rules,
    settings_are_the_defaults_until_they_are_changed,
);

fn rule(name: &str, actors: &[&str], events: &[&str]) -> NewRule {
    let list = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    NewRule { name: name.to_owned(), actors: list(actors), events: list(events) }
}

async fn rules(catalog: &Catalog, organization: &Organization) -> Vec<OwnRule> {
    catalog.credentials().await.unwrap().rules(organization).all().to_vec()
}

async fn make(catalog: &Catalog, organization: &Organization, rule: &NewRule) -> Result<Uuid, Error> {
    let id = new_uuid().unwrap();
    catalog.create_rule(organization, id, rule).await.map(|()| id)
}

async fn a_rule_is_made_changed_and_removed_and_each_change_has_a_version(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let mut versions = vec![catalog.credentials_version().await.unwrap()];
    let new = rule("quiet", &["plugin:*"], &["entity-fetch", "entity-facets"]);
    let id = make(catalog, &own, &new).await.unwrap();
    versions.push(catalog.credentials_version().await.unwrap());
    let known = catalog.credentials().await.unwrap().rules(&own);
    assert_eq!((known.all().len(), known.find(id).map(|one| &one.rule)), (1, Some(&new)));
    let found = |actor: &str, action: &str| known.ready().find(actor, action).map(|one| one.name().to_owned());
    assert_eq!(found("plugin:search", "entity-facets").as_deref(), Some("quiet"));
    assert_eq!(found("user:jane", "entity-facets"), None);

    let other = make(catalog, &own, &rule("other", &["a"], &[])).await.unwrap();
    versions.push(catalog.credentials_version().await.unwrap());
    let taken = catalog.change_rule(&own, id, &rule("other", &[], &["x"])).await.unwrap_err();
    let words = "there is an exclusion rule \"other\" already";
    assert!(matches!(&taken, Error::Taken(_)) && taken.to_string() == words, "{taken}");
    let again = make(catalog, &own, &rule("other", &[], &["x"])).await.unwrap_err();
    assert!(matches!(again, Error::Taken(_)), "{again}");
    let changed = rule("quiet", &[], &["x"]);
    catalog.change_rule(&own, id, &changed).await.unwrap();
    versions.push(catalog.credentials_version().await.unwrap());
    let all = rules(catalog, &own).await;
    assert_eq!(all.iter().map(|one| one.id).collect::<Vec<_>>(), [id, other], "the oldest first");
    assert_eq!(all[0].rule, changed);

    catalog.remove_rule(&own, id).await.unwrap();
    versions.push(catalog.credentials_version().await.unwrap());
    assert_eq!(rules(catalog, &own).await.len(), 1);
    for missing in [catalog.remove_rule(&own, id).await, catalog.change_rule(&own, id, &changed).await] {
        assert!(matches!(missing, Err(Error::Missing(_))), "{missing:?}");
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    store.close().await;
    let store = database.open().await;
    assert_eq!(rules(store.catalog(), &own).await[0].id, other, "they stay");
    store.close().await;
}

async fn rules_are_of_one_organization(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let id = make(catalog, &own, &rule("quiet", &[], &["x"])).await.unwrap();
    make(catalog, &acme, &rule("quiet", &[], &["y"])).await.expect("names are taken in one organization");
    let theirs = catalog.change_rule(&acme, id, &rule("mine", &[], &["z"])).await;
    assert!(matches!(theirs, Err(Error::Missing(_))), "{theirs:?}");
    let theirs = catalog.remove_rule(&acme, id).await;
    assert!(matches!(theirs, Err(Error::Missing(_))), "{theirs:?}");
    let known = catalog.credentials().await.unwrap();
    assert_eq!(known.rules(&own).all()[0].rule, rule("quiet", &[], &["x"]));
    let ready = known.rules(&acme);
    assert!(ready.ready().find("", "x").is_none() && ready.ready().find("", "y").is_some());
    store.close().await;
}

async fn names_and_patterns_of_rules_have_limits(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let patterns = |n: usize| (0..n).map(|i| format!("p{i}")).collect::<Vec<_>>();
    let of = |actors: usize, events: usize| NewRule {
        name: format!("{actors} {events}"),
        actors: patterns(actors),
        events: patterns(events),
    };
    make(catalog, &own, &rule(&"é".repeat(NAME_CHARS_MAX), &[], &["x"])).await.unwrap();
    make(catalog, &own, &rule("a", &[&"x".repeat(PATTERN_BYTES_MAX)], &[])).await.unwrap();
    make(catalog, &own, &of(PATTERNS_OF_RULE_MAX, 0)).await.unwrap();
    make(catalog, &own, &of(1, PATTERNS_OF_RULE_MAX - 1)).await.unwrap();
    for (wrong, words) in [
        (rule(&"é".repeat(NAME_CHARS_MAX + 1), &[], &["x"]), "the name of the exclusion rule must have"),
        (rule(" ", &[], &["x"]), "the name of the exclusion rule must have"),
        (rule("a\nb", &[], &["x"]), "the name of the exclusion rule must have"),
        (rule("b", &[&"x".repeat(PATTERN_BYTES_MAX + 1)], &[]), "actor_id: a pattern has 1025 bytes"),
        (rule("b", &[], &[""]), "event_id: a pattern must not be empty"),
        (rule("b", &[], &[]), "the exclusion rule has neither patterns of actors nor of events"),
        (of(1, PATTERNS_OF_RULE_MAX), "33 patterns of an exclusion rule are more than 32"),
    ] {
        let error = make(catalog, &own, &wrong).await.unwrap_err();
        assert!(matches!(&error, Error::Name(text) if text.starts_with(words)), "{error}");
    }
    assert_eq!(rules(catalog, &own).await.len(), 4);
    store.close().await;
}

async fn an_organization_has_so_many_rules(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    for i in 0..RULES_OF_ORGANIZATION_MAX {
        make(catalog, &own, &rule(&format!("r{i}"), &[], &["x"])).await.unwrap();
    }
    let one_more = make(catalog, &own, &rule("one more", &[], &["x"])).await.unwrap_err();
    assert!(matches!(one_more, Error::TooMany(_)), "{one_more}");
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    make(catalog, &acme, &rule("one more", &[], &["x"])).await.expect("each organization has its own");
    store.close().await;
}

async fn settings_are_the_defaults_until_they_are_changed(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let before = catalog.credentials().await.unwrap();
    assert_eq!(before.settings(&own), OrganizationSettings { default_range: DefaultRange::Day });
    for default_range in [DefaultRange::Month, DefaultRange::Day, DefaultRange::Month] {
        catalog.change_settings(&own, OrganizationSettings { default_range }).await.unwrap();
        let after = catalog.credentials().await.unwrap();
        assert_eq!(after.settings(&own).default_range, default_range);
        assert_eq!(after.settings(&acme).default_range, DefaultRange::Day);
        assert!(after.version() > before.version());
    }
    store.close().await;
}
