//! Organizations: each has its own log.

use std::sync::Arc;

use trailbook_event::limits::NAME_CHARS_MAX;

use crate::database::Database;
use crate::writes::{Sender, assert_dense, events};

on_both!(
    each_organization_has_its_own_log,
    an_organization_is_made_once,
    a_name_has_a_greatest_length_and_no_white_space,
    an_organization_has_a_uuid_for_ever,
    a_key_of_the_server_is_made_once,
);

async fn each_organization_has_its_own_log(database: &Database) {
    let store = Arc::new(database.open().await);
    let default = Sender::of(&store, "default").await;
    let acme = Sender::of(&store, "acme").await;
    let (a, b) = tokio::join!(default.send(events(&["a", "b"])), acme.send(events(&["c"])));
    assert_eq!((a.unwrap().sequences, b.unwrap().sequences), (vec![0, 1], vec![0]));
    assert_eq!(acme.send(events(&["d"])).await.unwrap().sequences, [1]);
    let (found, of_acme) = (default.found(), acme.found());
    assert_dense(&found);
    assert_dense(&of_acme);
    assert!(of_acme[0].canonical.contains(r#""action":"c""#));
    store.close().await;

    let again = default.at(database.open().await);
    assert_eq!(again.found(), found);
    assert_eq!(Sender { store: Arc::clone(&again.store), credential: acme.credential }.found(), of_acme);
    again.close().await;
}

async fn an_organization_is_made_once(database: &Database) {
    let store = Arc::new(database.open().await);
    let make = |_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.catalog().organization_or_new("acme").await.unwrap() })
    };
    let mut made = 0;
    for task in (0..8).map(make).collect::<Vec<_>>() {
        let (organization, is_new) = task.await.unwrap();
        assert_eq!(organization.name(), "acme");
        made += u32::from(is_new);
    }
    assert_eq!(made, 1);
    let names: Vec<String> =
        store.catalog().organizations().await.unwrap().iter().map(|o| o.name().to_owned()).collect();
    assert_eq!(names, ["default", "acme"]);
    store.close().await;
}

async fn a_name_has_a_greatest_length_and_no_white_space(database: &Database) {
    let store = database.open().await;
    let name = "ü".repeat(NAME_CHARS_MAX);
    assert!(store.catalog().organization_or_new(&name).await.unwrap().1);
    for refused in [format!("{name}x"), String::new(), "a b".to_owned(), "a\u{7}".to_owned()] {
        let error = store.catalog().organization_or_new(&refused).await.unwrap_err();
        let words = "the name of the organization must have 1 to 128 characters, none of them white space";
        assert_eq!(error.to_string(), words);
    }
    store.close().await;
}

async fn an_organization_has_a_uuid_for_ever(database: &Database) {
    let store = database.open().await;
    let (acme, _) = store.catalog().organization_or_new("acme").await.unwrap();
    let (other, _) = store.catalog().organization_or_new("other").await.unwrap();
    assert_eq!(acme.uuid().get_version_num(), 4);
    assert_ne!(acme.uuid(), other.uuid());
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.catalog().organization_or_new("acme").await.unwrap().0.uuid(), acme.uuid());
    store.close().await;
}

async fn a_key_of_the_server_is_made_once(database: &Database) {
    let store = database.open().await;
    let key = store.catalog().secret("links").await.unwrap();
    assert_ne!(store.catalog().secret("sessions").await.unwrap(), key);
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.catalog().secret("links").await.unwrap(), key);
    store.close().await;
}
