//! Tests of dictionaries.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Dictionary, DictionaryWriter};
use crate::Error;
use crate::object::{Folder, Objects as _};
use crate::segment::page::{PageCache, PagedWriter, Section, Sections};

fn encode(values: &BTreeSet<Vec<u8>>) -> Vec<u8> {
    let mut writer = DictionaryWriter::default();
    values.iter().for_each(|value| writer.push(value));
    writer.finish()
}

fn open(bytes: Vec<u8>) -> Result<Dictionary, Error> {
    Dictionary::open(Section::memory(Bytes::from(bytes)))
}

fn all(dictionary: &Dictionary) -> Vec<Vec<u8>> {
    let mut cursor = dictionary.values();
    let mut values = Vec::new();
    while let Some(value) = cursor.next().unwrap() {
        values.push(value.to_vec());
    }
    values
}

/// Compares everything that a dictionary says of these values with what the set says.
fn compare(dictionary: &Dictionary, values: &BTreeSet<Vec<u8>>, asked: &[Vec<u8>]) {
    let sorted: Vec<_> = values.iter().cloned().collect();
    assert_eq!(dictionary.len() as usize, sorted.len());
    assert_eq!(all(dictionary), sorted);
    for (ordinal, value) in sorted.iter().enumerate() {
        assert_eq!(dictionary.find(value).unwrap(), Some(ordinal as u32));
        let mut out = b"before ".to_vec();
        dictionary.get(ordinal as u32, &mut out).unwrap();
        assert_eq!(out, [b"before ", value.as_slice()].concat());
    }
    for value in asked {
        let bound = sorted.partition_point(|other| other < value) as u32;
        assert_eq!(dictionary.lower_bound(value).unwrap(), bound, "{value:?}");
        assert_eq!(dictionary.find(value).unwrap(), values.contains(value).then_some(bound), "{value:?}");
        let with_prefix = sorted[bound as usize..].iter().take_while(|other| other.starts_with(value)).count() as u32;
        assert_eq!(dictionary.prefix_range(value).unwrap(), bound..bound + with_prefix, "{value:?}");
    }
    let mut out = Vec::new();
    assert!(dictionary.get(dictionary.len(), &mut out).is_err());
    assert!(dictionary.get(u32::MAX, &mut out).is_err());
    for (start, end) in [(0, 0), (3, 40), (16, 17), (31, u32::MAX), (u32::MAX - 1, u32::MAX)] {
        let mut read = Vec::new();
        let push = |ordinal, value: &[u8]| {
            read.push((ordinal, value.to_vec()));
            Ok(())
        };
        dictionary.for_each(start..end, push).unwrap();
        let want = (start..end).zip(sorted.iter().skip(start as usize).cloned());
        assert_eq!(read, want.collect::<Vec<_>>());
    }
}

/// Prefixes of the values, their neighbours, and strings at both ends.
fn questions(values: &BTreeSet<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut asked = vec![vec![], vec![0], vec![0xFF], vec![0xFF; 3]];
    for value in values {
        asked.push([value.as_slice(), &[0]].concat());
        asked.push(value[..value.len() / 2].to_vec());
        asked.push(value[..value.len().saturating_sub(1)].to_vec());
        if let Some((last, rest)) = value.split_last() {
            asked.push([rest, &[last.wrapping_sub(1)]].concat());
            asked.push([rest, &[last.wrapping_add(1)]].concat());
        }
    }
    asked
}

#[test]
fn of_no_value_and_of_an_empty_one() {
    let none = BTreeSet::new();
    compare(&open(encode(&none)).unwrap(), &none, &questions(&none));
    let empty = BTreeSet::from([Vec::new()]);
    compare(&open(encode(&empty)).unwrap(), &empty, &questions(&empty));
}

#[test]
fn many_values_in_pages_of_a_file() {
    let values: BTreeSet<_> = (0..20_000u32)
        .map(|i| format!("user:default/{}-{:05}", ["ann", "bob", "eve"][i as usize % 3], i.wrapping_mul(7919) % 99_991))
        .map(String::into_bytes)
        .collect();
    let bytes = encode(&values);
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut writer = PagedWriter::new(folder.create("index").unwrap(), *b"testfile");
    writer.section(1, 0).unwrap();
    writer.write(&bytes).unwrap();
    writer.section(2, 0).unwrap();
    writer.finish().unwrap();
    let cache = Arc::new(PageCache::new(1 << 20));
    let object = folder.open("index").unwrap();
    let sections = Sections::open(object, "index".to_owned(), *b"testfile", None, cache).unwrap();
    let dictionary = Dictionary::open(sections.section(1, 0).unwrap()).unwrap();
    assert!(dictionary.whole.is_none() && dictionary.top_bytes > 0);
    let asked: Vec<_> = questions(&values).into_iter().step_by(97).collect();
    compare(&dictionary, &values, &asked);
}

