//! Events as a table for a terminal: what happened, one line each, never wider than the terminal.
//!
//! Texts of events come from anywhere, so nothing of them reaches the terminal that it would obey: control characters
//! and escape sequences are taken out, and characters that turn the direction of writing.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exit::Error;

const HEADINGS: [&str; 6] = ["TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "SOURCE"];
/// How narrow a column may get so that others have room.
const COLUMN_CHARS_MIN: usize = 10;
const GAP: &str = "  ";

/// A table that grows page by page. The first page gives the widths.
pub(super) struct Table {
    columns_max: Option<usize>,
    widths: Option<[usize; 6]>,
}

#[derive(Deserialize)]
struct Event {
    occurred_at: Option<String>,
    source: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    actor: Option<Actor>,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Actor {
    r#type: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    id: Option<String>,
}

impl Table {
    /// A table for so many characters a line, or for any.
    pub(super) fn new(columns_max: Option<usize>) -> Self {
        Self { columns_max, widths: None }
    }

    /// The lines of the next page; the first page begins with headings.
    pub(super) fn page(&mut self, events: &[&RawValue]) -> Result<Vec<String>, Error> {
        let mut rows: Vec<[String; 6]> = Vec::with_capacity(events.len() + 1);
        if self.widths.is_none() && !events.is_empty() {
            rows.push(HEADINGS.map(str::to_owned));
        }
        for event in events {
            let event: Event = serde_json::from_str(event.get())
                .map_err(|error| Error::Failed(format!("an event that is none: {error}")))?;
            rows.push(event.cells());
        }
        let widths = *self.widths.get_or_insert_with(|| widths(&rows, self.columns_max));
        Ok(rows.iter().map(|row| line(row, &widths, self.columns_max)).collect())
    }
}

impl Event {
    fn cells(self) -> [String; 6] {
        let time = self.occurred_at.unwrap_or_default();
        let seconds = time.get(..19).unwrap_or(&time).replace('T', " ");
        let actor = self.actor.map(|actor| actor.id.or(actor.r#type).unwrap_or_default()).unwrap_or_default();
        let others = self.targets.len().saturating_sub(1);
        let mut target = self.targets.into_iter().next().and_then(|target| target.id).unwrap_or_default();
        if others > 0 {
            target.push_str(&format!(" +{others}"));
        }
        let rest = [actor, self.action.unwrap_or_default(), target];
        let [actor, action, target] = rest.map(|text| plain(&text));
        let [outcome, source] = [self.outcome, self.source].map(|text| plain(&text.unwrap_or_default()));
        [plain(&seconds), actor, action, target, outcome, source]
    }
}

/// How wide each column is: as its content, and where that is too much, the widest give way, but for time and outcome.
fn widths(rows: &[[String; 6]], columns_max: Option<usize>) -> [usize; 6] {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let Some(columns_max) = columns_max else { return widths };
    let room = columns_max.saturating_sub(GAP.len() * (widths.len() - 1));
    while widths.iter().sum::<usize>() > room {
        let [_, actor, action, target, _, source] = &mut widths;
        let widest = [actor, action, target, source].into_iter().max();
        match widest.filter(|widest| **widest > COLUMN_CHARS_MIN) {
            Some(widest) => *widest -= 1,
            None => break,
        }
    }
    widths
}

fn line(row: &[String; 6], widths: &[usize; 6], columns_max: Option<usize>) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| {
        let cut = if columns_max.is_some() { cut(cell, *width) } else { cell.clone() };
        let fill = width.saturating_sub(cut.chars().count());
        format!("{cut}{}", " ".repeat(fill))
    });
    let line = cells.collect::<Vec<_>>().join(GAP);
    let line = line.trim_end();
    columns_max.map_or_else(|| line.to_owned(), |max| cut(line, max))
}

/// At most so many characters, the last of them … where something is missing.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The text without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
                Some(']' | 'P' | 'X' | '^' | '_') => skip_string(&mut chars),
                _ => {}
            },
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Passes over the text of a control string, which BEL or ESC \ ends.
fn skip_string(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next() {
        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{Table, plain};

    fn table(columns_max: Option<usize>, events: &[&str]) -> Vec<String> {
        let events: Vec<Box<RawValue>> = events.iter().map(|e| serde_json::from_str(e).unwrap()).collect();
        let events: Vec<&RawValue> = events.iter().map(AsRef::as_ref).collect();
        Table::new(columns_max).page(&events).unwrap()
    }

    const EVENT: &str = r#"{"occurred_at":"2026-01-15T12:00:00.000Z","source":"catalog","action":"entity-mutate",
        "outcome":"succeeded","actor":{"type":"user","id":"user:default/jane"},
        "targets":[{"id":"component:default/my-service"},{"id":"b"}],"meta":{"x":1}}"#;

    #[test]
    fn each_event_is_a_line_under_headings() {
        let expected = [
            "TIME                 ACTOR              ACTION         TARGET                           OUTCOME    SOURCE",
            "2026-01-15 12:00:00  user:default/jane  entity-mutate  component:default/my-service +1  succeeded  catalog",
            "                                                                                                   s",
        ];
        assert_eq!(table(None, &[EVENT, r#"{"source":"s"}"#]), expected);
        assert!(table(None, &[]).is_empty());
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [1, 10, 40, 80, 100] {
            for line in table(Some(columns), &[EVENT, r#"{"action":"äääääääääääääääääääääääääää"}"#])
            {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
        }
        let lines = table(Some(80), &[EVENT]);
        assert!(lines[1].starts_with("2026-01-15 12:00:00  ") && lines[1].contains('…'), "{}", lines[1]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("a\u{1b}cb", "ab"),
            ("a\nb\tc\u{0}\u{9b}d\u{7f}", "a b cd"),
            ("\u{202e}abc\u{2066}", "abc"),
            ("\u{1b}[", ""),
            ("\u{1b}", ""),
            ("ä日", "ä日"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }
}
