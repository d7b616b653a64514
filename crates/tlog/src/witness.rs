//! Requests to a witness, as in c2sp.org/tlog-witness: `POST …/add-checkpoint`.
//!
//! ```text
//! REQUEST := "old " decimal LF  ( hash LF )*  LF  NOTE
//! ```

use std::fmt;

use crate::limits::WITNESS_HASHES_MAX;
use crate::{Error, Hash, Note, Signature, text};

const REQUEST: &str = "witness request";

/// The media type of a witness's answer 409, whose body is the size that it saw last, in decimal, and a line feed.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// What a witness is asked to cosign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness saw last.
    pub old_size: u64,
    /// That the checkpoint's tree begins with the tree of that size.
    pub consistency: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// Reads the body of a request; nothing is checked but its form.
    pub fn parse(mut body: &str) -> Result<Self, Error> {
        let rest = &mut body;
        let old = text::line(REQUEST, rest)?.strip_prefix("old ");
        let old = old.ok_or_else(|| Error::malformed(REQUEST, "its first line is not `old` and a size"))?;
        let old_size = text::decimal(REQUEST, old)?;
        let consistency = text::hashes(REQUEST, rest, WITNESS_HASHES_MAX)?;
        Ok(Self { old_size, consistency, checkpoint: Note::parse(rest)? })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hashes = String::new();
        text::push_hashes(&mut hashes, &self.consistency);
        write!(f, "old {}\n{hashes}{}", self.old_size, self.checkpoint)
    }
}

/// Reads the answer 200 of a witness: one or more signature lines.
pub fn parse_cosignatures(body: &str) -> Result<Vec<Signature>, Error> {
    let lines = body.strip_suffix('\n').ok_or_else(|| Error::malformed("witness answer", "it has no line"))?;
    lines.split('\n').map(Signature::parse).collect()
}

/// Reads the body of an answer 409: the size that the witness saw last.
pub fn parse_size(body: &str) -> Result<u64, Error> {
    text::decimal("witness answer", body.strip_suffix('\n').unwrap_or(body))
}
