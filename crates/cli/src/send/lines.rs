//! Lines of an input of any size, each with its number and place.
//!
//! A line that is longer than any event can be is cut, so memory stays bounded whatever the input is.

use std::io::{self, BufRead};

use tokio::sync::mpsc;
use trailbook_event::limits::EVENT_BYTES_MAX;

/// What is kept of a line: an event, and room for what is taken out of an exported one before it is sent.
const KEPT_BYTES_MAX: usize = EVENT_BYTES_MAX + 1_024;

/// A line that is not empty, without white space around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1, empty lines counted.
    pub(super) number: u64,
    /// Where it begins in the input, in bytes.
    pub(super) offset: u64,
    /// What it says; of a line that is cut, its beginning.
    pub(super) bytes: Vec<u8>,
    /// Whether it says more than what is kept of it.
    pub(super) is_cut: bool,
    /// How long it is in the input, its end included.
    pub(super) length_bytes: u64,
}

/// Reads the lines of an input.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, offset: 0 }
    }

    /// How far the input is read.
    #[cfg(test)]
    fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let offset = self.offset;
            let Some((mut bytes, is_cut)) = self.read()? else { return Ok(None) };
            self.number += 1;
            if offset == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            let trimmed = bytes.trim_ascii();
            if trimmed.is_empty() {
                continue;
            }
            let bytes = trimmed.to_vec();
            return Ok(Some(Line { number: self.number, offset, bytes, is_cut, length_bytes: self.offset - offset }));
        }
    }

    /// What is kept of the next line, without white space before it, and whether more than white space is missing;
    /// `None` at the end of the input.
    fn read(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut kept = Vec::new();
        let mut is_there = false;
        let mut is_cut = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(is_there.then_some((kept, is_cut)));
            }
            is_there = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let said = if kept.is_empty() { part.trim_ascii_start() } else { part };
            let (fits, missing) = said.split_at(said.len().min(KEPT_BYTES_MAX.saturating_sub(kept.len())));
            kept.extend_from_slice(fits);
            is_cut |= !missing.trim_ascii().is_empty();
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            self.offset += used as u64;
            if end.is_some() {
                return Ok(Some((kept, is_cut)));
            }
        }
    }
}

/// Lines that were read and wait to be sent.
const LINES_WAITING_MAX: usize = 256;

/// Reads lines on a thread of its own, so that a pipe which pauses does not hold back what came before. The thread ends
/// with the input, or with the process.
pub(super) fn follow(input: impl BufRead + Send + 'static) -> mpsc::Receiver<io::Result<Line>> {
    let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        let mut lines = Lines::new(input);
        while let Some(line) = lines.next().transpose() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::{KEPT_BYTES_MAX, Line, Lines};

    fn lines(input: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(std::io::BufReader::with_capacity(7, input));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(line);
        }
        assert_eq!(lines.offset(), input.len() as u64);
        all
    }

    #[test]
    fn a_line_knows_its_number_and_its_place() {
        let all = lines(b"\xef\xbb\xbf{\"a\": 1}\r\n\n  \n {\"b\": 2} \n{\"c\"");
        let shown: Vec<_> = all.iter().map(|l| (l.number, l.offset, str::from_utf8(&l.bytes).unwrap())).collect();
        assert_eq!(shown, [(1, 0, "{\"a\": 1}"), (4, 17, "{\"b\": 2}"), (5, 28, "{\"c\"")]);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_is_whole() {
        let whole = vec![b'{'; KEPT_BYTES_MAX];
        let long = vec![b'{'; KEPT_BYTES_MAX + 1];
        let space = vec![b' '; 2 * KEPT_BYTES_MAX];
        let input = [&whole, b"\n".as_slice(), &long, b"\n", &space, b"{}", &space, b"\n{}", &space, b"x"].concat();
        let all = lines(&input);
        assert_eq!(all.iter().map(|line| line.is_cut).collect::<Vec<_>>(), [false, true, false, true]);
        assert_eq!(all[1].bytes.len(), KEPT_BYTES_MAX);
        assert_eq!(all[1].length_bytes, long.len() as u64 + 1);
        assert_eq!(all[2].bytes, b"{}");
    }
}
