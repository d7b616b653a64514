//! Groups: who is in them, which roles they give, and who may change that.

use serde_json::{Value, json};
use trailbook_event::limits::{
    DESCRIPTION_CHARS_MAX, GROUPS_OF_ORGANIZATION_MAX, HANDLE_CHARS_MAX, PERSON_NAME_CHARS_MAX,
};
use trailbook_store::credential::Permission;

use crate::harness::{EVENTS, run};
use crate::people::{GROUPS, People, assert_beyond, path, texts};

#[test]
fn a_group_is_made_looked_at_changed_and_removed() {
    run(async {
        let people = People::start().await;
        let body = json!({"name": "Platform Team", "description": "Runs it"});
        let mut made = people.post(&people.all, GROUPS, &body).await.expect(201);
        assert!(made.as_object_mut().unwrap().remove("created_at").is_some());
        let expected = json!({
            "name": "Platform Team", "handle": "platform-team", "description": "Runs it", "roles": [], "members": [],
        });
        assert_eq!(made, expected);
        people.post(&people.all, GROUPS, &body).await.problem(409, "conflict");
        people.post(&people.all, GROUPS, &json!({"name": "Audit", "handle": "a"})).await.expect(201);
        let list = people.get(GROUPS).await.expect(200);
        assert_eq!((&list["total"], texts(&list["data"], "handle")), (&2.into(), vec!["a", "platform-team"]));

        let one = format!("{GROUPS}/platform-team");
        let changed = people.patch(&people.all, &one, &json!({"name": "Platform"})).await.expect(200);
        assert_eq!((&changed["name"], &changed["description"]), (&"Platform".into(), &"Runs it".into()));
        assert_eq!(people.delete(&people.all, &one).await.status, 204);
        people.get(&one).await.problem(404, "not-found");
        people.delete(&people.all, &one).await.problem(404, "not-found");

        let updated = people.recorded("group.updated").await.remove(0);
        assert_eq!(updated["changes"]["before"]["name"], "Platform Team");
        assert_eq!(updated["changes"]["after"]["name"], "Platform");
        assert_eq!(people.recorded("group.created").await.len(), 2);
        let deleted = people.recorded("group.deleted").await;
        assert_eq!((deleted.len(), &deleted[0]["targets"][0]["id"]), (1, &"platform-team".into()));
    });
}

#[test]
fn members_of_a_group_hold_its_roles() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        let token = people.personal(&jane).await;
        people.server.get(&token, EVENTS).await.problem(403, "not-allowed");
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        let (member, role) =
            (format!("{GROUPS}/reviewers/members/{}", jane.uuid), format!("{GROUPS}/reviewers/roles/auditor"));
        for path in [&member, &role, &member, &role] {
            assert_eq!(people.put(&people.all, path, &Value::Null).await.status, 204);
        }
        // At once.
        assert_eq!(people.server.get(&token, EVENTS).await.status, 200);
        let group = people.get(&format!("{GROUPS}/reviewers")).await.expect(200);
        let expected = json!([{"id": jane.uuid.to_string(), "email": "jane@acme.example", "name": "jane"}]);
        assert_eq!((&group["members"], &group["roles"]), (&expected, &json!(["auditor"])));
        assert_eq!(people.get(GROUPS).await.expect(200)["data"][0], group);

        assert_eq!(people.delete(&people.all, &role).await.status, 204);
        people.server.get(&token, EVENTS).await.problem(403, "not-allowed");
        people.delete(&people.all, &role).await.problem(404, "not-found");
        assert_eq!(people.delete(&people.all, &member).await.status, 204);
        people.delete(&people.all, &member).await.problem(404, "not-found");
        let group = people.get(&format!("{GROUPS}/reviewers")).await.expect(200);
        assert_eq!((&group["members"], &group["roles"]), (&json!([]), &json!([])));

        for (action, count) in
            [("group.member.added", 2), ("group.member.removed", 1), ("role.granted", 2), ("role.revoked", 1)]
        {
            let events = people.recorded(action).await;
            assert_eq!(events.len(), count, "{action}");
            assert!(events[0]["targets"].as_array().unwrap().iter().any(|one| one["id"] == "reviewers"), "{action}");
        }
    });
}

