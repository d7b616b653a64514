//! Mail: hands invitations over to the mail server of the configuration, by SMTP.
//!
//! ```text
//! connect ─► STARTTLS or TLS ─► sign in ─► sender ─► one recipient ─► message ─► 250
//!            4xx: twice again, after a pause │ 5xx, no answer in time, no encryption: an error for the administrator
//! ```
//!
//! A mail counts as sent when the mail server took it; whether it arrives is that server's affair. Each mail has one
//! recipient, so nobody learns of another. No mail and no password goes to another machine in the clear, and no error
//! and no `Debug` shows the password or the link.

mod address;
mod message;

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::settings::{Encryption, Smtp};
use trailbook_event::limits::{MAIL_REPLY_CHARS_MAX, MAIL_TRIES_MAX};

pub(crate) use address::check_email;
pub(crate) use message::time;

/// How long is waited before a mail is handed over again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a server may take to say goodbye, after the mail is in its hands.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// What the link of a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Somebody becomes a member.
    Join,
    /// A member chooses a new password.
    NewPassword,
}

/// What an invitation's mail says. The names may be anything; the link is an address of this server.
pub(crate) struct Invitation<'a> {
    /// What the link is for.
    pub(crate) purpose: Purpose,
    /// The name of the organization.
    pub(crate) organization: &'a str,
    /// The name of who invites.
    pub(crate) invited_by: &'a str,
    /// What is opened to accept.
    pub(crate) link: &'a str,
    /// Until when, in milliseconds since 1970.
    pub(crate) expires_at_ms: i64,
}

/// Why a mail was not sent, in a sentence for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MailError {
    /// The recipient's address is none.
    #[error("the recipient: {0}")]
    Recipient(String),
    /// The certificates of the configuration cannot be used, or the machine has none.
    #[error("the certificates for the mail server {server}: {reason}")]
    Certificates {
        /// Its name and port.
        server: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The mail server said no.
    #[error("the mail server {server} refused {what}: {reply}")]
    Refused {
        /// Its name and port.
        server: String,
        /// What it was told last.
        what: &'static str,
        /// Its code and its words.
        reply: String,
        /// Whether it said that it may take it later.
        is_temporary: bool,
    },
    /// The connection did not come about, or broke.
    #[error("the mail server {server} {what}: {reason}")]
    Failed {
        /// Its name and port.
        server: String,
        /// How far it went.
        what: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The mail server took too long.
    #[error("the mail server {server} did not take the mail within {seconds} s")]
    Timeout {
        /// Its name and port.
        server: String,
        /// How long it had.
        seconds: u64,
    },
}

/// How far a mail has come.
#[derive(Clone, Copy)]
enum Stage {
    Connection,
    Encryption,
    SignIn,
    Sender,
    Recipient,
    Message,
}

/// What hands over mails.
pub(crate) struct Mailer {
    server: String,
    address: (String, u16),
    channel: Channel,
    credentials: Option<Credentials>,
    from: Mailbox,
    hello: ClientId,
    timeout: Duration,
}

/// How what is said is encrypted.
enum Channel {
    Plain,
    StartTls(TlsParameters),
    Tls(TlsParameters),
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("server", &self.server).field("from", &self.from.email).finish_non_exhaustive()
    }
}

impl Mailer {
    /// For the mail server of the configuration. Nothing is asked of it yet.
    pub(crate) fn new(smtp: &Smtp) -> Result<Self, MailError> {
        let server = match smtp.host.contains(':') {
            true => format!("[{}]:{}", smtp.host, smtp.port),
            false => format!("{}:{}", smtp.host, smtp.port),
        };
        let tls = || tls(smtp).map_err(|reason| MailError::Certificates { server: server.clone(), reason });
        let channel = match smtp.encryption {
            Encryption::None => Channel::Plain,
            Encryption::StartTls => Channel::StartTls(tls()?),
            Encryption::Tls => Channel::Tls(tls()?),
        };
        Ok(Self {
            server,
            address: (smtp.host.clone(), smtp.port),
            channel,
            credentials: smtp.login.clone().map(|(name, password)| Credentials::new(name, password)),
            from: smtp.from.clone(),
            hello: ClientId::Domain(smtp.from.email.domain().to_owned()),
            timeout: Duration::from_millis(smtp.timeout_ms.unsigned_abs()),
        })
    }

