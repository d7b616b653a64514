//! Tests of files of sections.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Finished, PAGE_BYTES, PageCache, PagedWriter, READ_BYTES_MAX, Section, Sections};
use crate::Error;
use crate::object::{Folder, Object, Objects as _};

const MAGIC: [u8; 8] = *b"testfile";

/// An object in memory which is read like one on disk.
#[derive(Debug)]
struct Fake(Vec<u8>);

impl Object for Fake {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        super::InMemory(&self.0).read_at(offset, buf)
    }
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8).collect()
}

fn file(sections: &[(u16, u32, Vec<u8>)]) -> (Bytes, Finished) {
    let mut writer = PagedWriter::memory(MAGIC);
    for (kind, key, bytes) in sections {
        writer.section(*kind, *key).unwrap();
        for piece in bytes.chunks(1_000) {
            writer.write(piece).unwrap();
        }
        assert_eq!(writer.position(), bytes.len() as u64);
    }
    let mut finished = writer.finish().unwrap();
    let bytes = finished.memory.take().unwrap();
    assert_eq!(finished.bytes, bytes.len() as u64);
    (bytes, finished)
}

fn open(bytes: &[u8], expected: Option<(u64, u32)>, cache: &Arc<PageCache>) -> Result<Sections, Error> {
    Sections::open(Arc::new(Fake(bytes.to_vec())), "one".to_owned(), MAGIC, expected, Arc::clone(cache))
}

fn damages(sections: &Sections) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    sections.check(|offset, reason| found.push((offset, reason)));
    found
}

/// Whether opening a file, reading all of it, or checking it finds damage; each section that is read must be right.
fn is_found(bytes: &[u8], expected: Option<(u64, u32)>, content: &[(u16, u32, Vec<u8>)]) -> bool {
    let Ok(sections) = open(bytes, expected, &Arc::new(PageCache::new(1 << 20))) else { return true };
    let mut is_read_wrong = false;
    for (kind, key, bytes) in content {
        match sections.section(*kind, *key).unwrap().read(0, bytes.len()) {
            Ok(read) => assert_eq!(read, bytes),
            Err(Error::Damaged { .. }) => is_read_wrong = true,
            Err(e) => panic!("{e}"),
        }
    }
    let found = damages(&sections);
    assert_eq!(found.is_empty(), !is_read_wrong, "what a read finds is found by a check");
    !found.is_empty()
}

#[test]
fn every_changed_byte_is_found() {
    let content = [(1, 0, b"rows".to_vec()), (2, 7, Vec::new()), (2, 5, noise(100)), (0, u32::MAX, noise(30))];
    let (bytes, finished) = file(&content);
    let expected = Some((finished.bytes, finished.crc));
    assert!(!is_found(&bytes, expected, &content));
    for place in 0..bytes.len() {
        for change in [1, 0x80, 0xFF] {
            let mut changed = bytes.to_vec();
            changed[place] ^= change;
            assert!(is_found(&changed, None, &content), "byte {place}");
            assert!(is_found(&changed, expected, &content), "byte {place}");
        }
    }
    for len in 0..bytes.len() {
        assert!(open(&bytes[..len], None, &Arc::new(PageCache::new(0))).is_err(), "{len} bytes");
    }
}

#[test]
fn reads_across_pages() {
    let content = [(1, 0, noise(3 * PAGE_BYTES + 5)), (1, 1, noise(10)), (1, 2, noise(2 * PAGE_BYTES))];
    let (bytes, _) = file(&content);
    let sources = [
        open(&bytes, None, &Arc::new(PageCache::new(1 << 20))).unwrap(),
        open(&bytes, None, &Arc::new(PageCache::new(0))).unwrap(),
        Sections::memory(bytes, MAGIC).unwrap(),
    ];
    for sections in &sources {
        for (kind, key, bytes) in &content {
            let section = sections.section(*kind, *key).unwrap();
            assert_eq!(section.len(), bytes.len() as u64);
            for start in (0..bytes.len()).step_by(997) {
                for len in [0, 1, 8, 1000, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 2 * PAGE_BYTES + 3] {
                    let read = section.read(start as u64, len);
                    match bytes.get(start..start + len) {
                        Some(bytes) => assert_eq!(read.unwrap(), bytes),
                        None => assert!(matches!(read, Err(Error::Damaged { .. }))),
                    }
                }
            }
        }
        assert!(sections.section(1, 3).is_none());
        let listed: Vec<_> = sections.sections().collect();
        let lens: Vec<_> = content.iter().map(|(kind, key, bytes)| (*kind, *key, bytes.len() as u64)).collect();
        assert_eq!(listed, lens);
    }
}

