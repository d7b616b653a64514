//! Runs the built binary, and servers that end with the test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Relative to the package's folder, where tests run: a path of the build would be that of another checkout.
pub(crate) const EVENTS: &str = "../../testdata/backstage-audit.ndjson";

/// The binary, without settings from the environment of the test.
pub(crate) fn trailbook<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailbook"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRAILBOOK_") {
            command.env_remove(name);
        }
    }
    // Most tests count what they recorded; that reads are recorded too is shown elsewhere.
    command.env("TRAILBOOK_RECORD_READS", "false");
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command printed and ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs a command to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    trailbook(arguments).output().expect("the binary runs").into()
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn run_with_input<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Ended {
    let mut command = trailbook(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    // A command that ends before it has read everything closes the pipe.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("it ends").into()
}

/// A process that serves, until the test ends or stops it.
pub(crate) struct Process {
    pid: u32,
    ended: Receiver<ExitStatus>,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
        let lines = lines_of(child.stdout.take().expect("it is piped"));
        Self { pid: child.id(), ended: end_of(child), lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The next line on standard output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line comes in time")
    }

    /// Ends it at once, as `kill -9` does, and waits for that.
    pub(crate) fn kill(self) {
        signal("KILL", self.pid);
        self.ended.recv_timeout(DEADLINE).expect("it ends in time");
    }

    /// Asks it to stop, and waits for its code.
    pub(crate) fn stop(self) -> Option<i32> {
        signal("TERM", self.pid);
        self.ended.recv_timeout(DEADLINE).expect("it stops in time").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // While the thread that waits has not told us, the number is still that of our process.
        if self.ended.try_recv().is_err() {
            signal("KILL", self.pid);
        }
    }
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1_000);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn end_of(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || sender.send(child.wait().expect("it can be waited for")));
    receiver
}

fn signal(name: &str, pid: u32) {
    let _ = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).stderr(Stdio::null()).status();
}

/// A server on a folder of its own.
pub(crate) struct Harness {
    pub(crate) folder: TempDir,
    pub(crate) url: String,
    process: Process,
}

impl Harness {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        Self::start_on(TempDir::new().expect("a folder can be made"), flags)
    }

    /// A server on a folder that may hold data already.
    pub(crate) fn start_on(folder: TempDir, flags: &[&str]) -> Self {
        let mut command = trailbook(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(folder.path().join("data")).args(flags);
        let process = Process::start(command);
        let line = process.line();
        let url = line.strip_prefix("listening on ").expect("the first line says where").to_owned();
        Self { folder, url, process }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A new token, which the server knows as soon as this returns.
    pub(crate) fn token(&self, flags: &[&str]) -> String {
        let mut command = trailbook(["token", "create", "--name", "test", "--data-dir"]);
        command.arg(self.data_dir()).args(flags);
        let ended: Ended = command.output().expect("the binary runs").into();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let token = ended.stdout.trim_end().to_owned();
        self.wait_for_token(&token, 0);
        token
    }

    /// Waits until a search with the token ends with this code: a change holds within a second.
    pub(crate) fn wait_for_token(&self, token: &str, code: i32) {
        self.wait_until(|| {
            let ended = self.query(token, &["--limit", "1"]);
            ended.code == Some(code) || (code == 0 && ended.stderr.contains("events.read"))
        });
    }

    /// Asks until it holds. Each question takes a process, so this does not spin.
    pub(crate) fn wait_until(&self, holds: impl Fn() -> bool) {
        assert!((0..1_000).any(|_| holds()), "it did not come true");
    }

    /// A token that may write and read.
    pub(crate) fn full_token(&self) -> String {
        self.token(&["--scope", "events.write", "--scope", "events.read"])
    }

    pub(crate) fn send(&self, token: &str, arguments: &[&str]) -> Ended {
        run([["send", "--url", &self.url, "--token", token].as_slice(), arguments].concat())
    }

    pub(crate) fn query(&self, token: &str, arguments: &[&str]) -> Ended {
        run([["query", "--url", &self.url, "--token", token].as_slice(), arguments].concat())
    }

    /// How many events there are.
    pub(crate) fn count(&self, token: &str, filters: &[&str]) -> usize {
        let ended = self.query(token, &[filters, ["--all"].as_slice()].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.lines().count()
    }

    /// A file with this text.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        shown(&path)
    }

    /// Ends it at once, as `kill -9` does, and gives its folder.
    pub(crate) fn kill(self) -> TempDir {
        self.process.kill();
        self.folder
    }

    /// Asks it to stop, and gives its code and its folder.
    pub(crate) fn stop(self) -> (Option<i32>, TempDir) {
        (self.process.stop(), self.folder)
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_str().expect("the path is UTF-8").to_owned()
}
