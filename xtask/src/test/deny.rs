//! `cargo xtask deny`: runs cargo-deny over the rules in `deny.toml`, and installs it once when it is not there.

use crate::repository;
use anyhow::{Result, bail};
use std::path::PathBuf;

const VERSION: &str = "0.20.2";

/// Checks licences, sources and banned crates.
pub(crate) fn run() -> Result<()> {
    let program = find_or_install()?;
    let mut command = repository::command(program)?;
    repository::run(command.args([
        "--all-features",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn find_or_install() -> Result<PathBuf> {
    let tools = repository::target_folder()?.join("tools");
    let places = [repository::find_program("cargo-deny"), Some(tools.join("bin/cargo-deny"))];
    if let Some(found) = places.into_iter().flatten().find(is_right_version) {
        return Ok(found);
    }
    println!("cargo-deny {VERSION} is not there: building it once, which takes about three minutes");
    let arguments = ["install", "cargo-deny", "--locked", "--version", VERSION, "--root"];
    repository::run(repository::cargo()?.args(arguments).arg(&tools))?;
    let program = tools.join("bin/cargo-deny");
    if !repository::is_program(&program) {
        bail!("cargo install did not leave {}", program.display());
    }
    Ok(program)
}

fn is_right_version(file: &PathBuf) -> bool {
    if !repository::is_program(file) {
        return false;
    }
    let version = repository::command(file).and_then(|mut command| repository::output(command.arg("--version")));
    version.is_ok_and(|text| text.trim() == format!("cargo-deny {VERSION}"))
}
