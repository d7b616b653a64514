//! Credentials: made, found, revoked; by commands and by the configuration file.

use std::sync::Arc;

use trailbook_event::limits::{NAME_CHARS_MAX, TOKEN_BYTES_MAX};
use trailbook_store::credential::{Entry, Grant, NewEntry, Origin, PORTAL_ENTRY, Permission, Restriction};
use trailbook_store::credential::{check_token, new_token};
use trailbook_store::{Catalog, Clock, Organization, Store};

use crate::database::Database;

on_both!(
    a_token_is_found_until_it_is_revoked,
    a_name_and_a_value_are_taken_once,
    a_name_is_taken_once_among_concurrent_calls,
    the_portals_entry_gets_a_value_and_stays_without_one,
    what_a_credential_grants_comes_back,
    entries_of_the_file_are_what_it_says,
    entries_of_the_file_may_exchange_their_values,
    entries_of_the_file_are_read_only_to_commands,
    an_entry_of_the_file_does_not_replace_one_of_a_command,
    every_change_has_a_new_version_and_a_refused_one_has_not,
    a_token_made_beside_a_running_server_is_found,
    names_of_tokens_have_a_greatest_length,
    a_credential_is_found_by_its_number_and_its_key_is_that_of_its_value,
);

async fn first(store: &Store) -> Organization {
    store.catalog().organization_or_new("default").await.unwrap().0
}

fn entry(organization: &Organization, name: &str, token: &str) -> NewEntry {
    let grant = Some(Grant { scopes: vec![Permission::EventsRead], restrictions: Vec::new() });
    NewEntry {
        organization: organization.clone(),
        name: name.to_owned(),
        token: token.to_owned(),
        grant,
        expires_ms: None,
    }
}

async fn named(catalog: &Catalog, name: &str) -> Option<Entry> {
    catalog.entries().await.unwrap().into_iter().find(|entry| entry.name == name)
}

async fn is_found(catalog: &Catalog, token: &str) -> bool {
    catalog.credentials().await.unwrap().find(token).is_some()
}

