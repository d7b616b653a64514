//! The limits of what is read. Sizes of trees are bounded by 64 bits, and so are their proofs.

/// Bytes of a signed note.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// Signatures of a note; c2sp.org/signed-note asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;
/// Characters of a key's name.
pub const KEY_NAME_CHARS_MAX: usize = 256;
/// Hashes of an inclusion or consistency proof: a tree of 64-bit sizes needs no more.
pub const PROOF_HASHES_MAX: usize = 64;
/// Hashes of the proof in a witness request (c2sp.org/tlog-witness).
pub const WITNESS_HASHES_MAX: usize = 63;
/// Bytes of the extra line of a proof file, decoded.
pub const PROOF_EXTRA_BYTES_MAX: usize = 4096;
/// Bytes of one entry: its length has 16 bits in a bundle (c2sp.org/tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = 65_535;
