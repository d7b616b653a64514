//! A dictionary: distinct byte strings in ascending order, each with its place in that order, the *ordinal*.
//!
//! ```text
//! DICTIONARY := count:u32   top_bytes:u32   TOP   group_start:u32{groups + 1}   GROUP{groups}
//! GROUP      := VALUE ENTRY{15}                      of 16 values, the last group of fewer
//! VALUE      := len:varint   bytes                   the first value, whole
//! ENTRY      := shared:varint   len:varint   bytes   `shared` bytes of the value before, then these
//! TOP        := separator_end:u32{blocks - 1}   SEPARATOR{blocks - 1}, or nothing
//! ```
//!
//! Numbers are little-endian. Group starts count from the first group, the last one is the end. A block is 16 groups;
//! its separator is the shortest string that is above every value of the blocks before and not above its own. So a
//! search goes to one block by what it keeps in memory, the TOP, and then reads a few groups, whatever the size of the
//! dictionary. A TOP above 1 MiB is left out: it would be of very long values, and its absence only makes searches
//! slower.
//!
//! Any bytes give a dictionary or an error; nothing is allocated beyond the length of the section.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;

use crate::Error;
use crate::segment::pack::{Reader, Short, put_varint};
use crate::segment::page::{PAGE_BYTES, Section};

const HEAD_BYTES: u64 = 8;
/// Values of a group: what is decoded to find one of them.
const GROUP_VALUES: u32 = 16;
/// Groups of a block.
const BLOCK_GROUPS: u32 = 16;
const TOP_BYTES_MAX: usize = 1024 * 1024;
/// Above the length of the varint before a value, whatever bytes it may have.
const LEN_BYTES: usize = 10;

/// Writes a dictionary.
#[derive(Debug, Default)]
pub(crate) struct DictionaryWriter {
    count: u32,
    last: Vec<u8>,
    groups: Vec<u8>,
    starts: Vec<u32>,
    separators: Vec<u8>,
    separator_ends: Vec<u32>,
}

impl DictionaryWriter {
    /// Appends a value, which is above all before it.
    pub(crate) fn push(&mut self, value: &[u8]) {
        debug_assert!(self.count == 0 || self.last.as_slice() < value, "values come in ascending order");
        let shared = shared_bytes(&self.last, value);
        if self.count.is_multiple_of(GROUP_VALUES) {
            if self.count > 0 && self.count.is_multiple_of(GROUP_VALUES * BLOCK_GROUPS) {
                self.separators.extend_from_slice(value.get(..=shared).unwrap_or(value));
                self.separator_ends.push(self.separators.len() as u32);
            }
            self.starts.push(self.groups.len() as u32);
            put_varint(&mut self.groups, value.len() as u64);
            self.groups.extend_from_slice(value);
        } else {
            let suffix = value.get(shared..).unwrap_or_default();
            put_varint(&mut self.groups, shared as u64);
            put_varint(&mut self.groups, suffix.len() as u64);
            self.groups.extend_from_slice(suffix);
        }
        self.last.truncate(shared);
        self.last.extend_from_slice(value.get(shared..).unwrap_or_default());
        self.count += 1;
    }

    /// The dictionary's bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.finish_with_top(TOP_BYTES_MAX)
    }

    /// The same, with a TOP of at most so many bytes.
    fn finish_with_top(mut self, top_bytes_max: usize) -> Vec<u8> {
        debug_assert!(u32::try_from(self.groups.len()).is_ok(), "a dictionary is below 4 GiB");
        self.starts.push(self.groups.len() as u32);
        let mut top_bytes = self.separator_ends.len() * 4 + self.separators.len();
        if top_bytes > top_bytes_max {
            top_bytes = 0;
            self.separator_ends.clear();
            self.separators.clear();
        }
        let bytes = HEAD_BYTES as usize + top_bytes + self.starts.len() * 4 + self.groups.len();
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&(top_bytes as u32).to_le_bytes());
        out.extend(self.separator_ends.iter().flat_map(|end| end.to_le_bytes()));
        out.extend_from_slice(&self.separators);
        out.extend(self.starts.iter().flat_map(|start| start.to_le_bytes()));
        out.extend_from_slice(&self.groups);
        out
    }
}

