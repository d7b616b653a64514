//! What a server is told when it starts: flags, environment, configuration file, defaults.
//!
//! Each of them makes a [`Layer`], in which every setting is optional. Layers lie over each other; what is left is
//! checked as a whole and becomes [`Settings`]. Every error names the setting and says what it may be. No `Debug` here
//! shows a token or the catalog's password.

mod duration;
mod external_access;
mod identity_providers;
mod jwks;
mod read;
mod smtp;
mod webhooks;
mod witnesses;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use trailbook_event::limits::{
    CHUNK_EVENTS_MAX, FLUSH_EVENTS_MIN, FLUSH_SECONDS_MAX, REQUESTS_PER_MINUTE_DEFAULT, SESSION_DAYS_MAX,
    SESSION_IDLE_HOURS_MAX, WRITES_PER_MINUTE_DEFAULT,
};
use trailbook_event::{Severity, exclude, redact};
use trailbook_store::{LogOptions, Tuning};
use trailbook_tlog::VerifierKey;

pub use duration::parse_duration_ms;
pub use external_access::ExternalAccess;
pub use identity_providers::IdentityProvider;
pub use jwks::JwksOptions;
pub use smtp::{Encryption, Smtp};
pub use webhooks::Webhook;

/// The data folder where none is named.
pub const DATA_DIR_DEFAULT: &str = "trailbook-data";
/// The address that is listened on where none is named.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// How far ahead of the server's clock an event may lie, where nothing else is said: an hour.
pub const SKEW_MS_DEFAULT: i64 = 60 * 60 * 1_000;
/// How long the files of an export stay, in milliseconds.
pub const EXPORTS_KEPT_MS_DEFAULT: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How long an idempotency key is remembered, where nothing else is said: a week, longer than any retry.
pub const IDEMPOTENCY_WINDOW_MS_DEFAULT: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How long a session may be without a request, where nothing else is said: an hour, in milliseconds.
pub const SESSION_IDLE_MS_DEFAULT: i64 = 60 * 60 * 1_000;
/// How long a session lasts at most, where nothing else is said: 12 hours, in milliseconds.
pub const SESSION_AGE_MS_DEFAULT: i64 = 12 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// The least and the most that `flush_after` may be, in milliseconds. The age is looked at once a second.
const FLUSH_AFTER_MS: (i64, i64) = (1_000, FLUSH_SECONDS_MAX as i64 * 1_000);

/// What a server runs with. Made by [`Layer::resolve`].
#[derive(Clone)]
pub struct Settings {
    /// The folder of what the server keeps.
    pub data_dir: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// `postgres://…`, for a catalog in PostgreSQL instead of SQLite in the data folder.
    pub catalog: Option<String>,
    /// Certificate and key, for HTTPS.
    pub tls: Option<TlsFiles>,
    /// Whether a proxy in front of the server does the encryption.
    pub behind_proxy: bool,
    /// How the server's own log looks.
    pub log_format: LogFormat,
    /// What the server's own log leaves out.
    pub log_level: LogLevel,
    /// Whether records of outcome `initiated` are kept.
    pub keep_initiated: bool,
    /// How far ahead of the server's clock an event's time may lie, in milliseconds.
    pub skew_ms_max: i64,
    /// How long an idempotency key or a client's event id is remembered, in milliseconds.
    pub idempotency_window_ms: i64,
    /// When events move from memory to disk. A part of it is configured, the rest is for tests.
    pub tuning: Tuning,
    /// How long the files of an export stay, in milliseconds.
    pub exports_kept_ms: i64,
    /// What is replaced in events before anything else sees them.
    pub redaction_rules: Vec<redact::RuleConfig>,
    /// What is kept out of the log.
    pub exclusion_rules: Vec<exclude::RuleConfig>,
    /// At which level excluded events are written to the server's own log.
    pub severity_log_levels: SeverityLogLevels,
    /// Tokens that the configuration gives.
    pub external_access: Vec<ExternalAccess>,
    /// URLs that other systems send their events to.
    pub webhooks: Vec<Webhook>,
    /// How logs are named and kept.
    pub logs: LogOptions,
    /// Who is asked to cosign checkpoints.
    pub witnesses: Vec<Witness>,
    /// Where people reach the server: `https://audit.example.com`. Links in mails begin with it.
    pub public_url: Option<String>,
    /// Addresses and networks of proxies that are believed where a request comes from.
    pub trusted_proxies: Vec<String>,
    /// Which header they write; either where nothing is said.
    pub proxy_header: Option<ProxyHeader>,
    /// How long a session may be without a request, in milliseconds.
    pub session_idle_ms: i64,
    /// How long a session lasts at most, in milliseconds.
    pub session_age_ms: i64,
    /// Whether it is recorded who reads the log.
    pub record_reads: bool,
    /// Requests of one credential in a minute that are no writes of events.
    pub requests_per_minute: u32,
    /// Writes of events of one credential in a minute.
    pub writes_per_minute: u32,
    /// The mail server that invitations go through.
    pub smtp: Option<Smtp>,
    /// Whom people sign in through, beside passwords.
    pub identity_providers: Vec<IdentityProvider>,
}

