//! The demo: the events of a company's day, loaded into a log that has none, and a link that signs its admin in.
//!
//! Part of the events is what a Backstage backend logged in a test run: only their times are ours. The others are made
//! up, in the words of Port, Spectra Assure and WSO2. Each says in `meta.demo` which it is, and all are spread over the
//! 24 hours before they are loaded. What the rules of this server exclude or redact is excluded or redacted here too.
//!
//! They are recorded together or not at all, by the server itself, with ids that are made of the organization and the
//! place of each: so nothing is recorded twice, whoever loads them at the same time.

use std::sync::Arc;

use ring::digest::{Context, SHA256};
use serde_json::{Map, Value, json};
use trailbook_event::normalise::Form;
use trailbook_event::{Field, OWN_SOURCE, Timestamp, Uuid};
use trailbook_query::{Condition, FieldRef, Match};
use trailbook_store::members::{ADMIN, InvitationKind, Member, NewInvitation, NewMember};
use trailbook_store::{Append, Appended, CredentialId, Error, Organization};

use crate::api::events;
use crate::api::people::attempt;
use crate::api::problem::{Kind, Problem};
use crate::app::App;
use crate::ingest::{Batch, Entry, Reading};
use crate::letter::lasts_ms;
use crate::own::{self, By, Deed, target};
use crate::search;
use crate::sign_in::link_secret;

/// What a Backstage backend logged, in the order in which it did.
const BACKSTAGE: &str = include_str!("../../../testdata/backstage-audit.ndjson");
/// Events that are made up, each with `ms_before`: how long before they are loaded it is to have happened.
const MADE_UP: [&str; 3] = [
    include_str!("../../../testdata/demo/port.ndjson"),
    include_str!("../../../testdata/demo/spectra.ndjson"),
    include_str!("../../../testdata/demo/wso2.ndjson"),
];
/// What `meta.demo` says of what was logged.
const LOGGED: &str = "occurred_at is spread over the last 24 hours";
/// What it says of what is made up.
const INVENTED: &str = "made up for the demo";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Why reading the demo's events cannot fail.
const ARE_OBJECTS: &str = "every line of the demo is a JSON object, which a test sees to";

const ADMIN_EMAIL: &str = "demo-admin@trailbook.example";
const ADMIN_NAME: &str = "Demo admin";

/// What became of the demo's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// They are in the log now.
    Now {
        /// How many were recorded.
        recorded: u64,
        /// How many a rule kept out.
        excluded: u64,
        /// How many were nothing that is recorded: they only say that something began.
        dropped: u64,
    },
    /// So many of them were in the log before.
    Before(u64),
}

/// Loads the demo's events into the log of an organization, unless they are there already. A log that has others is
/// left alone.
pub(crate) async fn load(app: &Arc<App>, by: By<'_>, organization: &Organization) -> Result<Loaded, Problem> {
    let before = search::count(app, organization, vec![is_demo()]).await?;
    if before > 0 {
        return Ok(Loaded::Before(before));
    }
    if search::count(app, organization, vec![Condition::is_not(Field::Source, OWN_SOURCE)]).await? > 0 {
        let detail =
            format!("the log of {} has events; the demo is loaded into an empty one only", organization.name());
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let mut batch = prepared(app, organization).await?;
    let items = std::mem::take(&mut batch.items);
    let deed = Deed::by(by, "demo.loaded", "create", "The demo's events were loaded".to_owned()).to(vec![target(
        "organization",
        organization.uuid(),
        Some(organization.name()),
    )]);
    // The server's own credential, so that the ids are told again whoever loads them.
    let (organization_of, credential) = (organization.clone(), CredentialId::of_number(0));
    let append = Append { organization: organization_of, credential, items, remember: None, uses_reserve: false };
    let effect = async {
        match app.store.append(append).await {
            // Somebody else loaded them meanwhile.
            Err(Error::Reused { .. }) => Ok(None),
            appended => appended.map(Some),
        }
    };
    match attempt(app, deed, effect).await? {
        Some(appended) => Ok(loaded(app, organization, &batch, &appended)),
        None => Ok(Loaded::Before(search::count(app, organization, vec![is_demo()]).await?)),
    }
}

/// The demo's events, ready to be appended.
async fn prepared(app: &Arc<App>, organization: &Organization) -> Result<Batch, Problem> {
    let own = app.auth.current().rules(organization);
    let (app, organization, now_ms) = (Arc::clone(app), organization.uuid(), app.clock.now_ms());
    let reading = Reading { is_ndjson: true, form: Form::Native, ..Reading::default() };
    let work = move || app.pipeline.prepare(lines(organization, now_ms).as_bytes(), reading, own.ready());
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Kind::Internal, "loading the demo stopped"))?
}

