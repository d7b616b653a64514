//! Files: how many may be open, and how one is written whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A file that is being written beside its name.
pub(crate) struct Part {
    path: PathBuf,
    part: PathBuf,
    pub(crate) file: File,
}

impl Part {
    /// Begins a file; what an earlier attempt left is overwritten.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let part = beside(path, PART);
        Ok(Self { path: path.to_owned(), file: File::create(&part)?, part })
    }

    /// Goes on with what an earlier attempt left, and says how many bytes that is.
    pub(crate) fn resume(path: &Path) -> io::Result<(Self, u64)> {
        let part = beside(path, PART);
        let file = File::options().create(true).append(true).open(&part)?;
        let bytes = file.metadata()?.len();
        Ok((Self { path: path.to_owned(), file, part }, bytes))
    }

    /// Makes it durable under its name.
    #[expect(clippy::disallowed_methods, reason = "the folder is synced next")]
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.part, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// What the name of a file ends in as long as it is not whole.
const PART: &str = ".part";

/// The path of a file that belongs to another, whose name goes on so.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Writes a file in the place of an older one, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = Part::begin(path)?;
    part.file.write_all(bytes)?;
    part.finish()
}

/// Raises the limit to the highest that the system allows. It is often 1,024, for the sake of programs that cannot take
/// more, and as many connections alone may come.
pub(crate) fn allow_many() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    // A server with the limit that it has is better than none.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
