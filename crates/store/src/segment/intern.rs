//! Distinct byte strings, numbered in the order in which they come.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Numbers distinct byte strings from 0.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// Half of each value's hash, which is looked at before the value is, and its number.
    table: HashTable<(u32, u32)>,
    hasher: DefaultHashBuilder,
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Interner {
    /// The number of a value, which is new or known.
    pub(crate) fn number_of(&mut self, value: &[u8]) -> u32 {
        let Self { table, hasher, text, ends } = self;
        let half = (hasher.hash_one(value) >> 32) as u32;
        let is_value = |(known, number): &(u32, u32)| *known == half && at(text, ends, *number) == value;
        if let Some((_, number)) = table.find(spread(half), is_value) {
            return *number;
        }
        let number = ends.len() as u32;
        text.extend_from_slice(value);
        ends.push(text.len() as u32);
        table.insert_unique(spread(half), (half, number), |(half, _)| spread(*half));
        number
    }

    /// The value of a number.
    pub(crate) fn value(&self, number: u32) -> &[u8] {
        at(&self.text, &self.ends, number)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The numbers in the order of their values.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.ends.len() as u32).collect();
        numbers.sort_unstable_by(|a, b| self.value(*a).cmp(self.value(*b)));
        numbers
    }
}

/// A hash of all bits, as the table wants it, from half of one.
fn spread(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn at<'a>(text: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let start = number.checked_sub(1).and_then(|before| ends.get(before as usize)).copied().unwrap_or_default();
    let end = ends.get(number as usize).copied().unwrap_or(start);
    text.get(start as usize..end as usize).unwrap_or_default()
}
