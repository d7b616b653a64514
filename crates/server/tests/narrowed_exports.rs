//! What narrowed readers take out, and which exports of others they may have.

use std::io::{Cursor, Read as _};
use std::time::Duration;

use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_store::members::NewRole;
use zip::ZipArchive;

use crate::harness::{Answer, EVENTS, Server, answer, run};
use crate::narrowed::{HIDDEN, OF_ALL, OF_ALPHA, OF_BETA, SECRET, filled, holder, narrowed, of, role, without};

const EXPORT: &str = "/api/v1/events/export";
const EXPORTS: &str = "/api/v1/exports";
const SPECTRA: &str = "/api/public/v1/audit-log/default/export";
const FORMATS: [&str; 5] = ["ndjson", "cef", "csv", "parquet", "ocsf"];
/// How long anything may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
/// As much as can be hidden.
const ALMOST_ALL: [&str; 12] = [
    "action_type",
    "actor",
    "changes",
    "context",
    "error",
    "message",
    "meta",
    "on_behalf_of",
    "outcome",
    "query_type",
    "severity",
    "targets",
];

/// The events of a file, as texts that have all that is in it.
fn events_of(format: &str, bytes: Vec<u8>) -> Vec<String> {
    if format == "parquet" {
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        return reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    }
    let text = String::from_utf8(bytes).unwrap();
    text.lines().skip(usize::from(format == "csv")).map(str::to_owned).collect()
}

/// The names and contents of a ZIP's files.
fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut file = zip.by_index(at).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

/// Checks that nothing secret is in a ZIP and that it proves nothing, and gives its events.
#[track_caller]
fn unproven(format: &str, zip: &[u8], hidden: &[&str]) -> Vec<String> {
    let files = unpacked(zip);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.len(), names[1]), (2, "manifest.json"), "{names:?}");
    let manifest: Value = serde_json::from_slice(&files[1].1).unwrap();
    assert_eq!(manifest["hidden"], json!(hidden));
    assert_eq!(manifest["files"].as_object().unwrap().keys().collect::<Vec<_>>(), [names[0]]);
    for log in manifest["logs"].as_array().unwrap() {
        assert_eq!((&log["kind"], &log["openings"], log.get("run")), (&"nothing".into(), &0.into(), None));
    }
    assert!(!String::from_utf8_lossy(&files[1].1).contains(SECRET), "{manifest}");
    let events = events_of(format, files[0].1.clone());
    assert_eq!(manifest["logs"][0]["events"], events.len());
    events
}

