//! Tests of locators.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const UNIVERSE: u32 = 1 << 21;

fn open(bytes: Vec<u8>) -> Result<Locator, Error> {
    Locator::open(Section::memory(Bytes::from(bytes)))
}

fn candidates(locator: &Locator, hash: u64) -> Result<Vec<u32>, Error> {
    let mut rows = vec![9; 3];
    locator.candidates(hash, &mut rows)?;
    Ok(rows)
}

fn id(number: u32) -> Vec<u8> {
    format!("0190a5d0-7e2c-7000-8000-{number:012}").into_bytes()
}

#[test]
fn the_hash_stays_what_it_is() {
    let value: Vec<u8> = (0..40).collect();
    let hashes = [0, 1, 8, 15, 16, 17, 36].map(|len| hash(&value[..len]));
    assert_eq!(hashes, HASHES);
}

/// From another implementation of the definition.
const HASHES: [u64; 7] = [
    0x6ddf_4b48_4974_7d2c,
    0xd52c_d906_1942_7010,
    0x6595_9506_6171_e59e,
    0xc43d_b686_e38c_99c9,
    0x25fa_fa23_5cbd_ee8c,
    0x96e7_6ab7_313b_a0ab,
    0x849c_e487_7dbe_574c,
];

#[test]
fn every_row_is_found_and_few_others() {
    let mut entries: Vec<(u64, u32)> = (0..200_000).map(|row| (hash(&id(row)), row)).collect();
    let locator = open(Locator::encode(&mut entries, UNIVERSE)).unwrap();
    let mut others = 0;
    for row in (0..200_000).step_by(7) {
        let rows = candidates(&locator, hash(&id(row))).unwrap();
        assert!(rows.contains(&row));
        others += rows.len() - 1;
    }
    assert!(others < 200_000 / 7 / 10, "{others} of {} were others", 200_000 / 7);
    let found = (200_000..230_000).filter(|&row| !candidates(&locator, hash(&id(row))).unwrap().is_empty()).count();
    assert!(found < 3_000, "{found} of 30,000 that are not there");
}

#[test]
fn an_entry_takes_four_bytes() {
    let mut entries: Vec<(u64, u32)> = (0..UNIVERSE / 8).map(|row| (hash(&id(row)), row)).collect();
    let bytes = Locator::encode(&mut entries, UNIVERSE);
    assert!(bytes.len() < 4 * entries.len() + entries.len() / 4, "{} bytes", bytes.len());
}

#[test]
fn no_entries_are_no_error() {
    assert_eq!(candidates(&open(Locator::encode(&mut [], 0)).unwrap(), 5).unwrap(), [0; 0]);
    assert_eq!(candidates(&open(Locator::encode(&mut [(5, 0)], 1)).unwrap(), 5).unwrap(), [0]);
    assert_eq!(candidates(&open(Locator::encode(&mut [(u64::MAX, 0)], 1)).unwrap(), 5).unwrap(), [0; 0]);
}

proptest! {
    #[test]
    fn candidates_hold_all_rows_of_a_hash(
        hashes in proptest::collection::vec(prop_oneof![any::<u64>(), 0u64..3, Just(u64::MAX)], 0..120),
        other: u64,
    ) {
        let entries: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
        let locator = open(Locator::encode(&mut entries.clone(), hashes.len() as u32)).unwrap();
        for hash in hashes.iter().copied().chain([other]) {
            let rows = candidates(&locator, hash).unwrap();
            prop_assert!(rows.is_sorted_by(|a, b| a < b));
            let rows: BTreeSet<u32> = rows.into_iter().collect();
            prop_assert!(entries.iter().all(|(other, row)| *other != hash || rows.contains(row)));
        }
    }

    #[test]
    fn one_more_byte_is_another_hash(value: Vec<u8>, byte: u8) {
        let mut longer = value.clone();
        longer.push(byte);
        prop_assert_ne!(hash(&value), hash(&longer));
    }

    #[test]
    fn damaged_locators_give_rows_or_an_error(
        hashes in proptest::collection::vec(any::<u64>(), 0..200), cut: Index, at: Index, bit in 0u8..8,
    ) {
        let mut entries: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
        let whole = Locator::encode(&mut entries, 200);
        prop_assert!(open(whole[..cut.index(whole.len())].to_vec()).is_err());
        let mut flipped = whole;
        let at = at.index(flipped.len());
        flipped[at] ^= 1 << bit;
        if let Ok(locator) = open(flipped) {
            for hash in hashes {
                let rows = candidates(&locator, hash).unwrap_or_default();
                prop_assert!(rows.iter().all(|&row| row < locator.universe));
            }
        }
    }

    #[test]
    fn any_bytes_give_rows_or_an_error(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400), universe in 0u32..300, hash: u64,
    ) {
        if let Some(head) = bytes.first_chunk_mut::<9>() {
            head[4..8].copy_from_slice(&universe.to_le_bytes());
            head[8] %= 5;
            let bits = (bytes.len() as u64).saturating_sub(9 + 4 * ((1 << bytes[8]) + 1)) * 8;
            let count = (bits / u64::from(entry_width(universe))) as u32;
            bytes[..4].copy_from_slice(&count.to_le_bytes());
        }
        if let Ok(locator) = open(bytes) {
            let _ = candidates(&locator, hash);
        }
    }
}
