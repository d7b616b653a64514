//! `trailbook query`: searches events and shows them, as a table to people and as NDJSON to programs.

mod table;

use std::time::Duration;

use clap::{Args, ValueEnum};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use trailbook_event::limits::PAGE_EVENTS_MAX;

use crate::client::{Client, Server};
use crate::exit::{Error, Exit};
use crate::output::{self, Results};
use table::Table;

/// How long a server that does not answer is asked again for all events. Elsewhere a person waits, and asks again.
const PATIENCE_FOR_ALL: Duration = Duration::from_secs(30);

/// Search events
///
/// A table on a terminal, one JSON object a line in a pipe. What is searched for is a text of conditions and words that
/// all have to hold: 'actor:user:default/jane -severity:low outcome:failed,denied "exact words" word pre*'. In values
/// , separates, * at the end means that the field starts so, and * alone that it is there. field=value and field!=value
/// are conditions too. The fields are those of GET /api/v1/events.
///
/// Exit codes: 0 done, also when nothing is found, 2 wrong usage or token, 3 the server or the network failed.
///
/// Such as: trailbook query 'actor:user:default/jane outcome:failed,denied' --from 2026-01-01T00:00:00Z
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: Server,
    /// What is searched for, such as 'actor:user:default/jane outcome:failed "disk full"' or meta.env=prod
    #[arg(value_name = "TEXT|FILTER")]
    searches: Vec<String>,
    /// Only events that occurred at this time or later, such as 2026-01-15T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events that occurred before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The order of events: newest or oldest first, or as they were recorded
    #[arg(long, value_parser = ["newest", "oldest", "sequence"], default_value = "newest")]
    order: String,
    /// How many events to show at most
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "all",
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show all events that there are
    #[arg(long)]
    all: bool,
    /// The form of the output [default: table on a terminal, ndjson elsewhere]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// The form of the output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs: one JSON object a line.
    Ndjson,
}

/// One page of the native API.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    total: u64,
    next: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let client = Client::new(&arguments.server, if arguments.all { PATIENCE_FOR_ALL } else { Duration::ZERO })?;
    let conditions = arguments.conditions()?;
    let mut results = Results::new();
    let mut shown = Shown::new(arguments.format);
    let mut left = if arguments.all { u64::MAX } else { arguments.limit };
    let mut cursor = None;
    let (mut count, total) = (0, &mut None);
    loop {
        let path = page_path(&conditions, left.min(PAGE_EVENTS_MAX), cursor.as_deref());
        let answer = client.get(&path).await?;
        if answer.status != 200 {
            return Err(answer.refusal(client.base()));
        }
        let page: Page<'_> = serde_json::from_slice(&answer.body)
            .map_err(|error| Error::Failed(format!("{}: a strange answer: {error}", client.base())))?;
        let found = page.data.len() as u64;
        shown.page(&page.data, &mut results)?;
        (count, left) = (count + found, left.saturating_sub(found));
        total.get_or_insert(page.total);
        cursor = page.next;
        if cursor.is_none() || left == 0 || found == 0 {
            break;
        }
    }
    results.finish()?;
    if output::notes_are_read() {
        output::note(&format!("{count} of {} events", total.unwrap_or_default()));
    }
    Ok(Exit::Done)
}

impl Arguments {
    /// What every page is asked with, ready for a URL.
    fn conditions(&self) -> Result<String, Error> {
        let mut pairs = vec![("order", self.order.as_str())];
        pairs.extend(self.from.as_deref().map(|time| ("from", time)));
        pairs.extend(self.to.as_deref().map(|time| ("to", time)));
        conditions(&pairs, &self.searches)
    }
}

/// Parameters and searches, ready for a URL.
fn conditions(parameters: &[(&str, &str)], searches: &[String]) -> Result<String, Error> {
    let pairs = pairs(parameters, searches)?;
    let encoded = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    Ok(encoded.collect::<Vec<_>>().join("&"))
}

/// Parameters and searches, by the names of parameters.
pub(crate) fn pairs(parameters: &[(&str, &str)], searches: &[String]) -> Result<Vec<(String, String)>, Error> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let (mut pairs, mut texts) = (parameters.iter().map(owned).collect::<Vec<_>>(), Vec::new());
    for search in searches {
        let Some((field, value)) = filter(search) else {
            texts.push(search.as_str());
            continue;
        };
        let wrong = |reason: &str| Error::Usage(format!("the filter {search:?} {reason}"));
        match field.trim_end_matches('!') {
            "" => return Err(wrong("names no field")),
            "limit" | "cursor" => return Err(wrong("is no condition; see --limit and --all")),
            "order" | "from" | "to" => return Err(wrong("is no condition; there is a flag for it")),
            "q" => return Err(wrong("is no condition; give its text alone")),
            _ => pairs.push(owned(&(field, value))),
        }
    }
    if !texts.is_empty() {
        pairs.push(("q".to_owned(), texts.join(" ")));
    }
    Ok(pairs)
}

/// The field and the value of a search like field=value; others are texts.
fn filter(search: &str) -> Option<(&str, &str)> {
    let (field, value) = search.split_once('=')?;
    let is_of_text = |c: char| c == ':' || c == '"' || c.is_whitespace();
    (!field.contains(is_of_text)).then_some((field, value))
}

fn page_path(conditions: &str, limit: u64, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={}", encode(cursor))).unwrap_or_default();
    format!("/api/v1/events?{conditions}&limit={limit}{cursor}")
}

/// What need not be encoded in a query string and is easier to read as it is.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'!').remove(b':').remove(b'/');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// How events are shown.
enum Shown {
    Lines,
    Table(Table),
}

impl Shown {
    fn new(format: Option<Format>) -> Self {
        let default = if output::is_terminal() { Format::Table } else { Format::Ndjson };
        match format.unwrap_or(default) {
            Format::Ndjson => Shown::Lines,
            Format::Table => Shown::Table(Table::new(output::terminal_columns())),
        }
    }

    fn page(&mut self, events: &[&RawValue], results: &mut Results) -> Result<(), Error> {
        match self {
            // An end of line in JSON is white space: a text has none.
            Shown::Lines => events.iter().try_for_each(|event| results.line(&event.get().replace('\n', " "))),
            Shown::Table(table) => table.page(events)?.iter().try_for_each(|line| results.line(line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{encode, filter, page_path};

    #[test]
    fn a_filter_has_an_equals_sign_behind_its_field() {
        assert_eq!(filter("actor.id!=user:default/jane"), Some(("actor.id!", "user:default/jane")));
        assert_eq!(filter("meta.url=a=b"), Some(("meta.url", "a=b")));
        assert_eq!(filter("="), Some(("", "")));
        for text in ["", "word", "actor:jane", "meta.url:a=b", "\"a=b\"", "word a=b"] {
            assert_eq!(filter(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_url_gives_a_meaning_is_encoded() {
        assert_eq!(encode("actor.id!"), "actor.id!");
        assert_eq!(encode("user:default/jane"), "user:default/jane");
        assert_eq!(encode("a&b=c d,e+f#%ä\\,"), "a%26b%3Dc%20d%2Ce%2Bf%23%25%C3%A4%5C%2C");
        assert_eq!(page_path("order=newest", 5, Some("a=")), "/api/v1/events?order=newest&limit=5&cursor=a%3D");
    }
}