async fn a_token_is_found_until_it_is_revoked(database: &Database) {
    let store = database.open_at(Clock::from_fn(|| 77)).await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let token = new_token().unwrap();
    catalog.create_entry(entry(&organization, "ci", &token)).await.unwrap();
    let found = catalog.credentials().await.unwrap().find(&token).unwrap();
    assert_eq!((found.name(), found.organization().name()), ("ci", "default"));
    assert!(found.has(Permission::EventsRead) && !found.has(Permission::EventsWrite));
    for wrong in [&token[1..], &format!("{token}x"), "", "wrong-token"] {
        assert!(!is_found(catalog, wrong).await, "{wrong}");
    }
    let listed = named(catalog, "ci").await.unwrap();
    assert_eq!((listed.organization.as_str(), listed.organization_uuid), ("default", organization.uuid()));
    assert_eq!((listed.origin, listed.has_value, listed.created_ms), (Origin::Catalog, true, 77));

    catalog.revoke_entry(&organization, "ci").await.unwrap();
    assert!(!is_found(catalog, &token).await);
    assert_eq!(named(catalog, "ci").await, None);
    let error = catalog.revoke_entry(&organization, "ci").await.unwrap_err();
    assert_eq!(error.to_string(), r#"no token "ci" in the organization "default""#);

    // Name and value are free again, and the number is another.
    catalog.create_entry(entry(&organization, "ci", &token)).await.unwrap();
    let again = catalog.credentials().await.unwrap().find(&token).unwrap();
    assert_ne!(again.id(), found.id());
    store.close().await;
}

async fn a_name_and_a_value_are_taken_once(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    catalog.create_entry(entry(&organization, "ci", "token-of-ci")).await.unwrap();
    let name_taken = catalog.create_entry(entry(&organization, "ci", "another-token")).await.unwrap_err();
    assert_eq!(name_taken.to_string(), r#"the token "ci" has a value already; revoke it first"#);
    let value_taken = catalog.create_entry(entry(&organization, "cd", "token-of-ci")).await.unwrap_err();
    assert_eq!(value_taken.to_string(), "another token has this value");
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    assert!(catalog.create_entry(entry(&acme, "ci", "token-of-ci")).await.is_err(), "in another organization too");
    catalog.create_entry(entry(&acme, "ci", "token-of-acme")).await.unwrap();
    assert_eq!(catalog.credentials().await.unwrap().find("token-of-acme").unwrap().organization(), &acme);
    store.close().await;
}

async fn a_name_is_taken_once_among_concurrent_calls(database: &Database) {
    let store = Arc::new(database.open().await);
    let organization = first(&store).await;
    let create = |n: usize| {
        let (store, new) = (Arc::clone(&store), entry(&organization, "ci", &format!("token-number-{n}")));
        tokio::spawn(async move { store.catalog().create_entry(new).await.is_ok() })
    };
    let mut made = 0;
    for task in (0..8).map(create).collect::<Vec<_>>() {
        made += u32::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
    let entries = store.catalog().entries().await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.name == "ci").count(), 1);
    store.close().await;
}

async fn the_portals_entry_gets_a_value_and_stays_without_one(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let start = named(catalog, PORTAL_ENTRY).await.unwrap();
    assert_eq!((start.has_value, &start.grant), (false, &Grant::portal()));
    for token in ["portal-token-1", "portal-token-2"] {
        let value = NewEntry { grant: None, ..entry(&organization, PORTAL_ENTRY, token) };
        catalog.create_entry(value.clone()).await.unwrap();
        let credential = catalog.credentials().await.unwrap().find(token).unwrap();
        assert_eq!(credential.grant(), &Grant::portal());
        assert!(catalog.create_entry(value).await.is_err(), "it has a value");
        catalog.revoke_entry(&organization, PORTAL_ENTRY).await.unwrap();
        assert!(!is_found(catalog, token).await);
        assert_eq!(named(catalog, PORTAL_ENTRY).await.unwrap(), start);
    }
    // A grant of its own goes with the value.
    catalog.create_entry(entry(&organization, PORTAL_ENTRY, "portal-token-3")).await.unwrap();
    assert_eq!(named(catalog, PORTAL_ENTRY).await.unwrap().grant.scopes, [Permission::EventsRead]);
    catalog.revoke_entry(&organization, PORTAL_ENTRY).await.unwrap();
    assert_eq!(named(catalog, PORTAL_ENTRY).await.unwrap(), start);
    // Every organization has one.
    catalog.organization_or_new("acme").await.unwrap();
    let entries = catalog.entries().await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.name == PORTAL_ENTRY).count(), 2);
    store.close().await;
}

async fn what_a_credential_grants_comes_back(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let restriction = |permissions: Option<&[&str]>, actions: Option<&[&str]>| Restriction {
        plugin: "audit-log".to_owned(),
        permissions: permissions.map(|all| all.iter().map(|&s| s.to_owned()).collect()),
        actions: actions.map(|all| all.iter().map(|&s| s.to_owned()).collect()),
    };
    let grants = [
        Grant::default(),
        Grant { scopes: Permission::ALL.to_vec(), restrictions: Vec::new() },
        Grant { scopes: Vec::new(), restrictions: vec![restriction(None, None)] },
        Grant {
            scopes: Vec::new(),
            restrictions: vec![restriction(Some(&["ä\"\\", "b"]), None), restriction(None, Some(&[]))],
        },
    ];
    for (n, grant) in grants.into_iter().enumerate() {
        let (name, token) = (format!("name-{n}"), format!("token-{n}-value"));
        let new = NewEntry { grant: Some(grant.clone()), ..entry(&organization, &name, &token) };
        catalog.create_entry(new).await.unwrap();
        assert_eq!(catalog.credentials().await.unwrap().find(&token).unwrap().grant(), &grant);
        assert_eq!(named(catalog, &name).await.unwrap().grant, grant);
    }
    store.close().await;
}

