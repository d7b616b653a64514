//! The document of the API: OpenAPI 3.1 as JSON, and a page to read it.

use askama::Template;
use serde_json::Value;
use trailbook_query::fields;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

/// What the document says beside its routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trailbook",
        description = "A self-hosted audit log. Events are sent to `/api/v1/events`, searched there, and read through \
                       the audit APIs of portals.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Security),
    tags(
        (name = "events", description = "The native API"),
        (name = "exports", description = "Events as files that can be handed over"),
        (name = "session", description = "Signing in, and one's own account"),
        (name = "tokens", description = "Tokens of the organization, and of members"),
        (name = "logs", description = "What proves that nothing was changed or left out"),
        (name = "members", description = "People of the organization, their groups, and the roles that say what they \
                                          may do"),
        (name = "settings", description = "How the organization is set up: what it keeps out of its log, what the \
                                           console shows first, and saved views"),
        (name = "Spotify Portal", description = "The audit log API of Spotify Portal for Backstage"),
        (name = "Spectra Assure", description = "The audit-log exports of the Spectra Assure Portal"),
        (name = "Port", description = "The audit log API of Port"),
        (name = "WSO2", description = "The audit log API of WSO2's API Platform and Choreo"),
        (name = "operations", description = "Health and counters"),
    )
)]
pub(crate) struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of `trailbook token create`"))
            .build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        let cookie = ApiKeyValue::with_description(
            "trailbook-session",
            "The cookie of `POST /api/v1/session`; behind HTTPS its name is `__Host-trailbook-session`. Requests that \
             change something need the header `x-csrf-token` too",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// Says of the native API that a session does as well as a token, with the same permissions.
pub(crate) fn allow_sessions(document: &mut Document) {
    let own = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/v1/"));
    for (_, item) in own {
        let PathItem { get, put, post, delete, patch, .. } = item;
        for operation in [get, put, post, delete, patch].into_iter().flatten() {
            let Some(security) = &mut operation.security else { continue };
            let asked = serde_json::to_value(&security).unwrap_or_default();
            let scopes = each(&asked, "").filter_map(|one| one.get("token")).filter_map(Value::as_array);
            let scopes: Vec<Vec<String>> =
                scopes.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect()).collect();
            let has_session = each(&asked, "").any(|one| one.get("session").is_some());
            if !has_session {
                security.extend(scopes.into_iter().map(|scopes| SecurityRequirement::new("session", scopes)));
            }
        }
    }
}

/// The document in the forms that are served.
pub(crate) struct Rendered {
    pub(crate) json: String,
    pub(crate) page: String,
}

impl Rendered {
    pub(crate) fn new(document: &Document) -> Self {
        let json = document.to_pretty_json().unwrap_or_default();
        let value: Value = serde_json::from_str(&json).unwrap_or_default();
        let page = Page::of(&value).render().unwrap_or_else(|error| format!("the page cannot be made: {error}"));
        Self { json, page }
    }
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Page {
    version: &'static str,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
    fields: Vec<fields::FieldInfo>,
}

struct Group {
    anchor: String,
    name: String,
    description: Prose,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: Prose,
    description: Prose,
    scope: String,
    parameters: Vec<Row>,
    body: String,
    responses: Vec<Row>,
}

struct Schema {
    name: String,
    description: Prose,
    members: Vec<Row>,
}

/// A name, what kind of thing it is, and what it means.
struct Row {
    name: String,
    kind: String,
    description: Prose,
}

/// A text in which what stands between backticks is code.
struct Prose(Vec<Part>);

struct Part {
    is_code: bool,
    text: String,
}

impl Prose {
    fn of(text: &str) -> Self {
        let parts = text.split('`').enumerate();
        Self(parts.map(|(i, text)| Part { is_code: i % 2 == 1, text: text.to_owned() }).collect())
    }
}

impl Page {
    fn of(document: &Value) -> Self {
        let mut groups: Vec<Group> = each(document, "/tags").map(Group::of).collect();
        for (path, methods) in members(document, "/paths") {
            // A resource is written before it is read.
            for (method, operation) in methods.as_object().into_iter().flatten().rev() {
                let tag = text(operation, "/tags/0");
                if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
                    group.operations.push(Operation::of(path, method, operation));
                }
            }
        }
        let schemas = members(document, "/components/schemas").map(|(name, schema)| Schema::of(name, schema));
        Self { version: env!("CARGO_PKG_VERSION"), groups, schemas: schemas.collect(), fields: fields::all().collect() }
    }
}

