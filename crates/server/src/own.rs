//! Events of the server's own: what was done to it, recorded as all else is, in the log of the organization that it
//! concerns. Their source is kept for the server.
//!
//! A deed is recorded before it takes effect: whoever does something records it, waits until that is durable, and does
//! it then. What cannot be recorded does not happen.

use trailbook_event::{
    Actor, ActorType, Changes, Channel, Context, ContextKey, Event, Failure, OWN_SOURCE, Outcome, Severity, Target,
    json,
};
use trailbook_event::{Timestamp, Uuid};
use trailbook_store::{Append, CredentialId, Error, Organization};

use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;

/// What an operator at the machine is called, who has shown the machine who they are and not us.
const OPERATOR: &str = "operator";

/// Who did something.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    /// A caller, in its organization.
    Caller(&'a Caller),
    /// Somebody who has not shown who they are, but maybe said so.
    Stranger {
        asker: &'a Asker,
        /// The e-mail address that they gave.
        email: Option<&'a str>,
    },
    /// The server itself.
    Server,
    /// An operator at the machine, with a command.
    Operator,
}

/// Something that was done, or tried.
pub(crate) struct Deed<'a> {
    pub(crate) action: &'a str,
    pub(crate) action_type: &'a str,
    pub(crate) by: By<'a>,
    pub(crate) targets: Vec<Target<'a>>,
    pub(crate) message: String,
    pub(crate) meta: json::Object<'a>,
    /// What was there before, and what after.
    pub(crate) changes: Option<Changes<'a>>,
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
    /// Why it failed or was denied.
    pub(crate) error: Option<String>,
    /// When, if not now.
    pub(crate) at: Option<Timestamp>,
}

impl<'a> Deed<'a> {
    /// Something that a caller does.
    pub(crate) fn of(caller: &'a Caller, action: &'a str, action_type: &'a str, message: String) -> Self {
        Self::by(By::Caller(caller), action, action_type, message)
    }

    /// Something that is done by whomever.
    pub(crate) fn by(by: By<'a>, action: &'a str, action_type: &'a str, message: String) -> Self {
        Self {
            action,
            action_type,
            by,
            targets: Vec::new(),
            message,
            meta: Vec::new(),
            changes: None,
            severity: Severity::Medium,
            outcome: Outcome::Succeeded,
            error: None,
            at: None,
        }
    }

    /// The same, done to these.
    pub(crate) fn to(self, targets: Vec<Target<'a>>) -> Self {
        Self { targets, ..self }
    }

    /// The same, with more to tell.
    pub(crate) fn with(self, meta: json::Object<'a>) -> Self {
        Self { meta, ..self }
    }

    /// The same, with what was there before and what after.
    pub(crate) fn changing(self, before: Option<json::Value<'a>>, after: Option<json::Value<'a>>) -> Self {
        Self { changes: Some(Changes { before, after }), ..self }
    }

    /// The same as something that did not come to pass.
    pub(crate) fn ended(self, outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, error: Some(reason.into()), ..self }
    }
}

/// Records a deed of a caller in the log of its organization, and returns when that is durable.
pub(crate) async fn record(app: &App, deed: Deed<'_>) -> Result<(), Error> {
    let organization = match deed.by {
        By::Caller(caller) => caller.organization().clone(),
        By::Stranger { .. } | By::Server | By::Operator => app.system.clone(),
    };
    record_in(app, &organization, deed).await
}

/// Records a deed in the log of an organization, and returns when that is durable.
pub(crate) async fn record_in(app: &App, organization: &Organization, deed: Deed<'_>) -> Result<(), Error> {
    let now = Timestamp::from_millis(app.clock.now_ms());
    let credential = match deed.by {
        By::Caller(caller) => caller.credential(),
        By::Stranger { .. } | By::Server | By::Operator => CredentialId::of_number(0),
    };
    let event = Event {
        id: Uuid::nil(),
        occurred_at: deed.at.unwrap_or(now),
        source: OWN_SOURCE.into(),
        action: deed.action.into(),
        action_type: Some(deed.action_type.into()),
        query_type: None,
        severity: deed.severity,
        outcome: deed.outcome,
        error: deed.error.map(|message| Failure { name: None, message: Some(message.into()) }),
        actor: actor(deed.by),
        on_behalf_of: Vec::new(),
        targets: deed.targets,
        context: context(deed.by),
        changes: deed.changes,
        message: Some(deed.message.into()),
        meta: deed.meta,
    };
    let item = app.pipeline.own(event).map_err(|reason| Error::Damaged { what: "an own event".to_owned(), reason })?;
    let append = Append {
        organization: organization.clone(),
        credential,
        items: vec![item],
        remember: None,
        uses_reserve: true,
    };
    app.store.append(append).await.map(|_| ())
}

