//! `trailbook token`: makes, lists and revokes tokens in the catalog of a server, whether or not it runs.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::json;
use trailbook_event::limits::{TOKEN_BYTES_MAX, TOKEN_DAYS_MAX};
use trailbook_server::settings::SettingsError;
use trailbook_store::credential::{Entry, Grant, NewEntry, Origin, Permission, Restriction, check_token, new_token};
use trailbook_store::{Catalog, Clock, DEFAULT_ORGANIZATION, OperatorDeed};

use crate::exit::{Error, Exit};
use crate::output::{self, Results};
use crate::settings::Place;

/// Make, list and revoke tokens
///
/// It works on the data folder or catalog itself, beside a running server, which follows within a second.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token, or give a value to an entry that has none
///
/// The token alone is printed on standard output; it cannot be seen again. Without --scope and --plugin it may read
/// events; an entry that is there without a value, such as audit-log-api-access, keeps what it may do.
///
/// Such as: trailbook token create --data-dir DIR --name backstage --scope events.write
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Create {
    #[command(flatten)]
    place: Place,
    /// The token's name, for lists and logs
    #[arg(long)]
    name: String,
    /// The organization that it acts for; made where it is missing
    #[arg(long, value_name = "ORG", default_value = DEFAULT_ORGANIZATION)]
    organization: String,
    /// What it may do: events.write, events.read, events.lookup, log.read, exports, views.write, rules.write,
    /// credentials.read, credentials.write, members.read, members.write, settings.read or settings.write; can be
    /// repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Permission>,
    /// The plugin that it may use, as in Backstage's accessRestrictions: audit-log for the Portal's API
    #[arg(long)]
    plugin: Option<String>,
    /// The permission of the plugin that it has, such as audit.log.read; can be repeated [default: all]
    #[arg(long = "permission", value_name = "PERMISSION", requires = "plugin")]
    permissions: Vec<String>,
    /// After how many days it ends [default: it does not]
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=TOKEN_DAYS_MAX))]
    days: Option<i64>,
    /// Read the token's value from standard input: at least 8 characters, no spaces
    ///
    /// Such as: openssl rand -base64 24 | trailbook token create --name audit-log-api-access --value-stdin
    #[arg(long)]
    value_stdin: bool,
}

/// List tokens, never their values
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Print one JSON list instead of a table
    #[arg(long)]
    json: bool,
}

/// Revoke a token: from then on it lets nobody in
///
/// Exit code 1 says that there is no such token.
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Revoke {
    #[command(flatten)]
    place: Place,
    /// The token's name
    #[arg(long)]
    name: String,
    /// Its organization
    #[arg(long, value_name = "ORG", default_value = DEFAULT_ORGANIZATION)]
    organization: String,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::Create(arguments) => create(arguments).await,
        Command::List(arguments) => list(arguments).await,
        Command::Revoke(arguments) => revoke(arguments).await,
    }
}

async fn create(arguments: Create) -> Result<Exit, Error> {
    let token = if arguments.value_stdin { value_from_stdin()? } else { new_token()? };
    let (data_dir, catalog) = arguments.place.resolve()?;
    let catalog = Catalog::open(&data_dir, catalog.as_deref(), Clock::system()).await?;
    let (organization, is_new) = catalog.organization_or_new(&arguments.organization).await?;
    if is_new {
        output::note(&format!("made the organization {:?}", organization.name()));
    }
    let mut grant = asked_for(arguments.scopes, arguments.plugin, arguments.permissions);
    if grant.is_none() && find(&catalog, organization.name(), &arguments.name).await?.is_none() {
        grant = Some(Grant { scopes: vec![Permission::EventsRead], restrictions: Vec::new() });
    }
    let name = arguments.name.clone();
    catalog.note_deed(&organization, &deed("token.created", "create", &name, "made")).await?;
    let entry = NewEntry {
        organization: organization.clone(),
        name: arguments.name,
        token: token.clone(),
        grant,
        expires_ms: arguments.days.map(|days| Clock::system().now_ms() + days * 24 * 60 * 60 * 1_000),
    };
    catalog.create_entry(entry).await?;
    output::note(&format!(
        "made the token {name:?} of the organization {:?}; it is not shown again",
        organization.name()
    ));
    output::line(&token)?;
    Ok(Exit::Done)
}

/// What the server is to record of a change.
fn deed(action: &str, action_type: &str, name: &str, what: &str) -> OperatorDeed {
    OperatorDeed {
        action: action.to_owned(),
        action_type: action_type.to_owned(),
        target_type: "token".to_owned(),
        target: name.to_owned(),
        message: format!("The token {name:?} was {what} by a command"),
    }
}

