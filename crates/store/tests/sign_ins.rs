//! What lets members in: invitations, sessions, and tokens of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use trailbook_event::limits::{INVITATIONS_OPEN_MAX, SESSIONS_OF_MEMBER_MAX, TOKENS_OF_MEMBER_MAX};
use trailbook_store::credential::{Kind, Permission};
use trailbook_store::members::{
    AUDITOR, InvitationKind, Member, MemberChange, MemberId, NewInvitation, NewSession, SignInMethod,
};
use trailbook_store::{Clock, Error, Organization, Store};

use crate::database::Database;
use crate::members::{Known, first, somebody};

on_both!(
    an_invitation_is_accepted_once_and_gives_what_it_names,
    an_invitation_is_accepted_once_among_concurrent_calls,
    an_invitation_ends_by_the_clock_is_revoked_and_renewed,
    a_new_invitation_takes_the_place_of_the_one_before,
    the_first_admin_is_one,
    a_link_gives_a_new_password_to_its_member,
    an_organization_has_so_many_open_invitations,
    a_session_is_found_until_it_is_ended,
    sessions_end_with_what_they_stand_on,
    a_member_has_so_many_sessions,
    a_token_of_a_member_is_found_until_it_is_revoked,
    a_member_has_so_many_tokens,
);

/// A store with a clock that a test moves.
async fn with_clock(database: &Database) -> (Store, Arc<AtomicI64>) {
    let now_ms = Arc::new(AtomicI64::new(1_000));
    let read = Arc::clone(&now_ms);
    (database.open_at(Clock::from_fn(move || read.load(Ordering::Relaxed))).await, now_ms)
}

fn invitation(token: &str, email: Option<&str>) -> NewInvitation {
    NewInvitation {
        kind: InvitationKind::Join,
        token: token.to_owned(),
        email: email.map(str::to_owned),
        member: None,
        roles: vec![AUDITOR.to_owned(), "gone".to_owned()],
        groups: vec!["builders".to_owned(), "gone".to_owned()],
        invited_by: "ann".to_owned(),
        lasts_ms: 100,
    }
}

/// Accepts the invitation of a link as somebody of this address.
async fn accept(store: &Store, token: &str, email: &str) -> Result<Option<Member>, Error> {
    let (found, own) = store.catalog().invitation_of(token).await.unwrap().expect("there is such an invitation");
    store.catalog().accept_invitation((&found, &own), token, somebody(email)).await
}

async fn an_invitation_is_accepted_once_and_gives_what_it_names(database: &Database) {
    let (store, _) = with_clock(database).await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    catalog.create_group(&own, "builders", ("Builders", "")).await.unwrap();
    let made = catalog.create_invitation(&own, &invitation("link-1", Some("jane@acme.example"))).await.unwrap();
    let (found, organization) = catalog.invitation_of("link-1").await.unwrap().unwrap();
    assert_eq!((&found, &organization), (&made, &own));
    assert!(found.is_open(1_000) && found.is_of(&own));
    assert!(catalog.invitation_of("link-2").await.unwrap().is_none());
    catalog.note_mail(made.id, "sent").await.unwrap();
    let jane = accept(&store, "link-1", "jane@acme.example").await.unwrap().unwrap();
    assert_eq!(Known::of(catalog, &own).roles_of(&jane).await, [AUDITOR]);
    let credentials = catalog.credentials().await.unwrap();
    assert_eq!(credentials.directory().groups_of(jane.id)[0].handle, "builders");
    assert_eq!(credentials.by_id(jane.credential).unwrap().kind(), Kind::Member(jane.id));
    assert!(accept(&store, "link-1", "joe@acme.example").await.unwrap().is_none());
    let all = catalog.invitations(&own).await.unwrap();
    assert_eq!((all.len(), all[0].accepted_ms, all[0].mail.as_deref()), (1, Some(1_000), Some("sent")));
    assert!(!all[0].is_open(1_000));
    assert!(!catalog.revoke_invitation(made.id).await.unwrap(), "too late");
    assert!(!catalog.renew_invitation(made.id, "link-3", 100).await.unwrap());
    // Where no member can be made the invitation stays.
    catalog.create_invitation(&own, &invitation("link-4", Some("jane@acme.example"))).await.unwrap();
    assert!(matches!(accept(&store, "link-4", "jane@acme.example").await, Err(Error::Taken(_))));
    assert!(accept(&store, "link-4", "jane2@acme.example").await.unwrap().is_some());
    store.close().await;
}

