//! Organizations see nothing of each other.

use trailbook_store::credential::{Grant, Permission};

use crate::harness::{AUDIT, EVENTS, Server, ids, run};

const BOTH: [Permission; 2] = [Permission::EventsWrite, Permission::EventsRead];
const ID: &str = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";

#[test]
fn nothing_of_one_organization_is_visible_to_another() {
    run(async {
        let server = Server::start().await;
        let acme = server.scoped("acme", &BOTH).await;
        let umbrella = server.scoped("umbrella", &BOTH).await;
        let event =
            |action: &str| format!(r#"{{"source":"s","action":"{action}","actor":{{"type":"user","id":"jane"}}}}"#);
        let key = [("idempotency-key", "k")];
        let of_acme = server.post_as(&acme, &key, [event("a"), event("a")].join("\n")).await;
        assert_eq!(of_acme.header("trailbook-recorded"), "2");
        // The same key and body are another organization's own write, with its own sequences.
        let of_umbrella = server.post_as(&umbrella, &key, event("b")).await;
        assert_eq!(of_umbrella.header("trailbook-recorded"), "1");
        assert_eq!(of_umbrella.expect(201)["events"][0]["sequence"], 0);

        for (token, name, action, total) in [(&acme, "acme", "a", 2), (&umbrella, "umbrella", "b", 1)] {
            for query in ["", "?actor.id=jane", "?order=sequence", "?source=s&actor=*"] {
                let page = server.get(token, &format!("{EVENTS}{query}")).await.expect(200);
                assert_eq!(page["total"], total, "{query}");
                for event in page["data"].as_array().unwrap() {
                    assert_eq!((&event["organization"], &event["action"]), (&name.into(), &action.into()));
                }
            }
            let portal = server.get(token, AUDIT).await.expect(200);
            assert_eq!((&portal["total"], &portal["data"][0]["event_id"]), (&total.into(), &action.into()));
        }
        let other = ids(&server.get(&umbrella, EVENTS).await.expect(200)).remove(0);
        server.get(&acme, &format!("{EVENTS}/{other}")).await.problem(404, "not-found");
        assert_eq!(server.get(&acme, &format!("{EVENTS}?id={other}")).await.expect(200)["total"], 0);
        assert_eq!(server.total().await, 0);
    });
}

#[test]
fn ids_and_cursors_of_another_organization_tell_nothing() {
    run(async {
        let server = Server::start().await;
        let acme = server.scoped("acme", &BOTH).await;
        let umbrella = server.scoped("umbrella", &BOTH).await;
        let event = |action: &str| format!(r#"{{"id":"{ID}","source":"s","action":"{action}"}}"#);
        let other = r#"{"source":"s","action":"other"}"#;
        server.post_as(&acme, &[], format!("{}\n{other}", event("a"))).await.expect(201);
        // Not a repetition, and not a reuse either.
        let answer = server.post_as(&umbrella, &[], event("b")).await;
        assert_eq!((answer.status, answer.header("trailbook-recorded")), (201, "1"));
        let found = server.get(&umbrella, &format!("{EVENTS}/{ID}")).await.expect(200);
        assert_eq!(found["action"], "b");
        let page = server.get(&acme, &format!("{EVENTS}?limit=1")).await.expect(200);
        let cursor = page["next"].as_str().unwrap();
        let page = server.get(&umbrella, &format!("{EVENTS}?cursor={cursor}")).await.expect(200);
        assert!(page["data"].as_array().unwrap().iter().all(|event| event["organization"] == "umbrella"));
    });
}

#[test]
fn a_body_cannot_choose_its_organization() {
    run(async {
        let server = Server::start().await;
        let acme = server.scoped("acme", &BOTH).await;
        let body = r#"{"organization":"default","source":"s","action":"a"}"#;
        server.post_as(&acme, &[], body).await.problem(400, "invalid-events");
        server.post_as(&acme, &[("x-organization", "default")], r#"{"source":"s","action":"a"}"#).await.expect(201);
        assert_eq!(server.total().await, 0);
        server.get(&acme, &format!("{EVENTS}?organization=default")).await.problem(400, "invalid-parameter");
    });
}

#[test]
fn a_restart_keeps_organizations_apart() {
    run(async {
        let server = Server::start().await;
        let token = "of-acme-alone";
        server.create_entry("acme", "t", token, Grant { scopes: BOTH.to_vec(), restrictions: Vec::new() }).await;
        server.until_known(token).await;
        server.post_as(token, &[], r#"{"source":"s","action":"a"}"#).await.expect(201);
        let server = server.restart("").await;
        assert_eq!(server.total().await, 0);
        assert_eq!(server.get(token, EVENTS).await.expect(200)["total"], 1);
    });
}
