//! What those who run the server ask it.

use std::time::Duration;

use reqwest::Method;
use tokio::time::Instant;

use crate::harness::{AUDIT, EVENTS, MINIMAL, Server, answer, run};

/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn it_lives_and_is_ready_without_a_token() {
    run(async {
        let server = Server::start().await;
        for (path, body) in [("/livez", "ok\n"), ("/readyz", "ready\n")] {
            let answer = answer(server.request(Method::GET, path)).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, body));
        }
    });
}

/// The value of a line of the counters' page.
pub(crate) fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn counters_count() {
    run(async {
        let server = Server::start().await;
        let body = [
            MINIMAL,
            MINIMAL,
            r#"{"source":"s","action":"b","outcome":"initiated"}"#,
            r#"{"level":"info","message":"m","service":"backstage"}"#,
            r#"{"source":"s","action":"entity-fetch","actor":{"type":"service","id":"plugin:x"}}"#,
        ]
        .join("\n");
        let key = [("idempotency-key", "k")];
        server.post_with(&key, body.clone()).await.expect(201);
        server.post_with(&key, body).await.expect(201);
        server.post("{}").await.problem(400, "invalid-events");
        server.get("unknown-token", AUDIT).await.expect(401);
        server.get("unknown-token", "/nowhere").await.problem(404, "not-found");
        server.get(&server.token, EVENTS).await.expect(200);

        // The token that is nobody's is recorded while nobody waits for it.
        let deadline = Instant::now() + PATIENCE;
        let page = loop {
            let page = answer(server.request(Method::GET, "/metrics")).await;
            if value(&page.text(), "trailbook_recent_events") >= 4.0 || Instant::now() > deadline {
                break page;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(page.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let page = page.text();
        assert!(page.ends_with("# EOF\n"));
        assert_eq!(page.matches("# EOF").count(), 1);
        for (name, expected) in [
            (r#"trailbook_events_total{result="recorded"}"#, 2.0),
            (r#"trailbook_events_total{result="dropped"}"#, 1.0),
            (r#"trailbook_events_total{result="not_audit"}"#, 1.0),
            (r#"trailbook_events_excluded_total{rule="plugin-reads"}"#, 1.0),
            (r#"trailbook_events_excluded_total{rule="synthetic-user-reads"}"#, 0.0),
            (r#"trailbook_http_requests_total{api="native",status="201"}"#, 2.0),
            (r#"trailbook_http_requests_total{api="native",status="400"}"#, 1.0),
            (r#"trailbook_http_requests_total{api="other",status="404"}"#, 1.0),
            // The server has recorded its start and the token beside them.
            ("trailbook_recent_events", 4.0),
            ("trailbook_appends_waiting", 0.0),
            ("trailbook_segments", 0.0),
            ("trailbook_segment_events", 0.0),
            ("trailbook_segment_bytes", 0.0),
            ("trailbook_damaged_files", 0.0),
            ("trailbook_disk_low", 0.0),
        ] {
            assert_eq!(value(&page, name), expected, "{name}");
        }
        assert!(value(&page, "trailbook_recent_bytes") > 100.0);
        assert!(value(&page, "trailbook_commits_total") >= 1.0);
        assert!(value(&page, r#"trailbook_http_requests_total{api="portal",status="401"}"#) >= 1.0);
        assert!(value(&page, r#"trailbook_http_request_seconds_count{api="native"}"#) >= 4.0);
        // Every sample is a name, perhaps labels, and a number, and its kind was said before.
        let mut kinds = Vec::new();
        for line in page.lines().filter(|line| *line != "# EOF") {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                kinds.push(kind.split(' ').next().unwrap().to_owned());
            }
            if !line.starts_with('#') {
                let (name, number) = line.rsplit_once(' ').unwrap();
                assert!(number.parse::<f64>().is_ok(), "{line}");
                assert!(kinds.iter().any(|kind| name.starts_with(kind.as_str())), "{line}");
            }
        }
    });
}

#[test]
fn two_servers_cannot_share_a_folder_or_an_address() {
    run(async {
        let server = Server::start().await;
        let start = async |listen: &str, dir: &std::path::Path| {
            let toml = format!("listen = {listen:?}\ndata_dir = {:?}", dir.to_str().unwrap());
            let layer = trailbook_server::settings::Layer::from_toml(&toml).unwrap();
            trailbook_server::start(layer.resolve().unwrap()).await.err().unwrap().to_string()
        };
        let taken = start("127.0.0.1:0", server.dir()).await;
        assert!(taken.starts_with("another trailbook server works on the data folder"), "{taken}");
        let other = tempfile::TempDir::new().unwrap();
        let folder = other.path().join("data");
        let busy = start(&server.address().to_string(), &folder).await;
        assert_eq!(busy, format!("the address {} is in use; choose another with --listen", server.address()));
        assert!(!folder.exists(), "nothing was left behind");
    });
}
