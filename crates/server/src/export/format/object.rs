//! A JSON object that is written member by member. An object without members is left out by the one that it is in.

use std::fmt::Display;

use trailbook_event::canonical::write_string;

/// An object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Appends an object with the members that `fill` gives it.
    pub(super) fn write(out: &'o mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        fill(&mut Object { out, is_empty: true });
        out.push(b'}');
    }

    /// Appends an object, or nothing if `fill` gives it no member.
    pub(super) fn write_some(out: &'o mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let before = out.len();
        out.push(b'{');
        let mut object = Object { out, is_empty: true };
        fill(&mut object);
        let is_empty = object.is_empty;
        if is_empty { out.truncate(before) } else { out.push(b'}') }
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_string(key, self.out);
        self.out.push(b':');
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(value, self.out);
    }

    pub(super) fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    /// A value that is written as JSON already.
    pub(super) fn raw(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.key(key);
        write(self.out);
    }

    /// An object, if it has a member.
    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let (before, was_empty) = (self.out.len(), self.is_empty);
        self.key(key);
        let begin = self.out.len();
        Object::write_some(self.out, fill);
        if self.out.len() == begin {
            self.out.truncate(before);
            self.is_empty = was_empty;
        }
    }

    /// A list of objects, if it has an item.
    pub(super) fn list<T>(&mut self, key: &str, items: &[T], fill: impl FnMut(&T, &mut Object<'_>)) {
        if !items.is_empty() {
            self.key(key);
            list(items, self.out, fill);
        }
    }
}

/// Appends a list of objects, or nothing if there is no item.
pub(super) fn list<T>(items: &[T], out: &mut Vec<u8>, mut fill: impl FnMut(&T, &mut Object<'_>)) {
    for (i, item) in items.iter().enumerate() {
        out.push(if i == 0 { b'[' } else { b',' });
        Object::write(out, |object| fill(item, object));
    }
    if !items.is_empty() {
        out.push(b']');
    }
}
