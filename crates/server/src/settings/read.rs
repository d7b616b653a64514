//! Reads settings by name, from TOML or JSON, value by value, so that each error names its setting.
//!
//! No error repeats a value that may hold a token: of `external_access`, `webhooks` and `catalog` they say the kind at
//! most.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use trailbook_event::limits::RULES_MAX;

use super::{
    Layer, LogLevel, SettingsError, SeverityLogLevelsLayer, external_access, identity_providers, parse_duration_ms,
    smtp, webhooks, witnesses,
};

/// Every key of a configuration file.
const KEYS: [&str; 33] = [
    "data_dir",
    "listen",
    "catalog",
    "tls_cert",
    "tls_key",
    "behind_proxy",
    "log_format",
    "log_level",
    "keep_initiated",
    "clock_skew",
    "idempotency_window",
    "flush_events",
    "flush_after",
    "exports_kept",
    "redaction_rules",
    "exclusion_rules",
    "severity_log_level_mappings",
    "external_access",
    "webhooks",
    "origin",
    "secret_file",
    "checkpoint_copies",
    "witnesses",
    "public_url",
    "trusted_proxies",
    "proxy_header",
    "session_idle",
    "session_lifetime",
    "record_reads",
    "requests_per_minute",
    "writes_per_minute",
    "smtp",
    "identity_providers",
];
/// What Backstage calls `severity_log_level_mappings`.
const MAPPINGS_ALIAS: &str = "severityLogLevelMappings";

pub(super) fn toml(text: &str) -> Result<Layer, SettingsError> {
    // The library's own text of an error quotes the line, and the line may hold a token.
    let members: Map<String, Value> = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        SettingsError::Syntax { line: before.matches('\n').count() + 1, reason: error.message().to_owned() }
    })?;
    if members.contains_key(MAPPINGS_ALIAS) && members.contains_key("severity_log_level_mappings") {
        let reason = "is the same setting as severity_log_level_mappings; give one of them";
        return Err(SettingsError::value(MAPPINGS_ALIAS, reason));
    }
    let mut layer = Layer::default();
    for (key, value) in members {
        set(&mut layer, &key, value)?;
    }
    Ok(layer)
}

pub(super) fn json(layer: &mut Layer, key: &str, json: &str) -> Result<(), SettingsError> {
    let value =
        serde_json::from_str(json).map_err(|error| SettingsError::value(key, format!("must be JSON: {error}")))?;
    set(layer, key, value)
}

fn set(layer: &mut Layer, key: &str, value: Value) -> Result<(), SettingsError> {
    let result = match key {
        "data_dir" => path(value).map(|v| layer.data_dir = Some(v)),
        "listen" => address(value).map(|v| layer.listen = Some(v)),
        "catalog" => text(value).map(|v| layer.catalog = Some(v)),
        "tls_cert" => path(value).map(|v| layer.tls_cert = Some(v)),
        "tls_key" => path(value).map(|v| layer.tls_key = Some(v)),
        "behind_proxy" => truth(&value).map(|v| layer.behind_proxy = Some(v)),
        "log_format" => named(value).map(|v| layer.log_format = Some(v)),
        "log_level" => named(value).map(|v| layer.log_level = Some(v)),
        "keep_initiated" => truth(&value).map(|v| layer.keep_initiated = Some(v)),
        "clock_skew" => duration_ms(value).map(|v| layer.skew_ms_max = Some(v)),
        "idempotency_window" => duration_ms(value).map(|v| layer.idempotency_window_ms = Some(v)),
        "flush_events" => count(&value).map(|v| layer.flush_events = Some(v)),
        "flush_after" => duration_ms(value).map(|v| layer.flush_age_ms = Some(v)),
        "exports_kept" => duration_ms(value).map(|v| layer.exports_kept_ms = Some(v)),
        "redaction_rules" => rules(key, value, |_| Ok(())).map(|v| layer.redaction_rules = Some(v)),
        "exclusion_rules" => rules(key, value, check_patterns).map(|v| layer.exclusion_rules = Some(v)),
        "severity_log_level_mappings" | MAPPINGS_ALIAS => mappings(value).map(|v| layer.severity_log_levels = v),
        "origin" => text(value).map(|v| layer.origin = Some(v)),
        "secret_file" => path(value).map(|v| layer.secret_file = Some(v)),
        "checkpoint_copies" => paths(value).map(|v| layer.checkpoint_copies = Some(v)),
        "public_url" => public_url(value).map(|v| layer.public_url = Some(v)),
        "trusted_proxies" => texts(value).map(|v| layer.trusted_proxies = Some(v)),
        "proxy_header" => named(value).map(|v| layer.proxy_header = Some(v)),
        "session_idle" => duration_ms(value).map(|v| layer.session_idle_ms = Some(v)),
        "session_lifetime" => duration_ms(value).map(|v| layer.session_age_ms = Some(v)),
        "record_reads" => truth(&value).map(|v| layer.record_reads = Some(v)),
        "requests_per_minute" => number(&value).map(|v| layer.requests_per_minute = Some(v)),
        "writes_per_minute" => number(&value).map(|v| layer.writes_per_minute = Some(v)),
        "smtp" => return smtp::read(key, value).map(|v| layer.smtp = Some(v)),
        "identity_providers" => {
            return identity_providers::read(key, value).map(|v| layer.identity_providers = Some(v));
        }
        "witnesses" => return witnesses::read(key, value).map(|v| layer.witnesses = Some(v)),
        "webhooks" => return webhooks::read(key, value).map(|v| layer.webhooks = Some(v)),
        "external_access" => {
            return external_access::read(key, value).map(|v| layer.external_access = Some(v));
        }
        _ => Err(format!("there is no such setting; there are {}", KEYS.join(", "))),
    };
    result.map_err(|reason| SettingsError::value(key, reason))
}

