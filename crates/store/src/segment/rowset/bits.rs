//! A set of rows in memory that changes: one bit for each row of a range.

use std::ops::Range;

/// Which rows of a range are in. What is asked of rows outside of it finds none there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    range: Range<u32>,
    /// The word of rows `64 × number ..`, for numbers from `range.start / 64` on. Bits outside of the range are zero.
    words: Vec<u64>,
}

impl Bits {
    /// No row of a range.
    pub fn new(range: Range<u32>) -> Self {
        let words = if range.is_empty() { 0 } else { (range.end - 1) / 64 - range.start / 64 + 1 };
        Self { range, words: vec![0; words as usize] }
    }

    /// The rows that can be in.
    pub fn range(&self) -> Range<u32> {
        self.range.clone()
    }

    fn first_word(&self) -> u32 {
        self.range.start / 64
    }

    fn word(&self, number: u32) -> u64 {
        let index = number.checked_sub(self.first_word());
        index.and_then(|index| self.words.get(index as usize)).copied().unwrap_or_default()
    }

    fn word_mut(&mut self, number: u32) -> Option<&mut u64> {
        let index = number.checked_sub(self.first_word())?;
        self.words.get_mut(index as usize)
    }

    /// Puts a row in, if it is in the range.
    pub fn insert(&mut self, row: u32) {
        if self.range.contains(&row) {
            self.insert_word(row / 64, 1 << (row % 64));
        }
    }

    /// Puts a run of rows in, as far as they are in the range.
    pub fn insert_run(&mut self, rows: Range<u32>) {
        let rows = rows.start.max(self.range.start)..rows.end.min(self.range.end);
        if rows.is_empty() {
            return;
        }
        let (first, last) = (rows.start / 64, (rows.end - 1) / 64);
        let skipped = (first - self.first_word()) as usize;
        for (number, word) in (first..=last).zip(self.words.iter_mut().skip(skipped)) {
            *word |= word_mask(number, &rows);
        }
    }

    /// Puts rows of the word of this number in. They are in the range.
    pub(super) fn insert_word(&mut self, number: u32, members: u64) {
        if let Some(word) = self.word_mut(number) {
            *word |= members;
        }
    }

    /// Whether a row is in.
    pub fn contains(&self, row: u32) -> bool {
        self.word(row / 64) >> (row % 64) & 1 != 0
    }

    /// How many rows are in.
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether no row is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many rows of a range are in.
    pub fn count_in(&self, range: Range<u32>) -> u32 {
        let range = range.start.max(self.range.start)..range.end.min(self.range.end);
        if range.is_empty() {
            return 0;
        }
        let (first, last) = (range.start / 64, (range.end - 1) / 64);
        let words = self.words.iter().skip((first - self.first_word()) as usize);
        (first..=last).zip(words).map(|(number, word)| (word & word_mask(number, &range)).count_ones()).sum()
    }

    /// Leaves only rows in that are in the other set too.
    pub fn and(&mut self, other: &Bits) {
        self.combine(other, |word, other| word & other);
    }

    /// Takes the rows of the other set out.
    pub fn and_not(&mut self, other: &Bits) {
        self.combine(other, |word, other| word & !other);
    }

    /// Puts the rows of the other set in, as far as they are in the range of this one.
    pub fn or(&mut self, other: &Bits) {
        self.combine(other, |word, other| word | other);
        self.clear_edges();
    }

    fn combine(&mut self, other: &Bits, how: impl Fn(u64, u64) -> u64) {
        // Words of the other set from this one's first on: a few zeros before, where the other begins later.
        let (first, other_first) = (self.first_word(), other.first_word());
        let zeros = (other_first.saturating_sub(first) as usize).min(self.words.len());
        let rest = other.words.get(first.saturating_sub(other_first) as usize..).unwrap_or_default();
        let (before, after) = self.words.split_at_mut(zeros);
        before.iter_mut().for_each(|word| *word = how(*word, 0));
        let both = rest.len().min(after.len());
        let (shared, after) = after.split_at_mut(both);
        shared.iter_mut().zip(rest).for_each(|(word, &other)| *word = how(*word, other));
        after.iter_mut().for_each(|word| *word = how(*word, 0));
    }

    /// Clears what is outside of the range.
    fn clear_edges(&mut self) {
        let (first, range) = (self.first_word(), self.range.clone());
        if let Some(word) = self.words.first_mut() {
            *word &= word_mask(first, &range);
        }
        if let Some(word) = self.words.last_mut() {
            *word &= word_mask((range.end - 1) / 64, &range);
        }
    }

    /// The least row that is in and at least `row`.
    pub fn next_at_or_after(&self, row: u32) -> Option<u32> {
        let row = row.max(self.range.start);
        let number = row / 64;
        let members = self.word(number) & (u64::MAX << (row % 64));
        if members != 0 {
            return Some(number * 64 + members.trailing_zeros());
        }
        let after = self.words.get((number - self.first_word()) as usize + 1..).unwrap_or_default();
        let (skipped, members) = after.iter().enumerate().find(|&(_, &word)| word != 0)?;
        Some((number + 1 + skipped as u32) * 64 + members.trailing_zeros())
    }

    /// The rows that are in, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.numbered_words().flat_map(|(number, mut left)| {
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(number * 64 + bit)
            })
        })
    }

    fn numbered_words(&self) -> impl Iterator<Item = (u32, u64)> {
        let first = self.first_word();
        self.words.iter().enumerate().map(move |(i, &word)| (first + i as u32, word))
    }
}

/// Ones for the rows of a range, which has at least one, in the word of this number, which has one of them.
fn word_mask(number: u32, range: &Range<u32>) -> u64 {
    let start = if number == range.start / 64 { u64::MAX << (range.start % 64) } else { u64::MAX };
    let end = if number == (range.end - 1) / 64 { u64::MAX >> (63 - (range.end - 1) % 64) } else { u64::MAX };
    start & end
}
