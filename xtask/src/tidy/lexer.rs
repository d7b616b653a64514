//! Splits Rust source into lines of code, comment and literal, and marks what is compiled for tests only.
//!
//! It knows strings, raw strings, character literals, lifetimes and nested comments: enough that a check on code never
//! trips over a comment or over its own needles. Any text gives an answer, also one that is not Rust.

#[cfg(test)]
mod tests;

/// One line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    /// The line as it stands.
    pub(super) raw: String,
    /// What the compiler sees; a string literal is left as `""`.
    pub(super) code: String,
    /// The text of its comments.
    pub(super) comment: String,
    /// Whether a string literal begins, ends or goes on here.
    pub(super) has_literal: bool,
    /// Whether it is compiled for tests only.
    pub(super) is_test: bool,
}

/// Takes a file apart; `path` tells whether it is a test file.
pub(super) fn lines(path: &str, text: &str) -> Vec<Line> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, state: State::Code, line: Line::default() };
    let mut lines = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let mut line = lexer.next_line();
        line.number = index + 1;
        raw.clone_into(&mut line.raw);
        lines.push(line);
    }
    if is_test_path(path) {
        lines.iter_mut().for_each(|line| line.is_test = true);
    } else {
        mark_test_items(&mut lines);
    }
    lines
}

/// Whether a file holds nothing but tests.
pub(super) fn is_test_path(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next() == Some("tests.rs") || parts.any(|folder| folder == "tests")
}

/// Where `needle` stands in `code` as a name of its own, not as a part of a longer one.
pub(super) fn names(code: &str, needle: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(needle).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + needle.len()..).and_then(|text| text.chars().next());
        let open_end = !needle.ends_with(is_name);
        !before.is_some_and(is_name) && (open_end || !after.is_some_and(is_name))
    })
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    /// Depth of nesting.
    BlockComment(u32),
    /// `None`: an ordinary string; else the number of `#` that end a raw one.
    Text(Option<usize>),
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    state: State,
    line: Line,
}

impl Lexer {
    fn next_line(&mut self) -> Line {
        while let Some(c) = self.peek(0) {
            if c == '\n' {
                self.at += 1;
                if matches!(self.state, State::LineComment) {
                    self.state = State::Code;
                }
                break;
            }
            match self.state {
                State::Code => self.step_code(c),
                State::LineComment => self.step_comment(c),
                State::BlockComment(depth) => self.step_block_comment(c, depth),
                State::Text(hashes) => self.step_text(c, hashes),
            }
        }
        let in_text = matches!(self.state, State::Text(_));
        std::mem::replace(&mut self.line, Line { has_literal: in_text, ..Line::default() })
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn step_code(&mut self, c: char) {
        match (c, self.peek(1)) {
            ('/', Some('/')) => self.open(State::LineComment, 2),
            ('/', Some('*')) => self.open(State::BlockComment(1), 2),
            ('"', _) => self.open_text(None, 1),
            ('r', Some('"' | '#')) if !self.is_inside_name() => self.step_raw(),
            ('\'', Some('\\')) => self.skip_escaped_char(),
            ('\'', Some(_)) if self.peek(2) == Some('\'') => {
                self.line.code.push_str("' '");
                self.at += 3;
            }
            _ => {
                self.line.code.push(c);
                self.at += 1;
            }
        }
    }

    /// Whether the character before is part of a name; the prefixes of `br"…"` and `cr"…"` are not.
    fn is_inside_name(&self) -> bool {
        let mut before = self.line.code.chars().rev();
        match before.next() {
            Some('b' | 'c') => before.next().is_some_and(|c| c.is_alphanumeric() || c == '_'),
            Some(c) => c.is_alphanumeric() || c == '_',
            None => false,
        }
    }

    /// At an `r` that begins a raw string or a raw name.
    fn step_raw(&mut self) {
        let hashes = (1..).take_while(|&ahead| self.peek(ahead) == Some('#')).count();
        if self.peek(1 + hashes) == Some('"') {
            self.open_text(Some(hashes), hashes + 2);
        } else {
            self.line.code.push('r');
            self.at += 1;
        }
    }

    fn skip_escaped_char(&mut self) {
        self.at += 3;
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.at += 1;
        }
        if self.peek(0) == Some('\'') {
            self.at += 1;
        }
        self.line.code.push_str("' '");
    }

    fn step_comment(&mut self, c: char) {
        self.line.comment.push(c);
        self.at += 1;
    }

    fn step_block_comment(&mut self, c: char, depth: u32) {
        match (c, self.peek(1)) {
            ('*', Some('/')) => {
                let outer = if depth > 1 { State::BlockComment(depth - 1) } else { State::Code };
                self.open(outer, 2);
            }
            ('/', Some('*')) => self.open(State::BlockComment(depth + 1), 2),
            _ => self.step_comment(c),
        }
    }

    fn step_text(&mut self, c: char, hashes: Option<usize>) {
        match (c, hashes) {
            // A backslash at the end of a line takes only itself: the line has to end.
            ('\\', None) if self.peek(1) == Some('\n') => self.at += 1,
            ('\\', None) => self.at += 2,
            ('"', None) => self.open(State::Code, 1),
            ('"', Some(count)) if (1..=count).all(|ahead| self.peek(ahead) == Some('#')) => {
                self.open(State::Code, 1 + count);
            }
            _ => self.at += 1,
        }
    }

    fn open_text(&mut self, hashes: Option<usize>, length: usize) {
        self.line.code.push_str("\"\"");
        self.line.has_literal = true;
        self.open(State::Text(hashes), length);
    }

    fn open(&mut self, state: State, length: usize) {
        self.state = state;
        self.at += length;
    }
}

/// Marks each item that follows `#[cfg(test)]`, up to its closing brace or semicolon.
fn mark_test_items(lines: &mut [Line]) {
    let mut item: Option<Item> = None;
    for line in lines {
        let code = line.code.trim();
        if item.is_none() && (code.starts_with("#[cfg(test)]") || code.starts_with("#[cfg(all(test")) {
            item = Some(Item::default());
        }
        let Some(open) = item.as_mut() else { continue };
        line.is_test = true;
        if open.ends_within(code) {
            item = None;
        }
    }
}

/// How many brackets of an item are open.
#[derive(Default)]
struct Item {
    braces: u32,
    others: u32,
}

impl Item {
    fn ends_within(&mut self, code: &str) -> bool {
        for c in code.chars() {
            match c {
                '{' => self.braces += 1,
                '}' => {
                    self.braces = self.braces.saturating_sub(1);
                    if self.braces == 0 && self.others == 0 {
                        return true;
                    }
                }
                '[' | '(' => self.others += 1,
                ']' | ')' => self.others = self.others.saturating_sub(1),
                ';' if self.braces == 0 && self.others == 0 => return true,
                _ => {}
            }
        }
        false
    }
}
