//! Exports over HTTP: what is in them. That they prove what they say is shown by those who check them.

use std::io::{Cursor, Read as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trailbook_event::limits::EXPORTS_RUNNING_MAX;
use trailbook_event::seal;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use zip::ZipArchive;

use crate::harness::{MINIMAL, Server, answer, run};

const EXPORT: &str = "/api/v1/events/export";
/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// The files of an export.
struct Export {
    events: Vec<String>,
    openings: Vec<Value>,
    manifest: Value,
}

async fn export(server: &Server, token: &str, query: &str) -> Export {
    let answer = server.get(token, &format!("{EXPORT}?{query}")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/zip"), "{}", answer.text());
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"trailbook-default.zip\"");
    let mut zip = ZipArchive::new(Cursor::new(answer.body)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["events.ndjson", "openings.ndjson", "manifest.json"]);
    let mut text = |name: &str| {
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let (events, openings, manifest) = (text("events.ndjson"), text("openings.ndjson"), text("manifest.json"));
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for (name, text) in [("events.ndjson", &events), ("openings.ndjson", &openings)] {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(manifest["files"][name]["sha256"], hex);
        assert_eq!(manifest["files"][name]["bytes"], text.len());
    }
    Export {
        events: events.lines().map(str::to_owned).collect(),
        openings: openings.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        manifest,
    }
}

/// Events of two actions, one write each, and a token that may take them out.
async fn filled() -> (Server, String) {
    let server = Server::start().await;
    for n in 0..6 {
        let action = if n % 2 == 0 { "even" } else { "odd" };
        server.post(format!(r#"{{"source":"s","action":"{action}","message":"number {n}"}}"#)).await.expect(201);
    }
    let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
    (server, token)
}

#[test]
fn an_export_of_all_has_every_event_as_it_was_sealed() {
    run(async {
        let (server, token) = filled().await;
        let Export { events, openings, manifest } = export(&server, &token, "").await;
        let listed = server.list("order=sequence").await;
        for (line, shown) in events.iter().zip(listed["data"].as_array().unwrap()) {
            let mut shown = shown.clone();
            for own in ["organization", "sequence", "recorded_at"] {
                shown.as_object_mut().unwrap().remove(own);
            }
            assert_eq!(serde_json::from_str::<Value>(line).unwrap(), shown);
        }
        // The last of them says that they are taken out.
        assert_eq!((events.len(), openings.len()), (7, 7));
        assert_eq!(openings[3]["sequence"], 3);
        assert_eq!(manifest["format"], "trailbook/export/v1");
        assert_eq!((&manifest["query"], &manifest["range"]), (&"".into(), &serde_json::json!({})));
        let log = &manifest["logs"][0];
        assert_eq!((&log["kind"], &log["events"], &log["openings"]), (&"complete".into(), &7.into(), &7.into()));
        assert_eq!((&log["first_sequence"], &log["last_sequence"]), (&0.into(), &6.into()));
        assert!(log["run"]["first"].is_array() && log["checkpoint"].as_str().unwrap().contains("\n7\n"));
    });
}

#[test]
fn an_export_of_a_range_has_the_entries_beside_it() {
    run(async {
        let (server, token) = filled().await;
        let listed = server.list("order=sequence").await;
        let at = |n: usize| listed["data"][n]["recorded_at"].as_str().unwrap().to_owned();
        let same = (0..5).any(|n| at(n) == at(n + 1));
        let Export { events, openings, manifest } =
            export(&server, &token, &format!("recorded_from={}&recorded_to={}", at(2), at(4))).await;
        assert_eq!(manifest["range"]["recorded_from"], at(2));
        let log = &manifest["logs"][0];
        assert_eq!(log["kind"], "complete");
        if !same {
            assert_eq!((events.len(), openings.len()), (2, 4));
            // Their times and commitments, and nothing of what they are.
            for (opening, n) in [(&openings[0], 1), (&openings[3], 4)] {
                assert_eq!(opening["sequence"], n);
                assert!(opening["inner"].is_string() && opening.get("salt").is_none());
            }
            let salt = STANDARD.decode(openings[1]["salt"].as_str().unwrap()).unwrap().try_into().unwrap();
            assert_eq!(seal::inner(&salt, events[0].as_bytes()).len(), 32);
        }
        // Nothing was recorded then: the two entries around that time say so.
        let Export { events, openings, manifest } =
            export(&server, &token, &format!("recorded_from=2020-01-01T00:00:00Z&recorded_to={}", at(0))).await;
        assert_eq!((events.len(), openings.len()), (0, 1));
        assert_eq!((&manifest["logs"][0]["events"], &openings[0]["sequence"]), (&0.into(), &0.into()));
    });
}

#[test]
fn an_export_by_condition_proves_each_event() {
    run(async {
        let (server, token) = filled().await;
        let Export { events, openings, manifest } = export(&server, &token, "action=odd&q=number").await;
        assert_eq!((events.len(), openings.len()), (3, 3));
        assert_eq!(manifest["query"], "action=odd&q=number");
        assert_eq!(manifest["logs"][0]["kind"], "members");
        assert!(manifest["logs"][0].get("run").is_none());
        assert!(
            openings.iter().all(|opening| opening["proof"].as_array().unwrap().len() == 3 || opening["sequence"] == 5)
        );
        let nothing = export(&server, &token, "action=none").await;
        assert_eq!((nothing.events.len(), nothing.manifest["logs"].as_array().unwrap().len()), (0, 0));
        for query in ["from=2020-01-01T00:00:00Z", "sequence_from=2"] {
            assert_eq!(export(&server, &token, query).await.manifest["logs"][0]["kind"], "members", "{query}");
        }
    });
}

#[test]
fn an_export_needs_its_scope_and_takes_no_page() {
    run(async {
        let (server, token) = filled().await;
        server.get(&server.token, EXPORT).await.problem(403, "not-allowed");
        for query in ["limit=1", "order=newest", "cursor=x", "total=false", "nothing=1", "recorded_from=x"] {
            let refused = server.get(&token, &format!("{EXPORT}?{query}")).await;
            let name = query.split('=').next().unwrap();
            assert_eq!(refused.problem(400, "invalid-parameter")["parameter"], name);
        }
        // Another organization's are not in it.
        let other = server.scoped("another", &[Permission::EventsWrite, Permission::Exports]).await;
        server.post_as(&other, &[], MINIMAL).await.expect(201);
        assert_eq!(export(&server, &token, "source!=trailbook").await.events.len(), 6);
    });
}

/// More events than the buffers between a server and a client that does not read can hold.
async fn filled_to_the_brim(server: &Server) {
    let event = json!({"source": "s", "action": "a", "message": "x".repeat(200_000)}).to_string();
    for _ in 0..4 {
        server.post([event.as_str()].repeat(40).join("\n")).await.expect(201);
    }
}

#[test]
fn so_many_exports_run_at_once_until_their_clients_go() {
    run(async {
        let server = Server::start().await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        filled_to_the_brim(&server).await;
        for form in ["format=ndjson", "format=csv", ""] {
            let path = format!("{EXPORT}?{form}");
            let begun = || server.request(Method::GET, &path).bearer_auth(&token).send();
            let deadline = Instant::now() + PATIENCE;
            let mut running = Vec::new();
            while running.len() < EXPORTS_RUNNING_MAX {
                let export = begun().await.unwrap();
                match export.status().as_u16() {
                    200 => running.push(export),
                    // Those of the form before have not noticed yet.
                    status => assert!(status == 503 && Instant::now() < deadline, "{form} is answered {status}"),
                }
                sleep(PAUSE).await;
            }
            let refused = server.get(&token, &path).await;
            assert!(!refused.header("retry-after").is_empty());
            refused.problem(503, "busy");
        }
    });
}

#[test]
fn an_export_that_ends_early_is_not_taken_for_whole() {
    run(async {
        // Four events, and that of the start.
        let server = Server::with("flush_events = 5").await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        server.post([MINIMAL].repeat(4).join("\n")).await.expect(201);
        let rows = server.dir().join("segments/0000000001.rows");
        let deadline = Instant::now() + PATIENCE;
        let metrics = async || answer(server.request(Method::GET, "/metrics")).await.text();
        while !metrics().await.contains("trailbook_recent_events 0\n") {
            assert!(Instant::now() < deadline, "events were not moved to disk");
            sleep(PAUSE).await;
        }
        let dir = server.stop().await;
        let mut bytes = std::fs::read(&rows).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&rows, bytes).unwrap();
        let server = Server::reopen(dir, token).await;
        for form in ["", "format=ndjson", "format=csv&compress=gzip", "format=ocsf&compress=zstd", "format=parquet"] {
            let path = format!("{EXPORT}?{form}");
            // Where it ends before anything is sent, there is no answer at all.
            if let Ok(export) = server.request(Method::GET, &path).bearer_auth(&server.token).send().await {
                assert_eq!(export.status(), 200, "{form}");
                assert!(export.bytes().await.is_err(), "{form} seems whole");
            }
        }
        assert!(answer(server.request(Method::GET, "/readyz")).await.text().contains("0000000001.rows"));
    });
}
