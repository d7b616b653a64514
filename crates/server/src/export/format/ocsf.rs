//! JSON lines after the Open Cybersecurity Schema Framework, 1.8.0.
//!
//! The class of an event comes from what it does: [`Class`]. What the schema has no place for is in `unmapped`, under
//! its name in the model. Every event is valid, whatever it lacks: where a class needs somebody or something that the
//! event does not name, the source stands there, or the event becomes one of API Activity.

use std::net::IpAddr;

use trailbook_event::canonical::write_value;
use trailbook_event::{Actor, ActorType, Changes, ContextKey, Event, Outcome, Severity, Target};

use super::object::Object;
use super::verb::{self, Session, Verb, Words};
use super::{Record, columns};

const VERSION: &str = "1.8.0";
/// An activity or type that the schema has no number for.
const OTHER: u32 = 99;
/// The methods that the schema knows.
const METHODS: [&str; 9] = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"];

/// What an event becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// An account, or what opens one, was made, changed or removed.
    AccountChange,
    /// Somebody came or went.
    Authentication,
    /// A thing was made, changed or removed, and what changed is known.
    EntityManagement,
    /// Anything else.
    ApiActivity,
}

impl Class {
    /// Its category and its own number.
    fn numbers(self) -> (u32, u32) {
        match self {
            Self::AccountChange => (3, 3001),
            Self::Authentication => (3, 3002),
            Self::EntityManagement => (3, 3004),
            Self::ApiActivity => (6, 6003),
        }
    }
}

/// The class of an event, and the number of its activity.
fn classify(event: &Event<'_>) -> (Class, u32) {
    let words = Words::of(&event.action);
    match verb::session(&words) {
        Some(Session::Begins) => return (Class::Authentication, 1),
        Some(Session::Ends) => return (Class::Authentication, 2),
        None => {}
    }
    let verb = verb::verb(event, &words);
    let number = match verb {
        Some(Verb::Create) => 1,
        Some(Verb::Read) => 2,
        Some(Verb::Update) => 3,
        Some(Verb::Delete) => 4,
        None => OTHER,
    };
    let is_write = matches!(verb, Some(Verb::Create | Verb::Update | Verb::Delete));
    let has_account = !event.targets.is_empty() || event.actor.is_some();
    if is_write && has_account && verb::is_of_accounts(event, &words) {
        return (Class::AccountChange, account_activity(verb, &words));
    }
    if is_write && event.changes.is_some() && !event.targets.is_empty() {
        return (Class::EntityManagement, number);
    }
    (Class::ApiActivity, number)
}

fn account_activity(verb: Option<Verb>, words: &Words) -> u32 {
    let has = |list: [&str; 2]| list.iter().any(|word| words.has(word));
    match verb {
        Some(Verb::Create) => 1,
        Some(Verb::Delete) => 6,
        _ if has(["enable", "enabled"]) => 2,
        _ if has(["password", "passwords"]) && words.has("reset") => 4,
        _ if has(["password", "passwords"]) => 3,
        _ if has(["disable", "disabled"]) => 5,
        _ if has(["lock", "locked"]) => 9,
        _ if has(["unlock", "unlocked"]) => 12,
        _ => OTHER,
    }
}

pub(super) fn write(record: &Record<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
    let (class, activity) = classify(event);
    Object::write(out, |line| {
        head(event, class, activity, line);
        line.object("metadata", |metadata| self::metadata(record, event, metadata));
        line.object("actor", |actor| self::actor(event, actor));
        match class {
            Class::Authentication => {
                line.object("user", |user| who(event, user));
                line.object("service", |service| service.text("name", &event.source));
            }
            Class::AccountChange => line.object("user", |user| match event.targets.first() {
                Some(target) => account(target, user),
                None => who(event, user),
            }),
            Class::EntityManagement => entities(event, line),
            Class::ApiActivity => {
                let targets = &event.targets;
                line.list("resources", targets, |target, resource| {
                    thing(target, resource);
                });
            }
        }
        if class == Class::ApiActivity {
            line.object("api", |api| api.text("operation", &event.action));
        }
        endpoints(event, class, line);
        line.object("http_request", |request| http_request(event, request));
        line.object("unmapped", |rest| unmapped(event, class, rest));
    });
    out.push(b'\n');
}

