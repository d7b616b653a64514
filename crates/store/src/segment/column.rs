//! A column: one i64 for every row, in groups of 128 rows which are packed each for itself, with access to any row.
//!
//! ```text
//! COLUMN := count:u64   GROUP{ceil(count / 128)}   PACKED{ceil(count / 128)}
//! GROUP  := minimum:i64   offset:u32   width:u8   unit:u8   0:u16
//! PACKED := ((value - minimum) / unit):width bits, for each row of the group
//! ```
//!
//! Numbers are little-endian; an offset counts from the first PACKED. The unit's code is 0 for 1, 1 for 1,000 and 2 for
//! 1,000,000: times in nanoseconds are mostly whole milli- or microseconds. Differences wrap around in 64 bits, so a
//! group may hold both ends of the range of i64.
//!
//! Any bytes give a column or an error, and groups are read one at a time.

use std::ops::Range;

use super::pack::{Reader, Short, WIDTH_MAX, pack, packed_bytes, unpack, unpack_at, width_of};
use super::page::Section;
use crate::Error;

/// Rows of a group.
pub const GROUP: usize = 128;
const COUNT_BYTES: u64 = 8;
const GROUP_BYTES: u64 = 16;
/// By their code.
const UNITS: [u64; 3] = [1, 1_000, 1_000_000];

/// Packs a column value by value. It keeps the packed bytes and one group.
#[derive(Debug, Default)]
pub(crate) struct ColumnWriter {
    count: u64,
    group: Vec<i64>,
    directory: Vec<u8>,
    packed: Vec<u8>,
    differences: Vec<u64>,
}

impl ColumnWriter {
    /// Adds the value of the next row. All groups together may take 4 GiB.
    pub(crate) fn push(&mut self, value: i64) {
        self.group.push(value);
        if self.group.len() == GROUP {
            self.end_group();
        }
    }

    /// The whole column.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if !self.group.is_empty() {
            self.end_group();
        }
        let mut out = Vec::with_capacity(COUNT_BYTES as usize + self.directory.len() + self.packed.len());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.directory);
        out.extend_from_slice(&self.packed);
        out
    }

    fn end_group(&mut self) {
        let minimum = self.group.iter().copied().min().unwrap_or_default();
        self.differences.clear();
        self.differences.extend(self.group.iter().map(|value| value.wrapping_sub(minimum) as u64));
        let is_whole = |unit: u64| self.differences.iter().all(|difference| difference % unit == 0);
        let code = UNITS.iter().rposition(|&unit| is_whole(unit)).unwrap_or_default();
        let unit = UNITS.get(code).copied().unwrap_or(1);
        for difference in &mut self.differences {
            *difference /= unit;
        }
        let width = width_of(self.differences.iter().copied().max().unwrap_or_default());
        debug_assert!(u32::try_from(self.packed.len()).is_ok(), "a column of more than 4 GiB");
        self.directory.extend_from_slice(&minimum.to_le_bytes());
        self.directory.extend_from_slice(&(self.packed.len() as u32).to_le_bytes());
        self.directory.extend_from_slice(&[width, code as u8, 0, 0]);
        pack(&self.differences, width, &mut self.packed);
        self.count += self.group.len() as u64;
        self.group.clear();
    }
}

/// A column that is read.
#[derive(Debug, Clone)]
pub struct Column {
    section: Section,
    count: u64,
    groups: u64,
}

/// What the directory says of a group.
#[derive(Debug, Clone, Copy)]
struct Group {
    minimum: i64,
    /// Within the section.
    packed_start: u64,
    width: u8,
    unit: u64,
    rows: usize,
}

impl Column {
    /// Packs values, of rows 0, 1, …
    #[cfg(test)]
    pub(crate) fn encode(values: impl IntoIterator<Item = i64>) -> Vec<u8> {
        let mut writer = ColumnWriter::default();
        values.into_iter().for_each(|value| writer.push(value));
        writer.finish()
    }

    /// Opens a column which takes the whole section. [`Error::Damaged`] if its directory does not fit.
    pub(crate) fn open(section: Section) -> Result<Self, Error> {
        let head = section.read(0, COUNT_BYTES as usize)?;
        let count = Reader::new(&head).u64().map_err(|e| section.damaged(0, e))?;
        let groups = count.div_ceil(GROUP as u64);
        let directory_bytes = groups.saturating_mul(GROUP_BYTES);
        if directory_bytes > section.len() - COUNT_BYTES {
            return Err(section.damaged(0, format!("a column of {count} rows does not fit")));
        }
        Ok(Self { section, count, groups })
    }

    /// How many rows it has.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many groups of [`GROUP`] rows it has; the last may be shorter.
    pub fn groups(&self) -> u64 {
        self.groups
    }

