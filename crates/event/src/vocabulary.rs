//! The words of other systems, as tables: which actions they record, and what belongs to each.
//!
//! Normalisers complete events with them, dialects and the console offer them for choosing. An action that is not in a
//! table is recorded like any other.

pub mod spectra;
pub mod wso2;

#[cfg(test)]
mod tests;
