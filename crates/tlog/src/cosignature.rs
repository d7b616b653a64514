//! Cosignatures v1, as in c2sp.org/tlog-cosignature: somebody saw a checkpoint at a time, of a log that only grew.
//!
//! ```text
//! signature := time:u64 big-endian, seconds since 1970 ‖ Ed25519( "cosignature/v1" LF "time " decimal LF checkpoint )
//! ```

use crate::Error;

/// What is signed.
pub(crate) fn message(time: u64, checkpoint: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{checkpoint}")
}

/// The time and the Ed25519 signature.
pub(crate) fn split(bytes: &[u8]) -> Result<(u64, &[u8]), Error> {
    let split = bytes.split_first_chunk::<8>().filter(|(_, signature)| signature.len() == 64);
    let (time, signature) = split.ok_or_else(|| Error::malformed("cosignature", "it has not 72 bytes"))?;
    Ok((u64::from_be_bytes(*time), signature))
}
