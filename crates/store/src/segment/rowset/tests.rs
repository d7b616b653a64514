//! Tests of row sets, against a sorted set of the standard library.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::packed::SKIP_BYTES;
use super::*;

const UNIVERSE: u32 = 1 << 18;

/// Rows with gaps of several kinds, so that all forms come up.
fn rows() -> impl Strategy<Value = Vec<u32>> {
    let gap = prop_oneof![Just(1u32), Just(2), Just(3), Just(8), Just(60), Just(700)];
    let stretch = (0u32..3_000, gap, prop_oneof![0usize..8, 0usize..200, 0usize..1_500], any::<u64>());
    proptest::collection::vec(stretch, 0..5).prop_map(|stretches| {
        let (mut rows, mut next) = (Vec::new(), 0u32);
        for (start, gap, count, seed) in stretches {
            next += start;
            let mut noise = seed | 1;
            for _ in 0..count {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                next += (noise % u64::from(gap)) as u32;
                if next >= UNIVERSE {
                    return rows;
                }
                rows.push(next);
                next += 1;
            }
        }
        rows
    })
}

fn range() -> impl Strategy<Value = Range<u32>> {
    let end = prop_oneof![0..300u32, 0..9_000u32, 0..UNIVERSE + 99, Just(u32::MAX)];
    (end.clone(), end).prop_map(|(a, b)| a.min(b)..a.max(b))
}

fn open(bytes: Vec<u8>, universe: u32) -> Result<RowSet, Error> {
    RowSet::open(Section::memory(Bytes::from(bytes)), universe)
}

fn encoded(rows: &[u32], universe: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(rows, universe, &mut bytes);
    bytes
}

fn reopened(rows: &[u32]) -> RowSet {
    open(encoded(rows, UNIVERSE), UNIVERSE).unwrap()
}

fn collect(set: &RowSet, range: Range<u32>) -> Result<Vec<u32>, Error> {
    let mut rows = Vec::new();
    set.for_each_in(range, &mut |row| {
        rows.push(row);
        true
    })?;
    Ok(rows)
}

fn sought(set: &RowSet, wanted: &[u32]) -> Result<Vec<Option<u32>>, Error> {
    let mut cursor = set.cursor();
    wanted.iter().map(|&row| cursor.seek(row)).collect()
}

/// Everything that a set can do gives what the rows say.
fn check(set: &RowSet, rows: &[u32], range: Range<u32>, step: u32) {
    let model: BTreeSet<u32> = rows.iter().copied().collect();
    let inside: Vec<u32> = model.range(range.clone()).copied().collect();
    assert_eq!(set.len() as usize, rows.len());
    assert_eq!(set.is_empty(), rows.is_empty());
    assert_eq!(set.count_in(range.clone()).unwrap() as usize, inside.len());
    assert_eq!(set.count_in(0..u32::MAX).unwrap() as usize, rows.len());
    assert_eq!(collect(set, range.clone()).unwrap(), inside);
    assert_eq!(collect(set, 0..u32::MAX).unwrap(), rows);
    assert_eq!(sought(set, rows).unwrap(), rows.iter().copied().map(Some).collect::<Vec<_>>());
    let wanted: Vec<u32> = (range.start.min(UNIVERSE)..UNIVERSE).step_by(step as usize).take(2_000).collect();
    let expected: Vec<Option<u32>> = wanted.iter().map(|&row| model.range(row..).next().copied()).collect();
    assert_eq!(sought(set, &wanted).unwrap(), expected);
    let mut taken = 0;
    set.for_each_in(range.clone(), &mut |_| {
        taken += 1;
        taken < 3
    })
    .unwrap();
    assert_eq!(taken, inside.len().min(3));
    let mut bits = Bits::new(range.start.min(70)..range.end.min(UNIVERSE));
    set.add_to(range, &mut bits).unwrap();
    assert!(bits.iter().eq(inside.iter().copied().filter(|row| bits.range().contains(row))));
}

#[test]
fn the_smallest_form_is_taken() {
    let form = |rows: &[u32]| encoded(rows, 10_000)[0];
    let stepped = |step: usize| (0..10_000).step_by(step).collect::<Vec<u32>>();
    assert_eq!(encoded(&[], 10_000), [0]);
    assert_eq!(encoded(&stepped(1), 10_000), [ALL]);
    assert_eq!(encoded(&[300], 10_000), [1, 0xac, 2]);
    assert_eq!(encoded(&[3, 4, 300], 10_000), [3, 3, 0, 0xa7, 2]);
    assert_eq!(encoded(&[3, 4, 5, 6], 10_000), [RUN, 4, 3]);
    assert_eq!(form(&(0..10_000).filter(|row| row % 16 < 8).collect::<Vec<_>>()), BITMAP);
    assert_eq!(form(&stepped(100)), PACKED);
    assert_eq!(form(&stepped(5_000)), 2);
}

#[test]
fn what_belongs_to_no_segment_of_that_size_is_refused() {
    for rows in [vec![9_999], (0..9_999).step_by(2).collect(), (0..10_000).step_by(101).collect(), vec![9_998, 9_999]] {
        let bytes = encoded(&rows, 10_000);
        let last = *rows.last().unwrap();
        let whole = |universe| open(bytes.clone(), universe).and_then(|set| collect(&set, 0..u32::MAX));
        assert_eq!(whole(last + 1).unwrap(), rows);
        assert!(whole(last).is_err());
        assert!(whole(0).is_err());
    }
    assert!(open(vec![], 5).is_err());
    assert!(open(vec![ALL, 0], 5).is_err());
    assert!(open(vec![200, 1, 1], 5).is_err());
    assert!(open(vec![RUN, 3, 3], 5).is_err());
    assert!(open(vec![1, 1, 1], 5).is_err());
}

