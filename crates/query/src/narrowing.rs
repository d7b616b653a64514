//! What a narrowed reader sees: part of the events, given by lists of conditions.
//!
//! An event is seen if it meets all conditions of any of the lists. Everything that a query gives is of what is seen:
//! events, totals, facets, histograms and the places of cursors.

use trailbook_event::limits::{CONDITION_VALUES_MAX, CONDITIONS_MAX, NARROWINGS_MAX};

use crate::{Condition, Error};

/// Lists of conditions of which a seen event meets all of any. By default, as there are no lists, nothing is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing(Vec<Vec<Condition>>);

impl Narrowing {
    /// Of these lists. Conditions on targets in one list are met by one and the same target.
    pub fn new(lists: Vec<Vec<Condition>>) -> Result<Self, Error> {
        if lists.len() > NARROWINGS_MAX {
            return Err(Error::TooLarge(format!("{} filters of a reader are more than {NARROWINGS_MAX}", lists.len())));
        }
        for list in &lists {
            if list.len() > CONDITIONS_MAX {
                let reason = format!("{} conditions of one filter are more than {CONDITIONS_MAX}", list.len());
                return Err(Error::TooLarge(reason));
            }
            if let Some(long) = list.iter().map(|one| one.any_of.len()).find(|count| *count > CONDITION_VALUES_MAX) {
                let reason = format!("{long} values of one condition are more than {CONDITION_VALUES_MAX}");
                return Err(Error::TooLarge(reason));
            }
        }
        Ok(Self(lists))
    }

    /// The lists.
    pub fn lists(&self) -> &[Vec<Condition>] {
        &self.0
    }

    /// Whether nothing is seen, whatever there is.
    pub fn is_of_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use trailbook_event::Field;

    use super::*;

    #[test]
    fn a_narrowing_has_limits() {
        let condition = |values: usize| Condition::is_any(Field::Source, vec!["a"; values]);
        let lists = |lists: usize, conditions: usize, values: usize| {
            Narrowing::new(vec![vec![condition(values); conditions]; lists])
        };
        assert!(lists(NARROWINGS_MAX, 1, 1).is_ok());
        assert!(matches!(lists(NARROWINGS_MAX + 1, 1, 1), Err(Error::TooLarge(_))));
        assert!(lists(1, CONDITIONS_MAX, 1).is_ok());
        assert!(matches!(lists(1, CONDITIONS_MAX + 1, 1), Err(Error::TooLarge(_))));
        assert!(lists(1, 1, CONDITION_VALUES_MAX).is_ok());
        assert!(matches!(lists(1, 1, CONDITION_VALUES_MAX + 1), Err(Error::TooLarge(_))));
        assert!(Narrowing::default().is_of_nothing());
        assert!(!lists(1, 0, 0).unwrap().is_of_nothing());
    }
}
