//! The one error of this crate.

/// Why something is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes do not have the form that their specification asks for.
    #[error("the {what} is malformed: {reason}")]
    Malformed {
        /// Which thing: `note`, `checkpoint`, `verifier key`, ….
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A signature of a known key does not fit the text.
    #[error("the signature of {key} is wrong")]
    BadSignature {
        /// The key's name.
        key: String,
    },
    /// No known key signed.
    #[error("no known key signed it; it is signed by {signed_by}")]
    NotSigned {
        /// The names and ids of the keys that did.
        signed_by: String,
    },
    /// A proof does not lead to the root.
    #[error("the {what} proof is wrong: {reason}")]
    BadProof {
        /// `inclusion` or `consistency`.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Error {
    pub(crate) fn malformed(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed { what, reason: reason.into() }
    }
}
