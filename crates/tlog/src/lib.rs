//! Transparency logs: Merkle trees as in RFC 6962, and the formats of C2SP that carry them.
//!
//! A log is a list of *entries*. Its *checkpoint* is the signed size and root of the tree over them. An *inclusion
//! proof* shows that an entry is in it at an index, a *consistency proof* that a later checkpoint only appended.
//!
//! ```text
//! entry ─► leaf hash ─► Frontier: size, root ─► Checkpoint ─► Note, signed ─► cosignatures
//!                       Plan: which nodes a proof is made of ─► hashes ─► ProofFile
//! ```
//!
//! Specifications: RFC 6962 section 2.1 for hashes and proofs; c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature,
//! tlog-tiles, tlog-witness, and the draft of tlog-proof.
//!
//! Everything that reads is total: any bytes give a value or an [`Error`], within the limits of [`limits`].

pub mod checkpoint;
pub mod cosignature;
pub mod limits;
pub mod note;
pub mod proof;
pub mod proof_file;
pub mod tile;
pub mod tree;
pub mod witness;

mod error;
mod hash;
mod text;

pub use checkpoint::Checkpoint;
pub use error::Error;
pub use hash::Hash;
pub use note::{Note, Signature, SigningKey, VerifierKey};
pub use proof_file::ProofFile;
pub use tree::{Frontier, Node, Plan};
