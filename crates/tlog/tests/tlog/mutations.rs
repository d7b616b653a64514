//! Every bit of a proof matters: no file with one of them changed is accepted.

use trailbook_tlog::{Checkpoint, Error, Hash, Note, ProofFile, VerifierKey, proof};

use crate::vectors::{log_key, witness_key};
use crate::{Tree, entry};

const SIZE: u64 = 1_234;
const INDEX: u64 = 777;
const EXTRA_LINE: &str = "extra ";

/// What a customer does who wants the log's and the witness's word.
fn verify(file: &str, leaf: &Hash, keys: &[VerifierKey]) -> Result<(), Error> {
    let file = ProofFile::parse(file)?;
    let checkpoint = file.check(leaf)?;
    let signed = file.checkpoint.verify(keys)?;
    for key in keys {
        if !signed.iter().any(|signed| signed.key == *key) {
            return Err(Error::NotSigned { signed_by: format!("{} of {}", signed.len(), keys.len()) });
        }
    }
    if checkpoint.origin != "audit.example/log" {
        return Err(Error::BadProof { what: "inclusion", reason: "of another log" });
    }
    Ok(())
}

fn keys() -> Vec<VerifierKey> {
    vec![log_key().verifier().clone(), witness_key().verifier().clone()]
}

fn file(tree: &Tree) -> ProofFile {
    let text = Checkpoint { origin: "audit.example/log".to_owned(), size: SIZE, root: tree.root(SIZE) }.to_string();
    let signatures = vec![log_key().sign(&text, 0), witness_key().sign(&text, 1_700_000_000)];
    let checkpoint = Note::new(text, signatures);
    ProofFile { extra: Some(vec![7; 16]), index: INDEX, hashes: tree.inclusion(INDEX, SIZE), checkpoint }
}

#[test]
fn no_file_with_a_bit_changed_is_accepted() {
    let tree = Tree::numbered(SIZE);
    let (leaf, text) = (Hash::leaf(entry(INDEX).as_bytes()), file(&tree).to_string());
    verify(&text, &leaf, &keys()).unwrap();
    let is_extra = |at: usize| {
        let start = text.find(EXTRA_LINE).unwrap() + EXTRA_LINE.len();
        // Nothing covers what the application adds: it is checked by what it opens.
        (start..start + text[start..].find('\n').unwrap()).contains(&at)
    };
    let mut refused = 0;
    for at in (0..text.len()).filter(|at| !is_extra(*at)) {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(verify(&changed, &leaf, &keys()).is_err(), "byte {at} bit {bit}: {changed}");
            }
            refused += 1;
        }
    }
    assert!(refused > 5_000, "{refused}");
}

#[test]
fn no_other_hash_leaf_root_index_or_key_is_accepted() {
    let tree = Tree::numbered(SIZE);
    let (leaf, root, good) = (Hash::leaf(entry(INDEX).as_bytes()), tree.root(SIZE), tree.inclusion(INDEX, SIZE));
    let check =
        |index, leaf: &Hash, hashes: &[Hash], root: &Hash| proof::check_inclusion(index, SIZE, leaf, hashes, root);
    check(INDEX, &leaf, &good, &root).unwrap();
    let flipped = |hash: &Hash, bit: usize| {
        let mut hash = *hash;
        hash.0[bit / 8] ^= 1 << (bit % 8);
        hash
    };
    for bit in 0..256 {
        assert!(check(INDEX, &flipped(&leaf, bit), &good, &root).is_err());
        assert!(check(INDEX, &leaf, &good, &flipped(&root, bit)).is_err());
        for at in 0..good.len() {
            let mut hashes = good.clone();
            hashes[at] = flipped(&good[at], bit);
            assert!(check(INDEX, &leaf, &hashes, &root).is_err());
        }
        let public = flipped(&Hash(*log_key().verifier().public()), bit);
        let seed_free = public_key(&public);
        assert!(file(&tree).checkpoint.verify(&[seed_free]).is_err(), "bit {bit} of the key");
    }
    for index in (0..SIZE).filter(|index| *index != INDEX) {
        assert!(check(index, &leaf, &good, &root).is_err(), "index {index}");
    }
    for (i, j) in (0..good.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let mut hashes = good.clone();
        hashes.swap(i, j);
        assert!(check(INDEX, &leaf, &hashes, &root).is_err(), "{i} and {j} swapped");
    }
}

#[test]
fn no_consistency_proof_with_a_bit_changed_is_accepted() {
    let (old, tree) = (777, Tree::numbered(SIZE));
    let (roots, good) = ((tree.root(old), tree.root(SIZE)), tree.consistency(old, SIZE));
    let check = |old_size, hashes: &[Hash], (old_root, root): (Hash, Hash)| {
        proof::check_consistency((old_size, &old_root), (SIZE, &root), hashes)
    };
    check(old, &good, roots).unwrap();
    for at in 0..good.len() * 256 {
        let mut hashes = good.clone();
        hashes[at / 256].0[at % 256 / 8] ^= 1 << (at % 8);
        assert!(check(old, &hashes, roots).is_err(), "bit {at}");
    }
    for bit in 0..256 {
        let (mut first, mut second) = (roots, roots);
        first.0.0[bit / 8] ^= 1 << (bit % 8);
        second.1.0[bit / 8] ^= 1 << (bit % 8);
        assert!(check(old, &good, first).is_err() && check(old, &good, second).is_err());
    }
    for other in (1..SIZE).filter(|other| *other != old) {
        assert!(check(other, &good, roots).is_err(), "old size {other}");
    }
}

/// The verifier key of the log's name with these bytes as its key.
fn public_key(public: &Hash) -> VerifierKey {
    let good = log_key().verifier().to_string();
    let (name, _) = good.split_once('+').unwrap();
    let key: Vec<u8> = std::iter::once(1).chain(public.0).collect();
    let id = ring::digest::digest(&ring::digest::SHA256, &[name.as_bytes(), b"\n", &key].concat());
    let id: String = id.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &key);
    VerifierKey::parse(&format!("{name}+{id}+{key}")).unwrap()
}
