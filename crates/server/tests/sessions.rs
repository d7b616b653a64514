//! Signing in, sessions, and tokens of members: what lets somebody in, and when it does not any more.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_store::members::{Holder, MemberChange};

use crate::harness::{Answer, EVENTS, MINIMAL, PASSWORD, Server, answer, run};

const SESSION: &str = "/api/v1/session";
const ME: &str = "/api/v1/me";
const JANE: &str = "jane@acme.example";

async fn sign_in(server: &Server, email: &str, password: &str, cookies: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    let request = server.request(Method::POST, SESSION).header("cookie", cookies).body(body.to_string());
    answer(request).await
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all("set-cookie").iter();
    let pairs = set.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned());
    pairs.collect::<Vec<_>>().join("; ")
}

async fn with(server: &Server, method: Method, path: &str, (cookie, csrf): (&str, &str), body: &Value) -> Answer {
    let mut request = server.request(method, path).header("cookie", cookie);
    if !csrf.is_empty() {
        request = request.header("x-csrf-token", csrf);
    }
    answer(request.body(if body.is_null() { String::new() } else { body.to_string() })).await
}

async fn get(server: &Server, path: &str, cookie: &str) -> Answer {
    with(server, Method::GET, path, (cookie, ""), &Value::Null).await
}

/// The newest own events of the first organization, the newest first, without those of reads.
async fn deeds(server: &Server) -> Vec<Value> {
    let page = server.list("source=trailbook&limit=20").await;
    page["data"].as_array().unwrap().clone()
}

#[test]
fn a_member_signs_in_reads_and_signs_out() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        server.post(MINIMAL).await.expect(201);
        let signed_in = sign_in(&server, " JANE@acme.example ", PASSWORD, "").await;
        let begun = signed_in.expect(201);
        let set = signed_in.header("set-cookie");
        assert!(set.starts_with("trailbook-session=tb_"), "{set}");
        assert!(set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{set}");
        let (cookie, csrf) = (cookies(&signed_in), begun["csrf_token"].as_str().unwrap());
        let me = get(&server, ME, &cookie).await.expect(200);
        assert_eq!(
            (&me["kind"], &me["member"]["email"], &me["roles"]),
            (&"session".into(), &JANE.into(), &json!(["auditor"]))
        );
        assert_eq!((&me["csrf_token"], &me["organization"]), (&begun["csrf_token"], &DEFAULT_ORGANIZATION.into()));
        let permissions: Vec<_> = me["permissions"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(permissions, ["events.read", "log.read", "exports"]);
        assert_eq!(get(&server, &format!("{EVENTS}?source=s"), &cookie).await.expect(200)["total"], 1);
        let refused =
            with(&server, Method::POST, EVENTS, (&cookie, csrf), &json!({"source": "s", "action": "a"})).await;
        let refused = refused.problem(403, "not-allowed");
        assert_eq!(
            refused["detail"],
            "this needs the scope events.write; your roles have events.read, log.read, exports"
        );
        let sessions = get(&server, "/api/v1/me/sessions", &cookie).await.expect(200);
        assert_eq!((&sessions["total"], &sessions["data"][0]["is_current"]), (&1.into(), &true.into()));
        assert_eq!(
            (&sessions["data"][0]["method"], &sessions["data"][0]["address"]),
            (&"password".into(), &"127.0.0.1".into())
        );

        assert_eq!(with(&server, Method::DELETE, SESSION, (&cookie, csrf), &Value::Null).await.status, 204);
        get(&server, ME, &cookie).await.problem(401, "unauthenticated");
        let actions: Vec<Value> = deeds(&server).await.iter().map(|deed| deed["action"].clone()).collect();
        assert_eq!(actions, ["user.logout", "access.denied", "user.login"]);
        let login = &deeds(&server).await[2];
        assert_eq!((&login["actor"]["email"], &login["outcome"]), (&JANE.into(), &"succeeded".into()));
        assert_eq!((&login["context"]["ip"], &login["meta"]["method"]), (&"127.0.0.1".into(), &"password".into()));
    });
}

#[test]
fn with_https_the_cookie_is_bound_to_this_host() {
    run(async {
        let server = Server::with("behind_proxy = true").await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let signed_in = sign_in(&server, JANE, PASSWORD, "").await;
        signed_in.expect(201);
        let set = signed_in.header("set-cookie");
        assert!(set.starts_with("__Host-trailbook-session=") && set.ends_with("; SameSite=Lax; Secure"), "{set}");
    });
}

