//! The Python environment of tests: readers of our formats and clients of our dialects that are not ours.
//!
//! It lies in the folder for build products, under a name made of what is in it, so it is made once, and again when
//! `testdata/requirements.txt` or Python changed. Several chores may make it at once: each makes its own, and the first
//! that is done gives it its name.

use crate::repository;
use anyhow::{Context, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable in which tests find the interpreter.
const VARIABLE: &str = "TRAILBOOK_TEST_PYTHON";
const REQUIREMENTS: &str = "testdata/requirements.txt";

/// Tells a command where the interpreter is; the environment is made if it is not there.
pub(crate) fn give(command: &mut Command) -> Result<&mut Command> {
    Ok(command.env(VARIABLE, interpreter()?))
}

fn interpreter() -> Result<PathBuf> {
    let version = repository::output(repository::command("python3")?.arg("--version"))?;
    let requirements = repository::root()?.join(REQUIREMENTS);
    let text = std::fs::read_to_string(&requirements).with_context(|| format!("reading {REQUIREMENTS}"))?;
    let mut hasher = DefaultHasher::new();
    (version, text).hash(&mut hasher);
    let folder = repository::target_folder()?.join(format!("test-python-{:016x}", hasher.finish()));
    if !folder.is_dir() {
        make(&folder, &requirements).context("making the Python environment of tests")?;
    }
    Ok(folder.join("bin/python"))
}

fn make(folder: &Path, requirements: &Path) -> Result<()> {
    println!("making the Python environment of tests: {}", folder.display());
    let own = folder.with_extension(std::process::id().to_string());
    repository::output(repository::command("python3")?.args(["-m", "venv"]).arg(&own))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    repository::output(repository::command(own.join("bin/python"))?.args(pip).arg(requirements))?;
    if let Err(error) = std::fs::rename(&own, folder) {
        std::fs::remove_dir_all(&own)?;
        // Another chore was faster.
        if !folder.is_dir() {
            return Err(error).context("naming the environment");
        }
    }
    Ok(())
}
