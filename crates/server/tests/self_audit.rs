//! What the server records of itself: who read, who was refused, what was taken out; and where nobody can keep that
//! from being recorded.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trailbook_store::credential::Permission;
use trailbook_store::{DEFAULT_ORGANIZATION, Disk, SYSTEM_ORGANIZATION};

use crate::harness::{AUDIT, Answer, EVENTS, MINIMAL, Server, answer, run};

const EXPORT: &str = "/api/v1/events/export";
const EXPORTS: &str = "/api/v1/exports";
/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// What a token's organization has recorded of an action, in order.
async fn recorded(server: &Server, token: &str, action: &str) -> Vec<Value> {
    let page = server.get(token, &format!("{EVENTS}?order=sequence&source=trailbook&action={action}")).await;
    page.expect(200)["data"].as_array().unwrap().clone()
}

/// The same, as soon as there are so many.
async fn recorded_soon(server: &Server, token: &str, action: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = recorded(server, token, action).await;
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{action} was recorded {} times", found.len());
        sleep(PAUSE).await;
    }
}

async fn system_reader(server: &Server) -> String {
    server.scoped(SYSTEM_ORGANIZATION, &[Permission::EventsRead]).await
}

#[test]
fn readers_are_on_record_before_their_first_answer_and_counted_after() {
    run(async {
        let server = Server::with("record_reads = true").await;
        server.post([MINIMAL].repeat(3).join("\n")).await.expect(201);
        let first = server.list("source=trailbook").await;
        let intent = &first["data"][0];
        assert_eq!((&first["total"], &intent["action"]), (&1.into(), &"audit_log.read".into()));
        assert_eq!((&intent["outcome"], &intent["actor"]["type"]), (&"initiated".into(), &"service".into()));
        assert_eq!(
            (&intent["context"]["ip"], &intent["context"]["request_url"]),
            (&"127.0.0.1".into(), &EVENTS.into())
        );
        assert_eq!(server.list("source=s").await["total"], 3);
        assert_eq!(server.get(&server.token, AUDIT).await.expect(200)["total"], 3);
        assert_eq!(server.get(&server.token, "/v1/audit-log").await.expect(200)["audits"].as_array().unwrap().len(), 3);
        assert_eq!(recorded(&server, &server.token, "audit_log.read").await.len(), 1, "once a minute");

        let server = server.restart("").await;
        let all = recorded(&server, &server.token, "audit_log.read").await;
        assert_eq!((all.len(), &all[0]), (2, intent));
        assert_eq!(all[1]["meta"], json!({"events": 1 + 3 + 3 + 3 + 1, "requests": 5, "period": "one minute"}));
        assert_eq!((&all[1]["outcome"], &all[1]["actor"]), (&"succeeded".into(), &intent["actor"]));
    });
}

#[test]
fn whoever_is_refused_is_on_record_with_what_they_lack() {
    run(async {
        let server = Server::start().await;
        let writer = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite]).await;
        server.get(&writer, EVENTS).await.problem(403, "not-allowed");
        let denied = recorded(&server, &server.token, "access.denied").await;
        let [event] = denied.as_slice() else { panic!("{denied:?}") };
        assert_eq!((&event["outcome"], &event["severity"]), (&"denied".into(), &"high".into()));
        assert_eq!(event["actor"]["id"], format!("n{writer}"));
        assert_eq!(event["error"]["message"], "this needs the scope events.read; the token has events.write");
        let context = &event["context"];
        assert_eq!((&context["ip"], &context["request_method"]), (&"127.0.0.1".into(), &"GET".into()));
        assert_eq!(context["request_url"], EVENTS);
        for path in [AUDIT, "/v1/audit-log", EXPORTS, EXPORT, "/api/v1/logs"] {
            assert_eq!(server.get(&writer, path).await.status, 403, "{path}");
        }
        // Others are counted by themselves.
        let other = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        assert_eq!(server.get(&other, EVENTS).await.status, 403);
        assert_eq!(recorded(&server, &server.token, "access.denied").await.len(), 2);
        let server = server.restart("").await;
        let denied = recorded(&server, &server.token, "access.denied").await;
        assert_eq!(denied.len(), 3);
        assert_eq!(denied[2]["meta"], json!({"requests": 6, "period": "one minute"}));
        assert_eq!(denied[2]["actor"], event["actor"]);
    });
}

