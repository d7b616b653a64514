//! `trailbook send`: every line is recorded once, passed over, or named.

use std::io::Write;
use std::process::Stdio;

use crate::fake::{self, Reply};
use crate::harness::{EVENTS, Ended, Harness, run, run_with_input, trailbook};

fn summary(ended: &Ended) -> &str {
    let line = ended.stderr.lines().find(|line| line.starts_with("recorded ")).unwrap();
    line.split(" in ").next().unwrap()
}

#[test]
fn a_file_of_backstage_lines_is_recorded_once() {
    let server = Harness::start();
    let token = server.full_token();
    let first = server.send(&token, &[EVENTS]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(summary(&first), "recorded 724 (0 of them before), excluded 1, dropped 701, passed over 0, refused 0");
    assert_eq!(first.stdout, "");
    assert_eq!(server.count(&token, &[]), 724);
    assert_eq!(server.count(&token, &["outcome=failed"]), 132);

    let second = server.send(&token, &[EVENTS]);
    assert_eq!(
        summary(&second),
        "recorded 724 (724 of them before), excluded 1, dropped 701, passed over 0, refused 0"
    );
    assert_eq!(server.count(&token, &[]), 724);

    let other_run = server.send(&token, &["--run", "other", "--keep-initiated", EVENTS]);
    assert_eq!(
        summary(&other_run),
        "recorded 1424 (0 of them before), excluded 2, dropped 0, passed over 0, refused 0"
    );
}

#[test]
fn refused_lines_are_named_and_all_others_recorded() {
    let server = Harness::start();
    let token = server.full_token();
    let mut text = String::from("\u{feff}{\"source\":\"s\",\"action\":\"first\"}\r\n\nan ordinary line\n");
    text.push_str("{\"source\":\"s\"}\n");
    text.push_str("{\"source\":\"s\",\"action\":\"cut\n");
    text.push_str("{\"source\":\"s\",\"action\":\"a\",\"severity\":\"huge\"}\n");
    text.push_str("{\"source\":\"s\",\"action\":\"a\",\"action\":\"b\"}\n");
    let long = format!("{{\"source\":\"s\",\"action\":\"a\",\"message\":\"{}\"}}\n", "x".repeat(300 * 1024));
    text.push_str(&long);
    text.push_str("{\"level\":\"info\",\"message\":\"Listening on :7007\",\"service\":\"backstage\"}\n");
    text.push_str("{\"source\":\"s\",\"action\":\"last\"}");
    let file = server.file("some.log", &text);
    let ended = server.send(&token, &[&file]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(summary(&ended), "recorded 2 (0 of them before), excluded 0, dropped 0, passed over 2, refused 5");
    let named = |line: usize| ended.stderr.lines().find(|l| l.starts_with(&format!("{file}:{line}: "))).unwrap();
    assert!(named(4).contains("action"), "{}", named(4));
    assert!(named(6).ends_with("(at /severity)"), "{}", named(6));
    assert!(named(8).contains("262144"), "{}", named(8));
    for line in [5, 7] {
        named(line);
    }
    assert_eq!(server.count(&token, &["action=first,last"]), 2);
    assert_eq!(server.count(&token, &[]), 2);
}

#[test]
fn more_bad_lines_than_one_answer_names_are_all_found() {
    let server = Harness::start();
    let token = server.full_token();
    let line = |i: usize| match i % 3 {
        0 => format!("{{\"source\":\"s\",\"action\":\"a{i}\"}}\n"),
        _ => format!("{{\"source\":\"s\",\"number\":{i}}}\n"),
    };
    let file = server.file("bad.ndjson", (0..1_500).map(line).collect::<String>());
    let ended = server.send(&token, &[&file]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(summary(&ended), "recorded 500 (0 of them before), excluded 0, dropped 0, passed over 0, refused 1000");
    assert_eq!(server.count(&token, &[]), 500);
}

#[test]
fn standard_input_is_told_apart_by_its_runs_name() {
    let server = Harness::start();
    let token = server.full_token();
    let send = |flags: &[&str], input: &str| {
        let arguments = ["send", "--url", &server.url, "--token", &token, "-"];
        run_with_input([arguments.as_slice(), flags].concat(), input.as_bytes())
    };
    let two = "{\"source\":\"s\",\"action\":\"a\"}\n{\"source\":\"s\",\"action\":\"a\"}\n";
    assert!(summary(&send(&[], two)).starts_with("recorded 2 (0 of them before)"));
    assert!(summary(&send(&[], two)).starts_with("recorded 2 (0 of them before)"), "a new run each time");
    assert!(summary(&send(&["--run", "b"], two)).starts_with("recorded 2 (0 of them before)"));
    assert!(summary(&send(&["--run", "b"], two)).starts_with("recorded 2 (2 of them before)"));
    assert_eq!(server.count(&token, &[]), 6);
    let none = send(&[], "nothing here\n");
    assert_eq!(none.code, Some(0));
    assert!(none.stderr.contains("no line is an event"), "{}", none.stderr);
    assert!(summary(&send(&[], "")).starts_with("recorded 0"));
}

#[test]
fn a_pipe_that_pauses_holds_nothing_back() {
    let server = Harness::start();
    let token = server.full_token();
    let mut child = trailbook(["send", "--url", &server.url, "--token", &token, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut pipe = child.stdin.take().expect("it is piped");
    pipe.write_all(b"{\"source\":\"s\",\"action\":\"a\"}\n").expect("it reads");
    server.wait_until(|| server.count(&token, &[]) == 1);
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(server.count(&token, &[]), 1);
}

#[test]
fn an_id_that_was_used_for_something_else_is_refused() {
    let server = Harness::start();
    let token = server.full_token();
    let line = |action: &str| {
        let id = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";
        format!("{{\"id\":\"{id}\",\"source\":\"s\",\"action\":\"{action}\"}}\n")
    };
    let first = server.file("first.ndjson", line("a") + &line("a"));
    let ended = server.send(&token, &[&first]);
    assert_eq!((ended.code, server.count(&token, &[])), (Some(0), 1), "{ended:?}");
    let second = server.file("second.ndjson", "{\"source\":\"s\",\"action\":\"x\"}\n".to_owned() + &line("b"));
    let ended = server.send(&token, &[&second]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(summary(&ended), "recorded 1 (0 of them before), excluded 0, dropped 0, passed over 0, refused 1");
    assert!(ended.stderr.contains(&format!("{second}:2: ")), "{}", ended.stderr);
}

#[test]
fn what_was_exported_can_be_sent_elsewhere() {
    let server = Harness::start();
    let token = server.full_token();
    let line = r#"{"source":"s","action":"a","meta":{"n":1.5,"text":"ä\n"},"targets":[{"type":"t","id":"1"}]}"#;
    let file = server.file("one.ndjson", line);
    assert_eq!(server.send(&token, &[&file]).code, Some(0));
    let exported = server.query(&token, &[]).stdout;
    let elsewhere = Harness::start();
    let other_token = elsewhere.full_token();
    let copy = elsewhere.file("export.ndjson", &exported);
    let ended = elsewhere.send(&other_token, &[&copy]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let strip = |text: &str| {
        let mut event: serde_json::Value = serde_json::from_str(text).unwrap();
        event.as_object_mut().unwrap().remove("recorded_at").unwrap();
        event
    };
    assert_eq!(strip(&elsewhere.query(&other_token, &[]).stdout), strip(&exported));
}

#[test]
fn wrong_calls_are_told_from_failures() {
    let server = Harness::start();
    let file = server.file("one.ndjson", "{\"source\":\"s\",\"action\":\"a\"}\n");
    let cases = [
        (["send", "--url", &server.url, "--token", "none-such", &file], "oken"),
        (["send", "--url", &server.url, "--token", "none-such", "/none/such"], "/none/such"),
        (["send", "--url", &server.url, "--token", "none-such", "/"], "is a folder"),
        (["send", "--url", "ftp://x", "--token", "none-such", &file], "--url"),
        (["send", "--url", "x", "--token", "none-such", &file], "--url"),
        (["send", "--url", &server.url, "--token", "a\nb", &file], "--token"),
    ];
    for (arguments, reason) in cases {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    assert_eq!(run(["send", &file]).code, Some(2));
}

#[test]
fn a_refusal_that_names_no_line_stops_only_the_line_it_means() {
    let url = fake::serve(|body| {
        if body.contains("\"bad\"") {
            return Reply { status: 413, headers: "", body: "{\"title\":\"No\",\"detail\":\"not this\"}".to_owned() };
        }
        fake::recorded(body)
    });
    let line = |i: usize| format!("{{\"action\":\"{}\"}}\n", if i == 17 { "bad" } else { "good" });
    let input: String = (0..100).map(line).collect();
    let ended = run_with_input(["send", "--url", &url, "--token", "a-token", "-"], input.as_bytes());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(summary(&ended), "recorded 99 (0 of them before), excluded 0, dropped 0, passed over 0, refused 1");
    assert!(ended.stderr.contains("-:18: No: not this"), "{}", ended.stderr);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let mut asked = 0;
    let url = fake::serve(move |body| {
        asked += 1;
        match asked {
            1 => Reply { status: 503, headers: "retry-after: 0\r\n", body: String::new() },
            2 => Reply { status: 429, headers: "", body: String::new() },
            _ => fake::recorded(body),
        }
    });
    let ended = run_with_input(["send", "--url", &url, "--token", "a-token", "-"], b"{}\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("trying again"), "{}", ended.stderr);
}

#[test]
fn a_server_that_stays_away_is_a_failure() {
    let away = |_: &str| Reply { status: 503, headers: "retry-after: 3600\r\n", body: String::new() };
    let url = fake::serve(away);
    let ended = run_with_input(["send", "--url", &url, "--token", "a-token", "-"], b"{}\n");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("no answer from"), "{}", ended.stderr);
    let strange = fake::serve(|_| Reply { status: 201, headers: "", body: "{\"events\":[]}".to_owned() });
    let ended = run_with_input(["send", "--url", &strange, "--token", "a-token", "-"], b"{}\n");
    assert_eq!(ended.code, Some(3), "{ended:?}");
}

#[test]
fn records_of_other_systems_are_sent_in_their_form() {
    let server = Harness::start();
    let token = server.full_token();
    let lines = "{\"identifier\":\"event_1\",\"action\":\"UPDATE\"}\n{\"action\":\"DELETE\"}\n{\"action\":1}\n";
    let file = server.file("port.ndjson", lines);
    let first = server.send(&token, &["--from", "port", &file]);
    assert_eq!(first.code, Some(1), "{first:?}");
    assert_eq!(summary(&first), "recorded 2 (0 of them before), excluded 0, dropped 0, passed over 0, refused 1");
    assert!(first.stderr.contains(&format!("{file}:3: must be a string, not a number (at /action)")), "{first:?}");
    let again = server.send(&token, &["--from", "port", "--run", "another", &file]);
    let counts = "recorded 2 (1 of them before), excluded 0, dropped 0, passed over 0, refused 1";
    assert_eq!(summary(&again), counts, "what Port names is the same in every run");
    let login = server.file("spectra.ndjson", "{\"Action\":\"user.login\",\"User Email\":\"jane@acme.example\"}\n");
    assert_eq!(server.send(&token, &["--from", "spectra", &login]).code, Some(0));
    assert_eq!(server.count(&token, &["source=spectra"]), 1);
    let role = server.file("wso2.ndjson", "{\"action\":\"Role creation\",\"outcome\":\"succeeded\"}\n");
    for _ in 0..2 {
        assert_eq!(server.send(&token, &["--from", "wso2", &role]).code, Some(0));
    }
    assert_eq!(server.count(&token, &["source=wso2"]), 1, "a line without an id gets one");
    let backstage = server.send(&token, &["--from", "backstage", EVENTS]);
    assert_eq!(
        summary(&backstage),
        "recorded 724 (0 of them before), excluded 1, dropped 701, passed over 0, refused 0"
    );
    let unknown = server.send(&token, &["--from", "native", &file]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("must be one of backstage, port, spectra, wso2"), "{unknown:?}");
}
