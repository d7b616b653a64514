//! Which columns the table shows. A cookie remembers it, so pages come with them at once.

use crate::ui::visit::Visit;

/// The cookie: the names of hidden columns, a dot between them.
pub(super) const COOKIE: &str = "trailbook-columns";
const YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// The columns that can be hidden, and what they are called. The time stays.
pub(super) const ALL: [(&str, &str); 6] = [
    ("actor", "Actor"),
    ("action", "Action"),
    ("target", "Target"),
    ("outcome", "Outcome"),
    ("source", "Source"),
    ("address", "Address"),
];

/// The columns that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns([bool; 6]);

impl Columns {
    /// Those that the visitor has not hidden.
    pub(super) fn of(visit: &Visit) -> Self {
        let hidden: Vec<&str> = visit.cookie(COOKIE).unwrap_or_default().split('.').collect();
        Self(ALL.map(|(name, _)| !hidden.contains(&name)))
    }

    /// Those of these names.
    pub(super) fn shown(names: &[&str]) -> Self {
        Self(ALL.map(|(name, _)| names.contains(&name)))
    }

    /// Whether a column is shown.
    pub(super) fn has(&self, name: &str) -> bool {
        ALL.iter().zip(self.0).any(|((one, _), is_shown)| *one == name && is_shown)
    }

    /// How many there are, with the time and the sign that opens a row.
    pub(super) fn count(&self) -> usize {
        2 + self.0.iter().filter(|is_shown| **is_shown).count()
    }

    /// What the browser is to remember.
    pub(super) fn cookie(&self, is_https: bool) -> String {
        let hidden: Vec<&str> = ALL.iter().map(|(name, _)| *name).filter(|name| !self.has(name)).collect();
        let value = if hidden.is_empty() { "none".to_owned() } else { hidden.join(".") };
        crate::auth::session::cookie(COOKIE, Some(&value), YEAR_SECONDS, is_https)
    }
}
