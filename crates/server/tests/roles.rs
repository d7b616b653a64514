//! Permissions and roles: what can be granted, by whom, and to which events it is narrowed.

use serde_json::{Value, json};
use trailbook_event::limits::{
    DESCRIPTION_CHARS_MAX, HANDLE_CHARS_MAX, MEMBERS_BODY_BYTES_MAX, PERSON_NAME_CHARS_MAX, ROLES_OF_ORGANIZATION_MAX,
};
use trailbook_store::credential::Permission;
use trailbook_store::members::NewRole;

use crate::harness::{EVENTS, run};
use crate::people::{People, ROLES, assert_beyond, path, texts};

fn role(name: &str, permissions: &[&str]) -> Value {
    json!({"name": name, "permissions": permissions})
}

#[test]
fn permissions_are_listed_by_their_areas() {
    run(async {
        let people = People::start().await;
        let list = people.get("/api/v1/permissions").await.expect(200);
        let areas = list["areas"].as_array().unwrap();
        assert_eq!(texts(&list["areas"], "area"), ["EVENTS", "LOG-MANAGEMENT", "CREDENTIALS", "MEMBERS", "SETTINGS"]);
        let all = areas.iter().flat_map(|area| texts(&area["permissions"], "name"));
        assert_eq!(all.collect::<Vec<_>>(), Permission::ALL.map(Permission::name));
        let read = json!({"name": "events.read", "title": "View audit logs", "can_be_narrowed": true});
        assert_eq!(areas[1]["permissions"][0], read);
        assert_eq!(areas[0]["permissions"][0]["can_be_narrowed"], false);
    });
}

#[test]
fn the_page_for_administrators_has_the_same_permissions() {
    let page = std::fs::read_to_string("../../docs/access.md").unwrap();
    let row = |permission: Permission| {
        let narrowed = if permission.is_of_events() { "yes " } else { "" };
        let (area, name) = (permission.area().name(), permission.name());
        format!("| {area} | `{name}` | {} | {narrowed}|", permission.title())
    };
    let documented: Vec<&str> =
        page.lines().filter(|line| Permission::ALL.iter().any(|one| **line == row(*one))).collect();
    assert_eq!(documented, Permission::ALL.map(row));
}

#[test]
fn a_role_is_made_looked_at_changed_and_removed() {
    run(async {
        let people = People::start().await;
        let mut body = role("Audit Log Viewer!", &["exports", "events.read"]);
        body["description"] = "Sees payments".into();
        body["narrowing"] = json!({"filter": {"context.project": "payments"}, "without": ["actor.email"]});
        let mut made = people.post(&people.all, ROLES, &body).await.expect(201);
        let holders = json!({"members": [], "groups": []});
        let created_at = made.as_object_mut().unwrap().remove("created_at").unwrap();
        assert!(created_at.as_str().unwrap().ends_with('Z'));
        let expected = json!({
            "name": "Audit Log Viewer!", "handle": "audit-log-viewer", "description": "Sees payments",
            "permissions": ["events.read", "exports"], "is_built_in": false, "holders": holders,
            "narrowing": {"filter": {"context.project": "payments"}, "without": ["actor.email"]},
        });
        assert_eq!(made, expected);
        let one = format!("{ROLES}/audit-log-viewer");
        assert_eq!(people.get(&one).await.expect(200)["description"], "Sees payments");
        let list = people.get(ROLES).await.expect(200);
        assert_eq!(list["total"], 4);
        assert_eq!(texts(&list["data"], "handle"), ["admin", "auditor", "member", "audit-log-viewer"]);

        // An empty narrowing is none.
        let mut change = role("Viewer", &["events.read"]);
        change["narrowing"] = json!({});
        let changed = people.put(&people.all, &one, &change).await.expect(200);
        assert_eq!((&changed["name"], &changed["handle"]), (&"Viewer".into(), &"audit-log-viewer".into()));
        assert_eq!((&changed["description"], changed.get("narrowing")), (&"".into(), None));
        assert_eq!(people.delete(&people.all, &one).await.status, 204);
        people.get(&one).await.problem(404, "not-found");

        for (action, kind) in [("role.created", "create"), ("role.updated", "update"), ("role.deleted", "delete")] {
            let events = people.recorded(action).await;
            assert_eq!(events.len(), 1, "{action}");
            let event = &events[0];
            assert_eq!((&event["action_type"], &event["outcome"]), (&kind.into(), &"succeeded".into()));
            assert_eq!(event["targets"][0]["id"], "audit-log-viewer");
        }
        let updated = people.recorded("role.updated").await.remove(0);
        assert_eq!(updated["changes"]["before"]["permissions"], json!(["events.read", "exports"]));
        assert_eq!(updated["changes"]["after"]["permissions"], json!(["events.read"]));
    });
}

