//! Exclusion rules of organizations: which of their events they keep out of their log, beside the rules that the
//! configuration has for all.
//!
//! They are read into memory with the credentials, ready to decide, so a change holds on every server within a second
//! and a write never waits for the catalog.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;
use trailbook_event::exclude::{OneOrMany, RuleConfig, Rules};
use trailbook_event::limits::{NAME_CHARS_MAX, PATTERNS_OF_RULE_MAX, RULES_OF_ORGANIZATION_MAX};
use trailbook_event::pattern::Pattern;

use crate::catalog::Transaction;
use crate::{Catalog, Error, Organization};

/// An exclusion rule of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRule {
    /// What the API calls it.
    pub id: Uuid,
    /// What it keeps out.
    pub rule: NewRule,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// An exclusion rule as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewRule {
    /// What people call it; no other rule of the organization has the name.
    pub name: String,
    /// Patterns of `actor.id`; none for every actor.
    pub actors: Vec<String>,
    /// Patterns of `action`; none for every event.
    pub events: Vec<String>,
}

impl NewRule {
    /// Refuses what cannot be: for whoever wants to know before anything is recorded.
    pub fn check(&self) -> Result<(), Error> {
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > NAME_CHARS_MAX || self.name.chars().any(char::is_control) {
            let rule = format!("must have 1 to {NAME_CHARS_MAX} characters, no control characters among them");
            return Err(Error::Name(format!("the name of the exclusion rule {rule}")));
        }
        let count = self.actors.len() + self.events.len();
        if count == 0 {
            let reason = "has neither patterns of actors nor of events, so it would exclude everything";
            return Err(Error::Name(format!("the exclusion rule {reason}")));
        }
        if count > PATTERNS_OF_RULE_MAX {
            return Err(Error::Name(format!(
                "{count} patterns of an exclusion rule are more than {PATTERNS_OF_RULE_MAX}"
            )));
        }
        for (key, texts) in [("actor_id", &self.actors), ("event_id", &self.events)] {
            for text in texts {
                Pattern::new(text).map_err(|reason| Error::Name(format!("{key}: {reason}")))?;
            }
        }
        Ok(())
    }

    /// It as the configuration would have it.
    pub fn config(&self) -> RuleConfig {
        let list = |texts: &Vec<String>| (!texts.is_empty()).then(|| OneOrMany::Many(texts.clone()));
        RuleConfig { name: Some(self.name.clone()), actor_id: list(&self.actors), event_id: list(&self.events) }
    }
}

/// The exclusion rules of one organization.
#[derive(Debug, Default)]
pub struct OwnRules {
    rules: Vec<OwnRule>,
    ready: Rules,
}

impl OwnRules {
    fn new(rules: Vec<OwnRule>) -> Result<Self, Error> {
        let configs: Vec<_> = rules.iter().map(|one| one.rule.config()).collect();
        let damaged = |reason| Error::Damaged { what: "an exclusion rule".to_owned(), reason };
        Ok(Self { ready: Rules::new(&configs).map_err(damaged)?, rules })
    }

    /// The rules, the oldest first.
    pub fn all(&self) -> &[OwnRule] {
        &self.rules
    }

    /// The rule of an id.
    pub fn find(&self, id: Uuid) -> Option<&OwnRule> {
        self.rules.iter().find(|one| one.id == id)
    }

    /// The same, ready to decide.
    pub fn ready(&self) -> &Rules {
        &self.ready
    }
}

const COLUMNS: &str = "uuid, name, actors, events, created_ms, organization";

fn read(row: &AnyRow) -> Result<OwnRule, Error> {
    let doing = Error::catalog("reading exclusion rules");
    let damaged = |reason: String| Error::Damaged { what: "an exclusion rule".to_owned(), reason };
    let list = |at: usize| -> Result<Vec<String>, Error> {
        let text: String = row.try_get(at).map_err(&doing)?;
        serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))
    };
    let id: String = row.try_get(0).map_err(&doing)?;
    Ok(OwnRule {
        id: Uuid::try_parse(&id).map_err(|_| damaged("its id is no UUID".to_owned()))?,
        rule: NewRule { name: row.try_get(1).map_err(&doing)?, actors: list(2)?, events: list(3)? },
        created_ms: row.try_get(4).map_err(&doing)?,
    })
}

