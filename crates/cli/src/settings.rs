//! The settings of a server as flags and environment variables; the file and the rules are the server's.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use trailbook_server::settings::{
    DATA_DIR_DEFAULT, Layer, LogFormat, LogLevel, ProxyHeader, Settings, SettingsError, parse_duration_ms,
};
use trailbook_store::LogOptions;

/// Where a server keeps what it keeps. Shared by `serve`, `check` and `token`.
#[derive(Args)]
pub(crate) struct Place {
    /// A TOML file with settings; flags and environment win over it
    ///
    /// Its keys are the names of the flags with _ for -, such as: listen = "127.0.0.1:9000"
    #[arg(long, value_name = "FILE", env = "TRAILBOOK_CONFIG")]
    config: Option<PathBuf>,
    /// The folder of all that the server keeps; made where it is missing [default: trailbook-data]
    #[arg(long, value_name = "DIR", env = "TRAILBOOK_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL database for the catalog, instead of SQLite in the data folder
    ///
    /// Such as: `--catalog postgres://trailbook@db.example/trailbook`
    #[arg(long, value_name = "URL", env = "TRAILBOOK_CATALOG", hide_env_values = true)]
    catalog: Option<String>,
}

impl Place {
    /// What flags and environment say, over what the file says.
    fn layer(self) -> Result<Layer, SettingsError> {
        let file = self.config.as_deref().map(Layer::from_file).transpose()?.unwrap_or_default();
        Ok(Layer { data_dir: self.data_dir, catalog: self.catalog, ..Layer::default() }.over(file))
    }

    /// The data folder and the catalog.
    pub(crate) fn resolve(self) -> Result<(PathBuf, Option<String>), SettingsError> {
        let layer = self.layer()?;
        Ok((layer.data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR_DEFAULT)), layer.catalog))
    }

    /// The same, and how logs are kept there.
    pub(crate) fn resolve_with_logs(
        self,
        logs: LogArguments,
    ) -> Result<(PathBuf, Option<String>, LogOptions), SettingsError> {
        let layer = logs.layer()?.over(self.layer()?);
        let layer = Layer { listen: None, behind_proxy: None, tls_cert: None, tls_key: None, ..layer };
        let settings = layer.resolve()?;
        Ok((settings.data_dir, settings.catalog, settings.logs))
    }
}

/// How logs are named and kept. Shared by `serve` and `log freeze`.
#[derive(Args)]
pub(crate) struct LogArguments {
    /// What the names of new logs begin with: this server's name, such as audit.example.com [default: trailbook]
    ///
    /// A log's name stands in each of its checkpoints and never changes.
    #[arg(long, value_name = "NAME", env = "TRAILBOOK_ORIGIN")]
    origin: Option<String>,
    /// The file with the secret that the keys of logs are encrypted with [default: secret in the data folder]
    ///
    /// Made where it is missing. Elsewhere, a copy of the data folder alone cannot sign.
    #[arg(long, value_name = "FILE", env = "TRAILBOOK_SECRET_FILE")]
    secret_file: Option<PathBuf>,
    /// Folders that get a copy of the last checkpoints, as a JSON list
    ///
    /// On another disk or machine: then a data folder that is put back to an older state is noticed at the start.
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_CHECKPOINT_COPIES")]
    checkpoint_copies: Option<String>,
}

impl LogArguments {
    /// What flags and environment say.
    fn layer(self) -> Result<Layer, SettingsError> {
        let mut layer = Layer { origin: self.origin, secret_file: self.secret_file, ..Layer::default() };
        if let Some(json) = self.checkpoint_copies {
            layer.set_json("checkpoint_copies", &json)?;
        }
        Ok(layer)
    }
}

