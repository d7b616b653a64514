//! The events that are in no segment yet: looked at one by one.

use trailbook_store::{LogNumber, Row, Snapshot};

use super::Cancel;
use super::matcher::Matcher;
use crate::Error;

/// The matching events of the frames, in the order of their sequences.
pub(super) struct Tail<'q> {
    rows: Vec<Row<'q>>,
    log: LogNumber,
    base: u64,
}

/// Frames between two looks at whether anybody still waits.
const FRAMES_PER_CHECK: usize = 16;

impl<'q> Tail<'q> {
    pub(super) fn new(snapshot: &'q Snapshot, matcher: &Matcher<'_>, cancel: &Cancel) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for (number, frame) in snapshot.frames().enumerate() {
            if number.is_multiple_of(FRAMES_PER_CHECK) {
                cancel.check()?;
            }
            rows.extend(frame.rows().filter(|row| matcher.matches(row)));
        }
        Ok(Self { rows, log: snapshot.log(), base: snapshot.base() })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> &[Row<'q>] {
        &self.rows
    }

    /// The log whose rows they are.
    pub(super) fn log(&self) -> LogNumber {
        self.log
    }

    /// What is added to their sequences where they are ordered.
    pub(super) fn base(&self) -> u64 {
        self.base
    }
}
