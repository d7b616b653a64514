//! `trailbook serve`: starting, stopping, settings.

use crate::harness::{Harness, Process, run, shown, trailbook};

#[test]
fn a_server_says_where_it_listens_and_stops_when_asked() {
    let server = Harness::start();
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn what_was_recorded_is_there_after_a_restart() {
    let server = Harness::start();
    let token = server.full_token();
    let file = server.file("one.ndjson", "{\"source\":\"s\",\"action\":\"a\"}\n");
    assert_eq!(server.send(&token, &[&file]).code, Some(0));
    let (code, folder) = server.stop();
    assert_eq!(code, Some(0));
    let again = Harness::start_on(folder, &[]);
    assert_eq!(again.count(&token, &[]), 1);
}

#[test]
fn a_server_may_open_as_many_files_as_the_system_allows() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["serve", "demo"] {
        let mut limited = std::process::Command::new("sh");
        let server = trailbook([command, "--listen", "127.0.0.1:0", "--data-dir"]);
        limited.args(["-c", "ulimit -Sn 400; ulimit -Hn 2000; exec \"$0\" \"$@\""]).arg(server.get_program());
        limited.args(server.get_args()).arg(folder.path().join(command));
        let process = Process::start(limited);
        process.line();
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.pid())).unwrap();
        let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(files.split_whitespace().filter(|word| *word == "2000").count(), 2, "{files}");
        assert_eq!(process.stop(), Some(0));
    }
}

#[test]
fn a_busy_port_says_to_choose_another() {
    let server = Harness::start();
    let address = server.url.strip_prefix("http://").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for command in ["serve", "demo"] {
        let data_dir = folder.path().join(command);
        let ended = run([command, "--listen", address, "--data-dir", &shown(&data_dir)]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("in use") && ended.stderr.contains("--listen"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trailbook.toml");
    std::fs::write(&config, "listen = '0.0.0.0:1'\nlog_level = 'loud'\n").unwrap();
    let serve = |environment: Option<&str>, flags: &[&str]| {
        let mut command = trailbook(["serve", "--config", &shown(&config)]);
        command.args(flags).arg("--data-dir").arg(folder.path().join("data"));
        if let Some(listen) = environment {
            command.env("TRAILBOOK_LISTEN", listen);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, stderr) = serve(None, &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("log_level: must be error, warn, info or debug, not \"loud\""), "{stderr}");
    std::fs::write(&config, "listen = '0.0.0.0:1'\n").unwrap();
    for (environment, flags, address) in [
        (None, [].as_slice(), "0.0.0.0:1"),
        (Some("0.0.0.0:2"), [].as_slice(), "0.0.0.0:2"),
        (Some("0.0.0.0:2"), ["--listen", "0.0.0.0:3"].as_slice(), "0.0.0.0:3"),
    ] {
        let (code, stderr) = serve(environment, flags);
        assert_eq!(code, Some(2));
        assert!(stderr.contains(&format!("listen: plain HTTP on {address}")), "{stderr}");
        assert!(stderr.contains("behind_proxy"), "{stderr}");
    }
}

#[test]
fn lists_are_given_as_json_and_keep_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |flag: &str, json: &str| {
        let ended = run(["serve", flag, json, "--data-dir", &shown(&folder.path().join("data"))]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        ended.stderr
    };
    assert!(wrong("--redaction-rules", "[").contains("redaction_rules: must be JSON"));
    assert!(wrong("--exclusion-rules", "[{}]").contains("neither actorId nor eventId"));
    assert!(wrong("--severity-log-level-mappings", "{\"low\":\"loud\"}").contains("Expected one of the following"));
    let entry = r#"[{"type":"static","options":{"token":"hidden value","subject":"s"}}]"#;
    let stderr = wrong("--external-access", entry);
    assert!(stderr.contains("Illegal token, must be a set of non-space characters"), "{stderr}");
    assert!(!stderr.contains("hidden value"), "{stderr}");
    let mut command = trailbook(["serve", "--help"]);
    command.env("TRAILBOOK_EXTERNAL_ACCESS", "hidden-value").env("TRAILBOOK_CATALOG", "hidden-value");
    let help = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(help.contains("TRAILBOOK_EXTERNAL_ACCESS") && !help.contains("hidden-value"), "{help}");
}

#[test]
fn a_token_of_the_configuration_reads_and_does_not_write() {
    let access = r#"[{"type":"static","options":{"token":"from-configuration","subject":"reader"}}]"#;
    let server = Harness::start_with(&["--external-access", access]);
    assert_eq!(server.query("from-configuration", &[]).code, Some(0));
    let file = server.file("one.ndjson", "{\"source\":\"s\",\"action\":\"a\"}\n");
    let ended = server.send("from-configuration", &[&file]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("events.write"), "{}", ended.stderr);
}

#[test]
fn an_unknown_flag_is_wrong_usage() {
    assert_eq!(run(["serve", "--fast"]).code, Some(2));
    assert_eq!(run::<&str>([]).code, Some(2));
    assert_eq!(run(["--help"]).code, Some(0));
}