#[test]
fn who_holds_a_role_is_shown() {
    run(async {
        let people = People::start().await;
        let jane = people.member("jane@acme.example", &["auditor"]).await;
        people.post(&people.all, "/api/v1/groups", &json!({"name": "Reviewers"})).await.expect(201);
        let given = people.put(&people.all, "/api/v1/groups/reviewers/roles/auditor", &Value::Null).await;
        assert_eq!(given.status, 204);
        let auditor = people.get(&format!("{ROLES}/auditor")).await.expect(200);
        assert_eq!(auditor["holders"], json!({"members": [jane.uuid.to_string()], "groups": ["reviewers"]}));
    });
}

#[test]
fn a_removed_role_is_taken_from_whoever_holds_it() {
    run(async {
        let people = People::start().await;
        people.post(&people.all, ROLES, &role("reader", &["events.read"])).await.expect(201);
        let jane = people.member("jane@acme.example", &["reader"]).await;
        let token = people.personal(&jane).await;
        assert_eq!(people.server.get(&token, EVENTS).await.status, 200);
        assert_eq!(people.delete(&people.all, &format!("{ROLES}/reader")).await.status, 204);
        people.server.get(&token, EVENTS).await.problem(403, "not-allowed");
        assert_eq!(people.seen(&jane).await["roles"], json!([]));
    });
}

