//! One server at a time works on a data folder and on a catalog: what is recent lives in its memory.

use std::fs::File;
use std::path::Path;

use crate::{Catalog, Error};

/// Held as long as the store is open.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: File,
    _session: Option<sqlx::pool::PoolConnection<sqlx::Any>>,
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
            Ok(()) => Ok(Self { _file: file, _session: None }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(Error::Open(format!("another trailbook server works on the data folder {shown}")))
            }
            Err(std::fs::TryLockError::Error(e)) => {
                Err(Error::Open(format!("the lock {} cannot be taken: {e}", path.display())))
            }
        }
    }

    /// Locks a PostgreSQL catalog too, for as long as one session of ours lives.
    pub(crate) async fn with_catalog(mut self, catalog: &Catalog) -> Result<Self, Error> {
        if !catalog.is_postgres() {
            return Ok(self);
        }
        let doing = Error::catalog("locking the catalog");
        let mut session = catalog.pool().acquire().await.map_err(&doing)?;
        let taken: i32 = sqlx::query_scalar("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END")
            .bind(ADVISORY_KEY)
            .fetch_one(&mut *session)
            .await
            .map_err(&doing)?;
        if taken == 0 {
            return Err(Error::Open("another trailbook server works on this catalog".to_owned()));
        }
        self._session = Some(session);
        Ok(self)
    }
}

/// "trailbk" in ASCII: the key of our advisory lock, which is per database.
const ADVISORY_KEY: i64 = 0x74_7261_696c_626b;
