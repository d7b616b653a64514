//! `trailbook verify`, `export` and `log`: what is proven, and that nothing else is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use trailbook_store::credential::{Permission, new_token};
use trailbook_store::members::{NewMember, NewRole};
use trailbook_store::{Catalog, Clock, DEFAULT_ORGANIZATION};

use crate::harness::{EVENTS, Ended, Harness, run, shown};

/// Scopes of a token that may do everything here.
pub(crate) const SCOPES: [&str; 8] =
    ["--scope", "events.write", "--scope", "events.read", "--scope", "log.read", "--scope", "exports"];

/// A server with events of several seconds, its token, and the key of its log.
pub(crate) struct Filled {
    pub(crate) server: Harness,
    pub(crate) token: String,
    pub(crate) key: String,
}

pub(crate) fn filled(flags: &[&str]) -> Filled {
    let server = Harness::start_with(flags);
    let token = server.token(&SCOPES);
    let ended = server.send(&token, &[EVENTS]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let data_dir = server.data_dir();
    server.wait_until(|| logs(&data_dir)[0]["size"].as_u64() >= Some(724));
    let key = key_of(&data_dir);
    Filled { server, token, key }
}

pub(crate) fn logs(data_dir: &Path) -> Value {
    let ended = run(["log", "list", "--json", "--data-dir", &shown(data_dir)]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut logs: Value = serde_json::from_str(&ended.stdout).unwrap();
    // The server keeps one of its own beside them.
    logs.as_array_mut().unwrap().retain(|log| log["organization"] == DEFAULT_ORGANIZATION);
    logs
}

/// The key of the open log.
pub(crate) fn key_of(data_dir: &Path) -> String {
    let logs = logs(data_dir);
    let open = logs.as_array().unwrap().iter().find(|log| log["state"] == "open").unwrap();
    open["vkey"].as_str().unwrap().to_owned()
}

impl Filled {
    /// Takes events out into a file of this name.
    pub(crate) fn export(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.server.folder.path().join(name);
        let ended =
            run([["export", "--url", &self.server.url, "--token", &self.token, &shown(&path)].as_slice(), arguments]
                .concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        path
    }
}

fn verify(key: &str, path: &Path) -> Ended {
    run(["verify", "--key", key, &shown(path)])
}

/// The ZIP unpacked beside itself.
pub(crate) fn unpack(zip: &Path) -> PathBuf {
    let folder = zip.with_extension("");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
    archive.extract(&folder).unwrap();
    folder
}

#[track_caller]
fn assert_proven(ended: &Ended, words: &str) {
    assert_eq!((ended.code, ended.stdout.contains(words)), (Some(0), true), "{words}: {ended:?}");
}

#[track_caller]
fn assert_refused(ended: &Ended, what: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{what}: {ended:?}");
    assert!(ended.stderr.starts_with("NOT PROVEN: "), "{what}: {ended:?}");
}

/// A token of a member of whom a role hides who acted.
fn hidden_from(filled: &Filled) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let catalog = Catalog::open(&filled.server.data_dir(), None, Clock::system()).await.unwrap();
        let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let narrowing = json!({"without": ["actor.id", "actor.email"]}).to_string();
        let role = NewRole {
            handle: "hidden".to_owned(),
            name: "Hidden".to_owned(),
            description: String::new(),
            permissions: vec![Permission::Exports],
            narrowing: Some(narrowing),
        };
        catalog.create_role(&organization, &role).await.unwrap();
        let role = catalog.credentials().await.unwrap().directory().role(&organization, "hidden").unwrap().id;
        let new = NewMember {
            email: "jane@acme.example".to_owned(),
            name: "Jane".to_owned(),
            password: None,
            provided: None,
            roles: vec![role],
            groups: Vec::new(),
        };
        let member = catalog.create_member(&organization, &new).await.unwrap();
        let token = new_token().unwrap();
        let scopes = (vec![Permission::Exports], None);
        catalog.create_personal_token(&organization, &member, ("hidden", &token), scopes).await.unwrap();
        token
    })
}

