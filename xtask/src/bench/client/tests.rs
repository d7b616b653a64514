//! The client against a server of a few lines, in the same process.

use super::super::generate::Generator;
use super::{Limits, Request, content_length, hexadecimal, run};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Answers every request of one connection with `status`, one sequence for each line of its body.
fn serve(mut stream: TcpStream, status: u16) {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head).expect("a length")
        {
            assert!(head.starts_with("POST /api/v1/events HTTP/1.1") && head.contains("authorization: Bearer t"));
            let entries: Vec<&str> = body.lines().map(|_| r#"{"id":"x","sequence":1}"#).collect();
            let answer = format!(r#"{{"events":[{}]}}"#, entries.join(","));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).expect("answering");
            read.clear();
        }
        match stream.read(&mut chunk).expect("reading") {
            0 => return,
            length => read.extend_from_slice(&chunk[..length]),
        }
    }
}

fn load_of(status: u16, connections: usize, per_request: usize, events_max: u64) -> super::Load {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for stream in listener.incoming().take(connections) {
                let stream = stream.expect("a connection");
                scope.spawn(move || serve(stream, status));
            }
        });
        let mut generator = Generator::new(1_800_000_000);
        let mut pool = || (0..3).map(|_| Request::new(&address, "t", &generator.body(per_request))).collect();
        let pools = (0..connections).map(|_| pool()).collect();
        run(&address, pools, per_request, Limits { duration: Duration::from_secs(60), events_max }).expect("a load")
    })
}

#[test]
fn every_answer_is_counted_and_the_limit_holds() {
    let load = load_of(201, 4, 5, 500);
    assert_eq!((load.events, load.refused, load.latencies_us.len()), (500, 0, 100));
    assert_eq!(load_of(201, 8, 1, 41).events, 41);
}

#[test]
fn refusals_are_counted_and_end_a_connection() {
    let load = load_of(503, 2, 1, 1_000_000);
    assert_eq!((load.events, load.refused), (0, 20));
    assert!(load.refusal.expect("a refusal").starts_with("503: {"));
}

#[test]
fn request_ids_are_renewed_in_place() {
    let body = Generator::new(1_800_000_000).body(20);
    let mut request = Request::new("a", "t", &body);
    let before = request.bytes.clone();
    request.renew_request_ids(&mut super::Random::new(7));
    let changed: Vec<usize> = (0..before.len()).filter(|&at| before[at] != request.bytes[at]).collect();
    assert_eq!(request.bytes.len(), before.len());
    assert!(!changed.is_empty());
    let is_inside = |at: usize| request.request_id_offsets.iter().any(|offset| (*offset..offset + 32).contains(&at));
    assert!(changed.into_iter().all(is_inside));
    assert_eq!(&hexadecimal(0xfedc_ba98_7654_3210), b"0123456789abcdef");
}
