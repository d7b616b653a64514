//! The pages of roles.

use serde_json::json;
use trailbook_store::credential::Permission;

use super::{ADAM, JANE, assert_done, assert_refused, browser_of, page};
use crate::harness::{PUBLIC_URL, run};
use crate::people::{People, ROLES};

const LIST: &str = "/settings/roles";
const NEW: &str = "/settings/roles/new";
const VIEWER: &str = "/settings/roles/audit-log-viewer/edit";

#[test]
fn a_role_is_created_with_permissions_and_a_narrowing() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let text = page(&mut browser, NEW).await;
        for shown in ["LOG-MANAGEMENT", "View audit logs", "Manage audit logs: exports", "can be narrowed"] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        let typed = [
            ("name", "Audit Log Viewer"),
            ("description", "Sees payments"),
            ("permission", "events.read"),
            ("permission", "exports"),
            ("filter", "context.project=payments,billing\r\n\r\nseverity!=low\r\n"),
            ("without", "actor.email, context.ip"),
        ];
        assert_done(&browser.fill_form(NEW, LIST, &typed).await, &format!("{LIST}?done=created"));
        let mut made = people.get(&format!("{ROLES}/audit-log-viewer")).await.expect(200);
        assert!(made.as_object_mut().unwrap().remove("created_at").is_some());
        let expected = json!({
            "name": "Audit Log Viewer", "handle": "audit-log-viewer", "description": "Sees payments",
            "permissions": ["events.read", "exports"], "is_built_in": false,
            "holders": {"members": [], "groups": []},
            "narrowing": {
                "filter": {"context.project": "payments,billing", "severity!": "low"},
                "without": ["actor.email", "context.ip"],
            },
        });
        assert_eq!(made, expected);
        let text = page(&mut browser, LIST).await;
        assert!(text.contains("View audit logs; Manage audit logs: exports") && text.contains(">narrowed<"), "{text}");
        assert!(text.contains("Everything") && text.contains("1 member"), "{text}");
    });
}

#[test]
fn what_is_wrong_with_a_role_is_said_in_its_form_which_keeps_what_was_typed() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let good = [("name", "Viewer"), ("permission", "events.read")];
        let wrong = [
            ("filter", "payments", 400, "“payments” is no condition"),
            ("filter", "nothing.such=1", 400, "nothing.such"),
            ("filter", "action=a\naction=b", 400, "action is there twice"),
            ("without", "action", 400, "action"),
            ("handle", "Not One", 400, "handle"),
            ("handle", "auditor", 409, "There is a role"),
        ];
        for (field, value, status, words) in wrong {
            let answer = browser.fill_form(NEW, LIST, &[good[0], good[1], (field, value)]).await;
            assert_refused(&answer, status, words);
            let text = answer.text();
            assert!(text.contains("value=\"Viewer\"") && text.contains("value=\"events.read\" checked"), "{text}");
            assert!(text.contains(value.lines().next().unwrap()), "{text}");
        }
        assert_refused(&browser.fill_form(NEW, LIST, &[good[0]]).await, 400, "at least one");
        assert_refused(&browser.fill_form(NEW, LIST, &[("name", " "), good[1]]).await, 400, "handle");
        assert_eq!(people.get(ROLES).await.expect(200)["total"], 3);
    });
}

#[test]
fn a_role_is_changed_and_removed() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let narrowing = json!({"filter": {"action": "deploy.*"}, "without": ["meta.customer"]});
        let role = json!({
            "name": "Audit Log Viewer", "permissions": ["events.read", "log.read"], "narrowing": narrowing,
        });
        people.post(&people.all, ROLES, &role).await.expect(201);
        let text = page(&mut browser, VIEWER).await;
        assert!(text.contains("action=deploy.*</textarea>") && text.contains("meta.customer</textarea>"), "{text}");
        // What is not touched stays: the form holds all of it.
        let changed = browser.fill_form(VIEWER, VIEWER, &[("name", "Viewer")]).await;
        assert_done(&changed, &format!("{VIEWER}?done=changed"));
        let seen = people.get(&format!("{ROLES}/audit-log-viewer")).await.expect(200);
        assert_eq!((&seen["name"], &seen["narrowing"]), (&json!("Viewer"), &narrowing));
        assert_eq!(seen["permissions"], json!(["events.read", "log.read"]));
        let wide = [("permission", "exports"), ("filter", ""), ("without", "")];
        assert_eq!(browser.fill_form(VIEWER, VIEWER, &wide).await.status, 303);
        let seen = people.get(&format!("{ROLES}/audit-log-viewer")).await.expect(200);
        assert_eq!((&seen["permissions"], seen.get("narrowing")), (&json!(["exports"]), None));
        let remove = "/settings/roles/audit-log-viewer/delete";
        assert_refused(&browser.fill_form(VIEWER, remove, &[("confirm", "Admin")]).await, 400, "type Viewer");
        let removed = browser.fill_form(VIEWER, remove, &[("confirm", "viewer")]).await;
        assert_done(&removed, &format!("{LIST}?done=removed"));
        assert_eq!(browser.visit(&format!("{PUBLIC_URL}{VIEWER}")).await.status, 404);
    });
}