/// The header in which proxies say where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwarded,
}

impl FromStr for ProxyHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forwarded" => Ok(ProxyHeader::Forwarded),
            "x-forwarded-for" => Ok(ProxyHeader::XForwarded),
            _ => Err(format!("must be forwarded or x-forwarded-for, not {text:?}")),
        }
    }
}

/// A witness: somebody else who sees checkpoints and cosigns those of logs that only grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What its cosignatures are checked with.
    pub key: VerifierKey,
    /// Where it takes submissions; `/add-checkpoint` is added.
    pub url: String,
}

/// Where a server's certificate and its key lie, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its root.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How the server's own log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much a line of the server's own log matters, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may fail soon.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// How it happened.
    Debug,
}

impl LogFormat {
    /// Every format.
    pub const ALL: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];

    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

impl LogLevel {
    /// Every level, in the order in which Backstage lists them.
    pub const ALL: [LogLevel; 4] = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

    /// Its name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| format!("must be text or json, not {text:?}"))
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.name() == text);
        found.ok_or_else(|| format!("must be error, warn, info or debug, not {text:?}"))
    }
}

/// At which level excluded events of each severity are written to the server's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeverityLogLevels {
    low: LogLevel,
    medium: LogLevel,
    high: LogLevel,
    critical: LogLevel,
}

impl SeverityLogLevels {
    /// The level of a severity.
    pub fn level(&self, severity: Severity) -> LogLevel {
        match severity {
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }
}

impl Default for SeverityLogLevels {
    /// As in Backstage: low at debug, all others at info.
    fn default() -> Self {
        Self { low: LogLevel::Debug, medium: LogLevel::Info, high: LogLevel::Info, critical: LogLevel::Info }
    }
}

/// The levels that one layer names; the others come from the layer below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeverityLogLevelsLayer {
    /// Of severity low.
    pub low: Option<LogLevel>,
    /// Of severity medium.
    pub medium: Option<LogLevel>,
    /// Of severity high.
    pub high: Option<LogLevel>,
    /// Of severity critical.
    pub critical: Option<LogLevel>,
}

/// Settings as one source gives them; what it does not mention is `None`. Field by field as [`Settings`], and what of
/// its [`Tuning`] can be set.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "each is described at the field of the same name in Settings or Tuning")]
pub struct Layer {
    pub data_dir: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub catalog: Option<String>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub behind_proxy: Option<bool>,
    pub log_format: Option<LogFormat>,
    pub log_level: Option<LogLevel>,
    pub keep_initiated: Option<bool>,
    pub skew_ms_max: Option<i64>,
    pub idempotency_window_ms: Option<i64>,
    pub flush_events: Option<u64>,
    pub flush_age_ms: Option<i64>,
    pub exports_kept_ms: Option<i64>,
    pub redaction_rules: Option<Vec<redact::RuleConfig>>,
    pub exclusion_rules: Option<Vec<exclude::RuleConfig>>,
    pub severity_log_levels: SeverityLogLevelsLayer,
    pub external_access: Option<Vec<ExternalAccess>>,
    pub webhooks: Option<Vec<Webhook>>,
    pub origin: Option<String>,
    pub secret_file: Option<PathBuf>,
    pub checkpoint_copies: Option<Vec<PathBuf>>,
    pub witnesses: Option<Vec<Witness>>,
    pub public_url: Option<String>,
    pub trusted_proxies: Option<Vec<String>>,
    pub proxy_header: Option<ProxyHeader>,
    pub session_idle_ms: Option<i64>,
    pub session_age_ms: Option<i64>,
    pub record_reads: Option<bool>,
    pub requests_per_minute: Option<u32>,
    pub writes_per_minute: Option<u32>,
    pub smtp: Option<Smtp>,
    pub identity_providers: Option<Vec<IdentityProvider>>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file could not be read.
    #[error("reading the configuration file {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration is not TOML, line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A setting is unknown, or its value is not allowed.
    #[error("{key}: {reason}")]
    Value {
        /// Which setting.
        key: String,
        /// What is wrong with it and what it may be.
        reason: String,
    },
}

