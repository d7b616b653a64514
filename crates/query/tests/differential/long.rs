//! A scan so long that two threads read: it gives the same events in the same order.

use trailbook_query::{Cancel, Order, Query, scan};

use crate::events::numbered;
use crate::state::State;

/// Events of one segment, and segments: more in all than one thread reads by itself.
const EVENTS: u64 = 30_000;
const SEGMENTS: u64 = 3;

#[test]
fn a_long_scan_gives_every_event_in_its_order() {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let mut state = State::new(1, 1_000_000).await;
        for segment in 0..SEGMENTS {
            for part in 0..EVENTS / 5_000 {
                // Days come in turn, so that what follows in a log does not lie together.
                let first = segment * EVENTS + part * 5_000;
                let day = format!("2026-01-{:02}T12:00:00Z", 10 + part % 3);
                state.append(0, numbered(first..first + 5_000, &day)).await;
            }
            state.store.flush().await.unwrap();
        }
        let known = &state.logs[0].known;
        assert_eq!(known.len() as u64, EVENTS * SEGMENTS);
        let (organization, _) = state.store.catalog().organization_or_new("log-0").await.unwrap();
        let snapshot = state.store.snapshot(&organization);
        for order in [Order::Sequence, Order::Newest] {
            let mut given = vec![false; known.len()];
            let mut last = None;
            let query = Query { order, ..Query::default() };
            scan(&snapshot, &query, &Cancel::default(), |_, row| {
                let at = match order {
                    Order::Sequence => (0, row.sequence),
                    _ => (i64::MAX - row.occurred_ns, u64::MAX - row.sequence),
                };
                assert!(last < Some(at), "{order:?}: {at:?} after {last:?}");
                last = Some(at);
                assert!(row.canonical == known[row.sequence as usize].canonical.as_slice(), "{}", row.sequence);
                !std::mem::replace(&mut given[row.sequence as usize], true)
            })
            .unwrap();
            assert!(given.iter().all(|is| *is), "{order:?}");
        }
        state.store.close().await;
    });
}