async fn an_invitation_is_accepted_once_among_concurrent_calls(database: &Database) {
    let store = Arc::new(database.open().await);
    let own = first(&store).await;
    let new = NewInvitation { lasts_ms: 1_000_000, ..invitation("link", None) };
    store.catalog().create_invitation(&own, &new).await.unwrap();
    let one = |n: usize| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { accept(&store, "link", &format!("jane{n}@acme.example")).await.unwrap().is_some() })
    };
    let mut accepted = 0;
    for task in (0..8).map(one).collect::<Vec<_>>() {
        accepted += u32::from(task.await.unwrap());
    }
    assert_eq!(accepted, 1);
    assert_eq!(store.catalog().credentials().await.unwrap().directory().members(&own).len(), 1);
    store.close().await;
}

async fn an_invitation_ends_by_the_clock_is_revoked_and_renewed(database: &Database) {
    let (store, now_ms) = with_clock(database).await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let made = catalog.create_invitation(&own, &invitation("link-1", Some("a@acme.example"))).await.unwrap();
    assert_eq!(made.expires_ms, 1_100);
    now_ms.store(1_100, Ordering::Relaxed);
    assert!(!made.is_open(1_100) && made.is_open(1_099));
    assert!(accept(&store, "link-1", "a@acme.example").await.unwrap().is_none(), "its time is over");
    assert!(catalog.renew_invitation(made.id, "link-2", 100).await.unwrap());
    assert!(catalog.invitation_of("link-1").await.unwrap().is_none(), "the old link is good for nothing");
    now_ms.store(1_199, Ordering::Relaxed);
    assert!(accept(&store, "link-2", "a@acme.example").await.unwrap().is_some());

    let made = catalog.create_invitation(&own, &invitation("link-3", Some("b@acme.example"))).await.unwrap();
    assert!(catalog.revoke_invitation(made.id).await.unwrap());
    assert!(!catalog.revoke_invitation(made.id).await.unwrap());
    assert!(accept(&store, "link-3", "b@acme.example").await.unwrap().is_none());
    // A link that was exchanged between finding and accepting.
    let made = catalog.create_invitation(&own, &invitation("link-4", Some("c@acme.example"))).await.unwrap();
    assert!(catalog.renew_invitation(made.id, "link-5", 100).await.unwrap());
    let old = catalog.accept_invitation((&made, &own), "link-4", somebody("c@acme.example")).await.unwrap();
    assert!(old.is_none());
    store.close().await;
}

async fn a_new_invitation_takes_the_place_of_the_one_before(database: &Database) {
    let (store, _) = with_clock(database).await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let (acme, _) = catalog.organization_or_new("acme").await.unwrap();
    for (organization, token, email) in [
        (&own, "link-1", "jane@acme.example"),
        (&own, "link-2", "joe@acme.example"),
        (&acme, "link-3", "jane@acme.example"),
        (&own, "link-4", "jane@acme.example"),
    ] {
        catalog.create_invitation(organization, &invitation(token, Some(email))).await.unwrap();
    }
    for (token, is_open) in [("link-1", false), ("link-2", true), ("link-3", true), ("link-4", true)] {
        let (found, _) = catalog.invitation_of(token).await.unwrap().unwrap();
        assert_eq!(found.is_open(1_000), is_open, "{token}");
    }
    assert_eq!(catalog.invitations(&acme).await.unwrap().len(), 1);
    store.close().await;
}