#[test]
fn reads_beyond_the_end_are_errors() {
    let section = Section::memory(Bytes::from_static(b"0123456789"));
    let part = section.sub(2, 5).unwrap();
    assert_eq!(part.len(), 5);
    assert_eq!(part.read(1, 3).unwrap(), &b"345"[..]);
    assert_eq!(part.read(5, 0).unwrap(), &b""[..]);
    for (start, len) in [(0, 6), (5, 1), (6, 0), (u64::MAX, 1), (1, usize::MAX), (0, READ_BYTES_MAX + 1)] {
        assert!(part.read(start, len).is_err(), "{start} {len}");
        assert!(part.sub(start, len as u64).is_err(), "{start} {len}");
    }
    assert_eq!(
        part.damaged(3, "a thing is wrong").to_string(),
        "a segment in memory is damaged: a thing is wrong at offset 5"
    );
}

#[test]
fn a_damaged_page_is_named_and_the_others_are_read() {
    let content = [(1, 0, noise(3 * PAGE_BYTES))];
    let (bytes, _) = file(&content);
    let mut changed = bytes.to_vec();
    changed[PAGE_BYTES + 77] ^= 1;
    let sections = open(&changed, None, &Arc::new(PageCache::new(1 << 20))).unwrap();
    let section = sections.section(1, 0).unwrap();
    assert_eq!(section.read(100, 100).unwrap(), content[0].2[100..200]);
    let error = section.read(PAGE_BYTES as u64, 1).unwrap_err();
    assert_eq!(error.to_string(), "the file one is damaged: the bytes at offset 16384 do not have their checksum");
    assert_eq!(damages(&sections), [(PAGE_BYTES as u64, error.to_string())]);
}

#[test]
fn another_file_is_not_taken_for_the_one_that_was_written() {
    let (bytes, finished) = file(&[(1, 0, noise(50))]);
    let (other, _) = file(&[(1, 0, noise(51)[1..].to_vec())]);
    let cache = Arc::new(PageCache::new(1 << 20));
    let sections = open(&bytes, Some((finished.bytes, finished.crc)), &cache).unwrap();
    assert_eq!((sections.bytes(), sections.crc()), (finished.bytes, finished.crc));
    assert_eq!(bytes.len(), other.len());
    assert!(open(&other, Some((finished.bytes, finished.crc)), &cache).is_err());
    assert!(open(&bytes, Some((finished.bytes + 1, finished.crc)), &cache).is_err());
    assert!(Sections::memory(bytes, *b"anything").is_err());
}

#[test]
fn a_section_is_written_once() {
    let mut writer = PagedWriter::memory(MAGIC);
    writer.section(1, 2).unwrap();
    writer.section(1, 3).unwrap();
    assert!(writer.section(1, 2).is_err());
    let (empty, _) = file(&[]);
    assert_eq!(Sections::memory(empty, MAGIC).unwrap().sections().count(), 0);
}

#[test]
fn a_file_of_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let content = noise(100_000);
    let mut writer = PagedWriter::new(folder.create("rows").unwrap(), MAGIC);
    writer.section(3, 4).unwrap();
    writer.write(&content).unwrap();
    let Finished { bytes, crc, memory } = writer.finish().unwrap();
    assert!(memory.is_none());
    let cache = Arc::new(PageCache::new(1 << 20));
    let object = folder.open("rows").unwrap();
    let sections = Sections::open(object, "rows".to_owned(), MAGIC, Some((bytes, crc)), Arc::clone(&cache)).unwrap();
    assert_eq!(sections.section(3, 4).unwrap().read(0, content.len()).unwrap(), content);
    assert!(damages(&sections).is_empty());
    std::fs::File::options().write(true).open(dir.path().join("rows")).unwrap().set_len(50_000).unwrap();
    let found = damages(&sections);
    assert_eq!(found.first().unwrap().0, 49_152);
    assert_eq!(found.last().unwrap().0, 100_008);
}

