//! The last admin, who stays; and that servers learn of every change.

use trailbook_store::Error;
use trailbook_store::members::{ADMIN, Holder, MemberChange, NewMember, Provided};

use crate::database::Database;
use crate::members::{Known, first, role, somebody};

on_both!(
    the_last_admin_stays_whatever_is_tried,
    an_admin_who_cannot_sign_in_does_not_count,
    every_change_has_a_new_version,
);

async fn the_last_admin_stays_whatever_is_tried(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let known = Known::of(catalog, &own);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let group = known.new_group("admins").await;
    // Nobody is an admin yet, so nothing is in the way.
    catalog.set_group_member(&own, group.id, jane.id, true).await.unwrap();
    known.hold(ADMIN, Holder::Group(group.id), true).await.unwrap();
    let suspended = MemberChange { is_suspended: Some(true), ..MemberChange::default() };
    for _ in 0..2 {
        let tried = [
            known.hold(ADMIN, Holder::Group(group.id), false).await,
            catalog.set_group_member(&own, group.id, jane.id, false).await,
            catalog.remove_group(&own, "admins").await,
            catalog.change_member(&own, jane.id, &suspended).await,
            catalog.remove_member(&own, jane.id).await,
        ];
        for one in tried {
            let error = one.unwrap_err();
            assert!(matches!(error, Error::LastAdmin), "{error}");
        }
        assert_eq!(known.roles_of(&jane).await, [ADMIN], "nothing was done");
    }
    // Held by the member, the same.
    known.hold(ADMIN, Holder::Member(jane.id), true).await.unwrap();
    catalog.remove_group(&own, "admins").await.unwrap();
    assert!(matches!(known.hold(ADMIN, Holder::Member(jane.id), false).await, Err(Error::LastAdmin)));
    assert!(matches!(catalog.remove_member(&own, jane.id).await, Err(Error::LastAdmin)));
    // Groups that a provider gave and takes away.
    let second = known.new_group("provided").await;
    known.hold(ADMIN, Holder::Group(second.id), true).await.unwrap();
    catalog.set_provided_groups(&own, jane.id, &[second.id]).await.unwrap();
    known.hold(ADMIN, Holder::Member(jane.id), false).await.unwrap();
    assert!(matches!(catalog.set_provided_groups(&own, jane.id, &[]).await, Err(Error::LastAdmin)));
    // With a second admin each of them is let go.
    let joe = catalog.create_member(&own, &somebody("joe@acme.example")).await.unwrap();
    known.hold(ADMIN, Holder::Member(joe.id), true).await.unwrap();
    catalog.set_provided_groups(&own, jane.id, &[]).await.unwrap();
    assert!(matches!(catalog.change_member(&own, joe.id, &suspended).await, Err(Error::LastAdmin)));
    store.close().await;
}

async fn an_admin_who_cannot_sign_in_does_not_count(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let known = Known::of(catalog, &own);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    let roles = vec![known.role(ADMIN).await.id];
    let jane = catalog.create_member(&own, &NewMember { roles: roles.clone(), ..somebody("jane@a.example") }).await;
    let jane = jane.unwrap();
    let new = |email: &str| NewMember { roles: roles.clone(), ..somebody(email) };
    let without = NewMember { password: None, ..new("without@a.example") };
    catalog.create_member(&own, &without).await.unwrap();
    let joe = catalog.create_member(&own, &new("joe@a.example")).await.unwrap();
    let suspended = |is| MemberChange { is_suspended: Some(is), ..MemberChange::default() };
    catalog.change_member(&own, joe.id, &suspended(true)).await.unwrap();
    let of_acme = Known::of(catalog, &acme).role(ADMIN).await.id;
    catalog.create_member(&acme, &NewMember { roles: vec![of_acme], ..somebody("ann@a.example") }).await.unwrap();
    let last = || catalog.remove_member(&own, jane.id);
    assert!(matches!(last().await, Err(Error::LastAdmin)), "no password, suspended, elsewhere: none of them counts");
    catalog.change_member(&own, joe.id, &suspended(false)).await.unwrap();
    last().await.unwrap();
    let provided = Some(Provided { issuer: "https://a.example".to_owned(), subject: "7".to_owned() });
    let through = NewMember { password: None, provided, ..new("through@a.example") };
    catalog.create_member(&own, &through).await.unwrap();
    catalog.remove_member(&own, joe.id).await.expect("one who signs in through a provider counts");
    store.close().await;
}

async fn every_change_has_a_new_version(database: &Database) {
    let store = database.open().await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let known = Known::of(catalog, &own);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    let group = known.new_group("a").await;
    let mut before = catalog.credentials_version().await.unwrap();
    let change = MemberChange { name: Some("J".to_owned()), ..MemberChange::default() };
    for step in 0..7 {
        match step {
            0 => catalog.change_member(&own, jane.id, &change).await.unwrap(),
            1 => catalog.set_group_member(&own, group.id, jane.id, true).await.unwrap(),
            2 => catalog.set_provided_groups(&own, jane.id, &[]).await.unwrap(),
            3 => catalog.create_role(&own, &role("r", &[])).await.unwrap(),
            4 => known.hold("r", Holder::Group(group.id), true).await.unwrap(),
            5 => catalog.remove_group(&own, "a").await.unwrap(),
            _ => catalog.remove_member(&own, jane.id).await.unwrap(),
        }
        let after = catalog.credentials_version().await.unwrap();
        assert!(after > before, "{step}");
        before = after;
    }
    assert!(catalog.remove_group(&own, "a").await.is_err());
    assert_eq!(catalog.credentials_version().await.unwrap(), before, "a refused change is none");
    store.close().await;
}
