//! Tests of segments that are built in memory.

use proptest::prelude::*;

use super::super::read::RowReader;
use super::super::samples::{self, Random, Sample, samples};
use super::super::shape::{COLUMNS_MAX, SHAPE_BYTES_MAX, SHAPES_MAX};
use super::*;

pub(crate) fn built(samples: &[Sample]) -> Segment {
    build(samples.iter().map(Sample::entry).collect()).unwrap()
}

/// An event with this `meta`.
pub(crate) fn with_meta(sequence: u64, meta: &str) -> Sample {
    let id = format!("00000000-0000-4000-8000-{sequence:012x}");
    let time = format!("2026-01-15T12:00:{:02}.000Z", sequence % 60);
    let text = format!(r#"{{"id":"{id}","occurred_at":"{time}","source":"s","action":"a","meta":{meta}}}"#);
    Sample::of(1, sequence, &text)
}

/// An `meta` of its own shape for each number below 2^16: an array of scalars and nulls.
pub(crate) fn meta_of_shape(number: u64) -> String {
    let items: Vec<&str> = (0..16).map(|bit| if number >> bit & 1 == 1 { "1" } else { "null" }).collect();
    format!(r#"{{"a":[{}]}}"#, items.join(","))
}

#[test]
fn nothing_is_no_segment() {
    assert!(build(Vec::new()).is_err());
}

#[test]
fn events_of_the_test_data_come_back() {
    let full = include_str!("../../../../../testdata/event-full.canonical.json");
    let all: Vec<Sample> = (0..130).map(|sequence| Sample::of(1, sequence, full.trim_end())).collect();
    samples::check(&built(&all), &all);
}

#[test]
fn more_columns_than_there_may_be_are_not_indexed() {
    let keys = COLUMNS_MAX as u64 + 100;
    let all: Vec<Sample> = (0..keys).map(|n| with_meta(n, &format!(r#"{{"k{n}":{n},"x":"x"}}"#))).collect();
    let segment = built(&all);
    samples::check(&segment, &all);
    let opaque = segment.opaque_meta().unwrap().len();
    assert!(opaque >= 100 && u64::from(opaque) < 200, "{opaque} of {keys} are not indexed");
    // One column may come on top: that of `meta` as it is.
    assert!(segment.columns().len() <= COLUMNS_MAX + 2, "{}", segment.columns().len());
}

#[test]
fn more_shapes_of_meta_than_there_may_be_are_kept_as_they_are() {
    let all: Vec<Sample> = (0..SHAPES_MAX as u64 + 70).map(|n| with_meta(n, &meta_of_shape(n))).collect();
    let segment = built(&all);
    assert_eq!(segment.opaque_meta().unwrap().len(), 70);
    let mut reader = RowReader::scan(&segment);
    let mut sorted: Vec<&Sample> = all.iter().collect();
    sorted.sort_by_key(|sample| sample.rank());
    for (row, sample) in (0u32..).zip(sorted) {
        assert_eq!(reader.row(row).unwrap().canonical, sample.canonical);
    }
}

#[test]
fn more_shapes_of_events_than_there_may_be_are_kept_as_they_are() {
    let event = |number: u64| {
        let groups: Vec<&str> =
            (0..15).map(|bit| if number >> bit & 1 == 1 { r#"{"id":"g"}"# } else { r#"{"name":"g"}"# }).collect();
        let text = format!(
            r#"{{"id":"00000000-0000-4000-8000-{number:012x}","occurred_at":"2026-01-15T12:00:00.000Z","source":"s",
            "action":"a","actor":{{"type":"user","id":"u","groups":[{}]}},"meta":{{"n":{number}}},"message":"some words",
            "context":{{"request_url":"/a?{number}"}}}}"#,
            groups.join(",")
        );
        Sample::of(1, number, &text)
    };
    let all: Vec<Sample> = (0..SHAPES_MAX as u64 + 70).map(event).collect();
    let segment = built(&all);
    assert_eq!(segment.opaque_meta().unwrap().len(), 70, "their meta is part of the whole event");
    let last = segment.column(&ColumnName::Event).unwrap();
    assert!(segment.column(&ColumnName::Meta(vec![b"n".to_vec()])).is_some(), "{last}");
    samples::check(&segment, &all);
}

#[test]
fn a_shape_of_many_bytes_is_not_kept() {
    let meta = |keys: usize| {
        let members: Vec<String> = (0..keys).map(|n| format!(r#""{}{n:03}":1"#, "k".repeat(120))).collect();
        format!("{{{}}}", members.join(","))
    };
    // Each member takes 127 bytes of the shape; the last has no comma, but there are two braces.
    let fits = (SHAPE_BYTES_MAX - 1) / 128;
    for (keys, opaque) in [(1, 0), (fits, 0), (fits + 2, 1), (500, 1)] {
        let all = [with_meta(0, &meta(keys)), with_meta(1, "{}")];
        let segment = built(&all);
        samples::check(&segment, &all);
        assert_eq!(segment.opaque_meta().unwrap().len(), opaque, "{keys} keys");
    }
}

#[test]
fn old_days_share_a_part() {
    let event = |day: u64| {
        let text = format!(
            r#"{{"id":"00000000-0000-4000-8000-{day:012x}","occurred_at":"2026-01-{:02}T12:00:00.000Z","source":"s",
            "action":"a"}}"#,
            day + 1
        );
        Sample::of(1, day, &text)
    };
    for (days, parts) in [(1, 1), (15, 15), (16, 16), (17, 16), (30, 16)] {
        let all: Vec<Sample> = (0..days).map(event).collect();
        let segment = built(&all);
        samples::check(&segment, &all);
        assert_eq!(segment.parts().len(), parts, "{days} days");
        assert_eq!(segment.parts().iter().filter(|part| part.day().is_none()).count(), usize::from(days > 16));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_segment_is_what_it_was_built_from(seed: u64, count in prop_oneof![1usize..5, 60usize..70, 100usize..400]) {
        let mut all = samples(seed, count);
        if Random(seed).is(30) {
            // Many of one kind, so that columns are inline and dictionaries share values.
            let some = all.clone();
            all.extend((0..).zip(&some).map(|(sequence, sample)| Sample { log: 900, sequence, ..sample.clone() }));
        }
        samples::check(&built(&all), &all);
    }
}
