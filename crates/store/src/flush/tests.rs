//! Tests of flushing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{oldest_within, read_back, write};
use crate::manifest::Files;
use crate::object::Folder;
use crate::recent::Size;
use crate::segment::build::build;
use crate::segment::merge::Input;
use crate::segment::samples::samples;

#[test]
fn a_flush_takes_what_one_segment_may_hold() {
    let sizes = |events: &[u64], bytes: u64| {
        let sizes: Vec<Size> = events.iter().map(|events| Size { events: *events, bytes }).collect();
        oldest_within(sizes.into_iter(), Size { events: 100, bytes: 1_000 })
    };
    assert_eq!(sizes(&[50, 50], 1), 2);
    assert_eq!(sizes(&[50, 51], 1), 1);
    assert_eq!(sizes(&[50, 51, 1], 1), 1, "only the oldest");
    assert_eq!(sizes(&[1, 1, 1], 500), 2);
    assert_eq!(sizes(&[1, 1, 1], 501), 1);
    assert_eq!(sizes(&[101, 1], 1), 1, "at least one");
}

#[test]
fn every_byte_of_both_files_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let files = Arc::new(Files::new(Box::new(Folder::open(dir.path()).unwrap()), 1 << 20, 1));
    let samples = samples(7, 400);
    let segment = build(samples.iter().map(|sample| sample.entry()).collect()).unwrap();
    let stop = AtomicBool::new(false);
    let entry = write(&files, (1, 0), &[Input::whole(Arc::new(segment))], None, &stop).unwrap();
    read_back(&files, entry.clone(), &stop).unwrap();
    for name in ["0000000001.rows", "0000000001.index"] {
        let path = dir.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 50) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let error = read_back(&files, entry.clone(), &stop).expect_err("a byte was changed").to_string();
            assert!(error.contains(name) && error.contains("damaged"), "{at}: {error}");
        }
        std::fs::write(&path, whole).unwrap();
    }
}
