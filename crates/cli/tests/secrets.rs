//! What the server writes down holds no secret, and nobody writes lines of their own into its log.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Process, run, shown, trailbook};

const PASSWORD: &str = "canary walruses hum turquoise";
const WRONG: &str = "canary badgers yawn crimson";

/// A server whose own log is a file, at the level that says most.
struct Logged {
    folder: tempfile::TempDir,
    address: String,
    process: Process,
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Logged {
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, log) = (folder.path().join("data"), folder.path().join("log"));
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--log-level", "debug", "--log-format", "text"];
        let data = shown(&data);
        arguments.extend(["--data-dir", &data]);
        arguments.extend(flags);
        let serve = trailbook(arguments);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "log=$1; shift; exec \"$@\" 2>\"$log\"", "sh"]).arg(log);
        command.arg(serve.get_program()).args(serve.get_args());
        let process = Process::start(command);
        let address = process.line().strip_prefix("listening on http://").unwrap().to_owned();
        Self { folder, address, process }
    }

    fn token(&self, scopes: &[&str]) -> String {
        let data = shown(&self.folder.path().join("data"));
        let mut arguments = vec!["token", "create", "--name", "test", "--data-dir", &data];
        arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        run(arguments).stdout.trim_end().to_owned()
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}");
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Answer {
    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.head, self.body);
        self
    }

    /// The values of the cookies that it sets.
    fn cookies(&self) -> Vec<String> {
        let lines = self.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        lines.map(|line| line.split(['=', ';']).nth(1).unwrap().to_owned()).collect()
    }
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// Every file of a folder and of those below it.
fn files(dir: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(std::fs::read(entry.path()).unwrap()),
        }
    }
}

#[test]
fn no_password_link_cookie_or_token_is_in_a_file_an_event_or_the_log() {
    let server = Logged::start(&[]);
    let token = server.token(&["members.read", "members.write", "credentials.write", "events.read"]);
    let as_admin = bearer(&token);
    let invited = json!({"emails": ["jane@acme.example"]}).to_string();
    let invited = server.ask("POST", "/api/v1/invitations", &as_admin, &invited).expect(201);
    let link = invited.body["data"][0]["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let accepted = json!({"token": link, "name": "Jane", "password": PASSWORD}).to_string();
    server.ask("POST", "/api/v1/invitations/accept", "", &accepted).expect(200);
    server.ask("POST", "/api/v1/invitations/accept", "", &accepted).expect(404);
    server.ask("GET", &format!("/invitations/{link}"), "", "");
    let typed = |password: &str| json!({"email": "jane@acme.example", "password": password}).to_string();
    server.ask("POST", "/api/v1/session", "", &typed(WRONG)).expect(401);
    let begun = server.ask("POST", "/api/v1/session", "", &typed(PASSWORD)).expect(201);
    let cookies = begun.cookies();
    assert_eq!(cookies.len(), 2, "{}", begun.head);
    let csrf = begun.body["csrf_token"].as_str().unwrap().to_owned();
    let own = format!("cookie: trailbook-session={}\r\nx-csrf-token: {csrf}\r\n", cookies[0]);
    let personal = json!({"name": "laptop", "scopes": ["events.read"]}).to_string();
    let personal = server.ask("POST", "/api/v1/me/tokens", &own, &personal).expect(201).body["value"].clone();
    let personal = personal.as_str().unwrap().to_owned();
    let made = json!({"name": "portal", "scopes": ["events.read"]}).to_string();
    let made = server.ask("POST", "/api/v1/tokens", &as_admin, &made).expect(201).body["value"].clone();
    let made = made.as_str().unwrap().to_owned();
    server.ask("GET", "/api/v1/events", &bearer("tb_this-token-is-nobodys-canary"), "").expect(401);
    server.ask("GET", "/api/v1/members", &bearer(&personal), "").expect(403);
    let change = json!({"password": "short", "current_password": PASSWORD}).to_string();
    server.ask("PATCH", "/api/v1/me", &own, &change).expect(400);
    let events = server.ask("GET", "/api/v1/events?source=trailbook&limit=1000", &bearer(&made), "").expect(200);
    assert!(events.body["total"].as_u64().unwrap() >= 8, "{}", events.body);
    server.ask("DELETE", "/api/v1/session", &own, "").expect(204);

    let events = events.body.to_string();
    let secrets = [PASSWORD, WRONG, &link, &cookies[0], &cookies[1], &csrf, &personal, &made, &token, "nobodys-canary"];
    let log = server.log();
    assert!(log.contains("answered"), "the log says what was answered: {log}");
    assert_eq!(server.process.stop(), Some(0));
    let mut found = Vec::new();
    files(server.folder.path(), &mut found);
    assert!(found.len() >= 4, "{}", found.len());
    for secret in secrets {
        assert!(!events.contains(secret), "{secret} in {events}");
        assert!(!log.contains(secret), "{secret} in {log}");
        let is_in = |file: &Vec<u8>| file.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found.iter().any(is_in), "{secret} is in a file");
    }
}

#[test]
fn nobody_writes_lines_or_colours_of_their_own_into_the_log() {
    let mappings = r#"{"low": "info", "medium": "info", "high": "info", "critical": "info"}"#;
    let rules = r#"[{"name": "quiet", "actorId": "quiet", "eventId": "*"}]"#;
    let flags = ["--severity-log-level-mappings", mappings, "--exclusion-rules", rules];
    let server = Logged::start(&flags);
    let token = server.token(&["events.write", "members.read", "members.write"]);
    let hostile = "a\r\n2026-01-01T00:00:00Z ERROR forged\u{1b}[2J\u{1b}]0;forged\u{7}\u{9b}31m";
    // An event that a rule keeps out is shown in the log.
    let event = json!({"source": "s", "action": "a", "message": hostile, "actor": {"type": "user", "id": "quiet",
        "name": hostile}});
    let excluded = server.ask("POST", "/api/v1/events", &bearer(&token), &event.to_string()).expect(201);
    assert_eq!(excluded.body["events"][0]["excluded"], "quiet");
    // A token whose header names an algorithm; base64url of {"alg":"x\nERROR forged\u001b[2J"}
    let jwt = "eyJhbGciOiJ4XG5FUlJPUiBmb3JnZWRcdTAwMWJbMkoifQ.e30.e30";
    server.ask("GET", "/api/v1/events", &bearer(jwt), "").expect(401);
    // An organization, an address, a name and a client that are none.
    let typed = json!({"organization": hostile, "email": hostile, "password": hostile}).to_string();
    server.ask("POST", "/api/v1/session", "user-agent: x\t\u{9b}31m forged\r\n", &typed).expect(401);
    let invited = json!({"emails": [hostile]}).to_string();
    server.ask("POST", "/api/v1/invitations", &bearer(&token), &invited).expect(400);

    let log = server.log();
    assert!(log.contains("excluded event") && log.contains("a JWT was refused"), "{log}");
    for line in log.split('\n').filter(|line| !line.is_empty()) {
        assert!(!line.contains(char::is_control), "{line:?}");
        let level = line.split_whitespace().nth(1).unwrap_or_default();
        // The command itself says how the first admin gets in.
        let is_note = line.starts_with("nobody can sign in yet; ") || line.starts_with("  http://127.0.0.1:");
        assert!(is_note || ["INFO", "DEBUG", "WARN"].contains(&level), "{line:?}");
        assert!(!line.contains("forged") || line.contains("excluded event") || line.contains("JWT"), "{line:?}");
    }
}