fn actor(by: By<'_>) -> Option<Actor<'_>> {
    let nobody = Actor { kind: ActorType::Anonymous, id: None, name: None, email: None, groups: Vec::new() };
    match by {
        By::Caller(caller) => Some(caller.actor()),
        By::Stranger { email, .. } => Some(Actor { email: email.map(Into::into), ..nobody }),
        By::Server => Some(Actor { kind: ActorType::System, id: Some(OWN_SOURCE.into()), ..nobody }),
        By::Operator => Some(Actor { kind: ActorType::User, id: Some(OPERATOR.into()), ..nobody }),
    }
}

fn context(by: By<'_>) -> Context<'_> {
    let mut context = Context::default();
    let asker = match by {
        By::Caller(caller) => caller.asker().map(AsRef::as_ref),
        By::Stranger { asker, .. } => Some(asker),
        By::Server | By::Operator => None,
    };
    let is_person = matches!(by, By::Caller(caller) if caller.session().is_some());
    let channel = if is_person { Channel::Portal } else { Channel::Api };
    context.set(ContextKey::Channel, channel.name().into());
    if let By::Caller(caller) = by
        && let Some(session) = caller.session()
    {
        context.set(ContextKey::SessionId, session.id.to_string().into());
    }
    let Some(asker) = asker else { return context };
    context.set(ContextKey::Ip, asker.address.to_string().into());
    context.set(ContextKey::RequestMethod, asker.method.as_str().to_owned().into());
    context.set(ContextKey::RequestUrl, asker.shown_path().into());
    if let Some(user_agent) = &asker.user_agent {
        context.set(ContextKey::UserAgent, user_agent.as_str().into());
    }
    context
}

/// Records what operators did with commands. They act on the machine, for whichever organization, so it is in the
/// server's own.
pub(crate) async fn record_operators(app: &App) -> Result<(), Error> {
    let noted = app.store.catalog().noted_deeds().await?;
    if noted.is_empty() {
        return Ok(());
    }
    let organizations = app.store.catalog().organizations().await?;
    for one in noted {
        let organization = organizations.iter().find(|organization| one.is_of(organization));
        let trailbook_store::OperatorDeed { action, action_type, target_type, target, message } = &one.deed;
        let mut targets = vec![Target { kind: target_type.into(), id: target.into(), name: None }];
        targets.extend(organization.map(|own| self::target("organization", own.uuid(), Some(own.name()))));
        let deed = Deed::by(By::Operator, action, action_type, message.clone()).to(targets);
        let at = Timestamp::from_millis(one.noted_ms);
        record(app, Deed { at: Some(at), ..deed }).await?;
        app.store.catalog().forget_deed(&one).await?;
    }
    Ok(())
}

/// A target of the server's own.
pub(crate) fn target<'a>(kind: &'static str, id: impl ToString, name: Option<&'a str>) -> Target<'a> {
    Target { kind: kind.into(), id: id.to_string().into(), name: name.map(Into::into) }
}

/// A text among what an event tells.
pub(crate) fn text<'a>(text: impl Into<std::borrow::Cow<'a, str>>) -> json::Value<'a> {
    json::Value::String(text.into())
}

/// A list of texts among what an event tells.
pub(crate) fn texts<'a, S: Into<std::borrow::Cow<'a, str>>>(all: impl IntoIterator<Item = S>) -> json::Value<'a> {
    json::Value::Array(all.into_iter().map(|one| text(one)).collect())
}
