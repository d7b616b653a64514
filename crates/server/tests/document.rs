//! The document of the API says what the server does.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use trailbook_store::credential::Permission;
use trailbook_store::members::NewMember;
use trailbook_store::views::{NewView, View};
use trailbook_store::{DEFAULT_ORGANIZATION, new_uuid};

use crate::harness::{AUDIT, EVENTS, MINIMAL, Server, WEBHOOK, answer, run, testdata};

async fn document(server: &Server) -> Value {
    server.get("", "/api/openapi.json").await.expect(200)
}

/// A schema of the document, with what it refers to put in its place.
fn schema(document: &Value, name: &str) -> Value {
    let mut found = document["components"]["schemas"][name].clone();
    for part in found["allOf"].take().as_array().into_iter().flatten() {
        let part = match part["$ref"].as_str() {
            Some(reference) => schema(document, reference.rsplit('/').next().unwrap()),
            None => part.clone(),
        };
        for (key, value) in part["properties"].as_object().unwrap() {
            found["properties"][key] = value.clone();
        }
        let required = part["required"].as_array().cloned().unwrap_or_default();
        let mut all = found["required"].as_array().cloned().unwrap_or_default();
        all.extend(required);
        found["required"] = all.into();
    }
    found
}

fn properties(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn required(schema: &Value) -> BTreeSet<String> {
    schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}

/// A path in which members, groups, roles, invitations, rules and views stand that are there, for one operation: some
/// remove them.
async fn with_people(server: &Server, token: &str, template: &str, n: usize) -> String {
    let parts = ["{role}", "{group}", "{member}", "{invitation}", "{rule}", "{view}"];
    if !parts.iter().any(|part| template.contains(part)) {
        return template.to_owned();
    }
    let catalog = server.catalog().await;
    let (organization, _) = catalog.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
    let new = NewMember {
        email: format!("m{n}@acme.example"),
        name: "Jane".to_owned(),
        password: None,
        provided: None,
        roles: Vec::new(),
        groups: Vec::new(),
    };
    let member = catalog.create_member(&organization, &new).await.unwrap();
    let post = async |path: &str, body: Value| {
        answer(server.request(Method::POST, path).bearer_auth(token).body(body.to_string())).await.expect(201)
    };
    post("/api/v1/roles", json!({"name": format!("r{n}"), "permissions": ["events.read"]})).await;
    post("/api/v1/groups", json!({"name": format!("g{n}")})).await;
    let invited = post("/api/v1/invitations", json!({"emails": [format!("i{n}@acme.example")]})).await;
    let rule = post("/api/v1/rules", json!({"name": format!("x{n}"), "event_id": [format!("x{n}")]})).await;
    let view = new_uuid().unwrap();
    let shared = NewView { name: "v".to_owned(), query: String::new(), is_shared: true };
    catalog
        .create_view(&organization, &View { id: view, member: member.id, view: shared, created_ms: 0 })
        .await
        .unwrap();
    let member = member.uuid;
    for path in [
        format!("/api/v1/groups/g{n}/roles/r{n}"),
        format!("/api/v1/groups/g{n}/members/{member}"),
        format!("/api/v1/members/{member}/roles/r{n}"),
    ] {
        assert_eq!(answer(server.request(Method::PUT, &path).bearer_auth(token)).await.status, 204);
    }
    template
        .replace("{role}", &format!("r{n}"))
        .replace("{group}", &format!("g{n}"))
        .replace("{member}", &member.to_string())
        .replace("{invitation}", invited["data"][0]["id"].as_str().unwrap())
        .replace("{rule}", rule["id"].as_str().unwrap())
        .replace("{view}", &view.to_string())
}

#[test]
fn every_path_and_method_is_there() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let document = document(&server).await;
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let id = server.post(MINIMAL).await.expect(201)["events"][0]["id"].as_str().unwrap().to_owned();
        let token = server.scoped(DEFAULT_ORGANIZATION, &Permission::ALL).await;
        let logs = server.get(&token, "/api/v1/logs").await.expect(200);
        let log = logs["data"][0]["id"].as_str().unwrap();
        let (organization, _) = server.catalog().await.organization_or_new(DEFAULT_ORGANIZATION).await.unwrap();
        let uuid = organization.uuid().to_string();
        let mut seen = 0;
        let order = json!({"name": "a", "formats": ["cef"]}).to_string();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let path_of_document = path;
            let template = path
                .replace("/invitations/{id}", "/invitations/{invitation}")
                .replace("/rules/{id}", "/rules/{rule}")
                .replace("/views/{id}", "/views/{view}")
                .replace("{orgUuid}", &uuid)
                .replace("{organization}", DEFAULT_ORGANIZATION)
                .replace("{format}", "cef")
                .replace("/exports/{id}", "/exports/{job_id}")
                .replace("/tokens/{id}", "/tokens/{token_id}")
                .replace("{id}", &id)
                .replace("{log}", log)
                .replace("{resource}", "checkpoint")
                .replace("{from}", "port")
                .replace("{secret}", "s-0123456789abcdef");
            for (method, operation) in methods.as_object().unwrap() {
                // One for each operation: some of them remove it.
                let ordered = server.request(Method::POST, "/api/v1/exports").bearer_auth(&token).body(order.clone());
                let ordered = answer(ordered).await.expect(201);
                let path = template.replace("{job_id}", ordered["id"].as_str().unwrap());
                let made = json!({"name": format!("t{seen}"), "scopes": ["events.read"]}).to_string();
                let made = server.request(Method::POST, "/api/v1/tokens").bearer_auth(&token).body(made);
                let made = answer(made).await.expect(201);
                let path = path.replace("{token_id}", made["token"]["id"].as_str().unwrap());
                let path = with_people(&server, &token, &path, seen).await;
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let request = server.request(method.clone(), &path).bearer_auth(&token);
                let answer = answer(request.body(if method == Method::POST { MINIMAL } else { "" })).await;
                let is_filled = !path_of_document.contains("/me/");
                // What is named may not be there; the route is.
                let is_nothing = answer.text().contains("there is nothing at");
                assert!(answer.status != 405 && !is_nothing, "{method} {path}");
                assert!(answer.status != 404 || !is_filled, "{method} {path}");
                let documented = operation["responses"].as_object().unwrap();
                assert!(documented.contains_key(&answer.status.to_string()), "{method} {path} {}", answer.status);
                assert!(operation["operationId"].is_string() && operation["tags"].is_array());
                seen += 1;
            }
        }
        assert_eq!(seen, 78);
    });
}

