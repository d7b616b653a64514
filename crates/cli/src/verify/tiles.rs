//! The tiles and entries of a whole log.

use std::path::Path;

use trailbook_tlog::tile::{self, Kind, Tile};
use trailbook_tlog::{Frontier, Hash, Note};

use super::files::{read, read_bytes};
use super::{Keys, Trusted, Wrong, counted};

/// Checks a folder with what a log serves: its checkpoint, and every tile and bundle under it.
pub(super) fn verify_folder(path: &Path, keys: &Keys) -> Result<Vec<String>, Wrong> {
    let note = Note::parse(&read(&path.join("checkpoint"))?)?;
    let trusted = keys.checkpoint(&note)?;
    let mut tree = Tree::default();
    for tile in in_order(trusted.checkpoint.size) {
        let name = tile.path();
        let file = path.join(&name);
        if !file.is_file() {
            return Err(Wrong::Refused(format!("{name} is missing")));
        }
        tree.add(tile, &read_bytes(&file)?).map_err(|reason| Wrong::Refused(format!("{name}: {reason}")))?;
    }
    tree.finish(&trusted).map(|sentence| vec![sentence])
}

/// The resources of a tree, entries first: what is derived from them is compared when it comes.
pub(super) fn in_order(size: u64) -> Vec<Tile> {
    let mut all = Tile::all(size);
    all.sort_by_key(|tile| match tile.kind {
        Kind::Entries => (0, tile.index),
        Kind::Hashes { level } => (u64::from(level) + 1, tile.index),
    });
    all
}

/// A tree that is built from entries.
#[derive(Default)]
pub(super) struct Tree {
    frontier: Frontier,
    /// The nodes of each level of tiles.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Adds a bundle, or compares a tile with what was built.
    pub(super) fn add(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), String> {
        match tile.kind {
            Kind::Entries => {
                let entries = tile::decode_entries(bytes).map_err(|e| e.to_string())?;
                if entries.len() as u64 != tile.width {
                    return Err(format!("it has {} entries, not {}", entries.len(), tile.width));
                }
                for entry in entries {
                    self.frontier.push(Hash::leaf(entry), |node, hash| {
                        let level = usize::from(node.height / tile::HEIGHT);
                        if node.height % tile::HEIGHT == 0 {
                            self.levels.resize(self.levels.len().max(level + 1), Vec::new());
                            if let Some(hashes) = self.levels.get_mut(level) {
                                hashes.push(hash);
                            }
                        }
                    });
                }
                Ok(())
            }
            Kind::Hashes { level } => {
                let start = (tile.index * tile::WIDTH) as usize;
                let built = self.levels.get(usize::from(level));
                let built = built.and_then(|hashes| hashes.get(start..start + tile.width as usize));
                match built.map(tile::encode_hashes) {
                    Some(built) if built == bytes => Ok(()),
                    _ => Err("its hashes are not those of the entries".to_owned()),
                }
            }
        }
    }

    /// Compares the whole with the checkpoint.
    pub(super) fn finish(&self, trusted: &Trusted) -> Result<String, Wrong> {
        let checkpoint = &trusted.checkpoint;
        if (self.frontier.size(), self.frontier.root()) != (checkpoint.size, checkpoint.root) {
            return Err(Wrong::refused("the entries do not lead to the root of the checkpoint"));
        }
        Ok(format!(
            "Proven: these are all {} of the log {}, in their order (checkpoint {}).",
            counted(checkpoint.size, "entry", "entries"),
            checkpoint.origin,
            trusted.by
        ))
    }
}
