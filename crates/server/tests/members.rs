//! Members: what is shown of them, who changes, suspends and removes them, and their sessions.

use serde_json::{Value, json};
use trailbook_event::limits::{ACTORS_OF_MEMBER_MAX, NAME_CHARS_MAX, PERSON_NAME_CHARS_MAX};
use trailbook_store::Clock;
use trailbook_store::credential::{Permission, new_token};
use trailbook_store::members::{Member, NewSession, SignInMethod};

use crate::harness::{EVENTS, run};
use crate::people::{GROUPS, MEMBERS, People, assert_beyond, path, texts};

const ADMINS_OWN: &str = "yourself";

async fn session(people: &People, member: &Member) {
    let new = NewSession {
        member: member.id,
        token: new_token().unwrap(),
        method: SignInMethod::Password,
        address: "203.0.113.7".to_owned(),
        user_agent: "Firefox".to_owned(),
        lasts_ms: 60_000,
    };
    people.server.catalog().await.begin_session(&new).await.unwrap();
}

#[test]
fn members_are_listed_with_their_groups_and_roles() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        people.member("adam@acme.example", &["admin", "member"]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        people.put(&people.all, &format!("{GROUPS}/reviewers/members/{}", jane.uuid), &Value::Null).await;
        for role in ["auditor", "member"] {
            people.put(&people.all, &format!("{GROUPS}/reviewers/roles/{role}"), &Value::Null).await;
        }
        let list = people.get(MEMBERS).await.expect(200);
        assert_eq!(
            (&list["total"], texts(&list["data"], "email")),
            (&2.into(), vec!["adam@acme.example", "jane@acme.example"])
        );
        let mut seen = list["data"][1].clone();
        assert_eq!(people.seen(&jane).await, seen);
        assert!(seen.as_object_mut().unwrap().remove("created_at").is_some());
        let expected = json!({
            "id": jane.uuid.to_string(), "email": "jane@acme.example", "name": "jane", "actors": [],
            "groups": ["reviewers"], "is_suspended": false, "sign_in_methods": ["password"],
            "roles": [
                {"handle": "auditor", "name": "Auditor", "is_own": true, "through": ["reviewers"]},
                {"handle": "member", "name": "Member", "is_own": false, "through": ["reviewers"]},
            ],
        });
        assert_eq!(seen, expected);
        let now_ms = Clock::system().now_ms();
        people.server.catalog().await.note_sign_in(jane.id, now_ms).await.unwrap();
        let time = trailbook_event::Timestamp::from_millis(now_ms).to_string();
        assert_eq!(people.seen(&jane).await["last_signed_in_at"], time);
    });
}

#[test]
fn a_member_is_changed() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["member"]).await;
        let token = people.personal(&jane).await;
        for (actor, email) in [("user:default/jane", "x@acme.example"), ("joe", "joe@acme.example")] {
            let actor = json!({"type": "user", "id": actor, "email": email});
            let event = json!({"source": "s", "action": "a", "actor": actor});
            people.server.post_as(&people.all, &[], event.to_string()).await.expect(201);
        }
        assert_eq!(people.server.get(&token, EVENTS).await.expect(200)["total"], 0);
        let change = json!({"name": "Jane Doe", "actors": ["user:default/jane"]});
        let changed = people.patch(&people.all, &path(&jane), &change).await.expect(200);
        assert_eq!((&changed["name"], &changed["actors"]), (&"Jane Doe".into(), &json!(["user:default/jane"])));
        // The role Member shows what they are the actor of, at once.
        let page = people.server.get(&token, EVENTS).await.expect(200);
        assert_eq!((&page["total"], &page["data"][0]["actor"]["id"]), (&1.into(), &"user:default/jane".into()));
        let same = people.patch(&people.all, &path(&jane), &json!({})).await.expect(200);
        assert_eq!(same, changed);
        let event = people.recorded("user.updated").await.remove(1);
        let before = json!({"actors": [], "is_suspended": false, "name": "jane"});
        assert_eq!(event["changes"]["before"], before);
        assert_eq!(event["changes"]["after"]["name"], "Jane Doe");
        assert_eq!(event["targets"][0]["id"], jane.uuid.to_string());
    });
}

