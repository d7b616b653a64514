//! The page about an actor, an entity, an address: what it counts, where it leads, and what it keeps to itself.

use serde_json::{Value, json};
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;
use trailbook_store::members::NewRole;

use crate::harness::{Server, escaped, from_now, now_ms, run};
use crate::reader::Reader;

const JANE: &str = "user:default/jane";
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'& \u{202e}";
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// An event of an actor on a target, so long ago.
fn event(actor: &str, target: &str, outcome: &str, ago_ms: i64) -> Value {
    json!({
        "source": "catalog", "action": "entity-mutate", "outcome": outcome, "occurred_at": from_now(-ago_ms),
        "actor": {"type": "user", "id": actor, "name": format!("Name of {actor}"), "email": "j@acme.example",
            "groups": [{"id": "g1", "name": "Platform"}]},
        "targets": [{"type": "entity", "id": target, "name": format!("Called {target}")}],
        "context": {"ip": "203.0.113.7"},
    })
}

async fn send(server: &Server, events: &[Value]) {
    server.post(json!(events).to_string()).await.expect(201);
}

/// Two actors and two targets: five events of one, one of the other.
async fn filled() -> Server {
    let server = Server::start().await;
    let mut events: Vec<Value> = (0..4).map(|n| event(JANE, "billing", "succeeded", n * HOUR_MS)).collect();
    events.push(event(JANE, "payments", "failed", 40 * DAY_MS));
    events.push(event("bob", "payments", "succeeded", DAY_MS));
    send(&server, &events).await;
    server
}

async fn role(server: &Server, handle: &str, permission: Permission, narrowing: Option<String>) {
    let (handle, permissions) = (handle.to_owned(), vec![permission]);
    let role = NewRole { name: handle.clone(), handle, description: String::new(), permissions, narrowing };
    server.create_role(DEFAULT_ORGANIZATION, &role).await;
}