/// What every class has.
fn head(event: &Event<'_>, class: Class, activity: u32, line: &mut Object<'_>) {
    let (category, class) = class.numbers();
    line.number("category_uid", category);
    line.number("class_uid", class);
    line.number("activity_id", activity);
    if activity == OTHER {
        line.text("activity_name", event.action_type.as_deref().unwrap_or(&event.action));
    }
    line.number("type_uid", class * 100 + activity);
    line.number("time", event.occurred_at.millis());
    line.number(
        "severity_id",
        match event.severity {
            Severity::Low => 2,
            Severity::Medium => 3,
            Severity::High => 4,
            Severity::Critical => 5,
        },
    );
    let (status_id, status) = match event.outcome {
        Outcome::Succeeded => (1, "Success"),
        Outcome::Failed | Outcome::Denied => (2, "Failure"),
        Outcome::Initiated => (OTHER, Outcome::Initiated.name()),
    };
    line.number("status_id", status_id);
    line.text("status", status);
    if let Some(error) = &event.error {
        line.optional("status_code", error.name.as_deref());
        line.optional("status_detail", error.message.as_deref());
    }
    line.optional("message", event.message.as_deref());
}

fn metadata(record: &Record<'_>, event: &Event<'_>, metadata: &mut Object<'_>) {
    metadata.text("version", VERSION);
    metadata.object("product", |product| {
        product.text("name", "Trailbook");
        product.text("vendor_name", "Trailbook");
        product.text("version", env!("CARGO_PKG_VERSION"));
    });
    metadata.text("uid", &event.id.as_hyphenated().to_string());
    metadata.text("tenant_uid", record.organization);
    metadata.number("sequence", record.sequence);
    metadata.number("logged_time", record.recorded_ms);
    metadata.text("original_time", &event.occurred_at.to_string());
    metadata.text("event_code", &event.action);
    metadata.text("log_provider", &event.source);
    metadata.optional("correlation_uid", event.context.get(ContextKey::TraceId));
}

/// Who did it. The source is always there, for the schema wants one of several.
fn actor(event: &Event<'_>, actor: &mut Object<'_>) {
    actor.text("app_name", &event.source);
    if let Some(own) = &event.actor {
        actor.object("user", |user| user_of(own, user));
    }
    actor.object("session", |session| session.optional("uid", event.context.get(ContextKey::SessionId)));
}

fn user_of(actor: &Actor<'_>, user: &mut Object<'_>) {
    user.optional("uid", actor.id.as_deref());
    let nobody = actor.id.is_none().then_some(actor.kind.name());
    user.optional("name", actor.name.as_deref().or(nobody));
    user.optional("email_addr", actor.email.as_deref().filter(|email| is_email(email)));
    user.text("type", actor.kind.name());
    let number: u32 = match actor.kind {
        ActorType::User => 1,
        ActorType::System => 3,
        ActorType::Service => 4,
        ActorType::Agent | ActorType::Anonymous => OTHER,
    };
    user.number("type_id", number);
    user.list("groups", &actor.groups, |from, group| {
        group.optional("uid", from.id.as_deref());
        group.optional("name", from.name.as_deref());
    });
}

/// Who signs in or changes their account: the actor, a target, or nobody who is known.
fn who(event: &Event<'_>, user: &mut Object<'_>) {
    match (&event.actor, event.targets.first()) {
        (Some(actor), _) => user_of(actor, user),
        (None, Some(target)) => account(target, user),
        (None, None) => {
            user.text("name", "unknown");
            user.number("type_id", 0_u32);
        }
    }
}

/// The account that a target is.
fn account(target: &Target<'_>, user: &mut Object<'_>) {
    thing(target, user);
    user.number("type_id", if target.kind.eq_ignore_ascii_case("user") { 1 } else { OTHER });
}

/// What is known of any target.
fn thing(target: &Target<'_>, object: &mut Object<'_>) {
    object.text("uid", &target.id);
    object.optional("name", target.name.as_deref());
    object.text("type", &target.kind);
}

