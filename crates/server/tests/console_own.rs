//! The console's pages of one's own account, of external access, of log integrity and of the settings of the log.

use reqwest::Method;
use serde_json::{Value, json};
use trailbook_event::limits::TOKEN_DAYS_MAX;
use trailbook_store::credential::Permission;
use trailbook_store::members::NewRole;
use trailbook_store::{Clock, DEFAULT_ORGANIZATION, LogOptions, Options, Tuning};
use trailbook_tlog::SigningKey;
use trailbook_tlog::note::Algorithm;

use crate::browser::{Browser, notice, unescaped};
use crate::harness::{Answer, MINIMAL, PASSWORD, PUBLIC_URL, Server, answer, run};

const JANE: &str = "jane@acme.example";
/// A name that tries to be part of a page.
const HOSTILE: &str = "\"><script>alert(1)</script>\u{202e}";

/// A member with these roles, and the browser that they are signed in with.
async fn signed_in(server: &Server, email: &str, roles: &[&str]) -> Browser {
    server.member(DEFAULT_ORGANIZATION, email, roles).await;
    sign_in(server, email).await
}

async fn sign_in(server: &Server, email: &str) -> Browser {
    let mut browser = Browser::of(server);
    let answer = browser.fill("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

/// What the API says to the member of a browser.
async fn api(server: &Server, browser: &Browser, path: &str) -> Value {
    answer(server.request(Method::GET, path).header("cookie", browser.cookies())).await.expect(200)
}

async fn visit(browser: &mut Browser, path: &str) -> Answer {
    browser.visit(&format!("{PUBLIC_URL}{path}")).await
}

/// A page that must lead on to another.
#[track_caller]
fn leads(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, to), "{}", answer.text());
}

/// A page that must be there; its text.
#[track_caller]
fn shown(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.text()
}

/// The value of a token that a page shows once.
fn made_value(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"made-value\">").unwrap_or_else(|| panic!("no value in {page}"));
    rest.split_once("</code>").unwrap().0.to_owned()
}