#[test]
fn an_export_whose_events_lack_fields_proves_nothing() {
    let mut filled = filled(&[]);
    filled.token = hidden_from(&filled);
    let all = filled.export("hidden.zip", &[]);
    let ended = verify(&filled.key, &all);
    assert_refused(&ended, "fields were taken out");
    let reason = "fields were taken out of its events (actor.email, actor.id), so nothing is proven";
    assert!(ended.stderr.contains(reason), "{ended:?}");
    let folder = unpack(&all);
    assert_refused(&verify(&filled.key, &folder), "fields were taken out");
    assert!(!folder.join("openings.ndjson").exists());
    let script = Command::new("python3").args(["../../docs/verify.py", &filled.key]).arg(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&script.stderr);
    assert!(said.contains("fields were taken out of the events, so nothing is proven"), "{said}");
    assert!(!script.status.success());
}

#[test]
fn an_export_is_proven_complete_or_to_have_members() {
    let filled = filled(&[]);
    // That it was ordered is in it too.
    let all = filled.export("all.zip", &[]);
    let ended = verify(&filled.key, &all);
    assert_proven(&ended, "Proven complete: all 725 events recorded in the log trailbook/log/");
    assert!(ended.stdout.contains(&format!("signed by {}", filled.key)), "{ended:?}");
    assert_proven(&verify(&filled.key, &unpack(&all)), "Proven complete: all 725 events");

    let (from, to) = range_of_three(&filled);
    let range = filled.export("range.zip", &["--recorded-from", &from, "--recorded-to", &to]);
    let words = format!("from {from} to before {to} are here, unchanged, and none is left out");
    assert_proven(&verify(&filled.key, &range), &words);
    let nothing = filled.export("nothing.zip", &["--recorded-to", "2020-01-01T00:00:00Z"]);
    assert_proven(&verify(&filled.key, &nothing), "Proven complete: nothing was recorded in the log");
    let failed = filled.export("failed.zip", &["outcome:failed"]);
    assert_proven(&verify(&filled.key, &failed), "Proven: each of the 132 events is in the log");
    let none = filled.export("none.zip", &["action:nothing"]);
    assert_refused(&verify(&filled.key, &none), "nothing was found");

    let (origin, _) = filled.key.split_once('+').unwrap();
    let other = format!("{origin}+00000000+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");
    assert_eq!(verify(&other, &all).code, Some(2), "its id is not that of its key");
    let other = "audit.example/log+47a2d2e2+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    assert_refused(&verify(other, &all), "the key of another log");
    // There is a file of this name already.
    let again = run(["export", "--url", &filled.server.url, "--token", &filled.token, &shown(&all)]);
    assert_eq!(again.code, Some(2), "{again:?}");
}

/// Changes a file of an export, and its hash and length in the manifest, as somebody would who wants to be believed.
fn change(folder: &Path, name: &str, change: impl FnOnce(&mut Vec<String>)) {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, &text).unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let sha256: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    change_manifest(folder, |manifest| manifest["files"][name] = json!({"bytes": text.len(), "sha256": sha256}));
}

fn change_manifest(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(path, manifest.to_string()).unwrap();
}

/// Changes one member of a line of JSON.
fn set(line: &mut String, name: &str, value: Value) {
    let mut object: Value = serde_json::from_str(line).unwrap();
    object[name] = value;
    *line = object.to_string();
}

type Change = Box<dyn Fn(&Path)>;

