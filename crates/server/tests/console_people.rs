//! The console's pages of members, invitations, groups and roles: what is done there is done, and what is refused is
//! said there.

mod groups;
mod roles;

use serde_json::{Value, json};
use trailbook_event::limits::PEOPLE_ON_PAGE_MAX;
use trailbook_store::credential::{Permission, new_token};
use trailbook_store::members::{Member, NewMember, NewSession, SignInMethod};

use crate::browser::{Browser, notice};
use crate::harness::{Answer, PASSWORD, PUBLIC_URL, run};
use crate::people::{ACME, GROUPS, INVITATIONS, MEMBERS, People, path, texts};

const ADAM: &str = "adam@acme.example";
const JANE: &str = "jane@acme.example";
const LIST: &str = "/settings/members";
const NEW_INVITATION: &str = "/settings/invitations/new";

/// A browser in which a member of these roles is signed in.
async fn browser_of(people: &People, email: &str, roles: &[&str]) -> Browser {
    people.server.member(ACME, email, roles).await;
    let mut browser = Browser::of(&people.server);
    let typed = [("organization", ACME), ("email", email), ("password", PASSWORD)];
    assert_eq!(browser.fill("/sign-in", &typed).await.status, 303);
    browser
}

/// A page that must be there.
async fn page(browser: &mut Browser, path: &str) -> String {
    let answer = browser.visit(&format!("{PUBLIC_URL}{path}")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// A form that was taken, and leads on to a page that says so.
#[track_caller]
fn assert_done(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, to), "{}", answer.text());
}

/// A form that was not taken, and what its page says of it.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(notice(answer).contains(words), "{}", notice(answer));
}

fn page_of(member: &Member) -> String {
    format!("{LIST}/{}", member.uuid)
}

async fn session(people: &People, member: &Member, user_agent: &str) {
    let new = NewSession {
        member: member.id,
        token: new_token().unwrap(),
        method: SignInMethod::Password,
        address: "203.0.113.7".to_owned(),
        user_agent: user_agent.to_owned(),
        lasts_ms: 60_000,
    };
    people.server.catalog().await.begin_session(&new).await.unwrap();
}

#[test]
fn members_are_listed_and_found() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Audit <Team>"})).await.expect(201);
        let jane = people.member(JANE, &["auditor"]).await;
        let joined = format!("{GROUPS}/audit-team/members/{}", jane.uuid);
        people.put(&people.all, &joined, &Value::Null).await;
        let text = page(&mut browser, LIST).await;
        let links = [page_of(&jane), NEW_INVITATION.to_owned(), "/settings/groups/audit-team".to_owned()];
        for link in links {
            assert!(text.contains(&format!("href=\"{link}\"")), "{link}: {text}");
        }
        for shown in [JANE, "Audit &#60;Team&#62;", "Auditor", "active", "never", "you"] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        let found = page(&mut browser, &format!("{LIST}?q=JANE")).await;
        assert!(found.contains(JANE) && !found.contains(&format!("title=\"{ADAM}\"")), "{found}");
        let nobody = page(&mut browser, &format!("{LIST}?q=%3Cb%3E")).await;
        assert!(nobody.contains("contains “<bdi>&#60;b&#62;</bdi>”"), "{nobody}");
    });
}

#[test]
fn a_long_list_of_members_has_pages() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let catalog = people.server.catalog().await;
        let create = async |number: usize| {
            let new = NewMember {
                email: format!("m{number:03}@acme.example"),
                name: "M".to_owned(),
                password: None,
                provided: None,
                roles: Vec::new(),
                groups: Vec::new(),
            };
            catalog.create_member(&people.organization, &new).await.unwrap();
        };
        for number in 1..PEOPLE_ON_PAGE_MAX {
            create(number).await;
        }
        people.known().await;
        let rows = |text: &str| text.matches("data-label=\"Roles\"").count();
        let text = page(&mut browser, LIST).await;
        assert_eq!((rows(&text), text.contains("aria-label=\"Pages\"")), (PEOPLE_ON_PAGE_MAX, false));
        create(PEOPLE_ON_PAGE_MAX).await;
        people.known().await;
        let text = page(&mut browser, &format!("{LIST}?q=acme")).await;
        assert_eq!(rows(&text), PEOPLE_ON_PAGE_MAX);
        assert!(text.contains("1–100 of 101") && text.contains("?page=2&#38;q=acme\" rel=\"next\""), "{text}");
        let text = page(&mut browser, &format!("{LIST}?page=2&q=acme")).await;
        assert_eq!(rows(&text), 1);
        assert!(
            text.contains("m100@acme.example") && text.contains("101–101 of 101") && !text.contains("rel=\"next\"")
        );
        assert_eq!(rows(&page(&mut browser, &format!("{LIST}?page=999999999999999999999")).await), PEOPLE_ON_PAGE_MAX);
        assert_eq!(rows(&page(&mut browser, &format!("{LIST}?page=7")).await), 1);
    });
}

