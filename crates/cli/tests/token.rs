//! `trailbook token`: what it prints and what a token may do.

use serde_json::Value;

use crate::harness::{Ended, Harness, run, run_with_input, shown};

fn token(data_dir: &str, arguments: &[&str]) -> Ended {
    let (command, flags) = arguments.split_first().unwrap();
    run([["token", command, "--data-dir", data_dir].as_slice(), flags].concat())
}

fn entries(data_dir: &str) -> Vec<Value> {
    let ended = token(data_dir, &["list", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

fn entry(data_dir: &str, name: &str) -> Value {
    entries(data_dir).into_iter().find(|entry| entry["name"] == name).unwrap()
}

#[test]
fn the_token_stands_alone_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(&folder.path().join("new"));
    let ended = token(&data_dir, &["create", "--name", "portal"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let value = ended.stdout.strip_suffix('\n').unwrap();
    assert!(value.len() >= 32 && !value.contains(char::is_whitespace), "{value:?}");
    assert!(ended.stderr.contains("portal") && !ended.stderr.contains(value), "{}", ended.stderr);
    assert_eq!(entry(&data_dir, "portal")["scopes"], serde_json::json!(["events.read"]));

    let again = token(&data_dir, &["create", "--name", "portal"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""));
    assert!(again.stderr.contains("has a value already"), "{}", again.stderr);
}

#[test]
fn flags_say_what_a_token_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(folder.path());
    let create = |name: &str, flags: &[&str]| {
        let ended = token(&data_dir, &[["create", "--name", name].as_slice(), flags].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended
    };
    create("both", &["--scope", "events.write", "--scope", "events.read"]);
    create("portal", &["--plugin", "audit-log", "--permission", "audit.log.read"]);
    create("mixed", &["--plugin", "audit-log", "--scope", "events.write"]);
    let acme = create("elsewhere", &["--organization", "acme"]);
    assert!(acme.stderr.contains("made the organization \"acme\""), "{}", acme.stderr);
    assert!(!create("more", &["--organization", "acme"]).stderr.contains("made the organization"));

    assert_eq!(entry(&data_dir, "both")["scopes"], serde_json::json!(["events.write", "events.read"]));
    let portal = entry(&data_dir, "portal");
    assert_eq!(portal["scopes"], serde_json::json!([]));
    assert_eq!(portal["restrictions"][0]["plugin"], "audit-log");
    assert_eq!(portal["restrictions"][0]["permissions"], serde_json::json!(["audit.log.read"]));
    let mixed = entry(&data_dir, "mixed");
    assert_eq!(mixed["scopes"], serde_json::json!(["events.write"]));
    assert_eq!(mixed["restrictions"][0]["permissions"], Value::Null);
    assert_eq!(entry(&data_dir, "elsewhere")["organization"], "acme");

    for wrong in [["--scope", "events.delete"], ["--permission", "audit.log.read"], ["--organization", "a b"]] {
        let ended = token(&data_dir, &[["create", "--name", "wrong"].as_slice(), &wrong].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{wrong:?}");
    }
}

#[test]
fn the_portals_entry_gets_a_value_and_keeps_what_it_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(folder.path());
    let create = |value: &str| {
        let flags = ["token", "create", "--data-dir", &data_dir, "--name", "audit-log-api-access", "--value-stdin"];
        run_with_input(flags, value.as_bytes())
    };
    for (value, reason) in [("short\n", "at least 8 characters"), ("with space\n", "non-space"), ("", "non-space")] {
        let ended = create(value);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{value:?}");
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    let ended = create("my-own-token-value\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "my-own-token-value\n"));
    let entry = entry(&data_dir, "audit-log-api-access");
    assert_eq!((&entry["scopes"], &entry["has_value"]), (&serde_json::json!([]), &Value::Bool(true)));
    assert_eq!(entry["restrictions"][0]["plugin"], "audit-log");
}

#[test]
fn lists_show_everything_but_values() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(folder.path());
    let value = token(&data_dir, &["create", "--name", "reader"]).stdout;
    let list = token(&data_dir, &["list"]);
    assert_eq!(list.code, Some(0));
    let lines: Vec<&str> = list.stdout.lines().collect();
    assert!(lines[0].starts_with("ORGANIZATION  NAME"), "{list:?}");
    assert!(lines[1].contains("audit-log-api-access") && lines[1].contains("audit-log:audit.log.read"), "{list:?}");
    assert!(lines[2].contains("reader") && lines[2].contains("events.read") && lines[2].contains("set"), "{list:?}");
    assert!(!list.stdout.contains(value.trim_end()));

    let missing = token(&shown(&folder.path().join("none")), &["list"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("is no folder of a trailbook server") && !folder.path().join("none").exists());
    let other = tempfile::tempdir().unwrap();
    assert_eq!(token(&shown(other.path()), &["list"]).code, Some(2));
    assert_eq!(other.path().read_dir().unwrap().count(), 0, "looking makes nothing");
}

#[test]
fn a_revoked_token_lets_nobody_in_beside_a_running_server() {
    let server = Harness::start();
    let data_dir = shown(&server.data_dir());
    let value = server.token(&["--scope", "events.read"]);
    assert_eq!(server.query(&value, &[]).code, Some(0));
    assert_eq!(token(&data_dir, &["revoke", "--name", "test"]).code, Some(0));
    server.wait_for_token(&value, 2);
    for name in ["test", "never", "audit-log-api-access"] {
        let ended = token(&data_dir, &["revoke", "--name", name]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("there is no token"), "{}", ended.stderr);
    }
    assert_eq!(token(&data_dir, &["revoke", "--name", "test", "--organization", "none"]).code, Some(1));
}

#[test]
fn lists_have_the_uuid_of_each_organization() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = shown(&folder.path().join("new"));
    for (name, organization) in [("a", "default"), ("b", "default"), ("c", "other")] {
        let ended = token(&data_dir, &["create", "--name", name, "--organization", organization]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let uuid = |name: &str| entry(&data_dir, name)["organization_uuid"].as_str().unwrap().to_owned();
    assert_eq!((uuid("a").len(), uuid("a")), (36, uuid("b")));
    assert_ne!(uuid("a"), uuid("c"));
    let ended = run(["log", "list", "--json", "--data-dir", &data_dir]);
    let logs: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let listed = |name: &str| logs.iter().find(|log| log["organization"] == name).unwrap()["organization_uuid"].clone();
    assert_eq!((listed("default"), listed("other")), (uuid("a").into(), uuid("c").into()));
}
