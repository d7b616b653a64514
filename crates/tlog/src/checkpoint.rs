//! Checkpoints, as in c2sp.org/tlog-checkpoint: what a log commits itself to.

use std::fmt;

use crate::{Error, Hash, text};

const CHECKPOINT: &str = "checkpoint";

/// The size and root of a log: the text of a note that the log's key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is its key's too.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a note. Extension lines are passed over, as the specification asks.
    pub fn parse(mut text: &str) -> Result<Self, Error> {
        let rest = &mut text;
        let origin = text::line(CHECKPOINT, rest)?;
        if origin.is_empty() {
            return Err(Error::malformed(CHECKPOINT, "it has no origin"));
        }
        let size = text::decimal(CHECKPOINT, text::line(CHECKPOINT, rest)?)?;
        let root = text::hash(CHECKPOINT, text::line(CHECKPOINT, rest)?)?;
        if (!rest.is_empty() && !rest.ends_with('\n')) || rest.split_inclusive('\n').any(|line| line == "\n") {
            return Err(Error::malformed(CHECKPOINT, "it has an empty or unfinished line"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl fmt::Display for Checkpoint {
    /// The text of the note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}
