//! The log of a running server, against the last checkpoint that was seen of it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use trailbook_tlog::tile::{self, Kind, Tile};
use trailbook_tlog::{Checkpoint, Hash, Node, Note, Plan, proof};

use super::files::{read, write};
use super::tiles::{Tree, in_order};
use super::{Arguments, Keys, Trusted, Wrong, counted};
use crate::client::{Client, Server};
use crate::exit::Error;

/// How long a server that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks that a log only grew since the pinned checkpoint, and pins its new one.
pub(super) async fn verify(arguments: &Arguments, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let server = Server {
        url: arguments.what.trim_end_matches('/').to_owned(),
        token: arguments.token.clone().unwrap_or_default(),
        ca_cert: arguments.ca_cert.clone(),
    };
    let log = Log { client: Client::new(&server, PATIENCE)?, tiles: HashMap::new() };
    follow(log, arguments, keys).await
}

async fn follow(mut log: Log, arguments: &Arguments, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let text =
        String::from_utf8(log.get("checkpoint").await?).map_err(|_| Wrong::refused("its checkpoint is not UTF-8"))?;
    let note = Note::parse(&text)?;
    let trusted = keys.checkpoint(&note)?;
    let pinned = match &arguments.pin {
        Some(pin) if pin.exists() => Some(pinned(pin, keys)?),
        _ => None,
    };
    let mut sentences = Vec::new();
    match &pinned {
        Some(old) => {
            log.check_growth(old, &trusted.checkpoint).await?;
            sentences.push(format!(
                "Proven: the log {} has only grown since it was seen last, from {} to {}; nothing before was changed \
                 or removed (checkpoint {}).",
                trusted.checkpoint.origin,
                old.size,
                counted(trusted.checkpoint.size, "entry", "entries"),
                trusted.by
            ));
        }
        None => sentences.push(format!(
            "Seen for the first time: the log {} with {} (checkpoint {}). What it was before is not proven.",
            trusted.checkpoint.origin,
            counted(trusted.checkpoint.size, "entry", "entries"),
            trusted.by
        )),
    }
    if arguments.all {
        sentences.push(log.check_all(&trusted).await?);
    }
    if let Some(pin) = &arguments.pin {
        write(pin, &note.to_string())?;
    }
    Ok(sentences)
}

/// The checkpoint that was seen last. One that is not signed by the key proves nothing.
fn pinned(pin: &Path, keys: &Keys) -> Result<Checkpoint, Wrong> {
    let wrong = |e: &dyn std::fmt::Display| {
        Wrong::Error(Error::Usage(format!("--pin {}: it is no checkpoint of this log: {e}", pin.display())))
    };
    let note = Note::parse(&read(pin)?).map_err(|e| wrong(&e))?;
    // Witnesses may have been added since.
    let checkpoint = Checkpoint::parse(note.text()).map_err(|e| wrong(&e))?;
    let own: Vec<_> = keys.0.iter().filter(|key| key.name() == checkpoint.origin).cloned().collect();
    note.verify(&own).map_err(|e| wrong(&e))?;
    Ok(checkpoint)
}

/// A log that is asked for its resources.
struct Log {
    client: Client,
    tiles: HashMap<Tile, Vec<Hash>>,
}

impl Log {
    async fn get(&self, resource: &str) -> Result<Vec<u8>, Wrong> {
        let answer = self.client.get(&format!("/{resource}")).await?;
        match answer.status {
            200 => Ok(answer.body.to_vec()),
            _ => Err(Wrong::Error(answer.refusal(&format!("{}/{resource}", self.client.base())))),
        }
    }

    /// Checks that a tree begins with an older one of the same log.
    async fn check_growth(&mut self, old: &Checkpoint, new: &Checkpoint) -> Result<(), Wrong> {
        if old.origin != new.origin {
            return Err(Wrong::Refused(format!("the pinned checkpoint is of the log {}", old.origin)));
        }
        let Some(plan) = Plan::consistency(old.size, new.size) else {
            return Err(Wrong::Refused(format!(
                "the log has {}, and {} when it was seen last: entries were removed, or somebody is shown another log",
                new.size, old.size
            )));
        };
        let mut nodes = HashMap::new();
        for node in plan.nodes() {
            nodes.insert(node, self.node(node, new.size).await?);
        }
        let missing = || Wrong::refused("a hash is missing");
        let hashes = plan.hashes(|node| nodes.get(&node).copied().ok_or_else(missing))?;
        let grown = proof::check_consistency((old.size, &old.root), (new.size, &new.root), &hashes);
        grown.map_err(|e| Wrong::Refused(format!("the log is not the one that was seen last: {e}")))
    }

    /// A perfect node, from the tile that it is in.
    async fn node(&mut self, node: Node, size: u64) -> Result<Hash, Wrong> {
        let (level, over) = (node.height / tile::HEIGHT, node.height % tile::HEIGHT);
        let first = node.index << over;
        let mut tile = Tile { kind: Kind::Hashes { level }, index: first / tile::WIDTH, width: tile::WIDTH };
        tile.width = tile.width_at(size);
        if !self.tiles.contains_key(&tile) {
            let hashes = tile::decode_hashes(&self.get(&tile.path()).await?)?;
            self.tiles.insert(tile, hashes);
        }
        let start = (first % tile::WIDTH) as usize;
        let hashes = self.tiles.get(&tile).and_then(|hashes| hashes.get(start..start + (1 << over)));
        let mut frontier = trailbook_tlog::Frontier::default();
        hashes.unwrap_or_default().iter().for_each(|hash| frontier.push(*hash, |_, _| {}));
        match hashes {
            Some(_) => Ok(frontier.root()),
            None => Err(Wrong::Refused(format!("{} has too few hashes", tile.path()))),
        }
    }

    /// Reads everything that is under the checkpoint.
    async fn check_all(&mut self, trusted: &Trusted) -> Result<String, Wrong> {
        let mut tree = Tree::default();
        for tile in in_order(trusted.checkpoint.size) {
            let name = tile.path();
            let bytes = self.get(&name).await?;
            tree.add(tile, &bytes).map_err(|reason| Wrong::Refused(format!("{name}: {reason}")))?;
        }
        tree.finish(trusted)
    }
}