#[test]
fn blocks_that_do_not_ascend_are_refused() {
    let rows: Vec<u32> = (0..UNIVERSE).step_by(100).collect();
    let mut bytes = encoded(&rows, UNIVERSE);
    assert_eq!(bytes[0], PACKED);
    // The second block's first row, after form, count and the first entry.
    bytes[3 + SKIP_BYTES..][..4].copy_from_slice(&1_000u32.to_le_bytes());
    let set = open(bytes, UNIVERSE).unwrap();
    assert!(matches!(collect(&set, 0..UNIVERSE), Err(Error::Damaged { .. })));
}

#[test]
fn rows_in_memory_may_come_in_any_order() {
    check(&RowSet::from_rows(vec![5, 3, 9, 3]), &[3, 5, 9], 4..9, 1);
    check(&RowSet::empty(), &[], 0..9, 1);
    check(&RowSet::all(4), &[0, 1, 2, 3], 2..9, 1);
    check(&RowSet::run(7..9), &[7, 8], 0..8, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn sets_hold_what_was_encoded(rows in rows(), range in range(), step in 1u32..400) {
        check(&reopened(&rows), &rows, range.clone(), step);
        check(&RowSet::from_rows(rows.clone()), &rows, range, step);
    }

    #[test]
    fn every_large_form_holds_what_was_encoded(rows in rows(), range in range(), step in 1u32..400) {
        prop_assume!(!rows.is_empty());
        for form in [encode::encode_packed, encode::encode_bitmap] {
            let mut bytes = Vec::new();
            form(&rows, &mut bytes);
            check(&open(bytes, UNIVERSE).unwrap(), &rows, range.clone(), step);
        }
    }

    #[test]
    fn damaged_sets_give_rows_or_an_error(
        rows in rows(), form in 0..3, cut: Index, at: Index, bit in 0u8..8, range in range(),
    ) {
        prop_assume!(!rows.is_empty());
        let mut whole = Vec::new();
        match form {
            0 => encode(&rows, UNIVERSE, &mut whole),
            1 => encode::encode_packed(&rows, &mut whole),
            _ => encode::encode_bitmap(&rows, &mut whole),
        }
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        for bytes in [flipped, whole[..cut.index(whole.len())].to_vec()] {
            exercise(bytes, UNIVERSE, range.clone());
        }
    }

    #[test]
    fn any_bytes_give_rows_or_an_error(
        mut bytes: Vec<u8>, form in 60u8..70, universe in prop_oneof![0u32..300, any::<u32>()], range in range(),
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = form;
        }
        exercise(bytes, universe, range);
    }

    #[test]
    fn bits_do_what_a_set_does(rows in rows(), others in rows(), range in range(), other_range in range()) {
        let [range, other_range] = [range, other_range].map(|it| it.start..it.end.min(it.start.saturating_add(3_000)));
        let filled = |rows: &[u32], range: &Range<u32>| {
            let mut bits = Bits::new(range.start..range.end.min(UNIVERSE));
            rows.iter().for_each(|&row| bits.insert(row));
            let model: BTreeSet<u32> = rows.iter().copied().filter(|row| range.contains(row)).collect();
            (bits, model)
        };
        let (bits, model) = filled(&rows, &range);
        let (other, other_model) = filled(&others, &other_range);
        let all: BTreeSet<u32> = bits.range().collect();
        let changed = |change: fn(&mut Bits, &Bits)| {
            let mut bits = bits.clone();
            change(&mut bits, &other);
            bits
        };
        let other_inside: BTreeSet<u32> = other_model.intersection(&all).copied().collect();
        same(&bits, &model)?;
        same(&changed(Bits::and), &(&model & &other_model))?;
        same(&changed(Bits::and_not), &(&model - &other_model))?;
        same(&changed(Bits::or), &(&model | &other_inside))?;
        let run: BTreeSet<u32> = all.iter().copied().filter(|row| other_range.contains(row)).collect();
        same(&changed(|bits, other| bits.insert_run(other.range())), &(&model | &run))?;
        prop_assert_eq!(bits.count_in(other_range.clone()) as usize, (&model & &run).len());
        for row in [other_range.start, other_range.end, 0, 63, 64, u32::MAX] {
            prop_assert_eq!(bits.next_at_or_after(row), model.range(row..).next().copied());
            prop_assert_eq!(bits.contains(row), model.contains(&row));
        }
    }
}

fn same(bits: &Bits, model: &BTreeSet<u32>) -> Result<(), TestCaseError> {
    prop_assert!(bits.iter().eq(model.iter().copied()));
    prop_assert_eq!(bits.count() as usize, model.len());
    prop_assert_eq!(bits.is_empty(), model.is_empty());
    Ok(())
}

/// Does all that can be done with the bytes; what rows they give ascend below the universe.
fn exercise(bytes: Vec<u8>, universe: u32, range: Range<u32>) {
    let Ok(set) = open(bytes, universe) else { return };
    if let Ok(count) = set.count_in(range.clone()) {
        assert!(count <= range.end - range.start);
    }
    let range_in_memory = range.start..range.end.min(range.start.saturating_add(9_000));
    let mut bits = Bits::new(range_in_memory.clone());
    let _ = set.add_to(range, &mut bits);
    let mut before = None;
    let mut taken = 0;
    let _ = set.for_each_in(range_in_memory, &mut |row| {
        assert!(row < universe && before < Some(row));
        before = Some(row);
        taken += 1;
        taken < 5_000
    });
    let mut cursor = set.cursor();
    let mut row = 0u32;
    for step in (1..3_000).step_by(7) {
        let Ok(Some(member)) = cursor.seek(row) else { break };
        assert!(member >= row && member < universe);
        row = member.saturating_add(step);
    }
}