fn sorted(fields: &[&'static str]) -> Vec<&'static str> {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    fields
}

async fn exporter(server: &Server) -> String {
    server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await
}

#[test]
fn hidden_fields_are_in_no_export() {
    run(async {
        let server = filled().await;
        let everything = exporter(&server).await;
        let hidden = narrowed(&server, "hidden", &without(&HIDDEN)).await;
        let blind = narrowed(&server, "blind", &without(&ALMOST_ALL)).await;
        for format in FORMATS {
            let taken = async |token: &str| {
                let answer = server.get(token, &format!("{EXPORT}?source=catalog&format={format}")).await;
                assert_eq!(answer.status, 200, "{format}");
                events_of(format, answer.body)
            };
            let has_secret = |events: &[String]| events.iter().any(|event| event.contains(SECRET));
            let (all, seen) = (taken(&everything).await, taken(&hidden).await);
            assert!(has_secret(&all), "{format}: nobody would see if it were there");
            assert_eq!((seen.len() as u64, has_secret(&seen)), (OF_ALL, false), "{format}");
            assert!(seen.iter().all(|event| event.contains("user:default/j")), "{format}");
            let seen = taken(&blind).await;
            assert_eq!((seen.len() as u64, has_secret(&seen)), (OF_ALL, false), "{format}");
            assert!(seen.iter().all(|event| !event.contains("user:default") && event.contains("catalog")), "{format}");
        }
        for (token, fields) in [(&hidden, HIDDEN.as_slice()), (&blind, ALMOST_ALL.as_slice())] {
            for query in ["", "action=entity-mutate", "recorded_from=2020-01-01T00:00:00Z"] {
                let zip = server.get(token, &format!("{EXPORT}?{query}")).await;
                let events = unproven("ndjson", &zip.body, &sorted(fields));
                assert_eq!(events.len() as u64, OF_ALL, "{query}");
                assert!(!events.concat().contains(SECRET), "{query}");
            }
        }
        let refused = server.get(&hidden, &format!("{EXPORT}?actor.email=x")).await;
        assert_eq!(refused.problem(400, "invalid-parameter")["parameter"], "actor.email");
    });
}

#[test]
fn an_export_of_part_of_the_events_proves_them_and_not_that_they_are_all() {
    run(async {
        let server = filled().await;
        let token = narrowed(&server, "alpha", &of("alpha")).await;
        for query in ["", "recorded_from=2020-01-01T00:00:00Z", "context.project=alpha"] {
            let zip = server.get(&token, &format!("{EXPORT}?{query}")).await;
            let files = unpacked(&zip.body);
            let manifest: Value = serde_json::from_slice(&files[2].1).unwrap();
            assert!(manifest.get("hidden").is_none());
            let log = &manifest["logs"][0];
            assert_eq!((&log["kind"], &log["events"], log.get("run")), (&"members".into(), &OF_ALPHA.into(), None));
            let (events, openings) = (String::from_utf8_lossy(&files[0].1), String::from_utf8_lossy(&files[1].1));
            assert!(!events.contains("beta"));
            assert_eq!((events.lines().count(), openings.lines().count()), (OF_ALPHA as usize, OF_ALPHA as usize));
            // Entries beside a run would be those of events that are not seen.
            assert!(openings.lines().all(|line| line.contains("\"proof\"") && !line.contains("\"inner\"")));
        }
        for format in FORMATS {
            let taken = server.get(&token, &format!("{EXPORT}?format={format}")).await;
            let events = events_of(format, taken.body);
            assert_eq!((events.len() as u64, events.concat().contains("beta")), (OF_ALPHA, false), "{format}");
        }
    });
}

async fn ordered(server: &Server, token: &str, name: &str, formats: &[&str]) -> Value {
    let body = json!({"name": name, "formats": formats, "filter": {"source": "catalog"}}).to_string();
    let made = answer(server.request(Method::POST, EXPORTS).bearer_auth(token).body(body)).await.expect(201);
    done(server, token, &format!("{EXPORTS}/{}", made["id"].as_str().unwrap()), "/state").await
}

async fn done(server: &Server, token: &str, path: &str, pointer: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = server.get(token, path).await.expect(200);
        if seen.pointer(pointer) == Some(&"DONE".into()) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{seen}");
        sleep(PAUSE).await;
    }
}

/// What a link leads to.
async fn fetched(server: &Server, url: &Value) -> Answer {
    let (_, rest) = url.as_str().unwrap().split_once("://").unwrap();
    answer(server.request(Method::GET, &rest[rest.find('/').unwrap()..])).await
}

#[test]
fn hidden_fields_are_in_no_file_of_an_order() {
    run(async {
        let server = filled().await;
        let initiated = r#"{"source":"catalog","action":"begun","outcome":"initiated"}"#;
        server.post_to(&format!("{EVENTS}?initiated=keep"), &server.token, &[], initiated).await.expect(201);
        for (handle, fields) in [("hidden", HIDDEN.as_slice()), ("blind", ALMOST_ALL.as_slice())] {
            let token = narrowed(&server, handle, &without(fields)).await;
            let made = ordered(&server, &token, handle, &FORMATS).await;
            assert_eq!(made["events"], OF_ALL + 1);
            for (format, file) in FORMATS.iter().zip(made["files"].as_array().unwrap()) {
                let zip = fetched(&server, &file["url"]).await;
                assert!(zip.body.len() as u64 == file["bytes"].as_u64().unwrap());
                let events = unproven(format, &zip.body, &sorted(fields));
                assert_eq!((events.len() as u64, events.concat().contains(SECRET)), (OF_ALL + 1, false), "{format}");
            }
            let asked = json!({"name": "x", "formats": ["csv"], "filter": {"actor.email": "x"}}).to_string();
            let refused = answer(server.request(Method::POST, EXPORTS).bearer_auth(&token).body(asked)).await;
            let problem = refused.problem(400, "invalid-body");
            assert!(problem["detail"].as_str().unwrap().contains("the caller's role hides"), "{problem}");

            // What the vendor's clients order leaves out what has not ended, though nobody sees the outcome.
            let body = |filters: Value| {
                let (from, to) = (crate::harness::from_now(-3_600_000), crate::harness::from_now(3_600_000));
                json!({"name": "x", "datetime_start": from, "datetime_end": to, "filters": filters,
                       "should_create_cef": true, "should_create_ndjson": true})
            };
            let email = json!([{"filter_by": "user_email", "operation": "is", "values": ["x"]}]);
            let refused = server.post_to(SPECTRA, &token, &[], body(email).to_string()).await.expect(400);
            assert!(refused["detail"].as_str().unwrap().contains("the caller's role hides"), "{refused}");
            let made = server.post_to(SPECTRA, &token, &[], body(json!([])).to_string()).await.expect(201);
            let status = format!("{SPECTRA}/{}/status", made["id"].as_str().unwrap());
            let made = done(&server, &token, &status, "/ndjson_status").await;
            for format in ["ndjson", "cef"] {
                let zip = fetched(&server, &made[format!("{format}_presigned_url")]).await;
                let events = unproven(format, &zip.body, &sorted(fields));
                assert_eq!((events.len() as u64, events.concat().contains(SECRET)), (OF_ALL, false), "{format}");
            }
        }
    });
}

async fn changed(server: &Server, role: &NewRole) {
    let (catalog, organization) = server.first_organization().await;
    catalog.change_role(&organization, role).await.unwrap();
}

#[test]
fn exports_are_for_those_who_could_have_made_them() {
    run(async {
        let server = filled().await;
        let everything = exporter(&server).await;
        let alpha = narrowed(&server, "alpha", &of("alpha")).await;
        let beta = narrowed(&server, "beta", &of("beta")).await;
        let both = holder(&server, "both", &["alpha", "beta"]).await;
        let wide = ordered(&server, &everything, "wide", &["ndjson"]).await;
        let of_alpha = ordered(&server, &alpha, "of alpha", &["ndjson"]).await;
        let of_beta = ordered(&server, &beta, "of beta", &["ndjson"]).await;
        assert_eq!(
            (&wide["events"], &of_alpha["events"], &of_beta["events"]),
            (&OF_ALL.into(), &OF_ALPHA.into(), &OF_BETA.into())
        );
        for (token, expected) in [
            (&everything, vec!["of beta", "of alpha", "wide"]),
            (&both, vec!["of beta", "of alpha"]),
            (&alpha, vec!["of alpha"]),
            (&beta, vec!["of beta"]),
        ] {
            let list = server.get(token, EXPORTS).await.expect(200);
            let names: Vec<&str> =
                list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!((names, &list["total"]), (expected.clone(), &expected.len().into()));
        }
        for beyond in [&wide, &of_beta] {
            let id = beyond["id"].as_str().unwrap();
            for path in [format!("{EXPORTS}/{id}"), format!("{EXPORTS}/{id}/files/ndjson")] {
                server.get(&alpha, &path).await.problem(404, "not-found");
            }
            let gone = server.request(Method::DELETE, &format!("{EXPORTS}/{id}")).bearer_auth(&alpha);
            answer(gone).await.problem(404, "not-found");
            assert_eq!(server.get(&alpha, &format!("{SPECTRA}/{id}/status")).await.status, 404);
        }

        // A link holds as long as whom it was given to may have what it leads to.
        let url = &of_alpha["files"][0]["url"];
        assert_eq!(fetched(&server, url).await.status, 200);
        let narrower = json!({"filter": {"context.project": "alpha", "outcome": "failed"}});
        changed(&server, &role("alpha", &narrower)).await;
        let deadline = Instant::now() + PATIENCE;
        while fetched(&server, url).await.status == 200 {
            assert!(Instant::now() < deadline, "the link holds for ever");
            sleep(PAUSE).await;
        }
        fetched(&server, url).await.problem(404, "not-found");
        assert_eq!(server.get(&alpha, EXPORTS).await.expect(200)["total"], 0);
        // Those of others hold.
        assert_eq!(fetched(&server, &of_beta["files"][0]["url"]).await.status, 200);
        let hides = json!({"filter": {"context.project": "beta"}, "without": ["message"]});
        changed(&server, &role("beta", &hides)).await;
        let deadline = Instant::now() + PATIENCE;
        while fetched(&server, &of_beta["files"][0]["url"]).await.status == 200 {
            assert!(Instant::now() < deadline, "a field that is hidden by now is in a file");
            sleep(PAUSE).await;
        }
    });
}
