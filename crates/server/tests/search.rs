//! Every operator of the parameters.

use serde_json::Value;

use crate::harness::{EVENTS, Server, escaped, run};

/// Sends events whose actions are their names, and gives the server.
async fn with(events: &[&str]) -> Server {
    let server = Server::start().await;
    server.post(events.join("\n")).await.expect(201);
    server
}

/// The actions that a query finds, in the order in which they were recorded.
async fn found(server: &Server, query: &str) -> Vec<String> {
    let page = server.list(&format!("order=sequence&{query}")).await;
    let data = page["data"].as_array().unwrap();
    assert_eq!(page["total"], data.len(), "{query}");
    data.iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn same(found: &[String], expected: &str, query: &str) {
    assert_eq!(found.join(" "), expected, "{query}");
}

#[test]
fn operators() {
    run(async {
        let server = with(&[
            r#"{"source":"s","action":"a","outcome":"failed","actor":{"type":"user","id":"user:default/jane","email":"j@x"}}"#,
            r#"{"source":"s","action":"b","outcome":"denied","actor":{"type":"user","id":"user:default/joe"}}"#,
            r#"{"source":"t","action":"c","severity":"high","error":{"name":"ConflictError","message":"m"}}"#,
            r#"{"source":"t","action":"d","actor":{"type":"anonymous"},"action_type":"x*y","query_type":"back\\slash,comma"}"#,
        ])
        .await;
        for (query, expected) in [
            ("actor.id=user:default/jane", "a"),
            ("actor=user:default/jane", "a"),
            ("actor.id=user:*", "a b"),
            ("actor.id=user:default/j*", "a b"),
            ("actor.id=user:default/jane*", "a"),
            ("actor.id=*", "a b"),
            ("actor.id!=*", "c d"),
            ("actor.id!=user:default/jane", "b c d"),
            ("actor.id!=user:default/jane,user:default/joe", "c d"),
            ("actor.type=*", "a b d"),
            ("actor.type=anonymous", "d"),
            ("outcome=failed,denied", "a b"),
            ("outcome!=succeeded", "a b"),
            ("outcome=fail*", "a"),
            ("severity!=low", "c"),
            ("error.name=ConflictError", "c"),
            ("error=Conf*", "c"),
            ("error.name!=ConflictError", "a b d"),
            ("action=a,b*,c", "a b c"),
            (r"action_type=x\*y", "d"),
            (r"action_type=x\**", "d"),
            ("action_type=x*", "d"),
            (r"query_type=back\\slash\,comma", "d"),
            (r"query_type=back\\*", "d"),
            (r"action=\a", "a"),
            ("source=t&severity=high", "c"),
            ("source=t&source!=t", ""),
            ("actor.email=j@x", "a"),
            ("action=nothing", ""),
        ] {
            same(&found(&server, query).await, expected, query);
            // The same, every byte escaped.
            let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
            let all: Vec<_> = pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
            same(&found(&server, &all.join("&")).await, expected, query);
        }
    });
}

#[test]
fn conditions_on_targets_are_met_by_one_and_the_same() {
    run(async {
        let server = with(&[
            r#"{"source":"s","action":"a","targets":[{"type":"x","id":"1","name":"n"},{"type":"y","id":"2"}]}"#,
            r#"{"source":"s","action":"b","targets":[{"type":"x","id":"2"},{"type":"y","id":"1","name":"n"}]}"#,
            r#"{"source":"s","action":"c"}"#,
        ])
        .await;
        for (query, expected) in [
            ("target.type=x", "a b"),
            ("target.type=x&target.id=1", "a"),
            ("target.type=x&target.id=2", "b"),
            ("target.type=x&target=1,2", "a b"),
            ("targets.type=y&targets.name=*", "b"),
            ("target.type=x&target.id=1&target.name=n", "a"),
            ("target.type=x&target.type=y", "400"),
            ("target.type=x&target.type!=y", ""),
            ("target.id!=1", "c"),
            ("target.id=*&target.id!=3", "a b"),
            ("target.name!=*", "c"),
        ] {
            if expected == "400" {
                server.get(&server.token, &format!("{EVENTS}?{query}")).await.problem(400, "invalid-parameter");
                continue;
            }
            same(&found(&server, query).await, expected, query);
        }
    });
}

#[test]
fn scalars_of_meta_are_found_by_their_path() {
    run(async {
        let server = with(&[
            r#"{"source":"s","action":"a","meta":{"env":"prod","n":12.50,"ok":true,"deep":{"er":{"x":"1"}},"list":["prod"]}}"#,
            r#"{"source":"s","action":"b","meta":{"env":"prod-2","n":"12.5","ok":"true","deep.er":{"x":"2"},"nothing":null}}"#,
            r#"{"source":"s","action":"c","meta":{"env":{"prod":"x"},"k\"ey\n":"é\"\\","big":1e21,"back\\slash":"v"}}"#,
        ])
        .await;
        for (query, expected) in [
            ("meta.env=prod".to_owned(), "a"),
            ("meta.env=prod*".to_owned(), "a b"),
            ("meta.env=*".to_owned(), "a b"),
            ("meta.env!=prod".to_owned(), "b c"),
            ("meta.env.prod=x".to_owned(), "c"),
            ("meta.n=12.5".to_owned(), "a b"),
            ("meta.ok=true".to_owned(), "a b"),
            ("meta.deep.er.x=*".to_owned(), "a"),
            (r"meta.deep\.er.x=2".to_owned(), "b"),
            ("meta.list=*".to_owned(), ""),
            ("meta.nothing=*".to_owned(), ""),
            ("meta.nothing!=*".to_owned(), "a b c"),
            (format!("{}={}", escaped("meta.k\"ey\n"), escaped("é\"\\\\")), "c"),
            (format!("{}={}", escaped("meta.k\"ey\n"), escaped("é\"*")), "c"),
            (format!("{}=v", escaped(r"meta.back\\slash")), "c"),
            ("meta.big=1e%2B21".to_owned(), "c"),
        ] {
            same(&found(&server, &query).await, expected, &query);
        }
    });
}

#[test]
fn ranges_begin_inclusive_and_end_exclusive() {
    run(async {
        let event = |time: &str| format!(r#"{{"source":"s","action":"{time}","occurred_at":"{time}"}}"#);
        let (early, late) = ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.000001Z");
        let server = with(&[&event(early), &event(late)]).await;
        let both = format!("{early} {late}");
        for (query, expected) in [
            (format!("from={early}"), both.as_str()),
            (format!("from={late}"), late),
            (format!("to={late}"), early),
            (format!("from={early}&to={early}"), ""),
            ("from=2024-05-01T12:00:00%2B02:00&to=2024-05-01T10:00:01Z".to_owned(), both.as_str()),
            ("from=2024-05-01T12:00:00+02:00".to_owned(), both.as_str()),
            ("to=9999-12-31T23:59:59Z".to_owned(), both.as_str()),
            ("sequence_from=1".to_owned(), late),
            ("sequence_to=1".to_owned(), early),
            ("sequence_from=0&sequence_to=18446744073709551615".to_owned(), both.as_str()),
            ("recorded_to=2024-05-01T10:00:00Z".to_owned(), ""),
        ] {
            same(&found(&server, &query).await, expected, &query);
        }
        let recorded: Value = server.list("").await["data"][0]["recorded_at"].clone();
        let recorded = recorded.as_str().unwrap();
        let finer = recorded.replace('Z', "0001Z");
        assert_eq!(found(&server, &format!("recorded_from={recorded}")).await.len(), 2);
        assert_eq!(found(&server, &format!("recorded_to={recorded}")).await.len(), 0);
        assert_eq!(found(&server, &format!("recorded_to={finer}")).await.len(), 2, "recorded before that");
        assert_eq!(found(&server, &format!("recorded_from={finer}")).await.len(), 0);
    });
}

#[test]
fn an_urls_path_is_a_field_of_its_own() {
    run(async {
        let url = |name: &str, url: &str| {
            format!(r#"{{"source":"s","action":"{name}","context":{{"request_url":"{url}","ip":"::1"}}}}"#)
        };
        let server = with(&[&url("a", "/api/x?y=1"), &url("b", "/api/x"), &url("c", "/api/x?"), &url("d", "?q")]).await;
        for (query, expected) in [
            ("context.request_path=/api/x", "a b c"),
            ("context.request_url=/api/x", "b"),
            ("context.request_url=/api/x?y=1", "a"),
            ("context.request_path=/api/x?y=1", ""),
            ("context.request_path=*", "a b c d"),
            ("ip=::1&context.request_url=/api/x?*", "a c"),
        ] {
            same(&found(&server, query).await, expected, query);
        }
    });
}

#[test]
fn texts_are_searched_by_words() {
    run(async {
        let server = with(&[
            r#"{"source":"s","action":"a","message":"Disk FULL on node-7: größe 12"}"#,
            r#"{"source":"s","action":"b","error":{"name":"IoError","message":"disk is full\nthe node stops"}}"#,
            r#"{"source":"t","action":"c","changes":{"before":{"state":"full"},"after":{"state":["disk","node"]}}}"#,
            r#"{"source":"t","action":"d","meta":{"disk":"\"quoted\" 4bf92f3577b34da6a3ce929d0e0e4736","n":12.5,"ok":true}}"#,
            r#"{"source":"disk","action":"e","actor":{"type":"user","id":"disk"},"outcome":"failed"}"#,
        ])
        .await;
        for (text, expected) in [
            ("disk", "a b c"),
            ("DISK", "a b c"),
            ("-disk", "d e"),
            ("disk full", "a b c"),
            ("disk -full", ""),
            (r#""disk full""#, "a"),
            (r#""disk is full""#, "b"),
            (r#""full the""#, "b"),
            (r#""full disk""#, ""),
            (r#""disk node""#, ""),
            (r#"-"disk full""#, "b c d e"),
            ("node-7", "a b c"),
            ("full-on-node", "a"),
            ("größe", "a"),
            ("GRÖ*", "a"),
            ("dis*", "a b c"),
            ("quo* ok", ""),
            ("12", "a d"),
            ("true", "d"),
            ("state", ""),
            ("ioerror", ""),
            ("nthe", ""),
            ("quoted source:t", "d"),
            ("disk -source:s", "c"),
            ("source:disk", "e"),
            ("outcome:failed", "e"),
            ("", "a b c d e"),
        ] {
            let query = format!("q={}", escaped(text));
            same(&found(&server, &query).await, expected, text);
        }
        same(&found(&server, "q=disk&source=t").await, "c", "a text and a parameter");
        let page = server.list("q=disk&limit=2").await;
        assert_eq!((page["total"].as_u64(), page["data"].as_array().unwrap().len()), (Some(3), 2));
        let next = server.list(&format!("q=disk&limit=2&cursor={}", page["next"].as_str().unwrap())).await;
        assert_eq!(next["data"][0]["action"], "a");
    });
}
