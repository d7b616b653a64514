//! The query: what is asked of an organization's events, and the executor that answers it from what the store holds.
//!
//! A dialect turns a foreign request into a [`Query`] and an [`Answer`] into the foreign shape. An answer is the same
//! as a naive scan over the same events would give, wherever they lie.

pub mod exec;
pub mod fields;
pub mod params;
pub mod text;

mod cursor;
mod error;
mod hidden;
mod model;
mod narrowing;
mod values;

pub use cursor::Cursor;
pub use error::Error;
pub use exec::{Answer, Bucket, Cancel, Facet, Found, Steps, facet, histogram, run, scan, unescaped};
pub use hidden::Hidden;
pub use model::{Condition, FieldRef, Match, Order, Page, Query, Start, Term, TermKind};
pub use narrowing::Narrowing;
