//! Rows that have any of some values: the sets of the index are put together one after the other, none is kept.

use std::ops::Range;
use std::rc::Rc;

use trailbook_store::segment::{Bits, RowSet};

use super::select::Rows;
use crate::Error;

/// A set in memory that takes fewer bytes for each of the rows that could be in it than one bit: a row takes 32.
const ROWS_PER_ENTRY: usize = 32;

/// All rows of some sets, as far as they are in a range.
pub(super) struct Union {
    range: Range<u32>,
    rows: Rows,
}

impl Union {
    /// Of no sets.
    pub(super) fn new(range: &Range<u32>) -> Self {
        Self { range: range.clone(), rows: Rows::Listed(RowSet::empty()) }
    }

    /// Adds the rows of a set.
    pub(super) fn add(&mut self, more: RowSet) -> Result<(), Error> {
        match &mut self.rows {
            _ if more.is_empty() => {}
            // The only one stays as it is.
            Rows::Listed(rows) if rows.is_empty() => self.rows = Rows::Listed(more),
            _ => more.add_to(self.range.clone(), self.bits()?)?,
        }
        Ok(())
    }

    /// Adds rows, in any order.
    pub(super) fn add_rows(&mut self, more: Vec<u32>) -> Result<(), Error> {
        if more.len() <= self.range.len() / ROWS_PER_ENTRY {
            return self.add(RowSet::from_rows(more));
        }
        let bits = self.bits()?;
        more.into_iter().for_each(|row| bits.insert(row));
        Ok(())
    }

    /// Adds the rows of another union.
    pub(super) fn add_all(&mut self, other: &Self) -> Result<(), Error> {
        match &other.rows {
            Rows::Listed(rows) => self.add(rows.clone())?,
            Rows::Bits(bits) => self.bits()?.or(bits),
        }
        Ok(())
    }

    /// Adds rows of the range.
    pub(super) fn add_bits(&mut self, more: Rc<Bits>) -> Result<(), Error> {
        match &self.rows {
            _ if more.is_empty() => {}
            Rows::Listed(rows) if rows.is_empty() => self.rows = Rows::Bits(more),
            _ => self.bits()?.or(&more),
        }
        Ok(())
    }

    /// Takes the rows of another union out.
    pub(super) fn take_out(&mut self, other: &Self) -> Result<(), Error> {
        if !self.is_empty() && !other.is_empty() {
            let out = other.rows.to_bits(self.range.clone())?;
            self.bits()?.and_not(&out);
        }
        Ok(())
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        match &self.rows {
            Rows::Listed(rows) => rows.is_empty(),
            Rows::Bits(bits) => bits.is_empty(),
        }
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn finish(self) -> Rows {
        self.rows
    }

    fn bits(&mut self) -> Result<&mut Bits, Error> {
        if let Rows::Listed(_) = &self.rows {
            self.rows = Rows::Bits(self.rows.to_bits(self.range.clone())?);
        }
        match &mut self.rows {
            Rows::Bits(bits) => Ok(Rc::make_mut(bits)),
            Rows::Listed(_) => Err(Error::Cancelled),
        }
    }
}
