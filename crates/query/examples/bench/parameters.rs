//! What the queries ask for: values of events that were drawn at random, the same for every system.
//!
//! The peers hold one event in `step`, so only such events are drawn: every query finds at least one event everywhere.
//! They are kept in a file beside the data, with the ids that Trailbook gave them.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::{Value, json};
use trailbook_event::Uuid;

use crate::generate::{Generator, Made, Plan, RARE_TARGET_RANK, RUN_EVENTS, Random};

/// Chooses the draws apart from the events.
const DRAW_SEED: u64 = 0x6472_6177;
/// Runs that are looked through for one event that fits, at most.
const TRIES_MAX: usize = 10_000;

/// The values of one drawn event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) index: u64,
    pub(crate) organization: String,
    pub(crate) action: String,
    pub(crate) outcome: String,
    pub(crate) actor_type: String,
    pub(crate) target: String,
    /// Empty if the event has no rare word.
    pub(crate) word: String,
    /// Trailbook's id of it; empty until it was stored.
    pub(crate) id: String,
    /// The peers' id of it.
    pub(crate) peer_id: String,
}

/// All that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) plan: Plan,
    /// The peers that hold a part hold one event in so many.
    pub(crate) step: u64,
    /// Any events.
    pub(crate) events: Vec<Drawn>,
    /// Events of rare targets.
    pub(crate) targets: Vec<Drawn>,
    /// Events with a rare word.
    pub(crate) words: Vec<Drawn>,
}

impl Parameters {
    /// Draws `count` events for each kind of query.
    pub(crate) fn draw(generator: &Generator, step: u64, count: usize) -> Result<Self, String> {
        let mut random = Random::new(DRAW_SEED, generator.plan().seed);
        let mut draw = |fits: &dyn Fn(&Made) -> bool| -> Result<Vec<Drawn>, String> {
            (0..count).map(|_| draw_one(generator, step, &mut random, fits)).collect()
        };
        Ok(Self {
            plan: generator.plan(),
            step,
            events: draw(&|_| true)?,
            targets: draw(&|made| made.target >= RARE_TARGET_RANK)?,
            words: draw(&|made| made.rare_word.is_some())?,
        })
    }

    /// The events whose ids are wanted.
    pub(crate) fn wanted(&self) -> HashSet<u64> {
        self.events.iter().map(|drawn| drawn.index).collect()
    }

    /// Fills in the ids that Trailbook gave.
    pub(crate) fn learn(&mut self, ids: &HashMap<u64, Uuid>) {
        for drawn in &mut self.events {
            if let Some(id) = ids.get(&drawn.index) {
                drawn.id = id.to_string();
            }
        }
    }

    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        let list = |drawn: &[Drawn]| drawn.iter().map(Drawn::to_json).collect::<Vec<_>>();
        let Plan { events, end_ms, seed } = self.plan;
        let all = json!({
            "plan": {"events": events, "end_ms": end_ms, "seed": seed},
            "step": self.step,
            "events": list(&self.events),
            "targets": list(&self.targets),
            "words": list(&self.words),
        });
        std::fs::write(path, all.to_string()).map_err(|e| format!("writing {}: {e}", path.display()))
    }

    /// Reads the file.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("reading {}: {e}", path.display()))?;
        let all: Value = serde_json::from_str(&text).map_err(|e| format!("reading {}: {e}", path.display()))?;
        let number = |pointer: &str| {
            let value = all.pointer(pointer).and_then(Value::as_u64);
            value.ok_or_else(|| format!("{} has no {pointer}", path.display()))
        };
        let list = |name: &str| -> Result<Vec<Drawn>, String> {
            let drawn = all.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Ok(drawn.iter().map(Drawn::from_json).collect())
        };
        Ok(Self {
            plan: Plan {
                events: number("/plan/events")?,
                end_ms: number("/plan/end_ms")?,
                seed: number("/plan/seed")?,
            },
            step: number("/step")?.max(1),
            events: list("events")?,
            targets: list("targets")?,
            words: list("words")?,
        })
    }
}

impl Drawn {
    fn new(made: &Made, seed: u64) -> Self {
        Self {
            index: made.index,
            organization: made.organization_name(),
            action: made.action.name.to_owned(),
            outcome: made.outcome.to_owned(),
            actor_type: made.actor_type().to_owned(),
            target: made.target_id(),
            word: made.rare_word.clone().unwrap_or_default(),
            id: String::new(),
            peer_id: made.peer_id(seed).to_string(),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "index": self.index, "organization": self.organization, "action": self.action, "outcome": self.outcome,
            "actor_type": self.actor_type, "target": self.target, "word": self.word, "id": self.id,
            "peer_id": self.peer_id,
        })
    }

    fn from_json(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            index: value.get("index").and_then(Value::as_u64).unwrap_or_default(),
            organization: text("organization"),
            action: text("action"),
            outcome: text("outcome"),
            actor_type: text("actor_type"),
            target: text("target"),
            word: text("word"),
            id: text("id"),
            peer_id: text("peer_id"),
        }
    }
}

/// One event that the peers hold and that fits: of a random run the first that does, from a random place on.
fn draw_one(
    generator: &Generator,
    step: u64,
    random: &mut Random,
    fits: &dyn Fn(&Made) -> bool,
) -> Result<Drawn, String> {
    let seed = generator.plan().seed;
    for _ in 0..TRIES_MAX {
        let run = random.below(generator.runs());
        let from = run * RUN_EVENTS + random.below(RUN_EVENTS);
        let mut held = generator.run(run).filter(|made| made.index >= from && made.index.is_multiple_of(step));
        if let Some(made) = held.find(fits) {
            return Ok(Drawn::new(&made, seed));
        }
    }
    Err(format!("no event that fits was found in {TRIES_MAX} runs of events"))
}
