//! Bytes that no client library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{EVENTS, MINIMAL, Server, run};

fn post(server: &Server, headers: &str, body: &str) -> Vec<u8> {
    format!("{}{body}", server.head(&format!("POST {EVENTS} HTTP/1.1"), headers)).into_bytes()
}

#[test]
fn ambiguous_lengths_cannot_smuggle_a_request() {
    run(async {
        let server = Server::start().await;
        let inner = format!(
            "POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 27\r\n\r\n",
            server.token
        );
        let chunk = format!("{:x}\r\n{MINIMAL}\r\n0\r\n\r\n", MINIMAL.len());
        // Both lengths: chunks count, and nothing after them is a request.
        for headers in [
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        ] {
            let head = server.head(&format!("POST {EVENTS} HTTP/1.1"), headers).replace("Connection: close\r\n", "");
            let before = server.total().await;
            let answer = server.raw(format!("{head}{chunk}{inner}{MINIMAL}").as_bytes()).await;
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
            let recorded = u64::from(answer.starts_with("HTTP/1.1 201"));
            assert_eq!(server.total().await, before + recorded);
        }
        let before = server.total().await;
        for headers in [
            "Content-Length: 27\r\nContent-Length: 28\r\n",
            "Content-Length: 27, 28\r\n",
            "Content-Length: +27\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x1b\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Content-Length : 27\r\n",
            " Content-Length: 27\r\n",
            "X: a\r\n folded\r\nContent-Length: 27\r\n",
            "X: a\0b\r\nContent-Length: 27\r\n",
        ] {
            let answer = server.raw(&post(&server, headers, MINIMAL)).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{headers:?}: {answer:?}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers:?}: {answer}");
        }
        for chunks in ["zz\r\n", "-1\r\n", &format!("1a\r\n{MINIMAL}\r\n0\r\n\r\n"), "fffffffffffffffff\r\n"] {
            let answer = server.raw(&post(&server, "Transfer-Encoding: chunked\r\n", chunks)).await;
            assert!(!answer.starts_with("HTTP/1.1 2"), "{chunks:?}: {answer:?}");
        }
        assert_eq!(server.total().await, before);
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    run(async {
        let server = Server::start().await;
        let length = format!("Content-Length: {}\r\n", MINIMAL.len());
        let one = String::from_utf8(post(&server, &length, MINIMAL)).unwrap();
        let open = one.replace("Connection: close\r\n", "");
        let wrong = open.replace(r#""source""#, r#""sauce!""#);
        let answers = server.raw([open.as_str(), &wrong, &open, &one, &open].concat().as_bytes()).await;
        let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses, ["201", "400", "201", "201"], "nothing after Connection: close");
        assert_eq!(server.total().await, 3);
    });
}

#[test]
fn http_1_0_is_served() {
    run(async {
        let server = Server::start().await;
        let length = format!("Content-Length: {}\r\n", MINIMAL.len());
        let old = String::from_utf8(post(&server, &length, MINIMAL)).unwrap().replace("HTTP/1.1", "HTTP/1.0");
        let answer = server.raw(old.replace("Connection: close\r\n", "").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.0 201 "), "{answer}");
        let chunked = server.head(&format!("POST {EVENTS} HTTP/1.0"), "Transfer-Encoding: chunked\r\n");
        assert!(server.raw(format!("{chunked}0\r\n\r\n").as_bytes()).await.contains(" 400 "));
        let none = server.head(&format!("POST {EVENTS} HTTP/1.0"), "");
        assert!(server.raw(none.as_bytes()).await.contains(" 400 "), "no length is an empty body");
        assert_eq!(server.total().await, 1);
    });
}

#[test]
fn what_is_no_http_is_refused() {
    run(async {
        let server = Server::start().await;
        for bytes in [
            &b"hello\r\n\r\n"[..],
            b"GET\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET /livez HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            let answer = server.raw(bytes).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{bytes:?}: {answer:?}");
        }
        let many: String = (0..200).map(|i| format!("X-{i}: v\r\n")).collect();
        let answer = server.raw(server.head("GET /livez HTTP/1.1", &many).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
        let long = format!("X: {}\r\n", "v".repeat(1024 * 1024));
        let answer = server.raw(server.head("GET /livez HTTP/1.1", &long).as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
        let absolute = server.raw(server.head("GET http://x/livez HTTP/1.1", "").as_bytes()).await;
        assert!(absolute.starts_with("HTTP/1.1 200 "), "{absolute:?}");
        server.expect_nothing_recorded().await;
    });
}

#[test]
fn nothing_of_a_request_becomes_a_header() {
    run(async {
        let server = Server::start().await;
        let key = format!("Content-Length: {}\r\nIdempotency-Key: a\r\n", MINIMAL.len());
        let answer = server.raw(&post(&server, &key, MINIMAL)).await;
        assert!(answer.starts_with("HTTP/1.1 201 "));
        for path in
            ["/x%0d%0aSet-Cookie:%20a=b", "/api/v1/events?%0d%0aSet-Cookie:a=b", "/api/audit-log/%0aSet-Cookie:a"]
        {
            let answer = server.raw(server.head(&format!("GET {path} HTTP/1.1"), "").as_bytes()).await;
            let (head, _) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 4") && !head.to_lowercase().contains("cookie"), "{answer}");
        }
    });
}

#[test]
fn slow_and_vanishing_clients_do_not_disturb_others() {
    run(async {
        let server = Server::start().await;
        let head = server.head(&format!("POST {EVENTS} HTTP/1.1"), "Content-Length: 1000000\r\n");
        let mut slow = Vec::new();
        for i in 0..60 {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            let part = if i % 2 == 0 { head.as_str() } else { &head[..40] };
            stream.write_all(part.as_bytes()).await.unwrap();
            stream.write_all(br#"{"source":"s","#).await.unwrap();
            slow.push(stream);
        }
        timeout(Duration::from_secs(5), server.post(MINIMAL)).await.unwrap().expect(201);
        // Half of them vanish in the middle.
        slow.truncate(30);
        timeout(Duration::from_secs(5), server.post(MINIMAL)).await.unwrap().expect(201);
        assert_eq!(server.total().await, 2);
        drop(slow);
        assert_eq!(server.total().await, 2);
    });
}

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on() {
    run(async {
        let server = Server::start().await;
        let headers = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", MINIMAL.len());
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(server.head(&format!("POST {EVENTS} HTTP/1.1"), &headers).as_bytes()).await.unwrap();
        let mut first = [0; 25];
        timeout(Duration::from_secs(5), stream.read_exact(&mut first)).await.unwrap().unwrap();
        assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(MINIMAL.as_bytes()).await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.starts_with("HTTP/1.1 201 "), "{rest}");
    });
}
