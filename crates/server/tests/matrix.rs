//! Who may do what, on every route that the document names: a matrix of callers and operations, each cell asserted;
//! and on every route, what one organization learns of another: nothing.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use trailbook_store::credential::Permission;
use trailbook_store::members::NewRole;
use trailbook_store::views::{NewView, View};
use trailbook_store::{DEFAULT_ORGANIZATION, new_uuid};

use crate::harness::{Answer, MINIMAL, Server, WEBHOOK, answer, run};

/// An operation of the document.
struct Operation {
    method: Method,
    path: String,
    /// What it asks for; any of these lets a caller in.
    security: Vec<Asked>,
}

/// One way in.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    Nothing,
    /// A credential of any kind, with these permissions.
    Token(Vec<Permission>),
    /// Somebody who is signed in.
    Session,
}

/// What is written into paths.
struct Names {
    organization: String,
    organization_uuid: String,
    log: String,
    /// Ids and handles by the path that they stand in, up to the name in braces.
    of: BTreeMap<&'static str, String>,
}

const NOBODY: &str = "01980b5e-7c3a-7d52-9f3e-0c6f8f1f2a11";

impl Names {
    fn fill(&self, path: &str) -> String {
        let mut filled = path
            .replace("{orgUuid}", &self.organization_uuid)
            .replace("{organization}", &self.organization)
            .replace("{format}", "ndjson")
            .replace("{log}", &self.log)
            .replace("{resource}", "checkpoint")
            .replace("{from}", "port")
            .replace("{secret}", "none-0123456789abcdef");
        if path == "/v1/audit-log" {
            // Whoever may only look up has to name what.
            filled.push_str("?identifier=x");
        }
        while let Some((before, rest)) = filled.split_once('{') {
            let (_, after) = rest.split_once('}').unwrap();
            let name = self.of.get(before).map_or(NOBODY, String::as_str);
            filled = format!("{before}{name}{after}");
        }
        filled
    }
}

async fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get("", "/api/openapi.json").await.expect(200);
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = match operation["security"].as_array() {
                None => vec![Asked::Nothing],
                Some(ways) => ways.iter().map(asked).collect(),
            };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            all.push(Operation { method, path: path.clone(), security });
        }
    }
    all
}

fn asked(way: &Value) -> Asked {
    let permission = |name: &Value| match name.as_str().unwrap() {
        // What portals call it.
        "audit.log.read" | "urn:choreosystem:choreoauditloggingapi:audit_logs_view" => Permission::EventsRead,
        name => Permission::from_name(name).unwrap_or_else(|| panic!("{name} is no permission")),
    };
    let permissions = |all: &Value| all.as_array().unwrap().iter().map(permission).collect::<Vec<_>>();
    match (way.get("token"), way.get("session")) {
        (Some(all), _) => Asked::Token(permissions(all)),
        (None, Some(all)) if all.as_array().unwrap().is_empty() => Asked::Session,
        (None, Some(all)) => Asked::Token(permissions(all)),
        (None, None) => Asked::Nothing,
    }
}

impl Operation {
    /// Whether a caller with these permissions is let in.
    fn admits(&self, permissions: &[Permission], is_session: bool) -> bool {
        self.security.iter().any(|asked| match asked {
            Asked::Nothing => !self.needs_more(),
            Asked::Token(needed) => needed.iter().all(|one| permissions.contains(one)),
            Asked::Session => is_session,
        })
    }

    fn is_public(&self) -> bool {
        self.security.contains(&Asked::Nothing) && !self.needs_more()
    }

    /// Whether a stranger needs something else than a credential: a link that was signed, or a log that is public.
    fn needs_more(&self) -> bool {
        self.hides() || self.path.contains("/files/")
    }

    /// Whether a refusal looks as if there were nothing: a log that may not be read.
    fn hides(&self) -> bool {
        self.path.starts_with("/log/")
    }

    async fn ask(&self, server: &Server, names: &Names, who: &Who) -> Answer {
        let mut request = server.request(self.method.clone(), &names.fill(&self.path));
        request = match who {
            Who::Nobody => request,
            Who::Token(token) => request.bearer_auth(token),
            Who::Session { cookie, csrf } => request.header("cookie", cookie).header("x-csrf-token", csrf),
            Who::Forged { cookie } => request.header("cookie", cookie),
        };
        // Nothing that could be done: whoever is let in is told so.
        answer(if self.method == Method::GET { request } else { request.body("{\"none\": 1}") }).await
    }
}

#[derive(Clone)]
enum Who {
    Nobody,
    Token(String),
    Session {
        cookie: String,
        csrf: String,
    },
    /// A session that a page of another site uses.
    Forged {
        cookie: String,
    },
}

async fn names(server: &Server, organization: &str) -> Names {
    let (own, _) = server.catalog().await.organization_or_new(organization).await.unwrap();
    let token = server.scoped(organization, &Permission::ALL).await;
    let log = server.get(&token, "/api/v1/logs").await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let (organization, organization_uuid) = (organization.to_owned(), own.uuid().to_string());
    Names { organization, organization_uuid, log, of: BTreeMap::new() }
}

