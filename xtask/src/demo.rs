//! `trailbook demo`, started by a chore on a folder and a port of its own.

use crate::repository;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running demo; it is killed when this is dropped before it stopped.
pub(crate) struct Demo {
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
    _folder: TemporaryFolder,
}

impl Demo {
    /// Starts it, and waits until it is ready.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let folder = TemporaryFolder::make("trailbook-demo")?;
        let port = repository::free_port()?;
        let mut command = repository::command(binary)?;
        command.args(["demo", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(folder.0.join("data"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting the demo")?;
        let output = child.stdout.take().context("the demo has no standard output")?;
        let printed = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&printed);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let mut demo = Self { child, printed, _folder: folder };
        demo.wait_until("answer on /readyz", |_| is_ready(port))?;
        Ok(demo)
    }

    /// Waits until it has printed so many lines that begin so, but for spaces.
    pub(crate) fn printed(&mut self, start: &str, count: usize) -> Result<Vec<String>> {
        self.wait_until(&format!("print {count} lines that begin with `{start}`"), |demo| {
            demo.lines(start).len() >= count
        })?;
        Ok(self.lines(start))
    }

    fn lines(&self, start: &str) -> Vec<String> {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.iter().map(|line| line.trim_start()).filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }

    fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !holds(self) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the demo ended with {status} before it could {what}");
            }
            if Instant::now() > deadline {
                bail!("the demo did not {what} within {} s", READY_WITHIN.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Stops it politely.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        terminate(&mut self.child, STOP_WITHIN)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Asks a server whether it is ready.
pub(crate) fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Asks a process to stop.
pub(crate) fn terminate(child: &mut Child, within: Duration) -> Result<ExitStatus> {
    if child.try_wait()?.is_none() {
        repository::output(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
    }
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("process {} did not stop within {} s of SIGTERM", child.id(), within.as_secs())
}

/// A folder that is removed when this is dropped.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
