//! Logs: what is recorded becomes entries under signed checkpoints, and every proof of it holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use trailbook_event::limits::SILENCE_SECONDS_MAX;
use trailbook_event::seal;
use trailbook_store::segment::RowReader;
use trailbook_store::{Log, Options, Snapshot, Store, Tuning};
use trailbook_tlog::tile::{self, Kind, Tile};
use trailbook_tlog::{Checkpoint, Frontier, Hash, Node, Note, Plan, proof};

use crate::database::{Database, on_sqlite};
use crate::writes::{Sender, SetClock, event, events};

on_both!(
    entries_are_the_seals_of_events_in_their_order,
    each_organization_has_a_log_of_its_own,
    a_write_is_under_a_checkpoint_soon,
    a_silent_log_says_so,
    events_leave_the_journal_under_a_checkpoint,
);

/// The entries of a log as they must be: made again from its events, wherever these are.
pub(crate) fn entries(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut add = |row: trailbook_store::Row<'_>| {
        let inner = seal::inner(row.salt, row.canonical);
        let entry = seal::entry(u64::try_from(row.recorded_ms).unwrap(), &inner);
        assert!(found.insert(row.sequence, entry.to_vec()).is_none(), "sequence {} is there twice", row.sequence);
    };
    snapshot.rows().for_each(&mut add);
    for place in snapshot.segments() {
        let segment = place.open().unwrap();
        let mut reader = RowReader::new(&segment);
        place.part.rows.clone().for_each(|row| add(reader.row(row).unwrap()));
    }
    let sequences: Vec<u64> = found.keys().copied().collect();
    assert_eq!(sequences, (0..found.len() as u64).collect::<Vec<_>>(), "no sequence is left out");
    found.into_values().collect()
}

/// A tree over entries, with all its nodes.
pub(crate) struct Tree(BTreeMap<Node, Hash>);

impl Tree {
    pub(crate) fn of(entries: &[Vec<u8>]) -> Self {
        let (mut frontier, mut nodes) = (Frontier::default(), BTreeMap::new());
        for entry in entries {
            frontier.push(Hash::leaf(entry), |node, hash| {
                nodes.insert(node, hash);
            });
        }
        Self(nodes)
    }

    fn answer(&self, plan: Option<Plan>) -> Vec<Hash> {
        plan.unwrap().hashes(|node| self.0.get(&node).copied().ok_or(node)).unwrap()
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        self.answer(Some(Plan::root(size))).pop().unwrap_or_else(Hash::empty_root)
    }

    /// What a log over these entries serves.
    fn tile(&self, entries: &[Vec<u8>], tile: Tile) -> Vec<u8> {
        let places = tile.index * tile::WIDTH..tile.index * tile::WIDTH + tile.width;
        match tile.kind {
            Kind::Hashes { level } => {
                let node = |index| self.0[&Node { height: level * tile::HEIGHT, index }];
                tile::encode_hashes(&places.map(node).collect::<Vec<_>>())
            }
            Kind::Entries => {
                let mut bundle = Vec::new();
                places.for_each(|i| tile::push_entry(&mut bundle, &entries[i as usize]));
                bundle
            }
        }
    }
}

/// The open log of a sender's organization.
pub(crate) async fn open_log(sender: &Sender) -> Arc<Log> {
    let logs = sender.store.logs(sender.organization()).await.unwrap();
    logs.into_iter().find(|log| log.frozen_ms().is_none()).unwrap()
}

/// Checks a log against what its organization's events must make of it, with keys that were known before.
pub(crate) async fn check(sender: &Sender, log: &Log) -> u64 {
    let published = log.published();
    let size = published.checkpoint.size;
    let entries = entries(&sender.store.snapshot(sender.organization()));
    let entries = &entries[..size as usize];
    let tree = Tree::of(entries);
    let note = Note::parse(&published.note().to_string()).unwrap();
    let signed = note.verify(&[log.key().clone(), log.clock_key().clone()]).unwrap();
    assert_eq!((signed.len(), signed[1].time), (2, Some(published.time)));
    let want = Checkpoint { origin: log.origin().to_owned(), size, root: tree.root(size) };
    assert_eq!(Checkpoint::parse(note.text()).unwrap(), want);
    for tile in Tile::all(size) {
        let bytes = sender.store.tile(log, tile).await.unwrap();
        assert!(bytes.is_some_and(|bytes| bytes == tree.tile(entries, tile)), "{}", tile.path());
    }
    for index in (0..size).step_by(1 + size as usize / 97).chain(size.checked_sub(1)) {
        let leaf = Hash::leaf(&entries[index as usize]);
        let found = sender.store.inclusion(log, index, &published).await.unwrap().unwrap();
        proof::check_inclusion(index, size, &leaf, &found.hashes, &want.root).unwrap();
        let hashes = sender.store.consistency(log, index, size).await.unwrap().unwrap();
        proof::check_consistency((index, &tree.root(index)), (size, &want.root), &hashes).unwrap();
    }
    assert!(sender.store.inclusion(log, size, &published).await.unwrap().is_none());
    assert!(sender.store.consistency(log, size, size + 1).await.unwrap().is_none());
    size
}

