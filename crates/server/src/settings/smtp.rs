//! The mail server that the configuration names.
//!
//! What leaves this machine is encrypted and its certificate checked: an invitation's link lets its bearer in. No error
//! repeats the password, and no `Debug` shows it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use serde_json::{Map, Value};

use super::SettingsError;
use super::duration::{check_within, parse_duration_ms};
use super::external_access::{refuse_others, table};
use super::read::{kind, text};
use crate::mail::check_email;
use trailbook_event::limits::MAIL_SECONDS_MAX;

/// How long one try to hand over a mail may take, where nothing else is said.
const TIMEOUT_MS_DEFAULT: i64 = 10_000;
/// The least and the most that `timeout` may be, in milliseconds.
const TIMEOUT_MS: (i64, i64) = (1_000, MAIL_SECONDS_MAX * 1_000);
/// What a name of a machine, a user or a password may have at most, in bytes: what fits into one line of SMTP.
const LINE_BYTES_MAX: usize = 255;

/// A mail server. Its `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what is said to it is encrypted.
    pub encryption: Encryption,
    /// User name and password, where it wants them.
    pub login: Option<(String, String)>,
    /// Who mails are from.
    pub from: Mailbox,
    /// The certificates that its own must lead to, PEM, instead of those that the machine trusts.
    pub ca_cert: Option<PathBuf>,
    /// How long one try to hand over a mail may take, in milliseconds.
    pub timeout_ms: i64,
}

/// How what is said to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// From the first byte on.
    #[default]
    Tls,
    /// From the command `STARTTLS` on; a server without it gets nothing. Who sits between can put answers before the
    /// encryption that lettre 0.11 takes for later ones: a refused mail may seem to be taken, but nothing is betrayed.
    StartTls,
    /// Not at all, for a server on this machine.
    None,
}

impl Encryption {
    /// Every kind.
    pub const ALL: [Encryption; 3] = [Encryption::Tls, Encryption::StartTls, Encryption::None];

    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Encryption::Tls => "tls",
            Encryption::StartTls => "starttls",
            Encryption::None => "none",
        }
    }

    /// The port that goes with it where none is named.
    fn port(self) -> u16 {
        match self {
            Encryption::Tls => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        }
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("encryption", &self.encryption)
            .field("has_login", &self.login.is_some())
            .field("from", &self.from.email)
            .field("ca_cert", &self.ca_cert)
            .field("timeout_ms", &self.timeout_ms)
            .finish()
    }
}

/// Reads the table. Errors name its member.
pub(super) fn read(key: &str, value: Value) -> Result<Smtp, SettingsError> {
    let wrong = |reason| SettingsError::value(key, reason);
    let mut members = table(value, "must be a table").map_err(wrong)?;
    let member = |name: &str| format!("{key}.{name}");
    let smtp = Smtp {
        host: host(&mut members).map_err(|reason| SettingsError::value(member("host"), reason))?,
        encryption: encryption(&mut members).map_err(|reason| SettingsError::value(member("encryption"), reason))?,
        port: port(&mut members).map_err(|reason| SettingsError::value(member("port"), reason))?,
        login: login(&mut members).map_err(wrong)?,
        from: from(&mut members).map_err(|reason| SettingsError::value(member("from"), reason))?,
        ca_cert: take(&mut members, "ca_cert").map_err(wrong)?.map(PathBuf::from),
        timeout_ms: timeout_ms(&mut members).map_err(|reason| SettingsError::value(member("timeout"), reason))?,
    };
    let allowed = "host, port, encryption, username, password, from, ca_cert, timeout";
    refuse_others(&members, allowed).map_err(wrong)?;
    let port = if smtp.port == 0 { smtp.encryption.port() } else { smtp.port };
    let smtp = Smtp { port, ..smtp };
    check(key, &smtp)?;
    Ok(smtp)
}

/// Checks what members mean together.
fn check(key: &str, smtp: &Smtp) -> Result<(), SettingsError> {
    if smtp.encryption == Encryption::None && !is_this_machine(&smtp.host) {
        let reason = format!("must be tls or starttls: {} is another machine, and mails hold secrets", smtp.host);
        return Err(SettingsError::value(format!("{key}.encryption"), reason));
    }
    if smtp.encryption == Encryption::None && smtp.ca_cert.is_some() {
        return Err(SettingsError::value(format!("{key}.ca_cert"), "has no use where encryption is none"));
    }
    check_within(&format!("{key}.timeout"), smtp.timeout_ms, TIMEOUT_MS)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn take(members: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    let value = members.remove(key).map(text).transpose();
    value.map_err(|reason| format!("{key} {reason}"))
}

fn host(members: &mut Map<String, Value>) -> Result<String, String> {
    let host = text(members.remove("host").ok_or("is missing")?)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if host.is_empty() || host.len() > LINE_BYTES_MAX || !host.chars().all(is_plain) {
        return Err("must be the name or the address of a machine, such as mail.acme.example".to_owned());
    }
    if host.contains(':') && host.parse::<IpAddr>().is_err() {
        return Err("must not hold a port; give it as port".to_owned());
    }
    Ok(host)
}

/// 0 where none is named: the port then depends on the encryption.
fn port(members: &mut Map<String, Value>) -> Result<u16, String> {
    let Some(value) = members.remove("port") else { return Ok(0) };
    let port = value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    port.ok_or_else(|| match value {
        Value::Number(number) => format!("must be from 1 to 65535, not {number}"),
        other => format!("must be a number, not {}", kind(&other)),
    })
}

fn encryption(members: &mut Map<String, Value>) -> Result<Encryption, String> {
    let Some(value) = members.remove("encryption") else { return Ok(Encryption::default()) };
    let name = text(value)?;
    let found = Encryption::ALL.into_iter().find(|encryption| encryption.name() == name);
    found.ok_or_else(|| format!("must be tls, starttls or none, not {name:?}"))
}

fn login(members: &mut Map<String, Value>) -> Result<Option<(String, String)>, String> {
    let is_line = |text: &String| !text.is_empty() && text.len() <= LINE_BYTES_MAX && !text.contains(char::is_control);
    let login = match (take(members, "username")?, take(members, "password")?) {
        (Some(username), Some(password)) => (username, password),
        (None, None) => return Ok(None),
        (Some(_), None) => return Err("password must be set where username is".to_owned()),
        (None, Some(_)) => return Err("username must be set where password is".to_owned()),
    };
    for (key, text) in [("username", &login.0), ("password", &login.1)] {
        if !is_line(text) {
            return Err(format!("{key} must have 1 to {LINE_BYTES_MAX} bytes and no control characters"));
        }
    }
    Ok(Some(login))
}

fn from(members: &mut Map<String, Value>) -> Result<Mailbox, String> {
    let given = text(members.remove("from").ok_or("is missing")?)?;
    let wrong =
        || format!("must be an address, with a name or without, such as Trailbook <audit@acme.example>, not {given:?}");
    let mailbox: Mailbox = given.parse().map_err(|_| wrong())?;
    check_email(mailbox.email.as_ref())?;
    if mailbox.name.as_deref().is_some_and(|name| name.contains(char::is_control)) {
        return Err(wrong());
    }
    Ok(mailbox)
}

fn timeout_ms(members: &mut Map<String, Value>) -> Result<i64, String> {
    match members.remove("timeout") {
        None => Ok(TIMEOUT_MS_DEFAULT),
        Some(Value::String(text)) => parse_duration_ms(&text),
        Some(other) => Err(format!("must be a text such as \"10s\", not {}", kind(&other))),
    }
}

#[cfg(test)]
mod tests;
