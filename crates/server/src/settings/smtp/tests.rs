//! What a mail server may be, and in which words it is refused.

use std::path::Path;

use super::{Encryption, Smtp};
use crate::settings::Layer;
use trailbook_event::limits::MAIL_SECONDS_MAX;

const GOOD: &str = "host = \"mail.acme.example\"\nfrom = \"Trailbook <audit@acme.example>\"\n";

fn smtp(members: &str) -> Result<Smtp, String> {
    Layer::from_toml(&format!("[smtp]\n{members}")).map(|l| l.smtp.unwrap()).map_err(|error| error.to_string())
}

/// The good one and more.
fn with(more: &str) -> Result<Smtp, String> {
    smtp(&format!("{GOOD}{more}"))
}

#[test]
fn a_mail_server_is_encrypted_where_nothing_is_said() {
    let smtp = smtp(GOOD).unwrap();
    assert_eq!((smtp.host.as_str(), smtp.port, smtp.encryption), ("mail.acme.example", 465, Encryption::Tls));
    assert_eq!((smtp.login, smtp.ca_cert, smtp.timeout_ms), (None, None, 10_000));
    assert_eq!(smtp.from.to_string(), "Trailbook <audit@acme.example>");
    assert_eq!(with("encryption = \"starttls\"").unwrap().port, 587);
}

#[test]
fn mails_need_to_know_where_people_reach_the_server() {
    let error = Layer::from_toml(&format!("[smtp]\n{GOOD}")).unwrap().resolve().unwrap_err().to_string();
    assert_eq!(error, "public_url: must be set where smtp is: mails lead people to it");
    let toml = format!("public_url = \"https://audit.acme.example\"\n[smtp]\n{GOOD}");
    assert!(Layer::from_toml(&toml).unwrap().resolve().is_ok());
}

#[test]
fn it_can_be_said_in_toml_and_in_json() {
    let more = "port = 2525\nencryption = \"starttls\"\nusername = \"me\"\npassword = \"secret word\"\nca_cert = \"ca.pem\"\n\
                timeout = \"30s\"";
    let toml = with(more).unwrap();
    assert_eq!((toml.port, toml.timeout_ms, toml.ca_cert.as_deref()), (2525, 30_000, Some(Path::new("ca.pem"))));
    assert_eq!(toml.login, Some(("me".to_owned(), "secret word".to_owned())));
    let mut layer = Layer::default();
    let json = r#"{"host": "mail.acme.example", "from": "Trailbook <audit@acme.example>", "port": 2525, "encryption": "starttls",
                   "username": "me", "password": "secret word", "ca_cert": "ca.pem", "timeout": "30s"}"#;
    layer.set_json("smtp", json).unwrap();
    let shown = format!("{toml:?}");
    assert_eq!(layer.smtp, Some(toml));
    assert!(shown.contains("mail.acme.example") && !shown.contains("secret word"), "{shown}");
}

#[test]
fn without_encryption_it_is_on_this_machine() {
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
        let local = smtp(&format!("host = {host:?}\nfrom = \"a@b.example\"\nencryption = \"none\"")).unwrap();
        assert_eq!((local.encryption, local.port), (Encryption::None, 25));
    }
    for host in ["mail.acme.example", "10.0.0.1", "localhost.acme.example", "127.0.0.1.acme.example", "::"] {
        let far = smtp(&format!("host = {host:?}\nfrom = \"a@b.example\"\nencryption = \"none\"")).unwrap_err();
        let start = format!("smtp.encryption: must be tls or starttls: {host} is another machine");
        assert!(far.starts_with(&start), "{far}");
    }
}

#[test]
fn what_is_wrong_is_named_and_no_password_repeated() {
    let login = |username: &str, password: &str| format!("username = {username:?}\npassword = {password:?}");
    let cases = [
        (smtp("from = \"a@b.example\""), "smtp.host: is missing"),
        (smtp("host = \"mail\""), "smtp.from: is missing"),
        (smtp("host = \"\"\nfrom = \"a@b.example\""), "smtp.host: must be the name or the address of a machine"),
        (smtp("host = \"smtp://mail\"\nfrom = \"a@b.example\""), "smtp.host: must be the name"),
        (smtp("host = \"mail:25\"\nfrom = \"a@b.example\""), "smtp.host: must not hold a port"),
        (smtp("host = 5\nfrom = \"a@b.example\""), "smtp.host: must be a text, not a number"),
        (smtp("host = \"mail\"\nfrom = \"acme\""), "smtp.from: must be an address, with a name or without"),
        (smtp("host = \"mail\"\nfrom = \"a@b.example\\nBcc: c@d.example\""), "smtp.from: must be an address"),
        (smtp("host = \"mail\"\nfrom = \"A\\u0001 <a@b.example>\""), "smtp.from: must be an address"),
        (smtp("host = \"mail\"\nfrom = \"ä@b.example\""), "smtp.from: an e-mail address has letters of ASCII only"),
        (with("port = 0"), "smtp.port: must be from 1 to 65535, not 0"),
        (with("port = 65536"), "smtp.port: must be from 1 to 65535, not 65536"),
        (with("port = \"25\""), "smtp.port: must be a number, not a text"),
        (with("encryption = \"ssl\""), "smtp.encryption: must be tls, starttls or none, not \"ssl\""),
        (with("username = \"me\""), "smtp: password must be set where username is"),
        (with("password = \"hunter2\""), "smtp: username must be set where password is"),
        (with("username = \"me\"\npassword = 7"), "smtp: password must be a text, not a number"),
        (with(&login("me", "")), "smtp: password must have 1 to 255 bytes and no control characters"),
        (with(&login("me", &"x".repeat(256))), "smtp: password must have 1 to 255 bytes"),
        (with(&login("me\n", "hunter2")), "smtp: username must have 1 to 255 bytes"),
        (with("timeout = \"999ms\""), "smtp.timeout: must be from 1s to 60s, not 999ms"),
        (
            with(&format!("timeout = \"{}s\"", MAIL_SECONDS_MAX + 1)),
            "smtp.timeout: must be from 1s to 60s, not 61000ms",
        ),
        (with("timeout = 10"), "smtp.timeout: must be a text such as \"10s\", not a number"),
        (with("tls = true"), "smtp: there is no key 'tls' here; there are host, port, encryption"),
        (
            smtp("host = \"::1\"\nfrom = \"a@b.example\"\nencryption = \"none\"\nca_cert = \"ca.pem\""),
            "smtp.ca_cert: has no use where encryption is none",
        ),
        (Layer::from_toml("smtp = 1").map(|l| l.smtp.unwrap()).map_err(|e| e.to_string()), "smtp: must be a table"),
    ];
    for (result, expected) in cases {
        let error = result.unwrap_err();
        assert!(error.starts_with(expected), "{error} | {expected}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(with(&format!("timeout = \"{MAIL_SECONDS_MAX}s\"")).is_ok() && with("timeout = \"1s\"").is_ok());
    assert!(with("port = 1").is_ok() && with("port = 65535").is_ok());
    assert!(with(&login("me", &"x".repeat(255))).is_ok());
}