/// Every setting of a server.
#[derive(Args)]
pub(crate) struct SettingsArguments {
    #[command(flatten)]
    place: Place,
    /// The address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    ///
    /// An address that other machines can reach needs --tls-cert and --tls-key, or --behind-proxy.
    #[arg(long, value_name = "ADDR", env = "TRAILBOOK_LISTEN")]
    listen: Option<SocketAddr>,
    /// The certificate for HTTPS, PEM, followed by those that lead to its root
    #[arg(long, value_name = "FILE", env = "TRAILBOOK_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", env = "TRAILBOOK_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// A proxy in front of the server encrypts, so plain HTTP is allowed on any address
    #[arg(long, env = "TRAILBOOK_BEHIND_PROXY", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    behind_proxy: Option<bool>,
    /// How the server's log looks on standard error: text or json [default: text]
    #[arg(long, value_name = "FORMAT", env = "TRAILBOOK_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// What the server's log shows: error, warn, info or debug [default: info]
    #[arg(long, value_name = "LEVEL", env = "TRAILBOOK_LOG_LEVEL")]
    log_level: Option<LogLevel>,
    /// Keep records that an action began (outcome initiated), which are dropped otherwise
    #[arg(long, env = "TRAILBOOK_KEEP_INITIATED", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    keep_initiated: Option<bool>,
    /// How far ahead of the server's clock an event's time may lie [default: 1h]
    ///
    /// A whole number and ms, s, m, h or d.
    #[arg(long, value_name = "DURATION", env = "TRAILBOOK_CLOCK_SKEW", value_parser = parse_duration_ms)]
    clock_skew: Option<i64>,
    /// How long an Idempotency-Key or a client's event id is remembered [default: 7d]
    #[arg(long, value_name = "DURATION", env = "TRAILBOOK_IDEMPOTENCY_WINDOW", value_parser = parse_duration_ms)]
    idempotency_window: Option<i64>,
    /// How many events in memory are moved to disk at once, 1 to 200000 [default: 200000]
    ///
    /// Fewer take less memory and make more, smaller files, which are merged later.
    #[arg(long, value_name = "N", env = "TRAILBOOK_FLUSH_EVENTS")]
    flush_events: Option<u64>,
    /// After how long events are moved to disk, however few they are, 1s to 5m [default: 5m]
    #[arg(long, value_name = "DURATION", env = "TRAILBOOK_FLUSH_AFTER", value_parser = parse_duration_ms)]
    flush_after: Option<i64>,
    /// How long the files of an export stay [default: 7d]
    #[arg(long, value_name = "DURATION", env = "TRAILBOOK_EXPORTS_KEPT", value_parser = parse_duration_ms)]
    exports_kept: Option<i64>,
    /// What is replaced in events before anything else sees them, as a JSON list
    ///
    /// Such as: '[{"name": "mail", "path": "actor.email"}, {"name": "card", "pattern": "[0-9]{16}"}]'
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_REDACTION_RULES")]
    redaction_rules: Option<String>,
    /// Which actor's which events are never stored, as a JSON list that replaces the default
    ///
    /// Such as: '[{"actorId": "plugin:*", "eventId": ["entity-fetch", "entity-facets"]}]'. The default excludes these
    /// two events of plugin:* and of user:default/synthetic-*.
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_EXCLUSION_RULES")]
    exclusion_rules: Option<String>,
    /// At which level excluded events of a severity are written to the server's log, as JSON
    ///
    /// Such as: '{"low": "info", "critical": "warn"}'. By default low is debug and all others are info.
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_SEVERITY_LOG_LEVEL_MAPPINGS")]
    severity_log_level_mappings: Option<String>,
    /// Tokens, in the shape of Backstage's externalAccess, as a JSON list
    ///
    /// Other processes can see flags, so prefer the environment or the file. Such as: '[{"type": "static", "options":
    /// {"token": "…", "subject": "portal"}, "accessRestrictions": [{"plugin": "audit-log"}]}]'
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_EXTERNAL_ACCESS", hide_env_values = true)]
    external_access: Option<String>,
    /// URLs that Port sends its events to, as a JSON list
    ///
    /// Other processes can see flags, so prefer the environment or the file. Such as:
    /// `[{"name": "port", "from": "port", "secret": "…", "signing_key": "…"}]`
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_WEBHOOKS", hide_env_values = true)]
    webhooks: Option<String>,
    #[command(flatten)]
    logs: LogArguments,
    /// Witnesses that are asked to cosign checkpoints, as a JSON list
    ///
    /// Such as: `[{"vkey": "witness.example/w1+df1c0a35+BIE5…", "url": "https://witness.example/w1"}]`
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_WITNESSES")]
    witnesses: Option<String>,
    /// Where people reach the server, such as `https://audit.example.com`: links in mails begin with it
    #[arg(long, value_name = "URL", env = "TRAILBOOK_PUBLIC_URL")]
    public_url: Option<String>,
    /// Proxies that are believed where a request comes from, as a JSON list of addresses and networks
    ///
    /// Such as: `["10.0.0.0/8", "::1"]`. Without any, X-Forwarded-For and Forwarded are not looked at.
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_TRUSTED_PROXIES")]
    trusted_proxies: Option<String>,
    /// The header that they write: forwarded or x-forwarded-for [default: either; if both, they must agree]
    #[arg(long, value_name = "NAME", env = "TRAILBOOK_PROXY_HEADER")]
    proxy_header: Option<ProxyHeader>,
    /// After how long without a request a session ends, up to 24h [default: 1h]
    #[arg(long, value_name = "DURATION", env = "TRAILBOOK_SESSION_IDLE", value_parser = parse_duration_ms)]
    session_idle: Option<i64>,
    /// How long a session lasts at most, up to 30d [default: 12h]
    #[arg(long, value_name = "DURATION", env = "TRAILBOOK_SESSION_LIFETIME", value_parser = parse_duration_ms)]
    session_lifetime: Option<i64>,
    /// Record who reads the log, once a minute before the first answer [default: true]
    #[arg(long, env = "TRAILBOOK_RECORD_READS", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    record_reads: Option<bool>,
    /// Requests of one credential in a minute, writes of events apart [default: 6000]
    #[arg(long, value_name = "N", env = "TRAILBOOK_REQUESTS_PER_MINUTE")]
    requests_per_minute: Option<u32>,
    /// Writes of events of one credential in a minute [default: 1200000]
    #[arg(long, value_name = "N", env = "TRAILBOOK_WRITES_PER_MINUTE")]
    writes_per_minute: Option<u32>,
    /// The mail server that invitations go through, as JSON
    ///
    /// Other processes can see flags, so prefer the environment or the file. Such as:
    /// `{"host": "mail.acme.example", "from": "Trailbook <audit@acme.example>", "username": "…", "password": "…"}`
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_SMTP", hide_env_values = true)]
    smtp: Option<String>,
    /// OpenID providers that people sign in through, as a JSON list
    ///
    /// Other processes can see flags, so prefer the environment or the file.
    #[arg(long, value_name = "JSON", env = "TRAILBOOK_IDENTITY_PROVIDERS", hide_env_values = true)]
    identity_providers: Option<String>,
}

