//! Durations as configuration has them: a whole number and its unit, such as `90s`, `1h` or `7d`.

use super::SettingsError;

/// A year: longer than any clock is wrong and any sender retries.
const DURATION_MS_MAX: i64 = 366 * 24 * 60 * 60 * 1_000;

/// Reads `<n>ms`, `<n>s`, `<n>m`, `<n>h` or `<n>d`.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong(text)),
    };
    let number: i64 = digits.parse().map_err(|_| wrong(text))?;
    let duration_ms = number.checked_mul(unit_ms).filter(|ms| *ms <= DURATION_MS_MAX);
    duration_ms.ok_or_else(|| format!("must be at most 366d, not {text:?}"))
}

fn wrong(text: &str) -> String {
    format!("must be a whole number and one of ms, s, m, h, d, such as 1h, not {text:?}")
}

/// Checks a duration that may have come without a text.
pub(super) fn check(key: &str, duration_ms: i64, least_ms: i64) -> Result<(), SettingsError> {
    if (least_ms..=DURATION_MS_MAX).contains(&duration_ms) {
        return Ok(());
    }
    Err(SettingsError::value(key, format!("must be from {least_ms}ms to 366d, not {duration_ms}ms")))
}

/// Checks a duration that has a least and a most of its own, in milliseconds, both of whole seconds.
pub(super) fn check_within(key: &str, duration_ms: i64, (least_ms, most_ms): (i64, i64)) -> Result<(), SettingsError> {
    if (least_ms..=most_ms).contains(&duration_ms) {
        return Ok(());
    }
    let reason = format!("must be from {}s to {}s, not {duration_ms}ms", least_ms / 1_000, most_ms / 1_000);
    Err(SettingsError::value(key, reason))
}
