//! Notes, keys and files that are not as they should be.

use proptest::prelude::*;
use trailbook_tlog::limits::{
    KEY_NAME_CHARS_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, PROOF_EXTRA_BYTES_MAX, PROOF_HASHES_MAX,
    WITNESS_HASHES_MAX,
};
use trailbook_tlog::note::Algorithm;
use trailbook_tlog::witness::{self, AddCheckpoint};
use trailbook_tlog::{Checkpoint, Error, Hash, Note, ProofFile, SigningKey, VerifierKey};

use crate::vectors::{log_key, text, vectors, witness_key};

fn note_of(text: &str) -> Note {
    Note::new(text.to_owned(), vec![log_key().sign(text, 0)])
}

#[test]
fn signatures_of_other_keys_are_passed_over_and_wrong_ones_are_not() {
    let (log, witness) = (log_key(), witness_key());
    let keys = [log.verifier().clone()];
    let text = "a text\n\nwith an empty line\n";
    let mut note = note_of(text);
    note.add(witness.sign(text, 5));
    // A key of the same name with another id is another key.
    note.add(SigningKey::from_seed(log.verifier().name(), Algorithm::Ed25519, &[9; 32]).unwrap().sign(text, 0));
    let note = Note::parse(&note.to_string()).unwrap();
    assert_eq!((note.text(), note.signatures().len()), (text, 3));
    assert_eq!(note.verify(&keys).unwrap().len(), 1);
    assert_eq!(
        note.verify(&[]).unwrap_err().to_string(),
        "no known key signed it; it is signed by \
        audit.example/log, witness.example/w1, audit.example/log"
    );

    let mut wrong = note_of(text);
    wrong.add(log.sign("another text\n", 0));
    assert_eq!(wrong.verify(&keys), Err(Error::BadSignature { key: "audit.example/log".to_owned() }));
    let mut late = note_of(text);
    late.add(witness.sign("another text\n", 5));
    assert!(late.verify(&[log.verifier().clone(), witness.verifier().clone()]).is_err());
}

#[test]
fn malformed_notes_are_refused_with_the_reason() {
    let good = note_of("text\n").to_string();
    let line = good.lines().last().unwrap();
    for (note, reason) in [
        (String::new(), "no empty line"),
        ("text\n".to_owned(), "no empty line"),
        ("text\n\n".to_owned(), "no signature"),
        (format!("text\n{line}\n"), "no empty line"),
        (good.trim_end().to_owned(), "no line feed"),
        (good.replace('\u{2014}', "-"), "no signature line"),
        (good.replace("text", "te\txt"), "control character"),
        (good.replace("text", "te\rxt"), "control character"),
        (format!("{good}x\n"), "no signature line"),
        (format!("{good}\u{2014} a+b AAAAAAA=\n"), "no name of a key"),
        (format!("{good}\u{2014} name !\n"), "not base64"),
        (format!("{good}\u{2014} name AAAAAA==\n"), "no signature line"),
        (format!("{good}\u{2014} name AAAAAAB=\n"), "not base64"),
    ] {
        let error = Note::parse(&note).unwrap_err().to_string();
        assert!(error.contains(reason), "{note:?}: {error}");
    }
}

#[test]
fn malformed_keys_are_refused_with_the_reason() {
    let good = log_key().verifier().to_string();
    for (vkey, reason) in [
        (String::new(), "not name+id+key"),
        ("name+00000000".to_owned(), "not name+id+key"),
        (good.replace("47a2d2e2", "47a2d2e3"), "its id is not that of its key"),
        (good.replace("47a2d2e2", "47A2D2E2"), "its id is not that of its key"),
        (good.replace("audit.example", "other.example"), "its id is not that of its key"),
        (format!("+{good}"), "no name of a key"),
        (good.replace("audit", "au dit"), "no name of a key"),
        (format!("{good}="), "not base64"),
        ("name+00000000+Ag==".to_owned(), "type 0x02 are not known"),
        ("name+00000000+".to_owned(), "has no key"),
        ("name+00000000+AQAA".to_owned(), "has not 32 bytes"),
    ] {
        let error = VerifierKey::parse(&vkey).unwrap_err().to_string();
        assert!(error.contains(reason), "{vkey:?}: {error}");
    }
}

