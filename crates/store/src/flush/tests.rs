//! Tests of flushing.

use super::oldest_within;
use crate::recent::Size;

#[test]
fn a_flush_takes_what_one_segment_may_hold() {
    let sizes = |events: &[u64], bytes: u64| {
        let sizes: Vec<Size> = events.iter().map(|events| Size { events: *events, bytes }).collect();
        oldest_within(sizes.into_iter(), Size { events: 100, bytes: 1_000 })
    };
    assert_eq!(sizes(&[50, 50], 1), 2);
    assert_eq!(sizes(&[50, 51], 1), 1);
    assert_eq!(sizes(&[50, 51, 1], 1), 1, "only the oldest");
    assert_eq!(sizes(&[1, 1, 1], 500), 2);
    assert_eq!(sizes(&[1, 1, 1], 501), 1);
    assert_eq!(sizes(&[101, 1], 1), 1, "at least one");
}
