//! Exclusion rules and settings of an organization: made, tried, in force, and on record.

use serde_json::{Value, json};
use trailbook_event::limits::{NAME_CHARS_MAX, PATTERNS_OF_RULE_MAX, RULES_OF_ORGANIZATION_MAX};
use trailbook_store::credential::Permission;
use trailbook_store::new_uuid;
use trailbook_store::rules::NewRule;

use crate::harness::{Server, run};
use crate::people::{ACME, People, texts};

const RULES: &str = "/api/v1/rules";
const TRIAL: &str = "/api/v1/rules/trial";
const SETTINGS: &str = "/api/v1/settings";
/// What metrics say of the rules of all organizations.
const COUNTER: &str = "trailbook_events_excluded_total{rule=\"(rules of organizations)\"}";

fn event(actor: &str, action: &str) -> Value {
    json!({"source": "s", "action": action, "actor": {"type": "service", "id": actor}})
}

/// What became of an event that was sent.
async fn sent(people: &People, event: &Value) -> Value {
    people.server.post_as(&people.all, &[], event.to_string()).await.expect(201)["events"][0].clone()
}

async fn excluded(people: &People, event: &Value) -> Option<String> {
    sent(people, event).await["excluded"].as_str().map(str::to_owned)
}

#[test]
fn a_rule_is_made_looked_at_changed_and_removed() {
    run(async {
        let people = People::with("exclusion_rules = []").await;
        let body = json!({"name": "plugin reads", "actor_id": ["plugin:*"], "event_id": ["entity-fetch"]});
        let made = people.post(&people.all, RULES, &body).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        let mut shown = made.clone();
        assert!(shown.as_object_mut().unwrap().remove("created_at").is_some());
        let expected = json!({
            "id": id, "name": "plugin reads", "actor_id": ["plugin:*"], "event_id": ["entity-fetch"],
            "origin": "organization",
        });
        assert_eq!(shown, expected);
        people.post(&people.all, RULES, &body).await.problem(409, "conflict");
        let one = format!("{RULES}/{id}");
        assert_eq!(people.get(&one).await.expect(200), made);
        assert_eq!(people.get(RULES).await.expect(200), json!({"data": [made], "total": 1}));

        let other = people.post(&people.all, RULES, &json!({"name": "other", "event_id": ["x"]})).await.expect(201);
        assert_eq!((&other["actor_id"], &other["event_id"]), (&json!([]), &json!(["x"])));
        people.patch(&people.all, &one, &json!({"name": "other"})).await.problem(409, "conflict");
        let changed = people.patch(&people.all, &one, &json!({"actor_id": []})).await.expect(200);
        assert_eq!((&changed["name"], &changed["actor_id"]), (&"plugin reads".into(), &json!([])));
        assert_eq!(changed["event_id"], json!(["entity-fetch"]), "what is absent stays");
        people.patch(&people.all, &one, &json!({"event_id": []})).await.problem(400, "invalid-body");
        assert_eq!(people.delete(&people.all, &one).await.status, 204);
        people.get(&one).await.problem(404, "not-found");
        people.delete(&people.all, &one).await.problem(404, "not-found");
        assert_eq!(texts(&people.get(RULES).await.expect(200)["data"], "name"), ["other"]);

        let [before, after] = [["plugin:*"].as_slice(), &[]]
            .map(|actors| json!({"name": "plugin reads", "actor_id": actors, "event_id": ["entity-fetch"]}));
        let target = json!([{"type": "exclusion_rule", "id": id, "name": "plugin reads"}]);
        for (action, count, changes) in [
            ("exclusion_rule.created", 2, json!({"after": before})),
            ("exclusion_rule.updated", 1, json!({"before": before, "after": after})),
            ("exclusion_rule.deleted", 1, json!({"before": after})),
        ] {
            let recorded = people.recorded(action).await;
            assert_eq!(recorded.len(), count, "{action}");
            let last = recorded.last().unwrap();
            assert_eq!((&last["changes"], &last["targets"]), (&changes, &target), "{action}");
            assert_eq!((&last["severity"], &last["outcome"]), (&"high".into(), &"succeeded".into()), "{action}");
        }
    });
}