#[test]
fn a_member_is_changed_on_their_page() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let jane = people.member(JANE, &[]).await;
        let at = page_of(&jane);
        let change = format!("{at}/change");
        let typed = [("name", "Jane <Doe>"), ("actors", "user:default/jane\r\n\r\n jane \r\n")];
        assert_done(&browser.fill_form(&at, &change, &typed).await, &format!("{at}?done=changed"));
        let seen = people.seen(&jane).await;
        assert_eq!((&seen["name"], &seen["actors"]), (&json!("Jane <Doe>"), &json!(["user:default/jane", "jane"])));
        let text = page(&mut browser, &format!("{at}?done=changed")).await;
        assert!(text.contains("Their details are changed.") && text.contains("Jane &#60;Doe&#62;"), "{text}");
        assert!(!page(&mut browser, &format!("{at}?done=%3Cb%3E")).await.contains("role=\"status\""));
        // What was typed is there still when it is refused.
        let wrong = browser.fill_form(&at, &change, &[("name", " "), ("actors", "x")]).await;
        assert_refused(&wrong, 400, "name");
        assert!(wrong.text().contains("rows=\"2\"") && wrong.text().contains(">x</textarea>"), "{}", wrong.text());
        // Nothing is sent, and so nothing recorded, that is not different.
        assert_done(&browser.fill_form(&at, &change, &[]).await, &format!("{at}?done=same"));
        assert_eq!(people.recorded("user.updated").await.len(), 1);
    });
}

#[test]
fn roles_are_given_and_taken_away_on_the_page_of_a_member() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let jane = people.member(JANE, &[]).await;
        let at = page_of(&jane);
        assert!(page(&mut browser, &at).await.contains("They hold no role"));
        let give = format!("{at}/give-role");
        assert_refused(&browser.fill_form(&at, &give, &[]).await, 400, "Choose a role first.");
        assert_done(&browser.fill_form(&at, &give, &[("role", "auditor")]).await, &format!("{at}?done=role-given"));
        assert_eq!(texts(&people.seen(&jane).await["roles"], "handle"), ["auditor"]);
        for no_role in ["no-such", "../../session", "a/b"] {
            let refused = browser.fill_form(&at, &give, &[("role", no_role)]).await;
            assert_refused(&refused, 404, "There is no role");
        }
        let take = format!("{at}/take-role");
        assert_done(&browser.fill_form(&at, &take, &[]).await, &format!("{at}?done=role-taken"));
        assert_eq!(people.seen(&jane).await["roles"], json!([]));
        // The last admin stays, and the page says so.
        let adam = people.get(MEMBERS).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let own = format!("{LIST}/{adam}");
        assert_refused(&browser.fill_form(&own, &format!("{own}/take-role"), &[]).await, 409, "admin");
        let text = page(&mut browser, &own).await;
        assert!(text.contains("Nobody suspends or removes themselves") && !text.contains("/suspend\""), "{text}");
    });
}

#[test]
fn groups_are_joined_and_left_on_the_page_of_a_member() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        people.put(&people.all, &format!("{GROUPS}/reviewers/roles/auditor"), &Value::Null).await;
        let jane = people.member(JANE, &[]).await;
        let at = page_of(&jane);
        let joined = browser.fill_form(&at, &format!("{at}/join"), &[("group", "reviewers")]).await;
        assert_done(&joined, &format!("{at}?done=joined"));
        let seen = people.seen(&jane).await;
        assert_eq!((&seen["groups"], &seen["roles"][0]["through"]), (&json!(["reviewers"]), &json!(["reviewers"])));
        let text = page(&mut browser, &at).await;
        assert!(text.contains("through the group") && !text.contains("/take-role\""), "{text}");
        let left = browser.fill_form(&at, &format!("{at}/leave"), &[]).await;
        assert_done(&left, &format!("{at}?done=left"));
        assert_eq!(people.seen(&jane).await["groups"], json!([]));
    });
}

