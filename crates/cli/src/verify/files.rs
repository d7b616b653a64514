//! Reading files of which some may be large and all may be anything.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use zip::ZipArchive;

use super::Wrong;
use crate::exit::Error;

/// Bytes of a proof, a manifest or a checkpoint.
const SMALL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of one line of an export.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Wrong + '_ {
    move |e| Wrong::Error(Error::Usage(format!("{}: {e}", path.display())))
}

/// A small file's text.
pub(super) fn read(path: &Path) -> Result<String, Wrong> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).map_err(|_| Wrong::Refused(format!("{} is not UTF-8", path.display())))
}

/// A small file.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Wrong> {
    let file = File::open(path).map_err(unreadable(path))?;
    all(file, &path.display().to_string()).map_err(|e| e.unwrap_or_else(unreadable(path)))
}

fn all(file: impl Read, name: &str) -> Result<Vec<u8>, Result<Wrong, std::io::Error>> {
    let mut bytes = Vec::new();
    file.take(SMALL_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Err)?;
    if bytes.len() as u64 > SMALL_BYTES_MAX {
        return Err(Ok(Wrong::Refused(format!("{name} has more than {SMALL_BYTES_MAX} bytes"))));
    }
    Ok(bytes)
}

/// Writes a small file in the place of an older one, whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Wrong> {
    crate::files::replace(path, text.as_bytes())
        .map_err(|e| Wrong::Error(Error::Failed(format!("{}: {e}", path.display()))))
}

/// A folder of files, or a ZIP of them.
pub(super) enum Files {
    Folder(PathBuf),
    Zip(PathBuf),
}

impl Files {
    pub(super) fn at(path: &Path) -> Self {
        if path.is_dir() { Files::Folder(path.to_owned()) } else { Files::Zip(path.to_owned()) }
    }

    /// A small file's text.
    pub(super) fn read(&self, name: &str) -> Result<String, Wrong> {
        let mut found = Err(Wrong::refused("nothing was read"));
        self.with(name, &mut |file| {
            found = match all(file, name) {
                Ok(bytes) => String::from_utf8(bytes).map_err(|_| Wrong::Refused(format!("{name} is not UTF-8"))),
                Err(Ok(wrong)) => Err(wrong),
                Err(Err(e)) => Err(Wrong::Refused(format!("{name}: {e}"))),
            };
            Ok(())
        })?;
        found
    }

    /// Lets a file be read.
    pub(super) fn with(
        &self,
        name: &str,
        read: &mut dyn FnMut(&mut dyn Read) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        match self {
            Files::Folder(folder) => {
                let path = folder.join(name);
                let mut file = File::open(&path).map_err(|e| Wrong::Refused(format!("{}: {e}", path.display())))?;
                read(&mut file)
            }
            Files::Zip(path) => {
                let broken = |e: zip::result::ZipError| Wrong::Refused(format!("{}: {name}: {e}", path.display()));
                let mut zip = ZipArchive::new(File::open(path).map_err(unreadable(path))?).map_err(broken)?;
                let mut file = zip.by_name(name).map_err(broken)?;
                read(&mut file)
            }
        }
    }
}

/// The lines of a file, hashed as they are read.
pub(super) struct Lines<'r> {
    name: &'static str,
    file: BufReader<&'r mut dyn Read>,
    hash: Context,
    bytes: u64,
    line: Vec<u8>,
    pub(super) number: u64,
}

impl<'r> Lines<'r> {
    pub(super) fn new(name: &'static str, file: &'r mut dyn Read) -> Self {
        let hash = Context::new(&SHA256);
        Self { name, file: BufReader::with_capacity(1 << 18, file), hash, bytes: 0, line: Vec::new(), number: 0 }
    }

    /// The next line without its line feed, which it must have.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Wrong> {
        self.line.clear();
        self.number += 1;
        let mut limited = (&mut self.file).take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut self.line);
        read.map_err(|e| Wrong::Refused(format!("{}, line {}: {e}", self.name, self.number)))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.hash.update(&self.line);
        self.bytes += self.line.len() as u64;
        match self.line.strip_suffix(b"\n") {
            Some(line) => Ok(Some(line)),
            None => Err(self.wrong("it has no end, or is too long")),
        }
    }

    /// That there is no further line, and the whole is the one of this length and hash.
    pub(super) fn end(&mut self, bytes: u64, sha256: &str) -> Result<(), Wrong> {
        if self.next()?.is_some() {
            return Err(self.wrong("there is more than the manifest says"));
        }
        let hex: String = self.hash.clone().finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        if self.bytes != bytes || hex != sha256 {
            return Err(Wrong::Refused(format!("{} is not the file of the manifest", self.name)));
        }
        Ok(())
    }

    pub(super) fn wrong(&self, reason: &str) -> Wrong {
        Wrong::Refused(format!("{}, line {}: {reason}", self.name, self.number))
    }
}
