//! Events that have moved to disk: found as before; and what is said when a file is damaged or the disk has no room.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};
use trailbook_store::Disk;

use crate::harness::{AUDIT, Answer, MINIMAL, Server, answer, run};
use crate::operations::value;

/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

async fn page(server: &Server, path: &str) -> Answer {
    answer(server.request(Method::GET, path)).await
}

async fn metric(server: &Server, name: &str) -> f64 {
    value(&page(server, "/metrics").await.text(), name)
}

/// Records events, and waits until all of them are on disk, with the one of the server's start.
async fn flushed(server: &Server, events: u64) {
    let body = [MINIMAL].repeat(events as usize).join("\n");
    server.post(body).await.expect(201);
    let deadline = Instant::now() + PATIENCE;
    while metric(server, "trailbook_recent_events").await > 0.0 {
        assert!(Instant::now() < deadline, "events were not moved to disk");
        sleep(PAUSE).await;
    }
}

/// The file of the first segment with this ending.
fn file(server: &Server, ending: &str) -> PathBuf {
    server.dir().join("segments").join(format!("0000000001.{ending}"))
}

fn name(server: &Server, ending: &str) -> String {
    file(server, ending).file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn events_are_found_when_they_have_moved_to_disk_and_counted_there() {
    run(async {
        let server = Server::with("flush_events = 9").await;
        flushed(&server, 8).await;
        assert_eq!(server.total().await, 8);
        assert!(metric(&server, "trailbook_segments").await >= 1.0);
        // The server has recorded its start beside them.
        assert_eq!(metric(&server, "trailbook_segment_events").await, 9.0);
        assert!(metric(&server, "trailbook_segment_bytes").await > 100.0);
        assert_eq!(page(&server, "/readyz").await.text(), "ready\n");
        let server = server.restart("flush_after = '1s'").await;
        server.post(MINIMAL).await.expect(201);
        assert_eq!(server.total().await, 9);
        flushed(&server, 1).await;
        assert_eq!(server.total().await, 10);
    });
}

#[test]
fn a_damaged_file_is_named_and_all_else_goes_on() {
    run(async {
        let server = Server::with("flush_events = 5").await;
        flushed(&server, 4).await;
        let (rows, rows_name) = (file(&server, "rows"), name(&server, "rows"));
        let token = server.token.clone();
        let dir = server.stop().await;
        let mut bytes = std::fs::read(&rows).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&rows, bytes).unwrap();

        let server = Server::reopen(dir, token).await;
        let problem = server.get(&server.token, "/api/v1/events").await.problem(500, "damaged");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&rows_name), "{detail}");
        let portal = server.get(&server.token, AUDIT).await.expect(500);
        assert_eq!(portal["error"]["name"], "Error");
        assert!(portal["error"]["message"].as_str().unwrap().contains(&rows_name), "{portal}");

        let ready = page(&server, "/readyz").await;
        assert_eq!(ready.status, 200);
        let text = ready.text();
        let line = text.lines().next().unwrap();
        assert!(line.starts_with(&format!("ready, but the file {rows_name} is damaged: ")), "{text}");
        assert!(line.ends_with("; queries that need it fail; run trailbook check"), "{text}");
        assert_eq!(metric(&server, "trailbook_damaged_files").await, 1.0);

        // New events are taken, and queries that need no damaged file are answered.
        let written = server.post(MINIMAL).await.expect(201);
        let id = written["events"][0]["id"].as_str().unwrap();
        let path = format!("/api/v1/events?sequence_from=4&total=false&id={id}");
        assert_eq!(server.get(&server.token, &path).await.expect(200)["data"][0]["sequence"], 4);
    });
}

#[test]
fn a_missing_file_is_told_from_the_start() {
    run(async {
        let server = Server::with("flush_events = 5").await;
        flushed(&server, 4).await;
        let (index, index_name) = (file(&server, "index"), name(&server, "index"));
        let token = server.token.clone();
        let dir = server.stop().await;
        std::fs::remove_file(index).unwrap();
        let server = Server::reopen(dir, token).await;
        let ready = page(&server, "/readyz").await;
        let expected = format!(
            "ready, but the file {index_name} is damaged: it is missing; queries that need it fail; run trailbook check\n"
        );
        assert_eq!((ready.status, ready.text()), (200, expected));
        let problem = server.get(&server.token, "/api/v1/events").await.problem(500, "damaged");
        assert!(problem["detail"].as_str().unwrap().contains(&index_name), "{problem}");
        server.post(MINIMAL).await.expect(201);
    });
}

#[test]
fn a_disk_without_room_refuses_events_until_there_is_room() {
    const ALL: u64 = 1 << 40;
    run(async {
        let free = Arc::new(AtomicU64::new(ALL / 2));
        let says = Arc::clone(&free);
        let server = Server::changed("", |settings| {
            settings.tuning.disk = Disk::from_fn(move |_| Ok((says.load(Ordering::Relaxed), ALL)));
        })
        .await;
        server.post(MINIMAL).await.expect(201);

        free.store(ALL / 25, Ordering::Relaxed);
        let refused = until(&server, 507).await;
        let problem = refused.problem(507, "disk-full");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("less than 5 % of it, or 512 MiB, is free"), "{detail}");
        assert_eq!(refused.header("retry-after"), "10");
        let total = server.total().await;
        assert_eq!(metric(&server, "trailbook_disk_low").await, 1.0);
        let ready = page(&server, "/readyz").await;
        assert_eq!(ready.status, 200);
        assert!(ready.text().starts_with("ready, but less than 5 % of the disk"), "{}", ready.text());
        assert!(ready.text().contains("new events are refused"), "{}", ready.text());

        free.store(ALL / 2, Ordering::Relaxed);
        let taken = until(&server, 201).await.expect(201);
        assert_eq!(taken["events"][0]["sequence"], total, "what was refused took no sequence");
        assert_eq!(page(&server, "/readyz").await.text(), "ready\n");
        assert_eq!(metric(&server, "trailbook_disk_low").await, 0.0);
    });
}

/// Sends events until one is answered so.
async fn until(server: &Server, status: u16) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = server.post(MINIMAL).await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "no write was answered {status}: {}", answer.text());
        sleep(PAUSE).await;
    }
}
