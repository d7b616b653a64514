//! Fills a store with events the way the server does, and measures what that costs.
//!
//! Events are made in pools between which the clock stands still, and by threads whose processor time is counted apart,
//! so the figures are those of the product. What the store does in the background goes on meanwhile; so events/s are
//! given with the pauses counted too.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use trailbook_event::Uuid;
use trailbook_event::limits::RECENT_EVENTS_MAX;
use trailbook_store::credential::{Grant, NewEntry, Permission, new_token};
use trailbook_store::{Append, Clock, Credential, LogOptions, Options, Store, Tuning, Work};

use crate::generate::{Generator, ORGANIZATIONS, RUN_EVENTS, Random, organization_name};
use crate::parameters::Parameters;
use crate::pipeline::{self, Pipeline};
use crate::{ours, process, results};

/// Events of one write.
const BATCH_EVENTS: usize = 500;
/// Writes under way at once.
const TASKS: u64 = 4;
/// Runs of events that are made at once: 200,000 events, about 170 MB.
const POOL_RUNS: u64 = 200_000 / RUN_EVENTS;
/// Threads that make them.
const MAKERS: u64 = 2;
const DAY_MS: i64 = 86_400_000;

/// Lines for one write.
#[derive(Default)]
struct Batch {
    organization: usize,
    lines: String,
    count: usize,
    /// Places in the write of events whose ids are wanted, with their numbers.
    wanted: Vec<(usize, u64)>,
}

/// What the whole run took.
#[derive(Default)]
struct Taken {
    appending: Duration,
    making_cpu_us: f64,
    made_bytes: u64,
}

/// What all tasks share.
struct Shared {
    store: Store,
    pipeline: Pipeline,
    credentials: Vec<Arc<Credential>>,
    batches: Mutex<VecDeque<Batch>>,
    ids: Mutex<HashMap<u64, Uuid>>,
}

/// How the store is opened, for writing and for reading.
pub(crate) fn options(folder: &Path) -> Options {
    Options {
        data_dir: folder.to_owned(),
        catalog: None,
        idempotency_window_ms: DAY_MS,
        clock: Clock::system(),
        tuning: Tuning::default(),
        logs: LogOptions::default(),
    }
}

/// Appends all events, prints what was measured, and tells the parameters the ids that they ask for.
pub(crate) async fn ingest(folder: &Path, parameters: &mut Parameters) -> Result<(), String> {
    let generator = Generator::new(parameters.plan);
    let pipeline = Pipeline::new(Clock::system())?;
    let steps = pipeline::measure(&pipeline, &generator)?;
    let store = Store::open(options(folder)).await.map_err(|e| e.to_string())?;
    let credentials = credentials(&store).await?;
    let (batches, ids) = Default::default();
    let shared = Arc::new(Shared { store, pipeline, credentials, batches, ids });

    let cpu_before_us = process::cpu_us().map_err(|e| e.to_string())?;
    let start = Instant::now();
    let taken = append_all(&shared, &generator, &parameters.wanted()).await?;
    let whole = start.elapsed();
    ours::settle(&shared.store).await?;
    let settled = start.elapsed();
    let cpu_us = process::cpu_us().map_err(|e| e.to_string())? - cpu_before_us - taken.making_cpu_us;
    let work_us =
        Work::ALL.map(|work| (work.name(), shared.store.work_micros(work) as f64 / parameters.plan.events as f64));

    for (part, bytes) in ours::parts(&shared.store)? {
        results::print(json!({"kind": "part", "system": "ours", "name": part, "bytes": bytes}));
    }
    shared.store.close().await;
    let events = parameters.plan.events as f64;
    let fact = |name: &str, value| results::fact("ours", name, value);
    fact("events", events);
    fact("queries", parameters.events.len() as f64);
    fact("event_bytes", taken.made_bytes as f64 / events);
    fact("events_per_second", events / taken.appending.as_secs_f64());
    fact("events_per_second_with_pauses", events / whole.as_secs_f64());
    fact("settle_seconds", (settled - whole).as_secs_f64());
    let [normalise_us, decide_us, seal_us] = steps;
    fact("cpu_normalise_us", normalise_us);
    fact("cpu_decide_us", decide_us);
    fact("cpu_seal_us", seal_us);
    for (name, us) in work_us {
        fact(&format!("cpu_{name}_us"), us);
    }
    let behind_us: f64 = work_us.iter().map(|(_, us)| us).sum();
    fact("cpu_rest_us", cpu_us / events - normalise_us - decide_us - seal_us - behind_us);
    fact("cpu_us", cpu_us / events);
    fact("making_cpu_us", taken.making_cpu_us / events);
    fact("memory_peak_ingest", process::memory_bytes("VmHWM").map_err(|e| e.to_string())? as f64);
    let ids = shared.ids.lock().unwrap_or_else(PoisonError::into_inner);
    parameters.learn(&ids);
    Ok(())
}

