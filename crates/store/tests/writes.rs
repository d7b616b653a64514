//! What tests write, how they see what was written, and the clocks that they write by.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

use trailbook_event::normalise::{Given, Normalised, normalise};
use trailbook_event::{Sealed, Span, Timestamp, exclude, json, redact, seal};
use trailbook_store::credential::{Grant, NewEntry, Permission, new_token};
use trailbook_store::{
    Append, Appended, Clock, Credential, Error, Fingerprint, Item, KeyHash, Options, Organization, Remember, Store,
    Tuning,
};

use crate::database::{Database, PATIENCE};

/// Who writes in a test, and to which log.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) store: Arc<Store>,
    pub(crate) credential: Arc<Credential>,
}

impl Sender {
    /// A sender of the first organization.
    pub(crate) async fn new(store: Store) -> Self {
        Self::of(&Arc::new(store), "default").await
    }

    /// A sender with a token of its own, of an organization that is made if need be.
    pub(crate) async fn of(store: &Arc<Store>, organization: &str) -> Self {
        let (organization, _) = store.catalog().organization_or_new(organization).await.unwrap();
        let token = new_token().unwrap();
        let name = format!("sender-{token}");
        let grant = Some(Grant { scopes: vec![Permission::EventsWrite], restrictions: Vec::new() });
        let entry = NewEntry { organization, name, token: token.clone(), grant, expires_ms: None };
        store.catalog().create_entry(entry).await.unwrap();
        let credential = store.catalog().credentials().await.unwrap().find(&token).unwrap();
        Self { store: Arc::clone(store), credential }
    }

    /// A sender to a store whose memory is full with its first event: the journal's writer holds the next write until a
    /// flush makes room, and then commits it with all that wait.
    pub(crate) async fn without_room(database: &Database) -> Self {
        let tuning = Tuning { recent_events: 0, room_wait: PATIENCE, flush_age_ms: i64::MAX / 2, ..Tuning::default() };
        let store = Store::open(Options { tuning, ..database.options() }).await.unwrap();
        let sender = Self::new(store).await;
        sender.send(events(&["fills it"])).await.unwrap();
        sender
    }

    /// Returns when the writer has taken all that was sent.
    pub(crate) async fn taken(&self) {
        while self.store.appends_waiting() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// The same sender at a store that was opened again.
    pub(crate) fn at(&self, store: Store) -> Self {
        Self { store: Arc::new(store), credential: Arc::clone(&self.credential) }
    }

    pub(crate) fn organization(&self) -> &Organization {
        self.credential.organization()
    }

    pub(crate) async fn send(&self, items: Vec<Item>) -> Result<Appended, Error> {
        self.store.append(self.append(items, None)).await
    }

    /// Sends under a key, as the same content if `content` is the same.
    pub(crate) async fn send_under(&self, key: &str, content: &str, items: Vec<Item>) -> Result<Appended, Error> {
        self.store.append(self.append(items, Some(remember(key, content)))).await
    }

    pub(crate) fn append(&self, items: Vec<Item>, remember: Option<Remember>) -> Append {
        Append {
            organization: self.organization().clone(),
            credential: self.credential.id(),
            items,
            remember,
            uses_reserve: false,
        }
    }

    /// Every event of the log, as it is found now.
    pub(crate) fn found(&self) -> Vec<Found> {
        let snapshot = self.store.snapshot(self.organization());
        let row = |row: trailbook_store::Row<'_>| Found {
            sequence: row.sequence,
            recorded_ms: row.recorded_ms,
            occurred_ns: row.occurred_ns,
            canonical: String::from_utf8(row.canonical.to_vec()).unwrap(),
            spans: row.spans.to_vec(),
        };
        snapshot.rows().map(row).collect()
    }

    /// Closes the store, of which this must be the last sender.
    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}

/// One event as it is found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) sequence: u64,
    pub(crate) recorded_ms: i64,
    pub(crate) occurred_ns: i64,
    pub(crate) canonical: String,
    pub(crate) spans: Vec<Span>,
}

