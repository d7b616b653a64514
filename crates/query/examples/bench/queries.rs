//! Asks a filled store, and measures how long it takes to answer.

use std::collections::HashMap;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use trailbook_store::{Organization, Store};

use crate::ours::{self, Row, Said};
use crate::parameters::{Drawn, Parameters};
use crate::{ingest, process, results};

/// A pass over the parameters of one row ends after this time, if it did the least number of queries.
const PASS_TIME_MAX: Duration = Duration::from_secs(20);
const QUERIES_MIN: usize = 20;
/// The organization that is exported: one of medium size.
const EXPORTED: &str = "org-09";
const EXPORTS: usize = 3;
/// The row of proofs, which no peer has.
const PROOF: &str = "proof";

/// One pass over the parameters.
#[derive(Default)]
struct Pass {
    times: Vec<Duration>,
    check: u64,
}

/// Opens the store, asks every row, and prints what was measured.
pub(crate) async fn queries(folder: &Path, parameters: &Parameters, only: &[&str]) -> Result<(), String> {
    let failed = |e: std::io::Error| e.to_string();
    let start = Instant::now();
    let store = Store::open(ingest::options(folder)).await.map_err(|e| e.to_string())?;
    results::fact("ours", "open_seconds", start.elapsed().as_secs_f64());
    results::fact("ours", "memory_idle", process::memory_bytes("VmRSS").map_err(failed)? as f64);
    results::files(folder, &store)?;
    let all = store.catalog().organizations().await.map_err(|e| e.to_string())?;
    let organizations = all.into_iter().map(|organization| (organization.name().to_owned(), organization)).collect();
    for row in Row::ALL.into_iter().filter(|row| only.is_empty() || only.contains(&row.name())) {
        eprintln!("query {} …", row.name());
        measure(&store, &organizations, row, parameters)?;
    }
    if only.is_empty() || only.contains(&PROOF) {
        measure_proofs(&store, &organizations, parameters).await?;
    }
    if only.is_empty() || only.contains(&"export") {
        measure_export(&store, &organizations)?;
    }
    results::fact("ours", "memory_peak_queries", process::memory_bytes("VmHWM").map_err(failed)? as f64);
    store.close().await;
    Ok(())
}

fn measure(
    store: &Store,
    organizations: &HashMap<String, Organization>,
    row: Row,
    parameters: &Parameters,
) -> Result<(), String> {
    let list = match row {
        Row::Target => &parameters.targets,
        Row::WordCount | Row::WordPage => &parameters.words,
        _ => &parameters.events,
    };
    let ask = |drawn: &Drawn| -> Result<Said, String> {
        let organization = organizations.get(&drawn.organization).ok_or("an organization is not in the store")?;
        ours::answer(&store.snapshot(organization), row, drawn, parameters.plan.end_ms as i64)
    };
    let warm = pass(list, &ask)?;
    let timed = pass(list, &ask)?;
    let mut times = timed.times;
    let first_ms = |times: &[Duration]| times.first().copied().unwrap_or_default().as_secs_f64() * 1e3;
    // The same query twice: nothing else tells what it costs that nothing is warm.
    let (cold_ms, again_ms) = (first_ms(&warm.times), first_ms(&times));
    times.sort_unstable();
    results::print(json!({
        "kind": "query", "system": "ours", "row": row.name(), "runs": times.len(), "check": timed.check,
        "p50_ms": quantile_ms(&times, 50), "p99_ms": quantile_ms(&times, 99), "first_cold_ms": cold_ms,
        "first_again_ms": again_ms,
    }));
    Ok(())
}

/// Proofs of single events, from their sequences on: the tree alone, without looking for the event.
async fn measure_proofs(
    store: &Store,
    organizations: &HashMap<String, Organization>,
    parameters: &Parameters,
) -> Result<(), String> {
    eprintln!("query {PROOF} …");
    let mut wanted = Vec::new();
    for drawn in &parameters.events {
        let organization = organizations.get(&drawn.organization).ok_or("an organization is not in the store")?;
        let found = ours::sequence_of(&store.snapshot(organization), drawn)?;
        let log = store.open_log(organization).ok_or("an organization has no log")?;
        wanted.push((log, found));
    }
    let mut passes = Vec::new();
    let mut check = 0;
    for _ in 0..2 {
        let mut times = Vec::new();
        for (log, sequence) in &wanted {
            let start = Instant::now();
            let published = log.published();
            let proof = store.inclusion(log, *sequence, &published).await.map_err(|e| e.to_string())?;
            times.push(start.elapsed());
            check += proof.map_or(0, |proof| proof.hashes.len() as u64);
        }
        passes.push(times);
    }
    let first_ms = |pass: usize| passes.get(pass).and_then(|times| times.first()).map(|time| time.as_secs_f64() * 1e3);
    let (cold_ms, again_ms) = (first_ms(0), first_ms(1));
    let mut times = passes.pop().unwrap_or_default();
    times.sort_unstable();
    results::print(json!({
        "kind": "query", "system": "ours", "row": PROOF, "runs": times.len(), "check": check,
        "p50_ms": quantile_ms(&times, 50), "p99_ms": quantile_ms(&times, 99), "first_cold_ms": cold_ms,
        "first_again_ms": again_ms,
    }));
    Ok(())
}

fn pass(list: &[Drawn], ask: &dyn Fn(&Drawn) -> Result<Said, String>) -> Result<Pass, String> {
    let mut pass = Pass::default();
    let begin = Instant::now();
    for drawn in list {
        if pass.times.len() >= QUERIES_MIN && begin.elapsed() > PASS_TIME_MAX {
            break;
        }
        let start = Instant::now();
        let said = ask(drawn)?;
        pass.times.push(start.elapsed());
        let Said::Check(number) = said;
        pass.check = pass.check.wrapping_add(number);
    }
    Ok(pass)
}

/// Of times that are sorted.
pub(crate) fn quantile_ms(times: &[Duration], percent: usize) -> f64 {
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
}

fn measure_export(store: &Store, organizations: &HashMap<String, Organization>) -> Result<(), String> {
    let organization = organizations.get(EXPORTED).ok_or("the organization to export is not in the store")?;
    let mut speeds = Vec::new();
    let nowhere = std::fs::File::options().write(true).open("/dev/null").map_err(|e| e.to_string())?;
    // Not the sink of the standard library, with which no byte would be looked at.
    let mut nowhere = BufWriter::with_capacity(64 * 1024, nowhere);
    for _ in 0..=EXPORTS {
        let start = Instant::now();
        let bytes = ours::export(&store.snapshot(organization), &mut nowhere).map_err(|e| e.to_string())?;
        speeds.push(bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
    }
    // The first one warms up.
    let mut warm = speeds.split_off(1);
    warm.sort_by(f64::total_cmp);
    results::fact("ours", "export_mb_per_second", warm.get(EXPORTS / 2).copied().unwrap_or_default());
    Ok(())
}
