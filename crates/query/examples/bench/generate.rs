//! Makes the events that the benchmark stores: about 850 bytes of JSON each, with the skew of real ones.
//!
//! Organizations, actors, targets, actions and words follow Zipf's law. `occurred_at` rises over 90 days up to the end,
//! with a jitter of seconds, and one event in a thousand comes late by up to three days. Events are made in runs of
//! [`RUN_EVENTS`], each from its own number, so any of them can be made again by itself, and the peers are given the
//! very same events.

mod random;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use jiff::Timestamp;
use uuid::Uuid;

pub(crate) use random::Random;
use random::{Zipf, scatter};
use vocabulary::{ACTIONS, Action, ENVIRONMENTS, ERRORS, RARE_WORDS, USER_AGENTS, Words, rare_word};

/// Events that are made together.
pub(crate) const RUN_EVENTS: u64 = 1_000;
/// Organizations.
pub(crate) const ORGANIZATIONS: usize = 20;
/// Targets from this rank on are rare: fewer than one event in a million has a given one.
pub(crate) const RARE_TARGET_RANK: usize = 100_000;

const ACTORS: usize = 50_000;
const TARGETS: usize = 500_000;
const EXPONENT: f64 = 1.0;
/// In 10,000 events.
const WITH_REQUEST_ID: u64 = 3_000;
const WITH_RARE_WORD: u64 = 50;
const LATE: u64 = 10;
const FAILED: u64 = 450;
const DENIED: u64 = 150;
const OTHER_SEVERITY: u64 = 300;
const DAY_MS: u64 = 86_400_000;
const SPAN_MS: u64 = 90 * DAY_MS;
const LATE_MS: u64 = 3 * DAY_MS;
const JITTER_MS: u64 = 4_000;
/// Characters of a note in `meta`.
const NOTE_CHARS: (u64, u64) = (50, 210);

/// What makes one set of events differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many.
    pub(crate) events: u64,
    /// When the last of them happens, in milliseconds since 1970.
    pub(crate) end_ms: u64,
    /// Chooses among sets.
    pub(crate) seed: u64,
}

/// A source of events.
pub(crate) struct Generator {
    plan: Plan,
    organizations: Zipf,
    actors: Zipf,
    targets: Zipf,
    actions: Zipf,
    words: Words,
}

/// One event, before it is written.
pub(crate) struct Made {
    /// Its number among all, from 0.
    pub(crate) index: u64,
    /// In milliseconds since 1970.
    pub(crate) occurred_ms: u64,
    /// Which organization, from 0.
    pub(crate) organization: usize,
    pub(crate) action: &'static Action,
    pub(crate) severity: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) actor: usize,
    /// The rank of its target: 0 is the most frequent.
    pub(crate) target: usize,
    pub(crate) request_id: Option<Uuid>,
    pub(crate) message: String,
    /// The rare word of its note, if it has one.
    pub(crate) rare_word: Option<String>,
    /// The object `meta`, as JSON.
    meta: String,
    error: Option<(&'static str, &'static str)>,
}

impl Generator {
    /// Prepares the distributions; takes some milliseconds.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            organizations: Zipf::new(ORGANIZATIONS, EXPONENT),
            actors: Zipf::new(ACTORS, EXPONENT),
            targets: Zipf::new(TARGETS, EXPONENT),
            actions: Zipf::new(ACTIONS.len(), EXPONENT),
            words: Words::new(),
        }
    }

    /// What is made.
    pub(crate) fn plan(&self) -> Plan {
        self.plan
    }

    /// How many runs there are.
    pub(crate) fn runs(&self) -> u64 {
        self.plan.events.div_ceil(RUN_EVENTS)
    }

    /// The events of a run, from 0; the last one may be shorter.
    pub(crate) fn run(&self, number: u64) -> impl Iterator<Item = Made> {
        let mut random = Random::new(self.plan.seed, number);
        let first = number * RUN_EVENTS;
        let end = (first + RUN_EVENTS).min(self.plan.events);
        (first..end).map(move |index| self.event(index, &mut random))
    }

    fn event(&self, index: u64, random: &mut Random) -> Made {
        let action = ACTIONS.get(self.actions.sample(random)).expect("the law has as many ranks as there are actions");
        let actor = self.actors.sample(random);
        let target = self.targets.sample(random);
        let other = *random.pick(&["low", "medium", "high", "critical"]);
        let severity = if random.is_one_of(OTHER_SEVERITY) { other } else { action.severity };
        let outcome = match random.below(10_000) {
            chance if chance < FAILED => "failed",
            chance if chance < FAILED + DENIED => "denied",
            _ => "succeeded",
        };
        let rare_word = random.is_one_of(WITH_RARE_WORD).then(|| rare_word(random.below(RARE_WORDS)));
        let message = format!(
            "{} did {} on s{target:06}: {} {}",
            actor_id(actor),
            action.name,
            self.words.pick(random),
            self.words.pick(random)
        );
        Made {
            index,
            occurred_ms: self.occurred_ms(index, random),
            organization: self.organizations.sample(random),
            action,
            severity,
            outcome,
            actor,
            target,
            request_id: random.is_one_of(WITH_REQUEST_ID).then(|| uuid_v4(random.next(), random.next())),
            message,
            meta: self.meta(rare_word.as_deref(), random),
            rare_word,
            error: (outcome == "failed").then(|| *random.pick(&ERRORS)),
        }
    }

    fn occurred_ms(&self, index: u64, random: &mut Random) -> u64 {
        let begin_ms = self.plan.end_ms.saturating_sub(SPAN_MS);
        let share = index as f64 / self.plan.events.max(1) as f64;
        let late_ms = if random.is_one_of(LATE) { random.below(LATE_MS) } else { 0 };
        let jittered_ms = begin_ms + (share * SPAN_MS as f64) as u64 + random.below(JITTER_MS);
        jittered_ms.min(self.plan.end_ms).saturating_sub(late_ms)
    }

    fn meta(&self, rare_word: Option<&str>, random: &mut Random) -> String {
        let mut meta = String::with_capacity(320);
        let environment = *random.pick(&ENVIRONMENTS);
        let (cluster, region) = (random.below(40), random.below(6));
        // Most are short, few are long.
        let duration_ms = (3.0 / (random.fraction() + 0.000_2)) as u64;
        let start = format!(
            r#"{{"env":"{environment}","cluster":"c{cluster:02}-r{region}","duration_ms":{duration_ms},"note":""#
        );
        meta.push_str(&start);
        let (least, most) = NOTE_CHARS;
        let end = meta.len() + (least + random.below(most - least)) as usize;
        if let Some(word) = rare_word {
            meta.push_str(word);
            meta.push(' ');
        }
        while meta.len() < end {
            meta.push_str(self.words.pick(random));
            meta.push(' ');
        }
        meta.truncate(meta.trim_end().len());
        meta.push_str(r#""}"#);
        meta
    }
}

