//! Tests of the manifest's rows.

use trailbook_event::limits::ROWS_PER_STATEMENT_MAX;

use super::{Entry, FileEntry, Window, number_of, read};
use crate::segment::Part;
use crate::{Catalog, Clock};

#[tokio::test]
async fn a_segment_has_any_number_of_parts() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path(), None, Clock::system()).await.unwrap();
    let file = FileEntry { bytes: 10, crc: u32::MAX };
    let window = Window { first_day: -3, days: 7 };
    let part = |n: u32| Part {
        log: 1,
        rows: n * 2..n * 2 + 2,
        occurred_ns: (-i64::from(n), 5),
        recorded_ms: (1, i64::from(n) + 1),
        sequences: (u64::from(n), u64::MAX),
        content: u64::MAX - u64::from(n),
    };
    let counts = [1, ROWS_PER_STATEMENT_MAX - 1, ROWS_PER_STATEMENT_MAX, ROWS_PER_STATEMENT_MAX + 1];
    let entries: Vec<Entry> = (1..)
        .zip(counts)
        .map(|(id, count)| {
            let parts = (0..count as u32).map(part).collect();
            Entry { id, window, rows: file, index: file, parts, created_ms: 9 }
        })
        .collect();
    for some in [&entries[..1], &entries[1..2], &entries[2..3], &entries[3..]] {
        let mut tx = catalog.begin().await.unwrap();
        tx.add_segments(some).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert!(read(&catalog).await.unwrap().0 == entries);
    let mut tx = catalog.begin().await.unwrap();
    tx.remove_segments(&[2, 4]).await.unwrap();
    assert!(tx.remove_segments(&[2]).await.is_err(), "it is removed");
    tx.commit().await.unwrap();
    assert!(read(&catalog).await.unwrap().0 == [entries[0].clone(), entries[2].clone()]);
    // All of them in one transaction.
    let again: Vec<Entry> = entries.iter().map(|entry| Entry { id: entry.id + 10, ..entry.clone() }).collect();
    let mut tx = catalog.begin().await.unwrap();
    tx.add_segments(&again).await.unwrap();
    tx.commit().await.unwrap();
    assert!(read(&catalog).await.unwrap().0[2..] == again);
}

#[test]
fn only_names_of_ten_digits_are_ours() {
    let ours = ["0000000001.rows", "9999999999.index"].map(number_of);
    assert_eq!(ours, [Some(1), Some(9_999_999_999)]);
    for other in ["1.rows", "00000000001.rows", "0000000001.rows.part", "+000000001.rows", "catalog", "0000000001.", ""]
    {
        assert_eq!(number_of(other), None, "{other}");
    }
}