fn loaded(app: &App, organization: &Organization, batch: &Batch, appended: &Appended) -> Loaded {
    events::count(app, organization, batch, appended);
    let of = |is: fn(&&Entry<'_>) -> bool| batch.entries.iter().filter(is).count() as u64;
    Loaded::Now {
        recorded: appended.recorded,
        excluded: of(|entry| matches!(entry, Entry::Excluded { .. })),
        dropped: of(|entry| matches!(entry, Entry::Dropped { .. })),
    }
}

/// That an event is one of the demo's.
fn is_demo() -> Condition {
    let any_of = [LOGGED, INVENTED].map(|label| Match::Is(label.to_owned())).into();
    Condition { field: FieldRef::Meta(vec!["demo".to_owned()]), is_negated: false, any_of }
}

/// The demo's events as lines, for an organization that loads them now.
fn lines(organization: Uuid, now_ms: i64) -> String {
    let logged: Vec<Map<String, Value>> = BACKSTAGE.lines().map(object).collect();
    let last = i64::try_from(logged.len().saturating_sub(1).max(1)).unwrap_or(i64::MAX);
    let logged = (0..).zip(logged).map(|(i, line)| ("timestamp", now_ms - DAY_MS + DAY_MS * i / last, LOGGED, line));
    let invented = MADE_UP.into_iter().flat_map(str::lines).map(object).map(|mut line| {
        let before = line.remove("ms_before").and_then(|ms| ms.as_i64()).unwrap_or_default();
        ("occurred_at", now_ms - before, INVENTED, line)
    });
    let mut out = String::with_capacity(2 * BACKSTAGE.len());
    for (place, (time, at_ms, label, mut event)) in (0..).zip(logged.chain(invented)) {
        event.insert("id".to_owned(), id_of(organization, place).to_string().into());
        event.insert(time.to_owned(), Timestamp::from_millis(at_ms).to_string().into());
        if let Some(meta) = event.entry("meta").or_insert_with(|| json!({})).as_object_mut() {
            meta.insert("demo".to_owned(), label.into());
        }
        out.push_str(&Value::Object(event).to_string());
        out.push('\n');
    }
    out
}

fn object(line: &str) -> Map<String, Value> {
    serde_json::from_str(line).expect(ARE_OBJECTS)
}

/// The id of the demo's event at a place: UUIDv8, RFC 9562 section 5.8. It begins with the place (48 bits); the other
/// bits are of a SHA-256 of organization and place.
fn id_of(organization: Uuid, place: u64) -> Uuid {
    let place = place.to_be_bytes();
    let mut context = Context::new(&SHA256);
    context.update(b"trailbook/demo/v1\0");
    context.update(organization.as_bytes());
    context.update(&place);
    let digest = context.finish();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(place.iter().skip(2).chain(digest.as_ref())) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The path of a link that signs the demo's admin in, once and within a day, without a password. It takes the place of
/// one that was made before; the admin is made with the first.
pub(crate) async fn sign_in_path(app: &App, organization: &Organization) -> Result<String, Error> {
    let member = admin(app, organization).await?;
    let token = link_secret()?;
    let deed = Deed::by(By::Operator, "user.sign_in_link.created", "create", "A sign-in link was made".to_owned())
        .to(vec![target("user", member.uuid, Some(ADMIN_EMAIL))]);
    own::record_in(app, organization, deed).await?;
    let new = NewInvitation {
        kind: InvitationKind::SignIn,
        token: token.clone(),
        email: Some(member.email),
        member: Some(member.id),
        roles: Vec::new(),
        groups: Vec::new(),
        invited_by: "trailbook demo".to_owned(),
        lasts_ms: lasts_ms(InvitationKind::SignIn),
    };
    app.store.catalog().create_invitation(organization, &new).await?;
    Ok(format!("/invitations/{token}"))
}

/// The demo's admin, who has no password.
async fn admin(app: &App, organization: &Organization) -> Result<Member, Error> {
    let catalog = app.store.catalog();
    if let Some((member, _)) = catalog.member_of_email(organization, ADMIN_EMAIL).await? {
        return Ok(member);
    }
    let deed = Deed::by(By::Operator, "user.created", "create", "The demo's admin was made".to_owned())
        .to(vec![target("user", ADMIN_EMAIL, Some(ADMIN_NAME))]);
    own::record_in(app, organization, deed).await?;
    app.auth.refresh().await?;
    let current = app.auth.current();
    let roles = current.directory().role(organization, ADMIN).map(|role| role.id).into_iter().collect();
    let (email, name) = (ADMIN_EMAIL.to_owned(), ADMIN_NAME.to_owned());
    let new = NewMember { email, name, password: None, provided: None, roles, groups: Vec::new() };
    catalog.create_member(organization, &new).await
}

#[cfg(test)]
mod tests;
