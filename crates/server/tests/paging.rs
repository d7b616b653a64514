//! Cursors, totals and orders.

use std::collections::HashSet;

use serde_json::Value;

use crate::harness::{MINIMAL, Server, from_now, ids, run};

/// Sends so many events with few different times.
async fn filled(server: &Server, count: usize) {
    let times: Vec<_> = (0..7).map(|i| from_now(-i * 1_000)).collect();
    let line = |i: usize| format!(r#"{{"source":"s","action":"n{i}","occurred_at":"{}"}}"#, times[i * 5 % 7]);
    server.post((0..count).map(line).collect::<Vec<_>>().join("\n")).await.expect(201);
}

fn places(page: &Value) -> Vec<(String, u64)> {
    let place = |e: &Value| (e["occurred_at"].as_str().unwrap().to_owned(), e["sequence"].as_u64().unwrap());
    page["data"].as_array().unwrap().iter().map(place).collect()
}

#[test]
fn orders_are_by_time_and_sequence_or_by_sequence() {
    run(async {
        let server = Server::start().await;
        filled(&server, 300).await;
        let all = async |order: &str| places(&server.list(&format!("limit=1000{order}")).await);
        let newest = all("").await;
        assert_eq!(newest.len(), 300);
        assert_eq!(newest, all("&order=newest").await);
        let mut sorted = newest.clone();
        sorted.sort();
        assert_eq!(sorted, all("&order=oldest").await);
        sorted.reverse();
        assert_eq!(sorted, newest);
        let sequences: Vec<u64> = all("&order=sequence").await.into_iter().map(|place| place.1).collect();
        assert_eq!(sequences, (0..300).collect::<Vec<_>>());
    });
}

#[test]
fn cursors_are_complete_and_disjoint_while_events_arrive() {
    run(async {
        for order in ["newest", "oldest", "sequence"] {
            for limit in [1, 7, 50, 100] {
                let server = Server::start().await;
                filled(&server, 100).await;
                let first: HashSet<String> = ids(&server.list("limit=100").await).into_iter().collect();
                let (mut seen, mut cursor, mut arrived) = (HashSet::new(), String::new(), 0);
                loop {
                    let query = format!("order={order}&limit={limit}{cursor}");
                    let page = server.list(&query).await;
                    for id in ids(&page) {
                        assert!(seen.insert(id), "twice in {query}");
                    }
                    let Some(next) = page["next"].as_str() else { break };
                    cursor = format!("&cursor={next}");
                    if arrived < 5 {
                        // One newer than all, one older than all.
                        let old = r#"{"source":"s","action":"old","occurred_at":"2001-01-01T00:00:00Z"}"#;
                        server.post(format!("{MINIMAL}\n{old}")).await.expect(201);
                        arrived += 1;
                    }
                }
                assert!(first.is_subset(&seen), "{order} {limit}: {} of 100", first.intersection(&seen).count());
            }
        }
    });
}

#[test]
fn the_last_page_has_no_next() {
    run(async {
        let server = Server::start().await;
        assert_eq!(server.list("").await, serde_json::json!({"data": [], "total": 0}));
        filled(&server, 10).await;
        assert!(server.list("limit=10").await.get("next").is_none());
        assert!(server.list("limit=9").await["next"].is_string());
        let last = server.list("limit=9").await["next"].as_str().unwrap().to_owned();
        let page = server.list(&format!("limit=9&cursor={last}")).await;
        assert_eq!((ids(&page).len(), page.get("next")), (1, None));
        assert_eq!(page["total"], 10, "the total is of all pages");
    });
}

#[test]
fn totals_are_exact_or_left_out() {
    run(async {
        let server = Server::start().await;
        for count in [1, 99, 1_000, 4_321] {
            let before = server.total().await;
            filled(&server, count).await;
            let page = server.list("limit=1").await;
            assert_eq!(page["total"], before + count as u64);
        }
        assert_eq!(server.list("action=n1").await["total"], 3);
        assert!(server.list("total=false&limit=1").await.get("total").is_none());
        assert!(server.list("total=true&limit=1").await["total"].is_u64());
    });
}

#[test]
fn cursors_belong_to_their_order() {
    run(async {
        let server = Server::start().await;
        filled(&server, 10).await;
        let next = server.list("limit=3").await["next"].as_str().unwrap().to_owned();
        let refused = async |query: &str| {
            let answer = server.get(&server.token, &format!("/api/v1/events?{query}")).await;
            assert_eq!(answer.problem(400, "invalid-parameter")["parameter"], "cursor", "{query}");
        };
        refused(&format!("order=oldest&cursor={next}")).await;
        refused("cursor=").await;
        refused("cursor=!!").await;
        refused(&format!("cursor={}", &next[1..])).await;
        refused(&format!("cursor={next}AAAA")).await;
        refused(&format!("cursor={next}%00")).await;
        refused(&format!("cursor={}", "A".repeat(9_000))).await;
        // A cursor that was tampered with is a place like any other, never a failure.
        for i in 2..next.len() {
            let mut other = next.clone().into_bytes();
            other[i] = if other[i] == b'f' { b'g' } else { b'f' };
            let other = String::from_utf8(other).unwrap();
            let status = server.get(&server.token, &format!("/api/v1/events?cursor={other}")).await.status;
            assert!(status == 200 || status == 400, "{status} {other}");
        }
    });
}
