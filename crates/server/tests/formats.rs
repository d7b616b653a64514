//! The formats of exports over HTTP, read by programs that are not ours.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use trailbook_event::{canonical, json as reader};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;

use crate::harness::{MINIMAL, Server, answer, escaped, run, testdata};

const EXPORT: &str = "/api/v1/events/export";
/// Without the events that say that events were taken out.
const NOT_OWN: &str = "source!=trailbook";

/// Texts that break what is careless: line ends, separators, quotes, formulas, other scripts, control characters.
fn hostile_texts() -> Vec<String> {
    let short = [
        "two\nlines\r\nand\rmore",
        "a|b=c\\d,e;f\"g'h",
        "=cmd|'/c calc'!A1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\ttab",
        "\rreturn",
        "\nnewline",
        "＝1",
        "'",
        "''=1",
        "\"quoted\"",
        " key=value x=y ",
        "emoji 😀 \u{202e}evil\u{202c} شرح עברית",
        "nul\u{0}bell\u{7}del\u{7f}next\u{85}line\u{2028}end\u{2029}",
        "null",
        "\\N",
        "ends with \\",
        "e\u{301} é \u{feff}",
    ];
    short.into_iter().map(str::to_owned).chain(["w".repeat(4096), "😀é".repeat(700)]).collect()
}

/// An event that has a text wherever it may have one.
fn everywhere(text: &str) -> Value {
    let keys = ["user_agent", "hostname", "request_method", "request_url", "request_id", "session_id", "trace_id"];
    let more = ["project", "package", "blueprint", "run_id", "webhook_id", "webhook_event_id", "installation_id", "ip"];
    let context: Map<String, Value> = keys.iter().chain(&more).map(|key| ((*key).to_owned(), json!(text))).collect();
    let named = json!({"type": text, "id": text, "name": text});
    json!({
        "source": text, "action": text, "action_type": text, "query_type": text, "severity": "high",
        "outcome": "denied", "error": {"name": text, "message": text},
        "actor": {
            "type": "agent", "id": text, "name": text, "email": text,
            "groups": [{"id": text}, {"name": text}, {"id": text, "name": text}],
        },
        "on_behalf_of": [{"type": "user", "id": text}, {"type": "service", "id": text, "name": text}],
        "targets": [named, {"type": "user", "id": text}, named],
        "context": context,
        "changes": {"before": {"k": text}, "after": [text, null, 1.5, true]},
        "message": text,
        "meta": {"k": text, "o": {"list": [text, {}]}},
    })
}