#[test]
fn the_account_says_who_one_is_and_takes_another_name() {
    run(async {
        let server = Server::start().await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let page = shown(&visit(&mut jane, "/account").await, 200);
        for text in [JANE, "Name of jane@acme.example", "<bdi>default</bdi>", "<bdi>Auditor</bdi>", "this one"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        leads(&jane.fill_form("/account", "/account/name", &[("name", HOSTILE)]).await, "/account?done=name");
        let me = api(&server, &jane, "/api/v1/me").await;
        assert_eq!(me["member"]["name"], HOSTILE);
        let page = shown(&visit(&mut jane, "/account?done=name").await, 200);
        assert!(page.contains("Your name has been changed.") && !page.contains("<script>alert"), "{page}");
        // What is wrong is said at its field, and what was typed stays there.
        let long = "x".repeat(201);
        let answer = jane.fill_form("/account", "/account/name", &[("name", &long)]).await;
        let page = shown(&answer, 400);
        assert!(page.contains("id=\"name-error\"") && page.contains(&long), "{page}");
        // Who is not signed in comes back afterwards; a form of another page is not taken.
        leads(&visit(&mut Browser::of(&server), "/account").await, "/sign-in?next=%2Faccount");
        let forged = [("csrf".to_owned(), "AAAA".to_owned()), ("name".to_owned(), "Joe".to_owned())];
        assert_eq!(jane.post("/account/name", &forged).await.status, 403);
        assert_eq!(api(&server, &jane, "/api/v1/me").await["member"]["name"], HOSTILE);
    });
}

#[test]
fn a_new_password_is_taken_with_the_old_one_and_ends_all_sessions() {
    run(async {
        let server = Server::start().await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let other = "nine violet walruses dance";
        let typed = |current, password, again| {
            [("current_password", current), ("password", password), ("password_again", again)]
        };
        for (fields, field) in [
            (typed("not my password", other, other), "current-password"),
            (typed(PASSWORD, "short", "short"), "password"),
            (typed(PASSWORD, other, "another"), "password-again"),
        ] {
            let answer = jane.fill_form("/account", "/account/password", &fields).await;
            let page = answer.text();
            assert!((400..404).contains(&answer.status), "{}: {page}", answer.status);
            assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
            assert!(!page.contains(other) && !page.contains(PASSWORD), "{page}");
        }
        let answer = jane.fill_form("/account", "/account/password", &typed(PASSWORD, other, other)).await;
        leads(&answer, "/sign-in?next=%2Faccount");
        leads(&visit(&mut jane, "/account").await, "/sign-in?next=%2Faccount");
        let good = [("email", JANE), ("password", other)];
        leads(&jane.fill("/sign-in?next=%2Faccount", &good).await, "/account");
    });
}

#[test]
fn sessions_are_shown_and_ended_one_by_one_or_all_but_this() {
    run(async {
        let server = Server::start().await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let page = shown(&visit(&mut jane, "/account").await, 200);
        assert!(!page.contains("End all others") && !page.contains("/end\""), "{page}");
        let mut others = [sign_in(&server, JANE).await, sign_in(&server, JANE).await, sign_in(&server, JANE).await];
        let sessions = api(&server, &others[0], "/api/v1/me/sessions").await;
        let current = sessions["data"].as_array().unwrap().iter().find(|one| one["is_current"] == true).unwrap();
        let action = format!("/account/sessions/{}/end", current["id"].as_str().unwrap());
        leads(&jane.fill_form("/account", &action, &[]).await, "/account?done=session");
        leads(&visit(&mut others[0], "/account").await, "/sign-in?next=%2Faccount");
        assert_eq!(visit(&mut others[1], "/account").await.status, 200);
        let answer = jane.fill_form("/account", "/account/sessions/others/end", &[]).await;
        leads(&answer, "/account?done=sessions");
        for other in &mut others[1..] {
            leads(&visit(other, "/account").await, "/sign-in?next=%2Faccount");
        }
        assert_eq!(api(&server, &jane, "/api/v1/me/sessions").await["total"], 1);
    });
}

#[test]
fn a_personal_token_is_made_shown_once_and_revoked_by_its_name() {
    run(async {
        let server = Server::start().await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let page = shown(&visit(&mut jane, "/account").await, 200);
        assert!(page.contains("You have no tokens."), "{page}");
        assert!(page.contains("name=\"scope.exports\"") && !page.contains("name=\"scope.members.write\""), "{page}");
        let form = "/account/tokens";
        let laptop = ("name", "laptop");
        for (fields, field) in [
            ([laptop, ("days", "0"), ("scope.exports", "")], "token-days"),
            ([laptop, ("days", &(TOKEN_DAYS_MAX + 1).to_string()), ("scope.exports", "")], "token-days"),
            ([("name", "two words"), ("days", "1"), ("scope.exports", "")], "token-name"),
        ] {
            let page = shown(&jane.fill_form("/account", form, &fields).await, 400);
            assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}: {page}");
        }
        let none = [laptop, ("scope.events.read", "")];
        assert!(notice(&jane.fill_form("/account", form, &none).await).contains("tick what it may do"));
        let days = TOKEN_DAYS_MAX.to_string();
        let good = [laptop, ("days", days.as_str()), ("scope.exports", "on")];
        let value = made_value(&shown(&jane.fill_form("/account", form, &good).await, 200));
        let me = server.get(&value, "/api/v1/me").await.expect(200);
        assert_eq!((&me["kind"], &me["name"]), (&json!("personal-token"), &json!("laptop")));
        let scopes: Vec<_> = me["permissions"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(scopes, ["events.read", "exports"]);
        let page = shown(&visit(&mut jane, "/account").await, 200);
        assert!(page.contains("<bdi>laptop</bdi>") && !page.contains(&value), "{page}");
        // The name is taken now.
        assert_eq!(jane.fill_form("/account", form, &good).await.status, 409);

        let tokens = api(&server, &jane, "/api/v1/me/tokens").await;
        let revoke = format!("/account/tokens/{}/revoke", tokens["data"][0]["id"].as_str().unwrap());
        let page = shown(&jane.fill_form(&revoke, &revoke, &[("confirm", "lapto")]).await, 400);
        assert!(page.contains("id=\"confirm-error\"") && page.contains("value=\"lapto\""), "{page}");
        assert_eq!(server.get(&value, "/api/v1/me").await.status, 200);
        leads(&jane.fill_form(&revoke, &revoke, &[("confirm", "laptop")]).await, "/account?done=revoked");
        assert_eq!(server.get(&value, "/api/v1/me").await.status, 401);
        assert_eq!(visit(&mut jane, &revoke).await.status, 404);
    });
}

const FILE_ENTRIES: &str = r#"
    [[external_access]]
    type = "static"
    options = { token = "t-0123456789abcdef", subject = "of-the-file" }
    accessRestrictions = [{ plugin = "audit-log", permission = "audit.log.read" }]

    [[external_access]]
    type = "jwks"
    options = { url = "http://127.0.0.1:9/keys", subjectPrefix = "cluster" }
"#;

#[test]
fn access_shows_tokens_of_here_and_of_the_configuration_and_makes_new_ones() {
    run(async {
        let server = Server::with(FILE_ENTRIES).await;
        let mut ann = signed_in(&server, "ann@acme.example", &["admin"]).await;
        let page = shown(&visit(&mut ann, "/settings/access").await, 200);
        for text in
            ["of-the-file", "audit-log: audit.log.read", "external:cluster", "JWTs of an issuer", "configuration"]
        {
            assert!(page.contains(text), "{text}: {page}");
        }
        let new = "/settings/access/new";
        let page = shown(&ann.fill_form(new, new, &[("name", "ci-pipeline"), ("days", "0")]).await, 400);
        assert!(page.contains("tick what it may do") && page.contains("value=\"ci-pipeline\""), "{page}");
        let fields = [("name", "ci-pipeline"), ("days", ""), ("scope.events.write", "on")];
        let page = shown(&ann.fill_form(new, new, &fields).await, 200);
        let value = made_value(&page);
        assert!(page.contains("curl ") && page.contains("/api/v1/events"), "{page}");
        server.post_as(&value, &[], MINIMAL).await.expect(201);
        // A portal's, with a value of one's own, that reads through that portal's API and nothing else.
        let own = "set-by-hand-0123456789";
        let fields = [
            ("name", "portal"),
            ("days", "366"),
            ("value", own),
            ("portal", "on"),
            ("plugin.0", "catalog"),
            ("permissions.0", "catalog.entity.read, catalog.entity.refresh"),
            ("actions.0", "read"),
        ];
        assert_eq!(made_value(&shown(&ann.fill_form(new, new, &fields).await, 200)), own);
        let tokens = api(&server, &ann, "/api/v1/tokens").await;
        let portal = tokens["data"].as_array().unwrap().iter().find(|one| one["name"] == "portal").unwrap();
        let restrictions = json!([
            {"plugin": "audit-log", "permissions": ["audit.log.read"]},
            {"plugin": "catalog", "permissions": ["catalog.entity.read", "catalog.entity.refresh"], "actions": ["read"]},
        ]);
        assert_eq!((&portal["access_restrictions"], &portal["scopes"]), (&restrictions, &json!([])));
        assert_eq!(server.get(own, crate::harness::AUDIT).await.status, 200);
        assert_eq!(server.get(own, crate::harness::EVENTS).await.status, 403);
        // What cannot be is said, and the value is not given back.
        let short = [("name", "x"), ("value", "2short2"), ("scope.events.read", "on")];
        let page = shown(&ann.fill_form(new, new, &short).await, 400);
        assert!(page.contains("role=\"alert\"") && !page.contains("2short2"), "{page}");
    });
}

#[test]
fn a_token_of_the_organization_is_revoked_by_its_name_and_one_of_the_file_stays() {
    run(async {
        let server = Server::with(FILE_ENTRIES).await;
        let mut ann = signed_in(&server, "ann@acme.example", &["admin"]).await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsRead]).await;
        let tokens = api(&server, &ann, "/api/v1/tokens").await;
        let named = |name: &str| {
            let found = tokens["data"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
            format!("/settings/access/{}/revoke", found["id"].as_str().unwrap())
        };
        let name = format!("n{token}");
        let revoke = named(&name);
        assert!(shown(&visit(&mut ann, "/settings/access").await, 200).contains(&revoke));
        assert_eq!(ann.fill_form(&revoke, &revoke, &[("confirm", "")]).await.status, 400);
        assert_eq!(server.get(&token, "/api/v1/me").await.status, 200);
        let answer = ann.fill_form(&revoke, &revoke, &[("confirm", &name)]).await;
        leads(&answer, "/settings/access?done=revoked");
        assert_eq!(server.get(&token, "/api/v1/me").await.status, 401);
        let of_file = named("of-the-file");
        assert!(!shown(&visit(&mut ann, "/settings/access").await, 200).contains(&of_file));
        let answer = ann.fill_form(&of_file, &of_file, &[("confirm", "of-the-file")]).await;
        assert!(shown(&answer, 400).contains("configuration"), "{}", answer.text());
        assert_eq!(server.get("t-0123456789abcdef", crate::harness::AUDIT).await.status, 200);
    });
}