/// Everything that somebody could do to an export, apart from what its hashes alone would tell.
fn changes() -> Vec<(&'static str, Change)> {
    let of_file = |name: &'static str, act: fn(&mut Vec<String>)| -> Change { Box::new(move |f| change(f, name, act)) };
    let of_manifest = |act: fn(&mut Value)| -> Change { Box::new(move |f| change_manifest(f, act)) };
    let (events, openings) = ("events.ndjson", "openings.ndjson");
    vec![
        ("an event changed", of_file(events, |lines| lines[7] = lines[7].replace("\"action\"", "\"actiom\""))),
        ("an event removed", of_file(events, |lines| drop(lines.remove(7)))),
        ("an event doubled", of_file(events, |lines| lines.insert(7, lines[7].clone()))),
        ("two events swapped", of_file(events, |lines| lines.swap(7, 8))),
        ("the last event removed", of_file(events, |lines| drop(lines.pop()))),
        ("an event added", of_file(events, |lines| lines.push(lines[0].clone()))),
        ("white space added", of_file(events, |lines| lines[7].push(' '))),
        ("an opening removed", of_file(openings, |lines| drop(lines.remove(7)))),
        ("the first opening removed", of_file(openings, |lines| drop(lines.remove(0)))),
        ("the last opening removed", of_file(openings, |lines| drop(lines.pop()))),
        ("two openings swapped", of_file(openings, |lines| lines.swap(7, 8))),
        ("a sequence changed", of_file(openings, |lines| set(&mut lines[7], "sequence", json!(9)))),
        ("a time changed", of_file(openings, |lines| set(&mut lines[7], "recorded_ms", json!(1)))),
        ("a salt changed", of_file(openings, |lines| set(&mut lines[7], "salt", json!("AAAAAAAAAAAAAAAAAAAAAA==")))),
        ("a salt taken away", of_file(openings, |lines| set(&mut lines[7], "salt", Value::Null))),
        ("a line of garbage", of_file(openings, |lines| lines[7] = "{".to_owned())),
        ("a count changed", of_manifest(|m| m["logs"][0]["events"] = json!(1))),
        ("openings not counted", of_manifest(|m| m["logs"][0]["openings"] = json!(0))),
        ("the last sequence changed", of_manifest(|m| m["logs"][0]["last_sequence"] = json!(7))),
        ("a log left out", of_manifest(|m| m["logs"] = json!([]))),
        (
            "another kind",
            of_manifest(|m| {
                let is_complete = m["logs"][0]["kind"] == "complete";
                m["logs"][0]["kind"] = json!(if is_complete { "members" } else { "complete" });
            }),
        ),
        (
            "another size",
            of_manifest(|m| {
                let note = m["logs"][0]["checkpoint"].as_str().unwrap();
                let size = note.lines().nth(1).unwrap();
                m["logs"][0]["checkpoint"] = json!(note.replacen(&format!("\n{size}\n"), &format!("\n{size}0\n"), 1));
            }),
        ),
        (
            "no signature",
            of_manifest(|m| {
                let note = m["logs"][0]["checkpoint"].as_str().unwrap();
                let (text, signatures) = note.split_once("\n\n").unwrap();
                let clock = signatures.lines().nth(1).unwrap();
                m["logs"][0]["checkpoint"] = json!(format!("{text}\n\n{clock}\n"));
            }),
        ),
        ("another key", of_manifest(|m| m["logs"][0]["vkey"] = m["logs"][0]["clock_vkey"].clone())),
        ("no format", of_manifest(|m| m["format"] = json!("other"))),
    ]
}

/// What only a complete export can be made to say wrongly.
fn changes_of_ranges() -> Vec<(&'static str, Change)> {
    let of_manifest = |act: fn(&mut Value)| -> Change { Box::new(move |f| change_manifest(f, act)) };
    vec![
        ("the range widened backwards", of_manifest(|m| m["range"]["recorded_from"] = json!("2020-01-01T00:00:00Z"))),
        ("the range without a beginning", of_manifest(|m| m["range"]["recorded_from"] = Value::Null)),
        ("the range without an end", of_manifest(|m| m["range"]["recorded_to"] = Value::Null)),
        ("the range widened forwards", of_manifest(|m| m["range"]["recorded_to"] = json!("2099-01-01T00:00:00Z"))),
        ("a query", of_manifest(|m| m["query"] = json!("outcome=failed"))),
        ("a bound of another time", of_manifest(|m| m["range"]["occurred_from"] = json!("2020-01-01T00:00:00Z"))),
        (
            "an opening and its event removed",
            Box::new(|folder| {
                change(folder, "events.ndjson", |lines| drop(lines.remove(7)));
                change(folder, "openings.ndjson", |lines| {
                    let place = (0..lines.len()).filter(|i| lines[*i].contains("salt")).nth(7).unwrap();
                    lines.remove(place);
                });
                change_manifest(folder, |manifest| {
                    for count in ["events", "openings"] {
                        let less = manifest["logs"][0][count].as_u64().unwrap() - 1;
                        manifest["logs"][0][count] = json!(less);
                    }
                });
            }),
        ),
        (
            "another proof of the first",
            of_manifest(|m| m["logs"][0]["run"]["first"] = m["logs"][0]["run"]["last"].clone()),
        ),
        ("a hash changed", of_manifest(|m| m["logs"][0]["run"]["last"][2] = m["logs"][0]["run"]["last"][1].clone())),
        ("no proof", of_manifest(|m| m["logs"][0]["run"] = Value::Null)),
    ]
}

