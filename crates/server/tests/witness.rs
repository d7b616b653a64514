//! Witnesses: a small one of our own, as c2sp.org/tlog-witness has it, cosigns the checkpoints of logs that grow.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use trailbook_server::settings::Layer;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_tlog::note::Algorithm;
use trailbook_tlog::witness::{AddCheckpoint, SIZE_MEDIA_TYPE};
use trailbook_tlog::{Checkpoint, Hash, Note, SigningKey, VerifierKey, proof};

use crate::harness::{MINIMAL, Server, run};

const TIME: u64 = 1_800_000_000;

/// What a witness remembers: for each origin the size and root that it saw last.
#[derive(Default)]
struct Memory {
    seen: HashMap<String, (u64, Hash)>,
    /// The keys of logs that it knows.
    keys: Vec<VerifierKey>,
    /// How often it refused.
    conflicts: u64,
    /// Its next answer gets lost.
    loses_answer: bool,
}

#[derive(Clone)]
struct Witness {
    key: Arc<SigningKey>,
    memory: Arc<Mutex<Memory>>,
    address: SocketAddr,
}

impl Witness {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let key = SigningKey::from_seed("witness.example/w1", Algorithm::CosignatureV1, &[2; 32]).unwrap();
        let witness = Self { key: Arc::new(key), memory: Arc::default(), address: listener.local_addr().unwrap() };
        let routes = Router::new().route("/w1/add-checkpoint", post(add_checkpoint)).with_state(witness.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        witness
    }

    /// The setting that makes a server ask it.
    fn setting(&self) -> String {
        format!("witnesses = [{{ vkey = '{}', url = 'http://{}/w1' }}]", self.key.verifier(), self.address)
    }

    /// Lets it know a log, as its operator would.
    fn know(&self, log: &Value) {
        let key = VerifierKey::parse(log["vkey"].as_str().unwrap()).unwrap();
        self.memory.lock().unwrap().keys.push(key);
    }
}

async fn add_checkpoint(State(witness): State<Witness>, body: String) -> Response {
    let answer = |status: StatusCode, text: &str| (status, text.to_owned()).into_response();
    let Ok(request) = AddCheckpoint::parse(&body) else { return answer(StatusCode::BAD_REQUEST, "malformed") };
    let Ok(checkpoint) = Checkpoint::parse(request.checkpoint.text()) else {
        return answer(StatusCode::BAD_REQUEST, "malformed");
    };
    let mut memory = witness.memory.lock().unwrap();
    if !memory.keys.iter().any(|key| key.name() == checkpoint.origin) {
        return answer(StatusCode::NOT_FOUND, "unknown origin");
    }
    if request.checkpoint.verify(&memory.keys).is_err() {
        return answer(StatusCode::FORBIDDEN, "no good signature");
    }
    if request.old_size > checkpoint.size {
        return answer(StatusCode::BAD_REQUEST, "old is larger");
    }
    let (size, root) = memory.seen.get(&checkpoint.origin).copied().unwrap_or((0, Hash::empty_root()));
    if size != request.old_size {
        memory.conflicts += 1;
        return (StatusCode::CONFLICT, [(CONTENT_TYPE, SIZE_MEDIA_TYPE)], format!("{size}\n")).into_response();
    }
    let (old, new) = ((size, &root), (checkpoint.size, &checkpoint.root));
    if proof::check_consistency(old, new, &request.consistency).is_err() {
        return answer(StatusCode::UNPROCESSABLE_ENTITY, "the proof is wrong");
    }
    memory.seen.insert(checkpoint.origin, (checkpoint.size, checkpoint.root));
    if std::mem::take(&mut memory.loses_answer) {
        return answer(StatusCode::INTERNAL_SERVER_ERROR, "lost");
    }
    answer(StatusCode::OK, &format!("{}\n", witness.key.sign(request.checkpoint.text(), TIME)))
}

