//! Pages that people open in a browser: signing in and out with a password, and invitations.

use reqwest::Method;
use serde_json::{Value, json};
use trailbook_event::limits::{PASSWORD_CHARS_MIN, SIGN_IN_FAILURES_MAX};
use trailbook_store::credential::{Permission, new_token};
use trailbook_store::members::{InvitationKind, Member, MemberChange, NewInvitation};
use trailbook_store::{DEFAULT_ORGANIZATION, Organization};

use crate::browser::{Browser, notice};
use crate::harness::{Answer, PUBLIC_URL, Server, answer, run};

const PASSWORD: &str = "seven turquoise llamas sing";
const JANE: &str = "jane@acme.example";

/// What is typed on the page to sign in.
const GOOD: [(&str, &str); 2] = [("email", JANE), ("password", PASSWORD)];

async fn organization(server: &Server) -> Organization {
    server.catalog().await.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap().0
}

/// An open invitation; the path of its link.
async fn invite(server: &Server, kind: InvitationKind, change: impl FnOnce(&mut NewInvitation)) -> String {
    let token = new_token().unwrap();
    let mut new = NewInvitation {
        kind,
        token: token.clone(),
        email: Some(JANE.to_owned()),
        member: None,
        roles: vec!["auditor".to_owned()],
        groups: Vec::new(),
        invited_by: "ann@acme.example".to_owned(),
        lasts_ms: 60_000,
    };
    change(&mut new);
    server.catalog().await.create_invitation(&organization(server).await, &new).await.unwrap();
    format!("/invitations/{token}")
}

async fn jane(server: &Server) -> Option<Member> {
    let found = server.catalog().await.member_of_email(&organization(server).await, JANE).await.unwrap();
    found.map(|(member, _)| member)
}

/// Jane, who has accepted an invitation, in the browser that she is signed in with.
async fn signed_in(server: &Server) -> Browser {
    let link = invite(server, InvitationKind::Join, |_| {}).await;
    let mut browser = Browser::of(server);
    let answer = browser.fill(&link, &accepting("Jane Doe")).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text());
    browser
}

fn accepting(name: &str) -> [(&str, &str); 3] {
    [("name", name), ("password", PASSWORD), ("password_again", PASSWORD)]
}

async fn home(browser: &mut Browser) -> Answer {
    browser.visit(&format!("{PUBLIC_URL}/account")).await
}

/// The events of the server's own of an action, the newest first.
async fn own(server: &Server, action: &str) -> Vec<Value> {
    let list = server.list(&format!("source=trailbook&action={action}")).await;
    list["data"].as_array().unwrap().clone()
}

#[test]
fn somebody_joins_is_known_and_signs_out() {
    run(async {
        let server = Server::start().await;
        let mut browser = signed_in(&server).await;
        let first = browser.visit(&format!("{PUBLIC_URL}/")).await;
        assert_eq!((first.status, first.header("location")), (303, "/logs"));
        let page = home(&mut browser).await;
        assert_eq!(page.status, 200, "{}", page.text());
        for shown in ["Jane Doe", JANE, "Auditor", "<bdi>default</bdi>"] {
            assert!(page.text().contains(shown), "{shown}: {}", page.text());
        }
        let accepted = own(&server, "user.invite.accepted").await;
        assert_eq!(accepted[0]["meta"]["roles"], json!(["auditor"]), "{accepted:?}");
        assert_eq!(own(&server, "user.login").await.len(), 1);
        let cookies = browser.cookies();
        let out = browser.fill_form("/account", "/sign-out", &[]).await;
        assert_eq!((out.status, out.header("location")), (303, "/sign-in"));
        let left = home(&mut browser).await;
        assert_eq!((left.status, left.header("location")), (303, "/sign-in?next=%2Faccount"));
        // The cookie that was is good for nothing.
        let old = answer(server.request(Method::GET, "/").header("cookie", cookies)).await;
        assert_eq!(old.status, 303);
        assert_eq!(own(&server, "user.logout").await[0]["actor"]["email"], JANE);
    });
}

