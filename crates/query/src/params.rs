//! From the parameters of a URL to a [`Query`], as the native API has them.
//!
//! ```text
//! actor.id=user:default/jane    is            outcome=failed,denied   is any     meta.env=prod   a path of meta
//! severity!=low                 is not        action=entity-*         starts     error.name=*    exists
//! ```
//!
//! In a value `,` separates, `\` makes the next character plain. A star means something at a value's end only.

use trailbook_event::Timestamp;
use trailbook_event::limits::{CONDITION_VALUES_MAX, CONDITIONS_MAX, PAGE_EVENTS_MAX};

use crate::{Condition, Cursor, Error, FieldRef, Match, Order, Query, Start, fields};

/// Parameters that are not fields.
pub const RESERVED: &[&str] = &[
    "from",
    "to",
    "recorded_from",
    "recorded_to",
    "sequence_from",
    "sequence_to",
    "order",
    "limit",
    "cursor",
    "total",
];

/// Reads a query out of decoded names and values, in the order of the URL.
pub fn parse(pairs: &[(String, String)]) -> Result<Query, Error> {
    let mut query = Query::default();
    let mut cursor = None;
    for (i, (name, value)) in pairs.iter().enumerate() {
        if pairs.iter().take(i).any(|(before, _)| before == name) {
            return Err(Error::parameter(name, "is given more than once; separate values by commas"));
        }
        match name.as_str() {
            "from" => query.occurred.0 = Some(time(name, value)?.nanos()),
            "to" => query.occurred.1 = Some(time(name, value)?.nanos()),
            "recorded_from" => query.recorded.0 = Some(millis_up(time(name, value)?)),
            "recorded_to" => query.recorded.1 = Some(millis_up(time(name, value)?)),
            "sequence_from" => query.sequence.0 = Some(number(name, value)?),
            "sequence_to" => query.sequence.1 = Some(number(name, value)?),
            "order" => query.order = order(value)?,
            "limit" => query.page.limit = limit(name, value, PAGE_EVENTS_MAX)?,
            "cursor" => cursor = Some(value),
            "total" => query.wants_total = boolean(name, value)?,
            _ => query.conditions.push(condition(name, value)?),
        }
    }
    if query.conditions.len() > CONDITIONS_MAX {
        return Err(Error::TooLarge(format!("{} conditions are more than {CONDITIONS_MAX}", query.conditions.len())));
    }
    if let Some(text) = cursor {
        query.page.start = Start::After(Cursor::decode(text, query.order)?);
    }
    Ok(query)
}

/// A page size from 1 to a limit.
pub fn limit(name: &str, value: &str, max: u64) -> Result<u64, Error> {
    match value.parse() {
        Ok(limit) if (1..=max).contains(&limit) && value.bytes().all(|b| b.is_ascii_digit()) => Ok(limit),
        _ => Err(Error::parameter(name, format!("must be a whole number from 1 to {max}, not {value:?}"))),
    }
}

/// A whole number from 0.
pub fn number(name: &str, value: &str) -> Result<u64, Error> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = value.parse().ok().filter(|_| digits);
    number.ok_or_else(|| Error::parameter(name, format!("must be a whole number from 0, not {value:?}")))
}

/// A time as RFC 3339 writes it.
pub fn time(name: &str, value: &str) -> Result<Timestamp, Error> {
    // In a URL a plus sign that was not escaped arrives as a space.
    let text = value.replace(' ', "+");
    Timestamp::parse(&text).map_err(|e| Error::parameter(name, format!("{e}, not {value:?}")))
}

/// Milliseconds, rounded up: what is compared has whole ones, so "from" and "before" both stay exact.
fn millis_up(time: Timestamp) -> i64 {
    const NANOS: i64 = 1_000_000;
    time.nanos().div_euclid(NANOS) + i64::from(time.nanos().rem_euclid(NANOS) > 0)
}

fn boolean(name: &str, value: &str) -> Result<bool, Error> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::parameter(name, format!("must be true or false, not {value:?}"))),
    }
}

fn order(value: &str) -> Result<Order, Error> {
    match value {
        "newest" => Ok(Order::Newest),
        "oldest" => Ok(Order::Oldest),
        "sequence" => Ok(Order::Sequence),
        _ => Err(Error::parameter("order", format!("must be newest, oldest or sequence, not {value:?}"))),
    }
}

fn condition(name: &str, value: &str) -> Result<Condition, Error> {
    let (field_name, is_negated) = name.strip_suffix('!').map_or((name, false), |field| (field, true));
    let field = fields::named(field_name).ok_or_else(|| {
        let known = "is neither a field that can be filtered nor a parameter; /api/docs lists both";
        Error::parameter(field_name, known)
    })?;
    let any_of = matches(field_name, value)?;
    check_values(field_name, &field, &any_of)?;
    Ok(Condition { field, is_negated, any_of })
}

/// Splits a value at its commas.
fn matches(name: &str, value: &str) -> Result<Vec<Match>, Error> {
    let mut texts = vec![(String::new(), false)];
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let Some((text, is_prefix)) = texts.last_mut() else { break };
        match c {
            ',' => texts.push((String::new(), false)),
            '*' if matches!(chars.peek(), None | Some(',')) => *is_prefix = true,
            '*' => return Err(Error::parameter(name, r"has a star inside a value; write \* for a plain star")),
            '\\' => text.push(chars.next().ok_or_else(|| Error::parameter(name, "ends in a backslash"))?),
            _ => text.push(c),
        }
    }
    if texts.len() > CONDITION_VALUES_MAX {
        return Err(Error::TooLarge(format!("{name} has {} values, more than {CONDITION_VALUES_MAX}", texts.len())));
    }
    let read = |(text, is_prefix): (String, bool)| match (text.is_empty(), is_prefix) {
        (true, true) => Ok(Match::Exists),
        (true, false) => Err(Error::parameter(name, "has an empty value; use * for \"is there\"")),
        (false, true) => Ok(Match::StartsWith(text)),
        (false, false) => Ok(Match::Is(text)),
    };
    texts.into_iter().map(read).collect()
}

/// Where a field has few values, others are mistakes.
fn check_values(name: &str, field: &FieldRef, any_of: &[Match]) -> Result<(), Error> {
    let FieldRef::Field(field) = field else { return Ok(()) };
    let values = fields::values(*field);
    for one in any_of {
        if let Match::Is(text) = one
            && !values.is_empty()
            && !values.contains(&text.as_str())
        {
            return Err(Error::parameter(name, format!("must be one of {}, not {text:?}", values.join(", "))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