#[test]
fn every_role_may_do_what_its_permissions_say_and_nothing_else_on_every_route() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let names = names(&server, DEFAULT_ORGANIZATION).await;
        let mut roles: Vec<(String, Vec<Permission>)> = vec![
            ("admin".to_owned(), Permission::ALL.to_vec()),
            ("auditor".to_owned(), vec![Permission::EventsRead, Permission::LogRead, Permission::Exports]),
            ("member".to_owned(), vec![Permission::EventsRead]),
            ("nothing".to_owned(), Vec::new()),
        ];
        roles.extend(Permission::ALL.map(|one| (format!("only-{}", one.name().replace('.', "-")), vec![one])));
        for (handle, permissions) in roles.iter().skip(3) {
            let role = NewRole {
                handle: handle.clone(),
                name: handle.clone(),
                description: String::new(),
                permissions: permissions.clone(),
                narrowing: None,
            };
            server.create_role(DEFAULT_ORGANIZATION, &role).await;
        }
        let operations = operations(&server).await;
        assert!(operations.len() >= 35, "{}", operations.len());
        let mut cells = 0;
        for (handle, permissions) in &roles {
            let member = server.member(DEFAULT_ORGANIZATION, &format!("{handle}@acme.example"), &[handle]).await;
            let personal = server.personal_token(DEFAULT_ORGANIZATION, &member, &Permission::ALL).await;
            let (cookie, csrf) = server.signed_in(DEFAULT_ORGANIZATION, &member.email).await;
            for operation in &operations {
                // Whoever signs out is gone.
                if operation.path == "/api/v1/session" {
                    continue;
                }
                let session = Who::Session { cookie: cookie.clone(), csrf: csrf.clone() };
                for (who, is_session) in [(Who::Token(personal.clone()), false), (session, true)] {
                    // Port's clients have no cookies.
                    if is_session && operation.path == "/v1/audit-log" {
                        continue;
                    }
                    let answer = operation.ask(&server, &names, &who).await;
                    let is_let_in = match operation.hides() {
                        true => answer.status == 200,
                        false => ![401, 403].contains(&answer.status),
                    };
                    let at =
                        format!("{handle} {is_session} {} {}: {}", operation.method, operation.path, answer.text());
                    // An access token is asked for with other credentials than the caller's.
                    let is_expected = match operation.path.as_str() {
                        "/v1/auth/access_token" => is_let_in,
                        _ => operation.admits(permissions, is_session),
                    };
                    assert_eq!(is_let_in, is_expected, "{at}");
                    if !is_let_in && !operation.hides() {
                        assert_eq!(answer.status, 403, "{at}");
                    }
                    cells += 1;
                }
                // A page of another site can have the cookie sent, and not the token of its forms.
                let is_unsafe = operation.method != Method::GET && !operation.is_public();
                if is_unsafe && operation.path.starts_with("/api/v1/") {
                    let forged = operation.ask(&server, &names, &Who::Forged { cookie: cookie.clone() }).await;
                    assert_eq!(forged.status, 403, "{} {}", operation.method, operation.path);
                    cells += 1;
                }
            }
        }
        cells += nobody_is_let_in(&server, &names, &operations).await;
        assert!(cells > 1_000, "{cells}");
    });
}

/// A stranger is let in where the document says so, and nowhere else. Gives how many cells were asserted.
async fn nobody_is_let_in(server: &Server, names: &Names, operations: &[Operation]) -> usize {
    for operation in operations {
        let answer = operation.ask(server, names, &Who::Nobody).await;
        let at = format!("{} {}: {}", operation.method, operation.path, answer.text());
        let refused = if operation.hides() { 404 } else { 401 };
        assert_eq!(answer.status != refused, operation.is_public(), "{at}");
    }
    operations.len()
}

/// No operation changes or removes an event: after all of them, by somebody who may do everything, every event is there
/// as it was.
#[test]
fn no_route_changes_or_removes_an_event() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let token = server.scoped(DEFAULT_ORGANIZATION, &Permission::ALL).await;
        let body = [MINIMAL; 20].join("\n");
        let written = server.post_as(&token, &[], body).await.expect(201);
        let before = server.get(&token, "/api/v1/events?order=sequence&sequence_to=20").await.expect(200);
        assert_eq!(before["total"], 20);
        let mut names = names(&server, DEFAULT_ORGANIZATION).await;
        let id = written["events"][0]["id"].as_str().unwrap().to_owned();
        for place in ["/api/v1/events/", "/api/v1/exports/", "/api/v1/tokens/"] {
            names.of.insert(place, id.clone());
        }
        for operation in operations(&server).await {
            let path = names.fill(&operation.path);
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                for body in ["", "{}", MINIMAL, r#"{"id":"x","outcome":"failed"}"#] {
                    answer(server.request(method.clone(), &path).bearer_auth(&token).body(body)).await;
                }
            }
        }
        let after = server.get(&token, "/api/v1/events?order=sequence&sequence_to=20").await.expect(200);
        assert_eq!(after["data"], before["data"]);
        assert_eq!(after["total"], 20);
    });
}

