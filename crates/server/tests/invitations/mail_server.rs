//! A real mail server on loopback (`aiosmtpd`), which says what it took.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A mail server that ends with the test.
pub(super) struct MailServer {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u64,
    // Its end is the server's end, even where the test is killed.
    _input: ChildStdin,
}

impl MailServer {
    pub(super) fn start() -> Self {
        let Ok(interpreter) = std::env::var("TRAILBOOK_TEST_PYTHON") else {
            panic!("set TRAILBOOK_TEST_PYTHON, or run `cargo xtask test`");
        };
        let mut command = Command::new(interpreter);
        let files = ["tests/data/localhost.cert.pem", "tests/data/localhost.key.pem"];
        command.args(["-W", "ignore", "tests/mail/smtp_server.py", "plain"]).args(files);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let port = line(&mut lines).as_u64().unwrap();
        Self { lines, port, _input: child.stdin.take().unwrap(), child }
    }

    /// The settings of a server that hands its mails to this one.
    pub(super) fn setting(&self) -> String {
        format!(
            "public_url = \"https://audit.acme.example\"\n[smtp]\nhost = \"127.0.0.1\"\nport = {}\n\
             encryption = \"none\"\nfrom = \"Trailbook <audit@acme.example>\"\n",
            self.port
        )
    }

    /// The next mail that it took.
    pub(super) fn taken(&mut self) -> Value {
        line(&mut self.lines)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}