#[test]
fn a_rule_holds_from_the_next_write_on_and_for_its_organization_alone() {
    run(async {
        let people = People::with("exclusion_rules = []").await;
        let noise = event("plugin:search", "entity-fetch");
        assert_eq!(excluded(&people, &noise).await, None);
        let body = json!({"name": "quiet", "actor_id": ["plugin:*"], "event_id": ["entity-*"]});
        let made = people.post(&people.all, RULES, &body).await.expect(201);
        assert_eq!(excluded(&people, &noise).await.as_deref(), Some("quiet"));
        assert_eq!(excluded(&people, &event("user:jane", "entity-fetch")).await, None);
        let large = vec![noise.to_string(); 1_200].join("\n");
        assert!(large.len() > 64 * 1024, "it is prepared elsewhere");
        let answered = people.server.post_as(&people.all, &[], large).await.expect(201);
        assert!(answered["events"].as_array().unwrap().iter().all(|one| one["excluded"] == "quiet"));
        let umbrella = people.server.scoped("umbrella", &Permission::ALL).await;
        let theirs = people.server.post_as(&umbrella, &[], noise.to_string()).await.expect(201);
        assert!(theirs["events"][0]["id"].is_string(), "{theirs}");

        // What is in the log already stays.
        let kept = people.get("/api/v1/events?source=s").await.expect(200);
        assert_eq!(kept["total"], 2);
        let metrics = people.server.get("", "/metrics").await.text();
        assert!(metrics.contains(&format!("{COUNTER} 1201")), "{metrics}");
        assert!(!metrics.contains("quiet"), "names of rules are for the organization");

        let one = format!("{RULES}/{}", made["id"].as_str().unwrap());
        people.patch(&people.all, &one, &json!({"name": "still", "event_id": ["location-*"]})).await.expect(200);
        assert_eq!(excluded(&people, &noise).await, None);
        assert_eq!(excluded(&people, &event("plugin:x", "location-read")).await.as_deref(), Some("still"));
        people.delete(&people.all, &one).await;
        assert_eq!(excluded(&people, &event("plugin:x", "location-read")).await, None);

        // What another server changes is known within a second.
        let new = NewRule { name: "beside".to_owned(), actors: Vec::new(), events: vec!["entity-*".to_owned()] };
        let id = new_uuid().unwrap();
        people.server.catalog().await.create_rule(&people.organization, id, &new).await.unwrap();
        people.known().await;
        assert_eq!(excluded(&people, &noise).await.as_deref(), Some("beside"));
    });
}

#[test]
fn rules_of_the_configuration_decide_first_and_are_fixed() {
    run(async {
        let people = People::with("exclusion_rules = [{ name = 'fixed', eventId = ['a', 'b-*'] }]").await;
        let list = people.get(RULES).await.expect(200);
        let fixed = json!({"name": "fixed", "actor_id": [], "event_id": ["a", "b-*"], "origin": "configuration"});
        assert_eq!(list, json!({"data": [fixed], "total": 1}));
        let body = |name: &str| json!({"name": name, "event_id": ["*"]});
        people.post(&people.all, RULES, &body("fixed")).await.problem(409, "conflict");
        let own = people.post(&people.all, RULES, &body("own")).await.expect(201);
        let one = format!("{RULES}/{}", own["id"].as_str().unwrap());
        people.patch(&people.all, &one, &json!({"name": "fixed"})).await.problem(409, "conflict");
        assert_eq!(texts(&people.get(RULES).await.expect(200)["data"], "origin"), ["configuration", "organization"]);
        assert_eq!(excluded(&people, &event("x", "b-1")).await.as_deref(), Some("fixed"));
        assert_eq!(excluded(&people, &event("x", "c")).await.as_deref(), Some("own"));
        // A rule that keeps out everything keeps nothing of the server's own out.
        assert_eq!(people.delete(&people.all, &one).await.status, 204);
        assert_eq!(people.recorded("exclusion_rule.deleted").await.len(), 1);
    });
}

