//! Redaction: what must never reach the log is replaced before anything else sees the event.
//!
//! A rule names a field by its path, or a pattern that is looked for in every text. What it finds becomes
//! `[redacted:<rule>]`, so a reader knows that something was there and which rule took it.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::canonical;
use crate::json::Value;
use crate::limits::{NAME_CHARS_MAX, PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX, RULES_MAX};
use crate::model::{ContextKey, Event, Text};

/// A rule as configuration has it: a name, and either a path or a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What the marker says.
    pub name: String,
    /// A field such as `actor.email`, `context.ip` or `meta.user.password`; `*` stands for any one key.
    pub path: Option<String>,
    /// A regular expression (syntax of the `regex` crate), looked for in every text that a path could name.
    pub pattern: Option<String>,
}

/// The rules of a server, ready to apply.
#[derive(Debug, Default)]
pub struct Rules {
    paths: Vec<(Vec<String>, String)>,
    patterns: Vec<(Regex, String)>,
}

/// An event that the redaction rules were applied to. Only [`Rules::apply`] makes one.
#[derive(Debug)]
pub struct Redacted<'a>(Event<'a>);

impl Redacted<'_> {
    /// The event.
    pub fn event(&self) -> &Event<'_> {
        &self.0
    }
}

impl Rules {
    /// Reads the rules. The error names the rule.
    pub fn new(configs: &[RuleConfig]) -> Result<Self, String> {
        if configs.len() > RULES_MAX {
            return Err(format!("{} rules are more than {RULES_MAX}", configs.len()));
        }
        let mut rules = Self::default();
        for (i, config) in configs.iter().enumerate() {
            rules.add(config).map_err(|reason| format!("rule {i} ({:?}): {reason}", config.name))?;
        }
        Ok(rules)
    }

