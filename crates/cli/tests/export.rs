//! `trailbook export`: the file, and that it is whole whatever happens on the way.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Ended, Harness, run, shown, trailbook};
use crate::verify::{Filled, fetch, filled};

fn export(filled: &Filled, file: &Path, arguments: &[&str]) -> Ended {
    let own = ["export", "--url", &filled.server.url, "--token", &filled.token, &shown(file)];
    run([own.as_slice(), arguments].concat())
}

/// The exports that the server lists.
fn listed(filled: &Filled) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&fetch(filled, "/api/v1/exports")).unwrap();
    list["data"].as_array().unwrap().clone()
}

fn files_of(file: &Path) -> Vec<String> {
    let zip = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    zip.file_names().map(|name| name.unwrap().into_owned()).collect()
}

#[test]
fn each_format_is_a_file_that_leaves_nothing_behind() {
    let filled = filled(&[]);
    let folder = filled.server.folder.path();
    for (format, events) in [
        ("ndjson", "events.ndjson"),
        ("cef", "events.cef"),
        ("csv", "events.csv"),
        ("parquet", "events.parquet"),
        ("ocsf", "events.ocsf.ndjson"),
    ] {
        let file = folder.join(format!("{format}.zip"));
        let ended = export(&filled, &file, &["--format", format, "outcome=failed"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(": 132 events, "), "{ended:?}");
        assert_eq!(ended.stderr.contains("trailbook verify"), format == "ndjson");
        assert_eq!((files_of(&file)[0].as_str(), listed(&filled).len()), (events, 0));
        let verified = run(["verify", "--key", &filled.key, &shown(&file)]);
        assert_eq!(verified.code, Some(i32::from(format != "ndjson")), "{verified:?}");
        assert!(format == "ndjson" || verified.stderr.contains("the same export as NDJSON does"), "{verified:?}");
    }
    let left: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "the data folder and five files: {left:?}");

    let kept = folder.join("kept.zip");
    assert_eq!(export(&filled, &kept, &["--keep", "--name", "For the auditors"]).code, Some(0));
    assert_eq!(
        (&listed(&filled)[0]["name"], &listed(&filled)[0]["state"]),
        (&"For the auditors".into(), &"DONE".into())
    );
    let again = export(&filled, &kept, &[]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("is there already"), "{again:?}");
    let twice = export(&filled, &folder.join("x.zip"), &["--recorded-to", "2030-01-01T00:00:00Z", "recorded_to=x"]);
    assert_eq!(twice.code, Some(2), "{twice:?}");
}

#[test]
fn a_file_that_was_fetched_in_part_is_fetched_to_its_end() {
    let filled = filled(&[]);
    let folder = filled.server.folder.path();
    let whole = folder.join("whole.zip");
    assert_eq!(export(&filled, &whole, &["--keep"]).code, Some(0));
    let id = listed(&filled)[0]["id"].as_str().unwrap().to_owned();
    let (file, note) = (folder.join("again.zip"), folder.join("again.zip.export"));
    let begin = |bytes: usize| {
        std::fs::write(&note, format!(r#"{{"format":"ndjson","filter":{{}},"id":"{id}"}}"#)).unwrap();
        std::fs::write(folder.join("again.zip.part"), &std::fs::read(&whole).unwrap()[..bytes]).unwrap();
    };
    let size = whole.metadata().unwrap().len() as usize;
    for bytes in [0, 1, size / 2, size] {
        begin(bytes);
        let ended = export(&filled, &file, &["--keep"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("going on with what was ordered before"), "{ended:?}");
        assert!(std::fs::read(&file).unwrap() == std::fs::read(&whole).unwrap(), "from {bytes}");
        assert!(!note.exists());
        std::fs::remove_file(&file).unwrap();
    }
    // What was ordered before must be what is asked for now.
    begin(1);
    let other = export(&filled, &file, &["action:other"]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("again.zip.export is of another export"), "{other:?}");
}

#[test]
fn an_export_whose_server_is_killed_goes_on_and_is_whole() {
    const EVENTS: usize = 60_000;
    let server = Harness::start();
    let token = server.token(&crate::verify::SCOPES);
    let mut lines = String::new();
    for n in 0..EVENTS {
        writeln!(lines, r#"{{"source":"s","action":"a{}","message":"number {n}"}}"#, n % 7).unwrap();
    }
    let events = server.file("events.ndjson", lines);
    assert_eq!(server.send(&token, &[&events]).code, Some(0));
    let file = server.folder.path().join("all.zip");
    let mut command = trailbook(["export", "--url", &server.url, "--token", &token, &shown(&file)]);
    let mut interrupted = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    let filled = Filled { server, token, key: String::new() };
    let is_half = |export: &Value| export["state"] == "IN_PROGRESS" && export["percent"].as_u64().unwrap() >= 25;
    filled.server.wait_until(|| listed(&filled).first().is_some_and(is_half));
    let before = listed(&filled)[0].clone();
    assert_eq!(before["state"], "IN_PROGRESS", "it is killed in the middle");
    let Filled { server, token, .. } = filled;
    let folder = server.kill();
    interrupted.kill().unwrap();
    interrupted.wait().unwrap();

    let server = Harness::start_on(folder, &[]);
    let filled = Filled { key: crate::verify::key_of(&server.data_dir()), server, token };
    let after = listed(&filled)[0].clone();
    assert_eq!(after["id"], before["id"]);
    assert!(after["percent"].as_u64() >= before["percent"].as_u64(), "{after} goes on where {before} was");
    let ended = export(&filled, &file, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("going on with what was ordered before"), "{ended:?}");
    // That it was ordered is the one event more.
    let proven = run(["verify", "--key", &filled.key, &shown(&file)]);
    assert_eq!(proven.code, Some(0), "{proven:?}");
    let words = "Proven complete: all 60,001 events recorded";
    assert!(proven.stdout.contains(words), "{proven:?}");
    deleted_while_it_is_made(&filled);
}

/// Whoever deletes an export that is being made stops it, and nothing of it is left.
fn deleted_while_it_is_made(filled: &Filled) {
    let file = shown(&filled.server.folder.path().join("deleted.zip"));
    let mut command = trailbook(["export", "--url", &filled.server.url, "--token", &filled.token, &file]);
    let waiting = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    filled.server.wait_until(|| listed(filled).first().is_some_and(|export| export["percent"].as_u64() > Some(0)));
    let export = listed(filled)[0].clone();
    assert_eq!(export["state"], "IN_PROGRESS", "it is deleted in the middle");
    let url = format!("{}/api/v1/exports/{}", filled.server.url, export["id"].as_str().unwrap());
    let token = format!("Authorization: Bearer {}", filled.token);
    let deleted = Command::new("curl").args(["-sf", "-X", "DELETE", "-H", &token, &url]).status().unwrap();
    assert!(deleted.success());
    assert!(listed(filled).is_empty());
    let ended: Ended = waiting.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("Not found: there is no export"), "{ended:?}");
    let files = filled.server.data_dir().join("exports");
    filled.server.wait_until(|| listed(filled).is_empty() && files.read_dir().unwrap().count() == 0);
}