async fn entries_are_the_seals_of_events_in_their_order(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let log = open_log(&sender).await;
    assert_eq!(log.origin(), format!("trailbook/log/{}", log.id()));
    assert_eq!(log.key().name(), log.origin());
    for round in 0..4 {
        let names: Vec<String> = (0..90 + round).map(|i| format!("r{round}-{i}")).collect();
        sender.send(events(&names.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
        sender.store.integrate().await.unwrap();
        check(&sender, &log).await;
        if round % 2 == 1 {
            sender.store.flush().await.unwrap();
            check(&sender, &log).await;
        }
    }
    let before = log.published();
    sender.close().await;

    let again = sender.at(database.open().await);
    let log = open_log(&again).await;
    assert_eq!(log.published().checkpoint, before.checkpoint);
    again.send(events(&["one more"])).await.unwrap();
    again.store.integrate().await.unwrap();
    assert_eq!(check(&again, &log).await, before.checkpoint.size + 1);
    again.close().await;
}

async fn each_organization_has_a_log_of_its_own(database: &Database) {
    let first = Sender::new(database.open().await).await;
    let second = Sender::of(&first.store, "another").await;
    first.send(events(&["a"])).await.unwrap();
    second.send(events(&["b", "c"])).await.unwrap();
    first.store.integrate().await.unwrap();
    let (one, two) = (open_log(&first).await, open_log(&second).await);
    assert_eq!((check(&first, &one).await, check(&second, &two).await), (1, 2));
    assert!(one.id() != two.id() && one.key() != two.key() && one.clock_key() != two.clock_key());
    assert!(one.is_of(first.organization()) && !one.is_of(second.organization()));
    assert!(first.store.log(&one.id()).is_some_and(|found| Arc::ptr_eq(&found, &one)));
    assert!(first.store.log(&"0".repeat(32)).is_none() && first.store.log("../x").is_none());
    first.close().await;
}

async fn a_write_is_under_a_checkpoint_soon(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    let log = open_log(&sender).await;
    for size in 1..=3 {
        sender.send(events(&["a"])).await.unwrap();
        let published = tokio::time::timeout(Duration::from_secs(60), log.published_from(size)).await.unwrap();
        assert_eq!(published.checkpoint.size, size, "by itself");
    }
    check(&sender, &log).await;
    sender.close().await;
}

async fn a_silent_log_says_so(database: &Database) {
    let start_ms = 1_800_000_000_000;
    let clock = SetClock::at(start_ms);
    let sender = Sender::new(database.open_at(clock.clock()).await).await;
    let log = open_log(&sender).await;
    sender.send(events(&["a"])).await.unwrap();
    sender.store.integrate().await.unwrap();
    let before = log.published();
    assert_eq!(before.time, start_ms as u64 / 1000);

    clock.set(start_ms + (SILENCE_SECONDS_MAX as i64 - 1) * 1000);
    sender.store.integrate().await.unwrap();
    assert_eq!(log.published().time, before.time, "not yet");
    clock.set(start_ms + SILENCE_SECONDS_MAX as i64 * 1000);
    sender.store.integrate().await.unwrap();
    let after = log.published();
    assert_eq!((after.time, &after.checkpoint), (before.time + SILENCE_SECONDS_MAX, &before.checkpoint));
    check(&sender, &log).await;

    // A clock that goes back does not make a later checkpoint the older one.
    clock.set(start_ms);
    sender.send(events(&["b"])).await.unwrap();
    sender.store.integrate().await.unwrap();
    assert_eq!((log.published().time, check(&sender, &log).await), (after.time, 2));
    sender.close().await;
}

async fn events_leave_the_journal_under_a_checkpoint(database: &Database) {
    let sender = Sender::new(database.open().await).await;
    for _ in 0..5 {
        sender.send(events(&["a", "b", "c"])).await.unwrap();
        sender.store.flush().await.unwrap();
        assert_eq!(database.number("SELECT COUNT(*) FROM logs WHERE flushed > size").await, 0);
        assert_eq!(database.number("SELECT COUNT(*) FROM logs WHERE flushed = 0").await, 0);
    }
    sender.close().await;
}

/// More entries than a pack has: the rest lies in the catalog, and all is read as one log.
#[test]
fn entries_are_packed() {
    on_sqlite(async |database| {
        let size = 65_536 + 256 + 44;
        let tuning = Tuning { flush_events: 20_000, ..Tuning::default() };
        let open = async || Store::open(Options { tuning: tuning.clone(), ..database.options() }).await.unwrap();
        let sender = Sender::new(open().await).await;
        let mut sent = 0;
        while sent < size {
            let count = (size - sent).min(4_000);
            sender.send((0..count).map(|i| event(&format!("e{}", sent + i))).collect()).await.unwrap();
            sent += count;
        }
        sender.store.integrate().await.unwrap();
        let log = open_log(&sender).await;
        assert_eq!(check(&sender, &log).await, size as u64);
        assert_eq!(database.number("SELECT COUNT(*) FROM log_packs").await, 1);
        assert_eq!(database.number("SELECT COUNT(*) FROM log_entries").await, 2, "one full bundle and one that is not");
        assert_eq!(std::fs::read_dir(database.dir().join("logs")).unwrap().count(), 1);
        sender.close().await;

        let again = sender.at(open().await);
        let log = open_log(&again).await;
        again.send(events(&["one more"])).await.unwrap();
        again.store.integrate().await.unwrap();
        assert_eq!(check(&again, &log).await, size as u64 + 1);
        again.close().await;
    });
}
