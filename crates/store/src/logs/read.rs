//! Reading a log: tiles, bundles, and the hashes that proofs are made of.

use std::collections::HashMap;
use std::sync::Arc;

use trailbook_tlog::tile::{self, Kind, Tile, WIDTH};
use trailbook_tlog::{Hash, Node, Note, Plan};

use super::edge::{
    BUNDLE_ENTRIES, BUNDLE_HEIGHT, Edge, HASH_BYTES, PACK_BUNDLES, bundle_root, entries, leaves, perfect,
};
use super::pack::Pack;
use super::{Log, Logs, Published, rows};
use crate::Error;
use crate::work::away;

/// That an entry is under a checkpoint.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The entry's index.
    pub index: u64,
    /// The leaf's sibling first.
    pub hashes: Vec<Hash>,
    /// The checkpoint's size.
    pub size: u64,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl Logs {
    /// The bytes of a tile or bundle under the published checkpoint. `None` if it has not so much of it.
    pub(crate) async fn tile(&self, log: &Log, tile: Tile) -> Result<Option<Vec<u8>>, Error> {
        let published = log.published();
        if tile.width == 0 || tile.width > tile.width_at(published.checkpoint.size) {
            return Ok(None);
        }
        let width = tile.width as usize;
        let mut parts = Parts { logs: self, log, edge: Arc::clone(&published.edge), cached: HashMap::new() };
        let bytes = match tile.kind {
            Kind::Entries => {
                let hashes = parts.bundle(tile.index).await?;
                let mut bundle = Vec::new();
                let taken = entries(hashes.get(..width * HASH_BYTES).unwrap_or_default());
                taken.for_each(|entry| tile::push_entry(&mut bundle, &entry));
                bundle
            }
            Kind::Hashes { level: 0 } => {
                let hashes = parts.bundle(tile.index).await?;
                let hashes: Vec<Hash> = leaves(hashes.get(..width * HASH_BYTES).unwrap_or_default()).collect();
                tile::encode_hashes(&hashes)
            }
            Kind::Hashes { level } => {
                let mut hashes = Vec::with_capacity(width);
                for index in tile.index * WIDTH..tile.index * WIDTH + tile.width {
                    hashes.push(parts.node(Node { height: level * tile::HEIGHT, index }).await?);
                }
                tile::encode_hashes(&hashes)
            }
        };
        Ok(Some(bytes))
    }

    /// The proof that an entry is under a published checkpoint. `None` if it is not.
    pub(crate) async fn inclusion(&self, log: &Log, index: u64, published: &Published) -> Result<Option<Proof>, Error> {
        let size = published.checkpoint.size;
        let Some(plan) = Plan::inclusion(index, size) else { return Ok(None) };
        let hashes = self.hashes(log, &published.edge, &plan).await?;
        Ok(Some(Proof { index, hashes, size, checkpoint: published.note() }))
    }

    /// What a plan asks for, of a log with this edge.
    pub(super) async fn hashes(&self, log: &Log, edge: &Arc<Edge>, plan: &Plan) -> Result<Vec<Hash>, Error> {
        let mut parts = Parts { logs: self, log, edge: Arc::clone(edge), cached: HashMap::new() };
        let mut nodes = HashMap::new();
        for node in plan.nodes() {
            nodes.insert(node, parts.node(node).await?);
        }
        plan.hashes(|node| nodes.get(&node).copied().ok_or_else(|| parts.damaged("a node is missing".to_owned())))
    }

    /// That the tree of `new` entries begins with the tree of `old`. `None` unless `old` ≤ `new` ≤ what is published.
    pub(crate) async fn consistency(&self, log: &Log, old: u64, new: u64) -> Result<Option<Vec<Hash>>, Error> {
        let published = log.published();
        let plan = Plan::consistency(old, new).filter(|_| new <= published.checkpoint.size);
        let Some(plan) = plan else { return Ok(None) };
        self.hashes(log, &published.edge, &plan).await.map(Some)
    }

    /// The root of the first `size` entries, which are under the edge.
    pub(super) async fn root(&self, log: &Log, size: u64) -> Result<Hash, Error> {
        let hashes = self.hashes(log, &log.edge(), &Plan::root(size)).await?;
        Ok(hashes.first().copied().unwrap_or_else(Hash::empty_root))
    }
}

/// Makes many proofs under one checkpoint. Those of neighbours share nearly all that they are made of, which is kept.
#[derive(Debug)]
pub struct Prover<'a> {
    published: &'a Published,
    parts: Parts<'a>,
    nodes: HashMap<Node, Hash>,
}

/// Parts and nodes that a prover keeps: enough for all proofs of neighbours.
const KEPT_PARTS: usize = 64;
const KEPT_NODES: usize = 4_096;

impl<'a> Prover<'a> {
    pub(crate) fn new(logs: &'a Logs, log: &'a Log, published: &'a Published) -> Self {
        let parts = Parts { logs, log, edge: Arc::clone(&published.edge), cached: HashMap::new() };
        Self { published, parts, nodes: HashMap::new() }
    }

