//! The formats against known answers, against another implementation, and against what an attacker would change.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod mutations;
mod notes;
mod peers;
mod runs;
mod tiles;
mod tree;
mod vectors;

use trailbook_tlog::{Frontier, Hash, Node, Plan};

/// A tree with all its perfect nodes in memory.
pub(crate) struct Tree {
    pub(crate) frontier: Frontier,
    nodes: std::collections::HashMap<Node, Hash>,
}

impl Tree {
    pub(crate) fn of(entries: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut tree = Self { frontier: Frontier::default(), nodes: std::collections::HashMap::new() };
        for entry in entries {
            let leaf = Hash::leaf(entry.as_ref());
            tree.frontier.push(leaf, |node, hash| {
                tree.nodes.insert(node, hash);
            });
        }
        tree
    }

    /// The tree of the known answers: entry i is `entry <i>` in ASCII.
    pub(crate) fn numbered(size: u64) -> Self {
        Self::of((0..size).map(entry))
    }

    pub(crate) fn node(&self, node: Node) -> Hash {
        self.nodes[&node]
    }

    pub(crate) fn answer(&self, plan: &Plan) -> Vec<Hash> {
        plan.hashes(|node| Ok::<_, ()>(self.node(node))).unwrap()
    }

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        self.answer(&Plan::inclusion(index, size).unwrap())
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        self.answer(&Plan::consistency(old, new).unwrap())
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        self.answer(&Plan::root(size)).pop().unwrap_or_else(Hash::empty_root)
    }
}

pub(crate) fn entry(i: u64) -> String {
    format!("entry {i}")
}