#[test]
fn built_in_roles_cannot_be_changed() {
    run(async {
        let people = People::start().await;
        for handle in ["admin", "auditor", "member"] {
            let one = format!("{ROLES}/{handle}");
            assert_eq!(people.get(&one).await.expect(200)["is_built_in"], true);
            let body = role("Other", &["events.read"]);
            for answer in [people.put(&people.all, &one, &body).await, people.delete(&people.all, &one).await] {
                let detail = answer.problem(409, "conflict")["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains("is built in"), "{detail}");
            }
            people.post(&people.all, ROLES, &role(handle, &["events.read"])).await.problem(409, "conflict");
        }
        let events = [people.recorded("role.updated").await, people.recorded("role.created").await].concat();
        assert!(events.is_empty(), "what is refused at once is not recorded");
    });
}

#[test]
fn nobody_makes_a_role_beyond_what_they_have() {
    run(async {
        let people = People::start().await;
        let token = people.manager(&[Permission::EventsRead]).await;
        let more = people.post(&token, ROLES, &role("more", &["events.read", "exports"])).await;
        assert_beyond(&more, "exports");
        people.post(&token, ROLES, &role("same", &["events.read", "members.write"])).await.expect(201);
        // Nor out of one that grants more, nor into one.
        people.post(&people.all, ROLES, &role("above", &["exports"])).await.expect(201);
        let less = role("Above", &["events.read"]);
        assert_beyond(&people.put(&token, &format!("{ROLES}/above"), &less).await, "exports");
        assert_beyond(&people.delete(&token, &format!("{ROLES}/above")).await, "exports");
        let same = format!("{ROLES}/same");
        assert_beyond(&people.put(&token, &same, &role("Same", &["settings.write"])).await, "settings.write");
        assert_eq!(people.get(&same).await.expect(200)["permissions"], json!(["events.read", "members.write"]));
        assert_eq!(people.delete(&token, &same).await.status, 204);
        // Refusals are on record.
        let denied = people.recorded("access.denied").await;
        assert_eq!(denied[0]["outcome"], "denied");
    });
}

#[test]
fn who_sees_some_events_grants_no_more_of_them() {
    run(async {
        let people = People::start().await;
        let narrowing = r#"{"filter":{"context.project":"payments"},"without":["actor.email"]}"#;
        people.role("payments", &[Permission::EventsRead], Some(narrowing)).await;
        people.role("manager", &[Permission::MembersRead, Permission::MembersWrite], None).await;
        let jane = people.member("jane@acme.example", &["payments", "manager"]).await;
        let token = people.personal(&jane).await;
        let narrowed = |narrowing: Value| {
            let mut body = role("narrowed", &["events.read"]);
            body["narrowing"] = narrowing;
            body
        };
        for more in [
            json!({}),
            json!({"filter": {"context.project": "payments"}}),
            json!({"without": ["actor.email"]}),
            json!({"filter": {"context.project": "sales"}, "without": ["actor.email"]}),
        ] {
            let answer = people.post(&token, ROLES, &narrowed(more)).await;
            assert_beyond(&answer, "you have events.read for fewer events than that");
        }
        let less = json!({
            "filter": {"context.project": "payments", "outcome": "failed"}, "without": ["actor.email", "context.ip"],
        });
        people.post(&token, ROLES, &narrowed(less)).await.expect(201);
    });
}

#[test]
fn a_narrowed_role_shows_its_events_without_the_hidden_fields() {
    run(async {
        let people = People::start().await;
        for project in ["payments", "sales"] {
            let event = json!({
                "source": "s", "action": "a", "context": {"project": project},
                "actor": {"type": "user", "id": "joe", "email": "joe@acme.example"},
            });
            people.server.post_as(&people.all, &[], event.to_string()).await.expect(201);
        }
        let mut body = role("payments", &["events.read"]);
        body["narrowing"] = json!({"filter": {"context.project": "payments"}, "without": ["actor.email"]});
        people.post(&people.all, ROLES, &body).await.expect(201);
        let jane = people.member("jane@acme.example", &["payments"]).await;
        let page = people.server.get(&people.personal(&jane).await, EVENTS).await.expect(200);
        assert_eq!(page["total"], 1);
        assert_eq!(page["data"][0]["context"]["project"], "payments");
        assert_eq!(page["data"][0]["actor"], json!({"type": "user", "id": "joe"}));
    });
}

#[test]
fn narrowings_that_cannot_be_asked_are_refused() {
    run(async {
        let people = People::start().await;
        for (narrowing, reason) in [
            (json!({"filter": {"colour": "red"}}), "colour"),
            (json!({"filter": {"limit": "10"}}), "limit"),
            (json!({"filter": {"severity": "huge"}}), "severity"),
            (json!({"without": ["colour"]}), "colour"),
            (json!({"without": ["action"]}), "action"),
            (json!({"without": ["outcome"]}), "outcome cannot be hidden"),
            (json!({"of_actor": ["jane"]}), "of_actor"),
            (json!("all"), "RoleNarrowingBody"),
        ] {
            let mut body = role("narrowed", &["events.read"]);
            body["narrowing"] = narrowing.clone();
            let problem = people.post(&people.all, ROLES, &body).await.problem(400, "invalid-body");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(reason), "{narrowing}: {detail}");
        }
    });
}

