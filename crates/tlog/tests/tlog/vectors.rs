//! Known answers, made from the specifications by another program, in `testdata/c2sp/vectors.json`.

use serde_json::Value;
use trailbook_tlog::note::Algorithm;
use trailbook_tlog::tile::{self, Kind, Tile};
use trailbook_tlog::witness::AddCheckpoint;
use trailbook_tlog::{Checkpoint, Hash, Node, Note, ProofFile, SigningKey, VerifierKey, proof};

use crate::{Tree, entry};

const SIZE: u64 = 70_000;
const WITNESS_TIME: u64 = 1_700_000_000;

pub(crate) fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/c2sp/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn text<'a>(vectors: &'a Value, name: &str) -> &'a str {
    vectors[name].as_str().unwrap()
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed("audit.example/log", Algorithm::Ed25519, &[1; 32]).unwrap()
}

pub(crate) fn witness_key() -> SigningKey {
    SigningKey::from_seed("witness.example/w1", Algorithm::CosignatureV1, &[2; 32]).unwrap()
}

fn hashes(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()).collect()
}

fn shown(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

#[test]
fn keys_are_named_as_the_specification_names_them() {
    let vectors = vectors();
    for (key, name) in [(log_key(), "log_vkey"), (witness_key(), "witness_vkey")] {
        let vkey = text(&vectors, name);
        assert_eq!(key.verifier().to_string(), vkey);
        assert_eq!(&VerifierKey::parse(vkey).unwrap(), key.verifier());
    }
}

#[test]
fn roots_and_proofs_are_those_of_the_known_answers() {
    let (vectors, tree) = (vectors(), Tree::numbered(SIZE));
    let roots = vectors["roots"].as_object().unwrap();
    assert!(roots.len() > 15);
    for (size, root) in roots {
        assert_eq!(tree.root(size.parse().unwrap()).to_string(), root.as_str().unwrap(), "at size {size}");
    }
    for known in vectors["inclusion"].as_array().unwrap() {
        let (index, size) = (known["index"].as_u64().unwrap(), known["size"].as_u64().unwrap());
        let proof = tree.inclusion(index, size);
        assert_eq!(shown(&proof), hashes(&known["proof"]), "{index} in {size}");
        let leaf = tree.node(Node { height: 0, index });
        proof::check_inclusion(index, size, &leaf, &proof, &tree.root(size)).unwrap();
    }
    for known in vectors["consistency"].as_array().unwrap() {
        let (old, new) = (known["old"].as_u64().unwrap(), known["new"].as_u64().unwrap());
        let proof = tree.consistency(old, new);
        assert_eq!(shown(&proof), hashes(&known["proof"]), "{old} to {new}");
        proof::check_consistency((old, &tree.root(old)), (new, &tree.root(new)), &proof).unwrap();
    }
}

#[test]
fn tiles_and_bundles_are_those_of_the_known_answers() {
    let (vectors, tree) = (vectors(), Tree::numbered(SIZE));
    for (size, known) in vectors["tile_sha256"].as_object().unwrap() {
        let all = Tile::all(size.parse().unwrap());
        let bundles = all.iter().filter(|tile| tile.kind == Kind::Entries).count() as u64;
        assert_eq!(known["count"]["bundles"], bundles);
        assert_eq!(known["count"]["tiles"], all.len() as u64 - bundles);
        for (path, sha256) in known.as_object().unwrap().iter().filter(|(path, _)| *path != "count") {
            let tile = Tile::parse(path).unwrap();
            assert!(all.contains(&tile), "{path} at size {size}");
            let bytes = content(&tree, tile);
            let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
            let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, sha256.as_str().unwrap(), "{path} at size {size}");
        }
    }
}

/// What a log serves for a tile.
pub(crate) fn content(tree: &Tree, tile: Tile) -> Vec<u8> {
    let places = tile.index * tile::WIDTH..tile.index * tile::WIDTH + tile.width;
    match tile.kind {
        Kind::Hashes { level } => {
            let node = |index| tree.node(Node { height: level * tile::HEIGHT, index });
            tile::encode_hashes(&places.map(node).collect::<Vec<_>>())
        }
        Kind::Entries => {
            let mut bundle = Vec::new();
            places.for_each(|i| tile::push_entry(&mut bundle, entry(i).as_bytes()));
            bundle
        }
    }
}

#[test]
fn a_checkpoint_is_signed_and_cosigned_as_in_the_known_answers() {
    let (vectors, tree) = (vectors(), Tree::numbered(7));
    let (log, witness) = (log_key(), witness_key());
    let checkpoint = Checkpoint { origin: text(&vectors, "origin").to_owned(), size: 7, root: tree.root(7) };
    let body = checkpoint.to_string();
    let note = Note::new(body.clone(), vec![log.sign(&body, 0), witness.sign(&body, WITNESS_TIME)]);
    assert_eq!(note.to_string(), text(&vectors, "checkpoint_7"));

    let read = Note::parse(text(&vectors, "checkpoint_7")).unwrap();
    assert_eq!(read, note);
    assert_eq!(Checkpoint::parse(read.text()).unwrap(), checkpoint);
    let signed = read.verify(&[log.verifier().clone(), witness.verifier().clone()]).unwrap();
    let found: Vec<_> = signed.iter().map(|signed| (signed.key.name(), signed.time)).collect();
    assert_eq!(found, [("audit.example/log", None), ("witness.example/w1", Some(WITNESS_TIME))]);
}

#[test]
fn a_proof_file_and_a_witness_request_are_those_of_the_known_answers() {
    let (vectors, tree) = (vectors(), Tree::numbered(7));
    let checkpoint = Note::parse(text(&vectors, "checkpoint_7")).unwrap();
    let file = ProofFile { extra: None, index: 2, hashes: tree.inclusion(2, 7), checkpoint: checkpoint.clone() };
    assert_eq!(file.to_string(), text(&vectors, "proof_2_of_7"));
    assert_eq!(ProofFile::parse(&file.to_string()).unwrap(), file);
    assert_eq!(file.check(&Hash::leaf(b"entry 2")).unwrap().size, 7);

    let log_only = Note::new(checkpoint.text().to_owned(), checkpoint.signatures()[..1].to_vec());
    let request = AddCheckpoint { old_size: 3, consistency: tree.consistency(3, 7), checkpoint: log_only };
    assert_eq!(request.to_string(), text(&vectors, "add_checkpoint_3_to_7"));
    assert_eq!(AddCheckpoint::parse(&request.to_string()).unwrap(), request);
}

#[test]
fn the_example_of_the_specification_of_notes_opens() {
    let note = "This is an example message.\n\n\u{2014} example.com/foo \
                Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let key = VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
    let signed = Note::parse(note).unwrap().verify(std::slice::from_ref(&key)).unwrap();
    assert_eq!((signed.len(), &signed[0].key), (1, &key));
}
