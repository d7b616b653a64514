//! Where the files of segments lie: objects with a name, written once and then only read.
//!
//! One seam: a folder now, a bucket of an object store later. So an object appears whole or not at all, is never
//! changed, and is read by position.
//!
//! A [`Folder`] writes `NAME.part`, syncs it, renames it to `NAME` and syncs the folder. What a crash leaves behind is
//! a `.part` file, which is no object and is removed when the folder is opened again.

use std::fmt::Debug;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;

/// What the name of a file ends in as long as it is not finished.
const PART: &str = ".part";
/// What is added to the name of a file that is set aside.
const ASIDE: &str = ".unknown";
/// Few and large writes, whatever a writer is given.
const BUFFER_BYTES: usize = 256 * 1024;

/// A place for objects. Names are plain file names.
pub(crate) trait Objects: Send + Sync + Debug {
    /// Begins an object. It is there when its writer has finished; it then replaces an older one of the same name.
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, Error>;

    /// Opens an object for reading. [`Error::Damaged`] if there is none.
    fn open(&self, name: &str) -> Result<Arc<dyn Object>, Error>;

    /// Removes an object; that none is there is no error. Who has it open may still read it.
    fn remove(&self, name: &str) -> Result<(), Error>;

    /// Renames an object so that it is out of the way and kept.
    fn set_aside(&self, name: &str) -> Result<(), Error>;

    /// The names of all objects, ascending.
    fn list(&self) -> Result<Vec<String>, Error>;
}

/// An object that is being written. Dropped before it has finished, it leaves nothing behind.
pub(crate) trait ObjectWriter: Send + Debug {
    /// Appends bytes. After an error the object cannot be finished any more.
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Makes the object durable and visible under its name. After an error it may be there or not.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// An object that can be read by any number of threads.
pub(crate) trait Object: Send + Sync + Debug {
    /// Its length in bytes, which does not change.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes from `offset`. Beyond the end: [`Error::Damaged`].
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error>;
}

/// Objects as the files of one folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The folder itself, which is synced so that a new name lasts.
    folder: Arc<File>,
}

