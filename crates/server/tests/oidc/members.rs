//! Who people are here whom a provider vouches for: members made and found, their groups, and their organization.

use serde_json::json;
use trailbook_store::members::{MemberChange, NewMember, Provided};
use trailbook_store::{DEFAULT_ORGANIZATION, Organization};

use super::hostile::Hostile;
use super::provider::setting;
use super::{create_groups, member, serve};
use crate::browser::{Browser, notice};
use crate::harness::{PUBLIC_URL, Server, run};

const JANE: &str = "jane@acme.example";

async fn organization(server: &Server, name: &str) -> Organization {
    server.catalog().await.organization_or_new(name).await.unwrap().0
}

/// Makes a member who was invited.
async fn invited(server: &Server, email: &str) {
    let own = organization(server, DEFAULT_ORGANIZATION).await;
    let new = NewMember {
        email: email.to_owned(),
        name: "Jane".to_owned(),
        password: Some("$argon2id$none".to_owned()),
        provided: None,
        roles: Vec::new(),
        groups: Vec::new(),
    };
    server.catalog().await.create_member(&own, &new).await.unwrap();
}

#[test]
fn a_member_is_made_once_and_holds_the_role_member() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        for _ in 0..2 {
            assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302, "{}", server.reason().await);
        }
        let credentials = server.catalog().await.credentials().await.unwrap();
        let own = organization(&server, DEFAULT_ORGANIZATION).await;
        let members = credentials.directory().members(&own);
        assert_eq!(members.len(), 1);
        let roles = credentials.directory().roles_of(members[0].id);
        assert_eq!(roles.iter().map(|role| role.handle.as_str()).collect::<Vec<_>>(), ["member"]);
        let made = server.list("source=trailbook&action=user.created").await;
        assert_eq!((&made["total"], &made["data"][0]["actor"]["email"]), (&json!(1), &json!(JANE)));
        let signed_in = server.list("source=trailbook&action=user.login&outcome=succeeded").await;
        assert_eq!((&signed_in["total"], &signed_in["data"][0]["meta"]["method"]), (&json!(2), &json!("provider")));
    });
}

#[test]
fn groups_of_the_provider_come_and_go_and_those_given_by_hand_stay() {
    run(async {
        let hostile = Hostile::start().await;
        let groups = "groups = { a = 'auditors', b = 'builders' }";
        let server = serve(&setting("hostile", &hostile.issuer, groups)).await;
        create_groups(&server, &["auditors", "builders", "by-hand"]).await;
        hostile.lie(|said| said.claims["groups"] = json!(["a", "b", "of nobody"]));
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302);
        let (jane, groups) = member(&server, JANE).await;
        assert_eq!(groups, ["auditors", "builders"]);
        let (catalog, own) = (server.catalog().await, organization(&server, DEFAULT_ORGANIZATION).await);
        for handle in ["by-hand", "builders"] {
            let credentials = catalog.credentials().await.unwrap();
            let group = credentials.directory().group(&own, handle).unwrap().id;
            catalog.set_group_member(&own, group, jane.id, true).await.unwrap();
        }
        hostile.lie(|said| said.claims["groups"] = json!([]));
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302);
        assert_eq!(member(&server, JANE).await.1, ["builders", "by-hand"]);
        hostile.lie(|said| said.claims["groups"] = json!("a"));
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302);
        assert_eq!(member(&server, JANE).await.1, ["auditors", "builders", "by-hand"]);
    });
}

#[test]
fn a_member_is_linked_by_address_once_and_then_known_by_subject() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        invited(&server, JANE).await;
        let before = member(&server, JANE).await.0;
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302, "{}", server.reason().await);
        let linked = member(&server, JANE).await.0;
        let provided = Provided { issuer: hostile.issuer.clone(), subject: "jane".to_owned() };
        assert_eq!((linked.id, linked.provided), (before.id, Some(provided)));
        // The address is another by now; it is the same person.
        hostile.lie(|said| said.claims["email"] = json!("jane.doe@acme.example"));
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302);
        let credentials = server.catalog().await.credentials().await.unwrap();
        let own = organization(&server, DEFAULT_ORGANIZATION).await;
        assert_eq!(credentials.directory().members(&own).len(), 1);
        // Somebody else got the address.
        hostile.lie(|said| said.claims["sub"] = json!("another-jane"));
        let answer = Browser::of(&server).sign_in("hostile", "").await;
        assert_eq!((answer.status, server.reason().await.contains("of another of the provider")), (403, true));
    });
}

