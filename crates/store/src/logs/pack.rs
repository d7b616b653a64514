//! A pack: the entries of 256 full bundles, 65,536 leaves, as one file.
//!
//! ```text
//! PACK := "TBPACK\0\1"   log id:[u8;16]   number:u64   ROOT{256}   HASH{65536}
//! ROOT := the root over a bundle:[u8;32]
//! HASH := an entry without its first byte:[u8;32]
//! ```
//!
//! Numbers are little-endian. There is no checksum: the bundles' hashes lead to their roots, and these to the root over
//! the pack, which the catalog holds and every later checkpoint covers.

use trailbook_tlog::Hash;

use super::edge::{BUNDLE_BYTES, HASH_BYTES, PACK_BUNDLES, bundle_root, perfect};
use crate::Error;
use crate::object::{Object, Objects};

const MAGIC: &[u8; 8] = b"TBPACK\0\x01";
const ROOTS_START: usize = MAGIC.len() + 16 + 8;
const ROOTS_BYTES: usize = PACK_BUNDLES as usize * HASH_BYTES;
const HASHES_START: usize = ROOTS_START + ROOTS_BYTES;
/// Bytes of a pack's file.
pub(crate) const PACK_BYTES: u64 = (HASHES_START + PACK_BUNDLES as usize * BUNDLE_BYTES) as u64;

/// The name of a pack's file.
pub(crate) fn name(log_id: &[u8; 16], number: u64) -> String {
    format!("{}-{number:06}.pack", super::hex(log_id))
}

/// Writes a pack.
pub(crate) fn write(
    objects: &dyn Objects,
    (log_id, number): (&[u8; 16], u64),
    roots: &[Hash],
    bundles: &[Vec<u8>],
) -> Result<(), Error> {
    let mut file = objects.create(&name(log_id, number))?;
    file.write_all(&[MAGIC.as_slice(), log_id, &number.to_le_bytes()].concat())?;
    file.write_all(&roots.iter().flat_map(|root| root.0).collect::<Vec<u8>>())?;
    for bundle in bundles {
        file.write_all(bundle)?;
    }
    file.finish()
}

/// A pack that is read by position.
pub(crate) struct Pack {
    name: String,
    object: std::sync::Arc<dyn Object>,
}

impl Pack {
    /// Opens a pack, and looks at what names it.
    pub(crate) fn open(objects: &dyn Objects, log_id: &[u8; 16], number: u64) -> Result<Self, Error> {
        let name = name(log_id, number);
        let pack = Self { object: objects.open(&name)?, name };
        if pack.object.len() != PACK_BYTES {
            return Err(pack.damaged(0, &format!("it has {} bytes, not {PACK_BYTES}", pack.object.len())));
        }
        let mut head = [0; ROOTS_START];
        pack.object.read_at(0, &mut head)?;
        if head.as_slice() != [MAGIC.as_slice(), log_id, &number.to_le_bytes()].concat() {
            return Err(pack.damaged(0, "it does not begin as the pack of this name"));
        }
        Ok(pack)
    }

    /// The roots over its bundles, which lead to the root over it.
    pub(crate) fn roots(&self, root: &Hash) -> Result<Vec<Hash>, Error> {
        let mut bytes = vec![0; ROOTS_BYTES];
        self.object.read_at(ROOTS_START as u64, &mut bytes)?;
        let roots: Vec<Hash> = Hash::all_of(&bytes).collect();
        if perfect(&roots).as_ref() == Some(root) {
            return Ok(roots);
        }
        Err(self.damaged(ROOTS_START as u64, "the roots over its bundles do not lead to its root"))
    }

    /// The hashes of a bundle's entries, which lead to its root. `place` is below 256.
    pub(crate) fn bundle(&self, place: u64, root: &Hash) -> Result<Vec<u8>, Error> {
        let offset = HASHES_START as u64 + place * BUNDLE_BYTES as u64;
        let mut bytes = vec![0; BUNDLE_BYTES];
        self.object.read_at(offset, &mut bytes)?;
        if bundle_root(&bytes).as_ref() == Some(root) {
            return Ok(bytes);
        }
        Err(self.damaged(offset, "the entries of a bundle do not lead to its root"))
    }

    /// Reads all of it. The error names the first place that is wrong.
    pub(crate) fn check(&self, root: &Hash) -> Result<(), Error> {
        let roots = self.roots(root)?;
        (0..).zip(&roots).try_for_each(|(place, root)| self.bundle(place, root).map(drop))
    }

    fn damaged(&self, offset: u64, reason: &str) -> Error {
        Error::Damaged { what: format!("the file {} at byte {offset}", self.name), reason: reason.to_owned() }
    }
}