async fn the_first_admin_is_one(database: &Database) {
    let (store, _) = with_clock(database).await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let first_admin = |token: &str| NewInvitation { kind: InvitationKind::FirstAdmin, ..invitation(token, None) };
    for token in ["link-1", "link-2"] {
        catalog.create_invitation(&own, &first_admin(token)).await.unwrap();
    }
    assert!(accept(&store, "link-1", "eve@acme.example").await.unwrap().is_none(), "the later link took its place");
    assert!(accept(&store, "link-2", "jane@acme.example").await.unwrap().is_some());
    assert!(accept(&store, "link-2", "eve@acme.example").await.unwrap().is_none(), "too late");
    store.close().await;
}

async fn a_link_gives_a_new_password_to_its_member(database: &Database) {
    let (store, _) = with_clock(database).await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let jane = catalog.create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    begin(&store, jane.id, "session-1").await;
    let kind = InvitationKind::NewPassword;
    let new = |token: &str| NewInvitation { kind, member: Some(jane.id), ..invitation(token, None) };
    catalog.create_invitation(&own, &new("link-1")).await.unwrap();
    let (found, _) = catalog.invitation_of("link-1").await.unwrap().unwrap();
    let mut chosen = somebody("ignored@acme.example");
    chosen.password = Some("$new".to_owned());
    let member = catalog.accept_invitation((&found, &own), "link-1", chosen).await.unwrap().unwrap();
    assert_eq!((member.id, member.email.as_str()), (jane.id, "jane@acme.example"));
    let (_, hash) = catalog.member_of_email(&own, "jane@acme.example").await.unwrap().unwrap();
    assert_eq!(hash.as_deref(), Some("$new"));
    assert!(catalog.session_of("session-1").await.unwrap().is_none(), "they are signed out everywhere");
    assert_eq!(Known::of(catalog, &own).roles_of(&jane).await, Vec::<String>::new(), "and hold what they held");
    // Whoever is gone gets none.
    catalog.create_invitation(&own, &new("link-2")).await.unwrap();
    catalog.remove_member(&own, jane.id).await.unwrap();
    assert!(accept(&store, "link-2", "jane@acme.example").await.unwrap().is_none());
    store.close().await;
}

async fn an_organization_has_so_many_open_invitations(database: &Database) {
    let (store, now_ms) = with_clock(database).await;
    let (catalog, own) = (store.catalog(), first(&store).await);
    let number = database.number("SELECT id FROM organizations WHERE name = 'default'").await;
    let hash = if database.is_postgres() { "CAST(CAST(i AS TEXT) AS BYTEA)" } else { "CAST(i AS BLOB)" };
    // All but one, beside the store: it would take long otherwise.
    let sql = format!(
        "INSERT INTO invitations (id, organization, kind, token_hash, roles, member_groups, invited_by, created_ms, \
         expires_ms) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         SELECT CAST(i AS TEXT), {number}, 'join', {hash}, '[]', '[]', '', 0, 2000 FROM n",
        INVITATIONS_OPEN_MAX - 1
    );
    database.run(&sql).await;
    let new = |token: &str| NewInvitation { lasts_ms: 10_000, ..invitation(token, None) };
    catalog.create_invitation(&own, &new("link-1")).await.unwrap();
    let refused = catalog.create_invitation(&own, &new("link-2")).await.unwrap_err();
    assert!(matches!(&refused, Error::TooMany(_)), "{refused}");
    now_ms.store(2_000, Ordering::Relaxed);
    catalog.create_invitation(&own, &new("link-2")).await.expect("those that are over do not count");
    store.close().await;
}

async fn begin(store: &Store, member: MemberId, token: &str) -> trailbook_store::members::Session {
    let new = NewSession {
        member,
        token: token.to_owned(),
        method: SignInMethod::Password,
        address: "192.0.2.7".to_owned(),
        user_agent: "a browser".to_owned(),
        lasts_ms: 500,
    };
    store.catalog().begin_session(&new).await.unwrap()
}

