//! `trailbook demo`: what it prints works, and a second run goes on.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Process, run, shown, trailbook};

/// What a Backstage backend logged, and what is made up.
const EVENTS_OF_DEMO: usize = 724 + 417;

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

/// Sends a request to the demo: head and body of the answer.
fn ask(url: &str, method: &str, headers: &str, body: &str) -> (String, String) {
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("{method} /{path} HTTP/1.0\r\nhost: {address}\r\n{headers}content-length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The cookies that an answer sets, as a header gives them back.
fn cookies(head: &str) -> String {
    let set = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let pairs: Vec<&str> = set.map(|line| line.split(';').next().unwrap()).collect();
    format!("cookie: {}\r\n", pairs.join("; "))
}

#[test]
fn a_demo_shows_a_days_events_and_goes_on_without_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(&folder.path().join("demo"));
    let start = || Process::start(trailbook(["demo", "--listen", "127.0.0.1:0", "--data-dir", &data_dir]));

    let first = start();
    let lines = introduction(&first);
    assert_eq!(value(&lines, "folder"), shown(&folder.path().join("demo").canonicalize().unwrap()));
    assert!(value(&lines, "events").starts_with(&format!("{EVENTS_OF_DEMO} of a company's day")), "{lines:?}");
    let curls: Vec<&String> = lines.iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(curls.len(), 3);
    let (url, token) = (value(&lines, "Trailbook runs at"), value(&lines, "token"));
    assert!(curls.iter().all(|line| line.contains(url) && line.contains(&format!("Bearer {token}"))), "{curls:?}");
    assert_eq!(count(&lines, &["source!=trailbook"]), EVENTS_OF_DEMO);
    assert_eq!(count(&lines, &["meta.demo=occurred_at is spread over the last 24 hours"]), 724);
    assert_eq!(count(&lines, &["meta.demo=made up for the demo"]), EVENTS_OF_DEMO - 724);
    let mine = r#"{"source":"demo","action":"user-login"}"#;
    let bearer = format!("authorization: Bearer {token}\r\n");
    assert!(ask(&format!("{url}/api/v1/events"), "POST", &bearer, mine).0.contains(" 201 "));
    assert_eq!(first.stop(), Some(0));

    for _ in 0..2 {
        let again = start();
        let same = introduction(&again);
        assert_eq!((value(&same, "token"), value(&same, "events")), (token, value(&lines, "events")));
        assert_eq!(count(&same, &["source!=trailbook"]), EVENTS_OF_DEMO + 1);
        assert_eq!(count(&same, &["source=trailbook", "action=demo.loaded"]), 0, "it is in the log of system");
        assert_eq!(again.stop(), Some(0));
    }
}

#[test]
fn the_link_of_a_demo_signs_its_admin_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(&folder.path().join("demo"));
    let start = || Process::start(trailbook(["demo", "--listen", "127.0.0.1:0", "--data-dir", &data_dir]));
    let mut used = String::new();
    for _ in 0..2 {
        let demo = start();
        let lines = introduction(&demo);
        let link = value(&lines, "sign in").split(' ').next().unwrap();
        let (url, path) = (value(&lines, "Trailbook runs at"), link.rsplit('/').next().unwrap());
        assert!(ask(&format!("{url}/invitations/{used}"), "GET", "", "").0.contains(" 404 "));
        let (head, page) = ask(link, "GET", "", "");
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form = format!("{}content-type: application/x-www-form-urlencoded\r\n", cookies(&head));
        let (head, page) = ask(link, "POST", &form, &format!("csrf={csrf}"));
        assert!(head.contains(" 303 "), "{head} {page}");
        assert!(
            head.lines().any(|line| line.starts_with("set-cookie: trailbook-session=") && line.contains("=86400;"))
        );
        let me = ask(&format!("{url}/api/v1/me"), "GET", &cookies(&head), "").1;
        assert!(me.contains("\"Demo admin\"") && me.contains("members.write"), "{me}");
        assert!(ask(link, "GET", "", "").0.contains(" 404 "));
        assert_eq!(count(&lines, &["source=trailbook", "action=user.created"]), 1);
        used = path.to_owned();
        assert_eq!(demo.stop(), Some(0));
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
