//! The canonical event.
//!
//! Texts borrow from what the client sent wherever they can. A field that is absent is `None` or empty, never null.

use std::borrow::Cow;

use crate::json::{Object, Value};
use crate::time::Timestamp;
use uuid::Uuid;

/// A text of an event.
pub type Text<'a> = Cow<'a, str>;

/// One audit record, before it is sealed. Field by field as in `docs/api.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// UUIDv7 by the server, unless the client sent a UUID.
    pub id: Uuid,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What reported it.
    pub source: Text<'a>,
    /// What was done.
    pub action: Text<'a>,
    /// For writes, which kind.
    pub action_type: Option<Text<'a>>,
    /// For reads, which kind.
    pub query_type: Option<Text<'a>>,
    /// How much it matters.
    pub severity: Severity,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<Failure<'a>>,
    /// Who did it.
    pub actor: Option<Actor<'a>>,
    /// For whom the actor acted, the nearest first.
    pub on_behalf_of: Vec<OnBehalfOf<'a>>,
    /// On what it was done.
    pub targets: Vec<Target<'a>>,
    /// Where it came from.
    pub context: Context<'a>,
    /// What was there before and after.
    pub changes: Option<Changes<'a>>,
    /// One human sentence.
    pub message: Option<Text<'a>>,
    /// All else.
    pub meta: Object<'a>,
}

/// What went wrong: at least one of the two is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure<'a> {
    /// Its class, such as `ConflictError`.
    pub name: Option<Text<'a>>,
    /// What it said.
    pub message: Option<Text<'a>>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor<'a> {
    /// What kind of party.
    pub kind: ActorType,
    /// Its id; only an anonymous actor may lack one.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
    /// Its e-mail address.
    pub email: Option<Text<'a>>,
    /// The groups that it belonged to.
    pub groups: Vec<Group<'a>>,
}

/// A group of an actor: at least one of the two is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// Its id.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
}

/// A party that an actor acts for.
#[derive(Debug, Clone, PartialEq)]
pub struct OnBehalfOf<'a> {
    /// What kind of party.
    pub kind: ActorType,
    /// Its id.
    pub id: Text<'a>,
    /// Its name.
    pub name: Option<Text<'a>>,
}

/// What something was done on.
#[derive(Debug, Clone, PartialEq)]
pub struct Target<'a> {
    /// What kind of thing.
    pub kind: Text<'a>,
    /// Its id.
    pub id: Text<'a>,
    /// Its name.
    pub name: Option<Text<'a>>,
}

/// The values before and after: at least one of the two is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<'a> {
    /// Before.
    pub before: Option<Value<'a>>,
    /// After.
    pub after: Option<Value<'a>>,
}

/// Where an event came from: the keys that are there, in the order of their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context<'a>(Vec<(ContextKey, Text<'a>)>);

impl<'a> Context<'a> {
    /// Sets a key, over what it held.
    pub fn set(&mut self, key: ContextKey, text: Text<'a>) {
        match self.0.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    entry.1 = text;
                }
            }
            Err(at) => self.0.insert(at, (key, text)),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: ContextKey) -> Option<&str> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, text)| text.as_ref())
    }

    /// The value of a key, for another place in the same event.
    pub(crate) fn copy(&self, key: ContextKey) -> Option<Text<'a>> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, text)| text.clone())
    }

    /// The keys that are there, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (ContextKey, &str)> {
        self.0.iter().map(|(key, text)| (*key, text.as_ref()))
    }

    /// The same, for changing the values.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ContextKey, &mut Text<'a>)> {
        self.0.iter_mut().map(|(key, text)| (*key, text))
    }

    /// Whether no key is there.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Makes an enum whose variants are known by name.
macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $enum { $($(#[$vdoc])* $variant,)+ }

        impl $enum {
            /// Every one, in order.
            pub const ALL: &'static [$enum] = &[$($enum::$variant,)+];

            /// The name that the model gives it.
            pub const fn name(self) -> &'static str {
                match self { $($enum::$variant => $name,)+ }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some($enum::$variant),)+ _ => None }
            }
        }
    };
}

named! {
    /// How much an event matters.
    Severity {
        /// Normal use.
        Low = "low",
        /// A write.
        Medium = "medium",
        /// A change of permissions.
        High = "high",
        /// A change of the highest permissions.
        Critical = "critical",
    }
}

named! {
    /// How an action ended.
    Outcome {
        /// It began; nothing is known of its end.
        Initiated = "initiated",
        /// It was done.
        Succeeded = "succeeded",
        /// It was tried and failed.
        Failed = "failed",
        /// It was not allowed.
        Denied = "denied",
    }
}

named! {
    /// What kind of party an actor is.
    ActorType {
        /// A person.
        User = "user",
        /// A program with credentials of its own.
        Service = "service",
        /// A program that decides by itself for somebody.
        Agent = "agent",
        /// The system itself.
        System = "system",
        /// Nobody who is known.
        Anonymous = "anonymous",
    }
}

named! {
    /// How the action came in.
    Channel {
        /// Through a user interface.
        Portal = "portal",
        /// Through an API.
        Api = "api",
    }
}

named! {
    /// A key of `context`, in the order of the names.
    ContextKey {
        /// A blueprint's identifier.
        Blueprint = "blueprint",
        /// `portal` or `api`, see [`Channel`].
        Channel = "channel",
        /// The host that was asked.
        Hostname = "hostname",
        /// The integration that reported it.
        InstallationId = "installation_id",
        /// The client's address.
        Ip = "ip",
        /// A package.
        Package = "package",
        /// A project.
        Project = "project",
        /// The request's own id.
        RequestId = "request_id",
        /// The HTTP method.
        RequestMethod = "request_method",
        /// The path and query that were asked for.
        RequestUrl = "request_url",
        /// An action run.
        RunId = "run_id",
        /// The session.
        SessionId = "session_id",
        /// The trace.
        TraceId = "trace_id",
        /// The client's program.
        UserAgent = "user_agent",
        /// The event of a webhook.
        WebhookEventId = "webhook_event_id",
        /// A webhook.
        WebhookId = "webhook_id",
    }
}
