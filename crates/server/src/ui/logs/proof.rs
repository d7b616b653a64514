//! What can be said of an event's proof: that it is an entry of its log, under a checkpoint that the log's key signed.
//!
//! It is checked here with the code that `trailbook verify` has. Who does not trust this server takes the file along.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use trailbook_event::seal;
use trailbook_tlog::{Hash, ProofFile, VerifierKey};

use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::time::{Clock, Moment, grouped};
use crate::ui::visit::Visit;

/// What the API gives.
#[derive(Deserialize)]
struct Proof {
    log: String,
    vkey: String,
    sequence: u64,
    recorded_ms: u64,
    salt: String,
    event: String,
    proof: String,
}

/// A log, as far as it is needed to say when its checkpoint was signed.
#[derive(Deserialize)]
struct Log {
    id: String,
    signed_at: String,
}

#[derive(Deserialize)]
struct LogList {
    data: Vec<Log>,
}

#[derive(Template)]
#[template(path = "ui/proof_part.html")]
struct ProofPart {
    id: String,
    log: String,
    sequence: String,
    size: String,
    vkey: String,
    /// When the log's checkpoint was signed last, for who may know.
    signed_at: Option<Moment>,
    /// Why it does not hold.
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "ui/proof.html")]
struct ProofPage<'a> {
    frame: Frame<'a>,
    part: ProofPart,
}

/// `GET /logs/events/{id}/proof`
pub(in crate::ui) async fn show_proof(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Response {
    let part = match part(&console, &visit, id).await {
        Ok(part) => part,
        Err(refusal) => return refusal.page(&visit),
    };
    if visit.is_of_script() {
        return answer::page(&visit, &part);
    }
    answer::page(&visit, &ProofPage { frame: Frame::in_section(&visit, Section::Logs), part })
}

async fn part(console: &Console, visit: &Visit, id: String) -> Result<ProofPart, Refusal> {
    let path = format!("/api/v1/events/{}/proof", crate::ui::visit::encoded(&id));
    let proof: Proof = console.get(visit, &path).await?;
    let checked = check(&proof);
    let mut signed_at = None;
    if visit.may(Permission::LogRead) {
        let logs: LogList = console.get(visit, "/api/v1/logs").await?;
        let clock = Clock::of(visit, console.app.clock.now_ms());
        let log = logs.data.iter().find(|log| log.id == proof.log);
        signed_at = log.map(|log| clock.moment_of(&log.signed_at));
    }
    Ok(ProofPart {
        id,
        sequence: grouped(proof.sequence),
        size: checked.as_ref().map(|size| grouped(*size)).unwrap_or_default(),
        signed_at,
        fault: checked.err(),
        log: proof.log,
        vkey: proof.vkey,
    })
}

/// Checks a proof; how many entries the log has under the checkpoint.
fn check(proof: &Proof) -> Result<u64, String> {
    let key = VerifierKey::parse(&proof.vkey).map_err(|error| error.to_string())?;
    let file = ProofFile::parse(&proof.proof).map_err(|error| error.to_string())?;
    let salt = STANDARD.decode(&proof.salt).ok().and_then(|salt| salt.try_into().ok());
    let salt = salt.ok_or("its salt is no salt")?;
    if file.index != proof.sequence {
        return Err("its parts contradict each other".to_owned());
    }
    file.checkpoint.verify(std::slice::from_ref(&key)).map_err(|error| error.to_string())?;
    let entry = seal::entry(proof.recorded_ms, &seal::inner(&salt, proof.event.as_bytes()));
    let checkpoint = file.check(&Hash::leaf(&entry)).map_err(|error| error.to_string())?;
    Ok(checkpoint.size)
}
