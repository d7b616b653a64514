//! View Audit Logs as HTML, without a script: what a URL shows, to whom, and that nothing in it is believed.

use serde_json::{Value, json};
use trailbook_event::limits::{DIFF_PATHS_MAX, VIEW_DAYS_MAX};
use trailbook_store::members::NewRole;

use crate::browser::Browser;
use crate::harness::{PASSWORD, PUBLIC_URL, Server, run};
use crate::narrowed::{of, role};

const EMAIL: &str = "ann@acme.example";

/// The browser of a member with these roles.
pub(crate) async fn browser_of(server: &Server, roles: &[&str]) -> Browser {
    signed_in(server, EMAIL, roles).await
}

async fn signed_in(server: &Server, email: &str, roles: &[&str]) -> Browser {
    server.member("default", email, roles).await;
    let mut browser = Browser::of(server);
    let typed = [("organization", "default"), ("email", email), ("password", PASSWORD)];
    assert_eq!(browser.fill("/sign-in", &typed).await.status, 303);
    browser
}

async fn auditor(server: &Server) -> Browser {
    browser_of(server, &["auditor"]).await
}

async fn page(browser: &mut Browser, path: &str) -> String {
    let answer = browser.visit(&format!("{PUBLIC_URL}{path}")).await;
    assert_eq!(answer.status, 200, "{path}: {} {}", answer.header("location"), answer.text());
    answer.text()
}

/// Where a page leads.
async fn led(browser: &mut Browser, path: &str) -> String {
    let answer = browser.visit(&format!("{PUBLIC_URL}{path}")).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    answer.header("location").to_owned()
}

fn event(number: u64) -> Value {
    json!({
        "source": "catalog", "action": if number.is_multiple_of(2) { "entity-mutate" } else { "entity-fetch" },
        "outcome": if number.is_multiple_of(5) { "failed" } else { "succeeded" }, "severity": "high",
        "actor": {"type": "user", "id": format!("user:default/{}", number % 3), "name": format!("Person {}", number % 3)},
        "targets": [{"type": "entity", "id": format!("component:default/{number}"), "name": "shop"}],
        "context": {"ip": "203.0.113.7", "project": if number < 5 { "alpha" } else { "beta" }},
    })
}

async fn filled(count: u64) -> Server {
    let server = Server::start().await;
    let events: Vec<Value> = (0..count).map(event).collect();
    server.post(serde_json::to_vec(&events).unwrap()).await.expect(201);
    server
}

/// The events that a page lists.
fn rows(page: &str) -> usize {
    page.matches("<tr class=\"row\"").count()
}

fn total(page: &str) -> &str {
    let (_, rest) = page.split_once("role=\"status\"><strong>").unwrap_or_else(|| panic!("no total in {page}"));
    rest.split_once('<').unwrap().0
}

#[test]
fn whoever_is_not_signed_in_comes_back_to_the_same_page() {
    run(async {
        let server = Server::start().await;
        let mut browser = Browser::of(&server);
        let to = led(&mut browser, "/logs?q=outcome%3Afailed&range=7d").await;
        assert_eq!(to, "/sign-in?next=%2Flogs%3Fq%3Doutcome%253Afailed%26range%3D7d");
        for path in ["/logs/events/x", "/logs/filter?field=action", "/account", "/settings"] {
            assert!(led(&mut browser, path).await.starts_with("/sign-in?next=%2F"), "{path}");
        }
    });
}

