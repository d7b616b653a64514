//! Mail to a real mail server on loopback (`aiosmtpd`), with the certificate of `tests/data`.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::{Invitation, MailError, Mailer, Purpose, check_email};
use crate::settings::Layer;
use trailbook_event::limits::{EMAIL_BYTES_MAX, MAIL_NAME_CHARS_MAX, MAIL_REPLY_CHARS_MAX, MAIL_TRIES_MAX};

const CERT: &str = "tests/data/localhost.cert.pem";
const KEY: &str = "tests/data/localhost.key.pem";
const LINK: &str = "https://audit.acme.example/invitations/Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4?a=1&b=2";
/// 21 November 2026, 10:00 UTC.
const NOW_MS: i64 = 1_795_255_200_000;
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// A mail server that ends with the test.
struct MailServer {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u64,
    // Its end is the server's end, even where the test is killed.
    _input: ChildStdin,
}

impl MailServer {
    fn new(mode: &str, login: &[&str]) -> Self {
        let Ok(interpreter) = std::env::var("TRAILBOOK_TEST_PYTHON") else {
            panic!("set TRAILBOOK_TEST_PYTHON, or run `cargo xtask test`");
        };
        let mut command = Command::new(interpreter);
        command.args(["-W", "ignore", "tests/mail/smtp_server.py", mode, CERT, KEY]).args(login);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let port = line(&mut lines).as_u64().unwrap();
        Self { lines, port, _input: child.stdin.take().unwrap(), child }
    }

    /// A mailer for it.
    fn mailer(&self, settings: &str) -> Mailer {
        mailer(self.port, settings)
    }

