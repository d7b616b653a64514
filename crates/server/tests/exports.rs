//! Exports that are made as files: ordered, looked at, fetched, removed.

use std::io::{Cursor, Read as _};

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};
use trailbook_event::limits::{EXPORT_BODY_BYTES_MAX, EXPORT_JOBS_MAX, EXPORT_NAME_CHARS_MAX};
use trailbook_store::credential::Permission;
use trailbook_store::{DEFAULT_ORGANIZATION, ExportChange, ExportState, NewExport};
use zip::ZipArchive;

use crate::harness::{Answer, MINIMAL, Server, answer, run};

const EXPORTS: &str = "/api/v1/exports";
const FORMATS: [&str; 5] = ["ndjson", "cef", "csv", "parquet", "ocsf"];

/// Six events of two actions, and a token that may take them out.
async fn filled() -> (Server, String) {
    filled_with("").await
}

async fn filled_with(toml: &str) -> (Server, String) {
    let server = Server::with(toml).await;
    for n in 0..6 {
        let action = if n % 2 == 0 { "even" } else { "odd" };
        server.post(format!(r#"{{"source":"s","action":"{action}","message":"number {n}"}}"#)).await.expect(201);
    }
    let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
    (server, token)
}

async fn order(server: &Server, token: &str, body: &Value) -> Answer {
    answer(server.request(reqwest::Method::POST, EXPORTS).bearer_auth(token).body(body.to_string())).await
}

/// Orders an export and waits until it is done.
async fn made(server: &Server, token: &str, body: &Value) -> Value {
    let ordered = order(server, token, body).await.expect(201);
    assert_eq!(ordered["state"], "PENDING");
    ended(server, token, ordered["id"].as_str().unwrap()).await
}

async fn ended(server: &Server, token: &str, id: &str) -> Value {
    loop {
        let seen = server.get(token, &format!("{EXPORTS}/{id}")).await.expect(200);
        if !["PENDING", "IN_PROGRESS"].contains(&seen["state"].as_str().unwrap()) {
            return seen;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// The path and query of a link.
fn path(file: &Value) -> String {
    let url = file["url"].as_str().unwrap();
    let (_, rest) = url.split_once("://").unwrap();
    rest.split_at(rest.find('/').unwrap()).1.to_owned()
}

async fn fetched(server: &Server, path: &str) -> Answer {
    answer(server.request(reqwest::Method::GET, path)).await
}

/// The names and texts of a ZIP.
fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut file = zip.by_index(at).unwrap();
            let mut text = Vec::new();
            file.read_to_end(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

#[test]
fn an_export_gives_a_zip_for_each_format() {
    run(async {
        let (server, token) = filled().await;
        let done = made(&server, &token, &json!({"name": "All of it", "formats": FORMATS})).await;
        assert_eq!((&done["state"], &done["percent"], &done["events"]), (&"DONE".into(), &100.into(), &7.into()));
        assert_eq!(done["files"].as_array().unwrap().len(), 5);
        for (format, file) in FORMATS.iter().zip(done["files"].as_array().unwrap()) {
            assert_eq!(file["format"], *format);
            let got = fetched(&server, &path(file)).await;
            assert_eq!((got.status, got.header("content-type")), (200, "application/zip"), "{}", got.text());
            let name = format!("attachment; filename=\"All-of-it-{format}.zip\"");
            assert_eq!(got.header("content-disposition"), name);
            assert_eq!(got.body.len(), file["bytes"].as_u64().unwrap() as usize);
            let files = unpacked(&got.body);
            let (last, manifest) = files.last().unwrap();
            assert_eq!(last, "manifest.json");
            let manifest: Value = serde_json::from_slice(manifest).unwrap();
            let log = &manifest["logs"][0];
            // The order was recorded before it began.
            assert_eq!((&log["events"], &log["last_sequence"]), (&7.into(), &6.into()));
            for (name, text) in &files[..files.len() - 1] {
                let digest = ring::digest::digest(&ring::digest::SHA256, text);
                let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(manifest["files"][name]["sha256"], hex, "{name}");
                assert_eq!(manifest["files"][name]["bytes"], text.len(), "{name}");
            }
            let kind = if *format == "ndjson" { "complete" } else { "nothing" };
            assert_eq!((log["kind"].as_str().unwrap(), files.len()), (kind, if *format == "ndjson" { 3 } else { 2 }));
        }
    });
}

#[test]
fn an_export_has_what_a_query_finds() {
    run(async {
        let (server, token) = filled().await;
        let body = json!({"name": "odd", "formats": ["ndjson", "csv"], "filter": {"action": "odd", "q": "number"}});
        let done = made(&server, &token, &body).await;
        assert_eq!((&done["events"], &done["filter"]["action"]), (&3.into(), &"odd".into()));
        let files = unpacked(&fetched(&server, &path(&done["files"][0])).await.body);
        let listed = server.list("action=odd&order=sequence").await;
        let lines: Vec<Value> = String::from_utf8(files[0].1.clone())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len() as u64, listed["total"].as_u64().unwrap());
        for (line, found) in lines.iter().zip(listed["data"].as_array().unwrap()) {
            assert_eq!(line["id"], found["id"]);
        }
        let manifest: Value = serde_json::from_slice(&files[2].1).unwrap();
        assert_eq!(
            (&manifest["logs"][0]["kind"], &manifest["query"]),
            (&"members".into(), &"action=odd&q=number".into())
        );
        let csv = unpacked(&fetched(&server, &path(&done["files"][1])).await.body);
        assert_eq!(String::from_utf8(csv[0].1.clone()).unwrap().matches("\r\n").count(), 4);
        // Nothing at all is an export too.
        let none = made(&server, &token, &json!({"name": "none", "formats": FORMATS, "filter": {"action": "x"}})).await;
        assert_eq!((&none["state"], &none["events"]), (&"DONE".into(), &0.into()));
    });
}

#[test]
fn what_is_done_with_an_export_is_recorded_first() {
    run(async {
        let (server, token) = filled().await;
        let done = made(&server, &token, &json!({"name": "a", "formats": ["cef"], "filter": {"action": "odd"}})).await;
        let id = done["id"].as_str().unwrap();
        assert_eq!(fetched(&server, &path(&done["files"][0])).await.status, 200);
        assert_eq!(server.get(&token, &format!("{EXPORTS}/{id}/files/cef")).await.status, 200);
        let removed =
            answer(server.request(reqwest::Method::DELETE, &format!("{EXPORTS}/{id}")).bearer_auth(&token)).await;
        assert_eq!((removed.status, removed.body.len()), (204, 0));
        let own = server.list("source=trailbook&order=sequence").await;
        let seen: Vec<&str> =
            own["data"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
        let named = |what: &str| format!("organization.audit_export.{what}");
        assert_eq!(seen, [named("created"), named("downloaded"), named("downloaded"), named("deleted")]);
        let first = &own["data"][0];
        assert_eq!(first["meta"], json!({"export_id": id, "filter": "action=odd", "formats": ["cef"]}));
        assert_eq!((&first["targets"][0]["type"], &first["targets"][1]["id"]), (&"organization".into(), &id.into()));
        assert_eq!(first["actor"]["type"], "service");
        // It is gone, and so are its links.
        server.get(&token, &format!("{EXPORTS}/{id}")).await.problem(404, "not-found");
        fetched(&server, &path(&done["files"][0])).await.problem(404, "not-found");
        assert_eq!(server.get(&token, EXPORTS).await.expect(200)["total"], 0);
        let left: Vec<_> = std::fs::read_dir(server.dir().join("exports")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn what_is_no_export_is_refused_with_the_place() {
    run(async {
        let (server, token) = filled().await;
        let long = "x".repeat(EXPORT_NAME_CHARS_MAX);
        let longer = "x".repeat(EXPORT_NAME_CHARS_MAX + 1);
        order(&server, &token, &json!({"name": long, "formats": ["cef"]})).await.expect(201);
        for (body, says) in [
            (json!({"formats": ["cef"]}), "missing field `name`"),
            (json!({"name": "", "formats": ["cef"]}), "name must have 1 to 255 characters, not 0"),
            (json!({"name": longer, "formats": ["cef"]}), "name must have 1 to 255 characters, not 256"),
            (json!({"name": "a\nb", "formats": ["cef"]}), "name must have no control characters"),
            (json!({"name": "a"}), "missing field `formats`"),
            (json!({"name": "a", "formats": []}), "formats must name at least one"),
            (json!({"name": "a", "formats": ["cef", "cef"]}), "formats has \"cef\" twice"),
            (json!({"name": "a", "formats": ["pdf"]}), "formats has \"pdf\", which is none of ndjson, cef, csv"),
            (json!({"name": "a", "formats": ["cef"], "more": 1}), "unknown field `more`"),
            (json!({"name": "a", "formats": ["cef"], "filter": {"limit": "1"}}), "filter has \"limit\""),
            (json!({"name": "a", "formats": ["cef"], "filter": {"nothing": "1"}}), "filter: nothing is neither"),
            (json!({"name": "a", "formats": ["cef"], "filter": {"from": "x"}}), "filter: from "),
            (json!([]), "the body is no export"),
        ] {
            let refused = order(&server, &token, &body).await.problem(400, "invalid-body");
            assert!(refused["detail"].as_str().unwrap().contains(says), "{body}: {refused}");
        }
        let padded = |bytes: usize| {
            let body = json!({"name": "a", "formats": ["cef"]}).to_string();
            format!("{body}{}", " ".repeat(bytes - body.len()))
        };
        let post = |body: String| answer(server.request(reqwest::Method::POST, EXPORTS).bearer_auth(&token).body(body));
        post(padded(EXPORT_BODY_BYTES_MAX)).await.expect(201);
        post(padded(EXPORT_BODY_BYTES_MAX + 1)).await.problem(413, "body-too-large");
        order(&server, &server.token, &json!({"name": "a", "formats": ["cef"]})).await.problem(403, "not-allowed");
        server.get(&token, &format!("{EXPORTS}/x")).await.problem(400, "invalid-parameter");
        server.get(&token, &format!("{EXPORTS}?limit=1")).await.problem(400, "invalid-parameter");
    });
}

#[test]
fn an_export_is_its_organizations_alone() {
    run(async {
        let (server, token) = filled().await;
        let done = made(&server, &token, &json!({"name": "a", "formats": ["cef"]})).await;
        let id = done["id"].as_str().unwrap();
        let other = server.scoped("another", &[Permission::EventsWrite, Permission::Exports]).await;
        server.post_as(&other, &[], MINIMAL).await.expect(201);
        assert_eq!(server.get(&other, EXPORTS).await.expect(200)["total"], 0);
        server.get(&other, &format!("{EXPORTS}/{id}")).await.problem(404, "not-found");
        server.get(&other, &format!("{EXPORTS}/{id}/files/cef")).await.problem(404, "not-found");
        let removed = server.request(reqwest::Method::DELETE, &format!("{EXPORTS}/{id}")).bearer_auth(&other);
        answer(removed).await.problem(404, "not-found");
        // And another token of the same organization sees it, with links of its own.
        let colleague = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        let seen = server.get(&colleague, EXPORTS).await.expect(200)["data"][0].clone();
        assert_eq!(seen["id"], id);
        assert_ne!(seen["files"][0]["url"], done["files"][0]["url"]);
        assert_eq!(fetched(&server, &path(&seen["files"][0])).await.status, 200);
    });
}

#[test]
fn a_link_is_good_for_one_file_of_one_caller() {
    run(async {
        let (server, token) = filled().await;
        let done = made(&server, &token, &json!({"name": "a", "formats": ["cef", "csv"]})).await;
        let link = path(&done["files"][0]);
        assert_eq!(fetched(&server, &link).await.status, 200);
        let signature = link.split("signature=").nth(1).unwrap();
        for changed in [
            link.replace("/cef?", "/csv?"),
            link.replace("expires=1", "expires=2"),
            link.replace("credential=", "credential=1"),
            link.replace(signature, "AAAA"),
            link.replace(signature, ""),
            link.split("&signature").next().unwrap().to_owned(),
            link.split('?').next().unwrap().to_owned() + "?signature=x",
        ] {
            assert_ne!(changed, link);
            fetched(&server, &changed).await.problem(404, "not-found");
        }
        fetched(&server, link.split('?').next().unwrap()).await.problem(401, "unauthenticated");
        // A format that was not ordered has no file.
        let id = done["id"].as_str().unwrap();
        server.get(&token, &format!("{EXPORTS}/{id}/files/ndjson")).await.problem(404, "not-found");
        server.get(&token, &format!("{EXPORTS}/{id}/files/pdf")).await.problem(404, "not-found");
    });
}

#[test]
fn a_revoked_token_has_no_links() {
    run(async {
        let (server, _) = filled().await;
        let token = trailbook_store::credential::new_token().unwrap();
        let grant = trailbook_store::credential::Grant { scopes: vec![Permission::Exports], restrictions: Vec::new() };
        server.create_entry(DEFAULT_ORGANIZATION, "leaver", &token, grant).await;
        server.until_known(&token).await;
        let done = made(&server, &token, &json!({"name": "a", "formats": ["cef"]})).await;
        assert_eq!(done["created_by"], "leaver");
        let link = path(&done["files"][0]);
        assert_eq!(fetched(&server, &link).await.status, 200);
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        catalog.revoke_entry(&organization, "leaver").await.unwrap();
        while server.get(&token, EXPORTS).await.status != 401 {
            sleep(Duration::from_millis(5)).await;
        }
        fetched(&server, &link).await.problem(404, "not-found");
    });
}

#[test]
fn an_expired_export_is_listed_and_cannot_be_fetched() {
    run(async {
        let (server, token) = filled_with("exports_kept = '1s'").await;
        let done = made(&server, &token, &json!({"name": "a", "formats": ["cef"]})).await;
        let id = done["id"].as_str().unwrap();
        // A slow machine may have come too late for the links.
        let link = done["files"].get(0).map(path);
        while server.get(&token, &format!("{EXPORTS}/{id}")).await.expect(200)["state"] != "EXPIRED" {
            sleep(Duration::from_millis(20)).await;
        }
        let expired = server.get(&token, EXPORTS).await.expect(200)["data"][0].clone();
        assert_eq!(expired["files"], json!([]));
        server.get(&token, &format!("{EXPORTS}/{id}/files/cef")).await.problem(404, "not-found");
        if let Some(link) = link {
            fetched(&server, &link).await.problem(404, "not-found");
        }
        // What has expired goes once a day, and at a start.
        let server = server.restart("exports_kept = '1s'").await;
        while server.get(&token, EXPORTS).await.expect(200)["total"] != 0 {
            sleep(Duration::from_millis(5)).await;
        }
        while std::fs::read_dir(server.dir().join("exports")).unwrap().count() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_part_of_a_file_can_be_fetched() {
    run(async {
        let (server, token) = filled().await;
        let done = made(&server, &token, &json!({"name": "a", "formats": ["cef"]})).await;
        let link = path(&done["files"][0]);
        let whole = fetched(&server, &link).await.body;
        let size = whole.len();
        let part = async |range: &str| {
            answer(server.request(reqwest::Method::GET, &link).header("range", range.to_owned())).await
        };
        for (range, from, to) in [
            ("bytes=0-9".to_owned(), 0, 10),
            ("bytes=100-".to_owned(), 100, size),
            ("bytes=-7".to_owned(), size - 7, size),
            (format!("bytes=5-{}", size * 2), 5, size),
        ] {
            let got = part(&range).await;
            assert_eq!((got.status, &got.body[..]), (206, &whole[from..to]), "{range}");
            assert_eq!(got.header("content-range"), format!("bytes {from}-{}/{size}", to - 1));
        }
        for range in ["bytes=0-1,5-6", "lines=1-2", "bytes=x-y", "bytes=5"] {
            let got = part(range).await;
            assert_eq!((got.status, got.body.len()), (200, size), "{range}");
        }
        for range in [format!("bytes={size}-"), "bytes=9-5".to_owned(), "bytes=-0".to_owned()] {
            part(&range).await.problem(416, "no-such-range");
        }
    });
}

#[test]
fn so_many_exports_are_listed_and_no_more() {
    run(async {
        let (server, token) = filled().await;
        let catalog = server.catalog().await;
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let credential = catalog.credentials().await.unwrap().find(&token).unwrap().id();
        for n in 1..EXPORT_JOBS_MAX {
            let id = trailbook_event::Uuid::from_u128(n.into());
            let request = r#"{"formats":["cef"],"filter":{}}"#.to_owned();
            let new = NewExport { id, credential, name: "old".to_owned(), request };
            catalog.add_export(&organization, &new, (u64::MAX, u64::MAX)).await.unwrap().unwrap();
            let failed = ExportChange { state: ExportState::Failed, progress: "", result: "x", stays_ms: None };
            catalog.change_export(id, failed).await.unwrap();
        }
        let body = json!({"name": "a", "formats": ["cef"]});
        order(&server, &token, &body).await.expect(201);
        let refused = order(&server, &token, &body).await;
        refused.problem(429, "too-many");
        assert_eq!(refused.header("retry-after"), "10");
        let one = trailbook_event::Uuid::from_u128(7);
        let removed = server.request(reqwest::Method::DELETE, &format!("{EXPORTS}/{one}")).bearer_auth(&token);
        assert_eq!(answer(removed).await.status, 204);
        order(&server, &token, &body).await.expect(201);
    });
}