#[test]
fn whoever_does_not_get_in_learns_nothing_of_why() {
    run(async {
        let server = Server::start().await;
        let jane = server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let joe = server.member(DEFAULT_ORGANIZATION, "joe@acme.example", &["auditor"]).await;
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let suspended = MemberChange { is_suspended: Some(true), ..MemberChange::default() };
        catalog.change_member(&organization, joe.id, &suspended).await.unwrap();
        let other = json!({"organization": "nobody-has-it", "email": JANE, "password": PASSWORD});
        let other = server.post_to(SESSION, "", &[], other.to_string()).await;
        let answers = [
            sign_in(&server, JANE, "not her password", "").await,
            sign_in(&server, "nobody@acme.example", PASSWORD, "").await,
            sign_in(&server, "joe@acme.example", PASSWORD, "").await,
            sign_in(&server, "no address", PASSWORD, "").await,
            sign_in(&server, JANE, "", "").await,
            other,
        ];
        for answer in &answers {
            answer.problem(401, "sign-in-failed");
            assert_eq!((&answer.body, answer.header("set-cookie")), (&answers[0].body, ""));
            let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(names(answer), names(&answers[0]));
        }
        // Who tried stands in the log of the organization that was named, or else in the server's own.
        let failed = deeds(&server).await;
        assert_eq!(failed.len(), 5);
        assert!(failed.iter().all(|deed| deed["action"] == "user.login" && deed["outcome"] == "failed"));
        assert!(!serde_json::to_string(&failed).unwrap().contains("walruses"), "a password is nowhere");
        assert_eq!(jane.email, JANE);
        let system = server.scoped("system", &[Permission::EventsRead]).await;
        let page = server.get(&system, &format!("{EVENTS}?action=user.login")).await.expect(200);
        assert_eq!((&page["total"], &page["data"][0]["outcome"]), (&1.into(), &"failed".into()));
    });
}

#[test]
fn guessing_is_slow_and_locks_nobody_out_who_was_in_before() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let known = sign_in(&server, JANE, PASSWORD, "").await;
        known.expect(201);
        let device: Vec<String> =
            cookies(&known).split("; ").filter(|one| one.contains("device")).map(str::to_owned).collect();
        assert_eq!(device.len(), 1);
        for email in ["nobody@acme.example", JANE] {
            for _ in 0..5 {
                sign_in(&server, email, "not the password", "").await.problem(401, "sign-in-failed");
            }
            // From then on each failure is followed by a longer wait.
            let deadline = Instant::now() + Duration::from_secs(60);
            loop {
                let answer = sign_in(&server, email, "not the password", "").await;
                let wait = answer.header("retry-after").parse::<u64>().unwrap_or_default();
                if wait >= 8 {
                    answer.problem(429, "too-often");
                    break;
                }
                assert!(Instant::now() < deadline, "there is no wait");
                sleep(Duration::from_millis(wait * 1_000)).await;
            }
            let slowed = sign_in(&server, email, PASSWORD, "").await;
            slowed.problem(429, "too-often");
        }
        // Her own browser does not wait for what strangers did.
        sign_in(&server, JANE, PASSWORD, &device[0]).await.expect(201);
        // A cookie that is none of hers is a stranger's.
        let forged = format!("{}x", device[0]);
        sign_in(&server, JANE, PASSWORD, &forged).await.problem(429, "too-often");
    });
}

#[test]
fn a_session_is_new_at_each_sign_in_and_ends_in_every_way() {
    run(async {
        let server = Server::start().await;
        let jane = server.member(DEFAULT_ORGANIZATION, JANE, &["admin"]).await;
        server.member(DEFAULT_ORGANIZATION, "root@acme.example", &["admin"]).await;
        let first = sign_in(&server, JANE, PASSWORD, "").await;
        first.expect(201);
        let second = sign_in(&server, JANE, PASSWORD, &cookies(&first)).await;
        let begun = second.expect(201);
        assert_ne!(cookies(&first), cookies(&second));
        get(&server, ME, &cookies(&first)).await.problem(401, "unauthenticated");
        let (cookie, csrf) = (cookies(&second), begun["csrf_token"].as_str().unwrap());

        // Another browser's session, ended from here.
        let third = sign_in(&server, JANE, PASSWORD, "").await;
        let id = third.expect(201)["session"]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/me/sessions/{id}");
        assert_eq!(with(&server, Method::DELETE, &path, (&cookie, csrf), &Value::Null).await.status, 204);
        get(&server, ME, &cookies(&third)).await.problem(401, "unauthenticated");
        with(&server, Method::DELETE, &path, (&cookie, csrf), &Value::Null).await.problem(404, "not-found");

        // A new password needs the old one, and ends all.
        let weak = json!({"password": "password1234", "current_password": PASSWORD});
        with(&server, Method::PATCH, ME, (&cookie, csrf), &weak).await.problem(400, "invalid-body");
        let wrong = json!({"password": "eleven green herons dive", "current_password": "not it at all"});
        with(&server, Method::PATCH, ME, (&cookie, csrf), &wrong).await.problem(401, "sign-in-failed");
        let new = json!({"password": "eleven green herons dive", "current_password": PASSWORD});
        assert_eq!(with(&server, Method::PATCH, ME, (&cookie, csrf), &new).await.status, 204);
        get(&server, ME, &cookie).await.problem(401, "unauthenticated");
        sign_in(&server, JANE, PASSWORD, "").await.problem(401, "sign-in-failed");
        let again = sign_in(&server, JANE, "eleven green herons dive", "").await;
        again.expect(201);

        // Whoever is removed is out at once.
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        catalog.remove_member(&organization, jane.id).await.unwrap();
        get(&server, ME, &cookies(&again)).await.problem(401, "unauthenticated");
    });
}

