//! Invitations: who is invited to what, by mail or by a link that is shown, and how they are accepted.

mod mail_server;

use serde_json::{Value, json};
use trailbook_event::limits::{
    EMAIL_BYTES_MAX, INVITATION_DAYS_MAX, INVITATIONS_OPEN_MAX, INVITED_AT_ONCE_MAX, NEW_PASSWORD_HOURS_MAX,
    PASSWORD_CHARS_MIN, SIGN_IN_FAILURES_MAX,
};
use trailbook_store::credential::{Permission, new_token};
use trailbook_store::members::{InvitationKind, NewInvitation, NewSession, SignInMethod};

use crate::harness::{Answer, run};
use crate::people::{GROUPS, INVITATIONS, MEMBERS, People, assert_beyond, path, texts};
use mail_server::MailServer;

const PASSWORD: &str = "velvet otter climbs nine ladders";

fn invited(emails: &[&str]) -> Value {
    json!({"emails": emails})
}

/// The secret of a link.
fn secret(invitation: &Value) -> String {
    let link = invitation["link"].as_str().unwrap_or_else(|| panic!("no link: {invitation}"));
    link.rsplit('/').next().unwrap().to_owned()
}

/// The whole hours between its begin and its end.
fn lasts_hours(invitation: &Value) -> i64 {
    let time = |key: &str| {
        let text = invitation[key].as_str().unwrap();
        trailbook_event::Timestamp::parse(text).unwrap().millis()
    };
    (time("expires_at") - time("created_at")) / (60 * 60 * 1_000)
}

async fn accept(people: &People, body: &Value) -> Answer {
    people.post("", &format!("{INVITATIONS}/accept"), body).await
}

fn acceptance(token: &str) -> Value {
    json!({"token": token, "name": "Jane Doe", "password": PASSWORD})
}

/// Invites one and gives the invitation.
async fn invite(people: &People, body: &Value) -> Value {
    people.post(&people.all, INVITATIONS, body).await.expect(201)["data"][0].take()
}

async fn state(people: &People, id: &Value) -> String {
    let list = people.get(INVITATIONS).await.expect(200);
    let all = list["data"].as_array().unwrap();
    all.iter().find(|one| one["id"] == *id).unwrap()["state"].as_str().unwrap().to_owned()
}

/// An invitation that is made beside the API.
fn new(kind: InvitationKind, email: Option<&str>, lasts_ms: i64) -> NewInvitation {
    NewInvitation {
        kind,
        token: new_token().unwrap(),
        email: email.map(str::to_owned),
        member: None,
        roles: vec!["admin".to_owned()],
        groups: Vec::new(),
        invited_by: "a test".to_owned(),
        lasts_ms,
    }
}

