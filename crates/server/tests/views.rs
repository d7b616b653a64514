//! Saved views: a member's own, and those that are shared with the organization.

use serde_json::{Value, json};
use trailbook_event::limits::{NAME_CHARS_MAX, VIEW_QUERY_BYTES_MAX, VIEWS_OF_MEMBER_MAX};
use trailbook_store::credential::Permission;
use trailbook_store::members::Member;

use crate::harness::{Server, answer, run};
use crate::people::{ACME, People, path, texts};

const VIEWS: &str = "/api/v1/views";

/// A member who may read events and share views, and one who may read events.
async fn two(people: &People) -> [(Member, String); 2] {
    people.role("sharer", &[Permission::EventsRead, Permission::ViewsWrite], None).await;
    let jane = people.member("jane@acme.example", &["sharer"]).await;
    let john = people.member("john@acme.example", &["auditor"]).await;
    let tokens = [people.personal(&jane).await, people.personal(&john).await];
    let [of_jane, of_john] = tokens;
    [(jane, of_jane), (john, of_john)]
}

async fn names(people: &People, token: &str) -> Vec<String> {
    let list = people.server.get(token, VIEWS).await.expect(200);
    assert_eq!(list["total"], list["data"].as_array().unwrap().len());
    texts(&list["data"], "name").into_iter().map(str::to_owned).collect()
}

async fn make(people: &People, token: &str, name: &str, is_shared: bool) -> Value {
    let body = json!({"name": name, "query": "outcome=failed", "is_shared": is_shared});
    people.post(token, VIEWS, &body).await.expect(201)
}

fn one(view: &Value) -> String {
    format!("{VIEWS}/{}", view["id"].as_str().unwrap())
}

#[test]
fn a_view_is_its_members_alone() {
    run(async {
        let people = People::start().await;
        let [(_, jane), (_, john)] = two(&people).await;
        let body = json!({"name": "Failed", "query": "outcome=failed&range=7d"});
        let made = people.post(&john, VIEWS, &body).await.expect(201);
        let mut shown = made.clone();
        shown.as_object_mut().unwrap().retain(|key, _| !["id", "created_at"].contains(&key.as_str()));
        let expected = json!({
            "name": "Failed", "query": "outcome=failed&range=7d", "is_shared": false, "is_own": true, "owner": "john",
        });
        assert_eq!(shown, expected);
        let changed = people.patch(&john, &one(&made), &json!({"query": ""})).await.expect(200);
        assert_eq!((&changed["name"], &changed["query"]), (&"Failed".into(), &"".into()));
        assert_eq!(names(&people, &john).await, ["Failed"]);
        // For everybody else it is not there, whatever they may do.
        for token in [&jane, &people.all] {
            assert!(names(&people, token).await.is_empty());
            people.patch(token, &one(&made), &json!({"name": "x"})).await.problem(404, "not-found");
            people.delete(token, &one(&made)).await.problem(404, "not-found");
        }
        assert_eq!(people.delete(&john, &one(&made)).await.status, 204);
        people.delete(&john, &one(&made)).await.problem(404, "not-found");
        assert!(names(&people, &john).await.is_empty());
        let own = people.get("/api/v1/events?source=trailbook&action=view.*").await.expect(200);
        assert_eq!(own["total"], 0, "what one keeps for oneself concerns nobody");
    });
}