#[test]
fn long_values_are_read_in_part() {
    let values: BTreeSet<_> = (0..300u32).map(|i| [vec![b'x'; 20_000], i.to_be_bytes().to_vec()].concat()).collect();
    let dictionary = open(encode(&values)).unwrap();
    assert!(dictionary.top_bytes > 0);
    let asked = [vec![b'x'; 20_000], vec![b'x'; 19_999], vec![b'x'; 50_000], b"x".to_vec(), b"y".to_vec()];
    compare(&dictionary, &values, &asked);
}

#[test]
fn a_top_that_is_too_large_is_left_out() {
    let values: BTreeSet<_> = (0..3_000u32).map(|i| format!("value {i}").into_bytes()).collect();
    let mut writer = DictionaryWriter::default();
    values.iter().for_each(|value| writer.push(value));
    let dictionary = open(writer.finish_with_top(50)).unwrap();
    assert_eq!(dictionary.top_bytes, 0);
    compare(&dictionary, &values, &questions(&values));
}

#[test]
fn values_out_of_order_are_damage_to_a_cursor() {
    let bytes = encode(&["a", "b", "c"].map(|value| value.as_bytes().to_vec()).into());
    for (from, to) in [(b'b', b'd'), (b'c', b'b'), (b'c', b'a')] {
        let changed = bytes.iter().map(|byte| if *byte == from { to } else { *byte }).collect();
        let mut cursor = open(changed).unwrap().values();
        assert!((0..4).any(|_| cursor.next().is_err()));
    }
}

/// Values that share much with one another.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(prop_oneof![Just(0), Just(b'a'), Just(b'b'), Just(0xFF)], 0..8),
        vec(any::<u8>(), 0..12),
        (0..3usize, 0..2_000u32).prop_map(|(kind, i)| format!("{}/{i}", ["user", "use", "group"][kind]).into_bytes()),
    ]
}

/// Asks everything; only that it ends and does not panic counts.
fn ask(dictionary: &Dictionary, asked: &[Vec<u8>]) {
    let mut out = Vec::new();
    for value in asked {
        let _ = dictionary.find(value);
        let _ = dictionary.lower_bound(value);
        let _ = dictionary.prefix_range(value);
    }
    for ordinal in [0, 1, 15, 16, 17, 300, dictionary.len().saturating_sub(1), u32::MAX] {
        out.truncate(1);
        let before = out.clone();
        if dictionary.get(ordinal, &mut out).is_err() {
            assert_eq!(out, before);
        }
    }
    let mut cursor = dictionary.values();
    while let Ok(Some(_)) = cursor.next() {}
    let _ = dictionary.for_each(3..200, |_, _| Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_a_set(values in proptest::collection::btree_set(value(), 0..900), asked in vec(value(), 0..50)) {
        let dictionary = open(encode(&values)).unwrap();
        compare(&dictionary, &values, &asked);
        let asked: Vec<_> = questions(&values).into_iter().step_by(1 + values.len() / 60).collect();
        compare(&dictionary.clone(), &values, &asked);
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_dictionary_or_an_error(
        bytes in vec(any::<u8>(), 0..300),
        count in 0..70u32,
        asked in vec(value(), 0..5),
    ) {
        let _ = open(bytes.clone()).map(|dictionary| ask(&dictionary, &asked));
        let head = [count.to_le_bytes(), 0u32.to_le_bytes()].concat();
        let _ = open([head, bytes].concat()).map(|dictionary| ask(&dictionary, &asked));
    }

    #[test]
    fn changed_bytes_give_a_dictionary_or_an_error(
        values in proptest::collection::btree_set(value(), 1..700),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
        asked in vec(value(), 0..5),
    ) {
        let mut bytes = encode(&values);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = open(bytes).map(|dictionary| ask(&dictionary, &asked));
    }
}
