//! Segment files that are missing, changed, cut or swapped: the store opens, says so, and reads all the rest; `check`
//! names the file, and makes indexes again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use trailbook_event::Field;
use trailbook_store::segment::{ColumnName, RowReader, Values};
use trailbook_store::{Checked, Error, Options, Row, Store, check};

use crate::database::Database;
use crate::segments::everything;
use crate::writes::{Found, Sender, event_of_day, events};

on_both!(
    a_damaged_file_is_named_and_the_rest_is_read,
    a_manifest_that_was_changed_is_named,
    a_check_finds_each_flipped_byte,
    an_index_is_made_again,
    an_index_of_days_that_share_a_part_is_made_again,
    a_check_leaves_a_running_server_alone,
    a_check_goes_on_with_what_a_merge_made,
    a_damaged_segment_does_not_hold_up_compaction,
);

/// A closed store with three segments of 200 events each, and its events.
async fn written(database: &Database) -> (Sender, Vec<Found>) {
    let sender = Sender::new(database.open().await).await;
    for day in [1, 40, 80] {
        let items = (0..200).map(|n| event_of_day(day, &format!("m{day}-{n}"))).collect();
        sender.send(items).await.unwrap();
        sender.store.flush().await.unwrap();
    }
    assert_eq!(sender.store.segments_size().0, 3);
    let all = everything(&sender.store.snapshot(sender.organization()));
    sender.close().await;
    (sender, all)
}

fn file(database: &Database, id: u32, kind: &str) -> PathBuf {
    database.dir().join("segments").join(format!("{id:010}.{kind}"))
}

