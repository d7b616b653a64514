//! The one place that writes to standard output and standard error.
//!
//! Results go to standard output, everything that is said about them to standard error. When the reader of standard
//! output goes away, the command ends quietly; what cannot be said on standard error is not said.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use crate::exit::Error;

/// Standard output, buffered. [`Results::finish`] must be called.
pub(crate) struct Results(BufWriter<Stdout>);

impl Results {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Error> {
        self.0.write_all(text.as_bytes()).and_then(|()| self.0.write_all(b"\n")).map_err(failed)
    }

    /// Passes on what is still held.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.0.flush().map_err(failed)
    }
}

/// Writes one line to standard output, at once.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    let mut results = Results::new();
    results.line(text)?;
    results.finish()
}

/// Says something on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a person reads standard output.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person reads standard error.
pub(crate) fn notes_are_read() -> bool {
    io::stderr().is_terminal()
}

/// How many characters a line of the terminal holds, where standard output is one.
pub(crate) fn terminal_columns() -> Option<usize> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    is_terminal().then_some(usize::from(columns))
}

fn failed(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Error::OutputClosed;
    }
    Error::Failed(format!("writing to standard output: {error}"))
}