#[test]
fn what_changes_something_needs_the_token_of_the_sessions_forms() {
    run(async {
        let server = Server::start().await;
        server.member(DEFAULT_ORGANIZATION, JANE, &["admin"]).await;
        let (cookie, csrf) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
        let (_, of_another) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
        let body = json!({"name": "Jane"});
        for wrong in ["", "x", of_another.as_str(), &csrf[1..]] {
            let refused = with(&server, Method::PATCH, ME, (&cookie, wrong), &body).await;
            let detail = refused.problem(403, "not-allowed")["detail"].clone();
            assert!(detail.as_str().unwrap().contains("x-csrf-token"), "{detail}");
        }
        let request = server.request(Method::PATCH, ME).header("cookie", &cookie).header("x-csrf-token", &csrf);
        let cross = answer(request.header("sec-fetch-site", "cross-site").body(body.to_string())).await;
        cross.problem(403, "not-allowed");
        assert_eq!(with(&server, Method::PATCH, ME, (&cookie, &csrf), &body).await.status, 204);
        let me = get(&server, ME, &cookie).await.expect(200);
        assert_eq!(me["member"]["name"], "Jane");
        let foreign = server.request(Method::POST, SESSION).header("sec-fetch-site", "cross-site");
        let foreign = answer(foreign.body(json!({"email": JANE, "password": PASSWORD}).to_string())).await;
        foreign.problem(403, "not-allowed");
    });
}

#[test]
fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
    run(async {
        for (setting, is_used) in [("session_idle = '1s'", false), ("session_lifetime = '2s'", true)] {
            let server = Server::with(setting).await;
            server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
            let (cookie, _) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
            get(&server, ME, &cookie).await.expect(200);
            let deadline = Instant::now() + Duration::from_secs(60);
            loop {
                // Without a request it is idle; with one after the other it is not.
                sleep(Duration::from_millis(if is_used { 100 } else { 1_500 })).await;
                if get(&server, ME, &cookie).await.status == 401 {
                    break;
                }
                assert!(Instant::now() < deadline, "{setting}");
            }
        }
    });
}