impl Folder {
    /// Opens the folder, and makes it if need be, readable by its owner alone. One process at a time uses a folder,
    /// and opens it once: unfinished files are taken for those of a process that is gone, and removed.
    ///
    /// On a crash: a folder that was made is in its parent, because the parent was synced.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let folder = Self::beside(path)?;
        for name in folder.files()?.iter().filter(|name| name.ends_with(PART)) {
            std::fs::remove_file(folder.path.join(name))
                .map_err(|e| failed(format!("the file {name} cannot be removed"), e))?;
        }
        Ok(folder)
    }

    /// The same for a process that only reads beside the one which uses the folder: what that one has not finished
    /// stays.
    pub(crate) fn beside(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        crate::catalog::make_data_dir(path).map_err(|e| failed(format!("the folder {shown} cannot be made"), e))?;
        let folder = File::open(path).map_err(|e| failed(format!("the folder {shown} cannot be opened"), e))?;
        Ok(Self { path: path.to_owned(), folder: Arc::new(folder) })
    }

    /// Removes what a process that is gone has left of an object that it was writing. For a folder of which the caller
    /// writes only some objects, and is the only one to write these.
    pub(crate) fn remove_unfinished(&self, name: &str) -> Result<(), Error> {
        match std::fs::remove_file(self.path.join(format!("{name}{PART}"))) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(failed(format!("the file {name}{PART} cannot be removed"), e))
            }
            _ => Ok(()),
        }
    }

    /// The names of all plain files; a name that is not UTF-8 is none of ours.
    fn files(&self) -> Result<Vec<String>, Error> {
        let unreadable = |e| failed(format!("the folder {} cannot be read", self.path.display()), e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_type().map_err(unreadable)?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    /// The path of an object. A name that would lead out of the folder, or that an unfinished file has, is refused.
    fn path_of(&self, name: &str) -> Result<PathBuf, Error> {
        let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
        if !is_plain || name.ends_with(PART) {
            return Err(failed(format!("the file {name:?} has no plain name"), ErrorKind::InvalidInput.into()));
        }
        Ok(self.path.join(name))
    }
}

impl Objects for Folder {
    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, Error> {
        let path = self.path_of(name)?;
        let part = self.path.join(format!("{name}{PART}"));
        // Two writers of one name would mix their bytes, so the second is refused.
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)
            .map_err(|e| failed(format!("the file {name}{PART} cannot be made"), e))?;
        Ok(Box::new(FolderWriter {
            name: name.to_owned(),
            path,
            folder: Arc::clone(&self.folder),
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            has_failed: false,
            part: Part { path: part, is_kept: false },
        }))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn Object>, Error> {
        let opened = File::open(self.path_of(name)?).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((len, file)) => Ok(Arc::new(FolderObject { name: name.to_owned(), len, file })),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                Err(Error::Damaged { what: format!("the file {name}"), reason: "it is missing".to_owned() })
            }
            Err(e) => Err(failed(format!("the file {name} cannot be opened"), e)),
        }
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = match std::fs::remove_file(self.path_of(name)?) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            // What was deleted must not be back after a crash.
            Ok(()) => self.folder.sync_all(),
            Err(e) => Err(e),
        };
        removed.map_err(|e| failed(format!("the file {name} cannot be removed"), e))
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        let path = self.path_of(name)?;
        let failed = |e| failed(format!("the file {name} cannot be set aside"), e);
        // Another one of the name may have been set aside before.
        let names = (1..).map(|n| if n == 1 { format!("{name}{ASIDE}") } else { format!("{name}{ASIDE}{n}") });
        let free = names.map(|name| self.path.join(name)).find(|path| !path.exists());
        rename(&path, &free.unwrap_or_default()).map_err(failed)?;
        self.folder.sync_all().map_err(failed)
    }

    fn list(&self) -> Result<Vec<String>, Error> {
        let mut names = self.files()?;
        names.retain(|name| !name.ends_with(PART));
        names.sort_unstable();
        Ok(names)
    }
}

/// A file of a folder that is being written.
#[derive(Debug)]
struct FolderWriter {
    name: String,
    path: PathBuf,
    folder: Arc<File>,
    file: BufWriter<File>,
    has_failed: bool,
    part: Part,
}

impl ObjectWriter for FolderWriter {
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| {
            self.has_failed = true;
            failed(format!("the file {} cannot be written", self.name), e)
        })
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let Self { name, path, folder, mut file, has_failed, mut part } = *self;
        let unfinished = |e| failed(format!("the file {name} cannot be finished"), e);
        if has_failed {
            return Err(unfinished(std::io::Error::other("a write to it failed before")));
        }
        file.flush().map_err(unfinished)?;
        // A failed sync is never tried again: the second one would say that all is well when bytes are lost.
        file.get_ref().sync_data().map_err(unfinished)?;
        rename(&part.path, &path).map_err(unfinished)?;
        part.is_kept = true;
        folder.sync_all().map_err(unfinished)
    }
}

#[expect(clippy::disallowed_methods, reason = "its callers sync the folder next")]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}

/// An unfinished file, which goes when its writer goes.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    is_kept: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            // If this fails, the next opening of the folder does it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A finished file of a folder.
#[derive(Debug)]
struct FolderObject {
    name: String,
    len: u64,
    file: File,
}

impl Object for FolderObject {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(buf, offset).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => {
                Error::Damaged { what: format!("the file {}", self.name), reason: "it ends too early".to_owned() }
            }
            _ => failed(format!("the file {} cannot be read", self.name), e),
        })
    }
}

/// One of our errors for one of the operating system's. A quota that is used up is a full disk.
fn failed(what: String, source: std::io::Error) -> Error {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::DiskFull,
        _ => Error::File { what, source },
    }
}

#[cfg(test)]
mod tests;