#[test]
fn a_removed_group_gives_nothing_any_more() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        let token = people.personal(&jane).await;
        people.post(&people.all, GROUPS, &json!({"name": "Reviewers"})).await.expect(201);
        people.put(&people.all, &format!("{GROUPS}/reviewers/members/{}", jane.uuid), &Value::Null).await;
        people.put(&people.all, &format!("{GROUPS}/reviewers/roles/auditor"), &Value::Null).await;
        assert_eq!(people.server.get(&token, EVENTS).await.status, 200);
        assert_eq!(people.delete(&people.all, &format!("{GROUPS}/reviewers")).await.status, 204);
        people.server.get(&token, EVENTS).await.problem(403, "not-allowed");
        assert_eq!(people.seen(&jane).await["groups"], json!([]));
    });
}

#[test]
fn nobody_gives_or_takes_through_a_group_what_they_lack() {
    run(async {
        let people = People::start().await;
        let token = people.manager(&[Permission::EventsRead]).await;
        let (jane, joe) = (people.member("jane@acme.example", &[]).await, people.member("joe@acme.example", &[]).await);
        people.role("reader", &[Permission::EventsRead], None).await;
        for name in ["Admins", "Readers"] {
            people.post(&token, GROUPS, &json!({"name": name})).await.expect(201);
        }
        let (admins, readers) = (format!("{GROUPS}/admins"), format!("{GROUPS}/readers"));
        let to_admins = |id: trailbook_event::Uuid| format!("{admins}/members/{id}");
        // Into an empty group anybody can be put; but it gets no role beyond.
        assert_eq!(people.put(&token, &to_admins(jane.uuid), &Value::Null).await.status, 204);
        let admin = format!("{admins}/roles/admin");
        assert_beyond(&people.put(&token, &admin, &Value::Null).await, "yourself");
        assert_eq!(people.put(&people.all, &admin, &Value::Null).await.status, 204);
        assert_beyond(&people.put(&token, &to_admins(joe.uuid), &Value::Null).await, "yourself");
        assert_beyond(&people.delete(&token, &to_admins(jane.uuid)).await, "yourself");
        assert_beyond(&people.delete(&token, &admin).await, "yourself");
        assert_beyond(&people.delete(&token, &admins).await, "yourself");
        assert_eq!(texts(&people.get(&admins).await.expect(200)["members"], "email"), ["jane@acme.example"]);

        let reader = format!("{readers}/roles/reader");
        let joe = format!("{readers}/members/{}", joe.uuid);
        for path in [&reader, &joe] {
            assert_eq!(people.put(&token, path, &Value::Null).await.status, 204);
        }
        for path in [&joe, &reader, &readers] {
            assert_eq!(people.delete(&token, path).await.status, 204);
        }
    });
}

#[test]
fn the_last_admin_stays_one_through_a_group() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &[]).await;
        people.post(&people.all, GROUPS, &json!({"name": "Admins"})).await.expect(201);
        let group = format!("{GROUPS}/admins");
        let (member, role) = (format!("{group}/members/{}", jane.uuid), format!("{group}/roles/admin"));
        for path in [&member, &role] {
            assert_eq!(people.put(&people.all, path, &Value::Null).await.status, 204);
        }
        for path in [&member, &role, &group] {
            let problem = people.delete(&people.all, path).await.problem(409, "conflict");
            assert!(problem["detail"].as_str().unwrap().contains("last admin"), "{problem}");
        }
        let failed = people.recorded("group.deleted").await;
        // It was on record before it was tried, and that it failed is too.
        let outcomes: Vec<_> = failed.iter().map(|event| event["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["failed", "succeeded"]);
        assert!(failed[0]["error"]["message"].as_str().unwrap().contains("last admin"));
        people.member("joe@acme.example", &["admin"]).await;
        assert_eq!(people.delete(&people.all, &group).await.status, 204);
    });
}

