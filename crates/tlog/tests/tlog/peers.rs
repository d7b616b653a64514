//! Roots and proofs against the crate `ct-merkle`, which has algorithms of its own.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;
use trailbook_tlog::{Hash, Node, proof};

use crate::{Tree, entry};

const SIZE: u64 = 150;

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn another_implementation_makes_and_accepts_the_same_proofs() {
    let tree = Tree::numbered(SIZE);
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots: Vec<RootHash<Sha256>> = vec![theirs.root()];
    for new in 1..=SIZE {
        theirs.push(entry(new - 1).into_bytes());
        let root = theirs.root();
        assert_eq!(root.as_bytes().as_slice(), tree.root(new).0, "at size {new}");
        for index in 0..new {
            let ours = tree.inclusion(index, new);
            assert_eq!(theirs.prove_inclusion(index as usize).as_bytes(), bytes(&ours), "{index} in {new}");
            let proof = InclusionProof::try_from_bytes(bytes(&ours)).unwrap();
            root.verify_inclusion(&entry(index).into_bytes(), index, &proof).unwrap();
            let leaf = tree.node(Node { height: 0, index });
            proof::check_inclusion(index, new, &leaf, &ours, &tree.root(new)).unwrap();
        }
        for old in 1..new {
            let ours = tree.consistency(old, new);
            let proof = ConsistencyProof::try_from_bytes(bytes(&ours)).unwrap();
            root.verify_consistency(&roots[old as usize], &proof).unwrap();
            proof::check_consistency((old, &tree.root(old)), (new, &tree.root(new)), &ours).unwrap();
        }
        roots.push(root);
    }
}
