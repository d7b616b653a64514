//! The peers: PostgreSQL as a private cluster, and ClickHouse's engine inside a Python process.

use crate::postgres::Cluster;
use crate::repository;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the scripts need; the versions that the scripts were written for.
const LIBRARIES: [&str; 2] = ["chdb==4.4.0", "psycopg[binary]==3.3.9"];

/// What a machine with 16 GiB would give to PostgreSQL; its defaults are for a very small one.
pub(super) const POSTGRES_SETTINGS: &str = "-c shared_buffers=4GB -c effective_cache_size=12GB -c work_mem=64MB \
    -c maintenance_work_mem=512MB -c max_wal_size=8GB -c random_page_cost=1.1";

/// The events that the peers are to hold too.
pub(super) struct Held<'a> {
    /// What writes them.
    pub(super) program: &'a Path,
    /// Where their parameters are, and where ClickHouse's files go.
    pub(super) folder: &'a Path,
}

impl Held<'_> {
    /// Fills and asks each peer. One that cannot be had is a result that says why.
    pub(super) fn measure(&self) -> Result<Vec<Value>> {
        let mut results = Vec::new();
        let python = python();
        for (system, measured) in [
            ("postgres", python.as_deref().map(|python| self.postgres(python))),
            ("clickhouse", python.as_deref().map(|python| self.clickhouse(python))),
        ] {
            let why = match measured {
                Ok(Ok(of_peer)) => {
                    results.extend(of_peer);
                    continue;
                }
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => format!("{error:#}"),
            };
            eprintln!("{system} was not measured: {why}");
            results.push(json!({"kind": "absent", "system": system, "reason": why}));
        }
        Ok(results)
    }

    fn postgres(&self, python: &Path) -> Result<Vec<Value>> {
        let cluster = Cluster::start_with(POSTGRES_SETTINGS)?;
        let mut script = self.script(python, "postgres.py")?;
        script.arg(cluster.url()).arg(self.parameters());
        self.feed(["part", "sql"], &mut script)
    }

    fn clickhouse(&self, python: &Path) -> Result<Vec<Value>> {
        let files = self.folder.join("clickhouse-files");
        std::fs::remove_dir_all(&files).ok();
        std::fs::create_dir_all(&files)?;
        let mut script = self.script(python, "clickhouse.py")?;
        script.arg(&files).arg(self.parameters());
        let results = self.feed(["all", "tabs"], &mut script);
        std::fs::remove_dir_all(&files).ok();
        results
    }

    fn script(&self, python: &Path, name: &str) -> Result<Command> {
        let mut command = repository::command(python)?;
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(repository::root()?.join("bench/peers").join(name));
        Ok(command)
    }

    fn parameters(&self) -> PathBuf {
        self.folder.join("parameters.json")
    }

    /// Runs a script with the events on its input, and reads its results.
    fn feed(&self, which: [&str; 2], script: &mut Command) -> Result<Vec<Value>> {
        let mut emit = repository::command(self.program)?;
        emit.arg("emit").arg(self.folder).args(which).stdout(Stdio::piped());
        let mut emit = emit.spawn().context("starting what writes the events")?;
        let events = emit.stdout.take().context("what writes the events has no output")?;
        let output = script.stdin(events).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let output = output.and_then(std::process::Child::wait_with_output);
        // If the script ended early, the pipe is closed and this ends too.
        let emitted = emit.wait()?;
        let output = output.context("running the script of the peer")?;
        if !output.status.success() {
            bail!("its script ended with {}; what wrote the events ended with {emitted}", output.status);
        }
        if !emitted.success() {
            bail!("what wrote the events ended with {emitted}");
        }
        super::parse_results(&String::from_utf8(output.stdout)?)
    }
}

/// A Python with the libraries, made below the target folder if it is not there.
fn python() -> Result<PathBuf> {
    let folder = repository::target_folder()?.join("bench-python");
    let python = folder.join("bin/python");
    let mut check = repository::command(&python)?;
    check.args(["-c", "import chdb, psycopg"]).stderr(Stdio::null());
    if repository::is_program(&python) && check.status().is_ok_and(|status| status.success()) {
        return Ok(python);
    }
    eprintln!("installing {} …", LIBRARIES.join(" and "));
    let mut make = repository::command("python3")?;
    repository::output(make.args(["-m", "venv", "--clear"]).arg(&folder)).context("making a Python environment")?;
    let mut install = repository::command(&python)?;
    repository::output(install.args(["-m", "pip", "install", "--quiet"]).args(LIBRARIES))
        .context("installing the peers' libraries")?;
    Ok(python)
}