#[test]
fn malformed_changes_are_refused_and_limits_hold() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        let actors = |count: usize| (0..count).map(|n| format!("user:default/{n}")).collect::<Vec<_>>();
        for body in [
            json!({"email": "other@acme.example"}),
            json!({"name": ""}),
            json!({"name": "n".repeat(PERSON_NAME_CHARS_MAX + 1)}),
            json!({"actors": [" "]}),
            json!({"actors": ["a".repeat(NAME_CHARS_MAX * 2 + 1)]}),
            json!({"actors": actors(ACTORS_OF_MEMBER_MAX + 1)}),
            json!({"is_suspended": "yes"}),
        ] {
            people.patch(&people.all, &path(&jane), &body).await.problem(400, "invalid-body");
        }
        assert!(people.recorded("user.updated").await.is_empty());
        let most = json!({"name": "n".repeat(PERSON_NAME_CHARS_MAX), "actors": actors(ACTORS_OF_MEMBER_MAX)});
        people.patch(&people.all, &path(&jane), &most).await.expect(200);
        people.patch(&people.all, &path(&jane), &json!({"actors": ["a".repeat(NAME_CHARS_MAX * 2)]})).await.expect(200);
        people.patch(&people.all, &format!("{MEMBERS}/jane"), &json!({})).await.problem(400, "invalid-parameter");
    });
}

#[test]
fn a_suspended_member_is_out_at_once_and_comes_back() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        let token = people.personal(&jane).await;
        session(&people, &jane).await;
        assert_eq!(people.server.get(&token, EVENTS).await.status, 200);
        let suspended = people.patch(&people.all, &path(&jane), &json!({"is_suspended": true})).await.expect(200);
        assert_eq!(suspended["is_suspended"], true);
        people.server.get(&token, EVENTS).await.problem(401, "unauthenticated");
        let sessions = people.get(&format!("{}/sessions", path(&jane))).await.expect(200);
        assert_eq!(sessions, json!({"data": [], "total": 0}));
        people.patch(&people.all, &path(&jane), &json!({"is_suspended": false})).await.expect(200);
        assert_eq!(people.server.get(&token, EVENTS).await.status, 200);
    });
}

#[test]
fn a_removed_member_is_gone_and_what_they_held_too() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        let token = people.personal(&jane).await;
        assert_eq!(people.delete(&people.all, &path(&jane)).await.status, 204);
        people.server.get(&token, EVENTS).await.problem(401, "unauthenticated");
        people.get(&path(&jane)).await.problem(404, "not-found");
        people.delete(&people.all, &path(&jane)).await.problem(404, "not-found");
        let holders = people.get("/api/v1/roles/auditor").await.expect(200)["holders"].clone();
        assert_eq!(holders["members"], json!([]));
        assert_eq!(people.recorded("user.removed").await[0]["targets"][0]["name"], "jane@acme.example");
        // The address can be invited again.
        let again = json!({"emails": ["jane@acme.example"]});
        people.post(&people.all, "/api/v1/invitations", &again).await.expect(201);
    });
}

#[test]
fn roles_are_given_and_taken() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        let token = people.personal(&jane).await;
        let auditor = format!("{}/roles/auditor", path(&jane));
        for _ in 0..2 {
            assert_eq!(people.put(&people.all, &auditor, &Value::Null).await.status, 204);
        }
        assert_eq!(people.server.get(&token, EVENTS).await.status, 200);
        assert_eq!(people.delete(&people.all, &auditor).await.status, 204);
        people.server.get(&token, EVENTS).await.problem(403, "not-allowed");
        people.delete(&people.all, &auditor).await.problem(404, "not-found");
        let granted = people.recorded("role.granted").await;
        assert_eq!((granted.len(), people.recorded("role.revoked").await.len()), (2, 1));
        assert_eq!(granted[0]["targets"][1], json!({"type": "role", "id": "auditor", "name": "Auditor"}));
        // What comes through a group is not theirs to take.
        people.post(&people.all, GROUPS, &json!({"name": "G"})).await.expect(201);
        people.put(&people.all, &format!("{GROUPS}/g/members/{}", jane.uuid), &Value::Null).await;
        people.put(&people.all, &format!("{GROUPS}/g/roles/auditor"), &Value::Null).await;
        people.delete(&people.all, &auditor).await.problem(404, "not-found");
        people.put(&people.all, &format!("{}/roles/none", path(&jane)), &Value::Null).await.problem(404, "not-found");
    });
}

