//! Canonical bytes without some of their fields, for readers that are not to see them.
//!
//! ```text
//! actor.email, targets.name, meta.customer       fields are named by their path, everything below goes with them
//! {"a":[{"b":1},{"c":2}]} without meta.a.b       the items of arrays are gone through: {"a":[{"c":2}]}
//! {"actor":{"email":"…"}} without actor.email    what has nothing left goes too, so nobody can tell that it was there
//! ```
//!
//! A dot of a key counts as a step of the path: `meta.a.b` names the key `a.b` of `meta` as well. What is left is
//! canonical: members keep their order, and nothing is written anew. Any bytes give canonical bytes or `{}`.

use crate::canonical::{value_len, write_escaped};
use crate::limits::JSON_DEPTH_MAX;
use crate::model::ContextKey;

/// Paths that are cut out.
#[derive(Debug, Clone, Default)]
pub struct Cut(Node);

/// A step of paths.
#[derive(Debug, Clone, Default)]
struct Node {
    /// The steps below, in the escaped form of canonical bytes.
    below: Vec<(Vec<u8>, Node)>,
    /// Whether a path ends here.
    is_cut: bool,
}

/// What the paths say of a member.
enum Step<'n> {
    /// It stays, with all that is below it.
    Stays,
    /// It goes.
    Goes,
    /// Something below it may go.
    Below(&'n Node),
}

/// Whether anything is left of a value.
#[derive(PartialEq, Eq)]
enum Left {
    Something,
    Nothing,
}

/// Paths that can be cut out. Below `meta`, `changes.before` and `changes.after` any path will do.
const PATHS: &[&str] = &[
    "action_type",
    "actor",
    "actor.email",
    "actor.groups",
    "actor.groups.id",
    "actor.groups.name",
    "actor.id",
    "actor.name",
    "actor.type",
    "changes",
    "context",
    "error",
    "error.message",
    "error.name",
    "message",
    "meta",
    "on_behalf_of",
    "on_behalf_of.id",
    "on_behalf_of.name",
    "on_behalf_of.type",
    "outcome",
    "query_type",
    "severity",
    "targets",
    "targets.id",
    "targets.name",
    "targets.type",
];
/// Without these an event is none.
const NEEDED: &[&str] = &["action", "id", "occurred_at", "organization", "recorded_at", "sequence", "source"];

impl Cut {
    /// Adds a path, as in `targets.name`, `target.name` or `meta.customer`. The error says what is wrong with it.
    pub fn add(&mut self, path: &str) -> Result<(), String> {
        let steps = steps(path)?;
        let mut node = &mut self.0;
        for step in steps {
            let known = node.below.iter().position(|(name, _)| *name == step);
            let at = known.unwrap_or(node.below.len());
            if known.is_none() {
                node.below.push((step, Node::default()));
            }
            let Some((_, next)) = node.below.get_mut(at) else { return Ok(()) };
            if next.is_cut {
                return Ok(());
            }
            node = next;
        }
        *node = Node { below: Vec::new(), is_cut: true };
        Ok(())
    }

    /// Whether nothing is cut out.
    pub fn is_empty(&self) -> bool {
        self.0.below.is_empty()
    }

    /// Whether a path leads to what is cut out, or to something below or above it.
    pub fn touches(&self, path: &[&str]) -> bool {
        let mut node = &self.0;
        for key in path {
            match node.step(&escaped(key)) {
                Step::Stays => return false,
                Step::Goes => return true,
                Step::Below(next) => node = next,
            }
        }
        !node.below.is_empty()
    }

    /// The canonical bytes of an event without what is cut out.
    pub fn apply(&self, canonical: &[u8]) -> Vec<u8> {
        let mut knife = Knife { text: canonical, at: 0, out: Vec::with_capacity(canonical.len()) };
        match knife.value(&self.0, 0) {
            Some(Left::Something) if knife.at == canonical.len() => knife.out,
            // Nobody knows what may be seen of bytes that are no event.
            _ => b"{}".to_vec(),
        }
    }
}

impl Node {
    /// What is said of a key in its escaped form. No escape has a dot in it.
    fn step(&self, key: &[u8]) -> Step<'_> {
        let mut node = self;
        for part in key.split(|byte| *byte == b'.') {
            let Some((_, next)) = node.below.iter().find(|(name, _)| name == part) else { return Step::Stays };
            if next.is_cut {
                return Step::Goes;
            }
            node = next;
        }
        Step::Below(node)
    }
}

fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    write_escaped(text, &mut out);
    out
}

/// The steps of a path that can be cut out, in the escaped form.
fn steps(path: &str) -> Result<Vec<Vec<u8>>, String> {
    let path = match path.strip_prefix("target.") {
        Some(rest) => format!("targets.{rest}"),
        None => path.to_owned(),
    };
    check(&path)?;
    let mut steps = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        let last = steps.last_mut().ok_or("is empty")?;
        match c {
            '.' if last.is_empty() => return Err("has an empty step".to_owned()),
            '.' => steps.push(String::new()),
            '\\' => last.push(chars.next().ok_or("ends in a backslash")?),
            _ => last.push(c),
        }
    }
    if steps.last().is_none_or(String::is_empty) {
        return Err("has an empty step".to_owned());
    }
    // A dot of a key is a step as well.
    Ok(steps.iter().flat_map(|step| step.split('.')).map(escaped).collect())
}

/// Whether a path names something that can be cut out.
fn check(path: &str) -> Result<(), String> {
    let is_below_any = ["meta.", "changes.before.", "changes.after."].iter().any(|start| path.starts_with(start));
    let is_context = path.strip_prefix("context.").is_some_and(|key| ContextKey::from_name(key).is_some());
    if is_below_any || is_context || matches!(path, "changes.before" | "changes.after") || PATHS.contains(&path) {
        return Ok(());
    }
    if NEEDED.contains(&path) {
        return Err("is needed: every reader sees it".to_owned());
    }
    if path == "context.request_path" {
        return Err("is part of context.request_url; hide that".to_owned());
    }
    let known = PATHS.join(", ");
    Err(format!(
        "is no field that can be hidden: use {known}, context.<key>, changes.before…, changes.after… or meta.<key>…"
    ))
}

/// Goes through canonical bytes, and writes what stays.
struct Knife<'a> {
    text: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'a> Knife<'a> {
    /// Writes what stays of the next value. Nothing is given if the bytes are no value.
    fn value(&mut self, node: &Node, depth: usize) -> Option<Left> {
        match self.text.get(self.at)? {
            b'{' | b'[' if depth == JSON_DEPTH_MAX => None,
            b'{' => self.inside(b'}', |knife| knife.member(node, depth + 1)),
            b'[' => self.inside(b']', |knife| knife.item(node, depth + 1)),
            // What is below a value that has nothing below it is not there.
            _ => self.copy().map(|()| Left::Something),
        }
    }

    /// An object or an array. What was empty before stays as it is.
    fn inside(&mut self, end: u8, each: impl Fn(&mut Self) -> Option<()>) -> Option<Left> {
        let start = self.out.len();
        self.out.push(*self.text.get(self.at)?);
        self.at += 1;
        if !self.take(end) {
            loop {
                each(self)?;
                if self.take(end) {
                    break;
                }
                if !self.take(b',') {
                    return None;
                }
            }
            if self.out.len() == start + 1 {
                self.out.truncate(start);
                return Some(Left::Nothing);
            }
        }
        self.out.push(end);
        Some(Left::Something)
    }

    fn member(&mut self, node: &Node, depth: usize) -> Option<()> {
        let quoted = self.next_value()?;
        let key = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let step = node.step(key);
        if !self.take(b':') {
            return None;
        }
        if let Step::Goes = step {
            return self.next_value().map(|_| ());
        }
        let start = self.out.len();
        self.separate();
        self.out.extend_from_slice(quoted);
        self.out.push(b':');
        match step {
            Step::Below(node) => {
                if self.value(node, depth)? == Left::Nothing {
                    self.out.truncate(start);
                }
            }
            Step::Stays | Step::Goes => self.copy()?,
        }
        Some(())
    }

    fn item(&mut self, node: &Node, depth: usize) -> Option<()> {
        let start = self.out.len();
        self.separate();
        if self.value(node, depth)? == Left::Nothing {
            self.out.truncate(start);
        }
        Some(())
    }

    /// Writes a comma, unless what follows is the first.
    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn copy(&mut self) -> Option<()> {
        let value = self.next_value()?;
        self.out.extend_from_slice(value);
        Some(())
    }

    /// Reads a value, whatever is in it.
    fn next_value(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..)?;
        let value = rest.get(..value_len(rest)?).filter(|value| !value.is_empty())?;
        self.at += value.len();
        Some(value)
    }

    /// Reads a byte if it is the next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }
}

#[cfg(test)]
mod tests;
