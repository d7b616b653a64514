//! Logs over HTTP: what is recorded can be proven with what the server gives, and read by whom it is meant for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use ring::digest::{Context, SHA256};
use serde_json::Value;
use trailbook_event::seal;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_tlog::tile::{self, Tile};
use trailbook_tlog::{Checkpoint, Frontier, Hash, Note, ProofFile, VerifierKey, proof};

use crate::harness::{Answer, EVENTS, MINIMAL, Server, answer, run};

const LOGS: &str = "/api/v1/logs";

/// A server with some events, the open log of its first organization, and a token that may read it.
async fn filled(events: usize) -> (Server, Value, String) {
    let server = Server::start().await;
    let body = vec![MINIMAL; events].join("\n");
    server.post_with(&[("content-type", "application/x-ndjson")], body).await.expect(201);
    let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
    let log = loop {
        let list = server.get(&token, LOGS).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        if list["data"][0]["size"] == events {
            break list["data"][0].clone();
        }
        tokio::task::yield_now().await;
    };
    (server, log, token)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

async fn resource(server: &Server, log: &Value, token: &str, resource: &str) -> Answer {
    server.get(token, &format!("{}{resource}", text(log, "path"))).await
}

#[test]
fn a_log_is_listed_and_read_as_the_specification_has_it() {
    run(async {
        let (server, log, token) = filled(300).await;
        assert_eq!(log["state"], "open");
        assert_eq!(log["is_public"], false);
        assert_eq!(text(&log, "origin"), format!("trailbook/log/{}", text(&log, "id")));
        assert_eq!(text(&log, "path"), format!("/log/{}/", text(&log, "id")));
        let key = VerifierKey::parse(text(&log, "vkey")).unwrap();
        let clock = VerifierKey::parse(text(&log, "clock_vkey")).unwrap();

        let found = resource(&server, &log, &token, "checkpoint").await;
        assert_eq!((found.status, found.header("content-type")), (200, "text/plain; charset=utf-8"));
        assert_eq!(found.header("cache-control"), "private, max-age=1");
        let note = Note::parse(&found.text()).unwrap();
        assert_eq!(note.verify(&[key.clone(), clock]).unwrap().len(), 2);
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root.to_string()), (300, text(&log, "root").to_owned()));
        assert_eq!(resource(&server, &log, &token, "vkey").await.text(), format!("{key}\n"));

        // The tree is built anew from the entries, and its tiles are those that are served.
        let mut frontier = Frontier::default();
        let (mut leaves, mut nodes) = (Vec::new(), Vec::new());
        for path in ["tile/entries/000", "tile/entries/001.p/44"] {
            let found = resource(&server, &log, &token, path).await;
            assert_eq!((found.status, found.header("content-type")), (200, "application/octet-stream"), "{path}");
            assert_eq!(found.header("cache-control"), "private, max-age=31536000, immutable");
            for entry in tile::decode_entries(&found.body).unwrap() {
                assert_eq!((entry.len(), entry[0]), (33, 1));
                leaves.push(Hash::leaf(entry));
                frontier.push(Hash::leaf(entry), |node, hash| {
                    if node.height == tile::HEIGHT {
                        nodes.push(hash);
                    }
                });
            }
        }
        assert_eq!(frontier.root(), checkpoint.root);
        let first = resource(&server, &log, &token, "tile/0/000").await;
        assert_eq!(tile::decode_hashes(&first.body).unwrap(), leaves[..256]);
        let part = resource(&server, &log, &token, "tile/0/001.p/7").await;
        assert_eq!(tile::decode_hashes(&part.body).unwrap(), leaves[256..263], "an older width is served still");
        let above = resource(&server, &log, &token, "tile/1/000.p/1").await;
        assert_eq!(tile::decode_hashes(&above.body).unwrap(), nodes);
        for wrong in ["", "tile", "tile/0/1", "tile/0/002", "tile/0/001", "tile/0/001.p/45", "tile/2/000.p/1", "x/../y"]
        {
            let found = resource(&server, &log, &token, wrong).await;
            assert_eq!(found.status, 404, "{wrong}");
        }
        assert_eq!(Tile::all(300).len(), 5);
    });
}