#[test]
fn malformed_checkpoints_are_refused() {
    let root = Hash::empty_root();
    let parse = |text: String| Checkpoint::parse(&text);
    assert_eq!(parse(format!("o\n0\n{root}\n")).unwrap().root, root);
    assert_eq!(parse(format!("o\n{}\n{root}\nextension\n", u64::MAX)).unwrap().size, u64::MAX);
    for text in [
        String::new(),
        format!("\n0\n{root}\n"),
        format!("o\n00\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n0\n{root}"),
        format!("o\n0\n{root}\nextension"),
        format!("o\n0\n{root}\n\nextension\n"),
        "o\n0\nAAAA\n".to_owned(),
        "o\n0\n".to_owned(),
    ] {
        assert!(parse(text.clone()).is_err(), "{text:?}");
    }
}

#[test]
fn notes_keys_and_files_have_limits() {
    let key = |length: usize| SigningKey::from_seed(&"n".repeat(length), Algorithm::Ed25519, &[3; 32]);
    assert!(key(KEY_NAME_CHARS_MAX).is_ok() && key(KEY_NAME_CHARS_MAX + 1).is_err() && key(0).is_err());

    let length = note_of("\n").to_string().len();
    let of_length = |bytes: usize| note_of(&format!("{}\n", "t".repeat(bytes - length))).to_string();
    assert_eq!(of_length(NOTE_BYTES_MAX).len(), NOTE_BYTES_MAX);
    Note::parse(&of_length(NOTE_BYTES_MAX)).unwrap().verify(&[log_key().verifier().clone()]).unwrap();
    Note::parse(&of_length(NOTE_BYTES_MAX + 1)).unwrap_err();

    let signed = |count: usize| Note::new("t\n".to_owned(), vec![log_key().sign("t\n", 0); count]).to_string();
    assert_eq!(Note::parse(&signed(NOTE_SIGNATURES_MAX)).unwrap().signatures().len(), NOTE_SIGNATURES_MAX);
    Note::parse(&signed(NOTE_SIGNATURES_MAX + 1)).unwrap_err();

    let file = |hashes: usize, extra: usize| {
        let (extra, hashes) = (Some(vec![1; extra]), vec![Hash::empty_root(); hashes]);
        ProofFile::parse(&ProofFile { extra, index: 0, hashes, checkpoint: note_of("t\n") }.to_string())
    };
    file(PROOF_HASHES_MAX, PROOF_EXTRA_BYTES_MAX).unwrap();
    file(PROOF_HASHES_MAX + 1, 0).unwrap_err();
    file(0, PROOF_EXTRA_BYTES_MAX + 1).unwrap_err();
    let request = |hashes: usize| {
        let consistency = vec![Hash::empty_root(); hashes];
        AddCheckpoint::parse(&AddCheckpoint { old_size: 1, consistency, checkpoint: note_of("t\n") }.to_string())
    };
    request(WITNESS_HASHES_MAX).unwrap();
    request(WITNESS_HASHES_MAX + 1).unwrap_err();
}

#[test]
fn answers_of_witnesses_are_read() {
    let cosignature = witness_key().sign("t\n", 7);
    assert_eq!(
        witness::parse_cosignatures(&format!("{cosignature}\n{cosignature}\n")).unwrap(),
        [cosignature.clone(), cosignature.clone()]
    );
    assert!(witness::parse_cosignatures("").is_err() && witness::parse_cosignatures(&cosignature.to_string()).is_err());
    assert_eq!(witness::parse_size("18204\n").unwrap(), 18_204);
    assert!(witness::parse_size("").is_err() && witness::parse_size("012\n").is_err());
}

proptest! {
    /// Whatever is damaged in a file is an error, or reads as another file: nothing panics.
    #[test]
    fn any_bytes_are_a_file_or_an_error(at in any::<usize>(), byte in any::<char>(), cut in any::<bool>()) {
        let vectors = vectors();
        for name in ["checkpoint_7", "proof_2_of_7", "add_checkpoint_3_to_7", "log_vkey"] {
            let mut chars: Vec<char> = text(&vectors, name).chars().collect();
            let at = at % chars.len();
            if cut { chars.truncate(at) } else { chars[at] = byte }
            let text: String = chars.into_iter().collect();
            let note = Note::parse(&text).map(|note| (note.to_string() == text, Checkpoint::parse(note.text())));
            prop_assert!(note.is_err() || note.is_ok_and(|(is_same, _)| is_same));
            let file = ProofFile::parse(&text).map(|file| file.to_string() == text);
            prop_assert!(file.is_err() || file == Ok(true));
            let request = AddCheckpoint::parse(&text).map(|request| request.to_string() == text);
            prop_assert!(request.is_err() || request == Ok(true));
            let key = VerifierKey::parse(&text).map(|key| key.to_string() == text);
            prop_assert!(key.is_err() || key == Ok(true));
        }
    }
}
