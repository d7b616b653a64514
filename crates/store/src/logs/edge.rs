//! The right edge of a log: what it takes to append entries, and all hashes above full packs and bundles.
//!
//! ```text
//! height  0   leaves       entries of full bundles lie in packs or the catalog; those of the last one are here
//! height  8   bundles      256 leaves; roots of those in no pack are here, the others lie in their pack
//! height 16   packs        256 bundles; all roots are here: 32 bytes for 65,536 leaves
//! ```

use std::sync::Arc;

use trailbook_event::seal;
use trailbook_tlog::{Frontier, Hash, Node, tile};

use crate::Error;

/// Entries of a bundle.
pub(crate) const BUNDLE_ENTRIES: u64 = tile::WIDTH;
/// Bundles of a pack.
pub(crate) const PACK_BUNDLES: u64 = tile::WIDTH;
/// The height of a node over a full bundle, and of one over a full pack.
pub(crate) const BUNDLE_HEIGHT: u8 = tile::HEIGHT;
pub(crate) const PACK_HEIGHT: u8 = 2 * tile::HEIGHT;

/// Bytes of a stored entry: its first byte, the version, is the same in all.
pub(crate) const HASH_BYTES: usize = Hash::BYTES;
/// Bytes of a full bundle's entries.
pub(crate) const BUNDLE_BYTES: usize = BUNDLE_ENTRIES as usize * HASH_BYTES;

/// Events that follow each other in a log, as what becomes its entries.
#[derive(Debug)]
pub(crate) struct Leaves {
    pub(crate) first_sequence: u64,
    pub(crate) recorded_ms: i64,
    pub(crate) inners: Vec<[u8; 32]>,
}

impl Leaves {
    pub(crate) fn end(&self) -> u64 {
        self.first_sequence + self.inners.len() as u64
    }
}

/// A bundle as the catalog holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) index: u64,
    /// The hashes of its entries, one after the other.
    pub(crate) hashes: Vec<u8>,
    /// The root over it, once it is full.
    pub(crate) root: Option<Hash>,
}

/// The right edge of a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    pub(crate) frontier: Frontier,
    /// The entries of the last bundle, which is not full.
    pub(crate) last: Arc<Vec<u8>>,
    /// The roots of full bundles that are in no pack yet.
    pub(crate) bundles: Arc<Vec<Hash>>,
    /// The roots over each 256 bundles.
    pub(crate) packs: Arc<Vec<Hash>>,
    /// Packs that are written.
    pub(crate) packed: u64,
}

impl Edge {
    /// The edge of a log of this size, from its stored parts.
    pub(crate) fn of(size: u64, packs: Vec<Hash>, bundles: Vec<Hash>, last: Vec<u8>) -> Result<Self, String> {
        let mut edge = Self {
            frontier: Frontier::default(),
            last: Arc::new(last),
            packed: packs.len() as u64,
            packs: Arc::new(packs),
            bundles: Arc::new(bundles),
        };
        let full = size / BUNDLE_ENTRIES;
        let is_whole = edge.packed * PACK_BUNDLES + edge.bundles.len() as u64 == full
            && edge.last.len() as u64 == size % BUNDLE_ENTRIES * HASH_BYTES as u64;
        if !is_whole {
            return Err(format!("its entries are not those of a log of size {size}"));
        }
        // Bundles whose pack was not written yet when the process ended.
        for bundles in edge.bundles.as_chunks::<{ PACK_BUNDLES as usize }>().0 {
            Arc::make_mut(&mut edge.packs).extend(perfect(bundles));
        }
        let leaves: Vec<Hash> = leaves(&edge.last).collect();
        let nodes = Frontier::nodes(size);
        let hashes: Option<Vec<Hash>> = nodes.into_iter().map(|node| edge.node_at_edge(node, &leaves)).collect();
        let frontier = hashes.and_then(|hashes| Frontier::from_hashes(size, hashes));
        edge.frontier = frontier.ok_or_else(|| format!("its entries are not those of a log of size {size}"))?;
        Ok(edge)
    }

