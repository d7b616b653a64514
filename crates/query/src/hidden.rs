//! Fields that a reader is not to see: taken out of events, and not to be asked for.
//!
//! Whoever may ask for a field learns its values, also by conditions that are negated or find nothing, by counts, and
//! by words. So queries that name a hidden field, or what is above or below it, are refused.

use std::borrow::Cow;

use trailbook_event::cut::Cut;
use trailbook_event::limits::HIDDEN_FIELDS_MAX;
use trailbook_event::{ContextKey, Field};

use crate::{Error, FieldRef, Query};

/// The fields that a reader's role hides. By default none.
#[derive(Debug, Clone, Default)]
pub struct Hidden(Cut);

/// The texts that words are looked for in.
const TEXTS: [Field; 4] = [Field::Message, Field::ErrorMessage, Field::Changes, Field::Meta];

impl Hidden {
    /// Of the fields of these names, such as `actor`, `actor.email`, `target.name` or `meta.customer.name`.
    pub fn new<S: AsRef<str>>(names: &[S]) -> Result<Self, Error> {
        if names.len() > HIDDEN_FIELDS_MAX {
            return Err(Error::TooLarge(format!("{} hidden fields are more than {HIDDEN_FIELDS_MAX}", names.len())));
        }
        let mut cut = Cut::default();
        for name in names.iter().map(S::as_ref) {
            cut.add(name).map_err(|reason| Error::parameter(name, reason))?;
        }
        Ok(Self(cut))
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a query that asks for a hidden field. What the reader is narrowed to may name any.
    pub fn check(&self, query: &Query) -> Result<(), Error> {
        query.conditions.iter().try_for_each(|condition| self.check_field(&condition.field))?;
        if !query.text.is_empty() && TEXTS.iter().any(|text| self.hides(&FieldRef::Field(*text))) {
            let reason = "cannot hold words: the caller's role hides a field that they are looked for in";
            return Err(Error::parameter("q", reason));
        }
        Ok(())
    }

    /// Refuses a hidden field: whose values are counted, for one.
    pub fn check_field(&self, field: &FieldRef) -> Result<(), Error> {
        match self.hides(field) {
            true => {
                Err(Error::parameter(field.name(), "cannot be asked for: the caller's role hides it, or part of it"))
            }
            false => Ok(()),
        }
    }

    /// The canonical bytes of an event without what is hidden: the same ones if nothing is. They are canonical too, but
    /// no proof holds of what something was taken out of.
    pub fn strip<'a>(&self, canonical: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_empty() { Cow::Borrowed(canonical) } else { Cow::Owned(self.0.apply(canonical)) }
    }

    /// Whether a field, or anything above or below it, is hidden.
    fn hides(&self, field: &FieldRef) -> bool {
        match field {
            // A path is part of its URL.
            FieldRef::Field(Field::RequestPath) => self.hides(&FieldRef::Field(Field::Context(ContextKey::RequestUrl))),
            FieldRef::Field(_) => {
                let name = field.name();
                let steps: Vec<&str> = match name.strip_prefix("target.") {
                    Some(rest) => ["targets", rest].to_vec(),
                    None => name.split('.').collect(),
                };
                self.0.touches(&steps)
            }
            FieldRef::Meta(path) => {
                let steps: Vec<&str> = std::iter::once("meta").chain(path.iter().map(String::as_str)).collect();
                self.0.touches(&steps)
            }
        }
    }
}

#[cfg(test)]
mod tests;