impl Made {
    /// The name of its organization.
    pub(crate) fn organization_name(&self) -> String {
        organization_name(self.organization)
    }

    /// `actor.type`.
    pub(crate) fn actor_type(&self) -> &'static str {
        actor_type(self.actor)
    }

    /// `actor.id`.
    pub(crate) fn actor_id(&self) -> String {
        actor_id(self.actor)
    }

    /// `target.id`.
    pub(crate) fn target_id(&self) -> String {
        format!("component:default/s{:06}", self.target)
    }

    /// The id that the peers give it; Trailbook makes its own.
    pub(crate) fn peer_id(&self, seed: u64) -> Uuid {
        let (high, low) = (scatter(seed ^ self.index), scatter(!seed ^ self.index));
        let random = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
        let entropy = random.first_chunk().expect("16 bytes begin with 10");
        uuid::Builder::from_unix_timestamp_millis(self.occurred_ms, entropy).into_uuid()
    }

    /// Writes it as the JSON object that a client would send.
    pub(crate) fn write(&self, out: &mut String) {
        let write = |out: &mut String| self.try_write(out);
        write(out).expect("writing to a string cannot fail");
    }

    fn try_write(&self, out: &mut String) -> std::fmt::Result {
        let Action { source, name, kind, method, path, .. } = self.action;
        let (actor, target) = (self.actor, self.target);
        let (actor_type, actor_id, target_id) = (self.actor_type(), self.actor_id(), self.target_id());
        let at = Timestamp::from_millisecond(self.occurred_ms as i64).unwrap_or_default();
        write!(out, r#"{{"occurred_at":"{at:.3}","source":"{source}","action":"{name}","action_type":"{kind}","#)?;
        write!(out, r#""severity":"{}","outcome":"{}","#, self.severity, self.outcome)?;
        if let Some((name, message)) = self.error {
            write!(out, r#""error":{{"name":"{name}","message":"{message}"}},"#)?;
        }
        write!(out, r#""actor":{{"type":"{actor_type}","id":"{actor_id}"}},"#)?;
        write!(out, r#""targets":[{{"type":"entity","id":"{target_id}","name":"s{target:06}"}}],"#)?;
        let channel = if actor_type == "user" { "portal" } else { "api" };
        let agent = USER_AGENTS.get(actor % USER_AGENTS.len()).copied().unwrap_or_default();
        let (high, low) = (actor / 250 % 250, actor % 250);
        let session = session(actor, self.occurred_ms);
        write!(out, r#""context":{{"channel":"{channel}","ip":"10.20.{high}.{low}","user_agent":"{agent}","#)?;
        write!(out, r#""session_id":"{session:032x}","request_method":"{method}","#)?;
        write!(out, r#""request_url":"{path}/s{target:06}""#)?;
        if let Some(request_id) = self.request_id {
            write!(out, r#","request_id":"{request_id}""#)?;
        }
        write!(out, r#"}},"message":"{}","meta":{}}}"#, self.message, self.meta)
    }
}

/// The name of an organization.
pub(crate) fn organization_name(number: usize) -> String {
    format!("org-{number:02}")
}

/// The most active is a service, as in life.
fn actor_type(actor: usize) -> &'static str {
    match actor % 20 {
        0 | 9 => "service",
        15 => "agent",
        _ => "user",
    }
}

fn actor_id(actor: usize) -> String {
    match actor_type(actor) {
        "service" => format!("service:pipeline-{actor:05}"),
        "agent" => format!("agent:assistant-{actor:05}"),
        _ => format!("user:default/u{actor:05}"),
    }
}

/// A session lasts a day.
fn session(actor: usize, occurred_ms: u64) -> u128 {
    let number = ((actor as u64) << 20) ^ (occurred_ms / DAY_MS);
    (u128::from(scatter(number)) << 64) | u128::from(scatter(!number))
}

fn uuid_v4(high: u64, low: u64) -> Uuid {
    uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()).into_uuid()
}
