//! Golden files: segments of the first version of the formats, which are read for ever.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::block::Compression;
use super::build::tests::{built, with_meta};
use super::merge::{Input, merge_with, verify};
use super::page::{PageCache, PagedWriter, Sections};
use super::samples::{self, Sample, samples};
use super::writer::{IndexWriter, RowsWriter};
use super::{RowReader, Segment};
use crate::object::{Folder, Objects as _};

/// Two segments: as a first flush writes them, and as compaction does, with a trained dictionary.
const SEGMENTS: [&str; 2] = ["0000000001", "0000000002"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/v1")
}

/// An event a line: log, sequence, time of recording, salt and canonical bytes, with tabs between.
fn line(sample: &Sample) -> String {
    let Sample { log, sequence, recorded_ms, .. } = sample;
    let salt = sample.salt.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    });
    format!("{log}\t{sequence}\t{recorded_ms}\t{salt}\t{}\n", std::str::from_utf8(&sample.canonical).unwrap())
}

fn read_line(line: &str) -> Sample {
    let [log, sequence, recorded_ms, salt, canonical] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
    let mut sample = Sample::of(log.parse().unwrap(), sequence.parse().unwrap(), canonical);
    assert_eq!(sample.canonical, canonical.as_bytes());
    sample.recorded_ms = recorded_ms.parse().unwrap();
    for (place, byte) in sample.salt.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&salt[place * 2..place * 2 + 2], 16).unwrap();
    }
    sample
}

/// Set, the files are made anew. Those of a version that was released never are: another version has another folder.
const MAKE: &str = "TRAILBOOK_TEST_MAKE_GOLDEN";

fn make() {
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    let mut all = samples(20_261_121, 120);
    // More rows, so that there are several blocks of one log and row sets of more forms.
    all.extend((0..300).map(|n| {
        let number = 10_000 + n;
        with_meta(number, &format!(r#"{{"half":{},"note":"word{} of many","part":{}}}"#, n % 2, n % 7, n / 100))
    }));
    let inputs: Vec<Input> = all.chunks(200).map(|some| Input::whole(Arc::new(built(some)))).collect();
    let dictionary: Vec<u8> = all.iter().take(20).flat_map(|sample| sample.canonical.clone()).collect();
    let compressions = [Compression::Zstd(1, Vec::new()), Compression::Zstd(3, dictionary)];
    let objects = Folder::open(&folder).unwrap();
    for (name, compression) in SEGMENTS.iter().zip(compressions) {
        let rows = PagedWriter::new(objects.create(&format!("{name}.rows")).unwrap(), RowsWriter::MAGIC);
        let index = PagedWriter::new(objects.create(&format!("{name}.index")).unwrap(), IndexWriter::MAGIC);
        merge_with(&inputs, (rows, index), &compression, &AtomicBool::new(false)).unwrap();
    }
    all.sort_by_key(Sample::rank);
    std::fs::write(folder.join("events.tsv"), all.iter().map(line).collect::<String>()).unwrap();
}

#[test]
fn segments_of_the_first_version_are_read() {
    if std::env::var_os(MAKE).is_some() {
        make();
    }
    let folder = folder();
    let text = std::fs::read_to_string(folder.join("events.tsv")).unwrap();
    let all: Vec<Sample> = text.lines().map(read_line).collect();
    assert_eq!(all.len(), 420);
    let objects = Folder::open(&folder).unwrap();
    for name in SEGMENTS {
        let sections = |ending: &str, magic| {
            let name = format!("{name}.{ending}");
            let object = objects.open(&name).unwrap();
            Sections::open(object, name, magic, None, Arc::new(PageCache::new(1 << 20))).unwrap()
        };
        let (rows, index) = (sections("rows", RowsWriter::MAGIC), sections("index", IndexWriter::MAGIC));
        let segment = Segment::open(1, name.to_owned(), rows, index).unwrap();
        assert_eq!(segment.trained.is_some(), name == SEGMENTS[1]);
        verify(&segment).unwrap();
        samples::check(&segment, &all);
        let mut reader = RowReader::new(&segment);
        let row = reader.row(segment.rows() - 1).unwrap();
        let last = all.last().unwrap();
        assert_eq!((row.canonical, row.recorded_ms, row.salt), (&*last.canonical, last.recorded_ms, &last.salt));
    }
}