#[test]
fn a_member_is_signed_out_suspended_brought_back_and_removed() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let jane = people.member(JANE, &["member"]).await;
        let at = page_of(&jane);
        session(&people, &jane, "Firefox <3>").await;
        let text = page(&mut browser, &at).await;
        assert!(text.contains("203.0.113.7") && text.contains("Firefox &#60;3&#62;"), "{text}");
        let out = browser.fill_form(&at, &format!("{at}/sign-out"), &[]).await;
        assert_done(&out, &format!("{at}?done=signed-out"));
        assert_eq!(people.get(&format!("{}/sessions", path(&jane))).await.expect(200)["data"], json!([]));
        for (deed, word, is_suspended) in [("suspend", "suspended", true), ("admit", "admitted", false)] {
            let answer = browser.fill_form(&at, &format!("{at}/{deed}"), &[]).await;
            assert_done(&answer, &format!("{at}?done={word}"));
            assert_eq!(people.seen(&jane).await["is_suspended"], is_suspended);
        }
        let remove = format!("{at}/remove");
        for typed in ["", "jane", ADAM] {
            let refused = browser.fill_form(&at, &remove, &[("confirm", typed)]).await;
            assert_refused(&refused, 400, "Nothing was done. To go on, type jane@acme.example");
        }
        let removed = browser.fill_form(&at, &remove, &[("confirm", " Jane@acme.example ")]).await;
        assert_done(&removed, "/settings/members?done=removed");
        people.get(&path(&jane)).await.problem(404, "not-found");
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}{at}")).await.status, 404);
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}{LIST}/no-uuid")).await.status, 400);
    });
}

#[test]
fn a_link_for_a_new_password_is_shown_once() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let jane = people.member(JANE, &["member"]).await;
        let at = page_of(&jane);
        let answer = browser.fill_form(&at, &format!("{at}/password-link"), &[]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let link = link_in(&answer.text());
        let chosen = [("password", "nine violet walruses"), ("password_again", "nine violet walruses")];
        assert_eq!(Browser::of(&people.server).fill(&link, &chosen).await.status, 303);
        assert!(!page(&mut browser, &at).await.contains("id=\"password-link\""));
        // A form of another site, or of a page of another session, does nothing.
        let forged = browser.post(&format!("{at}/password-link"), &[("csrf".to_owned(), "x".to_owned())]).await;
        assert_eq!(forged.status, 403);
        assert_eq!(people.recorded("user.password_link.created").await.len(), 1);
        assert_eq!(browser.fill_form(&at, &format!("{at}/change"), &[("csrf", "")]).await.status, 403);
    });
}

/// The path of the only link that a page shows.
fn link_in(text: &str) -> String {
    assert_eq!(text.matches("<code ").count(), 1, "{text}");
    let (_, secret) = text.split_once("<code ").unwrap().1.split_once("/invitations/").unwrap();
    format!("/invitations/{}", secret.split('<').next().unwrap())
}

#[test]
fn people_are_invited_and_each_gets_a_link_that_is_shown_once() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        let action = "/settings/invitations";
        let typed = [("emails", "Jane@acme.example, joe@acme.example;\r\nzoë@acme.example"), ("role", "auditor")];
        assert_refused(&browser.fill_form(NEW_INVITATION, action, &typed).await, 400, "zoë@acme.example");
        assert_eq!(people.get(INVITATIONS).await.expect(200)["total"], 0);
        let typed = [
            ("emails", "Jane@acme.example, joe@acme.example;\r\nzoe@acme.example"),
            ("role", "auditor"),
            ("role", "member"),
            ("group", "reviewers"),
        ];
        let answer = browser.fill_form(NEW_INVITATION, action, &typed).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.text());
        assert_eq!(answer.text().matches("data-copy=").count(), 3);
        let list = people.get(INVITATIONS).await.expect(200);
        assert_eq!(list["total"], 3);
        for one in list["data"].as_array().unwrap() {
            assert_eq!((&one["roles"], &one["groups"]), (&json!(["auditor", "member"]), &json!(["reviewers"])));
        }
        // Whoever is invited again, or is a member, is told in the form, with what was typed.
        let again = browser.fill_form(NEW_INVITATION, action, &[("emails", ADAM), ("role", "auditor")]).await;
        assert_refused(&again, 409, "is a member already");
        assert!(again.text().contains(&format!(">{ADAM}</textarea>")), "{}", again.text());
        assert!(again.text().contains("value=\"auditor\" checked"), "{}", again.text());
        assert_refused(&browser.fill_form(NEW_INVITATION, action, &[]).await, 400, "1 to 100 addresses");
        let text = page(&mut browser, action).await;
        assert!(text.contains(JANE) && text.contains("group reviewers") && !text.contains("data-copy"), "{text}");
    });
}