#[test]
fn a_password_signs_in_and_leads_to_where_one_wanted_to_go() {
    run(async {
        let server = Server::start().await;
        signed_in(&server).await;
        for (next, to) in [("%2Fapi%2Fdocs", "/api/docs"), ("%2F%2Fevil.example", "/"), ("https%3A%2F%2Fevil", "/")] {
            let mut browser = Browser::of(&server);
            let answer = browser.fill(&format!("/sign-in?next={next}"), &GOOD).await;
            assert_eq!((answer.status, answer.header("location")), (303, to), "{}", answer.text());
            assert_eq!(home(&mut browser).await.status, 200);
            // Who is signed in is not asked again.
            let again = browser.visit(&format!("{PUBLIC_URL}/sign-in?next={next}")).await;
            assert_eq!((again.status, again.header("location")), (303, to));
        }
        // The field of the form is not believed either.
        let elsewhere = [GOOD[0], GOOD[1], ("next", "//evil.example")];
        assert_eq!(Browser::of(&server).fill("/sign-in", &elsewhere).await.header("location"), "/");
        let capitals = [("email", " JANE@Acme.example "), GOOD[1]];
        assert_eq!(Browser::of(&server).fill("/sign-in", &capitals).await.status, 303);
    });
}

#[test]
fn whatever_is_wrong_the_page_says_the_same() {
    run(async {
        let server = Server::start().await;
        signed_in(&server).await;
        let suspended = MemberChange { is_suspended: Some(true), ..MemberChange::default() };
        let wrong: [[(&str, &str); 3]; 3] = [
            [GOOD[0], ("password", "seven turquoise llamas sang"), ("organization", "default")],
            [("email", "joe@acme.example"), GOOD[1], ("organization", "default")],
            [GOOD[0], GOOD[1], ("organization", "acme")],
        ];
        let mut pages = Vec::new();
        for typed in wrong {
            let answer = Browser::of(&server).fill("/sign-in", &typed).await;
            assert_eq!(answer.status, 403);
            pages.push(notice(&answer));
        }
        let (catalog, own) = (server.catalog().await, organization(&server).await);
        catalog.change_member(&own, jane(&server).await.unwrap().id, &suspended).await.unwrap();
        let answer = Browser::of(&server).fill("/sign-in", &GOOD).await;
        assert_eq!(answer.status, 403);
        pages.push(notice(&answer));
        pages.dedup();
        assert_eq!(pages, ["Organization, e-mail address or password are wrong."]);
        assert!(answer.text().contains(JANE) && !answer.text().contains(PASSWORD), "{}", answer.text());
    });
}

#[test]
fn who_guesses_has_to_wait() {
    run(async {
        let server = Server::start().await;
        let typed = [GOOD[0], ("password", "a guess")];
        let mut browser = Browser::of(&server);
        for _ in 0..SIGN_IN_FAILURES_MAX {
            assert_eq!(browser.fill("/sign-in", &typed).await.status, 403);
        }
        let mut answer = browser.fill("/sign-in", &typed).await;
        if answer.status == 403 {
            // The first failure that is not free begins the wait.
            answer = browser.fill("/sign-in", &typed).await;
        }
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert!(notice(&answer).starts_with("Too many sign-ins failed."), "{}", notice(&answer));
    });
}

