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
    /// A file that the query needs is missing or damaged.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// Which one.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that the query needs could not be read.
    #[error("{0}")]
    Failed(String),
    /// Nobody waits for the answer any more, or it took too long.
    #[error("the query was cancelled")]
    Cancelled,
}

impl From<trailbook_store::Error> for Error {
    fn from(error: trailbook_store::Error) -> Self {
        match error {
            trailbook_store::Error::Damaged { what, reason } => Error::Damaged { what, reason },
            other => Error::Failed(other.to_string()),
        }
    }
}

impl Error {
    pub(crate) fn parameter(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Parameter { name: name.into(), reason: reason.into() }
    }
}
