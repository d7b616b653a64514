//! From the bytes of a write to what the store appends: split, parse, normalise, redact, exclude, seal.
//!
//! A body is recorded whole or not at all; when it is refused, every event that is wrong is named, up to a limit.

pub(crate) mod body;
mod split;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use trailbook_event::exclude::{self, Decision};
use trailbook_event::limits::REPORTED_ERRORS_MAX;
use trailbook_event::normalise::{Form, Given, Normalised};
use trailbook_event::seal::{SALT_BYTES, seal};
use trailbook_event::{Error, Event, Timestamp, Uuid, canonical, redact};
use trailbook_store::{Clock, Fingerprint, Item};

use crate::api::problem::{EventError, Kind, Problem};
use crate::log;
use crate::settings::{LogLevel, Settings, SeverityLogLevels};
use split::Piece;

/// How this server treats what it is sent.
#[derive(Debug)]
pub(crate) struct Pipeline {
    redaction: redact::Rules,
    exclusion: exclude::Rules,
    log_levels: SeverityLogLevels,
    keep_initiated: bool,
    skew_ms_max: i64,
    clock: Clock,
}

/// A write that can be appended.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// What becomes of each event, in order.
    pub(crate) entries: Vec<Entry<'static>>,
    /// The events to be recorded, in order.
    pub(crate) items: Vec<Item>,
    excluded: Vec<Excluded>,
    /// What the write says, for telling a repetition from a reuse; only where the client gave a key.
    content: Vec<u8>,
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// Whether its type says that it is NDJSON.
    pub(crate) is_ndjson: bool,
    /// Whether records of outcome `initiated` are kept.
    pub(crate) keep_initiated: bool,
    /// Whether the write has an idempotency key.
    pub(crate) has_key: bool,
    /// Whose records they are.
    pub(crate) form: Form,
}

#[derive(Debug)]
struct Excluded {
    rule: String,
    /// Whether the rule is the organization's own.
    is_own: bool,
    level: LogLevel,
    /// The redacted event, where the log's level wants it.
    canonical: Option<Vec<u8>>,
}

/// What became of one event of a write. An id waits for its sequence until the write is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry<'a> {
    /// It is recorded.
    Recorded {
        /// Its id.
        id: Uuid36,
    },
    /// An exclusion rule keeps it out.
    Excluded {
        /// The rule's name.
        excluded: Cow<'a, str>,
    },
    /// It is nothing that is recorded.
    Dropped {
        /// `initiated` or `not-audit`.
        dropped: Cow<'a, str>,
    },
}

/// A UUID in its hyphenated form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Uuid36(pub(crate) String);

impl From<Uuid> for Uuid36 {
    fn from(id: Uuid) -> Self {
        Self(id.to_string())
    }
}

/// What metrics call the rules of organizations, all of them: the names are for the organization alone.
pub(crate) const OWN_RULES: &str = "(rules of organizations)";

/// Random bytes that one event needs: for its id and its salt.
const RANDOM_BYTES: usize = ID_BYTES + SALT_BYTES;
const ID_BYTES: usize = 10;

impl Pipeline {
    /// Reads the rules of the settings.
    pub(crate) fn new(settings: &Settings, clock: Clock) -> Result<Self, String> {
        let redaction = redact::Rules::new(&settings.redaction_rules).map_err(|e| format!("redaction_rules: {e}"))?;
        let exclusion = exclude::Rules::new(&settings.exclusion_rules).map_err(|e| format!("exclusion_rules: {e}"))?;
        Ok(Self {
            redaction,
            exclusion,
            log_levels: settings.severity_log_levels,
            keep_initiated: settings.keep_initiated,
            skew_ms_max: settings.skew_ms_max,
            clock,
        })
    }

    /// The exclusion rules of the configuration.
    pub(crate) fn rules(&self) -> &exclude::Rules {
        &self.exclusion
    }

    /// Makes an event of the server's own, which no rule excludes, ready to be appended; it gets its id here.
    pub(crate) fn own(&self, mut event: Event<'_>) -> Result<Item, String> {
        let mut random = Random::default();
        let (id, salt) = random.pair();
        let millis = u64::try_from(event.occurred_at.millis()).unwrap_or_default();
        event.id = uuid::Builder::from_unix_timestamp_millis(millis, &id).into_uuid();
        match exclude::Rules::default().decide(self.redaction.apply(event)) {
            Decision::Admitted(admitted) => {
                let sealed = seal(&admitted, salt).map_err(|e| e.to_string())?;
                Ok(Item { sealed, client_id: None })
            }
            Decision::Excluded { rule, .. } => Err(format!("the rule {rule} excludes it")),
        }
    }

    /// Makes a write out of a body. `own` are the exclusion rules of the organization, which decide after those of the
    /// configuration. Takes about 10 µs an event.
    pub(crate) fn prepare(&self, body: &[u8], reading: Reading, own: &exclude::Rules) -> Result<Batch, Problem> {
        let mut work = Work {
            pipeline: self,
            own,
            now: Timestamp::from_millis(self.clock.now_ms()),
            keep_initiated: reading.keep_initiated || self.keep_initiated,
            has_key: reading.has_key,
            form: reading.form,
            random: Random::default(),
            batch: Batch::default(),
            errors: Vec::new(),
            errors_total: 0,
        };
        split::each(body, reading, &mut |piece| work.piece(piece))?;
        if work.errors_total > 0 {
            return Err(Problem::events(Kind::InvalidEvents, work.errors, work.errors_total));
        }
        Ok(work.batch)
    }
}