/// An unpacked export with the key that proves it, in a folder that is put back after each change.
pub(crate) fn refuses_every_change(export: &Path, scratch: &Path, verify: &dyn Fn(&Path) -> Ended) -> usize {
    let is_complete = std::fs::read_to_string(export.join("manifest.json")).unwrap().contains("\"complete\"");
    let ranges = if is_complete { changes_of_ranges() } else { Vec::new() };
    let mut count = 0;
    for (what, act) in changes().into_iter().chain(ranges) {
        std::fs::create_dir_all(scratch).unwrap();
        for name in ["events.ndjson", "openings.ndjson", "manifest.json"] {
            std::fs::copy(export.join(name), scratch.join(name)).unwrap();
        }
        act(scratch);
        let ended = verify(scratch);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{what}: {ended:?}");
        count += 1;
    }
    count
}

/// The middle of the events, recorded apart from what is before and after it.
pub(crate) fn range_of_three(filled: &Filled) -> (String, String) {
    let mut bounds = Vec::new();
    for n in 0..3 {
        // Another process for each of the three, so another millisecond.
        let line =
            filled.server.file("more.ndjson", format!("{{\"source\":\"s\",\"action\":\"part-{n}\"}}\n").repeat(30));
        let ended = filled.server.send(&filled.token, &[&line, "--run", &n.to_string()]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let newest = filled.server.query(&filled.token, &["--limit", "1", &format!("action:part-{n}")]);
        let event: Value = serde_json::from_str(newest.stdout.lines().next().unwrap()).unwrap();
        bounds.push(event["recorded_at"].as_str().unwrap().to_owned());
    }
    (bounds[1].clone(), bounds[2].clone())
}

#[test]
fn no_export_that_was_changed_is_proven() {
    let filled = filled(&[]);
    let scratch = filled.server.folder.path().join("scratch");
    let verify = |path: &Path| {
        let ended = verify(&filled.key, path);
        assert!(ended.stderr.starts_with("NOT PROVEN: "), "{ended:?}");
        ended
    };
    let all = unpack(&filled.export("all.zip", &[]));
    let members = unpack(&filled.export("members.zip", &["severity:medium"]));
    let mut changed = refuses_every_change(&members, &scratch, &verify);
    // Where an export is of all, a bound that excludes nothing says nothing wrong.
    let (from, to) = range_of_three(&filled);
    let range = unpack(&filled.export("range.zip", &["--recorded-from", &from, "--recorded-to", &to]));
    changed += refuses_every_change(&range, &scratch, &verify);
    assert!(changed > 55, "{changed}");

    // Bits of a ZIP are not proven either.
    assert_proven(&run(["verify", "--key", &filled.key, &shown(&all)]), "Proven complete");
    let zip = std::fs::read(filled.server.folder.path().join("all.zip")).unwrap();
    for at in (0..zip.len()).step_by(1 + zip.len() / 40) {
        let mut bytes = zip.clone();
        bytes[at] ^= 4;
        let path = filled.server.folder.path().join("bits.zip");
        std::fs::write(&path, bytes).unwrap();
        let ended = run(["verify", "--key", &filled.key, &shown(&path)]);
        // What a ZIP says of times and permissions is not looked at.
        assert!(ended.code == Some(1) || ended.stdout.contains("all 724 events"), "byte {at}: {ended:?}");
    }
}

/// The content of an event is erased: its commitment stays, and so do all proofs.
#[test]
fn an_erased_event_keeps_its_place_and_every_other_event_its_proof() {
    let filled = filled(&[]);
    let folder = unpack(&filled.export("all.zip", &[]));
    let mut inner = String::new();
    let mut erased = String::new();
    change(&folder, "events.ndjson", |lines| erased = lines.remove(100));
    change(&folder, "openings.ndjson", |lines| {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let opening: Value = serde_json::from_str(&lines[100]).unwrap();
        let salt: [u8; 16] = engine.decode(opening["salt"].as_str().unwrap()).unwrap().try_into().unwrap();
        let text = [b"trailbook/event/v1\0".as_slice(), &salt, erased.as_bytes()].concat();
        inner = engine.encode(ring::digest::digest(&ring::digest::SHA256, &text));
        lines[100] = json!({"sequence": 100, "recorded_ms": opening["recorded_ms"], "inner": inner}).to_string();
    });
    change_manifest(&folder, |manifest| {
        manifest["logs"][0]["events"] = json!(724);
        manifest["logs"][0]["erased"] = json!(1);
    });
    let ended = verify(&filled.key, &folder);
    assert_proven(&ended, "all 725 events recorded in the log");
    assert!(ended.stdout.contains("but for the content of 1 event, which was erased; none is left out"), "{ended:?}");
    // Not every event can be said to have been erased: one commitment stands for one event.
    change(&folder, "openings.ndjson", |lines| {
        let mut opening: Value = serde_json::from_str(&lines[100]).unwrap();
        opening["sequence"] = json!(101);
        lines[101] = opening.to_string();
    });
    assert_refused(&verify(&filled.key, &folder), "another event was erased");
}

#[test]
fn the_proof_of_an_event_is_checked_alone() {
    let filled = filled(&[]);
    let found = filled.server.query(&filled.token, &["--limit", "1"]);
    let event: Value = serde_json::from_str(found.stdout.lines().next().unwrap()).unwrap();
    let id = event["id"].as_str().unwrap();
    let get = |path: &str| fetch(&filled, &format!("/api/v1/events/{id}/proof{path}"));
    let proof = filled.server.file("proof.json", get(""));
    let words = format!("is entry {} of the log", event["sequence"]);
    assert_proven(&run(["verify", "--key", &filled.key, &proof]), &words);
    let key_file = filled.server.file("log.vkey", format!("{}\n", filled.key));
    assert_proven(&run(["verify", "--key", &key_file, &proof]), &words);

    let file = filled.server.file("event.tlog-proof", get("?format=tlog-proof"));
    let shown_event = filled.server.file("event.json", event.to_string());
    assert_proven(&run(["verify", "--key", &filled.key, "--event", &shown_event, &file]), &words);
    assert_eq!(run(["verify", "--key", &filled.key, &file]).code, Some(2), "it needs the event");
    let mut other = event.clone();
    other["action"] = json!("another");
    let other = filled.server.file("other.json", other.to_string());
    assert_refused(&run(["verify", "--key", &filled.key, "--event", &other, &file]), "another event");

    // Each character of the proof, changed.
    let text = std::fs::read_to_string(&proof).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let strange = |name: &str, value: Value| {
        let mut changed: Value = serde_json::from_str(&text).unwrap();
        changed[name] = value;
        run(["verify", "--key", &filled.key, &filled.server.file("changed.json", changed.to_string())])
    };
    for (name, with) in [
        ("sequence", json!(0)),
        ("recorded_ms", json!(1)),
        ("salt", json!("AAAAAAAAAAAAAAAAAAAAAA==")),
        ("event", json!(value["event"].as_str().unwrap().replacen("action", "actiom", 1))),
        ("proof", json!(value["proof"].as_str().unwrap().replacen("index ", "index 1", 1))),
        ("format", json!("trailbook/proof/v2")),
    ] {
        assert_refused(&strange(name, with), name);
    }
}

/// What the server answers.
pub(crate) fn fetch(filled: &Filled, path: &str) -> Vec<u8> {
    let token = format!("Authorization: Bearer {}", filled.token);
    let output = Command::new("curl").args(["-sf", "-H", &token, &format!("{}{path}", filled.server.url)]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{path}");
    output.stdout
}

/// What a log serves, in a folder.
pub(crate) fn tiles(filled: &Filled, name: &str) -> PathBuf {
    let folder = filled.server.folder.path().join(name);
    let log = logs(&filled.server.data_dir())[0].clone();
    let get = |resource: &str| fetch(filled, &format!("/log/{}/{resource}", log["id"].as_str().unwrap()));
    let checkpoint = get("checkpoint");
    let text = String::from_utf8(checkpoint.clone()).unwrap();
    let size: u64 = text.lines().nth(1).unwrap().parse().unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("checkpoint"), checkpoint).unwrap();
    for tile in trailbook_tlog::tile::Tile::all(size) {
        let path = folder.join(tile.path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, get(&tile.path())).unwrap();
    }
    folder
}

/// The files of a folder of tiles.
pub(crate) fn resources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(resources(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_folder_of_tiles_is_a_whole_log_or_nothing() {
    let filled = filled(&[]);
    let folder = tiles(&filled, "tiles");
    assert_proven(&verify(&filled.key, &folder), "Proven: these are all 724 entries of the log");
    for path in resources(&folder) {
        let good = std::fs::read(&path).unwrap();
        for at in [0, good.len() / 2, good.len() - 2] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let ended = verify(&filled.key, &folder);
            let is_clock = path.ends_with("checkpoint") && at == good.len() - 2;
            // The clock's signature is the last line, and not asked for here.
            assert!(is_clock || ended.code == Some(1), "{path:?} byte {at}: {ended:?}");
        }
        std::fs::remove_file(&path).unwrap();
        if !path.ends_with("checkpoint") {
            assert_refused(&verify(&filled.key, &folder), "a file is missing");
        }
        std::fs::write(&path, good).unwrap();
    }
    assert_proven(&verify(&filled.key, &folder), "Proven");
}

#[test]
fn a_servers_log_is_followed_from_a_pinned_checkpoint() {
    let filled = filled(&[]);
    let data_dir = filled.server.data_dir();
    let id = logs(&data_dir)[0]["id"].as_str().unwrap().to_owned();
    let url = format!("{}/log/{id}", filled.server.url);
    let pin = shown(&filled.server.folder.path().join("pin"));
    let follow = |flags: &[&str]| {
        let fixed = ["verify", "--key", &filled.key, "--token", &filled.token, "--pin", &pin, &url];
        run([fixed.as_slice(), flags].concat())
    };
    assert_proven(&follow(&[]), "Seen for the first time: the log");
    assert_proven(&follow(&["--all"]), "Proven: these are all 724 entries of the log");
    let old = std::fs::read_to_string(&pin).unwrap();
    let more = filled.server.file("more.ndjson", "{\"source\":\"s\",\"action\":\"a\"}\n".repeat(700));
    assert_eq!(filled.server.send(&filled.token, &[&more]).code, Some(0));
    filled.server.wait_until(|| logs(&data_dir)[0]["size"] == 1_424);
    assert_proven(&follow(&[]), "has only grown since it was seen last, from 724 to 1,424 entries");

    // A pinned checkpoint that the log cannot have grown from.
    let strange = |text: String| {
        std::fs::write(&pin, text).unwrap();
        follow(&[])
    };
    assert_eq!(strange(old.replacen("\n724\n", "\n723\n", 1)).code, Some(2), "it is not signed");
    assert_eq!(strange("nothing".to_owned()).code, Some(2));
    assert_proven(&strange(old), "from 724 to 1,424 entries");

    let public = |undo: &[&str]| {
        let ended = run([["log", "publish", "default", "--data-dir", &shown(&data_dir)].as_slice(), undo].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
    };
    let bare = || run(["verify", "--key", &filled.key, &url]).code;
    assert_eq!(bare(), Some(2), "it is not public");
    public(&[]);
    filled.server.wait_until(|| bare() == Some(0));
    public(&["--undo"]);
    filled.server.wait_until(|| bare() == Some(2));
    let nobody = run(["log", "publish", "nobody", "--data-dir", &shown(&data_dir)]);
    assert_eq!((nobody.code, nobody.stderr.as_str()), (Some(1), "there is no organization \"nobody\"\n"));
}

/// A data folder that is put back to an older state, with a copy of the checkpoints outside of it.
#[test]
fn a_log_that_lost_entries_is_frozen_and_the_next_one_says_so() {
    let outside = TempDir::new().unwrap();
    let copies = format!("[\"{}\"]", outside.path().display());
    let flags = ["--checkpoint-copies", &copies];
    let old = filled(&flags);
    let (token, old_key) = (old.token.clone(), old.key.clone());
    let (code, folder) = old.server.stop();
    assert_eq!(code, Some(0));
    let backup = TempDir::new().unwrap();
    copy(&folder.path().join("data"), &backup.path().join("data"));

    let server = Harness::start_on(folder, &flags);
    let line = server.file("lost.ndjson", "{\"source\":\"s\",\"action\":\"lost\"}\n");
    assert_eq!(server.send(&token, &[&line]).code, Some(0));
    assert_eq!(server.stop().0, Some(0));

    let data = shown(&backup.path().join("data"));
    let refused = run(["serve", "--listen", "127.0.0.1:0", "--data-dir", &data, "--checkpoint-copies", &copies]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    // The logs of both organizations are behind, that of events and that of the server itself.
    assert!(refused.stderr.contains("it has a checkpoint of "), "{refused:?}");
    assert!(refused.stderr.contains("it was put back to an older state"), "{refused:?}");
    assert!(refused.stderr.contains("`trailbook log freeze --all`"), "{refused:?}");
    // As the message says; the copies are where the server knows them to be.
    let frozen = run(["log", "freeze", "--all", "--data-dir", &data, "--checkpoint-copies", &copies]);
    assert_eq!(frozen.code, Some(0), "{frozen:?}");
    assert!(frozen.stderr.contains("is frozen with 724 entries, of 725 that were published"), "{frozen:?}");

    let server = Harness::start_on(backup, &flags);
    assert_eq!(server.count(&token, &[]), 725, "what is there stays, and the new log's first event is there too");
    let opened = server.query(&token, &["action:log-opened"]);
    let opened: Value = serde_json::from_str(opened.stdout.trim()).unwrap();
    assert_eq!((&opened["sequence"], &opened["source"]), (&json!(0), &json!("trailbook")));
    assert!(opened["message"].as_str().unwrap().contains("725 were published, 724 are left"), "{opened}");
    assert_eq!(opened["meta"]["previous_vkey"], old_key);
    assert!(opened["meta"]["lost_checkpoint"].as_str().unwrap().contains("\n725\n"));
    let new_key = key_of(&server.data_dir());
    assert!(new_key != old_key);

    // Both logs are exported, each under its key.
    let filled = Filled { server, token, key: new_key };
    let export = filled.export("both.zip", &[]);
    assert_refused(&verify(&filled.key, &export), "the old log's key is missing");
    let both = run(["verify", "--key", &filled.key, "--key", &old_key, &shown(&export)]);
    assert_proven(&both, "all 724 events recorded in the log");
    assert_proven(&both, "all 2 events recorded in the log");
    // Pages go through both logs without a gap.
    let pages = filled.server.query(&filled.token, &["--all", "--order", "oldest"]);
    // With what was done with the export: it was ordered, fetched, and deleted.
    assert_eq!(pages.stdout.lines().count(), 725 + 3);
}

/// Keys that cannot be opened any more.
#[test]
fn a_log_whose_secret_is_lost_goes_on_as_another() {
    let filled = filled(&[]);
    let (token, old_key) = (filled.token.clone(), filled.key.clone());
    let (_, folder) = filled.server.stop();
    let data = folder.path().join("data");
    std::fs::remove_file(data.join("secret")).unwrap();
    let refused = run(["serve", "--listen", "127.0.0.1:0", "--data-dir", &shown(&data)]);
    assert!(refused.code == Some(3) && refused.stderr.contains("is missing, without which"), "{refused:?}");
    let unknown = run(["log", "freeze", "nobody", "--data-dir", &shown(&data)]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    for organization in ["default", "system"] {
        let frozen = run(["log", "freeze", organization, "--data-dir", &shown(&data)]);
        assert_eq!(frozen.code, Some(0), "{frozen:?}");
    }
    let server = Harness::start_on(folder, &[]);
    assert_eq!(server.count(&token, &[]), 725);
    let states: Vec<Value> =
        logs(&server.data_dir()).as_array().unwrap().iter().map(|log| log["state"].clone()).collect();
    assert_eq!(states, ["frozen", "open"]);
    let filled = Filled { key: key_of(&server.data_dir()), server, token };
    let export = filled.export("both.zip", &[]);
    assert_refused(&verify(&old_key, &export), "the new log's key is missing");
    let both = run(["verify", "--key", &filled.key, "--key", &old_key, &shown(&export)]);
    assert_proven(&both, "all 724 events recorded in the log");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}