/// Every event once, with sequences from 0 without a gap.
#[track_caller]
pub(crate) fn assert_dense(found: &[Found]) {
    let sequences: Vec<u64> = found.iter().map(|found| found.sequence).collect();
    assert_eq!(sequences, (0..found.len() as u64).collect::<Vec<_>>());
}

/// Polls a write once: then it is in the queue, and the order of the queue is the order of the calls.
pub(crate) async fn start(mut write: Pin<&mut impl Future>) {
    let polled = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_pending())).await;
    assert!(polled, "a write waits for its commit");
}

pub(crate) fn remember(key: &str, content: &str) -> Remember {
    Remember {
        key: KeyHash::of(key.as_bytes()),
        fingerprint: Fingerprint::of(content.as_bytes()),
        shape: format!("shape of {content}").into_bytes(),
    }
}

/// An event whose action is this.
pub(crate) fn event(action: &str) -> Item {
    let json =
        format!(r#"{{"source":"catalog","action":"{action}","meta":{{"n":1}},"actor":{{"type":"user","id":"u"}}}}"#);
    Item { sealed: sealed(&json), client_id: None }
}

pub(crate) fn events(actions: &[&str]) -> Vec<Item> {
    actions.iter().map(|action| event(action)).collect()
}

/// An event under the n-th of the ids that a client chose.
pub(crate) fn event_with_id(n: u8, action: &str) -> Item {
    let id = format!("0198c000-0000-7000-8000-0000000000{n:02x}");
    let json = format!(r#"{{"id":"{id}","source":"catalog","action":"{action}"}}"#);
    Item { sealed: sealed(&json), client_id: Some(Fingerprint::of(action.as_bytes())) }
}

/// An event of a day of January 2026 (from 1 on), or of the months after it, with a mark of its own.
pub(crate) fn event_of_day(day: i64, mark: &str) -> Item {
    let date = date_of(day);
    let json = format!(
        r#"{{"source":"catalog","action":"a","occurred_at":"{date}T08:00:00Z","message":"of {mark}",
        "meta":{{"mark":"{mark}","day":{day}}}}}"#
    );
    Item { sealed: sealed(&json), client_id: None }
}

/// The date of a day of 2025 or 2026; January 1st 2026 is 1.
fn date_of(day: i64) -> String {
    const DAY_MS: i64 = 86_400_000;
    const JANUARY_MS: i64 = 1_767_225_600_000;
    Timestamp::from_millis(JANUARY_MS + (day - 1) * DAY_MS).to_string()[..10].to_owned()
}

/// An event with a message of so many bytes.
pub(crate) fn large_event(bytes: usize) -> Item {
    let json = format!(r#"{{"source":"catalog","action":"a","message":"{}"}}"#, "x".repeat(bytes));
    Item { sealed: sealed(&json), client_id: None }
}

fn sealed(text: &str) -> Sealed {
    static NUMBER: AtomicI64 = AtomicI64::new(0);
    let mut random = [7; 10];
    random[2..].copy_from_slice(&NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let now = Timestamp::parse("2026-01-15T12:00:00.123456789Z").unwrap();
    let given = Given { now, skew_ms_max: i64::MAX / 4, random, keep_initiated: false };
    let Normalised::Event(event) = normalise(json::parse(text.as_bytes()).unwrap(), text.len(), &given).unwrap() else {
        panic!("{text} is not an event");
    };
    let redacted = redact::Rules::default().apply(event);
    let exclude::Decision::Admitted(admitted) = exclude::Rules::default().decide(redacted) else {
        panic!("no rule excludes {text}");
    };
    seal::seal(&admitted, [3; 16]).unwrap()
}

/// A clock that a test sets.
#[derive(Clone)]
pub(crate) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(crate) fn at(now_ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(now_ms)))
    }

    pub(crate) fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::from_fn(move || now.load(Ordering::SeqCst))
    }
}
