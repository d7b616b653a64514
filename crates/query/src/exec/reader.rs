//! Rows that were found are read, wherever they are.
//!
//! A reader of a segment keeps a block of its rows, and to read many it loads dictionaries. Both take memory, so few
//! readers are kept, fewer with dictionaries; and events are read in the order in which they lie, some thousand at a
//! time, so that no block is taken apart twice.

use std::collections::HashMap;
use std::ops::Range;

use trailbook_event::Span;
use trailbook_event::limits::{ORDERED_EVENTS_MAX, SCAN_DICTIONARIES_BYTES_MAX, SEGMENTS_READ_MAX};
use trailbook_event::seal::SALT_BYTES;
use trailbook_store::Row;
use trailbook_store::segment::{BLOCK_ROWS, RowReader};

use super::place::Place;
use super::walk::At;
use crate::Error;

/// Of so many rows of a segment one is read before its dictionaries are loaded: for few rows that takes too long.
const ROWS_PER_LOOKED_UP: u32 = 1_024;
/// Rows that are read between two looks at which readers are in use.
const READS_PER_CHECK: u64 = 1_024;

/// Reads rows wherever they are.
pub(super) struct Reader<'q> {
    places: &'q [Place],
    opened: HashMap<usize, Opened<'q>>,
    is_scan: bool,
    reads: u64,
}

struct Opened<'q> {
    rows: RowReader<'q>,
    has_dictionaries: bool,
    /// Rows that were read without dictionaries.
    looked_up: u32,
    /// The number of the last read.
    last: u64,
}

impl<'q> Reader<'q> {
    /// For a page.
    pub(super) fn new(places: &'q [Place]) -> Self {
        Self { places, opened: HashMap::new(), is_scan: false, reads: 0 }
    }

    /// For all events that match.
    pub(super) fn scan(places: &'q [Place]) -> Self {
        Self { is_scan: true, ..Self::new(places) }
    }

