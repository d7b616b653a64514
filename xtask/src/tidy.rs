//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! Every check is a pure function of a path and a text, so each is tested on small inputs. Checked are the files that
//! git knows or does not ignore.

mod arrows;
mod boundary;
mod lexer;
mod limits;
mod links;
mod proofs;
mod source;
mod text;

use crate::repository;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// Lists files also where another user owns the checkout, as in a container.
const LIST: [&str; 5] = ["-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard"];

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Prints every finding; fails if there is one.
pub(crate) fn run() -> Result<()> {
    let root = repository::root()?;
    let paths = tracked_paths()?;
    let mut findings = text::check_names(&paths);
    for path in &paths {
        findings.extend(check_file(&root, path, &paths)?);
    }
    let manifest = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    findings.extend(arrows::check(&repository::metadata()?, &manifest));
    let code = limits::CODE.map(|path| (path, manifest(path)));
    let code = code.each_ref().map(|(path, text)| (*path, text.as_str()));
    findings.extend(limits::check(&code, &manifest(limits::DOCUMENT)));

    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing found", paths.len());
            Ok(())
        }
        1 => bail!("tidy: 1 finding"),
        count => bail!("tidy: {count} findings"),
    }
}

/// The files that git knows or does not ignore, as paths below the root.
fn tracked_paths() -> Result<BTreeSet<String>> {
    let root = repository::root()?;
    let list = repository::output(repository::command("git")?.args(LIST))?;
    let is_file = |path: &&str| root.join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    Ok(list.split_terminator('\0').filter(is_file).map(str::to_owned).collect())
}

fn check_file(root: &Path, path: &str, paths: &BTreeSet<String>) -> Result<Vec<Finding>> {
    let bytes = std::fs::read(root.join(path))?;
    let mut findings = text::check_size(path, bytes.len() as u64);
    if bytes.contains(&0) {
        return Ok(findings);
    }
    let text = String::from_utf8_lossy(&bytes);
    findings.extend(text::check(path, &text));
    if path.ends_with(".rs") {
        findings.extend(source::check(path, &text));
        findings.extend(boundary::check(path, &text));
    }
    if path.ends_with(".md") {
        findings.extend(links::check(path, &text, paths));
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        findings.extend(proofs::check(path, &text, &read));
    }
    Ok(findings)
}
