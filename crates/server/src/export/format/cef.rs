//! The Common Event Format.

use trailbook_event::Event;

use super::Record;

pub(super) fn write(record: &Record<'_>, _event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(record.canonical);
    out.push(b'\n');
}
