//! A row set as a bitmap with ranks.

use std::ops::Range;

use super::Source;
use super::encode::RANK_WORDS;
use crate::Error;

const WORD_BYTES: u64 = 8;
const RANK_BYTES: u64 = 4;

/// The words between two ranks.
pub(super) type Chunk = [u64; RANK_WORDS as usize];

/// Where the set lies.
#[derive(Debug, Clone)]
pub(super) struct Bitmap {
    source: Source,
    count: u32,
    universe: u32,
    first_word: u32,
    words: u32,
    /// Within the set.
    ranks_start: u64,
    words_start: u64,
}

impl Bitmap {
    /// `count` is of rows and their universe, `words` is the first and how many there are.
    pub(super) fn open(
        source: Source,
        (count, universe): (u32, u32),
        (first_word, words): (u32, u32),
        ranks_start: u64,
    ) -> Result<Self, Error> {
        let words_start = ranks_start + u64::from(words.div_ceil(RANK_WORDS)) * RANK_BYTES;
        let end = words_start + u64::from(words) * WORD_BYTES;
        let is_inside = u64::from(first_word) + u64::from(words) <= u64::from(universe.div_ceil(64));
        if end != source.len() || !is_inside {
            return Err(source.damaged(0, format!("a bitmap of {words} words from {first_word} does not fit")));
        }
        Ok(Self { source, count, universe, first_word, words, ranks_start, words_start })
    }

    /// Words that have bits, by their number.
    pub(super) fn words(&self) -> Range<u32> {
        self.first_word..self.first_word + self.words
    }

    /// The chunk and the place in it of a word in [`Self::words`].
    pub(super) fn place(&self, word: u32) -> (u32, usize) {
        let index = word.wrapping_sub(self.first_word);
        (index / RANK_WORDS, (index % RANK_WORDS) as usize)
    }

    /// Reads a chunk. After its last word there are zeros.
    pub(super) fn read(&self, chunk: u32, out: &mut Chunk) -> Result<(), Error> {
        self.read_words(chunk, RANK_WORDS, out)
    }

    /// Reads the first words of a chunk.
    fn read_words(&self, chunk: u32, words: u32, out: &mut Chunk) -> Result<(), Error> {
        let first = chunk.saturating_mul(RANK_WORDS);
        let words = self.words.saturating_sub(first).min(words);
        let at = self.words_start + u64::from(first) * WORD_BYTES;
        let bytes = self.source.read(at, words as usize * WORD_BYTES as usize)?;
        out.fill(0);
        for (word, eight) in out.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*eight);
        }
        // Rows beyond the universe could only be in its last word.
        let last_word = self.universe / 64;
        let last = out.get(last_word.wrapping_sub(self.first_word).wrapping_sub(first) as usize);
        if last.is_some_and(|last| last >> (self.universe % 64) != 0) {
            return Err(self.source.damaged(at, format!("it holds rows beyond {}", self.universe)));
        }
        Ok(())
    }

    /// How many rows of a range that is not empty.
    pub(super) fn count_in(&self, range: &Range<u32>) -> Result<u32, Error> {
        let (start, end) = (self.rank(range.start)?, self.rank(range.end)?);
        let count = end.checked_sub(start).filter(|&count| count <= range.end - range.start);
        count.ok_or_else(|| self.source.damaged(0, format!("its ranks {start} and {end} contradict")))
    }

    /// How many rows are below this one.
    fn rank(&self, row: u32) -> Result<u32, Error> {
        let word = row / 64;
        if word < self.first_word {
            return Ok(0);
        }
        if word >= self.words().end {
            return Ok(self.count);
        }
        let (chunk, place) = self.place(word);
        let at = self.ranks_start + u64::from(chunk) * RANK_BYTES;
        let rank = self.source.read(at, RANK_BYTES as usize)?;
        let rank = rank.first_chunk().map_or(0, |rank| u32::from_le_bytes(*rank));
        let mut words = [0; RANK_WORDS as usize];
        self.read_words(chunk, place as u32 + 1, &mut words)?;
        if let Some(last) = words.get_mut(place) {
            *last &= (1 << (row % 64)) - 1;
        }
        let members: u32 = words.iter().map(|word| word.count_ones()).sum();
        let rank = rank.checked_add(members).filter(|&rank| rank <= self.count);
        rank.ok_or_else(|| self.source.damaged(at, format!("a rank is above {}", self.count)))
    }

    /// Gives each word that has rows of a range, with those rows only, until `each` says false.
    pub(super) fn for_each_word(
        &self,
        range: &Range<u32>,
        each: &mut impl FnMut(u32, u64) -> bool,
    ) -> Result<(), Error> {
        if range.is_empty() {
            return Ok(());
        }
        let (first, last) = (range.start / 64, (range.end - 1) / 64);
        let words = first.max(self.words().start)..self.words().end.min(last.saturating_add(1));
        let mut chunk = [0; RANK_WORDS as usize];
        let mut word = words.start;
        while word < words.end {
            let (number, place) = self.place(word);
            self.read(number, &mut chunk)?;
            let until = words.end.min(word.saturating_add(RANK_WORDS - place as u32));
            for (number, &members) in (word..until).zip(chunk.iter().skip(place)) {
                let members = if number == first { members & (u64::MAX << (range.start % 64)) } else { members };
                let members =
                    if number == last { members & (u64::MAX >> (63 - (range.end - 1) % 64)) } else { members };
                if members != 0 && !each(number, members) {
                    return Ok(());
                }
            }
            word = until;
        }
        Ok(())
    }

    /// Gives each row of a range, ascending, until `each` says false.
    pub(super) fn for_each_in(&self, range: &Range<u32>, each: &mut impl FnMut(u32) -> bool) -> Result<(), Error> {
        self.for_each_word(range, &mut |word, members| {
            let mut left = members;
            while left != 0 {
                if !each(word * 64 + left.trailing_zeros()) {
                    return false;
                }
                left &= left - 1;
            }
            true
        })
    }
}