/// The text of a page without its tags, its white space made one.
fn words(page: &str) -> String {
    let mut text = String::new();
    for piece in page.split('<').skip(1) {
        text.push(' ');
        text.push_str(piece.split_once('>').map_or("", |(_, rest)| rest));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn about(field: &str, value: &str) -> String {
    format!("/logs/about?{field}={}", escaped(value))
}

#[test]
fn an_actor_is_who_they_are_and_what_they_did() {
    run(async {
        let reader = Reader::of(filled().await, "auditor").await;
        let page = reader.get(&about("actor.id", JANE)).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let (page, text) = (page.text(), words(&page.text()));
        for shown in [
            "Actor user:default/jane",
            "Events 5",
            "First seen 40 days ago",
            "Actor name Name of user:default/jane",
            "Actor type user",
            "User e-mail j@acme.example",
            "Group Platform",
            "4 events in the last 30 days",
            "entity-mutate 100 % 5",
            "succeeded 80 % 4",
            "failed 20 % 1",
            "billing 80 % 4",
            "payments 20 % 1",
            "203.0.113.7 100 % 5",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        assert!(text.contains("5 events on ") && text.contains("of the last 53 weeks"), "{text}");
        assert!(!text.contains("bob"), "{text}");
        // Values lead to pages of their own, and numbers to the events behind them.
        for link in [
            "/logs/about?target.id=billing",
            "/logs/about?context.ip=203.0.113.7",
            "/logs/about?actor.email=j%40acme.example",
            "/logs?q=actor.id%3Auser%3Adefault%2Fjane%20outcome%3Afailed&#38;range=30d",
        ] {
            assert!(page.contains(link), "{link}: {page}");
        }
        let rows = page.matches("&#38;open=").count();
        assert_eq!(rows, 5, "each event of the timeline has its link");
    });
}

#[test]
fn a_target_is_what_it_is_called_and_who_acted_on_it() {
    run(async {
        let reader = Reader::of(filled().await, "auditor").await;
        let text = words(&reader.get(&about("target.id", "payments")).await.text());
        for shown in ["Target payments", "Events 2", "Names Called payments", "Types entity", "bob 50 % 1"] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        let of_type = |kind: &str| format!("{}&target.type={kind}", about("target.id", "payments"));
        assert!(words(&reader.get(&of_type("entity")).await.text()).contains("Events 2"));
        assert!(words(&reader.get(&of_type("url")).await.text()).contains("No event names it"));
    });
}

#[test]
fn anything_that_events_name_has_a_page() {
    run(async {
        let reader = Reader::of(filled().await, "auditor").await;
        for (field, value, events) in [
            ("context.ip", "203.0.113.7", 6),
            ("ip", "203.0.113.7", 6),
            ("actor.groups.name", "Platform", 6),
            ("action", "entity-mutate", 6),
        ] {
            let text = words(&reader.get(&about(field, value)).await.text());
            assert!(text.contains(&format!("Events {events}")), "{field}: {text}");
        }
        for wrong in ["", "?message=x", "?actor.id=a&source=b", "?actor.id=", "?actor.id=%ff"] {
            assert_eq!(reader.get(&format!("/logs/about{wrong}")).await.status, 400, "{wrong}");
        }
    });
}

#[test]
fn charts_are_in_the_time_zone_of_the_visitor() {
    run(async {
        let server = Server::start().await;
        // The middle of an hour, so that the hour does not end while the test runs.
        let at_ms = now_ms().div_euclid(HOUR_MS) * HOUR_MS - 2 * HOUR_MS + HOUR_MS / 2;
        let hour_utc = at_ms.div_euclid(HOUR_MS).rem_euclid(24);
        send(&server, &[event(JANE, "billing", "succeeded", now_ms() - at_ms)]).await;
        let reader = Reader::of(server, "auditor").await;
        let says = |hour: i64| format!("at {:02}:00. Times are in", hour.rem_euclid(24));
        let path = about("actor.id", JANE);
        let utc = words(&reader.get(&path).await.text());
        assert!(utc.contains(&says(hour_utc)), "{utc}");
        let tokyo = words(&reader.in_zone("Asia/Tokyo").get(&path).await.text());
        assert!(tokyo.contains(&says(hour_utc + 9)) && tokyo.contains("Times are in Asia/Tokyo"), "{tokyo}");
    });
}

#[test]
fn hostile_and_long_values_stay_text() {
    run(async {
        let server = Server::start().await;
        let long = "x".repeat(10_000);
        send(&server, &[event(HOSTILE, HOSTILE, "denied", 0), event(HOSTILE, &long, "succeeded", 0)]).await;
        let reader = Reader::of(server, "auditor").await;
        for path in [about("actor.id", HOSTILE), about("target.id", HOSTILE)] {
            let page = reader.get(&path).await;
            assert_eq!(page.status, 200, "{}", page.text());
            assert!(!page.text().contains("<img") && page.text().contains("&#60;img"), "{}", page.text());
        }
        // What no URL can say has no link, and is still counted.
        let page = reader.get(&about("actor.id", HOSTILE)).await.text();
        assert!(page.contains(&long) && !page.contains(&format!("target.id={long}")));
    });
}

#[test]
fn a_narrowed_reader_sees_and_counts_only_theirs() {
    run(async {
        let server = filled().await;
        let narrowing = json!({"filter": {"outcome": "succeeded"}, "without": ["actor.email", "context"]});
        role(&server, "viewer", Permission::EventsRead, Some(narrowing.to_string())).await;
        let reader = Reader::of(server, "viewer").await;
        let text = words(&reader.get(&about("actor.id", JANE)).await.text());
        assert!(text.contains("Events 4") && text.contains("Your roles show you part"), "{text}");
        for hidden in ["j@acme.example", "203.0.113.7", "failed", "payments"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        for field in ["actor.email", "context.ip"] {
            assert_eq!(reader.get(&about(field, "j@acme.example")).await.status, 400, "{field}");
        }
    });
}

#[test]
fn whoever_may_not_read_is_told_so() {
    run(async {
        let server = filled().await;
        role(&server, "clerk", Permission::MembersRead, None).await;
        let reader = Reader::of(server, "clerk").await;
        assert_eq!(reader.get(&about("actor.id", JANE)).await.status, 403);
    });
}