#[test]
fn an_invitation_is_sent_again_and_revoked() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let action = "/settings/invitations";
        assert!(page(&mut browser, action).await.contains("Nobody was invited yet."));
        let first = browser.fill_form(NEW_INVITATION, action, &[("emails", JANE)]).await;
        let id = people.get(INVITATIONS).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
        let resend = format!("{action}/{id}/resend");
        let second = browser.fill_form(action, &resend, &[]).await;
        assert_eq!(second.status, 200, "{}", second.text());
        let (first, second) = (link_in(&first.text()), link_in(&second.text()));
        for (link, status) in [(first, 404), (second, 200)] {
            let answer = Browser::of(&people.server).visit(&format!("{PUBLIC_URL}{link}")).await;
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        let revoke = format!("{action}/{id}/revoke");
        let forms = page(&mut browser, action).await;
        assert_done(&browser.fill_form(action, &revoke, &[]).await, &format!("{action}?done=revoked"));
        assert_eq!(people.get(INVITATIONS).await.expect(200)["data"][0]["state"], "revoked");
        // Of a page that was open meanwhile.
        let (_, csrf) = forms.split_once("name=\"csrf\" value=\"").unwrap();
        let csrf = [("csrf".to_owned(), csrf.split('"').next().unwrap().to_owned())];
        assert_refused(&browser.post(&resend, &csrf).await, 409, "was revoked before");
        let text = page(&mut browser, action).await;
        assert!(text.contains("Nobody is waiting") && text.contains("Also show 1 that was"), "{text}");
        assert!(page(&mut browser, &format!("{action}?all=1")).await.contains(JANE));
    });
}

#[test]
fn who_may_only_look_is_offered_nothing() {
    run(async {
        let people = People::start().await;
        people.role("reader", &[Permission::MembersRead], None).await;
        let mut browser = browser_of(&people, ADAM, &["reader"]).await;
        let jane = people.member(JANE, &["auditor"]).await;
        people.post(&people.all, INVITATIONS, &json!({"emails": ["joe@acme.example"]})).await.expect(201);
        for path in [LIST.to_owned(), page_of(&jane), "/settings/invitations".to_owned()] {
            let text = page(&mut browser, &path).await;
            let forms = text.matches("method=\"post\"").count();
            assert_eq!((forms, text.contains(NEW_INVITATION)), (2, false), "those of the frame alone: {text}");
        }
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}{NEW_INVITATION}")).await.status, 403);
        // Whoever may not even look is told so.
        let mut other = browser_of(&people, "joe@acme.example", &["auditor"]).await;
        for path in [LIST.to_owned(), page_of(&jane), "/settings/invitations".to_owned()] {
            let answer = other.visit(&format!("{PUBLIC_URL}{path}")).await;
            assert_refused(&answer, 403, "members.read");
        }
    });
}

#[test]
fn what_one_lacks_cannot_be_given_and_the_page_says_why() {
    run(async {
        let people = People::start().await;
        people.role("manager", &[Permission::MembersRead, Permission::MembersWrite], None).await;
        let mut browser = browser_of(&people, ADAM, &["manager"]).await;
        let jane = people.member(JANE, &["admin"]).await;
        let text = page(&mut browser, &page_of(&jane)).await;
        assert!(text.contains("You cannot change jane@acme.example: they have the role “Admin”"), "{text}");
        assert_eq!(text.matches("method=\"post\"").count(), 2, "{text}");
        let joe = people.member("joe@acme.example", &["manager"]).await;
        let at = page_of(&joe);
        let text = page(&mut browser, &at).await;
        assert!(text.contains("value=\"auditor\" disabled>Auditor (it grants “View audit logs”"), "{text}");
        // The form is not believed either.
        let refused = browser.fill_form(&at, &format!("{at}/give-role"), &[("role", "auditor")]).await;
        assert_refused(&refused, 403, "Nobody grants, changes or takes away what they lack");
        let text = page(&mut browser, NEW_INVITATION).await;
        assert!(text.contains("value=\"auditor\" disabled") && !text.contains("value=\"manager\" disabled"), "{text}");
        let typed = [("emails", "new@acme.example"), ("role", "admin")];
        let refused = browser.fill_form(NEW_INVITATION, "/settings/invitations", &typed).await;
        assert_refused(&refused, 403, "what they lack");
    });
}