#[test]
fn the_source_of_own_events_is_the_servers() {
    run(async {
        let rules = r#"
            [[exclusion_rules]]
            name = "everything"
            actorId = "*"
            eventId = ["*"]
        "#;
        let server = Server::with(rules).await;
        let reserved = "the source trailbook is kept for the server's own events";
        for (path, body) in [
            (EVENTS, json!({"source": "trailbook", "action": "a"})),
            (
                "/api/v1/ingest/backstage",
                json!({"plugin": "trailbook", "eventId": "e", "status": "succeeded", "isAuditEvent": true}),
            ),
            ("/api/v1/ingest/port", json!({"action": "CREATE", "trigger": {"origin": "trailbook"}})),
        ] {
            let refused = server.post_to(path, &server.token, &[], body.to_string()).await;
            assert!(refused.status == 400 && refused.text().contains(reserved), "{path}: {}", refused.text());
        }
        for (path, body) in [
            ("/api/v1/ingest/spectra", json!({"action": "user.login", "source": "trailbook"})),
            ("/api/v1/ingest/wso2", json!({"action": "Role creation", "source": "trailbook"})),
        ] {
            let taken = server.post_to(path, &server.token, &[], body.to_string()).await;
            assert!([201, 400].contains(&taken.status), "{path}: {}", taken.text());
        }
        assert_eq!(server.list("source=trailbook").await["total"], 0);

        // Rules that keep out everything keep none of its own out.
        let ours = json!({"source": "s", "action": "a", "actor": {"type": "user", "id": "u"}});
        assert_eq!(server.post(ours.to_string()).await.expect(201)["events"][0]["excluded"], "everything");
        server.get(&server.token, EXPORTS).await.problem(403, "not-allowed");
        assert_eq!(recorded(&server, &server.token, "access.denied").await.len(), 1);
    });
}

#[test]
fn own_events_go_on_where_the_disk_has_no_room_for_others() {
    const ALL: u64 = 1 << 40;
    run(async {
        let free = Arc::new(AtomicU64::new(ALL / 2));
        let says = Arc::clone(&free);
        let server = Server::changed("record_reads = true", |settings| {
            settings.tuning.disk = Disk::from_fn(move |_| Ok((says.load(Ordering::Relaxed), ALL)));
        })
        .await;
        server.post(MINIMAL).await.expect(201);
        free.store(ALL / 25, Ordering::Relaxed);
        let deadline = Instant::now() + PATIENCE;
        while server.post(MINIMAL).await.status != 507 {
            assert!(Instant::now() < deadline, "no write was refused");
            sleep(PAUSE).await;
        }
        let exporter = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        assert_eq!(server.get(&exporter, EXPORT).await.status, 200);
        server.get(&exporter, EVENTS).await.problem(403, "not-allowed");
        for action in ["audit_log.read", "access.denied", "organization.audit_export.downloaded"] {
            assert_eq!(recorded(&server, &server.token, action).await.len(), 1, "{action}");
        }
        assert_eq!(server.post(MINIMAL).await.status, 507);
    });
}

/// Runs a statement in the server's database, beside it.
fn in_database(server: &Server, sql: &str) {
    let program =
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=30); c.execute(sys.argv[2]); c.commit()";
    let file = server.dir().join("catalog.sqlite");
    let ended = Command::new("python3").args(["-c", program]).arg(file).arg(sql).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

async fn order(server: &Server, token: &str) -> Answer {
    let body = json!({"name": "All", "formats": ["ndjson"]}).to_string();
    answer(server.request(Method::POST, EXPORTS).bearer_auth(token).body(body)).await
}

