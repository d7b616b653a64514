//! Each of the Portal's parameters against a naive filter over the same lines.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{AUDIT, Server, escaped, run, testdata};
use crate::portal::with_real_events;

/// A line as Portal shows it, from the raw file: place among the recorded, and the columns by name.
struct Line(Value);

impl Line {
    fn column(&self, name: &str) -> Option<String> {
        let line = &self.0;
        let promoted = |key: &str| line["meta"][key].as_str();
        let user = line["actor"]["actorId"].as_str().is_some_and(|id| id.starts_with("user:"));
        let value = match name {
            "plugin_id" => line["plugin"].as_str(),
            "event_id" => line["eventId"].as_str(),
            "severity_level" => line["severityLevel"].as_str(),
            "actor_id" => line["actor"]["actorId"].as_str(),
            "status" => line["status"].as_str(),
            "actor_type" => Some(if user { "user" } else { "service" }),
            "request_method" => line["request"]["method"].as_str(),
            "request_url" => line["request"]["url"].as_str(),
            "action_type" => promoted("actionType"),
            "query_type" => promoted("queryType"),
            "entity_ref" => promoted("entityRef"),
            _ => panic!("{name}"),
        };
        value.map(str::to_owned)
    }

    fn matches(&self, name: &str, value: &str) -> bool {
        let Some(own) = self.column(name) else { return false };
        match name {
            "request_url" => own == value || own.split('?').next() == Some(value),
            "severity_level" => value.split(',').any(|one| one == own),
            _ => own == value,
        }
    }
}

const COLUMNS: [&str; 11] = [
    "plugin_id",
    "event_id",
    "severity_level",
    "actor_id",
    "status",
    "actor_type",
    "request_method",
    "request_url",
    "action_type",
    "query_type",
    "entity_ref",
];

fn recorded_lines() -> Vec<Line> {
    let lines = testdata("backstage-audit.ndjson");
    let values = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.filter(|v| v["status"] != "initiated" && v["actor"]["actorId"] != "plugin:auth").map(Line).collect()
}

async fn page(server: &Server, query: &str) -> Value {
    server.get(&server.token, &format!("{AUDIT}?limit=1000&{query}")).await.expect(200)
}

/// The recorded records, one for each line, in the order of the file.
async fn records(server: &Server) -> Vec<Value> {
    // All have one time, so newest first is the file's last line first.
    let mut data = page(server, "").await["data"].as_array().unwrap().clone();
    data.reverse();
    data
}

#[test]
fn records_say_what_their_lines_say() {
    run(async {
        let (server, _) = with_real_events().await;
        let lines = recorded_lines();
        let records = records(&server).await;
        assert_eq!(records.len(), lines.len());
        for (line, record) in lines.iter().zip(&records) {
            for column in COLUMNS {
                assert_eq!(record[column].as_str().map(str::to_owned), line.column(column), "{column}");
            }
        }
    });
}

#[test]
fn every_value_of_every_column_finds_its_lines() {
    run(async {
        let (server, _) = with_real_events().await;
        let lines = recorded_lines();
        let all: Vec<String> =
            records(&server).await.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
        for column in COLUMNS {
            let mut values: BTreeSet<String> = lines.iter().filter_map(|line| line.column(column)).collect();
            if column == "request_url" {
                let paths: Vec<_> = values.iter().map(|url| url.split('?').next().unwrap().to_owned()).collect();
                values.extend(paths);
            }
            if matches!(column, "severity_level") {
                values.insert("low,high".to_owned());
                values.insert("medium,low,critical".to_owned());
            }
            // Long lists of nearly the same are thinned.
            let step = values.len() / 40 + 1;
            for value in values.iter().step_by(step) {
                let page = page(&server, &format!("{column}={}", escaped(value))).await;
                let mut found: Vec<&str> =
                    page["data"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
                found.reverse();
                let naive = lines.iter().zip(&all).filter(|(line, _)| line.matches(column, value));
                let expected: Vec<&str> = naive.map(|(_, id)| id.as_str()).collect();
                assert_eq!(found, expected, "{column}={value}");
                assert_eq!(page["total"], expected.len());
            }
        }
    });
}

#[test]
fn parameters_hold_together() {
    run(async {
        let (server, _) = with_real_events().await;
        let lines = recorded_lines();
        for query in [
            &[("status", "failed"), ("actor_id", "user:default/jane")][..],
            &[("actor_type", "service"), ("severity_level", "medium"), ("request_method", "POST")],
            &[("action_type", "create"), ("status", "succeeded"), ("plugin_id", "catalog")],
            &[("query_type", "by-name"), ("event_id", "entity-fetch"), ("status", "failed"), ("actor_type", "user")],
            &[("actor_id", "user:default/jane"), ("actor_type", "service")],
        ] {
            let text: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
            let expected = lines.iter().filter(|line| query.iter().all(|(n, v)| line.matches(n, v))).count();
            assert_eq!(page(&server, &text.join("&")).await["total"], expected, "{query:?}");
        }
        let repeated = page(&server, "severity_level=low&severity_level=medium").await;
        assert_eq!(repeated["total"], 724, "severity_level may repeat");
        // Values of other parameters are never split, and nothing is a wildcard.
        for query in
            ["event_id=entity-fetch,entity-mutate", "event_id=entity-*", "event_id=*", "actor_id=User:default/jane"]
        {
            assert_eq!(page(&server, query).await["total"], 0, "{query}");
        }
    });
}

#[test]
fn times_are_inclusive_at_both_ends() {
    run(async {
        let server = Server::start().await;
        let event = |time: &str| format!(r#"{{"source":"s","action":"{time}","occurred_at":"{time}"}}"#);
        let times = ["2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.001Z", "2024-05-01T10:00:00.002Z"];
        server.post(times.map(event).join("\n")).await.expect(201);
        let total = async |start: &str, end: &str| {
            page(&server, &format!("start_time={start}&end_time={end}")).await["total"].as_u64().unwrap()
        };
        assert_eq!(total(times[0], times[2]).await, 3);
        assert_eq!(total(times[1], times[1]).await, 1);
        assert_eq!(total(times[2], times[0]).await, 0);
        assert_eq!(total("2024-05-01T10:00:00.0010001Z", "2024-05-01T10:00:00.0019Z").await, 0);
        assert_eq!(total("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z").await, 1);
    });
}