async fn jane(store: &Store) -> (Organization, Member) {
    let own = first(store).await;
    let member = store.catalog().create_member(&own, &somebody("jane@acme.example")).await.unwrap();
    (own, member)
}

async fn a_session_is_found_until_it_is_ended(database: &Database) {
    let (store, now_ms) = with_clock(database).await;
    let (catalog, (own, jane)) = (store.catalog(), jane(&store).await);
    let joe = catalog.create_member(&own, &somebody("joe@acme.example")).await.unwrap();
    let begun = begin(&store, jane.id, "session-1").await;
    assert_eq!((begun.created_ms, begun.seen_ms, begun.expires_ms), (1_000, 1_000, 1_500));
    assert_eq!(catalog.session_of("session-1").await.unwrap().as_ref(), Some(&begun));
    assert!(catalog.session_of("session-2").await.unwrap().is_none());
    now_ms.store(1_200, Ordering::Relaxed);
    catalog.touch_session(begun.id).await.unwrap();
    let seen = catalog.session_of("session-1").await.unwrap().unwrap();
    assert_eq!((seen.seen_ms, seen.expires_ms), (1_200, 1_500), "its end stays");
    assert!(!catalog.end_session(joe.id, begun.id).await.unwrap(), "nobody ends that of another");
    assert!(catalog.end_session(jane.id, begun.id).await.unwrap());
    assert!(!catalog.end_session(jane.id, begun.id).await.unwrap());
    assert!(catalog.session_of("session-1").await.unwrap().is_none());
    let kept = begin(&store, jane.id, "session-2").await;
    begin(&store, jane.id, "session-3").await;
    begin(&store, joe.id, "session-4").await;
    assert_eq!(catalog.end_sessions(jane.id, Some(kept.id)).await.unwrap(), 1);
    assert_eq!(catalog.sessions(&jane).await.unwrap(), [kept]);
    assert_eq!(catalog.end_sessions(jane.id, None).await.unwrap(), 1);
    assert_eq!(catalog.sessions(&joe).await.unwrap().len(), 1);
    store.close().await;
}

async fn sessions_end_with_what_they_stand_on(database: &Database) {
    let (store, _) = with_clock(database).await;
    let (catalog, (own, jane)) = (store.catalog(), jane(&store).await);
    let name = MemberChange { name: Some("J".to_owned()), ..MemberChange::default() };
    let password = MemberChange { password: Some("$new".to_owned()), ..MemberChange::default() };
    let suspended = |is| MemberChange { is_suspended: Some(is), ..MemberChange::default() };
    let changes = [(name, true), (password, false), (suspended(true), false), (suspended(false), true)];
    for (at, (change, is_kept)) in changes.into_iter().enumerate() {
        let token = format!("session-{at}");
        begin(&store, jane.id, &token).await;
        catalog.change_member(&own, jane.id, &change).await.unwrap();
        assert_eq!(catalog.session_of(&token).await.unwrap().is_some(), is_kept, "{at}");
    }
    begin(&store, jane.id, "the-last").await;
    catalog.remove_member(&own, jane.id).await.unwrap();
    assert!(catalog.session_of("the-last").await.unwrap().is_none());
    store.close().await;
}

async fn a_member_has_so_many_sessions(database: &Database) {
    let (store, now_ms) = with_clock(database).await;
    let (catalog, (own, jane)) = (store.catalog(), jane(&store).await);
    let joe = catalog.create_member(&own, &somebody("joe@acme.example")).await.unwrap();
    begin(&store, joe.id, "of-joe").await;
    for n in 0..SESSIONS_OF_MEMBER_MAX {
        now_ms.fetch_add(1, Ordering::Relaxed);
        begin(&store, jane.id, &format!("session-{n}")).await;
    }
    assert_eq!(catalog.sessions(&jane).await.unwrap().len() as u64, SESSIONS_OF_MEMBER_MAX);
    now_ms.fetch_add(1, Ordering::Relaxed);
    begin(&store, jane.id, "one-more").await;
    assert_eq!(catalog.sessions(&jane).await.unwrap().len() as u64, SESSIONS_OF_MEMBER_MAX);
    for (token, is_there) in [("session-0", false), ("session-1", true), ("one-more", true), ("of-joe", true)] {
        assert_eq!(catalog.session_of(token).await.unwrap().is_some(), is_there, "{token}");
    }
    // Those that are over go first.
    now_ms.fetch_add(10_000, Ordering::Relaxed);
    begin(&store, jane.id, "the-next").await;
    assert_eq!(catalog.sessions(&jane).await.unwrap().len(), 1);
    store.close().await;
}

