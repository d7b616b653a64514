//! What readers get whose roles are narrowed: to some events, and to some fields of them.

use serde_json::{Value, json};
use trailbook_event::Uuid;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_store::members::{Holder, MEMBER, MemberChange, NewRole};

use crate::harness::{AUDIT, Answer, EVENTS, MINIMAL, Server, ids, run};
use crate::oracle::{Random, conditions, event, meets};

/// What a narrowed role is about.
pub(crate) const OF_EVENTS: [Permission; 2] = [Permission::EventsRead, Permission::Exports];
/// A word that is in every field that [`HIDDEN`] names, and nowhere else.
pub(crate) const SECRET: &str = "unspeakable";
/// Fields that the events of [`filled`] have a secret in.
pub(crate) const HIDDEN: [&str; 5] = ["actor.email", "meta.secret", "message", "context.ip", "changes"];
/// How many of them each project has.
pub(crate) const OF_ALPHA: u64 = 5;
pub(crate) const OF_BETA: u64 = 10;
pub(crate) const OF_ALL: u64 = 15;

/// An event of a project, by one of two people; two of three events failed.
fn of_project(n: u64) -> Value {
    let project = if n.is_multiple_of(3) { "alpha" } else { "beta" };
    let who = if n.is_multiple_of(2) { "jane" } else { "john" };
    json!({
        "source": "catalog", "action": "entity-mutate", "severity": "medium", "message": format!("{SECRET} words {n}"),
        "outcome": if n.is_multiple_of(3) { "succeeded" } else { "failed" },
        "actor": {"type": "user", "id": format!("user:default/{who}"), "email": format!("{who}.{SECRET}@acme.example")},
        "targets": [{"type": "entity", "id": format!("component:default/{n}"), "name": "my-service"}],
        "context": {"project": project, "ip": format!("{SECRET}-address"), "request_method": "POST"},
        "changes": {"before": {"a": SECRET}, "after": {"a": format!("{SECRET} {n}")}},
        "meta": {"env": "prod", "secret": {"deep": [SECRET, n]}},
    })
}

/// A server with the events of two projects, and what everybody is told apart from.
pub(crate) async fn filled() -> Server {
    let server = Server::start().await;
    let events: Vec<Value> = (0..OF_ALL).map(of_project).collect();
    server.post(serde_json::to_vec(&events).unwrap()).await.expect(201);
    server
}

pub(crate) fn of(project: &str) -> Value {
    json!({"filter": {"context.project": project}})
}

/// Those of the events above, without what is secret in them.
pub(crate) fn without(fields: &[&str]) -> Value {
    json!({"filter": {"source": "catalog"}, "without": fields})
}

/// A role that is narrowed.
pub(crate) fn role(handle: &str, narrowing: &Value) -> NewRole {
    NewRole {
        handle: handle.to_owned(),
        name: handle.to_owned(),
        description: String::new(),
        permissions: OF_EVENTS.to_vec(),
        narrowing: Some(narrowing.to_string()),
    }
}

/// A token of a new member who holds these roles.
pub(crate) async fn holder(server: &Server, name: &str, roles: &[&str]) -> String {
    let member = server.member(DEFAULT_ORGANIZATION, &format!("{name}@acme.example"), roles).await;
    server.personal_token(DEFAULT_ORGANIZATION, &member, &OF_EVENTS).await
}

/// A token of a new member who holds a new role.
pub(crate) async fn narrowed(server: &Server, handle: &str, narrowing: &Value) -> String {
    server.create_role(DEFAULT_ORGANIZATION, &role(handle, narrowing)).await;
    holder(server, handle, &[handle]).await
}

/// All ids, page by page, each of which must have the same total.
async fn all_pages(server: &Server, token: &str, query: &str, total: u64) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(token, &format!("{EVENTS}?limit=2&{query}{cursor}")).await.expect(200);
        assert_eq!(page["total"], total, "{query}{cursor}");
        found.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// A search as WSO2's console makes it.
pub(crate) async fn wso2(server: &Server, token: &str, body: &Value) -> Answer {
    let uuid = server.first_organization().await.1.uuid();
    let path = format!("/audit-logging/1.0.0/orgs/{uuid}/audit-logs");
    server.post_to(&path, token, &[], body.to_string()).await
}

