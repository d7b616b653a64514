//! The rows of a segment that a narrowed reader sees: those that meet all conditions of any list.
//!
//! One list narrows as the query's own conditions do. Of several, the rows that meet each are put together before they
//! narrow: as with one condition, some meet a list for certain, and some may, which are looked at when they are wanted.

use std::rc::Rc;

use super::matcher::{Conditions, Matcher};
use super::matching::Matching;
use super::place::Place;
use super::select::{Known, Rows, Scope, Selection, Set};
use super::union::Union;
use crate::Error;

/// Keeps of a selection what meets any of the lists.
pub(super) fn narrow(
    selection: &mut Selection,
    scope: Scope<'_>,
    (place, matcher): (&Place, &Matcher<'_>),
    lists: &[Conditions],
) -> Result<(), Error> {
    if let [only] = lists {
        return selection.add_all(scope, only);
    }
    let mut seen = scope.nothing();
    for list in lists {
        scope.cancel.check()?;
        let mut part = Selection::of_all(scope.rows.clone());
        part.add_all(scope, list)?;
        let maybe = std::mem::replace(&mut part.checks, Union::new(scope.rows));
        let part = Matching { place, selection: Rc::new(part), matcher, cancel: scope.cancel };
        add(&part, &maybe, scope, &mut seen)?;
    }
    // What meets one list for certain need not be looked at for another.
    seen.maybe.take_out(&seen.certain)?;
    selection.add(seen, false)
}

/// Adds the rows of one list, of which some may meet it and all others do.
fn add(part: &Matching<'_>, maybe: &Union, scope: Scope<'_>, seen: &mut Known) -> Result<(), Error> {
    if let ([Set { rows: Rows::Listed(rows), is_negated: false }], true) =
        (part.selection.sets.as_slice(), maybe.is_empty())
    {
        return seen.certain.add(rows.clone());
    }
    let mut certain = part.bits()?;
    if !maybe.is_empty() {
        let looked_at = maybe.rows().to_bits(scope.rows.clone())?;
        let mut both = (*certain).clone();
        both.and(&looked_at);
        seen.maybe.add_bits(Rc::new(both))?;
        Rc::make_mut(&mut certain).and_not(&looked_at);
    }
    seen.certain.add_bits(certain)
}
