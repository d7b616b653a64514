//! A server that answers what a test wants, for what a real one does rarely.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// What to answer: the status, further header lines, the body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

/// Starts a server whose answers the function gives, from the body of each request. It ends with the test's process.
pub(crate) fn serve(mut answer: impl FnMut(&str) -> Reply + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // The client ends when it wants.
            let _ = talk(stream, &mut answer);
        }
    });
    url
}

/// The answer to a body of which every line was recorded.
pub(crate) fn recorded(body: &str) -> Reply {
    let entry = |i: usize| format!("{{\"id\":\"00000000-0000-7000-8000-{i:012}\",\"sequence\":{i}}}");
    let entries: Vec<String> = (0..body.lines().count()).map(entry).collect();
    Reply { status: 201, headers: "", body: format!("{{\"events\":[{}]}}", entries.join(",")) }
}

fn talk(mut stream: TcpStream, answer: &mut impl FnMut(&str) -> Reply) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let Reply { status, headers, body } = answer(std::str::from_utf8(&body).unwrap());
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}