#[test]
fn an_entry_without_a_value_is_given_one_with_what_it_grants() {
    run(async {
        let server = Server::start().await;
        let mut ann = signed_in(&server, "ann@acme.example", &["admin"]).await;
        let tokens = api(&server, &ann, "/api/v1/tokens").await;
        let portal = tokens["data"].as_array().unwrap().iter().find(|one| one["has_value"] == false).unwrap();
        let form = format!("/settings/access/new?entry={}", portal["id"].as_str().unwrap());
        let page = shown(&visit(&mut ann, "/settings/access").await, 200);
        assert!(page.contains("no value yet") && page.contains(&form), "{page}");
        let answer = ann.fill_form(&form, "/settings/access/new", &[]).await;
        let value = made_value(&shown(&answer, 200));
        assert_eq!(server.get(&value, crate::harness::AUDIT).await.status, 200);
        let after = api(&server, &ann, "/api/v1/tokens").await;
        assert_eq!(after["total"], tokens["total"]);
        let given = after["data"].as_array().unwrap().iter().find(|one| one["id"] == portal["id"]).unwrap();
        assert_eq!(given["access_restrictions"], portal["access_restrictions"]);
        assert_eq!(visit(&mut ann, &form).await.status, 404, "it has one now");
    });
}

#[test]
fn who_may_only_see_tokens_is_offered_no_change() {
    run(async {
        let server = Server::start().await;
        let role = |handle: &str, permissions: &[Permission]| NewRole {
            name: handle.to_owned(),
            handle: handle.to_owned(),
            description: String::new(),
            permissions: permissions.to_vec(),
            narrowing: None,
        };
        server.create_role(DEFAULT_ORGANIZATION, &role("looker", &[Permission::CredentialsRead])).await;
        let writer = [Permission::CredentialsRead, Permission::CredentialsWrite, Permission::EventsWrite];
        server.create_role(DEFAULT_ORGANIZATION, &role("writer", &writer)).await;
        let mut joe = signed_in(&server, "joe@acme.example", &["looker"]).await;
        let page = shown(&visit(&mut joe, "/settings/access").await, 200);
        assert!(
            !page.contains("New token") && !page.contains("Revoke") && page.contains("credentials.write"),
            "{page}"
        );
        assert_eq!(visit(&mut joe, "/settings/access/new").await.status, 403);
        // Who makes them gives what they have.
        let mut ann = signed_in(&server, "ann@acme.example", &["writer"]).await;
        let page = shown(&visit(&mut ann, "/settings/access/new").await, 200);
        assert!(page.contains("name=\"scope.events.read\" value=\"on\" disabled"), "{page}");
        assert!(!page.contains("name=\"scope.events.write\" value=\"on\" disabled"), "{page}");
        let new = "/settings/access/new";
        let answer = ann.fill_form(new, new, &[("name", "x"), ("scope.events.read", "on")]).await;
        assert!(shown(&answer, 403).contains("you do not have events.read yourself"), "{}", answer.text());
        // A member without either does not see the page.
        let mut max = signed_in(&server, "max@acme.example", &["member"]).await;
        assert_eq!(visit(&mut max, "/settings/access").await.status, 403);
    });
}