#[test]
fn events_beyond_a_role_are_neither_given_nor_counted() {
    run(async {
        let server = filled().await;
        let token = narrowed(&server, "alpha", &of("alpha")).await;
        let all = server.list("source=catalog&order=oldest").await;
        let is_own = |event: &&Value| event["context"]["project"] == "alpha";
        let (own, others): (Vec<Value>, Vec<Value>) =
            all["data"].as_array().unwrap().iter().cloned().partition(|event| is_own(&event));
        let expected: Vec<String> = ids(&json!({"data": own}));
        assert_eq!(expected.len() as u64, OF_ALPHA);
        for query in ["order=oldest", "order=sequence", "order=oldest&q=words", "order=oldest&outcome=succeeded"] {
            assert_eq!(all_pages(&server, &token, query, OF_ALPHA).await, expected, "{query}");
        }
        for query in ["context.project=beta", "outcome=failed", "q=context.project:beta", "source=trailbook"] {
            assert!(all_pages(&server, &token, query, 0).await.is_empty(), "{query}");
        }

        let of_id = async |id: &str, rest: &str| server.get(&token, &format!("{EVENTS}/{id}{rest}")).await;
        assert_eq!(of_id(&expected[1], "").await.expect(200), own[1]);
        assert_eq!(of_id(&expected[1], "/proof").await.expect(200)["sequence"], own[1]["sequence"]);
        let (beyond, unknown) = (others[0]["id"].as_str().unwrap(), Uuid::nil().to_string());
        for rest in ["", "/proof"] {
            of_id(beyond, rest).await.problem(404, "not-found");
            let answers = (of_id(beyond, rest).await.text(), of_id(&unknown, rest).await.text());
            assert_eq!(answers.0.replace(beyond, "x"), answers.1.replace(&unknown, "x"), "nobody can tell them apart");
        }
    });
}

#[test]
fn dialects_know_of_no_events_beyond_a_role() {
    run(async {
        let server = filled().await;
        let token = narrowed(&server, "alpha", &of("alpha")).await;
        let all = server.list("source=catalog&context.project=beta").await;
        let beyond = all["data"][0]["id"].as_str().unwrap();

        let portal = server.get(&token, &format!("{AUDIT}?limit=2&offset=4")).await.expect(200);
        assert_eq!((portal["total"].as_u64().unwrap(), portal["data"].as_array().unwrap().len()), (OF_ALPHA, 1));
        assert_eq!(server.get(&token, &format!("{AUDIT}?status=failed")).await.expect(200)["total"], 0);
        let port = server.get(&token, "/v1/audit-log").await.expect(200);
        assert_eq!(port["audits"].as_array().unwrap().len() as u64, OF_ALPHA);
        let named = async |token: &str| server.get(token, &format!("/v1/audit-log?identifier={beyond}")).await;
        assert_eq!((named(&server.token).await.status, named(&token).await.status), (200, 404));
        let found = wso2(&server, &token, &json!({})).await.expect(200);
        assert_eq!(found["list"].as_array().unwrap().len() as u64, OF_ALPHA);
        let found = wso2(&server, &token, &json!({"projectIds": ["beta"]})).await.expect(200);
        assert_eq!(found["list"], json!([]));
    });
}

#[test]
fn roles_add_up_whoever_holds_them() {
    run(async {
        let server = filled().await;
        let total = async |token: &str| server.get(token, EVENTS).await.expect(200)["total"].as_u64().unwrap();
        server.create_role(DEFAULT_ORGANIZATION, &role("alpha", &of("alpha"))).await;
        let john = json!({"filter": {"actor.id": "user:default/john", "outcome": "failed"}});
        server.create_role(DEFAULT_ORGANIZATION, &role("john", &john)).await;
        let both = holder(&server, "both", &["alpha", "john"]).await;
        let failed_johns = (0..OF_ALL).filter(|n| n % 3 != 0 && n % 2 == 1).count() as u64;
        assert_eq!(total(&both).await, OF_ALPHA + failed_johns);
        assert_eq!(all_pages(&server, &both, "", OF_ALPHA + failed_johns).await.len() as u64, OF_ALPHA + failed_johns);

        // The roles of a group are those of its members, and a role that is not narrowed is for all events.
        let (catalog, organization) = server.first_organization().await;
        catalog.create_group(&organization, "platform", ("Platform", "")).await.unwrap();
        let known = catalog.credentials().await.unwrap();
        let directory = known.directory();
        let group = directory.group(&organization, "platform").unwrap().id;
        let id_of = |handle: &str| directory.role(&organization, handle).unwrap().id;
        catalog.set_role(&organization, id_of("alpha"), Holder::Group(group), true).await.unwrap();
        let member = server.member(DEFAULT_ORGANIZATION, "of-group@acme.example", &[]).await;
        catalog.set_group_member(&organization, group, member.id, true).await.unwrap();
        let personal = async |member| server.personal_token(DEFAULT_ORGANIZATION, member, &OF_EVENTS).await;
        assert_eq!(total(&personal(&member).await).await, OF_ALPHA);
        catalog.set_role(&organization, id_of("auditor"), Holder::Member(member.id), true).await.unwrap();
        let token = personal(&member).await;
        assert_eq!(total(&token).await, total(&server.token).await);

        let nobody = holder(&server, "nobody", &[]).await;
        server.get(&nobody, EVENTS).await.problem(403, "not-allowed");
    });
}

