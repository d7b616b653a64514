//! The one error of this crate.
//!
//! Two classes matter to callers: a request that is *refused* (the store goes on), and a store that is *poisoned* (the
//! process must stop, because what the database holds is no longer known).

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too much waits for the journal's writer. Try again.
    #[error("too many writes are waiting")]
    Busy,
    /// Memory for recent events is used up. Try again when they have been moved on.
    #[error("the memory for recent events is full ({bytes} bytes)")]
    Full {
        /// What they take.
        bytes: u64,
    },
    /// The store is closing.
    #[error("the server is stopping")]
    Closing,
    /// The idempotency key, or an event's id, was used before with other content.
    #[error("{what} was used before with other content")]
    Reused {
        /// `the idempotency key`, or `the id …`.
        what: String,
        /// Which of the events, where it is an id.
        item: Option<usize>,
    },
    /// A write with the same idempotency key is still in work. Try again.
    #[error("a write with the same idempotency key is still in work")]
    InWork,
    /// A name is taken, unknown, or not allowed.
    #[error("{0}")]
    Name(String),
    /// What is to be made is there already.
    #[error("{0}")]
    Taken(String),
    /// What is to be changed is not there.
    #[error("{0}")]
    Missing(String),
    /// There are as many as may be.
    #[error("{0}")]
    TooMany(String),
    /// The change would leave an organization without a member who can sign in and holds the role Admin.
    #[error("this would take the last admin away; make somebody else an admin first")]
    LastAdmin,
    /// The database failed, and nothing was changed.
    #[error("the catalog failed while {doing}: {source}")]
    Catalog {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// There is no room on the disk. The transaction was rolled back; there may be room later.
    #[error("the disk is full; nothing was recorded")]
    DiskFull,
    /// A commit failed and it is not known whether the database holds it, but the store found out and goes on. Send the
    /// same again: under its key or ids nothing is recorded twice.
    #[error("a commit failed and its outcome is not known; send the same again")]
    Unknown,
    /// What was read is not what was written.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// Which thing.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written; nothing was changed.
    #[error("{what}: {source}")]
    File {
        /// What could not be done.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The store could not be opened.
    #[error("{0}")]
    Open(String),
    /// A commit failed in a way that leaves open what the database holds. The process must stop.
    #[error("a commit failed and its outcome is not known; the server stops")]
    Poisoned,
}

impl Error {
    /// Turns a database error into one of ours, with what was being done.
    pub(crate) fn catalog(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| if is_disk_full(&source) { Error::DiskFull } else { Error::Catalog { doing, source } }
    }
}

/// SQLite says `SQLITE_FULL` where a write found no room; it never says so of a failed fsync. PostgreSQL's code is of
/// five characters, so the two cannot be mistaken.
fn is_disk_full(error: &sqlx::Error) -> bool {
    const SQLITE_FULL: &str = "13";
    const POSTGRES_DISK_FULL: &str = "53100";
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == SQLITE_FULL || code == POSTGRES_DISK_FULL)
}
