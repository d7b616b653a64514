//! Exports that take their time: the catalog's rows of them, and the folder of their files.
//!
//! What is asked for, how far it is and what it gave are texts of the server's own, which this crate keeps and does not
//! read.
//!
//! On a crash: a row says what was finished before; files are whole or not there, and one that no row names is removed
//! by whoever takes the folder next.

use std::io;
use std::path::Path;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;

use crate::object::{Folder, Object, ObjectWriter, Objects as _};
use crate::{Catalog, CredentialId, Error, Organization};

/// The folder of the files in a data folder.
const EXPORTS_DIR: &str = "exports";

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportState {
    /// It waits for its turn.
    Pending,
    /// Its files are being written.
    InProgress,
    /// Its files are there.
    Done,
    /// It was given up.
    Failed,
}

impl ExportState {
    const ALL: [ExportState; 4] = [Self::Pending, Self::InProgress, Self::Done, Self::Failed];
    const OPEN: [ExportState; 2] = [Self::Pending, Self::InProgress];

    /// Whether it waits or is being made.
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// An export to be made.
#[derive(Debug, Clone)]
pub struct NewExport {
    /// What it is known by: random, so that nobody guesses it.
    pub id: Uuid,
    /// Who asked for it.
    pub credential: CredentialId,
    /// What people call it.
    pub name: String,
    /// What is asked for.
    pub request: String,
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRow {
    /// What it is known by.
    pub id: Uuid,
    /// Who asked for it.
    pub credential: CredentialId,
    /// What people call it.
    pub name: String,
    /// How far it is.
    pub state: ExportState,
    /// What is asked for.
    pub request: String,
    /// Where to go on; empty before the first step.
    pub progress: String,
    /// What it gave, or why it failed.
    pub result: String,
    /// When it was asked for, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was done or failed.
    pub finished_ms: Option<i64>,
    /// When its files go.
    pub expires_ms: Option<i64>,
    organization: i64,
}

impl ExportRow {
    /// Whether it is this organization's.
    pub fn is_of(&self, organization: &Organization) -> bool {
        self.organization == organization.id
    }
}

/// What is to be changed of an export.
#[derive(Debug, Clone)]
pub struct ExportChange<'a> {
    /// How far it is.
    pub state: ExportState,
    /// Where to go on.
    pub progress: &'a str,
    /// What it gave, or why it failed.
    pub result: &'a str,
    /// How long its files stay from now on, in milliseconds, if it has ended.
    pub stays_ms: Option<i64>,
}

const COLUMNS: &str = "id, organization, credential, name, state, request, progress, result, created_ms, finished_ms, \
                       expires_ms";
const READING: &str = "reading exports";

impl Catalog {
    /// Adds an export that waits for its turn, unless there are so many of its organization already: then, how many
    /// wait or are in progress, and how many there are in all.
    pub async fn add_export(
        &self,
        organization: &Organization,
        new: &NewExport,
        (open_max, all_max): (u64, u64),
    ) -> Result<Result<ExportRow, (u64, u64)>, Error> {
        let doing = Error::catalog("adding an export");
        let mut tx = self.begin().await?;
        // So two that come at once stand in line, and are both counted.
        sqlx::query("UPDATE organizations SET name = name WHERE id = $1")
            .bind(organization.id)
            .execute(tx.connection())
            .await
            .map_err(&doing)?;
        let states: Vec<String> = sqlx::query_scalar("SELECT state FROM exports WHERE organization = $1")
            .bind(organization.id)
            .fetch_all(tx.connection())
            .await
            .map_err(&doing)?;
        let is_open = |state: &&String| ExportState::OPEN.iter().any(|open| open.name() == state.as_str());
        let (open, all) = (states.iter().filter(is_open).count() as u64, states.len() as u64);
        if open >= open_max || all >= all_max {
            tx.rollback().await;
            return Ok(Err((open, all)));
        }
        let created_ms = tx.now_ms();
        sqlx::query(
            "INSERT INTO exports (id, organization, credential, name, state, request, progress, result, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, '', '', $7)",
        )
        .bind(new.id.to_string())
        .bind(organization.id)
        .bind(new.credential.0)
        .bind(&new.name)
        .bind(ExportState::Pending.name())
        .bind(&new.request)
        .bind(created_ms)
        .execute(tx.connection())
        .await
        .map_err(&doing)?;
        tx.commit().await?;
        Ok(Ok(ExportRow {
            id: new.id,
            credential: new.credential,
            name: new.name.clone(),
            state: ExportState::Pending,
            request: new.request.clone(),
            progress: String::new(),
            result: String::new(),
            created_ms,
            finished_ms: None,
            expires_ms: None,
            organization: organization.id,
        }))
    }

    /// The exports of all organizations, the oldest first.
    pub async fn exports(&self) -> Result<Vec<ExportRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM exports ORDER BY created_ms, id");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(self.pool()).await;
        rows.map_err(Error::catalog(READING))?.iter().map(read).collect()
    }