impl Batch {
    /// The hash of what the write says, after redaction.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.content)
    }

    /// Writes the excluded events to the server's own log, and says of each what it is counted under: the rule of the
    /// configuration, or [`OWN_RULES`].
    pub(crate) fn log_excluded(&self, organization: &str) -> impl Iterator<Item = &str> {
        self.excluded.iter().map(move |excluded| {
            if let Some(canonical) = &excluded.canonical {
                log::excluded_event(excluded.level, organization, &excluded.rule, canonical);
            }
            if excluded.is_own { OWN_RULES } else { excluded.rule.as_str() }
        })
    }
}

struct Work<'p> {
    pipeline: &'p Pipeline,
    own: &'p exclude::Rules,
    now: Timestamp,
    keep_initiated: bool,
    has_key: bool,
    form: Form,
    random: Random,
    batch: Batch,
    errors: Vec<EventError>,
    errors_total: u64,
}

impl Work<'_> {
    fn piece(&mut self, piece: Piece<'_>) {
        let (index, line) = (piece.index, piece.line);
        if let Err(error) = self.event(piece) {
            self.errors_total += 1;
            if self.errors.len() < REPORTED_ERRORS_MAX {
                let (pointer, detail) = (error.pointer().to_owned(), error.to_string());
                self.errors.push(EventError { index, line, pointer, detail });
            }
        }
    }

    fn event(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        let value = piece.value?;
        let (random, salt) = self.random.pair();
        let given = Given {
            now: self.now,
            skew_ms_max: self.pipeline.skew_ms_max,
            random,
            keep_initiated: self.keep_initiated,
        };

        let (has_own_id, has_own_time) = self.form.own_members(&value);
        let event = match self.form.normalise(value, piece.text.len(), &given)? {
            Normalised::Event(event) => event,
            Normalised::Initiated => return self.entry(Entry::Dropped { dropped: "initiated".into() }),
            Normalised::Ordinary => return self.entry(Entry::Dropped { dropped: "not-audit".into() }),
        };
        if self.errors_total > 0 {
            // The write is refused already; the rest is only looked at for more errors.
            return Ok(());
        }
        let (decision, is_own) = match self.pipeline.exclusion.decide(self.pipeline.redaction.apply(event)) {
            Decision::Admitted(admitted) => (self.own.decide_after(admitted), true),
            excluded @ Decision::Excluded { .. } => (excluded, false),
        };
        match decision {
            Decision::Admitted(admitted) => {
                let sealed = seal(&admitted, salt)?;
                self.batch.entries.push(Entry::Recorded { id: sealed.id().into() });
                let client_id = if has_own_id || self.has_key {
                    let content = sealed.content(has_own_id, has_own_time);
                    self.remember(&content);
                    has_own_id.then(|| Fingerprint::of(&content))
                } else {
                    None
                };
                self.batch.items.push(Item { sealed, client_id });
                Ok(())
            }
            Decision::Excluded { rule, event } => {
                let level = self.pipeline.log_levels.level(event.event().severity);
                let is_wanted = log::is_enabled(level, LevelFilter::current());
                let canonical = is_wanted.then(|| canonical::write(event.event()).bytes);
                self.batch.excluded.push(Excluded { rule: rule.to_owned(), is_own, level, canonical });
                self.entry(Entry::Excluded { excluded: rule.to_owned().into() })
            }
        }
    }

    /// Adds to what the write says, each part with its length so that parts cannot run together.
    fn remember(&mut self, part: &[u8]) {
        if self.has_key {
            self.batch.content.extend_from_slice(&part.len().to_le_bytes());
            self.batch.content.extend_from_slice(part);
        }
    }

    fn entry(&mut self, entry: Entry<'static>) -> Result<(), Error> {
        match &entry {
            Entry::Excluded { excluded: what } | Entry::Dropped { dropped: what } => self.remember(what.as_bytes()),
            Entry::Recorded { .. } => {}
        }
        self.batch.entries.push(entry);
        Ok(())
    }
}

/// Random bytes, fetched from the system for many events at once.
#[derive(Default)]
struct Random {
    bytes: Vec<u8>,
    used: usize,
    /// How much to fetch next: little for one event, more when they are many.
    fetch_events: usize,
}

impl Random {
    /// What an id and a salt are made of.
    fn pair(&mut self) -> ([u8; ID_BYTES], [u8; SALT_BYTES]) {
        let random = self.take();
        let (mut id, mut salt) = ([0; ID_BYTES], [0; SALT_BYTES]);
        let (for_id, for_salt) = random.split_at(ID_BYTES);
        id.copy_from_slice(for_id);
        salt.copy_from_slice(for_salt);
        (id, salt)
    }

    fn take(&mut self) -> [u8; RANDOM_BYTES] {
        if self.used == self.bytes.len() {
            self.fetch_events = (self.fetch_events * 4).clamp(1, 512);
            self.bytes.resize(self.fetch_events * RANDOM_BYTES, 0);
            getrandom::fill(&mut self.bytes).expect("the system's random number generator works once it is seeded");
            self.used = 0;
        }
        let mut out = [0; RANDOM_BYTES];
        if let Some(fresh) = self.bytes.get(self.used..self.used + RANDOM_BYTES) {
            out.copy_from_slice(fresh);
        }
        self.used += RANDOM_BYTES;
        out
    }
}