#[test]
fn a_role_that_is_called_new_is_no_form() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let typed = [("name", "New"), ("permission", "events.read")];
        assert_eq!(browser.fill_form(NEW, LIST, &typed).await.status, 303);
        assert!(page(&mut browser, "/settings/roles/new/edit").await.contains("value=\"New\""));
        assert!(
            page(&mut browser, NEW).await.contains("<h1 class=\"titled\"><bdi class=\"clip\" title=\"Create role\">")
        );
    });
}

#[test]
fn what_one_lacks_cannot_be_ticked() {
    run(async {
        let people = People::start().await;
        let own = [Permission::MembersRead, Permission::MembersWrite, Permission::LogRead];
        people.role("manager", &own, None).await;
        people.role("exporter", &[Permission::Exports], None).await;
        people.role("small", &[Permission::LogRead], None).await;
        let mut browser = browser_of(&people, ADAM, &["manager"]).await;
        let text = page(&mut browser, NEW).await;
        assert!(text.contains("value=\"exports\" disabled") && text.contains("value=\"log.read\"><span>"), "{text}");
        assert!(text.contains("you do not have this yourself"), "{text}");
        // The form is not believed.
        let typed = [("name", "More"), ("permission", "exports")];
        assert_refused(&browser.fill_form(NEW, LIST, &typed).await, 403, "what they lack");
        let text = page(&mut browser, "/settings/roles/exporter/edit").await;
        assert!(text.contains("You cannot change this role: it grants “Manage audit logs: exports”"), "{text}");
        assert_eq!(text.matches("method=\"post\"").count(), 2, "those of the frame alone: {text}");
        assert!(page(&mut browser, "/settings/roles/small/edit").await.contains("/settings/roles/small/delete"));
        // Who sees some events only cannot let others see all.
        let narrowing = r#"{"filter":{"context.project":"payments"}}"#;
        people.role("narrow", &[Permission::EventsRead, own[0], own[1]], Some(narrowing)).await;
        let mut narrowed = browser_of(&people, JANE, &["narrow"]).await;
        let text = page(&mut narrowed, "/settings/roles/narrow/edit").await;
        assert!(text.contains("context.project=payments</textarea>"), "{text}");
        let typed = [("name", "All"), ("permission", "events.read")];
        assert_refused(&narrowed.fill_form(NEW, LIST, &typed).await, 403, "for fewer events");
    });
}

#[test]
fn built_in_roles_and_those_of_readers_are_shown_and_not_changed() {
    run(async {
        let people = People::start().await;
        let mut browser = browser_of(&people, ADAM, &["admin"]).await;
        let text = page(&mut browser, "/settings/roles/auditor/edit").await;
        assert!(text.contains("Every organization has this role as it is."), "{text}");
        assert_eq!(text.matches("method=\"post\"").count(), 2, "those of the frame alone: {text}");
        assert!(text.contains("value=\"events.read\" checked>"), "{text}");
        people.role("reader", &[Permission::MembersRead], None).await;
        let mut reader = browser_of(&people, JANE, &["reader"]).await;
        for path in [LIST, "/settings/roles/reader/edit"] {
            let text = page(&mut reader, path).await;
            assert_eq!((text.matches("method=\"post\"").count(), text.contains(NEW)), (2, false), "{path}: {text}");
        }
        assert_eq!(reader.visit(&format!("{PUBLIC_URL}{NEW}")).await.status, 403);
    });
}