impl Catalog {
    /// Makes an exclusion rule. The caller chooses its id, so that it can be on record before the rule is there.
    pub async fn create_rule(&self, organization: &Organization, id: Uuid, new: &NewRule) -> Result<(), Error> {
        new.check()?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let rules = tx.rules(organization).await?;
        if rules.len() as u64 >= RULES_OF_ORGANIZATION_MAX {
            let many = format!("{RULES_OF_ORGANIZATION_MAX} exclusion rules, which is as many as may be");
            return Err(Error::TooMany(format!("the organization has {many}")));
        }
        refuse_taken(&rules, id, &new.name)?;
        let (number, now_ms) = (tx.next_id("exclusion_rules").await?, tx.now_ms());
        sqlx::query(
            "INSERT INTO exclusion_rules (id, uuid, organization, name, actors, events, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(number)
        .bind(id.to_string())
        .bind(organization.id)
        .bind(new.name.clone())
        .bind(json_of(&new.actors))
        .bind(json_of(&new.events))
        .bind(now_ms)
        .execute(tx.connection())
        .await
        .map_err(Error::catalog("making an exclusion rule"))?;
        tx.commit().await
    }

    /// Puts a rule in the place of another.
    pub async fn change_rule(&self, organization: &Organization, id: Uuid, new: &NewRule) -> Result<(), Error> {
        new.check()?;
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        refuse_taken(&tx.rules(organization).await?, id, &new.name)?;
        let sql =
            "UPDATE exclusion_rules SET name = $1, actors = $2, events = $3 WHERE uuid = $4 AND organization = $5";
        let done = sqlx::query(sql)
            .bind(new.name.clone())
            .bind(json_of(&new.actors))
            .bind(json_of(&new.events))
            .bind(id.to_string())
            .bind(organization.id)
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("changing an exclusion rule"))?;
        refuse_missing(id, done.rows_affected())?;
        tx.commit().await
    }

    /// Removes a rule: what it kept out is recorded from now on.
    pub async fn remove_rule(&self, organization: &Organization, id: Uuid) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let done = sqlx::query("DELETE FROM exclusion_rules WHERE uuid = $1 AND organization = $2")
            .bind(id.to_string())
            .bind(organization.id)
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("removing an exclusion rule"))?;
        refuse_missing(id, done.rows_affected())?;
        tx.commit().await
    }
}

impl Transaction {
    async fn rules(&mut self, organization: &Organization) -> Result<Vec<OwnRule>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM exclusion_rules WHERE organization = $1 ORDER BY id");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(organization.id);
        let rows = query.fetch_all(self.connection()).await.map_err(Error::catalog("reading exclusion rules"))?;
        rows.iter().map(read).collect()
    }

    /// The rules of every organization that has some, by its number.
    pub(crate) async fn all_rules(&mut self) -> Result<HashMap<i64, Arc<OwnRules>>, Error> {
        let doing = Error::catalog("reading exclusion rules");
        let sql = format!("SELECT {COLUMNS} FROM exclusion_rules ORDER BY id");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(self.connection()).await.map_err(&doing)?;
        let mut all: HashMap<i64, Vec<OwnRule>> = HashMap::new();
        for row in rows {
            all.entry(row.try_get(5).map_err(&doing)?).or_default().push(read(&row)?);
        }
        all.into_iter().map(|(organization, rules)| Ok((organization, Arc::new(OwnRules::new(rules)?)))).collect()
    }
}

fn refuse_taken(rules: &[OwnRule], id: Uuid, name: &str) -> Result<(), Error> {
    match rules.iter().any(|one| one.id != id && one.rule.name == name) {
        true => Err(Error::Taken(format!("there is an exclusion rule {name:?} already"))),
        false => Ok(()),
    }
}

fn refuse_missing(id: Uuid, rows: u64) -> Result<(), Error> {
    match rows {
        0 => Err(Error::Missing(format!("there is no exclusion rule {id}"))),
        _ => Ok(()),
    }
}

fn json_of(patterns: &[String]) -> String {
    serde_json::to_string(patterns).expect("lists of texts are JSON")
}
