//! Whatever somebody with access to the disk or the catalog changes, removes, swaps or cuts off is named by a check.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trailbook_event::seal;
use trailbook_store::{Checked, Error, check};

use crate::database::{Database, on_sqlite};
use crate::writes::{Sender, event_of_day, events};

on_both!(changed_rows_of_the_catalog_are_named,);

/// A closed store: two organizations, two segments, and some events that are in the journal only.
async fn written(database: &Database) {
    let first = Sender::new(database.open().await).await;
    let second = Sender::of(&first.store, "another").await;
    first.send((0..20).map(|n| event_of_day(1 + n % 2, &format!("m{n}"))).collect()).await.unwrap();
    second.send(events(&["x", "y"])).await.unwrap();
    first.store.flush().await.unwrap();
    first.send((0..20).map(|n| event_of_day(40, &format!("n{n}"))).collect()).await.unwrap();
    first.store.flush().await.unwrap();
    for names in [["a", "b"], ["c", "d"], ["e", "f"]] {
        first.send(events(&names)).await.unwrap();
    }
    first.store.integrate().await.unwrap();
    first.close().await;
}

async fn checked(dir: &Path, catalog: Option<&str>) -> Result<Checked, Error> {
    check(dir, catalog, false, |_| {}).await
}

/// What a check says, as one text.
async fn said(dir: &Path, catalog: Option<&str>) -> String {
    match checked(dir, catalog).await {
        Ok(checked) => checked.damage.join("\n"),
        Err(error) => error.to_string(),
    }
}

/// A change, as SQL, with words of what a check says of it.
const CHANGES: [(&str, &str); 22] = [
    ("UPDATE frames SET recorded_ms = recorded_ms + 1 WHERE first_sequence = 42", "is not the one that was sealed"),
    ("UPDATE frames SET first_sequence = 41 WHERE first_sequence = 40", "the frame before it is missing"),
    ("DELETE FROM frames WHERE first_sequence = 40", "the frame before it is missing"),
    ("DELETE FROM frames WHERE first_sequence = 42", "the frame before it is missing"),
    ("DELETE FROM frames WHERE first_sequence = 44", "its frames end before sequence 44, its head is 46"),
    ("UPDATE frames SET events = 3 WHERE first_sequence = 44", "its count of events is wrong"),
    (
        "UPDATE frames SET payload = (SELECT payload FROM frames WHERE first_sequence = 42) WHERE first_sequence = 40",
        "is not the one that was sealed",
    ),
    ("UPDATE logs SET next_sequence = 45 WHERE id = 1", "its head is 45"),
    ("UPDATE logs SET flushed = 39 WHERE id = 1", "its segments have 40 events of 39"),
    ("UPDATE logs SET size = 45 WHERE id = 1", "are not those of a log of size 45"),
    ("UPDATE logs SET size = 47 WHERE id = 1", "are not those of a log of size 47"),
    ("UPDATE logs SET checkpoint = '' WHERE id = 1", "the log"),
    ("UPDATE logs SET checkpoint = replace(checkpoint, 'A', 'B') WHERE id = 1", "the log"),
    ("UPDATE logs SET checkpoint = (SELECT checkpoint FROM logs WHERE id = 2) WHERE id = 1", "the log"),
    ("UPDATE logs SET vkey = (SELECT vkey FROM logs WHERE id = 2) WHERE id = 1", "did not sign its checkpoint"),
    ("DELETE FROM log_entries WHERE log = 1", "the log"),
    (
        "UPDATE log_entries SET hashes = (SELECT hashes FROM log_entries WHERE log = 1) WHERE log = 2",
        "are not those of a log of size 2",
    ),
    ("UPDATE segment_parts SET row_count = row_count - 1 WHERE number = 0", "the manifest of log"),
    ("UPDATE segment_parts SET content = content + 1 WHERE number = 0", "its parts are not those of the manifest"),
    ("UPDATE segment_parts SET first_sequence = 1 WHERE first_sequence = 0 AND log = 1", "not those of the manifest"),
    ("UPDATE segments SET rows_crc = rows_crc + 1 WHERE id = 1", "0000000001.rows"),
    ("DELETE FROM segment_parts WHERE segment = 1", "the manifest of log"),
];

