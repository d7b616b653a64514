//! Distinct byte strings, numbered in the order in which they come.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Numbers distinct byte strings from 0.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Interner {
    /// The number of a value, which is new or known.
    pub(crate) fn number_of(&mut self, value: &[u8]) -> u32 {
        let Self { table, hasher, text, ends } = self;
        let hash = hasher.hash_one(value);
        let is_value = |number: &u32| at(text, ends, *number) == value;
        if let Some(number) = table.find(hash, is_value) {
            return *number;
        }
        let number = ends.len() as u32;
        text.extend_from_slice(value);
        ends.push(text.len() as u32);
        table.insert_unique(hash, number, |number| hasher.hash_one(at(text, ends, *number)));
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

fn at<'a>(text: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let start = number.checked_sub(1).and_then(|before| ends.get(before as usize)).copied().unwrap_or_default();
    let end = ends.get(number as usize).copied().unwrap_or(start);
    text.get(start as usize..end as usize).unwrap_or_default()
}