#[test]
fn whoever_is_invited_becomes_a_member_with_the_roles_and_groups() {
    run(async {
        let people = People::start().await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        let body = json!({"emails": [" Jane@ACME.example"], "roles": ["auditor"], "groups": ["reviewers"]});
        let mut made = invite(&people, &body).await;
        let link = made["link"].as_str().unwrap().to_owned();
        let start = format!("http://{}/invitations/", people.server.address());
        assert_eq!(link.strip_prefix(&start).unwrap().len(), 43, "{link}");
        for key in ["id", "link", "created_at", "expires_at", "invited_by"] {
            assert!(made.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        let expected = json!({
            "email": "jane@acme.example", "kind": "join", "roles": ["auditor"], "groups": ["reviewers"], "state": "open",
        });
        assert_eq!(made, expected);
        // The link is not shown again.
        assert!(people.get(INVITATIONS).await.expect(200)["data"][0].get("link").is_none());

        let token = link.rsplit('/').next().unwrap();
        let accepted = accept(&people, &acceptance(token)).await.expect(200);
        let seen = people.get(MEMBERS).await.expect(200)["data"][0].clone();
        let expected = json!({
            "id": seen["id"], "email": "jane@acme.example", "name": "Jane Doe", "organization": "acme",
        });
        assert_eq!(accepted, expected);
        assert_eq!((&seen["groups"], &seen["sign_in_methods"]), (&json!(["reviewers"]), &json!(["password"])));
        assert_eq!(texts(&seen["roles"], "handle"), ["auditor"]);
        let catalog = people.server.catalog().await;
        let (_, hash) = catalog.member_of_email(&people.organization, "jane@acme.example").await.unwrap().unwrap();
        assert!(hash.unwrap().starts_with("$argon2id$"));
        assert_eq!(people.get(INVITATIONS).await.expect(200)["data"][0]["state"], "accepted");
        accept(&people, &acceptance(token)).await.problem(404, "not-found");

        let sent = people.recorded("user.invite.sent").await.remove(0);
        assert_eq!(sent["meta"], json!({"groups": ["reviewers"], "roles": ["auditor"]}));
        assert_eq!(
            (&sent["targets"][0]["id"], &sent["actor"]["type"]),
            (&"jane@acme.example".into(), &"service".into())
        );
        let accepted = people.recorded("user.invite.accepted").await;
        assert_eq!(accepted.len(), 1);
        assert_eq!(accepted[0]["actor"], json!({"type": "anonymous", "email": "jane@acme.example"}));
        assert!(!people.server.get(&people.all, "/api/v1/events?source=trailbook").await.text().contains(token));
    });
}

#[test]
fn several_are_invited_at_once_to_the_role_member_by_default() {
    run(async {
        let people = People::start().await;
        let emails: Vec<String> = (0..INVITED_AT_ONCE_MAX).map(|n| format!("m{n}@acme.example")).collect();
        let made = people.post(&people.all, INVITATIONS, &json!({"emails": emails})).await.expect(201);
        assert_eq!(
            (&made["total"], texts(&made["data"], "email")),
            (&INVITED_AT_ONCE_MAX.into(), emails.iter().map(String::as_str).collect())
        );
        assert!(made["data"].as_array().unwrap().iter().all(|one| one["roles"] == json!(["member"])));
        assert_eq!(people.recorded("user.invite.sent").await.len(), INVITED_AT_ONCE_MAX);
        // They end together, after the days that an invitation lasts.
        assert_eq!(lasts_hours(&made["data"][0]), INVITATION_DAYS_MAX * 24);
        let secrets: std::collections::BTreeSet<_> = made["data"].as_array().unwrap().iter().map(secret).collect();
        assert_eq!(secrets.len(), INVITED_AT_ONCE_MAX);
    });
}

#[test]
fn what_cannot_be_invited_is_refused_as_a_whole() {
    run(async {
        let people = People::start().await;
        let many: Vec<String> = (0..=INVITED_AT_ONCE_MAX).map(|n| format!("m{n}@acme.example")).collect();
        let longest =
            format!("{}@{}.example", "a".repeat(64), ["b".repeat(60), "c".repeat(60), "d".repeat(59)].join("."));
        assert_eq!(longest.len(), EMAIL_BYTES_MAX);
        for (body, said) in [
            (json!({}), "emails"),
            (json!({"emails": []}), "1 to 100"),
            (json!({"emails": many}), "not 101"),
            (invited(&["jane@acme.example", "joe"]), "joe"),
            (invited(&[&format!("a{longest}")]), "254"),
            (invited(&["jane@acme.example", "JANE@acme.example"]), "twice"),
            (json!({"emails": ["jane@acme.example"], "roles": ["none"]}), "none"),
            (json!({"emails": ["jane@acme.example"], "groups": ["none"]}), "none"),
            (json!({"emails": ["jane@acme.example"], "link": true}), "link"),
        ] {
            let problem = people.post(&people.all, INVITATIONS, &body).await.problem(400, "invalid-body");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        }
        people.member("joe@acme.example", &["member"]).await;
        let problem = people.post(&people.all, INVITATIONS, &invited(&["jane@acme.example", "Joe@acme.example"])).await;
        let problem = problem.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains("joe@acme.example"), "{problem}");
        assert_eq!(people.get(INVITATIONS).await.expect(200), json!({"data": [], "total": 0}));
        assert!(people.recorded("user.invite.sent").await.is_empty());
        invite(&people, &invited(&[&longest])).await;
    });
}

#[test]
fn as_many_as_may_be_are_open() {
    run(async {
        let people = People::start().await;
        let catalog = people.server.catalog().await;
        let lasts_ms = 600_000;
        for n in 2..INVITATIONS_OPEN_MAX {
            let one = new(InvitationKind::Join, Some(&format!("m{n}@acme.example")), lasts_ms);
            catalog.create_invitation(&people.organization, &one).await.unwrap();
        }
        let three = invited(&["a@acme.example", "b@acme.example", "c@acme.example"]);
        people.post(&people.all, INVITATIONS, &three).await.problem(429, "too-many");
        assert!(people.recorded("user.invite.sent").await.is_empty());
        let two = invited(&["a@acme.example", "b@acme.example"]);
        let made = people.post(&people.all, INVITATIONS, &two).await.expect(201);
        people.post(&people.all, INVITATIONS, &invited(&["c@acme.example"])).await.problem(429, "too-many");
        let first = format!("{INVITATIONS}/{}", made["data"][0]["id"].as_str().unwrap());
        assert_eq!(people.delete(&people.all, &first).await.status, 204);
        invite(&people, &invited(&["c@acme.example"])).await;
    });
}

#[test]
fn nobody_invites_beyond_what_they_have() {
    run(async {
        let people = People::start().await;
        people.post(&people.all, GROUPS, &json!({"name": "Admins"})).await.expect(201);
        people.put(&people.all, &format!("{GROUPS}/admins/roles/admin"), &Value::Null).await;
        let token = people.manager(&[Permission::EventsRead]).await;
        let to =
            |roles: &[&str], groups: &[&str]| json!({"emails": ["a@acme.example"], "roles": roles, "groups": groups});
        assert_beyond(&people.post(&token, INVITATIONS, &to(&["auditor"], &[])).await, "log.read");
        assert_beyond(&people.post(&token, INVITATIONS, &to(&["member", "admin"], &[])).await, "yourself");
        assert_beyond(&people.post(&token, INVITATIONS, &to(&[], &["admins"])).await, "yourself");
        people.post(&token, INVITATIONS, &to(&["member"], &[])).await.expect(201);
        // Nor do they get at the link of one that somebody else made.
        let above = invite(&people, &to(&["admin"], &[])).await;
        let id = above["id"].as_str().unwrap();
        assert_beyond(&people.post(&token, &format!("{INVITATIONS}/{id}/resend"), &Value::Null).await, "yourself");
        assert_beyond(&people.delete(&token, &format!("{INVITATIONS}/{id}")).await, "yourself");
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        let link = people.post(&people.all, &format!("{}/password-link", path(&jane)), &Value::Null).await.expect(201);
        let id = link["id"].as_str().unwrap();
        assert_beyond(&people.post(&token, &format!("{INVITATIONS}/{id}/resend"), &Value::Null).await, "log.read");
    });
}

#[test]
fn an_invitation_is_revoked_or_made_anew() {
    run(async {
        let people = People::start().await;
        let first = invite(&people, &invited(&["jane@acme.example"])).await;
        let one = format!("{INVITATIONS}/{}", first["id"].as_str().unwrap());
        let resent = people.post(&people.all, &format!("{one}/resend"), &Value::Null).await.expect(200);
        assert_eq!((&resent["id"], &resent["state"]), (&first["id"], &"open".into()));
        accept(&people, &acceptance(&secret(&first))).await.problem(404, "not-found");
        // Inviting the same address again ends the one before.
        let second = invite(&people, &invited(&["jane@acme.example"])).await;
        assert_eq!(state(&people, &first["id"]).await, "revoked");
        accept(&people, &acceptance(&secret(&resent))).await.problem(404, "not-found");
        people.post(&people.all, &format!("{one}/resend"), &Value::Null).await.problem(409, "conflict");
        people.delete(&people.all, &one).await.problem(409, "conflict");

        let other = format!("{INVITATIONS}/{}", second["id"].as_str().unwrap());
        assert_eq!(people.delete(&people.all, &other).await.status, 204);
        accept(&people, &acceptance(&secret(&second))).await.problem(404, "not-found");
        let revoked = people.recorded("user.invite.revoked").await;
        assert_eq!((revoked.len(), &revoked[0]["targets"][0]["name"]), (1, &"jane@acme.example".into()));
        assert_eq!(people.recorded("user.invite.resent").await.len(), 1);
        assert_eq!(people.get(MEMBERS).await.expect(200)["total"], 0);
    });
}

#[test]
fn one_that_has_expired_can_be_sent_again() {
    run(async {
        let people = People::start().await;
        let late = new(InvitationKind::Join, Some("jane@acme.example"), 0);
        let catalog = people.server.catalog().await;
        let made = catalog.create_invitation(&people.organization, &late).await.unwrap();
        let id = json!(made.id.to_string());
        assert_eq!(state(&people, &id).await, "expired");
        accept(&people, &acceptance(&late.token)).await.problem(404, "not-found");
        let path = format!("{INVITATIONS}/{}/resend", made.id);
        let resent = people.post(&people.all, &path, &Value::Null).await.expect(200);
        assert_eq!(resent["state"], "open");
        accept(&people, &acceptance(&secret(&resent))).await.expect(200);
        people.post(&people.all, &path, &Value::Null).await.problem(409, "conflict");
    });
}

#[test]
fn links_that_do_not_hold_are_all_the_same() {
    run(async {
        let people = People::start().await;
        let catalog = people.server.catalog().await;
        let late = new(InvitationKind::Join, Some("late@acme.example"), 0);
        catalog.create_invitation(&people.organization, &late).await.unwrap();
        let revoked = invite(&people, &invited(&["jane@acme.example"])).await;
        people.delete(&people.all, &format!("{INVITATIONS}/{}", revoked["id"].as_str().unwrap())).await;
        let mut said = Vec::new();
        for token in [late.token, secret(&revoked), "never-made".to_owned(), String::new()] {
            said.push(accept(&people, &acceptance(&token)).await.problem(404, "not-found"));
        }
        said.dedup();
        assert_eq!(said.len(), 1, "{said:?}");
    });
}

#[test]
fn what_is_given_to_accept_has_its_rules_and_can_be_given_again() {
    run(async {
        let people = People::start().await;
        let made = invite(&people, &invited(&["jane@acme.example"])).await;
        let token = secret(&made);
        let with = |key: &str, value: Value| {
            let mut body = acceptance(&token);
            body[key] = value;
            body
        };
        let short: String = PASSWORD.chars().take(PASSWORD_CHARS_MIN - 1).collect();
        for (body, said) in [
            (with("password", short.into()), "at least 12"),
            (with("password", "jane acme trailbook".into()), "must not be made of"),
            (with("password", "password1234".into()), "commonest"),
            (with("name", Value::Null), "a name is needed"),
            (with("name", " ".into()), "the name"),
            (with("email", "joe@acme.example".into()), "another e-mail address"),
            (with("role", "admin".into()), "role"),
            (json!({"token": token, "name": "Jane"}), "password"),
        ] {
            let problem = accept(&people, &body).await.problem(400, "invalid-body");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        }
        assert!(people.recorded("user.invite.accepted").await.is_empty());
        accept(&people, &with("email", "Jane@acme.example".into())).await.expect(200);
    });
}

#[test]
fn of_two_who_accept_at_once_one_wins() {
    run(async {
        let people = People::start().await;
        for round in 0..3 {
            let made = invite(&people, &invited(&[&format!("m{round}@acme.example")])).await;
            let body = acceptance(&secret(&made));
            let (one, other) = tokio::join!(accept(&people, &body), accept(&people, &body));
            let mut statuses = [one.status, other.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 404]);
        }
        assert_eq!(people.get(MEMBERS).await.expect(200)["total"], 3);
    });
}