/// The names of things that an organization has, one of each kind, at the places of paths.
async fn things(server: &Server, organization: &str, token: &str) -> Names {
    let mut names = names(server, organization).await;
    let event =
        json!({"source": "secret-source", "action": "secret-action", "actor": {"type": "user", "id": "secret"}});
    let written = server.post_as(token, &[], event.to_string()).await.expect(201);
    let id = written["events"][0]["id"].as_str().unwrap().to_owned();
    let made = |path: &'static str, body: Value| server.post_to(path, token, &[], body.to_string());
    let export = made("/api/v1/exports", json!({"name": "secret-export", "formats": ["ndjson"]})).await.expect(201);
    let own = made("/api/v1/tokens", json!({"name": "secret-token", "scopes": ["events.read"]})).await.expect(201);
    let role = made("/api/v1/roles", json!({"name": "secret role", "permissions": ["events.read"]})).await.expect(201);
    let group = made("/api/v1/groups", json!({"name": "secret group"})).await.expect(201);
    let invited = json!({"emails": ["secret@acme.example"], "roles": ["member"]});
    let invited = made("/api/v1/invitations", invited).await.expect(201);
    let member = server.member(organization, "secret-member@acme.example", &["member"]).await;
    let rule = made("/api/v1/rules", json!({"name": "secret rule", "event_id": ["secret-rule-*"]})).await.expect(201);
    let (catalog, view) = (server.catalog().await, new_uuid().unwrap());
    let (own_organization, _) = catalog.organization_or_new(organization).await.unwrap();
    let shared = NewView { name: "secret view".to_owned(), query: String::new(), is_shared: true };
    catalog
        .create_view(&own_organization, &View { id: view, member: member.id, view: shared, created_ms: 0 })
        .await
        .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    names.of = BTreeMap::from([
        ("/api/v1/events/", id),
        ("/api/v1/exports/", text(&export["id"])),
        ("/api/v1/tokens/", text(&own["token"]["id"])),
        ("/api/v1/roles/", text(&role["handle"])),
        ("/api/v1/groups/", text(&group["handle"])),
        ("/api/v1/invitations/", text(&invited["data"][0]["id"])),
        ("/api/v1/members/", member.uuid.to_string()),
        ("/api/v1/rules/", text(&rule["id"])),
        ("/api/v1/views/", view.to_string()),
    ]);
    names
}

#[test]
fn what_another_organization_has_is_as_unknown_as_what_nobody_has_on_every_route() {
    run(async {
        let server = Server::with(WEBHOOK).await;
        let acme = server.scoped("acme", &Permission::ALL).await;
        let umbrella = server.scoped("umbrella", &Permission::ALL).await;
        let of_acme = things(&server, "acme", &acme).await;
        let own = names(&server, "umbrella").await;
        let mut compared = 0;
        for operation in operations(&server).await {
            if operation.is_public() {
                continue;
            }
            // Umbrella asks for what acme has, and for what nobody has.
            let nobody = Names {
                organization: "none".to_owned(),
                organization_uuid: NOBODY.to_owned(),
                log: "0".repeat(of_acme.log.len()),
                of: BTreeMap::new(),
            };
            let who = Who::Token(umbrella.clone());
            if operation.path.contains('{') {
                let theirs = operation.ask(&server, &of_acme, &who).await;
                let none = operation.ask(&server, &nobody, &who).await;
                let at = format!("{} {}", operation.method, operation.path);
                assert_eq!(theirs.status, none.status, "{at}: {} {}", theirs.text(), none.text());
                assert_eq!(same(&theirs, &of_acme, &operation), same(&none, &nobody, &operation), "{at}");
                compared += 1;
            }
            // And for its own, in which nothing is of acme's.
            let mine = operation.ask(&server, &own, &who).await;
            assert!(!mine.text().contains("secret"), "{} {}: {}", operation.method, operation.path, mine.text());
        }
        assert!(compared >= 10, "{compared}");
        // The canary is there for those whose it is.
        for what in ["events", "exports", "tokens", "roles", "members", "rules", "views"] {
            let path = format!("/api/v1/{what}");
            assert!(server.get(&acme, &path).await.text().contains("secret"), "{path}");
        }
    });
}

/// An answer without the names that were asked for.
fn same(answer: &Answer, names: &Names, operation: &Operation) -> String {
    let mut text = answer.text().replace(&names.fill(&operation.path), "PATH");
    let all = [&names.organization, &names.organization_uuid, &names.log].into_iter().chain(names.of.values());
    for name in all.chain([&NOBODY.to_owned()]) {
        text = text.replace(name.as_str(), "NAME");
    }
    text
}
