//! From the parameters of a URL to a [`Query`], as the native API has them.
//!
//! ```text
//! actor.id=user:default/jane    is            outcome=failed,denied   is any     meta.env=prod   a path of meta
//! severity!=low                 is not        action=entity-*         starts     error.name=*    exists
//! ```
//!
//! Values are read as `values.rs` says. `q` is a search as one text, whose conditions and words hold beside the others.

use std::collections::BTreeMap;

use trailbook_event::Timestamp;
use trailbook_event::limits::{CONDITIONS_MAX, PAGE_EVENTS_MAX};

use crate::values::{self, Input, Syntax};
use crate::{Condition, Cursor, Error, Order, Query, Start, fields, text};

/// Parameters that are not fields.
pub const RESERVED: &[&str] = &[
    "q",
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
            "q" => {
                let parsed = text::parse(value)?;
                query.conditions.extend(parsed.conditions);
                query.text = parsed.terms;
            }
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
    let count = query.conditions.len() + query.text.len();
    if count > CONDITIONS_MAX {
        return Err(Error::TooLarge(format!("{count} conditions are more than {CONDITIONS_MAX}")));
    }
    if let Some(text) = cursor {
        query.page.start = Start::After(Cursor::decode(text, query.order)?);
    }
    Ok(query)
}

/// Reads conditions alone: a filter, by names and values as a URL has them. What narrows a reader is given so.
pub fn conditions(filter: &BTreeMap<String, String>) -> Result<Vec<Condition>, Error> {
    if filter.len() > CONDITIONS_MAX {
        return Err(Error::TooLarge(format!("{} conditions are more than {CONDITIONS_MAX}", filter.len())));
    }
    let read = |(name, value): (&String, &String)| match RESERVED.contains(&name.as_str()) {
        true => Err(Error::parameter(name, "is no condition on a field, and a filter has no other")),
        false => condition(name, value),
    };
    filter.iter().map(read).collect()
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
    let any_of = values::list(&mut Input::new(value), Syntax::Parameter, &field)
        .map_err(|fault| Error::parameter(field_name, fault.reason))?;
    match values::too_many(field_name, any_of.len()) {
        Some(reason) => Err(Error::TooLarge(reason)),
        None => Ok(Condition { field, is_negated, any_of }),
    }
}

#[cfg(test)]
mod tests;