#[test]
fn nobody_takes_over_who_may_do_more() {
    run(async {
        let people = People::start().await;
        let admin = people.member("admin@acme.example", &["admin"]).await;
        people.member("other@acme.example", &["admin"]).await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        session(&people, &admin).await;
        let token = people.manager(&[Permission::EventsRead]).await;
        let (of_admin, of_jane) = (path(&admin), path(&jane));
        for answer in [
            people.patch(&token, &of_admin, &json!({"name": "x"})).await,
            people.patch(&token, &of_admin, &json!({"is_suspended": true})).await,
            people.delete(&token, &of_admin).await,
            people.post(&token, &format!("{of_admin}/password-link"), &Value::Null).await,
            people.delete(&token, &format!("{of_admin}/sessions")).await,
            people.delete(&token, &format!("{of_admin}/roles/admin")).await,
            people.put(&token, &format!("{of_jane}/roles/admin"), &Value::Null).await,
        ] {
            assert_beyond(&answer, ADMINS_OWN);
        }
        assert_eq!(people.get(&format!("{of_admin}/sessions")).await.expect(200)["total"], 1);
        // An auditor takes events out; whoever has all that an auditor has changes them.
        assert_beyond(&people.patch(&token, &of_jane, &json!({"name": "x"})).await, "log.read");
        let token = people.manager(&[Permission::EventsRead, Permission::LogRead, Permission::Exports]).await;
        people.patch(&token, &of_jane, &json!({"name": "x"})).await.expect(200);
        assert_eq!(people.delete(&token, &of_jane).await.status, 204);
        assert!(
            people
                .recorded("user.removed")
                .await
                .iter()
                .all(|event| event["targets"][0]["name"] != "admin@acme.example")
        );
    });
}

#[test]
fn who_sets_actors_sees_all_events() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        let change = json!({"actors": ["user:default/admin"]});
        let token = people.manager(&[]).await;
        assert_beyond(&people.patch(&token, &path(&jane), &change).await, "events.read");
        // Nor do they set their own, who see some events only.
        people.role("manager", &[Permission::MembersRead, Permission::MembersWrite], None).await;
        let joe = people.member("joe@acme.example", &["manager", "member"]).await;
        let of_joe = people.personal(&joe).await;
        assert_beyond(&people.patch(&of_joe, &path(&joe), &change).await, "events.read");
        people.patch(&of_joe, &path(&joe), &json!({"name": "Joe"})).await.expect(200);
        let token = people.manager(&[Permission::EventsRead]).await;
        people.patch(&token, &path(&jane), &change).await.expect(200);
    });
}