    fn add(&mut self, config: &RuleConfig) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name = config.name.as_str();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(plain) {
            return Err(format!("the name must be 1 to {NAME_CHARS_MAX} of the characters a-z, A-Z, 0-9, - _ ."));
        }
        let marker = format!("[redacted:{name}]");
        match (&config.path, &config.pattern) {
            (Some(path), None) => self.paths.push((parse_path(path)?, marker)),
            (None, Some(pattern)) => self.patterns.push((parse_pattern(pattern)?, marker)),
            _ => return Err("give either a path or a pattern".to_owned()),
        }
        Ok(())
    }

    /// Replaces what the rules name.
    pub fn apply<'a>(&self, mut event: Event<'a>) -> Redacted<'a> {
        if !self.paths.is_empty() || !self.patterns.is_empty() {
            self.event(&mut event);
        }
        Redacted(event)
    }

    fn event(&self, event: &mut Event<'_>) {
        self.optional(&["action_type"], &mut event.action_type);
        self.optional(&["query_type"], &mut event.query_type);
        self.optional(&["message"], &mut event.message);
        if let Some(error) = &mut event.error {
            self.optional(&["error", "name"], &mut error.name);
            self.optional(&["error", "message"], &mut error.message);
        }
        if let Some(actor) = &mut event.actor {
            self.optional(&["actor", "id"], &mut actor.id);
            self.optional(&["actor", "name"], &mut actor.name);
            self.optional(&["actor", "email"], &mut actor.email);
            for group in &mut actor.groups {
                self.optional(&["actor", "groups", "id"], &mut group.id);
                self.optional(&["actor", "groups", "name"], &mut group.name);
            }
        }
        for party in &mut event.on_behalf_of {
            self.text(&["on_behalf_of", "id"], &mut party.id);
            self.optional(&["on_behalf_of", "name"], &mut party.name);
        }
        for target in &mut event.targets {
            self.text(&["targets", "type"], &mut target.kind);
            self.text(&["targets", "id"], &mut target.id);
            self.optional(&["targets", "name"], &mut target.name);
        }
        for (key, text) in event.context.iter_mut() {
            if key != ContextKey::Channel {
                self.text(&["context", key.name()], text);
            }
        }
        if let Some(changes) = &mut event.changes {
            for (side, value) in [("before", &mut changes.before), ("after", &mut changes.after)] {
                if let Some(value) = value {
                    self.value(&mut vec!["changes".to_owned(), side.to_owned()], value);
                }
            }
        }
        for (key, value) in &mut event.meta {
            self.value(&mut vec!["meta".to_owned(), key.to_string()], value);
        }
    }

    fn optional(&self, path: &[&str], text: &mut Option<Text<'_>>) {
        if let Some(text) = text {
            self.text(path, text);
        }
    }

    fn text(&self, path: &[&str], text: &mut Text<'_>) {
        match self.marker_of(path) {
            Some(marker) => *text = Text::Owned(marker.to_owned()),
            None => self.replace_patterns(text),
        }
    }

    fn value(&self, path: &mut Vec<String>, value: &mut Value<'_>) {
        if let Some(marker) = self.marker_of(path) {
            *value = Value::String(Text::Owned(marker.to_owned()));
            return;
        }
        match value {
            Value::String(text) => self.replace_patterns(text),
            Value::Number(_) => self.number(value),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(path, item)),
            Value::Object(members) => {
                for (key, value) in members {
                    path.push(key.to_string());
                    self.value(path, value);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A number is looked at as it will be stored, whatever form the client gave it: `4111e12` is `4111000000000000`.
    fn number(&self, value: &mut Value<'_>) {
        if self.patterns.is_empty() {
            return;
        }
        let mut digits = Vec::new();
        canonical::write_value(value, &mut digits);
        let digits = String::from_utf8_lossy(&digits);
        if let Some((_, marker)) = self.patterns.iter().find(|(regex, _)| regex.is_match(&digits)) {
            *value = Value::String(Text::Owned(marker.clone()));
        }
    }

    fn marker_of<S: AsRef<str>>(&self, path: &[S]) -> Option<&str> {
        self.paths.iter().find(|(rule, _)| names(rule, path)).map(|(_, marker)| marker.as_str())
    }

    /// Replaces every stretch that a pattern matches. All patterns see the text as it was sent, never a marker; where
    /// matches meet or overlap they become one stretch, with the marker of the rule that finds its beginning.
    fn replace_patterns(&self, text: &mut Text<'_>) {
        let mut found: Vec<(usize, usize, usize)> = Vec::new();
        for (rule, (regex, _)) in self.patterns.iter().enumerate() {
            found.extend(regex.find_iter(text).map(|m| (m.start(), rule, m.end())));
        }
        if found.is_empty() {
            return;
        }
        found.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut at = None;
        for (start, rule, end) in found.into_iter().filter(|(start, _, end)| start < end) {
            if at.is_none_or(|at| start > at) {
                out.push_str(text.get(at.unwrap_or_default()..start).unwrap_or_default());
                out.push_str(self.patterns.get(rule).map_or("", |(_, marker)| marker));
            }
            at = at.max(Some(end));
        }
        out.push_str(text.get(at.unwrap_or_default()..).unwrap_or_default());
        *text = Text::Owned(out);
    }
}

/// Whether a rule's path names this place. A key with dots in it is named by as many segments, or by one `*`.
fn names<S: AsRef<str>>(mut rule: &[String], path: &[S]) -> bool {
    for key in path {
        let key = key.as_ref();
        let Some((first, rest)) = rule.split_first() else { return false };
        if first == "*" || first == key {
            rule = rest;
            continue;
        }
        for part in key.split('.') {
            match rule.split_first() {
                Some((want, rest)) if want == part => rule = rest,
                _ => return false,
            }
        }
    }
    rule.is_empty()
}

/// Paths that name one text of the event. Below `meta` and `changes` any path will do.
const TEXT_PATHS: &[&str] = &[
    "action_type",
    "query_type",
    "message",
    "error.name",
    "error.message",
    "actor.id",
    "actor.name",
    "actor.email",
    "actor.groups.id",
    "actor.groups.name",
    "on_behalf_of.id",
    "on_behalf_of.name",
    "targets.type",
    "targets.id",
    "targets.name",
];

fn parse_path(text: &str) -> Result<Vec<String>, String> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(format!("the path has more than {PATTERN_BYTES_MAX} bytes"));
    }
    let segments: Vec<String> = text.split('.').map(str::to_owned).collect();
    if segments.iter().any(String::is_empty) {
        return Err(format!("the path {text:?} has an empty segment"));
    }
    let known = match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // These are moved before any rule is applied, so a rule that names their old place would let them through.
        ["meta", "actionType"] => return Err(moved(text, "action_type")),
        ["meta", "queryType"] => return Err(moved(text, "query_type")),
        ["meta", "entityRef"] => return Err(moved(text, "targets.id")),
        ["meta", _, ..] => true,
        ["changes", side, ..] => matches!(*side, "before" | "after" | "*"),
        ["context", key] => *key == "*" || (*key != "channel" && ContextKey::from_name(key).is_some()),
        _ => TEXT_PATHS.contains(&text),
    };
    if !known {
        return Err(format!(
            "the path {text:?} names nothing that can be redacted: use {}, context.<key>, changes.before…, \
             changes.after… or meta.<key>…",
            TEXT_PATHS.join(", ")
        ));
    }
    Ok(segments)
}

fn moved(from: &str, to: &str) -> String {
    format!("the path {from:?} is moved to {to:?} when an event is read; redact that")
}

fn parse_pattern(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(format!("the pattern has more than {PATTERN_BYTES_MAX} bytes"));
    }
    let regex = RegexBuilder::new(text).size_limit(PATTERN_COMPILED_BYTES_MAX).build().map_err(|e| e.to_string())?;
    if regex.is_match("") {
        return Err(format!("the pattern {text:?} matches the empty text, so it would be found everywhere"));
    }
    Ok(regex)
}

#[cfg(test)]
mod tests;
