//! A run of leaves is shown to be complete by the proofs of its first and its last leaf.

use proptest::prelude::*;
use trailbook_tlog::proof::{Run, check_inclusion};
use trailbook_tlog::{Error, Hash, Node};

use crate::Tree;

/// Checks a run of these leaves as a verifier would.
fn check(tree: &Tree, size: u64, first: u64, leaves: &[Hash]) -> Result<(), Error> {
    let root = tree.root(size);
    let last = first + leaves.len() as u64 - 1;
    let proof = tree.inclusion(first, size);
    check_inclusion(first, size, &leaves[0], &proof, &root)?;
    let mut run = Run::begin(first, size, &proof)?;
    leaves.iter().for_each(|leaf| run.push(*leaf));
    run.end(size, &tree.inclusion(last, size), &root)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_run_is_accepted_whole_and_not_otherwise(
        (size, a, b, at) in (3_u64..1_000, any::<u64>(), any::<u64>(), any::<usize>()),
    ) {
        let tree = Tree::numbered(size);
        let (first, last) = ((a % size).min(b % size), (a % size).max(b % size));
        let leaves: Vec<Hash> = (first..=last).map(|index| tree.node(Node { height: 0, index })).collect();
        check(&tree, size, first, &leaves).unwrap();

        let at = at % leaves.len();
        let mut changed = leaves.clone();
        changed[at].0[at % 32] ^= 1;
        prop_assert!(check(&tree, size, first, &changed).is_err(), "changed at {at}");
        if leaves.len() > 1 {
            let mut swapped = leaves.clone();
            swapped.swap(at, (at + 1) % leaves.len());
            prop_assert!(check(&tree, size, first, &swapped).is_err(), "swapped at {at}");
        }
        // Without its last leaf it is another whole run.
        if at + 1 < leaves.len() {
            let mut removed = leaves.clone();
            removed.remove(at);
            prop_assert!(check(&tree, size, first, &removed).is_err(), "removed at {at}");
        }
        if last + 1 < size {
            let mut doubled = leaves.clone();
            doubled.insert(at, leaves[at]);
            prop_assert!(check(&tree, size, first, &doubled).is_err(), "doubled at {at}");
        }
    }
}

#[test]
fn a_run_without_leaves_is_none() {
    let tree = Tree::numbered(5);
    let run = Run::begin(2, 5, &tree.inclusion(2, 5)).unwrap();
    assert!(run.end(5, &tree.inclusion(2, 5), &tree.root(5)).is_err());
}
