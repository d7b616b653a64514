//! The shape of the tree: its perfect nodes, its right edge, and which nodes a proof is made of.
//!
//! Every hash of RFC 6962 is put together from *perfect* nodes, those over a power of two of leaves that begins at a
//! multiple of it. They never change once their leaves are there. So a log keeps perfect nodes only, and a [`Plan`]
//! says which of them an answer needs, before anything is read.

use crate::Hash;

/// A perfect node: the root over the leaves from `index << height` to `(index + 1) << height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// 0 for a leaf.
    pub height: u8,
    /// Its place among the nodes of its height, from 0.
    pub index: u64,
}

/// The right edge of a growing tree: what it takes to append leaves and to know the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// The perfect nodes that make up the tree, the largest first: one for each bit of the size.
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The nodes that a tree of this size is made of, the largest first.
    pub fn nodes(size: u64) -> Vec<Node> {
        decompose(0, size)
    }

    /// A tree of this size from the hashes of [`Frontier::nodes`]. `None` if there are not as many.
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == size.count_ones() as usize).then_some(Self { size, hashes })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of its nodes, the largest first.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Appends a leaf by its hash, and tells of each perfect node that this completes, the leaf's own first.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(Node, Hash)) {
        let (mut height, mut hash) = (0, leaf);
        let mut index = self.size;
        completed(Node { height, index }, hash);
        while index & 1 == 1
            && let Some(left) = self.hashes.pop()
        {
            hash = Hash::node(&left, &hash);
            height += 1;
            index >>= 1;
            completed(Node { height, index }, hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        fold(self.hashes.iter().copied()).unwrap_or_else(Hash::empty_root)
    }
}

/// Which perfect nodes an answer is made of: for each of its hashes those that it is put together from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    hashes: Vec<Vec<Node>>,
}

impl Plan {
    /// For the proof that the leaf `index` is in the tree of `size`. `None` if it is not.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let (mut start, mut end) = (0, size);
        let mut siblings = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                siblings.push((middle, end));
                end = middle;
            } else {
                siblings.push((start, middle));
                start = middle;
            }
        }
        Some(Self::of_ranges(siblings))
    }

    /// For the proof that the tree of `new` leaves begins with the tree of `old`. `None` unless `old` ≤ `new`. The
    /// proof from nothing, and from a tree to itself, is empty.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old > new {
            return None;
        }
        if old == 0 || old == new {
            return Some(Self { hashes: Vec::new() });
        }
        // The old tree's last perfect node is where the two trees part; it needs no hash where it is the old root.
        let (mut start, mut end) = (0, new);
        let mut siblings = Vec::new();
        while end != old {
            let middle = start + split(end - start);
            if old <= middle {
                siblings.push((middle, end));
                end = middle;
            } else {
                siblings.push((start, middle));
                start = middle;
            }
        }
        if start > 0 {
            siblings.push((start, end));
        }
        Some(Self::of_ranges(siblings))
    }

    /// For the root of the tree of `size`: one hash, none for an empty tree.
    pub fn root(size: u64) -> Self {
        Self { hashes: if size == 0 { Vec::new() } else { vec![decompose(0, size)] } }
    }

    /// The ranges were found from the root downward; a proof goes upward.
    fn of_ranges(ranges: Vec<(u64, u64)>) -> Self {
        Self { hashes: ranges.into_iter().rev().map(|(start, end)| decompose(start, end)).collect() }
    }

    /// The nodes that are needed.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.hashes.iter().flatten().copied()
    }

    /// The hashes of the answer, from those of its nodes.
    pub fn hashes<E>(&self, mut of: impl FnMut(Node) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
        let mut hashes = Vec::with_capacity(self.hashes.len());
        for nodes in &self.hashes {
            let nodes: Vec<Hash> = nodes.iter().map(|node| of(*node)).collect::<Result<_, E>>()?;
            hashes.extend(fold(nodes.into_iter()));
        }
        Ok(hashes)
    }
}

/// The largest power of two below `n`, which is at least 2: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The perfect nodes of a range that the tree's splits lead to, the largest first.
fn decompose(mut start: u64, end: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    while start < end {
        let height = (end - start).ilog2();
        nodes.push(Node { height: height as u8, index: start >> height });
        start += 1 << height;
    }
    nodes
}

/// The hash over perfect nodes that follow each other, the largest first.
fn fold(hashes: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    hashes.rev().reduce(|right, left| Hash::node(&left, &right))
}