#[test]
fn what_cannot_be_a_rule_is_refused_and_not_on_record() {
    run(async {
        let people = People::with("exclusion_rules = []").await;
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        let many: Vec<String> = (0..=PATTERNS_OF_RULE_MAX).map(|i| format!("p{i}")).collect();
        for (body, words) in [
            (json!({"name": "a"}), "has neither patterns of actors nor of events"),
            (json!({"name": "a", "event_id": [""]}), "event_id: a pattern must not be empty"),
            (json!({"name": long, "event_id": ["x"]}), "the name of the exclusion rule must have 1 to 128"),
            (json!({"name": "a", "event_id": many}), "33 patterns of an exclusion rule are more than 32"),
            (json!({"name": "a", "eventId": ["x"]}), "unknown field `eventId`"),
        ] {
            let problem = people.post(&people.all, RULES, &body).await.problem(400, "invalid-body");
            assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        }
        for i in 0..RULES_OF_ORGANIZATION_MAX {
            let new = NewRule { name: format!("r{i}"), actors: Vec::new(), events: vec!["x".to_owned()] };
            let catalog = people.server.catalog().await;
            catalog.create_rule(&people.organization, new_uuid().unwrap(), &new).await.unwrap();
        }
        people.known().await;
        assert_eq!(people.recorded("exclusion_rule.created").await.len(), 0);
        let one_more = json!({"name": "one more", "event_id": ["x"]});
        people.post(&people.all, RULES, &one_more).await.problem(429, "too-many");
        // What was on record and did not come to pass is recorded as failed.
        let recorded = people.recorded("exclusion_rule.created").await;
        assert_eq!(texts(&Value::Array(recorded), "outcome"), ["failed", "succeeded"]);
    });
}