async fn a_token_of_a_member_is_found_until_it_is_revoked(database: &Database) {
    let (store, _) = with_clock(database).await;
    let (catalog, (own, jane)) = (store.catalog(), jane(&store).await);
    let joe = catalog.create_member(&own, &somebody("joe@acme.example")).await.unwrap();
    let scopes = vec![Permission::EventsRead];
    let make = |member: &Member, name: &str, token: &str| {
        let (member, name, token) = (member.clone(), name.to_owned(), token.to_owned());
        let (own, scopes) = (own.clone(), scopes.clone());
        async move { catalog.create_personal_token(&own, &member, (&name, &token), (scopes, Some(5_000))).await }
    };
    let made = make(&jane, "laptop", "token-of-jane").await.unwrap();
    assert_eq!((made.name.as_str(), &made.scopes, made.expires_ms), ("laptop", &scopes, Some(5_000)));
    assert!(matches!(make(&jane, "laptop", "another-token").await, Err(Error::Taken(_))), "her names are hers");
    make(&joe, "laptop", "token-of-joe").await.unwrap();
    assert!(make(&joe, "other", "token-of-jane").await.is_err(), "a value is one's");
    let credentials = catalog.credentials().await.unwrap();
    let found = credentials.find("token-of-jane").unwrap();
    assert_eq!((found.kind(), found.uuid(), found.expires_ms()), (Kind::Personal(jane.id), made.uuid, Some(5_000)));
    assert_eq!(credentials.member_of(&found).unwrap().id, jane.id);
    catalog.note_used(&[(found.id(), 4_000)]).await.unwrap();
    assert_eq!(catalog.personal_tokens(&jane).await.unwrap()[0].used_ms, Some(4_000));
    assert!(
        catalog.entries().await.unwrap().iter().all(|entry| entry.name != "laptop"),
        "they are not listed with others"
    );
    assert!(!catalog.revoke_personal_token(&joe, made.uuid).await.unwrap(), "nobody revokes that of another");
    assert!(catalog.revoke_personal_token(&jane, made.uuid).await.unwrap());
    assert!(!catalog.revoke_personal_token(&jane, made.uuid).await.unwrap());
    assert!(catalog.credentials().await.unwrap().find("token-of-jane").is_none());
    catalog.remove_member(&own, joe.id).await.unwrap();
    assert!(catalog.credentials().await.unwrap().find("token-of-joe").is_none(), "they go with their owner");
    store.close().await;
}

async fn a_member_has_so_many_tokens(database: &Database) {
    let store = database.open().await;
    let (catalog, (own, jane)) = (store.catalog(), jane(&store).await);
    let make = async |n: u64| {
        let (name, token) = (format!("n{n}"), format!("token-number-{n}"));
        catalog.create_personal_token(&own, &jane, (&name, &token), (Vec::new(), None)).await
    };
    for n in 0..TOKENS_OF_MEMBER_MAX {
        make(n).await.unwrap();
    }
    assert!(matches!(make(TOKENS_OF_MEMBER_MAX).await, Err(Error::TooMany(_))));
    let first = catalog.personal_tokens(&jane).await.unwrap()[0].uuid;
    assert!(catalog.revoke_personal_token(&jane, first).await.unwrap());
    make(TOKENS_OF_MEMBER_MAX).await.expect("one was revoked");
    store.close().await;
}