/// The first target before and after.
fn entities(event: &Event<'_>, line: &mut Object<'_>) {
    let (Some(target), Some(Changes { before, after })) = (event.targets.first(), &event.changes) else { return };
    let both = [("entity", before), ("entity_result", after)];
    for (key, data) in both.into_iter().filter(|(key, data)| *key == "entity" || data.is_some()) {
        line.object(key, |entity| {
            thing(target, entity);
            if let Some(data) = data {
                entity.raw("data", |out| write_value(data, out));
            }
        });
    }
}

/// From where, and to where where the class has that.
fn endpoints(event: &Event<'_>, class: Class, line: &mut Object<'_>) {
    let address = address(event);
    line.object("src_endpoint", |from| match address {
        Some(ip) => from.text("ip", &ip.to_string()),
        None if class == Class::ApiActivity => from.text("svc_name", &event.source),
        None => {}
    });
    if has_destination(class) {
        line.object("dst_endpoint", |to| to.optional("hostname", event.context.get(ContextKey::Hostname)));
    }
}

fn has_destination(class: Class) -> bool {
    matches!(class, Class::ApiActivity | Class::Authentication)
}

fn address(event: &Event<'_>) -> Option<IpAddr> {
    event.context.get(ContextKey::Ip)?.parse().ok()
}

fn method<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    event.context.get(ContextKey::RequestMethod).filter(|method| METHODS.contains(method))
}

fn http_request(event: &Event<'_>, request: &mut Object<'_>) {
    request.optional("http_method", method(event));
    request.optional("uid", event.context.get(ContextKey::RequestId));
    request.optional("user_agent", event.context.get(ContextKey::UserAgent));
    if let Some(url) = event.context.get(ContextKey::RequestUrl) {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        request.object("url", |url| {
            url.text("path", path);
            url.optional("query_string", query);
        });
    }
}

/// What the schema has no place for, by its names in the model.
fn unmapped(event: &Event<'_>, class: Class, rest: &mut Object<'_>) {
    if event.outcome == Outcome::Denied {
        rest.text("outcome", event.outcome.name());
    }
    rest.optional("action_type", event.action_type.as_deref());
    rest.optional("query_type", event.query_type.as_deref());
    let email = event.actor.as_ref().and_then(|actor| actor.email.as_deref());
    if let Some(email) = email.filter(|email| !is_email(email)) {
        rest.object("actor", |actor| actor.text("email", email));
    }
    if !event.on_behalf_of.is_empty() {
        rest.raw("on_behalf_of", |out| columns::on_behalf_of(event, out));
    }
    let is_mapped = |key: ContextKey| match key {
        ContextKey::Ip => address(event).is_some(),
        ContextKey::Hostname => has_destination(class),
        ContextKey::RequestMethod => method(event).is_some(),
        ContextKey::RequestId | ContextKey::RequestUrl | ContextKey::UserAgent => true,
        ContextKey::SessionId | ContextKey::TraceId => true,
        _ => false,
    };
    rest.object("context", |context| {
        event
            .context
            .iter()
            .filter(|(key, _)| !is_mapped(*key))
            .for_each(|(key, value)| context.text(key.name(), value));
    });
    // The classes of one account or entity have no place for more of them.
    let places = match class {
        Class::ApiActivity => usize::MAX,
        Class::AccountChange | Class::EntityManagement => 1,
        Class::Authentication => 0,
    };
    if event.targets.len() > places {
        rest.raw("targets", |out| columns::targets(event, out));
    }
    if class != Class::EntityManagement && event.changes.is_some() {
        rest.raw("changes", |out| columns::changes(event, out));
    }
    if !event.meta.is_empty() {
        rest.raw("meta", |out| columns::meta(event, out));
    }
}

/// Whether a text has the form that the schema wants of addresses.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+,-./=?^_`{|}~".contains(c);
    let is_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let dot = domain.find('.').is_some_and(|dot| dot > 0 && dot + 1 < domain.len());
    !local.is_empty() && local.chars().all(is_local) && dot && domain.chars().all(is_domain)
}