#[test]
fn who_became_a_member_by_other_ways_is_not_made_twice() {
    run(async {
        let people = People::start().await;
        let made = invite(&people, &invited(&["jane@acme.example"])).await;
        people.member("jane@acme.example", &[]).await;
        accept(&people, &acceptance(&secret(&made))).await.problem(409, "conflict");
        let resend = format!("{INVITATIONS}/{}/resend", made["id"].as_str().unwrap());
        people.post(&people.all, &resend, &Value::Null).await.problem(409, "conflict");
        assert_eq!(state(&people, &made["id"]).await, "open");
    });
}

#[test]
fn a_link_lets_a_member_choose_a_new_password() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        let session = NewSession {
            member: jane.id,
            token: new_token().unwrap(),
            method: SignInMethod::Password,
            address: String::new(),
            user_agent: String::new(),
            lasts_ms: 600_000,
        };
        let catalog = people.server.catalog().await;
        catalog.begin_session(&session).await.unwrap();
        let link = format!("{}/password-link", path(&jane));
        let first = people.post(&people.all, &link, &Value::Null).await.expect(201);
        assert_eq!((&first["kind"], &first["email"]), (&"new-password".into(), &"jane@acme.example".into()));
        let second = people.post(&people.all, &link, &Value::Null).await.expect(201);
        assert_eq!(lasts_hours(&second), NEW_PASSWORD_HOURS_MAX);
        let resend = format!("{INVITATIONS}/{}/resend", second["id"].as_str().unwrap());
        let second = people.post(&people.all, &resend, &Value::Null).await.expect(200);
        assert_eq!(lasts_hours(&second), NEW_PASSWORD_HOURS_MAX, "as many from now on");
        let chosen = |invitation: &Value| json!({"token": secret(invitation), "password": PASSWORD});
        accept(&people, &chosen(&first)).await.problem(404, "not-found");
        let mut weak = chosen(&second);
        weak["password"] = "jane jane jane".into();
        accept(&people, &weak).await.problem(400, "invalid-body");
        let accepted = accept(&people, &chosen(&second)).await.expect(200);
        assert_eq!((&accepted["id"], &accepted["name"]), (&jane.uuid.to_string().into(), &"jane".into()));
        accept(&people, &chosen(&second)).await.problem(404, "not-found");
        let (_, hash) = catalog.member_of_email(&people.organization, &jane.email).await.unwrap().unwrap();
        assert!(hash.unwrap().starts_with("$argon2id$"));
        assert_eq!(people.get(&format!("{}/sessions", path(&jane))).await.expect(200)["total"], 0);
        assert_eq!(people.recorded("user.password_changed").await.len(), 1);
        assert_eq!(people.recorded("user.password_link.created").await.len(), 2);
        let third = people.post(&people.all, &link, &Value::Null).await.expect(201);
        assert_eq!(people.delete(&people.all, &path(&jane)).await.status, 204);
        accept(&people, &chosen(&third)).await.problem(404, "not-found");
    });
}