#[test]
fn sharing_needs_a_permission_and_is_on_record() {
    run(async {
        let people = People::start().await;
        let [(_, jane), (_, john)] = two(&people).await;
        let body = json!({"name": "Ours", "query": "q=x", "is_shared": true});
        people.post(&john, VIEWS, &body).await.problem(403, "not-allowed");
        let own = make(&people, &john, "Johns", false).await;
        people.patch(&john, &one(&own), &json!({"is_shared": true})).await.problem(403, "not-allowed");
        let shared = people.post(&jane, VIEWS, &body).await.expect(201);
        assert_eq!(names(&people, &john).await, ["Johns", "Ours"]);
        let list = people.server.get(&john, VIEWS).await.expect(200);
        assert_eq!((&list["data"][1]["is_own"], &list["data"][1]["owner"]), (&false.into(), &"jane".into()));
        people.patch(&john, &one(&shared), &json!({"name": "x"})).await.problem(403, "not-allowed");
        people.delete(&john, &one(&shared)).await.problem(403, "not-allowed");
        assert_eq!(people.recorded("access.denied").await.len(), 1, "once a minute");

        people.patch(&jane, &one(&shared), &json!({"name": "All of ours"})).await.expect(200);
        // Whoever may share takes back what others shared: a token of the organization here.
        let back = people.patch(&people.all, &one(&shared), &json!({"is_shared": false})).await.expect(200);
        assert_eq!((&back["is_shared"], &back["is_own"]), (&false.into(), &false.into()));
        assert_eq!(names(&people, &john).await, ["Johns"]);
        assert_eq!(names(&people, &jane).await, ["All of ours"], "it is its owner's again");
        people.patch(&jane, &one(&shared), &json!({"is_shared": true})).await.expect(200);
        assert_eq!(people.delete(&people.all, &one(&shared)).await.status, 204);
        assert!(names(&people, &jane).await.is_empty());

        let shown = |name: &str, is_shared: bool| json!({"name": name, "query": "q=x", "is_shared": is_shared});
        let renamed = json!({"before": shown("Ours", true), "after": shown("All of ours", true)});
        for (action, count, changes) in [
            ("view.shared", 2, json!({"after": shown("Ours", true)})),
            ("view.updated", 1, renamed),
            ("view.unshared", 1, json!({"before": shown("All of ours", true), "after": shown("All of ours", false)})),
            ("view.deleted", 1, json!({"before": shown("All of ours", true)})),
        ] {
            let recorded = people.recorded(action).await;
            assert_eq!(recorded.len(), count, "{action}");
            let last = recorded.last().unwrap();
            assert_eq!((&last["changes"], &last["targets"][0]["id"]), (&changes, &shared["id"]), "{action}");
        }
    });
}

#[test]
fn views_are_of_members_and_go_with_them() {
    run(async {
        let people = People::start().await;
        let [(jane, of_jane), (_, of_john)] = two(&people).await;
        let problem = people.post(&people.all, VIEWS, &json!({"name": "a", "query": ""})).await;
        let detail = problem.problem(403, "not-allowed")["detail"].clone();
        assert_eq!(detail, "a view is a member's; a token of the organization has none");
        make(&people, &of_jane, "shared", true).await;
        make(&people, &of_jane, "own", false).await;
        assert_eq!(names(&people, &of_john).await, ["shared"]);
        let umbrella = people.server.scoped("umbrella", &Permission::ALL).await;
        assert!(names(&people, &umbrella).await.is_empty());
        assert_eq!(people.delete(&people.all, &path(&jane)).await.status, 204);
        assert!(names(&people, &of_john).await.is_empty());
    });
}

#[test]
fn a_session_does_as_well_as_a_token() {
    run(async {
        let server = Server::start().await;
        server.member(ACME, "jane@acme.example", &["auditor"]).await;
        let (cookie, csrf) = server.signed_in(ACME, "jane@acme.example").await;
        let body = json!({"name": "Failed", "query": "outcome=failed"}).to_string();
        let request = server.request(reqwest::Method::POST, VIEWS).header("cookie", &cookie);
        let made = answer(request.header("x-csrf-token", csrf).body(body)).await.expect(201);
        let seen = answer(server.request(reqwest::Method::GET, VIEWS).header("cookie", &cookie)).await.expect(200);
        assert_eq!(seen["data"], json!([made]));
    });
}

#[test]
fn views_have_limits() {
    run(async {
        let people = People::start().await;
        let [(_, jane), _] = two(&people).await;
        let of = |name: usize, query: usize| json!({"name": "n".repeat(name), "query": "q".repeat(query)});
        for (body, status) in [
            (of(NAME_CHARS_MAX, VIEW_QUERY_BYTES_MAX), 201),
            (of(NAME_CHARS_MAX + 1, 0), 400),
            (of(1, VIEW_QUERY_BYTES_MAX + 1), 400),
            (of(0, 0), 400),
        ] {
            assert_eq!(people.post(&jane, VIEWS, &body).await.status, status, "{body}");
        }
        for i in 1..VIEWS_OF_MEMBER_MAX {
            make(&people, &jane, &format!("v{i}"), false).await;
        }
        let one_more = people.post(&jane, VIEWS, &of(1, 1)).await;
        one_more.problem(429, "too-many");
    });
}