    /// The mail that it took.
    fn taken(&mut self) -> Value {
        line(&mut self.lines)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(lines: &mut impl BufRead) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn mailer(port: u64, settings: &str) -> Mailer {
    let toml = format!("[smtp]\nport = {port}\nfrom = \"Trailbook <audit@acme.example>\"\n{settings}");
    Mailer::new(&Layer::from_toml(&toml).unwrap().smtp.unwrap()).unwrap()
}

const PLAIN: &str = "host = \"127.0.0.1\"\nencryption = \"none\"";

fn trusted() -> String {
    format!("host = \"localhost\"\nca_cert = {CERT:?}")
}

fn invitation() -> Invitation<'static> {
    Invitation {
        purpose: Purpose::Join,
        organization: "Acme",
        invited_by: "Jane Doe",
        link: LINK,
        expires_at_ms: NOW_MS + WEEK_MS,
    }
}

fn named<'a>(organization: &'a str, invited_by: &'a str) -> Invitation<'a> {
    Invitation { organization, invited_by, ..invitation() }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn send(mailer: &Mailer, to: &str, invitation: &Invitation<'_>) -> Result<(), MailError> {
    run(mailer.send(to, invitation, NOW_MS))
}

fn refusal(mailer: &Mailer, to: &str) -> String {
    send(mailer, to, &invitation()).unwrap_err().to_string()
}

/// The values of a header, of which there is one at most in a sound mail.
fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mail["headers"].as_array().unwrap().iter();
    headers.filter(|h| h[0].as_str().unwrap().eq_ignore_ascii_case(name)).map(|h| h[1].as_str().unwrap()).collect()
}

#[test]
fn an_invitation_says_who_invites_to_what_and_until_when() {
    let mut server = MailServer::new("plain", &[]);
    send(&server.mailer(PLAIN), " jane@ACME.example", &invitation()).unwrap();
    let mail = server.taken();
    assert_eq!(
        (mail["sender"].as_str(), &mail["recipients"]),
        (Some("audit@acme.example"), &serde_json::json!(["jane@acme.example"]))
    );
    assert_eq!(mail["hello"], "acme.example");
    assert_eq!(header(&mail, "from"), ["Trailbook <audit@acme.example>"]);
    assert_eq!(header(&mail, "to"), ["jane@acme.example"]);
    assert_eq!(header(&mail, "subject"), ["Jane Doe invites you to Acme"]);
    assert_eq!(header(&mail, "date"), ["Sat, 21 Nov 2026 10:00:00 +0000"]);
    assert_eq!(header(&mail, "auto-submitted"), ["auto-generated"]);
    assert!(header(&mail, "message-id")[0].ends_with("@acme.example>"), "{mail}");
    assert_eq!(mail["parts"], serde_json::json!(["multipart/alternative", "text/plain", "text/html"]));
    let plain = mail["plain"].as_str().unwrap();
    for said in ["Jane Doe invites you to Acme on Trailbook", LINK, "until 28 November 2026, 10:00 UTC"] {
        assert!(plain.contains(said), "{said}: {plain}");
    }
    let html = mail["html"].as_str().unwrap();
    let href = format!("href=\"{}\"", LINK.replace('&', "&#38;"));
    for said in ["<b>Jane Doe</b>", "<b>Acme</b>", "28 November 2026, 10:00 UTC", &href] {
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[test]
fn a_link_for_a_new_password_says_so() {
    let mut server = MailServer::new("plain", &[]);
    let new_password = Invitation { purpose: Purpose::NewPassword, ..invitation() };
    send(&server.mailer(PLAIN), "jane@acme.example", &new_password).unwrap();
    let mail = server.taken();
    assert_eq!(header(&mail, "subject"), ["Jane Doe lets you choose a new password for Acme"]);
    for part in ["plain", "html"] {
        let text = mail[part].as_str().unwrap();
        assert!(text.contains("choose a new password") && !text.contains("invites"), "{text}");
    }
}

#[test]
fn mails_differ_in_their_id() {
    let mut server = MailServer::new("plain", &[]);
    let mailer = server.mailer(PLAIN);
    let ids = [0, 1].map(|_| {
        send(&mailer, "jane@acme.example", &invitation()).unwrap();
        server.taken()["headers"].to_string()
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn starttls_and_tls_sign_in_over_an_encrypted_connection() {
    for mode in ["starttls", "tls"] {
        let mut server = MailServer::new(mode, &["trailbook", "p ä\"ss"]);
        let login = "username = \"trailbook\"\npassword = 'p ä\"ss'";
        let mailer = server.mailer(&format!("{}\nencryption = {mode:?}\n{login}", trusted()));
        send(&mailer, "jane@acme.example", &invitation()).unwrap();
        let mail = server.taken();
        assert_eq!((&mail["encrypted"], &mail["signed_in"]), (&true.into(), &"trailbook".into()), "{mode}");

        let wrong = server.mailer(&format!("{}\nencryption = {mode:?}\n{}", trusted(), login.replace("ä", "a")));
        let said = refusal(&wrong, "jane@acme.example");
        let server = format!("the mail server localhost:{} refused the sign-in: 535 5.7.8 ", server.port);
        assert!(said.starts_with(&server) && !said.contains("p a"), "{said}");
        assert!(!format!("{wrong:?}").contains("p a"), "{wrong:?}");
    }
}

#[test]
fn nothing_is_said_to_a_server_that_cannot_be_trusted() {
    // Signed by nobody that the machine knows.
    for mode in ["starttls", "tls"] {
        let server = MailServer::new(mode, &[]);
        let stranger = server.mailer(&format!("host = \"localhost\"\nencryption = {mode:?}"));
        let said = refusal(&stranger, "jane@acme.example");
        assert!(said.contains("invalid peer certificate"), "{said}");
        // Another name than that of the certificate.
        let other = server.mailer(&format!("host = \"127.0.0.2\"\nca_cert = {CERT:?}\nencryption = {mode:?}"));
        let said = refusal(&other, "jane@acme.example");
        assert!(said.contains("127.0.0.2"), "{said}");
    }
    let plain = MailServer::new("plain", &[]);
    assert_eq!(
        refusal(&plain.mailer(&format!("{}\nencryption = \"starttls\"", trusted())), "jane@acme.example"),
        format!(
            "the mail server localhost:{} could not be spoken to with encryption: STARTTLS is not supported on this \
             server",
            plain.port
        )
    );
}

#[test]
fn a_server_that_wants_no_password_is_not_told_one() {
    let login = "username = \"trailbook\"\npassword = \"secret\"";
    let said = greeted("220 mail.test\r\n250 mail.test\r\n", login);
    assert!(said.contains("could not be signed in to") && !said.contains("secret"), "{said}");
}

#[test]
fn a_refused_recipient_is_named_with_the_words_of_the_server() {
    let server = MailServer::new("plain", &[]);
    assert_eq!(
        refusal(&server.mailer(PLAIN), "refused@acme.example"),
        format!(
            "the mail server 127.0.0.1:{} refused the recipient: 550 5.1.1 there is nobody of that name",
            server.port
        )
    );
}

#[test]
fn what_a_server_takes_later_is_handed_over_as_often_as_the_limit_says() {
    let mut server = MailServer::new("plain", &[]);
    let mailer = server.mailer(PLAIN);
    send(&mailer, "later@acme.example", &invitation()).unwrap();
    assert_eq!(server.taken()["tries"], MAIL_TRIES_MAX);
    let said = refusal(&mailer, "busy@acme.example");
    assert!(said.ends_with(&format!("refused the recipient: 451 4.7.1 try {MAIL_TRIES_MAX}: later, please")), "{said}");
}

#[test]
fn a_server_that_does_not_answer_has_the_timeout_and_no_longer() {
    // Connections are made by the system and answered by nobody.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = u64::from(silent.local_addr().unwrap().port());
    let said = refusal(&mailer(port, &format!("{PLAIN}\ntimeout = \"1s\"")), "jane@acme.example");
    assert_eq!(said, format!("the mail server 127.0.0.1:{port} did not take the mail within 1 s"));
}

#[test]
fn a_server_that_is_not_there_or_speaks_otherwise_is_an_error() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = u64::from(gone.local_addr().unwrap().port());
    drop(gone);
    let said = refusal(&mailer(port, PLAIN), "jane@acme.example");
    assert!(said.starts_with(&format!("the mail server 127.0.0.1:{port} could not be reached: ")), "{said}");

    for (greeting, expected) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), "could not be reached: "),
        ("554 5.3.2 no\x07 service\r\n".to_owned(), "refused the connection: 554 5.3.2 no  service"),
        (format!("554 {}\r\n", "x".repeat(MAIL_REPLY_CHARS_MAX)), &"x".repeat(MAIL_REPLY_CHARS_MAX)),
    ] {
        let said = greeted(&greeting, "");
        assert!(said.contains(expected), "{said}");
    }
    let said = greeted(&format!("554 {}y\r\n", "x".repeat(MAIL_REPLY_CHARS_MAX)), "");
    assert!(said.ends_with('x'), "{said}");
}

/// What is said of a server that says one thing and nothing more.
fn greeted(greeting: &str, more: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = u64::from(listener.local_addr().unwrap().port());
    let greeting = greeting.to_owned();
    let server = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        stream.write_all(greeting.as_bytes()).unwrap();
        // Until the other side has had enough.
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    });
    let said = refusal(&mailer(port, &format!("{PLAIN}\n{more}")), "jane@acme.example");
    server.join().unwrap();
    said
}

