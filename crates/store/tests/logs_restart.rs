//! A store does not go on where what was published is not what it holds.

use std::path::Path;

use tempfile::TempDir;
use trailbook_store::{LogOptions, Options, Store};

use crate::database::{Database, on_sqlite};
use crate::logs::{check, open_log};
use crate::writes::{Sender, events};

on_both!(
    the_file_of_checkpoints_follows_the_catalog,
    a_file_that_is_missing_or_of_other_entries_is_noticed,
    a_secret_that_is_missing_or_another_is_noticed,
    what_a_crash_left_unfinished_is_in_nobodys_way,
);

/// Sends so many events and closes the store.
async fn send(database: &Database, options: Options, count: usize) {
    let sender = Sender::new(Store::open(options).await.unwrap()).await;
    for i in 0..count {
        sender.send(events(&[&format!("e{i}")])).await.unwrap();
        sender.store.integrate().await.unwrap();
    }
    sender.close().await;
    assert!(database.dir().join("checkpoints").is_file());
}

async fn refusal(options: Options) -> String {
    Store::open(options).await.expect_err("the store opens").to_string()
}

/// Copies the plain files of a folder, and of its folders.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn the_file_of_checkpoints_follows_the_catalog(database: &Database) {
    let file = database.dir().join("checkpoints");
    send(database, database.options(), 1).await;
    let older = std::fs::read(&file).unwrap();
    send(database, database.options(), 2).await;
    let newer = std::fs::read(&file).unwrap();
    assert!(older != newer);
    // As if the process had ended between a commit and its publication.
    std::fs::write(&file, &older).unwrap();
    let store = database.open().await;
    assert_eq!(std::fs::read(&file).unwrap(), newer);
    store.close().await;
}

async fn a_file_that_is_missing_or_of_other_entries_is_noticed(database: &Database) {
    let file = database.dir().join("checkpoints");
    send(database, database.options(), 3).await;
    let good = std::fs::read_to_string(&file).unwrap();

    std::fs::remove_file(&file).unwrap();
    let refused = refusal(database.options()).await;
    assert!(refused.contains("it is missing, and the catalog has entries"), "{refused}");

    for (text, words) in [
        ("log 00", "it is no list of checkpoints"),
        (&good.replacen("log ", "log 0", 1), "it is no list of checkpoints"),
        (&good[..good.len() - 1], "it is no list of checkpoints"),
    ] {
        std::fs::write(&file, text).unwrap();
        let refused = refusal(database.options()).await;
        assert!(refused.contains(words), "{refused}");
    }
    let (_, rest) = good.split_once(' ').unwrap();
    let (log_id, _) = rest.split_once(' ').unwrap();
    let other = good.replace(log_id, &"0".repeat(32));
    std::fs::write(&file, &other).unwrap();
    let refused = refusal(database.options()).await;
    assert!(refused.contains("which the catalog does not know"), "{refused}");

    // Another root for the same size, and for an older one.
    let root = good.lines().nth(3).unwrap();
    let other_root = "A".repeat(43) + "=";
    for text in [good.replace(root, &other_root), good.replace(root, &other_root).replacen("\n3\n", "\n2\n", 1)] {
        std::fs::write(&file, &text).unwrap();
        let refused = refusal(database.options()).await;
        assert!(refused.contains("have another root than was published"), "{refused}");
    }
    let larger = good.replacen("\n3\n", "\n4\n", 1);
    std::fs::write(&file, &larger).unwrap();
    let refused = refusal(database.options()).await;
    assert!(refused.contains("a checkpoint of 4 entries") && refused.contains("the catalog has 3"), "{refused}");
    std::fs::write(&file, &good).unwrap();
    database.open().await.close().await;
}

/// The catalog alone is put back: the data folder knows more.
#[test]
fn an_older_catalog_is_noticed() {
    on_sqlite(async |database| {
        send(database, database.options(), 2).await;
        let backup = TempDir::new().unwrap();
        copy(database.dir(), backup.path());
        send(database, database.options(), 1).await;
        for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
            let (from, to) = (backup.path().join(name), database.dir().join(name));
            let _ = std::fs::remove_file(&to);
            if from.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
        let refused = refusal(database.options()).await;
        assert!(refused.contains("a checkpoint of 3 entries") && refused.contains("the catalog has 2"), "{refused}");
        assert!(refused.contains("put back to an older state after events were acknowledged"), "{refused}");
    });
}

/// The whole data folder is put back: only a copy outside of it knows more.
#[test]
fn an_older_data_folder_is_noticed_where_a_copy_lies_outside() {
    on_sqlite(async |database| {
        let (outside, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let logs = LogOptions { copies: vec![outside.path().to_owned()], ..LogOptions::default() };
        let options = || Options { logs: logs.clone(), ..database.options() };
        send(database, options(), 2).await;
        copy(database.dir(), backup.path());
        send(database, options(), 1).await;

        let restored = || Options { data_dir: backup.path().to_owned(), ..options() };
        let refused = refusal(restored()).await;
        assert!(refused.starts_with(&outside.path().join("checkpoints").display().to_string()), "{refused}");
        assert!(refused.contains("a checkpoint of 3 entries") && refused.contains("the catalog has 2"), "{refused}");

        // Without the copy nothing here can know.
        let sender =
            Sender::new(Store::open(Options { logs: LogOptions::default(), ..restored() }).await.unwrap()).await;
        assert_eq!(check(&sender, &*open_log(&sender).await).await, 2);
        sender.close().await;
    });
}

async fn a_secret_that_is_missing_or_another_is_noticed(database: &Database) {
    let secret = database.dir().join("secret");
    send(database, database.options(), 1).await;
    let good = std::fs::read(&secret).unwrap();
    assert_eq!(good.len(), 32);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&secret).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::remove_file(&secret).unwrap();
    let refused = refusal(database.options()).await;
    assert!(refused.contains("is missing, without which the keys of logs cannot be used"), "{refused}");
    std::fs::write(&secret, [7; 32]).unwrap();
    let refused = refusal(database.options()).await;
    assert!(refused.contains("cannot be opened with this secret"), "{refused}");
    std::fs::write(&secret, [7; 31]).unwrap();
    assert!(refusal(database.options()).await.contains("has 31 bytes, not 32"));
    std::fs::remove_file(&secret).unwrap();

    let elsewhere = TempDir::new().unwrap();
    let path = elsewhere.path().join("log.secret");
    std::fs::write(&path, &good).unwrap();
    let logs = LogOptions { secret: Some(path), ..LogOptions::default() };
    send(database, Options { logs, ..database.options() }, 1).await;
    assert!(!secret.exists());
}

async fn what_a_crash_left_unfinished_is_in_nobodys_way(database: &Database) {
    let outside = TempDir::new().unwrap();
    let logs = LogOptions { copies: vec![outside.path().to_owned()], ..LogOptions::default() };
    let options = || Options { logs: logs.clone(), ..database.options() };
    for _ in 0..2 {
        for path in [database.dir().join("secret.part"), database.dir().join("checkpoints.part")] {
            std::fs::write(path, "unfinished").unwrap();
        }
        std::fs::write(outside.path().join("checkpoints.part"), "unfinished").unwrap();
        send(database, options(), 1).await;
        assert!(!outside.path().join("checkpoints.part").exists());
    }
}
