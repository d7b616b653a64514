//! A search as one text, as people type it.
//!
//! ```text
//! text       = [ part *( space part ) ]                 every part has to hold
//! part       = [ "-" ] ( condition / phrase / word )    "-" turns it round
//! condition  = field ":" value *( "," value )           a field, an alias or a path of meta
//! phrase     = quote words quote                        these words next to each other
//! word       = words [ "*" ]                            "*": a word that begins so
//! ```
//!
//! `actor:user:default/jane action:entity-* -severity:low meta.env:prod actor.name:"Jane Doe" "exact words" pre*`
//!
//! Values are read as `values.rs` says, words as [`trailbook_event::words`] says. What yields several words, such as
//! `foo-bar`, is a phrase. Text with a colon that is no condition stands in quotes: a mistyped field is no word that
//! silently finds nothing.

mod write;

use trailbook_event::limits::{CONDITIONS_MAX, TEXT_BYTES_MAX};
use trailbook_event::words;

use crate::values::{self, Fault, Input, Piece, Syntax};
use crate::{Condition, Error, Term, TermKind, fields};

pub use write::{condition as write_condition, write};

/// What a text asks for. All of it holds at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// What must hold of fields.
    pub conditions: Vec<Condition>,
    /// What must hold of texts.
    pub terms: Vec<Term>,
}

/// Reads a text of up to [`TEXT_BYTES_MAX`] bytes. An error is [`Error::Text`] with the place of what is wrong.
pub fn parse(text: &str) -> Result<Parsed, Error> {
    read(text).map_err(|Fault { at, reason }| {
        let before = text.get(..at).unwrap_or(text);
        Error::Text { position: before.chars().count() + 1, reason }
    })
}

fn read(text: &str) -> Result<Parsed, Fault> {
    if text.len() > TEXT_BYTES_MAX {
        let at = text.floor_char_boundary(TEXT_BYTES_MAX);
        return Err(Fault::new(at, format!("the text has {} bytes, more than {TEXT_BYTES_MAX}", text.len())));
    }
    let mut parsed = Parsed::default();
    let mut input = Input::new(text);
    while let Some(next) = input.peek() {
        if next.is_whitespace() {
            input.next();
            continue;
        }
        if parsed.conditions.len() + parsed.terms.len() == CONDITIONS_MAX {
            return Err(Fault::new(input.at(), format!("this is more than {CONDITIONS_MAX} conditions and words")));
        }
        let is_negated = minus(&mut input)?;
        match field_name(&mut input) {
            Some(name) => parsed.conditions.push(condition(name, is_negated, &mut input)?),
            None => parsed.terms.push(Term { is_negated, kind: term(&mut input)? }),
        }
    }
    Ok(parsed)
}

/// Reads the minus in front of a part, if there is one.
fn minus(input: &mut Input<'_>) -> Result<bool, Fault> {
    let at = input.at();
    if !input.take('-') {
        return Ok(false);
    }
    match input.peek() {
        None => Err(Fault::new(at, "a minus stands alone; it belongs in front of what must not hold")),
        Some(c) if c.is_whitespace() => Err(Fault::new(at, "a minus stands alone; there is no space behind it")),
        Some('-') => Err(Fault::new(at, r"there are two minus signs; write \- for a plain minus")),
        Some(_) => Ok(true),
    }
}

/// Reads what stands before the colon of a condition, and the colon. What is no condition stays unread.
fn field_name<'a>(input: &mut Input<'a>) -> Option<&'a str> {
    let mut ahead = input.clone();
    loop {
        let name = ahead.since(input.at());
        match ahead.next()? {
            ':' => {
                *input = ahead;
                return Some(name);
            }
            '\\' => {
                ahead.next();
            }
            '"' => return None,
            c if c.is_whitespace() => return None,
            _ => {}
        }
    }
}

fn condition(name: &str, is_negated: bool, input: &mut Input<'_>) -> Result<Condition, Fault> {
    let start = input.at();
    let field = fields::named(name).ok_or_else(|| {
        let reason = format!("{name:?} is no field that can be filtered; text that has a colon stands in quotes");
        Fault::new(start - name.len() - 1, reason)
    })?;
    let any_of = values::list(input, Syntax::Condition, &field)
        .map_err(|fault| Fault::new(fault.at, format!("{name} {}", fault.reason)))?;
    match values::too_many(name, any_of.len()) {
        Some(reason) => Err(Fault::new(start, reason)),
        None => Ok(Condition { field, is_negated, any_of }),
    }
}

fn term(input: &mut Input<'_>) -> Result<TermKind, Fault> {
    let start = input.at();
    let subject = if input.peek() == Some('"') { "the phrase" } else { "the word" };
    let Piece { text, has_star } = values::piece(input, Syntax::Words)
        .map_err(|fault| Fault::new(fault.at, format!("{subject} {}", fault.reason)))?;
    let mut all = Vec::new();
    words::words(&text, &mut |word| all.push(word.to_owned()));
    // A star means how the word goes on, so nothing may stand between both.
    if has_star && !text.chars().all(char::is_alphanumeric) {
        return Err(Fault::new(start, "a star follows one word of nothing but letters and digits"));
    }
    match (all.len(), all.pop()) {
        (1, Some(word)) if has_star => Ok(TermKind::Prefix(word)),
        (1, Some(word)) => Ok(TermKind::Word(word)),
        (_, Some(last)) => Ok(TermKind::Phrase(all.into_iter().chain([last]).collect())),
        (_, None) => Err(Fault::new(start, no_word(&text))),
    }
}

fn no_word(text: &str) -> String {
    format!(
        "{text:?} holds no word: a word has 2 to 32 bytes, and long numbers and ids are none; \
         such values are found by their field, as in field:value"
    )
}

#[cfg(test)]
mod tests;
