//! Tests of merging.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::build::INLINE_VALUES_MIN;
use super::super::build::tests::{built, meta_of_shape, with_meta};
use super::super::page::Sections;
use super::super::samples::{self, Random, Sample, samples};
use super::super::shape::{COLUMNS_MAX, SHAPES_MAX};
use super::*;

/// Merges in memory, and opens what was written.
pub(crate) fn merged(inputs: &[Input]) -> Segment {
    let writers = (PagedWriter::memory(RowsWriter::MAGIC), PagedWriter::memory(IndexWriter::MAGIC));
    let merged = merge(inputs, writers, &AtomicBool::new(false)).unwrap();
    let sections = |finished: Finished, magic| Sections::memory(finished.memory.unwrap(), magic).unwrap();
    let rows = sections(merged.rows, RowsWriter::MAGIC);
    let index = sections(merged.index, IndexWriter::MAGIC);
    let segment = Segment::open(1, "merged".to_owned(), rows, index).unwrap();
    assert_eq!(segment.parts(), merged.parts);
    segment
}

fn whole(samples: &[Sample]) -> Input {
    Input::whole(Arc::new(built(samples)))
}

/// The events of some parts of a segment that was built of these.
fn of_parts(all: &[Sample], parts: &[Part]) -> Vec<Sample> {
    let mut sorted: Vec<&Sample> = all.iter().collect();
    sorted.sort_by_key(|sample| sample.rank());
    parts.iter().flat_map(|part| part.rows.clone()).map(|row| sorted[row as usize].clone()).collect()
}

#[test]
fn a_merge_can_be_stopped() {
    let input = whole(&samples(1, 10));
    let writers = (PagedWriter::memory(RowsWriter::MAGIC), PagedWriter::memory(IndexWriter::MAGIC));
    let stopped = merge(&[input], writers, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(Error::Closing)));
}

