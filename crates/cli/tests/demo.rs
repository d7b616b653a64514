//! `trailbook demo`: what it prints works, and a second run goes on.

use crate::harness::{Process, run, shown, trailbook};

/// What a demo prints, up to its last line.
fn introduction(process: &Process) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = process.line();
        if line.starts_with("Ctrl-C") {
            return lines;
        }
        lines.push(line);
    }
}

fn value<'a>(lines: &'a [String], label: &str) -> &'a str {
    lines.iter().find_map(|line| line.strip_prefix(label)).unwrap().trim()
}

fn count(lines: &[String], filters: &[&str]) -> usize {
    let (url, token) = (value(lines, "Trailbook runs at"), value(lines, "token"));
    let ended = run([["query", "--url", url, "--token", token, "--all"].as_slice(), filters].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.lines().count()
}

#[test]
fn a_demo_shows_real_events_and_goes_on_without_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(&folder.path().join("demo"));
    let start = || Process::start(trailbook(["demo", "--listen", "127.0.0.1:0", "--data-dir", &data_dir]));

    let first = start();
    let lines = introduction(&first);
    assert_eq!(value(&lines, "folder"), shown(&folder.path().join("demo").canonicalize().unwrap()));
    assert!(value(&lines, "events").starts_with("724 of a Backstage backend"), "{lines:?}");
    let curls: Vec<&String> = lines.iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(curls.len(), 3);
    let (url, token) = (value(&lines, "Trailbook runs at"), value(&lines, "token"));
    assert!(curls.iter().all(|line| line.contains(url) && line.contains(&format!("Bearer {token}"))), "{curls:?}");
    assert_eq!(count(&lines, &["source!=trailbook"]), 724);
    assert_eq!(count(&lines, &["meta.demo=occurred_at is spread over the last 24 hours"]), 724);
    assert_eq!(first.stop(), Some(0));

    // As if the first run had been ended before it had loaded everything.
    let remembered = folder.path().join("demo/demo.json");
    let text = std::fs::read_to_string(&remembered).unwrap();
    std::fs::write(&remembered, text.replace("\"loaded\": true", "\"loaded\": false")).unwrap();
    for _ in 0..2 {
        let again = start();
        let same = introduction(&again);
        assert_eq!((value(&same, "token"), value(&same, "events")), (token, value(&lines, "events")));
        assert_eq!(count(&same, &["source!=trailbook"]), 724);
        assert_eq!(again.stop(), Some(0));
    }
}

#[test]
fn a_folder_that_is_no_demo_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "").unwrap();
    let ended = run(["demo", "--listen", "127.0.0.1:0", "--data-dir", &shown(folder.path())]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--data-dir"), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
