//! The last checkpoint of every log, in a file beside the catalog, and wherever else the operator wants a copy.
//!
//! The catalog decides, and a file follows it before a checkpoint is published. So a file never knows more than the
//! catalog, unless the catalog was put back to an older state: that is what it is there for. A copy on another machine
//! also notices when catalog and data folder were put back together.
//!
//! ```text
//! FILE := ( "log " log id:32 hex digits " " bytes:decimal LF  NOTE )*
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use trailbook_event::limits::CHECKPOINTS_BYTES_MAX;
use trailbook_tlog::{Checkpoint, Note};

use crate::Error;
use crate::object::{Folder, Object, Objects as _};

/// The file's name in each folder.
const FILE: &str = "checkpoints";

/// Checkpoints by log id.
pub(crate) type Checkpoints = BTreeMap<[u8; 16], String>;

/// The folders that have the file: the data folder first.
#[derive(Debug)]
pub(crate) struct Copies {
    folders: Vec<(PathBuf, Folder)>,
}

impl Copies {
    pub(crate) fn open(data_dir: &Path, others: &[PathBuf]) -> Result<Self, Error> {
        let all = std::iter::once(data_dir).chain(others.iter().map(PathBuf::as_path));
        let folders = all.map(|path| Ok((path.to_owned(), Folder::beside(path)?))).collect::<Result<_, Error>>()?;
        Ok(Self { folders })
    }

    /// Removes what an earlier process has left unfinished. For the one that writes the file.
    pub(crate) fn remove_unfinished(&self) -> Result<(), Error> {
        self.folders.iter().try_for_each(|(_, folder)| folder.remove_unfinished(FILE))
    }

    /// What each folder has; `None` where there is no file.
    pub(crate) fn read(&self) -> Result<Vec<(PathBuf, Option<Checkpoints>)>, Error> {
        let read = |(path, folder): &(PathBuf, Folder)| {
            let path = path.join(FILE);
            if !folder.list()?.iter().any(|name| name == FILE) {
                return Ok((path, None));
            }
            let file = folder.open(FILE)?;
            let damaged = |reason: &str| Error::Damaged {
                what: format!("the file {}", path.display()),
                reason: reason.to_owned(),
            };
            if file.len() > CHECKPOINTS_BYTES_MAX {
                return Err(damaged(&format!("it has more than {CHECKPOINTS_BYTES_MAX} bytes")));
            }
            let mut bytes = vec![0; file.len() as usize];
            file.read_at(0, &mut bytes)?;
            let found = String::from_utf8(bytes).ok().and_then(|text| parse(&text));
            let found = found.ok_or_else(|| damaged("it is no list of checkpoints"))?;
            Ok((path, Some(found)))
        };
        self.folders.iter().map(read).collect()
    }

    /// Writes the file in every folder.
    pub(crate) fn write(&self, checkpoints: &Checkpoints) -> Result<(), Error> {
        let mut text = String::new();
        for (log_id, note) in checkpoints {
            text.push_str(&format!("log {} {}\n{note}", super::hex(log_id), note.len()));
        }
        for (_, folder) in &self.folders {
            if folder.open(FILE).is_ok_and(|old| is_same(&*old, text.as_bytes())) {
                // Nothing to write, so a server starts on a full disk too.
                continue;
            }
            let mut file = folder.create(FILE)?;
            file.write_all(text.as_bytes())?;
            file.finish()?;
        }
        Ok(())
    }
}

fn is_same(old: &dyn Object, new: &[u8]) -> bool {
    let mut bytes = vec![0; new.len()];
    old.len() == new.len() as u64 && old.read_at(0, &mut bytes).is_ok() && bytes == new
}

fn parse(mut text: &str) -> Option<Checkpoints> {
    let mut found = Checkpoints::new();
    while !text.is_empty() {
        let (head, rest) = text.split_once('\n')?;
        let (log_id, bytes) = head.strip_prefix("log ")?.split_once(' ')?;
        let (note, rest) = rest.split_at_checked(bytes.parse().ok()?)?;
        found.insert(super::unhex(log_id)?, note.to_owned());
        text = rest;
    }
    Some(found)
}

/// The checkpoint in a note of ours.
pub(crate) fn checkpoint_of(note: &str) -> Result<Checkpoint, trailbook_tlog::Error> {
    Checkpoint::parse(Note::parse(note)?.text())
}