#[test]
fn more_columns_than_there_may_be_are_not_indexed() {
    let keys = COLUMNS_MAX as u64 * 2;
    let all: Vec<Sample> = (0..keys).map(|n| with_meta(n, &format!(r#"{{"k{n}":{n},"x":"x"}}"#))).collect();
    let inputs: Vec<Input> = all.chunks(600).map(whole).collect();
    let segment = merged(&inputs);
    samples::check(&segment, &all);
    assert!(segment.columns().len() <= COLUMNS_MAX + 20, "{}", segment.columns().len());
    let again = merged(&[Input::whole(Arc::new(segment)), whole(&all[..1])]);
    assert_eq!(u64::from(again.rows()), keys + 1);
}

#[test]
fn more_shapes_than_there_may_be_are_kept_as_they_are() {
    let count = SHAPES_MAX as u64 + 100;
    let all: Vec<Sample> = (0..count).map(|n| with_meta(n, &meta_of_shape(n))).collect();
    let inputs: Vec<Input> = all.chunks(9_000).map(whole).collect();
    let segment = merged(&inputs);
    samples::check(&segment, &all);
    let opaque = segment.opaque_meta().unwrap().len();
    assert_eq!(opaque, 100);
    // Once more: what is stored as it is, stays so.
    let later = [with_meta(count, "{}")];
    let again = merged(&[Input::whole(Arc::new(segment)), whole(&later)]);
    assert_eq!(again.opaque_meta().unwrap().len(), 100);
    verify(&again).unwrap();
}

#[test]
fn values_that_are_unique_together_are_found_inline() {
    const CHUNK: u64 = INLINE_VALUES_MIN + 10;
    let chunk = |from: u64| -> Vec<Sample> {
        let meta = |n| with_meta(n, &format!(r#"{{"trace":"t{n}","env":"e{}"}}"#, n % 3));
        (from..from + CHUNK).map(meta).collect()
    };
    let all = [chunk(0), chunk(CHUNK), chunk(2 * CHUNK)];
    // In these they are not unique, and have a dictionary there.
    let meta = |n| with_meta(n, &format!(r#"{{"trace":"u{}","env":"e"}}"#, n / 2));
    let twice: Vec<Sample> = (3 * CHUNK..4 * CHUNK).map(meta).collect();
    let inputs = [whole(&all[0]), whole(&all[1]), whole(&twice), whole(&all[2])];
    let segment = merged(&inputs);
    samples::check(&segment, &[all.concat(), twice].concat());
    let column = segment.column(&ColumnName::Meta(vec![b"trace".to_vec()])).unwrap();
    assert!(matches!(segment.values(column).unwrap(), super::super::Values::Located(_)));
}

#[test]
fn few_values_and_those_of_fields_have_a_dictionary_even_where_they_are_unique() {
    let is_listed = |segment: &Segment, name| {
        let column = segment.column(&name).unwrap();
        matches!(segment.values(column).unwrap(), super::super::Values::Listed(..))
    };
    let event = |n: u64| {
        let text = format!(
            r#"{{"action":"a","id":"00000000-0000-4000-8000-{n:012x}","meta":{{"trace":"t{n}"}},"occurred_at":"{}","source":"s","targets":[{{"id":"t{n}","type":"t"}}]}}"#,
            "2026-01-15T12:00:00.000Z"
        );
        Sample::of(1, n, &text)
    };
    let trace = ColumnName::Meta(vec![b"trace".to_vec()]);
    for (count, has_dictionary) in [(INLINE_VALUES_MIN - 1, true), (INLINE_VALUES_MIN, false)] {
        let all: Vec<Sample> = (0..count).map(event).collect();
        let whole = whole(&all);
        for segment in [&*whole.segment, &merged(&[Input::whole(Arc::clone(&whole.segment))])] {
            assert!(is_listed(segment, ColumnName::Field(Field::TargetId)));
            assert_eq!(is_listed(segment, trace.clone()), has_dictionary, "{count} values");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_has_the_rows_and_the_index_of_its_inputs(
        seed: u64, counts in proptest::collection::vec(1usize..120, 1..6),
    ) {
        let all = samples(seed, counts.iter().sum());
        let mut rest = all.as_slice();
        let mut random = Random(seed);
        // Parts of each go one way or the other, as days do in a flush; then both ways meet.
        let mut ways: [(Vec<Input>, Vec<Sample>); 2] = Default::default();
        for count in &counts {
            let (chunk, later) = rest.split_at(*count);
            rest = later;
            let segment = Arc::new(built(chunk));
            let share = random.below(101);
            let (left, right): (Vec<Part>, Vec<Part>) =
                segment.parts().iter().cloned().partition(|_| random.is(share));
            for ((inputs, events), parts) in ways.iter_mut().zip([left, right]) {
                if !parts.is_empty() {
                    events.extend(of_parts(chunk, &parts));
                    inputs.push(Input { segment: Arc::clone(&segment), parts });
                }
            }
        }
        let mut both = Vec::new();
        for (inputs, events) in &ways {
            if !inputs.is_empty() {
                let segment = merged(inputs);
                samples::check(&segment, events);
                both.push(Input::whole(Arc::new(segment)));
            }
        }
        samples::check(&merged(&both), &all);
    }

    #[test]
    fn a_damaged_segment_gives_events_or_an_error(
        seed: u64, flips in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        of_index: bool, cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let input = whole(&samples(seed, 90));
        let writers = (PagedWriter::memory(RowsWriter::MAGIC), PagedWriter::memory(IndexWriter::MAGIC));
        let merged = merge(&[input], writers, &AtomicBool::new(false)).unwrap();
        let mut files = [merged.rows.memory.unwrap().to_vec(), merged.index.memory.unwrap().to_vec()];
        let file = &mut files[usize::from(of_index)];
        for (place, bit) in flips {
            let place = place.index(file.len());
            file[place] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        read_all(files);
    }
}

/// Reads everything that can be read of two files; errors are as good as anything, panics are not.
fn read_all([rows, index]: [Vec<u8>; 2]) {
    let Ok(rows) = Sections::memory(Bytes::from(rows), RowsWriter::MAGIC) else { return };
    let Ok(index) = Sections::memory(Bytes::from(index), IndexWriter::MAGIC) else { return };
    let Ok(segment) = Segment::open(1, "damaged".to_owned(), rows, index) else { return };
    let _ = verify(&segment);
    let mut reader = RowReader::new(&segment);
    for row in 0..segment.rows().min(200) {
        let _ = reader.row(row);
    }
    drop(reader);
    let each = |set: Result<super::super::RowSet, Error>| set.map(|set| set.for_each_in(0..u32::MAX, &mut |_| true));
    for column in 0..segment.columns().len() as u32 {
        let _ = each(segment.present(column));
        match segment.values(column) {
            Ok(super::super::Values::Listed(dictionary, lists)) => {
                let _ = dictionary.for_each(0..dictionary.len().min(1_000), |_, _| Ok(()));
                let _ = dictionary.find(b"u1");
                let _ = lists.for_each(|_, set| set.for_each_in(0..u32::MAX, &mut |_| true));
            }
            Ok(super::super::Values::Located(locator)) => {
                let _ = locator.candidates(locator::hash(b"u1"), &mut Vec::new());
            }
            _ => {}
        }
    }
    let _ = (each(segment.many_targets()), each(segment.opaque_meta()));
    if let Ok(Some((words, lists))) = segment.words() {
        let _ = words.for_each(0..words.len().min(1_000), |_, _| Ok(()));
        let _ = lists.for_each(|_, set| set.for_each_in(0..u32::MAX, &mut |_| true));
    }
    let _ = segment.rows_within(0..segment.rows(), (Some(0), Some(1)));
    let writers = (PagedWriter::memory(RowsWriter::MAGIC), PagedWriter::memory(IndexWriter::MAGIC));
    let _ = merge(&[Input::whole(Arc::new(segment))], writers, &AtomicBool::new(false));
}