#[test]
fn the_url_says_what_is_shown_and_how_many_there_are() {
    run(async {
        let server = filled(120).await;
        let mut browser = auditor(&server).await;
        let all = page(&mut browser, "/logs?q=source%3Acatalog").await;
        assert_eq!((rows(&all), total(&all)), (100, "120"));
        let failed = page(&mut browser, "/logs?q=outcome:failed+-action:entity-fetch").await;
        assert_eq!((rows(&failed), total(&failed)), (12, "12"));
        assert!(failed.contains("value=\"outcome:failed -action:entity-fetch\""), "{failed}");
        assert!(failed.contains("title=\"Edit: Outcome is failed\"") && failed.contains("Action is not entity-fetch"));
        // Each chip's link drops it alone.
        assert!(
            failed.contains("href=\"/logs?q=-action%3Aentity-fetch\" aria-label=\"Drop the filter Outcome is failed\"")
        );
        // The older page by its link.
        let (_, older) = all.split_once("<a class=\"button\" href=\"/logs?q=").unwrap();
        let older = format!("/logs?q={}", older.split('"').next().unwrap()).replace("&#38;", "&");
        let rest = page(&mut browser, &older).await;
        assert_eq!((rows(&rest), total(&rest)), (20, "120"));
        assert!(rest.contains("Back to the newest"));
        // By the type of targets.
        let tab = page(&mut browser, "/logs?type=entity").await;
        assert_eq!(total(&tab), "120");
        assert!(tab.contains("Entities <span class=\"soft\">120</span>"), "{tab}");
    });
}

#[test]
fn a_value_that_is_clicked_joins_the_search() {
    run(async {
        let server = filled(3).await;
        let mut browser = auditor(&server).await;
        for (path, to) in [
            ("/logs?add=action%3Aentity-fetch", "/logs?q=action%3Aentity-fetch"),
            ("/logs?q=action%3Aa+word&range=7d&add=action%3Ab", "/logs?q=action%3Ab%20word&range=7d"),
            ("/logs?q=action%3Aa&add=-outcome%3Afailed", "/logs?q=action%3Aa%20-outcome%3Afailed"),
            (
                "/logs/filter/apply?q=word&field=outcome&op=is_not&value=failed&value=denied",
                "/logs?q=-outcome%3Afailed%2Cdenied%20word",
            ),
            ("/logs/filter/apply?q=outcome%3Afailed&number=0&op=is&value=denied", "/logs?q=outcome%3Adenied"),
            ("/logs/filter/apply?q=outcome%3Afailed+x1&number=0&op=is", "/logs?q=x1"),
            ("/logs/filter/apply?field=meta.a&op=is_not&others=1%0A2", "/logs?q=meta.a%3A1%2C2"),
            ("/logs/filter/apply?field=error.name&op=exists", "/logs?q=error.name%3A%2A"),
        ] {
            assert_eq!(led(&mut browser, path).await, to, "{path}");
        }
        let editor = page(&mut browser, "/logs/filter?field=action").await;
        assert!(editor.contains("value=\"entity-mutate\"><bdi"), "{editor}");
        assert!(editor.contains("Spectra Assure: package") && editor.contains("value=\"package.created\""));
        // Names of targets are asked for with their type.
        assert!(!page(&mut browser, "/logs").await.contains("field=target.name"));
        assert!(page(&mut browser, "/logs?type=entity").await.contains("field=target.name"));
    });
}

#[test]
fn what_a_url_has_wrong_is_said_and_the_rest_is_shown() {
    run(async {
        let server = filled(3).await;
        let mut browser = auditor(&server).await;
        for (path, said) in [
            ("/logs?q=nofield%3Ax", "is no field that can be filtered"),
            ("/logs?q=outcome%3Abad", "must be one of"),
            ("/logs?range=2d", "The range is one of"),
            ("/logs?from=x&to=y", "2026-11-21T08:00:00Z"),
            ("/logs?cursor=nonsense", "cursor"),
        ] {
            let page = page(&mut browser, path).await;
            assert!(page.contains("role=\"alert\"") && page.contains(said), "{path}: {page}");
        }
        let days = |days: i64| format!("/logs?from=2026-01-01T00:00:00Z&to={}", jan(days));
        assert!(!page(&mut browser, &days(VIEW_DAYS_MAX)).await.contains("role=\"alert\""));
        assert!(page(&mut browser, &days(VIEW_DAYS_MAX + 1)).await.contains("an export, or the API"));
    });
}

/// So many days after the first of January.
fn jan(days: i64) -> String {
    let at = "2026-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    (at + jiff::SignedDuration::from_hours(24 * days)).to_string()
}