impl SettingsArguments {
    /// The settings: flags and environment over the file over the defaults.
    pub(crate) fn resolve(self) -> Result<Settings, SettingsError> {
        let lower = self.place.layer()?;
        let mut layer = Layer {
            listen: self.listen,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            behind_proxy: self.behind_proxy,
            log_format: self.log_format,
            log_level: self.log_level,
            keep_initiated: self.keep_initiated,
            skew_ms_max: self.clock_skew,
            idempotency_window_ms: self.idempotency_window,
            flush_events: self.flush_events,
            flush_age_ms: self.flush_after,
            exports_kept_ms: self.exports_kept,
            public_url: self.public_url,
            proxy_header: self.proxy_header,
            session_idle_ms: self.session_idle,
            session_age_ms: self.session_lifetime,
            record_reads: self.record_reads,
            requests_per_minute: self.requests_per_minute,
            writes_per_minute: self.writes_per_minute,
            ..self.logs.layer()?
        };
        let lists = [
            ("redaction_rules", self.redaction_rules),
            ("exclusion_rules", self.exclusion_rules),
            ("severity_log_level_mappings", self.severity_log_level_mappings),
            ("external_access", self.external_access),
            ("webhooks", self.webhooks),
            ("witnesses", self.witnesses),
            ("trusted_proxies", self.trusted_proxies),
            ("smtp", self.smtp),
            ("identity_providers", self.identity_providers),
        ];
        for (key, json) in lists {
            if let Some(json) = json {
                layer.set_json(key, &json)?;
            }
        }
        layer.over(lower).resolve()
    }
}
