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
        self.out.push(b'{');
        let mut object = Object { out: self.out, is_empty: true };
        fill(&mut object);
        if object.is_empty {
            self.out.truncate(before);
            self.is_empty = was_empty;
        } else {
            self.out.push(b'}');
        }
    }

    /// A list of objects, if it has an item.
    pub(super) fn list<T>(&mut self, key: &str, items: &[T], mut fill: impl FnMut(&T, &mut Object<'_>)) {
        if items.is_empty() {
            return;
        }
        self.key(key);
        for (i, item) in items.iter().enumerate() {
            self.out.push(if i == 0 { b'[' } else { b',' });
            Object::write(self.out, |object| fill(item, object));
        }
        self.out.push(b']');
    }
}