/// Flips a bit of a file.
fn flip(path: &PathBuf, place: impl FnOnce(usize) -> usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let place = place(bytes.len());
    bytes[place] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// What can be read of a log, and why the rest cannot.
fn readable(sender: &Sender) -> (Vec<u64>, Vec<Error>) {
    let (mut sequences, mut errors) = (Vec::new(), Vec::new());
    for place in sender.store.snapshot(sender.organization()).segments() {
        let segment = match place.open() {
            Ok(segment) => segment,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let mut reader = RowReader::new(&segment);
        for row in place.part.rows.clone() {
            match reader.row(row) {
                Ok(row) => sequences.push(row.sequence),
                Err(error) => errors.push(error),
            }
        }
    }
    sequences.sort_unstable();
    (sequences, errors)
}

async fn a_damaged_file_is_named_and_the_rest_is_read(database: &Database) {
    let (sender, _) = written(database).await;
    let segments = database.dir().join("segments");
    let kept = tempfile::TempDir::new().unwrap();
    for name in std::fs::read_dir(&segments).unwrap() {
        let name = name.unwrap().file_name();
        std::fs::copy(segments.join(&name), kept.path().join(&name)).unwrap();
    }
    type Harm = fn(&Database);
    let harms: [(&str, &str, Harm); 7] = [
        ("0000000002.rows", "it is missing", |d| std::fs::remove_file(file(d, 2, "rows")).unwrap()),
        ("0000000002.index", "it is missing", |d| std::fs::remove_file(file(d, 2, "index")).unwrap()),
        ("0000000002.rows", "checksum", |d| flip(&file(d, 2, "rows"), |_| 100)),
        ("0000000002.rows", "checksum", |d| flip(&file(d, 2, "rows"), |len| len - 40)),
        ("0000000002.index", "checksum", |d| flip(&file(d, 2, "index"), |len| len - 40)),
        ("0000000002.rows", "bytes", |d| {
            let file = std::fs::File::options().write(true).open(file(d, 2, "rows")).unwrap();
            file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        }),
        ("0000000002.index", "", |d| {
            std::fs::copy(file(d, 1, "index"), file(d, 2, "index")).unwrap();
        }),
    ];
    for (name, words, harm) in harms {
        harm(database);
        let sender = sender.at(database.open().await);
        let (sequences, errors) = readable(&sender);
        assert!(!errors.is_empty(), "{name} with {words}");
        for error in &errors {
            assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
            let said = error.to_string();
            assert!(said.contains(name) && said.contains(words), "{said} does not name {name} with {words}");
            sender.store.note_damage(&format!("the file {name}"), "as a query met it");
        }
        let others: Vec<u64> = (0..200).chain(400..600).collect();
        assert_eq!(sequences, others, "all but the damaged segment is read");
        let damage = sender.store.damage();
        assert!(damage.iter().any(|one| one.contains(name)), "{damage:?}");
        // New events are taken, and moved.
        sender.send(events(&["later"])).await.unwrap();
        sender.close().await;
        let checked = checked(database, false).await;
        assert!(checked.damage.iter().any(|one| one.contains(name)), "{checked:?}");
        for name in std::fs::read_dir(kept.path()).unwrap() {
            let name = name.unwrap().file_name();
            std::fs::copy(kept.path().join(&name), segments.join(&name)).unwrap();
        }
    }
    assert_eq!(checked(database, false).await.damage, Vec::<String>::new());
}

async fn checked(database: &Database, rebuild_index: bool) -> Checked {
    check(database.dir(), database.url().as_deref(), rebuild_index, |_| {}).await.unwrap()
}

async fn a_manifest_that_was_changed_is_named(database: &Database) {
    let (sender, all) = written(database).await;
    let refused = [
        ("UPDATE segment_parts SET row_count = row_count + 1 WHERE segment = 2", "601 events of 600"),
        ("UPDATE segment_parts SET row_count = row_count - 1 WHERE segment = 2", "600"),
    ];
    let (change, words) = refused[0];
    database.run(change).await;
    let error = database.refusal().await;
    assert!(matches!(error, Error::Damaged { .. }) && error.to_string().contains(words), "{error}");
    let found = checked(database, false).await;
    assert!(found.damage.iter().any(|one| one.contains(words)), "{found:?}");
    database.run(refused[1].0).await;

    database.run("UPDATE segment_parts SET content = content + 1 WHERE segment = 2").await;
    let again = sender.at(database.open().await);
    let (sequences, errors) = readable(&again);
    assert_eq!(sequences.len(), 400);
    assert!(errors[0].to_string().contains("parts are not those of the manifest"), "{errors:?}");
    again.close().await;
    database.run("UPDATE segment_parts SET content = content - 1 WHERE segment = 2").await;

    // A segment that the manifest lost.
    database.run("CREATE TABLE lost AS SELECT * FROM segment_parts WHERE segment = 3").await;
    database.run("DELETE FROM segment_parts WHERE segment = 3").await;
    let error = database.refusal().await;
    assert!(error.to_string().contains("400 events of 600"), "{error}");
    database.run("INSERT INTO segment_parts SELECT * FROM lost").await;
    let again = sender.at(database.open().await);
    assert!(everything(&again.store.snapshot(again.organization())) == all);
    again.close().await;
}

async fn a_check_finds_each_flipped_byte(database: &Database) {
    written(database).await;
    let whole = checked(database, false).await;
    assert_eq!((whole.segments, whole.events, whole.rebuilt), (3, 600, 0));
    assert_eq!(whole.damage, Vec::<String>::new());
    for kind in ["rows", "index"] {
        let path = file(database, 2, kind);
        let bytes = std::fs::read(&path).unwrap();
        assert!(whole.bytes > bytes.len() as u64);
        for tenth in 0..10 {
            flip(&path, |len| (len - 1) * tenth / 9);
            let found = checked(database, false).await;
            let is_named = |one: &String| one.contains(&format!("0000000002.{kind}")) && one.contains("damaged");
            assert!(!found.damage.is_empty() && found.damage.iter().all(is_named), "{tenth} tenths: {found:?}");
            std::fs::write(&path, &bytes).unwrap();
        }
        flip(&path, |_| 20);
        let found = checked(database, false).await;
        assert!(found.damage[0].contains("at offset 0"), "{found:?}");
        std::fs::write(&path, &bytes).unwrap();
    }
}

/// The rows of each mark, as the index of each segment says, and the words of its message.
fn found_by_index(sender: &Sender) -> Vec<(String, Vec<u64>)> {
    let mut found = Vec::new();
    for place in sender.store.snapshot(sender.organization()).segments() {
        let segment = place.open().unwrap();
        let mut reader = RowReader::new(&segment);
        let mut sequences =
            |rows: Vec<u32>| -> Vec<u64> { rows.iter().map(|row| reader.row(*row).unwrap().sequence).collect() };
        for column in 0..segment.columns().len() as u32 {
            let name = segment.columns()[column as usize].to_string();
            found.push((format!("{name} is there"), sequences(rows_of(&segment.present(column).unwrap()))));
            if let Values::Listed(dictionary, lists) = segment.values(column).unwrap() {
                let each = |ordinal: u32, value: &[u8]| {
                    let rows = rows_of(&lists.get(ordinal)?);
                    found.push((format!("{name} = {}", String::from_utf8_lossy(value)), sequences(rows)));
                    Ok(())
                };
                dictionary.for_each(0..dictionary.len(), each).unwrap();
            }
        }
        let (words, lists) = segment.words().unwrap().unwrap();
        let each = |ordinal: u32, word: &[u8]| {
            found.push((format!("word {}", String::from_utf8_lossy(word)), sequences(rows_of(&lists.get(ordinal)?))));
            Ok(())
        };
        words.for_each(0..words.len(), each).unwrap();
        let id = segment.column(&ColumnName::Field(Field::Id)).unwrap();
        let Values::Located(locator) = segment.values(id).unwrap() else { panic!("ids are located") };
        let one: Row<'_> = reader.row(0).unwrap();
        let mut candidates = Vec::new();
        let value = one.values(Field::Id).next().unwrap().1;
        locator.candidates(trailbook_store::segment::hash(value), &mut candidates).unwrap();
        assert!(candidates.contains(&0));
    }
    found.sort();
    found
}

fn rows_of(set: &trailbook_store::segment::RowSet) -> Vec<u32> {
    let mut rows = Vec::new();
    let taken = set.for_each_in(0..u32::MAX, &mut |row| {
        rows.push(row);
        true
    });
    taken.unwrap();
    rows
}

async fn an_index_is_made_again(database: &Database) {
    let (sender, all) = written(database).await;
    let open = sender.at(database.open().await);
    let before = found_by_index(&open);
    let refused = check(database.dir(), database.url().as_deref(), true, |_| {}).await;
    assert!(refused.expect_err("a server runs").to_string().starts_with("another trailbook server works on"));
    open.close().await;

    std::fs::remove_file(file(database, 1, "index")).unwrap();
    flip(&file(database, 2, "index"), |len| len / 2);
    let checked_again = checked(database, true).await;
    assert_eq!(checked_again.rebuilt, 3);
    assert_eq!(checked_again.damage.len(), 2, "{checked_again:?}");
    assert_eq!(checked(database, false).await.damage, Vec::<String>::new());
    let again = sender.at(database.open().await);
    assert_eq!(again.store.damage(), Vec::<String>::new());
    assert!(everything(&again.store.snapshot(again.organization())) == all);
    assert_eq!(found_by_index(&again), before);
    again.close().await;

    // Rows that are damaged give no index, and stay as they are.
    flip(&file(database, 5, "rows"), |_| 100);
    let failed = checked(database, true).await;
    assert_eq!(failed.rebuilt, 2);
    assert!(failed.damage.iter().any(|one| one.contains("the index of segment 5 was not made")), "{failed:?}");
    let again = sender.at(database.open().await);
    assert_eq!(readable(&again).0.len(), 400);
    again.close().await;
}

async fn an_index_of_days_that_share_a_part_is_made_again(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    // One chunk: its oldest days share a part, and so a segment of many days.
    let items = (0..300).map(|n| event_of_day(n % 60, &format!("m{n}"))).collect();
    sender.send(items).await.unwrap();
    sender.store.flush().await.unwrap();
    let all = everything(&sender.store.snapshot(sender.organization()));
    let before = found_by_index(&sender);
    sender.close().await;
    assert_eq!(database.number("SELECT COUNT(*) FROM segments WHERE days = 0").await, 1);
    let found = checked(database, true).await;
    assert_eq!((found.rebuilt, &found.damage), (found.segments, &Vec::new()));
    let again = sender.at(database.open().await);
    assert!(everything(&again.store.snapshot(again.organization())) == all);
    assert_eq!(found_by_index(&again), before);
    again.close().await;
}

async fn a_check_leaves_a_running_server_alone(database: &Database) {
    let (sender, _) = written(database).await;
    let open = sender.at(database.open().await);
    // What a flush is writing.
    let part = database.dir().join("segments/0000000009.rows.part");
    std::fs::write(&part, "half").unwrap();
    assert_eq!(checked(database, false).await.damage, Vec::<String>::new());
    assert!(part.exists(), "a check took a file away from the server");
    open.close().await;
    database.open().await.close().await;
    assert!(!part.exists(), "what nobody writes any more is removed");
}

async fn a_check_goes_on_with_what_a_merge_made(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    for round in 0..3 {
        let items = (0..40).map(|n| event_of_day(-200, &format!("m{round}-{n}"))).collect();
        sender.send(items).await.unwrap();
        sender.store.flush().await.unwrap();
    }
    // As a query would that came too late for these files.
    sender.store.note_damage("the file 0000000002.rows", "it is missing");
    sender.store.note_damage("the disk", "it is on fire");
    assert_eq!(sender.store.damage().len(), 2);
    let has_merged = AtomicBool::new(false);
    // When one was checked, all three become one, and their files are removed.
    let merge = |_: &Checked| {
        if has_merged.swap(true, Ordering::SeqCst) {
            return;
        }
        let merged = async { assert!(sender.store.compact().await.unwrap()) };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(merged));
        for id in 1..=3 {
            ["rows", "index"].into_iter().for_each(|kind| std::fs::remove_file(file(database, id, kind)).unwrap());
        }
    };
    let found = check(database.dir(), database.url().as_deref(), false, merge).await.unwrap();
    assert_eq!((found.segments, found.events, &found.damage), (1, 120, &Vec::new()));
    assert_eq!(sender.store.damage(), ["the disk is damaged: it is on fire"], "files that are gone are forgotten");
    // What is in use, and missing, is damage.
    std::fs::remove_file(file(database, 4, "index")).unwrap();
    let found = checked(database, false).await;
    assert_eq!(found.damage, ["the file 0000000004.index is damaged: it is missing"]);
    sender.close().await;
}

async fn a_damaged_segment_does_not_hold_up_compaction(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    for n in 0..4 {
        // Two windows, long past.
        let items = |day: i64| (0..20).map(|i| event_of_day(day, &format!("m{day}-{n}-{i}"))).collect();
        sender.send(items(-200)).await.unwrap();
        sender.store.flush().await.unwrap();
        sender.send(items(-100)).await.unwrap();
        sender.store.flush().await.unwrap();
    }
    sender.close().await;
    assert_eq!(sender_segments(database).await, 8);
    std::fs::remove_file(file(database, 3, "rows")).unwrap();
    flip(&file(database, 2, "rows"), |_| 200);
    flip(&file(database, 4, "index"), |_| 200);
    let sender = sender.at(Store::open(Options { ..database.options() }).await.unwrap());
    let mut failures = 0;
    while failures < 20 {
        match sender.store.compact().await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
                failures += 1;
            }
        }
    }
    assert!((1..20).contains(&failures), "compaction failed {failures} times");
    // Of the first window three are whole, and one is left.
    let old = "SELECT COUNT(*) FROM segments WHERE removed_ms IS NULL AND id IN (1, 5, 7)";
    assert_eq!(database.number(old).await, 0, "what is whole is merged");
    let damage = sender.store.damage();
    assert!(damage.iter().any(|one| one.contains("0000000003.rows")), "{damage:?}");
    sender.close().await;
}

async fn sender_segments(database: &Database) -> i64 {
    database.number("SELECT COUNT(*) FROM segments WHERE removed_ms IS NULL").await
}
