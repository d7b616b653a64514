//! The one error of this crate.

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter is unknown or malformed.
    #[error("{reason}")]
    Parameter {
        /// Its name as it was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A search as one text is malformed.
    #[error("at character {position}: {reason}")]
    Text {
        /// Where, in characters from 1.
        position: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The query asks for more than is allowed at once.
    #[error("{0}")]
    TooLarge(String),
    /// Nobody waits for the answer any more, or it took too long.
    #[error("the query was cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn parameter(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Parameter { name: name.into(), reason: reason.into() }
    }
}
