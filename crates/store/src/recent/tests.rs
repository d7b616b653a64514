//! Tests of what frames become chunks.

use super::{Frame, Recent, RowDraft, Size};
use crate::segment::samples::{Random, Sample, event};

/// A frame of so many events from a sequence on.
fn frame(log: i64, first_sequence: u64, events: u64) -> Frame {
    let mut frame = Frame::default();
    for sequence in first_sequence..first_sequence + events {
        let sample = Sample::of(log, sequence, &event(&mut Random(sequence)));
        frame.push(RowDraft {
            inner: [0; 32],
            canonical: &sample.canonical,
            spans: &sample.spans,
            salt: sample.salt,
            occurred_ns: sample.occurred_ns,
        });
    }
    frame.place(first_sequence, 1_000)
}

fn events(events: u64) -> Size {
    Size { events, bytes: u64::MAX }
}

#[test]
fn chunks_end_where_frames_ended_when_they_were_begun() {
    let recent = Recent::default();
    for log in [1, 2, 3] {
        (0..4).for_each(|n| recent.add(log, frame(log, n * 5, 5)));
    }
    let ends = recent.ends();
    let mut chunks = 0;
    // Events come as fast as chunks are built.
    while let Some(taken) = recent.take((events(10), Size::ONE), &ends) {
        recent.put(taken.build().unwrap());
        [1, 2, 3].into_iter().for_each(|log| recent.add(log, frame(log, recent.next_sequence(log), 5)));
        recent.add(4, frame(4, recent.next_sequence(4), 5));
        chunks += 1;
        assert!(chunks <= 6, "it does not run after what is added");
    }
    assert_eq!(chunks, 6);
    assert!(recent.chunks().iter().all(|chunk| chunk.segment.rows() == 10));
    assert_eq!(recent.size().events, 60 + 6 * 20);
}

#[test]
fn frames_of_too_few_events_are_left() {
    let recent = Recent::default();
    for log in [1, 2] {
        (0..2).for_each(|n| recent.add(log, frame(log, n * 5, 5)));
    }
    let ends = recent.ends();
    assert!(recent.take((events(10), events(21)), &ends).is_none());
    assert!(recent.take((events(10), events(20)), &ends).is_some());
    recent.add(1, frame(1, 10, 5));
    assert!(recent.take((events(10), events(21)), &ends).is_none(), "the new one does not count");
    assert!(Recent::default().take((Size::default(), Size::default()), &ends).is_none(), "there is nothing");
}
