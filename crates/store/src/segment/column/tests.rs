//! Tests of columns.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn open(bytes: Vec<u8>) -> Result<Column, Error> {
    Column::open(Section::memory(Bytes::from(bytes)))
}

fn encode(values: &[i64]) -> Column {
    open(Column::encode(values.iter().copied())).unwrap()
}

fn values() -> impl Strategy<Value = Vec<i64>> {
    let unit = prop_oneof![Just(1i64), Just(1_000), Just(1_000_000)];
    let start = prop_oneof![Just(0), Just(1_700_000_000_000_000_000), any::<i64>()];
    let spread = prop_oneof![Just(1u64), Just(100), Just(1 << 40), Just(u64::MAX)];
    (unit, start, spread).prop_flat_map(|(unit, start, spread)| {
        let value = any::<u64>().prop_map(move |n| start.wrapping_add(((n % spread) as i64).wrapping_mul(unit)));
        proptest::collection::vec(value, 0..600)
    })
}

#[test]
fn whole_units_are_not_stored() {
    let start = 1_700_000_000_123_456_789;
    let bytes = |unit: i64| Column::encode((0..128).map(|i| start + i * unit)).len();
    assert_eq!([1, 1_000, 1_000_000].map(bytes), [8 + 16 + 16 * 7; 3]);
    assert_eq!(Column::encode([start; 128]).len(), 8 + 16);
    assert_eq!(Column::encode([]).len(), 8);
}

#[test]
fn a_group_may_hold_both_ends_of_the_range() {
    let values = [i64::MIN, i64::MAX, 0, -1, 1];
    let column = encode(&values);
    assert_eq!((0..5).map(|row| column.get(row).unwrap()).collect::<Vec<_>>(), values);
    assert_eq!(column.group_bounds(0).unwrap(), (i64::MIN, i64::MAX));
}

#[test]
fn what_is_beyond_the_end_is_an_error() {
    let column = encode(&[7; 130]);
    assert_eq!((column.len(), column.groups()), (130, 2));
    assert!(column.get(129).is_ok());
    assert!(column.get(130).is_err());
    assert!(column.get(u64::MAX).is_err());
    assert!(column.group(2, &mut Vec::new()).is_err());
    assert!(column.group_bounds(u64::MAX).is_err());
    assert!(column.partition_point_desc(0..131, 9).is_err());
    assert!(column.partition_point_desc(0..u32::MAX, 0).is_err());
}

proptest! {
    #[test]
    fn columns_round_trip(values in values()) {
        let column = encode(&values);
        prop_assert_eq!(column.len(), values.len() as u64);
        let mut group = vec![9; 3];
        for (i, expected) in values.chunks(GROUP).enumerate() {
            column.group(i as u64, &mut group).unwrap();
            prop_assert_eq!(&group, expected);
            let (minimum, upper) = column.group_bounds(i as u64).unwrap();
            prop_assert_eq!(Some(&minimum), expected.iter().min());
            prop_assert!(expected.iter().all(|&value| value <= upper));
        }
        for (row, &value) in values.iter().enumerate() {
            prop_assert_eq!(column.get(row as u64).unwrap(), value);
        }
    }

    #[test]
    fn the_partition_point_is_found(
        mut values in values(), start in 0usize..700, end in 0usize..700, near in 0usize..700, off in -1i64..=1,
    ) {
        let (start, end) = (start.min(values.len()), end.min(values.len()));
        if start < end {
            // Rows around the range are of other logs, in any order.
            values[start..end].sort_unstable_by(|a, b| b.cmp(a));
        }
        let value = values.get(near).copied().unwrap_or_default().saturating_add(off);
        let rows = values.get(start..end).unwrap_or_default();
        let expected = start + rows.iter().take_while(|&&row_value| row_value >= value).count();
        let found = encode(&values).partition_point_desc(start as u32..end as u32, value).unwrap();
        prop_assert_eq!(found as usize, expected);
    }

    #[test]
    fn any_bytes_give_values_or_an_error(mut bytes: Vec<u8>, count in 0u64..1000, keep: bool, value: i64) {
        if let (false, Some(slot)) = (keep, bytes.get_mut(..8)) {
            slot.copy_from_slice(&count.to_le_bytes());
        }
        if let Ok(column) = open(bytes) {
            exercise(&column, value);
        }
    }

    #[test]
    fn damaged_bytes_give_values_or_an_error(
        values in values(), cut: prop::sample::Index, at: prop::sample::Index, bit in 0u8..8, value: i64,
    ) {
        let whole = Column::encode(values.iter().copied());
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        if let Ok(column) = open(flipped) {
            exercise(&column, value);
        }
        if let Ok(column) = open(whole[..cut.index(whole.len())].to_vec()) {
            exercise(&column, value);
        }
    }
}

fn exercise(column: &Column, value: i64) {
    for row in (0..column.len().min(300)).chain([column.len() - column.len().min(1), u64::MAX]) {
        let _ = column.get(row);
    }
    for group in 0..=column.groups().min(10) {
        let _ = column.group(group, &mut Vec::new());
        let _ = column.group_bounds(group);
    }
    for range in [0..column.len() as u32, 3..200, 0..u32::MAX, u32::MAX - 1..u32::MAX] {
        let _ = column.partition_point_desc(range, value);
    }
}
