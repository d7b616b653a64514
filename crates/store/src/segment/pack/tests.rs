//! Tests of packed numbers.

use proptest::prelude::*;

use super::*;

/// The definition, bit by bit.
fn slow_value(bytes: &[u8], width: u8, index: usize) -> u64 {
    let bits = index * usize::from(width)..(index + 1) * usize::from(width);
    bits.enumerate().map(|(i, bit)| u64::from(bytes[bit / 8] >> (bit % 8) & 1) << i).sum()
}

fn values() -> impl Strategy<Value = (u8, Vec<u64>)> {
    (0u8..=64).prop_flat_map(|width| {
        let value = any::<u64>().prop_map(move |value| value & mask(width));
        (Just(width), proptest::collection::vec(value, 0..300))
    })
}

#[test]
fn widths_are_the_least_that_hold_a_value() {
    assert_eq!([0, 1, 2, 3, 255, 256, u64::MAX].map(width_of), [0, 1, 2, 2, 8, 9, 64]);
    assert_eq!([0, 1, 63, 64].map(mask), [0, 1, u64::MAX / 2, u64::MAX]);
}

#[test]
fn a_varint_of_more_than_64_bits_is_refused() {
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(Reader::new(&largest).varint(), Ok(u64::MAX));
    let mut larger = largest;
    larger[9] = 2;
    assert_eq!(Reader::new(&larger).varint(), Err(Short));
    assert_eq!(Reader::new(&[0x80; 11]).varint(), Err(Short));
    assert_eq!(Reader::new(&[]).varint(), Err(Short));
    assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).varint_u32(), Err(Short));
}

#[test]
fn a_reader_takes_numbers_in_order() {
    let bytes = [7, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0xac, 2, 9, 9];
    let mut reader = Reader::new(&bytes);
    assert_eq!((reader.u8(), reader.u32(), reader.u64(), reader.varint()), (Ok(7), Ok(1), Ok(2), Ok(300)));
    assert_eq!(reader.rest(), [9, 9]);
    assert_eq!(reader.take(3), Err(Short));
    assert_eq!(reader.take(2), Ok(&[9u8, 9][..]));
    assert!(reader.is_empty());
    assert_eq!(Short.to_string(), "it ends too early");
}

proptest! {
    #[test]
    fn varints_round_trip(value: u64, shift in 0u32..64) {
        let value = value >> shift;
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);
        prop_assert_eq!(bytes.len(), varint_bytes(value));
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.varint(), Ok(value));
        prop_assert!(reader.is_empty());
        prop_assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).varint(), Err(Short));
    }

    #[test]
    fn zigzag_round_trips(value: i64) {
        prop_assert_eq!(unzigzag(zigzag(value)), value);
        prop_assert_eq!(zigzag(value) <= 2 * value.unsigned_abs().min(u64::MAX / 2), value != i64::MIN);
    }

    #[test]
    fn packed_values_round_trip((width, values) in values(), after in 0usize..20) {
        let mut bytes = vec![0xaa; 3];
        pack(&values, width, &mut bytes);
        let mut packed = bytes.split_off(3);
        prop_assert_eq!(packed.len(), packed_bytes(values.len(), width));
        if let Some(short) = packed.len().checked_sub(1) {
            prop_assert_eq!(unpack_into(&packed[..short], width, values.len(), &mut Vec::new()), Err(Short));
        }
        packed.resize(packed.len() + after, 0xff);
        let mut out = vec![5];
        unpack_into(&packed, width, values.len(), &mut out).unwrap();
        prop_assert_eq!(&out[1..], &values[..]);
        for (i, &value) in values.iter().enumerate() {
            prop_assert_eq!(unpack_at(&packed, width, i), Ok(value));
            prop_assert_eq!(slow_value(&packed, width, i), value);
        }
    }

    #[test]
    fn blocks_round_trip(width in 0u8..=32, seed: u32, after in 0usize..9) {
        let values: Vec<u64> =
            (0..128u32).map(|i| u64::from(seed.wrapping_mul(i + 1).rotate_left(i)) & mask(width)).collect();
        let mut bytes = Vec::new();
        pack(&values, width, &mut bytes);
        let mut out = [1; 128];
        if width > 0 {
            prop_assert_eq!(unpack_128_u32(&bytes[1..], width, &mut out), Err(Short));
        }
        bytes.resize(bytes.len() + after, 0xff);
        unpack_128_u32(&bytes, width, &mut out).unwrap();
        prop_assert!(out.iter().map(|&value| u64::from(value)).eq(values.iter().copied()));
    }

    #[test]
    fn any_bytes_unpack_or_are_short(bytes: Vec<u8>, width: u8, count in 0usize..1000, index: usize) {
        let fits = width <= 64 && packed_bytes(count, width) <= bytes.len();
        prop_assert_eq!(unpack_into(&bytes, width, count, &mut Vec::new()).is_ok(), fits);
        let _ = unpack_at(&bytes, width, index);
        let _ = unpack_128_u32(&bytes, width, &mut [0; 128]);
        let mut reader = Reader::new(&bytes);
        while reader.varint().is_ok() {}
    }
}
