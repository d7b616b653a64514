//! Where a query looks: the rows of its log in one segment.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use trailbook_store::segment::Part;
use trailbook_store::{LogNumber, Segment, SegmentPart, Snapshot};

use crate::{Error, Narrowing, Query};

/// The rows of the query's log in one segment, which is opened when it is needed.
pub(super) struct Place {
    source: SegmentPart,
    segment: OnceCell<Arc<Segment>>,
}

impl Place {
    /// The segments of a snapshot that can hold what the query asks for.
    pub(super) fn all(snapshot: &Snapshot, query: &Query) -> Vec<Self> {
        let may_match = |source: &SegmentPart| {
            let part = &source.part;
            overlaps(&query.occurred, part.occurred_ns)
                && overlaps(&query.recorded, part.recorded_ms)
                && overlaps(&query.sequence, part.sequences)
        };
        if query.within.as_ref().is_some_and(Narrowing::is_of_nothing) {
            return Vec::new();
        }
        let sources = snapshot.segments().into_iter().filter(may_match);
        let place = |source| Self { source, segment: OnceCell::new() };
        sources.map(place).collect()
    }

    /// The log whose rows they are.
    pub(super) fn log(&self) -> LogNumber {
        self.source.log()
    }

    /// What is added to its sequences where they are ordered: see [`SegmentPart`].
    pub(super) fn base(&self) -> u64 {
        self.source.base
    }

    /// What is known of its rows.
    pub(super) fn part(&self) -> &Part {
        &self.source.part
    }

    /// The segment.
    pub(super) fn segment(&self) -> Result<&Segment, Error> {
        if self.segment.get().is_none() {
            let opened = self.source.open()?;
            return Ok(self.segment.get_or_init(|| opened));
        }
        self.segment.get().map(Arc::as_ref).ok_or(Error::Cancelled)
    }

    /// Whether all of its rows are within the bounds of time and sequence.
    pub(super) fn is_within(&self, query: &Query) -> bool {
        let part = self.part();
        contains(&query.occurred, part.occurred_ns)
            && contains(&query.recorded, part.recorded_ms)
            && contains(&query.sequence, part.sequences)
    }

    /// Its rows within the bounds of when events happened.
    pub(super) fn rows_within(&self, occurred: (Option<i64>, Option<i64>)) -> Result<Range<u32>, Error> {
        let part = self.part();
        if contains(&occurred, part.occurred_ns) {
            return Ok(part.rows.clone());
        }
        Ok(self.segment()?.rows_within(part.rows.clone(), occurred)?)
    }
}

/// Whether a range of values (both inclusive) has any within bounds, of which the upper is exclusive.
fn overlaps<T: PartialOrd + Copy>((from, to): &(Option<T>, Option<T>), (min, max): (T, T)) -> bool {
    from.is_none_or(|from| max >= from) && to.is_none_or(|to| min < to)
}

/// Whether all of a range of values (both inclusive) are within bounds.
pub(super) fn contains<T: PartialOrd + Copy>((from, to): &(Option<T>, Option<T>), (min, max): (T, T)) -> bool {
    from.is_none_or(|from| min >= from) && to.is_none_or(|to| max < to)
}