#[test]
fn what_is_answered_has_a_documented_status() {
    run(async {
        let server = Server::start().await;
        let document = document(&server).await;
        let has = |path: &str, method: &str, status: u16| {
            let responses = &document["paths"][path][method]["responses"];
            assert!(responses.get(status.to_string()).is_some(), "{method} {path} {status}");
        };
        for status in [201, 400, 401, 403, 408, 409, 413, 414, 415, 422, 500, 503, 507] {
            has(EVENTS, "post", status);
        }
        for status in [200, 400, 401, 403, 414, 503] {
            has(EVENTS, "get", status);
        }
        for status in [200, 400, 401, 403, 404, 414, 503] {
            has("/api/v1/events/{id}", "get", status);
        }
        for status in [200, 400, 401, 403, 503] {
            has(AUDIT, "get", status);
        }
        for status in [200, 401, 403, 404, 422, 429, 500, 503] {
            has("/v1/audit-log", "get", status);
        }
        for status in [200, 401, 403, 413, 422, 503] {
            has("/v1/auth/access_token", "post", status);
        }
        for status in [200, 400, 401, 403, 404, 413, 500, 503] {
            has("/audit-logging/1.0.0/orgs/{orgUuid}/audit-logs", "post", status);
        }
    });
}

#[test]
fn required_fields_are_those_that_are_required() {
    run(async {
        let server = Server::start().await;
        let event = schema(&document(&server).await, "EventIn");
        let minimal: Value = serde_json::from_str(MINIMAL).unwrap();
        assert_eq!(required(&event), minimal.as_object().unwrap().keys().cloned().collect());
        server.post(MINIMAL).await.expect(201);
        for name in required(&event) {
            let mut less = minimal.clone();
            less.as_object_mut().unwrap().remove(&name);
            let problem = server.post(less.to_string()).await.problem(400, "invalid-events");
            assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"));
        }
        for (name, example, expected) in [
            ("ActorBody", json!({"actor": {"type": "anonymous"}}), &["type"][..]),
            ("PartyBody", json!({"on_behalf_of": [{"type": "user", "id": "x"}]}), &["id", "type"]),
            ("TargetBody", json!({"targets": [{"type": "t", "id": "x"}]}), &["id", "type"]),
        ] {
            assert_eq!(required(&schema(&document(&server).await, name)), names(expected), "{name}");
            let mut body = minimal.clone();
            body.as_object_mut().unwrap().append(&mut example.as_object().unwrap().clone());
            server.post(body.to_string()).await.expect(201);
        }
    });
}