#[test]
fn the_first_admin_gives_an_address_too() {
    run(async {
        let people = People::start().await;
        let catalog = people.server.catalog().await;
        let [one, other] = [0, 1].map(|_| new(InvitationKind::FirstAdmin, None, 600_000));
        // A link takes the place of the one before.
        for invitation in [&other, &one] {
            catalog.create_invitation(&people.organization, invitation).await.unwrap();
        }
        let mut body = acceptance(&one.token);
        accept(&people, &body).await.problem(400, "invalid-body");
        body["email"] = "jane".into();
        accept(&people, &body).await.problem(400, "invalid-body");
        body["email"] = "Jane@acme.example".into();
        let accepted = accept(&people, &body).await.expect(200);
        assert_eq!(accepted["email"], "jane@acme.example");
        assert_eq!(people.get(MEMBERS).await.expect(200)["data"][0]["roles"][0]["handle"], "admin");
        body["token"] = other.token.as_str().into();
        body["email"] = "joe@acme.example".into();
        accept(&people, &body).await.problem(404, "not-found");
    });
}

#[test]
fn who_tries_many_links_waits() {
    run(async {
        let people = People::start().await;
        let made = invite(&people, &invited(&["jane@acme.example"])).await;
        for n in 0..SIGN_IN_FAILURES_MAX {
            accept(&people, &acceptance(&format!("guess-{n}"))).await.problem(404, "not-found");
        }
        // So many are free; one more has to be waited for.
        accept(&people, &acceptance(&secret(&invite(&people, &invited(&["joe@acme.example"])).await)))
            .await
            .expect(200);
        // From then on each failure is followed by a longer wait.
        loop {
            let tried = accept(&people, &acceptance("one-more")).await;
            match tried.header("retry-after").parse::<u64>() {
                Ok(seconds) if seconds >= 8 => break,
                Ok(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
                Err(_) => drop(tried.problem(404, "not-found")),
            }
        }
        let waiting = accept(&people, &acceptance(&secret(&made))).await;
        waiting.problem(429, "too-often");
        assert!(waiting.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert_eq!(state(&people, &made["id"]).await, "open");
    });
}

const PROVIDER: &str = r#"
    public_url = "https://audit.acme.example"
    [[identity_providers]]
    name = "acme"
    organization = "acme"
    issuer = "https://login.acme.example"
    client_id = "trailbook"
    required = true
"#;

#[test]
fn where_a_provider_is_demanded_no_password_is_taken() {
    run(async {
        let people = People::with(PROVIDER).await;
        let made = invite(&people, &invited(&["jane@acme.example"])).await;
        assert!(made["link"].as_str().unwrap().starts_with("https://audit.acme.example/invitations/"));
        let joe = people.member("joe@acme.example", &["member"]).await;
        let link = people.post(&people.all, &format!("{}/password-link", path(&joe)), &Value::Null).await;
        link.problem(409, "conflict");
        // Who is invited becomes a member, and signs in through the provider.
        accept(&people, &acceptance(&secret(&made))).await.expect(200);
        let catalog = people.server.catalog().await;
        let (_, hash) = catalog.member_of_email(&people.organization, "jane@acme.example").await.unwrap().unwrap();
        assert_eq!(hash, None);
    });
}

#[test]
fn invitations_need_permissions_of_members_and_are_the_organizations_own() {
    run(async {
        let people = People::start().await;
        let made = invite(&people, &invited(&["jane@acme.example"])).await;
        let reader = people.server.scoped("acme", &[Permission::MembersRead]).await;
        let other = people.server.scoped("umbrella", &Permission::ALL).await;
        let one = format!("{INVITATIONS}/{}", made["id"].as_str().unwrap());
        for (token, status) in [(&reader, 403), (&other, 404)] {
            for answer in
                [people.delete(token, &one).await, people.post(token, &format!("{one}/resend"), &Value::Null).await]
            {
                assert_eq!(answer.status, status, "{}", answer.text());
            }
        }
        people.post(&reader, INVITATIONS, &invited(&["joe@acme.example"])).await.problem(403, "not-allowed");
        assert_eq!(people.server.get(&reader, INVITATIONS).await.expect(200)["total"], 1);
        people.server.get("", INVITATIONS).await.problem(401, "unauthenticated");
        assert_eq!(people.server.get(&other, INVITATIONS).await.expect(200)["total"], 0);
        people.delete(&people.all, &format!("{INVITATIONS}/jane")).await.problem(400, "invalid-parameter");
        // The same address is another's to invite too, and another's member is no reason against it.
        people.member("joe@acme.example", &[]).await;
        let both = invited(&["jane@acme.example", "joe@acme.example"]);
        people.post(&other, INVITATIONS, &both).await.expect(201);
        assert_eq!(state(&people, &made["id"]).await, "open");
        people.post(&other, INVITATIONS, &json!({"emails": ["x@acme.example"], "roles": ["own"]})).await.expect(400);
    });
}

#[test]
fn mails_have_the_link_and_answers_do_not() {
    run(async {
        let mut mail = MailServer::start();
        let people = People::with(&mail.setting()).await;
        let made = invite(&people, &invited(&["jane@acme.example"])).await;
        assert_eq!((made.get("link"), &made["mail"]), (None, &"sent".into()));
        let sent = mail.taken();
        assert_eq!(sent["recipients"], json!(["jane@acme.example"]));
        let plain = sent["plain"].as_str().unwrap();
        assert!(plain.contains("invites you to acme"), "{plain}");
        let link = |plain: &str| {
            let line = plain.lines().find(|line| line.starts_with("https://audit.acme.example/invitations/"));
            line.unwrap().trim().rsplit('/').next().unwrap().to_owned()
        };
        let first = link(plain);
        let resend = format!("{INVITATIONS}/{}/resend", made["id"].as_str().unwrap());
        let resent = people.post(&people.all, &resend, &Value::Null).await.expect(200);
        assert_eq!((resent.get("link"), &resent["mail"]), (None, &"sent".into()));
        let second = link(mail.taken()["plain"].as_str().unwrap());
        accept(&people, &acceptance(&first)).await.problem(404, "not-found");
        let id = accept(&people, &acceptance(&second)).await.expect(200)["id"].as_str().unwrap().to_owned();

        let path = format!("{MEMBERS}/{id}/password-link");
        let made = people.post(&people.all, &path, &Value::Null).await.expect(201);
        assert_eq!((made.get("link"), &made["mail"]), (None, &"sent".into()));
        let sent = mail.taken();
        let plain = sent["plain"].as_str().unwrap();
        assert!(plain.contains("choose a new password"), "{plain}");
        let body = json!({"token": link(plain), "password": PASSWORD});
        accept(&people, &body).await.expect(200);
    });
}

#[test]
fn a_mail_that_is_refused_is_noted_and_the_others_are_sent() {
    run(async {
        let mut mail = MailServer::start();
        let people = People::with(&mail.setting()).await;
        let body = invited(&["refused@acme.example", "jane@acme.example"]);
        let made = people.post(&people.all, INVITATIONS, &body).await.expect(201);
        let said = made["data"][0]["mail"].as_str().unwrap();
        assert!(said.ends_with("refused the recipient: 550 5.1.1 there is nobody of that name"), "{said}");
        assert_eq!(made["data"][0]["state"], "open");
        assert!(made["data"][0].get("link").is_none());
        assert_eq!(made["data"][1]["mail"], "sent");
        assert_eq!(mail.taken()["recipients"], json!(["jane@acme.example"]));
    });
}
