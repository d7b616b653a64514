//! The Portal's API on the real events of a Backstage backend.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::harness::{AUDIT, EVENTS, Server, from_now, run, testdata};

/// Every field of a record, in the order of Portal's reference page.
const FIELDS: [&str; 15] = [
    "id",
    "event_time",
    "recorded_at",
    "plugin_id",
    "event_id",
    "severity_level",
    "status",
    "actor_type",
    "actor_id",
    "request_method",
    "request_url",
    "action_type",
    "query_type",
    "entity_ref",
    "meta",
];

/// A server that was sent every line of the file, in one write.
pub(crate) async fn with_real_events() -> (Server, Value) {
    let server = Server::start().await;
    let answer =
        server.post_with(&[("content-type", "application/x-ndjson")], testdata("backstage-audit.ndjson")).await;
    let answer = answer.expect(201);
    (server, answer)
}

async fn page(server: &Server, query: &str) -> Value {
    server.get(&server.token, &format!("{AUDIT}?{query}")).await.expect(200)
}

#[test]
fn the_real_file_is_recorded_dropped_and_excluded_as_it_should_be() {
    run(async {
        let (_server, answer) = with_real_events().await;
        let entries = answer["events"].as_array().unwrap();
        let lines: Vec<Value> =
            testdata("backstage-audit.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((entries.len(), lines.len()), (1_426, 1_426));
        let mut next = 0;
        for (entry, line) in entries.iter().zip(&lines) {
            if line["status"] == "initiated" {
                assert_eq!(entry, &serde_json::json!({"dropped": "initiated"}));
            } else if line["actor"]["actorId"] == "plugin:auth" {
                assert_eq!(entry, &serde_json::json!({"excluded": "plugin-reads"}));
            } else {
                assert_eq!(entry["sequence"], next, "{entry}");
                assert_eq!(entry["id"].as_str().unwrap().len(), 36);
                next += 1;
            }
        }
        assert_eq!(next, 724);
    });
}

#[test]
fn totals_of_the_real_file() {
    run(async {
        let (server, _) = with_real_events().await;
        for (query, total) in [
            ("", 724),
            ("status=failed", 132),
            ("severity_level=medium", 178),
            ("action_type=create", 55),
            ("actor_id=user:default/jane", 240),
            ("actor_type=service", 484),
            ("plugin_id=catalog", 724),
            ("plugin_id=scaffolder", 0),
        ] {
            let page = page(&server, query).await;
            assert_eq!(page["total"], total, "{query}");
            assert_eq!((&page["limit"], &page["offset"]), (&100.into(), &0.into()));
            assert_eq!(page["data"].as_array().unwrap().len(), total.min(100));
        }
    });
}

#[test]
fn pages_by_offset_are_disjoint_complete_and_newest_first() {
    run(async {
        let (server, answer) = with_real_events().await;
        let recorded: HashSet<&str> =
            answer["events"].as_array().unwrap().iter().filter_map(|entry| entry["id"].as_str()).collect();
        for limit in [1_000, 724, 100, 97, 13] {
            let mut seen = HashSet::new();
            let mut last = "9999".to_owned();
            for offset in (0..).step_by(limit) {
                let page = page(&server, &format!("limit={limit}&offset={offset}")).await;
                assert_eq!(page["total"], 724);
                assert_eq!((&page["limit"], &page["offset"]), (&limit.into(), &offset.into()));
                let data = page["data"].as_array().unwrap();
                assert_eq!(data.len(), 724_usize.saturating_sub(offset).min(limit));
                for record in data {
                    let time = record["event_time"].as_str().unwrap().to_owned();
                    assert!(time <= last);
                    last = time;
                    assert!(seen.insert(record["id"].as_str().unwrap().to_owned()), "twice at limit {limit}");
                }
                if data.is_empty() {
                    break;
                }
            }
            assert_eq!(seen.len(), 724);
            assert!(seen.iter().all(|id| recorded.contains(id.as_str())));
        }
    });
}

#[test]
fn records_have_every_field_with_its_type() {
    run(async {
        let (server, _) = with_real_events().await;
        let page = page(&server, "limit=1000").await;
        let members: BTreeSet<&str> = page.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, BTreeSet::from(["data", "total", "limit", "offset"]));
        let (mut nulls, mut errors) = (BTreeSet::new(), 0);
        for record in page["data"].as_array().unwrap() {
            let members: BTreeSet<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, BTreeSet::from(FIELDS));
            for field in FIELDS {
                let value = &record[field];
                let may_be_null = FIELDS[8..14].contains(&field);
                let is_right = if field == "meta" { value.is_object() } else { value.is_string() };
                assert!(is_right || (value.is_null() && may_be_null), "{field} {value}");
                if value.is_null() {
                    nulls.insert(field);
                }
            }
            for time in [&record["event_time"], &record["recorded_at"]] {
                let time = time.as_str().unwrap();
                assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
            }
            let meta = record["meta"].as_object().unwrap();
            assert!(!["actionType", "queryType", "entityRef"].iter().any(|key| meta.contains_key(*key)));
            let is_failed = record["status"] == "failed";
            assert_eq!(meta.contains_key("error"), is_failed);
            if is_failed {
                errors += 1;
                let error = &meta["error"];
                assert!(error["name"].as_str().unwrap().ends_with("Error"), "{error}");
                assert!(!error["message"].as_str().unwrap().starts_with("catalog."), "{error}");
            }
        }
        assert_eq!(errors, 132);
        assert_eq!(nulls, BTreeSet::from(["action_type", "query_type", "entity_ref"]));
    });
}