#[test]
fn hostile_names_are_neither_headers_nor_markup() {
    let mut server = MailServer::new("plain", &[]);
    let mailer = server.mailer(PLAIN);
    let long = "ä".repeat(10_000);
    let cut = format!("{}…", "ä".repeat(MAIL_NAME_CHARS_MAX - 1));
    let fits = "x".repeat(MAIL_NAME_CHARS_MAX);
    for (name, shown) in [
        ("Acme\r\nBcc: eve@evil.example\r\n\r\nHello", "Acme Bcc: eve@evil.example Hello"),
        ("Acme\nSubject: other\u{2028}\u{85}\u{b}x\0y", "Acme Subject: other x y"),
        ("<script>alert(\"1\")</script>&amp;'", "<script>alert(\"1\")</script>&amp;'"),
        ("{{ link }} =?utf-8?q?Bcc?=", "{{ link }} =?utf-8?q?Bcc?="),
        ("Zoë 日本語 👩‍👩‍👧 العربية", "Zoë 日本語 👩‍👩‍👧 العربية"),
        ("\u{202e}elpmaxe.live\u{2066}\u{feff}", "elpmaxe.live"),
        (".\r\n.\r\nQUIT", ". . QUIT"),
        ("   \r\n\t", "an organization"),
        (&long, &cut),
        (&fits, &fits),
    ] {
        send(&mailer, "jane@acme.example", &named(name, "Jane")).unwrap();
        let mail = server.taken();
        let subject = format!("Jane invites you to {}", shown.replace("=?", "= ?"));
        assert_eq!(header(&mail, "subject"), [subject]);
        assert_eq!((header(&mail, "bcc").len(), &mail["recipients"]), (0, &serde_json::json!(["jane@acme.example"])));
        let names: Vec<_> = mail["headers"].as_array().unwrap().iter().map(|h| h[0].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["From", "To", "Date", "Message-ID", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]
        );
        assert!(mail["is_ascii"] == true && mail["longest_line"].as_u64().unwrap() <= 998, "{mail}");
        assert!(mail["plain"].as_str().unwrap().starts_with(&format!("Jane invites you to {shown} on Trailbook")));
        let html = mail["html"].as_str().unwrap();
        assert!(!html.contains("<script") && html.matches("<bdi><b>").count() == 2, "{html}");
    }
    send(&mailer, "jane@acme.example", &named("Acme", "Eve\r\nBcc: all@acme.example\r\n<b onload=x>")).unwrap();
    let mail = server.taken();
    assert_eq!(header(&mail, "subject"), ["Eve Bcc: all@acme.example <b onload=x> invites you to Acme"]);
    assert!(mail["html"].as_str().unwrap().contains("&#60;b onload=x&#62;"), "{mail}");
}

