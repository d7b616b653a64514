//! Which part of a file a request asks for, and what the file is called.

use axum::http::{HeaderMap, header};

use super::format::Format;
use crate::api::problem::{Kind, Problem};

/// The bytes that `Range` asks for, from and to (exclusive); `None` for all of them, also where several parts are
/// asked for, which RFC 9110 (section 14.2) leaves to us.
pub(crate) fn of(headers: &HeaderMap, size: u64) -> Result<Option<(u64, u64)>, Problem> {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some(asked) = text.and_then(|text| text.strip_prefix("bytes=")) else { return Ok(None) };
    let Some((from, to)) = asked.split_once('-').filter(|_| !asked.contains(',')) else { return Ok(None) };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (number(from), number(to)) {
        (Some(from), Some(last)) => Some((from, last.saturating_add(1).min(size))),
        (Some(from), None) if to.trim().is_empty() => Some((from, size)),
        (None, Some(last)) if from.trim().is_empty() => Some((size.saturating_sub(last), size)),
        _ => return Ok(None),
    };
    let none = || Problem::new(Kind::NoSuchRange, format!("the file has {size} bytes, so there is no {asked}"));
    range.filter(|(from, to)| from < to).map(Some).ok_or_else(none)
}

/// What a browser saves the file as: the export's name, with what file systems do not take left out.
pub(crate) fn attachment(name: &str, format: Format) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(100).collect();
    format!("attachment; filename=\"{}-{}.zip\"", plain.trim_matches(['-', '.']), format.name())
}