#[test]
fn members_see_their_own_events_by_address_and_by_ids() {
    run(async {
        let server = filled().await;
        let by = |email: &str| {
            let actor = json!({"type": "user", "id": format!("id of {email}"), "email": email});
            json!({"source": "s", "action": "a", "actor": actor})
        };
        server.post(by("jane@acme.example").to_string()).await.expect(201);
        server.post(by("john@acme.example").to_string()).await.expect(201);
        let (catalog, organization) = server.first_organization().await;
        let jane = server.member(DEFAULT_ORGANIZATION, "jane@acme.example", &[MEMBER]).await;
        let token = server.personal_token(DEFAULT_ORGANIZATION, &jane, &OF_EVENTS).await;
        assert_eq!(all_pages(&server, &token, "", 1).await.len(), 1);
        let change = MemberChange { actors: Some(vec!["user:default/jane".to_owned()]), ..MemberChange::default() };
        catalog.change_member(&organization, jane.id, &change).await.unwrap();
        // A token that is not known yet makes the server look.
        let other = server.personal_token(DEFAULT_ORGANIZATION, &jane, &OF_EVENTS).await;
        let janes = 1 + (0..OF_ALL).filter(|n| n % 2 == 0).count() as u64;
        for token in [&other, &token] {
            assert_eq!(all_pages(&server, token, "", janes).await.len() as u64, janes);
        }
        server.get(&token, "/api/v1/events/export").await.problem(403, "not-allowed");
        let own = server.get(&token, &format!("{EVENTS}?action=access.denied")).await.expect(200);
        assert_eq!(own["total"], 1, "what she tried herself is hers");
    });
}

#[test]
fn hidden_fields_are_in_no_answer() {
    run(async {
        let server = filled().await;
        let token = narrowed(&server, "hidden", &without(&HIDDEN)).await;
        let first = server.get(&token, &format!("{EVENTS}?order=sequence")).await;
        assert_eq!(first.json()["total"], OF_ALL);
        let id = ids(&first.json())[0].clone();
        let answers = [
            first,
            server.get(&token, &format!("{EVENTS}/{id}")).await,
            server.get(&token, AUDIT).await,
            server.get(&token, "/v1/audit-log").await,
            server.get(&token, &format!("/v1/audit-log?identifier={id}")).await,
            wso2(&server, &token, &json!({})).await,
        ];
        for answer in answers {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(!answer.text().contains(SECRET), "{}", answer.text());
            assert!(answer.text().contains("prod"), "what is not hidden is there: {}", answer.text());
        }
        let proof = format!("{EVENTS}/{id}/proof");
        assert!(server.get(&server.token, &proof).await.text().contains(SECRET));
        let problem = server.get(&token, &proof).await.problem(403, "not-allowed");
        assert!(problem["detail"].as_str().unwrap().starts_with("your roles hide fields of events"), "{problem}");
    });
}

/// Fields without which dialects do not know what they ask themselves.
const BLIND: [&str; 7] = ["actor", "outcome", "targets", "severity", "context", "message", "meta"];

