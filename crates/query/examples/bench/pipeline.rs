//! From JSON to what the store appends, by the same steps as the server takes, and what each step costs.

use std::time::{Duration, Instant};

use trailbook_event::exclude::{self, Decision};
use trailbook_event::normalise::{Given, Normalised, normalise};
use trailbook_event::seal::{SALT_BYTES, seal};
use trailbook_event::{Timestamp, json, redact};
use trailbook_store::{Clock, Item};

use crate::generate::{Generator, Random};

/// Events whose steps are measured.
const MEASURED_RUNS: u64 = 50;

/// What a server with no configuration does with events.
pub(crate) struct Pipeline {
    redaction: redact::Rules,
    exclusion: exclude::Rules,
    clock: Clock,
}

/// The time that steps took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steps {
    /// Parse and normalise.
    pub(crate) normalise: Duration,
    /// Redact and exclude.
    pub(crate) decide: Duration,
    /// Write the canonical form and hash it.
    pub(crate) seal: Duration,
}

impl Pipeline {
    /// The server's default rules.
    pub(crate) fn new(clock: Clock) -> Result<Self, String> {
        let exclusion = exclude::Rules::new(&exclude::portal_defaults())?;
        Ok(Self { redaction: redact::Rules::default(), exclusion, clock })
    }

    /// Makes items out of lines. Adds the time of each step to `steps`, if it is asked for: that costs 0.1 µs an event.
    pub(crate) fn prepare(
        &self,
        lines: &str,
        random: &mut Random,
        mut steps: Option<&mut Steps>,
    ) -> Result<Vec<Item>, String> {
        let now = Timestamp::from_millis(self.clock.now_ms());
        let mut items = Vec::new();
        for line in lines.lines() {
            let mut watch = steps.is_some().then(Instant::now);
            let mut lap = || watch.replace(Instant::now()).map_or(Duration::ZERO, |start| start.elapsed());
            let (given, salt) = entropy(now, random);
            let value = json::parse(line.as_bytes()).map_err(|e| format!("{line}: {e}"))?;
            let event = match normalise(value, line.len(), &given).map_err(|e| format!("{line}: {e}"))? {
                Normalised::Event(event) => event,
                other => return Err(format!("{line}: nothing that is recorded: {other:?}")),
            };
            let of_normalise = if steps.is_some() { lap() } else { Duration::ZERO };
            let admitted = match self.exclusion.decide(self.redaction.apply(event)) {
                Decision::Admitted(admitted) => admitted,
                Decision::Excluded { rule, .. } => return Err(format!("{line}: excluded by {rule}")),
            };
            let of_decide = if steps.is_some() { lap() } else { Duration::ZERO };
            let sealed = seal(&admitted, salt).map_err(|e| e.to_string())?;
            items.push(Item { sealed, client_id: None });
            if let Some(steps) = steps.as_deref_mut() {
                steps.normalise += of_normalise;
                steps.decide += of_decide;
                steps.seal += lap();
            }
        }
        Ok(items)
    }
}

/// The server takes these bytes from the system; here they cost nothing.
fn entropy(now: Timestamp, random: &mut Random) -> (Given, [u8; SALT_BYTES]) {
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes());
    }
    let mut given = Given { now, skew_ms_max: 60_000, random: [0; 10], keep_initiated: false };
    let mut salt = [0; SALT_BYTES];
    let (for_id, rest) = bytes.split_at(given.random.len());
    given.random.copy_from_slice(for_id);
    salt.copy_from_slice(rest.split_at(SALT_BYTES).0);
    (given, salt)
}

/// What each step costs an event, in microseconds, by one thread on its own: the median over runs of events, which what
/// else the machine does in between does not move.
pub(crate) fn measure(pipeline: &Pipeline, generator: &Generator) -> Result<[f64; 3], String> {
    let mut laps: [Vec<f64>; 3] = Default::default();
    for run in 0..MEASURED_RUNS.min(generator.runs()) {
        let mut lines = String::new();
        let mut count = 0.0;
        for made in generator.run(run) {
            made.write(&mut lines);
            lines.push('\n');
            count += 1.0;
        }
        let mut steps = Steps::default();
        pipeline.prepare(&lines, &mut Random::new(0, run), Some(&mut steps))?;
        let taken = [steps.normalise, steps.decide, steps.seal];
        for (lap, taken) in laps.iter_mut().zip(taken) {
            lap.push(taken.as_secs_f64() * 1e6 / count);
        }
    }
    Ok(laps.map(|mut lap| {
        lap.sort_by(f64::total_cmp);
        lap.get(lap.len() / 2).copied().unwrap_or_default()
    }))
}