#[test]
fn a_personal_token_does_what_its_scopes_and_its_owner_may() {
    run(async {
        let server = Server::start().await;
        let jane = server.member(DEFAULT_ORGANIZATION, JANE, &["auditor"]).await;
        let (cookie, csrf) = server.signed_in(DEFAULT_ORGANIZATION, JANE).await;
        let session = (cookie.as_str(), csrf.as_str());
        let path = "/api/v1/me/tokens";
        let beyond = json!({"name": "laptop", "scopes": ["events.read", "events.write"]});
        let beyond = with(&server, Method::POST, path, session, &beyond).await.problem(403, "not-allowed");
        assert_eq!(beyond["detail"], "a token cannot do what its owner may not: you do not have events.write");
        let unknown = json!({"name": "laptop", "scopes": ["events.delete"]});
        with(&server, Method::POST, path, session, &unknown).await.problem(400, "invalid-body");
        for days in [0, 367] {
            let wrong = json!({"name": "laptop", "scopes": ["events.read"], "days": days});
            with(&server, Method::POST, path, session, &wrong).await.problem(400, "invalid-body");
        }
        let body = json!({"name": "laptop", "scopes": ["events.read"]});
        let made = with(&server, Method::POST, path, session, &body).await.expect(201);
        let token = made["value"].as_str().unwrap();
        let day = |text: &Value| text.as_str().unwrap()[..10].parse::<jiff::civil::Date>().unwrap();
        let days = day(&made["token"]["expires_at"]) - day(&made["token"]["created_at"]);
        assert_eq!(days.get_days(), 90);
        with(&server, Method::POST, path, session, &body).await.problem(409, "conflict");
        server.get(token, EVENTS).await.expect(200);
        server.get(token, "/api/v1/logs").await.problem(403, "not-allowed");
        server.get(token, path).await.problem(403, "not-allowed");
        // It is listed, with its last use, and never its value.
        let list = get(&server, path, &cookie).await;
        assert!(!list.text().contains(token));
        assert!(list.expect(200)["data"][0]["last_used_at"].is_string());

        // What its owner may not any more, it may not either.
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let credentials = catalog.credentials().await.unwrap();
        let auditor = credentials.directory().role(&organization, "auditor").unwrap().id;
        catalog.set_role(&organization, auditor, Holder::Member(jane.id), false).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(2);
        while server.get(token, EVENTS).await.status != 403 {
            assert!(Instant::now() < deadline, "the role was taken away a second ago");
        }
        let id = made["token"]["id"].as_str().unwrap();
        let own = format!("{path}/{id}");
        assert_eq!(with(&server, Method::DELETE, &own, session, &Value::Null).await.status, 204);
        server.get(token, EVENTS).await.problem(401, "unauthenticated");
        with(&server, Method::DELETE, &own, session, &Value::Null).await.problem(404, "not-found");
        let actions: Vec<_> = deeds(&server).await.into_iter().map(|deed| deed["action"].clone()).collect();
        assert!(actions.contains(&"user.pat.created".into()) && actions.contains(&"user.pat.revoked".into()));
    });
}

#[test]
fn tokens_of_the_organization_are_made_listed_and_revoked() {
    run(async {
        let server = Server::start().await;
        let all = server.scoped(DEFAULT_ORGANIZATION, &Permission::ALL).await;
        let clerk =
            server.scoped(DEFAULT_ORGANIZATION, &[Permission::CredentialsRead, Permission::CredentialsWrite]).await;
        let path = "/api/v1/tokens";
        let writer = json!({"name": "ci", "scopes": ["events.write"], "days": 1}).to_string();
        // Nobody makes a token that may do more than they may, by scopes or by restrictions.
        let portal = json!({"name": "portal", "access_restrictions": [{"plugin": "audit-log"}]}).to_string();
        for body in [&writer, &portal] {
            let refused = server.post_to(path, &clerk, &[], body.clone()).await.problem(403, "not-allowed");
            assert!(refused["detail"].as_str().unwrap().starts_with("nobody grants"), "{refused}");
        }
        let made = server.post_to(path, &all, &[], writer).await.expect(201);
        let token = made["value"].as_str().unwrap();
        server.post_as(token, &[], MINIMAL).await.expect(201);
        server.get(token, EVENTS).await.problem(403, "not-allowed");
        let list = server.get(&clerk, path).await;
        assert!(!list.text().contains(token));
        let list = list.expect(200);
        let own = list["data"].as_array().unwrap().iter().find(|one| one["name"] == "ci").unwrap();
        assert!(own["last_used_at"].is_string() && own["expires_at"].is_string());
        // Its value can be set, as for the Portal's entry that is there from the start.
        let value = json!({"name": "audit-log-api-access", "value": "chosen-by-us", "access_restrictions": [
            {"plugin": "audit-log", "permissions": ["audit.log.read"]}]});
        server.post_to(path, &all, &[], value.to_string()).await.expect(201);
        server.get("chosen-by-us", crate::harness::AUDIT).await.expect(200);
        let id = own["id"].as_str().unwrap();
        let delete = server.request(Method::DELETE, &format!("{path}/{id}")).bearer_auth(&clerk);
        assert_eq!(answer(delete).await.status, 204);
        server.post_as(token, &[], MINIMAL).await.problem(401, "unauthenticated");
        for wrong in [
            json!({"name": "x y", "scopes": ["events.read"]}),
            json!({"name": "x"}),
            json!({"name": "x", "scopes": [], "more": 1}),
        ] {
            server.post_to(path, &all, &[], wrong.to_string()).await.problem(400, "invalid-body");
        }
        // What was on record and did not come to pass is recorded as failed.
        let failed = format!("{EVENTS}?source=trailbook&action=token.created&outcome=failed");
        let failed = server.get(&all, &failed).await.expect(200);
        assert_eq!((&failed["total"], &failed["data"][0]["targets"][0]["id"]), (&1.into(), &"x y".into()));
    });
}