/// Events of every class and shape.
fn ordinary() -> Vec<Value> {
    let jane = json!({"type": "user", "id": "u1", "name": "Jane", "email": "jane@acme.example"});
    let of = |action: &str, more: Value| {
        let mut event = json!({"source": "app", "action": action, "actor": jane});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let target = |kind: &str| json!([{"type": kind, "id": "t1", "name": "T"}, {"type": "x", "id": "t2"}]);
    let changes = json!({"before": {"a": 1}, "after": {"a": 2}});
    vec![
        serde_json::from_str(MINIMAL).unwrap(),
        serde_json::from_str(&testdata("event-full.json")).unwrap(),
        json!({"source": "s", "action": "user.login"}),
        json!({"source": "s", "action": "users-changed"}),
        json!({"source": "s", "action": "sign in", "actor": {"type": "anonymous"}, "outcome": "failed"}),
        json!({"source": "s", "action": "a", "actor": {"type": "anonymous", "email": "not an address", "groups": [{"id": "g"}]}}),
        of("UserLogout", json!({"context": {"ip": "2001:db8::7", "session_id": "s1", "hostname": "h"}})),
        of("user.password_changed", json!({"targets": target("user")})),
        of("user.password_reset_completed", json!({})),
        of("organization.pat.all_revoked", json!({"targets": target("organization")})),
        of("member-write", json!({"action_type": "create", "targets": target("member"), "severity": "critical"})),
        of("entity-mutate", json!({"action_type": "delete", "targets": target("entity"), "changes": {"before": 1}})),
        of("Role creation", json!({"targets": target("role"), "changes": {"after": {"a": null}}})),
        of("project.updated", json!({"targets": target("project"), "changes": changes, "context": {"hostname": "h"}})),
        of("project.updated", json!({"targets": target("project"), "outcome": "initiated"})),
        of(
            "entity-fetch",
            json!({"query_type": "by-name", "context": {"ip": "::ffff:203.0.113.7", "request_method": "get"}}),
        ),
        of("dry-run", json!({"context": {"ip": "203.0.113.7", "request_method": "GET", "request_url": "?x=1"}})),
        json!({"source": "s", "action": "a", "occurred_at": "1970-01-01T00:00:00.000000001Z"}),
        json!({"source": "s", "action": "a", "occurred_at": "2026-01-15T12:00:00.123456Z"}),
    ]
}

/// A server with all of these, a token that may take them out, and what the API shows of them.
struct Filled {
    server: Server,
    token: String,
    shown: Vec<Value>,
    folder: TempDir,
}

impl Filled {
    async fn new() -> Self {
        let server = Server::start().await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        let events: Vec<Value> =
            ordinary().into_iter().chain(hostile_texts().iter().map(|text| everywhere(text))).collect();
        let write = server.request(Method::POST, "/api/v1/events?initiated=keep").bearer_auth(&server.token);
        answer(write.body(json!(events).to_string())).await.expect(201);
        let shown = server.list("order=sequence&limit=1000").await["data"].as_array().unwrap().clone();
        assert_eq!(shown.len(), events.len());
        Self { server, token, shown, folder: TempDir::new().unwrap() }
    }

    async fn export(&self, query: &str) -> Vec<u8> {
        let answer = self.server.get(&self.token, &format!("{EXPORT}?{query}&{NOT_OWN}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    }

    /// What a script prints of an export: JSON lines.
    async fn read_by(&self, script: &str, query: &str) -> Vec<Value> {
        let file = self.folder.path().join("export");
        std::fs::write(&file, self.export(query).await).unwrap();
        python(script, &file)
    }
}

fn python(script: &str, file: &Path) -> Vec<Value> {
    let Ok(interpreter) = std::env::var("TRAILBOOK_TEST_PYTHON") else {
        panic!("set TRAILBOOK_TEST_PYTHON, or run `cargo xtask test`");
    };
    let output = Command::new(interpreter).arg(Path::new("tests/formats").join(script)).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The page that says where every field is.
fn docs() -> String {
    std::fs::read_to_string("../../docs/formats.md").unwrap()
}

#[track_caller]
fn assert_same(read: &[Value], shown: &[Value]) {
    for (read, shown) in read.iter().zip(shown) {
        assert_eq!(read, shown);
    }
    assert_eq!(read.len(), shown.len());
}

#[test]
fn ndjson_has_every_event_as_it_was_sealed() {
    run(async {
        let filled = Filled::new().await;
        let text = String::from_utf8(filled.export("format=ndjson").await).unwrap();
        let zip = filled.export("").await;
        let mut sealed = String::new();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
        zip.by_name("events.ndjson").unwrap().read_to_string(&mut sealed).unwrap();
        assert_eq!(text, sealed);
        let mut shown = filled.shown.clone();
        for event in &mut shown {
            for own in ["organization", "sequence", "recorded_at"] {
                event.as_object_mut().unwrap().remove(own).unwrap();
            }
        }
        let read: Vec<Value> = text.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_same(&read, &shown);
    });
}

#[test]
fn csv_reads_back_as_the_events_and_holds_no_formula() {
    run(async {
        let filled = Filled::new().await;
        assert_same(&filled.read_by("read_csv.py", "format=csv").await, &filled.shown);
        let text = String::from_utf8(filled.export("format=csv").await).unwrap();
        let (header, rows) = text.split_once("\r\n").unwrap();
        assert!(header.starts_with("organization,sequence,recorded_at,id,occurred_at,source,action,"));
        assert!(rows.ends_with("\r\n"));
        let (docs, names) = (docs(), header.split(',').filter(|name| !name.starts_with("context.")));
        names.for_each(|name| assert!(docs.contains(&format!("`{name}`")), "docs/formats.md lacks {name}"));
        // Without the quotes that stand for one inside a cell, a quote after a comma begins a cell.
        let rows = rows.replace("\"\"", "");
        for sign in ["=", "+", "-", "@", "\t", "\r", "\n", "＝"] {
            assert!(!rows.contains(&format!(",\"{sign}")), "a cell begins with {sign:?}");
            assert!(rows.contains(&format!(",\"'{sign}")), "no cell had {sign:?}");
        }
    });
}

#[test]
fn parquet_reads_back_as_the_events_with_types() {
    run(async {
        let filled = Filled::new().await;
        let mut read = filled.read_by("read_parquet.py", "format=parquet").await;
        let types = read.remove(0);
        for (name, kind) in [
            ("sequence", "UBIGINT"),
            ("recorded_at", "TIMESTAMP WITH TIME ZONE"),
            ("occurred_at", "TIMESTAMP WITH TIME ZONE"),
            ("actor.id", "VARCHAR"),
            ("target.name", "VARCHAR[]"),
            ("meta", "JSON"),
        ] {
            assert_eq!(types[name], kind, "{name}");
        }
        assert_same(&read, &filled.shown);
    });
}

/// The beginning of a text in so many bytes, its control characters as CEF has them.
fn cut(text: &str, bytes_max: usize, keeps_lines: bool) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let is_line = |c: char| keeps_lines && matches!(c, '\n' | '\r');
    let is_bad = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    text[..end].chars().map(|c| if is_bad(c) && !is_line(c) { ' ' } else { c }).collect()
}

fn canonical_text(value: &Value) -> String {
    let text = value.to_string();
    let mut out = Vec::new();
    canonical::write_value(&reader::parse(text.as_bytes()).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

/// The extension that an event becomes.
fn extension_of(event: &Value) -> Map<String, Value> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let ms = |pointer: &str| {
        let nanos = text(pointer).unwrap().parse::<jiff::Timestamp>().unwrap().as_nanosecond();
        Some(nanos.div_euclid(1_000_000).to_string())
    };
    let user = event["targets"].as_array().and_then(|targets| targets.iter().find(|target| target["type"] == "user"));
    let of_user = |key: &str| Some(user?.get(key)?.as_str().unwrap().to_owned());
    let parts = [text("/error/name"), text("/error/message")];
    let reason: Vec<String> = parts.into_iter().flatten().collect();
    let address: Option<std::net::IpAddr> = text("/context/ip").and_then(|ip| ip.parse().ok());
    let (v4, v6) = (address.filter(|ip| ip.is_ipv4()), address.filter(|ip| ip.is_ipv6()));
    let mut context = event["context"].as_object().cloned().unwrap_or_default();
    ["hostname", "request_method", "request_url", "user_agent"].iter().for_each(|key| drop(context.remove(*key)));
    if address.is_some() {
        context.remove("ip");
    }
    let context = Some(Value::Object(context)).filter(|context| *context != json!({}));
    let json = |pointer: &str| event.pointer(pointer).map(canonical_text);
    let pairs = [
        ("rt", ms("/recorded_at"), 40),
        ("start", ms("/occurred_at"), 40),
        ("externalId", text("/id"), 40),
        ("deviceExternalId", text("/organization"), 255),
        ("cn1", Some(event["sequence"].to_string()), 40),
        ("sourceServiceName", text("/source"), 1023),
        ("act", text("/action_type"), 63),
        ("cat", text("/query_type"), 1023),
        ("outcome", text("/outcome"), 63),
        ("reason", Some(reason.join(": ")).filter(|reason| !reason.is_empty()), 1023),
        ("msg", text("/message"), 1023),
        ("suid", text("/actor/id"), 1023),
        ("suser", text("/actor/name").or(text("/actor/email")).or(text("/actor/id")), 1023),
        ("duid", of_user("id"), 1023),
        ("duser", of_user("name").or(of_user("id")), 1023),
        ("src", v4.map(|ip| ip.to_string()), 40),
        ("c6a2", v6.map(|ip| ip.to_string()), 40),
        ("dhost", text("/context/hostname"), 1023),
        ("requestMethod", text("/context/request_method"), 1023),
        ("request", text("/context/request_url"), 1023),
        ("requestClientApplication", text("/context/user_agent"), 1023),
        ("cs1", json("/targets"), 4000),
        ("cs2", context.as_ref().map(canonical_text), 4000),
        ("cs3", json("/on_behalf_of"), 4000),
        ("cs4", json("/changes"), 4000),
        ("cs5", json("/meta"), 4000),
        ("cs6", json("/actor"), 4000),
    ];
    let labels = [
        ("cn1", "Sequence"),
        ("c6a2", "Source IPv6 Address"),
        ("cs1", "Targets"),
        ("cs2", "Context"),
        ("cs3", "On Behalf Of"),
        ("cs4", "Changes"),
        ("cs5", "Meta"),
        ("cs6", "Actor"),
    ];
    let there =
        pairs.into_iter().filter_map(|(key, value, max)| Some((key.to_owned(), json!(cut(&value?, max, true)))));
    let mut extension: Map<String, Value> = there.collect();
    for (key, label) in labels.into_iter().filter(|(key, _)| extension.contains_key(*key)).collect::<Vec<_>>() {
        extension.insert(format!("{key}Label"), json!(label));
    }
    extension
}

#[test]
fn cef_reads_back_as_its_mapping_says() {
    run(async {
        let filled = Filled::new().await;
        let records = filled.read_by("read_cef.py", "format=cef").await;
        let docs = docs();
        assert_eq!(records.len(), filled.shown.len());
        for (record, event) in records.iter().zip(&filled.shown) {
            let text = |key: &str| event[key].as_str().unwrap();
            let class = format!("{}:{}", text("source"), text("action"));
            assert_eq!(record["device"]["vendor"], "Trailbook");
            assert_eq!(record["device"]["event_class_id"], cut(&class, 1023, false));
            assert_eq!(record["name"], cut(text("action"), 512, false));
            let severities = json!({"low": "3", "medium": "5", "high": "8", "critical": "10"});
            assert_eq!(record["severity"], severities[text("severity")]);
            let extension = extension_of(event);
            let keys = extension.keys().filter(|key| !key.ends_with("Label"));
            keys.for_each(|key| assert!(docs.contains(&format!("`{key}`")), "docs/formats.md lacks {key}"));
            assert_eq!(record["extension"], Value::Object(extension));
        }
    });
}

#[test]
fn ocsf_is_valid_whatever_an_event_has() {
    run(async {
        let filled = Filled::new().await;
        let checked = filled.read_by("check_ocsf.py", "format=ocsf").await;
        assert_eq!(checked.len(), filled.shown.len());
        for (checked, event) in checked.iter().zip(&filled.shown) {
            assert_eq!(checked["errors"], json!([]), "{event}");
        }
        let found: Vec<(&str, u64, u64)> = filled
            .shown
            .iter()
            .zip(&checked)
            .map(|(event, checked)| {
                let number = |key: &str| checked[key].as_u64().unwrap();
                (event["action"].as_str().unwrap(), number("class"), number("activity"))
            })
            .collect();
        for expected in [
            ("a", 6003, 99),
            ("user.login", 3002, 1),
            ("users-changed", 6003, 3),
            ("sign in", 3002, 1),
            ("UserLogout", 3002, 2),
            ("user.password_changed", 3001, 3),
            ("user.password_reset_completed", 3001, 4),
            ("organization.pat.all_revoked", 3001, 6),
            ("member-write", 3001, 1),
            ("entity-mutate", 3004, 4),
            ("Role creation", 3004, 1),
            ("project.updated", 3004, 3),
            ("entity-fetch", 6003, 2),
            ("dry-run", 6003, 99),
        ] {
            assert!(found.contains(&expected), "{expected:?} is not among {found:?}");
        }
    });
}

#[test]
fn ocsf_says_who_did_what_to_what() {
    run(async {
        let filled = Filled::new().await;
        let text = String::from_utf8(filled.export("format=ocsf").await).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |code: &str| lines.iter().find(|line| line["metadata"]["event_code"] == code).unwrap();
        let updated = of("project.updated");
        let thing = json!({"uid": "t1", "name": "T", "type": "project"});
        for (key, data) in [("entity", json!({"a": 1})), ("entity_result", json!({"a": 2}))] {
            let mut want = thing.clone();
            want["data"] = data;
            assert_eq!(updated[key], want);
        }
        assert_eq!(updated["actor"]["user"]["email_addr"], "jane@acme.example");
        assert_eq!((&updated["status"], &updated["severity_id"]), (&json!("Success"), &json!(2)));
        assert_eq!(updated["unmapped"]["context"], json!({"hostname": "h"}));
        let removed = of("entity-mutate");
        assert!(removed.get("entity").is_some());
        let changed = of("user.password_changed");
        assert_eq!(changed["user"], json!({"uid": "t1", "name": "T", "type": "user", "type_id": 1}));
        let gone = of("UserLogout");
        assert_eq!(gone["src_endpoint"], json!({"ip": "2001:db8::7"}));
        assert_eq!((&gone["actor"]["session"]["uid"], &gone["user"]["uid"]), (&json!("s1"), &json!("u1")));
        let nobody = of("user.login");
        assert_eq!((&nobody["user"]["name"], &nobody["service"]["name"]), (&json!("unknown"), &json!("s")));
    });
}

/// The body of an export, and what it is called.
async fn file(server: &Server, token: &str, query: &str) -> (Vec<u8>, String, String) {
    let answer = server.get(token, &format!("{EXPORT}?{query}&{NOT_OWN}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (media_type, name) =
        (answer.header("content-type").to_owned(), answer.header("content-disposition").to_owned());
    assert!(answer.header("content-encoding").is_empty());
    (answer.body, media_type, name)
}

#[test]
fn lines_are_compressed_as_files() {
    run(async {
        let Filled { server, token, .. } = Filled::new().await;
        for format in ["ndjson", "csv", "cef", "ocsf"] {
            let (plain, _, _) = file(&server, &token, &format!("format={format}")).await;
            let (gzip, media_type, name) = file(&server, &token, &format!("format={format}&compress=gzip")).await;
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut unpacked).unwrap();
            assert_eq!((unpacked == plain, media_type.as_str()), (true, "application/gzip"));
            assert!(name.ends_with(".gz\""), "{name}");
            let (zstd, media_type, name) = file(&server, &token, &format!("format={format}&compress=zstd")).await;
            let unpacked = zstd::decode_all(zstd.as_slice()).unwrap();
            assert_eq!((unpacked == plain, media_type.as_str()), (true, "application/zstd"));
            assert!(name.ends_with(".zst\"") && zstd.len() * 2 < plain.len(), "{name}");
        }
    });
}

#[test]
fn files_are_called_what_they_are() {
    run(async {
        let Filled { server, token, .. } = Filled::new().await;
        for (query, media_type, name) in [
            ("format=zip", "application/zip", "trailbook-default.zip"),
            ("format=ndjson", "application/x-ndjson", "trailbook-default.ndjson"),
            ("format=csv", "text/csv; charset=utf-8; header=present", "trailbook-default.csv"),
            ("format=cef", "text/plain; charset=utf-8", "trailbook-default.cef"),
            ("format=ocsf", "application/x-ndjson", "trailbook-default.ocsf.ndjson"),
            ("format=parquet", "application/vnd.apache.parquet", "trailbook-default.parquet"),
        ] {
            let (_, called, file) = file(&server, &token, query).await;
            assert_eq!((called.as_str(), file), (media_type, format!("attachment; filename=\"{name}\"")));
        }
    });
}

#[test]
fn exports_have_as_many_events_as_the_query_counts() {
    run(async {
        let Filled { server, token, folder, .. } = Filled::new().await;
        let events: Vec<Value> =
            (0..3_000).map(|n| json!({"source": "s", "action": format!("count-{}", n % 3)})).collect();
        server.post(json!(events).to_string()).await.expect(201);
        for query in ["", "action=count-1", "q=emoji", "action=none", "sequence_from=100&sequence_to=2000"] {
            let total = server.list(&format!("limit=1&{query}")).await["total"].as_u64().unwrap();
            let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            for format in ["ndjson", "cef", "ocsf"] {
                let (bytes, _, _) = file(&server, &token, &format!("format={format}&{query}")).await;
                assert_eq!(lines(&bytes), total, "{format} {query}");
            }
            for (format, script) in [("csv", "read_csv.py"), ("parquet", "read_parquet.py")] {
                let path = folder.path().join("export");
                std::fs::write(&path, file(&server, &token, &format!("format={format}&{query}")).await.0).unwrap();
                let extra = usize::from(format == "parquet");
                assert_eq!((python(script, &path).len() - extra) as u64, total, "{format} {query}");
            }
        }
    });
}

#[test]
fn an_export_in_another_form_is_refused() {
    run(async {
        let server = Server::start().await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
        for (query, name) in [
            ("format=xml", "format"),
            ("format=", "format"),
            ("format=csv&format=cef", "format"),
            ("format=csv&compress=brotli", "compress"),
            ("compress=gzip", "compress"),
            ("format=zip&compress=zstd", "compress"),
            ("format=parquet&compress=gzip", "compress"),
            ("format=csv&limit=1", "limit"),
            ("format=csv&nothing=1", "nothing"),
        ] {
            let refused = server.get(&token, &format!("{EXPORT}?{query}")).await;
            assert_eq!(refused.problem(400, "invalid-parameter")["parameter"], name, "{query}");
        }
        server.get(&server.token, &format!("{EXPORT}?format=csv")).await.problem(403, "not-allowed");
        server.get(&token, "/api/v1/export").await.problem(404, "not-found");
        // Another organization's events are in no format.
        let other = server.scoped("another", &[Permission::EventsWrite]).await;
        server.post_as(&other, &[], MINIMAL).await.expect(201);
        for format in ["ndjson", "cef", "ocsf"] {
            assert!(file(&server, &token, &format!("format={format}&action={}", escaped("a"))).await.0.is_empty());
        }
    });
}