#[test]
fn forms_are_taken_from_pages_of_this_server_and_browser_alone() {
    run(async {
        let server = Server::start().await;
        let mut of_jane = signed_in(&server).await;
        let fields = |csrf: &str| {
            let all = [GOOD[0], GOOD[1], ("organization", "default"), ("csrf", csrf)];
            all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let mut other = Browser::of(&server);
        let page = other.visit(&format!("{PUBLIC_URL}/sign-in")).await;
        let csrf = page.text().split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        // No token; a token without its cookie; one of another browser; one that is none.
        let mut third = Browser::of(&server);
        assert_eq!(third.post("/sign-in", &fields(&csrf)).await.status, 403);
        third.visit(&format!("{PUBLIC_URL}/sign-in")).await;
        for wrong in [csrf.as_str(), "", "AAAA", "*"] {
            let answer = third.post("/sign-in", &fields(wrong)).await;
            assert!(answer.status == 403 && notice(&answer).contains("out of date"), "{wrong}: {}", answer.text());
        }
        // A good one that a page of another site sends.
        let body =
            format!("csrf={csrf}&organization=default&email=jane%40acme.example&password=seven+turquoise+llamas+sing");
        for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303)] {
            let request = server.request(Method::POST, "/sign-in").header("cookie", other.cookies());
            let answer = answer(request.header("sec-fetch-site", site).body(body.clone())).await;
            assert_eq!(answer.status, status, "{site}: {}", answer.text());
        }
        // Signing out needs the token of the session.
        for wrong in [csrf.as_str(), ""] {
            let answer = of_jane.post("/sign-out", &[("csrf".to_owned(), wrong.to_owned())]).await;
            assert_eq!(answer.status, 403, "{}", answer.text());
        }
        assert_eq!(home(&mut of_jane).await.status, 200);
    });
}

#[test]
fn an_invitation_is_accepted_once() {
    run(async {
        let server = Server::start().await;
        let link = invite(&server, InvitationKind::Join, |_| {}).await;
        let mut browser = Browser::of(&server);
        let page = browser.visit(&format!("{PUBLIC_URL}{link}")).await.text();
        assert!(page.contains("ann@acme.example") && page.contains(JANE) && page.contains("readonly"), "{page}");
        assert_eq!(browser.fill(&link, &accepting("Jane")).await.status, 303);
        for path in [link.as_str(), "/invitations/no-such-secret", "/invitations/a%20b%00"] {
            let answer = Browser::of(&server).visit(&format!("{PUBLIC_URL}{path}")).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        }
        assert_eq!(own(&server, "user.invite.accepted").await.len(), 1);
        // The secret of a link is nowhere in the log.
        let secret = link.rsplit_once('/').unwrap().1;
        let all = server.list("source=trailbook&limit=100").await.to_string();
        assert!(all.contains("/invitations/…") && !all.contains(secret), "{all}");
    });
}

#[test]
fn what_is_wrong_with_an_acceptance_is_said_at_its_field_and_nothing_is_done() {
    run(async {
        let server = Server::start().await;
        let link = invite(&server, InvitationKind::Join, |_| {}).await;
        let mut browser = Browser::of(&server);
        let short = "x".repeat(PASSWORD_CHARS_MIN - 1);
        let wrong: [(&str, &str, &str, &str); 6] = [
            ("Jane", &short, &short, "password-error"),
            ("Jane", "password1234", "password1234", "password-error"),
            ("Jane", "jane@acme.example", "jane@acme.example", "password-error"),
            ("Jane", PASSWORD, "another thing entirely", "password-again-error"),
            (" ", PASSWORD, PASSWORD, "name-error"),
            ("Ja\u{7}ne", PASSWORD, PASSWORD, "name-error"),
        ];
        for (name, password, again, id) in wrong {
            let typed = [("name", name), ("password", password), ("password_again", again)];
            let answer = browser.fill(&link, &typed).await;
            assert_eq!(answer.status, 422, "{id}: {}", answer.text());
            assert!(answer.text().contains(&format!("id=\"{id}\">")), "{id}: {}", answer.text());
        }
        let forged = accepting("Jane").map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(browser.post(&link, &forged).await.status, 403, "without the token of the page");
        assert!(jane(&server).await.is_none());
        assert_eq!(own(&server, "user.invite.accepted").await.len(), 0);
        assert_eq!(browser.fill(&link, &accepting("Jane")).await.status, 303, "and it is open still");
        // Whoever is a member already is told so.
        let second = invite(&server, InvitationKind::Join, |_| {}).await;
        assert_eq!(Browser::of(&server).fill(&second, &accepting("Jane")).await.status, 409);
    });
}