#[test]
fn malformed_groups_are_refused_and_limits_hold() {
    run(async {
        let people = People::start().await;
        for body in [
            json!({}),
            json!({"name": ""}),
            json!({"name": "…"}),
            json!({"name": "a", "handle": "-a"}),
            json!({"name": "a", "members": []}),
            json!({"name": "n".repeat(PERSON_NAME_CHARS_MAX + 1), "handle": "a"}),
            json!({"name": "a", "handle": "h".repeat(HANDLE_CHARS_MAX + 1)}),
            json!({"name": "a", "description": "d".repeat(DESCRIPTION_CHARS_MAX + 1)}),
        ] {
            people.post(&people.all, GROUPS, &body).await.problem(400, "invalid-body");
        }
        let longest = json!({
            "name": "n".repeat(PERSON_NAME_CHARS_MAX), "handle": "h".repeat(HANDLE_CHARS_MAX),
            "description": "d".repeat(DESCRIPTION_CHARS_MAX),
        });
        people.post(&people.all, GROUPS, &longest).await.expect(201);
        let one = format!("{GROUPS}/{}", "h".repeat(HANDLE_CHARS_MAX));
        for body in [
            json!({"name": " "}),
            json!({"handle": "b"}),
            json!({"description": "d".repeat(DESCRIPTION_CHARS_MAX + 1)}),
        ] {
            people.patch(&people.all, &one, &body).await.problem(400, "invalid-body");
        }
        let catalog = people.server.catalog().await;
        for n in 1..GROUPS_OF_ORGANIZATION_MAX - 1 {
            catalog.create_group(&people.organization, &format!("group-{n}"), ("Group", "")).await.unwrap();
        }
        people.post(&people.all, GROUPS, &json!({"name": "Last"})).await.expect(201);
        people.post(&people.all, GROUPS, &json!({"name": "More"})).await.problem(429, "too-many");
        assert_eq!(people.get(GROUPS).await.expect(200)["total"], GROUPS_OF_ORGANIZATION_MAX);
    });
}

#[test]
fn groups_need_permissions_of_members_and_are_the_organizations_own() {
    run(async {
        let people = People::start().await;
        people.post(&people.all, GROUPS, &json!({"name": "Own"})).await.expect(201);
        let jane = people.member("jane@acme.example", &[]).await;
        let reader = people.server.scoped("acme", &[Permission::MembersRead]).await;
        let other = people.server.scoped("umbrella", &Permission::ALL).await;
        let own = format!("{GROUPS}/own");
        let (member, role) = (format!("{own}/members/{}", jane.uuid), format!("{own}/roles/auditor"));
        for (token, status) in [(&reader, 403), (&other, 404)] {
            for answer in [
                people.patch(token, &own, &json!({"name": "x"})).await,
                people.delete(token, &own).await,
                people.put(token, &member, &Value::Null).await,
                people.delete(token, &member).await,
                people.put(token, &role, &Value::Null).await,
                people.delete(token, &role).await,
            ] {
                assert_eq!(answer.status, status, "{}", answer.text());
            }
        }
        people.post(&reader, GROUPS, &json!({"name": "x"})).await.problem(403, "not-allowed");
        assert_eq!(people.server.get(&reader, &own).await.status, 200);
        people.server.get("", &own).await.problem(401, "unauthenticated");
        people.server.get(&other, &own).await.problem(404, "not-found");
        assert_eq!(people.server.get(&other, GROUPS).await.expect(200)["total"], 0);
        // A member of another organization is nobody, in a group of one's own too.
        people.post(&other, GROUPS, &json!({"name": "Own"})).await.expect(201);
        let theirs = people.put(&other, &member, &Value::Null).await.problem(404, "not-found");
        assert_eq!(theirs["detail"], format!("there is no member {}", jane.uuid));
        people.put(&people.all, &format!("{own}/members/jane"), &Value::Null).await.problem(400, "invalid-parameter");
        people.put(&people.all, &format!("{own}/roles/none"), &Value::Null).await.problem(404, "not-found");
        assert_eq!(people.get(&own).await.expect(200)["members"], json!([]));
        assert_eq!(people.server.get(&reader, &path(&jane)).await.status, 200);
    });
}
