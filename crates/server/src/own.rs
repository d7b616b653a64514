//! Events of the server's own: what was done to it, recorded as all else is, in the log of the organization that it
//! concerns. Their source is kept for the server.

use trailbook_event::{
    Actor, ActorType, Channel, Context, ContextKey, Event, OWN_SOURCE, Outcome, Severity, Target, json,
};
use trailbook_event::{Timestamp, Uuid};
use trailbook_store::{Append, Credential, Error};

use crate::app::App;

/// Something that was done.
pub(crate) struct Deed<'a> {
    pub(crate) action: &'static str,
    pub(crate) action_type: &'static str,
    /// Who did it: the deed goes into the log of their organization.
    pub(crate) by: &'a Credential,
    pub(crate) targets: Vec<Target<'a>>,
    pub(crate) message: String,
    pub(crate) meta: json::Object<'a>,
}

/// Records a deed, and returns when that is durable: so nothing is done that is not recorded.
pub(crate) async fn record(app: &App, deed: Deed<'_>) -> Result<(), Error> {
    let now = Timestamp::from_millis(app.clock.now_ms());
    let mut context = Context::default();
    context.set(ContextKey::Channel, Channel::Api.name().into());
    let event = Event {
        id: Uuid::nil(),
        occurred_at: now,
        source: OWN_SOURCE.into(),
        action: deed.action.into(),
        action_type: Some(deed.action_type.into()),
        query_type: None,
        severity: Severity::Medium,
        outcome: Outcome::Succeeded,
        error: None,
        actor: Some(Actor {
            kind: ActorType::Service,
            id: Some(deed.by.name().into()),
            name: None,
            email: None,
            groups: Vec::new(),
        }),
        on_behalf_of: Vec::new(),
        targets: deed.targets,
        context,
        changes: None,
        message: Some(deed.message.into()),
        meta: deed.meta,
    };
    let item = app.pipeline.own(event).map_err(|reason| Error::Damaged { what: "an own event".to_owned(), reason })?;
    let append = Append {
        organization: deed.by.organization().clone(),
        credential: deed.by.id(),
        items: vec![item],
        remember: None,
    };
    app.store.append(append).await.map(|_| ())
}
