//! The programs of others that tests run with Node.js: a certified OpenID provider.
//!
//! Their modules lie in the folder for build products, under a name made of what is in it, so they are fetched once,
//! and again when `testdata/oidc/package-lock.json` or Node.js changed. Several chores may fetch them at once: each
//! fetches its own, and the first that is done gives them their name.

use crate::repository;
use anyhow::{Context, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable in which tests find the modules.
const VARIABLE: &str = "TRAILBOOK_TEST_NODE_MODULES";
const PACKAGE: &str = "testdata/oidc";
/// What says which modules, and their hashes.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The oldest Node.js that the provider runs on.
pub(crate) const VERSION_MIN: u32 = 20;

/// Which Node.js is there, as its first number.
pub(crate) fn version() -> Result<u32> {
    let text = repository::output(repository::command("node")?.arg("--version"))?;
    let first = text.trim().trim_start_matches('v').split('.').next().and_then(|first| first.parse().ok());
    first.with_context(|| format!("`node --version` says {:?}", text.trim()))
}

/// Tells a command where the modules are; they are fetched if they are not there.
pub(crate) fn give(command: &mut Command) -> Result<&mut Command> {
    Ok(command.env(VARIABLE, modules()?))
}

fn modules() -> Result<PathBuf> {
    let version = repository::output(repository::command("node")?.arg("--version"))?;
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    for file in FILES {
        let path = repository::root()?.join(PACKAGE).join(file);
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?.hash(&mut hasher);
    }
    let folder = repository::target_folder()?.join(format!("test-node-{:016x}", hasher.finish()));
    if !folder.is_dir() {
        fetch(&folder).context("fetching the Node.js modules of tests")?;
    }
    Ok(folder.join("node_modules"))
}

fn fetch(folder: &Path) -> Result<()> {
    println!("fetching the Node.js modules of tests: {}", folder.display());
    let own = folder.with_extension(std::process::id().to_string());
    std::fs::create_dir_all(&own)?;
    for file in FILES {
        std::fs::copy(repository::root()?.join(PACKAGE).join(file), own.join(file))?;
    }
    // Scripts of packages are not run.
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
    repository::output(repository::command("npm")?.args(npm).arg(&own))?;
    if let Err(error) = std::fs::rename(&own, folder) {
        std::fs::remove_dir_all(&own)?;
        // Another chore was faster.
        if !folder.is_dir() {
            return Err(error).context("naming the folder");
        }
    }
    Ok(())
}
