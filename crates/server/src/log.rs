//! The server's own log: readable text or one JSON object a line, on standard error.
//!
//! Payloads, tokens and addresses are not logged, with one exception that the Portal asks for: an event that an
//! exclusion rule keeps out is written here, redacted, at the level of its severity.

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::{LogFormat, LogLevel};

/// Starts logging for the whole process. A second call changes nothing.
pub fn init(format: LogFormat, level: LogLevel) {
    let filter = LevelFilter::from_level(level_of(level));
    let builder = tracing_subscriber::fmt().with_max_level(filter).with_writer(std::io::stderr);
    // An error means that somebody else has set a subscriber, which then stays.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => {
            builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).with_target(false).try_init()
        }
    };
}

fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    }
}

/// Writes an excluded event, in its redacted canonical form.
pub(crate) fn excluded_event(level: LogLevel, organization: &str, rule: &str, canonical: &[u8]) {
    let event = plain(&String::from_utf8_lossy(canonical));
    match level {
        LogLevel::Error => tracing::error!(organization, rule, %event, "excluded event"),
        LogLevel::Warn => tracing::warn!(organization, rule, %event, "excluded event"),
        LogLevel::Info => tracing::info!(organization, rule, %event, "excluded event"),
        LogLevel::Debug => tracing::debug!(organization, rule, %event, "excluded event"),
    }
}

/// The same JSON without a character that a terminal obeys: canonical JSON has those above U+007E as they are.
fn plain(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_control() {
            true => plain.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => plain.push(c),
        }
    }
    plain
}

/// Whether the log shows this level.
pub(crate) fn is_enabled(level: LogLevel, filter: LevelFilter) -> bool {
    level_of(level) <= filter
}
