//! Tests of Parquet files: joined ones, and the sizes of row groups.

use std::sync::Arc;

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Row;
use trailbook_event::limits::{PARQUET_GROUP_BYTES_MIN, PARQUET_GROUP_EVENTS_MAX};

use super::super::Record;
use super::Writer;
use super::join::join;

const ID: &str = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";
const TIME: &str = "2026-01-15T12:00:00.000Z";

fn canonical(more: &str) -> String {
    format!(
        r#"{{"action":"a","id":"{ID}",{more}"occurred_at":"{TIME}","outcome":"succeeded","severity":"low","source":"s"}}"#
    )
}

fn record(sequence: u64, canonical: &str) -> Record<'_> {
    Record { organization: "acme", sequence, recorded_ms: 1_768_478_400_000, canonical: canonical.as_bytes() }
}

/// A file of the events of these sequences.
fn file(sequences: std::ops::Range<u64>) -> Bytes {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for sequence in sequences {
        let targets = (0..sequence % 3).map(|n| format!(r#"{{"id":"{n}","type":"t"}}"#)).collect::<Vec<_>>();
        let more = format!(r#""message":"number {sequence}","targets":[{}],"#, targets.join(","));
        writer.write(&record(sequence, &canonical(&more))).unwrap();
    }
    writer.close().unwrap().into()
}

fn opened(file: Bytes) -> SerializedFileReader<Bytes> {
    SerializedFileReader::new(file).unwrap()
}

fn rows(file: Bytes) -> Vec<Row> {
    opened(file).get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn groups(file: Vec<u8>) -> Vec<i64> {
    opened(file.into()).metadata().row_groups().iter().map(|group| group.num_rows()).collect()
}

#[test]
fn files_that_are_joined_have_the_rows_of_all_in_order() {
    let parts = [file(0..4), file(4..4), file(4..5), file(5..11)];
    let whole: Bytes = join(parts, Vec::new()).unwrap().into();
    let rows = rows(whole.clone());
    assert_eq!(rows, self::rows(file(0..11)));
    assert_eq!(rows.len(), 11);
    assert_eq!(opened(whole.clone()).metadata().num_row_groups(), 3);
    // What was joined can be joined again.
    let twice: Bytes = join([whole.clone(), whole], Vec::new()).unwrap().into();
    assert_eq!(self::rows(twice).len(), 22);
    let nothing: Bytes = join(Vec::<Bytes>::new(), Vec::new()).unwrap().into();
    assert_eq!(self::rows(nothing), []);
}

#[test]
fn what_is_not_such_a_file_is_not_joined() {
    let whole = file(0..3);
    for bytes in [Bytes::from_static(b"PAR1"), whole.slice(..whole.len() - 1)] {
        assert!(join([bytes], Vec::new()).is_err());
    }
    let schema = parquet::schema::parser::parse_message_type("message event { required int64 sequence; }").unwrap();
    let other = parquet::file::writer::SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
    let refused = join([Bytes::from(other.into_inner().unwrap())], Vec::new()).unwrap_err();
    assert!(refused.to_string().contains("other columns"), "{refused}");
}

#[test]
fn a_row_group_has_so_many_events_and_no_more() {
    let event = canonical("");
    let full = PARQUET_GROUP_EVENTS_MAX as i64;
    for (count, want) in [(full - 1, vec![full - 1]), (full, vec![full]), (full + 1, vec![full, 1])] {
        let mut writer = Writer::new(Vec::new()).unwrap();
        (0..count).for_each(|sequence| writer.write(&record(sequence as u64, &event)).unwrap());
        assert_eq!(groups(writer.close().unwrap()), want);
    }
}

#[test]
fn a_row_group_ends_when_its_texts_are_long() {
    let texts = "acme".len() + ID.len() + "asucceededlows".len();
    for (bytes, want) in [(PARQUET_GROUP_BYTES_MIN - 1, vec![2]), (PARQUET_GROUP_BYTES_MIN, vec![1, 1])] {
        let event = canonical(&format!(r#""message":"{}","#, "x".repeat(bytes - texts)));
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.write(&record(0, &event)).unwrap();
        writer.write(&record(1, &canonical(""))).unwrap();
        assert_eq!(groups(writer.close().unwrap()), want, "{bytes} bytes");
    }
}