/// One that may write for each organization; makes the organizations.
async fn credentials(store: &Store) -> Result<Vec<Arc<Credential>>, String> {
    let failed = |e: trailbook_store::Error| e.to_string();
    let mut tokens = Vec::new();
    for number in 0..ORGANIZATIONS {
        let name = organization_name(number);
        let (organization, _) = store.catalog().organization_or_new(&name).await.map_err(failed)?;
        let token = new_token().map_err(failed)?;
        let grant = Some(Grant { scopes: vec![Permission::EventsWrite], restrictions: Vec::new() });
        let entry = NewEntry { organization, name, token: token.clone(), grant, expires_ms: None };
        store.catalog().create_entry(entry).await.map_err(failed)?;
        tokens.push(token);
    }
    let all = store.catalog().credentials().await.map_err(failed)?;
    let found = tokens.iter().map(|token| all.find(token).ok_or_else(|| "a new token is not known".to_owned()));
    found.collect()
}

async fn append_all(shared: &Arc<Shared>, generator: &Generator, wanted: &HashSet<u64>) -> Result<Taken, String> {
    let mut taken = Taken::default();
    let mut open: Vec<Batch> =
        (0..ORGANIZATIONS).map(|organization| Batch { organization, ..Batch::default() }).collect();
    let pools = generator.runs().div_ceil(POOL_RUNS);
    for pool in 0..pools {
        let runs = pool * POOL_RUNS..((pool + 1) * POOL_RUNS).min(generator.runs());
        let (made, cpu_us) = make(generator, runs)?;
        taken.making_cpu_us += cpu_us;
        let mut batches = VecDeque::new();
        for (organization, index, line) in made.iter().flat_map(Lines::each) {
            taken.made_bytes += line.len() as u64;
            let Some(batch) = open.get_mut(organization) else { continue };
            if wanted.contains(&index) {
                batch.wanted.push((batch.count, index));
            }
            batch.lines.push_str(line);
            batch.lines.push('\n');
            batch.count += 1;
            if batch.count == BATCH_EVENTS {
                let full = std::mem::take(batch);
                batch.organization = full.organization;
                batches.push_back(full);
            }
        }
        drop(made);
        if pool + 1 == pools {
            batches.extend(std::mem::take(&mut open).into_iter().filter(|batch| batch.count > 0));
        }
        *shared.batches.lock().unwrap_or_else(PoisonError::into_inner) = batches;
        let start = Instant::now();
        append_pool(shared, pool).await?;
        taken.appending += start.elapsed();
        let done = ((pool + 1) * POOL_RUNS).min(generator.runs());
        eprintln!("{done} of {} thousand events appended", generator.runs());
    }
    Ok(taken)
}

/// Lines that one thread made.
#[derive(Default)]
struct Lines {
    text: String,
    /// Organization, number and end in the text, of each.
    ends: Vec<(usize, u64, usize)>,
}

impl Lines {
    fn each(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |(organization, index, end)| {
            let line = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            (*organization, *index, line)
        })
    }
}

/// Makes runs of events in order, and counts the processor time of that in microseconds.
fn make(generator: &Generator, runs: std::ops::Range<u64>) -> Result<(Vec<Lines>, f64), String> {
    let share = (runs.end - runs.start).div_ceil(MAKERS).max(1);
    let part = |from: u64| -> std::io::Result<(Lines, f64)> {
        let before_us = process::thread_cpu_us()?;
        let mut lines = Lines::default();
        for made in (from..(from + share).min(runs.end)).flat_map(|run| generator.run(run)) {
            made.write(&mut lines.text);
            lines.ends.push((made.organization, made.index, lines.text.len()));
        }
        Ok((lines, process::thread_cpu_us()? - before_us))
    };
    let parts = std::thread::scope(|scope| {
        let starts = runs.clone().step_by(share as usize);
        let threads: Vec<_> = starts.map(|from| scope.spawn(move || part(from))).collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| "making events panicked".to_owned()));
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    let mut all = Vec::new();
    let mut cpu_us = 0.0;
    for part in parts {
        let (lines, part_us) = part.map_err(|e| e.to_string())?;
        all.push(lines);
        cpu_us += part_us;
    }
    Ok((all, cpu_us))
}

async fn append_pool(shared: &Arc<Shared>, pool: u64) -> Result<(), String> {
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let shared = Arc::clone(shared);
        tasks.spawn(async move { append_batches(&shared, Random::new(pool, task)).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|e| e.to_string())??;
    }
    Ok(())
}

async fn append_batches(shared: &Shared, mut random: Random) -> Result<(), String> {
    let next = || shared.batches.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(batch) = next() {
        // A client that is told to come later does; here it is kept from asking.
        while shared.store.recent_size().0 > RECENT_EVENTS_MAX / 8 * 7 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let credential = shared.credentials.get(batch.organization).ok_or("an organization without a credential")?;
        let items = shared.pipeline.prepare(&batch.lines, &mut random, None)?;
        if !batch.wanted.is_empty() {
            let mut ids = shared.ids.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = batch.wanted.iter();
            ids.extend(wanted.filter_map(|(place, index)| Some((*index, items.get(*place)?.sealed.id()))));
        }
        let organization = credential.organization().clone();
        let append = Append { organization, credential: credential.id(), items, remember: None, uses_reserve: false };
        shared.store.append(append).await.map_err(|e| format!("appending: {e}"))?;
    }
    Ok(())
}
