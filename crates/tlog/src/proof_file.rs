//! Proof files, as in the draft of c2sp.org/tlog-proof: an inclusion proof with the checkpoint that it leads to.
//!
//! ```text
//! FILE := "c2sp.org/tlog-proof@v1" LF  [ "extra " base64 LF ]  "index " decimal LF  ( hash LF )*  LF  NOTE
//! ```

use std::fmt;

use crate::limits::{PROOF_EXTRA_BYTES_MAX, PROOF_HASHES_MAX};
use crate::{Checkpoint, Error, Hash, Note, proof, text};

const PROOF_FILE: &str = "proof file";
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The media type and ending of a proof file.
pub const FILE_ENDING: &str = "tlog-proof";

/// That an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// What the application adds; no signature covers it.
    pub extra: Option<Vec<u8>>,
    /// The entry's place.
    pub index: u64,
    /// The leaf's sibling first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl ProofFile {
    /// Reads a file; nothing is checked but its form.
    pub fn parse(mut file: &str) -> Result<Self, Error> {
        let rest = &mut file;
        if text::line(PROOF_FILE, rest)? != HEADER {
            return Err(Error::malformed(PROOF_FILE, format!("its first line is not {HEADER:?}")));
        }
        let mut line = text::line(PROOF_FILE, rest)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let decoded = text::decode(PROOF_FILE, encoded)?;
            if decoded.len() > PROOF_EXTRA_BYTES_MAX {
                let reason = format!("its extra line has more than {PROOF_EXTRA_BYTES_MAX} bytes");
                return Err(Error::malformed(PROOF_FILE, reason));
            }
            extra = Some(decoded);
            line = text::line(PROOF_FILE, rest)?;
        }
        let index = line.strip_prefix("index ").ok_or_else(|| Error::malformed(PROOF_FILE, "it has no index line"))?;
        let index = text::decimal(PROOF_FILE, index)?;
        let hashes = text::hashes(PROOF_FILE, rest, PROOF_HASHES_MAX)?;
        Ok(Self { extra, index, hashes, checkpoint: Note::parse(rest)? })
    }

    /// Checks that the entry with this leaf hash is at the index in the tree of the checkpoint, whose signatures are
    /// checked by [`Note::verify`].
    pub fn check(&self, leaf: &Hash) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::parse(self.checkpoint.text())?;
        proof::check_inclusion(self.index, checkpoint.size, leaf, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::encode(extra))?;
        }
        let mut hashes = String::new();
        text::push_hashes(&mut hashes, &self.hashes);
        write!(f, "index {}\n{hashes}{}", self.index, self.checkpoint)
    }
}