impl SettingsError {
    fn value(key: impl Into<String>, reason: impl Into<String>) -> Self {
        SettingsError::Value { key: key.into(), reason: reason.into() }
    }
}

impl Layer {
    /// Reads a TOML file.
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| SettingsError::File { path: path.to_owned(), source })?;
        Self::from_toml(&text)
    }

    /// Reads the text of a TOML file.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        read::toml(text)
    }

    /// Sets one setting, named as in the file, from JSON text: how flags and environment give lists.
    pub fn set_json(&mut self, key: &str, json: &str) -> Result<(), SettingsError> {
        read::json(self, key, json)
    }

    /// This layer where it says something, and the lower one elsewhere. Lists are replaced whole.
    #[must_use]
    pub fn over(self, lower: Layer) -> Layer {
        let (levels, below) = (self.severity_log_levels, lower.severity_log_levels);
        Layer {
            data_dir: self.data_dir.or(lower.data_dir),
            listen: self.listen.or(lower.listen),
            catalog: self.catalog.or(lower.catalog),
            tls_cert: self.tls_cert.or(lower.tls_cert),
            tls_key: self.tls_key.or(lower.tls_key),
            behind_proxy: self.behind_proxy.or(lower.behind_proxy),
            log_format: self.log_format.or(lower.log_format),
            log_level: self.log_level.or(lower.log_level),
            keep_initiated: self.keep_initiated.or(lower.keep_initiated),
            skew_ms_max: self.skew_ms_max.or(lower.skew_ms_max),
            idempotency_window_ms: self.idempotency_window_ms.or(lower.idempotency_window_ms),
            flush_events: self.flush_events.or(lower.flush_events),
            flush_age_ms: self.flush_age_ms.or(lower.flush_age_ms),
            exports_kept_ms: self.exports_kept_ms.or(lower.exports_kept_ms),
            redaction_rules: self.redaction_rules.or(lower.redaction_rules),
            exclusion_rules: self.exclusion_rules.or(lower.exclusion_rules),
            severity_log_levels: SeverityLogLevelsLayer {
                low: levels.low.or(below.low),
                medium: levels.medium.or(below.medium),
                high: levels.high.or(below.high),
                critical: levels.critical.or(below.critical),
            },
            external_access: self.external_access.or(lower.external_access),
            webhooks: self.webhooks.or(lower.webhooks),
            origin: self.origin.or(lower.origin),
            secret_file: self.secret_file.or(lower.secret_file),
            checkpoint_copies: self.checkpoint_copies.or(lower.checkpoint_copies),
            witnesses: self.witnesses.or(lower.witnesses),
            public_url: self.public_url.or(lower.public_url),
            trusted_proxies: self.trusted_proxies.or(lower.trusted_proxies),
            proxy_header: self.proxy_header.or(lower.proxy_header),
            session_idle_ms: self.session_idle_ms.or(lower.session_idle_ms),
            session_age_ms: self.session_age_ms.or(lower.session_age_ms),
            record_reads: self.record_reads.or(lower.record_reads),
            requests_per_minute: self.requests_per_minute.or(lower.requests_per_minute),
            writes_per_minute: self.writes_per_minute.or(lower.writes_per_minute),
            smtp: self.smtp.or(lower.smtp),
            identity_providers: self.identity_providers.or(lower.identity_providers),
        }
    }

    /// Fills in the defaults and checks what settings mean together.
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let levels = self.severity_log_levels;
        let default = SeverityLogLevels::default();
        let settings = Settings {
            data_dir: self.data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR_DEFAULT)),
            listen: self.listen.unwrap_or(LISTEN_DEFAULT),
            catalog: self.catalog,
            tls: tls_files(self.tls_cert, self.tls_key)?,
            behind_proxy: self.behind_proxy.unwrap_or_default(),
            log_format: self.log_format.unwrap_or_default(),
            log_level: self.log_level.unwrap_or_default(),
            keep_initiated: self.keep_initiated.unwrap_or_default(),
            skew_ms_max: self.skew_ms_max.unwrap_or(SKEW_MS_DEFAULT),
            idempotency_window_ms: self.idempotency_window_ms.unwrap_or(IDEMPOTENCY_WINDOW_MS_DEFAULT),
            tuning: tuning(self.flush_events, self.flush_age_ms),
            exports_kept_ms: self.exports_kept_ms.unwrap_or(EXPORTS_KEPT_MS_DEFAULT),
            redaction_rules: self.redaction_rules.unwrap_or_default(),
            exclusion_rules: self.exclusion_rules.unwrap_or_else(exclude::portal_defaults),
            severity_log_levels: SeverityLogLevels {
                low: levels.low.unwrap_or(default.low),
                medium: levels.medium.unwrap_or(default.medium),
                high: levels.high.unwrap_or(default.high),
                critical: levels.critical.unwrap_or(default.critical),
            },
            external_access: self.external_access.unwrap_or_default(),
            webhooks: self.webhooks.unwrap_or_default(),
            logs: LogOptions {
                origin: self.origin.unwrap_or_else(|| LogOptions::ORIGIN_DEFAULT.to_owned()),
                secret: self.secret_file,
                copies: self.checkpoint_copies.unwrap_or_default(),
            },
            witnesses: self.witnesses.unwrap_or_default(),
            public_url: self.public_url,
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            proxy_header: self.proxy_header,
            session_idle_ms: self.session_idle_ms.unwrap_or(SESSION_IDLE_MS_DEFAULT),
            session_age_ms: self.session_age_ms.unwrap_or(SESSION_AGE_MS_DEFAULT),
            record_reads: self.record_reads.unwrap_or(true),
            requests_per_minute: self.requests_per_minute.unwrap_or(REQUESTS_PER_MINUTE_DEFAULT),
            writes_per_minute: self.writes_per_minute.unwrap_or(WRITES_PER_MINUTE_DEFAULT),
            smtp: self.smtp,
            identity_providers: self.identity_providers.unwrap_or_default(),
        };
        settings.check()?;
        Ok(settings)
    }
}

