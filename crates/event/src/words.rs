//! Words: what a text is searched by. This is their one definition; every search that knows words takes it from here.
//!
//! ```text
//! "Order 4711: Größe XL, trace 4bf92f3577b34da6a3ce929d0e0e4736"   ─►   order 4711 größe xl trace
//! ```
//!
//! - A run is a longest sequence of letters and digits (`char::is_alphanumeric`), each folded by `char::to_lowercase`,
//!   of which letters and digits stay: `İ` is folded to `i` without the dot above it, so a word is a word of itself.
//! - A run is a word if it has 2 to 32 bytes of UTF-8 after that.
//! - Long numbers (more than 10 digits `0`–`9`, nothing else) and long hexadecimal runs (16 characters or more, all of
//!   them hexadecimal digits, at least one of them `0`–`9`) are no words: there is one for each event, and fields find
//!   them.
//!
//! Events have their texts in canonical bytes. There an escape always stands for a control character, a quote or a
//! backslash, which no run contains: it separates, and nothing has to be decoded. Any bytes give words or none; bytes
//! that are not UTF-8 separate as well.

use std::ops::Range;

use crate::field::Field;

/// The least and the greatest length of a word, in bytes.
const WORD_BYTES: Range<usize> = 2..33;
/// The most digits of a number that is a word.
const NUMBER_DIGITS_MAX: usize = 10;
/// The least length of a hexadecimal run that is no word.
const HEX_CHARS_MIN: usize = 16;

/// Memory that is used again from text to text.
#[derive(Debug, Default)]
pub struct Buffer {
    /// The text with ASCII in lower case, filled up with zeros to whole blocks.
    text: String,
    /// Which bytes belong to runs: a number for each block.
    runs: Vec<u64>,
    /// A run that is folded.
    folded: String,
}

/// Gives the words of a text, in their order.
pub fn words(text: &str, each: &mut impl FnMut(&str)) {
    let mut buffer = Buffer::default();
    buffer.read(text.as_bytes());
    buffer.give(each);
}

/// Gives the words of one scalar of canonical bytes: a string in its escaped form without its quotes, a number, `true`
/// or `false`.
pub fn words_of_scalar(raw: &[u8], buffer: &mut Buffer, each: &mut impl FnMut(&str)) {
    buffer.read(raw);
    if raw.contains(&b'\\') {
        buffer.leave_out(false);
    }
    buffer.give(each);
}

/// Gives the words of a canonical object: of every scalar that [`scalars`] gives.
pub fn words_of_json(json: &[u8], buffer: &mut Buffer, each: &mut impl FnMut(&str)) {
    buffer.read(json);
    buffer.leave_out(true);
    buffer.give(each);
}

/// Gives the words of a value of an event as its span covers it; a field that is no text has none.
pub fn words_of_value(field: Field, value: &[u8], buffer: &mut Buffer, each: &mut impl FnMut(&str)) {
    match field {
        Field::Message | Field::ErrorMessage => words_of_scalar(value, buffer, each),
        Field::Changes | Field::Meta => words_of_json(value, buffer, each),
        _ => {}
    }
}

/// Gives the scalars of a canonical object that are values, not keys: what strings have between their quotes, numbers,
/// `true` and `false` as they are written. `null` is left out.
pub fn scalars(json: &[u8], each: &mut impl FnMut(&[u8])) {
    for scalar in scalar_places(json) {
        each(json.get(scalar).unwrap_or_default());
    }
}

/// The places of the same: of strings without their quotes.
pub fn scalar_places(json: &[u8]) -> impl Iterator<Item = Range<usize>> {
    Scalars::new(json)
}

/// Gives the scalars of a value of an event as its span covers it; a field that is no text has none.
pub fn scalars_of_value(field: Field, value: &[u8], each: &mut impl FnMut(&[u8])) {
    match field {
        Field::Message | Field::ErrorMessage => each(value),
        Field::Changes | Field::Meta => scalars(value, each),
        _ => {}
    }
}

/// Whether a run is a word, by its bytes after folding.
fn is_word(run: &str) -> bool {
    WORD_BYTES.contains(&run.len()) && (run.len() <= NUMBER_DIGITS_MAX || !is_number_or_id(run))
}

fn is_number_or_id(run: &str) -> bool {
    let is_number = || run.bytes().all(|byte| byte.is_ascii_digit());
    let has_digit = || run.bytes().any(|byte| byte.is_ascii_digit());
    let is_hex = || run.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number() || (run.len() >= HEX_CHARS_MIN && is_hex() && has_digit())
}

/// Bytes that are looked at together: as many as a number has bits.
const BLOCK_BYTES: usize = 64;
const ZEROS: &str = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                     \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Which bytes of a block something holds for: the first is the lowest bit. Written so that the compiler can compare
/// many bytes at once.
fn bits(block: &[u8; BLOCK_BYTES], holds: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0; BLOCK_BYTES];
    flags.iter_mut().zip(block).for_each(|(flag, byte)| *flag = u8::from(holds(*byte)));
    let mut bits = 0;
    for eight in flags.as_chunks::<8>().0.iter().rev() {
        // The product has the lowest bits of eight bytes side by side in its highest byte.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits = bits << 8 | gathered;
    }
    bits
}

/// Takes the lowest bit, and gives its place; 64 if there is none.
fn take_lowest(bits: &mut u64) -> usize {
    let place = bits.trailing_zeros() as usize;
    *bits &= bits.wrapping_sub(1);
    place
}