#[test]
fn malformed_roles_are_refused_and_limits_hold() {
    run(async {
        let people = People::start().await;
        let with = |key: &str, value: Value| {
            let mut body = role("a", &["events.read"]);
            body[key] = value;
            body
        };
        let invalid = [
            json!({"name": "a"}),
            json!({"permissions": ["events.read"]}),
            with("permissions", json!([])),
            with("permissions", json!(["events.erase"])),
            with("permissions", json!(["events.read", "events.read"])),
            with("name", " ".into()),
            with("name", "日本".into()),
            with("name", "a\u{7}".into()),
            with("name", "n".repeat(PERSON_NAME_CHARS_MAX + 1).into()),
            with("description", "d".repeat(DESCRIPTION_CHARS_MAX + 1).into()),
            with("handle", "h".repeat(HANDLE_CHARS_MAX + 1).into()),
            with("handle", "A b".into()),
            with("handle", "".into()),
            with("is_built_in", true.into()),
        ];
        for body in &invalid {
            people.post(&people.all, ROLES, body).await.problem(400, "invalid-body");
        }
        let mut longest = with("handle", "h".repeat(HANDLE_CHARS_MAX).into());
        longest["name"] = "n".repeat(PERSON_NAME_CHARS_MAX).into();
        longest["description"] = "d".repeat(DESCRIPTION_CHARS_MAX).into();
        people.post(&people.all, ROLES, &longest).await.expect(201);
        people.post(&people.all, ROLES, &with("handle", "a".into())).await.expect(201);
        people.post(&people.all, ROLES, &with("name", "A".into())).await.problem(409, "conflict");
        let one = format!("{ROLES}/a");
        people.put(&people.all, &one, &with("handle", "b".into())).await.problem(400, "invalid-body");

        // A body of as many bytes as may be, and of one more.
        let text = role("Padded", &["events.read"]).to_string();
        for (bytes, status) in [(MEMBERS_BODY_BYTES_MAX, 201), (MEMBERS_BODY_BYTES_MAX + 1, 413)] {
            let body = format!("{text}{}", " ".repeat(bytes - text.len()));
            assert_eq!(people.server.post_to(ROLES, &people.all, &[], body).await.status, status);
        }
        // Three are built in, three were made.
        let catalog = people.server.catalog().await;
        for n in 6..ROLES_OF_ORGANIZATION_MAX {
            let (handle, name) = (format!("role-{n}"), "Role".to_owned());
            let new = NewRole { handle, name, description: String::new(), permissions: Vec::new(), narrowing: None };
            catalog.create_role(&people.organization, &new).await.unwrap();
        }
        people.post(&people.all, ROLES, &role("last", &["events.read"])).await.problem(429, "too-many");
        let failed = people.recorded("role.created").await.remove(0);
        assert_eq!(failed["outcome"], "failed", "what was recorded and could not be is recorded as failed");
        people.delete(&people.all, &one).await;
        people.post(&people.all, ROLES, &role("last", &["events.read"])).await.expect(201);
    });
}

#[test]
fn roles_need_permissions_of_members_and_are_the_organizations_own() {
    run(async {
        let people = People::start().await;
        people.post(&people.all, ROLES, &role("own", &["events.read"])).await.expect(201);
        let one = format!("{ROLES}/own");
        let reader = people.server.scoped("acme", &[Permission::MembersRead]).await;
        let none = people.server.scoped("acme", &[Permission::SettingsWrite]).await;
        let other = people.server.scoped("umbrella", &Permission::ALL).await;
        for path in [ROLES, &one, "/api/v1/permissions"] {
            assert_eq!(people.server.get(&reader, path).await.status, 200);
            people.server.get(&none, path).await.problem(403, "not-allowed");
            people.server.get("", path).await.problem(401, "unauthenticated");
            people.server.get(&reader, &format!("{path}?limit=1")).await.problem(400, "invalid-parameter");
        }
        let body = role("Own", &["events.read"]);
        for answer in [
            people.post(&reader, ROLES, &body).await,
            people.put(&reader, &one, &body).await,
            people.delete(&reader, &one).await,
        ] {
            answer.problem(403, "not-allowed");
        }
        // Another organization's is answered as if there were none.
        let theirs = people.server.get(&other, &one).await.problem(404, "not-found");
        let nobodys = people.server.get(&other, &format!("{ROLES}/one")).await.problem(404, "not-found");
        assert_eq!(theirs["detail"].as_str().unwrap().replace("own", "one"), nobodys["detail"].as_str().unwrap());
        people.put(&other, &one, &body).await.problem(404, "not-found");
        people.delete(&other, &one).await.problem(404, "not-found");
        assert_eq!(people.server.get(&other, ROLES).await.expect(200)["total"], 3);
        people.post(&other, ROLES, &body).await.expect(201);
        assert_eq!(people.get(&one).await.expect(200)["name"], "own");
        let jane = people.member("jane@acme.example", &["own"]).await;
        people.put(&other, &format!("{}/roles/own", path(&jane)), &Value::Null).await.problem(404, "not-found");
    });
}