/// How many bytes both begin with.
fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    std::iter::zip(a, b).take_while(|(a, b)| a == b).count()
}

/// A dictionary, read group by group. A small one is kept whole. A clone is the same dictionary.
#[derive(Debug, Clone)]
pub struct Dictionary {
    section: Section,
    /// All of a section which is no longer than a page.
    whole: Option<Bytes>,
    /// The TOP, read when it is first needed.
    top: OnceLock<Bytes>,
    count: u32,
    top_bytes: usize,
    /// Where the starts of the groups begin in the section, and where the groups do.
    starts: u64,
    groups: u64,
}

impl Dictionary {
    /// Opens what a [`DictionaryWriter`] wrote, which is all of the section. [`Error::Damaged`] if that cannot be.
    pub(crate) fn open(section: Section) -> Result<Self, Error> {
        let is_small = section.len() <= PAGE_BYTES as u64;
        let head = section.read(0, if is_small { section.len() as usize } else { HEAD_BYTES as usize })?;
        let mut reader = Reader::new(&head);
        let numbers = reader.u32().and_then(|count| Ok((count, reader.u32()?)));
        let (count, top_bytes) = numbers.map_err(|e| section.damaged(0, e.to_string()))?;
        let starts = HEAD_BYTES + u64::from(top_bytes);
        let groups = starts + 4 * (u64::from(count.div_ceil(GROUP_VALUES)) + 1);
        if groups > section.len() || top_bytes as usize > TOP_BYTES_MAX {
            return Err(section.damaged(0, "a dictionary has a wrong head"));
        }
        let whole = is_small.then_some(head);
        Ok(Self { section, whole, top: OnceLock::new(), count, top_bytes: top_bytes as usize, starts, groups })
    }

    /// How many values there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that it takes.
    pub fn size_bytes(&self) -> u64 {
        self.section.len()
    }

    /// The ordinal of a value, if it is here.
    pub fn find(&self, value: &[u8]) -> Result<Option<u32>, Error> {
        Ok(self.search(value)?.ok())
    }

    /// The ordinal of the first value that is not below this one; [`Self::len`] if all are.
    pub fn lower_bound(&self, value: &[u8]) -> Result<u32, Error> {
        self.search(value).map(|found| found.unwrap_or_else(|next| next))
    }

    /// The ordinals of all values which begin with `prefix`.
    pub fn prefix_range(&self, prefix: &[u8]) -> Result<Range<u32>, Error> {
        let start = self.lower_bound(prefix)?;
        // The first string above all that begin so: the last byte that can be raised is, and what follows it goes.
        let mut above = prefix.to_vec();
        while let Some(last) = above.pop() {
            if last < u8::MAX {
                above.push(last + 1);
                return Ok(start..self.lower_bound(&above)?.max(start));
            }
        }
        Ok(start..self.count)
    }

    /// Appends the value of an ordinal to `out`. There is none: [`Error::Damaged`], because it was read somewhere.
    pub fn get(&self, ordinal: u32, out: &mut Vec<u8>) -> Result<(), Error> {
        if ordinal >= self.count {
            return Err(self.section.damaged(0, format!("a dictionary of {} has no value {ordinal}", self.count)));
        }
        let group = ordinal / GROUP_VALUES;
        let bytes = self.group(group)?;
        let mut reader = Reader::new(&bytes);
        let base = out.len();
        for place in 0..=ordinal % GROUP_VALUES {
            let read = read_entry(&mut reader, place == 0, out.len() - base);
            let Ok((shared, suffix)) = read else {
                out.truncate(base);
                return Err(self.wrong_group(group));
            };
            out.truncate(base + shared);
            out.extend_from_slice(suffix);
        }
        Ok(())
    }