#[test]
fn taking_a_role_away_shows_nobody_more_than_the_taker_sees() {
    run(async {
        let people = People::start().await;
        let manager = [Permission::MembersRead, Permission::MembersWrite];
        people.role("manager", &manager, None).await;
        let of = |project: &str, without: &str| format!(r#"{{"filter":{{"context.project":"{project}"}}{without}}}"#);
        let veiled = of("sales", r#","without":["actor.email"]"#);
        people.role("veiled", &[Permission::EventsRead], Some(&veiled)).await;
        people.role("payments", &[Permission::EventsRead], Some(&of("payments", ""))).await;
        let jane = people.member("jane@acme.example", &["veiled", "payments"]).await;
        let joe = people.member("joe@acme.example", &["veiled"]).await;
        let boss = people.member("boss@acme.example", &["veiled", "manager"]).await;
        let token = people.personal(&boss).await;
        // Without it she would see the addresses of payments.
        assert_beyond(&people.delete(&token, &format!("{}/roles/veiled", path(&jane))).await, "events.read");
        assert_eq!(people.delete(&token, &format!("{}/roles/veiled", path(&joe))).await.status, 204);
        assert_eq!(people.delete(&people.all, &format!("{}/roles/veiled", path(&jane))).await.status, 204);
    });
}

#[test]
fn nobody_suspends_or_removes_themselves() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["admin"]).await;
        people.member("joe@acme.example", &["admin"]).await;
        let token = people.personal(&jane).await;
        let suspended = people.patch(&token, &path(&jane), &json!({"is_suspended": true})).await;
        for answer in [suspended, people.delete(&token, &path(&jane)).await] {
            let detail = answer.problem(409, "conflict")["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("themselves"), "{detail}");
        }
        people.patch(&token, &path(&jane), &json!({"name": "Jane"})).await.expect(200);
        assert_eq!(people.seen(&jane).await["is_suspended"], false);
    });
}

#[test]
fn the_last_admin_stays() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["admin"]).await;
        let last = [
            people.patch(&people.all, &path(&jane), &json!({"is_suspended": true})).await,
            people.delete(&people.all, &path(&jane)).await,
            people.delete(&people.all, &format!("{}/roles/admin", path(&jane))).await,
        ];
        for answer in last {
            let detail = answer.problem(409, "conflict")["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("the last admin"), "{detail}");
        }
        assert_eq!(people.recorded("user.removed").await[0]["outcome"], "failed");
        assert_eq!(people.seen(&jane).await["roles"][0]["handle"], "admin");
        people.member("joe@acme.example", &["admin"]).await;
        assert_eq!(people.delete(&people.all, &path(&jane)).await.status, 204);
    });
}

#[test]
fn sessions_are_shown_and_ended() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        for _ in 0..2 {
            session(&people, &jane).await;
        }
        let sessions = format!("{}/sessions", path(&jane));
        let list = people.get(&sessions).await.expect(200);
        assert_eq!(list["total"], 2);
        let one = &list["data"][0];
        assert_eq!((&one["address"], &one["user_agent"]), (&"203.0.113.7".into(), &"Firefox".into()));
        assert_eq!(one["method"], "password");
        assert_eq!(people.delete(&people.all, &sessions).await.status, 204);
        assert_eq!(people.get(&sessions).await.expect(200)["total"], 0);
        assert_eq!(people.recorded("session.revoked").await[0]["targets"][0]["name"], "jane@acme.example");
    });
}

#[test]
fn members_of_another_organization_are_nobody() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        let reader = people.server.scoped("acme", &[Permission::MembersRead]).await;
        let other = people.server.scoped("umbrella", &Permission::ALL).await;
        let nobody = format!("{MEMBERS}/01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11");
        let one = path(&jane);
        for (token, status) in [(&reader, 403), (&other, 404)] {
            for path in [&one, &nobody] {
                for answer in [
                    people.patch(token, path, &json!({"name": "x"})).await,
                    people.delete(token, path).await,
                    people.put(token, &format!("{path}/roles/member"), &Value::Null).await,
                    people.delete(token, &format!("{path}/roles/member")).await,
                    people.post(token, &format!("{path}/password-link"), &Value::Null).await,
                    people.delete(token, &format!("{path}/sessions")).await,
                ] {
                    assert_eq!(answer.status, status, "{}", answer.text());
                }
            }
        }
        for path in [&one, &format!("{one}/sessions"), MEMBERS] {
            assert_eq!(people.server.get(&reader, path).await.status, 200);
            people.server.get("", path).await.problem(401, "unauthenticated");
        }
        for path in [&one, &format!("{one}/sessions")] {
            people.server.get(&other, path).await.problem(404, "not-found");
        }
        assert_eq!(people.server.get(&other, MEMBERS).await.expect(200), json!({"data": [], "total": 0}));
        assert!(people.recorded("user.updated").await.is_empty());
    });
}