/// Takes the bytes of a range out of the runs.
fn clear(runs: &mut [u64], range: Range<usize>) {
    let below = |place: usize| if place < BLOCK_BYTES { (1u64 << place) - 1 } else { u64::MAX };
    let first = range.start / BLOCK_BYTES;
    let touched = (range.end / BLOCK_BYTES + 1).saturating_sub(first);
    for (i, run) in (first..).zip(runs.iter_mut().skip(first).take(touched)) {
        let base = i * BLOCK_BYTES;
        *run &= !below(range.end - base) | below(range.start.saturating_sub(base));
    }
}

impl Buffer {
    /// Takes a text in, and notes its runs. Bytes that are no ASCII are noted as well, and looked at later.
    fn read(&mut self, bytes: &[u8]) {
        self.text.clear();
        match str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            // The replacement character is neither a letter nor a digit.
            Err(_) => self.text.push_str(&String::from_utf8_lossy(bytes)),
        }
        // At least one, so that every run has an end.
        let zeros = BLOCK_BYTES - self.text.len() % BLOCK_BYTES;
        self.text.push_str(ZEROS.get(..zeros).unwrap_or_default());
        self.text.make_ascii_lowercase();
        let is_of_run = |byte: u8| byte.is_ascii_lowercase() | byte.is_ascii_digit() | !byte.is_ascii();
        let blocks = self.text.as_bytes().as_chunks().0;
        self.runs.clear();
        self.runs.extend(blocks.iter().map(|block| bits(block, is_of_run)));
    }

    /// Takes escapes out of the runs, and what is no value of an object, if it is one: keys and `null`.
    fn leave_out(&mut self, is_object: bool) {
        let text = self.text.as_bytes();
        let (mut escape_end, mut string, mut gap) = (0, None, 0);
        for (i, block) in text.as_chunks().0.iter().enumerate() {
            let mut specials = bits(block, |byte| (byte == b'"') | (byte == b'\\'));
            while specials != 0 {
                let at = i * BLOCK_BYTES + take_lowest(&mut specials);
                if at < escape_end {
                    continue;
                }
                let is_escape = text.get(at) == Some(&b'\\');
                if is_escape {
                    escape_end = at + if text.get(at + 1) == Some(&b'u') { 6 } else { 2 };
                    clear(&mut self.runs, at..escape_end);
                }
                if is_escape || !is_object {
                    continue;
                }
                if let Some(start) = string.take() {
                    // In canonical bytes nothing but a key has a colon behind it.
                    if text.get(at + 1) == Some(&b':') {
                        clear(&mut self.runs, start..at);
                    }
                    gap = at + 1;
                } else {
                    leave_out_nulls(text, &mut self.runs, gap..at);
                    string = Some(at);
                }
            }
        }
        if is_object && string.is_none() {
            leave_out_nulls(text, &mut self.runs, gap..text.len());
        }
    }

    /// Gives the words among the runs.
    fn give(&mut self, each: &mut impl FnMut(&str)) {
        let Self { text, runs, folded } = self;
        let is_all_ascii = text.is_ascii();
        // Where the run began that the last block ended in.
        let mut open = None;
        for (i, runs) in runs.iter().enumerate() {
            let base = i * BLOCK_BYTES;
            let after_run = runs << 1 | u64::from(open.is_some());
            let (mut starts, mut ends) = (runs & !after_run, after_run & !runs);
            let mut start = open.unwrap_or_else(|| base + take_lowest(&mut starts));
            while ends != 0 {
                let run = text.get(start..base + take_lowest(&mut ends)).unwrap_or_default();
                if !is_all_ascii && !run.is_ascii() {
                    give_folded(run, folded, each);
                } else if is_word(run) {
                    each(run);
                }
                start = base + take_lowest(&mut starts);
            }
            open = (runs >> (BLOCK_BYTES - 1) == 1).then_some(start);
        }
    }
}

/// Takes every `null` out that stands between two strings. Nothing else there has an `n`.
fn leave_out_nulls(text: &[u8], runs: &mut [u64], gap: Range<usize>) {
    if gap.len() < "null".len() {
        return;
    }
    for (at, byte) in gap.clone().zip(text.get(gap).unwrap_or_default()) {
        if *byte == b'n' {
            clear(runs, at..at + "null".len());
        }
    }
}

/// Gives the words of a text that has no escapes, character by character.
fn give_folded(text: &str, folded: &mut String, each: &mut impl FnMut(&str)) {
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        folded.clear();
        folded.extend(run.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()));
        if is_word(folded) {
            each(folded);
        }
    }
}

/// The places of the scalars of a canonical object.
struct Scalars<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scalars<'a> {
    fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }
}

/// How many bytes stand before the quote that ends a string of canonical bytes. One that has no end goes to the end.
pub fn string_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

impl Iterator for Scalars<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = self.json.get(self.at..).unwrap_or_default();
            let (first, after) = rest.split_first()?;
            match first {
                b'{' | b'}' | b'[' | b']' | b',' | b':' => self.at += 1,
                b'"' => {
                    let start = self.at + 1;
                    let end = start + string_len(after);
                    self.at = end + 1;
                    // In canonical bytes nothing but a key has a colon behind it.
                    if self.json.get(self.at) != Some(&b':') {
                        return Some(start..end);
                    }
                }
                _ => {
                    let start = self.at;
                    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
                    self.at += rest.iter().position(is_end).unwrap_or(rest.len());
                    if rest.get(..self.at - start) != Some(b"null") {
                        return Some(start..self.at);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