impl Settings {
    fn check(&self) -> Result<(), SettingsError> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(SettingsError::value("data_dir", "must name a folder"));
        }
        let is_postgres = |url: &str| url.starts_with("postgres://") || url.starts_with("postgresql://");
        if self.catalog.as_deref().is_some_and(|url| !is_postgres(url)) {
            return Err(SettingsError::value("catalog", "must be a postgres:// URL; leave it out for SQLite"));
        }
        if self.tls.is_none() && !self.behind_proxy && !self.listen.ip().to_canonical().is_loopback() {
            let reason = format!(
                "plain HTTP on {}, which other machines can reach: set tls_cert and tls_key, or, where a proxy in \
                 front of it encrypts, behind_proxy",
                self.listen
            );
            return Err(SettingsError::value("listen", reason));
        }
        duration::check("clock_skew", self.skew_ms_max, 0)?;
        duration::check_within("session_idle", self.session_idle_ms, (1_000, SESSION_IDLE_HOURS_MAX * HOUR_MS))?;
        duration::check_within("session_lifetime", self.session_age_ms, (1_000, SESSION_DAYS_MAX * 24 * HOUR_MS))?;
        if self.requests_per_minute == 0 || self.writes_per_minute == 0 {
            return Err(SettingsError::value("requests_per_minute", "and writes_per_minute must be at least 1"));
        }
        identity_providers::check(&self.identity_providers, self.public_url.as_deref())?;
        if self.smtp.is_some() && self.public_url.is_none() {
            // What a request says of where it arrived is no address to be mailed with a secret in it.
            let reason = "must be set where smtp is: mails lead people to it";
            return Err(SettingsError::value("public_url", reason));
        }
        duration::check("idempotency_window", self.idempotency_window_ms, 1)?;
        duration::check("exports_kept", self.exports_kept_ms, 1)?;
        duration::check_within("flush_after", self.tuning.flush_age_ms, FLUSH_AFTER_MS)?;
        if !(1..=FLUSH_EVENTS_MIN).contains(&self.tuning.flush_events) {
            let reason = format!("must be from 1 to {FLUSH_EVENTS_MIN}, not {}", self.tuning.flush_events);
            return Err(SettingsError::value("flush_events", reason));
        }
        let rules = |key: &str, reason: String| SettingsError::value(key, reason);
        redact::Rules::new(&self.redaction_rules).map_err(|reason| rules("redaction_rules", reason))?;
        exclude::Rules::new(&self.exclusion_rules).map_err(|reason| rules("exclusion_rules", reason))?;
        witnesses::check(&self.logs, &self.witnesses)?;
        webhooks::check(&self.webhooks, &self.external_access)?;
        external_access::check(&self.external_access)
    }
}