#[test]
fn the_first_admin_says_who_they_are() {
    run(async {
        let server = Server::start().await;
        let nobody = |new: &mut NewInvitation| {
            new.email = None;
            new.roles = vec!["admin".to_owned()];
        };
        let link = invite(&server, InvitationKind::FirstAdmin, nobody).await;
        let mut browser = Browser::of(&server);
        let [name, password, again] = accepting("Jane");
        let answer = browser.fill(&link, &[("email", "nowhere"), name, password, again]).await;
        assert!(answer.status == 422 && answer.text().contains("id=\"email-error\">"), "{}", answer.text());
        let answer = browser.fill(&link, &[("email", "Jane@Acme.example"), name, password, again]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(home(&mut browser).await.text().contains("<bdi>Admin</bdi>"));
        assert!(jane(&server).await.unwrap().has_password);
    });
}

#[test]
fn a_new_password_ends_all_sessions_and_takes_the_place_of_the_old() {
    run(async {
        let server = Server::start().await;
        let mut before = signed_in(&server).await;
        let id = jane(&server).await.unwrap().id;
        let link = invite(&server, InvitationKind::NewPassword, |new| new.member = Some(id)).await;
        let mut browser = Browser::of(&server);
        let other = "nine violet walruses dance";
        let answer = browser.fill(&link, &[("password", other), ("password_again", other)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text());
        assert_eq!((home(&mut browser).await.status, home(&mut before).await.status), (200, 303));
        assert_eq!(Browser::of(&server).fill("/sign-in", &GOOD).await.status, 403);
        assert_eq!(Browser::of(&server).fill("/sign-in", &[GOOD[0], ("password", other)]).await.status, 303);
        let changed = own(&server, "user.password_changed").await;
        assert_eq!((changed.len(), &changed[0]["actor"]["email"]), (1, &json!(JANE)));
        // A suspended member gets none.
        let link = invite(&server, InvitationKind::NewPassword, |new| new.member = Some(id)).await;
        let suspended = MemberChange { is_suspended: Some(true), ..MemberChange::default() };
        server.catalog().await.change_member(&organization(&server).await, id, &suspended).await.unwrap();
        assert_eq!(Browser::of(&server).visit(&format!("{PUBLIC_URL}{link}")).await.status, 404);
    });
}

#[test]
fn a_link_signs_in_once_without_a_password_and_only_by_its_button() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["admin"]).await;
        let id = jane(&server).await.unwrap().id;
        let link = invite(&server, InvitationKind::SignIn, |new| new.member = Some(id)).await;
        let mut browser = Browser::of(&server);
        // Whoever only opens it, as a program that shows what is behind a link does, uses nothing up.
        for _ in 0..2 {
            let page = browser.visit(&format!("{PUBLIC_URL}{link}")).await;
            assert_eq!((page.status, page.headers.get("set-cookie").is_some()), (200, true));
            assert!(page.text().contains(">Sign in</button>") && !page.text().contains("type=\"password\""));
            assert!(!page.text().contains("identity provider"), "{}", page.text());
        }
        // Accepting without a session would use it up for nothing.
        let token = link.trim_start_matches("/invitations/");
        let accepted = json!({"token": token}).to_string();
        server.post_to("/api/v1/invitations/accept", "", &[], accepted).await.problem(404, "not-found");
        assert_eq!(browser.post(&link, &[]).await.status, 403, "without the token of the page");
        let answer = browser.fill(&link, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text());
        assert!(home(&mut browser).await.text().contains("<bdi>Admin</bdi>"));
        let signed_in = own(&server, "user.login").await;
        assert_eq!((&signed_in[0]["meta"]["method"], &signed_in[0]["actor"]["email"]), (&json!("link"), &json!(JANE)));
        assert_eq!(own(&server, "user.password_changed").await.len(), 0);
        assert_eq!(Browser::of(&server).visit(&format!("{PUBLIC_URL}{link}")).await.status, 404);
        let old = [("csrf".to_owned(), "x".to_owned())];
        assert_eq!(Browser::of(&server).post(&link, &old).await.status, 404);
    });
}