    fn entry(&self, group: u64) -> Result<Group, Error> {
        if group >= self.groups {
            return Err(self.section.damaged(0, format!("group {group} of {} was asked for", self.groups)));
        }
        let at = COUNT_BYTES + group * GROUP_BYTES;
        let bytes = self.section.read(at, GROUP_BYTES as usize)?;
        let mut reader = Reader::new(&bytes);
        let mut fields = || Ok((reader.u64()? as i64, reader.u32()?, reader.u8()?, reader.u8()?));
        let (minimum, offset, width, code) = fields().map_err(|e: Short| self.section.damaged(at, e))?;
        match UNITS.get(usize::from(code)) {
            Some(&unit) if width <= WIDTH_MAX => Ok(Group {
                minimum,
                packed_start: COUNT_BYTES + self.groups * GROUP_BYTES + u64::from(offset),
                width,
                unit,
                rows: (self.count - group * GROUP as u64).min(GROUP as u64) as usize,
            }),
            _ => Err(self.section.damaged(at, format!("a group of width {width} and unit {code}"))),
        }
    }

    /// The value of a row.
    pub fn get(&self, row: u64) -> Result<i64, Error> {
        let group = self.entry(row / GROUP as u64)?;
        let index = (row % GROUP as u64) as usize;
        if index >= group.rows {
            return Err(self.section.damaged(0, format!("row {row} of {} was asked for", self.count)));
        }
        // Eight values take whole bytes, so no more than those eight need be read.
        let eight_start = packed_bytes(index / 8 * 8, group.width);
        let eight_end = packed_bytes((index / 8 * 8 + 8).min(group.rows), group.width);
        let at = group.packed_start + eight_start as u64;
        let bytes = self.section.read(at, eight_end - eight_start)?;
        let packed = unpack_at(&bytes, group.width, index % 8);
        Ok(group.value(packed.map_err(|e| self.section.damaged(at, e))?))
    }

    /// Replaces what `out` holds by the values of a group.
    pub fn group(&self, group: u64, out: &mut Vec<i64>) -> Result<(), Error> {
        let group = self.entry(group)?;
        let bytes = self.section.read(group.packed_start, packed_bytes(group.rows, group.width))?;
        let mut packed = [0; GROUP];
        let packed = packed.get_mut(..group.rows).unwrap_or_default();
        unpack(&bytes, group.width, packed).map_err(|e| self.section.damaged(group.packed_start, e))?;
        out.clear();
        out.extend(packed.iter().map(|&packed| group.value(packed)));
        Ok(())
    }

    /// The least value of a group, and a number that none of its values is above.
    pub fn group_bounds(&self, group: u64) -> Result<(i64, i64), Error> {
        let group = self.entry(group)?;
        let packed_max = u64::MAX.checked_shr(u32::from(WIDTH_MAX - group.width)).unwrap_or_default();
        let above = i128::from(packed_max) * i128::from(group.unit);
        let upper = i64::try_from(i128::from(group.minimum) + above).unwrap_or(i64::MAX);
        Ok((group.minimum, upper))
    }

    /// The first row of `range` whose value is below `value`, or the end of `range`. The values of `range` must not
    /// rise; if they do, some row of `range` is given.
    pub fn partition_point_desc(&self, range: Range<u32>, value: i64) -> Result<u32, Error> {
        if range.is_empty() {
            return Ok(range.start);
        }
        let rows = GROUP as u32;
        // The first group whose last row in the range is below the value holds the answer.
        let (mut low, mut high) = (range.start / rows, (range.end - 1) / rows + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.last_in_group(middle, &range)? < value {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let Some(group_start) = low.checked_mul(rows).filter(|&start| start < range.end) else {
            return Ok(range.end);
        };
        let mut values = Vec::with_capacity(GROUP);
        self.group(u64::from(low), &mut values)?;
        let first = range.start.max(group_start);
        let last = range.end.min(group_start.saturating_add(values.len() as u32));
        let values = values.get((first - group_start) as usize..(last - group_start) as usize).unwrap_or_default();
        Ok(first + values.partition_point(|&row_value| row_value >= value) as u32)
    }

    /// The value of the last row of a group that is in the range. In a group that is whole in it, that is the least.
    fn last_in_group(&self, group: u32, range: &Range<u32>) -> Result<i64, Error> {
        let start = u64::from(group) * GROUP as u64;
        let end = start + GROUP as u64;
        if start >= u64::from(range.start) && end <= u64::from(range.end) {
            return Ok(self.entry(u64::from(group))?.minimum);
        }
        self.get(end.min(u64::from(range.end)) - 1)
    }
}

impl Group {
    fn value(&self, packed: u64) -> i64 {
        self.minimum.wrapping_add(packed.wrapping_mul(self.unit) as i64)
    }
}

#[cfg(test)]
mod tests;