async fn entries_of_the_file_are_what_it_says(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let file = |tokens: &[(&str, &str)]| -> Vec<NewEntry> {
        tokens.iter().map(|(name, token)| entry(&organization, name, token)).collect()
    };
    catalog.set_file_entries(&file(&[("a", "token-of-a"), (PORTAL_ENTRY, "token-of-portal")])).await.unwrap();
    assert!(is_found(catalog, "token-of-a").await && is_found(catalog, "token-of-portal").await);
    assert_eq!(named(catalog, "a").await.unwrap().origin, Origin::File);
    assert_eq!(named(catalog, PORTAL_ENTRY).await.unwrap().origin, Origin::File);
    let id = catalog.credentials().await.unwrap().find("token-of-a").unwrap().id();

    // Another value, another entry, one less.
    catalog.set_file_entries(&file(&[("a", "new-token-of-a"), ("b", "token-of-b")])).await.unwrap();
    assert!(!is_found(catalog, "token-of-a").await && !is_found(catalog, "token-of-portal").await);
    assert!(is_found(catalog, "token-of-b").await);
    assert_eq!(catalog.credentials().await.unwrap().find("new-token-of-a").unwrap().id(), id);
    let portal = named(catalog, PORTAL_ENTRY).await.unwrap();
    assert_eq!((portal.origin, portal.has_value, portal.grant), (Origin::Catalog, false, Grant::portal()));

    // An entry that is named otherwise keeps its value; an empty file has none.
    catalog.set_file_entries(&file(&[("c", "new-token-of-a")])).await.unwrap();
    assert_eq!(catalog.credentials().await.unwrap().find("new-token-of-a").unwrap().name(), "c");
    catalog.set_file_entries(&[]).await.unwrap();
    let entries = catalog.entries().await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), [PORTAL_ENTRY]);
    store.close().await;
}

async fn entries_of_the_file_may_exchange_their_values(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let file = |a, b| [entry(&organization, "a", a), entry(&organization, "b", b)];
    catalog.set_file_entries(&file("token-one", "token-two")).await.unwrap();
    catalog.set_file_entries(&file("token-two", "token-one")).await.unwrap();
    let credentials = catalog.credentials().await.unwrap();
    assert_eq!(credentials.find("token-one").unwrap().name(), "b");
    assert_eq!(credentials.find("token-two").unwrap().name(), "a");

    let error = catalog.set_file_entries(&file("token-one", "token-one")).await.unwrap_err();
    assert_eq!(error.to_string(), "another token has this value");
    assert_eq!(catalog.credentials().await.unwrap().find("token-two").unwrap().name(), "a", "nothing was changed");
    store.close().await;
}

async fn entries_of_the_file_are_read_only_to_commands(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    catalog.set_file_entries(&[entry(&organization, "a", "token-of-a")]).await.unwrap();
    let words = r#"the token "a" comes from the server's configuration; change it there"#;
    let create = catalog.create_entry(entry(&organization, "a", "another-token")).await.unwrap_err();
    let revoke = catalog.revoke_entry(&organization, "a").await.unwrap_err();
    assert_eq!((create.to_string().as_str(), revoke.to_string().as_str()), (words, words));
    assert!(is_found(catalog, "token-of-a").await);
    store.close().await;
}

async fn an_entry_of_the_file_does_not_replace_one_of_a_command(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    catalog.create_entry(entry(&organization, "a", "token-of-a")).await.unwrap();
    let other = entry(&organization, "b", "token-of-b");
    let error = catalog.set_file_entries(&[other, entry(&organization, "a", "another-token")]).await.unwrap_err();
    let words = "the token \"a\" was given a value by `trailbook token create`; revoke it or name this entry otherwise";
    assert_eq!(error.to_string(), words);
    assert!(is_found(catalog, "token-of-a").await);
    assert!(!is_found(catalog, "token-of-b").await, "nothing was changed");
    store.close().await;
}

