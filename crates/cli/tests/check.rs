//! `trailbook check`: what it says of sound and of damaged folders, and making indexes again.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{EVENTS, Ended, Harness, run, shown};

/// What the server records of itself: its start, and that the token was made.
const OWN: usize = 2;
/// Every fifty events move to disk, and the rest soon.
const FLUSH: [&str; 4] = ["--flush-events", "50", "--flush-after", "1s"];

fn check(data_dir: &Path, flags: &[&str]) -> Ended {
    run([["check", "--data-dir", &shown(data_dir)].as_slice(), flags].concat())
}

fn as_json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap()
}

/// A server whose events are all on disk, a token of it, and how many there are.
fn filled() -> (Harness, String, usize) {
    let server = Harness::start_with(&FLUSH);
    let token = server.full_token();
    let ended = server.send(&token, &[EVENTS, "--keep-initiated"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let events = server.count(&token, &[]);
    assert!(events > 1_000, "{events}");
    let data_dir = server.data_dir();
    let events = events + OWN;
    server.wait_until(|| as_json(&check(&data_dir, &["--json"]))["events"] == events);
    (server, token, events)
}

/// The same, stopped.
fn filled_folder() -> (TempDir, String, usize) {
    let (server, token, events) = filled();
    let (code, folder) = server.stop();
    assert_eq!(code, Some(0));
    (folder, token, events)
}

/// The file of a segment that is in use and has events of the organization: the largest, since merging makes larger
/// ones, and what the server records of itself is little.
fn largest(data_dir: &Path, ending: &str) -> PathBuf {
    let size = |path: &PathBuf| path.metadata().unwrap().len();
    let files = data_dir.join("segments").read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|found| found == ending)).max_by_key(size).unwrap()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_sound_folder_is_said_to_be_sound_beside_a_running_server() {
    let (server, token, events) = filled();
    let data_dir = server.data_dir();
    let ended = check(&data_dir, &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    let line = ended.stderr.trim_end();
    let grouped = format!(" {},{:03} events, ", events / 1_000, events % 1_000);
    assert!(line.contains(" segment") && line.contains(&grouped), "{line}");
    assert!(line.ends_with(": nothing damaged"), "{line}");

    let json = check(&data_dir, &["--json"]);
    assert_eq!(json.code, Some(0));
    let json = as_json(&json);
    assert_eq!((&json["events"], &json["damage"]), (&events.into(), &serde_json::json!([])));
    assert!(json["segments"].as_u64().unwrap() >= 1 && json["bytes"].as_u64().unwrap() > 1_000, "{json}");
    assert_eq!(json.get("rebuilt"), None);

    let refused = check(&data_dir, &["--rebuild-index"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
    assert!(refused.stderr.contains("another trailbook server works on the data folder"), "{}", refused.stderr);
    assert_eq!(server.count(&token, &[]), events - OWN);
}

#[test]
fn a_damaged_index_is_named_and_made_again() {
    let (folder, token, events) = filled_folder();
    let data_dir = folder.path().join("data");
    let index = largest(&data_dir, "index");
    flip(&index);
    let ended = check(&data_dir, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("the file {} is damaged at offset ", name(&index))), "{ended:?}");
    assert!(ended.stderr.trim_end().ends_with(&format!(": {} damaged", ended.stdout.lines().count())), "{ended:?}");

    let json = check(&data_dir, &["--rebuild-index", "--json"]);
    assert_eq!(json.code, Some(0), "{json:?}");
    assert!(json.stderr.contains("nothing damaged any more"), "{json:?}");
    let json = as_json(&json);
    assert_eq!((&json["damage"], &json["events"]), (&serde_json::json!([]), &events.into()));
    assert_eq!(json["rebuilt"], json["segments"]);
    assert!(json["damage_before"][0].as_str().unwrap().contains(&name(&index)), "{json}");

    assert_eq!(check(&data_dir, &[]).code, Some(0));
    let again = check(&data_dir, &["--rebuild-index"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{again:?}");
    assert!(again.stderr.contains("nothing damaged, ") && again.stderr.contains("made again"), "{again:?}");
    let server = Harness::start_on(folder, &[]);
    assert_eq!(server.count(&token, &[]), events - OWN);
}

#[test]
fn damaged_rows_stay_damaged_and_a_missing_file_is_named() {
    let (folder, token, _) = filled_folder();
    let data_dir = folder.path().join("data");
    let (rows, index) = (largest(&data_dir, "rows"), largest(&data_dir, "index"));
    flip(&rows);
    for flags in [[].as_slice(), &["--rebuild-index"], &[]] {
        let ended = check(&data_dir, flags);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stdout.contains(&format!("the file {} is damaged at offset ", name(&rows))), "{ended:?}");
        assert!(ended.stderr.contains(" damaged"), "{ended:?}");
    }
    std::fs::remove_file(&index).unwrap();
    let ended = check(&data_dir, &["--json"]);
    assert_eq!(ended.code, Some(1));
    let missing = format!("the file {} is damaged: it is missing", name(&index));
    assert!(as_json(&ended)["damage"].as_array().unwrap().contains(&missing.into()), "{ended:?}");
    let server = Harness::start_on(folder, &[]);
    let refused = server.query(&token, &["--all"]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("is damaged"), "{}", refused.stderr);
}

#[test]
fn a_folder_that_is_none_is_wrong_usage_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let ended = check(folder.path(), &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("is no folder of a trailbook server"), "{}", ended.stderr);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
