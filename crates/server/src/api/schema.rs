//! The shapes of the native API, for its document: the model, field by field.
//!
//! What is read is read by `trailbook_event::normalise`, not by these types; a test holds both together.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a write sends: one event or a list of events.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EventsIn {
    /// One event.
    One(Box<EventIn>),
    /// A list of events.
    Many(Vec<EventIn>),
}

/// An event as a client sends it.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventIn {
    /// A UUID of the client's; without it the server makes a UUIDv7. The same id with the same content is recorded
    /// once.
    id: Option<String>,
    /// When it happened, RFC 3339; without it the server's clock. At most an hour ahead of it.
    #[schema(example = "2026-01-15T12:00:00.000Z")]
    occurred_at: Option<String>,
    #[serde(flatten)]
    rest: EventBody,
}

/// An event as the server gives it.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventOut {
    /// Whose event it is.
    organization: String,
    /// Its number in its log: dense, from 0.
    sequence: u64,
    /// When it was recorded.
    recorded_at: String,
    /// Its id.
    id: String,
    /// When it happened, in UTC with 3, 6 or 9 digits.
    occurred_at: String,
    #[serde(flatten)]
    rest: EventBody,
}

/// What an event says.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// What reported it: a plugin, an integration, an application.
    #[schema(example = "catalog")]
    source: String,
    /// What was done.
    #[schema(example = "entity-mutate")]
    action: String,
    /// For writes, which kind.
    #[schema(example = "update")]
    action_type: Option<String>,
    /// For reads, which kind.
    query_type: Option<String>,
    /// How much it matters; by default low.
    severity: Option<SeverityName>,
    /// How it ended; by default succeeded.
    outcome: Option<OutcomeName>,
    /// What went wrong.
    error: Option<ErrorBody>,
    /// Who did it.
    actor: Option<ActorBody>,
    /// For whom the actor acted, at most 32.
    on_behalf_of: Option<Vec<PartyBody>>,
    /// On what it was done, at most 32.
    targets: Option<Vec<TargetBody>>,
    /// Where it came from.
    context: Option<ContextBody>,
    /// What was there before and after: any JSON, at most 16 levels deep.
    changes: Option<ChangesBody>,
    /// One human sentence.
    message: Option<String>,
    /// All else: any JSON, at most 16 levels deep, keys of at most 128 characters.
    #[schema(value_type = Option<Object>)]
    meta: Option<Value>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SeverityName {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutcomeName {
    Initiated,
    Succeeded,
    Failed,
    Denied,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ActorTypeName {
    User,
    Service,
    Agent,
    System,
    Anonymous,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    name: Option<String>,
    message: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ActorBody {
    #[serde(rename = "type")]
    type_: ActorTypeName,
    /// Required, unless the actor is anonymous.
    id: Option<String>,
    name: Option<String>,
    email: Option<String>,
    groups: Option<Vec<GroupBody>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct GroupBody {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PartyBody {
    #[serde(rename = "type")]
    type_: ActorTypeName,
    id: String,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TargetBody {
    #[serde(rename = "type")]
    type_: String,
    id: String,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ContextBody {
    /// `portal` or `api`.
    channel: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    hostname: Option<String>,
    request_method: Option<String>,
    request_url: Option<String>,
    request_id: Option<String>,
    session_id: Option<String>,
    trace_id: Option<String>,
    project: Option<String>,
    package: Option<String>,
    blueprint: Option<String>,
    run_id: Option<String>,
    webhook_id: Option<String>,
    webhook_event_id: Option<String>,
    installation_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesBody {
    before: Option<Value>,
    after: Option<Value>,
}

/// The answer to a write: what became of each event, in the order in which they were sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct WriteAnswer {
    pub(crate) events: Vec<WrittenOut>,
}

/// What became of one event.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum WrittenOut {
    /// It is durable.
    Recorded {
        /// Its id.
        id: String,
        /// Its number in its log.
        sequence: u64,
    },
    /// An exclusion rule keeps it out.
    Excluded {
        /// The rule's name.
        excluded: String,
    },
    /// It is nothing that is recorded.
    Dropped {
        /// `initiated`, or `not-audit` for another line of a Backstage log.
        dropped: String,
    },
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// The events.
    data: Vec<EventOut>,
    /// How many match in all, exactly.
    total: Option<u64>,
    /// The cursor of the next page, if there is one.
    next: Option<String>,
}
