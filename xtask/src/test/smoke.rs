//! `cargo xtask smoke`: does what the README promises a new user, with the release build.
//!
//! It starts `trailbook demo` on an empty folder, runs the `curl` lines that the demo prints, and ends it politely.

use crate::repository;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many `curl` lines the demo prints.
const CURL_LINES: usize = 3;
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Runs the demo once; the release build must be there.
pub(crate) fn run() -> Result<()> {
    let binary = repository::release_binary()?;
    if !repository::is_program(&binary) {
        bail!("there is no release build: cargo build --release");
    }
    let folder = TemporaryFolder::make("trailbook-smoke")?;
    let port = repository::free_port()?;
    let mut demo = Demo::start(&binary, &folder.0, port)?;
    demo.wait_until(READY_WITHIN, "answer on /readyz", |_| is_ready(port))?;
    demo.wait_until(READY_WITHIN, "print three curl lines", |demo| demo.curl_lines().len() >= CURL_LINES)?;
    for (index, line) in demo.curl_lines().iter().enumerate() {
        let answer = run_pasted(line).with_context(|| format!("curl line {} of the demo", index + 1))?;
        println!("curl line {}: {} bytes, as it should be", index + 1, answer.len());
    }
    let status = demo.stop()?;
    if !status.success() {
        bail!("the demo was asked to stop and ended with {status}");
    }
    println!("the demo stopped with exit status 0");
    Ok(())
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

/// Runs a line as a person would paste it; it has to succeed and print something that is not an error document.
fn run_pasted(line: &str) -> Result<String> {
    let answer = repository::output(Command::new("sh").args(["-c", line]))?;
    if answer.trim().is_empty() {
        bail!("the line printed nothing");
    }
    if let Some(status) = serde_json::from_str(&answer).ok().as_ref().and_then(error_status) {
        bail!("the server answered {status}: {}", answer.trim());
    }
    Ok(answer)
}

/// The status in an RFC 9457 problem or in Backstage's error body.
fn error_status(answer: &Value) -> Option<u64> {
    let problem = answer.get("status").and_then(Value::as_u64);
    let portal = answer.pointer("/response/statusCode").and_then(Value::as_u64);
    problem.or(portal).filter(|status| *status >= 400)
}

/// A running demo; it is killed when this is dropped before it stopped.
struct Demo {
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
}

impl Demo {
    fn start(binary: &Path, folder: &Path, port: u16) -> Result<Self> {
        let mut command = repository::command(binary)?;
        command.args(["demo", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(folder.join("data"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting the demo")?;
        let output = child.stdout.take().context("the demo has no standard output")?;
        let printed = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&printed);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(Self { child, printed })
    }

    fn curl_lines(&self) -> Vec<String> {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed
            .iter()
            .map(|line| line.trim_start())
            .filter(|line| line.starts_with("curl "))
            .map(str::to_owned)
            .collect()
    }

    fn wait_until(&mut self, within: Duration, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + within;
        while !holds(self) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the demo ended with {status} before it could {what}");
            }
            if Instant::now() > deadline {
                bail!("the demo did not {what} within {} s", within.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<ExitStatus> {
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