/// The id of the open log, and the steps of its check: their words.
async fn check(browser: &mut Browser, id: &str, checkpoint: &str) -> (Answer, Vec<(String, String)>) {
    let action = format!("/integrity/{id}/check#report");
    let answer = browser.fill_form("/integrity", &action, &[("checkpoint", checkpoint)]).await;
    let page = shown(&answer, 200);
    let step = |rest: &str| {
        let (word, rest) = rest.split_once("\">").unwrap().1.split_once("</span> <span>").unwrap();
        (
            word.rsplit_once('>').map_or(word, |(_, word)| word).to_owned(),
            unescaped(rest.split_once("</span>").unwrap().0),
        )
    };
    let steps = page.split("<li class=\"step-").skip(1).map(step).collect();
    (answer, steps)
}

fn words(steps: &[(String, String)]) -> Vec<&str> {
    steps.iter().map(|(word, _)| word.as_str()).collect()
}

async fn log_id(server: &Server, browser: &Browser) -> String {
    api(server, browser, "/api/v1/logs").await["data"][0]["id"].as_str().unwrap().to_owned()
}

/// The newest checkpoint of a log that has at least so many entries.
async fn checkpoint(server: &Server, browser: &Browser, id: &str, size: u64) -> String {
    loop {
        let path = format!("/log/{id}/checkpoint");
        let note = answer(server.request(Method::GET, &path).header("cookie", browser.cookies())).await.text();
        if note.lines().nth(1).unwrap().parse::<u64>().unwrap() >= size {
            return note;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_log_is_checked_against_what_the_browser_saw_and_what_was_kept() {
    run(async {
        let server = Server::start().await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let id = log_id(&server, &jane).await;
        server.post(MINIMAL).await.expect(201);
        let kept = checkpoint(&server, &jane, &id, 2).await;
        let page = shown(&visit(&mut jane, "/integrity").await, 200);
        for text in [&format!("log-{id}"), "trailbook verify --key", "No witness follows this log.", "open"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        let (_, steps) = check(&mut jane, &id, "").await;
        assert_eq!(words(&steps), ["holds", "not checked", "holds", "holds"], "{steps:?}");
        assert!(steps[1].1.contains("had not seen the log before"), "{steps:?}");
        // It has grown over more than one bundle of entries.
        let many = format!("[{}]", vec![MINIMAL; 600].join(","));
        server.post(many).await.expect(201);
        checkpoint(&server, &jane, &id, 600).await;
        let (_, steps) = check(&mut jane, &id, &kept).await;
        assert_eq!(words(&steps), ["holds"; 5], "{steps:?}");
        assert!(steps[1].1.starts_with("The log has only grown: it had "), "{steps:?}");
        assert!(steps[2].1.contains("at the checkpoint that you gave"), "{steps:?}");
        assert!(steps[3].1.contains("put after the hashes of all older ones"), "{steps:?}");
        assert_eq!(steps[4].1, "Each of the newest 8 events is, byte for byte, what was sealed in its entry.");
    });
}

#[test]
fn a_log_that_is_another_one_than_was_seen_does_not_hold() {
    run(async {
        let server = Server::start().await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let id = log_id(&server, &jane).await;
        let kept = checkpoint(&server, &jane, &id, 1).await;
        // Another root under the signature.
        let mut lines: Vec<&str> = kept.lines().collect();
        let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        lines[2] = root;
        let (page, steps) = check(&mut jane, &id, &lines.join("\n")).await;
        assert_eq!(words(&steps)[2], "broken", "{steps:?}");
        assert!(steps[2].1.contains("The checkpoint that you gave") && steps[2].1.contains("signature"), "{steps:?}");
        assert!(page.text().contains("Something does not hold") && page.text().contains("trailbook check"));
        assert_eq!(page.header("set-cookie"), "", "what did not hold is not remembered");
        // A text that is no checkpoint says nothing of the log.
        let (page, steps) = check(&mut jane, &id, "nonsense").await;
        assert!(words(&steps)[2] == "not checked" && steps[2].1.contains("is no checkpoint"), "{steps:?}");
        assert!(page.text().contains("What was checked holds") && page.text().contains("nonsense</textarea>"));
        // What the browser remembers is compared: the same size with another root, and more than there is.
        let size = lines[1];
        for (seen, reason) in [(format!("{size}.{root}"), "root"), (format!("9999.{root}"), "entries were removed")] {
            let cookies = format!("trailbook-seen-{id}={seen}; {}", jane.cookies());
            let page = visit(&mut jane, "/integrity").await.text();
            let (_, csrf) = page.split_once("name=\"csrf\" value=\"").unwrap();
            let body = format!("csrf={}", csrf.split('"').next().unwrap());
            let request = server.request(Method::POST, &format!("/integrity/{id}/check")).header("cookie", cookies);
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
            let answer = answer(request).await;
            let page = shown(&answer, 200);
            assert!(page.contains("Something does not hold") && page.contains(reason), "{page}");
            assert_eq!(answer.header("set-cookie"), "");
        }
    });
}

#[test]
fn integrity_is_for_those_who_may_read_the_log_and_for_their_own_logs() {
    run(async {
        let server = Server::start().await;
        let mut max = signed_in(&server, "max@acme.example", &["member"]).await;
        assert_eq!(visit(&mut max, "/integrity").await.status, 403);
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let other = server.member("other", "joe@other.example", &["auditor"]).await;
        let theirs = server.personal_token("other", &other, &[Permission::LogRead]).await;
        let logs = server.get(&theirs, "/api/v1/logs").await.expect(200);
        let foreign = logs["data"][0]["id"].as_str().unwrap();
        let page = shown(&visit(&mut jane, "/integrity").await, 200);
        assert!(!page.contains(foreign), "{page}");
        let id = log_id(&server, &jane).await;
        let action = format!("/integrity/{id}/check");
        // The form of the own log, sent to another's path.
        let (_, csrf) = page.split_once("name=\"csrf\" value=\"").unwrap();
        let csrf = [("csrf".to_owned(), csrf.split('"').next().unwrap().to_owned())];
        assert_eq!(jane.post(&action.replace(&id, foreign), &csrf).await.status, 404);
        assert_eq!(jane.post(&action, &csrf).await.status, 200);
    });
}

#[test]
fn witnesses_and_frozen_logs_are_shown_as_they_are() {
    run(async {
        let key = SigningKey::from_seed("witness.example/w1", Algorithm::CosignatureV1, &[2; 32]).unwrap();
        // Nothing listens there.
        let setting = format!("witnesses = [{{ vkey = '{}', url = 'http://127.0.0.1:9/w1' }}]", key.verifier());
        let server = Server::with(&setting).await;
        let mut jane = signed_in(&server, JANE, &["auditor"]).await;
        let first = log_id(&server, &jane).await;
        while api(&server, &jane, "/api/v1/logs").await["data"][0]["witnesses"][0]["problem"].is_null() {
            tokio::task::yield_now().await;
        }
        let page = shown(&visit(&mut jane, "/integrity").await, 200);
        assert!(page.contains("<bdi>witness.example/w1</bdi>") && page.contains("does not follow"), "{page}");
        let (_, steps) = check(&mut jane, &first, "").await;
        assert!(steps[0].1.ends_with("no witness has cosigned this one yet."), "{steps:?}");

        let dir = server.stop().await;
        let options = Options {
            data_dir: dir.path().to_owned(),
            catalog: None,
            idempotency_window_ms: 1,
            clock: Clock::system(),
            tuning: Tuning::default(),
            logs: LogOptions::default(),
        };
        trailbook_store::freeze(options, None).await.unwrap();
        let server = Server::open(dir, "").await;
        let mut jane = sign_in(&server, JANE).await;
        let page = shown(&visit(&mut jane, "/integrity").await, 200);
        assert!(page.contains("Frozen since") && page.contains(&first), "{page}");
        let (_, steps) = check(&mut jane, &first, "").await;
        assert_eq!(words(&steps), ["holds", "not checked", "holds", "not checked"], "{steps:?}");
        assert!(steps[3].1.contains("the newest are in another log"), "{steps:?}");
    });
}

const FILE_RULES: &str = r#"
    [[exclusion_rules]]
    name = "of-the-file"
    actorId = "plugin:*"
"#;

/// The organization's own rules.
async fn own_rules(server: &Server, browser: &Browser) -> Vec<Value> {
    let rules = api(server, browser, "/api/v1/rules").await;
    let own = rules["data"].as_array().unwrap().iter().filter(|rule| rule["origin"] == "organization");
    own.cloned().collect()
}

fn by(actor: &str, action: &str) -> String {
    json!({"source": "s", "action": action, "actor": {"type": "user", "id": actor}}).to_string()
}

#[test]
fn a_rule_is_tried_made_changed_and_removed() {
    run(async {
        let server = Server::with(FILE_RULES).await;
        let mut ann = signed_in(&server, "ann@acme.example", &["admin"]).await;
        let page = shown(&visit(&mut ann, "/settings/log").await, 200);
        assert!(page.contains("of-the-file") && page.contains("plugin:*") && !page.contains("/delete"), "{page}");
        for (actor, action) in [("robot:1", "poll"), ("robot:2", "poll"), ("user:jane", "poll"), ("robot:1", "deploy")]
        {
            server.post(by(actor, action)).await.expect(201);
        }
        let new = "/settings/log/rules/new";
        let typed = |deed| [("name", "polls"), ("actors", "robot:*"), ("events", "poll\r\npoll-*"), ("deed", deed)];
        let page = shown(&ann.fill_form(new, new, &typed("try")).await, 200);
        assert!(page.contains("It would have kept out 2 of ") && page.contains("of their volume"), "{page}");
        assert!(page.contains("value=\"polls\"") && page.contains("poll\r\npoll-*"), "{page}");
        assert_eq!(own_rules(&server, &ann).await, Vec::<Value>::new(), "a trial makes no rule");
        leads(&ann.fill_form(new, new, &typed("save")).await, "/settings/log?done=created");
        let rules = own_rules(&server, &ann).await;
        assert_eq!((&rules[0]["name"], &rules[0]["event_id"]), (&json!("polls"), &json!(["poll", "poll-*"])));
        let written = server.post(by("robot:3", "poll")).await.json();
        assert_eq!(written["events"][0]["excluded"], "polls");
        // The name is taken, by this one and by that of the file; a rule without a pattern is none.
        for (name, status) in [("polls", 409), ("of-the-file", 409)] {
            let answer = ann.fill_form(new, new, &[("name", name), ("events", "x"), ("deed", "save")]).await;
            assert!(shown(&answer, status).contains("already"), "{}", answer.text());
        }
        let answer = ann.fill_form(new, new, &[("name", HOSTILE), ("deed", "save")]).await;
        assert!(!shown(&answer, 400).contains("<script>alert"), "{}", answer.text());

        let edit = format!("/settings/log/rules/{}", rules[0]["id"].as_str().unwrap());
        let page = shown(&visit(&mut ann, &edit).await, 200);
        assert!(page.contains("Edit <bdi>polls</bdi>") && page.contains("robot:*"), "{page}");
        leads(
            &ann.fill_form(&edit, &edit, &[("actors", "robot:3"), ("deed", "save")]).await,
            "/settings/log?done=saved",
        );
        let changed = own_rules(&server, &ann).await;
        assert_eq!((&changed[0]["actor_id"], &changed[0]["name"]), (&json!(["robot:3"]), &json!("polls")));
        let remove = format!("{edit}/delete");
        assert_eq!(ann.fill_form(&remove, &remove, &[("confirm", "poll")]).await.status, 400);
        assert_eq!(own_rules(&server, &ann).await.len(), 1);
        leads(&ann.fill_form(&remove, &remove, &[("confirm", "polls")]).await, "/settings/log?done=deleted");
        assert_eq!(own_rules(&server, &ann).await, Vec::<Value>::new());
        assert_eq!(visit(&mut ann, &edit).await.status, 404);
    });
}

#[test]
fn the_time_range_is_chosen_by_those_who_may_change_settings() {
    run(async {
        let server = Server::start().await;
        let mut ann = signed_in(&server, "ann@acme.example", &["admin"]).await;
        let range = [("default_range", "30d")];
        leads(&ann.fill_form("/settings/log", "/settings/log", &range).await, "/settings/log?done=range");
        assert_eq!(api(&server, &ann, "/api/v1/settings").await["default_range"], "30d");
        let page = shown(&visit(&mut ann, "/settings/log?done=range").await, 200);
        assert!(page.contains("value=\"30d\" checked") && page.contains("<bdi>plugin-reads</bdi>"), "{page}");
        let answer = ann.fill_form("/settings/log", "/settings/log", &[("default_range", "1y")]).await;
        assert!(notice(&answer).contains("24h or 30d"), "{}", answer.text());
        let looker = NewRole {
            name: "looker".to_owned(),
            handle: "looker".to_owned(),
            description: String::new(),
            permissions: vec![Permission::SettingsRead],
            narrowing: None,
        };
        server.create_role(DEFAULT_ORGANIZATION, &looker).await;
        let mut joe = signed_in(&server, "joe@acme.example", &["looker"]).await;
        let page = shown(&visit(&mut joe, "/settings/log").await, 200);
        assert!(page.contains("The last 30 days: what members see") && page.contains("settings.write"), "{page}");
        assert!(
            !page.contains("<form method=\"post\" action=\"/settings/log\"") && !page.contains("New rule"),
            "{page}"
        );
        assert_eq!(visit(&mut joe, "/settings/log/rules/new").await.status, 403);
        let mut max = signed_in(&server, "max@acme.example", &["auditor"]).await;
        assert_eq!(visit(&mut max, "/settings/log").await.status, 403);
        // Who changes rules sees them, and is led there.
        let ruler = NewRole { handle: "ruler".to_owned(), permissions: vec![Permission::RulesWrite], ..looker };
        server.create_role(DEFAULT_ORGANIZATION, &ruler).await;
        let mut eve = signed_in(&server, "eve@acme.example", &["ruler"]).await;
        leads(&visit(&mut eve, "/settings").await, "/settings/log");
        let page = shown(&visit(&mut eve, "/settings/log").await, 200);
        assert!(page.contains("New rule") && !page.contains("default_range"), "{page}");
    });
}
