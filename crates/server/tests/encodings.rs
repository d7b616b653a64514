//! Compressed bodies: whole, broken and hostile.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{EVENTS, MINIMAL, Server, run};

const MIB: usize = 1024 * 1024;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

async fn refused(server: &Server, encoding: &str, body: Vec<u8>) -> String {
    let answer = server.post_with(&[("content-encoding", encoding)], body).await;
    let problem = answer.problem(400, "invalid-body");
    problem["detail"].as_str().unwrap().to_owned()
}

#[test]
fn whole_bodies_are_read() {
    run(async {
        let server = Server::start().await;
        let text = [MINIMAL, MINIMAL].join("\n");
        let parts = [gzip(MINIMAL.as_bytes()), gzip(b"\n"), gzip(MINIMAL.as_bytes())].concat();
        for (encoding, body) in [
            ("gzip", gzip(text.as_bytes())),
            ("GZIP", gzip(text.as_bytes())),
            ("x-gzip", parts),
            ("zstd", zstd(text.as_bytes())),
            (" zstd ", [zstd(MINIMAL.as_bytes()), zstd(format!("\n{MINIMAL}").as_bytes())].concat()),
            ("identity", text.into_bytes()),
        ] {
            let answer = server.post_with(&[("content-encoding", encoding)], body).await;
            assert_eq!(answer.expect(201)["events"].as_array().unwrap().len(), 2, "{encoding}");
        }
        // The answer to a key is that of the events, however they were packed.
        let key = ("idempotency-key", "k");
        let first = server.post_with(&[key, ("content-encoding", "gzip")], gzip(MINIMAL.as_bytes())).await;
        first.expect(201);
        let again = server.post_with(&[key, ("content-encoding", "zstd")], zstd(MINIMAL.as_bytes())).await;
        assert_eq!(again.text(), first.text());
    });
}

#[test]
fn truncated_and_damaged_bodies_are_refused() {
    run(async {
        let server = Server::start().await;
        // Two thousand lines that differ, so that the frame has several blocks.
        let text: String = (0..2_000).map(|i| format!("{{\"source\":\"s\",\"action\":\"{}\"}}\n", i * 7_919)).collect();
        for (encoding, whole) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes()))] {
            for end in (1..whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1]) {
                let detail = refused(&server, encoding, whole[..end].to_vec()).await;
                assert!(detail.contains(encoding), "{end}: {detail}");
            }
            refused(&server, encoding, b"this is neither".to_vec()).await;
            refused(&server, encoding, text.clone().into_bytes()).await;
            refused(&server, encoding, [&whole[..], b"rest"].concat()).await;
            refused(&server, encoding, Vec::new()).await;
        }
        let mut damaged = gzip(text.as_bytes());
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert!(refused(&server, "gzip", damaged).await.contains("gzip"), "its checksum is wrong");
        refused(&server, "gzip", zstd(text.as_bytes())).await;
        refused(&server, "zstd", gzip(text.as_bytes())).await;
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn bombs_are_refused_before_they_unfold() {
    run(async {
        let server = Server::start().await;
        let zeros = vec![0; MIB];
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..1_024 {
            bomb.write_all(&zeros).unwrap();
        }
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 2 * MIB);
        let answer = server.post_with(&[("content-encoding", "gzip")], bomb).await;
        answer.problem(413, "body-too-large");

        let mut long = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        for _ in 0..1_024 {
            long.write_all(&zeros).unwrap();
        }
        let answer = server.post_with(&[("content-encoding", "zstd")], long.finish().unwrap()).await;
        answer.problem(413, "body-too-large");

        // Frames that say that they need a window of 128 MiB, and of 2 GiB.
        let mut huge = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        huge.window_log(27).unwrap();
        huge.include_contentsize(false).unwrap();
        huge.write_all(MINIMAL.as_bytes()).unwrap();
        huge.flush().unwrap();
        let mut huge = huge.finish().unwrap();
        assert!(refused(&server, "zstd", huge.clone()).await.contains("zstd"));
        huge[5] = 0xA8;
        assert!(refused(&server, "zstd", huge).await.contains("zstd"));

        let padded = |bytes: usize| format!("{MINIMAL}{}", " ".repeat(bytes - MINIMAL.len())).into_bytes();
        for (encoding, body) in [("gzip", gzip(&padded(8 * MIB + 1))), ("zstd", zstd(&padded(8 * MIB + 1)))] {
            server.post_with(&[("content-encoding", encoding)], body).await.problem(413, "body-too-large");
        }
        server.expect_nothing_recorded().await;
        for (encoding, body) in [("gzip", gzip(&padded(8 * MIB))), ("zstd", zstd(&padded(8 * MIB)))] {
            server.post_with(&[("content-encoding", encoding)], body).await.expect(201);
        }
    });
}

#[test]
fn other_encodings_are_not_supported() {
    run(async {
        let server = Server::start().await;
        for encoding in ["br", "deflate", "gzip, zstd", "gzip,gzip", "gzip;q=1", "chunked", "?"] {
            let problem =
                server.post_with(&[("content-encoding", encoding)], MINIMAL).await.problem(415, "unsupported-encoding");
            assert!(problem["detail"].as_str().unwrap().contains(&format!("{encoding:?}")), "{problem}");
        }
        let twice = [("content-encoding", "gzip"), ("content-encoding", "gzip")];
        server.post_with(&twice, gzip(&gzip(MINIMAL.as_bytes()))).await.problem(415, "unsupported-encoding");
        server.expect_nothing_recorded().await;
        let empty = server.head(&format!("POST {EVENTS} HTTP/1.1"), "Content-Encoding: gzip\r\n");
        assert!(server.raw(empty.as_bytes()).await.starts_with("HTTP/1.1 400 "));
    });
}