/// The tuning of a store; what is not set stays as it is by default.
fn tuning(flush_events: Option<u64>, flush_age_ms: Option<i64>) -> Tuning {
    let default = Tuning::default();
    let flush_events = flush_events.unwrap_or(default.flush_events);
    Tuning {
        // What is flushed is chunks, so one must not take more than a flush.
        chunk_events: usize::try_from(flush_events).unwrap_or(CHUNK_EVENTS_MAX).min(default.chunk_events),
        flush_events,
        flush_age_ms: flush_age_ms.unwrap_or(default.flush_age_ms),
        ..default
    }
}

fn tls_files(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, SettingsError> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(SettingsError::value("tls_key", "must be set where tls_cert is")),
        (None, Some(_)) => Err(SettingsError::value("tls_cert", "must be set where tls_key is")),
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("has_catalog", &self.catalog.is_some())
            .field("tls", &self.tls)
            .field("behind_proxy", &self.behind_proxy)
            .field("log_format", &self.log_format)
            .field("log_level", &self.log_level)
            .field("keep_initiated", &self.keep_initiated)
            .field("skew_ms_max", &self.skew_ms_max)
            .field("idempotency_window_ms", &self.idempotency_window_ms)
            .field("tuning", &self.tuning)
            .field("exports_kept_ms", &self.exports_kept_ms)
            .field("redaction_rules", &self.redaction_rules)
            .field("exclusion_rules", &self.exclusion_rules)
            .field("severity_log_levels", &self.severity_log_levels)
            .field("external_access", &self.external_access)
            .field("webhooks", &self.webhooks)
            .field("logs", &self.logs)
            .field("witnesses", &self.witnesses)
            .finish()
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("data_dir", &self.data_dir)
            .field("listen", &self.listen)
            .field("has_catalog", &self.catalog.is_some())
            .field("tls_cert", &self.tls_cert)
            .field("tls_key", &self.tls_key)
            .field("behind_proxy", &self.behind_proxy)
            .field("log_format", &self.log_format)
            .field("log_level", &self.log_level)
            .field("keep_initiated", &self.keep_initiated)
            .field("skew_ms_max", &self.skew_ms_max)
            .field("idempotency_window_ms", &self.idempotency_window_ms)
            .field("flush_events", &self.flush_events)
            .field("flush_age_ms", &self.flush_age_ms)
            .field("exports_kept_ms", &self.exports_kept_ms)
            .field("redaction_rules", &self.redaction_rules)
            .field("exclusion_rules", &self.exclusion_rules)
            .field("severity_log_levels", &self.severity_log_levels)
            .field("external_access", &self.external_access)
            .field("webhooks", &self.webhooks)
            .field("origin", &self.origin)
            .field("secret_file", &self.secret_file)
            .field("checkpoint_copies", &self.checkpoint_copies)
            .field("witnesses", &self.witnesses)
            .finish()
    }
}

#[cfg(test)]
mod tests;
