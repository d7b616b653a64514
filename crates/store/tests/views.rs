//! Saved views: whose they are, who sees them, and how many there may be.

use trailbook_event::limits::{NAME_CHARS_MAX, VIEW_QUERY_BYTES_MAX, VIEWS_OF_MEMBER_MAX, VIEWS_SHARED_MAX};
use trailbook_store::members::Member;
use trailbook_store::views::{NewView, View};
use trailbook_store::{Catalog, Error, Organization, new_uuid};

use crate::database::Database;
use crate::members::{first, somebody};

on_both!(
    a_view_is_made_changed_shared_and_removed,
    views_go_with_their_member,
    views_have_limits,
    a_member_and_an_organization_have_so_many_views,
);

fn view(name: &str, is_shared: bool) -> NewView {
    NewView { name: name.to_owned(), query: format!("q={name}"), is_shared }
}

async fn make(catalog: &Catalog, of: (&Organization, &Member), view: &NewView) -> Result<(), Error> {
    let view = View { id: new_uuid().unwrap(), member: of.1.id, view: view.clone(), created_ms: 7 };
    catalog.create_view(of.0, &view).await
}

fn names(views: &[View]) -> Vec<&str> {
    views.iter().map(|one| one.view.name.as_str()).collect()
}

async fn a_view_is_made_changed_shared_and_removed(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let john = catalog.create_member(&own, &somebody("john@acme.example")).await.unwrap();
    for new in [view("b", false), view("C", true), view("a", false)] {
        make(catalog, (&own, &jane), &new).await.unwrap();
    }
    let of_jane = catalog.views(&own, Some(jane.id)).await.unwrap();
    assert_eq!(names(&of_jane), ["C", "a", "b"]);
    assert_eq!((&of_jane[1].view, of_jane[1].member, of_jane[1].created_ms), (&view("a", false), jane.id, 7));
    for member in [Some(john.id), None] {
        assert_eq!(names(&catalog.views(&own, member).await.unwrap()), ["C"]);
    }
    assert!(catalog.views(&acme, Some(jane.id)).await.unwrap().is_empty(), "they are of one organization");

    catalog.change_view(&own, &of_jane[1], &view("d", true)).await.unwrap();
    assert_eq!(names(&catalog.views(&own, None).await.unwrap()), ["C", "d"]);
    // What was found is not so any more.
    for late in [
        catalog.change_view(&own, &of_jane[1], &view("e", false)).await,
        catalog.remove_view(&own, &of_jane[1]).await,
        catalog.remove_view(&acme, &of_jane[0]).await,
        catalog.change_view(&acme, &of_jane[0], &view("e", false)).await,
    ] {
        assert!(matches!(late, Err(Error::Missing(_))), "{late:?}");
    }
    catalog.remove_view(&own, &of_jane[2]).await.unwrap();
    assert_eq!(names(&catalog.views(&own, Some(jane.id)).await.unwrap()), ["C", "d"]);
    store.close().await;
}

async fn views_go_with_their_member(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let john = catalog.create_member(&own, &somebody("john@acme.example")).await.unwrap();
    for member in [&jane, &john] {
        make(catalog, (&own, member), &view(&member.email, true)).await.unwrap();
        make(catalog, (&own, member), &view("private", false)).await.unwrap();
    }
    catalog.remove_member(&own, jane.id).await.unwrap();
    assert_eq!(names(&catalog.views(&own, None).await.unwrap()), ["john@acme.example"]);
    assert_eq!(database.number("SELECT COUNT(*) FROM views").await, 2);
    let late = make(catalog, (&own, &jane), &view("late", false)).await;
    assert!(matches!(late, Err(Error::Missing(_))), "{late:?}");
    store.close().await;
}

async fn views_have_limits(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let of =
        |name: usize, query: usize| NewView { name: "é".repeat(name), query: "q".repeat(query), is_shared: false };
    make(catalog, (&own, &jane), &of(NAME_CHARS_MAX, 0)).await.unwrap();
    make(catalog, (&own, &jane), &of(1, VIEW_QUERY_BYTES_MAX)).await.unwrap();
    let control = NewView { query: "a\nb".to_owned(), ..of(1, 1) };
    for wrong in [of(NAME_CHARS_MAX + 1, 0), of(1, VIEW_QUERY_BYTES_MAX + 1), of(0, 1), control] {
        let refused = make(catalog, (&own, &jane), &wrong).await;
        assert!(matches!(refused, Err(Error::Name(_))), "{refused:?}");
    }
    store.close().await;
}

async fn a_member_and_an_organization_have_so_many_views(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let john = catalog.create_member(&own, &somebody("john@acme.example")).await.unwrap();
    for i in 0..VIEWS_OF_MEMBER_MAX {
        make(catalog, (&own, &jane), &view(&format!("v{i}"), i + 1 < VIEWS_SHARED_MAX)).await.unwrap();
    }
    let one_more = make(catalog, (&own, &jane), &view("one more", false)).await;
    assert!(matches!(one_more, Err(Error::TooMany(_))), "{one_more:?}");
    make(catalog, (&own, &john), &view("the last that is shared", true)).await.unwrap();
    let one_more = make(catalog, (&own, &john), &view("one more", true)).await;
    assert!(matches!(one_more, Err(Error::TooMany(_))), "{one_more:?}");
    make(catalog, (&own, &john), &view("private", false)).await.unwrap();
    let all = catalog.views(&own, Some(john.id)).await.unwrap();
    let private = all.iter().find(|one| !one.view.is_shared).unwrap();
    let shared = catalog.change_view(&own, private, &view("private", true)).await;
    assert!(matches!(shared, Err(Error::TooMany(_))), "{shared:?}");
    let shared = all.iter().find(|one| one.view.is_shared).unwrap();
    catalog.change_view(&own, shared, &view("renamed", true)).await.expect("it is counted already");
    store.close().await;
}
