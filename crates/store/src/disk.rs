//! How much room the disk has.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use trailbook_event::limits::{DISK_RESERVE_BYTES_MIN, DISK_RESERVE_PERCENT};

/// Free bytes and all bytes of the disk that a folder lies on.
type Look = dyn Fn(&Path) -> std::io::Result<(u64, u64)> + Send + Sync;

/// Tells how much room there is: the system, or what a test says.
#[derive(Clone)]
pub struct Disk(Arc<Look>);

impl Disk {
    /// What the system says.
    pub fn system() -> Self {
        Self::from_fn(|folder| {
            let disk = rustix::fs::statvfs(folder)?;
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            Ok((bytes(disk.f_bavail), bytes(disk.f_blocks)))
        })
    }

    /// A disk with as many free bytes, of as many in all, as the function says.
    pub fn from_fn(look: impl Fn(&Path) -> std::io::Result<(u64, u64)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// Whether less is free than is kept for moving events, deleting them, and the server's own. A disk that cannot be
    /// asked counts as one with room: writing to it will tell.
    pub(crate) fn is_low(&self, folder: &Path) -> bool {
        (self.0)(folder).is_ok_and(|(free, all)| {
            let share = all / 100 * DISK_RESERVE_PERCENT;
            free < share.max(DISK_RESERVE_BYTES_MIN.min(all / 2))
        })
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}
