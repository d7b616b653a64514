//! Scenarios: files of `testdata/dialects` that say what a dialect answers to what. `testdata/dialects/README.md`
//! describes their form.
//!
//! Each file has a server of its own. All files run, whatever fails in one of them.

mod compare;
mod form;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::Value;
use trailbook_store::credential::{Grant, Permission, Restriction, new_token};

use crate::harness::{self, Answer, EVENTS, Server, from_now, run};
use compare::differences;
use form::{Expected, Given, Request, Scenario, Step, Token};

/// What `${name}` stands for.
type Names = BTreeMap<String, String>;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The organization of tokens and events that name none.
const ORGANIZATION: &str = "default";

#[test]
fn every_scenario_is_answered_as_its_file_says() {
    let files = files(Path::new("../../testdata/dialects"));
    assert!(!files.is_empty(), "there are no scenarios");
    let only = std::env::var("TRAILBOOK_TEST_SCENARIO").unwrap_or_default();
    let mut failures = Vec::new();
    for file in files.iter().filter(|file| file.to_string_lossy().contains(&only)) {
        let scenario = Scenario::read(file);
        run(async { failures.extend(play(file, &scenario).await) });
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// The files of all dialects.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Plays a file; gives what differs, with its file and step.
async fn play(file: &Path, scenario: &Scenario) -> Vec<String> {
    let server = Server::with(&scenario.settings).await;
    let mut names = Names::new();
    for days in 0..=400 {
        names.insert(format!("days_ago.{days}"), from_now(-days * DAY_MS));
    }
    for (name, token) in &scenario.tokens {
        let value = create(&server, name, token).await;
        names.insert(format!("token.{name}"), value);
    }
    for organization in server.catalog().await.organizations().await.unwrap() {
        names.insert(format!("uuid.{}", organization.name()), organization.uuid().to_string());
    }
    for given in &scenario.given {
        record(&server, given, &mut names).await;
    }
    let mut failures = Vec::new();
    for step in &scenario.steps {
        let found = take(&server, step, &mut names).await;
        if !found.is_empty() {
            failures.push(format!("{}: {}\n  {}", file.display(), step.name, found.join("\n  ")));
        }
    }
    server.stop().await;
    failures
}

/// Makes a token, which the server knows when this returns.
async fn create(server: &Server, name: &str, token: &Token) -> String {
    let scope = |name: &String| Permission::from_name(name).unwrap_or_else(|| panic!("there is no scope {name}"));
    let restriction = |one: &form::Access| Restriction {
        plugin: one.plugin.clone(),
        permissions: one.permissions.clone(),
        actions: one.actions.clone(),
    };
    let grant = Grant {
        scopes: token.scopes.iter().map(scope).collect(),
        restrictions: token.restrictions.iter().map(restriction).collect(),
    };
    let value = new_token().unwrap();
    server.create_entry(token.organization.as_deref().unwrap_or(ORGANIZATION), name, &value, grant).await;
    server.until_known(&value).await;
    value
}

/// Records events; `${event.N}` is the id of the Nth event of the file from then on.
async fn record(server: &Server, given: &Given, names: &mut Names) {
    let token = server.scoped(given.organization.as_deref().unwrap_or(ORGANIZATION), &[Permission::EventsWrite]).await;
    let path = match &given.from {
        Some(from) => format!("/api/v1/ingest/{from}"),
        None => format!("{EVENTS}?initiated=keep"),
    };
    let body = filled(&Value::from(given.events.clone()).to_string(), names);
    let request = server.request(Method::POST, &path).bearer_auth(token).body(body);
    let answer = harness::answer(request).await.expect(201);
    let before = names.keys().filter(|name| name.starts_with("event.")).count();
    for (number, entry) in answer["events"].as_array().unwrap().iter().enumerate() {
        let id = entry["id"].as_str().unwrap_or_else(|| panic!("an event was not recorded: {entry}"));
        names.insert(format!("event.{}", before + number), id.to_owned());
    }
}

/// Takes a step, and says what differs.
async fn take(server: &Server, step: &Step, names: &mut Names) -> Vec<String> {
    for number in 1..=step.times {
        let answer = ask(server, &step.request, names).await;
        let found = check(&answer, &step.answer, names);
        if !found.is_empty() {
            let of = if step.times > 1 { vec![format!("time {number} of {}", step.times)] } else { Vec::new() };
            return of.into_iter().chain(found).collect();
        }
        for (name, pointer) in &step.answer.keep {
            let kept = answer.json().pointer(pointer).cloned().unwrap_or_else(|| panic!("nothing at {pointer}"));
            names.insert(name.clone(), kept.as_str().map_or_else(|| kept.to_string(), str::to_owned));
        }
    }
    Vec::new()
}

async fn ask(server: &Server, request: &Request, names: &Names) -> Answer {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut asked = server.request(method, &filled(&request.path, names));
    if let Some(token) = &request.token {
        let value = names.get(&format!("token.{token}")).unwrap_or_else(|| panic!("there is no token {token}"));
        asked = asked.bearer_auth(value);
    }
    for (name, value) in &request.headers {
        asked = asked.header(name, filled(value, names));
    }
    let mut body = match &request.body {
        Value::Null => String::new(),
        Value::String(text) => filled(text, names),
        json => filled(&json.to_string(), names),
    };
    if let Some(bytes) = request.padded_to_bytes {
        let missing = bytes.checked_sub(body.len()).expect("the body is longer than what it is padded to");
        body.push_str(&" ".repeat(missing));
    }
    harness::answer(asked.body(body)).await
}

fn check(answer: &Answer, expected: &Expected, names: &Names) -> Vec<String> {
    let mut found = Vec::new();
    if answer.status != expected.status {
        found.push(format!("status: expected {}, got {}: {}", expected.status, answer.status, answer.text()));
    }
    for (name, value) in &expected.headers {
        let (value, got) = (Value::from(filled(value, names)), Value::from(answer.header(name)));
        found.extend(differences(&format!("header {name}"), &value, &got));
    }
    let Some(body) = &expected.body else { return found };
    let body: Value = serde_json::from_str(&filled(&body.to_string(), names)).unwrap();
    let got = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Value::from(answer.text()));
    found.extend(differences("", &body, &got));
    found
}

/// The text with every `${name}` replaced by what it stands for.
fn filled(text: &str, names: &Names) -> String {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("no end of ${{{part}"));
        out.push_str(names.get(name).unwrap_or_else(|| panic!("${{{name}}} stands for nothing")));
        out.push_str(rest);
    }
    out
}