    /// Calls with each of these ordinals and its value, ascending. Ordinals beyond the end are left out.
    pub fn for_each(
        &self,
        range: Range<u32>,
        mut each: impl FnMut(u32, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut cursor = self.cursor(range.clone());
        for ordinal in range {
            let Some(value) = cursor.next()? else { break };
            each(ordinal, value)?;
        }
        Ok(())
    }

    /// All values, ascending.
    pub fn values(&self) -> DictionaryCursor {
        self.cursor(0..self.count)
    }

    fn cursor(&self, range: Range<u32>) -> DictionaryCursor {
        let first = range.start - range.start % GROUP_VALUES;
        DictionaryCursor {
            dictionary: self.clone(),
            ordinal: first,
            first,
            start: range.start,
            end: range.end.min(self.count),
            group: Bytes::new(),
            at: 0,
            value: Vec::new(),
        }
    }

    /// The ordinal of a value, or of the first above it.
    fn search(&self, value: &[u8]) -> Result<Result<u32, u32>, Error> {
        let Range { start, end } = self.block_of(value)?;
        let (mut low, mut high) = (start, end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.compare_first(middle, value)? {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Ok(middle * GROUP_VALUES)),
                Ordering::Greater => high = middle,
            }
        }
        let group = match low.checked_sub(1) {
            Some(group) if group >= start => group,
            _ => return Ok(Err(start * GROUP_VALUES)),
        };
        let values = GROUP_VALUES.min(self.count - group * GROUP_VALUES);
        let found = search_group(&self.group(group)?, values, value).map_err(|_| self.wrong_group(group))?;
        let ordinal = |place| group * GROUP_VALUES + place;
        Ok(found.map(ordinal).map_err(ordinal))
    }