/// The log of the first organization, once it is as it should be.
async fn log_when(server: &Server, token: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let log = server.get(token, "/api/v1/logs").await.expect(200)["data"][0].clone();
        if is_so(&log) {
            return log;
        }
        assert!(Instant::now() < deadline, "{log}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn checkpoints_are_cosigned_and_shown_so() {
    run(async {
        let witness = Witness::start().await;
        let server = Server::with(&witness.setting()).await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        server.post(MINIMAL).await.expect(201);
        // It does not know the log yet, and says so.
        let log = log_when(&server, &token, |log| log["witnesses"][0]["problem"].is_string()).await;
        assert!(log["witnesses"][0]["problem"].as_str().unwrap().contains("status 404: unknown origin"), "{log}");
        assert_eq!((&log["witnesses"][0]["size"], &log["witnesses"][0]["behind"]), (&0.into(), &1.into()));
        witness.know(&log);
        for size in 2..4 {
            server.post(MINIMAL).await.expect(201);
            let log = log_when(&server, &token, |log| log["witnesses"][0]["size"] == size).await;
            assert_eq!((&log["witnesses"][0]["behind"], &log["witnesses"][0]["problem"]), (&0.into(), &Value::Null));
            assert_eq!(log["witnesses"][0]["at"], "2027-01-15T08:00:00.000Z");
            let path = format!("{}checkpoint", log["path"].as_str().unwrap());
            let note = Note::parse(&server.get(&token, &path).await.text()).unwrap();
            assert_eq!(note.verify(&[witness.key.verifier().clone()]).unwrap()[0].time, Some(TIME));
        }
        // What it saw is kept: after a restart it is asked from there on.
        let server = server.restart(&witness.setting()).await;
        server.post(MINIMAL).await.expect(201);
        let server_token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        log_when(&server, &server_token, |log| log["witnesses"][0]["size"] == 4).await;
        assert_eq!(witness.memory.lock().unwrap().conflicts, 0);
    });
}

#[test]
fn a_witness_whose_answer_was_lost_says_where_it_is() {
    run(async {
        let witness = Witness::start().await;
        let server = Server::with(&witness.setting()).await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        witness.know(&log_when(&server, &token, |_| true).await);
        witness.memory.lock().unwrap().loses_answer = true;
        server.post(MINIMAL).await.expect(201);
        let problem = |log: &Value| log["witnesses"][0]["problem"].as_str().is_some_and(|said| said.contains("lost"));
        log_when(&server, &token, problem).await;
        log_when(&server, &token, |log| log["witnesses"][0]["size"] == 1).await;
        assert_eq!(witness.memory.lock().unwrap().conflicts, 1);
    });
}

#[test]
fn a_witness_that_has_seen_more_stops_the_server() {
    run(async {
        let witness = Witness::start().await;
        let server = Server::with(&witness.setting()).await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        let log = log_when(&server, &token, |_| true).await;
        witness.know(&log);
        server.post(MINIMAL).await.expect(201);
        log_when(&server, &token, |log| log["witnesses"][0]["size"] == 1).await;
        let dir = server.stop().await;
        // As if two more had been acknowledged before the data folder was put back.
        let origin = log["origin"].as_str().unwrap().to_owned();
        witness.memory.lock().unwrap().seen.insert(origin, (3, Hash::leaf(b"another")));
        let own = Layer {
            data_dir: Some(dir.path().to_owned()),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            ..Layer::default()
        };
        let settings = own.over(Layer::from_toml(&witness.setting()).unwrap()).resolve().unwrap();
        let refused = trailbook_server::start(settings).await.err().unwrap().to_string();
        assert!(refused.contains("the witness witness.example/w1 has cosigned 3 entries"), "{refused}");
        assert!(refused.contains("which has 1: it was put back to an older state"), "{refused}");
    });
}

#[test]
fn a_witness_that_does_not_answer_holds_up_nothing() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let key = SigningKey::from_seed("witness.example/gone", Algorithm::CosignatureV1, &[3; 32]).unwrap();
        let setting = format!("witnesses = [{{ vkey = '{}', url = 'http://{address}' }}]", key.verifier());
        let server = Server::with(&setting).await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &[Permission::LogRead]).await;
        server.post(MINIMAL).await.expect(201);
        let log = log_when(&server, &token, |log| log["witnesses"][0]["problem"].is_string()).await;
        assert_eq!((&log["size"], &log["witnesses"][0]["behind"]), (&1.into(), &1.into()));
    });
}