#[test]
fn what_other_sources_lack_is_null_and_their_words_are_portals() {
    run(async {
        let server = Server::start().await;
        let body = r#"[{"source":"s","action":"a","outcome":"denied","error":{"message":"no"},"meta":{"error":"own","n":1e21}},
            {"source":"s","action":"b","actor":{"type":"agent","id":"bot"},"targets":[{"type":"t","id":"x"},{"type":"t","id":"y"}]},
            {"source":"s","action":"c","outcome":"initiated"}]"#;
        let request = server.request(reqwest::Method::POST, &format!("{EVENTS}?initiated=keep"));
        let sent = crate::harness::answer(request.bearer_auth(&server.token).body(body)).await.expect(201);
        assert_eq!(sent["events"][2]["sequence"], 2, "kept on request");
        let page = page(&server, "").await;
        assert_eq!(page["total"], 2, "a dialect never shows what only began");
        let (b, a) = (&page["data"][0], &page["data"][1]);
        assert_eq!(
            (&a["status"], &a["actor_type"], &a["actor_id"]),
            (&"failed".into(), &"service".into(), &Value::Null)
        );
        assert_eq!((&a["meta"]["error"], &a["meta"]["n"]), (&"own".into(), &1e21.into()), "the meta's own key stands");
        assert_eq!(
            (&b["status"], &b["actor_type"], &b["actor_id"]),
            (&"succeeded".into(), &"service".into(), &"bot".into())
        );
        assert_eq!(b["entity_ref"], "x");
        for field in &FIELDS[9..14] {
            assert_eq!(a[*field], Value::Null);
        }
    });
}

#[test]
fn thirty_days_are_the_default_and_the_future_is_shown() {
    run(async {
        const DAY: i64 = 24 * 60 * 60 * 1_000;
        let server = Server::start().await;
        let event =
            |name: &str, ms: i64| format!(r#"{{"source":"s","action":"{name}","occurred_at":"{}"}}"#, from_now(ms));
        let body = [event("old", -31 * DAY), event("young", -29 * DAY), event("ahead", DAY / 48)].join("\n");
        server.post(body).await.expect(201);
        let names = async |query: &str| -> Vec<String> {
            let page = page(&server, query).await;
            assert_eq!(page["total"], page["data"].as_array().unwrap().len());
            page["data"].as_array().unwrap().iter().map(|r| r["event_id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("").await, ["ahead", "young"]);
        assert_eq!(names(&format!("start_time={}", from_now(-32 * DAY))).await, ["ahead", "young", "old"]);
        assert_eq!(names(&format!("end_time={}", from_now(0))).await, ["young"], "the start's default stays");
        let all = format!("start_time=2001-01-01T00:00:00Z&end_time={}", from_now(-30 * DAY));
        assert_eq!(names(&all).await, ["old"]);
        assert_eq!(names("end_time=9999-12-31T23:59:59Z").await, ["ahead", "young"]);
    });
}