#[test]
fn logs_that_may_not_be_read_look_like_none() {
    run(async {
        let (server, log, token) = filled(1).await;
        let other = server.scoped("another", &[Permission::LogRead]).await;
        let reader = server.scoped(DEFAULT_ORGANIZATION, &[Permission::EventsRead]).await;
        let unknown = text(&log, "path").replace(text(&log, "id"), &"0".repeat(32));
        let of_none = server.get(&token, &format!("{unknown}checkpoint")).await;
        let want = of_none.problem(404, "not-found");
        for token in [other.as_str(), reader.as_str(), "nobody's"] {
            for what in ["checkpoint", "vkey", "tile/0/000.p/1", "tile/entries/000.p/1", "nothing"] {
                assert_eq!(resource(&server, &log, token, what).await.problem(404, "not-found"), want, "{what}");
            }
        }
        let bare = |path: String| answer(server.request(Method::GET, &path));
        assert_eq!(bare(format!("{}checkpoint", text(&log, "path"))).await.problem(404, "not-found"), want);
        server.get(&reader, LOGS).await.problem(403, "not-allowed");
        let others = server.get(&other, LOGS).await.expect(200);
        assert!(text(&others["data"][0], "id") != text(&log, "id"));

        assert!(server.catalog().await.publish_logs(DEFAULT_ORGANIZATION, true).await.unwrap());
        assert!(!server.catalog().await.publish_logs("nobody", true).await.unwrap());
        let path = format!("{}checkpoint", text(&log, "path"));
        let published = loop {
            let found = bare(path.clone()).await;
            if found.status == 200 {
                break found;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(published.header("cache-control"), "public, max-age=1");
        assert_eq!(bare(format!("{}tile/0/000.p/1", text(&log, "path"))).await.status, 200);
        assert_eq!(server.get(&token, LOGS).await.expect(200)["data"][0]["is_public"], true);
        let others_log = format!("{}checkpoint", text(&others["data"][0], "path"));
        assert_eq!(bare(others_log).await.problem(404, "not-found"), want);
    });
}

#[test]
fn an_event_is_proven_to_whoever_trusts_the_key_alone() {
    run(async {
        let (server, log, _) = filled(5).await;
        let body = r#"{"source":"catalog","action":"entity-mutate","actor":{"type":"user","id":"user:default/jane"}}"#;
        let written = server.post(body).await;
        let sequence = written.expect(201)["events"][0]["sequence"].as_u64().unwrap();
        let id = text(&written.json()["events"][0], "id").to_owned();
        let found = server.get(&server.token, &format!("{EVENTS}/{id}/proof")).await.expect(200);
        assert_eq!(text(&found, "format"), "trailbook/proof/v1");
        assert_eq!(found["sequence"], sequence);
        assert_eq!((text(&found, "log"), text(&found, "vkey")), (text(&log, "id"), text(&log, "vkey")));

        let salt: [u8; 16] = STANDARD.decode(text(&found, "salt")).unwrap().try_into().unwrap();
        let recorded_ms = found["recorded_ms"].as_u64().unwrap();
        let inner = seal::inner(&salt, text(&found, "event").as_bytes());
        let leaf = Hash::leaf(&seal::entry(recorded_ms, &inner));
        let file = ProofFile::parse(text(&found, "proof")).unwrap();
        file.checkpoint.verify(&[VerifierKey::parse(text(&log, "vkey")).unwrap()]).unwrap();
        let checkpoint = file.check(&leaf).unwrap();
        assert_eq!((file.index, checkpoint.origin.as_str()), (sequence, text(&log, "origin")));
        let extra = [&[1], recorded_ms.to_be_bytes().as_slice(), &salt].concat();
        assert_eq!(file.extra.as_ref(), Some(&extra));
        // What is proven is what the API shows.
        let shown = server.get(&server.token, &format!("{EVENTS}/{id}")).await.expect(200);
        let mut event: Value = serde_json::from_str(text(&found, "event")).unwrap();
        event["organization"] = "default".into();
        event["sequence"] = sequence.into();
        event["recorded_at"] = shown["recorded_at"].clone();
        assert_eq!(event, shown);

        // The receipt of the write commits the server to the same.
        let digest = {
            let mut context = Context::new(&SHA256);
            context.update(&inner);
            STANDARD.encode(context.finish())
        };
        let want = format!("log=\"{}\", first={sequence}, last={sequence}, digest=:{digest}:", text(&log, "id"));
        assert_eq!(written.header("trailbook-receipt"), want);

        let plain = server.get(&server.token, &format!("{EVENTS}/{id}/proof?format=tlog-proof")).await;
        assert_eq!((plain.status, plain.header("content-type")), (200, "text/plain; charset=utf-8"));
        assert!(plain.header("content-disposition").contains(&format!("{id}.tlog-proof")));
        assert_eq!(ProofFile::parse(&plain.text()).unwrap().index, sequence);

        let proof_of = |id: &str, token: &str| {
            let (path, token) = (format!("{EVENTS}/{id}/proof"), token.to_owned());
            async { (path, token) }
        };
        let (path, _) = proof_of("01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11", "").await;
        server.get(&server.token, &path).await.problem(404, "not-found");
        server.get(&server.token, &format!("{EVENTS}/x/proof")).await.problem(400, "invalid-parameter");
        let wrong = server.get(&server.token, &format!("{EVENTS}/{id}/proof?format=pdf")).await;
        assert_eq!(wrong.problem(400, "invalid-parameter")["parameter"], "format");
        let other = server.scoped("another", &[Permission::EventsRead]).await;
        server.get(&other, &format!("{EVENTS}/{id}/proof")).await.problem(404, "not-found");
        let lacking = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        server.get(&lacking, &format!("{EVENTS}/{id}/proof")).await.problem(403, "not-allowed");
    });
}

#[test]
fn a_log_only_grows() {
    run(async {
        let (server, log, token) = filled(3).await;
        let root = |log: &Value| Hash(STANDARD.decode(text(log, "root")).unwrap().try_into().unwrap());
        let before = root(&log);
        server.post(format!("[{MINIMAL},{MINIMAL}]")).await.expect(201);
        let after = loop {
            let list = server.get(&token, LOGS).await.expect(200);
            if list["data"][0]["size"] == 5 {
                break root(&list["data"][0]);
            }
            tokio::task::yield_now().await;
        };
        let found = server.get(&token, "/api/v1/log/consistency?from=3").await.expect(200);
        assert_eq!((&found["from"], &found["to"], text(&found, "log")), (&3.into(), &5.into(), text(&log, "id")));
        let hashes: Vec<Hash> = found["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| Hash(STANDARD.decode(hash.as_str().unwrap()).unwrap().try_into().unwrap()))
            .collect();
        proof::check_consistency((3, &before), (5, &after), &hashes).unwrap();
        assert_eq!(Checkpoint::parse(Note::parse(text(&found, "checkpoint")).unwrap().text()).unwrap().root, after);
        for (query, parameter) in [
            ("", "from"),
            ("from=6", "from"),
            ("from=3&to=2", "from"),
            ("from=3&to=6", "from"),
            ("from=x", "from"),
            ("from=1&size=2", "size"),
        ] {
            let refused = server.get(&token, &format!("/api/v1/log/consistency?{query}")).await;
            assert_eq!(refused.problem(400, "invalid-parameter")["parameter"], parameter, "{query}");
        }
        let unknown = format!("/api/v1/log/consistency?from=1&log={}", "0".repeat(32));
        server.get(&token, &unknown).await.problem(404, "not-found");
        server.get(&server.token, "/api/v1/log/consistency?from=1").await.problem(403, "not-allowed");
    });
}

#[test]
fn a_receipt_says_what_is_new_of_a_write() {
    run(async {
        let server = Server::start().await;
        let id = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";
        let one = format!(r#"{{"id":"{id}","source":"s","action":"a"}}"#);
        assert!(server.post(one.clone()).await.header("trailbook-receipt").contains("first=0, last=0, digest=:"));
        let mixed = server.post(format!("[{one},{MINIMAL}]")).await;
        let receipt = mixed.header("trailbook-receipt").to_owned();
        assert!(receipt.ends_with("first=0, last=1"), "{receipt}: some of it was sealed before");
        let excluded = r#"{"source":"catalog","action":"entity-fetch","actor":{"type":"service","id":"plugin:x"}}"#;
        assert_eq!(server.post(excluded).await.header("trailbook-receipt"), "", "nothing was recorded");
    });
}