#[test]
fn a_link_that_signs_in_is_over_in_time_and_with_the_member() {
    run(async {
        let server = Server::start().await;
        let organization = organization(&server).await;
        let id = server.member(DEFAULT_ORGANIZATION, JANE, &["admin"]).await.id;
        let over = invite(&server, InvitationKind::SignIn, |new| {
            (new.member, new.lasts_ms) = (Some(id), 0);
        })
        .await;
        assert_eq!(Browser::of(&server).visit(&format!("{PUBLIC_URL}{over}")).await.status, 404);
        let nobodys = invite(&server, InvitationKind::SignIn, |_| {}).await;
        assert_eq!(Browser::of(&server).visit(&format!("{PUBLIC_URL}{nobodys}")).await.status, 404);
        let older = invite(&server, InvitationKind::SignIn, |new| new.member = Some(id)).await;
        let link = invite(&server, InvitationKind::SignIn, |new| new.member = Some(id)).await;
        // Nobody makes another one out of it.
        let token = server.scoped(DEFAULT_ORGANIZATION, &Permission::ALL).await;
        let all = server.get(&token, "/api/v1/invitations").await.expect(200);
        let open = all["data"].as_array().unwrap().iter().find(|one| one["state"] == "open" && one["email"] == JANE);
        let resend = format!("/api/v1/invitations/{}/resend", open.unwrap()["id"].as_str().unwrap());
        server.post_to(&resend, &token, &[], "").await.problem(409, "conflict");
        let status = async |link: &str| Browser::of(&server).visit(&format!("{PUBLIC_URL}{link}")).await.status;
        assert_eq!((status(&older).await, status(&link).await), (404, 200));
        let suspended = MemberChange { is_suspended: Some(true), ..MemberChange::default() };
        server.catalog().await.change_member(&organization, id, &suspended).await.unwrap_err();
        server.member(DEFAULT_ORGANIZATION, "ann@acme.example", &["admin"]).await;
        server.catalog().await.change_member(&organization, id, &suspended).await.unwrap();
        assert_eq!(status(&link).await, 404);
    });
}

#[test]
fn pages_forbid_scripts_and_are_kept_by_no_cache() {
    run(async {
        let server = Server::start().await;
        let link = invite(&server, InvitationKind::Join, |_| {}).await;
        for path in ["/sign-in", &link, "/invitations/no-such-secret"] {
            let page = server.get("", path).await;
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
            let policy = page.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; style-src 'self';") && !policy.contains("unsafe"),
                "{policy}"
            );
        }
        let style = server.get("", "/assets/trailbook.css").await;
        assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
        let tag = style.header("etag").to_owned();
        let again = answer(server.request(Method::GET, "/assets/trailbook.css").header("if-none-match", &tag)).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()));
        let other = answer(server.request(Method::GET, "/assets/trailbook.css").header("if-none-match", "\"x\"")).await;
        assert_eq!(other.status, 200);
        server.get("", "/sign-in/no-such-provider").await.problem(404, "not-found");
        server.get("", "/sign-out").await.problem(405, "method-not-allowed");
    });
}

#[test]
fn cookies_are_kept_from_scripts_and_with_tls_from_other_hosts() {
    run(async {
        let server = Server::start().await;
        signed_in(&server).await;
        let answer = Browser::of(&server).fill("/sign-in", &GOOD).await;
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|one| one.to_str().unwrap()).collect();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        assert!(cookies.iter().all(|one| one.contains("; HttpOnly; SameSite=Lax")), "{cookies:?}");
        let behind = Server::with("behind_proxy = true").await;
        let page = behind.get("", "/sign-in").await;
        let cookie = page.header("set-cookie");
        assert!(
            cookie.starts_with("__Host-")
                && cookie.contains("; Path=/; Max-Age=86400;")
                && cookie.ends_with("; Secure"),
            "{cookie}"
        );
    });
}