async fn changed_rows_of_the_catalog_are_named(database: &Database) {
    written(database).await;
    let url = database.url();
    let whole = checked(database.dir(), url.as_deref()).await.unwrap();
    assert_eq!(whole.damage, [""; 0]);
    assert_eq!((whole.events, whole.journal_events, whole.logs, whole.entries), (42, 6, 2, 48));
    for (change, words) in CHANGES {
        let tables = ["frames", "logs", "log_entries", "segments", "segment_parts"];
        for table in tables {
            database.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        }
        database.run(change).await;
        let said = said(database.dir(), url.as_deref()).await;
        assert!(said.contains(words), "{change}: {said:?}");
        // Back as it was. Rows that others name are put back by their values.
        for table in ["segment_parts", "log_entries", "frames"] {
            database.run(&format!("DELETE FROM {table}")).await;
            database.run(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
        for (table, columns) in [("logs", "next_sequence, flushed, size, checkpoint, vkey"), ("segments", "rows_crc")] {
            for column in columns.split(", ") {
                let old = format!("(SELECT {column} FROM kept_{table} WHERE kept_{table}.id = {table}.id)");
                database.run(&format!("UPDATE {table} SET {column} = {old}")).await;
            }
        }
        for table in tables {
            database.run(&format!("DROP TABLE kept_{table}")).await;
        }
    }
    assert_eq!(said(database.dir(), url.as_deref()).await, "");
}

/// An event is rewritten in the journal with its checksum and commitment, so that it looks as if it had been recorded
/// so; then it even gets into a segment.
#[test]
fn an_event_that_is_rewritten_with_all_its_checksums_is_named() {
    on_sqlite(async |database| {
        let sender = Sender::new(database.open().await).await;
        sender.send(events(&["token-read", "token-made"])).await.unwrap();
        sender.store.integrate().await.unwrap();
        sender.close().await;
        let payload = rewritten(&database.frame().await);
        database.run(&format!("UPDATE frames SET payload = x'{payload}'")).await;
        let said_of_frame = said(database.dir(), None).await;
        assert!(said_of_frame.contains("the frame of log 1 at sequence 0"), "{said_of_frame}");
        assert!(said_of_frame.contains("is not the one that was sealed"), "{said_of_frame}");

        let store = database.open().await;
        store.flush().await.unwrap();
        store.close().await;
        let said_of_segment = said(database.dir(), None).await;
        assert!(said_of_segment.contains("0000000001.rows"), "{said_of_segment}");
        assert!(said_of_segment.contains("is not the one that was sealed"), "{said_of_segment}");
    });
}

/// The payload of a frame with `token-made` turned into `token-fake`, in hex digits.
fn rewritten(payload: &[u8]) -> String {
    const HEADER: usize = 13;
    const EVENT: usize = 16 + 32 + 4;
    let number = |at: usize| u32::from_le_bytes(payload[at..at + 4].try_into().unwrap()) as usize;
    let (count, text_bytes) = (number(5), number(9));
    let mut events = payload[HEADER..HEADER + count * EVENT].to_vec();
    let text = zstd::bulk::decompress(&payload[HEADER + count * EVENT..], text_bytes).unwrap();
    let text = String::from_utf8(text).unwrap().replace("token-made", "token-fake");
    let mut start = 0;
    for event in events.chunks_mut(EVENT) {
        let end = start + u32::from_le_bytes(event[48..].try_into().unwrap()) as usize;
        let inner = seal::inner(event[..16].try_into().unwrap(), &text.as_bytes()[start..end]);
        event[16..48].copy_from_slice(&inner);
        start = end;
    }
    let rest = [&payload[5..HEADER], &events, &zstd::bulk::compress(text.as_bytes(), 1).unwrap()].concat();
    let whole = [&payload[..1], &crc32fast::hash(&rest).to_le_bytes(), &rest].concat();
    whole.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every plain file of a folder and of its folders.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn changed_files_are_named() {
    on_sqlite(async |database| {
        written(database).await;
        let names = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let all = files(database.dir());
        let sealed: Vec<&PathBuf> = all
            .iter()
            .filter(|path| {
                let name = names(path);
                name.ends_with(".rows") || name.ends_with(".index") || name == "checkpoints"
            })
            .collect();
        assert_eq!(sealed.len(), 7, "{all:?}");
        let mut changes = 0;
        for path in &sealed {
            let good = std::fs::read(path).unwrap();
            let mut damaged = Vec::new();
            // Each of some hundred bytes, with another bit each time.
            for (n, at) in (0..good.len()).step_by(1 + good.len() / 150).enumerate() {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << (n % 8);
                damaged.push((format!("bit {} of byte {at}", n % 8), Some(bytes)));
            }
            for length in [0, 1, good.len() / 2, good.len() - 1] {
                damaged.push((format!("cut to {length}"), Some(good[..length].to_vec())));
            }
            damaged.push(("a byte more".to_owned(), Some([good.as_slice(), &[0]].concat())));
            damaged.push(("removed".to_owned(), None));
            for other in sealed.iter().filter(|other| other != &path) {
                damaged.push((format!("put {} in its place", names(other)), Some(std::fs::read(other).unwrap())));
            }
            for (what, bytes) in damaged {
                match bytes {
                    Some(bytes) => std::fs::write(path, bytes).unwrap(),
                    None => std::fs::remove_file(path).unwrap(),
                }
                let said = said(database.dir(), None).await;
                let is_named = said.contains(&names(path));
                // The time of a checkpoint, and its signatures, are not what it says of the log.
                assert!(is_named || (names(path) == "checkpoints" && !said.is_empty()), "{path:?} {what}: {said:?}");
                changes += 1;
            }
            std::fs::write(path, &good).unwrap();
        }
        assert!(changes > 600, "{changes}");
        assert_eq!(said(database.dir(), None).await, "");
    });
}

/// The catalog's own file: a changed byte is noticed, or nothing that is kept in it is another.
#[test]
fn changed_bytes_of_the_catalog_change_nothing_or_are_named() {
    on_sqlite(async |database| {
        written(database).await;
        let good = std::fs::read(database.dir().join("catalog.sqlite")).unwrap();
        let want = dump(database.dir()).await.unwrap();
        let scratch = TempDir::new().unwrap();
        let (mut named, mut same) = (0, 0);
        for (n, at) in (0..good.len()).step_by(1 + good.len() / 800).enumerate() {
            for path in files(database.dir()) {
                let target = scratch.path().join(path.strip_prefix(database.dir()).unwrap());
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                std::fs::copy(&path, target).unwrap();
            }
            for name in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
                let _ = std::fs::remove_file(scratch.path().join(name));
            }
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (n % 8);
            std::fs::write(scratch.path().join("catalog.sqlite"), bytes).unwrap();
            let found = dump(scratch.path()).await;
            let is_same = found.as_ref().is_ok_and(|found| *found == want);
            let said = said(scratch.path(), None).await;
            let other = || found.iter().flatten().find(|row| !want.contains(row));
            assert!(is_same || !said.is_empty(), "bit {} of byte {at}: {:?}", n % 8, other());
            if is_same { same += 1 } else { named += 1 }
        }
        assert!(named > 20 && same > 0, "{named} named, {same} without effect");
    });
}

/// What the tables hold that logs are made of.
async fn dump(dir: &Path) -> Result<Vec<String>, sqlx::Error> {
    use sqlx::{Connection, Row as _};
    let url = format!("sqlite://{}?mode=ro", dir.join("catalog.sqlite").display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await?;
    let mut found = Vec::new();
    for (table, columns) in [
        ("frames", "log || ' ' || first_sequence || ' ' || events || ' ' || recorded_ms || ' ' || hex(payload)"),
        ("logs", "id || ' ' || next_sequence || ' ' || flushed || ' ' || size || ' ' || checkpoint || ' ' || vkey"),
        ("log_entries", "log || ' ' || bundle || ' ' || hex(hashes) || ' ' || hex(root)"),
        ("segment_parts", "segment || ' ' || number || ' ' || log || ' ' || row_count || ' ' || content"),
    ] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table} ORDER BY 1"));
        for row in sqlx::query(sql).fetch_all(&mut connection).await? {
            found.push(row.try_get(0)?);
        }
    }
    connection.close().await?;
    Ok(found)
}
