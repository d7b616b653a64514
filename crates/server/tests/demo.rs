//! Loading the demo's events: into an empty log, once, and what is in it then.

use serde_json::{Value, json};
use trailbook_event::vocabulary::{spectra, wso2};
use trailbook_store::credential::Permission;
use trailbook_store::{DEFAULT_ORGANIZATION, SYSTEM_ORGANIZATION};

use crate::harness::{Answer, MINIMAL, Server, run};

const DEMO: &str = "/api/v1/demo";
/// What a Backstage backend logged, and what is made up.
const EVENTS_OF_DEMO: u64 = 724 + 417;

async fn load(server: &Server, token: &str) -> Answer {
    server.post_to(DEMO, token, &[], "").await
}

async fn total(server: &Server, query: &str) -> u64 {
    server.list(&format!("limit=1&{query}")).await["total"].as_u64().unwrap()
}

/// All events of a source.
async fn all(server: &Server, source: &str) -> Vec<Value> {
    server.list(&format!("limit=1000&source={source}")).await["data"].as_array().unwrap().clone()
}

#[test]
fn an_empty_log_gets_the_demo_once() {
    run(async {
        let server = Server::start().await;
        let first = load(&server, &server.token).await.expect(201);
        assert_eq!(first, json!({"recorded": EVENTS_OF_DEMO, "excluded": 1, "dropped": 701}));
        let writer = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite]).await;
        for token in [&server.token, &writer] {
            assert_eq!(load(&server, token).await.expect(200), json!({"recorded": 0, "excluded": 0, "dropped": 0}));
        }
        assert_eq!(server.total().await, EVENTS_OF_DEMO);
        assert_eq!(total(&server, "meta.demo=*").await, EVENTS_OF_DEMO);
        let loaded = server.list("source=trailbook&action=demo.loaded").await;
        let deed = &loaded["data"][0];
        assert_eq!((&loaded["total"], &deed["outcome"]), (&json!(1), &json!("succeeded")));
        assert_eq!((&deed["actor"]["type"], &deed["targets"][0]["name"]), (&json!("service"), &json!("default")));
        // It stays so with events of others beside it.
        server.post(MINIMAL).await.expect(201);
        load(&server, &server.token).await.expect(200);
        assert_eq!(server.total().await, EVENTS_OF_DEMO + 1);
        // Each organization has its own.
        let other = server.scoped("acme", &[Permission::EventsWrite, Permission::EventsRead]).await;
        assert_eq!(load(&server, &other).await.expect(201)["recorded"], EVENTS_OF_DEMO);
    });
}

#[test]
fn who_loads_it_at_the_same_time_loads_it_together() {
    run(async {
        let server = Server::start().await;
        let other = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsWrite]).await;
        let (one, another) = tokio::join!(load(&server, &server.token), load(&server, &other));
        let recorded = [one, another].map(|answer| answer.json()["recorded"].as_u64().unwrap());
        assert_eq!(recorded.iter().sum::<u64>(), EVENTS_OF_DEMO, "{recorded:?}");
        assert_eq!(server.total().await, EVENTS_OF_DEMO);
    });
}

#[test]
fn a_log_with_events_is_left_alone() {
    run(async {
        let server = Server::start().await;
        server.post_to(DEMO, &server.token, &[], "{}").await.problem(400, "invalid-body");
        server.post_to("/api/v1/demo?of=port", &server.token, &[], "").await.problem(400, "invalid-parameter");
        server.expect_nothing_recorded().await;
        let problem = load(&server, &server.token).await.problem(409, "conflict");
        assert_eq!(problem["detail"], "the log of default has events; the demo is loaded into an empty one only");
        assert_eq!(total(&server, "meta.demo=*").await, 0);
        assert_eq!(total(&server, "source=trailbook&action=demo.loaded").await, 0);
        // What the server recorded of itself is no event of others.
        let system = server.scoped(SYSTEM_ORGANIZATION, &[Permission::EventsWrite]).await;
        load(&server, &system).await.expect(201);
    });
}

#[test]
fn each_portal_speaks_its_own_words() {
    run(async {
        let server = Server::start().await;
        load(&server, &server.token).await.expect(201);
        let port = all(&server, "port").await;
        for event in &port {
            let (action, kind) = (event["action"].as_str().unwrap(), event["action_type"].as_str().unwrap());
            let target = event["targets"][0]["type"].as_str().unwrap();
            assert_eq!(action, format!("{target}.{kind}"), "{event}");
            assert!(["create", "update", "delete"].contains(&kind), "{event}");
        }
        for kind in ["entity", "blueprint", "action", "automation", "scorecard", "run", "integration", "secret", "user"]
        {
            assert!(port.iter().any(|event| event["targets"][0]["type"] == kind), "{kind}");
        }
        let spectra_events = all(&server, "spectra").await;
        for event in &spectra_events {
            let target = spectra::target_type(event["action"].as_str().unwrap()).map(spectra::TargetType::name);
            assert_eq!(target, event["targets"][0]["type"].as_str(), "{event}");
        }
        let wso2_events = all(&server, "wso2").await;
        for event in &wso2_events {
            let operation = wso2::operation(event["action"].as_str().unwrap()).unwrap();
            let kind = Some(operation.action_type).filter(|kind| !kind.is_empty());
            assert_eq!(kind, event["action_type"].as_str(), "{event}");
        }
        assert_eq!(port.len() + spectra_events.len() + wso2_events.len(), 417);
        for query in ["outcome=denied", "severity=critical", "on_behalf_of.id=*", "context.channel=portal"] {
            assert!(total(&server, query).await >= 5, "{query}");
        }
        let changed = |events: &[Value]| events.iter().any(|event| event["changes"]["before"].is_object());
        assert!(changed(&port) && changed(&spectra_events) && changed(&wso2_events));
    });
}