    /// Those that wait or are being made, the oldest first.
    pub async fn open_exports(&self) -> Result<Vec<ExportRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM exports WHERE state IN ($1, $2) ORDER BY created_ms, id");
        let query =
            sqlx::query(AssertSqlSafe(sql)).bind(ExportState::Pending.name()).bind(ExportState::InProgress.name());
        let rows = query.fetch_all(self.pool()).await;
        rows.map_err(Error::catalog(READING))?.iter().map(read).collect()
    }

    /// The exports of an organization, the newest first.
    pub async fn exports_of(&self, organization: &Organization) -> Result<Vec<ExportRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM exports WHERE organization = $1 ORDER BY created_ms DESC, id");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(organization.id).fetch_all(self.pool()).await;
        rows.map_err(Error::catalog(READING))?.iter().map(read).collect()
    }

    /// An export, whosever it is.
    pub async fn export(&self, id: Uuid) -> Result<Option<ExportRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM exports WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(self.pool()).await;
        row.map_err(Error::catalog(READING))?.as_ref().map(read).transpose()
    }

    /// Says how far an export is. False if it was removed.
    pub async fn change_export(&self, id: Uuid, change: ExportChange<'_>) -> Result<bool, Error> {
        let now_ms = self.now_ms();
        let sql = "UPDATE exports SET state = $1, progress = $2, result = $3, finished_ms = $4, expires_ms = $5 \
                   WHERE id = $6";
        let done = sqlx::query(sql)
            .bind(change.state.name())
            .bind(change.progress)
            .bind(change.result)
            .bind((!change.state.is_open()).then_some(now_ms))
            .bind(change.stays_ms.map(|stays| now_ms.saturating_add(stays)))
            .bind(id.to_string())
            .execute(self.pool())
            .await
            .map_err(Error::catalog("changing an export"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes an export. False if it is not there.
    pub async fn remove_export(&self, id: Uuid) -> Result<bool, Error> {
        let query = sqlx::query("DELETE FROM exports WHERE id = $1").bind(id.to_string());
        let done = query.execute(self.pool()).await.map_err(Error::catalog("removing an export"))?;
        Ok(done.rows_affected() > 0)
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<ExportRow, Error> {
    let doing = Error::catalog(READING);
    let text = |at: usize| row.try_get::<String, _>(at).map_err(&doing);
    let damaged = |what: &str| Error::Damaged { what: "an export".to_owned(), reason: what.to_owned() };
    let state = text(4)?;
    Ok(ExportRow {
        id: Uuid::try_parse(&text(0)?).map_err(|_| damaged("its id is no UUID"))?,
        organization: row.try_get(1).map_err(&doing)?,
        credential: CredentialId(row.try_get(2).map_err(&doing)?),
        name: text(3)?,
        state: ExportState::ALL
            .into_iter()
            .find(|one| one.name() == state)
            .ok_or_else(|| damaged("its state is unknown"))?,
        request: text(5)?,
        progress: text(6)?,
        result: text(7)?,
        created_ms: row.try_get(8).map_err(&doing)?,
        finished_ms: row.try_get(9).map_err(&doing)?,
        expires_ms: row.try_get(10).map_err(&doing)?,
    })
}

/// The files of exports: each is written once, appears whole or not at all, and is then only read.
#[derive(Debug, Clone)]
pub struct ExportFiles(Arc<Folder>);

impl ExportFiles {
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        Ok(Self(Arc::new(Folder::open(&data_dir.join(EXPORTS_DIR))?)))
    }

    /// Begins a file. It is there when its writer has finished; it then replaces an older one of the same name.
    pub fn create(&self, name: &str) -> Result<FileWriter, Error> {
        self.0.remove_unfinished(name)?;
        self.0.create(name).map(FileWriter)
    }

    /// Opens a file for reading.
    pub fn open_file(&self, name: &str) -> Result<FileReader, Error> {
        self.0.open(name).map(|object| FileReader { object, at: 0 })
    }

    /// Removes a file; that none is there is no error.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.0.remove(name)
    }

    /// The names of all files.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        self.0.list()
    }
}

/// A file that is being written. Dropped before it has finished, it leaves nothing behind.
#[derive(Debug)]
pub struct FileWriter(Box<dyn ObjectWriter>);

impl FileWriter {
    /// Makes the file durable and visible.
    pub fn finish(self) -> Result<(), Error> {
        self.0.finish()
    }
}

impl io::Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is read from front to end, or from a place on.
#[derive(Debug, Clone)]
pub struct FileReader {
    object: Arc<dyn Object>,
    at: u64,
}

impl FileReader {
    /// Its length in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.object.len()
    }

    /// Goes on from a place.
    pub fn seek(&mut self, at: u64) {
        self.at = at;
    }
}

impl io::Read for FileReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.object.len().saturating_sub(self.at);
        let count = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (taken, _) = buf.split_at_mut(count);
        self.object.read_at(self.at, taken).map_err(io::Error::other)?;
        self.at += count as u64;
        Ok(count)
    }
}
