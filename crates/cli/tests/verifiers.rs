//! Verifiers that are not ours: Go's `golang.org/x/mod/sumdb`, the script of docs/verify.md, and `openssl`.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Ended, Harness, run, shown};
use crate::verify::{Filled, fetch, filled, logs, range_of_three, refuses_every_change, resources, tiles, unpack};

const SCRIPT: &str = "../../docs/verify.py";
const GO_PROGRAM: &str = "tests/verifiers/verify.go";

fn ended(command: &mut Command) -> Ended {
    command.output().expect("the verifier is installed").into()
}

fn script(key: &str, path: &Path) -> Ended {
    ended(Command::new("python3").arg(SCRIPT).args([key, &shown(path)]))
}

#[track_caller]
fn assert_says(ended: &Ended, words: &str) {
    assert_eq!((ended.code, ended.stdout.contains(words)), (Some(0), true), "{words}: {ended:?}");
}

#[test]
fn the_script_of_the_docs_accepts_what_is_proven_and_nothing_else() {
    let filled = filled(&[]);
    let all = unpack(&filled.export("all.zip", &[]));
    assert_says(&script(&filled.key, &all), "all 725 events");
    let nothing = unpack(&filled.export("nothing.zip", &["--recorded-to", "2020-01-01T00:00:00Z"]));
    assert_says(&script(&filled.key, &nothing), "complete");
    let members = unpack(&filled.export("members.zip", &["severity:medium"]));
    assert_says(&script(&filled.key, &members), "members");
    let (from, to) = range_of_three(&filled);
    let range = unpack(&filled.export("range.zip", &["--recorded-from", &from, "--recorded-to", &to]));
    assert_says(&script(&filled.key, &range), "complete");

    let newest = filled.server.query(&filled.token, &["--limit", "1"]);
    let event: serde_json::Value = serde_json::from_str(newest.stdout.trim()).unwrap();
    let proof = fetch(&filled, &format!("/api/v1/events/{}/proof", event["id"].as_str().unwrap()));
    let proof = filled.server.file("proof.json", proof);
    assert_eq!(script(&filled.key, Path::new(&proof)).code, Some(0));

    let scratch = filled.server.folder.path().join("scratch");
    let verify = |path: &Path| script(&filled.key, path);
    let changed = refuses_every_change(&range, &scratch, &verify) + refuses_every_change(&members, &scratch, &verify);
    assert!(changed > 55, "{changed}");
}

#[test]
fn the_script_of_the_docs_is_short() {
    let text = std::fs::read_to_string(SCRIPT).unwrap();
    assert!(text.lines().count() < 200, "a person is to read it");
}

/// The Go program, built once.
fn go(filled: &Filled) -> String {
    let program = shown(&filled.server.folder.path().join("verify"));
    let built = Command::new("go")
        .args(["build", "-o", &program, GO_PROGRAM])
        .envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", "")])
        .env("GOCACHE", filled.server.folder.path().join("gocache"))
        .output()
        .expect("Go is installed");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}

#[test]
fn gos_transparency_log_accepts_our_tiles_and_checkpoints_and_no_others() {
    let filled = filled(&[]);
    let program = go(&filled);
    let old = tiles(&filled, "old");
    let log = logs(&filled.server.data_dir())[0].clone();
    let clock = log["clock_vkey"].as_str().unwrap();
    let more = filled.server.file("more.ndjson", "{\"source\":\"s\",\"action\":\"a\"}\n".repeat(1_900));
    assert_eq!(filled.server.send(&filled.token, &[&more]).code, Some(0));
    let data_dir = filled.server.data_dir();
    filled.server.wait_until(|| logs(&data_dir)[0]["size"] == 2_624);
    let new = tiles(&filled, "new");
    let verify = |folder: &Path| {
        let old_checkpoint = shown(&old.join("checkpoint"));
        ended(Command::new(&program).args([&shown(folder), &filled.key, &old_checkpoint, clock]))
    };
    assert_says(&verify(&new), &format!("ok 2624 {}", log_root(&filled)));
    for path in resources(&new) {
        let good = std::fs::read(&path).unwrap();
        let mut bytes = good.clone();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(verify(&new).code, Some(1), "{path:?} changed");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(verify(&new).code, Some(1), "{path:?} removed");
        std::fs::write(&path, good).unwrap();
    }
    // Another log does not continue this one.
    let other = crate::verify::filled(&[]);
    let stranger = tiles(&other, "stranger");
    std::fs::copy(stranger.join("checkpoint"), old.join("checkpoint")).unwrap();
    assert_eq!(verify(&new).code, Some(1), "of another log");
}

fn log_root(filled: &Filled) -> String {
    let list = fetch(filled, "/api/v1/logs");
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    list["data"][0]["root"].as_str().unwrap().to_owned()
}

/// The signature alone, as docs/verify.md shows it.
#[test]
fn openssl_accepts_the_signature_of_a_checkpoint() {
    let server = Harness::start();
    let token = server.token(&["--scope", "log.read", "--scope", "events.read"]);
    let key = logs(&server.data_dir())[0]["vkey"].as_str().unwrap().to_owned();
    let filled = Filled { server, token, key };
    let log = logs(&filled.server.data_dir())[0].clone();
    let note = fetch(&filled, &format!("/log/{}/checkpoint", log["id"].as_str().unwrap()));
    let note = String::from_utf8(note).unwrap();
    let (body, signatures) = note.split_once("\n\n").unwrap();
    let signature = STANDARD.decode(signatures.lines().next().unwrap().rsplit(' ').next().unwrap()).unwrap();
    let public = STANDARD.decode(filled.key.splitn(3, '+').nth(2).unwrap()).unwrap();
    let der =
        [[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00].as_slice(), &public[1..]].concat();
    let (public, body_file) = (filled.server.file("pub.der", der), filled.server.file("body", format!("{body}\n")));
    let verify = |signature: &[u8]| {
        let signature = filled.server.file("sig", signature);
        ended(
            Command::new("openssl")
                .args(["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-keyform", "DER"])
                .args(["-rawin", "-in", &body_file, "-sigfile", &signature]),
        )
    };
    assert_says(&verify(&signature[4..]), "Signature Verified Successfully");
    let mut other = signature[4..].to_vec();
    other[5] ^= 1;
    assert_eq!(verify(&other).code, Some(1));
    assert_eq!(run(["verify", "--key", &filled.key, &body_file]).code, Some(1), "a body alone is no proof");
}
