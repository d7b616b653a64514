//! The server's answers against a naive search over the same events.

use serde_json::Value;

use crate::harness::{Server, escaped, ids, run};
use crate::oracle::{Random, conditions, event, meets, reads, terms, text};

const SEEDS: [u64; 3] = [7, 1_234_567, 0xDEAD_BEEF];
const EVENTS: usize = 400;
const QUERIES: usize = 200;

#[test]
fn random_queries_find_what_a_naive_search_finds() {
    run(async {
        for seed in SEEDS {
            let mut random = Random(seed);
            let server = Server::start().await;
            let events: Vec<Value> = (0..EVENTS).map(|_| event(&mut random)).collect();
            for batch in events.chunks(37) {
                server.post(serde_json::to_vec(batch).unwrap()).await.expect(201);
            }
            let sent = server.list("order=sequence&limit=1000").await;
            let known = ids(&sent);
            let mut found_some = 0;
            for _ in 0..QUERIES {
                let terms = terms(&mut random);
                let mut conditions = conditions(&mut random);
                if !terms.is_empty() && *random.one(&[true, false]) {
                    conditions.clear();
                }
                let order = *random.one(&["newest", "oldest", "sequence"]);
                let mut expected: Vec<usize> =
                    (0..EVENTS).filter(|i| meets(&events[*i], &conditions) && reads(&events[*i], &terms)).collect();
                let time = |i: usize| events[i]["occurred_at"].as_str().unwrap();
                if order != "sequence" {
                    expected.sort_by_key(|i| (time(*i), *i));
                }
                if order == "newest" {
                    expected.reverse();
                }
                let parameters: Vec<_> = conditions.iter().map(|c| c.parameter()).collect();
                let text = escaped(&text(&terms));
                let query = format!("order={order}&limit=1000&q={text}&{}", parameters.join("&"));
                let page = server.list(&query).await;
                let expected: Vec<&str> = expected.iter().map(|i| known[*i].as_str()).collect();
                assert_eq!(ids(&page), expected, "seed {seed}: {query}");
                assert_eq!(page["total"], expected.len());
                found_some += usize::from(!expected.is_empty());
            }
            assert!(found_some > QUERIES / 3, "{found_some} queries of seed {seed} found something");
        }
    });
}