#[test]
fn an_empty_result_says_which_filter_empties_it() {
    run(async {
        let server = filled(4).await;
        let mut browser = auditor(&server).await;
        let empty = page(&mut browser, "/logs?q=outcome%3Afailed+context.project%3Anone").await;
        assert!(empty.contains("Drop the filter “Project is none”: 1 event<"), "{empty}");
        assert!(!empty.contains("Drop the filter “Outcome is failed”: "), "that alone would find nothing: {empty}");
        // A log that nobody has sent anything to says how.
        let server = Server::start().await;
        let mut browser = browser_of(&server, &["admin"]).await;
        let start = page(&mut browser, "/logs?range=1h").await;
        let nothing = !start.contains("<tr class=\"row\"");
        assert!(!nothing || start.contains("Load the demo data"), "{start}");
    });
}

#[test]
fn an_event_shows_all_that_it_has() {
    run(async {
        let server = Server::start().await;
        let many: serde_json::Map<String, Value> =
            (0..=DIFF_PATHS_MAX).map(|at| (format!("k{at}"), json!(at))).collect();
        let events = json!([{
            "source": "s", "action": "a", "message": "Jane <b>moved</b> it",
            "actor": {"type": "agent", "id": "bot"}, "on_behalf_of": [{"type": "user", "id": "jane", "name": "Jane"}],
            "error": {"name": "ConflictError", "message": "already exists"}, "outcome": "failed",
            "context": {"request_id": "r-1", "ip": "203.0.113.7"},
            "changes": {"before": {"owner": "platform", "tags": ["a", "b"]}, "after": {"owner": "payments", "tags": ["b", "c"]}},
            "meta": {"deep": {"er": [1, true]}},
        }, {"source": "s", "action": "b", "changes": {"after": many}}]);
        let sent = server.post(events.to_string()).await.expect(201);
        let id = |at: usize| sent["events"][at]["id"].as_str().unwrap().to_owned();
        let mut browser = auditor(&server).await;
        let page_of = async |browser: &mut Browser, at: usize| page(browser, &format!("/logs/events/{}", id(at))).await;
        let shown = page_of(&mut browser, 0).await;
        for text in [
            "Jane &#60;b&#62;moved&#60;/b&#62; it",
            "<strong><bdi>ConflictError</bdi></strong> <bdi>already exists</bdi>",
            "<bdi>owner</bdi></th><td><del><bdi>platform</bdi></del><ins><bdi>payments</bdi></ins>",
            "<del><bdi>a</bdi></del>",
            "<ins><bdi>c</bdi></ins>",
            "tree-key\">er</bdi>",
            "On behalf of",
            "/logs/about?actor.id=bot",
            "/logs?q=context.request_id%3Ar-1&#38;range=30d",
            "Around this moment",
        ] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        assert_eq!(shown.matches("class=\"diff-").count() - shown.matches("diff-kind").count(), 3, "{shown}");
        assert!(page_of(&mut browser, 1).await.contains("There is more; the JSON below has all of it."));
        let opened = page(&mut browser, &format!("/logs?q=source%3As&open={}", id(0))).await;
        assert!(opened.contains("class=\"detail-row\"") && opened.contains("ConflictError"));
        let proof = page(&mut browser, &format!("/logs/events/{}/proof", id(0))).await;
        assert!(proof.contains("unchanged, and one of the"), "{proof}");
        let gone = browser.visit(&format!("{PUBLIC_URL}/logs/events/00000000-0000-0000-0000-000000000000")).await;
        assert_eq!(gone.status, 404);
    });
}