async fn every_change_has_a_new_version_and_a_refused_one_has_not(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let mut version = catalog.credentials_version().await.unwrap();
    assert_eq!(catalog.credentials().await.unwrap().version(), version);
    catalog.create_entry(entry(&organization, "a", "token-of-a")).await.unwrap();
    for step in ["after create", "after revoke", "after the file"] {
        let next = catalog.credentials_version().await.unwrap();
        assert!(next > version, "{step}");
        version = next;
        match step {
            "after create" => catalog.revoke_entry(&organization, "a").await.unwrap(),
            "after revoke" => catalog.set_file_entries(&[]).await.unwrap(),
            _ => {}
        }
    }
    assert!(catalog.revoke_entry(&organization, "a").await.is_err());
    assert_eq!(catalog.credentials_version().await.unwrap(), version);
    store.close().await;
}

async fn a_token_made_beside_a_running_server_is_found(database: &Database) {
    let store = database.open().await;
    let version = store.catalog().credentials_version().await.unwrap();
    let beside = Catalog::open(database.dir(), database.url().as_deref(), Clock::system()).await.unwrap();
    let (organization, is_new) = beside.organization_or_new("acme").await.unwrap();
    assert!(is_new);
    beside.create_entry(entry(&organization, "ci", "token-of-ci")).await.unwrap();
    assert!(store.catalog().credentials_version().await.unwrap() > version);
    let found = store.catalog().credentials().await.unwrap().find("token-of-ci").unwrap();
    assert_eq!(found.organization().name(), "acme");
    store.catalog().ping().await.unwrap();
    store.close().await;
}

async fn names_of_tokens_have_a_greatest_length(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let longest = "n".repeat(NAME_CHARS_MAX);
    catalog.create_entry(entry(&organization, &longest, "token-of-a")).await.unwrap();
    for refused in [format!("{longest}n"), String::new(), "a b".to_owned()] {
        assert!(catalog.create_entry(entry(&organization, &refused, "token-of-b")).await.is_err(), "{refused}");
        assert!(catalog.set_file_entries(&[entry(&organization, &refused, "token-of-b")]).await.is_err());
    }
    assert!(catalog.create_entry(entry(&organization, "short", "short")).await.is_err());
    store.close().await;
}

#[test]
fn a_token_has_a_least_and_a_greatest_length() {
    let words = |token: &str| check_token(token).unwrap_err();
    assert_eq!(check_token("12345678"), Ok(()));
    assert_eq!(words("1234567"), "Illegal token, must be at least 8 characters length");
    assert_eq!(check_token(&"x".repeat(TOKEN_BYTES_MAX)), Ok(()));
    assert_eq!(words(&"x".repeat(TOKEN_BYTES_MAX + 1)), "Illegal token, must be at most 1024 bytes");
    for spaced in ["", "1234 5678", "12345678\n"] {
        assert_eq!(words(spaced), "Illegal token, must be a set of non-space characters");
    }
    for unheard in ["1234567ü", "1234567\u{7f}"] {
        assert_eq!(words(unheard), "Illegal token, must be ASCII characters that a header can carry");
    }
    assert_eq!(check_token(&new_token().unwrap()), Ok(()));
    assert_ne!(new_token().unwrap(), new_token().unwrap());
}

async fn a_credential_is_found_by_its_number_and_its_key_is_that_of_its_value(database: &Database) {
    let store = database.open().await;
    let (catalog, organization) = (store.catalog(), first(&store).await);
    let secret = catalog.secret("test").await.unwrap();
    let value = async |token: &str| {
        catalog.create_entry(NewEntry { grant: None, ..entry(&organization, PORTAL_ENTRY, token) }).await.unwrap();
        catalog.credentials().await.unwrap().find(token).unwrap()
    };
    let credential = value("first-value").await;
    let all = catalog.credentials().await.unwrap();
    assert_eq!(all.by_id(credential.id()), Some(Arc::clone(&credential)));
    assert_eq!(credential.key(&secret), all.by_id(credential.id()).unwrap().key(&secret));
    assert_ne!(credential.key(&secret), credential.key(&[0; 32]));

    catalog.revoke_entry(&organization, PORTAL_ENTRY).await.unwrap();
    assert!(catalog.credentials().await.unwrap().by_id(credential.id()).is_none());
    let again = value("other-value").await;
    assert_eq!(again.id(), credential.id(), "the entry stayed");
    assert_ne!(again.key(&secret), credential.key(&secret));
}
