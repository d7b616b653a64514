//! Selections that may be needed again: those of the places that were asked for last, as many as there is memory for.
//!
//! A count looks at every place and a page at few, of which it needs the same. A scan comes back to a place many times.

use std::rc::Rc;

use super::select::Selection;

/// Selections by the number of their place.
pub(super) struct Kept {
    /// That of the place that was asked for last comes last.
    selections: Vec<(usize, Rc<Selection>)>,
    bytes_max: u64,
}

impl Kept {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { selections: Vec::new(), bytes_max }
    }

    pub(super) fn get(&mut self, place: usize) -> Option<Rc<Selection>> {
        let at = self.selections.iter().rposition(|(number, _)| *number == place)?;
        let found = self.selections.remove(at);
        let selection = Rc::clone(&found.1);
        self.selections.push(found);
        Some(selection)
    }

    /// Keeps a selection, and lets go of the oldest that there is no room for.
    pub(super) fn put(&mut self, place: usize, selection: &Rc<Selection>) {
        self.selections.push((place, Rc::clone(selection)));
        let mut bytes = 0;
        let fit = self.selections.iter().rev().take_while(|(_, selection)| {
            bytes += selection.size_bytes();
            bytes <= self.bytes_max
        });
        let gone = self.selections.len() - fit.count();
        self.selections.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_kept_as_there_is_room_for() {
        let selection = || Rc::new(Selection::of_bits(0..80_000));
        let size = selection().size_bytes();
        assert!((10_000..50_000).contains(&size), "{size}");
        let mut kept = Kept::new(2 * size);
        (0..2).for_each(|place| kept.put(place, &selection()));
        assert!(kept.get(0).is_some() && kept.get(1).is_some());
        // The one that was asked for last stays.
        assert!(kept.get(0).is_some());
        kept.put(2, &selection());
        assert_eq!([0, 1, 2].map(|place| kept.get(place).is_some()), [true, false, true]);
        let mut kept = Kept::new(2 * size - 1);
        (0..2).for_each(|place| kept.put(place, &selection()));
        assert_eq!([0, 1].map(|place| kept.get(place).is_some()), [false, true]);
        let mut kept = Kept::new(size - 1);
        kept.put(0, &selection());
        assert!(kept.get(0).is_none());
    }
}
