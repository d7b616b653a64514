//! What a command ends with. Scripts rely on these codes; `docs/cli.md` lists them.

use std::process::ExitCode;

use crate::output;

/// How a command that ran to its end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All of it was done: 0.
    Done,
    /// A part was refused, or what was named is not there, or damage was found: 1.
    Partly,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Partly => ExitCode::from(1),
        }
    }
}

/// Why a command stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// It was called or configured wrongly: 2, as for flags that are unknown.
    Usage(String),
    /// The server, the network or a disk failed: 3.
    Failed(String),
    /// Whoever reads our output has read enough: 0, and nothing is said.
    OutputClosed,
}

impl Error {
    /// Says what is wrong, and gives the code.
    pub(crate) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Error::Usage(text) => (text, 2),
            Error::Failed(text) => (text, 3),
            Error::OutputClosed => return ExitCode::SUCCESS,
        };
        output::note(&format!("error: {text}"));
        ExitCode::from(code)
    }
}

impl From<trailbook_server::settings::SettingsError> for Error {
    fn from(error: trailbook_server::settings::SettingsError) -> Self {
        Error::Usage(error.to_string())
    }
}

impl From<trailbook_store::Error> for Error {
    fn from(error: trailbook_store::Error) -> Self {
        match error {
            trailbook_store::Error::Name(text) => Error::Usage(text),
            other => Error::Failed(other.to_string()),
        }
    }
}
