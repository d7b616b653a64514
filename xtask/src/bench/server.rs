//! The server under load: started on a folder of its own, watched through /proc, stopped at the end.

use crate::{demo, repository};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// A running server; it is killed when this is dropped before it stopped.
pub(super) struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
    /// May do what its scopes say: write events, where nothing else was asked for.
    pub(super) token: String,
}

impl Server {
    /// Makes a token, starts the server and waits until it is ready.
    pub(super) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        Self::start_with(binary, folder, &["events.write"], &[])
    }

    /// The same with a token of these scopes, and more flags of `serve`.
    pub(super) fn start_with(binary: &Path, folder: &Path, scopes: &[&str], flags: &[&str]) -> Result<Self> {
        let data = folder.join("data");
        let log = folder.join("log");
        let port = repository::free_port()?;
        let mut create = repository::command(binary)?;
        let name = format!("bench-{}", std::process::id());
        create.args(["token", "create", "--name", &name, "--data-dir"]).arg(&data);
        create.args(scopes.iter().flat_map(|scope| ["--scope", scope]));
        let token = repository::output(&mut create)?.trim().to_owned();
        let mut serve = repository::command(binary)?;
        serve.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(&data).args(flags);
        serve.stdin(Stdio::null()).stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        let child = serve.spawn().context("starting the server")?;
        let mut server = Self { child, port, log, token };
        server.wait_until_ready()?;
        Ok(server)
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Processor time that the server used so far, in its own code and in the kernel.
    pub(super) fn cpu_us(&self) -> Result<f64> {
        process_cpu_us(&self.child.id().to_string())
    }

    /// Memory of the server that is in use now.
    pub(super) fn rss_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("reading VmRSS")?;
        Ok(kib * 1024)
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        let status = demo::terminate(&mut self.child, STOP_WITHIN)?;
        if !status.success() {
            bail!("the server ended with {status}; its log ends with:\n{}", self.log_end());
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while !demo::is_ready(self.port) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}; its log ends with:\n{}", self.log_end());
            }
            if Instant::now() > deadline {
                bail!("the server was not ready within {} s; its log:\n{}", READY_WITHIN.as_secs(), self.log_end());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Processor time of a process: a number, or `self`.
pub(super) fn process_cpu_us(process: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks as f64 * 1e6 / ticks_per_second())
}

pub(super) fn unix_seconds() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

fn ticks_per_second() -> f64 {
    static TICKS: OnceLock<f64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let said = repository::command("getconf").and_then(|mut getconf| repository::output(getconf.arg("CLK_TCK")));
        said.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(100.0)
    })
}
