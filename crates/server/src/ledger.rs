//! Who reads the log, and who is refused: recorded without a flood.
//!
//! The first of a kind in a minute is recorded before it is answered; those that follow are counted, and the counts are
//! recorded when the minute is over. So whoever looks at the log later finds every reader and every minute in which
//! they read, and a script that asks a thousand times a second makes two events a minute.
//!
//! Tokens that are nobody's are counted by the address that they come from, for the server as a whole ([`strangers`]).

mod strangers;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::MissedTickBehavior;
use trailbook_event::limits::LEDGER_LINES_MAX;
use trailbook_event::{Outcome, Severity, json};
use trailbook_store::{CredentialId, Error};

use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::own::{self, Deed, text};
use strangers::Strangers;

/// How long what is alike is counted together, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// How often it is looked for minutes that are over.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// Queries of the log.
    Read,
    /// Requests that were not allowed.
    Denied,
}

impl What {
    fn action(self) -> &'static str {
        match self {
            What::Read => "audit_log.read",
            What::Denied => "access.denied",
        }
    }
}

/// A line that requests at the same time add to.
type SharedLine = Arc<AsyncMutex<Line>>;

/// The lines of the minute.
#[derive(Debug)]
pub(crate) struct Ledger {
    lines: Mutex<HashMap<(CredentialId, What), SharedLine>>,
    strangers: Strangers,
    records_reads: bool,
}

/// What one credential did in a minute.
#[derive(Debug)]
struct Line {
    caller: Caller,
    began_ms: i64,
    /// Whether the first of it is recorded.
    is_recorded: bool,
    /// Whether its minute is over, and its counts are on their way: who waited for it counts in the next one.
    is_closed: bool,
    requests: u64,
    events: u64,
}

impl Ledger {
    pub(crate) fn new(records_reads: bool) -> Self {
        Self { lines: Mutex::default(), strangers: Strangers::default(), records_reads }
    }

    /// Says that a caller is about to read. Returns when that is on record.
    pub(crate) async fn reading(&self, app: &App, caller: &Caller) -> Result<(), Error> {
        if !self.records_reads {
            return Ok(());
        }
        let first = |caller| {
            let deed = Deed::of(caller, What::Read.action(), "read", "The audit log was read".to_owned());
            Deed { outcome: Outcome::Initiated, severity: Severity::Low, ..deed }
        };
        self.count(app, (caller, What::Read), first).await
    }

    /// Counts the events that a caller was given.
    pub(crate) async fn read(&self, app: &App, caller: &Caller, events: u64) {
        if self.records_reads
            && events > 0
            && let Some(mut line) = self.open_line(app, (caller, What::Read)).await
        {
            line.events += events;
        }
    }

    /// Says that a caller was not let do something. Returns when that is on record.
    pub(crate) async fn denied(&self, app: &App, caller: &Caller, reason: &str) -> Result<(), Error> {
        let first = |caller| {
            let deed = Deed::of(caller, What::Denied.action(), "deny", "Access was denied".to_owned());
            Deed { severity: Severity::High, ..deed.ended(Outcome::Denied, reason) }
        };
        self.count(app, (caller, What::Denied), first).await
    }

    async fn count<'a>(
        &self,
        app: &App,
        (caller, what): (&'a Caller, What),
        first: impl Fn(&'a Caller) -> Deed<'a>,
    ) -> Result<(), Error> {
        let Some(mut line) = self.open_line(app, (caller, what)).await else {
            // As many as may be counted are: each is recorded by itself.
            return own::record(app, first(caller)).await;
        };
        if !line.is_recorded {
            own::record(app, first(caller)).await?;
            line.is_recorded = true;
        }
        line.requests += 1;
        Ok(())
    }

    /// The line of this minute; nothing if there are as many as may be.
    async fn open_line(&self, app: &App, (caller, what): (&Caller, What)) -> Option<OwnedMutexGuard<Line>> {
        loop {
            let line = self.line_or_new(caller, what, app.clock.now_ms())?.lock_owned().await;
            if !line.is_closed {
                return Some(line);
            }
        }
    }

    fn line_or_new(&self, caller: &Caller, what: What, now_ms: i64) -> Option<Arc<AsyncMutex<Line>>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = lines.len() < LEDGER_LINES_MAX;
        match lines.entry((caller.credential(), what)) {
            Entry::Occupied(line) => Some(Arc::clone(line.get())),
            Entry::Vacant(_) if !has_room => None,
            Entry::Vacant(place) => {
                let caller = caller.clone();
                let line =
                    Line { caller, began_ms: now_ms, is_recorded: false, is_closed: false, requests: 0, events: 0 };
                Some(Arc::clone(place.insert(Arc::new(AsyncMutex::new(line)))))
            }
        }
    }

    /// Records the counts of minutes that are over. Never returns; dropped when the server stops.
    pub(crate) async fn follow(&self, app: &App) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let up_to_ms = app.clock.now_ms().saturating_sub(MINUTE_MS);
            tokio::select! {
                _ = looks.tick() => {}
                () = self.strangers.arrival() => {
                    self.strangers.close(app, up_to_ms).await;
                    continue;
                }
            }
            self.close(app, up_to_ms).await;
            if let Err(error) = own::record_operators(app).await {
                tracing::error!(%error, "what operators did could not be recorded");
            }
        }
    }

    /// Counts a request whose token is nobody's. That is on record soon: nobody waits for it.
    pub(crate) fn stranger(&self, asker: &Arc<Asker>, reason: &'static str, now_ms: i64) {
        self.strangers.count(asker, reason, now_ms);
    }

    /// Records the counts of what began up to a time, in milliseconds since 1970.
    pub(crate) async fn close(&self, app: &App, up_to_ms: i64) {
        self.strangers.close(app, up_to_ms).await;
        let lines: Vec<_> = {
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.iter().map(|(key, line)| (*key, Arc::clone(line))).collect()
        };
        for (key, line) in lines {
            let line = {
                let mut line = line.lock().await;
                if line.began_ms > up_to_ms {
                    continue;
                }
                line.is_closed = true;
                // Whoever comes now begins the next minute.
                self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                Line { caller: line.caller.clone(), ..*line }
            };
            let texts = [line.events.to_string(), line.requests.to_string()];
            if (line.requests > 1 || line.events > 0)
                && let Err(error) = own::record(app, counts(&line, key.1, &texts)).await
            {
                tracing::error!(%error, action = key.1.action(), "the counts of a minute could not be recorded");
            }
        }
    }
}

/// What is recorded of a minute; `events` and `requests` are its numbers in digits.
fn counts<'a>(line: &'a Line, what: What, [events, requests]: &'a [String; 2]) -> Deed<'a> {
    let mut meta: json::Object<'_> = vec![("requests".into(), json::Value::Number(requests))];
    let deed = match what {
        What::Read => {
            meta.insert(0, ("events".into(), json::Value::Number(events)));
            let message = format!("The audit log was read: {events} events in {requests} requests");
            Deed { severity: Severity::Low, ..Deed::of(&line.caller, what.action(), "read", message) }
        }
        What::Denied => {
            let message = format!("Access was denied {requests} times");
            let deed = Deed::of(&line.caller, what.action(), "deny", message);
            Deed { severity: Severity::High, outcome: Outcome::Denied, ..deed }
        }
    };
    meta.push(("period".into(), text("one minute")));
    deed.with(meta)
}