    /// A node whose leaves are all in the last bundle, or which is above what is held here.
    fn node_at_edge(&self, node: Node, last: &[Hash]) -> Option<Hash> {
        match node.height {
            0..BUNDLE_HEIGHT => {
                let start = (node.index << node.height) % BUNDLE_ENTRIES;
                perfect(last.get(start as usize..(start + (1 << node.height)) as usize)?)
            }
            _ => self.node(node),
        }
    }

    /// A node of at least the height of a bundle, if its parts are held here.
    pub(crate) fn node(&self, node: Node) -> Option<Hash> {
        if node.height >= PACK_HEIGHT {
            return perfect(above(&self.packs, node, PACK_HEIGHT, 0)?);
        }
        perfect(above(&self.bundles, node, BUNDLE_HEIGHT, self.packed * PACK_BUNDLES)?)
    }

    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Appends entries, and gives the bundles that changed.
    pub(crate) fn extend(&mut self, leaves: &[Arc<Leaves>]) -> Result<Vec<Bundle>, Error> {
        let mut changed = Vec::new();
        let (last, bundles, packs) =
            (Arc::make_mut(&mut self.last), Arc::make_mut(&mut self.bundles), Arc::make_mut(&mut self.packs));
        for run in leaves {
            let known = self.frontier.size().saturating_sub(run.first_sequence) as usize;
            if run.first_sequence > self.frontier.size() {
                let what = format!("the log's next entry, {}", self.frontier.size());
                return Err(Error::Damaged { what, reason: format!("{} came instead", run.first_sequence) });
            }
            let recorded_ms = u64::try_from(run.recorded_ms).unwrap_or_default();
            for inner in run.inners.iter().skip(known) {
                let entry = seal::entry(recorded_ms, inner);
                last.extend_from_slice(&entry[1..]);
                let index = self.frontier.size() / BUNDLE_ENTRIES;
                let mut root = None;
                self.frontier.push(Hash::leaf(&entry), |node, hash| match node.height {
                    BUNDLE_HEIGHT => root = Some(hash),
                    PACK_HEIGHT => packs.push(hash),
                    _ => {}
                });
                if root.is_some() {
                    bundles.extend(root);
                    changed.push(Bundle { index, hashes: std::mem::take(last), root });
                }
            }
        }
        if !last.is_empty() {
            let index = self.frontier.size() / BUNDLE_ENTRIES;
            changed.push(Bundle { index, hashes: last.clone(), root: None });
        }
        Ok(changed)
    }

    /// The same log after its next pack was written.
    pub(crate) fn with_pack(&self) -> Self {
        let mut edge = self.clone();
        edge.packed += 1;
        Arc::make_mut(&mut edge.bundles).drain(..PACK_BUNDLES as usize);
        edge
    }

    /// The number of the next pack, if its bundles are full.
    pub(crate) fn next_pack(&self) -> Option<u64> {
        (self.bundles.len() as u64 >= PACK_BUNDLES).then_some(self.packed)
    }
}

/// The hashes of a height that lie under a node, out of those from `first` on.
fn above(hashes: &[Hash], node: Node, height: u8, first: u64) -> Option<&[Hash]> {
    let over = node.height.checked_sub(height)?;
    let start = usize::try_from((node.index << over).checked_sub(first)?).ok()?;
    hashes.get(start..start.checked_add(1 << over)?)
}

/// The root over a power of two of hashes. `None` for none of them.
pub(crate) fn perfect(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| Hash::node(left, right)).collect();
    }
    row.pop()
}

/// The root over a full bundle's stored hashes.
pub(crate) fn bundle_root(hashes: &[u8]) -> Option<Hash> {
    perfect(&leaves(hashes).collect::<Vec<_>>())
}

/// The entries of stored hashes.
pub(crate) fn entries(hashes: &[u8]) -> impl Iterator<Item = [u8; seal::ENTRY_BYTES]> {
    hashes.as_chunks::<HASH_BYTES>().0.iter().map(seal::entry_of_hash)
}

/// The leaf hashes of stored hashes of entries.
pub(crate) fn leaves(hashes: &[u8]) -> impl Iterator<Item = Hash> {
    entries(hashes).map(|entry| Hash::leaf(&entry))
}
