//! `trailbook query`: forms of the output, conditions, errors.

use std::process::Stdio;

use crate::harness::{EVENTS, Harness, run, trailbook};

fn filled() -> (Harness, String) {
    let server = Harness::start();
    let token = server.full_token();
    assert_eq!(server.send(&token, &[EVENTS]).code, Some(0));
    (server, token)
}

#[test]
fn programs_get_one_json_object_a_line() {
    let (server, token) = filled();
    let ended = server.query(&token, &["outcome=failed", "--limit", "5"]);
    assert_eq!((ended.code, ended.stdout.lines().count(), ended.stderr.as_str()), (Some(0), 5, ""));
    for line in ended.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((event["outcome"].as_str(), event["organization"].as_str()), (Some("failed"), Some("default")));
    }
    assert_eq!(server.query(&token, &[]).stdout.lines().count(), 100);
    assert_eq!(server.query(&token, &["--limit", "700"]).stdout.lines().count(), 700);
    assert_eq!(server.query(&token, &["--all"]).stdout.lines().count(), 724);
}

#[test]
fn conditions_are_those_of_the_api() {
    let (server, token) = filled();
    assert_eq!(server.count(&token, &["actor.id=user:default/jane"]), 240);
    assert_eq!(server.count(&token, &["actor.id!=user:default/jane"]), 484);
    assert_eq!(server.count(&token, &["outcome=failed,denied"]), 132);
    assert_eq!(server.count(&token, &["action_type=create"]), 55);
    assert_eq!(server.count(&token, &["actor.id=*", "--from", "2020-01-01T00:00:00+01:00"]), 724);
    assert_eq!(server.count(&token, &["--to", "2020-01-01T00:00:00Z"]), 0);
    assert_eq!(server.query(&token, &["action=none-such"]).code, Some(0));
}

#[test]
fn one_text_says_it_all() {
    let (server, token) = filled();
    assert_eq!(server.count(&token, &["actor:user:default/jane"]), 240);
    let others = server.query(&token, &["--all", "--", "-actor:user:default/jane"]);
    assert_eq!(others.stdout.lines().count(), 484, "{others:?}");
    let failed = server.count(&token, &["actor.id=user:default/jane", "outcome=failed"]);
    assert_eq!(server.count(&token, &["actor:user:default/jane outcome:failed"]), failed);
    assert_eq!(server.count(&token, &["actor:user:default/jane", "outcome:failed"]), failed, "texts are joined");
    assert_eq!(server.count(&token, &["actor:user:default/jane", "outcome=failed"]), failed, "with filters too");
    assert_eq!(server.count(&token, &["actor:user:default/jane", "--to", "2020-01-01T00:00:00Z"]), 0);
    let line = r#"{"source":"shop","action":"order","message":"Disk full on node-7"}"#;
    assert_eq!(server.send(&token, &[&server.file("one.ndjson", line)]).code, Some(0));
    for (text, count) in [("disk", 1), (r#""disk full" node*"#, 1), (r#""full disk""#, 0), ("disk -source:shop", 0)] {
        assert_eq!(server.count(&token, &[text]), count, "{text}");
    }
}

#[test]
fn more_events_than_a_page_holds_follow_each_other() {
    let (server, token) = filled();
    assert_eq!(server.send(&token, &["--run", "again", "--keep-initiated", EVENTS]).code, Some(0));
    let mut lines: Vec<String> =
        server.query(&token, &["--all", "--order", "sequence"]).stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 724 + 1_424);
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 724 + 1_424);
    assert_eq!(server.query(&token, &["--limit", "1001"]).stdout.lines().count(), 1_001);
}

#[test]
fn people_get_a_table() {
    let server = Harness::start();
    let token = server.full_token();
    let line = r#"{"source":"shop","action":"order-\u001b[31mred","actor":{"type":"user","id":"user:a/b"},
        "outcome":"denied","occurred_at":"2026-01-15T12:00:00Z","targets":[{"type":"t","id":"t1"},{"type":"t","id":"t2"}]}"#;
    let file = server.file("one.ndjson", line.replace('\n', ""));
    assert_eq!(server.send(&token, &[&file]).code, Some(0));
    let table = server.query(&token, &["--format", "table"]);
    let expected = "TIME                 ACTOR     ACTION     TARGET  OUTCOME  SOURCE\n\
                    2026-01-15 12:00:00  user:a/b  order-red  t1 +1   denied   shop\n";
    assert_eq!(table.stdout, expected);
    assert_eq!(server.query(&token, &["--format", "table", "action=none"]).stdout, "");
}

#[test]
fn a_wrong_question_says_what_is_wrong() {
    let server = Harness::start();
    let token = server.full_token();
    let cases = [
        (["q=word"].as_slice(), "give its text alone"),
        (&["word colour:red"], "q at character 6: \"colour\" is no field"),
        (&["=x"], "names no field"),
        (&["!=x"], "names no field"),
        (&["limit=5"], "--limit"),
        (&["no_such_field=x"], "no_such_field"),
        (&["--from", "yesterday"], "from"),
        (&["--order", "random"], "newest"),
        (&["--limit", "0"], "--limit"),
        (&["--limit", "5", "--all"], "--all"),
    ];
    for (arguments, reason) in cases {
        let ended = server.query(&token, arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(reason), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(server.query("none-such", &[]).code, Some(2));
}

#[test]
fn a_server_that_is_not_there_is_a_failure() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let ended = run(["query", "--url", &url, "--token", "a-token"]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains(&format!("no answer from {url}")), "{}", ended.stderr);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let (server, token) = filled();
    let mut command = trailbook(["query", "--url", &server.url, "--token", &token, "--all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}