    /// The groups among which a value is, or those of the block after which it would be inserted.
    fn block_of(&self, value: &[u8]) -> Result<Range<u32>, Error> {
        let groups = self.count.div_ceil(GROUP_VALUES);
        let separators = groups.div_ceil(BLOCK_GROUPS).saturating_sub(1);
        if separators == 0 || self.top_bytes == 0 {
            return Ok(0..groups);
        }
        let wrong = || self.section.damaged(HEAD_BYTES, "the top of a dictionary is wrong");
        let (ends, bytes) = self.top()?.split_at_checked(separators as usize * 4).ok_or_else(wrong)?;
        let (ends, _) = ends.as_chunks();
        let end_of = |place: usize| ends.get(place).map(|end| u32::from_le_bytes(*end) as usize);
        let (mut low, mut high) = (0, separators);
        while low < high {
            let middle = low + (high - low) / 2;
            let start = if middle == 0 { Some(0) } else { end_of(middle as usize - 1) };
            let end = end_of(middle as usize);
            let separator = start.zip(end).and_then(|(start, end)| bytes.get(start..end)).ok_or_else(wrong)?;
            if separator <= value {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let first = low * BLOCK_GROUPS;
        Ok(first..groups.min(first + BLOCK_GROUPS))
    }

    fn top(&self) -> Result<&Bytes, Error> {
        match self.top.get() {
            Some(top) => Ok(top),
            None => {
                let top = self.bytes(HEAD_BYTES, self.top_bytes)?;
                Ok(self.top.get_or_init(|| top))
            }
        }
    }

    /// How the first value of a group compares with a value.
    fn compare_first(&self, group: u32, value: &[u8]) -> Result<Ordering, Error> {
        let (start, len) = self.place_of(group)?;
        // One byte more than the value has is enough to tell, and the group's first value may be long.
        let bytes = self.bytes(start, len.min(LEN_BYTES + value.len() + 1))?;
        let mut reader = Reader::new(&bytes);
        let len = reader.varint().map_err(|_| self.wrong_group(group))?;
        let first = usize::try_from(len).ok().and_then(|len| reader.rest().get(..len)).unwrap_or(reader.rest());
        Ok(first.cmp(value))
    }

    /// The bytes of a group.
    fn group(&self, group: u32) -> Result<Bytes, Error> {
        let (start, len) = self.place_of(group)?;
        self.bytes(start, len)
    }

    /// Where a group begins in the section, and its length.
    fn place_of(&self, group: u32) -> Result<(u64, usize), Error> {
        let bytes = self.bytes(self.starts + u64::from(group) * 4, 8)?;
        let mut reader = Reader::new(&bytes);
        let (Ok(start), Ok(end)) = (reader.u32(), reader.u32()) else { return Err(self.wrong_group(group)) };
        let len = end.checked_sub(start).ok_or_else(|| self.wrong_group(group))?;
        Ok((self.groups + u64::from(start), len as usize))
    }

    fn bytes(&self, start: u64, len: usize) -> Result<Bytes, Error> {
        let Some(whole) = &self.whole else { return self.section.read(start, len) };
        match (start as usize).checked_add(len) {
            Some(end) if end <= whole.len() => Ok(whole.slice(start as usize..end)),
            _ => Err(self.section.damaged(start, format!("it ends before {len} bytes"))),
        }
    }

    fn wrong_group(&self, group: u32) -> Error {
        self.section.damaged(self.starts + u64::from(group) * 4, format!("group {group} of a dictionary is wrong"))
    }
}

/// The next entry of a group: how many bytes it shares with the value before, of `before` bytes, and the others.
fn read_entry<'a>(reader: &mut Reader<'a>, is_first: bool, before: usize) -> Result<(usize, &'a [u8]), Short> {
    let shared = if is_first { 0 } else { usize::try_from(reader.varint()?).map_err(|_| Short)? };
    let len = usize::try_from(reader.varint()?).map_err(|_| Short)?;
    if shared > before && !is_first {
        return Err(Short);
    }
    Ok((shared, reader.take(len)?))
}

/// The place of a value in a group, or of the first above it, without putting values together: what counts is how many
/// bytes the value shares with each entry.
fn search_group(group: &[u8], values: u32, value: &[u8]) -> Result<Result<u32, u32>, Short> {
    let mut reader = Reader::new(group);
    let mut before = 0;
    // With the entry before, which is below the value.
    let mut known = 0;
    for place in 0..values {
        let (shared, suffix) = read_entry(&mut reader, place == 0, before)?;
        before = shared + suffix.len();
        match shared.cmp(&known) {
            // It differs from the value where the entry before does, and in the same way.
            Ordering::Greater => {}
            // It is above the entry before in a byte which that one has in common with the value.
            Ordering::Less => return Ok(Err(place)),
            Ordering::Equal => {
                let rest = value.get(known..).unwrap_or_default();
                let more = shared_bytes(rest, suffix);
                known += more;
                match suffix.get(more).cmp(&rest.get(more)) {
                    Ordering::Less => {}
                    Ordering::Equal => return Ok(Ok(place)),
                    Ordering::Greater => return Ok(Err(place)),
                }
            }
        }
    }
    Ok(Err(values))
}

/// Reads values in their order, a group at a time.
#[derive(Debug)]
pub struct DictionaryCursor {
    dictionary: Dictionary,
    /// The next one, counted from the start of a group.
    ordinal: u32,
    /// The first that is read, and the first that is given.
    first: u32,
    start: u32,
    end: u32,
    group: Bytes,
    /// Bytes of the group that are read.
    at: usize,
    value: Vec<u8>,
}

impl DictionaryCursor {
    /// The next value; none after the last. Values that are not in order are [`Error::Damaged`].
    pub fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        loop {
            if self.ordinal >= self.end {
                return Ok(None);
            }
            self.step()?;
            if self.ordinal > self.start {
                return Ok(Some(&self.value));
            }
        }
    }

    fn step(&mut self) -> Result<(), Error> {
        let group = self.ordinal / GROUP_VALUES;
        let starts_group = self.ordinal.is_multiple_of(GROUP_VALUES);
        if starts_group {
            self.group = self.dictionary.group(group)?;
            self.at = 0;
        }
        let wrong = || self.dictionary.wrong_group(group);
        let mut reader = Reader::new(self.group.get(self.at..).unwrap_or_default());
        let (shared, suffix) = read_entry(&mut reader, starts_group, self.value.len()).map_err(|_| wrong())?;
        let old = self.value.get(shared..).unwrap_or_default();
        // Within a group the writer shares as much as it can, so that the next bytes tell.
        let rises = if starts_group { suffix > old } else { suffix.first() > old.first() };
        if !rises && self.ordinal != self.first {
            return Err(wrong());
        }
        self.value.truncate(shared);
        self.value.extend_from_slice(suffix);
        self.at = self.group.len() - reader.rest().len();
        self.ordinal += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
