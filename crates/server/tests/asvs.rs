//! Requirements of OWASP ASVS 5.0 that no other test is about: SECURITY.md names for each the test that shows it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use trailbook_event::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, SIGN_IN_FAILURES_MAX};
use trailbook_store::credential::Permission;
use trailbook_store::{DEFAULT_ORGANIZATION, SYSTEM_ORGANIZATION};

use crate::harness::{Answer, EVENTS, PASSWORD, Server, answer, run};
use crate::people::{ACME, INVITATIONS, People};

const SESSION: &str = "/api/v1/session";
const ME: &str = "/api/v1/me";
const JANE: &str = "jane@acme.example";
/// What good passwords of any length begin with.
const SENTENCE: &str = "qV7#wLm2xT9z lamás hum waltzes; quietly, beside Lake Ångström, they pickle walnuts ";

/// A password of so many characters.
fn of_chars(chars: usize) -> String {
    SENTENCE.chars().cycle().take(chars).collect()
}

async fn sign_in(server: &Server, organization: &str, email: &str, password: &str) -> Answer {
    let body = json!({"organization": organization, "email": email, "password": password});
    server.post_to(SESSION, "", &[], body.to_string()).await
}

/// Invites somebody and accepts with this password.
async fn join(people: &People, email: &str, password: &str) -> Answer {
    let made = people.post(&people.all, INVITATIONS, &json!({"emails": [email]})).await.expect(201);
    let token = made["data"][0]["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let body = json!({"token": token, "name": "A Person", "password": password});
    people.post("", &format!("{INVITATIONS}/accept"), &body).await
}

#[test]
fn passwords_have_12_to_128_characters_and_are_compared_as_they_were_typed() {
    run(async {
        let people = People::start().await;
        assert_eq!((PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX), (12, 128));
        for chars in [PASSWORD_CHARS_MIN - 1, PASSWORD_CHARS_MAX + 1] {
            let refused = join(&people, &format!("m{chars}@acme.example"), &of_chars(chars)).await;
            refused.problem(400, "invalid-body");
        }
        for chars in [PASSWORD_CHARS_MIN, 64, PASSWORD_CHARS_MAX] {
            let (email, password) = (format!("m{chars}@acme.example"), of_chars(chars));
            join(&people, &email, &password).await.expect(200);
            let mut cut = password.clone();
            let last = cut.pop().unwrap();
            let others = [
                format!(" {password}"),
                format!("{password} "),
                password.replacen('V', "v", 1),
                cut.clone(),
                format!("{password}{last}"),
            ];
            assert!(others.len() <= SIGN_IN_FAILURES_MAX as usize, "more would be slowed down");
            for other in &others {
                sign_in(&people.server, ACME, &email, other).await.problem(401, "sign-in-failed");
            }
            sign_in(&people.server, ACME, &email, &password).await.expect(201);
        }
    });
}

#[test]
fn a_new_server_has_no_member_and_no_token_that_holds() {
    run(async {
        let server = Server::start().await;
        let catalog = server.catalog().await;
        let organizations = catalog.organizations().await.unwrap();
        let names: Vec<_> = organizations.iter().map(|one| one.name()).collect();
        assert!(names.contains(&DEFAULT_ORGANIZATION) && names.contains(&SYSTEM_ORGANIZATION), "{names:?}");
        let credentials = catalog.credentials().await.unwrap();
        for organization in &organizations {
            assert!(credentials.directory().members(organization).is_empty(), "{}", organization.name());
        }
        let entries = catalog.entries().await.unwrap();
        let holding: Vec<_> = entries.iter().filter(|entry| entry.has_value).map(|entry| &entry.name).collect();
        // The one that this test made for itself.
        assert_eq!(holding, [&format!("n{}", server.token)]);
        for (email, password) in [("admin", "admin"), ("admin@localhost", "password"), ("", "")] {
            sign_in(&server, DEFAULT_ORGANIZATION, email, password).await.problem(401, "sign-in-failed");
        }
    });
}

/// The names of all members in a schema, and in those that it refers to.
fn members(document: &Value, schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        return members(document, document.pointer(pointer).unwrap(), found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(name.clone());
        members(document, inner, found);
    }
    let lists = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    for inner in lists.chain([&schema["items"]]).filter(|inner| inner.is_object()) {
        members(document, inner, found);
    }
}

#[test]
fn a_password_is_set_by_whoever_it_is_of_and_no_other_route_takes_one() {
    run(async {
        let server = Server::start().await;
        let document = server.get("", "/api/openapi.json").await.expect(200);
        let mut taking = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let mut names = BTreeSet::new();
                for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                    members(&document, &content.1["schema"], &mut names);
                }
                if names.iter().any(|name| name.contains("password")) {
                    taking.insert(format!("{method} {path}"));
                }
            }
        }
        let expected = ["patch /api/v1/me", "post /api/v1/invitations/accept", "post /api/v1/session"];
        assert_eq!(taking.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        // And nobody reads one.
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let holding = schemas.iter().filter(|(_, schema)| !schema["properties"]["password"].is_null());
        let holding: Vec<_> = holding.map(|(name, _)| name.as_str()).collect();
        assert_eq!(holding, ["AcceptanceIn", "MeBody", "SignInBody"]);
    });
}