#[test]
fn what_is_hidden_cannot_be_asked_for() {
    run(async {
        let server = filled().await;
        let initiated = r#"{"source":"catalog","action":"begun","outcome":"initiated"}"#;
        server.post_to(&format!("{EVENTS}?initiated=keep"), &server.token, &[], initiated).await.expect(201);
        let token = narrowed(&server, "blind", &without(&BLIND)).await;
        for (query, parameter) in [
            ("actor.email=x", "actor.email"),
            ("actor.id=*", "actor.id"),
            ("outcome!=initiated", "outcome"),
            ("context.ip!=x", "context.ip"),
            ("meta.secret.deep=x", "meta.secret.deep"),
            ("q=words", "q"),
            ("q=-actor.id:x", "actor.id"),
        ] {
            let problem = server.get(&token, &format!("{EVENTS}?{query}")).await.problem(400, "invalid-parameter");
            assert_eq!(problem["parameter"], parameter);
        }
        // What dialects ask by themselves is not what somebody asks: what has not ended is still not shown.
        assert_eq!(server.get(&token, AUDIT).await.expect(200)["total"], OF_ALL);
        let port = server.get(&token, "/v1/audit-log").await.expect(200);
        assert_eq!(port["audits"].as_array().unwrap().len() as u64, OF_ALL);
        assert_eq!(
            wso2(&server, &token, &json!({})).await.expect(200)["list"].as_array().unwrap().len() as u64,
            OF_ALL
        );

        for query in ["actor_id=user:default/jane", "status=failed", "severity_level=low", "request_url=/a"] {
            let refused = server.get(&token, &format!("{AUDIT}?{query}")).await.expect(400);
            assert_eq!(refused["error"]["name"], "InputError", "{query}");
        }
        for query in ["status=SUCCESS", "entity=x", "resources=entity", "run_id=x"] {
            let refused = server.get(&token, &format!("/v1/audit-log?{query}")).await.expect(422);
            assert_eq!(refused["error"], "invalid_request", "{query}");
        }
        for body in [json!({"outcomes": ["failed"]}), json!({"userIdpIds": ["x"]}), json!({"searchText": "words"})] {
            let refused = wso2(&server, &token, &body).await.expect(400);
            assert!(refused["description"].as_str().unwrap().contains("the caller's role hides"), "{refused}");
        }
    });
}

#[test]
fn random_roles_show_what_a_naive_filter_lets_through() {
    run(async {
        for seed in [11, 0xC0FFEE] {
            let mut random = Random(seed);
            let server = Server::start().await;
            let events: Vec<Value> = (0..200).map(|_| event(&mut random)).collect();
            server.post(serde_json::to_vec(&events).unwrap()).await.expect(201);
            let known = ids(&server.list("order=sequence&limit=1000").await);
            let mut seen_some = 0;
            for n in 0..25 {
                let roles: Vec<_> = (0..1 + random.below(3)).map(|_| conditions(&mut random)).collect();
                let mut handles = Vec::new();
                for (i, conditions) in roles.iter().enumerate() {
                    let filter: serde_json::Map<_, _> =
                        conditions.iter().map(|one| one.pair()).map(|(name, value)| (name, value.into())).collect();
                    handles.push(format!("r{n}-{i}"));
                    let narrowing = json!({"filter": filter});
                    server.create_role(DEFAULT_ORGANIZATION, &role(&handles[i], &narrowing)).await;
                }
                let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
                let token = holder(&server, &format!("m{n}"), &handles).await;
                let sees = |event: &Value| roles.iter().any(|role| meets(event, role));
                for asked in [Vec::new(), conditions(&mut random), conditions(&mut random)] {
                    let expected: Vec<&String> = (0..events.len())
                        .filter(|i| sees(&events[*i]) && meets(&events[*i], &asked))
                        .map(|i| &known[i])
                        .collect();
                    let query: Vec<String> = asked.iter().map(|one| one.parameter()).collect();
                    let path = format!("{EVENTS}?order=sequence&limit=1000&{}", query.join("&"));
                    let page = server.get(&token, &path).await.expect(200);
                    assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "seed {seed}, {n}: {path}");
                    assert_eq!(page["total"], expected.len(), "seed {seed}, {n}: {path}");
                    seen_some += usize::from(!expected.is_empty());
                }
            }
            assert!(seen_some > 25, "{seen_some} queries of seed {seed} found something");
        }
    });
}

#[test]
fn a_role_that_cannot_be_read_shows_nothing() {
    run(async {
        let server = Server::start().await;
        server.post(MINIMAL).await.expect(201);
        let token = narrowed(&server, "odd", &json!({"of_another_version": true})).await;
        assert_eq!(server.get(&token, EVENTS).await.expect(200)["total"], 0);
    });
}
