//! `trailbook init`: makes the first admin of an organization, whether or not the server runs.

use std::io::Read;

use clap::Args;
use trailbook_event::limits::PASSWORD_CHARS_MAX;
use trailbook_server::first_admin;
use trailbook_store::{Catalog, Clock, DEFAULT_ORGANIZATION, OperatorDeed};

use crate::exit::{Error, Exit};
use crate::output;
use crate::serve;
use crate::settings::Place;

/// Make the first admin of an organization
///
/// With --email and --password-stdin the admin is made at once. Otherwise a link is printed: whoever opens it first,
/// within 24 hours, chooses e-mail address, name and password, and is the admin. It works on the data folder or catalog
/// itself, beside a running server, which follows within a second.
///
/// Such as: `trailbook init --data-dir DIR --url https://audit.example.com`
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The organization; made where it is missing
    #[arg(long, value_name = "ORG", default_value = DEFAULT_ORGANIZATION)]
    organization: String,
    /// Where people reach the server, for the link
    #[arg(long, value_name = "URL", env = "TRAILBOOK_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The admin's e-mail address
    #[arg(long, requires = "password_stdin")]
    email: Option<String>,
    /// The admin's name [default: the e-mail address]
    #[arg(long, requires = "email")]
    name: Option<String>,
    /// Read the admin's password from standard input
    #[arg(long, requires = "email")]
    password_stdin: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Error> {
    let password = if arguments.password_stdin { Some(password_from_stdin()?) } else { None };
    let (data_dir, catalog) = arguments.place.resolve()?;
    let catalog = Catalog::open(&data_dir, catalog.as_deref(), Clock::system()).await?;
    let (organization, is_new) = catalog.organization_or_new(&arguments.organization).await?;
    let shown = organization.name();
    if is_new {
        output::note(&format!("made the organization {shown:?}"));
    }
    if first_admin::has_admin(&catalog, &organization).await.map_err(serve::failed)? {
        let reason = "has an admin already, who can invite others";
        return Err(Error::Usage(format!("the organization {shown:?} {reason}")));
    }
    catalog.note_deed(&organization, &deed(arguments.email.as_deref())).await?;
    if let (Some(email), Some(password)) = (arguments.email, password) {
        let name = arguments.name.unwrap_or_else(|| email.clone());
        first_admin::create(&catalog, &organization, (&email, &name), password).await.map_err(serve::failed)?;
        output::note(&format!("made {email} an admin of the organization {shown:?}"));
        return Ok(Exit::Done);
    }
    let path = first_admin::link_path(&catalog, &organization).await.map_err(serve::failed)?;
    output::note(&format!("whoever opens this first, within 24 hours, is the admin of the organization {shown:?}:"));
    output::line(&format!("{}{path}", arguments.url.trim_end_matches('/')))?;
    Ok(Exit::Done)
}

/// What the server is to record.
fn deed(email: Option<&str>) -> OperatorDeed {
    let (action, message) = match email {
        Some(email) => ("user.created", format!("A command made {email} an admin")),
        None => ("user.invite.sent", "A command made a link for the first admin".to_owned()),
    };
    OperatorDeed {
        action: action.to_owned(),
        action_type: "create".to_owned(),
        target_type: "user".to_owned(),
        target: email.unwrap_or("first-admin").to_owned(),
        message,
    }
}

fn password_from_stdin() -> Result<String, Error> {
    // The longest password in the longest characters, and a line's end.
    const BYTES_MAX: u64 = PASSWORD_CHARS_MAX as u64 * 4 + 2;
    let mut text = String::new();
    let read = std::io::stdin().take(BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| Error::Usage(format!("reading the password from standard input: {error}")))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    Ok(password.strip_suffix('\r').unwrap_or(password).to_owned())
}