#[test]
fn every_field_of_the_document_is_accepted_and_no_other() {
    run(async {
        let server = Server::start().await;
        let document = document(&server).await;
        // The full event has a member for every field there is.
        let full: Value = serde_json::from_str(&testdata("event-full.json")).unwrap();
        for (schema_name, pointer) in [
            ("EventIn", ""),
            ("ErrorBody", "/error"),
            ("ActorBody", "/actor"),
            ("GroupBody", "/actor/groups/0"),
            ("PartyBody", "/on_behalf_of/1"),
            ("TargetBody", "/targets/0"),
            ("ContextBody", "/context"),
            ("ChangesBody", "/changes"),
        ] {
            let documented = properties(&schema(&document, schema_name));
            let own: BTreeSet<String> = full.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect();
            assert_eq!(documented, own, "{schema_name}");
            let mut other = full.clone();
            other.pointer_mut(pointer).unwrap()["another"] = 1.into();
            let problem = server.post(other.to_string()).await.problem(400, "invalid-events");
            assert_eq!(problem["errors"][0]["pointer"], format!("{pointer}/another"));
        }
        server.post(full.to_string()).await.expect(201);
        let out = properties(&schema(&document, "EventOut"));
        let read: BTreeSet<String> = server.list("").await["data"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(out, read);
    });
}

/// Whether a schema lets a value be null.
fn allows_null(schema: &Value) -> bool {
    let is_null = |kind: &Value| kind == "null" || kind["type"] == "null";
    [&schema["type"], &schema["oneOf"], &schema["anyOf"]]
        .iter()
        .any(|kinds| kinds.as_array().into_iter().flatten().any(is_null))
}

#[test]
fn null_is_documented_where_it_stands_and_nowhere_else() {
    run(async {
        let server = Server::start().await;
        let document = document(&server).await;
        let of_portal = ["actor_id", "request_method", "request_url", "action_type", "query_type", "entity_ref"];
        let of_spectra = ["status", "presigned_url", "expires_at"];
        let of_spectra = ["cef", "ndjson"].iter().flat_map(|form| of_spectra.map(|what| format!("{form}_{what}")));
        let of_spectra: Vec<String> = of_spectra.collect();
        let nulls: Vec<_> = of_portal.map(|field| ("AuditEvent", field)).into_iter().collect();
        let nulls = [nulls, of_spectra.iter().map(|field| ("AuditExport", field.as_str())).collect()].concat();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
            for (field, property) in parts.filter_map(|part| part["properties"].as_object()).flatten() {
                let is_foreign = nulls.contains(&(name.as_str(), field.as_str()));
                assert_eq!(allows_null(property), is_foreign, "{name}.{field}: {property}");
            }
        }
        let record = schema(&document, "AuditEvent");
        assert_eq!(required(&record), properties(&record), "every field is always there");
        let mut null: Value = serde_json::from_str(MINIMAL).unwrap();
        null["message"] = Value::Null;
        server.post(null.to_string()).await.problem(400, "invalid-events");
    });
}

#[test]
fn the_page_names_every_field_and_parameter() {
    run(async {
        let server = Server::start().await;
        let page = server.get("", "/api/docs").await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        let page = page.text();
        let fields = trailbook_query::fields::all();
        let all =
            fields.flat_map(|info| info.aliases.iter().map(ToString::to_string).chain([info.name]).collect::<Vec<_>>());
        for name in all.chain(trailbook_query::params::RESERVED.iter().map(ToString::to_string)) {
            assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
        }
        for path in [EVENTS, AUDIT, "/livez", "/readyz", "/metrics"] {
            assert!(page.contains(path));
        }
        assert!(!page.contains("<script") && !page.contains("src="), "it loads nothing");
    });
}
