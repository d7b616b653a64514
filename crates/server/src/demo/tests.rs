//! The demo's events: what they are, and when.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trailbook_event::{Timestamp, Uuid};

use super::{DAY_MS, INVENTED, LOGGED, MADE_UP, lines};

const NOW_MS: i64 = 1_768_478_400_000;

fn events(organization: u128) -> Vec<Value> {
    lines(Uuid::from_u128(organization), NOW_MS).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn all_are_of_the_last_day_and_say_what_they_are() {
    let events = events(1);
    let [first, last] = [NOW_MS - DAY_MS, NOW_MS].map(|ms| Timestamp::from_millis(ms).to_string());
    assert_eq!((first.as_str(), last.as_str()), ("2026-01-14T12:00:00.000Z", "2026-01-15T12:00:00.000Z"));
    let mut labels = BTreeMap::new();
    for event in &events {
        let (time, label) = match event.get("occurred_at") {
            Some(time) => (time, INVENTED),
            None => (&event["timestamp"], LOGGED),
        };
        let time = time.as_str().unwrap();
        assert!(first.as_str() <= time && time <= last.as_str(), "{event}");
        assert_eq!(event["meta"]["demo"], label, "{event}");
        assert_eq!(event.get("ms_before"), None, "{event}");
        *labels.entry(label).or_insert(0) += 1;
    }
    let invented: usize = MADE_UP.iter().map(|file| file.lines().count()).sum();
    assert_eq!(labels, BTreeMap::from([(LOGGED, 1_426), (INVENTED, invented)]));
}

#[test]
fn ids_are_the_same_again_and_differ_by_organization() {
    let ids = |organization| -> BTreeSet<String> {
        events(organization).iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    let (one, other) = (ids(1), ids(2));
    assert_eq!(one.len(), events(1).len());
    assert_eq!(one, ids(1));
    assert!(one.is_disjoint(&other));
    assert!(one.iter().all(|id| Uuid::parse_str(id).unwrap().get_version_num() == 8));
}