#[test]
fn an_address_has_one_form() {
    let longest = format!("{}@{}.example", "a".repeat(64), ["b".repeat(60), "c".repeat(60), "d".repeat(59)].join("."));
    assert_eq!(longest.len(), EMAIL_BYTES_MAX, "the longest that there is");
    for (given, form) in [
        ("jane@acme.example", "jane@acme.example"),
        (" \tJane.Doe+audit@ACME.Example\n", "Jane.Doe+audit@acme.example"),
        ("o'hara@xn--bcher-kva.example", "o'hara@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
        (&longest, &longest),
    ] {
        assert_eq!(check_email(given).as_deref(), Ok(form));
    }
    let too_long = longest.replace("@", "a@");
    for given in [
        "",
        "jane",
        "@acme.example",
        "jane@",
        "jane@@acme.example",
        "jane@a@acme.example",
        "jane@acme .example",
        "jane doe@acme.example",
        "jane@acme.example\r\nBcc: eve@evil.example",
        "jane@acme.example>",
        "<jane@acme.example>",
        "jane@acme.example,eve@evil.example",
        "\"jane@acme\"@evil.example",
        "\"jane\"@acme.example",
        "jane@[127.0.0.1]",
        "jäne@acme.example",
        "jane@bücher.example",
        "jane\0@acme.example",
        &format!("{}@acme.example", "a".repeat(65)),
        &too_long,
    ] {
        assert!(check_email(given).is_err(), "{given:?}");
        let mailer = mailer(1, PLAIN);
        assert!(matches!(send(&mailer, given, &invitation()), Err(MailError::Recipient(_))), "{given:?}");
    }
    assert_eq!(check_email(&too_long).unwrap_err(), "an e-mail address has at most 254 bytes, not 255");
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [folder.path().join("missing.pem"), broken, empty] {
        let toml = format!("smtp = {{ host = \"mail.acme.example\", from = \"a@b.example\", ca_cert = {path:?} }}");
        let error = Mailer::new(&Layer::from_toml(&toml).unwrap().smtp.unwrap()).unwrap_err().to_string();
        let start = format!("the certificates for the mail server mail.acme.example:465: reading {}: ", path.display());
        assert!(error.starts_with(&start), "{error}");
    }
}
