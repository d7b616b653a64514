//! Exports on pages: ordered, listed with their links, removed; with and without a script.

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Duration, sleep};
use trailbook_event::limits::CONSOLE_EXPORT_DAYS_MAX;
use trailbook_store::DEFAULT_ORGANIZATION;
use trailbook_store::credential::Permission;

use crate::harness::{Server, answer, from_now, run};
use crate::reader::Reader;

const HOSTILE: &str = "<script>alert(1)</script>\"'&";

/// A reader of three events of two outcomes, who holds a role.
async fn reader(role: &str) -> Reader {
    let server = Server::start().await;
    for outcome in ["failed", "succeeded", "succeeded"] {
        let event = format!(r#"{{"source":"s","action":"a","outcome":"{outcome}"}}"#);
        server.post(event).await.expect(201);
    }
    Reader::of(server, role).await
}

/// The exports as the API has them, when none is under way any more.
async fn exports(reader: &Reader) -> Vec<Value> {
    let token = reader.server.scoped(DEFAULT_ORGANIZATION, &[Permission::Exports]).await;
    loop {
        let list = reader.server.get(&token, "/api/v1/exports").await.expect(200)["data"].as_array().unwrap().clone();
        let is_under_way = |one: &Value| ["PENDING", "IN_PROGRESS"].contains(&one["state"].as_str().unwrap());
        if !list.iter().any(is_under_way) {
            return list;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// An hour around now, as the form has it.
fn hour() -> [(&'static str, String); 2] {
    [("begin", from_now(-1_800_000)), ("end", from_now(1_800_000))]
}

#[test]
fn an_export_is_ordered_listed_fetched_and_deleted() {
    run(async {
        let reader = reader("auditor").await;
        let empty = reader.get("/logs/exports").await;
        assert!(empty.text().contains("Nothing has been exported yet"), "{}", empty.text());
        let [begin, end] = hour();
        let form = [
            ("name", HOSTILE),
            ("format-ndjson", "1"),
            ("format-csv", "1"),
            ("q", "outcome:succeeded -source:trailbook"),
            ("by", "occurred"),
            (begin.0, &begin.1),
            (end.0, &end.1),
        ];
        let ordered = reader.send("/logs/export", &form).await;
        assert_eq!((ordered.status, ordered.header("location")), (303, "/logs/exports?done=ordered"));
        let made = exports(&reader).await;
        assert_eq!((&made[0]["state"], &made[0]["events"]), (&"DONE".into(), &2.into()), "{made:?}");
        assert_eq!(made[0]["formats"], serde_json::json!(["ndjson", "csv"]));
        let page = reader.get(ordered.header("location")).await.text();
        for shown in ["is being made", "Audit exports (<span", ">1</span>)", "Outcome is succeeded", "2 events"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(page.contains("&#60;script&#62;") && !page.contains("<script>alert"), "{page}");
        let links: Vec<&str> =
            page.split("<a href=\"http").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(links.len(), 2, "{page}");
        let link = links[0].split_once("/api/").unwrap().1.replace("&#38;", "&").replace("&amp;", "&");
        let file = answer(reader.server.request(Method::GET, &format!("/api/{link}"))).await;
        assert_eq!((file.status, file.header("content-type")), (200, "application/zip"), "{link}");
        let gone = reader.send(&format!("/logs/exports/{}/delete", made[0]["id"].as_str().unwrap()), &[]).await;
        assert_eq!((gone.status, gone.header("location")), (303, "/logs/exports?done=deleted"));
        assert_eq!(exports(&reader).await.len(), 0);
        // Whoever deletes it once more finds it so.
        let again = reader.send(&format!("/logs/exports/{}/delete", made[0]["id"].as_str().unwrap()), &[]).await;
        assert_eq!(again.status, 303);
    });
}

#[test]
fn an_export_by_time_recorded_has_no_filter() {
    run(async {
        let reader = reader("auditor").await;
        let [begin, end] = hour();
        let form = [
            ("name", "all"),
            ("format-cef", "1"),
            ("q", "outcome:succeeded"),
            ("type", "entity"),
            ("by", "recorded"),
            ("from_dialog", "1"),
            ("view", "q=outcome%3Asucceeded&range=1h&type=entity"),
            (begin.0, &begin.1),
            (end.0, &end.1),
        ];
        let ordered = reader.send("/logs/export", &form).await;
        assert_eq!(ordered.status, 303, "{}", ordered.text());
        let back = ordered.header("location");
        assert!(
            back.starts_with("/logs?q=outcome%3Asucceeded&range=1h") && back.ends_with("&type=entity#exports"),
            "{back}"
        );
        let filter = exports(&reader).await[0]["filter"].clone();
        let names: Vec<&String> = filter.as_object().unwrap().keys().collect();
        assert_eq!(names, ["recorded_from", "recorded_to"]);
    });
}

#[test]
fn the_form_shows_the_view_and_how_many_events_it_has() {
    run(async {
        let reader = reader("auditor").await;
        let page = reader.get("/logs/export?q=outcome%3Asucceeded%20source%3As&range=1h").await;
        assert_eq!(page.status, 200);
        for shown in ["Outcome is succeeded", "Source is s", "<strong>2 events</strong>", "7 days", "Provably complete"]
        {
            assert!(page.text().contains(shown), "{shown}: {}", page.text());
        }
        let ticked: Vec<bool> = ["ndjson", "cef", "csv", "parquet", "ocsf"]
            .iter()
            .map(|format| page.text().contains(&format!("name=\"format-{format}\" value=\"1\" checked")))
            .collect();
        assert_eq!(ticked, [true, true, false, false, false]);
        let part = reader.part("/logs/export?q=outcome%3Afailed%20source%3As&range=24h").await;
        assert!(
            part.text().starts_with("<dialog ") && part.text().contains("<strong>1 event</strong>"),
            "{}",
            part.text()
        );
    });
}

#[test]
fn what_is_wrong_stands_at_its_field_and_what_was_typed_stays() {
    run(async {
        let reader = reader("auditor").await;
        let [begin, end] = hour();
        let days = CONSOLE_EXPORT_DAYS_MAX * 24 * 60 * 60 * 1_000;
        let long_ago = from_now(1_800_000 - days - 60_000);
        let good = [("name", "mine"), ("format-csv", "1"), (begin.0, begin.1.as_str()), (end.0, end.1.as_str())];
        for (field, value, id, says) in [
            ("name", "", "export-name-wrong", "Give it a name"),
            ("format-csv", "", "export-formats-wrong", "Tick at least one"),
            ("begin", "soon", "export-begin-wrong", "Write a date"),
            ("begin", long_ago.as_str(), "export-end-wrong", "365 days at most"),
            ("q", "no.field:x", "role=\"alert\"", "no.field"),
            ("name", "a\u{7}b", "role=\"alert\"", "control characters"),
        ] {
            let mut fields: Vec<_> = good.iter().copied().filter(|(name, _)| *name != field).collect();
            fields.push((field, value));
            let answer = reader.send("/logs/export", &fields).await;
            let page = answer.text();
            assert!(answer.status == 400 || answer.status == 422, "{field} {}: {page}", answer.status);
            assert!(page.contains(id) && page.contains(says), "{field}={value}: {page}");
            assert!(field == "name" || page.contains("value=\"mine\""), "{page}");
        }
        assert_eq!(exports(&reader).await.len(), 0);
    });
}

#[test]
fn a_script_gets_parts_and_a_row_that_is_gone_vanishes() {
    run(async {
        let reader = reader("auditor").await;
        let [begin, end] = hour();
        let form = [("name", "x"), ("format-cef", "1"), (begin.0, begin.1.as_str()), (end.0, end.1.as_str())];
        assert_eq!(reader.send("/logs/export", &form).await.status, 303);
        let id = exports(&reader).await[0]["id"].as_str().unwrap().to_owned();
        let fold = reader.part("/logs/exports").await.text();
        assert!(fold.starts_with("<details class=\"fold exports\" id=\"exports\">"), "{fold}");
        assert!(reader.part("/logs/exports?open=1").await.text().contains("id=\"exports\" open>"));
        let row = reader.part(&format!("/logs/exports?row={id}")).await.text();
        assert!(row.starts_with(&format!("<tr id=\"export-{id}\">")), "what is done is not looked at again: {row}");
        let nobody = "00000000-0000-7000-8000-000000000000";
        let gone = reader.part(&format!("/logs/exports?row={nobody}")).await;
        assert_eq!((gone.status, gone.body.len()), (200, 0));
    });
}

#[test]
fn whoever_may_not_export_is_told_so() {
    run(async {
        let reader = reader("member").await;
        for path in ["/logs/exports", "/logs/export"] {
            assert_eq!(reader.get(path).await.status, 403, "{path}");
        }
        let [begin, end] = hour();
        let form = [("name", "x"), ("format-cef", "1"), (begin.0, begin.1.as_str()), (end.0, end.1.as_str())];
        assert_eq!(reader.send("/logs/export", &form).await.status, 403);
        // A form of another page is none of ours.
        let stranger = reader.with_csrf("x");
        assert_eq!(stranger.send("/logs/export", &form).await.status, 403);
    });
}
