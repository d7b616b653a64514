//! To which events and fields a role is narrowed, as people type it: a condition a line, and names of fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::ui::answer::{Refusal, Why};
use crate::ui::settings::directory::Narrowing;
use crate::ui::settings::lines;

/// What is typed: the API says what of it cannot be asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) filter: String,
    pub(super) without: String,
}

impl Typed {
    /// What a role is narrowed to.
    pub(super) fn of(narrowing: Option<&Narrowing>) -> Self {
        let Some(narrowing) = narrowing else { return Self::default() };
        let conditions = narrowing.filter.iter().map(|(field, values)| format!("{field}={values}"));
        Self {
            filter: conditions.collect::<Vec<_>>().join("\n"),
            without: narrowing.without.iter().cloned().collect::<Vec<_>>().join("\n"),
        }
    }

    /// The same for the API; none where it narrows nothing.
    pub(super) fn read(&self) -> Result<Option<Value>, Refusal> {
        let wrong = |text: String| Refusal::new(Why::Invalid, text);
        let mut filter = Map::new();
        for line in lines(&self.filter) {
            let unread = || wrong(format!("“{line}” is no condition: write a field, = and its values."));
            let (field, values) = line.split_once('=').ok_or_else(unread)?;
            let (field, values) = (field.trim(), values.trim());
            if filter.insert(field.to_owned(), values.into()).is_some() {
                let how = "write its values on one line, with commas between them";
                return Err(wrong(format!("{field} is there twice: {how}.")));
            }
        }
        let names = self.without.split(|c: char| c.is_whitespace() || c == ',').filter(|name| !name.is_empty());
        let without: BTreeSet<&str> = names.collect();
        match filter.is_empty() && without.is_empty() {
            true => Ok(None),
            false => Ok(Some(json!({"filter": filter, "without": without}))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Narrowing, Typed};

    #[test]
    fn lines_and_names_are_read_and_written_again() {
        let filter = " context.project = payments,billing\r\n\r\nseverity!=low\r\nmeta.url=a=b\r\n".to_owned();
        let typed = Typed { filter, without: "actor.email, context.ip\r\nmeta.customer ,".to_owned() };
        let read = typed.read().unwrap().unwrap();
        let expected = json!({
            "filter": {"context.project": "payments,billing", "severity!": "low", "meta.url": "a=b"},
            "without": ["actor.email", "context.ip", "meta.customer"],
        });
        assert_eq!(read, expected);
        let narrowing: Narrowing = serde_json::from_value(read.clone()).unwrap();
        assert_eq!(Typed::of(Some(&narrowing)).read().unwrap(), Some(read));
        assert_eq!(Typed::of(None).read().unwrap(), None);
        assert_eq!(Typed { filter: " \r\n".to_owned(), without: " ,".to_owned() }.read().unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (filter, words) in [("payments", "“payments” is no condition"), ("a=1\nb=2\na=3", "a is there twice")] {
            let typed = Typed { filter: filter.to_owned(), without: String::new() };
            assert!(typed.read().unwrap_err().text.contains(words), "{filter}");
        }
    }
}
