//! What tests run that is not ours: readers of our formats and clients of our dialects in Python; an OpenID provider,
//! a driver of Chromium and rules of accessible pages with Node.js.
//!
//! Each lies in the folder for build products, under a name made of what is in it, so it is fetched once, and again
//! when a list of packages or the program changed. Several chores may fetch it at once: each fetches its own, and the
//! first that is done gives it its name.

use crate::repository;
use anyhow::{Context, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages of one language.
struct Environment {
    name: &'static str,
    /// The variable in which tests find what they need of it.
    variable: &'static str,
    /// Where that lies in its folder.
    within: &'static str,
    /// What runs the packages.
    program: &'static str,
    /// What says which packages.
    files: &'static [&'static str],
    /// Fetches the packages of the files into a folder that is not there.
    fetch: fn(&Path, &[PathBuf]) -> Result<()>,
}

const PYTHON: Environment = Environment {
    name: "test-python",
    variable: "TRAILBOOK_TEST_PYTHON",
    within: "bin/python",
    program: "python3",
    files: &["testdata/requirements.txt"],
    fetch: fetch_python,
};

const NODE: Environment = Environment {
    name: "test-node",
    variable: "TRAILBOOK_TEST_NODE_MODULES",
    within: "node_modules",
    program: "node",
    files: &["testdata/package.json", "testdata/package-lock.json"],
    fetch: fetch_node,
};

/// The oldest Node.js that the packages run on.
pub(crate) const NODE_VERSION_MIN: u32 = 20;

/// Which Node.js is there, as its first number.
pub(crate) fn node_version() -> Result<u32> {
    let text = NODE.version()?;
    let first = text.trim().trim_start_matches('v').split('.').next().and_then(|first| first.parse().ok());
    first.with_context(|| format!("`node --version` says {:?}", text.trim()))
}

/// Tells a command where all of it is; what is not there is fetched.
pub(crate) fn give(command: &mut Command) -> Result<&mut Command> {
    PYTHON.give(command)?;
    give_node(command)
}

/// Tells a command where the modules of Node.js are.
pub(crate) fn give_node(command: &mut Command) -> Result<&mut Command> {
    NODE.give(command)
}

impl Environment {
    fn give<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        let folder = self.folder().with_context(|| format!("fetching {}", self.name))?;
        Ok(command.env(self.variable, folder.join(self.within)))
    }

    fn version(&self) -> Result<String> {
        repository::output(repository::command(self.program)?.arg("--version"))
    }

    /// Its folder, which is made if it is not there.
    fn folder(&self) -> Result<PathBuf> {
        let root = repository::root()?;
        let files: Vec<PathBuf> = self.files.iter().map(|file| root.join(file)).collect();
        let mut hasher = DefaultHasher::new();
        self.version()?.hash(&mut hasher);
        for file in &files {
            std::fs::read(file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
        }
        let folder = repository::target_folder()?.join(format!("{}-{:016x}", self.name, hasher.finish()));
        if folder.is_dir() {
            return Ok(folder);
        }
        println!("fetching {}", folder.display());
        let own = folder.with_extension(std::process::id().to_string());
        (self.fetch)(&own, &files)?;
        if let Err(error) = std::fs::rename(&own, &folder) {
            std::fs::remove_dir_all(&own)?;
            // Another chore was faster.
            if !folder.is_dir() {
                return Err(error).context("naming the folder");
            }
        }
        Ok(folder)
    }
}

fn fetch_python(folder: &Path, files: &[PathBuf]) -> Result<()> {
    repository::output(repository::command("python3")?.args(["-m", "venv"]).arg(folder))?;
    let mut pip = repository::command(folder.join("bin/python"))?;
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    for file in files {
        pip.arg("--requirement").arg(file);
    }
    repository::output(&mut pip)?;
    Ok(())
}

fn fetch_node(folder: &Path, files: &[PathBuf]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for file in files {
        std::fs::copy(file, folder.join(file.file_name().context("a file has a name")?))?;
    }
    // Scripts of packages are not run: they would fetch browsers.
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
    repository::output(repository::command("npm")?.args(npm).arg(folder))?;
    Ok(())
}
