//! Proofs of random trees: every one that is made is accepted, and accepted for nothing else.

use proptest::prelude::*;
use trailbook_tlog::{Frontier, Hash, Node, Plan, proof};

use crate::Tree;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn proofs_lead_to_the_root_and_to_no_other((size, a, b) in (1_u64..2_000, any::<u64>(), any::<u64>())) {
        let tree = Tree::numbered(size);
        let (index, old) = (a % size, b % (size + 1));
        let (root, leaf) = (tree.root(size), tree.node(Node { height: 0, index }));
        let inclusion = tree.inclusion(index, size);
        proof::check_inclusion(index, size, &leaf, &inclusion, &root).unwrap();
        prop_assert!(proof::check_inclusion(index, size, &Hash::leaf(b"another"), &inclusion, &root).is_err());
        prop_assert!(proof::check_inclusion((index + 1) % size, size, &leaf, &inclusion, &root).is_err() || size == 1);

        let consistency = tree.consistency(old, size);
        proof::check_consistency((old, &tree.root(old)), (size, &root), &consistency).unwrap();
        let other = Hash::leaf(b"another");
        prop_assert!(proof::check_consistency((old, &other), (size, &root), &consistency).is_err());
        if old > 0 {
            prop_assert!(proof::check_consistency((old, &tree.root(old)), (size, &other), &consistency).is_err());
        }
    }

    /// A tree that goes on from its right edge alone has the same root.
    #[test]
    fn a_frontier_goes_on_where_it_was_left((before, after) in (0_u64..700, 0_u64..700)) {
        let tree = Tree::numbered(before + after);
        let nodes = Frontier::nodes(before);
        let mut frontier =
            Frontier::from_hashes(before, nodes.iter().map(|node| tree.node(*node)).collect()).unwrap();
        prop_assert_eq!(frontier.root(), tree.root(before));
        for index in before..before + after {
            frontier.push(tree.node(Node { height: 0, index }), |node, hash| assert_eq!(hash, tree.node(node)));
        }
        prop_assert_eq!(&frontier, &tree.frontier);
    }

    #[test]
    fn sizes_of_64_bits_are_taken((index, size) in (any::<u64>(), any::<u64>())) {
        let plan = Plan::inclusion(index, size);
        prop_assert_eq!(plan.is_some(), index < size);
        if let Some(plan) = plan {
            let nodes = plan.nodes().count();
            prop_assert!(nodes <= 64 * 64);
            let hashes = plan.hashes(|_| Ok::<_, ()>(Hash::empty_root())).unwrap();
            // Not of this root, but of this shape.
            let refused = proof::check_inclusion(index, size, &Hash::empty_root(), &hashes, &Hash::leaf(b"x"));
            prop_assert_eq!(refused.unwrap_err().to_string(), "the inclusion proof is wrong: it leads to another root");
        }
        prop_assert_eq!(Plan::consistency(index, size).is_some(), index <= size);
    }
}

#[test]
fn a_proof_of_another_length_is_refused() {
    let tree = Tree::numbered(100);
    for index in 0..100 {
        let leaf = tree.node(Node { height: 0, index });
        let good = tree.inclusion(index, 100);
        let (shorter, longer) = (good[..good.len() - 1].to_vec(), [good.clone(), vec![leaf]].concat());
        for (proof, why) in [(shorter, "it has too few hashes"), (longer, "it has too many hashes")] {
            let error = proof::check_inclusion(index, 100, &leaf, &proof, &tree.root(100)).unwrap_err();
            assert_eq!(error.to_string(), format!("the inclusion proof is wrong: {why}"));
        }
    }
    for old in 1..100 {
        let roots = ((old, &tree.root(old)), (100, &tree.root(100)));
        let good = tree.consistency(old, 100);
        assert!(proof::check_consistency(roots.0, roots.1, &good[..good.len() - 1]).is_err());
        assert!(proof::check_consistency(roots.0, roots.1, &[good.clone(), good].concat()).is_err());
        assert!(proof::check_consistency(roots.0, roots.1, &[]).is_err());
    }
}

#[test]
fn an_empty_tree_has_one_root_and_no_leaves() {
    let (empty, other) = (Hash::empty_root(), Hash::leaf(b""));
    assert!(proof::check_inclusion(0, 0, &other, &[], &empty).is_err());
    proof::check_consistency((0, &empty), (0, &empty), &[]).unwrap();
    proof::check_consistency((0, &empty), (7, &other), &[]).unwrap();
    assert!(proof::check_consistency((0, &empty), (0, &other), &[]).is_err());
    assert!(proof::check_consistency((0, &empty), (7, &other), &[other]).is_err());
    assert!(proof::check_consistency((8, &other), (7, &other), &[]).is_err());
}
