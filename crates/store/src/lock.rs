//! One server at a time works on a data folder and on a catalog: what is recent lives in its memory.

use std::fs::File;
use std::path::Path;

use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::{Catalog, Error};

/// Held as long as the store is open.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: File,
    session: Option<AnyConnection>,
}

impl DataLock {
    /// Locks the folder, making it if need be. The operating system lets go when the process ends, however it ends.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, Error> {
        let shown = data_dir.display();
        crate::catalog::make_data_dir(data_dir)
            .map_err(|e| Error::Open(format!("the data folder {shown} cannot be made: {e}")))?;
        let path = data_dir.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::Open(format!("the lock {} cannot be opened: {e}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file, session: None }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(Error::Open(format!("another trailbook server works on the data folder {shown}")))
            }
            Err(std::fs::TryLockError::Error(e)) => {
                Err(Error::Open(format!("the lock {} cannot be taken: {e}", path.display())))
            }
        }
    }

    /// Locks a PostgreSQL catalog too, for as long as one session of ours lives. PostgreSQL may notice the end of the
    /// process before a moment late, so the lock is waited for. When this returns, nothing of an earlier server can
    /// change the catalog any more.
    pub(crate) async fn with_catalog(mut self, catalog: &Catalog) -> Result<Self, Error> {
        if !catalog.is_postgres() {
            return Ok(self);
        }
        let doing = Error::catalog("locking the catalog");
        // Not of the pool any more, which waits for all of its own when it closes.
        let mut session = catalog.pool().acquire().await.map_err(&doing)?.detach();
        session.execute("SET lock_timeout = '2s'").await.map_err(&doing)?;
        let taken = sqlx::query("SELECT 1 FROM (SELECT pg_advisory_lock($1)) AS taken")
            .bind(ADVISORY_KEY)
            .execute(&mut session)
            .await;
        match taken {
            Ok(_) => {
                self.session = Some(session);
                wait_for_writers(catalog).await?;
                Ok(self)
            }
            Err(e) if is_lock_timeout(&e) => {
                Err(Error::Open("another trailbook server works on this catalog".to_owned()))
            }
            Err(e) => Err(doing(e)),
        }
    }

    /// Lets go. The database has noticed when this returns.
    pub(crate) async fn release(self) {
        if let Some(session) = self.session {
            // An error here means that the session is gone, and its lock with it.
            let _ = session.close().await;
        }
    }
}

/// Returns when no transaction of an earlier server is in work. Its idle session, and so its lock, ends with it at
/// once, but a COMMIT that it sent may still come to its end: it then changes what the heads of logs and the manifest
/// say.
async fn wait_for_writers(catalog: &Catalog) -> Result<(), Error> {
    let doing = Error::catalog("waiting for transactions of an earlier server");
    let mut tx = catalog.begin().await?;
    let lock = async {
        tx.connection().execute("SET LOCAL lock_timeout = '60s'").await?;
        // Waits for every transaction that has written to either; what comes to read is let through.
        tx.connection().execute("LOCK TABLE logs, segments IN SHARE ROW EXCLUSIVE MODE").await
    };
    let locked = lock.await;
    tx.rollback().await;
    match locked {
        Ok(_) => Ok(()),
        Err(e) if is_lock_timeout(&e) => {
            let reason = "a transaction of an earlier trailbook server is still in work on this catalog; start again";
            Err(Error::Open(reason.to_owned()))
        }
        Err(e) => Err(doing(e)),
    }
}

/// Whether a lock was waited for in vain.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}

/// "trailbk" in ASCII: the key of our advisory lock, which is per database.
const ADVISORY_KEY: i64 = 0x74_7261_696c_626b;
/// PostgreSQL's code for `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";
