//! A throw-away PostgreSQL cluster for tests: `cargo xtask postgres -- CMD...`.
//!
//! The cluster lives in a temporary folder, listens on a free port of 127.0.0.1 and on a socket in that folder, syncs
//! its writes, and trusts everyone on the loopback address. A guard process stops it and removes the folder as soon as
//! this process is gone, however it ended: the guard waits for the end of a pipe that only this process holds open.

use crate::repository;
use crate::test::environment;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The variable in which tests find the address of the cluster.
pub(crate) const URL_VARIABLE: &str = "TRAILBOOK_TEST_POSTGRES";

/// The user that runs the cluster when this process is root, which PostgreSQL refuses to serve as.
const SYSTEM_USER: &str = "postgres";

/// Waits for the end of its input, then stops the cluster in `$1` with the `pg_ctl` in `$2` and removes the folder.
const GUARD_SCRIPT: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
cd "$1" || exit 0
if test -f data/postmaster.pid; then
  if test "$3" = as-user; then "$2" -D data -m immediate -w stop >/dev/null 2>&1
  else runuser -u "$3" -- "$2" -D data -m immediate -w stop >/dev/null 2>&1; fi
fi
cd / && rm -rf -- "$1"
"#;

/// A running cluster; dropping it stops it and removes its folder.
pub(crate) struct Cluster {
    guard: Child,
    port: u16,
}

impl Cluster {
    /// Makes a cluster with the settings that tests need, and starts it.
    pub(crate) fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same with more settings, as `-c NAME=VALUE` each.
    pub(crate) fn start_with(more: &str) -> Result<Self> {
        let programs = server_programs().context("no PostgreSQL server programs: install `postgresql`")?;
        let folder = make_folder()?;
        let port = repository::free_port()?;
        // From here on the guard removes the folder, whatever fails below.
        let cluster = Self { guard: start_guard(&folder, &programs)?, port };

        let initdb = ["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"];
        repository::output(as_system_user(&programs.join("initdb"), &folder).args(initdb))
            .context("making a cluster")?;
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=on \
             -c max_connections=200 {more}",
            folder.display()
        );
        let start = ["-D", "data", "-l", "log", "-w", "-t", "60", "-o", &settings, "start"];
        let mut command = as_system_user(&programs.join("pg_ctl"), &folder);
        // The server would hold a pipe of ours open for as long as it runs.
        let status = command.args(start).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if !status.success() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("the cluster did not start ({status}); its log:\n{log}");
        }
        Ok(cluster)
    }

    /// Where clients reach it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        if let Err(error) = self.guard.wait() {
            eprintln!("warning: the guard of the PostgreSQL cluster was lost: {error}");
        }
    }
}

/// Runs the command after `--` with the address of a cluster that lives as long as the command, and with what tests
/// need of Python and Node.js.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words = match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    };
    let Some((program, rest)) = words.split_first() else {
        bail!("`postgres` needs a command: cargo xtask postgres -- cargo test -p trailbook-store");
    };
    let cluster = Cluster::start()?;
    let mut command = repository::command(program)?;
    command.args(rest).env(URL_VARIABLE, cluster.url());
    repository::run(environment::give(&mut command)?)
}

/// The folder of the newest PostgreSQL server programs on this machine.
pub(crate) fn server_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let numbered = versions.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let newest = numbered.filter(|(_, folder)| is_complete(folder)).max().map(|(_, folder)| folder);
    newest.or_else(|| repository::find_program("initdb")?.parent().map(Path::to_path_buf).filter(|f| is_complete(f)))
}

fn is_complete(folder: &Path) -> bool {
    ["postgres", "initdb", "pg_ctl"].iter().all(|program| repository::is_program(&folder.join(program)))
}

/// A folder that only the user of the cluster can read.
fn make_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("trailbook-postgres-{}", std::process::id()));
    let mut command = Command::new("install");
    command.args(["-d", "-m", "700"]);
    if repository::is_root() {
        command.args(["-o", SYSTEM_USER]);
    }
    repository::output(command.arg(&folder)).context("making the folder of the cluster")?;
    Ok(folder)
}

fn start_guard(folder: &Path, programs: &Path) -> Result<Child> {
    let user = if repository::is_root() { SYSTEM_USER } else { "as-user" };
    let mut command = Command::new("sh");
    command.args(["-c", GUARD_SCRIPT, "guard"]).arg(folder).arg(programs.join("pg_ctl")).arg(user);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("starting the guard of the cluster")
}

fn as_system_user(program: &Path, folder: &Path) -> Command {
    let mut command = if repository::is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", SYSTEM_USER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    command
}