#[test]
fn a_rule_is_tried_against_what_the_caller_sees_of_the_last_day() {
    run(async {
        let people = People::with("exclusion_rules = []").await;
        let quoted = "plugin:\"q\"";
        for one in [event("plugin:a", "read"), event("plugin:a", "write"), event("user:b", "read"), event(quoted, "x")]
        {
            assert!(sent(&people, &one).await["id"].is_string());
        }
        let all = people.get("/api/v1/events?limit=1").await.expect(200)["total"].as_u64().unwrap();
        let try_out = async |token: &str, body: Value| people.post(token, TRIAL, &body).await.expect(200);
        let whole = try_out(&people.all, json!({"event_id": ["*"]})).await;
        assert_eq!(
            (&whole["events"], &whole["of_events"]),
            (&4.into(), &all.into()),
            "own events are kept out by none"
        );
        let reads = try_out(&people.all, json!({"name": "reads", "event_id": ["read"]})).await;
        let others = try_out(&people.all, json!({"event_id": ["w*", "x"]})).await;
        assert_eq!((&reads["events"], &others["events"]), (&2.into(), &2.into()));
        let bytes = |one: &Value, key: &str| one[key].as_u64().unwrap();
        assert_eq!(bytes(&reads, "bytes") + bytes(&others, "bytes"), bytes(&whole, "bytes"));
        assert!(bytes(&reads, "bytes") > 0 && bytes(&whole, "bytes") <= bytes(&whole, "of_bytes"), "{whole}");
        let both = try_out(&people.all, json!({"actor_id": ["plugin:*"], "event_id": ["read"]})).await;
        assert_eq!(both["events"], 1);
        assert_eq!(try_out(&people.all, json!({"actor_id": [quoted]})).await["events"], 1, "an escaped value");
        let time = |key: &str| {
            let text = whole[key].as_str().unwrap();
            trailbook_event::Timestamp::parse(text).unwrap().millis()
        };
        assert_eq!(time("to") - time("from"), 24 * 60 * 60 * 1000);
        assert_eq!(people.get(RULES).await.expect(200)["total"], 0, "nothing was made");

        let may = [Permission::RulesWrite, Permission::EventsRead];
        people.role("narrow", &may, Some(r#"{"filter":{"action":"read"}}"#)).await;
        people.role("blind", &may, Some(r#"{"without":["actor.id"]}"#)).await;
        let narrow = people.member("narrow@acme.example", &["narrow"]).await;
        let narrow = people.personal(&narrow).await;
        let seen = try_out(&narrow, json!({"event_id": ["*"]})).await;
        assert_eq!((&seen["events"], &seen["of_events"]), (&2.into(), &2.into()), "{seen}");
        let blind = people.member("blind@acme.example", &["blind"]).await;
        let blind = people.personal(&blind).await;
        let refused = people.post(&blind, TRIAL, &json!({"actor_id": ["plugin:*"]})).await;
        assert_eq!(refused.problem(400, "invalid-parameter")["parameter"], "actor.id");
        assert_eq!(try_out(&blind, json!({"event_id": ["read"]})).await["events"], 2);

        for lacking in may {
            let rest: Vec<_> = Permission::ALL.into_iter().filter(|one| *one != lacking).collect();
            let token = people.server.scoped(ACME, &rest).await;
            people.post(&token, TRIAL, &json!({"event_id": ["*"]})).await.problem(403, "not-allowed");
        }
        people.post(&people.all, TRIAL, &json!({"name": "all"})).await.problem(400, "invalid-body");
    });
}

#[test]
fn a_trial_reads_the_log_which_is_on_record() {
    run(async {
        let server = Server::with("record_reads = true").await;
        let token = server.scoped(ACME, &[Permission::RulesWrite, Permission::EventsRead]).await;
        server.post_to(TRIAL, &token, &[], json!({"event_id": ["*"]}).to_string()).await.expect(200);
        let reads = server.get(&token, "/api/v1/events?source=trailbook&action=audit_log.read").await.expect(200);
        assert_eq!(reads["total"], 1);
    });
}

#[test]
fn settings_are_changed_and_known_to_whoever_reads_events() {
    run(async {
        let people = People::start().await;
        assert_eq!(people.get(SETTINGS).await.expect(200), json!({"default_range": "24h"}));
        let auditor = people.member("jane@acme.example", &["auditor"]).await;
        let auditor = people.personal(&auditor).await;
        let me = async |token: &str| people.server.get(token, "/api/v1/me").await.expect(200)["default_range"].clone();
        assert_eq!(me(&auditor).await, "24h");
        people.server.get(&auditor, SETTINGS).await.problem(403, "not-allowed");
        for _ in 0..2 {
            let changed = people.patch(&people.all, SETTINGS, &json!({"default_range": "30d"})).await.expect(200);
            assert_eq!(changed, json!({"default_range": "30d"}));
        }
        assert_eq!(people.patch(&people.all, SETTINGS, &json!({})).await.expect(200)["default_range"], "30d");
        assert_eq!(people.get(SETTINGS).await.expect(200)["default_range"], "30d");
        assert_eq!(me(&auditor).await, "30d");
        let writer = people.server.scoped(ACME, &[Permission::EventsWrite]).await;
        assert_eq!(me(&writer).await, Value::Null);
        let umbrella = people.server.scoped("umbrella", &Permission::ALL).await;
        assert_eq!(me(&umbrella).await, "24h", "each organization has its own");
        let wrong = people.patch(&people.all, SETTINGS, &json!({"default_range": "7d"})).await;
        let detail = wrong.problem(400, "invalid-body")["detail"].clone();
        assert_eq!(detail, "default_range must be 24h or 30d, not \"7d\"");
        people.patch(&people.all, SETTINGS, &json!({"other": 1})).await.problem(400, "invalid-body");

        let recorded = people.recorded("settings.updated").await;
        assert_eq!(recorded.len(), 1, "what changes nothing is no change");
        let changes = json!({"before": {"default_range": "24h"}, "after": {"default_range": "30d"}});
        assert_eq!(recorded[0]["changes"], changes);
    });
}