#[test]
fn a_narrowed_reader_sees_and_counts_no_more() {
    run(async {
        let server = filled(12).await;
        server.create_role("default", &role("alpha", &of("alpha"))).await;
        let without = json!({"filter": {"source": "catalog"}, "without": ["actor", "outcome"]});
        server.create_role("default", &role("faceless", &without)).await;
        let mut browser = browser_of(&server, &["alpha"]).await;
        let seen = page(&mut browser, "/logs").await;
        assert_eq!((rows(&seen), total(&seen)), (5, "5"));
        assert!(seen.contains("your roles narrow it") && !seen.contains("beta"));
        assert!(!page(&mut browser, "/logs/filter?field=context.project").await.contains("beta"));
        let mut browser = signed_in(&server, "bob@acme.example", &["faceless"]).await;
        let seen = page(&mut browser, "/logs").await;
        assert_eq!((rows(&seen), total(&seen)), (12, "12"));
        assert!(!seen.contains("Person") && !seen.contains("bar-failed"), "{seen}");
        let refused = browser.visit(&format!("{PUBLIC_URL}/logs/filter?field=actor.id")).await;
        assert!(refused.text().contains("the caller&#39;s role hides it"), "{}", refused.text());
    });
}

#[test]
fn who_may_not_read_is_told_so() {
    run(async {
        let server = filled(3).await;
        let nothing = NewRole {
            handle: "nothing".to_owned(),
            name: "Nothing".to_owned(),
            description: String::new(),
            permissions: Vec::new(),
            narrowing: None,
        };
        server.create_role("default", &nothing).await;
        let mut browser = browser_of(&server, &["nothing"]).await;
        let refused = browser.visit(&format!("{PUBLIC_URL}/logs")).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("None of your roles lets you read"), "{}", refused.text());
        assert_eq!(led(&mut browser, "/").await, "/account");
    });
}

#[test]
fn hidden_columns_are_remembered() {
    run(async {
        let server = filled(3).await;
        let mut browser = auditor(&server).await;
        assert!(page(&mut browser, "/logs").await.contains("<th scope=\"col\" class=\"c-source\">"));
        let fields = [("actor", "on"), ("action", "on"), ("outcome", "on"), ("source", "off"), ("address", "off")];
        let answer = browser.fill_form("/logs", "/logs/columns", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/logs"));
        let page = page(&mut browser, "/logs").await;
        assert!(!page.contains("class=\"c-source\"") && page.contains("class=\"c-actor\""), "{page}");
    });
}

#[test]
fn a_form_of_another_page_is_not_taken() {
    run(async {
        let server = filled(1).await;
        let mut browser = auditor(&server).await;
        for path in ["/theme", "/logs/columns", "/logs/views", "/logs/views/remove", "/logs/first-token", "/logs/demo"]
        {
            let forged = vec![("csrf".to_owned(), "forged".to_owned()), ("name".to_owned(), "x".to_owned())];
            let answer = browser.post(path, &forged).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        }
    });
}

#[test]
fn the_token_of_forms_is_another_text_on_each_page() {
    run(async {
        let server = filled(1).await;
        let mut browser = auditor(&server).await;
        let token =
            |page: String| page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        let (first, second) = (token(page(&mut browser, "/logs").await), token(page(&mut browser, "/logs").await));
        assert_ne!(first, second);
        // Both are good; one of which a byte is another is not.
        let flipped = if first.ends_with('A') {
            first[..first.len() - 2].to_owned() + "zz"
        } else {
            first[..first.len() - 2].to_owned() + "AA"
        };
        for (csrf, status) in [(first, 303), (second, 303), (flipped, 403)] {
            let form = vec![("csrf".to_owned(), csrf), ("theme".to_owned(), "dark".to_owned())];
            assert_eq!(browser.post("/theme", &form).await.status, status);
        }
    });
}

#[test]
fn a_page_allows_nothing_but_its_own_files() {
    run(async {
        let server = filled(3).await;
        let mut browser = auditor(&server).await;
        let answer = browser.visit(&format!("{PUBLIC_URL}/logs")).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        let text = answer.text();
        for forbidden in [" style=", "<style", " onclick", "javascript:", "src=\"http", "href=\"http"] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
        // Every file is there under the name that the page has, for good.
        for path in text.split(['"']).filter(|part| part.starts_with("/assets/")) {
            let file = browser.visit(&format!("{PUBLIC_URL}{path}")).await;
            assert_eq!(
                (file.status, file.header("cache-control")),
                (200, "public, max-age=31536000, immutable"),
                "{path}"
            );
        }
    });
}