#[test]
fn a_suspended_member_is_not_signed_in() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        let mut browser = Browser::of(&server);
        assert_eq!(browser.sign_in("hostile", "").await.status, 302);
        let home = format!("{PUBLIC_URL}/account");
        assert_eq!(browser.visit(&home).await.status, 200);
        let (catalog, own) = (server.catalog().await, organization(&server, DEFAULT_ORGANIZATION).await);
        let change = MemberChange { is_suspended: Some(true), ..MemberChange::default() };
        catalog.change_member(&own, member(&server, JANE).await.0.id, &change).await.unwrap();
        assert_eq!(browser.visit(&home).await.status, 303, "the session has ended");
        let answer = browser.sign_in("hostile", "").await;
        assert_eq!(answer.status, 403);
        assert!(server.reason().await.contains("suspended"));
        assert!(!notice(&answer).contains("suspended"), "strangers are not told");
    });
}

#[test]
fn an_organization_may_demand_its_provider() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "required = true")).await;
        let page = Browser::of(&server).visit(&format!("{PUBLIC_URL}/sign-in")).await.text();
        assert!(!page.contains("type=\"password\"") && page.contains("action=\"/sign-in/hostile\""), "{page}");
        let mut browser = Browser::of(&server);
        let typed = [("organization", "default"), ("email", JANE), ("password", "whatever it is")];
        // The token of the form is the same for all forms of the page.
        let csrf = page_csrf(&browser.visit(&format!("{PUBLIC_URL}/sign-in")).await.text());
        let mut fields: Vec<_> = typed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        fields.push(("csrf".to_owned(), csrf));
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!((answer.status, notice(&answer).contains("identity provider")), (403, true), "{}", answer.text());
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}/account")).await.status, 303);
        assert_eq!(browser.sign_in("hostile", "").await.status, 302);
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}/account")).await.status, 200);
    });
}

fn page_csrf(page: &str) -> String {
    page.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
}

#[test]
fn a_provider_lets_nobody_into_another_organization() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "organization = 'acme'\nrequired = true")).await;
        invited(&server, JANE).await;
        let page = Browser::of(&server).visit(&format!("{PUBLIC_URL}/sign-in")).await.text();
        assert!(!page.contains("/sign-in/hostile") && page.contains("type=\"password\""), "{page}");
        let mut browser = Browser::of(&server);
        assert_eq!(browser.sign_in("hostile", "").await.status, 302);
        let home = browser.visit(&format!("{PUBLIC_URL}/account")).await.text();
        assert!(home.contains("<bdi>acme</bdi>") && !home.contains("<bdi>default</bdi>"), "{home}");
        assert_eq!(member(&server, JANE).await.0.provided, None, "the other Jane is as she was");
        let total = server.list("source=trailbook&action=user.login").await["total"].clone();
        assert_eq!(total, 0, "and her organization's log says nothing");
    });
}

#[test]
fn a_form_leads_to_the_provider_over_a_page_of_its_own() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "required = true")).await;
        let mut browser = Browser::of(&server);
        let page = browser.fill("/sign-in?next=%2Fapi%2Fdocs", &[]).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("http-equiv=\"refresh\""), "{}", page.text());
        let there = page.text().split_once("<a class=\"button button-primary\" href=\"").unwrap().1.to_owned();
        let there = there.split_once('"').unwrap().0.replace("&#38;", "&").replace("&amp;", "&");
        let back = browser.sign_in_there(there.parse().unwrap(), "").await;
        let answer = browser.visit(back.as_str()).await;
        assert_eq!((answer.status, answer.header("location")), (302, "/api/docs"));
        // Without the token of a page nobody is sent away.
        let forged = browser.post("/sign-in/hostile", &[("next".to_owned(), "/".to_owned())]).await;
        assert_eq!(forged.status, 403);
    });
}

#[test]
fn whom_one_provider_knows_another_does_not_get() {
    run(async {
        let (first, second) = (Hostile::start().await, Hostile::start().await);
        let providers = [setting("first", &first.issuer, ""), setting("second", &second.issuer, "")];
        first.lie(|said| said.claims["aud"] = json!("trailbook-first"));
        second.lie(|said| said.claims["aud"] = json!("trailbook-second"));
        let server = serve(&providers.concat()).await;
        assert_eq!(Browser::of(&server).sign_in("first", "").await.status, 302, "{}", server.reason().await);
        let jane = member(&server, JANE).await.0;
        // The other one says the same subject and the same address.
        let answer = Browser::of(&server).sign_in("second", "").await;
        assert_eq!((answer.status, server.reason().await.contains("of another of the provider")), (403, true));
        assert_eq!(member(&server, JANE).await.0.provided, jane.provided);
        assert_eq!(Browser::of(&server).sign_in("first", "").await.status, 302);
    });
}
