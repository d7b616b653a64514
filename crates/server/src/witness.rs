//! Witnesses: others who see each checkpoint, and cosign those of logs that only grow.
//!
//! ```text
//! a new checkpoint ─► POST <url>/add-checkpoint: the size that the witness saw last, the proof from there, the note
//!                  ◄─ 200 a cosignature │ 409 the size that it saw last │ anything else: a problem, tried again
//! ```
//!
//! As c2sp.org/tlog-witness has it. A witness that has seen a larger log than there is shows that the log was put back
//! to an older state: then the server does not start, or stops. One that does not answer holds up nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use trailbook_store::{Log, Organization, Published, Store};
use trailbook_tlog::witness::{AddCheckpoint, parse_cosignatures, parse_size};
use trailbook_tlog::{Note, VerifierKey};

use crate::settings::Witness;

/// How often checkpoints are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a witness may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long one that had a problem is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What a witness has cosigned of a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The size of the last checkpoint that it cosigned.
    pub(crate) size: u64,
    /// When it did, in seconds since 1970.
    pub(crate) time: Option<u64>,
    /// Why it did not cosign a later one.
    pub(crate) problem: Option<String>,
}

/// A witness has seen more of a log than there is.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the witness {witness} has cosigned {seen} entries of the log {log}, which has {size}: it was put back to an older \
     state after events were acknowledged. Put back the newer state; if it is lost, `trailbook log freeze --all` keeps \
     what is there as frozen logs and opens new ones that say so"
)]
pub struct Ahead {
    witness: String,
    log: String,
    seen: u64,
    size: u64,
}

/// Why a checkpoint was not cosigned.
enum Failed {
    /// It may go better later.
    Problem(String),
    Ahead(Ahead),
}

impl<E: std::fmt::Display> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed::Problem(error.to_string())
    }
}

/// All witnesses of a server.
#[derive(Debug)]
pub(crate) struct Witnesses {
    client: reqwest::Client,
    all: Vec<Follower>,
}

/// One of them, with what it has seen of each log.
#[derive(Debug)]
struct Follower {
    witness: Witness,
    seen: Mutex<HashMap<String, Seen>>,
    resting: Mutex<Option<Instant>>,
}

impl Witnesses {
    pub(crate) fn new(witnesses: &[Witness]) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("trailbook/", env!("CARGO_PKG_VERSION")))
            .timeout(ANSWER_MAX)
            .redirect(reqwest::redirect::Policy::none());
        // Without witnesses nothing is asked, and no certificates are needed.
        let is_plain = witnesses.iter().all(|witness| witness.url.starts_with("http://"));
        let builder = if is_plain { builder.tls_certs_only([]).no_proxy() } else { builder };
        let follower = |witness: &Witness| Follower {
            witness: witness.clone(),
            seen: Mutex::default(),
            resting: Mutex::default(),
        };
        Ok(Self { client: builder.build()?, all: witnesses.iter().map(follower).collect() })
    }

    /// What each has cosigned of a log.
    pub(crate) fn seen(&self, log: &Log) -> Vec<(&VerifierKey, Seen)> {
        self.all.iter().map(|follower| (&follower.witness.key, follower.seen_of(&log.id()))).collect()
    }

    /// Asks each witness once for every log, before anything is served. Those that do not answer are asked later.
    pub(crate) async fn ask_all(&self, store: &Store) -> Result<(), Ahead> {
        for follower in &self.all {
            for log in open_logs(store).await {
                follower.follow(store, &self.client, &log).await?;
            }
        }
        Ok(())
    }

    /// Brings every new checkpoint to every witness. Returns only when one of them shows that the log was put back.
    pub(crate) async fn follow(&self, store: &Store) -> Ahead {
        loop {
            for follower in self.all.iter().filter(|follower| !follower.is_resting()) {
                for log in open_logs(store).await {
                    if let Err(ahead) = follower.follow(store, &self.client, &log).await {
                        return ahead;
                    }
                }
            }
            match self.all.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }
}

async fn open_logs(store: &Store) -> Vec<Arc<Log>> {
    let organizations: Vec<Organization> = store.catalog().organizations().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "logs could not be read for witnesses");
        Vec::new()
    });
    let logs = organizations.iter().filter_map(|organization| store.open_log(organization));
    logs.filter(|log| log.published().checkpoint.size > 0).collect()
}

impl Follower {
    fn seen_of(&self, log: &str) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(log).cloned().unwrap_or_default()
    }

    fn is_resting(&self) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.is_some_and(|until| Instant::now() < until)
    }

    /// Has the last checkpoint of a log cosigned, if it is not yet.
    async fn follow(&self, store: &Store, client: &reqwest::Client, log: &Log) -> Result<(), Ahead> {
        let published = log.published();
        let mut seen = self.seen_of(&log.id());
        if seen.size == published.checkpoint.size && seen.time.is_some() {
            return Ok(());
        }
        match self.submit(store, client, log, &published).await {
            Ok(time) => seen = Seen { size: published.checkpoint.size, time: Some(time), problem: None },
            Err(Failed::Ahead(ahead)) => return Err(ahead),
            Err(Failed::Problem(problem)) => {
                if seen.problem.as_ref() != Some(&problem) {
                    let witness = self.witness.key.name();
                    tracing::warn!(witness, log = log.origin(), problem, "a checkpoint was not cosigned");
                }
                seen.problem = Some(problem);
                *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
            }
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(log.id(), seen);
        Ok(())
    }

    /// Submits a checkpoint; the time of the cosignature.
    async fn submit(
        &self,
        store: &Store,
        client: &reqwest::Client,
        log: &Log,
        published: &Published,
    ) -> Result<u64, Failed> {
        let size = published.checkpoint.size;
        let mut old = store.cosigned(log, &self.witness.key).await?.map_or(0, |cosigned| cosigned.size);
        // A witness may have seen more than it could tell us, but not twice.
        for _ in 0..2 {
            if old > size {
                let (witness, log) = (self.witness.key.name().to_owned(), log.origin().to_owned());
                return Err(Failed::Ahead(Ahead { witness, log, seen: old, size }));
            }
            let consistency = store.consistency(log, old, size).await?.unwrap_or_default();
            let request = AddCheckpoint { old_size: old, consistency, checkpoint: signed_by_log(log, published) };
            let url = format!("{}/add-checkpoint", self.witness.url);
            let response = client.post(url).body(request.to_string()).send().await?;
            let status = response.status().as_u16();
            let body = body_of(response).await?;
            match status {
                200 => {
                    let key = &self.witness.key;
                    let all = parse_cosignatures(&body)?;
                    let own = all.into_iter().find(|one| one.name() == key.name() && one.id() == key.id());
                    let own = own.ok_or("its answer has no cosignature of its key")?;
                    return Ok(store.add_cosignature(log, published, (key, own)).await?);
                }
                409 => old = parse_size(&body)?,
                _ => return Err(Failed::Problem(format!("it answered with status {status}: {}", body.trim()))),
            }
        }
        Err(Failed::Problem(format!("it saw {old} entries last, and takes no checkpoint of {size}")))
    }
}

/// The checkpoint with the log's own signature alone.
fn signed_by_log(log: &Log, published: &Published) -> Note {
    let note = published.note();
    let key = log.key();
    let own = note.signatures().iter().filter(|one| one.name() == key.name() && one.id() == key.id());
    Note::new(note.text().to_owned(), own.cloned().collect())
}

async fn body_of(mut response: reqwest::Response) -> Result<String, Failed> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(Failed::Problem(format!("its answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    String::from_utf8(body).map_err(|_| Failed::Problem("its answer is not UTF-8".to_owned()))
}