#[test]
fn a_cookie_from_before_the_sign_in_is_worth_nothing() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        // Somebody has put this into her browser.
        let planted = "trailbook-session=tb_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
        let body = json!({"email": JANE, "password": PASSWORD}).to_string();
        let signed_in = answer(server.request(Method::POST, SESSION).header("cookie", planted).body(body)).await;
        signed_in.expect(201);
        assert!(!signed_in.header("set-cookie").starts_with(planted));
        let me = answer(server.request(Method::GET, ME).header("cookie", planted)).await;
        me.problem(401, "unauthenticated");
    });
}

#[test]
fn who_does_not_know_the_password_until_now_is_on_record() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let (cookie, csrf) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
        let change = async |current: &str| {
            let request = server.request(Method::PATCH, ME).header("cookie", &cookie).header("x-csrf-token", &csrf);
            let body = json!({"password": of_chars(20), "current_password": current});
            answer(request.body(body.to_string())).await
        };
        for _ in 0..SIGN_IN_FAILURES_MAX {
            change("not the password at all").await.problem(401, "sign-in-failed");
        }
        let failed = server.list("source=trailbook&action=user.password_changed&outcome=failed").await;
        assert_eq!(failed["total"], SIGN_IN_FAILURES_MAX);
        let event = &failed["data"][0];
        assert_eq!((&event["actor"]["email"], &event["severity"]), (&JANE.into(), &"high".into()));
        assert!(!failed.to_string().contains("not the password"));
        // Guessing it from within is as slow as from without.
        change("not the password at all").await.problem(401, "sign-in-failed");
        change(PASSWORD).await.problem(429, "too-often");
    });
}

#[test]
fn a_page_of_another_site_that_uses_a_session_is_on_record() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let (cookie, csrf) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
        let request = server.request(Method::PATCH, ME).header("cookie", &cookie).header("x-csrf-token", &csrf);
        let forged = answer(request.header("sec-fetch-site", "cross-site").body(r#"{"name":"Mallory"}"#)).await;
        forged.problem(403, "not-allowed");
        let denied = server.list("source=trailbook&action=access.denied").await;
        let event = &denied["data"][0];
        assert_eq!((&denied["total"], &event["actor"]["email"]), (&1.into(), &JANE.into()));
        assert!(event["error"]["message"].as_str().unwrap().contains("x-csrf-token"), "{event}");
    });
}

#[test]
fn who_goes_on_guessing_fills_no_log() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let mut refused = 0;
        for _ in 0..60 {
            let answer = sign_in(&server, DEFAULT_ORGANIZATION, JANE, "not the password at all").await;
            refused += usize::from(answer.status == 429);
        }
        assert!(refused > 30, "{refused}");
        let failed = server.list("source=trailbook&action=user.login&outcome=failed&limit=100").await;
        let data = failed["data"].as_array().unwrap();
        let waits = data.iter().filter(|event| event["error"]["message"] == "tried too often").count();
        let tried = 60 - refused;
        assert_eq!(data.len(), tried + waits);
        // Once for each wait, and a failure begins one.
        assert!(waits >= 1 && waits <= tried, "{waits} of {refused}");
    });
}

#[test]
fn a_stranger_learns_nothing_of_the_inside_when_something_fails() {
    run(async {
        let server = Server::start().await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &Permission::ALL).await;
        for (path, body) in [
            (SESSION, "{"),
            (SESSION, r#"{"email":1}"#),
            (EVENTS, "\u{0}"),
            ("/api/v1/roles", r#"{"name":"' OR 1=1 --","permissions":["none"]}"#),
            ("/api/v1/invitations/accept", r#"{"token":"' OR 1=1 --","name":"x","password":"x"}"#),
        ] {
            let said = server.post_to(path, &token, &[], body.to_owned()).await;
            assert!((400..500).contains(&said.status), "{path}: {}", said.text());
            let text = said.text().to_lowercase();
            for inside in ["sqlite", "select ", "sqlx", "panicked", ".rs:", "backtrace"] {
                assert!(!text.contains(inside), "{path}: {text}");
            }
        }
    });
}