/// What flags ask for; `None` where they ask for nothing.
fn asked_for(scopes: Vec<Permission>, plugin: Option<String>, permissions: Vec<String>) -> Option<Grant> {
    if scopes.is_empty() && plugin.is_none() {
        return None;
    }
    let permissions = (!permissions.is_empty()).then_some(permissions);
    let restriction = plugin.map(|plugin| Restriction { plugin, permissions, actions: None });
    Some(Grant { scopes, restrictions: restriction.into_iter().collect() })
}

async fn list(arguments: List) -> Result<Exit, Error> {
    let catalog = existing(arguments.place).await?;
    let entries = catalog.entries().await?;
    let mut results = Results::new();
    if arguments.json {
        let entries: Vec<_> = entries.iter().map(entry_json).collect();
        results.line(&serde_json::Value::from(entries).to_string())?;
    } else {
        for line in table(&entries) {
            results.line(&line)?;
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

async fn revoke(arguments: Revoke) -> Result<Exit, Error> {
    let catalog = existing(arguments.place).await?;
    let organizations = catalog.organizations().await?;
    let organization = organizations.iter().find(|organization| organization.name() == arguments.organization);
    let entry = find(&catalog, &arguments.organization, &arguments.name).await?;
    let (Some(organization), Some(_)) = (organization, entry.filter(|entry| entry.has_value)) else {
        let (name, organization) = (&arguments.name, &arguments.organization);
        output::note(&format!("there is no token {name:?} with a value in the organization {organization:?}"));
        return Ok(Exit::Partly);
    };
    catalog.note_deed(organization, &deed("token.revoked", "delete", &arguments.name, "revoked")).await?;
    catalog.revoke_entry(organization, &arguments.name).await?;
    output::note(&format!("revoked the token {:?} of the organization {:?}", arguments.name, organization.name()));
    Ok(Exit::Done)
}

async fn find(catalog: &Catalog, organization: &str, name: &str) -> Result<Option<Entry>, Error> {
    let entries = catalog.entries().await?;
    Ok(entries.into_iter().find(|entry| entry.organization == organization && entry.name == name))
}

/// The catalog of a folder that is there: looking into one makes none.
pub(crate) async fn existing(place: Place) -> Result<Catalog, Error> {
    let (data_dir, catalog) = place.resolve()?;
    if catalog.is_none() && !Catalog::is_in(&data_dir) {
        let reason = format!("{} is no folder of a trailbook server", data_dir.display());
        return Err(SettingsError::Value { key: "data_dir".to_owned(), reason }.into());
    }
    Ok(Catalog::open(&data_dir, catalog.as_deref(), Clock::system()).await?)
}

fn scope(name: &str) -> Result<Permission, String> {
    let names = Permission::ALL.map(Permission::name).join(", ");
    Permission::from_name(name).ok_or_else(|| format!("there is no such scope; there are {names}"))
}

fn value_from_stdin() -> Result<String, Error> {
    let mut value = String::new();
    let limit = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX) + 3;
    std::io::stdin()
        .take(limit)
        .read_to_string(&mut value)
        .map_err(|error| Error::Usage(format!("reading the token's value: {error}")))?;
    let value = value.strip_suffix('\n').unwrap_or(&value);
    let value = value.strip_suffix('\r').unwrap_or(value);
    check_token(value).map_err(Error::Usage)?;
    Ok(value.to_owned())
}

fn grants(entry: &Entry) -> String {
    let scopes = entry.grant.scopes.iter().map(|scope| scope.name().to_owned());
    let restrictions = entry.grant.restrictions.iter().map(|restriction| {
        let of = |words: &Option<Vec<String>>| words.as_ref().map(|words| format!(":{}", words.join("+")));
        let permissions = of(&restriction.permissions).unwrap_or_default();
        format!("{}{permissions}{}", restriction.plugin, of(&restriction.actions).unwrap_or_default())
    });
    let all: Vec<String> = scopes.chain(restrictions).collect();
    all.join(", ")
}

fn table(entries: &[Entry]) -> Vec<String> {
    let headings = ["ORGANIZATION", "NAME", "MAY", "VALUE", "FROM", "MADE"].map(str::to_owned);
    let row = |entry: &Entry| {
        let value = if entry.has_value { "set" } else { "none" };
        let made = trailbook_event::Timestamp::from_millis(entry.created_ms).to_string();
        let from = origin(entry.origin);
        [entry.organization.clone(), entry.name.clone(), grants(entry), value.to_owned(), from.to_owned(), made]
    };
    let rows: Vec<[String; 6]> = std::iter::once(headings).chain(entries.iter().map(row)).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Catalog => "catalog",
        Origin::File => "file",
    }
}

fn entry_json(entry: &Entry) -> serde_json::Value {
    json!({
        "organization": entry.organization,
        "organization_uuid": entry.organization_uuid.to_string(),
        "name": entry.name,
        "scopes": entry.grant.scopes,
        "restrictions": entry.grant.restrictions,
        "has_value": entry.has_value,
        "origin": origin(entry.origin),
        "created_at": trailbook_event::Timestamp::from_millis(entry.created_ms).to_string(),
    })
}