#[test]
fn the_cache_is_bounded_counts_and_forgets_files_that_are_gone() {
    let (bytes, _) = file(&[(1, 0, noise(200 * PAGE_BYTES))]);
    let cache = Arc::new(PageCache::new(100 * PAGE_BYTES as u64));
    let sections = open(&bytes, None, &cache).unwrap();
    let section = sections.section(1, 0).unwrap();
    section.read(0, 1).unwrap();
    section.read(1, 1).unwrap();
    assert_eq!((cache.hits(), cache.misses()), (1, 1));
    section.read(0, 200 * PAGE_BYTES).unwrap();
    assert!(cache.used_bytes() > 50 * PAGE_BYTES as u64);
    assert!(cache.used_bytes() <= 100 * PAGE_BYTES as u64);
    drop(sections);
    assert!(cache.used_bytes() > 0, "the section still reads the file");
    drop(section);
    assert_eq!(cache.used_bytes(), 0);
}

#[test]
fn a_scan_does_not_drive_out_what_is_read_often() {
    let (often, _) = file(&[(1, 0, noise(50 * PAGE_BYTES))]);
    let (scanned, _) = file(&[(1, 0, noise(1_000 * PAGE_BYTES))]);
    let cache = Arc::new(PageCache::new(100 * PAGE_BYTES as u64));
    let often = open(&often, None, &cache).unwrap().section(1, 0).unwrap();
    let scanned = open(&scanned, None, &cache).unwrap().section(1, 0).unwrap();
    for _ in 0..3 {
        often.read(0, 49 * PAGE_BYTES).unwrap();
    }
    scanned.read(0, 1_000 * PAGE_BYTES).unwrap();
    let before = cache.misses();
    often.read(0, 49 * PAGE_BYTES).unwrap();
    assert!(cache.misses() - before < 10, "{} of 49 pages are gone", cache.misses() - before);
}

proptest! {
    #[test]
    fn any_bytes_give_sections_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_framed: bool) {
        let mut bytes = bytes;
        if is_framed {
            // With the ends and the checksum of a file, so that the table is reached.
            let table_bytes = bytes.len() as u32;
            bytes.splice(0..0, MAGIC);
            let mut numbers = table_bytes.to_le_bytes().to_vec();
            numbers.extend_from_slice(&8u64.to_le_bytes());
            numbers.extend_from_slice(&1u32.to_le_bytes());
            bytes.extend_from_slice(&numbers);
            let crc = crc32fast::hash(&bytes[8..]);
            bytes.extend_from_slice(&crc.to_le_bytes());
            bytes.extend_from_slice(&MAGIC);
        }
        if let Ok(sections) = open(&bytes, None, &Arc::new(PageCache::new(1 << 20))) {
            for (kind, key, len) in sections.sections() {
                let _ = sections.section(kind, key).unwrap().read(0, len as usize);
            }
            damages(&sections);
        }
    }

    #[test]
    fn what_was_written_is_read(
        content in proptest::collection::btree_map((any::<u16>(), any::<u32>()), 0..40_000usize, 0..6),
        reads in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..20),
    ) {
        let content: Vec<_> = content.into_iter().map(|((kind, key), len)| (kind, key, noise(len))).collect();
        let (bytes, _) = file(&content);
        let sections = open(&bytes, None, &Arc::new(PageCache::new(1 << 17))).unwrap();
        for (kind, key, bytes) in &content {
            let section = sections.section(*kind, *key).unwrap();
            for (a, b) in &reads {
                let (a, b) = (*a as usize % (bytes.len() + 1), *b as usize % (bytes.len() + 1));
                let (from, to) = (a.min(b), a.max(b));
                prop_assert_eq!(section.read(from as u64, to - from).unwrap(), &bytes[from..to]);
                let part = section.sub(from as u64, (to - from) as u64).unwrap();
                prop_assert_eq!(part.read(0, to - from).unwrap(), &bytes[from..to]);
            }
        }
    }
}
