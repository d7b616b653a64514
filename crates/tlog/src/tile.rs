//! Tiles and entry bundles, as in c2sp.org/tlog-tiles: the tree and its entries as static resources.
//!
//! A tile of level `l` holds hashes of nodes of height `8 · l`, 256 of them when it is full; what lies between is
//! computed from them. A bundle holds 256 entries, each after its length.

use crate::limits::ENTRY_BYTES_MAX;
use crate::{Error, Hash};

/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: u64 = 256;
/// The height of a tile: its width is 2 to the power of it.
pub const HEIGHT: u8 = 8;
/// The highest level that a path may name.
const LEVEL_MAX: u8 = 63;

/// What a resource holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Hashes of nodes of the height `8 · level`.
    Hashes {
        /// From 0, the leaves' hashes.
        level: u8,
    },
    /// Entries.
    Entries,
}

/// A tile or a bundle, full or partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Its place in its level, from 0.
    pub index: u64,
    /// How much of it: 1 to 256.
    pub width: u64,
}

impl Tile {
    /// Reads a path below the log's prefix: `tile/0/x001/234.p/7`. `None` if it is no such path in its one form.
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes { level: small(level)?.try_into().ok().filter(|level| *level <= LEVEL_MAX)? },
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, WIDTH),
            Some((index, width)) => (index, small(width).filter(|width| (1..WIDTH).contains(width))?),
        };
        let mut number: u64 = 0;
        for group in index.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { kind, index: number, width };
        // Whatever else could be said in two ways.
        (tile.path() == path).then_some(tile)
    }

    /// Its path below the log's prefix.
    pub fn path(&self) -> String {
        let mut path = match self.kind {
            Kind::Hashes { level } => format!("tile/{level}/"),
            Kind::Entries => "tile/entries/".to_owned(),
        };
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            path.push_str(&format!("x{group:03}/"));
        }
        path.push_str(&format!("{:03}", self.index % 1000));
        if self.width < WIDTH {
            path.push_str(&format!(".p/{}", self.width));
        }
        path
    }

    /// How many hashes or entries a tree of this size has of it; 0 if it has none yet.
    pub fn width_at(&self, size: u64) -> u64 {
        let level = match self.kind {
            Kind::Hashes { level } => level,
            Kind::Entries => 0,
        };
        let nodes = size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0);
        let before = self.index.checked_mul(WIDTH);
        before.map_or(0, |before| nodes.saturating_sub(before).min(WIDTH))
    }

    /// The resources of a tree of this size, with a partial one where a level ends in the middle.
    pub fn all(size: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        let levels = (0..=LEVEL_MAX).map(|level| Kind::Hashes { level });
        for kind in std::iter::once(Kind::Entries).chain(levels) {
            let whole = Self { kind, index: 0, width: WIDTH };
            for index in 0.. {
                let width = Self { index, ..whole }.width_at(size);
                if width == 0 {
                    break;
                }
                tiles.push(Self { kind, index, width });
            }
        }
        tiles
    }
}

/// A decimal number of at most three digits, without leading zeros.
fn small(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with('0');
    let is_short = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_canonical && is_short { text.parse().ok() } else { None }
}

/// The bytes of a tile.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a tile of 1 to 256 hashes.
pub fn decode_hashes(bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    if bytes.is_empty() || bytes.len() > WIDTH as usize * Hash::BYTES || !bytes.len().is_multiple_of(Hash::BYTES) {
        return Err(Error::malformed("tile", format!("{} bytes are no 1 to 256 hashes", bytes.len())));
    }
    Ok(Hash::all_of(bytes).collect())
}

/// Appends an entry to the bytes of a bundle. An entry of more than 65,535 bytes has no form there: it is cut.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let entry = entry.get(..ENTRY_BYTES_MAX).unwrap_or(entry);
    bundle.extend_from_slice(&(entry.len() as u16).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// Reads a bundle of 1 to 256 entries.
pub fn decode_entries(mut bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let malformed = |reason: &str| Error::malformed("bundle", reason);
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or_else(|| malformed("it ends too early"))?;
        entries.push(entry);
        bytes = rest;
    }
    if !bytes.is_empty() {
        return Err(malformed("it ends too early"));
    }
    if entries.is_empty() || entries.len() > WIDTH as usize {
        return Err(malformed("it has not 1 to 256 entries"));
    }
    Ok(entries)
}