    /// Sends an invitation to one address, at the time that is given. Returns when the mail server has taken it.
    pub(crate) async fn send(&self, to: &str, invitation: &Invitation<'_>, now_ms: i64) -> Result<(), MailError> {
        let to = address::parse(to).map_err(MailError::Recipient)?;
        // The same bytes each time: a mail that was taken although its answer got lost keeps its id.
        let mail = message::compose(&self.from, &to, invitation, now_ms).formatted();
        let mut tries = 1;
        loop {
            match self.try_once(&to, &mail).await {
                Err(MailError::Refused { is_temporary: true, .. }) if tries < MAIL_TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }

    async fn try_once(&self, to: &Address, mail: &[u8]) -> Result<(), MailError> {
        let until = Instant::now() + self.timeout;
        let late = |_| Err(self.timed_out());
        let mut connection = timeout_at(until, self.connect()).await.unwrap_or_else(late)?;
        let result = timeout_at(until, self.hand_over(&mut connection, to, mail)).await;
        let result = result.unwrap_or_else(|_| Err(self.timed_out()));
        // Whatever becomes of the goodbye, what was said before it counts.
        let _ = timeout(GOODBYE_MAX, connection.abort()).await;
        result
    }

    /// A connection that is encrypted as it should be. One that did not get so far is dropped without a goodbye, for
    /// lettre 0.11 panics when it says one after a handshake that failed.
    async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        let from_first_byte = match &self.channel {
            Channel::Tls(tls) => Some(tls.clone()),
            Channel::Plain | Channel::StartTls(_) => None,
        };
        let address = (self.address.0.as_str(), self.address.1);
        let connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &self.hello, from_first_byte, None).await;
        let mut connection = connection.map_err(|error| self.failed(Stage::Connection, &error))?;
        if let Channel::StartTls(tls) = &self.channel {
            let encrypted = connection.starttls(tls.clone(), &self.hello).await;
            encrypted.map_err(|error| self.failed(Stage::Encryption, &error))?;
        }
        Ok(connection)
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        to: &Address,
        mail: &[u8],
    ) -> Result<(), MailError> {
        let at = |stage| move |error| self.failed(stage, &error);
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(at(Stage::SignIn))?;
        }
        let sender = Mail::new(Some(self.from.email.clone()), Vec::new());
        connection.command(sender).await.map_err(at(Stage::Sender))?;
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(at(Stage::Recipient))?;
        connection.command(Data).await.map_err(at(Stage::Message))?;
        connection.message(mail).await.map_err(at(Stage::Message))?;
        Ok(())
    }

    fn failed(&self, stage: Stage, error: &lettre::transport::smtp::Error) -> MailError {
        let server = self.server.clone();
        let said = cut(&error.source().map_or_else(|| error.to_string(), ToString::to_string));
        match error.status() {
            Some(code) => {
                let reply = format!("{code} {said}").trim_end().to_owned();
                MailError::Refused { server, what: stage.refused(), reply, is_temporary: error.is_transient() }
            }
            None => MailError::Failed { server, what: stage.broken(), reason: said },
        }
    }

    fn timed_out(&self) -> MailError {
        MailError::Timeout { server: self.server.clone(), seconds: self.timeout.as_secs() }
    }
}

impl Stage {
    /// What a server refused that said no.
    fn refused(self) -> &'static str {
        match self {
            Stage::Connection => "the connection",
            Stage::Encryption => "the encryption",
            Stage::SignIn => "the sign-in",
            Stage::Sender => "the sender",
            Stage::Recipient => "the recipient",
            Stage::Message => "the message",
        }
    }

    /// What became of the connection.
    fn broken(self) -> &'static str {
        match self {
            Stage::Connection => "could not be reached",
            Stage::Encryption => "could not be spoken to with encryption",
            Stage::SignIn => "could not be signed in to",
            Stage::Sender | Stage::Recipient | Stage::Message => "broke off",
        }
    }
}

/// What certificates are checked with: those of the configuration alone, or else those that the machine trusts.
fn tls(smtp: &Smtp) -> Result<TlsParameters, String> {
    let builder = TlsParametersBuilder::new(smtp.host.clone());
    let builder = match &smtp.ca_cert {
        None => builder,
        Some(path) => {
            let wrong = |error: &dyn fmt::Display| format!("reading {}: {error}", path.display());
            let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
            if CertificateDer::pem_slice_iter(&pem).next().is_none() {
                return Err(wrong(&"there is no certificate in it"));
            }
            let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificate)
        }
    };
    builder.build().map_err(|error| error.to_string())
}

/// What a server said, on one line and not too long.
fn cut(said: &str) -> String {
    let line = said.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MAIL_REPLY_CHARS_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
