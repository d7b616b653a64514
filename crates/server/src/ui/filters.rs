//! Filters of templates: numbers and times as pages show them.

use trailbook_event::Timestamp;

use super::time::grouped;
use super::visit::encoded;

/// A number with its thousands apart.
#[askama::filter_fn]
pub(super) fn thousands(number: &u64, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(grouped(*number))
}

/// Milliseconds since 1970 as they stand in a URL.
#[askama::filter_fn]
pub(super) fn utc(ms: &i64, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(encoded(&Timestamp::from_millis(*ms).to_string()))
}
