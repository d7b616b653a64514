//! One log of an export, as far as it is under a published checkpoint, and the lines that open its entries.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Handle;
use trailbook_event::seal;
use trailbook_query::{Cancel, Error, Order, Page, Query, Start, run};
use trailbook_store::{Log, Organization, Published, Row, Snapshot, Store};
use trailbook_tlog::Hash;

/// One log, as far as it is under a published checkpoint.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) log: Arc<Log>,
    pub(crate) published: Arc<Published>,
    pub(crate) snapshot: Snapshot,
}

impl Part {
    /// The logs of an organization with what is under their checkpoints, after everything is that was acknowledged.
    pub(crate) async fn all(store: &Store, organization: &Organization) -> Result<Vec<Part>, Error> {
        store.integrate().await?;
        let logs = store.logs(organization).await?;
        let snapshot = store.snapshot(organization);
        let part = |log: Arc<Log>| Part { published: log.published(), snapshot: snapshot.only(log.number()), log };
        Ok(logs.into_iter().map(part).collect())
    }

    /// The same log as it was under a checkpoint that was published before.
    pub(crate) fn as_before(&self, note: &str) -> Result<Part, Error> {
        Ok(Part { published: Arc::new(self.log.published_before(note)?), ..self.clone() })
    }

    /// The same query, in the order of the log, of what is under its checkpoint.
    pub(crate) fn under(&self, query: &Query) -> Query {
        let size = self.size();
        let to = query.sequence.1.map_or(size, |to| to.min(size));
        Query { sequence: (query.sequence.0, Some(to)), order: Order::Sequence, ..query.clone() }
    }

    /// How many entries are under its checkpoint.
    pub(crate) fn size(&self) -> u64 {
        self.published.checkpoint.size
    }

    /// How many of them match.
    pub(crate) fn count(&self, query: &Query, cancel: &Cancel) -> Result<u64, Error> {
        let query = Query { page: Page { limit: 1, start: Start::Offset(0) }, wants_total: true, ..self.under(query) };
        Ok(run(&self.snapshot, &query, cancel)?.total.unwrap_or_default())
    }

    /// Where the run of a query begins: at its first event, or where that would be. Times do not go back in a log, so
    /// what comes before a range is what was recorded before it.
    pub(crate) fn start(&self, query: &Query, first: Option<u64>, cancel: &Cancel) -> Result<u64, Error> {
        match (first, query.recorded.0) {
            (Some(first), _) => Ok(first),
            (None, None) => Ok(0),
            (None, Some(from)) => self.count(&Query { recorded: (None, Some(from)), ..Query::default() }, cancel),
        }
    }

    /// The line for an entry beside a run: its time, and the commitment to its content.
    pub(crate) fn neighbour(&self, sequence: u64, cancel: &Cancel) -> Result<Vec<u8>, Error> {
        let query = Query {
            sequence: (Some(sequence), Some(sequence + 1)),
            page: Page { limit: 1, start: Start::Offset(0) },
            wants_total: false,
            ..Query::default()
        };
        let found = run(&self.snapshot, &query, cancel)?.events.into_iter().next();
        let found = found.ok_or_else(|| self.damaged(format!("its event {sequence} is missing")))?;
        let inner = STANDARD.encode(seal::inner(&found.salt, &found.canonical));
        let recorded_ms = found.recorded_ms;
        Ok(format!("{{\"sequence\":{sequence},\"recorded_ms\":{recorded_ms},\"inner\":\"{inner}\"}}\n").into_bytes())
    }

    /// That a run has no gap.
    pub(crate) fn check_run(&self, (start, end): (u64, u64), events: u64) -> Result<(), Error> {
        if end - start == events {
            return Ok(());
        }
        Err(self.damaged(format!("{events} of its events from {start} to {end} were found")))
    }

    fn damaged(&self, reason: String) -> Error {
        Error::Damaged { what: format!("the log {}", self.log.origin()), reason }
    }
}

/// The proof that an entry is under the checkpoint of a prover.
pub(crate) fn prove(
    (runtime, part): (&Handle, &Part),
    prover: &mut trailbook_store::Prover<'_>,
    index: u64,
) -> Result<Vec<Hash>, Error> {
    let found = runtime.block_on(prover.inclusion(index))?;
    found.ok_or_else(|| Error::Failed(format!("the entry {index} of {} is under no checkpoint", part.log.origin())))
}

/// The proof of the first and the last entry of a run.
pub(crate) fn prove_run(
    (runtime, part): (&Handle, &Part),
    prover: &mut trailbook_store::Prover<'_>,
    (first, last): (u64, u64),
) -> Result<[Vec<String>; 2], Error> {
    let mut proof = |index| Ok::<_, Error>(texts(&prove((runtime, part), prover, index)?));
    Ok([proof(first)?, proof(last)?])
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

/// Appends the line that opens the entry of an event, with its proof if it has one of its own.
pub(crate) fn write_opening(row: &Row<'_>, proof: Option<&[Hash]>, out: &mut Vec<u8>) {
    let head = format!("{{\"sequence\":{},\"recorded_ms\":{},\"salt\":\"", row.sequence, row.recorded_ms);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(STANDARD.encode(row.salt).as_bytes());
    out.push(b'"');
    if let Some(proof) = proof {
        out.extend_from_slice(b",\"proof\":[");
        for (i, hash) in proof.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(hash.to_string().as_bytes());
            out.push(b'"');
        }
        out.push(b']');
    }
    out.extend_from_slice(b"}\n");
}
