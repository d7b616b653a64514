//! Tests of postings.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const UNIVERSE: u32 = 300_000;

fn open(bytes: Vec<u8>) -> Result<Postings, Error> {
    Postings::open(Section::memory(Bytes::from(bytes)), UNIVERSE)
}

fn write(lists: &[Vec<u32>]) -> Vec<u8> {
    let mut writer = PostingsWriter::new(UNIVERSE);
    lists.iter().for_each(|rows| writer.push(rows));
    writer.finish()
}

fn rows_of(set: &RowSet) -> Result<Vec<u32>, Error> {
    let mut rows = Vec::new();
    set.for_each_in(0..u32::MAX, &mut |row| {
        rows.push(row);
        rows.len() < 100_000
    })?;
    Ok(rows)
}

fn lists() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let list = prop_oneof![
        proptest::collection::btree_set(0..UNIVERSE, 0..4).prop_map(|rows| rows.into_iter().collect()),
        proptest::collection::btree_set(0..UNIVERSE, 0..300).prop_map(|rows| rows.into_iter().collect()),
        (1u32..300, 2usize..90).prop_map(|(start, step)| (start..UNIVERSE / 4).step_by(step).collect::<Vec<u32>>()),
    ];
    proptest::collection::vec(list, 0..60)
}

#[test]
fn one_row_takes_few_bytes() {
    let lists: Vec<Vec<u32>> = (0..1_600).map(|i| vec![i * 187]).collect();
    assert!(write(&lists).len() < 1_600 * 6);
}

#[test]
fn no_lists_are_no_error() {
    let postings = open(write(&[])).unwrap();
    assert_eq!(postings.len(), 0);
    assert!(postings.get(0).is_err());
    assert!(postings.lists().next().unwrap().is_none());
}

#[test]
fn more_lists_than_bytes_are_refused() {
    let mut bytes = write(&vec![vec![1]; 16]);
    bytes.pop();
    bytes.pop();
    assert!(open(bytes.clone()).is_ok());
    bytes.truncate(bytes.len() - 20);
    assert!(open(bytes).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_what_was_written(lists in lists()) {
        let postings = open(write(&lists)).unwrap();
        prop_assert_eq!(postings.len() as usize, lists.len());
        for (ordinal, rows) in (0..).zip(&lists) {
            prop_assert_eq!(&rows_of(&postings.get(ordinal).unwrap()).unwrap(), rows);
        }
        prop_assert!(postings.get(postings.len()).is_err());
        let mut all = Vec::new();
        postings.for_each(|ordinal, set| {
            assert_eq!(ordinal as usize, all.len());
            all.push(rows_of(&set)?);
            Ok(())
        }).unwrap();
        prop_assert_eq!(all, lists);
    }

    #[test]
    fn a_range_of_lists_is_read_from_its_first(lists in lists(), ends in any::<[Index; 2]>(), beyond in 0..3u32) {
        let postings = open(write(&lists)).unwrap();
        let [start, end] = ends.map(|end| end.index(lists.len() + 1));
        // One that ends beyond the last, or before it begins, too.
        let mut found = postings.lists_in(start as u32..end as u32 + beyond).unwrap();
        let wanted = lists.get(start..(end + beyond as usize).min(lists.len())).unwrap_or_default();
        for rows in wanted {
            prop_assert_eq!(&rows_of(&found.next().unwrap().unwrap()).unwrap(), rows);
        }
        prop_assert!(found.next().unwrap().is_none());
    }

    #[test]
    fn damaged_postings_give_sets_or_an_error(
        lists in lists(), cut: Index, place: Index, bit in 0u8..8,
    ) {
        let whole = write(&lists);
        let mut flipped = whole.clone();
        flipped[place.index(whole.len().min(400))] ^= 1 << bit;
        exercise(flipped);
        exercise(whole[..cut.index(whole.len())].to_vec());
    }

    #[test]
    fn any_bytes_give_sets_or_an_error(mut bytes: Vec<u8>, count in 0u32..40, keep: bool) {
        if let (false, Some(head)) = (keep, bytes.first_chunk_mut::<8>()) {
            head[..4].copy_from_slice(&count.to_le_bytes());
            head[4..].copy_from_slice(&8u32.to_le_bytes());
        }
        exercise(bytes);
    }
}

fn exercise(bytes: Vec<u8>) {
    let Ok(postings) = open(bytes) else { return };
    for ordinal in 0..postings.len().min(70) {
        let _ = postings.get(ordinal).and_then(|set| rows_of(&set));
    }
    let _ = postings.for_each(|_, set| rows_of(&set).map(|_| ()));
}