impl Group {
    fn of(tag: &Value) -> Self {
        let name = text(tag, "/name");
        Self {
            anchor: name.to_lowercase().replace(' ', "-"),
            name,
            description: prose(tag, "/description"),
            operations: Vec::new(),
        }
    }
}

impl Operation {
    fn of(path: &str, method: &str, operation: &Value) -> Self {
        let parameter =
            |p: &Value| Row { name: text(p, "/name"), kind: text(p, "/in"), description: prose(p, "/description") };
        let response = |(status, r): (&String, &Value)| {
            let kind = members(r, "/content").map(|(_, content)| kind_of(content.get("schema"))).next();
            Row { name: status.clone(), kind: kind.unwrap_or_default(), description: prose(r, "/description") }
        };
        let scopes = each(operation, "/security").flat_map(|s| each(s, "/token")).filter_map(Value::as_str);
        Self {
            id: text(operation, "/operationId"),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: prose(operation, "/summary"),
            description: prose(operation, "/description"),
            scope: scopes.collect::<Vec<_>>().join(", "),
            parameters: each(operation, "/parameters").map(parameter).collect(),
            body: members(operation, "/requestBody/content")
                .map(|(kind, _)| kind.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            responses: members(operation, "/responses").map(response).collect(),
        }
    }
}

impl Schema {
    fn of(name: &str, schema: &Value) -> Self {
        let required: Vec<&str> = each(schema, "/required").filter_map(Value::as_str).collect();
        let own = members(schema, "/properties");
        let inherited = each(schema, "/allOf").flat_map(|part| members(part, "/properties"));
        let one_of = each(schema, "/oneOf").flat_map(|part| members(part, "/properties"));
        let member = |(name, schema): (&String, &Value)| Row {
            name: name.clone(),
            kind: format!(
                "{}{}",
                kind_of(Some(schema)),
                if required.contains(&name.as_str()) { ", required" } else { "" }
            ),
            description: prose(schema, "/description"),
        };
        let mut members: Vec<Row> = own.chain(inherited).chain(one_of).map(member).collect();
        let parts = each(schema, "/allOf").filter(|part| part.get("$ref").is_some());
        members.extend(parts.map(|part| Row {
            name: "…".to_owned(),
            kind: kind_of(Some(part)),
            description: Prose::of("and all its members"),
        }));
        let values: Vec<&str> = each(schema, "/enum").filter_map(Value::as_str).collect();
        let description = match values.as_slice() {
            [] => text(schema, "/description"),
            values => format!("{} {}", text(schema, "/description"), values.join(" | ")),
        };
        Self { name: name.to_owned(), description: Prose::of(&description), members }
    }
}

/// The kind of a schema in a few words.
fn kind_of(schema: Option<&Value>) -> String {
    let Some(schema) = schema else { return String::new() };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(options) = schema.get("oneOf").and_then(Value::as_array) {
        let kinds: Vec<_> = options.iter().map(|option| kind_of(Some(option))).filter(|kind| kind != "null").collect();
        return kinds.join(" or ");
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any JSON".to_owned(),
    };
    if kind == "array" { format!("list of {}", kind_of(schema.get("items"))) } else { kind }
}

fn prose(value: &Value, pointer: &str) -> Prose {
    Prose::of(&text(value, pointer))
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn each<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}