/// What a value is called in an error.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// The members of a list, of which there is a limit.
pub(super) fn list(value: Value) -> Result<Vec<Value>, String> {
    list_of("tables", value)
}

fn list_of(what: &str, value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) if items.len() > RULES_MAX => {
            Err(format!("{} entries are more than {RULES_MAX}", items.len()))
        }
        Value::Array(items) => Ok(items),
        other => Err(format!("must be a list of {what}, not {}", kind(&other))),
    }
}

fn paths(value: Value) -> Result<Vec<PathBuf>, String> {
    list_of("texts", value)?.into_iter().map(path).collect()
}

pub(super) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("must be a text, not {}", kind(&other))),
    }
}

/// A list of texts.
fn texts(value: Value) -> Result<Vec<String>, String> {
    list_of("texts", value)?.into_iter().map(text).collect()
}

/// A number that is not negative and not huge.
fn number(value: &Value) -> Result<u32, String> {
    let found = value.as_u64().and_then(|number| u32::try_from(number).ok());
    found.ok_or_else(|| format!("must be a whole number up to {}, not {}", u32::MAX, kind(value)))
}

/// Where people reach the server.
fn public_url(value: Value) -> Result<String, String> {
    let text = text(value)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be https:// or http:// and a host, without a path".to_owned()),
    }
}

fn path(value: Value) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

fn address(value: Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    text.parse().map_err(|_| format!("must be an address and a port, such as 127.0.0.1:8080, not {text:?}"))
}

pub(super) fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("must be true or false, not {}", kind(value)))
}

fn count(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| match value {
        Value::Number(number) => format!("must be a whole number, not {number}"),
        other => format!("must be a whole number, not {}", kind(other)),
    })
}

fn named<T: FromStr<Err = String>>(value: Value) -> Result<T, String> {
    text(value)?.parse()
}

fn duration_ms(value: Value) -> Result<i64, String> {
    match value {
        Value::String(text) => parse_duration_ms(&text),
        other => Err(format!("must be a text such as \"1h\", not {}", kind(&other))),
    }
}

fn rules<T: DeserializeOwned>(
    key: &str,
    value: Value,
    check: fn(&Value) -> Result<(), String>,
) -> Result<Vec<T>, String> {
    let read = |(i, item): (usize, Value)| {
        if !item.is_object() {
            return Err(format!("{key}[{i}] must be a table, not {}", kind(&item)));
        }
        check(&item).map_err(|reason| format!("{key}[{i}].{reason}"))?;
        serde_json::from_value(item).map_err(|error| format!("{key}[{i}]: {error}"))
    };
    list(value)?.into_iter().enumerate().map(read).collect()
}

/// Says in words what the types of an exclusion rule say only by failing.
fn check_patterns(rule: &Value) -> Result<(), String> {
    for key in ["actorId", "eventId"] {
        let is_allowed = match rule.get(key) {
            None | Some(Value::String(_)) => true,
            Some(Value::Array(items)) => items.iter().all(Value::is_string),
            Some(_) => false,
        };
        if !is_allowed {
            return Err(format!("{key} must be a pattern or a list of patterns"));
        }
    }
    Ok(())
}

fn mappings(value: Value) -> Result<SeverityLogLevelsLayer, String> {
    let Value::Object(members) = value else {
        return Err(format!("must be a table, not {}", kind(&value)));
    };
    let mut levels = SeverityLogLevelsLayer::default();
    for (severity, value) in members {
        let place = match severity.as_str() {
            "low" => &mut levels.low,
            "medium" => &mut levels.medium,
            "high" => &mut levels.high,
            "critical" => &mut levels.critical,
            _ => return Err(format!("{severity:?} is no severity; there are low, medium, high, critical")),
        };
        let given = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        *place = Some(given.parse::<LogLevel>().map_err(|_| {
            // Backstage's sentence, word for word.
            let valid: Vec<&str> = LogLevel::ALL.into_iter().map(LogLevel::name).collect();
            format!(
                "The configuration value for 'backend.auditor.severityLogLevelMappings.{severity}' was given an \
                 invalid value: '{given}'. Expected one of the following valid values: '{}'.",
                valid.join(", ")
            )
        })?);
    }
    Ok(levels)
}