#[test]
fn what_cannot_be_recorded_does_not_happen() {
    run(async {
        let server = Server::with("record_reads = true").await;
        server.post(MINIMAL).await.expect(201);
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsRead, Permission::Exports]).await;
        let id = order(&server, &token).await.expect(201)["id"].as_str().unwrap().to_owned();
        let deadline = Instant::now() + PATIENCE;
        let state = async || server.get(&token, &format!("{EXPORTS}/{id}")).await.json()["state"].clone();
        while state().await != "DONE" {
            assert!(Instant::now() < deadline, "the export is not made");
            sleep(PAUSE).await;
        }
        let fail = "CREATE TRIGGER fail BEFORE INSERT ON frames BEGIN SELECT RAISE(ABORT, 'no room'); END";
        in_database(&server, fail);
        let file = format!("{EXPORTS}/{id}/files/ndjson");
        for path in [EVENTS, AUDIT, "/v1/audit-log", EXPORT, &file] {
            let refused = server.get(&token, path).await;
            assert_eq!(refused.status, 503, "{path}: {}", refused.text());
            assert!(!refused.text().contains("\"source\""), "{path}: {}", refused.text());
        }
        assert_eq!(order(&server, &token).await.status, 503);
        let path = format!("{EXPORTS}/{id}");
        assert_eq!(answer(server.request(Method::DELETE, &path).bearer_auth(&token)).await.status, 503);
        let listed = server.get(&token, EXPORTS).await.expect(200);
        assert_eq!((&listed["total"], &listed["data"][0]["state"]), (&1.into(), &"DONE".into()));

        in_database(&server, "DROP TRIGGER fail");
        assert_eq!(server.get(&token, EVENTS).await.status, 200);
        assert_eq!(recorded(&server, &token, "organization.audit_export.created").await.len(), 1);
        assert_eq!(recorded(&server, &token, "organization.audit_export.deleted").await.len(), 0);
        assert_eq!(answer(server.request(Method::DELETE, &path).bearer_auth(&token)).await.status, 204);
    });
}

#[test]
fn what_concerns_the_server_as_a_whole_is_in_its_own_organization() {
    run(async {
        let server = Server::start().await;
        for path in [EVENTS, AUDIT, "/v1/audit-log"] {
            assert_eq!(server.get("this-token-is-nobodys", path).await.status, 401, "{path}");
        }
        let client = json!({"clientId": "nobody", "clientSecret": "this-secret-is-nobodys"}).to_string();
        assert_eq!(server.post_to("/v1/auth/access_token", "", &[], client).await.status, 401);
        // Who has no token at all has tried none.
        assert_eq!(server.post_to(EVENTS, "", &[], MINIMAL).await.status, 401);
        let system = system_reader(&server).await;
        let refused = recorded_soon(&server, &system, "token.refused", 1).await;
        let event = &refused[0];
        assert_eq!((&event["outcome"], &event["actor"]), (&"denied".into(), &json!({"type": "anonymous"})));
        assert_eq!(event["error"]["message"], "Illegal token");
        let context = &event["context"];
        assert_eq!((&context["ip"], &context["request_url"]), (&"127.0.0.1".into(), &EVENTS.into()));
        assert!(!event.to_string().contains("nobodys"));
        assert_eq!(recorded(&server, &system, "server.started").await.len(), 1);

        let token = system.clone();
        let server = server.restart("").await;
        let refused = recorded(&server, &token, "token.refused").await;
        assert_eq!((refused.len(), &refused[1]["meta"]), (2, &json!({"requests": 4, "period": "one minute"})));
        assert_eq!(recorded(&server, &token, "server.started").await.len(), 2);
        assert_eq!(recorded(&server, &token, "server.stopped").await.len(), 1);
        assert_eq!(server.list("source=trailbook").await["total"], 0, "and nowhere else");
    });
}

#[test]
fn the_address_is_the_forwarded_one_where_proxies_are_trusted() {
    run(async {
        for (toml, expected) in [("", "127.0.0.1"), ("trusted_proxies = ['127.0.0.0/8']", "198.51.100.7")] {
            let server = Server::with(toml).await;
            let writer = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite]).await;
            for token in [writer.as_str(), "this-token-is-nobodys"] {
                let request = server.request(Method::GET, EVENTS).bearer_auth(token);
                let status = answer(request.header("x-forwarded-for", "198.51.100.7")).await.status;
                assert!([401, 403].contains(&status), "{status}");
            }
            let denied = recorded(&server, &server.token, "access.denied").await;
            assert_eq!(denied[0]["context"]["ip"], expected, "{toml}");
            let system = system_reader(&server).await;
            let refused = recorded_soon(&server, &system, "token.refused", 1).await;
            assert_eq!(refused[0]["context"]["ip"], expected, "{toml}");
        }
    });
}
