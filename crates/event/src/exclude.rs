//! Exclusion rules: which actor's which events are kept out of the log.
//!
//! A rule is a combination of actor and event, as in the Portal: `{actorId, eventId}`, each a pattern or a list of
//! patterns. The first rule that matches decides.

use serde::Deserialize;

use crate::limits::{NAME_CHARS_MAX, RULES_MAX};
use crate::model::Event;
use crate::pattern::Pattern;
use crate::redact::Redacted;

/// A rule as configuration has it. At least one of the two patterns is there; an absent one matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleConfig {
    /// What answers and metrics call the rule; by default its patterns.
    pub name: Option<String>,
    /// Patterns of `actor.id`.
    pub actor_id: Option<OneOrMany>,
    /// Patterns of `action`.
    pub event_id: Option<OneOrMany>,
}

/// One text or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl OneOrMany {
    fn texts(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}

/// The rules that the Portal starts with: `entity-fetch` and `entity-facets` of all plugins and of synthetic test
/// users.
///
/// Portal's documentation does not print the pattern of its synthetic test users; `user:default/synthetic-*` is our
/// guess.
pub fn portal_defaults() -> Vec<RuleConfig> {
    let reads = OneOrMany::Many(vec!["entity-fetch".to_owned(), "entity-facets".to_owned()]);
    let rule = |name: &str, actor: &str| RuleConfig {
        name: Some(name.to_owned()),
        actor_id: Some(OneOrMany::One(actor.to_owned())),
        event_id: Some(reads.clone()),
    };
    vec![rule("plugin-reads", "plugin:*"), rule("synthetic-user-reads", "user:default/synthetic-*")]
}

/// Rules of a server, or of one organization, ready to decide.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

/// A rule, ready to decide.
#[derive(Debug)]
pub struct Rule {
    name: String,
    actors: Option<Vec<Pattern>>,
    events: Option<Vec<Pattern>>,
}

/// What the rules say of an event.
#[derive(Debug)]
pub enum Decision<'a, 'r> {
    /// It is to be recorded.
    Admitted(Admitted<'a>),
    /// It is kept out: it may be written to the server's own log, never stored.
    Excluded {
        /// The rule that matched.
        rule: &'r str,
        /// The event, redacted.
        event: Redacted<'a>,
    },
}

/// An event that was redacted and that no rule excludes: what can be sealed.
#[derive(Debug)]
pub struct Admitted<'a>(Redacted<'a>);

impl Admitted<'_> {
    /// The event.
    pub fn event(&self) -> &Event<'_> {
        self.0.event()
    }
}

impl Rules {
    /// Reads the rules. The error names the rule by its place, from 0.
    pub fn new(configs: &[RuleConfig]) -> Result<Self, String> {
        if configs.len() > RULES_MAX {
            return Err(format!("{} rules are more than {RULES_MAX}", configs.len()));
        }
        let read = |(i, config)| Rule::new(config).map_err(|reason| format!("rule {i}: {reason}"));
        let rules: Vec<Rule> = configs.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        for (i, rule) in rules.iter().enumerate() {
            if rules.iter().take(i).any(|before| before.name == rule.name) {
                return Err(format!("rule {i}: the name {:?} is taken", rule.name));
            }
        }
        Ok(Self(rules))
    }

    /// The names of the rules, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Rule::name)
    }

    /// The rules, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rule that keeps out what this actor does, if there is one.
    pub fn find(&self, actor: &str, action: &str) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.matches(actor, action))
    }

    /// Says whether an event is to be recorded. An event without an actor, or without an actor's id, has the id "".
    pub fn decide<'a>(&self, event: Redacted<'a>) -> Decision<'a, '_> {
        let actor = event.event().actor.as_ref().and_then(|a| a.id.as_deref()).unwrap_or_default();
        let action = event.event().action.as_ref();
        match self.find(actor, action) {
            Some(rule) => Decision::Excluded { rule: &rule.name, event },
            None => Decision::Admitted(Admitted(event)),
        }
    }

    /// Says the same of an event that other rules have let through.
    pub fn decide_after<'a>(&self, Admitted(event): Admitted<'a>) -> Decision<'a, '_> {
        self.decide(event)
    }
}

impl Rule {
    /// What answers and metrics call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its patterns of `actor.id`; none where it is for every actor.
    pub fn actor_patterns(&self) -> impl Iterator<Item = &str> {
        self.actors.iter().flatten().map(Pattern::as_str)
    }

    /// Its patterns of `action`; none where it is for every event.
    pub fn event_patterns(&self) -> impl Iterator<Item = &str> {
        self.events.iter().flatten().map(Pattern::as_str)
    }

    fn new(config: &RuleConfig) -> Result<Self, String> {
        let patterns = |key: &str, value: &Option<OneOrMany>| -> Result<Option<Vec<Pattern>>, String> {
            let Some(value) = value else { return Ok(None) };
            if value.texts().is_empty() {
                return Err(format!("{key} is an empty list"));
            }
            let each = value.texts().iter().map(|text| Pattern::new(text).map_err(|reason| format!("{key}: {reason}")));
            each.collect::<Result<_, _>>().map(Some)
        };
        let actors = patterns("actorId", &config.actor_id)?;
        let events = patterns("eventId", &config.event_id)?;
        if actors.is_none() && events.is_none() {
            return Err("neither actorId nor eventId is given, so it would exclude everything".to_owned());
        }
        let name = config.name.clone().unwrap_or_else(|| described(actors.as_deref(), events.as_deref()));
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX && config.name.is_some() {
            return Err(format!("the name must have 1 to {NAME_CHARS_MAX} characters"));
        }
        Ok(Self { name, actors, events })
    }

    fn matches(&self, actor: &str, action: &str) -> bool {
        let any = |patterns: &Option<Vec<Pattern>>, text: &str| match patterns {
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(text)),
            None => true,
        };
        any(&self.actors, actor) && any(&self.events, action)
    }
}

fn described(actors: Option<&[Pattern]>, events: Option<&[Pattern]>) -> String {
    let list = |key: &str, patterns: Option<&[Pattern]>| {
        let texts: Vec<_> = patterns?.iter().map(Pattern::as_str).collect();
        Some(format!("{key}={}", texts.join(",")))
    };
    let parts: Vec<_> = [list("actorId", actors), list("eventId", events)].into_iter().flatten().collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests;