    /// The siblings from an entry's leaf to the root of the checkpoint. `None` if it is not under it.
    pub async fn inclusion(&mut self, index: u64) -> Result<Option<Vec<Hash>>, Error> {
        let Some(plan) = Plan::inclusion(index, self.published.checkpoint.size) else { return Ok(None) };
        if self.parts.cached.len() > KEPT_PARTS {
            self.parts.cached.clear();
        }
        if self.nodes.len() > KEPT_NODES {
            self.nodes.clear();
        }
        for node in plan.nodes() {
            if !self.nodes.contains_key(&node) {
                self.nodes.insert(node, self.parts.node(node).await?);
            }
        }
        let missing = || self.parts.damaged("a node is missing".to_owned());
        plan.hashes(|node| self.nodes.get(&node).copied().ok_or_else(missing)).map(Some)
    }
}

/// What one answer reads, each part once.
#[derive(Debug)]
struct Parts<'a> {
    logs: &'a Logs,
    log: &'a Log,
    edge: Arc<Edge>,
    cached: HashMap<Part, Arc<Vec<u8>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    /// The entries of a bundle.
    Bundle(u64),
    /// The roots of a pack's bundles.
    Roots(u64),
}

impl Parts<'_> {
    fn damaged(&self, reason: String) -> Error {
        Error::Damaged { what: format!("the log {}", self.log.origin), reason }
    }

    async fn node(&mut self, node: Node) -> Result<Hash, Error> {
        if let Some(hash) = self.edge.node(node) {
            return Ok(hash);
        }
        let (start, height, hashes): (u64, u8, Vec<Hash>) = if node.height < BUNDLE_HEIGHT {
            let first = node.index << node.height;
            let bundle = self.bundle(first / BUNDLE_ENTRIES).await?;
            (first % BUNDLE_ENTRIES, 0, leaves(&bundle).collect())
        } else {
            let first = node.index << (node.height - BUNDLE_HEIGHT);
            let roots = self.roots(first / PACK_BUNDLES).await?;
            (first % PACK_BUNDLES, BUNDLE_HEIGHT, Hash::all_of(&roots).collect())
        };
        let end = start + (1 << (node.height - height));
        let hashes = hashes.get(start as usize..end as usize);
        hashes.and_then(perfect).ok_or_else(|| self.damaged(format!("its node {node:?} is missing")))
    }

    /// The hashes of a bundle's entries.
    async fn bundle(&mut self, index: u64) -> Result<Arc<Vec<u8>>, Error> {
        let part = Part::Bundle(index);
        if let Some(found) = self.cached.get(&part) {
            return Ok(Arc::clone(found));
        }
        let hashes = if index == self.edge.size() / BUNDLE_ENTRIES {
            Arc::clone(&self.edge.last)
        } else {
            Arc::new(self.full_bundle(index).await?)
        };
        self.cached.insert(part, Arc::clone(&hashes));
        Ok(hashes)
    }

    async fn full_bundle(&mut self, index: u64) -> Result<Vec<u8>, Error> {
        let pack = index / PACK_BUNDLES;
        if pack >= self.edge.packed {
            if let Some(hashes) = rows::bundle(&self.logs.catalog, self.log.id, index).await? {
                let place = (index - self.edge.packed * PACK_BUNDLES) as usize;
                let root = self.edge.bundles.get(place);
                if bundle_root(&hashes).as_ref() != root {
                    return Err(self.damaged(format!("the entries of its bundle {index} do not lead to its root")));
                }
                return Ok(hashes);
            }
            // A pack has taken it meanwhile.
            let now = self.log.edge();
            if pack >= now.packed {
                return Err(self.damaged(format!("its bundle {index} is missing")));
            }
            self.edge = now;
        }
        let roots = self.roots(pack).await?;
        let place = index % PACK_BUNDLES;
        let root = Hash::all_of(&roots).nth(place as usize);
        let root = root.ok_or_else(|| self.damaged("a root is missing".to_owned()))?;
        self.with_pack(pack, move |pack| pack.bundle(place, &root)).await
    }

    /// The roots of a pack's bundles.
    async fn roots(&mut self, pack: u64) -> Result<Arc<Vec<u8>>, Error> {
        let part = Part::Roots(pack);
        if let Some(found) = self.cached.get(&part) {
            return Ok(Arc::clone(found));
        }
        let root = self.edge.packs.get(pack as usize).copied();
        let root = root.ok_or_else(|| self.damaged(format!("its pack {pack} is missing")))?;
        let roots = self.with_pack(pack, move |pack| pack.roots(&root)).await?;
        let roots: Arc<Vec<u8>> = Arc::new(roots.iter().flat_map(|root| root.0).collect());
        self.cached.insert(part, Arc::clone(&roots));
        Ok(roots)
    }

    async fn with_pack<T: Send + 'static>(
        &self,
        number: u64,
        read: impl FnOnce(&Pack) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (objects, log_id) = (Arc::clone(&self.logs.objects), self.log.log_id);
        away(move || read(&Pack::open(&*objects, &log_id, number)?)).await
    }
}
