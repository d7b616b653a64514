//! Tests of the folder of objects.

use std::os::unix::fs::PermissionsExt as _;

use super::{Folder, Object, Objects};
use crate::Error;

fn put(folder: &Folder, name: &str, bytes: &[u8]) {
    let mut writer = folder.create(name).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap();
}

fn text(object: &dyn Object) -> Vec<u8> {
    let mut bytes = vec![0; object.len() as usize];
    object.read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn an_object_is_there_whole_when_it_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let folder = Folder::open(&path).unwrap();
    let mut writer = folder.create("one").unwrap();
    writer.write_all(b"first ").unwrap();
    assert!(path.join("one.part").exists());
    assert!(folder.list().unwrap().is_empty());
    assert!(matches!(folder.open("one"), Err(Error::Damaged { .. })));
    writer.write_all(b"second").unwrap();
    writer.finish().unwrap();
    assert!(!path.join("one.part").exists());
    assert_eq!(folder.list().unwrap(), ["one"]);
    assert_eq!(text(&*folder.open("one").unwrap()), b"first second");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("one")), 0o600);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut writer = folder.create("one").unwrap();
    writer.write_all(&[7; 1_000_000]).unwrap();
    assert!(folder.create("one").is_err(), "two writers of one name");
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    put(&folder, "one", b"again");
    assert_eq!(text(&*folder.open("one").unwrap()), b"again");
}

#[test]
fn what_a_crash_left_behind_goes_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("one.part"), b"half").unwrap();
    std::fs::write(dir.path().join("two"), b"whole").unwrap();
    std::fs::create_dir(dir.path().join("folder.part")).unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(folder.list().unwrap(), ["two"]);
    assert!(!dir.path().join("one.part").exists());
}

#[test]
fn an_object_is_replaced_and_removed_while_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    put(&folder, "one", b"old");
    let old = folder.open("one").unwrap();
    put(&folder, "one", b"newer");
    assert_eq!(text(&*folder.open("one").unwrap()), b"newer");
    assert_eq!(text(&*old), b"old");
    folder.remove("one").unwrap();
    folder.remove("one").unwrap();
    assert_eq!(text(&*old), b"old");
    assert_eq!(folder.open("one").unwrap_err().to_string(), "the file one is damaged: it is missing");
}

#[test]
fn a_read_beyond_the_end_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    put(&folder, "one", b"12345");
    let object = folder.open("one").unwrap();
    let mut bytes = [0; 3];
    object.read_at(2, &mut bytes).unwrap();
    assert_eq!(&bytes, b"345");
    for offset in [3, 5, 1 << 40] {
        let error = object.read_at(offset, &mut bytes).unwrap_err();
        assert_eq!(error.to_string(), "the file one is damaged: it ends too early");
    }
}

#[test]
fn names_are_plain() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    for name in ["", ".", "..", "a/b", "../a", "/a", "a\0", "a.part"] {
        assert!(folder.create(name).is_err(), "{name:?}");
        assert!(folder.open(name).is_err(), "{name:?}");
        assert!(folder.remove(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_full_disk_is_known() {
    use std::io::{Error as IoError, ErrorKind};
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        assert!(matches!(super::failed(String::new(), IoError::from(kind)), Error::DiskFull));
    }
    let other = super::failed("the file one cannot be read".to_owned(), IoError::other("why"));
    assert_eq!(other.to_string(), "the file one cannot be read: why");
}