    /// Gives one row to `each`.
    pub(super) fn read<T>(&mut self, at: &At<'q>, each: &mut impl FnMut(&Row<'_>) -> T) -> Result<Option<T>, Error> {
        match at {
            At::Tail(row) => Ok(Some(each(row))),
            At::Segment { place, row } => match self.opened(*place)? {
                Some(opened) => Ok(Some(each(&opened.rows.row(*row)?))),
                None => Ok(None),
            },
        }
    }

    /// The reader of a place.
    fn opened(&mut self, number: usize) -> Result<Option<&mut Opened<'q>>, Error> {
        self.reads += 1;
        if self.reads.is_multiple_of(READS_PER_CHECK) {
            // What a whole round did not need is not needed soon.
            let since = self.reads.saturating_sub(ORDERED_EVENTS_MAX as u64);
            self.opened.retain(|_, opened| opened.last >= since);
        }
        let Some(place) = self.places.get(number) else { return Ok(None) };
        let segment = place.segment()?;
        let loads = match self.opened.get(&number) {
            None => {
                self.close_for_another();
                let rows = RowReader::new(segment);
                let opened = Opened { rows, has_dictionaries: false, looked_up: 0, last: 0 };
                self.opened.insert(number, opened);
                false
            }
            Some(opened) => {
                self.is_scan && !opened.has_dictionaries && opened.looked_up >= segment.rows() / ROWS_PER_LOOKED_UP
            }
        };
        let has_room = loads && has_room(self.opened.values().map(|opened| opened.rows.own_bytes()).sum());
        let Some(opened) = self.opened.get_mut(&number) else { return Ok(None) };
        opened.last = self.reads;
        opened.looked_up = if loads { 0 } else { opened.looked_up.saturating_add(1) };
        if has_room {
            opened.rows = RowReader::scan(segment);
            opened.has_dictionaries = true;
        }
        Ok(Some(opened))
    }

    /// Closes the reader that was not used for longest, where there are as many as may be.
    fn close_for_another(&mut self) {
        if self.opened.len() >= SEGMENTS_READ_MAX {
            let oldest = self.opened.iter().min_by_key(|(_, opened)| opened.last).map(|(number, _)| *number);
            oldest.and_then(|number| self.opened.remove(&number));
        }
    }

    /// Gives rows to `each` in their order, until it says no.
    pub(super) fn read_all(
        &mut self,
        ats: &[At<'q>],
        each: &mut impl FnMut(&At<'q>, &Row<'_>) -> bool,
    ) -> Result<bool, Error> {
        let held = if self.is_scan { self.hold(ats)? } else { Held::default() };
        for (number, at) in ats.iter().enumerate() {
            let goes_on = match held.row(number) {
                Some(row) => each(at, &row),
                None => self.read(at, &mut |row| each(at, row))?.unwrap_or(true),
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads rows of segments in the order in which they lie, as many as there is room for, if blocks would otherwise
    /// be read again and again.
    fn hold(&mut self, ats: &[At<'q>]) -> Result<Held, Error> {
        let mut held = Held::default();
        let order = in_place(ats);
        if !is_scattered(ats, &order) {
            return Ok(held);
        }
        held.rows.resize(ats.len(), None);
        for (place, row, number) in order {
            if held.text.len() >= HELD_BYTES_MAX {
                break;
            }
            self.read(&At::Segment { place, row }, &mut |row| held.put(number, row))?;
        }
        Ok(held)
    }
}

fn has_room(dictionaries_bytes: u64) -> bool {
    dictionaries_bytes < SCAN_DICTIONARIES_BYTES_MAX
}

/// Rows of segments in the order in which they lie, by place and row, each with its number among all.
fn in_place(ats: &[At<'_>]) -> Vec<(usize, u32, usize)> {
    let mut order = Vec::with_capacity(ats.len());
    for (number, at) in ats.iter().enumerate() {
        if let At::Segment { place, row } = at {
            order.push((*place, *row, number));
        }
    }
    order.sort_unstable();
    order
}

/// Which block a row of a place lies in.
fn block_of(place: usize, row: u32) -> (usize, u32) {
    (place, row / BLOCK_ROWS as u32)
}

/// Whether rows that follow each other lie in other blocks more often than there are blocks.
fn is_scattered(ats: &[At<'_>], order: &[(usize, u32, usize)]) -> bool {
    let blocks = order.chunk_by(|a, b| block_of(a.0, a.1) == block_of(b.0, b.1)).count();
    let mut last = None;
    let mut changes = 0;
    for at in ats {
        if let At::Segment { place, row } = at {
            let block = Some(block_of(*place, *row));
            changes += usize::from(block != last);
            last = block;
        }
    }
    changes > blocks
}

/// Texts of events that are held at once, in bytes; the last one may go beyond.
const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Events that were read before it is their turn.
#[derive(Default)]
struct Held {
    text: Vec<u8>,
    spans: Vec<Span>,
    rows: Vec<Option<HeldRow>>,
}

#[derive(Clone)]
struct HeldRow {
    sequence: u64,
    recorded_ms: i64,
    occurred_ns: i64,
    salt: [u8; SALT_BYTES],
    text: Range<usize>,
    spans: Range<usize>,
}

impl Held {
    fn put(&mut self, number: usize, row: &Row<'_>) {
        let (text, spans) = (self.text.len(), self.spans.len());
        self.text.extend_from_slice(row.canonical);
        self.spans.extend_from_slice(row.spans);
        let held = HeldRow {
            sequence: row.sequence,
            recorded_ms: row.recorded_ms,
            occurred_ns: row.occurred_ns,
            salt: *row.salt,
            text: text..self.text.len(),
            spans: spans..self.spans.len(),
        };
        if let Some(place) = self.rows.get_mut(number) {
            *place = Some(held);
        }
    }

    fn row(&self, number: usize) -> Option<Row<'_>> {
        let held = self.rows.get(number)?.as_ref()?;
        Some(Row {
            sequence: held.sequence,
            recorded_ms: held.recorded_ms,
            occurred_ns: held.occurred_ns,
            canonical: self.text.get(held.text.clone())?,
            salt: &held.salt,
            spans: self.spans.get(held.spans.clone())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_loaded_while_there_is_room() {
        assert!(has_room(SCAN_DICTIONARIES_BYTES_MAX - 1));
        assert!(!has_room(SCAN_DICTIONARIES_BYTES_MAX));
    }

    #[test]
    fn rows_are_scattered_where_they_go_back_and_forth() {
        let goes_back = |rows: &mut dyn Iterator<Item = u32>| {
            let ats: Vec<_> = rows.map(|row| At::Segment { place: 0, row }).collect();
            is_scattered(&ats, &in_place(&ats))
        };
        assert!(!goes_back(&mut (0..2_000).rev()));
        assert!(!goes_back(&mut (0..2_000).step_by(100)));
        assert!(!goes_back(&mut std::iter::empty()));
        assert!(!goes_back(&mut [0, 100].into_iter()));
        // One that came late is read, and then those go on that were before.
        assert!(goes_back(&mut (0..10).chain([500]).chain(10..20)));
    }
}
