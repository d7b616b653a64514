//! A stop finishes what was taken.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{EVENTS, MINIMAL, Server, run};

#[test]
fn a_request_in_work_is_finished_and_durable() {
    run(async {
        let server = Server::start().await;
        let token = server.token.clone();
        let length = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", MINIMAL.len());
        let head = server.head(&format!("POST {EVENTS} HTTP/1.1"), &length).replace("Connection: close\r\n", "");
        let address = server.address();
        let mut busy = TcpStream::connect(address).await.unwrap();
        let mut idle = TcpStream::connect(address).await.unwrap();
        busy.write_all(head.as_bytes()).await.unwrap();
        // Its answer to the head shows that the request is in work.
        let mut first = [0; 25];
        busy.read_exact(&mut first).await.unwrap();
        busy.write_all(&MINIMAL.as_bytes()[..10]).await.unwrap();

        let (work, dir) = server.begin_stop();
        // It takes no more: what was idle is closed.
        let mut nothing = Vec::new();
        idle.read_to_end(&mut nothing).await.unwrap();
        assert_eq!(nothing, b"");
        assert!(TcpStream::connect(address).await.is_err(), "a stopping server takes no connection");
        assert!(!work.is_finished());

        busy.write_all(&MINIMAL.as_bytes()[10..]).await.unwrap();
        let mut answer = String::new();
        busy.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains(r#""sequence":0"#), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        work.await.unwrap().unwrap();

        let server = Server::reopen(dir, token).await;
        assert_eq!(server.total().await, 1);
    });
}

#[test]
fn writes_that_were_answered_are_there_after_a_stop_under_load() {
    run(async {
        let server = Server::start().await;
        let token = server.token.clone();
        let (client, url) = (crate::harness::client().build().unwrap(), format!("http://{}{EVENTS}", server.address()));
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (client, url, token) = (client.clone(), url.clone(), token.clone());
                tokio::spawn(async move {
                    let mut answered = 0;
                    while let Ok(answer) = client.post(&url).bearer_auth(&token).body(MINIMAL).send().await {
                        answered += u64::from(answer.status() == 201);
                    }
                    answered
                })
            })
            .collect();
        while server.total().await < 200 {}
        let (work, dir) = server.begin_stop();
        work.await.unwrap().unwrap();
        let mut answered = 0;
        for writer in writers {
            answered += writer.await.unwrap();
        }
        let server = Server::reopen(dir, token).await;
        let total = server.total().await;
        assert!(total >= answered && answered >= 200, "{total} of {answered}");
        assert!(total <= answered + 8, "{total} of {answered}");
    });
}
