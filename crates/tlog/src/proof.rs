//! Checking proofs, as RFC 9162 sections 2.1.3.2 and 2.1.4.2 describe it for the trees of RFC 6962.

use crate::{Error, Frontier, Hash};

/// Checks that the leaf `index` of the tree with this size and root has this hash.
pub fn check_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> Result<(), Error> {
    let mut hash = *leaf;
    for (sibling, side) in proof.iter().zip(inclusion_sides(index, size, proof)?) {
        hash = match side {
            Side::Left => Hash::node(sibling, &hash),
            Side::Right => Hash::node(&hash, sibling),
        };
    }
    if hash == *root { Ok(()) } else { Err(bad(INCLUSION)("it leads to another root")) }
}

/// Checks that the tree with the new size and root begins with the tree of the old ones.
pub fn check_consistency(
    (old_size, old_root): (u64, &Hash),
    (new_size, new_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), Error> {
    let bad = bad("consistency");
    if old_size > new_size {
        return Err(bad("the old tree is larger than the new one"));
    }
    for (size, root) in [(old_size, old_root), (new_size, new_root)] {
        if size == 0 && *root != Hash::empty_root() {
            return Err(bad("a tree without leaves has another root"));
        }
    }
    if old_size == 0 || old_size == new_size {
        return match proof {
            [] if old_size == 0 || old_root == new_root => Ok(()),
            [] => Err(bad("trees of the same size have different roots")),
            _ => Err(bad(TOO_MANY)),
        };
    }
    // The proof begins with the last perfect node of the old tree, unless that is the whole of it.
    let (first, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_root, proof),
        Some(split) => split,
        None => return Err(bad(TOO_FEW)),
    };
    let height = (old_size - 1).trailing_ones();
    let sides = sides((old_size - 1) >> height, (new_size - 1) >> height, rest.len()).map_err(bad)?;
    let (mut old, mut new) = (*first, *first);
    for (sibling, side) in rest.iter().zip(sides) {
        match side {
            Side::Left => {
                old = Hash::node(sibling, &old);
                new = Hash::node(sibling, &new);
            }
            Side::Right => new = Hash::node(&new, sibling),
        }
    }
    match (old == *old_root, new == *new_root) {
        (true, true) => Ok(()),
        (false, _) => Err(bad("it leads to another old root")),
        (true, false) => Err(bad("it leads to another new root")),
    }
}

/// A run of a log, shown to be complete: every leaf from a first to a last one, none left out.
///
/// It takes nothing but two inclusion proofs. The first leaf's proof has, on its left, the nodes that stand for all
/// leaves before it; appending the leaves of the run gives the nodes that must stand on the left of the last leaf's
/// proof. As that proof leads to the root, so do all of them.
#[derive(Debug)]
pub struct Run {
    /// All leaves but the last one that was added.
    before: Frontier,
    last: Option<Hash>,
}

impl Run {
    /// Begins a run before its first leaf, with the proof of that leaf.
    pub fn begin(index: u64, size: u64, proof: &[Hash]) -> Result<Self, Error> {
        Ok(Self { before: left_of(index, size, proof)?, last: None })
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        if let Some(last) = self.last.replace(leaf) {
            self.before.push(last, |_, _| {});
        }
    }

    /// Ends the run with the proof of its last leaf in the tree with this size and root.
    pub fn end(&self, size: u64, proof: &[Hash], root: &Hash) -> Result<(), Error> {
        let leaf = self.last.ok_or_else(|| bad(INCLUSION)("the run has no leaves"))?;
        let index = self.before.size();
        check_inclusion(index, size, &leaf, proof, root)?;
        if left_of(index, size, proof)? == self.before {
            return Ok(());
        }
        Err(bad(INCLUSION)("the leaves of the run do not lead from its first to its last"))
    }
}

/// The nodes on the left of an inclusion proof: the tree of all leaves before the index.
fn left_of(index: u64, size: u64, proof: &[Hash]) -> Result<Frontier, Error> {
    let sides = inclusion_sides(index, size, proof)?;
    let left = proof.iter().zip(sides).filter(|(_, side)| *side == Side::Left).map(|(hash, _)| *hash);
    let mut left: Vec<Hash> = left.collect();
    left.reverse();
    Frontier::from_hashes(index, left).ok_or_else(|| bad(INCLUSION)("it has not the hashes of its place"))
}

/// Where a hash of a proof stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn inclusion_sides(index: u64, size: u64, proof: &[Hash]) -> Result<Vec<Side>, Error> {
    if index >= size {
        return Err(bad(INCLUSION)("the index is not below the size"));
    }
    sides(index, size - 1, proof.len()).map_err(bad(INCLUSION))
}

/// The side of each hash of a proof, from a node's place and the last place of its height upward.
fn sides(mut place: u64, mut last: u64, hashes: usize) -> Result<Vec<Side>, &'static str> {
    let mut sides = Vec::new();
    while last > 0 {
        if place & 1 == 1 || place == last {
            sides.push(Side::Left);
            // Up to where it is a right child: between, it has no sibling.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            sides.push(Side::Right);
        }
        place >>= 1;
        last >>= 1;
    }
    match sides.len() {
        count if count < hashes => Err(TOO_MANY),
        count if count > hashes => Err(TOO_FEW),
        _ => Ok(sides),
    }
}

const INCLUSION: &str = "inclusion";
const TOO_MANY: &str = "it has too many hashes";
const TOO_FEW: &str = "it has too few hashes";

fn bad(what: &'static str) -> impl Fn(&'static str) -> Error + Copy {
    move |reason| Error::BadProof { what, reason }
}
