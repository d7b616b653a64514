//! HTTPS, with the certificate in `data/`: for `localhost` and 127.0.0.1, signed by itself, good for a hundred years.

use std::path::{Path, PathBuf};

use reqwest::Certificate;

use crate::harness::{EVENTS, MINIMAL, Server, answer, client, run};

fn data(name: &str) -> PathBuf {
    Path::new("tests/data").join(name)
}

fn settings(cert: &Path, key: &Path) -> String {
    format!("tls_cert = {:?}\ntls_key = {:?}", cert.to_str().unwrap(), key.to_str().unwrap())
}

/// A server with the certificate; its own client is not to be used, for it speaks plain HTTP.
async fn secured() -> Server {
    Server::with(&settings(&data("localhost.cert.pem"), &data("localhost.key.pem"))).await
}

#[test]
fn https_is_served_and_plain_http_is_not() {
    run(async {
        let server = secured().await;
        let base = format!("https://{}", server.address());
        let certificate = Certificate::from_pem(&std::fs::read(data("localhost.cert.pem")).unwrap()).unwrap();
        let trusting = client().tls_certs_only([certificate]).build().unwrap();
        let sent = trusting.post(format!("{base}{EVENTS}")).bearer_auth(&server.token).body(MINIMAL);
        answer(sent).await.expect(201);
        let page = trusting.get(format!("{base}{EVENTS}")).bearer_auth(&server.token);
        assert_eq!(answer(page).await.expect(200)["total"], 1);

        let stranger = client().build().unwrap();
        assert!(
            stranger.get(format!("{base}/livez")).send().await.is_err(),
            "the certificate is not of a known authority"
        );
        let plain = client().build().unwrap();
        assert!(plain.get(format!("http://{}/livez", server.address())).send().await.is_err());
        let answer = server.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(!answer.contains("HTTP/1.1 200"), "{answer:?}");
        drop(trusting);
        server.stop().await;
    });
}

#[test]
fn a_wrong_certificate_or_key_stops_the_start() {
    run(async {
        let dir = tempfile::TempDir::new().unwrap();
        let (cert, key) = (data("localhost.cert.pem"), data("localhost.key.pem"));
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let missing = dir.path().join("missing.pem");
        for (cert, key, named) in [
            (&missing, &key, "missing.pem"),
            (&cert, &missing, "missing.pem"),
            (&empty, &key, "empty.pem"),
            (&cert, &empty, "empty.pem"),
            (&key, &key, "localhost.key.pem"),
            (&cert, &cert, "localhost.cert.pem"),
        ] {
            let folder = dir.path().join("data");
            let toml = format!("{}\nlisten = \"127.0.0.1:0\"\ndata_dir = {folder:?}", settings(cert, key));
            let layer = trailbook_server::settings::Layer::from_toml(&toml).unwrap();
            let error = trailbook_server::start(layer.resolve().unwrap()).await.err().unwrap().to_string();
            assert!(error.contains(named) && error.contains("cannot be used for TLS"), "{error}");
            assert!(!folder.exists(), "nothing was left behind");
        }
    });
}
